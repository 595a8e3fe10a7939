"""Tables of one run: arrays in, tidy frames out; :mod:`fiscal.results.schema` declares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from fiscal.results.tables.common import YearlyTotals
from fiscal.results.tables.one_path import (
    line_sums,
    price_level,
    state_tax,
    stocks,
    tables_of_one_path,
    total_tables,
)
from fiscal.results.tables.random_paths import path_tables
from fiscal.results.tables.summary import summary_of, with_paths
from fiscal.results.tables.values import value_tables

if TYPE_CHECKING:
    from fiscal.engine.run import Run

__all__ = [
    "YearlyTotals",
    "line_sums",
    "path_tables",
    "stocks",
    "price_level",
    "summary_of",
    "tables_of",
    "total_tables",
    "with_paths",
]


def tables_of(run: Run) -> dict[str, pd.DataFrame]:
    """Every table of a run by name, in long form; a random model's runs have those of its paths too."""
    tables = tables_of_one_path(run) | value_tables(run)
    if run.scenario.settings.state.income_tax:
        tables["state_tax"] = state_tax(run)
    if run.paths is not None and run.paths.distributions:
        tables |= path_tables(run.paths)
    return tables
