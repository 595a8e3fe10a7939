"""Random path models: regime switching and the stationary bootstrap, on the real and the risk-neutral measure.

A model draws monthly log returns of all assets jointly and compounds them to half-years. The halves that have
happened stay real on every path. Months after them are *recentred*: an asset's expected log return is that of
its expected geometric return of the year, and only the dispersion is taken from the record. Crypto's return is a
setting; it holds for ``stated_return_years`` and its excess over equity then halves every
``excess_half_life``. With ``crypto_mean = "equity"`` it follows from equity's instead (:func:`mean_of_equity`).
Crypto's volatility matures from one setting to another. On paths where the implied value of all crypto would pass
``value_cap_over_gdp`` it stays there, and the years are marked.

**Random numbers**: Philox, a counter-based generator, with the key ``(seed, stream)`` and the path's index in
the counter. Path ``i`` is the same whatever the number of paths, the batch it comes in or the worker that
draws it, and the same shocks meet every scenario: differences are taken path by path. With ``draws = "sobol"``
the slow movements of the regime model's shocks, those that decide a path's long run, come from a scrambled
Sobol sequence instead (:func:`slow_components`), point ``i`` for path ``i``.

**Risk-neutral** paths are a second set with the same shocks: each asset's gross return of a month has
conditional mean ``1 + rf`` in every state, by an analytic shift (the moment generating function of the shock
for the regime model, whose states fall away and leave their variance to the shocks; division
by the sample mean for the bootstrap, whose blocks are of one month), never by
matching moments across paths. Regime shocks and jumps of adoption are unpriced. No recentring, no cap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from fiscal.base.axes import ASSETS, FIRST_YEAR
from fiscal.base.memo import remembered
from fiscal.base.opening import HEADLINE, OpeningDate
from fiscal.markets.core import expected_returns
from fiscal.markets.estimation import FIRST_MONTH, sample_volatility, stored
from fiscal.markets.history import (
    MONTHS_PER_YEAR,
    REAL_HALVES,
    crypto_start_usd,
    half_returns_real,
    monthly_log_returns,
)
from fiscal.people.economy import macro

CRYPTO, EQUITY = ASSETS.index("crypto"), ASSETS.index("equity")
HALF_MONTHS = 6
FIRST_DRAWN_YEAR, FIRST_DRAWN_HALF = FIRST_YEAR + 1, 1
SHOCKS, REGIMES, LOSSES, LOSS_SIZES, SCRAMBLE = range(5)
"""Streams of random numbers: one a purpose, so that one model's draws never shift another's."""

SLOW_COMPONENTS = 32
"""Principal components of a driver's path over the months that a Sobol point sets."""
SOBOL_BITS = 30


@dataclass(frozen=True, kw_only=True)
class Law:
    """What the drawn months follow, by month after the real halves: ``(month, asset)`` unless said otherwise."""

    years: np.ndarray  # (month,) calendar year of each
    mean_log: np.ndarray
    crypto_volatility: np.ndarray  # (month,) a year
    risk_free: np.ndarray  # (month,) simple rate of the month
    risk_neutral: bool


def monthly_law(settings: Mapping[str, Any], years: np.ndarray) -> Law:
    """The months' means and volatilities under the settings (see :mod:`fiscal.scenario.schema`, ``Paths``)."""
    months = (years[-1] - FIRST_DRAWN_YEAR + 1) * MONTHS_PER_YEAR - HALF_MONTHS
    elapsed = np.arange(months) / MONTHS_PER_YEAR
    calendar = FIRST_DRAWN_YEAR + (np.arange(months) + HALF_MONTHS) // MONTHS_PER_YEAR
    mean = np.log1p(expected_returns(settings, years))[calendar - years[0]]
    stated = np.log1p(float(settings["crypto_return"]))
    decayed = 0.5 ** (np.maximum(elapsed - settings["stated_return_years"], 0.0) / settings["excess_half_life"])
    mean[:, CRYPTO] = mean[:, EQUITY] + (stated - mean[:, EQUITY]) * decayed
    ripe = np.clip(elapsed / settings["maturing_years"], 0.0, 1.0)
    first, last = settings["crypto_volatility"], settings["crypto_volatility_mature"]
    rates = macro(years)["one_year_rate"].to_numpy(dtype=float)
    by_year = dict(zip(years.tolist(), rates, strict=True))
    one_year = np.array([by_year[year] for year in calendar])
    law = Law(
        years=calendar,
        mean_log=mean / MONTHS_PER_YEAR,
        crypto_volatility=first + (last - first) * ripe,
        risk_free=(1 + one_year) ** (1 / MONTHS_PER_YEAR) - 1,
        risk_neutral=settings.get("measure") == "risk_neutral",
    )
    if settings.get("crypto_mean") == "equity":
        law.mean_log[:, CRYPTO] = mean_of_equity(settings, law)
    return law


