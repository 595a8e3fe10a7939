"""A report as data: sections of prose, tables, figures and lists, before any layout.

A renderer (:mod:`fiscal.report.pdf`) lays it out; nothing in here is markup, so a title that looks like
Typst, HTML or TeX is printed as it was typed. Tables keep the frame they show, which is also written as
CSV: the typeset cells are formatted from it and from nothing else.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from fiscal.base.words import MISSING, figures


@dataclass(frozen=True)
class Ref:
    """A reference to a table or figure by its label; printed as "Table 3" or "Figure 2"."""

    label: str


Text = str | tuple[str | Ref, ...]


@dataclass(frozen=True)
class Prose:
    """A paragraph. ``lead`` opens a chapter, ``box`` is set apart, ``note`` is small."""

    text: Text
    style: Literal["body", "lead", "box", "note"] = "body"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Term:
    """A list item that opens with the thing it is about."""

    term: str
    text: Text


@dataclass(frozen=True)
class Items:
    """A list of texts or terms."""

    items: tuple[Text | Term, ...]
    ordered: bool = False


OF_DATE = "billions of dollars of 30 June 2025"
"""Unit of present values beside sums of current dollars."""

HEAD_LINES = 3
WIDEST_CELL = 18


def _head_width(title: str) -> int:
    """Narrowest width at which a head breaks into at most :data:`HEAD_LINES` lines."""
    longest = max((len(word) for word in title.split()), default=1)
    while len(textwrap.wrap(title, longest)) > HEAD_LINES:
        longest += 1
    return longest


@dataclass(frozen=True)
class Column:
    """One column of a table: which field, its head, and for numbers the scale and decimals.

    ``width`` is a share of the width that is left by columns of width 0, which take what they need. ``unit`` is said
    where the heads hold units, and only needed where the numbers have another than the table's.
    """

    field: str
    title: str
    decimals: int | None = None
    scale: float = 1.0
    width: float = 0.0
    align: Literal["left", "right"] | None = None
    unit: str = ""

    def characters(self, values: Iterable[Any]) -> int:
        """Characters that a column of width 0 needs: its widest cell (broken into lines of
        :data:`WIDEST_CELL`) and its head, broken into at most :data:`HEAD_LINES` lines."""
        cells = [self.cell(value) for value in values]
        widest = max((len(cell) for cell in cells), default=0)
        if self.decimals is None and widest > WIDEST_CELL:
            longest_word = max((len(word) for cell in cells for word in cell.split()), default=1)
            widest = max(WIDEST_CELL, longest_word)
        return max(widest, _head_width(self.title))

    @property
    def head(self) -> str:
        """The title where words need not be broken to fit: "Stan- dard error" is "Standard error"."""
        return re.sub(r"(?<=\w)- (?=\w)", "", self.title)

    @property
    def alignment(self) -> str:
        """Numbers to the right, text to the left, unless the column says otherwise."""
        return self.align or ("left" if self.decimals is None else "right")

    def cell(self, value: Any) -> str:
        """The value as it is typeset."""
        if self.decimals is not None:
            return figures(float(value) * self.scale, self.decimals)
        return MISSING if value is None or value != value else str(value)


@dataclass(frozen=True)
class Table:
    """A numbered table of a frame. ``group`` names a field whose changes head groups of rows; ``note``
    a field printed small under the first cell; ``strong`` are rows set in bold."""

    label: str
    caption: str
    data: pd.DataFrame
    columns: tuple[Column, ...]
    unit: str = ""
    source: str = ""
    group: str | None = None
    note: str | None = None
    breakable: bool = False

    def rows(self) -> Iterator[dict[str, Any]]:
        """Typeset rows: ``{"kind": "group" | "row", "cells": [{"text", "note"}]}``."""
        heading = None
        for record in self.data.to_dict(orient="records"):
            if self.group is not None and record[self.group] != heading:
                heading = record[self.group]
                yield {"kind": "group", "cells": [{"text": str(heading), "note": ""}]}
            cells = [{"text": column.cell(record[column.field]), "note": ""} for column in self.columns]
            if self.note is not None and isinstance(record[self.note], str):
                cells[0]["note"] = record[self.note]
            yield {"kind": "row", "cells": cells}


@dataclass(frozen=True)
class Panel:
    """One Axes of a figure: the plot's name and its options."""

    plot: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A numbered figure of one or more panels side by side, with the sentence that stands for it."""

    label: str
    caption: str
    panels: tuple[Panel, ...]
    alt: str
    source: str = ""


Block = Prose | Heading | Items | Table | Figure


@dataclass(frozen=True)
class Section:
    """A chapter. ``new_page`` starts it on a page of its own."""

    title: str
    blocks: tuple[Block, ...]
    new_page: bool = False

    def references(self) -> Text:
        """What stands in the chapter, for its head: figures first. Empty on a page of its own, where all is seen."""
        if self.new_page:
            return ""
        labels = [block.label for kind in (Figure, Table) for block in self.blocks if isinstance(block, kind)]
        parts: list[str | Ref] = []
        for label in labels:
            parts += [", " if parts else "", Ref(label)]
        return tuple(part for part in parts if part)


@dataclass(frozen=True)
class Report:
    """Title page, running head and sections."""

    title: str
    subtitle: str
    scenarios: tuple[Mapping[str, str], ...]
    warning: str
    meta: tuple[tuple[str, str], ...]
    running_head: str
    sections: tuple[Section, ...]
    brief: bool = False  # on few pages: no title page, no contents

    def blocks(self) -> Iterator[Block]:
        """Every block in the order of print."""
        for section in self.sections:
            yield from section.blocks

    def tables(self) -> tuple[Table, ...]:
        """Every table in the order of print."""
        return tuple(block for block in self.blocks() if isinstance(block, Table))

    def figures(self) -> tuple[Figure, ...]:
        """Every figure in the order of print."""
        return tuple(block for block in self.blocks() if isinstance(block, Figure))

    def numbers(self) -> dict[str, str]:
        """What a reference prints: label -> "Table 3". Raises ValueError for a label used twice."""
        found: dict[str, str] = {}
        kinds: tuple[tuple[str, tuple[Table | Figure, ...]], ...] = (
            ("Table", self.tables()),
            ("Figure", self.figures()),
        )
        for word, blocks in kinds:
            for number, block in enumerate(blocks, start=1):
                if block.label in found:
                    raise ValueError(f"two blocks are labelled {block.label!r}")
                found[block.label] = f"{word} {number}"
        return found

    def plain_text(self) -> str:
        """All sentences, without tables and figures, for tests and searches."""
        numbers = self.numbers()
        parts: list[str] = [self.title, self.subtitle, self.warning]
        for section in self.sections:
            parts.append(section.title)
            for block in section.blocks:
                if isinstance(block, Prose):
                    parts.append(plain(block.text, numbers))
                elif isinstance(block, Heading):
                    parts.append(block.text)
                elif isinstance(block, Items):
                    parts += [plain(item_text(item), numbers) for item in block.items]
        return "\n".join(parts)


def item_text(item: Text | Term) -> Text:
    """The text of a list item; a term stands before it."""
    if not isinstance(item, Term):
        return item
    tail = (item.text,) if isinstance(item.text, str) else item.text
    return (f"{item.term}: ", *tail)


def plain(text: Text, numbers: Mapping[str, str]) -> str:
    """A text as one string, references by their numbers."""
    if isinstance(text, str):
        return text
    return "".join(numbers[part.label] if isinstance(part, Ref) else part for part in text)
