"""The chapter on the hindcast: where the model, started in the past, would have missed, and why."""

from __future__ import annotations

import pandas as pd

from fiscal.base import sources
from fiscal.base.words import amount, listing, percent, signed_percent
from fiscal.report.chapters import figure
from fiscal.report.compared import Results
from fiscal.report.content import Column, Items, Panel, Prose, Ref, Section, Table, Term
from fiscal.studies import hindcast

QUANTITY_NAMES = {
    "contributions": "Contributions of participants and employers",
    "benefits": "Benefits, with rollovers out",
    "assets": "Assets at the end of the year",
}
VARIANT_NAMES = {
    "own_rules": "the model's rules",
    "deferrers_fed": "told how many people save",
    "participants_fed": "told how many are covered",
    "returns_fed": "told what plans earned",
    "both_fed": "told savers and returns",
    "model_levels": "levels of 2025 carried back; no test",
}
SOURCE = "Source: stored runs of this model (data table hindcast); DOL Form 5500, ICI, IRS W-2."
TOLERANCE = 0.05


def hindcast_section(results: Results) -> Section:
    """Errors by lead year, figures of actual against hindcast, and what the misses come from."""
    table = hindcast.stored()
    by_run = hindcast.errors_by_quantity(table)
    return Section(
        "The model started in the past",
        (
            Prose(_what_was_done(table)),
            Prose(_contributions_text(table, by_run)),
            Prose(_savers_text(by_run)),
            figure(
                results, "figure-hindcast-flows", "Contributions and benefits, published and hindcast",
                (Panel("hindcast", {"quantity": "contributions"}), Panel("hindcast", {"quantity": "benefits"})),
                SOURCE,
            ),
            Prose(_assets_text(by_run)),
            figure(
                results, "figure-hindcast-assets", "Plan assets, published and hindcast",
                (Panel("hindcast"), Panel("hindcast", {"series": "ICI"})),
                f"{SOURCE} One series a panel: the two count other plans. ICI's figures are rounded, and those "
                "before 2022 were read as first released.",
            ),
            Prose(_benefits_text(table, by_run)),
            Prose(_ici_text(table, by_run)),
            Prose(("What each cause explains, run by run, is in ", Ref("table-hindcast-runs"), "; errors by lead year "
                   "are in ", Ref("table-hindcast-leads"), ".")),
            _runs_table(by_run),
            _leads_table(table),
            Prose("What is no test here, because it was estimated on data later than the start:"),
            _in_sample(by_run),
        ),
    )  # fmt: skip


def _pick(by_run: pd.DataFrame, start: int, variant: str, quantity: str) -> pd.Series:
    rows = by_run[
        (by_run["start_year"] == start) & (by_run["variant"] == variant) & (by_run["quantity"] == quantity)
    ]
    return rows.iloc[0]


def _too(error: float) -> str:
    """ "30.8 percent too low"."""
    return f"{percent(error)} too {'low' if error < 0 else 'high'}"


def _starts() -> tuple[int, int]:
    first, second = (start.year for start in hindcast.DOL_STARTS)
    return first, second


def _what_was_done(table: pd.DataFrame) -> str:
    first, second = _starts()
    last = hindcast.DOL_LAST_YEAR
    stocks = [
        f"{amount(hindcast.stock_usd('DOL', year) / hindcast.BILLION)} at the end of {year}"
        for year in (first, second)
    ]
    return (
        "A model that has only looked forward has not been wrong yet. Here its own code is started from the "
        f"published stock of 401(k)-type plans (Form 5500: {listing(stocks)}) and run to {last}. It is told what "
        "happened around the plans: returns on U.S. shares, bonds, and bills, the average wage, people by age, "
        "contribution limits, and the required minimums of each year. It is told no flow and no stock of the plans "
        "after the start year. Levels of contributions and of withdrawals are those of the start year, as a "
        "forecaster would have had them."
    )


