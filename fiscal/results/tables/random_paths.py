"""Tables of random paths: their distribution by year and window, every path, and the size of crypto."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from fiscal.base.axes import FIRST_YEAR
from fiscal.budget import valuation
from fiscal.budget.estimates import controlled_columns
from fiscal.budget.lines import amount, better_off
from fiscal.budget.valuation import BILLION, PRESENT_VALUE, WINDOWS, Window, bill_factors
from fiscal.engine.inputs import SCENARIO_PATH
from fiscal.engine.random_paths import LINES as SIMULATED_LINES
from fiscal.engine.random_paths import STOCKS, Distribution, first_paths
from fiscal.markets.implied import dollar, implied_by
from fiscal.results.rows import PATH_LINES
from fiscal.results.tables.common import by_fiscal_year

if TYPE_CHECKING:
    from fiscal.engine.run import Paths
    from fiscal.scenario import Scenario


def _independent(of: Paths) -> bool:
    """Whether the paths are independent draws; points of a Sobol sequence and paths of a user's file are not."""
    paths = of.scenario.settings.paths
    return paths.model != "user" and not (paths.model == "regime_switching" and paths.draws == "sobol")


def path_tables(of: Paths) -> dict[str, pd.DataFrame]:
    """The distribution over the drawn paths: by year, by window, and the size of crypto."""
    own = of.distributions[0]
    return {
        "path_years": _path_years(own, _independent(of)),
        "path_windows": pd.concat([_path_windows(of, one) for one in of.distributions], ignore_index=True),
        "paths": _paths(of, own),
        "path_crypto": _path_crypto(own),
    }


IMPLIED_PATHS = 1000
"""Number of paths, from the first on, used for the statistics of the path model."""


def implied_tables(scenario: Scenario) -> dict[str, pd.DataFrame]:
    """Statistics of the path model by asset, and the value of one dollar in each over the paths."""
    settings = scenario.settings
    years = np.arange(FIRST_YEAR, settings.horizon.last_year + 1)
    drawn = first_paths(settings, years, min(settings.paths.count, IMPLIED_PATHS))
    return {"implied": implied_by(drawn), "path_dollar": dollar(drawn)}


QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
Control = tuple[np.ndarray, np.ndarray]
"""A control variate on the paths, ``(path, column)``, and its expectation, ``(column,)``; dollars."""


def _statistics(values: np.ndarray, independent: bool = True, control: Control | None = None) -> dict[str, np.ndarray]:
    """Mean, its standard error, and quantiles over the first axis, billions; also the mean corrected by a control
    variate, and its standard error. Paths that are not ``independent`` draws (Sobol points) have no such standard
    error, and means without a control are not corrected: both are missing."""
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
"""Number of values in a block in which tables read the arrays of all paths, so that temporary arrays stay small."""


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
    """The flat-tax model of one reference less that of another, by calendar year; None if unknown."""
    if label not in of.flat_tax:
        return None
    own = of.flat_tax[label][paths, years], of.expected_flat_tax[label][years]
    if reference == "none":
        return own
    return own[0] - of.flat_tax[reference][paths, years], own[1] - of.expected_flat_tax[reference][years]


def _tails(values: np.ndarray) -> dict[str, float]:
    """Means of the lowest and of the highest 5 percent of the paths, billions."""
    ordered = np.sort(values) / BILLION
    count = max(len(values) // 20, 1)
    return {"lowest_mean_bn_usd": float(ordered[:count].mean()), "highest_mean_bn_usd": float(ordered[-count:].mean())}


def _path_lines(of: Distribution, label: str, paths: slice = ALL, years: slice = ALL) -> dict[str, np.ndarray]:
    """Revenue lines by path and calendar year, ``(path, Y)``."""
    lines = {line: of.lines[label][line][paths, years] for line in SIMULATED_LINES}
    nothing = np.zeros_like(lines["withdrawal_tax"])
    for line, values in of.on_contributions[label].items():
        lines[line] = nothing + (values[years] if values.ndim == 1 else values[paths, years])
    return lines


def _shown(lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: amount(name, lines) for name in PATH_LINES}


def _path_years(of: Distribution, independent: bool) -> pd.DataFrame:
    """By year: every path's level, and the scenario less each reference on the same path."""
    found: dict[tuple[str, str, str], list[dict[str, np.ndarray]]] = {}
    for years in _blocks(len(of.years), of.count):
        levels = {
            label: _shown(_path_lines(of, label, years=years))
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


def _windows_of(of: Distribution) -> list[Window]:
    return [window for window in WINDOWS if window.last <= of.years[-1]]


def _factors(paths: Paths) -> np.ndarray:
    """Value on June 30, 2025, of a dollar in each of the paths' years at the bill rates, ``(Y,)``."""
    inputs = paths.asked.inputs
    rates = paths.economy["one_year_rate"].to_numpy()[: len(inputs.years)]
    return bill_factors(rates, inputs.year_fraction, inputs.years)


def _window_sums(paths: Paths, of: Distribution) -> dict[str, dict[tuple[str, str], np.ndarray]]:
    """By reference, window and line: sums over each path's fiscal years, and present values, dollars ``(path,)``."""
    settings, fraction, factors = paths.scenario.settings, paths.asked.inputs.year_fraction, _factors(paths)

    def sums(label: str, block: slice) -> dict[tuple[str, str], np.ndarray]:
        lines = _path_lines(of, label, block)
        fiscal = {line: by_fiscal_year(settings, line, values, fraction) for line, values in lines.items()}
        return {
            (window.label, line): valuation.window_sum(values, of.years, window)
            for window in _windows_of(of)
            for line, values in _shown(fiscal).items()
        } | {
            # path by path in one order: a product of matrices may round by the number of paths
            (PRESENT_VALUE, line): (values * factors).sum(axis=1)
            for line, values in _shown(lines).items()
        }

    blocks = list(_blocks(of.count, len(of.years)))
    return {label: _joined([sums(label, block) for block in blocks]) for label in of.lines}


Key = TypeVar("Key")


def _joined(blocks: Sequence[Mapping[Key, np.ndarray]]) -> dict[Key, np.ndarray]:
    """Arrays of blocks of paths, end to end."""
    return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}


def _window_controls(paths: Paths, of: Distribution, reference: str) -> dict[str, Control]:
    """The control of each window's sums, one column; None if unknown."""
    settings, fraction, factors = paths.scenario.settings, paths.asked.inputs.year_fraction, _factors(paths)
    drawn: list[dict[str, np.ndarray]] = []
    expected: dict[str, np.ndarray] = {}
    for block in _blocks(of.count, len(of.years)):
        control = _control(of, SCENARIO_PATH, reference, block)
        if control is None:
            return {}
        flows = np.concatenate([control[0], control[1][None]])
        fiscal = by_fiscal_year(settings, "withdrawal_tax", flows, fraction)
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
            worse = better_off(line, values) < 0
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
    """Value of all crypto relative to GDP on the paths, and the share of paths at the cap up to each year."""
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
