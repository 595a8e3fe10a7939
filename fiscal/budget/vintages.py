"""Vintages: what becomes of a year's contributions, or of the opening stock, to the last withdrawal.

A backward pass over one projected path. Let ``V`` be the present value of all tax that a dollar in an
account will still bring. Going back through a year's events (:mod:`fiscal.projection.account_year`):

    closing   C = V(next year, a year older)
    deaths    B = (1 - h) C + h H(heirs, first year)                         h = death x (1 - spouse)
    mix       core: (1 - b) B_core + b B_crypto; crypto: (1 - s) B_crypto + s B_core
    half 2    A = growth x (1 - fee - loss) x the line above
    middle    M = w (rate x d) + r A(ira) + c (A(roth) + conversion rate x d) + (1 - w - r - c) A
    half 1    V = growth x M

A dollar pays the cell-year's *average* rate, pro rata with all others in its account (a vintage has no
rate of its own), so that vintages and the opening stock add to the total. ``d`` discounts the year's middle.
The **marginal vintage** pays the slope of the schedule at the cell's withdrawal instead: what one more dollar
contributed brings, the limit of the difference of two runs.

Two ways to discount: ``by dates`` (``d`` from an interest-rate path, growth the path's own), or on the
``portfolio`` basis, where each sleeve is discounted at its own return net of fees and losses in the same
halves: growth and discount cancel, and both are one.

The **shadow taxable account** opens with ``(1 - t) C`` for traditional and ``C`` for Roth money at the contribution's
date, holds the same assets, pays the same fees, tax on interest, payouts and the realized share of its gains each year
out of itself, and on the rest of its gains when they are withdrawn or sold between the sleeves; at death the gain is
forgiven (s.1014). It is drawn by the same shares in the same years, so that it is exhausted on the same schedule. ``U``
beside ``V`` is the value of a dollar of gain not yet taxed. Its tax is discounted by dates (on the portfolio basis: at
the assets' return before tax).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fiscal.budget.ledger import BuildupTax
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.outputs import CORE, CRYPTO, TRADITIONAL, Projection

TAXES = ("withdrawal_tax", "conversion_tax", "additional_tax")
"""Lines that a dollar in an account brings later."""


@dataclass(frozen=True, kw_only=True)
class Vintages:
    """Present values on one path and basis by cell, dollars, each vintage valued at its own contribution date
    (the middle of its year), the opening stock at the opening.

    ``stock_usd[line]`` (A, G, S) by age at the opening; ``contributions_usd[line]`` (Y, character 2, A, G, S)
    by age at the opening of the year of contribution; the lines of ``TAXES`` and ``inside_buildup_shadow``
    (negative: forgone), the latter for contributions only and only where the outside law was given.
    ``claim_usd`` (years kept, sleeve 2), on the portfolio basis and where balances were kept: the income tax that the
    traditional balances of each opening will bring (owners' and heirs', withdrawals and conversions), and
    ``balance_usd`` these balances.
    """

    stock_usd: dict[str, np.ndarray]
    contributions_usd: dict[str, np.ndarray]
    claim_usd: np.ndarray | None = None
    balance_usd: np.ndarray | None = None

    def contributions_total(self, line: str) -> np.ndarray:
        """A line of contributions summed over cells, ``(Y, character 2)``."""
        return self.contributions_usd[line].sum(axis=(2, 3, 4))

    def stock_total(self, line: str) -> float:
        """A line of the opening stock summed over cells."""
        return float(self.stock_usd[line].sum())


def value_vintages(
    inputs: ProjectionInputs,
    projection: Projection,
    path: int,
    law: BuildupTax | None,
    *,
    discount: np.ndarray | None,
    opening_discount: float,
    contribution_tax_rate: np.ndarray,
    marginal: bool = False,
) -> Vintages:
    """Value every year's contributions and the opening stock of ``path`` to the end of the projection.

    ``discount`` (Y,) is the value of a dollar at the middle of each year, in any numeraire, and
    ``opening_discount`` that of a dollar at the opening; None for the ``portfolio`` basis.
    ``contribution_tax_rate`` (Y, A, G) is the income tax avoided per traditional dollar contributed: what
    the shadow account starts without. ``marginal`` values a further dollar instead, through the slopes of the
    schedules. Without ``law`` there is no shadow account. The projection must run until everybody has left
    and must have kept its shares. Raises ``ValueError`` otherwise.
    """
    shares = projection.shares
    if shares is None or path not in shares.paths:
        raise ValueError("vintages need a projection that kept its account shares")
    left = projection.closing_usd[path, -1].sum()
    if left > 1e-6 * projection.closing_usd[path].sum(axis=(1, 2, 3)).max():
        raise ValueError("vintages need a projection that runs until every account is empty")
    portfolio = discount is None
    factors = np.ones(len(inputs.years)) if discount is None else discount
    accounts = _Accounts(inputs, projection, path)
    rates = (_marginal_rates if marginal else _average_rates)(inputs, projection, path)
    balances = projection.balances
    held = None
    if portfolio and balances is not None and path in balances.paths:
        at = balances.paths.index(path)
        held = balances.owners[at], balances.heirs[at]
    stock, values, claim = accounts.taxes(rates, factors, portfolio, held)
    if not portfolio:
        stock /= opening_discount
    vintages = dict(zip(TAXES, values, strict=True))
    if law is not None:
        start = -accounts.contribution  # the tax is forgone
        start[:, TRADITIONAL] *= (1 - contribution_tax_rate)[..., None]
        vintages["inside_buildup_shadow"] = accounts.shadow(start, law, factors, portfolio)
    return Vintages(
        stock_usd=dict(zip(TAXES, stock, strict=True)),
        contributions_usd=vintages,
        claim_usd=claim,
        balance_usd=None if held is None else sum(part.sum(axis=(1, 3, 4, 5)) for part in held),
    )


class _Accounts:
    """The accounts of a path as the compiled passes take them: groups and strata are one axis."""

    def __init__(self, inputs: ProjectionInputs, projection: Projection, path: int) -> None:
        self.inputs, self.path = inputs, path
        self.impact = _impact(inputs, projection, path)
        self.contribution = inputs.contribution_usd * inputs.contribution_scale[path][:, None, None, None, :]
        self.paid_in = self.contribution.any(axis=(1, 2, 3, 4))
        self.crypto_share = inputs.crypto_contribution_share[path].copy()
        self.strata = self.crypto_share.shape[1]
        shares = projection.shares
        assert shares is not None
        kept = shares.paths.index(path)
        deaths = inputs.death_rate * (1 - inputs.spouse_share)[:, None]  # (Y, A, G)
        self.moves = (
            _by_cell(deaths, self.strata), _flat(shares.withdrawn[kept]), _flat(shares.rolled[kept]),
            _flat(shares.converted[kept]), _flat(shares.moved[kept]), _flat(shares.heirs_moved[kept]),
        )  # fmt: skip

    def _by_account(self, dollars: np.ndarray) -> np.ndarray:
        """Contributions ``(Y, character, A, G, S)`` by the account that receives them, ``(Y, W, character, ...)``."""
        return np.moveaxis(self.inputs.contribution_split, 0, 1)[..., None] * dollars[:, None]

    def taxes(
        self, rates: _Rates, discount: np.ndarray, portfolio: bool, held: tuple[np.ndarray, np.ndarray] | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Tax that the opening stock brings ``(line, A, G, S)``, at the opening; that of contributions
        ``(line, Y, character, A, G, S)`` at theirs; and the income tax to come on the balances ``held``,
        ``(Y, sleeve)``."""
        from fiscal.budget import backward

        ages, groups, strata = self.contribution.shape[2:]
        stock = np.zeros((len(TAXES), ages, groups, strata))
        values = np.zeros((len(TAXES), *self.contribution.shape))
        owners, heirs = held or (np.empty((0, 2, 2, ages, groups, strata)),) * 2
        claim = np.zeros((len(owners), 2))
        growth = _growth(self.inputs, self.path, self.impact)
        growth = np.ones_like(growth) if portfolio else growth
        run: Callable[..., None] = backward.taxes
        run(
            _flat(stock), _flat(values), claim, _flat(self.inputs.opening_usd.copy()),
            _flat(self._by_account(self.contribution)),
            self.paid_in, self.crypto_share, growth, *self.moves, _flat(rates.traditional), _flat(rates.roth),
            _flat(rates.heirs), _flat(rates.conversion), rates.penalty, _flat(rates.roth_penalty), discount,
            _flat(owners), _flat(heirs),
        )  # fmt: skip
        return stock, values, None if held is None else claim

    def shadow(self, start: np.ndarray, law: BuildupTax, discount: np.ndarray, portfolio: bool) -> np.ndarray:
        """Tax of the shadow accounts that begin with ``start``, at its date, ``(Y, character, A, G, S)``.

        The shadow of plan money that is rolled over continues with the IRA's shares, that of converted money by the
        Roth account's: nothing is taxed at either, since a taxable account has no wrapper to leave.
        """
        from fiscal.budget import backward

        found = np.zeros_like(start)
        rates = (law.interest_rate, law.dividend_rate, law.gain_rate)
        run: Callable[..., None] = backward.shadow
        run(
            _flat(found), _flat(self._by_account(start)), self.paid_in, self.crypto_share,
            *_parts(self.inputs, self.path, law, self.impact), _charge(self.inputs, self.path), *self.moves,
            *(_by_cell(rate, self.strata) for rate in rates), discount, portfolio,
        )  # fmt: skip
        return np.where(start != 0, found, 0.0)  # nothing put in brings nothing


