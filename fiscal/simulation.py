"""Many paths: drawn, projected and reduced batch by batch; yearly totals of every path are kept.

The scenario and its references meet the same paths (common random numbers), so that a difference is taken
path by path. Cells are not kept: a distribution is of totals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fiscal.assembly import (
    EQUITY_PATH,
    NO_CRYPTO_PATH,
    SCENARIO_PATH,
    answers_to_paths,
    path_settings,
    policy_on_paths,
    with_custody_failure,
)
from fiscal.budget.ledger import BuildupTax, Ledger
from fiscal.markets.losses import draw_loss_rates
from fiscal.markets.paths import implied_crypto_value_over_gdp, path_model, smoothed
from fiscal.people.macro import macro
from fiscal.projection.inputs import ProjectionInputs

if TYPE_CHECKING:
    from fiscal.flat_tax import FlatTax
    from fiscal.markets.paths import AssetPaths
    from fiscal.projection.kernel import BuildupRates
    from fiscal.scenario.schema import Settings

BATCH = 1024
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
    on_contributions: dict[
        str, dict[str, np.ndarray]
    ]  # reference -> line -> (Y,), or (path, Y) if they answer
    crypto_over_gdp: np.ndarray  # (path, Y - 1), from 2026
    capped: np.ndarray  # (path, Y) bool
    # the flat-tax model's tax by reference, (path, Y), and its expectation (Y,); none where that is not known
    flat_tax: dict[str, np.ndarray] = field(default_factory=dict)
    expected_flat_tax: dict[str, np.ndarray] = field(default_factory=dict)

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
    flat: FlatTax | None = None,
    progress: Progress | None = None,
    batch: int | None = None,
    batches: Batches | None = None,
) -> Distribution:
    """Draw and project paths ``0`` to ``count - 1`` to ``last_year``; ``inputs`` are those of the central path.

    ``flat`` is what controls the means. ``batches`` keeps every finished batch and gives back those of an
    interrupted run, bit for bit.
    """
    from fiscal.projection.kernel import project_references

    report = progress or (lambda done, total, what: None)
    horizon = inputs.until(last_year)
    n_years = len(horizon.years)
    rates = buildup_rates(law, n_years)
    labels = [label for label in REFERENCES if label in inputs.path_labels]
    model = path_model(settings.paths.model)
    told: dict[str, Any] = {**path_settings(settings), "measure": measure}
    kept: dict[str, dict[str, list[np.ndarray]]] = {
        label: {line: [] for line in (*LINES, *STOCKS)} for label in labels
    }
    expected = _expected_flat_tax(flat, labels, told)
    controls: dict[str, list[np.ndarray]] = {label: [] for label in expected}
    over_gdp: list[np.ndarray] = []
    capped: list[np.ndarray] = []
    scales: list[np.ndarray] = []
    parts_of_batch = {f"{label}.{line}": of for label in labels for line, of in kept[label].items()} | {
        "over_gdp": over_gdp,
        "capped": capped,
        **{f"{label}.flat_tax": of for label, of in controls.items()},
    }
    responds = bool(settings.behaviour.contribution_return_response) and NO_CRYPTO_PATH in labels
    if responds:
        parts_of_batch["contribution_scale"] = scales
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
        if flat is not None:
            for label, of in controls.items():
                of.append(flat.tax_usd(label, market.half_returns))
        if measure == "real":
            market = smoothed(market, settings.alternatives.smoothing)
        references = [on_paths(horizon, label, market) for label in labels]
        own = labels.index(SCENARIO_PATH)
        references[own] = replace(references[own], **own_changes(settings, market, first))
        if EQUITY_PATH in labels and settings.overlays.reversal_trigger_fall is not None:
            equity = labels.index(EQUITY_PATH)
            turned = policy_on_paths(settings, market, answers=False)
            references[equity] = replace(references[equity], **turned)  # type: ignore[arg-type]
        if responds:
            scales.append(references[own].contribution_scale[..., -1])
        for label, totals in zip(labels, project_references(references, rates), strict=True):
            for line, values in path_lines(totals).items():
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
        on_contributions={
            label: _on_contributions(ledger, inputs, label, n_years, scales if label == SCENARIO_PATH else [])
            for label in labels
        },
        crypto_over_gdp=np.concatenate(over_gdp),
        capped=np.concatenate(capped),
        flat_tax={label: np.concatenate(parts) for label, parts in controls.items()},
        expected_flat_tax=expected,
    )


def path_lines(totals: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The kernel's totals as :data:`LINES` and :data:`STOCKS`, ``(path, Y)``."""
    return {
        "withdrawal_tax": totals["owner_tax"] + totals["heir_tax"],
        "conversion_tax": totals["conversion_tax"],
        "additional_tax": totals["additional_tax"],
        "inside_buildup_cash": -totals["inside_buildup"],
        "balance": totals["closing_traditional"] + totals["closing_roth"],
        "closing_crypto": totals["closing_crypto"],
    }


