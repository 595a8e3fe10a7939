"""Title page and the first chapter: how large, what it costs and returns, and when.

Every figure in a sentence comes from :mod:`fiscal.results.figures.statistics`; no sentence judges a size.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import pandas as pd

from fiscal.base import sources
from fiscal.base.version import __version__
from fiscal.base.words import (
    DASH,
    PATH_NAMES,
    amount,
    change,
    listing,
    percent,
    signed_amount,
    signed_percent,
    significant,
    spells_text,
    window_name,
    window_words,
    window_years,
)
from fiscal.budget.lines import FORGONE
from fiscal.markets.events import Event
from fiscal.report.changes import told_changes
from fiscal.report.compared import (
    Results,
    compared_sentences,
    lever_sentences,
    lines_sentences,
    other_changes_sentence,
    owner_of,
)
from fiscal.report.content import Block, Column, Prose, Section, Table
from fiscal.report.provenance import provenance_words
from fiscal.results.adoption import event_in, returns_in, warning_after
from fiscal.results.figures import statistics
from fiscal.results.result import Result
from fiscal.results.store import input_fingerprint

WARNING = (
    "These are scenario projections, not conventional revenue estimates. The Joint Committee on Taxation "
    "holds gross national product fixed and does not score expected excess returns. Executive Order 14330 of "
    "7 August 2025 is not legislation, and the rule that the Department of Labor proposed on 31 March 2026 "
    "(FR 2026-06178) is not final as far as we know. Behavior is static unless a scenario says otherwise."
)


def warning_of(results: Sequence[Result]) -> str:
    """What stands before everything else: what the projections are not, and what was told of the reforms in them."""
    told = (text for result in results for text in result.summary.get("warnings_of_law", ()))
    return " ".join([WARNING, *(f"{text}." for text in dict.fromkeys(told))])


SIGNS = "Positive = the government is better off."
FINGERPRINT_LENGTH = 12
LIBRARIES = ("taxcalc", "numpy", "pandas", "scipy", "matplotlib", "typst")


def data_fingerprint(base: Result) -> str:
    """Which data the runs were made with, as the runs recorded it."""
    return base.data_fingerprint or sources.fingerprint()


def title_facts(results: Results) -> tuple[tuple[str, str], ...]:
    """What a reader needs to find the run again: dates of data, fingerprints, versions."""
    last_month = str(sources.table("monthly_prices")["month"].max())[:7]
    opening = str(sources.table("ici_assets")["date"].astype(str).max())
    base = results[0]
    last_year = base.scenario.value("horizon.last_year")
    return (
        ("Horizon", f"31 March 2025 to {last_year}; 2025 is the three quarters that remained"),
        ("Economy", sources.resource("cbo_macro").title),
        ("Markets", f"monthly data to {last_month}"),
        ("Retirement assets", f"opening stock of 31 March 2025; published stocks to {opening}"),
        ("Data fingerprint", data_fingerprint(base)[:FINGERPRINT_LENGTH]),
        (
            "Input fingerprints, for citation",
            "; ".join(
                f"{result.name} {input_fingerprint(result.scenario)[:FINGERPRINT_LENGTH]}"
                for result in results
            ),
        ),
        ("Model", f"fiscal {__version__}"),
        ("Made with", provenance_words(results)),
        ("Libraries", ", ".join(f"{name} {version(name)}" for name in LIBRARIES)),
    )


def scenario_facts(results: Results, chapters: Sequence[str] = ()) -> tuple[dict[str, str], ...]:
    """Name, title, description, changes and settings fingerprint of each scenario; user's text stays text.

    ``chapters`` are the titles of the report's sections, one of which lists what there is no room for.
    """
    return tuple(
        {
            "name": result.name,
            "title": result.scenario.title or result.name,
            "description": result.scenario.description,
            "author": result.scenario.author,
            "reference": result.scenario.reference,
            "fingerprint": result.fingerprint[:FINGERPRINT_LENGTH],
            **told,
        }
        for result, told in zip(results, told_changes(results, chapters), strict=True)
    )


def subtitle(results: Results) -> str:
    """What the report covers in one line."""
    horizon = results[0].scenario.value("horizon.last_year")
    return f"Scenario projections, 2025{DASH}{horizon}"


# --- size of crypto ---------------------------------------------------------------------------------


def adoption_of(result: Result) -> tuple[float, float, int]:
    """Share of participants, share of their balance, and the year from which both hold in full."""
    value = result.scenario.value
    return (
        float(value("adoption.participants_share")),
        float(value("adoption.allocation_share")),
        int(value("adoption.full_year")),
    )


def size_sentences(results: Results) -> str:
    """Crypto in balances, in receipts, and the adoption at which it would be 1%."""
    holders = statistics.with_crypto(results)
    if not holders:
        return "None of these scenarios holds crypto, so nothing here depends on its price."
    sizes = statistics.effect_sizes(owner_of(results))
    parts = []
    for adoption in dict.fromkeys(adoption_of(result) for result in holders):
        parts.append(_balance_sentence(tuple(r for r in holders if adoption_of(r) == adoption), adoption))
    parts.append(worth_sentence(holders))
    longest = statistics.windows_of(holders[0])[-1]
    own = sizes[(sizes["window"] == longest) & (sizes["reference"] == "equity_adoption")]
    parts.append(_receipts_sentence(own, longest))
    parts.append(_threshold_sentence(own))
    return " ".join(part for part in parts if part)


def _balance_sentence(group: Results, adoption: tuple[float, float, int]) -> str:
    participants, allocation, full_year = adoption
    shares = {result.name: statistics.crypto_share(result) for result in group}
    first = next(iter(shares.values()))
    at = full_year if full_year in first.index else int(first.index[-1])
    tops = [
        f"{percent(share.max(), 2)} in {name} (at the end of {share.idxmax()})"
        for name, share in shares.items()
    ]
    return (
        f"With {percent(participants)} of participants holding {percent(allocation)} of their balances in "
        f"crypto from {full_year} on, crypto is {percent(first[at], 2)} of all balances at the end of {at}, "
        f"and "
        f"at most {listing(tops)}. Both shares are assumed, in plans and rollover IRAs"
        f"{_rebalanced_words(group)}."
    )


def _rebalanced_words(group: Results) -> str:
    """That holders sell what has risen, where they do: it keeps the share of crypto near its target."""
    back = all(float(result.scenario.value("adoption.rebalancing")) == 1 for result in group)
    return ", as is the holders' yearly return to their target" if back else ""


SAME_CASE = 0.005
"""An effect that differs by less from a stored one is that of the same case."""


def rebalancing_sentence(results: Results) -> str:
    """What a case's effect is where holders let what has risen stand, from the stored sensitivity of that very case;
    empty for any other."""
    frame = sources.table("sensitivity")
    frame = frame[frame["key"] == "adoption.rebalancing"]
    for result in statistics.with_crypto(results):
        own = frame[frame["quantity"].str.startswith(f"{result.name} minus ")]
        longest = statistics.windows_of(result)[-1]
        effect = statistics.window_difference(result, longest, "withdrawal_tax", "no_crypto")
        for row in own.itertuples():
            if abs(effect - row.at_value) < SAME_CASE * abs(row.at_value):
                return (
                    f" Without a return to the target every year {result.name} would bring {amount(row.at_low)} "
                    f"against no crypto, not {amount(row.at_value)}."
                )
    return ""


def worth_sentence(results: Results) -> str:
    """What all crypto is worth on the scenarios' paths at the horizon, over GDP; empty where no run recorded it."""
    clauses, last, cap = [], 0, "Nothing caps"
    for result in statistics.with_crypto(results):
        frame = result.tables.get("crypto_size")
        if frame is None:
            continue
        row = frame.iloc[-1]
        last = int(row["year"])
        clauses.append(f"{significant(float(row['crypto_over_gdp']), 2)} times in {result.name}")
        if result.scenario.value("paths.model") != "deterministic":
            cap = "Only on random paths a cap holds"
    if not clauses:
        return ""
    return f"{cap} what all crypto is worth: by {last}, over gross domestic product, {listing(clauses)}."


