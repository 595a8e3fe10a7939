"""Every table and figure of brief and report by its label: made when a template names it, and only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import pandas as pd

from fiscal.base.prose import pct
from fiscal.base.words import BASIS_NAMES, MISSING, capital, listing, short, window_years
from fiscal.budget.lines import FORGONE, OTHER_RECEIPTS
from fiscal.report import charts
from fiscal.report.content import Column, Figure, Table
from fiscal.report.facts import Asked, changed, noun_among, past, validation
from fiscal.results import headline as headlines
from fiscal.results.events import is_random, told
from fiscal.results.figures import alt_text, statistics
from fiscal.results.headline import AGAINST, LONG, TEN, title_of
from fiscal.scenario import titles as titles_of
from fiscal.scenario.names import setting_name
from fiscal.studies import scenarios as study
from fiscal.studies import skill

POSITIVE = "Positive = the government is better off."
LATER = ("long_boom", "long_bust")
"""Events of the study that come after the budget window."""

BESIDE, WIDE = (4.35, 2.15), (6.5, 2.5)
"""Inches of the chart of the answer: beside what is assumed in a brief, alone in a report."""

Made = Callable[[Asked], Table | Figure | None]
_MADE: dict[str, Made] = {}


def _exhibit(make: Made) -> Made:
    _MADE[make.__name__.strip("_").replace("_", "-")] = make
    return make


def exhibits(asked: Asked) -> Mapping[str, Callable[[], Table | Figure | None]]:
    """Label -> what makes it, once."""
    return {label: cache(partial(make, asked)) for label, make in _MADE.items()}


def source_of(asked: Asked) -> str:
    """Which runs a figure or a table shows."""
    names = dict.fromkeys(f"{title_of(result)} ({result.fingerprint[:12]})" for result in asked.results)
    return f"Source: fiscal, {'; '.join(names)}."


# --- the answer -------------------------------------------------------------------------------------


@_exhibit
def headline(asked: Asked) -> Table:
    """The effects of the cases, one row a reference."""
    return headline_table(asked.table.rows)


@_exhibit
def scenario_set(asked: Asked) -> Table | None:
    """The stored study of adoption and event, where the cases are of it: events in the budget window."""
    if asked.study is None:
        return None
    table = asked.study
    inside = ~table["event_case"].isin([study.NO_EVENT, *LATER]) & table["statistic"].isin(["path", "median"])
    return study_table(table[inside], "scenario-set", "Change in net revenue by adoption and event")


@_exhibit
def spread(asked: Asked) -> Table | None:
    """What the stored study has beside that: no event, events after the window, the spread of random paths."""
    if asked.study is None:
        return None
    table = asked.study
    inside = table["event_case"].isin([study.NO_EVENT, *LATER]) | ~table["statistic"].isin(["path", "median"])
    return study_table(
        table[inside], "spread", "Without an event, after the budget window, and the spread of random paths"
    )


def study_table(rows: pd.DataFrame, label: str, caption: str) -> Table:
    """Rows of the stored study, grouped by their case of adoption."""
    titles = {name: titles_of()[f"adoption_{name}"] for name in rows["adoption_case"].unique()}
    groups = [
        f"{titles[case]} ({words})"
        for case, words in zip(rows["adoption_case"], rows["adoption"], strict=True)
    ]
    events = [
        _event_words(event, how) for event, how in zip(rows["event_case"], rows["statistic"], strict=True)
    ]
    own = rows.assign(case=groups, event=events, adoption=headlines.NONE).reset_index(drop=True)
    return headline_table(own[list(headlines.COLUMNS)], label, caption, grouped=True)


def _event_words(event: str, statistic: str) -> str:
    """An event of the study as its scenario's title has it: "Boom from 2027", "Random paths, median"."""
    if event == study.NO_EVENT:
        return "No event"
    if statistic != "path":
        return f"Random paths, {statistic}"
    return capital(titles_of()[event].removeprefix("Crypto ").removesuffix(", after the budget window"))


