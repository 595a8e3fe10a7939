"""Why revenue changes, and for whom: by earnings, by generation, by kind of account."""

from __future__ import annotations

import pandas as pd

from fiscal.report import charts
from fiscal.report.asked import Asked
from fiscal.report.content import Column, Figure, Table
from fiscal.report.exhibits.common import POSITIVE, exhibit, source_of, years
from fiscal.results.effects import LONG, TEN
from fiscal.results.events import told
from fiscal.results.figures import statistics
from fiscal.results.figures.owners import title_of


@exhibit
def why_chart(asked: Asked) -> Figure | None:
    """Through what the effect comes: larger withdrawals or rates for crypto, lines of revenue for anything else."""
    if asked.level or not asked.has_span:
        return None
    if asked.crypto:
        frame = charts.crypto_reasons(asked.crypto, asked.span.label)
        what = f"Change in withdrawal tax, billions of dollars, calendar years {years(asked.span.label)}"
        larger = frame.iloc[:, 0].abs().sum() >= frame.iloc[:, 1].abs().sum()
        title = "The size of withdrawals matters more than tax rates" if larger else "Tax rates matter more than size"
    else:
        known = statistics.windows_of(asked.results[0])
        windows = [window for window in (TEN, LONG) if window.label in known]
        frame = charts.line_reasons(asked.cases, windows)
        what = "Change in net revenue by line, billions of dollars, fiscal years"
        largest = frame.abs().sum().idxmax()
        title = f"Most of the change is in {largest}"
    if frame.abs().to_numpy().sum() < statistics.NOISE_BN_USD:
        return None
    sentences = [
        f"{name}: " + ", ".join(f"{part} {value:,.1f}" for part, value in row.items()) for name, row in frame.iterrows()
    ]
    alt = f"{what}. {'; '.join(sentences)}.".replace("\n", " ")
    return Figure("why-chart", title, charts.stacked(frame), alt, what,
                  inches=(6.5, 0.75 + 0.36 * len(frame)), source=source_of(asked))  # fmt: skip


@exhibit
def who_chart(asked: Asked) -> Figure | None:
    """Dollars per adult by rank of earnings."""
    if not asked.has_span:
        return None
    frame = charts.persons(asked.cases, asked.span.label, "earnings_group")
    own = frame[frame["case"] == title_of(asked.cases[0].result)]
    top = own.iloc[-3:]["effect_bn_usd"].sum()
    total = own["effect_bn_usd"].sum()
    title = "Change in revenue per adult by lifetime earnings"
    if abs(total) >= statistics.NOISE_BN_USD and top / total > 0.5:
        title = "The top tenth of earners accounts for most of the change"
    year = asked.results[0].scenario.value("books.price_year")
    words = "; ".join(f"{row.member} {row.per_person_usd:,.2f}" for row in own.itertuples())
    return Figure(
        "who-chart", title, charts.per_person(frame, asked.cases),
        f"Dollars per adult by earnings group, {title_of(asked.cases[0].result)}: {words}.",
        f"{year} dollars per adult, sum of calendar years {years(asked.span.label)}; positive = more revenue",
        inches=(6.5, 1.75), source=source_of(asked),
    )  # fmt: skip


@exhibit
def who(asked: Asked) -> Table | None:
    """Dollars per adult and share by earnings group."""
    if not asked.has_span:
        return None
    frame = charts.persons(asked.cases, asked.span.label, "earnings_group")
    return _members("who", "Change in net revenue by lifetime earnings", frame, asked, "Percentile of earnings")


@exhibit
def generations(asked: Asked) -> Table | None:
    """Effect and share by birth decade, those that count."""
    if not asked.has_span:
        return None
    frame = charts.persons(asked.cases, asked.span.label, "birth_decade")
    size = frame.groupby("member", sort=False)["effect_bn_usd"].apply(lambda values: values.abs().max())
    kept = size[size >= statistics.SMALLEST_SHARE * size.max()].index if len(size) else []
    frame = frame[frame["member"].isin(kept)]
    return _members("generations", "Change in net revenue by generation", frame, asked, "Born in the")


MOST_BESIDE = 3
"""Cases that have columns of their own beside each other."""


def _members(label: str, caption: str, frame: pd.DataFrame, asked: Asked, head: str) -> Table:
    """Groups in rows; each case has its columns where there are few, and rows of its own where there are many."""
    year = asked.results[0].scenario.value("books.price_year")
    frame = frame.assign(member=[str(name).removeprefix("P").replace("-", "\N{EN DASH}") for name in frame["member"]])
    shown = [("effect_bn_usd", "Billions of dollars", 2, 1.0), ("share", "Percent of the total", 1, 100.0)]
    if "per_person_usd" in frame:
        shown.append(("per_person_usd", "Dollars per adult", 2, 1.0))
    titles = frame["case"].unique().tolist()
    beside = 1 < len(titles) <= MOST_BESIDE
    columns = [Column("member", head, width=1)]
    if beside:
        wide = frame.pivot_table(index="member", columns="case", values=[name for name, *_ in shown], sort=False)
        wide = wide.reindex(frame["member"].unique())
        names = dict(zip((title_of(one.result) for one in asked.cases), _short(asked), strict=True))
        columns += [
            Column(f"{place} {name}", f"{words}: {names[title]}", decimals, scale)
            for place, title in enumerate(titles)
            for name, words, decimals, scale in shown
        ]
        wide.columns = [f"{titles.index(title)} {name}" for name, title in wide.columns]
        frame = wide.reset_index()
    else:
        columns += [Column(name, words, decimals, scale) for name, words, decimals, scale in shown]
    return Table(
        label, caption, frame, tuple(columns),
        f"{year} dollars, sum of calendar years {years(asked.span.label)}. {POSITIVE}",
        group="case" if len(titles) > MOST_BESIDE else None,
    )  # fmt: skip


def _short(asked: Asked) -> list[str]:
    """What tells the cases apart in a head: the first word of the event, or the title."""
    labels = [told(one.result).label for one in asked.cases]
    return [
        label.split(" ")[0] if labels.count(label) == 1 and label != "none" else title_of(one.result)
        for label, one in zip(labels, asked.cases, strict=True)
    ]


@exhibit
def accounts(asked: Asked) -> Table | None:
    """Change of balances by tax character: the Treasury shares in the traditional ones alone."""
    rows = [
        {"case": title_of(effect.result), "year": year, **gains}
        for effect in asked.crypto
        for year in (TEN.last, LONG.last)
        if year <= effect.result.scenario.value("horizon.last_year")
        and (gains := charts.account_gains(effect, year)) is not None
    ]
    if not rows:
        return None
    return Table(
        "accounts", "Change in year-end balances by kind of account", pd.DataFrame(rows),
        (
            Column("case", "Case", width=1),
            Column("year", "Year"),
            Column("traditional", "Traditional", 1),
            Column("roth", "Roth", 1),
        ),
        "Billions of current dollars, compared with the same money in equity",
    )  # fmt: skip
