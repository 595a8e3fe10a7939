"""Rank mobility: a lifetime earnings group is not this year's wage rank.

Deferrals follow the *current* wage and withdrawals are taxed with the *retirement* income, while a
cell of the model is a *lifetime* earnings group. The two ranks are joined by a Gaussian copula with
a stated rank correlation (assumed; ``people.rank_correlation``), so that people of one lifetime group
are spread over the current ranks and no group gains or loses members on the whole.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import multivariate_normal, norm

from fiscal.base.axes import GROUP_EDGES, GROUP_SHARES


def mobility_matrix(rank_correlation: float) -> np.ndarray:
    """Probability of current rank group ``k`` given lifetime group ``g``, shape ``(group, group)``.

    Rows sum to one and ``GROUP_SHARES @ matrix == GROUP_SHARES`` (nobody is lost). ``rank_correlation``
    is Spearman's, in [0, 1]; 1 gives the identity (no mobility). The Gaussian copula's own correlation
    is ``2 sin(pi rho / 6)`` (Kruskal 1958, ordinal measures of association).
    """
    if not 0 <= rank_correlation <= 1:
        raise ValueError(f"rank_correlation must be in [0, 1], found {rank_correlation}")
    size = len(GROUP_SHARES)
    if rank_correlation == 1:
        return np.eye(size)
    if rank_correlation == 0:
        return np.tile(GROUP_SHARES, (size, 1))
    correlation = 2 * np.sin(np.pi * rank_correlation / 6)
    inner = norm.ppf(GROUP_EDGES[1:-1])
    copula = multivariate_normal(mean=[0.0, 0.0], cov=[[1.0, correlation], [correlation, 1.0]])
    cumulative = np.zeros((size + 1, size + 1))
    cumulative[-1, :] = GROUP_EDGES
    cumulative[:, -1] = GROUP_EDGES
    grid = np.stack(np.meshgrid(inner, inner, indexing="ij"), axis=-1)
    cumulative[1:-1, 1:-1] = copula.cdf(grid)
    joint = np.maximum(np.diff(np.diff(cumulative, axis=0), axis=1), 0.0)
    # the copula integral carries errors near 1e-9: restore both margins exactly
    for _ in range(50):
        joint *= (GROUP_SHARES / joint.sum(axis=1))[:, None]
        joint *= GROUP_SHARES / joint.sum(axis=0)
    return joint / joint.sum(axis=1, keepdims=True)
