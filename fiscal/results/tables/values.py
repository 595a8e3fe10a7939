"""Tables of values: all bases, the government's claim, and who defers, gains, and pays on each basis. All present
values are as of June 30, 2025, and extend to the last withdrawal. ``contributions_<year>`` is one year's vintage,
``all_contributions`` every vintage to the horizon, ``opening_stock`` the balances of March 31, 2025, ``crypto_effect``
the scenario less its path without crypto, stock and contributions together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fiscal.base.arrays import ratio
from fiscal.base.axes import FIRST_YEAR, GROUPS, SLEEVES, birth_years, stratum_names
from fiscal.budget import valuation
from fiscal.budget.ledger import CASH_METHODS, cash_method, inside_buildup
from fiscal.budget.lines import CASH_LINES, NET_REVENUE, OF_CELLS, RECEIPTS, TAX_EXPENDITURE, UPFRONT, VALUE_EXPENDITURE
from fiscal.budget.valuation import BILLION, PRESENT_VALUE
from fiscal.engine import risk_neutral
from fiscal.engine.inputs import EQUITY_PATH, NO_CRYPTO_PATH, SCENARIO_PATH
from fiscal.engine.run import VINTAGE_YEAR
from fiscal.results.rows import (
    ALL,
    EFFECT,
    RISK_NEUTRAL,
    STOCK,
    basis_label,
    displaced_shares,
    market_name,
    span_label,
    vintage_scope,
)
from fiscal.results.schema import TABLES
from fiscal.results.tables.common import by_fiscal_year

if TYPE_CHECKING:
    from fiscal.engine.risk_neutral import Price, RiskNeutral
    from fiscal.engine.run import Prices, Run, ValuedVintages

FALL = 0.5
"""Fall of crypto whose effect on the claim is shown."""


def with_prices(bases: pd.DataFrame, groups: pd.DataFrame, prices: Prices | None) -> dict[str, pd.DataFrame]:
    """``bases`` and ``distribution_bases`` whole: the risk-neutral values after those of the vintages."""
    if prices is None:
        return {"bases": bases, "distribution_bases": groups}
    priced = pd.DataFrame(list(_risk_neutral(prices)), columns=bases.columns)
    by_group = pd.DataFrame(list(_risk_neutral_groups(prices)), columns=groups.columns)
    return {
        "bases": pd.concat([bases, priced], ignore_index=True),
        "distribution_bases": pd.concat([groups, by_group], ignore_index=True),
    }


# --- the bases side by side -------------------------------------------------------------------------


def bases_table(run: Run) -> pd.DataFrame:
    """One row a basis, scope, weight (average or marginal rates) and line; the risk-neutral ones come after."""
    rows: list[dict[str, Any]] = []
    for valued in run.vintages:
        if valued.market == NO_CRYPTO_PATH:
            continue
        for scope, lines, money in _scopes(run, valued):
            rows += _rows(valued, scope, lines, money)
    rows += list(_effects(run))
    return pd.DataFrame(rows, columns=list(TABLES["bases"].columns))


def _upfront(run: Run, marginal: bool) -> dict[str, np.ndarray]:
    """Lines of the contributions' own year, ``(Y, A, G)``, negative."""
    lines = {line: run.ledger.lines[line][0] for line in UPFRONT}
    if marginal:
        lines["deferred_revenue"] = -run.marginal_deferral_usd
    return lines


def _scopes(run: Run, valued: ValuedVintages) -> Iterator[tuple[str, dict[str, float], float]]:
    """Scope, its lines in dollars of June 30, 2025, and the traditional dollars contributed, also at that date."""
    own, at, factors = valued.vintages, run.position(VINTAGE_YEAR), valued.to_mid_2025
    upfront = {line: cells.sum(axis=(1, 2)) for line, cells in _upfront(run, valued.marginal).items()}
    lines = upfront | {line: own.contributions_total(line).sum(axis=1) for line in own.contributions_usd}
    money = run.inputs.contribution_usd[:, 0].sum(axis=(1, 2, 3))
    vintage = {line: float(values[at] * factors[at]) for line, values in lines.items()}
    yield vintage_scope(int(run.projection.years[at])), vintage, float(money[at] * factors[at])
    if valued.marginal:
        return  # all vintages, or the whole stock, are not marginal
    yield ALL, {line: float(values @ factors) for line, values in lines.items()}, float(money @ factors)
    stock = {line: own.stock_total(line) * valued.opening_to_mid_2025 for line in RECEIPTS}
    yield STOCK, stock, float(run.inputs.opening_usd[:, 0].sum()) * valued.opening_to_mid_2025


