"""The compiled projection sleeve by sleeve: for accounts that drift apart, and for purchases that move prices.

:mod:`fiscal.projection.reference` is the oracle; this is its order of events, cell by cell, with paths as
the innermost loop (SIMD lanes). Blocks of :data:`LANES` paths go through all years with their state in
one buffer; threads share blocks. A block's sums run in one order (stratum, age, group), whatever the
number of threads, blocks or batches: the same path gives the same bits.

Cohorts keep their place in the buffer and the ages move along it (slot ``(age - year) mod ages``), so that
growing older copies nothing; the slot of the oldest becomes that of the youngest.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

LANES = 16


@njit(cache=True, inline="always")
def _tax(knots, tax, holders, amount, result, lanes):
    """Expected tax of a cell: ``holders x schedule(amount / holders)``, piece by piece, without branches."""
    for lane in range(lanes):
        result[lane] = 0.0
    if holders > 0:
        last = knots.shape[0] - 2
        for k in range(last + 1):
            low = knots[k]
            slope = (tax[k + 1] - tax[k]) / (knots[k + 1] - low)
            width = knots[k + 1] - low if k < last else np.inf
            for lane in range(lanes):
                part = amount[lane] / holders - low
                part = part if part > 0.0 else 0.0
                part = part if part < width else width
                result[lane] += slope * part
        for lane in range(lanes):
            result[lane] = holders * (tax[0] + result[lane])


@njit(cache=True, parallel=True, error_model="numpy")
def project(
    out, chosen, fraction, opening, opening_basis, contribution, contribution_scale, half_return, core_weight,
    crypto_weight, fee_rate, loss_rate, target, contribution_share, transfer, rebalancing, sale_share, multiplier,
    persistence, market, withdrawal_rate, penalised, nonqualified_share, rollover_rate, conversion_rate, to_heirs,
    heir_years, holders, heirs, owner_knots, owner_tax, heir_knots, heir_tax, additional_rate, interest_rate,
    dividend_rate, gain_rate, interest_share, gain_share, payout,
):  # fmt: skip
    """Fill ``out`` (block, line, Y, lane) with the totals of all strata on the paths ``chosen``.

    Shapes are those of :class:`~fiscal.projection.inputs.ProjectionInputs` without mixes; ``to_heirs`` (Y, A, G)
    is the share of a balance that passes to heirs within the year.
    """
    blocks, _, n_years, lanes = out.shape
    ages, groups, strata = opening.shape[2:]
    assets = half_return.shape[3]
    for block in prange(blocks):
        # (slot, group, stratum, account x sleeve, lane): (wrapper x 2 + character) x 2 + sleeve
        own = np.zeros((ages, groups, strata, 8, lanes))
        base = np.zeros((ages, groups, strata, 2, lanes))
        left = np.zeros((ages, groups, strata, heir_years, 4, lanes))
        for a in range(ages):
            for g in range(groups):
                for s in range(strata):
                    for w in range(2):
                        for lane in range(lanes):
                            base[a, g, s, w, lane] = opening_basis[w, a, g, s]
                            for c in range(2):
                                own[a, g, s, (w * 2 + c) * 2, lane] = opening[w, c, a, g, s]
        path = np.empty(lanes, np.int64)
        for lane in range(lanes):
            path[lane] = chosen[min(block * lanes + lane, chosen.shape[0] - 1)]
        impact, bought, raised = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
        crypto_one, crypto_two = np.empty(lanes), np.empty(lanes)
        core_one, core_two = np.empty(lanes), np.empty(lanes)
        interest, gain, dividend = np.empty(lanes), np.empty(lanes), np.empty(lanes)
        crypto_interest, crypto_gain = np.empty(lanes), np.empty(lanes)
        goal, before_goal, share = np.empty(lanes), np.empty(lanes), np.empty(lanes)
        scale = np.empty(lanes)
        strength, sale, loss = np.empty(lanes), np.empty(lanes), np.empty(lanes)
        moves = np.empty(lanes)
        out_share = np.empty((4, lanes))
        roll, conv = np.empty((2, lanes)), np.empty((2, lanes))
        middle, after = np.empty((8, lanes)), np.empty((8, lanes))
        taxed, drawn, nonqualified = np.empty(lanes), np.empty(lanes), np.empty(lanes)
        one, two, converted = np.empty(lanes), np.empty(lanes), np.empty(lanes)
        core_held, crypto_held = np.empty(lanes), np.empty(lanes)
        basis_plan, basis_ira = np.empty(lanes), np.empty(lanes)
        given = np.empty((4, lanes))
        paid = np.empty(lanes)
        for y in range(n_years):
            owner_line = out[block, 0, y]
            heir_line = out[block, 1, y]
            conversion_line = out[block, 2, y]
            additional_line = out[block, 3, y]
            buildup_line = out[block, 4, y]
            traditional_line = out[block, 5, y]
            roth_line = out[block, 6, y]
            inherited_line = out[block, 7, y]
            crypto_line = out[block, 10, y]
            trade_line = out[block, 11, y]
            fees_line = out[block, 12, y]
            losses_line = out[block, 13, y]
            part = fraction[y]
            fee_core, fee_crypto = fee_rate[0] * part, fee_rate[1] * part
            crypto_dividend = 0.0
            for x in range(assets):
                crypto_dividend += crypto_weight[x] * payout[y, x]
            for lane in range(lanes):
                p = path[lane]
                r1, r2, i, gn, realised = 0.0, 0.0, 0.0, 0.0, 0.0
                for x in range(assets):
                    h1, h2, w = half_return[p, y, 0, x], half_return[p, y, 1, x], crypto_weight[x]
                    whole = (1 + h1) * (1 + h2) - 1
                    r1 += h1 * w
                    r2 += h2 * w
                    i += whole * interest_share[x] * w
                    gn += (whole - payout[y, x]) * gain_share[x] * w
                    realised += gain_share[x] * w
                plain = (1 + r1) * (1 + r2)
                crypto_one[lane], crypto_two[lane] = 1 + r1, 1 + r2
                if multiplier != 0.0:
                    raised[lane] = impact[lane] * persistence + multiplier * bought[lane] / market[p, y]
                    crypto_one[lane] *= np.exp(raised[lane] - impact[lane])
                    impact[lane] = raised[lane]
                crypto_interest[lane] = i
                crypto_gain[lane] = gn + (crypto_one[lane] * crypto_two[lane] - plain) * realised
                strength[lane], sale[lane] = rebalancing[p, y], sale_share[p]
                moves[lane] = 1.0 if transfer[p, y] else 0.0
                loss[lane] = loss_rate[p, y]
                bought[lane] = 0.0
            for s in range(strata):
                for lane in range(lanes):
                    p = path[lane]
                    goal[lane] = target[p, y, s]
                    before_goal[lane] = target[p, y - 1, s] if y > 0 else 0.0
                    share[lane] = contribution_share[p, y, s]
                    scale[lane] = contribution_scale[p, y, s]
                for a in range(ages):
                    slot = (a - y) % ages
                    flat_dividend = 0.0
                    for x in range(assets):
                        flat_dividend += payout[y, x] * core_weight[y, a, s, x]
                    for lane in range(lanes):
                        core_one[lane], core_two[lane] = 1.0, 1.0
                        interest[lane], gain[lane], dividend[lane] = 0.0, 0.0, flat_dividend
                    for x in range(assets):
                        w = core_weight[y, a, s, x]
                        if w != 0.0:
                            for lane in range(lanes):
                                h1, h2 = half_return[path[lane], y, 0, x], half_return[path[lane], y, 1, x]
                                whole = (1 + h1) * (1 + h2) - 1
                                core_one[lane] += h1 * w
                                core_two[lane] += h2 * w
                                interest[lane] += whole * interest_share[x] * w
                                gain[lane] += (whole - payout[y, x]) * gain_share[x] * w
                    for g in range(groups):
                        mine = own[slot, g, s]
                        basis = base[slot, g, s]
                        theirs = left[slot, g, s]
                        dead = to_heirs[y, a, g]
                        for lane in range(lanes):
                            core_held[lane], crypto_held[lane], drawn[lane] = 0.0, 0.0, 0.0
                            taxed[lane] = 0.0
                        # opening, first half, shares that leave
                        for account in range(4):
                            wrapper, character = account // 2, account % 2
                            rate = withdrawal_rate[y, wrapper, character, a] * part
                            rolling = rollover_rate[y, a] * part if wrapper == 0 else 0.0
                            turning = conversion_rate[y, a] * part if character == 0 else 0.0
                            mine_core, mine_crypto = mine[account * 2], mine[account * 2 + 1]
                            middle_core, middle_crypto = middle[account * 2], middle[account * 2 + 1]
                            after_core, after_crypto = after[account * 2], after[account * 2 + 1]
                            out_row, roll_row, conv_row = out_share[account], roll[character], conv[wrapper]
                            for lane in range(lanes):
                                opened = mine_core[lane] + mine_crypto[lane]
                                core_held[lane] += mine_core[lane]
                                crypto_held[lane] += mine_crypto[lane]
                                m0 = mine_core[lane] * core_one[lane]
                                m1 = mine_crypto[lane] * crypto_one[lane]
                                middle_core[lane], middle_crypto[lane] = m0, m1
                                available = m0 + m1
                                live = available > 0.0
                                per = opened / available if live else 0.0
                                room = 1.0 if live else 0.0
                                w = min(rate * per, room)
                                room = room - w
                                r = min(rolling * per, room)
                                room = room - r
                                c = min(turning * per, room)
                                out_row[lane] = w
                                if wrapper == 0:
                                    roll_row[lane] = r
                                if character == 0:
                                    conv_row[lane] = c
                                after_core[lane] = m0 * (1.0 - w - r - c)
                                after_crypto[lane] = m1 * (1.0 - w - r - c)
                        # what moves between accounts, what comes in
                        for character in range(2):
                            money = contribution[y, character, a, g, s]
                            for k in range(2):
                                plan, ira = character * 2 + k, 4 + character * 2 + k
                                for lane in range(lanes):
                                    after[ira, lane] += middle[plan, lane] * roll[character, lane]
                                    bit = share[lane] if k == 1 else 1.0 - share[lane]
                                    after[plan, lane] += money * scale[lane] * bit
                        for wrapper in range(2):
                            for k in range(2):
                                for lane in range(lanes):
                                    after[wrapper * 4 + 2 + k, lane] += (
                                        middle[wrapper * 4 + k, lane] * conv[wrapper, lane]
                                    )
                        roth_money = contribution[y, 1, a, g, s]
                        any_conversion = conversion_rate[y, a] != 0.0
                        for lane in range(lanes):
                            plan_roth, ira_roth = (
                                middle[2, lane] + middle[3, lane],
                                middle[6, lane] + middle[7, lane],
                            )
                            plan_out, ira_out = out_share[1, lane] * plan_roth, out_share[3, lane] * ira_roth
                            in_plan = min(basis[0, lane], plan_roth)
                            plan_basis = out_share[1, lane] * in_plan
                            ira_basis = min(ira_out, basis[1, lane])
                            nonqualified[lane] = ((plan_out - plan_basis) + (ira_out - ira_basis)) * (
                                nonqualified_share[a]
                            )
                            moved = roll[1, lane] * basis[0, lane]
                            plan_traditional = middle[0, lane] + middle[1, lane]
                            ira_traditional = middle[4, lane] + middle[5, lane]
                            conv_plan, conv_ira = (
                                conv[0, lane] * plan_traditional,
                                conv[1, lane] * ira_traditional,
                            )
                            basis_plan[lane] = (
                                basis[0, lane] * (1 - out_share[1, lane])
                                - moved
                                + roth_money * scale[lane]
                                + conv_plan
                            )
                            basis_ira[lane] = basis[1, lane] - ira_basis + moved + conv_ira
                            basis[0, lane] = basis_plan[lane] * (1 - dead)
                            basis[1, lane] = basis_ira[lane] * (1 - dead)
                            plan_w, ira_w = (
                                out_share[0, lane] * plan_traditional,
                                out_share[2, lane] * ira_traditional,
                            )
                            drawn[lane] = plan_w + ira_w
                            converted[lane] = conv_plan + conv_ira
                            paid[lane] = (
                                plan_w * penalised[0, a]
                                + ira_w * penalised[1, a]
                                + nonqualified[lane] * penalised[0, a]
                            )
                            traditional_line[lane] += drawn[lane]
                            roth_line[lane] += plan_out + ira_out
                            additional_line[lane] += paid[lane] * additional_rate
                            taxed[lane] = (drawn[lane] + nonqualified[lane]) / part
                        # second half, charges, the mix, deaths
                        for k in range(4):
                            for lane in range(lanes):
                                given[k, lane] = 0.0
                        for account in range(4):
                            character = account % 2
                            mine_core, mine_crypto = mine[account * 2], mine[account * 2 + 1]
                            middle_crypto = middle[account * 2 + 1]
                            after_core, after_crypto = after[account * 2], after[account * 2 + 1]
                            given_core, given_crypto = given[character * 2], given[character * 2 + 1]
                            closing_line = out[block, 8 + character, y]
                            for lane in range(lanes):
                                core_held[lane] += after_core[lane]
                                crypto_held[lane] += after_crypto[lane]
                                e0, e1 = (
                                    after_core[lane] * core_two[lane],
                                    after_crypto[lane] * crypto_two[lane],
                                )
                                lost = e1 * loss[lane]
                                charged0, charged1 = e0 * fee_core, e1 * fee_crypto
                                fees_line[lane] += charged0 + charged1
                                losses_line[lane] += lost
                                n0, n1 = e0 - charged0, e1 - charged1 - lost
                                total = n0 + n1
                                wanted = n1 + (goal[lane] - before_goal[lane]) * total
                                gap = goal[lane] * total - wanted
                                wanted += strength[lane] * (sale[lane] if gap < 0.0 else 1.0) * gap
                                wanted = min(max(wanted, 0.0), total)
                                c1 = wanted if moves[lane] > 0.5 else n1
                                c0 = total - c1
                                bought[lane] += (c1 - n1) + (after_crypto[lane] - middle_crypto[lane])
                                trade_line[lane] += (c1 - n1) + (after_crypto[lane] - middle_crypto[lane])
                                given_core[lane] += c0 * dead
                                given_crypto[lane] += c1 * dead
                                mine_core[lane] = c0 - c0 * dead
                                mine_crypto[lane] = c1 - c1 * dead
                                closing_line[lane] += total - total * dead
                                crypto_line[lane] += c1 - c1 * dead
                        # heirs, the oldest first: each year's accounts close as those of the year after
                        for lane in range(lanes):
                            paid[lane] = 0.0
                        for back in range(heir_years):
                            since = heir_years - 1 - back
                            pays = 1.0 / (heir_years - since)
                            for character in range(2):
                                older = min(since + 1, heir_years - 1)
                                now_core, now_crypto = (
                                    theirs[since, character * 2],
                                    theirs[since, character * 2 + 1],
                                )
                                next_core, next_crypto = (
                                    theirs[older, character * 2],
                                    theirs[older, character * 2 + 1],
                                )
                                closing_line = out[block, 8 + character, y]
                                for lane in range(lanes):
                                    o0, o1 = now_core[lane], now_crypto[lane]
                                    m0, m1 = o0 * core_one[lane], o1 * crypto_one[lane]
                                    p0, p1 = m0 * pays, m1 * pays
                                    f0, f1 = m0 - p0, m1 - p1
                                    core_held[lane] += o0 + f0
                                    crypto_held[lane] += o1 + f1
                                    if character == 0:
                                        paid[lane] += p0 + p1
                                    e0, e1 = f0 * core_two[lane], f1 * crypto_two[lane]
                                    lost = e1 * loss[lane]
                                    charged0, charged1 = e0 * fee_core, e1 * fee_crypto
                                    fees_line[lane] += charged0 + charged1
                                    losses_line[lane] += lost
                                    n0, n1 = e0 - charged0, e1 - charged1 - lost
                                    total = n0 + n1
                                    wanted = n1 + (goal[lane] - before_goal[lane]) * total
                                    gap = goal[lane] * total - wanted
                                    wanted += strength[lane] * (sale[lane] if gap < 0.0 else 1.0) * gap
                                    wanted = min(max(wanted, 0.0), total)
                                    c1 = wanted if moves[lane] > 0.5 else n1
                                    bought[lane] += (c1 - n1) - p1
                                    trade_line[lane] += (c1 - n1) - p1
                                    if since + 1 < heir_years:
                                        next_core[lane] = total - c1
                                        next_crypto[lane] = c1
                                        closing_line[lane] += total
                                        crypto_line[lane] += c1
                        for k in range(4):
                            closing_line = out[block, 8 + k // 2, y]
                            for lane in range(lanes):
                                theirs[0, k, lane] = given[k, lane]
                                closing_line[lane] += given[k, lane]
                                if k % 2 == 1:
                                    crypto_line[lane] += given[k, lane]
                        # taxes
                        people = holders[y, a, g, s]
                        _tax(owner_knots[y], owner_tax[y, a, g], people, taxed, one, lanes)
                        for lane in range(lanes):
                            owner_line[lane] += part * one[lane]
                        if any_conversion:
                            for lane in range(lanes):
                                taxed[lane] += converted[lane] / part
                            _tax(owner_knots[y], owner_tax[y, a, g], people, taxed, two, lanes)
                            for lane in range(lanes):
                                conversion_line[lane] += part * two[lane] - part * one[lane]
                        for lane in range(lanes):
                            inherited_line[lane] += paid[lane]
                            taxed[lane] = paid[lane] / part
                        _tax(heir_knots[y], heir_tax[y, a, g], heirs[y, a, g, s], taxed, one, lanes)
                        ri, rd, rg = interest_rate[y, a, g], dividend_rate[y, a, g], gain_rate[y, a, g]
                        for lane in range(lanes):
                            heir_line[lane] += part * one[lane]
                            core_rate = ri * interest[lane] + rd * dividend[lane] + rg * gain[lane]
                            crypto_rate = (
                                ri * crypto_interest[lane] + rd * crypto_dividend + rg * crypto_gain[lane]
                            )
                            buildup_line[lane] += (
                                core_held[lane] / 2 * core_rate + crypto_held[lane] / 2 * crypto_rate
                            )
            # a year older: owners past the last age are gone, their heirs stay in its bin
            gone = (ages - 1 - y) % ages
            last = (ages - 2 - y) % ages
            for g in range(groups):
                for s in range(strata):
                    for k in range(8):
                        for lane in range(lanes):
                            own[gone, g, s, k, lane] = 0.0
                    for w in range(2):
                        for lane in range(lanes):
                            base[gone, g, s, w, lane] = 0.0
                    for h in range(heir_years):
                        for k in range(4):
                            for lane in range(lanes):
                                left[last, g, s, h, k, lane] += left[gone, g, s, h, k, lane]
                                left[gone, g, s, h, k, lane] = 0.0
