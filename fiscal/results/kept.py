"""Long work into a run folder: finished parts are kept, an interrupted run resumes, and the user learns how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fiscal.base.errors import InputError
from fiscal.results import store

if TYPE_CHECKING:
    from fiscal.results.store.folder import Recorded
    from fiscal.scenario import Scenario
    from fiscal.scenario.design import Design

R = TypeVar("R", bound="Recorded")

STOPS = (KeyboardInterrupt, OSError, MemoryError, InputError)
"""What ends work half-way: the user, a full disk, too little memory, a file that was changed meanwhile."""

NOTHING_YET = "Nothing is kept, because no part was finished yet; the same {again} starts again."
WITHOUT_FOLDER = (
    'Nothing is kept, because there is no folder; with out="FOLDER", finished batches of random paths are kept, and '
    "the same call resumes."
)
KEPT = "{count} finished {batches} kept in {place}; {resume} continues from there."


def into(
    out: str | Path,
    scenario: Scenario,
    make: Callable[[store.Place], R],
    read: Callable[[Path], R],
    *,
    design: Design | None = None,
    files: Callable[[R], Mapping[str, bytes]] | None = None,
    force: bool = False,
    resume: bool = False,
    command: Sequence[str] = (),
) -> R:
    """The result of ``make``, which is written to the folder ``out`` with ``files``; or that of ``read``, if ``resume``
    finds the folder complete.

    ``command`` is that of a shell; without one the caller is Python. An error that ends the work half-way has a note
    that says what is kept and how to resume. Raises InputError for a folder that cannot be written or holds something
    else.
    """
    with store.working_place(out, scenario, design, force=force, resume=resume) as place:
        if place.finished:
            return read(Path(out))
        try:
            result = make(place)
            store.finish(place, result, command, files(result) if files else None)
        except STOPS as error:
            again = "command" if command else "call"
            resuming = "the same command with --resume" if command else "the same call"
            if place.kept():
                count = place.kept()
                batches = "batch is" if count == 1 else "batches are"
                error.add_note(KEPT.format(count=count, batches=batches, place=place.path.name, resume=resuming))
            elif isinstance(error, KeyboardInterrupt) and not getattr(error, "__notes__", ()):
                error.add_note(NOTHING_YET.format(again=again))
            raise
    return result
