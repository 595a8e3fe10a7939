"""From 401(k) plans to all defined-contribution plans: 403(b), 457, the Thrift Savings Plan and the rest.

Treasury and JCT publish their lines for all of them. The model knows one kind of plan, so the wider scope is the
401(k)'s cells in other sizes: assets by ICI's stocks of the opening date, contributions by BEA's totals, holders in
proportion to assets (no count of persons without double counting is published). Ages, earnings groups, law, and
behavior stay those of 401(k) plans.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.opening import HEADLINE, OpeningDate
from fiscal.people.contributions import Contributions
from fiscal.people.economy import macro

ALL_PLANS = "all_dc"
BEA_SERIES = "BEA_T7_25"
"""Of the two BEA totals the one whose parts add up (households 607.4, employers 309.6)."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What the scope multiplies: opening assets and holders, and dollars contributed by kind."""

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
