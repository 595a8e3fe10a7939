"""A portfolio on random paths, and its expected value on them without drawing any.

The portfolio pays out a share of itself and is paid into; what is left earns a mix of assets that is the same on
every path. Its balance is linear in the returns, so that its expectation is known:

* **risk-neutral**, every asset's expected gross return of a half is that of a bill, whatever went before: the
  expectation is the balance on the one path where everything earns the bill rate;
* **regime switching on the real measure**, months are independent given crypto's state, but crypto's return ends
  where its value meets the cap. So the expectation is followed together with the state and the log value of crypto
  over its cap: as a density over a grid, carried from December to December by its Fourier transform, on which a
  month is a two-by-two matrix of states at every frequency (the transform of a mixture of two normals, shifted for
  the assets that the money is in). At each year's end the part above the cap is moved onto it.

The bootstrap's real measure has no such form: its blocks run on across halves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fiscal.base.axes import ASSETS
from fiscal.base.opening import HEADLINE
from fiscal.markets.history import REAL_HALVES, crypto_start_usd, half_returns_real
from fiscal.markets.stochastic import (
    CRYPTO,
    HALF_MONTHS,
    Law,
    RegimeSwitching,
    Shocks,
    bill_halves,
    monthly_law,
    monthly_shocks,
)
from fiscal.people.economy import macro

FINENESS = 12
"""Grid points to a standard deviation of crypto's calmest year: the expectation holds to a few parts in 1e8."""
REACH = 18.0
"""Standard deviations of crypto's log value that the grid reaches: twice nine, since states last."""
NEGLIGIBLE = 1e-18
"""Below it a frequency's transform is left out."""
END_WEIGHTS = np.array([3 / 8, 7 / 6, 23 / 24])
"""Of the points at the end of a sum over a grid, the last first: Gregory's rule, an error of the fourth order."""
TOLERANCE = 1e-9
"""Share of an expectation that may be rounding (which shows where a density is negative) or be at the grid's edge."""


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """A balance with two sleeves, rebalanced every year to ``sleeve_share``.

    A year: ``paid_out_share`` of the opening balance leaves, the rest earns, ``paid_in_usd`` comes in at the end.
    """

    opening_usd: float
    paid_out_share: np.ndarray  # (Y,)
    paid_in_usd: np.ndarray  # (Y,)
    core_weight: np.ndarray  # (Y, X) each summing to one, crypto zero
    sleeve_weight: np.ndarray  # (X,)
    sleeve_share: np.ndarray  # (Y,)
    kept_share: np.ndarray  # (sleeve 2, Y) of a balance after its charges


def balances_on_paths(portfolio: Portfolio, half_return: np.ndarray) -> np.ndarray:
    """Opening balances ``(P, Y)``, dollars, on half-year returns ``(P, Y, half 2, X)``."""
    core, sleeve = np.ones(half_return.shape[:3]), np.ones(half_return.shape[:3])
    for x in range(half_return.shape[3]):  # asset by asset: a product of matrices may round by the number of paths
        if portfolio.core_weight[:, x].any():
            core += half_return[..., x] * portfolio.core_weight[:, None, x]
        if portfolio.sleeve_weight[x]:
            sleeve += half_return[..., x] * portfolio.sleeve_weight[x]
    core_share, sleeve_share = _held(portfolio)
    growth = core_share * core.prod(axis=2) + sleeve_share * sleeve.prod(axis=2)
    balance = np.empty(growth.shape)
    balance[:, 0] = portfolio.opening_usd
    for y in range(growth.shape[1] - 1):
        balance[:, y + 1] = balance[:, y] * growth[:, y] + portfolio.paid_in_usd[y]
    return balance


def expected_balances(portfolio: Portfolio, settings: Mapping[str, Any], years: np.ndarray) -> np.ndarray | None:
    """Expectation of :func:`balances_on_paths` ``(Y,)`` over the paths of a model as section ``paths`` sets it.

    None where it is not known: on the bootstrap's real measure, and where rounding would show in it, since all but
    the rarest paths have lost almost everything.
    """
    if settings["measure"] == "risk_neutral":
        return balances_on_paths(portfolio, bill_halves(years, settings.get("opening", HEADLINE))[None])[0]
    if settings["model"] != RegimeSwitching.name:
        return None
    law = monthly_law(settings, years)
    shocks = monthly_shocks(settings, law)
    gdp_usd = macro(years)["gdp_bn_usd"].to_numpy(dtype=float) * 1e9
    exposed = bool((portfolio.sleeve_share * portfolio.sleeve_weight[CRYPTO]).any())
    start = float(np.log(crypto_start_usd() / (settings["value_cap_over_gdp"] * gdp_usd[0])))
    grid = _grid(law, shocks, gdp_usd, start) if exposed else None
    return _expected(
        portfolio,
        _Months(law, shocks, _frequencies(grid), half_returns_real(settings.get("opening", HEADLINE))),
        grid,
        gdp_usd,
        start,
    )


