"""Pages from the stored tables: data, assumptions with their sensitivity, and validation."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from marks import anchor, bullets, code, figure, page, paragraph, plain, short, signed, slug, table

from fiscal.base import sources
from fiscal.base.prose import pct, per_100_000, signed_usd, usd, verb
from fiscal.base.words import MISSING
from fiscal.law.build.schedules import INPUT_TABLES
from fiscal.law.years import OWN_SCOPES
from fiscal.results import headline
from fiscal.scenario import load, standings
from fiscal.scenario.assumptions import adjustable
from fiscal.studies import base_case, published, scenarios, sensitivity, skill, skill_study, variants

# --- data -------------------------------------------------------------------------------------------

STATUS_WORDS = {
    "published": ("Published figures", "Transcribed from a publisher; only the scale changes."),
    "computed": ("Computed from published figures", "Arithmetic on these tables, or notes on them."),
    "built": ("Built by this package", "Built from the other tables by a command of this package; do not edit them."),
    "assumed": ("Assumed", "No source; values have ranges, and their effect is under [Assumptions](assumptions.md)."),
}


def data_page() -> str:
    """Every table of the data package."""
    entries, readers = sources.resources(), sources.readers()
    listed = [
        (f"[`{entry.name}`](#{slug(entry.name)})", plain(entry.title), entry.status, "yes" if entry.second_hand else "")
        for entry in entries
    ]
    blocks = [
        "# Data",
        paragraph(
            f"This page lists the {len(entries)} tables of `data/`, as `data/datapackage.json` describes them. The "
            "code reads a table only through `fiscal.base.sources`, which first verifies its SHA-256, columns, "
            "types, "
            f"and ranges. `fiscal data check` verifies all of them. {sum(entry.second_hand for entry in entries)} "
            "were "
            "read second-hand, in a copy instead of the publisher's own file. If you cite such a figure, check the "
            "publisher's file. `data/README.md` has conventions and caveats that apply to several tables."
        ),
        table(("table", "content", "status", "second-hand"), listed),
    ]
    for status, (title, words) in STATUS_WORDS.items():
        blocks += [f"## {title}", words]
        for entry in entries:
            if entry.status == status:
                blocks += _table_of_data(entry, readers.get(entry.name, ()))
    return page(*blocks)


def _table_of_data(entry: sources.Resource, readers: Sequence[str]) -> Iterator[str]:
    facts = {
        "File": f"`data/{entry.path}`, {figure(entry.size_bytes / 1000)} kB",
        "Unit": plain(entry.unit),
        "Source": "; ".join(plain(line) for line in entry.source.splitlines() if line.strip()),
        "Read in": plain(entry.read_in) if entry.second_hand else "",
        "License": plain(entry.licence),
        "Note": plain(entry.note),
        "Next edition": _next_edition(entry.next_release),
        "Key": ", ".join(map(code, entry.primary_key)),
        "Read by": ", ".join(map(code, readers)),
    }
    yield f"### {entry.name}"
    yield f"{plain(entry.title)}."
    yield "\n".join(f"- **{name}**: {words}" for name, words in facts.items() if words)
    yield table(
        ("column", "type", "unit", "meaning"),
        [(code(one.name), one.type, plain(one.unit), plain(one.description)) for one in entry.fields],
    )


def _next_edition(told: Mapping[str, str]) -> str:
    """The publisher's next edition and the estimate of its date; empty for a table without a publisher."""
    date = f"estimated date {told['date']}" if told.get("date") else told.get("standing", "")
    return ", ".join(filter(None, (plain(told.get("publication", "")), date)))


# --- assumptions ------------------------------------------------------------------------------------

MOVED = {
    "10 years": f"baseline net_revenue, {sensitivity.NEAR}",
    "75 years": f"baseline net_revenue, {sensitivity.FAR}",
    "boom": sensitivity.BOOM_EFFECT,
}
"""Heading of the page -> quantity of the stored sensitivity runs."""

ENDS = ("low", "high")
MOST = 12
"""Rows of the first table."""


