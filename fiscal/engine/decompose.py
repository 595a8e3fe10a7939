"""Scenario minus baseline, taken apart into the five factors of :mod:`fiscal.budget.decomposition`.

Both runs are projected on their central path (of a random model too: its distribution is not taken apart),
and once more for every mixture of factors that differ. The whole is the difference that
``fiscal compare`` shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base.errors import InputError, Problem
from fiscal.base.progress import Progress, steps
from fiscal.budget import valuation
from fiscal.budget.decomposition import FACTORS, Decomposition, Side
from fiscal.budget.decomposition import decompose as decompose_sides
from fiscal.budget.ledger import contribution_weight
from fiscal.budget.lines import LINES
from fiscal.budget.valuation import BILLION, PRESENT_VALUE, WINDOWS
from fiscal.engine import run as engine_run
from fiscal.engine.allocation import pushed_out_weights
from fiscal.engine.inputs import NO_CRYPTO_PATH, assumptions, backstop
from fiscal.engine.taxes import contribution_taxes
from fiscal.people.mobility import mobility_matrix
from fiscal.scenario import Scenario

if TYPE_CHECKING:
    from fiscal.engine.run import Run
    from fiscal.people.contributions import Contributions

DIFFERENCE = "difference"
"""In the column ``factor``: the whole, which the factors add up to."""

TERMINAL_CLAIM = "terminal claim"
"""In the column ``window``: present value of the closed cohorts' run-off after the horizon."""

COLUMNS = ("scenario", "window", "line", "factor", "effect_bn_usd")


def decompose(
    base: str | Path | Scenario,
    *others: str | Path | Scenario,
    overrides: Mapping[str, object] | Sequence[str] = (),
    run_off: bool = False,
    progress: Progress | None = None,
    name: str | None = None,
) -> pd.DataFrame:
    """Each of ``others`` less ``base`` by factor: ``scenario, window, line, factor, effect_bn_usd``.

    One row per revenue line, factor (and the ``difference``) and a span: the windows that the horizon
    holds, in billions of current dollars by fiscal year, and the present value of the horizon's flows at
    Treasury bill rates, in billions of 30 June 2025; with ``run_off`` also that of the terminal claim, which
    takes twice as long. ``overrides`` hold for all; ``name`` is what the table calls the one other.

    Raises InputError when nothing is compared, names repeat or horizons differ.
    """
    if name is not None and len(others) != 1:
        raise InputError("names one scenario", key="name", value=name, allowed="one scenario beside the base")
    chosen = [scenarios.load(base, overrides), *(scenarios.load(one, overrides, name) for one in others)]
    _check(chosen)
    runs = (_central(one, run_off) for one in steps(chosen, progress, lambda one: one.name))
    run = next(runs)
    first = side_of(run)
    frames = []
    for other in runs:
        found = decompose_sides(first, side_of(other))
        frames.append(_table(found, run).assign(scenario=other.scenario.name)[list(COLUMNS)])
    return pd.concat(frames, ignore_index=True)


def _check(chosen: Sequence[Scenario]) -> None:
    base, *others = chosen
    problems = [] if others else [Problem("nothing to compare with the base", key=base.name)]
    for other, key in product(others, ("horizon.last_year", "horizon.opening_date")):
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


def _central(scenario: Scenario, run_off: bool) -> Run:
    return engine_run.compute(scenario, run_off=run_off, references=(NO_CRYPTO_PATH,))


def _as_made(run: Run) -> Contributions:
    """Contributions as the scenario's own path has them, where they answer to returns."""
    weight = contribution_weight(run.inputs)[0]
    made = run.contributions
    dollars = [
        "elective_traditional_usd", "elective_roth_usd", "employer_traditional_usd", "employer_roth_usd",
        "catch_up_usd", "imputed_usd",
    ]  # fmt: skip
    return replace(made, **{name: getattr(made, name) * weight for name in dollars})


def side_of(run: Run) -> Side:
    """A run, whose paths are the scenario's own and that without crypto, as the decomposition reads it."""
    settings, made = run.scenario.settings, _as_made(run)
    assume = assumptions(settings)
    mobility = mobility_matrix(settings.people.rank_correlation)
    nothing = np.zeros_like(made.employer_usd)
    own = replace(made, employer_traditional_usd=nothing, employer_roth_usd=nothing)
    paid = replace(made, elective_traditional_usd=nothing, elective_roth_usd=nothing, imputed_usd=nothing)
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
        displaced_share=settings.books.displaced_taxable_share,
        pushed_out=pushed_out_weights(settings, run.inputs.years),
    )


def _table(found: Decomposition, base: Run) -> pd.DataFrame:
    """Sums over windows and present values, ``window, line, factor, effect_bn_usd``."""
    years, horizon = base.inputs.years, base.horizon
    fiscal = np.concatenate([found.fiscal_usd, found.fiscal_difference_usd[None]]) / BILLION
    calendar = np.concatenate([found.calendar_usd, found.calendar_difference_usd[None]]) / BILLION
    dates = valuation.flow_dates(years, base.inputs.year_fraction)
    factors = valuation.discount_factors(dates, base.economy["one_year_rate"].to_numpy(), years)
    spans = {
        window.label: valuation.window_sum(fiscal, years, window)
        for window in WINDOWS
        if window.last <= years[horizon][-1]
    }  # each (factor, line)
    spans[PRESENT_VALUE] = valuation.present_value(calendar, factors, horizon)
    if not horizon.all():
        spans[TERMINAL_CLAIM] = valuation.present_value(calendar, factors, ~horizon)
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
