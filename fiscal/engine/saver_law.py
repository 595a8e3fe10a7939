"""What the law takes of one saver: rates at contribution and withdrawal from the tax schedules, required distributions.

The saver belongs to an earnings group and has an age in 2026, the year of the contribution. Rates are those that the
projection itself uses for the group and age under current law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fiscal.base.axes import AGES_AT_OPENING, FIRST_YEAR, GROUPS, LAST_YEAR
from fiscal.engine.inputs import assumptions
from fiscal.engine.taxes import schedules_in_force
from fiscal.law.distributions import required_minimum_share, rmd_births, rmd_start_age
from fiscal.people.economy import macro
from fiscal.people.mobility import mobility_matrix
from fiscal.projection.inputs import TaxSchedule
from fiscal.scenario import load

CONTRIBUTION_YEAR = FIRST_YEAR + 1
CONTRIBUTION_USD = 1000.0
LAST_DRAW_AGE = 94
"""Age at which required distributions end: the rest is paid out then."""
LAW = "baseline"
"""Scenario whose settings and assumptions say how people move between groups."""


@dataclass(frozen=True)
class SaverLaw:
    """The law of one saver: an earnings group, and the age in the year of the contribution."""

    group: str
    age: int

    def defaults(self) -> dict[str, object]:
        """Options of the calculator that the law, the group, and the economy give, by name.

        The return and the discount rate are both the 10-year Treasury yield of the economy's long run.
        """
        settings = load(LAW).settings
        schedules, group = schedules_in_force(settings), GROUPS.index(self.group)
        mobility = mobility_matrix(settings.people.rank_correlation)
        place = int(np.clip(self.age - 1 - AGES_AT_OPENING[0], 0, len(AGES_AT_OPENING) - 1))
        deferral = schedules.deferral([CONTRIBUTION_YEAR], mobility)
        as_imputed = int(np.searchsorted(deferral.multiples, 1.0))
        interest = schedules.outside([CONTRIBUTION_YEAR], mobility).interest_rate
        treasury = float(macro([LAST_YEAR])["treasury_10y_rate"].iloc[0])
        births = rmd_births(assumptions(settings))
        return {
            "contribution": CONTRIBUTION_USD,
            "contribution_tax_rate": float(deferral.deferral_rate[0, place, group, as_imputed]),
            "outside_tax_rate": float(interest[0, place, group]),
            "return_rate": treasury,
            "discount_rate": treasury,
            "withdrawal_age": int(np.ceil(rmd_start_age(CONTRIBUTION_YEAR - self.age, births))),
            "withdrawal_end_age": LAST_DRAW_AGE + 1,
            "withdrawal_pattern": "required",
        }

    def schedule(self, ages: np.ndarray) -> TaxSchedule:
        """Tax on withdrawals of a saver who is of ``ages`` ``(step,)``: the same for the whole age axis of a step."""
        settings, group = load(LAW).settings, GROUPS.index(self.group)
        retired = mobility_matrix(settings.people.retired_rank_correlation)[group : group + 1]
        at = np.clip(ages - self.age, 0, LAST_YEAR - CONTRIBUTION_YEAR)
        years = CONTRIBUTION_YEAR + np.arange(at.max() + 1)
        law = schedules_in_force(settings).own_withdrawal_tax(years, retired)
        place = np.clip(ages - 1 - AGES_AT_OPENING[0], 0, len(AGES_AT_OPENING) - 1)
        tax = law.tax_usd[at, place, 0]
        count, knots = tax.shape
        spread_out = np.broadcast_to(tax[:, None, None, :], (count, count, 1, knots)).copy()
        return TaxSchedule(knots_usd=law.knots_usd[at], tax_usd=spread_out)


def required_shares(ages: np.ndarray, age: int) -> np.ndarray:
    """Share of the balance that must be paid out at each of ``ages`` ``(step,)``, by someone of ``age`` in 2026."""
    births = rmd_births(assumptions(load(LAW).settings))
    return required_minimum_share(ages, np.full(len(ages), CONTRIBUTION_YEAR - age), births)