NOTES = {
    "outside_tax_bn_usd": "Tax outside, if half: change in tax on crypto outside plans if half of it would have been "
    "held there. Break-even: share held outside at which the ten-year effect is zero.",
    "market_value_bn_usd": "Value at market prices: present value of mid-2025, to the last withdrawal; no stated path "
    "changes it.",
}
"""Notes on columns of the headline table."""

APART = {
    "adoption": "{}",
    "event": "event: {}",
    "reference": "compared with {}",
    "held_at_event_share": "{} of planned crypto is held when the event starts",
}
"""How a value that all rows share is told above the table."""

RANDOM_NOTE = (
    "Random paths: crypto's average return exceeds that of equity for some years, so the median can pass the named boom "
    "in the long run."
)
LATER_NOTE = "With --full: not computed in this run; fiscal run --full adds it."


def headline_table(
    rows: pd.DataFrame, label: str = "headline", caption: str = "", *, grouped: bool = False
) -> Table:
    """The headline table. A value that is the same in every row is above the table instead of in a column, and rows of
    a case that print alike are one.

    ``grouped`` rows are headed by their case and keep their event.
    """
    heads = headlines.HEADS
    shown = headlines.Headline(rows, "").shown(MISSING if grouped else headlines.WITH_FULL)
    level = (rows["reference"] == headlines.LEVEL).all()
    cases = [
        case if grouped or event in ("none", case) else f"{case} ({event})"
        for case, event in zip(rows["case"], rows["event"], strict=True)
    ]
    if not grouped:
        shown, cases = merged(shown, cases, heads["reference"])
    several = len(set(cases)) > 1
    one_each = several and not grouped and len(shown) == len(set(cases))
    if several and not grouped:
        shown = shown.drop(columns=heads["event"])
    first = "Case" if one_each else heads["event" if grouped else "reference"]
    shown = shown.assign(case=cases, Case=cases)
    apart = []
    for key in ("adoption", "event", "reference", "held_at_event_share"):
        name = heads[key]
        if name in shown and name != first and shown[name].nunique() <= 1 and len(shown):
            if (value := shown[name].iloc[0]) not in ("none", MISSING):
                apart.append(APART[key].format(_holders(value) if key == "adoption" else value))
            shown = shown.drop(columns=name)
    keep = [first, *(name for name in heads.values() if name in shown and name != first)]
    keep = [name for name in keep if (shown[name] != MISSING).any()]
    later = heads["market_value_bn_usd"]
    if later in keep and (shown[later] == headlines.WITH_FULL).all():
        keep.remove(later)
    units = [f"All rows: {'; '.join(apart)}."] * bool(apart) + ["Billions of dollars, fiscal years.", POSITIVE]
    notes = [text for key, text in NOTES.items() if heads[key] in keep]
    if grouped and rows["event"].str.contains("andom").any():
        notes.append(RANDOM_NOTE)
    if (shown[keep] == headlines.WITH_FULL).any(axis=None):
        notes.append(LATER_NOTE)
    words = {"Case", heads["adoption"], heads["event"], heads["reference"]}
    columns = tuple(
        Column(name, name, width=float(name == first), align="left" if name in words else "right") for name in keep
    )
    return Table(
        label, caption or ("Net revenue" if level else "Change in net revenue by case"), shown, columns,
        " ".join(units), (" ".join(notes),) if notes else (),
        group="case" if several and not one_each else None, dense=grouped, breakable=grouped,
    )  # fmt: skip


def _holders(adoption: str) -> str:
    """ "10% × 5% by 2030" as a clause."""
    participants, balances, _, year = adoption.replace(" × ", " ").split(" ")
    return f"by {year}, {participants} of participants hold {balances} of balances in crypto"


