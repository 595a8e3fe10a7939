"""The model started in the past and compared with what happened.

From the published stock at the end of a start year the model's own code (contributions, withdrawals,
rollovers, deaths, projection) is run forward on what then happened *around* the plans: asset returns
month by month, the average wage and the wages of private industries, people by age, contribution limits,
required minimums. No flow and no stock of the plans after the start year goes in (a test changes them all and
finds the same bits).

**Levels** are those of the start year, as a forecaster would have had them: participants' and employers'
contributions are scaled to the start year's, and one factor on all rates of leaving makes the start
year's benefits come out, run on the stock of the year before. **Coverage**, the number of savers, follows the
damped trend of contributions over wages that could be estimated in the start year (:mod:`fiscal.people.coverage`);
what is rolled over into plans is a flow of its own with such a trend, counted in and out.

**What was estimated on later data**, and therefore is not a test: the *distribution* of contributions over age and wage
(W-2 2019/20, sample of 2025), of balances over age and income (Vanguard 2024, EBRI 2022, SIPP 2022), of
withdrawals over age (SOI 2022/23), the glide path (EBRI 2022) and the foreign part of its equity (funds of 2007
to 2021, by year), the life table (2022), fees. The *level* of none of them is used. The trend of the Roth share is
a point a year from the start year's W-2 share.

**Runs that explain.** In addition to the run on the model's own rules, other runs take as known the number
of people who save (``deferrers_fed``: W-2 deferrers to 2020, from there Form 5500's active participants;
``participants_fed``: the latter throughout, which count everybody eligible and break in 2014), or Form
5500's own rate of return (``returns_fed``), or deferrers and returns (``both_fed``). None is a forecast:
what each closes of a miss is how much of it that cause explains. ``model_levels`` starts a year before the
last and keeps the model's own levels of 2025, carried back: fitted to these same flows, it is not a test.

One series per comparison: Form 5500 (DOL) and ICI count other plans, so the ICI run starts from ICI's own
stock, with DOL's flows of that year times the ratio of the two stocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.axes import AGES_AT_OPENING, ASSETS, FIRST_YEAR, GROUPS
from fiscal.engine.inputs import NO_BOUND_USD, assumptions, withdrawal_rates
from fiscal.markets import glide, history
from fiscal.people import coverage
from fiscal.people.contributions import Contributions, RothUse, project_contributions
from fiscal.people.mobility import mobility_matrix
from fiscal.people.opening import Opening, open_accounts
from fiscal.people.past import PastPeople, past_limits, past_people, past_wages
from fiscal.people.population import MortalityGradient
from fiscal.people.withdrawals import WithdrawalRates, by_group, leakage_tilt
from fiscal.projection.cells import project
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.outputs import Projection

Progress = Callable[[int, int, str], None]

BILLION = 1e9
SIPP_YEAR = 2022
PLAN = 0
OWN_RULES, MODEL_LEVELS = "own_rules", "model_levels"
FED = {
    OWN_RULES: ("trend", False),
    "deferrers_fed": ("deferrers", False),
    "participants_fed": ("participants", False),
    "returns_fed": ("trend", True),
    "both_fed": ("deferrers", True),
    MODEL_LEVELS: (None, False),
}
"""Whose number savers follow, the trend's or a count's taken as known, and whether Form 5500's rate of return is."""

ALL_CONTRIBUTIONS = "contributions_with_rollovers"
FLOWS = (
    "participant_contributions",
    "employer_contributions",
    "contributions",
    ALL_CONTRIBUTIONS,
    "benefits",
)
QUANTITIES = (*FLOWS, "assets")
RETURN = "return"
COLUMNS = (
    "series", "start_year", "variant", "date", "lead_years", "quantity", "unit", "published", "model", "error",
)  # fmt: skip


@dataclass(frozen=True)
class Start:
    """A series and the year at whose end its published stock opens the run."""

    series: str
    year: int
    last_year: int


DOL_LAST_YEAR, LAST_RUN_YEAR = 2023, 2025
DOL_STARTS = (Start("DOL", 2010, DOL_LAST_YEAR), Start("DOL", 2016, DOL_LAST_YEAR))
ICI_START = Start("ICI", 2014, LAST_RUN_YEAR)
OWN_YEAR_START = Start("DOL", DOL_LAST_YEAR - 1, DOL_LAST_YEAR)
CASES = (
    *((start, variant) for start in DOL_STARTS for variant in FED if variant != MODEL_LEVELS),
    (ICI_START, OWN_RULES),
    (OWN_YEAR_START, MODEL_LEVELS),
)


