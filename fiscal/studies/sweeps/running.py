"""Running a design's cases: batch by batch, on any number of processes, and resumable after an interruption.

Every case is computed alone and in the same way, so that neither the number of processes nor an
interruption changes a bit of the tables.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import numpy as np

from fiscal.base.errors import FiscalError, InputError
from fiscal.base.progress import Progress, progress_bar
from fiscal.engine.random_paths import Batches
from fiscal.results.kept import into
from fiscal.scenario.design import Design, read_design
from fiscal.studies.sweeps.cases import Case, cases_of, check
from fiscal.studies.sweeps.outcomes import Outcome, measure, outcomes_of, sums_of
from fiscal.studies.sweeps.result import Sweep
from fiscal.studies.sweeps.stored import read_sweep

BATCH = 8
"""Cases computed and kept at a time: some seconds of work."""

REMEMBERED = 256
"""Scenarios whose sums a process remembers: a reference is often the same in many cases of a grid."""

MOST_JOBS = 64


def sweep(
    design: str | Path | Mapping[str, Any] | Design,
    overrides: Mapping[str, object] | Sequence[str] = (),
    *,
    samples: int | None = None,
    jobs: int = 1,
    progress: Progress | bool | None = None,
    batches: Batches | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    force: bool = False,
) -> Sweep:
    """Run every case of a design, given by name, file or as the mapping that a file would hold.

    ``name`` is what tables and charts call the sweep, such as ``"Adoption and returns"``.
    ``overrides`` hold in all cases, ``samples`` replaces the design's; ``jobs`` processes share the work. With more
    than one, a script needs its ``if __name__ == "__main__":``. ``progress`` as for :func:`fiscal.run`. ``out`` is a
    folder to write, with figures: the same call resumes an interrupted sweep, and reads a finished one; ``force``
    replaces another sweep there. ``batches`` keeps finished cases elsewhere.
    A case that fails is a row with a message. Raises InputError, before anything runs, that lists everything
    wrong with the design.
    """
    if not 1 <= jobs <= MOST_JOBS:
        raise InputError("out of range", key="jobs", value=jobs, allowed=f"1 to {MOST_JOBS}")
    chosen = read_design(design, overrides, samples, name)
    if out is not None:
        from fiscal.results.figures import files

        def make(place: Batches) -> Sweep:
            return sweep(chosen, jobs=jobs, progress=progress, batches=place)

        return into(
            out, chosen.base, make, read_sweep, design=chosen, files=files.sweep_figures, force=force, resume=True
        )
    cases = cases_of(chosen)
    check(chosen, cases)
    with progress_bar(chosen.name, progress, time_left=True) as shown:
        return _swept(chosen, cases, jobs, shown or (lambda done, total, what: None), batches)


def _swept(chosen: Design, cases: list[Case], jobs: int, report: Progress, batches: Batches | None) -> Sweep:
    work = _Work(chosen, cases)
    total = len(cases)
    found: dict[int, dict[str, np.ndarray]] = {}
    missing = []
    for first in range(0, total, BATCH):
        kept = None if batches is None else batches.load(work.key(first))
        if kept is not None and work.fits(first, kept):
            found[first] = dict(kept)
        else:
            missing.append(first)
    done = sum(len(part["messages"]) for part in found.values())
    report(done, total, "cases")
    for first, part in _computed(work, missing, jobs):
        if batches is not None:
            batches.save(work.key(first), part)
        found[first] = part
        done += len(part["messages"])
        report(done, total, "cases")
    ordered = [found[first] for first in sorted(found)]
    values = np.concatenate([part["values"] for part in ordered])
    messages = np.concatenate([part["messages"] for part in ordered])
    return Sweep.of(chosen, work.cases, work.outcomes, values, messages.tolist())


class _Work:
    """The cases of a design and what is asked of them: the same in every process."""

    def __init__(self, design: Design, cases: list[Case]) -> None:
        self.design, self.cases = design, cases
        self.outcomes: tuple[Outcome, ...] = outcomes_of(design, cases)
        self._sums = lru_cache(maxsize=REMEMBERED)(sums_of)

    def of(self, first: int) -> list[Case]:
        """The cases of the batch that begins with case ``first``."""
        return self.cases[first : first + BATCH]

    def key(self, first: int) -> str:
        """Name of a batch among those kept."""
        return f"cases-{first:07d}-{len(self.of(first))}"

    def fits(self, first: int, part: Mapping[str, np.ndarray]) -> bool:
        """Whether a kept batch is one of this design."""
        size = len(self.of(first))
        shapes = {"values": (size, len(self.outcomes)), "messages": (size,)}
        return {name: values.shape for name, values in part.items()} == shapes

    def batch(self, first: int) -> dict[str, np.ndarray]:
        """Outcomes (case, outcome) and messages (case,) of a batch."""
        rows = [self._row(case) for case in self.of(first)]
        return {
            "values": np.array([values for values, _ in rows]),
            "messages": np.array([message for _, message in rows]),
        }

    def _row(self, case: Case) -> tuple[list[float], str]:
        """A case's outcomes; all missing, with the reason, when it cannot be computed."""
        nothing = [float("nan")] * len(self.outcomes)
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                values = measure(self.design, case, self.outcomes, self._sums)
        except (FiscalError, ArithmeticError, ValueError, RuntimeError) as error:
            return nothing, " ".join(str(error).split()) or type(error).__name__
        if not np.isfinite(values).all():
            return nothing, "went beyond what can be computed"
        return values, ""


def _computed(work: _Work, missing: Sequence[int], jobs: int) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Batches as they are finished, by the number of their first case.

    The first one is made here in any case: a kernel that is not compiled yet is compiled once, not in every process.
    """
    alone = len(missing) if jobs <= 1 else 1
    for first in missing[:alone]:
        yield first, work.batch(first)
    rest = missing[alone:]
    if not rest:
        return
    context = multiprocessing.get_context("spawn")  # a forked process would share the kernel's threads
    pool = ProcessPoolExecutor(min(jobs, len(rest)), mp_context=context, initializer=_begin, initargs=(work.design,))
    try:
        with _deaf_children():
            tasks = {pool.submit(_batch, first): first for first in rest}
        for task in as_completed(tasks):
            yield tasks[task], task.result()
    except BrokenProcessPool as error:
        message = "a process of the sweep was ended from outside"
        raise InputError(message, key="jobs", value=jobs, allowed="fewer, or more memory") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes begun in here never hear Ctrl-C, not even before :func:`_begin`; the parent hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # its own start would undo the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_WORK: list[_Work] = []
"""A worker process's own: what it was begun with."""


def _begin(design: Design) -> None:
    """Begin a worker: it ends with its parent, who alone answers Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _WORK[:] = [_Work(design, cases_of(design))]


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _batch(first: int) -> dict[str, np.ndarray]:
    return _WORK[0].batch(first)
