"""Entries of ``data/datapackage.json``, and whether the tables match them.

This module reads, verifies, and writes entries (Frictionless Data Package v1), without pandas and for any folder. Other
modules use :mod:`fiscal.base.sources`.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

from fiscal.base.errors import InputError, Problem, nearest

DESCRIPTOR = "datapackage.json"
DERIVED = "derived"
"""Folder, inside the data folder, of the tables that commands of this package build."""

STATUSES = ("published", "computed", "built", "assumed")
FIELD_TYPES = ("string", "number", "integer", "year", "date", "yearmonth")
_REQUIRED_KEYS = ("path", "title", "unit", "licence", "status", "hash", "schema", "sources")
_OWN_KEYS = frozenset(
    {*_REQUIRED_KEYS, "name", "profile", "description", "second_hand", "read_in", "licenses"}
    | {"format", "mediatype", "encoding", "bytes"}
)
_COMPANIONS = frozenset({DESCRIPTOR, "README.md"})
_FAULTS_SHOWN = 5  # per column and kind: a shifted column would otherwise print the whole table
_KINDS = {
    "number": "a number",
    "integer": "a whole number",
    "year": "a year (YYYY)",
    "date": "a date (YYYY-MM-DD)",
    "yearmonth": "a month (YYYY-MM)",
}
_PATH = re.compile(rf"({DERIVED}/)?[A-Za-z0-9_][A-Za-z0-9_.-]*\.(csv|parquet)")
_FORMATS: dict[str, dict[str, str]] = {
    ".csv": {
        "profile": "tabular-data-resource", "format": "csv", "mediatype": "text/csv", "encoding": "utf-8",
    },
    ".parquet": {
        "profile": "data-resource", "format": "parquet", "mediatype": "application/vnd.apache.parquet",
    },
}  # fmt: skip
_PATTERNS = {
    "number": re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII),
    "integer": re.compile(r"-?\d+", re.ASCII),
    "year": re.compile(r"\d{4}", re.ASCII),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII),
    "yearmonth": re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII),
}

Fault = Problem
"""One error of one table: ``file`` is the table's file, ``key`` the column, and the message has the row."""


class DataError(InputError):
    """A table of ``data/`` that is missing, altered, or different from its entry."""


@dataclass(frozen=True)
class Field:
    """One column: name, type (one of ``FIELD_TYPES``), unit, meaning and constraints."""

    name: str
    type: str = "number"
    unit: str = ""
    description: str = ""
    required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resource:
    """One table as its entry describes it; cite ``source`` (one line each) and ``read_in``.

    ``second_hand`` is true if the figures were read in a copy, named in ``read_in``, instead of the publisher's own
    file. ``extra`` holds additions of the building command (library version, input hashes).
    """

    name: str
    path: str
    title: str = ""
    unit: str = ""
    source: str = ""
    licence: str = "not stated"
    note: str = ""
    fields: tuple[Field, ...] = ()
    sha256: str = ""
    second_hand: bool = False
    read_in: str = ""
    status: str = "built"
    primary_key: tuple[str, ...] = ()
    size_bytes: int = 0
    extra: Mapping[str, Any] = dataclass_field(default_factory=dict)

    @property
    def next_release(self) -> Mapping[str, str]:
        """``date`` (``YYYY-MM-DD``, empty where none is scheduled), ``publication``, and ``standing`` of the date."""
        return self.extra.get("next_release", {})


# --- verification ----------------------------------------------------------------------------------


def examine(folder: Path, entry: Resource) -> tuple[list[Fault], list[tuple[str, ...]]]:
    """Errors of one table and, if its shape is right, its columns of text in the entry's order."""
    path = folder / entry.path
    if not path.is_file():
        return [Problem("the file is missing", file=entry.path)], []
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    faults = []
    if digest != entry.sha256:
        message = f"the content differs from the registered content: sha256 {digest[:12]}..., registered"
        faults.append(Problem(f"{message} {entry.sha256[:12]}...", file=entry.path))
    read = _parquet_columns if path.suffix == ".parquet" else _csv_columns
    shape_faults, columns = read(entry, content)
    faults += shape_faults
    if not shape_faults:
        for field, cells in zip(entry.fields, columns, strict=True):
            faults += _column_faults(entry.path, field, cells)
        faults += _key_faults(entry, columns)
    return faults, columns


