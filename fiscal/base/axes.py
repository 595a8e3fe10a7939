"""The named axes every array of the model is laid out on.

A *cell* is birth cohort (by single year of age) x earnings group x crypto stratum; balances in a cell are kept by
wrapper, tax character and sleeve. Arrays have their axes in this order, without those that they lack: ``(path, year,
wrapper, character, sleeve, age, group, stratum)``.
"""

from __future__ import annotations

import numpy as np

from fiscal.base.opening import HEADLINE

FIRST_YEAR = HEADLINE.year
"""The stub year (a first period shorter than a year), in which the projection opens."""

LAST_YEAR = 2100
"""Default horizon."""

RUN_OFF_LAST_YEAR = LAST_YEAR + 111
"""The year in which the youngest cohort of the horizon (18) reaches the last age (119)."""

FIRST_AGE = 18
LAST_AGE = 119
AGES_AT_OPENING = np.arange(FIRST_AGE, LAST_AGE + 1)
"""Whole years of age at the opening of a year."""

ATTAINED_AGES = AGES_AT_OPENING + 1
"""Age attained by December 31 of the year, as used by tax law and the IRS tables."""

GROUPS = (
    "P0-10", "P10-20", "P20-30", "P30-40", "P40-50", "P50-60",
    "P60-70", "P70-80", "P80-90", "P90-95", "P95-99", "P99-100",
)  # fmt: skip
"""Earnings groups: ranks of lifetime wage, deciles with the top one split at P95 and P99."""

GROUP_SHARES = np.array([0.1] * 9 + [0.05, 0.04, 0.01])
GROUP_EDGES = np.concatenate([[0.0], np.cumsum(GROUP_SHARES)])
GROUP_EDGES[-1] = 1.0

STRATA = ("no_crypto", "crypto")
SPLIT_STRATA = ("no_crypto", "crypto_light", "crypto_heavy")
"""The strata if there are two kinds of crypto holders."""
OWNER_ACCOUNTS = ("plan", "ira")
"""The accounts that living owners hold where a run has no other plan than the 401(k), in the order of their axis.

Employer plans come first: they roll over into the IRA, and their Roth accounts pay earnings pro rata (s.72(e)(8)). The
IRA is the last; it pays its Roth basis first (s.408A(d)(4)). Other plans (:mod:`fiscal.people.accounts`) are between
them and need no code in the projection.
"""

CHARACTERS = ("traditional", "roth")
SLEEVES = ("core", "crypto")
ASSETS = (
    "equity", "foreign_equity", "bonds", "cash", "crypto", "private_equity", "real_estate", "commodities",
)  # fmt: skip
"""``equity`` is of the United States, ``foreign_equity`` of developed markets outside it."""

HALVES = ("first", "second")


def birth_years(years: np.ndarray) -> np.ndarray:
    """Birth year of the cohort aged ``a`` at the opening of year ``y``, ``(Y, A)``: ``y - a - 1``."""
    return np.asarray(years)[:, None] - ATTAINED_AGES[None, :]


def stratum_names(strata: int) -> tuple[str, ...]:
    """Names along a stratum axis of this length; the first stratum holds no crypto."""
    return SPLIT_STRATA if strata == len(SPLIT_STRATA) else STRATA[:strata]
