"""The user's files that a scenario names: returns as CSV, a reform as JSON.

A scenario is the same whatever the names and places of its files, so fingerprints use their content instead of their
path.
"""

from __future__ import annotations

import atexit
import codecs
import hashlib
import json
import os
import re
import shutil
import tempfile
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
    """The files of a reform in the order in which they change the law."""
    return tuple(reform_file(name) for name in names_in(REFORM, value))


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
    """The reform file of a name: as given, or one that comes with the package."""
    given = Path(name)
    shipped = SHIPPED_REFORMS / given.name
    return shipped if not _exists(given) and given.name == name and shipped.is_file() else given


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
    if key != REFORM or _exists(path) or Path(name).name != name or not (SHIPPED_REFORMS / name).is_file():
        return str(path)
    return (
        str(SHIPPED_REFORMS / name) if _exists(Path(name)) else name
    )  # not another file in the current folder


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
