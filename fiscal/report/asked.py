"""The runs of a document: the effects they have, the cases in its text, and the stored study where they are of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from fiscal.budget.valuation import Window
from fiscal.results import headline as headlines
from fiscal.results.effects import EQUITY, LONG, TEN, Effect, is_current_law
from fiscal.results.figures import statistics
from fiscal.results.result import Comparison, Result, compare
from fiscal.studies import scenarios as study

TELLABLE_BN_USD = 0.05


@dataclass(frozen=True)
class Asked:
    """The runs of a report: all of them, the effects they have, and the cases in the text, one per run."""

    results: tuple[Result, ...]
    brief: bool = False

    @cached_property
    def owner(self) -> Result | Comparison:
        """The comparison of the runs with the first, or the one run. Raises InputError for runs that do not compare."""
        return compare(self.results[0], *self.results[1:]) if len(self.results) > 1 else self.results[0]

    @cached_property
    def effects(self) -> list[Effect]:
        """Every effect of the runs."""
        return self.owner.effects_found

    @cached_property
    def cases(self) -> list[Effect]:
        """The first effect of each run that has one, those of changed law apart from those of crypto."""
        return headlines.told_effects(self.effects)

    @property
    def crypto(self) -> list[Effect]:
        """The cases that hold crypto, against the same money in equity."""
        own = [effect for effect in self.effects if effect.reference == EQUITY]
        return list({id(effect.result): effect for effect in own}.values())

    @property
    def others(self) -> list[Effect]:
        """The cases that change something else."""
        return [effect for effect in self.cases if not effect.of_crypto]

    @property
    def told_of(self) -> list[Result]:
        """The runs that are described: all but a base that is current law without crypto."""
        base, *others = self.results
        return others if others and is_current_law(base.scenario) else [base, *others]

    @property
    def level(self) -> bool:
        """Whether the one run is compared with nothing."""
        return len(self.cases) == 1 and self.cases[0].reference is None

    @cached_property
    def study(self) -> pd.DataFrame | None:
        """The stored table of adoption and event, if every case is one of its cells and has the numbers of the run."""
        cases = {id(effect.result): effect for effect in self.crypto}
        if len(cases) != len(self.cases) or any(id(effect.result) not in cases for effect in self.cases):
            return None
        table = study.rows_for([effect.result.scenario for effect in cases.values()])
        if table is None:
            return None
        same = [np.isclose(effect.over(TEN), study_row(table, effect)[TEN_COLUMN], atol=TELLABLE_BN_USD / 10)
                for effect in cases.values()]  # fmt: skip
        return table if all(same) else None

    @cached_property
    def table(self) -> headlines.Headline:
        """The answer in one table and one sentence."""
        return self.owner.headline()

    @property
    def span(self) -> Window:
        """The window in which the cases differ by what can be given: the budget window, else the long run."""
        moved = any(abs(effect.over(TEN)) >= TELLABLE_BN_USD for effect in self.cases)
        known = statistics.windows_of(self.results[0])
        return LONG if not moved and LONG.label in known else TEN

    @property
    def has_span(self) -> bool:
        """Whether there are sums by group: the runs reach the end of a window and are more than yearly totals."""
        cells = all("distribution" in result.tables for result in self.compared)
        return cells and self.span.label in statistics.windows_of(self.results[0])

    @property
    def compared(self) -> list[Any]:
        """Every run that is in the effects: those of the report, and current law where it is the reference."""
        others = [one.reference for one in self.effects if one.reference is not None and not one.of_crypto]
        return [*self.results, *others]


TEN_COLUMN = f"fy{TEN.first}_{TEN.last}_bn_usd"


def study_row(table: pd.DataFrame, effect: Effect) -> dict[str, Any]:
    """The stored row of a case: of random paths, their median."""
    own = table[table["fingerprint"] == effect.result.scenario.fingerprint()]
    return dict(own.iloc[0])


def known(value: float) -> float | None:
    """The value, or None where it is none."""
    return value if np.isfinite(value) else None
