"""The chapter on what makes a scenario differ from the base: five factors that add up."""

from __future__ import annotations

import pandas as pd

from fiscal.base.errors import InputError
from fiscal.base.words import (
    FACTOR_NAMES,
    amount,
    capital,
    change,
    listing,
    percent,
    signed_amount,
    window_words,
)
from fiscal.budget.decomposition import FACTORS
from fiscal.budget.lines import LABELS
from fiscal.report.chapters import model_source
from fiscal.report.compared import Results, owner_of
from fiscal.report.content import OF_DATE, Block, Column, Figure, Panel, Prose, Ref, Section, Table
from fiscal.results.figures import alt_text, statistics
from fiscal.results.figures.drawings import span_name
from fiscal.results.result import Comparison, Result

SHOWN_LINES = ("net_revenue", "tax_expenditure")
PANELS = 2
"""Waterfalls side by side in one figure, on one scale."""

ONE_SCALE = 10.0
"""How much larger the bars of one may be than those of the other on one scale."""

MARKET_SECTIONS = ("paths", "adoption", "alternatives", "overlays", "fees")
"""Sections of the settings that change no law and no dollars that enter or leave by themselves."""

SAME = 1e-6
"""Largest share by which the whole may differ from that of the runs reported: those of other data do."""

METHOD = (
    "Each difference is the sum of five factors. Contributions are the dollars that enter, by tax character, and "
    "the opening stock. Returns are what the accounts earn: the path, what is held of it, and fees. Tax rates are "
    "the tax per dollar deferred or withdrawn: brackets that rise with withdrawals, and law where the scenarios "
    "differ in it. Timing is when dollars leave: withdrawal ages, required distributions, rollovers, conversions, "
    "and heirs. Behaviour is what answers to markets: rebalancing, and the backstop; "
    "that two scenarios rebalance alike does not mean that rebalancing does not matter. The average tax "
    "rates that each "
    "scenario ends up with, cell by cell, are a factor of their own: higher withdrawals in higher "
    "brackets count as tax "
    "rates and not as returns. A factor's share is what exchanging it would change, as a mean over all "
    "orders in which the five can be exchanged "
    "(Shapley value), so that nothing is left over and no order is preferred. For one cell of birth year, group and "
    "year, with only returns changed, that is the change of withdrawals at the mean of the two average tax rates, and "
    "the change of the average rate on the mean of the two withdrawals."
)


def decomposition_section(results: Results) -> Section | None:
    """Why the scenarios' books differ from the base's; None for a single result."""
    owner = owner_of(results)
    if not isinstance(owner, Comparison):
        return None
    title = "What makes the difference"
    try:
        effects = owner.decomposition
    except InputError as error:
        text = f"The scenarios' differences are not taken apart here, since they cannot be projected anew: {error}"
        return Section(title, (Prose(text),))
    if not _as_reported(owner, effects):
        text = (
            "The scenarios' differences are not taken apart here: the stored runs were made with other data or "
            "another version of the program, and projected anew they differ from what is reported."
        )
        return Section(title, (Prose(text),))
    span = str(effects["window"].iloc[0]) if not statistics.windows_of(owner.base) else _longest(owner)
    blocks: list[Block] = [Prose(METHOD)]
    names = [result.name for result in owner.others]
    for number, together in enumerate(_on_one_scale(owner, effects, names, span), start=1):
        label = "figure-waterfall" + (f"-{number}" if number > 1 else "")
        blocks.append(_waterfalls(owner, effects, together, label, span))
    sentences = " ".join(_sentences(owner, effects, name, span) for name in names)
    blocks += [
        Prose((sentences + " ", Ref("table-decomposition"), " has all spans.")),
        _table(owner, effects),
    ]
    return Section(title, tuple(blocks))


def _longest(owner: Comparison) -> str:
    return statistics.windows_of(owner.base)[-1]


def _as_reported(owner: Comparison, effects: pd.DataFrame) -> bool:
    """Whether the differences taken apart are those of the results."""
    whole = effects[effects["factor"] == "difference"].set_index(["scenario", "window", "line"])
    for result in owner.others:
        for window in statistics.windows_of(owner.base):
            shown = [statistics.window_sum(one, window, "net_revenue") for one in (owner.base, result)]
            found = float(whole.loc[(result.name, window, "net_revenue"), "effect_bn_usd"])
            if abs(found - (shown[1] - shown[0])) > SAME * max(abs(found), statistics.NOISE_BN_USD):
                return False
    return True


