"""What markets did: monthly log returns, falls, moments by period, and the real returns to date.

Levels at month ends are in the tables ``monthly_prices`` and ``developed_ex_us``, calendar years in
``annual_returns``, Bitcoin's falls of 45 percent and more in ``crypto_drawdowns`` (sources there). A missing month
stays missing: the returns into and out of it are NaN, never interpolated (:func:`gaps` lists them).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fiscal.base import sources
from fiscal.base.axes import ASSETS, FIRST_YEAR
from fiscal.base.errors import InputError, Problem, nearest
from fiscal.base.memo import remembered
from fiscal.base.opening import HEADLINE, OpeningDate

if TYPE_CHECKING:
    import pandas as pd

MONTHLY_SERIES = {
    "equity": "sp500_tr",
    "foreign_equity": "developed_ex_us_tr",
    "bonds": "us_agg_bond_tr",
    "cash": "tbill_tr",
    "crypto": "btc_usd",
    "private_equity": "private_equity_listed_tr",
    "real_estate": "reit_tr",
    "commodities": "commodity_dbc_tr",
}
"""Monthly level that represents each asset: S&P 500 with dividends, developed markets outside the United States with
dividends, U.S. aggregate bonds, Treasury bills, Bitcoin, listed private equity, listed real estate, a commodity
futures fund."""

ANNUAL_SERIES = {**MONTHLY_SERIES, "bonds": "ust_10y_tr", "cash": "tbill_3m", "crypto": "btc"}
"""Calendar-year return of each asset; long bonds and bills begin in 1928, foreign equity in 1991."""

CRYPTO_PERIODS = ((2011, 2013), (2014, 2017), (2018, 2021), (2022, 2025))
MONTHS_PER_YEAR = 12
REAL_HALVES = ((FIRST_YEAR, 0), (FIRST_YEAR, 1), (FIRST_YEAR + 1, 0))
"""Halves (year, half) whose returns are known: both of the stub and the first of the year after."""


def monthly_levels() -> pd.DataFrame:
    """Month-end levels by asset, indexed by month, from the first month any asset has to the last."""
    import pandas as pd

    table = sources.table("monthly_prices").merge(sources.table("developed_ex_us"), on="month", how="left")
    index = pd.PeriodIndex(table["month"].astype(str), freq="M", name="month")
    levels = table[list(MONTHLY_SERIES.values())].astype(float)
    levels.columns = pd.Index(MONTHLY_SERIES, name="asset")
    return levels.set_index(index).dropna(how="all")[list(ASSETS)]


def monthly_log_returns(start: str | None = None, end: str | None = None) -> pd.DataFrame:
    """Monthly log returns by asset (columns in the order of ``ASSETS``), NaN where a level is missing."""
    levels = monthly_levels()
    consecutive = levels.asfreq("M")
    return consecutive.apply(np.log).diff().loc[start:end]


def gaps() -> pd.DataFrame:
    """Per asset: series, first and last month with a level, months there, months missing in between."""
    import pandas as pd

    levels = monthly_levels().asfreq("M")
    rows = []
    for asset, series in MONTHLY_SERIES.items():
        known = levels[asset].dropna()
        span = levels.index[(levels.index >= known.index[0]) & (levels.index <= known.index[-1])]
        rows.append((asset, series, str(known.index[0]), str(known.index[-1]), len(known), len(span) - len(known)))
    columns = ["asset", "series", "first_month", "last_month", "months", "missing_months"]
    return pd.DataFrame(rows, columns=columns).set_index("asset")


def moments(first_year: int, last_year: int) -> pd.DataFrame:
    """Moments of monthly log returns over whole calendar years, annualized, one row per asset.

    ``mean_log_rate`` and ``volatility_rate`` (a year), ``geometric_return_rate``, ``months`` used, and
    ``equity_correlation`` over the months that both have.
    """
    import pandas as pd

    returns = monthly_log_returns(f"{first_year}-01", f"{last_year}-12")
    mean = returns.mean() * MONTHS_PER_YEAR
    return pd.DataFrame(
        {
            "mean_log_rate": mean,
            "volatility_rate": returns.std() * np.sqrt(MONTHS_PER_YEAR),
            "geometric_return_rate": np.expm1(mean),
            "months": returns.count(),
            "equity_correlation": returns.corrwith(returns["equity"]),
        }
    )


def crypto_moments_by_period(periods: Sequence[tuple[int, int]] = CRYPTO_PERIODS) -> pd.DataFrame:
    """Moments of Bitcoin by period: the mean falls tenfold from the first to the last."""
    import pandas as pd

    rows = {f"{first}-{last}": moments(first, last).loc["crypto"] for first, last in periods}
    return pd.DataFrame(rows).T.rename_axis("period")


def annual_moments() -> pd.DataFrame:
    """Calendar-year moments by asset over all years each has, nominal and after inflation.

    ``first_year``, ``last_year``, ``years``, ``mean_return_rate`` (arithmetic), ``volatility_rate``,
    ``geometric_return_rate``, ``real_geometric_return_rate``, ``equity_geometric_same_years_rate`` and
    ``source``.
    """
    import pandas as pd

    table = sources.table("annual_returns").set_index("year")
    foreign = sources.table("developed_ex_us")
    ends = foreign[foreign["month"].str.endswith("-12")]
    ends = ends.set_index(ends["month"].str[:4].astype(int))["developed_ex_us_tr"]
    table["developed_ex_us_tr"] = ends.pct_change()
    inflation = np.log1p(table["cpi_inflation"])
    rows = {}
    for asset, series in ANNUAL_SERIES.items():
        returns = table[series].dropna()
        logs, same = np.log1p(returns), np.log1p(table["sp500_tr"].loc[returns.index])
        rows[asset] = {
            "series": series,
            "first_year": returns.index[0],
            "last_year": returns.index[-1],
            "years": len(returns),
            "mean_return_rate": returns.mean(),
            "volatility_rate": returns.std(),
            "geometric_return_rate": np.expm1(logs.mean()),
            "real_geometric_return_rate": np.expm1((logs - inflation.loc[returns.index]).mean()),
            "equity_geometric_same_years_rate": np.expm1(same.mean()),
            "source": sources.resource("annual_returns").source,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("asset").loc[list(ASSETS)]


def max_drawdown(returns: Sequence[float] | np.ndarray) -> float:
    """Deepest fall below a running peak of a sequence of simple returns, a fraction (0 = never fell)."""
    level = np.concatenate([[1.0], np.cumprod(1.0 + np.asarray(returns, dtype=float))])
    return float((1.0 - level / np.maximum.accumulate(level)).max())


def drawdowns(asset: str, threshold_share: float = 0.45) -> pd.DataFrame:
    """Falls of an asset's month-end level of at least ``threshold_share``, peak to trough.

    Counted as in table ``crypto_drawdowns``: from the running peak, closed when the level regains it or
    doubles from the trough. Month ends miss falls inside a month, so depths are at most the table's.
    Columns ``peak_month``, ``trough_month``, ``drawdown_share``, ``recovered_month`` (missing: not yet).
    """
    import pandas as pd

    if asset not in MONTHLY_SERIES:
        raise InputError(Problem("unknown asset", key="asset", value=asset, nearest=nearest(asset, ASSETS)))
    levels = monthly_levels()[asset].dropna()
    rows, peak, trough = [], levels.index[0], levels.index[0]
    for month, level in levels.items():
        if level >= levels[peak] or level >= 2.0 * levels[trough]:
            rows.append((peak, trough))
            peak = trough = month
        elif level < levels[trough]:
            trough = month
    rows.append((peak, trough))
    found = []
    for peak, trough in rows:
        depth = 1.0 - levels[trough] / levels[peak]
        if depth >= threshold_share:
            later = levels[(levels.index > trough) & (levels >= levels[peak])]
            recovered = str(later.index[0]) if len(later) else None
            found.append((str(peak), str(trough), float(depth), recovered))
    return pd.DataFrame(found, columns=["peak_month", "trough_month", "drawdown_share", "recovered_month"])


def published_crypto_drawdowns() -> pd.DataFrame:
    """Bitcoin's falls of 45 percent or more from daily closes (table ``crypto_drawdowns``)."""
    return sources.table("crypto_drawdowns")


