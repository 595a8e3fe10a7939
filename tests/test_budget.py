"""Books and time: sign rules, fiscal years, present values, break-even years."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import project
from small import AGES, ASSETS, GROUPS, YEARS, random_inputs, replaced

from fiscal.budget import valuation
from fiscal.budget.ledger import (
    CASH_METHODS,
    BuildupTax,
    ContributionTaxes,
    cash_method,
    inside_buildup,
    keep_books,
    limit_on_losses,
)  # fmt: skip
from fiscal.budget.lines import BOOKS, CASH_LINES, LINES, NET_REVENUE, REVENUE, SUMS, Sum, amount, with_sums
from fiscal.budget.valuation import Window
from fiscal.projection.inputs import ProjectionInputs

CELLS = (YEARS, AGES, GROUPS)


def _law(seed: int) -> BuildupTax:
    rng = np.random.default_rng(seed)
    interest = rng.uniform(0, 1, ASSETS)
    return BuildupTax(
        interest_rate=rng.uniform(0, 0.3, CELLS),
        dividend_rate=rng.uniform(0, 0.3, CELLS),
        gain_rate=rng.uniform(0, 0.3, CELLS),
        interest_share=interest,
        gain_share=rng.uniform(0, 1, ASSETS) * (1 - interest),
        payout_rate=rng.uniform(0, 0.05, (YEARS, ASSETS)),
    )


def books(
    seed: int, deferred: np.ndarray | None = None, displaced: float = 0.0, inputs: ProjectionInputs | None = None
):
    rng = np.random.default_rng(seed)
    taxes = ContributionTaxes(
        deferred_usd=rng.uniform(0, 100, CELLS) if deferred is None else deferred,
        payroll_oasdi_usd=rng.uniform(0, 10, CELLS),
        payroll_hi_usd=rng.uniform(0, 10, CELLS),
        roth_upfront_usd=rng.uniform(0, 10, CELLS),
    )
    inputs = random_inputs(seed) if inputs is None else inputs
    projection = project(inputs)
    rescue = rng.uniform(0, 10, projection.cells["owner_tax"].shape[:4])
    return keep_books(projection, inputs, taxes, _law(seed), rescue, displaced)


def test_net_revenue_is_the_sum_of_the_cash_lines_and_of_nothing_else() -> None:
    ledger = books(1)
    total = sum(ledger.total(line) for line in CASH_LINES)
    np.testing.assert_allclose(ledger.total("net_revenue"), total, rtol=1e-12)
    assert set(ledger.lines) == set(LINES)


def test_every_sum_is_made_of_declared_parts_and_is_in_the_books_once() -> None:
    assert len(set(LINES)) == len(LINES)
    declared = {line.name for line in REVENUE} | set(SUMS)
    assert {part for one in SUMS.values() for part in one.parts} <= declared
    lines = {line.name: 2.0**place for place, line in enumerate(REVENUE)}  # no two subsets add up to the same
    books = with_sums(lines)
    assert tuple(books) == LINES
    for one in BOOKS:
        if isinstance(one, Sum):
            assert books[one.name] == amount(one.name, lines) == one.of(lines)


def test_sums_are_made_anew_and_only_where_their_parts_are_there() -> None:
    lines = dict.fromkeys(CASH_LINES, 1.0) | {"net_revenue": 99.0}
    assert with_sums(lines) == dict.fromkeys(CASH_LINES, 1.0) | {"net_revenue": float(len(CASH_LINES))}
    with pytest.raises(KeyError):
        NET_REVENUE.of({"withdrawal_tax": 1.0})


def test_signs() -> None:
    ledger = books(2)
    assert (ledger.total("deferred_revenue") < 0).all()
    assert (ledger.total("payroll_forgone") < 0).all()
    assert (ledger.total("withdrawal_tax") >= 0).all()
    assert (ledger.total("additional_tax") >= 0).all()
    assert (ledger.payroll_oasdi_usd <= 0).all() and (ledger.payroll_hi_usd <= 0).all()


def test_memo_lines_are_never_summed() -> None:
    one = books(3)
    two = books(3)
    two.lines["roth_upfront_tax"] = two.lines["roth_upfront_tax"] + 1e9
    np.testing.assert_array_equal(one.lines["net_revenue"], two.lines["net_revenue"])


def test_rescue_is_a_cost_in_its_own_total_only() -> None:
    ledger = books(5)
    assert (ledger.total("rescue_cost") < 0).all()
    after = ledger.total("net_revenue") + ledger.total("rescue_cost")
    np.testing.assert_allclose(ledger.total("net_revenue_after_rescue"), after, rtol=1e-12)


def test_tax_expenditure_is_positive_as_a_cost() -> None:
    ledger = books(4)
    expected = -(
        ledger.total("deferred_revenue") + ledger.total("inside_buildup_cash") + ledger.total("withdrawal_tax")
    )
    np.testing.assert_allclose(ledger.total("tax_expenditure"), expected, rtol=1e-9)


def test_fiscal_year_takes_its_share_of_each_calendar_year() -> None:
    fraction = np.array([0.75, 1, 1, 1])
    flow = np.array([75.0, 200.0, 300.0, 400.0])
    fiscal = valuation.fiscal_years(flow, fraction, 0.75)
    assert np.isnan(fiscal[0])
    # the stub's 75 in nine months are 100 a year
    np.testing.assert_allclose(fiscal[1:], [0.75 * 200 + 25, 0.75 * 300 + 50, 0.75 * 400 + 75])


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=6))
def test_fiscal_years_lose_nothing(share: float, amounts: list[float]) -> None:
    flow = np.array(amounts)
    fiscal = valuation.fiscal_years(flow, np.ones(6), share)
    kept = fiscal[1:].sum()
    assert kept == pytest.approx(flow[1:-1].sum() + (1 - share) * flow[0] + share * flow[-1], abs=1e-3)


def test_windows_include_both_ends() -> None:
    years = np.arange(2025, 2040)
    assert valuation.window_sum(np.ones(15), years, Window(2026, 2035)) == 10
    assert Window(2026, 2035).label == "FY2026-2035"


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 0.12))
def test_constant_rate_discounts_as_a_power(rate: float) -> None:
    years = np.arange(2025, 2060)
    fraction = np.where(years == 2025, 0.75, 1.0)
    dates = valuation.flow_dates(years, fraction)
    assert dates[0] == 2025.625 and dates[1] == 2026.5
    factors = valuation.discount_factors(dates, np.full(35, rate), years)
    np.testing.assert_allclose(factors, (1 + rate) ** -(dates - 2025.5), rtol=1e-12)


def test_curve_discounts_year_by_year() -> None:
    years = np.array([2025, 2026, 2027])
    rates = np.array([0.04, 0.03, 0.02])
    factors = valuation.discount_factors(np.array([2025.5, 2026.5, 2027.5]), rates, years)
    assert factors[0] == 1
    assert factors[1] == pytest.approx(1 / (1.04**0.5 * 1.03**0.5))
    assert factors[2] == pytest.approx(factors[1] / (1.03**0.5 * 1.02**0.5))


def test_interest_runs_on_the_cumulated_difference() -> None:
    interest, balance = valuation.with_interest(np.array([100.0, 0.0, -50.0]), np.array([0.04, 0.04, 0.04]))
    assert interest[0] == pytest.approx(2.0)
    assert interest[1] == pytest.approx(102 * 0.04)
    assert balance[-1] == pytest.approx(50 + interest.sum())


@pytest.mark.parametrize(
    ("values", "turn"),
    [
        ([-1, -1, 2, 3], 2027), ([-1, 2, -1, 3], 2028), ([-1, -2, -3, -4], None), ([0, 0, 0, 0], None),
        ([0, 1, -1, -1], 2027),
    ],
)  # fmt: skip
def test_turning_year_is_where_the_sign_turns_for_good(values: list[float], turn: int | None) -> None:
    assert valuation.turning_year(np.array(values, float), np.arange(2025, 2029)) == turn


def test_amounts_up_to_the_floor_have_no_sign() -> None:
    values = np.array([1e-4, -1.0, 2.0, 3.0])
    assert valuation.turning_year(values, np.arange(2025, 2029)) is None
    assert valuation.turning_year(values, np.arange(2025, 2029), floor=1e-3) == 2027


def test_methods_of_the_cash_measure_differ_in_the_build_up_only() -> None:
    """As set is the ledger's own line; taxing every gain asks more than taxing none."""
    ledger, inputs, law = books(6), random_inputs(6), _law(6)
    projection = project(inputs)
    found = {method: inside_buildup(projection, inputs, cash_method(law, method), 1) for method in CASH_METHODS}
    np.testing.assert_allclose(found["as set"], ledger.total("inside_buildup_cash")[1], rtol=1e-10)
    calm = replaced(inputs, half_return=np.full_like(inputs.half_return, 0.05), impact_multiplier=0.0)
    flows = project(calm)
    taxed = {method: -inside_buildup(flows, calm, cash_method(law, method), 0).sum() for method in CASH_METHODS}
    assert taxed["gains never realized"] < taxed["as set"] < taxed["all gains realized"]
    with pytest.raises(KeyError):
        cash_method(law, "by guess")


