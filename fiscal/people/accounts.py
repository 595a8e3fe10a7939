"""Types of account, each a declaration: who holds it, the contributions, when money leaves, and what is taxed.

A run holds the types that its scope names (:data:`SCOPES`). The 401(k) plan comes first and the IRA, which receives
rollovers, last. A type between them is declared in terms of the 401(k)'s cells: its holders by age and earnings are
the 401(k)'s times a shape of its own, its dollars add up to its own published totals, and it has rules of its own.
To add one: a declaration here, its totals in ``data/account_contributions.csv`` and in ``ici_assets``, and its
assumptions in ``data/assumptions.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from fiscal.base import sources
from fiscal.base.arrays import ratio
from fiscal.base.axes import ATTAINED_AGES, FIRST_YEAR, GROUP_EDGES, OWNER_ACCOUNTS
from fiscal.base.opening import HEADLINE, OpeningDate
from fiscal.people.contributions import Contributions
from fiscal.people.coverage import deferral_growth
from fiscal.people.economy import macro
from fiscal.people.opening import Opening
from fiscal.people.withdrawals import WithdrawalRates, by_group

BILLION = 1e9
LIMITS = (
    "elective_deferral_limit_usd",
    "catch_up_limit_usd",
    "catch_up_60_63_limit_usd",
    "annual_additions_limit_usd",
    "compensation_limit_usd",
)
"""Limits of the law on what a 401(k) saver and the employer pay in; columns of ``contribution_limits``."""

ALL_PLANS, ALL_PLANS_SCALED = "all_dc", "all_dc_scaled"
INHERITED = "inherited"


@dataclass(frozen=True)
class Payment:
    """Dollars of a row of ``account_contributions``, times an assumption (``share``) or, where it is the ``rest``, one
    less it. Elective deferrals are carried to 2025 as those of 401(k) plans grew, other money by wages."""

    item: str
    share: str | None = None
    rest: bool = False

    def bn_usd(self, assume: Mapping[str, float]) -> float:
        """Billions of dollars in 2025."""
        row = sources.table("account_contributions").set_index("item").loc[self.item]
        year = int(row["year"])
        part = 1.0 if self.share is None else assume[self.share]
        if self.item.startswith("elective_"):
            growth = deferral_growth(year)
        else:
            wages = macro(sorted({year, FIRST_YEAR}))["wage_bill_bn_usd"]
            growth = float(wages[FIRST_YEAR] / wages[year])
        carried = float(row["value_bn_usd"]) * growth
        return carried * (1 - part if self.rest else part)


@dataclass(frozen=True, kw_only=True)
class AccountType:
    """A type of account; names in capitals are those of assumptions. What is left out is as in the 401(k) plan."""

    name: str
    label: str  # in tables and figures
    held_by: str
    law: str

    # who holds it, and how much
    stock: tuple[str, ...] = ()  # columns of ici_assets that add up to it
    holders_mn: str | None = None  # ASSUMPTION, million persons
    older_share: tuple[str, str] | None = None  # ASSUMPTIONS: share of 45 to 64 among its workers and the 401(k)'s
    top_ratio: str | None = None  # ASSUMPTION, holding in the top earnings group over the 401(k)'s

    # contributions
    elective: tuple[Payment, ...] = ()  # none: employer money only
    employer: tuple[Payment, ...] = ()
    limits: tuple[str, ...] = LIMITS  # that bind it
    coverage: bool = False  # its savers grow in number with the trend of private coverage, DOL
    roth: str | None = None  # item of designated Roth inside its W-2 deferrals
    fica_share: str | None = None  # ASSUMPTION, share of its holders whose wages Social Security taxes

    # when money leaves, and under what rules
    separation_ratio: str | None = None  # ASSUMPTION, multiple of the 401(k)'s separations
    required_minimum: bool = True  # s.401(a)(9) applies to living owners
    no_additional_tax: tuple[str, ...] = ()  # columns of its stock that s.72(t) does not reach

    @property
    def assumptions(self) -> frozenset[str]:
        """Assumptions that it alone reads."""
        shares = [one.share for one in (*self.elective, *self.employer)]
        named = (self.holders_mn, *(self.older_share or ()), self.top_ratio, self.fica_share, self.separation_ratio)
        return frozenset(key for key in (*named, *shares) if key)

    def covered(self, assume: Mapping[str, float]) -> float:
        """Share of holders with Social Security wages: they alone come under s.603, and employer money of theirs
        alone would have paid OASDI as wages."""
        return 1.0 if self.fica_share is None else assume[self.fica_share]

    def roth_share(self, of_plan: float) -> float:
        """Roth share of its opening balances; ``of_plan`` is the 401(k)'s."""
        if not self.elective:
            return 0.0
        odds = self.roth_odds()
        return of_plan * odds / (1 + of_plan * (odds - 1))

    def roth_odds(self) -> float:
        """Odds of Roth in its deferrals over those of the 401(k), W-2."""
        if self.roth is None:
            return 1.0
        paid = sources.table("account_contributions").set_index("item")
        year = int(paid.loc[self.roth, "year"])
        # deferrals that the W-2 counts under its own codes
        own = sum(
            float(paid.loc[one.item, "value_bn_usd"]) for one in self.elective if one.item.startswith("elective_")
        )
        share = float(paid.loc[self.roth, "value_bn_usd"]) / own
        of_401k = float(
            sources.table("w2_deferrals_roth").set_index("tax_year").loc[year, "roth_share_of_401k_dollars"]
        )
        return share / (1 - share) / (of_401k / (1 - of_401k))

    def assets_bn_usd(self, columns: Sequence[str], opening: OpeningDate = HEADLINE) -> float:
        """ICI's assets in ``columns`` on the opening date; one that is not printed is what the total leaves."""
        row = sources.table("ici_assets").set_index("date").loc[opening.iso]
        parts = row[[column for one in TYPES.values() for column in one.stock]].astype(float)
        return float(parts.fillna(row["dc_total_bn_usd"] - parts.sum())[list(columns)].sum())

    def untaxed_early(self, opening: OpeningDate = HEADLINE) -> float:
        """Share of its assets that the additional tax on early withdrawals does not reach."""
        if not self.no_additional_tax:
            return 0.0
        return self.assets_bn_usd(self.no_additional_tax, opening) / self.assets_bn_usd(self.stock, opening)

    def shape(self, assume: Mapping[str, float]) -> np.ndarray:
        """Holding by age and earnings group over the 401(k)'s, ``(A, G)``, to a common factor.

        Ages: shares below 45 and from 45 on against private workers', joined between 40 and 50. Groups: one to the
        eighth decile, from there in even steps of the logarithm to the ratio of the top group.
        """
        by_age = np.ones(len(ATTAINED_AGES))
        if self.older_share is not None:
            own, private = (assume[key] for key in self.older_share)
            by_age = np.interp(ATTAINED_AGES, [40, 50], [(1 - own) / (1 - private), own / private])
        middle = (GROUP_EDGES[1:] + GROUP_EDGES[:-1]) / 2
        top = 1.0 if self.top_ratio is None else assume[self.top_ratio]
        return by_age[:, None] * top ** np.interp(middle, [middle[7], middle[-1]], [0, 1])

    def behaviour(self, assume: Mapping[str, float]) -> dict[str, float]:
        """The assumptions with its own separations."""
        factor = 1.0 if self.separation_ratio is None else assume[self.separation_ratio]
        own = {key: assume[key] * factor for key in assume if key.startswith("separation_rate_")}
        return {**assume, **own}


