"""The model started at the end of a past year, on what was known then.

From the published stock at the end of a start year the model's own code (contributions, withdrawals, rollovers, deaths,
projection) runs forward. No flow and no stock of the plans after the start year goes in, and no law that was enacted
after it (required ages, waivers and tables of required distributions).

**Conditioning.** What is given of the years after the start, to the model and to the naive rules alike:
``actual_wages_and_returns`` (private wages, the average wage and its limits, and the rate of return that DOL's own
totals imply), ``actual_wages`` (wages and limits alone), ``none``. What is not given follows a stated rule on data to
the start year: wages grow as in the ten years before, plans earn the bill rate of the start year and the mean premium
of their mix over bills since 1928. People by age are those of the Census in every case: they were alive at the start.

**Levels** are what a forecaster had. Contributions are those of the start year; their path is the damped trend of
contributions over wages that could be estimated in it (:mod:`fiscal.people.coverage`); what is rolled over into plans
is a flow of its own with such a trend, counted in and out. One factor on all rates of leaving makes the mean of
benefits over opening assets in the last five years, as far as there are people by age, the published one.

**What was estimated on later data** is in :data:`LATER`: shapes, never levels. The alternatives of
:data:`EXPERIMENTS` say what it is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.axes import AGES_AT_OPENING, ASSETS, FIRST_YEAR
from fiscal.engine.inputs import assumptions, withdrawal_rates
from fiscal.markets import glide, history
from fiscal.people import coverage
from fiscal.people.contributions import RothUse, project_contributions
from fiscal.people.mobility import mobility_matrix
from fiscal.people.opening import Opening, open_accounts
from fiscal.people.past import PastPeople, past_limits, past_people, past_wages
from fiscal.people.population import MortalityGradient
from fiscal.people.withdrawals import leakage_tilt
from fiscal.studies.past_projection import Prepared, World, level_of, project_years
from fiscal.studies.past_record import (
    BILLION,
    FIRST_START,
    LAST_OUTCOME,
    LEVEL_YEARS,
    check_start,
    published,
    told_of,
    told_returns,
    told_wages,
)

if TYPE_CHECKING:
    from fiscal.scenario.schema import Settings

SIPP_YEAR = 2022

LATER = (
    ("contributions by age and wage", "W-2 2019 and 2020, sample of 2025", "flat_contributions"),
    ("balances by age and income", "Vanguard 2024, EBRI 2022, SIPP 2022", "balances_by_contributions"),
    ("withdrawals by age", "SOI 2022 and 2023", "flat_leaving"),
    ("deaths by age", "life table of 2022", "no_mortality_gradient"),
    ("mix of assets by age", "EBRI 2022", "market_returns"),
)
"""What only later data show (what, data, the experiment that sizes it)."""

EXPERIMENTS = {
    "flat_contributions": "every age of 20 to 64 contributes the same per person",
    "balances_by_contributions": "balances by age and earnings as contributions of the start year, cumulated over ages",
    "flat_leaving": "every age leaves at the same rate",
    "no_mortality_gradient": "deaths do not differ by earnings",
    "market_returns": "market returns in the model's own mix, less its fee, in place of the returns of DOL's totals",
    "later_law": "all law enacted by 2023 known at the start",
    "savers_known": "number of savers given (W-2 deferrers, from 2021 active participants)",
    "last_year_level": "level of benefits from the start year alone",
    "endless_trend": "trend of contributions over wages to the last year in place of ten years",
}
"""One change at a time, given actual wages and returns."""


@dataclass(frozen=True, kw_only=True)
class Hindcast:
    """One run, dollars by lead year ``(T,)``; ``benefits_usd`` with what moves between plans, as DOL counts them."""

    start: int
    contributions_usd: np.ndarray
    benefits_usd: np.ndarray
    assets_usd: np.ndarray
    outflow_scale: float

    def of(self, quantity: str) -> np.ndarray:
        """One of :data:`QUANTITIES`, billions of dollars."""
        found: np.ndarray = getattr(self, f"{quantity}_usd") / BILLION
        return found


# ----------------------------------------------------------------------------------------- what is fed


def world(start: int, conditioning: str, settings: Settings | None = None, experiment: str | None = None) -> World:
    """Everything that a run from the end of ``start`` receives. ``settings`` of a scenario (default: baseline) give
    parameters; ``experiment`` is one of :data:`EXPERIMENTS`. Raises InputError for a start without data."""
    check_start(start)
    wages_told, returns_told = told_of(conditioning)
    settings = settings or scenarios.load("baseline").settings
    assume: Mapping[str, float] = assumptions(settings)
    if experiment == "endless_trend":
        assume = {**assume, "coverage_trend_years": LAST_OUTCOME - start}
    years = np.arange(max(FIRST_START, start - LEVEL_YEARS + 1), LAST_OUTCOME + 1)
    ratio = 1.0 if experiment == "no_mortality_gradient" else settings.people.mortality_ratio
    people = past_people(years, MortalityGradient.of(assume, ratio))
    wages = told_wages(start, years, wages_told)
    rates = withdrawal_rates(settings, assume, years, enacted_by=None if experiment == "later_law" else start)
    if experiment == "flat_leaving":
        rates = replace(
            rates,
            withdrawal_rate=np.full_like(rates.withdrawal_rate, 1.0),
            rollover_rate=np.zeros_like(rates.rollover_rate),
        )
    index, limits = _wages_and_limits(start, years, wages, people, wages_told)
    roth_share = _roth_share(start, settings.roth.elective_share_step)
    made = project_contributions(
        assume,
        years=years,
        year_fraction=np.ones(len(years)),
        people=people.people_open,
        wage_index=index,
        limits=limits,
        mobility=mobility_matrix(settings.people.rank_correlation),
        last_contribution_year=int(years[-1]),
        elective_scale=1.0,
        employer_scale=1.0,
        roth=RothUse(
            share_2025=roth_share,
            share_step=settings.roth.elective_share_step,
            plateau_year=settings.roth.plateau_year,
            catch_up_mandate=False,
        ),
        profile_limits=past_limits().loc[FIRST_YEAR],
    )
    shape = np.stack([made.traditional_usd, made.roth_usd], axis=1)
    if experiment == "flat_contributions":
        level = people.people_open * WORKING[:, None]
        shape = shape.sum(axis=(2, 3), keepdims=True) * (level / level.sum(axis=(1, 2), keepdims=True))[:, None]
    trend = settings.contributions.coverage_trend
    factor = saved_usd(start, years, wages, assume, trend) / shape.sum(axis=(1, 2, 3))
    if experiment == "savers_known":
        savers = _savers(years, people)
        at = int(np.flatnonzero(years == start)[0])
        factor = factor[at] * savers / savers[at]
    opened = _opened(settings, years[0], people.people_open[0])
    found = World(
        start=start,
        years=years,
        people=people,
        contribution_usd=shape * factor[:, None, None, None],
        rolled_in_usd=_followed(coverage_rolled_in(), start, years, wages, assume),
        plan_return=told_returns(start, years, returns_told),
        rates=rates,
        tilt=leakage_tilt(
            opened.balance_usd,
            opened.mean_balance_usd(people.people_open[0]),
            settings.withdrawals.leakage_balance_elasticity,
        ),
        roth_stock_share=roth_share * settings.roth.opening_stock_share / settings.roth.elective_share_2025,
        heir_years=settings.heirs.years,
        settings=settings,
    )
    if experiment == "market_returns":
        kept = np.sqrt(1 - settings.fees.core_rate)
        return replace(found, half_return=(1 + half_returns(years)) * kept - 1)
    return found


def saved_usd(
    start: int, years: np.ndarray, wages: np.ndarray, assume: Mapping[str, float], trend: float = 1.0
) -> np.ndarray:
    """What participants and employers pay in, dollars ``(Y,)``: published to the start, then the damped trend."""
    return _followed(coverage.savers_over_wages(), start, years, wages, assume, trend)


def _followed(
    share: pd.Series, start: int, years: np.ndarray, wages: np.ndarray, assume: Mapping[str, float], trend: float = 1.0
) -> np.ndarray:
    ahead = coverage.damped_trend(share, start, np.maximum(years, start), assume, trend)
    known = share.reindex(np.minimum(years, start)).to_numpy()
    return np.where(years > start, ahead, known) * wages * BILLION


def coverage_rolled_in() -> pd.Series:
    """All other contributions (rollovers from other plans, others, noncash) over private wages, by year."""
    other = published()["contributions"] / coverage.private_wages() - coverage.savers_over_wages()
    return other.dropna()


def _wages_and_limits(
    start: int, years: np.ndarray, wages: np.ndarray, people: PastPeople, told: bool
) -> tuple[np.ndarray, pd.DataFrame]:
    """Average wage over 2025's and the limits, by year; where wages are not given, both grow with wages per person."""
    average, limits = past_wages(), past_limits()
    if told:
        return (average[years] / average[FIRST_YEAR]).to_numpy(), limits
    each = wages / people.people_open[:, WORKING].sum(axis=(1, 2))
    at = int(np.flatnonzero(years == start)[0])
    growth = np.where(years > start, each / each[at], 1.0)
    index = average.reindex(np.minimum(years, start)).to_numpy() * growth / average[FIRST_YEAR]
    known = limits.loc[np.minimum(years, start)].set_axis(years)
    return index, known.mul(growth, axis=0)


