"""What is said of a path and of the adoption that its event meets: from the path's numbers, never from a name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fiscal.base import sources
from fiscal.markets.events import event_of, geometric_rate
from fiscal.report import facts
from fiscal.results import adoption
from fiscal.scenario import Scenario, load

CALM = 0.0933


def own_path(folder: Path, returns: dict[int, float], **settings: object) -> Scenario:
    """A scenario that inherits the boom's name and reads a file, near the equity return in calm years."""
    last = max(returns, default=2030)
    rows = [f"{year},{returns.get(year, CALM)}" for year in range(2026, last + 1)]
    (folder / "own.csv").write_text("\n".join(["year,crypto", *rows]), encoding="utf-8")
    return load("boom", {"paths.model": "user", "paths.file": str(folder / "own.csv")} | settings)


def made(scenario: Scenario, effect: float = 1.0) -> SimpleNamespace:
    """What a run of the scenario holds that is read here, with one effect in every window."""
    returns = adoption.returns_of(scenario)
    windows = [
        {"window": window, "line": line, "path": path, "nominal_bn_usd": effect if path == "scenario" else 0.0}
        for window in ("FY2026-2035", "FY2026-2055")
        for line in ("net_revenue", "withdrawal_tax")
        for path in ("scenario", "no_crypto", "equity_adoption")
    ]
    tables = {
        "asset_returns": returns.reset_index().melt("year", var_name="asset", value_name="return_rate"),
        "windows": pd.DataFrame(windows),
    }
    return SimpleNamespace(name=scenario.name, scenario=scenario, tables=tables, data_fingerprint=sources.fingerprint())


def event(scenario: Scenario):
    return adoption.event_in(scenario.settings, adoption.returns_of(scenario))


@pytest.mark.parametrize(
    ("returns", "years"),
    [
        ({2031: 0.9, 2032: -0.6}, (2031, 2032)),
        ({2026: 0.6, 2027: 0.07}, (2026, 2026)),
        ({2026: 0.08, 2027: -0.5, 2028: 0.3, 2029: 0.09}, (2027, 2028)),
        (dict.fromkeys(range(2026, 2101), 0.25), (2026, 2100)),
        ({2027: 0.15, 2029: 0.1, 2030: 0.12, 2031: -0.6, 2033: 0.1}, (2031, 2031)),
    ],
)
def test_the_event_is_that_of_the_file_and_not_of_the_name_it_inherits(tmp_path, returns, years):
    scenario = own_path(tmp_path, returns)
    assert scenario.value("paths.name") == "boom"
    found = event(scenario)
    assert (found.first_year, found.last_year) == years
    weights = {year: 0.5 if year == 2026 else 1.0 for year in range(years[0], years[1] + 1)}
    dollar = np.prod([(1 + returns.get(year, CALM)) ** weight for year, weight in weights.items()])
    assert found.dollar == pytest.approx(dollar)
    # and a run, from its tables, says the same
    assert adoption.event_in(scenario.settings, adoption.returns_in(made(scenario))) == found


def test_a_path_without_an_event_has_none_whatever_it_is_called(tmp_path):
    scenario = own_path(tmp_path, {})
    assert event(scenario) is None
    assert "no event" in adoption.path_sentence(scenario.settings, adoption.returns_of(scenario))
    assert not [one for one in facts.changed(scenario) if "boom" in one["value"]]
    assert event(load("boom", {"paths.name": "core_return"})) is None
    assert event(load("boom", {"adoption.allocation_share": 0.0})) is None
    assert event(load("boom", {"paths.model": "regime_switching"})) is None
    another = load("boom", {"paths.outside_event_return": 0.0})
    assert event(another).first_year == 2027


@pytest.mark.parametrize("name", ["boom", "bust", "boom_then_bust", "stagnation"])
def test_the_events_of_the_named_paths_are_those_of_their_notes(name):
    notes = sources.table("crypto_path_notes").query("path == @name")
    phases = notes[~notes["phase"].isin(["before", "after", "all"])]
    found = event(load("boom", {"paths.name": name, "paths.event_year": None}))
    assert (found.first_year, found.last_year) == (phases["first_year"].min(), phases["last_year"].max())


