"""Figures of market record, path models, and tax schedules: an exhibit in, Axes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fiscal.results.figures import market_drawings, statistics, style
from fiscal.results.figures.owners import RunTables, ShownTables
from fiscal.results.rows import CURVE_GROUPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def price(exhibit: ShownTables, ax: Axes | None = None) -> Axes:
    """Bitcoin's month-end price on a logarithmic scale, with falls of 45 percent or more shaded."""
    return market_drawings.crypto_history(None, ax)


def dollar(exhibit: ShownTables, ax: Axes | None = None, *, asset: str = "crypto") -> Axes:
    """Value of one dollar in an asset over the paths, on a logarithmic scale; bands contain 50 and 90 percent of
    them."""
    frame = statistics.chosen(exhibit.tables["dollar"], "asset", asset)
    with style.look():
        ax = style.new_axes() if ax is None else ax
        market_drawings.draw_dollar(ax, frame, f"Value of $1 invested in {asset.replace('_', ' ')} at the end of 2026")
    return ax


def crypto_size(exhibit: ShownTables, ax: Axes | None = None) -> Axes:
    """Value of all crypto relative to GDP that the paths imply, on a logarithmic scale: the middle 90 percent of
    paths."""
    frame = exhibit.tables["crypto_size"]
    years = frame["year"].tolist()
    with style.look():
        ax = style.new_axes() if ax is None else ax
        ax.set_yscale("log")
        ax.fill_between(years, frame["q05_over_gdp"], frame["q95_over_gdp"], color=style.FILLS[0]["facecolor"])
        ax.plot(years, frame["median_over_gdp"], **style.line_of(0).options())
        labels = [("median path", float(frame["median_over_gdp"].iloc[-1]), style.BLACK)]
        style.label_lines(ax, years, labels)
        style.title(ax, "Value of all crypto implied by the paths", "Multiple of GDP (log scale)")
    return ax


def withdrawal_rates(
    exhibit: ShownTables,
    ax: Axes | None = None,
    *,
    law_year: int = 2025,
    age_band: str = "65-69",
    groups: Sequence[str] | None = None,
) -> Axes:
    """Average tax on a withdrawal by its size, one line per earnings group (default: those of the card)."""
    frame = statistics.withdrawal_curve(exhibit, law_year, age_band)
    labels = []
    with style.look():
        ax = style.new_axes() if ax is None else ax
        ax.set_xscale("log")
        for position, group in enumerate(CURVE_GROUPS if groups is None else groups):
            own = statistics.chosen(frame, "group", group)
            look = style.line_of(position)
            ax.plot(own["withdrawal_usd"], 100 * own["average_rate"], **look.options())
            labels.append((str(group), float(100 * own["average_rate"].iloc[-1]), look.color))
        low, high = frame["withdrawal_usd"].min(), frame["withdrawal_usd"].max()
        ax.set_xlim(low, high * 4)  # room for the labels
        ax.set_ylim(0, None)
        style.label_ends(ax, labels, high)
        style.log_numbers(ax.xaxis)
        ax.set_xlabel("Dollars withdrawn in the year by one person (log scale)")
        style.title(
            ax, f"Average income tax on a withdrawal at {age_band}, law of {law_year}", "Percent of the withdrawal"
        )
    return ax


def explored(start: RunTables, now: RunTables, ax: Axes | None = None) -> Axes:
    """Net revenue by fiscal year as a share of GDP, and the effect of crypto: current and original. Without ``ax``, two
    panels of a new figure, of which the left one is returned; on ``ax``, net revenue alone.
    """
    with style.look():
        panels = style.new_axes(2, style.FIGURE_INCHES, shared=False) if ax is None else [ax]
        for panel, reference in zip(panels, (None, "no_crypto"), strict=False):
            _explored_panel(panel, start, now, reference)
    return panels[0]


def _explored_panel(ax: Axes, start: RunTables, now: RunTables, reference: str | None) -> None:
    cases: list[tuple[str, RunTables, dict[str, Any]]] = [
        ("before", start, {"color": style.GREY, "linestyle": (0, (2, 2))}),
        ("now", now, {"color": style.BLACK}),
    ]
    labels, years = [], [statistics.FIRST_FULL_YEAR]
    for name, totals, look in cases:
        own = statistics.by_year(totals, "net_revenue")
        if reference is not None:
            held = reference in statistics.references_of(totals)
            own = own - (statistics.by_year(totals, "net_revenue", reference) if held else own)
        ax.plot(own.index, 100 * own, **look)
        labels.append((name, float(100 * own.iloc[-1]), look["color"]))
        years = own.index.tolist()
    style.zero_line(ax)
    style.label_lines(ax, years, labels)
    what = "Net revenue" if reference is None else "Net revenue less that without crypto"
    style.title(ax, what, "Percent of GDP")
