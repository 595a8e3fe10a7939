"""The model inside CBO's taxable pensions and IRA distributions, year by year, and over GDP in the long run.

CBO publishes one line for pensions, annuities, and IRAs. Inside it are the withdrawals of all defined-contribution
plans, each type by its own rules, and those of all traditional IRAs: the ones that received rollovers from 401(k) plans
and, in the same proportion to their stock, the others. What is left is for defined-benefit pensions and annuities. The
next column is the part that would remain if it grew from its first year as all taxable pensions did over the ten years
to the last published one. CBO's line and the record need not agree: the record of the same line has grown faster.

The scenario ``cbo_consistent`` lets the withdrawals inside the line grow as the line does; :func:`consistent_scale` is
the setting that does it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.progress import Progress, steps
from fiscal.engine import run as engine_run
from fiscal.engine.inputs import SCENARIO_PATH, assumptions
from fiscal.engine.run import Run
from fiscal.people.accounts import ALL_PLANS
from fiscal.studies import derived

NAME = "cbo_reconciliation"
BILLION = 1e9
CBO_BASELINE = "Feb 2026"
FIRST, LAST = 2026, 2036
RECORD = (2013, 2023)
"""Years over which the growth of taxable pensions is measured."""

SHOWN = (2026, 2030, 2036, 2050, 2075, 2100)


def cbo_line() -> pd.Series:
    """CBO's taxable pensions, annuities, and IRA distributions by year, billions of dollars."""
    table = sources.table("cbo_income_tax_details")
    rows = table[table["cbo_baseline"] == CBO_BASELINE].set_index("year")
    return rows["taxable_pension_annuity_ira_bn_usd"].astype(float)


def record_growth() -> float:
    """Yearly growth of taxable pensions and annuities on tax returns (defined-contribution payments among them)."""
    pensions = sources.table("form1040_retirement_income").set_index("year")["pension_taxable_bn_usd"]
    return float((pensions[RECORD[1]] / pensions[RECORD[0]]) ** (1 / (RECORD[1] - RECORD[0])) - 1)


def consistent_scale() -> float:
    """``withdrawals.scale_2036`` at which all withdrawals inside CBO's line grow from 2026 to 2036 as the line does, to
    three digits."""
    from scipy.optimize import brentq

    wanted = float(cbo_line()[LAST] / cbo_line()[FIRST])
    return round(float(brentq(lambda scale: growth_inside(scale) - wanted, 0.3, 1.2, xtol=2e-4)), 3)


def growth_inside(scale: float) -> float:
    """Withdrawals of all plans and traditional IRAs in 2036 over those in 2026, under ``withdrawals.scale_2036``."""
    setting = f"withdrawals.scale_2036={scale!r}"
    wide, with_iras = (_decade(*asked) for asked in ((ALL_PLANS, setting), (*WITH_IRAS, setting)))
    table = reconcile(wide, wide, with_iras, _rollover_share()).set_index("year")
    inside = table["cbo_bn_usd"] - table["left_bn_usd"]
    return float(inside[LAST] / inside[FIRST])


WITH_IRAS = (ALL_PLANS, "scope.rollover_stock=true")


def _rollover_share() -> float:
    return float(assumptions(scenarios.load("baseline").settings)["rollover_stock_share"])


def _decade(plans: str = ALL_PLANS, *overrides: str) -> Run:
    wanted = [f"horizon.last_year={LAST}", f"scope.plans={plans}", *overrides]
    return engine_run.compute(scenarios.load("baseline", wanted), run_off=False, references=False)


def _taxable(run: Run, lines: tuple[str, ...]) -> np.ndarray:
    """Taxable withdrawals of accounts, ``(Y,)`` billions; of the stub a whole year's."""
    path = run.projection.path(SCENARIO_PATH)
    total = sum(run.projection.total(line)[path] for line in lines)
    return np.asarray(total / BILLION / run.inputs.year_fraction)


def reconcile(narrow: Run, wide: Run, with_iras: Run, rollover_share: float) -> pd.DataFrame:
    """Year by year, billions of dollars: ``year, cbo_bn_usd, k401_bn_usd, other_plans_bn_usd, ira_bn_usd, left_bn_usd,
    left_as_record_bn_usd``.

    ``narrow`` is a run of 401(k) plans, ``wide`` of all plans, ``with_iras`` of all plans and the IRAs that had
    received rollovers before the opening, which are ``rollover_share`` of all traditional ones.
    """
    years = wide.projection.years
    plan, *_ = narrow.projection.withdrawal_lines
    *of_plans, ira = wide.projection.withdrawal_lines
    k401 = _taxable(narrow, (plan,))
    plans = _taxable(wide, tuple(of_plans))
    rolled, all_rolled = _taxable(wide, (ira,)), _taxable(with_iras, (ira,))
    inherited = _taxable(with_iras, ("inherited_withdrawals",))
    iras = all_rolled + inherited + (all_rolled - rolled) * (1 / rollover_share - 1)
    cbo = cbo_line().reindex(years).to_numpy()
    left = cbo - plans - iras
    at = int(np.flatnonzero(years == FIRST)[0])
    return pd.DataFrame(
        {
            "year": years,
            "cbo_bn_usd": cbo,
            "k401_bn_usd": k401,
            "other_plans_bn_usd": plans - k401,
            "ira_bn_usd": iras,
            "left_bn_usd": left,
            "left_as_record_bn_usd": left[at] * (1 + record_growth()) ** (years - FIRST),
        }
    ).loc[lambda frame: frame["year"].between(FIRST, LAST)]


def long_run(run: Run) -> pd.DataFrame:
    """Balances, taxable withdrawals, and receipts over GDP in some years, with CBO's line of all taxable pensions and
    IRA distributions to its last year: ``year, balances, withdrawals, withdrawal_tax, cbo_line``, fractions."""
    path = run.projection.path(SCENARIO_PATH)
    gdp = run.economy["gdp_bn_usd"].to_numpy()
    lines = (*run.projection.withdrawal_lines, "inherited_withdrawals", "nonqualified_earnings")
    closing = run.projection.closing_usd[path]
    frame = pd.DataFrame(
        {
            "year": run.projection.years,
            "balances": closing.reshape(len(closing), -1).sum(axis=1) / BILLION / gdp,
            "withdrawals": _taxable(run, lines) / gdp,
            "withdrawal_tax": run.ledger.total("withdrawal_tax")[path] / BILLION / gdp,
            "cbo_line": cbo_line().reindex(run.projection.years).to_numpy() / gdp,
        }
    )
    return frame[frame["year"].isin(SHOWN)].reset_index(drop=True)


def build(progress: Progress | None = None) -> pd.DataFrame:
    """The reconciliation from three runs to CBO's last year."""
    scopes: tuple[tuple[str, ...], ...] = ("401k",), (), WITH_IRAS
    narrow, wide, with_iras = (_decade(*asked) for asked in steps(scopes, progress, lambda _: "decade"))
    return reconcile(narrow, wide, with_iras, _rollover_share())


def stored() -> pd.DataFrame:
    """The stored reconciliation."""
    return sources.table("cbo_reconciliation")


def rebuild(progress: Progress | None = None) -> None:
    """Build the table and store it."""
    derived.store(NAME, build(progress).round(1), extra={"consistent_scale": consistent_scale()})
