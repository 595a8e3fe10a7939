"""What the tables of all kinds of runs share: windows, names, and units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from fiscal.budget.ledger import fiscal_line

if TYPE_CHECKING:
    from fiscal.markets.paths import AssetPaths
    from fiscal.people.contributions import Contributions
    from fiscal.scenario import Scenario
    from fiscal.scenario.schema import Settings


def rows_of(parts: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A frame of parts end to end: columns of one length in a part; a text or number is in all its rows."""
    lengths = [max(len(value) for value in part.values() if np.ndim(value)) for part in parts]

    def column(name: str) -> np.ndarray:
        values = [part[name] for part in parts]
        kind = object if isinstance(values[0], str) else None
        return np.concatenate(
            [
                np.full(length, value, kind) if np.ndim(value) == 0 else value
                for value, length in zip(values, lengths, strict=True)
            ]
        )

    return pd.DataFrame({name: column(name) for name in parts[0]})


def by_fiscal_year(settings: Settings, line: str, flow: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """A line ``(..., Y)`` by fiscal year, as the settings time its cash; ``fraction`` (Y,) of each year is inside."""
    books = settings.books
    same_year = books.deferral_fiscal_same_year_share, books.withdrawal_fiscal_same_year_share
    return fiscal_line(line, flow, fraction, *same_year)


class YearlyTotals(Protocol):
    """The source of the tables of yearly totals: a run of the engine, or totals alone."""

    @property
    def scenario(self) -> Scenario: ...
    @property
    def years(self) -> np.ndarray: ...  # (Y,)
    @property
    def year_fraction(self) -> np.ndarray: ...  # (Y,) share of the year inside the projection
    @property
    def path_labels(self) -> tuple[str, ...]: ...  # (P,)
    @property
    def horizon(self) -> np.ndarray: ...  # (Y,) bool: inside the horizon, not run-off
    @property
    def economy(self) -> pd.DataFrame: ...  # macro path by year
    @property
    def market(self) -> AssetPaths: ...  # those of the scenario
    @property
    def contributions(self) -> Contributions: ...
    @property
    def lines(self) -> tuple[str, ...]: ...  # revenue lines that are known

    def total(self, line: str) -> np.ndarray:
        """A revenue line over all cells, ``(P, Y)`` dollars."""
        ...
