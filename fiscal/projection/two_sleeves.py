"""The compiled projection sleeve by sleeve: for accounts that drift apart, and for purchases that move prices.

:mod:`fiscal.projection.reference` is the oracle; this is its order of events with paths as the innermost loop.
What is the same for all accounts of a year, age and stratum (growth, charges, the target and how strongly it is
followed) is worked out once (a *row*); each account then takes a step of a few multiplications, and what is in
proportion to its balances (fees, losses, purchases, closing balances) is found from their sums over the row.

**Inherited accounts** are kept by the year of death, each in a place of its own that nothing moves it from
(``ring``): those of year ``d`` are at ``d mod H``, where those of ``d + H`` take over once they are paid out.
Places that no death can have filled yet are not looked at.

**Order.** A block of :data:`LANES` paths goes through stratum after stratum, birth cohort after birth cohort, the
oldest first, and each cohort through its years: a cohort's accounts stay in cache. Only where purchases move prices,
so that a year needs all of the year before, it goes year by year. Owners past the last age leave their heirs to the
next cohort that reaches it. Either way lanes never meet, and a path's bits are the same in any block, batch or thread.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from fiscal.projection.schedule import added_tax, buffer, compiled, tax_of

LANES = 32
"""Paths of a block, the innermost loops: a multiple of the widest vector. Many, because what is done once a cell
(finding the pieces of its schedules) is shared by them; few, because a cohort's accounts are to stay in the cache."""

# Places in flat buffers, each LANES wide: their distances are known when the loops are compiled, so that
# they become vector instructions without checks for overlap. A 0 ends the name of the core sleeve, a 1 that of
# the crypto sleeve.

# of a cell: balances by wrapper (plan, ira) and character (traditional, roth), Roth basis; then what tax is
# computed on: a holder's withdrawals, the same with conversions, an heir's withdrawals
PT0, PT1, PR0, PR1, IT0, IT1, IR0, IR1, BP, BI, OWNED, CONVERTED, DRAWN = (LANES * i for i in range(13))
CELL = 13 * LANES
STATE = 10 * LANES

# of inherited accounts of a year of death, and what the dead of a year leave
HT0, HT1, HR0, HR1 = (LANES * i for i in range(4))
LEFT = 4 * LANES

# of a year's totals, in the order of the kernel's TOTALS
(
    OWNER_TAX, HEIR_TAX, CONVERSION_TAX, ADDITIONAL_TAX, BUILDUP, TRADITIONAL_OUT, ROTH_OUT, INHERITED_OUT,
    CLOSING_TRADITIONAL, CLOSING_ROTH, CLOSING_CRYPTO, BOUGHT, FEES, LOSSES,
) = (LANES * i for i in range(14))  # fmt: skip

# of a row: growth of each sleeve to the middle of the year, from there, and from there after charges; the core's
# taxable return; what new money is multiplied by and its share of crypto; the target, its rise, and the shares of
# a gap to it that are bought and sold
(
    ONE0, ONE1, TWO0, TWO1, KEPT0, KEPT1, INTEREST, GAIN, SCALE, SHARE, GOAL, RISE, BUYS, SELLS, MOVES,
) = (LANES * i for i in range(15))  # fmt: skip
ROW = 15 * LANES

# of a cell on the way: what is rolled over and converted, what both sleeves held at the opening and after flows
ROLL0, ROLL1, CONVP0, CONVP1, CONVI0, CONVI1, HELD0, HELD1, PAID, TAKEN = (LANES * i for i in range(10))
WORK = 10 * LANES

# sums over a row's groups: after flows by character and sleeve, the crypto sleeve at the opening and the closing,
# what left plans, iras, Roth accounts and inherited ones, what of it was not qualified, tax on the year's return
(
    AFTERT0, AFTERT1, AFTERR0, AFTERR1, OPENED1, CLOSED1, PLAN_OUT, IRA_OUT, ALL_ROTH_OUT, HEIRS_OUT, EARNED, BUILT,
) = (LANES * i for i in range(12))  # fmt: skip
SUMS = 12 * LANES

