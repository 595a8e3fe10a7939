"""A document as PDF: its blocks to JSON, its figures as SVG, both through one Typst template.

The PDF follows PDF/UA-1 (Typst refuses to write one that does not): title, language, reading order,
alternative texts, table heads. It holds no creation date and embeds its fonts, so the same document gives the same
bytes with the same libraries. Text and figures have one typeface, STIX, which comes with matplotlib.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from fiscal.report.content import (
    Block,
    Bullets,
    Columns,
    Document,
    Figure,
    Heading,
    PageBreak,
    Paragraph,
    Piece,
    Table,
    Text,
    referred,
)
from fiscal.report.markup import TEMPLATES

TEMPLATE = "layout.typ"
PDF_STANDARD: Literal["ua-1"] = "ua-1"


def fonts() -> Path:
    """Folder of the fonts that text and figures share."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def as_json(document: Document) -> dict[str, Any]:
    """The document as the template reads it; every text is a JSON string."""
    numbers = document.numbers()
    return {
        "title": document.title,
        "byline": document.byline,
        "running_head": document.running_head,
        "brief": document.brief,
        "blocks": [_block(block, numbers) for block in document.blocks],
    }


def _pieces(text: Text, numbers: Mapping[str, str]) -> list[dict[str, str]]:
    return [_piece(piece, numbers) for piece in text]


def _piece(piece: Piece, numbers: Mapping[str, str]) -> dict[str, str]:
    known = piece.kind == "ref" and piece.text in numbers
    return {"text": referred(piece, numbers), "kind": piece.kind, "to": piece.text if known else ""}


def _block(block: Block, numbers: Mapping[str, str]) -> dict[str, Any]:
    match block:
        case Heading():
            return {"kind": "heading", "level": block.level, "pieces": _pieces(block.text, numbers)}
        case Paragraph():
            return {"kind": "paragraph", "style": block.style, "pieces": _pieces(block.text, numbers)}
        case Bullets():
            return {"kind": "bullets", "items": [_pieces(item, numbers) for item in block.items]}
        case Columns():
            parts = [[_block(one, numbers) for one in part] for part in block.parts]
            return {"kind": "columns", "shares": list(block.shares), "parts": parts}
        case PageBreak():
            return {"kind": "page"}
        case Table():
            return {
                "kind": "table",
                "label": block.label,
                "caption": block.caption,
                "subtitle": block.unit,
                "notes": list(block.notes),
                "breakable": block.breakable,
                "dense": block.dense,
                "columns": [
                    {
                        "title": column.title,
                        "width": column.width,
                        "characters": column.characters(block.data[column.field]),
                        "align": column.alignment,
                    }
                    for column in block.columns
                ],
                "rows": [{"kind": kind, "cells": cells} for kind, cells in block.rows()],
            }
        case Figure():
            return {
                "kind": "figure",
                "label": block.label,
                "caption": block.caption,
                "subtitle": block.subtitle,
                "notes": [],
                "alt": block.alt,
                "path": f"figure-{block.label}.svg",
                "small": block.small,
            }
    raise TypeError(block)


def compile_pdf(document: Document, figures: Path, work: Path) -> bytes:
    """Typeset ``document`` with the SVGs of ``figures`` in the empty folder ``work``; returns the PDF.

    Nothing is fetched: the template uses no packages and no fonts of the system. A character that its fonts lack
    (an accessible PDF may not show a box in its place) is printed by its number: ``[U+4E2D]``.
    """
    import typst

    shutil.copy(TEMPLATES / TEMPLATE, work / TEMPLATE)
    for figure in document.figures():
        shutil.copy(figures / f"figure-{figure.label}.svg", work)
    text = json.dumps(_spelled(as_json(document)), ensure_ascii=False, allow_nan=False)
    (work / "report.json").write_text(text, encoding="utf-8")
    return bytes(
        typst.compile(
            work / TEMPLATE,
            root=work,
            ignore_system_fonts=True,
            font_paths=[fonts()],
            pdf_standards=[PDF_STANDARD],
            timestamp=0,
        )
    )


# --- characters that no font has --------------------------------------------------------------------

_PLAIN = frozenset(map(chr, range(32, 127))) | {"\n"}
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn what follows them round: they are shown, not obeyed."""


_SOFT_HYPHEN = "\u00ad"
"""Where a word may be broken: not shown, but fonts draw it with the hyphen's own sign, and a reader of the file would
find it in place of every hyphen."""


_GAPS = re.compile(r"[\t\r\v\f]+")
"""White space that fonts have no sign for, which replaces a space."""


def _spelled(content: dict[str, Any]) -> dict[str, Any]:
    """The content without soft hyphens, with plain spaces, and with every character that cannot be printed as its
    number, neighbors in one pair of brackets."""
    content = _mapped(content, lambda text: _GAPS.sub(" ", text.replace(_SOFT_HYPHEN, "")))
    used = frozenset("".join(_texts(content))) - _PLAIN
    lacking = (used & _DIRECTION) | _lacking("".join(sorted(used - _DIRECTION)))
    if not lacking:
        return content
    pattern = re.compile(f"[{re.escape(''.join(sorted(lacking)))}]+")

    def spell(text: str) -> str:
        return pattern.sub(lambda found: f"[{' '.join(f'U+{ord(mark):04X}' for mark in found[0])}]", text)

    changed: dict[str, Any] = _mapped(content, spell)
    return changed


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping | list):
        for member in content.values() if isinstance(content, Mapping) else content:
            yield from _texts(member)


def _mapped(content: Any, change: Callable[[str], str]) -> Any:
    """The content with every text changed; keys, which are ours, stay."""
    if isinstance(content, str):
        return change(content)
    if isinstance(content, Mapping):
        return {key: _mapped(member, change) for key, member in content.items()}
    return [_mapped(member, change) for member in content] if isinstance(content, list) else content


@cache
def _lacking(marks: str) -> frozenset[str]:
    """Those of some characters that no font of the template has: halves are tried until they can be printed."""
    if not marks or _can_be_printed(marks):
        return frozenset()
    if len(marks) == 1:
        return frozenset(marks)
    middle = len(marks) // 2
    return _lacking(marks[:middle]) | _lacking(marks[middle:])


_TRIAL = b"""
#set document(title: "trial")
#set text(lang: "en", font: ("STIXGeneral", "Libertinus Serif"), fallback: false)
#sys.inputs.marks.codepoints().map(mark => "o" + mark).join(" ")
"""


def _can_be_printed(marks: str) -> bool:
    import typst

    try:
        typst.compile(  # type: ignore[misc]
            _TRIAL,
            sys_inputs={"marks": marks},
            ignore_system_fonts=True,
            font_paths=[fonts()],
            pdf_standards=[PDF_STANDARD],
        )
    except typst.TypstError:
        return False
    return True