def mean_of_equity(settings: Mapping[str, Any], law: Law) -> np.ndarray:
    """Mean log returns of crypto ``(month,)`` at which a dollar in it is expected to become what a dollar in equity is,
    at the end of every month and before any cap.

    The expected dollar is followed by crypto's state in the regime model, and by the month drawn in the bootstrap, so
    that states that last and months of one block count in full.
    """
    if settings["model"] == Bootstrap.name:
        centred = joint_months() - joint_months().mean(axis=0)
        months, stay = len(centred), 1 - 1 / float(settings["block_months"])
        change = stay * np.roll(np.eye(months), 1, axis=1) + (1 - stay) / months
        shares = np.full(months, 1 / months)
        scale = law.crypto_volatility / sample_volatility(joint_months()[:, CRYPTO])
        crypto = _expected_growth(shares, change, centred[:, CRYPTO] * scale[:, None])
        equity = _expected_growth(shares, change, np.broadcast_to(centred[:, EQUITY], (len(scale), months)))
        return law.mean_log[:, EQUITY] + equity - crypto
    shocks = monthly_shocks(settings, law)
    calm, wild = (np.exp(0.5 * variance * shocks.sd**2) for variance in shocks.variance)
    of_shocks = np.log((1 - shocks.tail_share) * calm + shocks.tail_share * wild)  # (month, asset)
    (low, high), top = shocks.stay, shocks.high_share
    change = np.array([[low, 1 - low], [1 - high, high]])
    of_states = _expected_growth(np.array([1 - top, top]), change, shocks.deviation * shocks.scale[:, None])
    return law.mean_log[:, EQUITY] + of_shocks[:, EQUITY] - of_shocks[:, CRYPTO] - of_states


def _expected_growth(shares: np.ndarray, change: np.ndarray, log_returns: np.ndarray) -> np.ndarray:
    """Log growth of an expected dollar ``(month,)`` whose log return depends on the state of a Markov chain.

    ``shares`` (S,) of the first month's states, ``change`` (S, S) from a state to the next, ``log_returns`` (month, S).
    """
    growth, dollar = np.empty(len(log_returns)), shares
    for month, rates in enumerate(np.exp(log_returns)):
        dollar = (dollar @ change if month else dollar) * rates
        growth[month] = np.log(dollar.sum())
        dollar = dollar / dollar.sum()
    return growth


def generator(seed: int, stream: int, path: int) -> np.random.Generator:
    """The random numbers of one path and purpose."""
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, 0, path]))


@remembered
def joint_months() -> np.ndarray:
    """Monthly log returns of all assets since 2014, ``(month, asset)``."""
    return monthly_log_returns(FIRST_MONTH).dropna().to_numpy()


@remembered
def correlation_root(crypto_equity: float) -> np.ndarray:
    """Lower triangular root of the assets' monthly correlations, crypto's with equity as given.

    The record's matrix since 2014 with that one entry set; the nearest positive one by raising its
    eigenvalues to a small floor, rescaled to a unit diagonal.
    """
    matrix = np.corrcoef(joint_months().T)
    matrix[CRYPTO, EQUITY] = matrix[EQUITY, CRYPTO] = crypto_equity
    values, vectors = np.linalg.eigh(matrix)
    positive = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    size = np.sqrt(np.diag(positive))
    return np.linalg.cholesky(positive / np.outer(size, size))


