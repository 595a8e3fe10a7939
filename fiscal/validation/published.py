"""Published numbers that the model is held against: the table, as it was written down beforehand."""

from __future__ import annotations

import pandas as pd

from fiscal import sources
from fiscal.calculator import OPTIONS


def targets() -> pd.DataFrame:
    """The rows by ``id``; basis, model year and bridge of a ``level`` or ``order`` row precede its first comparison."""
    return sources.table("published_targets").set_index("id")


def options(settings: str) -> dict[str, float | str]:
    """Options of the calculator as the column ``settings`` writes them: ``name=value`` with blanks between."""
    found: dict[str, float | str] = {}
    for pair in settings.split():
        name, text = pair.split("=")
        found[name] = text if OPTIONS[name].choices else float(text)
    return found
