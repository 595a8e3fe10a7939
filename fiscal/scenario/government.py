"""Settings of law and accounting: horizon, tax on withdrawals, scope, valuation, backstop, reforms, states, and
economy."""

from __future__ import annotations

from typing import Literal

from fiscal.base.axes import FIRST_YEAR, LAST_YEAR
from fiscal.base.opening import HEADLINE, OpeningDate
from fiscal.scenario.section import Section, setting


class Horizon(Section):
    """First and last dates of the projection."""

    last_year: int = setting(
        LAST_YEAR,
        label="last year projected",
        unit="calendar year",
        low=2036,
        high=LAST_YEAR,
        doc="Last projected year; the claim that remains at its end is reported as the terminal claim.",
        source="population tables end in 2100; a shorter horizon must still cover FY2026-35",
        status="choice",
    )

    opening_date: str = setting(
        HEADLINE.iso,
        label="date of the opening stock",
        unit="date",
        doc=(
            "End of the quarter with whose published stock of 401(k) assets the projection opens; that year has the "
            "flows of the remaining months."
        ),
        source="data/ici_assets.csv; the headline's stock of 8.7 trillion dollars",
        status="choice",
    )

    @property
    def opening(self) -> OpeningDate:
        """The opening date and its consequences."""
        return OpeningDate.on(self.opening_date)


class Tax(Section):
    """Tax law."""

    withdrawal_scale: float = setting(
        1.0,
        label="tax rates on withdrawals",
        unit="multiple of the law's tax on withdrawals",
        low=0.5,
        high=1.5,
        doc=(
            "Multiplies income tax on withdrawals of owners and heirs in every year, but not the tax saved on "
            "deferrals."
        ),
        source="1 = the law's schedules",
        status="choice",
    )
    flat_rate: float | None = setting(
        None,
        label="one flat tax rate",
        unit="rate",
        low=0.0,
        high=0.6,
        doc="One rate instead of every tax schedule, for tests and teaching; none = the law's schedules.",
        source="schedules built with Tax-Calculator",
        status="choice",
    )


class Scope(Section):
    """Accounts that the results include."""

    plans: Literal["401k", "all_dc", "all_dc_scaled"] = setting(
        "401k",
        label="plans covered",
        unit="name",
        doc="401k covers 401(k) plans. all_dc adds governmental and nonprofit plans (403(b), 457(b), Thrift Savings "
        "Plan) and other private plans, each with its own holders, amounts, and rules. all_dc_scaled scales the "
        "401(k) cells to the totals of all plans.",
        source="headline: ICI, 8.7 of 12.2 trillion dollars; other plans: ICI, W-2, BEA, Form 5500",
        status="choice",
    )
    rollover_stock: bool = setting(
        False,
        label="existing rollover IRAs included",
        unit="switch",
        doc="Adds the existing traditional IRAs that came from 401(k) plans.",
        source="not part of the headline",
        status="choice",
    )


class Books(Section):
    """Fiscal years, discount rates, and valuation."""

    withdrawal_fiscal_same_year_share: float = setting(
        0.60,
        label="withdrawal tax booked in the same year",
        unit="share",
        low=0.0,
        high=1.0,
        doc="Share of a calendar year's withdrawal and conversion tax that counts in that fiscal year.",
        source="no source; the rest falls in the next fiscal year",
        status="assumed",
    )
    deferral_fiscal_same_year_share: float = setting(
        0.75,
        label="deferral booked in the same year",
        unit="share",
        low=0.0,
        high=1.0,
        doc="Share of a calendar year's revenue forgone on contributions that counts in that fiscal year.",
        source="wages are paid evenly, and the fiscal year ends on September 30: nine months of twelve",
        status="derived",
    )
    discount_rates: tuple[float, ...] = setting(
        (0.03,),
        label="fixed discount rates",
        unit="rates a year, nominal",
        low=0.0,
        high=0.15,
        doc="Rates of the present-value basis 'fixed'.",
        source="no single rate is right; reported with the other bases",
        status="choice",
    )
    convention_rates: tuple[float, ...] = setting(
        (0.035, 0.06),
        label="rates of the convention",
        unit="rates a year, nominal",
        low=0.0,
        high=0.15,
        doc="Rates of the basis 'convention', used both as return and as discount rate.",
        source="3.5 percent: CBO 57585 appendix (read second-hand); 6 percent: Center for Retirement "
        "Research, 'How to Calculate Tax Expenditures for 401(k) Plans'",
        status="cited",
    )
    displaced_taxable_share: float = setting(
        0.0,
        label="crypto held outside otherwise",
        unit="share",
        low=0.0,
        high=1.0,
        doc=(
            "Share of the crypto sleeve that households would otherwise hold outside plans, where it is taxed. The "
            "assets that it pushes out of the plan are taxed outside instead. It sets the line displaced_gains_tax, "
            "which is in no total."
        ),
        source="no source; the displaced amount is unknown, so the tables show .5 and 1 as well as 0",
        status="assumed",
    )
    risk_neutral_paths: int = setting(
        32,
        label="number of risk-neutral paths",
        unit="paths",
        low=0,
        high=100_000,
        doc=(
            "Number of paths for values at market prices of risk. On the last one, every asset earns the bill rate, so "
            "its value is known exactly. Fewer than four: none."
        ),
        source="errors of a few tenths of a percent of the claim with the control variate",
        status="choice",
    )
    price_year: int = setting(
        FIRST_YEAR,
        label="year of real dollars",
        unit="calendar year",
        low=2015,
        high=2036,
        doc="Year whose prices real dollars are in.",
        source="opening year of the projection",
        status="choice",
    )


