"""Values at market prices of risk: expectations over risk-neutral paths, to the end of the run-off.

Every path is drawn with each asset's expected return at the bill rate and discounted at that rate
(:mod:`fiscal.markets.stochastic`). Contributions stop at the horizon; the accounts run until all are empty.

**Vintages of a path.** The compiled projection returns totals, not cells. A dollar's pro rata share of its
cell's tax is recovered by perturbation: with the schedule replaced by one whose slope is the *average* rate,
``S(W) = integral of T(w)/w``, raising a vintage's contributions by a little raises tax by what its dollars pay
at average rates, and by Euler's theorem all vintages and the stock add to the tax itself. With the real
schedule the same perturbation gives the marginal vintage.

**Control variate.** What is withdrawn is worth the same at whatever risk, up to fees on the mix: its expected
present value is that on the one path where everything earns the bill rate. The known error of the sample's
withdrawals, times the regression slope of tax on them, is taken off the mean.

Models without a risk-neutral measure (deterministic, replay, a user's file) are priced under the central
random model with the scenario's other settings, and labeled so.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base import sources
from fiscal.budget.estimates import controlled
from fiscal.budget.ledger import BuildupTax
from fiscal.budget.lines import OF_CELLS, RECEIPTS
from fiscal.engine.allocation import answers_to_paths, path_settings, policy_on_paths
from fiscal.engine.inputs import NO_CRYPTO_PATH, SCENARIO_PATH
from fiscal.engine.random_paths import buildup_rates, on_paths
from fiscal.markets.paths import AssetPaths, path_model
from fiscal.markets.stochastic import bill_halves
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule

if TYPE_CHECKING:
    from fiscal.scenario.schema import Settings

CENTRAL_MODEL = "regime_switching"
"""Replaces models without a risk-neutral measure."""

STEP = 0.01
"""A perturbed vintage or stock is raised by this share."""

WITHDRAWN, GROUP_TAX, GROUP_WITHDRAWN = "withdrawn", "group_tax", "group_withdrawn"
STOCK, CONTRIBUTIONS, EFFECT = "opening_stock", "all_contributions", "crypto_effect"
BATCH = 64
FEWEST_PATHS = 4
"""Below it there is no standard error."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """Present values on 30 June 2025 by tax line, dollars, and the standard error of each; ``group_usd`` (G,) that of
    the withdrawal tax by earnings group."""

    value_usd: dict[str, float]
    error_usd: dict[str, float]
    group_usd: np.ndarray


@dataclass(frozen=True, kw_only=True)
class RiskNeutral:
    """Prices by scope, at average rates and, for the year's vintage, at the margin."""

    model: str
    stands_in: bool  # the scenario's own model has no risk-neutral measure
    paths: int
    vintage_year: int
    average: dict[str, Price]
    marginal: Price


_KNOWN: dict[str, RiskNeutral] = {}
"""Prices by the hash of what they depend on: scenarios that differ only in a named path have the same."""
_KEPT = 8


def average_rate_schedule(schedule: TaxSchedule) -> TaxSchedule:
    """The schedule whose slope is the average rate of ``schedule``: ``integral of T(w)/w``, exact at the knots."""
    knots, tax = schedule.knots_usd, schedule.tax_usd
    width = np.diff(knots, axis=1)
    slope = np.diff(tax, axis=3) / width[:, None, None]
    level = tax[..., :-1] - slope * knots[:, None, None, :-1]  # where each piece meets zero withdrawals
    grown = np.zeros_like(knots[:, 1:])
    grown[:, 1:] = np.log(knots[:, 2:] / knots[:, 1:-1])  # the first piece starts from nothing, at nothing
    pieces = slope * width[:, None, None] + level * grown[:, None, None]
    whole = np.concatenate([np.zeros_like(tax[..., :1]), np.cumsum(pieces, axis=3)], axis=3)
    return TaxSchedule(knots_usd=knots, tax_usd=whole)


