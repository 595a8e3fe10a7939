"""The compiled projection that keeps every cell: the earnings groups and strata of an age are adjacent lanes.

The steps are those of :mod:`fiscal.projection.account_year`, in the innermost loops over a block of :data:`LANES`
cells; all data of a block are in flat buffers at named places (:mod:`fiscal.projection.lanes` says why). One
path at a time; a path's bits do not depend on which others are projected.

**Inherited accounts** are kept by the year of death, each in a place of its own (``ring``): those of year ``d`` are at
``d mod H``, where those of ``d + H`` take over once they are paid out.

**Order.** Birth cohort after birth cohort, the oldest first, each through its years, so that its accounts stay in the
cache; only where purchases move prices, so that a year needs all of the year before, year by year. Owners past the
last age leave their heirs to the next cohort that reaches it. A cohort that has had no money yet is not looked at, and
where a line is empty nothing is written: memory never written to is not taken.
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
    step,
)
from fiscal.projection.lanes import buffer, comes
from fiscal.projection.outputs import LINE, WITHDRAWALS

LANES = 24
"""Cells of a block: the groups of two strata. Fewer leave the rest of a block idle, more take several blocks."""

# of an account: the core and crypto sleeve of each character, and the Roth basis
BASIS = 4 * LANES
ACCOUNT = 5 * LANES
# of inherited accounts of a year of death: the core and crypto sleeve of each character
HEIRS = 4 * LANES

# of an account and character on the desk: new money; what it opened with, withdrew, rolled over and what the identity
# does not explain; closing balances by sleeve; shares withdrawn, rolled over, converted; both sleeves after charges and
# crypto after rebalancing
(
    MONEY,
    OPENED,
    DRAWN_USD,
    GAP,
    CLOSED_CORE,
    CLOSED_CRYPTO,
    DRAWN,
    ROLLED,
    TURNED,
    NET_CORE,
    NET_CRYPTO,
    MOVED,
    RATE,
) = (LANES * i for i in range(13))
DESK = 13 * LANES

# of a row: the sleeves' year, the share that passes to heirs, the share of new money that buys crypto
(
    CORE_ONE, CRYPTO_ONE, CORE_TWO, CRYPTO_TWO, CORE_KEPT, CRYPTO_KEPT, GOAL, RISE, BUYS, SELLS, MOVES, DEAD, SHARE,
) = (LANES * i for i in range(13))  # fmt: skip
# on the way, cleared for each block: by sleeve what the last account receives of each character, what a traditional
# account converts and what the dead leave; in dollars what is rolled over and converted; Roth basis that is rolled over
CLEARED = 13 * LANES
ROLLED_T, ROLLED_R, TURNS, LEFT_T, LEFT_R = (LANES * i for i in range(13, 23, 2))
ROLLED_T_USD, ROLLED_R_USD, TURNED_USD, ROLLED_BASIS, TAXABLE = (LANES * i for i in range(23, 28))
LINES = 28 * LANES
"""The first line of the cells at hand."""


class Books(NamedTuple):
    """Where one path's flows and stocks are written, and its shares and balances where they have years.

    N are the groups and strata, in this order; shapes are otherwise those of
    :class:`~fiscal.projection.outputs.Projection` without their path axis.
    """

    kept: np.ndarray  # (line,) places of the lines that are kept by cell
    lines: np.ndarray  # (kept line, Y, A, N)
    totals: np.ndarray  # (line, Y)
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


@inlined
def _year_of(row, lane):
    """The year of the sleeves of one cell."""
    return SleeveYear(
        row[CORE_ONE + lane], row[CRYPTO_ONE + lane], row[CORE_KEPT + lane], row[CRYPTO_KEPT + lane],
        row[GOAL + lane], row[RISE + lane], row[BUYS + lane], row[SELLS + lane], row[MOVES + lane] > 0.5,
    )  # fmt: skip


@step
def _row(row, growth, charge, loss, paths, to_heirs, p, y, a, first, cells):
    """What the year does to the cells of a block from ``first`` on; ``growth`` (half, sleeve, A, S), ``to_heirs``
    (G,)."""
    strata = growth.shape[3]
    strength = paths.rebalancing[p, y]
    for lane in range(min(LANES, cells - first)):
        n = first + lane
        g, s = n // strata, n % strata
        target = paths.target[p, y, s]
        core, crypto = growth[1, CORE, a, s], growth[1, CRYPTO, a, s]
        row[CORE_ONE + lane], row[CRYPTO_ONE + lane] = growth[0, CORE, a, s], growth[0, CRYPTO, a, s]
        row[CORE_TWO + lane], row[CRYPTO_TWO + lane] = core, crypto
        row[CORE_KEPT + lane] = core * (1.0 - charge[CORE])
        row[CRYPTO_KEPT + lane] = crypto * (1.0 - charge[CRYPTO] - loss)
        row[GOAL + lane] = target
        row[RISE + lane] = target - (paths.target[p, y - 1, s] if y else 0.0)
        row[BUYS + lane], row[SELLS + lane] = strength, strength * paths.sale_share[p]
        row[MOVES + lane] = 1.0 if paths.transfer[p, y] else 0.0
        row[DEAD + lane] = to_heirs[g]
        row[SHARE + lane] = paths.contribution_share[p, y, s]


@step
def _sleeve(row, lane, gained, held, before, middle, after, two, charge, loss):
    """Record a sleeve's year, from the flows' two sides: what it gained, held and was charged. What it gained less
    what it was charged."""
    end = after * two
    gain = (middle - before) + (end - after)
    fee, lost = end * charge, end * loss
    row[LINES + gained * LANES + lane] += gain
    row[LINES + held * LANES + lane] += 0.5 * (before + after)
    row[LINES + LINE.fees * LANES + lane] += fee
    row[LINES + LINE.losses * LANES + lane] += lost
    return gain - fee - lost


@step
def _sleeves(row, lane, charge, loss, core, crypto, core_middle, crypto_middle, core_after, crypto_after):
    """Record both sleeves."""
    on_core = _sleeve(
        row, lane, LINE.core_return, LINE.core_held, core, core_middle, core_after, row[CORE_TWO + lane],
        charge[CORE], 0.0,
    )  # fmt: skip
    on_crypto = _sleeve(
        row, lane, LINE.crypto_return, LINE.crypto_held, crypto, crypto_middle, crypto_after,
        row[CRYPTO_TWO + lane], charge[CRYPTO], loss,
    )  # fmt: skip
    return on_core + on_crypto


@step
def _close(row, desk, lane, left, line, core_net, crypto_net, moved, crypto_flow, flow, given):
    """An owner's account at the end of the year: net balances, crypto after rebalancing, deaths. Its closing sleeves.

    ``given`` is one where bequests are a plan's, ``flow`` what the balance would be by its flows.
    """
    dead = row[DEAD + lane]
    kept = core_net + crypto_net - moved
    core_left, crypto_left = kept * dead, moved * dead
    core, crypto = kept - core_left, moved - crypto_left
    row[left + lane] += core_left
    row[left + LANES + lane] += crypto_left
    row[LINES + line * LANES + lane] += core + crypto
    row[LINES + LINE.closing_owners * LANES + lane] += core + crypto
    row[LINES + LINE.closing_crypto * LANES + lane] += crypto
    row[LINES + LINE.plan_bequests * LANES + lane] += given * (core_left + crypto_left)
    row[LINES + LINE.crypto_bought * LANES + lane] += (moved - crypto_net) + crypto_flow
    desk[NET_CORE + lane], desk[NET_CRYPTO + lane], desk[MOVED + lane] = core_net, crypto_net, moved
    desk[CLOSED_CORE + lane], desk[CLOSED_CRYPTO + lane] = core, crypto
    desk[GAP + lane] = (core + crypto) - (flow - core_left - crypto_left)
    return core, crypto


@step
def _traditional(account, row, desk, charge, loss, roll, convert, takes, penalised):
    """A year of a block's traditional account, which takes all of the others' rollovers or nothing."""
    for lane in range(LANES):
        year, share, new = _year_of(row, lane), row[SHARE + lane], desk[MONEY + lane]
        core, crypto = account[lane], account[LANES + lane]
        core_middle, crypto_middle, drawn, rolled, turned, stays = first_half(
            core, crypto, year, desk[RATE + lane], roll, convert
        )
        available, to_crypto = core_middle + crypto_middle, new * share
        drawn_usd, rolled_usd, turned_usd = drawn * available, rolled * available, turned * available
        core_after = takes * row[ROLLED_T + lane] + (core_middle * stays + (new - to_crypto))
        crypto_after = takes * row[ROLLED_T + LANES + lane] + (crypto_middle * stays + to_crypto)
        flow = core + crypto + new - drawn_usd - rolled_usd - turned_usd + takes * row[ROLLED_T_USD + lane]
        row[ROLLED_T + lane] += core_middle * rolled
        row[ROLLED_T + LANES + lane] += crypto_middle * rolled
        row[ROLLED_T_USD + lane] += rolled_usd
        row[TURNS + lane], row[TURNS + LANES + lane] = core_middle * turned, crypto_middle * turned
        row[TURNED_USD + lane] = turned_usd
        row[LINES + LINE.rollovers * LANES + lane] += rolled_usd
        row[LINES + LINE.conversions * LANES + lane] += turned_usd
        row[LINES + LINE.penalised_withdrawals * LANES + lane] += drawn_usd * penalised
        desk[OPENED + lane], desk[DRAWN_USD + lane] = core + crypto, drawn_usd
        desk[DRAWN + lane], desk[ROLLED + lane], desk[TURNED + lane] = drawn, rolled, turned
        flow += _sleeves(row, lane, charge, loss, core, crypto, core_middle, crypto_middle, core_after, crypto_after)
        core_net, crypto_net, moved = second_half(core_after, crypto_after, year)
        account[lane], account[LANES + lane] = _close(
            row, desk, lane, LEFT_T, LINE.closing_traditional, core_net, crypto_net, moved,
            crypto_after - crypto_middle, flow, 1.0 - takes,
        )  # fmt: skip


@step
def _roth(account, row, desk, charge, loss, roll, takes, first, reached):
    """A year of a block's Roth account, which pays its basis ``first`` or pro rata; after the traditional one that
    converts into it."""
    for lane in range(LANES):
        year, share, new = _year_of(row, lane), row[SHARE + lane], desk[MONEY + lane]
        core, crypto, basis = account[2 * LANES + lane], account[3 * LANES + lane], account[BASIS + lane]
        core_middle, crypto_middle, drawn, rolled, _, stays = first_half(
            core, crypto, year, desk[RATE + lane], roll, 0.0
        )
        available, to_crypto = core_middle + crypto_middle, new * share
        drawn_usd, rolled_usd, turned_usd = drawn * available, rolled * available, row[TURNED_USD + lane]
        core_in = takes * row[ROLLED_R + lane] + row[TURNS + lane]
        crypto_in = takes * row[ROLLED_R + LANES + lane] + row[TURNS + LANES + lane]
        core_after = core_in + (core_middle * stays + (new - to_crypto))
        crypto_after = crypto_in + (crypto_middle * stays + to_crypto)
        flow = core + crypto + new - drawn_usd - rolled_usd + turned_usd + takes * row[ROLLED_R_USD + lane]
        kept, earned, moved_basis = roth_basis(basis, drawn_usd, drawn, rolled, first)
        basis = (kept + new + turned_usd + takes * row[ROLLED_BASIS + lane]) * (1.0 - row[DEAD + lane])
        account[BASIS + lane] = basis
        row[ROLLED_BASIS + lane] += moved_basis
        row[ROLLED_R + lane] += core_middle * rolled
        row[ROLLED_R + LANES + lane] += crypto_middle * rolled
        row[ROLLED_R_USD + lane] += rolled_usd
        row[LINES + LINE.roth_withdrawals * LANES + lane] += drawn_usd
        row[LINES + LINE.roth_rollovers * LANES + lane] += rolled_usd
        row[LINES + LINE.nonqualified_earnings * LANES + lane] += earned * reached
        desk[OPENED + lane], desk[DRAWN_USD + lane] = core + crypto, drawn_usd
        desk[DRAWN + lane], desk[ROLLED + lane], desk[TURNED + lane] = drawn, rolled, 0.0
        flow += _sleeves(row, lane, charge, loss, core, crypto, core_middle, crypto_middle, core_after, crypto_after)
        core_net, crypto_net, moved = second_half(core_after, crypto_after, year)
        account[2 * LANES + lane], account[3 * LANES + lane] = _close(
            row, desk, lane, LEFT_R, LINE.closing_roth, core_net, crypto_net, moved, crypto_after - crypto_middle,
            flow, 1.0 - takes,
        )  # fmt: skip


@step
def _owners(own, row, desk, money, scale, charge, loss, rules, y, a, first, cells):
    """A year of a block's living owners: ``own`` (W, ACCOUNT), ``desk`` (W, character, DESK), ``money``
    (N, W x character), ``scale`` (S,)."""
    part, accounts = rules.year_fraction[y], rules.accounts
    for i in range(CLEARED, len(row)):
        row[i] = 0.0
    for w in range(accounts):
        last = w == accounts - 1
        takes = 1.0 if last else 0.0
        roll = 0.0 if last else rules.rollover_rate[y, w, a] * part
        for c in range(2):
            for lane in range(LANES):
                n = first + lane
                held = n < cells
                desk[w, c, MONEY + lane] = money[n, 2 * w + c] * scale[n % len(scale)] if held else 0.0
                desk[w, c, RATE + lane] = rules.withdrawal_rate[y, w, c, a, n // len(scale)] * part if held else 0.0
        _traditional(
            own[w], row, desk[w, TRADITIONAL], charge, loss, roll, rules.conversion_rate[y, a] * part, takes,
            rules.penalised_share[w, a],
        )  # fmt: skip
        _roth(
            own[w], row, desk[w, ROTH], charge, loss, roll, takes, last, rules.nonqualified_share[a],
        )  # fmt: skip
        for lane in range(LANES):
            row[LINES + (WITHDRAWALS + w) * LANES + lane] = desk[w, TRADITIONAL, DRAWN_USD + lane]
    for lane in range(LANES):
        earned = row[LINES + LINE.nonqualified_earnings * LANES + lane]
        row[LINES + LINE.penalised_withdrawals * LANES + lane] += earned * rules.penalised_share[0, a]


@step
def _heirs(ring, row, desk, charge, loss, y, c, filled, moves, a, cells):
    """A year of a block's inherited accounts of a character, which pay 1/(years left), then those that its dead leave.

    ``ring`` (H, HEIRS). What rebalancing moved is written to ``moves``, where it has years, at the ``cells``.
    """
    heir_years, line, left = len(ring), LINE.closing_traditional + c, LEFT_T + 2 * c * LANES
    for i in range(DESK):
        desk[i] = 0.0
    for lane in range(LANES):
        core, crypto = row[left + lane], row[left + LANES + lane]
        desk[CLOSED_CORE + lane], desk[CLOSED_CRYPTO + lane] = core, crypto
    for since in range(filled):
        pays = 1.0 / (heir_years - since)
        goes_on = 1.0 if since < heir_years - 1 else 0.0
        at = ring[(y - 1 - since) % heir_years, 2 * c * LANES : 2 * (c + 1) * LANES]
        for lane in range(LANES):
            year = _year_of(row, lane)
            core, crypto = at[lane], at[LANES + lane]
            core_middle, crypto_middle = core * year.core_one, crypto * year.crypto_one
            core_out, crypto_out = core_middle * pays, crypto_middle * pays
            core_after, crypto_after = core_middle - core_out, crypto_middle - crypto_out
            stock, paid = core + crypto, core_out + crypto_out
            gain = _sleeves(row, lane, charge, loss, core, crypto, core_middle, crypto_middle, core_after, crypto_after)
            core_net, crypto_net, moved = second_half(core_after, crypto_after, year)
            desk[OPENED + lane] += stock
            desk[DRAWN_USD + lane] += paid
            desk[GAP + lane] += (core_net + crypto_net) - (stock - paid + gain)
            core_closed, crypto_closed = (core_net + crypto_net - moved) * goes_on, moved * goes_on
            at[lane], at[LANES + lane] = core_closed, crypto_closed
            desk[CLOSED_CORE + lane] += core_closed
            desk[CLOSED_CRYPTO + lane] += crypto_closed
            row[LINES + LINE.crypto_bought * LANES + lane] += (moved - crypto_net) - crypto_out
            desk[NET_CORE + lane], desk[NET_CRYPTO + lane], desk[MOVED + lane] = core_net, crypto_net, moved
        if len(moves) > 0:
            _share_moved(desk)
            _fill(moves[y, since, c, a, cells], desk, MOVED)
    # the oldest have received everything; this year's dead replace them
    for lane in range(2 * LANES):
        ring[y % heir_years, 2 * c * LANES + lane] = row[left + lane]
    paid = LINE.inherited_withdrawals if c == TRADITIONAL else LINE.inherited_roth_withdrawals
    for lane in range(LANES):
        row[LINES + paid * LANES + lane] = desk[DRAWN_USD + lane]
        row[LINES + line * LANES + lane] += desk[CLOSED_CORE + lane] + desk[CLOSED_CRYPTO + lane]
        row[LINES + LINE.closing_crypto * LANES + lane] += desk[CLOSED_CRYPTO + lane]


@step
def _share_moved(desk):
    """Make a share of what rebalancing moved."""
    for lane in range(LANES):
        desk[MOVED + lane] = moved_share(desk[NET_CORE + lane], desk[NET_CRYPTO + lane], desk[MOVED + lane])


@step
def _taxes(row, rules, holders, heirs, pieces, strata, y, a, first):
    """Record a block's taxes; a stub's flows are taxed at the rates of the full year they belong to. ``pieces``
    (schedule, N) are those found the last time."""
    part = rules.year_fraction[y]
    owner, conversion, heir = rules.owner_schedule, rules.conversion_schedule, rules.heir_schedule
    taxed, converted = LINES + LINE.owner_tax * LANES, LINES + LINE.conversion_tax * LANES
    inherited = LINES + LINE.heir_tax * LANES
    for lane in range(LANES):
        row[TAXABLE + lane] = row[LINES + LINE.nonqualified_earnings * LANES + lane]
    for w in range(rules.accounts):
        for lane in range(LANES):
            row[TAXABLE + lane] += row[LINES + (WITHDRAWALS + w) * LANES + lane]
    for lane in range(min(LANES, len(holders) - first)):
        n = first + lane
        g, taxable = n // strata, row[TAXABLE + lane]
        row[taxed + lane], pieces[0, n] = expected_tax(
            owner.knots[y], owner.tax[y, a, g], taxable, part, holders[n], pieces[0, n]
        )
        row[inherited + lane], pieces[1, n] = expected_tax(
            heir.knots[y], heir.tax[y, a, g], row[LINES + LINE.inherited_withdrawals * LANES + lane], part, heirs[n],
            pieces[1, n],
        )  # fmt: skip
        turned = row[LINES + LINE.conversions * LANES + lane]
        if turned != 0.0:
            knots, tax = conversion.knots[y], conversion.tax[y, a, g]
            without, k = expected_tax(knots, tax, taxable, part, holders[n], pieces[2, n])
            whole, pieces[2, n] = expected_tax(knots, tax, taxable + turned, part, holders[n], k)
            row[converted + lane] = whole - without
    for lane in range(LANES):
        penalised = row[LINES + LINE.penalised_withdrawals * LANES + lane]
        row[LINES + LINE.additional_tax * LANES + lane] = penalised * rules.additional_tax_rate


@step
def _sum(values, at):
    """Sum of the lanes at a place."""
    total = 0.0
    for lane in range(LANES):
        total += values[at + lane]
    return total


@step
def _fill(into, values, at):
    """Write the lanes at a place into zeros if there is anything: memory never written to is not taken."""
    found = False
    for lane in range(LANES):
        found |= values[at + lane] != 0.0
    if found:
        for lane in range(len(into)):
            into[lane] = values[at + lane]


@step
def _book(books, desk, worst, largest, y, w):
    """Add up an account's balances of both characters; ``worst`` residuals and ``largest`` balances of the year by
    lane. NaN stays NaN."""
    for c in range(2):
        books.opening_usd[y, w, c] += _sum(desk[c], OPENED)
        for k in range(2):
            books.closing_usd[y, w, c, k] += _sum(desk[c], CLOSED_CORE + k * LANES)
        for lane in range(LANES):
            residual, gap = worst[2 * w + c, lane], desk[c, GAP + lane]
            scale, balance = largest[lane], desk[c, OPENED + lane]
            worst[2 * w + c, lane] = residual if abs(residual) >= abs(gap) or residual != residual else gap
            largest[lane] = scale if scale >= balance or scale != scale else balance


@step
def _keep(books, desk, y, a, first, width):
    """Keep the shares of a block's owners."""
    cells = slice(first, first + width)
    for w in range(len(desk)):
        for c in range(2):
            at = desk[w, c]
            _fill(books.withdrawn[y, w, c, a, cells], at, DRAWN)
            if w < len(desk) - 1:
                _fill(books.rolled[y, w, c, a, cells], at, ROLLED)
            _share_moved(at)
            _fill(books.moved[y, w, c, a, cells], at, MOVED)
        _fill(books.converted[y, w, a, cells], desk[w, TRADITIONAL], TURNED)


