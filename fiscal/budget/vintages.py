"""Vintages: what becomes of a year's contributions, or of the opening stock, to the last withdrawal.

A backward pass over one projected path. Let ``V`` be the present value of all tax that a dollar in an
account will still bring. Going back through a year's events (:mod:`fiscal.projection.reference`):

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

The **shadow taxable account** opens with ``(1 - t) C`` for traditional and ``C`` for Roth money at the
contribution's date, holds the same assets, pays the same fees, tax on interest, payouts and the realised
share of its gains each year out of itself, and on the rest of its gains when they are withdrawn or sold
between the sleeves; at death the gain is forgiven (s.1014). It is drawn by the same shares in the same
years, so that it is exhausted on the same schedule. ``U`` beside ``V`` is the value of a dollar of gain
not yet taxed. Its tax is discounted by dates (on the portfolio basis: at the assets' return before tax).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fiscal.budget.ledger import BuildupTax
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.reference import (
    CORE,
    CRYPTO,
    IRA,
    PLAN,
    ROTH,
    TRADITIONAL,
    AccountShares,
    Projection,
    crypto_half_return,
)  # fmt: skip

TAXES = ("withdrawal_tax", "conversion_tax", "additional_tax")
"""Lines that a dollar in an account brings later."""


@dataclass(frozen=True, kw_only=True)
class Vintages:
    """Present values on one path and basis by cell, dollars, each vintage valued at its own contribution date
    (the middle of its year), the opening stock at the opening.

    ``stock_usd[line]`` (A, G, S) by age at the opening; ``contributions_usd[line]`` (Y, character 2, A, G, S)
    by age at the opening of the year of contribution; the lines of ``TAXES`` and ``inside_buildup_shadow``
    (negative: forgone), the latter for contributions only and only where the outside law was given.
    ``claim_usd`` (Y, sleeve 2), on the portfolio basis and where balances were kept: the income tax that the
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
    rates = (_marginal_rates if marginal else _average_rates)(inputs, projection, path)
    kept = shares.paths.index(path)
    impact = _impact(inputs, projection, path)
    balances = projection.balances
    held = None
    if portfolio and balances is not None and path in balances.paths:
        at = balances.paths.index(path)
        held = balances.owners[at], balances.heirs[at]
    later, middle, claim = _tax_pass(inputs, shares, kept, path, rates, factors, portfolio, impact, held)

    scale = inputs.contribution_scale[path][:, None, None, None, :]
    contribution = inputs.contribution_usd * scale  # (Y, character, A, G, S)
    crypto = inputs.crypto_contribution_share[path][:, None, None, None, :]
    at_date = 1 / factors[:, None, None, None, None]
    values = {line: _put_in(contribution, crypto, middle[..., k]) * at_date for k, line in enumerate(TAXES)}
    if law is not None:
        shadow = _shadow_pass(inputs, shares, kept, path, law, factors, portfolio, impact)
        start = contribution.copy()
        start[:, TRADITIONAL] *= (1 - contribution_tax_rate)[..., None]
        values["inside_buildup_shadow"] = -_put_in(start, crypto, shadow) * at_date
    at_opening = 1.0 if portfolio else 1 / opening_discount
    stock = {
        line: (inputs.opening_usd * later[..., k]).sum(axis=(0, 1)) * at_opening
        for k, line in enumerate(TAXES)
    }
    balance = None if held is None else sum(part.sum(axis=(1, 3, 4, 5)) for part in held)
    return Vintages(stock_usd=stock, contributions_usd=values, claim_usd=claim, balance_usd=balance)