def _receipts_sentence(own: pd.DataFrame, window: str) -> str:
    clauses = [
        f"{row.scenario} {change(row.difference_bn_usd)} withdrawal tax by {amount(row.difference_bn_usd)}, "
        f"{percent(row.withdrawal_tax_share, 2)} of that tax and {percent(row.income_tax_share, 2)} of "
        f"individual "
        "income tax"
        if abs(row.difference_bn_usd) >= statistics.NOISE_BN_USD
        else f"{row.scenario} does not change withdrawal tax"
        for row in own.itertuples()
    ]
    return f"Against the same adoption in equity, over {window_name(window)}, {'; '.join(clauses)}."


def _threshold_sentence(own: pd.DataFrame) -> str:
    target = percent(statistics.TARGET_SHARE_OF_INCOME_TAX)
    felt = [row for row in own.itertuples() if abs(row.difference_bn_usd) >= statistics.NOISE_BN_USD]
    if not felt:
        return (
            f"No adoption would make it {target} of individual income tax, since there is no effect to scale."
        )
    parts = []
    within = [row for row in felt if row.adoption_for_target <= 1]
    if within:
        clauses = [f"{percent(row.adoption_for_target)} in {row.scenario}" for row in within]
        parts.append(
            f"By proportion, the effect would reach {target} of individual income tax if the share of "
            f"participants holding that allocation were {listing(clauses)}."
        )
    beyond = [row for row in felt if row.adoption_for_target > 1]
    if beyond:
        of_all = statistics.TARGET_SHARE_OF_INCOME_TAX
        clauses = [f"{percent(of_all / row.adoption_for_target, 2)} in {row.scenario}" for row in beyond]
        parts.append(
            "By proportion, if all participants held that allocation, the effect would be, of individual income "
            f"tax, {listing(clauses)}."
        )
    return " ".join(parts)