def price(
    settings: Settings,
    inputs: ProjectionInputs,
    law: BuildupTax,
    factors: np.ndarray,
    *,
    vintage_year: int,
    count: int,
    batch: int = BATCH,
) -> RiskNeutral:
    """Risk-neutral values of a scenario; ``factors`` (Y,) the value on 30 June 2025 of a dollar of each year at
    the bill rates. ``inputs`` run until everybody has left. Of the ``count`` paths the last is the known one, on
    which everything earns the bill rate: at least four are needed."""
    name = settings.paths.model if path_model(settings.paths.model).stochastic else CENTRAL_MODEL
    # errors are those of independent draws
    told: dict[str, Any] = {**path_settings(settings), "measure": "risk_neutral", "draws": "pseudo"}
    quiet = replace(inputs, impact_multiplier=0.0)
    at = int(np.flatnonzero(inputs.years == vintage_year)[0])
    cases = _cases(quiet, at)
    found: dict[str, list[dict[str, np.ndarray]]] = {case: [] for case in cases}
    acts = repr((settings.behaviour, settings.overlays, settings.adoption, settings.alternatives))
    asked = (acts, settings.paths.seed, vintage_year, count, sources.fingerprint())
    digest = _digest(inputs, law, factors, name, told, *asked)
    if digest in _KNOWN:
        return replace(_KNOWN[digest], stands_in=name != settings.paths.model)
    drawn = count - 1
    for first in range(0, drawn, batch):
        size = min(batch, drawn - first)
        market = path_model(name).draw(told, inputs.years, size, settings.paths.seed, first)
        if first + size == drawn:
            market = replace(
                market,
                half_returns=np.concatenate([market.half_returns, bill_halves(inputs.years, told["opening"])[None]]),
            )
        own = _answers(settings, market)
        known: list[Any] = []  # who holds no crypto is the same on the path without it
        for case, (label, given) in cases.items():
            changes = own if label == SCENARIO_PATH else {}
            shared = known if given is quiet else None
            found[case].append(_present_values(given, label, market, law, factors, changes, shared))
    joined = {
        case: {line: np.concatenate([part[line] for part in parts], axis=-1) for line in parts[0]}
        for case, parts in found.items()
    }
    average = _scopes(joined)
    result = RiskNeutral(
        model=name,
        stands_in=name != settings.paths.model,
        paths=drawn,
        vintage_year=vintage_year,
        average=average,
        marginal=_price(_raised(joined["marginal"], joined["whole"])),
    )
    while len(_KNOWN) >= _KEPT:
        _KNOWN.pop(next(iter(_KNOWN)))
    _KNOWN[digest] = result
    return result


OWN_PATH = ("half_return", "crypto_market_usd", "path_labels", "mix")
"""Inputs that the drawn paths replace, or that number the paths."""
NAMED_PATH = (
    "model", "name", "file", "outside_event_return", "event_year", "after_event", "gdp_multiple",
    "replay_start", "replay_year", "replay_scale", "count",
)  # fmt: skip
"""Settings of paths that the drawn ones do not read."""


