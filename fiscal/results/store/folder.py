"""Write a complete run folder, and read one back after checking every file."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fiscal.base import sources
from fiscal.base.errors import InputError, Problem
from fiscal.base.files import parse_json, part_of, read_limited, write_whole
from fiscal.base.version import __version__
from fiscal.results import validate
from fiscal.results.result import Result, refuse_totals
from fiscal.results.schema import COLUMNS
from fiscal.results.stages import STAGE_OF, STAGES, Parts, Stage, Tables, held
from fiscal.results.store.crate import CRATE, describe
from fiscal.results.store.log import LOG
from fiscal.results.store.manifest import (
    MANIFEST,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    SCHEMA_VERSION,
    SEAL,
    TABLE_NAME,
    changed_parts,
    differences,
    environment,
    files_of,
    gained,
    git_state,
    input_record,
    is_run,
    made_at,
    outputs_of,
    read_manifest,
    sealed,
    unchecked,
    with_stage,
)
from fiscal.results.store.manifest import STAGES as STAGES_PART
from fiscal.results.store.place import Place, files_in, locked, working_place
from fiscal.results.store.values import file_sha256, fingerprint_of, flat, json_bytes, plain, write_json
from fiscal.scenario import file_settings, load, own_files
from fiscal.scenario.design import REFERENCE_FILE

if TYPE_CHECKING:
    import pandas as pd

    from fiscal.scenario import Scenario
    from fiscal.scenario.design import Design


logger = logging.getLogger(__name__)


class Recorded(Protocol):
    """What a folder keeps: the run of a scenario or a sweep."""

    @property
    def name(self) -> str: ...
    @property
    def scenario(self) -> Scenario:
        """For a sweep, its base."""
        ...

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]: ...
    @property
    def summary(self) -> Mapping[str, Any]: ...
    @property
    def design(self) -> Design | None:
        """What the cases of a sweep change; none of a run."""
        ...

    def columns(self) -> Mapping[str, str]:
        """The description of every column of the tables."""
        ...


COLUMNS_FILE, DESIGN_FILE = "columns.csv", "design.toml"
MAX_TABLE_BYTES = 2 * 1024**3
"""Largest size of a file; all files of a run together may have :data:`MAX_RUN_BYTES`."""

MAX_RUN_BYTES = 8 * 1024**3


def write_run(result: Recorded, folder: str | Path, *, force: bool = False, command: Sequence[str] = ()) -> Path:
    """Write ``result`` to a new run folder and return its path.

    ``force`` replaces an earlier run folder. Raises InputError if the folder cannot be written, or if the result has
    only totals.
    """
    if isinstance(result, Result):
        refuse_totals(result)
    with working_place(folder, result.scenario, result.design, force=force) as place:
        finish(place, result, command)
    return Path(folder)


def finish(
    place: Place, result: Recorded, command: Sequence[str] = (), files: Mapping[str, bytes] | None = None
) -> None:
    """Write ``result`` in the working folder and give it its name. Raises InputError if that fails. ``files`` are
    additional files by name, such as figures.
    """
    try:
        place.folder.mkdir()
        _fill(result, place, command, files or {})
        place.put_in_place()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"the run cannot be written: {reason}", file=place.shown) from error


SETTINGS_TABLE = "settings"
"""The table in which the user's files are named."""


