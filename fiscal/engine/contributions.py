"""How policy and behavior change contributions: limits in force, caps, the response to the price of saving.

Without any lever this is current law's contributions, to the bit. Limits and caps are set in dollars of
``limits.change_year``; the response to the tax treatment compares the price of a dollar saved with what it
would be under current law and the default Roth use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal.base.arrays import ratio
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.errors import InputError
from fiscal.engine.inputs import projection_inputs, withdrawal_rates
from fiscal.engine.taxes import schedules_in_force
from fiscal.law import schedules as law_schedules
from fiscal.law.limits import contribution_limits, last_published_year
from fiscal.people.accounts import ALL_PLANS_SCALED, LIMITS, PLAN, SCOPES, AccountType, Scope, hold, sized, together
from fiscal.people.contributions import (
    ContributionPolicy,
    Contributions,
    RothUse,
    deferring_share,
    highest_deferring_share,
    project_contributions,
)
from fiscal.people.coverage import coverage_factor
from fiscal.people.scope import all_plans
from fiscal.people.withdrawals import WithdrawalRates
from fiscal.projection.cells import project

if TYPE_CHECKING:
    from fiscal.people.population import Population
    from fiscal.scenario.savers import Roth
    from fiscal.scenario.schema import Settings

STRONGEST_RESPONSE = 2.0
"""Contributions at most double or halve in answer to their price."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What is settled before contributions are: people, prices, wages, rates of leaving."""

    settings: Settings
    assume: Mapping[str, float]
    years: np.ndarray
    fraction: np.ndarray
    people: Population
    economy: pd.DataFrame
    wage_index: np.ndarray  # (Y,), 2025 = 1
    mobility: np.ndarray
    rates: WithdrawalRates


def law_limits(world: World) -> pd.DataFrame:
    """The law's limits by year, indexed."""
    economy = world.economy
    return contribution_limits(world.years, economy["cpi_u"].to_numpy(), economy["wage_index"].to_numpy())


def limits_in_force(settings: Settings, limits: pd.DataFrame, of: AccountType = PLAN) -> pd.DataFrame | None:
    """The limits that bind a type with what the scenario changes; None when nothing differs from the law's.

    A limit set in dollars is indexed from ``change_year`` on in proportion to the law's own.
    """
    chosen = settings.limits
    named = {
        "elective_deferral_limit_usd": chosen.elective_limit_usd,
        "catch_up_limit_usd": chosen.catch_up_limit_usd,
        "catch_up_60_63_limit_usd": chosen.catch_up_60_63_limit_usd,
        "annual_additions_limit_usd": chosen.additions_limit_usd,
    }
    if chosen.indexed and all(value is None for value in named.values()):
        return None
    in_force = limits.copy()
    if not chosen.indexed:
        frozen = last_published_year()
        in_force[in_force.index > frozen] = in_force.loc[frozen].to_numpy()
        later = limits["social_security_taxable_maximum_usd"]  # the payroll tax keeps its own index
        in_force["social_security_taxable_maximum_usd"] = later
    after = in_force.index >= chosen.change_year
    for column, value in named.items():
        if value is not None:
            growth = in_force.loc[after, column] / in_force.loc[chosen.change_year, column]
            in_force.loc[after, column] = value * growth
    if chosen.catch_up_limit_usd is not None and chosen.catch_up_60_63_limit_usd is None:
        # a limit at all ages from 50 moves that at 60 to 63 in proportion
        raised = in_force["catch_up_limit_usd"] / limits["catch_up_limit_usd"]
        in_force["catch_up_60_63_limit_usd"] = limits["catch_up_60_63_limit_usd"] * raised
    for column in LIMITS:
        if column not in of.limits:
            in_force[column] = limits[column]
    return in_force


def roth_use(roth: Roth) -> RothUse:
    """The section ``roth`` as the contributions take it."""
    return RothUse(
        share_2025=roth.elective_share_2025,
        share_step=roth.elective_share_step,
        plateau_year=roth.plateau_year,
        share=roth.elective_share,
        first_year=roth.elective_first_year,
        employer_share=roth.employer_share,
        employer_first_year=roth.employer_first_year,
        catch_up_mandate=roth.catch_up_mandate,
        group_tilt=roth.group_tilt,
        full_from_year=roth.full_from_year,
        none_from_year=roth.none_from_year,
    )


