"""The compiled projection of a column whose accounts all hold one mix: each account is a single number.

A *column* is one stratum on many paths. Where the sleeves go back to the target each year, or where there is
no crypto sleeve, every account of the column holds the same share of crypto at each opening. What happens
to a dollar in a year then depends on its path, year, age and account: it is computed once (a *row*) and met by
the balances of all groups. Only at ages at which groups withdraw at different rates is what leaves an account
computed for each group. What leaves an account and what happens to its Roth
basis are the steps of :mod:`fiscal.projection.account_year`; :mod:`fiscal.projection.two_sleeves` does what this
cannot.

**Inherited accounts** of a cohort share one return. A bequest buys ``units`` (dollars over the cohort's
growth index) and pays 1/H of them, at the index of the middle of the year, in each of the H years that
follow; so that a year pays the sum of the last H years' units. The sum is taken without ever subtracting:
every H years the units of the block that ends are replaced by their sums from each year to the block's end
(``ring``), the units of the block that begins are added up (``UT``, ``UR``).

**Order.** A block of paths goes through birth cohort after birth cohort, the oldest first, and each cohort through its
years, groups and lanes; lanes never meet. Owners past the last age leave their heirs to the next cohort that reaches
it. A cohort that has had no money yet is not looked at: of its row only the index is kept. A path's bits are the same
in any block, batch or thread.
"""

from __future__ import annotations

import numpy as np

from fiscal.projection.account_year import ROTH, TRADITIONAL, compiled, leaving, roth_basis, step
from fiscal.projection.lanes import (
    CORE_GAIN,
    CORE_INTEREST,
    CORE_ONE,
    CORE_TWO,
    CRYPTO_GAIN,
    CRYPTO_INTEREST,
    CRYPTO_ONE,
    CRYPTO_TWO,
    LOSS,
    POLICY,
    SCALE,
    SHARE,
    TARGET,
    TOTAL,
    YEAR,
    Bench,
    added_tax,
    buffer,
    comes,
    copied,
    core_of,
    dot,
    meet,
    place,
    tax_of,
)

PATHS = 128
"""Most paths of a block, the innermost loops. Many, because what is done once a cell (finding the pieces of its
schedules) is shared by them; more than the second cache holds would cost again."""
LANES = PATHS + 8
"""Distance of two places: no power of two, so that the places of a lane do not share a set of the cache."""

# of a cell: heirs' balances and units bought in this block of years; what tax is computed on: a holder's
# withdrawals, the same with conversions, an heir's withdrawals. Then, an account at a time, its balances and basis
HEIRS_T, HEIRS_R, UNITS_T, UNITS_R, OWNED, CONVERTED, DRAWN = (LANES * i for i in range(7))
ACCOUNTS = 7 * LANES
BALANCE_T, BALANCE_R, BASIS = (LANES * i for i in range(3))
ACCOUNT = 3 * LANES

# of a row, after the core sleeve's lines: growth to the middle, from there, through the year, and of new money; the
# index for heirs, an instalment of a unit and units for a dollar; taxed return on what is held, what leaves and what
# comes in; the sleeves' parts in the middle; what contributions are multiplied by; one over the growth to the middle
(
    MIDDLE, SECOND, WHOLE, NEW, INDEX, PAYS, UNIT, HELD_I, HELD_D, HELD_G, OUT_I, OUT_D, OUT_G, NEW_I, NEW_D, NEW_G,
    CORE_MIDDLE, CRYPTO_MIDDLE, PAID, PER,
) = (LANES * i for i in range(4, 24))  # fmt: skip
# sums over a row's groups
HEIRS_T_SUM, HEIRS_R_SUM, HEIRS_PAID_T, HEIRS_PAID_R, EARNED, BUILT = (LANES * i for i in range(24, 30))
# an account at a time, per opened dollar of the group at hand: what is withdrawn, what closes, what is rolled over and
# converted by the end of the year and in its middle; shares of the middle balance. And over the groups the sums of its
# opening balances and of what is withdrawn and converted
BY_ACCOUNT = 30 * LANES
(
    DRAW_T, DRAW_R, KEEP_T, KEEP_R, ROLL_T, ROLL_R, CONVERT, DRAWN_SHARE, ROLLED_SHARE, SUM_T, SUM_R, TAKEN_T, TAKEN_R,
    TURNED,
) = (LANES * i for i in range(14))  # fmt: skip
ROW_ACCOUNT = 14 * LANES


