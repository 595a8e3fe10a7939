"""One macroeconomic path: output, prices, wages and interest rates, 2015 to the end of the run-off.

- **To 2036**: Congressional Budget Office, February 2026 (table ``cbo_macro``): GDP, CPI-U, wages.
- **2037 to 2100**: the 2026 OASDI Trustees Report, intermediate assumptions (``trustees_2026``): growth of the
  average covered wage and of the CPI-W. The wage bill is the average wage times the workers of this model, and GDP
  grows with it. The trustees' own GDP rests on SSA's population, which grows faster than CBO's.
- **After 2100**: the last growth rates are held (average wage, prices) and so is the number of workers,
  because the run-off is of closed cohorts, not a forecast of the country.
- **Workers**: people on 1 July times the participation of their age in 2025 (``labor_force``, BLS). The table
  begins at 55; younger adults take the rate of 55-59. Only growth is used.
- **Average wage**: SSA's average wage index (``wage_index``) where published as actual; before, it moves with
  the wage bill per inhabitant, after, with the wage bill per worker.
- **Rates**: three-month bill and ten-year Treasury. Observed means of ``monthly_prices`` to 2025 and of the
  months there are of 2026. Then the ten-year rate is the trustees' rate on new special-issue Treasuries, which is by
  law the mean market yield of Treasuries with four years or more to run. The bill rate serves as the one-year rate;
  it is that rate less ``macro.term_spread``. The last value is held.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR, LAST_YEAR, RUN_OFF_LAST_YEAR
from fiscal.base.errors import InputError, Problem
from fiscal.base.memo import remembered
from fiscal.people import population

if TYPE_CHECKING:
    import pandas as pd

WORKING_FROM = 18
PARTICIPATION_YEAR = 2025
COLUMNS = (
    "gdp_bn_usd", "wage_bill_bn_usd", "wage_index", "cpi_u", "chained_cpi", "one_year_rate",
    "treasury_10y_rate", "workers",
)  # fmt: skip


@remembered
def macro(
    years: Iterable[int] | None = None, *, chained_cpi_gap: float | None = None, wage_growth_adjust: float = 0.0
) -> pd.DataFrame:
    """The macroeconomic path, one row per year (index ``year``, default 2015..2201).

    Columns: ``gdp_bn_usd`` and ``wage_bill_bn_usd`` (billions of current dollars), ``wage_index`` (average
    wage per worker, dollars a year), ``cpi_u`` (1982-84 = 100), ``chained_cpi`` (equal to ``cpi_u`` in 2025),
    ``one_year_rate`` and ``treasury_10y_rate`` (fractions a year), ``workers`` (persons, see above; missing
    before 2022, held after 2100).

    ``chained_cpi_gap`` is the yearly growth of the chained CPI below the CPI-U (None: assumption
    ``macro.chained_cpi_gap``); ``wage_growth_adjust`` is added to wage, wage-bill and GDP growth from 2026.

    Raises InputError for years outside 2015..2201 or settings that are not finite.
    """
    frame = _central_path()
    chosen = frame.index if years is None else list(years)
    gap = sources.assumption("macro.chained_cpi_gap") if chained_cpi_gap is None else chained_cpi_gap
    _check(chosen, frame.index, gap, wage_growth_adjust)
    frame = frame.copy()
    ahead = frame.index.to_numpy() - FIRST_YEAR
    frame["chained_cpi"] = frame["cpi_u"] * (1.0 - gap) ** ahead
    richer = (1.0 + wage_growth_adjust) ** np.maximum(ahead, 0)
    for column in ("gdp_bn_usd", "wage_bill_bn_usd", "wage_index"):
        frame[column] *= richer
    return frame.loc[chosen, list(COLUMNS)]


@remembered
def _central_path() -> pd.DataFrame:
    import pandas as pd

    cbo = sources.table("cbo_macro").set_index("year")
    first, cbo_last = int(cbo.index[0]), int(cbo.index[-1])
    frame = pd.DataFrame(index=pd.RangeIndex(first, RUN_OFF_LAST_YEAR + 1, name="year"))
    workers = _workers(*population.july_population()).reindex(frame.index).ffill()
    frame["workers"] = workers
    frame["wage_index"] = _average_wage(cbo, workers, frame.index)
    frame["cpi_u"] = _extended(cbo["cpi_u_index"], _trustees()["cpi_w_growth_rate"], frame.index)
    wage_bill_growth = (frame["wage_index"] * workers).pct_change()
    frame["wage_bill_bn_usd"] = _extended(cbo["wages_salaries_bn_usd"], wage_bill_growth, frame.index)
    frame["gdp_bn_usd"] = _extended(cbo["gdp_bn_usd"], wage_bill_growth, frame.index)
    frame["treasury_10y_rate"] = _treasury_10y().reindex(frame.index).ffill()
    frame["one_year_rate"] = _one_year().reindex(frame.index).ffill()
    if cbo_last >= LAST_YEAR or frame.loc[:, frame.columns != "workers"].isna().any().any():
        raise InputError("macro: the tables leave a gap between 2015 and the end of the run-off")
    return frame


def _trustees() -> pd.DataFrame:
    return sources.table("trustees_2026").set_index("year")


def _extended(series: pd.Series, growth: pd.Series, index: pd.Index) -> pd.Series:
    """``series`` continued over ``index`` with yearly ``growth``, whose last value is held."""
    after = index[index > series.index[-1]]
    factors = (1.0 + growth.reindex(after).ffill()).cumprod()
    return series.reindex(index).fillna(series.iloc[-1] * factors)


def _average_wage(cbo: pd.DataFrame, workers: pd.Series, index: pd.Index) -> pd.Series:
    """Average wage per worker, dollars: SSA's index, chained on both sides (see the module's text)."""
    table = sources.table("wage_index")
    actual = table[table["status"] == "actual"].set_index("year")["average_wage_index_usd"].astype(float)
    bill = cbo["wages_salaries_bn_usd"]
    inhabitants = _inhabitants().reindex(bill.index).bfill()
    backward = bill / inhabitants
    forward = bill / workers.reindex(bill.index)
    wage = actual.reindex(index)
    first, last = int(actual.index[0]), int(actual.index[-1])
    before, after = bill.index[bill.index < first], bill.index[bill.index > last]
    wage.loc[before] = actual.loc[first] * backward.loc[before] / backward.loc[first]
    wage.loc[after] = actual.loc[last] * forward.loc[after] / forward.loc[last]
    return _extended(wage.loc[: bill.index[-1]], _trustees()["average_wage_growth_rate"], index)


def _inhabitants() -> pd.Series:
    """CBO's total population where the table has it; the years before its first hold its first growth."""
    series = sources.table("cbo_population").set_index("year")[population.CBO_COLUMN].dropna()
    growth = float(series.iloc[1] / series.iloc[0])
    first = int(series.index[0])
    earlier = {year: series.iloc[0] * growth ** (year - first) for year in range(first - 5, first)}
    import pandas as pd

    return pd.concat([pd.Series(earlier), series])


