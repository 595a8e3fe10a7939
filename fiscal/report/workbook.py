"""All tables of a report and of its runs as one Excel workbook.

Numbers are numbers and texts are texts: nothing that a user typed becomes a formula or a link.
Heads are words with units; the note on a head says what the column is called in the files of a run. The file holds
no date, so the same report gives the same bytes with the same library.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fiscal.base.words import capital
from fiscal.report.content import Column, Report, Table
from fiscal.results.result import Result
from fiscal.results.schema import COLUMNS, TABLES, in_words, unit_in_name

CREATED = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC).replace(tzinfo=None)
"""A date that every workbook bears: Excel's format wants one, and today's would change the bytes."""

LONGEST_NAME = 31
"""Characters of a sheet's name that Excel takes."""

MOST_ROWS = 1_048_575
"""Rows of a sheet below its head; a longer table goes on in another sheet."""

SIGN = "In the heads. Positive = the government is better off; a positive tax expenditure is a cost."
"""Remark on a run's table of lines of the government's books."""

BESIDE = "in the column of units"
"""Unit of numbers whose table has a column that names it, row by row."""


@dataclass(frozen=True)
class Sheet:
    """One sheet: its name, what it holds, remarks on units and signs, and its columns with the heads above them."""

    name: str
    holds: str
    remark: str
    heads: Sequence[str]
    frame: pd.DataFrame


def write(report: Report, results: Sequence[Result], path: Path, whole: Report | None = None) -> None:
    """Write the workbook: contents, the report's tables before rounding, those of ``whole`` that it leaves out, the
    runs' tables. Tables of the report bear its numbers, the others their names."""
    import xlsxwriter

    sheets = [*_report_sheets(report, whole or report)]
    for result in results:
        for name, frame in result.tables.items():
            heads = [_head_in_run(str(column), frame, result) for column in frame]
            remark = SIGN if "line" in frame else ""
            title = f"{result.name} {name.replace('_', ' ')}"
            sheets.append(
                Sheet(title, capital(TABLES[name].holds if name in TABLES else ""), remark, heads, frame)
            )
    parts = [part for sheet in sheets for part in _parts(sheet)]
    names = _sheet_names([part.name for part in parts])
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": report.title, "subject": report.subtitle, "created": CREATED})
        head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        _contents(book, report, names, parts, head)
        for name, part in zip(names, parts, strict=True):
            _sheet(book.add_worksheet(name), part, head)


def _report_sheets(report: Report, whole: Report) -> Iterator[Sheet]:
    """The report's tables under their numbers, then those that only the whole report has, under their names."""
    numbers = report.numbers()
    others = [table for table in whole.tables() if table.label not in numbers]
    for table in (*report.tables(), *others):
        plain = capital(table.label.removeprefix("table-").replace("-", " "))
        heads, frame = _as_shown(table)
        yield Sheet(numbers.get(table.label, plain), table.caption, table.unit, heads, frame)


def _as_shown(table: Table) -> tuple[list[str], pd.DataFrame]:
    """Heads with units, and a frame: the columns as printed, before rounding, and after them those not printed."""
    shown = {column.field: column for column in table.columns}
    printed = dict(zip(shown, _spelled_out([column.head for column in table.columns]), strict=True))
    data = table.data.set_axis([str(name) for name in table.data], axis=1)
    order = [table.group] if table.group is not None and table.group not in shown else []
    order += list(shown)
    order += [name for name in data if name not in order]
    heads, parts = [], []
    for name in order:
        column = shown.get(name)
        numeric = data[name].dtype.kind in "iufc"
        scaled = column is not None and column.decimals is not None and column.scale != 1
        parts.append(data[name] * column.scale if column is not None and scaled else data[name])
        title = in_words(name) if column is None else printed[name]
        if column is None and title in printed.values():
            title += ", as in the data"
        heads.append(_with_unit(title, unit_in(table, name, column) if numeric else ""))
    return heads, pd.concat(parts, axis=1)


def _spelled_out(heads: Sequence[str]) -> list[str]:
    """Heads of a printed table, of which some go on from those before: "Effect: alone", "±", "with others"."""
    found: list[str] = []
    start = ""
    for head in heads:
        before, colon, _ = head.partition(": ")
        start = before if colon else start
        if head == "±" and found:
            found.append(f"{found[-1]}, ±")
        else:
            found.append(f"{start}: {head}" if start and head in ("with others", "alone") else head)
    return found


def unit_in(table: Table, name: str, column: Column | None) -> str:
    """The unit of a numeric column of a table: its own, that of its name, or the table's."""
    if column is not None and column.unit:
        return column.unit
    first = re.split(r"[.;:]", table.unit)[0]
    of_table = first[:1].lower() + first[1:]
    percent = column is not None and column.scale == 100
    if percent and not of_table.startswith("percent"):
        return "percent"
    money = of_table.startswith("billions") and name.endswith("bn_usd")
    own = "" if percent or money else unit_of(name)
    beside = BESIDE if any(one.title == "Unit" for one in table.columns) else ""
    return own or beside or of_table


