"""The compiled projection equals the plain one, to the bit whatever the batch and the threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import project
from small import (
    AGES,
    ALL_ACCOUNTS,
    ASSETS,
    CELLS,
    GROUPS,
    PATH_FIELDS,
    STRATA,
    YEARS,
    answering,
    longer,
    random_inputs,
    replaced,
)  # fmt: skip

from fiscal.base import compiled
from fiscal.budget.ledger import BuildupTax, buildup_rates
from fiscal.projection import constant_mix, two_sleeves
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.kernel import TOTALS, project_groups, project_references, project_totals
from fiscal.projection.packed import BuildupRates


def law(seed: int) -> BuildupRates:
    rng = np.random.default_rng(seed)
    return BuildupRates(
        interest_rate=rng.uniform(0, 0.3, CELLS),
        dividend_rate=rng.uniform(0, 0.3, CELLS),
        gain_rate=rng.uniform(0, 0.3, CELLS),
        interest_share=rng.uniform(0, 1, ASSETS),
        gain_share=rng.uniform(0, 1, ASSETS),
        payout_rate=rng.uniform(0, 0.05, (YEARS, ASSETS)),
    )


def plain_totals(inputs: ProjectionInputs, rates: BuildupRates) -> dict[str, np.ndarray]:
    projection = project(inputs)
    core, crypto = buildup_rates(inputs, projection.crypto_return, BuildupTax(**rates._asdict()))
    cells = projection.cells
    result = {name: projection.total(name) for name in TOTALS if name in cells}
    result["traditional_withdrawals"] = sum(projection.total(f"{account}_withdrawals") for account in inputs.accounts)
    result["inside_buildup"] = (cells["core_held"] * core).sum(axis=(2, 3, 4)) + (
        cells["crypto_held"].sum(axis=4) * crypto
    ).sum(axis=(2, 3))
    return result


def one_mix(seed: int, paths: int, **changes: object) -> ProjectionInputs:
    """Random inputs whose accounts all go back to the target every year."""
    fields: dict[str, object] = dict(
        mix=np.full(paths, seed % 2),
        transfer=np.ones((paths, YEARS), dtype=bool),
        rebalancing=np.ones((paths, YEARS)),
        sale_share=np.ones(paths),
        impact_multiplier=0.0,
    )
    return random_inputs(seed, paths=paths, **(fields | changes))


def drifting(seed: int, paths: int, **changes: object) -> ProjectionInputs:
    """Random inputs whose accounts leave the target."""
    return random_inputs(seed, paths=paths, mix=np.zeros(paths, dtype=np.int64), **changes)


def assert_equal_to_rounding(inputs: ProjectionInputs, found: dict[str, np.ndarray], rates: BuildupRates) -> None:
    expected = plain_totals(inputs, rates)
    assert set(expected) == set(found) == set(TOTALS)
    scale = expected["closing_traditional"] + expected["closing_roth"] + expected["traditional_withdrawals"]
    for name in TOTALS:
        # sums are taken in another order: to rounding of what is summed
        bound = 1e-12 * np.maximum(np.abs(expected[name]), scale) + 1e-9
        assert (np.abs(found[name] - expected[name]) <= bound).all(), name


def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The compiled kernels called from here on, in their order."""
    taken: list[str] = []
    for module in (constant_mix, two_sleeves):
        name, compiled = module.__name__.rpartition(".")[2], module.project
        monkeypatch.setattr(module, "project", lambda *args, name=name, run=compiled: (taken.append(name), run(*args)))
    return taken


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_kernel_is_the_reference(seed: int, paths: int) -> None:
    inputs = answering(random_inputs(seed, paths=paths, mix=np.full(paths, seed % 2)), seed)
    rates = law(seed)
    assert_equal_to_rounding(inputs, project_totals(inputs, rates), rates)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80), st.booleans())
def test_kernel_of_one_mix_is_the_reference(seed: int, paths: int, converting: bool) -> None:
    """Targets that fall as well as rise, no conversions as well as some, ages without people or heirs."""
    rng = np.random.default_rng(seed)
    target = np.zeros((paths, YEARS, STRATA))
    target[:, :, 1] = rng.uniform(0, 1, (paths, YEARS)) * (rng.uniform(0, 1, (paths, YEARS)) < 0.8)
    inputs = one_mix(seed, paths, crypto_target_share=target, heir_years=int(rng.integers(1, 9)))
    inputs = answering(inputs, seed) if seed % 2 else inputs
    empty = rng.uniform(0, 1, inputs.holders.shape) < 0.2
    inputs = replaced(
        inputs,
        conversion_rate=inputs.conversion_rate * converting * (rng.uniform(0, 1, (YEARS, 1)) < 0.7),
        holders=np.where(empty, 0.0, inputs.holders),
        heirs=np.where(rng.uniform(0, 1, inputs.heirs.shape) < 0.2, 0.0, inputs.heirs),
    )
    rates = law(seed)
    assert_equal_to_rounding(inputs, project_totals(inputs, rates), rates)


