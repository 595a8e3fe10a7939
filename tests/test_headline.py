"""The answer of a run or a comparison: right in sign and size for whatever is asked, and the same in every form."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fiscal
from fiscal.base.prose import pct, per_100_000, usd
from fiscal.results import adoption, headline, running
from fiscal.results.effects import LONG, NEXT, TEN, Effect
from fiscal.results.figures import statistics
from fiscal.results.result import Totals
from fiscal.results.worth import stored_case
from fiscal.scenario import Scenario, load
from fiscal.scenario.names import setting_name

SHORT = {"horizon.last_year": 2045}


@cache
def totals(name: str, **settings: object) -> Totals:
    """Yearly totals of a shipped scenario, to 2045."""
    return fiscal.quick(name, SHORT | {key.replace("__", "."): value for key, value in settings.items()})


@cache
def calm() -> dict[int, float]:
    """The return of equity by year to 2045; of 2026, whose first half has happened, that of the year after."""
    returns = adoption.returns_of(load("baseline", SHORT))["equity"].to_dict()
    return returns | {2026: returns[2027]}


def own(folder: Path, returns: dict[int, float], **settings: object) -> Scenario:
    """A user's scenario that extends the boom and reads a file, with the return of equity in years not named."""
    rows = [f"{year},{returns.get(year, rate)}" for year, rate in calm().items() if year > 2025]
    (folder / "own.csv").write_text("\n".join(["year,crypto", *rows]), encoding="utf-8")
    file = folder / "own.toml"
    file.write_text(
        '[scenario]\ntitle = "Our path"\nextends = "boom"\n[paths]\nmodel = "user"\nfile = "own.csv"\n',
        encoding="utf-8",
    )
    return load(file, SHORT | settings)


def against_equity(result: Totals, first: int = 2026, last: int = 2035) -> float:
    """Net revenue less that of the same money in equity, straight from the run's budget."""
    frame = result.tables["budget"]
    frame = frame[(frame["year_kind"] == "fiscal") & frame["year"].between(first, last)]
    sums = frame[frame["line"] == "net_revenue"].groupby("path")["nominal_bn_usd"].sum()
    return float(sums["scenario"] - sums["equity_adoption"])


def test_rows_are_the_differences_of_the_budget() -> None:
    boom = totals("boom")
    rows = boom.headline().rows.set_index("reference")
    first = rows.loc["the same money in equity"]
    assert first["fy2026_2035_bn_usd"] == pytest.approx(against_equity(boom))
    assert first["fy2027_2036_bn_usd"] == pytest.approx(against_equity(boom, 2027, 2036))
    tax = statistics.individual_income_tax(boom).loc[2026:2035].sum()
    assert first["share_of_income_tax_fy2026_2035"] == pytest.approx(against_equity(boom) / tax)
    assert 0 < first["held_at_event_share"] < 0.5
    assert rows.index.tolist() == ["the same money in equity", "no crypto"]


def test_both_references_are_nearly_the_same_money() -> None:
    rows = totals("boom").headline().rows
    gap = rows["fy2026_2035_bn_usd"]
    assert len(rows) == 1 or abs(gap.iloc[0] - gap.iloc[1]) < 0.05


@pytest.mark.parametrize(
    ("name", "event", "verb"),
    [
        ("boom", "boom 2027–2036", "raise"),
        ("bust", "bust 2028–2037", "lower"),
        ("long_boom", "boom 2036–2045", "raise"),
        ("long_bust", "bust 2036–2045", "lower"),
        ("boom_then_bust", "boom 2027–2034, then bust 2035–2037", "raise"),
    ],
)
def test_the_finding_of_a_path_has_its_event_sign_and_size(name: str, event: str, verb: str) -> None:
    result = fiscal.quick(name, {"horizon.last_year": 2057})
    told = result.headline()
    assert told.rows["event"].iloc[0] == event
    longer = against_equity(result, 2026, 2055)
    soon = against_equity(result)
    assert f"{verb} " in told.finding and f"{usd(longer)} in FY2026–55" in told.finding
    if name.startswith("long"):
        assert "have no effect on federal revenue" in told.finding and "its effect starts in 2036" in told.finding
    else:  # events of the default set are inside the window that Congress counts
        assert abs(soon) > 1 and f"by about {usd(soon)} in FY2026–35" in told.finding
        assert (soon > 0) == (verb == "raise")
    assert (longer > 0) == (verb == "raise")
    assert (
        "planned crypto held" not in told.finding
        and told.finding.endswith("compared with the same money in equity.")
        and "nan" not in told.finding
    )