# --- the books --------------------------------------------------------------------------------------


def books_sentences(base: Result) -> str:
    """What the base scenario forgoes and collects, in the first and the longest window."""
    windows = statistics.windows_of(base)
    parts: list[str] = []
    for window in dict.fromkeys((windows[0], windows[-1])):
        line = {
            name: statistics.window_sum(base, window, name)
            for name in (*FORGONE.parts, "withdrawal_tax", "net_revenue")
        }
        share = statistics.window_sum(base, window, "net_revenue", value="gdp_share")
        forgone = FORGONE.of(line)
        net = line["net_revenue"]
        who, of, with_what = (
            ("it", "", "")
            if parts
            else (
                f"the {base.name}",
                " of income and payroll tax",
                "with the additional tax on early withdrawals ",
            )
        )
        parts.append(
            f"Over {window_words(window)} {who} forgoes {amount(forgone)}{of} and collects "
            f"{amount(line['withdrawal_tax'])} on withdrawals; {with_what}its net revenue is {signed_amount(net)}, "
            f"{signed_percent(share, 2)} of gross domestic product."
        )
    return f"{' '.join(parts)} {spells_sentence(base)}"


def spells_sentence(base: Result) -> str:
    """In which calendar years annual net revenue is negative and in which positive."""
    spells = statistics.sign_episodes(statistics.net_effect(base))
    return f"Annual net revenue is {spells_text(spells)}."


def expenditure_sentences(base: Result) -> str:
    """The cash tax expenditure beside net revenue: what it counts that the books do not."""
    windows = statistics.windows_of(base)
    spans = list(dict.fromkeys((windows[0], windows[-1])))

    def sums(line: str) -> str:
        return listing([amount(abs(statistics.window_sum(base, span, line))) for span in spans])

    return (
        "By the cash method of the Joint Committee and the Treasury this model adds the tax that the plans' returns "
        f"would have borne outside, {sums('inside_buildup_cash')} in {listing([window_name(span) for span in spans])}, "
        f"and counts deferral as a cost: a tax expenditure of {sums('tax_expenditure')}, its own and not theirs. "
        "Net revenue leaves that tax out; the expenditure leaves out payroll tax and the additional tax."
    )


