"""The rows of data/assumptions.csv that a scenario may change, in its ``[assumptions]`` section.

Rows with a plain key are read by the engine through the scenario. Rows named ``part.key`` are read
where the tables and schedules of that part are made, so a scenario cannot reach them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from fiscal.base import sources
from fiscal.base.errors import MOST_TOLD, Problem, nearest, percent_hint
from fiscal.scenario.schema import ASSUMPTIONS, Declared


def adjustable() -> Mapping[str, Declared]:
    """The changeable rows by key; raises DataError if the table cannot be used."""
    return _adjustable(sources.data_dir())


@cache
def _adjustable(folder: object) -> Mapping[str, Declared]:
    """Cached by data folder, which ``sources`` reads from the environment."""
    table = sources.table("assumptions")
    rows = {}
    for row in table.to_dict(orient="records"):
        key = str(row["key"])
        if "." in key:
            continue
        low, high = (None if row[side] != row[side] else float(row[side]) for side in ("low", "high"))
        texts = {name: row[name] if isinstance(row[name], str) else "" for name in ("unit", "source", "note")}
        rows[key] = Declared(
            key=f"{ASSUMPTIONS}.{key}",
            default=float(row["value"]),
            unit=texts["unit"],
            low=low,
            high=high,
            allowed="a number" if low is None or high is None else f"a number from {low:.10g} to {high:.10g}",
            source=texts["source"] or "no source",
            status=str(row["status"]),
            doc=texts["note"],
        )
    return MappingProxyType(rows)


def problems_of(values: Mapping[str, object], origins: Mapping[str, str]) -> list[Problem]:
    """Every fault of an ``[assumptions]`` section: unknown keys, wrong types, values out of range."""
    known = adjustable()
    found: list[Problem] = []
    for key, value in values.items():
        dotted = f"{ASSUMPTIONS}.{key}"
        file = origins.get(dotted)
        row = known.get(key)
        if row is None:
            close = nearest(key, known) if len(found) < MOST_TOLD else None
            suggestion = f"{ASSUMPTIONS}.{close}" if close else None
            found.append(Problem("unknown key", file=file, key=dotted, value=value, nearest=suggestion))
        elif isinstance(value, bool) or not isinstance(value, int | float):
            found.append(Problem("wrong type", file=file, key=dotted, value=value, allowed=row.allowed))
        elif value != value or value in (float("inf"), float("-inf")):
            message = "not a finite number"
            found.append(Problem(message, file=file, key=dotted, value=value, allowed=row.allowed))
        elif (
            (row.low is not None and value < row.low)
            or (row.high is not None and value > row.high)
            or abs(value) > sys.float_info.max  # a whole number too large to be a float
        ):
            hint = percent_hint(value, row.unit, row.low, row.high)
            found.append(
                Problem("out of range", file=file, key=dotted, value=value, allowed=row.allowed, hint=hint)
            )
    return found
