"""Templates of prose, read into blocks: one text for PDF and HTML.

A template is filled by Jinja2 and then read line by line::

    # Chapter      ## Heading      ! the finding      ~ small print      - an item
    @table NAME    @figure NAME    @columns 2 1 ... @next ... @end       @page

Other lines are paragraphs, which an empty line ends; ``**bold**`` and ``[[NAME]]`` (a reference) may be in any text.
Whatever a fact holds is text: its characters are hidden from the reader of the markup and come back afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from fiscal.base.prose import FILTERS, span
from fiscal.report.content import Block, Bullets, Columns, Figure, Heading, PageBreak, Paragraph, Piece, Table, Text
from fiscal.results.headline import TEMPLATES as SENTENCES

TEMPLATES = Path(__file__).parent / "templates"

_MARKS = "#!~-@*[]\n\r"
_HIDDEN_FROM = 0x10_FF00
_HIDE = {ord(mark): chr(_HIDDEN_FROM + place) for place, mark in enumerate(_MARKS)}
_SHOW = {_HIDDEN_FROM + place: " " if mark in "\n\r" else mark for place, mark in enumerate(_MARKS)}
_PIECES = re.compile(r"\*\*(?P<bold>.+?)\*\*|\[\[(?P<ref>[a-z0-9-]+)\]\]")

Exhibits = Mapping[str, Callable[[], Table | Figure | None]]


def _hidden(value: Any) -> Markup:
    return value if isinstance(value, Markup) else Markup(str(value).translate(_HIDE))


def filled(template: str, facts: Mapping[str, Any]) -> str:
    """A template (its name, or its text of some lines) with its facts in it, their characters hidden."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([TEMPLATES, SENTENCES]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
        finalize=_hidden,
    )
    environment.filters.update(FILTERS)
    environment.filters["flat"] = lambda text: Markup(" ".join(str(text).split()))
    environment.globals.update(span=span)
    find = environment.from_string if "\n" in template else environment.get_template
    return find(template).render(**facts)


def compose(template: str, facts: Mapping[str, Any], exhibits: Exhibits) -> tuple[Block, ...]:
    """The blocks of a template; an exhibit is made once and only where it is named, and left out where it is None."""
    return tuple(_Reader(filled(template, facts).splitlines(), exhibits).blocks())


def text_of(line: str) -> Text:
    """A line as pieces, its hidden characters shown again."""
    pieces, place = [], 0
    for match in _PIECES.finditer(line):
        pieces.append(Piece(line[place : match.start()]))
        pieces.append(Piece(match["bold"], "bold") if match["bold"] else Piece(match["ref"], "ref"))
        place = match.end()
    pieces.append(Piece(line[place:]))
    return tuple(Piece(piece.text.translate(_SHOW), piece.kind) for piece in pieces if piece.text)


class _Reader:
    """Lines into blocks."""

    def __init__(self, lines: list[str], exhibits: Exhibits) -> None:
        self._lines = lines
        self._exhibits = exhibits
        self._place = 0

    def blocks(self, *ends: str) -> Iterator[Block]:
        """Blocks up to one of the lines ``ends``, which stays to be read."""
        while self._place < len(self._lines):
            line = self._lines[self._place].strip()
            if line in ends:
                return
            self._place += 1
            if not line:
                continue
            if line.startswith("@"):
                block = self._directive(line[1:].split())
                if block is not None:
                    yield block
            elif line.startswith("#"):
                level = len(line) - len(line.lstrip("#"))
                yield Heading(text_of(line[level:].strip()), level)
            elif line.startswith("- "):
                self._place -= 1
                yield Bullets(tuple(text_of(item) for item in self._items()))
            elif line.startswith(("! ", "~ ")):
                style = "finding" if line[0] == "!" else "small"
                yield Paragraph(text_of(self._rest(line[2:])), style)  # type: ignore[arg-type]
            else:
                yield Paragraph(text_of(self._rest(line)))

    def _directive(self, words: list[str]) -> Block | None:
        if words[0] in ("table", "figure"):
            return self._exhibits[words[1]]()
        if words[0] == "page":
            return PageBreak()
        if words[0] != "columns":
            raise ValueError(f"no such directive: {words[0]}")
        parts = [tuple(self.blocks("@next", "@end"))]
        while self._lines[self._place].strip() == "@next":
            self._place += 1
            parts.append(tuple(self.blocks("@next", "@end")))
        self._place += 1
        return Columns(tuple(parts), tuple(float(word) for word in words[1:]))

    def _items(self) -> Iterator[str]:
        while self._place < len(self._lines) and self._lines[self._place].strip().startswith("- "):
            line = self._lines[self._place].strip()
            self._place += 1
            yield self._rest(line[2:])

    def _rest(self, first: str) -> str:
        """A paragraph or item with its continuation lines."""
        parts = [first]
        while self._place < len(self._lines):
            line = self._lines[self._place].strip()
            if not line or line.startswith(("@", "#", "- ", "! ", "~ ")):
                break
            parts.append(line)
            self._place += 1
        return " ".join(" ".join(parts).split())
