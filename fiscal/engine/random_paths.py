"""Many paths: drawn, projected and reduced batch by batch; yearly totals of every path are kept.

The scenario and its references meet the same paths (common random numbers), so that a difference is taken
path by path. Cells are not kept: a distribution is of totals. A batch is the same wherever it is computed
(:class:`Workers`), and in whatever order batches come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fiscal.base.arrays import ratio
from fiscal.base.axes import ASSETS, FIRST_YEAR
from fiscal.base.progress import Progress, silent
from fiscal.budget.ledger import BuildupTax, Ledger
from fiscal.budget.lines import OF_CELLS, UPFRONT
from fiscal.engine.allocation import (
    answers_to_paths,
    holds_alternatives,
    path_settings,
    policy_on_paths,
    with_custody_failure,
)
from fiscal.engine.inputs import EQUITY_PATH, NO_CRYPTO_PATH, SCENARIO_PATH, with_a_market
from fiscal.markets.losses import draw_loss_rates
from fiscal.markets.paths import implied_crypto_value_over_gdp, path_model, smoothed
from fiscal.people.economy import macro
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.packed import BuildupRates

if TYPE_CHECKING:
    from fiscal.engine.control_variate import FlatTax
    from fiscal.markets.paths import AssetPaths
    from fiscal.scenario.schema import Settings

BATCH = 512
"""Paths drawn and projected at a time; changes no bit of any path. More is not faster and takes more memory."""

REFERENCES = (SCENARIO_PATH, NO_CRYPTO_PATH, EQUITY_PATH)
LINES = (*OF_CELLS, "inside_buildup_cash")
"""Revenue lines that differ by path."""
STOCKS = ("balance", "closing_crypto")

Span = tuple[int, int]
"""First path of a batch, and how many it has."""


class Batches(Protocol):
    """Where finished batches are kept, so that an interrupted run continues instead of starting again."""

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
    on_contributions: dict[str, dict[str, np.ndarray]]  # reference -> line -> (Y,), or (path, Y) if they answer
    crypto_over_gdp: np.ndarray  # (path, Y - 1), from 2026
    capped: np.ndarray  # (path, Y) bool
    # the flat-tax model's tax by reference, (path, Y), and its expectation (Y,); none where that is not known
    flat_tax: dict[str, np.ndarray] = field(default_factory=dict)
    expected_flat_tax: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.capped)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What every random path of a scenario is put through: all that a worker needs to compute any batch.

    ``inputs`` are those of the central path to the horizon. ``on_contributions`` are the lines that no path
    changes, reference -> line -> ``(Y,)``; if savers respond to returns, ``answering`` is what of a line's
    ``(Y,)`` the scenario's path multiplies, else it is empty. ``flat`` is what controls the means, where its
    expectations are known (measure -> reference -> ``(Y,)``).
    """

    settings: Settings
    inputs: ProjectionInputs
    rates: BuildupRates
    on_contributions: dict[str, dict[str, np.ndarray]]
    answering: dict[str, np.ndarray]
    flat: FlatTax | None = None
    expected_flat_tax: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The references that are projected on every path."""
        return tuple(label for label in REFERENCES if label in self.inputs.path_labels)

    def controls(self, measure: str) -> dict[str, np.ndarray]:
        """Expectations of the flat-tax model by reference, ``(Y,)``; empty where they are not known."""
        return self.expected_flat_tax.get(measure, {})

    def parts(self, measure: str) -> dict[str, tuple[int, type]]:
        """Arrays of a batch: columns ``(path, column)`` and type by name."""
        n_years = len(self.inputs.years)
        return batch_parts(self.labels, n_years, bool(self.answering), bool(self.controls(measure)))


def batch_parts(labels: Sequence[str], n_years: int, answering: bool, controlled: bool) -> dict[str, tuple[int, type]]:
    """Arrays that are kept of every path: columns and type by name."""
    parts: dict[str, tuple[int, type]] = {
        f"{label}.{line}": (n_years, float) for label in labels for line in (*LINES, *STOCKS)
    }
    parts |= {"over_gdp": (n_years - 1, float), "capped": (n_years, bool)}
    if answering:
        parts["contribution_scale"] = (n_years, float)
    return parts | ({f"{label}.flat_tax": (n_years, float) for label in labels} if controlled else {})


PROCESS_BYTES = 700 * 2**20
"""Python, its packages and other memory in use while the paths are drawn: inputs, schedules, tables; measured."""
MONTHLY_ARRAYS = 6
"""Arrays of all months and assets that a batch holds at once while it is drawn."""
ROW_BYTES = 2**10
"""A path's rows in the table ``paths``, with the copies of it that are alive while it is made."""
MONTHS = 12


