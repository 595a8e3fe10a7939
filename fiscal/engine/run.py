"""Scenario in, arrays out: inputs, paths, projection, revenue lines; values and random paths when they are asked for.

A run projects the scenario's own path together with its references and the published method's
conventions, as paths of one projection:

* ``scenario``          the scenario as written;
* ``no_crypto``         the same people, law and core returns, crypto target zero (absent when the
                        scenario has none);
* ``equity_adoption``   the same adoption, the crypto sleeve earning the equity return;
* ``convention_<r>``    every sleeve earns ``r`` without fees, for the ``convention(r)`` basis.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal.base import compiled, memory, sources
from fiscal.base.arrays import ratio
from fiscal.base.axes import AGES_AT_OPENING, FIRST_YEAR, LAST_AGE
from fiscal.base.errors import InputError
from fiscal.base.progress import Progress, silent
from fiscal.budget import valuation
from fiscal.budget.ledger import BuildupTax, ContributionTaxes, Ledger, contribution_lines, keep_books, rescue_cost
from fiscal.budget.lines import UPFRONT
from fiscal.budget.vintages import Vintages, value_vintages
from fiscal.engine.allocation import path_settings, pushed_out_weights
from fiscal.engine.backstop import Contingent, rescue_on_paths
from fiscal.engine.contributions import World, contributions_in_scope
from fiscal.engine.control_variate import flat_tax
from fiscal.engine.inputs import (
    EQUITY_PATH,
    NO_CRYPTO_PATH,
    SCENARIO_PATH,
    assumptions,
    backstop,
    convention_label,
    projection_inputs,
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
from fiscal.engine.taxes import buildup_tax, contribution_taxes, marginal_deferral, schedules_in_force
from fiscal.markets.paths import path_model, user_returns
from fiscal.markets.prices import read_prices
from fiscal.people import population
from fiscal.people.contributions import Contributions
from fiscal.people.economy import macro
from fiscal.people.mobility import mobility_matrix
from fiscal.projection.cells import project
from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.outputs import Projection, booked_lines

if TYPE_CHECKING:
    from fiscal.markets.paths import AssetPaths
    from fiscal.scenario import Scenario
    from fiscal.scenario.schema import Settings


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
        wanted = dict.fromkeys(path_measures(settings), fewer) | {settings.paths.measure: settings.paths.count}
        return replace(
            self,
            distributions=tuple(
                simulate(self.asked, measure=measure, count=count, progress=progress, batches=batches, workers=workers)
                for measure, count in wanted.items()
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Risk-neutral values of a scenario, and what was put in and forgone at the dates of the contributions, dollars."""

    found: RiskNeutral
    years: np.ndarray  # (Y,)
    factors: np.ndarray  # (Y,) value on 30 June 2025 of a dollar of each year at the bill rates
    opening_factor: float
    contributed_usd: np.ndarray  # (Y,) traditional
    opening_usd: float  # traditional
    upfront_usd: dict[str, np.ndarray]  # line -> (Y,)
    marginal_deferral_usd: np.ndarray  # (Y,) of a year's contributions raised, per unit of the rise


