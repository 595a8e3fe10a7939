"""The model's own withdrawals inside the tax file, held by a test.

The file's taxable pension and IRA income, aged to CBO's totals, already contains what the accounts of this model pay
out. The income that a withdrawal is stacked on must exclude it, or every dollar would be taxed on top of itself. The
share comes from a run of the baseline in each scope; withdrawals do not depend on the tax schedules, so the table is
built once, before the schedules. A test compares it with the baseline.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base.progress import Progress
from fiscal.engine.run import Run, compute
from fiscal.law.years import LAW_YEARS, OWN_SCOPES
from fiscal.studies import derived
from fiscal.studies.reconciliation import cbo_line

OLD_AGE = 60
HIGHEST_SHARE = 0.95
"""Something else is always left in the file: defined-benefit pensions do not vanish."""


def own_withdrawal_shares(run: Run) -> pd.DataFrame:
    """Share of all taxable pension and IRA income that a run pays out, by law year.

    Columns ``law_year, own_share``. The whole: CBO to its last year; after it, its last value times
    the growth of average wages and of people of 60 and over, which is how the file is carried on.
    """
    years = run.projection.years
    lines = (*run.projection.withdrawal_lines, "inherited_withdrawals", "nonqualified_earnings")
    own = sum(run.projection.total(line)[0] for line in lines) / 1e9 / run.inputs.year_fraction
    published = cbo_line()
    last = int(published.index.max())
    wage = run.economy["wage_index"].to_numpy()
    old = run.people.people_open[:, run.people.ages >= OLD_AGE].sum(axis=(1, 2))
    at = int(np.flatnonzero(years == last)[0])
    carried = published[last] * wage / wage[at] * old / old[at]
    whole = np.array([published.get(year, carried[index]) for index, year in enumerate(years)], dtype=float)
    share = np.clip(own / whole, 0.0, HIGHEST_SHARE)
    return pd.DataFrame(
        {"law_year": LAW_YEARS, "own_share": [round(float(share[years == year][0]), 4) for year in LAW_YEARS]}
    )


def run_of(scope: str, progress: Progress | None = None) -> Run:
    """The baseline in a scope, without crypto and other references."""
    chosen = scenarios.load("baseline", {"scope.plans": scope})
    return compute(chosen, progress, run_off=False, references=False)


def rebuild(progress: Progress | None = None) -> None:
    """Run the baseline in each scope of the schedules and store its shares."""
    found = {scope: own_withdrawal_shares(run_of(scope, progress)) for scope in OWN_SCOPES}
    table = pd.concat([shares.assign(scope=scope) for scope, shares in found.items()], ignore_index=True)
    derived.store("own_withdrawals", table[["law_year", "scope", "own_share"]])
