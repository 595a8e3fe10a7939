"""Every table of a result, declared once: its content, its columns with units and descriptions, its key, and the rows
that a scenario's settings require.

Builders, the check of a stored run, comparisons, the workbook, ``columns.csv``, and the documentation read these
declarations. A new column is a row of ``schema.csv``, its name in a table of :data:`TABLES`, and a value in the
table's builder.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic

from fiscal.base.axes import ASSETS, CHARACTERS, SLEEVES
from fiscal.budget.lines import LINES, STATE_LINES
from fiscal.results import rows
from fiscal.results.rows import Row, World

if TYPE_CHECKING:
    from fiscal.scenario.schema import Settings

# --- columns ----------------------------------------------------------------------------------------

UNITS = {
    "bn_usd": "billions of dollars",
    "usd": "dollars",
    "rate": "fraction",
    "share": "fraction",
    "gdp": "fraction of GDP",
    "year": "calendar year",
    "turns": "calendar year",
    "months": "months",
    "paths": "paths",
    "correlation": "correlation",
}
"""Ending of a column's name -> unit."""

WORDS = {
    "gdp": "GDP",
    "q05": "5th percentile",
    "q25": "25th percentile",
    "q75": "75th percentile",
    "q95": "95th percentile",
    "1y": "one year",
    "5y": "five years",
    "10y": "ten years",
    "30y": "thirty years",
    "minus": "less",
    "buildup": "build-up",
}
"""Parts of a column's name -> words."""


def unit_in_name(column: str) -> str:
    """The unit at the end of a column's name, in words; empty if there is none."""
    if column.startswith("dollar_"):
        return "dollars"
    endings = (unit for ending, unit in UNITS.items() if column == ending or column.endswith(f"_{ending}"))
    return next(endings, "")


def in_words(column: str) -> str:
    """The name of a column as a header: words, without the unit at its end."""
    name = column.removesuffix("_bn_usd").removesuffix("_usd")
    text = " ".join(WORDS.get(part, part) for part in name.split("_"))
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class ColumnSchema:
    """A column: its content, and its unit and header for readers if the name does not give them."""

    name: str
    words: str
    unit: str = ""
    head: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", self.unit or unit_in_name(self.name))
        object.__setattr__(self, "head", self.head or in_words(self.name))


def by_name(*columns: ColumnSchema) -> Mapping[str, ColumnSchema]:
    """Columns by name. Raises ``ValueError`` for a column that is declared twice."""
    found = {column.name: column for column in columns}
    if len(found) < len(columns):
        raise ValueError("a column is declared twice")
    return found


def columns_in(file: Path) -> Mapping[str, ColumnSchema]:
    """Columns that a CSV declares: ``name, words``, and ``unit`` and ``head`` where the name does not give them."""
    with file.open(encoding="utf-8", newline="") as lines:
        return by_name(*(ColumnSchema(**row) for row in csv.DictReader(lines)))


COLUMNS = columns_in(Path(__file__).with_suffix(".csv"))
"""Columns of all tables of a result by name; a name has the same meaning in every table."""

QUANTILES = ("q05_bn_usd", "q25_bn_usd", "median_bn_usd", "q75_bn_usd", "q95_bn_usd")
CONTROLLED = ("mean_controlled_bn_usd", "standard_error_controlled_bn_usd")
MOMENTS = ("mean_bn_usd", "standard_error_bn_usd", *QUANTILES, *CONTROLLED)
AMOUNTS = ("nominal_bn_usd", "real_bn_usd")