def _fill(result: Recorded, place: Place, command: Sequence[str], files: Mapping[str, bytes]) -> None:
    folder, design = place.folder, result.design
    inputs = input_record(result.scenario, design)
    if inputs != place.question["inputs"]:
        message = "a file or table was changed during the run"
        raise InputError(message, file=place.shown, allowed="a new run")
    scenario, names = _with_copies(result.scenario, folder, inputs["files"])
    (folder / "tables").mkdir()
    (folder / "scenario.toml").write_text(scenario.to_toml(), encoding="utf-8", newline="\n")
    if design is not None:
        for name, text in _design_texts(design, names).items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    write_json(folder / "summary.json", plain(result.summary), sort_keys=False)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    words = result.columns()
    rows = []
    for name, table in _first(result.tables).items():
        if not TABLE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a table file")
        written, _ = flat(table)
        if names and name == SETTINGS_TABLE:
            written = written.assign(value=written["value"].replace(names))
        for kind, content in _as_files(written).items():
            (folder / "tables" / f"{name}.{kind}").write_bytes(content)
        rows += _described(name, written, words)
    (folder / COLUMNS_FILE).write_bytes(_columns_file(rows))
    outputs = _hashes(folder)
    manifest: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "inputs": inputs,
        "outputs": outputs,
        "input_fingerprint": fingerprint_of(inputs),
        "record_fingerprint": fingerprint_of({"inputs": inputs, "outputs": outputs}),
        # the following parts are in neither fingerprint
        **repeated(result),
        "environment": environment(),
        "git": git_state(),
        "set_in": {"origins": dict(scenario.origins), "lineage": list(scenario.lineage)},
        "command": [os.fsencode(word).decode("utf-8", "replace") for word in command],
        "made": {"time": made_at()},
    }
    kept = place.path / LOG
    if kept.is_file():
        shutil.copyfile(kept, folder / LOG)
    told = scenario if design is None else replace(scenario, title=design.title, description="")
    write_json(folder / CRATE, describe(manifest, told, sorted(files_in(folder))))
    manifest["beside"] = {name: sha256 for name, sha256 in _hashes(folder).items() if name not in outputs}
    manifest["sizes"] = {name: (folder / name).stat().st_size for name in {**outputs, **manifest["beside"]}}
    write_json(folder / MANIFEST, sealed(manifest))
    if isinstance(result.tables, Tables):
        for stage in STAGES:
            if not stage.headline and set(stage.yields) <= set(result.tables.held):
                add_stage(folder, stage, result.tables.held, told)