def bytes_needed(settings: Settings) -> tuple[int, int]:
    """Memory that a run's random paths take at their peak, an estimate: a fixed part, and bytes for each path.

    What is kept of a path are its yearly totals; a batch is as large as :data:`BATCH` whatever the number of paths.
    The accounts of the named path, which are done before, are not in it: see docs/cluster.md.
    """
    n_years = settings.horizon.last_year - FIRST_YEAR + 1
    labels = REFERENCES if holds_alternatives(settings) else REFERENCES[:1]
    answering = bool(settings.behaviour.contribution_return_response) and len(labels) > 1
    empty = {f"{NO_CRYPTO_PATH}.closing_crypto"}  # nothing is written there, and no memory taken
    if not settings.withdrawals.conversion_rate:
        empty |= {f"{label}.conversion_tax" for label in labels}
    yearly = batch_parts(labels, n_years, answering, controlled=True)
    kept = sum(columns * np.dtype(dtype).itemsize for name, (columns, dtype) in yearly.items() if name not in empty)
    if answering:
        kept += len(UPFRONT) * n_years * np.dtype(float).itemsize
    drawn = MONTHLY_ARRAYS * n_years * MONTHS * len(ASSETS) * np.dtype(float).itemsize
    # one batch is projected while the next is drawn: months are held of the one alone
    beside = min(settings.paths.count, BATCH) * drawn + min(settings.paths.count, 2 * BATCH) * kept
    return PROCESS_BYTES + beside, kept + ROW_BYTES


def path_measures(settings: Settings) -> tuple[str, ...]:
    """Measures on which paths are drawn: the scenario's own, and the risk-neutral one of a model that has it."""
    own = settings.paths.measure
    return tuple(dict.fromkeys((own, "risk_neutral"))) if path_model(settings.paths.model).stochastic else (own,)


def experiment(
    settings: Settings,
    inputs: ProjectionInputs,
    law: BuildupTax,
    ledger: Ledger,
    last_year: int,
    flat: FlatTax | None = None,
) -> Experiment:
    """What the paths of a scenario are put through to ``last_year``, on arrays of its own.

    ``inputs`` and ``ledger`` hold the central path and its references, and may run on; they need not be kept.
    ``flat`` is what controls the means.
    """
    horizon = _copied(inputs.until(last_year))
    n_years = len(horizon.years)
    labels = [label for label in REFERENCES if label in inputs.path_labels]
    told = {
        label: {line: ledger.total(line)[inputs.path_labels.index(label), :n_years] for line in UPFRONT}
        for label in labels
    }
    answering: dict[str, np.ndarray] = {}
    if settings.behaviour.contribution_return_response and NO_CRYPTO_PATH in labels:
        plain = inputs.path_labels.index(NO_CRYPTO_PATH)  # no responses there
        money = inputs.contribution_usd.sum(axis=1)[:n_years]
        whole = money.sum(axis=3)
        crypto = ratio(money[..., -1], whole)
        for line in UPFRONT:
            cells = ledger.lines[line][plain, :n_years]
            told[SCENARIO_PATH][line] = cells.sum(axis=(1, 2))
            answering[line] = (cells * crypto).sum(axis=(1, 2))
    return Experiment(
        settings=settings, inputs=horizon, rates=buildup_rates(law, n_years), on_contributions=told,
        answering=answering, flat=flat,
        expected_flat_tax={
            measure: _expected_flat_tax(flat, labels, {**path_settings(settings), "measure": measure})
            for measure in path_measures(settings)
        },
    )  # fmt: skip


