"""Settings of people and their accounts: Roth, limits, withdrawals, heirs, wages, contributions, and responses."""

from __future__ import annotations

from fiscal.base.axes import FIRST_YEAR, LAST_YEAR
from fiscal.scenario.section import Section, setting

ICI_2023 = "ICI IRA Investor Database, 2023 (read second-hand; data/withdrawal_behaviour.csv)"
W2_ROTH = "IRS SOI Form W-2 Statistics, codes D and AA (data/w2_deferrals_roth.csv)"


class Roth(Section):
    """Roth use and Roth law."""

    elective_share_2025: float = setting(
        0.154,
        label="Roth share of deferrals in 2025",
        unit="share of elective-deferral dollars",
        low=0.0,
        high=1.0,
        doc="Roth share of elective deferrals in 2025.",
        source=f"{W2_ROTH}: 10.41 percent in 2020 plus one percentage point per year",
        status="derived",
    )
    elective_share_step: float = setting(
        0.01,
        label="yearly rise of the Roth share",
        unit="share a year",
        low=-0.2,
        high=0.2,
        doc="Yearly rise of the Roth share until the plateau year; mandated Roth catch-up is additional.",
        source=f"{W2_ROTH}: from 5.1 percent in 2014 to 10.4 percent in 2020, about one percentage point per year",
        status="derived",
    )
    plateau_year: int = setting(
        2035,
        label="year the Roth share stops rising",
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="Year from which the Roth share stays constant.",
        source="no source",
        status="assumed",
    )
    elective_share: float | None = setting(
        None,
        label="Roth share of deferrals",
        unit="share of elective-deferral dollars",
        low=0.0,
        high=1.0,
        doc=(
            "Roth share of elective deferrals from elective_first_year on, in place of the yearly rise; mandated Roth "
            "catch-up is additional. none = the share of 2025 and its rise."
        ),
        source="a policy question",
        status="choice",
    )
    elective_first_year: int = setting(
        FIRST_YEAR + 2,
        label="first year of the elective Roth share",
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="First year in which elective_share applies; before it, the Roth share is that of 2025 with its rise.",
        source="a policy question",
        status="choice",
    )
    employer_share: float = setting(
        0.0,
        label="Roth share of employer contributions",
        unit="share of employer dollars",
        low=0.0,
        high=1.0,
        doc="Share of employer contributions made as Roth (SECURE 2.0 Act s.604).",
        source="permitted since 2023; its use is not published",
        status="assumed",
    )
    employer_first_year: int = setting(
        FIRST_YEAR,
        label="first year of employer Roth",
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="First year in which employer_share applies; before it, employer contributions are traditional.",
        source="permitted since 2023 (SECURE 2.0 Act s.604)",
        status="choice",
    )
    group_tilt: float = setting(
        0.0,
        label="tilt of Roth over earnings groups",
        unit="log-odds, highest less lowest earnings group",
        low=-3.0,
        high=3.0,
        doc="Tilts the Roth share of deferrals over the earnings groups; the mean over dollars stays the same.",
        source="use by pay is nearly flat (Alight 2016, data/roth_use.csv)",
        status="assumed",
    )
    full_from_year: int | None = setting(
        None,
        label="year of full Rothification",
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year from which every contribution, including the employer's, is Roth (full Rothification); none = never.",
        source="a policy question",
        status="choice",
    )
    none_from_year: int | None = setting(
        None,
        label="year of a traditional mandate",
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year from which every contribution is traditional (a traditional mandate); none = never.",
        source="a policy question",
        status="choice",
    )
    opening_stock_share: float = setting(
        0.05,
        label="Roth share of the opening stock",
        unit="share of assets at the opening",
        low=0.03,
        high=0.08,
        doc="Roth share of the opening stock.",
        source=f"cumulated Roth deferrals, {W2_ROTH}; the accumulation is assumed",
        status="assumed",
    )
    opening_basis_share: float = setting(
        0.75,
        label="basis in the opening Roth stock",
        unit="share of Roth balances",
        low=0.0,
        high=1.0,
        doc="Contributions (basis) in the opening Roth stock; the rest is earnings.",
        source="no source",
        status="assumed",
    )
    catch_up_mandate: bool = setting(
        True,
        label="Roth mandate for catch-up",
        unit="switch",
        doc="Catch-up contributions of people above the wage threshold must be Roth from 2026.",
        source="SECURE 2.0 Act s.603; 26 U.S.C. 414(v)(7)",
        status="cited",
    )
    tax_nonqualified_earnings: bool = setting(
        True,
        label="tax on non-qualified Roth earnings",
        unit="switch",
        doc="Earnings in non-qualified Roth distributions are taxed, pro rata.",
        source="26 U.S.C. 402A(d)(2) and 72(e)(8)",
        status="cited",
    )


