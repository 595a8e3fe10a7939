"""The event of a path: when crypto's returns leave the return that it earns outside one, read from the returns alone.

Every description of a path (how an event is dated, how large it is, what the path returns in the long run) comes from
here, never from the name of a path or of a scenario.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fiscal.base.axes import FIRST_YEAR
from fiscal.markets.history import REAL_HALVES, half_returns_real
from fiscal.markets.paths import CRYPTO

CALM_RATE = 0.03
"""Returns within this of the outside-event return, per year, are not an event: the mean of equity is not known more
precisely."""

LOST = 1e-3
"""What is left of a dollar after a total loss, so that it has a logarithm."""

LARGE = 1.25
"""A boom or a bust takes a dollar at least this many times above, or below, what it would be without the event."""

SMALL_SHARE, RISE_SHARE = 0.1, 1 / 3
"""Nor are years before or after it that go up and down and move a dollar, in logarithms, by less than the first share
of its largest move; and before it by less than the second, unless they are a boom or a bust themselves
(:data:`LARGE`): ups and downs before a crash are not the crash, and a recovery belongs to it."""

FIRST_FULL_YEAR = FIRST_YEAR + 2
"""First calendar year of which no half is a real one."""


@dataclass(frozen=True)
class Event:
    """Years in which crypto departs from its outside-event return, first to last, and what it does in them.

    ``dollar`` is what a dollar in crypto becomes over them, ``dollar_outside`` the same at the outside-event return.
    """

    first_year: int
    last_year: int
    dollar: float
    dollar_outside: float


def event_of(years: np.ndarray, crypto: np.ndarray, equity: np.ndarray, outside: np.ndarray) -> Event | None:
    """The event of annual returns ``crypto`` and ``equity`` (Y,) over ``years`` from 2025; None where there is none.

    ``outside`` (Y,) is what crypto earns outside an event.

    A year belongs to it if crypto's return differs from the outside-event return by more than :data:`CALM_RATE` and
    is not equity's own. Small moves at both ends are left out (:data:`SMALL_SHARE`). Of 2026 the second half
    counts, annualized; past returns are not an event.
    """
    rates = np.array(crypto, dtype=float)
    for (year, half), real in zip(REAL_HALVES, half_returns_real(), strict=True):
        if year == FIRST_YEAR + 1 and half == 0:
            rates[years == year] = ((1 + rates[years == year]) / (1 + real[CRYPTO])) ** 2 - 1
    alone = ~np.isclose(crypto, equity, rtol=0.0, atol=1e-9)
    departs = alone & (np.abs(rates - outside) > CALM_RATE) & (years > FIRST_YEAR)
    if not departs.any():
        return None
    moves = np.where(departs, np.log(np.maximum(1 + rates, LOST)) - np.log1p(outside), 0.0)
    first, last = int(years[_start(moves, RISE_SHARE)]), int(years[::-1][_start(moves[::-1], SMALL_SHARE)])
    inside = (years >= first) & (years <= last)
    halves = np.where(years == FIRST_YEAR + 1, 0.5, 1.0)[inside]
    return Event(
        first, last, float(np.prod((1 + rates[inside]) ** halves)), float(np.prod((1 + outside[inside]) ** halves))
    )


def _start(moves: np.ndarray, share: float) -> int:
    """Position of the first move, small ones before it left out unless all of them go where the whole goes.

    A move is small if it is less than :data:`SMALL_SHARE` of the largest, or less than ``share`` of it and neither a
    boom nor a bust.
    """
    level = np.concatenate([[0.0], np.cumsum(moves)])
    largest = level.max() - level.min()
    small = np.maximum.accumulate(np.abs(level[1:])) < max(SMALL_SHARE * largest, min(np.log(LARGE), share * largest))
    early = np.flatnonzero(small & (moves != 0))
    with_the_whole = bool((moves[early] * level[-1] > 0).all())
    return int(np.flatnonzero((moves != 0) & (with_the_whole | ~small))[0])


def geometric_rate(years: np.ndarray, returns: np.ndarray) -> float:
    """Geometric mean return a year from 2027, the first year that is all projected, to the last of ``years``."""
    later = years >= FIRST_FULL_YEAR
    return float(np.prod(1 + returns[later]) ** (1 / later.sum()) - 1) if later.any() else float("nan")


def described(event: Event | None) -> str:
    """The event in a sentence: its years, and what a dollar in crypto becomes over them, with and without it."""
    if event is None:
        return "Crypto's path has no event: crypto earns its outside-event return, or what equity earns, in every year."
    when = (
        f"in {event.first_year}"
        if event.first_year == event.last_year
        else f"from {event.first_year} to {event.last_year}"
    )
    return (
        f"Crypto's path has an event {when}: a dollar in crypto becomes {_dollars(event.dollar)}, compared with "
        f"{_dollars(event.dollar_outside)} without the event."
    )


def _dollars(value: float) -> str:
    return f"${value:,.2f}" if value < 1e6 else f"${value:.3g}"
