"""Files: read users' files within limits, with a message for unreadable ones, and write a file completely or not at
all."""

from __future__ import annotations

import codecs
import csv
import glob
import json
import math
import os
import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from fiscal.base.errors import InputError, Problem

MAX_KEYS = 1000
"""Largest number of keys of a scenario, a design, or a set of overrides; there are about two hundred settings."""

MAX_DEPTH = 16
"""Largest number of nested levels of tables and lists."""


def refuse_oversize(data: object, shown: str | None, most_keys: int = MAX_KEYS) -> None:
    """Raise InputError for tables and lists nested deeper than :data:`MAX_DEPTH` or with more than ``most_keys`` keys;
    iterative, so that any depth works."""
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
    """A value from a program, as a file would hold it. Numbers, booleans, and texts of NumPy and pandas become Python's
    own; arrays, series, and tuples become lists; paths become texts. Other values stay unchanged."""
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
    """Whether a given name is that of a file; false for a name that no file can have (too long, or with a null
    character)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_limited(path: Path, most_bytes: int, shown: str) -> bytes:
    """A file's bytes; ``shown`` is its name in messages.

    Raises InputError for a missing, unreadable, or oversize file, and for a pipe or device, which may never end.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InputError(Problem("is not a regular file", file=shown))
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
    """JSON, with or without a byte order mark; ``comments`` of ``//`` and ``/* */`` are ignored.

    Raises InputError for broken, oversize, or non-finite content, and for a name that appears twice in an object.
    """
    repeated: list[tuple[dict[str, Any], list[str]]] = []

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not a JSON number")

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
"""A JSON string, which is kept, or a comment outside of one; both may lack an end."""


def _blank(found: re.Match[str]) -> str:
    """Blanks for a comment, so that positions in messages are those of the file."""
    return found[0] if found[0].startswith('"') else re.sub(r"[^\r\n]", " ", found[0])


MAX_REPEATED = 20


def _repeated(told: Any, repeated: list[tuple[dict[str, Any], list[str]]], shown: str) -> list[Problem]:
    """Each name that appears twice, with the names that lead to it."""
    names = {id(found): twice for found, twice in repeated}
    problems: list[Problem] = []
    left = deque([("", told)])
    while left and len(problems) < MAX_REPEATED:
        place, node = left.popleft()
        for name in names.get(id(node), ()):
            problems.append(Problem("appears twice", file=shown, key=f"{place}{name[:60]}", allowed="once"))
        if isinstance(node, dict | list):
            members = node.items() if isinstance(node, dict) else enumerate(node)
            left += [(f"{place}{str(name)[:60]}, ", member) for name, member in members]
    return problems


@dataclass(frozen=True)
class CsvTable:
    """A CSV file as text: its column names in lower case, the cells of each, and the line of each row."""

    columns: dict[str, list[str]]
    lines: list[int]
    decimal_comma: bool

    def numbers(self, column: str) -> list[float | None]:
        """The column as numbers; None for anything except a plain decimal number (infinity, percent, hexadecimal,
        blank)."""
        cells = self.columns[column]
        return [_plain_number(cell.replace(",", ".") if self.decimal_comma else cell) for cell in cells]


SEPARATORS = ";\t|,"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def _plain_number(cell: str) -> float | None:
    return float(cell) if _NUMBER.fullmatch(cell) else None


def read_csv(path: Path, shown: str) -> CsvTable:
    """The cells of a user's CSV file, without surrounding blanks; ``shown`` is its name in messages.

    Commas, semicolons, tabs, or bars separate columns, whichever is most frequent in the first row. If it is not the
    comma, numbers may have a decimal comma. Blank lines, lines that begin with ``#``, a first line ``sep=;``, and empty
    columns at the end of rows are ignored. The encoding is UTF-8, or UTF-16 with a byte order mark.

    Raises InputError, with the lines, for content that cannot be read as text or as a table.
    """
    rows, separator = _csv_rows(_text(read_limited(path, MAX_CSV_BYTES, shown), shown), shown)
    if not rows:
        raise InputError(Problem("the file has no rows", file=shown))
    names = [name.lower() for name in rows[0][1]]
    problems = [
        Problem("the column appears twice", file=shown, key=name)
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
"""Largest number of problems reported per column or file: enough to fix it."""


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
    """Rows with their first line, without empty cells at their end, and the separator."""
    lines = [line if line.lstrip()[:1] != "#" else "" for line in text.split("\n")]
    first = next((line.strip(" ") for line in lines if line.strip()), "")
    if first.lower().startswith("sep=") and first[4:5] in SEPARATORS:  # a line that Excel writes
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


def write_whole(path: Path, content: bytes) -> None:
    """Write a temporary file of this call's own in the same folder and rename it: a reader sees the old file or the new
    one, never a part, and processes that write one file at once do not mix. What killed processes left is removed."""
    beside = path.with_name(f"{path.name[:200]}.{os.getpid()}-{next(_writes)}{PART}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    for left in path.parent.glob(f"{glob.escape(path.name[:200])}.*{PART}"):
        if _is_abandoned(left.name):
            left.unlink(missing_ok=True)


PART = ".part"
_PART = re.compile(r"(?P<of>.+)\.(?P<process>[0-9]+)-[0-9]+\.part", re.DOTALL)
_writes = count()


def part_of(name: str) -> str | None:
    """The file that a temporary file of :func:`write_whole` is for; None for any other file."""
    found = _PART.fullmatch(name)
    return found and found["of"]


def _is_abandoned(name: str) -> bool:
    """Whether a temporary file belongs to a process that has ended."""
    import psutil

    found = _PART.fullmatch(name)
    return found is not None and not psutil.pid_exists(int(found["process"]))


def not_writable(folder: Path, shown: str | None = None) -> list[Problem]:
    """Why nothing can be written into ``folder``; if it does not exist, its nearest existing parent is checked."""
    path = Path(os.path.abspath(folder))
    existing = next(one for one in (path, *path.parents) if os.path.exists(one))
    shown = str(folder) if shown is None else shown
    if not existing.is_dir():
        return [Problem(f"cannot be created, because {existing.name} is a file", file=shown, allowed="another folder")]
    if not os.access(existing, os.W_OK | os.X_OK):
        return [Problem("cannot be written to", file=shown, allowed="a writable folder")]
    return []
