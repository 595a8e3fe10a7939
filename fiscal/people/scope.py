"""All defined-contribution plans in the 401(k)'s shape: the scope before the other plans became types of their own.

Assets by ICI's stocks of the opening date, elective deferrals by the W-2 statistics of all plans, employer
contributions by BEA's total, holders in proportion to assets. Ages, earnings groups, law, and behavior stay those of
401(k) plans.
"""

from __future__ import annotations

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.opening import HEADLINE, OpeningDate
from fiscal.people import coverage
from fiscal.people.accounts import Scope
from fiscal.people.contributions import Contributions


def all_plan_contributions_bn_usd() -> dict[str, float]:
    """Contributions to all defined-contribution plans in 2025 by ``employee``, ``employer`` and ``total``.

    Employees: elective deferrals of the last W-2 statistics (BEA's household line holds rollovers into plans and
    after-tax money too), times the growth of participants' contributions (Form 5500) to its last year, then the trend
    of contributions over wages. Employers: BEA.
    """
    w2 = sources.table("soi_w2_participation").set_index("year")["deferrals_bn_usd"]
    bea = sources.table("bea_dc_1984_2025").set_index("year")
    known = int(w2.index[-1])
    employee = float(w2[known]) * coverage.deferral_growth(known)
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