def _first(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables that are written with a run: its headline; of other results all."""
    lazy = isinstance(tables, Tables)
    return {name: table for name, table in held(tables).items() if not lazy or STAGE_OF[name].headline}


def add_stage(folder: Path, stage: Stage, tables: Mapping[str, pd.DataFrame], scenario: Scenario) -> None:
    """Add the tables of a stage to a run folder, which is whole at every moment: its manifest first says what is
    coming, and when all is there that it has come. No fingerprint of the run changes."""
    manifest = read_manifest(folder)
    words = {name: column.words for name, column in COLUMNS.items()}
    contents = {
        f"tables/{name}.{kind}": content for name in stage.yields for kind, content in _as_files(tables[name]).items()
    }
    rows = [row for name in stage.yields for row in _described(name, tables[name], words)]
    contents[f"columns_{stage.name}.csv"] = _columns_file(rows)
    record = {
        "outputs": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        "sizes": {name: len(content) for name, content in contents.items()},
        "table_indexes": {name: [] for name in stage.yields},
        "coming": False,
    }
    before = file_sha256(folder / CRATE)
    whole = with_stage(manifest, stage.name, record, ())
    crate = json_bytes(describe(whole | {"outputs": outputs_of(whole)}, scenario, sorted(files_of(whole))))
    after = hashlib.sha256(crate).hexdigest()
    coming = with_stage(manifest, stage.name, record | {"coming": True}, (before, after))
    write_whole(folder / MANIFEST, json_bytes(coming))
    for name, content in {**contents, CRATE: crate}.items():
        write_whole(folder / name, content)
    write_whole(folder / MANIFEST, json_bytes(with_stage(manifest, stage.name, record, (after,))))


class StoredTables(Tables):
    """The tables of a run folder; those of a stage that it has not are computed when asked for and added to it."""

    def __init__(self, parts: Parts, held: Mapping[str, pd.DataFrame], folder: Path, inputs: Mapping[str, Any]) -> None:
        super().__init__(parts, held)
        self.folder, self.inputs = folder, inputs

    def _on_demand(self) -> set[str]:
        """What the scenario can yield; nothing more where the folder lacks a headline to which it would belong."""
        names = super()._on_demand()
        return names if {name for name in names if STAGE_OF[name].headline} <= set(self._held) else set()

    def _refuse_if_changed(self, stage: Stage) -> None:
        """As for a run in memory; the manifest names what has changed, code too."""
        apart = differences({"inputs": self.inputs}, {"inputs": input_record(self.parts.scenario)})
        if apart:
            message = f"does not hold the table {stage.yields[0]!r}, and what wrote it has changed since"
            shown = ", ".join(f"{name} {words}" for name, words in apart[:MOST_SHOWN])
            allowed = "a new run with fiscal run --full"
            raise InputError(message, file=str(self.folder), value=shown, allowed=allowed)

    def _compute(self, stage: Stage) -> Mapping[str, pd.DataFrame]:
        """The tables of a stage; kept in the folder where it can be written and nobody else is writing there."""
        tables = super()._compute(stage)
        try:
            with locked(self.folder):
                if stage.name not in gained(read_manifest(self.folder)):
                    add_stage(self.folder, stage, tables, self.parts.scenario)
        except (OSError, InputError) as error:
            logger.info("%s are not kept in %s: %s", ", ".join(stage.yields), self.folder, error)
        return tables


MOST_SHOWN = 3
OF_A_FOLDER = "", ""
"""In place of the fingerprints of a run in memory: the manifest says what a folder was made of."""


def repeated(result: Recorded) -> dict[str, Any]:
    """Parts of the manifest that stay the same in a rerun."""
    return {
        "name": result.name,
        "law": result.summary.get("law"),
        "own_tables": sources.own_tables(),
        "table_indexes": {name: flat(table)[1] for name, table in _first(result.tables).items()},
    }


def _design_texts(design: Design, names: Mapping[str, str]) -> dict[str, str]:
    """The design and its reference as files; the user's files by their ``names`` in the folder."""
    texts = {DESIGN_FILE: design.to_toml()}
    reference = design.against
    if reference is not None:
        settings = reference.settings
        for key in own_files(settings):
            section, _, name = key.partition(".")
            settings = with_value(settings, section, name, names[str(reference.value(key))])
        texts[REFERENCE_FILE] = replace(reference, settings=settings).to_toml()
    return texts


def _hashes(folder: Path) -> dict[str, str]:
    return {name: file_sha256(folder / name) for name in sorted(files_in(folder))}


def _with_copies(scenario: Scenario, folder: Path, hashes: dict[str, str]) -> tuple[Scenario, dict[str, str]]:
    """The scenario with the user's files named as they are in the folder, where they are copied to; and the old
    names with the new ones."""
    files = own_files(scenario.settings)
    if not files:
        return scenario, {}
    (folder / "inputs").mkdir()
    settings, names = scenario.settings, {}
    for key, path in files.items():
        inside = file_settings()[key]
        shutil.copyfile(path, folder / inside)
        if file_sha256(folder / inside) != hashes[inside]:
            raise InputError("was changed during the run", key=key, value=str(path))
        section, _, name = key.partition(".")
        settings = with_value(settings, section, name, inside)
        names[str(scenario.value(key))] = inside
    return replace(scenario, settings=settings), names


def with_value(settings: Any, section: str, name: str, value: object) -> Any:
    """Settings with one value replaced."""
    part = getattr(settings, section).model_copy(update={name: value})
    return settings.model_copy(update={section: part})


def _kind(values: pd.Series) -> str:
    from pandas.api import types

    if types.is_bool_dtype(values):
        return "boolean"
    if types.is_integer_dtype(values):
        return "integer"
    return "number" if types.is_numeric_dtype(values) else "text"


def _as_files(table: pd.DataFrame) -> dict[str, bytes]:
    """A table as CSV and Parquet, by ending."""
    parquet = io.BytesIO()
    table.to_parquet(parquet, index=False)  # pyarrow itself cannot open every name in every locale
    text = table.to_csv(index=False, lineterminator="\n")
    return {"csv": text.encode("utf-8"), "parquet": parquet.getvalue()}


Described = tuple[str, str, str, str]
"""Table, column, type, and what the column holds."""


def _described(name: str, table: pd.DataFrame, words: Mapping[str, str]) -> list[Described]:
    return [(name, str(column), _kind(table[column]), words.get(str(column), "")) for column in table]


def _columns_file(rows: Sequence[Described]) -> bytes:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=["table", "column", "type", "description"])
    return frame.to_csv(index=False, lineterminator="\n").encode("utf-8")


