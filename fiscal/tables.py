"""Tables of one run: arrays in, tidy frames out; columns are documented in ``fiscal.results.COLUMNS``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import pandas as pd

from fiscal.assembly import (
    NO_CRYPTO_PATH,
    SCENARIO_PATH,
    average_state_rate,
    convention_label,
    law_in_force,
)
from fiscal.axes import AGES, ASSETS, ATTAINED_AGES, CHARACTERS, GROUPS, SLEEVES, WRAPPERS, birth_years
from fiscal.budget import valuation
from fiscal.budget.estimates import controlled_columns
from fiscal.budget.ledger import CASH_LINES, LINES, contribution_weight, fiscal_line
from fiscal.budget.valuation import Window
from fiscal.markets.implied import dollar, implied_by
from fiscal.markets.paths import implied_crypto_value_over_gdp
from fiscal.people.macro import macro
from fiscal.scenario import explain
from fiscal.simulation import LINES as SIMULATED_LINES
from fiscal.simulation import STOCKS, Distribution, first_paths
from fiscal.valued import value_tables

if TYPE_CHECKING:
    from fiscal.engine import Paths, Run
    from fiscal.markets.paths import AssetPaths
    from fiscal.people.contributions import Contributions
    from fiscal.scenario import Scenario
    from fiscal.scenario.government import Books

BILLION = 1e9
FISCAL_SAME_YEAR_SHARE = 9 / 12
"""A fiscal year runs from October to September: nine of its months lie in the year it is named after."""

WINDOWS = (Window(2026, 2035), Window(2026, 2055), Window(2026, 2100))
FLOWS = (
    "plan_withdrawals",
    "ira_withdrawals",
    "inherited_withdrawals",
    "roth_withdrawals",
    "inherited_roth_withdrawals",
    "nonqualified_earnings",
    "penalised_withdrawals",
    "plan_bequests",
    "rollovers",
    "roth_rollovers",
    "conversions",
    "fees",
    "losses",
    "core_return",
    "crypto_return",
)
"""Flows through the accounts that the tables show, as the projection names them."""

DRAW_AGES = range(60, 100)
"""Ages attained at which the summary says what share of a balance is drawn."""


class YearlyTotals(Protocol):
    """What the tables of yearly totals are made of: a run of the engine, or totals alone."""

    @property
    def scenario(self) -> Scenario: ...
    @property
    def years(self) -> np.ndarray: ...  # (Y,)
    @property
    def year_fraction(self) -> np.ndarray: ...  # (Y,) share of the year that lies inside
    @property
    def path_labels(self) -> tuple[str, ...]: ...  # (P,)
    @property
    def horizon(self) -> np.ndarray: ...  # (Y,) bool: inside the horizon, not run-off
    @property
    def economy(self) -> pd.DataFrame: ...  # macro path by year
    @property
    def market(self) -> AssetPaths: ...  # the scenario's own
    @property
    def contributions(self) -> Contributions: ...
    @property
    def lines(self) -> tuple[str, ...]: ...  # revenue lines that are known

    def total(self, line: str) -> np.ndarray:
        """A revenue line over all cells, ``(P, Y)`` dollars."""
        ...


def _shown_paths(run: YearlyTotals) -> list[tuple[int, str]]:
    return [
        (index, label) for index, label in enumerate(run.path_labels) if not label.startswith("convention_")
    ]


def tables_of(run: Run) -> dict[str, pd.DataFrame]:
    """Every table of a run by name, in long form; a random model's runs have those of its paths too."""
    tables = _tables_of_one_path(run) | value_tables(run)
    if run.scenario.settings.state.income_tax:
        tables["state_tax"] = _state_tax(run)
    if run.paths is not None and run.paths.distributions:
        tables |= path_tables(run.paths)
    return tables


def _independent(of: Paths) -> bool:
    """Whether the paths are independent draws: a Sobol sequence's points are not."""
    paths = of.scenario.settings.paths
    return not (paths.model == "regime_switching" and paths.draws == "sobol")


