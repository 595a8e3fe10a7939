"""Run folders: whole or absent, checked when read, and the same for the same question."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pandas as pd
import pandas.testing
import pytest

from fiscal import runs
from fiscal.errors import InputError
from fiscal.scenario import load


@pytest.fixture
def folder(small_result, tmp_path):
    return runs.write_run(small_result, tmp_path / "boom", command=["fiscal", "run", "boom"])


def test_a_run_reads_back_as_it_was(small_result, folder):
    again = runs.read_run(folder)
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
    folder = runs.write_run(_with_tables(small_result, {"budget": table}), tmp_path / "run")
    pandas.testing.assert_frame_equal(runs.read_run(folder).tables["budget"], table, check_dtype=False)


def _with_tables(result, tables):
    return type(result)(
        name=result.name,
        scenario=result.scenario,
        tables=tables,
        fingerprint=result.fingerprint,
        summary=result.summary,
    )


def test_the_same_run_twice_is_the_same_to_the_byte(small_result, folder, tmp_path):
    other = runs.write_run(small_result, tmp_path / "elsewhere", command=["fiscal", "run", "boom"])
    files = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    assert files == sorted(file.relative_to(other) for file in other.rglob("*") if file.is_file())
    for file in files:
        assert (folder / file).read_bytes() == (other / file).read_bytes(), file


def test_the_manifest_says_what_was_asked_and_answered(small_result, folder):
    manifest = runs.read_manifest(folder)
    assert manifest["schema_version"] == runs.SCHEMA_VERSION
    assert manifest["command"] == ["fiscal", "run", "boom"]
    assert manifest["inputs"]["settings"]["adoption"]["allocation_share"] == 0.1
    assert "cbo_macro.csv" in manifest["inputs"]["tables"]
    assert set(manifest["outputs"]) == {
        "scenario.toml",
        "summary.json",
        *(f"tables/{name}.{kind}" for name in small_result.tables for kind in ("csv", "parquet")),
    }
    assert manifest["environment"]["packages"]["numpy"]
    assert manifest["environment"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_fingerprints_hold_no_time_host_user_or_path(folder, tmp_path):
    text = (folder / runs.MANIFEST).read_text(encoding="utf-8")
    assert str(tmp_path) not in text and os.uname().nodename not in text
    assert not re.search(r"\d{2}:\d{2}:\d{2}", text)


def test_fingerprints_change_with_the_question_and_with_the_answer(small_result, folder, tmp_path):
    first = runs.read_manifest(folder)
    tables = {**small_result.tables, "budget": small_result.tables["budget"] * 1}
    tables["budget"].loc[0, "nominal_bn_usd"] += 1e-12
    answered = runs.read_manifest(runs.write_run(_with_tables(small_result, tables), tmp_path / "answer"))
    assert answered["input_fingerprint"] == first["input_fingerprint"]
    assert answered["record_fingerprint"] != first["record_fingerprint"]
    one, other = (runs.input_fingerprint(load("boom", {"paths.seed": seed})) for seed in (1, 2))
    assert one != other
    assert one == runs.input_fingerprint(load("boom", {"scenario.title": "another title"}))


def test_changed_missing_and_added_files_are_named(folder):
    (folder / "summary.json").write_text("{}", encoding="utf-8")
    (folder / "tables" / "notes.csv").unlink()
    (folder / "extra.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        runs.read_run(folder)
    text = str(caught.value)
    assert "summary.json: the file was changed" in text
    assert "notes.csv: the file is missing" in text
    assert "extra.txt: the file is not part of the run" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda manifest: manifest.update(input_fingerprint="0"), "does not fit"),
        (lambda manifest: manifest["inputs"]["settings"]["paths"].update(seed=9), "does not fit"),
        (lambda manifest: manifest.update(schema_version=99), "another version"),
        (lambda manifest: manifest.pop("outputs"), "not a run manifest"),
        (lambda manifest: manifest.update(outputs=[]), "not a run manifest"),
        (lambda manifest: manifest["outputs"].update({"../x": "0"}), "outside the folder"),
    ],
)
def test_a_manifest_that_was_tampered_with_is_refused(folder, change, words):
    manifest = json.loads((folder / runs.MANIFEST).read_text(encoding="utf-8"))
    change(manifest)
    (folder / runs.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        runs.read_run(folder)


def test_what_is_no_run_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        runs.read_run(tmp_path)
    with pytest.raises(InputError, match="not a run folder"):
        runs.read_run(tmp_path / "missing")
    (tmp_path / runs.MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        runs.read_run(tmp_path)


def test_a_failed_run_leaves_nothing_behind(small_result, folder, tmp_path):
    before = runs.read_manifest(folder)
    broken = _with_tables(small_result, {"bad name": small_result.tables["budget"]})
    with pytest.raises(ValueError, match="bad name"):
        runs.write_run(broken, folder, force=True)
    with pytest.raises(ValueError, match="bad name"):
        runs.write_run(broken, tmp_path / "new")
    assert [item.name for item in tmp_path.iterdir()] == ["boom"]
    assert runs.read_manifest(folder) == before


def test_an_existing_folder_needs_force_and_must_be_a_run(small_result, folder, tmp_path):
    with pytest.raises(InputError, match="exists already"):
        runs.write_run(small_result, folder)
    changed = _with_tables(small_result, {"budget": small_result.tables["budget"]})
    runs.write_run(changed, folder, force=True)
    assert list(runs.read_run(folder).tables) == ["budget"]
    (tmp_path / "empty").mkdir()
    assert runs.write_run(small_result, tmp_path / "empty") == tmp_path / "empty"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(InputError, match="not a run folder"):
        runs.write_run(small_result, tmp_path / "mine", force=True)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["boom", "empty", "mine"]


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_place_of_a_folder(small_result, tmp_path, place):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="file"):
        runs.write_run(small_result, tmp_path / place)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "x"


def test_a_disk_error_is_a_message(small_result, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(InputError, match="No space left on device"):
        runs.write_run(small_result, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_folders_follow_the_umask(small_result, tmp_path):
    old = os.umask(0o027)
    try:
        folder = runs.write_run(small_result, tmp_path / "run")
    finally:
        os.umask(old)
    assert folder.stat().st_mode & 0o777 == 0o750


def test_plain_values():
    import numpy as np

    found = runs.plain(
        {"a": np.float64("nan"), "b": np.int64(3), 4: (1.5, np.array([1, 2])), "c": None, "d": np.bool_(True)}
    )
    assert found == {"a": None, "b": 3, "4": [1.5, [1, 2]], "c": None, "d": True}
    assert type(found["b"]) is int and found["d"] is True


def test_git_state_is_of_the_source_tree(root):
    state = runs.git_state()
    head = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD"], capture_output=True, text=True
    )
    if head.returncode:  # no checkout, no git, or no commit yet
        assert state is None
    else:
        assert state is not None and state["commit"] == head.stdout.strip()


def test_the_code_hash_is_of_every_source_file(root):
    digest = runs.code_sha256.__wrapped__()
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from fiscal import runs; print(runs.code_sha256())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True
    ).stdout.strip()
    assert digest == other


def test_force_never_deletes_what_a_run_did_not_write(tmp_path):
    foreign = tmp_path / "app"
    (foreign / "src").mkdir(parents=True)
    (foreign / "manifest.json").write_text('{"name": "a web app"}', encoding="utf-8")
    (foreign / "src" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(InputError, match="will not be replaced"):
        runs.check_target(foreign, force=True)
    assert (foreign / "src" / "thesis.txt").read_text(encoding="utf-8") == "years of work"
