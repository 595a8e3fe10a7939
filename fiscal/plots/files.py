"""Figures as files, without a report around them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fiscal.plots import figures, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def write_figure(figure: Figure, folder: Path, name: str, *, title: str = "", description: str = "") -> None:
    """A figure as SVG and PNG; the same figure gives the same bytes.

    ``title`` and ``description`` go into both files' metadata as text.
    """
    words = {"Title": title, "Description": description}
    told = {key: text for key, text in words.items() if text}
    with style.look():
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None, **told})
        figure.savefig(folder / f"{name}.png", metadata={"Software": None, **told})


def save(ax: Axes, folder: Path, name: str) -> None:
    """The figure of ``ax`` as SVG and PNG."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    write_figure(figure, folder, name)


def save_markets(out: Path, tables: Mapping[str, pd.DataFrame], scenario: str) -> None:
    """Tables as CSV, the record's figure, and the fan of a dollar in crypto (table ``dollar``), into ``out``.

    Each file is made elsewhere and then put in its place.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".markets.", dir=out) as name:
        work = Path(name)
        for title, frame in tables.items():
            frame.to_csv(work / f"{title}.csv", index=False, lineterminator="\n")
        save(figures.crypto_history(None), work, "crypto_history")
        own = tables["dollar"]
        with style.look():
            ax = style.new_axes()
            figures.draw_dollar(
                ax, own[own["asset"] == "crypto"], f"A dollar in crypto at the end of 2026, {scenario}"
            )
        save(ax, work, "dollar_in_crypto")
        for file in sorted(work.iterdir()):
            file.replace(out / file.name)