def _parquet_columns(entry: Resource, content: bytes) -> tuple[list[Fault], list[tuple[str, ...]]]:
    """The columns as text that reads back to the same numbers, so that the same checks apply to both formats."""
    import pyarrow.parquet  # heavy, and needed for one table

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        return [Problem(f"not readable as Parquet: {str(error).splitlines()[0]}", file=entry.path)], []
    faults = _header_faults(entry, table.column_names)
    if not faults and not table.num_rows:
        faults = [Problem("no rows", file=entry.path)]
    return faults, [] if faults else [tuple(map(_text, column.to_pylist())) for column in table.columns]


def _text(value: Any) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _csv_columns(entry: Resource, content: bytes) -> tuple[list[Fault], list[tuple[str, ...]]]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        return [Problem(f"row {row}: not UTF-8 text", file=entry.path)], []
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        return [Problem(f"not readable as CSV: {error}", file=entry.path)], []
    if not rows:
        return [Problem("the file is empty", file=entry.path)], []
    header, body = rows[0], rows[1:]
    faults = _header_faults(entry, header)
    if not faults:
        odd = [number for number, row in enumerate(body, 2) if len(row) != len(header)]
        faults = [
            Problem(f"row {number}: {len(body[number - 2])} cells where the header has {len(header)}", file=entry.path)
            for number in odd[:_FAULTS_SHOWN]
        ]
        faults += _more(entry.path, None, len(odd))
    if not faults and not body:
        faults = [Problem("no rows below the header", file=entry.path)]
    return faults, [] if faults else list(zip(*body, strict=True))


def _header_faults(entry: Resource, header: Sequence[str]) -> list[Fault]:
    expected = [field.name for field in entry.fields]
    missing = [name for name in expected if name not in header]
    extra = [name for name in header if name not in expected]
    repeated = sorted({name for name in header if header.count(name) > 1})
    faults = [
        Problem("row 1: the column is missing", file=entry.path, key=name, nearest=nearest(name, extra))
        for name in missing
    ]
    faults += [Problem("row 1: a column the entry does not name", file=entry.path, key=name) for name in extra]
    faults += [Problem("row 1: the column appears twice", file=entry.path, key=name) for name in repeated]
    if not faults and list(header) != expected:
        faults = [Problem("row 1: the columns are in a different order", file=entry.path, allowed=", ".join(expected))]
    return faults


def _column_faults(file: str, field: Field, cells: Sequence[str]) -> list[Fault]:
    """Missing required values, cells of the wrong type, and values outside the constraints."""
    blank = [row for row, cell in enumerate(cells, 2) if not cell] if field.required else []
    unread = [(row, cell) for row, cell in enumerate(cells, 2) if cell and not _readable(field.type, cell)]
    faults = [Problem(f"row {row}: blank where a value is required", file, field.name) for row in blank]
    faults = faults[:_FAULTS_SHOWN] + _more(file, field.name, len(blank))
    faults += [
        Problem(f"row {row}: not {_KINDS[field.type]}", file, field.name, value=cell)
        for row, cell in unread[:_FAULTS_SHOWN]
    ]
    faults += _more(file, field.name, len(unread))
    return faults if unread else faults + _constraint_faults(file, field, cells)


def _readable(kind: str, cell: str) -> bool:
    if kind == "string":
        return True
    if not _PATTERNS[kind].fullmatch(cell):
        return False
    if kind == "number":
        return math.isfinite(float(cell))
    if kind == "date":
        try:
            datetime.date.fromisoformat(cell)
        except ValueError:
            return False
    return True


def _constraint_faults(file: str, field: Field, cells: Sequence[str]) -> list[Fault]:
    outside: list[tuple[int, str]] = []
    allowed = ""
    if field.enum:
        permitted = frozenset(field.enum)
        outside = [(row, cell) for row, cell in enumerate(cells, 2) if cell and cell not in permitted]
        allowed = ", ".join(field.enum)
    elif field.minimum is not None or field.maximum is not None:
        low = -math.inf if field.minimum is None else field.minimum
        high = math.inf if field.maximum is None else field.maximum
        outside = [(row, cell) for row, cell in enumerate(cells, 2) if cell and not low <= float(cell) <= high]
        allowed = f"{low:g} to {high:g}"
    faults = [
        Problem(f"row {row}: outside the column's range", file, field.name, value=cell, allowed=allowed)
        for row, cell in outside[:_FAULTS_SHOWN]
    ]
    return faults + _more(file, field.name, len(outside))


