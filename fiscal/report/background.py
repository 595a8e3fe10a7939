"""Chapters behind the results: calibration, microdata, crypto paths, assumptions, method, limits, sources."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.words import (
    DASH,
    amount,
    capital,
    listing,
    percent,
    signed_amount,
    signed_percent,
    significant,
)
from fiscal.markets.paths import path_model
from fiscal.report.answer import event_of, rebalancing_sentence
from fiscal.report.books import displaced_limit
from fiscal.report.changes import ALL_SETTINGS
from fiscal.report.chapters import figure
from fiscal.report.compared import Results
from fiscal.report.content import Block, Column, Heading, Items, Panel, Prose, Section, Table, Term
from fiscal.report.drivers import drivers_blocks
from fiscal.report.hindcast import contributions_miss
from fiscal.report.published import far_off, verdict_sentences
from fiscal.results.adoption import path_sentence, returns_in
from fiscal.results.figures import statistics
from fiscal.results.result import Result
from fiscal.scenario.names import setting_name
from fiscal.studies.calibration import calibration

CALIBRATED_SCENARIO = "baseline"
EVENT_YEARS_AFTER = 3
"""Years shown of the yearly returns after the last event of the report's paths."""


# --- the model beside published figures -------------------------------------------------------------


def calibration_section(results: Results) -> Section:
    """Model against published, then the tax microdata before and after mending."""
    blocks: list[Block] = [
        *_calibration_blocks(results[0]),
        Heading("The tax microdata"),
        *_microdata_blocks(),
    ]
    return Section("The model beside published figures", tuple(blocks))


def calibration_frame(base: Result) -> pd.DataFrame | None:
    """Calibration table of the shipped baseline; None when the report's base is another case."""
    if base.fingerprint != scenarios.load(CALIBRATED_SCENARIO).fingerprint():
        return None
    return calibration(base)


def _calibration_blocks(base: Result) -> list[Block]:
    frame = calibration_frame(base)
    if frame is None:
        return [
            Prose(
                f"The published figures belong to the scenario {CALIBRATED_SCENARIO} as it is shipped. The "
                f"base of this "
                "report is another case, so they are not set beside it."
            )
        ]
    checks = frame[frame["use"] == "check"]
    others = ("bound", "computed")
    inside = int((checks["verdict"] == "inside").sum())
    outside = checks[checks["verdict"] == "outside"]["quantity"].tolist()
    text = (
        f"Of {len(checks)} checks {inside} lie inside their tolerance"
        + (f"; outside, with the reason under each, are: {'; '.join(outside)}." if outside else ".")
        + f" {int((frame['use'] == 'input').sum())} rows were used to set a parameter: they show the fit and are "
        f"no test. {int(frame['use'].isin(others).sum())} more are bounds that the model must lie inside, or "
        "figures computed on the unmended file and published by nobody. Published tax expenditures cover all "
        "defined-contribution plans; the next chapter sets the model beside them on that scope."
    )
    shown = frame.assign(
        model_text=[_by_size(value) for value in frame["model"]],
        note=[
            _note(source, reason)
            for source, reason in zip(frame["published_source"], frame["reason"], strict=True)
        ],
    )
    table = Table(
        "table-calibration", "The model beside published figures", shown,
        (
            Column("quantity", "Quantity", width=1),
            Column("unit", "Unit"),
            Column("published", "Published", align="right"),
            Column("model_text", "Model", align="right"),
            Column("tolerance", "Tolerance", align="right"),
            Column("verdict", "Verdict"),
        ),
        note="note", breakable=True,
    )  # fmt: skip
    return [Prose(text), table]


def _by_size(value: float) -> str:
    """As the published column writes numbers: four digits below one, one decimal above."""
    return f"{value:,.4g}" if abs(value) < 1 else f"{value:,.1f}"


def _note(source: str, reason: str) -> str:
    return f"{source}. {capital(reason)}." if reason else f"{source}."


