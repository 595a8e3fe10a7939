"""Scenario minus baseline, taken apart into the five factors of :mod:`fiscal.budget.decomposition`.

Both runs are projected to the horizon on their central path (of a random model too: its distribution is
not taken apart), and once more for every mixture of factors that differ. The whole is the difference that
``fiscal compare`` shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal import engine
from fiscal import scenario as scenarios
from fiscal.assembly import NO_CRYPTO_PATH, assumptions, backstop, contribution_taxes
from fiscal.budget import valuation
from fiscal.budget.decomposition import FACTORS, Decomposition, Side
from fiscal.budget.decomposition import decompose as decompose_sides
from fiscal.budget.ledger import LINES
from fiscal.errors import InputError, Problem
from fiscal.people.mobility import mobility_matrix
from fiscal.scenario import Scenario
from fiscal.tables import BILLION, PRESENT_VALUE, WINDOWS

if TYPE_CHECKING:
    from fiscal.engine import Run

Progress = Callable[[int, int, str], None]

DIFFERENCE = "difference"
"""In the column ``factor``: the whole, which the factors add up to."""

COLUMNS = ("scenario", "window", "line", "factor", "effect_bn_usd")


def decompose(
    base: str | Path | Scenario,
    *others: str | Path | Scenario,
    overrides: Mapping[str, object] | Sequence[str] = (),
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Each of ``others`` less ``base`` by factor: ``scenario, window, line, factor, effect_bn_usd``.

    One row a line of the books, a factor (and the ``difference``) and a span: the windows that the horizon
    holds, in billions of current dollars by fiscal year, and the present value of the horizon's flows at
    Treasury bill rates, in billions of 30 June 2025. ``overrides`` hold for all.

    Raises InputError when nothing is compared, names repeat or horizons differ.
    """
    report = progress or (lambda done, total, what: None)
    chosen = [scenarios.load(one, overrides) for one in (base, *others)]
    _check(chosen)
    frames = []
    report(0, len(chosen), chosen[0].name)
    first, economy = _side(chosen[0])
    for number, one in enumerate(chosen[1:], start=1):
        report(number, len(chosen), one.name)
        found = decompose_sides(first, _side(one)[0])
        frames.append(_table(found, first, economy).assign(scenario=one.name)[list(COLUMNS)])
    report(len(chosen), len(chosen), "done")
    return pd.concat(frames, ignore_index=True)


def _check(chosen: Sequence[Scenario]) -> None:
    base, *others = chosen
    problems = [] if others else [Problem("nothing to compare with the base", key=base.name)]
    key = "horizon.last_year"
    for other in others:
        if other.value(key) != base.value(key):
            problems.append(
                Problem(
                    f"{other.name} and {base.name} differ",
                    key=key,
                    value=other.value(key),
                    allowed=str(base.value(key)),
                )
            )
    names = [one.name for one in chosen]
    problems += [
        Problem("two scenarios have the same name", value=name, allowed="scenario.name set apart")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if problems:
        raise InputError(problems)


def _side(scenario: Scenario) -> tuple[Side, pd.DataFrame]:
    """The run as the decomposition reads it, and its economy."""
    run = engine.compute(scenario, run_off=False, references=(NO_CRYPTO_PATH,))
    return side_of(run), run.economy


def side_of(run: Run) -> Side:
    """A run to its horizon, whose paths are the scenario's own and that without crypto."""
    settings, made = run.scenario.settings, run.contributions
    assume = assumptions(settings)
    mobility = mobility_matrix(settings.people.rank_correlation)
    nothing = np.zeros_like(made.employer_usd)
    own = replace(made, employer_traditional_usd=nothing, employer_roth_usd=nothing)
    paid = replace(made, elective_traditional_usd=nothing, elective_roth_usd=nothing)
    elective, employer = (
        contribution_taxes(settings, assume, run.projection.years, mobility, part) for part in (own, paid)
    )
    return Side(
        inputs=run.inputs,
        projection=run.projection,
        contribution_usd={
            "elective_traditional": made.elective_traditional_usd,
            "employer_traditional": made.employer_traditional_usd,
            "elective_roth": made.elective_roth_usd,
            "employer_roth": made.employer_roth_usd,
            "employer": made.employer_usd,
        },
        contribution_tax_usd={
            "elective_traditional": elective.deferred_usd,
            "employer_traditional": employer.deferred_usd,
            "elective_roth": elective.roth_upfront_usd,
            "employer_roth": employer.roth_upfront_usd,
            "employer": employer.payroll_oasdi_usd + employer.payroll_hi_usd,
        },
        buildup=run.buildup,
        backstop=backstop(settings),
        deferral_same_year_share=settings.books.deferral_fiscal_same_year_share,
        withdrawal_same_year_share=settings.books.withdrawal_fiscal_same_year_share,
    )


def _table(found: Decomposition, base: Side, economy: pd.DataFrame) -> pd.DataFrame:
    """Sums over windows and present values, ``window, line, factor, effect_bn_usd``."""
    years = base.inputs.years
    fiscal = np.concatenate([found.fiscal_usd, found.fiscal_difference_usd[None]]) / BILLION
    calendar = np.concatenate([found.calendar_usd, found.calendar_difference_usd[None]]) / BILLION
    dates = valuation.flow_dates(years, base.inputs.year_fraction)
    factors = valuation.discount_factors(dates, economy["one_year_rate"].to_numpy(), years)
    spans = {
        window.label: valuation.window_sum(fiscal, years, window)
        for window in WINDOWS
        if window.last <= years[-1]
    } | {PRESENT_VALUE: calendar @ factors}  # each (factor, line)
    names = (*FACTORS, DIFFERENCE)
    return pd.DataFrame(
        [
            (span, line, name, float(effects[f, k]))
            for span, effects in spans.items()
            for k, line in enumerate(LINES)
            for f, name in enumerate(names)
        ],
        columns=["window", "line", "factor", "effect_bn_usd"],
    )
