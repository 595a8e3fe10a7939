"""The charts of brief and report that show an effect: inches in, a matplotlib figure out, labels where the lines are.

A case has one color in all of them. Titles and units are in the caption, in words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fiscal.base.axes import FIRST_YEAR, GROUP_EDGES, GROUPS
from fiscal.base.words import window_years
from fiscal.engine.allocation import adoption_curve
from fiscal.results import events
from fiscal.results.effects import EQUITY, LONG, TEN, Effect
from fiscal.results.figures import available, statistics, style
from fiscal.results.figures.owners import RunTables, title_of
from fiscal.results.result import Comparison, Result

Draw = Callable[[tuple[float, float]], Any]
Inches = tuple[float, float]

LABEL_CHARACTERS = 26
SMALL_YEARS_AFTER = 10
"""Years after an event that the small charts show."""

AFTER_ADOPTION = 8


def label_of(effect: Effect, cases: Sequence[Effect]) -> str:
    """How a case is labeled in a chart: its event where that tells the cases apart, else its title, broken in lines."""
    labels = [events.told(one.result).label for one in cases]
    own = events.told(effect.result).label
    text = own if effect.of_crypto and labels.count(own) == 1 else title_of(effect.result)
    return style.wrapped(text, LABEL_CHARACTERS)


def look_of(effect: Effect, cases: Sequence[Effect]) -> style.Line:
    """Color and dashes of a case: those of its event, or by its place."""
    return style.line_of(1 + cases.index(effect), effect.result)


def effects(cases: Sequence[Effect], line: str) -> Draw:
    """The effect on a line by fiscal year to the end of the long window, one line per case, thick in years of the
    event; of random paths the range of 90 percent."""

    def draw(inches: Inches) -> Any:
        with style.look():
            ax = style.new_axes(inches=inches)
            labels, years = [], [TEN.first]
            ax.axvspan(TEN.first, TEN.last, color="#efefef", linewidth=0, zorder=0)
            for effect in cases:
                series = effect.by_year(line).loc[: LONG.last]
                look = look_of(effect, cases)
                ax.plot(series.index, series, **look.options())
                event = events.told(effect.result).event
                if event is not None:
                    inside = series.loc[event.first_year : event.last_year]
                    thick: dict[str, Any] = {"color": look.color, "linewidth": 3.2, "solid_capstyle": "round"}
                    ax.plot(inside.index, inside, marker="o" if len(inside) == 1 else None, **thick)
                spread = _spread(effect, line)
                if spread is not None:
                    spread = spread.loc[: LONG.last]
                    ax.fill_between(spread.index, spread["low"], spread["high"], color=look.color, alpha=0.15, lw=0)
                if len(cases) > 1 or effect.of_crypto:  # one policy is named by the title of its document
                    labels.append((label_of(effect, cases), float(series.iloc[-1]), look.color))
                years += series.index.tolist()
            style.zero_line(ax)
            style.years_axis(ax, years, [text for text, _, _ in labels])
            style.label_ends(ax, labels, max(years))
            style.plain_numbers(ax)
            bottom, top = ax.get_ylim()
            top += 0.08 * (top - bottom)  # the label is above the lines
            ax.set_ylim(bottom, top)
            ax.annotate("budget window", (TEN.first + 0.3, top), va="top", color=style.GREY)
            return ax.figure

    return draw


def _spread(effect: Effect, line: str) -> pd.DataFrame | None:
    """5 and 95 percent of random paths by year, against the reference of the effect."""
    frame = effect.result.tables.get("path_years")
    if frame is None or not isinstance(effect.reference, str):
        return None
    own = frame[(frame["reference"] == effect.reference) & (frame["line"] == line) & (frame["path"] == "scenario")]
    own = own[own["year"] >= TEN.first].set_index("year")
    return pd.DataFrame({"low": own["q05_bn_usd"], "high": own["q95_bn_usd"]}) if len(own) else None


def adoption(result: RunTables) -> Draw:
    """Share of participants that hold crypto, by year, from the settings."""
    settings = result.scenario.settings.adoption
    last = min(max(settings.full_year + AFTER_ADOPTION, TEN.last), result.scenario.settings.horizon.last_year)

    def draw(inches: Inches) -> Any:
        years = np.arange(FIRST_YEAR, last + 1)
        share = 100 * settings.participants_share * adoption_curve(years, settings.start_year, settings.full_year)
        with style.look():
            ax = style.new_axes(inches=inches)
            ax.plot(years, share, color=style.BLACK)
            ax.set_ylim(0, max(1.25 * share.max(), 1e-6))
            ax.set_xlim(FIRST_YEAR, last)
            style.year_ticks(ax, FIRST_YEAR, last, style.axes_points(ax))
            style.plain_numbers(ax)
            return ax.figure

    return draw


def crypto_dollar(cases: Sequence[Effect]) -> Draw:
    """What a dollar in crypto becomes, and one in equity, from the opening to some years after the last event."""

    def draw(inches: Inches) -> Any:
        lasts = [event.last_year for one in cases if (event := events.told(one.result).event) is not None]
        last = max([*lasts, TEN.last]) + SMALL_YEARS_AFTER
        with style.look():
            ax = style.new_axes(inches=inches)
            labels: list[tuple[str, float, str]] = []
            returns = events.returns_in(cases[0].result).loc[:last]
            equity = (1 + returns["equity"]).cumprod()
            ax.plot(equity.index, equity, color=style.GREY)
            labels.append(("equity", float(equity.iloc[-1]), style.GREY))
            for effect in cases:
                dollar = (1 + events.returns_in(effect.result).loc[:last, "crypto"]).cumprod().clip(lower=1e-3)
                look = look_of(effect, cases)
                ax.plot(dollar.index, dollar, **look.options())
                text = "crypto" if len(cases) == 1 else label_of(effect, cases).split(" ")[0]
                labels.append((text, float(dollar.iloc[-1]), look.color))
            ax.set_yscale("log")
            style.dollar_ticks(ax)
            years = equity.index.tolist()
            style.years_axis(ax, years, [text for text, _, _ in labels])
            style.label_ends(ax, labels, max(years))
            return ax.figure

    return draw


def stacked(frame: pd.DataFrame) -> Draw:
    """Horizontal bars, one per row of ``frame`` (index: names), its columns stacked from zero both ways."""

    def draw(inches: Inches) -> Any:
        with style.look():
            ax = style.new_axes(inches=inches)
            places = np.arange(len(frame))[::-1]
            up, down = np.zeros(len(frame)), np.zeros(len(frame))
            for place, name in enumerate(frame):
                values = frame[name].to_numpy(dtype=float)
                left = np.where(values >= 0, up, down)
                ax.barh(places, values, left=left, height=0.55, label=name, **style.FILLS[place % len(style.FILLS)])
                up, down = up + np.maximum(values, 0), down + np.minimum(values, 0)
            ax.plot(frame.sum(axis=1), places, "D", color=style.BLACK, markersize=4, label="total")
            ax.axvline(0.0, color=style.BLACK, linewidth=0.7)
            ax.set_yticks(places, [style.wrapped(str(name), LABEL_CHARACTERS) for name in frame.index])
            ax.tick_params(axis="y", length=0)
            ax.grid(axis="x")
            ax.grid(visible=False, axis="y")
            ax.set_ylim(-0.6, len(frame) - 0.4)
            style.plain_numbers(ax, ax.xaxis)
            style.legend_outside(ax)
            return ax.figure

    return draw


def per_person(frame: pd.DataFrame, cases: Sequence[Effect]) -> Draw:
    """Dollars per adult by rank of lifetime earnings, one line of steps a case; a group is as wide as it has people."""

    def draw(inches: Inches) -> Any:
        with style.look():
            ax = style.new_axes(inches=inches)
            labels = []
            for effect in cases:
                own = frame[frame["case"] == title_of(effect.result)].set_index("member")["per_person_usd"]
                values = own.reindex(list(GROUPS)).to_numpy(dtype=float)
                look = look_of(effect, cases)
                ax.stairs(values, 100 * GROUP_EDGES, baseline=None, color=look.color, linewidth=1.6)
                labels.append((label_of(effect, cases), float(values[-1]), look.color))
            style.zero_line(ax)
            widest = max(len(part) for text, _, _ in labels for part in text.split("\n"))
            ax.set_xlim(0, 100 * (1 + (widest * style.CHARACTER_POINTS + 12) / style.axes_points(ax)))
            ax.set_xticks([0, 25, 50, 75, 90, 100])
            ax.set_xlabel("Rank by lifetime earnings, percentile", loc="left")
            style.label_ends(ax, labels, 100)
            style.plain_numbers(ax)
            return ax.figure

    return draw


def plot(owner: Result | Comparison, *names: str, **options: Any) -> Draw:
    """Plots that results have by name, side by side, without titles of their own."""

    def draw(inches: Inches) -> Any:
        known = available(owner)
        with style.look():
            axes = style.new_axes(len(names), inches=inches, shared=False)
            for name, ax in zip(names, np.atleast_1d(axes), strict=True):
                known[name](owner, ax=ax, **options)
                ax.set_title("", loc="left")  # title and unit are in the caption
                ax.set_ylabel("")
                ax.set_xlabel("")
            return np.atleast_1d(axes)[0].figure

    return draw


# --- what the charts and tables of reasons and persons are made of -----------------------------------


def crypto_reasons(cases: Sequence[Effect], window: str) -> pd.DataFrame:
    """Change of withdrawal tax over a window by case: withdrawals that are larger or smaller, at the reference's
    average rate, and the tax rates that they reach. Calendar years, billions; cases by label."""
    rows = {}
    for effect in cases:
        frame = statistics.extra_dollar_by_window(effect.result, str(effect.reference)).set_index("window")
        own = frame.loc[window]
        rate = float(own["average_rate"]) if np.isfinite(own["average_rate"]) else 0.0
        amount = float(own["extra_withdrawn_bn_usd"]) * rate
        rows[label_of(effect, cases)] = {
            "larger or smaller withdrawals": amount,
            "higher or lower tax rates": float(own["extra_tax_bn_usd"]) - amount,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


REVENUE_LINES = {
    "deferred_revenue": "deferred income tax",
    "payroll_forgone": "payroll tax",
    "withdrawal_tax": "withdrawal tax",
}


def line_reasons(cases: Sequence[Effect], windows: Sequence[Any]) -> pd.DataFrame:
    """Change of net revenue by line and window, one row per case and window; billions."""
    rows = {}
    for effect in cases:
        for window in windows:
            parts = {words: effect.over(window, line) for line, words in REVENUE_LINES.items()}
            name = f"{title_of(effect.result)}, FY{window.first}\N{EN DASH}{str(window.last)[2:]}"
            rows[name] = parts | {"other receipts": effect.over(window) - sum(parts.values())}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    return frame.loc[:, frame.abs().max() >= statistics.NOISE_BN_USD]


def persons(cases: Sequence[Effect], window: str, dimension: str) -> pd.DataFrame:
    """The effect by earnings group or birth decade: ``case, member, effect_bn_usd, share, per_person_usd``.

    Dollars of the price year over the calendar years of the window; per adult alive in an average year of it (groups).
    """
    first, last = window_years(window)
    frames = []
    for effect in cases:
        own = _by_member(effect.result, window, dimension, "scenario")
        if isinstance(effect.reference, str):
            own = own - _by_member(effect.result, window, dimension, effect.reference)
        elif effect.reference is not None:
            own = own - _by_member(effect.reference, window, dimension, "scenario")
        total = float(own.sum())
        frame = pd.DataFrame({"member": own.index, "effect_bn_usd": own.to_numpy()})
        frame["share"] = own.to_numpy() / total if abs(total) >= statistics.NOISE_BN_USD else np.nan
        if dimension == "earnings_group":
            people = effect.result.tables["people"].set_index("year")["people"].loc[first:last].mean()
            width = pd.Series(np.diff(GROUP_EDGES), index=list(GROUPS)).reindex(frame["member"]).to_numpy()
            frame["per_person_usd"] = 1e9 * frame["effect_bn_usd"] / (people * width)
        frames.append(frame.assign(case=title_of(effect.result)))
    return pd.concat(frames, ignore_index=True)


def _by_member(result: Any, window: str, dimension: str, path: str) -> pd.Series:
    frame = result.tables["distribution"]
    own = frame[(frame["dimension"] == dimension) & (frame["window"] == window) & (frame["path"] == path)]
    return own[own["line"] == "net_revenue"].set_index("member")["real_bn_usd"]


def account_gains(effect: Effect, year: int) -> dict[str, float] | None:
    """Change of year-end balances by tax character, billions of current dollars; None for yearly totals."""
    frame = effect.result.tables.get("balances")
    if frame is None:
        return None
    frame = frame[frame["year"] == year]
    sums = frame.groupby(["path", "tax_character"])["nominal_bn_usd"].sum()
    reference = effect.reference if isinstance(effect.reference, str) else EQUITY
    return {
        character: float(sums.get(("scenario", character), 0.0) - sums.get((reference, character), 0.0))
        for character in ("traditional", "roth")
    }
