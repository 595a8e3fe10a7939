"""Real runs that several test modules look at, made once."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from fiscal.results import running
from fiscal.results.result import Comparison, Result, compare
from fiscal.scenario import load

HOSTILE = {
    "title": '#import "x": * *bold* _it_ <script>alert(1)</script> $x^2$ @ref \\ `code` [a](b) // = head',
    "description": "#panic() & \\textbf{x} <b>y</b> $E = m$ {{braces}} %d",
    "author": "= Not a heading",
    "reference": "- not a list #pagebreak()",
}
"""Header texts that are markup in Typst, HTML, TeX or Markdown, and must be printed as typed."""


FEW_PATHS = {"books.risk_neutral_paths": 4, "backstop.paths": 4}
"""Values at market prices on few random paths, which take most of a run's time."""


@cache
def three() -> tuple[Result, ...]:
    """Baseline, boom, and bust; the last one under a header that looks like markup."""
    baseline, boom, bust = (
        running.run(load(name, FEW_PATHS | {"scenario.name": name})) for name in ("baseline", "boom", "bust")
    )
    return baseline, boom, replace(bust, scenario=replace(bust.scenario, **HOSTILE))


@cache
def comparison() -> Comparison:
    """The three, compared with the baseline."""
    return compare(*three())


@cache
def short() -> tuple[Result, ...]:
    """Baseline and boom to 2040 only: one window, and an event that no window holds."""
    return tuple(running.run(load(name, {"horizon.last_year": 2040})) for name in ("baseline", "boom"))
