"""Where law, people and markets meet: a scenario's settings become the projection's arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fiscal import sources
from fiscal.axes import AGES, ASSETS, FIRST_YEAR, GROUPS, STRATA
from fiscal.budget.ledger import BuildupRates, ContributionTaxes
from fiscal.law import schedules as law_schedules
from fiscal.markets import glide, paths
from fiscal.markets.core import long_run_means
from fiscal.people.contributions import Contributions
from fiscal.people.macro import macro
from fiscal.people.mobility import mobility_matrix
from fiscal.people.opening import open_accounts, rollover_stock
from fiscal.people.withdrawals import WithdrawalRates, incidence
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule

if TYPE_CHECKING:
    from fiscal.people.population import Population
    from fiscal.scenario.schema import Settings

SCENARIO_PATH = "scenario"
NO_CRYPTO_PATH = "no_crypto"
EQUITY_PATH = "equity_adoption"
SIPP_YEAR = 2022
EQUITY, BONDS, CASH, CRYPTO = (ASSETS.index(name) for name in ("equity", "bonds", "cash", "crypto"))


def convention_label(rate: float) -> str:
    """Name of the path on which everything earns ``rate``."""
    return f"convention_{rate:g}"


def assumptions(settings: Settings) -> dict[str, float]:
    """The assumptions table, with the scenario's own values in their place."""
    table = sources.table("assumptions")
    values = dict(zip(table["key"], table["value"].astype(float), strict=True))
    return values | dict(settings.assumptions)


def core_overrides(settings: Settings) -> dict[str, float]:
    """Long-run core returns that the scenario sets, by asset; the others keep the record's means."""
    chosen = {
        "equity": settings.paths.core_equity_return,
        "bonds": settings.paths.core_bond_return,
        "cash": settings.paths.core_cash_return,
    }
    return {asset: rate for asset, rate in chosen.items() if rate is not None}


def adoption_curve(years: np.ndarray, start_year: int, full_year: int) -> np.ndarray:
    """S-curve of adoption, ``(Y,)``: 0 before ``start_year``, 1 from ``full_year``.

    ``3 u^2 - 2 u^3`` with ``u`` the elapsed share of the ramp: level and slope are continuous and both
    ends are exact (a logistic curve would be neither 0 today nor 1 in the stated year).
    """
    elapsed = np.clip((years - start_year + 1) / (full_year - start_year + 1), 0.0, 1.0)
    return elapsed**2 * (3 - 2 * elapsed)


def core_half_returns(
    half_returns: np.ndarray, weights: np.ndarray, crypto_share: np.ndarray, displaces_equity: bool
) -> np.ndarray:
    """Return of the core sleeve by half, age and stratum, ``(Y, half, A, S)``.

    ``half_returns`` (Y, half, asset), ``weights`` (A, asset) the glide path, ``crypto_share`` (Y, S).
    When crypto displaces equity, the core of a stratum with crypto holds that much less equity, so that
    the whole balance keeps its bonds and cash; no more than all equity can be displaced.
    """
    if not displaces_equity:
        core = np.einsum("yhx,ax->yha", half_returns, weights)
        return np.repeat(core[..., None], crypto_share.shape[1], axis=3)
    equity = np.maximum(weights[None, :, None, EQUITY] - crypto_share[:, None, :], 0.0)  # (Y, A, S)
    others = weights.copy()
    others[:, EQUITY] = 0.0
    rest = np.einsum("yhx,ax->yha", half_returns, others)[..., None]
    held = equity + others.sum(axis=1)[None, :, None]
    return (rest + half_returns[:, :, None, None, EQUITY] * equity[:, None]) / held[:, None]


def heirs_by_cohort(deaths: np.ndarray, heir_years: int) -> np.ndarray:
    """Heirs drawing in each year by the owner's cohort, ``(Y, A, G)``: one for each decedent's account
    not left to a spouse (``deaths`` (Y, A, G)) of the ``heir_years`` years before."""
    drawing = np.zeros_like(deaths)
    ring = np.zeros((heir_years, *deaths.shape[1:]))
    for y in range(deaths.shape[0]):
        drawing[y] = ring.sum(axis=0)
        ring = np.concatenate([deaths[y][None], ring[:-1]])
        older = np.zeros_like(ring)
        older[:, 1:] = ring[:, :-1]
        older[:, -1] += ring[:, -1]
        ring = older
    return drawing