def test_a_swap_of_equals_displaces_no_tax() -> None:
    """Where crypto earns and is taxed as what it pushes out, location does not matter."""
    inputs = random_inputs(7)
    mix = np.array([0.3, 0.7, 0.0])
    same = replaced(
        inputs,
        core_weight=np.broadcast_to(mix, inputs.core_weight.shape).copy(),
        crypto_weight=np.broadcast_to(mix, inputs.crypto_weight.shape).copy(),
        impact_multiplier=0.0,
    )
    found = books(7, displaced=1.0, inputs=same)
    assert np.abs(found.crypto_buildup_usd).max() > 1
    np.testing.assert_allclose(found.lines["displaced_gains_tax"], 0, atol=1e-9 * found.crypto_buildup_usd.max() + 1e-6)


@pytest.mark.parametrize("limit", [0.0, 3_000.0, 1e12])
def test_losses_outside_are_deducted_to_the_limit_and_carried_forward(limit: float) -> None:
    """One year of loss among years of gains: what is not deducted from other income waits for the later gains."""
    inputs, law = random_inputs(7), replace(_law(7), loss_limit_usd=limit)
    halves = np.full_like(inputs.half_return, 0.05)
    halves[:, 2] = -0.7
    inputs = replaced(inputs, half_return=halves, impact_multiplier=0.0)
    flows = project(inputs)
    held = flows.cells["crypto_held"]
    added = limit_on_losses(held, inputs, flows.crypto_return, law)
    first = int(np.flatnonzero((added != 0).any(axis=(0, 2, 3)))[0])
    assert first == 2 and (added[:, :2] == 0).all()
    without = replace(law, loss_limit_usd=np.inf)
    assert (limit_on_losses(held, inputs, flows.crypto_return, without) == 0).all()
    if limit == 0:  # nothing is deducted from other income
        assert added[:, first].min() >= 0 and added[:, first].sum() > 0
        assert added[:, first + 1 :].max() <= 1e-9 and added[:, first + 1].sum() < 0
    if limit == 1e12:  # never binds: deducted at once, at the rate on ordinary income
        alike = replace(law, interest_rate=law.gain_rate)
        np.testing.assert_allclose(limit_on_losses(held, inputs, flows.crypto_return, alike), 0, atol=1e-9 * held.max())


def test_displaced_crypto_is_taxed_outside_and_in_no_total() -> None:
    none, half = books(7), books(7, displaced=0.5)
    assert (none.total("displaced_gains_tax") == 0).all()
    both = half.crypto_outside_usd + half.pushed_out_tax_usd
    np.testing.assert_allclose(half.lines["displaced_gains_tax"], 0.5 * both)
    np.testing.assert_array_equal(none.lines["net_revenue"], half.lines["net_revenue"])
    np.testing.assert_array_equal(none.lines["tax_expenditure"], half.lines["tax_expenditure"])
    # without crypto there is nothing to displace
    inputs = random_inputs(7)
    plain = replaced(inputs, crypto_target_share=0 * inputs.crypto_target_share,
                     crypto_contribution_share=0 * inputs.crypto_contribution_share)  # fmt: skip
    assert (books(7, displaced=1.0, inputs=plain).total("displaced_gains_tax") == 0).all()
