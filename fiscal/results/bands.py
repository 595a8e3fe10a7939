"""The 80 percent band of a headline number: parameters over their ranges, market paths, and the hindcast's errors.

``draws_of(scenario)`` gives draws of net revenue by window, of the level and of the difference from each reference, on
the same draws: draw *i* of any scenario has the same parameters, the same market and the same error, so that two
scenarios are compared draw by draw. ``band(values)`` is the range that holds four draws of five, ``bands(scenario)`` is
both as a table, and ``stored_band`` looks a scenario up in the stored table ``bands`` (:mod:`fiscal.studies.skill`).

**Three parts, drawn together.** *Parameters*: joint draws over the stated ranges (:mod:`fiscal.engine.draws`), but for
adoption and for what the scenario itself sets, which define the case. *Markets*: the core's returns of the block
bootstrap, as deviations from expected log returns, on the scenario's own path; crypto keeps what the path says of it
relative to stocks, so that an event stays the event. A scenario with random paths draws its own. *Errors*: those of the
hindcasts (table ``hindcast_residuals``), a start's whole series for contributions and benefits together, with a random
sign, so that no bias is corrected; lines paid on contributions move by the one, receipts by the other.

**Nested simulation with a control variate.** All paths are projected at the central parameters, a few at each draw of
parameters. There the lines of a path follow, by least squares, those of the same path at the central parameters, whose
whole distribution is known; what is not followed is drawn from the few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal.base import compiled, sources
from fiscal.base.axes import ASSETS, FIRST_YEAR
from fiscal.base.errors import InputError, Problem
from fiscal.budget.ledger import contribution_lines, fiscal_line
from fiscal.budget.lines import RECEIPTS, UPFRONT
from fiscal.budget.valuation import BILLION, WINDOWS, Window, window_sum
from fiscal.engine import draws
from fiscal.engine import run as engine_run
from fiscal.engine.allocation import path_settings
from fiscal.engine.inputs import EQUITY_PATH, NO_CRYPTO_PATH, SCENARIO_PATH
from fiscal.engine.random_paths import buildup_rates, on_paths, own_changes, path_lines
from fiscal.engine.taxes import buildup_tax, contribution_taxes
from fiscal.markets.paths import path_model

if TYPE_CHECKING:
    from fiscal.engine.run import Prepared
    from fiscal.markets.paths import AssetPaths
    from fiscal.scenario import Scenario
    from fiscal.scenario.schema import Settings

Progress = Callable[[int, int, str], None]

LEVEL = "level"
"""In the column ``reference``: net revenue itself, without a comparison."""

TEN_YEARS = WINDOWS[:2]
"""Windows with a band: hindcasts reach no further, so no band is given beyond."""

COLUMNS = ("fingerprint", "case", "reference", "window", "central_bn_usd", "low_bn_usd", "high_bn_usd")
"""Columns of the table ``bands``; ``reference`` is level, equity_adoption or no_crypto."""

TABLE, RESIDUALS = "bands", "hindcast_residuals"
TAILS = (0.1, 0.9)
PARAMETER_DRAWS, MARKET_PATHS, PATHS_EACH = 12, 128, 16
FEWEST_PATHS = 32
FEWEST_LEADS = 7
"""Years that a start's errors must reach to serve a ten-year band; shorter ones are of single years."""
MARKET_MODEL = "bootstrap"
SEED = 0
FIXED = ("adoption.", "alternatives.", "paths.event_year")
EQUITY, CRYPTO = ASSETS.index("equity"), ASSETS.index("crypto")

