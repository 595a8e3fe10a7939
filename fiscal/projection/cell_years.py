"""The compiled projection that keeps every cell: one path at a time, year after year, cell after cell.

The steps are those of :mod:`fiscal.projection.account_year`; the accounts of one cell (an age, earnings group and
stratum) are worked out together. Where nobody has a balance and nothing comes in, nothing is written: memory never
written to is not taken. A path's bits do not depend on which others are projected.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fiscal.projection.account_year import (
    CORE,
    CRYPTO,
    ROTH,
    TRADITIONAL,
    SleeveYear,
    compiled,
    expected_tax,
    first_half,
    grow,
    inlined,
    moved_share,
    roth_basis,
    second_half,
)
from fiscal.projection.outputs import LINE, WITHDRAWALS

WITHDRAWN, ROLLED, CONVERTED = 0, 1, 2


class Books(NamedTuple):
    """Where one path's flows and stocks are written, and its shares and balances where they have years.

    N are the groups and strata, in this order; shapes are otherwise those of
    :class:`~fiscal.projection.outputs.Projection` without their path axis.
    """

    lines: np.ndarray  # (line, Y, A, N)
    closing_usd: np.ndarray
    opening_usd: np.ndarray
    crypto_return: np.ndarray
    roth_basis_usd: np.ndarray
    residual: np.ndarray
    scale: np.ndarray
    withdrawn: np.ndarray
    rolled: np.ndarray
    converted: np.ndarray
    moved: np.ndarray
    heirs_moved: np.ndarray
    owners: np.ndarray
    heirs: np.ndarray


class Desk(NamedTuple):
    """The owners' accounts of the cell at hand, by account, character and sleeve."""

    middle: np.ndarray  # before anything leaves
    after: np.ndarray  # after what leaves and comes in
    net: np.ndarray  # at the end of the year, after charges
    ended: np.ndarray  # after rebalancing, before deaths
    share: np.ndarray  # (W, character, 3) of the middle balance: withdrawn, rolled over, converted


@compiled
def desk_of(accounts):
    """A desk for this number of accounts."""
    balances = np.zeros((4, accounts, 2, 2))
    return Desk(balances[0], balances[1], balances[2], balances[3], np.zeros((accounts, 2, 3)))


@inlined
def sleeve_year(paths, fee_rate, growth, part, p, y, a, s):
    """What the year does to a dollar of an age and stratum on a path."""
    target = paths.target[p, y, s]
    strength = paths.rebalancing[p, y]
    return SleeveYear(
        growth[0, CORE, a, s],
        growth[0, CRYPTO, a, s],
        growth[1, CORE, a, s] * (1.0 - fee_rate[CORE] * part),
        growth[1, CRYPTO, a, s] * (1.0 - fee_rate[CRYPTO] * part - paths.loss_rate[p, y]),
        target,
        target - (paths.target[p, y - 1, s] if y else 0.0),
        strength,
        strength * paths.sale_share[p],
        paths.transfer[p, y],
    )


