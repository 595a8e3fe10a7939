"""How much each assumption matters: one at a time, from its low to its high value.

Every assumed row of ``assumptions`` that a scenario may change is moved over its own range, the
settings of ``sensitivity_cases`` over the ranges given there. For each, the baseline and the boom are
run again (without the run-off). The stored table is built by ``fiscal data sensitivity``; the report
prints it, so the main job does not repeat some hundred runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from fiscal import scenario as scenarios
from fiscal import sources
from fiscal.engine import Run, compute
from fiscal.scenario.assumptions import adjustable

BASE, EVENT = "baseline", "boom"
LINES = ("deferred_revenue", "withdrawal_tax", "net_revenue")
WINDOW = "FY2026-2100"
NEAR_WINDOW = "FY2026-2035"
COLUMNS = ("key", "value", "low", "high", "unit", "quantity", "at_value", "at_low", "at_high")


def cases() -> pd.DataFrame:
    """What is varied: columns ``key, value, low, high, unit``."""
    rows = []
    for key, row in adjustable().items():
        if row.status == "assumed" and row.low is not None and row.high is not None:
            rows.append((f"assumptions.{key}", row.default, row.low, row.high, row.unit))
    base = scenarios.load(BASE)
    known = {item.key: item for item in base.explained()}
    for case in sources.table("sensitivity_cases").itertuples():
        item = known[str(case.key)]
        rows.append((str(case.key), item.value, case.low, case.high, item.unit))
    return pd.DataFrame(rows, columns=["key", "value", "low", "high", "unit"])


def measure(overrides: list[str]) -> dict[str, float]:
    """Quantities of interest under ``overrides`` (``key=value``), billions of current dollars."""
    base = _sums(compute(scenarios.load(BASE, overrides=overrides), run_off=False))
    event = _sums(compute(scenarios.load(EVENT, overrides=overrides), run_off=False))
    found = {
        f"baseline {line}, {window}": base[window, line] for window in (NEAR_WINDOW, WINDOW) for line in LINES
    }
    found[f"boom minus no crypto withdrawal_tax, {WINDOW}"] = (
        event[WINDOW, "withdrawal_tax"] - base[WINDOW, "withdrawal_tax"]
    )
    return found


def _sums(run: Run) -> dict[tuple[str, str], float]:
    from fiscal.results import Result

    windows = Result.of(run).tables["windows"]
    own = windows[windows["path"] == "scenario"]
    return {(row.window, row.line): float(row.nominal_bn_usd) for row in own.itertuples()}


def build(
    progress: Callable[[int, int, str], None] | None = None, keys: list[str] | None = None
) -> pd.DataFrame:
    """Run every case at both ends; columns :data:`COLUMNS`, one row a key and quantity.

    ``keys`` restricts the cases (the test recomputes a part and compares it with the stored table).
    """
    report = progress or (lambda done, total, what: None)
    chosen = cases()
    if keys is not None:
        chosen = chosen[chosen["key"].isin(keys)]
    report(0, len(chosen), "central case")
    central = measure([])
    rows: list[tuple[Any, ...]] = []
    for number, case in enumerate(chosen.itertuples(), start=1):
        report(number - 1, len(chosen), str(case.key))
        low, high = (measure([f"{case.key}={value!r}"]) for value in (case.low, case.high))
        rows += [
            (case.key, case.value, case.low, case.high, case.unit, name, central[name], low[name], high[name])
            for name in central
        ]
    report(len(chosen), len(chosen), "done")
    return pd.DataFrame(rows, columns=list(COLUMNS)).round({"at_value": 3, "at_low": 3, "at_high": 3})
