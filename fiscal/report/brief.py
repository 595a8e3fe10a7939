"""The brief: what of a report fits on four pages, in the report's own words and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fiscal.report.content import Block, Figure, Items, Prose, Ref, Report, Section, Table, Term, Text

MOST_PAGES = 4

CHOSEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Year by year", ("figure-cash-flow", "figure-difference", "table-levers")),
    ("What drives the answer", ("figure-drivers", "figure-sensitivity")),
)
"""Chapters after the answer -> the figures and tables that they hold, where the report has them."""

ALTERNATIVES = {"figure-sensitivity": "figure-drivers", "figure-difference": "table-levers"}
"""What is left out where the other is there: the second says it of the effect that is asked for."""

LIMITS = "What this is not"
MOST_LIMITS = 6


def brief(report: Report) -> Report:
    """The brief of a report: its answer, the figures that carry it, what drives it, and its limits."""
    numbered: tuple[Figure | Table, ...] = (*report.figures(), *report.tables())
    blocks = {block.label: block for block in numbered}
    answer = report.sections[0]
    held = {block.label for block in answer.blocks if isinstance(block, Figure | Table)}
    sections = [replace(answer, new_page=False)]
    for title, labels in CHOSEN:
        found = [label for label in labels if label in blocks and _wanted(label, blocks)]
        held |= set(found)
        if found:
            sections.append(
                Section(title, tuple(part for label in found for part in _with_lead(report, blocks[label])))
            )
    limits = _limits(report)
    if limits:
        sections.append(Section(LIMITS, limits))
    numbers = report.numbers()
    return replace(
        report,
        sections=tuple(
            replace(section, blocks=tuple(_told(block, held, numbers) for block in section.blocks))
            for section in sections
        ),
        brief=True,
    )


def _wanted(label: str, blocks: Mapping[str, object]) -> bool:
    other = ALTERNATIVES.get(label)
    return other is None or other not in blocks


def _with_lead(report: Report, block: Block) -> tuple[Block, ...]:
    """A figure or table after the paragraph that stands before it in the report."""
    for section in report.sections:
        places = [place for place, one in enumerate(section.blocks) if one is block]
        if places:
            before = section.blocks[: places[0]]
            # a table of cases stands for itself; what its chapter says goes on below each of them
            leads = bool(before) and isinstance(before[-1], Prose) and isinstance(block, Figure)
            return (before[-1], block) if leads else (block,)
    return (block,)


def _limits(report: Report) -> tuple[Block, ...]:
    """The first limits that the report names."""
    for section in report.sections:
        if section.title.startswith("Limits"):
            for block in section.blocks:
                if isinstance(block, Items):
                    return (replace(block, items=block.items[:MOST_LIMITS]),)
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
