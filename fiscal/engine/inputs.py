"""Where law, people and markets meet: a scenario's settings become the projection's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base import sources
from fiscal.base.axes import AGES_AT_OPENING, ASSETS, FIRST_YEAR
from fiscal.budget.ledger import Backstop
from fiscal.engine.allocation import (
    CRYPTO,
    EQUITY,
    allocation_policy,
    alternative_shares,
    answers_to_paths,
    core_glide_path,
    core_weights,
    holds_alternatives,
    path_settings,
    policy_on_paths,
    reversal_years,
    strata_shares,
    target_allocation,
    with_custody_failure,
)
from fiscal.engine.taxes import conversion_rates, withdrawal_schedules
from fiscal.markets import losses, paths
from fiscal.markets.history import crypto_start_usd
from fiscal.people.accounts import PLAN, AccountType, Scope
from fiscal.people.contributions import Contributions
from fiscal.people.economy import macro
from fiscal.people.opening import open_accounts, rollover_stock
from fiscal.people.withdrawals import WithdrawalRates, leakage_tilt, project_rates
from fiscal.projection.inputs import ProjectionInputs

if TYPE_CHECKING:
    from fiscal.people.population import Population
    from fiscal.scenario.schema import Settings

SCENARIO_PATH = "scenario"
NO_CRYPTO_PATH = "no_crypto"
EQUITY_PATH = "equity_adoption"
SIPP_YEAR = 2022
BILLION = 1e9


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


def withdrawal_rates(
    settings: Settings,
    assume: Mapping[str, float],
    years: np.ndarray,
    of: AccountType = PLAN,
    enacted_by: int | None = None,
) -> WithdrawalRates:
    """The rates at which a scenario's plans of a type and IRAs are drawn, rolled over and cashed out in ``years``;
    ``enacted_by``: under the required minimum as the law was at the end of that year."""
    chosen = settings.withdrawals
    found = project_rates(
        assume if of is PLAN else of.behaviour(assume),
        years=years,
        above_share=chosen.rmd_above_share,
        exact_share=chosen.rmd_exact_share,
        draw_scale=chosen.draw_scale,
        leakage_scale=chosen.leakage_scale,
        rollover_scale=chosen.rollover_scale,
        roth_draw_ratio=chosen.roth_draw_ratio,
        still_working_exception=chosen.still_working_exception,
        rmd_shift=chosen.rmd_age_shift,
        retirement_shift=chosen.retirement_age_shift,
        required_minimum=of.required_minimum,
        enacted_by=enacted_by,
    )
    if chosen.scale_2036 == 1:
        return found
    part = np.clip((years - FIRST_FULL_YEAR) / (SCALED_BY - FIRST_FULL_YEAR), 0.0, 1.0)
    scale = 1 + part * (chosen.scale_2036 - 1)
    return replace(found, withdrawal_rate=np.minimum(found.withdrawal_rate * scale[:, None, None, None], 1.0))


FIRST_FULL_YEAR, SCALED_BY = FIRST_YEAR + 1, 2036
"""Years in which withdrawals.scale_2036 begins and is reached: CBO's decade."""


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
    scope: Scope,
    references: bool | tuple[str, ...] = True,
) -> tuple[ProjectionInputs, paths.AssetPaths]:
    """The projection's inputs, and the scenario's own market; ``references`` all, none or those named."""
    adoption = settings.adoption
    sleeve = alternative_shares(settings)
    allocation_share = float(sleeve.sum())
    adopted = holds_alternatives(settings)
    conventions = settings.books.convention_rates
    known: tuple[str, ...] = (NO_CRYPTO_PATH, EQUITY_PATH) if adopted else ()
    known += tuple(convention_label(rate) for rate in conventions)
    wanted = known if references is True else references or ()
    labels = (SCENARIO_PATH, *(label for label in known if label in wanted))

    # returns by path
    model = paths.path_model(settings.paths.model)
    market = paths.smoothed(model.central(path_settings(settings), years), settings.alternatives.smoothing)
    half = market.half_returns[0]  # (Y, half, asset)
    weights = core_glide_path(settings, years)
    target = target_allocation(settings, years)
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
    turns = np.repeat(reversal_years(settings, market), len(labels))
    policy: dict[str, Any] = allocation_policy(settings, targets, years, turns)
    policy["contribution_scale"] = np.ones(targets.shape)
    if answers_to_paths(settings):
        for name, values in policy_on_paths(settings, market).items():
            policy[name] = policy[name].copy()
            policy[name][labels.index(SCENARIO_PATH)] = values[0]

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
        size=scope.stock,
        opening=settings.horizon.opening,
        coverage=contributions.coverage,
    )
    unit_people = first / scale
    holder_share = scope.holder_share(opened, unit_people)
    holders = people.people_open * holder_share
    # with nothing allocated there is one stratum: a second would only move the last bits of every sum
    stratum_share = strata_shares(settings, years, holders[0]) if adopted else np.ones(1)
    of_opening = stratum_share if stratum_share.ndim == 1 else stratum_share[0]
    of_years = stratum_share if stratum_share.ndim == 1 else stratum_share[:, None]
    roth_stock = settings.roth.opening_stock_share
    balances = [(opened.balance_usd, roth_stock)] + [
        (one.balance_usd(opened.balance_usd, scale, settings.horizon.opening), one.type.roth_share(roth_stock))
        for one in scope.others
    ]
    opening = np.zeros((len(scope.accounts), 2, *first.shape, stratum_share.shape[-1]))
    for account, (balance, roth) in enumerate(balances):
        opening[account, 0] = (balance * (1 - roth))[..., None] * of_opening
        opening[account, 1] = (balance * roth)[..., None] * of_opening
    if settings.scope.rollover_stock:
        opening[-1, 0] = rollover_stock(assume, opened.balance_usd)[..., None] * of_opening
    basis = opening[:, 1] * settings.roth.opening_basis_share
    # IRAs that open empty hold in each cell what plans do
    held_usd = np.stack([*(balance for balance, _ in balances), opened.balance_usd])
    tilt = leakage_tilt(held_usd, opened.mean_balance_usd(first), settings.withdrawals.leakage_balance_elasticity)
    spouse_share = np.clip(rates.spouse_share * settings.heirs.spouse_share_scale, 0.0, 1.0)
    left_to_heirs = people.deaths * holder_share * (1 - spouse_share)[None, :, None]
    heirs = heirs_by_cohort(left_to_heirs * assume["heirs_per_account"], settings.heirs.years)

    conversion_rate = conversion_rates(settings, years)
    owner, conversion, heir = withdrawal_schedules(settings, assume, years, conversion_rate)
    nonqualified = rates.nonqualified_share if settings.roth.tax_nonqualified_earnings else 0 * rates.nonqualified_share
    inputs = ProjectionInputs(
        years=years,
        year_fraction=fraction,
        path_labels=labels,
        opening_usd=opening,
        opening_basis_usd=basis,
        contribution_usd=np.stack([contributions.traditional_usd, contributions.roth_usd], axis=1)[..., None]
        * of_years,
        half_return=np.stack([part[4] for part in per_path]),
        mix=np.arange(len(labels)),
        core_weight=np.stack([part[0] for part in per_path]),
        crypto_weight=np.stack([part[1] for part in per_path]),
        fee_rate=np.array([part[2] for part in per_path]),
        loss_rate=_loss_rate(settings, labels, years),
        **policy,
        sale_share=np.full(len(labels), settings.alternatives.sale_share),
        impact_multiplier=settings.overlays.price_impact_multiplier,
        impact_persistence=settings.overlays.price_impact_persistence,
        crypto_market_usd=_crypto_market(market, labels),
        **scope.leaving(rates, tilt),
        nonqualified_share=nonqualified,
        conversion_rate=np.broadcast_to(conversion_rate[:, None], (len(years), len(AGES_AT_OPENING))),
        death_rate=people.death_rate,
        spouse_share=spouse_share,
        heir_years=settings.heirs.years,
        holders=holders[..., None] * stratum_share,
        heirs=heirs[..., None] * stratum_share,
        owner_schedule=owner,
        conversion_schedule=conversion,
        heir_schedule=heir,
        additional_tax_rate=settings.withdrawals.additional_tax_rate,
        accounts=scope.accounts,
        **({} if scope.split is None else {"contribution_split": scope.split}),
    )
    return inputs, market


