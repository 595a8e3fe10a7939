"""Long-run geometric returns by asset, nominal, a year.

- **Equity**: real geometric mean of the S&P 500 with dividends, 1928-2025, plus projected CPI-U growth.
- **Bonds, cash**: the same of the ten-year Treasury and the three-month bill, but never below the mean
  projected yield (ten-year, one-year) of :mod:`fiscal.people.economy`: over decades a bond earns about its
  yield, and cash that earned less than the discount rate would be a loss by construction.
- **Crypto**: no long run is known. The equity return, so that what happens outside an event neither favors nor burdens
  crypto (setting ``paths.outside_event_return``).
- **Private equity, real estate, commodities**: no long series of what a plan would hold; an assumed premium
  over equity or cash (assumptions ``markets.*_premium``), the listed history beside it for comparison.

Returns are those of the index; fees are charged by the projection.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from fiscal.base import sources
from fiscal.base.axes import ASSETS, FIRST_YEAR, LAST_YEAR
from fiscal.base.errors import InputError, Problem, nearest
from fiscal.markets.history import annual_moments
from fiscal.people.economy import macro

if TYPE_CHECKING:
    import pandas as pd


PREMIUM_OVER = {"private_equity": "equity", "real_estate": "equity", "commodities": "cash"}
"""Assets whose long-run return is another's and a premium."""

PREMIUM_ROWS = {asset: f"markets.{asset}_premium_over_{anchor}" for asset, anchor in PREMIUM_OVER.items()}
"""Their premiums in the assumptions table."""


def long_run_means(overrides: Mapping[str, float | None] | None = None) -> pd.DataFrame:
    """Long-run returns by asset (index, in the order of ``ASSETS``).

    Columns: ``geometric_return_rate`` (nominal, a year), ``real_return_rate`` (after the projected CPI-U),
    ``historical_real_rate`` and ``first_year``/``last_year`` of the series behind it, ``source``, ``status``
    (``derived`` from published series, ``assumed``, or ``setting`` for an override).

    ``overrides`` replaces geometric returns by asset (None = keep); premiums follow the overridden asset.

    Raises InputError for an unknown asset or a return not above -1 (all problems at once).
    """
    import pandas as pd

    chosen = _checked(overrides or {})
    rates: dict[str, float] = {}
    rows = []
    history = annual_moments()
    inflation = mean_inflation_rate()
    for asset in ("equity", "bonds", "cash", "crypto", "private_equity", "real_estate", "commodities"):
        rate, source, status = _default(asset, rates, history)
        if asset in chosen:
            rate, source, status = chosen[asset], "setting of the scenario", "setting"
        rates[asset] = rate
        past = history.loc[asset]
        rows.append(
            {
                "asset": asset,
                "geometric_return_rate": rate,
                "real_return_rate": (1.0 + rate) / (1.0 + inflation) - 1.0,
                "historical_real_rate": past["real_geometric_return_rate"],
                "first_year": past["first_year"],
                "last_year": past["last_year"],
                "source": source,
                "status": status,
            }
        )
    return pd.DataFrame(rows).set_index("asset").loc[list(ASSETS)]


@lru_cache(maxsize=1)
def mean_inflation_rate() -> float:
    """Geometric mean rise of the CPI-U, 2025 to 2100, of the macroeconomic path."""
    first, last = macro([FIRST_YEAR, LAST_YEAR])["cpi_u"].to_numpy(dtype=float)
    return float((last / first) ** (1.0 / (LAST_YEAR - FIRST_YEAR)) - 1.0)


@lru_cache(maxsize=1)
def mean_yields() -> dict[str, float]:
    """Mean projected yield 2026 to 2100: ten-year Treasury for bonds, one-year rate for cash."""
    path = macro(range(FIRST_YEAR + 1, LAST_YEAR + 1))
    columns = {"bonds": "treasury_10y_rate", "cash": "one_year_rate"}
    return {
        asset: float(np.expm1(np.log1p(path[column].to_numpy(dtype=float)).mean()))
        for asset, column in columns.items()
    }


def _default(asset: str, rates: Mapping[str, float], history: pd.DataFrame) -> tuple[float, str, str]:
    """Return, source and status of an asset, given those already settled and the record's moments."""
    if asset == "crypto":
        return rates["equity"], "set equal to equity: crypto has no long run to take a mean of", "assumed"
    if asset in ("equity", "bonds", "cash"):
        past = history.loc[asset]
        real, series = past["real_geometric_return_rate"], past["series"]
        recorded = (1.0 + real) * (1.0 + mean_inflation_rate()) - 1.0
        span = f"annual_returns {series} {past['first_year']}-{past['last_year']}, real geometric mean"
        if asset != "equity" and mean_yields()[asset] > recorded:
            note = (
                f"mean projected yield 2026-2100 (macro path), above the history's ({span}: {recorded:.4f})"
            )
            return mean_yields()[asset], note, "derived"
        return float(recorded), f"{span}, plus projected CPI-U", "derived"
    anchor, key = PREMIUM_OVER[asset], PREMIUM_ROWS[asset]
    premium = sources.assumption(key)
    return rates[anchor] + premium, f"{anchor} plus assumption {key}", "assumed"


def override_problems(overrides: Mapping[str, float | None]) -> list[Problem]:
    """What is wrong with a set of core returns by asset: unknown assets, returns not above -1."""
    problems = []
    for asset, rate in overrides.items():
        if asset not in ASSETS:
            problems.append(Problem("unknown asset", key=f"core.{asset}", nearest=nearest(asset, ASSETS)))
        elif rate is not None and not (np.isfinite(rate) and rate > -1.0):
            problems.append(
                Problem("not a yearly return", key=f"core.{asset}", value=rate, allowed="above -1")
            )
    return problems


def _checked(overrides: Mapping[str, float | None]) -> dict[str, float]:
    problems = override_problems(overrides)
    if problems:
        raise InputError(problems)
    return {asset: float(rate) for asset, rate in overrides.items() if rate is not None}
