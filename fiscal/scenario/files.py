"""The user's files that a scenario names: returns as CSV, a reform as JSON.

A scenario is the same whatever the names and places of its files, so fingerprints use their content instead of their
path.
"""

from __future__ import annotations

import atexit
import codecs
import hashlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from fiscal.base.errors import InputError
from fiscal.base.files import is_plain_file, read_csv
from fiscal.scenario.schema import declared

if TYPE_CHECKING:
    from fiscal.scenario.schema import Settings

_UNIT = "path of a "
"""Beginning of the unit of a setting that names a file: ``path of a CSV file``."""


@cache
def file_settings() -> dict[str, str]:
    """Settings that name a file -> its name inside a run folder, such as ``inputs/paths.file.csv``."""
    return {
        lever.key: f"inputs/{lever.key}.{lever.unit.removeprefix(_UNIT).split()[0].lower()}"
        for lever in declared()
        if lever.unit.startswith(_UNIT)
    }


def own_files(settings: Settings) -> dict[str, Path]:
    """The user's files of these settings by dotted name, if set."""
    found = {}
    for key in file_settings():
        section, _, name = key.partition(".")
        value = getattr(getattr(settings, section), name)
        if value:
            found[key] = _one_file(reform_files(value)) if key == REFORM else Path(value)
    return found


REFORM = "law.reform"


SHIPPED_REFORMS = Path(__file__).parent / "reforms"


def names_in(key: str, value: str) -> list[str]:
    """The file names in a setting's value: one, or several reform files joined by ``+``, as in Tax-Calculator."""
    return _BETWEEN.split(value) if key == REFORM else [value]


_BETWEEN = re.compile(r"(?<=\.json)\s*\+\s*", re.IGNORECASE)


def reform_files(value: str) -> tuple[Path, ...]:
    """The files of a reform in the order in which they change the law, each after the baseline that its header names.

    A baseline that is among the files before it is not applied again.
    """
    found: list[Path] = []
    for name in names_in(REFORM, value):
        file = reform_file(name)
        chain = [file]
        while (baseline := baseline_of(chain[0])) is not None:
            if baseline.name in {path.name for path in (*found, *chain)}:
                break
            chain.insert(0, baseline)
        found += chain
    return tuple(found)


CURRENT_LAW = ("policy_current_law.json", "current_law_policy.json")
"""What headers of Tax-Calculator's reform files call current law."""

_HEADER_BASELINE = re.compile(r"^\s*//\s*Reform_Baseline:[ \t]*([^\s/\\]+\.json)\b", re.MULTILINE)
_HEADER_LENGTH = 65_536


def baseline_of(path: Path) -> Path | None:
    """The reform file that the header of a reform file names as its baseline (``// Reform_Baseline: 2017_law.json``).

    It is beside the file or comes with Tax-Calculator. None for current law, and for a file that is a list of
    reforms: a run's folder has the baselines in it.
    """
    if not is_plain_file(path):
        return None
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            head = stream.read(_HEADER_LENGTH)
    except OSError:  # refused when it is used
        return None
    named = _HEADER_BASELINE.search(head)
    if named is None or named[1] in CURRENT_LAW or head.lstrip().startswith("["):
        return None
    beside = path.parent / named[1]
    return beside if _exists(beside) else _packaged(named[1]) or beside


def baselines_added(value: str) -> dict[str, str]:
    """Files that the headers of a reform's files add -> the file that is applied on top, by name."""
    names = [path.name for path in reform_files(value)]
    own = {reform_file(name).name for name in names_in(REFORM, value)}
    return {name: over for name, over in zip(names, names[1:], strict=False) if name not in own}


@cache
def _packaged(name: str) -> Path | None:
    """The reform of a plain name that comes with this package or with Tax-Calculator."""
    spec = importlib.util.find_spec("taxcalc")
    homes = [SHIPPED_REFORMS]
    homes += [Path(place) / "reforms" for place in (spec and spec.submodule_search_locations) or ()]
    plain = Path(name).name == name
    return next((home / name for home in homes if plain and (home / name).is_file()), None)


def file_of_reform(reform: Mapping[str, object]) -> str:
    """The name of a file with a reform that Python gives as a dictionary, parameter -> year -> value.

    It is in a temporary folder for the life of the process; a run's folder has a copy.
    """
    content = json.dumps(reform, indent=1).encode()
    file = _passing_folder() / hashlib.sha256(content).hexdigest()[:16] / "dictionary.json"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    return str(file)


def _one_file(paths: tuple[Path, ...]) -> Path:
    """Several reform files as one file with a list, for a run's folder; a single file unchanged.

    The file is in a temporary folder for the life of the process. If files cannot be read, the first such file is
    returned, and its use is refused.
    """
    if len(paths) == 1:
        return paths[0]
    contents = []
    for path in paths:
        if not is_plain_file(path) or not os.access(path, os.R_OK):
            return path
        contents.append(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    content = b"[\n" + b"\n,\n".join(contents) + b"\n]\n"
    file = _passing_folder() / f"{hashlib.sha256(content).hexdigest()[:16]}.json"
    file.write_bytes(content)
    return file


@cache
def _passing_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fiscal-reforms-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def reform_file(name: str) -> Path:
    """The reform file of a name: as given, or one that comes with the package or with Tax-Calculator."""
    given = Path(name)
    return given if _exists(given) else _packaged(name) or given


def from_home(name: str) -> Path:
    """A path with a leading ``~`` replaced by the user's home folder."""
    try:
        return Path(name).expanduser()
    except RuntimeError:  # no such home
        return Path(name)


def named_beside(key: str, name: str, folder: Path) -> str:
    """The file that a scenario file in ``folder`` names: in that folder, or the reform of that name in the package."""
    path = folder / from_home(name)
    if PureWindowsPath(name).is_absolute():  # even if the folder does not exist on this machine
        return name
    packaged = _packaged(name) if key == REFORM and not _exists(path) else None
    if packaged is None:
        return str(path)
    return str(packaged) if _exists(Path(name)) else name  # not another file in the current folder


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def paths_in(file: Path) -> int:
    """Number of paths in a user's file of returns; 1 for an unreadable file, whose use is refused."""
    try:
        return len(set(read_csv(file, file.name).columns.get("path", "1"))) or 1
    except InputError:
        return 1


def fingerprint(settings: Settings) -> str:
    """sha256 of the settings in canonical JSON, a user's file by its content."""
    values = settings.model_dump()
    for key, path in own_files(settings).items():
        section, _, name = key.partition(".")
        values[section][name] = content_sha256(path) or path.name
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def content_sha256(path: Path) -> str | None:
    """sha256 of a file's bytes; None if it is not a readable file."""
    if not is_plain_file(path):  # reading a pipe or a device would never end
        return None
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        return None
