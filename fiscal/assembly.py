"""Where law, people and markets meet: a scenario's settings become the projection's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal import sources
from fiscal.axes import AGES, ASSETS, FIRST_YEAR, GROUPS
from fiscal.budget.ledger import Backstop, BuildupTax, ContributionTaxes
from fiscal.law import schedules as law_schedules
from fiscal.markets import glide, paths
from fiscal.people.contributions import Contributions
from fiscal.people.macro import macro
from fiscal.people.mobility import mobility_matrix
from fiscal.people.opening import open_accounts, rollover_stock
from fiscal.people.withdrawals import WithdrawalRates, incidence, working_share_of_withdrawals
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule

if TYPE_CHECKING:
    from fiscal.people.population import Population
    from fiscal.scenario.schema import Settings

SCENARIO_PATH = "scenario"
NO_CRYPTO_PATH = "no_crypto"
EQUITY_PATH = "equity_adoption"
SIPP_YEAR = 2022
BILLION = 1e9
EQUITY, CRYPTO = (ASSETS.index(name) for name in ("equity", "crypto"))


def convention_label(rate: float) -> str:
    """Name of the path on which everything earns ``rate``."""
    return f"convention_{rate:g}"


class Assumptions(dict[str, float]):
    """The assumptions table with the scenario's values in their place; an unknown key names the nearest."""

    def __missing__(self, key: str) -> float:
        return sources.assumption(key)  # raises: whatever the table holds is here already


def assumptions(settings: Settings) -> Assumptions:
    """The assumptions that a scenario runs with."""
    table = sources.table("assumptions")
    values = zip(table["key"], table["value"].astype(float), strict=True)
    return Assumptions({**dict(values), **dict(settings.assumptions)})


def core_overrides(settings: Settings) -> dict[str, float]:
    """Long-run core returns that the scenario sets, by asset; the others keep the record's means."""
    chosen = {
        "equity": settings.paths.core_equity_return,
        "bonds": settings.paths.core_bond_return,
        "cash": settings.paths.core_cash_return,
    }
    return {asset: rate for asset, rate in chosen.items() if rate is not None}


def path_settings(settings: Settings) -> dict[str, Any]:
    """What a path model is told: the section ``paths``, core returns by asset."""
    return {**settings.paths.model_dump(), "core": core_overrides(settings)}


def adoption_curve(years: np.ndarray, start_year: int, full_year: int) -> np.ndarray:
    """S-curve of adoption, ``(Y,)``: 0 before ``start_year``, 1 from ``full_year``.

    ``3 u^2 - 2 u^3`` with ``u`` the elapsed share of the ramp: level and slope are continuous and both
    ends are exact (a logistic curve would be neither 0 today nor 1 in the stated year).
    """
    elapsed = np.clip((years - start_year + 1) / (full_year - start_year + 1), 0.0, 1.0)
    return elapsed**2 * (3 - 2 * elapsed)


def core_weights(weights: np.ndarray, crypto_share: np.ndarray, displaces_equity: bool) -> np.ndarray:
    """What the core sleeve holds by year, age and stratum, ``(Y, A, S, asset)``, each summing to one.

    ``weights`` (A, asset) the glide path, ``crypto_share`` (Y, S) what the crypto sleeve holds of the
    balance as the year begins. When crypto displaces equity the core of a stratum holds that much less of
    it, so that the whole balance keeps its bonds and cash; no more than all equity can be displaced.
    """
    shape = (*crypto_share.shape[:1], *weights.shape[:1], *crypto_share.shape[1:], weights.shape[1])
    held = np.broadcast_to(weights[None, :, None, :], shape)
    if not displaces_equity:
        return held
    held = held.copy()
    held[..., EQUITY] = np.maximum(held[..., EQUITY] - crypto_share[:, None, :], 0.0)
    return held / held.sum(axis=3, keepdims=True)


