"""What the tables of every kind of run share: windows, names, units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from fiscal.budget import valuation
from fiscal.budget.valuation import Window

if TYPE_CHECKING:
    from fiscal.markets.paths import AssetPaths
    from fiscal.people.contributions import Contributions
    from fiscal.scenario import Scenario


BILLION = 1e9
FISCAL_SAME_YEAR_SHARE = 9 / 12
"""A fiscal year runs from October to September: nine of its months lie in the year it is named after."""
WINDOWS = (Window(2026, 2035), Window(2026, 2055), Window(2026, 2100))
FLOWS = (
    "plan_withdrawals",
    "ira_withdrawals",
    "inherited_withdrawals",
    "roth_withdrawals",
    "inherited_roth_withdrawals",
    "nonqualified_earnings",
    "penalised_withdrawals",
    "plan_bequests",
    "rollovers",
    "roth_rollovers",
    "conversions",
    "fees",
    "losses",
    "core_return",
    "crypto_return",
)
"""Flows through the accounts that the tables show, as the projection names them."""
DRAW_AGES = range(60, 100)
"""Ages attained at which the summary says what share of a balance is drawn."""


class YearlyTotals(Protocol):
    """What the tables of yearly totals are made of: a run of the engine, or totals alone."""

    @property
    def scenario(self) -> Scenario: ...
    @property
    def years(self) -> np.ndarray: ...  # (Y,)
    @property
    def year_fraction(self) -> np.ndarray: ...  # (Y,) share of the year that lies inside
    @property
    def path_labels(self) -> tuple[str, ...]: ...  # (P,)
    @property
    def horizon(self) -> np.ndarray: ...  # (Y,) bool: inside the horizon, not run-off
    @property
    def economy(self) -> pd.DataFrame: ...  # macro path by year
    @property
    def market(self) -> AssetPaths: ...  # the scenario's own
    @property
    def contributions(self) -> Contributions: ...
    @property
    def lines(self) -> tuple[str, ...]: ...  # revenue lines that are known

    def total(self, line: str) -> np.ndarray:
        """A revenue line over all cells, ``(P, Y)`` dollars."""
        ...


PRESENT_VALUE = "present value"
"""In the column ``window``: flows to the horizon at Treasury bill rates, on 30 June 2025."""


def bill_factors(one_year_rate: np.ndarray, fraction: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Present value of a dollar of each year at bill rates, ``(Y,)``."""
    return valuation.discount_factors(valuation.flow_dates(years, fraction), one_year_rate, years)
