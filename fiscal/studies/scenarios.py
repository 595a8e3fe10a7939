"""The scenario set: every case of adoption with every event, and the effect of each on federal revenue.

A case of adoption is a packaged scenario that states who holds crypto; an event is a packaged scenario that states what
crypto earns. A cell of the table is the event's scenario with the adoption of the case, compared with the same money in
equity. Its rows are those of the headline (:mod:`fiscal.results.headline`), so that the stored table and a run of the
same scenario agree to the last digit.

The value at market prices does not depend on a stated path, so it is computed once per case of adoption. The 80
percent band of a stated path is that of the stored table ``bands`` (``fiscal data derive hindcast``), empty until it
is built; of random paths it holds four of five.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from fiscal.base import sources
from fiscal.base.progress import Progress, steps
from fiscal.engine import run as engine_run
from fiscal.results import headline, running, stages
from fiscal.results.effects import EQUITY, LONG, NEXT, TEN, Effect, at_hand
from fiscal.results.figures import statistics
from fiscal.results.headline import COLUMNS
from fiscal.results.result import Result
from fiscal.results.schema import TABLES
from fiscal.results.tables import values
from fiscal.results.worth import market_value
from fiscal.scenario import Scenario
from fiscal.scenario.loading import load
from fiscal.studies import derived

NAME = "scenarios"
ADOPTIONS = ("observed", "low", "central", "default_funds", "high")
"""Cases of adoption in rising order of the share of assets; the scenario is ``adoption_`` and the name."""

NO_EVENT = "none"
EVENTS = (NO_EVENT, "boom", "bust", "boom_then_bust", "long_boom", "long_bust", "stochastic_central")
"""Scenarios whose paths are the events; without an event, crypto earns what equity earns."""

CENTRAL = "central"
"""The case of adoption that the events' own scenarios have."""

TAKEN = ("participants_share", "allocation_share", "start_year", "full_year")
"""Settings of adoption that a case states."""

QUANTILES = {"median": 0.5, "5th percentile": 0.05, "95th percentile": 0.95}
"""Rows of an event of random paths: the effect's distribution over the paths, window by window."""

KEYS = ("adoption_case", "event_case", "statistic")
STORED = (*KEYS, *COLUMNS, "market_error_bn_usd", "fingerprint")
"""Columns of the stored table."""


def scenario_of(adoption: str, event: str, overrides: Sequence[str] = ()) -> Scenario:
    """The scenario of a cell; that of central adoption is the packaged event itself."""
    of = load(f"adoption_{adoption}")
    if event == NO_EVENT:
        return of.with_overrides(overrides)
    own = load(event)
    changes = {f"adoption.{name}": of.value(f"adoption.{name}") for name in TAKEN}
    if all(own.value(key) == value for key, value in changes.items()):
        return own.with_overrides(overrides)
    title = f"{own.title}; {of.title[:1].lower()}{of.title[1:]}"
    header = {"scenario.name": f"{event}-{adoption}", "scenario.title": title}
    return own.with_overrides(changes | header).with_overrides(overrides)


def prices_of(scenario: Scenario) -> pd.DataFrame:
    """Values at market prices of a scenario, as its table ``bases`` has them; empty without paths for them."""
    nothing = {name: pd.DataFrame(columns=list(TABLES[name].columns)) for name in ("bases", "distribution_bases")}
    return values.with_prices(
        nothing["bases"], nothing["distribution_bases"], engine_run.prices(scenario)
    )["bases"]  # fmt: skip


