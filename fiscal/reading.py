"""Reading files of someone else's making: no more than their limit, and a message for what cannot be read."""

from __future__ import annotations

import json
import os
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
    """JSON; raises InputError for broken, endless or non-finite content."""

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number of JSON")

    try:
        return json.loads(content.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(f"cannot be read as JSON: {error}", file=shown)) from None


def not_writable(folder: Path, shown: str | None = None) -> list[Problem]:
    """Why nothing can be written into ``folder``, which may be yet to be made; the nearest that exists is asked."""
    path = Path(os.path.abspath(folder))
    existing = next(one for one in (path, *path.parents) if os.path.exists(one))
    shown = str(folder) if shown is None else shown
    if not existing.is_dir():
        return [Problem(f"cannot be made, {existing.name} is a file", file=shown, allowed="another folder")]
    if not os.access(existing, os.W_OK | os.X_OK):
        return [Problem("cannot be written to", file=shown, allowed="a writable folder")]
    return []