def unit_of(column: str) -> str:
    """The unit of a column, in words: its own where it is declared, else that of its name; empty where there is none.

    Of dollars no year is said: the report's tables say it.
    """
    unit = unit_in_name(column)
    return unit or (COLUMNS[column].unit if column in COLUMNS else "")


def _head_in_run(column: str, frame: pd.DataFrame, result: Result) -> str:
    """The head of a column of a run's table."""
    if column not in COLUMNS:
        return _with_unit(in_words(column), unit_in_name(column))
    schema = COLUMNS[column]
    fiscal = column == "year" and "year_kind" in frame
    year = result.scenario.settings.books.price_year
    unit = "calendar or fiscal, as the column before says" if fiscal else schema.unit.format(price_year=year)
    return _with_unit(schema.head, unit)


def _with_unit(title: str, unit: str) -> str:
    """The head; a unit that its words name already is not said again."""
    return f"{title} ({unit})" if unit and unit.lower() not in title.lower() else title


def _parts(sheet: Sheet) -> Iterator[Sheet]:
    """The sheet, in as many parts as its rows need; each part says which rows it holds."""
    rows = len(sheet.frame)
    if rows <= MOST_ROWS:
        yield sheet
        return
    for part, first in enumerate(range(0, rows, MOST_ROWS), start=1):
        last = min(first + MOST_ROWS, rows)
        holds = f"{sheet.holds} (rows {first + 1:,} to {last:,} of {rows:,}: more than a sheet takes)"
        name = sheet.name if part == 1 else f"{sheet.name[: LONGEST_NAME - 9]} part {part}"
        yield Sheet(name, holds, sheet.remark, sheet.heads, sheet.frame.iloc[first:last])


def _sheet_names(wanted: Sequence[str]) -> list[str]:
    """Names that Excel takes, different from each other whatever their case."""
    found: list[str] = []
    for name in wanted:
        plain = re.sub(r"[\[\]:*?/\\']", "_", name)[:LONGEST_NAME]
        number, chosen = 1, plain
        while chosen.lower() in {one.lower() for one in found} | {"contents", "history"}:
            number += 1
            chosen = f"{plain[: LONGEST_NAME - 1 - len(str(number))]} {number}"
        found.append(chosen)
    return found


def _contents(book: Any, report: Report, names: Sequence[str], sheets: Sequence[Sheet], head: Any) -> None:
    sheet = book.add_worksheet("Contents")
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 70)
    sheet.set_column(2, 2, 9)
    sheet.set_column(3, 3, 70)
    lines = [report.title, report.subtitle, report.warning]
    lines.append(
        "Tables with a number are those of the brief; what only the full report holds stands under its name."
        if report.brief
        else "Tables are numbered as in the report."
    )
    lines += [_scenario_line(one) for one in report.scenarios]
    for row, line in enumerate(lines):
        sheet.write_string(row, 0, line)
    first = len(lines) + 1
    for place, word in enumerate(("Sheet", "What it holds", "Rows", "Units and signs")):
        sheet.write_string(first, place, word, head)
    for row, (name, one) in enumerate(zip(names, sheets, strict=True), start=first + 1):
        for place, text in enumerate((name, one.holds)):
            sheet.write_string(row, place, text)
        sheet.write_number(row, 2, len(one.frame))
        sheet.write_string(row, 3, one.remark or "In the heads")


def _scenario_line(scenario: Mapping[str, str]) -> str:
    return f"{scenario['title']} ({scenario['name']}, settings {scenario['fingerprint']})"


def _sheet(sheet: Any, one: Sheet, head: Any) -> None:
    sheet.freeze_panes(1, 0)
    for place, (title, column) in enumerate(zip(one.heads, one.frame.columns, strict=True)):
        sheet.write_string(0, place, title, head)
        if column in COLUMNS:
            sheet.write_comment(0, place, f"{column}: {COLUMNS[column].words}")
        sheet.set_column(place, place, max(12, min(len(title), 24)))
        for row, value in enumerate(one.frame[column].tolist(), start=1):
            _cell(sheet, row, place, value)


def _cell(sheet: Any, row: int, place: int, value: Any) -> None:
    """A number as a number, all else as text; nothing where there is none, infinity in words."""
    if value is None or value is pd.NA or value is pd.NaT:
        return
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        sheet.write_string(row, place, str(value))
    elif math.isfinite(value):
        sheet.write_number(row, place, float(value))
    elif not math.isnan(value):
        sheet.write_string(row, place, str(value))
