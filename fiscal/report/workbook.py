"""The tables of a document as one Excel workbook: contents, the headline with its charts, then the rest.

Numbers are numbers, with a format, and texts are texts: nothing that a user typed becomes a formula or a link. Heads
are words with units. The file holds no date, so the same document gives the same bytes with the same library. The long
tables of the runs are CSV files, not sheets.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fiscal.base.words import capital
from fiscal.budget.lines import LABELS
from fiscal.report.asked import Asked
from fiscal.report.content import Document, Table
from fiscal.results import headline as headlines
from fiscal.results.effects import AGAINST, LONG, TEN, Effect
from fiscal.results.figures import statistics
from fiscal.results.figures.owners import title_of
from fiscal.results.schema import in_words, unit_in_name

CREATED = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC).replace(tzinfo=None)
"""A date that every workbook bears: Excel's format wants one, and today's would change the bytes."""

LONGEST_NAME = 31
"""Characters of a sheet's name that Excel takes."""

MOST_SHEETS = 20
MOST_ROWS = 1_048_575
NUMBER, SMALL, PERCENT = "#,##0.0;\N{MINUS SIGN}#,##0.0;0.0", "0.0000;\N{MINUS SIGN}0.0000;0", "0.00%"
CHART = {"x_scale": 1.5, "y_scale": 1.3}
DOLLARS = "billions of dollars"


@dataclass(frozen=True)
class Sheet:
    """One sheet: its name, what it holds, notes below the rows, its columns with heads and number formats."""

    name: str
    holds: str
    notes: Sequence[str]
    heads: Sequence[str]
    formats: Sequence[str]
    frame: pd.DataFrame


def write(document: Document, asked: Asked, path: Path) -> None:
    """Write the workbook of a document and of the runs it tells of."""
    import xlsxwriter

    sheets = list(_sheets(document, asked))[: MOST_SHEETS - 1]
    names = _sheet_names([sheet.name for sheet in sheets])
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": document.title, "subject": document.byline, "created": CREATED})
        head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        formats = {text: book.add_format({"num_format": text}) for text in (NUMBER, SMALL, PERCENT, "0")}
        _contents(book, document, asked, names, sheets, head)
        for name, sheet in zip(names, sheets, strict=True):
            _fill(book.add_worksheet(name), sheet, head, formats)
        _charts(book, names, sheets)


def _sheets(document: Document, asked: Asked) -> Iterator[Sheet]:
    yield _headline(asked)
    yield _by_year(asked)
    yield _effects(asked)
    numbers = document.numbers()
    for table in document.tables():
        if table.label not in ("headline", "by-year", "scenario-set", "spread"):
            yield _of_table(table, numbers[table.label])
    if asked.study is not None:
        yield _study(asked.study)
    yield _lines(asked)
    yield _settings(asked)


HEADS = {
    **headlines.HEADS,
    "case": "Case",
    "market_error_bn_usd": "Standard error of the value",
    "low_bn_usd": "80% range, low",
    "high_bn_usd": "80% range, high",
    headlines.SHARE: "Share of individual income tax",
}


def _headline(asked: Asked) -> Sheet:
    frame = asked.table.rows
    notes = [asked.table.finding, "Positive = the government is better off. An empty cell: not computed in these runs."]
    return _sheet("Headline", "Change in net revenue by case", notes, frame, HEADS)


def _study(stored: pd.DataFrame) -> Sheet:
    """The stored study of adoption and event, with its numbers."""
    notes = [
        "Change in net revenue; positive = the government is better off. Random paths have quantiles of the effect.",
        "Made by fiscal study scenarios; the scenarios of the rows are named by the fingerprint of their settings.",
    ]
    frame = stored.drop(columns=["adoption_case", "event_case"])
    return _sheet("Scenario set", "Every case of adoption with every event", notes, frame, HEADS)


def _by_year(asked: Asked) -> Sheet:
    frame = headlines.by_year(asked.effects)
    heads = {"case": "Case", "reference": "Compared with"} | {name: f"{name} ({DOLLARS})" for name in frame.columns[2:]}
    notes = [frame.attrs["notes"][0]]
    formats = ["", "", *[NUMBER] * (len(frame.columns) - 2)]
    return Sheet(
        "By year", "Effect on net revenue by fiscal year", notes, [heads[name] for name in frame], formats, frame
    )