def _key_faults(entry: Resource, columns: Sequence[Sequence[str]]) -> list[Fault]:
    if not entry.primary_key:
        return []
    names = [field.name for field in entry.fields]
    keys = zip(*(columns[names.index(name)] for name in entry.primary_key), strict=True)
    first_row: dict[tuple[str, ...], int] = {}
    repeated = []
    for row, key in enumerate(keys, 2):
        if first_row.setdefault(key, row) != row:
            repeated.append((row, key))
    label = ", ".join(entry.primary_key)
    faults = [
        Problem(f"row {row}: the same key as row {first_row[key]}", entry.path, label, value=", ".join(key))
        for row, key in repeated[:_FAULTS_SHOWN]
    ]
    return faults + _more(entry.path, label, len(repeated))


def _more(file: str, key: str | None, count: int) -> list[Fault]:
    left = count - _FAULTS_SHOWN
    return [Problem(f"and {left} more rows like these", file, key)] if left > 0 else []


# --- the descriptor --------------------------------------------------------------------------------


def read_descriptor(folder: Path) -> tuple[dict[str, Any], list[Fault]]:
    """The descriptor of a data folder as parsed JSON, or its errors."""
    path = folder / DESCRIPTOR
    if not path.is_file():
        return {}, [Problem("the file is missing", file=DESCRIPTOR)]
    try:
        descriptor = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        return {}, [Problem(f"row {error.lineno}: not valid JSON, {error.msg}", file=DESCRIPTOR)]
    except UnicodeDecodeError:
        return {}, [Problem("not UTF-8 text", file=DESCRIPTOR)]
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("resources"), list):
        return {}, [Problem("no list of resources", file=DESCRIPTOR, key="resources")]
    return descriptor, []


def parse_entries(descriptor: Mapping[str, Any]) -> tuple[tuple[Resource, ...], list[Fault]]:
    """The readable entries of a descriptor, and the errors of the others."""
    entries: list[Resource] = []
    faults: list[Fault] = []
    for item in descriptor.get("resources", []):
        entry, problems = parse_entry(item)
        faults += problems
        if entry is not None:
            entries.append(entry)
    names = [entry.name for entry in entries]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(Problem("the table is named twice", file=DESCRIPTOR, key=name))
    return tuple(entries), faults


def parse_entry(item: Any) -> tuple[Resource | None, list[Fault]]:
    """The entry as a Resource, or None and its errors."""
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return None, [Problem("a resource without a name", file=DESCRIPTOR, key="resources")]
    name = item["name"]
    faults = [
        Problem(f"the resource states no {label}", file=DESCRIPTOR, key=name)
        for label in _REQUIRED_KEYS
        if not item.get(label)
    ]
    if faults:
        return None, faults
    titles = _source_titles(item["sources"])
    schema = item["schema"] if isinstance(item["schema"], dict) else {}
    fields, faults = _parse_fields(name, schema)
    key = _as_tuple(schema.get("primaryKey", ()))
    unknown = [column for column in key if column not in {field.name for field in fields}]
    checks = (
        ("path", "not a table of the folder", _PATH.fullmatch(str(item["path"])) is not None),
        ("status", f"not one of {', '.join(STATUSES)}", item["status"] in STATUSES),
        ("hash", "not a sha256", re.fullmatch(r"sha256:[0-9a-f]{64}", str(item["hash"])) is not None),
        ("sources", "a source without a title", bool(titles) and all(titles)),
        ("schema", f"the key names no column: {', '.join(unknown)}", not unknown),
    )
    faults += [
        Problem(message, file=DESCRIPTOR, key=f"{name}.{label}", value=item[label])
        for label, message, good in checks
        if not good
    ]
    if faults:
        return None, faults
    entry = Resource(
        name=name,
        path=item["path"],
        title=item["title"],
        unit=item["unit"],
        source="\n".join(titles),
        licence=item["licence"],
        note=item.get("description", ""),
        fields=fields,
        sha256=item["hash"].removeprefix("sha256:"),
        second_hand=bool(item.get("second_hand", False)),
        read_in=item.get("read_in", ""),
        status=item["status"],
        primary_key=key,
        size_bytes=item.get("bytes", 0),
        extra={label: value for label, value in item.items() if label not in _OWN_KEYS},
    )
    return entry, []


def _source_titles(sources: Any) -> list[str]:
    if not isinstance(sources, list):
        return []
    return [str(item.get("title", "")) if isinstance(item, dict) else "" for item in sources]


