"""One look for all figures: colors that color-blind readers can distinguish, also in gray.

Colors are those of Okabe and Ito (2008). Lines and areas are labeled where they are drawn. Nothing here touches
matplotlib's global state: ``look()`` holds inside a ``with`` only, and figures are made without pyplot. A figure of
this package starts from matplotlib's defaults; Axes from a user keep the user's settings, and what is drawn on them
starts from the defaults.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base.cards import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, spread
from fiscal.base.words import MINUS
from fiscal.results import events

if TYPE_CHECKING:  # matplotlib is imported where something is drawn: every run reads the figures' tables
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

FIGURE_INCHES = (6.5, 2.75)
"""Width of the text of a letter page; legible at half of it."""

LABEL_GAP = 0.085
"""Smallest distance between two one-line labels as a share of the axes' height."""

YEAR_POINTS = 32
"""Width of a year on the axis with its space."""

LEGEND_HANDLE_POINTS = 36
"""Width of a legend sample with its space; :data:`LEGEND_LINE_POINTS` high."""

LEGEND_LINE_POINTS = 13
AXIS_POINTS = 50
"""Height of the title, the ticks, and their labels."""

_LEGEND: Any = {
    "facecolor": "white",
    "edgecolor": "none",
    "framealpha": 1.0,
    "borderpad": 0.1,
    "handlelength": 1.6,
    "handleheight": 0.9,
    "borderaxespad": 0.3,
}

TICK_POINTS, TICKS_BELOW = 12, 18
"""Height of a label, and of the labels of the year axis."""

CHARACTER_POINTS = 4.6
"""Width of a character of a label, on average and with a little to spare."""

_RC: Any = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9.0,
    "text.parse_math": False,  # names come from users: a dollar sign is a dollar sign
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.labelsize": 9.0,
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
    """How one series is drawn: color and dashes."""

    color: str
    linestyle: Any

    def options(self) -> dict[str, Any]:
        """Keyword arguments for ``Axes.plot``."""
        return {"color": self.color, "linestyle": self.linestyle}


LINES = (
    Line(BLACK, "-"),
    Line(GREEN, (0, (5, 1.5))),
    Line(ORANGE, (0, (8, 3))),
    Line(PURPLE, (0, (3, 1, 1, 1, 1, 1))),
    Line(BLUE, (0, (1.2, 1.2))),
    Line(VERMILLION, (0, (6, 1.5, 1.2, 1.5))),
)
"""By position among the results: the base first, and the colors of a boom and a bust last."""

FILLS: tuple[dict[str, Any], ...] = (
    {"facecolor": "#9ecae1"},
    {"facecolor": "#e69f00"},
    {"facecolor": "#1f5f8b"},
    {"facecolor": "#b5e2d1"},
    {"facecolor": "#cc79a7"},
)
"""Fills of stacked areas and bars, alternately light and dark so that they differ in gray."""


def fills(count: int) -> list[dict[str, Any]]:
    """The first ``count`` fills of a stack; past :data:`FILLS`, the same with hatching."""
    hatched = [{**fill, "hatch": mark} for mark in ("//", "..") for fill in FILLS]
    return [*FILLS, *hatched][:count]


def look() -> AbstractContextManager[Any]:
    """The style as a context, based on matplotlib's defaults and independent of a user's matplotlibrc or style. Outside
    the context, matplotlib is unchanged.
    """
    import matplotlib.style

    return matplotlib.style.context(_RC, after_reset=True)


def new_axes(panels: int = 1, inches: tuple[float, float] = FIGURE_INCHES, *, shared: bool = True) -> Any:
    """Axes of a new figure outside global state: one Axes, or an array of ``panels`` side by side, with one value axis
    if ``shared``."""
    from fiscal.results.figures.own_figure import OwnFigure

    figure = OwnFigure(look, figsize=inches, layout="constrained")
    return figure.subplots() if panels == 1 else figure.subplots(1, panels, sharey=shared)


TEXT_CONTRAST = 4.5
"""Lowest contrast of text with white paper (WCAG 2.2, AA)."""


def contrast(color: str) -> float:
    """Contrast ratio of a color with white, 1 to 21 (WCAG 2.2)."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def readable(color: str) -> str:
    """The color, darkened only as much as text in it needs."""
    from matplotlib.colors import to_hex, to_rgb

    while contrast(color) < TEXT_CONTRAST:
        red, green, blue = to_rgb(color)
        color = to_hex((0.97 * red, 0.97 * green, 0.97 * blue))
    return color


EVENT_LINES = {
    "boom": Line(BLUE, "-"),
    "bust": Line(VERMILLION, "-"),
    "boom, then bust": Line(PURPLE, "-"),
    "bust, then recovery": Line(GREEN, "-"),
}
"""By what a scenario's path does: a boom has the same color in every figure."""


