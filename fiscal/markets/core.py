"""Expected returns by asset and year: geometric, nominal, a year.

- **Forward** (the default): the assumption of an investment house (table ``capital_market_assumptions``) for the
  house's own horizon, whose excess over a long-run anchor then halves every ``paths.return_half_life`` years. The
  anchors come from the macroeconomic path over 2037-2100: equity earns the growth of GDP per head plus a net payout
  yield, at home and abroad, bonds the ten-year rate plus a spread, cash the one-year rate.
- **Record** (``paths.returns = "record"``): the real geometric mean of the S&P 500 with dividends, the ten-year
  Treasury, and the three-month bill, 1928-2025, plus projected CPI-U growth; bonds and cash never below their mean
  projected yield. Foreign equity earns the real mean of MSCI World ex USA, 1970-2025, plus the same inflation.
- **Crypto**: no long run is known. It earns the equity return outside an event, so that what happens there neither
  favors nor burdens crypto (setting ``paths.outside_event_return``).
- **Private equity, real estate, commodities**: no long series of what a plan would hold; an assumed premium over equity
  or cash (assumptions ``markets.*_premium``), the listed history beside it for comparison.

Returns are those of the index; fees are charged by the projection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base import sources
from fiscal.base.axes import ASSETS, FIRST_YEAR, LAST_YEAR
from fiscal.base.errors import InputError, Problem, nearest
from fiscal.base.memo import remembered
from fiscal.markets.history import annual_moments
from fiscal.people.economy import macro
from fiscal.people.population import july_population

if TYPE_CHECKING:
    import pandas as pd


FORWARD, RECORD = "forward", "record"
HOUSE_CLASS = {"equity": "us_large_cap", "foreign_equity": "eafe_equity", "bonds": "us_aggregate_bonds", "cash": "cash"}
"""Asset class of the table of capital market assumptions that represents each asset."""

SHORTEST_HORIZON_YEARS = 10
"""Horizon of a house for which the table names none."""

FOREIGN_RECORD = "markets.foreign_equity_record_real_return"
"""Real mean of foreign equity on MSCI's record, whose yearly figures are licensed."""

PREMIUM_OVER = {"private_equity": "equity", "real_estate": "equity", "commodities": "cash"}
"""Assets whose long-run return is another's and a premium."""

PREMIUM_ROWS = {asset: f"markets.{asset}_premium_over_{anchor}" for asset, anchor in PREMIUM_OVER.items()}
"""Their premiums in the assumptions table."""

LONG_RUN = (2036, LAST_YEAR)
"""The macroeconomic path between these years makes the anchors: growth after CBO's decade."""


def expected_returns(settings: object, years: np.ndarray) -> np.ndarray:
    """Expected geometric returns ``(Y, asset)`` of calendar ``years``.

    ``settings`` is a mapping or an object with ``core`` (constant returns by asset that replace the others, None =
    keep), ``returns``, ``house``, ``return_half_life`` and ``assumptions`` (values that replace rows of the table),
    each optional. An asset whose return is another's and a premium follows that one.

    Raises InputError for an unknown asset or a return not above -1 (all problems at once).
    """
    own = _checked(_get(settings, "core") or {})
    record = _get(settings, "returns") == RECORD
    rates = np.empty((len(years), len(ASSETS)))
    done: dict[str, np.ndarray] = {}
    for asset in sorted(ASSETS, key=lambda asset: asset in PREMIUM_OVER or asset == "crypto"):
        if asset in own:
            done[asset] = np.full(len(years), own[asset])
        elif asset == "foreign_equity" and "equity" in own or asset == "crypto":
            done[asset] = done["equity"]
        elif asset in PREMIUM_OVER:
            done[asset] = done[PREMIUM_OVER[asset]] + _assumed(settings, PREMIUM_ROWS[asset])
        elif record:
            done[asset] = np.full(len(years), recorded_return(asset))
        else:
            done[asset] = _forward(settings, asset, years)
        rates[:, ASSETS.index(asset)] = done[asset]
    return rates


