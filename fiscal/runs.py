"""Run folders: a result with everything needed to say what was asked and what was answered.

A run folder holds the resolved scenario (``scenario.toml``), ``summary.json``, every table as CSV and
Parquet under ``tables/``, and ``manifest.json``. The manifest carries two fingerprints:

``input_fingerprint``
    settings, seed, data tables, package version and source code: the same question asked;
``record_fingerprint``
    that and the hash of every file written: the same bytes answered.

Time, host, user and paths are in neither. A folder is written under another name beside its place and
then renamed, so that a folder with the right name is always whole.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiscal import __version__
from fiscal.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

    from fiscal.results import Result
    from fiscal.scenario import Scenario

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
_TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RECORDED_PACKAGES = (
    "arch",
    "matplotlib",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "scipy",
    "statsmodels",
    "taxcalc",
    "typst",
)


def plain(value: Any) -> Any:
    """``value`` as JSON has it: lists, texts, numbers; NaN and infinities become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, str | bool) or value is None:
        return value
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value
    if isinstance(value, Sequence | set | frozenset):
        return [plain(member) for member in value]
    return str(value)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON objects, the index as leading columns where it says something."""
    flat, _ = _flatten(table)
    return [plain(row) for row in flat.to_dict(orient="records")]


def check_target(folder: str | Path, *, force: bool = False) -> None:
    """Raise InputError if a run cannot be written to ``folder``; to be asked before a long run."""
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise InputError(Problem("is a file, not a folder", file=str(folder)))
    if path.is_dir() and any(path.iterdir()):
        if not force:
            message = "the folder exists already"
            raise InputError(Problem(message, file=str(folder), allowed="a new folder, or --force"))
        _refuse_foreign(path, str(folder))
    parent = path.absolute().parent
    existing = next(ancestor for ancestor in (parent, *parent.parents) if ancestor.exists())
    if not existing.is_dir():
        raise InputError(Problem(f"cannot be made, {existing.name} is a file", file=str(folder)))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(Problem("cannot be written to", file=str(folder), allowed="a writable folder"))


def _refuse_foreign(path: Path, shown: str) -> None:
    """Only a run folder, and nothing beside what the run wrote, may be replaced."""
    refusal = Problem("will not be replaced, it is not a run folder", file=shown, allowed="a new folder")
    try:
        outputs = read_manifest(path)["outputs"]
    except InputError:
        raise InputError(refusal) from None
    known = {MANIFEST, *outputs}
    others = sorted(
        name
        for file in path.rglob("*")
        if not file.is_dir() and (name := file.relative_to(path).as_posix()) not in known
    )
    if others:
        message = "will not be replaced, it holds files that the run did not write"
        raise InputError(Problem(message, file=shown, value=others[:5], allowed="a new folder"))


def write_run(
    result: Result, folder: str | Path, *, force: bool = False, command: Sequence[str] = ()
) -> Path:
    """Write ``result`` to a new run folder and return its path.

    ``force`` replaces an earlier run folder. Raises InputError if the folder cannot be written.
    """
    check_target(folder, force=force)
    path = Path(folder)
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
        try:
            _fill(result, made, command)
            made.chmod(0o777 & ~_umask())
            _put_in_place(made, path)
        finally:
            shutil.rmtree(made, ignore_errors=True)  # gone already when the rename succeeded
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(Problem(f"the run cannot be written: {reason}", file=str(folder))) from error
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _put_in_place(made: Path, path: Path) -> None:
    if not path.exists():
        made.rename(path)
        return
    old = made.with_name(made.name + ".old")
    path.rename(old)
    try:
        made.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old)


def _fill(result: Result, folder: Path, command: Sequence[str]) -> None:
    (folder / "tables").mkdir()
    (folder / "scenario.toml").write_text(result.scenario.to_toml(), encoding="utf-8", newline="\n")
    _write_json(folder / "summary.json", plain(result.summary))
    indexes = {}
    for name, table in result.tables.items():
        if not _TABLE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a table file")
        flat, indexes[name] = _flatten(table)
        flat.to_csv(folder / "tables" / f"{name}.csv", index=False, lineterminator="\n")
        flat.to_parquet(folder / "tables" / f"{name}.parquet", index=False)
    inputs = input_record(result.scenario)
    outputs = {
        file.relative_to(folder).as_posix(): _file_sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "name": result.name,
        "inputs": inputs,
        "outputs": outputs,
        "table_indexes": indexes,
        "environment": environment(),
        "command": list(command),
        "input_fingerprint": _fingerprint(inputs),
        "record_fingerprint": _fingerprint({"inputs": inputs, "outputs": outputs}),
    }
    _write_json(folder / MANIFEST, manifest)


def _flatten(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The table with its index as columns, and the names of those; a bare row count is dropped."""
    names = [name for name in table.index.names if name is not None]
    if not names:
        return table.reset_index(drop=True), []
    return table.reset_index(), [str(name) for name in names]