def microdata_summary() -> pd.DataFrame:
    """Published against file, before and after mending: ``statistic, unit, decimals, published, before,
    after`` of the totals and of the shares that the tax on withdrawals hangs on."""
    table = sources.table("microdata_check")
    rows: list[tuple[str, str, float, float, float]] = []
    values = ("published", "file_before", "file_after")

    def part(statistic: str, lowest: float = -math.inf) -> list[float]:
        own = table[table["statistic"] == statistic]
        own = own[pd.to_numeric(own["class_from"]).fillna(-math.inf) >= lowest]
        return [float(own[value].sum()) for value in values]

    def add(name: str, unit: str, numbers: Sequence[float]) -> None:
        rows.append((name, unit, *numbers))  # type: ignore[arg-type]

    add("Wages, 2020", "bn USD", part("wages_by_wage_2020"))
    top = [number / 1e3 for number in part("wage_earners_by_wage_2020", 1e6)]
    add("Earners of wages above $1 million, 2020", "thousands", top)
    for statistic, name in (
        ("ira_distributions_by_agi_2023", "Taxable IRA distributions, 2023"),
        ("taxable_pension_income_by_agi_2023", "Taxable pensions and annuities, 2023"),
    ):
        whole = part(statistic)
        add(name, "bn USD", whole)
        for floor, words in ((2e5, "above $200,000 of AGI"), (5e5, "above $500,000 of AGI")):
            add(
                f"   of which {words}",
                "percent",
                [100 * a / b for a, b in zip(part(statistic, floor), whole, strict=True)],
            )
    add("Deferrals, W-2 codes of 401(k)-type plans, 2020", "bn USD", part("deferrals_by_wage_2020"))
    add("People who defer, 2020", "millions", [number / 1e6 for number in part("deferrers_by_wage_2020")])
    for statistic, name in (
        ("taxable_pension_annuity_ira_2025", "Taxable pensions, annuities, and IRAs, 2025"),
        ("income_tax_2025", "Individual income tax, 2025"),
    ):
        own = table[table["statistic"] == statistic].iloc[0]
        add(name, "bn USD", [float(own[value]) for value in values])
    return pd.DataFrame(rows, columns=["statistic", "unit", "published", "before", "after"])


def _microdata_blocks() -> list[Block]:
    frame = microdata_summary()
    own = frame.set_index("statistic")
    ira = own.loc["Taxable IRA distributions, 2023"]
    version = sources.resource("withdrawal_curve").note.strip().removesuffix(".").split(". ")[-1]
    years = sorted({int(year) for year in sources.table("withdrawal_curve")["law_year"]})
    text = (
        f"Taxes are computed by {version} on its sample of tax units drawn from the Current Population "
        f"Survey, for "
        f"the law of {len(years)} years from {years[0]} to {years[-1]}. The sample is mended first: wages "
        f"are raked to "
        "the W-2 tables, deferrals are imputed and added back, and pension and IRA income is raked to the "
        "Statistics of "
        f"Income and aged to CBO. Before mending it held {amount(ira['before'])} of IRA distributions where "
        f"{amount(ira['published'])} are published. It holds no capital gains."
    )
    table = Table(
        "table-microdata", "The microdata file against published figures, before and after mending", frame,
        (
            Column("statistic", "Statistic", width=1),
            Column("unit", "Unit"),
            Column("published", "Published", 1),
            Column("before", "File before", 1),
            Column("after", "File after", 1),
        ),
        source="Sources: IRS Statistics of Income, Form W-2 tables 2020 and Form 1040 tables 2023; CBO, February 2026. "
        "A dash: no table here has the concept; receipts of individual income tax, a wider figure, are above the "
        "file's tax: it has no capital gains and thin top incomes. The classes are in data table microdata_check.",
    )  # fmt: skip
    return [Prose(text), table]


# --- crypto paths -----------------------------------------------------------------------------------


