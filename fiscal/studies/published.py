"""The model compared with published figures: every row of ``published_targets``, one verdict each.

What is compared was written down in the table before the first comparison (columns basis, model_year, bridge); the code
here does what they say. Rows marked ``engine`` and the unit present values are one contribution through the calculator;
the others are the full model on the row's scope, in a handful of runs that a process makes once. The reason for a row
outside its tolerance is in the table ``validation_notes``, not in the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.opening import HEADLINE
from fiscal.budget.ledger import fiscal_line
from fiscal.budget.lines import CASH_LINES, DEFERRAL_BALANCE, NET_REVENUE, TAX_EXPENDITURE, VALUE_EXPENDITURE
from fiscal.budget.valuation import FISCAL_SAME_YEAR_SHARE
from fiscal.engine import run as engine_run
from fiscal.engine.inputs import SCENARIO_PATH
from fiscal.engine.one_contribution import OPTIONS, vintage_of
from fiscal.engine.run import Progress, Run
from fiscal.people.economy import macro
from fiscal.people.scope import ALL_PLANS, BEA_SERIES
from fiscal.projection.outputs import PLAN, TRADITIONAL

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
    "reason",
    "detail",
)
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
    what the column tolerance_note adds to the tolerance holds too."""

    value: float
    detail: str = ""
    note_holds: bool = True


def validate(ids: Iterable[str] | None = None, progress: Progress | None = None) -> pd.DataFrame:
    """The rows ``ids`` (all), columns :data:`COLUMNS`; ``verdict`` is inside, outside or input.

    Every row outside carries its reason. Some runs of the full model are made, once a process.
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


def _tolerance(row: pd.Series) -> str:
    """The tolerance in words."""
    kind, size = row["tolerance_kind"], row["tolerance"]
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
    published, size = float(row["value"]), float(row["tolerance"])
    if row["tolerance_kind"] == "factor":
        inside = 1 / size <= found.value / published <= size
    else:
        scale = abs(published) if row["tolerance_kind"] == "relative" else 1.0
        inside = abs(found.value - published) <= size * scale
    return "inside" if inside and found.note_holds else "outside"


# --- the runs, each made once a process --------------------------------------------------------------


@cache
def _run(*overrides: str) -> Run:
    """The baseline with its present values, to the last withdrawal of all."""
    unpriced = ["books.risk_neutral_paths=0", "backstop.paths=0"]  # no row is on those bases
    return engine_run.compute(scenarios.load("baseline", overrides=[*unpriced, *overrides]))


@cache
def _all_plans(*overrides: str) -> Run:
    """A budget window of all defined-contribution plans under other settings."""
    wanted = [f"scope.plans={ALL_PLANS}", "horizon.last_year=2036", *overrides]
    return engine_run.compute(scenarios.load("baseline", overrides=wanted), run_off=False, references=False)


def _wide() -> Run:
    return _run(f"scope.plans={ALL_PLANS}")


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


def _nipa(kind: str) -> float:
    table = sources.table("nipa_dc_contributions")
    row = table[(table["series"] == BEA_SERIES) & (table["item"] == f"dc_contributions_{kind}")]
    return float(row["value_bn_usd"].iloc[0])


def _replication_scope() -> float:
    """The open replication's contributions, IRAs among them, over BEA's."""
    return (_published("EIG_C_EE") + _published("EIG_C_ER")) / _nipa("total")


# --- measures ----------------------------------------------------------------------------------------


def plan_expenditure(run: Run) -> dict[str, np.ndarray]:
    """Deferral, build-up and withdrawal tax of the plan wrapper alone, ``(Y,)`` dollars, government's sign."""
    path = run.projection.path(SCENARIO_PATH)
    cells = {name: values[path] for name, values in run.projection.cells.items()}
    from_plan = cells["plan_withdrawals"] + cells["nonqualified_earnings"]
    taxable = from_plan + cells["ira_withdrawals"]
    share = np.divide(from_plan, taxable, out=np.zeros_like(taxable), where=taxable > 0)
    held = run.projection.opening_usd[path].sum(axis=2) + run.projection.closing_usd[path].sum(axis=(2, 3))
    in_plan = held[:, PLAN] / held.sum(axis=1)
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


