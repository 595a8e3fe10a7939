"""One hash of the code that determines the numbers: the source of the packages that compute.

Comments, docstrings, blank lines, and line endings do not count. Tables, figures, reports, and commands do not count
either. A new word in a chart therefore changes no fingerprint, and a new formula does.
"""

from __future__ import annotations

import hashlib
import io
import tokenize
from collections.abc import Mapping
from functools import cache
from pathlib import Path

MODEL_ROOMS = ("base", "scenario", "law", "people", "markets", "projection", "budget", "engine")
"""Packages whose code determines the numbers of a run."""

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def code_sha256(rooms: tuple[str, ...] = MODEL_ROOMS, package: Path = _PACKAGE) -> str:
    """:func:`sources_sha256` of the package's own files in ``rooms``; the same in a wheel and a checkout."""
    files = (file for room in rooms for file in (package / room).rglob("*.py"))
    return sources_sha256(
        {file.relative_to(package).as_posix(): file.read_text(encoding="utf-8") for file in files}
    )


def sources_sha256(sources: Mapping[str, str]) -> str:
    """sha256 of the meaning of source files, ``{name relative to the package: text}``."""
    digest = hashlib.sha256()
    for name, source in sorted(sources.items()):
        code = hashlib.sha256(without_remarks(source).encode()).hexdigest()
        digest.update(f"{name}\n{code}\n".encode())
    return digest.hexdigest()


def without_remarks(source: str) -> str:
    """Python source without comments, docstrings and blank lines, the same text on every version of Python.

    A docstring is a statement that consists of a string: of a module, class, or function, or below a name.
    """
    lines = source.splitlines()
    spans = []
    statement_starts, text = True, None
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            spans.append((token.start, token.end))
        elif token.type == tokenize.STRING and statement_starts:
            text, statement_starts = (token.start, token.end), False
        elif token.type == tokenize.NEWLINE:
            if text is not None:
                spans.append(text)
            statement_starts, text = True, None
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            statement_starts, text = False, None
    for (first, start), (last, end) in sorted(spans, reverse=True):
        lines[first - 1 : last] = [lines[first - 1][:start] + lines[last - 1][end:]]
    return "\n".join(line.rstrip() for line in lines if line.strip())