def path_tables(of: Paths) -> dict[str, pd.DataFrame]:
    """The distribution over paths that were drawn: by year, by window, and how large crypto becomes."""
    own = of.distributions[0]
    return {
        "path_years": _path_years(own, _independent(of)),
        "path_windows": pd.concat([_path_windows(of, one) for one in of.distributions], ignore_index=True),
        "paths": _paths(of, own),
        "path_crypto": _path_crypto(own),
        **_implied(of),
    }


IMPLIED_PATHS = 1000
"""Paths, the first of the run, that say what its model implies."""


def _implied(of: Paths) -> dict[str, pd.DataFrame]:
    """What the path model implies by asset, and a dollar in each over the paths."""
    settings = of.scenario.settings
    drawn = first_paths(settings, of.asked.inputs.years, min(settings.paths.count, IMPLIED_PATHS))
    return {"implied": implied_by(drawn), "path_dollar": dollar(drawn)}


QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


Control = tuple[np.ndarray, np.ndarray]
"""A control variate on the paths, ``(path, column)``, and what it is expected to be, ``(column,)``; dollars."""


def _statistics(
    values: np.ndarray, independent: bool = True, control: Control | None = None
) -> dict[str, np.ndarray]:
    """Mean, its standard error and quantiles over the first axis, billions; the mean that a control corrects, and
    its standard error. Paths that are not ``independent`` draws (Sobol points) have no standard error of this kind,
    and means without a control are not corrected: missing."""
    billions = values / BILLION
    error = billions.std(axis=0, ddof=1) / np.sqrt(len(billions))
    found = {
        "mean_bn_usd": billions.mean(axis=0),
        "standard_error_bn_usd": error if independent else np.full_like(error, np.nan),
    }
    quantiles = np.quantile(billions, list(QUANTILES.values()), axis=0)
    found |= {f"{name}_bn_usd": level for name, level in zip(QUANTILES, quantiles, strict=True)}
    corrected, left = np.full_like(error, np.nan), np.full_like(error, np.nan)
    if control is not None:
        corrected, left = controlled_columns(billions, control[0] / BILLION, control[1] / BILLION)
    return found | {
        "mean_controlled_bn_usd": corrected,
        "standard_error_controlled_bn_usd": left if independent else np.full_like(error, np.nan),
    }


BLOCK_NUMBERS = 2**18
"""Numbers of a block in which tables read the arrays of all paths: what they work out beside them stays small."""


