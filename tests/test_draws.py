"""Draws: Sobol points by their index, smoother means, the record's variance over a year, one-month martingales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiscal.base.axes import ASSETS
from fiscal.engine.allocation import path_settings
from fiscal.markets import losses, stochastic
from fiscal.markets.paths import AssetPaths, path_model, smoothed
from fiscal.scenario import load

YEARS = np.arange(2025, 2061)
CRYPTO, EQUITY = ASSETS.index("crypto"), ASSETS.index("equity")


def told(model: str, **changes: object) -> dict[str, Any]:
    chosen = {f"paths.{key}": value for key, value in changes.items()}
    return path_settings(load("boom", {"paths.model": model, **chosen}).settings)


# --- Sobol ------------------------------------------------------------------------------------------


def test_a_sobol_path_is_the_same_in_any_number_and_batch() -> None:
    model, settings = path_model("regime_switching"), told("regime_switching", draws="sobol")
    whole = model.draw(settings, YEARS, 64, 1).half_returns
    for first, count in ((0, 10), (7, 1), (40, 24)):
        part = model.draw(settings, YEARS, count, 1, first).half_returns
        np.testing.assert_array_equal(part, whole[first : first + count])
    assert (model.draw(settings, YEARS, 64, 2).half_returns != whole).any()
    assert (model.draw(told("regime_switching"), YEARS, 64, 1).half_returns != whole).any()


def test_slow_components_are_orthonormal_and_the_slowest_of_a_random_walk() -> None:
    months = 240
    slow = stochastic.slow_components(months)
    np.testing.assert_allclose(slow.T @ slow, np.eye(slow.shape[1]), atol=1e-12)
    walk = np.tril(np.ones((months, months)))
    variances = np.linalg.svd(walk, compute_uv=False)[: slow.shape[1]] ** 2
    np.testing.assert_allclose(((walk @ slow) ** 2).sum(axis=0), variances, rtol=1e-9)


def test_sobol_shocks_have_the_law_of_pseudo_random_ones() -> None:
    law = stochastic.monthly_law(told("regime_switching"), YEARS)
    found = {}
    for draws in ("pseudo", "sobol"):
        settings = told("regime_switching", draws=draws)
        found[draws] = stochastic.RegimeSwitching().log_returns(settings, law, 1024, 1, 0)
    months = found["pseudo"].shape[1]
    for statistic in (np.mean, np.std):
        pseudo, sobol = (statistic(values, axis=(0, 1)) for values in found.values())
        assert np.abs(pseudo - sobol).max() < 5 * found["pseudo"].std() / np.sqrt(1024 * months)
    flat = [np.corrcoef(values.reshape(-1, len(ASSETS)).T) for values in found.values()]
    np.testing.assert_allclose(flat[0], flat[1], atol=0.01)


def test_sobol_means_are_smoother() -> None:
    """The mean growth over thirty years from independent scrambles, against the same from pseudo-random seeds."""

    def spread(draws: str, asset: int) -> float:
        settings = told("regime_switching", draws=draws, value_cap_over_gdp=1000.0)
        model = path_model("regime_switching")
        means = [
            np.log1p(model.draw(settings, YEARS, 256, seed).half_returns[..., asset]).sum(axis=(1, 2)).mean()
            for seed in range(1, 9)
        ]
        return float(np.var(means, ddof=1))

    assert spread("sobol", EQUITY) < spread("pseudo", EQUITY) / 10
    # a part of crypto's variance is in its regimes, which are not smooth in the draws
    assert spread("sobol", CRYPTO) < spread("pseudo", CRYPTO) / 2


# --- the record -------------------------------------------------------------------------------------


def test_the_bootstrap_keeps_its_window_s_variance_over_a_year() -> None:
    """Variance of twelve-month sums over twelve times that of a month: of the window, read as a circle whose
    blocks break at the model's own rate, and of what is drawn."""
    settings = told("bootstrap", crypto_volatility_mature=0.6)
    law = stochastic.monthly_law(settings, YEARS)
    drawn = stochastic.Bootstrap().log_returns(settings, law, 1500, 3, 0) - law.mean_log
    year = drawn[:, :408].reshape(1500, -1, 12, len(ASSETS)).sum(axis=2).reshape(-1, len(ASSETS))
    ratio = year.var(axis=0) / (12 * drawn.reshape(-1, len(ASSETS)).var(axis=0))
    window = stochastic.joint_months()
    centred = window - window.mean(axis=0)
    lags = np.arange(1, 12)
    covariance = np.array([(centred * np.roll(centred, -lag, axis=0)).mean(axis=0) for lag in lags])
    kept = (1 - 1 / settings["block_months"]) ** lags
    weight = (2 * (1 - lags / 12) * kept)[:, None]
    expected = 1 + (weight * covariance).sum(axis=0) / (centred**2).mean(axis=0)
    np.testing.assert_allclose(ratio, expected, rtol=0.04)
    # and the window's own, overlapping years
    own = np.lib.stride_tricks.sliding_window_view(centred, 12, axis=0).sum(axis=-1).var(axis=0)
    record = own / (12 * (centred**2).mean(axis=0))
    for asset in (CRYPTO, EQUITY):
        assert ratio[asset] == pytest.approx(record[asset], rel=0.06)
    assert record[CRYPTO] > 1.5  # falls and rises last longer than a month


