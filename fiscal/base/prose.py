"""Sentences from templates: Jinja2 with the words of a budget office for numbers.

Templates are beside the package that fills them, in ``templates/``. They get facts and decide the words; what a user
typed is passed through as it is, so that the layout decides what to escape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from fiscal.base.words import DASH, MINUS, capital, listing, significant

SMALLEST_BN_USD = 0.05
"""Amounts below fifty million dollars print as less than $0.1 billion: a long projection does not carry millions."""

SMALLEST_SHARE = 1e-6
"""Smaller shares print as less than this."""


SMALL_SHARE = 1e-4
"""Shares below have one significant digit: 0.009%."""


def usd(billions: float | None, digits: int = 2) -> str:
    """Size of an amount: "$75 billion", "$1.2 trillion", "less than $0.1 billion", "zero"."""
    if billions is None or not math.isfinite(billions):
        return "an unknown amount"
    if billions == 0:
        return "zero"
    if abs(billions) < SMALLEST_BN_USD:
        return "less than $0.1 billion"
    if float(significant(billions, digits).replace(",", "")) >= 1e3:
        return f"${_trimmed(billions / 1e3, digits)} trillion"
    return f"${_trimmed(billions, digits)} billion"


def _trimmed(size: float, digits: int) -> str:
    """Significant digits, one decimal at most for anything of one and more."""
    text = significant(size, digits)
    return f"{abs(size):.1f}" if abs(size) < 1 else text


def signed_usd(billions: float | None, digits: int = 2) -> str:
    """The same with a true minus sign."""
    size = usd(billions, digits)
    known = billions is not None and math.isfinite(billions)
    return f"{MINUS}{size}" if known and billions is not None and billions <= -SMALLEST_BN_USD else size


def pct(share: float | None, digits: int = 2, smallest: float = SMALLEST_SHARE) -> str:
    """Size of a fraction: "0.45%", "10%", "0.009%"; ``smallest`` is the smallest share shown."""
    if share is None or not math.isfinite(share):
        return "an unknown share"
    if abs(share) < smallest:
        return f"less than {100 * smallest:g}%"
    text = significant(100 * share, 1 if abs(share) < SMALL_SHARE else digits)
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def per_100_000(share: float) -> str:
    """A small fraction as dollars that a reader can hold: "$9 of every $100,000"."""
    dollars = 1e5 * abs(share)
    return f"{f'${dollars:,.0f}' if dollars >= 0.5 else 'less than $1'} of every $100,000"


def span(first: int, last: int) -> str:
    """Years as "2036–2045", or one year."""
    return str(first) if first == last else f"{first}{DASH}{last}"


SPELLED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def count(number: int) -> str:
    """A whole number in a sentence: spelled out below ten."""
    return SPELLED[number] if 0 <= number < len(SPELLED) else f"{number:,}"


def verb(value: float, up: str = "raise", down: str = "lower") -> str:
    """The verb of a change."""
    return down if value < 0 else up


FILTERS: dict[str, Callable[..., str]] = {
    "usd": usd,
    "signed_usd": signed_usd,
    "pct": pct,
    "per_100_000": per_100_000,
    "verb": verb,
    "count": count,
    "listing": listing,
    "capital": capital,
}


@cache
def environment(folder: Path) -> jinja2.Environment:
    """Templates of a folder; a fact that a template names and nobody gave is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.filters.update(FILTERS)
    made.globals.update(span=span)
    return made


def sentence(folder: Path, template: str, **facts: Any) -> str:
    """A template filled, with one space between words."""
    return " ".join(environment(folder).get_template(template).render(**facts).split())