@inlined
def owners(desk, balance, money, to_crypto, year, rules, y, a):
    """A year of a cell's living owners, on the ``desk``: ``balance`` (W, character, sleeve), new ``money``
    (W x character) that buys crypto with the share ``to_crypto``."""
    part, last = rules.year_fraction[y], len(rules.accounts) - 1
    desk.after[:] = 0.0
    for w in range(last + 1):
        roll = rules.rollover_rate[y, w, a] * part if w < last else 0.0
        for c in range(2):
            convert = rules.conversion_rate[y, a] * part if c == TRADITIONAL else 0.0
            core, crypto, withdrawn, rolled, converted, stays = first_half(
                balance[w, c, CORE], balance[w, c, CRYPTO], year, rules.withdrawal_rate[y, w, c, a] * part, roll,
                convert,
            )  # fmt: skip
            desk.share[w, c, WITHDRAWN], desk.share[w, c, ROLLED] = withdrawn, rolled
            desk.share[w, c, CONVERTED] = converted
            desk.middle[w, c, CORE], desk.middle[w, c, CRYPTO] = core, crypto
            paid_in = money[2 * w + c]
            desk.after[w, c, CORE] += core * stays + (paid_in - paid_in * to_crypto)
            desk.after[w, c, CRYPTO] += crypto * stays + paid_in * to_crypto
            if w < last:
                desk.after[last, c, CORE] += core * rolled
                desk.after[last, c, CRYPTO] += crypto * rolled
            if c == TRADITIONAL:
                desk.after[w, ROTH, CORE] += core * converted
                desk.after[w, ROTH, CRYPTO] += crypto * converted
    for w in range(last + 1):
        for c in range(2):
            core, crypto, moved = second_half(desk.after[w, c, CORE], desk.after[w, c, CRYPTO], year)
            desk.net[w, c, CORE], desk.net[w, c, CRYPTO] = core, crypto
            desk.ended[w, c, CORE], desk.ended[w, c, CRYPTO] = core + crypto - moved, moved


@compiled
def owner_balances(result, rules, people, paths, mix, p):
    """Fill ``result`` (Y, A, G) with one path's closing balances of living owners, all accounts of one stratum.

    Without price impact: that needs the purchases of everybody. Ages are the first, as many as the result has.
    """
    years, ages, groups = result.shape
    accounts = len(rules.accounts)
    growth = np.empty((2, 2, ages, 1))
    balance, closing = np.zeros((2, ages, groups, accounts, 2, 2))
    money, desk = np.empty(2 * accounts), desk_of(accounts)
    balance[..., CORE] = people.opening_usd.transpose(2, 3, 0, 1)
    for y in range(years):
        grow(growth, paths.half_return[p, y], mix.core_weight[y], mix.crypto_weight, 1.0)
        for a in range(ages):
            year = sleeve_year(paths, mix.fee_rate, growth, rules.year_fraction[y], p, y, a, 0)
            for g in range(groups):
                live = 1.0 - rules.to_heirs[y, a, g]
                money[:] = people.contribution_usd[y, a, g] * paths.contribution_scale[p, y, 0]
                owners(desk, balance[a, g], money, paths.contribution_share[p, y, 0], year, rules, y, a)
                closing[a, g] = desk.ended * live
                result[y, a, g] = closing[a, g].sum()
        balance[1:] = closing[:-1]
        balance[0] = 0.0


@inlined
def _any(values):
    """Whether there is anything."""
    found = False
    for value in values.flat:
        found |= value != 0.0
    return found


@compiled
def _larger(scale, balance):
    """The larger of two balances; NaN stays NaN."""
    return scale if scale >= balance or scale != scale else balance


@compiled
def _worse(residual, gap):
    """The larger of two residuals in size, with its sign; NaN stays NaN."""
    return residual if abs(residual) >= abs(gap) or residual != residual else gap


@inlined
def _book_sleeve(here, k, before, middle, after, end, charge, loss):
    """Record a sleeve's year, from the flows' two sides: what it gained, held and was charged. What it gained less
    what it was charged."""
    gained = (middle - before) + (end - after)
    fee, lost = end * charge, end * loss
    here[LINE.core_return + k] += gained
    here[LINE.core_held + k] += 0.5 * (before + after)
    here[LINE.fees] += fee
    here[LINE.losses] += lost
    return gained - fee - lost


