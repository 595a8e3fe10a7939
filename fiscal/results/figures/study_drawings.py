"""Figures of stored studies: sensitivity, drivers, and starts in the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import fiscal.results.figures.style as style
from fiscal.base.errors import InputError, refuse_unknown
from fiscal.base.words import capital, signed_amount
from fiscal.results.figures import study_statistics
from fiscal.results.figures.drawings import span_name, span_unit, styled
from fiscal.results.figures.owners import Owner, SweptTables
from fiscal.results.quantities import QUANTITY_WORDS
from fiscal.scenario.names import setting_name, setting_value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@styled
def sensitivity(owner: Owner, ax: Axes, *, count: int = 15) -> Axes:
    """The ``count`` assumptions with the largest effects on the baseline's net revenue, from low to high value. It
    shows the stored table for any owner. Raises InputError if the table has not been built.
    """
    frame = study_statistics.sensitivity()
    if frame is None:
        raise InputError("not built yet", key=study_statistics.SENSITIVITY, allowed="fiscal data derive sensitivity")
    shown = frame.head(count)
    _low_and_high(ax, shown["key"], shown["net_low"] / 1e3, shown["net_high"] / 1e3)
    names = _bar_names(shown["key"])
    unit = "Change of net revenue over the longest window, trillions of current dollars"
    style.title_of_bars(ax, "One assumption at a time, baseline", unit, names)
    style.legend_above(ax, names)
    style.plain_numbers(ax, axis=ax.xaxis)
    return ax


def _bar_names(keys: pd.Series) -> list[str]:
    return [setting_name(key) for key in keys]


def _value_words(value: str | float, unit: str) -> str:
    """A setting's value in words; a table that holds values of all kinds has them as text."""
    try:
        return setting_value(float(value), unit)
    except ValueError:
        return setting_value(value, unit)


def _low_and_high(ax: Axes, keys: pd.Series, low: pd.Series, high: pd.Series) -> np.ndarray:
    """Bars from zero for each key, the first on top: its effect at its low and its high value; returns their places."""
    places = np.arange(len(keys))[::-1]
    bar: dict[str, Any] = {"height": 0.66, "edgecolor": style.BLACK, "linewidth": 0.4}
    ax.barh(places, low, label="at its low value", **bar, **style.FILLS[0])
    ax.barh(places, high, label="at its high value", **bar, **style.FILLS[1])
    ax.axvline(0.0, color=style.BLACK, linewidth=0.7)
    ax.set_yticks(places, _bar_names(keys))
    ax.tick_params(axis="y", length=0)
    ax.grid(True, axis="x")
    ax.grid(False, axis="y")
    ax.set_ylim(-0.6, places[0] + 0.6)
    return places


@styled
def tornado(
    owner: Owner | SweptTables, ax: Axes, *, quantity: str | None = None, window: str | None = None, count: int = 15
) -> Axes:
    """The ``count`` settings of a sweep with the largest effects on a quantity, each alone at its low and high value.
    For a sweep, its own; for results, the stored sweep of the design ``drivers``. Raises InputError for a quantity or
    window that is not in the table ``tornado``, or if there is no table.
    """
    frame = study_statistics.tornado(owner, quantity, window)
    if frame is None:
        raise InputError("not built yet", key="drivers", allowed="fiscal data derive drivers")
    shown = frame.head(count)
    span = str(frame["window"].iloc[0])
    changes = {end: shown[f"{end}_change"] for end in ("low", "high")}
    places = _low_and_high(ax, shown["setting"], changes["low"], changes["high"])
    for end, other in (("low", "high"), ("high", "low")):
        texts = [_value_words(one, unit) for one, unit in zip(shown[end], shown["unit"], strict=True)]
        for place, value, its, text in zip(places, changes[end], changes[other], texts, strict=True):
            # if both ends move it in the same direction, the label of the shorter bar is on the free side
            hidden = value * its > 0 and abs(value) < abs(its)
            right = (value > 0) != hidden if value else end == "high"
            ax.annotate(
                text, xy=(0.0 if hidden else value, place), xytext=(3 if right else -3, 0),
                textcoords="offset points", ha="left" if right else "right", va="center", fontsize=7.5,
            )  # fmt: skip
    ax.margins(x=0.18)
    words = QUANTITY_WORDS[str(frame["quantity"].iloc[0])]
    names = _bar_names(shown["setting"])
    base = float(frame["at_value_bn_usd"].iloc[0])
    unit = f"Change from the base case ({signed_amount(base)}), {span_unit(span)}"
    style.title_of_bars(ax, capital(f"{words}, {span_name(span)}"), unit, names)
    style.legend_above(ax, names)
    style.plain_numbers(ax, axis=ax.xaxis)
    return ax


@styled
def hindcast(owner: Owner, ax: Axes, *, quantity: str = "benefits", told: str = "none") -> Axes:
    """Errors of the model started in the past by lead year, beside the best naive rule's and CBO's on individual income
    tax, from the stored table, for any owner. Raises InputError for another quantity than contributions, benefits, or
    assets, or another ``told`` than actual_wages_and_returns, actual_wages, or none.
    """
    refuse_unknown(
        quantity=(quantity, study_statistics.HINDCAST_QUANTITIES), told=(told, study_statistics.HINDCAST_TOLD)
    )
    frame = study_statistics.hindcast(quantity, told)
    labels = []
    for position, (column, text) in enumerate(HINDCAST_LINES.items()):
        look, own = style.line_of(position), frame[column].dropna()
        ax.plot(own.index, own, marker="o", markersize=3, **look.options())
        labels.append((text, float(own.iloc[-1]), look.color))
    leads = [int(frame.index[0]), int(frame.index[-1])]
    ax.set_ylim(0, 1.05 * float(frame.max().max()))
    style.label_lines(ax, leads, labels)
    words = f"{study_statistics.HINDCAST_QUANTITIES[quantity]}, {study_statistics.HINDCAST_TOLD[told]}"
    style.title(ax, f"{words}, by years after the start", "Mean absolute error, percent of published")
    return ax


HINDCAST_LINES = {"model": "model", "naive": "best naive rule", "cbo": "CBO, income tax"}