def heirs_by_cohort(deaths: np.ndarray, heir_years: int) -> np.ndarray:
    """Heirs drawing in each year by the owner's cohort, ``(Y, A, G)``: those of the ``heir_years`` years
    before, ``deaths`` (Y, A, G) counting the heirs of accounts not left to a spouse."""
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
    assume: Mapping[str, float],
    years: np.ndarray,
    fraction: np.ndarray,
    people: Population,
    mobility: np.ndarray,
    contributions: Contributions,
    rates: WithdrawalRates,
    references: bool = True,
) -> tuple[ProjectionInputs, paths.AssetPaths]:
    """The projection's inputs, and the scenario's own market."""
    adoption = settings.adoption
    sleeve = alternative_shares(settings)
    allocation_share = float(sleeve.sum())
    adopted = adoption.participants_share > 0 and allocation_share > 0
    # with nothing allocated there is one stratum: a second would only move the last bits of every sum
    crypto_people = adoption.participants_share
    stratum_share = np.array([1 - crypto_people, crypto_people]) if adopted else np.ones(1)
    conventions = settings.books.convention_rates
    labels: tuple[str, ...] = (SCENARIO_PATH,)
    if references:
        labels += (NO_CRYPTO_PATH, EQUITY_PATH) if adopted else ()
        labels += tuple(convention_label(rate) for rate in conventions)

    # returns by path
    market = paths.path_model(settings.paths.model).central(path_settings(settings), years)
    half = market.half_returns[0]  # (Y, half, asset)
    weights = glide.glide_path()
    curve = adoption_curve(years, adoption.start_year, adoption.full_year) * allocation_share
    allocated = (np.zeros(len(years)), curve) if adopted else (np.zeros(len(years)),)
    target = np.stack(allocated, axis=1)  # (Y, S)
    no_target = np.zeros_like(target)
    displaces_equity = adoption.displaces == "equity"
    # a year's core follows what the crypto sleeve was bought to at the end of the year before
    held = np.concatenate([no_target[:1], target[:-1]])
    mixed, plain = core_weights(weights, held, displaces_equity), core_weights(weights, no_target, False)
    crypto_only, equity_only = np.eye(len(ASSETS))[[CRYPTO, EQUITY]]
    held_in_sleeve = sleeve / allocation_share if adopted else crypto_only
    others_fee = (1 - held_in_sleeve[CRYPTO]) * settings.alternatives.fee_rate
    sleeve_fee = held_in_sleeve[CRYPTO] * settings.fees.crypto_rate + others_fee
    fees = (settings.fees.core_rate, sleeve_fee)
    # mix by label: core weights, assets of the crypto sleeve, fees; then target and returns
    own_path = {
        SCENARIO_PATH: (mixed, held_in_sleeve, fees, target, half),
        NO_CRYPTO_PATH: (plain, crypto_only, fees, no_target, half),
        EQUITY_PATH: (mixed, equity_only, (fees[0], fees[0]), target, half),
    }
    for rate in conventions:
        level = np.sqrt((1 + rate) ** fraction) - 1
        flat = np.broadcast_to(level[:, None, None], half.shape)
        own_path[convention_label(rate)] = (plain, crypto_only, (0.0, 0.0), target, flat)
    per_path = [own_path[label] for label in labels]
    targets = np.stack([part[3] for part in per_path])
    policy = _policy(settings, targets, years)

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
    opening = np.zeros((2, 2, *first.shape, len(stratum_share)))
    opening[0, 0] = (opened.balance_usd * (1 - roth_stock))[..., None] * stratum_share
    opening[0, 1] = (opened.balance_usd * roth_stock)[..., None] * stratum_share
    if settings.scope.rollover_stock:
        opening[1, 0] = rollover_stock(assume, opened.balance_usd)[..., None] * stratum_share
    basis = opening[:, 1] * settings.roth.opening_basis_share

    holders = people.people_open * opened.holder_share
    spouse_share = np.clip(rates.spouse_share * settings.heirs.spouse_share_scale, 0.0, 1.0)
    left_to_heirs = people.deaths * opened.holder_share * (1 - spouse_share)[None, :, None]
    heirs = heirs_by_cohort(left_to_heirs * assume["heirs_per_account"], settings.heirs.years)

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
        half_return=np.stack([part[4] for part in per_path]),
        mix=np.arange(len(labels)),
        core_weight=np.stack([part[0] for part in per_path]),
        crypto_weight=np.stack([part[1] for part in per_path]),
        fee_rate=np.array([part[2] for part in per_path]),
        loss_rate=_custody_loss(settings, labels, years),
        **policy,
        sale_share=np.full(len(labels), settings.alternatives.sale_share),
        impact_multiplier=settings.overlays.price_impact_multiplier,
        impact_persistence=settings.overlays.price_impact_persistence,
        crypto_market_usd=_crypto_market(market, labels),
        withdrawal_rate=rates.withdrawal_rate,
        penalised_share=rates.penalised_share,
        nonqualified_share=nonqualified,
        rollover_rate=rates.rollover_rate,
        conversion_rate=np.full((len(years), len(AGES)), settings.withdrawals.conversion_rate)
        * (years <= settings.horizon.last_year)[:, None],
        death_rate=people.death_rate,
        spouse_share=spouse_share,
        heir_years=settings.heirs.years,
        holders=holders[..., None] * stratum_share,
        heirs=heirs[..., None] * stratum_share,
        owner_schedule=owner,
        heir_schedule=heir,
        additional_tax_rate=settings.withdrawals.additional_tax_rate,
    )
    return inputs, market


