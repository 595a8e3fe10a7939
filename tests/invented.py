"""Results with every table and row that a scenario calls for, their numbers invented: made at once, no engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fiscal.base.axes import AGES_AT_OPENING
from fiscal.results.result import Result
from fiscal.results.schema import Shape, shapes_of
from fiscal.results.tables.summary import DRAW_AGES
from fiscal.results.validate import SETTINGS
from fiscal.scenario import Scenario, explain


def result(scenario: Scenario, seed: int = 1) -> Result:
    """The result; the same numbers for the same seed."""
    rng = np.random.default_rng(seed)
    tables = {name: table(shape, rng) for name, shape in shapes_of(scenario.settings).items()}
    return Result(
        name=scenario.name,
        scenario=scenario,
        tables=tables | {SETTINGS: explain(scenario)},
        fingerprint=scenario.fingerprint(),
        summary=summary(scenario),
    )


def table(shape: Shape, rng: np.random.Generator) -> pd.DataFrame:
    """The rows of a shape in the order of their names, numbers between a half and three halves."""
    rows = sorted(shape.rows, key=lambda row: tuple(map(str, row)))
    names = pd.DataFrame(rows, columns=list(shape.schema.keys))
    if "rate" in names:
        names = names.astype({"rate": float})
    return names.assign(**{column: rng.uniform(0.5, 1.5, len(rows)) for column in shape.numbers})


def summary(scenario: Scenario) -> dict[str, Any]:
    """A summary of the kind that a run writes."""
    calibration = {
        "opening_plan_bn_usd": 9_000.0,
        "opening_traditional_bn_usd": 8_000.0,
        "people_65_plus": 6e7,
        "opening_by_age_bn_usd": [1.0] * len(AGES_AT_OPENING),
        "draw_rate_by_age": {str(age): 0.05 for age in DRAW_AGES},
    }
    windows = {"FY2026-2035": {"net_revenue": -12.5}}
    return {"scenario": scenario.name, "windows": windows, "calibration": calibration}