@dataclass(frozen=True, kw_only=True)
class Shocks:
    """What the regime model's months are drawn from, on the real measure.

    A month's log returns are its means, and ``sd * sqrt(variance) * root @ normal``, and for crypto
    ``deviation[state] * scale``.
    """

    sd: np.ndarray  # (month, asset) of a month of variance one
    root: np.ndarray  # (asset, asset) of the correlations
    tail_share: float
    variance: np.ndarray  # (2,) of a month outside the tails and in them
    deviation: np.ndarray  # (2,) of crypto's mean in the low and the high state, at the fitted volatility
    scale: np.ndarray  # (month,) the month's volatility over the fitted one
    stay: tuple[float, float]  # chance to stay a month in the low and in the high state
    high_share: float  # of the stationary distribution
    stateless: float  # times the crypto shocks' deviation when they carry the states' variance too


def monthly_shocks(settings: Mapping[str, Any], law: Law) -> Shocks:
    """The shocks under the settings, from the stored fit of two states and the joint months."""
    fit = stored("switching_mean")
    high = (1 - fit["stay_low"]) / ((1 - fit["stay_low"]) + (1 - fit["stay_high"]))
    gap = fit["mean_high"] - fit["mean_low"]
    deviation = np.array([-high * gap, (1 - high) * gap])
    fitted = np.sqrt((1 - high) * deviation[0] ** 2 + high * deviation[1] ** 2 + fit["sd"] ** 2)
    scale = law.crypto_volatility / np.sqrt(MONTHS_PER_YEAR) / fitted
    sd = joint_months().std(axis=0, ddof=1) * np.ones((len(law.years), 1))
    sd[:, CRYPTO] = fit["sd"] * scale
    share, factor = settings["tail_share"], settings["tail_variance"]
    normal_variance = 1 / (1 - share + share * factor)
    return Shocks(
        sd=sd,
        root=correlation_root(float(settings["equity_correlation"])),
        tail_share=share,
        variance=np.array([normal_variance, normal_variance * factor]),
        deviation=deviation,
        scale=scale,
        stay=(fit["stay_low"], fit["stay_high"]),
        high_share=high,
        stateless=fitted / fit["sd"],
    )


class RegimeSwitching:
    """Two states of crypto's monthly mean, joint shocks with shared tails."""

    name = "regime_switching"
    description = "two-state Markov switching in crypto's mean, shocks joint with the other assets"
    stochastic = True
    measures = ("real", "risk_neutral")

    def log_returns(
        self, settings: Mapping[str, Any], law: Law, n_paths: int, seed: int, first_path: int
    ) -> np.ndarray:
        """Monthly log returns ``(path, month, asset)``.

        Crypto: (state's deviation + shock) scaled to the volatility of the month; the deviations' mean over
        the stationary distribution, from which the first state is drawn, is zero. A month's variance is
        multiplied for all assets at once with a small probability: tails are shared.
        """
        shocks = monthly_shocks(settings, law)
        share, variance, scale = shocks.tail_share, shocks.variance, shocks.scale
        months = len(law.years)
        drivers = np.empty((n_paths, months, len(ASSETS)))
        uniform = np.empty((n_paths, months, 2))
        for i in range(n_paths):
            generator(seed, SHOCKS, first_path + i).standard_normal(out=drivers[i])
            generator(seed, REGIMES, first_path + i).random(out=uniform[i])
        if settings.get("draws") == "sobol":
            drivers, uniform[..., 1] = _with_slow_sobol(drivers, uniform[..., 1], seed, first_path)
        drivers *= np.sqrt(variance[(uniform[..., 0] < share).astype(np.int64)])[:, :, None]
        states = _chains(uniform[..., 1], *shocks.stay, shocks.high_share)
        result = drivers @ shocks.root.T  # path by path: the same product whatever the batch
        sd = shocks.sd
        result *= sd
        if law.risk_neutral:
            # no states here: the shocks carry the volatility of the month alone
            result[:, :, CRYPTO] *= shocks.stateless
            sd[:, CRYPTO] *= shocks.stateless
            # conditional mean of exp(shock) over the mixture of variances, the same in both states
            mixture = (1 - share) * np.exp(0.5 * sd**2 * variance[0]) + share * np.exp(0.5 * sd**2 * variance[1])
            return result + (np.log1p(law.risk_free)[:, None] - np.log(mixture))
        result[:, :, CRYPTO] += shocks.deviation[states] * scale
        return result + law.mean_log