def assumptions_page() -> str:
    """Every row of the assumptions table, with its sensitivity."""
    rows, moves = sources.table("assumptions"), _moves()
    counts = rows["status"].value_counts()
    own = {f"assumptions.{key}": key for key in adjustable()}
    changeable = rows["key"].isin(list(own.values()))
    widest = (moves["75 years", "high"] - moves["75 years", "low"]).abs().sort_values(ascending=False)
    near, far, boom = (figure(_centre(quantity)) for quantity in MOVED.values())
    return page(
        "# Assumptions",
        paragraph(
            f"`data/assumptions.csv` has {len(rows)} values: {counts['assumed']} assumed, {counts['cited']} cited. "
            "The column `stage` states where a row enters. A scenario can change a row that enters in a run, with "
            "`[assumptions]` in a file or `--set assumptions.NAME=VALUE`. The other rows enter in tables and paths "
            "that all runs share (`build`) or in checks of results (`check`). To change one of them, edit the table "
            "and build the tables again. A range is a judgment, not a confidence interval."
        ),
        paragraph(
            "**Sensitivity.** Each value moves alone from the low to the high end of its range, and baseline and "
            "boom "
            "are run again (`fiscal data derive sensitivity`; the table `sensitivity` has the results). The tables "
            "show the change from the central case in billions of current dollars: of the baseline's net revenue "
            f"({near} over {sensitivity.NEAR}, {far} over {sensitivity.FAR}), and of the boom's effect on withdrawal "
            f"tax over {sensitivity.FAR} ({boom})."
        ),
        "## What moves the answer most",
        _moved(widest.index[:MOST], moves),
        "## Assumptions that a scenario may change",
        _assumed(rows[changeable]),
        "### Their sensitivity",
        _moved([key for key in own if key in moves.index], moves),
        "## Settings varied in the same study",
        paragraph(
            "Ranges are those of the table `sensitivity_cases`, which are narrower than the allowed ranges. Adoption "
            "and crypto fees are those of the boom, because the baseline holds no crypto."
        ),
        _moved([key for key in moves.index if key not in own], moves),
        "## Values used to build tables and schedules",
        "These values are not varied, because the tables would have to be rebuilt. They include statutory figures.",
        _assumed(rows[~changeable]),
    )


def _moves() -> pd.DataFrame:
    """Change of each quantity at either end of a range, ``(heading, end)`` by key, in the order of the runs."""
    stored = sources.table("sensitivity")
    found = {}
    for heading, quantity in MOVED.items():
        own = stored[stored["quantity"] == quantity].set_index("key")
        for end in ENDS:
            found[heading, end] = own[f"at_{end}"] - own["at_value"]
    return pd.DataFrame(found).reindex(stored["key"].unique())


def _centre(quantity: str) -> float:
    """A quantity at the central values."""
    stored = sources.table("sensitivity")
    return float(stored.loc[stored["quantity"] == quantity, "at_value"].iloc[0])


def _moved(keys: Sequence[str], moves: pd.DataFrame) -> str:
    ranges = sources.table("sensitivity").drop_duplicates("key").set_index("key")
    names = ("moved", *ENDS, *(f"{heading}, {end}" for heading, end in moves))
    rows = [
        (_linked(key), *(short(ranges[end][key]) for end in ENDS), *(signed(moves[one][key]) for one in moves))
        for key in keys
    ]
    return table(names, rows, numbers=names[1:])


def _linked(key: str) -> str:
    section, _, name = key.partition(".")
    if section == "assumptions":
        return f"[`{name}`](#{key})"
    return f"[`{key}`](reference/settings.md#{key})"


def _assumed(rows: pd.DataFrame) -> str:
    """Rows of the assumptions table."""

    def line(row: Any) -> tuple[str, ...]:
        reasons = [plain(text) for text in (row.source, row.note) if isinstance(text, str) and text]
        return (
            anchor(f"assumptions.{row.key}") + code(row.key),
            short(row.value),
            f"{short(row.low)} to {short(row.high)}" if row.low == row.low else "",
            plain(row.unit),
            ": ".join([f"*{row.status}*", *(["; ".join(reasons)] if reasons else [])]),
        )

    names = ("value of", "central", "range", "unit", "standing, source, and note")
    return table(names, map(line, rows.itertuples()), numbers=("central",))


# --- validation -------------------------------------------------------------------------------------

