"""Where law, people and markets meet: a scenario's settings become the projection's arrays."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from platformdirs import user_cache_path

from fiscal.base import sources
from fiscal.base.axes import AGES_AT_OPENING, ASSETS, FIRST_YEAR, GROUPS, birth_years
from fiscal.budget.ledger import Backstop, BuildupTax, ContributionTaxes
from fiscal.law import schedules as law_schedules
from fiscal.law.reforms import Reform, read_reform, said_of
from fiscal.law.years import OWN_SCOPES
from fiscal.markets import glide, losses, paths
from fiscal.markets.core import returns_less_growth
from fiscal.markets.history import crypto_start_usd
from fiscal.people.accounts import ALL_PLANS, PLAN, AccountType, Scope
from fiscal.people.contributions import Contributions, share_at, shift_to_mean
from fiscal.people.economy import macro
from fiscal.people.mobility import mobility_matrix
from fiscal.people.opening import open_accounts, rollover_stock
from fiscal.people.withdrawals import (
    WithdrawalRates,
    incidence,
    leakage_tilt,
    project_rates,
    working_share_of_withdrawals,
)
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.scenario import baselines_added, reform_files

if TYPE_CHECKING:
    from fiscal.people.population import Population
    from fiscal.scenario.schema import Settings

Progress = Callable[[int, int, str], None]

SCENARIO_PATH = "scenario"
NO_CRYPTO_PATH = "no_crypto"
EQUITY_PATH = "equity_adoption"
SIPP_YEAR = 2022
BILLION = 1e9
EQUITY, FOREIGN, CRYPTO = (ASSETS.index(name) for name in ("equity", "foreign_equity", "crypto"))


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


STATE_TAX_YEAR = 2024
"""Year of the incomes that state income taxes are set against."""


def average_state_rate() -> float:
    """Individual income taxes of all states over the income on federal returns: Census, and CBO's newest baseline."""
    collected = (
        sources.table("state_income_tax").set_index("item").at["individual_income_tax", "value_bn_usd"]
    )
    incomes = sources.table("cbo_income_tax_details").query("year == @STATE_TAX_YEAR")
    incomes = incomes.set_index("cbo_baseline")["total_income_bn_usd"]
    newest = max(incomes.index, key=lambda label: datetime.strptime(str(label), "%b %Y"))
    return float(collected) / float(incomes[newest])


def core_overrides(settings: Settings) -> dict[str, float]:
    """Constant returns that the scenario sets, by asset."""
    chosen = {
        "equity": settings.paths.core_equity_return,
        "foreign_equity": settings.paths.core_foreign_equity_return,
        "bonds": settings.paths.core_bond_return,
        "cash": settings.paths.core_cash_return,
    }
    return {asset: rate for asset, rate in chosen.items() if rate is not None}


def path_settings(settings: Settings) -> dict[str, Any]:
    """The inputs of a path model: the section ``paths``, constant returns, assumptions, the opening."""
    return {
        **settings.paths.model_dump(),
        "core": core_overrides(settings),
        "assumptions": dict(settings.assumptions),
        "opening": settings.horizon.opening,
    }


def adoption_curve(years: np.ndarray, start_year: int, full_year: int) -> np.ndarray:
    """S-curve of adoption, ``(Y,)``: 0 before ``start_year``, 1 from ``full_year``.

    ``3 u^2 - 2 u^3`` with ``u`` the elapsed share of the ramp: level and slope are continuous and both
    ends are exact (a logistic curve would be neither 0 today nor 1 in the stated year).
    """
    elapsed = np.clip((years - start_year + 1) / (full_year - start_year + 1), 0.0, 1.0)
    return elapsed**2 * (3 - 2 * elapsed)


def core_glide_path(settings: Settings, years: np.ndarray) -> np.ndarray:
    """What the core holds by year and age before any crypto, ``(Y, A, asset)``: as published, or the scenario's mix."""
    chosen = settings.paths
    mix = {"equity": chosen.mix_equity_share, "bonds": chosen.mix_bond_share, "cash": chosen.mix_cash_share}
    own = {asset: share for asset, share in mix.items() if share is not None}
    return glide.glide_path(years, chosen.foreign_equity_share, own or None)


