"""Parameters and their stated ranges: what is varied one at a time, and joint draws of all of them.

Every assumed row of ``assumptions`` with a range that a scenario may change, and the settings of ``sensitivity_cases``.
Joint draws are a Latin hypercube with triangular margins: the range is where a parameter can be, its central value the
likeliest. Parameters that one cause moves share one draw (:data:`LINKED`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.errors import InputError, Problem
from fiscal.markets import glide
from fiscal.markets.core import long_run_means
from fiscal.people.accounts import OTHERS_ASSUMPTIONS
from fiscal.scenario.assumptions import adjustable
from fiscal.scenario.schema import known_keys

EVENT = "boom"
FEWEST_DRAWS = 5

LINKED = {
    "job turnover": ("assumptions.separation_rate_",),
    "expected returns": ("paths.core_equity_return", "paths.core_bond_return"),
    "where dividends and gains are taxed": (
        "assumptions.equity_dividend_yield",
        "assumptions.gain_realisation_share",
    ),
}
"""Parameters (or beginnings of their names) that are drawn together: all high or all low."""


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
    asset = {
        "paths.core_equity_return": "equity",
        "paths.core_bond_return": "bonds",
        "paths.core_cash_return": "cash",
    }
    return round(float(long_run_means()["geometric_return_rate"][asset[key]]), 4)


def whole(key: str) -> bool:
    """Whether a setting takes whole numbers only."""
    return key in known_keys() and isinstance(scenarios.load(EVENT).value(key), int)


def joint(varied: pd.DataFrame, count: int, seed: int = 0) -> list[dict[str, float]]:
    """``count`` joint draws of the rows of :func:`cases`, each by dotted name. Raises InputError for too few."""
    if count < FEWEST_DRAWS:
        raise InputError(
            Problem(
                "too few draws of parameters", key="draws", value=count, allowed=f"at least {FEWEST_DRAWS}"
            )
        )
    from scipy.stats import qmc, triang

    groups = {key: _group(key) for key in varied["key"]}
    names = list(dict.fromkeys(groups.values()))
    uniform = qmc.LatinHypercube(len(names), rng=np.random.default_rng(seed)).random(count)
    drawn: list[dict[str, float]] = [{} for _ in range(count)]
    for row in varied.itertuples():
        low, high = min(row.low, row.value), max(row.high, row.value)
        values = triang.ppf(
            uniform[:, names.index(groups[row.key])], (row.value - low) / (high - low), low, high - low
        )
        integer = whole(row.key) or (row.low >= 1 and all(float(x).is_integer() for x in row[2:5]))
        for one, value in zip(drawn, values, strict=True):
            one[row.key] = round(value) if integer else float(value)
    return drawn


def _group(key: str) -> str:
    for name, beginnings in LINKED.items():
        if key.startswith(beginnings):
            return name
    return key
