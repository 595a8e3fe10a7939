"""The projection with every cell: the basis of revenue lines, vintages, and tables.

Compiled, a path at a time and paths beside each other (:mod:`fiscal.projection.cell_years`); equal to the tests'
plain projection to rounding. Where only yearly totals of many paths are asked for, :mod:`fiscal.projection.kernel`
is faster by far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from fiscal.base import compiled
from fiscal.projection import packed
from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.outputs import AccountBalances, AccountShares, Projection, cell_lines


def project(
    inputs: ProjectionInputs,
    *,
    keep_lines: Iterable[str] | None = None,
    keep_shares: tuple[int, ...] = (),
    keep_balances: tuple[int, ...] = (),
    balance_years: int | None = None,
) -> Projection:
    """Roll all cells forward through all years on all paths.

    Returns a :class:`Projection`, with the cells of the lines that ``keep_lines`` names, by default of all (about 4 MB
    a line and path at full size; yearly totals are there of every line), with the :class:`AccountShares` of the paths
    that ``keep_shares`` lists (about 120 MB a path) and the :class:`AccountBalances` of ``keep_balances`` (about 90)
    in the first ``balance_years``, by default in all. Raises ``ValueError`` through ``ProjectionInputs``' own checks
    and for a path or line to keep that is not there or is named twice;
    the identity is *reported*, not asserted (``identity_residual_usd``): the engine judges it.
    """
    compiled.prepare()
    from fiscal.projection import cell_years  # compiled code is loaded from the folder that was prepared

    n_paths, n_years = len(inputs.path_labels), len(inputs.years)
    for kept_paths in (keep_shares, keep_balances):
        if len(set(kept_paths)) < len(kept_paths) or not set(kept_paths) <= set(range(n_paths)):
            raise ValueError(f"paths to keep must be different ones of {n_paths}, not {kept_paths}")
    accounts = len(inputs.accounts)
    ages, groups, strata = cell = inputs.opening_usd.shape[2:]
    flat = (ages, groups * strata)
    names = cell_lines(inputs.accounts)

    stocks = {
        "closing_usd": np.zeros((n_paths, n_years, accounts + 1, 2, 2)),
        "opening_usd": np.zeros((n_paths, n_years, accounts + 1, 2)),
        "crypto_return": np.zeros((n_paths, n_years)),
        "roth_basis_usd": np.zeros((n_paths, n_years)),
        "residual": np.zeros((n_paths, n_years, accounts + 1, 2)),
        "scale": np.zeros((n_paths, n_years)),
    }
    kept_names = names if keep_lines is None else tuple(keep_lines)
    if len(set(kept_names)) < len(kept_names) or not set(kept_names) <= set(names):
        raise ValueError(f"lines to keep must be different ones of {names}, not {kept_names}")
    kept_places = np.array([names.index(name) for name in kept_names], dtype=np.int64)
    lines = np.zeros((n_paths, len(kept_names), n_years, *flat))
    totals = np.zeros((n_paths, len(names), n_years))

    def kept(paths: tuple[int, ...], *axes: int, years: int | None = n_years) -> np.ndarray:
        return np.zeros((len(paths), n_years if years is None else years, *axes, *flat))

    shares = {
        "withdrawn": kept(keep_shares, accounts, 2),
        "rolled": kept(keep_shares, accounts - 1, 2),
        "converted": kept(keep_shares, accounts),
        "moved": kept(keep_shares, accounts, 2),
        "heirs_moved": kept(keep_shares, inputs.heir_years, 2),
    }
    balances = {
        "owners": kept(keep_balances, accounts, 2, years=balance_years),
        "heirs": kept(keep_balances, inputs.heir_years, 2, years=balance_years),
    }

    def of_path(arrays: dict[str, np.ndarray], paths: tuple[int, ...], path: int) -> dict[str, np.ndarray]:
        """Where a path writes; without years if it is not kept."""
        if path in paths:
            return {name: values[paths.index(path)] for name, values in arrays.items()}
        return {name: np.zeros((0, *values.shape[2:])) for name, values in arrays.items()}

    rules, paths = _counted(packed.rules(inputs)), packed.paths(inputs)
    people = packed.people(inputs, lambda values: values.reshape(*values.shape[:-2], groups * strata))
    mixes = {int(mix): packed.mix(inputs, int(mix)) for mix in np.unique(inputs.mix)}
    run: Callable[..., None] = cell_years.project

    def one(p: int) -> None:
        books = cell_years.Books(
            kept=kept_places,
            lines=lines[p],
            totals=totals[p],
            **{name: values[p] for name, values in stocks.items()},
            **of_path(shares, keep_shares, p),
            **of_path(balances, keep_balances, p),
        )
        run(books, rules, people, paths, mixes[int(inputs.mix[p])], p)

    compiled.on_threads(one, n_paths)

    def unflattened(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        return {name: values.reshape(*values.shape[:-2], *cell) for name, values in arrays.items()}

    return Projection(
        years=inputs.years,
        path_labels=inputs.path_labels,
        cells=unflattened({name: lines[:, i] for i, name in enumerate(kept_names)}),
        totals={name: totals[:, i] for i, name in enumerate(names)},
        **{one.name: stocks[one.name] for one in fields(Projection) if one.name in stocks},
        identity_residual_usd=stocks["residual"],
        identity_scale_usd=stocks["scale"],
        shares=AccountShares(paths=keep_shares, **unflattened(shares)) if keep_shares else None,
        balances=AccountBalances(paths=keep_balances, **unflattened(balances)) if keep_balances else None,
    )


def _counted(rules: packed.Rules) -> packed.Rules:
    """The rules with the number of accounts as a number: compiled once for any, as the lanes here are cells."""
    return rules._replace(accounts=len(rules.accounts))  # type: ignore[arg-type]


def owner_balances(inputs: ProjectionInputs, ages: int, stratum: int) -> np.ndarray:
    """Closing balances of the first ``ages`` ages of one stratum, all accounts, ``(P, Y, ages, G)``.

    Without price impact: that needs the purchases of everybody.
    """
    compiled.prepare()
    from fiscal.projection import cell_years  # compiled code is loaded from the folder that was prepared

    n_paths = len(inputs.path_labels)
    result = np.zeros((n_paths, len(inputs.years), ages, inputs.opening_usd.shape[3]))
    rules, paths = _counted(packed.rules(inputs, ages)), packed.paths(inputs, slice(stratum, stratum + 1))
    people = packed.people(inputs, lambda values: values[..., :ages, :, stratum])
    mixes = {
        int(mix): packed.mix(inputs, int(mix), (slice(ages), slice(stratum, stratum + 1)))
        for mix in np.unique(inputs.mix)
    }
    run: Callable[..., None] = cell_years.owner_balances
    compiled.on_threads(lambda p: run(result[p], rules, people, paths, mixes[int(inputs.mix[p])], p), n_paths)
    return result
