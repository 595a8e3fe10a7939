"""The charts of the answer: the effect by year, and what a case assumes."""

from __future__ import annotations

from fiscal.base.prose import pct
from fiscal.base.words import capital, listing
from fiscal.report import charts
from fiscal.report.asked import Asked
from fiscal.report.content import Figure
from fiscal.report.exhibits.common import exhibit, source_of
from fiscal.report.facts import noun_among
from fiscal.results.effects import LONG, TEN, Effect
from fiscal.results.events import is_random, told
from fiscal.results.figures import alt_text, statistics
from fiscal.results.figures.owners import title_of

BESIDE, WIDE = (4.35, 2.15), (6.5, 2.5)
"""Inches of the chart of the answer: beside what is assumed in a brief, alone in a report."""

SMALL, SMALL_WIDE = ((2.15, 0.52), (2.15, 0.95)), (3.15, 1.1)
"""Those of the charts of what is assumed: in the column of a brief, side by side in a report."""


@exhibit
def effect_chart(asked: Asked) -> Figure | None:
    """The effect by year: withdrawal tax for crypto, net revenue for anything else."""
    if asked.level:
        return _levels(asked)
    cases = asked.crypto or asked.cases
    line = "withdrawal_tax" if asked.crypto else "net_revenue"
    what = "withdrawal tax" if asked.crypto else "net revenue"
    against = cases[0].against if len({one.against for one in cases}) == 1 else "each reference"
    parts = []
    for effect in cases:
        series = effect.by_year(line).loc[: LONG.last]
        peak = int(series.abs().idxmax())
        parts.append(f"{title_of(effect.result)}: {series[peak]:,.1f} billion dollars in {peak}, the largest")
    events = any(told(one.result).event for one in cases)
    random = any(is_random(one.result.scenario.settings) for one in cases)
    subtitle = f"Billions of dollars by fiscal year, compared with {against}" + "; thick: event" * events
    return Figure(
        "effect-chart", _moved_apart(cases, line) if len(cases) > 1 else _moved(cases[0], line),
        charts.effects(cases, line), f"Change in {what} by fiscal year. {'. '.join(parts)}.",
        subtitle + "; shaded: range of 90 percent of random paths" * random, inches=BESIDE if asked.brief else WIDE,
        source=source_of(asked),
    )  # fmt: skip


def _moved_apart(cases: list[Effect], line: str) -> str:
    """The message of a chart of several effects: which way they go, and whether most comes after the budget window."""
    longest = [effect.over(effect.windows[-1], line) for effect in cases]
    if max(map(abs, longest)) < statistics.NOISE_BN_USD:
        return f"{capital(line.replace('_', ' '))} does not change"
    inside = max(abs(effect.over(TEN, line)) for effect in cases)
    up, down = (
        [effect for effect, value in zip(cases, longest, strict=True) if value * sign > statistics.NOISE_BN_USD]
        for sign in (1, -1)
    )
    if up and down:
        name = capital(line.replace("_", " "))
        ways = f"{name}: up in {_short_list(up, cases)}, down in {_short_list(down, cases)}"
    else:
        ways = f"{capital(line.replace('_', ' '))} {'rises' if up else 'falls'} in every case"
    return ways + (f", mostly after {TEN.last}" if inside < max(map(abs, longest)) / 2 else "")


def _short_list(effects: list[Effect], cases: list[Effect]) -> str:
    return listing([noun_among(effect, cases).replace("the ", "a ") for effect in effects])


def _moved(effect: Effect, line: str) -> str:
    """The message of a chart of one effect: what it does to a line, and when most."""
    series = effect.by_year(line).loc[: LONG.last]
    words = line.replace("_", " ")
    if series.abs().max() < statistics.NOISE_BN_USD:
        return f"{capital(words)} does not change"
    peak = int(series.abs().idxmax())
    seen = max(statistics.NOISE_BN_USD, abs(series[peak]) / 20)
    if (series > seen).any() and (series < -seen).any():
        return f"{capital(words)} moves both ways, most in {peak}"
    verb = "rises" if series[peak] > 0 else "falls"
    return f"{capital(words)} {verb}, most in {peak}"


@exhibit
def levels_chart(asked: Asked) -> Figure | None:
    """Revenue forgone against withdrawal tax, where that is not the chart of the answer."""
    return None if asked.level else _levels(asked)


def _levels(asked: Asked) -> Figure:
    """Revenue forgone against withdrawal tax, of the first run."""
    base = asked.results[0]
    frame = statistics.cash_flow(base).set_index("year")
    positive = frame["net_revenue"][frame["net_revenue"] > 0]
    title = "Withdrawals bring less tax than contributions forgo"
    if len(positive) and (frame["net_revenue"].loc[positive.index[0] :] > 0).all():
        title = f"From {positive.index[0]} on, withdrawals bring more tax than contributions forgo"
    return Figure(
        "levels-chart", title, charts.plot(base, "cash_flow"), alt_text("cash_flow", base),
        f"Percent of GDP by fiscal year, {title_of(base)}", inches=BESIDE if asked.brief else WIDE,
        source=source_of(asked),
    )  # fmt: skip


@exhibit
def adoption_chart(asked: Asked) -> Figure | None:
    """Who comes to hold crypto."""
    if not asked.crypto:
        return None
    settings = asked.crypto[0].result.scenario.settings.adoption
    return Figure(
        "adoption-chart",
        "Participants who hold crypto, percent",
        charts.adoption(asked.crypto[0].result),
        f"The share of participants who hold crypto rises from {settings.start_year} to "
        f"{pct(settings.participants_share)} in {settings.full_year}.",
        inches=SMALL[0] if asked.brief else SMALL_WIDE, small=True,
    )  # fmt: skip


@exhibit
def returns_chart(asked: Asked) -> Figure | None:
    """What crypto earns, from the path itself."""
    if not asked.crypto:
        return None
    parts = []
    for effect in asked.crypto:
        event = told(effect.result).event
        when = f"in the event of {event.first_year} to {event.last_year}" if event else ""
        text = f"{when} it becomes ${event.dollar:,.2f}" if event else "there is no event"  # fmt: skip
        parts.append(f"{title_of(effect.result)}: {text}")
    return Figure(
        "returns-chart", "One dollar in crypto and in equity", charts.crypto_dollar(asked.crypto),
        f"Value of a dollar in crypto by year, returns reinvested, beside equity. {'. '.join(parts)}.",
        inches=SMALL[1] if asked.brief else SMALL_WIDE, small=True,
    )  # fmt: skip