MEAN_DOLLAR_AGE = 52
"""Mean age of the opening 401(k) balances, each dollar counted; the mix of that age is within a hundredth of that of
all balances."""


def returns_beside_growth(settings: Settings, first_year: int, last_year: int) -> dict[str, float]:
    """Expected returns of U.S. stocks and of the core's mix at :data:`MEAN_DOLLAR_AGE`, and growth of GDP, over the
    years, both inside (:func:`fiscal.markets.core.returns_less_growth`)."""
    years = np.arange(first_year, last_year + 1)
    mix = core_glide_path(settings, years)[:, AGES_AT_OPENING == MEAN_DOLLAR_AGE][:, 0]
    return returns_less_growth(path_settings(settings), first_year, last_year, mix)


def pushed_out_weights(settings: Settings, years: np.ndarray) -> np.ndarray:
    """What a dollar of crypto takes the place of in the plan, ``(Y, A, asset)``, each summing to one."""
    weights = core_glide_path(settings, years)
    if settings.adoption.displaces == "equity":
        kept = np.zeros(weights.shape[2])
        kept[[EQUITY, FOREIGN]] = 1.0
        weights = weights * kept
    whole: np.ndarray = weights / weights.sum(axis=2, keepdims=True)
    return whole


def core_weights(weights: np.ndarray, crypto_share: np.ndarray, displaces_equity: bool) -> np.ndarray:
    """What the core sleeve holds by year, age and stratum, ``(Y, A, S, asset)``, each summing to one.

    ``weights`` (Y, A, asset) the glide path, ``crypto_share`` (Y, S) what the crypto sleeve holds of the
    balance as the year begins. When crypto displaces equity the core of a stratum holds that much less of
    it, at home and abroad alike, so that the whole balance keeps its bonds and cash; no more than all equity can be
    displaced.
    """
    shape = (*weights.shape[:2], *crypto_share.shape[1:], weights.shape[2])
    held = np.broadcast_to(weights[:, :, None, :], shape)
    if not displaces_equity:
        return held
    held = held.copy()
    stocks = held[..., [EQUITY, FOREIGN]]
    whole = stocks.sum(axis=3, keepdims=True)
    held[..., [EQUITY, FOREIGN]] = stocks * np.maximum(1 - crypto_share[:, None, :, None] / whole, 0.0)
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
    policy: dict[str, Any] = _policy(settings, targets, years, turns)
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
        (
            one.balance_usd(opened.balance_usd, scale, settings.horizon.opening),
            one.type.roth_share(roth_stock),
        )
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
    tilt = leakage_tilt(
        held_usd, opened.mean_balance_usd(first), settings.withdrawals.leakage_balance_elasticity
    )
    spouse_share = np.clip(rates.spouse_share * settings.heirs.spouse_share_scale, 0.0, 1.0)
    left_to_heirs = people.deaths * holder_share * (1 - spouse_share)[None, :, None]
    heirs = heirs_by_cohort(left_to_heirs * assume["heirs_per_account"], settings.heirs.years)

    conversion_rate = _conversion_rate(settings, years)
    owner, conversion, heir = _withdrawal_schedules(settings, assume, years, conversion_rate)
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


def holds_alternatives(settings: Settings) -> bool:
    """Whether any participant holds crypto or another alternative asset."""
    return settings.adoption.participants_share > 0 and float(alternative_shares(settings).sum()) > 0


def target_allocation(settings: Settings, years: np.ndarray) -> np.ndarray:
    """Target of the crypto sleeve in the strata's balances before any answer to returns, ``(Y, S)``."""
    adoption = settings.adoption
    if not holds_alternatives(settings):
        return np.zeros((len(years), 1))
    whole = float(alternative_shares(settings).sum())
    curve = adoption_curve(years, adoption.start_year, adoption.full_year) * whole
    levels = np.array([0.0, 1.0])
    if splits_holders(settings):
        heavy, multiple = adoption.allocation_heavy_share, adoption.allocation_heavy_multiple
        light = 1 / (1 + heavy * (multiple - 1))  # the mean of those who hold any is the setting
        levels = np.array([0.0, light, light * multiple])
    return curve[:, None] * levels


