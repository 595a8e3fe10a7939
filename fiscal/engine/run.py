"""Scenario in, result out: inputs, paths, projection, books.

A run projects the scenario's own path together with its references and the published method's
conventions, as paths of one projection:

* ``scenario``          the scenario as written;
* ``no_crypto``         the same people, law and core returns, crypto target zero (absent when the
                        scenario has none);
* ``equity_adoption``   the same adoption, the crypto sleeve earning the equity return;
* ``convention_<r>``    every sleeve earns ``r`` without fees, for the ``convention(r)`` basis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal.base import compiled, memory, sources
from fiscal.base.axes import AGES_AT_OPENING, FIRST_YEAR, LAST_AGE
from fiscal.base.errors import InputError, Problem
from fiscal.budget import valuation
from fiscal.budget.ledger import BuildupTax, ContributionTaxes, Ledger, keep_books, rescue_cost
from fiscal.budget.vintages import Vintages, value_vintages
from fiscal.engine.backstop import Contingent, rescue_on_paths
from fiscal.engine.contributions import World, base_contributions, scenario_contributions
from fiscal.engine.control_variate import flat_tax
from fiscal.engine.inputs import (
    NO_CRYPTO_PATH,
    SCENARIO_PATH,
    assumptions,
    backstop,
    buildup_tax,
    contribution_taxes,
    convention_label,
    marginal_deferral,
    path_settings,
    projection_inputs,
    schedules_in_force,
    withdrawal_rates,
)
from fiscal.engine.random_paths import (
    REFERENCES,
    Batches,
    Distribution,
    Experiment,
    Workers,
    bytes_needed,
    experiment,
    holds_alternatives,
    path_measures,
    simulate,
)
from fiscal.engine.risk_neutral import CENTRAL_MODEL, FEWEST_PATHS, RiskNeutral, price
from fiscal.markets.paths import path_model, user_returns
from fiscal.people import population
from fiscal.people.contributions import Contributions
from fiscal.people.economy import macro
from fiscal.people.mobility import mobility_matrix
from fiscal.people.scope import ALL_PLANS, Scope, all_plans
from fiscal.projection.cells import project
from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.outputs import Projection, booked_lines

if TYPE_CHECKING:
    from fiscal.markets.paths import AssetPaths
    from fiscal.scenario import Scenario
    from fiscal.scenario.schema import Settings


Progress = Callable[[int, int, str], None]
"""``progress(done, total, what)``; called between stages."""


@dataclass(frozen=True, kw_only=True)
class ValuedVintages:
    """The vintages of a path on one basis, at average rates or at the margin; ``to_mid_2025`` (Y,) brings them
    to 30 June 2025. ``market`` is the path valued: the scenario's, a convention's or a reference's."""

    basis: str
    rate: float | None
    market: str
    marginal: bool
    vintages: Vintages
    to_mid_2025: np.ndarray
    opening_to_mid_2025: float


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The random paths of a scenario and what their tables need beside them: yearly totals, no cells."""

    scenario: Scenario
    economy: pd.DataFrame  # macro path by year
    asked: Experiment
    distributions: tuple[Distribution, ...] = ()  # by measure; none before they are drawn

    def drawn(
        self, progress: Progress | None = None, batches: Batches | None = None, workers: Workers | None = None
    ) -> Paths:
        """The same with the distribution on the scenario's measure, and one on the risk-neutral measure."""
        settings = self.scenario.settings
        # a value needs fewer paths than a tail
        fewer = min(settings.paths.count, VALUE_PATHS)
        wanted = dict.fromkeys(path_measures(settings), fewer) | {
            settings.paths.measure: settings.paths.count
        }
        return replace(
            self,
            distributions=tuple(
                simulate(
                    self.asked,
                    measure=measure,
                    count=count,
                    progress=progress,
                    batches=batches,
                    workers=workers,
                )
                for measure, count in wanted.items()
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything a run computed, arrays; :mod:`fiscal.results` makes tables of it."""

    scenario: Scenario
    inputs: ProjectionInputs
    projection: Projection
    ledger: Ledger
    contributions: Contributions
    people: population.Population
    economy: pd.DataFrame  # macro path by year
    market: AssetPaths  # the scenario's own
    buildup: BuildupTax
    vintages: tuple[ValuedVintages, ...]  # by basis; none without the run-off
    marginal_deferral_usd: np.ndarray  # (Y, A, G) of a year's contributions raised, per unit of the rise
    priced: RiskNeutral | None  # none without the run-off or without paths for it
    contingents: tuple[Contingent, ...]  # by measure; none without crypto
    paths: Paths | None  # none for a model of one path
    horizon: np.ndarray  # (Y,) bool: inside the horizon, not run-off
    data_fingerprint: str

    @property
    def years(self) -> np.ndarray:
        """Calendar years of the projection, run-off included, ``(Y,)``."""
        return self.inputs.years

    @property
    def year_fraction(self) -> np.ndarray:
        """Share of each year that lies inside, ``(Y,)``."""
        return self.inputs.year_fraction

    @property
    def path_labels(self) -> tuple[str, ...]:
        """Names of the paths projected."""
        return self.inputs.path_labels

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the revenue lines."""
        return tuple(self.ledger.lines)

    def total(self, line: str) -> np.ndarray:
        """A revenue line over all cells, ``(P, Y)`` dollars."""
        return self.ledger.total(line)


def compute(
    scenario: Scenario,
    progress: Progress | None = None,
    *,
    run_off: bool = True,
    references: bool | tuple[str, ...] = True,
    draw: bool = True,
) -> Run:
    """Inputs, projection and books of a scenario, as arrays.

    ``run_off=False`` stops at the horizon: no terminal claim, and present values of the horizon only.
    ``references=False`` projects the scenario's own path alone, without references and conventions; names
    of paths project it with those. Vintages and random paths need all. ``draw=False`` leaves the random paths
    to be drawn later (:meth:`Paths.drawn`).
    """
    report = progress or (lambda done, total, what: None)
    settings = scenario.settings
    if settings.paths.model == "user":
        user_returns(path_settings(settings))  # refused before any work
    random = references is True and has_random_paths(settings)
    if random:
        _refuse_beyond_memory(settings)
    refuse_beyond_memory(settings, run_off=run_off, references=references)
    compiled.prepare()
    horizon_last = settings.horizon.last_year
    years = np.arange(FIRST_YEAR, horizon_last + 1 + (_run_off_years(settings) if run_off else 0))
    start = prepare(settings, years, references, report)
    inputs, contributions, economy = start.inputs, start.contributions, start.economy
    assume, fraction, mobility = start.assume, start.fraction, start.mobility
    labels = inputs.path_labels
    report(2, 4, "projection")
    valued_paths = [SCENARIO_PATH, *(convention_label(rate) for rate in settings.books.convention_rates)]
    complete = references is True
    held_paths = [label for label in (SCENARIO_PATH, NO_CRYPTO_PATH) if label in labels]
    valued_paths += held_paths[1:]
    keep, hold = (
        tuple(labels.index(label) for label in chosen) if run_off and complete else ()
        for chosen in (valued_paths, held_paths)
    )
    projection = project(
        inputs,
        keep_lines=booked_lines(inputs.accounts),
        keep_shares=keep,
        keep_balances=hold,
        balance_years=int((years <= horizon_last).sum()),
    )
    _judge_identity(projection)
    report(3, 4, "the government's books")
    taxes = contribution_taxes(settings, assume, years, mobility, contributions)
    buildup = buildup_tax(settings, assume, years, fraction, mobility)
    rescue = rescue_cost(projection, _without_crypto(labels, settings), backstop(settings))
    displaced = settings.books.displaced_taxable_share
    ledger = keep_books(projection, inputs, taxes, buildup, rescue, displaced)
    valued = (
        _vintages(settings, inputs, projection, taxes, buildup, economy, fraction)
        if run_off and complete
        else ()
    )
    # large, and of use to the vintages only
    projection = replace(projection, shares=None, balances=None)
    priced = None
    if valued and settings.books.risk_neutral_paths >= FEWEST_PATHS:
        report(3, 4, "values on risk-neutral paths")
        priced = price(
            settings, inputs, buildup, _bill_factors(economy, years, fraction),
            vintage_year=VINTAGE_YEAR, count=settings.books.risk_neutral_paths,
        )  # fmt: skip
    contingents: list[Contingent] = []
    if complete and NO_CRYPTO_PATH in labels and settings.backstop.paths >= FEWEST_PATHS:
        report(3, 4, "the backstop rule on random paths")
        measured = path_model(settings.paths.model).stochastic
        contingents += [
            rescue_on_paths(
                settings, inputs, measure=measure, count=settings.backstop.paths, last_year=horizon_last,
                model=settings.paths.model if measured else CENTRAL_MODEL,
            )
            for measure in (("real", "risk_neutral") if measured else ("risk_neutral",))
        ]  # fmt: skip
    paths = None
    if random:
        flat = flat_tax(inputs, projection, [label for label in REFERENCES if label in labels], horizon_last)
        asked = experiment(settings, inputs, buildup, ledger, horizon_last, flat)
        paths = Paths(scenario=scenario, economy=economy, asked=asked)
        if draw:
            paths = paths.drawn(report)
    report(4, 4, "done")
    return Run(
        scenario=scenario,
        inputs=inputs,
        projection=projection,
        ledger=ledger,
        contributions=contributions,
        people=start.people,
        economy=economy,
        market=start.market,
        buildup=buildup,
        vintages=valued,
        marginal_deferral_usd=marginal_deferral(settings, years, mobility, contributions, taxes),
        priced=priced,
        contingents=tuple(contingents),
        paths=paths,
        horizon=years <= horizon_last,
        data_fingerprint=sources.fingerprint(),
    )


LARGEST = 1e200
"""Amounts beyond it overflow in sums and squares; a hundredfold in every year to 2100 stays below."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the projection of a scenario begins with, and what the books need of its makings."""

    assume: Mapping[str, float]
    fraction: np.ndarray  # (Y,)
    people: population.Population
    economy: pd.DataFrame  # macro path by year
    mobility: np.ndarray
    contributions: Contributions
    inputs: ProjectionInputs
    market: AssetPaths  # the scenario's own


def prepare(
    settings: Settings,
    years: np.ndarray,
    references: bool | tuple[str, ...] = True,
    progress: Progress | None = None,
) -> Prepared:
    """People, contributions, schedules and markets of ``years`` (from 2025) as the projection takes them.

    ``references`` as in :func:`compute`.
    """
    report = progress or (lambda done, total, what: None)
    report(0, 4, "people, contributions and accounts")
    opening = settings.horizon.opening
    fraction = np.where(years == FIRST_YEAR, opening.stub_fraction, 1.0)
    assume = assumptions(settings)
    people = population.project(
        years,
        income_gradient=population.MortalityGradient.of(assume, settings.people.mortality_ratio),
        scale=settings.people.scale,
        opening=opening,
    )
    economy = macro(
        years,
        wage_growth_adjust=settings.macro.wage_growth_adjust,
    )
    wage_index = economy["wage_index"].to_numpy() / economy.loc[FIRST_YEAR, "wage_index"]
    mobility = mobility_matrix(settings.people.rank_correlation)
    rates = withdrawal_rates(settings, assume, years)
    schedules_in_force(settings, report)  # a reform's are built here, with progress
    world = World(
        settings=settings, assume=assume, years=years, fraction=fraction, people=people, economy=economy,
        wage_index=wage_index, mobility=mobility, rates=rates,
    )  # fmt: skip
    contributions = scenario_contributions(world)
    scope = Scope()
    if settings.scope.plans == ALL_PLANS:
        scope = all_plans(base_contributions(world), settings.people.scale, opening)
        contributions = scope.widened(contributions)
    report(1, 4, "tax schedules and markets")
    inputs, market = projection_inputs(
        settings, assume, years, fraction, people, mobility, contributions, rates, scope, references
    )
    return Prepared(
        assume=assume, fraction=fraction, people=people, economy=economy, mobility=mobility,
        contributions=contributions, inputs=inputs, market=market,
    )  # fmt: skip


def has_random_paths(settings: Settings) -> bool:
    """Whether a run of the settings has a distribution over paths: of a random model, or of a user's file."""
    return settings.paths.count > 1


def _run_off_years(settings: Settings) -> int:
    """Years until the last entrants have died and their heirs have drawn everything."""
    return int(LAST_AGE - AGES_AT_OPENING[0]) + settings.heirs.years


YEAR_BYTES, PATH_YEAR_BYTES = 1.5 * 2**20, 1.6 * 2**20
"""What a year, and each path in it, add to the memory of a run of named paths; measured, see docs/cluster.md."""

COMPILER_BYTES = 200 * 2**20
"""What compiling the projection takes, and what a projection of totals takes at its peak."""


def refuse_beyond_memory(
    settings: Settings, *, run_off: bool = True, references: bool | tuple[str, ...] = True, cells: bool = True
) -> None:
    """Refuse, before any work, a projection of named paths that does not fit; arguments as in :func:`compute`.

    ``cells=False`` is a projection of totals. Where no system tells how much memory there is, nothing is refused.
    """
    room = memory.available_bytes()
    years = settings.horizon.last_year - FIRST_YEAR + 1 + (_run_off_years(settings) if run_off else 0)
    paths = 1
    if references is True:
        paths += len(settings.books.convention_rates) + 2 * holds_alternatives(settings)
    needed = COMPILER_BYTES + (years * (YEAR_BYTES + paths * PATH_YEAR_BYTES) if cells else 0)
    if room is not None and needed > room:
        message = (
            f"a run takes about {needed / 2**30:.1f} GiB of memory, {room / 2**30:.1f} GiB are available"
        )
        allowed = "a machine with more memory, or a shorter horizon"
        raise InputError(
            Problem(message, key="horizon.last_year", value=settings.horizon.last_year, allowed=allowed)
        )


def _refuse_beyond_memory(settings: Settings) -> None:
    """More paths than memory holds are refused before the work; where no system tells how much there is, nothing is."""
    room = memory.available_bytes()
    fixed, per_path = bytes_needed(settings)
    needed = fixed + settings.paths.count * per_path
    if room is None or needed <= room:
        return
    fits = (room - fixed) // per_path
    raise InputError(
        Problem(
            f"so many paths would take about {needed / 2**30:.1f} GiB of memory, "
            f"{room / 2**30:.1f} GiB are available",
            key="paths.count",
            value=settings.paths.count,
            allowed=f"at most {fits:,} paths" if fits > 1 else "a machine with more memory",
        )
    )


def _without_crypto(labels: tuple[str, ...], settings: Settings) -> np.ndarray:
    """The path that is each one without crypto, ``(P,)``: on a convention's everything earns one rate, so that it is
    the path itself."""
    own = np.arange(len(labels))
    if NO_CRYPTO_PATH not in labels:
        return own
    conventions = [convention_label(rate) for rate in settings.books.convention_rates]
    return np.where([label in conventions for label in labels], own, labels.index(NO_CRYPTO_PATH))


VALUE_PATHS = 256
"""Risk-neutral paths drawn beside a random model's own."""

VINTAGE_YEAR = FIRST_YEAR + 1
"""The first full year of contributions: the vintage that is shown on every basis."""


def _bill_factors(economy: pd.DataFrame, years: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Value on 30 June 2025 of a dollar in each year at the bill rates, ``(Y,)``."""
    dates = valuation.flow_dates(years, fraction)
    return valuation.discount_factors(dates, economy["one_year_rate"].to_numpy(), years)


def _vintages(
    settings: Settings,
    inputs: ProjectionInputs,
    projection: Projection,
    taxes: ContributionTaxes,
    law: BuildupTax,
    economy: pd.DataFrame,
    fraction: np.ndarray,
) -> tuple[ValuedVintages, ...]:
    """Vintages of the scenario on each basis, at average rates and at the margin, and those of its path without
    crypto on the portfolio basis (on the others, differences of paths follow from the flows). On
    ``convention(r)`` the counterfactual is the published method's: a security whose whole return is interest,
    taxed every year."""
    years = inputs.years
    dates = valuation.flow_dates(years, fraction)
    curve = economy["one_year_rate"].to_numpy()
    treasury = _bill_factors(economy, years, fraction)
    as_interest = replace(
        law,
        interest_share=np.ones_like(law.interest_share),
        gain_share=np.zeros_like(law.gain_share),
        payout_rate=np.zeros_like(law.payout_rate),
    )
    traditional = inputs.contribution_usd[:, 0].sum(axis=3)
    avoided = np.divide(
        taxes.deferred_usd, traditional, out=np.zeros_like(traditional), where=traditional > 0
    )
    bases: list[tuple[str, float | None, str, np.ndarray | None, BuildupTax | None]] = [
        *(
            ("convention", rate, convention_label(rate), np.full(len(years), rate), as_interest)
            for rate in settings.books.convention_rates
        ),
        *(
            ("fixed", rate, SCENARIO_PATH, np.full(len(years), rate), law)
            for rate in settings.books.discount_rates
        ),
        ("treasury", None, SCENARIO_PATH, curve, law),
        ("portfolio", None, SCENARIO_PATH, None, law),
    ]
    opening = np.array([settings.horizon.opening.decimal_year])

    def value(
        basis: str,
        rate: float | None,
        label: str,
        rates: np.ndarray | None,
        tax: BuildupTax | None,
        marginal: bool,
    ) -> ValuedVintages:
        discount = None if rates is None else valuation.discount_factors(dates, rates, years)
        own = curve if rates is None else rates
        at_opening = float(valuation.discount_factors(opening, own, years)[0])
        found = value_vintages(
            inputs,
            projection,
            projection.path(label),
            tax,
            discount=discount,
            opening_discount=at_opening,
            contribution_tax_rate=avoided,
            marginal=marginal,
        )
        return ValuedVintages(
            basis=basis,
            rate=rate,
            market=label,
            marginal=marginal,
            vintages=found,
            to_mid_2025=treasury if discount is None else discount,
            opening_to_mid_2025=at_opening,
        )

    wanted = [(*basis, False) for basis in bases] + [(*basis[:4], None, True) for basis in bases]
    if NO_CRYPTO_PATH in projection.path_labels:
        wanted.append(("portfolio", None, NO_CRYPTO_PATH, None, None, False))
    with ThreadPoolExecutor(max_workers=2) as pool:  # NumPy lets go of the lock; bases share nothing
        return tuple(pool.map(lambda basis: value(*basis), wanted))


def _judge_identity(projection: Projection) -> None:
    """The account identity must hold in every cell to rounding; the message names the worst place."""
    tolerance = 1e-9 * np.maximum(projection.identity_scale_usd, 1.0)
    worst = np.abs(projection.identity_residual_usd).max(axis=(2, 3)) - tolerance
    if not np.isfinite(worst).all():
        path, year = np.argwhere(~np.isfinite(worst))[0]
        where = f"path {projection.path_labels[path]}, {projection.years[year]}"
        raise InputError(Problem("balances went beyond what can be computed", key=where))
    if (worst > 0).any():
        path, year = np.unravel_index(np.argmax(worst), worst.shape)
        raise ValueError(
            f"account identity broken on path {projection.path_labels[path]!r} in {projection.years[year]}: "
            f"residual {projection.identity_residual_usd[path, year].ravel()} dollars by wrapper and character"
        )
