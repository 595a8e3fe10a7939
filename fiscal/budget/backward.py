"""The compiled backward passes of :mod:`fiscal.budget.vintages`, whose equations these are.

A *cell* is an age, group and stratum. Going back through the years each cell asks only its own cohort, a year older:
ages are gone through from the youngest, so that what is asked for has not been overwritten, and the groups and strata
of an age are adjacent in the innermost loops, each for itself. Every sum has one order. The same in plain NumPy is the
tests' oracle.
"""

from __future__ import annotations

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
"""Bases are valued in threads; of fast-math contraction only."""

TRADITIONAL, ROTH, CORE, CRYPTO = 0, 1, 0, 1
WITHDRAWAL, CONVERSION, ADDITIONAL = 0, 1, 2  # lines, in the order of TAXES


@compiled
def _mix(values, moved, grow, out, n):
    """Values before rebalancing and the half before it, from the values after both."""
    core, crypto = values[CORE, n], values[CRYPTO, n]
    gap = crypto - core
    out[CORE, n] = (core + max(moved, 0.0) * gap) * grow[CORE, n]
    out[CRYPTO, n] = (crypto + min(moved, 0.0) * gap) * grow[CRYPTO, n]


@compiled
def _put_in(amount, crypto_share, values, n):
    """What a contribution brings that is spread over the sleeves."""
    return amount * ((1 - crypto_share) * values[CORE, n] + crypto_share * values[CRYPTO, n])


@compiled
def taxes(
    stock, vintages, claim, opening, contribution, paid_in, crypto_share, growth, to_heirs, withdrawn, rolled,
    converted, moved, heirs_moved, traditional, roth, inherited, conversion, penalty, roth_penalty, discount, owners,
    heirs,
):  # fmt: skip
    """Fill the tax that a dollar brings: of the opening stock ``stock`` (line, A, N), of contributions
    ``vintages`` (line, Y, character, A, N), each at its own date, and, in the years of ``claim`` (Y, sleeve), the
    income tax to come on the balances ``owners`` (Y, W, sleeve, A, N) and ``heirs`` (Y, since, sleeve, A, N).

    N are the groups and strata, ``growth`` (Y, half, sleeve, A, S) with fees and losses, ``to_heirs`` (Y, A, N),
    ``paid_in`` (Y,) whether anything is contributed (years of run-off take no memory), ``crypto_share`` (Y, S);
    shares and rates as in :class:`~fiscal.projection.outputs.AccountShares` and in
    :mod:`fiscal.budget.vintages`, ``penalty`` (W, A); ``contribution`` (Y, W, character, A, N).
    """
    years, ages, cells = to_heirs.shape
    accounts = withdrawn.shape[1]
    last = accounts - 1  # receives rollovers
    strata = growth.shape[4]
    heir_years = heirs_moved.shape[1]
    value = np.zeros((ages + 1, 3, accounts, 2, 2, cells))  # past the last age there is nobody
    left = np.zeros((ages, heir_years + 1, 2, cells))  # heirs, by years since; the oldest have received everything
    grow = np.empty((2, 2, cells))
    before = np.empty((2, cells))
    after = np.empty((accounts, 2, 2, cells))  # account, character, sleeve
    for y in range(years - 1, -1, -1):
        d = discount[y]
        for a in range(ages):
            older = min(a + 1, ages - 1)  # heirs of owners past the last age stay there
            for h in range(2):
                for k in range(2):
                    for n in range(cells):
                        grow[h, k, n] = growth[y, h, k, a, n % strata]
            for line in range(3):
                for w in range(accounts):
                    for c in range(2):
                        for k in range(2):
                            for n in range(cells):
                                before[k, n] = (1 - to_heirs[y, a, n]) * value[a + 1, line, w, c, k, n]
                            if line == WITHDRAWAL and c == TRADITIONAL:
                                for n in range(cells):
                                    before[k, n] += to_heirs[y, a, n] * left[older, 0, k, n]
                        for n in range(cells):
                            _mix(before, moved[y, w, c, a, n], grow[1], after[w, c], n)
                for c in range(2 if paid_in[y] else 0):
                    for n in range(cells):
                        brings = 0.0
                        for w in range(accounts):
                            brings += _put_in(contribution[y, w, c, a, n], crypto_share[y, n % strata], after[w, c], n)
                        vintages[line, y, c, a, n] = brings / d
                for w in range(accounts):
                    for c in range(2):
                        for k in range(2):
                            for n in range(cells):
                                drawn = withdrawn[y, w, c, a, n]
                                stays = 1 - drawn
                                held = 0.0
                                if w < last:
                                    stays -= rolled[y, w, c, a, n]
                                    held += rolled[y, w, c, a, n] * after[last, c, k, n]
                                if c == TRADITIONAL:
                                    stays -= converted[y, w, a, n]
                                    held += converted[y, w, a, n] * after[w, ROTH, k, n]
                                paid = 0.0
                                if line == WITHDRAWAL:
                                    paid = drawn * (traditional if c == TRADITIONAL else roth)[y, a, n]
                                elif line == ADDITIONAL:
                                    paid = drawn * (penalty[w, a] if c == TRADITIONAL else roth_penalty[y, a, n])
                                elif c == TRADITIONAL:
                                    paid = converted[y, w, a, n] * conversion[y, a, n]
                                held += stays * after[w, c, k, n] + paid * d
                                value[a, line, w, c, k, n] = held * grow[0, k, n]
            for since in range(heir_years):
                paid = 1 / (heir_years - since)
                for n in range(cells):
                    before[CORE, n] = left[older, since + 1, CORE, n]
                    before[CRYPTO, n] = left[older, since + 1, CRYPTO, n]
                for n in range(cells):
                    _mix(before, heirs_moved[y, since, TRADITIONAL, a, n], grow[1], after[0, 0], n)
                for k in range(2):
                    for n in range(cells):
                        held = paid * inherited[y, a, n] * d + (1 - paid) * after[0, 0, k, n]
                        left[a, since, k, n] = held * grow[0, k, n]
        if y < len(claim):
            for k in range(2):
                for a in range(ages):
                    for n in range(cells):
                        for w in range(accounts):
                            income_tax = value[a, WITHDRAWAL, w, TRADITIONAL, k, n]
                            income_tax += value[a, CONVERSION, w, TRADITIONAL, k, n]
                            claim[y, k] += owners[y, w, k, a, n] * income_tax
                        for since in range(heir_years):
                            claim[y, k] += heirs[y, since, k, a, n] * left[a, since, k, n]
    for line in range(3):
        for a in range(ages):
            for n in range(cells):
                for w in range(accounts):
                    for c in range(2):
                        stock[line, a, n] += opening[w, c, a, n] * value[a, line, w, c, CORE, n]