def _on_one_scale(owner: Comparison, effects: pd.DataFrame, names: list[str], span: str) -> list[list[str]]:
    """The scenarios in order, those together whose bars can be read on one scale."""
    sizes = {
        name: statistics.decomposition(owner, scenario=name, window=span, effects=effects)["effect_bn_usd"]
        .abs()
        .max()
        for name in names
    }
    found: list[list[str]] = []
    for name in names:
        last = found[-1] if found else []
        both = [sizes[one] for one in (*last, name)]
        if last and len(last) < PANELS and max(both) <= ONE_SCALE * min(both):
            last.append(name)
        else:
            found.append([name])
    return found


def _waterfalls(owner: Comparison, effects: pd.DataFrame, names: list[str], label: str, span: str) -> Figure:
    panels = tuple(
        Panel("waterfall", {"scenario": name, "window": span, "effects": effects}) for name in names
    )
    alt = " ".join(alt_text(panel.plot, owner, **panel.options) for panel in panels)
    results = (owner.base, *(one for one in owner.others if one.name in names))
    caption = f"Net revenue of {listing(names)} less {owner.base.name} by factor, {span_name(span)}"
    source = f"{model_source(results, in_dollars=False)} Central path."
    return Figure(label, caption, panels, alt, source)


def _sentences(owner: Comparison, effects: pd.DataFrame, name: str, span: str) -> str:
    """One scenario over one span: the whole, its factors, and what progressivity makes of it."""
    values = statistics.decomposition(owner, scenario=name, window=span, effects=effects).set_index("factor")[
        "effect_bn_usd"
    ]
    whole = float(values["difference"])
    when = f"Over {window_words(span)}" if span.startswith("FY") else "In present value"
    if abs(whole) < statistics.NOISE_BN_USD and values.abs().max() < statistics.NOISE_BN_USD:
        return f"{when}, {name} does not differ from {owner.base.name} in net revenue."
    active = [factor for factor in FACTORS if abs(values[factor]) >= statistics.NOISE_BN_USD]
    idle = [FACTOR_NAMES[factor] for factor in FACTORS if factor not in active]
    parts = [f"{FACTOR_NAMES[factor]} {signed_amount(float(values[factor]))}" for factor in active]
    text = (
        f"{when}, {name} {change(whole)} net revenue against {owner.base.name} by {amount(whole)}: "
        f"{listing(parts)}"
    )
    if idle:
        text += f"; {listing(idle)} {'changes' if len(idle) == 1 else 'change'} nothing"
    text += "."
    result = next(one for one in owner.others if one.name == name)
    if set(active) == {"rate", "returns"} and _same_law(owner.base, result):
        rate = float(values["rate"])
        text += (
            f" Progressivity is {percent(rate / whole)} of it: larger withdrawals are taxed at higher average rates, "
            "smaller ones at lower."
            if rate * whole > 0
            else " The average rate moves against it."
        )
    if (
        span.startswith("FY")
        and statistics.with_crypto((result,))
        and not statistics.references_of(owner.base)
    ):
        event = statistics.window_difference(result, span, "net_revenue", "equity_adoption")
        text += (
            f" What crypto earned apart from equity is {signed_amount(event)} of it; the other "
            f"{signed_amount(whole - event)} is what equity's return adds in the place of the mix "
            "that crypto displaces."
        )
    return text


def _same_law(base: Result, result: Result) -> bool:
    """Whether a scenario differs from the base in markets and what is held of them only."""
    one, two = base.scenario.resolved(), result.scenario.resolved()
    return {section for section in one if one[section] != two[section]} <= set(MARKET_SECTIONS)


def _table(owner: Comparison, effects: pd.DataFrame) -> Table:
    shown = effects[effects["line"].isin(SHOWN_LINES)]
    spans = [str(span) for span in shown["window"].unique()]
    wide = shown.pivot_table(
        index=["scenario", "line", "factor"], columns="window", values="effect_bn_usd", sort=False
    ).reset_index()
    wide["case"] = [f"{row.scenario}: {LABELS[row.line]}" for row in wide.itertuples()]
    wide["name"] = wide["factor"].map(lambda factor: capital(FACTOR_NAMES[factor]))
    return Table(
        "table-decomposition",
        f"Differences from {owner.base.name} by factor",
        wide.rename_axis(columns=None),
        (
            Column("name", "Factor", width=1),
            *(
                Column(span, capital(span_name(span)), 1, unit="" if span.startswith("FY") else OF_DATE)
                for span in spans
            ),
        ),
        unit="Billions of current dollars; present value to the horizon at Treasury bill rates, of 30 June 2025.",
        group="case",
        breakable=True,
    )
