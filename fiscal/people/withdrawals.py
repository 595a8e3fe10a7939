"""Rates of leaving the accounts, by age: leakage, rollovers, retirement draws, required minimums.

All rates are shares of *opening* balances a year. Dollars published on year-end balances are put on
opening ones first: withdrawals of 2023 over the same ages' fair market value at the end of 2022.

At retirement people are three types (ICI IRA Investor Database, 2023): *exact* take the required
minimum and nothing before it is required; *above* draw at their own discretion at every age; *low*
take a part of the minimum or none. The discretionary rate is the SOI rate over the share of the
*above* type before the required age, and after it what makes the three types add up to the SOI
totals, so that moving the required age moves the other two types only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fiscal.base import sources
from fiscal.base.arrays import ratio
from fiscal.base.axes import ATTAINED_AGES, birth_years
from fiscal.base.memo import remembered
from fiscal.law.distributions import required_minimum_share, rmd_births, rmd_start_age

QUALIFIED_AGE = 60
"""Attained age whose mid-year withdrawals come at 59 1/2 on the mean, s.72(t)(2)(A)(i)."""

SEPARATION_EXCEPTION_AGE = 55
"""No additional tax on plan money after separation in or after the year of turning 55, s.72(t)(2)(A)(v)."""

CALIBRATION_YEAR = 2023


@dataclass(frozen=True, kw_only=True)
class WithdrawalRates:
    """Rates and shares the projection needs; wrapper axis (plan, ira), character axis (traditional, roth)."""

    withdrawal_rate: np.ndarray  # (Y, wrapper 2, character 2, A)
    penalised_share: np.ndarray  # (wrapper 2, A)
    nonqualified_share: np.ndarray  # (A,)
    rollover_rate: np.ndarray  # (Y, A)
    spouse_share: np.ndarray  # (A,)


def _steps(assume: Mapping[str, float], keys: dict[int, str]) -> np.ndarray:
    """An assumption that holds from an age on, ``{first_age: key}`` -> (A,)."""
    result = np.zeros(len(ATTAINED_AGES))
    for first_age, key in sorted(keys.items()):
        result[first_age <= ATTAINED_AGES] = assume[key]
    return result


def soi_opening_rates() -> dict[str, float]:
    """Withdrawals of 2023 over the fair market value at the end of 2022, by SOI age class."""
    table = sources.table("soi_ira_by_age")
    by_year = table.pivot(index="age", columns="tax_year")
    paid = by_year["withdrawals_bn_usd"][CALIBRATION_YEAR]
    held = by_year["fmv_yearend_bn_usd"][CALIBRATION_YEAR - 1]
    return {str(age): float(paid[age] / held[age]) for age in paid.index if age != "all"}


def soi_incidence() -> dict[str, float]:
    """Withdrawers over owners by SOI age class, 2023."""
    table = sources.table("soi_ira_by_age")
    rows = table[(table["tax_year"] == CALIBRATION_YEAR) & (table["age"] != "all")].set_index("age")
    return {str(age): min(1.0, float(row["withdrawers"] / row["owners_yearend"])) for age, row in rows.iterrows()}


@remembered
def incidence(assume: Mapping[str, float], years: np.ndarray, rmd_shift: int = 0) -> np.ndarray:
    """Probability that a holder of a traditional account withdraws in the year, ``(Y, A)``.

    SOI below the required age; from it on SOI's rate at 75-79 (a new required age moves the step).
    The class 70-74 mixes both sides of the required age and is solved for the side before it.
    """
    published = soi_incidence()
    required = published["75-79"]
    # of the five ages 70-74 two are past the required age of 73
    before_required = max((published["70-74"] * 5 - required * 2) / 3, published["65-69"])
    free = np.interp(
        ATTAINED_AGES,
        [QUALIFIED_AGE - 1, 62, 67, 71],
        [published["<60"], published["60-64"], published["65-69"], before_required],
    )
    birth = birth_years(years)
    return np.where(
        ATTAINED_AGES[None, :] >= rmd_start_age(birth, rmd_births(assume), rmd_shift), required, free[None, :]
    )


def discretionary_rate(assume: Mapping[str, float], above_share: float, exact_share: float) -> np.ndarray:
    """Draw rate of the *above* type on opening balances, ``(A,)``, zero below 59 1/2.

    Fitted to SOI totals of 2023 under that year's law: the other types' required minimums are taken
    off the totals at 75-79 and 80+, then the rest is divided by the type's share.
    """
    published = soi_opening_rates()
    low_share = 1 - above_share - exact_share
    others = exact_share + low_share * assume["low_type_rmd_share"]
    minimum = required_minimum_share(ATTAINED_AGES, CALIBRATION_YEAR - ATTAINED_AGES, rmd_births(assume))

    def mean_minimum(first: int, last: int) -> float:
        return float(minimum[(first <= ATTAINED_AGES) & (last >= ATTAINED_AGES)].mean())

    # 80+ holders' dollars are concentrated around their mid-eighties (SOI publishes one open class)
    points = {
        62: published["60-64"] / above_share,
        67: published["65-69"] / above_share,
        77: (published["75-79"] - others * mean_minimum(75, 79)) / above_share,
        85: (published["80+"] - others * mean_minimum(80, 90)) / above_share,
    }
    rate = np.interp(ATTAINED_AGES, list(points), list(points.values()))
    return np.where(ATTAINED_AGES >= QUALIFIED_AGE, np.clip(rate, 0.0, 1.0), 0.0)


def retirement_draws(
    assume: Mapping[str, float],
    years: np.ndarray,
    above_share: float,
    exact_share: float,
    draw_scale: float,
    rmd_shift: int = 0,
    retirement_shift: int = 0,
    enacted_by: int | None = None,
) -> np.ndarray:
    """Draws of the retired on opening traditional balances by the three types, ``(Y, A)``; ``enacted_by`` as in
    :func:`fiscal.law.distributions.required_minimum_share`."""
    own = _own_rate(assume, above_share, exact_share, draw_scale, retirement_shift)
    births = rmd_births(assume)
    minimum = np.stack(
        [required_minimum_share(ATTAINED_AGES, y - ATTAINED_AGES, births, int(y), rmd_shift, enacted_by) for y in years]
    )
    low_share = 1 - above_share - exact_share
    return (
        exact_share * minimum
        + above_share * np.maximum(own[None, :], minimum)
        + low_share * assume["low_type_rmd_share"] * minimum
    )


def _own_rate(
    assume: Mapping[str, float], above_share: float, exact_share: float, draw_scale: float, shift: int
) -> np.ndarray:
    """Draw rate of the *above* type, scaled; with a shift an age draws as ``shift`` years before, from 60 on."""
    rate = discretionary_rate(assume, above_share, exact_share)
    if shift:
        rate = np.where(
            ATTAINED_AGES >= QUALIFIED_AGE,
            np.interp(np.maximum(ATTAINED_AGES - shift, QUALIFIED_AGE), ATTAINED_AGES, rate),
            0.0,
        )
        if shift > 0:
            rate = np.where(QUALIFIED_AGE + shift > ATTAINED_AGES, 0.0, rate)
    return np.clip(rate * draw_scale, 0.0, 1.0)


def still_working_share(shift: int = 0) -> np.ndarray:
    """Labor force participation at 60 and over, ``(A,)``; one below 60 (leavers are in the separations).
    ``shift`` moves it to later ages."""
    table = sources.table("labor_force")
    rows = table[(table["publisher"] == "BLS CPS") & (table["year"] == 2025)].set_index("age")["value"]
    points = {60.5: "60-61", 63: "62-64", 67: "65-69", 72: "70-74", 80: "75+"}
    share = np.interp(ATTAINED_AGES - shift, list(points), [float(rows[label]) for label in points.values()])
    return np.where(ATTAINED_AGES >= QUALIFIED_AGE, share, 1.0)


@remembered
def working_share_of_withdrawals(assume: Mapping[str, float], shift: int = 0) -> np.ndarray:
    """Share of withdrawal dollars taken by people at work, ``(A,)``: whose other income they stack on.

    From 60 on holders at work draw ``worker_draw_ratio`` as much as the retired (assumed); before, the
    assumed share ``early_working_share``.
    """
    retiring = ATTAINED_AGES >= QUALIFIED_AGE
    working = np.where(retiring, still_working_share(shift), 0.0)
    drawn = working * assume["worker_draw_ratio"]
    return np.where(retiring, drawn / (drawn + 1 - working), assume["early_working_share"])


def leavers_shares() -> tuple[np.ndarray, np.ndarray]:
    """What leavers' dollars do: cash share and rollover share, ``(A,)`` each (Alight, leavers 2008-17)."""
    table = sources.table("withdrawal_behaviour")
    dollars = table[table["publisher"].str.startswith("Alight") & table["unit"].str.endswith("of dollars")]

    def value(leavers: str, what: str) -> float:
        row = dollars[(dollars["topic"] == leavers) & (dollars["group"] == what)]
        return float(row["value"].iloc[0])

    def profile(what: str) -> np.ndarray:
        young, middle, old = (
            value(leavers, what) for leavers in ("leavers of all ages", "leavers 50-59", "leavers 60+")
        )
        return np.select([ATTAINED_AGES < 50, ATTAINED_AGES < QUALIFIED_AGE], [young, middle], old)

    return profile("cash"), profile("rollover")


