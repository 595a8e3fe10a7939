"""Chapters about the results: contributions, books, balances, who pays, the extra dollar, present values."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fiscal.base import sources
from fiscal.base.axes import GROUPS
from fiscal.base.words import (
    PATH_NAMES,
    amount,
    capital,
    change,
    listing,
    percent,
    signed_amount,
    signed_percent,
    window_name,
    window_words,
)
from fiscal.budget.lines import VALUE_EXPENDITURE
from fiscal.people import accounts
from fiscal.report.answer import (
    FINGERPRINT_LENGTH,
    SIGNS,
    effects_table,
    expenditure_sentences,
    gdp_table,
    turning_sentences,
    turning_table,
)
from fiscal.report.compared import Results, more_or_less, owner_of
from fiscal.report.content import Block, Column, Figure, Heading, Items, Panel, Prose, Section, Table, Term
from fiscal.results.figures import alt_text, statistics
from fiscal.results.figures.drawings import CONTRIBUTION_NAMES, basis_name
from fiscal.results.result import Result
from fiscal.studies.calibration import bridge

SHOWN_YEARS = (2026, 2030, 2035, 2045, 2055, 2075, 2100)


DOLLAR_PLOTS = {"contributions", "difference", "who_pays", "who_gains"}
"""Plots in dollars of the price year; the others are shares, rates, present values or current dollars."""


def figure(results: Results, label: str, caption: str, panels: tuple[Panel, ...], source: str = "") -> Figure:
    """A figure of the results with the alternative text of its panels."""
    owner = owner_of(results)
    alt = " ".join(alt_text(panel.plot, owner, **panel.options) for panel in panels)
    in_dollars = any(panel.plot in DOLLAR_PLOTS for panel in panels)
    return Figure(label, caption, panels, alt, source or model_source(results, in_dollars=in_dollars))


def model_source(results: Results, *, in_dollars: bool = True) -> str:
    """Which runs a figure or table shows, and the dollars it is in."""
    names = [f"{result.name} ({result.fingerprint[:FINGERPRINT_LENGTH]})" for result in results]
    source = f"Source: this model, {listing(names)}."
    return f"{source} {dollars_note(results[0])}" if in_dollars else source


def dollars_note(base: Result) -> str:
    """Price basis of real amounts and the stub year."""
    price_year = base.scenario.value("books.price_year")
    return f"Dollars of {price_year} by the CPI-U; yearly flows from 2026, the first full year."


def fiscal_year_note(base: Result) -> str:
    """Why sums over calendar years are not those that other tables have of fiscal years."""
    here = float(base.scenario.value("books.withdrawal_fiscal_same_year_share"))
    return (
        "Sums over calendar years, which differ from those over fiscal years in other tables: a fiscal year holds "
        f"{percent(here)} of the withdrawal tax of its calendar year and {percent(1 - here)} of that of the year "
        "before."
    )


def _value(series: pd.Series, year: int) -> float:
    return float(series.loc[year])


def _shown(years: Any) -> list[int]:
    inside = {int(year) for year in years}
    chosen = [year for year in SHOWN_YEARS if year in inside]
    return chosen if max(inside) in chosen else [*chosen, max(inside)]


# --- contributions ----------------------------------------------------------------------------------


def contributions_section(results: Results) -> Section:
    """Contributions by payer and tax character: the base's, and those of the cases that change them."""
    base = results[0]
    changed = tuple(result for result in results[1:] if statistics.contributions_differ(result, base))
    shown = (base, *changed)
    caption = "Contributions by who pays and by tax character"
    figures = [
        figure(
            (result,), "figure-contributions" + (f"-{result.name}" if number else ""),
            f"{caption}, {result.name}",
            (Panel("contributions", {"scenario": result.name}),),
        )
        for number, result in enumerate(shown)
    ]  # fmt: skip
    blocks: list[Block] = [
        Prose(_contribution_sentences(base)),
        Prose(_answer_sentences(results, changed)),
        *figures,
    ]
    return Section("Contributions", (*blocks, _contributions_table(shown)))


