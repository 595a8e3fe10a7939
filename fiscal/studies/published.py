"""The model compared with published figures: every row of ``published_targets``, one verdict each.

What is compared was written down in the table before the first comparison (columns basis, model_year,
bridge). Where the publisher's own words or formula say something else (basis_source), a second basis says what
is compared now (basis_after); the figure on the first basis stays in the record. Rows marked ``engine`` and the
unit present values are one contribution through the calculator; the others are the full model on the row's
scope, in a handful of runs that a process makes once. The reason for a row outside its tolerance is in the table
``validation_notes``, not in the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.axes import ATTAINED_AGES
from fiscal.base.opening import HEADLINE
from fiscal.budget.ledger import fiscal_line, inside_buildup
from fiscal.budget.lines import CASH_LINES, DEFERRAL_BALANCE, NET_REVENUE, TAX_EXPENDITURE, VALUE_EXPENDITURE
from fiscal.budget.valuation import FISCAL_SAME_YEAR_SHARE
from fiscal.budget.vintages import value_vintages
from fiscal.engine import run as engine_run
from fiscal.engine.inputs import SCENARIO_PATH, assumptions, convention_label
from fiscal.engine.one_contribution import OPTIONS, vintage_of
from fiscal.engine.run import Progress, Run
from fiscal.engine.taxes import buildup_tax
from fiscal.people.accounts import ALL_PLANS, ALL_PLANS_SCALED
from fiscal.people.economy import macro
from fiscal.people.withdrawals import retirement_draws, soi_opening_rates
from fiscal.projection.cells import project
from fiscal.projection.outputs import TRADITIONAL

BILLION = 1e9
CONVENTION_RATE = 0.035
"""Return and discount rate of the published present values (CBO's appendix)."""

VINTAGE = 2026
"""The first full year of contributions: 2025 is a stub."""

COLUMNS = (
    "id",
    "what",
    "check",
    "unit",
    "year",
    "published",
    "model",
    "tolerance",
    "verdict",
    "relation",
    "basis_set",
    "first",
    "first_verdict",
    "basis_source",
    "reason",
    "detail",
)
OTHER_CONCEPT = "other concept"
"""Relation of a row whose published figure is of something else: shown, not judged."""

NOT_JUDGED = "not judged"
UNEXPLAINED = "not explained"


def targets() -> pd.DataFrame:
    """The rows by ``id``; basis, model year and bridge of a ``level`` or ``order`` row precede its first comparison."""
    return sources.table("published_targets").set_index("id")


REPLICATION = "replication"


def kinds(verdicts: pd.DataFrame) -> pd.Series:
    """The kind of comparison of each row of ``verdicts`` (columns id, check): its ``check``, or :data:`REPLICATION`.

    Rows marked ``level`` that put one contribution through the calculator are the same calculation as rows marked
    ``engine``, whose closed form they must give; published is what a replication's code made of it that leaves a part
    of its account undrawn. Their difference follows from the two formulas, so they do not test the model.
    """
    by_calculator = verdicts["id"].map(targets()["settings"]).notna()
    return verdicts["check"].mask((verdicts["check"] == "level") & by_calculator, REPLICATION)


def options(settings: str) -> dict[str, float | str]:
    """Options of the calculator as the column ``settings`` writes them: ``name=value`` with blanks between."""
    found: dict[str, float | str] = {}
    for pair in settings.split():
        name, text = pair.split("=")
        found[name] = text if OPTIONS[name].choices else float(text)
    return found


@dataclass(frozen=True)
class Found:
    """What the model says of a row, in the row's unit; ``detail`` its parts in words; ``note_holds`` whether
    what the column tolerance_note adds to the tolerance holds too; ``span`` the model's range, where the row is
    compared with one."""

    value: float
    detail: str = ""
    note_holds: bool = True
    span: tuple[float, float] | None = None


def validate(ids: Iterable[str] | None = None, progress: Progress | None = None) -> pd.DataFrame:
    """The rows ``ids`` (all), columns :data:`COLUMNS`; ``verdict`` is inside, outside, not judged or input.

    ``first`` and ``first_verdict`` are the model's figure and verdict on the basis written down before the first
    comparison; blank in rows added later. Every row outside carries its reason. Some runs of the full model are
    made, once a process.
    """
    report = progress or (lambda done, total, what: None)
    rows = targets()
    chosen = rows if ids is None else rows.loc[list(ids)]
    notes = sources.table("validation_notes").set_index("id")["note"]
    table = []
    for number, (name, row) in enumerate(chosen.iterrows()):
        report(number, len(chosen), str(name))
        found = _found(str(name), row)
        verdict = _verdict(row, found)
        first, first_verdict = _on_first_basis(str(name), row, found)
        note = notes.get(name, "")
        if verdict == "outside" and not note:
            note = UNEXPLAINED
        table.append(
            {
                "id": name,
                "what": row["what"],
                "check": row["check"],
                "unit": row["unit"],
                "year": row["year"],
                "published": row["value"],
                "model": np.nan if found is None else found.value,
                "tolerance": _tolerance(row),
                "verdict": verdict,
                "relation": row["relation"],
                "basis_set": row["basis_set"],
                "first": first,
                "first_verdict": first_verdict,
                "basis_source": row["basis_source"],
                "reason": note if verdict != "inside" else "",
                "detail": "" if found is None else found.detail,
            }
        )
    report(len(chosen), len(chosen), "done")
    return pd.DataFrame(table, columns=list(COLUMNS))


def _found(name: str, row: pd.Series) -> Found | None:
    if isinstance(row["settings"], str):
        found = vintage_of(options(row["settings"]))
        parts = {key: found[key] for key in ("deferral_usd", "inside_buildup_usd", "withdrawal_tax_usd")}
        return Found(
            found["tax_expenditure_usd"],
            ", ".join(f"{key.removesuffix('_usd').replace('_', ' ')} {v:.4f}" for key, v in parts.items()),
        )
    measure = MEASURES.get(name)
    return None if measure is None else measure()


def _on_first_basis(name: str, row: pd.Series, found: Found | None) -> tuple[float, str]:
    """The model's figure and verdict on the basis written down before the first comparison."""
    added = row["check"] != "input" and row["basis_set"] == "after" and row["basis"] != row["basis"]
    first = FIRST[name]() if name in FIRST else None if added else found
    if first is None:
        return np.nan, ""
    return first.value, _judged(row, first)


FULL_MODEL = ("level", "order")
"""Kinds of rows in which the full model is compared with an estimate."""


def counts(verdicts: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Rows of the full model by verdict, on the first basis (``before``) and on the present one (``after``)."""
    full = verdicts[kinds(verdicts).isin(FULL_MODEL)]
    return {
        name: {str(verdict): int(count) for verdict, count in full[column].value_counts().items() if verdict}
        for name, column in (("before", "first_verdict"), ("after", "verdict"))
    }


def _tolerance(row: pd.Series) -> str:
    """The tolerance in words."""
    kind, size = row["tolerance_kind"], row["tolerance"]
    if kind == "range":
        return "the model's range"
    if kind == "relative":
        return f"{size:.0%}"
    if kind == "factor":
        return f"factor {size:g}; {row['tolerance_note']}"
    return f"{size:g}" if kind == "absolute" else ""


def _verdict(row: pd.Series, found: Found | None) -> str:
    if row["check"] == "input":
        return "input"
    if found is None:
        raise ValueError(f"{row.name}: nothing in the model is compared with it")
    return NOT_JUDGED if row["relation"] == OTHER_CONCEPT else _judged(row, found)


def _judged(row: pd.Series, found: Found) -> str:
    """Inside or outside, by the row's tolerance; ``input`` for an input."""
    if row["check"] == "input":
        return "input"
    published, size = float(row["value"]), float(row["tolerance"])
    if found.span is not None:
        inside = min(found.span) <= published <= max(found.span)
    elif row["tolerance_kind"] == "factor":
        inside = 1 / size <= found.value / published <= size
    else:
        scale = abs(published) if row["tolerance_kind"] == "relative" else 1.0
        inside = abs(found.value - published) <= size * scale
    return "inside" if inside and found.note_holds else "outside"


# --- the runs, each made once a process --------------------------------------------------------------


@cache
def _run(*overrides: str, bases: tuple[str, ...] = ("portfolio",)) -> Run:
    """The baseline with its present values, to the last withdrawal of all."""
    unpriced = ["books.risk_neutral_paths=0", "backstop.paths=0"]  # no row is on those bases
    return engine_run.compute(scenarios.load("baseline", overrides=[*unpriced, *overrides]), bases=bases)


@cache
def _all_plans(*overrides: str, plans: str = ALL_PLANS_SCALED) -> Run:
    """A budget window of all defined-contribution plans under other settings."""
    wanted = [f"scope.plans={plans}", "horizon.last_year=2036", *overrides]
    return engine_run.compute(scenarios.load("baseline", overrides=wanted), run_off=False, references=False)


def _wide() -> Run:
    """All plans in the 401(k)'s shape: the scope of the first bases."""
    return _run(f"scope.plans={ALL_PLANS_SCALED}", bases=("convention",))


def _all_types() -> Run:
    """All plans, each type by its own rules: the scope of the present bases."""
    return _run(f"scope.plans={ALL_PLANS}", bases=("convention",))


# --- bridges -----------------------------------------------------------------------------------------


@cache
def _wage_bill() -> pd.Series:
    return macro()["wage_bill_bn_usd"]


def _fiscal_wage_bill(year: int) -> float:
    """Wages and salaries of a fiscal year: three quarters of the calendar year's, one of the year before's."""
    bill, now = _wage_bill(), FISCAL_SAME_YEAR_SHARE
    return float(now * bill[year] + (1 - now) * bill[year - 1])


def _calendar_deflator(to: int) -> float:
    return float(_wage_bill()[to] / _wage_bill()[VINTAGE])


def _fiscal_deflator(to: int, model_year: int) -> float:
    return _fiscal_wage_bill(to) / _fiscal_wage_bill(model_year)


def _published(name: str) -> float:
    return float(targets().loc[name, "value"])


BEA_SERIES = "BEA_T7_25"
"""Of the two BEA totals the one whose parts add up (households 607.4, employers 309.6)."""


def _nipa(kind: str) -> float:
    table = sources.table("nipa_dc_contributions")
    row = table[(table["series"] == BEA_SERIES) & (table["item"] == f"dc_contributions_{kind}")]
    return float(row["value_bn_usd"].iloc[0])


def _replication_scope() -> float:
    """The open replication's contributions, IRAs among them, over BEA's."""
    return (_published("EIG_C_EE") + _published("EIG_C_ER")) / _nipa("total")


def _replication_flows(run: Run) -> float:
    """The open replication's contributions, IRAs among them, over the model's of ``VINTAGE`` carried to 2024."""
    at = int(np.flatnonzero(run.projection.years == VINTAGE)[0])
    made = run.contributions
    own = float((made.traditional_usd + made.roth_usd)[at].sum()) / BILLION * _calendar_deflator(2024)
    return (_published("EIG_C_EE") + _published("EIG_C_ER")) / own


# --- measures ----------------------------------------------------------------------------------------


def _in_plans(run: Run, field: str, at: int) -> float:
    """Opening or closing balances of year ``at`` in the plans, IRAs apart, dollars."""
    *of_plans, _ = run.projection.withdrawal_lines
    held = getattr(run.projection, field)[run.projection.path(SCENARIO_PATH), at]
    return float(held[: len(of_plans)].sum())


def _from_plans(run: Run) -> np.ndarray:
    """Traditional withdrawals from the plans by cell, IRAs apart, ``(Y, A, G, S)`` dollars."""
    *of_plans, _ = run.projection.withdrawal_lines
    path = run.projection.path(SCENARIO_PATH)
    return np.sum([run.projection.cells[line][path] for line in of_plans], axis=0)


def plan_expenditure(run: Run) -> dict[str, np.ndarray]:
    """Deferral, build-up and withdrawal tax of the plans without IRAs, ``(Y,)`` dollars, government's sign."""
    path = run.projection.path(SCENARIO_PATH)
    cells = {name: values[path] for name, values in run.projection.cells.items()}
    *of_plans, _ = run.projection.withdrawal_lines
    from_plan = sum(cells[line] for line in of_plans) + cells["nonqualified_earnings"]
    taxable = from_plan + cells["ira_withdrawals"]
    share = np.divide(from_plan, taxable, out=np.zeros_like(taxable), where=taxable > 0)
    held = run.projection.opening_usd[path].sum(axis=2) + run.projection.closing_usd[path].sum(axis=(2, 3))
    in_plan = held[:, : len(of_plans)].sum(axis=1) / held.sum(axis=1)
    return {
        "deferred_revenue": run.ledger.total("deferred_revenue")[path],
        "inside_buildup_cash": run.ledger.total("inside_buildup_cash")[path] * in_plan,
        "withdrawal_tax": (cells["owner_tax"] * share).sum(axis=(1, 2, 3)),
    }


def _parts(lines: dict[str, float]) -> str:
    """The parts of a tax expenditure, in words, as costs and (negative) receipts."""
    names = {"deferred_revenue": "deferral", "withdrawal_tax": "withdrawal tax"}
    return ", ".join(f"{names.get(line, 'build-up')} {-amount:.1f}" for line, amount in lines.items())


def _fiscal_line(run: Run, line: str, flow: np.ndarray) -> np.ndarray:
    books = run.scenario.settings.books
    return fiscal_line(
        line,
        flow,
        run.inputs.year_fraction,
        books.deferral_fiscal_same_year_share,
        books.withdrawal_fiscal_same_year_share,
    )


def _cash(published_year: int, *, fiscal: bool = True, factor: float = 1.0) -> Found:
    """Cash tax expenditure of all plans, plan wrapper only, in ``VINTAGE``, carried to the published year."""
    run = _wide()
    at = int(np.flatnonzero(run.projection.years == VINTAGE)[0])
    flows = plan_expenditure(run)
    if fiscal:
        flows = {line: _fiscal_line(run, line, flow) for line, flow in flows.items()}
        factor *= _fiscal_deflator(published_year, VINTAGE)
    else:
        factor *= _calendar_deflator(published_year)
    lines = {line: float(flow[at]) / BILLION * factor for line, flow in flows.items()}
    return Found(TAX_EXPENDITURE.of(lines), _parts(lines))


# The stock of a fiscal year is that of its middle, 31 March.


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
    at = int(np.flatnonzero(run.projection.years == VINTAGE)[0])
    opening, closing = (_in_plans(run, field, at) for field in ("opening_usd", "closing_usd"))
    expected = int(np.flatnonzero(run.projection.years == _first_expected_year())[0])
    held = sum(_in_plans(run, field, expected) for field in ("opening_usd", "closing_usd")) / 2
    flows = plan_expenditure(run)
    withdrawn = _fiscal_line(run, "withdrawal_tax", flows["withdrawal_tax"])[at]
    middle = opening + FISCAL_MIDDLE * (closing - opening)
    return {
        "inside_buildup_cash": float(flows["inside_buildup_cash"][expected]) / held,
        "withdrawal_tax": float(withdrawn) / middle,
        "stock": middle,
    }


FISCAL_MIDDLE = 0.25
"""Part of the calendar year that has passed in the middle of its fiscal year."""


def _cash_on_stock(fiscal_year: int) -> Found:
    """Cash tax expenditure of all plans, plan wrapper only: contributions carried by wages, build-up and withdrawals
    by the stock of the published year (the model's own where none is published yet)."""
    lines = _cash_lines(fiscal_year)
    ends = []
    for share, times in _build_up_by_realization():
        scaled = {**lines, "inside_buildup_cash": lines["inside_buildup_cash"] * times}
        ends.append(f"{TAX_EXPENDITURE.of(scaled):.1f} where {share:.0%} of gains are realized")
    return Found(TAX_EXPENDITURE.of(lines), f"{_parts(lines)}; {', '.join(ends)}")


@cache
def _build_up_by_realization() -> list[tuple[float, float]]:
    """Both ends of the range of gains realized each year, and the build-up there over that at the central value."""
    run, key = _all_types(), "gain_realisation_share"
    settings, path = run.scenario.settings, run.projection.path(SCENARIO_PATH)
    at = int(np.flatnonzero(run.projection.years == _first_expected_year())[0])
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
    run = _all_types()
    rates = _plan_rates(run)
    stock = rates["stock"] if fiscal_year == VINTAGE else _stock("dc_total_bn_usd", fiscal_year)
    at = int(np.flatnonzero(run.projection.years == VINTAGE)[0])
    deferred = _fiscal_line(run, "deferred_revenue", plan_expenditure(run)["deferred_revenue"])[at]
    return {
        "deferred_revenue": float(deferred) / BILLION * _fiscal_deflator(fiscal_year, VINTAGE),
        "inside_buildup_cash": rates["inside_buildup_cash"] * stock / BILLION,
        "withdrawal_tax": rates["withdrawal_tax"] * stock / BILLION,
    }


def _cash_with_iras(fiscal_year: int) -> Found:
    """Treasury's three lines together: all plans, IRAs and plans of the self-employed.

    Deducted contributions outside employers' plans are deferred at the plans' mean rate; build-up is the plans' rate
    on the stock of plans and IRAs; IRA withdrawals are SOI's taxable ones of 2023, carried by the stock of IRAs, at the
    model's rate on IRA withdrawals.
    """
    run = _all_types()
    path = run.projection.path(SCENARIO_PATH)
    at = int(np.flatnonzero(run.projection.years == VINTAGE)[0])
    lines = _cash_lines(fiscal_year)
    paid_in = float(run.contributions.traditional_usd[at].sum()) / BILLION * _calendar_deflator(2024)
    per_dollar = lines["deferred_revenue"] / paid_in
    ira = _stock("ira_bn_usd", fiscal_year)
    cells = {name: values[path][at] for name, values in run.projection.cells.items()}
    whole = _from_plans(run)[at] + cells["nonqualified_earnings"] + cells["ira_withdrawals"]
    rate = np.divide(cells["owner_tax"], whole, out=np.zeros_like(whole), where=whole > 0)
    from_ira = cells["ira_withdrawals"]
    taxed = float((rate * from_ira).sum() / from_ira.sum())
    income = sources.table("form1040_retirement_income").set_index("year")["ira_taxable_bn_usd"]
    drawn = float(income[2023]) * ira / _stock_on("ira_bn_usd", pd.Timestamp(2023, 6, 30))
    of_iras = {
        "deferred_revenue": per_dollar * _published("DEDUCTED_IRA_2024"),
        "inside_buildup_cash": _plan_rates(run)["inside_buildup_cash"] * ira / BILLION,
        "withdrawal_tax": taxed * drawn,
    }
    self_employed = {"deferred_revenue": per_dollar * _published("DEDUCTED_SELF_EMPLOYED_2024")}
    every = {line: lines[line] + of_iras[line] + self_employed.get(line, 0.0) for line in lines}
    return Found(
        TAX_EXPENDITURE.of(every),
        f"{_parts(every)}; IRAs alone {TAX_EXPENDITURE.of(of_iras):.1f} ({_parts(of_iras)}), Treasury's line for them "
        f"{_published(f'TSY_IRA_FY{fiscal_year}'):.1f}",
    )


def _plan_earnings() -> Found:
    """Tax expenditure of a year's contributions with the tax on the plan's own earnings as they accrue.

    Nobody pays that tax out of the account, so that it is the shadow account's in the limit of a small rate.
    """
    run = _all_types()
    shadow = _vintage_value(run, 2025, 1.0)
    label = convention_label(CONVENTION_RATE)
    valued = next(
        one
        for one in run.vintages
        if (one.basis, one.rate) == ("convention", CONVENTION_RATE) and not one.marginal
    )
    path = run.projection.path(label)
    small = 1e-6
    law = run.buildup.as_interest().scaled(small)
    projected = project(run.inputs, keep_shares=(path,))
    again = value_vintages(
        run.inputs, projected, path, law, discount=valued.to_mid_2025,
        opening_discount=valued.opening_to_mid_2025,
        contribution_tax_rate=np.zeros_like(run.marginal_deferral_usd),
    )  # fmt: skip
    at = int(np.flatnonzero(run.projection.years == VINTAGE)[0])
    factor = _calendar_deflator(2025) / BILLION
    own = float(again.contributions_usd["inside_buildup_shadow"][at].sum()) / small * factor
    in_shadow = float(valued.vintages.contributions_usd["inside_buildup_shadow"][at].sum()) * factor
    return Found(
        shadow.value + in_shadow - own,
        f"plan_earnings: build-up {-own:.1f}; shadow: {shadow.value:.1f}, of it {shadow.detail}",
    )


def _present_value(published_year: int, factor: float = 1.0) -> Found:
    """Tax expenditure of the contributions of ``VINTAGE`` over their whole life, all plans."""
    return _vintage_value(_wide(), published_year, factor)


def _vintage_value(run: Run, published_year: int, factor: float) -> Found:
    at = int(np.flatnonzero(run.projection.years == VINTAGE)[0])
    valued = next(
        one
        for one in run.vintages
        if (one.basis, one.rate) == ("convention", CONVENTION_RATE) and not one.marginal
    ).vintages.contributions_usd
    factor *= _calendar_deflator(published_year)
    lines = {
        "deferred_revenue": float(run.ledger.total("deferred_revenue")[0, at]),
        "inside_buildup_shadow": float(valued["inside_buildup_shadow"][at].sum()),
        "withdrawal_tax": float(valued["withdrawal_tax"][at].sum()),
    }
    lines = {line: amount / BILLION * factor for line, amount in lines.items()}
    return Found(VALUE_EXPENDITURE.of(lines), _parts(lines))


@cache
def _without_roth() -> tuple[Run, float]:
    """All plans with nothing Roth from ``VINTAGE`` on, taxed at one rate in and out: that at which the same
    contributions are deferred; and the rate."""
    traditional = f"roth.none_from_year={VINTAGE}"
    law = _all_plans(traditional, plans=ALL_PLANS)
    at = int(np.flatnonzero(law.projection.years == VINTAGE)[0])
    deferred = -float(law.ledger.total("deferred_revenue")[0, at])
    rate = deferred / float(law.contributions.traditional_usd[at].sum())
    flat = (f"scope.plans={ALL_PLANS}", traditional, f"tax.flat_rate={rate!r}")
    return _run(*flat, bases=("convention",)), rate


def _observed_flows() -> Found:
    """EIG's formula: no Roth split, one rate on contributions, returns and withdrawals."""
    run, rate = _without_roth()
    found = _vintage_value(run, 2024, _replication_flows(run))
    return Found(found.value, f"one rate of {rate:.1%}; {found.detail}")


def _observed_cash_flow() -> Found:
    """EIG's cash formula: rate x contributions + rate x 3.5% x all balances - rate x withdrawals, IRAs in."""
    run, rate = _without_roth()
    at = int(np.flatnonzero(run.projection.years == VINTAGE)[0])
    paid_in = float(run.contributions.traditional_usd[at].sum())
    middle = pd.Timestamp(2024, 6, 30)
    plans, iras = (_stock_on(column, middle) for column in ("dc_total_bn_usd", "ira_bn_usd"))
    drawn = float(_from_plans(run)[at].sum()) * plans / _in_plans(run, "opening_usd", at)
    income = sources.table("form1040_retirement_income").set_index("year")["ira_taxable_bn_usd"]
    from_iras = float(income[2023]) * BILLION * iras / _stock_on("ira_bn_usd", pd.Timestamp(2023, 6, 30))
    lines = {
        "deferred_revenue": -rate * paid_in * _calendar_deflator(2024) * _replication_flows(run) / BILLION,
        "inside_buildup_cash": -rate * CONVENTION_RATE * (plans + iras) / BILLION,
        "withdrawal_tax": rate * (drawn + from_iras) / BILLION,
    }
    return Found(TAX_EXPENDITURE.of(lines), f"one rate of {rate:.1%}; {_parts(lines)}")


def _payroll_with_defined_benefit() -> Found:
    """Ours of 2019 with the open replication's payroll line of imputed defined-benefit accruals."""
    own = _payroll(2019, run=_all_types())
    carried = float(_wage_bill()[2019] / _wage_bill()[2024])
    accrual, cash = (
        (_published(name) - _published("EIG_OBS_PAY")) * carried
        for name in ("EIG_PAY_DB_ACCRUAL", "EIG_PAY_DB_CASH")
    )
    value = own.value + accrual
    return Found(
        value,
        f"defined contribution {own.value:.1f}, defined-benefit accrual {accrual:.1f} (cash {cash:.1f}); "
        f"{_published('CBO_PV_PAY_2019') - value:.0f} unexplained",
    )


def _waiver(year: int, stocks: tuple[int, int]) -> Found:
    """Change in IRA withdrawals when the required minimum is waived, on the stock by age of 2019.

    One end of the range is the waiver alone, the other the waiver with withdrawals in proportion to the balances at
    the end of the year before (DOL's assets in the two years ``stocks``, the year before's first).
    """
    settings = scenarios.load("baseline").settings
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


def _contributions_2025() -> Found:
    """Contributions of all plans in 2025, a whole year."""
    run = _all_types()
    made = run.contributions
    parts = {
        "employees": made.elective_traditional_usd + made.elective_roth_usd,
        "employers": made.employer_usd,
    }
    year = {name: float(part[0].sum()) / run.year_fraction[0] / BILLION for name, part in parts.items()}
    return Found(sum(year.values()), ", ".join(f"{name} {amount:.1f}" for name, amount in year.items()))


def _payroll(published_year: int, factor: float = 1.0, run: Run | None = None) -> Found:
    """Payroll tax not collected on employer contributions, all plans."""
    run = run or _wide()
    at = int(np.flatnonzero(run.projection.years == VINTAGE)[0])
    forgone = -float(run.ledger.total("payroll_forgone")[0, at]) / BILLION
    paid = float(run.contributions.employer_usd[at].sum()) / BILLION
    return Found(
        forgone * factor * _calendar_deflator(published_year),
        f"{forgone / paid:.1%} of employer contributions of {paid:.0f} in {VINTAGE}",
    )


def _embedded_share() -> Found:
    """Later withdrawal tax on the opening stock over its traditional balances, portfolio basis."""
    run = _run()
    valued = next(one for one in run.vintages if one.basis == "portfolio" and not one.marginal).vintages
    traditional = float(run.inputs.opening_usd[:, TRADITIONAL].sum())
    return Found(
        valued.stock_total("withdrawal_tax") / traditional,
        f"of {traditional / BILLION:,.0f} billion in traditional balances; published beside it: 19% (the authors' "
        "earlier 2.9 of 15.3 trillion), 24% (Wolff)",
    )


def _net_revenue(run: Run) -> np.ndarray:
    """Net revenue of all plans by fiscal year, ``(Y,)`` billions."""
    lines = {line: _fiscal_line(run, line, run.ledger.total(line)[0]) for line in CASH_LINES}
    return NET_REVENUE.of(lines) / BILLION


def _score(policy: Run, law: Run, last: int, years_back: int) -> Found:
    """Net revenue of ``policy`` less that of ``law`` over fiscal years from ``VINTAGE`` to ``last``, each
    deflated by the wages of this number of years."""
    years = policy.projection.years
    difference = _net_revenue(policy) - _net_revenue(law)
    inside = [int(year) for year in years if VINTAGE <= year <= last]
    by_year = {year: float(difference[years == year][0]) for year in inside}
    deflated = sum(by_year[year] * _fiscal_deflator(year - years_back, year) for year in inside)
    return Found(
        deflated,
        f"{sum(by_year.values()):.1f} in dollars of FY{inside[0]}-{inside[-1]}; first year {by_year[inside[0]]:.1f}, "
        f"last {by_year[inside[-1]]:.1f}",
    )


NO_MANDATE = "roth.catch_up_mandate=false"


def _roth_catch_up(plans: str = ALL_PLANS) -> Found:
    on, off = (_all_plans(*changes, plans=plans) for changes in ((), (NO_MANDATE,)))
    return _score(on, off, VINTAGE + 8, 2)


def roth_take_up_of_employers() -> float:
    """Roth share of employer money in its first years: that of deferrals in theirs, W-2 of 2008 to 2014."""
    shares = sources.table("w2_deferrals_roth").set_index("tax_year")["roth_share_of_401k_dollars"]
    return float(shares.loc[2008:2014].mean())


def _roth_match() -> Found:
    share = roth_take_up_of_employers()
    found = _score(_all_plans(f"roth.employer_share={share!r}"), _all_plans(), VINTAGE + 9, 3)
    return Found(found.value, f"take-up {share:.1%}; {found.detail}")


def _full_roth() -> Found:
    policy = _all_plans(
        "roth.elective_share_2025=1.0", "roth.elective_share_step=0.0", "roth.employer_share=1.0"
    )
    return _score(policy, _all_plans(), VINTAGE + 9, 1)


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


def _mean_receipts() -> Found:
    """Change in receipts over GDP from 2026 on, mean of 75 years."""
    change = _receipts_over_gdp(_run()).loc[VINTAGE:]
    change = change - change[VINTAGE]
    early = float(change.iloc[:EARLY_YEARS].sum() / change.sum())
    return Found(float(change.mean()), f"{early:.0%} of it in the first 25 years", _early_enough(early))


def _receipts() -> Found:
    """Receipts over GDP at the end less those at the start, all plans; the share of the rise after 25 years."""

    def rise(run: Run) -> tuple[float, float]:
        path = _receipts_over_gdp(run).loc[VINTAGE:]
        whole = float(path.iloc[-1] - path[VINTAGE])
        return whole, float(path[VINTAGE + EARLY_YEARS] - path[VINTAGE]) / whole

    (value, early), own = rise(_all_types()), rise(_run())[0]
    return Found(
        value, f"{early:.0%} of the rise in the first 25 years; 401(k) alone {own:.4f}", _early_enough(early)
    )


def _ici(column: str) -> float:
    return float(sources.table("ici_assets").set_index("date").loc[HEADLINE.iso, column])


FIRST: dict[str, Callable[[], Found]] = {
    "TSY_CASH_DC_FY25ED_2024": lambda: _cash(2024),
    "TSY_CASH_DC_FY25ED_2025": lambda: _cash(2025),
    "TSY_CASH_DC_FY2026": lambda: _cash(2026),
    "JCT_DC_FY2024": lambda: _cash(2024),
    "TSY_PV_DC_CY2025": lambda: _present_value(2025),
    "CBO_PV_PAY_2019": lambda: _payroll(2019),
    "EIG_OBS_INC": lambda: _present_value(2024, _replication_scope()),
    "EIG_CASHFLOW": lambda: _cash(2024, fiscal=False, factor=_replication_scope()),
    "JCT_S2_603": lambda: _roth_catch_up(ALL_PLANS_SCALED),
    "CBO2004_75": _mean_receipts,
}
"""What the model says on the basis written down before the first comparison, of the rows that have another now."""

MEASURES: dict[str, Callable[[], Found]] = {
    "TSY_CASH_DC_FY25ED_2024": lambda: _cash_on_stock(2024),
    "TSY_CASH_DC_FY25ED_2025": lambda: _cash_on_stock(2025),
    "TSY_CASH_DC_FY2026": lambda: _cash_on_stock(2026),
    "TSY_SUM_FY2023": lambda: _cash_with_iras(2023),
    "TSY_SUM_FY2024": lambda: _cash_with_iras(2024),
    "TSY_SUM_FY2025": lambda: _cash_with_iras(2025),
    "JCT_DC_FY2024": lambda: _cash_on_stock(2024),
    "TSY_PV_DC_CY2025": _plan_earnings,
    "CBO_PV_PAY_2019": _payroll_with_defined_benefit,
    "EIG_OBS_INC": _observed_flows,
    "EIG_OBS_PAY": lambda: _payroll(2024, _published("EIG_C_ER") / _nipa("employer")),
    "EIG_CASHFLOW": _observed_cash_flow,
    "RMD_WAIVER_2009": lambda: _waiver(2009, (2007, 2008)),
    "RMD_WAIVER_2020": lambda: _waiver(2020, (2018, 2019)),
    "BEA_DC_2025": _contributions_2025,
    "LZ_SHARE": _embedded_share,
    "JCT_S2_603": _roth_catch_up,
    "JCT_S2_604": _roth_match,
    "PWBM_REPEAL_10Y": _full_roth,
    "CBO2004_75": _receipts,
    # inputs: what the model's tables hold of them
    "NIPA_DC_HH_2024": lambda: Found(_nipa("employee")),
    "NIPA_DC_ER_2024": lambda: Found(_nipa("employer")),
    "W2_ROTH_SHARE_2020": lambda: Found(
        float(sources.table("w2_deferrals_roth").set_index("tax_year")["roth_share_of_401k_dollars"][2020])
    ),
    "ICI_DC_2025Q1": lambda: Found(_ici("dc_total_bn_usd") / 1e3),
    "CS_FLOW_1.0_100": lambda: Found(
        _ici("dc_total_bn_usd") * 0.01, "one percent of the stock in the tables"
    ),
}
"""What the model says of a row on its present basis, by id; rows with ``settings`` go through the calculator."""


# --- the stored table --------------------------------------------------------------------------------


FIGURES = ("published", "model", "first")


def store(table: pd.DataFrame) -> None:
    """Write the table into the data folder and refresh its entry, each in one step."""
    rounded = table.assign(
        **{name: [float(f"{value:.6g}") for value in table[name]] for name in ("model", "first")}
    )
    described = {
        "id": "name of the row in published_targets",
        "what": "what is published",
        "check": "engine, level, order or input",
        "unit": "unit of published and model; shares are fractions",
        "year": "what year or window it is of",
        "published": "the published figure",
        "model": "the model's, carried to the published year and scope; for inputs what the tables hold",
        "tolerance": "how far the model may be off",
        "verdict": "inside, outside, not judged (another concept) or input",
        "relation": "same (concept, scope and year), constructed (a stated bridge), other concept (shown, not "
        "judged) or input",
        "basis_set": "before: the basis was written down before the first comparison; after: a later one is used",
        "first": "the model's figure on the first basis; blank in a row added later",
        "first_verdict": "the verdict on the first basis; blank in a row added later",
        "basis_source": "the publisher's words or formula that fix the basis, or their place",
        "reason": "why a row is outside its tolerance; for an input, where it is used",
        "detail": "parts of the model's figure",
    }
    optional = {"model", "tolerance", "reason", "detail", "first", "first_verdict"}
    sources.store(
        "validation",
        rounded,
        title="The model compared with published figures",
        unit="see unit column",
        source="this model (fiscal.studies.published)",
        fields=[
            sources.Field(
                name,
                "number" if name in FIGURES else "string",
                "see unit column" if name in FIGURES else "text",
                text,
                required=name not in optional,
            )
            for name, text in described.items()
        ],
        note=(
            "Built by `fiscal data derive validation`: what `fiscal validate` prints. Basis, model year and bridge "
            "of each row are in published_targets, written down before the first comparison; a later basis and its "
            "source beside them."
        ),
        status="built",
        licence="MIT, as this project",
        primary_key=["id"],
        second_hand=False,
    )


def rebuild(progress: Progress | None = None) -> None:
    """Compare every row with the model and store the table."""
    store(validate(progress=progress))
