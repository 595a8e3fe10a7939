"""Settings of people and of their accounts: Roth, limits, withdrawals, heirs, wages, contributions, answers."""

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
        source=f"{W2_ROTH}: 10.41 percent in 2020 plus a point a year",
        status="derived",
    )
    elective_share_step: float = setting(
        0.01,
        label="yearly rise of the Roth share",
        unit="share a year",
        low=-0.2,
        high=0.2,
        doc="Yearly rise of the Roth share until the plateau year; mandated Roth catch-up comes on top.",
        source=f"{W2_ROTH}: from 5.1 percent in 2014 to 10.4 in 2020, about a point a year",
        status="derived",
    )
    plateau_year: int = setting(
        2035,
        label="year the Roth share stops rising",
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="Year from which the Roth share stays where it is.",
        source="no source",
        status="assumed",
    )
    employer_share: float = setting(
        0.0,
        label="Roth share of employer money",
        unit="share of employer dollars",
        low=0.0,
        high=1.0,
        doc="Share of employer contributions made as Roth (SECURE 2.0 Act s.604).",
        source="permitted since 2023; its use is not published",
        status="assumed",
    )
    employer_first_year: int = setting(
        FIRST_YEAR,
        label="first year of Roth employer money",
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="First year in which employer_share holds; before it employers contribute traditional money.",
        source="permitted since 2023 (SECURE 2.0 Act s.604)",
        status="choice",
    )
    group_tilt: float = setting(
        0.0,
        label="tilt of Roth over earnings groups",
        unit="log-odds, highest less lowest earnings group",
        low=-3.0,
        high=3.0,
        doc="Tilts the Roth share of deferrals over the earnings groups; the mean over dollars is kept.",
        source="use by pay is nearly flat (Alight 2016, data/roth_use.csv)",
        status="assumed",
    )
    full_from_year: int | None = setting(
        None,
        label="year from which all is Roth",
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year from which every contribution, the employer's too, is Roth (full Rothification); none = never.",
        source="a policy question",
        status="choice",
    )
    none_from_year: int | None = setting(
        None,
        label="year from which nothing is Roth",
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
        doc="Catch-up dollars of people above the wage threshold must be Roth from 2026.",
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
        doc="Limits follow consumer prices after 2026, rounded down as the statute says; false freezes them.",
        source="26 U.S.C. 402(g)(4), 414(v)(2)(C), 415(d), 401(a)(17)(B)",
        status="cited",
    )

    change_year: int = setting(
        FIRST_YEAR + 2,
        label="year limits change",
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year from which the dollar limits of this section hold; they are in its dollars and indexed as law's are.",
        source="a policy question",
        status="choice",
    )
    elective_limit_usd: float | None = setting(
        None,
        label="limit on elective deferrals",
        unit="dollars a year",
        low=0.0,
        high=100_000.0,
        doc="Limit on elective deferrals, s.402(g); none = the law's. A higher one gives back the deferrals that the "
        "law's lag behind wages cuts, and a part (assumptions.wanted_above_limit_share) of what savers at the limit "
        "are imputed to want above it.",
        source="a policy question",
        status="choice",
    )
    catch_up_limit_usd: float | None = setting(
        None,
        label="limit on catch-up contributions",
        unit="dollars a year",
        low=0.0,
        high=50_000.0,
        doc="Limit on catch-up contributions at all ages from 50; none = the law's. That at 60 to 63 moves in "
        "proportion. A higher one adds deferrals as a higher limit on elective deferrals does.",
        source="a policy question",
        status="choice",
    )
    catch_up_60_63_limit_usd: float | None = setting(
        None,
        label="limit on catch-up contributions at 60–63",
        unit="dollars a year",
        low=0.0,
        high=50_000.0,
        doc="Limit on catch-up contributions at 60 to 63, SECURE 2.0 s.109; none = the law's, or in proportion to "
        "limits.catch_up_limit_usd where that is set.",
        source="a policy question",
        status="choice",
    )
    additions_limit_usd: float | None = setting(
        None,
        label="limit on all additions",
        unit="dollars a year",
        low=0.0,
        high=200_000.0,
        doc="Limit on a person's elective and employer contributions together, s.415(c); none = the law's. What a "
        "higher one adds is employers' money, a part (assumptions.wanted_above_limit_share) of what lies above it.",
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
        source="a policy question; proposals of 2021 named 10 million dollars, not among the sources read",
        status="choice",
    )


