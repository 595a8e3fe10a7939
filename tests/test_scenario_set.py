"""The study of adoption and event: its cells, its stored table, and what a brief makes of it."""

from __future__ import annotations

import json
import shutil
from functools import cache

import numpy as np
import pandas as pd
import pytest
import typer.testing

import fiscal
from fiscal.base import sources
from fiscal.base.errors import InputError
from fiscal.cli import app
from fiscal.report import exhibits, facts
from fiscal.report.asked import Asked
from fiscal.results import headline, running
from fiscal.results.result import Totals
from fiscal.studies import derived, page_lattice, variants
from fiscal.studies import scenarios as study

SHORT = ("horizon.last_year=2036", "books.risk_neutral_paths=0", "backstop.paths=0")


@cache
def packaged(name: str) -> Totals:
    return fiscal.quick(name)


def rows() -> pd.DataFrame:
    found = study.stored()
    assert found is not None
    return found


def test_a_cell_has_the_headline_of_its_run_and_waits_for_an_interrupted_study(tmp_path, monkeypatch) -> None:
    kept = derived.Kept("x", "mark", tmp_path)
    made = study.build(None, ("low",), ("bust",), SHORT, kept=kept)
    scenario = study.scenario_of("low", "bust", SHORT)
    own = fiscal.quick(scenario).headline().rows.iloc[0]
    row = made.iloc[0]
    assert row["fy2026_2035_bn_usd"] == pytest.approx(own["fy2026_2035_bn_usd"], abs=1e-3)
    assert (row["event"], row["adoption"]) == (own["event"], own["adoption"])
    assert row["outside_tax_bn_usd"] * row["fy2026_2035_bn_usd"] < 0  # two-sided

    def refused(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(running, "run", refused)
    pd.testing.assert_frame_equal(study.build(None, ("low",), ("bust",), SHORT, kept=kept), made)
    for file in kept.folder.iterdir():
        file.write_text("{", encoding="utf-8")
    with pytest.raises(AssertionError, match="computed again"):
        study.build(None, ("low",), ("bust",), SHORT, kept=kept)


def test_random_paths_have_a_median_and_a_spread() -> None:
    made = study.build(None, ("low",), ("stochastic_central",), (*SHORT, "paths.count=16"))
    sums = made.set_index("statistic")["fy2026_2035_bn_usd"]
    assert sums["5th percentile"] < sums["median"] < sums["95th percentile"]
    band = made.set_index("statistic").loc["median", ["low_bn_usd", "high_bn_usd"]]
    assert sums["5th percentile"] <= band.iloc[0] <= sums["median"] <= band.iloc[1] <= sums["95th percentile"]


def test_the_stored_table_has_every_cell_of_the_present_scenarios() -> None:
    table = rows()
    for adoption in study.ADOPTIONS:
        for event in study.EVENTS:
            own = table[(table["adoption_case"] == adoption) & (table["event_case"] == event)]
            assert len(own) == (3 if event == "stochastic_central" else 1)
            assert set(own["fingerprint"]) == {study.scenario_of(adoption, event).fingerprint()}
    assert set(table["reference"]) == {"the same money in equity"}


def test_the_stored_effects_rise_with_adoption_and_have_the_sign_of_their_event() -> None:
    wide = rows().query("statistic == 'path'").pivot(index="adoption_case", columns="event_case")
    for window in ("fy2026_2035_bn_usd", "fy2026_2055_bn_usd"):
        frame = wide[window].loc[list(study.ADOPTIONS)]
        for event, sign in (("boom", 1), ("bust", -1)):
            assert (np.diff(sign * frame[event]) > 0).all() and (sign * frame[event] > 0).all()
        assert (frame[study.NO_EVENT].abs() < 1e-3).all()
    soon, late = wide["fy2026_2035_bn_usd"], wide["fy2026_2055_bn_usd"]
    assert (soon["long_boom"].abs() < 0.05).all() and (late["long_boom"] > 0).all()
    market = rows().dropna(subset="market_error_bn_usd")
    assert (market["market_value_bn_usd"].abs() < 3 * market["market_error_bn_usd"]).all()


def asked(*names: str) -> Asked:
    return Asked(tuple(packaged(name) for name in names))


def test_packaged_cases_print_the_stored_study_and_others_their_own_rows() -> None:
    default = asked("baseline", "boom", "bust")
    assert default.study is not None
    table = exhibits.exhibits(default)["scenario-set"]()
    groups = [cells[0] for kind, cells in table.rows() if kind == "group"]
    assert len(groups) == len(study.ADOPTIONS) and groups[2].startswith("Central adoption")
    printed = [cells for kind, cells in table.rows() if kind == "row"]
    boom = headline.Headline(rows().query("event_case == 'boom'"), "").shown()["FY26–35"].tolist()
    assert [cells[1] for cells in printed if cells[0] == "Boom from 2027"] == boom
    told = facts.case_facts(default.crypto[0], default)
    stored = rows().query("adoption_case == 'central' and event_case == 'boom'").iloc[0]
    assert told["market"] == stored["market_value_bn_usd"] and facts.random_facts(default) is not None
    mine = Asked((fiscal.quick("boom", {"adoption.participants_share": 0.2, "horizon.last_year": 2045}),))
    assert mine.study is None and exhibits.exhibits(mine)["scenario-set"]() is None
    assert "Central adoption" not in str(exhibits.exhibits(mine)["headline"]().data)


def test_a_stored_study_that_disagrees_with_the_runs_is_not_printed(monkeypatch) -> None:
    moved = rows().assign(fy2026_2035_bn_usd=lambda frame: frame["fy2026_2035_bn_usd"] + 1)
    monkeypatch.setattr(study, "stored", lambda: moved)
    assert Asked((packaged("boom"),)).study is None


def test_the_command_shows_the_stored_table_and_names_the_study() -> None:
    answer = typer.testing.CliRunner().invoke(app, ["study", "scenarios", "--stored", "--json"])
    told = json.loads(answer.stdout)
    assert len(told["rows"]) == len(rows()) and isinstance(told["current"], bool)
    refused = typer.testing.CliRunner().invoke(app, ["study", "scenario"])
    assert isinstance(refused.exception, InputError) and "did you mean 'scenarios'?" in str(refused.exception)


def test_a_derived_table_says_what_it_is_made_of(tmp_path, monkeypatch) -> None:
    lattice = fiscal.read_table(page_lattice.NAME)
    shutil.copytree(sources.data_dir(), tmp_path / "data")
    monkeypatch.setenv("FISCAL_DATA", str(tmp_path / "data"))
    derived.store(page_lattice.NAME, lattice)
    entry = sources.resource(page_lattice.NAME)
    assert entry.path.endswith(".parquet") and entry.extra["made_of"] == derived.made_of()
    assert (entry.status, entry.second_hand) == ("built", False)
    pd.testing.assert_frame_equal(fiscal.read_table(page_lattice.NAME), lattice)
    study.store(rows())
    assert study.is_current() and sources.resource(study.NAME).extra["made_on"]
    assert entry.extra["made_of"] == derived.made_of()  # another study's table
    asked = []
    monkeypatch.setattr(derived, "code_sha256", lambda rooms: asked.append(rooms) or "other code")
    assert not study.is_current() and {"engine", "results", "studies"} <= set(asked[0])
    monkeypatch.undo()
    monkeypatch.setenv("FISCAL_DATA", str(tmp_path / "data"))
    table = tmp_path / "data" / "assumptions.csv"
    table.write_text(table.read_text().replace(",60,90,", ",61,90,", 1))
    sources.register(table)
    assert not study.is_current() and entry.extra["made_of"] != derived.made_of()


def test_finished_parts_are_of_one_mark_and_damaged_ones_are_made_again(tmp_path) -> None:
    kept, made = derived.Kept("x", "one", tmp_path), []
    make = lambda: made.append(1) or [{"a": 0.1, "b": None}]  # noqa: E731
    assert kept.part("p", make) == kept.part("p", make) == [{"a": 0.1, "b": None}] and len(made) == 1
    assert derived.Kept("x", "other", tmp_path).part("p", make) and len(made) == 2
    next(kept.folder.iterdir()).write_text('[{"a":')
    assert kept.part("p", make) == [{"a": 0.1, "b": None}] and len(made) == 3
    kept.drop()
    assert not kept.folder.exists()


def test_the_headline_under_other_choices_has_the_default_beside_and_the_order_of_its_choices() -> None:
    table = variants.stored().set_index(list(variants.KEYS))
    assert table.index.is_unique and set(table.index.levels[0]) == {*variants.variants(), variants.NO_PREMIUM}
    outside, even = variants.LOCATION
    few, every = "fewest gains realized outside", "all gains realized outside"
    for event in variants.EVENTS:
        taxed = table.xs((event, variants.PATH), level=["event_case", "statistic"])
        assert abs(taxed.at[few, outside]) < abs(taxed.at[variants.DEFAULT, outside]) < abs(taxed.at[every, outside])
        assert taxed.at[few, even] > taxed.at[variants.DEFAULT, even] > taxed.at[every, even]
        # where gains are realized changes nothing inside plans
        inside = taxed.loc[[few, variants.DEFAULT, every], list(variants.SPANS)]
        assert (inside.nunique() == 1).all()
    drawn = table.xs("stochastic", level="event_case")["fy2026_2055_bn_usd"]
    assert (drawn[variants.NO_PREMIUM] < drawn[variants.DEFAULT]).all()


def test_a_row_under_another_choice_is_that_of_its_run() -> None:
    choice = "withdrawals grow as CBO's line"
    short = variants.variants()[choice] | {"horizon.last_year": 2036}
    result = running.run(fiscal.load_scenario("boom", short))
    row = variants.stored().set_index(list(variants.KEYS)).loc[(choice, "boom", variants.PATH)]
    found = variants._rows(result, "boom")[0]
    for name in ("fy2026_2035_bn_usd", "fy2027_2036_bn_usd", *variants.LOCATION):
        assert found[name] == pytest.approx(row[name], abs=1e-3), name
