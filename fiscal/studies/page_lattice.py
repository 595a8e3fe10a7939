"""What the page with sliders is made of: the model's own results at every position of the sliders.

A node is an event, the year it starts, and crypto's share of the balance; the page has a run for each. Effects are
proportional to the share of participants who hold crypto, and the tax outside plans to the share that would have been
held there, so that those two sliders need no runs of their own. Nothing is read between two shares of the balance. A
holder deducts losses only up to a fixed amount per year, so the tax outside plans is not proportional to that share.
The table is built by ``fiscal data derive page_lattice``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from fiscal.base.axes import GROUP_SHARES, GROUPS
from fiscal.base.progress import Progress, steps
from fiscal.base.words import window_years
from fiscal.results import running
from fiscal.results.effects import EQUITY, LONG, NO_CRYPTO
from fiscal.results.figures import statistics
from fiscal.scenario.loading import load
from fiscal.studies import derived

if TYPE_CHECKING:
    from fiscal.results.result import Result
    from fiscal.scenario import Scenario

NAME = "page_lattice"
EVENTS = {"boom": "boom", "bust": "bust", "boom_then_bust": "boom, then bust", "stagnation": "stagnation"}
"""Named paths with an event, and what the page calls them."""

NO_EVENT = "core_return"
"""The path without an event."""

REFERENCE = EQUITY
"""In the column ``event``: the same money in equity."""

EVENT_YEARS = tuple(range(2027, 2041))
PARTICIPANTS_SHARE = 0.5
"""Share of participants at the nodes; the page goes from none to this one, in proportion."""

ALLOCATION_SHARES = tuple(percent / 100 for percent in range(1, 21))

MEASURES = {
    "net_revenue": ("fiscal year", "effect on net revenue, against no crypto, billions of current dollars"),
    "outside_tax": (
        "fiscal year",
        "change of tax outside plans if all of this crypto would have been held there, billions of current dollars",
    ),
    "per_adult": (
        "earnings group",
        "effect on net revenue per adult over the calendar years of FY2026-2055, dollars of books.price_year",
    ),
    "generation": (
        "birth decade",
        "effect on net revenue over the calendar years of FY2026-2055, billions of dollars of books.price_year",
    ),
}
"""Measure -> what its members are, and what it is."""


def scenario_of(
    event: str,
    year: int | None,
    allocation: float,
    participants: float = PARTICIPANTS_SHARE,
    last_year: int = LONG.last,
) -> Scenario:
    """The scenario of a position of the sliders: crypto in place of equity, everything else at its default."""
    return load(
        "boom",
        {
            "paths.name": event,
            "paths.event_year": year if event in EVENTS else None,
            "adoption.allocation_share": allocation,
            "adoption.participants_share": participants,
            "adoption.displaces": "equity",
            "books.displaced_taxable_share": 1.0,
            "horizon.last_year": last_year,
        },
    )


def measured(result: Result, path: str) -> dict[str, pd.Series]:
    """The measures of one path of a run by member, less no crypto."""

    def effect(line: str) -> pd.Series:
        return statistics.by_year(result, line, path, "nominal_bn_usd") - statistics.by_year(
            result, line, NO_CRYPTO, "nominal_bn_usd"
        )

    first, last = window_years(LONG.label)
    people = result.tables["people"].set_index("year")["people"].loc[first:last].mean()
    adults = pd.Series(people * GROUP_SHARES, index=list(GROUPS))
    frame = result.tables["distribution"].query("window == @LONG.label and line == 'net_revenue'")
    sums = frame.set_index(["path", "dimension", "member"])["real_bn_usd"].sort_index()
    groups, decades = (
        sums[path, dimension] - sums[NO_CRYPTO, dimension] for dimension in ("earnings_group", "birth_decade")
    )
    return {
        "net_revenue": effect("net_revenue"),
        "outside_tax": effect("displaced_gains_tax"),
        "per_adult": 1e9 * groups.reindex(list(GROUPS)) / adults,
        "generation": decades,
    }


def nodes(years: Sequence[int], allocations: Sequence[float]) -> Iterator[tuple[str, int | None, float]]:
    """Event, year of its start, and share of the balance of every run."""
    for allocation in allocations:
        yield NO_EVENT, None, allocation
        for event in EVENTS:
            for year in years:
                yield event, year, allocation


def lattice(progress: Progress | None = None) -> pd.DataFrame:
    """The table: columns ``event, event_year, allocation_share, measure, member, value``."""
    asked = list(nodes(EVENT_YEARS, ALLOCATION_SHARES))
    frames = []
    for event, year, allocation in steps(asked, progress, lambda node: f"{node[0]} {node[1] or ''}".strip()):
        result = running.run(scenario_of(event, year, allocation))
        frames += _rows(event, year, allocation, measured(result, "scenario"))
        if event == NO_EVENT:
            frames += _rows(REFERENCE, None, allocation, measured(result, EQUITY))
    return pd.concat(frames, ignore_index=True).astype({"event_year": "Int64"})


def _rows(event: str, year: int | None, allocation: float, found: dict[str, pd.Series]) -> list[pd.DataFrame]:
    return [
        pd.DataFrame(
            {
                "event": event, "event_year": year, "allocation_share": allocation, "measure": measure,
                "member": values.index.astype(str), "value": values.to_numpy().round(5),
            }
        )
        for measure, values in found.items()
    ]  # fmt: skip


def read(
    table: pd.DataFrame, event: str, year: int | None, allocation: float, participants: float, measure: str
) -> pd.Series:
    """A measure at a share of the balance that has a node, by member (fiscal years as numbers)."""
    own = table[(table["event"] == event) & (table["measure"] == measure)]
    own = own[own["allocation_share"].sub(allocation).abs() < 1e-9]
    if event in EVENTS:
        own = own[own["event_year"] == year]
    values = participants / PARTICIPANTS_SHARE * own.set_index("member")["value"]
    return values.rename(index=int) if MEASURES[measure][0] == "fiscal year" else values


def rebuild(progress: Progress | None = None) -> None:
    """Run every node and store the table."""
    derived.store(NAME, lattice(progress))
