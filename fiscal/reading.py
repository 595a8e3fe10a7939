"""Reading what someone else has made, files and values: no more than the limits, and a message for what cannot be
read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fiscal.errors import InputError, Problem

MAX_KEYS = 1000
"""Keys of a scenario, a design or a set of overrides; there are some two hundred settings."""

MAX_DEPTH = 16
"""Levels of tables and lists in each other."""


def refuse_oversize(data: object, shown: str | None, most_keys: int = MAX_KEYS) -> None:
    """Raise InputError for tables and lists that nest deeper than :data:`MAX_DEPTH` or have more than ``most_keys``
    keys; iterative, so that no depth breaks it."""
    level, keys = [data], 0
    for _ in range(MAX_DEPTH + 1):
        nodes = [node for node in level if isinstance(node, Mapping | list | tuple)]
        keys += sum(len(node) for node in nodes if isinstance(node, Mapping))
        if keys > most_keys:
            raise InputError(Problem("has too many keys", file=shown, allowed=f"at most {most_keys:,}"))
        level = [
            child
            for node in nodes
            for child in (node.values() if isinstance(node, Mapping) else node)
            if isinstance(child, Mapping | list | tuple)
        ]
        if not level:
            return
    raise InputError(Problem("nested too deeply", file=shown, allowed=f"at most {MAX_DEPTH} levels"))


def plain_value(value: Any) -> Any:
    """A value that someone's program gave as a file would hold it: numbers, switches and texts of NumPy and pandas
    become Python's own, arrays, series and tuples become lists, paths become texts. What is none of these stays."""
    if isinstance(value, Mapping):
        return {plain_value(key): plain_value(member) for key, member in value.items()}
    if hasattr(value, "tolist"):
        return plain_value(value.tolist())
    if isinstance(value, os.PathLike):
        return plain_value(os.fspath(value))
    if isinstance(value, list | tuple):
        return [plain_value(member) for member in value]
    return value


def is_plain_file(path: Path) -> bool:
    """Whether a name that someone gave is one of a file; no name that no file can have, long or with a null character,
    is."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_limited(path: Path, most_bytes: int, shown: str) -> bytes:
    """A file's bytes; ``shown`` is its name in messages.

    Raises InputError for a missing, unreadable or oversize file, and for a pipe or device, which may never end.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InputError(Problem("is no plain file", file=shown))
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise InputError(Problem("no such file", file=shown)) from None
    except IsADirectoryError:
        raise InputError(Problem("is a folder, not a file", file=shown)) from None
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(Problem(f"cannot be read: {reason}", file=shown)) from None
    if len(content) > most_bytes:
        raise InputError(Problem("the file is too large", file=shown, allowed=f"at most {most_bytes} bytes"))
    return content


def parse_json(content: bytes, shown: str) -> Any:
    """JSON; raises InputError for broken, endless or non-finite content."""

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number of JSON")

    try:
        return json.loads(content.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(f"cannot be read as JSON: {error}", file=shown)) from None
