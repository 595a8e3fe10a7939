"""Run folders: whole or absent, checked when read, and the same for the same question."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pandas.testing
import pytest

from fiscal.base import sources
from fiscal.base.code import code_sha256
from fiscal.base.errors import InputError
from fiscal.results import store
from fiscal.results.store import citation
from fiscal.scenario import load


@pytest.fixture
def folder(small_result, tmp_path):
    return store.write_run(small_result, tmp_path / "boom", command=["fiscal", "run", "boom"])


def test_a_run_reads_back_as_it_was(small_result, folder):
    again = store.stored_result(folder)
    assert again.name == small_result.name
    assert again.scenario.settings == small_result.scenario.settings
    assert again.fingerprint == small_result.fingerprint
    assert again.summary == small_result.summary
    assert list(again.tables) == list(small_result.tables)
    for name, table in small_result.tables.items():
        pandas.testing.assert_frame_equal(again.tables[name], table, check_dtype=False)
        csv = pd.read_csv(folder / "tables" / f"{name}.csv")
        pandas.testing.assert_frame_equal(csv, table, check_dtype=False)


def test_a_named_index_is_kept(small_result, tmp_path):
    table = small_result.tables["budget"].set_index(["path", "year"])
    folder = store.write_run(_with_tables(small_result, {"budget": table}), tmp_path / "run")
    pandas.testing.assert_frame_equal(store.stored_result(folder).tables["budget"], table, check_dtype=False)


def _with_tables(result, tables):
    return type(result)(
        name=result.name,
        scenario=result.scenario,
        tables=tables,
        fingerprint=result.fingerprint,
        summary=result.summary,
    )


OUTSIDE = {store.MANIFEST, "ro-crate-metadata.json"}
"""Files of a run that was not logged that hold the time."""


def test_the_same_run_twice_is_the_same_to_the_byte(small_result, folder, tmp_path, monkeypatch):
    other = store.write_run(small_result, tmp_path / "elsewhere", command=["fiscal", "run", "--out", str(tmp_path)])
    assert contents(folder).keys() == contents(other).keys()
    for name in contents(folder).keys() - OUTSIDE:
        assert contents(folder)[name] == contents(other)[name], name
    one, two = store.read_manifest(folder), store.read_manifest(other)
    assert one["command"] != two["command"]
    for key in ("input_fingerprint", "record_fingerprint"):
        assert one[key] == two[key]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1760000000")
    told = [store.write_run(small_result, tmp_path / name, command=["fiscal"]) for name in ("one", "two")]
    assert contents(told[0]) == contents(told[1])
    assert store.read_manifest(told[0])["made"] == {"time": "2025-10-09T08:53:20Z"}


def contents(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_manifest_says_what_was_asked_and_answered(small_result, folder):
    manifest = store.read_manifest(folder)
    assert manifest["schema_version"] == store.SCHEMA_VERSION
    assert manifest["inputs"]["seed"] == small_result.scenario.value("paths.seed")
    assert manifest["command"] == ["fiscal", "run", "boom"]
    assert manifest["inputs"]["settings"]["adoption"]["allocation_share"] == 0.1
    assert "cbo_macro.csv" in manifest["inputs"]["tables"]
    assert set(manifest["outputs"]) == {
        "scenario.toml",
        "summary.json",
        "columns.csv",
        *(f"tables/{name}.{kind}" for name in small_result.tables for kind in ("csv", "parquet")),
    }
    assert manifest["environment"]["packages"]["numpy"]
    assert manifest["environment"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_fingerprints_hold_no_time_host_user_or_path(folder, tmp_path):
    manifest = store.read_manifest(folder)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", manifest["made"]["time"])
    answered = json.dumps([manifest["inputs"], manifest["outputs"]])
    everything = b"".join(contents(folder).values()).decode("utf-8", errors="replace")
    assert str(tmp_path) not in everything and os.uname().nodename not in everything
    assert manifest["made"]["time"] not in answered and not re.search(r"\d{2}:\d{2}:\d{2}", answered)
    manifest["made"], manifest["command"], manifest["environment"] = {"time": "later"}, ["/x"], {}
    (folder / store.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert store.verify(folder) == []


def test_fingerprints_change_with_the_question_and_with_the_answer(small_result, folder, tmp_path):
    first = store.read_manifest(folder)
    tables = {**small_result.tables, "budget": small_result.tables["budget"] * 1}
    tables["budget"].loc[0, "nominal_bn_usd"] += 1e-12
    answered = store.read_manifest(store.write_run(_with_tables(small_result, tables), tmp_path / "answer"))
    assert answered["input_fingerprint"] == first["input_fingerprint"]
    assert answered["record_fingerprint"] != first["record_fingerprint"]
    one, other = (store.input_fingerprint(load("boom", {"paths.seed": seed})) for seed in (1, 2))
    assert one != other
    assert one == store.input_fingerprint(load("boom", {"scenario.title": "another title"}))


def test_changed_missing_and_added_files_are_named(folder):
    (folder / "summary.json").write_text("{}", encoding="utf-8")
    (folder / "tables" / "notes.csv").unlink()
    (folder / "extra.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        store.read_run(folder)
    text = str(caught.value)
    assert "summary.json: the file was changed" in text
    assert "notes.csv: the file is missing" in text
    assert "extra.txt: the file is not part of the run" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda manifest: manifest.update(input_fingerprint="0"), "does not match"),
        (lambda manifest: manifest["inputs"]["settings"]["paths"].update(seed=9), "does not match"),
        (lambda manifest: manifest.update(schema_version=99), "another version"),
        (lambda manifest: manifest.pop("outputs"), "not a run manifest"),
        (lambda manifest: manifest.update(outputs=[]), "not a run manifest"),
        (lambda manifest: manifest["outputs"].update({"../x": "0" * 64}), "outside the folder"),
        (lambda manifest: manifest["outputs"].update({"/etc/passwd": "0" * 64}), "outside the folder"),
        (lambda manifest: manifest["beside"].update({"a\\..\\x": "0" * 64}), "outside the folder"),
        (lambda manifest: manifest["outputs"].update({"x": "0"}), "not a run manifest"),
        (lambda manifest: manifest["table_indexes"].update({"../x": []}), "cannot be a table"),
        (lambda manifest: manifest["inputs"].update(settings=[[[]]]), "not a run manifest"),
    ],
)
def test_a_manifest_that_was_tampered_with_is_refused(folder, change, words):
    manifest = json.loads((folder / store.MANIFEST).read_text(encoding="utf-8"))
    change(manifest)
    (folder / store.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        store.read_run(folder)


def test_what_is_no_run_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        store.read_run(tmp_path)
    with pytest.raises(InputError, match="no such run folder"):
        store.read_run(tmp_path / "missing")
    (tmp_path / store.MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        store.read_run(tmp_path)


def test_a_failed_run_leaves_nothing_behind(small_result, folder, tmp_path):
    before = store.read_manifest(folder)
    broken = _with_tables(small_result, {"bad name": small_result.tables["budget"]})
    with pytest.raises(ValueError, match="bad name"):
        store.write_run(broken, folder, force=True)
    with pytest.raises(ValueError, match="bad name"):
        store.write_run(broken, tmp_path / "new")
    assert [item.name for item in tmp_path.iterdir()] == ["boom"]
    assert store.read_manifest(folder) == before


def test_an_existing_folder_needs_force_and_must_be_a_run(small_result, folder, tmp_path):
    with pytest.raises(InputError, match="exists already"):
        store.write_run(small_result, folder)
    changed = _with_tables(small_result, {"budget": small_result.tables["budget"]})
    store.write_run(changed, folder, force=True)
    assert list(store.stored_result(folder).tables) == ["budget"]
    (tmp_path / "empty").mkdir()
    assert store.write_run(small_result, tmp_path / "empty") == tmp_path / "empty"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(InputError, match="not a run folder"):
        store.write_run(small_result, tmp_path / "mine", force=True)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["boom", "empty", "mine"]


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_place_of_a_folder(small_result, tmp_path, place):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="file"):
        store.write_run(small_result, tmp_path / place)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "x"


def test_a_disk_error_is_a_message(small_result, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(InputError, match="No space left on device"):
        store.write_run(small_result, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_folders_follow_the_umask(small_result, tmp_path):
    old = os.umask(0o027)
    try:
        folder = store.write_run(small_result, tmp_path / "run")
    finally:
        os.umask(old)
    assert folder.stat().st_mode & 0o777 == 0o750


def test_plain_values():
    import numpy as np

    found = store.plain(
        {"a": np.float64("nan"), "b": np.int64(3), 4: (1.5, np.array([1, 2])), "c": None, "d": np.bool_(True)}
    )
    assert found == {"a": None, "b": 3, "4": [1.5, [1, 2]], "c": None, "d": True}
    assert type(found["b"]) is int and found["d"] is True


def test_git_state_is_of_the_source_tree(root):
    state = store.git_state()
    head = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD"], capture_output=True, text=True
    )
    if head.returncode:  # no checkout, no git, or no commit yet
        assert state is None
    else:
        assert state is not None and state["commit"] == head.stdout.strip()


def test_the_code_hash_is_the_same_from_any_folder(root):
    own = code_sha256()
    call = f"import sys; sys.path.insert(0, {str(root)!r}); from fiscal.base import code; print(code.code_sha256())"
    other = subprocess.run([sys.executable, "-c", call], cwd="/", capture_output=True, text=True, check=True)
    assert own == other.stdout.strip()


def test_force_never_deletes_what_a_run_did_not_write(tmp_path):
    foreign = tmp_path / "app"
    (foreign / "src").mkdir(parents=True)
    (foreign / "manifest.json").write_text('{"name": "a web app"}', encoding="utf-8")
    (foreign / "src" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(InputError, match="will not be replaced"):
        store.check_target(foreign, force=True)
    assert (foreign / "src" / "thesis.txt").read_text(encoding="utf-8") == "years of work"


# a user's own files


CSV = "year,crypto\n" + "".join(f"{year},0.1\n" for year in range(2026, 2101))


def user_scenario(path, **changes):
    return load("boom", {"paths.model": "user", "paths.file": str(path), **changes})


def test_a_users_file_enters_by_its_content_and_is_copied(small_result, tmp_path):
    (tmp_path / "a b").mkdir()
    one, same, other = (tmp_path / name for name in ("a b/\u00e9t\u00e9.csv", "same.csv", "other.csv"))
    one.write_text(CSV, encoding="utf-8")
    same.write_text(CSV, encoding="utf-8")
    other.write_text(CSV.replace("2030,0.1", "2030,0.2"), encoding="utf-8")
    asked = [user_scenario(path) for path in (one, same, other)]
    prints = [store.input_fingerprint(scenario) for scenario in asked]
    assert prints[0] == prints[1] != prints[2]
    assert asked[0].fingerprint() == asked[1].fingerprint() != asked[2].fingerprint()
    settings = pd.DataFrame({"key": ["paths.file"], "value": [str(one)]})
    result = _of(asked[0], {**small_result.tables, "settings": settings}, small_result)
    folder = store.write_run(result, tmp_path / "run")
    assert (folder / "inputs" / "paths.file.csv").read_text(encoding="utf-8") == CSV
    assert store.read_manifest(folder)["inputs"]["files"].keys() == {"inputs/paths.file.csv"}
    everything = b"".join(contents(folder).values()).decode("utf-8", errors="replace")
    assert str(tmp_path) not in everything
    one.unlink()
    moved = folder.rename(tmp_path / "moved")
    again = store.stored_result(moved)
    assert again.scenario.value("paths.file") == str(moved / "inputs" / "paths.file.csv")
    assert store.input_fingerprint(again.scenario) == prints[0] and again.fingerprint == result.fingerprint
    said = store.caveats(again.provenance)
    assert any("the user's own data: inputs/paths.file.csv" in sentence for sentence in said)
    assert "the user's own data" in store.cite(moved)["text"]


def _of(scenario, tables, like):
    return type(like)(
        name=scenario.name, scenario=scenario, tables=tables, fingerprint=scenario.fingerprint(), summary=like.summary
    )


def test_a_file_changed_during_the_run_is_noticed(small_result, tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text(CSV, encoding="utf-8")
    scenario = user_scenario(mine)
    with (
        pytest.raises(InputError, match="changed during the run"),
        store.working_place(tmp_path / "run", scenario) as place,
    ):
        mine.write_text(CSV + "2101,0.1\n", encoding="utf-8")
        store.finish(place, _of(scenario, small_result.tables, small_result))
    assert [item.name for item in tmp_path.iterdir()] == ["mine.csv"]


def test_a_stored_scenario_cannot_name_a_file_elsewhere(small_result, tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text(CSV, encoding="utf-8")
    folder = store.write_run(_of(user_scenario(mine), small_result.tables, small_result), tmp_path / "run")
    toml = folder / "scenario.toml"
    forged = toml.read_text(encoding="utf-8").replace("inputs/paths.file.csv", "/etc/hostname")
    assert "/etc/hostname" in forged
    toml.write_text(forged, encoding="utf-8")
    _forge(folder, "scenario.toml")
    with pytest.raises(InputError, match="not part of the run"):
        store.read_run(folder)


@pytest.mark.parametrize("name", ["../../outside", "/etc/x", "a b", ""])
def test_a_run_cannot_call_itself_something_else(folder, name):
    """The name becomes that of the files beside a report."""
    manifest = json.loads((folder / store.MANIFEST).read_text(encoding="utf-8"))
    (folder / store.MANIFEST).write_text(json.dumps(manifest | {"name": name}), encoding="utf-8")
    assert "name: was changed after the run" in str(store.verify(folder)[0])
    _forge(folder, "summary.json")
    assert store.verify(folder) == []
    with pytest.raises(InputError, match="name: is not the scenario's"):
        store.read_run(folder)


def _forge(folder, name):
    """The manifest made to fit a file that was changed."""
    from fiscal.results.store.values import file_sha256, fingerprint_of, write_json

    manifest = json.loads((folder / store.MANIFEST).read_text(encoding="utf-8"))
    manifest["outputs"][name] = file_sha256(folder / name)
    manifest["sizes"][name] = (folder / name).stat().st_size
    manifest["record_fingerprint"] = fingerprint_of({"inputs": manifest["inputs"], "outputs": manifest["outputs"]})
    write_json(folder / store.MANIFEST, store.sealed(manifest))


def _changed(folder, change):
    """The manifest of a folder after ``change`` was made to it and nothing else."""
    manifest = json.loads((folder / store.MANIFEST).read_text(encoding="utf-8"))
    change(manifest)
    (folder / store.MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    return manifest


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("law", lambda told: told.update(law="reform, schedules 0123456789abcdef")),
        ("git", lambda told: told.update(git={"commit": "f" * 40, "dirty": False})),
        ("git", lambda told: told.update(git=None if told["git"] else {"commit": "f" * 40, "dirty": True})),
        ("name", lambda told: told.update(name="another")),
        ("set_in", lambda told: told["set_in"]["origins"].update({"paths.seed": "theirs.toml"})),
        ("set_in", lambda told: told["set_in"].update(more=1)),
        ("own_tables", lambda told: told.update(own_tables={"life_table": "an archive"})),
        ("table_indexes", lambda told: told.update(table_indexes={})),
        ("schema_version", lambda told: told.update(schema_version=2)),
        ("sizes", lambda told: told["sizes"].update({"summary.json": 1})),
        ("reviewed_by", lambda told: told.update(reviewed_by="a board")),
        ("own_tables", lambda told: told.pop("own_tables")),
        ("manifest_fingerprint", lambda told: told.update(manifest_fingerprint="0" * 64)),
    ],
)
def test_whatever_is_changed_in_a_manifest_is_named(folder, part, change):
    _changed(folder, change)
    found = [problem.key for problem in store.verify(folder) if problem.file.endswith(store.MANIFEST)]
    assert found == [part]
    for read in (store.cite, store.stored_result):
        with pytest.raises(InputError, match=part):
            read(folder)


def test_several_changes_in_a_manifest_are_all_named(folder):
    def forge(told):
        told["law"], told["git"] = "reform, schedules 0", {"commit": "f" * 40, "dirty": False}

    _changed(folder, forge)
    assert {problem.key for problem in store.verify(folder)} == {"law", "git"}


@pytest.mark.parametrize("commit", ["main", "f" * 39, "F" * 40, "f" * 40 + "\n", "", r"\input{x}"])
def test_a_commit_is_hexadecimal(folder, commit):
    forged = _changed(folder, lambda told: told.update(git={"commit": commit, "dirty": False}))
    (folder / store.MANIFEST).write_text(json.dumps(store.sealed(forged)), encoding="utf-8")
    (problem,) = store.verify(folder)
    assert problem.key == "git.commit" and "hexadecimal" in problem.allowed
    with pytest.raises(InputError, match="git.commit"):
        store.cite(folder)


def test_a_key_that_stands_twice_and_a_link_are_faults_of_a_manifest(folder, tmp_path):
    file = folder / store.MANIFEST
    content = file.read_text(encoding="utf-8")
    file.write_text(content.replace("{", '{"law": "another",', 1), encoding="utf-8")
    assert store.verify(folder)[0].key == "law"
    file.unlink()
    (tmp_path / "elsewhere.json").write_text(content, encoding="utf-8")
    file.symlink_to(tmp_path / "elsewhere.json")
    assert [str(problem) for problem in store.verify(folder)] == [f"{file}: is a link; allowed: the file itself"]
    with pytest.raises(InputError, match="is a link"):
        store.cite(folder)


def test_a_run_of_an_earlier_version_is_read_and_what_is_not_checked_is_said(folder):
    def earlier(told):
        told["schema_version"] = 2
        for name in ("part_sha256", "manifest_fingerprint", "sizes"):
            del told[name]

    manifest = _changed(folder, earlier)
    assert store.verify(folder) == [] and store.stored_result(folder).name == manifest["name"]
    assert {"law", "git", "own_tables", "set_in"} <= set(store.unchecked(manifest))
    (said,) = (words for words in store.cite(folder)["caveats"] if "not checked" in words)
    assert "git" in said and "law" in said
    _changed(folder, lambda told: told.update(schema_version=store.SCHEMA_VERSION))
    assert store.verify(folder)  # no run of this version is without hashes of its manifest


def test_what_a_run_cannot_have_written_is_refused_by_its_size(folder, monkeypatch):
    """A sparse file of any size costs nothing to lay; none of another size than the run's is read."""
    from fiscal.results.store import folder as folders

    read = []
    whole = folders.file_sha256
    monkeypatch.setattr(folders, "file_sha256", lambda path: read.append(path.name) or whole(path))
    os.truncate(folder / "tables" / "budget.csv", 50 * 10**9)
    (problem,) = store.verify(folder)
    assert "budget.csv" in problem.file and "50000000000 bytes" in str(problem)
    assert "budget.csv" not in read
    # told the same by a manifest that was made to fit, or without sizes
    size = 50 * 10**9

    def fit(told):
        told["sizes"]["tables/budget.csv"] = size

    forged = _changed(folder, fit)
    (folder / store.MANIFEST).write_text(json.dumps(store.sealed(forged)), encoding="utf-8")
    read.clear()
    assert "too large" in "".join(map(str, store.verify(folder))) and "budget.csv" not in read
    with (folder / store.MANIFEST).open("ab") as stream:
        stream.truncate(50 * 10**9)
    assert "too large" in str(store.verify(folder)[0])


