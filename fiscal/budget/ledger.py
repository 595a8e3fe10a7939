"""The government's books: one array a line, positive = the government is better off.

============================ ==================================================================
``deferred_revenue``         income tax not collected now on traditional deferrals and employer
                             contributions (negative; IRC s.402(e)(3), s.402(a))
``payroll_forgone``          payroll tax not collected on employer contributions (negative;
                             s.3121(a)(5)); no offset for lower benefits, as CBO
``withdrawal_tax``           income tax on traditional withdrawals of owners and heirs, and on the
                             earnings part of non-qualified Roth withdrawals
``conversion_tax``           income tax on Roth conversions
``additional_tax``           10% on penalised early withdrawals (s.72(t))
``roth_upfront_tax``         memo, never summed: tax collected now on Roth contributions that the
                             traditional treatment would have deferred
``inside_buildup_cash``      tax expenditure only: the law's rates on the plan's own return of the year
============================ ==================================================================

``net_revenue`` is the sum of the first five. ``tax_expenditure`` =
-(deferred_revenue + inside_buildup_cash + withdrawal_tax), positive is a cost, income tax only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fiscal.projection.reference import Projection

CASH_LINES = ("deferred_revenue", "payroll_forgone", "withdrawal_tax", "conversion_tax", "additional_tax")
"""The lines that add up to ``net_revenue``."""

MEMO_LINES = ("roth_upfront_tax", "inside_buildup_cash")

LINES = (*CASH_LINES, "net_revenue", *MEMO_LINES, "tax_expenditure")

DEFERRAL_TIMED = ("deferred_revenue", "payroll_forgone", "roth_upfront_tax")
"""Lines collected through withholding as wages are paid; the others are paid with returns."""


@dataclass(frozen=True, kw_only=True)
class ContributionTaxes:
    """Tax consequences of a year's contributions by cell, dollars ``(Y, A, G)``, all positive amounts."""

    deferred_usd: np.ndarray
    payroll_oasdi_usd: np.ndarray
    payroll_hi_usd: np.ndarray
    roth_upfront_usd: np.ndarray


@dataclass(frozen=True, kw_only=True)
class BuildupTax:
    """The law's tax on a year's return earned outside a plan, per dollar held in the sleeve."""

    core: np.ndarray  # (P, Y, A, G, S)
    crypto: np.ndarray  # (P, Y, A, G)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Revenue lines by cell, nominal dollars: ``lines[name]`` is ``(P, Y, A, G)``."""

    years: np.ndarray
    path_labels: tuple[str, ...]
    lines: dict[str, np.ndarray]
    payroll_oasdi_usd: np.ndarray  # (Y, A, G), part of payroll_forgone, negative
    payroll_hi_usd: np.ndarray

    def total(self, line: str) -> np.ndarray:
        """A line summed over cells, ``(P, Y)``."""
        return self.lines[line].sum(axis=(2, 3))


def keep_books(projection: Projection, taxes: ContributionTaxes, buildup: BuildupTax) -> Ledger:
    """Turn flows and contribution taxes into revenue lines ``(P, Y, A, G)``."""
    shape = projection.cells["owner_tax"].shape[:4]

    def same_on_every_path(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, shape)

    def over_strata(name: str) -> np.ndarray:
        return projection.cells[name].sum(axis=4)

    lines = {
        "deferred_revenue": same_on_every_path(-taxes.deferred_usd),
        "payroll_forgone": same_on_every_path(-(taxes.payroll_oasdi_usd + taxes.payroll_hi_usd)),
        "withdrawal_tax": over_strata("owner_tax") + over_strata("heir_tax"),
        "conversion_tax": over_strata("conversion_tax"),
        "additional_tax": over_strata("additional_tax"),
        "roth_upfront_tax": same_on_every_path(taxes.roth_upfront_usd),
        "inside_buildup_cash": -(
            (projection.cells["core_held"] * buildup.core).sum(axis=4)
            + over_strata("crypto_held") * buildup.crypto
        ),
    }
    lines["net_revenue"] = sum((lines[name] for name in CASH_LINES), start=np.zeros(shape))
    lines["tax_expenditure"] = -(
        lines["deferred_revenue"] + lines["inside_buildup_cash"] + lines["withdrawal_tax"]
    )
    return Ledger(
        years=projection.years,
        path_labels=projection.path_labels,
        lines={name: lines[name] for name in LINES},
        payroll_oasdi_usd=-taxes.payroll_oasdi_usd,
        payroll_hi_usd=-taxes.payroll_hi_usd,
    )