@inlined
def _book_owners(
    books, here, desk, balance, basis, money, closing, left, rules, two, charge, loss, dead, y, a
):
    """Record a cell's owners; closing balances and Roth basis to the arrays given, what the dead leave to ``left``."""
    last = len(rules.accounts) - 1
    rolled_usd, basis_in = np.zeros(2), 0.0
    for w in range(last + 1):
        converted_usd = 0.0
        for c in range(2):
            share = desk.share[w, c]
            available = desk.middle[w, c, CORE] + desk.middle[w, c, CRYPTO]
            opened = balance[w, c, CORE] + balance[w, c, CRYPTO]
            withdrawn, rolled = share[WITHDRAWN] * available, share[ROLLED] * available
            books.scale[y] = _larger(books.scale[y], opened)
            books.opening_usd[y, w, c] += opened
            # the identity, from the reported flows
            flow = opened + money[2 * w + c] - withdrawn - rolled
            if c == TRADITIONAL:
                converted_usd = share[CONVERTED] * available
                flow -= converted_usd
                here[WITHDRAWALS + w] = withdrawn
                here[LINE.rollovers] += rolled
                here[LINE.conversions] += converted_usd
                here[LINE.penalised_withdrawals] += withdrawn * rules.penalised_share[w, a]
            else:
                flow += converted_usd
                here[LINE.roth_withdrawals] += withdrawn
                here[LINE.roth_rollovers] += rolled
                kept, earned, moved_basis = roth_basis(
                    basis[w], withdrawn, share[WITHDRAWN], share[ROLLED], w == last
                )
                here[LINE.nonqualified_earnings] += earned * rules.nonqualified_share[a]
                closing_basis = kept + money[2 * w + c] + converted_usd + (basis_in if w == last else 0.0)
                basis_in += moved_basis
                basis[w] = closing_basis * (1.0 - dead)
                books.roth_basis_usd[y] += basis[w]
            if w == last:
                flow += rolled_usd[c]
            rolled_usd[c] += rolled
            for k in range(2):
                after, ended = desk.after[w, c, k], desk.ended[w, c, k]
                flow += _book_sleeve(
                    here, k, balance[w, c, k], desk.middle[w, c, k], after, after * two[k], charge[k], loss[k]
                )
                bequeathed = ended * dead
                closing[w, c, k] = ended - bequeathed
                left[c, k] += bequeathed
                books.closing_usd[y, w, c, k] += closing[w, c, k]
                here[LINE.closing_traditional + c] += closing[w, c, k]
                here[LINE.closing_owners] += closing[w, c, k]
                flow -= bequeathed
                if w < last:
                    here[LINE.plan_bequests] += bequeathed
            here[LINE.closing_crypto] += closing[w, c, CRYPTO]
            here[LINE.crypto_bought] += (desk.ended[w, c, CRYPTO] - desk.net[w, c, CRYPTO]) + (
                desk.after[w, c, CRYPTO] - desk.middle[w, c, CRYPTO]
            )
            gap = closing[w, c, CORE] + closing[w, c, CRYPTO] - flow
            books.residual[y, w, c] = _worse(books.residual[y, w, c], gap)
    here[LINE.penalised_withdrawals] += here[LINE.nonqualified_earnings] * rules.penalised_share[0, a]


