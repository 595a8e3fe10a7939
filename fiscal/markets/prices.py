"""A user's series of prices or index levels, as exchanges and data sites export it, and the returns that it gives.

Rows may be daily or monthly, in any order. The level of a month is its last one. The return of a calendar year is the
level of December over that of the December before. Nothing is interpolated; gaps, repeated dates, and part years are
reported.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fiscal.base.axes import ASSETS, FIRST_YEAR
from fiscal.base.errors import InputError, Problem, nearest
from fiscal.base.files import MAX_CSV_PROBLEMS, CsvTable, read_csv

if TYPE_CHECKING:
    import pandas as pd

DATE_COLUMNS = (
    "date", "month", "observation_date", "timeclose", "time close", "datetime", "time", "timestamp", "day", "unix",
)  # fmt: skip
PRICE_COLUMNS = (
    "adj close", "adj. close", "adj_close", "adjclose", "adj close**", "adjusted close", "adjusted_close",
    "total return index", "close", "close/last", "close*", "closing price", "price", "last", "value", "level", "index",
)  # fmt: skip
"""Names of the column with levels, in the order in which they are preferred: with dividends before without."""
DATE_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y-%m", "%Y/%m", "%Y.%m", "%Y%m", "%m/%d/%Y", "%d/%m/%Y",
    "%d.%m.%Y", "%m-%d-%Y", "%d-%m-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y",
    "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%b %y", "%m/%Y", "%m-%Y",
)  # fmt: skip
MISSING = ("", ".", "-", "null", "nan", "na", "n/a", "#n/a")
YEAR_END_DAY = 24
"""A daily series whose December ends before it has no level of the year's end."""
DAILY_DAYS = 15
"""A series whose median step is below it is daily or weekly, not monthly."""
_CLOCK = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]\d.*")
_EPOCH = re.compile(r"\d{9,10}(\.\d+)?|\d{12,13}")
_MONEY = re.compile(r"[\s$€£¥'\u00a0\u202f]|USD", re.IGNORECASE)


@dataclass(frozen=True)
class PriceSeries:
    """Month-end levels of a series, and what is to be known of how they were read."""

    shown: str
    column: str
    levels: pd.Series
    """Last level of each month, by month; months without one are not there."""
    notes: tuple[str, ...]

    def monthly_log_returns(self) -> pd.Series:
        """Log returns by month; not a number into and out of a missing month."""
        import pandas as pd

        months = pd.period_range(self.levels.index[0], self.levels.index[-1], freq="M")
        return np.log(self.levels.reindex(months)).diff().iloc[1:]

    def annual(self) -> pd.Series:
        """Returns by calendar year, fractions: the latest years without a gap.

        Raises InputError where no year has both of its Decembers.
        """
        december = self.levels[self.levels.index.month == 12]
        ends = december.set_axis(december.index.year)
        returns = (ends / ends.reindex(ends.index - 1).to_numpy() - 1.0).dropna()
        if returns.empty:
            message = "has no whole calendar year: none has a level at its end and at the end of the year before"
            raise InputError(Problem(message, file=self.shown))
        start = returns.index[-1]
        while start - 1 in returns.index:
            start -= 1
        return returns.loc[start:].rename("return_rate").rename_axis("year")

    def to_frame(self, asset: str = "crypto", first_year: int = FIRST_YEAR + 1) -> pd.DataFrame:
        """``year`` of a scenario's file, from ``first_year`` on, ``series_year``, and the return of ``asset``."""
        if asset not in ASSETS:
            near = nearest(asset, ASSETS)
            allowed = ", ".join(ASSETS)
            raise InputError(Problem("unknown asset", key="asset", value=asset, allowed=allowed, nearest=near))
        returns = self.annual()
        frame = returns.rename(asset).reset_index().rename(columns={"year": "series_year"})
        frame.insert(0, "year", first_year + np.arange(len(frame)))
        return frame

    def to_csv(self, asset: str = "crypto", first_year: int = FIRST_YEAR + 1) -> str:
        """A file for ``paths.file``: yearly returns, with comments on where they come from."""
        frame = self.to_frame(asset, first_year)
        first, last = frame["series_year"].iloc[[0, -1]]
        out = io.StringIO()
        out.write(f"# Calendar-year returns {first}-{last} of column {self.column!r} of {self.shown}\n")
        out.write(f"# {first_year} is {first} of the series\n")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("year", asset))
        writer.writerows((year, repr(float(rate))) for year, rate in zip(frame["year"], frame[asset], strict=True))
        return out.getvalue()


