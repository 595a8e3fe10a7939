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

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.progress import Progress, steps
from fiscal.engine.one_contribution import OPTIONS, vintage_of
from fiscal.people.accounts import ALL_PLANS_SCALED
from fiscal.studies import derived
from fiscal.studies.published_levels import (
    cash,
    cash_on_stock,
    cash_with_iras,
    contributions_2025,
    embedded_share,
    ici,
    observed_cash_flow,
    observed_flows,
    payroll,
    payroll_with_defined_benefit,
    plan_earnings,
    present_value,
    replication_scope,
    waiver,
)
from fiscal.studies.published_runs import Found, nipa, published_value, targets
from fiscal.studies.published_scores import full_roth, mean_receipts, receipts, roth_catch_up, roth_match

COLUMNS = (
    "id", "what", "check", "unit", "year", "published", "model", "tolerance", "verdict", "relation",
    "basis_set", "first", "first_verdict", "basis_source", "reason", "detail",
)  # fmt: skip

OTHER_CONCEPT = "other concept"
"""Relation of a row whose published figure is of something else: shown, not judged."""

NOT_JUDGED, UNEXPLAINED, REPLICATION = "not judged", "not explained", "replication"


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


def validate(ids: Iterable[str] | None = None, progress: Progress | None = None) -> pd.DataFrame:
    """The rows ``ids`` (all), columns :data:`COLUMNS`; ``verdict`` is inside, outside, not judged or input.

    ``first`` and ``first_verdict`` are the model's figure and verdict on the basis written down before the first
    comparison; blank in rows added later. Every row outside carries its reason. Some runs of the full model are
    made, once a process.
    """
    rows = targets()
    chosen = rows if ids is None else rows.loc[list(ids)]
    notes = sources.table("validation_notes").set_index("id")["note"]
    table = []
    for name, row in steps(list(chosen.iterrows()), progress, lambda one: str(one[0])):
        found = _found(str(name), row)
        verdict = _verdict(row, found)
        first, first_verdict = _on_first_basis(str(name), row, found)
        note = notes.get(name, "")
        if verdict == "outside" and not note:
            note = UNEXPLAINED
        table.append(
            {
                **row,
                "id": name,
                "published": row["value"],
                "model": np.nan if found is None else found.value,
                "tolerance": _tolerance(row),
                "verdict": verdict,
                "first": first,
                "first_verdict": first_verdict,
                "reason": note if verdict != "inside" else "",
                "detail": "" if found is None else found.detail,
            }
        )
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


FIRST: dict[str, Callable[[], Found]] = {
    "TSY_CASH_DC_FY25ED_2024": lambda: cash(2024),
    "TSY_CASH_DC_FY25ED_2025": lambda: cash(2025),
    "TSY_CASH_DC_FY2026": lambda: cash(2026),
    "JCT_DC_FY2024": lambda: cash(2024),
    "TSY_PV_DC_CY2025": lambda: present_value(2025),
    "CBO_PV_PAY_2019": lambda: payroll(2019),
    "EIG_OBS_INC": lambda: present_value(2024, replication_scope()),
    "EIG_CASHFLOW": lambda: cash(2024, fiscal=False, factor=replication_scope()),
    "JCT_S2_603": lambda: roth_catch_up(ALL_PLANS_SCALED),
    "CBO2004_75": mean_receipts,
}
"""What the model says on the basis written down before the first comparison, of the rows that have another now."""


MEASURES: dict[str, Callable[[], Found]] = {
    "TSY_CASH_DC_FY25ED_2024": lambda: cash_on_stock(2024),
    "TSY_CASH_DC_FY25ED_2025": lambda: cash_on_stock(2025),
    "TSY_CASH_DC_FY2026": lambda: cash_on_stock(2026),
    "TSY_SUM_FY2023": lambda: cash_with_iras(2023),
    "TSY_SUM_FY2024": lambda: cash_with_iras(2024),
    "TSY_SUM_FY2025": lambda: cash_with_iras(2025),
    "JCT_DC_FY2024": lambda: cash_on_stock(2024),
    "TSY_PV_DC_CY2025": plan_earnings,
    "CBO_PV_PAY_2019": payroll_with_defined_benefit,
    "EIG_OBS_INC": observed_flows,
    "EIG_OBS_PAY": lambda: payroll(2024, published_value("EIG_C_ER") / nipa("employer")),
    "EIG_CASHFLOW": observed_cash_flow,
    "RMD_WAIVER_2009": lambda: waiver(2009, (2007, 2008)),
    "RMD_WAIVER_2020": lambda: waiver(2020, (2018, 2019)),
    "BEA_DC_2025": contributions_2025,
    "LZ_SHARE": embedded_share,
    "JCT_S2_603": roth_catch_up,
    "JCT_S2_604": roth_match,
    "PWBM_REPEAL_10Y": full_roth,
    "CBO2004_75": receipts,
    # inputs: what the model's tables hold of them
    "NIPA_DC_HH_2024": lambda: Found(nipa("employee")),
    "NIPA_DC_ER_2024": lambda: Found(nipa("employer")),
    "W2_ROTH_SHARE_2020": lambda: Found(
        float(sources.table("w2_deferrals_roth").set_index("tax_year")["roth_share_of_401k_dollars"][2020])
    ),
    "ICI_DC_2025Q1": lambda: Found(ici("dc_total_bn_usd") / 1e3),
    "CS_FLOW_1.0_100": lambda: Found(ici("dc_total_bn_usd") * 0.01, "one percent of the stock in the tables"),
}
"""What the model says of a row on its present basis, by id; rows with ``settings`` go through the calculator."""


def rebuild(progress: Progress | None = None) -> None:
    """Compare every row with the model and store the table."""
    table = validate(progress=progress)
    for name in ("model", "first"):
        table[name] = [float(f"{value:.6g}") for value in table[name]]
    derived.store("validation", table)