def test_a_folder_of_countless_files_is_left_at_the_first_too_many(folder, monkeypatch):
    from fiscal.results.store import folder as folders

    monkeypatch.setattr(folders, "MAX_FILES", 20)
    for number in range(50):
        (folder / "tables" / f"more{number}.csv").touch()
    found = list(map(str, store.verify(folder)))
    assert any("has more files than any run" in words for words in found) and len(found) <= 22


def test_a_rerun_holds_the_manifest_against_the_run(small_result, folder):
    """A manifest whose hashes were made to fit: what the run made again says otherwise is named."""
    made = lambda scenario: _of(scenario, small_result.tables, small_result)  # noqa: E731
    assert store.rerun(folder, made).differences == ()

    def forge(told):
        told.update(law="reform, schedules 0", own_tables={"life_table": "x"}, git=None)

    forged = _changed(folder, forge)
    (folder / store.MANIFEST).write_text(json.dumps(store.sealed(forged)), encoding="utf-8")
    assert store.verify(folder) == []
    found = store.rerun(folder, made)
    assert {words.split(":")[0] for words in found.differences} == {
        "manifest.json, law", "manifest.json, own_tables"
    }  # fmt: skip
    forged["git"] = {"commit": "f" * 40, "dirty": False}  # of no checkout
    (folder / store.MANIFEST).write_text(json.dumps(store.sealed(forged)), encoding="utf-8")
    assert store.rerun(folder, made).unchecked == ("git",)


