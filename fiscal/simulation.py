"""Many paths: drawn, projected and reduced batch by batch; yearly totals of every path are kept.

The scenario and its references meet the same paths (common random numbers), so that a difference is taken
path by path. Cells are not kept: a distribution is of totals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fiscal.assembly import EQUITY_PATH, NO_CRYPTO_PATH, SCENARIO_PATH, path_settings, with_custody_failure
from fiscal.budget.ledger import BuildupTax, Ledger
from fiscal.markets.losses import draw_loss_rates
from fiscal.markets.paths import implied_crypto_value_over_gdp, path_model, smoothed
from fiscal.people.macro import macro
from fiscal.projection.inputs import ProjectionInputs

if TYPE_CHECKING:
    from fiscal.markets.paths import AssetPaths
    from fiscal.scenario.schema import Settings

BATCH = 256
"""Paths drawn and projected at a time; changes no bit of any path."""

REFERENCES = (SCENARIO_PATH, NO_CRYPTO_PATH, EQUITY_PATH)
LINES = ("withdrawal_tax", "conversion_tax", "additional_tax", "inside_buildup_cash")
"""Revenue lines that differ by path."""
STOCKS = ("balance", "closing_crypto")

Progress = Callable[[int, int, str], None]


class Batches(Protocol):
    """Where finished batches are kept, so that an interrupted run goes on instead of starting again."""

    def load(self, key: str) -> Mapping[str, np.ndarray] | None:
        """The arrays kept under ``key``; None when there are none."""

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays under ``key``."""


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """Yearly totals by path, nominal dollars: ``lines[reference][line]`` is ``(path, year)``."""

    years: np.ndarray
    measure: str
    seed: int
    lines: dict[str, dict[str, np.ndarray]]
    deferred_revenue: np.ndarray  # (Y,) the same on every path, as is
    payroll_forgone: np.ndarray
    crypto_over_gdp: np.ndarray  # (path, Y - 1), from 2026
    capped: np.ndarray  # (path, Y) bool

    @property
    def count(self) -> int:
        return len(self.capped)


def simulate(
    settings: Settings,
    inputs: ProjectionInputs,
    law: BuildupTax,
    ledger: Ledger,
    *,
    measure: str,
    count: int,
    last_year: int,
    progress: Progress | None = None,
    batch: int | None = None,
    batches: Batches | None = None,
) -> Distribution:
    """Draw and project paths ``0`` to ``count - 1`` to ``last_year``; ``inputs`` are those of the central path.

    ``batches`` keeps every finished batch and gives back those of an interrupted run, bit for bit.
    """
    from fiscal.projection.kernel import BuildupRates, project_totals

    report = progress or (lambda done, total, what: None)
    horizon = inputs.until(last_year)
    n_years = len(horizon.years)
    rates = BuildupRates(
        interest_rate=law.interest_rate[:n_years],
        dividend_rate=law.dividend_rate[:n_years],
        gain_rate=law.gain_rate[:n_years],
        interest_share=law.interest_share,
        gain_share=law.gain_share,
        payout_rate=law.payout_rate[:n_years],
    )
    labels = [label for label in REFERENCES if label in inputs.path_labels]
    model = path_model(settings.paths.model)
    told: dict[str, Any] = {**path_settings(settings), "measure": measure}
    kept: dict[str, dict[str, list[np.ndarray]]] = {
        label: {line: [] for line in (*LINES, *STOCKS)} for label in labels
    }
    over_gdp: list[np.ndarray] = []
    capped: list[np.ndarray] = []
    parts_of_batch = {f"{label}.{line}": of for label in labels for line, of in kept[label].items()} | {
        "over_gdp": over_gdp,
        "capped": capped,
    }
    step = batch or BATCH
    for first in range(0, count, step):
        report(first, count, "paths")
        size = min(step, count - first)
        key = f"{measure}-{first:07d}-{size}"
        found = batches.load(key) if batches is not None else None
        if found is not None and set(found) == set(parts_of_batch):
            for part, into in parts_of_batch.items():
                into.append(found[part])
            continue
        market = model.draw(told, horizon.years, size, settings.paths.seed, first)
        if measure == "real":
            market = smoothed(market, settings.alternatives.smoothing)
        for label in labels:
            on_paths = _on_paths(horizon, label, market)
            if label == SCENARIO_PATH and settings.overlays.operational_loss_frequency:
                on_paths = replace(on_paths, loss_rate=_drawn_losses(settings, horizon.years, size, first))
            totals = project_totals(on_paths, rates)
            parts = {
                "withdrawal_tax": totals["owner_tax"] + totals["heir_tax"],
                "conversion_tax": totals["conversion_tax"],
                "additional_tax": totals["additional_tax"],
                "inside_buildup_cash": -totals["inside_buildup"],
                "balance": totals["closing_traditional"] + totals["closing_roth"],
                "closing_crypto": totals["closing_crypto"],
            }
            for line, values in parts.items():
                kept[label][line].append(values)
        over_gdp.append(implied_crypto_value_over_gdp(market).to_numpy().T)
        capped.append(np.zeros((size, n_years), dtype=bool) if market.capped is None else market.capped)
        if batches is not None:
            batches.save(key, {part: into[-1] for part, into in parts_of_batch.items()})
    report(count, count, "paths")
    return Distribution(
        years=horizon.years,
        measure=measure,
        seed=settings.paths.seed,
        lines={
            label: {line: np.concatenate(parts) for line, parts in of_label.items()}
            for label, of_label in kept.items()
        },
        deferred_revenue=ledger.total("deferred_revenue")[0, :n_years],
        payroll_forgone=ledger.total("payroll_forgone")[0, :n_years],
        crypto_over_gdp=np.concatenate(over_gdp),
        capped=np.concatenate(capped),
    )


def _drawn_losses(settings: Settings, years: np.ndarray, size: int, first: int) -> np.ndarray:
    """Operational losses of the scenario's paths ``(path, Y)``, a stated failure of a custodian among them."""
    overlays = settings.overlays
    drawn = draw_loss_rates(
        overlays.operational_loss_frequency, overlays.operational_recovery_share, years, size,
        settings.paths.seed, first,
    )  # fmt: skip
    return with_custody_failure(settings, years, drawn)


def _on_paths(inputs: ProjectionInputs, label: str, market: AssetPaths) -> ProjectionInputs:
    """The inputs of one reference on the market's paths instead of the central one."""
    row = inputs.path_labels.index(label)
    size = len(market.half_returns)

    def repeated(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values[row], (size, *values.shape[1:]))

    value = inputs.crypto_market_usd
    worth = repeated(value)
    if inputs.impact_multiplier and label == SCENARIO_PATH:
        at_end = implied_crypto_value_over_gdp(market).to_numpy().T * (
            macro(market.years[1:])["gdp_bn_usd"].to_numpy() * 1e9
        )
        worth = np.concatenate([repeated(value)[:, :2], at_end[:, :-1]], axis=1)
    return replace(
        inputs,
        path_labels=(label,) * size,
        half_return=market.half_returns,
        mix=np.full(size, inputs.mix[row]),
        loss_rate=repeated(inputs.loss_rate),
        crypto_target_share=repeated(inputs.crypto_target_share),
        crypto_contribution_share=repeated(inputs.crypto_contribution_share),
        transfer=repeated(inputs.transfer),
        rebalancing=repeated(inputs.rebalancing),
        sale_share=repeated(inputs.sale_share),
        crypto_market_usd=worth,
    )
