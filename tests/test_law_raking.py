"""The raking tools: margins hold, chances stay chances, published tables come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import lognorm

from fiscal.base.errors import InputError
from fiscal.law.build import raking

tables = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


@settings(max_examples=40)
@given(tables)
def test_rake_amounts_meets_both_margins(rng: np.random.Generator) -> None:
    seed = rng.uniform(0.1, 5, (5, 7))
    goal = seed * rng.uniform(0.5, 2, (5, 1)) * rng.uniform(0.5, 2, (1, 7))
    found = raking.rake_amounts(seed, goal.sum(1), goal.sum(0))
    assert np.allclose(found.sum(1), goal.sum(1)) and np.allclose(found.sum(0), goal.sum(0))
    assert np.all(found >= 0)


@settings(max_examples=40, deadline=None)
@given(tables)
def test_rake_probabilities_meets_both_margins(rng: np.random.Generator) -> None:
    people = rng.uniform(10, 1000, (4, 6))
    truth = rng.uniform(0.03, 0.95, (4, 6))
    counts = people * truth
    chance = raking.rake_probabilities(people, counts.sum(1), counts.sum(0))
    assert np.all((chance > 0) & (chance < 1))
    assert np.allclose((people * chance).sum(0), counts.sum(0), rtol=1e-6)
    assert np.allclose((people * chance).sum(1), counts.sum(1), rtol=1e-6)


def test_margins_that_cannot_hold_are_refused() -> None:
    with pytest.raises(InputError, match="disagree"):
        raking.rake_amounts(np.ones((2, 2)), np.array([1.0, 1.0]), np.array([1.0, 2.0]))
    with pytest.raises(InputError, match="nobody and everybody"):
        raking.rake_probabilities(np.ones((2, 2)), np.array([2.0, 1.0]), np.array([1.5, 1.5]))


@settings(max_examples=30)
@given(st.floats(0.2, 2.0), st.floats(500, 20000))
def test_capped_lognormal_mean_is_the_integral(sigma: float, cap: float) -> None:
    location = 8.0
    found = raking.capped_lognormal_mean(np.asarray(location), np.asarray(sigma), np.asarray(cap))
    survival, _ = quad(lambda x: lognorm.sf(x, sigma, scale=np.exp(location)), 0, cap, limit=200)
    assert float(found) == pytest.approx(survival, rel=1e-5)
    assert 0 < float(found) <= cap


def test_published_quantiles_give_the_table_back() -> None:
    counts, totals = np.array([40.0, 40.0, 20.0]), np.array([120.0, 500.0, 800.0])
    edges = np.array([1.0, 5.0, 20.0, np.inf])
    ranks = (np.arange(200_000) + 0.5) / 200_000
    amounts = raking.published_quantiles(ranks, counts, totals, edges)
    assert np.all(np.diff(amounts) >= 0)
    for b in range(3):
        inside = (amounts >= edges[b]) & (amounts < edges[b + 1])
        assert inside.mean() == pytest.approx(counts[b] / counts.sum(), rel=1e-3)
        assert amounts[inside].mean() == pytest.approx(totals[b] / counts[b], rel=0.02)


def test_draws_belong_to_their_key() -> None:
    keys = np.array([7, 3, 90, 12])
    draws = raking.uniform_draws(keys, 5)
    assert np.array_equal(raking.uniform_draws(keys[[2, 0]], 5), draws[[2, 0]])
    assert not np.array_equal(raking.uniform_draws(keys, 6), draws)
    many = raking.uniform_draws(np.arange(20_000), 5)
    assert abs(many.mean() - 0.5) < 0.01 and abs(many.var() - 1 / 12) < 0.005


@given(st.floats(0.0, 1.0), st.integers(1, 200))
def test_systematic_choice_misses_by_at_most_half_a_record(share: float, size: int) -> None:
    rng = np.random.default_rng(size)
    keys, weights = rng.random(size), rng.uniform(0.5, 3, size)
    chosen = raking.systematic_choice(keys, weights, share)
    assert abs(weights[chosen].sum() - share * weights.sum()) <= 0.5 * weights.max() + 1e-9


def test_sigma_of_mean_and_median() -> None:
    sigma = raking.lognormal_sigma(27300, 10500)
    assert np.exp(0.5 * sigma**2) * 10500 == pytest.approx(27300)
    with pytest.raises(InputError):
        raking.lognormal_sigma(10, 20)
