"""What a run's tables hold: their columns, and the rows that its settings call for.

A run folder may be of someone else's making. What reads its tables trusts that they are as the package writes
them, so a stored run is held against :func:`shapes_of` first; see :func:`misfits`.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from fiscal.base.axes import (
    AGES_AT_OPENING,
    ASSETS,
    CHARACTERS,
    FIRST_YEAR,
    GROUPS,
    SLEEVES,
    WRAPPERS,
    birth_years,
    stratum_names,
)
from fiscal.base.errors import Problem
from fiscal.budget.ledger import CASH_METHODS, LINES
from fiscal.engine.inputs import (
    EQUITY_PATH,
    NO_CRYPTO_PATH,
    SCENARIO_PATH,
    convention_label,
    holds_alternatives,
    splits_holders,
)
from fiscal.engine.random_paths import STOCKS
from fiscal.engine.risk_neutral import CENTRAL_MODEL, FEWEST_PATHS
from fiscal.engine.run import LARGEST, VINTAGE_YEAR
from fiscal.markets.paths import path_model
from fiscal.results.tables import DRAW_AGES, FLOWS, OPENING_STOCK, PATH_LINES, STATE_LINES, WINDOWS
from fiscal.results.tables.values import (
    ALL,
    EFFECT,
    PRESENT_VALUE,
    RECEIPTS,
    RISK_NEUTRAL,
    STOCK,
    UPFRONT,
    basis_label,
    displaced_shares,
    market_name,
    span_label,
    vintage_scope,
)
from fiscal.scenario import explain

if TYPE_CHECKING:
    from fiscal.results.result import Result
    from fiscal.scenario import Scenario
    from fiscal.scenario.schema import Settings

Row = tuple[Any, ...]

QUANTILES = ("q05_bn_usd", "q25_bn_usd", "median_bn_usd", "q75_bn_usd", "q95_bn_usd")
MOMENTS = (
    "mean_bn_usd", "standard_error_bn_usd", *QUANTILES, "mean_controlled_bn_usd", "standard_error_controlled_bn_usd",
)  # fmt: skip
AMOUNTS = ("nominal_bn_usd", "real_bn_usd")

RATES = ("rate", "displaced_share")
"""Columns that name a row by a number that is not whole."""

SMALLEST = 1e-9
"""A positive number below this is none that an economy has: billions of dollars, or an index."""

SHOWN = 3
"""Rows that a message names."""


@dataclass(frozen=True)
class Shape:
    """A table: the columns that together name a row, the rows, the columns of numbers, and which of these may be
    missing. ``open_member``: rows of birth decades come and go with what they hold. ``positive``: numbers that others
    are divided by."""

    keys: tuple[str, ...]
    rows: Set[Row]
    numbers: tuple[str, ...] = ()
    gaps: frozenset[str] = frozenset()
    open_member: bool = False
    positive: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns."""
        return (*self.keys, *self.numbers)


