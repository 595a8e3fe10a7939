"""The government's revenue lines by cell: flows and contribution taxes become the revenue lines of
:mod:`fiscal.budget.lines`, one array a line; positive = the government is better off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from fiscal.budget import valuation
from fiscal.budget.lines import OF_CELLS, ON_EARNINGS, WITHHELD, with_sums
from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.outputs import Projection


def fiscal_line(
    line: str,
    flow: np.ndarray,
    year_fraction: np.ndarray,
    deferral_same_year_share: float,
    withdrawal_same_year_share: float,
) -> np.ndarray:
    """A line by fiscal year from its calendar-year flow ``(..., Y)``, by its timing; see ``valuation.fiscal_years``."""
    share = deferral_same_year_share if line in WITHHELD else withdrawal_same_year_share
    whole = np.ones_like(year_fraction) if line in ON_EARNINGS else year_fraction
    return valuation.fiscal_years(flow, whole, share)


@dataclass(frozen=True, kw_only=True)
class ContributionTaxes:
    """Tax consequences of a year's contributions by cell, dollars ``(Y, A, G)``, all positive amounts."""

    deferred_usd: np.ndarray
    payroll_oasdi_usd: np.ndarray
    payroll_hi_usd: np.ndarray
    roth_upfront_usd: np.ndarray


@dataclass(frozen=True, kw_only=True)
class BuildupTax:
    """What the law would take of a return earned outside a plan, and how much of each asset's it reaches.

    A dollar of asset ``x`` pays ``interest_rate`` on ``interest_share[x]`` of its return of the year,
    ``dividend_rate`` on ``payout_rate[x]``, and ``gain_rate`` on ``gain_share[x]`` of the rest, gain or loss. Crypto
    that a holder has outside is under ``loss_limit_usd`` besides (:func:`limit_on_losses`).
    """

    interest_rate: np.ndarray  # (Y, A, G)
    dividend_rate: np.ndarray
    gain_rate: np.ndarray
    interest_share: np.ndarray  # (X,)
    gain_share: np.ndarray  # (X,)
    payout_rate: np.ndarray  # (Y, X) of the balance, the stub's for the stub
    loss_limit_usd: float = np.inf  # net capital loss that a holder may deduct in a year

    def as_interest(self) -> BuildupTax:
        """The published method's counterfactual: the whole return is interest, taxed every year."""
        return replace(
            self,
            interest_share=np.ones_like(self.interest_share),
            gain_share=np.zeros_like(self.gain_share),
            payout_rate=np.zeros_like(self.payout_rate),
        )

    def scaled(self, factor: float) -> BuildupTax:
        """All rates times ``factor``."""
        return replace(
            self,
            interest_rate=self.interest_rate * factor,
            dividend_rate=self.dividend_rate * factor,
            gain_rate=self.gain_rate * factor,
        )


@dataclass(frozen=True, kw_only=True)
class Backstop:
    """A rule by which government would make up savers' balances: a contingent cost, not law.

    ``covered`` (A,) bool marks the ages at the opening of the year of the cohorts covered. A cell whose
    balance at the year's end is more than ``trigger_share`` below its balance without crypto is made up to
    ``made_up_share`` of that. What was paid counts as had from then on, at the same share of the balance
    without crypto, so that a gap is paid for once.
    """

    covered: np.ndarray
    trigger_share: float
    made_up_share: float


def rescue_cost(projection: Projection, against: np.ndarray, rule: Backstop) -> np.ndarray:
    """Dollars paid under the rule, ``(P, Y, A, G)``, positive.

    ``against`` (P,) is the path that each is compared with: the same without crypto, or itself where crypto makes no
    difference, which pays nothing. Balances are of living owners in all their accounts, cell by cell: those who
    hold crypto apart from those who do not.
    """
    balance = projection.cells["closing_owners"]
    return top_ups(balance, balance[against], rule).sum(axis=4)


