"""Markets: history recomputed, long-run means with a source, named paths that are what they say."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal.base import memo, sources
from fiscal.base.axes import AGES_AT_OPENING, ASSETS, FIRST_YEAR, LAST_YEAR, RUN_OFF_LAST_YEAR
from fiscal.base.errors import InputError
from fiscal.engine.allocation import returns_beside_growth
from fiscal.markets import core, glide, history, paths
from fiscal.people.economy import macro
from fiscal.people.population import july_population
from fiscal.scenario import load

YEARS = range(FIRST_YEAR, RUN_OFF_LAST_YEAR + 1)
CRYPTO, EQUITY = ASSETS.index("crypto"), ASSETS.index("equity")
NAMES = ("core_return", "boom", "bust", "boom_then_bust", "stagnation")


@pytest.fixture(autouse=True)
def _nothing_remembered_of_a_patched_table():
    memo.forget()
    yield
    memo.forget()


def draw(name, years=YEARS, **settings_):
    return paths.path_model("deterministic").draw({"name": name, **settings_}, years, 1, 1)


# history


def test_bitcoin_moments_by_period_are_the_known_ones():
    """Log mean 2.61, .73, .30, .16 a year and volatility 1.72 to .54 over the four periods."""
    table = history.crypto_moments_by_period()
    np.testing.assert_allclose(table["mean_log_rate"], [2.61, 0.73, 0.30, 0.16], atol=0.01)
    assert table["volatility_rate"].iloc[0] == pytest.approx(1.72, abs=0.01)
    assert table["volatility_rate"].iloc[-1] == pytest.approx(0.54, abs=0.01)


def test_monthly_and_annual_tables_agree():
    monthly = history.monthly_log_returns("2007-01", "2025-12")
    annual = sources.table("annual_returns").set_index("year")
    for asset, column in (("private_equity", "private_equity_listed_tr"), ("real_estate", "reit_tr")):
        by_year = np.expm1(monthly[asset].groupby(monthly.index.year).sum())
        np.testing.assert_allclose(by_year, annual.loc[2007:2025, column], atol=2e-4)


def test_a_missing_month_is_reported_and_never_bridged(monkeypatch):
    table = sources.table("monthly_prices")
    table.loc[table["month"] == "2025-09", "reit_tr"] = np.nan
    shipped = sources.table
    monkeypatch.setattr(sources, "table", lambda name: table.copy() if name == "monthly_prices" else shipped(name))
    returns = history.monthly_log_returns("2025-08", "2025-11")["real_estate"]
    assert list(returns.isna()) == [False, True, True, False]
    assert history.gaps().loc["real_estate", "missing_months"] == 1
    with pytest.raises(InputError, match="real_estate 2025-09"):
        history.half_returns_real()


def test_falls_at_month_ends_are_no_deeper_than_the_daily_table():
    found = history.drawdowns("crypto")
    published = history.published_crypto_drawdowns()
    assert len(found) >= 4
    first = published["peak_date"].dt.to_period("M").astype(str)
    last = published["trough_date"].dt.to_period("M").astype(str)
    for row in found.itertuples():
        overlapping = published[(first <= row.trough_month) & (last >= row.peak_month)]
        assert row.drawdown_share <= overlapping["drawdown_share"].max() + 1e-4
    assert found["drawdown_share"].max() == pytest.approx(0.8155, abs=1e-3)  # 2011, month ends in both


def test_unknown_asset_is_named():
    with pytest.raises(InputError, match="equity"):
        history.drawdowns("equty")


@settings(deadline=None)
@given(st.lists(st.floats(-0.9, 3.0), min_size=1, max_size=30))
def test_max_drawdown_against_all_pairs(returns):
    level = np.concatenate([[1.0], np.cumprod(1.0 + np.array(returns))])
    worst = max(1.0 - level[j] / level[i] for i in range(len(level)) for j in range(i, len(level)))
    assert history.max_drawdown(returns) == pytest.approx(worst, abs=1e-12)


def test_real_halves_multiply_to_the_real_quarters():
    """1 April to 31 December 2025 and January to June 2026, straight from the levels."""
    levels = sources.table("monthly_prices").set_index("month")
    foreign = sources.table("developed_ex_us").set_index("month")["developed_ex_us_tr"]
    halves = history.half_returns_real()
    for index, asset in enumerate(ASSETS):
        level = foreign if asset == "foreign_equity" else levels[history.MONTHLY_SERIES[asset]]
        stub = (1.0 + halves[0, index]) * (1.0 + halves[1, index])
        assert stub == pytest.approx(level["2025-12"] / level["2025-03"], rel=1e-12)
        assert 1.0 + halves[2, index] == pytest.approx(level["2026-06"] / level["2025-12"], rel=1e-12)
    first, second = 1.0 + halves[0, CRYPTO], 1.0 + halves[1, CRYPTO]
    bitcoin = levels["btc_usd"]
    middle = np.sqrt(bitcoin["2025-08"] * bitcoin["2025-07"])
    assert first == pytest.approx(middle / bitcoin["2025-03"]) and second == pytest.approx(bitcoin["2025-12"] / middle)


# long-run means


RECORD = {"returns": "record"}


def test_the_records_equity_is_the_real_mean_of_1928_2025_plus_prices():
    table = sources.table("annual_returns")
    growth = np.prod((1.0 + table["sp500_tr"]) / (1.0 + table["cpi_inflation"])) ** (1.0 / len(table))
    means = core.long_run_means(RECORD)
    expected = growth * (1.0 + core.mean_inflation_rate()) - 1.0
    assert means.loc["equity", "geometric_return_rate"] == pytest.approx(expected, rel=1e-12)
    assert means.loc["equity", "first_return_rate"] == means.loc["equity", "last_return_rate"]
    assert means.loc["equity", "real_return_rate"] == pytest.approx(growth - 1.0, rel=1e-9)
    for asset, rate in core.mean_yields().items():
        assert means.loc[asset, "geometric_return_rate"] >= rate - 1e-12


def test_the_house_holds_for_its_horizon_and_half_of_its_excess_is_gone_after_the_half_life():
    years = np.arange(FIRST_YEAR + 1, 2101)
    told = {"return_half_life": 12.0}
    for asset in ("equity", "bonds", "cash"):
        rate, horizon = core.house_view("jpmorgan", asset)
        found = np.log1p(core.expected_returns(told, years)[:, ASSETS.index(asset)])
        np.testing.assert_allclose(found[:horizon], np.log1p(rate))
        anchor = np.log1p(core.anchor_return(told, asset))
        assert found[horizon - 1 + 12] - anchor == pytest.approx((np.log1p(rate) - anchor) / 2)
        assert abs(found[-1] - anchor) < 0.04 * abs(found[0] - anchor) + 1e-12


def test_anchors_are_built_from_the_macroeconomic_path():
    path = macro([2036, 2100])
    years, people = july_population()
    heads = people[[2036 - years[0], 2100 - years[0]]].sum(axis=(1, 2))
    growth = np.diff(np.log(path["gdp_bn_usd"].to_numpy() / heads))[0] / 64
    assert core.growth_per_head() == pytest.approx(np.expm1(growth))
    dearer = {"assumptions": {"markets.net_payout_yield": 0.035}}
    gap = core.anchor_return(dearer, "equity") - core.anchor_return({}, "equity")
    assert gap == pytest.approx(0.01)
    assert core.anchor_return({}, "cash") < core.anchor_return({}, "bonds") < core.anchor_return({}, "equity")
    told = core.returns_less_growth({}, 2026, 2100)
    assert told["r_minus_g"] == pytest.approx(told["r"] - told["g"]) and 0.02 < told["r_minus_g"] < 0.035
    beside = returns_beside_growth(load("baseline").settings, 2026, 2100)
    assert beside["r"] == told["r"] and told["g"] < beside["r_mix"] < beside["r"]


def test_the_range_of_private_equity_holds_what_the_publisher_of_the_other_returns_expects():
    rates = sources.table("capital_market_assumptions").set_index(["house", "asset"])["return_rate"]
    expected = rates["jpmorgan", "private_equity"] - rates["jpmorgan", "us_large_cap"]
    row = sources.table("assumptions").set_index("key").loc["markets.private_equity_premium_over_equity"]
    assert row["low"] < row["value"] < expected <= row["high"] + 1e-12


def test_every_mean_has_a_source():
    means = core.long_run_means()
    assert tuple(means.index) == ASSETS
    assert (means["source"].str.len() > 10).all()
    assert set(means["status"]) <= {"cited", "derived", "assumed"}


def test_overrides_carry_to_what_follows_them():
    means = core.long_run_means({"core": {"equity": 0.05, "cash": None}})["geometric_return_rate"]
    premium = sources.assumption("markets.real_estate_premium_over_equity")
    assert means["equity"] == pytest.approx(0.05) and means["crypto"] == pytest.approx(0.05)
    assert means["real_estate"] == pytest.approx(0.05 + premium)
    assert means["cash"] == core.long_run_means().loc["cash", "geometric_return_rate"]
    with pytest.raises(InputError) as caught:
        core.long_run_means({"core": {"equty": 0.1, "bonds": -1.5}})
    assert len(caught.value.problems) == 2


# glide path


def test_core_weights_add_up_and_fall_with_age():
    years = np.arange(2010, 2031)
    weights = glide.glide_path(years)
    assert weights.shape == (years.size, AGES_AT_OPENING.size, len(ASSETS))
    np.testing.assert_allclose(weights.sum(axis=2), 1.0, atol=1e-12)
    assert weights.min() >= 0.0
    assert (np.diff(weights[:, :, EQUITY], axis=1) <= 0.0).all()
    assert not weights[..., [ASSETS.index(a) for a in ("crypto", "private_equity", "real_estate", "commodities")]].any()


def test_the_foreign_part_of_equity_is_that_of_the_funds_and_of_the_others():
    shares = glide.foreign_equity_share(np.array([2006, 2016, 2022, 2050]))
    others = sources.assumption("markets.foreign_share_of_other_funds")
    families = sources.table("foreign_equity_share").query("year == 2021")["value"].mean()
    assert shares[0] == others
    assert shares[2] == shares[3] == pytest.approx(0.38 * families + 0.62 * others)
    assert shares[0] < shares[1] < shares[2] and shares.min() >= 0.15 and shares.max() <= 0.35
    mix = glide.glide_path(np.array([2030]), 0.25, {"equity": 0.6, "bonds": 0.3, "cash": 0.1})[0]
    np.testing.assert_allclose(mix[:, :4], np.tile([0.45, 0.15, 0.3, 0.1], (AGES_AT_OPENING.size, 1)))
    domestic, half = glide.glide_path(np.array([2030]), 0.0), glide.glide_path(np.array([2030]), 0.5)
    foreign = ASSETS.index("foreign_equity")
    assert not domestic[..., foreign].any()
    np.testing.assert_allclose(half[..., foreign], domestic[..., EQUITY] / 2)
    np.testing.assert_allclose(half[..., foreign], half[..., EQUITY])


def test_foreign_equity_follows_the_equity_return_that_is_set():
    foreign = ASSETS.index("foreign_equity")
    years = np.array([2030, 2100])
    assert (core.expected_returns({"core": {"equity": 0.05}}, years)[:, foreign] == 0.05).all()
    apart = core.expected_returns({"core": {"equity": 0.05, "foreign_equity": 0.04}}, years)
    assert (apart[:, foreign] == 0.04).all() and (apart[:, EQUITY] == 0.05).all()


def test_foreign_stocks_of_the_record_are_near_mscis():
    """Single figures of MSCI World ex USA (net, dollars), beside the series that is gross of withholding tax."""
    levels = history.monthly_levels()["foreign_equity"]
    for year, msci in ((2008, -0.4356), (2017, 0.2421), (2022, -0.1429)):
        found = levels[f"{year}-12"] / levels[f"{year - 1}-12"] - 1
        assert found == pytest.approx(msci, abs=0.03)


def test_core_weights_meet_the_published_shares():
    share = glide.equity_share(np.array([25.0, 65.0]))
    np.testing.assert_allclose(share, [0.90, 0.57])
    whole = glide.asset_shares_by_decade() @ glide.equity_share(glide.DECADE_AGES)
    assert whole == pytest.approx(0.71, abs=1e-12)


# paths


def test_the_registry_and_the_table_name_the_same_paths():
    assert paths.path_names() == NAMES
    assert set(paths.path_notes()["path"]) == set(NAMES)
    with pytest.raises(InputError, match="deterministic"):
        paths.path_model("determinstic")


@pytest.mark.parametrize("name", NAMES)
def test_notes_are_what_the_table_does(name):
    """Every stated mean, fall and span, recomputed from the annual table."""
    table = paths.annual_table(name)
    assert list(table["year"]) == list(range(FIRST_YEAR + 1, LAST_YEAR + 1))
    returns = dict(zip(table["year"], table["crypto_return_rate"], strict=True))
    phases = dict(zip(table["year"], table["phase"], strict=True))
    rows = paths.phase_statistics(returns, phases) + paths.phase_statistics(returns, dict.fromkeys(phases, "all"))
    notes = paths.path_notes(name).set_index("phase")
    assert list(notes.index) == [row["phase"] for row in rows]
    for row in rows:
        note = notes.loc[row["phase"]]
        assert (note["first_year"], note["last_year"]) == (row["first_year"], row["last_year"])
        assert note["geometric_return_rate"] == pytest.approx(row["geometric_return_rate"], abs=6e-5)
        assert note["max_drawdown_share"] == pytest.approx(row["max_drawdown_share"], abs=6e-5)
        assert note["rationale"] and note["source"]


def test_rationales_quote_figures_that_the_tables_give():
    annual = sources.table("annual_returns").set_index("year")
    bitcoin = np.expm1(np.log1p(annual["btc"].loc[2018:2025]).mean())
    assert bitcoin == pytest.approx(0.256, abs=5e-4)  # boom: 25.6 percent a year
    gold = np.expm1(np.log1p(annual["gold"].loc[1981:2001]).mean())
    assert gold == pytest.approx(-0.035, abs=5e-4)  # stagnation: lost 3.5 percent a year
    monthly = sources.table("monthly_prices").set_index("month")["gold_avg_usd_oz"]
    peak, regained = monthly["1980-01"], monthly["2007-04"]
    assert (monthly.loc["1980-02":"2007-03"] < peak).all() and regained >= peak
    assert 1.0 - monthly.loc["1980-01":"2007-04"].min() / peak == pytest.approx(0.62, abs=5e-3)
    deep = history.published_crypto_drawdowns().query("drawdown_share > 0.75")
    assert sorted(deep["drawdown_share"].round(2)) == [0.77, 0.82, 0.83, 0.85]
    years = deep["days_peak_to_recovery"] / 365.25
    assert years.min() == pytest.approx(1.6, abs=0.05) and years.max() == pytest.approx(3.1, abs=0.05)


def test_boom_and_bust_are_a_boom_and_a_bust():
    event = {name: paths.path_notes(name).set_index("phase") for name in NAMES}
    assert event["boom"].loc["boom", "geometric_return_rate"] == pytest.approx(0.25, abs=1e-3)
    assert event["boom"].loc["boom", "max_drawdown_share"] == pytest.approx(0.50)
    assert 0.80 <= event["bust"].loc["collapse", "max_drawdown_share"] <= 0.85
    years = np.arange(FIRST_YEAR + 1, LAST_YEAR + 1)
    equity = np.prod(1.0 + core.expected_returns({}, years)[:, EQUITY])
    worth = {name: np.prod(1.0 + paths.annual_table(name)["crypto_return_rate"]) for name in NAMES}
    assert worth["boom"] > worth["core_return"] > worth["boom_then_bust"] > worth["bust"]
    assert worth["core_return"] == pytest.approx(equity)


@pytest.mark.parametrize("name", NAMES)
def test_shape_reality_and_the_rest_held(name):
    drawn = draw(name)
    assert drawn.assets == ASSETS and drawn.half_returns.shape == (1, len(YEARS), 2, len(ASSETS))
    assert not drawn.half_returns.flags.writeable
    real = history.half_returns_real()
    others = [index for index in range(len(ASSETS)) if index != CRYPTO]
    np.testing.assert_array_equal(drawn.half_returns[0, 0, :, :][:, others], real[:2][:, others])
    np.testing.assert_array_equal(drawn.half_returns[0, 1, 0, others], real[2, others])
    expected = real[2, EQUITY if name == "core_return" else CRYPTO]
    assert drawn.half_returns[0, 1, 0, CRYPTO] == expected
    expected = core.expected_returns({}, drawn.years)
    annual = drawn.annual_returns()[0]
    np.testing.assert_allclose(annual[2:][:, others], expected[2:][:, others], rtol=1e-12)
    later = drawn.years > LAST_YEAR
    np.testing.assert_allclose(annual[later, CRYPTO], expected[later, EQUITY], rtol=1e-12)


def test_annual_returns_are_the_tables():
    for name in ("boom", "bust", "stagnation"):
        drawn, table = draw(name), paths.annual_table(name).set_index("year")["crypto_return_rate"]
        inside = (drawn.years > FIRST_YEAR + 1) & (drawn.years <= LAST_YEAR)
        np.testing.assert_allclose(drawn.annual_returns()[0, inside, CRYPTO], table.loc[2027:], rtol=1e-12)
        half = drawn.half_returns[0, drawn.years == FIRST_YEAR + 1, 1, CRYPTO]
        assert half == pytest.approx(np.sqrt(1.0 + table.loc[2026]) - 1.0)


def test_core_return_is_equity_to_the_bit():
    halves = draw("core_return", outside_event_return=0.02).half_returns
    np.testing.assert_array_equal(halves[..., CRYPTO], halves[..., EQUITY])


def test_outside_event_return_follows_equity_unless_set():
    base, lower = draw("boom", core={"equity": 0.06}), draw("boom", outside_event_return=0.02)
    at_2030, at_2036, at_2150 = (base.years == year for year in (2030, 2036, 2150))
    for when in (at_2030, at_2150):
        assert base.annual_returns()[0, when, CRYPTO] == pytest.approx(0.06)
        assert lower.annual_returns()[0, when, CRYPTO] == pytest.approx(0.02)
    assert base.annual_returns()[0, at_2036, CRYPTO] == pytest.approx(0.40)
    assert lower.annual_returns()[0, at_2036, CRYPTO] == pytest.approx(0.40)


def test_seed_count_and_horizon_change_no_year():
    long = draw("bust")
    short = paths.path_model("deterministic").draw({"name": "bust"}, range(FIRST_YEAR, 2051), 100, 7)
    np.testing.assert_array_equal(short.half_returns, long.half_returns[:, : 2051 - FIRST_YEAR])


def test_the_event_moves_to_the_year_asked_for():
    own, moved = draw("boom"), draw("boom", event_year=2050)
    at, later = own.years == 2036, own.years == 2050
    np.testing.assert_array_equal(own.half_returns[0, at, :, CRYPTO], moved.half_returns[0, later, :, CRYPTO])
    assert moved.annual_returns()[0, at, CRYPTO] == moved.annual_returns()[0, at, EQUITY]
    same = draw("boom", event_year=2036)
    np.testing.assert_array_equal(own.half_returns, same.half_returns)
    np.testing.assert_array_equal(draw("core_return", event_year=2050).half_returns, draw("core_return").half_returns)


@pytest.mark.parametrize(("name", "multiple"), [("boom", 0.3), ("boom", 5.0), ("core_return", 0.2)])
def test_large_crypto_grows_with_output(name, multiple):
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    plain = paths.path_model("deterministic").draw({"name": name}, years)
    bounded = paths.path_model("deterministic").draw(
        {"name": name, "after_event": "gdp", "gdp_multiple": multiple}, years
    )
    others = [x for x in range(len(ASSETS)) if x != CRYPTO]
    np.testing.assert_array_equal(plain.half_returns[..., others], bounded.half_returns[..., others])
    free = paths.implied_crypto_value_over_gdp(plain)[0]
    value = paths.implied_crypto_value_over_gdp(bounded)[0]
    over = free.loc[2027:] > multiple
    assert value.loc[2027:].max() <= max(multiple, value[2026]) * (1 + 1e-9)
    first = over.idxmax() if over.any() else LAST_YEAR + 1
    np.testing.assert_allclose(value.loc[: first - 1], free.loc[: first - 1], rtol=1e-12)
    np.testing.assert_allclose(value.loc[first:], value[first - 1] if over.any() else 0.0, rtol=1e-9)


def test_settings_may_be_an_object():
    @dataclass
    class Settings:
        name: str = "bust"
        outside_event_return: float | None = None
        core: dict = field(default_factory=dict)

    drawn = paths.path_model("deterministic").draw(Settings(), YEARS, 1, 1)
    np.testing.assert_array_equal(drawn.half_returns, draw("bust").half_returns)


def test_implied_value_over_gdp_is_printed_from_the_last_market_value():
    value = paths.implied_crypto_value_over_gdp(draw("boom"))
    assert 0.03 < value.loc[2026, 0] < 0.12
    assert value.loc[2045, 0] > 5 * value.loc[2035, 0]


def test_all_problems_of_settings_at_once():
    with pytest.raises(InputError) as caught:
        draw("bom", years=[2030], outside_event_return=-3.0, core={"equty": 0.1})
    keys = {problem.key for problem in caught.value.problems}
    assert keys == {"paths.name", "years", "paths.outside_event_return", "core.equty"}
    assert any(problem.nearest == "boom" for problem in caught.value.problems)
