"""Tables of a scenario's named path and its references."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fiscal.base.axes import ASSETS, CHARACTERS, GROUPS, SLEEVES, birth_years
from fiscal.budget import valuation
from fiscal.budget.ledger import contribution_weight
from fiscal.budget.lines import LINES, STATE_LINES, SUMS, VALUE_EXPENDITURE, with_sums
from fiscal.budget.valuation import BILLION, FISCAL_SAME_YEAR_SHARE, PRESENT_VALUE, WINDOWS, bill_factors
from fiscal.engine.inputs import NO_CRYPTO_PATH, convention_label
from fiscal.engine.taxes import average_state_rate
from fiscal.markets.paths import implied_crypto_value_over_gdp
from fiscal.people.accounts import INHERITED
from fiscal.people.economy import macro
from fiscal.results.rows import CHECKS, FLOWS, STOCK
from fiscal.results.schema import TABLES
from fiscal.results.tables.common import YearlyTotals, by_fiscal_year, rows_of
from fiscal.scenario import explain

if TYPE_CHECKING:
    from fiscal.engine.quick import TotalsRun
    from fiscal.engine.run import Run


def _shown_paths(run: YearlyTotals) -> list[tuple[int, str]]:
    return [(index, label) for index, label in enumerate(run.path_labels) if not label.startswith("convention_")]


def _amounts(usd: np.ndarray, inside: Any, price: np.ndarray, whole: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Dollars by year ``(Y,)`` as columns of the years ``inside``: nominal and real billions, and shares of a ``whole``
    in billions."""
    nominal = usd / BILLION
    columns = {"nominal_bn_usd": nominal, "real_bn_usd": nominal / price}
    if whole is not None:
        columns["gdp_share"] = nominal / whole
    return {name: values[inside] for name, values in columns.items()}


def state_tax(run: Run) -> pd.DataFrame:
    """State income tax not collected on contributions and collected on withdrawals, at one average rate.

    It has separate lines and is in no federal total; one rate applies to all people, at contribution and at withdrawal.
    """
    state, inside, price = run.scenario.settings.state, run.horizon, price_level(run)
    rate = average_state_rate() if state.rate is None else state.rate
    parts = []
    taxed = (*run.projection.withdrawal_lines, "inherited_withdrawals", "nonqualified_earnings", "conversions")
    paid, weight = run.contributions.traditional_usd, contribution_weight(run.inputs)
    for path, label in _shown_paths(run):
        drawn = sum(run.projection.total(name)[path] for name in taxed)
        forgone = -rate * (paid * weight[path % len(weight)]).sum(axis=(1, 2))
        collected = rate * state.withdrawals_taxed_share * drawn
        for line, values in zip(STATE_LINES, (forgone, collected), strict=True):
            head = {"path": label, "year": run.years[inside], "line": line}
            parts.append(head | _amounts(values, inside, price))
    return rows_of(parts)


def total_tables(run: YearlyTotals) -> dict[str, pd.DataFrame]:
    """The tables that totals can fill, by name, in long form."""
    return {
        "budget": _budget(run),
        "windows": _windows(run),
        "contributions": _contributions(run),
        "asset_returns": _asset_returns(run),
        "crypto_size": _crypto_size(run),
        "economy": _economy(run),
        "settings": explain(run.scenario),
    }


def tables_of_accounts(run: Run) -> dict[str, pd.DataFrame]:
    """Yearly tables to the horizon that a projection with every account fills, by name."""
    tables = total_tables(run) | {
        "balances": _balances(run),
        "flows": _flows(run),
        "people": _people(run),
        "checks": _checks(run),
    }
    return tables | ({"state_tax": state_tax(run)} if run.scenario.settings.state.income_tax else {})


def price_level(run: YearlyTotals) -> np.ndarray:
    """Consumer prices relative to those of ``books.price_year``, ``(Y,)``."""
    cpi = run.economy["cpi_u"]
    price_year = run.scenario.settings.books.price_year
    base = cpi.loc[price_year] if price_year in cpi.index else macro([price_year])["cpi_u"].iloc[0]
    return (cpi / base).to_numpy()


