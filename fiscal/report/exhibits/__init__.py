"""Every table and figure of brief and report by its label: made when a template names it, and only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

from fiscal.report.asked import Asked
from fiscal.report.content import Figure, Table
from fiscal.report.exhibits import answer, effect_charts, evidence, money, people  # noqa: F401
from fiscal.report.exhibits.common import MADE

__all__ = ["exhibits"]


def exhibits(asked: Asked) -> Mapping[str, Callable[[], Table | Figure | None]]:
    """Label -> what makes it, once."""
    return {label: cache(partial(make, asked)) for label, make in MADE.items()}