@dataclass(frozen=True, kw_only=True)
class Levels:
    """What the start year sets: factors on contributions and on rates of leaving, and two ratios.

    ``in_system_share`` is what is rolled over into plans, over contributions: DOL counts it in and out.
    """

    elective_scale: float
    employer_scale: float
    outflow_scale: float
    in_system_share: float


@dataclass(frozen=True, kw_only=True)
class World:
    """What is fed to a run: the years from the start year on and what happened around the plans in them."""

    start: Start
    years: np.ndarray  # (Y,) the start year first
    people: PastPeople
    contributions: Contributions  # at the model's own scale
    rates: WithdrawalRates
    tilt: np.ndarray  # (A, G) on them
    half_return: np.ndarray  # (Y, half, asset)
    savers: dict[
        str, np.ndarray
    ]  # (Y,) factor on savers per person, start year 1, by the trend and by kind of count
    rolled_in: np.ndarray  # (Y,) what is rolled over into plans, start year 1
    published_return: np.ndarray  # (Y,) Form 5500's rate of return, NaN after the last year
    roth_stock_share: float
    fee_rate: float
    heir_years: int


@dataclass(frozen=True, kw_only=True)
class Hindcast:
    """One run: inputs, projection and the flows of plans alone, dollars by year."""

    world: World
    levels: Levels
    inputs: ProjectionInputs
    projection: Projection
    elective_usd: np.ndarray  # (Y,)
    employer_usd: np.ndarray  # (Y,)
    outflow_usd: np.ndarray  # (Y,) withdrawals, rollovers and what passes to heirs
    rolled_in_usd: np.ndarray  # (Y,) from other plans
    assets_usd: np.ndarray  # (Y,) at the end of the year
    return_usd: np.ndarray  # (Y,) after fees

    @property
    def contributions_usd(self) -> np.ndarray:
        """Participants and employers, ``(Y,)``."""
        return self.elective_usd + self.employer_usd

    @property
    def benefits_usd(self) -> np.ndarray:
        """Outflow on DOL's concept, ``(Y,)``: with what moves between plans."""
        return self.outflow_usd + self.rolled_in_usd


# ------------------------------------------------------------------------------------- what is fed


def world(start: Start) -> World:
    """Everything a run from ``start`` receives about the years after it; no flow or stock of the plans."""
    settings = scenarios.load("baseline").settings
    assume = assumptions(settings)
    years = np.arange(start.year, start.last_year + 1)
    people = past_people(years, MortalityGradient.of(assume, settings.people.mortality_ratio))
    wages, limits = past_wages(), past_limits()
    roth_share = _roth_share(start.year, settings.roth.elective_share_step)
    contributions = project_contributions(
        assume,
        years=years,
        year_fraction=np.ones(len(years)),
        people=people.people_open,
        wage_index=(wages[years] / wages[FIRST_YEAR]).to_numpy(),
        limits=limits,
        mobility=mobility_matrix(settings.people.rank_correlation),
        last_contribution_year=start.last_year,
        elective_scale=1.0,
        employer_scale=1.0,
        roth=RothUse(
            share_2025=roth_share,
            share_step=settings.roth.elective_share_step,
            plateau_year=settings.roth.plateau_year,
            catch_up_mandate=False,
        ),
        profile_limits=limits.loc[FIRST_YEAR],
    )
    rates = withdrawal_rates(settings, assume, years)
    first = people.people_open[0]
    opened = _opened(years, first)
    made = (contributions.traditional_usd + contributions.roth_usd).sum(axis=(1, 2))
    paid = coverage.private_wages()[years].to_numpy()
    followed, rolled_in = (
        coverage.damped_trend(share, start.year, years, assume) * paid
        for share in (coverage.savers_over_wages(), coverage.rollovers_over_wages())
    )
    return World(
        start=start,
        years=years,
        people=people,
        contributions=contributions,
        rates=rates,
        tilt=leakage_tilt(
            opened.balance_usd,
            opened.mean_balance_usd(first),
            settings.withdrawals.leakage_balance_elasticity,
        ),
        half_return=half_returns(years),
        savers=_savers(years, people) | {"trend": followed / followed[0] * made[0] / made},
        rolled_in=rolled_in / rolled_in[0],
        published_return=_dol()["return_rate"].reindex(years).to_numpy(dtype=float),
        # as much Roth in the stock, against the flow, as the model assumes for its own opening
        roth_stock_share=roth_share * settings.roth.opening_stock_share / settings.roth.elective_share_2025,
        fee_rate=settings.fees.core_rate,
        heir_years=settings.heirs.years,
    )


