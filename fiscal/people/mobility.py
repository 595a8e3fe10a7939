"""Rank mobility: a lifetime earnings group is not this year's wage rank.

Deferrals follow the *current* wage and withdrawals are taxed with the *retirement* income, while a
cell of the model is a *lifetime* earnings group. The two ranks are joined by a Gaussian copula with
a stated rank correlation (assumed; ``people.rank_correlation``), so that people of one lifetime group
are spread over the current ranks and no group gains or loses members on the whole.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from fiscal.base.axes import GROUP_EDGES, GROUP_SHARES


@lru_cache(maxsize=16)
def mobility_matrix(rank_correlation: float) -> np.ndarray:
    """Probability of current rank group ``k`` given lifetime group ``g``, shape ``(group, group)``.

    Rows sum to one and ``GROUP_SHARES @ matrix == GROUP_SHARES`` (nobody is lost). ``rank_correlation``
    is Spearman's, in [0, 1]; 1 gives the identity (no mobility). The Gaussian copula's own correlation
    is ``2 sin(pi rho / 6)`` (Kruskal 1958, ordinal measures of association). The matrix cannot be written to.
    """
    if not 0 <= rank_correlation <= 1:
        raise ValueError(f"rank_correlation must be in [0, 1], found {rank_correlation}")
    size = len(GROUP_SHARES)
    if rank_correlation == 1:
        return np.eye(size)
    if rank_correlation == 0:
        return np.tile(GROUP_SHARES, (size, 1))
    correlation = 2 * np.sin(np.pi * rank_correlation / 6)
    inner = np.array([NormalDist().inv_cdf(edge) for edge in GROUP_EDGES[1:-1]])
    cumulative = np.zeros((size + 1, size + 1))
    cumulative[-1, :] = GROUP_EDGES
    cumulative[:, -1] = GROUP_EDGES
    cumulative[1:-1, 1:-1] = _both_below(inner, GROUP_EDGES[1:-1], correlation)
    joint = np.maximum(np.diff(np.diff(cumulative, axis=0), axis=1), 0.0)
    # the copula integral carries errors near 1e-15: restore both margins exactly
    for _ in range(50):
        joint *= (GROUP_SHARES / joint.sum(axis=1))[:, None]
        joint *= GROUP_SHARES / joint.sum(axis=0)
    matrix = joint / joint.sum(axis=1, keepdims=True)
    matrix.flags.writeable = False
    return matrix


POINTS = 200
"""Of the quadrature: more change no digit, up to a correlation of .9999."""


def _both_below(z: np.ndarray, share: np.ndarray, correlation: float) -> np.ndarray:
    """Probability that two standard normals are below ``z`` (k,) each, ``(k, k)``; ``share`` (k,) is that of one.

    The derivative of it by the correlation is the density (Plackett 1954), integrated here over the arcsine of the
    correlation (Drezner and Wesolowsky 1990).
    """
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    whole = math.asin(correlation)
    angle = 0.5 * whole * (nodes + 1)
    squares, products = z[:, None] ** 2 + z**2, np.outer(z, z)
    exponent = (products[..., None] * np.sin(angle) - 0.5 * squares[..., None]) / np.cos(angle) ** 2
    integral = 0.5 * whole * (np.exp(exponent) @ weights)
    return np.outer(share, share) + integral / (2 * math.pi)
