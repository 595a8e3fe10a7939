"""The model started in the past: what goes in, what may not, and what the stored table says."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal.base import memo, sources
from fiscal.base.errors import InputError
from fiscal.law import distributions, limits
from fiscal.people import coverage, past
from fiscal.people.population import MortalityGradient
from fiscal.studies import hindcast

TOLERANCE = 0.05

START = hindcast.DOL_STARTS[0]
SHIPPED = sources.table  # before any test replaces it

GRADIENT = MortalityGradient(2.0, 65, 95)


@cache
@pytest.fixture(autouse=True)
def _nothing_remembered_of_a_patched_table():
    memo.forget()
    yield
    memo.forget()


def found(start: hindcast.Start = START, variant: str = hindcast.OWN_RULES) -> hindcast.Hindcast:
    return hindcast.hindcast(start, variant)


def flows(run: hindcast.Hindcast) -> bytes:
    return b"".join(
        part.tobytes() for part in (run.elective_usd, run.employer_usd, run.outflow_usd, run.assets_usd)
    )


def with_table(monkeypatch: pytest.MonkeyPatch, name: str, changed: pd.DataFrame) -> None:
    monkeypatch.setattr(sources, "table", lambda asked: changed.copy() if asked == name else SHIPPED(asked))


# --- the table ----------------------------------------------------------------------------------------


def test_the_stored_table_is_what_the_model_gives() -> None:
    stored = hindcast.stored()
    again = hindcast.build()
    assert not hindcast.differs(again, stored)
    worse = again.assign(model=again["model"] * 1.0001)
    assert hindcast.differs(worse, stored)


def test_the_entry_names_every_table_that_a_run_reads(monkeypatch) -> None:
    read: set[str] = set()

    def recorded(name: str) -> pd.DataFrame:
        read.add(name)
        return SHIPPED(name)

    from fiscal.markets import glide
    from fiscal.people import population

    for cached in (
        distributions._uniform_table, distributions._waived_years, distributions._start_ages,
        population.death_probability, population._base_death_probability, population._improvement,
        population._pandemic_ratio,
        glide._weights,
    ):  # fmt: skip
        cached.cache_clear()
    monkeypatch.setattr(sources, "table", recorded)
    for start in (hindcast.ICI_START, START):
        hindcast.compared(start)
    registered = set(sources.resource("hindcast").extra["inputs"])
    assert registered == set(hindcast.INPUTS)
    # assumptions are read through sources.assumption as well
    assert read | {"assumptions"} == registered, read ^ registered


def test_errors_are_measured_from_the_points() -> None:
    table = hindcast.stored()
    frame = hindcast.errors_by_lead(table).set_index(["quantity", "lead_years"])
    for quantity in hindcast.QUANTITIES:
        for lead, starts in ((1, 2), (7, 2), (8, 1), (13, 1)):
            points = table[
                (table["variant"] == "own_rules")
                & (table["series"] == "DOL")
                & (table["quantity"] == quantity)
                & (table["lead_years"] == lead)
            ]
            error = points["model"] / points["published"] - 1
            row = frame.loc[(quantity, lead)]
            assert row["starts"] == len(points) == starts
            assert row["mean_error"] == pytest.approx(error.mean(), abs=2e-5)
            assert row["mean_absolute_error"] == pytest.approx(error.abs().mean(), abs=2e-5)
            assert row["rmse"] == pytest.approx(np.sqrt((error**2).mean()), abs=2e-5)
    assert (frame["mean_error"].abs() <= frame["mean_absolute_error"] + 1e-12).all()
    assert (frame["mean_absolute_error"] <= frame["rmse"] + 1e-12).all()


def test_contributions_are_met_or_their_miss_is_explained() -> None:
    """Within 5 percent in 2023 once the number of savers is known; without, the miss grows with the lead."""
    table = hindcast.stored()
    rows = table[(table["quantity"] == "contributions") & (table["date"] == "2023-12-31")]
    error = rows.set_index(["start_year", "variant"])["error"]
    for start in hindcast.DOL_STARTS:
        assert abs(error[start.year, "deferrers_fed"]) <= TOLERANCE
    assert error[2010, "own_rules"] < error[2016, "own_rules"] < -TOLERANCE
    assert abs(error[2022, "model_levels"]) <= TOLERANCE


# --- what goes in and what may not --------------------------------------------------------------------


@pytest.mark.parametrize("start", [*hindcast.DOL_STARTS, hindcast.ICI_START])
def test_the_run_opens_with_the_published_stock_to_the_dollar(start) -> None:
    opening = found(start).inputs.opening_usd
    dol = SHIPPED("dol_5500").set_index("year")["assets_yearend_bn_usd"]
    published = 4600e9 if start.series == "ICI" else dol[start.year] * 1e9
    assert opening.sum() == pytest.approx(published, abs=1.0)
    assert (opening >= 0).all() and opening[1].sum() == 0


def test_levels_make_the_flows_of_the_start_year_come_out() -> None:
    fed = hindcast.world(START)
    before = hindcast.opening_balances(
        fed, fed.people.people_open[0], hindcast.stock_usd("DOL", START.year - 1)
    )
    run = hindcast.run(fed, hindcast.levels(fed), before, from_start_year=True)
    published = SHIPPED("dol_5500").set_index("year").loc[START.year] * 1e9
    assert run.elective_usd[0] == pytest.approx(published["participant_bn_usd"])
    assert run.employer_usd[0] == pytest.approx(published["employer_bn_usd"])
    assert run.benefits_usd[0] == pytest.approx(published["benefits_paid_bn_usd"])


def test_the_account_identity_holds_in_every_year() -> None:
    projection = found().projection
    assert projection.years.tolist() == list(range(2011, 2024))
    assert np.abs(projection.identity_residual_usd).max() <= 1e-9 * projection.identity_scale_usd.max()
    opening = projection.opening_usd[0, :, 0].sum(axis=1)
    np.testing.assert_allclose(opening[1:], found().assets_usd[:-1], rtol=1e-12)


@settings(max_examples=8, deadline=None)
@given(factor=st.floats(0.01, 100.0), variant=st.sampled_from(["own_rules", "deferrers_fed", "returns_fed"]))
def test_stock_and_contributions_in_proportion_give_everything_in_proportion(factor, variant) -> None:
    own = found(variant=variant)
    level = replace(
        own.levels,
        elective_scale=own.levels.elective_scale * factor,
        employer_scale=own.levels.employer_scale * factor,
    )
    opening = own.inputs.opening_usd[0].sum(axis=(0, 3)) * factor
    again = hindcast.run(own.world, level, opening, variant=variant)
    for name in ("elective_usd", "employer_usd", "outflow_usd", "assets_usd", "benefits_usd"):
        np.testing.assert_allclose(getattr(again, name), factor * getattr(own, name), rtol=1e-9)


def test_more_leave_when_the_factor_on_leaving_is_higher() -> None:
    own = found()
    opening = own.inputs.opening_usd[0].sum(axis=(0, 3))
    more = hindcast.run(own.world, replace(own.levels, outflow_scale=1.2 * own.levels.outflow_scale), opening)
    # withdrawals and rollovers by the factor; what passes to heirs is taken off what is left
    assert 1.15 < more.outflow_usd[0] / own.outflow_usd[0] < 1.2
    assert (more.assets_usd < own.assets_usd).all()


def test_a_year_earns_what_its_assets_earned_less_the_fee() -> None:
    """With no flows a run grows by the balance-weighted market return: the bounds are the assets' own."""
    table = SHIPPED("annual_returns").set_index("year")
    run = found()
    opening = run.assets_usd - run.return_usd - run.contributions_usd + run.outflow_usd
    rate = run.return_usd / (opening + (run.contributions_usd - run.outflow_usd) / 2)
    for year, own in zip(run.inputs.years, rate, strict=True):
        assets = table.loc[year, ["sp500_tr", "us_agg_bond_tr", "tbill_3m"]].astype(float)
        assert assets.min() - 0.01 < own < assets.max() + 0.01