def rows_of(result: Result) -> list[dict[str, Any]]:
    """The headline of a run against the same money in equity; of random paths, three quantiles."""
    effect = Effect(result, EQUITY)
    told = headline.row_of(effect)
    told["market_error_bn_usd"] = _known(market_value(effect)[1])
    paths = at_hand(result, "paths")
    if paths is None:
        return [{"statistic": "path", **told}]
    column = f"net_revenue_minus_{EQUITY}_bn_usd"
    tax = float(statistics.individual_income_tax(result).loc[TEN.first : TEN.last].sum())
    rows = []
    for name, share in QUANTILES.items():
        sums = {
            f"fy{window.first}_{window.last}_bn_usd": _known(
                float(paths.loc[paths["window"] == window.label, column].quantile(share))
            )
            for window in (TEN, NEXT, LONG)
        }
        ten = sums[f"fy{TEN.first}_{TEN.last}_bn_usd"]
        # what belongs to one path, or to the whole distribution, is not a quantile
        row = {
            **told,
            **sums,
            headline.SHARE: None if ten is None else ten / tax,
            "outside_tax_bn_usd": None,
            "breakeven_displaced_share": None,
        }
        if share != QUANTILES["median"]:
            row |= {"low_bn_usd": None, "high_bn_usd": None, "market_value_bn_usd": None, "market_error_bn_usd": None}
        rows.append({"statistic": name, **row, "event": f"{told['event'].removesuffix(headline.MEDIAN)}, {name}"})
    return rows


def _known(value: float) -> float | None:
    return value if value == value else None


def build(
    progress: Progress | None = None,
    adoptions: Sequence[str] = ADOPTIONS,
    events: Sequence[str] = EVENTS,
    overrides: Sequence[str] = (),
    *,
    kept: derived.Kept | None = None,
) -> pd.DataFrame:
    """The table, one row per case of adoption and event (three for random paths); columns :data:`STORED`.

    ``kept`` holds the finished cells, so that an interrupted study resumes where it was.
    """
    cells = [(adoption, event, scenario_of(adoption, event, overrides)) for adoption in adoptions for event in events]
    rows: list[dict[str, Any]] = []
    priced: dict[str, pd.DataFrame] = {}
    for adoption, event, scenario in steps(cells, progress, lambda cell: cell[2].title):

        def made(adoption: str = adoption, scenario: Scenario = scenario) -> list[dict[str, Any]]:
            if adoption not in priced:
                priced[adoption] = prices_of(scenario)
            result = running.run(scenario)
            return rows_of(replace(result, tables={**stages.held(result.tables), "bases": priced[adoption]}))

        found = made() if kept is None else kept.part(scenario.fingerprint(), made)
        place = {"adoption_case": adoption, "event_case": event, "fingerprint": scenario.fingerprint()}
        rows += [{**row, **place} for row in found]
    return pd.DataFrame(rows, columns=list(STORED)).round(DECIMALS)


DECIMALS = dict.fromkeys([name for name in STORED if name.endswith("_usd")], 4) | {
    headline.SHARE: 8,
    "held_at_event_share": 4,
    "breakeven_displaced_share": 4,
}


# --- the stored table --------------------------------------------------------------------------------


READS = ("bands",)
"""Tables of other studies that a headline depends on."""


def made_of() -> str:
    """Fingerprint of the code and the data that the table depends on."""
    return derived.made_of(READS)


def stored() -> pd.DataFrame | None:
    """The stored table; None until it is built."""
    return sources.table(NAME) if NAME in {entry.name for entry in sources.resources()} else None


def is_current() -> bool:
    """Whether the stored table was made by this code of these data."""
    return stored() is not None and sources.resource(NAME).extra.get("made_of") == made_of()


def rows_for(scenarios: Sequence[Scenario]) -> pd.DataFrame | None:
    """The stored table if each of some scenarios is, to the last setting, one of its cells; None otherwise."""
    table = stored()
    known = set() if table is None else set(table["fingerprint"])
    return table if scenarios and all(one.fingerprint() in known for one in scenarios) else None


def store(table: pd.DataFrame) -> None:
    """Write the table into the data folder and refresh its entry, each in one step."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    derived.store(NAME, table, reads=READS, extra={"made_on": today})


def rebuild(progress: Progress | None = None) -> None:
    """Run every cell and store the table; finished cells of an interrupted study are used again."""
    kept = derived.Kept(NAME, made_of())
    try:
        store(build(progress, kept=kept))
    except KeyboardInterrupt as error:
        error.add_note(f"{kept.count()} finished cases are kept; the same command continues from there.")
        raise
    kept.drop()
