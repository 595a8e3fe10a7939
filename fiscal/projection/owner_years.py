"""The compiled projection of living owners' accounts alone: what a rule about balances needs of many paths.

The order of events is that of :mod:`fiscal.projection.cell_years`, without heirs, taxes and books, for one crypto
stratum and the ages up to a limit, one path at a time.
"""

from __future__ import annotations

import numpy as np

from fiscal.projection.cell_years import (
    CORE,
    CRYPTO,
    IRA,
    PLAN,
    ROTH,
    TRADITIONAL,
    compiled,
    grow,
    rebalanced,
)


@compiled
def balances(
    result, fraction, opening, contribution, contribution_scale, half_return, core_weight, crypto_weight, fee_rate,
    loss_rate, targets, contribution_share, transfer, rebalancing, sale_share, withdrawal_rate, rollover_rate,
    conversion_rate, to_heirs,
):  # fmt: skip
    """Fill ``result`` (Y, A, G) with one path's closing balances, both characters and wrappers.

    Shapes are those of :class:`~fiscal.projection.inputs.ProjectionInputs` without paths and strata; ages are the
    first of them, as many as the result has.
    """
    years, ages, groups = result.shape
    growth = np.empty((2, 2, ages, 1))
    balance, closing = np.zeros((2, ages, groups, 2, 2, 2))  # wrapper, character, sleeve
    for a in range(ages):
        for g in range(groups):
            for w in range(2):
                for c in range(2):
                    balance[a, g, w, c, CORE] = opening[w, c, a, g]
    after = np.empty((2, 2, 2))  # wrapper, character, sleeve
    for y in range(years):
        part, target = fraction[y], targets[y]
        rise = target - (targets[y - 1] if y else 0.0)
        grow(growth, half_return[y], core_weight[y], crypto_weight, 1.0)
        kept_core = 1.0 - fee_rate[CORE] * part
        kept_crypto = 1.0 - fee_rate[CRYPTO] * part - loss_rate[y]
        for a in range(ages):
            for g in range(groups):
                after[:] = 0.0
                for w in range(2):
                    for c in range(2):
                        core = balance[a, g, w, c, CORE] * growth[0, CORE, a, 0]
                        crypto = balance[a, g, w, c, CRYPTO] * growth[0, CRYPTO, a, 0]
                        if core + crypto <= 0.0:  # nothing can be drawn
                            after[w, c, CORE] += core
                            after[w, c, CRYPTO] += crypto
                            continue
                        opened = balance[a, g, w, c, CORE] + balance[a, g, w, c, CRYPTO]
                        flow = part * opened / (core + crypto)
                        stays = 1.0 - min(withdrawal_rate[y, w, c, a] * flow, 1.0)
                        if w == PLAN:
                            rolled = min(rollover_rate[y, a] * flow, stays)
                            stays -= rolled
                            after[IRA, c, CORE] += core * rolled
                            after[IRA, c, CRYPTO] += crypto * rolled
                        if c == TRADITIONAL:
                            converted = min(conversion_rate[y, a] * flow, stays)
                            stays -= converted
                            after[w, ROTH, CORE] += core * converted
                            after[w, ROTH, CRYPTO] += crypto * converted
                        after[w, c, CORE] += core * stays
                        after[w, c, CRYPTO] += crypto * stays
                whole = 0.0
                for c in range(2):
                    money = contribution[y, c, a, g] * contribution_scale[y]
                    after[PLAN, c, CORE] += money - money * contribution_share[y]
                    after[PLAN, c, CRYPTO] += money * contribution_share[y]
                for w in range(2):
                    for c in range(2):
                        core = after[w, c, CORE] * growth[1, CORE, a, 0] * kept_core
                        crypto = after[w, c, CRYPTO] * growth[1, CRYPTO, a, 0] * kept_crypto
                        live = 1.0 - to_heirs[y, a, g]
                        moved = rebalanced(
                            core, crypto, target, rise, rebalancing[y], sale_share, transfer[y]
                        )
                        closing[a, g, w, c, CORE] = (core + crypto - moved) * live
                        closing[a, g, w, c, CRYPTO] = moved * live
                        whole += closing[a, g, w, c, CORE] + closing[a, g, w, c, CRYPTO]
                result[y, a, g] = whole
        balance[1:] = closing[:-1]
        balance[0] = 0.0