def caution_sentences(base: Result) -> str:
    """Why a positive window sum is no profit on the window's own deferrals."""
    opening = float(base.summary["calibration"]["opening_plan_bn_usd"])
    return (
        "A window is not a balance of one generation's deferrals: the tax of its early years falls on the "
        f"{amount(opening)} that was in the plans on 31 March 2025, deferred before, and the contributions of its late "
        "years are taxed after it. Core balances earn the long-run means of the record, which nothing guarantees: "
        f"started in 2010 and told what plans really earned, the model has {percent(_told_returns_error())} less in "
        "the plans in 2023 than with its own mix of indexes, whose return is thus too high."
    )


def _told_returns_error() -> float:
    """How much lower the hindcast's assets of its last year are when it is told the plans' own returns."""
    frame = sources.table("hindcast")
    frame = frame[
        (frame["start_year"] == 2010) & (frame["quantity"] == "assets") & (frame["series"] == "DOL")
    ]
    last = frame[frame["date"].astype(str) == frame["date"].astype(str).max()].set_index("variant")["model"]
    own, told = float(last["own_rules"]), float(last["returns_fed"])
    return 1 - told / own


# --- ten and seventy-five years ---------------------------------------------------------------------


def event_of(result: Result) -> Event | None:
    """The event of the scenario's crypto path, from its returns; None without one."""
    return event_in(result.scenario.settings, returns_in(result))


def horizon_sentences(results: Results) -> str:
    """Effect over the longest window beside that over the first, and why the two differ."""
    holders = statistics.with_crypto(results)
    if not holders:
        return ""
    windows = statistics.windows_of(holders[0])
    if len(windows) < 2:
        return ""
    first, last = windows[0], windows[-1]
    clauses = []
    for result in holders:
        near, far = (
            statistics.window_difference(result, window, "withdrawal_tax", "no_crypto")
            for window in (first, last)
        )
        clause = f"{result.name} {change(far)} withdrawal tax by {amount(far)} over {window_name(last)}"
        if abs(near) >= statistics.NOISE_BN_USD:
            clause += (
                f", and {change(near)} it by {amount(abs(near))} over {window_name(first)}"
                if far * near < 0
                else f" and by {amount(abs(near))} over {window_name(first)}"
            )
        clauses.append(clause)
    parts = [f"Against no crypto, {'; '.join(clauses)}."]
    return " ".join([*parts, _why_horizons_differ(holders, first, last)])


def _why_horizons_differ(holders: Results, first_window: str, last_window: str) -> str:
    last = window_years(first_window)[1]
    cases: dict[int, list[str]] = {}
    for result in holders:
        if (event := event_of(result)) is not None:
            cases.setdefault(event.first_year, []).append(result.name)
    why = "a balance is taxed only when it is withdrawn, mostly decades later"
    opening = f"{window_name(first_window)} and {window_name(last_window)} differ because"
    if not cases:
        return f"{opening} {why}."
    told = len(cases) > 1 or len(next(iter(cases.values()))) < len(holders)
    starts = [
        f"in {year}{f' in {listing(names)}' if told else ''}, "
        f"{'after' if year > last else 'before the end of'} {window_name(first_window)}"
        for year, names in sorted(cases.items())
    ]
    return f"{opening} the event starts {', and '.join(starts)}, and because {why}."


def early_event_sentences(results: Results) -> str:
    """The warnings of events that strike before adoption is full; empty without one."""
    return " ".join(text for result in results if (text := warning_after(result)))