# of a year: the crypto sleeve's halves and taxable parts, the loss, the strength of rebalancing, whether it happens
CRYPTO_ONE, CRYPTO_TWO, CRYPTO_I, CRYPTO_G, LOSS, STRENGTH, FOLLOWS = (LANES * i for i in range(7))
YEAR = 7 * LANES

# of a year and stratum
TARGET, BUYS_SHARE, MULTIPLIED = (LANES * i for i in range(3))
POLICY = 3 * LANES


@njit(cache=True, error_model="numpy", fastmath={"contract"}, nogil=True)
def project(
    out, groups_out, chosen, fraction, opening, opening_basis, contribution, contribution_scale, half_return,
    core_weight, crypto_weight, fee_rate, loss_rate, target, contribution_share, transfer, rebalancing, sale_share,
    multiplier, persistence, market, withdrawal_rate, penalised, nonqualified_share, rollover_rate, conversion_rate,
    to_heirs, heir_years, holders, heirs, one_holder, one_heir, owner_knots, owner_tax, conversion_knots,
    conversion_tax, heir_knots, heir_tax, additional_rate, interest_rate, dividend_rate, gain_rate, interest_share,
    gain_share, payout,
):  # fmt: skip
    """Fill ``out`` (block, Y, line x lane) with the totals of all strata on the paths ``chosen``, and ``groups_out``
    (block, Y, G, 2 x lane), where it has groups, with each group's tax on withdrawals and what is withdrawn
    from traditional accounts, owners' and heirs'.

    Shapes are those of :class:`~fiscal.projection.inputs.ProjectionInputs` without mixes, but strata are the first
    axis of what is theirs and no path's: ``opening`` (S, 2, 2, A, G), ``holders`` (S, Y, A, G), ``core_weight``
    (S, Y, A, X). ``to_heirs`` (Y, A, G) is the share of a balance that passes to heirs within the year.
    """
    for block in range(out.shape[0]):
        path = np.empty(LANES, np.int64)
        for lane in range(LANES):
            path[lane] = chosen[min(block * LANES + lane, chosen.shape[0] - 1)]
        _block(
            out[block], groups_out[block], path, fraction, opening, opening_basis, contribution, contribution_scale,
            half_return, core_weight, crypto_weight, fee_rate, loss_rate, target, contribution_share, transfer,
            rebalancing, sale_share, multiplier, persistence, market, withdrawal_rate, penalised, nonqualified_share,
            rollover_rate, conversion_rate, to_heirs, heir_years, holders, heirs, one_holder, one_heir, owner_knots,
            owner_tax, conversion_knots, conversion_tax, heir_knots, heir_tax, additional_rate, interest_rate,
            dividend_rate, gain_rate, interest_share, gain_share, payout,
        )  # fmt: skip


