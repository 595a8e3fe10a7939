"""Vintages: they add to the total, and at one flat rate a dollar is worth its tax whatever the path."""

from __future__ import annotations

from dataclasses import replace

import backward_reference
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import project
from small import AGES, GROUPS, STRATA, YEARS, flat_schedule, longer, random_inputs, replaced

from fiscal.budget.ledger import Backstop, BuildupTax, rescue_cost, top_ups
from fiscal.budget.vintages import value_vintages
from fiscal.projection.cells import owner_balances
from fiscal.projection.inputs import ProjectionInputs

quick = settings(max_examples=20, deadline=None)
RATE = 0.24


def law(inputs: ProjectionInputs, *, interest: float = 0.0, gain: float = 0.0, rate: float = RATE) -> BuildupTax:
    assets = inputs.half_return.shape[3]
    shape = (len(inputs.years), *inputs.opening_usd.shape[2:4])
    return BuildupTax(
        interest_rate=np.full(shape, rate),
        dividend_rate=np.full(shape, rate),
        gain_rate=np.full(shape, rate),
        interest_share=np.full(assets, interest),
        gain_share=np.full(assets, gain),
        payout_rate=np.zeros((len(inputs.years), assets)),
    )


def emptied(seed: int, **changes: object) -> ProjectionInputs:
    """Random inputs whose owners all die in the third year, so that everything runs off."""
    death = random_inputs(seed).death_rate.copy()
    death[2:] = 1.0
    contribution = random_inputs(seed).contribution_usd.copy()
    contribution[3:] = 0.0
    base = dict(death_rate=death, contribution_usd=contribution, spouse_share=np.zeros(AGES), heir_years=2)
    return random_inputs(seed, **(base | changes))


def value(inputs: ProjectionInputs, discount: np.ndarray | None, tax: BuildupTax | None = None, path: int = 0):
    projection = project(inputs, keep_shares=(path,))
    return projection, value_vintages(
        inputs,
        projection,
        path,
        tax or law(inputs),
        discount=discount,
        opening_discount=1.0,
        contribution_tax_rate=np.full((len(inputs.years), *inputs.opening_usd.shape[2:4]), RATE),
    )


@quick
@given(st.integers(0, 10_000), st.sampled_from([0, 1]))
def test_stock_and_vintages_add_to_the_total_of_each_line(seed: int, path: int) -> None:
    inputs = emptied(seed)  # price impact and all
    factors = 0.95 ** np.arange(YEARS)
    projection, found = value(inputs, factors, path=path)
    totals = {
        "withdrawal_tax": projection.total("owner_tax") + projection.total("heir_tax"),
        "additional_tax": projection.total("additional_tax"),
        "conversion_tax": projection.total("conversion_tax"),
    }
    for line, flow in totals.items():
        parts = found.stock_total(line) + (found.contributions_total(line).sum(axis=1) * factors).sum()
        assert parts == pytest.approx((flow[path] * factors).sum(), rel=1e-9), line


@quick
@given(st.integers(0, 10_000))
def test_present_value_of_withdrawal_tax_is_rate_times_contribution_on_the_portfolio_basis(seed: int) -> None:
    """MODEL: one flat rate for owners and heirs, full run-off; every vintage, path and rebalancing strength."""
    flat = flat_schedule(RATE)
    nothing = {"nonqualified_share": np.zeros(AGES), "conversion_rate": np.zeros((YEARS, AGES))}
    inputs = emptied(
        seed, owner_schedule=flat, conversion_schedule=flat, heir_schedule=flat, impact_multiplier=0.0, **nothing
    )
    _, found = value(inputs, None)
    money = inputs.contribution_usd.sum(axis=(2, 3, 4))
    np.testing.assert_allclose(found.contributions_total("withdrawal_tax")[:, 0], RATE * money[:, 0], rtol=1e-9)
    np.testing.assert_array_equal(found.contributions_total("withdrawal_tax")[:, 1], 0.0)


@pytest.mark.parametrize("rebalancing", [0.0, 0.5, 1.0])
def test_return_equal_to_discount_gives_the_tax_deferred(rebalancing: float) -> None:
    years, ages, r = 40, 12, 0.04
    half = np.full((1, years, 2), np.sqrt(1 + r) - 1)
    inputs = longer(years, ages, rate=RATE, rebalancing=rebalancing, crypto=half)
    inputs = replaced(inputs, half_return=np.repeat(half[..., None], 2, axis=3))
    _, found = value(inputs, (1 + r) ** -np.arange(years, dtype=float))
    assert found.contributions_total("withdrawal_tax")[0, 0] == pytest.approx(RATE * 1000.0, rel=1e-9)