def read_run(folder: str | Path) -> Result:
    """A result read back from its folder. Every file is checked against the manifest, and every table against the form
    that the package writes for the run's settings. Raises InputError if it is not a run folder, for missing or changed
    files, and for tables or a summary that no run of this version writes.
    """

    result = stored_result(folder)
    problems = [replace(one, file=f"{folder}/{one.file}") for one in validate.misfits(result)]
    if problems:
        version = result.provenance["package_version"]
        if version != __version__:
            message = "was written by another version of fiscal"
            problems.append(Problem(message, file=str(folder), value=version, allowed=__version__))
        raise InputError(problems[:20])
    return result


def stored_result(folder: str | Path) -> Result:
    """A result as its folder holds it: files are unchanged, but their content is not checked. Raises InputError if it
    is not a run folder, and for missing or changed files.
    """

    path = Path(folder)
    manifest, tables = sound_tables(path)
    if DESIGN_FILE in manifest["outputs"]:
        message = "is a sweep, not the run of one scenario"
        raise InputError(message, file=str(folder), allowed=f"fiscal sweep {folder}/{DESIGN_FILE}")
    scenario = stored_scenario(path, manifest)
    if manifest["name"] != scenario.name:  # the name becomes that of files beside a report
        told = Problem("is not the scenario's", file=f"{folder}/{MANIFEST}", key="name", value=manifest["name"][:80])
        raise InputError(replace(told, allowed=scenario.name))
    shown = f"{folder}/summary.json"
    summary = parse_json(read_limited(path / "summary.json", MAX_MANIFEST_BYTES, shown), shown)
    if not isinstance(summary, dict):
        raise InputError("is not a summary", file=shown)
    return Result(
        name=manifest["name"],
        scenario=scenario,
        tables=StoredTables(Parts(scenario, made_of=OF_A_FOLDER), tables, path, manifest["inputs"]),
        fingerprint=scenario.fingerprint(),
        summary=summary,
        data_fingerprint=sources.fingerprint(manifest["inputs"]["tables"]),
        provenance=provenance_of(manifest),
    )