@compiled
def _block(
    out, groups_out, path, fraction, opening, opening_basis, contribution, contribution_scale, half_return,
    core_weight, crypto_weight, fee_rate, loss_rate, target, contribution_share, transfer, rebalancing, sale_share,
    multiplier, persistence, market, withdrawal_rate, penalised, nonqualified_share, rollover_rate, conversion_rate,
    to_heirs, heir_years, holders, heirs, one_holder, one_heir, owner_knots, owner_tax, conversion_knots,
    conversion_tax, heir_knots, heir_tax, additional_rate, interest_rate, dividend_rate, gain_rate, interest_share,
    gain_share, payout,
):  # fmt: skip
    strata = opening.shape[0]
    ages, groups = opening.shape[3:]
    years, assets = out.shape[0], half_return.shape[3]
    together = multiplier != 0.0
    by_group = groups_out.shape[1] > 0
    realised = 0.0
    for x in range(assets):
        realised += gain_share[x] * crypto_weight[x]
    returns = buffer(years * assets * 2 * LANES).reshape((years, assets, 2, LANES))  # by half
    year = buffer(years * YEAR).reshape((years, YEAR))
    policy = buffer(strata * (years + 1) * POLICY).reshape((strata, years + 1, POLICY))
    sale, worth = buffer(LANES), buffer(years * LANES).reshape((years, LANES))
    _years(
        returns, year, policy, sale, worth, path, half_return, crypto_weight, loss_rate, target, contribution_share,
        contribution_scale, transfer, rebalancing, sale_share, market, interest_share, gain_share, payout,
    )  # fmt: skip
    # cohort by cohort one place is enough
    places = ages if together else 1
    cells = buffer(strata * places * groups * CELL).reshape((strata, places, groups, CELL))
    rings = buffer(strata * places * groups * heir_years * LEFT).reshape(
        (strata, places, groups, heir_years, LEFT)
    )
    # the heirs whose owners are past the last age
    bins = buffer(strata * groups * heir_years * LEFT).reshape((strata, groups, heir_years, LEFT))
    row, sums, work, given = buffer(ROW), buffer(SUMS), buffer(WORK), buffer(LEFT)
    due, found, ends = buffer(CELL).reshape((CELL // LANES, LANES)), buffer(LANES), np.empty(2)
    owner_piece, conversion_piece, heir_piece = np.zeros((3, groups), np.int64)
    impact = buffer(LANES)
    # the cohort aged `ages - 1 - cohort` in the first year; those born later come after
    cohorts = ages + years - 1
    for turn in range(years if together else strata * cohorts):
        if together:
            first_year, last_year, visits = turn, turn + 1, strata * ages
            _impact(
                year[turn],
                out[max(turn - 1, 0)],
                worth[turn],
                impact,
                turn,
                multiplier,
                persistence,
                realised,
            )
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
                cell, ring, part = cells[s, place], rings[s, place], fraction[y]
                fee_core, fee_crypto = fee_rate[0] * part, fee_rate[1] * part
                converting = conversion_rate[y, a] != 0.0
                if y == 0 or a == 0:
                    _open(cell, ring, opening[s], opening_basis[s], a, y == 0)
                filled = min(heir_years, min(y, a))
                if a == ages - 1:
                    filled = heir_years
                    if y > 0:
                        ring += bins[s]
                dividend, crypto_dividend = _row(
                    row, y, a, returns, year[y], policy[s], sale, core_weight[s], crypto_weight, fee_core, fee_crypto,
                    interest_share, gain_share, payout,
                )  # fmt: skip
                sums[:] = 0.0
                group_out = groups_out[y if by_group else 0]
                for g in range(groups):
                    dead = to_heirs[y, a, g]
                    _owners(
                        cell[g], row, sums, work, given, withdrawal_rate[y, 0, 0, a] * part,
                        withdrawal_rate[y, 0, 1, a] * part, withdrawal_rate[y, 1, 0, a] * part,
                        withdrawal_rate[y, 1, 1, a] * part, rollover_rate[y, a] * part, conversion_rate[y, a] * part,
                        contribution[s, y, 0, a, g], contribution[s, y, 1, a, g], dead, nonqualified_share[a],
                        one_holder[s, y, a, g], converting,
                    )  # fmt: skip
                    _heirs(cell[g], ring[g], row, sums, work, given, y, filled, one_heir[s, y, a, g])
                    if by_group:
                        for lane in range(LANES):
                            group_out[g, LANES + lane] += work[TAKEN + lane] + work[PAID + lane]
                    _build_up(
                        sums, row, work, year[y], interest_rate[y, a, g], dividend_rate[y, a, g], gain_rate[y, a, g],
                        dividend, crypto_dividend,
                    )  # fmt: skip
                taxed = cell.reshape((groups, CELL // LANES, LANES))
                bits = taxed.view(np.int64)
                if converting:
                    added_tax(
                        due, group_out, taxed, bits, OWNED, CONVERTED, found, ends, conversion_piece,
                        conversion_knots, conversion_tax, holders[s], y, a, part,
                    )  # fmt: skip
                tax_of(
                    due, group_out, taxed, bits, OWNED, found, ends, owner_piece, owner_knots, owner_tax, holders[s], y,
                    a, part, by_group,
                )  # fmt: skip
                tax_of(
                    due, group_out, taxed, bits, DRAWN, found, ends, heir_piece, heir_knots, heir_tax, heirs[s], y, a,
                    part, by_group,
                )  # fmt: skip
                _report(
                    out[y], row, sums, due, year[y], penalised[0, a], penalised[1, a], additional_rate, fee_core,
                    fee_crypto, converting,
                )  # fmt: skip
                if a == ages - 1:
                    bins[s] = ring


@compiled
def _years(
    returns, year, policy, sale, worth, path, half_return, crypto_weight, loss_rate, target, contribution_share,
    contribution_scale, transfer, rebalancing, sale_share, market, interest_share, gain_share, payout,
):  # fmt: skip
    """What the paths of the block meet, lane by lane."""
    years, assets = returns.shape[:2]
    for lane in range(LANES):
        p = path[lane]
        sale[lane] = sale_share[p]
        for y in range(years):
            one, two, interest, gain = 1.0, 1.0, 0.0, 0.0
            for x in range(assets):
                h1, h2, w = half_return[p, y, 0, x], half_return[p, y, 1, x], crypto_weight[x]
                whole = (1 + h1) * (1 + h2) - 1
                returns[y, x, 0, lane], returns[y, x, 1, lane] = h1, h2
                one += h1 * w
                two += h2 * w
                interest += whole * interest_share[x] * w
                gain += (whole - payout[y, x]) * gain_share[x] * w
            year[y, CRYPTO_ONE + lane], year[y, CRYPTO_TWO + lane] = one, two
            year[y, CRYPTO_I + lane], year[y, CRYPTO_G + lane] = interest, gain
            year[y, LOSS + lane] = loss_rate[p, y]
            year[y, STRENGTH + lane] = rebalancing[p, y]
            year[y, FOLLOWS + lane] = 1.0 if transfer[p, y] else 0.0
            worth[y, lane] = market[p, y]
            for s in range(policy.shape[0]):
                policy[s, y + 1, TARGET + lane] = target[p, y, s]
                policy[s, y + 1, BUYS_SHARE + lane] = contribution_share[p, y, s]
                policy[s, y + 1, MULTIPLIED + lane] = contribution_scale[p, y, s]


@compiled
def _impact(year, before, worth, impact, y, multiplier, persistence, realised):
    """Raise the price in the first half by the purchases of the year before, and let what was raised fade; the part
    ``realised`` of what it adds to the return is taxed as gain."""
    for lane in range(LANES):
        bought = before[BOUGHT + lane] if y > 0 else 0.0
        raised = impact[lane] * persistence + multiplier * bought / worth[lane]
        one, two = year[CRYPTO_ONE + lane], year[CRYPTO_TWO + lane]
        moved = one * np.exp(raised - impact[lane])
        year[CRYPTO_ONE + lane] = moved
        year[CRYPTO_G + lane] += (moved * two - one * two) * realised
        impact[lane] = raised


@compiled
def _open(cell, ring, opening, opening_basis, age, holds):
    """A cohort as it enters: with the opening balances of its age, or with none."""
    ring[:] = 0.0
    cell[:, :STATE] = 0.0
    if holds:
        for g in range(cell.shape[0]):
            for lane in range(LANES):
                cell[g, PT0 + lane] = opening[0, 0, age, g]
                cell[g, PR0 + lane] = opening[0, 1, age, g]
                cell[g, IT0 + lane] = opening[1, 0, age, g]
                cell[g, IR0 + lane] = opening[1, 1, age, g]
                cell[g, BP + lane] = opening_basis[0, age, g]
                cell[g, BI + lane] = opening_basis[1, age, g]


@compiled
def _row(
    row, y, a, returns, year, policy, sale, core_weight, crypto_weight, fee_core, fee_crypto, interest_share,
    gain_share, payout,
):  # fmt: skip
    """What becomes of a dollar of one age and stratum in one year, on each path; its dividends in each sleeve."""
    dividend, crypto_dividend = 0.0, 0.0
    for lane in range(LANES):
        row[ONE0 + lane], row[TWO0 + lane] = 1.0, 1.0
        row[INTEREST + lane], row[GAIN + lane] = 0.0, 0.0
    for x in range(crypto_weight.shape[0]):
        w = core_weight[y, a, x]
        crypto_dividend += payout[y, x] * crypto_weight[x]
        if w != 0.0:
            dividend += payout[y, x] * w
            for lane in range(LANES):
                h1, h2 = returns[y, x, 0, lane], returns[y, x, 1, lane]
                whole = (1.0 + h1) * (1.0 + h2) - 1.0
                row[ONE0 + lane] += h1 * w
                row[TWO0 + lane] += h2 * w
                row[INTEREST + lane] += whole * interest_share[x] * w
                row[GAIN + lane] += (whole - payout[y, x]) * gain_share[x] * w
    for lane in range(LANES):
        two0, two1 = row[TWO0 + lane], year[CRYPTO_TWO + lane]
        row[ONE1 + lane], row[TWO1 + lane] = year[CRYPTO_ONE + lane], two1
        row[KEPT0 + lane] = two0 * (1.0 - fee_core)
        row[KEPT1 + lane] = two1 * (1.0 - fee_crypto - year[LOSS + lane])
        goal, strength = policy[y + 1, TARGET + lane], year[STRENGTH + lane]
        row[GOAL + lane], row[RISE + lane] = goal, goal - policy[y, TARGET + lane]
        row[BUYS + lane], row[SELLS + lane] = strength, strength * sale[lane]
        row[MOVES + lane] = year[FOLLOWS + lane]
        row[SHARE + lane] = policy[y + 1, BUYS_SHARE + lane]
        row[SCALE + lane] = policy[y + 1, MULTIPLIED + lane]
    return dividend, crypto_dividend


@compiled
def _leaving(opened, available, rate, rolling, turning):
    """Shares of an account's middle balance that are withdrawn, rolled over and converted, each of what is left."""
    live = available > 0.0
    per = opened / available if live else 0.0
    room = 1.0 if live else 0.0
    withdrawn = min(rate * per, room)
    room -= withdrawn
    rolled = min(rolling * per, room)
    room -= rolled
    return withdrawn, rolled, min(turning * per, room)


@compiled
def _rebalanced(core, crypto, goal, rise, buys, sells, moves):
    """The crypto sleeve of an account after a rise of the target was bought and part of the gap to it closed."""
    total = core + crypto
    wanted = crypto + rise * total
    gap = goal * total - wanted
    wanted += (sells if gap < 0.0 else buys) * gap
    wanted = min(max(wanted, 0.0), total)
    return wanted if moves > 0.5 else crypto


@compiled
def _owners(
    cell, row, sums, work, given, draw_pt, draw_pr, draw_it, draw_ir, rolling, turning, money_t, money_r, dead, reached,
    per_holder, converting,
):  # fmt: skip
    """A year of a cell's living owners: their accounts, what the dead leave, what tax is computed on."""
    live = 1.0 - dead
    for lane in range(LANES):
        one0, one1, kept0, kept1 = row[ONE0 + lane], row[ONE1 + lane], row[KEPT0 + lane], row[KEPT1 + lane]
        goal, rise = row[GOAL + lane], row[RISE + lane]
        buys, sells, moves = row[BUYS + lane], row[SELLS + lane], row[MOVES + lane]
        share, money = row[SHARE + lane], money_t * row[SCALE + lane]
        # the plan
        p0, p1 = cell[PT0 + lane], cell[PT1 + lane]
        m0, m1 = p0 * one0, p1 * one1
        w, r, c = _leaving(p0 + p1, m0 + m1, draw_pt, rolling, turning if converting else 0.0)
        stays, plan_out = 1.0 - w - r - c, w * (m0 + m1)
        f0, f1 = m0 * stays + money * (1.0 - share), m1 * stays + money * share
        rolled0, rolled1 = m0 * r, m1 * r
        work[CONVP0 + lane], work[CONVP1 + lane] = m0 * c, m1 * c
        n0, n1 = f0 * kept0, f1 * kept1
        c1 = _rebalanced(n0, n1, goal, rise, buys, sells, moves)
        c0 = n0 + n1 - c1
        cell[PT0 + lane], cell[PT1 + lane] = c0 * live, c1 * live
        # the ira
        i0, i1 = cell[IT0 + lane], cell[IT1 + lane]
        m0, m1 = i0 * one0, i1 * one1
        w, r, c = _leaving(i0 + i1, m0 + m1, draw_it, 0.0, turning if converting else 0.0)
        stays, ira_out = 1.0 - w - c, w * (m0 + m1)
        g0, g1 = m0 * stays + rolled0, m1 * stays + rolled1
        work[CONVI0 + lane], work[CONVI1 + lane] = m0 * c, m1 * c
        n0, n1 = g0 * kept0, g1 * kept1
        d1 = _rebalanced(n0, n1, goal, rise, buys, sells, moves)
        d0 = n0 + n1 - d1
        cell[IT0 + lane], cell[IT1 + lane] = d0 * live, d1 * live
        given[HT0 + lane], given[HT1 + lane] = (c0 + d0) * dead, (c1 + d1) * dead
        f0, f1 = f0 + g0, f1 + g1
        work[HELD0 + lane], work[HELD1 + lane] = p0 + i0 + f0, p1 + i1 + f1
        work[TAKEN + lane] = plan_out + ira_out
        sums[PLAN_OUT + lane] += plan_out
        sums[IRA_OUT + lane] += ira_out
        sums[AFTERT0 + lane] += f0
        sums[AFTERT1 + lane] += f1
        sums[OPENED1 + lane] += p1 + i1
        sums[CLOSED1 + lane] += c1 + d1
    for lane in range(LANES):
        one0, one1, kept0, kept1 = row[ONE0 + lane], row[ONE1 + lane], row[KEPT0 + lane], row[KEPT1 + lane]
        goal, rise = row[GOAL + lane], row[RISE + lane]
        buys, sells, moves = row[BUYS + lane], row[SELLS + lane], row[MOVES + lane]
        share, money = row[SHARE + lane], money_r * row[SCALE + lane]
        # the plan
        p0, p1 = cell[PR0 + lane], cell[PR1 + lane]
        m0, m1 = p0 * one0, p1 * one1
        in_plan = m0 + m1
        w, r, c = _leaving(p0 + p1, in_plan, draw_pr, rolling, 0.0)
        stays, gone = 1.0 - w - r, w
        f0, f1 = m0 * stays + money * (1.0 - share), m1 * stays + money * share
        rolled0, rolled1, rolled = m0 * r, m1 * r, r
        if converting:
            f0 += work[CONVP0 + lane]
            f1 += work[CONVP1 + lane]
        n0, n1 = f0 * kept0, f1 * kept1
        c1 = _rebalanced(n0, n1, goal, rise, buys, sells, moves)
        c0 = n0 + n1 - c1
        cell[PR0 + lane], cell[PR1 + lane] = c0 * live, c1 * live
        # the ira
        i0, i1 = cell[IR0 + lane], cell[IR1 + lane]
        m0, m1 = i0 * one0, i1 * one1
        w, r, c = _leaving(i0 + i1, m0 + m1, draw_ir, 0.0, 0.0)
        ira_out = w * (m0 + m1)
        g0, g1 = m0 * (1.0 - w) + rolled0, m1 * (1.0 - w) + rolled1
        if converting:
            g0 += work[CONVI0 + lane]
            g1 += work[CONVI1 + lane]
        n0, n1 = g0 * kept0, g1 * kept1
        d1 = _rebalanced(n0, n1, goal, rise, buys, sells, moves)
        d0 = n0 + n1 - d1
        cell[IR0 + lane], cell[IR1 + lane] = d0 * live, d1 * live
        given[HR0 + lane], given[HR1 + lane] = (c0 + d0) * dead, (c1 + d1) * dead
        # the plan pays earnings pro rata, an IRA its basis first
        bp, bi = cell[BP + lane], cell[BI + lane]
        plan_out = gone * in_plan
        bp_out, bi_out = gone * min(bp, in_plan), min(bi, ira_out)
        earned = ((plan_out - bp_out) + (ira_out - bi_out)) * reached
        moved = rolled * bp
        bp, bi = bp * (1.0 - gone) - moved + money, bi - bi_out + moved
        owned = work[TAKEN + lane] + earned
        if converting:
            cp, ci = work[CONVP0 + lane] + work[CONVP1 + lane], work[CONVI0 + lane] + work[CONVI1 + lane]
            bp += cp
            bi += ci
            cell[CONVERTED + lane] = (owned + cp + ci) * per_holder
        cell[BP + lane], cell[BI + lane] = bp * live, bi * live
        cell[OWNED + lane] = owned * per_holder
        f0, f1 = f0 + g0, f1 + g1
        work[HELD0 + lane] += p0 + i0 + f0
        work[HELD1 + lane] += p1 + i1 + f1
        sums[ALL_ROTH_OUT + lane] += plan_out + ira_out
        sums[EARNED + lane] += earned
        sums[AFTERR0 + lane] += f0
        sums[AFTERR1 + lane] += f1
        sums[OPENED1 + lane] += p1 + i1
        sums[CLOSED1 + lane] += c1 + d1


@compiled
def _heirs(cell, ring, row, sums, work, given, y, filled, per_heir):
    """A year of a cell's inherited accounts, then those that its dead leave."""
    heir_years = ring.shape[0]
    for lane in range(LANES):
        work[PAID + lane] = 0.0
    for since in range(min(filled, heir_years - 1)):
        left = ring[(y - 1 - since) % heir_years]
        pays = 1.0 / (heir_years - since)
        stays = 1.0 - pays
        for lane in range(LANES):
            one0, one1, kept0, kept1 = (
                row[ONE0 + lane], row[ONE1 + lane], row[KEPT0 + lane], row[KEPT1 + lane],
            )  # fmt: skip
            goal, rise = row[GOAL + lane], row[RISE + lane]
            buys, sells, moves = row[BUYS + lane], row[SELLS + lane], row[MOVES + lane]
            t0, t1, r0, r1 = left[HT0 + lane], left[HT1 + lane], left[HR0 + lane], left[HR1 + lane]
            m0, m1 = t0 * one0, t1 * one1
            f0, f1, h0, h1 = m0 * stays, m1 * stays, r0 * one0 * stays, r1 * one1 * stays
            work[PAID + lane] += (m0 + m1) * pays
            work[HELD0 + lane] += (t0 + r0) + (f0 + h0)
            work[HELD1 + lane] += (t1 + r1) + (f1 + h1)
            sums[OPENED1 + lane] += t1 + r1
            sums[AFTERT0 + lane] += f0
            sums[AFTERT1 + lane] += f1
            sums[AFTERR0 + lane] += h0
            sums[AFTERR1 + lane] += h1
            n0, n1 = f0 * kept0, f1 * kept1
            c1 = _rebalanced(n0, n1, goal, rise, buys, sells, moves)
            left[HT0 + lane], left[HT1 + lane] = n0 + n1 - c1, c1
            n0, n1 = h0 * kept0, h1 * kept1
            d1 = _rebalanced(n0, n1, goal, rise, buys, sells, moves)
            left[HR0 + lane], left[HR1 + lane] = n0 + n1 - d1, d1
            sums[CLOSED1 + lane] += c1 + d1
    # the oldest are paid in full; this year's dead take their place
    left = ring[y % heir_years]
    for lane in range(LANES):
        t0, t1, r0, r1 = left[HT0 + lane], left[HT1 + lane], left[HR0 + lane], left[HR1 + lane]
        work[HELD0 + lane] += t0 + r0
        work[HELD1 + lane] += t1 + r1
        sums[OPENED1 + lane] += t1 + r1
        paid = work[PAID + lane] + (t0 * row[ONE0 + lane] + t1 * row[ONE1 + lane])
        work[PAID + lane] = paid
        sums[HEIRS_OUT + lane] += paid
        cell[DRAWN + lane] = paid * per_heir
        left[HT0 + lane], left[HT1 + lane] = given[HT0 + lane], given[HT1 + lane]
        left[HR0 + lane], left[HR1 + lane] = given[HR0 + lane], given[HR1 + lane]


@compiled
def _build_up(
    sums, row, work, year, interest_rate, dividend_rate, gain_rate, dividend, crypto_dividend
):  # fmt: skip
    """Tax on the year's own return, of half of what a cell holds at the opening and after the flows."""
    core, crypto = dividend_rate * dividend, dividend_rate * crypto_dividend
    for lane in range(LANES):
        on_core = interest_rate * row[INTEREST + lane] + core + gain_rate * row[GAIN + lane]
        on_crypto = interest_rate * year[CRYPTO_I + lane] + crypto + gain_rate * year[CRYPTO_G + lane]
        sums[BUILT + lane] += 0.5 * (work[HELD0 + lane] * on_core + work[HELD1 + lane] * on_crypto)


@compiled
def _report(
    out, row, sums, due, year, penalised_plan, penalised_ira, additional_rate, fee_core, fee_crypto, converting
):  # fmt: skip
    """Add one row's sums to the year's totals."""
    for lane in range(LANES):
        plan_out, ira_out, earned = sums[PLAN_OUT + lane], sums[IRA_OUT + lane], sums[EARNED + lane]
        t0, t1, r0, r1 = (
            sums[AFTERT0 + lane], sums[AFTERT1 + lane], sums[AFTERR0 + lane], sums[AFTERR1 + lane],
        )  # fmt: skip
        kept0, kept1, closed = row[KEPT0 + lane], row[KEPT1 + lane], sums[CLOSED1 + lane]
        after = t1 + r1
        crypto = after * row[TWO1 + lane]
        charged, lost = crypto * fee_crypto, crypto * year[LOSS + lane]
        out[OWNER_TAX + lane] += due[OWNED // LANES, lane]
        out[HEIR_TAX + lane] += due[DRAWN // LANES, lane]
        if converting:
            out[CONVERSION_TAX + lane] += due[CONVERTED // LANES, lane]
        out[ADDITIONAL_TAX + lane] += additional_rate * (
            (plan_out + earned) * penalised_plan + ira_out * penalised_ira
        )
        out[BUILDUP + lane] += sums[BUILT + lane]
        out[TRADITIONAL_OUT + lane] += plan_out + ira_out
        out[ROTH_OUT + lane] += sums[ALL_ROTH_OUT + lane]
        out[INHERITED_OUT + lane] += sums[HEIRS_OUT + lane]
        out[CLOSING_TRADITIONAL + lane] += t0 * kept0 + t1 * kept1
        out[CLOSING_ROTH + lane] += r0 * kept0 + r1 * kept1
        out[CLOSING_CRYPTO + lane] += closed
        # rebalancing, then contributions and withdrawals
        out[BOUGHT + lane] += (closed - after * kept1) + (after - sums[OPENED1 + lane] * row[ONE1 + lane])
        out[FEES + lane] += (t0 + r0) * row[TWO0 + lane] * fee_core + charged
        out[LOSSES + lane] += lost
