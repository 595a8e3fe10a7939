"""Reform files as the field writes them, and what is told of them; Tax-Calculator is asked once a case (seconds)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fiscal.base.axes import ATTAINED_AGES, FIRST_YEAR, LAST_YEAR
from fiscal.base.errors import InputError
from fiscal.base.files import parse_json
from fiscal.engine import run as engine_run
from fiscal.engine.taxes import law_sentence
from fiscal.law import reforms, schedules, trial
from fiscal.law.build import schedules as build
from fiscal.law.reforms import Reform, parse_reform, read_reform, tried
from fiscal.law.years import LAST_FILE_YEAR, OWN_SCOPES
from fiscal.people.mobility import mobility_matrix
from fiscal.scenario import baselines_added, load, reform_files


def parsed(text: str) -> dict:
    return dict(parse_reform(text.encode(), "reform.json").parameters)


# --- reading ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"II_rt7": {"2030": NaN}}', "NaN is not a JSON number"),
        ('{"II_rt7": {"2030": 1e999}}', "1e999 is not a JSON number"),
        ('{"II_rt7": {"2030": null}}', "II_rt7, 2030: is not an amount"),
        ('{"II_rt7": {"2030": "0.3"}}', "II_rt7, 2030: is not an amount"),
        ('{"II_rt7": {"2030": [[[1]]]}}', "II_rt7, 2030: is not an amount"),
        ('{"II_rt7": {"99999999999999999999": 0.4}}', "is not a year"),
        ('{"II_rt7": {"\uff12\uff10\uff13\uff10": 0.4}}', "is not a year"),
        ('{"II_rt7": {"2101": 0.4, "x": []}}', "(?s)2101: is not a year.*x: is not a year.*x: is not an amount"),
        ('{"II_rt7": ', "JSON"),
        ('{"II_rt7": {"2030": 0.4} /* no end', "JSON"),
    ],
)
def test_a_reform_is_numbers_by_year(text: str, word: str) -> None:
    """What Tax-Calculator would take for a value, or ignore without a word."""
    with pytest.raises(InputError, match=word):
        parsed(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)none\.json: no such file.*other\.json: no such file"):
        read_reform(tmp_path / "none.json", tmp_path / "other.json")


def test_years_outside_are_turned_round_in_the_message() -> None:
    with pytest.raises(InputError, match="parameter comes first") as told:
        parsed('{"2030": {"_II_rt7": [0.4]}, "2031": {"_II_rt7": [0.5], "STD": [1, 2]}}')
    assert json.dumps({"II_rt7": {"2030": [0.4], "2031": [0.5]}, "STD": {"2031": [1, 2]}}) in str(told.value)


@pytest.mark.parametrize("written", ["9e99", "1e100", "1e308", "9" + "0" * 99, "9" + "0" * 120])
def test_no_limit_is_written_as_the_field_does(written: str) -> None:
    assert parsed(f'{{"X": {{"2030": {written}, "2031": [{written}, -{written}, 1]}}}}') == {
        "X": {2030: 9e99, 2031: [9e99, -9e99, 1]}
    }


def test_large_whole_numbers_are_floats_and_others_as_written() -> None:
    found = parsed('{"X": {"2030": 100000000000000000000, "2031": 400000, "2032": true}}')["X"]
    assert [type(value) for value in found.values()] == [float, int, bool]


def test_comments_marks_and_texts_with_slashes() -> None:
    text = """// A title: "quoted", and a // in it
    {  /* { "II_rt7": */
      "X": {"2030": 0.4}, // "X": {"2030": 1}
      "http://a/*b*/": {"2031": 2 /* of
      two lines */ }
    }"""
    expected = {"X": {2030: 0.4}, "http://a/*b*/": {2031: 2}}
    assert parsed(text) == expected == parsed("\ufeff" + text)
    with pytest.raises(InputError, match="line 3 column"):  # the line of the file
        parsed('// one\n/* two */ {"X":\n oops}')


def test_endless_texts_and_comments_take_no_time() -> None:
    for content in (b"/*" * 400_000, b'"\\' * 400_000, b'"' + b'\\"' * 400_000):
        with pytest.raises(InputError):
            parse_reform(content, "reform.json")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('{"A": {"2030": 1}, "B": {"2030": 0}, "A": {"2031": 2}}', ["A"]),
        ('{"A": {"2030": 1, "2031": 2, "2030": 1}}', ["A, 2030"]),
        ('{"policy": {"A": {"2030": 1, "2030": 2}}, "policy2": 1, "policy2": 2}', ["policy2", "policy, A, 2030"]),
        ('{"A": [{"x": 1}, {"x": 1, "x": 1}]}', ["A, 1, x"]),
    ],
)
def test_names_that_stand_twice_are_refused_by_name(text: str, places: list[str]) -> None:
    with pytest.raises(InputError) as told:
        parse_json(text.encode(), "mine.json")
    assert [(one.file, one.key) for one in told.value.problems] == [("mine.json", place) for place in places]


def test_parts_beside_the_policy_are_named_as_not_used() -> None:
    parts = b'{"policy": {"X": {"2030": [1, 2]}}, "consumption": {"Y": 1}, "growdiff_response": {}}'
    one = parse_reform(parts, "a.json")
    assert one.parameters == {"X": {2030: [1, 2]}}
    (said,) = reforms.said_of(one, [])
    assert "a.json" in said and "'consumption'" in said and "growdiff" not in said
    assert parse_reform(b'{"policy": {"X": {"2030": 1}}}', "a.json").notes == ()


def test_a_reform_is_told_in_a_sentence_with_its_parameters_and_years() -> None:
    one = Reform({"B": {2041: 0.37, 2040: 0.5}, "A": {2030: 1}, "C": {2030: 2}}, "a.json + b.json")
    told = reforms.changes_of(one)
    assert "a.json + b.json sets 3 parameters" in told and told.endswith("A, C (2030); B (2040, 2041).")
    assert "(2050, 2051)" in reforms.changes_of(Reform({"B": {2040: 0.5, 2041: 0.37}}, "a.json").moved(2050))
    many = reforms.changes_of(Reform({f"P{n}": dict.fromkeys(range(2030, 2045), 0) for n in range(30)}, "a.json"))
    assert "15 years, 2030 to 2044" in many and "and 18 more" in many and len(many) < 300
    assert law_sentence(load("boom").settings) == "" and "II_rt7" in law_sentence(load("rate_rise_2040").settings)


def test_a_later_file_takes_over_from_its_first_year(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text('{"X": {"2030": 1, "2035": 2}, "Y": {"2030": 3}}')
    second.write_text('// b\n{"X": {"2032": 5}}')
    assert read_reform(first, second).parameters == {"X": {2030: 1, 2032: 5}, "Y": {2030: 3}}
    assert read_reform(second, first).parameters == {"X": {2030: 1, 2035: 2}, "Y": {2030: 3}}


# --- years --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first_year", [None, 2050])
def test_each_change_has_its_law_year_and_the_one_before(first_year: int | None) -> None:
    reform = reforms.moved({"A": {2040: 1, 2041: 0}, "B": {2060: 1, 2070: 2}}, first_year)
    years = reforms.reform_years(reform)
    changes = reforms.change_years(reform)
    assert changes[0] == (first_year or 2040) and len(changes) == 4
    assert set(years) >= {year for change in changes for year in (change - 1, change)} | set(reforms.LAW_YEARS)
    assert years == tuple(sorted(set(years)))


def test_late_reforms_are_redated_to_the_last_law_year() -> None:
    late = {"NIIT_rt": {2050: 0.05, 2070: 0.06}}
    assert reforms.redated(late, 2044, 2036) == {}
    assert reforms.redated(late, 2052, 2036) == {"NIIT_rt": {2036: 0.05}}
    assert reforms.redated(late, 2076, 2036) == {"NIIT_rt": {2036: 0.06}}


# --- trial --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("tax_calculator")
def test_a_provision_of_a_year_changes_the_law_of_that_year_alone() -> None:
    """And Tax-Calculator warns of what it takes with a warning."""
    found = tried(Reform({"II_rt7": {2040: 0.5, 2041: 0.37}, "ID_Medical_frt": {2040: 0.0, 2041: 0.075}}, "a.json"))
    assert found.changed == (2040,)
    assert [line for line in found.warnings if "ID_Medical_frt" in line and "2040" in line]


@pytest.mark.usefixtures("tax_calculator")
def test_what_of_a_reform_has_no_effect_here_is_said() -> None:
    """Provisions that end before the projection, an indexed suffix, and parts of the law that are not computed.

    The Pease limit is computed, since the limit that took its place is off.
    """
    pease = {"ID_prt": {2018: 0.03}, "ID_crt": {2018: 0.8}, "ID_ps": {2017: [3e5] * 5}}
    law = {
        **pease,
        "RRC_c": {2021: 1400, 2022: 0},
        "CG_nodiff": {2030: True},
        "AMEDT_ec": {2030: [1e5] * 5},
        "AMEDT_ec-indexed": {2030: True},
    }
    found = tried(Reform(law, "mine.json").moved(None))
    (idle,) = (line for line in found.warnings if "without effect" in line)
    assert "RRC_c" in idle and "AMEDT_ec" not in idle and "CG_nodiff" not in idle
    (wages,) = (line for line in found.warnings if "payroll tax" in line)
    (gains,) = (line for line in found.warnings if "capital gains" in line)
    assert wages.endswith(": AMEDT_ec") and gains.endswith(": CG_nodiff")
    assert min(found.changed) == FIRST_YEAR and max(found.changed) == LAST_YEAR


def test_a_reform_that_brings_back_the_pease_limit_has_no_other_limit() -> None:
    """Tax-Calculator cannot compute both; in what year the old one comes back, the new one goes."""
    pease = {"ID_prt": {2018: 0.03}, "ID_crt": {2018: 0.8}, "ID_ps": {2017: [3e5] * 5}}
    found = Reform(pease, "a.json").moved(None)
    assert found.parameters["ID_reduction_rate"] == {reforms.OBBBA_YEAR: 0.0}
    assert "ID_reduction_rate" in found.notes[0]
    later = Reform(pease, "a.json").moved(2040)
    assert later.parameters["ID_reduction_rate"] == {2041: 0.0}
    gone = {"ID_prt": {2018: 0.03}, "ID_ps": {2017: [3e5] * 5, 2026: [9e99] * 5}}
    now = {name: dict.fromkeys([2030], *values.values()) for name, values in pease.items()}  # asks for both
    for left in (gone, {**pease, "ID_reduction_rate": {2026: 0.02}}, {"ID_prt": {2030: 0.03}}, now):
        assert Reform(left, "a.json").moved(None).parameters == left


def packaged() -> list[Path]:
    spec = importlib.util.find_spec("taxcalc")
    assert spec is not None and spec.submodule_search_locations
    return sorted((Path(spec.submodule_search_locations[0]) / "reforms").glob("*.json"))


@pytest.mark.parametrize("path", packaged(), ids=lambda path: path.stem)
def test_tax_calculators_own_reform_files_load_on_their_baseline(path: Path) -> None:
    """By name alone, after the file that their header names; Tax-Calculator has each of their parameters."""
    files = reform_files(path.name)
    assert files[-1] == path
    text = path.read_text(encoding="utf-8")
    on_2017 = "Reform_Baseline: 2017_law.json" in text
    assert [file.name for file in files[:-1]] == (["2017_law.json"] if on_2017 else [])
    assert baselines_added(path.name) == ({"2017_law.json": path.name} if on_2017 else {})
    if on_2017:  # written out, it is not applied twice
        assert reform_files(f"2017_law.json+{path.name}") == files
    reform = read_reform(*files).moved(None)
    known = json.loads((path.parents[1] / "policy_current_law.json").read_text(encoding="utf-8"))
    assert {name.removesuffix(trial.INDEXED) for name in reform.parameters} <= known.keys()
    repealed = reform.parameters.get("AMT_rt1", {}).get(2017) == 0 or not on_2017
    assert repealed or reform.parameters["ID_reduction_rate"] == {2026: 0.0}


def test_a_reform_may_be_a_dictionary_of_python(tmp_path: Path) -> None:
    law = {"II_rt7": {2030: np.float64(0.45)}, "AMEDT_ec-indexed": {"2031": True}}
    scenario = load("baseline", {"law.reform": law})
    assert "dictionary.json" in scenario.title
    (file,) = reform_files(scenario.settings.law.reform)
    assert read_reform(file).parameters == {"II_rt7": {2030: 0.45}, "AMEDT_ec-indexed": {2031: True}}
    nested = load("baseline", {"law": {"reform": law}})
    assert nested.settings == scenario.settings
    assert load("baseline", {"law.reform": {"II_rt7": {2030: 0.5}}}).fingerprint() != scenario.fingerprint()


def test_the_baseline_of_a_header_lies_beside_the_file(tmp_path: Path) -> None:
    top, middle = tmp_path / "top.json", tmp_path / "middle.json"
    middle.write_text('// Reform_Baseline: policy_current_law.json\n{"II_rt7": {"2030": 0.4}}')
    top.write_text('// Reform_Baseline: middle.json\n{"II_rt6": {"2030": 0.3}}')
    assert reform_files(str(top)) == (middle, top)
    middle.write_text('// Reform_Baseline: top.json\n{"II_rt7": {"2030": 0.4}}')
    assert reform_files(str(top)) == (middle, top)  # no circle
    middle.unlink()
    with pytest.raises(InputError, match="middle.json: no such file"):
        read_reform(*reform_files(str(top)))


@pytest.mark.parametrize(
    ("reform", "word"),
    [
        ({"II_rt77": {2030: 0.4}}, "II_rt77 does not exist; did you mean II_rt7"),
        (
            {"SS_thd50": {2030: [1e4] * 5}, "_II_em": {2030: 9}, "STD_cpi": {2030: False}, "II_rt7": {2030: 0.4}},
            "SS_thd50 was renamed SS_thd1.*write STD-indexed; .*write II_em$",
        ),
        ({"II_rt7": {2045: 4.5, 2050: 0.4}}, "2045.*4.5 > max 1"),  # later replaced, and refused all the same
        ({"ID_prt": {2045: 0.03}, "ID_crt": {2045: 0.8}, "ID_ps": {2045: [3e5] * 5}}, "Pease and OBBBA"),
    ],
)
@pytest.mark.usefixtures("tax_calculator")
def test_whatever_tax_calculator_raises_is_one_message(reform: dict, word: str) -> None:
    with pytest.raises(InputError, match=f"mine.json: reform: .*{word}"):
        tried(Reform(reform, "mine.json").moved(None))


@pytest.mark.usefixtures("tax_calculator")
def test_a_run_shows_tax_calculators_own_message(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{"II_rt9": {"2030": 0.5}}')
    with pytest.raises(InputError, match="II_rt9"):
        engine_run.compute(load("baseline", {"law.reform": str(file)}), run_off=False)


# --- key, kept years ----------------------------------------------------------------------------------


def test_a_reforms_key_is_its_content() -> None:
    one = Reform({"II_rt7": {2050: 0.45}}, "a.json")
    assert build.reform_key(one) == build.reform_key(Reform({"II_rt7": {2050: 0.45}}, "b.json"))
    assert build.reform_key(one) != build.reform_key(Reform({"II_rt7": {2050: 0.46}}, "a.json"))
    assert build.reform_key(one) != build.reform_key(Reform({"II_rt7": {2051: 0.45}}, "a.json"))


def test_current_law_between_law_years_is_what_the_projection_reads(tmp_path: Path) -> None:
    """A law year that a reform leaves alone moves no schedule of any year, and a provision of one year that year's."""
    years = reforms.reform_years({"X": {2041: 1, 2042: 0}})
    parts = build.law_interpolated(years, OWN_SCOPES[:1])
    assert set(parts) == set(years)
    for name in build.SCHEDULES:
        pd.concat([parts[year][name] for year in years]).to_parquet(tmp_path / f"{name}.parquet")
    law, same = schedules.load(), schedules.load(tmp_path)
    assert set(same.law_years) - set(law.law_years) == {2040, 2041, 2042}
    asked, mobility, half = np.arange(2036, 2050), mobility_matrix(0.7), np.full(len(ATTAINED_AGES), 0.5)
    left, right = (one.withdrawal_tax(asked, half, mobility) for one in (law, same))
    np.testing.assert_allclose(left.knots_usd, right.knots_usd, rtol=1e-9)
    np.testing.assert_allclose(left.tax_usd, right.tax_usd, rtol=1e-6, atol=0.01)
    rates = [one.deferral(asked, mobility).deferral_rate for one in (law, same)]
    np.testing.assert_allclose(*rates, atol=3e-4)  # dollars and rates cannot both be linear
    np.testing.assert_allclose(*(one.outside(asked, mobility)[2] for one in (law, same)), atol=1e-6)
    parts[2041]["withdrawal_curve"]["mean_added_tax_usd"] *= 1.1
    curves = pd.concat([parts[year]["withdrawal_curve"] for year in years])
    curves.to_parquet(tmp_path / "withdrawal_curve.parquet")
    taxed = schedules.load(tmp_path).withdrawal_tax(asked, half, mobility).tax_usd[..., 1:]
    more = taxed / right.tax_usd[..., 1:] - 1
    np.testing.assert_allclose(more[asked == 2041], 0.1, atol=1e-3)
    assert np.abs(more[asked != 2041]).max() < 1e-9


def test_finished_law_years_are_kept_and_damaged_ones_are_not(tmp_path: Path) -> None:
    part = build.law_interpolated([LAST_FILE_YEAR])[LAST_FILE_YEAR]
    build.keep_year(tmp_path / "kept", LAST_FILE_YEAR, part)
    back = build.kept_year(tmp_path / "kept", LAST_FILE_YEAR)
    assert back is not None and set(back) == set(part)
    for name, table in part.items():
        assert back[name].to_csv() == table.reset_index(drop=True).to_csv()
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(file.read_bytes()[:-10])
    assert build.kept_year(tmp_path / "kept", LAST_FILE_YEAR) is None
    assert build.kept_year(tmp_path / "kept", 2030) is None
