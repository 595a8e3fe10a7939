"""The 80 percent band of a headline number: parameters that no hindcast shows, markets, wages, and the model's errors.

``draws_of(scenario)`` gives draws of net revenue by window, of the level and of the difference from each reference, on
the same draws: draw *i* of any scenario moves the same parameters by as much and has the same market, wages, and error,
so that two scenarios are compared draw by draw. ``band(values)`` is the range that holds four draws of five,
``bands(scenario)`` is both as a table, and ``stored_band`` looks a scenario up in the stored table ``bands``
(:mod:`fiscal.studies.skill_study`).

**Made as the bands that were tested** (:mod:`fiscal.studies.past_bands`). *Errors*: by the same sampler, from the last
published year, with the sign that was observed (:mod:`fiscal.engine.past_errors`). Those of contributions move the
lines paid on contributions, those of benefits the receipts on withdrawals from plans, and those of taxable IRA
distributions the receipts on withdrawals from IRAs, in proportion to what is withdrawn. *Markets*: the core's returns
of the block bootstrap, as deviations from expected log returns, on the scenario's own path; crypto keeps what the path
says of it relative to stocks, so that an event stays the event. A scenario with random paths draws its own. *Wages*:
blocks of years of the record around the scenario's own path. *Parameters*: joint draws over the stated ranges of those
that no hindcast shows (:func:`fiscal.engine.draws.unseen`), but for adoption, which defines the case; what acts on a
hindcast is in its errors.

**Nested simulation with a control variate.** All paths are projected at the central parameters, a few at each draw of
parameters. There the lines of a path follow, by least squares, those of the same path at the central parameters, whose
whole distribution is known; what is not followed is drawn from the few. A test shows that this has no bias.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal.base import compiled, sources
from fiscal.base.axes import ASSETS, FIRST_YEAR
from fiscal.base.errors import InputError
from fiscal.base.progress import Progress, silent
from fiscal.budget.ledger import contribution_lines
from fiscal.budget.lines import RECEIPTS, UPFRONT
from fiscal.budget.valuation import BILLION, WINDOWS, Window, window_sum
from fiscal.engine import draws, past_errors
from fiscal.engine import run as engine_run
from fiscal.engine.allocation import path_settings
from fiscal.engine.inputs import EQUITY_PATH, NO_CRYPTO_PATH, SCENARIO_PATH
from fiscal.engine.random_paths import buildup_rates, on_paths, own_changes, path_lines
from fiscal.engine.taxes import buildup_tax, contribution_taxes
from fiscal.markets.paths import path_model
from fiscal.people.accounts import IRA
from fiscal.projection.cells import project
from fiscal.results.tables.common import by_fiscal_year

if TYPE_CHECKING:
    from fiscal.engine.run import Prepared
    from fiscal.markets.paths import AssetPaths
    from fiscal.scenario import Scenario
    from fiscal.scenario.schema import Settings

LEVEL = "level"
"""In the column ``reference``: net revenue itself, without a comparison."""

TEN_YEARS = WINDOWS[:2]
"""Windows with a band: hindcasts reach no further, so no band is given beyond."""

COLUMNS = (
    "fingerprint", "case", "reference", "window", "central_bn_usd", "median_bn_usd", "low_bn_usd", "high_bn_usd",
)  # fmt: skip
"""Columns of the table ``bands``; ``reference`` is level, equity_adoption or no_crypto."""

TABLE, RESIDUALS = "bands", "hindcast_residuals"
WAGES = "macro.wage_growth_adjust"
TAILS = (0.1, 0.9)
PARAMETER_DRAWS, MARKET_PATHS, PATHS_EACH = 12, 128, 16
FEWEST_PATHS = 32
MARKET_MODEL = "bootstrap"
SEED = 0
FIXED = ("adoption.", "alternatives.")
CONTRIBUTIONS, BENEFITS, IRAS = "contributions", "benefits", "taxable_ira_distributions"
"""Quantities of the past errors that move net revenue."""
WAGE_STEP = 0.005
"""Added growth of wages, a year, from whose run the answer of revenue to wages is read."""
EQUITY, CRYPTO = ASSETS.index("equity"), ASSETS.index("crypto")

Flows = dict[str, tuple[np.ndarray, np.ndarray]]
"""By path label: lines paid on contributions and receipts, dollars ``(path, Y)``."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Draws of net revenue, billions of current dollars: ``values[reference][window label]`` is ``(draw,)``;
    ``central`` the same at the central parameters on the scenario's own path, or the median of its random paths."""

    values: Mapping[str, Mapping[str, np.ndarray]]
    central: Mapping[str, Mapping[str, float]]

    @property
    def count(self) -> int:
        """Draws of each."""
        return len(next(iter(next(iter(self.values.values())).values())))


