"""Compile what the tests call, before they start: two of their processes would compile the same at once.

``make test`` runs this for each of the ``RUNS`` beside the type checker. Without it, the tests compile what they need
themselves.
"""

from __future__ import annotations

import sys

from fiscal.results import running
from fiscal.scenario import load

SHORT = {
    "horizon.last_year": 2036,
    "adoption.full_year": 2030,
    "books.risk_neutral_paths": 4,
    "backstop.paths": 4,
}
"""The shortest run that computes every table."""

RUNS: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    "401k": (("boom", {}), ("price_feedback", {})),
    "all_dc": (("baseline", {"scope.plans": "all_dc"}),),
}
"""Code is compiled for a number of accounts: the runs of these plans share little of it."""

if __name__ == "__main__":
    for plans in sys.argv[1:] or RUNS:
        for name, changes in RUNS[plans]:
            running.run(load(name, SHORT | changes)).full()