Flows = dict[str, tuple[np.ndarray, np.ndarray]]
"""By path label: lines paid on contributions and receipts, dollars ``(path, Y)``."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Draws of net revenue, billions of current dollars: ``values[reference][window label]`` is ``(draw,)``;
    ``central`` the same at the central parameters on the scenario's own path."""

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
        raise InputError(Problem("too few draws for a band", value=f"{each} of {paths}", allowed=allowed))
    report = progress or (lambda done, total, what: None)
    windows = TEN_YEARS  # no horizon is shorter
    base = scenario.with_overrides({"horizon.last_year": windows[-1].last})
    drawn = _parameters(base, parameters)
    report(0, len(drawn) + 1, "central parameters")
    start = _prepared(base)
    shocks = _deviations(base.settings, start.inputs.years, paths)
    central = _flows(base.settings, start, shocks, paths)
    own = {label: _settled(parts) for label, parts in _flows(base.settings, start, None).items()}
    rng = np.random.default_rng(SEED)
    some = None if shocks is None else shocks[:each]
    made: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {label: [] for label in central}
    for done, values in enumerate(drawn, start=1):
        report(done, len(drawn) + 1, "draws of parameters")
        variant = base.with_overrides(values)
        flows = _flows(variant.settings, _prepared(variant), some, each)
        at = rng.integers(0, each, paths)  # whose rest is added, the same path of every line
        for label, few in flows.items():
            made[label].append(
                tuple(_followed(one, whole, at) for one, whole in zip(few, central[label], strict=True))  # type: ignore[arg-type]
            )
    report(len(drawn) + 1, len(drawn) + 1, "done")
    whole = {
        label: tuple(np.concatenate([part[kind] for part in parts]) for kind in (0, 1))
        for label, parts in made.items()
    }
    errors = _errors(start.inputs.years, len(drawn) * paths)
    fraction, settings = start.fraction, base.settings

    def by_window(
        flows: Mapping[str, tuple[np.ndarray, ...]], factors: tuple[np.ndarray, ...]
    ) -> dict[str, dict[str, np.ndarray]]:
        net = {label: _net(parts, factors, fraction, settings) for label, parts in flows.items()}
        differences = {
            label: net[SCENARIO_PATH] - one for label, one in net.items() if label != SCENARIO_PATH
        }
        return {
            reference: {window.label: window_sum(values, start.inputs.years, window) / BILLION for window in windows}
            for reference, values in {LEVEL: net[SCENARIO_PATH], **differences}.items()
        }  # fmt: skip

    none = (np.ones(1), np.ones(1))
    return Draws(
        values=by_window(whole, errors),
        central={
            reference: {window: float(values[0]) for window, values in found.items()}
            for reference, found in by_window(own, none).items()
        },
    )


def _parameters(scenario: Scenario, count: int) -> list[dict[str, float]]:
    """Joint draws of what the case does not set and the scenario accepts."""
    varied = draws.cases()
    fixed = set(scenario.changed())
    free = [
        key for key in varied["key"]
        if not key.startswith(FIXED) and key not in fixed and _accepts(scenario, key, varied)
    ]  # fmt: skip
    return draws.joint(varied[varied["key"].isin(free)], count, SEED)


def _accepts(scenario: Scenario, key: str, varied: pd.DataFrame) -> bool:
    """Whether a scenario's other settings allow this one to move."""
    low = float(varied.loc[varied["key"] == key, "low"].iloc[0])
    try:
        scenario.with_overrides({key: int(low) if draws.whole(key) else low})
    except InputError:
        return False
    return True


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


def _flows(
    settings: Settings, start: Prepared, shocks: np.ndarray | None, count: int = MARKET_PATHS
) -> Flows:
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


def _settled(parts: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, ...]:
    """The first path alone."""
    return tuple(part[:1] for part in parts)


def _followed(few: np.ndarray, whole: np.ndarray, at: np.ndarray) -> np.ndarray:
    """``(path, Y)``: by year the least-squares line of the ``few`` in the same paths of ``whole``, for all paths, and
    the rest of the paths ``at``."""
    x, n = whole[: len(few)], len(few)
    centered = x - x.mean(axis=0)
    spread = (centered**2).sum(axis=0)
    slope = np.divide(
        (centered * (few - few.mean(axis=0))).sum(axis=0), spread, out=np.zeros(len(spread)), where=spread > 0
    )
    intercept = few.mean(axis=0) - slope * x.mean(axis=0)
    rest = few - (intercept + slope * x)
    followed: np.ndarray = intercept + slope * whole + rest[at % n]
    return followed


def _errors(years: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Factors on lines paid on contributions and on receipts, ``(draw, Y)``: published over model of past starts."""
    table = sources.table(RESIDUALS)
    leads = np.maximum(years - FIRST_YEAR, 0)
    series = []
    for _, part in table.groupby("start"):
        if part["lead_years"].max() < FEWEST_LEADS:
            continue
        wide = part.pivot(index="lead_years", columns="quantity", values="residual")
        last = int(wide.index.max())
        within = wide.reindex(np.minimum(leads, last)).to_numpy(float, copy=True)
        within[leads == 0] = 0.0
        widened = np.sqrt(np.maximum(leads / last, 1.0))[:, None]
        series.append(
            pd.DataFrame(within * widened, columns=wide.columns)[["contributions", "benefits"]].to_numpy()
        )
    rng = np.random.default_rng(SEED + 1)
    chosen = (
        np.stack(series)[rng.integers(0, len(series), count)] * rng.choice([-1.0, 1.0], count)[:, None, None]
    )
    return np.exp(chosen[..., 0]), np.exp(chosen[..., 1])


def _net(
    parts: tuple[np.ndarray, ...], factors: tuple[np.ndarray, ...], fraction: np.ndarray, settings: Settings
) -> np.ndarray:
    """Net revenue by fiscal year, ``(draw, Y)``."""
    shares = settings.books.deferral_fiscal_same_year_share, settings.books.withdrawal_fiscal_same_year_share
    return sum(  # type: ignore[return-value]
        fiscal_line(line, part * factor, fraction, *shares)
        for line, part, factor in zip((UPFRONT[0], RECEIPTS[0]), parts, factors, strict=True)
    )
