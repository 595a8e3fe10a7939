"""One hash of the code that determines the numbers: the source of the packages that compute.

Comments, docstrings, blank lines, and line endings do not count. Tables, figures, reports, and commands do not count
either. A new word in a chart therefore changes no fingerprint, and a new formula does.
"""

from __future__ import annotations

import hashlib
import re
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
    return sources_sha256({file.relative_to(package).as_posix(): file.read_text(encoding="utf-8") for file in files})


def sources_sha256(sources: Mapping[str, str]) -> str:
    """sha256 of the meaning of source files, ``{name relative to the package: text}``."""
    digest = hashlib.sha256()
    for name, source in sorted(sources.items()):
        code = hashlib.sha256(without_remarks(source).encode()).hexdigest()
        digest.update(f"{name}\n{code}\n".encode())
    return digest.hexdigest()


_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<string>[a-zA-Z]{0,2}(?:\'{3}(?:[^\\]|\\.)*?\'{3}|"{3}(?:[^\\]|\\.)*?"{3}|'(?:[^\\'\n]|\\.)*'|"(?:[^\\"\n]|\\.)*"))
    |(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<end>\n)|(?P<space>[ \t\f]+|\\\n)
    |(?P<other>[^\s#'"()\[\]{}\\][^\n#'"()\[\]{}\\]*|.)""",
    re.VERBOSE | re.DOTALL,
)
"""What matters in Python source, ten times as fast as ``tokenize``: every run asks for the hash."""


def without_remarks(source: str) -> str:
    """Python source without comments, docstrings and blank lines, the same text on every version of Python.

    A docstring is a statement that consists of a string: of a module, class, or function, or below a name.
    """
    spans: list[tuple[int, int]] = []
    depth, begun, text = 0, False, None
    for token in _TOKEN.finditer(source + "\n"):
        kind = token.lastgroup
        if kind == "comment":
            spans.append(token.span())
        elif kind == "end":
            if depth == 0 and begun:
                spans += [text] if text is not None else []
                begun, text = False, None
        elif kind != "space":
            text = token.span() if kind == "string" and not begun else None
            begun = True
            depth += (kind == "open") - (kind == "close")
    kept, at = [], 0
    for start, end in sorted(spans):
        kept.append(source[at:start])
        at = end
    lines = ("".join(kept) + source[at:]).splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip())
