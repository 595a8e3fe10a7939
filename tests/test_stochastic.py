"""Random paths: the same path whatever the batch, recentred, priced at one, and never averaged away."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from fiscal.base import compiled, sources
from fiscal.base.axes import ASSETS
from fiscal.base.errors import InputError
from fiscal.engine import run as engine_run
from fiscal.engine.allocation import path_settings
from fiscal.engine.random_paths import simulate
from fiscal.markets import estimation, stochastic
from fiscal.markets.paths import implied_crypto_value_over_gdp, path_model
from fiscal.scenario import load

MODELS = ("regime_switching", "bootstrap")
YEARS = np.arange(2025, 2061)
PATHS = 1500
CRYPTO, EQUITY = ASSETS.index("crypto"), ASSETS.index("equity")


def told(model: str, **changes: object) -> dict[str, object]:
    chosen = {f"paths.{key}": value for key, value in changes.items()}
    return path_settings(load("boom", {"paths.model": model, **chosen}).settings)


@cache
def drawn(model: str, measure: str = "real") -> np.ndarray:
    settings = told(model, value_cap_over_gdp=1000.0, measure=measure)
    return path_model(model).draw(settings, YEARS, PATHS, 1).half_returns


@pytest.mark.parametrize("model", MODELS)
def test_a_path_is_the_same_in_any_number_and_batch(model: str) -> None:
    whole = path_model(model).draw(told(model), YEARS, 60, 1).half_returns
    for first, count in ((0, 10), (7, 1), (40, 20)):
        part = path_model(model).draw(told(model), YEARS, count, 1, first).half_returns
        np.testing.assert_array_equal(part, whole[first : first + count])
    assert (path_model(model).draw(told(model), YEARS, 60, 2).half_returns != whole).any()
    # a longer horizon goes on from the same beginning
    longer = path_model(model).draw(told(model), np.arange(2025, 2071), 5, 1).half_returns
    np.testing.assert_array_equal(longer[:, : len(YEARS)], whole[:5])


@pytest.mark.parametrize("model", MODELS)
def test_months_that_happened_are_real_on_every_path(model: str) -> None:
    paths = drawn(model)
    assert (paths[:, 0] == paths[:1, 0]).all() and (paths[:, 1, 0] == paths[:1, 1, 0]).all()
    assert len(np.unique(paths[:, 1, 1, CRYPTO])) > 50


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("asset", ["crypto", "equity", "bonds"])
def test_recentred_paths_have_the_stated_geometric_mean(model: str, asset: str) -> None:
    """Over the ten years for which the crypto return is stated, within four standard errors."""
    x = ASSETS.index(asset)
    logs = np.log1p(drawn(model)[:, 2:12, :, x]).sum(axis=(1, 2)) / 10
    central = path_model(model).central(told(model, value_cap_over_gdp=1000.0), YEARS).half_returns
    expected = np.log1p(central[0, 2:12, :, x]).sum() / 10
    # months within a path hang together in regimes; paths do not
    assert abs(logs.mean() - expected) < 4 * logs.std() / np.sqrt(PATHS)
    if asset == "crypto":
        nine_and_a_half = 9.5 / 10  # the stated return holds for ten years from mid-2026
        assert expected == pytest.approx(np.log(1.06), rel=1 - nine_and_a_half)


@pytest.mark.parametrize("model", MODELS)
def test_crypto_without_a_premium_is_expected_to_be_worth_what_stocks_are(model: str) -> None:
    """After one and three years, within four standard errors; the median dollar loses."""
    settings = told(model, value_cap_over_gdp=1000.0, crypto_mean="equity")
    growth = 1 + path_model(model).draw(settings, np.arange(2025, 2031), 2 * PATHS, 1).half_returns
    for years in (1, 3):
        dollars = growth.reshape(2 * PATHS, -1, len(ASSETS))[:, 3 : 3 + 2 * years].prod(axis=1)
        gap = dollars[:, CRYPTO] - dollars[:, EQUITY]
        assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(2 * PATHS), years
        assert np.median(dollars[:, CRYPTO]) < 1 < np.median(dollars[:, EQUITY])


def test_the_volatility_of_crypto_matures() -> None:
    logs = np.log1p(drawn("regime_switching")[..., CRYPTO])
    early, late = logs[:, 2:6].std(), logs[:, -4:].std()
    assert late < 0.85 * early


def test_the_bootstrap_keeps_its_window_s_correlation() -> None:
    settings = told("bootstrap", crypto_volatility_mature=0.6)
    law = stochastic.monthly_law(settings, YEARS)
    months = stochastic.Bootstrap().log_returns(settings, law, 400, 3, 0) - law.mean_log
    flat = months.reshape(-1, len(ASSETS))
    window = stochastic.joint_months()
    np.testing.assert_allclose(np.corrcoef(flat.T), np.corrcoef(window.T), atol=0.03)


@pytest.mark.parametrize("model", MODELS)
def test_risk_neutral_paths_price_every_asset_at_one(model: str) -> None:
    """Growth over the bill's, at 1, 5 and 10 years from mid-2026, within three standard errors of one."""
    growth = 1 + drawn(model, "risk_neutral")
    bill = stochastic.risk_free_growth(YEARS)
    for years in (1, 5, 10):
        first, last = 3, 3 + 2 * years  # halves since the opening of 2025
        flat = growth.reshape(PATHS, -1, len(ASSETS))[:, first:last].prod(axis=1)
        price = flat / bill.reshape(-1)[first:last].prod()
        error = price.std(axis=0, ddof=1) / np.sqrt(PATHS)
        assert (np.abs(price.mean(axis=0) - 1) < 3 * error + 1e-12).all(), years


