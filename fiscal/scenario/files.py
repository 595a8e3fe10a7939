"""Files of a user's own that a scenario names: returns as CSV, a reform as JSON.

A question is the same whatever its files are called and wherever they lie, so their content stands in
fingerprints instead of their path.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fiscal.reading import is_plain_file
from fiscal.scenario.schema import declared

if TYPE_CHECKING:
    from fiscal.scenario.schema import Settings

_UNIT = "path of a "
"""How the unit of a setting begins that names a file: ``path of a CSV file``."""


@cache
def file_settings() -> dict[str, str]:
    """Settings that name a file -> its name inside a run folder, such as ``inputs/paths.file.csv``."""
    return {
        lever.key: f"inputs/{lever.key}.{lever.unit.removeprefix(_UNIT).split()[0].lower()}"
        for lever in declared()
        if lever.unit.startswith(_UNIT)
    }


def own_files(settings: Settings) -> dict[str, Path]:
    """The user's files of these settings by dotted name; only those that are set."""
    found = {}
    for key in file_settings():
        section, _, name = key.partition(".")
        value = getattr(getattr(settings, section), name)
        if value:
            found[key] = reform_file(value) if key == REFORM else Path(value)
    return found


REFORM = "law.reform"


def reform_file(name: str) -> Path:
    """The reform file of a name: as given, or one that comes with the package."""
    given = Path(name)
    shipped = Path(__file__).parent / "reforms" / given.name
    try:
        own = given.exists()
    except (OSError, ValueError):  # a name that no file can have
        return given
    return shipped if not own and given.name == name and shipped.is_file() else given


def reform_files(names: str) -> tuple[Path, ...]:
    """The files of a reform in order: one name, or several with ``+`` between them, as Tax-Calculator has it.

    A name that is that of a file is one name, whatever is in it.
    """
    if reform_file(names).exists():
        return (reform_file(names),)
    return tuple(reform_file(name.strip()) for name in names.split("+"))


def content_sha256(path: Path) -> str | None:
    """sha256 of a file's bytes; None for what is no readable file."""
    if not is_plain_file(path):  # a pipe or a device would never end
        return None
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        return None
