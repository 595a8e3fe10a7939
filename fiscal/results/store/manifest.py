"""The record of a run's inputs and outputs, and code that reads it back with checks.

``input_fingerprint`` settings, seed, data tables, the user's own files, package version, and source code: the same
    inputs; ``record_fingerprint`` these and the hash of every output: the same results to the byte.

``manifest_fingerprint`` the hash of every part of the manifest except :data:`EXEMPT`: the manifest is unchanged. Time,
machine, and command are in the manifest but in no fingerprint; log and RO-Crate description are only in the last.

Tables that a folder gains later are in the part ``stages``, by the stage that yields them, under a hash of their own:
none of these fingerprints changes.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import platform
import re
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, model_validator

from fiscal.base import sources
from fiscal.base.code import MODEL_ROOMS, code_sha256, sources_sha256
from fiscal.base.errors import InputError, Problem, nearest
from fiscal.base.files import is_plain_file, parse_json, read_limited
from fiscal.base.version import __version__
from fiscal.results.store.values import fingerprint_of
from fiscal.scenario import content_sha256, file_settings, own_files

if TYPE_CHECKING:
    from fiscal.scenario import Scenario
    from fiscal.scenario.design import Design

SCHEMA_VERSION = 3
READABLE_VERSIONS = (2, SCHEMA_VERSION)
"""Manifests of version 2 have no hash of themselves and no sizes."""

MANIFEST = "manifest.json"
STAGES = "stages"
EXEMPT = ("command", "environment", "made", STAGES)
"""Parts of a manifest under no hash of the first writing: how the run was called, versions, time, later tables."""

PARTS, SEAL = "part_sha256", "manifest_fingerprint"
_FINGERPRINTED = ("inputs", "outputs", "input_fingerprint", "record_fingerprint")
INCOMPLETE = ".incomplete"
"""Ending of the working folder in which a run is made."""

MAX_MANIFEST_BYTES = 8 * 1024 * 1024
MAX_FILES = 10_000
MAX_STAGES = 100
TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_RECORDED_PACKAGES = (
    "SALib", "arch", "matplotlib", "numba", "numpy", "pandas", "pyarrow", "pydantic", "scipy", "statsmodels",
    "taxcalc", "typst",
)  # fmt: skip
MODEL_FILES = ("fiscal", "data", "pyproject.toml", "requirements.lock")
"""Folders on which a result depends; a change elsewhere in the source tree does not count."""


def input_record(scenario: Scenario, design: Design | None = None) -> dict[str, Any]:
    """Everything that determines a result: settings, data, the user's files, package version, and source code. A user's
    file is listed under its name in the run folder, whatever its original name. For a sweep, ``scenario`` is the base,
    and ``design`` has the changes of its cases.
    """
    settings = scenario.resolved()
    files = {}
    for key, path in own_files(scenario.settings).items():
        section, _, name = key.partition(".")
        settings[section][name] = inside = file_settings()[key]
        sha256 = content_sha256(path)
        if sha256 is None:
            raise InputError("cannot be read", key=key, value=str(path), allowed="a file")
        files[inside] = sha256
    return {
        "settings": settings,
        "seed": scenario.value("paths.seed"),
        "tables": {resource.path: resource.sha256 for resource in sources.resources()},
        "files": files,
        "package_version": __version__,
        "code_sha256": code_sha256(),
        **({} if design is None else {"design": design.record()}),
    }


def input_fingerprint(scenario: Scenario, design: Design | None = None) -> str:
    """sha256 of the input record: equal for the same inputs, on any machine."""
    return fingerprint_of(input_record(scenario, design))


def environment() -> dict[str, Any]:
    """Python, platform, and package versions of a run; in no fingerprint."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
        "packages": {name: _version(name) for name in _RECORDED_PACKAGES},
    }