@remembered
def project_rates(
    assume: Mapping[str, float],
    *,
    years: np.ndarray,
    above_share: float,
    exact_share: float,
    draw_scale: float,
    leakage_scale: float,
    rollover_scale: float,
    roth_draw_ratio: float,
    still_working_exception: bool,
    rmd_shift: int = 0,
    retirement_shift: int = 0,
    required_minimum: bool = True,
    enacted_by: int | None = None,
) -> WithdrawalRates:
    """All rates of a scenario; see :class:`WithdrawalRates` for shapes. Without ``required_minimum`` owners draw at
    their own discretion only. ``enacted_by``: the required minimum as the law was at the end of that year.

    Raises ``InputError`` through ``sources`` when a table it reads is broken.
    """
    separation = _steps(
        assume,
        {
            18: "separation_rate_18_24", 25: "separation_rate_25_34", 35: "separation_rate_35_44",
            45: "separation_rate_45_54", 55: "separation_rate_55_59", 60: "separation_rate_60_64",
            65: "separation_rate_65_plus",
        }
    )  # fmt: skip
    cash, roll = leavers_shares()
    working = still_working_share(retirement_shift)
    early = ATTAINED_AGES < QUALIFIED_AGE
    # leaving an employer is for those at work; after 60 most of a plan's money belongs to the retired
    leakage = separation * cash * working + np.where(early, assume["hardship_rate"], 0.0)
    leakage = np.where(early, leakage * leakage_scale, leakage)
    rollover = separation * roll * rollover_scale

    draws = retirement_draws(
        assume, years, above_share, exact_share, draw_scale, rmd_shift, retirement_shift, enacted_by
    )  # (Y, A)
    own = above_share * _own_rate(assume, above_share, exact_share, draw_scale, retirement_shift)
    # SOI's rates are of all owners, at work or not: discretion is the same for both; only the required
    # minimum waits for retirement (s.401(a)(9)(C)), unless the scenario ends that exception
    required_from = working if still_working_exception else np.zeros(len(ATTAINED_AGES))
    if not required_minimum:
        draws = np.broadcast_to(own, draws.shape)
    retirement = (1 - required_from)[None, :] * draws + required_from[None, :] * own[None, :]
    young_ira = soi_opening_rates()["<60"] * leakage_scale
    traditional_plan = leakage[None, :] + np.where(early, 0.0, retirement)
    traditional_ira = np.where(early, young_ira, draws)

    # no required minimum for living Roth owners (SECURE 2.0 s.325): only their own discretion
    # leavers who cash out take the whole account; only retirement draws are rarer than traditional ones
    roth_plan = leakage + own * roth_draw_ratio
    roth_ira = np.where(early, young_ira, own) * roth_draw_ratio
    rate = np.stack(
        [
            np.stack([traditional_plan, np.broadcast_to(roth_plan, traditional_plan.shape)], axis=1),
            np.stack([traditional_ira, np.broadcast_to(roth_ira, traditional_ira.shape)], axis=1),
        ],
        axis=1,
    )
    penalised = np.where(early, assume["penalised_share"], 0.0)
    hardship = ratio(assume["hardship_rate"] * leakage_scale, leakage)
    penalised_plan = np.where(ATTAINED_AGES >= SEPARATION_EXCEPTION_AGE, penalised * hardship, penalised)
    return WithdrawalRates(
        withdrawal_rate=np.clip(rate, 0.0, 1.0),
        penalised_share=np.stack([penalised_plan, penalised]),
        nonqualified_share=np.where(early, 1.0, min(1.0, assume["within_five_years_share"] * leakage_scale)),
        rollover_rate=np.broadcast_to(np.clip(rollover, 0.0, 1.0), (len(years), len(ATTAINED_AGES))).copy(),
        spouse_share=_spouse_share(assume),
    )


