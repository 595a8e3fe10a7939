"""The plain NumPy projection: what the compiled ones have to equal.

Order of events in a year (times are fractions of the year; a stub year runs them in the same order
with its own half-year returns and with flow rates times its fraction):

1. ``0``     opening balances grow with the first half's return ``h1``, sleeve by sleeve.
2. ``1/2``   withdrawals, then rollovers, then Roth conversions leave, each a stated share of the
   *opening* balance (prior 31 December, as required minimum distributions are), each capped at what
   is still there, taken from the sleeves pro rata to what they hold; contributions come in, divided
   over the sleeves at the stratum's target. Inherited accounts pay 1/(years left).
3. ``1``     all grow with ``h2``; fees and operational losses are charged on the balance at the end.
4. ``1``     rebalancing: a rise of the target since last year is bought; what is left of the gap to
   the target is closed by the share ``rebalancing``, of a sale only ``sale_share`` of that. Without
   ``transfer`` neither happens: only new money is put at the target, and what is held drifts.
5. ``1``     deaths: a decedent's balance stays with the spouse or moves to the inherited wrapper.
   Closing. Everybody is a year older at the next opening.

Price impact (none while ``impact_multiplier`` is zero): the net dollars that the accounts put into the
crypto sleeve in the *previous* year, over the market's value without impact, times the multiplier, raise
the log price; what they raised earlier fades to ``impact_persistence`` of it a year. The change falls on
the first half. Neither gains nor the raised value count as flow, so that it does not feed on itself.

Identity, checked in every cell, wrapper, character, year and path::

    opening + return + contributions + conversions in + rollovers in + inherited in
      - withdrawals - conversions out - rollovers out - fees - losses - inherited out = closing
"""

from __future__ import annotations

import numpy as np

from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.outputs import (
    CORE,
    CRYPTO,
    ROTH,
    TRADITIONAL,
    AccountBalances,
    AccountShares,
    Projection,
    cell_lines,
)


def expected_tax(schedule: TaxSchedule, year: int, withdrawal_usd: np.ndarray, holders: np.ndarray) -> np.ndarray:
    """Income tax on withdrawals ``(P, A, G, S)`` shared by ``holders`` (A, G, S), through a schedule.

    Each cell's tax is ``holders x schedule(withdrawals / holders)``; a cell without holders pays none.
    """
    knots = schedule.knots_usd[year]
    per_holder = np.divide(
        withdrawal_usd,
        holders,
        out=np.zeros_like(withdrawal_usd),
        where=np.broadcast_to(holders > 0, withdrawal_usd.shape),
    )
    piece = np.clip(np.searchsorted(knots, per_holder, side="right") - 1, 0, len(knots) - 2)
    tax = schedule.tax_usd[year]  # (A, G, K)
    lower = np.take_along_axis(tax[None, :, :, None, :], piece[..., None], axis=4)[..., 0]
    upper = np.take_along_axis(tax[None, :, :, None, :], piece[..., None] + 1, axis=4)[..., 0]
    weight = (per_holder - knots[piece]) / (knots[piece + 1] - knots[piece])
    return holders * (lower + weight * (upper - lower))


def core_half_return(inputs: ProjectionInputs, year: int) -> np.ndarray:
    """Return of the core sleeve in each half of a year, ``(P, half, A, S)``."""
    weights = inputs.core_weight[inputs.mix, year]  # (P, A, S, X)
    return np.einsum("phx,pasx->phas", inputs.half_return[:, year], weights)


def crypto_half_return(inputs: ProjectionInputs, year: int) -> np.ndarray:
    """Return of the crypto sleeve in each half of a year, ``(P, half)``."""
    return (inputs.half_return[:, year] * inputs.crypto_weight[inputs.mix][:, None]).sum(axis=2)


def _share(amount: np.ndarray, available: np.ndarray) -> np.ndarray:
    """``amount / available``, zero where nothing is available."""
    return np.divide(amount, available, out=np.zeros_like(available), where=available > 0)


def _aged(closing: np.ndarray, axis: int) -> np.ndarray:
    """Closing balances of age ``a`` as opening balances of age ``a + 1``; none at the first age."""
    opening = np.zeros_like(closing)
    source = [slice(None)] * closing.ndim
    target = [slice(None)] * closing.ndim
    source[axis], target[axis] = slice(0, -1), slice(1, None)
    opening[tuple(target)] = closing[tuple(source)]
    return opening