CHECK_WORDS = {
    "engine": "values that the engine must reproduce from a closed form; a row outside fails `fiscal validate`",
    "level": "a published level on its own scope and basis, within a stated tolerance",
    "order": "a published score or series of another model: sign and size within a factor",
    published.REPLICATION: (
        "the contributions of the engine rows, compared with an open replication whose code leaves "
        "a part of the account undrawn; the difference follows from the two formulas and does not test the model"
    ),
    "input": "used by the model or only cited; not a test",
}
VERDICTS = ("inside", "outside", published.NOT_JUDGED)


def validation_page() -> str:
    """The stored verdicts and the parts of the government's share."""
    stored = sources.table("validation")
    compared, full = stored[stored["check"] != "input"], _full_model()
    kinds = published.kinds(stored)
    compared_with = {"engine": "one contribution", published.REPLICATION: "one contribution", "input": "nothing"}
    counts = [
        (
            kind,
            compared_with.get(kind, "the full model"),
            str(len(part)),
            *(str(int((part["verdict"] == verdict).sum())) for verdict in VERDICTS),
            words,
        )
        for kind, words in CHECK_WORDS.items()
        for part in [stored[kinds == kind]]
    ]
    cited = [
        (code(row.id), plain(row.what), short(row.published), plain(row.unit), plain(row.reason))
        for row in stored[stored["check"] == "input"].itertuples()
    ]
    return page(
        "# Validation",
        paragraph(
            "This page compares the model with published figures. Each row, its basis, and its tolerance were "
            "recorded in `data/published_targets.csv` before the first comparison. If the publisher's own words or "
            "formula later proved to require another basis, the row is now compared on that basis, and the column "
            "`first` keeps the model's figure on the first one. Bases were changed after the first figures were "
            "seen. No parameter was fitted to a judged row. `fiscal validate` repeats the comparison. The verdicts "
            "below are those stored in `data/derived/validation.csv`."
        ),
        table(("kind of row", "compared with", "rows", *VERDICTS, "meaning"), counts, numbers=("rows", *VERDICTS)),
        "## The full model",
        paragraph(
            f"{len(full)} rows compare the full model with a published figure; "
            f"{int((full['verdict'] == 'inside').sum())} are inside their tolerance, "
            f"{int((full['verdict'] == published.NOT_JUDGED).sum())} measure another concept and are not judged. On "
            f"the first bases, {int((full['first_verdict'] == 'inside').sum())} of "
            f"{int(full['first_verdict'].notna().sum())} rows were inside; the others were added later."
        ),
        _verdicts(full),
        "### What fixes the basis",
        *_bases(full),
        "### Why the others are outside",
        *_reasons(full[full["verdict"] == "outside"]),
        "## One contribution through the engine",
        paragraph(
            "These rows use `fiscal vintage` with the published method's own settings. If two rows have the same "
            "model "
            "figure, the first is the replication. The difference between the two published figures is the part that "
            "its code leaves undrawn."
        ),
        _verdicts(compared[~compared["id"].isin(full["id"])]),
        "## Published figures that are not tests",
        table(("row", "what", "published", "unit", "use"), cited, numbers=("published",)),
        "## Started in the past",
        "[How good is it?](skill.md) has the errors of the model started in past years, and bands tried on them.",
        *_claim(),
    )


def _full_model() -> pd.DataFrame:
    """Verdicts on what the full model is compared with."""
    stored = sources.table("validation")
    return stored[published.kinds(stored).isin(["level", "order"])]


def _verdicts(rows: pd.DataFrame) -> str:
    names = ("row", "what", "relation", "published", "first", "model", "unit", "of", "tolerance", "verdict")
    lines = [
        (
            code(row.id),
            plain(row.what),
            row.relation,
            f"{row.published:.4g}",
            "" if row.first != row.first else f"{row.first:.4g}",
            f"{row.model:.4g}",
            plain(row.unit),
            plain(row.year),
            plain(row.tolerance),
            row.verdict,
        )
        for row in rows.itertuples()
    ]
    return table(names, lines, numbers=("published", "first", "model"))