def _rows(valued: ValuedVintages, scope: str, lines: dict[str, float], money: float) -> Iterator[dict[str, Any]]:
    lines = lines | {"net_revenue": _net_revenue(lines)}
    if "inside_buildup_shadow" in lines:
        lines["tax_expenditure"] = VALUE_EXPENDITURE.of(lines)
    for line, value in lines.items():
        yield {
            "basis": valued.basis,
            "rate": np.nan if valued.rate is None else valued.rate,
            "market": valued.market,
            "scope": scope,
            "weight": "marginal" if valued.marginal else "average",
            "line": line,
            "present_value_bn_usd": value / BILLION,
            "standard_error_bn_usd": np.nan,
            "per_dollar": _ratio(value, money),
        }


def _net_revenue(lines: dict[str, float]) -> float:
    """The sum of the cash lines of a scope; an opening stock has no lines of a contribution year."""
    return float(NET_REVENUE.of(dict.fromkeys(CASH_LINES, 0.0) | lines))


def _ratio(part: float, whole: float) -> float:
    """``part / whole``; NaN, an empty cell of a table, if the whole is zero."""
    return part / whole if whole else float("nan")


def _effect_lines(run: Run, valued: ValuedVintages) -> dict[str, float] | None:
    """Scenario less no crypto on one basis, dollars; None if no crypto was held."""
    if NO_CRYPTO_PATH not in run.projection.path_labels:
        return None
    if valued.basis == "convention":  # every path earns the rate
        return dict.fromkeys(RECEIPTS, 0.0)
    if valued.basis == "portfolio":
        plain = next(v for v in run.vintages if v.market == NO_CRYPTO_PATH and not v.marginal)
        return {line: _whole(valued, line) - _whole(plain, line) for line in RECEIPTS}
    return _less_no_crypto(run, valued, RECEIPTS)


def _whole(valued: ValuedVintages, line: str) -> float:
    """Stock and all vintages together, dollars of June 30, 2025."""
    contributed = float(valued.vintages.contributions_total(line).sum(axis=1) @ valued.to_mid_2025)
    return contributed + valued.vintages.stock_total(line) * valued.opening_to_mid_2025


def _effects(run: Run) -> Iterator[dict[str, Any]]:
    for valued in run.vintages:
        if valued.market == NO_CRYPTO_PATH or valued.marginal:
            continue
        lines = _effect_lines(run, valued)
        if lines is not None:
            yield from _rows(valued, EFFECT, _upfront_effect(run, valued) | lines, np.nan)


def _upfront_effect(run: Run, valued: ValuedVintages) -> dict[str, float]:
    """Changes in the contribution year if contributions respond to the path; zero otherwise."""
    if valued.market not in run.projection.path_labels:
        return dict.fromkeys(UPFRONT, 0.0)
    return _less_no_crypto(run, valued, UPFRONT)


def _less_no_crypto(run: Run, valued: ValuedVintages, lines: tuple[str, ...]) -> dict[str, float]:
    """Lines of the path valued less those without crypto, dollars of June 30, 2025."""
    own, plain = (run.projection.path(label) for label in (valued.market, NO_CRYPTO_PATH))
    totals = {line: run.ledger.total(line) for line in lines}
    return {line: float((usd[own] - usd[plain]) @ valued.to_mid_2025) for line, usd in totals.items()}