LATER = [
    "employer_bn_usd", "participant_bn_usd", "others_incl_rollovers_bn_usd", "total_contributions_bn_usd",
    "benefits_paid_bn_usd", "assets_yearend_bn_usd", "active_participants", "total_participants", "return_rate",
]  # fmt: skip


def test_nothing_published_of_the_plans_after_the_start_year_goes_in(monkeypatch) -> None:
    dol = SHIPPED("dol_5500")
    changed = dol.copy()
    after = changed["year"] > START.year
    changed[LATER] = changed[LATER].astype(float)
    changed.loc[after, LATER] = changed.loc[after, LATER] * 1.7
    own, fed = found(), found(variant="participants_fed")
    with_table(monkeypatch, "dol_5500", changed)
    assert flows(hindcast.hindcast(START)) == flows(own)
    # the same change does reach a run that is told of it, and the start year's reaches this one
    told = hindcast.hindcast(START, "participants_fed")
    assert flows(told) != flows(fed)
    changed.loc[changed["year"] == START.year, LATER] *= 1.1
    with_table(monkeypatch, "dol_5500", changed)
    again = hindcast.hindcast(START)
    ratio = again.elective_usd / own.elective_usd  # the trend from ten years before is steeper too
    assert (ratio > 1.1).all() and (np.diff(ratio) > -1e-9).all()
    assert again.inputs.opening_usd.sum() == pytest.approx(own.inputs.opening_usd.sum() * 1.1)


