"""The cases of a design: the base, every setting alone at both ends, then the grid or the Sobol points."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fiscal.base.errors import InputError, Problem
from fiscal.scenario import Scenario
from fiscal.scenario.design import Design
from fiscal.scenario.loading import variant

BASE, LOW, HIGH, DESIGN = "base", "low", "high", "design"
"""Parts of a sweep: the base as it is, one setting at its low or high end, the design itself."""

MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Case:
    """One case: the values it sets by dotted name; ``moved`` is the one setting of a low or high end."""

    part: str
    moved: str
    values: Mapping[str, Any]


def cases_of(design: Design) -> list[Case]:
    """Every case in the order of the table; those of the design come last, in Saltelli's order if they are drawn."""
    found = [Case(BASE, "", {})]
    for factor in design.factors:
        for part, value in zip((LOW, HIGH), factor.ends(), strict=True):
            found.append(Case(part, factor.key, {factor.key: value}))
    keys = [factor.key for factor in design.factors]
    rows = _drawn(design) if design.kind == "sobol" else itertools.product(*(f.values for f in design.factors))
    return found + [Case(DESIGN, "", dict(zip(keys, row, strict=True))) for row in rows]


def _drawn(design: Design) -> Iterator[tuple[Any, ...]]:
    for row in saltelli_points(len(design.factors), design.samples, design.seed):
        yield tuple(factor.at(place) for factor, place in zip(design.factors, row.tolist(), strict=True))


def saltelli_points(dimensions: int, samples: int, seed: int) -> np.ndarray:
    """Saltelli's scheme on the unit cube, ``(samples * (dimensions + 2), dimensions)``, from a scrambled Sobol
    sequence; what :func:`fiscal.studies.sweeps.indices.sobol_indices` reads outcomes of."""
    from SALib.sample import sobol

    cube = {
        "num_vars": dimensions,
        "names": [str(place) for place in range(dimensions)],
        "bounds": [[0.0, 1.0]] * dimensions,
    }
    points: np.ndarray = sobol.sample(cube, samples, calc_second_order=False, scramble=True, seed=seed)
    return points


def scenario_of(design: Design, case: Case) -> Scenario:
    """The scenario of a case. Raises InputError for values that contradict each other."""
    return variant(design.base, case.values)


def reference_of(design: Design, case: Case) -> Scenario | None:
    """The reference of a case: with the same values, but for the scenario's own settings. Raises InputError."""
    if design.against is None:
        return None
    shared = {key: value for key, value in case.values.items() if key not in design.own}
    return variant(design.against, shared)


def check(design: Design, cases: Sequence[Case]) -> None:
    """Raise InputError, before anything runs, when values of some case contradict each other."""
    found: dict[str, Problem] = {}
    for case in cases:
        for build in (scenario_of, reference_of):
            try:
                build(design, case)
            except InputError as error:
                for one in error.problems:
                    found.setdefault(f"{one.key}: {one.message}", replace(one, file=design.name))
        if len(found) >= MOST_PROBLEMS:
            break
    if found:
        raise InputError(list(found.values())[:MOST_PROBLEMS])