@compiled
def project(out, groups_out, path, world):
    """Fill ``out`` (Y, line x lane) with a column's totals on the paths of a block, and ``groups_out``
    (Y, G, 2 x lane), where it has groups, with each group's tax on withdrawals and what is withdrawn from
    traditional accounts, owners' and heirs'."""
    rules, people, paths, mix, law = world
    accounts, ages, groups = people.opening_basis_usd.shape
    lanes, years, assets, heir_years = len(path), out.shape[0], paths.half_return.shape[3], rules.heir_years
    by_group = groups_out.shape[1] > 0
    returns = buffer(years * assets * 2 * LANES).reshape((years, assets, 2, LANES))  # by half
    year = buffer(years * YEAR * LANES).reshape((years, YEAR * LANES))
    policy = buffer((years + 1) * POLICY * LANES).reshape((1, years + 1, POLICY * LANES))
    meet(returns, year, policy, path, paths, mix, law, LANES)
    width = ACCOUNTS + accounts * ACCOUNT
    cell = buffer(groups * width).reshape((groups, width))
    ring = buffer(heir_years * groups * 2 * LANES).reshape((heir_years, groups, 2 * LANES))
    # the heirs whose owners are past the last age, and the index that their units are counted in
    bin_cell = buffer(groups * width).reshape((groups, width))
    bin_ring = buffer(heir_years * groups * 2 * LANES).reshape((heir_years, groups, 2 * LANES))
    bin_index, bin_live = np.ones(LANES), False
    row = buffer(BY_ACCOUNT + accounts * ROW_ACCOUNT)
    taxed = cell.reshape((groups, width // LANES, LANES))
    due = buffer(width).reshape((width // LANES, LANES))
    bench = Bench(due, taxed, taxed.view(np.int64), buffer(LANES), np.empty(2), np.empty((groups, 2)), lanes)
    owner_piece, conversion_piece, heir_piece = np.zeros((3, groups), np.int64)
    owner, conversion, heir = rules.owner_schedule, rules.conversion_schedule, rules.heir_schedule
    # the cohort aged `ages - 1 - cohort` in the first year; those born later come after
    for cohort in range(ages + years - 1):
        age = max(ages - 1 - cohort, 0)
        born = max(cohort - (ages - 1), 0)
        _open(cell, ring, row, people, age, born == 0)
        live = born == 0
        for y in range(born, min(years, born + ages - age)):
            a = age + y - born
            k = y % heir_years
            part = rules.year_fraction[y]
            if a == ages - 1 and bin_live:
                _take_over(lanes, cell, ring, row, bin_cell, bin_ring, bin_index)
                live = True
            if k == 0 and live:
                _turn(lanes, cell, ring, row)
            elif k == 0:
                for lane in range(lanes):
                    row[INDEX + lane] = 1.0
            converting = rules.conversion_rate[y, a] != 0.0
            _row(lanes, row, returns[y], year[y], policy[0, y : y + 2], rules, mix, law, y, a)
            live = live or comes(people.contribution_usd[y, a])
            if not live:
                continue
            group_out = groups_out[y if by_group else 0]
            _cells(lanes, cell, ring[k], row, rules, people, law, y, a, group_out, by_group)
            holders, heirs = people.holders[y, a], people.heirs[y, a]
            if converting:
                added_tax(
                    bench, OWNED // LANES, CONVERTED // LANES, conversion_piece, conversion.knots[y],
                    conversion.tax[y, a], holders, part, group_out,
                )  # fmt: skip
            tax_of(
                bench, OWNED // LANES, owner_piece, owner.knots[y], owner.tax[y, a], holders, part, group_out, by_group
            )
            tax_of(bench, DRAWN // LANES, heir_piece, heir.knots[y], heir.tax[y, a], heirs, part, group_out, by_group)
            _report(lanes, out[y], row, due, year[y], policy[0, y + 1], rules, people, mix, law, y, a, converting)
        if born + ages - age <= years:  # it has reached the last age within the horizon
            copied(cell, bin_cell)
            copied(ring, bin_ring)
            bin_live = live
            for lane in range(lanes):
                bin_index[lane] = row[INDEX + lane]


@step
def _open(cell, ring, row, people, age, holds):
    """A cohort as it enters: with the opening balances of its age, or with none."""
    ring[:] = 0.0
    cell[:] = 0.0
    row[INDEX : INDEX + LANES] = 1.0
    if holds:
        for g in range(cell.shape[0]):
            for w in range(people.opening_usd.shape[0]):
                at = ACCOUNTS + w * ACCOUNT
                cell[g, at + BALANCE_T : at + BALANCE_R] = people.opening_usd[w, TRADITIONAL, age, g]
                cell[g, at + BALANCE_R : at + BASIS] = people.opening_usd[w, ROTH, age, g]
                cell[g, at + BASIS : at + ACCOUNT] = people.opening_basis_usd[w, age, g]


@step
def _take_over(lanes, cell, ring, row, bin_cell, bin_ring, bin_index):
    """Add the heirs left in the last age's bin, their units counted in this cohort's index."""
    for g in range(cell.shape[0]):
        for lane in range(lanes):
            worth = bin_index[lane] / row[INDEX + lane]
            cell[g, HEIRS_T + lane] += bin_cell[g, HEIRS_T + lane]
            cell[g, HEIRS_R + lane] += bin_cell[g, HEIRS_R + lane]
            cell[g, UNITS_T + lane] += bin_cell[g, UNITS_T + lane] * worth
            cell[g, UNITS_R + lane] += bin_cell[g, UNITS_R + lane] * worth
        for j in range(ring.shape[0]):
            for lane in range(lanes):
                worth = bin_index[lane] / row[INDEX + lane]
                ring[j, g, lane] += bin_ring[j, g, lane] * worth
                ring[j, g, LANES + lane] += bin_ring[j, g, LANES + lane] * worth


@step
def _turn(lanes, cell, ring, row):
    """A block of years ends: units become their sums to the block's end, and the index starts from one."""
    last = ring.shape[0] - 1
    for g in range(cell.shape[0]):
        for lane in range(lanes):
            ring[last, g, lane] *= row[INDEX + lane]
            ring[last, g, LANES + lane] *= row[INDEX + lane]
            cell[g, UNITS_T + lane] = 0.0
            cell[g, UNITS_R + lane] = 0.0
        for back in range(last):
            j = last - 1 - back
            for lane in range(lanes):
                index = row[INDEX + lane]
                ring[j, g, lane] = ring[j, g, lane] * index + ring[j + 1, g, lane]
                ring[j, g, LANES + lane] = ring[j, g, LANES + lane] * index + ring[j + 1, g, LANES + lane]
    row[INDEX : INDEX + LANES] = 1.0


@step
def _row(lanes, row, returns, year, policy, rules, mix, law, y, a):
    """What becomes of a dollar of one age in one year, on each path; ``policy`` of the year before and of this."""
    part = rules.year_fraction[y]
    fee_core, fee_crypto = mix.fee_rate[0] * part, mix.fee_rate[1] * part
    dividend = core_of(row, returns, mix.core_weight[y, a], law, y, lanes, LANES)
    crypto_dividend = dot(law.payout_rate[y], mix.crypto_weight)
    for lane in range(lanes):
        interest, gain = row[CORE_INTEREST * LANES + lane], row[CORE_GAIN * LANES + lane]
        opens, share = policy[0, TARGET * LANES + lane], policy[1, SHARE * LANES + lane]
        crypto_kept = year[CRYPTO_TWO * LANES + lane] * (1.0 - fee_crypto - year[LOSS * LANES + lane])
        core_kept = row[CORE_TWO * LANES + lane] * (1.0 - fee_core)
        core_middle = (1.0 - opens) * row[CORE_ONE * LANES + lane]
        crypto_middle = opens * year[CRYPTO_ONE * LANES + lane]
        middle = core_middle + crypto_middle
        per = 1.0 / middle
        core_middle, crypto_middle = core_middle * per, crypto_middle * per
        second = core_middle * core_kept + crypto_middle * crypto_kept
        row[MIDDLE + lane], row[SECOND + lane], row[WHOLE + lane] = middle, second, middle * second
        row[PER + lane] = per
        paid = policy[1, SCALE * LANES + lane]
        row[PAID + lane] = paid
        row[NEW + lane] = ((1.0 - share) * core_kept + share * crypto_kept) * paid
        row[CORE_MIDDLE + lane], row[CRYPTO_MIDDLE + lane] = core_middle, crypto_middle
        # an instalment of a unit this year; units for a dollar at its end
        row[PAYS + lane] = row[INDEX + lane] * middle / rules.heir_years
        row[INDEX + lane] *= row[WHOLE + lane]
        row[UNIT + lane] = 1.0 / row[INDEX + lane]
        # tax on the year's own return, of half of what is held at the opening and after the flows
        i, d, g = year[CRYPTO_INTEREST * LANES + lane], crypto_dividend, year[CRYPTO_GAIN * LANES + lane]
        core_held = 0.5 * ((1.0 - opens) + core_middle * middle)
        crypto_held = 0.5 * (opens + crypto_middle * middle)
        row[HELD_I + lane] = core_held * interest + crypto_held * i
        row[HELD_D + lane] = core_held * dividend + crypto_held * d
        row[HELD_G + lane] = core_held * gain + crypto_held * g
        core_held, crypto_held = -0.5 * core_middle, -0.5 * crypto_middle
        row[OUT_I + lane] = core_held * interest + crypto_held * i
        row[OUT_D + lane] = core_held * dividend + crypto_held * d
        row[OUT_G + lane] = core_held * gain + crypto_held * g
        core_held, crypto_held = 0.5 * (1.0 - share) * paid, 0.5 * share * paid
        row[NEW_I + lane] = core_held * interest + crypto_held * i
        row[NEW_D + lane] = core_held * dividend + crypto_held * d
        row[NEW_G + lane] = core_held * gain + crypto_held * g


@step
def _leaving(lanes, row, rules, y, a, g):
    """What leaves a dollar of each of a group's accounts, on each path."""
    part, accounts = rules.year_fraction[y], len(rules.accounts)
    convert = rules.conversion_rate[y, a] * part
    for w in range(accounts):
        of = BY_ACCOUNT + w * ROW_ACCOUNT
        draw_t = rules.withdrawal_rate[y, w, TRADITIONAL, a, g] * part
        draw_r = rules.withdrawal_rate[y, w, ROTH, a, g] * part
        roll = rules.rollover_rate[y, w, a] * part if w < accounts - 1 else 0.0
        for lane in range(lanes):
            middle, second, per = row[MIDDLE + lane], row[SECOND + lane], row[PER + lane]
            drawn, rolled, converted, left = leaving(1.0, middle, draw_t, roll, convert)
            row[place(of + DRAW_T, lane)], row[place(of + CONVERT, lane)] = drawn, converted
            row[place(of + ROLL_T, lane)], row[place(of + KEEP_T, lane)] = rolled * second, left * second
            drawn, rolled, _, left = leaving(1.0, middle, draw_r, roll, 0.0)
            row[place(of + DRAW_R, lane)], row[place(of + ROLL_R, lane)], row[place(of + KEEP_R, lane)] = (
                drawn,
                rolled * second,
                left * second,
            )
            row[place(of + DRAWN_SHARE, lane)], row[place(of + ROLLED_SHARE, lane)] = (drawn * per, rolled * per)


@step
def _withdrawn(lanes, group_out, cell, ring, row, accounts):
    """Add what a group withdraws from traditional accounts and as heirs of such, before the year's events."""
    for lane in range(lanes):
        group_out[LANES + lane] += (ring[lane] + cell[UNITS_T + lane]) * row[PAYS + lane]
    for w in range(accounts):
        at, of = ACCOUNTS + w * ACCOUNT + BALANCE_T, BY_ACCOUNT + w * ROW_ACCOUNT + DRAW_T
        for lane in range(lanes):
            group_out[LANES + lane] += cell[at + lane] * row[of + lane]


@step
def _cells(lanes, cell, ring, row, rules, people, law, y, a, group_out, by_group):
    """A year of one age: every group's balances, heirs, and what its taxes are computed on."""
    accounts = len(rules.accounts)
    row[HEIRS_T_SUM:BY_ACCOUNT] = 0.0
    for w in range(accounts):
        of = BY_ACCOUNT + w * ROW_ACCOUNT
        row[of + SUM_T : of + ROW_ACCOUNT] = 0.0
    reached = rules.nonqualified_share[a]
    for g in range(cell.shape[0]):
        if g == 0 or rules.by_group[y, a]:
            _leaving(lanes, row, rules, y, a, g)
        if by_group:
            _withdrawn(lanes, group_out[g], cell[g], ring[g], row, accounts)
        money, dead = people.contribution_usd[y, a, g], rules.to_heirs[y, a, g]
        live = 1.0 - dead
        ri, rd, rg = law.interest_rate[y, a, g], law.dividend_rate[y, a, g], law.gain_rate[y, a, g]
        per_holder, per_heir = people.one_holder[y, a, g], people.one_heir[y, a, g]
        new_t, new_r = 0.0, 0.0
        for w in range(accounts):
            new_t += money[2 * w]
            new_r += money[2 * w + 1]
        for lane in range(lanes):
            new, second = row[NEW + lane], row[SECOND + lane]
            owned, earned, turned, out_r, held = 0.0, 0.0, 0.0, 0.0, 0.0
            left_t, left_r = new_t * new, new_r * new
            rolled_t, rolled_r, rolled_basis = 0.0, 0.0, 0.0
            for w in range(accounts):
                at, of = ACCOUNTS + w * ACCOUNT, BY_ACCOUNT + w * ROW_ACCOUNT
                t, r = cell[g, place(at + BALANCE_T, lane)], cell[g, place(at + BALANCE_R, lane)]
                drawn_t, drawn_r = t * row[place(of + DRAW_T, lane)], r * row[place(of + DRAW_R, lane)]
                basis, earnings, moved = roth_basis(
                    cell[g, place(at + BASIS, lane)], drawn_r, row[place(of + DRAWN_SHARE, lane)],
                    row[place(of + ROLLED_SHARE, lane)], w == accounts - 1,
                )  # fmt: skip
                owned += drawn_t
                out_r += drawn_r
                earned += earnings
                held += t + r
                row[place(of + SUM_T, lane)] += t
                row[place(of + SUM_R, lane)] += r
                row[place(of + TAKEN_T, lane)] += drawn_t
                row[place(of + TAKEN_R, lane)] += drawn_r
                converted = t * row[place(of + CONVERT, lane)]
                turned += converted
                row[place(of + TURNED, lane)] += converted
                basis += converted
                t1, r1 = (t * row[place(of + KEEP_T, lane)], r * row[place(of + KEEP_R, lane)] + converted * second)
                if w < accounts - 1:
                    rolled_t += t * row[place(of + ROLL_T, lane)]
                    rolled_r += r * row[place(of + ROLL_R, lane)]
                    rolled_basis += moved
                else:
                    t1, r1, basis = t1 + rolled_t, r1 + rolled_r, basis + rolled_basis
                left_t += t1
                left_r += r1
                cell[g, place(at + BALANCE_T, lane)], cell[g, place(at + BALANCE_R, lane)] = (t1 * live, r1 * live)
                cell[g, place(at + BASIS, lane)] = basis * live
            earned *= reached
            out = owned + out_r
            owned += earned
            cell[g, OWNED + lane] = owned * per_holder
            cell[g, CONVERTED + lane] = (owned + turned) * per_holder
            # heirs
            ht, hr = cell[g, HEIRS_T + lane], cell[g, HEIRS_R + lane]
            ut, ur = cell[g, UNITS_T + lane], cell[g, UNITS_R + lane]
            paid_t, paid_r = ((ring[g, lane] + ut) * row[PAYS + lane], (ring[g, LANES + lane] + ur) * row[PAYS + lane])
            left_t, left_r = left_t * dead, left_r * dead
            cell[g, HEIRS_T + lane] = ht * row[WHOLE + lane] - paid_t * second + left_t
            cell[g, HEIRS_R + lane] = hr * row[WHOLE + lane] - paid_r * second + left_r
            unit_t, unit_r = left_t * row[UNIT + lane], left_r * row[UNIT + lane]
            ring[g, lane], ring[g, LANES + lane] = unit_t, unit_r
            cell[g, UNITS_T + lane], cell[g, UNITS_R + lane] = ut + unit_t, ur + unit_r
            cell[g, DRAWN + lane] = paid_t * per_heir
            # sums
            held += ht + hr
            out += paid_t + paid_r
            row[BUILT + lane] += held * (
                ri * row[HELD_I + lane] + rd * row[HELD_D + lane] + rg * row[HELD_G + lane]
            ) + out * (ri * row[OUT_I + lane] + rd * row[OUT_D + lane] + rg * row[OUT_G + lane])
            row[HEIRS_T_SUM + lane] += ht
            row[HEIRS_R_SUM + lane] += hr
            row[HEIRS_PAID_T + lane] += paid_t
            row[HEIRS_PAID_R + lane] += paid_r
            row[EARNED + lane] += earned
        # new money in a loop of its own: amounts that are read in the one above would keep it from being vectors
        for w in range(accounts):
            at, in_t, in_r = ACCOUNTS + w * ACCOUNT, money[2 * w] * live, money[2 * w + 1] * live
            if in_t != 0.0 or in_r != 0.0:
                for lane in range(lanes):
                    cell[g, at + BALANCE_T + lane] += in_t * row[NEW + lane]
                    cell[g, at + BALANCE_R + lane] += in_r * row[NEW + lane]
                    cell[g, at + BASIS + lane] += in_r * row[PAID + lane]


@step
def _report(lanes, out, row, due, year, policy, rules, people, mix, law, y, a, converting):
    """Add one age's sums to the year's totals."""
    part, accounts = rules.year_fraction[y], len(rules.accounts)
    fee_core, fee_crypto, additional = (mix.fee_rate[0] * part, mix.fee_rate[1] * part, rules.additional_tax_rate)
    new_t, new_r, new_i, new_d, new_g = 0.0, 0.0, 0.0, 0.0, 0.0
    for g in range(people.contribution_usd.shape[2]):
        both = 0.0
        for w in range(accounts):
            money_t, money_r = (people.contribution_usd[y, a, g, 2 * w], people.contribution_usd[y, a, g, 2 * w + 1])
            new_t += money_t
            new_r += money_r
            both += money_t + money_r
        new_i += both * law.interest_rate[y, a, g]
        new_d += both * law.dividend_rate[y, a, g]
        new_g += both * law.gain_rate[y, a, g]
    earned_penalty = additional * rules.penalised_share[0, a]
    # what stays of each character in the middle of the year, before new money: in places that are done with
    for lane in range(lanes):
        paid_t, paid_r = row[HEIRS_PAID_T + lane], row[HEIRS_PAID_R + lane]
        row[HEIRS_T_SUM + lane] = row[HEIRS_T_SUM + lane] * row[MIDDLE + lane] - paid_t
        row[HEIRS_R_SUM + lane] = row[HEIRS_R_SUM + lane] * row[MIDDLE + lane] - paid_r
        row[UNIT + lane] = paid_t + paid_r  # what leaves all accounts
        out[TOTAL.inherited_withdrawals * LANES + lane] += paid_t
        out[TOTAL.additional_tax * LANES + lane] += earned_penalty * row[EARNED + lane]
    for w in range(accounts):
        of = BY_ACCOUNT + w * ROW_ACCOUNT
        penalty = additional * rules.penalised_share[w, a]
        for lane in range(lanes):
            t, r, middle = row[place(of + SUM_T, lane)], row[place(of + SUM_R, lane)], row[MIDDLE + lane]
            out_t, out_r, converted = (
                row[place(of + TAKEN_T, lane)],
                row[place(of + TAKEN_R, lane)],
                row[place(of + TURNED, lane)],
            )
            row[HEIRS_T_SUM + lane] += t * middle - out_t - converted
            row[HEIRS_R_SUM + lane] += r * middle - out_r + converted
            row[UNIT + lane] += out_t + out_r
            out[TOTAL.additional_tax * LANES + lane] += penalty * out_t
            out[TOTAL.traditional_withdrawals * LANES + lane] += out_t
            out[TOTAL.roth_withdrawals * LANES + lane] += out_r
    for lane in range(lanes):
        new = (new_t + new_r) * row[PAID + lane]
        after_t, after_r, second = row[HEIRS_T_SUM + lane], row[HEIRS_R_SUM + lane], row[SECOND + lane]
        closing_t, closing_r = (after_t * second + new_t * row[NEW + lane], after_r * second + new_r * row[NEW + lane])
        after, share = after_t + after_r, policy[SHARE * LANES + lane]
        core = (after * row[CORE_MIDDLE + lane] + new * (1.0 - share)) * row[CORE_TWO * LANES + lane]
        crypto = (after * row[CRYPTO_MIDDLE + lane] + new * share) * year[CRYPTO_TWO * LANES + lane]
        lost, charged = crypto * year[LOSS * LANES + lane], crypto * fee_crypto
        closing_crypto = policy[TARGET * LANES + lane] * (closing_t + closing_r)
        out[TOTAL.owner_tax * LANES + lane] += due[OWNED // LANES, lane]
        out[TOTAL.heir_tax * LANES + lane] += due[DRAWN // LANES, lane]
        if converting:
            out[TOTAL.conversion_tax * LANES + lane] += due[CONVERTED // LANES, lane]
        out[TOTAL.inside_buildup * LANES + lane] += (
            row[BUILT + lane]
            + new_i * row[NEW_I + lane] + new_d * row[NEW_D + lane] + new_g * row[NEW_G + lane]
        )  # fmt: skip
        out[TOTAL.closing_traditional * LANES + lane] += closing_t
        out[TOTAL.closing_roth * LANES + lane] += closing_r
        out[TOTAL.closing_crypto * LANES + lane] += closing_crypto
        out[TOTAL.crypto_bought * LANES + lane] += (
            closing_crypto - (crypto - charged - lost) + new * share - row[UNIT + lane] * row[CRYPTO_MIDDLE + lane]
        )
        out[TOTAL.fees * LANES + lane] += core * fee_core + charged
        out[TOTAL.losses * LANES + lane] += lost
