"""Every table of a result, declared once: what it holds, its columns with units and words, which of them name a row,
and the rows that a scenario's settings call for.

Builders, the check of a stored run, comparisons, the workbook, ``columns.csv`` and the documentation read these
declarations. A new column is an entry in :data:`COLUMNS`, its name in a table of :data:`TABLES`, and a value in the
table's builder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
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
    """The unit that a column's name ends with, in words; empty where it names none."""
    if column.startswith("dollar_"):
        return "dollars"
    endings = (unit for ending, unit in UNITS.items() if column == ending or column.endswith(f"_{ending}"))
    return next(endings, "")


def in_words(column: str) -> str:
    """The name of a column as a head: words, without the unit that it ends with."""
    name = column.removesuffix("_bn_usd").removesuffix("_usd")
    text = " ".join(WORDS.get(part, part) for part in name.split("_"))
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class ColumnSchema:
    """A column: what it holds, and its unit and its head for readers where the name does not say them."""

    name: str
    words: str
    unit: str = ""
    head: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", self.unit or unit_in_name(self.name))
        object.__setattr__(self, "head", self.head or in_words(self.name))


def by_name(*columns: ColumnSchema) -> Mapping[str, ColumnSchema]:
    """Columns by name. Raises ``ValueError`` for one that is declared twice."""
    found = {column.name: column for column in columns}
    if len(found) < len(columns):
        raise ValueError("a column is declared twice")
    return found