def _aged_inherited(closing: np.ndarray, axis: int) -> np.ndarray:
    """As :func:`_aged`, but accounts of owners past the last age stay in its bin until they are empty."""
    opening = _aged(closing, axis)
    last = [slice(None)] * closing.ndim
    last[axis] = slice(-1, None)
    opening[tuple(last)] += closing[tuple(last)]
    return opening


def project(
    inputs: ProjectionInputs,
    *,
    keep_shares: tuple[int, ...] = (),
    keep_balances: tuple[int, ...] = (),
    balance_years: int | None = None,
) -> Projection:
    """Roll all cells forward through all years on all paths; see the module's order of events.

    Returns a :class:`Projection`, with the :class:`AccountShares` of the paths that ``keep_shares`` lists (about
    120 MB a path at full size) and the :class:`AccountBalances` of ``keep_balances`` (about 90) in the first
    ``balance_years``, by default in all. Raises
    ``ValueError`` only through ``ProjectionInputs``' own checks; the identity is *reported*, not asserted
    (``identity_residual_usd``): the engine judges it.
    """
    n_paths, n_years = len(inputs.path_labels), len(inputs.years)
    ages, groups, strata = inputs.opening_usd.shape[2:]
    heir_years = inputs.heir_years
    cell = (ages, groups, strata)
    accounts = len(inputs.accounts)
    last, inherited_place = accounts - 1, accounts  # the last account receives rollovers

    # living owners' accounts: (P, account, character 2, sleeve 2, A, G, S)
    balance = np.zeros((n_paths, accounts, 2, 2, *cell))
    balance[:, :, :, CORE] = inputs.opening_usd
    basis = np.broadcast_to(inputs.opening_basis_usd, (n_paths, accounts, *cell)).copy()
    # inherited accounts by years since death: (P, since, character 2, sleeve 2, A, G, S)
    inherited = np.zeros((n_paths, heir_years, 2, 2, *cell))
    inherited_share = 1.0 / np.arange(heir_years, 0, -1)

    lines = {name: np.zeros((n_paths, n_years, *cell)) for name in cell_lines(inputs.accounts)}
    closing_usd = np.zeros((n_paths, n_years, accounts + 1, 2, 2))
    opening_usd = np.zeros((n_paths, n_years, accounts + 1, 2))
    basis_usd = np.zeros((n_paths, n_years))
    crypto_return = np.zeros((n_paths, n_years))
    residual = np.zeros((n_paths, n_years, accounts + 1, 2))
    scale = np.zeros((n_paths, n_years))

    kept = list(keep_shares)
    owners = (len(kept), n_years, accounts, 2, *cell)
    shares = AccountShares(
        paths=keep_shares,
        withdrawn=np.zeros(owners),
        rolled=np.zeros((len(kept), n_years, last, 2, *cell)),
        converted=np.zeros((len(kept), n_years, accounts, *cell)),
        moved=np.zeros(owners),
        heirs_moved=np.zeros((len(kept), n_years, heir_years, 2, *cell)),
    )
    with_balances, held_years = list(keep_balances), n_years if balance_years is None else balance_years
    balances = AccountBalances(
        paths=keep_balances,
        owners=np.zeros((len(with_balances), held_years, accounts, 2, *cell)),
        heirs=np.zeros((len(with_balances), held_years, heir_years, 2, *cell)),
    )
    impact = np.zeros(n_paths)  # log price raised by past purchases
    bought = np.zeros(n_paths)  # net dollars into the crypto sleeve last year
    for y in range(n_years):
        fraction = inputs.year_fraction[y]
        target = inputs.crypto_target_share[:, y]  # (P, S)
        previous_target = inputs.crypto_target_share[:, y - 1] if y else np.zeros_like(target)

        growth = np.empty((n_paths, 2, 2, ages, strata))  # (P, half, sleeve, A, S)
        growth[:, :, CORE] = 1 + core_half_return(inputs, y)
        growth[:, :, CRYPTO] = (1 + crypto_half_return(inputs, y))[:, :, None, None]
        if inputs.impact_multiplier:
            faded = impact * inputs.impact_persistence
            raised = faded + inputs.impact_multiplier * bought / inputs.crypto_market_usd[:, y]
            growth[:, 0, CRYPTO] *= np.exp(raised - impact)[:, None, None]
            impact = raised
        crypto_return[:, y] = growth[:, :, CRYPTO, 0, 0].prod(axis=1) - 1
        grow = growth[:, :, None, None, :, :, None, :]  # (P, half, 1, 1, sleeve, A, 1, S)

        # 1. opening and first half
        opening = balance.sum(axis=3)  # (P, 2, 2, A, G, S)
        opening_inherited = inherited.sum(axis=3)
        if with_balances and y < held_years:
            balances.owners[:, y] = balance[with_balances][:, :, TRADITIONAL]
            balances.heirs[:, y] = inherited[with_balances][:, :, TRADITIONAL]
        middle = balance * grow[:, 0]
        middle_inherited = inherited * grow[:, 0]

        # 2. flows out, then in
        available = middle.sum(axis=3)
        rate = inputs.withdrawal_rate[y][None, ..., None] * fraction
        per_available = _share(opening, available)
        left = np.where(available > 0, 1.0, 0.0)
        withdrawn = np.minimum(rate * per_available, left)
        left = left - withdrawn
        rolled = np.zeros_like(withdrawn)
        rolled[:, :last] = np.minimum(
            inputs.rollover_rate[y][None, :, None, :, None, None] * fraction * per_available[:, :last], left[:, :last]
        )
        left = left - rolled
        converted = np.zeros_like(withdrawn)
        converted[:, :, TRADITIONAL] = np.minimum(
            inputs.conversion_rate[y][None, None, :, None, None] * fraction * per_available[:, :, TRADITIONAL],
            left[:, :, TRADITIONAL],
        )
        withdrawals = withdrawn * available
        rollovers = rolled * available
        conversions = converted * available

        after = middle * (1.0 - withdrawn - rolled - converted)[:, :, :, None]
        after[:, last] += (middle * rolled[:, :, :, None]).sum(axis=1)
        after[:, :, ROTH] += middle[:, :, TRADITIONAL] * converted[:, :, TRADITIONAL, None]
        paid_in = inputs.contribution_usd[y] * inputs.contribution_split[:, y, ..., None]  # (account, character, ...)
        contribution = paid_in * inputs.contribution_scale[:, y, None, None, None, None, :]
        to_crypto = contribution * inputs.crypto_contribution_share[:, y, None, None, None, None, :]
        after[:, :, :, CRYPTO] += to_crypto
        after[:, :, :, CORE] += contribution - to_crypto

        inherited_paid = middle_inherited * inherited_share[None, :, None, None, None, None, None]
        after_inherited = middle_inherited - inherited_paid
        inherited_withdrawals = inherited_paid.sum(axis=(1, 3))  # (P, character, A, G, S)

        # Roth basis: a plan pays earnings pro rata (s.72(e)(8)); an IRA pays basis first (s.408A(d)(4))
        roth_out = withdrawals[:, :, ROTH]
        first = (np.arange(accounts) == last)[None, :, None, None, None]
        pro_rata = withdrawn[:, :, ROTH] * np.minimum(basis, available[:, :, ROTH])
        basis_out = np.where(first, np.minimum(roth_out, basis), pro_rata)
        nonqualified = (roth_out - basis_out).sum(axis=1) * inputs.nonqualified_share[None, :, None, None]
        basis_rolled = rolled[:, :, ROTH] * basis
        basis = np.where(first, basis - basis_out, basis * (1 - withdrawn[:, :, ROTH])) - basis_rolled
        basis += contribution[:, :, ROTH] + conversions[:, :, TRADITIONAL]
        basis[:, last] += basis_rolled.sum(axis=1)

        # 3. second half, fees, losses
        end = after * grow[:, 1]
        end_inherited = after_inherited * grow[:, 1]
        fee = (inputs.fee_rate[inputs.mix] * fraction)[:, None, None, :, None, None, None]
        loss = np.zeros((n_paths, 1, 1, 2, 1, 1, 1))
        loss[:, 0, 0, CRYPTO] = inputs.loss_rate[:, y, None, None, None]
        fees, fees_inherited = end * fee, end_inherited * fee
        losses, losses_inherited = end * loss, end_inherited * loss
        net, net_inherited = end - fees - losses, end_inherited - fees_inherited - losses_inherited

        # 4. rebalancing
        before = net[:, :, :, CRYPTO].sum(axis=(1, 2)) + net_inherited[:, :, :, CRYPTO].sum(axis=(1, 2))
        drifted, drifted_inherited = net, net_inherited
        net = _rebalanced(net, target, previous_target, inputs, y)
        net_inherited = _rebalanced(net_inherited, target, previous_target, inputs, y)
        if kept:
            shares.withdrawn[:, y], shares.rolled[:, y] = withdrawn[kept], rolled[kept, :last]
            _fill(shares.converted, y, converted[kept][:, :, TRADITIONAL])
            _fill(shares.moved, y, _moved_share(drifted[kept], net[kept]))
            _fill(shares.heirs_moved, y, _moved_share(drifted_inherited[kept], net_inherited[kept]))
        rebalanced = net[:, :, :, CRYPTO].sum(axis=(1, 2)) + net_inherited[:, :, :, CRYPTO].sum(axis=(1, 2))
        traded = (
            (rebalanced - before)
            + (after - middle)[:, :, :, CRYPTO].sum(axis=(1, 2))
            - inherited_paid[:, :, :, CRYPTO].sum(axis=(1, 2))
        )  # (P, A, G, S)

        # 5. deaths, closing
        to_heirs = inputs.death_rate[y] * (1 - inputs.spouse_share)[:, None]  # (A, G)
        bequeathed = net * to_heirs[..., None]
        closing = net - bequeathed
        basis = basis * (1 - to_heirs)[..., None]
        closing_inherited = np.concatenate(
            [bequeathed.sum(axis=1)[:, None], net_inherited[:, :-1]], axis=1
        )  # years since death 0 .. heir_years - 1; the oldest have just been paid in full

        # what is reported
        gained = (
            (middle - balance).sum(axis=(1, 2)) + (end - after).sum(axis=(1, 2))
            + (middle_inherited - inherited).sum(axis=(1, 2)) + (end_inherited - after_inherited).sum(axis=(1, 2))
        )  # fmt: skip
        held = (
            (balance + after).sum(axis=(1, 2)) + (inherited + after_inherited).sum(axis=(1, 2))
        ) / 2  # fmt: skip
        report = {
            **{f"{account}_withdrawals": withdrawals[:, w, TRADITIONAL] for w, account in enumerate(inputs.accounts)},
            "inherited_withdrawals": inherited_withdrawals[:, TRADITIONAL],
            "roth_withdrawals": roth_out.sum(axis=1),
            "inherited_roth_withdrawals": inherited_withdrawals[:, ROTH],
            "nonqualified_earnings": nonqualified,
            "penalised_withdrawals": (
                withdrawals[:, :, TRADITIONAL] * inputs.penalised_share[None, :, :, None, None]
            ).sum(axis=1)
            + nonqualified * inputs.penalised_share[0][None, :, None, None],
            "plan_bequests": bequeathed[:, :last].sum(axis=(1, 2, 3)),
            "rollovers": rollovers[:, :, TRADITIONAL].sum(axis=1),
            "roth_rollovers": rollovers[:, :, ROTH].sum(axis=1),
            "conversions": conversions.sum(axis=(1, 2)),
            "core_return": gained[:, CORE],
            "crypto_return": gained[:, CRYPTO],
            "core_held": held[:, CORE],
            "crypto_held": held[:, CRYPTO],
            "fees": fees.sum(axis=(1, 2, 3)) + fees_inherited.sum(axis=(1, 2, 3)),
            "losses": losses.sum(axis=(1, 2, 3)) + losses_inherited.sum(axis=(1, 2, 3)),
            "crypto_bought": traded,
            "closing_traditional": closing[:, :, TRADITIONAL].sum(axis=(1, 2))
            + closing_inherited[:, :, TRADITIONAL].sum(axis=(1, 2)),
            "closing_roth": closing[:, :, ROTH].sum(axis=(1, 2)) + closing_inherited[:, :, ROTH].sum(axis=(1, 2)),
            "closing_owners": closing.sum(axis=(1, 2, 3)),
            "closing_crypto": closing[:, :, :, CRYPTO].sum(axis=(1, 2))
            + closing_inherited[:, :, :, CRYPTO].sum(axis=(1, 2)),
        }
        # a stub's flows are taxed at the rates of the full year they belong to
        taxable = (withdrawals[:, :, TRADITIONAL].sum(axis=1) + nonqualified) / fraction
        report["owner_tax"] = fraction * expected_tax(inputs.owner_schedule, y, taxable, inputs.holders[y])
        # conversions are the last dollars of those who convert, on top of their withdrawals
        with_conversions, without = (
            expected_tax(inputs.conversion_schedule, y, dollars, inputs.holders[y])
            for dollars in (taxable + report["conversions"] / fraction, taxable)
        )
        report["conversion_tax"] = fraction * (with_conversions - without)
        report["heir_tax"] = fraction * expected_tax(
            inputs.heir_schedule, y, report["inherited_withdrawals"] / fraction, inputs.heirs[y]
        )
        report["additional_tax"] = report["penalised_withdrawals"] * inputs.additional_tax_rate
        for name, values in report.items():
            lines[name][:, y] = values

        opening_usd[:, y, :accounts] = opening.sum(axis=(3, 4, 5))
        opening_usd[:, y, inherited_place] = opening_inherited.sum(axis=(1, 3, 4, 5))
        closing_usd[:, y, :accounts] = closing.sum(axis=(4, 5, 6))
        closing_usd[:, y, inherited_place] = closing_inherited.sum(axis=(1, 4, 5, 6))
        basis_usd[:, y] = basis.sum(axis=(1, 2, 3, 4))

        # identity, cell by cell, from the reported flows
        flow = (
            opening + (middle - balance).sum(axis=3) + (end - after).sum(axis=3)
            - withdrawals - rollovers - conversions
            - fees.sum(axis=3) - losses.sum(axis=3) - bequeathed.sum(axis=3)
        )  # fmt: skip
        flow += contribution
        flow[:, last] += rollovers.sum(axis=1)
        flow[:, :, ROTH] += conversions[:, :, TRADITIONAL]
        gap = closing.sum(axis=3) - flow
        flow_inherited = (
            opening_inherited.sum(axis=1)
            + (middle_inherited - inherited).sum(axis=(1, 3)) + (end_inherited - after_inherited).sum(axis=(1, 3))
            - inherited_withdrawals - fees_inherited.sum(axis=(1, 3)) - losses_inherited.sum(axis=(1, 3))
            + bequeathed.sum(axis=(1, 3))
        )  # fmt: skip
        gap_inherited = closing_inherited.sum(axis=(1, 3)) - flow_inherited
        residual[:, y, :accounts] = _worst(gap, 3)
        residual[:, y, inherited_place] = _worst(gap_inherited, 2)
        scale[:, y] = np.maximum(
            opening.max(axis=(1, 2, 3, 4, 5)), opening_inherited.sum(axis=1).max(axis=(1, 2, 3, 4))
        )

        # a year older
        bought = traded.sum(axis=(1, 2, 3))
        balance = _aged(closing, axis=4)
        basis = _aged(basis, axis=2)
        inherited = _aged_inherited(closing_inherited, axis=4)

    return Projection(
        years=inputs.years,
        path_labels=inputs.path_labels,
        cells=lines,
        closing_usd=closing_usd,
        opening_usd=opening_usd,
        crypto_return=crypto_return,
        roth_basis_usd=basis_usd,
        identity_residual_usd=residual,
        identity_scale_usd=scale,
        shares=shares if kept else None,
        balances=balances if with_balances else None,
    )