def _contributions_text(table: pd.DataFrame, by_run: pd.DataFrame) -> str:
    first, second = _starts()
    last = hindcast.DOL_LAST_YEAR
    own = [float(_pick(by_run, year, "own_rules", "contributions")["last_error"]) for year in (first, second)]
    leads = hindcast.errors_by_lead(table).set_index(["quantity", "lead_years"])["mean_error"][
        "contributions"
    ]
    shared = last - second
    points = table[(table["variant"] == "own_rules") & (table["quantity"] == "contributions")]
    row = points[(points["start_year"] == first) & (points["date"] == f"{last}-12-31")].iloc[0]
    outside = max(abs(error) for error in own) > TOLERANCE
    verdict = "far outside" if outside else "inside"
    return (
        f"Contributions are missed. Started in {first} the model has {amount(float(row['model']))} in {last} where "
        f"{amount(float(row['published']))} were paid: {_too(own[0])}. Started in {second} it is {_too(own[1])}. The "
        f"miss grows with the lead, from {_too(float(leads[1]))} after one year to {_too(float(leads[shared]))} after "
        f"{shared} on the mean of the two. That is {verdict} {percent(TOLERANCE)}. The model lets contributions grow "
        f"with wages and people and holds the share of workers who save. {_savers_sentence(first)}"
    )


def contributions_miss() -> str:
    """The largest miss of contributions in the hindcast, as "30.7 percent below what was paid ..."."""
    first = _starts()[0]
    error = float(
        _pick(hindcast.errors_by_quantity(hindcast.stored()), first, "own_rules", "contributions")[
            "last_error"
        ]
    )
    side = "below" if error < 0 else "above"
    return (
        f"in {hindcast.DOL_LAST_YEAR}, started in {first}, {percent(abs(error), 2)} {side} the contributions that were "
        "paid"
    )


def _savers_text(by_run: pd.DataFrame) -> str:
    first, second = _starts()
    own = [float(_pick(by_run, year, "own_rules", "contributions")["last_error"]) for year in (first, second)]
    told = [_pick(by_run, year, "deferrers_fed", "contributions") for year in (first, second)]
    ends = [float(run["last_error"]) for run in told]
    covered = _pick(by_run, first, "participants_fed", "contributions")
    yearly = sorted(
        abs((1 + error) ** (1 / (hindcast.DOL_LAST_YEAR - year)) - 1)
        for error, year in zip(own, (first, second), strict=True)
    )
    inside = ", inside the tolerance" if max(abs(error) for error in ends) <= TOLERANCE else ""
    return (
        f"Told how many people save, and nothing else new, the runs end {_too(ends[0])} and {_too(ends[1])}{inside}, "
        f"and over all years the run from {first} is off by {percent(float(told[0]['mean_absolute_error']))} on "
        "average. So the miss is in how many people save (coverage, automatic enrollment), not in how much each "
        f"saves. W-2 forms count the plans of all employers; after {_w2_last_year()} the count of savers moves with "
        "Form 5500's active participants. These alone, throughout, leave the run from "
        f"{first} {_too(float(covered['last_error']))}, but they count everybody eligible and were counted otherwise "
        "before 2014. The same rule carries the projections of this report: were participation to rise on as it has, "
        f"they would fall short by about {percent(yearly[0], 2)} to {percent(yearly[1], 2)} more every year."
    )


def _w2_last_year() -> int:
    return int(sources.table("w2_deferrals_roth")["tax_year"].max())


def _savers_sentence(first: int) -> str:
    """Deferrers and the mean deferral on W-2 forms against the average wage."""
    w2 = sources.table("w2_deferrals_roth").set_index("tax_year")
    last = _w2_last_year()
    people = w2["all_elective_deferrers"].astype(float)
    mean = w2["all_elective_bn_usd"] / people
    wages = hindcast.average_wages()
    return (
        f"W-2 forms show {people[first] / 1e6:.1f} million people with deferrals in {first} and "
        f"{people[last] / 1e6:.1f} million in {last}, {percent(people[last] / people[first] - 1)} more, while the mean "
        f"deferral grew {percent(mean[last] / mean[first] - 1)} and the average wage "
        f"{percent(float(wages[last] / wages[first]) - 1)}."
    )