def _risk_neutral(prices: Prices) -> Iterator[dict[str, Any]]:
    priced, factors = prices.found, prices.factors
    at = int(np.flatnonzero(prices.years == priced.vintage_year)[0])
    names = _scope_names(priced)
    scope = names["vintage"]
    put_in = {
        scope: float(prices.contributed_usd[at] * factors[at]),
        ALL: float(prices.contributed_usd @ factors),
        STOCK: prices.opening_usd * prices.opening_factor,
        EFFECT: np.nan,
    }
    cases = [(names[key], "average", value) for key, value in priced.average.items()]
    cases.append((scope, "marginal", priced.marginal))
    for name, weight, value in cases:
        lines = dict(value.value_usd)
        by_year = dict(prices.upfront_usd)
        if weight == "marginal":
            by_year["deferred_revenue"] = -prices.marginal_deferral_usd
        if name == scope:
            lines |= {line: float(flow[at] * factors[at]) for line, flow in by_year.items()}
        elif name == ALL:
            lines |= {line: float(flow @ factors) for line, flow in by_year.items()}
        elif name == EFFECT:
            lines |= dict.fromkeys(UPFRONT, 0.0)
        lines["net_revenue"] = _net_revenue(lines)
        for line, amount in lines.items():
            yield {
                "basis": RISK_NEUTRAL,
                "rate": np.nan,
                "market": market_name(priced.model, priced.stands_in),
                "scope": name,
                "weight": weight,
                "line": line,
                "present_value_bn_usd": amount / BILLION,
                "standard_error_bn_usd": _error(value, line) / BILLION,
                "per_dollar": _ratio(amount, put_in[name]),
            }


def _scope_names(priced: RiskNeutral) -> dict[str, str]:
    """What the tables call the scopes of risk-neutral values."""
    return {
        "vintage": vintage_scope(priced.vintage_year),
        risk_neutral.CONTRIBUTIONS: ALL,
        risk_neutral.STOCK: STOCK,
        risk_neutral.EFFECT: EFFECT,
    }


def _error(price: Price, line: str) -> float:
    """Standard error of a line; for net revenue, that of its largest random part; zero for certain lines."""
    if line == "net_revenue":
        return max(price.error_usd.values())
    return price.error_usd.get(line, 0.0)


# --- the claim on balances --------------------------------------------------------------------------


def claim_table(run: Run) -> pd.DataFrame:
    """The income tax that traditional balances will bring, at each opening, on the portfolio basis.

    ``fall_bn_usd`` is the first-order loss of the claim if crypto falls by half on that day: half of the crypto
    sleeve's claim at the marginal rates of the schedules, because the fall reduces the top of each withdrawal. With
    yearly rebalancing, a full run with the fall gives the same loss within one-tenth; if the mix drifts into a boom,
    the loss is larger.
    """
    frames = []
    for valued in run.vintages:
        claim, held = valued.vintages.claim_usd, valued.vintages.balance_usd
        if valued.basis != "portfolio" or valued.marginal or claim is None or held is None:
            continue
        crypto = SLEEVES.index("crypto")
        total, worth = held.sum(axis=1), claim.sum(axis=1)
        at_margin = np.zeros(len(claim)) if valued.market == NO_CRYPTO_PATH else _marginal_claim(run)[:, crypto]
        columns = {
            "balance_bn_usd": total / BILLION,
            "claim_bn_usd": worth / BILLION,
            "claim_share": worth / np.where(total > 0, total, np.nan),
            "crypto_balance_bn_usd": held[:, crypto] / BILLION,
            "crypto_claim_bn_usd": claim[:, crypto] / BILLION,
            "marginal_crypto_claim_bn_usd": at_margin / BILLION,
            "fall_bn_usd": -FALL * at_margin / BILLION,
        }
        frame = pd.DataFrame({"year": run.projection.years[: len(claim)], **columns})
        frames.append(frame.assign(path=valued.market))
    if not frames:
        return pd.DataFrame(columns=list(TABLES["claim"].columns))
    return pd.concat(frames, ignore_index=True)[list(TABLES["claim"].columns)]


def _marginal_claim(run: Run) -> np.ndarray:
    """The scenario's claim by year and sleeve at the slopes of the schedules, ``(Y, sleeve 2)``."""
    margin = next(v.vintages.claim_usd for v in run.vintages if v.marginal and v.basis == "portfolio")
    assert margin is not None
    return margin


# --- who defers, who gains, who pays ----------------------------------------------------------------


def distribution_table(run: Run) -> pd.DataFrame:
    """Values by earnings group, birth decade, and stratum on every basis.

    On date-discounted bases the effect of crypto follows from the flows of the two paths, by the cell they come
    from; on the portfolio basis from the two valuations. The risk-neutral values are by earnings group only.
    """
    rows: list[tuple[Any, ...]] = []
    for valued in run.vintages:
        if valued.market == NO_CRYPTO_PATH or valued.marginal:
            continue
        head = (valued.basis, np.nan if valued.rate is None else valued.rate, valued.market)
        for scope, line, cells, cohorts in _cells(run, valued):
            for dimension, member, value in _members(run, cells, cohorts):
                rows.append((*head, scope, dimension, member, line, value / BILLION))
    return pd.DataFrame(rows, columns=list(TABLES["distribution_bases"].columns))


