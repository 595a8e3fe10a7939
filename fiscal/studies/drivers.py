"""What drives the answer: the sweep of the design ``drivers``, stored so that a report need not run it.

Three tables are built by ``fiscal data derive drivers`` from one sweep: each setting alone at the ends of its
range (``drivers_tornado``), Sobol indices (``drivers_indices``) and what every outcome is over the design
(``drivers_spread``).
"""

from __future__ import annotations

import os

import pandas as pd

from fiscal.base.progress import Progress
from fiscal.scenario.design import Design, read_design
from fiscal.studies import derived
from fiscal.studies.sweeps import Sweep, sweep

DESIGN = "drivers"
DECIMALS = {"drivers_tornado": 6, "drivers_indices": 4, "drivers_spread": 6}
"""Of billions, thousands of dollars; of shares, a hundredth of a percent."""

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


def rebuild(progress: Progress | None = None) -> None:
    """Run the sweep on the machine's processors and store its tables."""
    found = sweep(design(), jobs=min(os.cpu_count() or 1, MOST_JOBS), progress=progress)
    for name, table in tables(found).items():
        derived.store(name, table)
