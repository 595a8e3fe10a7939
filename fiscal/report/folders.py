"""Where a report is made and how it takes its place: whole, or not at all.

A report is made in a hidden working folder beside its PDF and then put in place under a lock, so that reports of one
name that are made at the same time follow each other and never mix. The next report of a name removes the working
folders that killed ones left.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from fiscal.base.errors import Problem
from fiscal.base.files import not_writable
from fiscal.results.result import TABLES

INDEX = "figures.json"
WORKING = ".incomplete-"
LOCK = ".fiscal-report.lock"
_RANDOM = "[a-z0-9_]{8}"
"""What :mod:`tempfile` ends its names with."""

_WRITTEN = re.compile(
    rf"(figure-.+\.(svg|png)|table-.+\.csv|.+-({'|'.join(TABLES)})\.csv|{re.escape(INDEX)})", re.DOTALL
)
"""Names that reports give to what they write into folders."""


def not_replaceable(folder: Path) -> list[Problem]:
    """Why ``folder`` cannot be replaced as a whole; nothing is made."""
    path, here = Path(os.path.realpath(folder)), Path.cwd()
    if path == here or path in here.parents:
        message = "is the folder you are in, or holds it"
        return [Problem(message, file=str(folder), allowed="a folder for these files alone")]
    if path.exists() and not path.is_dir():
        return [Problem("is a file, not a folder", file=str(folder))]
    return not_writable(path.parent, str(folder))


@contextlib.contextmanager
def workplace(beside: Path, *others: Path) -> Iterator[Path]:
    """A hidden working folder in the folder of ``beside``, named after it and removed at the end.

    The folders of ``beside`` and of ``others`` are made where they are missing, and those that are still empty after
    a failure are removed. What killed reports of the same name left is removed first.
    """
    made: list[Path] = []
    try:
        for path in (beside, *others):
            _make(path.parent, made)
        with locked(beside.parent):
            _remove_left(beside)
            prefix = f".{beside.name}{WORKING}"
            work = Path(tempfile.mkdtemp(prefix=prefix, dir=beside.parent))
            alive = _lock(work / LOCK, wait=False)
        try:
            yield work
        finally:
            _unlock(alive)
            shutil.rmtree(work, ignore_errors=True)
    except BaseException:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # not empty: something was written there
                folder.rmdir()
        raise


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """While it holds, no other report is put in place in ``folder``."""
    held = _lock(folder / LOCK, wait=True)
    try:
        yield
    finally:
        _unlock(held)


def put(source: Path, target: Path) -> None:
    """``source`` becomes the folder ``target``, whose earlier files are gone; what no report wrote there is kept."""
    target = Path(os.path.realpath(target))
    replaced = source.with_name(f"{source.name}-replaced")
    if target.exists():
        target.rename(replaced)
    try:
        source.rename(target)
    except OSError:
        if replaced.exists():
            replaced.rename(target)
        raise
    if replaced.exists():
        for other in replaced.iterdir():
            if not _WRITTEN.fullmatch(other.name) and not (target / other.name).exists():
                other.rename(target / other.name)


def _make(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it; ``made`` gets the ones that were missing, outermost first."""
    for one in reversed((folder, *folder.parents)):
        if not one.exists():
            one.mkdir(exist_ok=True)
            made.append(one)


def _remove_left(beside: Path) -> None:
    """Remove the working folders of this name that no living process holds."""
    own = re.compile(re.escape(f".{beside.name}{WORKING}") + _RANDOM)
    for left in beside.parent.iterdir():
        if not own.fullmatch(left.name) or left.is_symlink() or not left.is_dir():
            continue
        held = _lock(left / LOCK, wait=False)
        if held is not None:
            _unlock(held)
            shutil.rmtree(left, ignore_errors=True)


def _lock(path: Path, *, wait: bool) -> FileLock | None:
    """The lock of a file, held until it is released or the process ends, or None where another process has it.

    Where the system has no such locks there is none to wait for, and a folder counts as held.
    """
    lock = FileLock(path)
    try:
        lock.acquire(blocking=wait)
    except (Timeout, OSError, NotImplementedError):  # held by another process, or a file system without locks
        return None
    return lock


def _unlock(lock: FileLock | None) -> None:
    if lock is not None:
        with contextlib.suppress(OSError):  # Windows removes it with the lock
            Path(lock.lock_file).unlink()
        lock.release()