def _effects(asked: Asked) -> Sheet:
    """The effects in columns by fiscal year, which the chart draws."""
    columns = {_name(effect): effect.by_year() for effect in asked.effects}
    frame = pd.DataFrame(columns).rename_axis("year").reset_index()
    frame = frame[frame["year"] <= LONG.last]
    heads = ["Fiscal year", *(f"{name} ({DOLLARS})" for name in columns)]
    return Sheet("Effects", "Effect on net revenue by fiscal year, one column a case", [], heads,
                 ["0", *[NUMBER] * len(columns)], frame)  # fmt: skip


def _name(effect: Effect) -> str:
    return f"{title_of(effect.result)}, compared with {effect.against}"


def _of_table(table: Table, number: str) -> Sheet:
    """A table of the document: the columns as printed, before rounding."""
    group = [] if table.group is None or table.group in {one.field for one in table.columns} else [table.group]
    fields = [*group, *(column.field for column in table.columns)]
    columns = {column.field: column for column in table.columns}
    heads, formats, parts = [], [], []
    unit = re.split(r"[.;]", table.unit)[0]
    for field in fields:
        column = columns.get(field)
        values = table.data[field]
        numeric = values.dtype.kind in "iuf"
        scale = column.scale if column is not None and numeric else 1.0
        heads.append(
            _with_unit(column.title if column else capital(in_words(field)), "" if scale == 100 else unit, numeric)
        )
        formats.append("" if not numeric else PERCENT if scale == 100 else "0" if values.dtype.kind in "iu" else NUMBER)
        parts.append(values)
    notes = [text for text in (table.unit, *table.notes) if text]
    frame = pd.concat(parts, axis=1).reset_index(drop=True)
    return Sheet(f"{number} {table.label.replace('-', ' ')}", table.caption, notes, heads, formats, frame)


def _with_unit(title: str, unit: str, numeric: bool) -> str:
    known = (
        not unit or not numeric or unit.lower() in title.lower() or not unit.lower().startswith(("billions", "percent"))
    )
    return title if known else f"{title} ({unit[:1].lower()}{unit[1:]})"


def _lines(asked: Asked) -> Sheet:
    """Every line of every run by fiscal year."""
    frames = []
    for result in asked.results:
        budget = result.tables["budget"]
        if not set(statistics.BUDGET) <= set(budget):
            continue
        own = budget[(budget["year_kind"] == "fiscal") & (budget["year"] <= LONG.last)]
        wide = own.pivot_table(
            index=["path", "line"], columns="year", values="nominal_bn_usd", sort=False
        ).reset_index()
        frames.append(wide.assign(case=title_of(result)))
    frame = pd.concat(frames or [pd.DataFrame(columns=["case", "path", "line"])], ignore_index=True)
    frame = frame.rename(columns=str)
    years = [name for name in frame if name.isdigit()]
    frame = frame[["case", "path", "line", *years]].assign(
        path=[PATHS.get(str(path), str(path)) for path in frame["path"]],
        line=[capital(LABELS.get(str(line), str(line).replace("_", " "))) for line in frame["line"]],
    )
    heads = ["Case", "Scenario or reference", "Line", *(f"{year} ({DOLLARS})" for year in years)]
    notes = ["Positive = the government is better off; a positive tax expenditure is a cost."]
    return Sheet(
        "Lines", "Every revenue line by fiscal year", notes, heads, ["", "", "", *[NUMBER] * len(years)], frame
    )  # fmt: skip


PATHS = {"scenario": "the scenario", **AGAINST}


def _settings(asked: Asked) -> Sheet:
    frames = [
        result.tables["settings"].assign(case=title_of(result))
        for result in asked.results
        if "settings" in result.tables
    ]
    frame = pd.concat(frames or [pd.DataFrame(columns=["case"])], ignore_index=True)
    frame = frame[["case", *(name for name in frame if name != "case")]]
    notes = ["Source and status are those of the default."]
    return _sheet("Settings", "Every setting of every run", notes, frame, {"case": "Case"})


