"""Progress of long work: a bar in a notebook or on a terminal, and plain lines in a log."""

from __future__ import annotations

import contextlib
import html
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from fiscal.base.words import printable

Progress = Callable[..., None]
"""Called with ``(done, total, label="")`` as the work advances."""

T = TypeVar("T")


def silent(done: float, total: float, label: str = "") -> None:
    """The callback of those who ask for none."""


def steps(items: Sequence[T], progress: Progress | None, label: Callable[[T], str]) -> Iterator[T]:
    """The items one by one. ``progress`` gets the label of each item before it, and "done" at the end."""
    report = progress or silent
    for done, item in enumerate(items):
        report(done, len(items), label(item))
        yield item
    report(len(items), len(items), "done")


LINE_SECONDS = 10.0
"""Seconds between two lines of progress where there is no terminal; work that ends sooner prints none."""

CELL_SECONDS = 0.5
"""Seconds between two states of a bar in a notebook; work that ends sooner draws none."""

BY_YEAR = "law year"
"""How labels of law years begin; each takes long and has a line of its own."""


@contextlib.contextmanager
def progress_bar(
    title: str, progress: Progress | bool | None = None, *, time_left: bool = False
) -> Iterator[Progress | None]:
    """The callback ``progress``, none if it is False, or by default one that shows a bar or lines.

    In a notebook the bar is part of the cell's output and goes when the work ends. On a terminal it is drawn on stderr,
    with the time left if ``time_left``: where all steps take about the same time. Elsewhere a line is printed per law
    year of a build, and of other long work one every ten seconds, with percent and time left.
    """
    if callable(progress):
        yield progress
    elif progress is False:
        yield None
    elif _in_notebook():
        with _cell_bar(title) as advance:
            yield advance
    elif sys.stderr is None:
        yield None
    elif sys.stderr.isatty():
        with _terminal_bar(title, time_left) as advance:
            yield advance
    else:
        yield plain_progress(title)


@contextlib.contextmanager
def noted(note: str) -> Iterator[None]:
    """Say of long work that is stopped what is kept, where nothing inside has said it."""
    try:
        yield
    except KeyboardInterrupt as error:
        if not getattr(error, "__notes__", ()):
            error.add_note(note)
        raise


def _in_notebook() -> bool:
    """Whether the process is a notebook's kernel."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


@contextlib.contextmanager
def _terminal_bar(title: str, time_left: bool) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns: list[ProgressColumn] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    ]
    if time_left:
        columns += [TextColumn("left", markup=False), TimeRemainingColumn()]
    # redirect_stdout would send the program's JSON to stderr
    console = Console(file=sys.stderr, markup=False, highlight=False, emoji=False)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task(title, total=None)

        def advance(done: float, total: float, label: str = "") -> None:
            bar.update(task, completed=done, total=total, description=f"{title}: {label}" if label else title)

        yield advance


@contextlib.contextmanager
def _cell_bar(title: str, clock: Callable[[], float] = time.monotonic) -> Iterator[Progress]:
    from IPython.display import HTML, display

    told, last = _Told(title, clock), clock()
    handle: Any = None

    def advance(done: float, total: float, label: str = "") -> None:
        nonlocal last, handle
        text = told(done, total, label)
        if clock() - last < CELL_SECONDS:
            return
        last = clock()
        bar = HTML(f'<progress value="{done:g}" max="{total:g}"></progress> {html.escape(text)}')
        if handle is None:
            handle = display(bar, display_id=True, metadata=CELL_METADATA)
        else:
            handle.update(bar, metadata=CELL_METADATA)

    try:
        yield advance
    finally:
        if handle is not None:
            handle.update(HTML(""), metadata=CELL_METADATA)


CELL_METADATA = {"fiscal": "progress"}
"""Marks the output of a cell that is a bar, so that it can be left out of a stored notebook."""


def plain_progress(title: str, clock: Callable[[], float] = time.monotonic) -> Progress:
    """A callback that prints lines for logs, where no bar can be drawn."""
    told, last = _Told(title, clock), clock()

    def advance(done: float, total: float, label: str = "") -> None:
        nonlocal last
        text = told(done, total, label)
        if not label.startswith(BY_YEAR) and clock() - last < LINE_SECONDS:
            return
        last = clock()
        print(printable(text), file=sys.stderr, flush=True)

    return advance


class _Told:
    """Title, label, percent, and time left in words. The time left is that of the steps under the same label."""

    def __init__(self, title: str, clock: Callable[[], float]) -> None:
        self.title, self.clock = title, clock
        self.begun, self.first, self.label = clock(), 0.0, ""

    def __call__(self, done: float, total: float, label: str) -> str:
        by_year = label.startswith(BY_YEAR)
        if label != self.label and not by_year:
            self.begun, self.first, self.label = self.clock(), done, label
        share = min(max(done / total, 0.0), 1.0) if total > 0 else 0.0
        spent = self.clock() - self.begun
        left = spent * (total - done) / (done - self.first) if done > self.first else 0.0
        words = f"{self.title}: {label}".removesuffix(": ") + (f", {done:g} of {total:g}" if by_year else "")
        return f"{words}, {100 * share:.0f} percent" + (f", about {_duration(left)} left" if left > 1 else "")


def _duration(seconds: float) -> str:
    """A duration in words: 40 seconds, 3 minutes."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
