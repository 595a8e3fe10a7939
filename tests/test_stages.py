"""Tables on demand: what a run computes, what is computed when it is asked for, and folders that gain a stage."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path

import pandas as pd
import pytest

import fiscal
from fiscal.base import sources
from fiscal.base.errors import InputError
from fiscal.base.files import write_whole
from fiscal.results import running, stages, store
from fiscal.results.result import Result, whole_value
from fiscal.results.schema import TABLES
from fiscal.results.stages import STAGE_OF, STAGES, held
from fiscal.scenario import load

SHORT = {"horizon.last_year": 2036, "books.risk_neutral_paths": 4, "backstop.paths": 4}
FINGERPRINTS = ("input_fingerprint", "record_fingerprint", "manifest_fingerprint")


@cache
def boom() -> Result:
    return running.run(load("boom", SHORT))


def parts(folder: Path) -> dict[str, str]:
    manifest = store.read_manifest(folder)
    return {name: manifest[name] for name in FINGERPRINTS}


def test_every_table_has_one_stage_and_every_stage_reads_known_parts() -> None:
    assert set(STAGE_OF) == set(TABLES)
    assert sum(len(stage.yields) for stage in STAGES) == len(TABLES)
    for stage in STAGES:
        assert all(hasattr(stages.Parts, part) or part == "scenario" for part in stage.reads), stage.name


def test_a_run_knows_its_tables_and_computes_its_headline() -> None:
    result = running.run(load("baseline", SHORT))
    assert {"budget", "windows", "bases", "vintages"} <= set(result.tables)
    assert "paths" not in result.tables and "state_tax" not in result.tables
    with_run = {name for name in result.tables if STAGE_OF[name].headline or STAGE_OF[name].cheap}
    assert set(held(result.tables)) == with_run
    with pytest.raises(KeyError):
        result.tables["no such table"]
    assert set(held(pickle.loads(pickle.dumps(result)).tables)) == set(held(result.tables))


def test_a_stage_alone_is_what_a_full_run_has() -> None:
    own, alone = boom().full(), running.run(load("boom", SHORT))
    assert set(held(own.tables)) == set(own.tables)
    for name in ("contingent", "distribution"):
        pd.testing.assert_frame_equal(alone.tables[name], own.tables[name], check_exact=True)


def test_the_value_of_the_whole_is_that_of_the_table_of_bases() -> None:
    bases = boom().full().tables["bases"].query("weight == 'average' and line == 'net_revenue'")
    for basis in ("treasury", "portfolio"):
        own = bases[(bases["basis"] == basis) & bases["scope"].isin(("opening_stock", "all_contributions"))]
        assert whole_value(boom(), basis) == pytest.approx(own["present_value_bn_usd"].sum(), rel=1e-12)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with its headline alone."""
    return store.write_run(running.run(load("boom", SHORT)), tmp_path_factory.mktemp("stages") / "run")


@pytest.fixture
def folder(stored: Path, tmp_path: Path) -> Path:
    """A copy of the run's folder."""
    return Path(shutil.copytree(stored, tmp_path / "run"))


def test_a_folder_gains_a_stage_and_stays_what_it_was(folder: Path) -> None:
    before, files = parts(folder), {file.name for file in (folder / "tables").iterdir()}
    assert "contingent.csv" not in files
    result = store.read_run(folder)
    assert "contingent" in result.tables and "contingent" not in held(result.tables)
    table = result.tables["contingent"]
    assert store.verify(folder) == [] and parts(folder) == before
    assert not folder.with_name("run.incomplete").exists()
    again = store.read_run(folder)
    assert "contingent" in held(again.tables)
    pd.testing.assert_frame_equal(again.tables["contingent"], table, check_exact=True, check_dtype=False)
    crate = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    listed = {entity["@id"]: entity for entity in crate["@graph"]}
    assert (
        listed["tables/contingent.csv"]["sha256"]
        == store.files_of(store.read_manifest(folder))["tables/contingent.csv"]
    )
    assert before["record_fingerprint"] in store.cite(folder)["text"]
    (folder / "tables" / "contingent.csv").write_text("changed", encoding="utf-8")
    assert any("contingent.csv" in str(problem) for problem in store.verify(folder))


def test_a_full_run_has_the_fingerprints_of_its_headline(folder: Path, tmp_path: Path) -> None:
    full = store.write_run(boom().full(), tmp_path / "full")
    assert store.verify(full) == []
    assert parts(full)["record_fingerprint"] == parts(folder)["record_fingerprint"]
    assert set(held(store.read_run(full).tables)) == set(boom().tables)