def paths_section(results: Results) -> Section | None:
    """Returns of the paths that state them: what each does, the phases of named ones with reasons, and by year."""
    holders = tuple(
        result
        for result in statistics.with_crypto(results)
        if not path_model(str(result.scenario.value("paths.model"))).stochastic
    )
    if not holders:
        return None
    equity = holders[0].tables["asset_returns"]
    equity = equity[equity["asset"] == "equity"].set_index("year")["return_rate"]
    text = (
        "A path of stated returns is no forecast. Returns to mid-2026 are the real ones. "
        f"{' '.join(filter(None, (_outside_words(holders), _path_words(holders))))} In the long run equity earns "
        f"{percent(float(equity.iloc[-1]))} a year."
    )
    return Section(
        "The crypto paths",
        (
            Prose(f"{text} {_size_words(holders)}"),
            figure(
                results, "figure-crypto-value",
                "Value of a dollar invested at the opening, returns reinvested, in crypto and in equity",
                (Panel("crypto_value"),),
            ),
            *_phases_table(holders),
            _returns_table(holders),
        ),
    )  # fmt: skip


def _path_words(holders: Results) -> str:
    """The event and the long-run return of each path, from its returns; paths that are the same are told once."""
    told: dict[str, list[str]] = {}
    for result in holders:
        text = path_sentence(result.scenario.settings, returns_in(result))
        if text:
            told.setdefault(text, []).append(result.name)
    return " ".join(f"In {listing(names)}, {text[0].lower()}{text[1:]}" for text, names in told.items())


def _phases_table(holders: Results) -> list[Table]:
    """Phases of the named paths with their reasons; none where every path is of another kind."""
    used = list(
        dict.fromkeys(
            str(result.scenario.value("paths.name"))
            for result in holders
            if result.scenario.value("paths.model") == "deterministic"
        )
    )
    if not used:
        return []
    notes = sources.table("crypto_path_notes")
    phases = notes[notes["path"].isin(used) & (notes["phase"] != "all")].copy()
    phases["years"] = [_span(a, b) for a, b in zip(phases["first_year"], phases["last_year"], strict=True)]
    phases["note"] = [
        f"{rationale.rstrip('.')}. Source: {source}; {status}."
        for rationale, source, status in zip(
            phases["rationale"], phases["source"], phases["status"], strict=True
        )
    ]
    phases = _without_repeats(phases)
    return [
        Table(
            "table-phases", "Phases of the crypto paths", phases,
            (
                Column("phase", "Phase", width=1),
                Column("years", "Years"),
                Column("geometric_return_rate", "Geometric return, percent a year", 1, 100),
                Column("max_drawdown_share", "Largest fall between year-ends, percent", 0, 100),
            ),
            group="path", note="note", breakable=True,
            source="Phases as the path's own table has them. In 2026 the first half is real, and the year of the "
            "table by year differs.",
        )]  # fmt: skip


SIZE_YEARS = (2035, 2050, 2100)


def _size_words(holders: Results) -> str:
    """Value of all crypto over GDP that the paths imply, as the runs record it."""
    clauses = []
    for result in holders:
        frame = result.tables.get("crypto_size")
        if frame is None:
            continue
        ratio = frame.set_index("year")["crypto_over_gdp"]
        parts = [
            f"{significant(float(ratio[year]), 2)} in {year}" for year in SIZE_YEARS if year in ratio.index
        ]
        if parts:
            clauses.append(f"{result.name} {listing(parts)}")
    if not clauses:
        return ""
    return (
        "With no new coins and no payouts the value of all crypto grows with its price; as a multiple of "
        "gross domestic "
        f"product it is {'; '.join(clauses)}. Several times is no equilibrium, and nothing is capped."
    )


def _outside_words(holders: Results) -> str:
    """What crypto earns before and after an event, where the model says so and no file of the user's."""
    holders = tuple(result for result in holders if result.scenario.value("paths.model") != "user")
    if not holders:
        return ""
    chosen = {result.scenario.value("paths.outside_event_return") for result in holders}
    if chosen == {None}:
        return (
            "Outside its event crypto earns the long-run return of equity in force, so that the comparison "
            "with the "
            "same adoption in equity is of the event alone."
        )
    rates = [
        f"{signed_percent(float(rate))} a year" if rate is not None else "the return of equity"
        for rate in sorted(chosen, key=str)
    ]
    return (
        f"Outside its event crypto earns {listing(rates)} by setting; the default is the long-run return of "
        f"equity in "
        "force."
    )


def _without_repeats(phases: pd.DataFrame) -> pd.DataFrame:
    """A reason that stands already under an earlier path is not printed again."""
    seen: set[str] = set()
    kept = []
    for note in phases["note"]:
        kept.append("As above." if note in seen else note)
        seen.add(note)
    return phases.assign(note=kept)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}{DASH}{last}"


