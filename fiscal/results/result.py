"""Results as tidy tables, one row per observation; :mod:`fiscal.results.schema` declares every table and column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from fiscal.base import cards, sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.errors import InputError, Problem
from fiscal.budget import valuation
from fiscal.budget.lines import CASH_LINES, LINES, NET_REVENUE, RECEIPTS, UPFRONT
from fiscal.engine import quick
from fiscal.engine.decompose import decompose
from fiscal.results import headline as headlines
from fiscal.results.effects import Effect, current_law_of, effects_of
from fiscal.results.plots import Plotted
from fiscal.results.schema import COLUMNS, TABLES
from fiscal.results.stages import Parts, Tables, held
from fiscal.results.tables import stocks, summary, total_tables
from fiscal.scenario.names import setting_name

if TYPE_CHECKING:
    from fiscal.engine.quick import TotalsRun
    from fiscal.engine.run import Run
    from fiscal.scenario import Scenario

BOOKS_NOTE = (
    "Sums over fiscal years, billions of current dollars. Positive means that the government is better off, but a "
    "positive tax expenditure is a cost. Scenario projections, not estimates."
)

NIL_BN_USD = 0.001
"""Effects up to one million dollars count as zero."""


@dataclass(frozen=True)
class Table:
    """One table of a result: a frame, and methods to select from it."""

    frame: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The whole table in long form; ``Result.columns()`` describes its columns."""
        return self.frame.copy()

    def _repr_html_(self) -> str:
        return self.frame.head(12).to_html(index=False, escape=True, float_format=lambda value: f"{value:,.2f}")


@dataclass(frozen=True)
class Budget(Table):
    """The revenue lines by year."""

    def window(self, first: int, last: int) -> pd.DataFrame:
        """Sums over fiscal years ``first`` to ``last`` by path and line. Raises ``InputError`` if a year is outside the
        run's horizon.
        """
        frame = self.frame[self.frame["year_kind"] == "fiscal"]
        low, high = int(frame["year"].min()), int(frame["year"].max())
        problems = [
            Problem(f"{name} is outside the run", key=name, value=value, allowed=f"{low} to {high}")
            for name, value in (("first", first), ("last", last))
            if not low <= value <= high
        ]
        if first > last:
            problems.append(Problem("the window ends before it begins", key="first, last", value=(first, last)))
        if problems:
            raise InputError(problems)
        inside = frame[frame["year"].between(first, last)]
        keys = [column for column in ("scenario", "path", "line") if column in frame]
        sums = inside.groupby(keys, sort=False)[["nominal_bn_usd", "real_bn_usd", "gdp_bn_usd"]].sum()
        sums["gdp_share"] = sums["nominal_bn_usd"] / sums.pop("gdp_bn_usd")
        return sums.reset_index()

    def line(self, name: str, *, path: str = "scenario", year_kind: str = "calendar") -> pd.Series:
        """One line by year, billions of current dollars."""
        frame = self.frame
        chosen = frame[(frame["line"] == name) & (frame["path"] == path) & (frame["year_kind"] == year_kind)]
        return chosen.set_index("year")["nominal_bn_usd"]


PRESENT_VALUES: Mapping[str, str] = {
    "treasury": "present_value_treasury_bn_usd",
    "portfolio": "present_value_portfolio_bn_usd",
}
"""Bases that value an effect in addition to its nominal sums -> the column with the value."""


def has_values(result: Result) -> bool:
    """Whether a result has the table ``bases``: yearly totals alone, or a run without its run-off, do not."""
    computed = held(result.tables).get("bases")
    return "bases" in result.tables and (computed is None or not computed.empty)


