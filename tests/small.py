"""Small random projections: three ages, two groups, a few years, every feature switched on."""

from __future__ import annotations

import numpy as np

from fiscal.base.axes import OWNER_ACCOUNTS
from fiscal.people.accounts import TYPES
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule

AGES, GROUPS, STRATA, YEARS, ASSETS = 5, 2, 2, 6, 3
CELLS = (YEARS, AGES, GROUPS)
CRYPTO_ASSET = 2
"""Small worlds have two core assets and crypto."""

PATH_FIELDS = (
    "half_return", "mix", "loss_rate", "crypto_target_share", "crypto_contribution_share", "transfer",
    "rebalancing", "sale_share", "crypto_market_usd", "contribution_scale",
)  # fmt: skip
"""Fields of the inputs that have a path axis."""


def flat_schedule(rate: float, years: int = YEARS, ages: int = AGES, groups: int = GROUPS) -> TaxSchedule:
    knots = np.tile([0.0, 1_000.0, 50_000.0], (years, 1))
    tax = np.broadcast_to(rate * knots[:, None, None, :], (years, ages, groups, 3)).copy()
    return TaxSchedule(knots_usd=knots, tax_usd=tax)


def progressive_schedule(rng: np.random.Generator) -> TaxSchedule:
    knots = np.sort(rng.uniform(1, 50_000, (YEARS, 4)), axis=1).cumsum(axis=1)
    knots = np.concatenate([np.zeros((YEARS, 1)), knots], axis=1)
    rates = np.sort(rng.uniform(0, 0.4, (YEARS, AGES, GROUPS, 4)), axis=3)
    tax = np.concatenate(
        [np.zeros((YEARS, AGES, GROUPS, 1)), (rates * np.diff(knots)[:, None, None, :]).cumsum(axis=3)], axis=3
    )
    return TaxSchedule(knots_usd=knots, tax_usd=tax)


THREE_ACCOUNTS = ("plan", "governmental", "ira")
"""Declared accounts with one more, which has its own stock, contributions, withdrawals and rollovers."""

ALL_ACCOUNTS = tuple(TYPES)
"""As many as all plans have: a kernel is compiled for each number of accounts."""


def random_inputs(
    seed: int, *, paths: int = 2, accounts: tuple[str, ...] = OWNER_ACCOUNTS, **changes: object
) -> ProjectionInputs:
    """Inputs drawn from ``seed``; ``changes`` replace whole fields."""
    rng = np.random.default_rng(seed)
    held = len(accounts)
    share = np.array([0.9, 0.1])
    death = rng.uniform(0, 0.3, (YEARS, AGES, GROUPS))
    death[:, -1] = 1.0
    spouse = rng.uniform(0, 0.8, AGES)
    spouse[-1] = 0.0
    target = np.zeros((paths, YEARS, STRATA))
    target[:, :, 1] = np.sort(rng.uniform(0, 0.5, (paths, YEARS)), axis=1)
    opening = rng.uniform(0, 1e6, (held, 2, AGES, GROUPS, 1)) * share
    half = rng.uniform(-0.4, 0.5, (paths, YEARS, 2, ASSETS))
    half[..., CRYPTO_ASSET] = rng.uniform(-0.95, 4.0, (paths, YEARS, 2))
    first = rng.uniform(0, 1, (2, YEARS, AGES, STRATA, 1))
    leaves = rng.uniform(0, 0.6, (YEARS, held, 2, AGES, GROUPS))
    alike = rng.uniform(0, 1, AGES) < 0.5  # ages at which all groups leave at one rate
    leaves[..., alike, :] = leaves[..., alike, :1]
    fields: dict[str, object] = dict(
        years=np.arange(2025, 2025 + YEARS),
        year_fraction=np.where(np.arange(YEARS) == 0, 0.75, 1.0),
        path_labels=tuple(f"p{i}" for i in range(paths)),
        opening_usd=opening,
        opening_basis_usd=opening[:, 1] * rng.uniform(0, 1),
        contribution_usd=rng.uniform(0, 1e5, (YEARS, 2, AGES, GROUPS, 1)) * share,
        half_return=half,
        mix=np.arange(paths) % 2,
        core_weight=np.concatenate([first, 1 - first, np.zeros_like(first)], axis=4),
        crypto_weight=np.array([[0.0, 0.0, 1.0], [0.2, 0.0, 0.8]]),
        fee_rate=rng.uniform(0, 0.02, (2, 2)),
        loss_rate=rng.uniform(0, 0.05, (paths, YEARS)),
        crypto_target_share=target,
        crypto_contribution_share=rng.uniform(0, 1, (paths, YEARS, 1)) * target,
        transfer=rng.uniform(0, 1, (paths, YEARS)) < 0.8,
        rebalancing=rng.uniform(0, 1, (paths, YEARS)),
        sale_share=rng.uniform(0, 1, paths),
        impact_multiplier=float(rng.uniform(0, 5)),
        impact_persistence=float(rng.uniform(0, 1)),
        crypto_market_usd=rng.uniform(1e8, 1e9, (paths, YEARS)),
        withdrawal_rate=leaves,
        penalised_share=rng.uniform(0, 1, (held, AGES)),
        nonqualified_share=rng.uniform(0, 1, AGES),
        rollover_rate=rng.uniform(0, 0.5, (YEARS, held - 1, AGES)),
        conversion_rate=rng.uniform(0, 0.5, (YEARS, AGES)),
        death_rate=death,
        spouse_share=spouse,
        heir_years=3,
        holders=rng.uniform(10, 100, (YEARS, AGES, GROUPS, 1)) * share,
        heirs=rng.uniform(10, 100, (YEARS, AGES, GROUPS, 1)) * share,
        owner_schedule=progressive_schedule(rng),
        heir_schedule=progressive_schedule(rng),
        additional_tax_rate=0.1,
        contribution_scale=np.ones((paths, YEARS, STRATA)),
        conversion_schedule=progressive_schedule(rng),
    )
    if accounts is not OWNER_ACCOUNTS:
        split = rng.uniform(0, 1, (held, YEARS, 2, AGES, GROUPS))
        fields |= {"accounts": accounts, "contribution_split": split / split.sum(axis=0)}
    assert set(changes) <= set(fields), set(changes) - set(fields)
    return ProjectionInputs(**(fields | changes))  # type: ignore[arg-type]


