"""Scenario in, :class:`~fiscal.results.result.Result` out: the engine computes arrays, and this module makes tables of
them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fiscal import scenario as scenarios
from fiscal.base import memory, sources
from fiscal.engine import quick as engine_quick
from fiscal.engine import run as engine_run
from fiscal.results import stages
from fiscal.results.result import Result, Totals
from fiscal.results.stages import STAGE_OF, Parts, Tables
from fiscal.results.tables import summary

if TYPE_CHECKING:
    from fiscal.base.progress import Progress
    from fiscal.engine.random_paths import Batches, Workers
    from fiscal.scenario import Scenario


def run(
    scenario: Scenario | str,
    progress: Progress | None = None,
    batches: Batches | None = None,
    workers: Workers | None = None,
) -> Result:
    """Run a scenario (or its name, or a path to its file): its headline; other tables when they are asked for.

    ``batches`` keeps finished batches of random paths, so that an interrupted run can be resumed; ``workers`` compute
    them, by default this process. Raises ``InputError`` for a scenario or table that cannot be used, and ``ValueError``
    if the account identity fails.
    """
    if isinstance(scenario, str):
        scenario = scenarios.load(scenario)
    engine_run.refuse_too_many_paths(scenario.settings)
    stages.keep(None)
    projected = engine_run.to_horizon(scenario, progress)
    of_run = (stage for stage in stages.STAGES if (stage.headline or stage.cheap) and stage.reads == ("run",))
    made = {name: table for stage in of_run for name, table in stage.make(projected).items()}
    result, paths = Result.of(projected, Tables(Parts(scenario), made)), projected.paths
    if paths is None:
        stages.keep(projected)
    del projected
    if paths is not None:
        memory.release()  # cells make room for the paths
        made |= STAGE_OF["paths"].make(paths.drawn(progress, batches, workers))
        told = summary.with_paths(result.summary, made)
        result = replace(result, tables=Tables(Parts(scenario), made), summary=told)
    if progress is not None:
        progress(4, 4, "done")
    stages.refuse_infinite(made)
    return result


def quick(
    scenario: str | Path | Scenario,
    overrides: Mapping[str, object] | Sequence[str] = (),
    progress: Callable[..., None] | None = None,
    *,
    name: str | None = None,
) -> Totals:
    """Yearly totals of a scenario and its references to the horizon, in well under a second once compiled.

    A :class:`~fiscal.results.result.Totals` can be compared and drawn like any result. For a random path model it has
    the central path, as do the yearly tables of ``fiscal.run``. Raises InputError for a wrong scenario and DataError
    for a changed table.
    """
    chosen = scenarios.load(scenario, overrides, name)
    result = Totals.of_totals(engine_quick.compute(chosen, progress), sources.fingerprint())
    stages.refuse_infinite(result.tables)
    return result
