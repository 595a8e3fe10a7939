"""The compiled projection that keeps every cell: one path at a time, year after year, cell after cell.

:mod:`fiscal.projection.reference` is the oracle; this is its order of events, every line of it and the vintages'
shares, with the accounts of one cell (an age, earnings group and stratum) worked out together. Where nobody has a
balance and nothing comes in, nothing is written: memory never written to is not taken. A path's bits do not depend
on which others are projected.
"""

from __future__ import annotations

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
"""Paths are projected in threads; of fast-math contraction only."""

PLAN, IRA, INHERITED, TRADITIONAL, ROTH, CORE, CRYPTO = 0, 1, 2, 0, 1, 0, 1

(
    PLAN_WITHDRAWALS, IRA_WITHDRAWALS, INHERITED_WITHDRAWALS, ROTH_WITHDRAWALS, INHERITED_ROTH_WITHDRAWALS,
    NONQUALIFIED_EARNINGS, PENALISED_WITHDRAWALS, PLAN_BEQUESTS, ROLLOVERS, ROTH_ROLLOVERS, CONVERSIONS, CORE_RETURN,
    CRYPTO_RETURN, CORE_HELD, CRYPTO_HELD, FEES, LOSSES, CRYPTO_BOUGHT, CLOSING_TRADITIONAL, CLOSING_ROTH,
    CLOSING_CRYPTO, CLOSING_OWNERS, OWNER_TAX, HEIR_TAX, CONVERSION_TAX, ADDITIONAL_TAX,
) = range(26)  # fmt: skip
"""Lines in the order of ``CELL_LINES``."""


@compiled
def _expected_tax(knots, tax, withdrawal_usd, people):
    """Tax of a cell's withdrawals, each of its ``people`` on the same part, by a schedule."""
    if people <= 0.0:
        return 0.0
    each = withdrawal_usd / people
    low, high = 0, len(knots) - 2
    while low < high:
        middle = (low + high + 1) // 2
        if knots[middle] <= each:
            low = middle
        else:
            high = middle - 1
    weight = (each - knots[low]) / (knots[low + 1] - knots[low])
    return people * (tax[low] + weight * (tax[low + 1] - tax[low]))


@compiled
def rebalanced(core, crypto, target, rise, strength, sale_share, moves):
    """The crypto sleeve of an account that follows its target, both sleeves after charges."""
    total = core + crypto
    wanted = crypto + rise * total
    gap = target * total - wanted
    followed = strength * sale_share if gap < 0.0 else strength
    wanted = min(max(wanted + followed * gap, 0.0), total)
    return wanted if moves else crypto


@compiled
def _moved_share(core, crypto, after):
    """Share of the core sleeve moved to crypto, or, negative, of the crypto sleeve moved to core."""
    bought = after - crypto
    source = core if bought > 0.0 else crypto
    return min(max(bought / source, -1.0), 1.0) if source > 0.0 else 0.0


@compiled
def grow(growth, half_return, core_weight, crypto_weight, raised):
    """Growth of a year (half, sleeve, A, S); ``raised`` is what purchases make of the price in the first half."""
    halves, assets = half_return.shape
    ages, strata = core_weight.shape[:2]
    for h in range(halves):
        crypto = 0.0
        for x in range(assets):
            crypto += half_return[h, x] * crypto_weight[x]
        for a in range(ages):
            for s in range(strata):
                core = 0.0
                for x in range(assets):
                    core += half_return[h, x] * core_weight[a, s, x]
                growth[h, CORE, a, s] = 1.0 + core
                growth[h, CRYPTO, a, s] = (1.0 + crypto) * (raised if h == 0 else 1.0)


@compiled
def _empty(balance, basis, contribution, inherited, filled, a, n):
    """Whether a cell holds nothing at the opening of a year and nothing comes in."""
    for c in range(2):
        if contribution[c, a, n] != 0.0:
            return False
        for w in range(2):
            if balance[a, n, w, c, CORE] != 0.0 or balance[a, n, w, c, CRYPTO] != 0.0:
                return False
        for since in range(filled):
            if inherited[a, n, since, c, CORE] != 0.0 or inherited[a, n, since, c, CRYPTO] != 0.0:
                return False
    return basis[a, n, PLAN] == 0.0 and basis[a, n, IRA] == 0.0