def half_returns(years: np.ndarray) -> np.ndarray:
    """Real returns of the two halves of each year, ``(Y, half, asset)``; zero for what the core never holds."""
    logs = history.monthly_log_returns(f"{years[0]}-01", f"{years[-1]}-12")
    held = glide.glide_path(years).sum(axis=(0, 1)) > 0
    result = np.zeros((len(years), 2, len(ASSETS)))
    for y, year in enumerate(years):
        for half, (first, last) in enumerate((("01", "06"), ("07", "12"))):
            months = logs.loc[f"{year}-{first}" : f"{year}-{last}"]
            result[y, half] = np.where(held, np.expm1(months.sum(skipna=False).to_numpy(dtype=float)), 0.0)
    return result


def _roth_share(year: int, step: float) -> float:
    """Roth share of 401(k) deferrals on the W-2 record; after its last year by the trend."""
    share = sources.table("w2_deferrals_roth").set_index("tax_year")["roth_share_of_401k_dollars"]
    last = int(share.index[-1])
    return float(share[min(year, last)]) + step * max(year - last, 0)


def _savers(years: np.ndarray, people: PastPeople) -> dict[str, np.ndarray]:
    """Savers over people of working age by kind of count, ``(Y,)``, 1 in the first year; the last is held."""
    active = _dol()["active_participants"].astype(float)
    deferrers = (
        sources.table("w2_deferrals_roth").set_index("tax_year")["all_elective_deferrers"].astype(float)
    )
    last = int(deferrers.index[-1])
    after = deferrers[last] * active[active.index > last] / active[last]
    working = people.people_open[
        :, (WORKING_AGES[0] <= AGES_AT_OPENING) & (WORKING_AGES[1] >= AGES_AT_OPENING)
    ].sum(axis=(1, 2))
    found = {}
    for name, count in (("participants", active), ("deferrers", pd.concat([deferrers, after]))):
        ratio = pd.Series(count.reindex(years).to_numpy() / working).ffill().to_numpy()
        found[name] = ratio / ratio[0]
    return found


WORKING_AGES = (20, 64)
"""Ages on 1 January whose people savers are counted against."""


def average_wages() -> pd.Series:
    """Average wage, dollars, that the runs are fed, by year."""
    return past_wages()


def stock_usd(series: str, year: int) -> float:
    """Published assets of the plans at the end of a year, dollars."""
    if series == "ICI":
        ici = sources.table("ici_assets")
        dates = pd.to_datetime(ici["date"]).dt.strftime("%Y-%m-%d")
        return float(ici.set_index(dates)["k401_bn_usd"][f"{year}-12-31"]) * BILLION
    return float(_dol()["assets_yearend_bn_usd"][year]) * BILLION


def _dol() -> pd.DataFrame:
    return sources.table("dol_5500").set_index("year")


# --------------------------------------------------------------------------------------- the runs


def levels(fed: World) -> Levels:
    """Factors with which the model meets DOL's flows of the start year, on the stock of the year before."""
    year = fed.start.year
    published = _dol().loc[year]
    made = fed.contributions
    elective = float((made.elective_traditional_usd + made.elective_roth_usd)[0].sum())
    employer = float(made.employer_usd[0].sum())
    theirs, employers = published["participant_bn_usd"] * BILLION, published["employer_bn_usd"] * BILLION
    in_system = float(published["others_incl_rollovers_bn_usd"]) * BILLION / float(theirs + employers)
    wanted = float(published["benefits_paid_bn_usd"]) * BILLION
    found = Levels(
        elective_scale=float(theirs) / elective,
        employer_scale=float(employers) / employer,
        outflow_scale=1.0,
        in_system_share=in_system,
    )
    before = opening_balances(fed, fed.people.people_open[0], stock_usd("DOL", year - 1))
    for _ in range(50):  # what passes to heirs falls a little as withdrawals rise
        own = run(fed, found, before, from_start_year=True)
        gap = wanted / float(own.benefits_usd[0])
        found = replace(found, outflow_scale=found.outflow_scale * gap)
        if abs(gap - 1) < 1e-12:
            break
    if fed.start.series == "ICI":
        ratio = stock_usd("ICI", year) / stock_usd("DOL", year)
        found = replace(
            found,
            elective_scale=found.elective_scale * ratio,
            employer_scale=found.employer_scale * ratio,
        )
    return found