def _digest(
    inputs: ProjectionInputs, law: BuildupTax, factors: np.ndarray, name: str, told: dict[str, Any], *others: int | str
) -> str:
    """Hash of everything that a price depends on."""
    found = hashlib.sha256(factors.tobytes())
    read = {key: value for key, value in told.items() if key not in NAMED_PATH}
    found.update(repr((name, sorted(read.items(), key=lambda item: item[0]), others)).encode())
    found.update(repr(NO_CRYPTO_PATH in inputs.path_labels).encode())
    for value in (
        getattr(one, field.name) for one in (inputs, law) for field in fields(one) if field.name not in OWN_PATH
    ):
        parts = (value.knots_usd, value.tax_usd) if isinstance(value, TaxSchedule) else (value,)
        for part in parts:
            found.update(np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return found.hexdigest()


def _cases(inputs: ProjectionInputs, at: int) -> dict[str, tuple[str, ProjectionInputs]]:
    """Projections to make: the path's label and inputs by case."""
    pro_rata = replace(
        inputs,
        owner_schedule=average_rate_schedule(inputs.owner_schedule),
        conversion_schedule=average_rate_schedule(inputs.conversion_schedule),
        heir_schedule=average_rate_schedule(inputs.heir_schedule),
    )
    more = inputs.contribution_usd.copy()
    more[at] *= 1 + STEP
    cases = {
        "whole": (SCENARIO_PATH, inputs),
        "pro_rata": (SCENARIO_PATH, pro_rata),
        "stock": (
            SCENARIO_PATH,
            replace(
                pro_rata,
                opening_usd=inputs.opening_usd * (1 + STEP),
                opening_basis_usd=inputs.opening_basis_usd * (1 + STEP),
            ),
        ),
        "vintage": (SCENARIO_PATH, replace(pro_rata, contribution_usd=more)),
        "marginal": (SCENARIO_PATH, replace(inputs, contribution_usd=more)),
    }
    if NO_CRYPTO_PATH in inputs.path_labels:
        cases["no_crypto"] = (NO_CRYPTO_PATH, inputs)
    return cases


def _answers(settings: Settings, market: AssetPaths) -> dict[str, np.ndarray]:
    """What the scenario's allocation answers to the paths of the market. Contributions are priced as they are without
    an answer, and operational losses at their mean."""
    if not answers_to_paths(settings):
        return {}
    changes = policy_on_paths(settings, market)
    return changes | {"contribution_scale": np.ones_like(changes["contribution_scale"])}


def _present_values(
    inputs: ProjectionInputs,
    label: str,
    market: AssetPaths,
    law: BuildupTax,
    factors: np.ndarray,
    changes: dict[str, np.ndarray] | None = None,
    known: list[Any] | None = None,
) -> dict[str, np.ndarray]:
    """Present values on every path, ``(P,)``, of the taxes and of what is withdrawn, and by earnings group
    ``(G, P)`` of the tax on withdrawals and of what is withdrawn."""
    from fiscal.projection.kernel import project_groups

    on_market = replace(on_paths(inputs, label, market), **(changes or {}))  # type: ignore[arg-type]
    totals, group_tax, group_withdrawn = project_groups(on_market, buildup_rates(law, len(inputs.years)), known)
    flows = {
        **{line: reduce(add, (totals[name] for name in OF_CELLS[line])) for line in RECEIPTS},
        WITHDRAWN: totals["traditional_withdrawals"] + totals["inherited_withdrawals"],
        GROUP_TAX: group_tax,
        GROUP_WITHDRAWN: group_withdrawn,
    }
    return {line: flow @ factors for line, flow in flows.items()}


def _raised(more: dict[str, np.ndarray], base: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {line: (more[line] - base[line]) / STEP for line in base}


def _minus(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {line: one[line] - other[line] for line in one}


def _price(values: dict[str, np.ndarray]) -> Price:
    """Means over the paths; the last one, whose value is known, is the control's expectation."""

    def mean(of: np.ndarray, control: np.ndarray) -> tuple[float, float]:
        return controlled(of[:-1], control[:-1], float(control[-1]))

    pairs = {line: mean(values[line], values[WITHDRAWN]) for line in RECEIPTS}
    groups = [mean(*pair)[0] for pair in zip(values[GROUP_TAX], values[GROUP_WITHDRAWN], strict=True)]
    return Price(
        value_usd={line: value for line, (value, _) in pairs.items()},
        error_usd={line: error for line, (_, error) in pairs.items()},
        group_usd=np.array(groups),
    )


def _scopes(joined: dict[str, dict[str, np.ndarray]]) -> dict[str, Price]:
    """Prices at average rates: the stock, one year's vintage, all contributions, and crypto's effect."""
    whole = joined["whole"]
    stock = _raised(joined["stock"], joined["pro_rata"])
    found = {
        STOCK: _price(stock),
        "vintage": _price(_raised(joined["vintage"], joined["pro_rata"])),
        CONTRIBUTIONS: _price(_minus(whole, stock)),
    }
    if "no_crypto" in joined:
        found[EFFECT] = _price(_minus(whole, joined["no_crypto"]))
    return found