def _contributions(
    world: World,
    roth: RothUse,
    limits: pd.DataFrame,
    policy: ContributionPolicy,
    *,
    years: int | None = None,
    elective_scale: float = 1.0,
    employer_scale: float = 1.0,
) -> Contributions:
    """The first ``years`` (None: all) years of contributions."""
    return project_contributions(
        world.assume,
        years=world.years[:years],
        year_fraction=world.fraction[:years],
        people=world.people.people_open[:years],
        wage_index=world.wage_index[:years],
        limits=limits,
        mobility=world.mobility,
        last_contribution_year=world.settings.horizon.last_year,
        elective_scale=elective_scale,
        employer_scale=employer_scale,
        roth=roth,
        policy=policy,
    )


def base_contributions(world: World, of: AccountType = PLAN) -> Contributions:
    """Contributions of the stub at the base table's scale under the law's limits: what a scope or a type is measured
    by."""
    return _contributions(
        world,
        roth_use(world.settings.roth),
        law_limits(world),
        ContributionPolicy(coverage=coverage(world, of)[:1]),
        years=1,
    )


def coverage(world: World, of: AccountType = PLAN) -> np.ndarray:
    """Factor on the number of savers, ``(Y,)``: the trend of contributions over wages, or a line to the share of
    earners that the scenario sets for ten years on; one for types without a trend. Raises InputError where more than
    everybody of a cell would save.
    """
    chosen = world.settings.contributions
    if not of.coverage:
        return np.ones(len(world.years))
    if chosen.coverage_2035 is not None:
        start = deferring_share()
        lead = np.clip((world.years - FIRST_YEAR) / COVERAGE_YEARS, 0.0, 1.0)
        factor = 1 + lead * (chosen.coverage_2035 / start - 1)
    elif chosen.coverage_trend:
        # at the base table's scale under the law's limits: levers move contributions, not the trend
        plain = _contributions(world, RothUse(share_2025=0.0, share_step=0.0, plateau_year=FIRST_YEAR),
                               law_limits(world), ContributionPolicy())  # fmt: skip
        paid_in = (plain.traditional_usd + plain.roth_usd).sum(axis=(1, 2)) / world.fraction
        wages = world.economy["wage_bill_bn_usd"].to_numpy()
        factor = coverage_factor(world.years, paid_in, wages, world.assume, chosen.coverage_trend)
    else:
        return np.ones(len(world.years))
    most = highest_deferring_share() * float(factor.max())
    if not (factor >= 0).all() or most > 1:
        key, value = (
            ("contributions.coverage_trend", chosen.coverage_trend)
            if chosen.coverage_2035 is None
            else ("contributions.coverage_2035", chosen.coverage_2035)
        )
        raise InputError(
            f"coverage leaves 0 to 1: {most:.2f} of the earners of the group that saves most would save",
            key=key,
            value=value,
            allowed="coverage of every age and wage from 0 to 1",
        )
    return factor


COVERAGE_YEARS = 10
"""Years from the first one in which coverage moves to what a scenario sets."""


def contributions_in_scope(world: World) -> tuple[Contributions, Scope]:
    """Contributions of the scenario to all accounts of its scope, and what the scope makes of the 401(k)'s cells."""
    settings, assume = world.settings, world.assume
    scale, opening = settings.people.scale, settings.horizon.opening
    plan = scenario_contributions(world)
    if settings.scope.plans == ALL_PLANS_SCALED:
        scope = all_plans(base_contributions(world), scale, opening)
        return sized(plan, scope.elective, scope.employer), scope
    others = SCOPES[settings.scope.plans][1:-1]
    if not others:
        return plan, Scope()
    held = tuple(
        hold(
            of, base_contributions(world, of), withdrawal_rates(settings, assume, world.years, of), assume, scale,
            opening,
        )
        for of in others
    )  # fmt: skip
    total, split = together([plan, *(one.contributions(scenario_contributions(world, one.type)) for one in held)])
    return total, Scope(others=held, split=split)