def test_a_run_of_a_clean_commit_has_the_source_code_of_that_commit(root):
    from fiscal.results.store.manifest import against_commit

    state = store.git_state()
    if state is None:
        with pytest.raises(LookupError):
            against_commit({"commit": "f" * 40, "dirty": False})
        return
    for unknown in ({"commit": "f" * 40, "dirty": False}, {**state, "dirty": True}):
        with pytest.raises(LookupError):
            against_commit(unknown)
    if not state["dirty"]:
        assert against_commit(state) is None
    first = subprocess.run(
        ["git", "-C", str(root), "rev-list", "--max-parents=0", "HEAD"], capture_output=True, text=True
    ).stdout.split()
    if first and first[0] != state["commit"]:
        assert "other source code" in against_commit({"commit": first[0], "dirty": False})


def test_links_in_a_run_folder_are_refused(folder, tmp_path):
    (tmp_path / "summary.json").write_bytes((folder / "summary.json").read_bytes())
    (folder / "summary.json").unlink()
    (folder / "summary.json").symlink_to(tmp_path / "summary.json")
    (folder / "more").symlink_to(tmp_path)
    text = "\n".join(map(str, store.verify(folder)))
    assert "summary.json: is a link" in text and "more: the file is not part of the run" in text


# columns, crate, citation