def _expected_flat_tax(flat: FlatTax | None, labels: list[str], told: Mapping[str, Any]) -> dict[str, np.ndarray]:
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


def _copied(inputs: ProjectionInputs) -> ProjectionInputs:
    """The same inputs in arrays of their own: a view would keep the run-off's in memory."""
    own: dict[str, Any] = {}
    for name in (one.name for one in fields(inputs)):
        value = getattr(inputs, name)
        if isinstance(value, np.ndarray):
            own[name] = value.copy()
        elif isinstance(value, TaxSchedule):
            own[name] = TaxSchedule(knots_usd=value.knots_usd.copy(), tax_usd=value.tax_usd.copy())
    return replace(inputs, **own)


class Workers(Protocol):
    """Who computes batches: this process, or others."""

    def project(
        self, asked: Experiment, measure: str, wanted: Sequence[Span]
    ) -> Iterator[tuple[Span, Mapping[str, np.ndarray]]]:
        """The batches ``wanted`` as they are finished, in any order: :func:`project_batch` of each."""


class ThisProcess:
    """Batches one after the other, each on all threads."""

    def project(
        self, asked: Experiment, measure: str, wanted: Sequence[Span]
    ) -> Iterator[tuple[Span, Mapping[str, np.ndarray]]]:
        """The batches in their order; while one is projected, the next is drawn."""
        if not wanted:
            return
        with ThreadPoolExecutor(max_workers=1) as pool:
            coming = pool.submit(draw_batch, asked, measure, *wanted[0])
            for span, after in zip(wanted, [*wanted[1:], None], strict=True):
                drawn = coming.result()
                if after is not None:
                    coming = pool.submit(draw_batch, asked, measure, *after)
                yield span, project_drawn(asked, drawn)


def simulate(
    asked: Experiment,
    *,
    measure: str,
    count: int,
    progress: Progress | None = None,
    batch: int | None = None,
    batches: Batches | None = None,
    workers: Workers | None = None,
) -> Distribution:
    """Draw and project paths ``0`` to ``count - 1``.

    ``batches`` keeps every finished batch and gives back those of an interrupted run, bit for bit; ``workers``
    compute them, by default this process.
    """
    report = progress or silent
    parts = asked.parts(measure)
    kept: dict[str, np.ndarray] = {name: np.zeros((count, columns), dtype) for name, (columns, dtype) in parts.items()}
    step = batch or BATCH
    spans = [(first, min(step, count - first)) for first in range(0, count, step)]
    done = 0

    def keep(span: Span, found: Mapping[str, np.ndarray]) -> None:
        nonlocal done
        first, size = span
        for name, into in kept.items():
            if found[name].any():  # memory that nothing is written to is not taken
                into[first : first + size] = found[name]
        done += size
        report(done, count, "paths")

    report(0, count, "paths")
    wanted = []
    for span in spans:
        found = batches.load(_key(measure, span)) if batches is not None else None
        if found is not None and _fits(found, parts, span[1]):
            keep(span, found)
        else:
            wanted.append(span)
    if wanted:
        for span, made in (workers or ThisProcess()).project(asked, measure, wanted):
            if batches is not None:
                batches.save(_key(measure, span), made)
            keep(span, made)
    contributions = dict(asked.on_contributions)
    if asked.answering:
        more = kept["contribution_scale"] - 1
        contributions[SCENARIO_PATH] = {
            line: flow + more * asked.answering[line] for line, flow in contributions[SCENARIO_PATH].items()
        }
    return Distribution(
        years=asked.inputs.years,
        measure=measure,
        seed=asked.settings.paths.seed,
        lines={label: {line: kept[f"{label}.{line}"] for line in (*LINES, *STOCKS)} for label in asked.labels},
        on_contributions=contributions,
        crypto_over_gdp=kept["over_gdp"],
        capped=kept["capped"],
        flat_tax={label: kept[f"{label}.flat_tax"] for label in asked.controls(measure)},
        expected_flat_tax=asked.controls(measure),
    )


def _key(measure: str, span: Span) -> str:
    return f"{measure}-{span[0]:07d}-{span[1]}"