def _parse_fields(name: str, schema: Mapping[str, Any]) -> tuple[tuple[Field, ...], list[Fault]]:
    items = schema.get("fields")
    if not items or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return (), [Problem("the resource names no columns", file=DESCRIPTOR, key=f"{name}.schema")]
    fields = tuple(_parse_field(item) for item in items)
    return fields, [fault for field in fields for fault in _field_faults(name, field)]


def _parse_field(item: Mapping[str, Any]) -> Field:
    constraints = item.get("constraints", {})
    return Field(
        name=item.get("name", ""),
        type=item.get("type", ""),
        unit=item.get("unit", ""),
        description=item.get("description", ""),
        required=bool(constraints.get("required", False)),
        minimum=constraints.get("minimum"),
        maximum=constraints.get("maximum"),
        enum=_as_tuple(constraints.get("enum", ())),
    )


def _field_faults(name: str, field: Field) -> list[Fault]:
    where = f"{name}.{field.name}"
    bounds = (field.minimum, field.maximum)
    faults = []
    if not field.name:
        faults.append(Problem("a column without a name", file=DESCRIPTOR, key=f"{name}.schema"))
    if field.type not in FIELD_TYPES:
        allowed = ", ".join(FIELD_TYPES)
        faults.append(Problem("no such type", DESCRIPTOR, where, value=field.type, allowed=allowed))
    if field.type in ("number", "integer") and not field.unit:
        faults.append(Problem("the column states no unit", file=DESCRIPTOR, key=where))
    if not all(bound is None or isinstance(bound, int | float) for bound in bounds):
        faults.append(Problem("a bound that is not a number", file=DESCRIPTOR, key=where, value=bounds))
    return faults


def folder_faults(folder: Path, descriptor: Mapping[str, Any]) -> list[Fault]:
    """Files in the folder that no resource names, except names with a leading dot."""
    named = {item.get("path") for item in descriptor["resources"] if isinstance(item, dict)}
    derived = folder / DERIVED
    files = [path for path in folder.iterdir() if path != derived or not path.is_dir()]
    files += derived.iterdir() if derived.is_dir() else ()
    names = {path.relative_to(folder).as_posix() for path in files if path.name[0] != "."}
    strays = sorted(names - named - _COMPANIONS)
    return [
        Problem("a file that no resource names", file=name, nearest=nearest(name, filter(None, named)))
        for name in strays
    ]


def entry_to_json(entry: Resource) -> dict[str, Any]:
    """The entry as Frictionless Data Package v1 writes it, own keys included."""
    item = {
        "name": entry.name,
        "path": entry.path,
        "title": entry.title,
        "description": entry.note,
        "unit": entry.unit,
        "status": entry.status,
        "second_hand": entry.second_hand,
        "read_in": entry.read_in,
        "licence": entry.licence,
        "sources": [_source_to_json(line) for line in entry.source.splitlines() if line.strip()],
        **_FORMATS[Path(entry.path).suffix],
        "bytes": entry.size_bytes,
        "hash": f"sha256:{entry.sha256}",
        "schema": {
            "fields": [_field_to_json(field) for field in entry.fields],
            "missingValues": [""],
            **({"primaryKey": list(entry.primary_key)} if entry.primary_key else {}),
        },
    }
    if "public domain" in entry.licence:
        item["licenses"] = [{"name": "other-pd", "title": entry.licence}]
    return {**item, **entry.extra}


def _field_to_json(field: Field) -> dict[str, Any]:
    constraints = {
        "required": field.required or None,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "enum": list(field.enum) or None,
    }
    item: dict[str, Any] = {"name": field.name, "type": field.type}
    item |= {label: text for label, text in (("unit", field.unit), ("description", field.description)) if text}
    stated = {label: value for label, value in constraints.items() if value is not None}
    return item | ({"constraints": stated} if stated else {})


def _source_to_json(line: str) -> dict[str, str]:
    """A citation as the title, and its first address or repository as the path."""
    title = line.strip()
    address = re.search(r"https?://[^\s;,()]+", title)
    repository = re.search(r"[Gg]it[Hh]ub ([\w.-]+/[\w.-]+)", title)
    if address:
        return {"title": title, "path": address.group().rstrip(".")}
    return {"title": title} | ({"path": f"https://github.com/{repository[1]}"} if repository else {})


def _as_tuple(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)