def _fiscal_lines(run: YearlyTotals) -> dict[str, np.ndarray]:
    """Fiscal-year lines; sums add up their timed parts."""
    timed = [line for line in run.lines if line not in SUMS]
    settings, fraction = run.scenario.settings, run.year_fraction
    return with_sums({line: by_fiscal_year(settings, line, run.total(line), fraction) for line in timed})


def _fiscal_gdp(run: YearlyTotals) -> np.ndarray:
    gdp = run.economy["gdp_bn_usd"].to_numpy()
    result = np.full(gdp.shape, np.nan)
    result[1:] = FISCAL_SAME_YEAR_SHARE * gdp[1:] + (1 - FISCAL_SAME_YEAR_SHARE) * gdp[:-1]
    return result


def _budget(run: YearlyTotals) -> pd.DataFrame:
    years, price = run.years, price_level(run)
    gdp = run.economy["gdp_bn_usd"].to_numpy() * run.year_fraction
    parts = []
    calendar, fiscal = {line: run.total(line) for line in run.lines}, _fiscal_lines(run)
    for path, label in _shown_paths(run):
        for kind, first, whole in (("calendar", 0, gdp), ("fiscal", 1, _fiscal_gdp(run))):
            inside = run.horizon.copy()
            inside[:first] = False
            for line in run.lines:
                usd = (calendar if kind == "calendar" else fiscal)[line][path]
                head = {"path": label, "year_kind": kind, "year": years[inside], "line": line}
                parts.append(head | _amounts(usd, inside, price, whole) | {"gdp_bn_usd": whole[inside]})
    return rows_of(parts)


def _windows(run: YearlyTotals) -> pd.DataFrame:
    years, price, gdp = run.years, price_level(run), _fiscal_gdp(run)
    last = int(years[run.horizon][-1])
    rows = []
    fiscal = _fiscal_lines(run)
    for path, label in _shown_paths(run):
        for window in WINDOWS:
            if window.last > last:
                continue
            whole = valuation.window_sum(gdp, years, window)
            for line in run.lines:
                amounts = fiscal[line][path] / BILLION
                nominal = valuation.window_sum(amounts, years, window)
                rows.append(
                    {
                        "path": label,
                        "window": window.label,
                        "line": line,
                        "nominal_bn_usd": nominal,
                        "real_bn_usd": valuation.window_sum(amounts / price, years, window),
                        "gdp_share": nominal / whole,
                    }
                )
    return pd.DataFrame(rows)


def line_sums(run: YearlyTotals) -> dict[tuple[str, str, str], float]:
    """``(path, window, line)`` -> billions: sums over fiscal years, and present values at bill rates to the horizon.

    The numbers of the tables ``windows`` and ``present_values`` that a sweep reads, without the tables.
    """
    years, last = run.years, int(run.years[run.horizon][-1])
    factors = bill_factors(run.economy["one_year_rate"].to_numpy(), run.year_fraction, years)
    fiscal = _fiscal_lines(run)
    found: dict[tuple[str, str, str], float] = {}
    for line in run.lines:
        spans = {
            window.label: valuation.window_sum(fiscal[line], years, window) for window in WINDOWS if window.last <= last
        }
        spans[PRESENT_VALUE] = valuation.present_value(run.total(line), factors, run.horizon)
        for span, values in spans.items():
            found |= {(label, span, line): float(values[path]) / BILLION for path, label in _shown_paths(run)}
    return found


def present_values(run: Run) -> pd.DataFrame:
    """Present values on June 30, 2025, of the horizon's cash flows, of the run-off, and their sum."""
    years = run.projection.years
    dates = valuation.flow_dates(years, run.inputs.year_fraction)
    books = run.scenario.settings.books
    one_year = run.economy["one_year_rate"].to_numpy()
    bases: list[tuple[str, float | None, np.ndarray, list[tuple[int, str]]]] = []
    for rate in books.convention_rates:
        label = convention_label(rate)
        if label not in run.projection.path_labels:
            continue
        bases.append(("convention", rate, np.full(len(years), rate), [(run.projection.path(label), "scenario")]))
    for rate in books.discount_rates:
        bases.append(("fixed", rate, np.full(len(years), rate), _shown_paths(run)))
    ten_year = run.economy["treasury_10y_rate"].to_numpy()
    bases.append(("treasury", None, one_year, _shown_paths(run)))
    bases.append(("treasury_10y", None, ten_year, _shown_paths(run)))
    rows = []
    for basis, basis_rate, rates, shown in bases:
        factors = valuation.discount_factors(dates, rates, years)
        for path, label in shown:
            for line in LINES:
                flow = run.total(line)[path] / BILLION
                inside = valuation.present_value(flow, factors, run.horizon)
                after = valuation.present_value(flow, factors, ~run.horizon)
                for span, amount in (("horizon", inside), ("terminal_claim", after), ("total", inside + after)):
                    rows.append(
                        {
                            "basis": basis,
                            "rate": np.nan if basis_rate is None else basis_rate,
                            "path": label,
                            "span": span,
                            "line": line,
                            "present_value_bn_usd": amount,
                        }
                    )
    return pd.DataFrame(rows)