def _contribution_sentences(base: Result) -> str:
    wide = statistics.contributions(base).set_index("year")
    years = _shown(wide.index)
    first, last = years[0], years[-1]
    total = wide.sum(axis=1)
    roth = statistics.roth_share(base)
    elective = wide[[name for name in wide if name.startswith("elective")]].sum(axis=1)
    deferral_roth = wide.get("elective_deferral_roth", 0 * total) / elective
    plateau = int(base.scenario.value("roth.plateau_year"))
    return (
        f"Contributions of the {base.name} are {amount(total[first])} in {first} and {amount(total[last])} in "
        f"{last}, in dollars of {base.scenario.value('books.price_year')}. Roth contributions are "
        f"{percent(roth[first])} of them in {first} and {percent(roth[last])} in {last}: the Roth share of "
        f"elective deferrals goes from {percent(deferral_roth[first])} to {percent(deferral_roth[last])}, rising "
        f"by the trend of the W-2 record to {plateau} and by the catch-up mandate. Traditional contributions are "
        "excluded from income now and taxed when withdrawn; Roth contributions are taxed now and come out "
        "untaxed."
    )


def _answer_sentences(results: Results, changed: Results) -> str:
    """Whose contributions differ from the base's, and by how much in its first and last years."""
    base = results[0]
    total = statistics.contributions(base).set_index("year").sum(axis=1)
    parts = []
    for result in changed:
        own = statistics.contributions(result).set_index("year").sum(axis=1)
        roth = statistics.roth_share(result)
        clauses = [
            f"{amount(own[year])} in {year} ({more_or_less(own[year] - total[year]) or 'as much'}; "
            f"{percent(roth[year])} of them Roth)"
            for year in _bounds(own.index)
        ]
        parts.append(f"In {result.name} they are {listing(clauses)}.")
    if changed:
        same = [result.name for result in results[1:] if result.name not in {one.name for one in changed}]
        parts += [f"In {listing(same)} they are those of {base.name}."] if same else []
    elif len(results) > 1:
        parts.append("They are the same in all scenarios here, dollar for dollar.")
    else:
        parts.append("Whether they answer to returns and to the price of saving is a setting.")
    return " ".join(parts)


def _bounds(years: Any) -> tuple[int, ...]:
    """Two of the shown years: the second, by which most levers are in force, and the last."""
    shown = _shown(years)
    return tuple(dict.fromkeys((shown[min(1, len(shown) - 1)], shown[-1])))


def _contributions_table(shown: Results) -> Table:
    base = shown[0]
    frames = []
    for result in shown:
        frame = statistics.contributions(result)
        frame = frame[frame["year"].isin(_shown(frame["year"]))]
        total = frame.drop(columns="year").sum(axis=1)
        frames.append(frame.assign(total=total, scenario=result.name))
    table = pd.concat(frames, ignore_index=True)
    names = [name for name in CONTRIBUTION_NAMES if name in table]
    table[names] = table[names].fillna(0.0)  # a kind that one scenario lacks is nil there
    single = f", {base.name}" if len(shown) == 1 else ""
    return Table(
        "table-contributions", "Contributions by who pays and by tax character", table,
        (
            Column("year", "Year"),
            *(Column(name, capital(CONTRIBUTION_NAMES[name]), 0) for name in names),
            Column("total", "Total", 0),
        ),
        unit=f"Billions of {base.scenario.value('books.price_year')} dollars, calendar years{single}",
        group="scenario" if len(shown) > 1 else None,
    )  # fmt: skip


# --- deferred revenue and withdrawal tax ------------------------------------------------------------


def books_section(results: Results) -> Section:
    """Forgone against collected, scenario by scenario, and the differences from base and references."""
    base = results[0]
    frame = statistics.cash_flow(base).set_index("year")
    years = _shown(frame.index)
    first, last = years[0], years[-1]
    rate, drawn = statistics.average_rate(base), statistics.taxable_withdrawals(base)
    text = (
        f"In the {base.name}, deferred revenue and payroll tax forgone are "
        f"{percent(frame['forgone'][first])} of "
        f"gross domestic product in fiscal year {first} and {percent(frame['forgone'][last])} in {last}; "
        f"withdrawal "
        f"tax is {percent(frame['withdrawal_tax'][first])} and {percent(frame['withdrawal_tax'][last])}. "
        f"Two things raise it: taxable withdrawals go from {percent(drawn[first])} to {percent(drawn[last])} "
        f"of gross "
        "domestic product as the accounts of whole working lives come to withdrawal, and the average rate on "
        "them goes "
        f"from {percent(rate[first])} to {percent(rate[last])}, withdrawals being larger against incomes and "
        f"part of "
        "the law's parameters not being indexed."
    )
    blocks: list[Block] = [
        Prose(text),
        Prose(expenditure_sentences(base)),
        figure(
            results[:1],
            "figure-cash-flow",
            f"Revenue forgone and withdrawal tax by fiscal year, {base.name}",
            (Panel("cash_flow"),),
        ),
        gdp_table(results),
        *_lever_blocks(results),
    ]
    holders = statistics.with_crypto(results)
    table = effects_table(results)
    if holders and table is not None:
        blocks += [
            Prose(_difference_sentences(results)),
            figure(
                results, "figure-difference",
                "Withdrawal tax of each scenario less that of its two references",
                (
                    Panel("difference", {"reference": "no_crypto"}),
                    Panel("difference", {"reference": "equity_adoption"}),
                ),
            ),
            table,
        ]  # fmt: skip
        blocks.append(Prose(rescue_sentences(results)))
    turning = turning_sentences(results)
    if turning:
        blocks.append(Prose(turning))
    blocks.append(turning_table(results))
    return Section("Deferred revenue against withdrawal tax", tuple(blocks))


