"""Figures of a result, comparison or exhibit: ``available(owner)`` names them, each returns Axes.

    >>> ax = fiscal.compare(base, boom).plot.difference(reference="no_crypto")

Nothing is shown and no global state is changed; ``ax.figure`` is a matplotlib figure that keeps this style.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fiscal.results.figures import drawings, market_and_law, statistics
from fiscal.results.figures.alt import alt_text
from fiscal.results.figures.owners import Owner, RunTables, SweptTables

if TYPE_CHECKING:
    from matplotlib.axes import Axes


of_exhibit = market_and_law.available

__all__ = ["alt_text", "available", "of_exhibit", "of_sweep"]

_ALWAYS = ("contributions", "cash_flow", "balances", "who_pays", "present_values", "claim")
_READS = {
    "balances": "balances",
    "claim": "claim",
    "crypto_share": "balances",
    "extra_dollar_rate": "flows",
    "present_values": "present_values",
    "who_gains": "distribution",
    "who_pays": "distribution",
}
"""Tables that not every result has, by the figure that reads them."""
_RANDOM = ("path_fan", "dollar_fan")
_WITH_CRYPTO = (
    "crypto_history",
    "crypto_share",
    "crypto_value",
    "difference",
    "extra_dollar_rate",
    "who_gains",
)


def of_sweep(sweep: SweptTables) -> Mapping[str, Callable[..., Axes]]:
    """The figures of a sweep."""
    return {"tornado": drawings.tornado}


def available(owner: Owner) -> Mapping[str, Callable[..., Axes]]:
    """The figures that the owner's tables can fill, name -> ``function(owner, ax=None, **options)``.

    Those about crypto need a scenario that holds some, fans one of many random paths; ``difference`` and
    ``who_gains`` also work between two results, and ``waterfall`` needs two.
    """
    results = owner.runs
    names = list(_ALWAYS)
    if statistics.with_crypto(results):
        names += _WITH_CRYPTO
    elif len(results) > 1:
        names += ["difference", "who_gains"]
    if statistics.random_results(results):
        names += _RANDOM
    if len(results) > 1:
        names.append("waterfall")
    if statistics.sensitivity() is not None:
        names.append("sensitivity")
    if statistics.tornado(owner) is not None:
        names.append("tornado")
    names.append("hindcast")
    found: dict[str, Any] = {name: getattr(drawings, name) for name in names if _filled(name, results)}
    return found


def _filled(name: str, results: tuple[RunTables, ...]) -> bool:
    """Whether each result has something in the table that a figure reads: totals lack some, short runs others."""
    table = _READS.get(name)
    return table is None or all(len(result.tables.get(table, ())) for result in results)
