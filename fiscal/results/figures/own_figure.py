"""The class of this package's figures, apart because it needs matplotlib when it is declared."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from matplotlib.figure import Figure


class OwnFigure(Figure):
    """A figure that keeps its ``look`` whenever it is drawn or saved, also by a notebook or by the user."""

    def __init__(self, look: Callable[[], AbstractContextManager[Any]], **options: Any) -> None:
        super().__init__(**options)
        self._look = look

    def draw(self, renderer: Any) -> None:
        """Draw in the style, whatever the settings outside it."""
        with self._look():
            super().draw(renderer)

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save as :meth:`matplotlib.figure.Figure.savefig`; the style sets whatever ``options`` leave open."""
        with self._look():
            super().savefig(fname, **options)
