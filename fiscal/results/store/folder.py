"""Write a complete run folder, and read one back after checking every file."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fiscal.base import sources
from fiscal.base.errors import InputError, Problem
from fiscal.base.files import parse_json, read_limited
from fiscal.base.version import __version__
from fiscal.results import validate
from fiscal.results.result import Result, refuse_totals
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
    environment,
    git_state,
    input_record,
    is_run,
    made_at,
    read_manifest,
    sealed,
    unchecked,
)
from fiscal.results.store.place import Place, files_in, working_place
from fiscal.results.store.values import file_sha256, fingerprint_of, flat, plain, write_json
from fiscal.scenario import file_settings, load, own_files
from fiscal.scenario.design import REFERENCE_FILE

if TYPE_CHECKING:
    import pandas as pd

    from fiscal.scenario import Scenario
    from fiscal.scenario.design import Design


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


def write_run(
    result: Recorded, folder: str | Path, *, force: bool = False, command: Sequence[str] = ()
) -> Path:
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
    place: Place,
    result: Recorded,
    command: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
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
        raise InputError(Problem(f"the run cannot be written: {reason}", file=place.shown)) from error


SETTINGS_TABLE = "settings"
"""The table in which the user's files are named."""


def _fill(result: Recorded, place: Place, command: Sequence[str], files: Mapping[str, bytes]) -> None:
    folder, design = place.folder, result.design
    inputs = input_record(result.scenario, design)
    if inputs != place.question["inputs"]:
        message = "a file or table was changed during the run"
        raise InputError(Problem(message, file=place.shown, allowed="a new run"))
    scenario, names = _with_copies(result.scenario, folder, inputs["files"])
    (folder / "tables").mkdir()
    (folder / "scenario.toml").write_text(scenario.to_toml(), encoding="utf-8", newline="\n")
    if design is not None:
        for name, text in _design_texts(design, names).items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    write_json(folder / "summary.json", plain(result.summary))
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    words = result.columns()
    rows = []
    for name, table in result.tables.items():
        if not TABLE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a table file")
        written, _ = flat(table)
        if names and name == SETTINGS_TABLE:
            written = written.assign(value=written["value"].replace(names))
        written.to_csv(folder / "tables" / f"{name}.csv", index=False, lineterminator="\n")
        with (folder / "tables" / f"{name}.parquet").open("wb") as stream:
            written.to_parquet(stream, index=False)  # pyarrow itself cannot open every name in every locale
        rows += [
            (name, str(column), _kind(written[column]), words.get(str(column), "")) for column in written
        ]
    _write_columns(folder / COLUMNS_FILE, rows)
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


def repeated(result: Recorded) -> dict[str, Any]:
    """Parts of the manifest that stay the same in a rerun."""
    return {
        "name": result.name,
        "law": result.summary.get("law"),
        "own_tables": sources.own_tables(),
        "table_indexes": {name: flat(table)[1] for name, table in result.tables.items()},
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
            raise InputError(Problem("was changed during the run", key=key, value=str(path)))
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


def _write_columns(path: Path, rows: list[tuple[str, str, str, str]]) -> None:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=["table", "column", "type", "description"])
    frame.to_csv(path, index=False, lineterminator="\n")


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
        raise InputError(Problem(message, file=str(folder), allowed=f"fiscal sweep {folder}/{DESIGN_FILE}"))
    scenario = stored_scenario(path, manifest)
    if manifest["name"] != scenario.name:  # the name becomes that of files beside a report
        told = Problem(
            "is not the scenario's", file=f"{folder}/{MANIFEST}", key="name", value=manifest["name"][:80]
        )
        raise InputError(replace(told, allowed=scenario.name))
    shown = f"{folder}/summary.json"
    summary = parse_json(read_limited(path / "summary.json", MAX_MANIFEST_BYTES, shown), shown)
    if not isinstance(summary, dict):
        raise InputError(Problem("is not a summary", file=shown))
    return Result(
        name=manifest["name"],
        scenario=scenario,
        tables=tables,
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
    return manifest, {name: _table(path, name, index) for name, index in manifest["table_indexes"].items()}


def _table(path: Path, name: str, index: list[str]) -> pd.DataFrame:
    import pyarrow
    from pyarrow import parquet

    shown = f"{path}/tables/{name}.parquet"
    file = path / "tables" / f"{name}.parquet"
    if file.stat().st_size > MAX_TABLE_BYTES:
        raise InputError(Problem("the file is too large", file=shown, allowed="at most 2 GB"))
    try:
        stored = parquet.read_table(io.BytesIO(file.read_bytes()))
        stored.validate(full=True)  # offsets and texts, which pandas takes on trust
        table = stored.to_pandas()
        return table.set_index(index) if index else table
    except (ValueError, KeyError, TypeError, OSError, NotImplementedError, pyarrow.ArrowException) as error:
        line = (str(error).splitlines() or [""])[0][:200]
        raise InputError(Problem(f"cannot be read as Parquet: {line}", file=shown)) from None


def stored_scenario(folder: Path, manifest: dict[str, Any]) -> Scenario:
    """The scenario of a run folder, its files being the copies in the folder."""
    if "scenario.toml" not in manifest["outputs"]:
        raise InputError(Problem("names no scenario.toml", file=f"{folder}/{MANIFEST}", key="outputs"))
    scenario = load(folder / "scenario.toml")
    settings = scenario.settings
    for key, path in own_files(settings).items():
        inside = file_settings()[key]
        if path != folder / inside or inside not in manifest["outputs"]:
            message = "names a file that is not part of the run"
            raise InputError(Problem(message, file=f"{folder}/scenario.toml", key=key, value=str(path)[:80]))
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
    named = {**manifest["outputs"], **manifest["beside"]}
    present = set()
    for name in files_in(path):
        present.add(name)
        if len(present) > MAX_FILES:
            problems.append(Problem("has more files than any run", file=str(folder), allowed=str(MAX_FILES)))
            break
    for name in sorted(present - set(named) - {MANIFEST}):
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
    named = {**manifest["outputs"], **manifest["beside"]}
    problems, sizes = [], {}
    for name in named:
        if _through_link(path, name):
            problems.append(Problem("is a link", file=f"{path}/{name}"))
        elif not (path / name).is_file():
            problems.append(Problem("the file is missing", file=f"{path}/{name}"))
        else:
            sizes[name] = (path / name).stat().st_size
    told, fitting = sizes | manifest.get("sizes", {}), []
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
            changed = file_sha256(path / name) != named[name]
        except OSError as error:
            reason = error.strerror or str(error)
            problems.append(Problem(f"cannot be read: {reason}", file=f"{path}/{name}"))
            continue
        if changed:
            problems.append(Problem("the file was changed after the run", file=f"{path}/{name}"))
    return problems


def _through_link(folder: Path, name: str) -> bool:
    place = folder
    for part in name.split("/"):
        place = place / part
        if place.is_symlink():
            return True
    return False
