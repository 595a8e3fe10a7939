"""Figures of a report, drawn: beside each other in the text, or as files of their own.

A figure on its own says below it where it comes from, and comes in two sizes: as wide as the text of a
page, and half as wide with letters of the same size.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fiscal.report.content import Figure, Report
from fiscal.results.figures import available, style
from fiscal.results.figures.files import write_figure
from fiscal.results.result import Comparison, Result

Owner = Result | Comparison

HALF_INCHES = (3.25, 2.75)
"""Half of the text's width, and the height of one panel."""

TALL = {"sensitivity": 1.6, "tornado": 1.6}
"""Plots with a name a line, which at half the width need more height."""

SOURCE_POINTS = 6.0
SOURCE_CHARACTER_POINTS = 3.3
"""Size of the letters of the line on the source, and width of a character."""


def draw(figure: Figure, owner: Owner, *, captioned: bool = False) -> Any:
    """The matplotlib figure of a report's figure: its panels side by side.

    Under a caption a single panel has no title of its own: both would say the same.
    """
    with style.look():
        axes = style.new_axes(len(figure.panels))
        panels = [axes] if len(figure.panels) == 1 else list(axes)
        _fill(figure, owner, panels)
        for ax in panels[1:]:  # panels share the value axis and its unit
            ax.set_ylabel("")
        if captioned and not panels[1:]:
            panels[0].set_title("", loc="left")
        return panels[0].figure


def draw_half(figure: Figure, owner: Owner) -> Any:
    """The same at half the width, its panels one below the other."""
    width, height = HALF_INCHES
    heights = [height * TALL.get(panel.plot, 1.0) for panel in figure.panels]
    with style.look():
        panels = style.new_column(heights, width)
        _fill(figure, owner, panels)
        return panels[0].figure


def _fill(figure: Figure, owner: Owner, panels: list[Any]) -> None:
    known = available(owner)
    for panel, ax in zip(figure.panels, panels, strict=True):
        known[panel.plot](owner, ax=ax, **panel.options)


def sign(drawn: Any, source: str) -> None:
    """Write below a drawn figure where it comes from."""
    characters = int(72 * float(drawn.get_size_inches()[0]) / SOURCE_CHARACTER_POINTS)
    with style.look():
        text = "\n".join(textwrap.wrap(source, characters))
        drawn.supxlabel(text, x=0.0, ha="left", fontsize=SOURCE_POINTS, color=style.GREY)


def save_figures(
    report: Report, owner: Owner, folder: Path, advance: Callable[[str], None] | None = None
) -> None:
    """Write every figure as SVG and PNG, named by its label; the same bytes for the same figure."""
    for figure in report.figures():
        write_figure(draw(figure, owner, captioned=True), folder, figure.label)
        if advance is not None:
            advance(figure.label)


def export_figures(
    report: Report, owner: Owner, folder: Path, advance: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """Write every figure with its source below it in both sizes, SVG and PNG; returns what the index holds of each."""
    entries: list[dict[str, Any]] = []
    for figure in report.figures():
        names = {"page": figure.label, "half": f"{figure.label}-half"}
        for name, drawn in ((names["page"], draw(figure, owner)), (names["half"], draw_half(figure, owner))):
            sign(drawn, figure.source)
            write_figure(drawn, folder, name, title=figure.caption, description=figure.alt)
        files = {size: {kind: f"{name}.{kind}" for kind in ("svg", "png")} for size, name in names.items()}
        entries.append(
            {
                "name": figure.label,
                "caption": figure.caption,
                "alt": figure.alt,
                "source": figure.source,
                "files": files,
            }
        )
        if advance is not None:
            advance(figure.label)
    return entries
