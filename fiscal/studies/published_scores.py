"""Published scores of other models: what a change of law brings, and receipts in the long run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.budget.lines import CASH_LINES, DEFERRAL_BALANCE, NET_REVENUE
from fiscal.engine.run import Run
from fiscal.people.accounts import ALL_PLANS
from fiscal.studies.published_runs import (
    BILLION,
    VINTAGE,
    Found,
    all_plans,
    all_types,
    baseline_run,
    by_fiscal_year,
    fiscal_deflator,
    targets,
)


def _net_revenue(run: Run) -> np.ndarray:
    """Net revenue of all plans by fiscal year, ``(Y,)`` billions."""
    lines = {line: by_fiscal_year(run, line, run.ledger.total(line)[0]) for line in CASH_LINES}
    return NET_REVENUE.of(lines) / BILLION


def _score(policy: Run, law: Run, last: int, years_back: int) -> Found:
    """Net revenue of ``policy`` less that of ``law`` over fiscal years from ``VINTAGE`` to ``last``, each
    deflated by the wages of this number of years."""
    years = policy.projection.years
    difference = _net_revenue(policy) - _net_revenue(law)
    inside = [int(year) for year in years if VINTAGE <= year <= last]
    by_year = {year: float(difference[years == year][0]) for year in inside}
    deflated = sum(by_year[year] * fiscal_deflator(year - years_back, year) for year in inside)
    return Found(
        deflated,
        f"{sum(by_year.values()):.1f} in dollars of FY{inside[0]}-{inside[-1]}; first year {by_year[inside[0]]:.1f}, "
        f"last {by_year[inside[-1]]:.1f}",
    )


NO_MANDATE = "roth.catch_up_mandate=false"


def roth_catch_up(plans: str = ALL_PLANS) -> Found:
    """Net revenue with the Roth catch-up rule less that without it."""
    on, off = (all_plans(*changes, plans=plans) for changes in ((), (NO_MANDATE,)))
    return _score(on, off, VINTAGE + 8, 2)


def roth_take_up_of_employers() -> float:
    """Roth share of employer money in its first years: that of deferrals in theirs, W-2 of 2008 to 2014."""
    shares = sources.table("w2_deferrals_roth").set_index("tax_year")["roth_share_of_401k_dollars"]
    return float(shares.loc[2008:2014].mean())


def roth_match() -> Found:
    """Net revenue where employers' money is Roth at its take-up, less that of current law."""
    share = roth_take_up_of_employers()
    found = _score(all_plans(f"roth.employer_share={share!r}"), all_plans(), VINTAGE + 9, 3)
    return Found(found.value, f"take-up {share:.1%}; {found.detail}")


def full_roth() -> Found:
    """Net revenue where all new contributions are Roth, less that of current law."""
    policy = all_plans("roth.elective_share_2025=1.0", "roth.elective_share_step=0.0", "roth.employer_share=1.0")
    return _score(policy, all_plans(), VINTAGE + 9, 1)


def _receipts_over_gdp(run: Run) -> pd.Series:
    """Withdrawal tax less deferred revenue over GDP, by year to the horizon."""
    gdp = run.economy["gdp_bn_usd"].to_numpy() * BILLION
    net = DEFERRAL_BALANCE.of({line: run.ledger.total(line)[0] for line in DEFERRAL_BALANCE.parts}) / gdp
    return pd.Series(net[run.horizon], run.projection.years[run.horizon])


EARLY_YEARS = 25
"""Years of CBO's seventy-five in which about half of the rise falls."""


def _early_enough(early: float) -> bool:
    """The published half that falls in the first 25 years has the row's factor on either side."""
    factor = float(targets().loc["CBO2004_75", "tolerance"])
    return 0.5 / factor <= early <= 0.5 * factor


def mean_receipts() -> Found:
    """Change in receipts over GDP from 2026 on, mean of 75 years."""
    change = _receipts_over_gdp(baseline_run()).loc[VINTAGE:]
    change = change - change[VINTAGE]
    early = float(change.iloc[:EARLY_YEARS].sum() / change.sum())
    return Found(float(change.mean()), f"{early:.0%} of it in the first 25 years", _early_enough(early))


def receipts() -> Found:
    """Receipts over GDP at the end less those at the start, all plans; the share of the rise after 25 years."""

    def rise(run: Run) -> tuple[float, float]:
        path = _receipts_over_gdp(run).loc[VINTAGE:]
        whole = float(path.iloc[-1] - path[VINTAGE])
        return whole, float(path[VINTAGE + EARLY_YEARS] - path[VINTAGE]) / whole

    (value, early), own = rise(all_types()), rise(baseline_run())[0]
    return Found(value, f"{early:.0%} of the rise in the first 25 years; 401(k) alone {own:.4f}", _early_enough(early))