class Withdrawals(Section):
    """How money leaves, other than by death."""

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
    draw_scale: float = setting(
        1.0,
        label="voluntary draws in retirement",
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="Voluntary retirement draws.",
        source="1 = the base table, data/soi_ira_by_age.csv and data/scf_withdrawal_rates.csv",
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
        label="Roth draws over traditional ones",
        unit="ratio to traditional draws",
        low=0.0,
        high=1.0,
        doc="Roth draws in retirement, next to traditional ones at the same age.",
        source="no source for plans; at 60-69 Roth IRA owners draw a third as often as traditional ones "
        "(ICI IRA Investor Database, read second-hand; data/withdrawal_behaviour.csv)",
        status="assumed",
    )
    still_working_exception: bool = setting(
        True,
        label="still-working exception",
        unit="switch",
        doc="No required distribution from the plan of a person still at work there.",
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
        doc="Owners who withdraw at a rate of their own above the minimum; the remainder takes less or none.",
        source=f"{ICI_2023}: 35.6 percent of the 81.7 percent who withdraw",
        status="cited",
    )
    conversion_rate: float = setting(
        0.0,
        label="Roth conversions",
        unit="share of the traditional balance a year",
        low=0.0,
        high=1.0,
        doc="Roth conversions: a taxable flow without the additional tax. At least this share of the holders converts.",
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
        doc="Years by which work, contributions and voluntary draws after 60 move to later ages.",
        source="0 = participation and draws by age as published",
        status="choice",
    )
    additional_tax_rate: float = setting(
        0.10,
        label="additional tax rate",
        unit="rate on penalised withdrawals",
        low=0.0,
        high=1.0,
        doc="Additional tax on early withdrawals.",
        source="26 U.S.C. 72(t)(1)",
        status="cited",
    )


class Heirs(Section):
    """What happens to the accounts of the dead."""

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
        doc="Heirs are taxed on the schedule of people this much younger than the owner.",
        source="about one generation; no source",
        status="assumed",
    )
    spouse_share_scale: float = setting(
        1.0,
        label="share that passes to a spouse",
        unit="multiple of the base table",
        low=0.0,
        high=2.0,
        doc="Share of a dead owner's account that passes to the spouse and stays.",
        source="1 = the base table, itself assumed",
        status="assumed",
    )


class People(Section):
    """Population, mortality and ranks."""

    scale: float = setting(
        1.0,
        label="scale of the population",
        unit="multiple of the population",
        low=0.001,
        high=10.0,
        doc="Scales every person and with them every dollar; for tests and teaching.",
        source="1 = SSA age shape on CBO totals",
        status="choice",
    )
    mortality_ratio: float = setting(
        2.0,
        label="mortality of bottom over top group",
        unit="ratio of bottom to top group",
        low=1.0,
        high=4.0,
        doc="Death rates of the lowest earnings group over the highest; the mean stays the life table's.",
        source="no source",
        status="assumed",
    )
    rank_correlation: float = setting(
        0.8,
        label="persistence of wage ranks",
        unit="correlation over ten years",
        low=0.5,
        high=1.0,
        doc="Correlation of wage ranks ten years apart while at work; 1 = nobody moves.",
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
    """Scales on what is paid in."""

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
        doc="What people wish to defer; the limits still cut it.",
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
"""Settings by which savers answer to prices and returns; with all of them nil a score is static."""


class Behaviour(Section):
    """Responses of savers, each nil by default: a static estimate. With them on, a sensitivity beside it."""

    contribution_price_elasticity: float = setting(
        0.0,
        label="answer of deferrals to their price",
        unit="elasticity of elective deferrals to the price of a dollar saved",
        low=0.0,
        high=2.0,
        doc="Elective deferrals answer to the price of saving today, 1 less the tax saved on contributing; what Roth "
        "saves at withdrawal is not in it.",
        source="0: nominal contributions unchanged under Roth (Beshears, Choi, Laibson, Madrian 2017)",
        status="cited",
    )
    contribution_return_response: float = setting(
        0.0,
        label="answer of contributions to returns",
        unit="share of contributions per unit of log return over equity in the year before",
        low=-1.0,
        high=2.0,
        doc="Crypto holders' contributions answer to crypto's past return, between half and twice.",
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
            "The target allocation rises after good years of crypto and falls after bad ones; at most "
            "twice, never below 0."
        ),
        source="no source; flows into funds follow past returns",
        status="assumed",
    )
    panic_fall: float = setting(
        0.5,
        label="fall that sets off selling",
        unit="share of value lost in a calendar year",
        low=0.05,
        high=0.99,
        doc="A fall of crypto in a calendar year of at least this sets off selling.",
        source="no source; Bitcoin fell by half or more in data/crypto_drawdowns.csv eight times",
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
