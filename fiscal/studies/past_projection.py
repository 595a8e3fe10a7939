"""A past start ready to run: the projection of its accounts, and what a dollar of its flows gives.

One path, one stratum, no crypto, no tax, on the model's own compiled projection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fiscal.base.axes import AGES_AT_OPENING, ASSETS, GROUPS
from fiscal.engine.inputs import NO_BOUND_USD
from fiscal.markets import glide
from fiscal.people import accounts
from fiscal.people.past import PastPeople
from fiscal.people.withdrawals import WithdrawalRates, by_group
from fiscal.projection.cells import project
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule

if TYPE_CHECKING:
    from fiscal.scenario.schema import Settings

SCOPE = "401k"
PLAN, IRA = (accounts.names(SCOPE).index(one.name) for one in (accounts.PLAN, accounts.IRA))
"""Places of the declared types that past records show."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What a run from the end of ``start`` receives; no flow or stock of the plans after it. Years begin with the first
    of the years whose benefits set the level."""

    start: int
    years: np.ndarray  # (Y,)
    people: PastPeople
    contribution_usd: np.ndarray  # (Y, character, A, G) of participants and employers
    rolled_in_usd: np.ndarray  # (Y,) from other plans
    plan_return: np.ndarray  # (Y,) after fees
    rates: WithdrawalRates
    tilt: np.ndarray  # (A, G) on them
    roth_stock_share: float
    heir_years: int
    settings: Settings
    half_return: np.ndarray | None = None  # (Y, half, asset) in place of plan_return

    @property
    def ahead(self) -> np.ndarray:
        """Positions of the years after the start."""
        return np.flatnonzero(self.years > self.start)

    @property
    def leads(self) -> np.ndarray:
        """Years after the start, ``(T,)``."""
        return self.years[self.ahead] - self.start


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A world with its level of benefits and its opening balances ``(A, G)``."""

    fed: World
    opening_usd: np.ndarray
    outflow_scale: float


OUTFLOWS = (
    f"{accounts.PLAN.name}_withdrawals", "roth_withdrawals", "rollovers", "roth_rollovers",
    f"{accounts.PLAN.name}_bequests",
)  # fmt: skip
"""What leaves a plan; nothing is drawn from the IRA here, so all Roth withdrawals are the plans'."""


