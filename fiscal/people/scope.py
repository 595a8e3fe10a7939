"""All defined-contribution plans in the 401(k)'s shape: the scope before the other plans became types of their own.

Assets by ICI's stocks of the opening date, contributions by BEA's totals, holders in proportion to assets. Ages,
earnings groups, law and behaviour stay the 401(k)'s.
"""

from __future__ import annotations

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.opening import HEADLINE, OpeningDate
from fiscal.people.accounts import Scope
from fiscal.people.contributions import Contributions
from fiscal.people.economy import macro

BEA_SERIES = "BEA_T7_25"
"""Of the two BEA totals the one whose parts add up (households 607.4, employers 309.6)."""


def all_plan_contributions_bn_usd() -> dict[str, float]:
    """Contributions to all defined-contribution plans in 2025 by ``employee``, ``employer`` and ``total``:
    BEA's of 2024 times the growth of the wage bill."""
    table = sources.table("nipa_dc_contributions")
    rows = table[table["series"] == BEA_SERIES].set_index("item")
    wages = macro([FIRST_YEAR - 1, FIRST_YEAR])["wage_bill_bn_usd"]
    growth = float(wages[FIRST_YEAR] / wages[FIRST_YEAR - 1])
    return {
        kind: float(rows.loc[f"dc_contributions_{kind}", "value_bn_usd"]) * growth
        for kind in ("employee", "employer", "total")
    }


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
