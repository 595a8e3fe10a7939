"""What the command prints: tables, single values, and JSON to stdout; messages and progress to stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import typer

from fiscal.base.words import printable

if TYPE_CHECKING:
    from rich.console import Console

_NUMBER = re.compile(r"none|-?[\d,]*\.?\d+(e[-+]?\d+)?")
PIPE_WIDTH = 160  # width of a table that goes to a file or another program
TABLE_WIDTH = 150  # width below which tables with sentences become lists
SUMMARY_WIDTH = 100  # largest width of a summary and of sentences, on any terminal
SUMMARY_ROWS = 12  # rows of a table in a summary


def console_on(*, stderr: bool = False) -> Console:
    """Rich's console on stdout or stderr: plain text, with a fixed width if it is not a terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], mark: Sequence[bool] = (), most: int = sys.maxsize
) -> None:
    """Print a plain table, at most ``most`` characters wide, numbers to the right; texts are never read as markup.
    ``mark`` makes rows bold."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    body, console = list(rows), console_on()
    console.width = min(console.width, most)
    narrowest = [
        max((len(word) for row in (columns, *body) for word in row[number].split()), default=1)
        for number in range(len(columns))
    ]
    widest = [max((len(row[number]) for row in (columns, *body)), default=1) for number in range(len(columns))]
    room = 3 * len(columns) + 1  # of padding and gaps
    if body and sum(narrowest) + room > console.width:  # a column would break inside a word
        heads = columns[1:]
        entries = [
            (row[0], [f"{head}: {cell}" for head, cell in zip(heads, row[1:], strict=True) if cell]) for row in body
        ]
        show_entries(entries, mark)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="")
    widths = _widths(narrowest, widest, console.width - room)
    for number, column in enumerate(columns):
        numeric = bool(body) and all(_NUMBER.fullmatch(row[number]) for row in body)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(Text(column), overflow="fold", width=widths[number], justify=justify)
    for number, row in enumerate(body):
        style = "bold" if number < len(mark) and mark[number] else ""
        table.add_row(*(Text(printable(cell)) for cell in row), style=style)
    with console.capture() as drawn:
        console.print(table)
    lines = [line.rstrip() for line in drawn.get().splitlines()]
    typer.echo("\n".join(line for line in lines if line))


def _widths(narrowest: Sequence[int], widest: Sequence[int], room: int) -> list[int]:
    """Widths of columns that hold their longest words; what room is left goes to the first column, then to those that
    need least to be whole."""
    widths = list(narrowest)
    left = room - sum(widths)
    order = [0, *sorted(range(1, len(widths)), key=lambda number: widest[number] - narrowest[number])]
    for place, number in enumerate(order):
        share = left if number == 0 else left // (len(order) - place)
        more = max(0, min(widest[number] - widths[number], share))
        widths[number] += more
        left -= more
    return widths


def show_entries(entries: Iterable[tuple[str, Sequence[str]]], mark: Sequence[bool] = ()) -> None:
    """Print what is too wide for a table: the title of each entry and below it its lines, indented and wrapped."""
    console = console_on()
    console.width = min(console.width, SUMMARY_WIDTH)
    lines: list[str] = []
    for number, (head, below) in enumerate(entries):
        style = "bold" if number < len(mark) and mark[number] else ""
        lines += _wrapped(console, printable(head), style=style)
        for line in below:
            lines += _wrapped(console, printable(line), indent=4)
    typer.echo("\n".join(lines))


def _wrapped(console: Console, text: str, indent: int = 0, style: str = "") -> list[str]:
    """Lines of a text on a console, wrapped at its width; most texts fit, and need no layout."""
    from rich.cells import cell_len
    from rich.padding import Padding
    from rich.text import Text

    if "\n" not in text and indent + cell_len(text) <= console.width and not (style and console.is_terminal):
        return [(" " * indent + text).rstrip()]
    with console.capture() as drawn:
        console.print(Padding(Text(text, style=style), (0, 0, 0, indent)) if indent else Text(text, style=style))
    return [line.rstrip() for line in drawn.get().splitlines()]


def is_narrow() -> bool:
    """Whether stdout is a terminal that is too narrow for a table of many columns of text."""
    return console_on().width < TABLE_WIDTH


LAST_WITHDRAWAL = "to the last withdrawal"
"""How far the present values of a comparison extend."""

TO_THE_HORIZON = "present value to the horizon"
"""Label of the row that the data call "present value": flows to the horizon only."""


def show_frame(frame: Any, most: int = sys.maxsize) -> None:
    """Print a data frame, at most ``most`` characters wide, with one number of decimals per column and the span of
    present values."""
    from fiscal.budget.valuation import PRESENT_VALUE
    from fiscal.results import store
    from fiscal.results.result import PRESENT_VALUES

    rows = store.records(frame)
    names = list(rows[0]) if rows else list(frame.columns)
    columns = [column_texts([row[name] for row in rows]) for name in names]
    if "window" in names:
        place = names.index("window")
        columns[place] = [TO_THE_HORIZON if cell == PRESENT_VALUE else cell for cell in columns[place]]
    # words instead of underscores, so that long names wrap between them
    heads = [name.replace("_", " ") + (f", {LAST_WITHDRAWAL}" * (name in PRESENT_VALUES.values())) for name in names]
    show_table(heads, list(zip(*columns, strict=True)), most=most)


def show_headline(headline: Any) -> None:
    """Print the finding of some runs, and under it the table it is made from."""
    if not headline.finding:
        return
    frame = headline.by_case()
    rows = [list(row) for row in frame.itertuples(index=False, name=None)]
    show_entries([(headline.finding, [])])
    if is_narrow():
        show_entries([("", [f"{head}: {cell}" for head, cell in zip(frame, row, strict=True)]) for row in rows])
        return
    show_table(list(frame), rows)


def column_texts(values: Sequence[Any]) -> list[str]:
    """Texts of one column's values."""
    sizes = [abs(value) for value in values if isinstance(value, float)]
    if not sizes:
        return [shown(value) for value in values]
    decimals = 1 if max(sizes) >= 100 else 2 if max(sizes) >= 1 else 4
    return [f"{value:,.{decimals}f}" if isinstance(value, float) else shown(value) for value in values]