def test_the_bootstrap_s_risk_neutral_month_is_a_martingale_exactly() -> None:
    settings = told("bootstrap", measure="risk_neutral")
    law = stochastic.monthly_law(settings, YEARS)
    window = stochastic.joint_months()
    centred = window - window.mean(axis=0)
    scale = np.ones(len(ASSETS))
    scale[CRYPTO] = law.crypto_volatility[0] / estimation.sample_volatility(window[:, CRYPTO])
    gross = np.exp(centred * scale)
    one = gross / gross.mean(axis=0) * (1 + law.risk_free[0])
    np.testing.assert_allclose(one.mean(axis=0), 1 + law.risk_free[0], rtol=1e-12)


def test_a_risk_neutral_measure_is_refused_where_there_is_none() -> None:
    with pytest.raises(InputError, match="no risk-neutral measure"):
        load("boom", {"paths.measure": "risk_neutral"})


def test_capped_paths_are_held_and_counted() -> None:
    years = np.arange(2025, 2101)
    market = path_model("regime_switching").draw(told("regime_switching", crypto_return=0.15), years, 200, 1)
    ratio = implied_crypto_value_over_gdp(market).to_numpy()
    assert ratio.max() <= 3.0 * (1 + 1e-9)
    assert market.capped is not None and 0.2 < market.capped.any(axis=1).mean() < 1
    assert (np.abs(ratio.T[market.capped[:, 1:]] - 3.0) < 1e-6).all()


def test_stored_estimates_are_what_the_record_gives() -> None:
    stored = estimation.stored("switching_mean")
    fresh = estimation.switching_fit(estimation.crypto_months(), starts=6)
    for name in ("mean_low", "mean_high", "sd", "stay_low", "stay_high"):
        assert fresh[name] == pytest.approx(stored[name], rel=2e-3, abs=2e-4), name
    assert stored["agree"] >= 15  # of twenty starts
    assert stored["bic"] > estimation.stored("iid")["bic"]  # regimes are not significant


def test_replay_plays_the_record_and_then_the_long_run() -> None:
    settings = load("replay_2013", {"paths.after_event": "equity"}).settings
    paths = path_model("historical_replay").draw(path_settings(settings), np.arange(2025, 2101))
    months = np.expm1(estimation.monthly_log_returns("2013-12", "2014-05")["crypto"].to_numpy().sum())
    at = settings.paths.replay_year - 2025
    assert paths.half_returns[0, at, 0, CRYPTO] == pytest.approx(months, rel=1e-12)
    np.testing.assert_allclose(paths.half_returns[0, -1, :, CRYPTO], paths.half_returns[0, -1, :, EQUITY])


