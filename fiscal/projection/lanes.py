"""What the compiled projections of totals share: paths as lanes, the years they meet, tax by a schedule.

Lanes are the innermost loops, and their numbers are in flat buffers at named places, each as wide as the
lanes: distances are known when the loops are compiled, so that they become vector instructions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fiscal.projection.account_year import inlined, step

CRYPTO_ONE, CRYPTO_TWO, CRYPTO_INTEREST, CRYPTO_GAIN, LOSS, STRENGTH, FOLLOWS, SALE, MARKET = range(9)
YEAR = 9
"""Lines of a year: the crypto sleeve's halves and taxable return, its loss, the strength of rebalancing, whether it
happens, the share of a sale that finds a buyer, the market's worth."""

TARGET, SHARE, SCALE = range(3)
POLICY = 3
"""Lines of a year and stratum: the target at the year's end, the share of new money that buys crypto, and what
contributions are multiplied by. The year before the first has none."""

CORE_ONE, CORE_TWO, CORE_INTEREST, CORE_GAIN = range(4)
"""First lines of a row: the core sleeve's halves and taxable return."""


class Totals(NamedTuple):
    """Places of the yearly sums over cells that the projections return, positive, nominal dollars."""

    owner_tax: int
    heir_tax: int
    conversion_tax: int
    additional_tax: int
    inside_buildup: int  # the tax of :class:`~fiscal.projection.packed.BuildupRates`
    traditional_withdrawals: int  # of living owners, from all their accounts
    roth_withdrawals: int
    inherited_withdrawals: int  # traditional
    closing_traditional: int
    closing_roth: int
    closing_crypto: int
    crypto_bought: int
    fees: int
    losses: int


TOTAL = Totals(*range(len(Totals._fields)))


@step
def buffer(size):
    """Zeros that begin on a cache line: vectors that straddle two cost twice."""
    raw = np.zeros(size + 8)
    skip = (64 - raw.ctypes.data % 64) // 8 % 8
    return raw[skip : skip + size]


@step
def place(line, lane):
    """Index of a ``lane`` of a ``line`` that is worked out where it is used. It is unsigned: an index that could be
    counted from the end would keep a loop from becoming vector instructions."""
    return np.uint64(line + lane)


@step
def copied(values, into):
    """Copy an array. An assignment of slices would bring the compiling of its message on shapes that differ."""
    one, two = values.ravel(), into.ravel()
    for i in range(one.size):
        two[i] = one[i]


@step
def added(values, into):
    """Add an array to another, for the same reason."""
    one, two = values.ravel(), into.ravel()
    for i in range(one.size):
        two[i] += one[i]


@inlined
def meet(returns, year, policy, path, paths, mix, law, stride):
    """What the paths of a block meet, lane by lane: ``returns`` (Y, X, half, lane), ``year`` (Y, YEAR x lane) and
    ``policy`` (S, Y + 1, POLICY x lane), places ``stride`` apart."""
    for lane in range(len(path)):
        p = path[lane]
        for y in range(returns.shape[0]):
            one, two, interest, gain = 1.0, 1.0, 0.0, 0.0
            for x in range(returns.shape[1]):
                h1, h2, w = paths.half_return[p, y, 0, x], paths.half_return[p, y, 1, x], mix.crypto_weight[x]
                whole = (1 + h1) * (1 + h2) - 1
                returns[y, x, 0, lane], returns[y, x, 1, lane] = h1, h2
                one += h1 * w
                two += h2 * w
                interest += whole * law.interest_share[x] * w
                gain += (whole - law.payout_rate[y, x]) * law.gain_share[x] * w
            year[y, CRYPTO_ONE * stride + lane], year[y, CRYPTO_TWO * stride + lane] = one, two
            year[y, CRYPTO_INTEREST * stride + lane], year[y, CRYPTO_GAIN * stride + lane] = interest, gain
            year[y, LOSS * stride + lane] = paths.loss_rate[p, y]
            year[y, STRENGTH * stride + lane] = paths.rebalancing[p, y]
            year[y, FOLLOWS * stride + lane] = 1.0 if paths.transfer[p, y] else 0.0
            year[y, SALE * stride + lane] = paths.sale_share[p]
            year[y, MARKET * stride + lane] = paths.crypto_market_usd[p, y]
            for s in range(policy.shape[0]):
                policy[s, y + 1, TARGET * stride + lane] = paths.target[p, y, s]
                policy[s, y + 1, SHARE * stride + lane] = paths.contribution_share[p, y, s]
                policy[s, y + 1, SCALE * stride + lane] = paths.contribution_scale[p, y, s]