@pytest.mark.parametrize("last", [2036, 2045, 2057])
def test_the_sentence_has_the_windows_of_the_table_but_for_the_next_ten_years(last: int) -> None:
    result = fiscal.quick("boom", {"horizon.last_year": last})
    row, told = result.headline().rows.iloc[0], result.headline().finding
    named = set(re.findall(r"FY\d{4}–\d{2}", told))
    columns = {"fy2026_2035_bn_usd": "FY2026–35", "fy2026_2055_bn_usd": "FY2026–55"}
    assert named == {words for column, words in columns.items() if np.isfinite(row[column] or np.nan)}


def test_no_effect_is_told_as_none_with_its_reason() -> None:
    calm = totals("adoption_central").headline()
    assert abs(calm.rows["fy2026_2035_bn_usd"].iloc[0]) < statistics.NOISE_BN_USD
    assert "no effect" in calm.finding and "crypto earns what equity earns" in calm.finding
    assert "less than" not in calm.finding


def test_titles_of_changed_scenarios_are_in_words() -> None:
    moved, wider = (load("boom", {"paths.event_year": 2030}), load("boom", {"adoption.participants_share": 0.2}))
    assert moved.title == load("boom").title.replace("2027", "2030")  # never a year that is not the event's
    told = wider.title.removeprefix(load("boom").title)
    assert setting_name("adoption.participants_share") in told and "20 percent" in told
    assert not any(mark in moved.title + wider.title for mark in ("=", "_", "adoption."))


def test_an_own_path_has_the_market_value_of_its_adoption(tmp_path: Path) -> None:
    """No stated path changes it, so that the stored study has it; another adoption, or another law, has none there."""
    crash = own(tmp_path, {2031: -0.8}).with_overrides({"horizon.last_year": 2100})
    stored = stored_case(crash)
    assert set(stored["adoption_case"]) == {"central"}
    for other in ({"adoption.participants_share": 0.2}, {"roth.full_from_year": 2027}, {"adoption.full_year": 2031}):
        assert stored_case(crash.with_overrides(other)) is None


def test_an_own_path_is_told_from_its_numbers(tmp_path: Path) -> None:
    crash = fiscal.quick(own(tmp_path, {2031: -0.8}))
    told = crash.headline()
    assert told.rows["event"].iloc[0] == "bust 2031" and told.finding.startswith("A crypto bust in 2031 would lower")
    assert f"by about {usd(against_equity(crash))} in FY2026–35" in told.finding and against_equity(crash) < -0.05


def test_an_own_path_without_an_event_says_so(tmp_path: Path) -> None:
    told = fiscal.quick(own(tmp_path, {})).headline()
    assert told.rows["event"].iloc[0] == "none"
    assert "boom" not in told.finding.replace("without a boom or a bust", "")


def test_an_own_path_that_is_all_boom_is_one(tmp_path: Path) -> None:
    told = fiscal.quick(own(tmp_path, dict.fromkeys(range(2026, 2046), 0.25))).headline()
    assert told.rows["event"].iloc[0] == "boom 2026–2045" and "would raise" in told.finding


def test_an_event_before_adoption_says_how_little_it_meets(tmp_path: Path) -> None:
    told = fiscal.quick(own(tmp_path, {2027: -0.8})).headline()
    share = told.rows["held_at_event_share"].iloc[0]
    assert share < 0.2 and f"with {pct(share)} of planned crypto held" in told.finding


def test_changed_law_is_compared_with_current_law_or_with_the_base() -> None:
    alone = totals("rothification").headline()
    beside = fiscal.compare(totals("baseline"), totals("rothification")).headline()
    np.testing.assert_allclose(alone.rows["fy2026_2035_bn_usd"], beside.rows["fy2026_2035_bn_usd"])
    assert alone.rows["reference"].tolist() == ["current law"] and "would raise" in alone.finding
    assert alone.rows["fy2026_2035_bn_usd"].iloc[0] > 1000 and "about $1." in alone.finding


def test_crypto_and_changed_law_are_both_told() -> None:
    rows = totals("boom", roth__full_from_year=2027).headline().rows.set_index("reference")
    assert rows.index.tolist() == ["current law without crypto", "the same money in equity", "no crypto"]
    assert rows["fy2026_2035_bn_usd"].iloc[0] > 1000 > rows["fy2026_2035_bn_usd"].iloc[1]