def test_every_column_is_documented(folder, small_result):
    columns = pd.read_csv(folder / "columns.csv")
    found = {table: list(part["column"]) for table, part in columns.groupby("table", sort=False)}
    assert found == {name: list(table.columns) for name, table in small_result.tables.items()}
    assert columns["description"].notna().all()
    types = columns.set_index(["table", "column"])["type"]
    assert types["budget", "year"] == "integer" and types["budget", "line"] == "text"
    assert types["notes", "rate"] == "number"


def test_the_crate_holds_what_the_specification_demands(folder):
    """RO-Crate 1.1: the MUSTs on the metadata file, the root data entity, data entities and references."""
    crate = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    assert "https://w3id.org/ro/crate/1.1/context" in crate["@context"]
    graph = crate["@graph"]
    ids = [entity["@id"] for entity in graph]
    assert len(ids) == len(set(ids)) and all(entity["@type"] for entity in graph)
    entities = dict(zip(ids, graph, strict=True))
    descriptor = entities["ro-crate-metadata.json"]
    assert descriptor["@type"] == "CreativeWork" and descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"]["@id"].startswith("https://w3id.org/ro/crate/")
    root = entities["./"]
    assert root["@type"] == "Dataset" and root["name"] and root["description"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?", root["datePublished"])
    assert root["license"]["@id"] in entities
    parts = {part["@id"] for part in root["hasPart"]}
    assert parts == contents(folder).keys() - {"ro-crate-metadata.json"}
    assert all(entities[part]["@type"] == "File" for part in parts)
    for entity in graph:  # flat: no nested entity, and every reference within the crate is resolved
        for key, value in entity.items():
            for member in value if isinstance(value, list) else [value]:
                if isinstance(member, dict):
                    assert set(member) == {"@id"}, (entity["@id"], key)
                    assert member["@id"] in entities or member["@id"].startswith("https://"), member


def test_the_crate_is_a_process_run_crate(folder, root):
    """The profile's required rules; `make crate` runs its validator. Terms are those of our context file."""
    graph = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    home = entities["./"]
    profile = entities[home["conformsTo"]["@id"]]
    assert profile["@type"] == "CreativeWork" and profile["name"] and profile["version"] in profile["@id"]
    run = entities[home["mentions"]["@id"]]
    tool, agent = entities[run["instrument"]["@id"]], entities[run["agent"]["@id"]]
    assert run["@type"] == "CreateAction" and run["endTime"] and run["object"] and run["result"]
    assert tool["@type"] == "SoftwareApplication" and tool["softwareVersion"]
    assert agent["@type"] in ("Organization", "Person")
    context = json.loads((root / "tools" / "crate" / "context.json").read_text(encoding="utf-8"))["@context"]
    used = {key for entity in graph for key in entity if not key.startswith("@")}
    assert used | {entity["@type"] for entity in graph} <= context.keys()


def test_the_crate_is_part_of_the_check(folder):
    crate = folder / "ro-crate-metadata.json"
    crate.write_text(crate.read_text(encoding="utf-8").replace("MIT license", "mine"), encoding="utf-8")
    assert "ro-crate-metadata.json: the file was changed" in str(store.verify(folder)[0])


def test_a_citation_names_the_run_and_survives_tex(small_result, tmp_path, monkeypatch):
    from fiscal.results.store import folder as folders

    monkeypatch.setattr(folders, "git_state", lambda: {"commit": "a" * 40, "dirty": True})
    title = r"50% of {it} & \input{x} $a_b^c$ ~#"
    scenario = replace(small_result.scenario, title=title, author="A. Analyst")
    result = _of(scenario, small_result.tables, small_result)
    path = store.write_run(result, tmp_path / "run")
    answer, manifest = store.cite(path), store.read_manifest(path)
    assert "doi" not in answer["bibtex"] and f"made {manifest['made']['time'][:10]}" in answer["text"]
    links = {"Repository": "https://example.org/code", "DOI": "https://doi.org/10.5281/zenodo.1"}
    with monkeypatch.context() as released:
        released.setattr(citation, "project_links", lambda: links)
        told = store.cite(path)
    assert all(address in told["text"] for address in links.values())
    assert "  doi = {10.5281/zenodo.1}," in told["bibtex"]
    for words in (title, "A. Analyst", manifest["record_fingerprint"], manifest["input_fingerprint"]):
        assert words in answer["text"]
    assert "Made with uncommitted changes on top of commit aaaaaaaaaaaa." in answer["text"]
    assert r"\%" in answer["bibtex"] and r"\textbackslash{}input\{x\}" in answer["bibtex"]
    assert answer["bibtex"].count("{") == answer["bibtex"].count("}")
    (path / "summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="changed after the run"):
        store.cite(path)


def test_a_stored_run_without_its_tables_is_not_compared(small_result, folder):
    from fiscal.results.result import compare

    with pytest.raises(InputError, match="lacks what a comparison needs") as caught:
        compare(store.stored_result(folder), small_result)
    said = str(caught.value)
    assert "table windows" in said and "table economy" in said and "budget: ['gdp_bn_usd'" in said


# what differs between two questions


def _record(**changes):
    from fiscal.results.store.manifest import environment, input_record

    inputs = input_record(load("boom")) | changes
    return {"inputs": inputs, "environment": environment()}


def test_every_difference_between_two_questions_is_named():
    from fiscal.results.store.manifest import differences, environment, input_record

    now = _record()
    assert differences(now, now) == []
    settings = input_record(load("boom", {"paths.seed": 7, "adoption.allocation_share": 0.5}))
    share = now["inputs"]["settings"]["adoption"]["allocation_share"]
    assert sorted(differences({**now, "inputs": settings}, now)) == [
        ("adoption.allocation_share", f"0.5 then, {share} now"),
        ("paths.seed", f"7 then, {now['inputs']['seed']} now"),
    ]
    table = next(iter(now["inputs"]["tables"]))
    old = _record(
        tables={**now["inputs"]["tables"], table: "0" * 64}, package_version="0.0.1", code_sha256="1" * 64,
        files={"inputs/paths.file.csv": "2" * 64},
    )  # fmt: skip
    old["environment"] = {**environment(), "python": "3.9.0", "packages": {}}
    told = dict(differences(old, now))
    assert told[f"data table {table}"] == "was changed"
    assert told["the user's inputs/paths.file.csv"] == "was changed"
    assert told["fiscal"].startswith("0.0.1 then, ")
    assert "source code of fiscal" not in told  # another version has another source
    assert told["python"].startswith("3.9.0 then, ") and told["numpy"].startswith("nothing then, ")
    code = _record(code_sha256="1" * 64)
    assert differences(code, now) == [("source code of fiscal", "was changed")]


@pytest.mark.parametrize(
    "was", [None, [], "x", {"inputs": 1}, {"inputs": {"settings": {"a": {"b": {"c": "d" * 999}}}}}]
)
def test_a_record_of_anything_is_compared(was):
    from fiscal.results.store.manifest import differences

    found = differences(was, _record())
    assert found and all(len(name) <= 80 and len(words) < 250 for name, words in found)


# making a run again


def test_a_rerun_names_the_first_difference(small_result, folder):
    same = store.rerun(folder, lambda scenario: _of(scenario, small_result.tables, small_result))
    assert same.exact and same.differences == ()
    tables = {name: table.copy() for name, table in small_result.tables.items()}
    tables["budget"].loc[1, "nominal_bn_usd"] = 2e-17
    other = store.rerun(folder, lambda scenario: _of(scenario, tables, small_result))
    (difference,) = other.differences
    assert difference.startswith("tables/budget.csv, line 3:") and "1e-17" in difference and "2e-17" in difference
    del tables["notes"]
    found = store.rerun(folder, lambda scenario: _of(scenario, tables, small_result)).differences
    assert "tables/notes.csv: only in the stored run" in found


def test_a_rerun_elsewhere_is_compared_by_value(small_result, folder):
    manifest = json.loads((folder / store.MANIFEST).read_text(encoding="utf-8"))
    manifest["environment"]["packages"]["numpy"] = "1.0"
    manifest["environment"]["machine"] = "another"
    (folder / store.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    tables = {name: table.copy() for name, table in small_result.tables.items()}
    tables["budget"].loc[0, "nominal_bn_usd"] *= 1 + 1e-10
    near = store.rerun(folder, lambda scenario: _of(scenario, tables, small_result))
    assert not near.exact and near.differences == ()
    assert any(words.startswith("machine another then") for words in near.changed)
    assert any(words.startswith("numpy 1.0 then") for words in near.changed)
    tables["budget"].loc[0, "nominal_bn_usd"] *= 1 + 1e-8
    (difference,) = store.rerun(folder, lambda scenario: _of(scenario, tables, small_result)).differences
    assert difference.startswith("table budget, row 1, column nominal_bn_usd:")


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ([1.0, float("nan")], [1.0, float("nan")], None),
        ([1.0, float("nan")], [1.0, 2.0], "row 2"),
        ([1.0, float("inf")], [1.0, float("-inf")], "row 2"),
        ([1.0, 2.0], [1.0], "rows"),
        ([1e9, 1e-6], [1e9, 2e-6], None),  # the rounding of a sum that is nil
        (["a", None], ["a", None], None),
        (["a", None], ["b", None], "row 1"),
        ([True, False], [True, True], "row 2"),
    ],
)
def test_first_difference(one, two, words):
    found = store.first_difference(pd.DataFrame({"value": one}), pd.DataFrame({"value": two}))
    assert (found is None) if words is None else (words in found)


def test_a_run_of_own_microdata_says_so_where_it_is_cited_and_reported(small_result, tmp_path, monkeypatch):
    """As docs/howto/microdata.md has it: a data folder of one's own, its schedules registered with their source."""
    from fiscal.report.origin import run_facts

    shipped = sources.data_dir()
    assert sources.own_tables() == {} and "microdata" not in run_facts(small_result)["caveats"]
    copy = tmp_path / "own-data"
    shutil.copytree(shipped, copy)
    monkeypatch.setenv("FISCAL_DATA", str(copy))
    assert sources.own_tables() == {}  # a copy is the same data, wherever it lies
    for name, column in (("withdrawal_curve", "mean_added_tax_usd"), ("outside_rates", "interest_rate")):
        table = sources.table(name)
        sources.store(name, table.assign(**{column: 0.9 * table[column]}), source="tmd.csv of our & archive")
    words = (
        "Made with tax schedules built from the user's own microdata: outside_rates, withdrawal_curve "
        "(source: tmd.csv of our & archive)."
    )
    assert store.caveats({"own_tables": dict(sorted(sources.own_tables().items()))}) == [words]
    folder = store.write_run(small_result, tmp_path / "run")
    monkeypatch.delenv("FISCAL_DATA")
    answer = store.cite(folder)
    (said,) = (one for one in answer["caveats"] if "microdata" in one)
    assert said in answer["text"] and r"our \& archive" in answer["bibtex"]
    stored = replace(small_result, provenance=store.stored_result(folder).provenance)
    assert said in run_facts(stored)["caveats"]
    # another table of one's own is not taken for microdata
    told = store.caveats({"own_tables": {"life_table": "our actuaries"}})
    assert told == ["Made with data tables that differ from those of this version: life_table (source: our actuaries)."]


def test_the_schedules_that_a_citation_knows_are_those_that_are_built():
    from fiscal.results.store.citation import TAX_SCHEDULES

    built = {entry.name for entry in sources.resources() if "built_from" in entry.extra}
    assert built == TAX_SCHEDULES


def test_a_batch_of_another_question_is_not_taken(tmp_path):
    import numpy as np

    one, other = (store.Place(tmp_path / "run", {"inputs": {"seed": seed}}) for seed in (1, 2))
    one.path.mkdir()
    one.save("real-0000000-1", {"values": np.arange(3.0)})
    assert one.load("real-0000000-1")["values"].tolist() == [0.0, 1.0, 2.0]
    assert other.load("real-0000000-1") is None
    assert [file.name for file in (one.path / "batches").iterdir()] == ["real-0000000-1.npz"]
