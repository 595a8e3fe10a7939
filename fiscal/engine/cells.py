"""Inside the cohorts: every cell of a projection, year by year, as one tidy table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base.axes import AGES_AT_OPENING, CHARACTERS, GROUPS, birth_years
from fiscal.base.errors import InputError, refuse_unknown
from fiscal.engine import run as engine_run
from fiscal.engine.inputs import EQUITY_PATH, NO_CRYPTO_PATH, SCENARIO_PATH

if TYPE_CHECKING:
    from fiscal.scenario import Scenario

BILLION = 1e9

COLUMNS: Mapping[str, str] = {
    "year": "calendar year; 2025 is April to December only",
    "age": "age at the opening of the year",
    "birth_year": "year of birth of the cohort",
    "earnings_group": "rank of lifetime wage: deciles, the top one split at P95 and P99",
    "account_holders": "persons with a balance in a plan of the scope or what was rolled over from one",
    "traditional_contribution_bn_usd": "deferrals and employer contributions that are taxed when withdrawn",
    "roth_contribution_bn_usd": "deferrals and employer contributions that are taxed when made",
    "taxed_withdrawal_bn_usd": "owners' withdrawals that are taxed: traditional ones, and Roth earnings taken early",
    "roth_withdrawal_bn_usd": "owners' and heirs' withdrawals from Roth accounts",
    "inherited_withdrawal_bn_usd": "heirs' withdrawals from traditional accounts, in the cohort of the owner who died",
    "deferred_revenue_bn_usd": "income tax not collected on the year's traditional contributions (negative)",
    "payroll_forgone_bn_usd": "payroll tax not collected on employer contributions (negative)",
    "withdrawal_tax_bn_usd": "income tax on owners' and heirs' withdrawals",
    "additional_tax_bn_usd": "the ten percent on early withdrawals",
    "traditional_balance_bn_usd": "year-end balance taxed when withdrawn, inherited accounts too",
    "roth_balance_bn_usd": "year-end balance of Roth accounts, inherited ones too",
    "crypto_balance_bn_usd": "the part of both balances in the crypto sleeve",
}
"""Columns of :func:`cells`; dollars are billions of current dollars, positive = the government is better off."""


def cells(
    scenario: str | Path | Scenario,
    overrides: Mapping[str, object] | Sequence[str] = (),
    *,
    path: str = SCENARIO_PATH,
    progress: Callable[..., None] | None = None,
) -> pd.DataFrame:
    """Every cell of a scenario's projection to the horizon: one row per year, age, and earnings group.

    Columns are those of :data:`COLUMNS`; sums over a year's cells are the lines of the budget by calendar year.
    ``path`` is the scenario or one of its references (no_crypto, equity_adoption). Of a random path model it is the
    central path. Raises InputError for a wrong scenario, or a path that it does not have.
    """
    chosen = scenarios.load(scenario, overrides)
    known = (SCENARIO_PATH, NO_CRYPTO_PATH, EQUITY_PATH)
    refuse_unknown(path=(path, known))
    run = engine_run.compute(chosen, progress, run_off=False, references=(path,))
    if path not in run.path_labels:
        raise InputError("holds no crypto, so has no reference", key=chosen.name, value=path)
    p, years, inputs, cell = run.projection.path(path), run.years, run.inputs, run.projection.cells

    def of_cells(*names: str) -> np.ndarray:
        return sum((cell[name][p].sum(axis=3) for name in names), start=np.zeros(shape))

    shape = (len(years), len(AGES_AT_OPENING), len(GROUPS))
    made = np.einsum("ycags,ys->cyag", inputs.contribution_usd, inputs.contribution_scale[p])
    dollars = {
        **{f"{name}_contribution": made[c] for c, name in enumerate(CHARACTERS)},
        "taxed_withdrawal": of_cells(*run.projection.withdrawal_lines, "nonqualified_earnings"),
        "roth_withdrawal": of_cells("roth_withdrawals", "inherited_roth_withdrawals"),
        "inherited_withdrawal": of_cells("inherited_withdrawals"),
        **{
            line: run.ledger.lines[line][p]
            for line in ("deferred_revenue", "payroll_forgone", "withdrawal_tax", "additional_tax")
        },
        "traditional_balance": of_cells("closing_traditional"),
        "roth_balance": of_cells("closing_roth"),
        "crypto_balance": of_cells("closing_crypto"),
    }
    keys = {
        "year": years[:, None, None],
        "age": AGES_AT_OPENING[:, None],
        "birth_year": birth_years(years)[:, :, None],
        "earnings_group": np.array(GROUPS),
        "account_holders": inputs.holders.sum(axis=3),
    }
    return pd.DataFrame(
        {name: np.broadcast_to(values, shape).ravel() for name, values in keys.items()}
        | {f"{name}_bn_usd": values.ravel() / BILLION for name, values in dollars.items()}
    )