def _expected_flat_tax(
    flat: FlatTax | None, labels: list[str], told: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The flat-tax model's expectations by reference; none unless all are known."""
    if flat is None:
        return {}
    found = {}
    for label in labels:
        expected = flat.expected_usd(label, told)
        if expected is None:
            return {}
        found[label] = expected
    return found


CONTRIBUTION_LINES = ("deferred_revenue", "payroll_forgone")


def _on_contributions(
    ledger: Ledger, inputs: ProjectionInputs, label: str, n_years: int, scales: list[np.ndarray]
) -> dict[str, np.ndarray]:
    """Lines on contributions of one reference, ``(Y,)``; ``(path, Y)`` where ``scales`` (path, Y) say what those of
    holders of crypto are multiplied by."""
    row = inputs.path_labels.index(label)
    if not scales:
        return {line: ledger.total(line)[row, :n_years] for line in CONTRIBUTION_LINES}
    scale = np.concatenate(scales)
    plain = inputs.path_labels.index(NO_CRYPTO_PATH)  # nothing answers there
    money = inputs.contribution_usd.sum(axis=1)[:n_years]
    whole = money.sum(axis=3)
    crypto = np.divide(money[..., -1], whole, out=np.zeros_like(whole), where=whole > 0)
    found = {}
    for line in CONTRIBUTION_LINES:
        cells = ledger.lines[line][plain, :n_years]
        found[line] = cells.sum(axis=(1, 2)) + (scale - 1) * (cells * crypto).sum(axis=(1, 2))
    return found


def own_changes(settings: Settings, market: AssetPaths, first: int) -> dict[str, Any]:
    """Inputs of the scenario's own paths that differ path by path beside returns: answers and drawn losses."""
    changes: dict[str, Any] = {}
    overlays = settings.overlays
    if answers_to_paths(settings):
        changes |= policy_on_paths(settings, market)
    if overlays.operational_loss_frequency:
        drawn = draw_loss_rates(
            overlays.operational_loss_frequency, overlays.operational_recovery_share, market.years,
            len(market.half_returns), settings.paths.seed, first,
        )  # fmt: skip
        changes["loss_rate"] = with_custody_failure(settings, market.years, drawn)
    return changes


def buildup_rates(law: BuildupTax, n_years: int) -> BuildupRates:
    """The law's rates as the kernel takes them, of the first ``n_years``."""
    from fiscal.projection.kernel import BuildupRates

    return BuildupRates(
        interest_rate=law.interest_rate[:n_years],
        dividend_rate=law.dividend_rate[:n_years],
        gain_rate=law.gain_rate[:n_years],
        interest_share=law.interest_share,
        gain_share=law.gain_share,
        payout_rate=law.payout_rate[:n_years],
    )


def on_paths(inputs: ProjectionInputs, label: str, market: AssetPaths) -> ProjectionInputs:
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
        contribution_scale=repeated(inputs.contribution_scale),
        crypto_market_usd=worth,
    )