def vintages_table(run: Run) -> pd.DataFrame:
    """Revenue and cost of a year's contributions, or of the opening stock, over their whole life."""
    years = run.projection.years[run.horizon]
    upfront = {
        "deferred_revenue": np.stack(
            [run.ledger.lines["deferred_revenue"][0].sum(axis=(1, 2)), np.zeros(len(run.horizon))], axis=1
        )
    }
    parts = []
    for valued in run.vintages:
        if valued.marginal or valued.market == NO_CRYPTO_PATH:
            continue  # the tables of values have these
        own = valued.vintages
        lines = upfront | {line: own.contributions_total(line) for line in own.contributions_usd}
        lines["tax_expenditure"] = VALUE_EXPENDITURE.of(lines)
        rate = np.nan if valued.rate is None else valued.rate
        for line, values in lines.items():
            for c, character in enumerate(CHARACTERS):
                amounts = values[run.horizon, c] / BILLION
                parts.append(
                    {
                        "basis": valued.basis,
                        "rate": rate,
                        "vintage": [str(year) for year in years],
                        "tax_character": character,
                        "line": line,
                        "own_date_bn_usd": amounts,
                        "present_value_bn_usd": amounts * valued.to_mid_2025[run.horizon],
                    }
                )
        for line in own.stock_usd:
            value = own.stock_total(line) / BILLION
            parts.append(
                {
                    "basis": valued.basis,
                    "rate": rate,
                    "vintage": [STOCK],
                    "tax_character": "both",
                    "line": line,
                    "own_date_bn_usd": value,
                    "present_value_bn_usd": value * valued.opening_to_mid_2025,
                }
            )
    return rows_of(parts) if parts else pd.DataFrame(columns=list(TABLES["vintages"].columns))


def _contributions(run: YearlyTotals) -> pd.DataFrame:
    inside, price, made = run.horizon, price_level(run), run.contributions
    kinds = {
        ("elective_deferral", "traditional"): made.elective_traditional_usd,
        ("elective_deferral", "roth"): made.elective_roth_usd,
        ("employer_contribution", "traditional"): made.employer_traditional_usd,
        ("employer_contribution", "roth"): made.employer_roth_usd,
    }
    return rows_of(
        [
            {"year": run.years[inside], "kind": kind, "tax_character": character}
            | _amounts(cells.sum(axis=(1, 2)), inside, price)
            for (kind, character), cells in kinds.items()
        ]
    )


def _balances(run: Run) -> pd.DataFrame:
    inside, price, gdp = run.horizon, price_level(run), run.economy["gdp_bn_usd"].to_numpy()
    wrappers = (*run.inputs.accounts, INHERITED)
    parts = []
    for (path, label), (w, wrapper), (c, character), (s, sleeve) in product(
        _shown_paths(run), enumerate(wrappers), enumerate(CHARACTERS), enumerate(SLEEVES)
    ):
        head = {"path": label, "year": run.years[inside], "wrapper": wrapper}
        head |= {"tax_character": character, "sleeve": sleeve}
        usd = run.projection.closing_usd[path, :, w, c, s]
        parts.append(head | _amounts(usd, inside, price, gdp))
    return rows_of(parts)


