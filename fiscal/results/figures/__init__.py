"""Figures of a result, comparison, sweep, or exhibit: ``available(owner)`` names them, and each returns Axes.

    >>> ax = fiscal.compare(base, boom).plot.difference(reference="no_crypto")

Nothing is shown and no global state is changed; ``ax.figure`` is a matplotlib figure that keeps this style. A figure is
declared once, in :data:`FIGURES`: its drawing, its description in words, the tables that it needs, and when it has
something to show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fiscal.base.errors import InputError
from fiscal.results.figures import (
    alt,
    drawings,
    market_and_law,
    market_drawings,
    market_statistics,
    statistics,
    study_drawings,
    study_statistics,
)
from fiscal.results.figures.owners import Owner, ShownTables, SweptTables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FIGURES", "Figure", "alt_text", "available"]

Kind = Literal["results", "sweep", "exhibit"]


def _always(owner: Any) -> bool:
    return True


def _crypto(owner: Owner) -> bool:
    return bool(statistics.with_crypto(owner.runs))


def _two(owner: Owner) -> bool:
    return len(owner.runs) > 1


def _crypto_or_two(owner: Owner) -> bool:
    return _crypto(owner) or _two(owner)


def _random(owner: Owner) -> bool:
    return bool(market_statistics.random_results(owner.runs))


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: ``draw(owner, ax=None, **options)`` and ``words(owner, **options)``, the sentence that describes it.

    ``of``: kinds of owner that have it. ``reads``: tables with rows that every run, or the exhibit, must have.
    ``when``: further conditions for it to show something.
    """

    draw: Callable[..., Axes]
    words: Callable[..., str]
    of: tuple[Kind, ...] = ("results",)
    reads: tuple[str, ...] = ()
    when: Callable[[Any], bool] = _always

    @property
    def name(self) -> str:
        """The name of the figure for an owner."""
        return self.draw.__name__

    def shows(self, owner: Any) -> bool:
        """Whether the owner's tables can fill it; totals and short runs lack some tables."""
        if _kind(owner) not in self.of or not self.when(owner):
            return False
        holders = getattr(owner, "runs", (owner,))
        return all(len(one.tables.get(table, ())) for one in holders for table in self.reads)


FIGURES: tuple[Figure, ...] = (
    Figure(draw=drawings.contributions, words=alt.contributions, reads=("contributions",)),
    Figure(draw=drawings.cash_flow, words=alt.cash_flow, reads=("budget",)),
    Figure(draw=drawings.difference, words=alt.difference, reads=("budget",), when=_crypto_or_two),
    Figure(draw=drawings.balances, words=alt.balances, reads=("balances",)),
    Figure(draw=drawings.crypto_share, words=alt.crypto_share, reads=("balances",), when=_crypto),
    Figure(draw=drawings.who_pays, words=alt.who_pays, reads=("distribution",)),
    Figure(draw=drawings.who_gains, words=alt.who_gains, reads=("distribution",), when=_crypto_or_two),
    Figure(draw=drawings.extra_dollar_rate, words=alt.extra_dollar_rate, reads=("flows",), when=_crypto),
    Figure(draw=drawings.present_values, words=alt.present_values, reads=("present_values",)),
    Figure(draw=drawings.claim, words=alt.claim, reads=("claim",)),
    Figure(draw=drawings.waterfall, words=alt.waterfall, when=_two),
    Figure(draw=market_drawings.crypto_value, words=alt.crypto_value, when=_crypto),
    Figure(draw=market_drawings.path_fan, words=alt.path_fan, when=_random),
    Figure(draw=market_drawings.dollar_fan, words=alt.dollar_fan, when=_random),
    Figure(draw=market_drawings.crypto_history, words=alt.crypto_history, when=_crypto),
    Figure(
        draw=study_drawings.sensitivity,
        words=alt.sensitivity,
        when=lambda owner: study_statistics.sensitivity() is not None,
    ),
    Figure(
        draw=study_drawings.tornado,
        words=alt.tornado,
        of=("results", "sweep"),
        when=lambda owner: study_statistics.tornado(owner) is not None,
    ),
    Figure(draw=study_drawings.hindcast, words=alt.hindcast),
    Figure(draw=market_and_law.price, words=alt.crypto_history, of=("exhibit",), reads=("monthly_levels",)),
    Figure(draw=market_and_law.dollar, words=alt.dollar, of=("exhibit",), reads=("dollar",)),
    Figure(draw=market_and_law.crypto_size, words=alt.crypto_size, of=("exhibit",), reads=("crypto_size",)),
    Figure(
        draw=market_and_law.withdrawal_rates, words=alt.withdrawal_rates, of=("exhibit",), reads=("withdrawal_curve",)
    ),
)
"""Every figure, in the order of the documentation."""


def _kind(owner: Owner | SweptTables | ShownTables) -> Kind:
    if isinstance(owner, SweptTables):
        return "sweep"
    return "results" if hasattr(owner, "runs") else "exhibit"


def available(owner: Owner | SweptTables | ShownTables) -> Mapping[str, Callable[..., Axes]]:
    """The figures that the owner's tables can fill, name -> ``function(owner, ax=None, **options)``."""
    return {figure.name: figure.draw for figure in FIGURES if figure.shows(owner)}


def alt_text(name: str, owner: Owner | SweptTables | ShownTables, **options: Any) -> str:
    """The sentence that describes figure ``name`` of ``owner``. Raises InputError for an unknown name."""
    words = {figure.name: figure.words for figure in FIGURES}
    if name not in words:
        raise InputError("no such figure", value=name, allowed=", ".join(words))
    return words[name](owner, **options)
