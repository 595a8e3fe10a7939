"""Error against CPU time: what a standard error of the 75-year effect costs by each way of sampling.

The effect is net revenue of the scenario less that without crypto, 2026 to 2100, in cash and at bill rates. A way's
cost is its variance a path times core-seconds a path: CPU for the same standard error is in proportion to it. The
variance of Sobol points comes from independent scramblings, since points of one are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np

from benchmarks.model import MODEL, SCENARIO
from fiscal.base.axes import LAST_YEAR
from fiscal.budget import valuation
from fiscal.budget.estimates import controlled
from fiscal.engine import random_paths
from fiscal.engine import run as engine_run
from fiscal.engine.allocation import path_settings
from fiscal.engine.control_variate import FlatTax, flat_tax
from fiscal.engine.inputs import NO_CRYPTO_PATH, SCENARIO_PATH
from fiscal.markets.paths import path_model
from fiscal.projection.kernel import project_totals
from fiscal.scenario import load

TAXES = ("owner_tax", "heir_tax", "conversion_tax", "additional_tax")
PATH_LINES = ("withdrawal_tax", "conversion_tax", "additional_tax")
"""Cash lines that differ by path: those on contributions cancel in the effect."""
MEASURES = ("cash", "present_value")
MEASURED = "real"


@dataclass(frozen=True)
class Sample:
    """Revenue by label on the same paths ``(path, measure)``, the flat-tax model's and its expectation
    ``(measure,)``, dollars; core-seconds a path."""

    revenue: dict[str, np.ndarray]
    control: dict[str, np.ndarray]
    known: dict[str, np.ndarray]
    core_seconds: float

    def effect(self) -> np.ndarray:
        return self.revenue[SCENARIO_PATH] - self.revenue[NO_CRYPTO_PATH]

    def controls(self) -> tuple[np.ndarray, np.ndarray]:
        return (
            self.control[SCENARIO_PATH] - self.control[NO_CRYPTO_PATH],
            self.known[SCENARIO_PATH] - self.known[NO_CRYPTO_PATH],
        )


class Sampler:
    """A scenario and its path without crypto, to be put on random paths to the horizon."""

    def __init__(self, last_year: int) -> None:
        self.told = {"paths.model": MODEL, "horizon.last_year": last_year}
        self.scenario = load(SCENARIO, self.told)
        self.run = engine_run.compute(self.scenario, run_off=False, references=(NO_CRYPTO_PATH,))
        self.last = last_year
        self.flat = flat_tax(self.run.inputs, self.run.projection, self.run.inputs.path_labels, self.last)
        years = self.run.inputs.years
        dates = valuation.flow_dates(years, self.run.inputs.year_fraction)
        bills = valuation.discount_factors(dates, self.run.economy["one_year_rate"].to_numpy(), years)
        told = {**path_settings(self.scenario.settings), "measure": MEASURED}
        start = process_time()
        for label in self.run.inputs.path_labels:
            self.flat.expected_usd(label, told)
        self.expectation_seconds = process_time() - start
        self.weights = np.stack([(years > years[0]).astype(float), bills], axis=1)  # (Y, measure)

    def alone(self, label: str, count: int, seed: int) -> tuple[np.ndarray, float]:
        """Revenue of one of the paths on draws of its own ``(path, measure)``, and core-seconds a path."""
        told = {**path_settings(self.scenario.settings), "measure": MEASURED}
        inputs = self.run.inputs
        rates = random_paths.buildup_rates(self.run.buildup, len(inputs.years))
        parts, start = [], process_time()
        for first in range(0, count, random_paths.BATCH):
            market = path_model(MODEL).draw(told, inputs.years, min(random_paths.BATCH, count - first), seed, first)
            totals = project_totals(random_paths.on_paths(inputs, label, market), rates)
            parts.append(sum(totals[line] for line in TAXES) @ self.weights)
        return np.concatenate(parts), (process_time() - start) / count

    def sample(self, count: int, seed: int, draws: str, flat: FlatTax | None = None) -> Sample:
        """Both paths on the same draws."""
        settings = load(SCENARIO, {**self.told, "paths.draws": draws, "paths.seed": seed}).settings
        run = self.run
        asked = random_paths.experiment(settings, run.inputs, run.buildup, run.ledger, self.last, flat)
        start = process_time()
        drawn = random_paths.simulate(asked, measure=MEASURED, count=count)
        spent = process_time() - start
        return Sample(
            revenue={
                label: sum((lines[line] for line in PATH_LINES), start=np.zeros(1)) @ self.weights
                for label, lines in drawn.lines.items()
            },
            control={label: values @ self.weights for label, values in drawn.flat_tax.items()},
            known={label: values @ self.weights for label, values in drawn.expected_flat_tax.items()},
            core_seconds=spent / count,
        )


def measure(paths: int, scrambles: int, points: int, last_year: int = LAST_YEAR) -> dict[str, Any]:
    """By way of sampling: core-seconds a path, mean of the effect and standard deviation of one path, dollars; and
    core-seconds for the control's expectation, once a run.

    ``paths`` pseudo-random ones, and ``scrambles`` Sobol sequences of ``points`` each.
    """
    sampler = Sampler(last_year)
    sampler.sample(1, 1, "pseudo")  # compiles
    own, own_seconds = sampler.alone(SCENARIO_PATH, paths, 1)
    other, other_seconds = sampler.alone(NO_CRYPTO_PATH, paths, 2)
    common = sampler.sample(paths, 1, "pseudo")
    with_control = sampler.sample(paths, 1, "pseudo", sampler.flat)
    effect, (control, known) = with_control.effect(), with_control.controls()
    sobol = [sampler.sample(points, seed, "sobol", sampler.flat) for seed in range(1, scrambles + 1)]
    slope = np.array([np.polyfit(control[:, m], effect[:, m], 1)[0] for m in range(len(MEASURES))])
    means = np.array([one.effect().mean(axis=0) for one in sobol])
    corrected = means - slope * np.array([one.controls()[0].mean(axis=0) - known for one in sobol])
    one_path = np.sqrt(points)
    sobol_seconds = float(np.mean([one.core_seconds for one in sobol]))
    by_control = np.array([controlled(effect[:, m], control[:, m], known[m]) for m in range(len(MEASURES))])
    ways = {
        "independent draws": (
            own.mean(axis=0) - other.mean(axis=0),
            np.sqrt(own.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)),
            own_seconds + other_seconds,
        ),
        "common random numbers": (effect.mean(axis=0), effect.std(axis=0, ddof=1), common.core_seconds),
        "the same, control variate": (
            by_control[:, 0], by_control[:, 1] * np.sqrt(paths), with_control.core_seconds,
        ),
        "Sobol": (means.mean(axis=0), means.std(axis=0, ddof=1) * one_path, sobol_seconds),
        "Sobol, control variate": (
            corrected.mean(axis=0), corrected.std(axis=0, ddof=1) * one_path, sobol_seconds,
        ),
    }  # fmt: skip
    by_way = {
        way: {"core_seconds_per_path": seconds}
        | {f"{name}_mean_usd": float(mean[m]) for m, name in enumerate(MEASURES)}
        | {f"{name}_deviation_usd": float(deviation[m]) for m, name in enumerate(MEASURES)}
        for way, (mean, deviation, seconds) in ways.items()
    }
    return {
        "ways": by_way,
        "expectation_core_seconds": sampler.expectation_seconds,
        "paths": paths,
        "scrambles": scrambles,
        "points": points,
    }


def cost(way: dict[str, float], name: str) -> float:
    """Core-seconds for a standard error of one dollar of a measure."""
    return float(way[f"{name}_deviation_usd"] ** 2 * way["core_seconds_per_path"])