def rate_sentence(results: Results) -> str:
    """A tenth of the tax on withdrawals beside the scenarios' effects."""
    holders = statistics.with_crypto(results)
    apart = statistics.set_apart(results)
    base = results[0]
    window = statistics.windows_of(base)[-1]
    tenth = 0.1 * statistics.window_sum(base, window, "withdrawal_tax")
    text = (
        f"A change of one tenth in the tax rates on withdrawals is {amount(tenth)} over "
        f"{window_name(window)} "
        "before any response"
    )
    ratios = [
        f"{significant(tenth / abs(gap), 2)} times the effect of {result.name}"
        for result in holders
        if (gap := statistics.window_difference(result, window, "withdrawal_tax", "equity_adoption"))
    ]
    told = [f"{listing(ratios)} against the same adoption in equity"] if ratios else []
    gaps = {result.name: statistics.window_gap(result, base, window, "net_revenue") for result in apart}
    levers = [
        f"{significant(tenth / abs(gap), 2)} times the effect of {name}"
        for name, gap in gaps.items()
        if abs(gap) >= statistics.NOISE_BN_USD
    ]
    if levers:
        told.append(f"{listing(levers)} on net revenue against {base.name}")
    return f"{text}, {'; '.join(told)}." if told else f"{text}."


def turning_sentences(results: Results) -> str:
    """When each scenario's annual effect on net revenue is a gain or a loss, against what it is set beside."""
    base = results[0]
    apart = {result.name for result in statistics.set_apart(results)}
    parts = []
    for result in results:
        against: list[tuple[str | Result, str]] = []
        if statistics.references_of(result):
            against += [("equity_adoption", "the same adoption in equity"), ("no_crypto", "no crypto")]
        if result.name in apart:
            against.append((base, base.name))
        clauses = [
            f"{spells_text(statistics.sign_episodes(statistics.net_effect(result, reference)))} against {words}"
            for reference, words in against
        ]
        if clauses:
            parts.append(f"The annual effect of {result.name} on net revenue is {', and '.join(clauses)}.")
    return " ".join(parts)


def turning_table(results: Results) -> Table:
    """Spells of gain and loss, of the level and of the differences, by year and cumulated with interest."""
    frame = statistics.turning_years(owner_of(results))
    frame = frame[frame["sign"] != 0]
    words = {1: "gain", -1: "loss"}
    frame = frame.assign(
        against=frame["reference"].map(
            {**PATH_NAMES, "base": results[0].name, "": "no reference (the level)"}
        ),
        what=frame["effect"].map({"annual": "annual", "cumulated": "cumulated with interest"}),
        spell=[
            f"{words[sign]} {first}{DASH}{last}" if last > first else f"{words[sign]} {first}"
            for sign, first, last in zip(frame["sign"], frame["first_year"], frame["last_year"], strict=True)
        ],
    )
    joined = frame.groupby(["scenario", "against", "what"], sort=False)["spell"].agg("; ".join).reset_index()
    return Table(
        "table-turning", "Years in which net revenue, or its difference from a reference, is a gain or a loss",
        joined,
        (
            Column("against", "Against", width=0.8),
            Column("what", "Effect", width=0.7),
            Column("spell", "Years", width=1.5),
        ),
        group="scenario",
        source=f"Calendar years. Under ${1e3 * statistics.NOISE_BN_USD:g} million a year counts as neither. Interest "
        "at the one-year rate of the economic projection, on differences only.",
    )  # fmt: skip


# --- tables -----------------------------------------------------------------------------------------


def headline_table(results: Results) -> Table:
    """Table 1: the books by window and scenario, with both references."""
    return books_table(
        results,
        "table-headline",
        "Revenue by budget window, scenario, and reference",
        "nominal_bn_usd",
        "Billions of current dollars, fiscal years",
        (1.0, 0, 1),
    )


def gdp_table(results: Results) -> Table:
    """The same as shares of GDP, which is how sums over decades compare."""
    return books_table(
        results,
        "table-gdp",
        "Revenue by budget window, scenario, and reference, over GDP",
        "gdp_share",
        "Percent of the same years' gross domestic product",
        (100.0, 2, 4),
    )