def line_of(position: int, result: Any = None) -> Line:
    """Style of a result: that of the event of its path, else that of its place; beyond the last they repeat."""
    label = events.told(result).label if result is not None and "asset_returns" in result.tables else ""
    kind = ", ".join(re.sub(r" [\d\u2013]+$", "", part) for part in label.split(", "))
    return EVENT_LINES.get(kind, LINES[position % len(LINES)])


def wrapped(text: str, characters: int) -> str:
    """A text broken into lines of at most this number of characters."""
    return "\n".join(textwrap.wrap(text, characters))


def dollar_ticks(ax: Axes) -> None:
    """A logarithmic value axis with dollars at a few round places."""
    from matplotlib.ticker import NullLocator

    low, high = ax.get_ylim()
    decades = [10.0**power for power in range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)]
    finer = [one * factor for one in decades for factor in (1, 2, 5)]
    room = max(int(axes_height(ax) / TICK_POINTS), 2)
    inside = [[step for step in steps if low <= step <= high] for steps in (finer, decades)]
    shown = inside[0] if len(inside[0]) <= room or len(inside[1]) < 2 else inside[1]
    shown = shown[:: -(-len(shown) // room)]
    ax.set_yticks(shown, [f"${step:,g}" for step in shown])
    ax.yaxis.set_minor_locator(NullLocator())


def legend_outside(ax: Axes) -> None:
    """A legend above the axes, in as many columns as there is room for."""
    _, labels = ax.get_legend_handles_labels()
    widest = max((len(label) for label in labels), default=1) * CHARACTER_POINTS + LEGEND_HANDLE_POINTS
    columns = max(1, min(len(labels), int(axes_points(ax) / widest)))
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, columnspacing=1.2, **_LEGEND)


def axes_points(ax: Axes) -> float:
    """Width of the axes in points before the layout is settled: its share of the figure, less the labels."""
    figure = ax.get_figure(root=True)
    inches = 6.0 if figure is None else float(figure.get_size_inches()[0])
    spec = ax.get_subplotspec()
    columns = 1 if spec is None else spec.get_gridspec().ncols
    return 72 * (inches - 0.5) / columns


def axes_height(ax: Axes) -> float:
    """Height of the axes in points before the layout is settled, for one row of axes."""
    figure = ax.get_figure(root=True)
    inches = FIGURE_INCHES[1] if figure is None else float(figure.get_size_inches()[1])
    return max(72 * inches - TICKS_BELOW, TICK_POINTS)


def title(ax: Axes, text: str, unit: str) -> None:
    """The title gives the content, and the value axis the unit and plain numbers; a title wider than the axes is
    wrapped."""
    ax.set_title(_broken(text, axes_points(ax) / 5.7), loc="left")
    ax.set_ylabel(unit)
    if ax.get_yscale() == "log":
        log_numbers(ax.yaxis)
    else:
        plain_numbers(ax)


def title_of_bars(ax: Axes, text: str, unit: str, names: Sequence[str]) -> None:
    """As :func:`title` for horizontal bars, with their ``names`` at the left; the unit may extend below these."""
    ax.set_title(_broken(text, _room_beside(ax, names) / 5.7), loc="left")
    ax.set_xlabel(_broken(unit, axes_points(ax) / CHARACTER_POINTS), loc="right")


def _room_beside(ax: Axes, names: Sequence[str]) -> float:
    """Width that remains beside names of bars, points."""
    return axes_points(ax) - CHARACTER_POINTS * max((len(name) for name in names), default=0)


def _broken(text: str, characters: float) -> str:
    text = text.replace("FY ", "FY\N{NO-BREAK SPACE}")
    return "\n".join(textwrap.wrap(text, max(int(characters), 14)))


def years_axis(ax: Axes, years: Sequence[int], labels: Sequence[str] = ()) -> None:
    """Limits of the year axis, with room at the right for the widest label."""
    first, last = min(years), max(years)
    widest = max((len(line) for label in labels for line in label.split("\n")), default=0)
    share = min((widest * CHARACTER_POINTS + 12) / axes_points(ax), 0.6) if widest else 0.02
    ax.set_xlim(first, last + (last - first) * share / (1 - share))
    year_ticks(ax, first, last, axes_points(ax) * (1 - share))


def year_ticks(ax: Axes, first: int, last: int, points: float) -> None:
    """Ticks at the first year and at round years, as many as fit in ``points`` of width."""
    room = max(int(points / YEAR_POINTS), 1)
    wanted = 5 if last - first <= 30 else 10 if last - first <= 60 else 15
    steps = (wanted, *(step for step in (10, 15, 25) if step > wanted))
    step = next((step for step in steps if (last - first) / step <= room), 50)
    clear = first + (last - first) * YEAR_POINTS / max(points, 1.0)
    ax.set_xticks([first, *(year for year in range(first, last + 1) if year % step == 0 and year >= clear)])


def plain_numbers(ax: Axes, axis: Axis | None = None) -> None:
    """An axis (default: the value axis) with thousands by comma, a true minus, and as few decimals as the
    distance of its ticks needs."""
    from matplotlib.ticker import FuncFormatter

    chosen = ax.yaxis if axis is None else axis
    ticks = chosen.get_majorticklocs()
    step = abs(float(ticks[1] - ticks[0])) if len(ticks) > 1 else 1.0
    decimals = next(places for places in range(13) if abs(step - round(step, places)) <= 1e-6 * step)

    def show(value: float, _position: int) -> str:
        text = f"{abs(value):,.{decimals}f}"
        return (MINUS if value < 0 and float(text.replace(",", "")) else "") + text

    chosen.set_major_formatter(FuncFormatter(show))


def log_numbers(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis, at its main ticks only."""
    from matplotlib.ticker import NullFormatter

    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(lambda value, _position: f"{value:,.10g}")


def zero_line(ax: Axes) -> None:
    """The line between cost and gain."""
    ax.axhline(0.0, color=BLACK, linewidth=0.7, zorder=1.5)


def label_lines(ax: Axes, years: Sequence[int], labels: Sequence[tuple[str, float, str]]) -> None:
    """The year axis of some lines, with room for the label at the end of each, and the labels."""
    years_axis(ax, years, [text for text, _, _ in labels])
    label_ends(ax, labels, max(years))


def label_ends(ax: Axes, labels: Sequence[tuple[str, float, str]], x: float) -> None:
    """Write each ``(text, value, color)`` beside the end of its line, moved apart where they would overlap. Positions
    use the scale of the axes, linear or logarithmic.
    """
    to_axes = (ax.transData + ax.transAxes.inverted()).transform
    order = sorted(labels, key=lambda label: label[1])
    lines = max((text.count("\n") + 1 for text, _, _ in labels), default=1)
    gap = max(LABEL_GAP, TICK_POINTS / axes_height(ax))
    places = spread([float(to_axes((x, value))[1]) for _, value, _ in order], gap * (1 + lines) / 2)
    start = float(to_axes((x, order[0][1]))[0]) if order else 0.0
    for place, (text, value, color) in zip(places, order, strict=True):
        ax.annotate(
            text,
            xy=(x, value),
            xytext=(start + 10 / axes_points(ax), place),
            textcoords="axes fraction",
            color=readable(color),
            va="center",
            ha="left",
            annotation_clip=False,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "linewidth": 0.5,
                "shrinkA": 0,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def legend_above(ax: Axes, names: Sequence[str] = ()) -> None:
    """A legend above the bars, if a label at a bar would cover its neighbors: the axes make room for one row, or for
    one entry per line if a row is too long. ``names`` are those at the left of horizontal bars.
    """
    handles, labels = ax.get_legend_handles_labels()
    room = _room_beside(ax, names)
    wide = sum(len(label) * CHARACTER_POINTS + LEGEND_HANDLE_POINTS for label in labels) <= room
    if not wide:
        labels = [_broken(label, (room - LEGEND_HANDLE_POINTS) / CHARACTER_POINTS) for label in labels]
    lines = 1 if wide else sum(label.count("\n") + 1 for label in labels)
    figure, spec = ax.get_figure(root=True), ax.get_subplotspec()
    inches = FIGURE_INCHES[1] if figure is None else float(figure.get_size_inches()[1])
    height = 72 * inches / (1 if spec is None else spec.get_gridspec().nrows) - AXIS_POINTS
    share = min((lines * LEGEND_LINE_POINTS + 12) / height, 0.6)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + (high - low) * share / (1 - share))
    ax.legend(handles, labels, loc="upper left", ncols=len(labels) if wide else 1, **_LEGEND)
