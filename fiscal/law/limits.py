"""Contribution limits by year: by law to the last published year, indexed as the statute says after.

Every dollar limit starts from its statutory base and rises with CPI-U, third quarter over third quarter;
the *increase* is rounded down to the statute's step and the unrounded amount carries on, so rounding
never accumulates (26 USC 415(d)(3)-(4); 402(g)(4); 414(v)(2)(C); 401(a)(17)(B); SECURE 2.0 s.109, s.603).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from fiscal.base import sources
from fiscal.base.errors import InputError, Problem
from fiscal.base.memo import remembered

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _IndexedLimit:
    """One limit: its column, here as in the table, and the prefix of the statute's assumption rows."""

    column: str
    key: str


_LIMITS = (
    _IndexedLimit("elective_deferral_limit_usd", "law.limit_402g"),
    _IndexedLimit("catch_up_limit_usd", "law.limit_catch_up"),
    _IndexedLimit("catch_up_60_63_limit_usd", "law.limit_catch_up_60_63"),
    _IndexedLimit("annual_additions_limit_usd", "law.limit_415c"),
    _IndexedLimit("compensation_limit_usd", "law.limit_401a17"),
    _IndexedLimit("roth_catch_up_wage_threshold_usd", "law.limit_roth_catch_up_wage"),
)


@remembered
def contribution_limits(years: ArrayLike, cpi_u: ArrayLike, wage_index: ArrayLike) -> pd.DataFrame:
    """Limits on contributions to 401(k) plans, in dollars, one row per year (index ``year``).

    ``years`` are consecutive and start no later than the year before the last published one (2025);
    ``cpi_u`` (year) is the CPI-U of the same years, any base; ``wage_index`` (year) the
    average wage that indexes the Social Security taxable maximum after Tax-Calculator's last year.

    Columns: elective_deferral_limit_usd (402(g)), catch_up_limit_usd (414(v), age 50),
    catch_up_60_63_limit_usd (SECURE 2.0 s.109), annual_additions_limit_usd (415(c)),
    compensation_limit_usd (401(a)(17)), roth_catch_up_wage_threshold_usd (414(v)(7), wages of the *prior*
    year), social_security_taxable_maximum_usd. Published to the table's last year; afterwards indexed,
    where the third quarter of a projected year is taken to move with that year's annual average, so the
    limit of year t follows cpi_u[t - 1]. Raises InputError for years or indices that cannot be used.
    """
    frame = indexed_limits(years, cpi_u)
    frame["social_security_taxable_maximum_usd"] = _taxable_maximum(frame.index.to_numpy(), wage_index)
    return frame


def indexed_limits(years: ArrayLike, cpi_u: ArrayLike) -> pd.DataFrame:
    """The columns of `contribution_limits` that prices index: all but the taxable maximum."""
    years = np.asarray(years, dtype=int)
    cpi_u = np.asarray(cpi_u, dtype=float)
    table = sources.table("contribution_limits").set_index("year")
    last_published = int(table.index.max())
    _check(years, cpi_u, last_published)
    frame = pd.DataFrame(index=pd.Index(years, name="year"))
    prices = _third_quarter_index(years, cpi_u, last_published)
    for limit in _LIMITS:
        indexed = _indexed(limit.key, years, prices)
        by_law = table[limit.column].reindex(years).to_numpy(dtype=float)
        frame[limit.column] = np.where(np.isfinite(by_law), by_law, indexed)
    return frame


def last_published_year() -> int:
    """Last year of the limits table; later limits are indexed."""
    return int(sources.table("contribution_limits")["year"].max())


def indexed_by_law(key: str, year: int, monthly_cpi: pd.Series) -> float:
    """One limit of one year from the statute's base and monthly CPI-U (index: 'YYYY-MM'), rounded.

    Used to show that the rule reproduces the published amounts. ``key`` is the assumptions' prefix,
    such as 'law.limit_402g'.
    """
    base = sources.assumption(f"{key}_base_usd")
    first = _third_quarter(monthly_cpi, int(sources.assumption(f"{key}_base_quarter_year")))
    raw = base * _third_quarter(monthly_cpi, year - 1) / first
    return float(_round_increase(raw, base, sources.assumption(f"{key}_step_usd")))


def _indexed(key: str, years: NDArray[np.int_], prices: dict[int, float]) -> Array:
    base = sources.assumption(f"{key}_base_usd")
    first = prices[int(sources.assumption(f"{key}_base_quarter_year"))]
    raw = np.array([base * prices.get(int(year) - 1, np.nan) / first for year in years])
    return _round_increase(raw, base, sources.assumption(f"{key}_step_usd"))


def _round_increase(raw: ArrayLike, base: float, step: float) -> Array:
    """Base plus its increase, the increase rounded down to the step and never negative."""
    steps = np.floor((np.asarray(raw, dtype=float) - base) / step + 1e-9)
    return base + step * np.maximum(steps, 0.0)


def _third_quarter(monthly_cpi: pd.Series, year: int) -> float:
    months = [f"{year}-{month:02d}" for month in (7, 8, 9)]
    return float(monthly_cpi.reindex(months).mean(skipna=False))


def _third_quarter_index(years: NDArray[np.int_], cpi_u: Array, last_published: int) -> dict[int, float]:
    """CPI-U of the third quarter by year: observed, then moved by the annual average."""
    observed = _observed_third_quarters()
    known = {year: value for year, value in observed.items() if year <= years[-1]}
    anchor = last_published - 1
    annual = dict(zip(years.tolist(), cpi_u.tolist(), strict=True))
    projected = {y: known[anchor] * annual[y] / annual[anchor] for y in annual if y > anchor}
    return known | projected


@remembered
def _observed_third_quarters() -> dict[int, float]:
    """CPI-U of the third quarter of every year whose months the record has."""
    monthly = sources.table("monthly_prices")
    prices = pd.Series(monthly["cpi_u_nsa"].to_numpy(), index=monthly["month"].astype(str).str[:7])
    years = sorted({int(month[:4]) for month in prices.index})
    known = {year: _third_quarter(prices, year) for year in years}
    return {year: value for year, value in known.items() if np.isfinite(value)}


def _taxable_maximum(years: NDArray[np.int_], wage_index: ArrayLike) -> Array:
    law = sources.table("law_parameters").set_index("law_year")["social_security_taxable_maximum_usd"]
    last = int(law.index.max())
    if years[-1] <= last:
        return law.reindex(years).to_numpy(dtype=float)
    wages = dict(zip(years.tolist(), np.asarray(wage_index, dtype=float).tolist(), strict=True))
    return np.array([law.get(y, np.nan) if y <= last else law[last] * wages[y] / wages[last] for y in wages])


def _check(years: NDArray[np.int_], cpi_u: Array, last_published: int) -> None:
    problems = []
    if years.ndim != 1 or years.size == 0 or np.any(np.diff(years) != 1):
        problems.append(Problem("years must be consecutive and rising", key="years"))
    elif years[-1] > last_published and years[0] > last_published - 1:
        problems.append(
            Problem("the index needs a base year", key="years", value=int(years[0]), allowed=f"<= {last_published - 1}")
        )
    if cpi_u.shape != years.shape:
        problems.append(Problem("one price a year", key="cpi_u", value=cpi_u.shape, allowed=str(years.shape)))
    elif not np.all(np.isfinite(cpi_u) & (cpi_u > 0)):
        problems.append(Problem("prices must be positive numbers", key="cpi_u"))
    if problems:
        raise InputError(problems)
