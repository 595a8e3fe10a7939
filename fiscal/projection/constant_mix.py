"""The compiled projection of a column whose accounts all hold one mix: each account is a single number.

A *column* is one stratum on many paths. Where the sleeves go back to the target each year, or where there is
no crypto sleeve, every account of the column holds the same share of crypto at each opening. What happens
to a dollar in a year then depends on its path, year, age and account, not on the earnings group: it is
computed once (a *row*) and met by the balances of all groups. :mod:`fiscal.projection.reference` is the
oracle; :mod:`fiscal.projection.two_sleeves` does what this cannot.

**Inherited accounts** of a cohort share one return. A bequest buys ``units`` (dollars over the cohort's
growth index) and pays 1/H of them, at the index of the middle of the year, in each of the H years that
follow; so that a year pays the sum of the last H years' units. The sum is taken without ever subtracting:
every H years the units of the block that ends are replaced by their sums from each year to the block's end
(``ring``), the units of the block that begins are added up (``UT``, ``UR``).

**Order.** A block of :data:`LANES` paths goes through birth cohort after birth cohort, the oldest first, and
each cohort through its years, groups and lanes; lanes never meet. Owners past the last age leave their
heirs to the next cohort that reaches it. A path's bits are the same in any block, batch or thread.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from fiscal.projection.schedule import added_tax, buffer, compiled, tax_of

LANES = 128
"""Paths of a block, the innermost loops: a multiple of the widest vector. Many, because what is done once a cell
(finding the pieces of its schedules) is shared by them; more than the second cache holds would cost again."""

# Places in flat buffers, each LANES wide: their distances are known when the loops are compiled, so that
# they become vector instructions without checks for overlap.

# of a cell: balances by wrapper (plan, ira) and character (traditional, roth), Roth basis, heirs' balances
# and units bought in this block of years; then what tax is computed on: a holder's withdrawals, the same with
# conversions, an heir's withdrawals
PT, PR, IT, IR, BP, BI, HT, HR, UT, UR, OWNED, CONVERTED, DRAWN = (LANES * i for i in range(13))
CELL = 13 * LANES

# of a year's totals, in the order of the kernel's TOTALS
(
    OWNER_TAX, HEIR_TAX, CONVERSION_TAX, ADDITIONAL_TAX, BUILDUP, TRADITIONAL_OUT, ROTH_OUT, INHERITED_OUT,
    CLOSING_TRADITIONAL, CLOSING_ROTH, CLOSING_CRYPTO, BOUGHT, FEES, LOSSES,
) = (LANES * i for i in range(14))  # fmt: skip

# of a row: per opened dollar, what leaves each account in the middle of the year and what closes;
# growth to the middle, from there, through the year; the index for heirs; taxes on the year's own return
(
    MIDDLE, SECOND, WHOLE, NEW, WPT, WPR, WIT, WIR, KPT, KPR, KIT, KIR, ROLLT, ROLLR, CONVP, CONVI,
    GONE_PR, MOVED_PR, LEFT_BP, PAYS, UNIT, INDEX, HELD_I, HELD_D, HELD_G, OUT_I, OUT_D, OUT_G, NEW_I, NEW_D, NEW_G,
    CORE_MIDDLE, CRYPTO_MIDDLE, CORE_TWO, PAID,
) = (LANES * i for i in range(35))  # fmt: skip
ROW = 35 * LANES

# sums over a row's groups
SPT, SPR, SIT, SIR, SHT, SHR, PAIDT, PAIDR, EARNED, SBUILD, SOWNER, SCONV, SHEIR = (
    LANES * i for i in range(13)
)
SUMS = 13 * LANES

# of a year: the crypto sleeve's halves and taxable parts, its share of the opening and of new money, the loss,
# and what contributions are multiplied by
CRYPTO_ONE, CRYPTO_TWO, CRYPTO_I, CRYPTO_G, OPENS, SHARE, LOSS, SCALE = (LANES * i for i in range(8))
YEAR = 8 * LANES


@njit(cache=True, error_model="numpy", fastmath={"contract"}, nogil=True)
def project(
    out, groups_out, chosen, fraction, opening, opening_basis, contribution, contribution_scale, half_return,
    core_weight, crypto_weight, fee_core, fee_crypto, loss_rate, target, contribution_share, withdrawal_rate,
    penalised, nonqualified_share, rollover_rate, conversion_rate, to_heirs, heir_years, holders, heirs, one_holder,
    one_heir, owner_knots, owner_tax, conversion_knots, conversion_tax, heir_knots, heir_tax, additional_rate,
    interest_rate, dividend_rate, gain_rate, interest_share, gain_share, payout,
):  # fmt: skip
    """Fill ``out`` (block, Y, line x lane) with a column's totals on the paths ``chosen``, and ``groups_out``
    (block, Y, G, 2 x lane), where it has groups, with each group's tax on withdrawals and what is withdrawn
    from traditional accounts, owners' and heirs'.

    Shapes are those of :class:`~fiscal.projection.inputs.ProjectionInputs` without strata and mixes:
    ``opening`` (2, 2, A, G), ``core_weight`` (Y, A, X), ``target`` (P, Y). ``to_heirs`` (Y, A, G) is the
    share of a balance that passes to heirs within the year.
    """
    for block in range(out.shape[0]):
        path = np.empty(LANES, np.int64)
        for lane in range(LANES):
            path[lane] = chosen[min(block * LANES + lane, chosen.shape[0] - 1)]
        _block(
            out[block], groups_out[block], path, fraction, opening, opening_basis, contribution, contribution_scale,
            half_return, core_weight, crypto_weight, fee_core, fee_crypto, loss_rate, target, contribution_share,
            withdrawal_rate, penalised, nonqualified_share, rollover_rate, conversion_rate, to_heirs, heir_years,
            holders, heirs, one_holder, one_heir, owner_knots, owner_tax, conversion_knots, conversion_tax, heir_knots,
            heir_tax, additional_rate, interest_rate, dividend_rate, gain_rate, interest_share, gain_share, payout,
        )  # fmt: skip


@compiled
def _block(
    out, groups_out, path, fraction, opening, opening_basis, contribution, contribution_scale, half_return,
    core_weight, crypto_weight, fee_core, fee_crypto, loss_rate, target, contribution_share, withdrawal_rate,
    penalised, nonqualified_share, rollover_rate, conversion_rate, to_heirs, heir_years, holders, heirs, one_holder,
    one_heir, owner_knots, owner_tax, conversion_knots, conversion_tax, heir_knots, heir_tax, additional_rate,
    interest_rate, dividend_rate, gain_rate, interest_share, gain_share, payout,
):  # fmt: skip
    ages, groups = opening.shape[2:]
    years = out.shape[0]
    by_group = groups_out.shape[1] > 0
    assets = half_return.shape[3]
    returns = buffer(years * assets * 2 * LANES).reshape((years, assets, 2, LANES))  # by half
    year = buffer((years + 1) * YEAR).reshape((years + 1, YEAR))
    _years(
        returns, year, path, half_return, crypto_weight, loss_rate, target, contribution_share, contribution_scale,
        interest_share, gain_share, payout,
    )  # fmt: skip
    cell = buffer(groups * CELL).reshape((groups, CELL))
    ring = buffer(heir_years * groups * 2 * LANES).reshape((heir_years, groups, 2 * LANES))
    # the heirs whose owners are past the last age, and the index that their units are counted in
    bin_cell = buffer(groups * CELL).reshape((groups, CELL))
    bin_ring = buffer(heir_years * groups * 2 * LANES).reshape((heir_years, groups, 2 * LANES))
    bin_index = np.ones(LANES)
    row, sums = buffer(ROW), buffer(SUMS)
    taxed = cell.reshape((groups, CELL // LANES, LANES))
    bits = taxed.view(np.int64)
    due = buffer(CELL).reshape((CELL // LANES, LANES))  # tax by what it is computed on
    found, ends = buffer(LANES), np.empty(2)
    owner_piece, conversion_piece, heir_piece = np.zeros((3, groups), np.int64)
    # the cohort aged `ages - 1 - cohort` in the first year; those born later come after
    for cohort in range(ages + years - 1):
        age = max(ages - 1 - cohort, 0)
        born = max(cohort - (ages - 1), 0)
        _open(cell, ring, row, opening, opening_basis, age, born == 0)
        for y in range(born, min(years, born + ages - age)):
            a = age + y - born
            k = y % heir_years
            if a == ages - 1 and y > 0:
                _take_over(cell, ring, row, bin_cell, bin_ring, bin_index)
            if k == 0:
                _turn(cell, ring, row)
            part = fraction[y]
            converting = conversion_rate[y, a] != 0.0
            _row(
                row, y, a, part, returns, year, core_weight, fee_core * part, fee_crypto * part, withdrawal_rate,
                rollover_rate, conversion_rate, heir_years, crypto_weight, interest_share, gain_share, payout,
            )  # fmt: skip
            group_out = groups_out[y if by_group else 0]
            if by_group:
                _withdrawn(group_out, cell, ring, row, k)
            _cells(
                cell, ring, row, sums, y, a, k, contribution, to_heirs, nonqualified_share, interest_rate,
                dividend_rate, gain_rate, one_holder, one_heir, converting,
            )  # fmt: skip
            if converting:
                added_tax(
                    due, group_out, taxed, bits, OWNED, CONVERTED, found, ends, conversion_piece, conversion_knots,
                    conversion_tax, holders, y, a, part,
                )  # fmt: skip
            tax_of(
                due, group_out, taxed, bits, OWNED, found, ends, owner_piece, owner_knots, owner_tax, holders, y, a,
                part, by_group,
            )  # fmt: skip
            tax_of(
                due, group_out, taxed, bits, DRAWN, found, ends, heir_piece, heir_knots, heir_tax, heirs, y, a, part,
                by_group,
            )  # fmt: skip
            _report(
                out, y, a, row, sums, due, year, contribution, penalised, additional_rate, fee_core * part,
                fee_crypto * part, interest_rate, dividend_rate, gain_rate, converting,
            )  # fmt: skip
        if born + ages - age <= years:  # it has reached the last age within the horizon
            bin_cell[:] = cell
            bin_ring[:] = ring
            for lane in range(LANES):
                bin_index[lane] = row[INDEX + lane]


@compiled
def _years(
    returns, year, path, half_return, crypto_weight, loss_rate, target, contribution_share, contribution_scale,
    interest_share, gain_share, payout,
):  # fmt: skip
    """What the paths of the block meet, lane by lane."""
    years, assets = returns.shape[:2]
    for lane in range(LANES):
        p = path[lane]
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
            year[y + 1, OPENS + lane] = target[p, y]
            year[y, SHARE + lane] = contribution_share[p, y]
            year[y, LOSS + lane] = loss_rate[p, y]
            year[y, SCALE + lane] = contribution_scale[p, y]


@compiled
def _open(cell, ring, row, opening, opening_basis, age, holds):
    """A cohort as it enters: with the opening balances of its age, or with none."""
    ring[:] = 0.0
    cell[:] = 0.0
    for lane in range(LANES):
        row[INDEX + lane] = 1.0
    if holds:
        for g in range(cell.shape[0]):
            for lane in range(LANES):
                cell[g, PT + lane] = opening[0, 0, age, g]
                cell[g, PR + lane] = opening[0, 1, age, g]
                cell[g, IT + lane] = opening[1, 0, age, g]
                cell[g, IR + lane] = opening[1, 1, age, g]
                cell[g, BP + lane] = opening_basis[0, age, g]
                cell[g, BI + lane] = opening_basis[1, age, g]


@compiled
def _take_over(cell, ring, row, bin_cell, bin_ring, bin_index):
    """Add the heirs left in the last age's bin, their units counted in this cohort's index."""
    for g in range(cell.shape[0]):
        for lane in range(LANES):
            worth = bin_index[lane] / row[INDEX + lane]
            cell[g, HT + lane] += bin_cell[g, HT + lane]
            cell[g, HR + lane] += bin_cell[g, HR + lane]
            cell[g, UT + lane] += bin_cell[g, UT + lane] * worth
            cell[g, UR + lane] += bin_cell[g, UR + lane] * worth
        for j in range(ring.shape[0]):
            for lane in range(LANES):
                worth = bin_index[lane] / row[INDEX + lane]
                ring[j, g, lane] += bin_ring[j, g, lane] * worth
                ring[j, g, LANES + lane] += bin_ring[j, g, LANES + lane] * worth


@compiled
def _turn(cell, ring, row):
    """A block of years ends: units become their sums to the block's end, and the index starts from one."""
    last = ring.shape[0] - 1
    for g in range(cell.shape[0]):
        for lane in range(LANES):
            ring[last, g, lane] *= row[INDEX + lane]
            ring[last, g, LANES + lane] *= row[INDEX + lane]
            cell[g, UT + lane] = 0.0
            cell[g, UR + lane] = 0.0
        for back in range(last):
            j = last - 1 - back
            for lane in range(LANES):
                ring[j, g, lane] = ring[j, g, lane] * row[INDEX + lane] + ring[j + 1, g, lane]
                ring[j, g, LANES + lane] = (
                    ring[j, g, LANES + lane] * row[INDEX + lane] + ring[j + 1, g, LANES + lane]
                )
    for lane in range(LANES):
        row[INDEX + lane] = 1.0


