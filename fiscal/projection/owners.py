"""Balances of living owners on many paths: the part of the projection that a rule about balances needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fiscal.base import compiled
from fiscal.projection.inputs import ProjectionInputs, plain


def owner_balances(inputs: ProjectionInputs, ages: int, stratum: int) -> np.ndarray:
    """Closing balances of the first ``ages`` ages of one stratum, all accounts, ``(P, Y, ages, G)``.

    Without price impact: that needs the purchases of everybody.
    """
    compiled.prepare()
    from fiscal.projection import owner_years

    n_paths, n_years = len(inputs.path_labels), len(inputs.years)
    result = np.zeros((n_paths, n_years, ages, inputs.opening_usd.shape[3]))
    opening = plain(inputs.opening_usd[:, :, :ages, :, stratum])
    contribution = plain(inputs.contribution_usd[:, :, :ages, :, stratum])
    withdrawal, rollover, conversion = (
        plain(rate[..., :ages])
        for rate in (inputs.withdrawal_rate, inputs.rollover_rate, inputs.conversion_rate)
    )
    to_heirs = plain((inputs.death_rate * (1 - inputs.spouse_share)[:, None])[:, :ages])
    weights = {
        int(mix): plain(inputs.core_weight[mix][:, :ages, stratum : stratum + 1])
        for mix in np.unique(inputs.mix)
    }
    run: Callable[..., None] = owner_years.balances

    def one(p: int) -> None:
        mix = int(inputs.mix[p])
        run(
            result[p], plain(inputs.year_fraction), opening, contribution,
            plain(inputs.contribution_scale[p, :, stratum]), plain(inputs.half_return[p]), weights[mix],
            plain(inputs.crypto_weight[mix]), plain(inputs.fee_rate[mix]), plain(inputs.loss_rate[p]),
            plain(inputs.crypto_target_share[p, :, stratum]), plain(inputs.crypto_contribution_share[p, :, stratum]),
            plain(inputs.transfer[p]), plain(inputs.rebalancing[p]), float(inputs.sale_share[p]), withdrawal, rollover,
            conversion, to_heirs,
        )  # fmt: skip

    compiled.on_threads(one, n_paths)
    return result