def read_prices(
    path: str | Path, *, column: str | None = None, date_column: str | None = None, date_format: str | None = None
) -> PriceSeries:
    """A file's series of prices or index levels, by month.

    ``column`` and ``date_column`` name columns where their names do not tell; ``date_format`` is as ``strptime`` has
    it, where dates can be read in two ways.

    Raises InputError, with the lines, for anything that is not a date or a positive price, and for dates that can be
    read in two ways.
    """
    import pandas as pd

    shown = Path(path).name
    table = read_csv(Path(path), shown)
    dated = _chosen(table, date_column, DATE_COLUMNS, shown, "date", (), first=True)
    priced = _chosen(table, column, PRICE_COLUMNS, shown, "price", (dated,))
    kept = [at for at, cell in enumerate(table.columns[priced]) if cell.lower() not in MISSING]
    blank = len(table.lines) - len(kept)
    if not kept:
        raise InputError(Problem("the column has no value", file=shown, key=priced))
    lines = [table.lines[at] for at in kept]
    days = _dates([table.columns[dated][at] for at in kept], lines, shown, date_format)
    values = _numbers([table.columns[priced][at] for at in kept], lines, shown, priced, table.decimal_comma)
    notes = [f"column {priced!r} of {len(table.columns)} columns, {len(kept):,} levels"]
    if blank:
        notes.append(f"{_counted(blank, 'row has', 'rows have')} no level in {priced!r}")
    frame = pd.DataFrame({"day": pd.to_datetime(days), "level": values})
    twice = frame[frame["day"].duplicated(keep=False)]
    if len(twice):
        differing = sorted(day for day, group in twice.groupby("day")["level"] if group.nunique() > 1)
        notes.append(f"{_counted(twice['day'].nunique(), 'date appears', 'dates appear')} twice" + (
            f", {len(differing):,} of them with different levels, of which the later row counts: {_listed(differing)}"
            if differing else " with the same level"
        ))  # fmt: skip
    frame = frame.drop_duplicates("day", keep="last").sort_values("day")
    steps = frame["day"].diff().dt.days.dropna()
    daily = len(steps) > 0 and float(steps.median()) < DAILY_DAYS
    levels = frame.set_index(pd.PeriodIndex(frame["day"], freq="M"))["level"]
    last = frame["day"].iloc[-1]
    levels = levels[~levels.index.duplicated(keep="last")].rename_axis("month")
    if daily:
        ends = frame.groupby(frame["day"].dt.to_period("M"))["day"].max()
        early = [month for month, day in ends.items() if month.month == 12 and day.day < YEAR_END_DAY]
        for month in early:
            notes.append(f"December {month.year} ends on {ends[month].date()}: not the end of the year")
        levels = levels.drop(index=early)
    missing = levels.index.symmetric_difference(pd.period_range(levels.index[0], levels.index[-1], freq="M"))
    if len(missing):
        notes.append(f"{_counted(len(missing), 'month has', 'months have')} no level: {_listed(missing)}")
    notes.append(f"{'daily' if daily else 'monthly'} levels from {frame['day'].iloc[0].date()} to {last.date()}")
    found = PriceSeries(shown, priced, levels, tuple(notes))
    return PriceSeries(shown, priced, levels, (*notes, *_years_left_out(found)))


def _years_left_out(series: PriceSeries) -> list[str]:
    try:
        whole = series.annual()
    except InputError:
        return []
    first, last = series.levels.index[0].year, series.levels.index[-1].year
    left = [year for year in range(first, last + 1) if year not in whole.index]
    notes = [f"years left out, because they are not whole or come before a gap: {_listed(left)}"] if left else []
    high = [int(year) for year, rate in whole.items() if rate > 3.0]
    if high:
        notes.append(f"returns above 3 need paths.allow_extreme = true: {_listed(high)}")
    return notes