def whole_value(result: Result, basis: str) -> float:
    """Net revenue of the opening stock and all contributions, to the last withdrawal after the horizon.

    Billions of 30 June 2025 on the basis ``treasury`` (the flows at bill rates) or ``portfolio`` (each dollar at
    what it earns), at average rates: the sum that the table ``bases`` shows, without its risk-neutral values. The
    result must hold values (:func:`has_values`).
    """
    vintages = result.tables["vintages"]
    own = vintages[(vintages["basis"] == basis) & vintages["line"].isin(RECEIPTS)]
    lines = own.groupby("line")["present_value_bn_usd"].sum().to_dict()
    budget, economy = result.tables["budget"], result.tables["economy"].set_index("year")
    paid = budget[(budget["path"] == "scenario") & (budget["year_kind"] == "calendar")]
    paid = paid.pivot(index="year", columns="line", values="nominal_bn_usd")
    years = paid.index.to_numpy()
    fraction = np.where(years == FIRST_YEAR, result.scenario.settings.horizon.opening.stub_fraction, 1.0)
    factors = valuation.bill_factors(economy["one_year_rate"].loc[years].to_numpy(), fraction, years)
    lines |= {line: float(paid[line].to_numpy() @ factors) for line in UPFRONT}
    return float(NET_REVENUE.of(dict.fromkeys(CASH_LINES, 0.0) | lines))


class Answered(Plotted):
    """Whatever has an answer: the effects of its runs in one table, one sentence, and year by year."""

    @property
    def runs(self) -> tuple[Result, ...]:
        """The runs, the base first."""
        raise NotImplementedError

    @property
    def budget(self) -> Budget:
        """Revenue lines by year."""
        raise NotImplementedError

    @cached_property
    def effects_found(self) -> list[Effect]:
        """The effects that the runs have; none where their tables cannot be compared."""
        if any(_lacking(result) for result in self.runs):
            return []
        return effects_of(self.runs, _current_law)

    def headline(self) -> headlines.Headline:
        """The answer: ``rows``, one per case and reference, and ``finding``, one sentence."""
        return headlines.headline(self.effects_found)

    def to_frame(self) -> pd.DataFrame:
        """The revenue lines by year in long form, the same columns for a run, its quick totals, and a comparison."""
        return self.budget.to_frame()

    def by_year(self) -> pd.DataFrame:
        """The effect on net revenue by fiscal year, one row per case and reference, with sums over five and ten years.

        Billions of current dollars; ``attrs["notes"]`` are the footnotes.
        """
        return headlines.by_year(self.effects_found)


@dataclass(frozen=True)
class Result(Answered):
    """A scenario's tables by name, as :mod:`fiscal.results.schema` declares them."""

    name: str
    scenario: Scenario
    tables: Mapping[str, pd.DataFrame]
    fingerprint: str
    summary: Mapping[str, Any] = field(default_factory=dict)
    data_fingerprint: str = ""
    """sha256 of the hashes of all data tables; results with different data are not compared."""
    provenance: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """How a stored run was made, from its manifest; empty for a run in this process."""
    design: ClassVar[None] = None
    """A run is not a sweep."""

    @classmethod
    def of(cls, run: Run, tables: Tables | None = None) -> Result:
        """The headline of a run and its other tables on demand; without ``tables`` all are made of this very run."""
        made = Tables(Parts(run.scenario, run)) if tables is None else tables
        told = summary.summary_of(run, made)
        if tables is None and run.paths is not None:
            told = summary.with_paths(told, made)
        return cls(
            name=run.scenario.name,
            scenario=run.scenario,
            tables=made,
            fingerprint=run.scenario.fingerprint(),
            summary=told,
            data_fingerprint=run.data_fingerprint,
        )

    def full(self, progress: Callable[..., None] | None = None) -> Result:
        """The same with every table computed: what a deposit needs. Tables are otherwise computed when asked for."""
        if isinstance(self.tables, Tables):
            self.tables.full(progress)
        return self

    def columns(self) -> Mapping[str, str]:
        """The description of every column of the tables."""
        return {name: column.words for name, column in COLUMNS.items()}

    @property
    def runs(self) -> tuple[Result, ...]:
        """Itself alone."""
        return (self,)

    @cached_property
    def _rows(self) -> dict[str, set[tuple[str, ...]]]:
        """The rows of the scenario's own path in each table that is compared, by name."""
        found = {}
        for schema in COMPARED:
            table = self.tables[schema.name]
            own = table[table["path"] == "scenario"] if "path" in table else table
            names = [column for column in schema.keys if column != "path"]
            found[schema.name] = set(own[names].astype(str).itertuples(index=False, name=None))
        return found

    @cached_property
    def budget(self) -> Budget:
        """Revenue lines by year: nominal, real, share of GDP; ``budget.window(2026, 2035)`` sums them."""
        return Budget(self.tables["budget"])

    @cached_property
    def contributions(self) -> Table:
        """Contributions by year, kind, and tax character."""
        return Table(self.tables["contributions"])

    @cached_property
    def balances(self) -> Table:
        """Year-end balances by path, wrapper, tax character, and sleeve."""
        return Table(self.tables["balances"])

    def __repr__(self) -> str:
        kind, size = type(self).__name__, len(self.tables)
        return f"<fiscal {kind} {self.name!r}: {size} tables, fingerprint {self.fingerprint[:12]}>"

    def _repr_html_(self) -> str:
        title, small = self.scenario.title, f"{self.name}, fingerprint {self.fingerprint[:12]}"
        if _lacking(self):  # a stored run from another user
            return cards.card(title, small, f"{len(self.tables)} tables")
        sums = self.tables["windows"].query("path == 'scenario'").set_index(["line", "window"])
        known = list(dict.fromkeys(window for _, window in sums.index))
        rows = [
            (line, *(f"{sums['nominal_bn_usd'].get((line, window), np.nan):,.1f}" for window in known))
            for line in LINES
            if (line, known[0]) in sums.index
        ] if known else []  # fmt: skip
        shown = {"net revenue": ("net_revenue",), "withdrawal tax": ("withdrawal_tax",), "forgone": UPFRONT}
        own = self.tables["budget"].query("path == 'scenario' and year_kind == 'fiscal'")
        wide = 100 * own.pivot(index="year", columns="line", values="gdp_share")
        curves = cards.Curves(
            what="Revenue by fiscal year",
            unit="percent of GDP",
            years=wide.index.tolist(),
            lines=tuple(
                (name, wide.reindex(columns=lines).sum(axis=1, skipna=False).tolist()) for name, lines in shown.items()
            ),
        )
        return cards.card(title, small, BOOKS_NOTE, cards.table(["line", *known], rows), cards.figure(curves))


