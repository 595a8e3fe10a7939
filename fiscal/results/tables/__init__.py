"""Tables of one run: arrays in, tidy frames out; :mod:`fiscal.results.schema` declares them."""

from __future__ import annotations

from fiscal.results.tables.common import YearlyTotals
from fiscal.results.tables.one_path import line_sums, price_level, stocks, total_tables
from fiscal.results.tables.random_paths import path_tables
from fiscal.results.tables.summary import summary_of

__all__ = ["YearlyTotals", "line_sums", "path_tables", "price_level", "stocks", "summary_of", "total_tables"]