def input_record(scenario: Scenario) -> dict[str, Any]:
    """Everything that decides a result: settings, data tables, package version and source code."""
    from fiscal import sources

    return {
        "settings": scenario.resolved(),
        "tables": {resource.path: resource.sha256 for resource in sources.resources()},
        "package_version": __version__,
        "code_sha256": code_sha256(),
    }


def input_fingerprint(scenario: Scenario) -> str:
    """sha256 of the input record: equal for the same question, on any machine."""
    return _fingerprint(input_record(scenario))


def _fingerprint(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@cache
def code_sha256() -> str:
    """sha256 over the package's source files, by relative name; the same in a wheel and a checkout."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py"), key=lambda file: file.relative_to(package).as_posix()):
        name = file.relative_to(package).as_posix()
        content = file.read_bytes().replace(b"\r\n", b"\n")  # git may check out either
        digest.update(f"{name}\n{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def environment() -> dict[str, Any]:
    """Python, platform, package versions and commit that made a run; in no fingerprint."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
        "packages": {name: _version(name) for name in _RECORDED_PACKAGES},
        "git": git_state(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def git_state() -> dict[str, Any] | None:
    """Commit of the source tree and whether tracked files differ from it; None outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):  # no git, or not a repository of this user
        return None
    return {"commit": commit, "dirty": bool(changes)}


def _git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
    )
    return answer.stdout.strip()


def is_run(folder: str | Path) -> bool:
    """Whether ``folder`` is a run folder."""
    return (Path(folder) / MANIFEST).is_file()


def read_run(folder: str | Path) -> Result:
    """A result read back from its folder, after every file was checked against the manifest.

    Raises InputError for what is no run folder and for files that are missing or were changed.
    """
    import pandas as pd

    from fiscal import sources
    from fiscal.results import Result
    from fiscal.scenario import load

    path = Path(folder)
    problems = verify(path)
    if problems:
        raise InputError(problems)
    manifest = read_manifest(path)
    tables = {}
    for name, index in manifest["table_indexes"].items():
        table = pd.read_parquet(path / "tables" / f"{name}.parquet")
        tables[name] = table.set_index(index) if index else table
    scenario = load(path / "scenario.toml")
    return Result(
        name=manifest["name"],
        scenario=scenario,
        tables=tables,
        fingerprint=scenario.fingerprint(),
        summary=json.loads((path / "summary.json").read_text(encoding="utf-8")),
        data_fingerprint=sources.fingerprint(manifest["inputs"]["tables"]),
    )


def verify(folder: str | Path) -> list[Problem]:
    """Every fault of a run folder: missing, changed or added files, fingerprints that do not fit."""
    path = Path(folder)
    manifest = read_manifest(path)
    problems = []
    for name, sha256 in manifest["outputs"].items():
        file = path / name
        if not file.is_file():
            problems.append(Problem("the file is missing", file=f"{folder}/{name}"))
        elif _file_sha256(file) != sha256:
            problems.append(Problem("the file was changed after the run", file=f"{folder}/{name}"))
    present = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
    for name in sorted(present - set(manifest["outputs"]) - {MANIFEST}):
        problems.append(Problem("the file is not part of the run", file=f"{folder}/{name}"))
    inputs, outputs = manifest["inputs"], manifest["outputs"]
    expected = {
        "input_fingerprint": _fingerprint(inputs),
        "record_fingerprint": _fingerprint({"inputs": inputs, "outputs": outputs}),
    }
    for key, fingerprint in expected.items():
        if manifest[key] != fingerprint:
            problems.append(Problem("does not fit the manifest", file=f"{folder}/{MANIFEST}", key=key))
    return problems


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """The manifest of a run folder; raises InputError for what is none."""
    path = Path(folder)
    shown = f"{path}/{MANIFEST}"
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(Problem("is not a run folder, it has no manifest.json", file=str(path))) from None
    except (OSError, ValueError) as error:
        raise InputError(Problem(f"cannot be read: {error}", file=shown)) from None
    needed = ("name", "inputs", "outputs", "table_indexes", "input_fingerprint", "record_fingerprint")
    if (
        not isinstance(manifest, dict)
        or any(key not in manifest for key in needed)
        or not all(isinstance(manifest[key], dict) for key in ("inputs", "outputs", "table_indexes"))
    ):
        raise InputError(Problem("is not a run manifest", file=shown))
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            Problem(
                "was written by another version of fiscal",
                file=shown,
                key="schema_version",
                value=manifest.get("schema_version"),
                allowed=str(SCHEMA_VERSION),
            )
        )
    if any(".." in Path(name).parts or Path(name).is_absolute() for name in manifest["outputs"]):
        raise InputError(Problem("names a file outside the folder", file=shown, key="outputs"))
    return manifest


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