def _bases(rows: pd.DataFrame) -> Iterator[str]:
    """What is compared now and the publisher's words for it, rows of one basis together."""
    known = published.targets().loc[rows["id"]]
    for (now, words), part in known[known["basis_set"] == "after"].groupby(["basis_after", "basis_source"], sort=False):
        yield paragraph(f"**{', '.join(map(code, part.index))}.** {plain(now)}. Source: {plain(words)}.")


def _reasons(rows: pd.DataFrame) -> Iterator[str]:
    for reason, part in rows.groupby("reason", sort=False):
        yield paragraph(f"**{', '.join(map(code, part['id']))}.** {plain(reason)}")


def _claim() -> Iterator[str]:
    yield "## The government's share of today's balances"
    yield paragraph(
        "The share is the income tax that the opening traditional balances will bring, divided by those balances "
        "(each "
        "dollar discounted at its own return). The table shows its parts (table `claim_reasons`)."
    )
    shares = ("share of dollars", "government's share")
    yield table(
        ("", "case", *shares),
        [
            (plain(row.kind), plain(row.case), figure(row.weight_share, 3), figure(row.claim_share, 3))
            for row in sources.table("claim_reasons").itertuples()
        ],
        numbers=shares,
    )


# --- block of the page on limits --------------------------------------------------------------------


def doubt() -> str:
    """Block: sizes for a critical reader."""
    full, entries = _full_model(), sources.resources()
    verdicts = sources.table("validation").set_index("id")
    leads = skill.answers()["by_lead"].set_index(["quantity", "conditioning", "lead_years"])
    rows = sources.table("assumptions")
    counts = standings(load("baseline").explained())
    of_build = Counter(rows.loc[rows["stage"] != "run", "status"])
    starts = f"{skill.STARTS[0]} to {skill.STARTS[-1]}"

    def assumed(standing: Counter[str]) -> str:
        return f"{standing['assumed']} of {standing.total()}"

    def over(name: str) -> str:
        return f"{signed(100 * (verdicts['model'][name] / verdicts['published'][name] - 1), 0)}%"

    def missed(quantity: str) -> str:
        row = 100 * leads.loc[(quantity, "none", 5), ["mean_absolute_error", "naive_mean_absolute_error"]]
        return " and ".join(f"{figure(float(error), 0)}%" for error in row)

    sizes = {
        "Published figures inside their tolerance, of those that judge the full model": (
            f"{int((full['verdict'] == 'inside').sum())} of {int((full['verdict'] != published.NOT_JUDGED).sum())}"
        ),
        "Cash tax expenditure of all plans compared with Treasury's (FY2026) and JCT's (FY2024)": (
            f"{over('TSY_CASH_DC_FY2026')} and {over('JCT_DC_FY2024')}"
        ),
        "Ten-year score of the Roth catch-up mandate compared with JCT's": over("JCT_S2_603"),
        **{
            f"Mean absolute error in {quantity} five years ahead, without data of later years (starts of {starts}), "
            "and that of the best naive rule": missed(quantity)
            for quantity in skill.QUANTITIES
        },
        "Effect of one-tenth higher tax rates on withdrawals on net revenue over 75 years, billions of dollars": signed(
            _moves()["75 years", "high"]["tax.withdrawal_scale"]
        ),
        "Effect of the boom on withdrawal tax over 75 years, billions of dollars": signed(_centre(MOVED["boom"])),
        **_choices_that_matter(),
        **_missing_gains(),
        "Settings whose default is assumed": assumed(counts["settings"]),
        "Rows of the assumptions table that are assumed, of those that a scenario may change": assumed(
            counts["assumptions"]
        ),
        "Assumed rows among the other rows of the assumptions table": assumed(of_build),
        "Data tables read second-hand": f"{sum(one.second_hand for one in entries)} of {len(entries)}",
    }
    return table(("what", "size"), [(plain(what), size) for what, size in sizes.items()])


def _missing_gains() -> dict[str, str]:
    """What the capital gains that the tax file lacks would add to withdrawal tax."""
    rows = base_case.stored()
    if rows is None:
        return {}
    found = rows[rows["scope"] == OWN_SCOPES[0]].set_index("case")
    moved = [
        f"{signed(100 * (found.at[base_case.GAINS, name] / found.at[base_case.TODAY, name] - 1))}%"
        for name in (TEN, base_case.LONG)
    ]
    return {
        "Effect of the capital gains missing from the tax file on withdrawal tax, FY2026-35 and FY2026-2100": (
            " and ".join(moved)
        )
    }