def _counted(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _listed(members: Sequence[object], most: int = 6) -> str:
    words = [str(getattr(one, "date", lambda one=one: one)()) for one in members[:most]]
    return ", ".join(words) + (f" and {len(members) - most:,} more" if len(members) > most else "")


def _chosen(
    table: CsvTable,
    asked: str | None,
    known: Sequence[str],
    shown: str,
    kind: str,
    taken: Sequence[str],
    first: bool = False,
) -> str:
    """The column that is asked for, or the first of the ``known`` names, or the only one that is left."""
    names = [name for name in table.columns if name not in taken]
    if asked is not None:
        if asked.lower() in names:
            return asked.lower()
        raise InputError(
            Problem("no such column", file=shown, key=asked, allowed=", ".join(names), nearest=nearest(asked, names))
        )
    for name in known:
        if name in names:
            return name
    if names and (first or len(names) == 1):
        return names[0]
    allowed = f"one of {', '.join(names)}" if names else "a second column"
    raise InputError(Problem(f"which column is the {kind}?", file=shown, key="column", allowed=allowed))


def _dates(cells: Sequence[str], lines: Sequence[int], shown: str, asked: str | None) -> list[date]:
    """The dates of a column, all in one form. Raises InputError for anything that is not a date or can be read in two
    ways."""
    short = [found[1] if (found := _CLOCK.fullmatch(cell)) else cell for cell in cells]
    if asked is None and all(_EPOCH.fullmatch(cell) for cell in short):
        return [datetime.fromtimestamp(float(cell) / (1000 if len(cell) > 11 else 1), UTC).date() for cell in short]
    readings = {form: days for form in ((asked,) if asked else DATE_FORMATS) if (days := _read(short, form))}
    if not readings:
        # of the form that reads most of them, what it does not read
        best = max((asked,) if asked else DATE_FORMATS, key=lambda form: len(_readable(short[:1000], form)))
        good = set(_readable(short, best))
        wrong = [at for at in range(len(short)) if at not in good][:MAX_CSV_PROBLEMS]
        raise InputError(
            [
                Problem("is not a date", file=shown, key=f"line {lines[at]}", value=cells[at], allowed=f"as {best}")
                for at in wrong
            ]
        )
    spread = {form: _widest_gap(days) for form, days in readings.items()}
    best = min(spread, key=lambda form: spread[form])
    if sum(1 for form in spread if spread[form] == spread[best] and readings[form] != readings[best]):
        forms = ", ".join(form for form in spread if spread[form] == spread[best])
        message = "dates can be read in more than one way"
        raise InputError(Problem(message, file=shown, value=cells[0], allowed=f"--date-format, one of {forms}"))
    return readings[best]


def _read(cells: Sequence[str], form: str) -> list[date] | None:
    try:
        return [_day(cell, form) for cell in cells]
    except ValueError:
        return None


def _readable(cells: Sequence[str], form: str) -> list[int]:
    found = []
    for at, cell in enumerate(cells):
        try:
            _day(cell, form)
        except ValueError:
            continue
        found.append(at)
    return found


def _day(cell: str, form: str) -> date:
    if form[:2] == "%Y" and not re.match(r"\d{4}(\D|\d{2}(\d{2})?$)", cell):
        raise ValueError(cell)
    return datetime.strptime(cell, form).date()


def _widest_gap(days: Sequence[date]) -> int:
    """Days between the two neighbors that are farthest apart: least where days and months are not exchanged."""
    ordered = sorted(days)
    return max(((later - earlier).days for earlier, later in zip(ordered, ordered[1:], strict=False)), default=0)


def _numbers(cells: Sequence[str], lines: Sequence[int], shown: str, column: str, decimal_comma: bool) -> list[float]:
    """Positive levels, without thousands separators and signs of currency. Raises InputError with the lines."""
    bare = [_MONEY.sub("", cell) for cell in cells]
    plain = _separators(bare, decimal_comma)
    values, problems = [], []
    for cell, text, line in zip(cells, bare, lines, strict=True):
        try:
            value = float(plain(text))
        except ValueError:
            value = float("nan")
        if not 0.0 < value < float("inf"):
            allowed = "a price or an index level above 0"
            problems.append(
                Problem("is not a level", file=shown, key=f"line {line}, {column}", value=cell, allowed=allowed)
            )
        values.append(value)
    if problems:
        raise InputError(problems[:MAX_CSV_PROBLEMS])
    return values


def _separators(cells: Sequence[str], decimal_comma: bool) -> Callable[[str], str]:
    """What takes the thousands separators out of a column's cells and gives them a decimal point."""
    both = next((cell for cell in cells if "," in cell and "." in cell), None)
    if both is not None:
        decimal = max(",.", key=both.rfind)
    elif any("," in cell for cell in cells):
        grouped = all(re.fullmatch(r"\d{1,3}(,\d{3})+", cell) for cell in cells if "," in cell)
        many = any(cell.count(",") > 1 for cell in cells)
        decimal = "." if grouped and (many or not decimal_comma) else ","
    else:
        decimal = "," if any(cell.count(".") > 1 for cell in cells) else "."
    thousands = "," if decimal == "." else "."
    return lambda text: text.replace(thousands, "").replace(decimal, ".")
