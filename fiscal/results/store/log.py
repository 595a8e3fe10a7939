"""Messages of a run: stages, batches, their rate, and memory; to stderr with ``-v``, and to its log."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from fiscal.base.progress import Progress

LOG = "run.log"

logger = logging.getLogger("fiscal")
logger.addHandler(logging.NullHandler())


@contextlib.contextmanager
def _handled(handler: logging.Handler) -> Iterator[None]:
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()


@contextlib.contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Messages go to the folder's ``run.log``, after what an interrupted run left there."""
    with _handled(_Durable(folder / LOG)):
        yield


@contextlib.contextmanager
def on_stderr(wanted: bool) -> Iterator[None]:
    """Messages go to stderr as well, if wanted."""
    if not wanted:
        yield
        return
    with _handled(logging.StreamHandler(sys.stderr)):
        yield


class _Durable(logging.FileHandler):
    """A log that cannot stop the run: on a full disk, the run continues or fails for other reasons."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, mode="a", encoding="utf-8", errors="backslashreplace", delay=True)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Do nothing: a lost line of the log is not an error of the run."""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


def peak_memory_mb() -> float | None:
    """Largest resident memory of this process so far, megabytes; None if the system does not report it."""
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1024**2 if sys.platform == "darwin" else used / 1024


def reporter(inner: Progress | None) -> Progress:
    """A progress callback ``(done, total, label="")`` that logs its arguments and passes them to ``inner``. The rate
    counts the label's own steps, with a clock that nobody can set.
    """
    started: dict[str, tuple[float, float]] = {}

    def report(done: float, total: float, label: str = "") -> None:
        now = time.monotonic()
        if label not in started or done < started[label][1]:
            started[label] = (now, done)
        since, first = started[label]
        words = f"{label or 'step'}: {done:g} of {total:g}"
        if done > first and now > since:
            words += f", {(done - first) / (now - since):.3g} a second"
        memory = peak_memory_mb()
        logger.info(words if memory is None else f"{words}, {memory:.0f} MB at most")
        if inner is not None:
            inner(done, total, label)

    return report