def _roth_share(year: int, step: float) -> float:
    """Roth share of 401(k) deferrals on the W-2 record; after its last year by the trend."""
    share = sources.table("w2_deferrals_roth").set_index("tax_year")["roth_share_of_401k_dollars"]
    last = int(share.index[-1])
    return float(share[min(year, last)]) + step * max(year - last, 0)


WORKING = (AGES_AT_OPENING >= 20) & (AGES_AT_OPENING <= 64)
"""Ages on 1 January whose people savers are counted against, ``(A,)``."""


def _savers(years: np.ndarray, people: PastPeople) -> np.ndarray:
    """Savers over people of working age, ``(Y,)``: W-2 deferrers, after their last year as active participants."""
    active = sources.table("dol_5500").set_index("year")["active_participants"].astype(float)
    deferrers = sources.table("w2_deferrals_roth").set_index("tax_year")["all_elective_deferrers"].astype(float)
    last = int(deferrers.index[-1])
    after = deferrers[last] * active[active.index > last] / active[last]
    working = people.people_open[:, WORKING].sum(axis=(1, 2))
    found: np.ndarray = pd.concat([deferrers, after]).reindex(years).to_numpy() / working
    return found


def half_returns(years: np.ndarray) -> np.ndarray:
    """Real returns of the two halves of each year, ``(Y, half, asset)``; zero for what the core never holds."""
    logs = history.monthly_log_returns(f"{years[0]}-01", f"{years[-1]}-12")
    held = glide.glide_path(years).sum(axis=(0, 1)) > 0
    result = np.zeros((len(years), 2, len(ASSETS)))
    for y, year in enumerate(years):
        for half, (first, last) in enumerate((("01", "06"), ("07", "12"))):
            months = logs.loc[f"{year}-{first}" : f"{year}-{last}"]
            result[y, half] = np.where(held, np.expm1(months.sum(skipna=False).to_numpy(dtype=float)), 0.0)
    return result


