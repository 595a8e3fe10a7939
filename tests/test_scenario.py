"""Scenario files: what they accept, how every mistake is answered, and what they resolve to."""

from __future__ import annotations

import json
import math
import pickle
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fiscal.base import errors, sources
from fiscal.base.errors import InputError, nearest
from fiscal.base.files import MAX_DEPTH
from fiscal.scenario import Scenario, Settings, catalogue, explain, json_schema, load
from fiscal.scenario.assumptions import adjustable, rows
from fiscal.scenario.markets import DETERMINISTIC_PATHS
from fiscal.scenario.names import setting_name
from fiscal.scenario.schema import SECTIONS, declared, known_keys
from fiscal.scenario.section import is_optional
from fiscal.scenario.toml import MAX_BYTES, format_value, write_toml
from fiscal.studies import scenarios as study


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def messages(name: str | Path, overrides: Any = ()) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(name, overrides)
    return [str(problem) for problem in caught.value.problems]


# what comes with the package


def test_the_catalogue_starts_with_the_baseline_and_loads():
    names = catalogue()
    assert names[0] == "baseline"
    assert {"boom", "bust", "boom_then_bust", "stagnation", "long_boom", "long_bust"} < set(names)
    for name in names:
        scenario = load(name)
        assert scenario.name == name
        assert scenario.title and scenario.description and scenario.author and scenario.reference


def test_the_baseline_is_every_default():
    assert load("baseline").changed() == {}
    assert load("baseline").settings == Settings()


def test_named_paths_share_one_adoption_and_differ_by_path():
    others = [load(name) for name in catalogue() if name in DETERMINISTIC_PATHS]
    assert {one.settings.adoption.model_dump_json() for one in others} == {
        load("boom").settings.adoption.model_dump_json()
    }
    assert [one.settings.paths.name for one in others] == [one.name for one in others]


def test_cases_of_adoption_rise_and_name_their_evidence():
    evidence = sources.table("adoption_evidence")
    cases = [load(f"adoption_{name}") for name in study.ADOPTIONS]
    held = [one.settings.adoption.participants_share * one.settings.adoption.allocation_share for one in cases]
    assert held == sorted(held) and len(set(held)) == len(held) and max(held) < 0.05
    assert set(evidence["case"]) == set(study.ADOPTIONS)
    for one, share in zip(cases, held, strict=True):
        assert "data/adoption_evidence.csv" in one.reference
        (told,) = re.findall(r"([\d.]+)% of assets", one.title)
        assert float(told) == pytest.approx(100 * share, rel=0.01)
        assert set(one.changed()) <= {f"adoption.{name}" for name in study.TAKEN}
    value = evidence.set_index("key")["value"]
    assert held[0] == pytest.approx(value["au_smsf_crypto"] / value["au_super"], rel=0.01)
    default_funds = cases[3].settings.adoption
    assert default_funds.participants_share == value["tdf_assets"]
    assert default_funds.allocation_share == value["blackrock_range"]
    assert cases[4].settings.adoption.participants_share == value["wish_millennials"]
    assert cases[4].settings.adoption.allocation_share == value["cap_fidelity"] / 2
    assert all(one.settings.adoption.allocation_share == value["cap_forusall"] for one in cases[:3])


def test_events_share_the_central_adoption_and_the_money_in_equity():
    central = load(f"adoption_{study.CENTRAL}").settings.adoption
    for name in study.EVENTS[1:]:
        assert load(name).settings.adoption == central and central.displaces == "equity"
        assert study.scenario_of(study.CENTRAL, name) == load(name)
    other = study.scenario_of("high", "boom")
    assert other.settings.adoption == load("adoption_high").settings.adoption
    assert other.settings.paths == load("boom").settings.paths and "high adoption" in other.title


def test_scenarios_in_which_savers_respond_say_what_crypto_replaces():
    for name in catalogue():
        scenario = load(name)
        if scenario.value("adoption.displaces") == "core":
            assert "replaces the whole mix" in scenario.title


def test_path_names_and_models_are_those_of_the_market_code():
    from fiscal.markets.paths import PATH_MODELS, path_names

    assert set(DETERMINISTIC_PATHS) == set(path_names())
    models = json_schema()["$defs"]["Paths"]["properties"]["model"]
    assert set(PATH_MODELS) == set(models.get("enum", [models.get("const")]))


def test_scenarios_differ_in_fingerprint():
    prints = {load(name).fingerprint() for name in catalogue()}
    assert len(prints) == len(catalogue())


# every setting is documented