COLUMNS: Mapping[str, ColumnSchema] = by_name(
    ColumnSchema("scenario", "name of the scenario that is compared with the base"),
    ColumnSchema(
        "path",
        "scenario, or one of its references: no_crypto, equity_adoption",
        head="Scenario or reference",
    ),
    ColumnSchema(
        "year",
        "calendar year, or fiscal year where year_kind says so; 2025 is April to December only",
    ),
    ColumnSchema("year_kind", "calendar or fiscal", head="Calendar or fiscal year"),
    ColumnSchema(
        "line",
        "line of the government's books; positive = the government is better off, but a positive "
        "tax_expenditure is a cost",
    ),
    ColumnSchema("nominal_bn_usd", "billions of current dollars", unit="billions of current dollars"),
    ColumnSchema(
        "real_bn_usd",
        "billions of dollars at the prices of books.price_year (CPI-U)",
        unit="billions of {price_year} dollars",
    ),
    ColumnSchema("gdp_share", "share of the same years' gross domestic product", head="Share of GDP"),
    ColumnSchema(
        "window",
        "fiscal years summed over; or present value (of the horizon's calendar flows), or terminal claim",
    ),
    ColumnSchema(
        "basis",
        "convention (return = discount = rate), fixed (discounted at rate), treasury (three-month bill "
        "rate, rolled over), treasury_10y (ten-year rate), portfolio (each sleeve at its own return) or "
        "risk_neutral (mean over risk-neutral paths at the bill rate)",
    ),
    ColumnSchema("rate", "the basis' rate a year; empty for treasury"),
    ColumnSchema(
        "span",
        "horizon, terminal_claim (run-off of the closed cohorts after it) or total",
        head="Years covered",
    ),
    ColumnSchema(
        "present_value_bn_usd",
        "billions of dollars of 30 June 2025",
        unit="billions of dollars of 30 June 2025",
    ),
    ColumnSchema("vintage", "year of the contributions, or opening_stock", head="Contributions of the year"),
    ColumnSchema(
        "own_date_bn_usd",
        "billions of dollars of the contribution's own date (the middle of its year; the opening for the "
        "opening stock)",
        unit="billions of dollars of the contribution's own date",
        head="Value at the contributions' own date",
    ),
    ColumnSchema(
        "market",
        "path of returns that is valued: the scenario's own, a convention's, or a random model on risk-"
        "neutral paths",
        head="Path of returns",
    ),
    ColumnSchema(
        "scope",
        "what is valued: contributions of one year, all_contributions to the horizon, opening_stock, or "
        "crypto_effect (scenario less no crypto, stock and contributions together)",
        head="What is valued",
    ),
    ColumnSchema(
        "weight",
        "average: a dollar pays its cell's average rate, so that vintages and stock add to the total; "
        "marginal: a further dollar, through the slopes of the schedules",
    ),
    ColumnSchema(
        "per_dollar",
        "value over the traditional dollars contributed or in the opening stock, both of the same date",
        unit="dollars a traditional dollar",
    ),
    ColumnSchema(
        "balance_bn_usd",
        "traditional balances of owners and heirs at the opening of the year, billions of current dollars",
        unit="billions of current dollars",
    ),
    ColumnSchema(
        "claim_bn_usd",
        "income tax they will bring, each dollar discounted at what it earns (portfolio basis)",
    ),
    ColumnSchema("claim_share", "claim over balance: the government's embedded share"),
    ColumnSchema("crypto_balance_bn_usd", "part of the balance in the crypto sleeve"),
    ColumnSchema(
        "crypto_claim_bn_usd",
        "part of the claim on the crypto sleeve, at average rates: its exposure to crypto",
    ),
    ColumnSchema("marginal_crypto_claim_bn_usd", "the same at the marginal rates of the schedules"),
    ColumnSchema(
        "fall_bn_usd",
        "change of the claim when crypto falls by half on that day, to first order",
        head="Change of the claim if crypto halves",
    ),
    ColumnSchema(
        "measure",
        "real, or risk_neutral: paths on which every asset earns the bill rate on average, whose mean "
        "present value is a value at market prices",
    ),
    ColumnSchema(
        "reference",
        "what is subtracted path by path: none, no_crypto or equity_adoption; line deferral_balance is "
        "deferred_revenue plus withdrawal_tax",
    ),
    ColumnSchema(
        "mean_bn_usd",
        "mean over paths, billions of current dollars (present values: of 30 June 2025)",
        unit="billions of current dollars",
    ),
    ColumnSchema("standard_error_bn_usd", "standard error of the mean over paths"),
    ColumnSchema(
        "mean_controlled_bn_usd",
        "mean over paths less its known part of error: that of the flat-tax linear model on the same paths,"
        " whose expectation is known, times the slope on it; empty where it is not known",
    ),
    ColumnSchema(
        "standard_error_controlled_bn_usd",
        "standard error of mean_controlled_bn_usd; empty for Sobol draws",
    ),
    ColumnSchema("median_bn_usd", "median over paths"),
    ColumnSchema("q05_bn_usd", "5 percent of paths lie below"),
    ColumnSchema("q25_bn_usd", "25 percent of paths lie below"),
    ColumnSchema("q75_bn_usd", "75 percent of paths lie below"),
    ColumnSchema("q95_bn_usd", "95 percent of paths lie below"),
    ColumnSchema("lowest_mean_bn_usd", "mean over the twentieth of the paths with the lowest values"),
    ColumnSchema("highest_mean_bn_usd", "mean over the twentieth of the paths with the highest values"),
    ColumnSchema(
        "geometric_10y_rate",
        "geometric mean return a year over the ten years from 2027, from the mean log return",
    ),
    ColumnSchema("geometric_rate", "geometric mean return a year over all years"),
    ColumnSchema("arithmetic_rate", "mean of the yearly returns"),
    ColumnSchema("volatility_1y_rate", "standard deviation of log growth over a year"),
    ColumnSchema(
        "volatility_5y_rate",
        "standard deviation of log growth over five years, a year (over the root of five)",
    ),
    ColumnSchema("volatility_10y_rate", "the same over ten years"),
    ColumnSchema("volatility_30y_rate", "the same over thirty years"),
    ColumnSchema(
        "halved_share",
        "chance that a span of ten years holds a fall of half or more between year ends",
    ),
    ColumnSchema("dollar_10y_q05", "a dollar after ten years, 5 percent of paths lie below"),
    ColumnSchema("dollar_10y_q95", "a dollar after ten years, 95 percent of paths lie below"),
    ColumnSchema("dollar_30y_q05", "a dollar after thirty years, 5 percent of paths lie below"),
    ColumnSchema("dollar_30y_q95", "a dollar after thirty years, 95 percent of paths lie below"),
    ColumnSchema("equity_correlation", "correlation of yearly log returns with equity's"),
    ColumnSchema("mean_usd", "mean over paths of a dollar put in at the end of 2026"),
    ColumnSchema("q05_usd", "5 percent of paths lie below"),
    ColumnSchema("q25_usd", "25 percent of paths lie below"),
    ColumnSchema("median_usd", "median over paths"),
    ColumnSchema("q75_usd", "75 percent of paths lie below"),
    ColumnSchema("q95_usd", "95 percent of paths lie below"),
    ColumnSchema(
        "measured_on",
        "cash_basis (the year's flows and the plan's own return) or present_value_basis (one year's "
        "contributions over their life, with a shadow taxable account); never added",
    ),
    ColumnSchema("method", "how the build-up is counted on the cash basis, or the present-value basis"),
    ColumnSchema("flows_of", "calendar year, or the year's contributions"),
    ColumnSchema(
        "deferred_revenue_bn_usd",
        "deferred revenue, billions of current dollars (present values: of the middle of the contributions'"
        " year)",
        unit="billions of current dollars",
    ),
    ColumnSchema("inside_buildup_bn_usd", "tax forgone on the return, the same dollars"),
    ColumnSchema("withdrawal_tax_bn_usd", "withdrawal tax, the same dollars (table paths: of the path)"),
    ColumnSchema("tax_expenditure_bn_usd", "the three with the sign turned: positive is a cost"),
    ColumnSchema("displaced_share", "part of the crypto sleeve that would have been held outside plans"),
    ColumnSchema(
        "displaced_gains_tax_bn_usd",
        "gains tax forgone on it, billions of current dollars (negative; positive in a loss)",
        unit="billions of current dollars",
    ),
    ColumnSchema("net_revenue_after_bn_usd", "net revenue with it"),
    ColumnSchema("triggered_share", "share of paths on which the backstop rule pays at all"),
    ColumnSchema(
        "worse_share",
        "share of paths on which government is worse off than with the reference (none: than nil)",
    ),
    ColumnSchema("paths", "number of paths"),
    ColumnSchema("path_number", "index of the path: the same path in any run of the same seed"),
    ColumnSchema("net_revenue_bn_usd", "net revenue of the path"),
    ColumnSchema(
        "net_revenue_minus_no_crypto_bn_usd",
        "net revenue less that of the same path without crypto",
    ),
    ColumnSchema(
        "net_revenue_minus_equity_adoption_bn_usd",
        "net revenue less that of the same path with the adoption in equity",
    ),
    ColumnSchema(
        "q05_over_gdp",
        "5 percent of paths lie below this value of all crypto over gross domestic product",
    ),
    ColumnSchema("median_over_gdp", "its median"),
    ColumnSchema("q95_over_gdp", "95 percent of paths lie below"),
    ColumnSchema(
        "capped_share",
        "share of paths on which crypto's value was held at its cap in this year or before",
    ),
    ColumnSchema("tax_character", "traditional or roth (both for the opening stock)"),
    ColumnSchema("kind", "elective_deferral or employer_contribution", head="Kind of contribution"),
    ColumnSchema(
        "wrapper",
        "a plan of the scope (plan is the 401(k)), ira (rolled over from plans) or inherited",
        head="Account",
    ),
    ColumnSchema("sleeve", "core or crypto"),
    ColumnSchema("part", "traditional, roth, or crypto: the crypto sleeve of both"),
    ColumnSchema("flow", "name of a flow through the accounts"),
    ColumnSchema(
        "dimension",
        "earnings_group (lifetime-wage rank), birth_decade or stratum (who holds crypto)",
        head="Grouped by",
    ),
    ColumnSchema("member", "group, decade or stratum", head="Group"),
    ColumnSchema("people", "persons at the opening of the year", unit="persons"),
    ColumnSchema("deaths", "persons who die within the year", unit="persons"),
    ColumnSchema("net_migration", "persons who arrive less those who leave", unit="persons"),
    ColumnSchema("entrants", "persons who are 18 at the opening of the year", unit="persons"),
    ColumnSchema(
        "account_holders",
        "persons with a balance in a plan of the scope or what was rolled over from one",
        unit="persons",
    ),
    ColumnSchema("asset", "asset class"),
    ColumnSchema("return_rate", "return of the year (2025: April to December)"),
    ColumnSchema(
        "gdp_bn_usd",
        "gross domestic product of the same year, billions of current dollars",
        unit="billions of current dollars",
        head="Gross domestic product",
    ),
    ColumnSchema("crypto_over_gdp", "value of all crypto that the path implies, over gross domestic product"),
    ColumnSchema(
        "wage_bill_bn_usd",
        "wages and salaries, billions of current dollars",
        unit="billions of current dollars",
    ),
    ColumnSchema("wage_index", "average wage, dollars a year", unit="dollars a year", head="Average wage"),
    ColumnSchema(
        "cpi_u",
        "consumer prices, 1982-84 = 100",
        unit="1982-84 = 100",
        head="Consumer prices, CPI-U",
    ),
    ColumnSchema(
        "chained_cpi",
        "chained consumer prices, equal to cpi_u in 2025",
        unit="1982-84 = 100",
        head="Consumer prices, chained",
    ),
    ColumnSchema("one_year_rate", "three-month bill rate of the year, which stands for the one-year rate"),
    ColumnSchema("treasury_10y_rate", "ten-year Treasury rate"),
    ColumnSchema(
        "price_level",
        "consumer prices over those of books.price_year",
        unit="times the price year's",
    ),
    ColumnSchema("key", "setting of the scenario, section.key", head="Setting"),
    ColumnSchema("value", "its value in this run"),
    ColumnSchema("default", "its default"),
    ColumnSchema("unit", "its unit"),
    ColumnSchema("low", "lowest value allowed"),
    ColumnSchema("high", "highest value allowed"),
    ColumnSchema("source", "where the default comes from", head="Source of the default"),
    ColumnSchema("status", "cited, derived, assumed or choice", head="Standing of the default"),
    ColumnSchema("doc", "what the setting does", head="What it does"),
    ColumnSchema("changed", "whether it differs from the default"),
    ColumnSchema("set_in", "file or option that set it"),
    ColumnSchema(
        "factor",
        "contributions (dollars in, by tax character), returns (path, allocation, fees), rate (tax per "
        "dollar: progressivity, law), timing (when dollars leave), behaviour (responses), or difference: "
        "their sum",
    ),
    ColumnSchema(
        "effect_bn_usd",
        "scenario less base by factor, billions of current dollars (present value: of 30 June 2025)",
        unit="billions of current dollars",
    ),
    ColumnSchema("check", "invariant checked on this run"),
    ColumnSchema("residual", "its largest signed residual"),
    ColumnSchema("scale", "what the residual is measured against"),
)
"""Columns of all tables of a result by name; the same name means the same in every table."""

