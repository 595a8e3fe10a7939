"""Check a stored run against what the package writes for its settings. A run folder may come from another user. Code
that reads its tables relies on their form, so a stored run is first checked with
:func:`fiscal.results.schema.shapes_of`; see :func:`misfits`.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from fiscal.base.axes import AGES_AT_OPENING, GROUPS
from fiscal.base.errors import Problem
from fiscal.engine.run import LARGEST
from fiscal.results.rows import Row
from fiscal.results.schema import COLUMNS, Shape, shapes_of
from fiscal.results.stages import STAGE_OF, held
from fiscal.results.tables.summary import DRAW_AGES
from fiscal.scenario import explain, file_settings, own_files

if TYPE_CHECKING:
    from fiscal.results.result import Result
    from fiscal.scenario import Scenario

SMALLEST = 1e-9
"""No economy has a positive number below this, in billions of dollars or as an index."""

SHOWN = 3
"""Rows that a message names."""


def misfits(result: Result) -> list[Problem]:
    """Where the tables and the summary of a result differ from what the package writes for its settings; empty for a
    result of :func:`fiscal.run`."""
    shapes = shapes_of(result.scenario.settings)
    tables = held(result.tables)
    wanted = {name for name in (*shapes, SETTINGS) if STAGE_OF[name].headline}
    found = [
        Problem(message, file="tables", value=sorted(names))
        for message, names in (
            ("lacks tables of these settings", wanted - set(tables)),
            ("has tables that do not belong to these settings", set(tables) - {*shapes, SETTINGS}),
        )
        if names
    ]
    for name, shape in shapes.items():
        if name in tables:
            found += [Problem(message, file=_file(name), **told) for message, told in _faults(tables[name], shape)]
    if SETTINGS in tables:
        found += _settings_faults(tables[SETTINGS], result.scenario)
    return found + _summary_faults(result.summary)


SETTINGS = "settings"


def _file(name: str) -> str:
    return f"tables/{name}.parquet"


Fault = tuple[str, dict[str, Any]]


def _faults(table: pd.DataFrame, shape: Shape) -> list[Fault]:
    faults = _column_faults(table, shape)
    if faults:
        return faults
    return _row_faults(table, shape) + _number_faults(table, shape)


def _column_faults(table: pd.DataFrame, shape: Shape) -> list[Fault]:
    columns = [str(column) for column in table.columns]
    if any(name is not None for name in table.index.names):
        return [("has columns in its index", {"value": list(map(str, table.index.names))})]
    if sorted(columns) != sorted(shape.columns):
        told = {"value": sorted(set(columns) ^ set(shape.columns))[:SHOWN] or columns[:SHOWN]}
        return [("has wrong columns", {**told, "allowed": ", ".join(shape.columns)})]
    wrong = [
        column
        for column in (*shape.schema.keys, *shape.numbers)
        if not (_is_number if column in shape.numbers or _is_fraction(column) else _is_name)(table[column])
    ]
    return [("has wrong values", {"key": column}) for column in wrong]


def _is_fraction(column: str) -> bool:
    """Whether a column names a row by a number that is not whole."""
    return COLUMNS[column].unit == "fraction"


def _is_number(values: pd.Series) -> bool:
    return values.dtype in (np.float64, np.int64)


def _is_name(values: pd.Series) -> bool:
    """Texts or whole numbers."""
    return values.dtype == np.int64 or types.is_string_dtype(values)


def _row_faults(table: pd.DataFrame, shape: Shape) -> list[Fault]:
    names = [_names(table[key]) for key in shape.schema.keys]
    rows = list(zip(*names, strict=True))
    have = set(rows)
    faults: list[Fault] = []
    if len(have) < len(rows):
        faults.append(("has rows with the same name", {}))
    lacking = [row for row in shape.rows if row not in have]
    if not lacking and len(have) == len(shape.rows):
        return faults  # as many, and all of them: none is left over
    extra = (row for row in have if row not in shape.rows and not (shape.schema.open_member and _is_decade(row, shape)))
    for message, some in (("lacks rows of these settings", lacking), ("has wrong rows", extra)):
        shown = heapq.nsmallest(SHOWN, some, key=str)
        if shown:
            faults.append((message, {"value": shown}))
    return faults


def _names(column: pd.Series) -> list[Any]:
    """Names of rows; what is missing is None."""
    names: list[Any] = column.tolist()
    return (
        [None if missing else name for name, missing in zip(names, column.isna(), strict=True)]
        if column.hasnans
        else names
    )


def _is_decade(row: Row, shape: Shape) -> bool:
    """Whether a row is of a birth decade, and otherwise as a row of an earnings group."""
    names = dict(zip(shape.schema.keys, row, strict=True))
    if names["dimension"] != "birth_decade" or not re.fullmatch(r"\d{4}s", str(names["member"])):
        return False
    twin = names | {"dimension": "earnings_group", "member": GROUPS[0]}
    return tuple(twin.values()) in shape.rows


def _number_faults(table: pd.DataFrame, shape: Shape) -> list[Fault]:
    faults: list[Fault] = []
    for column in shape.numbers:
        values = table[column].to_numpy(dtype=float)
        missing = np.isnan(values)
        if missing.any() and column not in shape.schema.gaps:
            faults.append(("has gaps", {"key": column}))
        if column in shape.schema.positive and (values[~missing] < SMALLEST).any():
            faults.append(("is not positive", {"key": column}))
        if (np.abs(values[~missing]) > LARGEST).any():
            faults.append(("is too large to be computed with", {"key": column, "allowed": f"{LARGEST:g}"}))
    return faults


def _settings_faults(table: pd.DataFrame, scenario: Scenario) -> list[Problem]:
    """The table of settings says what the stored scenario does, a user's file by its name in the folder."""
    expected = explain(scenario)
    file = _file(SETTINGS)
    if sorted(map(str, table.columns)) != sorted(expected.columns):
        return [Problem("has wrong columns", file=file, allowed=", ".join(expected.columns))]
    # a user's file is named as it was given, and in a stored run by its name in the folder
    inside = {key: file_settings()[key] for key in own_files(scenario.settings)}
    stored = [inside.get(key, value) for key, value in zip(expected["key"], expected["value"], strict=True)]
    keys, values = (table[column].map(str).tolist() for column in ("key", "value"))
    if keys != expected["key"].tolist() or values not in (stored, expected["value"].tolist()):
        return [Problem("differs from scenario.toml", file=file)]
    words = ("default", "unit", "source", "status", "doc", "set_in")
    if not all(isinstance(value, str) for column in words for value in table[column]):
        return [Problem("has wrong values", file=file)]
    return []


def _summary_faults(summary: Mapping[str, Any]) -> list[Problem]:
    """What the report reads of a summary: the calibration's numbers."""
    told = summary.get("calibration")
    if isinstance(told, Mapping):
        names = ("opening_plan_bn_usd", "opening_traditional_bn_usd", "people_65_plus")
        by_age, rates = told.get("opening_by_age_bn_usd"), told.get("draw_rate_by_age")
        if isinstance(by_age, list) and isinstance(rates, Mapping):
            numbers = [*(told.get(name) for name in names), *by_age, *rates.values()]
            ages = len(by_age) == len(AGES_AT_OPENING) and set(rates) == set(map(str, DRAW_AGES))
            if ages and all(map(_sound, numbers)):
                return []
    return [Problem("differs from what a run writes", file="summary.json", key="calibration")]


def _sound(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and abs(number) <= LARGEST