# --- tables -----------------------------------------------------------------------------------------


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True)
class TableSchema:
    """A table: its content, the columns that form the key, the columns of numbers, and other text columns.

    ``gaps``: numbers that may be missing; ``positive``: numbers used as denominators; ``of_adoption``: numbers present
    only if the scenario holds alternatives; ``compared``: columns that a comparison reads. ``expects`` gives the rows
    that the settings require (None: not known in advance), ``when`` whether the table exists, ``open_member`` that the
    rows of birth decades depend on their holdings.
    """

    name: str
    holds: str
    keys: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    of_adoption: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    expects: Callable[[World], Set[Row]] | None = None
    when: Callable[[World], bool] = lambda world: True
    open_member: bool = False

    @pydantic.model_validator(mode="after")
    def _check(self) -> TableSchema:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError(f"{self.name}: a column twice")
        strange = {*self.gaps, *self.positive, *self.of_adoption} - {*self.numbers}
        strange |= {*self.compared} - {*self.columns}
        if strange:
            raise ValueError(f"{self.name}: no columns of it: {sorted(strange)}")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns in their order."""
        return (*self.keys, *self.numbers, *self.texts)

    def of(self, world: World) -> Shape | None:
        """The table in a run; None if the run has none or its rows are not known in advance."""
        if self.expects is None or not self.when(world):
            return None
        numbers = tuple(name for name in self.numbers if world.adopted or name not in self.of_adoption)
        return Shape(schema=self, rows=self.expects(world), numbers=numbers)


@dataclass(frozen=True)
class Shape:
    """A table of one run: its declaration, its required rows, and its columns of numbers."""

    schema: TableSchema
    rows: Set[Row]
    numbers: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are checked."""
        return (*self.schema.keys, *self.numbers)


def tables_by_name(columns: Mapping[str, ColumnSchema], tables: Iterable[TableSchema]) -> Mapping[str, TableSchema]:
    """Tables by name. Raises ``ValueError`` for an undeclared column or a table that is declared twice."""
    listed = list(tables)
    found = {table.name: table for table in listed}
    unknown = {column for table in listed for column in table.columns} - set(columns)
    if unknown or len(found) < len(listed):
        raise ValueError(f"not declared, or a table twice: {sorted(unknown)}")
    return found


_INDEXES = ("gdp_bn_usd", "wage_bill_bn_usd", "wage_index", "cpi_u", "chained_cpi")

