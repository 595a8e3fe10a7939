"""How much settings matter, and how good the model is."""

from __future__ import annotations

import pandas as pd

from fiscal.base.prose import count
from fiscal.base.words import MISSING, capital, short
from fiscal.report import charts
from fiscal.report.asked import Asked
from fiscal.report.content import Column, Figure, Table
from fiscal.report.exhibits.common import exhibit
from fiscal.report.facts import changed
from fiscal.report.trust import past, said, validation
from fiscal.results import headline as headlines
from fiscal.results.effects import TEN
from fiscal.results.figures import alt_text, study_statistics
from fiscal.results.figures.owners import title_of
from fiscal.studies import skill

MOST_DRIVERS = 8
"""Settings that the chart of drivers shows; the others hardly change the effect."""


@exhibit
def drivers_chart(asked: Asked) -> Figure | None:
    """One setting at a time, from the stored sweep."""
    stored = study_statistics.drivers()
    quantity = "net_revenue_minus_equity_adoption"
    if stored is None or quantity not in set(stored["tornado"]["quantity"]):
        return None
    own = stored["tornado"]
    own = own[(own["quantity"] == quantity) & (own["window"] == TEN.label)]
    move = (own["at_high_bn_usd"] - own["at_low_bn_usd"]).abs()
    first = said(str(own.loc[move.idxmax(), "setting"]))
    options = {"quantity": quantity, "window": TEN.label, "count": MOST_DRIVERS}
    return Figure(
        "drivers-chart", f"{capital(first)} matters most", charts.plot(asked.owner, "tornado", **options),
        alt_text("tornado", asked.owner, **options),
        f"Change in the effect on net revenue, {headlines.words_of(TEN)}, billions of dollars, one setting at a time",
        "Source: stored sweep of this model (drivers_tornado).", (6.5, 2.3),
    )  # fmt: skip


UNITS = {"USD bn": "$ billion"}


@exhibit
def published(asked: Asked) -> Table | None:
    """The model beside published estimates."""
    frame = validation()
    if frame is None:
        return None
    shown = frame[frame["check"].isin(["level", "order"])]
    return Table(
        "published", "The model beside published estimates",
        shown.assign(
            what=[capital(name) for name in shown["what"]],
            unit=[UNITS.get(unit, unit) for unit in shown["unit"]],
        ),
        (
            Column("what", "Estimate", width=3),
            Column("year", "Period", width=1),
            Column("unit", "Unit", width=0.9),
            Column("published", "Published", show=_four),
            Column("first", "Model, first basis", show=_four),
            Column("model", "Model", show=_four),
            Column("tolerance", "Tolerance", width=1.3),
            Column("verdict", "Verdict"),
        ),
        notes=(
            "Tolerances and first bases were set before the comparison. Where the publisher's own words set another "
            "basis, the model is compared on that one. The page Validation of the documentation has the bases and the "
            "reason for every miss. TE: tax expenditure. DC: defined contribution. PV: present value. FY, CY, TY: "
            "fiscal, calendar, and tax year. EIG: Economic Innovation Group. PWBM: Penn Wharton Budget Model. SIPP: "
            "Survey of Income and Program Participation.",
        ),
        breakable=True,
    )  # fmt: skip


def _four(value: float) -> str:
    return MISSING if value != value else ("\N{MINUS SIGN}" if value < 0 else "") + short(value, 4)


@exhibit
def hindcast_chart(asked: Asked) -> Figure | None:
    """Errors of the model started in the past."""
    told = past()
    if told is None:
        return None
    row = next(one for one in told["rows"] if one["quantity"] == "benefits")
    less = "smaller" if row["error"] < row["naive"] else "larger"
    return Figure(
        "hindcast-chart", f"Errors in benefits are {less} than those of a naive rule {count(told['lead'])} years ahead",
        charts.plot(asked.owner, "hindcast"), alt_text("hindcast", asked.owner),
        "Mean absolute error by years after the start, percent of published",
        "Sources: DOL Form 5500; CBO; stored runs of this model (hindcast).",
        (6.5, 2.4),
    )  # fmt: skip


PRINTED_LEADS = (1, 5, 7, 10)
"""Years after the start that the table of errors has."""


@exhibit
def skill_table(asked: Asked) -> Table | None:
    """Errors by lead year beside the best naive rule's and CBO's."""
    told = past()
    if told is None:
        return None
    leads = skill.answers()["by_lead"]
    rows = leads[
        leads["lead_years"].isin(PRINTED_LEADS) & leads["conditioning"].isin(["actual_wages_and_returns", "none"])
    ]
    given = ["with wages and returns" if name != "none" else "without data" for name in rows["conditioning"]]
    rows = rows.assign(
        group=[
            f"{capital(skill.words(name))}, {known} of later years"
            for name, known in zip(rows["quantity"], given, strict=True)
        ]
    )
    return Table(
        "skill-table", "Errors by years after the start, starts of 2010 to 2022", rows,
        (
            Column("lead_years", "Years after the start", 0, width=1, align="left"),
            Column("starts", "Starts", 0),
            Column("mean_error", "Mean error", 1, 100),
            Column("mean_absolute_error", "Mean absolute error", 1, 100),
            Column("rmse", "Root mean square error", 1, 100),
            Column("naive_mean_absolute_error", "Best naive rule", 1, 100),
            Column("cbo_mean_absolute_error", "CBO, income tax", 1, 100),
        ),
        "Percent of the published amount",
        notes=("The last two columns are mean absolute errors. CBO's are those of individual income tax receipts.",),
        group="group", breakable=True, dense=True,
    )  # fmt: skip


@exhibit
def bands_table(asked: Asked) -> Table | None:
    """How many past outcomes the 80 percent bands held."""
    if past() is None:
        return None
    frame = skill.coverage_summary(skill.answers()["coverage"])
    return Table(
        "bands-table", "Past outcomes inside the 80 percent range",
        frame.assign(quantity=[capital(name) for name in frame["quantity"]]),
        (
            Column("lead", "Years after the start", 0, width=1, align="left"),
            Column("held", "Inside", align="right"),
            Column("windows", "Windows that do not overlap", 0),
            Column("interval", "95% interval of the share inside", align="right"),
            Column("band rejected", "Range rejected", align="right"),
        ),
        notes=("The test rejects a range if the interval does not include 0.80. With so few windows, it seldom can.",),
        group="quantity", dense=True,
    )  # fmt: skip


@exhibit
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