def projection_inputs(
    settings: Settings,
    assume: dict[str, float],
    years: np.ndarray,
    fraction: np.ndarray,
    people: Population,
    mobility: np.ndarray,
    contributions: Contributions,
    rates: WithdrawalRates,
    references: bool = True,
) -> tuple[ProjectionInputs, np.ndarray]:
    """The projection's inputs, and the scenario path's annual asset returns ``(Y, asset)``."""
    adoption = settings.adoption
    adopted = adoption.participants_share > 0 and adoption.allocation_share > 0
    # with nothing allocated a second stratum would only move the last bits of every sum
    crypto_people = adoption.participants_share if adopted else 0.0
    stratum_share = np.array([1 - crypto_people, crypto_people])
    conventions = settings.books.convention_rates
    labels: tuple[str, ...] = (SCENARIO_PATH,)
    if references:
        labels += (NO_CRYPTO_PATH, EQUITY_PATH) if adopted else ()
        labels += tuple(convention_label(rate) for rate in conventions)

    # returns by path
    market = paths.path_model(settings.paths.model).draw(
        {
            "name": settings.paths.name,
            "core": core_overrides(settings),
            "outside_event_return": settings.paths.outside_event_return,
        },
        years,
        settings.paths.count,
        settings.paths.seed,
    )
    half = market.half_returns[0]  # (Y, half, asset)
    weights = glide.glide_path()
    curve = adoption_curve(years, adoption.start_year, adoption.full_year) * adoption.allocation_share
    target = np.stack([np.zeros(len(years)), curve * adopted], axis=1)  # (Y, S)
    no_target = np.zeros_like(target)
    displaces_equity = adoption.displaces == "equity"
    core = core_half_returns(half, weights, target, displaces_equity)
    plain_core = core_half_returns(half, weights, no_target, False)
    fees = np.array([settings.fees.core_rate, settings.fees.crypto_rate])
    own_path = {
        SCENARIO_PATH: (core, half[:, :, CRYPTO], target, fees),
        NO_CRYPTO_PATH: (plain_core, half[:, :, CRYPTO], no_target, fees),
        EQUITY_PATH: (core, half[:, :, EQUITY], target, np.array([fees[0], fees[0]])),
    }
    for rate in conventions:
        whole = (1 + rate) ** fraction
        level = np.repeat(np.sqrt(whole)[:, None] - 1, 2, axis=1)  # (Y, half)
        flat = np.broadcast_to(level[:, :, None, None], core.shape)
        own_path[convention_label(rate)] = (flat, level, target, np.zeros(2))
    per_path = [own_path[label] for label in labels]

    # accounts and their holders
    scale = settings.people.scale
    first = people.people_open[0]
    opened = open_accounts(
        assume,
        people=first,
        unit_people=first / scale,
        mobility=mobility,
        wage_ratio=_wage_ratio(SIPP_YEAR),
        years=years,
    )
    roth_stock = settings.roth.opening_stock_share
    opening = np.zeros((2, 2, *first.shape, len(STRATA)))
    opening[0, 0] = (opened.balance_usd * (1 - roth_stock))[..., None] * stratum_share
    opening[0, 1] = (opened.balance_usd * roth_stock)[..., None] * stratum_share
    if settings.scope.rollover_stock:
        opening[1, 0] = rollover_stock(assume, opened.balance_usd)[..., None] * stratum_share
    basis = opening[:, 1] * settings.roth.opening_basis_share

    holders = people.people_open * opened.holder_share
    left_to_heirs = people.deaths * opened.holder_share * (1 - rates.spouse_share)[None, :, None]
    heirs = heirs_by_cohort(left_to_heirs, settings.heirs.years)

    owner, heir = _withdrawal_schedules(settings, assume, years)
    nonqualified = (
        rates.nonqualified_share if settings.roth.tax_nonqualified_earnings else 0 * rates.nonqualified_share
    )
    inputs = ProjectionInputs(
        years=years,
        year_fraction=fraction,
        path_labels=labels,
        opening_usd=opening,
        opening_basis_usd=basis,
        contribution_usd=np.stack([contributions.traditional_usd, contributions.roth_usd], axis=1)[..., None]
        * stratum_share,
        core_half_return=np.stack([part[0] for part in per_path]),
        crypto_half_return=np.stack([part[1] for part in per_path]),
        fee_rate=np.stack([part[3] for part in per_path]),
        loss_rate=np.zeros((len(labels), len(years))),
        crypto_target_share=np.stack([part[2] for part in per_path]),
        rebalancing=adoption.rebalancing,
        transfer=adoption.mode == "transfer",
        withdrawal_rate=rates.withdrawal_rate,
        penalised_share=rates.penalised_share,
        nonqualified_share=nonqualified,
        rollover_rate=rates.rollover_rate,
        conversion_rate=np.full((len(years), len(AGES)), settings.withdrawals.conversion_rate)
        * (years <= settings.horizon.last_year)[:, None],
        death_rate=people.death_rate,
        spouse_share=np.clip(rates.spouse_share * settings.heirs.spouse_share_scale, 0.0, 1.0),
        heir_years=settings.heirs.years,
        holders=holders[..., None] * stratum_share,
        heirs=heirs[..., None] * stratum_share,
        owner_schedule=owner,
        heir_schedule=heir,
        additional_tax_rate=settings.withdrawals.additional_tax_rate,
    )
    annual = np.prod(1 + half, axis=1) - 1
    return inputs, annual