def band(values: np.ndarray) -> tuple[float, float]:
    """Bounds that hold four draws of five."""
    low, high = np.quantile(values, TAILS)
    return float(low), float(high)


def bands(scenario: Scenario, *, progress: Progress | None = None, **counts: int) -> pd.DataFrame:
    """One row per reference and window; columns :data:`COLUMNS`. ``counts`` as for :func:`draws_of`."""
    found = draws_of(scenario, progress=progress, **counts)
    rows = [
        (
            key_of(scenario),
            scenario.name,
            reference,
            window,
            found.central[reference][window],
            float(np.median(values)),
            *band(values),
        )
        for reference, windows in found.values.items()
        for window, values in windows.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def stored_band(scenario: Scenario, reference: str, window: Window) -> tuple[float, float] | None:
    """The band of the stored table, or None where the scenario is not in it or the user has tables of their own."""
    if TABLE not in {entry.name for entry in sources.resources()} or sources.own_tables():
        return None
    table = sources.table("bands")
    own = table[(table["fingerprint"] == key_of(scenario)) & (table["window"] == window.label)]
    own = own[own["reference"] == reference]
    return (float(own["low_bn_usd"].iloc[0]), float(own["high_bn_usd"].iloc[0])) if len(own) else None


def key_of(scenario: Scenario) -> str:
    """Fingerprint of a scenario on the horizon of its bands: years after them change none. A scenario that names a
    later year, and so has no stored band, keeps its own."""
    try:
        return scenario.with_overrides({"horizon.last_year": TEN_YEARS[-1].last}).fingerprint()
    except InputError:
        return scenario.fingerprint()


def draws_of(
    scenario: Scenario,
    *,
    parameters: int = PARAMETER_DRAWS,
    paths: int = MARKET_PATHS,
    each: int = PATHS_EACH,
    progress: Progress | None = None,
) -> Draws:
    """Draws of a scenario's level and differences over the ten-year windows: ``parameters`` times ``paths``, of which
    ``each`` paths are projected at every draw of parameters. Raises InputError for too few of them."""
    if paths < FEWEST_PATHS or not FEWEST_PATHS // 4 <= each <= paths:
        allowed = f"at least {FEWEST_PATHS} paths, and {FEWEST_PATHS // 4} to all of them at each draw"
        raise InputError("too few draws for a band", value=f"{each} of {paths}", allowed=allowed)
    report = progress or silent
    windows = TEN_YEARS  # no horizon is shorter
    base = scenario.with_overrides({"horizon.last_year": windows[-1].last})
    drawn = _parameters(base, parameters)
    report(0, len(drawn) + 1, "central parameters")
    start = _prepared(base)
    shocks = _deviations(base.settings, start.inputs.years, paths)
    central = _flows(base.settings, start, shocks, paths)
    own = central if shocks is None else _flows(base.settings, start, None)
    rng = np.random.default_rng(SEED)
    some = None if shocks is None else shocks[:each]
    made: dict[str, list[tuple[np.ndarray, ...]]] = {label: [] for label in central}
    for done, values in enumerate(drawn, start=1):
        report(done, len(drawn) + 1, "draws of parameters")
        variant = base.with_overrides(values)
        flows = _flows(variant.settings, _prepared(variant), some, each)
        at = rng.integers(0, each, paths)  # whose rest is added, the same path of every line
        for label, few in flows.items():
            made[label].append(tuple(followed(one, whole, at) for one, whole in zip(few, central[label], strict=True)))
    report(len(drawn) + 1, len(drawn) + 1, "done")
    whole = {
        label: tuple(np.concatenate([part[kind] for part in parts]) for kind in (0, 1)) for label, parts in made.items()
    }
    factors = _factors(base, start, own, len(drawn) * paths)
    fraction, settings = start.fraction, base.settings

    def by_window(
        flows: Mapping[str, tuple[np.ndarray, ...]], factors: tuple[np.ndarray, ...]
    ) -> dict[str, dict[str, np.ndarray]]:
        net = {label: _net(parts, factors, fraction, settings) for label, parts in flows.items()}
        differences = {label: net[SCENARIO_PATH] - one for label, one in net.items() if label != SCENARIO_PATH}
        return {
            reference: {window.label: window_sum(values, start.inputs.years, window) / BILLION for window in windows}
            for reference, values in {LEVEL: net[SCENARIO_PATH], **differences}.items()
        }  # fmt: skip

    none = (np.ones(1), np.ones(1))
    return Draws(
        values=by_window(whole, factors),
        central={
            reference: {window: float(np.median(values)) for window, values in found.items()}
            for reference, found in by_window(own, none).items()
        },
    )


def _parameters(scenario: Scenario, count: int) -> list[dict[str, float]]:
    """Joint draws of what no hindcast shows, around the scenario's own values."""
    varied = draws.unseen()
    return draws.joint(draws.around(varied[~varied["key"].str.startswith(FIXED)], scenario), count, SEED)


def _prepared(scenario: Scenario) -> Prepared:
    """Inputs of the scenario and its references to the horizon."""
    settings = scenario.settings
    years = np.arange(FIRST_YEAR, settings.horizon.last_year + 1)
    return engine_run.prepare(settings, years, (NO_CRYPTO_PATH, EQUITY_PATH))


def _deviations(settings: Settings, years: np.ndarray, count: int) -> np.ndarray | None:
    """Log returns of the bootstrap less their mean over the paths, ``(path, Y, half, asset)``, crypto's as equity's;
    None where the scenario draws paths of its own."""
    if path_model(settings.paths.model).stochastic:
        return None
    told = {**path_settings(settings), "model": MARKET_MODEL, "measure": "real"}
    drawn = np.log1p(path_model(MARKET_MODEL).draw(told, years, count, settings.paths.seed).half_returns)
    deviations: np.ndarray = drawn - drawn.mean(axis=0)
    deviations[..., CRYPTO] = deviations[..., EQUITY]
    return deviations


def _market(settings: Settings, start: Prepared, shocks: np.ndarray | None, count: int) -> AssetPaths:
    """The scenario's own market with deviations, or paths of its own."""
    if path_model(settings.paths.model).stochastic:
        told = path_settings(settings)
        return path_model(settings.paths.model).draw(told, start.inputs.years, count, settings.paths.seed)
    if shocks is None:
        return start.market
    logs = np.log1p(start.market.half_returns[:1]) + shocks
    return replace(start.market, half_returns=np.expm1(logs), capped=None)


def _flows(settings: Settings, start: Prepared, shocks: np.ndarray | None, count: int = MARKET_PATHS) -> Flows:
    """Lines on contributions and receipts of the scenario and its references on the market's paths."""
    compiled.prepare()
    from fiscal.projection.kernel import project_references

    inputs, years = start.inputs, start.inputs.years
    market = _market(settings, start, shocks, count)
    references = [on_paths(inputs, label, market) for label in inputs.path_labels]
    if len(market.half_returns) > 1:
        at = inputs.path_labels.index(SCENARIO_PATH)
        references[at] = replace(references[at], **own_changes(settings, market, 0))
    taxes = contribution_taxes(settings, start.assume, years, start.mobility, start.contributions)
    law = buildup_tax(settings, start.assume, years, start.fraction, start.mobility)
    paid_in = contribution_lines(inputs, taxes)
    shape = (len(inputs.path_labels), len(years))
    upfront = sum(np.broadcast_to(paid_in[line].sum(axis=(2, 3)), shape) for line in UPFRONT)
    found: Flows = {}
    for row, (label, totals) in enumerate(
        zip(inputs.path_labels, project_references(references, buildup_rates(law, len(years))), strict=True)
    ):
        lines = path_lines(totals)
        receipts = np.asarray(sum(lines[line] for line in RECEIPTS))
        found[label] = (np.broadcast_to(np.asarray(upfront)[row], receipts.shape), receipts)
    return found


def followed(few: np.ndarray, whole: np.ndarray, at: np.ndarray) -> np.ndarray:
    """``(path, Y)``: for every path of ``whole`` one of the ``few``, by ``at``, carried to it along the least-squares
    slope of the few in the same paths of ``whole``. A path's slope is that of the others: fitted to itself, it would
    bias the mean where the relation is curved."""
    x, n = whole[: len(few)], len(few)
    centered = x - x.mean(axis=0)
    spread = (centered**2).sum(axis=0)
    flat = spread == 0
    spread = np.where(flat, 1.0, spread)
    slope = (centered * (few - few.mean(axis=0))).sum(axis=0) / spread
    rest = few - few.mean(axis=0) - slope * centered
    without = slope - centered * rest / (spread * (1 - 1 / n - centered**2 / spread))
    carried = np.where(flat, 0.0, without)[at % n] * (whole - x[at % n])
    found: np.ndarray = few[at % n] + carried
    return found


def _factors(scenario: Scenario, start: Prepared, own: Flows, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Factors on lines paid on contributions and on receipts, ``(draw, Y)``: past errors and paths of wages."""
    years = start.inputs.years
    errors = past_factors(years, count)
    iras = _ira_share(start)
    paid_in, received = errors[CONTRIBUTIONS], (1 - iras) * errors[BENEFITS] + iras * errors[IRAS]
    of_wages = _wage_factors(scenario, years, own, count)
    return paid_in * of_wages[0], received * of_wages[1]


def past_factors(years: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Published over model by quantity, ``(draw, Y)``, as past errors have it; leads count from the last published
    year."""
    table = sources.table(RESIDUALS)
    own, rule = (table[table["forecast"] == name] for name in ("model", "naive"))
    last = int((rule["start"] + rule["lead_years"]).max())
    keys = [(quantity, int(lead)) for quantity in (CONTRIBUTIONS, BENEFITS, IRAS) for lead in years - last]
    served = past_errors.serving_all(own, rule, last, keys, {IRAS: BENEFITS})
    drawn = past_errors.draw(served, count, np.random.default_rng(SEED + 1))
    return {
        quantity: np.exp(-np.stack([drawn[quantity, int(lead)] for lead in years - last], axis=1))
        for quantity in (CONTRIBUTIONS, BENEFITS, IRAS)
    }


def _common(labels: Iterable[str]) -> str:
    """The path that scenarios with and without crypto share, so that both have the same draws."""
    return NO_CRYPTO_PATH if NO_CRYPTO_PATH in labels else SCENARIO_PATH


def _ira_share(start: Prepared) -> np.ndarray:
    """Share of traditional withdrawals that leaves IRAs, inherited accounts among them, ``(Y,)``."""
    projection = project(start.inputs, keep_lines=())
    at = start.inputs.path_labels.index(_common(start.inputs.path_labels))
    owners = {name: projection.totals[f"{name}_withdrawals"][at] for name in start.inputs.accounts}
    inherited = projection.totals["inherited_withdrawals"][at]
    whole = np.asarray(sum(owners.values())) + inherited
    share: np.ndarray = (owners[IRA.name] + inherited) / whole
    return share


def _wage_factors(scenario: Scenario, years: np.ndarray, own: Flows, count: int) -> tuple[np.ndarray, ...]:
    """Factors on both kinds of lines, ``(draw, Y)``, of wages that leave the scenario's path: lines on contributions
    follow the year's wages, receipts the mean of wages to then, as strongly as under a constant added growth."""
    told = float(scenario.value(WAGES))
    step = WAGE_STEP if told <= 0 else -WAGE_STEP
    faster = scenario.with_overrides({WAGES: told + step})
    theirs = _flows(faster.settings, _prepared(faster), None)
    ahead = np.maximum(years - FIRST_YEAR, 0)
    moved = ahead * np.log1p(step)
    drawn = np.zeros((count, len(years)))
    rng = np.random.default_rng(SEED + 2)
    drawn[:, ahead > 0] = np.log(draws.wage_ratios(FIRST_YEAR, int(ahead.max()), count, rng))
    so_far = np.maximum(ahead, 1)
    of_year, mean = drawn, np.cumsum(drawn, axis=1) / so_far
    steps = moved, np.cumsum(moved) / so_far
    found = []
    for kind, wages in enumerate((of_year, mean)):
        faster_usd, own_usd = (flows[_common(flows)][kind].mean(axis=0) for flows in (theirs, own))
        effect = np.log(faster_usd / own_usd)
        elasticity = np.divide(effect, steps[kind], out=np.zeros(len(years)), where=steps[kind] != 0)
        found.append(np.exp(wages * elasticity))
    return tuple(found)


def _net(
    parts: tuple[np.ndarray, ...], factors: tuple[np.ndarray, ...], fraction: np.ndarray, settings: Settings
) -> np.ndarray:
    """Net revenue by fiscal year, ``(draw, Y)``."""
    return sum(  # type: ignore[return-value]
        by_fiscal_year(settings, line, part * factor, fraction)
        for line, part, factor in zip((UPFRONT[0], RECEIPTS[0]), parts, factors, strict=True)
    )