GOOD = "year,crypto,equity\n" + "".join(f"{year},0.1,0.05\n" for year in range(2026, 2041))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("year,crypto\n2026,0.1\n2028,0.1\n", ["years are missing", "2027"]),
        ("year,crypto\n2026,nan\n2027,-1.1\n2028,x\n", ["line 2", "line 3", "line 4"]),
        ("year,cripto\n2026,0.1\n", ["unknown column", "crypto"]),
        ("crypto\n0.1\n", ["the column is missing"]),
        ("year,crypto\n2026,0.1\n2026,0.2\n", ["appear twice"]),
        ("year,crypto\n", ["no rows"]),
        (
            "year,crypto\n" + "".join(f"{year},9e3\n" for year in range(2026, 2101)),
            ["path 1, crypto", "grows beyond what can be computed"],
        ),
        ("year,crypto\n2026,0.1\n999999999,0.1\n", ["not a year", "line 3"]),
        ("year,crypto\n" + "2026,0.1\n" * 30_000, ["appear twice"]),
        ("year,crypto\n" + "2026,x\n" * 30_000, ["crypto, line 2"]),
        ("\x00\x01", []),
    ],
)
def test_a_user_s_file_is_refused_with_every_fault(tmp_path, text: str, words: list[str]) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(text)
    settings = told("user", file=str(file), allow_extreme=True)
    with pytest.raises(InputError) as caught:
        path_model("user").draw(settings, YEARS)
    for word in words:
        assert word in str(caught.value)