def test_the_long_run_return_is_the_geometric_mean():
    years = np.arange(2025, 2031)
    assert geometric_rate(years, np.array([9.0, 9.0, 0.1, 0.1, 0.1, 0.1])) == pytest.approx(0.1)
    assert geometric_rate(years, np.array([0.0, 0.0, 1.0, -1.0, 0.0, 0.0])) == -1
    assert np.isnan(geometric_rate(years[:2], np.zeros(2)))
    assert event_of(years, np.full(6, 0.05), np.full(6, 0.05), np.full(6, 0.05)) is None


def test_what_is_held_is_the_target_of_the_year_before():
    early = {"adoption.start_year": 2026, "adoption.full_year": 2035}
    held = [adoption.held_share(load("boom", early).settings, year) for year in (2026, 2029, 2031, 2036, 2060)]
    assert held[0] == 0 and held[2] == 0.5 and held[3:] == [1, 1]
    assert held[1] == pytest.approx(3 * 0.3**2 - 2 * 0.3**3)
    sold = {"overlays.reversal_year": 2033, "overlays.reversal_kind": "forced_sale"}
    assert adoption.held_share(load("boom", sold).settings, 2036) == 0


def test_an_event_before_adoption_is_half_full_is_warned_of_before_a_run(tmp_path):
    def warning(scenario):
        return adoption.warning_before(scenario, adoption.returns_of(scenario))

    bust = own_path(tmp_path, {2029: -0.8}, **{"adoption.full_year": 2035})
    assert "2029" in warning(bust) and "22 percent of the crypto planned" in warning(bust)
    assert warning(bust.with_overrides({"adoption.full_year": 2028})) == ""
    assert warning(load("long_boom")) == "" and warning(load("baseline")) == ""
    assert warning(load("bust")) and warning(load("boom"))


def test_returns_that_a_file_states_are_never_changed(tmp_path):
    scenario = own_path(tmp_path, dict.fromkeys(range(2026, 2050), 0.3))
    assert scenario.value("paths.after_event") == "gdp"
    crypto = adoption.returns_of(scenario)["crypto"]
    assert crypto.loc[2027:2049].to_numpy() == pytest.approx(0.3)
    assert crypto.loc[2050:].max() < 0.06  # larger than GDP, it then grows with it
    assert "passes GDP" in adoption.value_warning(scenario, adoption.returns_of(scenario))


def test_a_named_event_is_bounded_by_default_and_warned_of_without_the_bound():
    for name, warned in (("boom", False), ("long_boom", False), ("boom_unbounded", True)):
        scenario = load(name)
        text = adoption.value_warning(scenario, adoption.returns_of(scenario))
        assert ("passes GDP" in text) == warned, name


def test_growth_with_gdp_is_no_event():
    record = load("boom", {"paths.returns": "record"})
    assert event(record).last_year == 2036


def test_a_run_says_which_sign_full_adoption_would_turn(tmp_path, monkeypatch):
    asked = []

    def quick(scenario):
        asked.append(scenario)
        return made(scenario, effect=-7.0)

    monkeypatch.setattr(adoption, "quick", quick)
    slow = {"adoption.full_year": 2035}
    later = made(own_path(tmp_path, {2033: -0.8}, **slow), effect=3.0)  # more than half is held
    assert adoption.held_share(later.scenario.settings, 2033) > adoption.ENOUGH_HELD_SHARE
    text = adoption.warning_after(later)
    assert "$3.0 billion" in text and "minus $7.0 billion" in text
    assert adoption.held_share(asked[0].settings, 2033) == 1
    assert adoption.warning_after(made(later.scenario, effect=-3.0)) == ""
    early = made(own_path(tmp_path, {2029: -0.8}, **slow), effect=-3.0)
    assert adoption.OTHER_SIGN in adoption.warning_after(early)
    asked.clear()
    assert adoption.warning_after(made(load("long_boom"))) == "" and asked == []