def _returns_table(holders: Results) -> Table:
    frames: dict[str, pd.Series] = {}
    last_event = 0
    for result in holders:
        wide = returns_in(result)
        frames.setdefault("equity", wide["equity"])
        frames[result.name] = wide["crypto"]
        if (event := event_of(result)) is not None:
            last_event = max(last_event, event.last_year)
    frame = pd.DataFrame(frames).reset_index()
    frame = frame[frame["year"] <= last_event + EVENT_YEARS_AFTER]
    columns = [Column("year", "Year", width=1)]
    columns += [Column(name, "Equity" if name == "equity" else f"Crypto, {name}", 1, 100) for name in frames]
    return Table(
        "table-returns", "Returns by calendar year", frame, tuple(columns), unit="Percent",
        source="2025: April to December. Later years are as the last one shown.",
    )  # fmt: skip


# --- assumptions and sensitivity --------------------------------------------------------------------


def assumptions_section(results: Results) -> Section:
    """What the scenarios change, every setting, every assumption with its range, and what each moves."""
    base = results[0]
    settings = base.tables["settings"]
    own = settings[~settings["key"].str.startswith("assumptions.")]
    counts = own["status"].value_counts()
    levers = {name: int(counts.get(name, 0)) for name in ("cited", "derived", "assumed", "choice")}
    table = sources.table("assumptions")
    assumed = int((table["status"] == "assumed").sum())
    text = (
        f"Of {len(own)} settings {levers['cited']} are cited, {levers['derived']} derived from cited "
        f"figures, "
        f"{levers['assumed']} assumed, and {levers['choice']} are choices of the user. Behind them stand "
        f"{len(table)} "
        f"further values, {assumed} of them assumed. Every assumed value has a range; no range is a "
        f"confidence interval."
    )
    blocks: list[Block] = [Prose(text)]
    changed = _changed_table(results)
    if changed is not None:
        blocks.append(changed)
    blocks += sensitivity_blocks(results)
    if statistics.with_crypto(results):
        blocks += drivers_blocks(results)
    blocks += [_settings_table(base, own), _assumptions_table(settings, table)]
    return Section(ALL_SETTINGS, tuple(blocks))


def _changed_table(results: Results) -> Table | None:
    frames = {result.name: result.tables["settings"].set_index("key")["value"] for result in results}
    wide = pd.DataFrame(frames)
    wide = wide[wide.nunique(axis=1, dropna=False) > 1]
    if wide.empty:
        return None
    columns = [Column("name", "Setting", width=1)]
    renamed = {name: f"value_{position}" for position, name in enumerate(frames)}
    columns += [Column(renamed[name], name, align="right") for name in frames]
    return Table(
        "table-changed", "Settings in which the scenarios differ",
        wide.rename(columns=renamed).rename_axis("key").reset_index().assign(
            name=[capital(setting_name(key)) for key in wide.index]
        ),
        tuple(columns), note="key",
        unit="As written in a scenario file; shares and rates are fractions",
    )  # fmt: skip


def _settings_table(base: Result, own: pd.DataFrame) -> Table:
    frame = own.assign(
        range=[_range(low, high) for low, high in zip(own["low"], own["high"], strict=True)],
        name=[capital(setting_name(key)) for key in own["key"]],
        note=[
            f"{key}. {doc} {'Of the default: ' + source if changed else capital(source)}."
            for key, doc, source, changed in zip(
                own["key"], own["doc"], own["source"], own["changed"], strict=True
            )
        ],
        section=own["key"].str.partition(".")[0].map(capital),
        standing=[
            _standing(status, default if changed else None)
            for status, changed, default in zip(own["status"], own["changed"], own["default"], strict=True)
        ],
    )
    return Table(
        "table-settings", f"Settings of {base.name}", frame,
        (
            Column("name", "Setting", width=1),
            Column("value", "Value", align="right"),
            Column("unit", "Unit"),
            Column("range", "Range", align="right"),
            Column("standing", "Standing"),
        ),
        note="note", group="section", breakable=True,
    )  # fmt: skip