@pytest.mark.parametrize("lever", list(declared()), ids=lambda lever: lever.key)
def test_every_setting_has_unit_range_source_and_standing(lever):
    assert lever.unit and lever.doc and lever.source
    assert lever.status in ("cited", "derived", "assumed", "choice")
    section, name = lever.key.split(".")
    numeric = re.search(r"number", lever.allowed)
    if numeric:
        assert lever.low is not None and lever.high is not None and lever.low < lever.high
        members = lever.default if isinstance(lever.default, tuple) else (lever.default,)
        assert all(lever.low <= member <= lever.high for member in members if member is not None)
    assert lever.default is not None or is_optional(SECTIONS[section], name)
    assert "MODEL.md" not in lever.source and "/" not in lever.source.split("data/")[0]


@pytest.mark.parametrize("lever", list(declared()), ids=lambda lever: lever.key)
def test_tables_named_as_sources_exist(lever):
    for table in re.findall(r"data/(\w+)\.csv", lever.source):
        assert (sources.data_dir() / f"{table}.csv").is_file(), table


def test_explain_lists_every_setting_once_and_marks_changes():
    frame = explain(load("boom", ["fees.crypto_rate=0.01", "assumptions.hardship_rate=0.005"]))
    assert frame["key"].is_unique
    assert set(frame["key"]) == {*known_keys(), *(f"assumptions.{key}" for key in adjustable())}
    changed = frame[frame["changed"]].set_index("key")
    assert changed["set_in"].to_dict() == {
        "paths.name": "boom.toml",
        "paths.event_year": "boom.toml",
        "adoption.participants_share": "adoption_central.toml",
        "fees.crypto_rate": "--set",
        "assumptions.hardship_rate": "--set",
    }
    assert changed.loc["fees.crypto_rate", "value"] == "0.01"
    assert set(frame.loc[~frame["changed"], "set_in"]) <= {"default", "boom.toml", "adoption_central.toml"}


def test_assumptions_a_scenario_may_change_are_not_read_behind_its_back(root):
    """``sources.assumption`` bypasses the scenario, so it may only be asked for rows named part.key."""
    found = [
        (file.name, key)
        for file in (root / "fiscal").rglob("*.py")
        for key in re.findall(r"\bassumption\(\s*[\"']([^\"']+)[\"']", file.read_text(encoding="utf-8"))
    ]
    assert [pair for pair in found if pair[1] in adjustable()] == []


# values


def test_a_file_overrides_only_what_it_names(tmp_path):
    path = write(tmp_path, '[scenario]\nextends = "boom"\ntitle = "Mine"\n[fees]\ncrypto_rate = 0.02\n')
    mine = load(path)
    assert (mine.name, mine.title, mine.author) == ("mine", "Mine", "")
    assert mine.lineage == ("baseline", "adoption_central", "boom", "mine")
    assert mine.changed() == {**load("boom").changed(), "fees.crypto_rate": 0.02}


def test_extends_looks_beside_the_file_that_says_it(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", "[fees]\ncore_rate = 0.01\n", "parent.toml")
    child = write(tmp_path, '[scenario]\nextends = "sub/parent.toml"\n')
    assert load(child).settings.fees.core_rate == 0.01


def test_nearer_values_win(tmp_path):
    write(tmp_path, "[fees]\ncore_rate = 0.01\ncrypto_rate = 0.01\n", "parent.toml")
    child = write(tmp_path, '[scenario]\nextends = "parent.toml"\n[fees]\ncore_rate = 0.002\n')
    fees = load(child, ["fees.crypto_rate=0.03"]).settings.fees
    assert (fees.core_rate, fees.crypto_rate) == (0.002, 0.03)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("tax.flat_rate=0.2", "tax.flat_rate", 0.2),
        ("tax.flat_rate=none", "tax.flat_rate", None),
        ('tax.flat_rate="none"', "tax.flat_rate", None),
        ("withdrawals.rmd_exact_share=.5", "withdrawals.rmd_exact_share", 0.5),
        ("adoption.displaces=equity", "adoption.displaces", "equity"),
        ("adoption.displaces = 'equity'", "adoption.displaces", "equity"),
        ("limits.indexed=false", "limits.indexed", False),
        ("books.discount_rates=[0.02, 0.04]", "books.discount_rates", (0.02, 0.04)),
        ("people.scale=2", "people.scale", 2.0),
        ("horizon.last_year=2_060", "horizon.last_year", 2060),
    ],
)
def test_overrides_take_toml_values_and_bare_words(text, key, value):
    found = load("baseline", [text]).value(key)
    assert found == value and type(found) is type(value)


def test_overrides_as_a_mapping():
    scenario = load("baseline", {"tax.flat_rate": 0.2, "books.discount_rates": (0.02,)})
    assert scenario.settings.tax.flat_rate == 0.2
    assert scenario.settings.books.discount_rates == (0.02,)


