"""The class of this package's figures, apart because it needs matplotlib when it is declared."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from fiscal.results.figures.style import look


class OwnFigure(Figure):
    """A figure that keeps the style whenever it is drawn or saved, also by a notebook or by the user."""

    def draw(self, renderer: Any) -> None:
        """Draw in the style, whatever the settings outside it."""
        with look():
            super().draw(renderer)

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save as :meth:`matplotlib.figure.Figure.savefig`; the style sets whatever ``options`` leave open."""
        with look():
            super().savefig(fname, **options)