Cells = tuple[str, str, np.ndarray, np.ndarray]
"""Scope, line, values ``(..., A, G, S)`` and the birth years of the leading axes ``(..., A)``."""


def _cells(run: Run, valued: ValuedVintages) -> Iterator[Cells]:
    own, at = valued.vintages, run.position(VINTAGE_YEAR)
    born = birth_years(run.projection.years)
    factors = valued.to_mid_2025[:, None, None, None]
    money = run.inputs.contribution_usd.sum(axis=1)
    traditional = run.inputs.contribution_usd[:, 0]
    for line in (*UPFRONT, *RECEIPTS, "inside_buildup_shadow"):
        if line in UPFRONT:
            whole = traditional if line == "deferred_revenue" else money
            total = whole.sum(axis=3, keepdims=True)
            share = ratio(whole, total)
            cells = run.ledger.lines[line][0][..., None] * share * factors
        else:
            cells = own.contributions_usd[line].sum(axis=1) * factors
        yield vintage_scope(int(run.projection.years[at])), line, cells[at], born[at]
        yield ALL, line, cells, born
        if line in RECEIPTS:
            yield STOCK, line, own.stock_usd[line] * valued.opening_to_mid_2025, born[0]
    if NO_CRYPTO_PATH not in run.projection.path_labels or valued.basis == "convention":
        return
    for line in RECEIPTS:
        if valued.basis == "portfolio":
            plain = next(v for v in run.vintages if v.market == NO_CRYPTO_PATH and not v.marginal)
            contributed = own.contributions_usd[line] - plain.vintages.contributions_usd[line]
            effect = contributed.sum(axis=1) * factors
            effect[0] += (own.stock_usd[line] - plain.vintages.stock_usd[line]) * valued.opening_to_mid_2025
        else:
            one, other = (run.projection.path(label) for label in (valued.market, NO_CRYPTO_PATH))
            flows = _flows(run, line)
            effect = (flows[one] - flows[other]) * factors
        yield EFFECT, line, effect, born


def _flows(run: Run, line: str) -> np.ndarray:
    """A receipt by cell, ``(P, Y, A, G, S)``."""
    cells = run.projection.cells
    return reduce(add, (cells[name] for name in OF_CELLS[line]))


def _members(run: Run, cells: np.ndarray, cohorts: np.ndarray) -> Iterator[tuple[str, str, float]]:
    """Sums by earnings group, birth decade, and stratum."""
    lead = tuple(range(cells.ndim - 2))
    for g, value in enumerate(cells.sum(axis=(*lead, cells.ndim - 1))):
        yield "earnings_group", GROUPS[g], float(value)
    by_stratum = cells.sum(axis=(*lead, cells.ndim - 2))
    for name, value in zip(stratum_names(len(by_stratum)), by_stratum, strict=True):
        yield "stratum", name, float(value)
    by_cohort = cells.sum(axis=(-2, -1))
    decade = cohorts // 10 * 10
    for start in np.unique(decade):
        mine = decade == start
        if (by_cohort[mine] != 0).any():
            yield "birth_decade", f"{start}s", float(by_cohort[mine].sum())


# --- tax expenditure --------------------------------------------------------------------------------


def tax_expenditure_table(run: Run) -> pd.DataFrame:
    """The cash measure by calendar year and method of counting the build-up, and the present-value measure of one
    year's contributions by basis. The two measures address different questions and are never added."""
    years = run.projection.years
    at = run.position(VINTAGE_YEAR)
    rows = []
    flows = {line: run.ledger.total(line)[0] for line in ("deferred_revenue", "withdrawal_tax")}
    for method in CASH_METHODS:
        buildup = inside_buildup(run.projection, run.inputs, cash_method(run.buildup, method), 0)
        for y in np.flatnonzero(run.horizon & (years >= years[at])):
            rows.append(
                (
                    "cash_basis",
                    method,
                    str(years[y]),
                    flows["deferred_revenue"][y],
                    buildup[y],
                    flows["withdrawal_tax"][y],
                )
            )
    for valued in run.vintages:
        if valued.marginal or valued.market == NO_CRYPTO_PATH:
            continue
        basis = basis_label(valued.basis, valued.rate)
        own = {
            line: float(valued.vintages.contributions_total(line)[at].sum())
            for line in ("inside_buildup_shadow", "withdrawal_tax")
        }
        deferred = flows["deferred_revenue"][at]
        rows.append(
            (
                "present_value_basis", basis, vintage_scope(int(years[at])), deferred, own["inside_buildup_shadow"],
                own["withdrawal_tax"],
            )
        )  # fmt: skip
    schema = TABLES["tax_expenditure"]
    frame = pd.DataFrame(rows, columns=list(schema.columns[:-1]))
    amounts = list(schema.numbers[:-1])
    frame[amounts] = frame[amounts] / BILLION
    parts = dict(zip(TAX_EXPENDITURE.parts, (frame[name] for name in amounts), strict=True))
    return frame.assign(tax_expenditure_bn_usd=TAX_EXPENDITURE.of(parts))


