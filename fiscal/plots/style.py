"""One look for all figures: colours that colour-blind readers tell apart, and that grey keeps apart too.

Colours are Okabe and Ito's (2008). No line is told by colour alone: dashes differ, fills carry hatches
and everything is labelled where it is drawn. Nothing here touches matplotlib's global state: ``look()``
holds inside a ``with`` only, and figures are made without pyplot.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from fiscal.plots.wording import MINUS
from fiscal.views import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, spread

FIGURE_INCHES = (6.5, 2.75)
"""Width of the text of a letter page; legible at half of it."""

LABEL_GAP = 0.085
"""Smallest distance between two labels of one line as a share of the axes' height."""

YEAR_POINTS = 32
"""Width of a year on the axis with the space beside it."""

CHARACTER_POINTS = 4.9
"""Width of a character of a label, on average and with a little to spare."""

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "text.parse_math": False,  # names come from users: a dollar sign is a dollar sign
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.labelsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#d9d9d9",
    "grid.linewidth": 0.5,
    "axes.linewidth": 0.6,
    "axes.edgecolor": GREY,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "lines.linewidth": 1.5,
    "hatch.linewidth": 0.4,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.fonttype": "path",
    "svg.hashsalt": "fiscal",
}


@dataclass(frozen=True)
class Line:
    """How one series is drawn: colour and dashes."""

    color: str
    linestyle: Any

    def options(self) -> dict[str, Any]:
        """Keyword arguments for ``Axes.plot``."""
        return {"color": self.color, "linestyle": self.linestyle}


LINES = (
    Line(BLACK, "-"),
    Line(VERMILLION, (0, (5, 1.5))),
    Line(BLUE, (0, (1.2, 1.2))),
    Line(GREEN, (0, (6, 1.5, 1.2, 1.5))),
    Line(PURPLE, (0, (3, 1, 1, 1, 1, 1))),
    Line(ORANGE, (0, (8, 3))),
)
"""By place among the results: the base first."""

FILLS: tuple[dict[str, Any], ...] = (
    {"facecolor": "#9ecae1", "hatch": ""},
    {"facecolor": "#fdd9a0", "hatch": "////"},
    {"facecolor": "#3f7fae", "hatch": ""},
    {"facecolor": "#b5e2d1", "hatch": "...."},
    {"facecolor": "#e7c3d8", "hatch": "xxxx"},
)
"""Fills of stacked areas and bars, light and dark by turns so that grey keeps them apart."""


def look() -> AbstractContextManager[Any]:
    """The style as a context; outside it matplotlib is as it was."""
    return mpl.rc_context(_RC)


def new_axes(panels: int = 1, inches: tuple[float, float] = FIGURE_INCHES, *, shared: bool = True) -> Any:
    """Axes of a new figure that no global state knows: one Axes, or an array of ``panels`` side by side, with one
    value axis if ``shared``."""
    figure = Figure(figsize=inches, layout="constrained")
    return figure.subplots() if panels == 1 else figure.subplots(1, panels, sharey=shared)


def line_of(position: int) -> Line:
    """Style of the result at ``position``; beyond the last they repeat."""
    return LINES[position % len(LINES)]


def axes_points(ax: Axes) -> float:
    """Width of the axes in points before the layout is settled: its share of the figure, less the labels."""
    figure = ax.get_figure(root=True)
    inches = 6.0 if figure is None else float(figure.get_size_inches()[0])
    spec = ax.get_subplotspec()
    columns = 1 if spec is None else spec.get_gridspec().ncols
    return 72 * (inches - 0.5) / columns


def title(ax: Axes, text: str, unit: str, *, names: Sequence[str] = ()) -> None:
    """Title says what, the axis says the unit; a title wider than the axes is broken.

    ``names`` stand at the value axis and take width from it.
    """
    text = text.replace("FY ", "FY\N{NO-BREAK SPACE}")
    taken = max((len(name) for name in names), default=0) * CHARACTER_POINTS
    characters = int((axes_points(ax) - taken) / 5.7)
    ax.set_title("\n".join(textwrap.wrap(text, characters)), loc="left")
    ax.set_ylabel(unit)


def years_axis(ax: Axes, years: Sequence[int], labels: Sequence[str] = ()) -> None:
    """Limits of the year axis, with room at the right for the widest line of the labels."""
    first, last = min(years), max(years)
    widest = max((len(line) for label in labels for line in label.split("\n")), default=0)
    share = min((widest * CHARACTER_POINTS + 12) / axes_points(ax), 0.6) if widest else 0.02
    ax.set_xlim(first, last + (last - first) * share / (1 - share))
    room = max(int(axes_points(ax) * (1 - share) / YEAR_POINTS), 1)
    wanted = 5 if last - first <= 30 else 10 if last - first <= 60 else 15
    step = next((one for one in (5, 10, 15, 25) if one >= wanted and (last - first) / one <= room), 50)
    ax.set_xticks([year for year in range(first, last + 1) if year % step == 0])


def plain_numbers(ax: Axes, axis: Axis | None = None) -> None:
    """An axis (default: the value axis) with thousands by comma, a true minus, and as few decimals as the
    distance of its ticks needs."""
    chosen = ax.yaxis if axis is None else axis
    ticks = chosen.get_majorticklocs()
    step = abs(float(ticks[1] - ticks[0])) if len(ticks) > 1 else 1.0
    decimals = next(places for places in range(13) if abs(step - round(step, places)) <= 1e-6 * step)

    def show(value: float, _position: int) -> str:
        text = f"{abs(value):,.{decimals}f}"
        return (MINUS if value < 0 and float(text.replace(",", "")) else "") + text

    chosen.set_major_formatter(FuncFormatter(show))


def zero_line(ax: Axes) -> None:
    """The line between cost and gain."""
    ax.axhline(0.0, color=BLACK, linewidth=0.7, zorder=1.5)


def label_ends(ax: Axes, labels: Sequence[tuple[str, float, str]], x: float) -> None:
    """Write each ``(text, value, colour)`` beside the end of its line, pushed apart where they would meet.

    Places are found on the axes' own scale, linear or logarithmic.
    """
    to_axes = (ax.transData + ax.transAxes.inverted()).transform
    order = sorted(labels, key=lambda label: label[1])
    lines = max((text.count("\n") + 1 for text, _, _ in labels), default=1)
    places = spread([float(to_axes((x, value))[1]) for _, value, _ in order], LABEL_GAP * (1 + lines) / 2)
    start = float(to_axes((x, order[0][1]))[0]) if order else 0.0
    for place, (text, value, color) in zip(places, order, strict=True):
        ax.annotate(
            text,
            xy=(x, value),
            xytext=(start + 10 / axes_points(ax), place),
            textcoords="axes fraction",
            color=color,
            va="center",
            ha="left",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0},
        )


def legend(ax: Axes, place: Literal["upper left", "upper right", "lower left", "lower right"]) -> None:
    """A plain legend, for bars, where a label at the bar would cover its neighbours."""
    ax.legend(loc=place, frameon=False, handlelength=1.6, handleheight=0.9, borderaxespad=0.2)