def _fits(found: Mapping[str, np.ndarray], parts: Mapping[str, tuple[int, type]], size: int) -> bool:
    """Whether what was kept is a batch of this experiment."""
    shapes = {name: (size, columns) for name, (columns, _) in parts.items()}
    return {name: array.shape for name, array in found.items()} == shapes


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A batch of paths before it is projected: the references on them, and what is kept of the paths themselves."""

    references: list[ProjectionInputs]
    kept: dict[str, np.ndarray]


def project_batch(asked: Experiment, measure: str, first: int, size: int) -> dict[str, np.ndarray]:
    """Paths ``first`` to ``first + size - 1``, drawn and projected: the arrays of ``asked.parts(measure)``.

    A path has the same bits in any batch.
    """
    return project_drawn(asked, draw_batch(asked, measure, first, size))


def draw_batch(asked: Experiment, measure: str, first: int, size: int) -> Drawn:
    """The first half of :func:`project_batch`, which needs one thread."""
    settings, horizon, labels = asked.settings, asked.inputs, asked.labels
    told: dict[str, Any] = {**path_settings(settings), "measure": measure}
    market = path_model(settings.paths.model).draw(told, horizon.years, size, settings.paths.seed, first)
    kept: dict[str, np.ndarray] = {}
    if asked.flat is not None:
        for label in asked.controls(measure):
            kept[f"{label}.flat_tax"] = asked.flat.tax_usd(label, market.half_returns)
    if measure == "real":
        market = smoothed(market, settings.alternatives.smoothing)
    references = [on_paths(horizon, label, market) for label in labels]
    own = labels.index(SCENARIO_PATH)
    references[own] = replace(references[own], **own_changes(settings, market, first))
    if EQUITY_PATH in labels and settings.overlays.reversal_trigger_fall is not None:
        equity = labels.index(EQUITY_PATH)
        turned = policy_on_paths(settings, market, answers=False)
        references[equity] = replace(references[equity], **turned)  # type: ignore[arg-type]
    kept["over_gdp"] = implied_crypto_value_over_gdp(market).to_numpy().T
    uncapped = np.zeros((size, len(horizon.years)), dtype=bool)
    kept["capped"] = uncapped if market.capped is None else market.capped
    if asked.answering:
        kept["contribution_scale"] = references[own].contribution_scale[..., -1]
    return Drawn(references=references, kept=kept)


def project_drawn(asked: Experiment, drawn: Drawn) -> dict[str, np.ndarray]:
    """The second half of :func:`project_batch`, on all threads."""
    from fiscal.projection.kernel import project_references

    found = dict(drawn.kept)
    for label, totals in zip(asked.labels, project_references(drawn.references, asked.rates), strict=True):
        found |= {f"{label}.{line}": values for line, values in path_lines(totals).items()}
    return found


def path_lines(totals: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The kernel's totals as :data:`LINES` and :data:`STOCKS`, ``(path, Y)``."""
    return {
        **{line: reduce(add, (totals[name] for name in names)) for line, names in OF_CELLS.items()},
        "inside_buildup_cash": -totals["inside_buildup"],
        "balance": totals["closing_traditional"] + totals["closing_roth"],
        "closing_crypto": totals["closing_crypto"],
    }


def first_paths(settings: Settings, years: np.ndarray, count: int) -> AssetPaths:
    """The market on the first ``count`` paths on the scenario's own measure, as a saver meets it (appraisal late)."""
    model, told = path_model(settings.paths.model), path_settings(settings)
    parts = [
        model.draw(told, years, min(BATCH, count - first), settings.paths.seed, first)
        for first in range(0, count, BATCH)
    ]
    held = [part.capped for part in parts if part.capped is not None]
    whole = replace(
        parts[0],
        half_returns=np.concatenate([part.half_returns for part in parts]),
        capped=np.concatenate(held) if held else None,
    )
    return smoothed(whole, settings.alternatives.smoothing)


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
        worth = with_a_market(np.concatenate([repeated(value)[:, :2], at_end[:, :-1]], axis=1))
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
