"""Read TOML with limits and plain messages, and write what scenarios need."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fiscal.base.errors import InputError, Problem
from fiscal.base.files import MAX_DEPTH, MAX_KEYS, read_limited, refuse_oversize

MAX_BYTES = 1024 * 1024

_POSITION = re.compile(r"\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


def read_toml(path: Path, shown: str) -> dict[str, Any]:
    """The tables of a TOML file; ``shown`` is the name used in messages.

    Raises InputError for a missing, unreadable, oversize, broken, or too deeply nested file.
    """
    content = read_limited(path, MAX_BYTES, shown)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(Problem(f"not UTF-8 text at line {line}", file=shown)) from None
    return parse_toml(text, shown)


def parse_toml(text: str, shown: str) -> dict[str, Any]:
    """Parse TOML text. Raises InputError with line and column, or for a size, a nesting, or a number of keys beyond the
    limits."""
    _refuse_endless(text, shown)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(_syntax_problem(str(error), text, shown)) from None
    except RecursionError:
        raise InputError(_too_deep(shown)) from None
    except ValueError as error:  # an integer with thousands of digits, an impossible date
        raise InputError(Problem(f"broken TOML: {error}", file=shown)) from None
    refuse_oversize(data, shown)
    return data


_QUOTED = re.compile(
    r"""
    \"{3}(?:[^"\\]|\\.|"(?!""))*+(?:"{3}|\Z)   # text of several lines
    | '{3}(?:[^']|'(?!''))*+(?:'{3}|\Z)
    | "(?:[^"\\\n]|\\.)*+"? | '[^'\n]*+'?        # text of one line
    | \#[^\n]*+                                   # a comment
    """,
    re.DOTALL | re.VERBOSE,
)
_DEEP_KEY = re.compile(rf"(?<![\w\-])(?:[\w\-]++[ \t]*+\.[ \t]*+){{{MAX_DEPTH}}}")
_KEY = re.compile(r"=|^[ \t]*+\[", re.MULTILINE)


def _refuse_endless(text: str, shown: str) -> None:
    """Raise InputError for text that takes the parser a long time: it copies the tables of a dotted key at each dot.
    Strings and comments do not count. No step goes back over the text."""
    if len(text) > MAX_BYTES:
        raise InputError(Problem("is too long", file=shown, allowed=f"at most {MAX_BYTES:,} characters"))
    bare = _QUOTED.sub("_", text)
    if _DEEP_KEY.search(bare):
        raise InputError(_too_deep(shown))
    # nested lists also begin lines with a bracket, so the exact count is made on the parsed text
    if sum(1 for _ in _KEY.finditer(bare)) > 10 * MAX_KEYS:
        raise InputError(Problem("has too many keys", file=shown, allowed=f"at most {MAX_KEYS:,}"))


def _too_deep(shown: str) -> Problem:
    return Problem("nested too deeply", file=shown, allowed=f"at most {MAX_DEPTH} levels")


_BACKSLASH = re.compile(r"[Ee]scape|hex value|Unescaped|unicode scalar", re.IGNORECASE)
_WINDOWS = "write a Windows path with / or in single quotes; in double quotes, a backslash begins an escape"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def path_hint(value: object) -> str | None:
    """A hint on Windows paths, for a text with control characters: the ``\\n`` of ``"C:\\new"`` is a line break."""
    return _WINDOWS if isinstance(value, str) and _CONTROL.search(value) else None


def _syntax_problem(message: str, text: str, shown: str) -> Problem:
    """The parser's message with line and column; a backslash in double quotes usually belongs to a Windows path."""
    match = _POSITION.search(message)
    reason = message[: match.start()] if match else message
    if match is None:
        place, number = "", 0
    elif match["line"] is None:
        number = text.count("\n") + 1
        place = f" at the end (line {number})"
    else:
        number = int(match["line"])
        place = f" at line {number}, column {match['column']}"
    lines = text.split("\n")
    near = lines[number - 1] if 0 < number <= len(lines) else ""
    hint = _WINDOWS if _BACKSLASH.search(reason) or '"' in near and "\\" in near else None
    return Problem(f"broken TOML{place}: {reason}", file=shown, hint=hint)


def write_toml(tables: Mapping[str, Mapping[str, object]]) -> str:
    """TOML text of one level of tables with plain values (text, number, boolean, list)."""
    blocks = []
    for name, table in tables.items():
        lines = [f"{format_key(key)} = {format_value(value)}" for key, value in table.items()]
        blocks.append("\n".join([f"[{name}]", *lines]))
    return "\n\n".join(blocks) + "\n"


def format_key(key: str) -> str:
    """A key in TOML spelling, quoted if the bare key would mean something else."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else format_value(key)


def format_value(value: object) -> str:
    """One value in TOML spelling; floats keep all digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        # JSON text is TOML text, except for DEL, which TOML requires escaped
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(format_value(member) for member in value) + "]"
    raise TypeError(f"no TOML spelling for {type(value).__name__}")