def hindcast(start: Start, variant: str = OWN_RULES) -> Hindcast:
    """Run from the end of the start year to the last year of its series."""
    fed = world(start)
    found = levels(fed)
    if variant == MODEL_LEVELS:
        found = replace(found, elective_scale=1.0, employer_scale=1.0, outflow_scale=1.0)
    opening = opening_balances(fed, fed.people.people_open[1], stock_usd(start.series, start.year))
    return run(fed, found, opening, variant=variant)


def run(
    fed: World, level: Levels, opening: np.ndarray, *, variant: str = OWN_RULES, from_start_year: bool = False
) -> Hindcast:
    """Project balances ``opening`` (A, G) over the years after the start year.

    With ``from_start_year`` over the start year alone, for its levels: they are then those of its opening.
    """
    at = np.array([0]) if from_start_year else np.arange(1, len(fed.years))
    count, by_published_return = FED[variant]
    factor = np.ones(len(at)) if count is None else fed.savers[count][at]
    made = fed.contributions

    def scaled(part: np.ndarray, scale: float) -> np.ndarray:
        return part[at] * factor[:, None, None] * scale

    elective = [
        scaled(part, level.elective_scale) for part in (made.elective_traditional_usd, made.elective_roth_usd)
    ]
    employer = [
        scaled(part, level.employer_scale) for part in (made.employer_traditional_usd, made.employer_roth_usd)
    ]
    contribution = np.stack([elective[0] + employer[0], elective[1] + employer[1]], axis=1)[..., None]
    half_return = fed.half_return[at]
    if by_published_return:
        # what every asset must earn for the plans to earn the published rate after the model's fees
        half = np.sqrt((1 + fed.published_return[at]) / (1 - fed.fee_rate)) - 1
        half_return = np.broadcast_to(half[:, None, None], half_return.shape).copy()
    inputs = _inputs(fed, level, opening, at, contribution, half_return)
    projection = project(inputs)
    outflow = np.zeros(len(at))
    # nothing is drawn from the ira wrapper here: all Roth withdrawals are the plans'
    for line in ("plan_withdrawals", "roth_withdrawals", "rollovers", "roth_rollovers", "plan_bequests"):
        outflow += projection.cells[line][0].sum(axis=(1, 2, 3))
    assets = projection.closing_usd[0, :, PLAN].sum(axis=(1, 2))
    begun = projection.opening_usd[0, :, PLAN].sum(axis=1)
    elective_usd, employer_usd = (
        sum(part.sum(axis=(1, 2)) for part in parts) for parts in (elective, employer)
    )
    at_start = sum(
        scale * float(part[0].sum())
        for scale, part in (
            (level.elective_scale, made.elective_traditional_usd + made.elective_roth_usd),
            (level.employer_scale, made.employer_usd),
        )
    )
    return Hindcast(
        world=fed,
        levels=level,
        inputs=inputs,
        projection=projection,
        elective_usd=elective_usd,
        employer_usd=employer_usd,
        outflow_usd=outflow,
        rolled_in_usd=level.in_system_share * at_start * fed.rolled_in[at],
        assets_usd=assets,
        return_usd=assets - begun - elective_usd - employer_usd + outflow,
    )


def opening_balances(fed: World, people: np.ndarray, stock: float) -> np.ndarray:
    """A stock over age and group, ``(A, G)`` dollars: the shape of the model's own opening on past people."""
    shape = _opened(fed.years, people).balance_usd
    return shape * (stock / shape.sum())


def _opened(years: np.ndarray, people: np.ndarray) -> Opening:
    """The model's own opening on past people."""
    settings = scenarios.load("baseline").settings
    wages = past_wages()
    return open_accounts(
        assumptions(settings),
        people=people,
        unit_people=people,
        mobility=mobility_matrix(settings.people.rank_correlation),
        wage_ratio=float(wages[SIPP_YEAR] / wages[FIRST_YEAR]),
        years=years[:1],
    )