def test_a_changed_scenario_does_not_pass_for_the_one_it_came_from():
    boom, changed = load("boom"), load("boom", ["adoption.displaces=core"])
    assert changed.name != boom.name and changed.name.startswith("boom-")
    assert f"{setting_name('adoption.displaces')}: core" in changed.title
    assert changed.name == load("boom", ["adoption.displaces=core"]).name
    assert load("boom", ["adoption.displaces=equity"]).name == "boom"  # says what holds already
    assert load("boom", ["adoption.displaces=core", "scenario.name=mine"]).name == "mine"


def test_scenarios_are_frozen_and_travel_to_workers():
    scenario = load("boom")
    with pytest.raises(ValidationError):
        scenario.settings.fees.core_rate = 0.1
    with pytest.raises(AttributeError):
        scenario.name = "x"
    copy = pickle.loads(pickle.dumps(scenario))
    assert copy == scenario and dict(copy.origins) == dict(scenario.origins)


def test_the_fingerprint_is_of_the_settings_alone(tmp_path):
    titled = load("boom", ["scenario.title=Another", "scenario.name=other"])
    assert titled.fingerprint() == load("boom").fingerprint()
    assert load("boom", ["paths.seed=2"]).fingerprint() != load("boom").fingerprint()
    whole = load("baseline", ["people.scale=1"])  # 1 and 1.0 are one number
    assert whole.fingerprint() == load("baseline").fingerprint()
    assert re.fullmatch(r"[0-9a-f]{64}", titled.fingerprint())


def within(lever) -> st.SearchStrategy[Any]:
    if isinstance(lever.default, bool):
        return st.booleans()
    if isinstance(lever.default, int) or "whole number" in lever.allowed:
        return st.integers(int(lever.low), int(lever.high))
    return st.floats(lever.low, lever.high)


FREE = [
    lever
    for lever in declared()
    if lever.low is not None
    and not isinstance(lever.default, tuple)
    and not lever.key.startswith(
        (
            "horizon",
            "adoption.start",
            "adoption.full",
            "adoption.allocation_heavy",
            "adoption.allocation_age",
            "adoption.allocation_group",
            "paths.count",
            "paths.mix",
            "roth.plateau",
            "roth.full",
            "roth.none",
            "limits.",
            "law.",
            "withdrawals.conversion",
            "alternatives",
            "overlays",
        )
    )
    and not lever.key.startswith("withdrawals.rmd")
]


@given(data=st.data())
def test_any_valid_scenario_survives_being_written_and_read(data, tmp_path_factory):
    chosen = data.draw(st.lists(st.sampled_from(FREE), unique=True, max_size=8))
    overrides: dict[str, Any] = {lever.key: data.draw(within(lever)) for lever in chosen}
    overrides["scenario.title"] = data.draw(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])))
    scenario = load("boom", {"adoption.displaces": "core", **overrides})  # savers may respond
    path = tmp_path_factory.mktemp("round") / "scenario.toml"
    path.write_text(scenario.to_toml(), encoding="utf-8", newline="\n")
    again = load(path)
    assert again.settings == scenario.settings
    assert again.fingerprint() == scenario.fingerprint()
    assert (again.name, again.title) == (scenario.name, scenario.title)
    assert again.to_toml() == scenario.to_toml()


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_survives_toml(text):
    assert tomllib.loads(write_toml({"a": {"b": text}})) == {"a": {"b": text.replace("\r\n", "\r\n")}}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_float_survives_toml(number):
    found = tomllib.loads(f"a = {format_value(number)}")["a"]
    assert found == number and math.copysign(1, found) == math.copysign(1, number)


# mistakes


def test_every_problem_is_reported_at_once(tmp_path):
    path = write(
        tmp_path,
        """
[scenario]
extends = "boom"
titel = "x"
[adoption]
participants_shar = 0.2
allocation_share = 1.5
mode = "tranfer"
[heirs]
years = "ten"
[rebalancing]
speed = 1
""",
    )
    found = messages(path, ["tax.flat_rat=0.2", "fees.core_rate=1"])
    expected = [
        "--set: fees.core_rate: out of range (found 1); allowed: a number from 0 to 0.02",
        "--set: tax.flat_rat: unknown key (found 0.2); did you mean 'tax.flat_rate'?",
        "mine.toml: adoption.allocation_share: out of range (found 1.5); allowed: a number from 0 to 1",
        "mine.toml: adoption.mode: not one of the choices (found 'tranfer'); allowed: one of \"transfer\", "
        "\"new_money\"; did you mean 'transfer'?",
        "mine.toml: adoption.participants_shar: unknown key (found 0.2); did you mean 'adoption.participants_share'?",
        "mine.toml: heirs.years: wrong type (found 'ten'); allowed: a whole number from 1 to 10",
        "mine.toml: rebalancing: unknown section",
        "mine.toml: scenario.titel: unknown key (found 'x')",
    ]
    shown = sorted(message.replace(f"{tmp_path}/", "") for message in found)
    assert len(shown) == len(expected)
    for message, start in zip(shown, expected, strict=True):
        assert message.startswith(start)


