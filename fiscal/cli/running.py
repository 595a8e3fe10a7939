"""Results for commands: scenarios are run, run folders are read, every wrong name is reported at once."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fiscal.cli.show import progress_bar, say
from fiscal.errors import InputError, Problem


def run_one(scenario: Any, verbose: bool = False, batches: Any = None) -> Any:
    """The engine's result; a bar on terminals, unless messages go there."""
    from fiscal import engine, runs

    with contextlib.nullcontext() if verbose else progress_bar(scenario.name) as progress:
        return engine.run(scenario, progress=runs.reporter(progress), batches=batches)


def run_into(out: Path, scenario: Any, force: bool, resume: bool, verbose: bool) -> Any:
    """Run in the working place of a folder, which is whole afterwards; or read it, where it is whole already."""
    from fiscal import runs

    with runs.working_place(out, scenario, force=force, resume=resume) as place:
        if place.finished:
            return runs.read_run(out)
        try:
            result = run_one(scenario, verbose, place)
            runs.finish(place, result, ["fiscal", *sys.argv[1:]])
        except (KeyboardInterrupt, OSError, InputError):
            if place.kept():
                say(f"{place.kept()} batches are kept in {place.path.name}; --resume goes on with them")
            raise
    return result


def distinct(problems: Sequence[Problem]) -> list[Problem]:
    """Problems without those that say the same."""
    return list({str(problem): problem for problem in problems}.values())


def results_of(names: Sequence[str], overrides: list[str] | None, verbose: bool = False) -> list[Any]:
    """Results of scenarios and of run folders, in order; every wrong name is reported at once."""
    from fiscal import runs
    from fiscal.scenario import Scenario, load

    problems: list[Problem] = []
    found: list[Any] = []
    for name in names:
        try:
            if not runs.is_run(name):
                found.append(load(name, overrides or []))
            elif overrides:
                problems.append(Problem("a stored run cannot be changed by --set", value=name))
            else:
                found.append(runs.read_run(name))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(distinct(problems))
    repeated = sorted({one.name for one in found if [other.name for other in found].count(one.name) > 1})
    if repeated:
        message = "two runs have the same name"
        raise InputError(
            [Problem(message, value=name, allowed="scenario.name set apart") for name in repeated]
        )
    return [run_one(one, verbose) if isinstance(one, Scenario) else one for one in found]