PLAN = AccountType(
    name=OWNER_ACCOUNTS[0],
    label="401(k) plans",
    held_by="employees of private firms",
    law="s.401(k); limits s.402(g), s.414(v), s.415(c); SECURE 2.0 s.603 for wages under FICA; s.401(a)(9); s.72(t)",
    stock=("k401_bn_usd",),
    coverage=True,
)
GOVERNMENTAL = AccountType(
    name="governmental",
    label="governmental and nonprofit plans",
    held_by="employees of governments, public schools, and nonprofit organizations",
    law="s.403(b), s.457(b), and the Thrift Savings Plan: the dollar limits of s.402(g) and s.457(e)(15), equal "
    "and counted apart; s.603 for wages under FICA; s.401(a)(9); s.72(t) except governmental s.457(b)",
    stock=("b403_bn_usd", "p457_bn_usd", "tsp_bn_usd"),
    holders_mn="accounts.governmental_holders_mn",
    older_share=("accounts.age_45_64_public", "accounts.age_45_64_private"),
    top_ratio="accounts.governmental_top_ratio",
    elective=(
        Payment("elective_403b"),
        Payment("elective_457b"),
        Payment("employer_federal", "accounts.tsp_employee_ratio"),
    ),
    employer=(
        Payment("employer_federal"),
        Payment("employer_state_local"),
        Payment("employer_private_not_401k", "accounts.nonprofit_employer_share"),
    ),
    roth="roth_403b_457b",
    fica_share="accounts.governmental_fica_share",
    separation_ratio="accounts.governmental_separation_ratio",
    no_additional_tax=("p457_bn_usd",),
)
PRIVATE_OTHER = AccountType(
    name="private_other",
    label="other private plans",
    held_by="employees of private firms with profit-sharing or money-purchase plans; the self-employed",
    law="s.401(a): employer money only, limit s.415(c); s.401(a)(9); s.72(t)",
    stock=("other_private_dc_bn_usd",),
    holders_mn="accounts.private_other_holders_mn",
    employer=(Payment("employer_private_not_401k", "accounts.nonprofit_employer_share", rest=True),),
    limits=("annual_additions_limit_usd", "compensation_limit_usd"),
)
IRA = AccountType(
    name=OWNER_ACCOUNTS[-1],
    label="rolled over to IRAs",
    held_by="former participants of the plans, whose money it receives",
    law="s.408, s.408A: no contributions; Roth basis first; s.401(a)(9); s.72(t) without the exception from 55 on",
)