def _chains(uniform: np.ndarray, stay_low: float, stay_high: float, high: float) -> np.ndarray:
    """States (path, month) of the two-state chain from one uniform number a month: the fewer, the higher."""
    states = np.empty(uniform.shape, dtype=np.int64)
    state = uniform[:, 0] < high
    states[:, 0] = state
    for m in range(1, uniform.shape[1]):
        state = uniform[:, m] < np.where(state, stay_high, 1 - stay_low)
        states[:, m] = state
    return states


@lru_cache(maxsize=4)
def slow_components(months: int) -> np.ndarray:
    """The first principal components of a random walk over this number of months, as increments ``(month, component)``.

    Orthonormal columns, the slowest first: ``cos((2k - 1)(2m - 1) pi / (2 (2n + 1)))``, the right singular
    vectors of the summation matrix. Shocks with these parts replaced by other independent standard normals
    are still independent standard normals.
    """
    m = 2 * np.arange(1, months + 1) - 1
    k = 2 * np.arange(1, min(SLOW_COMPONENTS, months) + 1) - 1
    return np.sqrt(4 / (2 * months + 1)) * np.cos(m[:, None] * k[None, :] * np.pi / (2 * (2 * months + 1)))


def sobol_normals(seed: int, dimensions: int, n_points: int, first: int) -> np.ndarray:
    """Points ``first`` to ``first + n_points - 1`` of one scrambled Sobol sequence as standard normals
    ``(point, dimension)``. The scramble is the seed's: other seeds are independent randomisations."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    # the scramble draws from a generator of its own, so that it is the same for any first point
    scramble = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, SCRAMBLE])))
    sequence = qmc.Sobol(dimensions, scramble=True, bits=SOBOL_BITS, rng=scramble)
    if first:
        sequence.fast_forward(first)
        points = sequence.random(n_points)
    else:  # the first by itself: SciPy warns of a sequence that begins with no power of two, and a batch is a part
        points = sequence.random(1)
        if n_points > 1:
            points = np.concatenate([points, sequence.random(n_points - 1)])
    return ndtri(points + 0.5 / 2**SOBOL_BITS)  # never zero


def _with_slow_sobol(
    drivers: np.ndarray, uniform: np.ndarray, seed: int, first_path: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shocks ``(path, month, asset)`` and the regimes' uniform numbers ``(path, month)`` with their slow
    components from the Sobol sequence. Dimensions in the order of importance: component by component,
    within one the regimes, then the assets."""
    from scipy.special import ndtr, ndtri

    n_paths, months, assets = drivers.shape
    slow = slow_components(months)
    points = sobol_normals(seed, slow.shape[1] * (assets + 1), n_paths, first_path)
    points = points.reshape(n_paths, slow.shape[1], assets + 1)
    every = np.concatenate([ndtri(uniform)[:, :, None], drivers], axis=2)
    every += slow @ (points - slow.T @ every)
    return every[:, :, 1:], ndtr(every[:, :, 0])


class Bootstrap:
    """Blocks of real months of all assets since 2014, of random length."""

    name = "bootstrap"
    description = "stationary bootstrap of the joint months since 2014, recentred"
    stochastic = True
    measures = ("real", "risk_neutral")

    def log_returns(
        self, settings: Mapping[str, Any], law: Law, n_paths: int, seed: int, first_path: int
    ) -> np.ndarray:
        """Monthly log returns ``(path, month, asset)``: the window's months less its means (the months of a
        block stay together), crypto's scaled to the volatility of the month, which keeps its correlations."""
        window = joint_months()
        centred = window - window.mean(axis=0)
        scale = np.ones((len(law.years), len(ASSETS)))
        scale[:, CRYPTO] = law.crypto_volatility / sample_volatility(window[:, CRYPTO])
        length = 1.0 if law.risk_neutral else float(settings["block_months"])
        months, size = len(law.years), len(window)
        uniform = np.empty((n_paths, months, 2))
        for i in range(n_paths):
            generator(seed, SHOCKS, first_path + i).random(out=uniform[i])
        result = centred[_blocks(uniform, size, length)]
        result *= scale
        if law.risk_neutral:
            # mean gross return over the window's months, each equally likely
            mean = np.exp(centred[None] * scale[:, None]).mean(axis=1)  # (month, asset)
            return result + (np.log1p(law.risk_free)[:, None] - np.log(mean))
        return result + law.mean_log


