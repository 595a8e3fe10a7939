"""One contribution's whole life through the engine, for ``fiscal vintage`` and ``fiscal.vintage``.

A projection of one cell: one saver, one asset, one tax rate on each side. The projection's steps are not
calendar years here but the times between events, counted from the contribution: a broken part of a year
first (from the two timings), then whole years. Each step has all of its return in the first half and its
flow after it, so that money is exposed for exactly as long as it is held, and a calculation moved by a
part of a year on both sides does not change.

The account and its shadow are two projections of the same cell. Both draw the same amount every time and are empty at
the end, the account at its return, the shadow taxable account at its return after tax: their shares of the balance
differ, and :func:`~fiscal.budget.vintages.value_vintages` draws a shadow by the shares of the account that it
accompanies. So the withdrawal tax is taken from the first projection and the shadow's tax from the second, whose shares
are those of a level draw at the return after tax.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base import compiled
from fiscal.budget.ledger import BuildupTax, ContributionTaxes, Ledger, keep_books
from fiscal.budget.lines import VALUE_EXPENDITURE
from fiscal.budget.vintages import Vintages, value_vintages
from fiscal.engine.contribution_options import CHARACTERS, checked
from fiscal.engine.contribution_options import OPTIONS as OPTIONS
from fiscal.engine.saver_law import CONTRIBUTION_YEAR, SaverLaw, required_shares
from fiscal.projection.cells import project
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.outputs import ROTH, TRADITIONAL

if TYPE_CHECKING:
    import pandas as pd

RESULTS = (
    "deferral_usd",
    "inside_buildup_usd",
    "withdrawal_tax_usd",
    "withdrawal_tax_nominal_usd",
    "tax_expenditure_usd",
)


def vintage(
    contribution: float | None = None,
    *,
    age: int,
    withdrawal_age: int | None = None,
    return_rate: float | None = None,
    discount_rate: float | None = None,
    contribution_tax_rate: float | None = None,
    withdrawal_tax_rate: float | None = None,
    outside_tax_rate: float | None = None,
    earnings_group: str | None = None,
    character: str = "traditional",
    withdrawal_end_age: int | None = None,
    withdrawal_pattern: str | None = None,
    contribution_timing: float = 0.5,
    withdrawal_timing: float = 0.5,
) -> pd.Series:
    """One year's contribution over its whole life: deferral, build-up, withdrawal tax, tax expenditure.

    Returns a Series of dollars with the names of :data:`RESULTS`. ``deferral_usd``, ``inside_buildup_usd`` and
    ``withdrawal_tax_usd`` are present values at the contribution's date with the government's sign (positive:
    better off); ``withdrawal_tax_nominal_usd`` is not discounted; ``tax_expenditure_usd`` is the three present
    values' sum turned round: positive is a cost. Build-up is the tax of a taxable account opened with what
    is left of the contribution after tax, taxed at ``outside_tax_rate`` as its return accrues, drawn in
    level amounts over the same years. Options: :data:`OPTIONS`. Raises ``InputError`` listing every problem.

    With ``earnings_group`` everything but the age may be left out: the rates come from current law's tax schedules, the
    withdrawals are the required distributions, and the return and the discount rate are the 10-year Treasury yield of
    the economy's long run. The Series then also has the contribution, its year, the age, and the rates used.
    """
    return vintage_of(dict(locals()))  # the options by name


def vintage_of(options: Mapping[str, Any]) -> pd.Series:
    """:func:`vintage` of options by name; those left out or None take their defaults."""
    import pandas as pd

    case = _Case(**checked(options))
    account, books = _valued(case, case.return_rate)
    shadow, _ = _valued(case, case.after_tax_rate)
    character = CHARACTERS.index(case.character)
    deferral = float(books.total("deferred_revenue")[0].sum())
    buildup = float(shadow.contributions_total("inside_buildup_shadow")[0, character])
    withdrawn = float(account.contributions_total("withdrawal_tax")[0, character])
    nominal = float(books.total("withdrawal_tax")[0].sum())
    # 0.0 + x: no negative zero is printed
    cost = VALUE_EXPENDITURE.of(dict(zip(VALUE_EXPENDITURE.parts, (deferral, buildup, withdrawn), strict=True)))
    values = dict(zip(RESULTS, (deferral, buildup, withdrawn, nominal, cost), strict=True))
    if case.earnings_group is not None:
        paid = case.withdrawn_usd
        values |= {
            "contribution_usd": case.contribution,
            "contribution_year": CONTRIBUTION_YEAR,
            "age": case.age,
            "contribution_tax_rate": case.contribution_tax_rate,
            "withdrawal_tax_rate": nominal / paid if paid > 0 and case.character == "traditional" else 0.0,
            "outside_tax_rate": case.outside_tax_rate,
            "return_rate": case.return_rate,
            "discount_rate": case.discount_rate,
        }
    return pd.Series({name: 0.0 + value for name, value in values.items()}, name="vintage")


def described(options: Mapping[str, Any]) -> str:
    """The contribution in a sentence: amount, kind, age, year and group under the law, and the withdrawals."""
    case = _Case(**checked(options))
    last = case.withdrawal_age + case.withdrawals - 1
    at = f"at age {last}" if case.withdrawals == 1 else f"at ages {case.withdrawal_age} to {last}"
    drawn = {"lump": "one withdrawal", "level": "equal withdrawals", "required": "required distributions"}
    whose = f" in {CONTRIBUTION_YEAR}, earnings group {case.earnings_group}" if case.earnings_group else ""
    amount = f"${case.contribution:,.2f}".removesuffix(".00")
    return (
        f"{amount} of {case.character.replace('roth', 'Roth')} contributions at age {case.age}{whose}; "
        f"{drawn[case.withdrawal_pattern]} {at}."
    )


@dataclass(frozen=True, kw_only=True)
class _Case:
    """Checked options, and the steps that they make."""

    contribution: float
    age: int
    withdrawal_age: int
    return_rate: float
    discount_rate: float
    contribution_tax_rate: float
    withdrawal_tax_rate: float | None
    outside_tax_rate: float
    earnings_group: str | None
    character: str
    withdrawal_end_age: int | None
    withdrawal_pattern: str
    contribution_timing: float
    withdrawal_timing: float

    @property
    def after_tax_rate(self) -> float:
        """The taxable account's yearly return after tax."""
        return self.return_rate * (1 - self.outside_tax_rate)

    @property
    def withdrawals(self) -> int:
        """How many withdrawals there are, a year apart."""
        end = self.withdrawal_end_age
        return 1 if end is None else end - self.withdrawal_age

    def steps(self) -> np.ndarray:
        """Length of each step in years ``(step,)``: the contribution's own (none), the broken part of a year,
        whole years to the first withdrawal, and one between withdrawals."""
        # nine decimals of a year: whole differences of timings such as .3 and .1 stay whole
        held = round(self.withdrawal_age - self.age + self.withdrawal_timing - self.contribution_timing, 9)
        whole = math.floor(held)
        part = held - whole
        first = [part] if part > 0 or whole == 0 else []
        return np.array([0.0, *first, *[1.0] * (whole + self.withdrawals - 1)])

    @property
    def ages(self) -> np.ndarray:
        """Age attained in the year of each step ``(step,)``."""
        at = self.age + self.contribution_timing + np.cumsum(self.steps())
        return np.floor(np.round(at, 9)).astype(int)

    @property
    def withdrawn_usd(self) -> float:
        """All withdrawals of the account, nominal."""
        paid, balance = 0.0, self.contribution
        growths, shares = (1 + self.return_rate) ** self.steps(), self.drawn_shares(self.return_rate)
        for growth, share in zip(growths, shares, strict=True):
            balance *= growth
            paid += balance * share
            balance *= 1 - share
        return paid

    def drawn_shares(self, rate: float) -> np.ndarray:
        """Share of the balance that each step withdraws ``(step,)``: a level amount out of an account earning
        ``rate``, or what must be distributed; the last all that is left."""
        if self.withdrawal_pattern == "required":
            shares = required_shares(self.ages, self.age)
            shares[: -self.withdrawals] = 0.0
            shares[-1] = 1.0
            return shares
        left = np.arange(self.withdrawals, 0, -1)
        due = np.array([((1 + rate) ** -np.arange(n, dtype=float)).sum() for n in left])
        shares = np.zeros(len(self.steps()))
        shares[-self.withdrawals :] = 1 / due
        return shares


