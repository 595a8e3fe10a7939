"""How much each assumption matters: one at a time, from its low to its high value.

Every assumed row of ``assumptions`` that a scenario may change is moved over its own range, the
settings of ``sensitivity_cases`` over the ranges given there. For each, the baseline and the boom are
run again (without the run-off). The stored table is built by ``fiscal data derive sensitivity``; the report
prints it, so the main job does not repeat some hundred runs.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base.progress import Progress, steps
from fiscal.budget.valuation import WINDOWS
from fiscal.engine.draws import EVENT, cases, whole
from fiscal.engine.run import compute
from fiscal.results.result import Result
from fiscal.scenario import Scenario
from fiscal.studies import derived

BASE = "baseline"
NEAR, FAR = WINDOWS[0].label, WINDOWS[-1].label
QUANTITIES = (
    (NEAR, "deferred_revenue"),
    (NEAR, "withdrawal_tax"),
    (NEAR, "net_revenue"),
    (NEAR, "tax_expenditure"),
    (FAR, "withdrawal_tax"),
    (FAR, "net_revenue"),
)
BOOM_EFFECT = f"boom minus baseline withdrawal_tax, {FAR}"
EVENT_ONLY = ("adoption.", "fees.crypto")
COLUMNS = ("key", "value", "low", "high", "unit", "quantity", "at_value", "at_low", "at_high")


def measure(overrides: list[str]) -> dict[str, float]:
    """Quantities of interest under ``overrides`` (``key=value``), billions of current dollars.

    Adoption and crypto fees are the event's own: the baseline has no crypto and does not take them.
    """
    own = tuple(item for item in overrides if item.startswith(EVENT_ONLY))
    base = _sums(scenarios.load(BASE, overrides=[item for item in overrides if item not in own]))
    event = _sums(scenarios.load(EVENT, overrides=overrides))
    found = {f"baseline {line}, {window}": base[window, line] for window, line in QUANTITIES}
    found[BOOM_EFFECT] = event[FAR, "withdrawal_tax"] - base[FAR, "withdrawal_tax"]
    return found


def _override(key: str, value: float) -> str:
    """``key=value`` as the scenario wants it: whole numbers stay whole."""
    return f"{key}={int(value) if whole(key) else value!r}"


def _sums(scenario: Scenario) -> dict[tuple[str, str], float]:
    run = compute(scenario, run_off=False, references=False)
    windows = Result.of(run).tables["windows"]
    own = windows[windows["path"] == "scenario"]
    return {(row.window, row.line): float(row.nominal_bn_usd) for row in own.itertuples()}


def build(progress: Progress | None = None, keys: list[str] | None = None) -> pd.DataFrame:
    """Run every case at both ends; columns :data:`COLUMNS`, one row a key and quantity.

    ``keys`` restricts the cases (the test recomputes a part and compares it with the stored table).
    """
    chosen = cases()
    if keys is not None:
        chosen = chosen[chosen["key"].isin(keys)]
    central = measure([])
    rows: list[tuple[Any, ...]] = []
    for case in steps(list(chosen.itertuples()), progress, lambda case: str(case.key)):
        low, high = (measure([_override(str(case.key), value)]) for value in (case.low, case.high))
        rows += [
            (case.key, case.value, case.low, case.high, case.unit, name, central[name], low[name], high[name])
            for name in central
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).round({"at_value": 3, "at_low": 3, "at_high": 3})


def rebuild(progress: Progress | None = None) -> None:
    """Run every case and store the table."""
    derived.store("sensitivity", build(progress))