def test_an_interruption_leaves_a_folder_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever file is written last, the folder verifies; the next who asks writes the rest."""
    from fiscal.results.store import folder as writing

    tables = {name: pd.DataFrame({"x": [1.0]}) for name in STAGE_OF["contingent"].yields}
    scenario = store.stored_result(folder).scenario
    before = parts(folder)
    for last in count():
        copy = folder.with_name(f"copy{last}")
        shutil.copytree(folder, copy)
        with monkeypatch.context() as patch:
            patch.setattr(writing, "write_whole", interrupted_after(last))
            try:
                writing.add_stage(copy, STAGE_OF["contingent"], tables, scenario)
            except KeyboardInterrupt:
                pass
            else:
                break
        assert store.verify(copy) == [] and parts(copy) == before, last
        writing.add_stage(copy, STAGE_OF["contingent"], tables, scenario)
        assert store.verify(copy) == [] and parts(copy) == before, last
        assert "contingent" in held(store.stored_result(copy).tables)
    assert last > 3


def interrupted_after(last: int) -> Callable[[Path, bytes], None]:
    """Writing files that is interrupted after some of them."""
    written: list[Path] = []

    def write(path: Path, content: bytes) -> None:
        if len(written) >= last:
            raise KeyboardInterrupt
        write_whole(path, content)
        written.append(path)

    return write


def test_a_stage_that_was_tampered_with_is_named(folder: Path) -> None:
    store.read_run(folder).tables["contingent"]
    manifest = json.loads((folder / store.MANIFEST).read_text(encoding="utf-8"))
    manifest["stages"]["by_name"]["backstop"]["outputs"]["tables/contingent.csv"] = "0" * 64
    (folder / store.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert any(problem.key == "stages" for problem in store.verify(folder))
    for wrong in ({}, [], {"by_name": 3}, {**manifest["stages"], "by_name": {"x": {}}}):
        (folder / store.MANIFEST).write_text(json.dumps({**manifest, "stages": wrong}), encoding="utf-8")
        with pytest.raises(InputError, match="not a run manifest"):
            store.read_run(folder)


def test_other_code_asks_for_a_new_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = store.read_run(folder)
    monkeypatch.setattr("fiscal.results.store.manifest.code_sha256", lambda: "0" * 64)
    with pytest.raises(InputError, match="source code of fiscal was changed.*--full"):
        result.tables["contingent"]
    assert len(result.tables["budget"])


def test_a_folder_that_cannot_be_written_gives_the_table_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("fiscal.results.store.folder.add_stage", refused)
    before = parts(folder)
    assert len(store.read_run(folder).tables["contingent"])
    assert store.verify(folder) == [] and parts(folder) == before
    assert "contingent" not in held(store.read_run(folder).tables)


def test_a_comparison_computes_no_value_unless_it_is_asked_for() -> None:
    base, other = (running.run(load(name, SHORT)) for name in ("baseline", "boom"))
    effects = fiscal.compare(base, other).effects(values=False)
    assert "present_value_treasury_bn_usd" not in effects and "vintages" not in held(other.tables)


def test_a_table_of_data_or_files_that_changed_since_the_run_is_refused(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("year,crypto\n2026,0.1\n")
    named = load("boom", SHORT | {"paths.model": "user", "paths.file": str(file)})
    plain, own = (stages.Tables(stages.Parts(one)) for one in (load("boom", SHORT), named))
    file.write_text("year,crypto\n2026,0.2\n")
    with pytest.raises(InputError, match="table contingent: .*a file that the scenario names changed.*a new run"):
        own["contingent"]
    shutil.copytree(sources.data_dir(), tmp_path / "data")
    monkeypatch.setenv("FISCAL_DATA", str(tmp_path / "data"))
    assert plain.parts.changed() == ""
    table = tmp_path / "data" / "assumptions.csv"
    table.write_text(table.read_text().replace(",60,90,", ",61,90,", 1))
    sources.register(table)
    for tables in (plain, pickle.loads(pickle.dumps(plain))):
        with pytest.raises(InputError, match="table contingent: .*the data tables changed.*a new run"):
            tables["contingent"]
    monkeypatch.delenv("FISCAL_DATA")
    assert plain.parts.changed() == ""