def _flows(run: Run) -> pd.DataFrame:
    inside, price = run.horizon, price_level(run)
    parts = []
    for name in (*run.projection.withdrawal_lines, *FLOWS):
        totals = run.projection.total(name)
        for path, label in _shown_paths(run):
            head = {"path": label, "year": run.years[inside], "flow": name}
            parts.append(head | _amounts(totals[path], inside, price))
    return rows_of(parts)


def distribution(run: Run) -> pd.DataFrame:
    """Calendar-year sums over the windows' years by earnings group and birth decade."""
    years, price = run.projection.years, price_level(run)
    decade = birth_years(years) // 10 * 10  # (Y, A)
    decades = [int(value) for value in np.unique(decade[run.horizon])]
    rows = []
    for path, label in _shown_paths(run):
        for line in LINES:
            cells = run.ledger.lines[line][path]  # (Y, A, G)
            by_group, by_age = cells.sum(axis=1) / BILLION, cells.sum(axis=2) / BILLION
            for window in WINDOWS:
                inside = (years >= window.first) & (years <= window.last) & run.horizon
                if window.last > years[run.horizon][-1]:
                    continue
                deflated = (by_group / price[:, None])[inside].sum(axis=0)
                nominal = by_group[inside].sum(axis=0)
                for g, group in enumerate(GROUPS):
                    rows.append((label, window.label, line, "earnings_group", group, nominal[g], deflated[g]))
                for start in decades:
                    mine = inside[:, None] & (decade == start)
                    if mine.any():
                        rows.append(
                            (
                                label, window.label, line, "birth_decade", f"{start}s",
                                by_age[mine].sum(), (by_age / price[:, None])[mine].sum(),
                            )
                        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(TABLES["distribution"].columns))


def _people(run: Run) -> pd.DataFrame:
    inside = run.horizon
    people = run.people
    return pd.DataFrame(
        {
            "year": run.projection.years[inside],
            "people": people.people_open.sum(axis=(1, 2))[inside],
            "deaths": people.deaths.sum(axis=(1, 2))[inside],
            "net_migration": people.migration.sum(axis=(1, 2))[inside],
            "entrants": people.entrants.sum(axis=1)[inside],
            "account_holders": run.inputs.holders.sum(axis=(1, 2, 3))[inside],
        }
    )


def _asset_returns(run: YearlyTotals) -> pd.DataFrame:
    inside = run.horizon
    return rows_of(
        [
            {"year": run.years[inside], "asset": asset, "return_rate": run.market.annual_returns()[0][inside, x]}
            for x, asset in enumerate(ASSETS)
        ]
    )


def _crypto_size(run: YearlyTotals) -> pd.DataFrame:
    """Value of all crypto relative to GDP that the path implies: without new coins and payouts, it grows with the
    price. A value of several times GDP cannot be an equilibrium. Named paths are not capped; the table shows their
    level."""
    ratio = implied_crypto_value_over_gdp(run.market)[0]
    shown = ratio[ratio.index <= run.years[run.horizon][-1]]
    return pd.DataFrame({"year": shown.index.to_numpy(), "crypto_over_gdp": shown.to_numpy()})


def _economy(run: YearlyTotals) -> pd.DataFrame:
    frame = run.economy[run.horizon].drop(columns="workers")
    frame = frame.assign(price_level=price_level(run)[run.horizon])
    return frame.rename_axis("year").reset_index()


def _checks(run: Run) -> pd.DataFrame:
    residual = run.projection.identity_residual_usd
    worst = residual.ravel()[np.abs(residual).argmax()]
    people = run.people.conservation_residual()
    worst_people = people.ravel()[np.abs(people).argmax()]
    scales = [float(run.projection.identity_scale_usd.max()), float(run.people.people_open.max())]
    return pd.DataFrame({"check": CHECKS, "residual": [worst, worst_people], "scale": scales})


def stocks(run: TotalsRun) -> pd.DataFrame:
    """Year-end balances in long form: ``path, year, part, nominal_bn_usd, real_bn_usd, gdp_share``."""
    price, gdp = price_level(run), run.economy["gdp_bn_usd"].to_numpy()
    return rows_of(
        [
            {"path": label, "year": run.years, "part": part} | _amounts(values[p], run.horizon, price, gdp)
            for p, label in enumerate(run.path_labels)
            for part, values in run.stocks.items()
        ]
    )
