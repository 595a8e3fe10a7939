"""The rows that a scenario's settings require, table by table, and the members of their key columns."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Set
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base.axes import CHARACTERS, FIRST_YEAR, GROUPS, birth_years, stratum_names
from fiscal.budget.ledger import CASH_METHODS
from fiscal.budget.lines import LINES, RECEIPTS, UPFRONT, VALUE_EXPENDITURE
from fiscal.budget.valuation import PRESENT_VALUE, WINDOWS
from fiscal.engine.allocation import holds_alternatives, splits_holders
from fiscal.engine.inputs import EQUITY_PATH, NO_CRYPTO_PATH, SCENARIO_PATH, convention_label
from fiscal.engine.random_paths import STOCKS, path_measures
from fiscal.engine.risk_neutral import CENTRAL_MODEL, FEWEST_PATHS
from fiscal.engine.run import VINTAGE_YEAR
from fiscal.markets.paths import path_model
from fiscal.people import accounts

if TYPE_CHECKING:
    from fiscal.scenario.schema import Settings

Row = tuple[Any, ...]

# --- members of keys --------------------------------------------------------------------------------

FLOWS = (
    "inherited_withdrawals", "roth_withdrawals", "inherited_roth_withdrawals", "nonqualified_earnings",
    "penalised_withdrawals", "plan_bequests", "rollovers", "roth_rollovers", "conversions", "fees", "losses",
    "core_return", "crypto_return",
)  # fmt: skip
"""Flows through the accounts that the tables show after the withdrawals from each, as the projection names them."""

TAXED_FLOWS = (
    *(f"{account}_withdrawals" for account in accounts.TYPES),
    "inherited_withdrawals",
    "nonqualified_earnings",
)
"""Withdrawals that income tax falls on, of every type that a run may hold."""

PATH_LINES = ("withdrawal_tax", "deferral_balance", "net_revenue", "tax_expenditure")
"""Lines and sums shown with their distribution over random paths."""

CHECKS = ("account identity, worst cell, dollars", "people conserved, worst cell, persons")
"""Invariants that every run checks."""

STOCK, ALL, EFFECT = "opening_stock", "all_contributions", "crypto_effect"
"""Scopes of values, in addition to :func:`vintage_scope`."""

CURVE_GROUPS = ("P20-30", "P50-60", "P99-100")
"""Earnings groups whose tax rates a figure shows by default."""

RISK_NEUTRAL = "risk_neutral"
STANDS_IN = "replaces the scenario's own path, on which a value at market prices is undefined"


def vintage_scope(year: int) -> str:
    """Name of a year's contributions as a scope."""
    return f"contributions_{year}"


def market_name(model: str, stands_in: bool) -> str:
    """Name of a random model as a market; it may replace the scenario's own path."""
    return f"{model} ({STANDS_IN})" if stands_in else model


def basis_label(basis: str, rate: float | None) -> str:
    """A basis by name and rate, as one text."""
    return basis if rate is None else f"{basis} {rate:g}"


def span_label(first: int, last: int) -> str:
    """Name of the calendar years from ``first`` to ``last``."""
    return f"{first}-{last}"


def displaced_shares(settings: Settings) -> list[float]:
    """Shares of the crypto sleeve that would have been held outside plans: none, half, all, and the scenario's."""
    return sorted({0.0, 0.5, 1.0, settings.books.displaced_taxable_share})


# --- what a scenario calls for ----------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Everything on which the rows of a run depend."""

    settings: Settings

    @property
    def years(self) -> range:
        return range(FIRST_YEAR, self.settings.horizon.last_year + 1)

    @property
    def accounts(self) -> tuple[str, ...]:
        return accounts.names(self.settings.scope.plans)

    @property
    def wrappers(self) -> tuple[str, ...]:
        return (*self.accounts, accounts.INHERITED)

    @property
    def flows(self) -> tuple[str, ...]:
        return (*(f"{account}_withdrawals" for account in self.accounts), *FLOWS)

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
        """Basis, rate, and market of values to the last withdrawal."""
        books = self.settings.books
        return (
            *(("convention", rate, convention_label(rate)) for rate in books.convention_rates),
            *(("fixed", rate, SCENARIO_PATH) for rate in books.discount_rates),
            ("treasury", None, SCENARIO_PATH),
            ("portfolio", None, SCENARIO_PATH),
        )

    @property
    def neutral_market(self) -> str | None:
        """Market of the risk-neutral values; None if there are none."""
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

    @property
    def distributed(self) -> bool:
        """Whether there is a distribution over many paths."""
        return self.settings.paths.count > 1


class _Grid(Set[Row]):
    """Every combination of the members of some axes, without storing them."""

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