@inlined
def _book_heirs(books, here, inherited, closing, year, two, charge, loss, filled, y, a, n):
    """A year of a cell's inherited accounts, which pay 1/(years left), and its totals."""
    heir_years, wrapper = inherited.shape[0] - 1, books.closing_usd.shape[1] - 1
    keeps = len(books.heirs_moved) > 0
    for c in range(2):
        stock = paid = gap = 0.0
        for since in range(filled):
            pays = 1.0 / (heir_years - since)
            core_before, crypto_before = inherited[since, c, CORE], inherited[since, c, CRYPTO]
            core_middle, crypto_middle = core_before * year.core_one, crypto_before * year.crypto_one
            core_out, crypto_out = core_middle * pays, crypto_middle * pays
            core_after, crypto_after = core_middle - core_out, crypto_middle - crypto_out
            core, crypto, moved = second_half(core_after, crypto_after, year)
            stock += core_before + crypto_before
            paid += core_out + crypto_out
            gap += (core_before + crypto_before) - (core_out + crypto_out) - (core + crypto)
            gap += _book_sleeve(
                here,
                CORE,
                core_before,
                core_middle,
                core_after,
                core_after * two[CORE],
                charge[CORE],
                loss[CORE],
            )
            gap += _book_sleeve(
                here, CRYPTO, crypto_before, crypto_middle, crypto_after, crypto_after * two[CRYPTO],
                charge[CRYPTO], loss[CRYPTO],
            )  # fmt: skip
            here[LINE.crypto_bought] += (moved - crypto) - crypto_out
            if keeps:
                share = moved_share(core, crypto, moved)
                if share != 0.0:
                    books.heirs_moved[y, since, c, a, n] = share
            closing[since + 1, c, CORE], closing[since + 1, c, CRYPTO] = core + crypto - moved, moved
        # the oldest have just received everything
        closing[heir_years, c] = 0.0
        books.scale[y] = _larger(books.scale[y], stock)
        books.opening_usd[y, wrapper, c] += stock
        books.residual[y, wrapper, c] = _worse(books.residual[y, wrapper, c], -gap)
        here[LINE.inherited_withdrawals if c == TRADITIONAL else LINE.inherited_roth_withdrawals] = paid
        for since in range(min(filled + 1, heir_years)):
            for k in range(2):
                books.closing_usd[y, wrapper, c, k] += closing[since, c, k]
                here[LINE.closing_traditional + c] += closing[since, c, k]
            here[LINE.closing_crypto] += closing[since, c, CRYPTO]


@inlined
def _book_taxes(here, rules, holders, heirs, y, a, g):
    """Record a cell's taxes; a stub's flows are taxed at the rates of the full year they belong to."""
    part = rules.year_fraction[y]
    taxable = here[LINE.nonqualified_earnings]
    for w in range(len(rules.accounts)):
        taxable += here[WITHDRAWALS + w]
    owner, conversion = rules.owner_schedule, rules.conversion_schedule
    here[LINE.owner_tax] = part * expected_tax(owner.knots[y], owner.tax[y, a, g], taxable / part, holders)
    if here[LINE.conversions] != 0.0:
        knots, tax = conversion.knots[y], conversion.tax[y, a, g]
        here[LINE.conversion_tax] = part * (
            expected_tax(knots, tax, (taxable + here[LINE.conversions]) / part, holders)
            - expected_tax(knots, tax, taxable / part, holders)
        )
    here[LINE.heir_tax] = part * expected_tax(
        rules.heir_schedule.knots[y], rules.heir_schedule.tax[y, a, g], here[LINE.inherited_withdrawals] / part,
        heirs,
    )  # fmt: skip
    here[LINE.additional_tax] = here[LINE.penalised_withdrawals] * rules.additional_tax_rate


@compiled
def _fill(into, values):
    """Write values into zeros where there is anything: memory never written to is not taken."""
    for i in range(len(values)):
        if values[i] != 0.0:
            into[i] = values[i]


@inlined
def _keep(books, desk, balance, inherited, filled, y, a, n):
    """Keep the shares and balances of a cell that are asked for."""
    accounts = len(balance)
    if len(books.withdrawn) > 0:
        for w in range(accounts):
            for c in range(2):
                share = desk.share[w, c]
                if share[WITHDRAWN] != 0.0:
                    books.withdrawn[y, w, c, a, n] = share[WITHDRAWN]
                if share[ROLLED] != 0.0:
                    books.rolled[y, w, c, a, n] = share[ROLLED]
                net, moved = desk.net[w, c], desk.ended[w, c, CRYPTO]
                share_moved = moved_share(net[CORE], net[CRYPTO], moved)
                if share_moved != 0.0:
                    books.moved[y, w, c, a, n] = share_moved
            if desk.share[w, TRADITIONAL, CONVERTED] != 0.0:
                books.converted[y, w, a, n] = desk.share[w, TRADITIONAL, CONVERTED]
    if y < len(books.owners):
        for k in range(2):
            _fill(books.owners[y, :, k, a, n], balance[:, TRADITIONAL, k])
            _fill(books.heirs[y, :, k, a, n], inherited[:filled, TRADITIONAL, k])