def merged(shown: pd.DataFrame, cases: Sequence[str], reference: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows and their cases with the rows of a case that print alike as one: "the same money in equity, or no crypto"."""
    keys = shown.drop(columns=reference).assign(case=list(cases)).apply(tuple, axis=1)
    words = shown[reference].groupby(keys, sort=False).agg(", or ".join)
    first = ~keys.duplicated()
    kept = shown[first].assign(**{reference: words.to_numpy()}).reset_index(drop=True)
    return kept, [case for case, keep in zip(cases, first, strict=True) if keep]


@_exhibit
def by_year(asked: Asked) -> Table:
    """The table that a scorer prints."""
    frame = headlines.by_year(asked.effects)
    years = [name for name in frame if name not in ("case", "reference")]
    notes = frame.attrs["notes"]
    printed = frame.assign(**{name: [headlines.scored(value) for value in frame[name]] for name in years})
    kept, _ = merged(printed, frame["case"].tolist(), "reference")
    first = ~printed[["case", *years]].duplicated()
    frame = frame[first].assign(reference=kept["reference"].to_numpy())
    shown = {"[1]": notes[1], "[2]": notes[2]}
    cells = {headlines.scored(value) for name in years for value in frame[name]}
    return Table(
        "by-year",
        "Effect on net revenue by fiscal year, in the form of the Joint Committee on Taxation",
        frame,
        (
            Column("reference", "Compared with", width=1),
            *(Column(name, name[2:] if name.isdigit() else name, show=headlines.scored) for name in years),
        ),
        unit="Billions of dollars, fiscal years 2026 to 2035",
        notes=(notes[0], *(text for mark, text in shown.items() if mark in cells)),
        group="case",
    )  # fmt: skip


@_exhibit
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
    subtitle = (
        f"Billions of dollars a fiscal year, compared with {against}" + "; thick: years of the event" * events
    )
    return Figure(
        "effect-chart", _moved_apart(cases, line) if len(cases) > 1 else _moved(cases[0], line),
        charts.effects(cases, line), f"Change in {what} by fiscal year. {'. '.join(parts)}.",
        subtitle + "; shaded: 90 percent of random paths" * random, inches=BESIDE if asked.brief else WIDE,
        source=source_of(asked),
    )  # fmt: skip


def _moved_apart(cases: list[headlines.Effect], line: str) -> str:
    """The message of a chart of several effects: which way they go, and whether most comes after the budget window."""
    longest = [effect.over(effect.windows[-1], line) for effect in cases]
    if max(map(abs, longest)) < statistics.NOISE_BN_USD:
        return f"{capital(line.replace('_', ' '))} does not change"
    inside = max(abs(effect.over(TEN, line)) for effect in cases)
    up, down = (
        [
            effect
            for effect, value in zip(cases, longest, strict=True)
            if value * sign > statistics.NOISE_BN_USD
        ]
        for sign in (1, -1)
    )
    if up and down:
        ways = f"{capital(_short_list(up, cases))} adds, {_short_list(down, cases)} takes"
    else:
        ways = f"{capital(line.replace('_', ' '))} {'rises' if up else 'falls'} in every case"
    return ways + ("; most of it after the budget window" if inside < max(map(abs, longest)) / 2 else "")


def _short_list(effects: list[headlines.Effect], cases: list[headlines.Effect]) -> str:
    return listing([noun_among(effect, cases).replace("the ", "a ") for effect in effects])


def _moved(effect: headlines.Effect, line: str) -> str:
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


@_exhibit
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
        title = f"From {positive.index[0]} withdrawals bring more tax than contributions forgo"
    return Figure(
        "levels-chart", title, charts.plot(base, "cash_flow"), alt_text("cash_flow", base),
        f"Percent of GDP by fiscal year, {title_of(base)}", inches=BESIDE if asked.brief else WIDE,
        source=source_of(asked),
    )  # fmt: skip


@_exhibit
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
        f"{pct(settings.participants_share)} in {settings.full_year}.", inches=(2.15, 0.52), small=True,
    )  # fmt: skip


@_exhibit
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
        inches=(2.15, 0.95), small=True,
    )  # fmt: skip


# --- why, and who -----------------------------------------------------------------------------------


@_exhibit
def why_chart(asked: Asked) -> Figure | None:
    """Through what the effect comes: larger withdrawals or rates for crypto, lines of revenue for anything else."""
    if asked.level or not asked.has_span:
        return None
    if asked.crypto:
        frame = charts.crypto_reasons(asked.crypto, asked.span.label)
        what = f"Change in withdrawal tax, billions of dollars, calendar years {_years(asked.span.label)}"
        larger = frame.iloc[:, 0].abs().sum() >= frame.iloc[:, 1].abs().sum()
        title = (
            "The size of withdrawals matters more than tax rates"
            if larger
            else "Tax rates matter more than size"
        )
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
        f"{name}: " + ", ".join(f"{part} {value:,.1f}" for part, value in row.items())
        for name, row in frame.iterrows()
    ]
    alt = f"{what}. {'; '.join(sentences)}.".replace("\n", " ")
    return Figure("why-chart", title, charts.stacked(frame), alt, what,
                  inches=(6.5, 0.75 + 0.36 * len(frame)), source=source_of(asked))  # fmt: skip


def _years(label: str) -> str:
    return "\N{EN DASH}".join(str(year) for year in window_years(label))


@_exhibit
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
        f"{year} dollars per adult, sum of calendar years {_years(asked.span.label)}; positive = more revenue",
        inches=(6.5, 1.75), source=source_of(asked),
    )  # fmt: skip


@_exhibit
def who(asked: Asked) -> Table | None:
    """Dollars per adult and share by earnings group."""
    if not asked.has_span:
        return None
    frame = charts.persons(asked.cases, asked.span.label, "earnings_group")
    return _members(
        "who", "Change in net revenue by lifetime earnings", frame, asked, "Percentile of earnings"
    )


@_exhibit
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
    frame = frame.assign(
        member=[str(name).removeprefix("P").replace("-", "\N{EN DASH}") for name in frame["member"]]
    )
    shown = [("effect_bn_usd", "Billions of dollars", 2, 1.0), ("share", "Percent of the total", 1, 100.0)]
    if "per_person_usd" in frame:
        shown.append(("per_person_usd", "Dollars per adult", 2, 1.0))
    titles = frame["case"].unique().tolist()
    beside = 1 < len(titles) <= MOST_BESIDE
    columns = [Column("member", head, width=1)]
    if beside:
        wide = frame.pivot_table(
            index="member", columns="case", values=[name for name, *_ in shown], sort=False
        )
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
        f"{year} dollars, sum of calendar years {_years(asked.span.label)}. {POSITIVE}",
        group="case" if len(titles) > MOST_BESIDE else None,
    )  # fmt: skip


def _short(asked: Asked) -> list[str]:
    """What tells the cases apart in a head: the first word of the event, or the title."""
    labels = [told(one.result).label for one in asked.cases]
    return [
        label.split(" ")[0] if labels.count(label) == 1 and label != "none" else title_of(one.result)
        for label, one in zip(labels, asked.cases, strict=True)
    ]


@_exhibit
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
            Column("year", "End of"),
            Column("traditional", "Traditional", 1),
            Column("roth", "Roth", 1),
        ),
        "Billions of current dollars, compared with the same money in equity",
    )  # fmt: skip


# --- budget -----------------------------------------------------------------------------------------


@_exhibit
def budget(asked: Asked) -> Table:
    """The lines of every run over the windows."""
    rows = []
    for result in asked.results:
        known = statistics.windows_of(result)
        for window in (one.label for one in (TEN, LONG) if one.label in known):
            line = partial(statistics.window_sum, result, window)
            rows.append(
                {
                    "case": title_of(result),
                    "window": f"FY{_years(window)}",
                    "deferred": line("deferred_revenue"),
                    "payroll": line("payroll_forgone"),
                    "tax": line("withdrawal_tax"),
                    "other": OTHER_RECEIPTS.of({name: line(name) for name in OTHER_RECEIPTS.parts}),
                    "net": line("net_revenue"),
                }
            )
    return Table(
        "budget", "Revenue forgone and collected",
        pd.DataFrame(rows, columns=list(rows[0]) if rows else ["case", "window"]),
        (
            Column("window", "Fiscal years", width=1),
            Column("deferred", "Deferred income tax", 0),
            Column("payroll", "Payroll tax forgone", 0),
            Column("tax", "Withdrawal tax", 0),
            Column("other", "Other receipts", 0),
            Column("net", "Net revenue", 0),
        ) if rows else (Column("window", "Fiscal years", width=1),),
        f"Billions of current dollars. {POSITIVE}", group="case",
        notes=("Net revenue omits tax on outside returns; it does not measure the gain from deferral.",),
    )  # fmt: skip


GDP_YEARS = (2026, 2030, 2035, 2040, 2045, 2055)


@_exhibit
def long_run(asked: Asked) -> Table:
    """Net revenue and the effects as percent of GDP by year."""
    base = asked.results[0]
    last = int(base.scenario.value("horizon.last_year"))
    years = [year for year in GDP_YEARS if year <= last]
    rows = []
    for words, line in (
        ("Revenue forgone", None),
        ("Withdrawal tax", "withdrawal_tax"),
        ("Net revenue", "net_revenue"),
    ):
        series = (
            FORGONE.of({name: statistics.by_year(base, name) for name in FORGONE.parts})
            if line is None
            else statistics.by_year(base, line)
        )
        rows.append({"what": f"{words}, {title_of(base)}", **{str(year): series.get(year) for year in years}})
    for effect in asked.effects:
        if effect.reference is not None:
            series = effect.by_year(value="gdp_share")
            name = f"{title_of(effect.result)}, compared with {effect.against}"
            rows.append({"what": name, **{str(year): series.get(year) for year in years}})
    return Table(
        "long-run", "Percent of GDP by fiscal year", pd.DataFrame(rows),
        (
            Column("what", "Net revenue and its change", width=1),
            *(Column(str(year), str(year), 3, 100) for year in years),
        ),
        f"Percent of the year's GDP. {POSITIVE}",
    )  # fmt: skip


# --- value and risk ---------------------------------------------------------------------------------


SCOPES = (("contributions_2026", "Contributions of 2026"), ("crypto_effect", "Effect of crypto"))


@_exhibit
def values(asked: Asked) -> Table | None:
    """The effect of crypto, and this year's contributions, on every basis."""
    rows = []
    for result in asked.results:
        frame = headlines.at_hand(result, "bases")
        if frame is None or frame.empty:
            continue
        for scope, words in SCOPES if result is asked.results[0] else SCOPES[1:]:
            own = frame[(frame["scope"] == scope) & (frame["weight"] == "average")]
            if scope == "crypto_effect":  # no path of returns is in the convention, and so no effect of one
                own = own[own["basis"] != "convention"]
            for (basis, rate), part in own.groupby(["basis", "rate"], sort=False, dropna=False):
                value = part.set_index("line")
                rows.append(
                    {
                        "group": f"{words}, {title_of(result)}",
                        "basis": BASIS_NAMES[str(basis)]
                        + (f", {pct(float(rate))}" if rate == rate and rate else ""),
                        "tax": value["present_value_bn_usd"].get("withdrawal_tax"),
                        "net": value["present_value_bn_usd"].get("net_revenue"),
                        "error": value["standard_error_bn_usd"].get("withdrawal_tax"),
                    }
                )
    if not rows:
        return None
    return Table(
        "values", "What the deferral is worth on each basis", pd.DataFrame(rows),
        (
            Column("basis", "Basis", width=1),
            Column("tax", "Withdrawal tax", 1),
            Column("error", "Standard error", 1),
            Column("net", "Net revenue", 1),
        ),
        f"Billions of dollars of mid-2025, to the last withdrawal. {POSITIVE}", group="group", breakable=True,
    )  # fmt: skip


MEASURES = {"cash_basis": "Cash, 2026", "present_value_basis": "Present value, contributions of 2026"}


@_exhibit
def expenditure(asked: Asked) -> Table | None:
    """Tax expenditure of the first run: cash of a year, and present value of a year's contributions."""
    frame = headlines.at_hand(asked.results[0], "tax_expenditure")
    if frame is None:
        return None
    own = frame[frame["flows_of"].astype(str) == "2026"]
    shown = own.assign(
        what=[
            f"{MEASURES[on]}: {str(method).replace('_', ' ').replace('realised', 'realized')}"
            for on, method in zip(own["measured_on"], own["method"], strict=True)
        ]
    )
    return Table(
        "expenditure", "Tax expenditure of deferral", shown,
        (
            Column("what", "Measure", width=1),
            Column("deferred_revenue_bn_usd", "Deferred income tax", 0),
            Column("inside_buildup_bn_usd", "Tax on returns forgone", 0),
            Column("withdrawal_tax_bn_usd", "Withdrawal tax", 0),
            Column("tax_expenditure_bn_usd", "Tax expenditure", 0),
        ),
        "Billions of dollars; a positive tax expenditure is a cost, the other columns positive = the government gains",
    )  # fmt: skip


@_exhibit
def paths(asked: Asked) -> Table | None:
    """The distribution of the effect over random paths."""
    rows = []
    for result in statistics.random_results(asked.results):
        frame = result.tables["path_windows"]
        own = frame[(frame["line"] == "net_revenue") & (frame["measure"] == "real")]
        for row in own[own["reference"].isin(list(AGAINST))].itertuples():
            if str(row.window).startswith("FY"):
                rows.append(
                    {
                        "case": f"{title_of(result)}, compared with {AGAINST[row.reference]}",
                        "window": f"FY{_years(row.window)}",
                        "q05": row.q05_bn_usd,
                        "median": row.median_bn_usd,
                        "q95": row.q95_bn_usd,
                        "mean": row.mean_bn_usd,
                    }
                )
    if not rows:
        return None
    return Table(
        "paths", "Change in net revenue over random paths", pd.DataFrame(rows),
        (
            Column("window", "Fiscal years", width=1),
            Column("q05", "5th percentile", 1),
            Column("median", "Median", 1),
            Column("q95", "95th percentile", 1),
            Column("mean", "Mean", 1),
        ),
        f"Billions of current dollars. {POSITIVE}", group="case",
    )  # fmt: skip


# --- sensitivity, and how good the model is -----------------------------------------------------------


@_exhibit
def drivers_chart(asked: Asked) -> Figure | None:
    """One setting at a time, from the stored sweep."""
    stored = statistics.drivers()
    quantity = "net_revenue_minus_equity_adoption"
    if stored is None or quantity not in set(stored["tornado"]["quantity"]):
        return None
    own = stored["tornado"]
    own = own[(own["quantity"] == quantity) & (own["window"] == TEN.label)]
    move = (own["at_high_bn_usd"] - own["at_low_bn_usd"]).abs()
    first = setting_name(str(own.loc[move.idxmax(), "setting"]))
    options = {"quantity": quantity, "window": TEN.label}
    return Figure(
        "drivers-chart", f"The effect depends most on: {first}", charts.plot(asked.owner, "tornado", **options),
        alt_text("tornado", asked.owner, **options),
        f"Change in the effect on net revenue, {headlines.words_of(TEN)}, billions of dollars, one setting at a time",
        "Source: stored sweep of this model (drivers_tornado).", (6.5, 3.3),
    )  # fmt: skip


@_exhibit
def published(asked: Asked) -> Table | None:
    """The model beside published estimates."""
    frame = validation()
    if frame is None:
        return None
    shown = frame[frame["check"].isin(["level", "order"])]
    return Table(
        "published", "The model beside published estimates",
        shown.assign(what=[capital(name) for name in shown["what"]]),
        (
            Column("what", "Estimate", width=3),
            Column("year", "Of", width=1),
            Column("unit", "Unit", width=0.9),
            Column("published", "Published", show=_four),
            Column("first", "Model, first basis", show=_four),
            Column("model", "Model", show=_four),
            Column("tolerance", "Tolerance", width=1.3),
            Column("verdict", "Verdict"),
        ),
        notes=(
            "Tolerances and first bases were set before the comparison. Where the publisher's own words set another "
            "basis, the model is compared on that one. Bases and reasons for every miss: docs/validation.md.",
        ),
        breakable=True,
    )  # fmt: skip


def _four(value: float) -> str:
    return MISSING if value != value else ("\N{MINUS SIGN}" if value < 0 else "") + short(value, 4)


@_exhibit
def hindcast_chart(asked: Asked) -> Figure | None:
    """Errors of the model started in the past."""
    told = past()
    if told is None:
        return None
    row = next(one for one in told["rows"] if one["quantity"] == "benefits")
    less = "smaller" if row["error"] < row["naive"] else "larger"
    return Figure(
        "hindcast-chart", f"Errors in benefits are {less} than those of a naive rule {told['lead']} years ahead",
        charts.plot(asked.owner, "hindcast"), alt_text("hindcast", asked.owner),
        "Mean absolute error by years after the start, percent of published",
        "Sources: DOL Form 5500; CBO; stored runs of this model (hindcast).",
        (6.5, 2.4),
    )  # fmt: skip


@_exhibit
def skill_table(asked: Asked) -> Table | None:
    """Errors by lead year beside the best naive rule's and CBO's."""
    told = past()
    if told is None:
        return None
    leads = skill.answers()["by_lead"]
    rows = leads[
        leads["lead_years"].isin(skill.SHOWN_LEADS)
        & leads["conditioning"].isin(["actual_wages_and_returns", "none"])
    ]
    rows = rows.assign(
        quantity=[capital(skill.words(name)) for name in rows["quantity"]],
        told=["wages and returns" if name != "none" else "nothing" for name in rows["conditioning"]],
    )
    return Table(
        "skill-table", "Errors by years after the start, starts of 2010 to 2022", rows,
        (
            Column("quantity", "Quantity", width=1.2),
            Column("told", "Given", width=1.4),
            Column("lead_years", "Years", 0),
            Column("starts", "Starts", 0),
            Column("mean_error", "Mean error, %", 1, 100),
            Column("mean_absolute_error", "Mean absolute error, %", 1, 100),
            Column("rmse", "Root mean square error, %", 1, 100),
            Column("naive_mean_absolute_error", "Best naive rule, %", 1, 100),
            Column("cbo_mean_absolute_error", "CBO, income tax, %", 1, 100),
        ),
        notes=("Mean absolute errors of the rule and of CBO. CBO's errors are on individual income tax receipts.",),
        breakable=True,
    )  # fmt: skip


@_exhibit
def bands_table(asked: Asked) -> Table | None:
    """How many past outcomes the 80 percent bands held."""
    if past() is None:
        return None
    frame = skill.coverage_summary(skill.answers()["coverage"])
    return Table(
        "bands-table", "Past outcomes inside the 80 percent band",
        frame.assign(quantity=[capital(name) for name in frame["quantity"]]),
        (
            Column("quantity", "Quantity", width=1.2),
            Column("lead", "Years", 0),
            Column("held", "Inside"),
            Column("windows", "Windows that do not overlap", 0),
            Column("interval", "95% interval of the share inside"),
            Column("band rejected", "Band rejected"),
        ),
        notes=("An interval that includes 0.80 does not reject the band. With so few windows it rejects little.",),
    )  # fmt: skip


@_exhibit
def settings(asked: Asked) -> Table | None:
    """Every setting in which a case differs from the defaults."""
    rows = [{"case": title_of(result), **one} for result in asked.results for one in changed(result.scenario)]
    if not rows:
        return None
    return Table(
        "settings", "Settings that differ from the defaults", pd.DataFrame(rows),
        (Column("name", "Setting", width=1), Column("default", "Default"), Column("value", "This case")),
        group="case", breakable=True,
    )  # fmt: skip


def all_settings(asked: Asked) -> dict[str, Any]:
    """Every setting of every run by title, for the workbook."""
    return {title_of(result): result.tables["settings"] for result in asked.results}
