"""What every exhibit shares: its register, its source line, and how years are printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fiscal.base.words import window_years
from fiscal.report.asked import Asked
from fiscal.report.content import Figure, Table
from fiscal.results.figures.owners import title_of

POSITIVE = "Positive = the government is better off."

Made = Callable[[Asked], Table | Figure | None]
MADE: dict[str, Made] = {}
"""Label -> what makes it."""


def exhibit(make: Any) -> Any:
    """Register a function under its name, with dashes, as the label of what it makes."""
    MADE[make.__name__.replace("_", "-")] = make
    return make


def source_of(asked: Asked) -> str:
    """Which runs a figure or a table shows."""
    names = dict.fromkeys(f"{title_of(result)} ({result.fingerprint[:12]})" for result in asked.results)
    return f"Source: fiscal, {'; '.join(names)}."


def years(label: str) -> str:
    """A window as years: "2026–2035"."""
    return "\N{EN DASH}".join(str(year) for year in window_years(label))