def _assets_text(by_run: pd.DataFrame) -> str:
    first, second = _starts()
    last = hindcast.DOL_LAST_YEAR
    own = [_pick(by_run, year, "own_rules", "assets") for year in (first, second)]
    ends = {
        name: float(_pick(by_run, first, name, "assets")["last_error"])
        for name in hindcast.FED
        if name != "model_levels"
    }
    gap = float(_pick(by_run, first, "own_rules", "return")["mean_error"])
    both = float(_pick(by_run, second, "both_fed", "assets")["last_error"])
    return (
        f"Assets look better than they are. At the end of {last} they are {_too(float(own[0]['last_error']))} from "
        f"{first} and {_too(float(own[1]['last_error']))} from {second}, but two errors offset each other. The "
        "model's core, the S&P 500, U.S. bonds, and bills on the age path of plans, earned on average "
        f"{percent(gap, 2).replace(' percent', ' percentage points')} a year more than Form 5500 reports of plans with "
        "100 participants or more. Plans also hold foreign and smaller companies' shares and pay fees beyond the "
        "model's; no table here says how much of the gap each is. Told only what plans earned, the run from "
        f"{first} ends {_too(ends['returns_fed'])}; told only who saves, {_too(ends['deferrers_fed'])}; told both, "
        f"{_too(ends['both_fed'])} (from {second} {_too(both)}). What is left comes from withdrawals and the small "
        "rest of contributions. A projection that takes "
        "the record of the S&P 500 for the return on plans' shares is, on this evidence, too high in years when "
        "large U.S. companies lead."
    )


def _benefits_text(table: pd.DataFrame, by_run: pd.DataFrame) -> str:
    first, second = _starts()
    own = [_pick(by_run, year, "own_rules", "benefits") for year in (first, second)]
    points = table[
        (table["variant"] == "own_rules") & (table["quantity"] == "benefits") & (table["series"] == "DOL")
    ]
    worst = points.loc[points["error"].abs().idxmax()]
    year = str(worst["date"])[:4]
    there = points[points["date"] == worst["date"]].set_index("start_year")["error"]
    in_2020 = points[points["date"] == "2020-12-31"].set_index("start_year")["error"]
    return (
        f"Benefits are off by {percent(float(own[0]['mean_absolute_error']))} and "
        f"{percent(float(own[1]['mean_absolute_error']))} on average, with no steady sign (mean "
        f"{signed_percent(float(own[0]['mean_error']))} and {signed_percent(float(own[1]['mean_error']))}). The "
        f"largest miss is {year}: {_too(float(there[first]))} and {_too(float(there[second]))}. The model takes "
        "what leaves as a share of the balance at the opening of the year, which is the law for required minimums but "
        "not for people who change jobs: when prices fall within the year they leave with less. "
        f"{_shares_sentence(int(year))} In 2020, "
        f"{_too(float(in_2020[first]))} and {_too(float(in_2020[second]))}, the law also let savers take money "
        "for reasons of the pandemic (CARES Act s.2202); of that law the model has only the waiver of required "
        "minimums (s.2203)."
    )


def _shares_sentence(year: int) -> str:
    """Published benefits over opening and over mean assets, in ``year`` and the year before."""
    dol = sources.table("dol_5500").set_index("year")
    paid, assets = dol["benefits_paid_bn_usd"].astype(float), dol["assets_yearend_bn_usd"].astype(float)
    opening = paid / assets.shift(1)
    mean = 2 * paid / (assets + assets.shift(1))
    return (
        f"Published benefits went from {percent(opening[year - 1])} of opening assets in {year - 1} to "
        f"{percent(opening[year])} in {year}, but only from {percent(mean[year - 1])} to {percent(mean[year])} of the "
        "mean of opening and closing assets."
    )