def alternative_shares(settings: Settings) -> np.ndarray:
    """Target shares of the alternative assets in the balance of who holds any, by asset ``(X,)``."""
    others = settings.alternatives
    shares = {
        "crypto": settings.adoption.allocation_share,
        "private_equity": others.private_equity_share,
        "real_estate": others.real_estate_share,
        "commodities": others.commodities_share,
    }
    return np.array([shares.get(asset, 0.0) for asset in ASSETS])


def _policy(settings: Settings, targets: np.ndarray, years: np.ndarray) -> dict[str, np.ndarray]:
    """What is bought and held: the targets, until policy turns (``overlays.reversal_year``)."""
    adoption, turn = settings.adoption, settings.overlays.reversal_year
    moves = np.full(targets.shape[:2], adoption.mode == "transfer")
    strength = np.full(targets.shape[:2], adoption.rebalancing)
    held, bought = targets, targets
    if turn is not None:
        after = years >= turn
        bought = np.where(after[None, :, None], 0.0, targets)
        if settings.overlays.reversal_kind == "forced_sale":
            held = bought
            moves, strength = moves | after, np.where(after, 1.0, strength)
        else:
            moves = moves & ~after
    return {
        "crypto_target_share": held,
        "crypto_contribution_share": bought,
        "transfer": moves,
        "rebalancing": strength,
    }


def _custody_loss(settings: Settings, labels: tuple[str, ...], years: np.ndarray) -> np.ndarray:
    """Share of the crypto sleeve lost with its custodian, ``(P, Y)``: on the scenario's own path only."""
    event, share = settings.overlays.custody_loss_year, settings.overlays.custody_loss_share
    happens = np.array([label == SCENARIO_PATH for label in labels])[:, None] & (years == event)
    return np.where(happens, share, 0.0)


NO_BOUND_USD = 1e300
"""Market value of what stands in for crypto on a reference path: buying it moves no price."""


def _crypto_market(market: paths.AssetPaths, labels: tuple[str, ...]) -> np.ndarray:
    """Value of all crypto at each opening, ``(P, Y)``, growing at the path's return without impact."""
    at_end = paths.implied_crypto_value_over_gdp(market)[0].to_numpy() * (
        macro(market.years[1:])["gdp_bn_usd"].to_numpy() * BILLION
    )
    # the stub's market is taken at the value with which 2026 opens
    first = at_end[0] / (1 + market.annual_returns()[0, 1, CRYPTO])
    opening = np.concatenate([[first, first], at_end[:-1]])
    return np.stack(
        [opening if label == SCENARIO_PATH else np.full(len(opening), NO_BOUND_USD) for label in labels]
    )


def _wage_ratio(year: int) -> float:
    """Average wage of ``year`` over 2025's."""
    wages = macro([year, FIRST_YEAR])["wage_index"]
    return float(wages.loc[year] / wages.loc[FIRST_YEAR])


