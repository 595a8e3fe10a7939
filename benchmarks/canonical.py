"""The canonical roll-forward (W1): the smallest projection of this kind, to compare tools by.

Ages 18 to 109, 12 groups, 3 strata, traditional and Roth, 75 years. A year: half its return, withdrawals at
the age's rate, contributions, the other half, deaths; tax on traditional withdrawals by a convex schedule of
12 knots a cell. Out come yearly totals a path: tax, withdrawals, closing balances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange

LANES = 64
FLOPS = 24.0
"""Floating-point operations an account-step, counted in ``_project``: 12 for the two balances, 33 for eleven
lines of the schedule (a multiply-add is two, a maximum one), 3 for the sums; half of it for each account."""


@dataclass(frozen=True)
class Canonical:
    half: np.ndarray  # (Y, half 2, S, P) one plus the half-year's return
    opening: np.ndarray  # (A, G, S, character 2)
    contribution: np.ndarray  # (A, G, S, 2)
    draw: np.ndarray  # (A,)
    live: np.ndarray  # (A, G)
    slope: np.ndarray  # (A, G, 11) of the schedule's pieces
    level: np.ndarray  # (A, G, 11)

    @property
    def account_steps(self) -> int:
        years, _, strata, paths = self.half.shape
        ages, groups = self.live.shape
        return paths * years * ages * groups * strata * 2


def inputs(paths: int, *, years: int = 75, ages: int = 92, groups: int = 12, strata: int = 3) -> Canonical:
    """A made-up world of the size; ``paths`` a multiple of ``LANES``."""
    rng = np.random.default_rng(1)
    knots = np.concatenate([[0.0], 1_000.0 * 2.0 ** np.arange(11)])
    slope = np.sort(rng.uniform(0.0, 0.4, (ages, groups, 11)), axis=2)
    tax = np.concatenate([np.zeros((ages, groups, 1)), (slope * np.diff(knots)).cumsum(axis=2)], axis=2)
    cell = (ages, groups, strata, 2)
    return Canonical(
        half=np.exp(rng.normal(0.02, 0.08, (years, 2, strata, paths))),
        opening=rng.uniform(0, 1e5, cell),
        contribution=rng.uniform(0, 5e3, cell),
        draw=np.linspace(0.01, 0.3, ages),
        live=rng.uniform(0.8, 1.0, (ages, groups)),
        slope=slope,
        level=tax[..., :-1] - slope * knots[:-1],
    )


def plain(world: Canonical) -> np.ndarray:
    """The yearly totals ``(Y, 3, P)``, arrays over all cells and paths at once, paths last."""
    years, paths = world.half.shape[0], world.half.shape[3]
    out = np.empty((years, 3, paths))
    balance = np.repeat(world.opening[..., None], paths, axis=4)  # (A, G, S, 2, P)
    money, draw = world.contribution[..., None], world.draw[:, None, None, None, None]
    live = world.live[:, :, None, None, None]
    for y in range(years):
        first, second = world.half[y, 0][:, None], world.half[y, 1][:, None]
        balance *= first
        out_of = balance * draw
        balance -= out_of
        balance += money
        balance *= second
        balance *= live
        drawn = out_of[:, :, :, 0]
        tax = world.level[:, :, 0, None, None] + world.slope[:, :, 0, None, None] * drawn
        for k in range(1, world.slope.shape[2]):
            line = world.slope[:, :, k, None, None] * drawn
            line += world.level[:, :, k, None, None]
            np.maximum(tax, line, out=tax)
        out[y] = tax.sum(axis=(0, 1, 2)), out_of.sum(axis=(0, 1, 2, 3)), balance.sum(axis=(0, 1, 2, 3))
        balance[1:] = balance[:-1].copy()
        balance[0] = 0.0
    return out


def compiled(world: Canonical) -> np.ndarray:
    """The same totals, cohort by cohort with paths as lanes."""
    years, halves, strata, paths = world.half.shape
    blocks = paths // LANES
    half = world.half.reshape(years, halves, strata, blocks, LANES)
    half = np.ascontiguousarray(np.moveaxis(half, 3, 0))
    out = np.zeros((blocks, years, 3 * LANES))
    _project(out, half, world.opening, world.contribution, world.draw, world.live, world.slope, world.level)
    return out.reshape(blocks, years, 3, LANES).transpose(1, 2, 0, 3).reshape(years, 3, paths)


@njit(cache=True, parallel=True, error_model="numpy", fastmath={"contract"})
def _project(out, half, opening, contribution, draw, live, slope, level):
    blocks, years = half.shape[:2]
    ages, groups, strata, _ = opening.shape
    for block in prange(blocks):
        raw = np.zeros(groups * strata * 2 * LANES + 8)
        skip = (64 - raw.ctypes.data % 64) // 8 % 8
        balance = raw[skip : skip + groups * strata * 2 * LANES].reshape((groups * strata, 2 * LANES))
        for cohort in range(ages + years - 1):
            age, born = max(ages - 1 - cohort, 0), max(cohort - (ages - 1), 0)
            for c in range(groups * strata):
                for lane in range(LANES):
                    balance[c, lane] = opening[age, c // strata, c % strata, 0] if born == 0 else 0.0
                    balance[c, LANES + lane] = opening[age, c // strata, c % strata, 1] if born == 0 else 0.0
            for y in range(born, min(years, born + ages - age)):
                _year(out[block], half[block], balance, y, age + y - born, contribution, draw, live, slope, level)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _year(out, half, balance, y, a, contribution, draw, live, slope, level):
    groups, strata = contribution.shape[1:3]
    rate = draw[a]
    for g in range(groups):
        alive = live[a, g]
        s0, s1, s2, s3 = slope[a, g, 0], slope[a, g, 1], slope[a, g, 2], slope[a, g, 3]
        s4, s5, s6, s7 = slope[a, g, 4], slope[a, g, 5], slope[a, g, 6], slope[a, g, 7]
        s8, s9, s10 = slope[a, g, 8], slope[a, g, 9], slope[a, g, 10]
        l0, l1, l2, l3 = level[a, g, 0], level[a, g, 1], level[a, g, 2], level[a, g, 3]
        l4, l5, l6, l7 = level[a, g, 4], level[a, g, 5], level[a, g, 6], level[a, g, 7]
        l8, l9, l10 = level[a, g, 8], level[a, g, 9], level[a, g, 10]
        for s in range(strata):
            ct, cr = contribution[a, g, s, 0], contribution[a, g, s, 1]
            c = g * strata + s
            for lane in range(LANES):
                first, second = half[y, 0, s, lane], half[y, 1, s, lane] * alive
                traditional, roth = balance[c, lane] * first, balance[c, LANES + lane] * first
                drawn, roth_drawn = traditional * rate, roth * rate
                traditional = (traditional - drawn + ct) * second
                roth = (roth - roth_drawn + cr) * second
                balance[c, lane], balance[c, LANES + lane] = traditional, roth
                tax = l0 + s0 * drawn
                tax = _larger(tax, l1 + s1 * drawn)
                tax = _larger(tax, l2 + s2 * drawn)
                tax = _larger(tax, l3 + s3 * drawn)
                tax = _larger(tax, l4 + s4 * drawn)
                tax = _larger(tax, l5 + s5 * drawn)
                tax = _larger(tax, l6 + s6 * drawn)
                tax = _larger(tax, l7 + s7 * drawn)
                tax = _larger(tax, l8 + s8 * drawn)
                tax = _larger(tax, l9 + s9 * drawn)
                tax = _larger(tax, l10 + s10 * drawn)
                out[y, lane] += tax
                out[y, LANES + lane] += drawn + roth_drawn
                out[y, 2 * LANES + lane] += traditional + roth


@njit(cache=True, inline="always")
def _larger(a, b):
    return a if a > b else b