@dataclass(frozen=True, kw_only=True)
class Run:
    """A projection and its revenue lines, arrays; :mod:`fiscal.results` makes tables of it.

    What not everybody asks for (vintages, random paths) is computed when it is first asked for.
    """

    scenario: Scenario
    inputs: ProjectionInputs
    projection: Projection
    ledger: Ledger
    contributions: Contributions
    people: population.Population
    economy: pd.DataFrame  # macro path by year
    market: AssetPaths  # the scenario's own
    mobility: np.ndarray
    taxes: ContributionTaxes
    buildup: BuildupTax
    horizon: np.ndarray  # (Y,) bool: inside the horizon, not run-off
    complete: bool  # to the last withdrawal, with every reference
    bases: tuple[str, ...] | None  # of the vintages, at average rates alone; None for all of them
    data_fingerprint: str

    @property
    def years(self) -> np.ndarray:
        """Calendar years of the projection, run-off included, ``(Y,)``."""
        return self.inputs.years

    @property
    def year_fraction(self) -> np.ndarray:
        """Share of each year inside the projection, ``(Y,)``."""
        return self.inputs.year_fraction

    @property
    def path_labels(self) -> tuple[str, ...]:
        """Names of the paths projected."""
        return self.inputs.path_labels

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the revenue lines."""
        return tuple(self.ledger.lines)

    def position(self, year: int) -> int:
        """Place of a year among those of the projection."""
        return int(np.flatnonzero(self.years == year)[0])

    def total(self, line: str) -> np.ndarray:
        """A revenue line over all cells, ``(P, Y)`` dollars."""
        return self.ledger.total(line)

    @cached_property
    def vintages(self) -> tuple[ValuedVintages, ...]:
        """Vintages by basis; none of a run that is not complete. What only they need is let go afterwards."""
        if not self.complete:
            return ()
        found = _vintages(self)
        object.__setattr__(self, "projection", replace(self.projection, shares=None, balances=None))
        return found

    @cached_property
    def marginal_deferral_usd(self) -> np.ndarray:
        """Deferred revenue of a year's contributions raised, per unit of the rise, ``(Y, A, G)``."""
        settings = self.scenario.settings
        return marginal_deferral(settings, self.years, self.mobility, self.contributions, self.taxes)

    @cached_property
    def priced(self) -> RiskNeutral | None:
        """Risk-neutral values; None without the run-off or without paths for them."""
        if not self.complete:
            return None
        return _priced(self.scenario.settings, self.inputs, self.buildup, self.economy)

    @cached_property
    def contingents(self) -> tuple[Contingent, ...]:
        """The backstop rule by measure; none without crypto."""
        settings = self.scenario.settings
        if NO_CRYPTO_PATH not in self.path_labels or settings.backstop.paths < FEWEST_PATHS:
            return ()
        measured = path_model(settings.paths.model).stochastic
        return tuple(
            rescue_on_paths(
                settings, self.inputs, measure=measure, count=settings.backstop.paths,
                last_year=settings.horizon.last_year, model=settings.paths.model if measured else CENTRAL_MODEL,
            )
            for measure in (("real", "risk_neutral") if measured else ("risk_neutral",))
        )  # fmt: skip

    @cached_property
    def paths(self) -> Paths | None:
        """The random paths, yet to be drawn (:meth:`Paths.drawn`); None for a model of one path."""
        settings, labels = self.scenario.settings, self.path_labels
        if not has_random_paths(settings):
            return None
        last_year = settings.horizon.last_year
        flat = flat_tax(self.inputs, self.projection, [one for one in REFERENCES if one in labels], last_year)
        asked = experiment(settings, self.inputs, self.buildup, self.ledger, last_year, flat)
        return Paths(scenario=self.scenario, economy=self.economy, asked=asked)


def to_horizon(scenario: Scenario, progress: Progress | None = None) -> Run:
    """The scenario and its references to the horizon: what the headline and the yearly tables are made of."""
    return compute(scenario, progress, run_off=False, references=(NO_CRYPTO_PATH, EQUITY_PATH))


def compute(
    scenario: Scenario,
    progress: Progress | None = None,
    *,
    run_off: bool = True,
    references: bool | tuple[str, ...] = True,
    bases: tuple[str, ...] | None = None,
) -> Run:
    """Inputs, projection, and revenue lines of a scenario, as arrays.

    ``run_off=False`` stops at the horizon: no terminal claim, and present values of the horizon only.
    ``references=False`` projects the scenario's own path alone, without references and conventions; names
    of paths project it with those. Vintages need all; where ``bases`` names some, these alone are valued, at average
    rates, and conventions are projected for theirs alone.
    """
    report = progress or silent
    settings = scenario.settings
    if settings.paths.model == "user":
        user_returns(path_settings(settings))  # refused before any work
    elif settings.paths.file is not None:
        read_prices(settings.paths.file)
    complete = run_off and references is True
    refuse_beyond_memory(settings, run_off=run_off, references=references)
    compiled.prepare()
    years = _years(settings, run_off)
    if complete and bases is not None and "convention" not in bases:
        references = (NO_CRYPTO_PATH, EQUITY_PATH)
    start = prepare(settings, years, references, report)
    inputs, contributions, economy = start.inputs, start.contributions, start.economy
    labels = inputs.path_labels
    report(2, 4, "projection")
    held = [label for label in (SCENARIO_PATH, NO_CRYPTO_PATH) if label in labels]
    conventions = (convention_label(rate) for rate in settings.books.convention_rates)
    valued = [*held, *(label for label in conventions if label in labels)]
    keep, hold = (tuple(labels.index(label) for label in chosen) if complete else () for chosen in (valued, held))
    horizon = years <= settings.horizon.last_year
    projection = project(
        inputs, keep_lines=booked_lines(inputs.accounts), keep_shares=keep, keep_balances=hold,
        balance_years=int(horizon.sum()),
    )  # fmt: skip
    _judge_identity(projection)
    report(3, 4, "the government's revenue")
    taxes = contribution_taxes(settings, start.assume, years, start.mobility, contributions)
    buildup = buildup_tax(settings, start.assume, years, start.fraction, start.mobility)
    rescue = rescue_cost(projection, _without_crypto(labels, settings), backstop(settings))
    displaced, pushed_out = settings.books.displaced_taxable_share, pushed_out_weights(settings, years)
    ledger = keep_books(projection, inputs, taxes, buildup, rescue, displaced, pushed_out)
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
        mobility=start.mobility,
        taxes=taxes,
        buildup=buildup,
        horizon=horizon,
        complete=complete,
        bases=bases,
        data_fingerprint=sources.fingerprint(),
    )