def top_ups(balance: np.ndarray, due: np.ndarray, rule: Backstop) -> np.ndarray:
    """Dollars paid under the rule on ``balance`` (P, Y, A, G, S) against ``due``, the same without crypto, of that
    shape or with one path for all; ages are those of ``rule.covered``."""
    cost = np.zeros(balance.shape)
    paid = np.zeros((balance.shape[0], *balance.shape[2:]))  # share of what was due
    for y in range(balance.shape[1]):
        had = np.divide(balance[:, y], due[:, y], out=np.ones_like(paid), where=due[:, y] > 0) + paid
        short = rule.covered[:, None, None] & (had < 1 - rule.trigger_share)
        topped_up = np.where(short, np.maximum(rule.made_up_share - had, 0.0), 0.0)
        cost[:, y] = topped_up * due[:, y]
        now = paid + topped_up
        paid = np.zeros_like(now)
        paid[:, 1:] = now[:, :-1]
    return cost


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Revenue lines by cell, nominal dollars: ``lines[name]`` is ``(P, Y, A, G)``."""

    years: np.ndarray
    path_labels: tuple[str, ...]
    lines: dict[str, np.ndarray]
    payroll_oasdi_usd: np.ndarray  # (Y, A, G), part of payroll_forgone, negative
    payroll_hi_usd: np.ndarray
    crypto_buildup_usd: np.ndarray  # (P, Y, A, G) part of inside_buildup_cash on the crypto sleeve, negative
    crypto_outside_usd: np.ndarray  # (P, Y, A, G) the same held outside, where deducted losses are limited
    pushed_out_tax_usd: np.ndarray  # (P, Y, A, G) tax outside on what the crypto sleeve pushes out of the plan

    def total(self, line: str) -> np.ndarray:
        """A line summed over cells, ``(P, Y)``."""
        return self.lines[line].sum(axis=(2, 3))


CASH_METHODS = ("as set", "all returns as interest", "all gains realized", "gains never realized")
"""Ways to count the inside build-up on the cash basis; the published figures differ mostly in this."""


def cash_method(law: BuildupTax, method: str) -> BuildupTax:
    """The law's reach under one of :data:`CASH_METHODS`. Raises ``KeyError`` for another."""
    everything, nothing = np.ones_like(law.interest_share), np.zeros_like(law.interest_share)
    reach: dict[str, dict[str, Any]] = {
        "as set": {},
        "all returns as interest": {
            "interest_share": everything, "gain_share": nothing, "payout_rate": np.zeros_like(law.payout_rate),
        },
        "all gains realized": {"gain_share": 1 - law.interest_share},
        "gains never realized": {"gain_share": nothing},
    }  # fmt: skip
    return replace(law, **reach[method])


def inside_buildup(projection: Projection, inputs: ProjectionInputs, law: BuildupTax, path: int) -> np.ndarray:
    """Tax on the plan's own return of the year on one path, ``(Y,)``, negative."""
    core, crypto = buildup_rates(inputs.only(path), projection.crypto_return[path : path + 1], law)
    held = {name: projection.cells[name][path] for name in ("core_held", "crypto_held")}
    on_core = np.einsum("yags,yags->y", held["core_held"], core[0])
    return -(on_core + np.einsum("yags,yag->y", held["crypto_held"], crypto[0]))


def annual_returns(inputs: ProjectionInputs) -> np.ndarray:
    """Each asset's return of the year on each path, ``(P, Y, X)``; the stub's for the stub."""
    return np.prod(1 + inputs.half_return, axis=2) - 1


def buildup_rates(
    inputs: ProjectionInputs, crypto_return: np.ndarray, law: BuildupTax
) -> tuple[np.ndarray, np.ndarray]:
    """Tax on the year's own return per dollar held: core sleeve ``(P, Y, A, G, S)``, crypto ``(P, Y, A, G)``.

    ``crypto_return`` (P, Y) is what the crypto sleeve earned, price impact included; what the impact added
    is taxed as a gain of the sleeve's assets.
    """
    returns = annual_returns(inputs)
    interest = returns * law.interest_share
    gain = (returns - law.payout_rate) * law.gain_share

    core_weight = inputs.core_weight[inputs.mix]  # (P, Y, A, S, X)
    core = _taxed(
        law,
        np.einsum("pyx,pyasx->pyas", interest, core_weight),
        np.einsum("yx,pyasx->pyas", law.payout_rate, core_weight),
        np.einsum("pyx,pyasx->pyas", gain, core_weight),
    )
    parts = _of_crypto_sleeve(inputs, crypto_return, law)
    ages = law.gain_rate.shape[1]
    crypto = _taxed(law, *(np.broadcast_to(part[:, :, None, None], (*part.shape, ages, 1)) for part in parts))
    return core, crypto[..., 0]


