"""The compiled projection of every cell equals the plain one, and a path's bits are its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import AGES, CRYPTO_ASSET, STRATA, THREE_ACCOUNTS, YEARS, answering, random_inputs, replaced

from fiscal.base import compiled
from fiscal.base.errors import InputError
from fiscal.engine.run import _judge_identity
from fiscal.projection import cells
from fiscal.projection.cells import owner_balances
from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.outputs import CELL_LINES, Projection

KEPT: dict[str, Any] = {"keep_shares": (0, 2), "keep_balances": (1, 2), "balance_years": YEARS - 2}
STOCKS = ("closing_usd", "opening_usd", "roth_basis_usd", "identity_scale_usd")


def world(seed: int, kind: str) -> ProjectionInputs:
    """Three random paths: with everything on, with empty places, or with crypto that loses all."""
    inputs = answering(random_inputs(seed, paths=3), seed)
    rng = np.random.default_rng([seed, 2])
    if kind == "empty":
        people = rng.uniform(0, 1, inputs.holders.shape)
        return replaced(
            inputs,
            opening_usd=inputs.opening_usd * (rng.uniform(0, 1, inputs.opening_usd.shape) < 0.3),
            opening_basis_usd=inputs.opening_basis_usd * (rng.uniform(0, 1, inputs.opening_basis_usd.shape) < 0.3),
            contribution_usd=inputs.contribution_usd * (rng.uniform(0, 1, inputs.contribution_usd.shape) < 0.2),
            holders=np.where(people < 0.3, 0.0, inputs.holders),
            heirs=np.where(people > 0.7, 0.0, inputs.heirs),
            conversion_rate=np.zeros_like(inputs.conversion_rate),
            impact_multiplier=0.0,
            heir_years=int(rng.integers(1, 9)),
        )
    if kind == "charged":
        return replaced(
            inputs, heir_years=int(rng.integers(1, 9)), loss_rate=rng.uniform(0, 1, inputs.loss_rate.shape),
            year_fraction=rng.uniform(0.1, 1.5, YEARS),
        )  # fmt: skip
    if kind == "lost":
        half_return = inputs.half_return.copy()
        half_return[1, 2, 0, CRYPTO_ASSET] = -1.0
        target = np.ones((3, YEARS, STRATA))
        return replaced(
            inputs, half_return=half_return, crypto_target_share=target, crypto_contribution_share=target,
            mix=np.zeros(3, dtype=np.int64), transfer=np.ones((3, YEARS), dtype=bool),
        )  # fmt: skip
    return inputs


def assert_equal_to_rounding(found: Projection, expected: Projection) -> None:
    assert tuple(found.cells) == tuple(expected.cells)
    lines = ("closing_traditional", "closing_roth", "plan_withdrawals", "ira_withdrawals", "inherited_withdrawals")
    # differences of a cell's flows are taken in another order: to rounding of what flowed
    scale = sum(expected.cells[name] for name in lines).max(axis=(1, 2, 3, 4), keepdims=True)
    for name in expected.cells:
        assert (np.abs(found.cells[name] - expected.cells[name]) <= 1e-12 * scale + 1e-9).all(), name
    for name in STOCKS:
        largest = np.abs(getattr(expected, name)).max()
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-12, atol=1e-12 * largest, err_msg=name
        )
    np.testing.assert_allclose(found.crypto_return, expected.crypto_return, rtol=1e-12, atol=1e-12)
    residual = np.abs(found.identity_residual_usd).max(axis=(2, 3))
    assert (residual <= 1e-12 * np.maximum(expected.identity_scale_usd, scale.max())).all()
    for kept in ("shares", "balances"):
        own, other = getattr(found, kept), getattr(expected, kept)
        assert own.paths == other.paths
        for name in (one.name for one in fields(own) if one.name != "paths"):
            values = getattr(other, name)
            bound = 1e-12 * max(1.0, np.abs(values).max()) if kept == "balances" else 1e-9
            assert np.abs(getattr(own, name) - values).max() <= bound, name


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["full", "empty", "lost", "charged"]))
def test_every_cell_is_the_reference_s(seed: int, kind: str) -> None:
    inputs = world(seed, kind)
    assert_equal_to_rounding(cells.project(inputs, **KEPT), oracle.project(inputs, **KEPT))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_a_third_account_is_met_like_the_others(seed: int) -> None:
    """Declared, it has its own money, withdrawals and rollovers in the same compiled code."""
    inputs = answering(random_inputs(seed, paths=3, accounts=THREE_ACCOUNTS), seed)
    found, expected = cells.project(inputs, **KEPT), oracle.project(inputs, **KEPT)
    assert_equal_to_rounding(found, expected)
    assert found.cells["governmental_withdrawals"].sum() > 0
    alone = replaced(inputs, impact_multiplier=0.0)
    owned = oracle.project(alone).cells["closing_owners"][:, :, : AGES - 1, :, 1]
    np.testing.assert_allclose(owner_balances(alone, AGES - 1, 1), owned, rtol=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_an_account_that_is_declared_twice_is_one(seed: int) -> None:
    """A plan in two halves of the same rules is the whole plan."""
    whole = random_inputs(seed, paths=2)

    def halved(values: np.ndarray, axis: int, share: float) -> np.ndarray:
        first, last = np.split(values, [1], axis=axis)
        return np.concatenate([first * share, first * share, last], axis=axis)

    twice = replaced(
        whole, accounts=THREE_ACCOUNTS, opening_usd=halved(whole.opening_usd, 0, 0.5),
        opening_basis_usd=halved(whole.opening_basis_usd, 0, 0.5),
        contribution_split=halved(whole.contribution_split, 0, 0.5),
        withdrawal_rate=halved(whole.withdrawal_rate, 1, 1.0), penalised_share=halved(whole.penalised_share, 0, 1.0),
        rollover_rate=np.repeat(whole.rollover_rate, 2, axis=1),
    )  # fmt: skip
    one, two = cells.project(whole), cells.project(twice)
    for name in ("owner_tax", "closing_owners", "ira_withdrawals", "rollovers", "nonqualified_earnings", "fees"):
        np.testing.assert_allclose(two.cells[name], one.cells[name], rtol=1e-9, atol=1e-6, err_msg=name)
    plans = two.cells["plan_withdrawals"] + two.cells["governmental_withdrawals"]
    np.testing.assert_allclose(plans, one.cells["plan_withdrawals"], rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_a_path_has_the_same_bits_alone_and_on_any_number_of_threads(seed: int) -> None:
    inputs = world(seed, "full")
    together, balances = cells.project(inputs, **KEPT), owner_balances(inputs, AGES - 1, 1)
    with compiled.at_most(1):
        in_turn, one_by_one = cells.project(inputs, **KEPT), owner_balances(inputs, AGES - 1, 1)
    np.testing.assert_array_equal(balances, one_by_one)
    for p in range(3):
        alone = cells.project(inputs.only(p), keep_shares=(0,), keep_balances=(0,), balance_years=YEARS - 2)
        for name in CELL_LINES:
            np.testing.assert_array_equal(alone.cells[name][0], together.cells[name][p])
            np.testing.assert_array_equal(in_turn.cells[name][p], together.cells[name][p])
        np.testing.assert_array_equal(owner_balances(inputs.only(p), AGES - 1, 1)[0], balances[p])
        for name in (*STOCKS, "crypto_return", "identity_residual_usd"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[p], err_msg=name)
            np.testing.assert_array_equal(getattr(in_turn, name), getattr(together, name), err_msg=name)
        for kept, own in ((alone.shares, together.shares), (alone.balances, together.balances)):
            assert kept is not None and own is not None
            for name in (one.name for one in fields(own) if one.name != "paths" and p in own.paths):
                np.testing.assert_array_equal(getattr(kept, name)[0], getattr(own, name)[own.paths.index(p)])


def test_what_was_not_asked_for_is_not_kept() -> None:
    found = cells.project(world(1, "full"))
    assert found.shares is None and found.balances is None


@pytest.mark.parametrize("paths", [(3,), (-1,), (0, 0)])
def test_paths_to_keep_that_are_not_there_are_refused(paths: tuple[int, ...]) -> None:
    for asked in ({"keep_shares": paths}, {"keep_balances": paths}):
        with pytest.raises(ValueError, match="different ones of 3"):
            cells.project(world(1, "full"), **asked)


def test_one_path_and_many_are_compiled_once() -> None:
    from fiscal.projection import cell_years

    many = world(1, "full")
    cells.project(many)
    signatures = len(cell_years.project.signatures)
    for inputs in (many, many.only(0)):
        cells.project(inputs)
        cells.project(inputs, keep_shares=(0,), keep_balances=(0,))
    assert len(cell_years.project.signatures) == signatures


def test_what_overflows_stays_no_number() -> None:
    """Whoever judges the identity finds it in every year after."""
    inputs = world(2, "full")
    half_return = inputs.half_return.copy()
    half_return[1, 1] = 1e300
    found = cells.project(replaced(inputs, half_return=half_return))
    assert not np.isfinite(found.identity_residual_usd[1, 1:]).all(axis=(1, 2)).any()
    assert np.isfinite(found.identity_residual_usd[[0, 2]]).all()
    with pytest.raises(InputError, match="path p1, 2026: balances went beyond what can be computed"):
        _judge_identity(found)


def test_code_is_compiled_where_it_is_checked(tmp_path) -> None:
    """By every way in, also where no engine ran before: the folder is chosen, not numba's own."""
    program = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from small import random_inputs\n"
        "from fiscal.projection import cells\n"
        "import os; print(os.environ.get('NUMBA_CACHE_DIR'))\n"
        "{call}\n"
        "print(os.environ.get('NUMBA_CACHE_DIR'))\n"
    )
    root = Path(__file__).resolve().parent.parent
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    for call in ("cells.project(random_inputs(1, paths=1))", "cells.owner_balances(random_inputs(1, paths=1), 2, 1)"):
        answer = subprocess.run(
            [sys.executable, "-c", program.format(call=call)], cwd=root, capture_output=True, text=True,
            env=environment | {"PYTHONPATH": str(root)},
        )  # fmt: skip
        before, *after = answer.stdout.split()
        assert before == "None" and after and after[0].endswith("__numba_cache__"), answer.stderr


def test_the_year_adds_up_from_the_reported_lines() -> None:
    """Opening, returns and new money less what left is the closing, all accounts together."""
    inputs = world(3, "full")
    found = cells.project(inputs)
    flows = found.cells
    opened, closed = found.opening_usd.sum(axis=(2, 3)), found.closing_usd.sum(axis=(2, 3, 4))
    out = sum(
        found.total(name)
        for name in ("plan_withdrawals", "ira_withdrawals", "inherited_withdrawals", "roth_withdrawals",
                     "inherited_roth_withdrawals", "fees", "losses")
    )  # fmt: skip
    money = inputs.contribution_usd.sum(axis=(1, 2, 3))[None] * inputs.contribution_scale
    back = opened + found.total("core_return") + found.total("crypto_return") + money.sum(axis=2) - out
    np.testing.assert_allclose(back, closed, rtol=1e-11)
    assert all((flows[name] >= 0).all() for name in ("plan_withdrawals", "owner_tax", "closing_owners"))
