"""The year of an account, a step at a time: what every compiled projection is made of.

The order of events is that of the tests' plain projection (``tests/oracle.py``). A step takes and gives numbers and
is inlined where it is called; so the same lines are met cell by cell and in loops over paths.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
"""Projections run in threads. Of fast-math contraction only: a product and a sum may be one instruction, nothing may
change its order."""

_UNWRAPPED: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

step = njit(error_model="numpy", fastmath={"contract"}, **_UNWRAPPED)
"""For what only compiled code calls: compiled with it, and not callable from Python."""

inlined = njit(inline="always", error_model="numpy", fastmath={"contract"})
"""For steps that take whole tuples of arrays, which would be copied at each call, and for those in loops over lanes,
whose number is known only where they are called."""

TRADITIONAL, ROTH, CORE, CRYPTO = 0, 1, 0, 1


class SleeveYear(NamedTuple):
    """What a year does to a dollar in each sleeve, and how the crypto sleeve follows its target."""

    core_one: float  # growth to the middle of the year
    crypto_one: float
    core_kept: float  # growth from there, after fees and losses
    crypto_kept: float
    target: float
    rise: float  # of the target since last year
    buys: float  # share of a gap to the target that is bought
    sells: float  # that is sold
    moves: bool  # existing balances follow


@step
def leaving(opened, available, draw, roll, convert):
    """Dollars that leave in the middle of the year, each a rate on the opening balance and of what is still there:
    withdrawals, rollovers, conversions; and what stays."""
    room = max(available, 0.0)
    withdrawn = min(draw * opened, room)
    room -= withdrawn
    rolled = min(roll * opened, room)
    room -= rolled
    converted = min(convert * opened, room)
    return withdrawn, rolled, converted, room - converted


@step
def first_half(core, crypto, year, draw, roll, convert):
    """Both sleeves in the middle of the year, and the shares of them that are withdrawn, rolled over, converted
    and that stay."""
    core_middle, crypto_middle = core * year.core_one, crypto * year.crypto_one
    available = core_middle + crypto_middle
    withdrawn, rolled, converted, stays = leaving(core + crypto, available, draw, roll, convert)
    live = available > 0.0
    per = 1.0 / available if live else 0.0
    return (core_middle, crypto_middle, withdrawn * per, rolled * per, converted * per, stays * per if live else 1.0)


@step
def second_half(core, crypto, year):
    """Both sleeves at the end of the year, after charges and before rebalancing, and the crypto sleeve after it: a
    rise of the target is bought, and of the gap that is left a share is closed."""
    core, crypto = core * year.core_kept, crypto * year.crypto_kept
    total = core + crypto
    wanted = crypto + year.rise * total
    gap = year.target * total - wanted
    wanted += (year.sells if gap < 0.0 else year.buys) * gap
    wanted = min(max(wanted, 0.0), total)
    return core, crypto, wanted if year.moves else crypto


@step
def roth_basis(basis, drawn, withdrawn, rolled, first):
    """A Roth account's basis from which ``drawn`` dollars, the share ``withdrawn``, are paid, ``first`` from basis or
    pro rata: what is left of it, the earnings paid out, and the basis that rolls over."""
    out = min(basis if first else basis * withdrawn, drawn)
    left = basis - out if first else basis * (1.0 - withdrawn - rolled)
    return left, drawn - out, basis * rolled


@step
def moved_share(core, crypto, after):
    """Share of the core sleeve moved to crypto, or, negative, of the crypto sleeve moved to core."""
    bought = after - crypto
    source = core if bought > 0.0 else crypto
    return min(max(bought / source, -1.0), 1.0) if source > 0.0 else 0.0


@step
def expected_tax(knots, tax, withdrawal_usd, part, people, piece):
    """Tax of a cell's withdrawals in a ``part`` of a year, each of its ``people`` on the same part, by a schedule; and
    the piece that was met, for which the search begins at ``piece``."""
    if people <= 0.0:
        return 0.0, piece
    each = withdrawal_usd / part / people
    while piece > 0 and knots[piece] > each:
        piece -= 1
    while piece < len(knots) - 2 and knots[piece + 1] <= each:
        piece += 1
    weight = (each - knots[piece]) / (knots[piece + 1] - knots[piece])
    return part * (people * (tax[piece] + weight * (tax[piece + 1] - tax[piece]))), piece


@step
def grow(growth, half_return, core_weight, crypto_weight, raised):
    """Growth of a year (half, sleeve, A, S); ``raised`` is what purchases make of the price in the first half."""
    halves, assets = half_return.shape
    ages, strata = core_weight.shape[:2]
    for h in range(halves):
        crypto = 0.0
        for x in range(assets):
            crypto += half_return[h, x] * crypto_weight[x]
        for a in range(ages):
            for s in range(strata):
                core = 0.0
                for x in range(assets):
                    core += half_return[h, x] * core_weight[a, s, x]
                growth[h, CORE, a, s] = 1.0 + core
                growth[h, CRYPTO, a, s] = (1.0 + crypto) * (raised if h == 0 else 1.0)