@inlined
def core_of(row, returns, core_weight, law, y, lanes, stride):
    """Fill the core sleeve's lines of a ``row``; ``core_weight`` (X,) are its assets. Returns its dividends."""
    dividend, paid_out = 0.0, 0.0
    for lane in range(lanes):
        row[CORE_ONE * stride + lane], row[CORE_TWO * stride + lane] = 1.0, 1.0
        row[CORE_INTEREST * stride + lane], row[CORE_GAIN * stride + lane] = 0.0, 0.0
    for x in range(core_weight.shape[0]):
        w = core_weight[x]
        if w != 0.0:
            taxed, realised = w * law.interest_share[x], w * law.gain_share[x]
            dividend += law.payout_rate[y, x] * w
            paid_out += law.payout_rate[y, x] * realised
            for lane in range(lanes):
                h1, h2 = returns[x, 0, lane], returns[x, 1, lane]
                whole = (1.0 + h1) * (1.0 + h2) - 1.0
                row[CORE_ONE * stride + lane] += h1 * w
                row[CORE_TWO * stride + lane] += h2 * w
                row[CORE_INTEREST * stride + lane] += whole * taxed
                row[CORE_GAIN * stride + lane] += whole * realised
    for lane in range(lanes):
        row[CORE_GAIN * stride + lane] -= paid_out
    return dividend


@step
def comes(money):
    """Whether any ``money`` (N, W x character) receives contributions."""
    found = False
    for n in range(money.shape[0]):
        for i in range(money.shape[1]):
            found |= money[n, i] != 0.0
    return found


@step
def dot(one, two):
    """Sum of products."""
    total = 0.0
    for x in range(one.shape[0]):
        total += one[x] * two[x]
    return total


class Bench(NamedTuple):
    """Where taxes are worked out: tax ``due`` (place, lane) of the amounts ``taxed`` (G, place, lane), ``bits`` the
    same amounts as integers, which have the same order: none is negative; what is ``found`` by lane, ``ends`` of a
    group's amounts; of each group the ``lines`` (G, 2), slope and value at zero; how many ``lanes`` are in use."""

    due: np.ndarray
    taxed: np.ndarray
    bits: np.ndarray
    found: np.ndarray
    ends: np.ndarray
    lines: np.ndarray
    lanes: int


@step
def _piece(knots, tax, g, k):
    """Slope of a piece of a group's schedule, and its line's value at zero."""
    start = knots[k]
    slope = (tax[g, k + 1] - tax[g, k]) / (knots[k + 1] - start)
    return slope, tax[g, k] - slope * start


@step
def tax_of(bench, at, pieces, knots, tax, people, part, group_out, by_group):
    """Sum ``people x schedule(amount of each)`` over groups, of the amounts at place ``at``.

    ``knots`` (K,), ``tax`` (G, K), ``people`` (G,). Each lane takes the line of its own piece; only the pieces
    between the lanes' least and largest amount are looked at, and those found for a group the last time
    (``pieces``) are where the search begins. Where it is asked ``by_group``, what each group owes is added to
    ``group_out`` (G, lane).
    """
    due, taxed, bits, found, ends, lines, lanes = bench
    last = knots.shape[0] - 2
    end = ends.view(np.int64)
    for lane in range(lanes):
        due[at, lane] = 0.0
    # one group's schedule after the other is far away in memory: all are asked for before the first is needed
    for g in range(pieces.shape[0]):
        lines[g, 0], lines[g, 1] = _piece(knots, tax, g, pieces[g])
    for g in range(pieces.shape[0]):
        if people[g] > 0.0:
            least, largest = bits[g, at, 0], bits[g, at, 0]
            for lane in range(lanes):
                least = min(least, bits[g, at, lane])
                largest = max(largest, bits[g, at, lane])
            end[0], end[1] = least, largest
            low, high = ends[0], ends[1]
            k = pieces[g]
            while k > 0 and knots[k] > low:
                k -= 1
            while k < last and knots[k + 1] <= low:
                k += 1
            slope, level = lines[g, 0], lines[g, 1]
            if k != pieces[g]:
                pieces[g] = k
                slope, level = _piece(knots, tax, g, k)
            for lane in range(lanes):
                found[lane] = level + slope * taxed[g, at, lane]
            while k < last and knots[k + 1] <= high:  # two pieces at a time
                one, two = k + 1, min(k + 2, last)
                slope, level = _piece(knots, tax, g, one)
                next_slope, next_level = _piece(knots, tax, g, two)
                start, next_start = knots[one], knots[two]
                for lane in range(lanes):
                    amount, here = taxed[g, at, lane], found[lane]
                    here = level + slope * amount if amount >= start else here
                    found[lane] = next_level + next_slope * amount if amount >= next_start else here
                k = two
            whole = people[g] * part
            for lane in range(lanes):
                due[at, lane] += whole * found[lane]
            if by_group:
                for lane in range(lanes):
                    group_out[g, lane] += whole * found[lane]


@step
def added_tax(bench, without, with_it, pieces, knots, tax, people, part, group_out):
    """What the tax on the amounts at ``with_it`` exceeds the tax on those at ``without`` by: ``due`` at ``with_it``."""
    for at in (with_it, without):
        tax_of(bench, at, pieces, knots, tax, people, part, group_out, False)
    due = bench.due
    for lane in range(bench.lanes):
        due[with_it, lane] -= due[without, lane]
