"""A report as PDF: content to JSON, figures to SVG, both through the Typst template.

The PDF follows PDF/UA-1 (Typst refuses to write one that does not): title, language, reading order,
alternative texts, table heads. It holds no date and uses embedded fonts only, so the same report gives
the same bytes with the same libraries.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from fiscal.base.errors import FiscalError, Problem
from fiscal.report.changes import changes_line, opening, titled
from fiscal.report.content import Heading, Items, Prose, Report, Table, Term, Text

TEMPLATE = "report.typ"
PDF_STANDARD: Literal["ua-1"] = "ua-1"
RUNNING_ID_LENGTH = 60


class TemplateMissingError(FiscalError):
    """The installation lacks the report's template."""


def template_dir() -> Path:
    """Folder of the Typst template: the wheel's, else the source tree's. Raises TemplateMissingError."""
    package = Path(__file__).resolve().parent
    candidates = [package / "_template", package.parent.parent / "reports" / "template"]
    for folder in candidates:
        if (folder / TEMPLATE).is_file():
            return folder
    raise TemplateMissingError(str(Problem("the report's template is missing", value=TEMPLATE)))


def as_json(report: Report) -> dict[str, Any]:
    """The report as the template reads it; every text is a JSON string."""
    numbers = report.numbers()
    identity = " \N{MIDDLE DOT} ".join(scenario["fingerprint"] for scenario in report.scenarios)
    return {
        "title": report.title,
        "subtitle": report.subtitle,
        "warning": report.warning,
        "running_head": report.running_head,
        "brief": report.brief,
        "running_id": identity if len(identity) <= RUNNING_ID_LENGTH else identity[:RUNNING_ID_LENGTH],
        "scenarios": [
            {
                **scenario,
                "titled": titled(scenario),
                "opening": opening(scenario["description"]),
                "changed": changes_line(scenario),
                "line": _scenario_line(scenario, report.brief),
            }
            for scenario in report.scenarios
        ],
        "meta": [list(fact) for fact in report.meta],
        "sections": [
            {
                "title": section.title,
                "new_page": section.new_page,
                "refs": _parts(section.references(), numbers) if section.references() else [],
                "blocks": [_block(block, numbers) for block in section.blocks],
            }
            for section in report.sections
        ],
    }


def _scenario_line(scenario: Mapping[str, str], brief: bool) -> str:
    """Name, settings, author and reference; a brief leaves the reference to the report."""
    parts = [f"Scenario {scenario['name']}", f"settings {scenario['fingerprint']}"]
    parts += [scenario[key] for key in (("author",) if brief else ("author", "reference")) if scenario[key]]
    return " \N{MIDDLE DOT} ".join(parts)


def _parts(text: Text, numbers: Mapping[str, str]) -> list[dict[str, str]]:
    pieces = (text,) if isinstance(text, str) else text
    return [
        {"text": piece} if isinstance(piece, str) else {"text": numbers[piece.label], "ref": piece.label}
        for piece in pieces
    ]


def _block(block: Any, numbers: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(block, Prose):
        return {"kind": "prose", "style": block.style, "parts": _parts(block.text, numbers)}
    if isinstance(block, Heading):
        return {"kind": "heading", "text": block.text}
    if isinstance(block, Items):
        items = [
            {"term": item.term, "parts": _parts(item.text, numbers)}
            if isinstance(item, Term)
            else {"term": "", "parts": _parts(item, numbers)}
            for item in block.items
        ]
        return {"kind": "items", "ordered": block.ordered, "items": items}
    if isinstance(block, Table):
        return {
            "kind": "table",
            "label": block.label,
            "caption": block.caption,
            "unit": block.unit,
            "source": block.source,
            "breakable": block.breakable,
            "columns": [
                {
                    "title": column.title,
                    "width": column.width,
                    "characters": column.characters(block.data[column.field]),
                    "align": column.alignment,
                }
                for column in block.columns
            ],
            "rows": list(block.rows()),
        }
    return {
        "kind": "figure",
        "label": block.label,
        "caption": block.caption,
        "unit": "",
        "source": block.source,
        "alt": block.alt,
        "path": f"{block.label}.svg",
        "breakable": False,
    }


def compile_pdf(report: Report, figures: Path, work: Path) -> bytes:
    """Typeset ``report`` with the SVGs of ``figures`` in the empty folder ``work``; returns the PDF.

    Nothing is fetched: the template uses no packages and no fonts of the system. A character that its fonts lack
    (an accessible PDF may not show a box in its place) is printed by its number: ``[U+4E2D]``.
    """
    import typst

    shutil.copy(template_dir() / TEMPLATE, work / TEMPLATE)
    for figure in report.figures():
        shutil.copy(figures / f"{figure.label}.svg", work)
    text = json.dumps(_spelled(as_json(report)), ensure_ascii=False, allow_nan=False)
    (work / "report.json").write_text(text, encoding="utf-8")
    return bytes(
        typst.compile(
            work / TEMPLATE,
            root=work,
            ignore_system_fonts=True,
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
"""White space that fonts have no sign for, which stands for a space."""


def _spelled(content: dict[str, Any]) -> dict[str, Any]:
    """The content without soft hyphens, with plain spaces, and with every character that cannot be printed as its
    number, neighbours in one pair of brackets."""
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
#set text(lang: "en", font: "Libertinus Serif")
#sys.inputs.marks.codepoints().map(mark => "o" + mark).join(" ")
"""


def _can_be_printed(marks: str) -> bool:
    import typst

    try:
        typst.compile(
            _TRIAL, sys_inputs={"marks": marks}, ignore_system_fonts=True, pdf_standards=[PDF_STANDARD]
        )
    except typst.TypstError:
        return False
    return True