def _lever_blocks(results: Results) -> list[Block]:
    """Net revenue less the base's by year, where some case is not of crypto alone."""
    if not statistics.set_apart(results):
        return []
    base = results[0]
    price_year = base.scenario.value("books.price_year")
    parts = []
    frame = statistics.differences(owner_of(results), "base", "net_revenue")
    for name, part in frame.groupby("scenario", sort=False):
        series = part.set_index("year")["difference"]
        at = int(series.abs().idxmax())
        last = int(series.index[-1])
        end = (
            f"; in {last} it is {signed_amount(series[last])}"
            if at != last
            else ", the last of the projection"
        )
        parts.append(
            f"The yearly difference of {name} in net revenue from {base.name} is largest in fiscal year {at}, "
            f"{signed_amount(series[at])} of {price_year} dollars{end}."
        )
    return [
        Prose(" ".join(parts)),
        figure(
            results, "figure-against-base", f"Net revenue less that of {base.name} by fiscal year",
            (Panel("difference", {"reference": "base", "line": "net_revenue"}),),
        ),
    ]  # fmt: skip


def _adoption_words(adoption: float) -> str:
    """What share of participants the allocation would need to reach the target, or what all of them would bring."""
    target = statistics.TARGET_SHARE_OF_INCOME_TAX
    if adoption <= 1:
        return f"for {percent(target)} in that year {percent(adoption)} of participants would have to hold it"
    return f"by proportion it would be {percent(target / adoption, 2)} if all participants held it"


def _difference_sentences(results: Results) -> str:
    price_year = results[0].scenario.value("books.price_year")
    displaced = {
        str(result.scenario.value("adoption.displaces")) for result in statistics.with_crypto(results)
    }
    place = (
        "a mix of stocks, bonds, and cash that earns less than stocks"
        if displaced == {"core"}
        else "other assets"
    )
    parts = [
        "Against no crypto, a scenario differs in two ways at once: what crypto earned, and that it took the "
        "place of "
        f"{place}. Against the same adoption in equity only the first is left."
    ]
    frame = statistics.differences(owner_of(results), "equity_adoption")
    for name, part in frame.groupby("scenario", sort=False):
        series = part.set_index("year")["difference"]
        at = int(series.abs().idxmax())
        parts.append(
            f"Against equity, {name} {change(series[at])} withdrawal tax most in fiscal year {at}, by "
            f"{amount(series[at])} of {price_year} dollars; by {series.index[-1]} the difference is "
            f"{amount(series.iloc[-1])}, as withdrawals empty the accounts that "
            "lived through it."
        )
    peaks = statistics.peak_effects(owner_of(results))
    parts += [
        f"As a share of individual income tax the effect of {row.scenario} is largest in fiscal year {row.year}, "
        f"{percent(row.income_tax_share, 2)}; {_adoption_words(row.adoption_for_target)}."
        for row in peaks.itertuples()
        if row.difference_bn_usd
    ]
    return " ".join(parts)


# --- balances ---------------------------------------------------------------------------------------


