"""The page on skill and bands, and its picture, from the stored study."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import pandas as pd
from marks import code, figure, page, paragraph, plain, signed, table

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.engine import draws, past_errors
from fiscal.results.bands import LEVEL, TABLE, TEN_YEARS
from fiscal.studies import hindcast, published, skill, skill_study

TOLD = {"actual_wages_and_returns": "wages and returns", "actual_wages": "wages", "none": "nothing"}
PICTURE = "skill.svg"


def skill_page() -> str:
    """How good the model is: errors by lead year, tested bands, and how to cite them."""
    found = skill.answers()
    leads, tried, aimed = found["by_lead"], found["coverage"], found["aims"]
    first, last, end = skill.STARTS[0], skill.STARTS[-1], skill.LAST_OUTCOME
    return page(
        "# How good is it?",
        paragraph(
            f"We started the model at the end of every year from {first} to {last}, with the data and the law of "
            "that year, and compared it with what the Department of Labor (DOL) published for 401(k)-type plans to "
            f"{end}. `fiscal hindcast` prints the figures of this page, `fiscal hindcast --check` repeats the study, "
            "and `fiscal data derive hindcast` builds the tables."
        ),
        paragraph(
            "DOL publishes the figures of a year about two years later, together with all earlier ones. A run from a "
            "start is therefore a forecast that could be made about two years after the start. Lead years count from "
            "the start, the last published year."
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
            "Errors are percent of the published figure; a positive mean error means that the model was too high. "
            "The model and the naive rules had the same data of the years after the start: wages and returns, "
            "wages alone, or nothing. Other values follow a rule on data to the start year: wages grow as in the "
            "ten years before; plans earn the bill rate of the start year and the mean premium of their mix over "
            "bills since 1928. The spread is the width of the middle two-thirds of errors, as CBO prints it. Skill "
            "is 1 less the model's mean absolute error over that of the best naive rule of this lead, which is "
            "chosen after the fact. CBO's errors are those on individual income tax, adjusted for later "
            "legislation; the first projected year is the year under way."
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
            f"{skill.MOST_TIMES_NAIVE} times those of the best naive rule, and smaller errors in benefits from the "
            "third year on. Contributions do not depend on returns, so their aims with wages given are counted once. "
            f"{int(aimed['met'].sum())} of {len(aimed)} are met. The model's contributions follow the damped trend, so "
            "that their comparison with that rule is close to an identity; benefits and assets are the test. No "
            "parameter was chosen on years after a start, but the form of the trend was compared on outcomes to 2023."
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
            "2020, and balances by age for 2022 and later. They are inputs, and no earlier start could use them."
        ),
        "## Bands that were tested on the past",
        paragraph(
            "An 80 percent band has three parts, drawn together: paths of markets, paths of wages, and the model's own "
            "errors of past starts with wages and returns given. Paths are blocks of "
            f"{draws.BLOCK_YEARS} years of the record up to the start, around the stated rules. The error of a "
            "parameter that acts on a hindcast is part of the hindcast's error, so that parameter is not drawn again."
        ),
        paragraph(
            "**Which errors.** At each start the band uses the errors whose outcomes were published by then. Where "
            f"fewer than {past_errors.FEWEST_WINDOWS} of their windows do not overlap, it adds the errors of later "
            "starts whose windows share no year with the judged one. Where those are too few, it uses errors of a "
            "shorter lead, in proportion to the naive rule's errors at both leads that were known by then."
        ),
        paragraph(
            "**Bias and spread.** The mean of these errors is the bias, and the band is shifted by it in the "
            "observed direction. The spread is that of the errors around their mean. The band is the range in "
            "which one more error is predicted with a probability of 80 percent by a sample of as many errors as "
            "there are windows without overlap (Student's t with an unknown mean and variance). Overlapping errors "
            "move together and therefore count as one. Errors in all quantities and years ahead are drawn "
            "together, as they occurred."
        ),
        _coverage(tried),
        paragraph(_said(tried)),
        "### What the test shows",
        *_shown(tried),
        "### Which errors a band used",
        _used(),
        "### Is the test circular?",
        paragraph(
            "In part. No error of a window that overlaps the judged one enters its band. But an error of a later "
            "start is not known at an earlier one, and a later run starts from the judged outcomes. Those rows are "
            "marked. The form of the model was chosen by people who had seen the years to 2023, and shapes by age "
            "are of 2019 to 2024. The form of the band was chosen twice. The first one drew errors around zero "
            "with an unknown sign, and it drew parameters whose errors the hindcast's errors already contain; a "
            "reader pointed out both faults, and the results of that form were known when this one was chosen. The "
            "rules of this form were written before its results were seen, and none was changed afterwards."
        ),
        "## Bands of headline numbers",
        paragraph(
            "These bands are computed in the same way as the tested ones. "
            f"They start from {skill.LAST_OUTCOME}, the last published year, so that {FIRST_YEAR + 1} is "
            f"{FIRST_YEAR + 1 - skill.LAST_OUTCOME} years ahead. They add what no hindcast can show: tax rates on "
            "withdrawals, Roth shares, heirs, and fees, drawn over their stated ranges around the scenario's own value."
        ),
        paragraph(
            "Errors in contributions move the revenue lost on contributions, and errors in benefits move the tax on "
            "withdrawals from plans. Tax on withdrawals from IRAs moves with the errors in taxable distributions of "
            "all traditional IRAs. Two assumptions are ours: rolled-over IRAs have the errors of all IRAs, and cash "
            "withdrawals have the errors of benefits, which include rollovers. IRA errors grow with the lead as errors "
            "in benefits, because no rule has a long enough record of them."
        ),
        paragraph(
            "The band of a level shows how far off net revenue itself may be. The band of a difference shows how "
            "far off the effect of crypto may be *if* the stated event happens and adoption is as stated. Both "
            "projections use the same draws, so most of the uncertainty cancels. Adoption and the event define the "
            "case and are not drawn. No effect of crypto was ever observed, so the test above says nothing about "
            "this band. Neither band covers later legislation. The central number is the model's. The median "
            "includes the bias of past errors, so it can differ from the central number."
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
        f"> In hindcasts from {skill.STARTS[0]} to {skill.STARTS[-1]} without data of later years, the "
        "mean "
        f"absolute error five years ahead was: {'; '.join(parts)}. CBO's on individual income tax at the same "
        "distance "
        f"is {figure(100 * own['cbo_mean_absolute_error'].iloc[0])} percent. The 80 percent band contained "
        f"{int(held['held'].sum())} of {int(held['of'].sum())} outcomes, of "
        f"which at most {int(held['independent_windows'].max())} per quantity have windows that do not overlap"
        + _later(tried)
    )


def _later(tried: pd.DataFrame) -> str:
    """The band of contributions further ahead."""
    later = tried[(tried["quantity"] == "contributions") & (tried["lead_years"] >= 7)]
    return (
        f". It contained {int(later['held'].sum())} of {int(later['of'].sum())} outcomes of contributions seven to "
        "ten years ahead."
    )


def _errors(leads: pd.DataFrame) -> Iterator[str]:
    columns = ("quantity", "given", "years", "starts", "mean", "mean absolute", "root mean square", "spread",
               "best naive", "rule", "skill", "CBO")  # fmt: skip
    numbers = tuple(name for name in columns if name not in ("quantity", "told", "rule"))
    for told, words in TOLD.items():
        part = leads[leads["conditioning"] == told]
        if told == "actual_wages":  # contributions do not depend on returns
            part = part[part["quantity"] != "contributions"]
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
        "**Assets, wages and returns given.** Contributions follow the same trend in the model and in the rule and "
        "are too low, because participation rose faster than its trend. The rule's benefits are too low as well, "
        "which keeps its assets close. The model's benefits are closer to the published ones, so its assets show "
        "the whole shortage of contributions. With the number of savers given (`savers_known`) the mean absolute "
        f"error of assets falls from {figure(size.at['model', 'assets'], 2)} to "
        f"{figure(size.at['savers_known', 'assets'], 2)} percent. The cause is coverage, which no data to the start "
        "year showed."
    )
    yield paragraph(
        "**Contributions, nothing given.** The stated rule on wages continues ten years that include the recession "
        "of 2008; "
        "the rule `growth` uses the last five years only. With wages given the model meets the "
        "aim to the "
        "eleventh year."
    )
    yield paragraph(
        "**Taxable IRA distributions** have no aim, because the plan's own taxable withdrawals are not "
        "published. The "
        "model is too high, by more than the rules. The waiver of required distributions in 2020 was not law at "
        "earlier starts, and it is most of the error of that year. The model's errors include it, while CBO's are "
        "adjusted for later legislation, so the two are not alike here. From 2021 on distributions remained a smaller "
        "share "
        "of balances than before, which neither the later required age nor the table of 2022 explains in full."
    )
    last = skill.LAST_OUTCOME - skill.STARTS[0]
    own, endless, rule = skill.longest_lead()
    yield paragraph(
        f"**The longest leads.** Years {last - 1} and {last} rest on one or two starts. The model's trend ends after "
        "ten years, by assumption (`coverage_trend_years`), and the rule's does not. From "
        f"{skill.STARTS[0]}, {last} years ahead, the model misses contributions by {signed(100 * own)} percent, "
        f"without that end (`endless_trend`) by {signed(100 * endless)}, and the rule by {signed(100 * rule)}. From "
        "2011 on the model without the end is the rule. The rest is the year 2001, for which DOL's split of "
        "contributions is not published: from 2010 the model's slope rests on nine years and the rule's on ten."
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
    columns = ("quantity", "years", "held", "of", "windows", "share", "exact 95% interval", "block bootstrap", "width",
               "naive width", "CRPS", "naive CRPS", "interval score", "naive interval score")  # fmt: skip
    lines = [
        (
            skill.words(row.quantity), str(row.lead_years), str(row.held), str(row.of), str(row.independent_windows),
            figure(row.held_share, 2), _interval(row.interval), _interval(row.bootstrap_interval),
            *(figure(100 * value) for value in (
                row.width, row.naive_width, row.crps, row.naive_crps, row.interval_score, row.naive_interval_score)),
        )
        for row in tried.itertuples()
    ]  # fmt: skip
    return table(columns, lines, numbers=columns[1:])


def _interval(ends: list[float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.2f} to {ends[1]:.2f}"


def _said(tried: pd.DataFrame) -> str:
    wide = sum(row.interval[1] - row.interval[0] > 0.5 for row in tried.itertuples())
    rejected = tried[tried["rejects"]]
    told = (
        "No exact interval excludes 0.80."
        if rejected.empty
        else f"{len(rejected)} of {len(tried)} exact intervals exclude 0.80: "
        + "; ".join(
            f"{skill.words(row.quantity)} {row.lead_years} years ahead "
            f"({'too wide' if row.held_share > 0.8 else 'too narrow'})"
            for row in rejected.itertuples()
        )
        + "."
    )
    few = int((tried["independent_windows"] <= 2).sum())
    return (
        "Starts overlap: windows counts those that share no year. The exact interval (Clopper-Pearson) uses only "
        "as many observations as there are windows. The block bootstrap has no interval where its draws cannot "
        f"vary. {told} {few} of {len(tried)} rows have one or two windows, and no count can exclude 0.80 there. "
        f"{wide} of {len(tried)} exact intervals are wider than 0.5 and can reject almost nothing. Widths, scores, "
        "and CRPS (that of the log of forecast over outcome) are percent of the published figure; lower scores are "
        "better. The naive rule's band is the damped trend with its own errors from starts since 1994, by the same "
        "sampler."
    )


def _shown(tried: pd.DataFrame) -> Iterator[str]:
    parts, scores = [], []
    for quantity, part in tried.groupby("quantity", sort=False):
        near, far = part[part["lead_years"] <= 5], part[part["lead_years"] > 5]
        parts.append(
            f"{skill.words(str(quantity))}, {int(near['held'].sum())} of {int(near['of'].sum())} and "
            f"{int(far['held'].sum())} of {int(far['of'].sum())}"
        )
        if part["naive_crps"].notna().all():
            better = int((part["crps"] < part["naive_crps"]).sum())
            scores.append(f"{skill.words(str(quantity))} at {better} of {len(part)}")
    yield paragraph(
        "These outcomes were inside the band one to five years ahead and further ahead: "
        + "; ".join(parts)
        + ". The continuous ranked probability score of the band is better than the naive "
        "rule's in " + "; in ".join(f"{one} leads" for one in scores) + "."
    )
    bias = sources.table("hindcast_bands")
    own = bias[(bias["quantity"] == "contributions") & (bias["lead_years"] == 5)]
    yield paragraph(
        "**The band of contributions is too narrow from the fourth year on.** It moves in the right direction, but "
        f"not far enough: five years ahead the errors that it drew had means of {signed(100 * own['bias'].min())} "
        f"to {signed(100 * own['bias'].max())} percent, far smaller than the mean error without data of later "
        "years. After every start wages grew faster than in the ten years before it, and participation rose faster "
        "than its trend. Neither the errors known at a start nor the record of wages up to it showed that. The "
        "first form of the band, around zero with an unknown sign and with parameters drawn twice, was wider and "
        "held more outcomes up to six years ahead, for the wrong reason. In this quantity the test is worse than "
        "before."
    )
    yield paragraph(
        "**The bands of benefits and assets hold nearly all outcomes**, and are wide, because few windows do not "
        "overlap. With one or two of them at the longer leads the test cannot tell a good band from one that is too "
        "wide or too narrow. A user of the headline bands should expect contributions, and with them the revenue lost, "
        "to be less certain than the bands say."
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
    level = (frame["case"] == skill_study.BASELINE) & (frame["reference"] == LEVEL)
    own = frame[level | ((frame["case"] != skill_study.BASELINE) & (frame["reference"] == "equity_adoption"))]
    columns = ("case", "number", "window", "central", "median", "low", "high")
    return table(
        columns,
        [
            (
                code(row.case), words[row.reference], row.window,
                *(signed(value, 1) for value in (
                    row.central_bn_usd, row.median_bn_usd, row.low_bn_usd, row.high_bn_usd)),
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
    rows = stored[published.kinds(stored).isin(["level", "order"]) & (stored["verdict"] != published.NOT_JUDGED)]
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
        f'<text x="{x(value):.0f}" y="{y}" text-anchor="middle">{value:g}</text>' for value in (0, 0.5, 1, 1.5, 2)
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
