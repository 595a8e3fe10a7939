"""Markdown from data and docstrings: text without markup, tables, and numbers for readers."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence

MINUS = "\N{MINUS SIGN}"
WIDTH = 118
_MARKS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "*": "&#42;", "|": "&#124;", "$": "&#36;", "~": "&#126;"}
_ROLE = re.compile(r":(?:mod|func|class|meth|attr|data):`~?([^`]+)`")


def page(*blocks: str) -> str:
    """Blocks of Markdown one below the other, without empty ones."""
    return "\n\n".join(block.strip("\n") for block in blocks if block) + "\n"


def paragraph(text: str) -> str:
    """Text that is Markdown already, in lines of a readable length."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def bullets(*items: str) -> list[str]:
    """Items of a list, Markdown already, in lines of a readable length."""
    return [
        textwrap.fill(f"- {one}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for one in items
    ]


def plain(text: object) -> str:
    """Text of data or code as one line of Markdown without markup."""
    line = " ".join(str(text).split())
    for mark, entity in _MARKS.items():
        line = line.replace(mark, entity)
    return re.sub(r"([\[\]`_])", r"\\\1", line)


def code(text: object) -> str:
    """Text as a code span, also in tables; empty if there is none."""
    line = " ".join(str(text).split()).replace("|", r"\|")
    return f"`{line}`" if line else ""


def fenced(text: str, language: str) -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str] = ()) -> str:
    """A Markdown table; the columns named in ``numbers`` are right-aligned."""
    rule = ["---:" if column in numbers else "---" for column in columns]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (columns, rule, *rows))


def anchor(name: str) -> str:
    """A place that ``page.md#name`` leads to."""
    return f'<a id="{name}"></a>'


def slug(title: str) -> str:
    """The anchor that the site and GitHub give a heading."""
    kept = re.sub(r"[^\w\- ]", "", title.strip().lower().replace("`", ""))
    return kept.replace(" ", "-")


def inline(doc: str | None) -> str:
    """A docstring's text with roles and double backquotes as code spans."""
    return _ROLE.sub(r"`\1`", inspect.cleandoc(doc or "")).replace("``", "`")


def one_line(doc: str | None) -> str:
    """A whole docstring as one line, for a cell of a table."""
    return " ".join(inline(doc).split())


def prose(doc: str | None) -> str:
    """A docstring as Markdown; indented blocks are examples."""
    blocks = re.split(r"\n{2,}", inline(doc))
    return page(
        *(
            fenced(textwrap.dedent(block), "python") if block.startswith("    ") else paragraph(block)
            for block in blocks
        )
    )


def first_sentence(doc: str | None) -> str:
    """The first paragraph of a docstring, as one line."""
    return one_line((doc or "").split("\n\n")[0])


def figure(value: float, decimals: int = 1) -> str:
    """A number for readers: commas for thousands, a true minus sign, empty if missing."""
    if value != value:
        return ""
    text = f"{abs(value):,.{decimals}f}"
    return f"{MINUS}{text}" if value < 0 and text.strip("0.,") else text


def signed(value: float, decimals: int = 1) -> str:
    """A change with its sign, unless it is zero."""
    text = figure(value, decimals)
    return f"+{text}" if value > 0 and text.strip("0.,") else text


def short(value: float) -> str:
    """A value as in a file, without an exponent; empty if missing."""
    return "" if value != value else f"{value:.10g}"
