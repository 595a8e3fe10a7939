"""Compile what the tests call, before they start: two of their processes would compile the same at once.

``make test`` runs this beside the type checker. Without it, the tests compile what they need themselves.
"""

from __future__ import annotations

from fiscal.results import running
from fiscal.scenario import load

SHORT = {
    "horizon.last_year": 2036,
    "adoption.full_year": 2030,
    "books.risk_neutral_paths": 4,
    "backstop.paths": 4,
}
"""The shortest run that computes every table."""

if __name__ == "__main__":
    for name, changes in {
        "boom": {},
        "price_feedback": {},
        "baseline": {"scope.plans": "all_dc"},
    }.items():
        running.run(load(name, SHORT | changes)).full()