@dataclass(frozen=True, repr=False)
class Totals(Result):
    """A result of :func:`fiscal.quick`: yearly totals to the horizon, and the tables that need only these. It has no
    cells, run-off, or values. It can be compared and drawn like any result, but not stored or reported.
    """

    @classmethod
    def of_totals(cls, run: TotalsRun, data_fingerprint: str) -> Totals:
        """Tables of a quick run."""
        return cls(
            name=run.scenario.name,
            scenario=run.scenario,
            tables=total_tables(run) | {"stocks": stocks(run)},
            fingerprint=run.scenario.fingerprint(),
            data_fingerprint=data_fingerprint,
        )

    @cached_property
    def balances(self) -> Table:
        """Year-end balances by path and part: traditional, roth, and the crypto in both."""
        return Table(self.tables["stocks"])


def refuse_totals(*results: Result) -> None:
    """Raises InputError with the names of results that have only totals."""
    problems = [
        Problem("has yearly totals only", key=result.name, allowed="a result of fiscal.run")
        for result in results
        if isinstance(result, Totals)
    ]
    if problems:
        raise InputError(problems)


@dataclass(frozen=True)
class Comparison(Answered):
    """Scenarios less one base, table by table."""

    base: Result
    others: tuple[Result, ...]

    @property
    def runs(self) -> tuple[Result, ...]:
        """The base first, then the others."""
        return (self.base, *self.others)

    @cached_property
    def budget(self) -> Budget:
        """Differences of every line from the base, with the interest line; columns as in ``Result.budget`` plus
        ``scenario``. ``net_revenue_with_interest`` is net revenue plus interest on the cumulative difference at the
        one-year rate (calendar years only)."""
        return Budget(pd.concat([_difference(self.base, other) for other in self.others], ignore_index=True))

    @cached_property
    def turning_years(self) -> pd.DataFrame:
        """First year in which the annual effect on net revenue, and the cumulative effect with interest, changes sign
        permanently."""
        rows = []
        for other in self.others:
            frame = _difference(self.base, other)
            frame = frame[(frame["year_kind"] == "calendar") & (frame["path"] == "scenario")]
            for label, line in (("annual", "net_revenue"), ("cumulated_with_interest", "cumulated_with_interest")):
                series = frame[frame["line"] == line].set_index("year")["nominal_bn_usd"]
                turn = valuation.turning_year(series.to_numpy(), series.index.to_numpy(), NIL_BN_USD)
                rows.append({"scenario": other.name, "effect": label, "turning_year": turn})
        return pd.DataFrame(rows).astype({"turning_year": "Int64"})

    @cached_property
    def decomposition(self) -> pd.DataFrame:
        """Why scenarios differ from the base, by factor: ``scenario, window, line, factor, effect_bn_usd``. The
        scenarios are projected again, about one second each (see :func:`fiscal.decompose`).
        """
        return decompose(self.base.scenario, *(other.scenario for other in self.others))

    def differing_settings(self) -> pd.DataFrame:
        """Settings that differ between runs: one row per setting, one column per run, values as text."""
        columns = {
            result.name: result.tables["settings"].set_index("key")["value"].map(str)
            for result in (self.base, *self.others)
        }
        wide = pd.DataFrame(columns)
        return wide[wide.nunique(axis=1, dropna=False) > 1].rename_axis("setting").reset_index()

    def effects(self, *, values: bool = True) -> pd.DataFrame:
        """Net revenue of each scenario less the base over every window, and the years in which the effect changes sign.

        ``scenario``, one column a window (``<first>_<last>_bn_usd``, current dollars), the present values
        ``present_value_treasury_bn_usd`` and ``present_value_portfolio_bn_usd`` to the last withdrawal where every
        result has values and ``values`` are asked for, ``annual_turns`` and ``cumulated_turns`` (:attr:`turning_years`;
        missing: never permanently).
        """
        valued = values and all(has_values(result) for result in self.runs)
        turns = self.turning_years.pivot(index="scenario", columns="effect", values="turning_year")
        rows = []
        for other in self.others:
            row: dict[str, Any] = {"scenario": other.name}
            mine, base = (
                result.tables["windows"].query("path == 'scenario' and line == 'net_revenue'")
                for result in (other, self.base)
            )
            sums = base.set_index("window")["nominal_bn_usd"]
            for window, value in mine.set_index("window")["nominal_bn_usd"].items():
                first, last = str(window).removeprefix("FY").split("-")
                row[f"{first}_{last}_bn_usd"] = value - sums.get(window, np.nan)
            for basis, column in PRESENT_VALUES.items() if valued else ():
                row[column] = whole_value(other, basis) - whole_value(self.base, basis)
            row["annual_turns"] = turns.loc[other.name, "annual"]
            row["cumulated_turns"] = turns.loc[other.name, "cumulated_with_interest"]
            rows.append(row)
        return pd.DataFrame(rows).astype({"annual_turns": "Int64", "cumulated_turns": "Int64"})

    def __repr__(self) -> str:
        return f"<fiscal Comparison of {', '.join(other.name for other in self.others)} with {self.base.name}>"

    def _repr_html_(self) -> str:
        names = ", ".join(other.name for other in self.others)
        prints = ", ".join(result.fingerprint[:12] for result in (self.base, *self.others))
        told = self.headline()
        frame = told.by_case()
        rows = [list(row) for row in frame.itertuples(index=False, name=None)]
        net = self.budget.frame.query("path == 'scenario' and year_kind == 'fiscal' and line == 'net_revenue'").pivot(
            index="year", columns="scenario", values="gdp_share"
        )
        curves = cards.Curves(
            what=f"Net revenue less that of {self.base.name}, by fiscal year",
            unit="percent of GDP",
            years=net.index.tolist(),
            lines=tuple((other.name, (100 * net[other.name]).tolist()) for other in self.others),
        )
        return cards.card(
            f"{names} compared with {self.base.name}", f"fingerprints {prints}", told.finding,
            cards.table(list(frame), rows), cards.figure(curves),
        )  # fmt: skip


