"""Bands of headline numbers: what is drawn together, the control variate, and the stored table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.errors import InputError
from fiscal.results import bands
from fiscal.studies import skill_study

FEW = {"parameters": 5, "paths": 32, "each": 8}
EQUITY = "equity_adoption"


@pytest.fixture(scope="module")
def boom() -> bands.Draws:
    case = scenarios.load("boom", {"horizon.last_year": 2036})
    return bands.draws_of(case, **FEW)


def test_a_difference_is_narrower_than_a_level_and_keeps_its_sign(boom) -> None:
    window = bands.TEN_YEARS[0].label
    level, difference = boom.values[bands.LEVEL][window], boom.values[EQUITY][window]
    assert len(level) == len(difference) == boom.count == FEW["parameters"] * FEW["paths"]
    low, high = bands.band(difference)
    assert 0 < low < boom.central[EQUITY][window] < high
    level_low, level_high = bands.band(level)
    assert level_low < boom.central[bands.LEVEL][window] < level_high
    assert high - low < 0.1 * (level_high - level_low)


def test_the_same_scenario_has_the_same_draws(boom) -> None:
    """So that two scenarios are compared draw by draw: one without an event differs from equity by nothing."""
    window = bands.TEN_YEARS[1].label
    case = scenarios.load("baseline", {"horizon.last_year": 2036})
    plain = bands.draws_of(case, **FEW)
    own = boom.values[bands.LEVEL][window] - boom.values["no_crypto"][window]
    np.testing.assert_allclose(plain.values[bands.LEVEL][window], own, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(slope=st.floats(-3, 3), shift=st.floats(-5, 5), seed=st.integers(0, 99))
def test_the_control_variate_gives_back_a_line(slope, shift, seed) -> None:
    rng = np.random.default_rng(seed)
    whole = rng.normal(size=(40, 3))
    few = shift + slope * whole[:8]
    found = bands.followed(few, whole, rng.integers(0, 8, 40))
    np.testing.assert_allclose(found, shift + slope * whole, atol=1e-8)


def test_the_nested_simulation_is_unbiased() -> None:
    """Mean and variance of all paths, from a few that are no line of the central ones, over many sets of paths."""
    rng = np.random.default_rng(0)
    mean, variance = [], []
    for _ in range(600):
        whole = rng.normal(size=(128, 1))
        true = 1 + 2 * whole + 0.3 * whole**2 + rng.normal(0, 0.5, whole.shape)
        found = bands.followed(true[:16], whole, rng.integers(0, 16, 128))
        mean.append(found.mean() - true.mean())
        variance.append(found.var() / true.var())
    assert abs(np.mean(mean)) < 3 * np.std(mean) / np.sqrt(len(mean))
    assert np.mean(variance) == pytest.approx(1, abs=0.05)


def test_past_errors_keep_their_sign_and_start_at_the_last_published_year() -> None:
    """Factors are published over model, as the errors at the same lead were."""
    years = np.arange(2025, 2037)
    factors = bands.past_factors(years, 2000)
    table = sources.table(bands.RESIDUALS)
    own = table[(table["forecast"] == "model") & (table["quantity"] == bands.CONTRIBUTIONS)]
    middle = np.median(np.log(factors[bands.CONTRIBUTIONS]), axis=0)
    for lead in (2, 3):  # 2025 and 2026 are two and three years from the last published one
        errors = own.loc[own["lead_years"] == lead, "residual"]
        assert middle[lead - 2] == pytest.approx(-errors.mean(), abs=0.003)
    spread = np.log(factors[bands.BENEFITS]).std(axis=0)
    assert (spread > 0).all() and spread[-1] > spread[0]


def test_a_setting_that_a_scenario_changes_is_drawn_around_its_own_value() -> None:
    """By the same amounts as in the baseline, within what the setting allows."""
    key, own = "tax.withdrawal_scale", 1.2
    base, moved = (bands._parameters(scenarios.load("baseline", changes), 8) for changes in ({}, {key: own}))
    for one, other in zip(base, moved, strict=True):
        assert other[key] - own == pytest.approx(one[key] - 1)
        assert {name: value for name, value in other.items() if name != key} == {
            name: value for name, value in one.items() if name != key
        }


def test_the_central_value_of_random_paths_is_their_median(monkeypatch) -> None:
    monkeypatch.setattr(bands, "_parameters", lambda *_: [{}])
    case = scenarios.load("stochastic_central", {"horizon.last_year": 2036})
    found = bands.draws_of(case, **FEW)
    start = bands._prepared(case)
    flows = bands._flows(case.settings, start, None, FEW["paths"])
    net = {
        label: bands._net(parts, (np.ones(1), np.ones(1)), start.fraction, case.settings)
        for label, parts in flows.items()
    }
    change = net["scenario"] - net[EQUITY]
    window = bands.TEN_YEARS[0]
    sums = bands.window_sum(change, start.inputs.years, window) / bands.BILLION
    assert len(sums) == FEW["paths"]
    assert found.central[EQUITY][window.label] == pytest.approx(float(np.median(sums)))


def test_too_few_draws_are_refused() -> None:
    case = scenarios.load("baseline")
    with pytest.raises(InputError, match="too few draws"):
        bands.draws_of(case, paths=4)


def test_the_stored_table_has_the_cases_on_any_horizon() -> None:
    table = sources.table(bands.TABLE)
    assert set(table["fingerprint"]) == {bands.key_of(case) for case in skill_study.cases()}
    assert (table["low_bn_usd"] <= table["high_bn_usd"]).all()
    short, long = (scenarios.load("boom", {"horizon.last_year": year}) for year in (2040, 2100))
    window = bands.TEN_YEARS[0]
    assert bands.stored_band(short, bands.LEVEL, window) == bands.stored_band(long, bands.LEVEL, window)
    other = scenarios.load("boom", {"tax.withdrawal_scale": 1.1})
    assert bands.stored_band(other, bands.LEVEL, window) is None


def test_every_scenario_of_the_catalogue_has_a_key() -> None:
    """Also one that names a year after the windows of the bands, such as a reversal in 2037."""
    keys = {name: bands.key_of(scenarios.load(name)) for name in scenarios.catalogue()}
    assert keys["policy_reversal"] == scenarios.load("policy_reversal").fingerprint()
    assert keys["boom"] == bands.key_of(scenarios.load("boom", {"horizon.last_year": 2050}))
