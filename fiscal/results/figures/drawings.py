"""Figures: a result or comparison in, Axes out.

Each function takes ``(owner, ax=None, **options)``, draws on ``ax`` or on a new figure, and returns the Axes.
:mod:`fiscal.results.figures.statistics` has the tables of numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

import fiscal.results.figures.statistics as measures
import fiscal.results.figures.style as style
from fiscal.base.axes import GROUP_EDGES, GROUPS
from fiscal.base.errors import InputError, refuse_unknown
from fiscal.base.words import BASIS_NAMES, FACTOR_NAMES, MINUS, PATH_NAMES, capital, significant, window_name
from fiscal.budget.lines import FORGONE, LABELS
from fiscal.people import accounts
from fiscal.results.figures.owners import Owner, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


CONTRIBUTION_NAMES = {
    "elective_deferral_traditional": "deferrals, traditional",
    "employer_contribution_traditional": "employer, traditional",
    "elective_deferral_roth": "deferrals, Roth",
    "employer_contribution_roth": "employer, Roth",
}
UNITS = {
    "gdp_share": "percent of GDP",
    "real_bn_usd": "billions of {price_year} dollars",
    "nominal_bn_usd": "billions of current dollars",
}


def unit_of(owner: Owner, value: str) -> str:
    """The axis label of a value column. Raises InputError for any other column."""
    refuse_unknown(value=(value, UNITS))
    price_year = owner.runs[0].scenario.value("books.price_year")
    return UNITS[value].format(price_year=price_year)


def _scaled(values: pd.Series, value: str) -> pd.Series:
    return values * 100 if value == "gdp_share" else values


def styled(draw: Callable[..., Axes]) -> Callable[..., Axes]:
    """The common style around a drawing function, and a new figure if no Axes is given."""

    @wraps(draw)
    def styled(owner: Owner, ax: Axes | None = None, **options: Any) -> Axes:
        with style.look():
            return draw(owner, style.new_axes() if ax is None else ax, **options)

    return styled


def _stack(ax: Axes, years: np.ndarray, columns: list[tuple[str, np.ndarray]], fills: list[dict[str, Any]]) -> None:
    """Stacked areas from zero, each labeled at its right end."""
    bottom = np.zeros(len(years))
    labels = []
    for (text, values), fill in zip(columns, fills, strict=True):
        top = bottom + values
        ax.fill_between(years, bottom, top, edgecolor="white", linewidth=0.4, **fill)
        labels.append((text, float((bottom[-1] + top[-1]) / 2), style.BLACK))
        bottom = top
    ax.set_ylim(0, bottom.max() * 1.04)
    style.label_lines(ax, years.tolist(), labels)


@styled
def contributions(owner: Owner, ax: Axes, *, value: str = "real_bn_usd", scenario: str | None = None) -> Axes:
    """Contributions by year, stacked by payer and tax character (of ``scenario``, or of the first result)."""
    unit = unit_of(owner, value)
    result = measures.result_named(owner, scenario)
    frame = measures.contributions(result, value)
    names = [name for name in CONTRIBUTION_NAMES if name in frame]
    columns = [(CONTRIBUTION_NAMES[name], frame[name].to_numpy()) for name in names]
    # one fill per kind, in any scenario
    fills = [style.FILLS[list(CONTRIBUTION_NAMES).index(name)] for name in names]
    _stack(ax, frame["year"].to_numpy(), columns, fills)
    style.title(ax, f"Contributions by payer and tax character, {title_of(result)}", capital(unit))
    return ax


@styled
def cash_flow(owner: Owner, ax: Axes, *, value: str = "gdp_share") -> Axes:
    """Revenue forgone and collected each fiscal year, and the net (of the first result)."""
    unit = unit_of(owner, value)
    result = owner.runs[0]
    frame = measures.cash_flow(result, value)
    years = frame["year"].to_numpy()
    forgone, tax, net = (
        _scaled(frame[name], value).to_numpy() for name in ("forgone", "withdrawal_tax", "net_revenue")
    )
    ax.fill_between(years, 0, forgone, edgecolor="white", linewidth=0.4, **style.FILLS[1])
    ax.fill_between(years, 0, tax, edgecolor="white", linewidth=0.4, **style.FILLS[0])
    ax.plot(years, net, color=style.BLACK)
    style.zero_line(ax)
    labels = [
        ("withdrawal tax", float(tax[-1]), style.BLACK),
        ("net revenue (line)", float(net[-1]), style.BLACK),
        ("deferred revenue and\npayroll tax forgone", float(forgone[-1] / 2), style.BLACK),
    ]
    style.label_lines(ax, years.tolist(), labels)
    style.title(ax, f"Revenue forgone and withdrawal tax, {title_of(result)}", capital(unit))
    return ax


GROUP_LINES = {
    "withdrawal_tax": LABELS["withdrawal_tax"],
    "forgone": FORGONE.label,
    "net_revenue": LABELS["net_revenue"],
}
"""Lines available by earnings group and birth decade."""


def reference_name(owner: Owner, reference: str) -> str:
    """The reference of a difference, in words: a path of the run, or the first result by its name."""
    return owner.runs[0].name if reference == "base" else PATH_NAMES[reference]


def _no_reference(reference: str) -> InputError:
    allowed = ", ".join((*measures.REFERENCES, "base"))
    return InputError("there is no reference for the difference", key="reference", value=reference, allowed=allowed)


@styled
def difference(
    owner: Owner,
    ax: Axes,
    *,
    reference: str = "equity_adoption",
    line: str = "withdrawal_tax",
    value: str = "real_bn_usd",
) -> Axes:
    """Scenario less a reference by fiscal year, one line per scenario.

    ``reference`` is no_crypto, equity_adoption or base (the first result). Raises InputError for another.
    """
    unit = unit_of(owner, value)
    refuse_unknown(line=(line, LABELS))
    frame = measures.differences(owner, reference, line, value)
    if frame.empty:
        raise _no_reference(reference)
    names = [result.name for result in owner.runs]
    labels = []
    for name, part in frame.groupby("scenario", sort=False):
        look = style.line_of(names.index(str(name)), measures.result_named(owner, str(name)))
        values = _scaled(part["difference"], value)
        ax.plot(part["year"], values, **look.options())
        labels.append((str(name), float(values.iloc[-1]), look.color))
    style.zero_line(ax)
    style.label_lines(ax, frame["year"].tolist(), labels)
    what = line.replace("_", " ")
    style.title(ax, capital(f"{what} relative to {reference_name(owner, reference)}"), capital(unit))
    return ax


@styled
def balances(owner: Owner, ax: Axes, *, by: str = "wrapper") -> Axes:
    """Year-end balances as a share of GDP, stacked by wrapper (of the first result)."""
    result = owner.runs[0]
    frame = measures.balances(result, by=by)
    columns = [(accounts.LABELS.get(name, name), 100 * frame[name].to_numpy()) for name in frame if name != "year"]
    _stack(ax, frame["year"].to_numpy(), columns, style.fills(len(columns)))
    style.title(ax, f"Year-end balances by {by.replace('_', ' ')}, {title_of(result)}", "Percent of GDP")
    return ax


@styled
def crypto_share(owner: Owner, ax: Axes) -> Axes:
    """Crypto's share of all year-end balances, one line per scenario that holds it."""
    labels = []
    years: list[int] = []
    for position, result in enumerate(owner.runs):
        if not measures.references_of(result):
            continue
        share = 100 * measures.crypto_share(result)
        look = style.line_of(position, result)
        ax.plot(share.index, share, **look.options())
        years = share.index.tolist()
        labels.append((result.name, float(share.iloc[-1]), look.color))
    ax.set_ylim(0, None)
    style.label_lines(ax, years, labels)
    style.title(ax, "Crypto's share of all year-end balances", "Percent of balances")
    return ax


