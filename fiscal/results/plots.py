"""Plots by name: ``result.plot.cash_flow(ax=None) -> Axes``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Plots:
    """Plots of a result, comparison, sweep, or exhibit: those that its tables can fill."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def __getattr__(self, name: str) -> Callable[..., Axes]:
        known = self._figures()
        if name not in known:
            raise AttributeError(f"no plot {name!r}; there are {', '.join(known)}")
        return lambda ax=None, **options: known[name](self._owner, ax=ax, **options)

    def __dir__(self) -> list[str]:
        return sorted(self._figures())

    def _figures(self) -> Mapping[str, Callable[..., Axes]]:
        from fiscal.results import figures  # matplotlib is imported only for drawing

        return figures.available(self._owner)


class Plotted:
    """Base of everything that has figures."""

    @property
    def plot(self) -> Plots:
        """Figures; each returns Axes and takes ``ax``."""
        return Plots(self)
