"""Published levels: cash and present-value tax expenditures, payroll tax, waivers of the required minimum, stocks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.arrays import ratio
from fiscal.base.axes import ATTAINED_AGES
from fiscal.base.memo import remembered
from fiscal.base.opening import HEADLINE
from fiscal.budget.ledger import inside_buildup
from fiscal.budget.lines import TAX_EXPENDITURE, VALUE_EXPENDITURE
from fiscal.budget.vintages import value_vintages
from fiscal.engine.inputs import SCENARIO_PATH, assumptions, convention_label
from fiscal.engine.run import Run, ValuedVintages
from fiscal.engine.taxes import buildup_tax
from fiscal.people.accounts import ALL_PLANS
from fiscal.people.withdrawals import retirement_draws, soi_opening_rates
from fiscal.projection.cells import project
from fiscal.projection.outputs import TRADITIONAL
from fiscal.studies.published_runs import (
    BILLION,
    CONVENTION_RATE,
    VINTAGE,
    Found,
    all_plans,
    all_types,
    baseline_run,
    by_fiscal_year,
    calendar_deflator,
    cash_expenditure,
    compared,
    fiscal_deflator,
    from_plans,
    in_plans,
    nipa,
    parts_in_words,
    plan_expenditure,
    published_value,
    wage_bill,
    wide,
)


def replication_scope() -> float:
    """The open replication's contributions, IRAs among them, over BEA's."""
    return (published_value("EIG_C_EE") + published_value("EIG_C_ER")) / nipa("total")


def _replication_flows(run: Run) -> float:
    """The open replication's contributions, IRAs among them, over the model's of ``VINTAGE`` carried to 2024."""
    at = run.position(VINTAGE)
    made = run.contributions
    own = float((made.traditional_usd + made.roth_usd)[at].sum()) / BILLION * calendar_deflator(2024)
    return (published_value("EIG_C_EE") + published_value("EIG_C_ER")) / own


def cash(published_year: int, *, fiscal: bool = True, factor: float = 1.0) -> Found:
    """Cash tax expenditure of all plans, plan wrapper only, in ``VINTAGE``, carried to the published year."""
    run = wide()
    at = run.position(VINTAGE)
    flows = plan_expenditure(run)
    if fiscal:
        flows = {line: by_fiscal_year(run, line, flow) for line, flow in flows.items()}
        factor *= fiscal_deflator(published_year, VINTAGE)
    else:
        factor *= calendar_deflator(published_year)
    lines = {line: float(flow[at]) / BILLION * factor for line, flow in flows.items()}
    return cash_expenditure(lines)


def _stock(column: str, fiscal_year: int) -> float:
    """A published stock (ICI) at the middle of a fiscal year, dollars; linear between the quarters published."""
    return _stock_on(column, pd.Timestamp(fiscal_year, 3, 31))


def _stock_on(column: str, date: pd.Timestamp) -> float:
    held = sources.table("ici_assets").dropna(subset=[column]).set_index("date")[column]
    at = pd.to_datetime(held.index)
    if not at.min() <= date <= at.max():
        raise ValueError(f"no published stock on {date:%Y-%m-%d}")
    days = [(one - at.min()).days for one in at]
    return float(np.interp((date - at.min()).days, days, held)) * BILLION


def _plan_rates(run: Run) -> dict[str, float]:
    """Build-up and withdrawal tax of the plan wrapper over its stock, rates.

    Build-up is that of the first calendar year whose returns are all expected ones, over the mean stock; withdrawal
    tax that of the fiscal year over the stock of its middle, a quarter into the calendar year.
    """
    at = run.position(VINTAGE)
    opening, closing = (in_plans(run, field, at) for field in ("opening_usd", "closing_usd"))
    expected = run.position(_first_expected_year())
    held = sum(in_plans(run, field, expected) for field in ("opening_usd", "closing_usd")) / 2
    flows = plan_expenditure(run)
    withdrawn = by_fiscal_year(run, "withdrawal_tax", flows["withdrawal_tax"])[at]
    middle = opening + FISCAL_MIDDLE * (closing - opening)
    return {
        "inside_buildup_cash": float(flows["inside_buildup_cash"][expected]) / held,
        "withdrawal_tax": float(withdrawn) / middle,
        "stock": middle,
    }


FISCAL_MIDDLE = 0.25
"""Part of the calendar year that has passed in the middle of its fiscal year."""


def cash_on_stock(fiscal_year: int) -> Found:
    """Cash tax expenditure of all plans, plan wrapper only: contributions carried by wages, build-up and withdrawals
    by the stock of the published year (the model's own where none is published yet)."""
    lines = _cash_lines(fiscal_year)
    ends = []
    for share, times in _build_up_by_realization():
        scaled = lines | {"inside_buildup_cash": lines["inside_buildup_cash"] * times}
        ends.append(f"{TAX_EXPENDITURE.of(scaled):.1f} where {share:.0%} of gains are realized")
    return Found(TAX_EXPENDITURE.of(lines), f"{parts_in_words(lines)}; {', '.join(ends)}")


@remembered
def _build_up_by_realization() -> list[tuple[float, float]]:
    """Both ends of the range of gains realized each year, and the build-up there over that at the central value."""
    run, key = all_types(), "gain_realisation_share"
    settings, path = run.scenario.settings, run.projection.path(SCENARIO_PATH)
    at = run.position(_first_expected_year())
    row = sources.table("assumptions").set_index("key").loc[key]

    def taxed(share: float) -> float:
        law = buildup_tax(
            settings, {**assumptions(settings), key: share}, run.inputs.years, run.year_fraction, run.mobility
        )
        return float(inside_buildup(run.projection, run.inputs, law, path)[at])

    return [(float(row[end]), taxed(float(row[end])) / taxed(float(row["value"]))) for end in ("low", "high")]


def _first_expected_year() -> int:
    """First calendar year whose returns are all expected ones."""
    return int(str(sources.table("monthly_prices")["month"].iloc[-1])[:4]) + 1


def _cash_lines(fiscal_year: int) -> dict[str, float]:
    run = all_types()
    rates = _plan_rates(run)
    stock = rates["stock"] if fiscal_year == VINTAGE else _stock("dc_total_bn_usd", fiscal_year)
    at = run.position(VINTAGE)
    deferred = by_fiscal_year(run, "deferred_revenue", plan_expenditure(run)["deferred_revenue"])[at]
    return {
        "deferred_revenue": float(deferred) / BILLION * fiscal_deflator(fiscal_year, VINTAGE),
        "inside_buildup_cash": rates["inside_buildup_cash"] * stock / BILLION,
        "withdrawal_tax": rates["withdrawal_tax"] * stock / BILLION,
    }


def cash_with_iras(fiscal_year: int) -> Found:
    """Treasury's three lines together: all plans, IRAs and plans of the self-employed.

    Deducted contributions outside employers' plans are deferred at the plans' mean rate; build-up is the plans' rate
    on the stock of plans and IRAs; IRA withdrawals are SOI's taxable ones of 2023, carried by the stock of IRAs, at the
    model's rate on IRA withdrawals.
    """
    run = all_types()
    path = run.projection.path(SCENARIO_PATH)
    at = run.position(VINTAGE)
    lines = _cash_lines(fiscal_year)
    paid_in = float(run.contributions.traditional_usd[at].sum()) / BILLION * calendar_deflator(2024)
    per_dollar = lines["deferred_revenue"] / paid_in
    ira = _stock("ira_bn_usd", fiscal_year)
    cells = {name: values[path][at] for name, values in run.projection.cells.items()}
    whole = from_plans(run)[at] + cells["nonqualified_earnings"] + cells["ira_withdrawals"]
    rate = ratio(cells["owner_tax"], whole)
    from_ira = cells["ira_withdrawals"]
    taxed = float((rate * from_ira).sum() / from_ira.sum())
    income = sources.table("form1040_retirement_income").set_index("year")["ira_taxable_bn_usd"]
    drawn = float(income[2023]) * ira / _stock_on("ira_bn_usd", pd.Timestamp(2023, 6, 30))
    of_iras = {
        "deferred_revenue": per_dollar * published_value("DEDUCTED_IRA_2024"),
        "inside_buildup_cash": _plan_rates(run)["inside_buildup_cash"] * ira / BILLION,
        "withdrawal_tax": taxed * drawn,
    }
    self_employed = {"deferred_revenue": per_dollar * published_value("DEDUCTED_SELF_EMPLOYED_2024")}
    every = {line: lines[line] + of_iras[line] + self_employed.get(line, 0.0) for line in lines}
    return Found(
        TAX_EXPENDITURE.of(every),
        f"{parts_in_words(every)}; IRAs alone {TAX_EXPENDITURE.of(of_iras):.1f} "
        f"({parts_in_words(of_iras)}), Treasury's line for them "
        f"{published_value(f'TSY_IRA_FY{fiscal_year}'):.1f}",
    )


def plan_earnings() -> Found:
    """Tax expenditure of a year's contributions with the tax on the plan's own earnings as they accrue.

    Nobody pays that tax out of the account, so that it is the shadow account's in the limit of a small rate.
    """
    run = all_types()
    shadow = _vintage_value(run, 2025, 1.0)
    label = convention_label(CONVENTION_RATE)
    valued = _valued(run, "convention", CONVENTION_RATE)
    path = run.projection.path(label)
    small = 1e-6
    law = run.buildup.as_interest().scaled(small)
    projected = project(run.inputs, keep_shares=(path,))
    again = value_vintages(
        run.inputs, projected, path, law, discount=valued.to_mid_2025,
        opening_discount=valued.opening_to_mid_2025,
        contribution_tax_rate=np.zeros_like(run.marginal_deferral_usd),
    )  # fmt: skip
    at = run.position(VINTAGE)
    factor = calendar_deflator(2025) / BILLION
    own = float(again.contributions_usd["inside_buildup_shadow"][at].sum()) / small * factor
    in_shadow = float(valued.vintages.contributions_usd["inside_buildup_shadow"][at].sum()) * factor
    return Found(
        shadow.value + in_shadow - own,
        f"plan_earnings: build-up {-own:.1f}; shadow: {shadow.value:.1f}, of it {shadow.detail}",
    )


def _valued(run: Run, basis: str, rate: float | None) -> ValuedVintages:
    """The values of a run's vintages on a basis, at average rates."""
    return next(one for one in run.vintages if (one.basis, one.rate, one.marginal) == (basis, rate, False))


def present_value(published_year: int, factor: float = 1.0) -> Found:
    """Tax expenditure of the contributions of ``VINTAGE`` over their whole life, all plans."""
    return _vintage_value(wide(), published_year, factor)


def _vintage_value(run: Run, published_year: int, factor: float) -> Found:
    at = run.position(VINTAGE)
    valued = _valued(run, "convention", CONVENTION_RATE).vintages.contributions_usd
    factor *= calendar_deflator(published_year)
    lines = {
        "deferred_revenue": float(run.ledger.total("deferred_revenue")[0, at]),
        "inside_buildup_shadow": float(valued["inside_buildup_shadow"][at].sum()),
        "withdrawal_tax": float(valued["withdrawal_tax"][at].sum()),
    }
    lines = {line: amount / BILLION * factor for line, amount in lines.items()}
    return Found(VALUE_EXPENDITURE.of(lines), parts_in_words(lines))


@remembered
def _without_roth() -> tuple[Run, float]:
    """All plans with nothing Roth from ``VINTAGE`` on, taxed at one rate in and out: that at which the same
    contributions are deferred; and the rate."""
    traditional = f"roth.none_from_year={VINTAGE}"
    law = all_plans(traditional, plans=ALL_PLANS)
    at = law.position(VINTAGE)
    deferred = -float(law.ledger.total("deferred_revenue")[0, at])
    rate = deferred / float(law.contributions.traditional_usd[at].sum())
    flat = (f"scope.plans={ALL_PLANS}", traditional, f"tax.flat_rate={rate!r}")
    return baseline_run(*flat, bases=("convention",)), rate


def observed_flows() -> Found:
    """EIG's formula: no Roth split, one rate on contributions, returns and withdrawals."""
    run, rate = _without_roth()
    found = _vintage_value(run, 2024, _replication_flows(run))
    return Found(found.value, f"one rate of {rate:.1%}; {found.detail}")


def observed_cash_flow() -> Found:
    """EIG's cash formula: rate x contributions + rate x 3.5% x all balances - rate x withdrawals, IRAs in."""
    run, rate = _without_roth()
    at = run.position(VINTAGE)
    paid_in = float(run.contributions.traditional_usd[at].sum())
    middle = pd.Timestamp(2024, 6, 30)
    plans, iras = (_stock_on(column, middle) for column in ("dc_total_bn_usd", "ira_bn_usd"))
    drawn = float(from_plans(run)[at].sum()) * plans / in_plans(run, "opening_usd", at)
    income = sources.table("form1040_retirement_income").set_index("year")["ira_taxable_bn_usd"]
    from_iras = float(income[2023]) * BILLION * iras / _stock_on("ira_bn_usd", pd.Timestamp(2023, 6, 30))
    lines = {
        "deferred_revenue": -rate * paid_in * calendar_deflator(2024) * _replication_flows(run) / BILLION,
        "inside_buildup_cash": -rate * CONVENTION_RATE * (plans + iras) / BILLION,
        "withdrawal_tax": rate * (drawn + from_iras) / BILLION,
    }
    return Found(TAX_EXPENDITURE.of(lines), f"one rate of {rate:.1%}; {parts_in_words(lines)}")


def payroll_with_defined_benefit() -> Found:
    """Ours of 2019 with the open replication's payroll line of imputed defined-benefit accruals."""
    own = payroll(2019, run=all_types())
    carried = float(wage_bill()[2019] / wage_bill()[2024])
    accrual, cash = (
        (published_value(name) - published_value("EIG_OBS_PAY")) * carried
        for name in ("EIG_PAY_DB_ACCRUAL", "EIG_PAY_DB_CASH")
    )
    value = own.value + accrual
    return Found(
        value,
        f"defined contribution {own.value:.1f}, defined-benefit accrual {accrual:.1f} (cash {cash:.1f}); "
        f"{published_value('CBO_PV_PAY_2019') - value:.0f} unexplained",
    )


def waiver(year: int, stocks: tuple[int, int]) -> Found:
    """Change in IRA withdrawals when the required minimum is waived, on the stock by age of 2019.

    One end of the range is the waiver alone, the other the waiver with withdrawals in proportion to the balances at
    the end of the year before (DOL's assets in the two years ``stocks``, the year before's first).
    """
    settings = compared().settings
    chosen = settings.withdrawals
    assume = assumptions(settings)
    draws = retirement_draws(
        assume, np.array([year - 1, year]), chosen.rmd_above_share, chosen.rmd_exact_share, chosen.draw_scale
    )
    held = sources.table("soi_ira_by_age")
    held = held[held["tax_year"] == WAIVER_PROFILE_YEAR].set_index("age")["fmv_yearend_bn_usd"]
    drawn = np.full(2, held["<60"] * soi_opening_rates()["<60"])
    for name, (first, last) in WAIVER_AGES.items():
        inside = (first <= ATTAINED_AGES) & (last >= ATTAINED_AGES)
        drawn += held[name] * draws[:, inside].mean(axis=1)
    alone = float(drawn[1] / drawn[0]) - 1
    assets = sources.table("dol_401k_1984_2023").set_index("year")["assets_bn_usd"]
    scale = float(assets[stocks[1]] / assets[stocks[0]])
    scaled = (1 + alone) * scale - 1
    return Found(
        (alone + scaled) / 2,
        f"waiver alone {alone:.1%}; with balances {scale - 1:+.1%}: {scaled:.1%}",
        span=(alone, scaled),
    )


WAIVER_PROFILE_YEAR = 2019
WAIVER_AGES = {"60-64": (60, 64), "65-69": (65, 69), "70-74": (70, 74), "75-79": (75, 79), "80+": (80, 90)}
"""Age classes of SOI and the ages that represent each; dollars of the open class are concentrated around the
mid-eighties."""


def contributions_2025() -> Found:
    """Contributions of all plans in 2025, a whole year."""
    run = all_types()
    made = run.contributions
    parts = {"employees": made.elective_traditional_usd + made.elective_roth_usd, "employers": made.employer_usd}
    year = {name: float(part[0].sum()) / run.year_fraction[0] / BILLION for name, part in parts.items()}
    return Found(sum(year.values()), ", ".join(f"{name} {amount:.1f}" for name, amount in year.items()))


def payroll(published_year: int, factor: float = 1.0, run: Run | None = None) -> Found:
    """Payroll tax not collected on employer contributions, all plans."""
    run = run or wide()
    at = run.position(VINTAGE)
    forgone = -float(run.ledger.total("payroll_forgone")[0, at]) / BILLION
    paid = float(run.contributions.employer_usd[at].sum()) / BILLION
    return Found(
        forgone * factor * calendar_deflator(published_year),
        f"{forgone / paid:.1%} of employer contributions of {paid:.0f} in {VINTAGE}",
    )


def embedded_share() -> Found:
    """Later withdrawal tax on the opening stock over its traditional balances, portfolio basis."""
    run = baseline_run()
    valued = _valued(run, "portfolio", None).vintages
    traditional = float(run.inputs.opening_usd[:, TRADITIONAL].sum())
    return Found(
        valued.stock_total("withdrawal_tax") / traditional,
        f"of {traditional / BILLION:,.0f} billion in traditional balances; published beside it: 19% (the authors' "
        "earlier 2.9 of 15.3 trillion), 24% (Wolff)",
    )


def ici(column: str) -> float:
    """A published stock at the opening date, billions of dollars."""
    return float(sources.table("ici_assets").set_index("date").loc[HEADLINE.iso, column])