@pytest.mark.parametrize("kind", [one_mix, pytest.param(drifting, marks=pytest.mark.slow)])
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_further_accounts_are_met_like_the_others(kind: Callable[..., ProjectionInputs], seed: int) -> None:
    """In both kernels, each with its own money, withdrawals and rollovers; the second is slow to compile."""
    inputs, rates = kind(seed, paths=5, accounts=ALL_ACCOUNTS), law(seed)
    assert_equal_to_rounding(inputs, project_totals(inputs, rates), rates)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_groups_are_those_of_the_reference_and_change_no_bit(seed: int, drift: bool) -> None:
    """In both kernels; a stratum that is in proportion to another is taken from it for groups too."""
    rates = law(seed)
    inputs = (drifting if drift else one_mix)(seed, 5)
    without = replaced(
        inputs, crypto_target_share=np.zeros((5, YEARS, STRATA)),
        crypto_contribution_share=np.zeros((5, YEARS, STRATA)),
    )  # fmt: skip
    for given_ in (inputs, without):
        totals, tax, withdrawn = project_groups(given_, rates)
        for name, values in project_totals(given_, rates).items():
            np.testing.assert_array_equal(totals[name], values)
        cells = project(given_).cells

        def by_group(*names: str, cells: dict[str, np.ndarray] = cells) -> np.ndarray:
            return sum(cells[name].sum(axis=(2, 4)) for name in names).transpose(2, 0, 1)

        scale = 1e-12 * (totals["closing_traditional"] + totals["traditional_withdrawals"]) + 1e-9
        assert (np.abs(tax - by_group("owner_tax", "heir_tax")) <= scale).all()
        drawn = by_group("plan_withdrawals", "ira_withdrawals", "inherited_withdrawals")
        assert (np.abs(withdrawn - drawn) <= scale).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_any_schedule_is_met_to_rounding(seed: int) -> None:
    """Taxes that fall and rise again with the amount, from one piece to many, and amounts beyond the last."""
    rng = np.random.default_rng(seed)
    pieces = int(rng.integers(1, 40))
    knots = np.concatenate([np.zeros((YEARS, 1)), rng.uniform(1, 20_000, (YEARS, pieces)).cumsum(axis=1)], axis=1)
    tax = rng.uniform(0, 1e5, (YEARS, AGES, GROUPS, pieces + 1))
    tax[..., 0] = 0.0
    schedule = TaxSchedule(knots_usd=knots, tax_usd=tax)
    rates = law(seed)
    for inputs in (one_mix(seed, 33), random_inputs(seed, paths=3, mix=np.zeros(3, dtype=np.int64))):
        inputs = replaced(inputs, owner_schedule=schedule, conversion_schedule=schedule, heir_schedule=schedule)
        assert_equal_to_rounding(inputs, project_totals(inputs, rates), rates)


def test_each_stratum_of_each_path_goes_the_fastest_way_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ways(monkeypatch)
    rates = law(3)
    mixed = one_mix(3, 6, rebalancing=np.where(np.arange(6)[:, None] % 2, 1.0, 0.5) * np.ones((1, YEARS)))
    for inputs, expected in (
        (one_mix(3, 6), ["constant_mix"] * 2),
        (mixed, ["constant_mix", "constant_mix", "two_sleeves"]),
        (one_mix(3, 6, transfer=np.zeros((6, YEARS), dtype=bool)), ["constant_mix", "two_sleeves"]),
        (one_mix(3, 6, sale_share=np.full(6, 0.5)), ["constant_mix", "two_sleeves"]),
        (one_mix(3, 6, impact_multiplier=2.0), ["constant_mix", "two_sleeves"]),
        (one_mix(3, 6, loss_rate=np.full((6, YEARS), 1.0)), ["constant_mix", "two_sleeves"]),
    ):
        taken.clear()
        found = project_totals(inputs, rates)
        assert taken == expected
        assert_equal_to_rounding(inputs, found, rates)
    # accounts that are lost in full, and a Roth basis without an account
    half = one_mix(3, 6).half_return.copy()
    half[2, 1] = -1.0
    opening = one_mix(3, 6).opening_usd.copy()
    opening[0, 1, 2] = 0.0
    for inputs in (one_mix(3, 6, half_return=half), one_mix(3, 6, opening_usd=opening)):
        taken.clear()
        found = project_totals(inputs, rates)
        assert "two_sleeves" in taken
        assert_equal_to_rounding(inputs, found, rates)


