"""The backward passes of :mod:`fiscal.budget.vintages` in plain NumPy: what the compiled ones are held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from oracle import crypto_half_return

from fiscal.budget.ledger import BuildupTax
from fiscal.budget.vintages import TAXES, _average_rates, _impact, _marginal_rates, _Rates
from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.outputs import CORE, CRYPTO, ROTH, TRADITIONAL, AccountShares, Projection


def vintages(
    inputs: ProjectionInputs,
    projection: Projection,
    path: int,
    law: BuildupTax,
    *,
    discount: np.ndarray | None,
    opening_discount: float,
    contribution_tax_rate: np.ndarray,
    marginal: bool,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray | None]:
    """What ``value_vintages`` gives: the stock and contributions by line, and the claim."""
    shares, balances = projection.shares, projection.balances
    assert shares is not None and balances is not None
    portfolio = discount is None
    factors = np.ones(len(inputs.years)) if discount is None else discount
    rates = (_marginal_rates if marginal else _average_rates)(inputs, projection, path)
    kept = shares.paths.index(path)
    impact = _impact(inputs, projection, path)
    held = (balances.owners[0], balances.heirs[0]) if portfolio else None
    later, middle, claim = _tax_pass(inputs, shares, kept, path, rates, factors, portfolio, impact, held)
    scale = inputs.contribution_scale[path][:, None, None, None, :]
    contribution = inputs.contribution_usd * scale
    split = np.moveaxis(inputs.contribution_split, 0, 1)[..., None]  # (Y, W, character, A, G, 1)
    crypto = inputs.crypto_contribution_share[path][:, None, None, None, :]
    at_date = 1 / factors[:, None, None, None, None]
    values = {line: _put_in(contribution, split, crypto, middle[..., k]) * at_date for k, line in enumerate(TAXES)}
    shadow = _shadow_pass(inputs, shares, kept, path, law, factors, portfolio, impact)
    start = contribution.copy()
    start[:, TRADITIONAL] *= (1 - contribution_tax_rate)[..., None]
    values["inside_buildup_shadow"] = -_put_in(start, split, crypto, shadow) * at_date
    at_opening = 1.0 if portfolio else 1 / opening_discount
    stock = {line: (inputs.opening_usd * later[..., k]).sum(axis=(0, 1)) * at_opening for k, line in enumerate(TAXES)}
    return stock, values, claim


def _put_in(amount: np.ndarray, split: np.ndarray, crypto_share: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Value of contributions ``(Y, character, A, G, S)``, ``split`` over the accounts, at ``value``
    (Y, W, character, sleeve, A, G, S) a dollar."""
    share = crypto_share[:, None]
    by_account = split * ((1 - share) * value[:, :, :, CORE] + share * value[:, :, :, CRYPTO])
    return amount * by_account.sum(axis=1)


def _growth(inputs: ProjectionInputs, path: int, year: int, portfolio: bool, impact: np.ndarray) -> np.ndarray:
    """Growth of a dollar (half, sleeve, A, 1, S), fees and losses charged in the second half."""
    ages, _, strata = inputs.opening_usd.shape[2:]
    grow = np.ones((2, 2, ages, 1, strata))
    if portfolio:
        return grow
    mix = inputs.mix[path]
    core = np.einsum("hx,asx->has", inputs.half_return[path, year], inputs.core_weight[mix, year])
    grow[:, CORE, :, 0] += core
    grow[:, CRYPTO] += crypto_half_return(inputs, year)[path][:, None, None, None]
    grow[0, CRYPTO] *= impact[year]
    grow[1] *= (1 - _charge(inputs, path, year))[:, None, None, None]
    return grow


def _charge(inputs: ProjectionInputs, path: int, year: int) -> np.ndarray:
    """Fees and losses of a sleeve, charged on the balance at the year's end, (sleeve,)."""
    fees = inputs.fee_rate[inputs.mix[path]] * inputs.year_fraction[year]
    return fees + np.array([0.0, inputs.loss_rate[path, year]])