@pytest.mark.parametrize(
    ("override", "suggestion"),
    [
        ("adoption.rebalancng=1", "adoption.rebalancing"),
        ("adoption.rebalancing_=1", "adoption.rebalancing"),
        ("Fees.Core-Rate=0.01", "fees.core_rate"),
        ("adopton.mode=transfer", "adoption.mode"),
        ("flat_rate=0.1", "tax.flat_rate"),
        ("assumptions.hardshp_rate=0.004", "assumptions.hardship_rate"),
    ],
)
def test_unknown_keys_are_answered_with_the_nearest(override, suggestion):
    (message,) = messages("baseline", [override])
    assert "unknown key" in message and f"did you mean '{suggestion}'?" in message


@pytest.mark.parametrize(
    "override",
    [
        "heirs.years=true",
        "heirs.years=10.5",
        "heirs.years=ten",
        "limits.indexed=1",
        "limits.indexed=yes",
        "fees.core_rate=[0.1]",
        "fees.core_rate='0.004'",
        "fees.core_rate=none",
        "books.discount_rates=0.03",
        "books.discount_rates=['a']",
        "paths.name=3",
        "horizon.last_year=2050-01-01",
        "fees.core_rate={ a = 1 }",
        "assumptions.hardship_rate=true",
        "assumptions.hardship_rate=low",
        "scenario.title=7",
    ],
)
def test_wrong_types_are_refused(override):
    (message,) = messages("baseline", [override])
    assert "wrong type" in message and "allowed: " in message


@pytest.mark.parametrize("lever", [one for one in declared() if one.low is not None], ids=lambda one: one.key)
def test_values_outside_a_range_are_refused_and_its_ends_taken(lever):
    listed = isinstance(lever.default, tuple)
    whole = isinstance(lever.default, int) or "whole number" in lever.allowed
    step = 1 if whole else 1e-6
    for bad in (lever.low - step, lever.high + step):
        assert any(lever.key in message and "out of range" in message for message in messages(
            "baseline", {lever.key: [bad] if listed else bad}
        ))  # fmt: skip
    section, name = lever.key.split(".")
    for good in (lever.low, lever.high):
        value = int(good) if whole else float(good)
        SECTIONS[section].model_validate({name: [value] if listed else value})


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("key", ["people.scale", "tax.flat_rate", "assumptions.hardship_rate"])
def test_numbers_must_be_finite(key, number):
    (message,) = messages("baseline", [f"{key}={number}"])
    assert key in message and "not a finite number" in message


@pytest.mark.parametrize(
    ("overrides", "key", "words"),
    [
        (["horizon.last_year=2036", "adoption.full_year=2050"], "adoption.full_year", "outside the horizon"),
        (["horizon.last_year=2040", "roth.plateau_year=2041"], "roth.plateau_year", "outside the horizon"),
        (["adoption.start_year=2035"], "adoption.full_year", "after it starts"),
        (["withdrawals.rmd_exact_share=0.8"], "withdrawals.rmd_above_share", "more than 1"),
        (["paths.name=bom"], "paths.name", "did you mean 'boom'"),
        (["paths.count=5"], "paths.count", "one path"),
        (["books.discount_rates=[0.03, 0.03]"], "books.discount_rates", "twice"),
        (["books.discount_rates=[]"], "books.discount_rates", "empty"),
    ],
)
def test_contradictions_are_found(overrides, key, words):
    (message,) = messages("baseline", overrides)
    assert key in message and words in message


def test_contradictions_are_not_reported_on_top_of_a_wrong_value():
    (message,) = messages("baseline", ["adoption.full_year=1900"])
    assert "out of range" in message