def test_references_share_the_stratum_that_never_buys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its totals are in proportion to its people; projected once for all, they are what each would find."""
    taken = ways(monkeypatch)
    rates = law(5)
    first = one_mix(5, 40)
    none = np.zeros_like(first.crypto_target_share)
    without = replaced(first, crypto_target_share=none, crypto_contribution_share=none)
    dearer = replaced(first, fee_rate=first.fee_rate * [1.0, 1.5])
    found = project_references([first, without, dearer], rates)
    # the two strata hold their assets in different weights, so that only stratum 0 is met again
    assert taken == ["constant_mix"] * 4
    for inputs, totals in zip((first, without, dearer), found, strict=True):
        assert_equal_to_rounding(inputs, totals, rates)
    same = replaced(without, core_weight=np.repeat(first.core_weight[:, :, :, :1], STRATA, axis=3))
    taken.clear()
    assert_equal_to_rounding(same, project_totals(same, rates), rates)
    assert taken == ["constant_mix"]
    # other people, another fee, other rates: nothing is shared
    holders = first.holders.copy()
    holders[1, 1, 1] *= 1.001
    for other in (
        replaced(without, holders=holders),
        replaced(without, fee_rate=first.fee_rate * 1.5),
        replaced(without, withdrawal_rate=first.withdrawal_rate * 0.9),
    ):
        taken.clear()
        found = project_references([first, other], rates)
        assert taken == ["constant_mix"] * 4
        assert_equal_to_rounding(other, found[1], rates)


def test_heirs_in_the_last_bin_are_paid_for_as_long_as_there_are_any() -> None:
    """Many years after the first owners have passed the last age, on both ways and the reference."""
    years = 40
    crypto = np.random.default_rng(2).uniform(-0.3, 0.4, (1, years, 2))
    rates = BuildupRates(
        interest_rate=np.full((years, 6, 1), 0.1),
        dividend_rate=np.full((years, 6, 1), 0.2),
        gain_rate=np.full((years, 6, 1), 0.3),
        interest_share=np.array([1.0, 0.0]),
        gain_share=np.array([0.0, 0.5]),
        payout_rate=np.full((years, 2), 0.01),
    )
    for strength in (1.0, 0.4):
        inputs = longer(years, 6, rate=0.2, rebalancing=strength, crypto=crypto)
        inputs = replaced(
            inputs,
            contribution_usd=np.broadcast_to(inputs.contribution_usd[:1], inputs.contribution_usd.shape),
            heir_years=7,
        )
        assert_equal_to_rounding(inputs, project_totals(inputs, rates), rates)


@pytest.mark.parametrize("kind", [one_mix, random_inputs])
def test_a_path_is_the_same_alone_in_a_batch_and_on_any_number_of_threads(
    kind: Callable[..., ProjectionInputs],
) -> None:
    inputs = kind(7, paths=300, mix=np.zeros(300, dtype=np.int64))
    # every third path goes the other way
    strength = np.where(np.arange(300)[:, None] % 3 == 0, 1.0 - inputs.rebalancing, inputs.rebalancing)
    inputs = replaced(inputs, rebalancing=strength)
    rates = law(7)
    together = project_totals(inputs, rates)
    with compiled.at_most(1):
        single = project_totals(inputs, rates)
    for start, stop in ((0, 1), (3, 140), (133, 300)):
        part = replaced(
            inputs,
            path_labels=inputs.path_labels[start:stop],
            **{name: getattr(inputs, name)[start:stop] for name in PATH_FIELDS},
        )
        alone = project_totals(part, rates)
        for name in TOTALS:
            np.testing.assert_array_equal(alone[name], together[name][start:stop], err_msg=name)
    for name in TOTALS:
        np.testing.assert_array_equal(single[name], together[name], err_msg=name)


def test_paths_of_two_mixes_are_refused() -> None:
    with pytest.raises(ValueError, match="one mix"):
        project_totals(random_inputs(1), law(1))
