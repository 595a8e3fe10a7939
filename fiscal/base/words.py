"""Numbers in words: how amounts, rates, and years are written in sentences, labels, and tables.

Sentences say "percent", "billion", and "trillion"; tables use figures of one width, a true minus sign, and one number
of decimals per column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
MISSING = "\N{EN DASH}"

PATH_NAMES = {"no_crypto": "no crypto", "equity_adoption": "same adoption in equity"}
"""Labels of the paths of one run for readers."""

FACTOR_NAMES = {
    "contributions": "contributions",
    "returns": "returns",
    "rate": "tax rates",
    "timing": "timing",
    "behaviour": "behavior",
    "difference": "difference",
}
"""Labels of the factors of a decomposition for readers; :mod:`fiscal.budget.decomposition` defines them."""

BASIS_NAMES = {
    "convention": "Convention",
    "fixed": "Fixed rate",
    "treasury": "Treasury bills",
    "treasury_10y": "Treasury ten-year",
    "portfolio": "Portfolio (own return)",
    "risk_neutral": "Risk-neutral",
}


def figures(value: float, decimals: int) -> str:
    """A number for a table cell: commas for thousands, a true minus sign, and a dash for a missing value.

    A number that rounds to zero has no sign.
    """
    if not math.isfinite(value):
        return MISSING
    text = f"{abs(value):,.{decimals}f}"
    negative = value < 0 and any(digit in "123456789" for digit in text)
    return (MINUS if negative else "") + text


def significant(value: float, digits: int = 3) -> str:
    """Absolute value with ``digits`` significant digits and no exponent: 0.0451, 4.51, 451, 4,510."""
    size = abs(value)
    if not math.isfinite(size) or size == 0:
        return "0"
    rounded = float(f"{size:.{digits - 1}e}")
    decimals = max(digits - 1 - math.floor(math.log10(rounded)), 0)
    return f"{rounded:,.{decimals}f}"


def short(value: float, digits: int = 3) -> str:
    """As :func:`significant`, without trailing zeros if the value is exact."""
    text = significant(value, digits)
    exact = abs(float(text.replace(",", "")) - abs(value)) <= 1e-9 * abs(value)
    return text.rstrip("0").rstrip(".") if exact and "." in text else text


def signed_amount(billions: float) -> str:
    """An amount in words, with "minus" before a negative one; an amount below the resolution has no sign."""
    return f"{'minus ' if billions <= -SMALLEST_BN_USD else ''}{amount(billions)}"


def signed_percent(share: float, digits: int = 3) -> str:
    """A fraction in words, with "minus" before a negative one."""
    return f"{'minus ' if share < 0 else ''}{percent(share, digits)}"


SMALLEST_BN_USD = 0.05
"""Words do not distinguish amounts below this, because a projection over decades does not resolve millions."""


def amount(billions: float) -> str:
    """Size of an amount in words, without a sign: "$135 trillion", "$996 billion", "$2.4 billion", "less than $0.1
    billion".

    Three significant digits, and at most one decimal of a billion.
    """
    size = float(f"{abs(billions):.2e}")
    if size >= 1e3:
        return f"${short(billions / 1e3)} trillion"
    if size >= 10:
        return f"${short(billions)} billion"
    return "less than $0.1 billion" if abs(billions) < SMALLEST_BN_USD else f"${size:.1f} billion"


def percent(share: float, digits: int = 3) -> str:
    """Size of a fraction in words, without a sign: "0.45 percent", or "10 percent" if it is exact."""
    return f"{short(100 * share, digits)} percent"


def change(difference: float, up: str = "raises", down: str = "lowers") -> str:
    """The verb of a difference; for a zero difference, "does not change"."""
    if difference == 0:
        return "does not change"
    return up if difference > 0 else down


def window_name(label: str) -> str:
    """ "FY2026-2035" for readers: fiscal years 2026-2035 with an en dash."""
    first, last = window_years(label)
    return f"FY {first}{DASH}{last}"


def window_years(label: str) -> tuple[int, int]:
    """First and last year of a window's label."""
    first, last = label.removeprefix("FY").split("-")
    return int(first), int(last)


def listing(items: Sequence[str], word: str = "and") -> str:
    """ "a", "a and b", "a, b, and c"."""
    items = list(items)
    if len(items) < 3:
        return f" {word} ".join(items)
    return f"{', '.join(items[:-1])}, {word} {items[-1]}"


def capital(text: str) -> str:
    """The text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def printable(text: str) -> str:
    """Text without control characters, which could control a terminal."""
    return "".join(mark if mark.isprintable() or mark == "\n" else "\ufffd" for mark in text)