def _wage_ratio(year: int) -> float:
    """Average wage of ``year`` over 2025's."""
    wages = macro([year, FIRST_YEAR])["wage_index"]
    return float(wages.loc[year] / wages.loc[FIRST_YEAR])


def _withdrawal_schedules(
    settings: Settings, assume: dict[str, float], years: np.ndarray
) -> tuple[TaxSchedule, TaxSchedule]:
    if settings.tax.flat_rate is not None:
        knots = np.broadcast_to(np.array([0.0, 1e6]), (len(years), 2)).copy()
        tax = np.broadcast_to(
            knots[:, None, None, :] * settings.tax.flat_rate, (len(years), len(AGES), len(GROUPS), 2)
        ).copy()
        flat = TaxSchedule(knots_usd=knots, tax_usd=tax)
        return flat, flat
    retired = mobility_matrix(settings.people.retired_rank_correlation)
    schedules = law_schedules.load()
    spread = law_schedules.group_sigma() * assume["withdrawal_sigma_scale"]
    scale = settings.tax.withdrawal_scale
    owner = _scaled(schedules.withdrawal_tax(years, incidence(years), retired, spread), scale)
    # heirs must draw every year: everybody withdraws
    certain = _scaled(schedules.withdrawal_tax(years, np.ones(len(AGES)), retired, spread), scale)
    heir_age = np.maximum(np.arange(len(AGES)) - settings.heirs.age_gap, 0)
    heir = TaxSchedule(knots_usd=certain.knots_usd, tax_usd=certain.tax_usd[:, heir_age])
    return owner, heir


def _scaled(schedule: law_schedules.WithdrawalSchedule, scale: float) -> TaxSchedule:
    """A schedule with every rate multiplied; 1 leaves its bits alone."""
    return TaxSchedule(knots_usd=schedule.knots_usd, tax_usd=schedule.tax_usd * scale)


def contribution_taxes(
    settings: Settings,
    assume: dict[str, float],
    years: np.ndarray,
    mobility: np.ndarray,
    contributions: Contributions,
) -> tuple[ContributionTaxes, BuildupRates]:
    """Income and payroll tax that contributions avoid or bring, and the tax on returns outside a plan."""
    schedules = law_schedules.load()
    elective = contributions.elective_traditional_usd + contributions.elective_roth_usd
    deferral = schedules.deferral(years, mobility)
    employer = contributions.employer_usd / (1 + assume["employer_payroll_rate"])
    payroll = (employer * deferral.oasdi_rate, employer * deferral.hi_rate)
    flat = settings.tax.flat_rate
    if flat is not None:
        shape = elective.shape
        return (
            ContributionTaxes(
                deferred_usd=flat * contributions.traditional_usd,
                payroll_oasdi_usd=payroll[0],
                payroll_hi_usd=payroll[1],
                roth_upfront_usd=flat * contributions.roth_usd,
            ),
            BuildupRates(core=np.full(shape, flat), crypto=np.full(shape, flat)),
        )
    saved = elective * deferral.saved_at(contributions.deferral_multiple)
    saved_if_all_traditional = elective * deferral.saved_at(1.0)
    taxes = ContributionTaxes(
        deferred_usd=saved + contributions.employer_traditional_usd * deferral.employer_rate,
        payroll_oasdi_usd=payroll[0],
        payroll_hi_usd=payroll[1],
        roth_upfront_usd=saved_if_all_traditional
        - saved
        + contributions.employer_roth_usd * deferral.employer_rate,
    )
    outside = schedules.outside(years, mobility)
    weights = glide.glide_path()
    return taxes, BuildupRates(
        core=_core_buildup_rate(assume, weights, settings, outside),
        crypto=outside.long_gain_rate * assume["crypto_realisation_share"],
    )


def _core_buildup_rate(
    assume: dict[str, float],
    weights: np.ndarray,
    settings: Settings,
    outside: law_schedules.OutsideRates,
) -> np.ndarray:
    """Tax on a dollar of core return held outside a plan, ``(Y, A, G)``.

    The dollar is split by the long-run returns of the glide path's assets: bonds and cash pay interest,
    equity pays its dividend yield and the rest as gains, of which the assumed share is realised.
    """
    means = long_run_means(core_overrides(settings))["geometric_return_rate"]
    earned = weights[:, [EQUITY, BONDS, CASH]] * means[["equity", "bonds", "cash"]].to_numpy()
    total = earned.sum(axis=1)
    dividend = weights[:, EQUITY] * assume["equity_dividend_yield"]
    gain = np.maximum(earned[:, 0] - dividend, 0.0) * assume["gain_realisation_share"]
    coupon = earned[:, 1] + earned[:, 2]
    return (
        outside.interest_rate * (coupon / total)[None, :, None]
        + outside.qualified_dividend_rate * (dividend / total)[None, :, None]
        + outside.long_gain_rate * (gain / total)[None, :, None]
    )