def displaced_table(run: Run) -> pd.DataFrame:
    """Tax displaced if a share of the crypto sleeve would have been held outside, by fiscal year and path."""
    settings, years = run.scenario.settings, run.projection.years

    def billions(line: str, flow: np.ndarray) -> np.ndarray:
        return by_fiscal_year(settings, line, flow, run.year_fraction) / BILLION

    frames = []
    for path, label in enumerate(run.projection.path_labels):
        if label not in (SCENARIO_PATH, EQUITY_PATH):
            continue
        on_crypto, pushed_out = (
            billions("displaced_gains_tax", amount[path].sum(axis=(1, 2)))
            for amount in (run.ledger.crypto_outside_usd, run.ledger.pushed_out_tax_usd)
        )
        cash = {line: billions(line, run.ledger.total(line)[path]) for line in NET_REVENUE.parts}
        for share in displaced_shares(settings):
            frame = pd.DataFrame(
                {
                    "path": label,
                    "year": years,
                    "displaced_share": share,
                    "pushed_out_tax_bn_usd": share * pushed_out,
                    "displaced_gains_tax_bn_usd": share * (on_crypto + pushed_out),
                    "net_revenue_after_bn_usd": NET_REVENUE.of(cash) + share * (on_crypto + pushed_out),
                }
            )
            frames.append(frame[run.horizon & (years > FIRST_YEAR)])
    return pd.concat(frames, ignore_index=True)


# --- the contingent liability -----------------------------------------------------------------------


def contingent_table(run: Run) -> pd.DataFrame:
    """Cost of the backstop rule, negative: on the scenario's own path, and over random paths if it holds crypto.
    Calendar years to the horizon in current dollars, and present values on June 30, 2025, at bill rates."""
    inside = run.horizon
    years = run.projection.years[inside]
    rates = run.economy["one_year_rate"].to_numpy()[inside]
    dates = valuation.flow_dates(years, run.inputs.year_fraction[inside])
    factors = valuation.discount_factors(dates, rates, years)
    own = run.ledger.total("rescue_cost")[0][inside]
    cases = [("own path", "scenario", own[None])]
    cases += [(one.measure, market_name(one.model, one.stands_in), -one.cost_usd) for one in run.contingents]
    rows = []
    for measure, market, cost in cases:
        for name, total in ((span_label(years[0], years[-1]), cost.sum(axis=1)), (PRESENT_VALUE, cost @ factors)):
            billions, count = total / BILLION, len(total)
            many = count > 1
            rows.append(
                {
                    "measure": measure,
                    "market": market,
                    "window": name,
                    "mean_bn_usd": billions.mean(),
                    "standard_error_bn_usd": billions.std(ddof=1) / np.sqrt(count) if many else np.nan,
                    "median_bn_usd": np.median(billions) if many else np.nan,
                    "q05_bn_usd": np.quantile(billions, 0.05) if many else np.nan,
                    "triggered_share": (billions < 0).mean(),
                    "paths": count,
                }
            )
    return pd.DataFrame(rows, columns=list(TABLES["contingent"].columns))


def _risk_neutral_groups(prices: Prices) -> Iterator[tuple[Any, ...]]:
    priced = prices.found
    names, market = _scope_names(priced), market_name(priced.model, priced.stands_in)
    for key, value in priced.average.items():
        for group, amount in zip(GROUPS, value.group_usd, strict=True):
            yield (
                RISK_NEUTRAL, np.nan, market, names[key], "earnings_group", group, "withdrawal_tax", amount / BILLION,
            )  # fmt: skip