def _assumptions_table(settings: pd.DataFrame, table: pd.DataFrame) -> Table:
    """Rows of the assumptions table at the values the base scenario uses."""
    used = settings.set_index("key")["value"]
    values = [
        float(used.get(f"assumptions.{key}", value))
        for key, value in zip(table["key"], table["value"], strict=True)
    ]
    changed = [value != default for value, default in zip(values, table["value"], strict=True)]
    sources_told = [
        f"Of the default: {source}" if moved and isinstance(source, str) and source else source
        for source, moved in zip(table["source"], changed, strict=True)
    ]
    frame = table.rename(columns={"value": "default"}).assign(
        value_text=[_plain(value) for value in values],
        status=[
            _standing(status, _plain(default) if moved else None)
            for status, default, moved in zip(table["status"], table["value"], changed, strict=True)
        ],
        range=[_range(low, high) for low, high in zip(table["low"], table["high"], strict=True)],
        unit=table["unit"].fillna(""),
        note=[
            ". ".join(
                [key, *(capital(str(text).rstrip(".")) for text in texts if isinstance(text, str) and text)]
            )
            + ("." if any(isinstance(text, str) and text for text in texts) else ". No source.")
            for key, *texts in zip(table["key"], sources_told, table["note"], strict=True)
        ],
        name=[capital(setting_name(key)) for key in table["key"]],
    )
    return Table(
        "table-assumptions", "Values behind the settings", frame,
        (
            Column("name", "Value of", width=1),
            Column("value_text", "Value", align="right"),
            Column("unit", "Unit"),
            Column("range", "Range", align="right"),
            Column("status", "Standing"),
        ),
        note="note", breakable=True,
    )  # fmt: skip


def _standing(status: str, default: str | None) -> str:
    """The standing of a value at its default; of one that is set (``default`` given), whose standing it is."""
    return status if default is None else f"set here; default {default}: {status}"


def _plain(value: float) -> str:
    """A setting's number as a reader types it: no exponent, no trailing zeros, true minus."""
    text = np.format_float_positional(abs(value), trim="-")
    return f"\N{MINUS SIGN}{text}" if value < 0 else text


