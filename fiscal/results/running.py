"""Scenario in, :class:`~fiscal.results.result.Result` out: the engine computes arrays, and this module makes tables of
them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fiscal import scenario as scenarios
from fiscal.base import memory, sources
from fiscal.base.errors import InputError, Problem
from fiscal.engine import quick as engine_quick
from fiscal.engine import run as engine_run
from fiscal.engine.run import LARGEST
from fiscal.results.result import Result, Totals

if TYPE_CHECKING:
    from fiscal.engine.random_paths import Batches, Workers
    from fiscal.engine.run import Progress
    from fiscal.scenario import Scenario


def run(
    scenario: Scenario | str,
    progress: Progress | None = None,
    batches: Batches | None = None,
    workers: Workers | None = None,
) -> Result:
    """Run a scenario (or its name, or a path to its file) and return its tables.

    ``batches`` keeps finished batches of random paths, so that an interrupted run can be resumed; ``workers`` compute
    them, by default this process. Raises ``InputError`` for a scenario or table that cannot be used, and ``ValueError``
    if the account identity fails.
    """
    if isinstance(scenario, str):
        scenario = scenarios.load(scenario)
    projected = engine_run.compute(scenario, progress, draw=False)
    result, paths = Result.of(projected), projected.paths
    del projected  # releases the memory of its cells for the paths
    memory.release()
    if paths is not None:
        result = result.with_paths(paths.drawn(progress, batches, workers))
    if progress is not None:
        progress(4, 4, "done")
    refuse_infinite(result)
    return result


def quick(
    scenario: str | Path | Scenario,
    overrides: Mapping[str, object] | Sequence[str] = (),
    progress: Callable[..., None] | None = None,
) -> Totals:
    """Yearly totals of a scenario and its references to the horizon, in well under a second once compiled.

    A :class:`~fiscal.results.result.Totals` can be compared and drawn like any result. For a random path model it has
    the central path, as do the yearly tables of ``fiscal.run``. Raises InputError for a wrong scenario and DataError
    for a changed table.
    """
    chosen = scenarios.load(scenario, overrides)
    result = Totals.of_totals(engine_quick.compute(chosen, progress), sources.fingerprint())
    refuse_infinite(result)
    return result


def refuse_infinite(result: Result) -> None:
    """A number that is too large to compute with raises an error instead of entering a table."""
    found = [
        Problem("grew beyond what can be computed", file=f"table {name}", key=str(column))
        for name, table in result.tables.items()
        for column in table.select_dtypes("number")
        if (np.abs(table[column].to_numpy(dtype=float, na_value=np.nan)) > LARGEST).any()
    ]
    if found:
        raise InputError(found)
