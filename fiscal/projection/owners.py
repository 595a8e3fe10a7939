"""Balances of living owners on many paths: the part of the projection that a rule about balances needs.

The same order of events as :mod:`fiscal.projection.reference`, without heirs, taxes and books, for one crypto
stratum and the ages up to a limit; a test holds the two together. A compiled projection that returned closing
balances by age, group and stratum would take its place.
"""

from __future__ import annotations

import numpy as np

from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.outputs import CORE, CRYPTO, IRA, PLAN, ROTH, TRADITIONAL
from fiscal.projection.reference import _aged, _rebalanced, _share, core_half_return, crypto_half_return


def owner_balances(inputs: ProjectionInputs, ages: int, stratum: int) -> np.ndarray:
    """Closing balances of the first ``ages`` ages of one stratum, all accounts, ``(P, Y, ages, G)``.

    Without price impact: that needs the purchases of everybody.
    """
    one = slice(stratum, stratum + 1)
    n_paths, n_years = len(inputs.path_labels), len(inputs.years)
    groups = inputs.opening_usd.shape[3]
    balance = np.zeros((n_paths, 2, 2, 2, ages, groups, 1))
    balance[:, :, :, CORE] = inputs.opening_usd[:, :, :ages, :, one]
    result = np.empty((n_paths, n_years, ages, groups))
    for y in range(n_years):
        fraction = inputs.year_fraction[y]
        target = inputs.crypto_target_share[:, y, one]
        previous_target = inputs.crypto_target_share[:, y - 1, one] if y else np.zeros_like(target)
        grow = np.empty((n_paths, 2, 1, 1, 2, ages, 1, 1))
        grow[:, :, 0, 0, CORE, :, 0] = 1 + core_half_return(inputs, y)[:, :, :ages, one]
        grow[:, :, 0, 0, CRYPTO] = (1 + crypto_half_return(inputs, y))[:, :, None, None, None]

        opening = balance.sum(axis=3)
        middle = balance * grow[:, 0]
        available = middle.sum(axis=3)
        per_available = _share(opening, available)
        left = np.where(available > 0, 1.0, 0.0)
        rate = inputs.withdrawal_rate[y, :, :, :ages, None, None] * fraction
        left -= np.minimum(rate * per_available, left)
        rolled = np.minimum(
            inputs.rollover_rate[y, None, :ages, None, None] * fraction * per_available[:, PLAN],
            left[:, PLAN],
        )
        left[:, PLAN] -= rolled
        converted = np.minimum(
            inputs.conversion_rate[y, None, :ages, None, None] * fraction * per_available[:, :, TRADITIONAL],
            left[:, :, TRADITIONAL],
        )
        left[:, :, TRADITIONAL] -= converted
        after = middle * left[:, :, :, None]
        after[:, IRA] += middle[:, PLAN] * rolled[:, :, None]
        after[:, :, ROTH] += middle[:, :, TRADITIONAL] * converted[:, :, None]
        scale = inputs.contribution_scale[:, y, None, None, None, one]
        contribution = inputs.contribution_usd[None, y, :, :ages, :, one] * scale
        to_crypto = contribution * inputs.crypto_contribution_share[:, y, None, None, None, one]
        after[:, PLAN, :, CRYPTO] += to_crypto
        after[:, PLAN, :, CORE] += contribution - to_crypto

        kept = 1 - inputs.fee_rate[inputs.mix] * fraction  # (P, sleeve)
        kept[:, CRYPTO] -= inputs.loss_rate[:, y]
        net = after * grow[:, 1] * kept[:, None, None, :, None, None, None]
        net = _rebalanced(net, target, previous_target, inputs, y)
        to_heirs = inputs.death_rate[y, :ages] * (1 - inputs.spouse_share[:ages])[:, None]
        closing = net * (1 - to_heirs)[..., None]
        result[:, y] = closing.sum(axis=(1, 2, 3, 6))
        balance = _aged(closing, axis=4)
    return result
