"""Expectations without drawing: a portfolio's on the random paths, and the means that the flat-tax model corrects."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fiscal.base.axes import ASSETS
from fiscal.engine import run as engine_run
from fiscal.engine.allocation import path_settings
from fiscal.engine.random_paths import Distribution
from fiscal.markets import portfolio
from fiscal.markets.paths import path_model
from fiscal.markets.portfolio import Portfolio, balances_on_paths, expected_balances
from fiscal.results.tables import path_tables
from fiscal.scenario import load

YEARS = np.arange(2025, 2050)
N = len(YEARS)
CRYPTO, EQUITY, PRIVATE = (ASSETS.index(name) for name in ("crypto", "equity", "private_equity"))


def told(model: str = "regime_switching", **changes: object) -> dict[str, Any]:
    chosen = {f"paths.{key}": value for key, value in changes.items()}
    return path_settings(load("boom", {"paths.model": model, **chosen}).settings)


def mixed(share: float = 0.4) -> Portfolio:
    """Equity and bonds in changing weights; crypto and private equity beside them; money in, out and charged."""
    core = np.zeros((N, len(ASSETS)))
    core[:, EQUITY] = np.linspace(0.8, 0.4, N)
    core[:, ASSETS.index("bonds")] = 1 - core[:, EQUITY]
    sleeve = np.zeros(len(ASSETS))
    sleeve[[CRYPTO, PRIVATE]] = 0.75, 0.25
    return Portfolio(
        opening_usd=100.0,
        paid_out_share=np.linspace(0.02, 0.1, N),
        paid_in_usd=np.linspace(10.0, 20.0, N),
        core_weight=core,
        sleeve_weight=sleeve,
        sleeve_share=np.minimum(np.arange(N) / 10, 1) * share,
        kept_share=np.array([np.full(N, 0.995), np.full(N, 0.98)]),
    )


def drawn(settings: dict[str, Any], count: int = 2000) -> np.ndarray:
    return path_model(settings["model"]).draw(settings, YEARS, count, 1).half_returns


def test_balances_are_those_of_a_ledger_kept_by_hand() -> None:
    held, halves = mixed(), drawn(told(), 3)
    balance, found = 100.0, balances_on_paths(held, halves)[1]
    for y in range(N):
        assert found[y] == pytest.approx(balance, rel=1e-12)
        stays = balance * (1 - held.paid_out_share[y])
        crypto = stays * held.sleeve_share[y]
        core = stays - crypto
        for half in halves[1, y]:
            core *= 1 + half @ held.core_weight[y]
            crypto *= 1 + half @ held.sleeve_weight
        balance = core * 0.995 + crypto * 0.98 + held.paid_in_usd[y]


@pytest.mark.parametrize(
    "settings",
    [
        told(),
        told(value_cap_over_gdp=0.15),  # held from the first year on, on some paths
        told(crypto_return=0.3, crypto_volatility=0.3, crypto_volatility_mature=0.2),
        told(tail_share=0.4, tail_variance=20.0, equity_correlation=0.9),
        told(measure="risk_neutral"),
        told("bootstrap", measure="risk_neutral"),
    ],
    ids=["default", "low_cap", "calm", "tails", "risk_neutral", "bootstrap"],
)
def test_the_expectation_is_that_of_the_paths(settings: dict[str, Any]) -> None:
    """Of every year within four standard errors; and exact while the returns are those that happened."""
    held = mixed()
    expected, paths = expected_balances(held, settings, YEARS), balances_on_paths(held, drawn(settings))
    assert expected is not None
    np.testing.assert_allclose(expected[:2], paths[0, :2], rtol=1e-9)
    error = paths[:, 2:].std(axis=0, ddof=1) / np.sqrt(len(paths))
    assert (np.abs(paths[:, 2:].mean(axis=0) - expected[2:]) < 4 * error).all()


def test_the_cap_is_in_the_expectation() -> None:
    low, high = (expected_balances(mixed(), told(value_cap_over_gdp=cap), YEARS) for cap in (0.15, 1000.0))
    assert low is not None and high is not None and (low[3:] < 0.99 * high[3:]).all()


def test_the_expectation_does_not_depend_on_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = told(value_cap_over_gdp=0.5)
    coarse = expected_balances(mixed(), settings, YEARS)
    monkeypatch.setattr(portfolio, "FINENESS", 4 * portfolio.FINENESS)
    fine = expected_balances(mixed(), settings, YEARS)
    assert coarse is not None and fine is not None
    np.testing.assert_allclose(coarse, fine, rtol=1e-6)


def test_without_crypto_no_grid_is_needed_and_nothing_changes() -> None:
    """A sleeve that holds next to no crypto, followed over the grid, and one that holds none."""
    held, settings = mixed(), told()
    without = replace(held, sleeve_weight=np.eye(len(ASSETS))[PRIVATE])
    trace = without.sleeve_weight.copy()
    trace[CRYPTO] = 1e-12
    plain, over_grid = (
        expected_balances(one, settings, YEARS) for one in (without, replace(without, sleeve_weight=trace))
    )
    assert plain is not None and over_grid is not None
    np.testing.assert_allclose(plain, over_grid, rtol=1e-8)


def test_what_is_not_known_is_not_said() -> None:
    assert expected_balances(mixed(), told("bootstrap"), YEARS) is None
    # nearly all paths lose nearly all, and the mean is that of a few nobody draws
    wild = told(crypto_return=0.5, crypto_volatility=1.5, crypto_volatility_mature=1.5)
    assert expected_balances(mixed(0.9), wild, YEARS) is None


# --- the means of a run -----------------------------------------------------------------------------


@cache
def computed(count: int, **changes: object) -> engine_run.Paths:
    chosen = {f"paths.{key}": value for key, value in changes.items()}
    small = {"paths.count": count, "horizon.last_year": 2045, "backstop.paths": 0, **chosen}
    paths = engine_run.compute(load("stochastic_central", small), run_off=False).paths
    assert paths is not None
    return paths.drawn()


def windows(paths: engine_run.Paths) -> pd.DataFrame:
    frame = path_tables(paths)["path_windows"]
    return frame.set_index(["measure", "reference", "window", "line"]).sort_index()


def first_paths(of: Distribution, count: int) -> Distribution:
    return replace(
        of,
        lines={label: {line: values[:count] for line, values in lines.items()} for label, lines in of.lines.items()},
        crypto_over_gdp=of.crypto_over_gdp[:count],
        capped=of.capped[:count],
        flat_tax={label: values[:count] for label, values in of.flat_tax.items()},
    )


def test_controlled_means_come_nearer_to_those_of_many_paths() -> None:
    paths = computed(800)
    part = replace(paths, distributions=tuple(first_paths(of, 64) for of in paths.distributions))
    few, many = windows(part), windows(paths)
    near = few["standard_error_controlled_bn_usd"] < few["standard_error_bn_usd"] / 3
    shown = [
        (measure, reference, window, "net_revenue")
        for measure in ("real", "risk_neutral")
        for reference in ("none", "no_crypto", "equity_adoption")
        for window in ("FY2026-2035", "present value")
    ]
    assert near.loc[shown].all()
    gap = (few["mean_controlled_bn_usd"] - many["mean_controlled_bn_usd"]).loc[shown]
    error = np.hypot(few["standard_error_controlled_bn_usd"], many["standard_error_controlled_bn_usd"])
    assert (gap.abs() < 4 * error.loc[shown]).all()
    # and the plain means agree with it
    gap = (many["mean_controlled_bn_usd"] - many["mean_bn_usd"]).loc[shown]
    assert (gap.abs() < 4 * many["standard_error_bn_usd"].loc[shown]).all()


def test_sobol_means_are_corrected_without_a_standard_error_and_unknown_ones_are_not() -> None:
    sobol = windows(computed(16, draws="sobol")).loc["real"]
    bootstrap = windows(computed(16, model="bootstrap"))
    assert sobol["mean_controlled_bn_usd"].notna().all()
    assert sobol["standard_error_controlled_bn_usd"].isna().all()
    for column in ("mean_controlled_bn_usd", "standard_error_controlled_bn_usd"):
        assert bootstrap.loc["real", column].isna().all()
        assert bootstrap.loc["risk_neutral", column].notna().all()
