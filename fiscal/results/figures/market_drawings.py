"""Figures of markets: the value of all crypto, random paths, and the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import fiscal.results.figures.style as style
from fiscal.base.words import PATH_NAMES, capital
from fiscal.results.figures import market_statistics, statistics
from fiscal.results.figures.drawings import UNITS, styled
from fiscal.results.figures.owners import Owner, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@styled
def crypto_value(owner: Owner, ax: Axes) -> Axes:
    """Value of one dollar of crypto along each path, and of equity, on a logarithmic scale."""
    frame = market_statistics.crypto_values(owner)
    names = [result.name for result in owner.runs]
    labels = []
    ax.set_yscale("log")
    for series, part in frame.groupby("series", sort=False):
        equity = series == "equity"
        look = (
            style.Line(style.GREY, "-")
            if equity
            else style.line_of(names.index(str(series)), statistics.result_named(owner, str(series)))
        )
        ax.plot(part["year"], part["value"], **look.options(), zorder=2 if equity else 3)
        labels.append(("equity" if equity else f"crypto, {series}", float(part["value"].iloc[-1]), look.color))
    style.label_lines(ax, frame["year"].tolist(), labels)
    style.title(ax, "Value of $1 invested at the opening, with returns reinvested", "Dollars (log scale)")
    return ax


def _fan(ax: Axes, frame: pd.DataFrame, unit: str) -> list[tuple[str, float, str]]:
    """Bands from 5 to 95 and 25 to 75 percent, median and mean over the years; the labels of the two lines."""
    years = frame["year"].to_numpy()
    columns = {name: frame[f"{name}_{unit}"].to_numpy() for name in (*market_statistics.FAN, "mean")}
    ax.fill_between(years, columns["q05"], columns["q95"], color="#d6e6f2", linewidth=0)
    ax.fill_between(years, columns["q25"], columns["q75"], color="#9ecae1", linewidth=0)
    ax.plot(years, columns["median"], color=style.BLUE)
    ax.plot(years, columns["mean"], color=style.VERMILLION, linestyle=(0, (5, 1.5)))
    return [
        ("median", float(columns["median"][-1]), style.BLUE),
        ("mean", float(columns["mean"][-1]), style.VERMILLION),
    ]


@styled
def path_fan(
    owner: Owner, ax: Axes, *, scenario: str | None = None, line: str = "withdrawal_tax", reference: str = "none"
) -> Axes:
    """A line over the paths of a random scenario by calendar year, or its difference from a reference.

    Bands hold 50 and 90 percent of paths. ``reference`` is none, no_crypto, or equity_adoption. Raises InputError for
    another line, reference, or scenario.
    """
    result, frame = market_statistics.path_fan(owner, scenario, line, reference)
    labels = _fan(ax, frame, "bn_usd")
    style.zero_line(ax)
    style.label_lines(ax, frame["year"].tolist(), labels)
    against = "" if reference == "none" else f" less {PATH_NAMES[reference]}"
    what = capital(f"{line.replace('_', ' ')}{against}, {title_of(result)}")
    style.title(ax, what, capital(UNITS["nominal_bn_usd"]))
    return ax


@styled
def dollar_fan(owner: Owner, ax: Axes, *, scenario: str | None = None, asset: str = "crypto") -> Axes:
    """Value of one dollar in an asset over the paths of a random scenario, on a logarithmic scale; bands as in
    path_fan."""
    result, frame = market_statistics.dollar_fan(owner, scenario, asset)
    draw_dollar(ax, frame, f"Value of $1 invested in {asset.replace('_', ' ')} at the end of 2026, {title_of(result)}")
    return ax


def draw_dollar(ax: Axes, frame: pd.DataFrame, title: str) -> None:
    """A fan of dollars on a logarithmic scale."""
    ax.set_yscale("log")
    style.label_lines(ax, frame["year"].tolist(), _fan(ax, frame, "usd"))
    style.title(ax, title, "Dollars (log scale)")


@styled
def crypto_history(owner: Owner | None, ax: Axes) -> Axes:
    """Bitcoin's month-end price on a logarithmic scale, with falls of 45 percent or more shaded. It shows the record
    for any owner.
    """
    levels, falls = market_statistics.crypto_history()
    ax.set_yscale("log")
    for fall in falls.itertuples():
        ax.axvspan(fall.peak, fall.trough, color="#f3d9c4", linewidth=0)
        ax.annotate(
            f"{style.MINUS}{100 * fall.drawdown_share:.0f}%", (fall.trough, fall.trough_usd),
            xytext=(0, -4), textcoords="offset points", ha="center", va="top",
        )  # fmt: skip
    ax.plot(levels.index, levels.to_numpy(), color=style.BLACK, linewidth=1.2)
    ax.set_xlim(levels.index[0], levels.index[-1])
    first, last = int(np.ceil(levels.index[0])), int(levels.index[-1])
    style.year_ticks(ax, first, last, style.axes_points(ax))
    low, high = ax.get_ylim()
    ax.set_ylim(low / 3, high)
    style.title(ax, "Bitcoin at month ends; falls of 45 percent or more shaded", "Dollars (log scale)")
    return ax
