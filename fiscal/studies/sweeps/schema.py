"""The tables of a sweep, declared once: columns with their words, and which of them name a row."""

from __future__ import annotations

from fiscal.results.quantities import QUANTITY_WORDS
from fiscal.results.schema import ColumnSchema, TableSchema, by_name, tables_by_name

COLUMNS = by_name(
    ColumnSchema("case", "number of the case, from 0"),
    ColumnSchema(
        "part",
        "base: nothing moved; low, high: one setting at an end of its range; design: the grid or the Sobol points",
    ),
    ColumnSchema("moved", "the setting of a low or high end"),
    ColumnSchema("message", "why the case failed; empty for one that did not"),
    ColumnSchema(
        "quantity", "what is reported: " + "; ".join(f"{name}: {words}" for name, words in QUANTITY_WORDS.items())
    ),
    ColumnSchema(
        "window",
        "fiscal years, billions of current dollars; present value: flows to the horizon at Treasury bill "
        "rates, billions of 30 June 2025",
    ),
    ColumnSchema("setting", "setting of the scenario, or row of data/assumptions.csv"),
    ColumnSchema("unit", "unit of the setting"),
    ColumnSchema("value", "the base's value, as in a scenario file"),
    ColumnSchema("low", "low end of its range"),
    ColumnSchema("high", "high end of its range"),
    ColumnSchema("at_value_bn_usd", "the quantity in the base, billions of dollars"),
    ColumnSchema("at_low_bn_usd", "the quantity with this setting alone at its low end"),
    ColumnSchema("at_high_bn_usd", "the quantity with this setting alone at its high end"),
    ColumnSchema(
        "first_order",
        "first-order Sobol index: share of the variance over the design that goes when the setting is known",
    ),
    ColumnSchema("first_order_confidence", "half the width of its 95 percent interval (bootstrap)"),
    ColumnSchema("total", "total Sobol index: share of the variance left when all settings but this one are known"),
    ColumnSchema("total_confidence", "half the width of its 95 percent interval (bootstrap)"),
    ColumnSchema("cases", "cases of the design that did not fail"),
    ColumnSchema("mean_bn_usd", "mean over them, billions of dollars"),
    ColumnSchema("standard_deviation_bn_usd", "standard deviation over them"),
    ColumnSchema("lowest_bn_usd", "lowest of them"),
    ColumnSchema("q05_bn_usd", "5 percent of the outcomes are below"),
    ColumnSchema("median_bn_usd", "their median"),
    ColumnSchema("q95_bn_usd", "95 percent of the outcomes are below"),
    ColumnSchema("highest_bn_usd", "highest of them"),
)
"""Columns of a sweep's tables; those of settings and outcomes in ``sweep`` come from the design."""

INDICES = ("first_order", "first_order_confidence", "total", "total_confidence")

TABLES = tables_by_name(
    COLUMNS,
    (
        TableSchema(
            name="sweep",
            holds="one row per case: its settings, its outcomes, and why it failed if it did",
            keys=("case",),
            texts=("part", "moved", "message"),
        ),
        TableSchema(
            name="tornado",
            holds="every setting alone at both ends of its range, by outcome, the largest moves first",
            keys=("quantity", "window", "setting"),
            numbers=("at_value_bn_usd", "at_low_bn_usd", "at_high_bn_usd"),
            texts=("unit", "value", "low", "high"),
        ),
        TableSchema(
            name="spread",
            holds="what every outcome is over the cases of the design that did not fail",
            keys=("quantity", "window"),
            numbers=(
                "cases", "mean_bn_usd", "standard_deviation_bn_usd", "lowest_bn_usd", "q05_bn_usd",
                "median_bn_usd", "q95_bn_usd", "highest_bn_usd",
            ),
        ),
        TableSchema(
            name="indices",
            holds="first-order and total Sobol indices of every outcome and setting",
            keys=("quantity", "window", "setting"),
            numbers=INDICES,
            gaps=INDICES,
        ),
    ),
)  # fmt: skip
"""The tables of a sweep; ``indices`` of a Sobol design only."""
