"""The chapter that holds the model against published numbers, from the stored table of ``fiscal validate``."""

from __future__ import annotations

import re

import pandas as pd

from fiscal.base import sources
from fiscal.base.words import DASH, capital, listing, percent, short
from fiscal.report.content import Block, Column, Heading, Items, Prose, Ref, Section, Table, Term
from fiscal.studies.published import NOT_JUDGED, REPLICATION, kinds
from fiscal.studies.published import counts as basis_counts

TABLE = "validation"
CHECKS = {
    "engine": "Reproduced by the engine in a reduced setting",
    REPLICATION: "One contribution against an open replication, which leaves a part of its account undrawn",
    "level": "The full model on the same concept and scope",
    "order": "Sign and order of magnitude, or a range",
    "input": "Used or cited",
}
"""Groups of the table, in the order of print."""


def published_frame() -> pd.DataFrame:
    """The stored verdicts with basis, model year and bridge of each row, in the order of print."""
    beforehand = sources.table("published_targets")[
        ["id", "settings", "basis", "model_year", "bridge", "provenance"]
    ]
    stored = sources.table("validation").merge(beforehand, on="id", validate="1:1")
    stored["check"] = kinds(stored)
    stored["reason"] = stored["reason"].map(in_words, na_action="ignore")
    return stored.sort_values("check", key=lambda column: column.map(list(CHECKS).index), kind="stable")


ROW_NAMES = {
    "EIG_OBS_INC": "EIG's income-tax expenditure",
    "EIG_OBS_PAY": "EIG's payroll-tax expenditure",
    "EIG_CASHFLOW": "EIG's cash-flow expenditure",
    "BEA_T7_25": "table 7.25 of the BEA",
}
"""Rows of the tables of published numbers that reasons speak of, as a reader knows them."""

ROW_ID = re.compile(rf"\b(?:{'|'.join(ROW_NAMES)})\b")


def in_words(reason: str) -> str:
    """A reason with the rows that it names by their ids named in words."""
    return ROW_ID.sub(lambda found: ROW_NAMES[found[0]], reason)


def published_section() -> Section | None:
    """Published numbers beside the model's; None until the table has been built."""
    if TABLE not in {entry.name for entry in sources.resources()}:
        return None
    frame = published_frame()
    blocks: list[Block] = [Prose(text) for text in (_verdicts(frame), _scope(frame))]
    return Section("Held against published numbers", (*blocks, _table(frame), *_reasons(frame)))


CASH_ROWS = (
    (("TSY_CASH_DC_FY25ED_2024", "Treasury's"), ("JCT_DC_FY2024", "JCT's")),
    (("TSY_CASH_DC_FY2026", "Treasury's"),),
)
"""Cash tax expenditures of all defined-contribution plans, those of one fiscal year together."""

FAR_OFF = (
    ("TSY_PV_DC_CY2025", "Treasury's present value for a year's activity (calendar year 2025)"),
    ("JCT_S2_603", "JCT's ten-year score of the Roth catch-up mandate (fiscal years 2023 to 2032)"),
)
"""Misses that bear on trust in the model and that a row on cash does not show."""


def verdict_sentences() -> str:
    """How the full model fares against published numbers, in short; empty until the table has been built."""
    if TABLE not in {entry.name for entry in sources.resources()}:
        return ""
    frame = published_frame()
    compared = frame[frame["check"].isin(["level", "order"])]
    met = compared[compared["verdict"] == "inside"]
    loosely = int(met["tolerance"].astype(str).str.startswith("factor").sum())
    wide = f", {loosely} of them one of a factor of two" if loosely else ""
    told = []
    for rows in CASH_ROWS:
        gaps = listing([f"{_apart(frame, row)} {whose}" for row, whose in rows])
        told.append(f"{gaps} for fiscal year {_year(frame, rows[0][0])}")
    return (
        f"of {len(compared)} published numbers that the full model is held against {len(met)} lie inside their "
        f"tolerance{wide}. Its cash tax expenditure of all defined-contribution plans (plan money alone, not what was "
        f"rolled over) is {listing(told)}."
    )


def far_off() -> list[str]:
    """Other misses that bear on trust, each as "32 percent below ..."; none until the table has been built."""
    if TABLE not in {entry.name for entry in sources.resources()}:
        return []
    frame = published_frame()
    return [f"{_apart(frame, row)} {whose}" for row, whose in FAR_OFF]


def _apart(frame: pd.DataFrame, row: str) -> str:
    """ "20 percent above": the model's number against the published one."""
    own = frame.set_index("id").loc[row]
    gap = float(own["model"] / own["published"]) - 1
    return f"{percent(abs(gap), 2 if abs(gap) < 1 else 3)} {'above' if gap > 0 else 'below'}"


