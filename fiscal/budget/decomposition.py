"""Why the revenue of two scenarios differs: five factors that add up to the difference.

============== ==================================================================================
contributions  dollars that enter: contributions by kind and tax character, the opening stock
returns        the path, what the accounts hold of it (adoption, allocation, strata), fees, losses, impact
rate           tax per dollar: what a dollar deferred, withdrawn or converted is taxed at
timing         when dollars leave: withdrawal ages, required distributions, rollovers, conversions, deaths,
               heirs; and when the fiscal year collects the tax
behaviour      responses: what follows the target or drifts, rebalancing; the backstop as government's own
============== ==================================================================================

A coalition takes the arrays of its factors from the scenario and all others from the baseline; the
accounts are projected with them (:func:`hybrid`), and each cell's dollars are taxed at average rates:

    line(coalition) = sum over cells of  rate x dollars(coalition)

where a cell is a year, age and earnings group, and ``rate`` is the tax of the cell over its dollars *in
the scenario's own run* when the factor ``rate`` is in the coalition, and *in the baseline's own run*
otherwise. So with dollars W and rates r of one cell (0 the baseline, 1 the scenario), when nothing but
returns differs,

    returns = (W1 - W0) (r0 + r1) / 2          rate = (r1 - r0) (W0 + W1) / 2

``rate`` is then all of progressivity: the schedule at the scenario's withdrawals against the schedule at
the baseline's, for the same dollars; it also holds a change of law. It is zero under one flat rate. (To
let the schedule itself answer to the coalition's dollars would make ``rate`` nothing but an interaction,
half of which a Shapley value hands to the other factors, and the answer would depend on which of the two
runs is called the baseline. Here, exchanging them changes every sign and nothing else.) The tax on inside
build-up has rates that do not depend on dollars; its ``rate`` is the law of either run.

A cell without dollars in one run has the other's rate there: its whole effect is one of dollars. A cell
empty in both, which only a coalition fills, has the year's mean rate of both.

Each factor's share is its Shapley value: the mean over all orders in which the five can be put in place
of what it changes when its turn comes (Shapley 1953; Shorrocks 2013, Journal of Economic Inequality
11:99-126). Shares add up to the difference, a factor that does not differ has none, and no order matters.
Only factors whose arrays differ are projected: 2^n - 2 projections for n of them besides ``rate``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import reduce
from math import comb
from operator import add
from typing import Any

import numpy as np

from fiscal.budget.ledger import (
    Backstop,
    BuildupTax,
    buildup_rates,
    fiscal_line,
    limit_on_losses,
    pushed_out_rates,
    rescue_cost,
)
from fiscal.budget.lines import LINES, OF_CELLS, with_sums
from fiscal.projection.cells import project
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.outputs import Projection

FACTORS = ("contributions", "returns", "rate", "timing", "behaviour")
CONTRIBUTIONS, RETURNS, RATE, TIMING, BEHAVIOUR = range(5)

COMMON_FIELDS = ("years", "year_fraction", "accounts")
"""Fields of the inputs that both runs share."""

FACTOR_FIELDS: Mapping[str, tuple[str, ...]] = {
    "contributions": ("opening_usd", "opening_basis_usd", "contribution_usd", "contribution_split"),
    "returns": (
        "path_labels", "half_return", "mix", "core_weight", "crypto_weight", "fee_rate", "loss_rate",
        "crypto_target_share", "crypto_contribution_share", "sale_share", "impact_multiplier",
        "impact_persistence", "crypto_market_usd",
    ),
    "rate": (
        "penalised_share", "nonqualified_share", "additional_tax_rate", "owner_schedule", "conversion_schedule",
        "heir_schedule", "holders", "heirs",
    ),
    "timing": (
        "withdrawal_rate", "rollover_rate", "conversion_rate", "death_rate", "spouse_share", "heir_years",
    ),
    "behaviour": ("transfer", "rebalancing", "contribution_scale"),
}  # fmt: skip
"""Which factor a field of the projection's inputs belongs to. Schedules and the people who share the
dollars (``holders``, ``heirs``) move nothing but the rates of their own run. Dollars by stratum are those of
``contributions``, divided over the strata as ``returns`` divides them."""

TAXABLE_SHARES = ("penalised_share", "nonqualified_share")
"""Fields of ``rate`` that a coalition's projection needs: which of the dollars are taxed."""