def _put_in(amount: np.ndarray, crypto_share: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Value of contributions ``(Y, character, A, G, S)`` at ``value`` (Y, character, sleeve, A, G, S) a dollar."""
    return amount * ((1 - crypto_share) * value[:, :, CORE] + crypto_share * value[:, :, CRYPTO])


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


@dataclass(frozen=True, kw_only=True)
class _Rates:
    """Tax per dollar, (Y, A, G, S); additional tax (Y, wrapper 2, A, G, S) for traditional."""

    traditional: np.ndarray  # withdrawn by owners
    roth: np.ndarray  # withdrawn by owners: the earnings part of non-qualified withdrawals
    heirs: np.ndarray  # traditional, withdrawn by heirs
    conversion: np.ndarray
    additional: np.ndarray
    roth_additional: np.ndarray


def _average_rates(inputs: ProjectionInputs, projection: Projection, path: int) -> _Rates:
    cells = {name: values[path] for name, values in projection.cells.items()}
    drawn = cells["plan_withdrawals"] + cells["ira_withdrawals"]
    owner = _ratio(cells["owner_tax"], drawn + cells["nonqualified_earnings"])
    taxed = _ratio(cells["nonqualified_earnings"], cells["roth_withdrawals"])
    penalised = inputs.penalised_share * inputs.additional_tax_rate  # (wrapper, A)
    shape = (len(inputs.years), 2, *drawn.shape[1:])
    return _Rates(
        traditional=owner,
        roth=owner * taxed,
        heirs=_ratio(cells["heir_tax"], cells["inherited_withdrawals"]),
        conversion=_ratio(cells["conversion_tax"], cells["conversions"]),
        additional=np.broadcast_to(penalised[None, :, :, None, None], shape),
        roth_additional=taxed * penalised[PLAN][None, :, None, None],
    )


def _marginal_rates(inputs: ProjectionInputs, projection: Projection, path: int) -> _Rates:
    """Slopes of the schedules at what each cell withdraws: the rates of a further dollar. A dollar withdrawn
    beside conversions raises what these are taxed at; that is counted with the withdrawal."""
    cells = {name: values[path] for name, values in projection.cells.items()}
    average = _average_rates(inputs, projection, path)
    taxed = _ratio(cells["nonqualified_earnings"], cells["roth_withdrawals"])
    fraction = inputs.year_fraction[:, None, None, None]
    income = cells["plan_withdrawals"] + cells["ira_withdrawals"] + cells["nonqualified_earnings"]
    owner = _slopes(inputs.owner_schedule, (income + cells["conversions"]) / fraction, inputs.holders)
    return _Rates(
        traditional=owner,
        roth=owner * taxed,
        heirs=_slopes(inputs.heir_schedule, cells["inherited_withdrawals"] / fraction, inputs.heirs),
        conversion=owner,
        additional=average.additional,
        roth_additional=average.roth_additional,
    )


def _slopes(schedule: TaxSchedule, withdrawal_usd: np.ndarray, holders: np.ndarray) -> np.ndarray:
    """Tax on a further dollar of each cell's withdrawals, ``(Y, A, G, S)``; nil in a cell without holders."""
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


def _growth(
    inputs: ProjectionInputs, path: int, year: int, portfolio: bool, impact: np.ndarray
) -> np.ndarray:
    """Growth of a dollar (half, sleeve, A, 1, S), fees and losses charged in the second half."""
    ages, _, strata = inputs.opening_usd.shape[2:]
    grow = np.ones((2, 2, ages, 1, strata))
    if portfolio:
        return grow
    mix = inputs.mix[path]
    core = np.einsum("hx,asx->has", inputs.half_return[path, year], inputs.core_weight[mix, year])
    grow[:, CORE, :, 0] += core
    grow[:, CRYPTO] += crypto_half_return(inputs, year)[path][:, None, None, None]
    grow[0, CRYPTO] *= impact[year]
    grow[1] *= (1 - _charge(inputs, path, year))[:, None, None, None]
    return grow


def _charge(inputs: ProjectionInputs, path: int, year: int) -> np.ndarray:
    """Fees and losses of a sleeve, charged on the balance at the year's end, (sleeve,)."""
    fees = inputs.fee_rate[inputs.mix[path]] * inputs.year_fraction[year]
    return fees + np.array([0.0, inputs.loss_rate[path, year]])


def _younger(value: np.ndarray, axis: int, last: np.ndarray | float) -> np.ndarray:
    """Value at next year's age ``a + 1`` seen from age ``a``; ``last`` for the last age."""
    moved = np.moveaxis(np.empty_like(value), axis, 0)
    source = np.moveaxis(value, axis, 0)
    moved[:-1], moved[-1] = source[1:], last
    return np.moveaxis(moved, 0, axis)


def _mixed(value: np.ndarray, moved: np.ndarray, axis: int) -> np.ndarray:
    """Value before rebalancing of a dollar in each sleeve (``axis``), from the values after it."""
    core, crypto = value.take(CORE, axis), value.take(CRYPTO, axis)
    gap = crypto - core
    bought, sold = np.maximum(moved, 0.0), np.minimum(moved, 0.0)
    return np.stack([core + bought * gap, crypto + sold * gap], axis=axis)


def _tax_pass(
    inputs: ProjectionInputs,
    shares: AccountShares,
    kept: int,
    path: int,
    rates: _Rates,
    discount: np.ndarray,
    portfolio: bool,
    impact: np.ndarray,
    balances: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Value of a dollar by line: at the opening of the first year ``(wrapper 2, character 2, A, G, S, line)``
    (all of it in the core sleeve), and contributed to a plan in the middle of each year
    ``(Y, character 2, sleeve 2, A, G, S, line)``; and the income tax to come on traditional ``balances``
    ``(Y, sleeve 2)``, owners' and heirs', None without any."""
    n_years, heir_years = len(inputs.years), inputs.heir_years
    cell = inputs.opening_usd.shape[2:]
    lines = len(TAXES)
    withdrawal, conversion, additional = range(lines)
    value = np.zeros((lines, 2, 2, 2, *cell))  # (line, wrapper, character, sleeve, A, G, S)
    heirs = np.zeros((heir_years, 2, *cell))  # traditional, (since, sleeve, A, G, S): withdrawal tax only
    paid = 1 / np.arange(heir_years, 0, -1)[:, None, None, None, None]
    middle = np.zeros((n_years, lines, 2, 2, *cell))
    claim = None if balances is None else np.zeros((n_years, 2))

    for y in reversed(range(n_years)):
        grow = _growth(inputs, path, y, portfolio, impact)  # (half, sleeve, A, 1, S)
        # closing: a year older next; owners past the last age are gone, their heirs' accounts stay
        after = _younger(value, 4, 0.0)
        heirs_closing = _younger(heirs, 2, heirs[:, :, -1])
        # deaths
        to_heirs = (inputs.death_rate[y] * (1 - inputs.spouse_share)[:, None])[..., None]  # (A, G, 1)
        after = (1 - to_heirs) * after
        after[withdrawal, :, TRADITIONAL] += to_heirs * heirs_closing[0]
        # the mix, the second half
        after = _mixed(after, shares.moved[kept, y], 3) * grow[1]
        middle[y] = after[:, PLAN]
        # the middle
        w, r = shares.withdrawn[kept, y][:, :, None], shares.rolled[kept, y][:, None]
        c = shares.converted[kept, y][:, None]
        stays = 1 - w
        stays[PLAN] -= r
        stays[:, TRADITIONAL] -= c
        held = stays * after
        held[:, PLAN] += r * after[:, IRA]
        held[:, :, TRADITIONAL] += c * after[:, :, ROTH]
        d = discount[y]
        held[withdrawal, :, TRADITIONAL] += w[:, TRADITIONAL] * rates.traditional[y] * d
        held[withdrawal, :, ROTH] += w[:, ROTH] * rates.roth[y] * d
        held[additional, :, TRADITIONAL] += w[:, TRADITIONAL] * rates.additional[y][:, None] * d
        held[additional, :, ROTH] += w[:, ROTH] * rates.roth_additional[y] * d
        held[conversion, :, TRADITIONAL] += c * rates.conversion[y] * d
        value = held * grow[0]
        # heirs: those of year ``since`` close as ``since + 1``; the oldest have been paid in full
        older = np.zeros_like(heirs)
        older[:-1] = heirs_closing[1:]
        older = _mixed(older, shares.heirs_moved[kept, y, :, TRADITIONAL], 1) * grow[1]
        heirs = (paid * rates.heirs[y] * d + (1 - paid) * older) * grow[0]
        if claim is not None and balances is not None:
            income_tax = value[withdrawal, :, TRADITIONAL] + value[conversion, :, TRADITIONAL]
            claim[y] = (balances[0][y] * income_tax).sum(axis=(0, 2, 3, 4))
            claim[y] += (balances[1][y] * heirs).sum(axis=(0, 2, 3, 4))
    return np.moveaxis(value[:, :, :, CORE], 0, -1), np.moveaxis(middle, 1, -1), claim


@dataclass(frozen=True, kw_only=True)
class _Outside:
    """A year of a taxable account, a dollar in each sleeve: ``(half, sleeve, A, G, S)``."""

    grow: np.ndarray  # what is left of a dollar after the half's return and the tax on it
    tax: np.ndarray  # tax of the half
    gain: np.ndarray  # gain of the half not yet taxed
    charge: np.ndarray  # what fees and losses leave
    discount: np.ndarray  # the sleeve's own growth before tax, where that is the discount; else one


def _outside(
    inputs: ProjectionInputs, path: int, year: int, law: BuildupTax, portfolio: bool, impact: float
) -> _Outside:
    mix = inputs.mix[path]
    ages, groups, strata = inputs.opening_usd.shape[2:]
    returns = inputs.half_return[path, year]  # (half, X)
    payout = np.broadcast_to(law.payout_rate[year] / 2, returns.shape)
    interest = returns * law.interest_share
    price = returns * (1 - law.interest_share) - payout
    weights = np.empty((2, ages, strata, returns.shape[1]))
    weights[CORE], weights[CRYPTO] = inputs.core_weight[mix, year], inputs.crypto_weight[mix]

    def in_sleeves(parts: np.ndarray) -> np.ndarray:
        return np.einsum("hx,kasx->hkas", parts, weights)[:, :, :, None, :]

    def rate(values: np.ndarray) -> np.ndarray:
        return values[year][None, None, :, :, None]

    # an asset that pays interest has no gain; of a gain, the realised share is taxed at once
    tax = (
        in_sleeves(interest) * rate(law.interest_rate)
        + in_sleeves(payout) * rate(law.dividend_rate)
        + in_sleeves(price * law.gain_share) * rate(law.gain_rate)
    )
    gain = in_sleeves(price * (1 - law.gain_share)) * np.ones((groups, 1))
    whole = in_sleeves(returns)
    # what price impact added is a gain of the crypto sleeve's assets
    added = (1 + whole[0, CRYPTO]) * (impact - 1)
    at_once = float(inputs.crypto_weight[mix] @ law.gain_share)
    tax[0, CRYPTO] += added * at_once * rate(law.gain_rate)[0, 0]
    gain[0, CRYPTO] += added * (1 - at_once)
    whole[0, CRYPTO] += added
    charge = np.ones((2, 2, 1, 1, 1))
    charge[1] -= _charge(inputs, path, year)[:, None, None, None]
    return _Outside(
        grow=(1 + whole - tax) * charge,
        tax=tax,
        gain=gain * charge,
        charge=charge,
        discount=(1 + whole) * charge if portfolio else np.ones_like(whole),
    )


def _shadow_pass(
    inputs: ProjectionInputs,
    shares: AccountShares,
    kept: int,
    path: int,
    law: BuildupTax,
    discount: np.ndarray,
    portfolio: bool,
    impact: np.ndarray,
) -> np.ndarray:
    """Tax of the shadow account of a dollar that opens it in the middle of each year,
    ``(Y, character 2, sleeve 2, A, G, S)``.

    The shadow of plan money that is rolled over goes on by the IRA's shares, that of converted money by the
    Roth account's: nothing is taxed at either, since a taxable account has no wrapper to leave.
    """
    n_years, heir_years = len(inputs.years), inputs.heir_years
    cell = inputs.opening_usd.shape[2:]
    value = np.zeros((2, 2, 2, *cell))  # tax to come of a dollar (wrapper, character, sleeve, A, G, S)
    gain = np.zeros_like(value)  # the same of a dollar of gain not yet taxed
    heirs = np.zeros((heir_years, 2, 2, *cell))  # (since, character, sleeve, A, G, S)
    heirs_gain = np.zeros_like(heirs)
    paid = 1 / np.arange(heir_years, 0, -1)[:, None, None, None, None, None]
    middle = np.zeros((n_years, 2, 2, *cell))

    for y in reversed(range(n_years)):
        year = _outside(inputs, path, y, law, portfolio, impact[y])
        d = discount[y]
        rate = law.gain_rate[y][..., None]  # (A, G, 1)

        def through_half(
            v: np.ndarray, u: np.ndarray, h: int, year: _Outside = year, d: float = d
        ) -> tuple[np.ndarray, np.ndarray]:
            """Values before a half from those after it: growth, its tax, its untaxed gain. A charge
            on the balance takes its part of the gain along."""
            own = year.discount[h]
            return (v * year.grow[h] + u * year.gain[h] + year.tax[h] * d) / own, u * year.charge[h] / own

        def through_mix(
            v: np.ndarray, u: np.ndarray, moved: np.ndarray, rate: np.ndarray = rate, d: float = d
        ) -> tuple[np.ndarray, np.ndarray]:
            """Selling a share of a sleeve realises that share of its gain; the tax is paid out of the sale."""
            sold = np.stack([np.maximum(moved, 0.0), np.maximum(-moved, 0.0)], axis=2)
            mixed = _mixed(v, moved, 2)
            return mixed, u * (1 - sold) + sold * rate * (d - mixed)

        # closing, deaths: the gain is forgiven
        after, after_gain = _younger(value, 3, 0.0), _younger(gain, 3, 0.0)
        closing = _younger(heirs, 3, np.moveaxis(heirs, 3, 0)[-1])
        closing_gain = _younger(heirs_gain, 3, np.moveaxis(heirs_gain, 3, 0)[-1])
        to_heirs = (inputs.death_rate[y] * (1 - inputs.spouse_share)[:, None])[..., None]
        after = (1 - to_heirs) * after + to_heirs * closing[0]
        after_gain = (1 - to_heirs) * after_gain
        after, after_gain = through_half(*through_mix(after, after_gain, shares.moved[kept, y]), 1)
        middle[y] = after[PLAN]
        # the middle: what is withdrawn takes its gain along, taxed
        w = shares.withdrawn[kept, y][:, :, None]
        r, c = shares.rolled[kept, y][:, None], shares.converted[kept, y][:, None]
        stays = 1 - w
        stays[PLAN] -= r
        stays[:, TRADITIONAL] -= c

        def flows(
            a: np.ndarray, stays: np.ndarray = stays, r: np.ndarray = r, c: np.ndarray = c
        ) -> np.ndarray:
            held = stays * a
            held[PLAN] += r * a[IRA]
            held[:, TRADITIONAL] += c * a[:, ROTH]
            return held

        before, before_gain = flows(after), flows(after_gain) + w * rate * d
        value, gain = through_half(before, before_gain, 0)
        # heirs
        older, older_gain = np.zeros_like(heirs), np.zeros_like(heirs)
        older[:-1], older_gain[:-1] = closing[1:], closing_gain[1:]
        older, older_gain = through_half(*through_mix(older, older_gain, shares.heirs_moved[kept, y]), 1)
        heirs, heirs_gain = through_half((1 - paid) * older, (1 - paid) * older_gain + paid * rate * d, 0)
    return middle
