"""The contingent liability of a backstop rule: what government would pay on many paths, and what that is worth.

No such law exists: the settings define the rule (``backstop``). On every path the balances of covered cohorts
are compared with those of the same path without crypto. Only who holds crypto can fall short.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.budget.ledger import Backstop, top_ups
from fiscal.engine.allocation import path_settings
from fiscal.engine.inputs import NO_CRYPTO_PATH, SCENARIO_PATH, backstop
from fiscal.engine.random_paths import on_paths, own_changes
from fiscal.markets.paths import path_model, smoothed
from fiscal.projection.cells import owner_balances
from fiscal.projection.inputs import ProjectionInputs

if TYPE_CHECKING:
    from fiscal.scenario.schema import Settings

BATCH = 16
"""Paths projected at a time; changes no bit of any path."""


@dataclass(frozen=True, kw_only=True)
class Contingent:
    """Dollars paid under the rule on each path, ``(path, Y)``, nominal, positive, to the horizon."""

    measure: str
    model: str
    stands_in: bool
    years: np.ndarray
    cost_usd: np.ndarray


def rescue_on_paths(
    settings: Settings,
    inputs: ProjectionInputs,
    *,
    measure: str,
    model: str,
    count: int,
    last_year: int,
    batch: int = BATCH,
) -> Contingent:
    """The rule on ``count`` paths of a random ``model``; ``inputs`` hold crypto and its reference without."""
    horizon = replace(inputs.until(last_year), impact_multiplier=0.0)
    rule = backstop(settings)
    last = int(np.flatnonzero(rule.covered)[-1]) + 1
    cut = Backstop(covered=rule.covered[:last], trigger_share=rule.trigger_share, made_up_share=rule.made_up_share)
    # errors are those of independent draws
    told: dict[str, Any] = {**path_settings(settings), "measure": measure, "draws": "pseudo"}
    parts = []
    for first in range(0, count, batch):
        size = min(batch, count - first)
        market = path_model(model).draw(told, horizon.years, size, settings.paths.seed, first)
        if measure == "real":
            market = smoothed(market, settings.alternatives.smoothing)
        scenario, plain = (on_paths(horizon, label, market) for label in (SCENARIO_PATH, NO_CRYPTO_PATH))
        scenario = replace(scenario, **own_changes(settings, market, first))
        paid = np.zeros((size, len(horizon.years)))
        for stratum in range(1, inputs.opening_usd.shape[4]):  # those who hold crypto
            own, without = (owner_balances(one, last, stratum)[..., None] for one in (scenario, plain))
            paid += top_ups(own, without, cut).sum(axis=(2, 3, 4))
        parts.append(paid)
    return Contingent(
        measure=measure,
        model=model,
        stands_in=model != settings.paths.model,
        years=horizon.years,
        cost_usd=np.concatenate(parts),
    )