TYPES: Mapping[str, AccountType] = {one.name: one for one in (PLAN, GOVERNMENTAL, PRIVATE_OTHER, IRA)}
"""Every type, in the order of the accounts' axis."""

SCOPES: Mapping[str, tuple[AccountType, ...]] = {
    "401k": (PLAN, IRA),
    ALL_PLANS: tuple(TYPES.values()),
    ALL_PLANS_SCALED: (PLAN, IRA),
}
"""Types that each scope holds; the setting is ``scope.plans``."""

LABELS: Mapping[str, str] = {name: one.label for name, one in TYPES.items()} | {INHERITED: "inherited"}
"""Accounts as a reader sees them."""


OTHERS_ASSUMPTIONS = frozenset().union(*(one.assumptions for one in TYPES.values()))
"""Assumptions of the types beside the 401(k) and the IRA."""


def names(scope: str) -> tuple[str, ...]:
    """Accounts of living owners in a scope, in the order of their axis."""
    return tuple(one.name for one in SCOPES[scope])


@dataclass(frozen=True, kw_only=True)
class Held:
    """A type beside the 401(k) in a run: what its dollars are of the 401(k)'s, by cell, and its rates of leaving."""

    type: AccountType
    shape: np.ndarray  # (A, G)
    elective: np.ndarray  # (A, G)
    employer: np.ndarray  # (A, G)
    holders_mn: float
    covered: float
    rates: WithdrawalRates  # its own as those of a plan

    def contributions(self, made: Contributions) -> Contributions:
        """Its contributions, from those that the 401(k)'s savers would make under its rules."""
        own = sized(made, self.elective, self.employer)
        return replace(own, covered_share=np.full(made.imputed_usd.shape, self.covered))

    def balance_usd(self, of_plan: np.ndarray, people_scale: float, opening: OpeningDate) -> np.ndarray:
        """Opening balances ``(A, G)``, adding up to its published stock; ``of_plan`` are the 401(k)'s."""
        own = self.shape * of_plan
        stock = self.type.assets_bn_usd(self.type.stock, opening) * BILLION * people_scale
        return own * (stock / own.sum())

    def holder_share(self, of_plan: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Holders per person ``(Y, A, G)``, adding up to ``holders_mn`` at the opening; ``people`` (A, G)."""
        own = self.shape * of_plan
        return np.minimum(own * (self.holders_mn * 1e6 / (own[0] * people).sum()), 1.0)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The accounts in a run: the 401(k)'s dollars times a factor, and the types beside it."""

    stock: float = 1.0
    elective: float = 1.0
    employer: float = 1.0
    others: tuple[Held, ...] = ()
    split: np.ndarray | None = None  # (W, Y, character 2, A, G) of contributions; all to the 401(k) where left out

    @property
    def accounts(self) -> tuple[str, ...]:
        """Accounts of living owners, the 401(k) first and the IRA last."""
        return (PLAN.name, *(one.type.name for one in self.others), IRA.name)

    def holder_share(self, opened: Opening, people: np.ndarray) -> np.ndarray:
        """Persons with an account of any type per person, ``(Y, A, G)``: within a cell types are held independently."""
        without = 1 - opened.holder_share
        for one in self.others:
            without = without * (1 - one.holder_share(opened.held_coverage_share, people))
        return 1 - without if self.others else opened.holder_share

    def leaving(self, rates: WithdrawalRates, tilt: np.ndarray) -> dict[str, np.ndarray]:
        """Fields of the projection's inputs, with the types beside the 401(k) between it and the IRA of ``rates``;
        ``tilt`` (W, A, G) is what a group's withdrawal rates are multiplied by."""
        plans = [rates, *(one.rates for one in self.others)]
        return {
            "withdrawal_rate": by_group(
                np.stack([*(one.withdrawal_rate[:, 0] for one in plans), rates.withdrawal_rate[:, -1]], axis=1),
                tilt[:, None],
            ),
            "penalised_share": np.stack([*(one.penalised_share[0] for one in plans), rates.penalised_share[-1]]),
            "rollover_rate": np.stack([one.rollover_rate for one in plans], axis=1),
        }


def hold(
    of: AccountType,
    base: Contributions,
    rates: WithdrawalRates,
    assume: Mapping[str, float],
    people_scale: float,
    opening: OpeningDate,
) -> Held:
    """A type as a run holds it. ``base`` are the 401(k)'s contributions of the stub at the base table's scale and
    coverage, of a population ``people_scale`` times the real one; ``rates`` those of plans under its rules."""
    shape = of.shape(assume)
    assert of.holders_mn is not None

    def size(payments: Sequence[Payment], paid: np.ndarray) -> np.ndarray:
        whole_year = sum(one.bn_usd(assume) for one in payments) * BILLION
        return shape * (whole_year * opening.stub_fraction * people_scale / (paid[0] * shape).sum())

    penalised = rates.penalised_share * (1 - of.untaxed_early(opening))
    return Held(
        type=of,
        shape=shape,
        elective=size(of.elective, base.elective_traditional_usd + base.elective_roth_usd),
        employer=size(of.employer, base.employer_usd),
        holders_mn=assume[of.holders_mn],
        covered=of.covered(assume),
        rates=replace(rates, penalised_share=penalised),
    )


def sized(made: Contributions, elective: np.ndarray | float, employer: np.ndarray | float) -> Contributions:
    """Contributions with employees' and employers' dollars multiplied."""
    return replace(
        made,
        elective_traditional_usd=made.elective_traditional_usd * elective,
        elective_roth_usd=made.elective_roth_usd * elective,
        catch_up_usd=made.catch_up_usd * elective,
        imputed_usd=made.imputed_usd * elective,
        employer_traditional_usd=made.employer_traditional_usd * employer,
        employer_roth_usd=made.employer_roth_usd * employer,
    )


def together(made: Sequence[Contributions]) -> tuple[Contributions, np.ndarray]:
    """Contributions to all plans, and the share of them ``(W, Y, character, A, G)`` that each account receives, the
    IRA last, which receives none."""
    dollars = [one.name for one in fields(Contributions) if one.name.endswith("_usd")]
    total = replace(made[0], **{name: np.sum([getattr(one, name) for one in made], axis=0) for name in dollars})

    deferred = np.sum([one.deferral_multiple * one.imputed_usd for one in made], axis=0)
    elective = np.sum([one.elective_multiple * one.imputed_usd for one in made], axis=0)
    covered = np.sum([one.covered_share * one.employer_usd for one in made], axis=0)
    total = replace(
        total,
        deferral_multiple=ratio(deferred, total.imputed_usd),
        elective_multiple=ratio(elective, total.imputed_usd),
        covered_share=ratio(covered, total.employer_usd),
    )
    whole = np.stack([total.traditional_usd, total.roth_usd], axis=1)
    split = [ratio(np.stack([one.traditional_usd, one.roth_usd], axis=1), whole) for one in made[1:]]
    return total, np.stack([1 - np.sum(split, axis=0), *split, np.zeros_like(whole)])