def balances_section(results: Results) -> Section:
    """Balances by wrapper over GDP, crypto's share, and the bridge to all retirement assets."""
    base = results[0]
    frame = statistics.balances(base).set_index("year")
    years = _shown(frame.index)
    last = years[-1]
    total = frame.sum(axis=1)
    top = int(total.idxmax())
    text = (
        f"Balances of the {base.name} are {percent(total.iloc[0])} of gross domestic product at the end of "
        f"{frame.index[0]}, {percent(total[top])} in {top}, where they are largest, and "
        f"{percent(total[last])} in "
        f"{last}. Money rolled over from plans to IRAs stays deferred and stays in the count: it is "
        f"{percent(frame['ira'][last] / total[last])} of balances in {last}. IRAs that existed on "
        f"{base.scenario.settings.horizon.opening.words} are outside unless the scope says otherwise."
    )
    blocks: list[Block] = [
        Prose(text),
        figure(
            results[:1], "figure-balances", f"Year-end balances by wrapper over GDP, {base.name}",
            (Panel("balances"),),
        ),
    ]  # fmt: skip
    holders = statistics.with_crypto(results)
    if holders:
        blocks += [
            Prose(
                f"{_balance_effects([(one, 'equity_adoption', 'the same adoption in equity') for one in holders])} "
                "Holders are rebalanced toward the target each year with the strength of adoption.rebalancing, so "
                "that a boom is sold down and a bust is bought into: crypto's share of balances moves less than its "
                "price."
            ),
            figure(
                results, "figure-crypto-share", "Crypto's share of all year-end balances",
                (Panel("crypto_share"),),
            ),
        ]  # fmt: skip
    apart = statistics.set_apart(results)
    if apart:
        blocks.append(Prose(_balance_effects([(result, base, base.name) for result in apart])))
    blocks.append(_balances_table(results))
    date = base.scenario.settings.horizon.opening
    blocks.append(
        Table(
            "table-bridge", f"From 401(k) plans to all retirement accounts on {date.words}", bridge(date),
            (
                Column("step", "Step", width=1),
                Column("bn_usd", "Billions of dollars", 0),
                Column("note", "Note", width=1),
            ),
            source=f"Source: {sources.resource('ici_assets').title}. Accounts are not people: a person may own "
            "several.",
        )
    )  # fmt: skip
    return Section("Balances", tuple(blocks))


def _balance_effects(cases: list[tuple[Result, str | Result, str]]) -> str:
    """How far balances part at most from those of a path or of another result, case by case."""
    parts = []
    for result, reference, words in cases:
        gap = statistics.balance_effect(result, reference)
        at = int(gap.abs().idxmax())
        if not gap[at]:
            parts.append(f"{result.name} does not change balances against {words}")
            continue
        parts.append(
            f"{result.name} {change(gap[at])} balances against {words} by at most {percent(gap[at], 2)}, at the "
            f"end of {at}"
        )
    return f"{capital('; '.join(parts))}."


def _balances_table(results: Results) -> Table:
    rows = []
    for result in results:
        frame = statistics.balances(result).set_index("year")
        share = statistics.crypto_share(result)
        for year in _shown(frame.index):
            row: dict[str, Any] = {"scenario": result.name, "year": year, **frame.loc[year].to_dict()}
            row["total"] = float(frame.loc[year].sum())
            row["crypto"] = _value(share, year)
            rows.append(row)
    frame = pd.DataFrame(rows)
    wrappers = [name for name in accounts.LABELS if name in frame]
    crypto = Column("crypto", "Crypto, percent of all", 2, 100, unit="percent of all balances")
    return Table(
        "table-balances", "Year-end balances by wrapper", frame,
        (
            Column("year", "End of", width=1),
            *(Column(name, capital(accounts.LABELS[name]), 1, 100) for name in wrappers),
            Column("total", "All", 1, 100),
            *([crypto] if statistics.with_crypto(results) else []),
        ),
        unit="Percent of GDP", group="scenario",
    )  # fmt: skip


# --- who pays and who gains -------------------------------------------------------------------------