def test_percent_is_answered_with_its_fraction():
    (message,) = messages("baseline", ["adoption.allocation_share=15"])
    assert message.endswith("(found 15); allowed: a number from 0 to 1; 15 percent is 0.15")
    for written, words in (
        ("paths.crypto_return=-15", "-15 percent is -0.15"),
        ("paths.crypto_volatility=60", "60 percent is 0.6"),  # above 1 is allowed too
        ("books.discount_rates=[0.02, 3.5]", "3.5 percent is 0.035"),
        ("assumptions.hardship_rate=0.9", "0.002 to 0.008"),  # too small to be one in percent
        ("assumptions.penalised_share=45", "45 percent is 0.45"),
    ):
        (message,) = messages("baseline", [written])
        assert "out of range" in message and message.endswith(words)
    others = (
        f"assumptions.hardship_rate={10**400}",
        "adoption.allocation_share=150",
        "adoption.allocation_share=-5",
        "horizon.last_year=15",
    )
    for other in (*others, "adoption.group_tilt=50", "heirs.years=100"):  # and what is no fraction
        (message,) = messages("baseline", [other])
        assert "out of range" in message and "percent" not in message


def test_a_wrong_base_hides_no_other_problem(tmp_path):
    write(tmp_path, '[scenario]\nextends = "bom"\n[fees]\ncore_rat = 0.01\ncrypto_rate = 5\n')
    found = messages(tmp_path / "mine.toml", ["adoption.full_year=1900"])
    told = [
        "'boom'",
        "fees.core_rat: unknown key",
        "fees.crypto_rate: out of range",
        "adoption.full_year: out of range",
    ]
    assert len(found) == len(told) and all(any(words in line for line in found) for words in told)
    for name in ("bom", write(tmp_path, "[fees\n", "broken.toml")):
        assert len(messages(name, ["adoption.full_year=1900", "fees.core_rat=0.01"])) == 3
    # what is extended would decide whether values contradict each other
    write(tmp_path, '[scenario]\nextends = "bom"\n[roth]\nfull_from_year = 2030\nnone_from_year = 2030\n')
    assert len(messages(tmp_path / "mine.toml")) == 1


@pytest.mark.parametrize(
    "override",
    # other words, and settings of other sections, have other meanings
    ["roth.from_year=2030", "paths.path=1", "paths.paths=1", "roth.rebalancing=1", "count_=3", "x=1", "seeds=1"],
)
def test_a_setting_with_another_meaning_is_not_suggested(override):
    (message,) = messages("baseline", [override])
    assert "unknown key" in message and "did you mean" not in message


def test_a_section_is_not_a_value_in_overrides_either():
    for override in (["paths=3"], {"paths": 3}):
        (message,) = messages("baseline", override)
        assert "paths: is a section, not a value" in message


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("bom", ["boom", "bust"], "boom"),
        ("rnu", ["run", "cite"], "run"),  # two letters that changed places are one slip
        ("Median-Path", ["median_path"], "median_path"),
        ("share", ["scare", "share_2025"], "scare"),
        ("bust", ["boost", "base"], None),
        ("a" * 10**6, ["a", "run"], None),
        ("", ["run"], None),
    ],
)
def test_names_are_near_when_a_letter_or_two_differ(name, known, found):
    assert nearest(name, known) == found


def test_a_name_with_a_word_more_or_fewer_is_found():
    known = ("law.reform", "adoption.participants_share", "paths.model", "paths.file", "paths.file_name")
    assert nearest("law.reform_file", known) == "law.reform"
    assert nearest("adoption.participants", known) == "adoption.participants_share"
    assert nearest("law.reforms_all", known) is None


def test_an_unknown_scenario_is_answered_with_the_nearest():
    (message,) = messages("bom")
    assert message == (
        "no such scenario 'bom'; allowed: a .toml file or a name that fiscal list prints; did you mean 'boom'?"
    )


def test_a_missing_file_is_answered_with_its_neighbour(tmp_path):
    write(tmp_path, "", "growth.toml")
    (message,) = messages(tmp_path / "grwth.toml")
    assert "no such scenario file" in message and "did you mean 'growth.toml'?" in message
    assert "(found" not in message


def test_the_folder_of_a_run_is_answered_with_the_scenario_in_it(tmp_path):
    write(tmp_path, "", "scenario.toml")
    (message,) = messages(tmp_path)
    assert "is the folder of a run, not a scenario" in message and "scenario.toml'?" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[fees]\ncore_rate = \n", "line 2, column 13"),
        ("[fees]\ncore_rate = 1\ncore_rate = 2\n", "broken TOML at"),
        ('[scenario]\ntitle = "unfinished', "line 2"),
        ("fees = 3\n", "is a section, not a value"),
        ("core_rate = 0.01\n", "unknown key outside any section"),
        ("[[fees]]\ncore_rate = 0.01\n", "is a section, not a value"),
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("[" + ".".join(["fees"] * (MAX_DEPTH + 2)) + "]\n", "nested too deeply"),
        ("a = " + "9" * 5000, "broken TOML"),
    ],
)
def test_broken_files_are_located(tmp_path, text, words):
    found = messages(write(tmp_path, text))
    assert len(found) == 1 and words in found[0] and "mine.toml" in found[0]


