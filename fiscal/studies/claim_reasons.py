"""Reasons for the size of the government's share of the opening stock: who pays, and what moves the rate.

The published share is about 20 percent. Ours is taken apart on the portfolio basis: by who withdraws (a dollar's
weight and its average rate), and by projections in which one thing is left out: later contributions, on top of
which the stock's withdrawals are taxed pro rata, and the brackets' falling behind wages.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base.axes import ATTAINED_AGES
from fiscal.base.progress import Progress
from fiscal.budget.vintages import value_vintages
from fiscal.engine.run import Run, compute
from fiscal.projection.cells import project
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.outputs import Projection
from fiscal.studies import derived

NAME = "claim_reasons"
PUBLISHED_SHARE = 0.20
AGE_SPANS = ((19, 60), (60, 73), (73, 121))
"""Ages attained by the end of the year of withdrawal, as in the IRS tables and in s.72(t); the last is not included."""
COLUMNS = ("kind", "case", "weight_share", "claim_share")
LAW_YEAR = 2026


def carried(schedule: TaxSchedule, index: np.ndarray, at: int) -> TaxSchedule:
    """The law of year ``at`` in every year, its amounts moved by ``index`` (Y,)."""
    factor = index / index[at]
    return TaxSchedule(
        knots_usd=schedule.knots_usd[at] * factor[:, None], tax_usd=schedule.tax_usd[at] * factor[:, None, None, None]
    )


def share(inputs: ProjectionInputs, projection: Projection) -> float:
    """Withdrawal tax to come on the opening stock over its traditional balance, portfolio basis."""
    found = value_vintages(
        inputs,
        projection,
        0,
        None,
        discount=None,
        opening_discount=1.0,
        contribution_tax_rate=np.zeros(inputs.death_rate.shape),
    )
    return found.stock_total("withdrawal_tax") / float(inputs.opening_usd[:, 0].sum())


def reasons(run: Run) -> pd.DataFrame:
    """One row a payer (its weight in what is withdrawn and its average rate) and a counterfactual; columns
    :data:`COLUMNS`. ``run`` is the baseline with its run-off."""
    inputs = run.inputs.only(0)
    projection = project(inputs, keep_shares=(0,))
    rows: list[tuple[str, str, float, float]] = [("as projected", "all", 1.0, share(inputs, projection))]
    cells = projection.cells
    drawn = sum(cells[line] for line in projection.withdrawal_lines) + cells["nonqualified_earnings"]
    nothing = np.zeros_like(drawn)

    def part(owner: np.ndarray, heir: np.ndarray) -> float:
        of = replace(projection, cells={**cells, "owner_tax": owner, "heir_tax": heir})
        return share(inputs, of)

    for first, last in AGE_SPANS:
        mine = ((first <= ATTAINED_AGES) & (last > ATTAINED_AGES))[None, None, :, None, None]
        weight, tax = part(drawn * mine, nothing), part(cells["owner_tax"] * mine, nothing)
        rows.append(("payer", f"owners of {first} to {last - 1}", weight, tax / weight))
    weight, tax = part(nothing, cells["inherited_withdrawals"]), part(nothing, cells["heir_tax"])
    rows.append(("payer", "heirs", weight, tax / weight))

    at = int(np.flatnonzero(inputs.years == LAW_YEAR)[0])
    by_wages = {
        name: carried(getattr(inputs, name), run.economy["wage_index"].to_numpy(), at)
        for name in ("owner_schedule", "conversion_schedule", "heir_schedule")
    }
    alone = {"contribution_usd": np.zeros_like(inputs.contribution_usd)}
    cases: dict[str, dict[str, object]] = {
        "law of 2026 indexed to wages": dict(by_wages),
        "no further contributions": dict(alone),
        "both": {**by_wages, **alone},
    }
    for case, changes in cases.items():
        given = replace(inputs, **changes)  # type: ignore[arg-type]
        rows.append(("without", case, 1.0, share(given, project(given, keep_shares=(0,)))))
    rows.append(("published", "Landoni and Zeldes", np.nan, PUBLISHED_SHARE))
    return pd.DataFrame(rows, columns=list(COLUMNS)).round({"weight_share": 4, "claim_share": 4})


def rebuild(progress: Progress | None = None) -> None:
    """Run the baseline and store the table."""
    run = compute(scenarios.load("baseline", {"books.risk_neutral_paths": 0}), progress)
    derived.store(NAME, reasons(run))
