"""Figures as files, without a report."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiscal.budget.valuation import PRESENT_VALUE
from fiscal.results.figures import market_drawings, study_drawings, style
from fiscal.results.figures.owners import SweptTables

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def figure_files(figure: Figure, name: str, *, title: str = "", description: str = "") -> dict[str, bytes]:
    """A figure as SVG and PNG, by file name; the same figure gives the same bytes.

    ``title`` and ``description`` go into both files' metadata as text.
    """
    words = {"Title": title, "Description": description}
    own = {key: text for key, text in words.items() if text}
    metadata: dict[str, dict[str, Any]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    found = {}
    layout = figure.get_layout_engine()
    with style.look():
        figure.draw_without_rendering()  # the layout is computed once for both
        figure.set_layout_engine(None)  # or each format draws it twice
        try:
            for ending, told in metadata.items():
                buffer = io.BytesIO()
                figure.savefig(buffer, format=ending, metadata=told | own)
                found[f"{name}.{ending}"] = buffer.getvalue()
        finally:
            figure.set_layout_engine(layout)
    return found


def write_figure(figure: Figure, folder: Path, name: str, *, title: str = "", description: str = "") -> None:
    """A figure as SVG and PNG in a folder."""
    for file, content in figure_files(figure, name, title=title, description=description).items():
        (folder / file).write_bytes(content)


def drawn(ax: Axes, name: str) -> dict[str, bytes]:
    """The figure of ``ax`` as SVG and PNG, by file name."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure_files(figure, name)


def save(ax: Axes, folder: Path, name: str) -> None:
    """The figure of ``ax`` as SVG and PNG in a folder."""
    for file, content in drawn(ax, name).items():
        (folder / file).write_bytes(content)


def sweep_figures(sweep: SweptTables) -> dict[str, bytes]:
    """The tornado of a sweep's quantity over its nearest and its longest window, by name in the run folder."""
    windows = [window for window in sweep.windows if window != PRESENT_VALUE]
    found: dict[str, bytes] = {}
    for window in dict.fromkeys((windows[0], windows[-1])):
        name = f"figures/tornado-{window.removeprefix('FY')}"
        found |= drawn(study_drawings.tornado(sweep, window=window), name)
    return found


def png(ax: Axes) -> bytes:
    """The figure of ``ax`` as the bytes of a PNG."""
    figure, buffer = ax.get_figure(root=True), io.BytesIO()
    assert figure is not None
    with style.look():
        figure.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    return buffer.getvalue()


def save_markets(out: Path, tables: Mapping[str, pd.DataFrame], scenario: str) -> None:
    """Write tables as CSV, the record's figure, and the fan of one dollar in crypto (table ``dollar``) to ``out``. Each
    file is written elsewhere and then renamed.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".markets.", dir=out) as name:
        work = Path(name)
        for title, frame in tables.items():
            frame.to_csv(work / f"{title}.csv", index=False, lineterminator="\n")
        save(market_drawings.crypto_history(None), work, "crypto_history")
        own = tables["dollar"]
        with style.look():
            ax = style.new_axes()
            market_drawings.draw_dollar(
                ax, own[own["asset"] == "crypto"], f"Value of $1 invested in crypto at the end of 2026, {scenario}"
            )
        save(ax, work, "dollar_in_crypto")
        for file in sorted(work.iterdir()):
            file.replace(out / file.name)