def _younger(value: np.ndarray, axis: int, last: np.ndarray | float) -> np.ndarray:
    """Value at next year's age ``a + 1`` seen from age ``a``; ``last`` for the last age."""
    moved = np.moveaxis(np.empty_like(value), axis, 0)
    source = np.moveaxis(value, axis, 0)
    moved[:-1], moved[-1] = source[1:], last
    return np.moveaxis(moved, 0, axis)


def _mixed(value: np.ndarray, moved: np.ndarray, axis: int) -> np.ndarray:
    """Value before rebalancing of a dollar in each sleeve (``axis``), from the values after it."""
    core, crypto = value.take(CORE, axis), value.take(CRYPTO, axis)
    gap = crypto - core
    bought, sold = np.maximum(moved, 0.0), np.minimum(moved, 0.0)
    return np.stack([core + bought * gap, crypto + sold * gap], axis=axis)


def _tax_pass(
    inputs: ProjectionInputs,
    shares: AccountShares,
    kept: int,
    path: int,
    rates: _Rates,
    discount: np.ndarray,
    portfolio: bool,
    impact: np.ndarray,
    balances: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Value of a dollar by line: at the opening of the first year ``(W, character 2, A, G, S, line)``
    (all of it in the core sleeve), and contributed to a plan in the middle of each year
    ``(Y, W, character 2, sleeve 2, A, G, S, line)``; and the income tax to come on traditional ``balances``
    ``(Y, sleeve 2)``, owners' and heirs', None without any."""
    n_years, heir_years = len(inputs.years), inputs.heir_years
    cell = inputs.opening_usd.shape[2:]
    lines = len(TAXES)
    withdrawal, conversion, additional = range(lines)
    accounts = len(inputs.accounts)
    value = np.zeros((lines, accounts, 2, 2, *cell))  # (line, wrapper, character, sleeve, A, G, S)
    heirs = np.zeros((heir_years, 2, *cell))  # traditional, (since, sleeve, A, G, S): withdrawal tax only
    paid = 1 / np.arange(heir_years, 0, -1)[:, None, None, None, None]
    middle = np.zeros((n_years, lines, accounts, 2, 2, *cell))
    claim = None if balances is None else np.zeros((n_years, 2))

    for y in reversed(range(n_years)):
        grow = _growth(inputs, path, y, portfolio, impact)  # (half, sleeve, A, 1, S)
        # closing: a year older next; owners past the last age are gone, their heirs' accounts stay
        after = _younger(value, 4, 0.0)
        heirs_closing = _younger(heirs, 2, heirs[:, :, -1])
        # deaths
        to_heirs = (inputs.death_rate[y] * (1 - inputs.spouse_share)[:, None])[..., None]  # (A, G, 1)
        after = (1 - to_heirs) * after
        after[withdrawal, :, TRADITIONAL] += to_heirs * heirs_closing[0]
        # the mix, the second half
        after = _mixed(after, shares.moved[kept, y], 3) * grow[1]
        middle[y] = after
        # the middle
        w, r = shares.withdrawn[kept, y][:, :, None], shares.rolled[kept, y][:, :, None]
        c = shares.converted[kept, y][:, None]
        stays = 1 - w
        stays[:-1] -= r
        stays[:, TRADITIONAL] -= c
        held = stays * after
        held[:, :-1] += r * after[:, -1:]
        held[:, :, TRADITIONAL] += c * after[:, :, ROTH]
        d = discount[y]
        held[withdrawal, :, TRADITIONAL] += w[:, TRADITIONAL] * rates.traditional[y] * d
        held[withdrawal, :, ROTH] += w[:, ROTH] * rates.roth[y] * d
        held[additional, :, TRADITIONAL] += w[:, TRADITIONAL] * rates.penalty[:, None, :, None, None] * d
        held[additional, :, ROTH] += w[:, ROTH] * rates.roth_penalty[y] * d
        held[conversion, :, TRADITIONAL] += c * rates.conversion[y] * d
        value = held * grow[0]
        # heirs: those of year ``since`` close as ``since + 1``; the oldest have been paid in full
        older = np.zeros_like(heirs)
        older[:-1] = heirs_closing[1:]
        older = _mixed(older, shares.heirs_moved[kept, y, :, TRADITIONAL], 1) * grow[1]
        heirs = (paid * rates.heirs[y] * d + (1 - paid) * older) * grow[0]
        if claim is not None and balances is not None:
            income_tax = value[withdrawal, :, TRADITIONAL] + value[conversion, :, TRADITIONAL]
            claim[y] = (balances[0][y] * income_tax).sum(axis=(0, 2, 3, 4))
            claim[y] += (balances[1][y] * heirs).sum(axis=(0, 2, 3, 4))
    return np.moveaxis(value[:, :, :, CORE], 0, -1), np.moveaxis(middle, 1, -1), claim


@dataclass(frozen=True, kw_only=True)
class _Outside:
    """A year of a taxable account, a dollar in each sleeve: ``(half, sleeve, A, G, S)``."""

    grow: np.ndarray  # what is left of a dollar after the half's return and the tax on it
    tax: np.ndarray  # tax of the half
    gain: np.ndarray  # gain of the half not yet taxed
    charge: np.ndarray  # what fees and losses leave
    discount: np.ndarray  # the sleeve's own growth before tax, where that is the discount; else one


def _outside(
    inputs: ProjectionInputs, path: int, year: int, law: BuildupTax, portfolio: bool, impact: float
) -> _Outside:
    mix = inputs.mix[path]
    ages, groups, strata = inputs.opening_usd.shape[2:]
    returns = inputs.half_return[path, year]  # (half, X)
    payout = np.broadcast_to(law.payout_rate[year] / 2, returns.shape)
    interest = returns * law.interest_share
    price = returns * (1 - law.interest_share) - payout
    weights = np.empty((2, ages, strata, returns.shape[1]))
    weights[CORE], weights[CRYPTO] = inputs.core_weight[mix, year], inputs.crypto_weight[mix]

    def in_sleeves(parts: np.ndarray) -> np.ndarray:
        return np.einsum("hx,kasx->hkas", parts, weights)[:, :, :, None, :]

    def rate(values: np.ndarray) -> np.ndarray:
        return values[year][None, None, :, :, None]

    # an asset that pays interest has no gain; of a gain, the realised share is taxed at once
    tax = (
        in_sleeves(interest) * rate(law.interest_rate)
        + in_sleeves(payout) * rate(law.dividend_rate)
        + in_sleeves(price * law.gain_share) * rate(law.gain_rate)
    )
    gain = in_sleeves(price * (1 - law.gain_share)) * np.ones((groups, 1))
    whole = in_sleeves(returns)
    # what price impact added is a gain of the crypto sleeve's assets
    added = (1 + whole[0, CRYPTO]) * (impact - 1)
    at_once = float(inputs.crypto_weight[mix] @ law.gain_share)
    tax[0, CRYPTO] += added * at_once * rate(law.gain_rate)[0, 0]
    gain[0, CRYPTO] += added * (1 - at_once)
    whole[0, CRYPTO] += added
    charge = np.ones((2, 2, 1, 1, 1))
    charge[1] -= _charge(inputs, path, year)[:, None, None, None]
    return _Outside(
        grow=(1 + whole - tax) * charge,
        tax=tax,
        gain=gain * charge,
        charge=charge,
        discount=(1 + whole) * charge if portfolio else np.ones_like(whole),
    )


def _shadow_pass(
    inputs: ProjectionInputs,
    shares: AccountShares,
    kept: int,
    path: int,
    law: BuildupTax,
    discount: np.ndarray,
    portfolio: bool,
    impact: np.ndarray,
) -> np.ndarray:
    """Tax of the shadow account of a dollar that opens it in the middle of each year,
    ``(Y, W, character 2, sleeve 2, A, G, S)``.

    The shadow of plan money that is rolled over goes on by the IRA's shares, that of converted money by the
    Roth account's: nothing is taxed at either, since a taxable account has no wrapper to leave.
    """
    n_years, heir_years = len(inputs.years), inputs.heir_years
    cell = inputs.opening_usd.shape[2:]
    accounts = len(inputs.accounts)
    value = np.zeros((accounts, 2, 2, *cell))  # tax to come of a dollar (wrapper, character, sleeve, A, G, S)
    gain = np.zeros_like(value)  # the same of a dollar of gain not yet taxed
    heirs = np.zeros((heir_years, 2, 2, *cell))  # (since, character, sleeve, A, G, S)
    heirs_gain = np.zeros_like(heirs)
    paid = 1 / np.arange(heir_years, 0, -1)[:, None, None, None, None, None]
    middle = np.zeros((n_years, accounts, 2, 2, *cell))

    for y in reversed(range(n_years)):
        year = _outside(inputs, path, y, law, portfolio, impact[y])
        d = discount[y]
        rate = law.gain_rate[y][..., None]  # (A, G, 1)

        def through_half(
            v: np.ndarray, u: np.ndarray, h: int, year: _Outside = year, d: float = d
        ) -> tuple[np.ndarray, np.ndarray]:
            """Values before a half from those after it: growth, its tax, its untaxed gain. A charge
            on the balance takes its part of the gain along."""
            own = year.discount[h]
            return (v * year.grow[h] + u * year.gain[h] + year.tax[h] * d) / own, u * year.charge[h] / own

        def through_mix(
            v: np.ndarray, u: np.ndarray, moved: np.ndarray, rate: np.ndarray = rate, d: float = d
        ) -> tuple[np.ndarray, np.ndarray]:
            """Selling a share of a sleeve realises that share of its gain; the tax is paid out of the sale."""
            sold = np.stack([np.maximum(moved, 0.0), np.maximum(-moved, 0.0)], axis=2)
            mixed = _mixed(v, moved, 2)
            return mixed, u * (1 - sold) + sold * rate * (d - mixed)

        # closing, deaths: the gain is forgiven
        after, after_gain = _younger(value, 3, 0.0), _younger(gain, 3, 0.0)
        closing = _younger(heirs, 3, np.moveaxis(heirs, 3, 0)[-1])
        closing_gain = _younger(heirs_gain, 3, np.moveaxis(heirs_gain, 3, 0)[-1])
        to_heirs = (inputs.death_rate[y] * (1 - inputs.spouse_share)[:, None])[..., None]
        after = (1 - to_heirs) * after + to_heirs * closing[0]
        after_gain = (1 - to_heirs) * after_gain
        after, after_gain = through_half(*through_mix(after, after_gain, shares.moved[kept, y]), 1)
        middle[y] = after
        # the middle: what is withdrawn takes its gain along, taxed
        w = shares.withdrawn[kept, y][:, :, None]
        r, c = shares.rolled[kept, y][:, :, None], shares.converted[kept, y][:, None]
        stays = 1 - w
        stays[:-1] -= r
        stays[:, TRADITIONAL] -= c

        def flows(a: np.ndarray, stays: np.ndarray = stays, r: np.ndarray = r, c: np.ndarray = c) -> np.ndarray:
            held = stays * a
            held[:-1] += r * a[-1:]
            held[:, TRADITIONAL] += c * a[:, ROTH]
            return held

        before, before_gain = flows(after), flows(after_gain) + w * rate * d
        value, gain = through_half(before, before_gain, 0)
        # heirs
        older, older_gain = np.zeros_like(heirs), np.zeros_like(heirs)
        older[:-1], older_gain[:-1] = closing[1:], closing_gain[1:]
        older, older_gain = through_half(*through_mix(older, older_gain, shares.heirs_moved[kept, y]), 1)
        heirs, heirs_gain = through_half((1 - paid) * older, (1 - paid) * older_gain + paid * rate * d, 0)
    return middle