def _valued(case: _Case, level_at: float) -> tuple[Vintages, Ledger]:
    """The cell projected with a level draw at the rate ``level_at``, its revenue lines, and the contribution's
    value."""
    compiled.prepare()
    inputs = _one_cell(case, level_at)
    projection = project(inputs, keep_shares=(0,))
    law, avoided = _outside_law(case), np.full(_shape(case), case.contribution_tax_rate)
    nothing = np.zeros(_shape(case))
    taxes = ContributionTaxes(
        deferred_usd=case.contribution_tax_rate * inputs.contribution_usd[:, TRADITIONAL].sum(axis=3),
        payroll_oasdi_usd=nothing,
        payroll_hi_usd=nothing,
        roth_upfront_usd=case.contribution_tax_rate * inputs.contribution_usd[:, ROTH].sum(axis=3),
    )
    books = keep_books(projection, inputs, taxes, law, nothing[None])
    found = value_vintages(
        inputs,
        projection,
        0,
        law,
        discount=(1 + case.discount_rate) ** -np.cumsum(case.steps()),
        opening_discount=1.0,
        contribution_tax_rate=avoided,
    )
    return found, books


def _shape(case: _Case) -> tuple[int, int, int]:
    """(step, age, group): the saver is a step older at every step."""
    count = len(case.steps())
    return count, count, 1


