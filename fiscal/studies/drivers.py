"""What drives the answer: the sweep of the design ``drivers``, stored so that a report need not run it.

Three tables are built by ``fiscal data derive drivers`` from one sweep: each setting alone at the ends of its
range (``drivers_tornado``), Sobol indices (``drivers_indices``) and what every outcome is over the design
(``drivers_spread``).
"""

from __future__ import annotations

import os

import pandas as pd

from fiscal.base import sources
from fiscal.engine.run import Progress
from fiscal.scenario.design import Design, read_design
from fiscal.studies import derived
from fiscal.studies.sweeps import Sweep, sweep
from fiscal.studies.sweeps.schema import COLUMNS, TABLES

DESIGN = "drivers"
DECIMALS = {"drivers_tornado": 6, "drivers_indices": 4, "drivers_spread": 6}
"""Of billions, thousands of dollars; of shares, a hundredth of a percent."""

TITLES = {
    "drivers_tornado": "Drivers of the effect of crypto: each setting alone at the ends of its range",
    "drivers_indices": "Drivers of the effect of crypto: first-order and total Sobol indices",
    "drivers_spread": "Drivers of the effect of crypto: outcomes over the whole design",
}
MOST_JOBS = 4


def design() -> Design:
    """The design that is stored."""
    return read_design(DESIGN)


def tables(found: Sweep) -> dict[str, pd.DataFrame]:
    """The stored tables of a sweep of the design, rounded."""
    return {
        f"drivers_{name}": found.tables[name].round(DECIMALS[f"drivers_{name}"])
        for name in ("tornado", "indices", "spread")
    }


def store(found: Sweep) -> None:
    """Write the three tables into the data folder and refresh their entries, each in one step."""
    for name, table in tables(found).items():
        shares = name == "drivers_indices"
        unit = "shares of a variance" if shares else "billions of dollars"
        keys = list(TABLES[name.removeprefix("drivers_")].keys)
        derived.store(
            name,
            table,
            title=TITLES[name],
            unit=unit,
            source="this model (fiscal.studies.drivers)",
            fields=[_field(str(column), table[column], unit) for column in table],
            note=(
                f"Built by `fiscal data derive drivers`: {found.design.title}, {len(found.cases)} cases of "
                f"{found.design.base.name} on its central path, {found.design.samples} Sobol points, seed "
                f"{found.design.seed}; settings and ranges in fiscal/scenario/designs/drivers.toml. A test makes a "
                "part again. Settings are drawn evenly and independently of each other, which nobody observed."
            ),
            primary_key=keys,
        )


def _field(name: str, values: pd.Series, unit: str) -> sources.Field:
    kind = "integer" if name == "cases" else "string" if values.dtype.kind not in "fi" else "number"
    told = {"number": unit, "integer": "cases", "string": "see description"}[kind]
    # an outcome that does not vary has no indices
    return sources.Field(
        name, kind, told, COLUMNS[name].words, required=unit != "shares of a variance" or kind != "number"
    )


def rebuild(progress: Progress | None = None) -> None:
    """Run the sweep on the machine's processors and store its tables."""
    store(sweep(design(), jobs=min(os.cpu_count() or 1, MOST_JOBS), progress=progress))