def _without_premium() -> str:
    """The median of random paths without a premium, as a sentence."""
    rows = variants.stored()
    if rows is None:
        return ""
    near = rows.set_index(list(variants.KEYS))[TEN]
    with_it, without = (
        signed_usd(near[name, "stochastic", "median"]) for name in (variants.DEFAULT, variants.NO_PREMIUM)
    )
    return (
        f"Without it ([`stochastic_equal_mean`](reference/scenarios.md#stochastic_equal_mean)) the median of the ten "
        f"years, with central adoption, is {without} in place of {with_it} "
        "([other choices](method.md#the-headline-under-other-choices))."
    )


def _choices_that_matter() -> dict[str, str]:
    """Rows on two choices that move the headline, from the stored table."""
    rows = variants.stored()
    if rows is None:
        return {}
    near = rows.set_index(list(variants.KEYS))[TEN]
    drawn = (signed(near[name, "stochastic", "median"]) for name in (variants.DEFAULT, variants.NO_PREMIUM))
    levels = (
        figure(near[name, "baseline", variants.LEVEL]) for name in (variants.DEFAULT, "withdrawals grow as CBO's line")
    )
    return {
        "Median effect of random paths on net revenue over FY2026-35, billions of dollars, and the same where crypto "
        "has no premium over stocks": " and ".join(drawn),
        "Withdrawal tax over FY2026-35, billions of dollars, and the same where withdrawals grow as CBO's line": (
            " and ".join(levels)
        ),
    }


# --- block of the page on the method ----------------------------------------------------------------


def other_choices() -> str:
    """Block: the headline under other choices, from the stored table."""
    rows = variants.stored()
    if rows is None:
        return ""
    found = rows.set_index(list(variants.KEYS))
    near, far = TEN, "fy2026_2100_bn_usd"
    of_events = [name for name in variants.variants() if (name, "baseline", variants.LEVEL) in found.index]
    levels = [
        (name, *(figure(found.at[(name, *case), span]) for case in _CASES for span in (near, far)))
        for name in of_events
    ]
    premium = [
        (
            "as set" if name == variants.DEFAULT else name,
            *(figure(found.at[(name, "stochastic", told), span]) for span in (near, LONG) for told in _TOLD),
        )
        for name in (variants.DEFAULT, variants.NO_PREMIUM)
    ]
    outside, even = variants.LOCATION
    location = [
        (
            name,
            *(
                text
                for event in variants.EVENTS
                for text in (
                    figure(found.at[(name, event, variants.PATH), outside]),
                    _share(found.at[(name, event, variants.PATH), even]),
                )
            ),
        )
        for name in variants.variants()
        if name == variants.DEFAULT or name not in of_events
    ]
    spans = ("FY26–35", "FY26–2100")
    columns = [f"{what}, {span}" for what in ("withdrawal tax", *variants.EVENTS) for span in spans]
    drawn = [f"{told}, {span}" for span in ("FY26–35", "FY26–55") for told in _TOLD]
    taxed = [f"{event}: {what}" for event in variants.EVENTS for what in ("tax outside, if half", "break-even share")]
    return page(
        table(("variant", *columns), levels, numbers=columns),
        "Random paths, effect on net revenue against the same money in equity:",
        table(("crypto's mean", *drawn), premium, numbers=drawn),
        "Asset location, fiscal years 2026-35:",
        table(("variant", *taxed), location, numbers=taxed),
    )


_CASES = (("baseline", "level"), *((event, "path") for event in variants.EVENTS))
_TOLD = ("median", "mean", "5th percentile", "95th percentile")


def _share(value: float) -> str:
    return "none" if value != value else pct(value)


# --- block of changes_base_case.md ------------------------------------------------------------------


