"""Invariants of the roll-forward, on small random projections with every feature switched on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import expected_tax, project
from small import (
    AGES,
    ASSETS,
    CRYPTO_ASSET,
    GROUPS,
    PATH_FIELDS,
    STRATA,
    YEARS,
    flat_schedule,
    longer,
    random_inputs,
    replaced,
)

from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.outputs import CELL_LINES, CORE, CRYPTO

seeds = st.integers(0, 10_000)
quick = settings(max_examples=25, deadline=None)


@quick
@given(seeds)
def test_account_identity_holds_in_every_cell(seed: int) -> None:
    projection = project(random_inputs(seed))
    bound = 1e-12 * np.maximum(projection.identity_scale_usd, 1.0)[:, :, None, None]
    assert (np.abs(projection.identity_residual_usd) <= bound * 10).all()


@quick
@given(seeds)
def test_no_balance_or_flow_is_negative_even_in_crashes(seed: int) -> None:
    inputs = random_inputs(seed)
    crash = inputs.half_return.copy()
    crash[..., CRYPTO_ASSET] = -0.97
    inputs = replaced(inputs, half_return=crash)
    projection = project(inputs)
    assert (projection.closing_usd >= 0).all()
    for line in ("plan_withdrawals", "ira_withdrawals", "roth_withdrawals", "rollovers", "conversions"):
        assert (projection.cells[line] >= 0).all(), line


@quick
@given(seeds, st.sampled_from([2.0, 0.5, 4.0]))
def test_twice_the_people_twice_every_dollar(seed: int, factor: float) -> None:
    inputs = random_inputs(seed, impact_multiplier=0.0)
    scaled = replaced(
        inputs,
        opening_usd=inputs.opening_usd * factor,
        opening_basis_usd=inputs.opening_basis_usd * factor,
        contribution_usd=inputs.contribution_usd * factor,
        holders=inputs.holders * factor,
        heirs=inputs.heirs * factor,
    )
    one, two = project(inputs), project(scaled)
    for line in CELL_LINES:
        np.testing.assert_array_equal(two.cells[line], one.cells[line] * factor, err_msg=line)


@quick
@given(seeds)
def test_zero_target_makes_crypto_irrelevant_to_the_bit(seed: int) -> None:
    no_target = np.zeros((2, YEARS, STRATA))
    quiet = random_inputs(seed, crypto_target_share=no_target, crypto_contribution_share=no_target)
    rng = np.random.default_rng(seed + 1)
    returns = quiet.half_return.copy()
    returns[..., CRYPTO_ASSET] = rng.uniform(-0.9, 9.0, (2, YEARS, 2))
    wild = replaced(quiet, half_return=returns)
    one, two = project(quiet), project(wild)
    for line in CELL_LINES:
        np.testing.assert_array_equal(one.cells[line], two.cells[line], err_msg=line)


@quick
@given(seeds)
def test_paths_do_not_touch_each_other(seed: int) -> None:
    inputs = random_inputs(seed, paths=3)
    alone = replaced(inputs, path_labels=("p1",), **{name: getattr(inputs, name)[1:2] for name in PATH_FIELDS})
    together, single = project(inputs), project(alone)
    for line in CELL_LINES:
        np.testing.assert_array_equal(together.cells[line][1], single.cells[line][0], err_msg=line)


@quick
@given(seeds)
def test_stratum_receives_its_share_of_the_money(seed: int) -> None:
    """Linear in the stratum's share: a stratum that gets everybody's money would pass the identity."""
    inputs = random_inputs(
        seed,
        owner_schedule=flat_schedule(0.2),
        conversion_schedule=flat_schedule(0.2),
        heir_schedule=flat_schedule(0.2),
    )
    projection = project(inputs)
    nothing = np.zeros_like(inputs.crypto_target_share)
    zero = replaced(inputs, crypto_target_share=nothing, crypto_contribution_share=nothing,
                    core_weight=np.repeat(inputs.core_weight[:, :, :, :1], STRATA, axis=3))  # fmt: skip
    plain = project(zero)
    closing = plain.cells["closing_traditional"] + plain.cells["closing_roth"]
    np.testing.assert_allclose(closing[..., 1] * 9, closing[..., 0], rtol=1e-9, atol=1e-6)
    assert projection.cells["closing_crypto"][..., 0].max() == 0


@quick
@given(seeds)
def test_full_rebalancing_ends_at_the_target(seed: int) -> None:
    always, whole = np.ones((2, YEARS)), np.ones(2)
    inputs = random_inputs(seed, rebalancing=always, transfer=always > 0, sale_share=whole)
    projection = project(inputs)
    total = projection.cells["closing_traditional"] + projection.cells["closing_roth"]
    target = inputs.crypto_target_share[:, :, None, None, :]
    np.testing.assert_allclose(projection.cells["closing_crypto"], total * target, rtol=1e-9, atol=1e-6)


def test_new_money_only_leaves_existing_balances_in_the_core() -> None:
    inputs = random_inputs(3, transfer=np.zeros((2, YEARS), dtype=bool))
    nothing_new = replaced(inputs, contribution_usd=np.zeros_like(inputs.contribution_usd))
    assert project(nothing_new).cells["closing_crypto"].max() == 0
    assert project(inputs).cells["closing_crypto"].max() > 0


@quick
@given(seeds, st.floats(0.05, 0.5))
def test_flat_rate_taxes_exactly_the_withdrawals(seed: int, rate: float) -> None:
    inputs = random_inputs(
        seed,
        owner_schedule=flat_schedule(rate),
        conversion_schedule=flat_schedule(rate),
        heir_schedule=flat_schedule(rate),
    )
    projection = project(inputs)
    cells = projection.cells
    taxable = cells["plan_withdrawals"] + cells["ira_withdrawals"] + cells["nonqualified_earnings"]
    np.testing.assert_allclose(cells["owner_tax"], rate * taxable, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(cells["heir_tax"], rate * cells["inherited_withdrawals"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(cells["conversion_tax"], rate * cells["conversions"], rtol=1e-9, atol=1e-6)


def test_inherited_accounts_are_empty_after_the_rule_s_years() -> None:
    death = np.zeros((YEARS, AGES, GROUPS))
    death[0] = 1.0
    inputs = random_inputs(
        5, death_rate=death, spouse_share=np.zeros(AGES), contribution_usd=np.zeros((YEARS, 2, AGES, GROUPS, STRATA))
    )
    projection = project(inputs)
    inherited = projection.closing_usd[:, :, 2].sum(axis=(2, 3))
    assert (inherited[:, 0] > 0).all()
    assert (inherited[:, inputs.heir_years] == 0).all()
    assert (projection.closing_usd[:, 1:, :2] == 0).all()


@pytest.mark.parametrize("rebalancing", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_present_value_of_withdrawal_tax_is_the_tax_deferred(rebalancing: float, seed: int) -> None:
    """Traditional = Roth on the portfolio basis: one flat rate, no additional tax, full run-off.

    Each cell's flows are discounted at the cell's own portfolio return, year by year; with one
    contribution in one cell and equal sleeves per stratum the discount factor is the account's growth.
    """
    years, ages, rate = 40, 12, 0.24
    rng = np.random.default_rng(seed)
    crypto = rng.uniform(-0.8, 1.5, (1, years, 2))
    inputs = longer(years, ages, rate=rate, rebalancing=rebalancing, crypto=crypto)
    projection = project(inputs)
    cells = projection.cells
    assert projection.closing_usd[0, -1].sum() == 0
    value = 0.0
    for stratum in range(STRATA):
        # value of a dollar put in at the middle of year 0, at the middle of year y, from the account itself
        out = sum(
            cells[line][0, :, :, 0, stratum].sum(axis=1)
            for line in ("plan_withdrawals", "ira_withdrawals", "inherited_withdrawals")
        )
        closing = (cells["closing_traditional"][0, :, :, 0, stratum]).sum(axis=1)
        share = cells["closing_crypto"][0, :, :, 0, stratum].sum(axis=1) / np.where(closing > 0, closing, 1)
        factor = _growth(inputs, stratum, share, years)
        value += (out[1:] / factor[1:]).sum()
    assert rate * value == pytest.approx(rate * 1000.0, rel=1e-9)


def _growth(inputs: ProjectionInputs, stratum: int, closing_share: np.ndarray, years: int) -> np.ndarray:
    """Growth of a dollar of the account from mid-year 0 to mid-year y, following its sleeves.

    Rebalancing at the year's end sets the mix with which the next year starts; within the year the
    sleeves drift. Withdrawals are pro rata to the sleeves, so they do not change the mix.
    """
    core, crypto = 1 + inputs.half_return[0, :, :, 0], 1 + inputs.half_return[0, :, :, 1]
    target = inputs.crypto_target_share[0, :, stratum]
    factor = np.ones(years)
    mix = target[0]
    level = (1 - mix) * core[0, 1] + mix * crypto[0, 1]
    for y in range(1, years):
        start = closing_share[y - 1]
        first = (1 - start) * core[y, 0] + start * crypto[y, 0]
        factor[y] = level * first
        middle = start * crypto[y, 0] / first
        level = factor[y] * ((1 - middle) * core[y, 1] + middle * crypto[y, 1])
    return factor


def test_expected_tax_is_linear_between_knots_and_beyond_the_last() -> None:
    inputs = random_inputs(11)
    schedule = inputs.owner_schedule
    holders = np.ones((AGES, GROUPS, STRATA))
    knots = schedule.knots_usd[2]
    for k in range(len(knots)):
        tax = expected_tax(schedule, 2, np.full((1, AGES, GROUPS, STRATA), knots[k]), holders)
        np.testing.assert_allclose(tax[0, :, :, 0], schedule.tax_usd[2, :, :, k], rtol=1e-12)
    far = expected_tax(schedule, 2, np.full((1, AGES, GROUPS, STRATA), knots[-1] * 3), holders)
    slope = (schedule.tax_usd[2, :, :, -1] - schedule.tax_usd[2, :, :, -2]) / (knots[-1] - knots[-2])
    np.testing.assert_allclose(far[0, :, :, 0], schedule.tax_usd[2, :, :, -1] + slope * knots[-1] * 2, rtol=1e-9)


def test_inputs_name_every_fault_at_once() -> None:
    with pytest.raises(ValueError, match=r"fee_rate has shape .*; .*loss_rate") as caught:
        random_inputs(1, fee_rate=np.zeros((2, 3)), loss_rate=np.zeros((1, YEARS)))
    assert "expected (2, 2)" in str(caught.value)
    with pytest.raises(ValueError, match="half_return has values that are not finite"):
        random_inputs(1, half_return=np.full((2, YEARS, 2, ASSETS), np.nan))
    with pytest.raises(ValueError, match=r"mix names a mix outside 0\.\.1"):
        random_inputs(1, mix=np.array([0, 2]))


@quick
@given(seeds)
def test_price_impact_follows_last_year_s_purchases(seed: int) -> None:
    """The first half's crypto return is moved by multiplier x purchases / market value, fading after."""
    inputs = random_inputs(seed, crypto_weight=np.array([[0.0, 0.0, 1.0]] * 2))
    projection = project(inputs)
    bought = projection.total("crypto_bought")
    raised = np.zeros(2)
    for y in range(YEARS):
        before = raised
        raised = raised * inputs.impact_persistence
        if y:
            raised = raised + inputs.impact_multiplier * bought[:, y - 1] / inputs.crypto_market_usd[:, y]
        plain = np.prod(1 + inputs.half_return[:, y, :, CRYPTO_ASSET], axis=1)
        np.testing.assert_allclose(1 + projection.crypto_return[:, y], plain * np.exp(raised - before), rtol=1e-9)


