"""Chapter on the levers: what each scenario changes, in words, and its effect over ten years beside the long run."""

from __future__ import annotations

import re

import pandas as pd

from fiscal.base.words import BASIS_NAMES, DASH, amount, capital, listing, signed_amount
from fiscal.report.changes import LEVERS, changes
from fiscal.report.compared import Results
from fiscal.report.content import OF_DATE, Block, Column, Heading, Items, Prose, Section, Table, Term
from fiscal.results.figures.setting_names import setting_name, setting_value
from fiscal.results.result import PRESENT_VALUES, Result, compare

STATE_YEAR = 2035
"""Year whose state taxes are told."""


def levers_section(results: Results) -> Section | None:
    """What is changed from the base, and what each case does to net revenue by window."""
    if len(results) < 2:
        return None
    base, *others = results
    blocks: list[Block] = [_effects_table(results)]
    for result in others:
        changed = _changed(base, result)
        if not changed:
            continue
        blocks.append(Heading(result.name))
        words = result.scenario.description or result.scenario.title
        if words and words != result.name:
            blocks.append(Prose(words))
        blocks.append(Items(tuple(changed)))
        blocks += _state_words(result)
    text = (
        "Each case differs from the base in the settings listed under it; everything else is the same. A lever that "
        "moves tax from withdrawal to contribution, or back, shows a gain in one window and a loss in another: "
        "the ten-year column is a shift in time until the years after it are read."
    )
    return Section(LEVERS, (Prose(text), *blocks))


def _changed(base: Result, result: Result) -> list[Term]:
    """The settings in which a result differs from the base, with what they mean, as list items."""
    terms = []
    for row, before in changes(result.scenario, base.scenario):
        source = f" Source of the default: {row.source}." if row.source else ""
        old, new = (setting_value(value, row.unit) for value in (before, row.value))
        here = f"Here {new}, in the base {old} ({row.unit}; default {row.status}; {row.key})."
        terms.append(Term(capital(setting_name(row.key)), f"{_spaced(row.doc)} {here}{source}"))
    return terms


WORD = re.compile(r"(?<![\w./])[a-z]+(?:_[a-z]+)+(?![\w./(])")
"""A value as a scenario file has it, such as core_return; not the key of a setting or the name of a file."""


def _spaced(doc: str) -> str:
    """What a setting means, its values as they are said here."""
    return WORD.sub(lambda found: found[0].replace("_", " "), doc)


VALUES_SOURCE = (
    "Present values go to the last withdrawal after the horizon: the flows at Treasury bill rates, which leaves "
    "risk out, or each dollar at what it earns. "
)


def _effects_table(results: Results) -> Table:
    effects = compare(results[0], *results[1:]).effects()
    values = [column for column in PRESENT_VALUES.values() if column in effects]
    windows = [column for column in effects if column.endswith("_bn_usd") and column not in values]
    frame = effects.assign(
        annual=[_year(value) for value in effects["annual_turns"]],
        cumulated=[_year(value) for value in effects["cumulated_turns"]],
    )
    return Table(
        "table-levers", f"Net revenue less {results[0].name}, by window, and the years in which it turns", frame,
        (
            Column("scenario", "Scenario", width=1),
            *(Column(name, "FY " + name.removesuffix("_bn_usd").replace("_", "\N{EN DASH}"), 1) for name in windows),
            *(
                Column(column, f"Present value: {BASIS_NAMES[basis]}", 1, unit=OF_DATE)
                for basis, column in PRESENT_VALUES.items() if column in values
            ),
            Column("annual", "Annual effect turns", align="right"),
            Column("cumulated", "Cumulated effect turns", align="right"),
        ),
        unit="Billions of current dollars; present values of 30 June 2025. Positive = the government is better off.",
        source=f"{VALUES_SOURCE if values else ''}A turn is the first year from which the sign stays the other one; "
        "a dash: it never turns, or turns back. The cumulated effect carries interest at the one-year rate.",
    )  # fmt: skip


def _year(value: object) -> str:
    return DASH if pd.isna(value) else str(value)


def _state_words(result: Result) -> list[Block]:
    """State income tax, where the scenario has it on."""
    frame = result.tables.get("state_tax")
    if frame is None:
        return []
    own = frame[(frame["path"] == "scenario") & (frame["year"] == STATE_YEAR)].set_index("line")[
        "nominal_bn_usd"
    ]
    parts = [
        f"{signed_amount(own['state_deferred_revenue'])} on contributions",
        f"{amount(own['state_withdrawal_tax'])} on withdrawals",
    ]
    return [
        Prose(
            f"States collect in {STATE_YEAR} {listing(parts)}, in no federal total and at one average rate, which is "
            "low for dollars that are taxed at the margin."
        )
    ]
