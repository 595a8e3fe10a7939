"""A scenario's yearly totals in a fraction of a second, for interactive use.

People, contributions, schedules and markets are those of any run; the compiled kernel projects the scenario and
its references to the horizon. What it leaves out is what a run spends its time on: the claim after the horizon,
vintages and values, and every cell. The numbers that remain are those of :func:`fiscal.run`, to 1e-9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal.base import compiled
from fiscal.base.axes import FIRST_YEAR
from fiscal.budget.ledger import contribution_lines
from fiscal.budget.lines import with_sums
from fiscal.engine import run as engine_run
from fiscal.engine.inputs import EQUITY_PATH, NO_CRYPTO_PATH
from fiscal.engine.random_paths import LINES, buildup_rates, on_paths, path_lines
from fiscal.engine.taxes import buildup_tax, contribution_taxes

if TYPE_CHECKING:
    from fiscal.markets.paths import AssetPaths
    from fiscal.people.contributions import Contributions
    from fiscal.scenario import Scenario

PARTS = {"traditional": "closing_traditional", "roth": "closing_roth", "crypto": "closing_crypto"}
"""Parts of the year-end balances, as the kernel names them; crypto is held in both of the others."""


@dataclass(frozen=True, kw_only=True)
class TotalsRun:
    """What a quick run computed: yearly totals by path, dollars ``(P, Y)``, of all lines but those that need cells (a
    rescue, gains displaced)."""

    scenario: Scenario
    years: np.ndarray  # (Y,) to the horizon
    year_fraction: np.ndarray  # (Y,) share of each year inside the projection
    horizon: np.ndarray  # (Y,) bool: every year is inside
    path_labels: tuple[str, ...]  # the scenario and its references
    economy: pd.DataFrame  # macro path by year
    market: AssetPaths  # the scenario's own
    contributions: Contributions
    flows: Mapping[str, np.ndarray]  # line -> (P, Y)
    stocks: Mapping[str, np.ndarray]  # part -> (P, Y)

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the revenue lines."""
        return tuple(self.flows)

    def total(self, line: str) -> np.ndarray:
        """A revenue line, ``(P, Y)`` dollars."""
        return self.flows[line]


def compute(scenario: Scenario, progress: Callable[..., None] | None = None) -> TotalsRun:
    """Totals of a scenario as arrays."""
    engine_run.refuse_beyond_memory(scenario.settings, cells=False)
    compiled.prepare()
    from fiscal.projection.kernel import project_references

    settings = scenario.settings
    years = np.arange(FIRST_YEAR, settings.horizon.last_year + 1)
    start = engine_run.prepare(settings, years, (NO_CRYPTO_PATH, EQUITY_PATH), progress)
    inputs = start.inputs
    taxes = contribution_taxes(settings, start.assume, years, start.mobility, start.contributions)
    law = buildup_tax(settings, start.assume, years, start.fraction, start.mobility)
    paths = [on_paths(inputs, label, start.market) for label in inputs.path_labels]
    projected = project_references(paths, buildup_rates(law, len(years)))
    made = [path_lines(totals) for totals in projected]
    shape = (len(paths), len(years))
    flows = {
        line: np.broadcast_to(cells.sum(axis=(2, 3)), shape)
        for line, cells in contribution_lines(inputs, taxes).items()
    }
    flows |= {line: np.concatenate([one[line] for one in made]) for line in LINES}
    return TotalsRun(
        scenario=scenario,
        years=years,
        year_fraction=start.fraction,
        horizon=np.ones(len(years), dtype=bool),
        path_labels=inputs.path_labels,
        economy=start.economy,
        market=start.market,
        contributions=start.contributions,
        flows=with_sums(flows),
        stocks={part: np.concatenate([one[name] for one in projected]) for part, name in PARTS.items()},
    )