# -------------------------------------------------------------------------------------------- the run


def hindcast(
    start: int, conditioning: str, settings: Settings | None = None, experiment: str | None = None
) -> Hindcast:
    """Run from the end of the start year to the last published one."""
    return run(prepared(world(start, conditioning, settings, experiment), experiment))


def prepared(fed: World, experiment: str | None = None) -> Prepared:
    """Level and opening of a run, of what was published by the start."""
    by_contributions = experiment == "balances_by_contributions"
    first = fed.start if experiment == "last_year_level" else int(fed.years[0])
    record = published()
    positions = np.flatnonzero((fed.years >= first) & (fed.years <= fed.start))
    before = [
        opening_balances(fed, int(at), float(record["assets"][fed.years[at] - 1]) * BILLION, by_contributions)
        for at in positions
    ]
    wanted = record["benefits"].loc[first : fed.start].to_numpy() * BILLION - fed.rolled_in_usd[positions]
    scale = level_of(fed, before, positions, wanted)
    opening = opening_balances(fed, int(fed.ahead[0]), float(record["assets"][fed.start]) * BILLION, by_contributions)
    return Prepared(fed=fed, opening_usd=opening, outflow_scale=scale)


def run(ready: Prepared) -> Hindcast:
    """Project the opening balances over the years after the start."""
    fed = ready.fed
    outflow, assets = project_years(fed, ready.outflow_scale, ready.opening_usd, fed.ahead)
    rolled_in = fed.rolled_in_usd[fed.ahead]
    return Hindcast(
        start=fed.start,
        contributions_usd=fed.contribution_usd[fed.ahead].sum(axis=(1, 2, 3)) + rolled_in,
        benefits_usd=outflow + rolled_in,
        assets_usd=assets,
        outflow_scale=ready.outflow_scale,
    )


def opening_balances(fed: World, at: int, stock_usd: float, by_contributions: bool = False) -> np.ndarray:
    """A stock over age and group, ``(A, G)`` dollars: the shape of the model's own opening on the people of a year."""
    people = fed.people.people_open[at]
    if by_contributions:
        shape = np.cumsum(fed.contribution_usd[at].sum(axis=0) / np.maximum(people, 1.0), axis=0) * people
    else:
        shape = _opened(fed.settings, fed.years[at], people).balance_usd
    whole: np.ndarray = shape * (stock_usd / shape.sum())
    return whole


def _opened(settings: Settings, year: int, people: np.ndarray) -> Opening:
    """The model's own opening on the people of a past year."""
    wages = past_wages()
    return open_accounts(
        assumptions(settings),
        people=people,
        unit_people=people,
        mobility=mobility_matrix(settings.people.rank_correlation),
        wage_ratio=float(wages[SIPP_YEAR] / wages[FIRST_YEAR]),
        years=np.array([year]),
    )