def distribution_section(results: Results) -> Section:
    """By earnings group and birth decade: levels of the base, effects of the scenarios."""
    base = results[0]
    window = statistics.windows_of(base)[-1]
    groups = statistics.distribution(base, "earnings_group", window)
    top = groups[groups["member"].isin(GROUPS[-3:])]
    half = groups[groups["member"].isin(GROUPS[:5])]
    decades = statistics.distribution(base, "birth_decade", window).set_index("member")
    payers = decades[decades["net_revenue"] < 0].index.tolist()
    text = (
        f"Groups are ranks of lifetime wages. Over {window_words(window)} the top tenth of the {base.name} "
        f"has "
        f"{percent(top['forgone'].sum() / groups['forgone'].sum())} of what is forgone and pays "
        f"{percent(top['withdrawal_tax'].sum() / groups['withdrawal_tax'].sum())} of withdrawal tax; the "
        f"lower half "
        f"has {percent(half['forgone'].sum() / groups['forgone'].sum(), 2)} and pays "
        f"{percent(half['withdrawal_tax'].sum() / groups['withdrawal_tax'].sum(), 2)}. Heirs' tax is counted "
        f"with the "
        "group and birth decade of the cell the account came from."
    )
    if payers:
        text += (
            f" Net revenue inside the window is negative for those born in the {payers[0]} to the "
            f"{payers[-1]}: their "
            "contributions fall inside it and most of their withdrawals after it."
            if len(payers) > 1
            else f" Net revenue inside the window is negative for those born in the {payers[0]}."
        )
    when = _calendar_words(window)
    blocks: list[Block] = [
        Prose(text),
        figure(
            results[:1], "figure-groups", f"Who defers and who pays, by earnings group, {when}, {base.name}",
            (Panel("who_pays", {"dimension": "earnings_group"}),),
            f"{model_source(results[:1])} P80-90 holds a tenth of workers, P90-95 a twentieth, P95-99 a "
            "twenty-fifth, P99-100 a hundredth.",
        ),
        figure(
            results[:1], "figure-decades", f"Who defers and who pays, by birth decade, {when}, {base.name}",
            (Panel("who_pays", {"dimension": "birth_decade"}),),
        ),
    ]  # fmt: skip
    if statistics.with_crypto(results):
        blocks += [
            Prose(_gain_sentences(results, window)),
            figure(
                results, "figure-gains",
                f"Withdrawal tax less that of the same adoption in equity, by earnings group, {when}",
                (Panel("who_gains", {"dimension": "earnings_group"}),),
            ),
            figure(
                results, "figure-gains-decades",
                f"Withdrawal tax less that of the same adoption in equity, by birth decade, {when}",
                (Panel("who_gains", {"dimension": "birth_decade"}),),
            ),
        ]  # fmt: skip
    if statistics.set_apart(results):
        options = {"reference": "base", "line": "net_revenue"}
        blocks += [
            Prose(_largest_parts(results, window, **options)),
            figure(
                results, "figure-gains-base", f"Net revenue less that of {base.name}, by earnings group, {when}",
                (Panel("who_gains", {"dimension": "earnings_group", **options}),),
            ),
            figure(
                results, "figure-gains-base-decades", f"Net revenue less that of {base.name}, by birth decade, {when}",
                (Panel("who_gains", {"dimension": "birth_decade", **options}),),
            ),
        ]  # fmt: skip
    blocks.append(_groups_table(results, window))
    return Section("Who pays and who gains", tuple(blocks))


def _largest_parts(results: Results, window: str, reference: str, line: str) -> str:
    """The groups and the birth decades with the largest parts of each scenario's difference."""
    parts = []
    for dimension, what in (("earnings_group", "groups"), ("birth_decade", "birth decades")):
        frame = statistics.distribution_difference(owner_of(results), dimension, window, reference, line)
        clauses = []
        for name, part in frame.groupby("scenario", sort=False):
            ordered = part.reindex(part["difference"].abs().sort_values(ascending=False).index).head(2)
            who = [f"{row.member} ({signed_percent(row.share, 2)})" for row in ordered.itertuples()]
            clauses.append(f"of {name} in {listing(who)}")
        parts.append(f"By {what}, the largest parts of the effect are {'; '.join(clauses)}.")
    return " ".join(parts)


def _gain_sentences(results: Results, window: str) -> str:
    largest = _largest_parts(results, window, "equity_adoption", "withdrawal_tax")
    return (
        f"{largest} These are taxes, not incomes: in a boom the account holders keep what is not "
        f"taxed, in a "
        "bust they bear the rest of the loss, and Roth balances share neither with the Treasury."
    )


def _calendar_words(window: str) -> str:
    """The years of a window where they are taken as calendar years."""
    return f"calendar years of {window_name(window)}"


