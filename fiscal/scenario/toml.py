"""Reading TOML with limits and plain messages, and writing the little that scenarios need."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fiscal.base.errors import InputError, Problem
from fiscal.base.files import read_limited

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 16

_POSITION = re.compile(r"\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


def read_toml(path: Path, shown: str) -> dict[str, Any]:
    """The tables of a TOML file; ``shown`` is the name used in messages.

    Raises InputError for a missing, unreadable, oversize, broken or too deeply nested file.
    """
    content = read_limited(path, MAX_BYTES, shown)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(Problem(f"not UTF-8 text at line {line}", file=shown)) from None
    return parse_toml(text, shown)


def parse_toml(text: str, shown: str) -> dict[str, Any]:
    """Parse TOML text; raises InputError naming line and column, or a nesting beyond the limit."""
    too_deep = Problem("nested too deeply", file=shown, allowed=f"at most {MAX_DEPTH} levels")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(Problem(_syntax_message(str(error), text), file=shown)) from None
    except RecursionError:
        raise InputError(too_deep) from None
    except ValueError as error:  # an integer with thousands of digits, an impossible date
        raise InputError(Problem(f"broken TOML: {error}", file=shown)) from None
    if _depth_exceeds(data, MAX_DEPTH):
        raise InputError(too_deep)
    return data


def _syntax_message(message: str, text: str) -> str:
    match = _POSITION.search(message)
    if match is None:
        return f"broken TOML: {message}"
    reason = message[: match.start()]
    if match["line"] is None:
        line = text.count("\n") + 1
        return f"broken TOML at the end (line {line}): {reason}"
    return f"broken TOML at line {match['line']}, column {match['column']}: {reason}"


def _depth_exceeds(data: object, limit: int) -> bool:
    """Whether tables or lists nest deeper than ``limit``; iterative, so depth cannot break it."""
    level: list[object] = [data]
    for _ in range(limit):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return any(isinstance(node, dict | list) for node in level)


def write_toml(tables: Mapping[str, Mapping[str, object]]) -> str:
    """TOML text of one level of tables with plain values (text, number, switch, list)."""
    blocks = []
    for name, table in tables.items():
        lines = [f"{key} = {format_value(value)}" for key, value in table.items()]
        blocks.append("\n".join([f"[{name}]", *lines]))
    return "\n\n".join(blocks) + "\n"


def format_value(value: object) -> str:
    """One value in TOML spelling; floats keep all their digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        # JSON text is TOML text, but for DEL, which TOML wants escaped
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(format_value(member) for member in value) + "]"
    raise TypeError(f"no TOML spelling for {type(value).__name__}")
