"""Parameters and their stated ranges: what is varied one at a time, and joint draws of all of them.

Every assumed row of ``assumptions`` with a range that a scenario may change, and the settings of ``sensitivity_cases``.
Joint draws are a Latin hypercube with triangular margins: the range is where a parameter can be, its central value the
likeliest. Parameters that one cause moves share one draw (:data:`LINKED`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.errors import InputError
from fiscal.markets import glide
from fiscal.markets.core import long_run_means
from fiscal.people.accounts import OTHERS_ASSUMPTIONS
from fiscal.people.coverage import private_wages
from fiscal.scenario.assumptions import adjustable
from fiscal.scenario.schema import known_keys

if TYPE_CHECKING:
    from fiscal.scenario import Scenario

EVENT = "boom"
FEWEST_DRAWS = 5

LINKED = {
    "balances left to a spouse": ("assumptions.spouse_share_",),
    "where dividends and gains are taxed": ("assumptions.equity_dividend_yield", "assumptions.gain_realisation_share"),
}
"""Parameters (or beginnings of their names) that are drawn together: all high or all low."""

BLOCK_YEARS = 2

SHOWN = (
    "assumptions.coverage_",
    "contributions.coverage_trend",
    "assumptions.plan_asset_share_70_plus",
    "assumptions.separation_rate_",
)
"""Parameters (or beginnings of their names) whose range moves contributions, benefits, or assets of a hindcast by half
a percent or more five years ahead. Its past errors hold theirs, so that no band draws them again. What only splits
benefits, such as the share that is rolled over, is not among them: the published level of benefits takes it up."""
LEAST_SHOWN = 0.005
ON_PATHS = ("assumptions.markets.", "macro.wage_growth_adjust", "paths.")
"""Returns and wages, which a band draws as paths."""


def cases() -> pd.DataFrame:
    """What is varied: columns ``key, value, low, high, unit``; the values are the boom's."""
    rows = []
    for key, row in adjustable().items():
        read = key not in OTHERS_ASSUMPTIONS  # the baseline holds no other types of account
        if read and row.status == "assumed" and row.low is not None and row.high is not None:
            rows.append((f"assumptions.{key}", row.default, row.low, row.high, row.unit))
    known = {item.key: item for item in scenarios.load(EVENT).explained()}
    for case in sources.table("sensitivity_cases").itertuples():
        item = known[str(case.key)]
        value = central_value(str(case.key)) if item.value is None else item.value
        rows.append((str(case.key), value, case.low, case.high, item.unit))
    return pd.DataFrame(rows, columns=["key", "value", "low", "high", "unit"])


def central_value(key: str) -> float:
    """The meaning of a setting of "none": the mean expected return of an asset, or the foreign share from 2026 on."""
    if key == "paths.foreign_equity_share":
        return round(float(glide.foreign_equity_share(np.array([FIRST_YEAR + 1]))[0]), 4)
    asset = {"paths.core_equity_return": "equity", "paths.core_bond_return": "bonds", "paths.core_cash_return": "cash"}
    return round(float(long_run_means()["geometric_return_rate"][asset[key]]), 4)


def whole(key: str) -> bool:
    """Whether a setting takes whole numbers only."""
    return key in known_keys() and isinstance(scenarios.load(EVENT).value(key), int)


def unseen() -> pd.DataFrame:
    """The rows of :func:`cases` that a band draws: those that no hindcast shows and that have no paths."""
    varied = cases()
    return varied[~varied["key"].str.startswith(SHOWN + ON_PATHS)]


def around(varied: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """The rows of :func:`cases` with the scenario's own values, and ranges moved by as much within what a setting
    allows. So draw *i* moves a setting by the same amount in every scenario. Rows that the scenario's other settings
    exclude are left out."""
    limits = {item.key: item for item in scenario.explained()}
    rows = []
    for row in varied.itertuples():
        item = limits[str(row.key)]
        own = row.value if item.value is None else float(item.value)
        bounds = (-np.inf if item.low is None else item.low, np.inf if item.high is None else item.high)
        low, high = np.clip([row.low + own - row.value, row.high + own - row.value], *bounds)
        rows.append((str(row.key), own, min(low, own), max(high, own), row.unit))
    frame = pd.DataFrame(rows, columns=list(varied))
    if _accepts(scenario, frame):
        return frame
    single = [frame.iloc[[at]] for at in range(len(frame))]
    return pd.concat([one for one in single if _accepts(scenario, one)], ignore_index=True)


def _accepts(scenario: Scenario, frame: pd.DataFrame) -> bool:
    """Whether a scenario's other settings allow both ends of some rows."""
    try:
        for end in ("low", "high"):
            values = zip(frame["key"], frame[end], strict=True)
            scenario.with_overrides({key: round(value) if whole(key) else float(value) for key, value in values})
    except InputError:
        return False
    return True


def wage_ratios(last_year: int, years: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Wages over those of a central path in each of ``years`` after ``last_year``, ``(count, years)``: blocks of years
    of the record of private wages to ``last_year``, as deviations from its mean growth."""
    growth = np.log(private_wages()).diff().loc[:last_year].dropna().to_numpy()
    ratios: np.ndarray = np.exp(np.cumsum(blocks(growth - growth.mean(), years, count, rng), axis=1))
    return ratios


def blocks(record: np.ndarray, years: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Blocks of :data:`BLOCK_YEARS` consecutive years of a record, put one after the other, ``(count, years)``."""
    number = -(-years // BLOCK_YEARS)
    first = rng.integers(0, len(record) - BLOCK_YEARS + 1, (count, number))
    chosen: np.ndarray = (first[..., None] + np.arange(BLOCK_YEARS)).reshape(count, -1)[:, :years]
    return record[chosen]


def joint(varied: pd.DataFrame, count: int, seed: int = 0) -> list[dict[str, float]]:
    """``count`` joint draws of the rows of :func:`cases`, each by dotted name. Raises InputError for too few."""
    if count < FEWEST_DRAWS:
        raise InputError("too few draws of parameters", key="draws", value=count, allowed=f"at least {FEWEST_DRAWS}")
    from scipy.stats import qmc, triang

    groups = {key: _group(key) for key in varied["key"]}
    names = list(dict.fromkeys(groups.values()))
    uniform = qmc.LatinHypercube(len(names), rng=np.random.default_rng(seed)).random(count)
    drawn: list[dict[str, float]] = [{} for _ in range(count)]
    for row in varied.itertuples():
        low, high = min(row.low, row.value), max(row.high, row.value)
        values = triang.ppf(uniform[:, names.index(groups[row.key])], (row.value - low) / (high - low), low, high - low)
        integer = whole(row.key) or (row.low >= 1 and all(float(x).is_integer() for x in row[2:5]))
        for one, value in zip(drawn, values, strict=True):
            one[row.key] = round(value) if integer else float(value)
    return drawn


def _group(key: str) -> str:
    for name, beginnings in LINKED.items():
        if key.startswith(beginnings):
            return name
    return key