def prices(scenario: Scenario, run: Run | None = None) -> Prices | None:
    """Risk-neutral values of a scenario, which need no projection of its own path; None without paths for them.

    They are made of a complete ``run``, if one is given.
    """
    settings = scenario.settings
    if settings.books.risk_neutral_paths < FEWEST_PATHS:
        return None
    if run is None:
        compiled.prepare()
        years = _years(settings, run_off=True)
        start = prepare(settings, years)
        inputs, economy, paid, mobility = start.inputs, start.economy, start.contributions, start.mobility
        taxes = contribution_taxes(settings, start.assume, years, mobility, paid)
        law = buildup_tax(settings, start.assume, years, start.fraction, mobility)
        marginal = marginal_deferral(settings, years, mobility, paid, taxes)
        found = _priced(settings, inputs, law, economy)
    else:
        inputs, economy, taxes = run.inputs, run.economy, run.taxes
        marginal, found = run.marginal_deferral_usd, run.priced
    assert found is not None
    opening = np.array([settings.horizon.opening.decimal_year])
    bills = economy["one_year_rate"].to_numpy()
    lines = contribution_lines(inputs, taxes)
    return Prices(
        found=found,
        years=inputs.years,
        factors=_bill_factors(economy, inputs.years, inputs.year_fraction),
        opening_factor=float(valuation.discount_factors(opening, bills, inputs.years)[0]),
        contributed_usd=inputs.contribution_usd[:, 0].sum(axis=(1, 2, 3)),
        opening_usd=float(inputs.opening_usd[:, 0].sum()),
        upfront_usd={line: lines[line][0].sum(axis=(1, 2)) for line in UPFRONT},
        marginal_deferral_usd=marginal.sum(axis=(1, 2)),
    )


def _priced(settings: Settings, inputs: ProjectionInputs, law: BuildupTax, economy: pd.DataFrame) -> RiskNeutral | None:
    count = settings.books.risk_neutral_paths
    if count < FEWEST_PATHS:
        return None
    factors = _bill_factors(economy, inputs.years, inputs.year_fraction)
    return price(settings, inputs, law, factors, vintage_year=VINTAGE_YEAR, count=count)


def _years(settings: Settings, run_off: bool) -> np.ndarray:
    """Calendar years of a projection, ``(Y,)``: to the horizon, or until everybody has left."""
    last = settings.horizon.last_year + (_run_off_years(settings) if run_off else 0)
    return np.arange(FIRST_YEAR, last + 1)


LARGEST = 1e200
"""Amounts beyond it overflow in sums and squares; a hundredfold in every year to 2100 stays below."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the projection of a scenario begins with, and the inputs that the ledger needs."""

    assume: Mapping[str, float]
    fraction: np.ndarray  # (Y,)
    people: population.Population
    economy: pd.DataFrame  # macro path by year
    mobility: np.ndarray
    contributions: Contributions
    inputs: ProjectionInputs
    market: AssetPaths  # the scenario's own