def _ici_text(table: pd.DataFrame, by_run: pd.DataFrame) -> str:
    start = hindcast.ICI_START
    run = _pick(by_run, start.year, "own_rules", "assets")
    points = table[table["series"] == "ICI"]
    worst = points.loc[points["error"].abs().idxmax()]
    last = points.sort_values("lead_years").iloc[-1]
    return (
        f"Against ICI's 401(k) assets, from its {amount(hindcast.stock_usd('ICI', start.year) / hindcast.BILLION)} at "
        f"the end of {start.year}, the model is {_too(float(last['error']))} on {last['date']} "
        f"({amount(float(last['model']))} against {amount(float(last['published']))}), "
        f"{percent(float(run['mean_absolute_error']))} off on average over {len(points)} dates, and worst on "
        f"{worst['date']}, {_too(float(worst['error']))}."
    )


def _runs_table(by_run: pd.DataFrame) -> Table:
    """One row a run: the error in the last year and the mean absolute error, percent."""
    rows = []
    for (series, start, variant), part in by_run.groupby(["series", "start_year", "variant"], sort=False):
        own = part.set_index("quantity")
        row: dict[str, object] = {"run": f"{series}, from {start}", "variant": VARIANT_NAMES[str(variant)]}
        for quantity in QUANTITY_NAMES:
            known = quantity in own.index
            row[f"{quantity}_last"] = float(own.loc[quantity, "last_error"]) if known else float("nan")
            row[f"{quantity}_mean"] = (
                float(own.loc[quantity, "mean_absolute_error"]) if known else float("nan")
            )
        rows.append(row)
    columns = [Column("variant", "Run", width=1)]
    for quantity, word in (
        ("contributions", "Contributions"),
        ("benefits", "Benefits"),
        ("assets", "Assets"),
    ):
        columns.append(Column(f"{quantity}_last", f"{word}, last date", 1, scale=100))
        columns.append(Column(f"{quantity}_mean", f"{word}, mean size", 1, scale=100))
    return Table(
        "table-hindcast-runs", "Errors of each run and what explains them", pd.DataFrame(rows), tuple(columns),
        unit="Percent of published: at the last date compared, and the mean absolute error over all dates",
        source=SOURCE, group="run",
    )  # fmt: skip


def _leads_table(table: pd.DataFrame) -> Table:
    """Mean, mean absolute and root mean square error by lead year and quantity, percent."""
    frame = hindcast.errors_by_lead(table)
    frame = frame[frame["quantity"].isin(list(QUANTITY_NAMES))].copy()
    frame["name"] = [QUANTITY_NAMES[name] for name in frame["quantity"]]
    return Table(
        "table-hindcast-leads", "Errors by lead year, the model's rules, Form 5500", frame,
        (
            Column("lead_years", "Years after the start", width=1, align="left", unit="years"),
            Column("starts", "Starts", 0, unit="runs"),
            Column("mean_error", "Mean error", 1, scale=100),
            Column("mean_absolute_error", "Mean absolute error", 1, scale=100),
            Column("rmse", "Root mean square error", 1, scale=100),
        ),
        unit="Percent of published, over the starts that reach the lead", source=SOURCE, group="name",
        breakable=True,
    )  # fmt: skip


def _in_sample(by_run: pd.DataFrame) -> Items:
    start, variant = hindcast.OWN_YEAR_START, hindcast.MODEL_LEVELS
    own = {
        name: float(_pick(by_run, start.year, variant, name)["last_error"])
        for name in ("participant_contributions", "employer_contributions", "benefits")
    }
    return Items(
        (
            Term(
                "Shapes over age and earnings",
                "contributions (W-2 of 2019 and 2020, sample aged to 2025), balances (Vanguard 2024, EBRI 2022, SIPP "
                "2022), withdrawals by age (SOI 2022 and 2023), the age path of shares and bonds (EBRI 2022), the life "
                "table (2022), and the fee. Their levels are not used.",
            ),
            Term(
                "Roth",
                "the share starts at the start year's on W-2 forms and rises by the trend of the whole record.",
            ),
            Term(
                "The model's own levels",
                "those of 2025 were set from W-2 counts moved by Form 5500's growth to 2023, and the rates of leaving "
                f"with its benefits of 2023. Carried back to {start.last_year}, on the stock of the year before, they "
                f"give participants' contributions {_too(own['participant_contributions'])}, employers' "
                f"{_too(own['employer_contributions'])}, and benefits {_too(own['benefits'])}: a fit, no test.",
            ),
        )
    )
