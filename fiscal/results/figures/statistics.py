"""Tables behind figures and sentences: results in, tidy frames out.

Every number in a figure, an alternative text, or a sentence of the report comes from one of these, so that texts cannot
differ from tables. Differences are always "scenario less reference"; references are the paths of the same run (no
crypto; the same adoption in equity).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.errors import InputError, refuse_unknown
from fiscal.base.words import window_years
from fiscal.budget.lines import CASH_LINES, FORGONE, OTHER_RECEIPTS
from fiscal.results.figures.owners import ComparedTables, Owner, RunTables, ShownTables
from fiscal.results.rows import TAXED_FLOWS

OneRun = TypeVar("OneRun", bound=RunTables)

REFERENCES = ("no_crypto", "equity_adoption")
BUDGET = ("path", "year_kind", "year", "line", "nominal_bn_usd")
"""Columns of a run's budget that its effects are read from."""

FIRST_FULL_YEAR = FIRST_YEAR + 1
NOISE_BN_USD = 0.001
"""Differences below one million dollars per year are not effects but rounding in a long projection."""

SMALLEST_EXTRA_BN_USD = 1.0
"""A rate on additional withdrawals is shown only if these are at least one billion dollars."""

SMALLEST_SHARE = 0.005
"""Birth decades at the ends are not drawn if their bars are shorter than this share of the longest."""


def paths_of(result: RunTables) -> tuple[str, ...]:
    """Paths that the result's tables show."""
    return tuple(str(path) for path in result.tables["windows"]["path"].unique())


def references_of(result: RunTables) -> tuple[str, ...]:
    """The references among the result's paths; none if the scenario holds no crypto."""
    return tuple(path for path in REFERENCES if path in paths_of(result))


def with_crypto(results: tuple[OneRun, ...]) -> tuple[OneRun, ...]:
    """Results whose scenario holds crypto and that therefore have both references."""
    return tuple(result for result in results if references_of(result) == REFERENCES)


def set_apart(results: tuple[OneRun, ...]) -> tuple[OneRun, ...]:
    """Results that differ from the first in more than their crypto; all of them if the first holds crypto. For a result
    with crypto, its path without crypto is compared.
    """
    base, *others = results
    if references_of(base):
        return tuple(others)
    return tuple(result for result in others if _is_another_case(base, result))


def _is_another_case(base: RunTables, result: RunTables) -> bool:
    path = "no_crypto" if references_of(result) else "scenario"
    return any(
        abs(window_sum(result, window, line, path) - window_sum(base, window, line)) > NOISE_BN_USD
        for window in windows_of(base)
        for line in CASH_LINES
    )


def result_named(owner: Owner, scenario: str | None) -> RunTables:
    """The result with a name, or the first. Raises InputError if there is none with that name."""
    found = {result.name: result for result in owner.runs}
    if scenario is None:
        return next(iter(found.values()))
    if scenario not in found:
        raise InputError("no such run", key="scenario", value=scenario, allowed=", ".join(found))
    return found[scenario]


def windows_of(result: RunTables) -> tuple[str, ...]:
    """Labels of the result's windows, shortest first."""
    return tuple(str(label) for label in result.tables["windows"]["window"].unique())


def window_sum(result: RunTables, window: str, line: str, path: str = "scenario") -> float:
    """One line over one window, billions of current dollars. Raises KeyError if the result has no such row."""
    frame = result.tables["windows"]
    rows = _rows(result, frame, ("window", "line", "path")).get((window, line, path), ())
    if len(rows) != 1:
        raise KeyError(f"{result.name}: no single {line} on {path} in {window}")
    return float(frame["nominal_bn_usd"].iloc[rows[0]])


def _rows(result: RunTables, frame: pd.DataFrame, keys: tuple[str, ...]) -> Mapping[Any, Any]:
    """Places of a table's rows by the values of its ``keys``; kept with the result, which is asked for many."""
    kept: dict[Any, tuple[pd.DataFrame, Mapping[Any, Any]]] = vars(result).setdefault("_rows_found", {})
    if keys not in kept or kept[keys][0] is not frame:
        kept[keys] = frame, frame.groupby(list(keys), sort=False, observed=True).indices
    return kept[keys][1]