def grid(*axes: Collection[Any]) -> _Grid:
    """Every combination of the members of some axes."""
    return _Grid(axes)


def budget_rows(world: World) -> Set[Row]:
    """Lines by path and date."""
    dated = [("calendar", year) for year in world.years] + [("fiscal", year) for year in world.years[1:]]
    return frozenset((path, *date, line) for path, date, line in product(world.paths, dated, LINES))


def present_value_rows(world: World) -> Set[Row]:
    """Lines by basis, path and span."""
    heads = [(basis, rate, SCENARIO_PATH) for basis, rate, _ in world.bases if basis == "convention"]
    bases = (
        *(("fixed", rate) for rate in world.settings.books.discount_rates),
        ("treasury", None),
        ("treasury_10y", None),
    )
    heads += [(*basis, path) for basis, path in product(bases, world.paths)]
    spans = ("horizon", "terminal_claim", "total")
    return frozenset((*head, span, line) for head, span, line in product(heads, spans, LINES))


def distribution_rows(world: World) -> Set[Row]:
    """Lines by path, window and member."""
    return frozenset(
        (path, window, line, *member)
        for window in world.windows
        for path, line, member in product(world.paths, LINES, _members(window))
    )


def _members(window: str) -> list[tuple[str, str]]:
    """Earnings groups, and the birth decades of people alive in the years of a window."""
    whole = next(one for one in WINDOWS if one.label == window)
    decades = np.unique(birth_years(np.arange(whole.first, whole.last + 1)) // 10 * 10)
    groups = [("earnings_group", group) for group in GROUPS]
    return groups + [("birth_decade", f"{start}s") for start in decades]


def vintage_rows(world: World) -> Set[Row]:
    """Lines by basis and vintage."""
    contributed = ("deferred_revenue", *RECEIPTS, "inside_buildup_shadow", VALUE_EXPENDITURE.name)
    rows = [*product(map(str, world.years), CHARACTERS, contributed), *product((STOCK,), ("both",), RECEIPTS)]
    return frozenset((basis, rate, *row) for basis, rate, _ in world.bases for row in rows)


def expenditure_rows(world: World) -> Set[Row]:
    """Methods by year, and bases of one year's contributions."""
    cash = product(("cash_basis",), CASH_METHODS, map(str, range(VINTAGE_YEAR, world.years[-1] + 1)))
    scope = vintage_scope(VINTAGE_YEAR)
    valued = (("present_value_basis", basis_label(basis, rate), scope) for basis, rate, _ in world.bases)
    return frozenset([*cash, *valued])


def displaced_rows(world: World) -> Set[Row]:
    """Shares held outside by path and fiscal year."""
    paths = [path for path in world.paths if path != NO_CRYPTO_PATH]
    return grid(paths, world.years[1:], displaced_shares(world.settings))


def contingent_rows(world: World) -> Set[Row]:
    """Spans by measure and market of the backstop."""
    cases = (("own path", SCENARIO_PATH), *world.rescues)
    spans = (span_label(world.years[0], world.years[-1]), PRESENT_VALUE)
    return frozenset((*case, span) for case, span in product(cases, spans))


def claim_rows(world: World) -> Set[Row]:
    """Years of the paths whose claim is valued."""
    return grid([path for path in world.paths if path != EQUITY_PATH], world.years)


def bases_rows(world: World) -> Set[Row]:
    """Lines by basis, scope and weight."""
    return frozenset(_bases(world, vintage_scope(VINTAGE_YEAR)))


def _bases(world: World, scope: str) -> Iterator[Row]:
    """Rows of the bases; every scope has the sum."""
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


def distribution_bases_rows(world: World) -> Set[Row]:
    """Lines by basis, scope and member."""
    return frozenset(_distribution_bases(world, vintage_scope(VINTAGE_YEAR)))


def _distribution_bases(world: World, scope: str) -> Iterator[Row]:
    """Rows by earnings group and stratum; rows by birth decade depend on who is alive and pays."""
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


def path_year_rows(world: World) -> Set[Row]:
    """Lines and stocks by path, reference and year."""
    pairs = [(path, "none") for path in world.paths] + [(SCENARIO_PATH, other) for other in world.paths[1:]]
    lines = (*PATH_LINES, *STOCKS)
    return frozenset((*pair, line, year) for pair, line, year in product(pairs, lines, world.years))


def path_window_rows(world: World) -> Set[Row]:
    """Lines by measure, reference and window."""
    measures = path_measures(world.settings)
    return grid(measures, ("none", *world.paths[1:]), (*world.windows, PRESENT_VALUE), PATH_LINES)


def path_rows(world: World) -> Set[Row]:
    """Windows of every path."""
    return grid(range(world.settings.paths.count), (*world.windows, PRESENT_VALUE))
