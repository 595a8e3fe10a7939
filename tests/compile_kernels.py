"""Compile what the tests call, before they start: two of their processes would compile the same at once.

``make test`` runs this for each of the ``PARTS`` beside the type checker. Without it, the tests compile what they need
themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from fiscal.results import running
from fiscal.scenario import load

SHORT = {"horizon.last_year": 2036, "adoption.full_year": 2030, "books.risk_neutral_paths": 0, "backstop.paths": 4}
"""The shortest run that computes every table but those of many paths."""


def whole() -> None:
    """Cell by cell and backwards, also where purchases move the price."""
    for name in ("boom", "price_feedback"):
        running.run(load(name, SHORT)).full()


def paths() -> None:
    """Many paths at once where accounts drift from their mix, and with more accounts: code is compiled for a number."""
    for name, changes in (("boom", {"adoption.rebalancing": 0.5}), ("baseline", {"scope.plans": "all_dc"})):
        running.quick(load(name, SHORT | changes))


PARTS: dict[str, Callable[[], None]] = {"whole": whole, "paths": paths}
"""They share little of what is compiled."""

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