def _groups_table(results: Results, window: str) -> Table:
    base = results[0]
    frame = statistics.distribution(base, "earnings_group", window)
    columns = [
        Column("member", "Earnings group", width=1),
        Column("forgone", "Deferred revenue and payroll tax forgone", 0),
        Column("withdrawal_tax", "Withdrawal tax", 0),
        Column("net_revenue", "Net revenue", 0),
    ]
    for position, result in enumerate(statistics.with_crypto(results)):
        gap = statistics.distribution_difference(result, "earnings_group", window, "equity_adoption")
        frame[f"gap_{position}"] = gap.set_index("member").loc[frame["member"], "difference"].to_numpy()
        columns.append(Column(f"gap_{position}", f"Withdrawal tax, {result.name} against same in equity", 1))
    for position, result in enumerate(statistics.set_apart(results)):
        net = statistics.distribution(result, "earnings_group", window).set_index("member")["net_revenue"]
        frame[f"net_{position}"] = net.loc[frame["member"]].to_numpy() - frame["net_revenue"]
        columns.append(Column(f"net_{position}", f"Net revenue, {result.name} against {base.name}", 1))
    return Table(
        "table-groups", f"By earnings group, {_calendar_words(window)}", frame, tuple(columns),
        unit=f"Billions of {base.scenario.value('books.price_year')} dollars; first columns "
        f"{base.name}. Net revenue also has the additional tax on early withdrawals. {SIGNS}",
        source=fiscal_year_note(base),
    )  # fmt: skip


# --- the extra dollar -------------------------------------------------------------------------------


def extra_dollar_section(results: Results) -> Section | None:
    """What the scenario's extra withdrawals are taxed at, beside the average; None without crypto."""
    holders = statistics.with_crypto(results)
    if not holders:
        return None
    rows = []
    for result in holders:
        for reference in statistics.REFERENCES:
            part = statistics.extra_dollar_by_window(result, reference)
            rows.append(part.assign(scenario=result.name, against=PATH_NAMES[reference]))
    frame = pd.concat(rows, ignore_index=True)
    frame["years"] = frame["window"].map(lambda label: window_name(label).removeprefix("FY "))
    longest = statistics.windows_of(holders[0])[-1]
    own = frame[(frame["window"] == longest) & (frame["against"] == PATH_NAMES["equity_adoption"])]
    clauses = [
        f"{percent(row.extra_rate)} in {row.scenario}, where the average dollar withdrawn is taxed at "
        f"{percent(row.average_rate)}"
        for row in own.itertuples()
        if row.extra_rate == row.extra_rate
    ]
    text = (
        "The extra dollar is the change of withdrawal tax over the change of taxable withdrawals. "
        + (
            f"Over {window_words(longest).replace('fiscal', 'calendar')}, against the same adoption in "
            f"equity, it is "
            f"taxed at {listing(clauses)}. "
            if clauses
            else ""
        )
        + "Of a loss it is the tax that is not collected. The rate on the extra dollar lies on the schedule above the "
        "average one where brackets rise, and belongs to whoever holds crypto; it is a finding of the "
        "schedules, not "
        "an assumption: phase-outs and the cap on taxable Social Security benefits can make it lower."
    )
    return Section(
        "What the extra dollar is taxed at",
        (
            Prose(text),
            figure(
                results, "figure-extra-dollar",
                "Tax on the extra dollar withdrawn and on the average dollar, against the same adoption in "
                "equity",
                (Panel("extra_dollar_rate", {"reference": "equity_adoption"}),),
                f"{model_source(results)} Years with less than "
                f"{amount(statistics.SMALLEST_EXTRA_BN_USD)} of extra withdrawals are not drawn.",
            ),
            Table(
                "table-extra-dollar", "Tax on extra withdrawals", frame,
                (
                    Column("against", "Against", width=1),
                    Column("years", "Calendar years"),
                    Column("extra_withdrawn_bn_usd", "Extra withdrawals", 1),
                    Column("extra_tax_bn_usd", "Extra tax", 1),
                    Column("extra_rate", "Rate on the extra dollar, percent", 1, 100),
                    Column("average_rate", "Average rate, percent", 1, 100),
                ),
                unit="Billions of current dollars", group="scenario",
                source=f"No rate is shown for less than {amount(statistics.SMALLEST_EXTRA_BN_USD)} of extra "
                f"withdrawals. {fiscal_year_note(results[0])}",
            ),
        ),
    )  # fmt: skip


# --- present values ---------------------------------------------------------------------------------


VINTAGE_YEAR = 2026
"""The first full year of contributions."""