def _loss_rate(settings: Settings, labels: tuple[str, ...], years: np.ndarray) -> np.ndarray:
    """Share of the crypto sleeve lost, ``(P, Y)``, operational losses at their mean: on the scenario's path only."""
    overlays = settings.overlays
    mean = losses.expected_loss_rate(overlays.operational_loss_frequency, overlays.operational_recovery_share)
    operational = np.where(years > FIRST_YEAR + 1, mean, 0.0) if mean else np.zeros(len(years))
    own = with_custody_failure(settings, years, operational)
    return np.stack([own if label == SCENARIO_PATH else np.zeros(len(years)) for label in labels])


NO_BOUND_USD = 1e300
"""Market value of the substitute for crypto on a reference path: buying it moves no price."""


NO_MARKET_USD = 1e6
"""Value of all crypto below which it counts as lost: a millionth of today's."""


def with_a_market(value_usd: np.ndarray) -> np.ndarray:
    """Market values; after a total loss there is no price that buying could move."""
    return np.where(value_usd > NO_MARKET_USD, value_usd, NO_BOUND_USD)


def _crypto_market(market: paths.AssetPaths, labels: tuple[str, ...]) -> np.ndarray:
    """Value of all crypto at each opening, ``(P, Y)``, growing at the path's return without impact."""
    at_end = paths.implied_crypto_value_over_gdp(market)[0].to_numpy() * (
        macro(market.years[1:])["gdp_bn_usd"].to_numpy() * BILLION
    )
    first = crypto_start_usd()  # the market of the nine months of 2025 is taken at the value with which 2026 opens
    opening = with_a_market(np.concatenate([[first, first], at_end[:-1]]))
    return np.stack([opening if label == SCENARIO_PATH else np.full(len(opening), NO_BOUND_USD) for label in labels])


def _wage_ratio(year: int) -> float:
    """Average wage of ``year`` over 2025's."""
    wages = macro([year, FIRST_YEAR])["wage_index"]
    return float(wages.loc[year] / wages.loc[FIRST_YEAR])


def backstop(settings: Settings) -> Backstop:
    """The rule of the settings: cohorts within this number of years of the retirement age, at the year's end."""
    rule = settings.backstop
    attained = AGES_AT_OPENING + 1
    return Backstop(
        covered=(attained >= rule.retirement_age - rule.years_before) & (attained < rule.retirement_age),
        trigger_share=rule.trigger_share,
        made_up_share=rule.made_up_share,
    )