def books_table(
    results: Results, label: str, caption: str, value: str, unit: str, form: tuple[float, int, int]
) -> Table:
    """Books by window; ``form`` is the scale, the decimals of levels and those of differences."""
    scale, level, gap = form
    frame = statistics.headline(owner_of(results), value)
    frame = frame.assign(window=frame["window"].map(window_name))
    columns = [
        Column("scenario", "Scenario", width=1),
        Column("deferred_revenue", "Deferred revenue", level, scale),
        Column("payroll_forgone", "Payroll tax forgone", level, scale),
        Column("withdrawal_tax", "Withdrawal tax", level, scale),
        Column("other_receipts", "Other receipts", level, scale),
        Column("net_revenue", "Net revenue", level, scale),
    ]
    if frame["against_no_crypto"].notna().any():
        columns += [
            Column("against_no_crypto", "Net, against no crypto", gap, scale),
            Column("against_equity_adoption", "Net, against same in equity", gap, scale),
        ]
    if "against_base" in frame:
        columns.append(Column("against_base", f"Net, against {results[0].name}", gap, scale))
    references = (
        "No crypto: the same people, law and core returns. Same in equity: the same adoption, the money earning the "
        "equity return; against no crypto a scenario also gains from crypto taking the place of bonds and cash, so "
        "that even a bust can end above it. "
    )
    return Table(
        label, caption, frame, tuple(columns), unit=f"{unit}. {SIGNS}", group="window",
        source="Net revenue is the sum of the lines; its level is no gain from deferral: tax on outside returns is not "
        "in it. Other receipts: the additional tax on early withdrawals and "
        f"the tax on conversions. {references if statistics.with_crypto(results) else ''}The claim "
        "left at the horizon is in the present values.",
    )  # fmt: skip


def effects_table(results: Results) -> Table | None:
    """Effect on withdrawal tax beside what it is a share of; None without crypto."""
    holders = statistics.with_crypto(results)
    if not holders:
        return None
    frame = statistics.effect_sizes(owner_of(results))
    order = {window: place for place, window in enumerate(statistics.windows_of(holders[0]))}
    frame = frame.sort_values("window", key=lambda labels: labels.map(order), kind="stable")
    frame = frame.assign(
        window=frame["window"].map(window_name),
        against=frame["reference"].map(PATH_NAMES),
        adoption_for_target=frame["adoption_for_target"].where(
            frame["difference_bn_usd"].abs() >= statistics.NOISE_BN_USD
        ),
    )
    return Table(
        "table-effects", "Effect on withdrawal tax", frame,
        (
            Column("scenario", "Scenario"),
            Column("against", "Against", width=1),
            Column("difference_bn_usd", "Billions of dollars", 1, unit="billions of current dollars"),
            Column("withdrawal_tax_share", "Percent of withdrawal tax", 3, 100),
            Column("gdp_share", "Percent of GDP", 4, 100),
            Column("income_tax_share", "Percent of individual income tax", 4, 100),
            Column("adoption_for_target", "Participants for 1 percent of it", 0, 100),
        ),
        unit=f"Current dollars, fiscal years. {SIGNS}",
        group="window",
        source="Individual income tax: CBO to fiscal year 2036, then its share of GDP held. The last column is the "
        "percentage of participants that would have to hold the scenario's allocation, by proportion.",
    )  # fmt: skip


def lead_sentences(results: Results) -> str:
    """The answer in a paragraph: levers against the base, and crypto's size."""
    parts = (lever_sentences(results), size_sentences(results), other_changes_sentence(results))
    return " ".join(part for part in parts if part)


def answer_section(results: Results) -> Section:
    """One page: how large, the headline table, ten against seventy-five years."""
    base = results[0]
    blocks: list[Block] = [
        Prose(lead_sentences(results), "lead"),
        Prose(compared_sentences(results), "note"),
    ]
    if early := early_event_sentences(results):
        blocks.append(Prose(early))
    blocks.append(headline_table(results))
    levers = lines_sentences(results)
    if levers:
        blocks.append(Prose(levers))
    blocks.append(Prose(f"{books_sentences(base)} {caution_sentences(base)}"))
    parts = (horizon_sentences(results), rate_sentence(results))
    blocks.append(Prose(" ".join(part for part in parts if part)))
    return Section("The answer on one page", tuple(blocks), new_page=True)
