"""All tables of a report and of its runs as one Excel workbook.

Numbers are numbers and texts are texts: nothing that a user typed becomes a formula or a link. Units stand in the
heads. The file holds no date, so the same report gives the same bytes with the same library.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fiscal.report.content import Report
from fiscal.results import COLUMNS, TABLES, Result

CREATED = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC).replace(tzinfo=None)
"""A date that every workbook bears: Excel's format wants one, and today's would change the bytes."""

LONGEST_NAME = 31
"""Characters of a sheet's name that Excel takes."""

MOST_ROWS = 1_048_575
UNITS = {
    "bn_usd": "billions of dollars",
    "usd": "dollars",
    "rate": "fraction",
    "share": "fraction",
    "gdp": "fraction of GDP",
}
"""Ending of a column's name -> unit."""


def write(report: Report, results: Sequence[Result], path: Path) -> None:
    """Write the workbook: contents, the report's tables as they are before rounding, the tables of every run."""
    import xlsxwriter

    sheets: list[tuple[str, str, str, pd.DataFrame]] = []  # name, what it holds, unit, frame
    numbers = report.numbers()
    for table in report.tables():
        sheets.append((numbers[table.label], table.caption, table.unit, table.data))
    for result in results:
        for name, frame in result.tables.items():
            sheets.append((f"{result.name} {name}", TABLES.get(name, ""), "", frame))
    names = _sheet_names([name for name, *_ in sheets])
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": report.title, "subject": report.subtitle, "created": CREATED})
        head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        _contents(book, report, names, sheets, head)
        for name, (_, _, unit, frame) in zip(names, sheets, strict=True):
            _sheet(book.add_worksheet(name), frame, unit, head)


def unit_of(column: str) -> str:
    """The unit that a column's name ends with, in words; empty where it names none."""
    for ending, unit in UNITS.items():
        if column == ending or column.endswith(f"_{ending}"):
            return unit
    return ""


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


def _contents(
    book: Any,
    report: Report,
    names: Sequence[str],
    sheets: Sequence[tuple[str, str, str, pd.DataFrame]],
    head: Any,
) -> None:
    sheet = book.add_worksheet("Contents")
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 2, 70)
    lines = [report.title, report.subtitle, report.warning]
    lines.append("Tables are numbered as in the full report, whatever else was written beside it.")
    lines += [f"{one['title']} ({one['name']}, settings {one['fingerprint']})" for one in report.scenarios]
    for row, line in enumerate(lines):
        sheet.write_string(row, 0, line)
    first = len(lines) + 1
    for place, word in enumerate(("Sheet", "What it holds", "Unit")):
        sheet.write_string(first, place, word, head)
    for row, (name, (_, words, unit, _)) in enumerate(zip(names, sheets, strict=True), start=first + 1):
        for place, text in enumerate((name, words, unit or "in the heads")):
            sheet.write_string(row, place, text)


def _sheet(sheet: Any, frame: pd.DataFrame, unit: str, head: Any) -> None:
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(frame.columns):
        name = str(column)
        told = unit_of(name)
        sheet.write_string(0, place, f"{name} ({told})" if told else name, head)
        if name in COLUMNS:
            sheet.write_comment(0, place, COLUMNS[name])
        sheet.set_column(place, place, max(12, min(len(name), 24)))
        for row, value in enumerate(frame[column].tolist()[:MOST_ROWS], start=1):
            _cell(sheet, row, place, value)
    if unit:
        sheet.write_string(len(frame) + 2, 0, unit)


def _cell(sheet: Any, row: int, place: int, value: Any) -> None:
    """A number as a number, all else as text; nothing where there is none, infinity in words."""
    if value is None or value is pd.NA or value is pd.NaT:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        sheet.write_string(row, place, str(value))
    elif math.isfinite(value):
        sheet.write_number(row, place, value)
    elif not math.isnan(value):
        sheet.write_string(row, place, str(value))
