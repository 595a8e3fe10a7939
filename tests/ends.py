"""Every setting at both ends of its range, or at each of its choices, through a whole run and its brief.

As a script it tries each of them alone (`make fuzz`): an hour or two.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import traceback
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from fiscal.base.errors import FiscalError, InputError
from fiscal.report import brief
from fiscal.report.pdf import as_json
from fiscal.results import running, store
from fiscal.results.result import Result
from fiscal.scenario import load
from fiscal.scenario.schema import SECTIONS, declared

Change = tuple[str, object]

SHORT = {"horizon.last_year": 2036, "books.risk_neutral_paths": 4, "backstop.paths": 4}
"""A run of a few seconds."""

LARGE = ("paths.count", "books.risk_neutral_paths", "backstop.paths")
"""Settings whose upper end is hours of work."""

MANY = 8

MIXES = tuple(
    {f"paths.mix_{asset}_share": float(asset == whole) for asset in ("equity", "bond", "cash")}
    for whole in ("equity", "cash")
)
"""Ends of the three shares of the core, which are set together."""

NOTHING = 5e-324
"""The smallest number there is."""


@cache
def ends() -> tuple[Change, ...]:
    """Setting and value, as many as there are ends and choices; years to the horizon."""
    found: list[Change] = []
    for lever in declared():
        section, name = lever.key.split(".")
        field = SECTIONS[section].model_fields[name].annotation
        kinds = (field, *typing.get_args(field))
        if lever.key == "horizon.last_year" or str in kinds:
            continue
        if lever.low is None or lever.high is None:
            choices = (not lever.default,) if bool in kinds else typing.get_args(field)
            found += [(lever.key, choice) for choice in choices if choice != lever.default]
            continue
        high = MANY if lever.key in LARGE else lever.high
        high = min(high, SHORT["horizon.last_year"]) if lever.unit == "calendar year" else high
        values = [lever.low, high, *([NOTHING] if lever.low == 0 and float in kinds else [])]
        if isinstance(lever.default, tuple):
            found += [(lever.key, [float(value)]) for value in values]
        else:
            kind = int if int in kinds else float
            found += [(lever.key, kind(value)) for value in values if kind(value) != lever.default]
    return tuple(found)


def together(groups: int, seed: int) -> Iterator[dict[str, object]]:
    """The ends in random groups, each of settings that may stand together; what fits in none stands alone. The core of
    the first groups is of one asset."""
    made: list[dict[str, object]] = [dict(mix) for mix in MIXES] + [{} for _ in range(groups - len(MIXES))]
    rng = np.random.default_rng(seed)
    for key, value in rng.permutation(np.array(ends(), dtype=object)):
        for place in rng.permutation(groups):
            if key not in made[place] and allowed({**made[place], key: value}):
                made[place][key] = value
                break
        else:
            if allowed({key: value}):
                made.append({key: value})
    yield from made


def allowed(changes: Mapping[str, object]) -> bool:
    """Whether the settings may stand together in a short boom."""
    try:
        load("boom", SHORT | changes)
    except InputError:
        return False
    return True


def run_whole(place: Path, changes: Mapping[str, object], beside: bool = True) -> Result:
    """Run a short boom with the changes in full, keep it in a folder, and make its brief, also ``beside`` the
    baseline's.

    What the engine refuses by name is left out: which values can be meant may depend on the others.
    """
    try:
        result = running.run(load("boom", SHORT | changes)).full()
    except InputError as error:
        kept = {key: changes[key] for key in changes if key not in {problem.key for problem in error.problems}}
        if len(kept) in (0, len(changes)):
            raise
        return run_whole(place, kept, beside)
    store.write_run(result, place / "run")
    as_json(brief((result,)))
    if beside:
        with contextlib.suppress(InputError):  # runs in other prices cannot be compared
            as_json(brief((base(), result)))
    return result


@cache
def base() -> Result:
    """The baseline that a brief sets a run beside."""
    return running.run(load("baseline", SHORT))


def try_end(place: Path, change: Mapping[str, object]) -> None:
    """As :func:`run_whole`; a message is an answer."""
    try:
        run_whole(place, change)
    except FiscalError:
        return


def main() -> None:
    """Try every end alone; what fails is told at once, and the exit code is 1."""
    failed = []
    alone = [*({key: value} for key, value in ends()), *MIXES]
    for number, change in enumerate(alone, 1):
        with tempfile.TemporaryDirectory(prefix="fiscal-ends-") as folder:
            try:
                try_end(Path(folder), change)
            except Exception:
                failed.append(change)
                traceback.print_exc()
        print(f"{number} of {len(alone)}: {change}", file=sys.stderr, flush=True)
    print(f"{len(alone)} settings at an end of their range, failed: {failed}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