@compiled
def project(books, rules, people, paths, mix, p):
    """Fill the ``books`` of path ``p``."""
    years, ages, cells = books.lines.shape[1:]
    strata, heir_years, accounts = mix.core_weight.shape[2], rules.heir_years, len(rules.accounts)
    growth = np.empty((2, 2, ages, strata))
    balance, closing = np.zeros((2, ages, cells, accounts, 2, 2))  # account, character, sleeve
    inherited, closing_inherited = np.zeros(
        (2, ages, cells, heir_years + 1, 2, 2)
    )  # since, character, sleeve
    balance[..., CORE] = people.opening_usd.transpose(2, 3, 0, 1)
    basis = people.opening_basis_usd.transpose(1, 2, 0).copy()
    desk, money, here = desk_of(accounts), np.empty(2 * accounts), np.empty(len(books.lines))
    two, charge, loss = np.zeros((3, 2))  # sleeve
    impact = bought = 0.0
    for y in range(years):
        part, raised = rules.year_fraction[y], 1.0
        if paths.impact_multiplier != 0.0:
            level = impact * paths.impact_persistence
            level += paths.impact_multiplier * bought / paths.crypto_market_usd[p, y]
            raised = np.exp(level - impact)
            impact = level
        grow(growth, paths.half_return[p, y], mix.core_weight[y], mix.crypto_weight, raised)
        books.crypto_return[y] = growth[0, CRYPTO, 0, 0] * growth[1, CRYPTO, 0, 0] - 1.0
        charge[:] = mix.fee_rate * part
        loss[CRYPTO] = paths.loss_rate[p, y]
        bought = 0.0
        for a in range(ages):
            # places that no death can have filled yet are not looked at
            filled = heir_years if a == ages - 1 else min(heir_years, y, a)
            for n in range(cells):
                s, g = n % strata, n // strata
                if not (
                    _any(people.contribution_usd[y, a, n]) or _any(balance[a, n]) or _any(basis[a, n])
                    or _any(inherited[a, n, :filled])
                ):  # fmt: skip
                    continue
                year = sleeve_year(paths, mix.fee_rate, growth, part, p, y, a, s)
                two[CORE], two[CRYPTO] = growth[1, CORE, a, s], growth[1, CRYPTO, a, s]
                money[:] = people.contribution_usd[y, a, n] * paths.contribution_scale[p, y, s]
                here[:] = 0.0
                owners(desk, balance[a, n], money, paths.contribution_share[p, y, s], year, rules, y, a)
                _book_owners(
                    books, here, desk, balance[a, n], basis[a, n], money, closing[a, n], closing_inherited[a, n, 0],
                    rules, two, charge, loss, rules.to_heirs[y, a, g], y, a,
                )  # fmt: skip
                _book_heirs(
                    books,
                    here,
                    inherited[a, n],
                    closing_inherited[a, n],
                    year,
                    two,
                    charge,
                    loss,
                    filled,
                    y,
                    a,
                    n,
                )
                _book_taxes(here, rules, people.holders[y, a, n], people.heirs[y, a, n], y, a, g)
                _keep(books, desk, balance[a, n], inherited[a, n], filled, y, a, n)
                _fill(books.lines[:, y, a, n], here)
                bought += here[LINE.crypto_bought]
        # a year older; accounts of owners past the last age stay in its bin until they are empty
        for a in range(ages - 1, 0, -1):
            balance[a], basis[a], inherited[a] = closing[a - 1], basis[a - 1], closing_inherited[a - 1]
        balance[0], basis[0], inherited[0] = 0.0, 0.0, 0.0
        inherited[ages - 1] += closing_inherited[ages - 1]
        closing[:], closing_inherited[:] = 0.0, 0.0