@dataclass(frozen=True)
class _World:
    """What the rows hang on."""

    settings: Settings

    @property
    def years(self) -> range:
        return range(FIRST_YEAR, self.settings.horizon.last_year + 1)

    @property
    def adopted(self) -> bool:
        return holds_alternatives(self.settings)

    @property
    def strata(self) -> int:
        return 1 if not self.adopted else 3 if splits_holders(self.settings) else 2

    @property
    def paths(self) -> tuple[str, ...]:
        return (SCENARIO_PATH, *((NO_CRYPTO_PATH, EQUITY_PATH) if self.adopted else ()))

    @property
    def windows(self) -> tuple[str, ...]:
        return tuple(window.label for window in WINDOWS if window.last <= self.settings.horizon.last_year)

    @property
    def random(self) -> bool:
        return path_model(self.settings.paths.model).stochastic

    @property
    def bases(self) -> tuple[tuple[str, float | None, str], ...]:
        """Basis, rate and market of what is valued to the last withdrawal."""
        books = self.settings.books
        return (
            *(("convention", rate, convention_label(rate)) for rate in books.convention_rates),
            *(("fixed", rate, SCENARIO_PATH) for rate in books.discount_rates),
            ("treasury", None, SCENARIO_PATH),
            ("portfolio", None, SCENARIO_PATH),
        )

    @property
    def neutral_market(self) -> str | None:
        """Market of the risk-neutral values; None where there are none."""
        if self.settings.books.risk_neutral_paths < FEWEST_PATHS:
            return None
        return self._priced_on

    @property
    def _priced_on(self) -> str:
        model = self.settings.paths.model
        return market_name(model if self.random else CENTRAL_MODEL, not self.random)

    @property
    def rescues(self) -> tuple[tuple[str, str], ...]:
        """Measure and market of the backstop's random paths."""
        if not self.adopted or self.settings.backstop.paths < FEWEST_PATHS:
            return ()
        measures = ("real", "risk_neutral") if self.random else ("risk_neutral",)
        return tuple((measure, self._priced_on) for measure in measures)


def shapes_of(settings: Settings) -> dict[str, Shape]:
    """The shape of every table that a run of ``settings`` has, by name; the table of settings is not among them."""
    world = _World(settings)
    shapes = _books(world) | _people_and_markets(world) | _values(world)
    if settings.state.income_tax:
        rows = _rows(world.paths, world.years, STATE_LINES)
        shapes["state_tax"] = Shape(("path", "year", "line"), rows, AMOUNTS)
    if world.random and settings.paths.count > 1:
        shapes |= _paths(world)
    return shapes


class _Grid(Set[Row]):
    """Every combination of the members of some axes; it takes no room, however many paths there are."""

    def __init__(self, axes: tuple[Collection[Any], ...]) -> None:
        self._axes = axes

    def __contains__(self, row: object) -> bool:
        return (
            isinstance(row, tuple)
            and len(row) == len(self._axes)
            and all(value in axis for value, axis in zip(row, self._axes, strict=True))
        )

    def __iter__(self) -> Iterator[Row]:
        return product(*self._axes)

    def __len__(self) -> int:
        return math.prod(map(len, self._axes))


def _rows(*axes: Collection[Any]) -> _Grid:
    return _Grid(axes)


def _books(world: _World) -> dict[str, Shape]:
    paths, years, windows = world.paths, world.years, world.windows
    dated = [("calendar", year) for year in years] + [("fiscal", year) for year in years[1:]]
    discounted = [(basis, rate, SCENARIO_PATH) for basis, rate, _ in world.bases if basis == "convention"]
    discounted += [
        (basis, rate, path)
        for basis, rate in (
            *(("fixed", rate) for rate in world.settings.books.discount_rates),
            ("treasury", None),
            ("treasury_10y", None),
        )
        for path in paths
    ]
    spans = ("horizon", "terminal_claim", "total")
    return {
        "budget": Shape(
            ("path", "year_kind", "year", "line"),
            frozenset((path, *date, line) for path, date, line in product(paths, dated, LINES)),
            (*AMOUNTS, "gdp_share", "gdp_bn_usd"),
            positive=frozenset({"gdp_bn_usd"}),
        ),
        "windows": Shape(("path", "window", "line"), _rows(paths, windows, LINES), (*AMOUNTS, "gdp_share")),
        "present_values": Shape(
            ("basis", "rate", "path", "span", "line"),
            frozenset((*head, span, line) for head, span, line in product(discounted, spans, LINES)),
            ("present_value_bn_usd",),
        ),
        "contributions": Shape(
            ("year", "kind", "tax_character"),
            _rows(years, ("elective_deferral", "employer_contribution"), CHARACTERS),
            AMOUNTS,
        ),
        "balances": Shape(
            ("path", "year", "wrapper", "tax_character", "sleeve"),
            _rows(paths, years, WRAPPERS, CHARACTERS, SLEEVES),
            (*AMOUNTS, "gdp_share"),
        ),
        "flows": Shape(("path", "year", "flow"), _rows(paths, years, FLOWS), AMOUNTS),
        "distribution": Shape(
            ("path", "window", "line", "dimension", "member"),
            frozenset(
                (path, window, line, *member)
                for window in windows
                for path, line, member in product(paths, LINES, _members(window))
            ),
            AMOUNTS,
        ),
    }


