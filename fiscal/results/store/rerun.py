"""Repeat a run and compare it with its folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.results.stages import held
from fiscal.results.store.folder import repeated, stored_result, stored_scenario, write_run
from fiscal.results.store.manifest import (
    MANIFEST,
    against_commit,
    differences,
    environment,
    input_record,
    outputs_of,
    read_manifest,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from fiscal.results.result import Result
    from fiscal.scenario import Scenario

TOLERANCE = 1e-9
"""Relative tolerance; another processor or library may round the last digits differently."""

ROUNDING = 1e-12
"""Share of a column's largest value; a smaller value is the rounding of a zero sum."""


@dataclass(frozen=True)
class Outcome:
    """``exact``: compared byte by byte; ``changed``: inputs and versions that differ from those of the run;
    ``differences``: the first difference of every file, and of parts of the manifest; ``unchecked``: parts that could
    not be compared."""

    exact: bool
    changed: tuple[str, ...]
    differences: tuple[str, ...]
    unchecked: tuple[str, ...] = ()


def rerun(folder: str | Path, run: Callable[[Scenario], Result]) -> Outcome:
    """Run the stored scenario again with ``run`` and compare every table and the summary. The folder is checked first.
    Raises InputError if it is not sound.
    """
    path = Path(folder)
    before = stored_result(path)
    manifest = read_manifest(path)
    scenario = stored_scenario(path, manifest)
    changed = tuple(_changed(manifest, scenario))
    again = run(scenario)
    for name in held(before.tables):  # stages that the folder has gained
        again.tables.get(name)
    parts, unchecked = _by_part(manifest, again)
    if changed:
        return Outcome(False, changed, (*parts, *_by_value(before, again)), unchecked)
    with tempfile.TemporaryDirectory() as place:
        made = write_run(again, Path(place) / "run")
        stored, outputs = outputs_of(manifest), outputs_of(read_manifest(made))
        files = [name for name in {**stored, **outputs} if not name.endswith(".parquet")]
        differing = [name for name in files if stored.get(name) != outputs.get(name)]
        lines = [_first_line(path / name, made / name, name) for name in differing]
        if not lines:
            lines = [f"{name}: other bytes, the same values" for name in outputs if stored.get(name) != outputs[name]]
    return Outcome(True, (), (*parts, *lines), unchecked)


def _changed(manifest: dict[str, Any], scenario: Scenario) -> list[str]:
    """What has changed since the run."""
    was = {"inputs": manifest["inputs"], "environment": manifest["environment"]}
    now = {"inputs": input_record(scenario), "environment": environment()}
    return [f"{name} {words}" for name, words in differences(was, now)]


def _by_part(manifest: dict[str, Any], again: Result) -> tuple[list[str], tuple[str, ...]]:
    """Differences between the manifest and the rerun, part by part, and the parts that were not compared. With other
    inputs, the law and the tables may differ.
    """
    now = repeated(again)
    if manifest["inputs"] != input_record(again.scenario):
        return [], (*now, "git")
    found = [
        f"{MANIFEST}, {name}: {str(manifest.get(name))[:200]!r} then, {str(part)[:200]!r} now"
        for name, part in now.items()
        if manifest.get(name) != part
    ]
    if manifest.get("git") is None:
        return found, ()
    try:
        against = against_commit(manifest["git"])
    except LookupError:
        return found, ("git",)
    return found + ([f"{MANIFEST}, git: {against}"] if against else []), ()


def _first_line(before: Path, after: Path, name: str) -> str:
    if not before.is_file() or not after.is_file():
        return f"{name}: only in the {'new' if after.is_file() else 'stored'} run"
    with before.open(encoding="utf-8", errors="replace") as one, after.open(encoding="utf-8", errors="replace") as two:
        for number, (old, new) in enumerate(zip(one, two, strict=False), start=1):
            if old != new:
                return f"{name}, line {number}: {old.strip()[:200]!r} then, {new.strip()[:200]!r} now"
    return f"{name}: one is longer than the other"


def _by_value(before: Result, after: Result) -> list[str]:
    """The first difference of every table beyond the tolerance."""
    found = []
    tables, others = held(before.tables), held(after.tables)
    for name in {**tables, **others}:
        if name == "settings":  # texts about the settings, not results
            continue
        if name not in tables or name not in others:
            found.append(f"table {name}: only in the {'new' if name in others else 'stored'} run")
            continue
        difference = first_difference(tables[name].reset_index(), others[name].reset_index())
        if difference:
            found.append(f"table {name}, {difference}")
    return found


def first_difference(one: pd.DataFrame, two: pd.DataFrame) -> str | None:
    """The first difference between two tables beyond the tolerance, in words; None if they agree."""
    from pandas.api import types

    if list(one.columns) != list(two.columns):
        return f"columns {list(one.columns)} then, {list(two.columns)} now"
    if len(one) != len(two):
        return f"{len(one)} rows then, {len(two)} now"
    worst: tuple[int, str] | None = None
    for column in one.columns:
        old, new = one[column], two[column]
        numeric = all(types.is_numeric_dtype(part) and not types.is_bool_dtype(part) for part in (old, new))
        if numeric:
            size = one["scale"].to_numpy(dtype=float) if column == "residual" and "scale" in one else None
            apart = _apart(old.to_numpy(dtype=float, na_value=np.nan), new.to_numpy(dtype=float, na_value=np.nan), size)
        else:
            apart = _words(old) != _words(new)
        rows = np.flatnonzero(apart)
        if len(rows) and (worst is None or rows[0] < worst[0]):
            worst = (int(rows[0]), str(column))
    if worst is None:
        return None
    row, column = worst
    return f"row {row + 1}, column {column}: {one[column].iloc[row]!r} then, {two[column].iloc[row]!r} now"


def _words(values: pd.Series) -> np.ndarray:
    """Texts; a missing value is a separate text."""
    missing = values.isna().to_numpy()
    return np.where(missing, "\0", values.astype(object).map(str).to_numpy(dtype=object))


def _apart(old: np.ndarray, new: np.ndarray, size: np.ndarray | None) -> np.ndarray:
    larger = np.fmax(np.abs(old), np.abs(new))
    finite = larger[np.isfinite(larger)]
    floor = ROUNDING * (finite.max() if len(finite) else 0.0)
    allowed = np.fmax(TOLERANCE * (larger if size is None else np.fmax(larger, size)), floor)
    with np.errstate(invalid="ignore"):
        close = np.isfinite(old) & np.isfinite(new) & (np.abs(old - new) <= allowed)
        equal = (old == new) | (np.isnan(old) & np.isnan(new)) | close
    return ~equal