def _worst(gap: np.ndarray, first_cell_axis: int) -> np.ndarray:
    """The residual largest in size over the cell axes, with its sign."""
    flat = gap.reshape(*gap.shape[:first_cell_axis], -1)
    index = np.abs(flat).argmax(axis=-1)
    return np.take_along_axis(flat, index[..., None], axis=-1)[..., 0]


def _rebalanced(
    net: np.ndarray, target: np.ndarray, previous_target: np.ndarray, inputs: ProjectionInputs, year: int
) -> np.ndarray:
    """Move between the sleeves (axis 3) toward the stratum's target; the sum of the sleeves is kept."""
    total = net.sum(axis=3)
    crypto = net[:, :, :, CRYPTO]

    def by_path(values: np.ndarray) -> np.ndarray:
        return values[:, None, None, None, None, None]

    shape = (target.shape[0], 1, 1, 1, 1, target.shape[1])
    wanted = crypto + (target - previous_target).reshape(shape) * total
    gap = target.reshape(shape) * total - wanted
    strength = by_path(inputs.rebalancing[:, year]) * np.where(gap < 0, by_path(inputs.sale_share), 1.0)
    wanted = np.clip(wanted + strength * gap, 0.0, total)
    crypto = np.where(by_path(inputs.transfer[:, year]), wanted, crypto)
    moved = np.empty_like(net)
    moved[:, :, :, CRYPTO] = crypto
    moved[:, :, :, CORE] = total - crypto
    return moved


def _fill(into: np.ndarray, year: int, values: np.ndarray) -> None:
    """Write a year of each path into zeros, where there is anything: memory never written to is not taken."""
    for path, own in enumerate(values):
        if own.any():
            into[path, year] = own


def _moved_share(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Share of the core sleeve moved to crypto, or, negative, of the crypto sleeve moved to core (axis 3)."""
    bought = after[:, :, :, CRYPTO] - before[:, :, :, CRYPTO]
    source = np.where(bought > 0, before[:, :, :, CORE], before[:, :, :, CRYPTO])
    return np.clip(_share(bought, source), -1.0, 1.0)