def _inputs(
    fed: World,
    level: Levels,
    balance: np.ndarray,
    at: np.ndarray,
    contribution: np.ndarray,
    half_return: np.ndarray,
) -> ProjectionInputs:
    """The projection's inputs for the years at positions ``at``: one path, one stratum, no crypto, no tax."""
    years, cell = fed.years[at], (len(AGES_AT_OPENING), len(GROUPS), 1)
    ones = np.ones((1, len(years)))
    opening = np.zeros((2, 2, *cell))
    opening[PLAN, 1] = balance[..., None] * fed.roth_stock_share
    opening[PLAN, 0] = balance[..., None] - opening[PLAN, 1]
    rates = fed.rates
    leaving = by_group(rates.withdrawal_rate[at] * level.outflow_scale, fed.tilt)
    leaving[:, 1] = 0.0  # what has left the plans is followed no further
    no_tax = TaxSchedule(
        knots_usd=np.tile([0.0, 1.0], (len(years), 1)), tax_usd=np.zeros((len(years), *cell[:2], 2))
    )
    weights = glide.glide_path(years)[None, :, :, None, :]
    return ProjectionInputs(
        years=years,
        year_fraction=ones[0],
        path_labels=("hindcast",),
        opening_usd=opening,
        opening_basis_usd=np.zeros((2, *cell)),
        contribution_usd=contribution,
        half_return=half_return[None],
        mix=np.zeros(1, dtype=np.int64),
        core_weight=weights,
        crypto_weight=np.eye(len(ASSETS))[[ASSETS.index("crypto")]],
        fee_rate=np.array([[fed.fee_rate, 0.0]]),
        loss_rate=0 * ones,
        crypto_target_share=np.zeros((1, len(years), 1)),
        crypto_contribution_share=np.zeros((1, len(years), 1)),
        transfer=np.zeros((1, len(years)), dtype=bool),
        rebalancing=0 * ones,
        sale_share=np.ones(1),
        impact_multiplier=0.0,
        impact_persistence=0.0,
        crypto_market_usd=NO_BOUND_USD * ones,
        withdrawal_rate=leaving,
        penalised_share=rates.penalised_share,
        nonqualified_share=rates.nonqualified_share,
        rollover_rate=np.minimum(rates.rollover_rate[at] * level.outflow_scale, 1.0)[:, None],
        conversion_rate=np.zeros((len(years), len(AGES_AT_OPENING))),
        death_rate=fed.people.death_rate[at],
        spouse_share=rates.spouse_share,
        heir_years=fed.heir_years,
        holders=np.ones((len(years), *cell)),
        heirs=np.ones((len(years), *cell)),
        owner_schedule=no_tax,
        conversion_schedule=no_tax,
        heir_schedule=no_tax,
        additional_tax_rate=0.0,
    )


# ------------------------------------------------------------------------------- beside published


def compared(start: Start, variant: str = OWN_RULES) -> pd.DataFrame:
    """One run beside its series; columns :data:`COLUMNS`, dollars in billions, errors over published."""
    found = hindcast(start, variant)
    rows = _against_ici(found) if start.series == "ICI" else _against_dol(found)
    frame = pd.DataFrame(rows, columns=["date", "lead_years", "quantity", "unit", "published", "model"])
    relative = frame["unit"] == "bn_usd"
    frame["error"] = np.where(
        relative, frame["model"] / frame["published"] - 1, frame["model"] - frame["published"]
    )
    frame.insert(0, "variant", variant)
    frame.insert(0, "start_year", start.year)
    frame.insert(0, "series", start.series)
    return frame[list(COLUMNS)]