def _forward(settings: object, asset: str, years: np.ndarray) -> np.ndarray:
    """The publisher's rate for its horizon, then its excess over the anchor halves every this number of years, in
    logs."""
    rate, horizon = house_view(str(_get(settings, "house") or "jpmorgan"), asset)
    anchor = np.log1p(anchor_return(settings, asset))
    half_life = float(_get(settings, "return_half_life") or 10.0)
    left = 0.5 ** (np.maximum(years - FIRST_YEAR - horizon, 0) / half_life)
    blended: np.ndarray = np.expm1(anchor + (np.log1p(rate) - anchor) * left)
    return blended


@remembered
def house_view(house: str, asset: str) -> tuple[float, int]:
    """A house's expected return of an asset, and its horizon in years."""
    table = sources.table("capital_market_assumptions").set_index(["house", "asset"])
    horizon = table["horizon_years"].fillna(SHORTEST_HORIZON_YEARS)
    place = (house, HOUSE_CLASS[asset])
    return float(table["return_rate"][place]), int(horizon[place])


def anchor_return(settings: object, asset: str) -> float:
    """Long-run return of equity (at home and abroad), bonds, or cash on the macroeconomic path."""
    if asset == "bonds":
        return long_run_yields()["bonds"] + _assumed(settings, "markets.bond_spread")
    if asset == "cash":
        return long_run_yields()["cash"]
    return growth_per_head() + _assumed(settings, "markets.net_payout_yield")


@remembered
def growth_per_head() -> float:
    """Growth of nominal GDP per inhabitant, a year: real growth per head and inflation in one."""
    first, last = LONG_RUN
    years, people = july_population()
    heads = people.sum(axis=(1, 2))[[first - years[0], last - years[0]]]
    per_head = macro([first, last])["gdp_bn_usd"].to_numpy(dtype=float) / heads
    return float((per_head[1] / per_head[0]) ** (1 / (last - first)) - 1)


@remembered
def long_run_yields() -> dict[str, float]:
    """Mean projected yield after CBO's decade: ten-year Treasury for bonds, one-year rate for cash."""
    return _mean_yields(LONG_RUN[0] + 1)


def growth_of_output(years: np.ndarray) -> np.ndarray:
    """Growth of nominal GDP in each year, ``(Y,)``."""
    gdp = macro(range(int(years[0]) - 1, int(years[-1]) + 1))["gdp_bn_usd"].to_numpy(dtype=float)
    growth: np.ndarray = gdp[1:] / gdp[:-1] - 1
    return growth


def returns_less_growth(
    settings: object, first_year: int, last_year: int, mix: np.ndarray | None = None
) -> dict[str, float]:
    """Geometric means over the years, both inside: expected return of U.S. stocks ``r``, growth of GDP ``g``, and
    ``r_minus_g``; of a ``mix`` of assets (Y, asset) also ``r_mix`` and ``r_mix_minus_g``. Before fees."""
    years = np.arange(first_year, last_year + 1)
    rates = expected_returns(settings, years)
    earned = {"r": rates[:, ASSETS.index("equity")], "g": growth_of_output(years)}
    if mix is not None:
        earned["r_mix"] = (rates * mix).sum(axis=1)
    means = {name: float(np.expm1(np.log1p(each).mean())) for name, each in earned.items()}
    for name in [name for name in earned if name != "g"]:
        means[f"{name}_minus_g"] = means[name] - means["g"]
    return means


def long_run_means(settings: object = None) -> pd.DataFrame:
    """Expected returns by asset (index, in the order of ``ASSETS``), summed up.

    Columns: ``first_return_rate`` (of 2026), ``geometric_return_rate`` (mean of 2026 to 2100), ``last_return_rate`` (of
    2100), ``real_return_rate`` (the mean after the projected CPI-U), ``historical_real_rate`` and
    ``first_year``/``last_year`` of the series behind it, ``source``, ``status`` (``cited``, ``derived`` from published
    series, ``assumed``, or ``setting``). ``settings`` as for :func:`expected_returns`.
    """
    import pandas as pd

    own = _checked(_get(settings, "core") or {})
    years = np.arange(FIRST_YEAR + 1, LAST_YEAR + 1)
    rates = expected_returns(settings, years)
    means = np.expm1(np.log1p(rates).mean(axis=0))
    history = annual_moments()
    inflation = mean_inflation_rate()
    rows = []
    for x, asset in enumerate(ASSETS):
        set_here = asset in own or (asset == "foreign_equity" and "equity" in own)
        source, status = ("setting of the scenario", "setting") if set_here else _standing(settings, asset)
        past = history.loc[asset]
        rows.append(
            {
                "asset": asset,
                "first_return_rate": rates[0, x],
                "geometric_return_rate": means[x],
                "last_return_rate": rates[-1, x],
                "real_return_rate": (1.0 + means[x]) / (1.0 + inflation) - 1.0,
                "historical_real_rate": past["real_geometric_return_rate"],
                "first_year": past["first_year"],
                "last_year": past["last_year"],
                "source": source,
                "status": status,
            }
        )
    return pd.DataFrame(rows).set_index("asset")