def shown(value: Any) -> str:
    """A value for readers: short numbers, lists written out, ``none`` for a missing value."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(shown(member) for member in value)
    return str(value)


def range_text(low: float | None, high: float | None) -> str:
    """A setting's range in words; empty if it has none."""
    return "" if low is None or high is None else f"{low:.10g} to {high:.10g}"


def show_summary(summary: dict[str, Any]) -> None:
    """Print a result's summary: single values as lines, nested ones (column -> row -> value) as tables.

    Long series are left to ``--json`` and to the run folder.
    """
    nested = {key: value for key, value in summary.items() if isinstance(value, dict | list)}
    for key, value in summary.items():
        if key not in nested:
            typer.echo(f"{key.replace('_', ' ')}: {printable(shown(value))}")
    for key, value in nested.items():
        if isinstance(value, dict) and value and all(isinstance(member, dict) for member in value.values()):
            names = list(dict.fromkeys(name for member in value.values() for name in member))
            columns = [column_texts([member.get(name) for name in names]) for member in value.values()]
            typer.echo("")
            show_table([key, *value], list(zip(names, *columns, strict=True)))


def emit_csv(frame: Any) -> None:
    """Print a data frame as CSV to stdout, unrounded."""
    typer.echo(frame.to_csv(index=False, lineterminator="\n"), nl=False)


def emit(answer: dict[str, Any]) -> None:
    """Print one JSON object to stdout."""
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False))


def say(message: str) -> None:
    """Print a message to stderr."""
    typer.echo(printable(message), err=True)