def _against_dol(found: Hindcast) -> Iterator[tuple[Any, ...]]:
    """Flows, assets and the rate of return of each year; the rate is over opening plus half the net flow."""
    dol = _dol()
    model = {
        "participant_contributions": found.elective_usd,
        "employer_contributions": found.employer_usd,
        "contributions": found.contributions_usd,
        ALL_CONTRIBUTIONS: found.contributions_usd + found.rolled_in_usd,
        "benefits": found.benefits_usd,
        "assets": found.assets_usd,
    }
    published = {
        "participant_contributions": dol["participant_bn_usd"],
        "employer_contributions": dol["employer_bn_usd"],
        "contributions": dol["participant_bn_usd"] + dol["employer_bn_usd"],
        ALL_CONTRIBUTIONS: dol["total_contributions_bn_usd"],
        "benefits": dol["benefits_paid_bn_usd"],
        "assets": dol["assets_yearend_bn_usd"],
    }
    opening = found.assets_usd - found.return_usd - found.contributions_usd + found.outflow_usd
    rate = found.return_usd / (opening + (found.contributions_usd - found.outflow_usd) / 2)
    for y, year in enumerate(found.inputs.years):
        lead, date = int(year) - found.world.start.year, f"{year}-12-31"
        for quantity in QUANTITIES:
            yield (
                date,
                lead,
                quantity,
                "bn_usd",
                float(published[quantity][year]),
                model[quantity][y] / BILLION,
            )
        yield date, lead, RETURN, "rate", float(dol["return_rate"][year]), float(rate[y])


def _against_ici(found: Hindcast) -> Iterator[tuple[Any, ...]]:
    """ICI's dates after the start; inside a year on monthly returns, the year's net flow spread evenly."""
    ici = sources.table("ici_assets")
    start = found.world.start
    by_age = opening_balances(found.world, found.world.people.people_open[1], 1.0).sum(axis=1)
    years = np.arange(start.year + 1, start.last_year + 1)
    held = np.average(glide.glide_path(years), axis=1, weights=by_age)  # (Y, asset)
    logs = history.monthly_log_returns(f"{start.year + 1}-01", f"{start.last_year}-12")
    of_month = held[logs.index.year - years[0]]
    earned = np.where(of_month > 0, np.expm1(logs.to_numpy(dtype=float)) * of_month, 0.0)
    monthly = pd.Series(earned.sum(axis=1), index=logs.index)
    opening = np.concatenate([[stock_usd("ICI", start.year)], found.assets_usd[:-1]])
    net = (found.contributions_usd - found.outflow_usd) / history.MONTHS_PER_YEAR
    fee = found.world.fee_rate / history.MONTHS_PER_YEAR
    for date, published in zip(pd.to_datetime(ici["date"]), ici["k401_bn_usd"].astype(float), strict=True):
        if date.year <= start.year or date.year > start.last_year:
            continue
        y = date.year - start.year - 1
        stock = float(opening[y])
        for growth in monthly.loc[f"{date.year}-01" : f"{date.year}-{date.month:02d}"]:
            stock = stock * (1 + growth - fee) + net[y]
        if date.month == history.MONTHS_PER_YEAR:
            stock = float(found.assets_usd[y])
        lead = date.year - start.year - 1 + date.month / history.MONTHS_PER_YEAR
        yield date.strftime("%Y-%m-%d"), lead, "assets", "bn_usd", published, stock / BILLION


def errors_by_lead(table: pd.DataFrame, variant: str = OWN_RULES) -> pd.DataFrame:
    """Errors of the DOL runs by lead year and quantity, over the starts that reach it.

    Columns ``quantity, lead_years, starts, mean_error, mean_absolute_error, rmse``; errors are relative to
    published, those of ``return`` differences of rates.
    """
    starts = [start.year for start in DOL_STARTS]
    own = table[(table["series"] == "DOL") & (table["variant"] == variant) & table["start_year"].isin(starts)]
    rows = []
    for quantity in (*QUANTITIES, RETURN):
        for lead, part in own[own["quantity"] == quantity].groupby("lead_years"):
            rows.append((quantity, int(lead), len(part), *_measures(part["error"])))
    names = ["quantity", "lead_years", "starts", "mean_error", "mean_absolute_error", "rmse"]
    return pd.DataFrame(rows, columns=names)


def errors_by_quantity(table: pd.DataFrame) -> pd.DataFrame:
    """Errors by series, start, variant and quantity over all leads, and at the last one."""
    rows = []
    keys = ["series", "start_year", "variant", "quantity"]
    for key, part in table.groupby(keys, sort=False):
        last = part.sort_values("lead_years").iloc[-1]
        rows.append((*key, len(part), *_measures(part["error"]), last["date"], last["error"]))
    names = [*keys, "points", "mean_error", "mean_absolute_error", "rmse", "last_date", "last_error"]
    return pd.DataFrame(rows, columns=names)


