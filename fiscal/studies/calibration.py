"""The model beside published figures it is calibrated to (``input``) or must meet (``check``).

A row that a parameter was set by is marked ``used`` in its reason: it shows the fit and is not a test.
Rows of later years' hindcasts are not here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.axes import ASSETS, FIRST_YEAR
from fiscal.base.opening import HEADLINE
from fiscal.engine.allocation import core_glide_path
from fiscal.markets import history
from fiscal.people.accounts import PLAN
from fiscal.people.scope import all_plan_contributions_bn_usd
from fiscal.results.result import Result
from fiscal.results.rows import TAXED_FLOWS

UNEXPLAINED = "not explained: the run's settings differ from those the model was calibrated with"
"""What a run of other settings says of a row that the baseline meets; the baseline itself never may."""

COLUMNS = (
    "quantity", "unit", "published", "published_source", "model", "tolerance", "use", "verdict", "reason",
)  # fmt: skip
Row = tuple[str, str, str, str, float, str, str, str, str]
"""A row of the table, in the order of :data:`COLUMNS`."""


def calibration(base: Result) -> pd.DataFrame:
    """Calibration table of a baseline run; columns :data:`COLUMNS`, one row a quantity.

    ``verdict`` is "inside", "outside" or, for inputs, "input". Every row outside carries its reason.
    """
    rows: list[Row] = []
    for builder in (
        _stocks, _quarters, _people, _contributions, _flows, _draws, _roth, _rates, _taxes, _file_shares,
        _ranges,
    ):  # fmt: skip
        rows += builder(base)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    unexplained = (frame["verdict"] == "outside") & (frame["reason"] == "")
    frame.loc[unexplained, "reason"] = UNEXPLAINED
    return frame


def _row(
    quantity: str,
    unit: str,
    published: float | tuple[float, float],
    source: str,
    model: float,
    *,
    tolerance: float | None = None,
    use: str = "check",
    reason: str = "",
) -> Row:
    """One row; ``published`` is a figure (with a relative ``tolerance``) or a range."""
    if isinstance(published, tuple):
        low, high = published
        shown, allowed = f"{low:g} to {high:g}", "range"
        inside = low <= model <= high
    else:
        if tolerance is None and use == "check":
            raise ValueError(f"{quantity}: a check needs a range or a tolerance")
        shown = f"{published:,.4g}" if abs(published) < 1 else f"{published:,.1f}"
        allowed = "" if tolerance is None else f"{tolerance:.0%}"
        inside = tolerance is None or abs(model - published) <= tolerance * abs(published)
    verdict = "input" if use == "input" else ("inside" if inside else "outside")
    return quantity, unit, shown, source, model, allowed, use, verdict, reason


def _sum(frame: pd.DataFrame, **where: object) -> float:
    for column, value in where.items():
        frame = frame[frame[column].isin(value) if isinstance(value, list) else frame[column] == value]
    return float(frame["nominal_bn_usd"].sum())


def _opening_stock(base: Result) -> float:
    """Plan assets at the opening, billions."""
    return float(base.summary["calibration"]["opening_plan_bn_usd"])


def _stocks(base: Result) -> list[Row]:
    opening = base.scenario.settings.horizon.opening
    published = PLAN.assets_bn_usd(PLAN.stock, opening)
    return [
        _row(f"assets of {PLAN.label}, {opening.words}", "bn USD", published, "ICI, Q1 2025",
             _opening_stock(base), use="input", reason="used: opening stock")
    ]  # fmt: skip


def _quarters(base: Result) -> list[Row]:
    """Published stocks of the opening's year after its date: opening stock, real monthly returns, model flows.

    Outside the projection, whose steps are half-years: net flow of the stub spread evenly over its months, the
    asset-weighted glide path's return month by month.
    """
    opening = base.scenario.settings.horizon.opening
    ici = sources.table("ici_assets").set_index("date")[list(PLAN.stock)].sum(axis=1, skipna=False)
    dates = {str(date)[:7]: str(date)[:10] for date in ici.dropna().index if str(date)[:7] in opening.months_left}
    if not dates:
        return []
    returns = np.expm1(history.monthly_log_returns(opening.months_left[0], max(dates)))
    weights = np.average(
        core_glide_path(base.scenario.settings, np.array([FIRST_YEAR]))[0],
        axis=0,
        weights=np.asarray(base.summary["calibration"]["opening_by_age_bn_usd"]),
    )
    columns = {asset: weights[ASSETS.index(asset)] for asset in ("equity", "foreign_equity", "bonds", "cash")}
    flows = base.tables["flows"]
    out = _sum(
        flows, path="scenario", year=FIRST_YEAR, flow=[f"{PLAN.name}_withdrawals", "rollovers", "roth_rollovers"]
    )
    # Roth withdrawals of the stub are all but wholly from the plan: the ira wrapper opens empty
    out += _sum(flows, path="scenario", year=FIRST_YEAR, flow="roth_withdrawals")
    came = _sum(base.tables["contributions"], year=FIRST_YEAR)
    monthly_net = (came - out) / len(opening.months_left)
    rows, stock = [], _opening_stock(base)
    for month in returns.index:
        growth = sum(weight * returns.loc[month, asset] for asset, weight in columns.items())
        stock = stock * (1 + growth) + monthly_net
        date = dates.get(str(month)[:7])
        if date:
            rows.append(
                _row(f"assets of {PLAN.label}, {date}, on real monthly returns", "bn USD", float(ici[date]),
                     "ICI quarterly release", stock, tolerance=0.03,
                     reason="" if abs(stock / ici[date] - 1) <= 0.03 else _QUARTER_REASON)
            )  # fmt: skip
    return rows


_QUARTER_REASON = (
    "published stocks are rounded to 100 billion and revised with coverage; 401(k) equity holds more large "
    "U.S. growth shares than the index in the months after April 2025"
)


def _contributions(base: Result) -> list[Row]:
    made = base.tables["contributions"]
    year = made[made["year"] == FIRST_YEAR]
    fraction = base.scenario.settings.horizon.opening.stub_fraction
    participants = _sum(year, kind="elective_deferral") / fraction
    employers = _sum(year, kind="employer_contribution") / fraction
    theirs, source = _published_range("participant_contributions_2025")
    employers_range, _ = _published_range("employer_contributions_2025")
    return [
        _row("participant contributions 2025, full year", "bn USD", theirs, source, participants),
        _row("employer contributions 2025, full year", "bn USD", employers_range, source, employers),
        _row("share of all defined-contribution contributions that is 401(k)", "share", _scope_range(),
             "W-2 deferrals carried on by Form 5500, BEA employers 2025; range: 401(k) share of assets +-10 points",
             (participants + employers) / all_plan_contributions_bn_usd()["total"]),
    ]  # fmt: skip


def _published_range(key: str) -> tuple[tuple[float, float], str]:
    """A range that must be met, and where it comes from."""
    row = sources.table("calibration_ranges").set_index("key").loc[key]
    return (float(row["low"]), float(row["high"])), str(row["source"])


def _scope_range() -> tuple[float, float]:
    whole = sources.table("ici_assets").set_index("date").loc[HEADLINE.iso, "dc_total_bn_usd"]
    share = PLAN.assets_bn_usd(PLAN.stock) / float(whole)
    return round(share - 0.1, 3), round(share + 0.1, 3)


def _flows(base: Result) -> list[Row]:
    """Outflow ratios of 2026 on DOL's concept beside 2023's: the flows of 2023 themselves need a hindcast."""
    dol = sources.table("dol_5500").set_index("year")
    year = FIRST_YEAR + 1
    flows = base.tables["flows"]
    balances = base.tables["balances"]

    def plan(at: int) -> float:
        return _sum(balances, path="scenario", year=at, wrapper=PLAN.name)

    rollovers = _sum(flows, path="scenario", year=year, flow=["rollovers", "roth_rollovers"])
    cash = _sum(flows, path="scenario", year=year, flow=[f"{PLAN.name}_withdrawals", "roth_withdrawals"])
    # what passes to heirs leaves the plan too, and DOL counts it as a benefit
    bequests = _sum(flows, path="scenario", year=year, flow=f"{PLAN.name}_bequests")
    contributions = _sum(base.tables["contributions"], year=year)
    in_system = dol.loc[2023, "others_incl_rollovers_bn_usd"] / (
        dol.loc[2023, "participant_bn_usd"] + dol.loc[2023, "employer_bn_usd"]
    )
    moved = float(in_system) * contributions
    average = (plan(year) + plan(year - 1)) / 2
    published = dol.loc[2023, "benefits_paid_bn_usd"] / (
        (dol.loc[2023, "assets_yearend_bn_usd"] + dol.loc[2022, "assets_yearend_bn_usd"]) / 2
    )
    benefits = rollovers + cash + bequests + moved
    rolled_range, rolled_source = _published_range("rollover_share_of_benefits")
    return [
        _row("benefits with rollovers over average plan assets (DOL concept)", "share", float(published),
             "DOL Form 5500, 2023", benefits / average, tolerance=0.10, use="input",
             reason="used: the level of the assumed separation rates was chosen with it; model at 2026"),
        _row("rollovers out over DOL-concept benefits", "share", rolled_range, rolled_source,
             (rollovers + moved) / benefits, use="input",
             reason="used: separation, hardship and draw rates were set with it in view; model at 2026"),
    ]  # fmt: skip


def _roth(base: Result) -> list[Row]:
    made = base.tables["contributions"]
    year = made[(made["year"] == FIRST_YEAR) & (made["kind"] == "elective_deferral")]
    share = _sum(year, tax_character="roth") / _sum(year)
    w2 = sources.table("w2_deferrals_roth").set_index("tax_year")["roth_share_of_401k_dollars"]
    # a point a year, as from 2014 to 2020
    trend = float(w2.iloc[-1] + (FIRST_YEAR - w2.index[-1]) * round((w2[2020] - w2[2014]) / 6, 2))
    return [
        _row("Roth share of elective deferrals, 2025", "share", trend, "IRS SOI W-2 codes AA and D, 2020 and trend",
             share, use="input", reason="used: level and trend")
    ]  # fmt: skip


def _taxes(base: Result) -> list[Row]:
    behaviour = sources.table("withdrawal_behaviour")
    row = behaviour[(behaviour["topic"] == "early-withdrawal tax") & (behaviour["period"].astype(str) == "2023")]
    published = float(row["value"].iloc[0])  # billions, as its unit column says
    dol = sources.table("dol_5500").set_index("year")["assets_yearend_bn_usd"]
    scope = sources.assumption("validation.additional_tax_scope_share")
    year = FIRST_YEAR + 1
    balances = base.tables["balances"]
    average = sum(_sum(balances, path="scenario", year=at, wrapper=PLAN.name) for at in (year - 1, year)) / 2
    model = float(base.budget.line("additional_tax").loc[year]) / average
    return [
        _row("additional tax on early withdrawals over average plan assets", "share",
             published * scope / float(dol[2022] + dol[2023]) * 2,
             "IRS SOI Publication 1304 (6.4 bn in 2023) times the assumed scope share, over DOL assets", model,
             use="input", reason="used: sets the penalized share; model at 2026")
    ]  # fmt: skip


def _people(base: Result) -> list[Row]:
    acs = sources.table("population_acs_2024").set_index("age")["both"].astype(float)
    over_65 = [label for label in acs.index if label[0].isdigit() and int(label[:2].strip("-+")) >= 65]
    model = float(base.summary["calibration"]["people_65_plus"])
    return [
        _row("people 65 and over, opening of 2025", "mn persons", acs[over_65].sum() / 1e6,
             "Census ACS, July 2024 (resident population)", model / 1e6, tolerance=0.08,
             reason="Social Security area population is wider (territories, overseas) and nine months later")
    ]  # fmt: skip


def _draws(base: Result) -> list[Row]:
    """Retirement draws by age beside the SCF, a second source that no parameter was set by."""
    scf = sources.table("scf_withdrawal_rates").set_index(["survey_year", "age"])["any_rate_all_holders"]
    model = base.summary["calibration"]["draw_rate_by_age"]
    ages = {"60-64": 62, "65-69": 67, "75-79": 77, "80+": 85}
    rows = []
    for label, age in ages.items():
        published = float(scf[2022, label])
        rate = float(model[str(age)])
        rows.append(
            _row(f"draws over opening traditional balances, ages {label}", "share", published,
                 "Survey of Consumer Finances 2022 (households, all accounts)", rate, tolerance=0.35,
                 reason="" if abs(rate / published - 1) <= 0.35 else _DRAW_REASON)
        )  # fmt: skip
    return rows


_DRAW_REASON = (
    "the model follows tax data (SOI 2023); the survey counts households that keep everything in a plan, and "
    "reports far less before the required age"
)


def _rates(base: Result) -> list[Row]:
    """Average tax rates of the model beside rates computed beforehand on the unmended file."""
    check = sources.table("marginal_rates_check")
    whole = check[(check["year"] == 2026) & check["income_from_usd"].isna() & check["income_to_usd"].isna()]
    wage = float(whole[(whole["margin"] == "wage_of_head") & (whole["age"] == "18-74")]["mtr_income_weighted"].iloc[0])
    old = float(
        whole[(whole["margin"] == "taxable_pension_or_ira") & (whole["age"] == "60-119")]["mtr_income_weighted"].iloc[0]
    )
    year = FIRST_YEAR + 1
    made = base.tables["contributions"]
    traditional = _sum(made, year=year, tax_character="traditional")
    deferred = -float(base.budget.line("deferred_revenue").loc[year]) / traditional
    flows = _sum(
        base.tables["flows"], path="scenario", year=year,
        flow=list(TAXED_FLOWS),
    )  # fmt: skip
    withdrawn = float(base.budget.line("withdrawal_tax").loc[year]) / flows
    source = "computed with Tax-Calculator on its unmended CPS file, weighted by income"
    return [
        _row("income tax deferred per traditional dollar, 2026", "rate", wage, source, deferred, tolerance=0.25,
             use="computed", reason="" if abs(deferred / wage - 1) <= 0.25 else _DEFERRAL_REASON),
        _row("income tax per dollar withdrawn, 2026", "rate", old, source, withdrawn, tolerance=0.25,
             use="computed", reason="" if abs(withdrawn / old - 1) <= 0.25 else _WITHDRAWAL_REASON),
    ]  # fmt: skip


_DEFERRAL_REASON = (
    "deferral dollars sit higher in the wage distribution than wages do, and the adjusted file has other tops"
)
_WITHDRAWAL_REASON = (
    "half of 2026's withdrawals are before 60, where work income pushes them up the brackets; the check is of "
    "people of 60 and over on one more dollar"
)


def _file_shares(_: Result) -> list[Row]:
    """Withdrawal dollars of tax units above $200,000 and $500,000 of AGI: the adjusted file compared with SOI 2023."""
    check = sources.table("microdata_check")
    rows = []
    for item, what in (("ira_distributions", "IRA distributions"), ("taxable_pension_income", "taxable pensions")):
        part = check[check["statistic"] == f"{item}_by_agi_2023"]
        for floor in (200_000, 500_000):
            above = part[part["class_from"].astype(float) >= floor]
            published = float(above["published"].sum() / part["published"].sum())
            model = float(above["file_after"].sum() / part["file_after"].sum())
            rows.append(
                _row(f"{what} in returns with AGI of ${floor:,} and more", "share", published,
                     "IRS SOI Publication 1304 Table 1.4, 2023", model, tolerance=0.10, use="input",
                     reason="used: the file is raked to these classes")
            )  # fmt: skip
    return rows


def _ranges(base: Result) -> list[Row]:
    """Bounds: all taxable pension and IRA income."""
    cbo = sources.table("cbo_income_tax_details")
    latest = cbo[cbo["cbo_baseline"] == "Feb 2026"].set_index("year")["taxable_pension_annuity_ira_bn_usd"]
    flows = base.tables["flows"]
    rows = []
    for year in (2026, 2036):
        own = _sum(
            flows, path="scenario", year=year,
            flow=list(TAXED_FLOWS),
        )  # fmt: skip
        rows.append(
            _row(f"taxable withdrawals of the model inside all taxable pension and IRA income, {year}", "bn USD",
                 (0.0, float(latest[year])), "CBO, February 2026 (upper bound)", own, use="bound")
        )  # fmt: skip
    return rows
