"""The rows of data/assumptions.csv, and those that a scenario may change in its ``[assumptions]`` section.

The column ``stage`` states where a row enters: in a ``run``, which reads it through the scenario; in the ``build`` of
tables and paths that all runs share; or in a ``check`` of results.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType

from fiscal.base import sources
from fiscal.base.errors import MOST_TOLD, Problem, nearest, percent_hint
from fiscal.base.memo import remembered
from fiscal.scenario.declared import Declared
from fiscal.scenario.schema import ASSUMPTIONS

OF_BUILD = "no scenario can change it: it enters before a run, in tables that all runs share, or after it, in a check"
OF_BUILD_ALLOWED = "a new value in data/assumptions.csv, and new tables (fiscal schedules build)"


@remembered
def adjustable() -> Mapping[str, Declared]:
    """The rows that enter in a run, by key. Raises DataError if the table cannot be used."""
    table = sources.table("assumptions")
    keys = set(table.loc[table["stage"] == "run", "key"])
    return MappingProxyType({key: row for key, row in rows().items() if key in keys})


@remembered
def rows() -> Mapping[str, Declared]:
    """All rows by key. Raises DataError if the table cannot be used."""
    table = sources.table("assumptions")
    found = {}
    for row in table.to_dict(orient="records"):
        key = str(row["key"])
        low, high = (None if row[side] != row[side] else float(row[side]) for side in ("low", "high"))
        texts = {name: row[name] if isinstance(row[name], str) else "" for name in ("unit", "source", "note")}
        found[key] = Declared(
            key=f"{ASSUMPTIONS}.{key}",
            label=str(row["label"]),
            default=float(row["value"]),
            unit=texts["unit"],
            low=low,
            high=high,
            allowed="a number" if low is None or high is None else f"a number from {low:.10g} to {high:.10g}",
            source=texts["source"] or "no source",
            status=str(row["status"]),
            doc=texts["note"],
        )
    return MappingProxyType(found)


def problems_of(values: Mapping[str, object], origins: Mapping[str, str]) -> list[Problem]:
    """Every error of an ``[assumptions]`` section: unknown keys, wrong types, and values out of range."""
    known = adjustable() if values else {}
    found: list[Problem] = []
    for key, value in values.items():
        dotted = f"{ASSUMPTIONS}.{key}"
        file = origins.get(dotted)
        row = known.get(key)
        if row is None and key in rows():
            found.append(Problem(OF_BUILD, file=file, key=dotted, value=value, allowed=OF_BUILD_ALLOWED))
        elif row is None:
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
            found.append(Problem("out of range", file=file, key=dotted, value=value, allowed=row.allowed, hint=hint))
    return found
