"""The summary of a run, stored in ``summary.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from fiscal.base.axes import AGES_AT_OPENING, ATTAINED_AGES
from fiscal.budget.valuation import BILLION, PRESENT_VALUE, WINDOWS
from fiscal.engine.allocation import returns_beside_growth
from fiscal.engine.inputs import NO_CRYPTO_PATH
from fiscal.engine.taxes import law_in_force, law_warnings

if TYPE_CHECKING:
    from fiscal.engine.run import Run

SIZE_YEARS = (2035, 2050, 2100)

DRAW_AGES = range(60, 100)
"""Ages attained at which the summary gives the share of a balance withdrawn."""


def _crypto_size_summary(sizes: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Value of all crypto relative to GDP that the paths imply, and the share of random paths at the cap."""
    frame = sizes.set_index("year")
    years = [year for year in SIZE_YEARS if year in frame.index]
    return {column: {str(year): round(float(frame.loc[year, column]), 4) for year in years} for column in frame}


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
    """The headline sums, and the opening values for the calibration; plain values for JSON."""
    windows = tables["windows"]
    own = windows[windows["path"] == "scenario"]
    summary: dict[str, Any] = {
        "scenario": run.scenario.name,
        "title": run.scenario.title,
        "law": law_in_force(run.scenario.settings),
        "units": (
            "billions of current dollars; positive means that the government is better off. Net revenue does not "
            "include the lines after it; a positive tax_expenditure is a cost"
        ),
        "windows": {
            window: {row["line"]: round(row["nominal_bn_usd"], 6) for _, row in part.iterrows()}
            for window, part in own.groupby("window", sort=False)
        },
    }
    summary["expected_return_and_growth"] = {
        window.label: {
            name: round(rate, 4)
            for name, rate in returns_beside_growth(run.scenario.settings, window.first, window.last).items()
        }
        for window in WINDOWS
        if window.last <= run.scenario.settings.horizon.last_year
    }
    warnings = law_warnings(run.scenario.settings)
    if warnings:
        summary["warnings_of_law"] = list(warnings)
    if "no_crypto" in run.projection.path_labels:
        summary["crypto_value_over_gdp"] = _crypto_size_summary(tables["crypto_size"])
    opening = run.inputs.opening_usd.sum(axis=(1, 3, 4)) / BILLION  # (wrapper, A)
    draws = run.inputs.withdrawal_rate[1, -1, 0, :, 0]  # groups draw alike in retirement
    summary["calibration"] = {
        "opening_plan_bn_usd": float(opening[0].sum()),
        "opening_traditional_bn_usd": float(run.inputs.opening_usd[:, 0].sum() / BILLION),
        "opening_by_age_bn_usd": [float(value) for value in opening[0]],
        "people_65_plus": float(run.people.people_open[0][AGES_AT_OPENING >= 65].sum()),
        "draw_rate_by_age": {str(age): float(draws[age == ATTAINED_AGES][0]) for age in DRAW_AGES},
    }
    return summary


def with_paths(summary: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The summary with results from the paths' ``tables``, before the calibration."""
    found = {key: value for key, value in summary.items() if key != "calibration"}
    if "crypto_value_over_gdp" in found:
        found["crypto_value_over_gdp"] = _crypto_size_summary(tables["path_crypto"])
    found["net_revenue_effect_over_paths"] = _effect_summary(tables["path_windows"])
    return found | {"calibration": summary["calibration"]}
