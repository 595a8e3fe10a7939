"""Reading what someone else has made, files and values: no more than the limits, and a message for what cannot be
read."""

from __future__ import annotations

import codecs
import csv
import json
import math
import os
import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fiscal.base.errors import InputError, Problem

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


def parse_json(content: bytes, shown: str, *, comments: bool = False) -> Any:
    """JSON, with or without a byte order mark; ``comments`` of ``//`` and ``/* */`` are passed over.

    Raises InputError for broken, endless or non-finite content, and for a name that stands twice in an object.
    """
    repeated: list[tuple[dict[str, Any], list[str]]] = []

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number of JSON")

    def finite(word: str) -> float:
        number = float(word)
        return number if math.isfinite(number) else refuse(word[:80])

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            count = Counter(name for name, _ in pairs)
            repeated.append((found, [name for name in found if count[name] > 1]))
        return found

    try:
        text = content.decode("utf-8-sig")
        text = _COMMENT.sub(_blank, text) if comments else text
        told = json.loads(text, parse_constant=refuse, parse_float=finite, object_pairs_hook=object_of)
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


@dataclass(frozen=True)
class CsvTable:
    """A CSV file as text: names of its columns in lower case, and the cells of each with the line that a row is on."""

    columns: dict[str, list[str]]
    lines: list[int]
    decimal_comma: bool

    def numbers(self, column: str) -> list[float | None]:
        """The column as numbers; None for what is no plain decimal number (infinity, percent, hexadecimal, blank)."""
        cells = self.columns[column]
        return [_plain_number(cell.replace(",", ".") if self.decimal_comma else cell) for cell in cells]


SEPARATORS = ";\t|,"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def _plain_number(cell: str) -> float | None:
    return float(cell) if _NUMBER.fullmatch(cell) else None


def read_csv(path: Path, shown: str) -> CsvTable:
    """The cells of a user's CSV file, stripped of blanks around them; ``shown`` is its name in messages.

    Columns are separated by commas, or by semicolons, tabs or bars, of which the first row has the most; numbers
    may then have a decimal comma. Blank lines, lines that begin with ``#``, a first line ``sep=;`` and empty columns
    at the end of rows are passed over. UTF-8, or UTF-16 with a byte order mark.

    Raises InputError, with the lines, for what cannot be read as text or as a table.
    """
    rows, separator = _csv_rows(_text(read_limited(path, MAX_CSV_BYTES, shown), shown), shown)
    if not rows:
        raise InputError(Problem("the file has no rows", file=shown))
    names = [name.lower() for name in rows[0][1]]
    problems = [
        Problem("the column stands twice", file=shown, key=name)
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    for line, cells in rows[1:]:
        if len(cells) > len(names):
            allowed = f"{len(names)} cells, separated by {separator!r}, as in the first row"
            problems.append(
                Problem("too many cells", file=shown, key=f"line {line}", value=len(cells), allowed=allowed)
            )
        cells += [""] * (len(names) - len(cells))
    if problems:
        raise InputError(problems[:MAX_CSV_PROBLEMS])
    columns = {name: [cells[at] for _, cells in rows[1:]] for at, name in enumerate(names)}
    return CsvTable(columns, [line for line, _ in rows[1:]], separator != ",")


MAX_CSV_BYTES = 50_000_000
MAX_CSV_PROBLEMS = 100
"""Of one column or of a whole file: enough to mend it by."""


def _text(content: bytes, shown: str) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        allowed = "UTF-8, or UTF-16 with a byte order mark"
        raise InputError(Problem("is not text", file=shown, key=f"line {line}", allowed=allowed)) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _csv_rows(text: str, shown: str) -> tuple[list[tuple[int, list[str]]], str]:
    """Rows with the line each begins on, without empty cells at their end, and the separator."""
    lines = [line if line.lstrip()[:1] != "#" else "" for line in text.split("\n")]
    first = next((line.strip(" ") for line in lines if line.strip()), "")
    if first.lower().startswith("sep=") and first[4:5] in SEPARATORS:  # a line of Excel's
        lines[next(at for at, line in enumerate(lines) if line.strip())] = ""
        separator = first[4:5] or ","
    else:
        separator = max(reversed(SEPARATORS), key=first.count)
    reader = csv.reader(
        (line + "\n" for line in lines), delimiter=separator, skipinitialspace=separator != "\t", strict=True
    )
    rows, line = [], 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(Problem(f"cannot be read as CSV: {error}", file=shown, key=f"line {line}")) from None
    return rows, separator


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
