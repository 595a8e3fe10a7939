"""The door to data/: what is shipped is sound, and nothing that is altered gets through."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiscal.base import sources
from fiscal.base.errors import InputError
from fiscal.base.sources import DataError, Field
from fiscal.law import distributions
from fiscal.markets import core, losses
from fiscal.people import economy, population
from fiscal.scenario import assumptions

SHIPPED = sources.data_dir()
FIELDS = (
    Field("age", "integer", "years", minimum=18, maximum=119),
    Field("month", "yearmonth"),
    Field("rate", "number", "fraction", required=False, minimum=-1, maximum=1),
    Field("status", "string", enum=("actual", "projected")),
)
ROWS = "age,month,rate,status\n18,2025-01,0.25,actual\n19,2025-02,,actual\n20,2025-03,-0.5,projected\n"


def new_folder(folder: Path) -> Path:
    """An empty data package."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "datapackage.json").write_text('{"profile": "data-package", "name": "small", "resources": []}')
    return folder


def register_small(folder: Path, rows: str = ROWS, name: str = "small") -> sources.Resource:
    path = folder / f"{name}.csv"
    path.write_text(rows)
    return sources.register(
        path,
        title="A small table",
        unit="fraction",
        source="The Bureau, Table 1, https://example.org/table1",
        fields=FIELDS,
        primary_key=["age"],
        licence="US government work, public domain",
        status="published",
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder with one small table, which the package is pointed at."""
    monkeypatch.setenv("FISCAL_DATA", str(new_folder(tmp_path / "data")))
    register_small(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def shipped_copy(tmp_path, monkeypatch):
    """A copy of the shipped data, which the package is pointed at."""
    copy = tmp_path / "copy"
    shutil.copytree(SHIPPED, copy)
    monkeypatch.setenv("FISCAL_DATA", str(copy))
    return copy


def messages(faults) -> str:
    return "\n".join(str(fault) for fault in faults)


# --- what is shipped -------------------------------------------------------------------------------


def test_shipped_data_has_no_fault():
    assert messages(sources.check()) == ""


@pytest.mark.parametrize("entry", sources.resources(), ids=lambda entry: entry.name)
def test_every_shipped_table_loads_and_is_documented(entry):
    frame = sources.table(entry.name)
    assert len(frame) > 0
    assert tuple(frame.columns) == tuple(field.name for field in entry.fields)
    assert entry.size_bytes == (SHIPPED / entry.path).stat().st_size
    if entry.second_hand:
        assert entry.read_in, "a second-hand table says where it was read"
    if entry.status == "published":
        assert len(entry.source) > 20


@pytest.mark.parametrize("entry", sources.resources(), ids=lambda entry: entry.name)
def test_no_percent_inside(entry):
    """Columns, measures and units are in fractions: no name or unit speaks of percent."""
    words = [field.name for field in entry.fields] + [field.unit for field in entry.fields]
    frame = sources.table(entry.name)
    words += [text for column in ("measure", "item", "unit") if column in frame for text in frame[column]]
    assert not [word for word in words if isinstance(word, str) and re.search(r"pct|percent", word)]


@pytest.mark.parametrize("entry", sources.resources(), ids=lambda entry: entry.name)
def test_fractions_have_the_size_of_fractions(entry):
    frame = sources.table(entry.name)
    for field in entry.fields:
        if field.unit.startswith("billions"):
            continue
        if field.type == "number" and field.name.endswith(("_rate", "_share")):
            values = frame[field.name].dropna()
            assert values.between(-1, 1.1).all(), f"{field.name} looks like percent"
    if {"unit", "value"} <= set(frame.columns) and entry.name != "assumptions":
        values = frame.loc[frame["unit"].fillna("").str.match(r"fraction\b"), "value"]
        assert values.between(0, 1).all()


@pytest.mark.parametrize(
    ("table", "where", "column", "value"),
    [
        ("ici_assets", {"date": pd.Timestamp("2025-03-31")}, "k401_bn_usd", 8700.0),
        ("dol_5500", {"year": 2023}, "participant_bn_usd", 396.199),
        ("dol_5500", {"year": 2023}, "total_participants", 105_214_000),
        ("dol_5500", {"year": 2022}, "return_rate", -0.15),
        ("w2_deferrals_by_age", {"tax_year": 2020, "age": "all"}, "deferrals_bn_usd", 379.243982),
        ("w2_deferrals_by_age", {"tax_year": 2020, "age": "all"}, "deferring_share", 0.4283),
        ("w2_deferrals_roth", {"tax_year": 2020}, "roth_share_of_401k_dollars", 0.1041),
        ("soi_1040_pensions", {"item": "ira_distributions", "agi_class": "all", "tax_year": 2023},
         "amount_bn_usd", 438.148),
        ("contribution_limits", {"year": 2025}, "elective_deferral_limit_usd", 23_500.0),
        ("rmd_uniform", {"age": 73}, "divisor_2022_on", 26.5),
        ("trustees_2026", {"year": 2100}, "special_issue_rate", 0.047),
        ("cbo_population", {"year": 2025}, "cbo_jan2026_persons", 348_156_000),
        ("withdrawal_rules", {"rule": "early_withdrawal_tax_rate"}, "value", 0.10),
        ("nipa_dc_contributions", {"series": "BEA_T7_25", "item": "dc_contributions_total"},
         "value_bn_usd", 917.0),
        ("vanguard", {"data_year": 2024, "group": "<30k"}, "value", 0.10),
        ("vanguard", {"data_year": 2024, "group": "<30k"}, "high", 0.103),
        ("monthly_prices", {"month": "2025-12"}, "tbill_3m_yield_rate", 0.0367),
    ],
)  # fmt: skip
def test_published_figures_by_hand(table, where, column, value):
    """Figures as printed by their publishers, in the units of this project."""
    frame = sources.table(table)
    for key, wanted in where.items():
        frame = frame[frame[key] == wanted]
    assert frame[column].tolist() == [value]


def test_parts_add_to_published_totals():
    dol = sources.table("dol_5500")
    parts = ["employer_bn_usd", "participant_bn_usd", "others_incl_rollovers_bn_usd", "noncash_bn_usd"]
    whole = dol.dropna(subset=parts)
    assert (whole[parts].sum(axis=1) - whole["total_contributions_bn_usd"]).abs().max() < 0.004
    for table, band in (("w2_deferrals_by_age", "age"), ("w2_deferrals_by_wage", "wage_class")):
        frame = sources.table(table)
        amounts = ["wage_earners", "box1_wages_bn_usd", "deferrers", "deferrals_bn_usd"]
        total = frame[frame[band] == "all"].set_index("tax_year")[amounts]
        summed = frame[frame[band] != "all"].groupby("tax_year")[amounts].sum()
        assert (summed - total).abs().max().max() < 1e-5
    bea = sources.table("nipa_dc_contributions").query("series == 'BEA_T7_25'").set_index("item")["value_bn_usd"]
    assert bea["dc_contributions_total"] == bea["dc_contributions_employee"] + bea["dc_contributions_employer"]


def test_derived_columns_follow_from_their_parts():
    roth = sources.table("w2_deferrals_roth")
    share = roth["roth_401k_bn_usd"] / (roth["roth_401k_bn_usd"] + roth["traditional_401k_bn_usd"])
    assert (share - roth["roth_share_of_401k_dollars"]).abs().max() < 5.1e-5
    falls = sources.table("crypto_drawdowns")
    assert (1 - falls["trough_usd"] / falls["peak_usd"] - falls["drawdown_share"]).abs().max() < 5.1e-5
    divisors = sources.table("rmd_uniform").dropna(subset=["divisor_2022_on"])
    assert (1 / divisors["divisor_2022_on"] - divisors["rmd_share_2022_on"]).abs().max() < 1e-6


def test_life_table_gives_the_published_life_expectancy():
    """e0 and e65 of the 2022 period table as its note states them, within the rounding of q."""
    table = sources.table("life_table").pivot(index="age", columns="sex", values="qx")
    for sex, at_birth, at_65 in (("male", 74.74, 17.48), ("female", 80.19, 20.12)):
        alive = (1 - table[sex]).cumprod()
        assert alive.sum() + 0.5 == pytest.approx(at_birth, abs=0.01)
        assert (1 - table[sex].loc[65:]).cumprod().sum() + 0.5 == pytest.approx(at_65, abs=0.01)


def test_assumed_rows_have_a_range_around_the_value():
    frame = sources.table("assumptions")
    assumed = frame[frame["status"] == "assumed"]
    assert assumed[assumed["low"].isna() | assumed["high"].isna()]["key"].tolist() == []
    ranged = frame.dropna(subset=["low", "high"])
    assert ranged[~ranged["value"].between(ranged["low"], ranged["high"])]["key"].tolist() == []
    cited = frame[frame["status"] != "assumed"]
    assert cited[cited["source"].isna()]["key"].tolist() == []


def test_every_table_is_read_and_every_name_asked_for_exists():
    found = sources.readers()
    known = {entry.name for entry in sources.resources()}
    shown = "".join(
        path.read_text(encoding="utf-8") for path in (Path(__file__).parent.parent / "docs" / "generator").glob("*.py")
    )
    behind = " ".join(sources.table("assumptions")["source"].dropna())  # evidence of an assumption
    unread = [name for name in known if not found[name] and f'"{name}"' not in shown and name not in behind]
    assert sorted(unread) == [], "tables that no module reads"
    assert sorted(set(found) - known) == [], "tables asked for that do not exist"


# --- loading ---------------------------------------------------------------------------------------


def test_import_is_light():
    code = "import sys, fiscal.base.sources; print([m for m in ('pandas', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_types(folder):
    frame = sources.table("small")
    assert frame["age"].dtype == "int64"
    assert frame["rate"].tolist()[::2] == [0.25, -0.5]
    assert frame["rate"].isna().tolist() == [False, True, False]
    assert frame["month"].tolist() == ["2025-01", "2025-02", "2025-03"]


def test_a_table_is_a_copy(folder):
    frame = sources.table("small")
    frame.loc[0, "rate"] = 9.0
    assert frame.loc[0, "rate"] == 9.0
    assert sources.table("small").loc[0, "rate"] == 0.25


def test_unknown_table_names_the_nearest(folder):
    with pytest.raises(DataError, match="did you mean 'small'"):
        sources.table("smal")


def test_unknown_assumption_names_the_nearest():
    key = sources.table("assumptions")["key"].iloc[0]
    value = sources.table("assumptions")["value"].iloc[0]
    assert sources.assumption(key) == value
    with pytest.raises(DataError, match=f"did you mean '{re.escape(key)}'"):
        sources.assumption(key + "x")


def test_a_missing_folder_is_one_message(tmp_path, monkeypatch):
    monkeypatch.setenv("FISCAL_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="FISCAL_DATA names no folder"):
        sources.check()


# --- tampering -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "row", "column", "reason"),
    [
        (ROWS.replace("0.25", "0.2S"), "row 2", "rate", "not a number (found '0.2S')"),
        (ROWS.replace("0.25", "nan"), "row 2", "rate", "not a number"),
        (ROWS.replace("0.25", "1e999"), "row 2", "rate", "not a number"),
        (ROWS.replace("0.25", "25"), "row 2", "rate", "allowed: -1 to 1"),
        (ROWS.replace("19,", "19.5,"), "row 3", "age", "not a whole number"),
        (ROWS.replace("19,", ","), "row 3", "age", "blank where a value is required"),
        (ROWS.replace("20,", "19,"), "row 4", "age", "the same key as row 3"),
        (ROWS.replace("2025-02", "2025-13"), "row 3", "month", "not a month (YYYY-MM)"),
        (ROWS.replace("projected", "projekted"), "row 4", "status", "allowed: actual, projected"),
        (ROWS.replace(",actual\n19", "\n19"), "row 2", "", "3 cells where the header has 4"),
        (ROWS.replace("rate", "rates"), "row 1", "rate", "the column is missing; did you mean 'rates'"),
        (ROWS.replace("age,month", "month,age"), "row 1", "", "a different order"),
        (ROWS.split("\n")[0] + "\n", "", "", "no rows below the header"),
        ("", "", "", "the file is empty"),
    ],
)
def test_a_tampered_table_is_refused_with_table_row_and_reason(folder, rows, row, column, reason):
    (folder / "small.csv").write_text(rows)
    with pytest.raises(DataError) as caught:
        sources.table("small")
    lines = [line for line in str(caught.value).splitlines() if reason in line]
    assert lines, str(caught.value)
    assert lines[0].startswith("small.csv")
    assert row in lines[0] and column in lines[0]
    assert "the content differs from the registered content" in str(caught.value)
    assert messages(sources.check()) == str(caught.value)


def test_dropped_column_and_every_other_fault_at_once(shipped_copy):
    wage = pd.read_csv(shipped_copy / "wage_index.csv").drop(columns="status")
    wage.to_csv(shipped_copy / "wage_index.csv", index=False)
    (shipped_copy / "dol_5500.csv").unlink()
    (shipped_copy / "extra.csv").write_text("a\n1\n")
    table = shipped_copy / "fidelity.csv"
    table.write_text(table.read_text().replace("0.119", "0.11q"))
    found = messages(sources.check())
    assert "wage_index.csv: status: row 1: the column is missing" in found
    assert "dol_5500.csv: the file is missing" in found
    assert "extra.csv: a file that no resource names" in found
    assert "fidelity.csv: value: row 2: not a number (found '0.11q')" in found
    assert {fault.file for fault in sources.check()} == {
        "wage_index.csv", "dol_5500.csv", "extra.csv", "fidelity.csv"
    }  # fmt: skip


def test_a_fault_elsewhere_does_not_stop_a_sound_table(folder):
    (folder / "other.csv").write_text("a\n1\n")
    descriptor = json.loads((folder / "datapackage.json").read_text())
    descriptor["resources"].append({"name": "broken"})
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    assert len(sources.table("small")) == 3
    assert "broken: the resource states no path" in messages(sources.check())


def test_broken_json_names_the_row(folder):
    path = folder / "datapackage.json"
    path.write_text(path.read_text().replace('"hash":', '"hash"', 1))
    with pytest.raises(DataError, match=r"datapackage.json: row \d+: not valid JSON"):
        sources.table("small")
    assert "not valid JSON" in messages(sources.check())


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("unit", "", "states no unit"),
        ("sources", [], "states no sources"),
        ("sources", [{"path": "https://example.org"}], "a source without a title"),
        ("status", "guessed", "not one of published"),
        ("hash", "md5:1", "not a sha256"),
        ("path", "../small.csv", "not a table of the folder"),
        ("path", "derived/../small.csv", "not a table of the folder"),
        ("schema", {"fields": []}, "names no columns"),
        ("schema", {"fields": [{"name": "age", "type": "int", "unit": "years"}]}, "no such type"),
        ("schema", {"fields": [{"name": "age", "type": "integer"}]}, "the column states no unit"),
        ("schema", {"fields": [{"name": "age", "type": "string"}], "primaryKey": "id"}, "names no column: id"),
    ],
)
def test_a_broken_entry_says_what_is_wrong(folder, key, value, reason):
    path = folder / "datapackage.json"
    descriptor = json.loads(path.read_text())
    descriptor["resources"][0][key] = value
    path.write_text(json.dumps(descriptor))
    found = messages(sources.check())
    assert reason in found and "small" in found
    with pytest.raises(DataError, match=re.escape(reason)):
        sources.table("small")


def test_long_lists_are_cut(folder):
    rows = ROWS.split("\n")[0] + "\n" + "".join(f"{age},2025-01,x,actual\n" for age in range(18, 48))
    (folder / "small.csv").write_text(rows)
    found = messages(sources.check())
    assert found.count("not a number") == 5
    assert "and 25 more rows like these" in found


@pytest.fixture(scope="module")
def byte_folder(tmp_path_factory):
    return new_folder(tmp_path_factory.mktemp("bytes") / "data")


@given(place=st.integers(0, len(ROWS) - 1), byte=st.integers(0, 255))
def test_any_changed_byte_is_detected(byte_folder, place, byte):
    original = ROWS.encode()
    changed = original[:place] + bytes([byte]) + original[place + 1 :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FISCAL_DATA", str(byte_folder))
        register_small(byte_folder)
        (byte_folder / "small.csv").write_bytes(changed)
        if changed == original:
            assert len(sources.table("small")) == 3
        else:
            with pytest.raises(DataError, match=r"small\.csv"):
                sources.table("small")


# --- registering -----------------------------------------------------------------------------------


def test_register_writes_what_the_entry_says(folder):
    entry = sources.resource("small")
    assert entry.source == "The Bureau, Table 1, https://example.org/table1"
    assert entry.fields == FIELDS
    assert entry.primary_key == ("age",)
    item = json.loads((folder / "datapackage.json").read_text())["resources"][0]
    assert item["profile"] == "tabular-data-resource"
    assert item["sources"][0]["path"] == "https://example.org/table1"
    assert item["licenses"] == [{"name": "other-pd", "title": "US government work, public domain"}]
    assert sources.check() == []


def test_refreshing_keeps_what_is_not_given(folder):
    before = sources.resource("small")
    assert len(sources.table("small")) == 3
    (folder / "small.csv").write_text(ROWS + "21,2025-04,0,actual\n")
    after = sources.register(folder / "small.csv", note="One row more.", extra={"library": "1.0"})
    assert len(sources.table("small")) == 4
    assert after.sha256 != before.sha256
    assert (after.title, after.fields, after.source) == (before.title, before.fields, before.source)
    assert sources.resource("small").extra == {"library": "1.0"}
    assert sources.register(folder / "small.csv").extra == {"library": "1.0"}
    assert len(sources.resources()) == 1


def test_a_refused_table_leaves_the_descriptor_as_it_was(folder):
    before = (folder / "datapackage.json").read_bytes()
    (folder / "small.csv").write_text(ROWS.replace("0.25", "many"))
    with pytest.raises(DataError, match="row 2: not a number"):
        sources.register(folder / "small.csv")
    (folder / "new.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match="states no title"):
        sources.register(folder / "new.csv")
    with pytest.raises(DataError, match="the file is missing"):
        sources.register(folder / "absent.csv")
    with pytest.raises(DataError, match="must be in the data folder"):
        sources.register(folder.parent / "small.csv")
    assert (folder / "datapackage.json").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["datapackage.json", "new.csv", "small.csv"]


# --- what the program computed ---------------------------------------------------------------------


def test_derived_tables_lie_apart_and_name_the_command_that_builds_them():
    for entry in sources.resources():
        assert entry.path.startswith("derived/") == (entry.status == "built"), entry.name
        if entry.status == "built":
            command = re.search(r"Built by `fiscal (data derive \w+|schedules build|markets fit)`", entry.note)
            assert command, entry.name


def test_one_target_builds_every_derived_table(root):
    """Every command that a derived table names, and no other, is a line of ``make derived``."""
    made = (root / "Makefile").read_text(encoding="utf-8")
    studies = re.search(r"^STUDIES := (.*)$", made, re.MULTILINE)[1].split()
    recipe = re.search(r"^derived:.*\n((?:\t.*\n)+)", made, re.MULTILINE)[1]
    lines = set(re.findall(r"fiscal ((?:data derive|schedules|markets) \w+)", recipe))
    notes = " ".join(entry.note for entry in sources.resources() if entry.status == "built")
    assert lines | {f"data derive {study}" for study in studies} == set(
        re.findall(r"Built by `fiscal (data derive \w+|schedules build|markets fit)`", notes)
    )


def test_what_a_derived_table_says_of_itself_agrees_with_its_study():
    """Titles, columns, and notes are in ``datapackage.json`` alone; the numbers in them are those of the code."""
    from fiscal.results import bands
    from fiscal.studies import drivers, page_lattice, reform_effects
    from fiscal.studies.sweeps.cases import cases_of
    from fiscal.studies.sweeps.schema import COLUMNS

    design = drivers.design()
    size = f"{len(cases_of(design))} cases of {design.base.name}"
    drawn = f"{design.samples} Sobol points, seed {design.seed}"
    said = {
        **{name: (design.title, size, drawn) for name in drivers.DECIMALS},
        bands.TABLE: (f"{bands.PARAMETER_DRAWS} draws of parameters times {bands.MARKET_PATHS} market paths",),
        page_lattice.NAME: (f"{100 * page_lattice.PARTICIPANTS_SHARE:.0f} percent of participants",),
        reform_effects.NAME: (f"the law of {reform_effects.LAW_YEAR}",),
    }
    for name, texts in said.items():
        assert all(text in sources.resource(name).note for text in texts), name
    for name in drivers.DECIMALS:
        for field in sources.resource(name).fields:
            assert field.description == COLUMNS[field.name].words
    rate = next(one for one in sources.resource(reform_effects.NAME).fields if one.name == "withdrawal_rate")
    assert f"{reform_effects.WITHDRAWAL_USD:,.0f} dollars" in rate.description


def test_a_folder_without_a_table_takes_its_entry_from_the_package(shipped_copy):
    table, entry = sources.table("page_lattice"), sources.resource("page_lattice")
    descriptor = json.loads((shipped_copy / "datapackage.json").read_text(encoding="utf-8"))
    descriptor["resources"] = [one for one in descriptor["resources"] if one["name"] != entry.name]
    (shipped_copy / "datapackage.json").write_text(json.dumps(descriptor), encoding="utf-8")
    (shipped_copy / entry.path).unlink()
    again = sources.store(entry.name, table)
    assert (again.path, again.title, again.fields) == (entry.path, entry.title, entry.fields)
    pd.testing.assert_frame_equal(sources.table(entry.name), table)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_stored_table_reads_back_to_the_bit(folder, ending):
    frame = pd.DataFrame({"age": [18, 19], "month": ["2025-01", "2025-02"], "rate": [1 / 3, None]})
    fields = FIELDS[:3]
    told = {"title": "Small", "unit": "fraction", "source": "this model", "fields": fields}
    if ending == ".parquet":  # a table stays in the format that its entry has
        (folder / "derived").mkdir()
        sources.write_frame(folder / "derived" / "made.parquet", frame)
        sources.register(folder / "derived" / "made.parquet", **told)
    entry = sources.store("made", frame, **told)
    assert entry.path == f"derived/made{ending}"
    assert sources.table("made")["rate"].tolist()[0] == 1 / 3
    assert sources.table("made").isna().sum().tolist() == [0, 0, 1]
    assert sources.check() == []


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"age": [18, 200]}, "age: row 3: outside the column's range"),
        ({"rate": [float("inf"), 0.0]}, "rate: row 2: not a number"),
        ({"age": [18, 18]}, "age: row 3: the same key as row 2"),
        ({"other": [1, 2]}, "other: row 1: a column the entry does not name"),
        (None, "not readable as Parquet"),
    ],
)
def test_a_tampered_parquet_table_is_refused(folder, changed, reason):
    frame = pd.DataFrame({"age": [18, 19], "month": ["2025-01", "2025-02"], "rate": [0.5, None]})
    path = folder / "made.parquet"
    sources.write_frame(path, frame)
    sources.register(path, title="Small", unit="fraction", source="this model", fields=FIELDS[:3], primary_key=["age"])
    if changed is None:
        path.write_bytes(path.read_bytes()[:-10])
    else:
        sources.write_frame(path, frame.assign(**changed))
    with pytest.raises(DataError, match=re.escape(reason)):
        sources.table("made")
    assert "the content differs from the registered content" in messages(sources.check())


def test_a_stray_file_among_the_derived_tables_is_named(shipped_copy):
    (shipped_copy / "derived" / "old.csv").write_text("a\n1\n")
    assert "derived/old.csv: a file that no resource names" in messages(sources.check())


def test_a_folder_of_the_earlier_layout_still_works(shipped_copy):
    """All tables side by side, the withdrawal curve as CSV, as a user's own folder of an earlier version has them."""
    curve = sources.table("withdrawal_curve").head(1_000)
    descriptor = json.loads((shipped_copy / "datapackage.json").read_text(encoding="utf-8"))
    for item in descriptor["resources"]:
        if item["path"].startswith("derived/"):
            flat = shipped_copy / Path(item["path"]).name
            (shipped_copy / item["path"]).rename(flat)
            item["path"] = flat.name
    (shipped_copy / "derived").rmdir()
    (shipped_copy / "datapackage.json").write_text(json.dumps(descriptor), encoding="utf-8")
    (shipped_copy / "withdrawal_curve.parquet").unlink()
    sources.write_frame(shipped_copy / "withdrawal_curve.csv", curve)
    sources.register(shipped_copy / "withdrawal_curve.csv")
    assert sources.check() == []
    assert sources.own_tables().keys() == {"withdrawal_curve"}
    pd.testing.assert_frame_equal(sources.table("withdrawal_curve"), curve)
    entry = sources.store("own_withdrawals", sources.table("own_withdrawals"))
    assert entry.path == "own_withdrawals.csv" and not (shipped_copy / "derived").exists()


# --- readers ---------------------------------------------------------------------------------------


def test_readers_finds_calls_and_nothing_else(tmp_path, folder):
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    (package / "a.py").write_text("from fiscal.base import sources\nsources.table('small')\nother.table('x')\n")
    (package / "inner" / "__init__.py").write_text(
        "from fiscal.base.sources import table as read, assumption\nread('small')\nassumption('key')\n"
    )
    (package / "c.py").write_text("def table(name): ...\ntable('small')\n")
    assert sources.readers(package) == {
        "small": ("package.a", "package.inner"), "assumptions": ("package.inner",)
    }  # fmt: skip


def test_every_published_table_names_the_next_edition():
    for one in sources.resources():
        release = one.next_release
        if one.status != "published":
            assert not release, one.name
            continue
        assert release["publication"], one.name
        assert release["standing"] == ("expected" if release["date"] else "none scheduled"), one.name
        if release["date"]:
            assert datetime.date.fromisoformat(release["date"]) > datetime.date(2026, 1, 1)


def test_due_tables_are_those_of_earlier_dates():
    dates = {one.name: one.next_release.get("date") for one in sources.resources()}
    day = datetime.date(2027, 3, 1)
    late = [one.name for one in sources.due(day)]
    assert set(late) == {name for name, date in dates.items() if date and date <= "2027-03-01"}
    assert [dates[name] for name in late] == sorted(dates[name] for name in late)
    assert sources.due(datetime.date(2020, 1, 1)) == ()


def test_the_yearly_update_as_the_page_says(root, shipped_copy):
    """Its steps on a table that is made a year newer: registered, sound, no longer due, and read by the model."""
    page = (root / "docs" / "howto" / "yearly_update.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.S))
    before = sources.table("wage_index")
    year = int(before.loc[before["status"] == "projected", "year"].min())
    known = sources.resource("wage_index").next_release["date"]
    exec(compile(code, "yearly_update.md", "exec"), {"newest_year": year, "wage_usd": 73_000.0})
    after = sources.table("wage_index").set_index("year")
    assert after.loc[year].tolist() == [73_000.0, "actual"]
    assert after.drop(year).equals(before.set_index("year").drop(year))
    assert sources.check() == []
    entry = sources.resource("wage_index")
    assert entry.next_release["date"] > known and entry.next_release["standing"] == "expected"
    assert not entry.second_hand and "SSA" in entry.source
    assert "wage_index" not in [one.name for one in sources.due(datetime.date.fromisoformat(known))]


# --- what is kept in memory ------------------------------------------------------------------------


def raised(folder: Path, name: str, column: str) -> None:
    """Every number of a column is raised by a hundredth, and the entry refreshed by hand, as another process would."""
    file, entry = folder / f"{name}.csv", folder / "datapackage.json"
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    more = [cell and repr(round(int(cell) * 1.01) if cell.isdigit() else float(cell) * 1.01) for cell in table[column]]
    table[column] = more
    file.write_text(table.to_csv(index=False, lineterminator="\n"))
    told = json.loads(entry.read_text())
    (own,) = (one for one in told["resources"] if one["name"] == name)
    own |= {"bytes": file.stat().st_size, "hash": f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"}
    entry.write_text(json.dumps(told))


def kept() -> dict[str, float]:
    """What is worked out once from some tables, by table."""
    return {
        "trustees_2026": core.mean_inflation_rate(),
        "cbo_macro": float(economy.macro([2026])["gdp_bn_usd"].iloc[0]),
        "cbo_population": population.july_population()[1].sum(),
        "crypto_incidents": losses.loss_record().log_mean,
        "capital_market_assumptions": core.house_view("jpmorgan", "equity")[0],
        "assumptions": assumptions.adjustable()["hardship_rate"].default,
        "rmd_uniform": float(distributions.uniform_lifetime_divisor(80)),
    }


COLUMNS = {
    "trustees_2026": "cpi_w_growth_rate",
    "cbo_macro": "gdp_bn_usd",
    "cbo_population": "cbo_jan2026_persons",
    "crypto_incidents": "loss_bn_usd",
    "capital_market_assumptions": "return_rate",
    "assumptions": "value",
    "rmd_uniform": "divisor_2022_on",
}


def test_nothing_kept_in_memory_is_of_another_folder_or_of_tables_before_a_change(shipped_copy, monkeypatch):
    monkeypatch.delenv("FISCAL_DATA")
    own = kept()
    monkeypatch.setenv("FISCAL_DATA", str(shipped_copy))
    assert kept() == own
    for name, column in COLUMNS.items():
        raised(shipped_copy, name, column)
    changed = kept()
    assert [name for name in own if changed[name] == own[name]] == []
    monkeypatch.delenv("FISCAL_DATA")
    assert kept() == own
    monkeypatch.setenv("FISCAL_DATA", str(shipped_copy))
    assert kept() == changed