def present_values_section(results: Results) -> Section:
    """The same flows on three bases, what each answers, and the claim left at the horizon."""
    base = results[0]
    frame = statistics.present_values(base)
    frame["name"] = [_basis_words(row.basis, row.rate) for row in frame.itertuples()]
    equity = base.tables["asset_returns"]
    equity = equity[equity["asset"] == "equity"].set_index("year")["return_rate"]
    fixed = frame[frame["basis"] == "fixed"]["rate"]
    text = (
        "All bases value the cash flows of the opening stock and of all contributions to the horizon on 30 "
        "June 2025. "
        "They answer different questions; a difference between them is no error."
    )
    answers: list[Any] = [
        Term(
            "Convention (return = discount = rate)",
            "every account earns the rate at which its flows are discounted. What are "
            "all the flows worth if time alone is paid for? It is the published method and owes nothing to a "
            "boom. It is no cost of new deferrals: the tax on the opening stock is in, its deferral is not.",
        ),
        Term(
            "Fixed rate, not risk-adjusted",
            "the scenario's own flows at one rate. What are the projected dollars worth to a budget that "
            "discounts "
            "risky dollars like sure ones?"
            + (
                f" Equity earns {percent(float(equity.iloc[-1]), 2)} in the long run and is discounted at "
                f"{percent(float(fixed.iloc[0]), 2)}, so that each year of waiting adds to the value."
                if len(fixed)
                else ""
            ),
        ),
        Term(
            "Treasury, not risk-adjusted",
            "the same flows at the government's projected rates, bills rolled over and ten-year notes. What "
            "would they do "
            "to the debt if the returns came?",
        ),
    ]
    blocks: list[Block] = [
        Prose(text),
        Items(tuple(answers)),
        Prose(_terminal_sentences(base, frame)),
        figure(
            results[:1], "figure-present-values", f"Present values on 30 June 2025 by basis, {base.name}",
            (Panel("present_values"),),
        ),
        Table(
            "table-present-values", f"Present values on 30 June 2025 by basis, {base.name}", frame,
            (
                Column("name", "Basis", width=1),
                Column("forgone", "Deferred revenue and payroll tax forgone", 0),
                Column("withdrawal_tax", "Withdrawal tax", 0),
                Column("other_receipts", "Other receipts", 0),
                Column("net_revenue", "Net to the horizon", 0),
                Column("terminal_claim", "Terminal claim", 0),
                Column("total", "Net with terminal claim", 0),
            ),
            unit=f"Billions of dollars of 30 June 2025. {SIGNS}",
            source="Terminal claim: net revenue of the run-off of the cohorts that live at the horizon; no "
            "contributions are made after it.",
        ),
    ]  # fmt: skip
    table = _present_value_differences(results)
    if table is not None:
        blocks.append(table)
    blocks += vintage_blocks(results)
    return Section("Present values", tuple(blocks))


VINTAGE_LINES = (*VALUE_EXPENDITURE.parts, VALUE_EXPENDITURE.name)


def vintage_blocks(results: Results) -> list[Block]:
    """One year's contributions over their whole life on every basis, and the claim on the opening stock."""
    base = results[0]
    if base.tables["vintages"].empty:
        return []
    frame = statistics.vintage(base, VINTAGE_YEAR)
    frame["name"] = [basis_name(row.basis, row.rate) for row in frame.itertuples()]
    claims = statistics.opening_claim(base)
    claim = claims.set_index("basis")["share"]
    portfolio = frame[frame["basis"] == "portfolio"].iloc[0]
    treasury = frame[frame["basis"] == "treasury"].iloc[0]
    text = (
        f"The contributions of {VINTAGE_YEAR} alone, followed to the last withdrawal of their owners' heirs, "
        f"cost {signed_amount(portfolio.tax_expenditure)} of tax expenditure on the portfolio basis, where each "
        "dollar is "
        f"discounted at what it earns, and {signed_amount(treasury.tax_expenditure)} at Treasury bill rates, "
        "where "
        "returns above the bill rate count as free. The inside build-up is the tax of a shadow taxable account "
        "opened with what is left of the contribution after tax, taxed by law each year and drawn by the same "
        "shares in the same years. It is not the cash measure above, and the two are never added. Employer "
        "contributions are in; payroll tax is not."
    )
    opening = (
        f"Of a traditional dollar in the opening stock the government's embedded share is "
        f"{percent(float(claim['portfolio']))} on the portfolio basis: the share of the balance that comes back "
        "as "
        "income tax when every dollar is discounted at its own return."
    )
    return [
        Heading("One year's contributions over their life"),
        Prose(text),
        Table(
            "table-vintage", f"Contributions of {VINTAGE_YEAR} to the last withdrawal, {base.name}", frame,
            (
                Column("name", "Basis", width=1),
                Column("deferred_revenue", "Deferred revenue", 1),
                Column("inside_buildup_shadow", "Inside build-up, shadow account", 1),
                Column("withdrawal_tax", "Withdrawal tax", 1),
                Column("tax_expenditure", "Tax expenditure (positive = cost)", 1),
            ),
            unit=f"Billions of dollars of the middle of {VINTAGE_YEAR}.",
            source="On the convention bases the shadow account holds a security whose return is interest, the "
            "published "
            "method's. A dollar pays its cell's average rate of the year, so that vintages and the opening "
            "stock add to the totals.",
        ),
        Prose(opening),
    ]  # fmt: skip


