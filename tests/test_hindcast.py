"""The model started in past years: what goes in, what may not, errors beside naive rules, bands and their test."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal import scenario as scenarios
from fiscal.base import memo, sources
from fiscal.base.errors import InputError
from fiscal.engine import draws, past_errors
from fiscal.law import distributions, limits
from fiscal.people import coverage, past
from fiscal.people.population import MortalityGradient
from fiscal.studies import hindcast, ira_hindcast, naive, past_bands, past_record, skill, skill_study
from fiscal.studies.past_projection import Prepared, Responses, responses

SHIPPED = sources.table  # before any test replaces it
GRADIENT = MortalityGradient(2.0, 65, 95)
START = 2018
TOLD = "actual_wages_and_returns"


@pytest.fixture(autouse=True)
def _nothing_remembered_of_a_patched_table():
    memo.forget()
    yield
    memo.forget()


@cache
def ready(start: int = START, told: str = TOLD) -> Prepared:
    return hindcast.prepared(hindcast.world(start, told))


@cache
def found(start: int = START, told: str = TOLD) -> hindcast.Hindcast:
    return hindcast.run(ready(start, told))


@cache
def answers() -> dict[str, pd.DataFrame]:
    return skill.answers()


def flows(run: hindcast.Hindcast) -> bytes:
    return b"".join(run.of(quantity).tobytes() for quantity in past_record.QUANTITIES)


def with_table(monkeypatch: pytest.MonkeyPatch, **changed: pd.DataFrame) -> None:
    monkeypatch.setattr(sources, "table", lambda asked: changed[asked].copy() if asked in changed else SHIPPED(asked))


# --- the stored study ---------------------------------------------------------------------------------


def test_the_stored_study_is_what_the_model_gives() -> None:
    assert skill_study.differs([START]) == []
    stored = sources.table("hindcast")
    worse = stored.assign(model=stored["model"] * 1.001)
    assert skill_study._unlike(worse, stored) == ["model"]


def test_the_entry_names_every_table_that_a_run_reads(monkeypatch) -> None:
    read: set[str] = set()

    def recorded(name: str) -> pd.DataFrame:
        read.add(name)
        return SHIPPED(name)

    monkeypatch.setattr(sources, "table", recorded)
    hindcast.hindcast(2022, "none")
    naive.forecast("damped_trend", 2022, "none")
    assert read <= set(skill_study.INPUTS)
    assert set(sources.resource("hindcast").extra["inputs"]) == set(skill_study.INPUTS)


def test_every_start_quantity_and_conditioning_is_there() -> None:
    errors = answers()["errors"]
    for quantity in past_record.QUANTITIES:
        for told in past_record.KNOWN:
            own = errors[(errors["quantity"] == quantity) & (errors["conditioning"] == told)]
            pairs = {(s, lead) for s in past_record.STARTS for lead in range(1, past_record.LAST_OUTCOME - s + 1)}
            assert set(zip(own["start"], own["lead_years"], strict=True)) == pairs
    assert np.isfinite(errors[["error", "naive_error"]].to_numpy()).all()


def test_errors_by_lead_are_means_over_the_starts() -> None:
    errors = answers()["errors"]
    for row in answers()["by_lead"].itertuples():
        own = errors[
            (errors["quantity"] == row.quantity)
            & (errors["conditioning"] == row.conditioning)
            & (errors["lead_years"] == row.lead_years)
        ]
        assert row.starts == len(own)
        if row.quantity in past_record.QUANTITIES:
            assert row.starts == len(past_record.STARTS) - row.lead_years + 1
        assert row.mean_absolute_error == pytest.approx(own["error"].abs().mean())
        assert abs(row.mean_error) <= row.mean_absolute_error + 1e-12 <= row.rmse + 2e-12
        assert row.skill == pytest.approx(1 - row.mean_absolute_error / row.naive_mean_absolute_error)


def test_the_naive_rule_beside_the_model_is_the_best_of_them() -> None:
    table = sources.table("hindcast")
    leads = answers()["by_lead"]
    for rule in naive.RULES:
        size = (table[rule] / table["published"] - 1).abs()
        means = size.groupby([table[key] for key in skill.ERROR_KEYS], sort=False).mean()
        beside = leads.set_index(skill.ERROR_KEYS)["naive_mean_absolute_error"]
        assert (beside <= means.reindex(beside.index).fillna(np.inf) + 1e-12).all()


def test_aims_on_benefits_with_three_starts_or_more_are_met() -> None:
    """A cohort model knows how many retire."""
    aims = answers()["aims"]
    own = aims[(aims["quantity"] == "benefits") & (aims["starts"] >= 3)]
    assert own["met"].all() and len(own)


# --- naive rules --------------------------------------------------------------------------------------


def test_a_rule_knows_nothing_of_later_plans_and_conserves_money(monkeypatch) -> None:
    before = {rule: naive.forecast(rule, START, "none") for rule in naive.RULES}
    table = SHIPPED("dol_401k_1984_2023")
    columns = ["contributions_bn_usd", "benefits_bn_usd", "assets_bn_usd"]
    table.loc[table["year"] > START, columns] *= 1.7
    with_table(monkeypatch, dol_401k_1984_2023=table)
    for rule, own in before.items():
        pd.testing.assert_frame_equal(naive.forecast(rule, START, "none"), own)
        opening = own["assets"].shift().fillna(past_record.published()["assets"][START])
        net = own["contributions"] - own["benefits"]
        rate = (own["assets"] - opening - net) / (opening + net / 2)
        np.testing.assert_allclose(rate, past_record.plan_return_rule(START))


def test_the_published_error_of_the_damped_trend_comes_out() -> None:
    """Contributions and assets at seven years over starts 1995 to 2016: 4.3 and 1.1 percent, as first computed."""
    record = past_record.published()
    errors = {"contributions": [], "assets": []}
    for start in range(1995, 2017):
        rule = naive.forecast("damped_trend", start, TOLD)
        for quantity, found_ in errors.items():
            found_.append(abs(rule[quantity][start + 7] / record[quantity][start + 7] - 1))
    assert 100 * np.mean(errors["contributions"]) == pytest.approx(4.3, abs=0.1)
    assert 100 * np.mean(errors["assets"]) == pytest.approx(1.1, abs=0.1)


# --- what goes in and what may not --------------------------------------------------------------------

LATER = [
    "employer_bn_usd", "participant_bn_usd", "others_incl_rollovers_bn_usd", "total_contributions_bn_usd",
    "benefits_paid_bn_usd", "assets_yearend_bn_usd", "active_participants", "total_participants", "return_rate",
]  # fmt: skip


def test_nothing_of_the_plans_after_the_start_goes_in(monkeypatch) -> None:
    own, given = flows(found(START, "none")), hindcast.run(ready(START, "actual_wages"))
    dol, totals = SHIPPED("dol_5500"), SHIPPED("dol_401k_1984_2023")
    dol[LATER] = dol[LATER].astype(float)
    dol.loc[dol["year"] > START, LATER] *= 1.7
    totals = totals.astype({"contributions_bn_usd": float})
    totals.loc[totals["year"] > START, ["contributions_bn_usd", "benefits_bn_usd", "assets_bn_usd"]] *= 1.7
    wages = SHIPPED("bea_dc_1984_2025")
    wages.loc[wages["year"] > START, "private_wages_bn_usd"] *= 1.3
    with_table(monkeypatch, dol_5500=dol, dol_401k_1984_2023=totals, bea_dc_1984_2025=wages)
    memo.forget()
    assert flows(hindcast.hindcast(START, "none")) == own
    # given wages, the change of wages reaches contributions in proportion
    told = hindcast.hindcast(START, "actual_wages")
    ratio = told.contributions_usd / given.contributions_usd
    np.testing.assert_allclose(ratio, 1.3)


def test_the_run_opens_with_the_published_stock_and_the_level_of_benefits() -> None:
    own = ready()
    assert own.opening_usd.sum() == pytest.approx(past_record.published()["assets"][START] * 1e9)
    assert (own.opening_usd >= 0).all() and 0.5 < own.outflow_scale < 2


def test_money_is_conserved_at_the_return_that_is_told() -> None:
    run = found()
    opening = np.concatenate([[past_record.published()["assets"][START]], run.of("assets")[:-1]])
    net = run.of("contributions") - run.of("benefits")
    rate = (run.of("assets") - opening - net) / (opening + net / 2)
    fed = ready().fed
    np.testing.assert_allclose(rate, fed.plan_return[fed.ahead], atol=0.004)


def test_conditioning_tells_what_it_says() -> None:
    years = np.arange(START, 2024)
    actual = coverage.private_wages()[years].to_numpy()
    np.testing.assert_array_equal(past_record.told_wages(START, years, True), actual)
    by_rule = past_record.told_wages(START, years, False)
    np.testing.assert_allclose(by_rule[1:] / by_rule[:-1], 1 + past_record.wage_growth(START))
    assert by_rule[0] == actual[0]
    returns = past_record.told_returns(START, years, False)
    assert len(set(returns[1:])) == 1 and returns[0] == past_record.published()["return"][START]


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_responses_give_the_run_on_other_returns(seed) -> None:
    """To four percent: rates of leaving are of opening balances, so a run is not quite linear in returns."""
    own = ready(2014, "none")
    fed = own.fed
    answer = _responses(2014)
    returns = np.random.default_rng(seed).normal(0.07, 0.12, len(fed.ahead))
    path = fed.plan_return.copy()
    path[fed.ahead] = returns
    run = hindcast.run(replace(own, fed=replace(fed, plan_return=path)))
    paid_in = fed.contribution_usd[fed.ahead].sum(axis=(1, 2, 3))[None]
    left, held = answer.run(own.opening_usd.sum(), paid_in, returns[None])
    np.testing.assert_allclose(held[0], run.assets_usd, rtol=0.04)
    np.testing.assert_allclose(left[0] + fed.rolled_in_usd[fed.ahead], run.benefits_usd, rtol=0.04)


@cache
def _responses(start: int) -> Responses:
    return responses(ready(start, "none"))


def test_a_start_knows_only_the_law_of_its_time() -> None:
    births = (1949, 1951, 1960)

    def share(age: int, born: int, year: int, by: int | None) -> float:
        return float(distributions.required_minimum_share(age, born, births, year, enacted_by=by))

    assert share(71, 1949, 2020, 2018) > 0 and share(71, 1949, 2020, 2019) == 0  # SECURE Act
    assert share(75, 1945, 2020, 2019) > 0 and share(75, 1945, 2020, 2020) == 0  # CARES Act
    assert share(72, 1951, 2023, 2021) > 0 and share(72, 1951, 2023, 2022) == 0  # SECURE 2.0
    assert share(75, 1947, 2022, 2019) == pytest.approx(1 / 22.9)
    assert share(75, 1947, 2022, 2020) == share(75, 1947, 2022, None) == pytest.approx(1 / 24.6)


# --- bands --------------------------------------------------------------------------------------------


def _errors(value=lambda start, lead: start + lead / 100) -> pd.DataFrame:
    rows = [(s, lead, value(s, lead)) for s in past_record.STARTS for lead in range(1, 2024 - s)]
    return pd.DataFrame(rows, columns=["start", "lead_years", "residual"])


RULE = pd.DataFrame(
    [(s, lead, 0.01 * lead) for s in past_bands.NAIVE_STARTS for lead in range(1, 2024 - s)],
    columns=["start", "lead_years", "residual"],
)


@pytest.mark.parametrize("start", past_record.STARTS)
def test_no_error_of_an_overlapping_window_enters_a_band(start) -> None:
    for lead in range(1, min(past_bands.LONGEST_BAND, 2023 - start) + 1):
        one = past_errors.serving(_errors(), RULE, start, lead)
        assert one.windows >= past_errors.FEWEST_WINDOWS
        np.testing.assert_array_equal(one.starts, np.floor(one.errors))
        before, after = one.starts + one.use <= start, one.starts >= start + lead
        assert (before | after).all()
        if one.which.endswith("known"):
            assert before.all()
        assert one.growth == (1.0 if one.use == lead else pytest.approx(lead / one.use))


def test_from_the_last_published_year_every_error_is_known() -> None:
    """Also for leads that no start has: the longest that enough windows reach, widened."""
    for lead in range(1, 15):
        one = past_errors.serving(_errors(), RULE, past_record.LAST_OUTCOME, lead)
        assert one.which.endswith("known")
        assert len(one.starts) == len(past_record.STARTS) - one.use + 1


@given(st.sets(st.integers(2010, 2022), min_size=1), st.integers(1, 12))
def test_windows_that_do_not_overlap_are_counted(starts, lead) -> None:
    count = past_errors.independent_windows(starts, lead)
    assert 1 <= count <= min(len(starts), (max(starts) - min(starts)) // lead + 1)
    assert past_errors.independent_windows(starts, 1) == len(starts)


def _sample(errors: np.ndarray, windows: int | None = None) -> past_errors.Serving:
    starts = np.arange(2010, 2010 + len(errors))
    return past_errors.Serving(starts=starts, errors=errors, use=1, windows=windows or len(errors), which="known")


@pytest.mark.parametrize("bias", [0.0, -0.3])
def test_draws_predict_one_more_error_of_a_sample_with_its_bias(bias) -> None:
    """A band of four in five of errors whose mean and variance nobody knows, however far they are from zero."""
    rng = np.random.default_rng(1)
    held = []
    for _ in range(400):
        errors = rng.normal(bias, 0.1, 6)
        drawn = past_errors.draw({("benefits", 1): _sample(errors)}, 1000, rng)["benefits", 1]
        low, high = np.quantile(drawn, past_bands.TAILS)
        held.append(low <= rng.normal(bias, 0.1) <= high)
    assert np.mean(held) == pytest.approx(0.8, abs=0.06)


def test_draws_are_joint_as_the_errors_were() -> None:
    """One weight per start: what missed together is drawn together, over quantities and leads."""
    rng = np.random.default_rng(2)
    errors = rng.normal(0, 0.1, 8)
    served = {
        ("contributions", 1): _sample(errors),
        ("contributions", 2): _sample(2 * errors),
        ("benefits", 1): _sample(-errors),
    }
    drawn = past_errors.draw(served, 500, np.random.default_rng(0))
    np.testing.assert_allclose(drawn["contributions", 2], 2 * drawn["contributions", 1])
    np.testing.assert_allclose(drawn["benefits", 1], -drawn["contributions", 1])


def test_fewer_windows_that_do_not_overlap_widen_the_draws() -> None:
    errors = np.random.default_rng(3).normal(0, 0.1, 9)
    widths = []
    for windows in (9, 5, 3):
        drawn = past_errors.draw({("assets", 1): _sample(errors, windows)}, 4000, np.random.default_rng(0))
        low, high = np.quantile(drawn["assets", 1], past_bands.TAILS)
        widths.append(high - low)
    assert widths == sorted(widths) and widths[0] < widths[-1] / 1.3


def test_bands_are_of_published_outcomes_alone() -> None:
    table = sources.table("hindcast_bands")
    assert not table.duplicated(["quantity", "start", "lead_years"]).any()
    scores = ["published", "median", "low", "high", "crps", "interval_score"]
    assert np.isfinite(table[scores].to_numpy()).all()
    assert (table["start"] + table["lead_years"] <= past_record.LAST_OUTCOME).all()
    iras = table[table["quantity"] == ira_hindcast.QUANTITY]
    assert len(iras) and not (iras["start"] + iras["lead_years"] == 2018).any()  # not on the return


def test_coverage_counts_what_the_stored_bands_held() -> None:
    table = sources.table("hindcast_bands")
    inside = (table["published"] >= table["low"]) & (table["published"] <= table["high"])
    for row in past_bands.coverage_table(table).itertuples():
        at = (table["quantity"] == row.quantity) & (table["lead_years"] == row.lead_years)
        assert (row.held, row.of) == (int(inside[at].sum()), int(at.sum()))
        assert row.held_share == row.held / row.of and row.band == 0.8
        assert 1 <= row.independent_windows <= row.of
        for interval in (row.interval, row.bootstrap_interval):
            if interval is not None:
                assert 0 <= interval[0] <= row.held_share <= interval[1] <= 1


@given(st.integers(1, 13), st.data())
def test_the_exact_interval_is_clopper_and_pearsons(windows, data) -> None:
    from scipy.stats import binomtest

    inside = data.draw(st.integers(0, windows))
    exact = binomtest(inside, windows).proportion_ci(past_bands.INTERVAL, method="exact")
    own = past_bands.exact_interval(inside / windows, windows)
    np.testing.assert_allclose(own, [exact.low, exact.high], atol=1e-9)


@pytest.mark.parametrize("hits", [[True] * 9, [False] * 9])
def test_hits_that_do_not_vary_have_no_bootstrap_and_no_point_as_interval(hits) -> None:
    assert past_bands.bootstrap_interval(np.array(hits), 5) is None
    low, high = past_bands.exact_interval(float(np.mean(hits)), 2)
    assert high - low > 0.5


def test_paths_are_around_the_rules() -> None:
    rng = np.random.default_rng(0)
    paths = past_bands.market_paths(START, 5, 4000, rng)
    assert np.log1p(paths).mean() == pytest.approx(np.log1p(past_record.plan_return_rule(START)), abs=0.01)
    wages = np.log(draws.wage_ratios(START, 5, 4000, rng))
    np.testing.assert_allclose(wages.mean(axis=0), 0, atol=0.01)
    assert (np.diff(wages.std(axis=0)) > 0).all()


@pytest.mark.parametrize(
    ("key", "value"), [("assumptions.coverage_window_years", 6), ("withdrawals.rollover_scale", 1.3)]
)
def test_a_band_draws_what_no_hindcast_shows(key, value) -> None:
    """What moves a hindcast five years ahead is in its errors; what its published level takes up is drawn."""
    other = hindcast.hindcast(START, "none", scenarios.load("baseline", {key: value}).settings)
    base = found(START, "none")
    moves = max(abs(np.log(other.of(name) / base.of(name))[4]) for name in past_record.QUANTITIES)
    assert (moves >= draws.LEAST_SHOWN) != (key in set(draws.unseen()["key"]))


def test_no_aim_is_counted_twice() -> None:
    aims = answers()["aims"]
    assert not aims.duplicated(["quantity", "lead_years", "ratio"]).any()


def test_joint_draws_stay_in_range_and_linked_ones_move_together() -> None:
    varied = draws.cases()
    made = pd.DataFrame(draws.joint(varied, 40))
    for row in varied.itertuples():
        low, high = min(row.low, row.value), max(row.high, row.value)
        assert made[row.key].between(low - 1e-9, high + 1e-9).all(), row.key
    ages = [key for key in made if key.startswith("assumptions.spouse_share_")]
    assert len(ages) > 2 and (made[ages].corr(method="spearman").to_numpy() > 0.99).all()
    with pytest.raises(InputError, match="too few draws"):
        draws.joint(varied, 1)


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


# --- the trend of coverage ----------------------------------------------------------------------------

ASSUME = {"coverage_damping": 0.9, "coverage_trend_years": 10.0, "coverage_window_years": 10.0}


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


# --- the command ------------------------------------------------------------------------


def test_the_command_prints_errors_and_coverage(fiscal) -> None:
    answer = fiscal("hindcast", "--json")
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert {"quantity", "conditioning", "start", "lead_years", "error", "naive_error"} <= set(told["errors"][0])
    assert {
        "quantity", "conditioning", "lead_years", "starts", "mean_error", "mean_absolute_error", "rmse",
        "naive_mean_absolute_error", "skill",
    } <= set(told["by_lead"][0])  # fmt: skip
    assert {
        "quantity", "lead_years", "band", "held", "of", "independent_windows", "held_share", "interval"
    } <= set(told["coverage"][0])  # fmt: skip
    assert len(told["coverage"][0]["interval"]) == 2 and told["later_information"]
    one = json.loads(fiscal("hindcast", "--start", "2016", "--lead", "3", "--json").stdout)
    assert {row["start"] for row in one["errors"]} == {2016} and {row["lead_years"] for row in one["errors"]} == {3}
    assert fiscal("hindcast").returncode == 0


def test_wrong_arguments_are_listed_at_once(fiscal) -> None:
    answer = fiscal("hindcast", "--start", "2009", "--start", "x", "--lead", "-1", "--draws", "3")
    assert answer.returncode == 2 and "Traceback" not in answer.stderr
    for key in ("--start", "--lead", "--draws", "2010 to 2022"):
        assert key in answer.stderr
    assert fiscal("hindcast", "--lead", "").returncode == 2


def test_a_lead_without_a_band_has_no_row_and_one_without_an_outcome_is_refused(fiscal) -> None:
    assert skill.answers(lead=12)["coverage"].empty
    answer = fiscal("hindcast", "--start", "2022", "--lead", "5")
    assert answer.returncode == 2 and "no outcome is published" in answer.stderr
