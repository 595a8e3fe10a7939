"""What both compiled projections of totals share: tax by a schedule on many paths at once, and buffers for vectors."""

from __future__ import annotations

import numpy as np
from numba import njit

compiled = njit(cache=True, error_model="numpy", fastmath={"contract"})
"""Of fast-math contraction only: a product and a sum may be one instruction, nothing may change its order."""


@compiled
def buffer(size):
    """Zeros that begin on a cache line: vectors that straddle two cost twice."""
    raw = np.zeros(size + 8)
    skip = (64 - raw.ctypes.data % 64) // 8 % 8
    return raw[skip : skip + size]


@compiled
def _piece(knots, tax, y, a, g, k):
    """Slope of a schedule's piece, and its line's value at nothing."""
    start = knots[y, k]
    slope = (tax[y, a, g, k + 1] - tax[y, a, g, k]) / (knots[y, k + 1] - start)
    return slope, tax[y, a, g, k] - slope * start


@compiled
def tax_of(due, groups_due, taxed, bits, what, found, ends, pieces, knots, tax, people, y, a, part, by_group):
    """Sum ``people x schedule(amount of each)`` over groups, into ``due`` (place, lane), of the amounts ``taxed``
    (G, place, lane) that a cell keeps from ``what`` on.

    Each lane takes the line of its own piece; only the pieces between the lanes' least and largest amount
    are looked at, and those found for a group the last time are where the search begins. ``bits`` are the
    amounts as integers, which have the same order: none is negative. Where it is asked ``by_group``, what each
    group owes is added to ``groups_due`` (G, lane).
    """
    last = knots.shape[1] - 2
    end = ends.view(np.int64)
    # said as a variable, so that the loops are made vectors of before they are unrolled
    lanes = taxed.shape[2]
    at = what // lanes
    for lane in range(lanes):
        due[at, lane] = 0.0
    for g in range(pieces.shape[0]):
        if people[y, a, g] > 0.0:
            least, largest = bits[g, at, 0], bits[g, at, 0]
            for lane in range(lanes):
                least = min(least, bits[g, at, lane])
                largest = max(largest, bits[g, at, lane])
            end[0], end[1] = least, largest
            low, high = ends[0], ends[1]
            k = pieces[g]
            while k > 0 and knots[y, k] > low:
                k -= 1
            while k < last and knots[y, k + 1] <= low:
                k += 1
            pieces[g] = k
            slope, level = _piece(knots, tax, y, a, g, k)
            for lane in range(lanes):
                found[lane] = level + slope * taxed[g, at, lane]
            while k < last and knots[y, k + 1] <= high:  # two pieces at a time
                one, two = k + 1, min(k + 2, last)
                slope, level = _piece(knots, tax, y, a, g, one)
                next_slope, next_level = _piece(knots, tax, y, a, g, two)
                start, next_start = knots[y, one], knots[y, two]
                for lane in range(lanes):
                    amount, here = taxed[g, at, lane], found[lane]
                    here = level + slope * amount if amount >= start else here
                    found[lane] = next_level + next_slope * amount if amount >= next_start else here
                k = two
            whole = people[y, a, g] * part
            for lane in range(lanes):
                due[at, lane] += whole * found[lane]
            if by_group:
                for lane in range(lanes):
                    groups_due[g, lane] += whole * found[lane]


@compiled
def added_tax(
    due, groups_due, taxed, bits, without, with_it, found, ends, pieces, knots, tax, people, y, a, part
):  # fmt: skip
    """What the tax on the amounts ``with_it`` exceeds the tax on those ``without`` by, into ``due`` at ``with_it``."""
    tax_of(
        due, groups_due, taxed, bits, with_it, found, ends, pieces, knots, tax, people, y, a, part, False
    )  # fmt: skip
    tax_of(
        due, groups_due, taxed, bits, without, found, ends, pieces, knots, tax, people, y, a, part, False
    )  # fmt: skip
    lanes = taxed.shape[2]
    for lane in range(lanes):
        due[with_it // lanes, lane] -= due[without // lanes, lane]
