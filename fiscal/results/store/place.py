"""The working folder of a run: ``NAME.incomplete`` beside the run folder, locked while a process works in it. It holds
the lock, the inputs (``question.json``), finished batches of random paths, the log, and finally the folder being
written, which is renamed when it is complete. A run folder is therefore complete or absent, and finished batches are
used again after an interruption or a full disk. The hash of a batch covers the inputs: a batch that is damaged or has
other inputs is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from fiscal.base.errors import InputError, Problem
from fiscal.base.files import parse_json, write_whole
from fiscal.results.store.log import LOG, kept_in
from fiscal.results.store.manifest import (
    INCOMPLETE,
    MANIFEST,
    differences,
    environment,
    files_of,
    input_record,
    read_manifest,
)
from fiscal.results.store.values import fingerprint_of, write_json

if TYPE_CHECKING:
    import numpy as np

    from fiscal.scenario import Scenario
    from fiscal.scenario.design import Design

LOCK, QUESTION, BATCHES, FOLDER, REPLACED = "lock", "question.json", "batches", "folder", "replaced"
_OURS = {LOCK, QUESTION, BATCHES, FOLDER, REPLACED, LOG}
_KEY = re.compile(r"[a-z0-9_-]{1,100}")
_MAGIC = b"fiscal batch 2 "

logger = logging.getLogger(__name__)


def check_target(folder: str | Path, *, force: bool = False, resume: bool = False) -> None:
    """Raise InputError if a run cannot be written to ``folder``; call this before a long run. ``resume`` allows an
    interrupted run there.
    """
    shown = str(folder)
    path = _absolute(folder)
    if path.is_symlink():
        raise InputError("is a link", file=shown, allowed="the folder itself")
    if path.exists() and not path.is_dir():
        raise InputError("is a file, not a folder", file=shown)
    if path == Path.cwd() or path in Path.cwd().parents:
        raise InputError("is the current folder", file=shown, allowed="a new folder")
    if path.is_dir() and any(path.iterdir()):
        if force:
            _refuse_foreign(path, shown)
        elif not resume:
            message = "the folder exists already"
            raise InputError(message, file=shown, allowed="a new folder, or --force (in Python force=True)")
    existing = next(ancestor for ancestor in path.parents if ancestor.exists())
    if not existing.is_dir():
        raise InputError(f"cannot be created, because {existing.name} is a file", file=shown)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError("cannot be written to", file=shown, allowed="a writable folder")
    place = path.with_name(path.name + INCOMPLETE)
    _refuse_foreign_place(place)
    if _batches(place) and not (force or resume):
        message = "an unfinished run is there"
        raise InputError(message, file=f"{shown}{INCOMPLETE}", allowed="--resume continues it, --force starts again")


def _absolute(folder: str | Path) -> Path:
    try:
        path = Path(os.path.abspath(folder))
        path.exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be a folder: {reason}", file=str(folder)) from None
    return path


def _refuse_foreign(path: Path, shown: str) -> None:
    """Only a run folder without other files may be replaced."""
    refusal = Problem("will not be replaced, because it is not a run folder", file=shown, allowed="a new folder")
    try:
        manifest = read_manifest(path)
    except InputError:
        raise InputError(refusal) from None
    known = {MANIFEST, *files_of(manifest)}
    others = sorted(set(files_in(path)) - known)
    if others:
        message = "will not be replaced, because it has files that the run did not write"
        raise InputError(message, file=shown, value=others[:5], allowed="a new folder")


def _refuse_foreign_place(place: Path) -> None:
    """Other files in the working folder are never touched."""
    if not place.is_symlink() and not place.exists():
        return
    links = place.is_symlink() or not place.is_dir() or any(item.is_symlink() for item in place.iterdir())
    if links or {item.name for item in place.iterdir()} - _OURS:
        message = "has files that no run wrote, and runs are made there"
        raise InputError(message, file=str(place), allowed="that folder moved away")


def _batches(place: Path) -> list[Path]:
    return sorted((place / BATCHES).glob("*.npz")) if (place / BATCHES).is_dir() else []


def files_in(folder: Path) -> Iterator[str]:
    """Relative names of everything in a folder except folders; links are named, not followed."""
    left = [folder]
    while left:
        try:
            with os.scandir(left.pop()) as entries:  # one by one, so that a caller that needs only some names can stop
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(Path(entry.path))
                    else:
                        yield Path(entry.path).relative_to(folder).as_posix()
        except OSError:  # a folder that cannot be read, or was removed
            continue


MOST_DIFFERENCES = 19
"""Number of differences that a refusal names."""


def _named(shown: str, asked: Any, question: Mapping[str, Any]) -> list[Problem]:
    """Differences between two sets of inputs, one problem each."""
    found = differences(asked, question)
    return [Problem(words, file=shown, key=name) for name, words in found[:MOST_DIFFERENCES]]


class Place:
    """A locked working folder. ``load`` and ``save`` handle batches; ``finished`` is true if nothing is left to do."""

    def __init__(self, folder: str | Path, question: Mapping[str, Any]) -> None:
        self.shown = str(folder)
        self.target = _absolute(folder)
        self.path = self.target.with_name(self.target.name + INCOMPLETE)
        self.question = question
        self.finished = False

    @property
    def folder(self) -> Path:
        """The run folder before it is renamed."""
        return self.path / FOLDER

    def load(self, key: str) -> dict[str, np.ndarray] | None:
        """The arrays of a finished batch; None if it is missing or damaged."""

        file = self._batch(key)
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        head, _, body = content.partition(b"\n")
        if head != self._head(body):
            logger.warning("batch %s is damaged and is computed again", key)
            return None
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except Exception:  # zipfile, zlib, and numpy raise many kinds of error on foreign bytes
            logger.warning("batch %s cannot be read and is computed again", key)
            return None

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep a batch."""
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        body = buffer.getvalue()
        (self.path / BATCHES).mkdir(exist_ok=True)
        write_whole(self._batch(key), self._head(body) + b"\n" + body)

    def _head(self, body: bytes) -> bytes:
        """First line of a batch: the hash of the inputs and the arrays."""
        question = fingerprint_of(self.question).encode()
        return _MAGIC + hashlib.sha256(question + body).hexdigest().encode()

    def kept(self) -> int:
        """Number of batches kept."""
        return len(_batches(self.path))

    def _batch(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} cannot be the name of a batch")
        return self.path / BATCHES / f"{key}.npz"

    def put_in_place(self) -> None:
        """Rename the written folder to its name; an earlier run is moved away first and then deleted."""
        replaced = self.path / REPLACED
        if self.target.exists():
            self.target.rename(replaced)
        try:
            self.folder.rename(self.target)
        except OSError:
            if replaced.exists():
                replaced.rename(self.target)
            raise
        self.finished = True

    def _prepare(self, resume: bool, force: bool) -> None:
        """With the lock held: clean up after an interruption, and start again or resume."""
        replaced = self.path / REPLACED
        if replaced.exists():
            if self.target.exists():
                shutil.rmtree(replaced)
            else:  # killed between two renames
                replaced.rename(self.target)
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in self.path.glob(f"{BATCHES}/*.part"):
            part.unlink()
        if resume and self.kept():
            refusals = self._another_question()
            if not refusals:
                return
            if not force:
                raise InputError(refusals)
        shutil.rmtree(self.path / BATCHES, ignore_errors=True)
        write_json(self.path / QUESTION, self.question)

    def _another_question(self) -> list[Problem]:
        """Why the batches here do not belong to this run, and the differences; empty if they do."""
        shown = f"{self.shown}{INCOMPLETE}"
        file = self.path / QUESTION
        try:
            asked = parse_json(file.read_bytes(), f"{shown}/{QUESTION}")
        except (FileNotFoundError, InputError):
            asked = None
        if asked == self.question:
            return []
        same = isinstance(asked, dict) and asked.get("inputs") == self.question["inputs"]
        message = (
            "the interrupted run used other versions of Python or of its packages"
            if same
            else "the interrupted run has different inputs"
        )
        refusal = Problem(
            message, file=shown, allowed="the same inputs, or --force (in Python force=True) to start again"
        )
        return [refusal, *_named(shown, asked, self.question)]

    def _remove(self) -> None:
        """Delete the files of runs here, and the folder if it is then empty."""
        for name in (BATCHES, FOLDER, REPLACED):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in (QUESTION, LOG, LOCK):
            (self.path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()


def _locked(place: Path, shown: str) -> FileLock:
    """Hold the lock of the folder; the system releases it when the process ends for any reason. Raises InputError if
    another process holds it.
    """
    while True:
        place.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place / LOCK)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            message = "another process is making a run there"
            raise InputError(message, file=shown, allowed="another folder, or wait for it") from None
        except FileNotFoundError:  # removed between two calls by the process that finished
            continue
        if (place / LOCK).exists():
            return lock
        lock.release()  # that of the process that finished


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """A whole run folder that this process alone adds to. Raises InputError where another one is at work there, OSError
    where nothing can be written."""
    place = Place(folder, {})
    lock = _locked(place.path, place.shown)
    try:
        yield
    finally:
        if not place.kept():
            place._remove()
        lock.release()


