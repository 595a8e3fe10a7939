"""Values as JSON has them, and hashes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


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


def flat(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The table with its index as columns, and the names of those; a bare row count is dropped."""
    names = [name for name in table.index.names if name is not None]
    if not names:
        return table.reset_index(drop=True), []
    return table.reset_index(), [str(name) for name in names]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON objects, the index as leading columns where it says something."""
    return [plain(row) for row in flat(table)[0].to_dict(orient="records")]


def fingerprint_of(record: Mapping[str, Any]) -> str:
    """sha256 of a record in canonical JSON."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def json_bytes(value: Any, *, sort_keys: bool = True) -> bytes:
    """JSON with a line break at the end; ``sort_keys`` false keeps an order that readers see."""
    text = json.dumps(value, indent=2, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def write_json(path: Path, value: Any, *, sort_keys: bool = True) -> None:
    """:func:`json_bytes` as a file."""
    path.write_bytes(json_bytes(value, sort_keys=sort_keys))
