"""Quantities that a sweep reports, by name and label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fiscal.engine.inputs import EQUITY_PATH, NO_CRYPTO_PATH

LEVELS = ("net_revenue", "withdrawal_tax", "tax_expenditure")
"""Lines of the scenario that a sweep reports; effects are of net revenue."""

AGAINST_REFERENCE = "net_revenue_minus_reference"
AGAINST_PATHS = {f"net_revenue_minus_{label}": label for label in (NO_CRYPTO_PATH, EQUITY_PATH)}

QUANTITY_WORDS: Mapping[str, str] = {
    "net_revenue": "net revenue",
    "withdrawal_tax": "withdrawal tax",
    "tax_expenditure": "tax expenditure (positive = a cost)",
    "net_revenue_minus_reference": "net revenue less the reference's",
    "net_revenue_minus_no_crypto": "net revenue less that without crypto",
    "net_revenue_minus_equity_adoption": "net revenue less that of the same adoption in equity",
}
"""Labels of the quantities for readers."""


def headline_quantity(quantities: Iterable[str]) -> str:
    """The effect that a sweep studies: relative to its reference, or to no crypto, or net revenue itself."""
    known = set(quantities)
    wanted = (AGAINST_REFERENCE, *AGAINST_PATHS, LEVELS[0])
    return next(quantity for quantity in wanted if quantity in known)