def leakage_tilt(dollars: np.ndarray, mean_balance_usd: np.ndarray, elasticity: float) -> np.ndarray:
    """What the rate of leakage at an age is multiplied by for each earnings group, ``(..., A, G)``; one from 59 1/2 on.

    A group's rate is in proportion to its mean balance (A, G) to the power ``-elasticity`` (assumed: no table gives
    it), and the ``dollars`` (..., A, G) of an account that leak at each age are those of the age's own rate. Small
    balances are cashed out and large ones rolled over; a balance follows from age and earnings.
    """
    early = (ATTAINED_AGES < QUALIFIED_AGE)[:, None] & (mean_balance_usd > 0)
    relative = np.where(early, np.where(early, mean_balance_usd, 1.0) ** -elasticity, 1.0)
    whole = dollars.sum(axis=-1, keepdims=True)
    leaks = (dollars * relative).sum(axis=-1, keepdims=True)
    level = ratio(whole, leaks, 1.0)
    return np.where(early, relative * level, 1.0)


def by_group(rate: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """Rates of leaving ``(..., A)`` as those of each group, ``(..., A, G)``: no more than everything leaves."""
    return np.minimum(rate[..., None] * tilt, 1.0)


def _spouse_share(assume: Mapping[str, float]) -> np.ndarray:
    share = _steps(
        assume,
        {18: "spouse_share_under_65", 65: "spouse_share_65_74", 75: "spouse_share_75_84", 85: "spouse_share_85_plus"},
    )
    share[-1] = 0.0  # nobody outlives the last age
    return share