def test_the_baseline_alone_is_told_as_a_level() -> None:
    base = totals("baseline")
    told = base.headline()
    net = base.budget.window(2026, 2035).set_index(["path", "line"])["nominal_bn_usd"]["scenario", "net_revenue"]
    assert told.rows["fy2026_2035_bn_usd"].iloc[0] == pytest.approx(net)
    assert "lowers federal revenue" in told.finding and usd(net) in told.finding
    nobody = totals("boom", adoption__participants_share=0.0).headline()
    assert nobody.finding == told.finding and nobody.rows["event"].tolist() == ["none"]


def test_a_comparison_tells_every_case_once() -> None:
    effect = fiscal.compare(totals("baseline"), totals("boom"), totals("bust"))
    told = effect.headline()
    assert told.rows["case"].nunique() == 2 and len(told.rows) == 4
    up, down = re.findall(r"would (raise|lower)", told.finding)
    assert (up, down) == ("raise", "lower") and told.finding.count("the same money in equity") == 1


def test_years_add_to_the_sums_as_scorers_print_them() -> None:
    frame = totals("bust").by_year()
    years = [str(year) for year in range(2026, 2036)]
    np.testing.assert_allclose(frame[years].sum(axis=1), frame["2026–35"])
    np.testing.assert_allclose(frame[years[:5]].sum(axis=1), frame["2026–30"])
    assert headline.scored(0.02) == "[1]" and headline.scored(-0.02) == "[2]"
    assert headline.scored(0.0) == headline.scored(float("nan")) == "–" and headline.scored(-1234.5) == "−1,234.5"


def test_records_are_plain_and_empty_where_nothing_is_known() -> None:
    records = totals("boom", adoption__participants_share=0.2).headline().records()
    assert json.loads(json.dumps(records)) == records and not records[0].keys() ^ set(headline.COLUMNS)
    assert records[0]["market_value_bn_usd"] is None and records[0]["low_bn_usd"] is None


def test_a_shipped_scenario_has_its_stored_band_and_a_variant_none() -> None:
    told = totals("boom").headline().records()[0]
    assert told["low_bn_usd"] <= told["high_bn_usd"]
    level = totals("baseline").headline().records()[0]
    assert level["low_bn_usd"] < level["fy2026_2035_bn_usd"] < level["high_bn_usd"]


def test_amounts_and_shares_in_words() -> None:
    assert [usd(value) for value in (0.02, 0.14, 74.8, 1361.8)] == [
        "less than $0.1 billion", "$0.1 billion", "$75 billion", "$1.4 trillion",
    ]  # fmt: skip
    assert [pct(share) for share in (0.0004, 0.0045, 0.1, 1.0)] == ["0.04%", "0.45%", "10%", "100%"]
    assert per_100_000(-0.00009) == "$9 of every $100,000" and per_100_000(1e-6).startswith("less than $1 ")


def test_the_windows_of_the_headline_are_the_ten_years_the_next_ten_and_the_long_run() -> None:
    spans = [(window.first, window.last) for window in (TEN, NEXT, LONG)]
    assert spans == [(2026, 2035), (2027, 2036), (2026, 2055)]


def test_random_paths_are_told_by_their_median() -> None:
    """Not by the path that the run keeps cell by cell: the sentence, the row and the chart go the way of the draws."""
    changes = {"paths.count": 16, "horizon.last_year": 2036, "books.risk_neutral_paths": 0, "backstop.paths": 0}
    result = running.run(load("stochastic_central", changes))
    effect = Effect(result, "equity_adoption")
    draws = result.tables["paths"].query("window == 'FY2026-2035'")["net_revenue_minus_equity_adoption_bn_usd"]
    row = headline.row_of(effect)
    assert row["fy2026_2035_bn_usd"] == pytest.approx(draws.median()) and row["event"].endswith("median")
    assert row["low_bn_usd"] <= draws.median() <= row["high_bn_usd"]
    by_year = effect.by_year()
    assert by_year.index.min() == 2026 and np.sign(by_year.iloc[-1]) == np.sign(draws.median())


def test_two_variants_of_one_case_are_told_apart_where_a_headline_is_printed() -> None:
    rows = pd.DataFrame([dict.fromkeys(headline.COLUMNS) | {"case": case} for case in ("One", "Two")])
    told = headline.Headline(rows, "A finding.")
    assert "One" in str(told) and "Two" in told._repr_html_()
    assert list(told.to_frame()["case"]) == ["One", "Two"]