QUANTILES = ("q05_bn_usd", "q25_bn_usd", "median_bn_usd", "q75_bn_usd", "q95_bn_usd")
CONTROLLED = ("mean_controlled_bn_usd", "standard_error_controlled_bn_usd")
MOMENTS = ("mean_bn_usd", "standard_error_bn_usd", *QUANTILES, *CONTROLLED)
AMOUNTS = ("nominal_bn_usd", "real_bn_usd")

# --- tables -----------------------------------------------------------------------------------------


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True)
class TableSchema:
    """A table: what it holds, the columns that together name a row, those of numbers, and those of other texts.

    ``gaps``: numbers that may be missing; ``positive``: numbers that others are divided by; ``of_adoption``: numbers
    that are there only where the scenario holds alternatives; ``compared``: columns that a comparison reads.
    ``expects`` says which rows the settings call for (None: not known beforehand), ``when`` whether there is a table
    at all, ``open_member`` that rows of birth decades come and go with what they hold.
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
        """The table in a run; None where the run has none, or its rows are not known beforehand."""
        if self.expects is None or not self.when(world):
            return None
        numbers = tuple(name for name in self.numbers if world.adopted or name not in self.of_adoption)
        return Shape(schema=self, rows=self.expects(world), numbers=numbers)


@dataclass(frozen=True)
class Shape:
    """A table of one run: its declaration, the rows that it must have, and its columns of numbers."""

    schema: TableSchema
    rows: Set[Row]
    numbers: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are checked."""
        return (*self.schema.keys, *self.numbers)