def _withdrawal_schedules(
    settings: Settings, assume: Mapping[str, float], years: np.ndarray
) -> tuple[TaxSchedule, TaxSchedule]:
    if settings.tax.flat_rate is not None:
        knots = np.broadcast_to(np.array([0.0, 1e6]), (len(years), 2)).copy()
        tax = np.broadcast_to(
            knots[:, None, None, :] * settings.tax.flat_rate, (len(years), len(AGES), len(GROUPS), 2)
        ).copy()
        flat = TaxSchedule(knots_usd=knots, tax_usd=tax * settings.tax.withdrawal_scale)
        return flat, flat
    retired = mobility_matrix(settings.people.retired_rank_correlation)
    schedules = law_schedules.load()
    spread = law_schedules.group_sigma() * assume["withdrawal_sigma_scale"]
    scale = settings.tax.withdrawal_scale
    at_work = working_share_of_withdrawals(assume)
    owner = _scaled(
        schedules.withdrawal_tax(years, incidence(years), retired, spread, working_share=at_work), scale
    )
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
    assume: Mapping[str, float],
    years: np.ndarray,
    mobility: np.ndarray,
    contributions: Contributions,
) -> ContributionTaxes:
    """Income and payroll tax that the year's contributions avoid or bring."""
    deferral = law_schedules.load().deferral(years, mobility)
    # an employer's dollar of contribution would be paid as this much less wages
    employer = contributions.employer_usd / (1 + assume["employer_payroll_rate"])
    oasdi, hi = employer * deferral.oasdi_rate, employer * deferral.hi_rate
    flat = settings.tax.flat_rate
    if flat is not None:
        deferred, upfront = flat * contributions.traditional_usd, flat * contributions.roth_usd
    else:
        elective = contributions.elective_traditional_usd + contributions.elective_roth_usd
        saved = elective * deferral.saved_at(contributions.deferral_multiple)
        deferred = saved + contributions.employer_traditional_usd * deferral.employer_rate
        upfront = (
            elective * deferral.saved_at(1.0)
            - saved
            + contributions.employer_roth_usd * deferral.employer_rate
        )
    return ContributionTaxes(
        deferred_usd=deferred, payroll_oasdi_usd=oasdi, payroll_hi_usd=hi, roth_upfront_usd=upfront
    )


def marginal_deferral(
    settings: Settings,
    years: np.ndarray,
    mobility: np.ndarray,
    contributions: Contributions,
    taxes: ContributionTaxes,
) -> np.ndarray:
    """Income tax that would not be collected if a year's contributions were raised in proportion, per unit of
    the rise, ``(Y, A, G)`` dollars: elective deferrals at the slope of the schedule, employer contributions, which
    are stacked outermost, at the rate they have."""
    if settings.tax.flat_rate is not None:
        return taxes.deferred_usd
    deferral = law_schedules.load().deferral(years, mobility)
    step = 0.01
    multiple = contributions.deferral_multiple
    slope = (deferral.saved_at(multiple * (1 + step)) - deferral.saved_at(multiple)) / step
    elective = contributions.elective_traditional_usd + contributions.elective_roth_usd
    return elective * slope + contributions.employer_traditional_usd * deferral.employer_rate


def backstop(settings: Settings) -> Backstop:
    """The rule of the settings: cohorts within so many years of the retirement age, at the year's end."""
    rule = settings.backstop
    attained = AGES + 1
    return Backstop(
        covered=(attained >= rule.retirement_age - rule.years_before) & (attained < rule.retirement_age),
        trigger_share=rule.trigger_share,
        made_up_share=rule.made_up_share,
    )


def buildup_tax(
    settings: Settings,
    assume: Mapping[str, float],
    years: np.ndarray,
    fraction: np.ndarray,
    mobility: np.ndarray,
) -> BuildupTax:
    """What the law would take of each asset's return outside a plan (realisation shares assumed).

    Bonds and cash pay their return as interest, and so does real estate (a REIT's dividend is ordinary
    income, s.857(b), s.199A aside); equity pays its dividend yield and, on the rest, the realised share;
    private equity the realised share; commodities are marked to the market (s.1256).
    """
    flat = settings.tax.flat_rate
    if flat is not None:
        shape = (len(years), len(AGES), len(GROUPS))
        interest = dividend = gain = np.full(shape, flat)
    else:
        interest, dividend, gain = law_schedules.load().outside(years, mobility)
    as_interest = {"bonds": 1.0, "cash": 1.0, "real_estate": 1.0}
    as_gain = {
        "equity": assume["gain_realisation_share"],
        "private_equity": assume["gain_realisation_share"],
        "crypto": assume["crypto_realisation_share"],
        "commodities": 1.0,
    }
    payout = np.zeros((len(years), len(ASSETS)))
    payout[:, EQUITY] = assume["equity_dividend_yield"] * fraction
    return BuildupTax(
        interest_rate=interest,
        dividend_rate=dividend,
        gain_rate=gain,
        interest_share=np.array([as_interest.get(asset, 0.0) for asset in ASSETS]),
        gain_share=np.array([as_gain.get(asset, 0.0) for asset in ASSETS]),
        payout_rate=payout,
    )