class Limits(Section):
    """Contribution limits."""

    indexed: bool = setting(
        True,
        label="indexing of limits",
        unit="switch",
        doc="Limits follow consumer prices after 2026, rounded down as the statute requires; false freezes them.",
        source="26 U.S.C. 402(g)(4), 414(v)(2)(C), 415(d), 401(a)(17)(B)",
        status="cited",
    )

    change_year: int = setting(
        FIRST_YEAR + 2,
        label="year limits change",
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc=(
            "Year from which the dollar limits of this section apply. They are in dollars of that year and indexed "
            "like the law's limits."
        ),
        source="a policy question",
        status="choice",
    )
    elective_limit_usd: float | None = setting(
        None,
        label="limit on elective deferrals",
        unit="dollars a year",
        low=0.0,
        high=100_000.0,
        doc=(
            "Limit on elective deferrals, s.402(g); none = the law's limit. A higher limit restores the deferrals that "
            "the law's limit cuts as it falls behind wages. It also adds a part "
            "(assumptions.wanted_above_limit_share) of the deferrals that savers at the limit are imputed to want."
        ),
        source="a policy question",
        status="choice",
    )
    catch_up_limit_usd: float | None = setting(
        None,
        label="limit on catch-up contributions",
        unit="dollars a year",
        low=0.0,
        high=50_000.0,
        doc=(
            "Limit on catch-up contributions at all ages from 50; none = the law's limit. The limit at ages 60 to 63 "
            "moves in proportion. A higher limit adds deferrals as a higher limit on elective deferrals does."
        ),
        source="a policy question",
        status="choice",
    )
    catch_up_60_63_limit_usd: float | None = setting(
        None,
        label="catch-up limit at ages 60–63",
        unit="dollars a year",
        low=0.0,
        high=50_000.0,
        doc=(
            "Limit on catch-up contributions at ages 60 to 63, SECURE 2.0 s.109; none = the law's limit, or a limit in "
            "proportion to limits.catch_up_limit_usd."
        ),
        source="a policy question",
        status="choice",
    )
    additions_limit_usd: float | None = setting(
        None,
        label="limit on all additions",
        unit="dollars a year",
        low=0.0,
        high=200_000.0,
        doc=(
            "Limit on a person's elective and employer contributions together, s.415(c); none = the law's limit. A "
            "higher limit adds employer contributions: a part (assumptions.wanted_above_limit_share) of those that "
            "exceed the law's limit."
        ),
        source="a policy question",
        status="choice",
    )
    balance_cap_usd: float | None = setting(
        None,
        label="cap on balances",
        unit="dollars",
        low=10_000.0,
        high=1e9,
        doc="Balance above which nobody may contribute (prices of change_year, indexed by the CPI-U); none = no cap.",
        source="a policy question; proposals of 2021 named 10 million dollars (not among the sources read)",
        status="choice",
    )


