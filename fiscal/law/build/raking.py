"""Small, pure tools that bring a weighted sample to published margins.

Three jobs: a two-way table brought to two margins (`rake_amounts`, iterative proportional fitting;
`rake_probabilities`, the same in logits so that every cell stays a probability), a ranked sample given
the distribution of a published table by size (`published_quantiles`), and a lognormal cut at a limit
(`capped_lognormal_mean`, `location_of_capped_lognormal`). Deming and Stephan (1940), Deville and
Sarndal (1992).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiscal.base.errors import InputError

Array = NDArray[np.float64]

_TOLERANCE = 1e-10
_ROUNDS = 2000


def uniform_draws(keys: NDArray[np.integer], stream: int) -> Array:
    """Uniform draws in (0, 1), one per key, that depend on the key and the stream only.

    Counter-based: Philox encrypts ``(key, stream)`` through a fixed key, so the draw of a record does
    not move when other records come or go. ``keys`` are non-negative integers; the result has their
    shape.
    """
    flat = np.asarray(keys, dtype=np.uint64).ravel()
    if flat.size == 0:
        return np.zeros(np.shape(keys))
    generator = np.random.Generator(np.random.Philox(key=[0x6669736361, stream]))
    by_key = generator.random(int(flat.max()) + 1)  # draw number k belongs to key k, whichever keys are present
    return np.clip(by_key[flat], 1e-12, 1 - 1e-12).reshape(np.shape(keys))


def weighted_ranks(order_by: Array, ties: Array, weights: Array) -> Array:
    """Mid-point rank in (0, 1) of every record, weighted; ties are ordered by ``ties``."""
    order = np.lexsort((ties, order_by))
    cumulated = np.cumsum(weights[order])
    ranks = np.empty(len(order))
    total = cumulated[-1] if len(order) else 1.0
    ranks[order] = (cumulated - 0.5 * weights[order]) / total
    return ranks


def systematic_choice(keys: Array, weights: Array, share: float) -> NDArray[np.bool_]:
    """Choose the records with the lowest keys until ``share`` of the weight is chosen.

    The chosen weight misses ``share`` by at most half a record, so margins hold where independent
    draws would scatter.
    """
    chosen = np.zeros(len(keys), dtype=bool)
    if len(keys):
        order = np.argsort(keys, kind="stable")
        middle = np.cumsum(weights[order]) - 0.5 * weights[order]
        chosen[order] = middle < share * weights.sum()
    return chosen


def rake_amounts(seed: Array, rows: Array, columns: Array) -> Array:
    """Scale a non-negative table ``seed`` (row, column) to row and column totals.

    The totals must agree in sum (relative 1e-6); raises InputError where they do not or where a margin
    has no seed under it.
    """
    _check_margins(seed, rows, columns)
    table = np.array(seed, dtype=float)
    for _ in range(_ROUNDS):
        table *= _ratio(rows, table.sum(axis=1))[:, None]
        table *= _ratio(columns, table.sum(axis=0))[None, :]
        if np.allclose(table.sum(axis=1), rows, rtol=_TOLERANCE, atol=0):
            break
    return table


def rake_probabilities(people: Array, rows: Array, columns: Array) -> Array:
    """Probabilities (row, column), logit-additive, whose expected counts meet both margins.

    ``people`` (row, column) are counts at risk; ``rows`` and ``columns`` the counts wanted. Newton steps
    on one margin after the other keep every probability in (0, 1), which proportional scaling would not.
    """
    from scipy.special import expit

    _check_margins(people, rows, columns)
    for name, wanted, at_risk in (("row", rows, people.sum(1)), ("column", columns, people.sum(0))):
        if np.any((wanted <= 0) | (wanted >= at_risk)):
            raise InputError(f"{name} counts must be strictly between nobody and everybody at risk")
    alpha = np.log(rows / (people.sum(axis=1) - rows))
    beta = np.zeros(people.shape[1])
    for _ in range(_ROUNDS):
        for _ in range(3):
            chance = expit(alpha[:, None] + beta[None, :])
            spread = (people * chance * (1 - chance)).sum(axis=0)
            beta += np.clip((columns - (people * chance).sum(axis=0)) / spread, -1.0, 1.0)
        for _ in range(3):
            chance = expit(alpha[:, None] + beta[None, :])
            spread = (people * chance * (1 - chance)).sum(axis=1)
            alpha += np.clip((rows - (people * chance).sum(axis=1)) / spread, -1.0, 1.0)
        chance = expit(alpha[:, None] + beta[None, :])
        if np.allclose((people * chance).sum(axis=0), columns, rtol=1e-9, atol=0):
            break
    return chance


def _ratio(wanted: Array, found: Array) -> Array:
    return np.divide(wanted, found, out=np.zeros_like(wanted, dtype=float), where=found > 0)


def _check_margins(table: Array, rows: Array, columns: Array) -> None:
    if not np.isclose(rows.sum(), columns.sum(), rtol=1e-6):
        raise InputError(f"margins disagree: rows sum to {rows.sum():.6g}, columns to {columns.sum():.6g}")
    if np.any((table.sum(axis=1) <= 0) & (rows > 0)) or np.any((table.sum(axis=0) <= 0) & (columns > 0)):
        raise InputError("a margin is positive where the table has nobody")


def published_quantiles(ranks: Array, counts: Array, totals: Array, edges: Array) -> Array:
    """Amounts at ``ranks`` (0-1) of a published table by size.

    ``counts`` and ``totals`` (bin) are people and dollars, ``edges`` (bin + 1) the bounds, the last one
    may be infinite. Inside a bin the quantile runs as a power of the place in the bin, with the exponent
    that gives the bin its published mean: ``lower + (upper - lower) u**k`` has mean
    ``lower + (upper - lower) / (1 + k)``. The open bin is a Pareto with the published mean.
    """
    shares = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    means = totals / counts
    lower, upper = edges[:-1], edges[1:]
    if np.any((means <= lower) | (means >= upper)):
        raise InputError("the mean of a bin is outside its bounds")
    bins = np.clip(np.searchsorted(shares, ranks, side="right") - 1, 0, len(counts) - 1)
    place = np.clip((ranks - shares[bins]) / np.diff(shares)[bins], 0.0, 1.0 - 1e-9)
    amounts = np.empty(len(ranks))
    for b in range(len(counts)):
        inside = bins == b
        if np.isinf(upper[b]):
            pareto = means[b] / (means[b] - lower[b])  # mean of a Pareto above x: x a / (a - 1)
            amounts[inside] = lower[b] * (1 - place[inside]) ** (-1 / pareto)
        else:
            power = (upper[b] - lower[b]) / (means[b] - lower[b]) - 1
            amounts[inside] = lower[b] + (upper[b] - lower[b]) * place[inside] ** power
    return amounts


def capped_lognormal_mean(location: Array, sigma: Array, cap: Array) -> Array:
    """Mean of min(X, cap) for X lognormal with log-mean ``location`` and log-sd ``sigma``."""
    from scipy.special import log_ndtr, ndtr

    z = (np.log(cap) - location) / sigma
    below = np.exp(location + 0.5 * sigma**2 + log_ndtr(z - sigma))
    return below + cap * ndtr(-z)


def lognormal_sigma(mean: float, median: float) -> float:
    """Log-sd of a lognormal from its mean and median: sqrt(2 ln(mean / median))."""
    if not mean > median > 0:
        raise InputError("a lognormal's mean must exceed its median, and both be positive")
    return float(np.sqrt(2 * np.log(mean / median)))


def lognormal_quantile(location: Array, sigma: Array, place: Array) -> Array:
    """Quantile of a lognormal at ``place`` in (0, 1)."""
    from scipy.special import ndtri

    return np.exp(location + sigma * ndtri(place))