def differences(was: Any, now: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Differences between two records of ``inputs`` and ``environment``, by name, with both values; settings by key.
    ``was`` may come from another user.
    """
    old, new = dict(_leaves(was)), dict(_leaves(now))
    apart = [place for place in {**old, **new} if old.get(place, _ABSENT) != new.get(place, _ABSENT)]
    if ("inputs", "package_version") in apart:
        apart = [place for place in apart if place != ("inputs", "code_sha256")]
    if ("inputs", "settings", "paths", "seed") in apart:
        apart = [place for place in apart if place != ("inputs", "seed")]
    return [_difference(place, old.get(place, _ABSENT), new.get(place, _ABSENT)) for place in apart]


_ABSENT = "nothing"
_SHOWN_LENGTH = 80


def _leaves(record: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Values that are not mappings, with the keys that lead to them."""
    if isinstance(record, Mapping) and len(place) < 4:
        for key, value in record.items():
            yield from _leaves(value, (*place, str(key)))
    else:
        yield place, record


def _difference(place: tuple[str, ...], old: Any, new: Any) -> tuple[str, str]:
    match place:
        case ("inputs", "settings", *key):
            name = ".".join(key)
        case ("inputs", "tables", table):
            return f"data table {table}", "was changed"
        case ("inputs", "files", file):
            return f"the user's {file}", "was changed"
        case ("inputs", "code_sha256"):
            return "source code of fiscal", "was changed"
        case ("inputs", "package_version"):
            name = "fiscal"
        case _:
            name = place[-1] if place else "record"
    shown = [text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}..." for text in (str(old), str(new))]
    return name[:_SHOWN_LENGTH], f"{shown[0]} then, {shown[1]} now"


@cache
def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def git_state() -> dict[str, Any] | None:
    """Commit of the source tree and whether the model's files differ from it; None outside a checkout."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
        changes = _git(root, "status", "--porcelain", "--", *MODEL_FILES)
    except (OSError, subprocess.SubprocessError):  # no git, or not a repository of this user
        return None
    return {"commit": commit, "dirty": bool(changes)}


def _git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
    )
    return answer.stdout.strip()


def against_commit(git: Mapping[str, Any]) -> str | None:
    """Why a run cannot come from the clean commit that it states, given that its source code is this machine's. None if
    nothing contradicts it; comments, docstrings, reports, and charts may differ. Raises LookupError if this cannot be
    checked: outside a checkout, for an unknown commit, or for a run with uncommitted changes.
    """
    root = Path(__file__).resolve().parents[3]
    commit = str(git["commit"])
    if git["dirty"] or git_state() is None:
        raise LookupError
    try:
        _git(root, "cat-file", "-e", f"{commit}^{{commit}}")
        there = sources_sha256(_sources_of(root, commit))
    except (OSError, subprocess.SubprocessError) as error:
        raise LookupError from error
    return None if there == code_sha256() else f"commit {commit[:12]} has other source code"


def _sources_of(root: Path, commit: str) -> dict[str, str]:
    """Source files of the computing packages at a commit: name relative to the package -> text."""
    command = ["git", "-C", str(root), "archive", "--format=tar", commit, "--", "fiscal"]
    archive = subprocess.run(command, capture_output=True, timeout=10, check=True).stdout
    sources = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar.getmembers():
            name = member.name.removeprefix("fiscal/")
            content = tar.extractfile(member)
            if content is not None and name.endswith(".py") and name.split("/")[0] in MODEL_ROOMS:
                sources[name] = content.read().decode("utf-8")
    return sources


def made_at() -> str:
    """The time in UTC, to the second; ``SOURCE_DATE_EPOCH`` if builds must repeat to the byte."""
    told = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = float(told) if re.fullmatch(r"\d{1,10}", told) else None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with the hash of each part, and the hash of these hashes."""
    parts = _part_hashes(manifest)
    return {**manifest, PARTS: parts, SEAL: fingerprint_of(parts)}


def _part_hashes(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {name: fingerprint_of(part) for name, part in manifest.items() if name not in (*EXEMPT, PARTS, SEAL)}


def changed_parts(manifest: Mapping[str, Any], shown: str) -> list[Problem]:
    """Parts of a manifest that changed after it was sealed, by name; ``shown`` is its file's name."""
    if PARTS not in manifest:
        return []
    then, now = manifest[PARTS], _part_hashes(manifest)
    problems = []
    for name in {**then, **now}:
        if then.get(name) != now.get(name):
            what = "removed" if name not in now else "added" if name not in then else "changed"
            problems.append(Problem(f"was {what} after the run", file=shown, key=name[:80]))
    if manifest[SEAL] != fingerprint_of(then):
        problems.append(Problem("does not match the manifest", file=shown, key=SEAL))
    if STAGES in manifest:
        told = {key: value for key, value in manifest[STAGES].items() if key != "fingerprint"}
        fits = told["record_fingerprint"] == manifest["record_fingerprint"]
        if not fits or manifest[STAGES]["fingerprint"] != fingerprint_of(told):
            problems.append(Problem("was changed after the run", file=shown, key=STAGES))
    return problems


def gained(manifest: Mapping[str, Any], *, whole: bool = True) -> dict[str, dict[str, Any]]:
    """What a folder gained after the run, by stage: hashes, sizes and index columns; only what is ``whole``, or also
    what an interruption left half written."""
    stages = manifest.get(STAGES, {}).get("by_name", {})
    return {name: one for name, one in stages.items() if not (whole and one["coming"])}


def with_stage(
    manifest: Mapping[str, Any], stage: str, record: Mapping[str, Any], crate: Sequence[str]
) -> dict[str, Any]:
    """The manifest with a stage more, and the hashes of which the RO-Crate description has one."""
    by_name = {**gained(manifest, whole=False), stage: dict(record)}
    told = {"record_fingerprint": manifest["record_fingerprint"], "by_name": by_name, "crate": list(crate)}
    return {**manifest, STAGES: {**told, "fingerprint": fingerprint_of(told)}}


def outputs_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Every file that holds what was computed, with its hash: those of the run, and of the stages it gained."""
    later = [one["outputs"] for one in gained(manifest).values()]
    return {name: sha256 for part in (manifest["outputs"], *later) for name, sha256 in part.items()}


def files_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Every file of a folder with its hash."""
    return {**outputs_of(manifest), **manifest["beside"]}


def unchecked(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Important parts of a manifest without a hash: those of version 2."""
    if PARTS in manifest:
        return ()
    return tuple(name for name in manifest if name not in (*EXEMPT, *_FINGERPRINTED, "schema_version"))


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Hashes = Annotated[dict[str, Sha256], Field(max_length=MAX_FILES)]
Sizes = dict[str, NonNegativeInt]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _OpenPart(BaseModel):
    """A part that may have keys that this version does not read."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Git(_Part):
    commit: str
    dirty: bool


class _Made(_Part):
    time: str


class _Inputs(_OpenPart):
    settings: dict[str, Any]
    tables: Hashes
    files: Hashes
    package_version: str


class _SetIn(_OpenPart):
    origins: dict[str, str]
    lineage: list[str]


class _Stage(_Part):
    outputs: Hashes
    sizes: Sizes
    table_indexes: dict[str, Any]
    coming: bool

    @model_validator(mode="after")
    def _sizes_of_all(self) -> Self:
        if self.outputs.keys() != self.sizes.keys():
            raise ValueError("sizes and outputs name other files")
        return self


class _Stages(_Part):
    record_fingerprint: str
    by_name: Annotated[dict[str, _Stage], Field(max_length=MAX_STAGES)]
    crate: list[str]
    fingerprint: str


class _Manifest(_OpenPart):
    """What a manifest holds; version 2 has no hash of its parts and no sizes."""

    schema_version: int
    name: str
    input_fingerprint: str
    record_fingerprint: str
    inputs: _Inputs
    outputs: Hashes
    beside: Hashes
    table_indexes: dict[str, Any]
    environment: dict[str, Any]
    made: _Made
    set_in: _SetIn
    git: _Git | None = None
    own_tables: dict[str, str] = {}
    stages: _Stages | None = None
    sizes: Sizes | None = None
    part_sha256: dict[str, str] | None = None
    manifest_fingerprint: str | None = None

    @model_validator(mode="after")
    def _sealed_whole(self) -> Self:
        seal = [self.sizes, self.part_sha256, self.manifest_fingerprint]
        if None in seal and not (self.schema_version == 2 and seal == [None, None, None]):
            raise ValueError("sizes and hashes of the manifest are incomplete")
        return self


def _shape_problems(manifest: Any, shown: str) -> list[Problem]:
    """Parts of a manifest that are missing or of the wrong kind."""
    try:
        _Manifest.model_validate(manifest)
    except ValidationError as error:
        places = dict.fromkeys(".".join(map(str, one["loc"]))[:80] or None for one in error.errors())
        return [Problem("is not a run manifest", file=shown, key=place) for place in places]
    return [] if _depth_holds(manifest) else [Problem("is not a run manifest", file=shown)]


def is_run(folder: str | Path) -> bool:
    """Whether ``folder`` is a run folder."""
    return is_plain_file(Path(folder) / MANIFEST)


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """The manifest of a run folder. Raises InputError if there is none, and for any part that is not sound."""
    path = Path(folder)
    shown = f"{path}/{MANIFEST}"
    if not is_plain_file(path / MANIFEST):
        raise InputError(_no_run(path))
    if (path / MANIFEST).is_symlink():
        raise InputError("is a link", file=shown, allowed="the file itself")
    manifest = parse_json(read_limited(path / MANIFEST, MAX_MANIFEST_BYTES, shown), shown)
    version = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if isinstance(version, int) and version not in READABLE_VERSIONS and "record_fingerprint" in manifest:
        message = "was written by another version of fiscal"
        raise InputError(
            message, file=shown, key="schema_version", value=version, allowed=", ".join(map(str, READABLE_VERSIONS))
        )
    if problems := _shape_problems(manifest, shown):
        raise InputError(problems[:20])
    later = gained(manifest, whole=False)
    problems = [
        Problem("names a file outside the folder", file=shown, key=part, value=name[:80])
        for part, names in (
            ("outputs", manifest["outputs"]),
            ("beside", manifest["beside"]),
            *((STAGES, one["outputs"]) for one in later.values()),
        )
        for name in names
        if not all(_PART.fullmatch(piece) for piece in name.split("/"))
    ]
    problems += [
        Problem("cannot be a table", file=shown, key="table_indexes", value=name[:80])
        for part in (manifest, *later.values())
        for name, index in part["table_indexes"].items()
        if not TABLE_NAME.fullmatch(name)
        or not isinstance(index, list)
        or not all(isinstance(column, str) for column in index)
        or f"tables/{name}.parquet" not in part["outputs"]
    ]
    commit = (manifest.get("git") or {}).get("commit", "0" * 40)
    if not _COMMIT.fullmatch(commit):
        allowed = "the 40 or 64 hexadecimal digits of a commit"
        problems.append(Problem("is not a commit", file=shown, key="git.commit", value=commit[:80], allowed=allowed))
    if problems:
        raise InputError(problems[:20])
    return manifest


def _no_run(path: Path) -> Problem:
    if path.name.endswith(INCOMPLETE):
        return Problem(
            "is an incomplete run", file=str(path), allowed="a finished run; fiscal run ... --resume continues it"
        )
    if path.with_name(path.name + INCOMPLETE).is_dir() if path.name else False:
        return Problem("the run is incomplete; fiscal run ... --resume continues it", file=str(path))
    if not os.path.isdir(path):
        what = "is a file, not a run folder" if os.path.exists(path) else "no such run folder" + missing_folder(path)
        return Problem(what, file=str(path), nearest=near_run(path))
    return Problem("is not a run folder, it has no manifest.json", file=str(path))


def missing_folder(path: Path) -> str:
    """What a message adds about a missing folder: that its parent is missing too, if so."""
    return "" if os.path.isdir(path.parent) else f", and there is no folder {str(path.parent)!r}"


def near_run(path: Path) -> str | None:
    """The run folder beside ``path`` with the nearest name; None if none is near."""
    try:
        beside = {folder.name: folder for folder in path.parent.iterdir() if is_run(folder)}
    except (OSError, ValueError):
        return None
    close = nearest(path.name, beside)
    return str(beside[close]) if close else None


def _depth_holds(value: Any) -> bool:
    """Whether objects and lists nest at most sixteen deep."""
    level = [value]
    for _ in range(16):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return not level