def _held(portfolio: Portfolio) -> tuple[np.ndarray, np.ndarray]:
    """What is in each sleeve at the end of a year without returns, per dollar at its opening, ``(Y,)``."""
    stays = 1 - portfolio.paid_out_share
    core_kept, sleeve_kept = portfolio.kept_share
    return (stays * (1 - portfolio.sleeve_share) * core_kept, stays * portfolio.sleeve_share * sleeve_kept)


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """Logs of crypto's value over its cap: ``size`` points, ``step`` apart, point ``at_cap`` at the cap."""

    size: int
    step: float
    at_cap: int
    narrowest: float  # standard deviation of the log growth of a calm year

    @cached_property
    def points(self) -> np.ndarray:
        return (np.arange(self.size) - self.at_cap) * self.step

    def transform(self, density: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        """Fourier transform ``(U, 2)`` of the part of a density ``(size, 2)`` below the cap."""
        below = density.copy()
        below[self.at_cap + 1 :] = 0.0
        below[self.at_cap - 2 : self.at_cap + 1] *= END_WEIGHTS[::-1, None]
        turned = np.exp(1j * frequencies * self.points[0])[:, None] * self.step
        return np.conj(np.fft.rfft(below, axis=0)[: len(frequencies)]) * turned

    def density(self, transform: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        """Density ``(size, 2)`` of a transform ``(U, 2)``."""
        whole = np.zeros((self.size // 2 + 1, transform.shape[1]), dtype=complex)
        turned = np.exp(-1j * frequencies * self.points[0])[:, None] / self.step
        whole[: len(frequencies)] = np.conj(transform * turned)
        return np.fft.irfft(whole, n=self.size, axis=0)

    def above(self, density: np.ndarray, to_cap: bool = False) -> np.ndarray:
        """The part of a density above the cap, by state ``(2,)``; ``to_cap`` each part brought down to it."""
        part = density[self.at_cap :].copy()
        part[: len(END_WEIGHTS)] *= END_WEIGHTS[:, None]
        if to_cap:
            part *= np.exp(-self.points[self.at_cap :])[:, None]
        found: np.ndarray = part.sum(axis=0) * self.step
        return found

    def sound(self, density: np.ndarray) -> bool:
        """Whether rounding and the grid's edges are a negligible part of a density."""
        edge = self.size // 64
        lost = np.abs(density[density < 0]).sum() + np.abs(density[:edge]).sum() + np.abs(density[-edge:]).sum()
        return bool(lost <= TOLERANCE * np.abs(density).sum())


def _grid(law: Law, shocks: Shocks, gdp_usd: np.ndarray, start: float) -> _Grid:
    """A grid wide enough for every year of the law and fine enough for the calmest."""
    calm = shocks.sd[:, CRYPTO] ** 2 * shocks.variance[0]
    by_year = [calm[:HALF_MONTHS].sum(), *calm[HALF_MONTHS:].reshape(-1, 2 * HALF_MONTHS).sum(axis=1)]
    narrowest = float(np.sqrt(min(by_year)))
    growth = np.concatenate([np.diff(np.log(gdp_usd))[:1] / 2, np.repeat(np.diff(np.log(gdp_usd))[1:], 2) / 2])
    drift = np.cumsum(law.mean_log[:, CRYPTO] - np.repeat(growth, HALF_MONTHS) / HALF_MONTHS)
    spread = np.sqrt(np.cumsum(law.crypto_volatility**2) / (2 * HALF_MONTHS))
    lowest = min(float((start + drift - REACH * spread).min()), start) - 1.0
    highest = REACH * float(law.crypto_volatility.max()) + 1.0
    size = 1 << int(np.ceil(np.log2((highest - lowest) / (narrowest / FINENESS))))
    step = (highest - lowest) / size
    return _Grid(size=size, step=step, at_cap=round(-lowest / step), narrowest=narrowest)


def _frequencies(grid: _Grid | None) -> np.ndarray:
    """Those that a calm year leaves anything of; zero alone, the sum over all, without a grid."""
    if grid is None:
        return np.zeros(1)
    every = 2 * np.pi * np.arange(grid.size // 2 + 1) / (grid.size * grid.step)
    return every[np.exp(-0.5 * (grid.narrowest * every) ** 2) > NEGLIGIBLE]


class _Months:
    """Transforms of the months' returns: what a year does to a density and to the money on it."""

    def __init__(self, law: Law, shocks: Shocks, frequencies: np.ndarray, happened: np.ndarray) -> None:
        self.law, self.shocks, self.frequencies = law, shocks, frequencies
        self.happened = happened
        stay_low, stay_high = shocks.stay
        self._change = np.array([[stay_low, 1 - stay_low], [1 - stay_high, stay_high]])
        self._correlation = (shocks.root @ shocks.root.T)[CRYPTO]

    def half(self, half: int, weights: np.ndarray | None) -> np.ndarray:
        """Matrices ``(U, 2, 2)``, state before to state after, of the ``half``-th half since the opening: crypto's
        log growth as frequencies, times the gross return of a mix of assets (None: of nothing, one)."""
        held = [(None, 1.0)] if weights is None else [(x, w) for x, w in enumerate(weights) if w != 0]
        total = np.zeros((len(self.frequencies), 2, 2), dtype=complex)
        for asset, weight in held:
            total += weight * (self._real(half, asset) if half < len(REAL_HALVES) else self._drawn(half, asset))
        return total

    def _real(self, half: int, asset: int | None) -> np.ndarray:
        returns = self.happened[half]
        gross = 1.0 if asset is None else 1 + returns[asset]
        return gross * np.exp(1j * self.frequencies * np.log1p(returns[CRYPTO]))[:, None, None] * np.eye(2)

    def _drawn(self, half: int, asset: int | None) -> np.ndarray:
        first = (half - len(REAL_HALVES)) * HALF_MONTHS
        matrix = self._month(first, asset)
        for month in range(first + 1, first + HALF_MONTHS):
            matrix = matrix @ self._month(month, asset)
        return matrix

    def _month(self, month: int, asset: int | None) -> np.ndarray:
        shocks, mean = self.shocks, self.law.mean_log[month]
        own_sd, turn = shocks.sd[month, CRYPTO], 1j * self.frequencies
        deviation = shocks.deviation * shocks.scale[month]
        exponent = turn[:, None] * (mean[CRYPTO] + deviation)  # (U, state)
        square = (turn * own_sd) ** 2
        if asset is not None:
            sd = shocks.sd[month, asset]
            exponent = exponent + mean[asset] + (deviation if asset == CRYPTO else 0.0)
            square = square + 2 * turn * self._correlation[asset] * own_sd * sd + sd**2
        calm, tail = (np.exp(0.5 * variance * square) for variance in shocks.variance)
        mixture = (1 - shocks.tail_share) * calm + shocks.tail_share * tail
        change = np.eye(2) if month == 0 else self._change  # the first state is drawn, not moved to
        moved: np.ndarray = change * (np.exp(exponent) * mixture[:, None])[:, None, :]
        return moved


def _expected(
    portfolio: Portfolio, months: _Months, grid: _Grid | None, gdp_usd: np.ndarray, start: float
) -> np.ndarray | None:
    """Expected opening balances ``(Y,)``; ``chance`` and ``money`` are the transforms ``(U, state)`` of the density of
    crypto's log value over its cap, and of the same weighted by the balance."""
    years = len(gdp_usd)
    core_share, sleeve_share = _held(portfolio)
    sleeve = portfolio.sleeve_weight
    others, crypto = sleeve.copy(), np.zeros(len(ASSETS))
    others[CRYPTO], crypto[CRYPTO] = 0.0, sleeve[CRYPTO]
    expected = np.empty(years)
    high = months.shocks.high_share
    chance = np.exp(1j * months.frequencies * start)[:, None] * np.array([1 - high, high])
    money = chance * portfolio.opening_usd
    expected[0] = portfolio.opening_usd
    for y in range(years - 1):
        first, second = 2 * y, 2 * y + 1
        weights = portfolio.core_weight[y]
        plain = months.half(first, None) @ months.half(second, None)
        core = months.half(first, weights) @ months.half(second, weights)
        middle = months.half(first, sleeve)
        free = core_share[y] * core + sleeve_share[y] * middle @ months.half(second, others)
        bound = sleeve_share[y] * middle @ months.half(second, crypto)
        if y == 0:  # the value that is compared with the cap begins at the end of the first year
            ahead = np.exp(-1j * months.frequencies * np.log1p(months.happened[:2, CRYPTO]).sum())
        else:
            ahead = np.exp(-1j * months.frequencies * np.log(gdp_usd[y] / gdp_usd[y - 1]))
        chance = _moved(chance, plain, ahead)
        on_free = _moved(money, free, ahead) + portfolio.paid_in_usd[y] * chance
        on_bound = _moved(money, bound, ahead)
        if grid is None or y == 0:
            money = on_free + on_bound
        else:
            held = _held_at_cap(grid, months.frequencies, chance, on_free, on_bound)
            if held is None:
                return None
            chance, money = held
        expected[y + 1] = money[0].real.sum()
    return expected


def _moved(transform: np.ndarray, matrices: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """A transform ``(U, state)`` after a year, measured from a cap that has moved ``ahead``."""
    return np.einsum("ui,uij->uj", transform, matrices) * ahead[:, None]


def _held_at_cap(
    grid: _Grid, frequencies: np.ndarray, chance: np.ndarray, free: np.ndarray, bound: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """The transforms with the part above the cap moved onto it; money that is ``bound`` to crypto in the second
    half falls with it. None where rounding shows."""
    likely, of_free, of_bound = (grid.density(part, frequencies) for part in (chance, free, bound))
    money = of_free + of_bound
    if not grid.sound(money):
        return None
    at_cap = grid.above(of_free) + grid.above(of_bound, to_cap=True)
    return (grid.transform(likely, frequencies) + grid.above(likely), grid.transform(money, frequencies) + at_cap)
