"""A user's series of prices as sites export it, its calendar-year returns, and its replay."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from fiscal.base.errors import InputError
from fiscal.engine import run
from fiscal.markets import paths
from fiscal.markets.history import monthly_log_returns
from fiscal.markets.prices import read_prices
from fiscal.scenario import load

LEVELS = {2018: 1000.0, 2019: 1500.0, 2020: 1200.5, 2021: 12345.25}
"""Level at each year's end."""
RETURNS = [0.5, 1200.5 / 1500 - 1, 12345.25 / 1200.5 - 1]


def level_of(day: date) -> float:
    """Straight lines between the years' ends."""
    start, end = LEVELS[day.year - 1], LEVELS[day.year]
    share = (day - date(day.year - 1, 12, 31)).days / (date(day.year, 12, 31) - date(day.year - 1, 12, 31)).days
    return start + share * (end - start)


DAYS = [date(2018, 12, 31)] + [date(2019, 1, 1) + timedelta(days=7 * step) for step in range(157)]
DAYS = sorted({*DAYS, *(date(year, 12, 31) for year in LEVELS)})


def daily(form: str, number: str = "{:,.2f}", newest_first: bool = True, quote: str = '"', separator: str = ",") -> str:
    rows = [("Date", "Open", "Close", "Adj Close")]
    for day in sorted(DAYS, reverse=newest_first):
        level = LEVELS[day.year] if (day.month, day.day) == (12, 31) else level_of(day)
        rows.append((f"{day:{form}}", "1", "2", number.format(level)))
    return "\n".join(separator.join(f"{quote}{cell}{quote}" for cell in row) for row in rows)


def european(text: str) -> str:
    return text.replace(",", "X").replace(".", ",").replace("X", ".")


@pytest.mark.parametrize(
    "text",
    [
        daily("%Y-%m-%d"),
        daily("%b %d, %Y", newest_first=False),
        daily("%m/%d/%Y", "${:,.2f}"),
        daily("%d/%m/%Y", "{:.2f}"),
        daily("%Y-%m-%dT00:00:00.000Z", "{:.2f}", quote="", separator=";"),
        european(daily("%d-%m-%Y", "{:,.2f}", separator=";")),
    ],
    ids=["iso", "words", "american", "british", "clock", "european"],
)
def test_exports_of_any_form_give_the_same_returns(text: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(text, encoding="utf-8")
    series = read_prices(file)
    assert series.column == "adj close"
    np.testing.assert_allclose(series.annual(), RETURNS, rtol=1e-12)
    assert list(series.annual().index) == [2019, 2020, 2021]
    assert any("2018" in note and "left out" in note for note in series.notes)


@pytest.mark.parametrize("form", ["%Y-%m", "%Y-%m-01", "%m/01/%Y", "01.%m.%Y", "%b-%y", "%Y%m"])
def test_monthly_series_with_a_gap_and_a_date_twice(form: str, tmp_path: Path) -> None:
    months = [date(year, month, 1) for year in (2018, 2019, 2020, 2021) for month in range(1, 13)][11:]
    rows = [
        (day, LEVELS[day.year] if day.month == 12 else 1100.0) for day in months if (day.year, day.month) != (2020, 5)
    ]
    rows.append((rows[3][0], 1100.0))
    file = tmp_path / "index.csv"
    file.write_text("month,index\n" + "\n".join(f"{day:{form}},{level}" for day, level in rows))
    series = read_prices(file)
    np.testing.assert_allclose(series.annual(), RETURNS, rtol=1e-12)
    said = "\n".join(series.notes)
    assert "1 month has no level: 2020-05" in said and "1 date appears twice with the same level" in said
    logs = series.monthly_log_returns()
    assert logs.isna().sum() == 2 and len(logs) == 36  # into and out of the gap


def test_the_file_written_is_read_as_a_path(tmp_path: Path) -> None:
    file, out = tmp_path / "prices.csv", tmp_path / "returns.csv"
    file.write_text(daily("%Y-%m-%d"), encoding="utf-8")
    out.write_text(read_prices(file).to_csv("crypto", 2026))
    told = {"file": str(out), "allow_extreme": True, "count": 1}
    found = paths.user_returns(told).rates[0, :, paths.ASSETS.index("crypto")]
    np.testing.assert_allclose(found, RETURNS, rtol=1e-12)


def test_what_is_no_series_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    for text, words in (
        ("date,close\n2020-12-31,5\n2021-12-31,-4\n", "line 3, close: is not a level"),
        ("date,close\n2020-12-31,5\nyesterday,4\n", "line 3: is not a date"),
        ("date,a,b\n2020-12-31,5,6\n", "which column is the price"),
        ("date,close\n01/02/2020,5\n", "more than one way"),
        ("date,close\n2020-11-30,5\n2020-12-31,6\n", "no whole calendar year"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=words):
            read_prices(file).annual()
    with pytest.raises(InputError, match="did you mean 'close'|close"):
        read_prices(file, column="clos")


def test_an_early_december_is_no_end_of_a_year(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    rows = [
        line
        for line in daily("%Y-%m-%d").splitlines()
        if not line.startswith('"2021-12-2') and "2021-12-31" not in line
    ]
    file.write_text("\n".join(rows))
    series = read_prices(file)
    assert list(series.annual().index) == [2019, 2020]
    assert any("not the end of the year" in note for note in series.notes)


def test_a_series_of_ones_own_is_replayed(tmp_path: Path) -> None:
    """Crypto's months are the file's, the other assets' the record's; outside the file no month is known."""
    file = tmp_path / "prices.csv"
    file.write_text(daily("%Y-%m-%d"), encoding="utf-8")
    settings = {
        "file": str(file), "replay_start": "2020-01", "replay_year": 2040, "replay_scale": 1.0, "core": {},
        "outside_event_return": None, "name": "boom",
    }  # fmt: skip
    years = range(2025, 2046)
    own = paths.HistoricalReplay().draw(settings, years)
    record = paths.HistoricalReplay().draw({**settings, "file": None}, years)
    crypto = paths.ASSETS.index("crypto")
    grown = (1 + own.half_returns[0, 15:17, :, crypto]).prod(axis=1) - 1
    np.testing.assert_allclose(grown, RETURNS[1:], rtol=1e-9)
    others = [at for at in range(len(paths.ASSETS)) if at != crypto]
    np.testing.assert_allclose(own.half_returns[0, :17][..., others], record.half_returns[0, :17][..., others])
    assert len(monthly_log_returns()) > 0
    with pytest.raises(InputError, match="2019-01 to 2021-12"):
        paths.HistoricalReplay().draw({**settings, "replay_start": "2016-01"}, years)


def test_the_file_of_a_replay_is_one_path_and_read_before_any_work(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(daily("%Y-%m-%d"), encoding="utf-8")
    told = {"paths.model": "historical_replay", "paths.file": str(file)}
    assert load("boom", told).settings.paths.count == 1
    file.write_text("date,close\n2020-12-31,0\n")
    with pytest.raises(InputError, match="is not a level"):
        run.compute(load("boom", told))
