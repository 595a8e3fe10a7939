"""The compiled projection: yearly totals of many paths, equal to the reference.

:mod:`fiscal.projection.reference` is the oracle. Here the work is divided: each stratum of each path is
projected as one number an account where its accounts all hold one mix
(:mod:`fiscal.projection.constant_mix`), and sleeve by sleeve where they do not
(:mod:`fiscal.projection.two_sleeves`). Which of the two is decided path by path, so that the same path
gives the same bits alone, in any batch and on any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from fiscal.base import compiled
from fiscal.projection import constant_mix, two_sleeves
from fiscal.projection.inputs import ProjectionInputs, plain

TOTALS = (
    "owner_tax",
    "heir_tax",
    "conversion_tax",
    "additional_tax",
    "inside_buildup",
    "traditional_withdrawals",
    "roth_withdrawals",
    "inherited_withdrawals",
    "closing_traditional",
    "closing_roth",
    "closing_crypto",
    "crypto_bought",
    "fees",
    "losses",
)
"""Sums over cells that the kernel returns, ``(P, Y)``; ``traditional_withdrawals`` are owners', plan and IRA;
``inherited_withdrawals`` traditional; ``inside_buildup`` the tax of :class:`BuildupRates`, positive."""

BY_PATH = (
    "path_labels", "half_return", "mix", "loss_rate", "crypto_target_share", "crypto_contribution_share",
    "contribution_scale", "transfer", "rebalancing", "sale_share", "crypto_market_usd",
)  # fmt: skip
BY_STRATUM = ("opening_usd", "opening_basis_usd", "contribution_usd", "holders", "heirs")
"""Fields that hold people's dollars and numbers, the stratum their last axis: what taxes are homogeneous in."""

PROPORTIONAL = 1e-14
"""Relative difference up to which columns count as the same but for their size: a few roundings."""


@dataclass(frozen=True, kw_only=True)
class BuildupRates:
    """The law's tax on the year's own return outside a plan; fields as in the ledger's ``BuildupTax``."""

    interest_rate: np.ndarray  # (Y, A, G)
    dividend_rate: np.ndarray
    gain_rate: np.ndarray
    interest_share: np.ndarray  # (X,)
    gain_share: np.ndarray  # (X,)
    payout_rate: np.ndarray  # (Y, X)


@dataclass(frozen=True, kw_only=True)
class _Projected:
    """A column without crypto that has been projected: one stratum of one reference, on the paths ``chosen``."""

    inputs: ProjectionInputs
    stratum: int
    chosen: np.ndarray  # (P,) bool
    totals: np.ndarray  # (P, line, Y)
    groups: np.ndarray  # (P, 2, G, Y)


def project_totals(inputs: ProjectionInputs, law: BuildupRates) -> dict[str, np.ndarray]:
    """Yearly totals by line of ``TOTALS``, ``(P, Y)``, nominal dollars.

    All paths must hold the same mix. Raises ``ValueError`` otherwise.
    """
    return project_references([inputs], law)[0]


def project_references(
    references: Sequence[ProjectionInputs], law: BuildupRates
) -> list[dict[str, np.ndarray]]:
    """:func:`project_totals` of several references that meet the same paths.

    A stratum without crypto that differs from one already projected only in how many people it holds (on
    every reference, that of those who never buy any) is not projected again: all is in proportion.
    """
    known: list[_Projected] = []
    return [_named(_reference(inputs, law, known, by_group=False)[0]) for inputs in references]


