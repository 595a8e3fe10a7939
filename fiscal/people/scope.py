"""From 401(k) plans to all defined-contribution plans: 403(b), 457, the Thrift Savings Plan and the rest.

Treasury and JCT publish their lines for all of them. The model knows one kind of plan, so the wider scope
is the 401(k)'s cells in other sizes: assets by ICI's stocks of the opening date, elective deferrals by the W-2
statistics of all plans, carried on as those of 401(k) plans grew, employers' money by BEA's total, holders in
proportion to assets (no count of persons without double counting is published). Ages, earnings groups, law and
behaviour stay the 401(k)'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.opening import HEADLINE, OpeningDate
from fiscal.people import coverage
from fiscal.people.contributions import Contributions

ALL_PLANS = "all_dc"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What the scope multiplies: opening assets and holders, and dollars paid in by kind."""

    stock: float = 1.0
    elective: float = 1.0
    employer: float = 1.0

    def widened(self, made: Contributions) -> Contributions:
        """Contributions of the 401(k) in the size of this scope."""
        return replace(
            made,
            elective_traditional_usd=made.elective_traditional_usd * self.elective,
            elective_roth_usd=made.elective_roth_usd * self.elective,
            catch_up_usd=made.catch_up_usd * self.elective,
            imputed_usd=made.imputed_usd * self.elective,
            employer_traditional_usd=made.employer_traditional_usd * self.employer,
            employer_roth_usd=made.employer_roth_usd * self.employer,
        )


def all_plan_contributions_bn_usd() -> dict[str, float]:
    """Contributions to all defined-contribution plans in 2025 by ``employee``, ``employer`` and ``total``.

    Employees: elective deferrals of the last W-2 statistics (BEA's household line holds rollovers into plans and
    after-tax money too), times the growth of participants' contributions (Form 5500) to its last year, then the trend
    of contributions over wages. Employers: BEA.
    """
    w2 = sources.table("soi_w2_participation").set_index("year")["deferrals_bn_usd"]
    dol = sources.table("dol_5500").set_index("year")["participant_bn_usd"]
    bea = sources.table("bea_dc_1984_2025").set_index("year")
    known, last = int(w2.index[-1]), coverage.last_published_year()
    assume = {key: sources.assumption(key) for key in coverage.ASSUMPTIONS}
    over_wages = coverage.damped_trend(
        coverage.savers_over_wages(), last, np.array([last, FIRST_YEAR]), assume
    )
    wages = coverage.private_wages()
    later = float(over_wages[1] / over_wages[0] * wages[FIRST_YEAR] / wages[last])
    employee = float(w2[known] * dol[last] / dol[known]) * later
    employer = float(bea.loc[FIRST_YEAR, "employer_dc_bn_usd"])
    return {"employee": employee, "employer": employer, "total": employee + employer}


def all_plans(own: Contributions, people_scale: float, opening: OpeningDate = HEADLINE) -> Scope:
    """The scope of all plans; ``own`` are the 401(k)'s contributions of the stub at the base table's scale, of a
    population ``people_scale`` times the real one, which opens on ``opening``."""
    assets = sources.table("ici_assets").set_index("date").loc[opening.iso]
    published = all_plan_contributions_bn_usd()
    elective = (own.elective_traditional_usd + own.elective_roth_usd)[0].sum()
    whole_year = 1e9 * opening.stub_fraction * people_scale
    return Scope(
        stock=float(assets["dc_total_bn_usd"] / assets["k401_bn_usd"]),
        elective=float(published["employee"] * whole_year / elective),
        employer=float(published["employer"] * whole_year / own.employer_usd[0].sum()),
    )
