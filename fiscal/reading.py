"""Reading files of someone else's making: no more than their limit, and a message for what cannot be read."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
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


def parse_json(content: bytes, shown: str, *, comments: bool = False) -> Any:
    """JSON, with or without a byte order mark; ``comments`` of ``//`` and ``/* */`` are passed over.

    Raises InputError for broken, endless or non-finite content, and for a name that stands twice in an object.
    """
    repeated: list[tuple[dict[str, Any], list[str]]] = []

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number of JSON")

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            count = Counter(name for name, _ in pairs)
            repeated.append((found, [name for name in found if count[name] > 1]))
        return found

    try:
        text = content.decode("utf-8-sig")
        text = _COMMENT.sub(_blank, text) if comments else text
        told = json.loads(text, parse_constant=refuse, object_pairs_hook=object_of)
        if repeated:
            raise InputError(_repeated(told, repeated, shown))
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(f"cannot be read as JSON: {error}", file=shown)) from None
    return told


_COMMENT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|//[^\r\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
"""A text of JSON, which is kept, or a comment outside of one; both may be without an end."""


def _blank(found: re.Match[str]) -> str:
    """Blanks for a comment, so that places in messages stay those of the file."""
    return found[0] if found[0].startswith('"') else re.sub(r"[^\r\n]", " ", found[0])


MAX_REPEATED = 20


def _repeated(told: Any, repeated: list[tuple[dict[str, Any], list[str]]], shown: str) -> list[Problem]:
    """Each name that stands twice, with the names that lead to it."""
    names = {id(found): twice for found, twice in repeated}
    problems: list[Problem] = []
    left = deque([("", told)])
    while left and len(problems) < MAX_REPEATED:
        place, node = left.popleft()
        for name in names.get(id(node), ()):
            problems.append(Problem("stands twice", file=shown, key=f"{place}{name[:60]}", allowed="once"))
        if isinstance(node, dict | list):
            members = node.items() if isinstance(node, dict) else enumerate(node)
            left += [(f"{place}{str(name)[:60]}, ", member) for name, member in members]
    return problems


def user_file(name: str, beside: Path | None = None) -> Path:
    """The path of a file that a user names: ``~`` is the home folder, and a relative name starts from ``beside``, the
    folder of the scenario file that names it; None is the current folder."""
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # no such home
        path = Path(name)
    return path if beside is None else beside / path