@contextlib.contextmanager
def working_place(
    folder: str | Path, scenario: Scenario, design: Design | None = None, *, force: bool = False, resume: bool = False
) -> Iterator[Place]:
    """The locked working folder of a run; removed at the end unless it keeps batches of an unfinished run. For a sweep,
    ``scenario`` is the base, ``design`` has the changes of its cases, and a batch is a group of cases.
    ``place.finished`` is true at once if ``resume`` finds a complete run with the same inputs. With both, matching
    batches are used, and an earlier run with other inputs is replaced. Raises InputError for a folder that cannot be
    used, and if another process works there.
    """
    check_target(folder, force=force, resume=resume)
    place = Place(folder, {"inputs": input_record(scenario, design), "environment": environment()})
    try:
        lock = _locked(place.path, place.shown)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot be written to: {reason}", file=place.shown) from error
    try:
        check_target(folder, force=force, resume=resume)  # another process may just have finished there
        place._prepare(resume, force)
        if resume and place.target.is_dir() and any(place.target.iterdir()):
            found = {"inputs": read_manifest(place.target)["inputs"]}
            place.finished = found["inputs"] == place.question["inputs"]
            if not place.finished and not force:
                message = "has a run with different inputs"
                refusal = Problem(message, file=place.shown, allowed="a new folder, or --force (in Python force=True)")
                asked = {"inputs": place.question["inputs"]}
                raise InputError([refusal, *_named(place.shown, found, asked)])
        with kept_in(place.path):
            if place.kept():
                logger.info("resuming with %d batches", place.kept())
            yield place
        if not place.finished:
            raise RuntimeError("the run folder was not renamed")
    finally:
        if place.finished or not place.kept():
            place._remove()
        lock.release()