def _sheet(name: str, holds: str, notes: Sequence[str], frame: pd.DataFrame, heads: dict[str, str]) -> Sheet:
    """A sheet whose heads and formats follow from the names of its columns."""
    titles, formats = [], []
    for column in map(str, frame):
        numeric = frame[column].dtype.kind in "iuf" or column.endswith(("_bn_usd", "_share"))
        share = column.endswith("_share") or column == headlines.SHARE
        unit = "" if share else unit_in_name(column) if numeric else ""
        title = heads.get(column, capital(in_words(column)))
        titles.append(f"{title} ({unit})" if unit else title)
        formats.append("" if not numeric and not share else PERCENT if share else NUMBER)
    return Sheet(name, holds, notes, titles, formats, frame)


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
    book: Any, document: Document, asked: Asked, names: Sequence[str], sheets: Sequence[Sheet], head: Any
) -> None:
    sheet = book.add_worksheet("Contents")
    for place, width in enumerate((34, 70, 9)):
        sheet.set_column(place, place, width)
    lines = [document.title, document.byline, asked.table.finding, "Long tables of the runs are in the CSV files."]
    lines += [f"{title_of(result)} ({result.name}, settings {result.fingerprint[:12]})" for result in asked.results]
    for row, line in enumerate(lines):
        sheet.write_string(row, 0, line)
    first = len(lines) + 1
    for place, word in enumerate(("Sheet", "What it holds", "Rows")):
        sheet.write_string(first, place, word, head)
    for row, (name, one) in enumerate(zip(names, sheets, strict=True), start=first + 1):
        sheet.write_url(row, 0, f"internal:'{name}'!A1", string=name)
        sheet.write_string(row, 1, one.holds)
        sheet.write_number(row, 2, len(one.frame))


def _fill(sheet: Any, one: Sheet, head: Any, formats: dict[str, Any]) -> None:
    sheet.freeze_panes(1, 0)
    for place, (title, text) in enumerate(zip(one.heads, one.formats, strict=True)):
        values = one.frame.iloc[:MOST_ROWS, place].tolist()
        sheet.write_string(0, place, title, head)
        widest = max((len(str(value)) for value in values if isinstance(value, str)), default=0)
        sheet.set_column(place, place, min(max(12, widest + 1), 48))
        known = [abs(value) for value in values if isinstance(value, float) and math.isfinite(value)]
        small = text == NUMBER and bool(known) and max(known) < 0.1
        for row, value in enumerate(values, start=1):
            _cell(sheet, row, place, value, formats.get(SMALL if small else text))
    for row, note in enumerate(one.notes, start=min(len(one.frame), MOST_ROWS - len(one.notes)) + 2):
        sheet.write_string(row, 0, note)


def _cell(sheet: Any, row: int, place: int, value: Any, form: Any) -> None:
    """A number as a number, all else as text; nothing where there is none, infinity in words."""
    if value is None or value is pd.NA or value is pd.NaT:
        return
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        sheet.write_string(row, place, str(value))
    elif math.isfinite(value):
        sheet.write_number(row, place, float(value), form)
    elif not math.isnan(value):
        sheet.write_string(row, place, str(value))


def _charts(book: Any, names: Sequence[str], sheets: Sequence[Sheet]) -> None:
    """Native charts below the headline: the ten-year effect by case, and every effect by year."""
    head, effects = names[0], names[2]
    rows, lines = len(sheets[0].frame), sheets[2]
    if not rows or not len(lines.frame):
        return
    place = list(sheets[0].frame).index(f"fy{TEN.first}_{TEN.last}_bn_usd")
    reference = list(sheets[0].frame).index("reference")
    bars = book.add_chart({"type": "bar"})
    bars.add_series(
        {
            "name": headlines.words_of(TEN),
            "categories": [head, 1, 0, rows, reference],
            "values": [head, 1, place, rows, place],
        }
    )
    bars.set_title({"name": f"Change in net revenue, {headlines.words_of(TEN)}, {DOLLARS}", "name_font": {"size": 11}})
    bars.set_legend({"none": True})
    curves = book.add_chart({"type": "line"})
    last = len(lines.frame)
    for column in range(1, len(lines.heads)):
        curves.add_series(
            {
                "name": [effects, 0, column],
                "categories": [effects, 1, 0, last, 0],
                "values": [effects, 1, column, last, column],
            }
        )
    curves.set_title({"name": f"Change in net revenue by fiscal year, {DOLLARS}", "name_font": {"size": 11}})
    curves.set_legend({"position": "bottom"})
    sheet = book.get_worksheet_by_name(head)
    sheet.insert_chart(rows + 6, 0, bars, CHART)
    sheet.insert_chart(rows + 27, 0, curves, CHART)