def splits_holders(settings: Settings) -> bool:
    """Whether those who hold crypto are of two kinds, one with a larger allocation than the other."""
    return settings.adoption.allocation_heavy_multiple > 1


def policy_on_paths(
    settings: Settings, market: paths.AssetPaths, *, answers: bool = True
) -> dict[str, np.ndarray]:
    """What the scenario's savers buy and hold on each path of a market: policy first, which may turn on a fall,
    then the answer to returns. Allocations and the scale of contributions ``(P, Y, S)``, the rest ``(P, Y)``.
    ``answers=False`` leaves the answers out: policy as the same adoption in equity meets it."""
    target = target_allocation(settings, market.years)
    turns = reversal_years(settings, market)
    policy = _policy(settings, np.broadcast_to(target, (len(turns), *target.shape)), market.years, turns)
    answer = allocation_answer(settings, market) if answers else None
    if answer is not None:
        for name in ("crypto_target_share", "crypto_contribution_share"):
            policy[name] = np.clip(policy[name] * answer[:, :, None], 0.0, 1.0)
    if answers:
        policy["contribution_scale"] = contribution_answer(settings, market, target.shape[1])
    return policy


def answers_to_paths(settings: Settings) -> bool:
    """Whether anything that savers or policy do depends on the path."""
    behaviour = settings.behaviour
    return bool(
        behaviour.chasing
        or behaviour.panic_share
        or behaviour.contribution_return_response
        or settings.overlays.reversal_trigger_fall is not None
    )


NEVER = 9999
"""A year in which nothing turns."""


def reversal_years(settings: Settings, market: paths.AssetPaths) -> np.ndarray:
    """Year in which policy turns against alternatives on each path, ``(P,)``: the year set, or the one after the
    first calendar year from 2026 on in which crypto falls by the trigger."""
    overlays = settings.overlays
    crypto = market.annual_returns()[..., CRYPTO]
    turns = np.full(len(crypto), NEVER if overlays.reversal_year is None else overlays.reversal_year)
    if overlays.reversal_trigger_fall is not None:
        fell = crypto[:, 1:] <= -overlays.reversal_trigger_fall
        first = np.where(fell.any(axis=1), market.years[1:][fell.argmax(axis=1)] + 1, NEVER)
        turns = np.minimum(turns, first)
    return turns


def _excess(market: paths.AssetPaths) -> np.ndarray:
    """Log return of crypto over equity in the calendar year before, ``(P, Y)``; nothing before 2027."""
    annual = market.annual_returns()
    logs = np.log1p(np.maximum(annual, paths.ALL_BUT_NOTHING))
    excess = logs[..., CRYPTO] - logs[..., EQUITY]
    before = np.zeros(excess.shape)
    before[:, 2:] = excess[:, 1:-1]
    return before


def contribution_answer(settings: Settings, market: paths.AssetPaths, strata: int) -> np.ndarray:
    """What contributions are multiplied by on each path, ``(P, Y, S)``: only those of holders of crypto answer."""
    scale = np.ones((len(market.half_returns), len(market.years), strata))
    response = settings.behaviour.contribution_return_response
    if response and strata > 1:
        scale[..., 1:] = np.clip(1 + response * _excess(market), 0.5, 2.0)[..., None]
    return scale