@quick
@given(st.integers(0, 10_000), st.sampled_from([0, 1]), st.booleans(), st.booleans())
def test_the_compiled_passes_are_those_of_plain_numpy(seed: int, path: int, portfolio: bool, marginal: bool) -> None:
    """With everything: progressive schedules, price impact, losses, two sleeves, heirs, conversions."""
    inputs = emptied(seed)
    projection = project(inputs, keep_shares=(path,), keep_balances=(path,))
    drawn = np.random.default_rng(seed)
    cell = (len(inputs.years), *inputs.opening_usd.shape[2:4])
    told = dict(
        discount=None if portfolio else drawn.uniform(0.5, 1.2, len(inputs.years)),
        opening_discount=0.98, contribution_tax_rate=drawn.uniform(0, 0.4, cell), marginal=marginal,
    )  # fmt: skip
    tax = law(inputs, interest=0.3, gain=0.4)
    payouts = drawn.uniform(0, 0.03, tax.payout_rate.shape)
    rates = {name: drawn.uniform(0, 0.4, cell) for name in ("interest_rate", "dividend_rate", "gain_rate")}
    tax = replace(tax, payout_rate=payouts, **rates)
    found = value_vintages(inputs, projection, path, tax, **told)
    stock, contributions, claim = backward_reference.vintages(inputs, projection, path, tax, **told)
    assert found.contributions_usd.keys() == contributions.keys()
    for line, expected in contributions.items():
        assert_equal(found.contributions_usd[line], expected)
    for line, expected in stock.items():
        assert_equal(found.stock_usd[line], expected)
    assert (found.claim_usd is None) == (claim is None) == (not portfolio)
    if claim is not None:
        assert_equal(found.claim_usd, claim)