@compiled
def _larger(scale, balance):
    """The larger of two balances; one that is no number stays."""
    return scale if scale >= balance or scale != scale else balance


@compiled
def _worse(residual, gap):
    """The larger of two residuals in size, with its sign; one that is no number stays."""
    return residual if abs(residual) >= abs(gap) or residual != residual else gap


@compiled
def project(
    lines, closing_usd, opening_usd, crypto_return, basis_usd, residual, scale, withdrawn_shares, rolled_shares,
    converted_shares, moved_shares, heirs_moved_shares, owners_usd, heirs_usd, fraction, opening, opening_basis,
    contribution_usd, contribution_scale, half_return, core_weight, crypto_weight, fee_rate, loss_rate, targets,
    contribution_share, transfer, rebalancing, sale_share, multiplier, persistence, market, withdrawal_rate, penalised,
    nonqualified_share, rollover_rate, conversion_rate, to_heirs, heir_years, holders, heirs, owner_knots, owner_tax,
    conversion_knots, conversion_tax, heir_knots, heir_tax, additional_rate,
):  # fmt: skip
    """Fill one path's lines (line, Y, A, N), stocks, residuals and, where they have years, shares and balances.

    N are the groups and strata, in this order. Shapes are otherwise those of
    :class:`~fiscal.projection.outputs.Projection` and :class:`~fiscal.projection.inputs.ProjectionInputs` without
    their path axis; ``to_heirs`` (Y, A, G) is the share of a balance that passes to heirs within the year.
    """
    years, ages, cells = lines.shape[1:]
    strata = core_weight.shape[2]
    keeps, held_years = len(withdrawn_shares) > 0, len(owners_usd)
    growth = np.empty((2, 2, ages, strata))
    balance, closing = np.zeros((2, ages, cells, 2, 2, 2))  # wrapper, character, sleeve
    basis, closing_basis = np.zeros((2, ages, cells, 2))
    inherited, closing_inherited = np.zeros(
        (2, ages, cells, heir_years + 1, 2, 2)
    )  # since, character, sleeve
    for a in range(ages):
        for n in range(cells):
            for w in range(2):
                basis[a, n, w] = opening_basis[w, a, n]
                for c in range(2):
                    balance[a, n, w, c, CORE] = opening[w, c, a, n]
    middle, after, net = np.empty((3, 2, 2, 2))  # wrapper, character, sleeve
    available, withdrawn, rolled, converted, opened, gap = np.empty((6, 2, 2))  # wrapper, character
    money, paid, gap_heirs = np.empty((3, 2))  # character
    gained, held = np.empty((2, 2))  # sleeve
    charge = np.empty(2)
    impact = bought = 0.0
    for y in range(years):
        part = fraction[y]
        raised = 1.0
        if multiplier != 0.0:
            level = impact * persistence + multiplier * bought / market[y]
            raised = np.exp(level - impact)
            impact = level
        grow(growth, half_return[y], core_weight[y], crypto_weight, raised)
        crypto_return[y] = growth[0, CRYPTO, 0, 0] * growth[1, CRYPTO, 0, 0] - 1.0
        charge[CORE], charge[CRYPTO] = fee_rate[CORE] * part, fee_rate[CRYPTO] * part
        loss, strength, moves = loss_rate[y], rebalancing[y], transfer[y]
        bought = 0.0
        for a in range(ages):
            # places that no death can have filled yet are not looked at
            filled = heir_years if a == ages - 1 else min(heir_years, y, a)
            for n in range(cells):
                s, g = n % strata, n // strata
                if _empty(balance, basis, contribution_usd[y], inherited, filled, a, n):
                    continue
                target = targets[y, s]
                rise = target - (targets[y - 1, s] if y else 0.0)
                to_crypto = contribution_share[y, s]
                dead = to_heirs[y, a, g]
                gained[:], held[:] = 0.0, 0.0
                fees = losses = traded = owned = closed_crypto = 0.0

                # 1. opening and first half; 2. what leaves
                for w in range(2):
                    for c in range(2):
                        opened[w, c] = balance[a, n, w, c, CORE] + balance[a, n, w, c, CRYPTO]
                        for k in range(2):
                            middle[w, c, k] = balance[a, n, w, c, k] * growth[0, k, a, s]
                            gained[k] += middle[w, c, k] - balance[a, n, w, c, k]
                        here = middle[w, c, CORE] + middle[w, c, CRYPTO]
                        available[w, c] = here
                        per_available = opened[w, c] / here if here > 0.0 else 0.0
                        left = 1.0 if here > 0.0 else 0.0
                        withdrawn[w, c] = min(withdrawal_rate[y, w, c, a] * part * per_available, left)
                        left -= withdrawn[w, c]
                        rolled[w, c] = converted[w, c] = 0.0
                        if w == PLAN:
                            rolled[w, c] = min(rollover_rate[y, a] * part * per_available, left)
                            left -= rolled[w, c]
                        if c == TRADITIONAL:
                            converted[w, c] = min(conversion_rate[y, a] * part * per_available, left)
                        scale[y] = _larger(scale[y], opened[w, c])
                        opening_usd[y, w, c] += opened[w, c]
                        gap[w, c] = opened[w, c]

                # and comes in
                for c in range(2):
                    money[c] = contribution_usd[y, c, a, n] * contribution_scale[y, s]
                    for w in range(2):
                        stays = 1.0 - withdrawn[w, c] - rolled[w, c] - converted[w, c]
                        for k in range(2):
                            after[w, c, k] = middle[w, c, k] * stays
                for k in range(2):
                    for c in range(2):
                        after[IRA, c, k] += middle[PLAN, c, k] * rolled[PLAN, c]
                    for w in range(2):
                        after[w, ROTH, k] += middle[w, TRADITIONAL, k] * converted[w, TRADITIONAL]
                for c in range(2):
                    after[PLAN, c, CRYPTO] += money[c] * to_crypto
                    after[PLAN, c, CORE] += money[c] - money[c] * to_crypto

                # Roth basis: the plan pays earnings pro rata (s.72(e)(8)); an IRA pays basis first (s.408A(d)(4))
                plan_basis, ira_basis = basis[a, n, PLAN], basis[a, n, IRA]
                plan_out = withdrawn[PLAN, ROTH] * available[PLAN, ROTH]
                ira_out = withdrawn[IRA, ROTH] * available[IRA, ROTH]
                plan_basis_out = withdrawn[PLAN, ROTH] * min(plan_basis, available[PLAN, ROTH])
                ira_basis_out = min(ira_out, ira_basis)
                earned = ((plan_out - plan_basis_out) + (ira_out - ira_basis_out)) * nonqualified_share[a]
                basis_rolled = rolled[PLAN, ROTH] * plan_basis
                plan_converted = converted[PLAN, TRADITIONAL] * available[PLAN, TRADITIONAL]
                ira_converted = converted[IRA, TRADITIONAL] * available[IRA, TRADITIONAL]
                plan_basis = (
                    plan_basis * (1.0 - withdrawn[PLAN, ROTH]) - basis_rolled + money[ROTH] + plan_converted
                )
                ira_basis = ira_basis - ira_basis_out + basis_rolled + ira_converted
                closing_basis[a, n, PLAN], closing_basis[a, n, IRA] = (
                    plan_basis * (1.0 - dead), ira_basis * (1.0 - dead),
                )  # fmt: skip
                basis_usd[y] += closing_basis[a, n, PLAN] + closing_basis[a, n, IRA]

                # 3. second half, fees, losses; 4. rebalancing; 5. deaths, closing
                plan_left = 0.0
                for w in range(2):
                    for c in range(2):
                        for k in range(2):
                            end = after[w, c, k] * growth[1, k, a, s]
                            fee = end * charge[k]
                            lost = end * loss if k == CRYPTO else 0.0
                            net[w, c, k] = end - fee - lost
                            gained[k] += end - after[w, c, k]
                            held[k] += balance[a, n, w, c, k] + after[w, c, k]
                            fees += fee
                            losses += lost
                            gap[w, c] += (
                                (middle[w, c, k] - balance[a, n, w, c, k])
                                + (end - after[w, c, k])
                                - fee
                                - lost
                            )
                        core, crypto = net[w, c, CORE], net[w, c, CRYPTO]
                        moved = rebalanced(core, crypto, target, rise, strength, sale_share, moves)
                        traded += (moved - crypto) + (after[w, c, CRYPTO] - middle[w, c, CRYPTO])
                        if keeps:
                            share = _moved_share(core, crypto, moved)
                            if share != 0.0:
                                moved_shares[y, w, c, a, n] = share
                        net[w, c, CORE], net[w, c, CRYPTO] = core + crypto - moved, moved
                        for k in range(2):
                            left_behind = net[w, c, k] * dead
                            closing[a, n, w, c, k] = net[w, c, k] - left_behind
                            closing_inherited[a, n, 0, c, k] += left_behind
                            closing_usd[y, w, c, k] += closing[a, n, w, c, k]
                            owned += closing[a, n, w, c, k]
                            gap[w, c] -= left_behind + closing[a, n, w, c, k]
                            if w == PLAN:
                                plan_left += left_behind
                        closed_crypto += closing[a, n, w, c, CRYPTO]

                # inherited accounts pay 1/(years left)
                for c in range(2):
                    paid[c] = 0.0
                    # from the dead of the year, who leave what is closing
                    gap_heirs[c] = 0.0
                    stock = 0.0
                    for since in range(filled):
                        pays = 1.0 / (heir_years - since)
                        core_before, crypto_before = (
                            inherited[a, n, since, c, CORE],
                            inherited[a, n, since, c, CRYPTO],
                        )
                        stock += core_before + crypto_before
                        for k in range(2):
                            before = inherited[a, n, since, c, k]
                            grown = before * growth[0, k, a, s]
                            out = grown * pays
                            stays = grown - out
                            end = stays * growth[1, k, a, s]
                            fee = end * charge[k]
                            lost = end * loss if k == CRYPTO else 0.0
                            net[0, c, k] = end - fee - lost
                            paid[c] += out
                            gained[k] += (grown - before) + (end - stays)
                            held[k] += before + stays
                            fees += fee
                            losses += lost
                            gap_heirs[c] += before + (grown - before) + (end - stays) - out - fee - lost
                            if k == CRYPTO:
                                traded -= out
                        core, crypto = net[0, c, CORE], net[0, c, CRYPTO]
                        moved = rebalanced(core, crypto, target, rise, strength, sale_share, moves)
                        traded += moved - crypto
                        if keeps:
                            share = _moved_share(core, crypto, moved)
                            if share != 0.0:
                                heirs_moved_shares[y, since, c, a, n] = share
                        closing_inherited[a, n, since + 1, c, CORE] = core + crypto - moved
                        closing_inherited[a, n, since + 1, c, CRYPTO] = moved
                        gap_heirs[c] -= core + crypto
                    scale[y] = _larger(scale[y], stock)
                    opening_usd[y, INHERITED, c] += stock
                heirs_closed = 0.0
                for c in range(2):
                    # the oldest have just been paid in full
                    closing_inherited[a, n, heir_years, c, CORE] = closing_inherited[
                        a, n, heir_years, c, CRYPTO
                    ] = 0.0
                    closed = 0.0
                    for since in range(min(filled + 1, heir_years)):
                        for k in range(2):
                            closed += closing_inherited[a, n, since, c, k]
                            closing_usd[y, INHERITED, c, k] += closing_inherited[a, n, since, c, k]
                        closed_crypto += closing_inherited[a, n, since, c, CRYPTO]
                    lines[CLOSING_TRADITIONAL + c, y, a, n] = closed
                    heirs_closed += closed

                # what is reported
                plan_traditional = withdrawn[PLAN, TRADITIONAL] * available[PLAN, TRADITIONAL]
                ira_traditional = withdrawn[IRA, TRADITIONAL] * available[IRA, TRADITIONAL]
                rollover = rolled[PLAN, TRADITIONAL] * available[PLAN, TRADITIONAL]
                roth_rollover = rolled[PLAN, ROTH] * available[PLAN, ROTH]
                conversions = plan_converted + ira_converted
                penalties = (
                    plan_traditional * penalised[PLAN, a] + ira_traditional * penalised[IRA, a]
                    + earned * penalised[PLAN, a]
                )  # fmt: skip
                lines[PLAN_WITHDRAWALS, y, a, n] = plan_traditional
                lines[IRA_WITHDRAWALS, y, a, n] = ira_traditional
                lines[INHERITED_WITHDRAWALS, y, a, n] = paid[TRADITIONAL]
                lines[ROTH_WITHDRAWALS, y, a, n] = plan_out + ira_out
                lines[INHERITED_ROTH_WITHDRAWALS, y, a, n] = paid[ROTH]
                lines[NONQUALIFIED_EARNINGS, y, a, n] = earned
                lines[PENALISED_WITHDRAWALS, y, a, n] = penalties
                lines[PLAN_BEQUESTS, y, a, n] = plan_left
                lines[ROLLOVERS, y, a, n] = rollover
                lines[ROTH_ROLLOVERS, y, a, n] = roth_rollover
                lines[CONVERSIONS, y, a, n] = conversions
                lines[CORE_RETURN, y, a, n] = gained[CORE]
                lines[CRYPTO_RETURN, y, a, n] = gained[CRYPTO]
                lines[CORE_HELD, y, a, n] = held[CORE] / 2.0
                lines[CRYPTO_HELD, y, a, n] = held[CRYPTO] / 2.0
                lines[FEES, y, a, n] = fees
                lines[LOSSES, y, a, n] = losses
                lines[CRYPTO_BOUGHT, y, a, n] = traded
                for c in range(2):
                    for w in range(2):
                        for k in range(2):
                            lines[CLOSING_TRADITIONAL + c, y, a, n] += closing[a, n, w, c, k]
                lines[CLOSING_CRYPTO, y, a, n] = closed_crypto
                lines[CLOSING_OWNERS, y, a, n] = owned
                bought += traded

                # a stub's flows are taxed at the rates of the full year they belong to
                taxable = (plan_traditional + ira_traditional + earned) / part
                people = holders[y, a, n]
                lines[OWNER_TAX, y, a, n] = part * _expected_tax(
                    owner_knots[y], owner_tax[y, a, g], taxable, people
                )
                if conversions != 0.0:
                    knots, tax = conversion_knots[y], conversion_tax[y, a, g]
                    lines[CONVERSION_TAX, y, a, n] = part * (
                        _expected_tax(knots, tax, taxable + conversions / part, people)
                        - _expected_tax(knots, tax, taxable, people)
                    )
                lines[HEIR_TAX, y, a, n] = part * _expected_tax(
                    heir_knots[y], heir_tax[y, a, g], paid[TRADITIONAL] / part, heirs[y, a, n]
                )
                lines[ADDITIONAL_TAX, y, a, n] = penalties * additional_rate

                # identity of the cell, from the reported flows
                gap[PLAN, TRADITIONAL] += money[TRADITIONAL] - plan_traditional - rollover - plan_converted
                gap[PLAN, ROTH] += money[ROTH] - plan_out - roth_rollover + plan_converted
                gap[IRA, TRADITIONAL] += rollover - ira_traditional - ira_converted
                gap[IRA, ROTH] += roth_rollover - ira_out + ira_converted
                for c in range(2):
                    for w in range(2):
                        residual[y, w, c] = _worse(residual[y, w, c], -gap[w, c])
                    residual[y, INHERITED, c] = _worse(residual[y, INHERITED, c], -gap_heirs[c])

                if keeps:
                    for c in range(2):
                        for w in range(2):
                            if withdrawn[w, c] != 0.0:
                                withdrawn_shares[y, w, c, a, n] = withdrawn[w, c]
                        if rolled[PLAN, c] != 0.0:
                            rolled_shares[y, c, a, n] = rolled[PLAN, c]
                    for w in range(2):
                        if converted[w, TRADITIONAL] != 0.0:
                            converted_shares[y, w, a, n] = converted[w, TRADITIONAL]
                if y < held_years:
                    for k in range(2):
                        for w in range(2):
                            if balance[a, n, w, TRADITIONAL, k] != 0.0:
                                owners_usd[y, w, k, a, n] = balance[a, n, w, TRADITIONAL, k]
                        for since in range(filled):
                            if inherited[a, n, since, TRADITIONAL, k] != 0.0:
                                heirs_usd[y, since, k, a, n] = inherited[a, n, since, TRADITIONAL, k]

        # a year older; accounts of owners past the last age stay in its bin until they are empty
        for a in range(ages - 1, 0, -1):
            balance[a], basis[a], inherited[a] = (
                closing[a - 1],
                closing_basis[a - 1],
                closing_inherited[a - 1],
            )
        balance[0], basis[0], inherited[0] = 0.0, 0.0, 0.0
        inherited[ages - 1] += closing_inherited[ages - 1]
        closing[:], closing_basis[:], closing_inherited[:] = 0.0, 0.0, 0.0