@step
def _keep_balances(books, own, ring, y, a, first, width, filled):
    """Keep the traditional balances with which a block opens."""
    cells = slice(first, first + width)
    for k in range(2):
        for w in range(len(own)):
            _fill(books.owners[y, w, k, a, cells], own[w], k * LANES)
        for since in range(filled):
            _fill(books.heirs[y, since, k, a, cells], ring[(y - 1 - since) % len(ring)], k * LANES)


@step
def _clear(own, ring):
    """A block of a cohort that enters: with nothing."""
    for w in range(own.shape[0]):
        for i in range(ACCOUNT):
            own[w, i] = 0.0
    for d in range(ring.shape[0]):
        for i in range(HEIRS):
            ring[d, i] = 0.0


@step
def _hand_on(ring, bins, add):
    """Add to a block's heirs those whose owners are past the last age; or leave them there."""
    for d in range(ring.shape[0]):
        for i in range(HEIRS):
            if add:
                ring[d, i] += bins[d, i]
            else:
                bins[d, i] = ring[d, i]


@step
def _open(own, people, a, first, cells):
    """A cohort's block as it opens 2025."""
    for w in range(len(own)):
        for lane in range(min(LANES, cells - first)):
            own[w, lane] = people.opening_usd[w, TRADITIONAL, a, first + lane]
            own[w, 2 * LANES + lane] = people.opening_usd[w, ROTH, a, first + lane]
            own[w, BASIS + lane] = people.opening_basis_usd[w, a, first + lane]


