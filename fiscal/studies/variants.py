"""The headline under other choices: the same events, run again, beside the default.

A variant changes what a reader may doubt: how fast withdrawals grow, what stocks earn, whether crypto has a premium,
how many gains are realized outside, whether losses there are deducted. Each row is the withdrawal tax of the baseline,
or the effect of an event on net revenue against the same money in equity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fiscal.base import sources
from fiscal.base.progress import Progress, steps
from fiscal.budget.valuation import WINDOWS
from fiscal.results import headline, running
from fiscal.results.effects import EQUITY, Effect
from fiscal.results.figures import statistics
from fiscal.scenario.loading import load
from fiscal.studies import derived
from fiscal.studies.scenarios import QUANTILES

NAME = "headline_variants"
DEFAULT, NO_PREMIUM = "default", "no premium of crypto"
EVENTS = ("boom", "bust")
LEVEL, PATH, MEAN = "level", "path", "mean"
SPANS = {f"fy{window.first}_{window.last}_bn_usd": window for window in WINDOWS}
LOCATION = ("outside_tax_bn_usd", "breakeven_displaced_share")
KEYS = ("variant", "event_case", "statistic")
COLUMNS = (*KEYS, *SPANS, *LOCATION)


def variants() -> dict[str, dict[str, float | str]]:
    """Settings of each variant that events and baseline run under; ranges are those of the assumptions table."""
    assumed = sources.table("assumptions").set_index("key")
    consistent = load("cbo_consistent").value("withdrawals.scale_2036")

    def realized(end: str) -> dict[str, float | str]:
        keys = ("gain_realisation_share", "crypto_realisation_share")
        return {f"assumptions.{key}": float(assumed.at[key, end]) for key in keys}

    return {
        DEFAULT: {},
        "withdrawals grow as CBO's line": {"withdrawals.scale_2036": consistent},
        "returns of the record": {"paths.returns": "record"},
        "fewest gains realized outside": realized("low"),
        "all gains realized outside": realized("high"),
        "losses outside deducted in full": {"assumptions.capital_loss_limit_usd": 1e12},
    }


def build(progress: Progress | None = None, overrides: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """The table, columns :data:`COLUMNS`; billions of current dollars, shares as fractions."""
    asked = [
        (name, event, changes)
        for name, changes in variants().items()
        for event in ("baseline", *EVENTS)
        if event != "baseline" or not any(key.startswith("assumptions.") for key in changes)
    ]
    asked += [(DEFAULT, "stochastic_central", {}), (NO_PREMIUM, "stochastic_equal_mean", {})]
    rows: list[dict[str, Any]] = []
    for name, event, changes in steps(asked, progress, lambda one: f"{one[1]}, {one[0]}"):
        result = running.run(load(event, {**changes, **(overrides or {})}))
        place = {"variant": name, "event_case": event.removesuffix("_equal_mean").removesuffix("_central")}
        rows += [{**place, **row} for row in _rows(result, event)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).round(dict.fromkeys([*SPANS, *LOCATION], 4))


def _rows(result: Any, event: str) -> list[dict[str, Any]]:
    if event == "baseline":
        tax = statistics.by_year(result, "withdrawal_tax", value="nominal_bn_usd")
        sums = {name: float(tax.loc[span.first : span.last].sum()) for name, span in SPANS.items()}
        return [{"statistic": LEVEL, **sums}]
    effect = Effect(result, EQUITY)
    if event in EVENTS:
        told = headline.row_of(effect)
        sums = {name: effect.over(span) for name, span in SPANS.items()}
        return [{"statistic": PATH, **sums, **{name: told[name] for name in LOCATION}}]
    drawn = {name: each for name, span in SPANS.items() if (each := effect.drawn(span)) is not None}
    means = {name: float(sums.mean()) for name, sums in drawn.items()}
    return [
        *(
            {"statistic": told, **{name: float(sums.quantile(share)) for name, sums in drawn.items()}}
            for told, share in QUANTILES.items()
        ),
        {"statistic": MEAN, **means},
    ]


def stored() -> pd.DataFrame | None:
    """The stored table; None until it is built."""
    return sources.table("headline_variants") if NAME in {one.name for one in sources.resources()} else None


def rebuild(progress: Progress | None = None) -> None:
    """Build the table and store it."""
    derived.store(NAME, build(progress))