def project_years(
    fed: World,
    outflow_scale: float,
    opening_usd: np.ndarray,
    at: np.ndarray,
    contribution_usd: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Outflow and year-end assets ``(Y,)`` of the years at positions ``at``."""
    returns = fed.plan_return[at]
    half_return = np.broadcast_to((np.sqrt(1 + returns) - 1)[:, None, None], (len(at), 2, len(ASSETS)))
    if fed.half_return is not None:
        half_return = fed.half_return[at]
    contribution = fed.contribution_usd[at] if contribution_usd is None else contribution_usd
    inputs = _inputs(fed, outflow_scale, opening_usd, at, contribution[..., None], half_return)
    projection = project(inputs)
    outflow = sum(projection.cells[line][0].sum(axis=(1, 2, 3)) for line in OUTFLOWS)
    return np.asarray(outflow), projection.closing_usd[0, :, PLAN].sum(axis=(1, 2))


def level_of(fed: World, openings: Sequence[np.ndarray], at: np.ndarray, wanted_usd: np.ndarray) -> float:
    """Factor on all rates of leaving that makes the mean of outflow over ``wanted_usd`` (N,) in the years at positions
    ``at``, each from its own opening ``(A, G)``, equal to one."""
    scale = 1.0
    for _ in range(50):  # what passes to heirs falls a little as withdrawals rise
        own = np.array(
            [
                project_years(fed, scale, opening, np.array([one]))[0][0]
                for opening, one in zip(openings, at, strict=True)
            ]
        )
        gap = float(np.mean(wanted_usd / own))
        scale *= gap
        if abs(gap - 1) < 1e-9:
            break
    return scale


def _inputs(
    fed: World,
    outflow_scale: float,
    balance: np.ndarray,
    at: np.ndarray,
    contribution: np.ndarray,
    half_return: np.ndarray,
) -> ProjectionInputs:
    """The projection's inputs for the years at positions ``at``: one path, one stratum, no crypto, no tax."""
    years, cell = fed.years[at], (len(AGES_AT_OPENING), len(GROUPS), 1)
    ones = np.ones((1, len(years)))
    opening = np.zeros((2, 2, *cell))
    opening[PLAN, 1] = balance[..., None] * fed.roth_stock_share
    opening[PLAN, 0] = balance[..., None] - opening[PLAN, 1]
    rates = fed.rates
    leaving = by_group(rates.withdrawal_rate[at] * outflow_scale, fed.tilt)
    leaving[:, 1] = 0.0  # what has left the plans is followed no further
    no_tax = TaxSchedule(knots_usd=np.tile([0.0, 1.0], (len(years), 1)), tax_usd=np.zeros((len(years), *cell[:2], 2)))
    if fed.half_return is None:  # all assets earn the same
        held = np.broadcast_to(np.eye(len(ASSETS))[0], (len(years), len(AGES_AT_OPENING), len(ASSETS)))
    else:
        held = glide.glide_path(years)
    weights = np.ascontiguousarray(held)[None, :, :, None, :]
    return ProjectionInputs(
        years=years,
        year_fraction=ones[0],
        path_labels=("hindcast",),
        opening_usd=opening,
        opening_basis_usd=np.zeros((2, *cell)),
        contribution_usd=contribution,
        half_return=np.ascontiguousarray(half_return)[None],
        mix=np.zeros(1, dtype=np.int64),
        core_weight=weights,
        crypto_weight=np.eye(len(ASSETS))[[ASSETS.index("crypto")]],
        fee_rate=np.zeros((1, 2)),
        loss_rate=0 * ones,
        crypto_target_share=np.zeros((1, len(years), 1)),
        crypto_contribution_share=np.zeros((1, len(years), 1)),
        transfer=np.zeros((1, len(years)), dtype=bool),
        rebalancing=0 * ones,
        sale_share=np.ones(1),
        impact_multiplier=0.0,
        impact_persistence=0.0,
        crypto_market_usd=NO_BOUND_USD * ones,
        withdrawal_rate=leaving,
        penalised_share=rates.penalised_share,
        nonqualified_share=rates.nonqualified_share,
        rollover_rate=np.minimum(rates.rollover_rate[at] * outflow_scale, 1.0)[:, None],
        conversion_rate=np.zeros((len(years), len(AGES_AT_OPENING))),
        death_rate=fed.people.death_rate[at],
        spouse_share=rates.spouse_share,
        heir_years=fed.heir_years,
        holders=np.ones((len(years), *cell)),
        heirs=np.ones((len(years), *cell)),
        owner_schedule=no_tax,
        conversion_schedule=no_tax,
        heir_schedule=no_tax,
        additional_tax_rate=0.0,
    )


# ------------------------------------------------------------------------------- responses to a dollar


@dataclass(frozen=True, kw_only=True)
class Responses:
    """What a run gives on other returns and other contributions: where the plans' assets earn one return, a run is
    linear in its opening stock and in each year's contributions.

    Rows: the stock, then the contributions of each year; ``(T + 1, T)`` shares that leave in, or are left at the end
    of, each year on ``plan_return`` (T,). Other returns scale both by what they have earned since; a test gives the
    error of that, which is small because rates of leaving are.
    """

    plan_return: np.ndarray
    left: np.ndarray
    held: np.ndarray

    def run(self, stock: float, paid_in: np.ndarray, plan_return: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outflow and assets ``(P, T)`` on contributions and returns ``(P, T)``, in the unit of ``stock``."""
        closing = np.cumprod((1 + plan_return) / (1 + self.plan_return), axis=1)
        opening = np.concatenate([np.ones((len(closing), 1)), closing[:, :-1]], axis=1)
        entered = np.sqrt(opening * closing)  # at the middle of the year
        money = np.concatenate([np.full((len(closing), 1), stock), paid_in / entered], axis=1)
        return (money @ self.left) * opening, (money @ self.held) * closing


def responses(ready: Prepared) -> Responses:
    """One projection for the stock and one for each year's contributions, on the returns that the world was given."""
    fed = ready.fed
    at = fed.ahead
    paid_in, none = fed.contribution_usd[at], np.zeros_like(ready.opening_usd)
    left, held = np.zeros((len(at) + 1, len(at))), np.zeros((len(at) + 1, len(at)))
    out, kept = project_years(fed, ready.outflow_scale, ready.opening_usd, at, 0 * paid_in)
    left[0], held[0] = out / ready.opening_usd.sum(), kept / ready.opening_usd.sum()
    for row in range(len(at)):
        alone = np.zeros_like(paid_in)
        alone[row] = paid_in[row] / paid_in[row].sum()
        left[row + 1], held[row + 1] = project_years(fed, ready.outflow_scale, none, at, alone)
    return Responses(plan_return=fed.plan_return[at], left=left, held=held)