def _of_crypto_sleeve(
    inputs: ProjectionInputs, crypto_return: np.ndarray, law: BuildupTax
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Taxable interest, dividends, and gains of the year per dollar of the crypto sleeve, ``(P, Y)`` each."""
    returns = annual_returns(inputs)
    weight = inputs.crypto_weight[inputs.mix][:, None]  # (P, 1, X)
    impact = crypto_return - np.prod(1 + (inputs.half_return * weight[:, :, None]).sum(axis=3), axis=2) + 1
    interest = returns * law.interest_share
    gain = (returns - law.payout_rate) * law.gain_share
    return (
        (interest * weight).sum(axis=2),
        (law.payout_rate * weight).sum(axis=2),
        (gain * weight).sum(axis=2) + impact * (law.gain_share * weight).sum(axis=2),
    )


def limit_on_losses(
    held_usd: np.ndarray, inputs: ProjectionInputs, crypto_return: np.ndarray, law: BuildupTax
) -> np.ndarray:
    """What the limit on deducted losses adds to the tax on crypto held outside, ``(P, Y, A, G)`` dollars.

    ``held_usd`` (P, Y, A, G, S) is the crypto sleeve, ``crypto_return`` (P, Y) what it earned. A holder's realized net
    loss of a year is deducted from other income, at ordinary rates, up to the limit (26 U.S.C. 1211(b)). The rest is
    carried forward (1212(b)), first against later gains, and ends with the holder. Without a limit, losses are
    deducted in full at the rate on gains. A holder has no other gains here.
    """
    added = np.zeros(held_usd.shape[:4])
    gain = _of_crypto_sleeve(inputs, crypto_return, law)[2]
    if not np.isfinite(law.loss_limit_usd) or (gain >= 0).all():
        return added
    people = inputs.holders
    each = np.divide(held_usd, people, out=np.zeros(held_usd.shape), where=people > 0)
    each *= gain[:, :, None, None, None]
    carried = np.zeros((*each.shape[:1], *each.shape[2:]))
    for y in range(each.shape[1]):
        net = each[:, y] - carried
        loss = np.maximum(-net, 0.0)
        deducted = np.minimum(loss, law.loss_limit_usd)
        on_gains = law.gain_rate[y][..., None] * (np.maximum(net, 0.0) - each[:, y])
        added[:, y] = ((on_gains - law.interest_rate[y][..., None] * deducted) * people[y]).sum(axis=3)
        carried[:, 1:] = (loss - deducted)[:, :-1]
        carried[:, 0] = 0.0
    return added


def pushed_out_rates(inputs: ProjectionInputs, law: BuildupTax, weight: np.ndarray | None = None) -> np.ndarray:
    """Tax outside, per dollar, on the year's return of the assets that crypto pushes out of the plan, ``(P, Y, A, G)``.

    ``weight`` (Y, A, X), each summing to one, are these assets; None: what the core of the first stratum holds.
    """
    held = inputs.core_weight[inputs.mix[0], :, :, 0] if weight is None else weight
    returns = annual_returns(inputs)
    parts = (returns * law.interest_share, (returns - law.payout_rate) * law.gain_share)
    interest, gain = (np.einsum("pyx,yax->pya", part, held)[..., None] for part in parts)
    dividend = np.broadcast_to(np.einsum("yx,yax->ya", law.payout_rate, held)[None, ..., None], gain.shape)
    return _taxed(law, interest, dividend, gain)[..., 0]


def _taxed(law: BuildupTax, interest: np.ndarray, dividend: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Tax ``(P, Y, A, G, S)`` on taxable parts ``(P, Y, A, S)``."""
    parts = ((law.interest_rate, interest), (law.dividend_rate, dividend), (law.gain_rate, gain))
    return sum(
        (rate[..., None] * part[:, :, :, None, :] for rate, part in parts),
        start=np.zeros((*interest.shape[:3], law.gain_rate.shape[2], 1)),
    )


def contribution_weight(inputs: ProjectionInputs) -> np.ndarray:
    """Contributions of a cell as they are made on a path over those of the inputs, ``(P, Y, A, G)``: one if nothing
    responds to returns. Taxes on contributions are taken in proportion."""
    if (inputs.contribution_scale == 1).all():
        return np.ones((1, 1, 1, 1))
    money = inputs.contribution_usd.sum(axis=1)  # (Y, A, G, S)
    made = np.einsum("yags,pys->pyag", money, inputs.contribution_scale)
    whole = np.broadcast_to(money.sum(axis=3), made.shape)
    return np.divide(made, whole, out=np.ones_like(made), where=whole > 0)


def contribution_lines(inputs: ProjectionInputs, taxes: ContributionTaxes) -> dict[str, np.ndarray]:
    """The lines of :data:`WITHHELD`, which depend on contributions alone: ``(P, Y, A, G)``, or ``(1, Y, A, G)`` if
    nothing responds to returns and all paths have the same."""
    paid = contribution_weight(inputs)
    return {
        "deferred_revenue": -taxes.deferred_usd * paid,
        "payroll_forgone": -(taxes.payroll_oasdi_usd + taxes.payroll_hi_usd) * paid,
        "roth_upfront_tax": taxes.roth_upfront_usd * paid,
    }


def keep_books(
    projection: Projection,
    inputs: ProjectionInputs,
    taxes: ContributionTaxes,
    buildup: BuildupTax,
    rescue_usd: np.ndarray,
    displaced_share: float = 0.0,
    pushed_out: np.ndarray | None = None,
) -> Ledger:
    """Turn flows and contribution taxes into revenue lines ``(P, Y, A, G)``; ``rescue_usd`` of that shape.

    ``displaced_share`` of the crypto sleeve would have been held outside and taxed there. What it pushes out of the
    plan, ``pushed_out`` (see :func:`pushed_out_rates`), is held and taxed outside in its place.
    """
    core_buildup, crypto_buildup = buildup_rates(inputs, projection.crypto_return, buildup)
    shape = projection.cells["owner_tax"].shape[:4]
    on_contributions = {
        line: np.broadcast_to(values, shape) for line, values in contribution_lines(inputs, taxes).items()
    }

    def over_strata(name: str) -> np.ndarray:
        return projection.cells[name].sum(axis=4)

    on_crypto = -over_strata("crypto_held") * crypto_buildup
    limited = limit_on_losses(projection.cells["crypto_held"], inputs, projection.crypto_return, buildup)
    on_pushed_out = over_strata("crypto_held") * pushed_out_rates(inputs, buildup, pushed_out)
    on_flows = {line: reduce(add, map(over_strata, names)) for line, names in OF_CELLS.items()}
    lines = (
        on_contributions
        | on_flows
        | {
            "inside_buildup_cash": on_crypto - (projection.cells["core_held"] * core_buildup).sum(axis=4),
            "displaced_gains_tax": displaced_share * (on_crypto - limited + on_pushed_out),
            "rescue_cost": -rescue_usd,
        }
    )
    return Ledger(
        years=projection.years,
        path_labels=projection.path_labels,
        lines=with_sums(lines),
        payroll_oasdi_usd=-taxes.payroll_oasdi_usd,
        payroll_hi_usd=-taxes.payroll_hi_usd,
        crypto_buildup_usd=on_crypto,
        crypto_outside_usd=on_crypto - limited,
        pushed_out_tax_usd=on_pushed_out,
    )