def _flat(values: np.ndarray) -> np.ndarray:
    """An array ``(..., G, S)`` with the last axes as one; a view where that can be."""
    return np.ascontiguousarray(values).reshape(*values.shape[:-2], values.shape[-2] * values.shape[-1])


def _by_cell(values: np.ndarray, strata: int) -> np.ndarray:
    """Values by group ``(..., G)`` for each stratum of it, the axes as one."""
    return np.repeat(values, strata, axis=-1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


@dataclass(frozen=True, kw_only=True)
class _Rates:
    """Tax per dollar, (Y, A, G, S); the additional tax on traditional withdrawals (W, A)."""

    traditional: np.ndarray  # withdrawn by owners
    roth: np.ndarray  # withdrawn by owners: the earnings part of non-qualified withdrawals
    heirs: np.ndarray  # traditional, withdrawn by heirs
    conversion: np.ndarray
    penalty: np.ndarray  # the additional tax
    roth_penalty: np.ndarray


def _average_rates(inputs: ProjectionInputs, projection: Projection, path: int) -> _Rates:
    cells = {name: values[path] for name, values in projection.cells.items()}
    drawn = projection.drawn(path)
    owner = _ratio(cells["owner_tax"], drawn + cells["nonqualified_earnings"])
    taxed = _ratio(cells["nonqualified_earnings"], cells["roth_withdrawals"])
    penalised = inputs.penalised_share * inputs.additional_tax_rate  # (wrapper, A)
    return _Rates(
        traditional=owner,
        roth=owner * taxed,
        heirs=_ratio(cells["heir_tax"], cells["inherited_withdrawals"]),
        conversion=_ratio(cells["conversion_tax"], cells["conversions"]),
        penalty=penalised,
        roth_penalty=taxed * penalised[0][None, :, None, None],
    )


def _marginal_rates(inputs: ProjectionInputs, projection: Projection, path: int) -> _Rates:
    """Slopes of the schedules at what each cell withdraws: the rates of a further dollar. A dollar withdrawn
    beside conversions changes what these are taxed at; that is counted with the withdrawal."""
    cells = {name: values[path] for name, values in projection.cells.items()}
    average = _average_rates(inputs, projection, path)
    taxed = _ratio(cells["nonqualified_earnings"], cells["roth_withdrawals"])
    fraction = inputs.year_fraction[:, None, None, None]
    income = projection.drawn(path) + cells["nonqualified_earnings"]
    converting = (income + cells["conversions"]) / fraction
    conversion = _slopes(inputs.conversion_schedule, converting, inputs.holders)
    pushed_up = conversion - _slopes(inputs.conversion_schedule, income / fraction, inputs.holders)
    owner = _slopes(inputs.owner_schedule, income / fraction, inputs.holders) + pushed_up
    return _Rates(
        traditional=owner,
        roth=owner * taxed,
        heirs=_slopes(inputs.heir_schedule, cells["inherited_withdrawals"] / fraction, inputs.heirs),
        conversion=conversion,
        penalty=average.penalty,
        roth_penalty=average.roth_penalty,
    )


def _slopes(schedule: TaxSchedule, withdrawal_usd: np.ndarray, holders: np.ndarray) -> np.ndarray:
    """Tax on a further dollar of each cell's withdrawals, ``(Y, A, G, S)``; zero in a cell without holders."""
    per_holder = _ratio(withdrawal_usd, holders)
    found = np.empty_like(per_holder)
    for y, knots in enumerate(schedule.knots_usd):
        slopes = np.diff(schedule.tax_usd[y], axis=2) / np.diff(knots)  # (A, G, K - 1)
        piece = np.clip(np.searchsorted(knots, per_holder[y], side="right") - 1, 0, len(knots) - 2)
        found[y] = np.take_along_axis(slopes, piece, axis=2)
    return np.where(holders > 0, found, 0.0)


def _impact(inputs: ProjectionInputs, projection: Projection, path: int) -> np.ndarray:
    """What price impact multiplied the crypto sleeve's first half by, ``(Y,)``; exactly one without it."""
    if not inputs.impact_multiplier:
        return np.ones(len(inputs.years))
    own = (inputs.half_return[path] * inputs.crypto_weight[inputs.mix[path]]).sum(axis=2)  # (Y, half)
    plain = (1 + own).prod(axis=1)
    return np.divide(1 + projection.crypto_return[path], plain, out=np.ones_like(plain), where=plain > 0)


def _charge(inputs: ProjectionInputs, path: int) -> np.ndarray:
    """What fees and losses leave of a dollar, ``(Y, half, sleeve)``: charged on the balance at the year's end."""
    left = np.ones((len(inputs.years), 2, 2))
    left[:, 1] -= inputs.fee_rate[inputs.mix[path]] * inputs.year_fraction[:, None]
    left[:, 1, CRYPTO] -= inputs.loss_rate[path]
    return left


def _in_sleeves(part: np.ndarray, inputs: ProjectionInputs, path: int) -> np.ndarray:
    """A part of each asset's return ``(Y, half, X)`` by sleeve, ``(Y, half, sleeve, A, S)``."""
    mix = inputs.mix[path]
    ages, _, strata = inputs.opening_usd.shape[2:]
    found = np.empty((*part.shape[:2], 2, ages, strata))
    found[:, :, CORE] = np.einsum("yhx,yasx->yhas", part, inputs.core_weight[mix])
    found[:, :, CRYPTO] = (part @ inputs.crypto_weight[mix])[..., None, None]
    return found


def _growth(inputs: ProjectionInputs, path: int, impact: np.ndarray) -> np.ndarray:
    """Growth of a dollar ``(Y, half, sleeve, A, S)``, fees and losses charged in the second half."""
    grow = 1 + _in_sleeves(inputs.half_return[path], inputs, path)
    grow[:, 0, CRYPTO] *= impact[:, None, None]
    return np.asarray(grow * _charge(inputs, path)[..., None, None])


def _parts(
    inputs: ProjectionInputs, path: int, law: BuildupTax, impact: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What a dollar's return in a taxable account consists of, ``(Y, half, sleeve, A, S)``: interest, payouts, gain
    taxed at once, gain not yet taxed; and the whole of it."""
    returns = inputs.half_return[path]
    payout = np.broadcast_to(law.payout_rate[:, None] / 2, returns.shape)
    # an asset that pays interest has no gain; of a gain, the realized share is taxed at once
    price = returns * (1 - law.interest_share) - payout
    parts = (returns * law.interest_share, payout, price * law.gain_share, price * (1 - law.gain_share), returns)
    interest, paid, realised, untaxed, whole = (_in_sleeves(part, inputs, path) for part in parts)
    # what price impact added is a gain of the crypto sleeve's assets
    added = (1 + whole[:, 0, CRYPTO]) * (impact - 1)[:, None, None]
    at_once = float(inputs.crypto_weight[inputs.mix[path]] @ law.gain_share)
    realised[:, 0, CRYPTO] += added * at_once
    untaxed[:, 0, CRYPTO] += added * (1 - at_once)
    whole[:, 0, CRYPTO] += added
    return interest, paid, realised, untaxed, whole
