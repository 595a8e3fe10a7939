"""The compiled projection: yearly totals of many paths, equal to the tests' plain projection.

The work is divided: each stratum of each path is
projected as one number an account where its accounts all hold one mix
(:mod:`fiscal.projection.constant_mix`), and sleeve by sleeve where they do not
(:mod:`fiscal.projection.two_sleeves`). Which of the two is decided path by path, so that the same path
gives the same bits alone, in any batch and on any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from fiscal.base import compiled
from fiscal.projection import constant_mix, packed, two_sleeves
from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.lanes import Totals
from fiscal.projection.outputs import ROTH
from fiscal.projection.packed import BuildupRates

TOTALS = Totals._fields
"""Sums over cells that the kernel returns, ``(P, Y)``."""

BY_PATH = (
    "path_labels", "half_return", "mix", "loss_rate", "crypto_target_share", "crypto_contribution_share",
    "contribution_scale", "transfer", "rebalancing", "sale_share", "crypto_market_usd",
)  # fmt: skip
BY_STRATUM = ("opening_usd", "opening_basis_usd", "contribution_usd", "holders", "heirs")
"""Fields that hold people's dollars and numbers, the stratum their last axis: what taxes are homogeneous in."""

PROPORTIONAL = 1e-14
"""Relative difference up to which columns count as the same but for their size: a few roundings."""


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


def project_references(references: Sequence[ProjectionInputs], law: BuildupRates) -> list[dict[str, np.ndarray]]:
    """:func:`project_totals` of several references that meet the same paths.

    A stratum without crypto that differs from one already projected only in how many people it holds (on
    every reference, that of those who never buy any) is not projected again: all is in proportion.
    """
    known: list[_Projected] = []
    return [_named(_reference(inputs, law, known, by_group=False)[0]) for inputs in references]


def project_groups(
    inputs: ProjectionInputs, law: BuildupRates, known: list[_Projected] | None = None
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """:func:`project_totals`, and by earnings group ``(G, P, Y)`` the tax on withdrawals and what is withdrawn from
    traditional accounts, both of owners and of heirs. ``known`` are strata without crypto that calls with the same
    paths have projected (:func:`project_references`), and takes those of this one."""
    total, groups = _reference(inputs, law, [] if known is None else known, by_group=True)
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
                    _Projected(inputs=inputs, stratum=s, chosen=todo & free[:, s], totals=column, groups=parts)
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
    alone = (inputs.opening_basis_usd[:-1] > 0) & (inputs.opening_usd[:-1, ROTH] <= 0)
    orderly = np.asarray(~alone.any(axis=(0, 1, 2)))
    for name in BY_STRATUM:
        orderly &= (getattr(inputs, name) >= 0).all(axis=tuple(range(getattr(inputs, name).ndim - 1)))
    return free, alive[:, None] & orderly & (free | (bounded & (follows & kept)[:, None]))


def _proportion(earlier: _Projected, inputs: ProjectionInputs, stratum: int) -> float | None:
    """How many times the earlier column this one is, both without crypto; None if they differ otherwise."""
    other, s = earlier.inputs, earlier.stratum
    if other is not inputs:
        mixed = ("core_weight", "crypto_weight", "fee_rate")
        for name in (field.name for field in fields(inputs)):
            if name not in (*BY_PATH, *BY_STRATUM, *mixed) and getattr(other, name) is not getattr(inputs, name):
                return None
        if other.half_return is not inputs.half_return:
            return None
    mine, theirs = inputs.mix[0], other.mix[0]
    weights = inputs.core_weight[mine][:, :, stratum], other.core_weight[theirs][:, :, s]
    if inputs.fee_rate[mine, 0] != other.fee_rate[theirs, 0] or not np.allclose(*weights, rtol=PROPORTIONAL, atol=0):
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
    people = packed.people(inputs, lambda values: values[..., stratum])
    world = _world(inputs, law, slice(stratum, stratum + 1), people)
    world = world._replace(mix=world.mix._replace(core_weight=packed.plain(world.mix.core_weight[:, :, 0])))
    of_block = constant_mix.PATHS, constant_mix.LANES
    return _in_blocks(constant_mix.project, *of_block, inputs, world, chosen, by_group)


def _two_sleeves(
    inputs: ProjectionInputs, law: BuildupRates, strata: np.ndarray, chosen: np.ndarray, by_group: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Totals ``(path, line, Y)`` of the strata together on the paths ``chosen``, and of groups ``(path, 2, G, Y)``."""
    people = packed.people(inputs, lambda values: np.swapaxes(values[..., strata], -1, -2))
    world = _world(inputs, law, strata, people)
    of_block = two_sleeves.LANES, two_sleeves.LANES
    return _in_blocks(two_sleeves.project, *of_block, inputs, world, chosen, by_group)


def _world(
    inputs: ProjectionInputs, law: BuildupRates, strata: slice | np.ndarray, people: packed.People
) -> packed.World:
    """What the strata meet, of the assets that they hold."""
    mix = packed.mix(inputs, int(inputs.mix[0]), (slice(None), strata))
    held = (mix.core_weight != 0).any(axis=(0, 1, 2)) | (mix.crypto_weight != 0)
    paths = packed.paths(inputs, strata)
    by_asset = ("interest_share", "gain_share", "payout_rate")
    return packed.World(
        rules=packed.rules(inputs),
        people=people,
        paths=paths._replace(half_return=packed.plain(paths.half_return[..., held])),
        mix=mix._replace(
            core_weight=packed.plain(mix.core_weight[..., held]), crypto_weight=packed.plain(mix.crypto_weight[held])
        ),
        law=BuildupRates(
            **{
                name: packed.plain(values[..., held] if name in by_asset else values)
                for name, values in law._asdict().items()
            }
        ),
    )


VECTOR = 8
"""Paths of a block are a multiple of it: lanes that fill whole vectors have the same bits in any block."""


def _in_blocks(
    run: Callable[..., None],
    most: int,
    stride: int,
    inputs: ProjectionInputs,
    world: packed.World,
    chosen: np.ndarray,
    by_group: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Project the paths ``chosen``, ``most`` of them at a time: totals ``(path, line, Y)``, groups
    ``(path, 2, G, Y)``.

    Without groups nothing is written of them. A block is filled up to whole vectors with its last path.
    """
    years = len(inputs.years)
    of_groups = (years, inputs.opening_usd.shape[3]) if by_group else (1, 0)
    total = np.empty((len(chosen), len(TOTALS), years))
    groups = np.empty((len(chosen), 2, of_groups[1], of_groups[0]))

    def one(block: int) -> None:
        path = chosen[block * most : (block + 1) * most]
        filled = np.pad(path, (0, -len(path) % VECTOR), mode="edge")
        out = np.zeros((years, len(TOTALS) * stride))
        groups_out = np.zeros((*of_groups, 2 * stride))
        run(out, groups_out, filled, world)
        here = slice(block * most, block * most + len(path))
        by_lane = out.reshape(years, len(TOTALS), stride)[..., : len(path)]
        total[here] = by_lane.transpose(2, 1, 0)
        by_lane = groups_out.reshape(*of_groups, 2, stride)[..., : len(path)]
        groups[here] = by_lane.transpose(3, 2, 1, 0)

    compiled.on_threads(one, -(-len(chosen) // most))
    return total, groups