@remembered
def crypto_start_usd() -> float:
    """Value of all crypto at the end of 2025: the last in ``monthly_prices``, carried there by Bitcoin."""
    table = sources.table("monthly_prices")
    known = table.dropna(subset=["crypto_mcap_usd"]).iloc[-1]
    bitcoin = table.set_index("month")["btc_usd"]
    return float(known["crypto_mcap_usd"] * bitcoin.loc[f"{FIRST_YEAR}-12"] / bitcoin.loc[known["month"]])


@remembered
def half_returns_real(opening: OpeningDate = HEADLINE) -> np.ndarray:
    """Simple returns of the halves that have happened, ``(half, asset)`` in the order of ``REAL_HALVES``.

    The year of the opening from that date: to the middle of what is left of it and from there to its end (a month that
    contains the middle is split by square root); the next year: January to June.

    Raises InputError when a month of an asset is missing.
    """
    import pandas as pd

    left, following = opening.months_left, opening.year + 1
    logs = monthly_log_returns(left[0], f"{following}-06")
    expected = pd.period_range(left[0], f"{following}-06", freq="M")
    logs = logs.reindex(expected)
    missing = [f"{asset} {month}" for asset in logs for month in logs.index[logs[asset].isna()]]
    if missing:
        raise InputError([Problem("no month-end level", file="monthly_prices.csv", value=cell) for cell in missing])
    stub, whole = logs.iloc[: len(left)], len(left) // 2
    middle = stub.iloc[whole : len(left) - whole].sum() / 2.0
    halves = (
        stub.iloc[:whole].sum() + middle,
        stub.iloc[len(left) - whole :].sum() + middle,
        logs.loc[f"{following}-01" : f"{following}-06"].sum(),
    )
    return np.expm1(np.stack([half[list(ASSETS)].to_numpy(dtype=float) for half in halves]))