def _blocks(uniform: np.ndarray, size: int, length: float) -> np.ndarray:
    """Indices (path, month) of the stationary bootstrap (Politis and Romano 1994): a new block with
    probability 1/length."""
    months = np.arange(uniform.shape[1])
    starts = (uniform[..., 1] * size).astype(np.int64)
    new = uniform[..., 0] < 1 / length
    new[:, 0] = True
    at = np.maximum.accumulate(np.where(new, months, 0), axis=1)
    return (np.take_along_axis(starts, at, axis=1) + months - at) % size


def half_year_paths(
    log_returns: np.ndarray, years: np.ndarray, settings: Mapping[str, Any], risk_neutral: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Half-year returns ``(path, year, half, asset)`` with the real halves in front, and where crypto's value
    was capped, bool ``(path, year)``."""
    n_paths = log_returns.shape[0]
    halves = log_returns.reshape(n_paths, -1, HALF_MONTHS, len(ASSETS)).sum(axis=2)
    result = np.empty((n_paths, len(years), 2, len(ASSETS)))
    flat = result.reshape(n_paths, -1, len(ASSETS))
    real = half_returns_real(settings.get("opening", HEADLINE))
    # the stub's two halves, the first of 2026, then what was drawn
    flat[:, : len(REAL_HALVES)] = real
    np.expm1(halves, out=flat[:, len(REAL_HALVES) :])
    capped = np.zeros((n_paths, len(years)), dtype=bool)
    cap = settings.get("value_cap_over_gdp")
    if cap and not risk_neutral:
        gdp = macro(years)["gdp_bn_usd"].to_numpy(dtype=float) * 1e9
        value = np.full(n_paths, crypto_start_usd())
        for y in range(1, len(years)):
            first, second = 1 + result[:, y, 0, CRYPTO], 1 + result[:, y, 1, CRYPTO]
            over = value * first * second > cap * gdp[y]
            bound = cap * gdp[y] / (value * first)
            result[:, y, 1, CRYPTO] = np.where(over, bound, second) - 1
            capped[:, y] = over
            value = np.where(over, cap * gdp[y], value * first * second)
    return result, capped


def draw(
    model: RegimeSwitching | Bootstrap,
    settings: Mapping[str, Any],
    years: np.ndarray,
    n_paths: int,
    seed: int,
    first_path: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Half-year returns and capped years of paths ``first_path`` to ``first_path + n_paths - 1``."""
    law = monthly_law(settings, years)
    logs = model.log_returns(settings, law, n_paths, seed, first_path)
    return half_year_paths(logs, years, settings, law.risk_neutral)


def central(settings: Mapping[str, Any], years: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The one path on which every asset earns its expected log return: no shock, no distribution."""
    law = monthly_law({**settings, "measure": "real"}, years)
    return half_year_paths(law.mean_log[None], years, settings, False)


def risk_free_growth(years: np.ndarray) -> np.ndarray:
    """Growth of a bill over each half ``(year, half)`` by the one-year rates that the months of the
    risk-neutral measure earn."""
    rates = macro(years)["one_year_rate"].to_numpy(dtype=float)
    return np.repeat(((1 + rates) ** 0.5)[:, None], 2, axis=1)


def bill_halves(years: np.ndarray, opening: OpeningDate = HEADLINE) -> np.ndarray:
    """Half-year returns ``(year, half, asset)`` where everything earns the bill rate after the halves that have
    happened: the mean of every risk-neutral half, whatever went before."""
    halves = np.repeat(risk_free_growth(years)[:, :, None] - 1, len(ASSETS), axis=2)
    for (year, half), real in zip(REAL_HALVES, half_returns_real(opening), strict=True):
        halves[years == year, half] = real
    return halves