class Withdrawals(Section):
    """How money leaves accounts, except at death."""

    leakage_scale: float = setting(
        1.0,
        label="cash-outs before retirement",
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="Cash-outs and hardship withdrawals before retirement.",
        source="1 = the base table, data/withdrawal_behaviour.csv",
        status="choice",
    )
    leakage_balance_elasticity: float = setting(
        0.4,
        label="fall of cash-outs with the balance",
        unit="elasticity of the rate of leakage to the mean balance of an earnings group, sign reversed",
        low=0.0,
        high=1.0,
        doc="How much less of a large balance leaks before retirement than of a small one at the same age: an earnings "
        "group whose mean balance is twice as large has a rate of leakage 2 to this power smaller. The dollars that "
        "leak at each age stay the same at the opening. 0 = the same rate for every group.",
        source="no table gives cash-outs by balance; at .4 the model's mean balances below 60 repeat that 40 percent "
        "of leavers but 15 percent of their dollars cash out (Alight, data/withdrawal_behaviour.csv)",
        status="assumed",
    )
    draw_scale: float = setting(
        1.0,
        label="voluntary draws in retirement",
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="Voluntary withdrawals in retirement.",
        source="1 = the base table, data/soi_ira_by_age.csv and data/scf_withdrawal_rates.csv",
        status="choice",
    )
    scale_2036: float = setting(
        1.0,
        label="withdrawals by 2036",
        unit="multiple of all rates of withdrawal",
        low=0.2,
        high=2.0,
        doc=(
            "Multiple of all rates of withdrawal that is reached in 2036, in a line from 1 in 2026, and kept. The "
            "scenario cbo_consistent sets it so that withdrawals grow as CBO's taxable pensions and IRA distributions."
        ),
        source="1 = the rates of the withdrawal tables",
        status="choice",
    )
    rollover_scale: float = setting(
        1.0,
        label="rollovers to IRAs",
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="Rollovers from the plan to an IRA; the money stays deferred.",
        source="1 = the base table, data/withdrawal_behaviour.csv",
        status="choice",
    )
    roth_draw_ratio: float = setting(
        0.3,
        label="Roth draws relative to traditional",
        unit="ratio to traditional draws",
        low=0.0,
        high=1.0,
        doc="Roth withdrawals in retirement relative to traditional withdrawals at the same age.",
        source=(
            "no source for plans; at ages 60-69, Roth IRA owners withdraw one-third as often as traditional IRA "
            "owners (ICI IRA Investor Database, read second-hand; data/withdrawal_behaviour.csv)"
        ),
        status="assumed",
    )
    still_working_exception: bool = setting(
        True,
        label="still-working exception",
        unit="switch",
        doc="A person who still works for the employer has no required distribution from its plan.",
        source="26 U.S.C. 401(a)(9)(C)(i)(II)",
        status="cited",
    )
    rmd_exact_share: float = setting(
        0.43,
        label="owners who take the exact minimum",
        unit="share of owners of RMD age",
        low=0.0,
        high=1.0,
        doc="Owners who withdraw exactly the required minimum.",
        source=f"{ICI_2023}: 52.5 percent of the 81.7 percent who withdraw",
        status="cited",
    )
    rmd_above_share: float = setting(
        0.29,
        label="owners who take more than the minimum",
        unit="share of owners of RMD age",
        low=0.05,
        high=1.0,
        doc="Owners who withdraw more than the minimum; the remainder withdraw less or nothing.",
        source=f"{ICI_2023}: 35.6 percent of the 81.7 percent who withdraw",
        status="cited",
    )
    conversion_rate: float = setting(
        0.0,
        label="Roth conversions",
        unit="share of the traditional balance a year",
        low=0.0,
        high=1.0,
        doc="Roth conversions, taxable without the additional tax. At least this share of the holders converts.",
        source="none in the baseline",
        status="choice",
    )
    conversion_first_year: int = setting(
        FIRST_YEAR,
        label="first year of Roth conversions",
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="First year of Roth conversions.",
        source="a policy question",
        status="choice",
    )
    conversion_last_year: int = setting(
        LAST_YEAR,
        label="last year of Roth conversions",
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="Last year of Roth conversions.",
        source="a policy question",
        status="choice",
    )
    rmd_age_shift: int = setting(
        0,
        label="shift of the required age",
        unit="years",
        low=-1,
        high=15,
        doc="Added to the age at which required distributions begin, for people who have not reached it by 2026.",
        source="0 = SECURE 2.0 Act s.107: 73, and 75 for births from 1960",
        status="choice",
    )
    retirement_age_shift: int = setting(
        0,
        label="shift of retirement",
        unit="years",
        low=-3,
        high=10,
        doc="Years by which work, contributions, and voluntary withdrawals after age 60 move to later ages.",
        source="0 = participation and draws by age as published",
        status="choice",
    )
    additional_tax_rate: float = setting(
        0.10,
        label="additional tax rate",
        unit="rate on penalized withdrawals",
        low=0.0,
        high=1.0,
        doc="Additional tax on early withdrawals.",
        source="26 U.S.C. 72(t)(1)",
        status="cited",
    )


class Heirs(Section):
    """What happens to accounts at death."""

    years: int = setting(
        10,
        label="years to empty an inherited account",
        unit="years",
        low=1,
        high=10,
        doc="Years within which an inherited account is emptied.",
        source="SECURE Act s.401; 26 U.S.C. 401(a)(9)(H)",
        status="cited",
    )
    age_gap: int = setting(
        28,
        label="age gap of heirs",
        unit="years",
        low=20,
        high=35,
        doc="Heirs are taxed on the schedule of people this number of years younger than the owner.",
        source="about one generation; no source",
        status="assumed",
    )
    spouse_share_scale: float = setting(
        1.0,
        label="share that passes to a spouse",
        unit="multiple of the base table",
        low=0.0,
        high=2.0,
        doc="Share of a deceased owner's account that passes to the spouse.",
        source="1 = the base table, itself assumed",
        status="assumed",
    )