def _outside_law(case: _Case) -> BuildupTax:
    """Tax on the taxable account's return. In a part of a year its growth after tax is that part of the
    year's, ``(1 + after_tax_rate) ** part``, so that the tax of a year does not depend on how it is cut."""
    length = case.steps()
    growth, kept = (np.expm1(length * np.log1p(rate)) for rate in (case.return_rate, case.after_tax_rate))
    rate = np.full(len(length), case.outside_tax_rate)
    np.divide(growth - kept, growth, out=rate, where=growth != 0)
    none = np.zeros(_shape(case))
    return BuildupTax(
        interest_rate=np.broadcast_to(rate[:, None, None], _shape(case)),
        dividend_rate=none,
        gain_rate=none,
        interest_share=np.ones(1),
        gain_share=np.zeros(1),
        payout_rate=np.zeros((len(length), 1)),
    )


def _one_cell(case: _Case, level_at: float) -> ProjectionInputs:
    """One saver's contribution in the first step, one asset, a level draw at the rate ``level_at``."""
    steps, ages, groups = _shape(case)
    cell = (ages, groups, 1)
    growth = (1 + case.return_rate) ** case.steps()
    half = np.zeros((1, steps, 2, 1))
    half[0, :, 0, 0] = growth - 1
    contribution = np.zeros((steps, 2, *cell))
    contribution[0, CHARACTERS.index(case.character), 0] = case.contribution
    # the projection's rates are on opening balances, the shares on what they have grown to
    rate = case.drawn_shares(level_at) * growth
    nobody_leaves = np.zeros((steps, ages))
    one = np.ones((steps, *cell))
    knots = np.broadcast_to(np.array([0.0, 1.0]), (steps, 2))
    if case.withdrawal_tax_rate is None:
        schedule = SaverLaw(str(case.earnings_group), case.age).schedule(case.ages)
    else:
        tax = np.broadcast_to(knots[:, None, None] * case.withdrawal_tax_rate, (steps, ages, groups, 2))
        schedule = TaxSchedule(knots_usd=knots, tax_usd=tax)
    return ProjectionInputs(
        years=np.arange(steps),
        year_fraction=np.ones(steps),
        path_labels=("account",),
        opening_usd=np.zeros((2, 2, *cell)),
        opening_basis_usd=np.zeros((2, *cell)),
        contribution_usd=contribution,
        half_return=half,
        mix=np.zeros(1, dtype=np.int64),
        core_weight=np.ones((1, steps, ages, 1, 1)),
        crypto_weight=np.ones((1, 1)),
        fee_rate=np.zeros((1, 2)),
        loss_rate=np.zeros((1, steps)),
        crypto_target_share=np.zeros((1, steps, 1)),
        crypto_contribution_share=np.zeros((1, steps, 1)),
        transfer=np.zeros((1, steps), dtype=bool),
        rebalancing=np.zeros((1, steps)),
        sale_share=np.ones(1),
        impact_multiplier=0.0,
        impact_persistence=0.0,
        crypto_market_usd=np.ones((1, steps)),
        withdrawal_rate=np.broadcast_to(rate[:, None, None, None, None], (steps, 2, 2, ages, groups)).copy(),
        penalised_share=np.zeros((2, ages)),
        nonqualified_share=np.zeros(ages),
        rollover_rate=nobody_leaves[:, None],
        conversion_rate=nobody_leaves.copy(),
        death_rate=np.zeros((steps, ages, groups)),
        spouse_share=np.zeros(ages),
        heir_years=1,
        holders=one,
        heirs=one.copy(),
        owner_schedule=schedule,
        conversion_schedule=schedule,
        heir_schedule=schedule,
        additional_tax_rate=0.0,
    )
