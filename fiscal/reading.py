"""Reading files of someone else's making: no more than their limit, and a message for what cannot be read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from fiscal.errors import InputError, Problem


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
    """JSON; raises InputError for broken, endless or non-finite content, and for a key that stands twice."""

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number of JSON")

    def finite(word: str) -> float:
        number = float(word)
        return number if math.isfinite(number) else refuse(word[:80])

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:  # the last one would win
                raise ValueError(f"the key {key[:80]!r} stands twice in one object")
            found[key] = value
        return found

    try:
        return json.loads(
            content.decode("utf-8"), parse_constant=refuse, parse_float=finite, object_pairs_hook=once
        )
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(f"cannot be read as JSON: {error}", file=shown)) from None