def steps_found() -> str:
    """Block: what the stored table of steps says."""
    rows = base_case.stored()
    if rows is None:
        return ""
    own = rows[rows["scope"] == OWN_SCOPES[0]].set_index("case")
    near, far, level = TEN, base_case.LONG, base_case.LEVEL
    now = own.loc[base_case.TODAY]

    def by(case: str, span: str, undone: bool = False) -> str:
        """How much higher the case is than today, or today than the case, percent."""
        ratio = own.at[case, span] / now[span]
        return figure(100 * ((1 / ratio if undone else ratio) - 1), 1)

    counted = rows.dropna(subset=[*base_case.COUNTS])
    ends = [
        f"{counted[f'{basis}_inside'].min()} to {counted[f'{basis}_inside'].max()} of {now[f'{basis}_judged']}"
        for basis in ("first", "present")
    ]
    large = (*base_case.OF_RETURNS, base_case.COVERAGE, base_case.GAINS, base_case.CONSISTENT)
    small = own.drop(index=[base_case.TODAY, *large])
    largest = max(float((100 * (small[span] / now[span] - 1)).abs().max()) for span in base_case.SPANS)
    record, both = base_case.OF_RETURNS[0], base_case.OF_RETURNS[-1]
    boom = f"boom_{far}"
    found = [
        f"**Expected returns.** With the returns of the record, withdrawal tax is {by(record, near)} percent higher "
        f"over FY2026-35 and {by(record, far)} percent higher over FY2026-2100. Its level in 2100 is "
        f"{figure(100 * own.at[record, level], 2)} instead of {figure(100 * now[level], 2)} percent of GDP. With the "
        f"record and no foreign stocks, the base case before both steps, these are {by(both, near)} percent, "
        f"{by(both, far)} percent, and {figure(100 * own.at[both, level], 2)} percent of GDP.",
        f"**Coverage.** The trend adds {by(base_case.COVERAGE, near, True)} percent over FY2026-35 and "
        f"{by(base_case.COVERAGE, far, True)} percent over FY2026-2100.",
        f"**Capital gains.** If the gains that the tax file lacks were in it, withdrawal tax would be "
        f"{by(base_case.GAINS, near)} percent higher over FY2026-35 and {by(base_case.GAINS, far)} percent higher over "
        "FY2026-2100.",
        "**Other steps.** No other step in the first table moves a sum of withdrawal tax from 401(k) plans by more "
        f"than {figure(largest)} percent.",
        f"**The boom.** It changes withdrawal tax over FY2026-2100 by {signed_usd(now[boom])}, without the bound on "
        f"crypto's value by {signed_usd(own.at[base_case.UNBOUNDED, boom])}, and with the returns of the record by "
        f"{signed_usd(own.at[record, boom])}: there, crypto that grows with GDP replaces stocks that grow faster.",
        f"**Published figures.** {ends[0]} rows are inside in these cases on the first bases, those of the model's "
        f"first comparison, and {ends[1]} on the present bases, the publishers' own. Today's counts are "
        f"{now['first_inside']} and {now['present_inside']}. No step was chosen by these counts.",
    ]
    return "\n".join(textwrap.fill(f"- {one}", 118, subsequent_indent="  ", break_on_hyphens=False) for one in found)


def steps() -> str:
    """Block: each step of the base case undone alone, from the stored table."""
    rows = base_case.stored()
    if rows is None:
        return "`fiscal data derive base_case_steps` makes this table."
    today = rows[rows["case"] == base_case.TODAY].set_index("scope")

    def level(row: Any, name: str) -> str:
        value, base = getattr(row, name), today.at[row.scope, name]
        change = "" if row.case == base_case.TODAY else f" ({signed(100 * (value / base - 1))}%)"
        return figure(value, 1 if name != base_case.LONG else 0) + change

    def inside(row: Any, basis: str) -> str:
        found, judged = (getattr(row, f"{basis}_{what}") for what in ("inside", "judged"))
        return "" if pd.isna(found) else f"{found} of {judged}"

    targets, validated = published.targets(), sources.table("validation").set_index("id")

    def row_of(row: Any) -> str:
        if not isinstance(row.row, str) or row.row not in validated.index:
            return ""
        values = (row.row_model, validated.at[row.row, "model"], targets.at[row.row, "value"])
        undone, now, told = (f"{float(value):.4g}" for value in values)
        return f"{code(row.row)}: {undone}; today {now}; published {told}"

    numbers = ("FY26–35", "FY27–36", "FY26–2100", "2100, percent of GDP",
               *(f"{event}, {span}" for event in base_case.EVENTS for span in ("FY26–35", "FY26–2100")),
               "rows, first bases", "rows, present bases")  # fmt: skip
    return table(
        ("undone or changed", "scope", *numbers, "row to correct"),
        [
            (
                plain(row.case),
                code(row.scope),
                *(level(row, name) for name in base_case.SPANS),
                figure(100 * getattr(row, base_case.LEVEL), 3),
                *(figure(getattr(row, name)) for name in base_case.EFFECTS),
                *(inside(row, basis) for basis in ("first", "present")),
                row_of(row),
            )
            for row in rows.itertuples()
        ],
        numbers=numbers,
    )