def scenario_contributions(world: World, of: AccountType = PLAN) -> Contributions:
    """Contributions that the 401(k)'s savers would make under the rules of a type, with the scenario's limits, caps
    and responses."""
    settings = world.settings
    limits = law_limits(world)
    in_force = limits_in_force(settings, limits, of)

    def of_type(use: Roth) -> RothUse:
        return replace(roth_use(use), odds_ratio=of.roth_odds(), mandated_share=of.covered(world.assume))

    roth = of_type(settings.roth)
    covered = coverage(world, of)

    def made(roth: RothUse, in_force: pd.DataFrame | None, **policy: np.ndarray) -> Contributions:
        return _contributions(
            world,
            roth,
            limits,
            ContributionPolicy(
                limits=in_force,
                retirement_age_shift=settings.withdrawals.retirement_age_shift,
                coverage=covered,
                **policy,
            ),
            elective_scale=settings.contributions.elective_scale,
            employer_scale=settings.contributions.employer_scale,
        )

    found = made(roth, in_force)
    policy: dict[str, np.ndarray] = {}
    if settings.behaviour.contribution_price_elasticity:
        as_law = made(of_type(type(settings.roth)()), None)
        policy["elective_response"] = price_response(world, found, as_law)
        found = made(roth, in_force, **policy)
    if settings.limits.balance_cap_usd is not None:
        policy["barred_share"] = share_above_cap(world, found)
        found = made(roth, in_force, **policy)
    return found


def price_response(world: World, own: Contributions, as_law: Contributions) -> np.ndarray:
    """Factor on elective deferrals ``(Y, A, G)``: the price of a dollar saved, 1 less the tax saved on
    contributing it, over its price under current law and default Roth use, to minus the elasticity."""
    settings = world.settings

    def price(made: Contributions, schedules: law_schedules.Schedules) -> np.ndarray:
        deferral = schedules.deferral(world.years, world.mobility)
        if settings.tax.flat_rate is not None:
            per_imputed = settings.tax.flat_rate * made.deferral_multiple
        else:
            per_imputed = deferral.saved_at(made.deferral_multiple)
        saved = ratio(per_imputed, made.elective_multiple)
        return 1 - saved

    relative = price(own, schedules_in_force(settings)) / price(as_law, law_schedules.load())
    elasticity = settings.behaviour.contribution_price_elasticity
    return np.clip(relative**-elasticity, 1 / STRONGEST_RESPONSE, STRONGEST_RESPONSE)


def share_above_cap(world: World, contributions: Contributions) -> np.ndarray:
    """Share of contributions of people whose balance at the opening of the year is above the cap, ``(Y, A, G)``.

    Mean balances come from a projection of the scenario without the cap; within a cell balances are
    lognormal with the spread of account balances by income (Vanguard). Contributions are taken to be in
    proportion to balances, so that the share is one of dollars: within a cell large accounts are those of
    people who put in more.
    """
    from scipy.special import ndtr

    settings = world.settings
    inputs, _ = projection_inputs(
        settings, world.assume, world.years, world.fraction, world.people, world.mobility, contributions,
        world.rates, Scope(), references=False,
    )  # fmt: skip
    projection = project(inputs)
    closing = (projection.cells["closing_traditional"] + projection.cells["closing_roth"])[0].sum(axis=3)
    opening = np.zeros_like(closing)
    opening[0] = inputs.opening_usd.sum(axis=(0, 1, 4))
    opening[1:, 1:] = closing[:-1, :-1]
    holders = inputs.holders.sum(axis=3)
    mean = ratio(opening, holders)
    prices = world.economy["cpi_u"]
    first = settings.limits.change_year
    cap = (settings.limits.balance_cap_usd or 0.0) * (prices / prices.loc[first]).to_numpy()
    sigma = law_schedules.group_sigma()
    with np.errstate(divide="ignore"):
        distance = np.log(cap[:, None, None] / mean) / sigma - sigma / 2
    above = np.where(mean > 0, 1 - ndtr(distance), 0.0)
    return np.where((world.years >= first)[:, None, None], above, 0.0)