def _blocks(length: int, width: int) -> Iterator[slice]:
    """Slices of an axis of ``length``, each by ``width`` about :data:`BLOCK_NUMBERS` at most, none of length one
    (a sum over one row or column may round otherwise)."""
    wanted = -(-length * width // BLOCK_NUMBERS)
    for part in np.array_split(np.arange(length), max(min(wanted, length // 2), 1)):
        yield slice(int(part[0]), int(part[-1]) + 1)


ALL = slice(None)


def _control(
    of: Distribution, label: str, reference: str = "none", paths: slice = ALL, years: slice = ALL
) -> Control | None:
    """The flat-tax model of a reference, less that of another, by calendar year; None where it is not known."""
    if label not in of.flat_tax:
        return None
    own = of.flat_tax[label][paths, years], of.expected_flat_tax[label][years]
    if reference == "none":
        return own
    return own[0] - of.flat_tax[reference][paths, years], own[1] - of.expected_flat_tax[reference][years]


def _tails(values: np.ndarray) -> dict[str, float]:
    """Means of the lowest and of the highest twentieth of the paths, billions."""
    ordered = np.sort(values) / BILLION
    count = max(len(values) // 20, 1)
    return {
        "lowest_mean_bn_usd": float(ordered[:count].mean()),
        "highest_mean_bn_usd": float(ordered[-count:].mean()),
    }


def _path_lines(
    of: Distribution, label: str, paths: slice = ALL, years: slice = ALL
) -> dict[str, np.ndarray]:
    """Revenue lines by path and calendar year, ``(path, Y)``."""
    lines = {line: of.lines[label][line][paths, years] for line in SIMULATED_LINES}
    nothing = np.zeros_like(lines["withdrawal_tax"])
    for line, values in of.on_contributions[label].items():
        lines[line] = nothing + (values[years] if values.ndim == 1 else values[paths, years])
    return lines


PATH_LINES = ("withdrawal_tax", "deferral_balance", "net_revenue", "tax_expenditure")
"""Lines whose distribution over paths is shown, made of a path's own lines."""


def _with_sums(lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    net = sum((lines[line] for line in CASH_LINES), start=np.zeros_like(lines["withdrawal_tax"]))
    expenditure = -(lines["deferred_revenue"] + lines["inside_buildup_cash"] + lines["withdrawal_tax"])
    balance = lines["deferred_revenue"] + lines["withdrawal_tax"]
    return dict(zip(PATH_LINES, (lines["withdrawal_tax"], balance, net, expenditure), strict=True))


def _path_years(of: Distribution, independent: bool) -> pd.DataFrame:
    """By year: every path's level, and the scenario less each reference on the same path."""
    found: dict[tuple[str, str, str], list[dict[str, np.ndarray]]] = {}
    for years in _blocks(len(of.years), of.count):
        levels = {
            label: _with_sums(_path_lines(of, label, years=years))
            | {stock: of.lines[label][stock][:, years] for stock in STOCKS}
            for label in of.lines
        }
        shown = [(label, "none", levels[label]) for label in levels]
        own = levels[SCENARIO_PATH]
        shown += [
            (SCENARIO_PATH, label, {line: own[line] - values for line, values in level.items()})
            for label, level in levels.items()
            if label != SCENARIO_PATH
        ]
        for path, reference, lines in shown:
            control = _control(of, path, reference, years=years)
            for line, values in lines.items():
                block = _statistics(values, independent, control)
                found.setdefault((path, reference, line), []).append(block)
    return pd.concat(
        [
            pd.DataFrame(
                {"path": path, "reference": reference, "line": line, "year": of.years}
                | {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
            )
            for (path, reference, line), blocks in found.items()
        ],
        ignore_index=True,
    )


PRESENT_VALUE = "present value"
"""In the column ``window``: flows to the horizon at Treasury bill rates, on 30 June 2025."""


def _paths(paths: Paths, of: Distribution) -> pd.DataFrame:
    """Every path: sums by window, and net revenue less that of the references on the same path."""
    sums = _window_sums(paths, of)
    own = sums[SCENARIO_PATH]
    windows = list(dict.fromkeys(window for window, _ in own))

    def by_path(values: Mapping[tuple[str, str], np.ndarray], line: str) -> np.ndarray:
        """A line of all windows, those of a path together."""
        return np.stack([values[window, line] for window in windows], axis=1).ravel()

    net = by_path(own, "net_revenue")
    frame = {
        "path_number": np.repeat(np.arange(of.count), len(windows)),
        "window": windows * of.count,
        "withdrawal_tax_bn_usd": by_path(own, "withdrawal_tax") / BILLION,
        "net_revenue_bn_usd": net / BILLION,
    }
    for label in of.lines:
        if label != SCENARIO_PATH:
            frame[f"net_revenue_minus_{label}_bn_usd"] = (net - by_path(sums[label], "net_revenue")) / BILLION
    return pd.DataFrame(frame)


def _discount_factors(one_year_rate: np.ndarray, fraction: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Present value of a dollar of each year at bill rates, ``(Y,)``."""
    return valuation.discount_factors(valuation.flow_dates(years, fraction), one_year_rate, years)


def _fiscal_flow(books: Books, fraction: np.ndarray, line: str, values: np.ndarray) -> np.ndarray:
    """A line of the paths by fiscal year."""
    return fiscal_line(
        line,
        values,
        fraction,
        books.deferral_fiscal_same_year_share,
        books.withdrawal_fiscal_same_year_share,
    )


def _windows_of(of: Distribution) -> list[Window]:
    return [window for window in WINDOWS if window.last <= of.years[-1]]


def _of_years(paths: Paths) -> tuple[Books, np.ndarray, np.ndarray]:
    """The settings of the books, and of the paths' years the fraction inside and the one-year rate."""
    inputs = paths.asked.inputs
    rates = paths.economy["one_year_rate"].to_numpy()[: len(inputs.years)]
    return paths.scenario.settings.books, inputs.year_fraction, rates


def _window_sums(paths: Paths, of: Distribution) -> dict[str, dict[tuple[str, str], np.ndarray]]:
    """By reference, window and line: sums over each path's fiscal years, and present values, dollars ``(path,)``."""
    books, fraction, one_year_rate = _of_years(paths)
    factors = _discount_factors(one_year_rate, fraction, of.years)

    def sums(label: str, block: slice) -> dict[tuple[str, str], np.ndarray]:
        lines = _path_lines(of, label, block)
        fiscal = {line: _fiscal_flow(books, fraction, line, values) for line, values in lines.items()}
        return {
            (window.label, line): valuation.window_sum(values, of.years, window)
            for window in _windows_of(of)
            for line, values in _with_sums(fiscal).items()
        } | {
            # path by path in one order: a product of matrices may round by the number of paths
            (PRESENT_VALUE, line): (values * factors).sum(axis=1)
            for line, values in _with_sums(lines).items()
        }

    blocks = list(_blocks(of.count, len(of.years)))
    return {label: _joined([sums(label, block) for block in blocks]) for label in of.lines}


Key = TypeVar("Key")


def _joined(blocks: Sequence[Mapping[Key, np.ndarray]]) -> dict[Key, np.ndarray]:
    """Arrays of blocks of paths, end to end."""
    return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}


def _window_controls(paths: Paths, of: Distribution, reference: str) -> dict[str, Control]:
    """The control of each window's sums, one column; none where it is not known."""
    books, fraction, one_year_rate = _of_years(paths)
    factors = _discount_factors(one_year_rate, fraction, of.years)
    drawn: list[dict[str, np.ndarray]] = []
    expected: dict[str, np.ndarray] = {}
    for block in _blocks(of.count, len(of.years)):
        control = _control(of, SCENARIO_PATH, reference, block)
        if control is None:
            return {}
        flows = np.concatenate([control[0], control[1][None]])
        fiscal = _fiscal_flow(books, fraction, "withdrawal_tax", flows)
        sums = {window.label: valuation.window_sum(fiscal, of.years, window) for window in _windows_of(of)}
        sums[PRESENT_VALUE] = (flows * factors).sum(axis=1)
        drawn.append({window: values[:-1, None] for window, values in sums.items()})
        expected = {window: values[-1:] for window, values in sums.items()}
    return {window: (values, expected[window]) for window, values in _joined(drawn).items()}


def _path_windows(paths: Paths, of: Distribution) -> pd.DataFrame:
    """Window sums and present values of the scenario and of its differences from each reference."""
    sums = _window_sums(paths, of)
    rows = []
    for reference in ("none", *(label for label in of.lines if label != SCENARIO_PATH)):
        controls = _window_controls(paths, of, reference)
        for (window, line), own in sums[SCENARIO_PATH].items():
            values = own if reference == "none" else own - sums[reference][window, line]
            worse = values < 0 if line != "tax_expenditure" else values > 0
            found = _statistics(values[:, None], _independent(paths), controls.get(window))
            rows.append(
                {
                    "measure": of.measure,
                    "reference": reference,
                    "window": window,
                    "line": line,
                    **{name: float(value[0]) for name, value in found.items()},
                    **_tails(values),
                    "worse_share": float(worse.mean()),
                    "paths": of.count,
                }
            )
    return pd.DataFrame(rows)


def _path_crypto(of: Distribution) -> pd.DataFrame:
    """Value of all crypto over GDP on the paths, and the share of paths held at the cap up to each year."""
    levels = np.concatenate(
        [
            np.quantile(of.crypto_over_gdp[:, block], [0.05, 0.5, 0.95], axis=0)
            for block in _blocks(len(of.years) - 1, of.count)
        ],
        axis=1,
    )
    return pd.DataFrame(
        {
            "year": of.years[1:],
            "q05_over_gdp": levels[0],
            "median_over_gdp": levels[1],
            "q95_over_gdp": levels[2],
            "capped_share": np.maximum.accumulate(of.capped[:, 1:], axis=1).mean(axis=0),
        }
    )


STATE_TAXED = (
    "plan_withdrawals", "ira_withdrawals", "inherited_withdrawals", "nonqualified_earnings", "conversions",
)  # fmt: skip
"""Flows that a state's income tax falls on."""

STATE_LINES = ("state_deferred_revenue", "state_withdrawal_tax")


def _state_tax(run: Run) -> pd.DataFrame:
    """State income tax not collected on contributions and collected on withdrawals, at one average rate.

    On lines of its own and in no federal total; the rate is one for all people and both ends of the deferral.
    """
    state, horizon = run.scenario.settings.state, run.horizon
    rate = average_state_rate() if state.rate is None else state.rate
    years, price = run.projection.years[horizon], price_level(run)[horizon]
    frames = []
    paid, weight = run.contributions.traditional_usd, contribution_weight(run.inputs)
    for path, label in _shown_paths(run):
        drawn = sum(run.projection.total(name)[path] for name in STATE_TAXED)
        forgone = -rate * (paid * weight[path % len(weight)]).sum(axis=(1, 2))
        collected = rate * state.withdrawals_taxed_share * drawn
        for line, values in zip(STATE_LINES, (forgone, collected), strict=True):
            nominal = values[horizon] / BILLION
            frame = {"path": label, "year": years, "line": line, "nominal_bn_usd": nominal}
            frames.append(pd.DataFrame({**frame, "real_bn_usd": nominal / price}))
    return pd.concat(frames, ignore_index=True)


def total_tables(run: YearlyTotals) -> dict[str, pd.DataFrame]:
    """The tables that totals can fill, by name, in long form."""
    return {
        "budget": _budget(run),
        "windows": _windows(run),
        "contributions": _contributions(run),
        "asset_returns": _asset_returns(run),
        "crypto_size": _crypto_size(run),
        "economy": _economy(run),
        "settings": _settings(run),
    }


def _tables_of_one_path(run: Run) -> dict[str, pd.DataFrame]:
    totals = total_tables(run)
    return {
        "budget": totals["budget"],
        "windows": totals["windows"],
        "present_values": _present_values(run),
        "vintages": _vintages(run),
        "contributions": totals["contributions"],
        "balances": _balances(run),
        "flows": _flows(run),
        "distribution": _distribution(run),
        "people": _people(run),
        "asset_returns": totals["asset_returns"],
        "crypto_size": totals["crypto_size"],
        "economy": totals["economy"],
        "checks": _checks(run),
        "settings": totals["settings"],
    }


def price_level(run: YearlyTotals) -> np.ndarray:
    """Consumer prices over those of ``books.price_year``, ``(Y,)``."""
    cpi = run.economy["cpi_u"]
    price_year = run.scenario.settings.books.price_year
    base = cpi.loc[price_year] if price_year in cpi.index else macro([price_year])["cpi_u"].iloc[0]
    return (cpi / base).to_numpy()


def _fiscal(run: YearlyTotals, line: str) -> np.ndarray:
    books = run.scenario.settings.books
    return fiscal_line(
        line,
        run.total(line),
        run.year_fraction,
        books.deferral_fiscal_same_year_share,
        books.withdrawal_fiscal_same_year_share,
    )


def _fiscal_lines(run: YearlyTotals) -> dict[str, np.ndarray]:
    """Fiscal-year lines; sums are made of their timed parts."""
    sums = ("net_revenue", "tax_expenditure", "net_revenue_after_rescue")
    lines = {line: _fiscal(run, line) for line in run.lines if line not in sums}
    lines["net_revenue"] = sum(lines[line] for line in CASH_LINES)  # type: ignore[assignment]
    lines["tax_expenditure"] = -(
        lines["deferred_revenue"] + lines["inside_buildup_cash"] + lines["withdrawal_tax"]
    )
    if "rescue_cost" in lines:
        lines["net_revenue_after_rescue"] = lines["net_revenue"] + lines["rescue_cost"]
    return {line: lines[line] for line in run.lines}


def _fiscal_gdp(run: YearlyTotals) -> np.ndarray:
    gdp = run.economy["gdp_bn_usd"].to_numpy()
    result = np.full(gdp.shape, np.nan)
    result[1:] = FISCAL_SAME_YEAR_SHARE * gdp[1:] + (1 - FISCAL_SAME_YEAR_SHARE) * gdp[:-1]
    return result


def _budget(run: YearlyTotals) -> pd.DataFrame:
    years, price = run.years, price_level(run)
    gdp = run.economy["gdp_bn_usd"].to_numpy() * run.year_fraction
    frames = []
    calendar, fiscal = {line: run.total(line) for line in run.lines}, _fiscal_lines(run)
    for path, label in _shown_paths(run):
        for kind, first, whole in (("calendar", 0, gdp), ("fiscal", 1, _fiscal_gdp(run))):
            inside = run.horizon.copy()
            inside[:first] = False
            for line in run.lines:
                amounts = (calendar if kind == "calendar" else fiscal)[line][path] / BILLION
                frames.append(
                    pd.DataFrame(
                        {
                            "path": label,
                            "year_kind": kind,
                            "year": years[inside],
                            "line": line,
                            "nominal_bn_usd": amounts[inside],
                            "real_bn_usd": (amounts / price)[inside],
                            "gdp_share": (amounts / whole)[inside],
                            "gdp_bn_usd": whole[inside],
                        }
                    )
                )
    return pd.concat(frames, ignore_index=True)


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
    factors = _discount_factors(run.economy["one_year_rate"].to_numpy(), run.year_fraction, years)
    fiscal = _fiscal_lines(run)
    found: dict[tuple[str, str, str], float] = {}
    for line in run.lines:
        spans = {
            window.label: valuation.window_sum(fiscal[line], years, window)
            for window in WINDOWS
            if window.last <= last
        }
        spans[PRESENT_VALUE] = valuation.present_value(run.total(line), factors, run.horizon)
        for span, values in spans.items():
            found |= {(label, span, line): float(values[path]) / BILLION for path, label in _shown_paths(run)}
    return found


def _present_values(run: Run) -> pd.DataFrame:
    """Present values on 30 June 2025 of the horizon's cash flows, of the run-off, and their sum."""
    years = run.projection.years
    dates = valuation.flow_dates(years, run.inputs.year_fraction)
    books = run.scenario.settings.books
    one_year = run.economy["one_year_rate"].to_numpy()
    bases: list[tuple[str, float | None, np.ndarray, list[tuple[int, str]]]] = []
    for rate in books.convention_rates:
        label = convention_label(rate)
        if label not in run.projection.path_labels:
            continue
        bases.append(
            ("convention", rate, np.full(len(years), rate), [(run.projection.path(label), "scenario")])
        )
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
                for span, amount in (
                    ("horizon", inside),
                    ("terminal_claim", after),
                    ("total", inside + after),
                ):
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


OPENING_STOCK = "opening_stock"


def _vintages(run: Run) -> pd.DataFrame:
    """What a year's contributions, or the opening stock, bring and cost over their whole life."""
    years = run.projection.years[run.horizon]
    upfront = {
        "deferred_revenue": np.stack(
            [run.ledger.lines["deferred_revenue"][0].sum(axis=(1, 2)), np.zeros(len(run.horizon))], axis=1
        )
    }
    frames = []
    for valued in run.vintages:
        if valued.marginal or valued.market == NO_CRYPTO_PATH:
            continue  # these stand in the tables of values
        own = valued.vintages
        lines = upfront | {line: own.contributions_total(line) for line in own.contributions_usd}
        lines["tax_expenditure"] = -(
            lines["deferred_revenue"] + lines["inside_buildup_shadow"] + lines["withdrawal_tax"]
        )
        rate = np.nan if valued.rate is None else valued.rate
        for line, values in lines.items():
            for c, character in enumerate(CHARACTERS):
                amounts = values[run.horizon, c] / BILLION
                frames.append(
                    pd.DataFrame(
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
                )
        for line in own.stock_usd:
            value = own.stock_total(line)
            frames.append(
                pd.DataFrame(
                    {
                        "basis": [valued.basis],
                        "rate": [rate],
                        "vintage": [OPENING_STOCK],
                        "tax_character": ["both"],
                        "line": [line],
                        "own_date_bn_usd": [value / BILLION],
                        "present_value_bn_usd": [value / BILLION * valued.opening_to_mid_2025],
                    }
                )
            )
    if not frames:
        names = [
            "basis",
            "rate",
            "vintage",
            "tax_character",
            "line",
            "own_date_bn_usd",
            "present_value_bn_usd",
        ]
        return pd.DataFrame(columns=names)
    return pd.concat(frames, ignore_index=True)


def _contributions(run: YearlyTotals) -> pd.DataFrame:
    years, price = run.years, price_level(run)
    made = run.contributions
    parts = {
        ("elective_deferral", "traditional"): made.elective_traditional_usd,
        ("elective_deferral", "roth"): made.elective_roth_usd,
        ("employer_contribution", "traditional"): made.employer_traditional_usd,
        ("employer_contribution", "roth"): made.employer_roth_usd,
    }
    frames = []
    for (kind, character), cells in parts.items():
        amounts = cells.sum(axis=(1, 2)) / BILLION
        frames.append(
            pd.DataFrame(
                {
                    "year": years[run.horizon],
                    "kind": kind,
                    "tax_character": character,
                    "nominal_bn_usd": amounts[run.horizon],
                    "real_bn_usd": (amounts / price)[run.horizon],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _balances(run: Run) -> pd.DataFrame:
    years, price = run.projection.years, price_level(run)
    gdp = run.economy["gdp_bn_usd"].to_numpy()
    frames = []
    for path, label in _shown_paths(run):
        for w, wrapper in enumerate(WRAPPERS):
            for c, character in enumerate(CHARACTERS):
                for s, sleeve in enumerate(SLEEVES):
                    amounts = run.projection.closing_usd[path, :, w, c, s] / BILLION
                    frames.append(
                        pd.DataFrame(
                            {
                                "path": label,
                                "year": years[run.horizon],
                                "wrapper": wrapper,
                                "tax_character": character,
                                "sleeve": sleeve,
                                "nominal_bn_usd": amounts[run.horizon],
                                "real_bn_usd": (amounts / price)[run.horizon],
                                "gdp_share": (amounts / gdp)[run.horizon],
                            }
                        )
                    )
    return pd.concat(frames, ignore_index=True)


def _flows(run: Run) -> pd.DataFrame:
    years, price = run.projection.years, price_level(run)
    frames = []
    for name in FLOWS:
        totals = run.projection.total(name) / BILLION
        for path, label in _shown_paths(run):
            frames.append(
                pd.DataFrame(
                    {
                        "path": label,
                        "year": years[run.horizon],
                        "flow": name,
                        "nominal_bn_usd": totals[path][run.horizon],
                        "real_bn_usd": (totals[path] / price)[run.horizon],
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def _distribution(run: Run) -> pd.DataFrame:
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
    names = ["path", "window", "line", "dimension", "member", "nominal_bn_usd", "real_bn_usd"]
    return pd.DataFrame(rows, columns=names)


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
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "year": run.years[inside],
                    "asset": asset,
                    "return_rate": run.market.annual_returns()[0][inside, x],
                }
            )
            for x, asset in enumerate(ASSETS)
        ],
        ignore_index=True,
    )


def _crypto_size(run: YearlyTotals) -> pd.DataFrame:
    """Value of all crypto over GDP that the path implies: no new coins and no payouts, so it grows with
    the price. Several times GDP is no equilibrium; named paths are not capped, the table says how far
    they go."""
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
    return pd.DataFrame(
        [
            {
                "check": "account identity, worst cell, dollars",
                "residual": worst,
                "scale": float(run.projection.identity_scale_usd.max()),
            },
            {
                "check": "people conserved, worst cell, persons",
                "residual": worst_people,
                "scale": float(run.people.people_open.max()),
            },
        ]
    )


def _settings(run: YearlyTotals) -> pd.DataFrame:
    return explain(run.scenario)


SIZE_YEARS = (2035, 2050, 2100)


def _crypto_size_summary(sizes: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Value of all crypto over GDP that the paths imply, and the share of random paths held at the cap."""
    frame = sizes.set_index("year")
    years = [year for year in SIZE_YEARS if year in frame.index]
    return {
        column: {str(year): round(float(frame.loc[year, column]), 4) for year in years} for column in frame
    }


def _effect_summary(windows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Scenario less no crypto, path by path: column -> statistic -> value."""
    chosen = windows[(windows["reference"] == NO_CRYPTO_PATH) & (windows["line"] == "net_revenue")]
    return {
        row["window"] if row["measure"] == "real" else f"{row['window']}, risk-neutral": {
            name: round(float(row[name]), 4)
            for name in (
                "mean_bn_usd", "standard_error_bn_usd", "q05_bn_usd", "median_bn_usd", "q95_bn_usd", "paths",
            )
        }
        | {"worse_percent_of_paths": round(100 * float(row["worse_share"]), 1)}
        for _, row in chosen.iterrows()
        if row["measure"] == "real" or row["window"] == PRESENT_VALUE
    }  # fmt: skip


def summary_of(run: Run, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The headline sums, and what the calibration reads of the opening; plain values for JSON."""
    windows = tables["windows"]
    own = windows[windows["path"] == "scenario"]
    summary: dict[str, Any] = {
        "scenario": run.scenario.name,
        "title": run.scenario.title,
        "law": law_in_force(run.scenario.settings),
        "units": (
            "billions of current dollars; positive = the government is better off. Lines after net_revenue are "
            "not in it; a positive tax_expenditure is a cost"
        ),
        "windows": {
            window: {row["line"]: round(row["nominal_bn_usd"], 6) for _, row in part.iterrows()}
            for window, part in own.groupby("window", sort=False)
        },
    }
    if "no_crypto" in run.projection.path_labels:
        summary["crypto_value_over_gdp"] = _crypto_size_summary(tables["crypto_size"])
    opening = run.inputs.opening_usd.sum(axis=(1, 3, 4)) / BILLION  # (wrapper, A)
    draws = run.inputs.withdrawal_rate[1, 1, 0]
    summary["calibration"] = {
        "opening_plan_bn_usd": float(opening[0].sum()),
        "opening_traditional_bn_usd": float(run.inputs.opening_usd[:, 0].sum() / BILLION),
        "opening_by_age_bn_usd": [float(value) for value in opening[0]],
        "people_65_plus": float(run.people.people_open[0][AGES >= 65].sum()),
        "draw_rate_by_age": {str(age): float(draws[age == ATTAINED_AGES][0]) for age in DRAW_AGES},
    }
    return with_paths(summary, tables) if "path_windows" in tables else summary


def with_paths(summary: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The summary with what the paths' ``tables`` say, before the calibration."""
    found = {key: value for key, value in summary.items() if key != "calibration"}
    if "crypto_value_over_gdp" in found:
        found["crypto_value_over_gdp"] = _crypto_size_summary(tables["path_crypto"])
    found["net_revenue_effect_over_paths"] = _effect_summary(tables["path_windows"])
    return found | {"calibration": summary["calibration"]}