def _present_value(published_year: int, factor: float = 1.0) -> Found:
    """Tax expenditure of the contributions of ``VINTAGE`` over their whole life, all plans."""
    run = _wide()
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


def _payroll(published_year: int, factor: float = 1.0) -> Found:
    """Payroll tax not collected on employer contributions, all plans."""
    run = _wide()
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
        f"of {traditional / BILLION:,.0f} billion in traditional balances",
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


def _roth_catch_up() -> Found:
    return _score(_all_plans(), _all_plans("roth.catch_up_mandate=false"), VINTAGE + 8, 2)


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


def _receipts() -> Found:
    """Change in receipts over GDP from 2026 on, mean of 75 years. The published half that falls in the first
    25 has the row's factor on either side."""
    run = _run()
    gdp = run.economy["gdp_bn_usd"].to_numpy() * BILLION
    net = DEFERRAL_BALANCE.of({line: run.ledger.total(line)[0] for line in DEFERRAL_BALANCE.parts}) / gdp
    years = run.projection.years
    change = (net - net[years == VINTAGE])[(years >= VINTAGE) & run.horizon]
    early = float(change[:25].sum() / change.sum())
    factor = float(targets().loc["CBO2004_75", "tolerance"])
    return Found(
        float(change.mean()),
        f"{early:.0%} of it in the first 25 years",
        0.5 / factor <= early <= 0.5 * factor,
    )


def _ici(column: str) -> float:
    return float(sources.table("ici_assets").set_index("date").loc[HEADLINE.iso, column])


MEASURES: dict[str, Callable[[], Found]] = {
    "TSY_CASH_DC_FY25ED_2024": lambda: _cash(2024),
    "TSY_CASH_DC_FY25ED_2025": lambda: _cash(2025),
    "TSY_CASH_DC_FY2026": lambda: _cash(2026),
    "JCT_DC_FY2024": lambda: _cash(2024),
    "TSY_PV_DC_CY2025": lambda: _present_value(2025),
    "CBO_PV_PAY_2019": lambda: _payroll(2019),
    "EIG_OBS_INC": lambda: _present_value(2024, _replication_scope()),
    "EIG_OBS_PAY": lambda: _payroll(2024, _published("EIG_C_ER") / _nipa("employer")),
    "EIG_CASHFLOW": lambda: _cash(2024, fiscal=False, factor=_replication_scope()),
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
"""What the model says of a row, by id; rows with ``settings`` go through the calculator."""


# --- the stored table --------------------------------------------------------------------------------


def store(table: pd.DataFrame) -> None:
    """Write the table into the data folder and refresh its entry, each in one step."""
    rounded = table.assign(model=[float(f"{value:.6g}") for value in table["model"]])
    described = {
        "id": "name of the row in published_targets",
        "what": "what is published",
        "check": "engine, level, order or input",
        "unit": "unit of published and model; shares are fractions",
        "year": "what year or window it is of",
        "published": "the published figure",
        "model": "the model's, carried to the published year and scope; for inputs what the tables hold",
        "tolerance": "how far the model may be off",
        "verdict": "inside, outside or input",
        "reason": "why a row is outside its tolerance; for an input, where it is used",
        "detail": "parts of the model's figure",
    }
    optional = {"model", "tolerance", "reason", "detail"}
    sources.store(
        "validation",
        rounded,
        title="The model compared with published figures",
        unit="see unit column",
        source="this model (fiscal.studies.published)",
        fields=[
            sources.Field(
                name,
                "number" if name in ("published", "model") else "string",
                "see unit column" if name in ("published", "model") else "text",
                text,
                required=name not in optional,
            )
            for name, text in described.items()
        ],
        note=(
            "Built by `fiscal data derive validation`: what `fiscal validate` prints. Basis, model year and bridge "
            "of each row are in published_targets, written down before the first comparison."
        ),
        status="built",
        licence="MIT, as this project",
        primary_key=["id"],
        second_hand=False,
    )


def rebuild(progress: Progress | None = None) -> None:
    """Compare every row with the model and store the table."""
    store(validate(progress=progress))