class Backstop(Section):
    """A hypothetical rule under which the government compensates savers for losses; in no headline total."""

    trigger_share: float = setting(
        0.10,
        label="fall that triggers the backstop",
        unit="share of the balance without crypto",
        low=0.0,
        high=1.0,
        doc="A cohort is compensated if its balance falls short of its balance without crypto by more than this share.",
        source="no such law or proposal exists; sets the size of a contingent liability",
        status="assumed",
    )
    made_up_share: float = setting(
        0.95,
        label="share that the backstop restores",
        unit="share of the balance without crypto",
        low=0.0,
        high=1.0,
        doc="Share of the balance without crypto to which a covered cohort is restored.",
        source="no such law or proposal exists; sets the size of a contingent liability",
        status="assumed",
    )
    retirement_age: int = setting(
        65,
        label="age covered by the backstop",
        unit="age",
        low=50,
        high=75,
        doc="Age up to which cohorts are covered.",
        source="age of Medicare eligibility, when most people leave work",
        status="assumed",
    )
    years_before: int = setting(
        10,
        label="years covered before that age",
        unit="years",
        low=1,
        high=40,
        doc="Cohorts within this number of years of the retirement age are covered.",
        source="savers with little time to recover a loss",
        status="assumed",
    )
    paths: int = setting(
        64,
        label="paths of the backstop",
        unit="paths",
        low=0,
        high=100_000,
        doc="Number of random and risk-neutral paths on which the rule is evaluated; fewer than four: none.",
        source="the mean's standard error is printed",
        status="choice",
    )


class Law(Section):
    """A change in the income tax itself."""

    reform: str | None = setting(
        None,
        label="tax reform",
        unit="path of a JSON file",
        doc=(
            "Tax-Calculator reform file, or several with + between them, each later one changing what the earlier made"
            "; the schedules are built once (minutes) and kept in a cache."
        ),
        source="yours",
        status="choice",
    )
    reform_year: int | None = setting(
        None,
        label="first year of the tax reform",
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Moves the file's years so that its first one is this; none = the years of the file.",
        source="yours",
        status="choice",
    )


class State(Section):
    """State income tax, on separate lines and in no federal total."""

    income_tax: bool = setting(
        False,
        label="state income tax",
        unit="switch",
        doc="Adds the lines state_deferred_revenue and state_withdrawal_tax.",
        source="off: the headline is federal",
        status="choice",
    )
    rate: float | None = setting(
        None,
        label="state income tax rate",
        unit="rate",
        low=0.0,
        high=0.133,
        doc="State income tax rate on the dollars deferred and withdrawn; none = the average over all income and "
        "states, 3.0 percent. The marginal rate of savers is higher; nine states do not tax wages.",
        source="Census, individual income taxes of all states (data/state_income_tax.csv), over CBO's income on "
        "federal returns of 2024 (data/cbo_income_tax_details.csv)",
        status="derived",
    )
    withdrawals_taxed_share: float = setting(
        0.7,
        label="withdrawals that states tax",
        unit="share of withdrawals",
        low=0.0,
        high=1.0,
        doc=(
            "Share of withdrawals that states tax. Several states exempt pensions in whole or in part, and retirees "
            "move."
        ),
        source="no source",
        status="assumed",
    )


class Macro(Section):
    """The economy."""

    wage_growth_adjust: float = setting(
        0.0,
        label="added wage growth",
        unit="rate a year",
        low=-0.02,
        high=0.02,
        doc="Amount added to the growth of average wages in every year.",
        source="none in the baseline",
        status="choice",
    )