def project_groups(
    inputs: ProjectionInputs, law: BuildupRates
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """:func:`project_totals`, and by earnings group ``(G, P, Y)`` the tax on withdrawals and what is withdrawn from
    traditional accounts, both of owners and of heirs."""
    total, groups = _reference(inputs, law, [], by_group=True)
    tax, withdrawn = np.ascontiguousarray(groups.transpose(1, 2, 0, 3))
    return _named(total), tax, withdrawn


def _named(total: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(total[:, i]) for i, name in enumerate(TOTALS)}


def _reference(
    inputs: ProjectionInputs, law: BuildupRates, known: list[_Projected], *, by_group: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Totals ``(P, line, Y)`` and, if asked for, those of groups ``(P, 2, G, Y)``; else no group."""
    if (inputs.mix != inputs.mix[0]).any():
        raise ValueError("the kernel projects paths of one mix at a time")
    n_paths, n_years = len(inputs.path_labels), len(inputs.years)
    strata = inputs.opening_usd.shape[4]
    free, single = _kinds(inputs)
    total = np.zeros((n_paths, len(TOTALS), n_years))
    groups = np.zeros((n_paths, 2, inputs.opening_usd.shape[3] if by_group else 0, n_years))
    for s in range(strata):
        todo = single[:, s]
        for earlier in known:
            shared = todo & free[:, s] & earlier.chosen
            if shared.any() and (times := _proportion(earlier, inputs, s)) is not None:
                total[shared] += times * earlier.totals[shared]
                groups[shared] += times * earlier.groups[shared]
                todo = todo & ~shared
        if todo.any():
            column, parts = np.zeros_like(total), np.zeros_like(groups)
            column[todo], parts[todo] = _one_mix(inputs, law, s, np.flatnonzero(todo), by_group)
            total += column
            groups += parts
            if (todo & free[:, s]).any():
                known.append(
                    _Projected(
                        inputs=inputs, stratum=s, chosen=todo & free[:, s], totals=column, groups=parts
                    )
                )
    # strata that meet in the price that their purchases move are projected together
    for kind in np.unique(~single, axis=0):
        chosen = np.flatnonzero((~single == kind).all(axis=1))
        if kind.any():
            column, parts = _two_sleeves(inputs, law, np.flatnonzero(kind), chosen, by_group)
            total[chosen] += column
            groups[chosen] += parts
    return total, groups


def _kinds(inputs: ProjectionInputs) -> tuple[np.ndarray, np.ndarray]:
    """By path and stratum: whether there is no crypto at all; whether all accounts hold one mix."""
    target, share = inputs.crypto_target_share, inputs.crypto_contribution_share
    free = ((target == 0) & (share == 0) & (inputs.contribution_scale == 1)).all(axis=1)  # (P, S)
    follows = (
        inputs.transfer.all(axis=1)
        & (inputs.rebalancing == 1).all(axis=1)
        & (inputs.sale_share == 1)
        & (inputs.impact_multiplier == 0)
    )
    bounded = ((target >= 0) & (target <= 1) & (share >= 0) & (share <= 1)).all(axis=1)
    # growth stays positive: nothing is ever lost in full, nothing borrowed
    mix = inputs.mix[0]
    whole = inputs.year_fraction.max()
    alive = np.all(inputs.half_return > -1, axis=(1, 2, 3)) & bool(
        inputs.fee_rate[mix, 0] * whole < 1 and (inputs.core_weight[mix] >= 0).all()
    )
    kept = (inputs.fee_rate[mix, 1] * whole + inputs.loss_rate < 1).all(axis=1)
    kept &= (inputs.crypto_weight[mix] >= 0).all()
    # a Roth basis without an account would be left alone, not drawn with it
    orderly: np.ndarray = ~((inputs.opening_basis_usd[0] > 0) & (inputs.opening_usd[0, 1] <= 0)).any(
        axis=(0, 1)
    )
    for name in BY_STRATUM:
        orderly &= (getattr(inputs, name) >= 0).all(axis=tuple(range(getattr(inputs, name).ndim - 1)))
    return free, alive[:, None] & orderly & (free | (bounded & (follows & kept)[:, None]))


def _proportion(earlier: _Projected, inputs: ProjectionInputs, stratum: int) -> float | None:
    """How many times the earlier column this one is, both without crypto; None if they differ otherwise."""
    other, s = earlier.inputs, earlier.stratum
    if other is not inputs:
        mixed = ("core_weight", "crypto_weight", "fee_rate")
        for name in (field.name for field in fields(inputs)):
            if name not in (*BY_PATH, *BY_STRATUM, *mixed) and getattr(other, name) is not getattr(
                inputs, name
            ):
                return None
        if other.half_return is not inputs.half_return:
            return None
    mine, theirs = inputs.mix[0], other.mix[0]
    weights = inputs.core_weight[mine][:, :, stratum], other.core_weight[theirs][:, :, s]
    if inputs.fee_rate[mine, 0] != other.fee_rate[theirs, 0] or not np.allclose(
        *weights, rtol=PROPORTIONAL, atol=0
    ):
        return None
    people = float(other.holders[..., s].sum())
    if people <= 0:
        return None
    times = float(inputs.holders[..., stratum].sum()) / people
    for name in BY_STRATUM:
        own, others = getattr(inputs, name)[..., stratum], getattr(other, name)[..., s]
        if not np.allclose(own, times * others, rtol=PROPORTIONAL, atol=0):
            return None
    return times


def _one_mix(
    inputs: ProjectionInputs, law: BuildupRates, stratum: int, chosen: np.ndarray, by_group: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Totals ``(path, line, Y)`` of a stratum on the paths ``chosen``, and of its groups ``(path, 2, G, Y)``."""
    mix = int(inputs.mix[0])
    blocks = -(-len(chosen) // constant_mix.LANES)
    out = np.zeros((blocks, len(inputs.years), len(TOTALS) * constant_mix.LANES))
    groups_out = _groups_out(inputs, blocks, constant_mix.LANES, by_group)
    weights, sleeve = inputs.core_weight[mix][:, :, stratum], inputs.crypto_weight[mix]
    held = (weights != 0).any(axis=(0, 1)) | (sleeve != 0)
    holders, heirs = inputs.holders[..., stratum], inputs.heirs[..., stratum]
    _by_block(
        constant_mix.project, constant_mix.LANES, out, groups_out, chosen, plain(inputs.year_fraction),
        plain(inputs.opening_usd[..., stratum]),
        plain(inputs.opening_basis_usd[..., stratum]), plain(inputs.contribution_usd[..., stratum]),
        plain(inputs.contribution_scale[..., stratum]), plain(inputs.half_return[..., held]),
        plain(weights[..., held]), plain(sleeve[held]),
        float(inputs.fee_rate[mix, 0]), float(inputs.fee_rate[mix, 1]), plain(inputs.loss_rate),
        plain(inputs.crypto_target_share[..., stratum]), plain(inputs.crypto_contribution_share[..., stratum]),
        *_rules(inputs), plain(holders), plain(heirs), plain(_per(holders, inputs)), plain(_per(heirs, inputs)),
        *_taxes(inputs, law), plain(law.interest_share[held]), plain(law.gain_share[held]),
        plain(law.payout_rate[:, held]),
    )  # fmt: skip
    return _by_path(out, groups_out, constant_mix.LANES, len(chosen))


def _two_sleeves(
    inputs: ProjectionInputs, law: BuildupRates, strata: np.ndarray, chosen: np.ndarray, by_group: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Totals ``(path, line, Y)`` of the strata together on the paths ``chosen``, and of groups ``(path, 2, G, Y)``."""
    mix = int(inputs.mix[0])
    blocks = -(-len(chosen) // two_sleeves.LANES)
    out = np.zeros((blocks, len(inputs.years), len(TOTALS) * two_sleeves.LANES))
    groups_out = _groups_out(inputs, blocks, two_sleeves.LANES, by_group)

    def by_stratum(values: np.ndarray, axis: int = -1) -> np.ndarray:
        return plain(np.moveaxis(values, axis, 0)[strata])

    holders, heirs = inputs.holders[..., strata], inputs.heirs[..., strata]
    sleeve = inputs.crypto_weight[mix]
    weights = inputs.core_weight[mix][:, :, strata]
    held = (weights != 0).any(axis=(0, 1, 2)) | (sleeve != 0)
    _by_block(
        two_sleeves.project, two_sleeves.LANES, out, groups_out, chosen, plain(inputs.year_fraction),
        by_stratum(inputs.opening_usd), by_stratum(inputs.opening_basis_usd), by_stratum(inputs.contribution_usd),
        plain(inputs.contribution_scale[..., strata]), plain(inputs.half_return[..., held]),
        plain(np.moveaxis(weights[..., held], 2, 0)), plain(sleeve[held]), plain(inputs.fee_rate[mix]),
        plain(inputs.loss_rate), plain(inputs.crypto_target_share[..., strata]),
        plain(inputs.crypto_contribution_share[..., strata]), plain(inputs.transfer), plain(inputs.rebalancing),
        plain(inputs.sale_share), float(inputs.impact_multiplier), float(inputs.impact_persistence),
        plain(inputs.crypto_market_usd), *_rules(inputs), by_stratum(inputs.holders), by_stratum(inputs.heirs),
        plain(np.moveaxis(_per(holders, inputs), -1, 0)), plain(np.moveaxis(_per(heirs, inputs), -1, 0)),
        *_taxes(inputs, law), plain(law.interest_share[held]), plain(law.gain_share[held]),
        plain(law.payout_rate[:, held]),
    )  # fmt: skip
    return _by_path(out, groups_out, two_sleeves.LANES, len(chosen))


def _by_block(
    project: Callable[..., None],
    lanes: int,
    out: np.ndarray,
    groups_out: np.ndarray,
    chosen: np.ndarray,
    *told: Any,
) -> None:
    """Fill ``out`` and ``groups_out`` block by block, blocks beside each other."""

    def one(block: int) -> None:
        paths = chosen[block * lanes : (block + 1) * lanes]
        project(out[block : block + 1], groups_out[block : block + 1], paths, *told)

    compiled.on_threads(one, len(out))


def _per(people: np.ndarray, inputs: ProjectionInputs) -> np.ndarray:
    """What a dollar of a year is to each of the people (Y, A, G, ...) in a full year; nothing where there are none."""
    whole = people * inputs.year_fraction.reshape(-1, *[1] * (people.ndim - 1))
    return np.divide(1.0, whole, out=np.zeros_like(whole), where=people > 0)


def _rules(inputs: ProjectionInputs) -> tuple[Any, ...]:
    """When money leaves an account, the same on every path."""
    return (
        plain(inputs.withdrawal_rate), plain(inputs.penalised_share), plain(inputs.nonqualified_share),
        plain(inputs.rollover_rate), plain(inputs.conversion_rate),
        plain(inputs.death_rate * (1 - inputs.spouse_share)[:, None]), int(inputs.heir_years),
    )  # fmt: skip


def _taxes(inputs: ProjectionInputs, law: BuildupRates) -> tuple[Any, ...]:
    return (
        plain(inputs.owner_schedule.knots_usd), plain(inputs.owner_schedule.tax_usd),
        plain(inputs.conversion_schedule.knots_usd), plain(inputs.conversion_schedule.tax_usd),
        plain(inputs.heir_schedule.knots_usd), plain(inputs.heir_schedule.tax_usd),
        float(inputs.additional_tax_rate),
        plain(law.interest_rate), plain(law.dividend_rate), plain(law.gain_rate),
    )  # fmt: skip


def _groups_out(inputs: ProjectionInputs, blocks: int, lanes: int, by_group: bool) -> np.ndarray:
    """Where a projection writes what is asked by group; without groups it writes nothing."""
    years, groups = (len(inputs.years), inputs.opening_usd.shape[3]) if by_group else (1, 0)
    return np.zeros((blocks, years, groups, 2 * lanes))


def _by_path(
    out: np.ndarray, groups_out: np.ndarray, lanes: int, paths: int
) -> tuple[np.ndarray, np.ndarray]:
    """Totals by block (block, Y, line x lane) as ``(path, line, Y)``; those of groups as ``(path, 2, G, Y)``."""
    blocks, years, _ = out.shape
    total = out.reshape(blocks, years, len(TOTALS), lanes).transpose(0, 3, 2, 1)
    groups = groups_out.reshape(*groups_out.shape[:3], 2, lanes).transpose(0, 4, 3, 2, 1)
    by_path = groups.reshape(blocks * lanes, *groups.shape[2:])
    return total.reshape(-1, len(TOTALS), years)[:paths], by_path[:paths]