def _measures(error: pd.Series) -> tuple[float, float, float]:
    return float(error.mean()), float(error.abs().mean()), float(np.sqrt((error**2).mean()))


# --------------------------------------------------------------------------------------- the table


def build(progress: Progress | None = None, cases: tuple[tuple[Start, str], ...] = CASES) -> pd.DataFrame:
    """Every case beside its series; columns :data:`COLUMNS`, rounded as stored."""
    report = progress or (lambda done, total, what: None)
    frames = []
    for done, (start, variant) in enumerate(cases):
        report(done, len(cases), f"{start.series} {start.year}, {variant}")
        frames.append(compared(start, variant))
    report(len(cases), len(cases), "done")
    table = pd.concat(frames, ignore_index=True)
    table = table.round({"lead_years": 2, "published": 4, "model": 4, "error": 5})
    return table.assign(error=table["error"] + 0.0)  # no negative zero in the file


TABLE = "hindcast"
INPUTS = (
    "assumptions", "bea_dc_1984_2025", "contribution_limits", "contribution_profile", "developed_ex_us", "dol_5500",
    "ebri_401k_allocation", "foreign_equity_share", "ici_assets", "labor_force", "life_table", "monthly_prices",
    "mortality_improvement", "past_limits", "past_population", "past_wages", "rmd_uniform", "roth_use",
    "sipp_age_income", "soi_ira_by_age", "vanguard", "w2_deferrals_roth", "wage_index",
    "withdrawal_behaviour", "withdrawal_rules",
)  # fmt: skip
"""Tables that a run reads."""


def store(table: pd.DataFrame) -> None:
    """Write the table into the data folder and refresh its entry, each in one step."""
    described = {
        "series": ("string", "name", "DOL (Form 5500) or ICI"),
        "start_year": ("year", "year", "the run opens with the published stock at the end of this year"),
        "variant": ("string", "name", "what is fed: see the table's description"),
        "date": ("date", "date", "end of the year, or of the quarter, that is compared"),
        "lead_years": ("number", "years", "years since the start"),
        "quantity": ("string", "name", "what is compared; benefits are with rollovers out"),
        "unit": ("string", "name", "bn_usd (billions of current dollars) or rate (fraction a year)"),
        "published": ("number", "see unit", "as published"),
        "model": ("number", "see unit", "the model's"),
        "error": ("number", "fraction", "model over published less 1; of a rate, model less published"),
    }
    sources.store(
        TABLE,
        table,
        title="Hindcast: the model started in 2010, 2014, and 2016, and figures published later",
        unit="see column unit",
        source="this model (fiscal.studies.hindcast); published: DOL EBSA Form 5500 bulletins, ICI releases",
        fields=[
            sources.Field(name, kind, unit, text, required=True)
            for name, (kind, unit, text) in described.items()
        ],
        note=(
            "Built by `fiscal data derive hindcast`; a test rebuilds it. own_rules is the hindcast: real returns, "
            "wages, people, limits and minimums, levels and trend of coverage of the start year, no later flow or "
            "stock. deferrers_fed, "
            "participants_fed, returns_fed and both_fed also take the count of savers or the published rate of "
            "return as known, to explain the misses. model_levels keeps the model's own levels, fitted to 2023, and is "
            "not a test."
        ),
        status="built",
        licence="MIT, as this project",
        primary_key=["series", "start_year", "variant", "date", "quantity"],
        second_hand=False,
        extra={"inputs": {name: sources.resource(name).sha256 for name in INPUTS}},
    )


def stored() -> pd.DataFrame:
    """The stored table; dates as text."""
    table = sources.table("hindcast")
    return table.assign(date=pd.to_datetime(table["date"]).dt.strftime("%Y-%m-%d"))


def differs(again: pd.DataFrame, table: pd.DataFrame) -> bool:
    """Whether two builds of the table differ by more than the last digit they are stored with."""
    keys = ["series", "start_year", "variant", "date", "quantity", "unit"]
    if not again[keys].astype(str).reset_index(drop=True).equals(table[keys].astype(str)):
        return True
    numbers = ["lead_years", "published", "model", "error"]
    return not np.allclose(
        again[numbers].to_numpy(float), table[numbers].to_numpy(float), rtol=1e-6, atol=2e-5
    )


def rebuild(progress: Progress | None = None) -> None:
    """Run every case and store the table."""
    store(build(progress))
