"""An effect on federal revenue: a run less one reference, which is the same money in equity, no crypto, or another run,
and the effects that some runs have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal.budget.valuation import WINDOWS, Window, fiscal_years
from fiscal.results import events, stages
from fiscal.results.figures import statistics
from fiscal.results.figures.owners import title_of
from fiscal.scenario.loading import load

if TYPE_CHECKING:
    from fiscal.results.figures.owners import RunTables
    from fiscal.scenario import Scenario

TEN, NEXT, LONG = WINDOWS[:3]
"""The budget window, the ten years that have not begun, and the long run."""
EQUITY, NO_CRYPTO = "equity_adoption", "no_crypto"
AGAINST = {EQUITY: "the same money in equity", NO_CRYPTO: "no crypto"}
CURRENT_LAW = "current law without crypto"
LEVEL = "none (level)"
"""In the column ``reference`` of a run that is compared with nothing: its own net revenue."""
CRYPTO_SETTINGS = ("adoption.", "alternatives.", "overlays.", "paths.", "fees.crypto_rate")
"""Settings (or sections of them) of crypto alone; a run that changes others is compared with current law too."""
CORE_RETURNS = "paths.core_"
"""Those among them that act without crypto."""
HOW_IT_IS_COUNTED = ("horizon.", "books.", "backstop.", "people.scale")
"""Settings that the reference of a run shares with it."""


@dataclass(frozen=True)
class Effect:
    """Net revenue of ``result`` less that of a reference: one of its own paths, another run, or (None) nothing."""

    result: RunTables
    reference: str | RunTables | None

    @property
    def against(self) -> str:
        """The reference in words; a run by its title."""
        if self.reference is None:
            return LEVEL
        if isinstance(self.reference, str):
            return AGAINST[self.reference]
        if not is_current_law(self.reference.scenario):
            return title_of(self.reference)
        return CURRENT_LAW if self.holds_crypto else CURRENT_LAW.removesuffix(" without crypto")

    @property
    def holds_crypto(self) -> bool:
        """Whether the run holds crypto."""
        return events.holds_crypto(self.result.scenario.settings)

    @property
    def of_crypto(self) -> bool:
        """Whether it is what crypto does, all else the same."""
        return isinstance(self.reference, str)

    _series: dict[tuple[str, str], pd.Series] = field(default_factory=dict, init=False, repr=False, compare=False)

    def by_year(self, line: str = "net_revenue", value: str = "nominal_bn_usd") -> pd.Series:
        """The difference by fiscal year."""
        if (line, value) not in self._series:
            self._series[line, value] = self._difference(line, value)
        return self._series[line, value]

    def drawn(self, window: Window) -> pd.Series | None:
        """Net revenue over a window on each random path; None for a stated path. Empty for a window without one."""
        if not (self.of_crypto or self.reference is None) or not events.is_random(self.result.scenario.settings):
            return None
        frame = at_hand(self.result, "paths")
        column = f"net_revenue_minus_{self.reference}_bn_usd" if self.of_crypto else "net_revenue_bn_usd"
        if frame is None or column not in frame:
            return None
        return frame.loc[frame["window"] == window.label, column]

    def _difference(self, line: str, value: str) -> pd.Series:
        frame = at_hand(self.result, "path_years") if isinstance(self.reference, str) else None
        if frame is not None and value == "nominal_bn_usd" and events.is_random(self.result.scenario.settings):
            inside = (frame["reference"] == self.reference) & (frame["line"] == line)
            median = frame[inside & (frame["path"] == "scenario")].set_index("year")["median_bn_usd"]
            if len(median):  # of calendar years, all of them receipts on withdrawals
                share = self.result.scenario.settings.books.withdrawal_fiscal_same_year_share
                flow = fiscal_years(median.to_numpy(), np.ones(len(median)), share)
                return pd.Series(flow[1:], median.index[1:])
        own = statistics.by_year(self.result, line, value=value)
        if self.reference is None:
            return own
        if isinstance(self.reference, str):
            return own - statistics.by_year(self.result, line, self.reference, value)
        return own - statistics.by_year(self.reference, line, value=value)

    def over(self, window: Window, line: str = "net_revenue") -> float:
        """The sum over a window, billions of current dollars; NaN where the horizon ends before it. Of random paths the
        median: of the sums for net revenue, of each year for other lines."""
        drawn = self.drawn(window) if line == "net_revenue" else None
        if drawn is not None:
            return float(drawn.median()) if len(drawn) else float("nan")
        series = self.by_year(line)
        inside = series[(series.index >= window.first) & (series.index <= window.last)]
        return float(inside.sum()) if len(inside) == window.last - window.first + 1 else float("nan")

    def tax_share(self, window: Window) -> float:
        """The sum over a window as a share of individual income tax."""
        tax = statistics.individual_income_tax(self.result).loc[window.first : window.last].sum()
        return self.over(window) / float(tax) if tax else float("nan")

    @property
    def windows(self) -> list[Window]:
        """The windows of the headline that the run reaches: those that table and sentence tell."""
        return [window for window in (TEN, NEXT, LONG) if np.isfinite(self.over(window))]

    @property
    def last_told(self) -> int:
        """Last year that is reported: that of the long run, or the last year of the run."""
        return min(LONG.last, int(self.by_year().index.max()))

    @property
    def starts(self) -> int | None:
        """The first year in which there is an effect; None without one."""
        moved = self.by_year().abs() >= statistics.NOISE_BN_USD
        return int(moved.idxmax()) if moved.any() else None


def effects_of(runs: Sequence[RunTables], current_law: Callable[[RunTables], RunTables | None]) -> list[Effect]:
    """The effects that some runs have, the first being the base where there are several.

    A run that holds crypto is compared with the same money in equity and with no crypto; one that differs from the
    base in other settings also with the base. A run alone that changes other settings is compared with
    ``current_law(run)``, its own horizon under the defaults, and one that changes nothing is its own level.
    """
    base, *others = runs
    if not others:
        other = current_law(base) if changes_more_than_crypto(base.scenario) else None
        against: list[Effect] = [Effect(base, other)] if other is not None else []
        return [*against, *_of_crypto(base)] or [Effect(base, None)]
    apart = {id(result) for result in statistics.set_apart(tuple(runs))}
    found: list[Effect] = _of_crypto(base)
    for result in others:
        crypto = _of_crypto(result)
        if id(result) in apart or not crypto:
            found.append(Effect(result, base))
        found += crypto
    return found


def _of_crypto(result: RunTables) -> list[Effect]:
    """Crypto's effect against the same money in equity and, where that is another number, against no crypto."""
    if set(statistics.references_of(result)) != {EQUITY, NO_CRYPTO}:
        return []
    first, second = Effect(result, EQUITY), Effect(result, NO_CRYPTO)
    gap = (first.by_year() - second.by_year()).abs().max()
    return [first] if gap < statistics.NOISE_BN_USD else [first, second]


def changes_more_than_crypto(scenario: Scenario) -> bool:
    """Whether a scenario changes anything that acts without crypto and that its reference would not share."""
    own = scenario.changed()
    return any(
        not key.startswith((*HOW_IT_IS_COUNTED, *CRYPTO_SETTINGS)) or key.startswith(CORE_RETURNS) for key in own
    )


def is_current_law(scenario: Scenario) -> bool:
    """Whether a scenario is the default one: current law, no crypto."""
    return not changes_more_than_crypto(scenario) and not events.holds_crypto(scenario.settings)


def current_law_of(scenario: Scenario) -> Scenario:
    """The defaults on the horizon, the prices and the seed of a scenario: current law, no crypto."""
    shared = {
        key: value
        for key, value in scenario.changed().items()
        if key.startswith(HOW_IT_IS_COUNTED) or key == "paths.seed"
    }
    return load("baseline", shared)


def at_hand(result: RunTables, table: str) -> pd.DataFrame | None:
    """A costly table where the run has it; None where it was not asked for."""
    return stages.held(result.tables).get(table)