def rescue_sentences(results: Results) -> str:
    """What the backstop rule would cost, scenario by scenario."""
    base = results[0]
    value = base.scenario.value
    rule = (
        "Under the backstop rule (no such law exists; the settings are assumed) a cohort within "
        f"{value('backstop.years_before')} years of age {value('backstop.retirement_age')} whose balance is "
        f"more than {percent(float(value('backstop.trigger_share')))} below its balance without crypto is made "
        "up to "
        f"{percent(float(value('backstop.made_up_share')))} of it."
    )
    costs, idle = [], []
    for result in statistics.with_crypto(results):
        windows = statistics.windows_of(result)
        cost = abs(statistics.window_sum(result, windows[-1], "rescue_cost"))
        net = statistics.window_sum(result, windows[-1], "net_revenue_after_rescue")
        if not cost:
            idle.append(result.name)
            continue
        costs.append(
            f"{result.name} costs {amount(cost)} in {window_name(windows[-1])}, net revenue after it "
            f"{signed_amount(net)}"
        )
    told = [f"{capital(listing(costs))}."] if costs else []
    return " ".join([rule, *told, *_idle(idle)])


def _idle(names: list[str]) -> list[str]:
    """Which cases never set the rule off, as a sentence; none where there is no such case."""
    if not names:
        return []
    if len(names) == 1:
        return [f"{capital(names[0])} never triggers it."]
    none = f"Neither {names[0]} nor {names[1]}" if len(names) == 2 else f"None of {listing(names)}"
    return [f"{none} triggers it."]


def _terminal_sentences(base: Result, frame: pd.DataFrame) -> str:
    horizon = base.scenario.value("horizon.last_year")
    nets = [f"{signed_amount(row.total)} ({basis_name(row.basis, row.rate)})" for row in frame.itertuples()]
    claims = frame["terminal_claim"]
    return (
        f"With the claim that is left at the end of {horizon}, the present value of net revenue of the "
        f"{base.name} is "
        f"{listing(nets)}. The claim alone is between {signed_amount(claims.min())} and "
        f"{signed_amount(claims.max())}. The totals contain the withdrawals of the opening "
        "stock, whose deferral came before the valuation date, and so lie above the value of new deferrals."
    )


def _basis_words(basis: str, rate: float) -> str:
    return basis_name(basis, rate) + ("" if basis == "convention" else ", not risk-adjusted")


def _present_value_differences(results: Results) -> Table | None:
    rows = []
    cases = [
        (result, PATH_NAMES[reference], statistics.present_values(result, reference))
        for result in statistics.with_crypto(results)
        for reference in statistics.REFERENCES
    ]
    base = statistics.present_values(results[0])
    cases += [(result, results[0].name, base) for result in statistics.set_apart(results)]
    for result, against, reference in cases:
        own = statistics.present_values(result).set_index(["basis", "rate"])
        other = reference.set_index(["basis", "rate"])
        for (basis, rate), row in other.iterrows():
            if (basis, rate) not in own.index:
                continue  # a rate that one of the two was not asked for
            gap = own.loc[(basis, rate)] - row
            rows.append(
                {
                    "scenario": result.name,
                    "against": against,
                    "basis": _basis_words(basis, rate),
                    "net_revenue": float(gap["net_revenue"]),
                    "terminal_claim": float(gap["terminal_claim"]),
                    "total": float(gap["total"]),
                }
            )
    if not rows:
        return None
    return Table(
        "table-present-value-differences", "Present values of net revenue, scenario less reference",
        pd.DataFrame(rows),
        (
            Column("against", "Against", width=1),
            Column("basis", "Basis", width=1),
            Column("net_revenue", "Net to the horizon", 1),
            Column("terminal_claim", "Terminal claim", 1),
            Column("total", "Net with terminal claim", 1),
        ),
        unit=f"Billions of dollars of 30 June 2025. {SIGNS}", group="scenario",
        source="On the convention basis every path of a run earns the discount rate: it tells crypto from its "
        "references by nothing.",
    )  # fmt: skip
