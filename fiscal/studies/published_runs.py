"""What the comparison with published figures rests on: its targets, runs made once a process, and deflators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import memo, sources
from fiscal.base.arrays import ratio
from fiscal.base.memo import remembered, remembering
from fiscal.budget.lines import TAX_EXPENDITURE
from fiscal.budget.valuation import FISCAL_SAME_YEAR_SHARE
from fiscal.engine import run as engine_run
from fiscal.engine.inputs import SCENARIO_PATH
from fiscal.engine.run import Run
from fiscal.people.accounts import ALL_PLANS, ALL_PLANS_SCALED
from fiscal.people.economy import macro
from fiscal.results.tables import common
from fiscal.scenario import Scenario

BILLION = 1e9


CONVENTION_RATE = 0.035
"""Return and discount rate of the published present values (CBO's appendix)."""


VINTAGE = 2026
"""The first full year of contributions: 2025 is a stub."""


def targets() -> pd.DataFrame:
    """The rows by ``id``; basis, model year and bridge of a ``level`` or ``order`` row precede its first comparison."""
    return sources.table("published_targets").set_index("id")


@dataclass(frozen=True)
class Found:
    """What the model says of a row, in the row's unit; ``detail`` its parts in words; ``note_holds`` whether
    what the column tolerance_note adds to the tolerance holds too; ``span`` the model's range, where the row is
    compared with one."""

    value: float
    detail: str = ""
    note_holds: bool = True
    span: tuple[float, float] | None = None


_CHANGES: list[str] = []


@contextmanager
def under(settings: Mapping[str, float | str]) -> Iterator[None]:
    """Within it, what is compared is the baseline with these settings."""
    memo.forget()
    _CHANGES[:] = [f"{key}={value}" for key, value in settings.items()]
    try:
        yield
    finally:
        _CHANGES.clear()
        memo.forget()


def compared(*overrides: str) -> Scenario:
    """The baseline that is compared, under other settings."""
    return scenarios.load("baseline", overrides=[*_CHANGES, *overrides])


@remembering(100)
def baseline_run(*overrides: str, bases: tuple[str, ...] = ("portfolio",)) -> Run:
    """The baseline with its present values, to the last withdrawal of all."""
    unpriced = (  # no row is on other bases
        f"books.convention_rates=[{CONVENTION_RATE}]", "books.risk_neutral_paths=0", "backstop.paths=0",
    )  # fmt: skip
    return engine_run.compute(compared(*unpriced, *overrides), bases=bases)


@remembering(100)
def all_plans(*overrides: str, plans: str = ALL_PLANS_SCALED) -> Run:
    """A budget window of all defined-contribution plans under other settings."""
    wanted = [f"scope.plans={plans}", "horizon.last_year=2036", *overrides]
    return engine_run.compute(compared(*wanted), run_off=False, references=False)


def wide() -> Run:
    """All plans in the 401(k)'s shape: the scope of the first bases."""
    return baseline_run(f"scope.plans={ALL_PLANS_SCALED}", bases=("convention",))


def all_types() -> Run:
    """All plans, each type by its own rules: the scope of the present bases."""
    return baseline_run(f"scope.plans={ALL_PLANS}", bases=("convention",))


@remembered
def wage_bill() -> pd.Series:
    """Wages and salaries by calendar year, billions of dollars."""
    return macro()["wage_bill_bn_usd"]


def _fiscal_wage_bill(year: int) -> float:
    """Wages and salaries of a fiscal year: three quarters of the calendar year's, one of the year before's."""
    bill, now = wage_bill(), FISCAL_SAME_YEAR_SHARE
    return float(now * bill[year] + (1 - now) * bill[year - 1])


def calendar_deflator(to: int) -> float:
    """Wages and salaries of a calendar year over those of ``VINTAGE``."""
    return float(wage_bill()[to] / wage_bill()[VINTAGE])


def fiscal_deflator(to: int, model_year: int) -> float:
    """Wages and salaries of one fiscal year over those of another."""
    return _fiscal_wage_bill(to) / _fiscal_wage_bill(model_year)


def published_value(name: str) -> float:
    """The published figure of a row."""
    return float(targets().loc[name, "value"])


BEA_SERIES = "BEA_T7_25"
"""Of the two BEA totals the one whose parts add up (households 607.4, employers 309.6)."""


def nipa(kind: str) -> float:
    """Contributions to defined-contribution plans in the national accounts, billions of dollars."""
    table = sources.table("nipa_dc_contributions")
    row = table[(table["series"] == BEA_SERIES) & (table["item"] == f"dc_contributions_{kind}")]
    return float(row["value_bn_usd"].iloc[0])


def in_plans(run: Run, field: str, at: int) -> float:
    """Opening or closing balances of year ``at`` in the plans, IRAs apart, dollars."""
    *of_plans, _ = run.projection.withdrawal_lines
    held = getattr(run.projection, field)[run.projection.path(SCENARIO_PATH), at]
    return float(held[: len(of_plans)].sum())


def from_plans(run: Run) -> np.ndarray:
    """Traditional withdrawals from the plans by cell, IRAs apart, ``(Y, A, G, S)`` dollars."""
    *of_plans, _ = run.projection.withdrawal_lines
    path = run.projection.path(SCENARIO_PATH)
    return np.sum([run.projection.cells[line][path] for line in of_plans], axis=0)


def plan_expenditure(run: Run) -> dict[str, np.ndarray]:
    """Deferral, build-up and withdrawal tax of the plans without IRAs, ``(Y,)`` dollars, government's sign."""
    path = run.projection.path(SCENARIO_PATH)
    cells = {name: values[path] for name, values in run.projection.cells.items()}
    *of_plans, _ = run.projection.withdrawal_lines
    from_plan = from_plans(run) + cells["nonqualified_earnings"]
    taxable = from_plan + cells["ira_withdrawals"]
    share = ratio(from_plan, taxable)
    held = run.projection.opening_usd[path].sum(axis=2) + run.projection.closing_usd[path].sum(axis=(2, 3))
    in_plan = held[:, : len(of_plans)].sum(axis=1) / held.sum(axis=1)
    return {
        "deferred_revenue": run.ledger.total("deferred_revenue")[path],
        "inside_buildup_cash": run.ledger.total("inside_buildup_cash")[path] * in_plan,
        "withdrawal_tax": (cells["owner_tax"] * share).sum(axis=(1, 2, 3)),
    }


def cash_expenditure(lines: dict[str, float]) -> Found:
    """Cash tax expenditure of its parts."""
    return Found(TAX_EXPENDITURE.of(lines), parts_in_words(lines))


def parts_in_words(lines: dict[str, float]) -> str:
    """The parts of a tax expenditure, in words, as costs and (negative) receipts."""
    names = {"deferred_revenue": "deferral", "withdrawal_tax": "withdrawal tax"}
    return ", ".join(f"{names.get(line, 'build-up')} {-amount:.1f}" for line, amount in lines.items())


def by_fiscal_year(run: Run, line: str, flow: np.ndarray) -> np.ndarray:
    """A line of a run by fiscal year, ``(Y,)``."""
    return common.by_fiscal_year(run.scenario.settings, line, flow, run.inputs.year_fraction)
