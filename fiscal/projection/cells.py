"""The projection with every cell: what the books, the vintages and the tables are made of.

Compiled, a path at a time and paths beside each other (:mod:`fiscal.projection.cell_years`); equal to
:mod:`fiscal.projection.reference`, the oracle, to rounding. Where only yearly totals of many paths are asked
for, :mod:`fiscal.projection.kernel` is faster by far.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fiscal.base import compiled
from fiscal.projection.inputs import ProjectionInputs, plain
from fiscal.projection.outputs import CELL_LINES, AccountBalances, AccountShares, Projection


def project(
    inputs: ProjectionInputs,
    *,
    keep_shares: tuple[int, ...] = (),
    keep_balances: tuple[int, ...] = (),
    balance_years: int | None = None,
) -> Projection:
    """Roll all cells forward through all years on all paths; the order of events is the reference's.

    Returns a :class:`Projection`, with the :class:`AccountShares` of the paths that ``keep_shares`` lists (about
    120 MB a path at full size) and the :class:`AccountBalances` of ``keep_balances`` (about 90) in the first
    ``balance_years``, by default in all. Raises
    ``ValueError`` through ``ProjectionInputs``' own checks and for a path to keep that is not there or is named twice;
    the identity is *reported*, not asserted (``identity_residual_usd``): the engine judges it.
    """
    compiled.prepare()
    from fiscal.projection import cell_years

    n_paths, n_years = len(inputs.path_labels), len(inputs.years)
    for kept_paths in (keep_shares, keep_balances):
        if len(set(kept_paths)) < len(kept_paths) or not set(kept_paths) <= set(range(n_paths)):
            raise ValueError(f"paths to keep must be different ones of {n_paths}, not {kept_paths}")
    ages, groups, strata = cell = inputs.opening_usd.shape[2:]
    flat = (ages, groups * strata)
    heir_years = inputs.heir_years

    lines = np.zeros((n_paths, len(CELL_LINES), n_years, *flat))
    closing_usd = np.zeros((n_paths, n_years, 3, 2, 2))
    opening_usd = np.zeros((n_paths, n_years, 3, 2))
    basis_usd, crypto_return, scale = np.zeros((3, n_paths, n_years))
    residual = np.zeros((n_paths, n_years, 3, 2))

    def kept(paths: tuple[int, ...], *axes: int, years: int = n_years) -> np.ndarray:
        return np.zeros((len(paths), years, *axes, *flat))

    shares = {
        "withdrawn": kept(keep_shares, 2, 2),
        "rolled": kept(keep_shares, 2),
        "converted": kept(keep_shares, 2),
        "moved": kept(keep_shares, 2, 2),
        "heirs_moved": kept(keep_shares, heir_years, 2),
    }
    held = n_years if balance_years is None else balance_years
    balances = {
        "owners": kept(keep_balances, 2, 2, years=held),
        "heirs": kept(keep_balances, heir_years, 2, years=held),
    }

    def of_path(arrays: dict[str, np.ndarray], paths: tuple[int, ...], path: int) -> list[np.ndarray]:
        """Where a path writes; without years if it is not kept."""
        if path in paths:
            return [values[paths.index(path)] for values in arrays.values()]
        return [np.zeros((0, *values.shape[2:])) for values in arrays.values()]

    def flattened(values: np.ndarray) -> np.ndarray:
        return plain(values.reshape(*values.shape[:-2], groups * strata))

    to_heirs = plain(inputs.death_rate * (1 - inputs.spouse_share)[:, None])
    opening, opening_basis, contribution, holders, heirs = (
        flattened(values)
        for values in (
            inputs.opening_usd,
            inputs.opening_basis_usd,
            inputs.contribution_usd,
            inputs.holders,
            inputs.heirs,
        )
    )
    run: Callable[..., None] = cell_years.project

    def one(p: int) -> None:
        mix = int(inputs.mix[p])
        run(
            lines[p], closing_usd[p], opening_usd[p], crypto_return[p], basis_usd[p], residual[p], scale[p],
            *of_path(shares, keep_shares, p), *of_path(balances, keep_balances, p), plain(inputs.year_fraction),
            opening, opening_basis, contribution, plain(inputs.contribution_scale[p]), plain(inputs.half_return[p]),
            plain(inputs.core_weight[mix]), plain(inputs.crypto_weight[mix]), plain(inputs.fee_rate[mix]),
            plain(inputs.loss_rate[p]), plain(inputs.crypto_target_share[p]),
            plain(inputs.crypto_contribution_share[p]), plain(inputs.transfer[p]), plain(inputs.rebalancing[p]),
            float(inputs.sale_share[p]), float(inputs.impact_multiplier), float(inputs.impact_persistence),
            plain(inputs.crypto_market_usd[p]), plain(inputs.withdrawal_rate), plain(inputs.penalised_share),
            plain(inputs.nonqualified_share), plain(inputs.rollover_rate), plain(inputs.conversion_rate), to_heirs,
            int(heir_years), holders, heirs, plain(inputs.owner_schedule.knots_usd),
            plain(inputs.owner_schedule.tax_usd), plain(inputs.conversion_schedule.knots_usd),
            plain(inputs.conversion_schedule.tax_usd), plain(inputs.heir_schedule.knots_usd),
            plain(inputs.heir_schedule.tax_usd), float(inputs.additional_tax_rate),
        )  # fmt: skip

    compiled.on_threads(one, n_paths)

    def unflattened(values: np.ndarray) -> np.ndarray:
        return values.reshape(*values.shape[:-2], *cell)

    return Projection(
        years=inputs.years,
        path_labels=inputs.path_labels,
        cells={name: unflattened(lines[:, i]) for i, name in enumerate(CELL_LINES)},
        closing_usd=closing_usd,
        opening_usd=opening_usd,
        crypto_return=crypto_return,
        roth_basis_usd=basis_usd,
        identity_residual_usd=residual,
        identity_scale_usd=scale,
        shares=AccountShares(paths=keep_shares, **{name: unflattened(of) for name, of in shares.items()})
        if keep_shares
        else None,
        balances=AccountBalances(
            paths=keep_balances, **{name: unflattened(of) for name, of in balances.items()}
        )
        if keep_balances
        else None,
    )