def test_other_unreadable_files(tmp_path):
    big = write(tmp_path, "#" * (MAX_BYTES + 1), "big.toml")
    assert "too large" in messages(big)[0]
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"[fees]\n\xff\xfe")
    assert "not UTF-8 text at line 2" in messages(binary)[0]
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    assert "is a folder" in messages(folder)[0]
    assert "no such scenario" in messages("a\0b")[0]
    marked = tmp_path / "marked.toml"  # some editors begin a file with a byte-order mark
    marked.write_bytes(b"\xef\xbb\xbf[fees]\ncore_rate = 0.01\n")
    assert load(marked).settings.fees.core_rate == 0.01


def test_extends_cannot_run_in_circles(tmp_path):
    write(tmp_path, '[scenario]\nextends = "b.toml"\n', "a.toml")
    write(tmp_path, '[scenario]\nextends = "a.toml"\n', "b.toml")
    assert "extends itself" in messages(tmp_path / "a.toml")[0]
    for number in range(20):
        write(tmp_path, f'[scenario]\nextends = "c{number + 1}.toml"\n', f"c{number}.toml")
    assert "extends more than" in messages(tmp_path / "c0.toml")[0]
    write(tmp_path, '[scenario]\nextends = "bom"\n', "d.toml")
    (message,) = messages(tmp_path / "d.toml")
    assert "scenario.extends" in message and "did you mean 'boom'?" in message


@pytest.mark.parametrize("override", ["fees", "fees.core_rate", "=3", "fees.core_rate=", "fees.core_rate=[1"])
def test_malformed_overrides(override):
    (message,) = messages("baseline", [override])
    assert message.startswith("--set: ")


def test_an_override_cannot_smuggle_a_second_setting():
    (message,) = messages("baseline", ["fees.core_rate=0.01\ncrypto_rate = 0.02"])
    assert "more than one value" in message


@pytest.mark.parametrize("title", ["a\x1b[31mb", "a\u202eb", "a\u2028b"])
def test_control_characters_in_titles_are_refused(title):
    (message,) = messages("baseline", {"scenario.title": title})
    assert "control character" in message and title not in message


def test_names_can_be_used_as_folders():
    for name in ("../up", "a/b", ".hidden", "", "a  b", " a", "a "):
        if name:
            assert "cannot be used as a name" in messages("baseline", {"scenario.name": name})[0]


# outside views


def test_html_shows_titles_as_text():
    scenario = load("baseline", {"scenario.title": "<script>alert(1)</script>", "fees.core_rate": 0.01})
    shown = scenario._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "fees.core_rate" in shown


def test_the_json_schema_accepts_what_loads_and_refuses_what_does_not(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    for name in catalogue():
        check.validate(tomllib.loads(load(name).to_toml()))
    check.validate({"assumptions": {"hardship_rate": 0.005}, "scenario": {"title": "x", "extends": "boom"}})
    for bad in (
        {"fees": {"core_rate": 0.5}},
        {"fees": {"cor_rate": 0.01}},
        {"adoption": {"mode": "tranfer"}},
        {"books": {"discount_rates": [0.5]}},
        {"assumptions": {"hardshp_rate": 0.005}},
        {"assumptions": {"hardship_rate": 0.5}},
        {"tax": {"flat_rate": 0.7}},
        {"nosuch": {}},
    ):
        assert list(check.iter_errors(bad)), bad
    assert json.loads(json.dumps(schema)) == schema


def test_settings_by_dotted_name():
    scenario = load("boom")
    assert scenario.value("adoption.participants_share") == 0.1
    assert isinstance(scenario.with_overrides({"paths.seed": 5}), Scenario)
    assert scenario.with_overrides({"paths.seed": 5}).value("adoption.participants_share") == 0.1


def test_a_setting_given_twice_is_refused():
    with pytest.raises(InputError, match="set more than once"):
        load("boom", overrides=["adoption.participants_share=0.2", "adoption.participants_share=0.3"])


def test_a_row_set_to_its_own_value_asks_no_other_question():
    same = load("baseline", overrides=[f"assumptions.hardship_rate={sources.assumption('hardship_rate')}"])
    assert same.fingerprint() == load("baseline").fingerprint()
    assert same.name == "baseline"


def test_a_changed_scenario_drops_the_description_of_the_old_one():
    assert "One participant in ten" in load("boom").description
    assert load("boom", overrides=["adoption.participants_share=0.2"]).description == ""


# what is too large is refused before it is read, and in few words


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * 30_000) + " = 1",
        "[" + " . ".join(['"a b"', "'c.d'"] * 15_000) + "]",
        "x = {" + ".".join(["a"] * 30_000) + " = 1}",
        "x = " + "[" * 100_000,
        "".join(f"k{number} = 1\n" for number in range(50_000)),
        "[fees]\n" + "".join(f"k{number} = 1\n" for number in range(5_000)),
        "".join(f"[k{number}]\n" for number in range(50_000)),
        "x = {" + ", ".join(f"k{number} = 1" for number in range(50_000)) + "}",
        "x = 1 # " + "x" * 1024 * 1024,
    ],
    ids=["dotted key", "dotted table", "dotted inside", "lists", "keys", "one section", "tables", "inline", "long"],
)
def test_oversize_texts_are_refused_before_they_are_parsed(text, tmp_path, monkeypatch):
    if not text.startswith(("x = [", "[fees]")):  # which the parser answers at once
        monkeypatch.setattr("tomllib.loads", lambda text: pytest.fail("the parser was asked"))
    (message,) = messages(write(tmp_path, text))
    assert "allowed: at most" in message and len(message) < 300 + len(str(tmp_path))


