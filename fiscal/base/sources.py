"""The only access to ``data/``: every table is verified before its figures are used.

``data/`` holds published figures and this project's assumptions; ``data/derived/`` holds what commands of this package
compute from them. ``data/datapackage.json`` (Frictionless Data Package) names each table with its publisher, unit,
license, columns, and SHA-256. ``table(name)`` verifies that one table, one of the package's own by its hash, and
returns a copy; ``check()`` verifies all of them and lists every fault; ``store`` writes a table that a command of this
package builds, and ``register`` its entry. Row numbers in messages are lines of the file: the header is row 1.
"""

from __future__ import annotations

import ast
import datetime
import hashlib
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiscal.base.datapackage import (
    DERIVED,
    DESCRIPTOR,
    DataError,
    Fault,
    Field,
    Resource,
    entry_to_json,
    examine,
    folder_faults,
    parse_entries,
    parse_entry,
    read_descriptor,
)
from fiscal.base.errors import Problem, nearest
from fiscal.base.files import write_whole
from fiscal.base.memo import depend_on, forget

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DataError",
    "Fault",
    "Field",
    "Resource",
    "assumption",
    "check",
    "data_dir",
    "readers",
    "register",
    "resource",
    "resources",
    "store",
    "table",
]

DATA_VARIABLE = "FISCAL_DATA"


def data_dir() -> Path:
    """The folder of the tables: ``FISCAL_DATA`` if set, else the wheel's or the source tree's.

    If its ``datapackage.json`` was changed since the last call, what is kept of the tables is dropped. Raises DataError
    if there is no folder.
    """
    chosen = os.environ.get(DATA_VARIABLE)
    folder = Path(chosen) if chosen else _shipped_dir()
    if folder is not None and folder.is_dir():
        found = _resolved(Path(os.path.abspath(folder)))
        _drop_if_changed(found)
        return found
    allowed = f"a folder that holds {DESCRIPTOR}"
    message = f"{DATA_VARIABLE} names no folder" if chosen else "the package's data folder is missing"
    raise DataError(Problem(message, value=chosen, allowed=allowed))


_resolved = cache(Path.resolve)


def _drop_if_changed(folder: Path) -> None:
    try:
        told = (folder / DESCRIPTOR).stat()
    except OSError:
        return
    state = told.st_mtime_ns, told.st_size, told.st_ino
    if _STATES.setdefault(folder, state) != state:
        _clear_caches()
        _STATES[folder] = state


_STATES: dict[Path, tuple[int, int, int]] = {}
"""The descriptors of data folders as they were when they were read."""

depend_on(data_dir)

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def _shipped_dir() -> Path | None:
    """The folder of the tables that come with the package: the wheel's or the source tree's."""
    candidates = (_PACKAGE / "_data", _PACKAGE.parent / "data")
    return next((folder.resolve() for folder in candidates if folder.is_dir()), None)


def resources() -> tuple[Resource, ...]:
    """Every table's entry, in the order of ``datapackage.json``. Raises DataError if that is broken."""
    return _resources(data_dir())


def due(on: datetime.date) -> tuple[Resource, ...]:
    """Tables whose publisher's next edition was expected by a day, the one that is longest due first."""
    late = [one for one in resources() if "" < one.next_release.get("date", "") <= on.isoformat()]
    return tuple(sorted(late, key=lambda one: one.next_release["date"]))


@cache
def _resources(folder: Path) -> tuple[Resource, ...]:
    descriptor, faults = read_descriptor(folder)
    entries, entry_faults = parse_entries(descriptor)
    if faults or entry_faults:
        raise DataError(faults + entry_faults)
    return entries


def own_tables() -> dict[str, str]:
    """Tables of the data folder that differ from those of the package: name -> what they were made from.

    Empty for the package's own folder, whose changes git records.
    """
    folder, shipped = data_dir(), _shipped_dir()
    if folder == shipped:
        return {}
    known = {} if shipped is None else {entry.name: entry.sha256 for entry in _resources(shipped)}
    return {entry.name: entry.source for entry in _resources(folder) if known.get(entry.name) != entry.sha256}


def resource(name: str) -> Resource:
    """The entry of table ``name``. Raises DataError, with the nearest name, if there is none."""
    return _resource(data_dir(), name)


def table(name: str) -> pd.DataFrame:
    """A verified copy of table ``name``: hash, columns, types, constraints, and key.

    Numbers are float64 (blank = NaN), integers and years int64 (Int64 where blanks are allowed),
    dates datetime64, months and text strings (blank = missing). Raises DataError naming the table,
    row, column and reason of every fault of this table; other tables are not read.
    """
    return _load(data_dir(), name).copy()


def assumption(key: str) -> float:
    """Value of one row of table ``assumptions``. Raises DataError, with the nearest key, if unknown."""
    values = _assumptions(data_dir())
    if key not in values:
        raise DataError(Problem("unknown assumption", file="assumptions.csv", value=key, nearest=nearest(key, values)))
    return values[key]