def test_no_later_ici_stock_goes_in(monkeypatch) -> None:
    ici = SHIPPED("ici_assets")
    later = pd.to_datetime(ici["date"]) > f"{hindcast.ICI_START.year}-12-31"
    changed = ici.assign(k401_bn_usd=np.where(later, 2 * ici["k401_bn_usd"], ici["k401_bn_usd"]))
    own = found(hindcast.ICI_START)
    with_table(monkeypatch, "ici_assets", changed)
    assert flows(hindcast.hindcast(hindcast.ICI_START)) == flows(own)


def test_contributions_follow_the_wages_of_each_year(monkeypatch) -> None:
    wages = SHIPPED("bea_dc_1984_2025")
    changed = wages.copy()
    changed["private_wages_bn_usd"] *= np.where(changed["year"] == 2015, 1.1, 1.0)
    own = found()
    with_table(monkeypatch, "bea_dc_1984_2025", changed)
    again = hindcast.hindcast(START)
    ratio = again.elective_usd / own.elective_usd
    at = int(np.flatnonzero(again.inputs.years == 2015)[0])
    assert ratio[at] == pytest.approx(1.1)
    np.testing.assert_allclose(np.delete(ratio, at), 1.0)


ASSUME = {"coverage_damping": 0.9, "coverage_trend_years": 10.0, "coverage_window_years": 10.0}


@pytest.mark.parametrize("start", hindcast.DOL_STARTS)
def test_contributions_are_no_worse_than_the_naive_rule(start) -> None:
    """Told private wages, the damped trend of all contributions over them; the model is told no more."""
    dol = SHIPPED("dol_5500").set_index("year")["total_contributions_bn_usd"]
    wages = coverage.private_wages()
    years = found(start).inputs.years
    rule = coverage.damped_trend((dol / wages).dropna(), start.year, years, ASSUME) * wages[years]
    model = (found(start).contributions_usd + found(start).rolled_in_usd) / 1e9
    errors = [np.abs(one / dol[years] - 1).mean() for one in (model, rule)]
    assert errors[0] <= 1.1 * errors[1]


def test_a_trend_knows_nothing_of_later_years_and_ends_where_it_should() -> None:
    share = coverage.savers_over_wages()
    years = np.arange(2016, 2050)
    path = coverage.damped_trend(share, 2016, years, ASSUME)
    later = share.where(share.index <= 2016, 9.0)
    np.testing.assert_array_equal(coverage.damped_trend(later, 2016, years, ASSUME), path)
    steps = np.diff(path)
    np.testing.assert_allclose(steps[1:10] / steps[:9], 0.9)
    assert (steps[10:] == 0).all() and path[0] == share[2016]
    flat = coverage.damped_trend(share, 2016, years, ASSUME, scale=0.0)
    assert (flat == share[2016]).all()


def test_a_trend_from_a_year_before_the_table_is_refused_once() -> None:
    share = coverage.savers_over_wages()
    for start in (1995, 2004, 2040):
        with pytest.raises(InputError, match=f"trend that starts in {start}") as caught:
            coverage.damped_trend(share, start, np.arange(start, start + 3), ASSUME)
        assert len(caught.value.problems) == 1 and caught.value.problems[0].file == "dol_5500.csv"