def _window(owner: Owner, window: str | None) -> str:
    """The requested window, or the longest. Raises InputError for one that the results lack."""
    known = measures.windows_of(owner.runs[0])
    chosen = known[-1] if window is None else window
    refuse_unknown(window=(chosen, known))
    return chosen


def _dimension(name: str) -> str:
    """The dimension in words. Raises InputError for an unknown one."""
    words = {"earnings_group": "earnings group", "birth_decade": "birth decade"}
    refuse_unknown(dimension=(name, words))
    return words[name]


@styled
def who_pays(owner: Owner, ax: Axes, *, dimension: str = "earnings_group", window: str | None = None) -> Axes:
    """Revenue forgone, withdrawal tax, and net revenue by group or birth decade (of the first result). A group is as
    wide as it has people, so that areas are dollars."""
    kind, label = _dimension(dimension), _window(owner, window)
    result = owner.runs[0]
    frame = measures.distribution(result, dimension, label)
    members = _drawn(dimension, frame)
    frame = frame[frame["member"].isin(members)]
    left, width, size = _widths(dimension, members)
    bar: dict[str, Any] = {"width": width, "align": "edge", "edgecolor": style.BLACK, "linewidth": 0.4}
    ax.bar(left, frame["withdrawal_tax"] / size, label="withdrawal tax", **bar, **style.FILLS[0])
    forgone = "deferred revenue and payroll tax forgone"
    ax.bar(left, frame["forgone"] / size, label=forgone, **bar, **style.FILLS[1])
    middle = left + width / 2
    ax.plot(middle, frame["net_revenue"] / size, "D", color=style.BLACK, markersize=4, label="net revenue")
    style.zero_line(ax)
    _members(ax, dimension, members)
    style.legend_above(ax)
    unit = unit_of(owner, "real_bn_usd") + PER_PERCENTILE * (dimension == RANKED)
    style.title(ax, f"By {kind}, {window_name(label)}, {title_of(result)}", capital(unit))
    return ax


