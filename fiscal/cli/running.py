"""Results for commands: run scenarios, read run folders, and report every wrong name at once."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fiscal.base.errors import InputError, Problem
from fiscal.base.progress import noted, progress_bar


def run_one(scenario: Any, verbose: bool = False, batches: Any = None, workers: Any = None, full: bool = False) -> Any:
    """The engine's result, with a progress bar on a terminal unless messages are logged there. ``workers`` compute
    random paths; ``full`` computes every stage."""
    from fiscal.results import running, store

    with contextlib.nullcontext() if verbose else progress_bar(scenario.name) as progress:
        told = store.reporter(progress)
        result = running.run(scenario, progress=told, batches=batches, workers=workers)
        return result.full(told) if full else result


def sweep_one(design: Any, jobs: int, verbose: bool = False, batches: Any = None) -> Any:
    """The sweep of a design, with a progress bar and the time left on a terminal unless messages are logged there."""
    import fiscal
    from fiscal.results import store

    with contextlib.nullcontext() if verbose else progress_bar(design.name, time_left=True) as progress:
        return fiscal.sweep(design, jobs=jobs, progress=store.reporter(progress), batches=batches)


def run_into(
    out: Path, scenario: Any, force: bool, resume: bool, verbose: bool, workers: Any = None, full: bool = False
) -> Any:
    """Run a scenario into a folder, see :func:`fiscal.results.kept.into`."""
    from fiscal.results import kept, store

    def make(place: Any) -> Any:
        return run_one(scenario, verbose, place, workers, full)

    found = kept.into(out, scenario, make, store.read_run, force=force, resume=resume, command=_command())
    return found.full() if full else found  # a folder that was whole gains the stages that it has not


def sweep_into(out: Path, design: Any, jobs: int, force: bool, resume: bool, verbose: bool) -> Any:
    """Sweep into a folder, which holds its figures too; see :func:`fiscal.results.kept.into`."""
    from fiscal.results import kept
    from fiscal.results.figures.files import sweep_figures
    from fiscal.studies.sweeps import read_sweep

    def make(place: Any) -> Any:
        return sweep_one(design, jobs, verbose, place)

    return kept.into(
        out, design.base, make, read_sweep, design=design, files=sweep_figures, force=force, resume=resume,
        command=_command(),
    )  # fmt: skip


def _command() -> list[str]:
    """The command as it was typed."""
    return ["fiscal", *sys.argv[1:]]


WITHOUT_FOLDER = "Nothing is kept, because the run has no folder; with --out DIR, finished batches are kept there."
STARTS_AGAIN = "Nothing is kept; the same command starts again."
READ_AGAIN = "Nothing is kept; a folder that fiscal run --out wrote is read instead of run again."
"""What a command that is stopped has to say, where nothing below it has said what is kept."""


def distinct(problems: Sequence[Problem]) -> list[Problem]:
    """Problems without duplicates."""
    return list({str(problem): problem for problem in problems}.values())


def results_of(
    names: Sequence[str], overrides: list[str] | None, verbose: bool = False, static: bool = False
) -> list[Any]:
    """Results of scenarios and of run folders, in order; every wrong name is reported at once.

    ``static`` inserts before each scenario with behavioral responses the same scenario without them.
    """
    from fiscal.results import store
    from fiscal.scenario import Scenario, load

    problems: list[Problem] = []
    found: list[Any] = []
    for name in names:
        try:
            if not store.is_run(name):
                found.append(load(name, overrides or []))
            elif overrides:
                problems.append(Problem("a stored run cannot be changed by --set", value=name))
            else:
                found.append(store.read_run(name))
        except InputError as error:
            problems += _nor_a_run(name, error.problems)
    if problems:
        raise InputError(distinct(problems))
    if static:
        found = [each for one in found for each in (_static(one), one) if each is not None]
        if len(found) == len(names):
            message = "no scenario here has a behavioral response"
            raise InputError(
                Problem(message, key="--static", allowed="a scenario that changes a setting of [behaviour]")
            )
    repeated = sorted({one.name for one in found if [other.name for other in found].count(one.name) > 1})
    if repeated:
        message = "two runs have the same name"
        raise InputError(
            [Problem(message, value=name, allowed="scenario.name of its own for each") for name in repeated]
        )
    with noted(READ_AGAIN):
        return [run_one(one, verbose) if isinstance(one, Scenario) else one for one in found]


def _nor_a_run(name: str, problems: Sequence[Problem]) -> list[Problem]:
    """Problems of a name that may be a run folder: what the folder lacks."""
    from fiscal.results.store.manifest import missing_folder, near_run

    folder = Path(name)

    def told(problem: Problem) -> Problem:
        if problem.key or not problem.message.startswith(("no such scenario", "is a folder, not a file")):
            return problem
        if os.path.isdir(folder):
            return Problem("this folder is not a run: it has no manifest.json", file=name, nearest=near_run(folder))
        return replace(
            problem,
            message=f"not a scenario, a scenario file, or a run folder{missing_folder(folder)}",
            file=name,
            allowed=f"the folder of a run, {problem.allowed}",
            nearest=near_run(folder) or problem.nearest,
        )

    return [told(problem) for problem in problems]


def _static(one: Any) -> Any:
    """A scenario without its behavioral responses, if it has any; stored runs are left unchanged."""
    from fiscal.scenario import Scenario

    return one.static() if isinstance(one, Scenario) else None
