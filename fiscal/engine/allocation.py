"""What a scenario's accounts hold: the core's mix, who holds crypto and from when, and what answers to returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base.arrays import ratio
from fiscal.base.axes import AGES_AT_OPENING, ASSETS, birth_years
from fiscal.markets import glide, paths
from fiscal.markets.core import returns_less_growth
from fiscal.people.contributions import share_at, shift_to_mean

if TYPE_CHECKING:
    from fiscal.scenario.schema import Settings

EQUITY, FOREIGN, CRYPTO = (ASSETS.index(name) for name in ("equity", "foreign_equity", "crypto"))


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
    stocks = np.zeros(weights.shape[2])
    stocks[[EQUITY, FOREIGN]] = 1.0
    if settings.adoption.displaces == "equity" and (weights @ stocks).min() > 0:
        weights = weights * stocks
    whole: np.ndarray = weights / weights.sum(axis=2, keepdims=True)
    return whole


def core_weights(weights: np.ndarray, crypto_share: np.ndarray, displaces_equity: bool) -> np.ndarray:
    """What the core sleeve holds by year, age and stratum, ``(Y, A, S, asset)``, each summing to one.

    ``weights`` (Y, A, asset) the glide path, ``crypto_share`` (Y, S) what the crypto sleeve holds of the
    balance as the year begins. When crypto displaces equity the core of a stratum holds that much less of
    it, at home and abroad alike, so that the whole balance keeps its bonds and cash; no more than all equity can be
    displaced. A core without equity, or one of which nothing is left, stays as it is.
    """
    shape = (*weights.shape[:2], *crypto_share.shape[1:], weights.shape[2])
    held = np.broadcast_to(weights[:, :, None, :], shape)
    if not displaces_equity:
        return held
    held = held.copy()
    stocks = held[..., [EQUITY, FOREIGN]]
    whole = stocks.sum(axis=3, keepdims=True)
    displaced = ratio(crypto_share[:, None, :, None], whole, 1.0)
    held[..., [EQUITY, FOREIGN]] = stocks * np.maximum(1 - displaced, 0.0)
    left = held.sum(axis=3, keepdims=True)
    return np.divide(held, left, out=np.broadcast_to(weights[:, :, None, :], shape).copy(), where=left > 0)


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


def policy_on_paths(settings: Settings, market: paths.AssetPaths, *, answers: bool = True) -> dict[str, np.ndarray]:
    """What the scenario's savers buy and hold on each path of a market: policy first, which may turn on a fall,
    then the answer to returns. Allocations and the scale of contributions ``(P, Y, S)``, the rest ``(P, Y)``.
    ``answers=False`` leaves the answers out: policy as the same adoption in equity meets it."""
    target = target_allocation(settings, market.years)
    turns = reversal_years(settings, market)
    policy = allocation_policy(settings, np.broadcast_to(target, (len(turns), *target.shape)), market.years, turns)
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


def _tilted(mean: float, age_tilt: float, group_tilt: float, years: np.ndarray, weight: np.ndarray) -> np.ndarray:
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


def allocation_policy(
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


def with_custody_failure(settings: Settings, years: np.ndarray, operational: np.ndarray) -> np.ndarray:
    """Losses ``(..., Y)`` with that of the year in which the settings let a custodian fail; of a sleeve with other
    alternatives only the crypto in it is lost."""
    overlays, held = settings.overlays, alternative_shares(settings)
    failure = np.where(years == overlays.custody_loss_year, overlays.custody_loss_share, 0.0)
    lost = 1 - (1 - failure) * (1 - operational)
    crypto = held[CRYPTO] / held.sum() if held.sum() else 1.0
    return lost if crypto == 1.0 else lost * crypto