def _year(frame: pd.DataFrame, row: str) -> str:
    return str(frame.set_index("id").at[row, "year"]).removeprefix("FY")


def _verdicts(frame: pd.DataFrame) -> tuple[str | Ref, ...]:
    engine = frame[frame["check"] == "engine"]
    compared = frame[frame["check"].isin(["level", "order"])]
    alike = frame[frame["check"] == REPLICATION]
    gap = 1 - alike["model"].astype(float) / alike["published"].astype(float)
    inside = int((compared["verdict"] == "inside").sum())
    outside = compared[compared["verdict"] == "outside"]
    met = int((engine["verdict"] == "inside").sum())
    unlike = int((compared["verdict"] == NOT_JUDGED).sum())
    counts = basis_counts(frame)
    text = (
        " lists published figures of Treasury, the Joint Committee on Taxation, CBO, and researchers. "
        f"{len(engine)} are reproduced by putting one contribution through the projection and the books: "
        f"{'all' if met == len(engine) else met} of them hold at their tolerance. {len(alike)} more "
        f"hold the same calculation against an open replication and lie {percent(float(gap.min()))} to "
        f"{percent(float(gap.max()))} below it, as the account that it leaves undrawn lets expect: they are no test of "
        f"the model. {len(compared)} are held against the full model by size or by order of magnitude: {inside} lie "
        f"inside, {len(outside)} outside, with reasons after the table, and {unlike} are of another concept, shown and "
        "not judged. The first basis of a row was written down before the first comparison. Where the publisher's own "
        "words or formula fix another, the row is compared on that, the model's figure on the first basis stands "
        f"beside it, and the words are in the data; on the first bases {counts['before'].get('inside', 0)} of "
        f"{sum(counts['before'].values())} rows lay inside. Nothing was tuned. The rest are inputs, cited or used."
    )
    return (Ref("table-published"), text)


def _scope(frame: pd.DataFrame) -> str:
    rows = frame.set_index("id")
    cash = [name for name in rows.index if name.startswith(("TSY_CASH", "JCT_DC"))]
    words = listing(
        [f"{short(rows['model'][name], 3)} against {short(rows['published'][name])}" for name in cash]
    )
    second_hand = int((frame["provenance"] == "S").sum())
    return (
        "Treasury and JCT publish for all defined-contribution plans, so these rows run on that scope and count the "
        f"plans alone, not what was rolled over. Cash tax expenditures in billions are {words}, in the order of "
        "the table: Treasury and JCT differ from each other by nearly half, and neither's split was read. "
        f"{second_hand} of {len(frame)} rows were read in a third party's "
        "quotation; whoever cites them cites the publisher."
    )


def _reasons(frame: pd.DataFrame) -> list[Block]:
    """Why rows lie outside, rows of one reason together."""
    outside = frame[frame["verdict"] == "outside"]
    if outside.empty:
        return []
    terms = [
        Term("; ".join(f"{row.what}, {row.year}" for row in rows.itertuples()), str(reason))
        for reason, rows in outside.groupby("reason", sort=False)
    ]
    return [Heading("Why rows lie outside"), Items(tuple(terms))]


def _table(frame: pd.DataFrame) -> Table:
    shown = frame.assign(
        group=frame["check"].map(CHECKS),
        label=[
            _label(what, settings) for what, settings in zip(frame["what"], frame["settings"], strict=True)
        ],
        published_text=[_number(value) for value in frame["published"]],
        first_text=[_number(value) for value in frame["first"]],
        model_text=[_number(value) for value in frame["model"]],
        tolerance=frame["tolerance"].fillna(""),
        note=frame["reason"].where(frame["check"] == "input", None),
    )
    return Table(
        "table-published", "Published numbers and the model", shown,
        (
            Column("label", "What is published", width=5),
            Column("year", "Of", width=1.2),
            Column("unit", "Unit", width=1.3),
            Column("published_text", "Published", align="right"),
            Column("first_text", "First", align="right"),
            Column("model_text", "Model", align="right"),
            Column("tolerance", "Tolerance", width=1.2),
            Column("verdict", "Verdict"),
        ),
        source="Source: stored run of this model (data table validation); First is the model on the "
        "first basis; bases, their sources, and bridges: data table published_targets.",
        note="note", group="group", breakable=True,
    )  # fmt: skip


def _label(what: str, settings: object) -> str:
    """What is published; of one contribution also its tax rates, which its name leaves out."""
    if not isinstance(settings, str):
        return capital(what)
    own = dict(pair.split("=") for pair in settings.split())
    paid, withdrawn = (percent(float(own[f"{when}_tax_rate"])) for when in ("contribution", "withdrawal"))
    rates = paid if paid == withdrawn else f"{paid} and {withdrawn} at withdrawal"
    return f"{capital(what)}; tax rate {rates}"


def _number(value: float) -> str:
    return DASH if value != value else short(value, 4)