def strata_shares(settings: Settings, years: np.ndarray, holders: np.ndarray) -> np.ndarray:
    """Shares of the strata of :func:`~fiscal.base.axes.stratum_names`: ``(S,)``, or ``(Y, A, G, S)`` where they
    differ by birth year or earnings group. A cohort's share is its own for life; the means over ``holders`` (A, G),
    those of 2025, are the settings: participants who hold any, and of these the holders of the larger allocation."""
    adoption = settings.adoption
    weight = holders / holders.sum()
    any_crypto = _tilted(adoption.participants_share, adoption.age_tilt, adoption.group_tilt, years, weight)
    if not splits_holders(settings):
        return np.stack([1 - any_crypto, any_crypto], axis=-1)
    opening = any_crypto if any_crypto.ndim == 0 else any_crypto[0]
    tilts = adoption.allocation_age_tilt, adoption.allocation_group_tilt
    heavy = _tilted(adoption.allocation_heavy_share, *tilts, years, weight * opening)
    any_crypto, heavy = np.broadcast_arrays(any_crypto, heavy)
    return np.stack([1 - any_crypto, any_crypto * (1 - heavy), any_crypto * heavy], axis=-1)


def _tilted(
    mean: float, age_tilt: float, group_tilt: float, years: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """A share tilted in log-odds by birth year and earnings group: ``()``, or ``(Y, A, G)`` where a tilt is set,
    with the mean kept over ``weight`` (A, G) in the first year."""
    if not (age_tilt or group_tilt) or mean >= 1:
        return np.array(mean)
    born = birth_years(years)  # (Y, A)
    middle = np.average(born[0], weights=weight.sum(axis=1))
    odds = age_tilt * (born - middle)[:, :, None] / 10 + group_tilt * np.linspace(-0.5, 0.5, weight.shape[1])
    return share_at(odds + shift_to_mean(odds[0], weight / weight.sum(), mean))


def allocation_answer(settings: Settings, market: paths.AssetPaths) -> np.ndarray | None:
    """Factor ``(P, Y)`` on the allocation where savers chase returns or sell in panic (section ``behaviour``); None
    where they do neither. What happened in a calendar year acts in the next, from 2027 on."""
    behaviour = settings.behaviour
    if not (behaviour.chasing or behaviour.panic_share):
        return None
    factor = np.clip(1 + behaviour.chasing * _excess(market), 0.0, 2.0)
    fell = market.annual_returns()[..., CRYPTO] <= -behaviour.panic_fall
    panic = np.zeros_like(fell)
    for later in range(1, behaviour.panic_years + 1):
        panic[:, 1 + later :] |= fell[:, 1:-later]
    return np.where(panic, factor * (1 - behaviour.panic_share), factor)


def _policy(
    settings: Settings, targets: np.ndarray, years: np.ndarray, turns: np.ndarray
) -> dict[str, np.ndarray]:
    """What is bought and held: the targets ``(P, Y, S)``, until policy turns in the year ``turns`` (P,)."""
    adoption = settings.adoption
    moves = np.full(targets.shape[:2], adoption.mode == "transfer")
    strength = np.full(targets.shape[:2], adoption.rebalancing)
    after = years >= turns[:, None]
    if not after.any():
        held, bought = targets, targets
    else:
        bought = np.where(after[..., None], 0.0, targets)
        if settings.overlays.reversal_kind == "forced_sale":
            held = bought
            moves, strength = moves | after, np.where(after, 1.0, strength)
        else:
            held, moves = targets, moves & ~after
    return {
        "crypto_target_share": held,
        "crypto_contribution_share": bought,
        "transfer": moves,
        "rebalancing": strength,
    }


def _loss_rate(settings: Settings, labels: tuple[str, ...], years: np.ndarray) -> np.ndarray:
    """Share of the crypto sleeve lost, ``(P, Y)``, operational losses at their mean: on the scenario's path only."""
    overlays = settings.overlays
    mean = losses.expected_loss_rate(overlays.operational_loss_frequency, overlays.operational_recovery_share)
    operational = np.where(years > FIRST_YEAR + 1, mean, 0.0) if mean else np.zeros(len(years))
    own = with_custody_failure(settings, years, operational)
    return np.stack([own if label == SCENARIO_PATH else np.zeros(len(years)) for label in labels])


def with_custody_failure(settings: Settings, years: np.ndarray, operational: np.ndarray) -> np.ndarray:
    """Losses ``(..., Y)`` with that of the year in which the settings let a custodian fail; of a sleeve with other
    alternatives only the crypto in it is lost."""
    overlays, held = settings.overlays, alternative_shares(settings)
    failure = np.where(years == overlays.custody_loss_year, overlays.custody_loss_share, 0.0)
    lost = 1 - (1 - failure) * (1 - operational)
    crypto = held[CRYPTO] / held.sum() if held.sum() else 1.0
    return lost if crypto == 1.0 else lost * crypto


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
    first = (
        crypto_start_usd()
    )  # the market of the nine months of 2025 is taken at the value with which 2026 opens
    opening = with_a_market(np.concatenate([[first, first], at_end[:-1]]))
    return np.stack(
        [opening if label == SCENARIO_PATH else np.full(len(opening), NO_BOUND_USD) for label in labels]
    )


def _wage_ratio(year: int) -> float:
    """Average wage of ``year`` over 2025's."""
    wages = macro([year, FIRST_YEAR])["wage_index"]
    return float(wages.loc[year] / wages.loc[FIRST_YEAR])


def _conversion_rate(settings: Settings, years: np.ndarray) -> np.ndarray:
    """Share of the traditional balance that is converted, ``(Y,)``."""
    withdrawals = settings.withdrawals
    last = min(withdrawals.conversion_last_year, settings.horizon.last_year)
    return np.where(
        (years >= withdrawals.conversion_first_year) & (years <= last), withdrawals.conversion_rate, 0.0
    )


def _withdrawal_schedules(
    settings: Settings, assume: Mapping[str, float], years: np.ndarray, conversion_rate: np.ndarray
) -> tuple[TaxSchedule, TaxSchedule, TaxSchedule]:
    """Schedules of owners' withdrawals, of their conversions, and of heirs.

    Those who convert are those who withdraw, and others beside them where the rate (Y,) is above the share who
    withdraw: a share of all balances cannot be converted by a smaller share of the holders.
    """
    if settings.tax.flat_rate is not None:
        knots = np.broadcast_to(np.array([0.0, 1e6]), (len(years), 2)).copy()
        tax = np.broadcast_to(
            knots[:, None, None, :] * settings.tax.flat_rate,
            (len(years), len(AGES_AT_OPENING), len(GROUPS), 2),
        ).copy()
        flat = TaxSchedule(knots_usd=knots, tax_usd=tax * settings.tax.withdrawal_scale)
        return flat, flat, flat
    retired = mobility_matrix(settings.people.retired_rank_correlation)
    schedules = schedules_in_force(settings)
    spread = law_schedules.group_sigma() * assume["withdrawal_sigma_scale"]
    scale = settings.tax.withdrawal_scale
    at_work = working_share_of_withdrawals(assume, settings.withdrawals.retirement_age_shift)
    draws = incidence(assume, years, settings.withdrawals.rmd_age_shift)
    by_owner, by_heir = _expected_tax(
        schedules, years, draws, retired, spread, at_work, settings.heirs.age_gap
    )
    owner, heir = _scaled(by_owner, scale), _scaled(by_heir, scale)
    converts = np.maximum(draws, conversion_rate[:, None])
    conversion = owner
    if (converts > draws).any():
        by_converter = schedules.withdrawal_tax(years, converts, retired, spread, working_share=at_work)
        conversion = _scaled(by_converter, scale)
    return owner, conversion, heir


def _expected_tax(
    schedules: law_schedules.Schedules,
    years: np.ndarray,
    draws: np.ndarray,
    retired: np.ndarray,
    spread: np.ndarray,
    at_work: np.ndarray,
    heir_age_gap: int,
) -> tuple[law_schedules.WithdrawalSchedule, law_schedules.WithdrawalSchedule]:
    """Expected tax of owners and of heirs under a law, both by the owner's age; what was worked out last is kept,
    since a scenario with other contributions, returns or adoption asks for the same. ``draws`` are the shares of
    holders who draw, ``retired`` the mobility to retirement, ``spread`` that of what they take, ``at_work`` the share
    taken at work."""
    key = tuple(
        values.tobytes() for values in (years, draws, retired, spread, at_work, np.array(heir_age_gap))
    )
    last = _LAST_EXPECTED.get("law")
    if last is None or last[0] is not schedules or last[1] != key:
        # heirs must draw every year: everybody withdraws
        certain = schedules.withdrawal_tax(years, np.ones(len(AGES_AT_OPENING)), retired, spread)
        heir_age = np.maximum(np.arange(len(AGES_AT_OPENING)) - heir_age_gap, 0)
        found = (
            schedules.withdrawal_tax(years, draws, retired, spread, working_share=at_work),
            replace(certain, tax_usd=certain.tax_usd[:, heir_age]),
        )
        for schedule in found:
            schedule.knots_usd.flags.writeable = schedule.tax_usd.flags.writeable = False
        last = (schedules, key, found)
        _LAST_EXPECTED["law"] = last
    return last[2]


_LAST_EXPECTED: dict[str, tuple[Any, tuple[bytes, ...], Any]] = {}
"""The schedules that :func:`_expected_tax` gave last, with the law and the content that they are of."""


def _scaled(schedule: law_schedules.WithdrawalSchedule, scale: float) -> TaxSchedule:
    """A schedule with every rate multiplied; the arrays themselves where that changes nothing."""
    tax = schedule.tax_usd if scale == 1 else schedule.tax_usd * scale
    return TaxSchedule(knots_usd=schedule.knots_usd, tax_usd=tax)


def contribution_taxes(
    settings: Settings,
    assume: Mapping[str, float],
    years: np.ndarray,
    mobility: np.ndarray,
    contributions: Contributions,
) -> ContributionTaxes:
    """Income and payroll tax that the year's contributions avoid or bring."""
    deferral = schedules_in_force(settings).deferral(years, mobility)
    # an employer's dollar of contribution would be paid as this much less wages
    employer = contributions.employer_usd / (1 + assume["employer_payroll_rate"])
    oasdi, hi = employer * contributions.covered_share * deferral.oasdi_rate, employer * deferral.hi_rate
    flat = settings.tax.flat_rate
    if flat is not None:
        deferred, upfront = flat * contributions.traditional_usd, flat * contributions.roth_usd
    else:
        # the multiples count what would be deferred under the law's limits, so that a change takes the margin
        imputed = contributions.imputed_usd
        saved = imputed * deferral.saved_at(contributions.deferral_multiple)
        deferred = saved + contributions.employer_traditional_usd * deferral.employer_rate
        upfront = (
            imputed * deferral.saved_at(contributions.elective_multiple)
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
    deferral = schedules_in_force(settings).deferral(years, mobility)
    step = 0.01
    multiple = contributions.deferral_multiple
    slope = (deferral.saved_at(multiple * (1 + step)) - deferral.saved_at(multiple)) / step
    return contributions.imputed_usd * slope + contributions.employer_traditional_usd * deferral.employer_rate


CACHE_VARIABLE = "FISCAL_CACHE"


def cache_dir() -> Path:
    """Folder of what is built once and can be built again: ``FISCAL_CACHE``, else the user's cache folder
    (``~/.cache/fiscal`` on Linux), else, without one that can be written, one in the temporary folder that is this
    user's alone."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    with contextlib.suppress(OSError):  # none that can be written
        folder = user_cache_path("fiscal")
        if folder.is_absolute():  # else a user without a home
            folder.mkdir(parents=True, exist_ok=True)
        if folder.is_absolute() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return _private_folder()


@cache
def _private_folder() -> Path:
    """A folder of the temporary one that no other user can read, write, or have laid out before.

    The same in every run of a user, so that what is built is found again; a new one, deleted at exit, where that name
    is somebody else's.
    """
    if hasattr(os, "getuid"):
        folder = Path(tempfile.gettempdir()) / f"fiscal-{os.getuid()}"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
                return folder
    folder = Path(tempfile.mkdtemp(prefix="fiscal-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def reform_of(settings: Settings) -> Reform | None:
    """What the reform files of a scenario say, its years moved as it says; None under current law.

    Raises InputError for files that are missing or are not reforms.
    """
    if settings.law.reform is None:
        return None
    return read_reform(*reform_files(settings.law.reform)).moved(settings.law.reform_year)


def law_warnings(settings: Settings) -> tuple[str, ...]:
    """Messages about a scenario's reform: parts of its files that are not used, and Tax-Calculator's warnings.

    Tax-Calculator tries the reform (seconds) unless its schedules are built. Raises InputError for files that are
    missing or are not reforms, and in Tax-Calculator's words for a reform that it refuses.
    """
    reform = reform_of(settings)
    if reform is None:
        return ()
    added = (
        f"{over}: applied on top of {name}, which its header names; differences are from current law"
        for name, over in baselines_added(settings.law.reform or "").items()
    )
    return (*added, *said_of(reform, law_schedules.warnings_of(reform, cache_dir(), own_scope(settings))))


def own_scope(settings: Settings) -> str:
    """Whose withdrawals the tax schedules of a scenario leave out of income: the one of ``OWN_SCOPES`` that is closest
    to the plans in its scope."""
    return settings.scope.plans if settings.scope.plans in OWN_SCOPES else ALL_PLANS


def schedules_in_force(settings: Settings, progress: Progress | None = None) -> law_schedules.Schedules:
    """The tax schedules of a scenario: current law's as stored, or those of its reform, built on first use (minutes).

    Raises InputError with Tax-Calculator's own message for a reform that it refuses.
    """
    reform = reform_of(settings)
    scope = own_scope(settings)
    if reform is None:
        return law_schedules.load(scope=scope)
    key = law_schedules.reform_key(reform, scope)
    if key not in _REFORMS:
        _REFORMS[key] = law_schedules.for_reform(reform, cache_dir(), macro(), progress, scope=scope)
    return _REFORMS[key]


def law_in_force(settings: Settings) -> str:
    """Name of the law for a run's record: current law, or the hash of the reform's schedules, which are built if they
    are not yet."""
    if settings.law.reform is None:
        return "current law"
    return f"reform, schedules {schedules_in_force(settings).sha256}"


_REFORMS: dict[str, law_schedules.Schedules] = {}
"""Reform schedules that this process has read, by content key of what makes them."""


def backstop(settings: Settings) -> Backstop:
    """The rule of the settings: cohorts within this number of years of the retirement age, at the year's end."""
    rule = settings.backstop
    attained = AGES_AT_OPENING + 1
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
    """What the law would take of each asset's return outside a plan (shares of gains realized are assumed).

    Bonds and cash pay their return as interest, and so does real estate (a REIT's dividend is ordinary
    income, s.857(b), s.199A aside); equity pays its dividend yield and, on the rest, the realized share;
    private equity the realized share; commodities are marked to the market (s.1256).
    """
    flat = settings.tax.flat_rate
    if flat is not None:
        shape = (len(years), len(AGES_AT_OPENING), len(GROUPS))
        interest = dividend = gain = np.full(shape, flat)
    else:
        interest, dividend, gain = schedules_in_force(settings).outside(years, mobility)
    as_interest = {"bonds": 1.0, "cash": 1.0, "real_estate": 1.0}
    as_gain = {
        "equity": assume["gain_realisation_share"],
        "foreign_equity": assume["gain_realisation_share"],
        "private_equity": assume["gain_realisation_share"],
        "crypto": assume["crypto_realisation_share"],
        "commodities": 1.0,
    }
    payout = np.zeros((len(years), len(ASSETS)))
    payout[:, [EQUITY, FOREIGN]] = assume["equity_dividend_yield"] * fraction[:, None]
    return BuildupTax(
        interest_rate=interest,
        dividend_rate=dividend,
        gain_rate=gain,
        interest_share=np.array([as_interest.get(asset, 0.0) for asset in ASSETS]),
        gain_share=np.array([as_gain.get(asset, 0.0) for asset in ASSETS]),
        payout_rate=payout,
        loss_limit_usd=assume["capital_loss_limit_usd"],
    )