PER_STRATUM = ("opening_usd", "opening_basis_usd", "contribution_usd")

PAY_LINES: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "deferred_revenue": (-1, ("elective_traditional", "employer_traditional")),
    "roth_upfront_tax": (1, ("elective_roth", "employer_roth")),
    "payroll_forgone": (-1, ("employer",)),
}
"""Line on contributions -> its sign, and the dollars that are taxed; ``employer`` are all employer contributions."""

FROM_PAY = tuple(name for _, names in PAY_LINES.values() for name in names)

TAXED_CELLS: Mapping[str, str] = {
    "owner_tax": "owner_withdrawals",
    "heir_tax": "heir_withdrawals",
    "conversion_tax": "conversions",
    "additional_tax": "penalised_withdrawals",
}
"""Tax of the projection -> the dollars that it is levied on; owners' withdrawals are traditional ones and taxed Roth
earnings."""

LINE_DOLLARS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    **PAY_LINES,
    **{line: (1, tuple(TAXED_CELLS[cell] for cell in cells)) for line, cells in OF_CELLS.items()},
}
"""Line -> its sign, and the dollars that are taxed at a rate."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two runs. ``inputs`` hold its own path first, then that without crypto if it has any;
    dollars of :data:`FROM_PAY` and what is taxed or not taxed of them are ``(Y, A, G)``, all positive."""

    inputs: ProjectionInputs
    projection: Projection
    contribution_usd: Mapping[str, np.ndarray]
    contribution_tax_usd: Mapping[str, np.ndarray]
    buildup: BuildupTax
    backstop: Backstop
    deferral_same_year_share: float
    withdrawal_same_year_share: float
    displaced_share: float = 0.0
    pushed_out: np.ndarray | None = None  # (Y, A, X) assets that crypto pushes out, None: the core's


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """Effects by factor and the whole difference, nominal dollars, lines in the order of ``LINES``."""

    calendar_usd: np.ndarray  # (factor, line, Y)
    fiscal_usd: np.ndarray  # (factor, line, Y), NaN in the first year
    calendar_difference_usd: np.ndarray  # (line, Y), scenario less baseline
    fiscal_difference_usd: np.ndarray
    differing: tuple[str, ...]  # factors whose inputs differ; rate is listed when its law does
    projections: int  # run for the coalitions


def shapley(values: np.ndarray) -> np.ndarray:
    """Shapley value of each player, ``(n, ...)``, of a game with values ``(2^n, ...)``.

    ``values[mask]`` is what the players of the mask's bits reach together (bit ``i``: player ``i``).
    Raises ``ValueError`` when the number of coalitions is not a power of two.
    """
    players = len(values).bit_length() - 1
    if len(values) != 1 << players:
        raise ValueError(f"{len(values)} coalitions are not a power of two")
    shares = np.zeros((players, *values.shape[1:]))
    for player in range(players):
        own = 1 << player
        for mask in range(len(values)):
            if not mask & own:
                # the share of orders in which exactly these come before the player
                weight = 1 / (players * comb(players - 1, mask.bit_count()))
                shares[player] += weight * (values[mask | own] - values[mask])
    return shares


