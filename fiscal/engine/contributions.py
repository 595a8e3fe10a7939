"""How policy and behavior change contributions: limits in force, caps, the response to the price of saving.

Without any lever this is current law's contributions, to the bit. Limits and caps are set in dollars of
``limits.change_year``; the response to the tax treatment compares the price of a dollar saved with what it
would be under current law and the default Roth use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal.engine.inputs import projection_inputs, schedules_in_force
from fiscal.law import schedules as law_schedules
from fiscal.law.limits import contribution_limits, last_published_year
from fiscal.people.contributions import ContributionPolicy, Contributions, RothUse, project_contributions
from fiscal.people.scope import Scope
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


def limits_in_force(settings: Settings, limits: pd.DataFrame) -> pd.DataFrame | None:
    """The limits with what the scenario changes; None when nothing differs from the law's.

    A limit set in dollars is indexed from ``change_year`` on in proportion to the law's own.
    """
    chosen = settings.limits
    named = {
        "elective_deferral_limit_usd": chosen.elective_limit_usd,
        "catch_up_limit_usd": chosen.catch_up_limit_usd,
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
    return in_force


def roth_use(roth: Roth) -> RothUse:
    """The section ``roth`` as the contributions take it."""
    return RothUse(
        share_2025=roth.elective_share_2025,
        share_step=roth.elective_share_step,
        plateau_year=roth.plateau_year,
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


def base_contributions(world: World) -> Contributions:
    """Contributions of the stub at the base table's scale under the law's limits: what a scope is measured by."""
    return _contributions(
        world, roth_use(world.settings.roth), law_limits(world), ContributionPolicy(), years=1
    )


def scenario_contributions(world: World) -> Contributions:
    """Contributions of the scenario with its limits, caps and responses."""
    settings = world.settings
    limits = law_limits(world)
    in_force = limits_in_force(settings, limits)
    roth = roth_use(settings.roth)

    def made(roth: RothUse, in_force: pd.DataFrame | None, **policy: np.ndarray) -> Contributions:
        return _contributions(
            world,
            roth,
            limits,
            ContributionPolicy(
                limits=in_force,
                retirement_age_shift=settings.withdrawals.retirement_age_shift,
                **policy,
            ),
            elective_scale=settings.contributions.elective_scale,
            employer_scale=settings.contributions.employer_scale,
        )

    found = made(roth, in_force)
    policy: dict[str, np.ndarray] = {}
    if settings.behaviour.contribution_price_elasticity:
        as_law = made(roth_use(type(settings.roth)()), None)
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
        saved = np.divide(
            per_imputed,
            made.elective_multiple,
            out=np.zeros_like(per_imputed),
            where=made.elective_multiple > 0,
        )
        return 1 - saved

    ratio = price(own, schedules_in_force(settings)) / price(as_law, law_schedules.load())
    elasticity = settings.behaviour.contribution_price_elasticity
    return np.clip(ratio**-elasticity, 1 / STRONGEST_RESPONSE, STRONGEST_RESPONSE)


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
    mean = np.divide(opening, holders, out=np.zeros_like(opening), where=holders > 0)
    prices = world.economy["cpi_u"]
    first = settings.limits.change_year
    cap = (settings.limits.balance_cap_usd or 0.0) * (prices / prices.loc[first]).to_numpy()
    sigma = law_schedules.group_sigma()
    with np.errstate(divide="ignore"):
        distance = np.log(cap[:, None, None] / mean) / sigma - sigma / 2
    above = np.where(mean > 0, 1 - ndtr(distance), 0.0)
    return np.where((world.years >= first)[:, None, None], above, 0.0)