def _standing(settings: object, asset: str) -> tuple[str, str]:
    """Source and status of an asset's expected return."""
    if asset == "crypto":
        return "set equal to equity: crypto has no long run to take a mean of", "assumed"
    if asset in PREMIUM_OVER:
        return f"{PREMIUM_OVER[asset]} plus assumption {PREMIUM_ROWS[asset]}", "assumed"
    if _get(settings, "returns") == RECORD and asset == "foreign_equity":
        return f"assumption {FOREIGN_RECORD}, plus projected CPI-U", "cited"
    if _get(settings, "returns") == RECORD:
        past = annual_moments().loc[asset]
        span = f"annual_returns {past['series']} {past['first_year']}-{past['last_year']}, real geometric mean"
        return f"{span}, plus projected CPI-U; bonds and cash at least their mean projected yield", "derived"
    rate, horizon = house_view(str(_get(settings, "house") or "jpmorgan"), asset)
    house = str(_get(settings, "house") or "jpmorgan")
    anchor = anchor_return(settings, asset)
    return f"{house} {rate:.3f} for {horizon} years, then toward the long-run anchor {anchor:.4f}", "cited"


def recorded_return(asset: str) -> float:
    """Real mean of the record plus projected inflation; bonds and cash at least their mean projected yield."""
    foreign = asset == "foreign_equity"
    moments = None if foreign else annual_moments().loc[asset]
    real = sources.assumption(FOREIGN_RECORD) if moments is None else float(moments["real_geometric_return_rate"])
    recorded = (1.0 + real) * (1.0 + mean_inflation_rate()) - 1.0
    return max(recorded, mean_yields().get(asset, recorded))


@remembered
def mean_inflation_rate() -> float:
    """Geometric mean rise of the CPI-U, 2025 to 2100, of the macroeconomic path."""
    first, last = macro([FIRST_YEAR, LAST_YEAR])["cpi_u"].to_numpy(dtype=float)
    return float((last / first) ** (1.0 / (LAST_YEAR - FIRST_YEAR)) - 1.0)


@remembered
def mean_yields() -> dict[str, float]:
    """Mean projected yield 2026 to 2100: ten-year Treasury for bonds, one-year rate for cash."""
    return _mean_yields(FIRST_YEAR + 1)


def _mean_yields(first_year: int) -> dict[str, float]:
    path = macro(range(first_year, LAST_YEAR + 1))
    columns = {"bonds": "treasury_10y_rate", "cash": "one_year_rate"}
    return {
        asset: float(np.expm1(np.log1p(path[column].to_numpy(dtype=float)).mean())) for asset, column in columns.items()
    }


def override_problems(overrides: Mapping[str, float | None]) -> list[Problem]:
    """What is wrong with a set of core returns by asset: unknown assets, returns not above -1."""
    problems = []
    for asset, rate in overrides.items():
        if asset not in ASSETS:
            problems.append(Problem("unknown asset", key=f"core.{asset}", nearest=nearest(asset, ASSETS)))
        elif rate is not None and not (np.isfinite(rate) and rate > -1.0):
            problems.append(Problem("not a yearly return", key=f"core.{asset}", value=rate, allowed="above -1"))
    return problems


def _checked(overrides: Mapping[str, float | None]) -> dict[str, float]:
    problems = override_problems(overrides)
    if problems:
        raise InputError(problems)
    return {asset: float(rate) for asset, rate in overrides.items() if rate is not None}


def _assumed(settings: object, key: str) -> float:
    """A row of the assumptions table, or the scenario's value of it."""
    own = _get(settings, "assumptions") or {}
    return float(own[key]) if key in own else sources.assumption(key)


def _get(settings: object, key: str) -> Any:
    return settings.get(key) if isinstance(settings, Mapping) else getattr(settings, key, None)
