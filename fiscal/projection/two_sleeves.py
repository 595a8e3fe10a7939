"""The compiled projection sleeve by sleeve: for accounts that drift apart, and for purchases that move prices.

The steps are those of :mod:`fiscal.projection.account_year`, with paths as the innermost loop. What is the same for
all accounts of a year, age and stratum (growth, charges, the target and how strongly it is followed) is worked out
once (a *row*); each account then takes a step of a few multiplications, and what is in proportion to its balances
(fees, losses, purchases, closing balances) is found from their sums over the row.

**Inherited accounts** are kept by the year of death, each in a place of its own that nothing moves it from
(``ring``): those of year ``d`` are at ``d mod H``, where those of ``d + H`` take over once they are paid out.
Places that no death can have filled yet are not looked at.

**Order.** A block of paths goes through stratum after stratum, birth cohort after birth cohort, the
oldest first, and each cohort through its years: a cohort's accounts stay in cache. Only where purchases move prices,
so that a year needs all of the year before, it goes year by year. Owners past the last age leave their heirs to the
next cohort that reaches it. Either way lanes never meet, and a path's bits are the same in any block, batch or thread.
"""

from __future__ import annotations

import numpy as np

from fiscal.projection.account_year import (
    CORE,
    CRYPTO,
    ROTH,
    TRADITIONAL,
    SleeveYear,
    compiled,
    first_half,
    inlined,
    roth_basis,
    second_half,
    step,
)
from fiscal.projection.lanes import (
    CORE_GAIN,
    CORE_INTEREST,
    CORE_ONE,
    CORE_TWO,
    CRYPTO_GAIN,
    CRYPTO_INTEREST,
    CRYPTO_ONE,
    CRYPTO_TWO,
    FOLLOWS,
    LOSS,
    MARKET,
    POLICY,
    SALE,
    SCALE,
    SHARE,
    STRENGTH,
    TARGET,
    TOTAL,
    YEAR,
    Bench,
    added,
    added_tax,
    buffer,
    copied,
    core_of,
    dot,
    meet,
    tax_of,
)

LANES = 32
"""Most paths of a block, the innermost loops, and the distance of two places. Many, because what is done once a cell
(finding the pieces of its schedules) is shared by them; few, because a cohort's accounts are to stay in the cache."""

# of a cell: what tax is computed on, a holder's withdrawals, the same with conversions, an heir's withdrawals; then,
# an account at a time, the core and crypto sleeve of each character and the Roth basis
OWNED, CONVERTED, DRAWN = (LANES * i for i in range(3))
ACCOUNTS = 3 * LANES
BASIS = 4 * LANES
ACCOUNT = 5 * LANES

# of inherited accounts of a year of death: the core and crypto sleeve of each character
HEIRS = 4 * LANES

# of a row, after the core sleeve's lines: the crypto sleeve's growth to the middle of the year and from there, both
# sleeves' growth from there after charges, how the target is followed, and what new money is multiplied by and buys
CRYPTO_FIRST, CRYPTO_SECOND, CORE_KEPT, CRYPTO_KEPT, GOAL, RISE, BUYS, SELLS, MOVES, NEW_SHARE, NEW_SCALE = (
    LANES * i for i in range(4, 15)
)
# of a cell on the way: what both sleeves held at the opening and after flows, what heirs and owners withdraw
# (traditional), what was converted, what is not qualified; what the dead leave; the account at hand, what it converts
# and its shares withdrawn and rolled over; what the last account receives
CELL_AT_HAND = 15 * LANES
HELD_CORE, HELD_CRYPTO, HEIRS_TAKE, OWNERS_TAKE, TURNED, EARNED = (LANES * i for i in range(15, 21))
LEFT_T, LEFT_R = 21 * LANES, 23 * LANES
ROLLED_T, ROLLED_R, ROLLED_BASIS = 25 * LANES, 27 * LANES, 29 * LANES
SUMS = 30 * LANES
TURNS, DRAWN_USD, DRAWN_SHARE, ROLLED_SHARE = 40 * LANES, 42 * LANES, 43 * LANES, 44 * LANES
# sums over a row's groups: after flows by character and sleeve, the crypto sleeve at the opening and the closing,
# what owners withdraw, from Roth accounts and under the additional tax, what heirs withdraw, tax on the year's return
AFTER_T, AFTER_R, OPENED, CLOSED, TAKEN, TAKEN_ROTH, PENALISED, HEIRS_TAKEN = (
    LANES * i for i in (30, 32, 34, 35, 36, 37, 38, 39)
)  # fmt: skip
BUILT = 45 * LANES
ROW = 46 * LANES