def test_told_the_published_return_the_run_earns_it() -> None:
    run = found(variant="returns_fed")
    opening = run.assets_usd - run.return_usd - run.contributions_usd + run.outflow_usd
    rate = run.return_usd / (opening + (run.contributions_usd - run.outflow_usd) / 2)
    published = SHIPPED("dol_5500").set_index("year")["return_rate"][run.inputs.years]
    np.testing.assert_allclose(rate, published, atol=0.001)


# --- people, limits and law of past years --------------------------------------------------------------


def test_people_of_past_years_lie_between_the_julys_around_them() -> None:
    table = SHIPPED("past_population")
    totals = table.groupby("year")["persons"].sum()
    # the published totals, all ages
    assert totals.to_dict() == {2010: 309321666, 2015: 320635163, 2020: 331577720, 2024: 340110988}
    years = np.arange(2010, 2026)
    people = past.past_people(years, GRADIENT)
    adults = table[table["age"] >= 18].groupby("year")["persons"].sum()
    total = people.people_open.sum(axis=(1, 2))
    assert (np.diff(total) > 0).all()
    assert adults[2010] * 0.985 < total[0] < adults[2010]
    assert adults[2015] < total[years == 2016][0] < adults[2020]
    assert ((people.death_rate > 0) & (people.death_rate <= 1)).all()


def test_cohorts_are_followed_between_the_tables_years() -> None:
    """The many born in 1947 stand out at their own age in every year."""
    people = past.past_people(np.arange(2011, 2020), GRADIENT).people_open.sum(axis=2)
    for index, year in enumerate(range(2011, 2020)):
        before, born_1947 = year - 1 - 1945 - 18, year - 1 - 1947 - 18
        assert people[index, born_1947] > 1.2 * people[index, before]


def test_years_without_people_are_refused() -> None:
    with pytest.raises(InputError, match="2010 to 2025"):
        past.past_people(np.arange(2008, 2012), GRADIENT)
    with pytest.raises(InputError, match="2010 to 2025"):
        past.past_people(np.arange(2024, 2028), 2.0)


def test_past_limits_are_those_the_statute_gives() -> None:
    """From 2012: the fall of prices in 2009 left the limits where they were."""
    monthly = SHIPPED("monthly_prices")
    prices = pd.Series(monthly["cpi_u_nsa"].to_numpy(), index=monthly["month"].astype(str).str[:7])
    table = past.past_limits()
    for year in range(2012, 2026):
        for column, key in (
            ("elective_deferral_limit_usd", "law.limit_402g"),
            ("catch_up_limit_usd", "law.limit_catch_up"),
            ("compensation_limit_usd", "law.limit_401a17"),
        ):
            assert table.loc[year, column] == limits.indexed_by_law(key, year, prices), (column, year)
    assert table.index.is_unique and past.past_wages().index.is_unique
    assert (past.past_wages().diff().dropna() > 0).all()


def test_required_minimums_follow_the_table_and_waiver_of_the_year() -> None:
    births = (1949, 1951, 1960)

    def share(age: int, born: int, year: int | None = None) -> float:
        return float(distributions.required_minimum_share(age, born, births, year))

    assert share(71, 1944, 2015) == pytest.approx(1 / 26.5)
    assert share(75, 1940, 2015) == pytest.approx(1 / 22.9)
    assert share(75, 1945, 2020) == 0
    assert share(75, 1948, 2023) == share(75, 1948) == pytest.approx(1 / 24.6)


# --- the command ------------------------------------------------------------------------


def test_the_command_prints_the_errors(fiscal) -> None:
    answer = fiscal("hindcast", "--json")
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    frame = hindcast.errors_by_lead(hindcast.stored())
    assert len(told["by_lead"]) == len(frame)
    assert told["by_lead"][0]["rmse"] == pytest.approx(frame.iloc[0]["rmse"])
    assert len(told["points"]) == len(hindcast.stored())
    shown = fiscal("hindcast")
    assert shown.returncode == 0 and "own_rules" in shown.stdout and "lead years" in shown.stdout