def test_every_asset_s_risk_neutral_month_is_a_martingale_in_every_state() -> None:
    """One month of the regime model, many paths: mean gross return 1 + rf within 4 standard errors, and the
    conditional mean the same after months of either state."""
    settings = told("regime_switching", measure="risk_neutral")
    law = stochastic.monthly_law(settings, np.arange(2025, 2037))
    logs = stochastic.RegimeSwitching().log_returns(settings, law, 4000, 5, 0)
    gross = np.exp(logs) / (1 + law.risk_free[:, None])
    error = gross.std(axis=0, ddof=1) / np.sqrt(len(gross))
    assert (np.abs(gross.mean(axis=0) - 1) / error).max() < 4.7  # the largest of some 880
    crypto = gross[:, 1:, CRYPTO]
    risen = logs[:, :-1, CRYPTO] > 0.1
    for chosen in (risen, ~risen):
        part = crypto[chosen]
        assert abs(part.mean() - 1) < 4 * part.std() / np.sqrt(part.size)


# --- operational losses -----------------------------------------------------------------------------


def test_losses_are_those_of_the_record() -> None:
    record = losses.loss_record()
    found = losses.incidents()
    assert record.events_a_year == pytest.approx(len(found) / 12)
    assert set(found["kind"]) <= set(losses.CUSTODIAL) and found["lost_share"].between(0, 1).all()
    assert found.loc[found["lost_share"].idxmax(), "entity"] == "Mt. Gox"
    years = np.arange(2025, 2101)
    drawn = losses.draw_loss_rates(1.0, 0.5, years, 4000, 1, 0)
    assert (drawn[:, :2] == 0).all() and ((drawn >= 0) & (drawn < 1)).all()
    per_path = drawn[:, 2:].mean(axis=1)
    mean = losses.expected_loss_rate(1.0, 0.5)
    assert abs(per_path.mean() - mean) < 4 * per_path.std() / np.sqrt(len(per_path))
    assert np.quantile(drawn[:, 2:], 0.99) > 5 * drawn[:, 2:].mean()  # heavy-tailed


def test_losses_are_the_same_in_any_batch_and_longer_horizons_go_on() -> None:
    years = np.arange(2025, 2061)
    whole = losses.draw_loss_rates(2.0, 0.2, years, 30, 7, 0)
    np.testing.assert_array_equal(losses.draw_loss_rates(2.0, 0.2, years, 5, 7, 11), whole[11:16])
    longer = losses.draw_loss_rates(2.0, 0.2, np.arange(2025, 2081), 30, 7, 0)
    np.testing.assert_array_equal(longer[:, : len(years)], whole)
    assert (losses.draw_loss_rates(0.0, 0.2, years, 3, 7, 0) == 0).all()


@given(frequency=st.floats(0, 10), recovered=st.floats(0, 1))
def test_the_expected_loss_is_a_share_and_falls_with_recovery(frequency: float, recovered: float) -> None:
    rate = losses.expected_loss_rate(frequency, recovered)
    assert 0 <= rate <= losses.expected_loss_rate(frequency, 0.0) <= 1


# --- smoothing --------------------------------------------------------------------------------------


@given(weight=st.floats(0.05, 0.95), seed=st.integers(0, 50))
def test_smoothing_delays_and_does_not_lose(weight: float, seed: int) -> None:
    logs = np.random.default_rng(seed).normal(0.02, 0.1, (2, 40, 2, len(ASSETS)))
    logs[:, 20:] = 0.03  # quiet years at the end: the appraisals catch up
    plain = AssetPaths(ASSETS, np.arange(2025, 2065), np.expm1(logs), "made up")
    late = np.log1p(smoothed(plain, weight).half_returns)
    private, listed = ASSETS.index("private_equity"), ASSETS.index("equity")
    np.testing.assert_array_equal(late[..., listed], np.log1p(plain.half_returns)[..., listed])
    # a filter with no gain: what it lets through of the steps from half to half has no more energy than they
    steps = [np.diff(x[:, :20, :, private].reshape(2, -1)) for x in (late, logs)]
    assert np.square(steps[0]).sum() < np.square(steps[1]).sum()
    left = weight**40 / (1 - weight) * np.abs(logs).max() * 40
    gap = late[..., private].sum(axis=(1, 2)) - logs[..., private].sum(axis=(1, 2))
    first = logs[:, 0, 0, private] - 0.03  # the first half has no half before it
    np.testing.assert_allclose(gap, first * weight / (1 - weight), atol=left + 1e-9)
    assert smoothed(plain, 0.0) is plain


def test_smoothing_reaches_a_run_and_keeps_the_long_run() -> None:
    from fiscal.engine import run

    short = {"horizon.last_year": 2045}
    plain = run.compute(load("private_equity", short), run_off=False)
    late = run.compute(load("private_equity", {**short, "alternatives.smoothing": 0.5}), run_off=False)
    early = np.abs(plain.market.half_returns[0, 1:3] - late.market.half_returns[0, 1:3]).max()
    assert early > 1e-3
    # expected returns still move a little from year to year, and what is smoothed follows late
    np.testing.assert_allclose(plain.market.half_returns[0, -1], late.market.half_returns[0, -1], atol=2e-4)