@compiled
def _row(
    row, y, a, part, returns, year, core_weight, fee_core, fee_crypto, withdrawal_rate, rollover_rate,
    conversion_rate, heir_years, crypto_weight, interest_share, gain_share, payout,
):  # fmt: skip
    """What becomes of a dollar of each account of one age in one year, on each path."""
    draw_pt, draw_pr = withdrawal_rate[y, 0, 0, a] * part, withdrawal_rate[y, 0, 1, a] * part
    draw_it, draw_ir = withdrawal_rate[y, 1, 0, a] * part, withdrawal_rate[y, 1, 1, a] * part
    roll, convert = rollover_rate[y, a] * part, conversion_rate[y, a] * part
    flat_dividend, flat_gain, crypto_dividend = 0.0, 0.0, 0.0
    for lane in range(LANES):  # the core's halves and taxable parts, in places filled later
        row[WPT + lane], row[WPR + lane], row[WIT + lane], row[WIR + lane] = 1.0, 1.0, 0.0, 0.0
    for x in range(crypto_weight.shape[0]):
        w = core_weight[y, a, x]
        crypto_dividend += payout[y, x] * crypto_weight[x]
        if w != 0.0:
            wi, wg = w * interest_share[x], w * gain_share[x]
            flat_dividend += payout[y, x] * w
            flat_gain += payout[y, x] * wg
            for lane in range(LANES):
                h1, h2 = returns[y, x, 0, lane], returns[y, x, 1, lane]
                whole = (1.0 + h1) * (1.0 + h2) - 1.0
                row[WPT + lane] += h1 * w
                row[WPR + lane] += h2 * w
                row[WIT + lane] += whole * wi
                row[WIR + lane] += whole * wg
    for lane in range(LANES):
        core_one, core_two = row[WPT + lane], row[WPR + lane]
        interest, gain = row[WIT + lane], row[WIR + lane] - flat_gain
        opens, share = year[y, OPENS + lane], year[y, SHARE + lane]
        crypto_two = year[y, CRYPTO_TWO + lane]
        crypto_kept = crypto_two * (1.0 - fee_crypto - year[y, LOSS + lane])
        core_kept = core_two * (1.0 - fee_core)
        core_middle = (1.0 - opens) * core_one
        crypto_middle = opens * year[y, CRYPTO_ONE + lane]
        middle = core_middle + crypto_middle
        per = 1.0 / middle
        core_middle, crypto_middle = core_middle * per, crypto_middle * per
        second = core_middle * core_kept + crypto_middle * crypto_kept
        row[MIDDLE + lane], row[SECOND + lane], row[WHOLE + lane] = middle, second, middle * second
        paid = year[y, SCALE + lane]
        row[PAID + lane] = paid
        row[NEW + lane] = ((1.0 - share) * core_kept + share * crypto_kept) * paid
        row[CORE_MIDDLE + lane], row[CRYPTO_MIDDLE + lane] = core_middle, crypto_middle
        row[CORE_TWO + lane] = core_two

        # withdrawals, then rollovers, then conversions, each of what is still there
        wpt, wpr = min(draw_pt, middle), min(draw_pr, middle)
        wit, wir = min(draw_it, middle), min(draw_ir, middle)
        rollt, rollr = min(roll, middle - wpt), min(roll, middle - wpr)
        convp, convi = min(convert, middle - wpt - rollt), min(convert, middle - wit)
        row[WPT + lane], row[WPR + lane], row[WIT + lane], row[WIR + lane] = wpt, wpr, wit, wir
        row[KPT + lane] = (middle - wpt - rollt - convp) * second
        row[KPR + lane] = (middle - wpr - rollr) * second
        row[KIT + lane] = (middle - wit - convi) * second
        row[KIR + lane] = (middle - wir) * second
        row[ROLLT + lane], row[ROLLR + lane] = rollt * second, rollr * second
        row[CONVP + lane], row[CONVI + lane] = convp, convi
        gone, moved = wpr * per, rollr * per
        row[GONE_PR + lane], row[MOVED_PR + lane] = gone, moved
        row[LEFT_BP + lane] = 1.0 - gone - moved

        # an instalment of a unit this year; units for a dollar at its end
        row[PAYS + lane] = row[INDEX + lane] * middle / heir_years
        row[INDEX + lane] *= row[WHOLE + lane]
        row[UNIT + lane] = 1.0 / row[INDEX + lane]

        # tax on the year's own return, of half of what is held at the opening and after the flows
        core_held = 0.5 * ((1.0 - opens) + core_middle * middle)
        crypto_held = 0.5 * (opens + crypto_middle * middle)
        i, d, g = year[y, CRYPTO_I + lane], crypto_dividend, year[y, CRYPTO_G + lane]
        row[HELD_I + lane] = core_held * interest + crypto_held * i
        row[HELD_D + lane] = core_held * flat_dividend + crypto_held * d
        row[HELD_G + lane] = core_held * gain + crypto_held * g
        core_held, crypto_held = -0.5 * core_middle, -0.5 * crypto_middle
        row[OUT_I + lane] = core_held * interest + crypto_held * i
        row[OUT_D + lane] = core_held * flat_dividend + crypto_held * d
        row[OUT_G + lane] = core_held * gain + crypto_held * g
        core_held, crypto_held = 0.5 * (1.0 - share) * paid, 0.5 * share * paid
        row[NEW_I + lane] = core_held * interest + crypto_held * i
        row[NEW_D + lane] = core_held * flat_dividend + crypto_held * d
        row[NEW_G + lane] = core_held * gain + crypto_held * g


