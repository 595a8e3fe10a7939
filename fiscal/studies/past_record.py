"""The published record of plans, and what a forecaster of a past year is given.

A start is the last year whose figures had been published: the run that opens with them could be made when the bulletin
of that year appeared, about two years later, and leads count from the start. The same bulletin publishes all earlier
outcomes, so a start knows the outcomes of its own year and before.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.errors import InputError
from fiscal.markets import glide
from fiscal.people import coverage

BILLION = 1e9

FIRST_START, LAST_START, LAST_OUTCOME = 2010, 2022, 2023
"""People by age begin with the first, published plans end with the last."""
STARTS = tuple(range(FIRST_START, LAST_START + 1))
QUANTITIES = ("contributions", "benefits", "assets")

KNOWN = {"actual_wages_and_returns": (True, True), "actual_wages": (True, False), "none": (False, False)}
"""Conditioning -> whether wages, and whether returns after the start are given."""


def told_of(conditioning: str) -> tuple[bool, bool]:
    """Whether wages and returns after the start are given."""
    return KNOWN[conditioning]


WAGE_YEARS = 10
"""Years before the start whose mean growth of wages the rule continues."""
LEVEL_YEARS = 5
"""Years up to the start that the level of benefits is the mean of; the naive rule takes as many."""


def published() -> pd.DataFrame:
    """DOL's totals of 401(k)-type plans by year, billions: ``contributions`` (rollovers in), ``benefits`` (rollovers
    out), ``assets``, and the rate of return that they imply (modified Dietz)."""
    table = sources.table("dol_401k_1984_2023").set_index("year")
    found = pd.DataFrame(
        {
            "contributions": table["contributions_bn_usd"],
            "benefits": table["benefits_bn_usd"],
            "assets": table["assets_bn_usd"],
        }
    ).astype(float)
    net, before = found["contributions"] - found["benefits"], found["assets"].shift()
    found["return"] = (found["assets"] - before - net) / (before + net / 2)
    return found


def check_start(start: int) -> None:
    """Raise InputError for a start year without data."""
    if start not in STARTS:
        raise InputError("no hindcast starts there", key="--start", value=start, allowed=f"{STARTS[0]} to {STARTS[-1]}")


def wage_growth(start: int) -> float:
    """Mean growth of private wages in the ten years to the start: the rule where wages are not given."""
    wages = coverage.private_wages()
    return float((wages[start] / wages[start - WAGE_YEARS]) ** (1 / WAGE_YEARS) - 1)


def plan_return_rule(start: int) -> float:
    """Return where none is given: the bill rate of the last month of the start year and the mean premium of the plans'
    mix over bills, geometric, from 1928 to the start."""
    monthly = sources.table("monthly_prices").set_index("month")["tbill_3m_yield_rate"]
    bill = float(monthly[f"{start}-12"])
    known = premiums().loc[:start]
    return bill + float(np.expm1(np.log1p(known).mean()))


def premiums() -> pd.Series:
    """Yearly return of the plans' mix of stocks and bonds over Treasury bills, from 1928."""
    returns = sources.table("annual_returns").set_index("year")
    stocks = equity_share()
    mix = stocks * returns["sp500_tr"] + (1 - stocks) * returns["ust_10y_tr"]
    premium: pd.Series = ((1 + mix) / (1 + returns["tbill_3m"]) - 1).dropna()
    return premium


def equity_share() -> float:
    """Equity share of all 401(k) assets (EBRI/ICI 2022)."""
    table = sources.table("ebri_401k_allocation")
    rows = table[(table["year"] == glide.EQUITY_YEAR) & (table["group"] == "all")]
    return float(rows.loc[rows["item"] == "equities_total_share_of_assets", "value"].item())


def told_wages(start: int, years: np.ndarray, actual: bool) -> np.ndarray:
    """Wages of private industries, billions ``(Y,)``: actual, or by the rule from the start on."""
    wages = coverage.private_wages()
    if actual:
        return wages[years].to_numpy()
    known = wages.reindex(np.minimum(years, start)).to_numpy()
    grown: np.ndarray = known * (1 + wage_growth(start)) ** np.maximum(years - start, 0)
    return grown


def told_returns(start: int, years: np.ndarray, actual: bool) -> np.ndarray:
    """Rates of return of plans ``(Y,)``: those of DOL's totals, or by the rule from the start on."""
    returns = published()["return"].reindex(years).to_numpy()
    return returns if actual else np.where(years > start, plan_return_rule(start), returns)