def _current_law(result: Any) -> Totals | None:
    """Yearly totals of a run's horizon under the defaults; None where the run was made with other data."""
    if result.data_fingerprint != sources.fingerprint():
        return None
    scenario = current_law_of(result.scenario)
    return Totals.of_totals(quick.compute(scenario), result.data_fingerprint)


COMPARED = tuple(table for table in TABLES.values() if table.compared)
"""The tables that :func:`compare` reads, from a result that may come from another user."""


def _lacking(result: Result) -> list[Problem]:
    """What a comparison needs and a result lacks: tables, columns, numbers in them, or unique keys."""
    problems = []
    for schema in COMPARED:
        table = result.tables.get(schema.name)
        message = "lacks what a comparison needs"
        if table is None:
            problems.append(Problem(message, key=result.name, value=f"table {schema.name}"))
            continue
        keys = list(schema.keys)
        wrong = [
            column
            for column in schema.compared
            if column not in table or ((column not in keys or column == "year") and not is_numeric_dtype(table[column]))
        ]
        if wrong:
            problems.append(Problem(message, key=result.name, value=f"{schema.name}: {sorted(wrong)}"))
        elif table[keys].isna().any(axis=None) or table.duplicated(keys).any():
            message = "has rows with the same name, or none"
            problems.append(Problem(message, key=result.name, value=schema.name))
    return problems


