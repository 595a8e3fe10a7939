"""The tables of the answer: effects by case, the stored scenario set, and the effect by fiscal year."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fiscal.base.words import MISSING, capital
from fiscal.report.asked import Asked
from fiscal.report.content import Column, Table
from fiscal.report.exhibits.common import POSITIVE, exhibit
from fiscal.results import headline as headlines
from fiscal.results.effects import LEVEL, TEN
from fiscal.scenario import titles as titles_of
from fiscal.studies import scenarios as study

LATER = ("long_boom", "long_bust")
"""Events of the study that come after the budget window."""


@exhibit
def headline(asked: Asked) -> Table:
    """The effects of the cases, one row a reference."""
    return headline_table(asked.table.rows)


@exhibit
def scenario_set(asked: Asked) -> Table | None:
    """The stored study of adoption and event, where the cases are of it: events in the budget window."""
    if asked.study is None:
        return None
    table = asked.study
    inside = ~table["event_case"].isin([study.NO_EVENT, *LATER]) & table["statistic"].isin(["path", "median"])
    return study_table(table[inside], "scenario-set", "Change in net revenue by adoption and event")


@exhibit
def spread(asked: Asked) -> Table | None:
    """What the stored study has beside that: events after the window, and the spread of random paths."""
    if asked.study is None:
        return None
    table = asked.study
    inside = table["event_case"].isin(LATER) | ~table["statistic"].isin(["path", "median"])
    return study_table(table[inside], "spread", "Events after the budget window, and the spread of random paths")


def study_table(rows: pd.DataFrame, label: str, caption: str) -> Table:
    """Rows of the stored study, grouped by their case of adoption."""
    titles = {name: titles_of()[f"adoption_{name}"] for name in rows["adoption_case"].unique()}
    groups = [f"{titles[case]} ({words})" for case, words in zip(rows["adoption_case"], rows["adoption"], strict=True)]
    events = [_event_words(event, how) for event, how in zip(rows["event_case"], rows["statistic"], strict=True)]
    own = rows.assign(case=groups, event=events, adoption=headlines.NONE).reset_index(drop=True)
    return headline_table(own[list(headlines.COLUMNS)], label, caption, grouped=True)


def _event_words(event: str, statistic: str) -> str:
    """An event of the study as its scenario's title has it: "Boom from 2027", "Random paths, median"."""
    if statistic != "path":
        return f"Random paths, {statistic}"
    return capital(titles_of()[event].removeprefix("Crypto ").removesuffix(", after the budget window"))


NOTES = {
    "held_at_event_share": "Held at event: share of the planned crypto that savers hold when the event starts.",
    "market_value_bn_usd": "Value at market prices: what investors would pay in mid-2025 for the changes of all years "
    "to the last withdrawal, given their risk.",
    "outside_tax_bn_usd": "Tax outside, if half: change in tax on crypto outside plans if half of it would have been "
    "held there. Break-even: share held outside at which the net effect over ten years is zero.",
    "range": f"80% range: for FY{str(TEN.first)[2:]}\u2013{str(TEN.last)[2:]}, if crypto follows the stated path.",
}
"""Notes on columns of the headline table."""

APART = {
    "adoption": "{}",
    "event": "event: {}",
    "reference": "compared with {}",
    "held_at_event_share": "savers hold {} of the planned crypto when the event starts",
}
"""Words above the table for a value that all rows share."""

RANDOM_NOTE = (
    "Random paths: crypto's average return exceeds that of equity for some years, so in the long run the median can "
    "exceed the boom. In the heads of the groups: share of participants × share of their balances."
)
LATER_NOTE = "With --full: not computed in this run; fiscal run --full adds it."


def headline_table(rows: pd.DataFrame, label: str = "headline", caption: str = "", *, grouped: bool = False) -> Table:
    """The headline table. A value that is the same in every row is above the table instead of in a column, and rows of
    a case that print alike are one.

    ``grouped`` rows are headed by their case and keep their event.
    """
    heads = headlines.HEADS
    shown = headlines.Headline(rows, "").shown(MISSING if grouped else headlines.WITH_FULL)
    level = (rows["reference"] == LEVEL).all()
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
    of_crypto = (rows["adoption"] != "none").any()
    notes = [
        text if of_crypto or key != "range" else f"{text.partition(', if')[0]}."
        for key, text in NOTES.items()
        if heads[key] in keep
    ]
    if of_crypto and later in keep:
        notes.append("The value counts every path that crypto may take, so it does not depend on the path of a case.")
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
        group="case" if several and not one_each else None, dense=True,
    )  # fmt: skip


def _holders(adoption: str) -> str:
    """ "10% × 5% by 2030" as a clause."""
    participants, rest = adoption.split(" × ")
    balances, year = rest.split(" by ")
    return f"by {year}, {participants} of participants hold {balances} of balances in crypto"


def merged(shown: pd.DataFrame, cases: Sequence[str], reference: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows and their cases; the rows of a case that print alike are one: "the same money in equity, or no crypto"."""
    keys = shown.drop(columns=reference).assign(case=list(cases)).apply(tuple, axis=1)
    words = shown[reference].groupby(keys, sort=False).agg(", or ".join)
    first = ~keys.duplicated()
    kept = shown[first].assign(**{reference: words.to_numpy()}).reset_index(drop=True)
    return kept, [case for case, keep in zip(cases, first, strict=True) if keep]


@exhibit
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
        "Effect on net revenue by fiscal year",
        frame,
        (
            Column("reference", "Compared with", width=1),
            *(Column(name, name[2:] if name.isdigit() else name, show=headlines.scored) for name in years),
        ),
        unit="Billions of dollars, fiscal years 2026 to 2035",
        notes=(notes[0], *(text for mark, text in shown.items() if mark in cells)),
        group="case",
    )  # fmt: skip