def _workers(years: np.ndarray, people: np.ndarray) -> pd.Series:
    """People ``(year, sex, age)`` times the participation of their age, by year."""
    import pandas as pd

    return pd.Series(people.sum(axis=1) @ participation_rate(), index=years)


def participation_rate() -> np.ndarray:
    """Labor-force participation by single age 0..119 in 2025 (BLS, both sexes), fractions."""
    table = sources.table("labor_force")
    table = table[(table["publisher"] == "BLS CPS") & (table["year"] == PARTICIPATION_YEAR)]
    bands = sorted((*_age_band(age), rate) for age, rate in zip(table["age"], table["value"], strict=True))
    rates = np.zeros(population.ALL_AGES.size)
    rates[WORKING_FROM:] = bands[0][-1]
    for start, end, rate in bands:
        rates[start : end + 1] = rate
    return rates


def _age_band(text: str) -> tuple[int, int]:
    """``"55-59"`` as (55, 59), ``"75+"`` as (75, 119)."""
    start, _, end = text.partition("-")
    return (int(start), int(end)) if end else (int(text.removesuffix("+")), population.LAST_AGE)


# ------------------------------------------------------------------------------------------ rates


def _treasury_10y() -> pd.Series:
    """Ten-year Treasury rate: observed years, then the trustees' interest rate."""
    return _observed_rate("ust_10y_yield_rate").combine_first(_trustees()["special_issue_rate"])


def _one_year() -> pd.Series:
    """Bill rate: observed years, then the ten-year rate less a spread that moves from the observed one."""
    observed, long = _observed_rate("tbill_3m_yield_rate"), _treasury_10y()
    last = int(observed.index[-1])
    full = sources.assumption("macro.term_spread_full_year")
    now = float(long.loc[last] - observed.iloc[-1])
    spread = sources.assumption("macro.term_spread")
    path = long.loc[last:]
    return observed.combine_first(path - np.interp(path.index.to_numpy(), [last, max(full, last + 1)], [now, spread]))


def _observed_rate(name: str) -> pd.Series:
    """Yearly mean of the month-end yields from 2015 on, fractions; the last year may be part of one."""
    table = sources.table("monthly_prices")
    yields = table[name]
    year = table["month"].astype(str).str[:4].astype(int)
    means = yields.groupby(year).mean().dropna()
    return means[means.index >= int(sources.table("cbo_macro")["year"].min())]


def _check(chosen: Iterable[int], known: pd.Index, gap: float, adjust: float) -> None:
    problems = []
    unknown = [year for year in chosen if year not in known]
    if unknown:
        allowed = f"{known[0]} to {known[-1]}"
        problems.append(Problem("no macroeconomic path", key="years", value=unknown[:5], allowed=allowed))
    for key, value in (("chained_cpi_gap", gap), ("wage_growth_adjust", adjust)):
        if not abs(value) < 0.1:
            message = "is not a plausible yearly rate"
            problems.append(Problem(message, key=key, value=value, allowed="-0.1 to 0.1"))
    if problems:
        raise InputError(problems)
