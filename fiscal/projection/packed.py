"""Inputs as the compiled functions take them: named arrays, read-only and in C order."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fiscal.projection.inputs import ProjectionInputs, TaxSchedule


class Schedule(NamedTuple):
    """A tax schedule, as :class:`~fiscal.projection.inputs.TaxSchedule`."""

    knots: np.ndarray  # (Y, K)
    tax: np.ndarray  # (Y, A, G, K)


class Rules(NamedTuple):
    """When money leaves the accounts and what tax is due: the same on every path.

    ``accounts`` counts them, so that loops over accounts are compiled for their number; the last is the IRA.
    """

    year_fraction: np.ndarray  # (Y,)
    withdrawal_rate: np.ndarray  # (Y, W, character, A, G)
    by_group: np.ndarray  # (Y, A) whether groups withdraw at different rates
    penalised_share: np.ndarray  # (W, A)
    nonqualified_share: np.ndarray  # (A,)
    rollover_rate: np.ndarray  # (Y, W - 1, A)
    conversion_rate: np.ndarray  # (Y, A)
    to_heirs: np.ndarray  # (Y, A, G) share of a balance that passes to heirs within the year
    heir_years: int
    accounts: tuple[int, ...]  # 0, 1, ...
    owner_schedule: Schedule
    conversion_schedule: Schedule
    heir_schedule: Schedule
    additional_tax_rate: float


class People(NamedTuple):
    """Dollars and persons; ``...`` is what a kernel makes of groups and strata."""

    opening_usd: np.ndarray  # (W, character, A, ...)
    opening_basis_usd: np.ndarray  # (W, A, ...)
    contribution_usd: np.ndarray  # (Y, A, ..., W x character)
    holders: np.ndarray  # (Y, A, ...)
    heirs: np.ndarray  # (Y, A, ...)
    one_holder: np.ndarray  # (Y, A, ...) a dollar of the year in dollars of a full year for each holder
    one_heir: np.ndarray  # (Y, A, ...)


class Paths(NamedTuple):
    """What paths meet; targets, shares of new money and its scale by stratum where there are several."""

    half_return: np.ndarray  # (P, Y, half, X)
    loss_rate: np.ndarray  # (P, Y)
    target: np.ndarray  # (P, Y, ...)
    contribution_share: np.ndarray  # (P, Y, ...)
    contribution_scale: np.ndarray  # (P, Y, ...)
    transfer: np.ndarray  # (P, Y)
    rebalancing: np.ndarray  # (P, Y)
    sale_share: np.ndarray  # (P,)
    crypto_market_usd: np.ndarray  # (P, Y)
    impact_multiplier: float
    impact_persistence: float


class Mix(NamedTuple):
    """What the sleeves are made of, and their fees."""

    core_weight: np.ndarray  # (Y, A, X), strata as a kernel has them
    crypto_weight: np.ndarray  # (X,)
    fee_rate: np.ndarray  # (sleeve,)


class BuildupRates(NamedTuple):
    """The law's tax on the year's own return outside a plan; fields as in the ledger's ``BuildupTax``."""

    interest_rate: np.ndarray  # (Y, A, G)
    dividend_rate: np.ndarray
    gain_rate: np.ndarray
    interest_share: np.ndarray  # (X,)
    gain_share: np.ndarray  # (X,)
    payout_rate: np.ndarray  # (Y, X)


class World(NamedTuple):
    """What a projection of totals is given."""

    rules: Rules
    people: People
    paths: Paths
    mix: Mix
    law: BuildupRates


def plain(values: np.ndarray) -> np.ndarray:
    """Read-only and in C order, without a copy where it is that already: any other kind is compiled again."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


def rules(inputs: ProjectionInputs, ages: int | None = None) -> Rules:
    """The rules for the first ``ages`` ages, by default for all."""

    def schedule(of: TaxSchedule) -> Schedule:
        return Schedule(plain(of.knots_usd), plain(of.tax_usd))

    leaves = inputs.withdrawal_rate[..., :ages, :]
    return Rules(
        year_fraction=plain(inputs.year_fraction),
        withdrawal_rate=plain(leaves),
        by_group=plain((leaves != leaves[..., :1]).any(axis=(1, 2, 4))),
        penalised_share=plain(inputs.penalised_share[..., :ages]),
        nonqualified_share=plain(inputs.nonqualified_share[:ages]),
        rollover_rate=plain(inputs.rollover_rate[..., :ages]),
        conversion_rate=plain(inputs.conversion_rate[..., :ages]),
        to_heirs=plain((inputs.death_rate * (1 - inputs.spouse_share)[:, None])[:, :ages]),
        heir_years=int(inputs.heir_years),
        accounts=tuple(range(len(inputs.accounts))),
        owner_schedule=schedule(inputs.owner_schedule),
        conversion_schedule=schedule(inputs.conversion_schedule),
        heir_schedule=schedule(inputs.heir_schedule),
        additional_tax_rate=float(inputs.additional_tax_rate),
    )


def people(inputs: ProjectionInputs, arranged: Callable[[np.ndarray], np.ndarray]) -> People:
    """Dollars and persons, their last axes (A, G, S) ``arranged`` as a kernel has them, ages first."""
    paid_in = inputs.contribution_usd[None] * inputs.contribution_split[..., None]  # (W, Y, character, A, G, S)
    paid_in = arranged(np.moveaxis(paid_in, 0, 1).reshape(len(inputs.years), -1, *paid_in.shape[3:]))
    holders, heirs = arranged(inputs.holders), arranged(inputs.heirs)
    return People(
        opening_usd=plain(arranged(inputs.opening_usd)),
        opening_basis_usd=plain(arranged(inputs.opening_basis_usd)),
        contribution_usd=plain(np.moveaxis(paid_in, 1, -1)),
        holders=plain(holders),
        heirs=plain(heirs),
        one_holder=plain(_per(holders, inputs)),
        one_heir=plain(_per(heirs, inputs)),
    )


def _per(people: np.ndarray, inputs: ProjectionInputs) -> np.ndarray:
    """What a dollar of a year is to each of the people in a full year; nothing where there are none."""
    whole = people * inputs.year_fraction.reshape(-1, *[1] * (people.ndim - 1))
    return np.divide(1.0, whole, out=np.zeros_like(whole), where=people > 0)


def paths(inputs: ProjectionInputs, strata: int | slice | np.ndarray = slice(None)) -> Paths:
    """All paths, with one stratum or several."""
    return Paths(
        half_return=plain(inputs.half_return),
        loss_rate=plain(inputs.loss_rate),
        target=plain(inputs.crypto_target_share[..., strata]),
        contribution_share=plain(inputs.crypto_contribution_share[..., strata]),
        contribution_scale=plain(inputs.contribution_scale[..., strata]),
        transfer=plain(inputs.transfer),
        rebalancing=plain(inputs.rebalancing),
        sale_share=plain(inputs.sale_share),
        crypto_market_usd=plain(inputs.crypto_market_usd),
        impact_multiplier=float(inputs.impact_multiplier),
        impact_persistence=float(inputs.impact_persistence),
    )


def mix(inputs: ProjectionInputs, which: int, cells: tuple[slice | np.ndarray, ...] = ()) -> Mix:
    """A mix, of the ``cells`` (ages, strata) only."""
    return Mix(
        core_weight=plain(inputs.core_weight[which][(slice(None), *cells)]),
        crypto_weight=plain(inputs.crypto_weight[which]),
        fee_rate=plain(inputs.fee_rate[which]),
    )
