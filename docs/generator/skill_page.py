"""The page on skill and bands, and its picture, from the stored study."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import pandas as pd
from marks import code, figure, page, paragraph, plain, signed, table

from fiscal.base import sources
from fiscal.results.bands import LEVEL, TABLE, TEN_YEARS
from fiscal.studies import hindcast, published, skill

TOLD = {
    "actual_wages_and_returns": "wages and returns",
    "actual_wages": "wages",
    "none": "nothing",
}
PICTURE = "skill.svg"


def skill_page() -> str:
    """How good the model is: errors by lead year, tested bands, and how to cite them."""
    found = skill.answers()
    leads, tried, aimed = found["by_lead"], found["coverage"], found["aims"]
    first, last, end = skill.STARTS[0], skill.STARTS[-1], hindcast.LAST_OUTCOME
    return page(
        "# How good is it?",
        paragraph(
            f"We started the model at the end of every year from {first} to {last}, with the data and the law of "
            "that "
            "year, and compared it with what the Department of Labor (DOL) published for 401(k)-type plans to "
            f"{end}. "
            "`fiscal hindcast` prints the figures of this page, `fiscal hindcast --check` repeats the runs, and "
            "`fiscal data derive hindcast` builds the tables."
        ),
        "## For a footnote",
        paragraph(_footnote(leads, tried)),
        f"![Published figures with tolerance bars, and the model's figures as dots]({PICTURE})",
        paragraph(
            "*Each published figure is 1, its bar is the tolerance that was written down beforehand, and the dot "
            "is the "
            "model. [Validation](validation.md) has the rows and the reasons for the misses.*"
        ),
        "## Errors by lead year",
        paragraph(
            "Errors are percent of the published figure; a positive mean error means that the model was too "
            "high. The "
            "model and the naive rules were given the same of the years after the start: wages and returns, "
            "wages, or "
            "nothing. What is not given follows a rule on data to the start year: wages grow as in the ten years "
            "before; "
            "plans earn the bill rate of the start year and the mean premium of their mix over bills since 1928. The "
            "spread is the width of the middle two-thirds of errors, as CBO prints it. Skill is 1 less the "
            "model's mean "
            "absolute error over that of the best naive rule of this lead, which is chosen after the fact. CBO's "
            "errors "
            "are those on individual income tax, adjusted for later legislation; the first projected year is the "
            "year "
            "under way."
        ),
        *_errors(leads),
        "### Naive rules",
        paragraph(
            "`fixed_share`: contributions keep their share of private wages. `damped_trend`: the share moves by "
            "its slope "
            "over ten years, times .9 in each further year. `growth`: the growth of the last five years continues. "
            "Benefits are the mean share of opening assets of the last five years, or grow as before. The damped "
            "trend "
            "is the best of six that were tried, so it is a little flattered."
        ),
        "### Aims",
        paragraph(
            "The aims are errors in contributions and assets of at most "
            f"{skill.MOST_TIMES_NAIVE} times "
            "those of the best naive rule, and smaller errors in benefits from the third year on. "
            f"{int(aimed['met'].sum())} of {len(aimed)} are met. The model's contributions follow the damped "
            f"trend, so that its comparison with that rule is close to "
            "an identity; benefits and assets are the test. No parameter was chosen on years after a start, but "
            "the form "
            "of the trend was compared on outcomes to 2023."
        ),
        _missed(aimed),
        "### Why aims are missed",
        *_why(),
        "## Later information",
        paragraph(
            "Some shapes were published for later years only. No level of them is used. The experiments below "
            "replace "
            "one of them by a crude alternative, or tell the model something; the columns are changes of the mean "
            "absolute error, in percentage points, over the starts "
            f"{', '.join(map(str, skill.EXPERIMENT_STARTS))} and "
            "all leads, with wages and returns given."
        ),
        _experiments(),
        paragraph(
            "**By age and earnings** the model cannot be tested in this way. W-2 data by age and wage exist for "
            "2019 and "
            "2020, and balances by age for 2022 and later. They are inputs, and no earlier start knew them."
        ),
        "## Bands that were tried on the past",
        paragraph(
            "An 80 percent band draws parameters over their stated ranges, market paths, and the errors of past "
            "starts "
            "together. Parameters that one cause moves are drawn together. At each start the band uses the "
            "errors known "
            f"by then; where these are fewer than {skill.FEWEST_ERRORS}, the errors of starts whose windows do not "
            "overlap its own; where those are too few, errors of a shorter lead, widened as the naive rule's "
            "errors known by then grow with the lead. "
            "Errors are drawn around zero from Student's t."
        ),
        _coverage(tried),
        paragraph(_said(tried)),
        "### Which errors a band used",
        _used(),
        "### Is the test circular?",
        paragraph(
            "In part. No error of a window that overlaps the judged one enters its band. An error of a later start, "
            "though, is not known at an earlier one, and a later run starts from the judged outcomes; those rows are "
            "marked apart. A start is taken to know DOL's figures of its own year, which appear about two years "
            "later. "
            "The form of the model was chosen by people who had seen the years to 2023, and shapes by age are of "
            "2019 "
            "to 2024. Two choices were changed after a first look at coverage. Five errors were asked for at "
            "first; no "
            "band of 2010 can have five. Errors of a shorter lead were first widened by the square root of time; "
            "then the band of contributions held 1 of 7 outcomes seven years ahead and none of 4 ten years "
            "ahead, since "
            "errors in a trend grow faster than that. They are now widened as the naive rule's errors known by the "
            "start grow, which uses no later year. The change did not help: the table has the same counts for "
            "those leads."
        ),
        "## Bands of headline numbers",
        paragraph(
            "The band of a level answers how far net revenue itself may be off. The band of a difference answers "
            "how far "
            "the effect of crypto may be off *if* the stated event happens and adoption is as stated: both "
            "projections "
            "meet the same draws, so that most of the uncertainty cancels. Adoption and the event are the case "
            "and are "
            "not drawn, and no effect of crypto was ever observed: the test above says nothing about this band. "
            "Neither "
            "band covers later legislation."
        ),
        paragraph(
            "These bands are made in another way than those that were tried, and have not themselves been tested. "
            "They draw whole series of errors of past starts, with a random sign, where the tried ones draw "
            "each lead "
            "from Student's t. Almost all errors in contributions have one sign, so that the random sign widens the "
            "band to a side on which no error was seen. Errors also hold the error of the parameters, which are "
            "drawn "
            "once more. Errors in IRA distributions enter no band."
        ),
        _headlines(),
        paragraph(_beside_cbo()),
    )


def _footnote(leads: pd.DataFrame, tried: pd.DataFrame) -> str:
    own = leads[(leads["conditioning"] == "none") & (leads["lead_years"] == 5)].set_index("quantity")
    parts = [
        f"{skill.words(str(quantity))} {figure(100 * row.mean_absolute_error)} percent (best naive rule: "
        f"{figure(100 * row.naive_mean_absolute_error)})"
        for quantity, row in own.iterrows()
    ]
    held = tried[tried["lead_years"] == 5]
    return (
        f"> In hindcasts from {skill.STARTS[0]} to {skill.STARTS[-1]} that were given nothing of later years, the "
        "mean "
        f"absolute error five years ahead was: {'; '.join(parts)}. CBO's on individual income tax at the same "
        "distance "
        f"is {figure(100 * own['cbo_mean_absolute_error'].iloc[0])} percent. The 80 percent band held "
        f"{int(held['held'].sum())} of {int(held['of'].sum())} outcomes, from "
        f"{int(held['independent_windows'].min())} "
        "windows that do not overlap" + _later(tried)
    )


def _later(tried: pd.DataFrame) -> str:
    """The band of contributions further ahead, which held few outcomes."""
    later = tried[(tried["quantity"] == "contributions") & (tried["lead_years"] >= 7)]
    return (
        f", but {int(later['held'].sum())} of {int(later['of'].sum())} outcomes of contributions seven to ten years "
        "ahead."
    )


def _errors(leads: pd.DataFrame) -> Iterator[str]:
    columns = ("quantity", "given", "years", "starts", "mean", "mean absolute", "root mean square", "spread",
               "best naive", "rule", "skill", "CBO")  # fmt: skip
    numbers = tuple(name for name in columns if name not in ("quantity", "told", "rule"))
    for told, words in TOLD.items():
        part = leads[leads["conditioning"] == told]
        yield f"### Given {words}"
        yield table(
            columns,
            [
                (
                    skill.words(row.quantity), words, str(row.lead_years), str(row.starts),
                    signed(100 * row.mean_error),
                    figure(100 * row.mean_absolute_error), figure(100 * row.rmse),
                    figure(100 * row.two_thirds_spread), figure(100 * row.naive_mean_absolute_error),
                    code(row.naive_rule), signed(row.skill, 2), figure(100 * row.cbo_mean_absolute_error),
                )
                for row in part.itertuples()
            ],
            numbers=numbers,
        )  # fmt: skip


def _missed(aimed: pd.DataFrame) -> str:
    missed = aimed[~aimed["met"]]
    lines = [
        (
            row.quantity,
            TOLD[row.conditioning],
            str(row.lead_years),
            str(row.starts),
            figure(row.ratio, 2),
            figure(row.most, 1),
        )
        for row in missed.itertuples()
    ]
    columns = ("missed: quantity", "given", "years", "starts", "error over the rule's", "at most")
    return table(columns, lines, numbers=columns[2:])


def _why() -> Iterator[str]:
    size = 100 * skill.experiment_sizes()
    yield paragraph(
        "**Assets, wages and returns given.** Contributions follow the same trend in the model and in the rule "
        "and are too "
        "low, because participation rose faster than its trend. The rule's benefits are too low as well, which "
        "keeps its "
        "assets close. The model's benefits are closer to the published ones, so its shortage of contributions "
        "stays in "
        "its assets. With the number of savers given (`savers_known`) the mean absolute error of assets falls from "
        f"{figure(size.at['model', 'assets'], 2)} to {figure(size.at['savers_known', 'assets'], 2)} percent. The "
        "cause is "
        "coverage, which no data to the start year showed."
    )
    yield paragraph(
        "**Contributions, nothing given.** The stated rule on wages continues ten years that include the recession "
        "of 2008; "
        "the rule `growth` looks back five years and is given nothing else. With wages given the model meets the "
        "aim to the "
        "eleventh year."
    )
    yield paragraph(
        "**Taxable IRA distributions** have no aim, because the plan's own taxable withdrawals are not "
        "published. The "
        "model is too high, by more than the rules. The waiver of required distributions in 2020 was not law at "
        "earlier starts, and it is most of the error of that year. From 2021 on distributions remained a smaller "
        "share "
        "of balances than before, which neither the later required age nor the table of 2022 explains in full."
    )
    yield paragraph(
        "**The longest leads.** Years 12 and 13 rest on one or two starts. The model's trend ends after ten "
        "years, by "
        "assumption; the rule's does not."
    )


def _experiments() -> str:
    size = 100 * skill.experiment_sizes()
    data = {name: text for _, text, name in hindcast.LATER}
    lines = [
        (
            code(name), plain(words), plain(data.get(name, "")),
            *(signed(size.at[name, one] - size.at["model", one], 2) for one in skill.QUANTITIES),
        )
        for name, words in hindcast.EXPERIMENTS.items()
    ]  # fmt: skip
    columns = ("experiment", "what", "data of later years", *skill.QUANTITIES)
    return table(columns, lines, numbers=skill.QUANTITIES)


def _coverage(tried: pd.DataFrame) -> str:
    columns = ("quantity", "years", "held", "of", "windows", "share", "95% interval", "by", "rejects 80%", "width",
               "naive width", "CRPS", "naive CRPS", "interval score", "naive interval score")  # fmt: skip
    lines = [
        (
            row.quantity, str(row.lead_years), str(row.held), str(row.of), str(row.independent_windows),
            figure(row.held_share, 2), f"{row.interval[0]:.2f} to {row.interval[1]:.2f}", row.method,
            "yes" if row.rejects else "no", *(figure(100 * value) for value in (
                row.width, row.naive_width, row.crps, row.naive_crps, row.interval_score, row.naive_interval_score)),
        )
        for row in tried.itertuples()
    ]  # fmt: skip
    return table(
        columns,
        lines,
        numbers=tuple(name for name in columns if name not in ("quantity", "by", "rejects 80%")),
    )


def _said(tried: pd.DataFrame) -> str:
    wide = [row for row in tried.itertuples() if row.interval[1] - row.interval[0] > 0.5]
    rejected = tried[tried["rejects"]]
    told = (
        "No interval excludes 0.80."
        if rejected.empty
        else f"{len(rejected)} of {len(tried)} intervals exclude 0.80: "
        + "; ".join(
            f"{row.quantity} {row.lead_years} years ahead ({'too wide' if row.held_share > 0.8 else 'too narrow'})"
            for row in rejected.itertuples()
        )
        + "."
    )
    few = int((tried["independent_windows"] <= 2).sum())
    return (
        f"{few} of {len(tried)} rows have one or two windows that do not overlap, and no count can exclude 0.80 "
        f"there. "
        f"{told} {len(wide)} of {len(tried)} intervals are wider than 0.5 and can reject almost nothing. Starts "
        "overlap: "
        "windows counts those that share no year. Widths and scores are percent of the published figure; lower "
        "scores "
        "are better. The naive rule's band is the damped trend with its own errors from starts since 1994."
    )


def _used() -> str:
    bands = sources.table("hindcast_bands")
    kind = bands["residuals"].where(~bands["residuals"].str.contains("lead"), "shorter lead")
    counts = pd.crosstab(bands["lead_years"], kind)
    names = [name for name in ("known", "apart", "shorter lead") if name in counts]
    return table(
        ("years", *names), [(str(lead), *(str(row[name]) for name in names)) for lead, row in counts.iterrows()],
        numbers=("years", *names),
    )  # fmt: skip


def _headlines() -> str:
    frame = sources.table(TABLE)
    words = {
        LEVEL: "net revenue",
        "equity_adoption": "change from the same money in equity",
        "no_crypto": "change from no crypto",
    }
    level = (frame["case"] == skill.BASELINE) & (frame["reference"] == LEVEL)
    own = frame[level | ((frame["case"] != skill.BASELINE) & (frame["reference"] == "equity_adoption"))]
    columns = ("case", "number", "window", "central", "low", "high")
    return table(
        columns,
        [
            (
                code(row.case), words[row.reference], row.window,
                *(signed(value, 1) for value in (row.central_bn_usd, row.low_bn_usd, row.high_bn_usd)),
            )
            for row in own.itertuples()
        ],
        numbers=columns[3:],
    )  # fmt: skip


def _beside_cbo() -> str:
    cbo = sources.table("cbo_window_accuracy")
    row = cbo[(cbo["category"] == skill.CBO_CATEGORY) & (cbo["window"] == "budget years 1-10")].iloc[0]
    frame = sources.table(TABLE)
    level = frame[(frame["case"] == "baseline") & (frame["window"] == TEN_YEARS[0].label)].iloc[0]
    half = (level["high_bn_usd"] - level["low_bn_usd"]) / 2 / abs(level["central_bn_usd"])
    return (
        "CBO's own error on individual income tax over ten-year windows has a mean size of "
        f"{100 * row.mean_absolute_error:.0f} "
        f"percent and a root mean square of {100 * row.rmse:.0f} percent; an 80 percent band of that size is "
        f"{128.16 * row.rmse:.0f} percent to each side. The baseline's band is {100 * half:.0f} percent to each side "
        f"of net revenue in {level['window']}, which is itself a difference of tax forgone and tax collected. "
        "Amounts are "
        "billions of current dollars."
    )


# --- the picture ------------------------------------------------------------------------------------

ROW, LEFT, WIDE, MOST = 22, 210, 360, 2.2


def picture() -> str:
    """Published figures at 1 with tolerance bars, and the model's figures as dots, as SVG."""
    stored = sources.table("validation")
    rows = stored[
        published.kinds(stored).isin(["level", "order"]) & (stored["verdict"] != published.NOT_JUDGED)
    ]
    rows = rows[(rows["published"] > 0) & (rows["model"] > 0)]
    height = ROW * (len(rows) + 2)

    def x(ratio: float) -> float:
        return LEFT + WIDE * min(ratio, MOST) / MOST

    marks = []
    for at, row in enumerate(rows.itertuples()):
        y = ROW * at + 18
        low, high = _tolerance(str(row.tolerance))
        color = "#1f6feb" if row.verdict == "inside" else "#c2410c"
        marks += [
            f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(str(row.id))}</text>',
            f'<line x1="{x(low):.0f}" y1="{y}" x2="{x(high):.0f}" y2="{y}" stroke="#9aa5b1" stroke-width="8"/>',
            f'<circle cx="{x(1):.0f}" cy="{y}" r="3" fill="#52606d"/>',
            f'<circle cx="{x(row.model / row.published):.0f}" cy="{y}" r="5" fill="{color}"/>',
        ]
    y = ROW * len(rows) + 24
    marks += [
        f'<text x="{x(value):.0f}" y="{y}" text-anchor="middle">{value:g}</text>'
        for value in (0, 0.5, 1, 1.5, 2)
    ]
    marks.append(
        f'<text x="{LEFT}" y="{y + 16}">model over published; blue inside the tolerance, orange outside</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDE + 20} {height}" font-family="sans-serif" '
        'font-size="11" fill="#334155">\n' + "\n".join(marks) + "\n</svg>\n"
    )


def _tolerance(text: str) -> tuple[float, float]:
    if text.startswith("factor"):
        factor = float(text.split(";")[0].split()[1])
        return 1 / factor, factor
    part = float(text.removesuffix("%")) / 100 if text.endswith("%") else 0.0
    return 1 - part, 1 + part