def _members(window: str) -> list[tuple[str, str]]:
    """Earnings groups, and the birth decades of whoever lives in the years of a window."""
    (found,) = (one for one in WINDOWS if one.label == window)
    decades = np.unique(birth_years(np.arange(found.first, found.last + 1)) // 10 * 10)
    groups = [("earnings_group", group) for group in GROUPS]
    return groups + [("birth_decade", f"{start}s") for start in decades]


def _people_and_markets(world: _World) -> dict[str, Shape]:
    years = world.years
    economy = (
        "gdp_bn_usd", "wage_bill_bn_usd", "wage_index", "cpi_u", "chained_cpi", "one_year_rate",
        "treasury_10y_rate", "price_level",
    )  # fmt: skip
    people = ("people", "deaths", "net_migration", "entrants", "account_holders")
    checks = (("account identity, worst cell, dollars",), ("people conserved, worst cell, persons",))
    return {
        "people": Shape(("year",), _rows(years), people),
        "asset_returns": Shape(("year", "asset"), _rows(years, ASSETS), ("return_rate",)),
        "crypto_size": Shape(("year",), _rows(years[1:]), ("crypto_over_gdp",)),
        "economy": Shape(("year",), _rows(years), economy, positive=frozenset(economy[:5]) | {"price_level"}),
        "checks": Shape(("check",), frozenset(checks), ("residual", "scale")),
    }


def _values(world: _World) -> dict[str, Shape]:
    years, bases = world.years, world.bases
    scope = vintage_scope(VINTAGE_YEAR)
    contributed = ("deferred_revenue", *RECEIPTS, "inside_buildup_shadow", "tax_expenditure")
    vintages = [
        (basis, rate, *row)
        for basis, rate, _ in bases
        for row in (
            *product(map(str, years), CHARACTERS, contributed),
            *product((OPENING_STOCK,), ("both",), RECEIPTS),
        )
    ]
    cash = product(("cash_basis",), CASH_METHODS, map(str, range(VINTAGE_YEAR, years[-1] + 1)))
    valued = (("present_value_basis", basis_label(basis, rate), scope) for basis, rate, _ in bases)
    rescued = (("own path", SCENARIO_PATH), *world.rescues)
    spans = (span_label(years[0], years[-1]), PRESENT_VALUE)
    expenditure = (
        "deferred_revenue_bn_usd", "inside_buildup_bn_usd", "withdrawal_tax_bn_usd", "tax_expenditure_bn_usd",
    )  # fmt: skip
    return {
        "vintages": Shape(
            ("basis", "rate", "vintage", "tax_character", "line"),
            frozenset(vintages),
            ("own_date_bn_usd", "present_value_bn_usd"),
        ),
        "tax_expenditure": Shape(("measured_on", "method", "flows_of"), frozenset([*cash, *valued]), expenditure),
        "displaced": Shape(
            ("path", "year", "displaced_share"),
            _rows(
                [path for path in world.paths if path != NO_CRYPTO_PATH],
                years,
                displaced_shares(world.settings),
            ),
            ("displaced_gains_tax_bn_usd", "net_revenue_after_bn_usd"),
        ),
        "contingent": Shape(
            ("measure", "market", "window"),
            frozenset((*case, span) for case, span in product(rescued, spans)),
            (
                "mean_bn_usd", "standard_error_bn_usd", "median_bn_usd", "q05_bn_usd", "triggered_share", "paths",
            ),
            gaps=frozenset({"standard_error_bn_usd", "median_bn_usd", "q05_bn_usd"}),
        ),
        "bases": Shape(
            ("basis", "rate", "market", "scope", "weight", "line"),
            frozenset(_bases(world, scope)),
            ("present_value_bn_usd", "standard_error_bn_usd", "per_dollar"),
            gaps=frozenset({"standard_error_bn_usd", "per_dollar"}),
        ),
        "claim": Shape(
            ("path", "year"),
            _rows([path for path in world.paths if path != EQUITY_PATH], years),
            (
                "balance_bn_usd", "claim_bn_usd", "claim_share", "crypto_balance_bn_usd", "crypto_claim_bn_usd",
                "marginal_crypto_claim_bn_usd", "fall_bn_usd",
            ),
            gaps=frozenset({"claim_share"}),
        ),
        "distribution_bases": Shape(
            ("basis", "rate", "market", "scope", "dimension", "member", "line"),
            frozenset(_distribution_bases(world, scope)),
            ("present_value_bn_usd",),
            open_member=True,
        ),
    }  # fmt: skip


def _bases(world: _World, scope: str) -> Iterator[Row]:
    """Rows of the bases side by side; the sum comes with every scope."""
    sums, paid = ("net_revenue",), (*UPFRONT, *RECEIPTS)
    shadow = ("inside_buildup_shadow", "tax_expenditure")
    scopes = [(scope, "average", (*paid, *shadow, *sums)), (ALL, "average", (*paid, *shadow, *sums))]
    neutral = [(scope, "average", (*paid, *sums)), (ALL, "average", (*paid, *sums))]
    both = [(STOCK, "average", (*RECEIPTS, *sums)), (scope, "marginal", (*paid, *sums))]
    if world.adopted:
        both.append((EFFECT, "average", (*paid, *sums)))
    for head in world.bases:
        yield from ((*head, name, weight, line) for name, weight, lines in scopes + both for line in lines)
    if world.neutral_market is not None:
        priced = (RISK_NEUTRAL, None, world.neutral_market)
        yield from ((*priced, name, weight, line) for name, weight, lines in neutral + both for line in lines)


def _distribution_bases(world: _World, scope: str) -> Iterator[Row]:
    """Rows by earnings group and stratum; those by birth decade hang on who is alive and pays."""
    strata = stratum_names(world.strata)
    members = [("earnings_group", group) for group in GROUPS] + [("stratum", name) for name in strata]
    full = (*UPFRONT, *RECEIPTS, "inside_buildup_shadow")
    for basis, rate, market in world.bases:
        scopes = [(scope, full), (ALL, full), (STOCK, RECEIPTS)]
        if world.adopted and basis != "convention":
            scopes.append((EFFECT, RECEIPTS))
        for name, lines in scopes:
            for member, line in product(members, lines):
                yield (basis, rate, market, name, *member, line)
    if world.neutral_market is not None:
        names = (scope, ALL, STOCK, *((EFFECT,) if world.adopted else ()))
        for name, group in product(names, GROUPS):
            yield (
                RISK_NEUTRAL, None, world.neutral_market, name, "earnings_group", group, "withdrawal_tax",
            )  # fmt: skip


def _paths(world: _World) -> dict[str, Shape]:
    """Tables of a random model's paths."""
    settings, years = world.settings, world.years
    references = world.paths[1:]
    pairs = [(path, "none") for path in world.paths] + [(SCENARIO_PATH, other) for other in references]
    windows = (*world.windows, PRESENT_VALUE)
    no_error = frozenset(
        {"standard_error_bn_usd", "mean_controlled_bn_usd", "standard_error_controlled_bn_usd"}
    )
    return {
        "path_years": Shape(
            ("path", "reference", "line", "year"),
            frozenset((*pair, line, year) for pair, line, year in product(pairs, (*PATH_LINES, *STOCKS), years)),
            MOMENTS,
            gaps=no_error,
        ),
        "path_windows": Shape(
            ("measure", "reference", "window", "line"),
            _rows({settings.paths.measure, RISK_NEUTRAL}, ("none", *references), windows, PATH_LINES),
            (*MOMENTS, "lowest_mean_bn_usd", "highest_mean_bn_usd", "worse_share", "paths"),
            gaps=no_error,
        ),
        "paths": Shape(
            ("path_number", "window"),
            _rows(range(settings.paths.count), windows),
            (
                "withdrawal_tax_bn_usd", "net_revenue_bn_usd",
                *(f"net_revenue_minus_{label}_bn_usd" for label in references),
            ),
        ),
        "path_crypto": Shape(
            ("year",),
            _rows(years[1:]),
            ("q05_over_gdp", "median_over_gdp", "q95_over_gdp", "capped_share"),
        ),
        "implied": Shape(
            ("asset",),
            _rows(ASSETS),
            (
                "geometric_10y_rate", "geometric_rate", "arithmetic_rate", "volatility_1y_rate",
                "volatility_5y_rate", "volatility_10y_rate", "volatility_30y_rate", "halved_share",
                "dollar_10y_q05", "dollar_10y_q95", "dollar_30y_q05", "dollar_30y_q95", "equity_correlation",
                "capped_share",
            ),
            gaps=frozenset({"volatility_30y_rate", "dollar_30y_q05", "dollar_30y_q95", "equity_correlation"}),
        ),
        "path_dollar": Shape(
            ("asset", "year"),
            _rows(ASSETS, years[1:]),
            ("mean_usd", "q05_usd", "q25_usd", "median_usd", "q75_usd", "q95_usd"),
        ),
    }  # fmt: skip


# --- holding a run against them ---------------------------------------------------------------------


def misfits(result: Result) -> list[Problem]:
    """Where the tables and the summary of a result are not what the package writes for its settings; none for a
    result of :func:`fiscal.run`."""
    shapes = shapes_of(result.scenario.settings)
    tables = result.tables
    wanted = {*shapes, SETTINGS}
    found = [
        Problem(message, file="tables", value=sorted(names))
        for message, names in (
            ("lacks tables of these settings", wanted - set(tables)),
            ("holds tables that are not of these settings", set(tables) - wanted),
        )
        if names
    ]
    for name, shape in shapes.items():
        if name in tables:
            found += [
                Problem(message, file=_file(name), **told) for message, told in _faults(tables[name], shape)
            ]
    if SETTINGS in tables:
        found += _settings_faults(tables[SETTINGS], result.scenario)
    return found + _summary_faults(result.summary)


SETTINGS = "settings"


def _file(name: str) -> str:
    return f"tables/{name}.parquet"


Fault = tuple[str, dict[str, Any]]


def _faults(table: pd.DataFrame, shape: Shape) -> list[Fault]:
    faults = _column_faults(table, shape)
    if faults:
        return faults
    return _row_faults(table, shape) + _number_faults(table, shape)


def _column_faults(table: pd.DataFrame, shape: Shape) -> list[Fault]:
    columns = [str(column) for column in table.columns]
    if any(name is not None for name in table.index.names):
        return [("has columns in its index", {"value": list(map(str, table.index.names))})]
    if sorted(columns) != sorted(shape.columns):
        told = {"value": sorted(set(columns) ^ set(shape.columns))[:SHOWN] or columns[:SHOWN]}
        return [("has other columns than it should", {**told, "allowed": ", ".join(shape.columns)})]
    wrong = [
        column
        for column in (*shape.keys, *shape.numbers)
        if not (_is_number if column in (*shape.numbers, *RATES) else _is_name)(table[column])
    ]
    return [("holds other values than it should", {"key": column}) for column in wrong]


def _is_number(values: pd.Series) -> bool:
    return values.dtype in (np.float64, np.int64)


def _is_name(values: pd.Series) -> bool:
    """Texts or whole numbers."""
    return values.dtype == np.int64 or types.is_string_dtype(values)


def _row_faults(table: pd.DataFrame, shape: Shape) -> list[Fault]:
    names = [[_plain(value) for value in table[key].tolist()] for key in shape.keys]
    rows = list(zip(*names, strict=True))
    have = set(rows)
    faults: list[Fault] = []
    if len(have) < len(rows):
        faults.append(("has rows with the same name", {}))
    lacking = (row for row in shape.rows if row not in have)
    extra = (
        row for row in have if row not in shape.rows and not (shape.open_member and _is_decade(row, shape))
    )
    for message, some in (("lacks rows of these settings", lacking), ("has other rows", extra)):
        shown = heapq.nsmallest(SHOWN, some, key=str)
        if shown:
            faults.append((message, {"value": shown}))
    return faults


def _plain(value: Any) -> Any:
    """A name of a row; what is missing is None."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _is_decade(row: Row, shape: Shape) -> bool:
    """Whether a row is of a birth decade, and otherwise as a row of an earnings group."""
    names = dict(zip(shape.keys, row, strict=True))
    if names["dimension"] != "birth_decade" or not re.fullmatch(r"\d{4}s", str(names["member"])):
        return False
    twin = names | {"dimension": "earnings_group", "member": GROUPS[0]}
    return tuple(twin.values()) in shape.rows


def _number_faults(table: pd.DataFrame, shape: Shape) -> list[Fault]:
    faults: list[Fault] = []
    for column in shape.numbers:
        values = table[column].to_numpy(dtype=float)
        missing = np.isnan(values)
        if missing.any() and column not in shape.gaps:
            faults.append(("has gaps", {"key": column}))
        if column in shape.positive and (values[~missing] < SMALLEST).any():
            faults.append(("is not positive", {"key": column}))
        if (np.abs(values[~missing]) > LARGEST).any():
            faults.append(("is too large to be computed with", {"key": column, "allowed": f"{LARGEST:g}"}))
    return faults


def _settings_faults(table: pd.DataFrame, scenario: Scenario) -> list[Problem]:
    """The table of settings says what the stored scenario does, a user's file by its name in the folder."""
    from fiscal.scenario import file_settings, own_files

    expected = explain(scenario)
    file = _file(SETTINGS)
    if sorted(map(str, table.columns)) != sorted(expected.columns):
        return [Problem("has other columns than it should", file=file, allowed=", ".join(expected.columns))]
    # a user's file is named as it was given, and in a stored run by its name in the folder
    inside = {key: file_settings()[key] for key in own_files(scenario.settings)}
    stored = [inside.get(key, value) for key, value in zip(expected["key"], expected["value"], strict=True)]
    keys, values = (table[column].map(str).tolist() for column in ("key", "value"))
    if keys != expected["key"].tolist() or values not in (stored, expected["value"].tolist()):
        return [Problem("does not say what scenario.toml does", file=file)]
    words = ("default", "unit", "source", "status", "doc", "set_in")
    if not all(isinstance(value, str) for column in words for value in table[column]):
        return [Problem("holds other values than it should", file=file)]
    return []


def _summary_faults(summary: Mapping[str, Any]) -> list[Problem]:
    """What the report reads of a summary: the calibration's numbers."""
    told = summary.get("calibration")
    if isinstance(told, Mapping):
        names = ("opening_plan_bn_usd", "opening_traditional_bn_usd", "people_65_plus")
        by_age, rates = told.get("opening_by_age_bn_usd"), told.get("draw_rate_by_age")
        if isinstance(by_age, list) and isinstance(rates, Mapping):
            numbers = [*(told.get(name) for name in names), *by_age, *rates.values()]
            ages = len(by_age) == len(AGES_AT_OPENING) and set(rates) == set(map(str, DRAW_AGES))
            if ages and all(map(_sound, numbers)):
                return []
    return [Problem("is not what a run writes", file="summary.json", key="calibration")]


def _sound(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and abs(number) <= LARGEST