def compare(base: Result, *others: Result, anyway: bool = False) -> Comparison:
    """Compare any number of results with one base. Raises ``InputError`` if there is nothing to compare, or if the runs
    differ in horizon, price year, seed, or data tables, unless ``anyway`` is true.
    """
    problems = []
    if not others:
        problems.append(Problem("nothing to compare with the base", key=base.name))
    names = [result.name for result in (base, *others)]
    problems += [
        Problem("two runs have the same name", value=name, allowed="scenario.name, or name= in Python, for each")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    problems += [problem for result in (base, *others) for problem in _lacking(result)]
    if problems:
        raise InputError(problems)
    for other in others:
        for key in ("horizon.last_year", "horizon.opening_date", "books.price_year", "paths.seed"):
            ours, theirs = base.scenario.value(key), other.scenario.value(key)
            if ours != theirs:
                message = f"{other.name} and {base.name} differ in {setting_name(key)} and cannot be compared"
                allowed = f"{ours}, as in {base.name}: run {other.name} again with --set {key}={ours}"
                problems.append(Problem(message, key=key, value=theirs, allowed=allowed))
        if other.data_fingerprint != base.data_fingerprint:
            problems.append(Problem(f"{other.name} and {base.name} used different data tables"))
    if problems and not (anyway and others):
        raise InputError(problems)
    lacking = [
        Problem(f"has no {table} for what {base.name} has", key=other.name, value=sorted(ours - theirs)[:3])
        for other in others
        for table in (schema.name for schema in COMPARED)
        for ours, theirs in [(base._rows[table], other._rows[table])]
        if not ours <= theirs
    ]
    if lacking and not anyway:
        raise InputError(lacking)
    return Comparison(base=base, others=others)


def _difference(base: Result, other: Result) -> pd.DataFrame:
    keys = ["path", "year_kind", "year", "line"]
    values = ["nominal_bn_usd", "real_bn_usd", "gdp_share"]
    reference = base.tables["budget"]
    reference = reference[reference["path"] == "scenario"].drop(columns="path")
    joined = other.tables["budget"].merge(reference, on=keys[1:], suffixes=("", "_base"), validate="m:1")
    for value in values:
        joined[value] = joined[value] - joined.pop(f"{value}_base")
    joined = joined.drop(columns="gdp_bn_usd_base")

    economy = base.tables["economy"].set_index("year")
    rate = economy["one_year_rate"]
    extra = []
    annual = joined[(joined["line"] == "net_revenue") & (joined["year_kind"] == "calendar")]
    for _path, part in annual.groupby("path", sort=False):
        years = part["year"].to_numpy()
        interest, cumulated = valuation.with_interest(
            part["nominal_bn_usd"].to_numpy(),
            rate.loc[years].to_numpy()
            * np.where(years == FIRST_YEAR, base.scenario.settings.horizon.opening.stub_fraction, 1),
        )
        for line, amounts in (
            ("interest", interest),
            ("net_revenue_with_interest", part["nominal_bn_usd"].to_numpy() + interest),
            ("cumulated_with_interest", cumulated),
        ):
            frame = part.assign(line=line, nominal_bn_usd=amounts)
            frame["real_bn_usd"] = amounts / economy["price_level"].loc[years].to_numpy()
            frame["gdp_share"] = amounts / frame["gdp_bn_usd"]
            extra.append(frame)
    return pd.concat([joined, *extra], ignore_index=True).assign(scenario=other.name)