@compiled
def project(out, groups_out, path, world):
    """Fill ``out`` (Y, line x lane) with the totals of all strata on the paths of a block, and ``groups_out``
    (Y, G, 2 x lane), where it has groups, with each group's tax on withdrawals and what is withdrawn from traditional
    accounts, owners' and heirs'.

    Strata are the axis after ages, before groups.
    """
    rules, people, paths, mix, law = world
    accounts, ages, strata, groups = people.opening_basis_usd.shape
    lanes, years, assets, heir_years = len(path), out.shape[0], paths.half_return.shape[3], rules.heir_years
    together = paths.impact_multiplier != 0.0
    by_group = groups_out.shape[1] > 0
    realised = dot(law.gain_share, mix.crypto_weight)
    returns = buffer(years * assets * 2 * LANES).reshape((years, assets, 2, LANES))  # by half
    year = buffer(years * YEAR * LANES).reshape((years, YEAR * LANES))
    policy = buffer(strata * (years + 1) * POLICY * LANES).reshape((strata, years + 1, POLICY * LANES))
    meet(returns, year, policy, path, paths, mix, law, LANES)
    # cohort by cohort one place is enough
    places, width = (ages if together else 1), ACCOUNTS + accounts * ACCOUNT
    cells = buffer(strata * places * groups * width).reshape((strata, places, groups, width))
    rings = buffer(strata * places * groups * heir_years * HEIRS).reshape((strata, places, groups, heir_years, HEIRS))
    # the heirs whose owners are past the last age
    bins = buffer(strata * groups * heir_years * HEIRS).reshape((strata, groups, heir_years, HEIRS))
    row, impact = buffer(ROW), buffer(LANES)
    due, found, ends = buffer(width).reshape((width // LANES, LANES)), buffer(LANES), np.empty(2)
    lines = np.empty((groups, 2))
    owner_piece, conversion_piece, heir_piece = np.zeros((3, groups), np.int64)
    owner, conversion, heir = rules.owner_schedule, rules.conversion_schedule, rules.heir_schedule
    # the cohort aged `ages - 1 - cohort` in the first year; those born later come after
    cohorts = ages + years - 1
    for turn in range(years if together else strata * cohorts):
        if together:
            first_year, last_year, visits = turn, turn + 1, strata * ages
            _impact(lanes, year[turn], out[max(turn - 1, 0)], impact, turn, paths, realised)
        else:
            cohort = turn % cohorts
            age, first_year = max(ages - 1 - cohort, 0), max(cohort - (ages - 1), 0)
            last_year, visits = min(years, first_year + ages - age), 1
        for y in range(first_year, last_year):
            for visit in range(visits):
                if together:
                    s, a = visit // ages, visit % ages
                    place = (a - y) % ages
                else:
                    s, a, place = turn // cohorts, age + y - first_year, 0
                cell, ring, part = cells[s, place], rings[s, place], rules.year_fraction[y]
                converting = rules.conversion_rate[y, a] != 0.0
                if y == 0 or a == 0:
                    _open(cell, ring, people, a, s, y == 0)
                filled = min(heir_years, min(y, a))
                if a == ages - 1:
                    filled = heir_years
                    if y > 0:
                        added(bins[s], ring)
                dividend = _row(lanes, row, returns[y], year[y], policy[s, y : y + 2], rules, mix, law, y, a, s)
                crypto_dividend = dot(law.payout_rate[y], mix.crypto_weight)
                row[SUMS:] = 0.0
                group_out = groups_out[y if by_group else 0]
                for g in range(groups):
                    row[CELL_AT_HAND:SUMS] = 0.0
                    money, dead = people.contribution_usd[y, a, s, g], rules.to_heirs[y, a, g]
                    for w in range(accounts):
                        account = cell[g, ACCOUNTS + w * ACCOUNT : ACCOUNTS + (w + 1) * ACCOUNT]
                        receives = w == accounts - 1
                        roll = 0.0 if receives else rules.rollover_rate[y, w, a] * part
                        takes = 1.0 if receives else 0.0
                        _traditional(
                            lanes, account, row, rules.withdrawal_rate[y, w, TRADITIONAL, a, g] * part, roll,
                            rules.conversion_rate[y, a] * part, takes, money[2 * w], dead, rules.penalised_share[w, a],
                        )  # fmt: skip
                        _roth(
                            lanes, account, row, rules.withdrawal_rate[y, w, ROTH, a, g] * part, roll, takes, receives,
                            money[2 * w + 1], dead, rules.nonqualified_share[a], rules.penalised_share[0, a],
                        )  # fmt: skip
                    _taxable(lanes, cell[g], row, people.one_holder[y, a, s, g], converting)
                    _heirs(lanes, cell[g], ring[g], row, y, filled, people.one_heir[y, a, s, g])
                    if by_group:
                        for lane in range(lanes):
                            group_out[g, LANES + lane] += row[OWNERS_TAKE + lane] + row[HEIRS_TAKE + lane]
                    _build_up(
                        lanes, row, year[y], law.interest_rate[y, a, g], law.dividend_rate[y, a, g],
                        law.gain_rate[y, a, g], dividend, crypto_dividend,
                    )  # fmt: skip
                taxed = cell.reshape((groups, width // LANES, LANES))
                bench = Bench(due, taxed, taxed.view(np.int64), found, ends, lines, lanes)
                holders, heirs = people.holders[y, a, s], people.heirs[y, a, s]
                if converting:
                    added_tax(
                        bench, OWNED // LANES, CONVERTED // LANES, conversion_piece, conversion.knots[y],
                        conversion.tax[y, a], holders, part, group_out,
                    )  # fmt: skip
                tax_of(
                    bench,
                    OWNED // LANES,
                    owner_piece,
                    owner.knots[y],
                    owner.tax[y, a],
                    holders,
                    part,
                    group_out,
                    by_group,
                )
                tax_of(
                    bench, DRAWN // LANES, heir_piece, heir.knots[y], heir.tax[y, a], heirs, part, group_out, by_group
                )
                _report(lanes, out[y], row, due, year[y], rules.additional_tax_rate, mix.fee_rate, part, converting)
                if a == ages - 1:
                    copied(ring, bins[s])


@step
def _impact(lanes, year, before, impact, y, paths, realised):
    """Raise the price in the first half by the purchases of the year before, and let what was raised fade; the part
    ``realised`` of what it adds to the return is taxed as gain."""
    for lane in range(lanes):
        bought = before[TOTAL.crypto_bought * LANES + lane] if y > 0 else 0.0
        raised = impact[lane] * paths.impact_persistence
        raised += paths.impact_multiplier * bought / year[MARKET * LANES + lane]
        one, two = year[CRYPTO_ONE * LANES + lane], year[CRYPTO_TWO * LANES + lane]
        moved = one * np.exp(raised - impact[lane])
        year[CRYPTO_ONE * LANES + lane] = moved
        year[CRYPTO_GAIN * LANES + lane] += (moved * two - one * two) * realised
        impact[lane] = raised


@step
def _open(cell, ring, people, a, s, holds):
    """A cohort as it enters: with the opening balances of its age, or with none."""
    ring[:] = 0.0
    cell[:, ACCOUNTS:] = 0.0
    if holds:
        for g in range(cell.shape[0]):
            for w in range(people.opening_usd.shape[0]):
                account = cell[g, ACCOUNTS + w * ACCOUNT : ACCOUNTS + (w + 1) * ACCOUNT]
                account[:LANES] = people.opening_usd[w, TRADITIONAL, a, s, g]
                account[2 * LANES : 3 * LANES] = people.opening_usd[w, ROTH, a, s, g]
                account[BASIS:] = people.opening_basis_usd[w, a, s, g]


@step
def _row(lanes, row, returns, year, policy, rules, mix, law, y, a, s):
    """What becomes of a dollar of one age and stratum in one year, on each path; ``policy`` of the year before and of
    this. Returns the core sleeve's dividends."""
    part = rules.year_fraction[y]
    fee_core, fee_crypto = mix.fee_rate[CORE] * part, mix.fee_rate[CRYPTO] * part
    dividend = core_of(row, returns, mix.core_weight[y, a, s], law, y, lanes, LANES)
    for lane in range(lanes):
        crypto_two = year[CRYPTO_TWO * LANES + lane]
        row[CRYPTO_FIRST + lane], row[CRYPTO_SECOND + lane] = year[CRYPTO_ONE * LANES + lane], crypto_two
        row[CORE_KEPT + lane] = row[CORE_TWO * LANES + lane] * (1.0 - fee_core)
        row[CRYPTO_KEPT + lane] = crypto_two * (1.0 - fee_crypto - year[LOSS * LANES + lane])
        goal, strength = policy[1, TARGET * LANES + lane], year[STRENGTH * LANES + lane]
        row[GOAL + lane], row[RISE + lane] = goal, goal - policy[0, TARGET * LANES + lane]
        row[BUYS + lane], row[SELLS + lane] = strength, strength * year[SALE * LANES + lane]
        row[MOVES + lane] = year[FOLLOWS * LANES + lane]
        row[NEW_SHARE + lane] = policy[1, SHARE * LANES + lane]
        row[NEW_SCALE + lane] = policy[1, SCALE * LANES + lane]
    return dividend


@inlined
def _year_of(row, lane):
    """The year of the sleeves on one path."""
    return SleeveYear(
        row[CORE_ONE * LANES + lane], row[CRYPTO_FIRST + lane], row[CORE_KEPT + lane], row[CRYPTO_KEPT + lane],
        row[GOAL + lane], row[RISE + lane], row[BUYS + lane], row[SELLS + lane], row[MOVES + lane] > 0.5,
    )  # fmt: skip


@step
def _traditional(lanes, account, row, draw, roll, convert, takes, money, dead, penalised):
    """A year of a cell's traditional account, which takes all of the others' rollovers or nothing."""
    live = 1.0 - dead
    for lane in range(lanes):
        year, share, new = _year_of(row, lane), row[NEW_SHARE + lane], money * row[NEW_SCALE + lane]
        core, crypto = account[lane], account[LANES + lane]
        core_middle, crypto_middle, drawn, rolled, turned, stays = first_half(core, crypto, year, draw, roll, convert)
        taken = drawn * (core_middle + crypto_middle)
        core_turned, crypto_turned = core_middle * turned, crypto_middle * turned
        row[TURNS + lane], row[TURNS + LANES + lane] = core_turned, crypto_turned
        row[TURNED + lane] += core_turned + crypto_turned
        core_after, crypto_after = (core_middle * stays + new * (1.0 - share), crypto_middle * stays + new * share)
        core_after += takes * row[ROLLED_T + lane]
        crypto_after += takes * row[ROLLED_T + LANES + lane]
        row[ROLLED_T + lane] += core_middle * rolled
        row[ROLLED_T + LANES + lane] += crypto_middle * rolled
        core_net, crypto_net, moved = second_half(core_after, crypto_after, year)
        kept = core_net + crypto_net - moved
        account[lane], account[LANES + lane] = kept * live, moved * live
        row[LEFT_T + lane] += kept * dead
        row[LEFT_T + LANES + lane] += moved * dead
        row[OWNERS_TAKE + lane] += taken
        row[TAKEN + lane] += taken
        row[PENALISED + lane] += taken * penalised
        row[HELD_CORE + lane] += core + core_after
        row[HELD_CRYPTO + lane] += crypto + crypto_after
        row[AFTER_T + lane] += core_after
        row[AFTER_T + LANES + lane] += crypto_after
        row[OPENED + lane] += crypto
        row[CLOSED + lane] += moved


@step
def _roth(lanes, account, row, draw, roll, takes, first, money, dead, reached, penalised):
    """A year of a cell's Roth account, which pays its basis ``first`` or pro rata; after the traditional one that
    converts into it."""
    live = 1.0 - dead
    for lane in range(lanes):
        year, share, new = _year_of(row, lane), row[NEW_SHARE + lane], money * row[NEW_SCALE + lane]
        core, crypto = account[2 * LANES + lane], account[3 * LANES + lane]
        core_middle, crypto_middle, drawn, rolled, _, stays = first_half(core, crypto, year, draw, roll, 0.0)
        taken = drawn * (core_middle + crypto_middle)
        core_turned, crypto_turned = row[TURNS + lane], row[TURNS + LANES + lane]
        core_after = core_middle * stays + new * (1.0 - share) + core_turned
        crypto_after = crypto_middle * stays + new * share + crypto_turned
        basis, earned, moved_basis = roth_basis(account[BASIS + lane], taken, drawn, rolled, first)
        basis += new + (core_turned + crypto_turned)
        core_after += takes * row[ROLLED_R + lane]
        crypto_after += takes * row[ROLLED_R + LANES + lane]
        basis += takes * row[ROLLED_BASIS + lane]
        row[ROLLED_R + lane] += core_middle * rolled
        row[ROLLED_R + LANES + lane] += crypto_middle * rolled
        row[ROLLED_BASIS + lane] += moved_basis
        core_net, crypto_net, moved = second_half(core_after, crypto_after, year)
        kept = core_net + crypto_net - moved
        account[2 * LANES + lane], account[3 * LANES + lane] = kept * live, moved * live
        account[BASIS + lane] = basis * live
        earned *= reached
        row[LEFT_R + lane] += kept * dead
        row[LEFT_R + LANES + lane] += moved * dead
        row[EARNED + lane] += earned
        row[TAKEN_ROTH + lane] += taken
        row[PENALISED + lane] += earned * penalised
        row[HELD_CORE + lane] += core + core_after
        row[HELD_CRYPTO + lane] += crypto + crypto_after
        row[AFTER_R + lane] += core_after
        row[AFTER_R + LANES + lane] += crypto_after
        row[OPENED + lane] += crypto
        row[CLOSED + lane] += moved


@step
def _taxable(lanes, cell, row, per_holder, converting):
    """What the owners' tax is computed on."""
    for lane in range(lanes):
        owned = row[OWNERS_TAKE + lane] + row[EARNED + lane]
        cell[OWNED + lane] = owned * per_holder
        if converting:
            cell[CONVERTED + lane] = (owned + row[TURNED + lane]) * per_holder


@step
def _heirs(lanes, cell, ring, row, y, filled, per_heir):
    """A year of a cell's inherited accounts, then those that its dead leave."""
    heir_years = ring.shape[0]
    for since in range(min(filled, heir_years - 1)):
        left = ring[(y - 1 - since) % heir_years]
        pays = 1.0 / (heir_years - since)
        stays = 1.0 - pays
        for lane in range(lanes):
            year = _year_of(row, lane)
            t0, t1, r0, r1 = left[lane], left[LANES + lane], left[2 * LANES + lane], left[3 * LANES + lane]
            m0, m1 = t0 * year.core_one, t1 * year.crypto_one
            f0, f1 = m0 * stays, m1 * stays
            h0, h1 = r0 * year.core_one * stays, r1 * year.crypto_one * stays
            row[HEIRS_TAKE + lane] += (m0 + m1) * pays
            row[HELD_CORE + lane] += (t0 + r0) + (f0 + h0)
            row[HELD_CRYPTO + lane] += (t1 + r1) + (f1 + h1)
            row[OPENED + lane] += t1 + r1
            row[AFTER_T + lane] += f0
            row[AFTER_T + LANES + lane] += f1
            row[AFTER_R + lane] += h0
            row[AFTER_R + LANES + lane] += h1
            n0, n1, c1 = second_half(f0, f1, year)
            left[lane], left[LANES + lane] = n0 + n1 - c1, c1
            n0, n1, d1 = second_half(h0, h1, year)
            left[2 * LANES + lane], left[3 * LANES + lane] = n0 + n1 - d1, d1
            row[CLOSED + lane] += c1 + d1
    # the oldest receive everything; this year's dead replace them
    left = ring[y % heir_years]
    for lane in range(lanes):
        t0, t1, r0, r1 = left[lane], left[LANES + lane], left[2 * LANES + lane], left[3 * LANES + lane]
        row[HELD_CORE + lane] += t0 + r0
        row[HELD_CRYPTO + lane] += t1 + r1
        row[OPENED + lane] += t1 + r1
        paid = row[HEIRS_TAKE + lane] + (t0 * row[CORE_ONE * LANES + lane] + t1 * row[CRYPTO_FIRST + lane])
        row[HEIRS_TAKE + lane] = paid
        row[HEIRS_TAKEN + lane] += paid
        cell[DRAWN + lane] = paid * per_heir
        left[lane], left[LANES + lane] = row[LEFT_T + lane], row[LEFT_T + LANES + lane]
        left[2 * LANES + lane], left[3 * LANES + lane] = row[LEFT_R + lane], row[LEFT_R + LANES + lane]


@step
def _build_up(lanes, row, year, interest_rate, dividend_rate, gain_rate, dividend, crypto_dividend):
    """Tax on the year's own return, of half of what a cell holds at the opening and after the flows."""
    core, crypto = dividend_rate * dividend, dividend_rate * crypto_dividend
    for lane in range(lanes):
        on_core = interest_rate * row[CORE_INTEREST * LANES + lane] + core
        on_core += gain_rate * row[CORE_GAIN * LANES + lane]
        on_crypto = interest_rate * year[CRYPTO_INTEREST * LANES + lane] + crypto
        on_crypto += gain_rate * year[CRYPTO_GAIN * LANES + lane]
        row[BUILT + lane] += 0.5 * (row[HELD_CORE + lane] * on_core + row[HELD_CRYPTO + lane] * on_crypto)


@step
def _report(lanes, out, row, due, year, additional_tax_rate, fee_rate, part, converting):
    """Add one row's sums to the year's totals."""
    fee_core, fee_crypto = fee_rate[CORE] * part, fee_rate[CRYPTO] * part
    for lane in range(lanes):
        t0, t1 = row[AFTER_T + lane], row[AFTER_T + LANES + lane]
        r0, r1 = row[AFTER_R + lane], row[AFTER_R + LANES + lane]
        core_kept, crypto_kept, closed = row[CORE_KEPT + lane], row[CRYPTO_KEPT + lane], row[CLOSED + lane]
        after = t1 + r1
        crypto = after * row[CRYPTO_SECOND + lane]
        charged, lost = crypto * fee_crypto, crypto * year[LOSS * LANES + lane]
        out[TOTAL.owner_tax * LANES + lane] += due[OWNED // LANES, lane]
        out[TOTAL.heir_tax * LANES + lane] += due[DRAWN // LANES, lane]
        if converting:
            out[TOTAL.conversion_tax * LANES + lane] += due[CONVERTED // LANES, lane]
        out[TOTAL.additional_tax * LANES + lane] += additional_tax_rate * row[PENALISED + lane]
        out[TOTAL.inside_buildup * LANES + lane] += row[BUILT + lane]
        out[TOTAL.traditional_withdrawals * LANES + lane] += row[TAKEN + lane]
        out[TOTAL.roth_withdrawals * LANES + lane] += row[TAKEN_ROTH + lane]
        out[TOTAL.inherited_withdrawals * LANES + lane] += row[HEIRS_TAKEN + lane]
        out[TOTAL.closing_traditional * LANES + lane] += t0 * core_kept + t1 * crypto_kept
        out[TOTAL.closing_roth * LANES + lane] += r0 * core_kept + r1 * crypto_kept
        out[TOTAL.closing_crypto * LANES + lane] += closed
        # rebalancing, then contributions and withdrawals
        out[TOTAL.crypto_bought * LANES + lane] += (closed - after * crypto_kept) + (
            after - row[OPENED + lane] * row[CRYPTO_FIRST + lane]
        )
        out[TOTAL.fees * LANES + lane] += (t0 + r0) * row[CORE_TWO * LANES + lane] * fee_core + charged
        out[TOTAL.losses * LANES + lane] += lost