def hybrid(parts: Mapping[str, ProjectionInputs]) -> ProjectionInputs:
    """The inputs of a coalition: each factor's fields from ``parts[factor]``."""
    returns, amounts, behaviour = parts["returns"], parts["contributions"], parts["behaviour"]
    if all(part is returns for part in parts.values()):
        return returns
    values: dict[str, Any] = {
        name: getattr(parts[factor], name) for factor, names in FACTOR_FIELDS.items() for name in names
    }
    values |= {name: getattr(returns, name) for name in (*COMMON_FIELDS, "holders", "heirs")}
    if amounts is not returns:
        people = returns.holders.sum(axis=(0, 1, 2))
        for name in PER_STRATUM:
            values[name] = _over_strata(
                getattr(amounts, name).sum(axis=-1), getattr(returns, name), people / people.sum()
            )
    if behaviour is not returns:
        paths = len(returns.path_labels)
        for name in ("transfer", "rebalancing"):
            own = getattr(behaviour, name)[:1]
            values[name] = np.broadcast_to(own, (paths, *own.shape[1:]))
        scale = np.ones_like(returns.contribution_scale)
        if scale.shape[2] > 1:
            scale[0, :, 1:] = _answer(behaviour)[:, None]
        values["contribution_scale"] = scale
    return ProjectionInputs(**values)


def _answer(inputs: ProjectionInputs) -> np.ndarray:
    """What the contributions of holders of crypto are multiplied by on the run's own path, ``(Y,)``."""
    scale = inputs.contribution_scale[0]
    return scale[:, -1] if scale.shape[1] > 1 else np.ones(len(scale))


