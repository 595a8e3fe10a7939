"""Tables that studies derive from the model's own runs: what they are made of, how they are stored, and the finished
parts of an interrupted study."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fiscal.base import sources
from fiscal.base.code import MODEL_ROOMS, code_sha256
from fiscal.base.files import write_whole
from fiscal.engine.taxes import cache_dir
from fiscal.results.store.values import fingerprint_of

ROOMS = (*MODEL_ROOMS, "results", "studies")
"""Packages whose code decides the figures of a study: a run's, and what is read off its tables."""

READ = (
    "contribution_profile", "deferral_schedule", "law_parameters", "market_fit", "outside_rates", "own_withdrawals",
    "withdrawal_curve",
)  # fmt: skip
"""Tables that the program computed and that a run depends on."""


def made_of(more: Sequence[str] = ()) -> str:
    """Fingerprint of the code and the data that a study depends on: tables of others, :data:`READ`, and ``more`` of
    those that studies stored."""
    hashes = {
        entry.path: entry.sha256
        for entry in sources.resources()
        if entry.status != "built" or entry.name in (*READ, *more)
    }
    return fingerprint_of({"code": code_sha256(ROOMS), "data": sources.fingerprint(hashes)})


def store(name: str, table: pd.DataFrame, *, reads: Sequence[str] = (), extra: dict[str, Any] | None = None) -> None:
    """Write the table of a study and refresh its entry, which says what it is made of (``reads`` as ``more`` in
    :func:`made_of`) and gains the keys of ``extra``."""
    sources.store(name, table, extra={"made_of": made_of(reads)} | (extra or {}))


class Kept:
    """Parts of a study that are finished, by name, each something that JSON can hold. Parts of other code or other data
    are not found, and damaged ones are made again."""

    def __init__(self, study: str, mark: str, folder: Path | None = None) -> None:
        self.folder = (folder or cache_dir()) / f"study-{study}-{mark[:16]}"

    def part(self, name: str, make: Callable[[], Any]) -> Any:
        """The finished part of that name, or what ``make`` gives, which is kept."""
        file = self.folder / f"{name}.json"
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            made = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(made).encode())
        return made

    def count(self) -> int:
        """How many parts are finished."""
        return len(list(self.folder.glob("*.json")))

    def drop(self) -> None:
        """Forget every part: the study is stored."""
        shutil.rmtree(self.folder, ignore_errors=True)