def by_year(
    result: RunTables, line: str, path: str = "scenario", value: str = "gdp_share", year_kind: str = "fiscal"
) -> pd.Series:
    """One line by year; the stub year is left out."""
    frame = result.tables["budget"]
    rows = _rows(result, frame, ("line", "path", "year_kind")).get((line, path, year_kind), [])
    found = frame.iloc[rows].set_index("year")[value]
    return found[found.index >= FIRST_FULL_YEAR]


def cash_flow(result: RunTables, value: str = "gdp_share") -> pd.DataFrame:
    """By fiscal year: revenue forgone (negative), withdrawal tax and other receipts, and net revenue."""
    lines = {line: by_year(result, line, value=value) for line in CASH_LINES}
    frame = pd.DataFrame(
        {
            "forgone": FORGONE.of(lines),
            "withdrawal_tax": lines["withdrawal_tax"],
            "other_receipts": OTHER_RECEIPTS.of(lines),
            "net_revenue": by_year(result, "net_revenue", value=value),
        }
    )
    return frame.rename_axis("year").reset_index()


def _compared(owner: Owner, reference: str) -> Iterator[tuple[RunTables, RunTables, str]]:
    """Each run with the result and its path that it is less; ``base`` is the first result's scenario."""
    base = owner.runs[0]
    for result in owner.runs:
        if reference == "base" and result is not base:
            yield result, base, "scenario"
        elif reference in references_of(result):
            yield result, result, reference