# --- the scenario set -------------------------------------------------------------------------------

TEN, NEXT, LONG = "fy2026_2035_bn_usd", "fy2027_2036_bn_usd", "fy2026_2055_bn_usd"


def finding() -> str:
    """What the stored study says of the central adoption, and the range over the cases of adoption."""
    rows = scenarios.stored()
    if rows is None:
        return ""
    by_case = rows[rows["statistic"].isin(["path", "median"])].set_index(["adoption_case", "event_case"])
    boom, bust = (by_case.loc[(scenarios.CENTRAL, event)] for event in ("boom", "bust"))
    first, last = scenarios.ADOPTIONS[0], scenarios.ADOPTIONS[-1]
    low, high = (by_case.loc[(case, "boom")] for case in (first, last))
    market, error = boom["market_value_bn_usd"], boom["market_error_bn_usd"]
    worth = "indistinguishable from zero" if abs(market) < 2 * error else "different from zero"
    share = max(abs(boom[headline.SHARE]), abs(bust[headline.SHARE]))
    outside = boom["outside_tax_bn_usd"]
    spread = by_case.loc[(scenarios.CENTRAL, "stochastic_central")]

    def both(column: str) -> str:
        return f"{signed_usd(boom[column])} and {signed_usd(bust[column])}"

    def ends(row: pd.Series) -> str:
        return f"{signed_usd(row['low_bn_usd'])} to {signed_usd(row['high_bn_usd'])}"

    ranges = f"On random paths with the same adoption, the 80 percent range is {ends(spread)}."
    if pd.notna(boom["low_bn_usd"]):
        ranges = f"If crypto follows the boom's path, the 80 percent range is {ends(boom)}. {ranges}"
    return "\n".join(
        [
            paragraph(
                f"**A crypto boom from 2027 would {verb(boom[TEN])} federal revenue from 401(k) plans by about "
                f"{usd(boom[TEN])} in fiscal years 2026-35. A bust in 2028 would {verb(bust[TEN])} it by about "
                f"{usd(bust[TEN])}.** Each is about {pct(share)} of individual income tax, or {per_100_000(share)}. "
                "Both are compared with the same money in equity."
            ),
            "",
            *bullets(
                "**Adoption** is assumed. By 2030, one participant in ten holds 5 percent of the balance in crypto. "
                f"Over five cases of adoption, the boom changes revenue by {signed_usd(low[TEN])} to "
                f"{signed_usd(high[TEN])}.",
                f"**Later years.** In 2027-36 the changes are {both(NEXT)}. In 2026-55 they are {both(LONG)}.",
                f"**Uncertainty.** {ranges}",
                "**Value at market prices.** Given its risk, the change is worth "
                f"{signed_usd(market)} to investors today (standard error: {usd(error)}), which is {worth}.",
                "**Tax outside plans.** If savers would otherwise have held half of the crypto in taxable accounts, "
                f"the boom also changes tax there by {signed_usd(outside)}. The net effect in 2026-35 is then "
                f"{signed_usd(boom[TEN] + outside)}.",
            ),
        ]
    )