def test_a_user_s_file_gives_its_returns(tmp_path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(GOOD)
    market = path_model("user").draw(told("user", file=str(file)), YEARS)
    annual = market.annual_returns()[0]
    np.testing.assert_allclose(annual[2:16, CRYPTO], 0.1)
    np.testing.assert_allclose(annual[2:16, EQUITY], 0.05)
    with pytest.raises(InputError, match="no such file"):
        path_model("user").draw(told("user", file=str(tmp_path / "none.csv")), YEARS)


@cache
def small() -> engine_run.Run:
    return engine_run.compute(load("stochastic_central", {"paths.count": 20, "horizon.last_year": 2040}))


@cache
def drawn_once() -> engine_run.Paths:
    paths = small().paths
    assert paths is not None
    return paths.drawn()


class InMemory(dict):
    """Batches that end the run after some of them."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self.patience = patience

    def load(self, key):
        return self.get(key)

    def save(self, key, arrays):
        if self.patience == 0:
            raise KeyboardInterrupt
        self.patience -= 1
        self[key] = dict(arrays)


def test_an_interrupted_simulation_goes_on_to_the_same_bits(monkeypatch) -> None:
    from fiscal.engine import random_paths

    paths = small().paths
    assert paths is not None
    told = dict(measure="real", count=20, batch=6)
    kept = InMemory(2)
    with pytest.raises(KeyboardInterrupt):
        simulate(paths.asked, batches=kept, **told)
    assert sorted(kept) == ["real-0000000-6", "real-0000006-6"]
    kept.patience = 99
    drawn = []
    on_paths = random_paths.on_paths
    monkeypatch.setattr(
        random_paths, "on_paths", lambda inputs, label, market: drawn.append(label) or on_paths(inputs, label, market)
    )
    again = simulate(paths.asked, batches=kept, **told)
    assert len(drawn) == 2 * len(again.lines)  # the two batches that were left, and no other
    own = drawn_once().distributions[0]
    np.testing.assert_array_equal(again.crypto_over_gdp, own.crypto_over_gdp)
    np.testing.assert_array_equal(again.capped, own.capped)
    for label, lines in again.lines.items():
        for line, values in lines.items():
            np.testing.assert_array_equal(values, own.lines[label][line], err_msg=f"{label} {line}")


def test_the_distribution_is_the_same_for_any_batch_and_number_of_threads() -> None:
    paths = drawn_once()
    own, asked = paths.distributions[0], paths.asked
    whole = simulate(asked, measure="real", count=200, batch=200)
    for batch, at_once in ((64, 1), (150, compiled.threads())):
        with compiled.at_most(at_once):
            again = simulate(asked, measure="real", count=200, batch=batch)
        np.testing.assert_array_equal(again.crypto_over_gdp, whole.crypto_over_gdp)
        for label, lines in again.lines.items():
            for line, values in lines.items():
                np.testing.assert_array_equal(values, whole.lines[label][line], err_msg=f"{label} {line}")
                np.testing.assert_array_equal(values[:20], own.lines[label][line])


def test_the_central_path_of_the_kernel_is_the_reference_s() -> None:
    """The kernel on the central path's own returns gives what the plain projection gives."""
    from dataclasses import replace

    from fiscal.projection.kernel import BuildupRates, project_totals

    run = small()
    inputs = run.inputs.until(2040)
    one = replace(
        inputs, path_labels=("scenario",), mix=inputs.mix[:1], half_return=inputs.half_return[:1],
        **{
            name: getattr(inputs, name)[:1]
            for name in (
                "loss_rate", "crypto_target_share", "crypto_contribution_share", "transfer", "rebalancing",
                "sale_share", "crypto_market_usd", "contribution_scale",
            )
        },
    )  # fmt: skip
    n = len(inputs.years)
    law = BuildupRates(
        interest_rate=run.buildup.interest_rate[:n], dividend_rate=run.buildup.dividend_rate[:n],
        gain_rate=run.buildup.gain_rate[:n], interest_share=run.buildup.interest_share,
        gain_share=run.buildup.gain_share, payout_rate=run.buildup.payout_rate[:n],
    )  # fmt: skip
    totals = project_totals(one, law)
    expected = run.ledger.total("withdrawal_tax")[0, :n]
    np.testing.assert_allclose(totals["owner_tax"][0] + totals["heir_tax"][0], expected, rtol=1e-11)
    np.testing.assert_allclose(-totals["inside_buildup"][0], run.ledger.total("inside_buildup_cash")[0, :n], rtol=1e-10)


def test_tables_keep_the_distribution() -> None:
    from fiscal.results.result import Result

    tables = Result.of(small()).tables
    windows = tables["path_windows"]
    assert set(windows["measure"]) == {"real", "risk_neutral"}
    rows = windows[windows["line"] == "withdrawal_tax"]
    for low, high in (("q05", "q25"), ("q25", "median"), ("median", "q75"), ("q75", "q95")):
        assert (rows[f"{low}_bn_usd"] <= rows[f"{high}_bn_usd"]).all()
    assert rows["worse_share"].between(0, 1).all()
    assert (tables["path_crypto"]["capped_share"].diff().dropna() >= 0).all()


def test_what_a_model_implies_is_said_before_a_run() -> None:
    from fiscal.markets.implied import implied

    table = implied("regime_switching", told("regime_switching"), 300, 1).set_index("asset")
    assert list(table.index) == list(ASSETS)
    crypto = table.loc["crypto"]
    assert crypto["arithmetic_rate"] > crypto["geometric_rate"]
    assert crypto["halved_share"] > table.loc["equity", "halved_share"]
    assert crypto["dollar_30y_q05"] < crypto["dollar_30y_q95"]
    assert 0.2 < crypto["equity_correlation"] < 0.7
    flat = implied("deterministic", {"name": "core_return"}, 1, 1).set_index("asset")
    assert flat.loc["crypto", "geometric_rate"] == pytest.approx(flat.loc["equity", "geometric_rate"])


def test_markets_commands(tmp_path, monkeypatch) -> None:
    from typer.testing import CliRunner

    from fiscal.cli import app

    shown = CliRunner().invoke(app, ["markets", "show", "stochastic_low", "--paths", "50", "--json"])
    assert shown.exit_code == 0 and '"implied"' in shown.stdout
    out = tmp_path / "markets"
    written = CliRunner().invoke(app, ["markets", "show", "--paths", "50", "--out", str(out)])
    assert written.exit_code == 0 and "implied" in written.stdout
    names = {file.name for file in out.iterdir()}
    assert {"crypto_history.svg", "dollar_in_crypto.png", "implied.csv", "custodial_losses.csv"} <= names
    assert not [name for name in names if name.startswith(".")]
    # what an optimizer finds on another machine differs in its last digits, so that the stored study is compared
    # with itself, as it is and moved
    stored = sources.table(estimation.TABLE)
    study = stored[stored["study"] != estimation.REGIME_TEST].assign(value=lambda rows: rows["value"].astype(float))
    for factor, code in ((1.0, 0), (1.01, 1)):
        moved = study.assign(value=study["value"] * factor)
        monkeypatch.setattr(estimation, "study", lambda progress, *, with_test, moved=moved: moved)
        checked = CliRunner().invoke(app, ["markets", "fit", "--check", "--json"])
        assert checked.exit_code == code, checked.stdout[-300:]


def test_fans_draw_what_the_tables_hold() -> None:
    from fiscal.results.figures import alt_text, available
    from fiscal.results.result import Result

    result = Result.of(small())
    frame = result.tables["path_years"]
    assert {"path_fan", "dollar_fan"} <= set(available(result))
    for reference in ("none", "no_crypto"):
        ax = result.plot.path_fan(reference=reference)
        own = frame[(frame["path"] == "scenario") & (frame["reference"] == reference) & (frame["year"] > 2025)]
        own = own[own["line"] == "withdrawal_tax"]
        drawn = {line.get_color(): line.get_ydata() for line in ax.lines}
        np.testing.assert_array_equal(drawn["#0072B2"], own["median_bn_usd"])
        np.testing.assert_array_equal(drawn["#D55E00"], own["mean_bn_usd"])
    # the effect on a path is the difference of its levels: means add up, medians need not
    levels = frame[(frame["line"] == "net_revenue") & (frame["year"] == 2040)]
    mean = levels.set_index(["path", "reference"])["mean_bn_usd"]
    gap = mean["scenario", "none"] - mean["no_crypto", "none"]
    assert mean["scenario", "no_crypto"] == pytest.approx(gap, abs=1e-9)
    assert "median" in alt_text("path_fan", result) and "crypto" in alt_text("dollar_fan", result)
    with pytest.raises(InputError, match="no such line"):
        result.plot.path_fan(line="nonsense")
    with pytest.raises(InputError, match="no such asset"):
        result.plot.dollar_fan(asset="gold")
    with pytest.raises(InputError, match="no such random run"):
        result.plot.path_fan(scenario="another")


def test_a_run_prints_how_large_crypto_becomes_and_what_its_paths_say() -> None:
    from fiscal.results.result import Result
    from fiscal.results.schema import TABLES

    result = Result.of(small())
    assert {*result.tables, "state_tax"} == set(TABLES)
    summary = result.summary
    assert set(summary["crypto_value_over_gdp"]) == {
        "q05_over_gdp", "median_over_gdp", "q95_over_gdp", "capped_share",
    }  # fmt: skip
    effects = summary["net_revenue_effect_over_paths"]
    assert any("risk-neutral" in name for name in effects)
    assert all(0 <= column["worse_percent_of_paths"] <= 100 for column in effects.values())


def test_the_table_of_paths_goes_on_where_a_smaller_run_ends() -> None:
    from fiscal.results.tables import path_tables

    fewer = engine_run.compute(load("stochastic_central", {"paths.count": 9, "horizon.last_year": 2040}))
    assert fewer.paths is not None
    more, first = (path_tables(paths)["paths"] for paths in (drawn_once(), fewer.paths.drawn()))
    assert len(more) == 20 * len(set(more["window"])) and len(first) == 9 * len(set(first["window"]))
    same = more[more["path_number"] < 9].reset_index(drop=True)
    for column in first:
        np.testing.assert_array_equal(same[column], first[column], err_msg=column)
    effect = more.groupby("window")["net_revenue_minus_no_crypto_bn_usd"].mean()
    table = path_tables(drawn_once())["path_windows"]
    table = table[(table["reference"] == "no_crypto") & (table["line"] == "net_revenue")]
    table = table[table["measure"] == "real"].set_index("window")["mean_bn_usd"]
    np.testing.assert_allclose(effect.loc[table.index], table, rtol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_a_portfolio_with_a_quarter_of_crypto_is_priced_at_one_after_forty_years(model: str) -> None:
    """Rebalanced each half-year; long pure crypto is too skewed for its mean to be seen in any sample."""
    years = np.arange(2025, 2068)
    paths = path_model(model).draw(told(model, measure="risk_neutral"), years, 2000, 3).half_returns
    growth = 1 + 0.75 * paths[..., EQUITY] + 0.25 * paths[..., CRYPTO]
    bill = stochastic.risk_free_growth(years)
    first, last = 3, 3 + 80
    price = growth.reshape(len(paths), -1)[:, first:last].prod(axis=1) / bill.reshape(-1)[first:last].prod()
    error = price.std(ddof=1) / np.sqrt(len(price))
    assert abs(price.mean() - 1) < 3.5 * error
    assert error < 0.2


def test_a_draw_that_fails_comes_after_the_batches_before_it(monkeypatch):
    """The next batch is drawn while one is projected; what is finished is given first, and nothing is left running."""
    import threading

    from fiscal.engine import random_paths

    def draw(asked, measure, first, size):
        if first == 2:
            raise ValueError("no such path")
        return first

    monkeypatch.setattr(random_paths, "draw_batch", draw)
    monkeypatch.setattr(random_paths, "project_drawn", lambda asked, drawn: {"first": drawn})
    before = threading.active_count()
    given = random_paths.ThisProcess().project(None, "real", [(0, 1), (1, 1), (2, 1), (3, 1)])
    assert [next(given), next(given)] == [((0, 1), {"first": 0}), ((1, 1), {"first": 1})]
    with pytest.raises(ValueError, match="no such path"):
        next(given)
    abandoned = random_paths.ThisProcess().project(None, "real", [(0, 1), (1, 1)])
    next(abandoned)
    abandoned.close()
    assert threading.active_count() == before
    assert list(random_paths.ThisProcess().project(None, "real", [])) == []