def sound_tables(path: Path) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Manifest and tables of an unchanged folder. Raises InputError for any other."""
    problems = verify(path)
    if problems:
        raise InputError(problems[:20])
    manifest = read_manifest(path)
    indexes = manifest["table_indexes"]
    for one in gained(manifest).values():
        indexes = {**indexes, **one["table_indexes"]}
    return manifest, {name: _table(path, name, index) for name, index in indexes.items()}


def _table(path: Path, name: str, index: list[str]) -> pd.DataFrame:
    import pyarrow
    from pyarrow import parquet

    shown = f"{path}/tables/{name}.parquet"
    file = path / "tables" / f"{name}.parquet"
    if file.stat().st_size > MAX_TABLE_BYTES:
        raise InputError("the file is too large", file=shown, allowed="at most 2 GB")
    try:
        stored = parquet.read_table(io.BytesIO(file.read_bytes()))
        stored.validate(full=True)  # offsets and texts, which pandas takes on trust
        table = stored.to_pandas()
        return table.set_index(index) if index else table
    except (ValueError, KeyError, TypeError, OSError, NotImplementedError, pyarrow.ArrowException) as error:
        line = (str(error).splitlines() or [""])[0][:200]
        raise InputError(f"cannot be read as Parquet: {line}", file=shown) from None


def stored_scenario(folder: Path, manifest: dict[str, Any]) -> Scenario:
    """The scenario of a run folder, its files being the copies in the folder."""
    if "scenario.toml" not in manifest["outputs"]:
        raise InputError("names no scenario.toml", file=f"{folder}/{MANIFEST}", key="outputs")
    scenario = load(folder / "scenario.toml")
    settings = scenario.settings
    for key, path in own_files(settings).items():
        inside = file_settings()[key]
        if path != folder / inside or inside not in manifest["outputs"]:
            message = "names a file that is not part of the run"
            raise InputError(message, file=f"{folder}/scenario.toml", key=key, value=str(path)[:80])
    told = manifest["set_in"]  # the files and options that set the values, not the copy in the folder
    return replace(scenario, origins=dict(told["origins"]), lineage=tuple(told["lineage"]))


def provenance_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """How a run was made, for a citation and a report."""
    return {
        "input_fingerprint": manifest["input_fingerprint"],
        "record_fingerprint": manifest["record_fingerprint"],
        "manifest_fingerprint": manifest.get(SEAL),
        "unchecked": unchecked(manifest),
        "git": manifest.get("git"),
        "files": dict(manifest["inputs"]["files"]),
        "own_tables": dict(manifest.get("own_tables", {})),
        "package_version": manifest["inputs"]["package_version"],
        "time": manifest["made"]["time"],
    }


def verify(folder: str | Path) -> list[Problem]:
    """Every fault of a run folder: missing, changed, or added files, links, changed parts of the manifest, and
    fingerprints that do not match. Raises InputError if it is not a run folder, or has another version."""
    path, shown = Path(folder), f"{folder}/{MANIFEST}"
    try:
        manifest = read_manifest(path)
    except InputError as error:
        if not is_run(path) or any(problem.key == "schema_version" for problem in error.problems):
            raise
        return list(error.problems)
    problems = changed_parts(manifest, shown) + _changed_files(path, manifest)
    coming = {name for one in gained(manifest, whole=False).values() for name in one["outputs"]}
    named = {*files_of(manifest), *coming, MANIFEST}
    present = set()
    for name in files_in(path):
        present.add(name)
        if len(present) > MAX_FILES:
            problems.append(Problem("has more files than any run", file=str(folder), allowed=str(MAX_FILES)))
            break
    # of a stage that is being added
    parts = {name for name in present if part_of(name) in {*coming, MANIFEST, CRATE}}
    for name in sorted(present - named - parts):
        problems.append(Problem("the file is not part of the run", file=f"{folder}/{name}"))
    inputs, outputs = manifest["inputs"], manifest["outputs"]
    expected = {
        "input_fingerprint": fingerprint_of(inputs),
        "record_fingerprint": fingerprint_of({"inputs": inputs, "outputs": outputs}),
    }
    for key, fingerprint in expected.items():
        if manifest[key] != fingerprint:
            problems.append(Problem("does not match the manifest", file=shown, key=key))
    for name, sha256 in inputs["files"].items():
        if outputs.get(name) != sha256:
            problems.append(Problem("is not the file that the run used", file=f"{folder}/{name}"))
    return problems


def _changed_files(path: Path, manifest: Mapping[str, Any]) -> list[Problem]:
    """Files of the manifest that differ from those written; a file that is too large or has another size is not
    read."""
    named = {name: (sha256,) for name, sha256 in files_of(manifest).items()}
    told = dict(manifest.get("sizes", {}))
    if STAGES_PART in manifest:  # described again with every stage
        named[CRATE] = tuple(manifest[STAGES_PART]["crate"])
        told.pop(CRATE, None)
    for one in gained(manifest).values():
        told |= one["sizes"]
    problems, sizes = [], {}
    for name in named:
        if _through_link(path, name):
            problems.append(Problem("is a link", file=f"{path}/{name}"))
        elif not (path / name).is_file():
            problems.append(Problem("the file is missing", file=f"{path}/{name}"))
        else:
            sizes[name] = (path / name).stat().st_size
    told, fitting = sizes | told, []
    for name, size in sizes.items():
        if size == told[name] and size <= MAX_TABLE_BYTES:
            fitting.append(name)
            continue
        message = "the file was changed after the run" if size != told[name] else "the file is too large"
        allowed = f"{min(told[name], MAX_TABLE_BYTES)} bytes"
        problems.append(Problem(message, file=f"{path}/{name}", value=f"{size} bytes", allowed=allowed))
    if sum(sizes[name] for name in fitting) > MAX_RUN_BYTES:
        too_large = Problem("is larger than any run", file=str(path), allowed=f"{MAX_RUN_BYTES} bytes")
        return [*problems, too_large]
    for name in fitting:
        try:
            changed = file_sha256(path / name) not in named[name]
        except OSError as error:
            reason = error.strerror or str(error)
            problems.append(Problem(f"cannot be read: {reason}", file=f"{path}/{name}"))
            continue
        if changed:
            problems.append(Problem("the file was changed after the run", file=f"{path}/{name}"))
    return problems


def _through_link(folder: Path, name: str) -> bool:
    return any((folder / part).is_symlink() for part in accumulate(name.split("/"), "{}/{}".format))