def _range(low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return DASH
    return f"{_plain(low)} to {_plain(high)}"


def sensitivity_blocks(results: Results) -> list[Block]:
    """The stored sensitivity runs, ordered by what they move; nothing until they have been built."""
    frame = statistics.sensitivity()
    if frame is None:
        return []
    widest = frame.iloc[0]
    text = (
        "Each value is moved alone from the low to the high end of its range, and baseline and boom are run "
        "again. What "
        f"moves the baseline's net revenue most is {setting_name(widest['key'])}: by "
        f"{signed_amount(widest['net_low'])} at {_plain(widest['low'])} and by "
        f"{signed_amount(widest['net_high'])} at {_plain(widest['high'])}. "
        f"{_rate_words(frame)}"
        "Ranges differ in how wide they were chosen, so the order is one of what was asked as much as of the "
        "world."
    )
    text += _staleness_words(results[0], frame)
    shown = frame.assign(
        name=[capital(setting_name(key)) for key in frame["key"]],
        low=[_plain(value) for value in frame["low"]],
        high=[_plain(value) for value in frame["high"]],
    ).drop(columns=["net_central", "effect_central"])  # levels: the table is of changes
    return [
        Heading("One assumption at a time"),
        Prose(text),
        figure(
            results, "figure-sensitivity", "What moves the baseline's net revenue most",
            (Panel("sensitivity"),), "Source: stored runs of this model (data table sensitivity).",
        ),
        Table(
            "table-sensitivity", "One assumption at a time, from low to high", shown,
            (
                Column("name", "Moved", width=1),
                Column("low", "Low", align="right"),
                Column("high", "High", align="right"),
                Column("net_low", "Net revenue at low", 0),
                Column("net_high", "Net revenue at high", 0),
                Column("effect_low", "Effect of boom at low", 0),
                Column("effect_high", "Effect of boom at high", 0),
            ),
            unit="Change from the central case over the longest window, billions of current dollars: net revenue "
            "of the baseline; withdrawal tax of boom against no crypto",
            breakable=True,
        ),
    ]  # fmt: skip


STALE_SHARE = 0.001
"""Central cases of the stored runs and of this report further apart than this are told."""


def _staleness_words(base: Result, frame: pd.DataFrame) -> str:
    """That the stored runs and this report's baseline differ, when they do and can be compared."""
    if base.fingerprint != scenarios.load(CALIBRATED_SCENARIO).fingerprint():
        return ""
    stored = float(frame["net_central"].iloc[0])
    now = statistics.window_sum(base, statistics.windows_of(base)[-1], "net_revenue")
    if abs(stored - now) <= STALE_SHARE * abs(now):
        return ""
    return (
        f" The stored runs were made with another state of the model: their central net revenue is "
        f"{signed_amount(stored)}, this report's is {signed_amount(now)}."
    )


WITHDRAWAL_RATES = "tax.withdrawal_scale"


def _rate_words(frame: pd.DataFrame) -> str:
    """The tax rates on withdrawals beside the whole effect of a boom, when they were moved."""
    own = frame[frame["key"] == WITHDRAWAL_RATES]
    if own.empty:
        return ""
    row = own.iloc[0]
    move, effect = float(row["net_high"]), float(row["effect_central"])
    return (
        f"Tax rates on withdrawals at {_plain(row['high'])} of the law's move it by {signed_amount(move)}, "
        f"{significant(abs(move / effect), 2)} times the whole effect of a boom against no crypto "
        f"({signed_amount(effect)}). "
    )


# --- method, limits, sources ------------------------------------------------------------------------


def method_section(results: Results) -> Section:
    """The model on one page: state, order of the year, taxes, books, identities with their residuals."""
    base = results[0]
    checks = base.tables["checks"]
    residuals = [
        f"{row.check}: residual {significant(row.residual, 2)} beside balances or counts of "
        f"{significant(row.scale, 2)}"
        for row in checks.itertuples()
    ]
    value = base.scenario.value
    return Section(
        "Method in one page",
        (
            Prose(
                "A cell is a birth cohort of a single year (ages 18 to 119), one of twelve groups by rank of "
                "lifetime "
                "wage, and a stratum that holds crypto or does not. Each cell has account holders and "
                "balances by wrapper "
                "(plan, rolled over to an IRA, inherited), tax character (traditional, Roth with its basis), "
                "and sleeve "
                "(core; crypto). People follow the Social Security area population on CBO's totals, with "
                "mortality that "
                "differs by group, entrants at 18, and net migration. The economy is CBO's to 2036, then the "
                "growth of the "
                "Social Security trustees."
            ),
            Heading("The year, in order"),
            Items(
                (
                    "Opening balances grow by the first half-year's return of each sleeve.",
                    "Withdrawals, then rollovers, then conversions leave, each a share of the opening "
                    "balance and capped at "
                    "what is there; contributions come in.",
                    "All grow by the second half-year's return; fees and losses are charged.",
                    "Balances are rebalanced toward the stratum's target.",
                    "Deaths: a balance stays with the spouse or becomes inherited and is emptied within "
                    f"{value('heirs.years')} years.",
                ),
                ordered=True,
            ),
            Heading("Taxes and books"),
            Items(
                (
                    Term(
                        "Deferred revenue",
                        "income tax that law would collect now if traditional deferrals and employer "
                        "contributions were "
                        "income, from Tax-Calculator with and without them; payroll tax forgone is that on "
                        "employer "
                        "contributions, with no offset for later benefits.",
                    ),
                    Term(
                        "Withdrawal tax",
                        "E[tax(b + x) \N{MINUS SIGN} tax(b)] over the tax units of the cell: b leaves out "
                        "the model's own withdrawals, x "
                        "is zero for those who take nothing in the year and spread for the rest. Heirs pay "
                        "on the schedule "
                        f"of someone {value('heirs.age_gap')} years younger.",
                    ),
                    Term(
                        "Net revenue",
                        "deferred revenue + payroll tax forgone + withdrawal tax + conversion tax + "
                        "additional tax. Tax on "
                        "Roth contributions and on build-up inside the accounts are memo lines.",
                    ),
                    Term(
                        "Fiscal year t",
                        f"{percent(value('books.deferral_fiscal_same_year_share'))} of calendar t for "
                        f"deferrals and "
                        f"{percent(value('books.withdrawal_fiscal_same_year_share'))} for taxes on "
                        f"withdrawals, the rest of "
                        "t \N{MINUS SIGN} 1.",
                    ),
                    Term(
                        "References",
                        "no crypto is the same run with every crypto target at zero; same adoption in equity "
                        "lets the "
                        "crypto sleeve earn the equity return. Both are paths of one projection.",
                    ),
                )
            ),
            Heading("Identities"),
            Items(
                (
                    "opening + return + contributions + conversions in + rollovers in + inherited in "
                    "\N{MINUS SIGN} withdrawals "
                    "\N{MINUS SIGN} conversions out \N{MINUS SIGN} rollovers out \N{MINUS SIGN} fees "
                    "\N{MINUS SIGN} losses "
                    "\N{MINUS SIGN} inherited out = closing, in every cell and year.",
                    "people at the next opening = people at this one \N{MINUS SIGN} deaths + net migration; "
                    "entrants come in at 18.",
                    f"Largest residuals of this run: {'; '.join(residuals)}.",
                )
            ),
        ),
        new_page=True,
    )


def _any(results: Results, section: str, names: tuple[str, ...]) -> bool:
    """Whether any result has one of the settings at work."""
    return any(bool(result.scenario.value(f"{section}{name}")) for result in results for name in names)


def limits_section(results: Results) -> Section:
    """What is not in the numbers, with sizes where a table has one."""
    ici = sources.table("ici_assets").set_index("date")
    ici.index = ici.index.astype(str).str[:10]
    base = results[0]
    date = base.scenario.settings.horizon.opening
    row = ici.loc[date.iso]
    years = sorted({int(year) for year in sources.table("withdrawal_curve")["law_year"]})
    items: list[str | Term] = [
        Term(
            "Scope",
            f"plan assets of {date.words} ({amount(float(row['k401_bn_usd']))} of "
            f"{amount(float(row['dc_total_bn_usd']))} "
            f"in defined-contribution plans) and what follows from them. IRAs that existed then "
            f"({amount(float(row['ira_bn_usd']))}) are out, though many came from 401(k) plans; their income "
            f"stays in "
            "the base on which withdrawals are stacked.",
        ),
        Term(
            "Programs outside the income tax",
            "Medicare premiums by income, premium tax credits of the Affordable Care Act, Supplemental "
            "Security Income, "
            "and Medicaid respond to withdrawals and are left out. No table here gives their size.",
        ),
        Term(
            "Trust funds",
            "part of the tax on Social Security benefits belongs to the trust funds; the books show one "
            "government.",
        ),
        Term(
            "State tax",
            "in no total. Scenarios that switch it on show it on lines of its own, which come out low: one average "
            "rate over all income and states is applied to dollars that are taxed at the margin.",
        ),
        Term("Estate tax and charity", "estate tax and charitable distributions from IRAs are left out."),
        Term(
            "Plan details",
            "defaults on loans, after-tax contributions other than Roth, and the Saver's Match from 2027 are "
            "left out.",
        ),
        Term(
            "Capital gains",
            "the microdata file has none, so their stacking with withdrawals and the net investment income "
            "tax on them are "
            "missing. Nothing is deducted for tax that households would have paid on crypto held outside a "
            "plan: "
            "the displaced share is zero.",
        ),
        Term(
            "Other alternatives",
            "the order also opens plans to private equity, real estate, and commodities. "
            + (
                "Scenarios here hold them, at assumed shares, fees, and premiums."
                if _any(
                    results,
                    "alternatives.",
                    ("private_equity_share", "real_estate_share", "commodities_share"),
                )
                else "No scenario here holds them."
            ),
        ),
        Term(
            "Behavior",
            "withdrawals and retirement do not respond to prices or tax rates, and gross national product responds to "
            "nothing. "
            + (
                "Contributions or allocations of some scenarios here answer to returns or to the price of saving, by "
                "assumed amounts."
                if _any(
                    results,
                    "behaviour.",
                    (
                        "contribution_price_elasticity",
                        "contribution_return_response",
                        "chasing",
                        "panic_share",
                    ),
                )
                else "Contributions and allocations respond to nothing in the scenarios shown."
            ),
        ),
        Term(
            "Law",
            f"current law of each year to {years[-1]}. Parameters that law does not index keep their "
            f"dollars, which "
            "raises rates as wages grow; Congress has often changed such parameters.",
        ),
        Term(
            "Who withdraws",
            "money taken out before retirement is taxed at the rates of the cell it comes from, although people "
            "who cash out are often poorer than their group in that year. A surviving spouse's money stays in "
            "the cell of the spouse who died.",
        ),
        Term(
            "Contribution limits",
            "deferral, catch-up, and compensation limits cut contributions. The limit on all additions of "
            "section 415(c) acts only where a scenario sets another than the law's. What savers at a limit "
            "want above it is imputed, and the part of it that a higher limit brings is assumed. The "
            "share of catch-up that must be Roth stays that of 2025; it comes from one record keeper's users of "
            "catch-up by income, and is a range.",
        ),
        Term(
            "Employer money",
            "income tax forgone is on the whole contribution, payroll tax on what it would be as wages after "
            "the employer's own payroll tax.",
        ),
        Term(
            "Returns",
            "one path a scenario, unless its paths are random, and no scenario is said to be likely. No rescue of "
            "savers is in the totals; what a stated backstop rule would cost is told apart from them.",
        ),
        Term(
            "Heirs",
            "inherited accounts are counted with the earnings group and birth decade of the owner who died, "
            "not of the "
            "heir who pays.",
        ),
    ]
    if statistics.with_crypto(results):
        items.append(
            Term(
                "Crypto",
                "how many participants come to hold it, and how much of it, is assumed: no source gives either. The "
                "share of participants is fixed"
                + (
                    ", and who holds crypto, or more of it, tilted over ages or groups by assumption"
                    if _any(
                        results,
                        "adoption.",
                        ("group_tilt", "age_tilt", "allocation_group_tilt", "allocation_age_tilt"),
                    )
                    else ", spread evenly over ages and groups"
                )
                + (
                    ". Purchases move the price by a published multiplier."
                    if _any(results, "overlays.", ("price_impact_multiplier",))
                    else ". Prices do not respond to the plans' own buying and selling."
                )
                + rebalancing_sentence(results)
                + displaced_limit(results),
            )
        )
    validation = verdict_sentences()
    if validation:
        items.append(Term("Validation", f"{validation} Among its other misses it is {_misses()}."))
    second_hand = sum(entry.second_hand for entry in sources.resources())
    items.append(
        Term(
            "Sources",
            f"{second_hand} of {len(sources.resources())} tables were read second-hand, in a copy and not in "
            f"the "
            "publisher's own file.",
        )
    )
    text = (
        f"The {base.name} and the scenarios are projections under stated assumptions. What follows is not in "
        "the numbers."
    )
    return Section("Limits", (Prose(text), Items(tuple(items))))


def _misses() -> str:
    return listing([*far_off(), contributions_miss()])


def sources_section() -> Section:
    """Every data table with its publisher and whether it was read second-hand."""
    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "source": "; ".join(part.strip() for part in entry.source.splitlines() if part.strip()),
            "read": "second-hand" if entry.second_hand else entry.status,
            "licence": entry.licence,
        }
        for entry in sources.resources()
    ]
    frame = pd.DataFrame(rows)
    frame["note"] = [
        f"{name}.csv. {source}. Licence: {licence}."
        for name, source, licence in zip(frame["name"], frame["source"], frame["licence"], strict=True)
    ]
    text = (
        "Tables of the data package, each verified by its SHA-256 before use. Second-hand: the figures were "
        "read in the "
        "copy named, and whoever cites one checks the publisher's file. Built and computed: made from other "
        "tables here."
    )
    return Section(
        "Sources",
        (
            Prose(text),
            Table(
                "table-sources", "Data tables", frame,
                (Column("title", "Table and source", width=1), Column("read", "Read")),
                note="note", breakable=True,
            ),
        ),
    )  # fmt: skip