@compiled
def _withdrawn(group_out, cell, ring, row, k):
    """Add what each group withdraws from traditional accounts and as heirs of such, before the year's events."""
    for g in range(cell.shape[0]):
        for lane in range(LANES):
            owned = cell[g, PT + lane] * row[WPT + lane] + cell[g, IT + lane] * row[WIT + lane]
            inherited = (ring[k, g, lane] + cell[g, UT + lane]) * row[PAYS + lane]
            group_out[g, LANES + lane] += owned + inherited


@compiled
def _cells(
    cell, ring, row, sums, y, a, k, contribution, to_heirs, nonqualified_share, interest_rate, dividend_rate,
    gain_rate, one_holder, one_heir, converting,
):  # fmt: skip
    """A year of one age: every group's balances, heirs, and what its taxes are computed on."""
    sums[:] = 0.0
    reached = nonqualified_share[a]
    for g in range(cell.shape[0]):
        ct, cr, dead = contribution[y, 0, a, g], contribution[y, 1, a, g], to_heirs[y, a, g]
        live = 1.0 - dead
        ri, rd, rg = interest_rate[y, a, g], dividend_rate[y, a, g], gain_rate[y, a, g]
        per_holder, per_heir = one_holder[y, a, g], one_heir[y, a, g]
        for lane in range(LANES):
            pt, pr, it, ir = cell[g, PT + lane], cell[g, PR + lane], cell[g, IT + lane], cell[g, IR + lane]
            bp, bi = cell[g, BP + lane], cell[g, BI + lane]
            ht, hr = cell[g, HT + lane], cell[g, HR + lane]
            # what leaves
            wt = pt * row[WPT + lane] + it * row[WIT + lane]
            in_plan, gone = pr * row[MIDDLE + lane], row[GONE_PR + lane]
            wpr, wir = in_plan * gone, ir * row[WIR + lane]
            # the plan pays earnings pro rata, an IRA its basis first
            bp_out = (bp if bp < in_plan else in_plan) * gone
            bi_out = bi if bi < wir else wir
            earned = ((wpr - bp_out) + (wir - bi_out)) * reached
            moved = bp * row[MOVED_PR + lane]
            bp, bi = bp * row[LEFT_BP + lane] + cr * row[PAID + lane], bi - bi_out + moved
            # what closes
            new, second = row[NEW + lane], row[SECOND + lane]
            pt1 = pt * row[KPT + lane] + ct * new
            it1 = it * row[KIT + lane] + pt * row[ROLLT + lane]
            pr1 = pr * row[KPR + lane] + cr * new
            ir1 = ir * row[KIR + lane] + pr * row[ROLLR + lane]
            owned = wt + earned
            if converting:
                cp, ci = pt * row[CONVP + lane], it * row[CONVI + lane]
                bp += cp
                bi += ci
                pr1 += cp * second
                ir1 += ci * second
                cell[g, CONVERTED + lane] = (owned + cp + ci) * per_holder
            cell[g, OWNED + lane] = owned * per_holder
            cell[g, BP + lane], cell[g, BI + lane] = bp * live, bi * live
            cell[g, PT + lane], cell[g, IT + lane] = pt1 * live, it1 * live
            cell[g, PR + lane], cell[g, IR + lane] = pr1 * live, ir1 * live
            # heirs
            ut, ur = cell[g, UT + lane], cell[g, UR + lane]
            paidt = (ring[k, g, lane] + ut) * row[PAYS + lane]
            paidr = (ring[k, g, LANES + lane] + ur) * row[PAYS + lane]
            leftt, leftr = (pt1 + it1) * dead, (pr1 + ir1) * dead
            cell[g, HT + lane] = ht * row[WHOLE + lane] - paidt * second + leftt
            cell[g, HR + lane] = hr * row[WHOLE + lane] - paidr * second + leftr
            unitt, unitr = leftt * row[UNIT + lane], leftr * row[UNIT + lane]
            ring[k, g, lane], ring[k, g, LANES + lane] = unitt, unitr
            cell[g, UT + lane], cell[g, UR + lane] = ut + unitt, ur + unitr
            cell[g, DRAWN + lane] = paidt * per_heir
            # sums
            held = (pt + pr) + (it + ir) + (ht + hr)
            out = (wt + wpr) + (wir + paidt) + paidr
            sums[SBUILD + lane] += held * (
                ri * row[HELD_I + lane] + rd * row[HELD_D + lane] + rg * row[HELD_G + lane]
            ) + out * (ri * row[OUT_I + lane] + rd * row[OUT_D + lane] + rg * row[OUT_G + lane])
            sums[SPT + lane] += pt
            sums[SPR + lane] += pr
            sums[SIT + lane] += it
            sums[SIR + lane] += ir
            sums[SHT + lane] += ht
            sums[SHR + lane] += hr
            sums[PAIDT + lane] += paidt
            sums[PAIDR + lane] += paidr
            sums[EARNED + lane] += earned