def answering(inputs: ProjectionInputs, seed: int) -> ProjectionInputs:
    """The same inputs with contributions of the crypto stratum that answer to the path."""
    answer = np.ones_like(inputs.crypto_target_share)
    answer[..., 1] = np.random.default_rng([seed, 1]).uniform(0.5, 2, answer.shape[:2])
    return replaced(inputs, contribution_scale=answer)


def replaced(inputs: ProjectionInputs, **changes: object) -> ProjectionInputs:
    from dataclasses import fields as dataclass_fields

    values = {f.name: getattr(inputs, f.name) for f in dataclass_fields(inputs)}
    return ProjectionInputs(**(values | changes))  # type: ignore[arg-type]


def longer(years: int, ages: int, *, rate: float, rebalancing: float, crypto: np.ndarray) -> ProjectionInputs:
    """One group, one person's cell at a flat rate, run until everybody has left (see the vintage test)."""
    cell = (ages, 1, STRATA)
    share = np.array([0.5, 0.5])
    target = np.zeros((1, years, STRATA))
    target[:, :, 1] = np.linspace(0, 0.4, years)
    contribution = np.zeros((years, 2, *cell))
    contribution[0, 0, 0] = 1000.0 * share[None, :]
    death = np.full((years, ages, 1), 0.05)
    death[:, -1] = 1.0
    ones = np.ones((years, *cell)) * share
    return ProjectionInputs(
        years=np.arange(2025, 2025 + years),
        year_fraction=np.ones(years),
        path_labels=("scenario",),
        opening_usd=np.zeros((2, 2, *cell)),
        opening_basis_usd=np.zeros((2, *cell)),
        contribution_usd=contribution,
        half_return=np.stack([np.full_like(crypto, 0.02), crypto], axis=3),
        mix=np.zeros(1, dtype=np.int64),
        core_weight=np.broadcast_to([1.0, 0.0], (1, years, ages, STRATA, 2)).copy(),
        crypto_weight=np.array([[0.0, 1.0]]),
        fee_rate=np.zeros((1, 2)),
        loss_rate=np.zeros((1, years)),
        crypto_target_share=target,
        crypto_contribution_share=target,
        transfer=np.ones((1, years), dtype=bool),
        rebalancing=np.full((1, years), rebalancing),
        sale_share=np.ones(1),
        impact_multiplier=0.0,
        impact_persistence=0.0,
        crypto_market_usd=np.ones((1, years)),
        withdrawal_rate=np.full((years, 2, 2, ages, 1), 0.07),
        penalised_share=np.zeros((2, ages)),
        nonqualified_share=np.zeros(ages),
        rollover_rate=np.full((years, 1, ages), 0.05),
        conversion_rate=np.zeros((years, ages)),
        death_rate=death,
        spouse_share=np.where(np.arange(ages) == ages - 1, 0.0, 0.5),
        heir_years=4,
        holders=ones,
        heirs=ones,
        owner_schedule=flat_schedule(rate, years, ages, 1),
        conversion_schedule=flat_schedule(rate, years, ages, 1),
        heir_schedule=flat_schedule(rate, years, ages, 1),
        additional_tax_rate=0.0,
    )