@compiled
def _half(values, gains, grow, gain, tax, charge, n):
    """Tax to come of a dollar and of a dollar of untaxed gain, before a half from those after it."""
    for k in range(2):
        v, u = values[k, n], gains[k, n]
        values[k, n] = v * grow[k, n] + u * gain[k, n] + tax[k, n]
        gains[k, n] = u * charge[k, n]


@compiled
def _sell(values, gains, moved, rate, d, n):
    """The same before rebalancing: selling a share of a sleeve realizes that share of its gain."""
    core, crypto = values[CORE, n], values[CRYPTO, n]
    gap = crypto - core
    from_core, from_crypto = max(moved, 0.0), max(-moved, 0.0)
    values[CORE, n] = core + from_core * gap
    values[CRYPTO, n] = crypto - from_crypto * gap
    gains[CORE, n] = gains[CORE, n] * (1 - from_core) + from_core * rate * (d - values[CORE, n])
    gains[CRYPTO, n] = gains[CRYPTO, n] * (1 - from_crypto) + from_crypto * rate * (d - values[CRYPTO, n])


@compiled
def shadow(
    vintages, contribution, paid_in, crypto_share, interest, payout, realised, untaxed, whole, charge, to_heirs,
    withdrawn, rolled, converted, moved, heirs_moved, interest_rate, dividend_rate, gain_rate, discount, portfolio,
):  # fmt: skip
    """Fill the tax that the shadow account of contributions pays, ``vintages`` (Y, character, A, N), at their date.

    ``interest``, ``payout``, ``realised``, ``untaxed`` and ``whole`` (Y, half, sleeve, A, S) are the parts of a
    dollar's return and all of it, ``charge`` (Y, half, sleeve) what fees and losses leave, rates (Y, A, N).
    """
    years, ages, cells = to_heirs.shape
    accounts = withdrawn.shape[1]
    last = accounts - 1  # receives rollovers
    strata = whole.shape[4]
    heir_years = heirs_moved.shape[1]
    value = np.zeros((ages + 1, accounts, 2, 2, cells))  # account, character, sleeve
    gain = np.zeros_like(value)
    left = np.zeros((ages, heir_years + 1, 2, 2, cells))  # since, character, sleeve
    left_gain = np.zeros_like(left)
    after, after_gain = np.empty((2, accounts, 2, 2, cells))
    grow, new_gain = np.empty((2, 2, cells)), np.empty((2, 2, cells))  # half, sleeve
    tax, kept = np.empty((2, 2, cells)), np.empty((2, 2, cells))
    for y in range(years - 1, -1, -1):
        d = discount[y]
        for a in range(ages):
            older = min(a + 1, ages - 1)
            for h in range(2):
                for k in range(2):
                    charged = charge[y, h, k]
                    for n in range(cells):
                        s = n % strata
                        due = interest[y, h, k, a, s] * interest_rate[y, a, n]
                        due += payout[y, h, k, a, s] * dividend_rate[y, a, n]
                        due += realised[y, h, k, a, s] * gain_rate[y, a, n]
                        grown = 1 + whole[y, h, k, a, s]
                        own = grown * charged if portfolio else 1.0
                        if own <= 0:  # all is lost: no return of its own to discount at
                            own = 1.0
                        grow[h, k, n] = (grown - due) * charged / own
                        new_gain[h, k, n] = untaxed[y, h, k, a, s] * charged / own
                        tax[h, k, n] = due * d / own
                        kept[h, k, n] = charged / own
            for w in range(accounts):
                for c in range(2):
                    for k in range(2):
                        for n in range(cells):
                            stay = 1 - to_heirs[y, a, n]
                            # at death the gain is forgiven
                            after[w, c, k, n] = (
                                stay * value[a + 1, w, c, k, n] + to_heirs[y, a, n] * left[older, 0, c, k, n]
                            )
                            after_gain[w, c, k, n] = stay * gain[a + 1, w, c, k, n]
                    for n in range(cells):
                        _sell(after[w, c], after_gain[w, c], moved[y, w, c, a, n], gain_rate[y, a, n], d, n)
                        _half(after[w, c], after_gain[w, c], grow[1], new_gain[1], tax[1], kept[1], n)
            for c in range(2 if paid_in[y] else 0):
                for n in range(cells):
                    brings = 0.0
                    for w in range(accounts):
                        brings += _put_in(contribution[y, w, c, a, n], crypto_share[y, n % strata], after[w, c], n)
                    vintages[y, c, a, n] = brings / d
            for w in range(accounts):
                for c in range(2):
                    for k in range(2):
                        for n in range(cells):
                            drawn = withdrawn[y, w, c, a, n]
                            stays = 1 - drawn
                            held, held_gain = 0.0, 0.0
                            if w < last:
                                share = rolled[y, w, c, a, n]
                                stays -= share
                                held += share * after[last, c, k, n]
                                held_gain += share * after_gain[last, c, k, n]
                            if c == TRADITIONAL:
                                share = converted[y, w, a, n]
                                stays -= share
                                held += share * after[w, ROTH, k, n]
                                held_gain += share * after_gain[w, ROTH, k, n]
                            value[a, w, c, k, n] = held + stays * after[w, c, k, n]
                            held_gain += stays * after_gain[w, c, k, n]
                            gain[a, w, c, k, n] = held_gain + drawn * gain_rate[y, a, n] * d
                    for n in range(cells):
                        _half(value[a, w, c], gain[a, w, c], grow[0], new_gain[0], tax[0], kept[0], n)
            for since in range(heir_years):
                paid = 1 / (heir_years - since)
                for c in range(2):
                    mine, mine_gain = left[a, since, c], left_gain[a, since, c]
                    for k in range(2):
                        for n in range(cells):
                            mine[k, n] = left[older, since + 1, c, k, n]
                            mine_gain[k, n] = left_gain[older, since + 1, c, k, n]
                    for n in range(cells):
                        rate = gain_rate[y, a, n]
                        _sell(mine, mine_gain, heirs_moved[y, since, c, a, n], rate, d, n)
                        _half(mine, mine_gain, grow[1], new_gain[1], tax[1], kept[1], n)
                        for k in range(2):
                            mine[k, n] *= 1 - paid
                            mine_gain[k, n] = (1 - paid) * mine_gain[k, n] + paid * rate * d
                        _half(mine, mine_gain, grow[0], new_gain[0], tax[0], kept[0], n)
