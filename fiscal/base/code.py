"""What the package computes with, as one hash: the source of the rooms that decide a number, and nothing else.

Comments, docstrings, blank lines and line endings do not count, nor do tables, figures, reports and commands, so
that a better word in a chart leaves every fingerprint as it was and a changed formula does not.
"""

from __future__ import annotations

import hashlib
import io
import tokenize
from functools import cache
from pathlib import Path

MODEL_ROOMS = ("base", "scenario", "law", "people", "markets", "projection", "budget", "engine")
"""Packages whose code decides what a run computes."""

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def code_sha256(package: Path = _PACKAGE) -> str:
    """sha256 over the meaning of the model's source files, by relative name; the same in a wheel and a checkout."""
    digest = hashlib.sha256()
    files = [file for room in MODEL_ROOMS for file in (package / room).rglob("*.py")]
    for file in sorted(files, key=lambda file: file.relative_to(package).as_posix()):
        name = file.relative_to(package).as_posix()
        code = without_remarks(file.read_text(encoding="utf-8"))
        digest.update(f"{name}\n{hashlib.sha256(code.encode()).hexdigest()}\n".encode())
    return digest.hexdigest()


def without_remarks(source: str) -> str:
    """Python source without comments, docstrings and blank lines, the same text on every version of Python.

    A docstring is a statement that is a text alone: of a module, class or function, or below a name.
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
