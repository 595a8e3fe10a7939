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
from fiscal.studies import skill

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
    found = bands._followed(few, whole, rng.integers(0, 8, 40))
    np.testing.assert_allclose(found, shift + slope * whole, atol=1e-8)


def test_errors_have_no_sign_and_leave_the_opening_alone() -> None:
    paid_in, received = bands._errors(np.arange(2025, 2037), 4000)
    assert (paid_in[:, 0] == 1).all() and (received[:, 0] == 1).all()
    np.testing.assert_allclose(np.log(received).mean(axis=0), 0, atol=0.02)
    spread = np.log(paid_in).std(axis=0)
    assert spread[10] > spread[1] > 0


def test_too_few_draws_are_refused() -> None:
    case = scenarios.load("baseline")
    with pytest.raises(InputError, match="too few draws"):
        bands.draws_of(case, paths=4)


def test_the_stored_table_has_the_cases_on_any_horizon() -> None:
    table = sources.table(bands.TABLE)
    assert set(table["fingerprint"]) == {bands.key_of(case) for case in skill.cases()}
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