def _over_strata(total: np.ndarray, like: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """``total`` (...) divided over strata as ``like`` (..., S) is, by ``otherwise`` (S,) where that is zero."""
    whole = like.sum(axis=-1, keepdims=True)
    share = np.divide(like, whole, out=np.broadcast_to(otherwise, like.shape).copy(), where=whole > 0)
    return total[..., None] * share


def decompose(base: Side, other: Side) -> Decomposition:
    """Attribute ``other`` minus ``base`` to :data:`FACTORS`, line by line and year by year.

    Raises ``ValueError`` when the two cover different years, ages or groups.
    """
    if not np.array_equal(base.inputs.years, other.inputs.years):
        raise ValueError("the two runs cover different years")
    if base.inputs.opening_usd.shape[:-1] != other.inputs.opening_usd.shape[:-1]:
        raise ValueError("the two runs have different cells")
    sides = (base, other)
    differs = _differing(base, other)
    taxable_differ = not _same_fields(base.inputs, other.inputs, TAXABLE_SHARES)
    # which side each part of a projection is taken from; parts that are equal always from the baseline
    projected = (
        differs[CONTRIBUTIONS], differs[RETURNS], taxable_differ, differs[TIMING], differs[BEHAVIOUR],
    )  # fmt: skip
    rates = _average_rates(base, other)
    worlds: dict[tuple[bool, ...], _World] = {}
    run = 0

    def world(chosen: tuple[bool, ...]) -> _World:
        nonlocal run
        key = tuple(one and two for one, two in zip(chosen, projected, strict=True))
        if key not in worlds:
            if not any(key):
                worlds[key] = _World(base.inputs, base.projection)
            elif key == projected:
                worlds[key] = _World(other.inputs, other.projection)
            else:
                parts = {name: sides[on].inputs for name, on in zip(FACTORS, key, strict=True)}
                mixed = hybrid(parts)
                worlds[key] = _World(mixed, project(mixed))
                run += 1
        return worlds[key]

    n_years = len(base.inputs.years)
    values = np.empty((1 << len(FACTORS), 2, len(LINES), n_years))
    for mask in range(len(values)):
        chosen = tuple(bool(mask >> factor & 1) for factor in range(len(FACTORS)))
        pays, law, clock, responds = (
            sides[chosen[factor] and differs[factor]] for factor in (CONTRIBUTIONS, RATE, TIMING, BEHAVIOUR)
        )
        calendar = world(chosen).lines(pays, rates[chosen[RATE]], law, responds.backstop)
        values[mask, 0] = _with_sums(calendar)
        values[mask, 1] = _with_sums(
            {
                line: fiscal_line(
                    line,
                    flow,
                    base.inputs.year_fraction,
                    clock.deferral_same_year_share,
                    clock.withdrawal_same_year_share,
                )
                for line, flow in calendar.items()
            }
        )
    shares, difference = shapley(values), values[-1] - values[0]
    return Decomposition(
        calendar_usd=shares[:, 0],
        fiscal_usd=shares[:, 1],
        calendar_difference_usd=difference[0],
        fiscal_difference_usd=difference[1],
        differing=tuple(name for name, differ in zip(FACTORS, differs, strict=True) if differ),
        projections=run,
    )


class _World:
    """The dollars of one coalition, and its lines under either side's rates."""

    def __init__(self, inputs: ProjectionInputs, projection: Projection) -> None:
        self.inputs, self.projection = inputs, projection
        self.dollars = taxed_dollars(projection)
        self._buildup: dict[int, tuple[np.ndarray, ...]] = {}
        self._rescue: dict[int, np.ndarray] = {}

    def lines(self, pays: Side, rates: Mapping[str, np.ndarray], law: Side, rule: Backstop) -> dict[str, np.ndarray]:
        """Every line but the sums, ``(Y,)`` by calendar year."""
        dollars = {**pays.contribution_usd, **self.dollars}
        lines: dict[str, np.ndarray] = {}
        for line, (sign, names) in LINE_DOLLARS.items():
            taxes = (sign * np.einsum("yag,yag->y", rates[name], dollars[name]) for name in names)
            lines[line] = reduce(add, taxes)
        if id(law) not in self._buildup:
            self._buildup[id(law)] = self._inside_buildup(law)
        core, crypto, outside = self._buildup[id(law)]
        if id(rule) not in self._rescue:
            paths = len(self.inputs.path_labels)
            against = np.full(paths, min(1, paths - 1))  # the second, where there is one, is without crypto
            self._rescue[id(rule)] = -rescue_cost(self.projection, against, rule)[0].sum(axis=(1, 2))
        return lines | {
            "inside_buildup_cash": core + crypto,
            "displaced_gains_tax": law.displaced_share * outside,
            "rescue_cost": self._rescue[id(rule)],
        }

    def _inside_buildup(self, side: Side) -> tuple[np.ndarray, ...]:
        """Build-up of the core and of the crypto sleeve, and tax displaced if all of it were outside, (Y,) each."""
        earned, cells = self.projection.crypto_return, self.projection.cells
        core, crypto = buildup_rates(self.inputs, earned, side.buildup)
        pushed_out = pushed_out_rates(self.inputs, side.buildup, side.pushed_out)
        limited = limit_on_losses(cells["crypto_held"], self.inputs, earned, side.buildup)
        inside = -np.einsum("yags,yag->y", cells["crypto_held"][0], crypto[0])
        swapped = np.einsum("yags,yag->y", cells["crypto_held"][0], pushed_out[0])
        return (
            -np.einsum("yags,yags->y", cells["core_held"][0], core[0]),
            inside,
            inside - limited[0].sum(axis=(1, 2)) + swapped,
        )


def taxed_dollars(projection: Projection) -> dict[str, np.ndarray]:
    """Dollars that leave the accounts of the first path and are taxed, ``(Y, A, G)``."""

    def out(*names: str) -> np.ndarray:
        return sum(projection.cells[name][0] for name in names).sum(axis=3)

    return {
        "owner_withdrawals": out(*projection.withdrawal_lines, "nonqualified_earnings"),
        "heir_withdrawals": out("inherited_withdrawals"),
        "conversions": out("conversions"),
        "penalised_withdrawals": out("penalised_withdrawals"),
    }


def _taxes(side: Side) -> dict[str, np.ndarray]:
    """Tax of a run by the dollars it is levied on, ``(Y, A, G)``."""
    cells = side.projection.cells
    levied = {to: cells[name][0].sum(axis=3) for name, to in TAXED_CELLS.items()}
    return {**side.contribution_tax_usd, **levied}


def _average_rates(base: Side, other: Side) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Tax over dollars by cell in either run, ``(Y, A, G)`` by dollars that are taxed."""
    dollars = [{**side.contribution_usd, **taxed_dollars(side.projection)} for side in (base, other)]
    taxes = [_taxes(side) for side in (base, other)]
    found: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})
    for name in (*FROM_PAY, *TAXED_CELLS.values()):
        both_tax = sum(tax[name].sum(axis=(1, 2)) for tax in taxes)
        both_dollars = sum(amount[name].sum(axis=(1, 2)) for amount in dollars)
        mean = np.divide(both_tax, both_dollars, out=np.zeros_like(both_tax), where=both_dollars > 0)
        rates = [
            np.divide(tax[name], amount[name], out=np.full_like(amount[name], np.nan), where=amount[name] > 0)
            for tax, amount in zip(taxes, dollars, strict=True)
        ]
        for own, theirs, kept in zip(rates, reversed(rates), found, strict=True):
            filled = np.where(np.isnan(own), theirs, own)
            kept[name] = np.where(np.isnan(filled), mean[:, None, None], filled)
    return found


def _with_sums(lines: Mapping[str, np.ndarray]) -> np.ndarray:
    """All of ``LINES``, ``(line, Y)``, from those that are not sums."""
    return np.stack(list(with_sums(lines).values()))


ROUNDING = 1e-12
"""Inputs that differ by no more than this share of their size are the same: one stratum or two."""


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, TaxSchedule):
        return _same(one.knots_usd, two.knots_usd) and _same(one.tax_usd, two.tax_usd)
    if isinstance(one, tuple):
        return one == two
    one, two = np.asarray(one), np.asarray(two)
    return one.shape == two.shape and bool(np.allclose(one, two, rtol=ROUNDING, atol=0.0))


def _same_fields(one: Any, two: Any, names: tuple[str, ...]) -> bool:
    return all(_same(getattr(one, name), getattr(two, name)) for name in names)


def _differing(base: Side, other: Side) -> tuple[bool, ...]:
    """Whether the inputs of each of :data:`FACTORS` differ between the runs."""
    one, two = base.inputs, other.inputs
    stratum_shares = [inputs.holders.sum(axis=(0, 1, 2)) for inputs in (one, two)]
    same = {
        "contributions": all(
            _same(getattr(one, name).sum(axis=-1), getattr(two, name).sum(axis=-1)) for name in PER_STRATUM
        )
        and all(_same(base.contribution_usd[name], other.contribution_usd[name]) for name in FROM_PAY),
        "returns": _same_fields(one, two, FACTOR_FIELDS["returns"])
        and _same(*(people / people.sum() for people in stratum_shares)),
        "rate": _same_fields(one, two, (*TAXABLE_SHARES, "additional_tax_rate"))
        # the schedule of conversions is the law's, which the owners' tells, and who converts, which their rate does
        and _same_fields(one, two, ("owner_schedule", "heir_schedule"))
        and _same_fields(base.buildup, other.buildup, tuple(field.name for field in fields(BuildupTax)))
        and base.displaced_share == other.displaced_share
        and (base.displaced_share == 0 or _same_pushed_out(base.pushed_out, other.pushed_out)),
        "timing": _same_fields(one, two, FACTOR_FIELDS["timing"])
        and _same_fields(base, other, ("deferral_same_year_share", "withdrawal_same_year_share")),
        "behaviour": all(_same(getattr(one, name)[0], getattr(two, name)[0]) for name in ("transfer", "rebalancing"))
        and _same(_answer(one), _answer(two))
        and _same_fields(base.backstop, other.backstop, ("covered", "trigger_share", "made_up_share")),
    }
    return tuple(not same[name] for name in FACTORS)


def _same_pushed_out(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    return one is two if one is None or two is None else _same(one, two)