@styled
def who_gains(
    owner: Owner,
    ax: Axes,
    *,
    dimension: str = "earnings_group",
    window: str | None = None,
    reference: str = "equity_adoption",
    line: str = "withdrawal_tax",
) -> Axes:
    """A line relative to a reference by group (steps) or birth decade (bars), one per scenario.

    ``reference`` is no_crypto, equity_adoption or base (the first result); ``line`` is withdrawal_tax, forgone, or
    net_revenue. Raises InputError for another.
    """
    kind, label = _dimension(dimension), _window(owner, window)
    refuse_unknown(line=(line, GROUP_LINES))
    frame = measures.distribution_difference(owner, dimension, label, reference, line)
    if frame.empty:
        raise _no_reference(reference)
    names = frame["scenario"].unique().tolist()
    members = _drawn(dimension, frame)
    left, width, size = _widths(dimension, members)
    for position, name in enumerate(names):
        part = frame[frame["scenario"] == name].set_index("member").loc[members, "difference"].to_numpy()
        if dimension == RANKED:
            look = style.line_of(position + 1, measures.result_named(owner, str(name)))
            edges = [*left, left[-1] + width[-1]]
            ax.stairs(part / size, edges, baseline=None, color=look.color, linewidth=1.6, label=name)
            continue
        slim = width / max(len(names), 1)
        fill = style.FILLS[(position + 1) % len(style.FILLS)]
        bar: dict[str, Any] = {"align": "edge", "edgecolor": style.BLACK, "linewidth": 0.4}
        ax.bar(left + position * slim, part, width=slim, label=name, **bar, **fill)
    style.zero_line(ax)
    _members(ax, dimension, members)
    style.legend_above(ax)
    against = reference_name(owner, reference)
    unit = unit_of(owner, "real_bn_usd") + PER_PERCENTILE * (dimension == RANKED)
    style.title(ax, f"{GROUP_LINES[line]} against {against}, by {kind}, {window_name(label)}", capital(unit))
    return ax


