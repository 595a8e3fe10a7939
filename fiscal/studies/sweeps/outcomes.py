"""What a case gives: sums of revenue lines over windows, and net revenue less that of each reference.

A case is projected by the compiled kernel on the scenario's central path, to the horizon and not beyond:
no vintages, no values on risk-neutral paths, no distribution. A random model's central path is that of
expected log returns. Totals equal those of a whole run to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fiscal.budget.valuation import PRESENT_VALUE, WINDOWS
from fiscal.engine import quick
from fiscal.engine.allocation import holds_alternatives
from fiscal.engine.inputs import SCENARIO_PATH
from fiscal.results.quantities import AGAINST_PATHS, AGAINST_REFERENCE, LEVELS
from fiscal.results.tables import line_sums
from fiscal.scenario import Scenario
from fiscal.scenario.design import Design
from fiscal.studies.sweeps.cases import Case, reference_of, scenario_of

Sums = Mapping[tuple[str, str, str], float]
"""(path, window, line) -> billions of current dollars, present values of 30 June 2025."""


@dataclass(frozen=True)
class Outcome:
    """One number of a case: a line, or net revenue less a reference's, over a window or as a present value."""

    quantity: str
    window: str

    @property
    def column(self) -> str:
        """Its column in the table of cases."""
        window = self.window.removeprefix("FY").replace("-", "_").replace(" ", "_")
        return f"{self.quantity}_{window}_bn_usd"


def outcomes_of(design: Design, cases: Sequence[Case]) -> tuple[Outcome, ...]:
    """What a sweep of the design reports; less than both references on its own paths only if some case holds crypto."""
    holds_crypto = any(holds_alternatives(scenario_of(design, case).settings) for case in cases)
    return outcomes_with(design, holds_crypto=holds_crypto)


def outcomes_with(design: Design, *, holds_crypto: bool) -> tuple[Outcome, ...]:
    """The outcomes of a design of which some case holds crypto, or none does."""
    quantities = list(LEVELS)
    if design.against is not None:
        quantities.append(AGAINST_REFERENCE)
    if holds_crypto:
        quantities += AGAINST_PATHS
    last = design.base.value("horizon.last_year")
    windows = [window.label for window in WINDOWS if window.last <= last]
    return tuple(Outcome(one, window) for one in quantities for window in (*windows, PRESENT_VALUE))


def measure(design: Design, case: Case, outcomes: Sequence[Outcome], sums: Callable[[Scenario], Sums]) -> list[float]:
    """The outcomes of a case in their order, billions. ``sums`` is :func:`sums_of`, or one that remembers.

    A scenario that holds no crypto differs from neither reference on its own paths: zero.
    """
    own = sums(scenario_of(design, case))
    reference = reference_of(design, case)
    other = None if reference is None else sums(reference)
    net = LEVELS[0]
    found = []
    for one in outcomes:
        level = own[SCENARIO_PATH, one.window, one.quantity if one.quantity in LEVELS else net]
        if one.quantity == AGAINST_REFERENCE and other is not None:
            level -= other[SCENARIO_PATH, one.window, net]
        elif one.quantity in AGAINST_PATHS:
            level -= own.get((AGAINST_PATHS[one.quantity], one.window, net), level)
        found.append(level)
    return found


def sums_of(scenario: Scenario) -> Sums:
    """Sums over windows and present values of the scenario and of its references on the same path."""
    return line_sums(quick.compute(scenario))
