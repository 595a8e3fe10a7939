"""The government's revenue lines, declared once: each line, and each sum of lines, as data.

Positive means that the government is better off, but a positive tax expenditure is a cost. Everything that computes,
shows, or documents the lines reads these declarations; no other file adds lines up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Line:
    """One revenue line.

    ``kind``: cash is part of net revenue; memo is in no sum except tax expenditure; contingent depends on a rule that
    is not law; state is not a federal line. ``paid`` determines the fiscal year: withheld as wages are paid, paid with
    returns, or earned (the stub's nine months are then not scaled up to a year). ``cells``: fields of the projection
    whose dollars add up to the line; empty for a line that is computed otherwise.
    """

    name: str
    label: str
    meaning: str
    kind: Literal["cash", "memo", "contingent", "state"]
    paid: Literal["withheld", "with returns", "on earnings"] = "with returns"
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sum:
    """A sum of lines, or of other sums. ``cost``: the sign is reversed, so that positive is a cost."""

    name: str
    label: str
    parts: tuple[str, ...]
    cost: bool = False

    def of(self, lines: Mapping[str, Any]) -> Any:
        """The sum of numbers, arrays, or columns by line. Raises ``KeyError`` for a missing part."""
        total = reduce(add, (amount(part, lines) for part in self.parts))
        return -total if self.cost else total


REVENUE: tuple[Line, ...] = (
    Line(
        name="deferred_revenue",
        label="Deferred revenue",
        meaning="income tax not collected now on traditional deferrals and employer contributions (negative; "
        "IRC s.402(e)(3), s.402(a))",
        kind="cash",
        paid="withheld",
    ),
    Line(
        name="payroll_forgone",
        label="Payroll tax forgone",
        meaning=(
            "payroll tax not collected on employer contributions (negative; s.3121(a)(5)); no offset for lower "
            "benefits, as in CBO's estimates"
        ),
        kind="cash",
        paid="withheld",
    ),
    Line(
        name="withdrawal_tax",
        label="Withdrawal tax",
        meaning="income tax on traditional withdrawals of owners and heirs, and on the earnings part of non-qualified "
        "Roth withdrawals",
        kind="cash",
        cells=("owner_tax", "heir_tax"),
    ),
    Line(
        name="conversion_tax",
        label="Conversion tax",
        meaning="income tax on Roth conversions",
        kind="cash",
        cells=("conversion_tax",),
    ),
    Line(
        name="additional_tax",
        label="Additional tax",
        meaning="10 percent additional tax on early withdrawals (s.72(t))",
        kind="cash",
        cells=("additional_tax",),
    ),
    Line(
        name="roth_upfront_tax",
        label="Roth tax up front (memo)",
        meaning=(
            "memo, in no sum: tax collected now on Roth contributions that the traditional treatment would have "
            "deferred"
        ),
        kind="memo",
        paid="withheld",
    ),
    Line(
        name="inside_buildup_cash",
        label="Inside build-up (memo)",
        meaning="in tax expenditure only: the law's rates on the plan's own return of the year",
        kind="memo",
        paid="on earnings",
    ),
    Line(
        name="displaced_gains_tax",
        label="Tax displaced (memo)",
        meaning="memo, two-sided: tax that households would have paid on crypto's return had they held it outside the "
        "plan (negative), less the tax that they pay outside on what it pushes out of the plan, at "
        "``displaced_taxable_share``; zero by default",
        kind="memo",
    ),
    Line(
        name="rescue_cost",
        label="Rescue cost (contingent)",
        meaning=(
            "contingent: cost of a hypothetical federal backstop (negative); only in the sum "
            "``net_revenue_after_rescue``"
        ),
        kind="contingent",
    ),
)
"""Every federal revenue line, in the order of the tables."""

INSIDE_BUILDUP_SHADOW = Line(
    name="inside_buildup_shadow",
    label="Inside build-up, shadow account",
    meaning="in present-value tax expenditure only: tax that a taxable account with the same money would pay",
    kind="memo",
)
"""The inside build-up of values over a whole life; tables by year have ``inside_buildup_cash`` instead."""

STATE = (
    Line(
        name="state_deferred_revenue",
        label="State deferred revenue",
        meaning="state income tax not collected on contributions (negative)",
        kind="state",
    ),
    Line(
        name="state_withdrawal_tax",
        label="State withdrawal tax",
        meaning="state income tax collected on withdrawals",
        kind="state",
    ),
)

CASH_LINES = tuple(line.name for line in REVENUE if line.kind == "cash")
"""The lines that add up to ``net_revenue``."""

WITHHELD = tuple(line.name for line in REVENUE if line.paid == "withheld")
"""Lines on contributions, collected through withholding as wages are paid; the others are paid with returns."""

ON_EARNINGS = tuple(line.name for line in REVENUE if line.paid == "on earnings")
"""Lines on earned returns, which are not a steady flow."""

UPFRONT = tuple(line for line in CASH_LINES if line in WITHHELD)
"""Cash lines of the year of the contribution."""

RECEIPTS = tuple(line for line in CASH_LINES if line not in WITHHELD)
"""Cash lines of later years."""

OF_CELLS: Mapping[str, tuple[str, ...]] = {line.name: line.cells for line in REVENUE if line.cells}
"""Line -> fields of the projection that add up to it."""

STATE_LINES = tuple(line.name for line in STATE)

NET_REVENUE = Sum(name="net_revenue", label="Net revenue", parts=CASH_LINES)
TAX_EXPENDITURE = Sum(
    name="tax_expenditure",
    label="Tax expenditure (positive = cost)",
    parts=("deferred_revenue", "inside_buildup_cash", "withdrawal_tax"),
    cost=True,
)
"""On the cash basis: income tax only."""

VALUE_EXPENDITURE = Sum(
    name="tax_expenditure",
    label=TAX_EXPENDITURE.label,
    parts=("deferred_revenue", "inside_buildup_shadow", "withdrawal_tax"),
    cost=True,
)
"""On the present-value basis: for contributions over their whole life."""

NET_AFTER_RESCUE = Sum(
    name="net_revenue_after_rescue", label="Net revenue after rescue", parts=("net_revenue", "rescue_cost")
)
DEFERRAL_BALANCE = Sum(
    name="deferral_balance", label="Deferral and withdrawal tax", parts=("deferred_revenue", "withdrawal_tax")
)
FORGONE = Sum(name="forgone", label="Deferred revenue and payroll tax forgone", parts=UPFRONT)
OTHER_RECEIPTS = Sum(
    name="other_receipts", label="Other receipts", parts=tuple(line for line in RECEIPTS if line != "withdrawal_tax")
)

SUMS: Mapping[str, Sum] = {
    one.name: one for one in (NET_REVENUE, TAX_EXPENDITURE, NET_AFTER_RESCUE, DEFERRAL_BALANCE, FORGONE, OTHER_RECEIPTS)
}
"""Sums by name."""

_CASH, _MEMO, _CONTINGENT = (
    tuple(line for line in REVENUE if line.kind == kind) for kind in ("cash", "memo", "contingent")
)
BOOKS: tuple[Line | Sum, ...] = (
    *_CASH, NET_REVENUE, *_MEMO, TAX_EXPENDITURE, *_CONTINGENT, NET_AFTER_RESCUE,
)  # fmt: skip
"""The lines and sums in tables by year, in this order."""

LINES = tuple(one.name for one in BOOKS)

LABELS: Mapping[str, str] = {one.name: one.label for one in (*BOOKS, INSIDE_BUILDUP_SHADOW)}
"""Labels of lines and sums for readers."""


def amount(name: str, lines: Mapping[str, Any]) -> Any:
    """A line or sum by name, computed from ``lines`` if it is not among them. Raises ``KeyError`` for a missing
    part."""
    return lines[name] if name in lines or name not in SUMS else SUMS[name].of(lines)


def with_sums(lines: Mapping[str, Any]) -> dict[str, Any]:
    """``lines`` with the sums of :data:`BOOKS` whose parts exist, computed again, in the order of :data:`BOOKS`."""
    sums = tuple(one for one in BOOKS if isinstance(one, Sum))
    found = {name: values for name, values in lines.items() if name not in SUMS}
    for one in sums:
        if all(part in found for part in one.parts):
            found[one.name] = one.of(found)
    return {name: found[name] for name in LINES if name in found}


def better_off(name: str, change: Any) -> Any:
    """A change of a line or sum with the government's sign: positive = better off."""
    return -change if name in SUMS and SUMS[name].cost else change