def test_what_texts_and_comments_hold_is_not_counted(tmp_path):
    words = ".".join("abcdefghijklmnopqrstuvwxyz") + " = [x] " * 500
    text = f'# {words}\n[scenario]\ndescription = """\n{words[:3000]}\n\\""" {words[:500]}"""\n'
    assert load(write(tmp_path, text)).description.startswith("a.b.c")


@pytest.mark.parametrize("section", ["fees", "assumptions"])
def test_a_long_list_of_problems_is_cut_and_counted(section, monkeypatch, tmp_path):
    sought = []
    monkeypatch.setattr(errors, "_letters_apart", lambda one, other: sought.append(one) or 9)
    text = f"[{section}]\n" + "".join(f"core_rat{number} = 1\n" for number in range(500))
    with pytest.raises(InputError) as caught:
        load(write(tmp_path, text))
    lines = str(caught.value).splitlines()
    assert len(caught.value.problems) == 500
    assert len(lines) == errors.MOST_TOLD + 1 and "480 more" in lines[-1]
    assert len(set(sought)) <= errors.MOST_TOLD


def test_many_overrides_are_refused_at_once():
    for overrides in (
        [f"fees.k{number}=1" for number in range(20_000)],
        {f"fees.k{number}": 1 for number in range(20_000)},
        {"fees": {f"k{number}": 1 for number in range(20_000)}},
    ):
        (message,) = messages("baseline", overrides)
        assert "too many keys" in message


def test_endless_values_are_shown_shortened():
    endless: dict = {}
    endless["horizon"] = endless
    for overrides in (
        {"horizon.last_year": 10**6000}, {"fees.core_rate": 10**6000}, {"assumptions.hardship_rate": 10**6000},
        ["horizon.last_year=0x" + "f" * 6000], ["scenario.title=0x" + "f" * 6000], ["fees.core_rate=" + "x" * 10**5],
        {"fees.core_rate": [0.1] * 10**5}, {"fees." + "x" * 10**5: 1}, endless, {"fees.core_rate": endless},
        ["fees.core_rate={" + ".".join(["a"] * 10**5) + "=1}"],
    ):  # fmt: skip
        (message,) = messages("baseline", overrides)
        assert len(message) < 700


# values as programs hold them


@pytest.mark.parametrize(
    ("key", "plain", "others"),
    [
        ("horizon.last_year", 2050, [np.int64(2050), np.int32(2050), np.uint16(2050), np.array(2050),
                                     pd.DataFrame({"year": [2050]})["year"].iloc[0]]),
        ("fees.core_rate", 0.25**4, [np.float64(0.25**4), np.float32(0.25**4), pd.Series([0.25**4])[0]]),
        ("limits.indexed", False, [np.bool_(False)]),
        ("adoption.displaces", "equity", [np.str_("equity")]),
        ("books.discount_rates", [0.02, 0.04], [(0.02, 0.04), np.array([0.02, 0.04]), pd.Series([0.02, 0.04])]),
        ("assumptions.hardship_rate", 0.004, [np.float64(0.004)]),
    ],
)  # fmt: skip
def test_values_of_numpy_and_pandas_are_those_of_python(key, plain, others):
    expected = load("boom", {key: plain})
    section, _, name = key.partition(".")
    for value in (plain, *others):
        for overrides in ({key: value}, {section: {name: value}}):
            found = load("boom", overrides)
            assert found.fingerprint() == expected.fingerprint() and found.name == expected.name
            assert found.to_toml() == expected.to_toml()
            assert load("boom").with_overrides(overrides) == expected