def fingerprint(hashes: Mapping[str, str] | None = None) -> str:
    """sha256 of the tables' hashes by file name, which identifies the data of a result.

    ``hashes`` are those a stored run recorded; by default the data folder's own.
    """
    recorded = {entry.path: entry.sha256 for entry in resources()} if hashes is None else hashes
    text = json.dumps(dict(recorded), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check() -> list[Fault]:
    """Every error of every table, of the descriptor, and of the folder; empty if there is none."""
    folder = data_dir()
    descriptor, faults = read_descriptor(folder)
    entries, entry_faults = parse_entries(descriptor)
    faults += entry_faults
    if descriptor:
        faults += folder_faults(folder, descriptor)
    for entry in entries:
        faults += examine(folder, entry)[0]
    return faults


def readers(package: Path | None = None) -> dict[str, tuple[str, ...]]:
    """Who reads each table: table name -> modules that call ``table("name")`` or ``assumption(...)``.

    Found in the source of ``package`` (default: this package) without importing it; unread tables have an empty tuple.
    """
    root = package or _PACKAGE
    found: dict[str, set[str]] = {entry.name: set() for entry in resources()}
    for path in sorted(root.rglob("*.py")):
        if path == Path(__file__).resolve():
            continue
        module = ".".join((root.name, *path.relative_to(root).with_suffix("").parts))
        for name in _tables_named(path.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(module.removesuffix(".__init__"))
    return {name: tuple(sorted(modules)) for name, modules in found.items()}


def register(
    path: Path | str,
    *,
    title: str | None = None,
    unit: str | None = None,
    source: str | None = None,
    fields: Sequence[Field] | None = None,
    note: str | None = None,
    licence: str | None = None,
    status: str | None = None,
    primary_key: Sequence[str] | None = None,
    second_hand: bool | None = None,
    read_in: str | None = None,
    extra: Mapping[str, Any] | None = None,
    next_release: Mapping[str, str] | None = None,
) -> Resource:
    """Write or refresh the entry of the file ``path``, CSV or Parquet (its stem is the table's name).

    A new table needs title, unit, source, and fields; a known one keeps whatever is left out. ``extra`` holds further
    keys of the entry (library version, input hashes, build command), ``next_release`` the ``date`` (``YYYY-MM-DD``)
    and ``publication`` of the publisher's next edition. The file is verified first and ``datapackage.json`` replaced
    in one step, so a failure changes nothing. Raises DataError with every error.
    """
    path = Path(path).resolve()
    folder = data_dir()
    if path.parent not in (folder, folder / DERIVED):
        allowed = f"the data folder, or {DERIVED}/ in it"
        raise DataError(Problem("a table must be in the data folder", file=path.name, allowed=allowed))
    if not path.is_file():
        raise DataError(Problem("the file is missing", file=path.name))
    descriptor, faults = read_descriptor(folder)
    if faults:
        raise DataError(faults)
    items: list[Any] = descriptor["resources"]
    places = [at for at, item in enumerate(items) if _name(item) == path.stem]
    told = items[places[0]] if places else _shipped_item(path.stem)
    known = parse_entry(told)[0] if told else None
    content = path.read_bytes()
    given = {
        "title": title,
        "unit": unit,
        "source": source,
        "fields": None if fields is None else tuple(fields),
        "note": note,
        "licence": licence,
        "status": status,
        "primary_key": None if primary_key is None else tuple(primary_key),
        "second_hand": second_hand,
        "read_in": read_in,
        "extra": None if extra is None else dict(extra),
    }
    if next_release is not None:
        released = {"standing": "expected" if next_release.get("date") else "none scheduled", **next_release}
        given["extra"] = {**(known.extra if known and extra is None else extra or {}), "next_release": released}
    place = path.relative_to(folder).as_posix()
    entry = replace(
        known or Resource(name=path.stem, path=place),
        path=place,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        **{label: value for label, value in given.items() if value is not None},  # type: ignore[arg-type]
    )
    item = entry_to_json(entry)
    faults = parse_entry(item)[1] or examine(folder, entry)[0]
    if faults:
        raise DataError(faults)
    if places:
        items[places[0]] = item
    else:
        items.append(item)
    write_text(folder / DESCRIPTOR, json.dumps(descriptor, indent=1, ensure_ascii=False) + "\n")
    _clear_caches()
    return entry


def store(name: str, frame: pd.DataFrame, **entry: Any) -> Resource:
    """Write a table that a command built, completely or not at all, and refresh its entry; ``entry`` as for `register`.

    Its entry describes it and gives its place (a data folder of an earlier version has all tables in one folder, and
    takes the package's entry of a table that it lacks); any other table goes to ``derived/`` as CSV.
    """
    folder = data_dir()
    descriptor, _ = read_descriptor(folder)
    known = next((item for item in descriptor.get("resources", ()) if _name(item) == name), _shipped_item(name))
    path = folder / (known["path"] if known else f"{DERIVED}/{name}.csv")
    path.parent.mkdir(exist_ok=True)
    write_frame(path, frame)
    return register(path, **{**OF_A_BUILT_TABLE, **entry})


def _shipped_item(name: str) -> Any:
    """The package's own entry of a table as JSON; None where it has none."""
    shipped = _shipped_dir()
    return None if shipped is None else _items(shipped).get(name)


OF_A_BUILT_TABLE = {"status": "built", "licence": "MIT, as this project", "second_hand": False}


# --- loading ---------------------------------------------------------------------------------------


@cache
def _items(folder: Path) -> dict[str, Any]:
    """The entries of a folder as JSON, by name of the table."""
    descriptor, faults = read_descriptor(folder)
    if faults:
        raise DataError(faults)
    return {str(_name(item)): item for item in descriptor["resources"]}


@cache
def _resource(folder: Path, name: str) -> Resource:
    """Only the named entry must be sound: an error in another table must not stop this one."""
    items = _items(folder)
    if name not in items:
        raise DataError(Problem("no such table", file=DESCRIPTOR, value=name, nearest=nearest(name, items)))
    entry, faults = parse_entry(items[name])
    if entry is None:
        raise DataError(faults)
    return entry


@cache
def _load(folder: Path, name: str) -> pd.DataFrame:
    entry = _resource(folder, name)
    content = _shipped_content(folder, entry)
    if content is not None:
        return _trusted_frame(entry, content)
    faults, columns = examine(folder, entry)
    if faults:
        raise DataError(faults)
    return _frame(entry, columns)


def _shipped_content(folder: Path, entry: Resource) -> bytes | None:
    """The bytes of a table that are those of the package's own, which its tests check cell by cell; else None."""
    told = _shipped_item(entry.name) or {}
    if told.get("hash") != f"sha256:{entry.sha256}":
        return None
    try:
        content = (folder / entry.path).read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == entry.sha256 else None


def _trusted_frame(entry: Resource, content: bytes) -> pd.DataFrame:
    """The frame of a sound table, as :func:`_frame` makes it, without a look at every cell."""
    import pandas as pd

    kinds = {field.name: field.type for field in entry.fields}
    if entry.path.endswith(".parquet"):
        frame = pd.read_parquet(io.BytesIO(content))
        numbers = [name for name, kind in kinds.items() if kind == "number"]
        return frame.astype(dict.fromkeys(numbers, "float64"))
    whole = ("integer", "year")
    frame = pd.read_csv(
        io.BytesIO(content),
        keep_default_na=False,
        na_values={name: [""] for name in kinds},
        dtype={
            name: "float64" if kind == "number" else "Int64" if kind in whole else "str" for name, kind in kinds.items()
        },
    )
    for name, kind in kinds.items():
        if kind in whole and not frame[name].isna().any():
            frame[name] = frame[name].astype("int64")
        elif kind == "date":
            frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%d")
    return frame


@cache
def _assumptions(folder: Path) -> dict[str, float]:
    frame = _load(folder, "assumptions")
    return dict(zip(frame["key"].tolist(), frame["value"].tolist(), strict=True))


def _clear_caches() -> None:
    for cached in (_items, _resource, _resources, _load, _assumptions):
        cached.cache_clear()
    forget()


def _frame(entry: Resource, columns: Sequence[Sequence[str]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({field.name: _series(field, cells) for field, cells in zip(entry.fields, columns, strict=True)})


def _series(field: Field, cells: Sequence[str]) -> pd.Series:
    import pandas as pd

    blank = "" in cells
    if field.type == "number":
        return pd.Series([float(cell) if cell else math.nan for cell in cells], dtype="float64")
    if field.type in ("integer", "year"):
        values = [int(cell) if cell else None for cell in cells]
        return pd.Series(values, dtype="Int64" if blank else "int64")
    text = pd.Series([cell or None for cell in cells])
    return pd.to_datetime(text, format="%Y-%m-%d") if field.type == "date" else text


def _tables_named(code: str) -> Iterator[str]:
    """Tables a module asks this one for: ``sources.table("x")``, or ``table("x")`` when imported."""
    tree = ast.parse(code)
    imported = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "fiscal.base.sources"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = _function_called(node.func, imported)
        argument = node.args[0]
        if called == "assumption":
            yield "assumptions"
        elif called == "table" and isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value


def _function_called(function: ast.expr, imported: Mapping[str, str]) -> str | None:
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr if function.value.id == "sources" else None
    return imported.get(function.id) if isinstance(function, ast.Name) else None


def _name(item: Any) -> str | None:
    return item.get("name") if isinstance(item, dict) else None


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """A table as CSV or Parquet, by the ending of its name; written completely or not at all."""
    if path.suffix == ".parquet":
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False, compression="zstd")
        write_whole(path, buffer.getvalue())
    else:
        write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def write_text(path: Path, text: str) -> None:
    """A text in UTF-8; written completely or not at all."""
    write_whole(path, text.encode("utf-8"))