def _drawn(dimension: str, frame: pd.DataFrame) -> list[str]:
    """All earnings groups, or the birth decades with visible values."""
    if dimension == "birth_decade":
        return measures.members_that_count(frame)
    return [str(member) for member in frame["member"].unique()]


RANKED, PER_PERCENTILE = "earnings_group", " per percentile"
"""The dimension whose members have unequal numbers of people, and what their heights are then."""


def _widths(dimension: str, members: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Left edge and width of each member's bar, and what a value is divided by for its height: percentiles of lifetime
    earnings for groups; one bar like the other for decades."""
    if dimension == RANKED:
        at = [GROUPS.index(member) for member in members]
        edges = 100 * GROUP_EDGES
        return edges[at], np.diff(edges)[at], np.diff(edges)[at]
    ones = np.ones(len(members))
    return np.arange(len(members)) - 0.36, 0.72 * ones, ones


def _members(ax: Axes, dimension: str, members: list[str]) -> None:
    if dimension == RANKED:
        ax.set_xticks([0, 25, 50, 75, 90, 100])
        ax.set_xlim(0, 100)
        ax.set_xlabel("Rank by lifetime earnings, percentile", loc="left")
    else:
        _names_below(ax, members)


def _names_below(ax: Axes, members: list[str]) -> None:
    room = style.axes_points(ax) / len(members)
    straight = max(len(member) for member in members) * style.CHARACTER_POINTS + 6 <= room
    rotation = 0 if straight else 35 if room >= 18 else 90
    align = "right" if rotation == 35 else "center"
    ax.set_xticks(np.arange(len(members)), members, rotation=rotation, ha=align)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.7, len(members) - 0.3)


@styled
def extra_dollar_rate(owner: Owner, ax: Axes, *, reference: str = "equity_adoption") -> Axes:
    """Tax per additional dollar of withdrawals in the scenario, and the average rate on all withdrawals."""
    names = [result.name for result in owner.runs]
    labels = []
    years: list[int] = []
    for result in measures.with_crypto(owner.runs):
        frame = measures.extra_dollar(result, reference)
        if not years:
            years = frame["year"].tolist()
            ax.plot(years, 100 * frame["average_rate"], color=style.GREY, linewidth=1.0)
            labels.append(("average dollar", float(100 * frame["average_rate"].iloc[-1]), style.GREY))
        shown = frame[frame["extra_rate"].notna()]
        if shown.empty:
            continue
        look = style.line_of(names.index(result.name), result)
        ax.plot(shown["year"], 100 * shown["extra_rate"], **look.options())
        end = float(100 * shown["extra_rate"].iloc[-1])
        labels.append((f"additional dollars, {result.name}", end, look.color))
    ax.set_ylim(0, ax.get_ylim()[1] * 1.12)
    style.label_lines(ax, years, labels)
    style.title(
        ax, f"Tax per additional dollar withdrawn, relative to {PATH_NAMES[reference]}", "Percent of withdrawals"
    )
    return ax


def basis_name(basis: str, rate: float) -> str:
    """A basis with its rate: "Convention 3.5%", "Treasury"."""
    return BASIS_NAMES[basis] if np.isnan(rate) else f"{BASIS_NAMES[basis]} {100 * rate:g}%"


@styled
def present_values(owner: Owner, ax: Axes) -> Axes:
    """Present values to the horizon by basis, and the net with the terminal claim (of the first result)."""
    result = owner.runs[0]
    frame = measures.present_values(result)
    names = [basis_name(row.basis, row.rate) for row in frame.itertuples()]
    places = np.arange(len(frame))[::-1]
    bar: dict[str, Any] = {"height": 0.6, "edgecolor": style.BLACK, "linewidth": 0.4}
    trillions = {name: frame[name] / 1e3 for name in ("forgone", "withdrawal_tax", "total")}
    forgone = "deferred revenue and payroll tax forgone"
    ax.barh(places, trillions["withdrawal_tax"], label="withdrawal tax", **bar, **style.FILLS[0])
    ax.barh(places, trillions["forgone"], label=forgone, **bar, **style.FILLS[1])
    net = "net with terminal claim"
    ax.plot(trillions["total"], places, "D", color=style.BLACK, markersize=5, label=net)
    ax.axvline(0.0, color=style.BLACK, linewidth=0.7)
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.grid(True, axis="x")
    ax.grid(False, axis="y")
    ax.set_ylim(-0.6, places[0] + 0.6)
    style.legend_above(ax, names)
    text = f"Present values on June 30, 2025, by basis, {title_of(result)}"
    style.title_of_bars(ax, text, "Trillions of dollars", names)
    style.plain_numbers(ax, axis=ax.xaxis)
    return ax


CLAIM_TEXTS = {
    "claim_share": ("Government's share of traditional balances, portfolio basis", "Percent of balances", 100),
    "crypto_claim_bn_usd": ("Part of the government's claim that depends on crypto", "Billions of dollars", 1),
}


@styled
def claim(owner: Owner, ax: Axes, *, value: str = "claim_share") -> Axes:
    """The government's claim at each opening, one line per result; results without crypto have no crypto part."""
    refuse_unknown(value=(value, CLAIM_TEXTS))
    text, unit, scale = CLAIM_TEXTS[value]
    labels, years = [], [0]
    for position, result in enumerate(owner.runs):
        series = scale * measures.claim(result)[value]
        look = style.line_of(position, result)
        ax.plot(series.index, series, **look.options())
        years = series.index.tolist()
        labels.append((result.name, float(series.iloc[-1]), look.color))
    style.label_lines(ax, years, labels)
    style.title(ax, text, unit if scale == 100 else f"{unit}, current")
    return ax


@styled
def waterfall(
    owner: Owner,
    ax: Axes,
    *,
    scenario: str | None = None,
    window: str | None = None,
    line: str = "net_revenue",
    effects: pd.DataFrame | None = None,
) -> Axes:
    """From zero to a scenario's difference from the base, one factor after the other.

    Default: net revenue of the first scenario after the base, over the longest window. ``effects``: the comparison's
    decomposition, if available.
    """
    frame = measures.decomposition(owner, scenario=scenario, window=window, line=line, effects=effects)
    start, effect = frame["start_bn_usd"].to_numpy(), frame["effect_bn_usd"].to_numpy()
    bar: dict[str, Any] = {"width": 0.7, "edgecolor": style.BLACK, "linewidth": 0.4}
    last = len(frame) - 1
    for place, (low, size) in enumerate(zip(start, effect, strict=True)):
        fill = style.FILLS[2] if place == last else style.FILLS[0] if size >= 0 else style.FILLS[1]
        ax.bar(place, size, bottom=low, **bar, **fill)
        text = "0" if abs(size) < measures.NOISE_BN_USD else figures_of(size)
        ax.annotate(
            text,
            xy=(place, max(low, low + size)),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=7,
        )
        if place < last:  # start of the next bar; the last bar ends there
            ax.plot([place + 0.35, place + 0.65], [low + size] * 2, color=style.GREY, linewidth=0.6)
    style.zero_line(ax)
    _names_below(ax, [FACTOR_NAMES[name] for name in frame["factor"]])
    ax.use_sticky_edges = False  # otherwise bars would end at the frame, and their labels beyond it
    ax.margins(y=0.14)
    name, span = frame["scenario"].iloc[0], frame["window"].iloc[0]
    base = owner.runs[0].name
    style.title(ax, f"{LABELS[line].split(' (')[0]}, {name} less {base}, {span_name(span)}", capital(span_unit(span)))
    return ax


def figures_of(value: float) -> str:
    """A bar's value: three significant digits, a true minus sign."""
    return (MINUS if value < 0 else "") + significant(value)


def span_name(span: str) -> str:
    """A span of a decomposition: "FY 2026-2035", or "present value"."""
    return window_name(span) if span.startswith("FY") else span


def span_unit(span: str) -> str:
    """The dollars of a span of a decomposition."""
    return UNITS["nominal_bn_usd"] if span.startswith("FY") else "billions of dollars of June 30, 2025"