@quick
@given(seeds)
def test_dollars_bought_explain_what_the_crypto_sleeve_holds(seed: int) -> None:
    """Closing - opening = return + bought - fees - losses."""
    inputs = random_inputs(seed, fee_rate=np.zeros((2, 2)), loss_rate=np.zeros((2, YEARS)))
    cells = project(inputs).cells
    closing = cells["closing_crypto"].sum(axis=(2, 3, 4))
    opening = np.concatenate([np.zeros((2, 1)), closing[:, :-1]], axis=1)
    change = cells["crypto_return"].sum(axis=(2, 3, 4)) + cells["crypto_bought"].sum(axis=(2, 3, 4))
    np.testing.assert_allclose(closing - opening, change, rtol=1e-9, atol=1e-4)


@quick
@given(seeds)
def test_nothing_finds_a_buyer_at_a_sale_share_of_zero(seed: int) -> None:
    """With a target that never moves and no new money the sleeve only drifts where it stands too high."""
    held = np.full((2, YEARS, STRATA), 0.2)
    inputs = random_inputs(
        seed,
        crypto_target_share=held,
        rebalancing=np.ones((2, YEARS)),
        transfer=np.ones((2, YEARS), dtype=bool),
        sale_share=np.zeros(2),
        impact_multiplier=0.0,
    )
    cells = project(inputs).cells
    total = cells["closing_traditional"] + cells["closing_roth"]
    assert (cells["closing_crypto"] >= 0.2 * total * (1 - 1e-12)).all()


def test_sleeves_are_named_in_the_order_of_the_axes() -> None:
    from fiscal.base.axes import SLEEVES

    assert SLEEVES[CORE] == "core" and SLEEVES[CRYPTO] == "crypto"
