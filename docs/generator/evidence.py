"""Pages from the stored tables: data, assumptions with their sensitivity, validation, and hindcast."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from marks import (
    anchor,
    code,
    figure,
    first_sentence,
    inline,
    page,
    paragraph,
    plain,
    short,
    signed,
    slug,
    table,
)

from fiscal.base import sources
from fiscal.law.build.schedules import INPUT_TABLES
from fiscal.scenario.assumptions import adjustable
from fiscal.scenario.schema import declared
from fiscal.studies import hindcast, published, sensitivity

# --- data -------------------------------------------------------------------------------------------

STATUS_WORDS = {
    "published": ("Published figures", "Transcribed from a publisher; only the scale changes."),
    "computed": ("Computed from published figures", "Arithmetic on these tables, or notes on them."),
    "built": (
        "Built by this package",
        "Built from the other tables by a command of this package; do not edit them.",
    ),
    "assumed": (
        "Assumed",
        "No source; values have ranges, and their effect is under [Assumptions](assumptions.md).",
    ),
}


def data_page() -> str:
    """Every table of the data package."""
    entries, readers = sources.resources(), sources.readers()
    listed = [
        (
            f"[`{entry.name}`](#{slug(entry.name)})",
            plain(entry.title),
            entry.status,
            "yes" if entry.second_hand else "",
        )
        for entry in entries
    ]
    blocks = [
        "# Data",
        paragraph(
            f"This page lists the {len(entries)} tables of `data/`, as `data/datapackage.json` describes them. The "
            "code reads a table only through `fiscal.base.sources`, which first verifies its SHA-256, columns, types, "
            f"and ranges. `fiscal data check` verifies all of them. {sum(entry.second_hand for entry in entries)} were "
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
            "**Sensitivity.** Each value moves alone from the low to the high end of its range, and baseline and boom "
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
        (
            _linked(key),
            *(short(ranges[end][key]) for end in ENDS),
            *(signed(moves[one][key]) for one in moves),
        )
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
    """The stored verdicts, the hindcast's errors, and the parts of the government's share."""
    stored = sources.table("validation")
    compared, full = stored[stored["check"] != "input"], _full_model()
    kinds = published.kinds(stored)
    compared_with = {
        "engine": "one contribution",
        published.REPLICATION: "one contribution",
        "input": "nothing",
    }
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
            "This page compares the model with published figures. What is compared, on which basis and with which "
            "tolerance was written down in `data/published_targets.csv` before the first comparison. Where the "
            "publisher's own words or formula turned out to fix another basis, the row is compared on that one now, "
            "and the model's figure on the first basis is in the next column. Nothing was tuned. `fiscal validate` "
            "makes "
            "the comparison again; the verdicts below are those kept in `data/derived/validation.csv`."
        ),
        table(
            ("kind of row", "compared with", "rows", *VERDICTS, "meaning"),
            counts,
            numbers=("rows", *VERDICTS),
        ),
        "## The full model",
        paragraph(
            f"{len(full)} rows compare the full model with a published figure; "
            f"{int((full['verdict'] == 'inside').sum())} are inside their tolerance, "
            f"{int((full['verdict'] == published.NOT_JUDGED).sum())} are of another concept and not judged. On the "
            f"first bases {int((full['first_verdict'] == 'inside').sum())} of "
            f"{int(full['first_verdict'].notna().sum())} rows lay inside; the others were added later."
        ),
        _verdicts(full),
        "### What fixes the basis",
        *_bases(full),
        "### Why the others are outside",
        *_reasons(full[full["verdict"] == "outside"]),
        "## One contribution through the engine",
        paragraph(
            "These rows use `fiscal vintage` with the published method's own settings. If two rows have the same model "
            "figure, the first is the replication. The difference between the two published figures is the part that "
            "its code leaves undrawn."
        ),
        _verdicts(compared[~compared["id"].isin(full["id"])]),
        "## Published figures that are not tests",
        table(("row", "what", "published", "unit", "use"), cited, numbers=("published",)),
        *_hindcast(),
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
    for (now, words), part in known[known["basis_set"] == "after"].groupby(
        ["basis_after", "basis_source"], sort=False
    ):
        yield paragraph(f"**{', '.join(map(code, part.index))}.** {plain(now)}. Source: {plain(words)}.")


def _reasons(rows: pd.DataFrame) -> Iterator[str]:
    for reason, part in rows.groupby("reason", sort=False):
        yield paragraph(f"**{', '.join(map(code, part['id']))}.** {plain(reason)}")


RUN_WORDS = {
    "own_rules": "the model's own rules: the hindcast",
    "deferrers_fed": "number of savers given",
    "participants_fed": "number of covered workers given",
    "returns_fed": "returns of plans given",
    "both_fed": "savers and returns given",
    "model_levels": "levels of 2025 carried back; not a test",
}


def _hindcast() -> Iterator[str]:
    stored = hindcast.stored()
    by_run, by_lead = hindcast.errors_by_quantity(stored), hindcast.errors_by_lead(stored)
    words = (inspect.getdoc(hindcast) or "").split("\n\n")
    yield "## Started in the past"
    yield paragraph(
        "`fiscal hindcast` prints these errors, and `fiscal hindcast --check` repeats the runs. "
        + first_sentence(words[1])
    )
    yield paragraph(inline(words[3]))
    yield "Errors are relative to published figures, in percent; for the rate of return, in percentage points."
    shown = by_run[by_run["quantity"].isin(["contributions", "benefits", "assets", "return"])]
    names = ("series", "start", "run", "quantity", "mean error", "mean size", "last error", "last date")
    lines = [
        (
            row.series,
            str(row.start_year),
            RUN_WORDS[row.variant],
            row.quantity,
            signed(100 * row.mean_error),
            figure(100 * row.mean_absolute_error),
            signed(100 * row.last_error),
            str(row.last_date),
        )
        for row in shown.itertuples()
    ]
    yield table(names, lines, numbers=("mean error", "mean size", "last error"))
    yield "### By lead year, the model's own rules"
    yield "Mean error over the starts that reach this lead."
    quantities = ("participant_contributions", "employer_contributions", "benefits", "assets", "return")
    titles = ("years after the start", "starts", *(name.replace("_", " ") for name in quantities))
    wide = by_lead.pivot(index=["lead_years", "starts"], columns="quantity", values="mean_error")
    yield table(
        titles,
        [
            (str(lead), str(starts), *(signed(100 * row[name]) for name in quantities))
            for (lead, starts), row in wide.iterrows()
        ],
        numbers=titles,
    )


def _claim() -> Iterator[str]:
    yield "## The government's share of today's balances"
    yield paragraph(
        "The share is the income tax that the opening traditional balances will bring, divided by those balances (each "
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
    full, entries, levers = _full_model(), sources.resources(), list(declared())
    verdicts = sources.table("validation").set_index("id")
    by_run = hindcast.errors_by_quantity(hindcast.stored())
    own = by_run[(by_run["variant"] == hindcast.OWN_RULES) & (by_run["series"] == "DOL")]
    rows = sources.table("assumptions")
    starts = " and ".join(str(year) for year in own["start_year"].unique())
    last = hindcast.DOL_LAST_YEAR

    def over(name: str) -> str:
        return f"{signed(100 * (verdicts['model'][name] / verdicts['published'][name] - 1), 0)}%"

    def missed(quantity: str, column: str, decimals: int, unit: str) -> str:
        errors = own.loc[own["quantity"] == quantity, column]
        return " and ".join(f"{signed(100 * error, decimals)}{unit}" for error in errors)

    sizes = {
        "Published figures that the full model is compared with": f"{len(full)}; inside their tolerance: "
        f"{int((full['verdict'] == 'inside').sum())}",
        "Cash tax expenditure of all plans compared with Treasury's (FY2026) and JCT's (FY2024)": (
            f"{over('TSY_CASH_DC_FY2026')} and {over('JCT_DC_FY2024')}"
        ),
        "Ten-year score of the Roth catch-up mandate compared with JCT's": over("JCT_S2_603"),
        f"Contributions in {last} compared with published, started in {starts}": missed(
            "contributions", "last_error", 0, "%"
        ),
        f"Assets in {last} compared with published, started in {starts}": missed(
            "assets", "last_error", 0, "%"
        ),
        "Return on the core less the return that plans reported, percentage points per year": missed(
            "return", "mean_error", 1, ""
        ),
        "Effect of one-tenth more tax on withdrawals on net revenue over 75 years, billions of dollars": signed(
            _moves()["75 years", "high"]["tax.withdrawal_scale"]
        ),
        "Effect of the boom on withdrawal tax over 75 years, billions of dollars": signed(
            _centre(MOVED["boom"])
        ),
        "Settings whose default is assumed": f"{sum(one.status == 'assumed' for one in levers)} of {len(levers)}",
        "Rows of the assumptions table that are assumed": f"{int((rows['status'] == 'assumed').sum())} of {len(rows)}",
        "Data tables read second-hand": f"{sum(one.second_hand for one in entries)} of {len(entries)}",
    }
    return table(("what", "size"), [(plain(what), size) for what, size in sizes.items()])


# --- block of howto/data.md ----------------------------------------------------------------------------


def refresh() -> str:
    """Block: published tables, and the tables to rebuild when one of them is replaced."""
    fitted = sources.resource("market_fit").extra["inputs"]
    builds = {"markets fit": fitted, "schedules build": INPUT_TABLES, "derive hindcast": hindcast.INPUTS}
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