@step
def _worst(values):
    """The largest in size, with its sign; NaN counts as the largest."""
    found = 0.0
    for value in values:
        found = found if abs(found) >= abs(value) or found != found else value
    return found


@compiled
def project(books, rules, people, paths, mix, p):
    """Fill the ``books`` of path ``p``."""
    years, ages, cells = people.holders.shape
    strata, heir_years, accounts = mix.core_weight.shape[2], rules.heir_years, rules.accounts
    names, blocks = books.totals.shape[0], -(-cells // LANES)
    together = paths.impact_multiplier != 0.0
    places = ages if together else 1  # cohort by cohort one place is enough
    own = buffer(places * blocks * accounts * ACCOUNT).reshape((places, blocks, accounts, ACCOUNT))
    rings = buffer(places * blocks * heir_years * HEIRS).reshape((places, blocks, heir_years, HEIRS))
    bins = buffer(blocks * heir_years * HEIRS).reshape((blocks, heir_years, HEIRS))  # owners past the last age
    pieces, live, late = np.zeros((places, 3, cells), np.int64), np.zeros(places, np.bool_), False
    row, desk = buffer(LINES + names * LANES), buffer(accounts * 2 * DESK).reshape((accounts, 2, DESK))
    left = buffer(2 * DESK).reshape((2, DESK))
    worst, largest = np.zeros((years, 2 * accounts + 2, LANES)), np.zeros((years, LANES))
    growth, charges = np.empty((years, 2, 2, ages, strata)), np.empty((years, 2))
    for y in range(years):
        grow(growth[y], paths.half_return[p, y], mix.core_weight[y], mix.crypto_weight, 1.0)
        for k in range(2):
            charges[y, k] = mix.fee_rate[k] * rules.year_fraction[y]
    impact = bought = 0.0
    # the cohort aged `ages - 1 - cohort` in the first year; those born later come after
    for turn in range(years if together else ages + years - 1):
        if together:
            first_year, last_year, visits = turn, turn + 1, ages
            level = impact * paths.impact_persistence
            level += paths.impact_multiplier * bought / paths.crypto_market_usd[p, turn]
            raised = np.exp(level - impact)
            for a in range(ages):
                for s in range(strata):
                    growth[turn, 0, CRYPTO, a, s] *= raised
            impact, bought = level, 0.0
        else:
            age, first_year = max(ages - 1 - turn, 0), max(turn - (ages - 1), 0)
            last_year, visits = min(years, first_year + ages - age), 1
        for y in range(first_year, last_year):
            for visit in range(visits):
                a = visit if together else age + y - first_year
                place = (a - y) % ages if together else 0
                if y == 0 or a == 0:
                    live[place] = y == 0
                    for block in range(blocks):
                        _clear(own[place, block], rings[place, block])
                        if y == 0:
                            _open(own[place, block], people, a, block * LANES, cells)
                # places that no death can have filled yet are not looked at
                filled = min(heir_years, min(y, a))
                if a == ages - 1:
                    filled = heir_years
                    if y > 0 and late:
                        live[place] = True
                        for block in range(blocks):
                            _hand_on(rings[place, block], bins[block], True)
                if not live[place]:
                    if not comes(people.contribution_usd[y, a]):
                        continue
                    live[place] = True
                for block in range(blocks):
                    first = block * LANES
                    width = min(LANES, cells - first)
                    ring = rings[place, block]
                    if y < len(books.owners):
                        _keep_balances(books, own[place, block], ring, y, a, first, width, filled)
                    _row(
                        row, growth[y], charges[y], paths.loss_rate[p, y], paths, rules.to_heirs[y, a], p, y, a,
                        first, cells,
                    )  # fmt: skip
                    _owners(
                        own[place, block], row, desk, people.contribution_usd[y, a], paths.contribution_scale[p, y],
                        charges[y], paths.loss_rate[p, y], rules, y, a, first, cells,
                    )  # fmt: skip
                    for c in range(2):
                        _heirs(
                            ring, row, left[c], charges[y], paths.loss_rate[p, y], y, c, filled, books.heirs_moved, a,
                            slice(first, first + width),
                        )  # fmt: skip
                    _taxes(row, rules, people.holders[y, a], people.heirs[y, a], pieces[place], strata, y, a, first)
                    for w in range(accounts):
                        _book(books, desk[w], worst[y], largest[y], y, w)
                        books.roth_basis_usd[y] += _sum(own[place, block, w], BASIS)
                    _book(books, left, worst[y], largest[y], y, accounts)
                    if len(books.withdrawn) > 0:
                        _keep(books, desk, y, a, first, width)
                    for line in range(names):
                        books.totals[line, y] += _sum(row, LINES + line * LANES)
                    for i in range(len(books.kept)):
                        _fill(books.lines[i, y, a, first : first + width], row, LINES + books.kept[i] * LANES)
                    bought += _sum(row, LINES + LINE.crypto_bought * LANES)
                    if a == ages - 1:
                        _hand_on(ring, bins[block], False)
                        late = True
    for y in range(years):
        books.crypto_return[y] = growth[y, 0, CRYPTO, 0, 0] * growth[y, 1, CRYPTO, 0, 0] - 1.0
        books.scale[y] = _worst(largest[y])
        for w in range(accounts + 1):
            for c in range(2):
                books.residual[y, w, c] = _worst(worst[y, 2 * w + c])


@compiled
def owner_balances(result, rules, people, paths, mix, p):
    """Fill ``result`` (Y, A, G) with one path's closing balances of living owners, all accounts of one stratum.

    Without price impact: that needs the purchases of everybody. Ages are the first, as many as the result has.
    """
    years, ages, groups = result.shape
    accounts, blocks = rules.accounts, -(-groups // LANES)
    growth, charge = np.empty((years, 2, 2, ages, 1)), np.empty((years, 2))
    for y in range(years):
        grow(growth[y], paths.half_return[p, y], mix.core_weight[y], mix.crypto_weight, 1.0)
        for k in range(2):
            charge[y, k] = mix.fee_rate[k] * rules.year_fraction[y]
    row = buffer(LINES + (WITHDRAWALS + accounts) * LANES)
    own, desk = buffer(accounts * ACCOUNT).reshape((accounts, ACCOUNT)), np.zeros((accounts, 2, DESK))
    nobody = np.zeros((0, HEIRS))
    for cohort in range(ages + years - 1):
        age, born = max(ages - 1 - cohort, 0), max(cohort - (ages - 1), 0)
        for block in range(blocks):
            first = block * LANES
            _clear(own, nobody)
            if born == 0:
                _open(own, people, age, first, groups)
            for y in range(born, min(years, born + ages - age)):
                a = age + y - born
                _row(
                    row, growth[y], charge[y], paths.loss_rate[p, y], paths, rules.to_heirs[y, a], p, y, a, first,
                    groups,
                )  # fmt: skip
                _owners(
                    own, row, desk, people.contribution_usd[y, a], paths.contribution_scale[p, y], charge[y],
                    paths.loss_rate[p, y], rules, y, a, first, groups,
                )  # fmt: skip
                for lane in range(min(LANES, groups - first)):
                    result[y, a, first + lane] = row[LINES + LINE.closing_owners * LANES + lane]
