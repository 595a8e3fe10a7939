"""Tables behind figures of markets: the value of all crypto, random paths, and the record."""

from __future__ import annotations

import pandas as pd

from fiscal.base.errors import InputError, refuse_unknown
from fiscal.markets import history
from fiscal.results.figures import statistics
from fiscal.results.figures.owners import Owner, RunTables
from fiscal.results.figures.statistics import OneRun


def crypto_values(owner: Owner) -> pd.DataFrame:
    """Value of one dollar invested in crypto at the opening, by scenario and year-end, and in equity.

    Columns ``series, year, value``; scenarios on the same crypto returns share one series.
    """
    frames: dict[str, pd.Series] = {}
    for result in owner.runs:
        returns = result.tables["asset_returns"].pivot(index="year", columns="asset", values="return_rate")
        if "equity" not in frames:
            frames["equity"] = (1 + returns["equity"]).cumprod()
        if statistics.references_of(result):
            frames[result.name] = (1 + returns["crypto"]).cumprod()
    return pd.concat(
        [series.rename("value").reset_index().assign(series=name) for name, series in frames.items()], ignore_index=True
    )[["series", "year", "value"]]


FAN = ("q05", "q25", "median", "q75", "q95")


def random_results(results: tuple[OneRun, ...]) -> tuple[OneRun, ...]:
    """Results that keep the distribution over many paths."""
    return tuple(result for result in results if "path_years" in result.tables)


def _random_result(owner: Owner, scenario: str | None) -> RunTables:
    """The random result with a name, or the first. Raises InputError if there is none."""
    found = {result.name: result for result in random_results(owner.runs)}
    if scenario is None and found:
        return next(iter(found.values()))
    if scenario not in found:
        allowed = ", ".join(found) or "a scenario of a random path model, run with more than one path"
        raise InputError("no such random run", key="scenario", value=scenario, allowed=allowed)
    return found[scenario]


def path_fan(owner: Owner, scenario: str | None, line: str, reference: str) -> tuple[RunTables, pd.DataFrame]:
    """The result, and its line by year over paths (``path_years``), the stub left out."""
    result = _random_result(owner, scenario)
    frame = result.tables["path_years"]
    frame = frame[(frame["path"] == "scenario") & (frame["year"] >= statistics.FIRST_FULL_YEAR)]
    refuse_unknown(line=(line, frame["line"].unique()), reference=(reference, frame["reference"].unique()))
    return result, frame[(frame["line"] == line) & (frame["reference"] == reference)]


def dollar_fan(owner: Owner, scenario: str | None, asset: str) -> tuple[RunTables, pd.DataFrame]:
    """The result, and the value of one dollar in an asset by year over its paths."""
    result = _random_result(owner, scenario)
    return result, statistics.chosen(result.tables["path_dollar"], "asset", asset)


def crypto_history() -> tuple[pd.Series, pd.DataFrame]:
    """Bitcoin's month-end level by date in years, and its falls of 45 percent or more with their dates."""
    levels = history.monthly_levels()["crypto"].dropna()
    dates = pd.Series({month: month.year + month.month / 12 for month in levels.index})
    falls = history.drawdowns("crypto")
    for end in ("peak", "trough"):
        months = pd.PeriodIndex(falls[f"{end}_month"], freq="M")
        falls[end], falls[f"{end}_usd"] = dates[months].to_numpy(), levels[months].to_numpy()
    return levels.set_axis(dates.to_numpy()), falls