class People(Section):
    """Population, mortality, and ranks."""

    scale: float = setting(
        1.0,
        label="scale of the population",
        unit="multiple of the population",
        low=0.001,
        high=10.0,
        doc="Scales the number of people and with it every dollar; for tests and teaching.",
        source="1 = SSA age distribution on CBO totals",
        status="choice",
    )
    mortality_ratio: float = setting(
        2.0,
        label="mortality of bottom over top group",
        unit="ratio of bottom to top group",
        low=1.0,
        high=4.0,
        doc=(
            "Death rates of the lowest earnings group divided by those of the highest; the mean stays that of the life "
            "table."
        ),
        source="no source",
        status="assumed",
    )
    rank_correlation: float = setting(
        0.8,
        label="persistence of wage ranks",
        unit="correlation over ten years",
        low=0.5,
        high=1.0,
        doc="Correlation of wage ranks ten years apart during work; 1 = nobody moves.",
        source="no source",
        status="assumed",
    )
    retired_rank_correlation: float = setting(
        0.8,
        label="wage rank and rank in retirement",
        unit="correlation",
        low=0.5,
        high=1.0,
        doc="Correlation of the lifetime wage rank with the income rank in retirement.",
        source="no source",
        status="assumed",
    )


class Contributions(Section):
    """Scales of contributions."""

    coverage_trend: float = setting(
        1.0,
        label="trend of coverage",
        unit="multiple of the estimated trend",
        low=0.0,
        high=2.0,
        doc="The number of savers follows the damped trend of contributions over wages (Form 5500 over private wages, "
        "up to the last published year) for ten years and is held from then on; 0 = as many earners save as now.",
        source="data/dol_5500.csv over data/bea_dc_1984_2025.csv; range: no trend to twice the trend",
        status="derived",
    )
    coverage_2035: float | None = setting(
        None,
        label="share of earners who save in 2035",
        unit="share of people with wages",
        low=0.0,
        high=1.0,
        doc="Share of earners who defer into a 401(k) plan from 2035 on, reached in a line, in place of the trend; "
        "none = the trend.",
        source="a policy question",
        status="choice",
    )

    elective_scale: float = setting(
        1.0,
        label="elective deferrals",
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="Amounts that people would like to defer; the limits still cut them.",
        source="1 = the base table, data/derived/contribution_profile.csv",
        status="choice",
    )
    employer_scale: float = setting(
        1.0,
        label="employer contributions",
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="Employer contributions.",
        source="1 = the base table, data/derived/contribution_profile.csv",
        status="choice",
    )


RESPONSES = (
    "behaviour.contribution_price_elasticity",
    "behaviour.contribution_return_response",
    "behaviour.chasing",
    "behaviour.panic_share",
)
"""Settings of behavioral responses to prices and returns; if all are zero, an estimate is static."""


class Behaviour(Section):
    """Behavioral responses, each off by default, which gives a static estimate. A scenario that sets one is a
    sensitivity test."""

    contribution_price_elasticity: float = setting(
        0.0,
        label="response of deferrals to their price",
        unit="elasticity of elective deferrals to the price of a dollar saved",
        low=0.0,
        high=2.0,
        doc=(
            "Elective deferrals respond to the price of saving today, which is 1 less the tax saved on contributing. "
            "It omits the tax that Roth saves at withdrawal."
        ),
        source="0: nominal contributions unchanged under Roth (Beshears, Choi, Laibson, Madrian 2017)",
        status="cited",
    )
    contribution_return_response: float = setting(
        0.0,
        label="response of contributions to returns",
        unit="share of contributions per unit of log return over equity in the year before",
        low=-1.0,
        high=2.0,
        doc="Crypto holders' contributions respond to crypto's past return, between half and twice their level.",
        source="no source",
        status="assumed",
    )
    chasing: float = setting(
        0.0,
        label="chasing of past returns",
        unit="share of the allocation per unit of log return over equity in the year before",
        low=0.0,
        high=2.0,
        doc=(
            "The target allocation rises after good years of crypto and falls after bad ones, between 0 and twice its "
            "level."
        ),
        source="no source; flows into funds follow past returns",
        status="assumed",
    )
    panic_fall: float = setting(
        0.5,
        label="fall that triggers selling",
        unit="share of value lost in a calendar year",
        low=0.05,
        high=0.99,
        doc="A fall of crypto in a calendar year of at least this size triggers selling.",
        source="no source; Bitcoin fell by half or more eight times (data/crypto_drawdowns.csv)",
        status="assumed",
    )
    panic_share: float = setting(
        0.0,
        label="share sold in a panic",
        unit="share of the allocation",
        low=0.0,
        high=1.0,
        doc="Share of the allocation sold after such a fall.",
        source="no source; most 401(k) participants never trade",
        status="assumed",
    )
    panic_years: int = setting(
        3,
        label="years a panic lasts",
        unit="years",
        low=1,
        high=30,
        doc="Years for which the allocation stays lower.",
        source="no source",
        status="assumed",
    )