def test_paths_name_files_in_python(tmp_path):
    file = tmp_path / "mine.csv"
    settings = {"paths": {"model": "user", "file": file}}
    assert load("boom", settings) == load("boom", {"paths.model": "user", "paths.file": str(file)})


@pytest.mark.parametrize(
    "value",
    [np.array([2050]), np.float64(2050.5), np.datetime64("2050"), pd.NA, None, np.nan, 1j, b"2050", {2050}, object(),
     {"a": 1}],
)  # fmt: skip
def test_wrong_values_of_programs_are_refused_as_those_of_files(value):
    (message,) = messages("boom", {"horizon": {"last_year": value}})
    assert "horizon.last_year: wrong type" in message and "a whole number from" in message


@pytest.mark.parametrize("overrides", [None, 5, [("horizon.last_year", 2050)], [5], b"x=1"])
def test_overrides_that_are_none_are_refused(overrides):
    assert all("allowed: " in message for message in messages("boom", overrides))


def test_a_setting_twice_in_two_spellings_is_refused():
    (message,) = messages("boom", {"horizon.last_year": 2050, "horizon": {"last_year": 2051}})
    assert "set more than once" in message


# Windows paths


@pytest.mark.parametrize(
    "path", [r"C:\Users\me\new.csv", r"D:\data\x.csv", r"C:\new\table.csv", r"\\server\x.csv", "C:\\"]
)
@pytest.mark.parametrize("where", ["file", "override", "extends"])
def test_a_windows_path_in_double_quotes_is_answered_with_a_hint(path, where, tmp_path):
    if where == "extends":
        found = messages(write(tmp_path, f'[scenario]\nextends = "{path}"\n'))
    elif where == "file":
        found = messages(write(tmp_path, f'[paths]\nmodel = "user"\nfile = "{path}"\n'))
    else:
        found = messages("boom", [f'paths.file="{path}"'])
    assert any("single quotes" in message for message in found)


def test_a_windows_path_in_single_quotes_is_read(tmp_path):
    text = "[paths]\nmodel = 'user'\nfile = 'C:\\Users\\me\\new.csv'\n"
    assert load(write(tmp_path, text)).value("paths.file") == r"C:\Users\me\new.csv"


def test_other_broken_toml_has_no_such_hint(tmp_path):
    (message,) = messages(write(tmp_path, "[fees]\ncore_rate = \n"))
    assert "single quotes" not in message


# rows of the assumptions table with a dotted key

DOTTED = [key for key in adjustable() if "." in key]


@pytest.mark.parametrize("key", DOTTED)
def test_a_dotted_row_is_set_in_a_file_and_by_an_override(key, tmp_path):
    value = adjustable()[key].default + 1 if adjustable()[key].low is None else adjustable()[key].low
    for text in (f'[assumptions]\n"{key}" = {value!r}\n', f"[assumptions]\n{key} = {value!r}\n"):
        chosen = load(write(tmp_path, text))
        assert dict(chosen.settings.assumptions) == {key: value}
        assert load(write(tmp_path, chosen.to_toml())).settings == chosen.settings
    assert load("baseline", [f"assumptions.{key}={value!r}"]).settings == chosen.settings
    assert load("baseline", {"assumptions": {key: value}}).settings == chosen.settings
    assert load("baseline").with_overrides({f"assumptions.{key}": value}).settings == chosen.settings


def test_a_row_that_enters_before_a_run_says_where_to_change_it():
    for key in rows():
        if key not in adjustable():
            (message,) = messages("baseline", {f"assumptions.{key}": 1.0})
            assert "data/assumptions.csv" in message and "unknown" not in message


def test_variants_are_named_by_what_changed_or_by_the_user():
    """A hash is no name."""
    assert load("boom", {"adoption.participants_share": 0.2}).name == "boom-participants_share-0.2"
    named = load("boom", {"adoption.participants_share": 0.2}, name="Ten in a hundred")
    assert (named.name, named.title) == ("Ten in a hundred", "Ten in a hundred")
    assert named.settings == load("boom", {"adoption.participants_share": 0.2}).settings
    several = {"adoption.participants_share": 0.2, "adoption.allocation_share": 0.1, "tax.withdrawal_scale": 1.1}
    assert load("boom", several).name == "boom-0.2-0.1-1.1"
    many = [f"assumptions.{key}={row.high}" for key, row in adjustable().items() if row.high is not None][:30]
    assert (
        load("boom", many).name
        == f"boom-with-{len(load('boom', many).changed()) - len(load('boom').changed())}-changes"
    )
    odd = load("boom", name="10 % & more?")
    assert (odd.name, odd.title) == ("10 more", "10 % & more?")
    with pytest.raises(InputError, match="scenario.name"):
        load("boom", ["scenario.name='two  blanks'"])