@compiled
def _report(
    out, y, a, row, sums, due, year, contribution, penalised, additional_rate, fee_core, fee_crypto, interest_rate,
    dividend_rate, gain_rate, converting,
):  # fmt: skip
    """Add one age's sums to the year's totals."""
    penalised_plan, penalised_ira = penalised[0, a], penalised[1, a]
    new_traditional, new_roth, new_i, new_d, new_g = 0.0, 0.0, 0.0, 0.0, 0.0
    for g in range(contribution.shape[3]):
        both = contribution[y, 0, a, g] + contribution[y, 1, a, g]
        new_traditional += contribution[y, 0, a, g]
        new_roth += contribution[y, 1, a, g]
        new_i += both * interest_rate[y, a, g]
        new_d += both * dividend_rate[y, a, g]
        new_g += both * gain_rate[y, a, g]
    both = new_traditional + new_roth
    for lane in range(LANES):
        new = both * row[PAID + lane]
        middle, second = row[MIDDLE + lane], row[SECOND + lane]
        spt, sit = sums[SPT + lane], sums[SIT + lane]
        plan_out, ira_out = spt * row[WPT + lane], sit * row[WIT + lane]
        roth_out = sums[SPR + lane] * row[WPR + lane] + sums[SIR + lane] * row[WIR + lane]
        converted = spt * row[CONVP + lane] + sit * row[CONVI + lane]
        paidt, paidr, earned = sums[PAIDT + lane], sums[PAIDR + lane], sums[EARNED + lane]
        after_traditional = (spt + sit + sums[SHT + lane]) * middle - plan_out - ira_out - converted - paidt
        after_roth = (
            (sums[SPR + lane] + sums[SIR + lane] + sums[SHR + lane]) * middle - roth_out - paidr + converted
        )
        closing_traditional = after_traditional * second + new_traditional * row[NEW + lane]
        closing_roth = after_roth * second + new_roth * row[NEW + lane]
        after, share, goal = after_traditional + after_roth, year[y, SHARE + lane], year[y + 1, OPENS + lane]
        core = (after * row[CORE_MIDDLE + lane] + new * (1.0 - share)) * row[CORE_TWO + lane]
        crypto = (after * row[CRYPTO_MIDDLE + lane] + new * share) * year[y, CRYPTO_TWO + lane]
        lost, charged = crypto * year[y, LOSS + lane], crypto * fee_crypto
        closing_crypto = goal * (closing_traditional + closing_roth)
        left = plan_out + ira_out + roth_out + paidt + paidr
        out[y, OWNER_TAX + lane] += due[OWNED // LANES, lane]
        out[y, HEIR_TAX + lane] += due[DRAWN // LANES, lane]
        if converting:
            out[y, CONVERSION_TAX + lane] += due[CONVERTED // LANES, lane]
        out[y, ADDITIONAL_TAX + lane] += additional_rate * (
            plan_out * penalised_plan + ira_out * penalised_ira + earned * penalised_plan
        )
        out[y, BUILDUP + lane] += (
            sums[SBUILD + lane]
            + new_i * row[NEW_I + lane] + new_d * row[NEW_D + lane] + new_g * row[NEW_G + lane]
        )  # fmt: skip
        out[y, TRADITIONAL_OUT + lane] += plan_out + ira_out
        out[y, ROTH_OUT + lane] += roth_out
        out[y, INHERITED_OUT + lane] += paidt
        out[y, CLOSING_TRADITIONAL + lane] += closing_traditional
        out[y, CLOSING_ROTH + lane] += closing_roth
        out[y, CLOSING_CRYPTO + lane] += closing_crypto
        out[y, BOUGHT + lane] += (
            closing_crypto - (crypto - charged - lost) + new * share - left * row[CRYPTO_MIDDLE + lane]
        )
        out[y, FEES + lane] += core * fee_core + charged
        out[y, LOSSES + lane] += lost