def prepare(
    settings: Settings, years: np.ndarray, references: bool | tuple[str, ...] = True, progress: Progress | None = None
) -> Prepared:
    """People, contributions, schedules and markets of ``years`` (from 2025) as the projection takes them.

    ``references`` as in :func:`compute`.
    """
    report = progress or silent
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
    economy = macro(years, wage_growth_adjust=settings.macro.wage_growth_adjust)
    wage_index = economy["wage_index"].to_numpy() / economy.loc[FIRST_YEAR, "wage_index"]
    mobility = mobility_matrix(settings.people.rank_correlation)
    rates = withdrawal_rates(settings, assume, years)
    schedules_in_force(settings, report)  # a reform's are built here, with progress
    world = World(
        settings=settings, assume=assume, years=years, fraction=fraction, people=people, economy=economy,
        wage_index=wage_index, mobility=mobility, rates=rates,
    )  # fmt: skip
    contributions, scope = contributions_in_scope(world)
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
    references = references or ()
    paths = 1 + (2 * holds_alternatives(settings) if references is True else len(references))
    paths += len(settings.books.convention_rates) if references is True else 0
    needed = COMPILER_BYTES + (years * (YEAR_BYTES + paths * PATH_YEAR_BYTES) if cells else 0)
    if room is not None and needed > room:
        message = f"a run takes about {needed / 2**30:.1f} GiB of memory, {room / 2**30:.1f} GiB is available"
        allowed = "a machine with more memory, or a shorter horizon"
        raise InputError(message, key="horizon.last_year", value=settings.horizon.last_year, allowed=allowed)


def refuse_too_many_paths(settings: Settings) -> None:
    """More paths than memory holds are refused before the work; where no system tells how much there is, nothing is."""
    if not has_random_paths(settings):
        return
    room = memory.available_bytes()
    fixed, per_path = bytes_needed(settings)
    needed = fixed + settings.paths.count * per_path
    if room is None or needed <= room:
        return
    fits = (room - fixed) // per_path
    raise InputError(
        f"this number of paths needs about {needed / 2**30:.1f} GiB of memory, and {room / 2**30:.1f} GiB is available",
        key="paths.count",
        value=settings.paths.count,
        allowed=f"at most {fits:,} paths" if fits > 1 else "a machine with more memory",
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


def _vintages(run: Run) -> tuple[ValuedVintages, ...]:
    """Vintages of the scenario on each basis, at average rates and at the margin, and those of its path without
    crypto on the portfolio basis (on the others, differences of paths follow from the flows). On
    ``convention(r)`` the counterfactual is the published method's: a security whose whole return is interest,
    taxed every year."""
    settings, inputs, projection, law = run.scenario.settings, run.inputs, run.projection, run.buildup
    years = inputs.years
    dates = valuation.flow_dates(years, run.year_fraction)
    curve = run.economy["one_year_rate"].to_numpy()
    treasury = _bill_factors(run.economy, years, run.year_fraction)
    as_interest = law.as_interest()
    traditional = inputs.contribution_usd[:, 0].sum(axis=3)
    avoided = ratio(run.taxes.deferred_usd, traditional)
    bases: list[tuple[str, float | None, str, np.ndarray | None, BuildupTax | None]] = [
        *(
            ("convention", rate, convention_label(rate), np.full(len(years), rate), as_interest)
            for rate in settings.books.convention_rates
        ),
        *(("fixed", rate, SCENARIO_PATH, np.full(len(years), rate), law) for rate in settings.books.discount_rates),
        ("treasury", None, SCENARIO_PATH, curve, law),
        ("portfolio", None, SCENARIO_PATH, None, law),
    ]
    if run.bases is not None:
        bases = [basis for basis in bases if basis[0] in run.bases]
    opening = np.array([settings.horizon.opening.decimal_year])

    def value(
        basis: str, rate: float | None, label: str, rates: np.ndarray | None, tax: BuildupTax | None, marginal: bool
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

    wanted = [(*basis, False) for basis in bases]
    if run.bases is None:
        wanted += [(*basis[:4], None, True) for basis in bases]
    if NO_CRYPTO_PATH in projection.path_labels and any(basis[0] == "portfolio" for basis in bases):
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
        raise InputError("balances went beyond what can be computed", key=where)
    if (worst > 0).any():
        path, year = np.unravel_index(np.argmax(worst), worst.shape)
        raise ValueError(
            f"account identity broken on path {projection.path_labels[path]!r} in {projection.years[year]}: "
            f"residual {projection.identity_residual_usd[path, year].ravel()} dollars by wrapper and character"
        )
