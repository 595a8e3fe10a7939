"""The brief: what of a report fits on four pages, in the report's own words and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fiscal.report.content import (
    Block,
    Figure,
    Heading,
    Items,
    Prose,
    Ref,
    Report,
    Section,
    Table,
    Term,
    Text,
)

MOST_PAGES = 4

CHOSEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Year by year, and in present values",
        ("figure-against-base", "figure-cash-flow", "figure-difference", "table-values", "table-levers"),
    ),
    ("What drives the answer", ("figure-drivers", "figure-sensitivity")),
)
"""Chapters after the answer -> the figures and tables that they hold, where the report has them.

One with a figure of :data:`WITH_CHAPTER` bears the heading that the figure has in the report.
"""

ALTERNATIVES = {
    "figure-cash-flow": ("figure-against-base",),
    "figure-sensitivity": ("figure-drivers",),
    "figure-difference": ("table-values", "table-levers"),
    "table-levers": ("table-values",),
}
"""What is left out where one of the others is there: those say it of the effect that is asked for."""

WITH_LEAD = (
    "figure-against-base",
    "figure-cash-flow",
    "figure-difference",
    "figure-sensitivity",
    "table-values",
)
"""Figures and tables that come with the paragraph before them in the report."""

WITH_CHAPTER = ("figure-drivers",)
"""Figures that come with all that stands before them under their heading, and with what refers to them after."""

ANSWER = "The answer"
LIMITS = "What this is not"
LIMITS_CHOSEN = ("Scope", "Returns", "Crypto", "Validation")
"""Limits that bear on the answer itself; the full report has them all."""


def brief(report: Report) -> Report:
    """The brief of a report: its answer, the figures that carry it, what drives it, and its limits."""
    numbered: tuple[Figure | Table, ...] = (*report.figures(), *report.tables())
    blocks = {block.label: block for block in numbered}
    answer = report.sections[0]
    held = {block.label for block in answer.blocks if isinstance(block, Figure | Table)}
    # which cases are compared stands at the head of a brief already
    told = tuple(part for part in answer.blocks if not (isinstance(part, Prose) and part.style == "note"))
    sections = [replace(answer, title=ANSWER, blocks=told, new_page=False)]
    for title, labels in CHOSEN:
        found = [label for label in labels if label in blocks and _wanted(label, blocks)]
        held |= set(found)
        if found:
            heads = [_heading(report, blocks[label]) for label in found if label in WITH_CHAPTER]
            parts = tuple(part for label in found for part in _with_words(report, blocks[label]))
            sections.append(Section(heads[0] if heads else title, parts))
    limits = _limits(report)
    if limits:
        sections.append(Section(LIMITS, limits))
    numbers = report.numbers()
    return replace(
        report,
        scenarios=tuple(
            {**facts, "more": f"{facts['more']} of the full report" if facts["more"] else ""}
            for facts in report.scenarios
        ),
        sections=tuple(
            replace(section, blocks=tuple(_told(block, held, numbers) for block in section.blocks))
            for section in sections
        ),
        brief=True,
    )


def _wanted(label: str, blocks: Mapping[str, object]) -> bool:
    return not any(other in blocks for other in ALTERNATIVES.get(label, ()))


def _home(report: Report, block: Block) -> tuple[Section, int]:
    """The chapter that holds a block, and its place there."""
    section = next(one for one in report.sections if any(part is block for part in one.blocks))
    return section, next(place for place, part in enumerate(section.blocks) if part is block)


def _heading(report: Report, block: Block) -> str:
    """What a block stands under: the heading before it, or its chapter's title."""
    section, place = _home(report, block)
    heads = [part.text for part in section.blocks[:place] if isinstance(part, Heading)]
    return heads[-1] if heads else section.title


def _with_words(report: Report, block: Figure | Table) -> tuple[Block, ...]:
    """A figure or table with what the report says of it: the paragraph before it, or more where it needs that."""
    section, place = _home(report, block)
    if block.label in WITH_CHAPTER:
        heads = [number for number, part in enumerate(section.blocks[:place]) if isinstance(part, Heading)]
        first = heads[-1] + 1 if heads else 0
        before = tuple(part for part in section.blocks[first:place] if isinstance(part, Prose))
        after = tuple(
            part for part in section.blocks[place:] if isinstance(part, Prose) and _names(part, block.label)
        )
        return (*before[:1], block, *before[1:], *after)  # text breaks over pages where a figure cannot
    lead = section.blocks[place - 1] if place else None
    return (lead, block) if isinstance(lead, Prose) and block.label in WITH_LEAD else (block,)


def _names(prose: Prose, label: str) -> bool:
    """Whether a paragraph refers to a figure or table."""
    return any(isinstance(part, Ref) and part.label == label for part in prose.text)


def _limits(report: Report) -> tuple[Block, ...]:
    """The limits that the report names and that bear on the answer."""
    for section in report.sections:
        if section.title.startswith("Limits"):
            for block in section.blocks:
                if isinstance(block, Items):
                    own = {item.term: item for item in block.items if isinstance(item, Term)}
                    chosen = tuple(own[term] for term in LIMITS_CHOSEN if term in own)
                    more = f"The full report names {len(block.items) - len(chosen)} more limits."
                    return (replace(block, items=chosen), Prose(more, "note"))
    return ()


def _told(block: Block, held: set[str], numbers: Mapping[str, str]) -> Block:
    """A block whose references to what the brief leaves out name the full report."""

    def told(text: Text) -> Text:
        if isinstance(text, str):
            return text
        return tuple(
            f"{numbers[piece.label]} of the full report"
            if isinstance(piece, Ref) and piece.label not in held
            else piece
            for piece in text
        )

    if isinstance(block, Prose):
        return replace(block, text=told(block.text))
    if isinstance(block, Items):
        items = tuple(
            replace(item, text=told(item.text)) if isinstance(item, Term) else told(item)
            for item in block.items
        )
        return replace(block, items=items)
    return block