def scenario_set_page() -> str:
    """The cases of adoption with their evidence, the events, and the stored study of both."""
    rows, evidence = scenarios.stored(), sources.table("adoption_evidence")
    cases = [(name, load(f"adoption_{name}")) for name in scenarios.ADOPTIONS]
    blocks = [
        "# The scenario set",
        paragraph(
            "A question about crypto in 401(k) plans has two parts: who comes to hold it, and what it earns. The "
            "scenario set shows each of the events below for five cases of adoption. Crypto takes the place of "
            "equity, and each effect is compared with the same money in equity. The default brief and report print "
            "this table."
        ),
        "## Adoption",
        table(
            ("scenario", "participants", "share of balance", "full in", "evidence"),
            [
                (
                    f"[`{one.name}`](reference/scenarios.md#{one.name})",
                    pct(one.settings.adoption.participants_share),
                    pct(one.settings.adoption.allocation_share),
                    str(one.settings.adoption.full_year),
                    plain(one.reference.removesuffix("; evidence in data/adoption_evidence.csv")),
                )
                for _, one in cases
            ],
            numbers=("participants", "share of balance"),
        ),
        paragraph(
            "No source states how many participants will hold crypto in a plan. Surveys state wishes, limits "
            "state what a "
            "provider allows; neither is a holding. Rows read second-hand should be checked with the publisher "
            "before they "
            "are cited."
        ),
        table(
            ("case", "what was measured", "value", "year", "publisher", "read at", "caveat"),
            [
                (
                    one.case,
                    plain(one.what),
                    f"{one.value:g}",
                    str(one.year),
                    plain(one.publisher),
                    one.read_at,
                    plain(one.caveat),
                )
                for one in evidence.itertuples()
            ],
            numbers=("value", "year"),
        ),
        "## Events",
        table(
            ("scenario", "what crypto does"),
            [
                (f"[`{name}`](reference/scenarios.md#{name})", plain(load(name).description))
                for name in scenarios.EVENTS[1:]
            ],
        ),
        paragraph(
            "Named events are bounded: once all crypto would be worth as much as GDP, it grows with GDP "
            "([`paths.after_event`](reference/settings.md#paths.after_event)). The scenario "
            "[`boom_unbounded`](reference/scenarios.md#boom_unbounded) has no bound. "
            "[`paths.event_year`](reference/settings.md#paths.event_year) moves the event of a named path. No "
            "event has a "
            "probability."
        ),
        paragraph(
            "Random paths state a geometric return. At crypto's volatility the mean over paths is far above that of "
            "stocks, and the rows of random paths include this premium. "
            f"{_without_premium()}"
        ),
        "## The table",
    ]
    if rows is None:
        return page(*blocks, "`fiscal study scenarios` makes it.")
    made = sources.resource(scenarios.NAME).extra
    heads = [name for key, name in headline.HEADS.items() if key not in ("adoption", "reference")]
    for name, one in cases:
        own = rows[rows["adoption_case"] == name]
        shown = headline.Headline(own.reset_index(drop=True), "").shown(MISSING)
        blocks += [
            f"### {one.title}",
            table(heads, [[plain(row[head]) for head in heads] for row in shown.to_dict("records")], numbers=heads[1:]),
        ]
    return page(
        *blocks,
        paragraph(
            "Change in net revenue, billions of dollars, fiscal years. Positive means that the government is "
            "better off. Held at event: share of the planned crypto that savers hold when the event starts. Value "
            "at market prices: what investors would pay in mid-2025 for the changes of all years to the last "
            "withdrawal, given their risk. Tax outside, if half: change in tax on crypto outside plans if half of "
            "it would have been held there. Break-even: share held outside at which the net effect over ten years "
            "is zero. 80% range, in the rows with an event: uncertainty of parameters, of markets of stocks and "
            "bonds, and of the model, given this path and this adoption; on random paths: the middle 80 percent of "
            "the paths."
        ),
        paragraph(
            "`fiscal study scenarios` computes the table and stores it in `data/derived/scenarios.csv`. This one was "
            f"computed on {made.get('made_on', 'an unknown day')}."
        ),
    )


# --- block of howto/data.md ----------------------------------------------------------------------------


def refresh() -> str:
    """Block: published tables, and the tables to rebuild when one of them is replaced."""
    fitted = sources.resource("market_fit").extra["inputs"]
    builds = {"markets fit": fitted, "schedules build": INPUT_TABLES, "derive hindcast": skill_study.INPUTS}
    rows = [
        (
            f"[`{entry.name}`](../data.md#{slug(entry.name)})",
            plain(entry.title),
            *("yes" if entry.name in names else "" for names in builds.values()),
        )
        for entry in sources.resources()
        if entry.status == "published"
    ]
    return table(("table", "content", *builds), rows)