def differences(owner: Owner, reference: str, line: str = "withdrawal_tax", value: str = "real_bn_usd") -> pd.DataFrame:
    """Scenario less reference by fiscal year, columns ``scenario, year, difference``.

    ``reference`` is a path of each run, or ``base``: the first result's scenario.
    """
    frames = []
    for result, other, path in _compared(owner, reference):
        gap = by_year(result, line, value=value) - by_year(other, line, path, value)
        frames.append(gap.rename("difference").reset_index().assign(scenario=result.name))
    columns = ["scenario", "year", "difference"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def contributions(result: RunTables, value: str = "real_bn_usd") -> pd.DataFrame:
    """Contributions by calendar year: ``year`` and one column per kind and character, without empty kinds."""
    frame = result.tables["contributions"]
    frame = frame[frame["year"] >= FIRST_FULL_YEAR]
    wide = frame.pivot_table(index="year", columns=["kind", "tax_character"], values=value, sort=False)
    wide.columns = [f"{kind}_{character}" for kind, character in wide.columns]
    return wide.loc[:, wide.abs().sum() > 0].reset_index()


def balances(result: RunTables, by: str = "wrapper") -> pd.DataFrame:
    """Year-end balances as shares of GDP: ``year`` and one column per member of ``by``."""
    frame = result.tables["balances"].query("path == 'scenario'")
    wide = frame.pivot_table(index="year", columns=by, values="gdp_share", aggfunc="sum", sort=False)
    wide.columns = [str(name) for name in wide.columns]
    return wide.reset_index()


def crypto_share(result: RunTables) -> pd.Series:
    """Crypto's share of all year-end balances by year."""
    frame = result.tables["balances"].query("path == 'scenario'")
    crypto = frame[frame["sleeve"] == "crypto"].groupby("year")["nominal_bn_usd"].sum()
    return crypto / frame.groupby("year")["nominal_bn_usd"].sum()


def distribution(result: RunTables, dimension: str, window: str, path: str = "scenario") -> pd.DataFrame:
    """By member of ``dimension``: ``member, forgone, withdrawal_tax, net_revenue``, real billions."""
    frame = result.tables["distribution"]
    chosen = frame[(frame["dimension"] == dimension) & (frame["window"] == window) & (frame["path"] == path)]
    wide = chosen.pivot_table(index="member", columns="line", values="real_bn_usd", sort=False)
    return pd.DataFrame(
        {
            "member": wide.index,
            "forgone": FORGONE.of(wide).to_numpy(),
            "withdrawal_tax": wide["withdrawal_tax"].to_numpy(),
            "net_revenue": wide["net_revenue"].to_numpy(),
        }
    )


def members_that_count(frame: pd.DataFrame) -> list[str]:
    """Members from the first to the last with a value of at least :data:`SMALLEST_SHARE` of the largest."""
    numbers = frame.drop(columns=["scenario", "share"], errors="ignore").set_index("member").abs()
    size = numbers.groupby("member", sort=False).max().max(axis=1)
    large = np.flatnonzero(size.to_numpy() >= SMALLEST_SHARE * size.max())
    return [str(member) for member in size.index[large[0] : large[-1] + 1]] if len(large) else []


def distribution_difference(
    owner: Owner, dimension: str, window: str, reference: str, line: str = "withdrawal_tax"
) -> pd.DataFrame:
    """Scenario less reference by member: ``scenario, member, difference, share``, real billions.

    ``reference`` is a path of each run, or ``base``: the first result's scenario.
    """
    frames = []
    for result, other, path in _compared(owner, reference):
        own, less = (
            distribution(one, dimension, window, of).set_index("member")[line]
            for one, of in ((result, "scenario"), (other, path))
        )
        gap = own - less
        frames.append(
            pd.DataFrame(
                {
                    "scenario": result.name,
                    "member": gap.index,
                    "difference": gap.to_numpy(),
                    "share": (gap / gap.sum()).to_numpy(),
                }
            )
        )
    columns = ["scenario", "member", "difference", "share"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _calendar(result: RunTables, path: str) -> pd.DataFrame:
    """Withdrawal tax and the taxed flows, by calendar year, billions of current dollars."""
    flows = result.tables["flows"]
    taxed = flows[(flows["path"] == path) & flows["flow"].isin(TAXED_FLOWS)]
    withdrawn = taxed.groupby("year")["nominal_bn_usd"].sum()
    tax = by_year(result, "withdrawal_tax", path, "nominal_bn_usd", "calendar")
    return pd.DataFrame({"tax": tax, "withdrawn": withdrawn.loc[tax.index]})


def extra_dollar(result: RunTables, reference: str) -> pd.DataFrame:
    """Tax on the scenario's additional withdrawals by calendar year.

    Columns ``year, extra_withdrawn_bn_usd, extra_tax_bn_usd, extra_rate, average_rate``: the average is
    the reference's. ``extra_rate`` is NaN if additional withdrawals are less than :data:`SMALLEST_EXTRA_BN_USD`.
    """
    own, other = _calendar(result, "scenario"), _calendar(result, reference)
    return _extra(own, other).rename_axis("year").reset_index()


def extra_dollar_by_window(result: RunTables, reference: str) -> pd.DataFrame:
    """As :func:`extra_dollar`, summed over the windows' years (calendar years of the same numbers)."""
    own, other = (
        pd.DataFrame({label: frame.loc[slice(*window_years(label))].sum() for label in windows_of(result)}).T
        for frame in (_calendar(result, "scenario"), _calendar(result, reference))
    )
    return _extra(own, other).rename_axis("window").reset_index()


def _extra(own: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    extra = own - other
    enough = extra["withdrawn"].abs() >= SMALLEST_EXTRA_BN_USD
    return pd.DataFrame(
        {
            "extra_withdrawn_bn_usd": extra["withdrawn"],
            "extra_tax_bn_usd": extra["tax"],
            "extra_rate": (extra["tax"] / extra["withdrawn"]).where(enough),
            "average_rate": other["tax"] / other["withdrawn"],
        }
    )


def present_values(result: RunTables) -> pd.DataFrame:
    """Present values by basis: ``basis, rate, forgone, withdrawal_tax, other_receipts, net_revenue, terminal_claim,
    total``, billions of dollars of June 30, 2025. The lines are those of the horizon; ``terminal_claim`` is the net
    revenue of the run-off and ``total`` the net revenue of both. The convention basis exists for the scenario's own
    path only.
    """
    frame = result.tables["present_values"].query("path == 'scenario'")
    rows = []
    for (basis, rate), part in frame.groupby(["basis", "rate"], sort=False, dropna=False):
        value = part.set_index(["span", "line"])["present_value_bn_usd"]
        horizon = value["horizon"]
        rows.append(
            {
                "basis": basis,
                "rate": rate,
                "forgone": FORGONE.of(horizon),
                "withdrawal_tax": horizon["withdrawal_tax"],
                "other_receipts": OTHER_RECEIPTS.of(horizon),
                "net_revenue": horizon["net_revenue"],
                "terminal_claim": value["terminal_claim", "net_revenue"],
                "total": value["total", "net_revenue"],
            }
        )
    return pd.DataFrame(rows)


def claim(result: RunTables) -> pd.DataFrame:
    """The government's claim on traditional balances by year, ``claim_share`` and billions; empty without run-off."""
    return result.tables["claim"].query("path == 'scenario'").drop(columns="path").set_index("year")


def individual_income_tax(result: RunTables) -> pd.Series:
    """Individual income tax by fiscal year, billions: CBO to its last year, then at a constant share of GDP."""
    revenue = sources.table("cbo_revenue").set_index("fiscal_year")["individual_income_tax_bn_usd"]
    budget = result.tables["budget"]
    gdp = budget[(budget["year_kind"] == "fiscal") & (budget["path"] == "scenario")]
    gdp = gdp[gdp["line"] == "net_revenue"].set_index("year")["gdp_bn_usd"]
    last = int(revenue.dropna().index.max())
    held = float(revenue[last] / gdp[last])
    tax = [float(revenue[year]) if year <= last else held * float(gdp[year]) for year in gdp.index]
    return pd.Series(tax, index=gdp.index, name="individual_income_tax_bn_usd")


def decomposition(
    owner: Owner,
    *,
    scenario: str | None = None,
    window: str | None = None,
    line: str = "net_revenue",
    effects: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One scenario less the base by factor: ``factor, start_bn_usd, effect_bn_usd``, the difference last.

    ``start_bn_usd`` is the sum of the factors before; the difference starts from zero. Default: the first scenario
    after the base over its longest window. ``effects`` is the table to read, if available; otherwise the comparison
    projects again. Raises InputError for anything that the table lacks.
    """

    if not isinstance(owner, ComparedTables):
        raise InputError("a decomposition needs a scenario and a base", value=owner.runs[0].name)
    base, *others = owner.runs
    table = owner.decomposition if effects is None else effects
    spans = windows_of(base)
    chosen = {
        "scenario": scenario or others[0].name,
        "window": window or (spans[-1] if spans else str(table["window"].iloc[-1])),
        "line": line,
    }
    refuse_unknown(**{key: (value, table[key].unique()) for key, value in chosen.items()})
    for key, value in chosen.items():
        table = table[table[key] == value]
    effect = table["effect_bn_usd"].to_numpy()
    start = np.concatenate([[0.0], np.cumsum(effect[:-2]), [0.0]])
    return pd.DataFrame({"factor": table["factor"].to_numpy(), "start_bn_usd": start, "effect_bn_usd": effect}).assign(
        **chosen
    )


def chosen(frame: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    """The rows with one value. Raises InputError with the available values."""
    refuse_unknown(**{column: (value, frame[column].unique())})
    return frame[frame[column] == value]


def withdrawal_curve(exhibit: ShownTables, law_year: int, age_band: str) -> pd.DataFrame:
    """Tax on a withdrawal by its size and earnings group, of one law year and age band."""
    return chosen(chosen(exhibit.tables["withdrawal_curve"], "law_year", law_year), "age_band", age_band)
