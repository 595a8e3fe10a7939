"""A document as data: paragraphs, lists, tables, and figures in the order of print, before any layout.

Nothing in here is markup, so a title that looks like Typst, HTML, or TeX is printed as it was typed. A table keeps the
frame it shows, which is also written as CSV: the typeset cells are made from it and from nothing else.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from fiscal.base.words import MISSING, figures

HEAD_LINES = 3
BOLD = 1.15
"""How much wider letters of a head are."""

WIDEST_CELL = 22


@dataclass(frozen=True)
class Piece:
    """Part of a text: plain, bold, or a reference by its label, printed as "Table 3"."""

    text: str
    kind: Literal["plain", "bold", "ref"] = "plain"


Text = tuple[Piece, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 opens a chapter."""

    text: Text
    level: int


@dataclass(frozen=True)
class Paragraph:
    """A paragraph: body, the finding, or small print."""

    text: Text
    style: Literal["body", "finding", "small"] = "body"


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[Text, ...]


@dataclass(frozen=True)
class Columns:
    """Blocks side by side, with the shares of the width; below each other where there is no room. ``box`` frames the
    last."""

    parts: tuple[tuple[Block, ...], ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class PageBreak:
    """What follows begins a page, in print."""


@dataclass(frozen=True)
class Column:
    """One column of a table: which field, its head, and for numbers the scale and decimals.

    ``width`` is a share of the width that columns of width 0 leave, which take what they need. ``show`` makes a cell of
    a value in place of the decimals. ``unit`` is given if the heads hold units (workbook).
    """

    field: str
    title: str
    decimals: int | None = None
    scale: float = 1.0
    width: float = 0.0
    align: Literal["left", "right"] | None = None
    unit: str = ""
    show: Callable[[Any], str] | None = None

    def characters(self, values: Iterable[Any]) -> int:
        """Characters that a column of width 0 needs: its widest cell, and its head in at most three lines."""
        cells = [self.cell(value) for value in values]
        widest = max((len(cell) for cell in cells), default=0)
        if self.alignment == "left" and widest > WIDEST_CELL:
            longest_word = max((len(word) for cell in cells for word in cell.split()), default=1)
            widest = max(WIDEST_CELL, longest_word)
        return max(widest, math.ceil(BOLD * _head_width(self.title)))

    @property
    def alignment(self) -> str:
        """Numbers to the right, text to the left, unless the column says otherwise."""
        numeric = self.decimals is not None or self.show is not None
        return self.align or ("right" if numeric else "left")

    def cell(self, value: Any) -> str:
        """The value as it is typeset."""
        if self.show is not None:
            return self.show(value)
        if value is None or value != value:
            return MISSING
        return str(value) if self.decimals is None else figures(float(value) * self.scale, self.decimals)


def _head_width(title: str) -> int:
    """Narrowest width at which a head breaks into at most :data:`HEAD_LINES` lines."""
    longest = max((len(word) for word in title.split()), default=1)
    while len(textwrap.wrap(title, longest)) > HEAD_LINES:
        longest += 1
    return longest


@dataclass(frozen=True)
class Table:
    """A numbered table of a frame. ``group`` names a field whose changes head groups; ``dense`` rows are low."""

    label: str
    caption: str
    data: pd.DataFrame
    columns: tuple[Column, ...]
    unit: str = ""
    notes: tuple[str, ...] = ()
    group: str | None = None
    breakable: bool = False
    dense: bool = False

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Typeset rows: kind ("group" or "row") and cells."""
        heading = None
        for record in self.data.to_dict(orient="records"):
            if self.group is not None and record[self.group] != heading:
                heading = record[self.group]
                yield "group", [str(heading)]
            yield "row", [column.cell(record[column.field]) for column in self.columns]


@dataclass(frozen=True)
class Figure:
    """A numbered figure: ``draw(inches)`` makes it, ``alt`` is the sentence that describes it."""

    label: str
    caption: str
    draw: Callable[[tuple[float, float]], Any] = field(compare=False)
    alt: str
    subtitle: str = ""
    source: str = ""
    inches: tuple[float, float] = (6.5, 2.6)
    small: bool = False
    """Without a number, in a box."""


Block = Heading | Paragraph | Bullets | Columns | PageBreak | Table | Figure


@dataclass(frozen=True)
class Document:
    """A brief or a report: its head and its blocks."""

    title: str
    byline: str
    blocks: tuple[Block, ...]
    running_head: str = ""
    brief: bool = False

    def walk(self) -> Iterator[Block]:
        """Every block in the order of print, those in columns too."""
        yield from _walk(self.blocks)

    def tables(self) -> tuple[Table, ...]:
        """Every table in the order of print."""
        return tuple(block for block in self.walk() if isinstance(block, Table))

    def figures(self) -> tuple[Figure, ...]:
        """Every figure in the order of print."""
        return tuple(block for block in self.walk() if isinstance(block, Figure))

    def numbers(self) -> dict[str, str]:
        """What a reference prints: label -> "Table 3"."""
        tables = {block.label: f"Table {number}" for number, block in enumerate(self.tables(), 1)}
        numbered = [block for block in self.figures() if not block.small]
        return tables | {block.label: f"Figure {number}" for number, block in enumerate(numbered, 1)}

    def plain_text(self) -> str:
        """All sentences, without tables and figures."""
        numbers = self.numbers()
        texts: list[Text] = []
        for block in self.walk():
            if isinstance(block, Heading | Paragraph):
                texts.append(block.text)
            elif isinstance(block, Bullets):
                texts += block.items
        return "\n".join([self.title, self.byline, *(plain(text, numbers) for text in texts)])


def _walk(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        if isinstance(block, Columns):
            for part in block.parts:
                yield from _walk(part)
        else:
            yield block


def plain(text: Text, numbers: Mapping[str, str]) -> str:
    """A text as one string, references by their numbers."""
    return "".join(referred(piece, numbers) for piece in text)


def referred(piece: Piece, numbers: Mapping[str, str]) -> str:
    """A piece as it is printed: what this document lacks is named as the full report's."""
    return numbers.get(piece.text, "the full report") if piece.kind == "ref" else piece.text