def tables_by_name(
    columns: Mapping[str, ColumnSchema], tables: Iterable[TableSchema]
) -> Mapping[str, TableSchema]:
    """Tables by name. Raises ``ValueError`` for a column that is not declared, or a table that is declared twice."""
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
            holds="every line of the books by year, calendar and fiscal",
            keys=("path", "year_kind", "year", "line"),
            numbers=(*AMOUNTS, "gdp_share", "gdp_bn_usd"),
            positive=("gdp_bn_usd",),
            compared=(
                "path",
                "year_kind",
                "year",
                "line",
                "nominal_bn_usd",
                "real_bn_usd",
                "gdp_share",
                "gdp_bn_usd",
            ),
            expects=rows.budget_rows,
        ),
        TableSchema(
            name="windows",
            holds="the lines summed over the fiscal years of each window",
            keys=("path", "window", "line"),
            numbers=(*AMOUNTS, "gdp_share"),
            compared=("path", "window", "line", "nominal_bn_usd"),
            expects=lambda world: rows.grid(world.paths, world.windows, LINES),
        ),
        TableSchema(
            name="present_values",
            holds="the lines' flows discounted to 30 June 2025, basis by basis: horizon, terminal claim, total",
            keys=("basis", "rate", "path", "span", "line"),
            numbers=("present_value_bn_usd",),
            expects=rows.present_value_rows,
        ),
        TableSchema(
            name="vintages",
            holds="what each year's contributions, and the opening stock, bring and cost over their whole life",
            keys=("basis", "rate", "vintage", "tax_character", "line"),
            numbers=("own_date_bn_usd", "present_value_bn_usd"),
            expects=rows.vintage_rows,
        ),
        TableSchema(
            name="bases",
            holds="the same questions on every basis side by side, at average and at marginal rates",
            keys=("basis", "rate", "market", "scope", "weight", "line"),
            numbers=("present_value_bn_usd", "standard_error_bn_usd", "per_dollar"),
            gaps=("standard_error_bn_usd", "per_dollar"),
            expects=rows.bases_rows,
        ),
        TableSchema(
            name="claim",
            holds="the government's claim on traditional balances at each opening, and what a fall of crypto takes "
            "of it",
            keys=("path", "year"),
            numbers=(
                "balance_bn_usd",
                "claim_bn_usd",
                "claim_share",
                "crypto_balance_bn_usd",
                "crypto_claim_bn_usd",
                "marginal_crypto_claim_bn_usd",
                "fall_bn_usd",
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
            holds="the values of the table bases by earnings group, birth decade and stratum",
            keys=("basis", "rate", "market", "scope", "dimension", "member", "line"),
            numbers=("present_value_bn_usd",),
            expects=rows.distribution_bases_rows,
            open_member=True,
        ),
        TableSchema(
            name="displaced",
            holds="gains tax forgone if the crypto would have been held, and taxed, outside",
            keys=("path", "year", "displaced_share"),
            numbers=("displaced_gains_tax_bn_usd", "net_revenue_after_bn_usd"),
            expects=rows.displaced_rows,
        ),
        TableSchema(
            name="contingent",
            holds="what the backstop rule would cost, on the scenario's path and over random paths",
            keys=("measure", "market", "window"),
            numbers=(
                "mean_bn_usd",
                "standard_error_bn_usd",
                "median_bn_usd",
                "q05_bn_usd",
                "triggered_share",
                "paths",
            ),
            gaps=("standard_error_bn_usd", "median_bn_usd", "q05_bn_usd"),
            expects=rows.contingent_rows,
        ),
        TableSchema(
            name="contributions",
            holds="contributions by year, kind and tax character",
            keys=("year", "kind", "tax_character"),
            numbers=AMOUNTS,
            expects=lambda world: rows.grid(
                world.years, ("elective_deferral", "employer_contribution"), CHARACTERS
            ),
        ),
        TableSchema(
            name="balances",
            holds="year-end balances by wrapper, tax character and sleeve",
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
            holds="people, deaths, migration, entrants and account holders by year",
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
            holds="value of all crypto over gross domestic product that the path implies",
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
            holds="every setting of the run as it stood, as fiscal explain shows it",
            keys=("key",),
            texts=(
                "value",
                "default",
                "unit",
                "low",
                "high",
                "source",
                "status",
                "doc",
                "changed",
                "set_in",
            ),
        ),
        TableSchema(
            name="state_tax",
            holds="state income tax by year, where state.income_tax is on",
            keys=("path", "year", "line"),
            numbers=AMOUNTS,
            expects=lambda world: rows.grid(world.paths, world.years, STATE_LINES),
            when=lambda world: world.settings.state.income_tax,
        ),
        TableSchema(
            name="path_years",
            holds="random models: each year's distribution over paths, and that of the differences from references",
            keys=("path", "reference", "line", "year"),
            numbers=MOMENTS,
            gaps=("standard_error_bn_usd", *CONTROLLED),
            expects=rows.path_year_rows,
            when=lambda world: world.distributed,
        ),
        TableSchema(
            name="path_windows",
            holds="random models: the distribution of window sums and present values over paths",
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
            holds="random models: value of all crypto over gross domestic product over paths",
            keys=("year",),
            numbers=("q05_over_gdp", "median_over_gdp", "q95_over_gdp", "capped_share"),
            expects=lambda world: rows.grid(world.years[1:]),
            when=lambda world: world.distributed,
        ),
        TableSchema(
            name="implied",
            holds="random models: what the path model implies for each asset",
            keys=("asset",),
            numbers=(
                "geometric_10y_rate",
                "geometric_rate",
                "arithmetic_rate",
                "volatility_1y_rate",
                "volatility_5y_rate",
                "volatility_10y_rate",
                "volatility_30y_rate",
                "halved_share",
                "dollar_10y_q05",
                "dollar_10y_q95",
                "dollar_30y_q05",
                "dollar_30y_q95",
                "equity_correlation",
                "capped_share",
            ),
            gaps=("volatility_30y_rate", "dollar_30y_q05", "dollar_30y_q95", "equity_correlation"),
            expects=lambda world: rows.grid(ASSETS),
            when=lambda world: world.distributed,
        ),
        TableSchema(
            name="path_dollar",
            holds="random models: a dollar in each asset over paths and years",
            keys=("asset", "year"),
            numbers=("mean_usd", "q05_usd", "q25_usd", "median_usd", "q75_usd", "q95_usd"),
            expects=lambda world: rows.grid(ASSETS, world.years[1:]),
            when=lambda world: world.distributed,
        ),
    ),
)
"""Every table of a result; the last ones only where their condition is met."""

TOTALS = TableSchema(
    name="stocks",
    holds="year-end balances of a quick run by part",
    keys=("path", "year", "part"),
    numbers=(*AMOUNTS, "gdp_share"),
)
"""The one table that yearly totals alone have (:func:`fiscal.quick`), and stored runs have not."""


def shapes_of(settings: Settings) -> dict[str, Shape]:
    """The shape of every table that a run of ``settings`` has, by name; the table of settings is not among them."""
    world = World(settings)
    shapes = ((name, table.of(world)) for name, table in TABLES.items())
    return {name: shape for name, shape in shapes if shape is not None}