def assert_equal(actual: np.ndarray | None, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


def _shadow(inputs: ProjectionInputs, discount: np.ndarray, tax: BuildupTax) -> float:
    return -float(value(inputs, discount, tax)[1].contributions_usd["inside_buildup_shadow"].sum())


def _forward_shadow(inputs: ProjectionInputs, r: float, tax: float, realised: float, d: float) -> float:
    """A taxable account of one age, written down year by year: withdrawal of a share, tax, heirs alike.

    No deaths, one sleeve: opened in the middle of year 0, the share ``w`` withdrawn in the middle of each year.
    """
    years = len(inputs.years)
    w = inputs.withdrawal_rate[:, 0, 0, 0, 0]
    balance, gain, total = 1000.0 * (1 - tax), 0.0, 0.0
    half = np.sqrt(1 + r) - 1
    for y in range(years):
        if y:
            price = balance * half
            total += price * realised * tax * (1 + d) ** -y
            balance, gain = balance + price * (1 - realised * tax), gain + price * (1 - realised)
            share = min(w[y] / (1 + half), 1.0) if y < years - 1 else 1.0
            total += share * gain * tax * (1 + d) ** -y
            balance, gain = balance * (1 - share), gain * (1 - share)
        price = balance * half
        total += price * realised * tax * (1 + d) ** -y
        balance, gain = balance + price * (1 - realised * tax), gain + price * (1 - realised)
    return total


@pytest.mark.parametrize("realised", [0.0, 0.4, 1.0])
def test_shadow_account_is_the_account_written_down_forward(realised: float) -> None:
    """Immortal owners, one asset: against a taxable account kept by hand, at three realisation shares."""
    years, ages, r, d = 9, 12, 0.05, 0.03
    half = np.full((1, years, 2), np.sqrt(1 + r) - 1)
    base = longer(years, ages, rate=RATE, rebalancing=1.0, crypto=half)
    rate = base.withdrawal_rate.copy()
    rate[-1] = 5.0  # everything
    inputs = replaced(
        base,
        half_return=np.repeat(half[..., None], 2, axis=3),
        death_rate=np.zeros_like(base.death_rate),
        rollover_rate=np.zeros_like(base.rollover_rate),
        withdrawal_rate=rate,
        crypto_target_share=np.zeros_like(base.crypto_target_share),
        crypto_contribution_share=np.zeros_like(base.crypto_contribution_share),
    )
    factors = (1 + d) ** -np.arange(years, dtype=float)
    expected = _forward_shadow(inputs, r, RATE, realised, d)
    assert _shadow(inputs, factors, law(inputs, gain=realised)) == pytest.approx(expected, rel=1e-9)


def test_shadow_tax_on_interest_is_more_than_on_gains_and_none_without_return() -> None:
    inputs = emptied(4)
    factors = np.ones(YEARS)
    still = replaced(inputs, half_return=np.zeros_like(inputs.half_return), impact_multiplier=0.0)
    assert _shadow(still, factors, law(still, interest=1.0)) == 0.0
    gently = replaced(still, half_return=np.full_like(inputs.half_return, 0.03))
    interest, gain = (_shadow(gently, factors, law(gently, **kind)) for kind in ({"interest": 1.0}, {"gain": 0.0}))
    assert interest > gain > 0


def test_shadow_of_roth_money_is_that_of_traditional_over_one_less_the_rate() -> None:
    """TE_roth (1 - t) = TE_traditional per dollar contributed, when both are drawn alike."""
    years, ages = 40, 12
    inputs = longer(years, ages, rate=RATE, rebalancing=1.0, crypto=np.full((1, years, 2), 0.1))
    both = inputs.contribution_usd.copy()
    both[0, 1] = both[0, 0]
    inputs = replaced(inputs, contribution_usd=both)
    _, found = value(inputs, 0.97 ** np.arange(years), law(inputs, interest=1.0))
    traditional, roth = found.contributions_total("inside_buildup_shadow")[0]
    assert traditional == pytest.approx(roth * (1 - RATE), rel=1e-12)


def test_a_projection_that_stops_early_is_refused() -> None:
    inputs = random_inputs(1)
    with pytest.raises(ValueError, match="until every account is empty"):
        value(inputs, np.ones(YEARS))
    with pytest.raises(ValueError, match="kept its account shares"):
        value_vintages(
            inputs, project(inputs), 0, law(inputs), discount=None, opening_discount=1.0,
            contribution_tax_rate=np.zeros((YEARS, AGES, GROUPS)),
        )  # fmt: skip


def _rescue(trigger: float, made_up: float, crash: float) -> np.ndarray:
    """Cost by year: path 0 loses ``crash`` in its crypto in year 2, path 1 holds none."""
    inputs = random_inputs(9, paths=2, mix=np.zeros(2, dtype=np.int64), impact_multiplier=0.0)
    half = np.zeros_like(inputs.half_return)
    half[0, 2, 0, 2] = -crash
    target = np.zeros((2, YEARS, STRATA))
    target[0, :, 1] = 0.5
    inputs = replaced(
        inputs, half_return=half, crypto_target_share=target, crypto_contribution_share=target,
        loss_rate=np.zeros((2, YEARS)), fee_rate=np.zeros((2, 2)),
        transfer=np.ones((2, YEARS), dtype=bool), rebalancing=np.ones((2, YEARS)),
    )  # fmt: skip
    rule = Backstop(covered=np.ones(AGES, dtype=bool), trigger_share=trigger, made_up_share=made_up)
    return rescue_cost(project(inputs), np.ones(2, dtype=np.int64), rule).sum(axis=(2, 3))


def test_rescue_pays_once_for_a_fall_and_nothing_below_the_trigger() -> None:
    cost = _rescue(0.1, 1.0, 0.6)
    assert (cost[1] == 0).all() and (cost[0, :2] == 0).all() and cost[0, 2] > 0
    # what was paid counts as had: the years after bring next to nothing
    assert cost[0, 3:].sum() < 1e-6 * cost[0, 2]
    assert _rescue(0.9, 1.0, 0.6).sum() == 0
    assert _rescue(0.1, 1.0, 0.0).sum() == 0
    assert 0 < _rescue(0.1, 0.9, 0.6).sum() < cost.sum()


def _portfolio_claim(inputs: ProjectionInputs, *, marginal: bool = False):
    projection = project(inputs, keep_shares=(0,), keep_balances=(0,))
    found = value_vintages(
        inputs, projection, 0, law(inputs), discount=None, opening_discount=1.0,
        contribution_tax_rate=np.zeros((len(inputs.years), *inputs.opening_usd.shape[2:4])), marginal=marginal,
    )  # fmt: skip
    return projection, found


@quick
@given(st.integers(0, 10_000))
def test_the_claim_is_the_rate_times_traditional_balances_at_one_rate(seed: int) -> None:
    """On the portfolio basis, at every date and in both sleeves, heirs' accounts included."""
    flat = flat_schedule(RATE)
    inputs = emptied(
        seed, owner_schedule=flat, conversion_schedule=flat, heir_schedule=flat, impact_multiplier=0.0,
        nonqualified_share=np.zeros(AGES), conversion_rate=np.zeros((YEARS, AGES)),
    )  # fmt: skip
    projection, found = _portfolio_claim(inputs)
    balances = projection.balances
    assert balances is not None and found.claim_usd is not None
    held = balances.owners[0].sum(axis=(1, 3, 4, 5)) + balances.heirs[0].sum(axis=(1, 3, 4, 5))
    np.testing.assert_allclose(found.claim_usd, RATE * held, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(held.sum(axis=1)[1:], projection.closing_usd[0, :-1, :, 0].sum(axis=(1, 2)))
    assert held[0, 1] == 0 and (held[1:3, 1] > 0).all()


def test_the_claim_on_the_opening_stock_is_that_of_its_vintage() -> None:
    inputs = emptied(11, impact_multiplier=0.0, nonqualified_share=np.zeros(AGES))
    _, found = _portfolio_claim(inputs)
    assert found.claim_usd is not None
    stock = found.stock_total("withdrawal_tax") + found.stock_total("conversion_tax")
    assert found.claim_usd[0].sum() == pytest.approx(stock, rel=1e-12)


@quick
@given(st.integers(0, 10_000), st.integers(0, 2))
def test_the_marginal_vintage_is_the_difference_of_two_runs(seed: int, year: int) -> None:
    """A year's contributions raised by a little, through progressive schedules, to the last withdrawal.

    With one sleeve, where a further dollar is drawn as its account is: with two it shifts the account's mix.
    """
    none = np.zeros((2, YEARS, STRATA))
    inputs = emptied(
        seed, impact_multiplier=0.0, conversion_rate=np.zeros((YEARS, AGES)),
        nonqualified_share=np.zeros(AGES), contribution_usd=random_inputs(seed).contribution_usd * _UNTIL[:, None],
        crypto_target_share=none, crypto_contribution_share=none,
    )  # fmt: skip
    factors = 0.97 ** np.arange(YEARS)
    step = 1e-7
    more = inputs.contribution_usd.copy()
    more[year] *= 1 + step
    raised = replaced(inputs, contribution_usd=more)

    def total(given: ProjectionInputs) -> float:
        projection = project(given)
        flow = sum(projection.total(line)[0] for line in ("owner_tax", "heir_tax", "additional_tax"))
        return float((flow * factors).sum())

    difference = (total(raised) - total(inputs)) / step
    projection = project(inputs, keep_shares=(0,))
    found = value_vintages(
        inputs, projection, 0, None, discount=factors, opening_discount=1.0,
        contribution_tax_rate=np.zeros((YEARS, AGES, GROUPS)), marginal=True,
    )  # fmt: skip
    lines = ("withdrawal_tax", "additional_tax")
    marginal = sum(found.contributions_total(line)[year].sum() for line in lines) * factors[year]
    assert marginal == pytest.approx(difference, rel=2e-4)
    assert "inside_buildup_shadow" not in found.contributions_usd


_UNTIL = (np.arange(YEARS) < 3).astype(float)[:, None, None, None]
"""Contributions stop when everybody has left."""


def test_a_progressive_schedule_asks_more_of_the_marginal_dollar() -> None:
    inputs = emptied(3, impact_multiplier=0.0, conversion_rate=np.zeros((YEARS, AGES)))
    average, marginal = (_portfolio_claim(inputs, marginal=kind)[1] for kind in (False, True))
    own = average.contributions_total("withdrawal_tax").sum()
    assert marginal.contributions_total("withdrawal_tax").sum() > 1.02 * own


def test_who_holds_crypto_is_judged_apart_from_who_does_not() -> None:
    """A stratum of one percent of people falls short whatever the others' balances are."""
    balance = np.full((1, 3, 4, 1, 2), 100.0)
    due = balance.copy()
    due[..., 0] *= 99
    balance[..., 0] = due[..., 0]
    balance[0, 1:, :, :, 1] = 80.0
    rule = Backstop(covered=np.array([False, True, True, False]), trigger_share=0.1, made_up_share=0.95)
    cost = top_ups(balance, due, rule)
    assert (cost[..., 0] == 0).all()
    np.testing.assert_allclose(cost[0, 1, :, 0, 1], [0, 15, 15, 0])
    # the cohort paid at the first covered age is not paid again; a new one enters
    np.testing.assert_allclose(cost[0, 2, :, 0, 1], [0, 15, 0, 0], atol=1e-12)


@quick
@given(st.integers(0, 10_000), st.integers(0, 1))
def test_owners_balances_are_those_of_the_projection(seed: int, stratum: int) -> None:
    inputs = random_inputs(seed, impact_multiplier=0.0)
    whole = project(inputs).cells["closing_owners"]
    for ages in (AGES, AGES - 2):
        found = owner_balances(inputs, ages, stratum)
        np.testing.assert_allclose(found, whole[:, :, :ages, :, stratum], rtol=1e-9, atol=1e-6)