TABLES: Mapping[str, TableSchema] = tables_by_name(
    COLUMNS,
    (
        TableSchema(
            name="budget",
            holds="every revenue line by calendar and fiscal year",
            keys=("path", "year_kind", "year", "line"),
            numbers=(*AMOUNTS, "gdp_share", "gdp_bn_usd"),
            positive=("gdp_bn_usd",),
            compared=(
                "path", "year_kind", "year", "line", "nominal_bn_usd", "real_bn_usd", "gdp_share", "gdp_bn_usd",
            ),
            expects=rows.budget_rows,
        ),
        TableSchema(
            name="windows",
            holds="sums of the lines over the fiscal years of each window",
            keys=("path", "window", "line"),
            numbers=(*AMOUNTS, "gdp_share"),
            compared=("path", "window", "line", "nominal_bn_usd"),
            expects=lambda world: rows.grid(world.paths, world.windows, LINES),
        ),
        TableSchema(
            name="present_values",
            holds="flows of the lines discounted to June 30, 2025, by basis: horizon, terminal claim, and total",
            keys=("basis", "rate", "path", "span", "line"),
            numbers=("present_value_bn_usd",),
            expects=rows.present_value_rows,
        ),
        TableSchema(
            name="vintages",
            holds="revenue and cost of each year's contributions, and of the opening stock, over their whole life",
            keys=("basis", "rate", "vintage", "tax_character", "line"),
            numbers=("own_date_bn_usd", "present_value_bn_usd"),
            expects=rows.vintage_rows,
        ),
        TableSchema(
            name="bases",
            holds="the same values on every basis, at average and at marginal rates",
            keys=("basis", "rate", "market", "scope", "weight", "line"),
            numbers=("present_value_bn_usd", "standard_error_bn_usd", "per_dollar"),
            gaps=("standard_error_bn_usd", "per_dollar"),
            expects=rows.bases_rows,
        ),
        TableSchema(
            name="claim",
            holds="the government's claim on traditional balances at each opening, and its loss if crypto falls",
            keys=("path", "year"),
            numbers=(
                "balance_bn_usd", "claim_bn_usd", "claim_share", "crypto_balance_bn_usd", "crypto_claim_bn_usd",
                "marginal_crypto_claim_bn_usd", "fall_bn_usd",
            ),
            gaps=("claim_share",),
            expects=rows.claim_rows,
        ),
        TableSchema(
            name="tax_expenditure",
            holds="the cash measure by method and the present-value measure by basis",
            keys=("measured_on", "method", "flows_of"),
            numbers=(
                "deferred_revenue_bn_usd",
                "inside_buildup_bn_usd",
                "withdrawal_tax_bn_usd",
                "tax_expenditure_bn_usd",
            ),
            expects=rows.expenditure_rows,
        ),
        TableSchema(
            name="distribution",
            holds="the lines by earnings group and birth decade, calendar years of each window",
            keys=("path", "window", "line", "dimension", "member"),
            numbers=AMOUNTS,
            expects=rows.distribution_rows,
        ),
        TableSchema(
            name="distribution_bases",
            holds="the values of the table bases by earnings group, birth decade, and stratum",
            keys=("basis", "rate", "market", "scope", "dimension", "member", "line"),
            numbers=("present_value_bn_usd",),
            expects=rows.distribution_bases_rows,
            open_member=True,
        ),
        TableSchema(
            name="displaced",
            holds="tax displaced if the crypto would have been held, and taxed, outside: two-sided, by fiscal year",
            keys=("path", "year", "displaced_share"),
            numbers=("pushed_out_tax_bn_usd", "displaced_gains_tax_bn_usd", "net_revenue_after_bn_usd"),
            expects=rows.displaced_rows,
        ),
        TableSchema(
            name="contingent",
            holds="cost of the backstop rule, on the scenario's path and over random paths",
            keys=("measure", "market", "window"),
            numbers=(
                "mean_bn_usd", "standard_error_bn_usd", "median_bn_usd", "q05_bn_usd", "triggered_share",
                "paths",
            ),
            gaps=("standard_error_bn_usd", "median_bn_usd", "q05_bn_usd"),
            expects=rows.contingent_rows,
        ),
        TableSchema(
            name="contributions",
            holds="contributions by year, kind, and tax character",
            keys=("year", "kind", "tax_character"),
            numbers=AMOUNTS,
            expects=lambda world: rows.grid(
                world.years, ("elective_deferral", "employer_contribution"), CHARACTERS
            ),
        ),
        TableSchema(
            name="balances",
            holds="year-end balances by wrapper, tax character, and sleeve",
            keys=("path", "year", "wrapper", "tax_character", "sleeve"),
            numbers=(*AMOUNTS, "gdp_share"),
            expects=lambda world: rows.grid(world.paths, world.years, world.wrappers, CHARACTERS, SLEEVES),
        ),
        TableSchema(
            name="flows",
            holds="flows through the accounts by year: withdrawals, rollovers, conversions, returns, fees, losses",
            keys=("path", "year", "flow"),
            numbers=AMOUNTS,
            expects=lambda world: rows.grid(world.paths, world.years, world.flows),
        ),
        TableSchema(
            name="people",
            holds="people, deaths, migration, entrants, and account holders by year",
            keys=("year",),
            numbers=("people", "deaths", "net_migration", "entrants", "account_holders"),
            expects=lambda world: rows.grid(world.years),
        ),
        TableSchema(
            name="asset_returns",
            holds="return of each asset by calendar year on the scenario's path",
            keys=("year", "asset"),
            numbers=("return_rate",),
            expects=lambda world: rows.grid(world.years, ASSETS),
        ),
        TableSchema(
            name="crypto_size",
            holds="value of all crypto implied by the path, relative to gross domestic product",
            keys=("year",),
            numbers=("crypto_over_gdp",),
            expects=lambda world: rows.grid(world.years[1:]),
        ),
        TableSchema(
            name="economy",
            holds="the macroeconomic path: output, wages, prices, interest rates",
            keys=("year",),
            numbers=(*_INDEXES, "one_year_rate", "treasury_10y_rate", "price_level"),
            positive=(*_INDEXES, "price_level"),
            compared=("year", "one_year_rate", "price_level"),
            expects=lambda world: rows.grid(world.years),
        ),
        TableSchema(
            name="checks",
            holds="identities checked on this run, with their largest residual",
            keys=("check",),
            numbers=("residual", "scale"),
            expects=lambda world: rows.grid(rows.CHECKS),
        ),
        TableSchema(
            name="settings",
            holds="every setting of the run, as fiscal explain shows it",
            keys=("key",),
            texts=(
                "value", "default", "unit", "low", "high", "source", "status", "doc", "changed", "set_in",
            ),
        ),
        TableSchema(
            name="state_tax",
            holds="state income tax by year, if state.income_tax is on",
            keys=("path", "year", "line"),
            numbers=AMOUNTS,
            expects=lambda world: rows.grid(world.paths, world.years, STATE_LINES),
            when=lambda world: world.settings.state.income_tax,
        ),
        TableSchema(
            name="path_years",
            holds="random models: distribution over paths by year, with differences from references",
            keys=("path", "reference", "line", "year"),
            numbers=MOMENTS,
            gaps=("standard_error_bn_usd", *CONTROLLED),
            expects=rows.path_year_rows,
            when=lambda world: world.distributed,
        ),
        TableSchema(
            name="path_windows",
            holds="random models: distribution over paths of window sums and present values",
            keys=("measure", "reference", "window", "line"),
            numbers=(*MOMENTS, "lowest_mean_bn_usd", "highest_mean_bn_usd", "worse_share", "paths"),
            gaps=("standard_error_bn_usd", *CONTROLLED),
            expects=rows.path_window_rows,
            when=lambda world: world.distributed,
        ),
        TableSchema(
            name="paths",
            holds="random models: window sums of every path",
            keys=("path_number", "window"),
            numbers=(
                "withdrawal_tax_bn_usd",
                "net_revenue_bn_usd",
                "net_revenue_minus_no_crypto_bn_usd",
                "net_revenue_minus_equity_adoption_bn_usd",
            ),
            of_adoption=("net_revenue_minus_no_crypto_bn_usd", "net_revenue_minus_equity_adoption_bn_usd"),
            expects=rows.path_rows,
            when=lambda world: world.distributed,
        ),
        TableSchema(
            name="path_crypto",
            holds="random models: value of all crypto relative to gross domestic product, over paths",
            keys=("year",),
            numbers=("q05_over_gdp", "median_over_gdp", "q95_over_gdp", "capped_share"),
            expects=lambda world: rows.grid(world.years[1:]),
            when=lambda world: world.distributed,
        ),
        TableSchema(
            name="implied",
            holds="random models: statistics of each asset that the path model implies",
            keys=("asset",),
            numbers=(
                "geometric_10y_rate", "geometric_rate", "arithmetic_rate", "volatility_1y_rate",
                "volatility_5y_rate", "volatility_10y_rate", "volatility_30y_rate", "halved_share",
                "dollar_10y_q05", "dollar_10y_q95", "dollar_30y_q05", "dollar_30y_q95", "equity_correlation",
                "capped_share",
            ),
            gaps=("volatility_30y_rate", "dollar_30y_q05", "dollar_30y_q95", "equity_correlation"),
            expects=lambda world: rows.grid(ASSETS),
            when=lambda world: world.distributed,
        ),
        TableSchema(
            name="path_dollar",
            holds="random models: value of one dollar in each asset by year, over paths",
            keys=("asset", "year"),
            numbers=("mean_usd", "q05_usd", "q25_usd", "median_usd", "q75_usd", "q95_usd"),
            expects=lambda world: rows.grid(ASSETS, world.years[1:]),
            when=lambda world: world.distributed,
        ),
    ),
)  # fmt: skip
"""Every table of a result; the last ones exist only if their condition is met."""

TOTALS = TableSchema(
    name="stocks",
    holds="year-end balances of a quick run by part",
    keys=("path", "year", "part"),
    numbers=(*AMOUNTS, "gdp_share"),
)
"""The one table that only yearly totals have (:func:`fiscal.quick`), not stored runs."""


def shapes_of(settings: Settings) -> dict[str, Shape]:
    """The shape of every table that a run of ``settings`` has, by name; the table of settings is not among them."""
    world = World(settings)
    shapes = ((name, table.of(world)) for name, table in TABLES.items())
    return {name: shape for name, shape in shapes if shape is not None}
