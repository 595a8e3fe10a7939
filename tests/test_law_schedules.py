"""The stored schedules as the projection uses them: shapes, monotone, exact where exactness is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal.base import sources
from fiscal.base.axes import ATTAINED_AGES, GROUP_SHARES, GROUPS
from fiscal.base.errors import InputError
from fiscal.law import schedules
from fiscal.law.build.holders import STATUSES
from fiscal.law.build.schedules import MULTIPLES, WITHDRAWAL_GRID_USD, left_out
from fiscal.law.years import LAW_YEARS
from fiscal.people.mobility import mobility_matrix

STILL = np.eye(len(GROUPS))
SURE = np.ones(len(ATTAINED_AGES))


@pytest.fixture(scope="module")
def stored() -> schedules.Schedules:
    return schedules.load()


def test_every_law_year_and_cell_is_stored(stored: schedules.Schedules) -> None:
    assert tuple(stored.law_years) == LAW_YEARS
    assert stored.curve_usd.shape == (len(LAW_YEARS), 8, 2, 12, len(WITHDRAWAL_GRID_USD))
    assert np.allclose(stored.holder_share.sum(axis=2), 1.0)
    assert tuple(stored.multiples) == MULTIPLES
    assert not stored.curve_usd.flags.writeable


def test_everybody_taking_the_same_is_the_raw_curve(stored: schedules.Schedules) -> None:
    found = stored.withdrawal_tax([2025, 2030, 2044], SURE, STILL, np.zeros(12), knots_per_doubling=1)
    grid = np.asarray(WITHDRAWAL_GRID_USD)
    for position, year in enumerate((2025, 2030, 2044)):
        row = list(stored.law_years).index(year)
        scale = stored.grid_usd[row, 1] / grid[1]
        for band, age in ((0, 26), (3, 62), (4, 67)):  # middles of their bands
            for group in (0, 5, 11):
                tax = found.tax(year, age, group, grid * scale)
                assert np.allclose(tax, stored.holder_curve_usd()[row, band, group], rtol=1e-9, atol=1e-6)
        assert np.allclose(found.knots_usd[position, -1], grid[-1] * scale)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.02, 1.0), st.floats(0.0, 2.2), st.floats(0.0, 1.0), st.sampled_from([2025, 2029, 2040, 2100, 2150]))
def test_tax_is_continuous_and_monotone(share: float, sigma: float, correlation: float, year: int) -> None:
    found = schedules.load().withdrawal_tax(
        [year], np.full(len(ATTAINED_AGES), share), mobility_matrix(round(correlation, 1)), np.full(12, sigma)
    )
    assert np.all(np.isfinite(found.tax_usd))
    assert np.all(found.tax_usd[..., 0] == 0)
    assert np.all(np.diff(found.tax_usd, axis=-1) >= -1e-9)
    slopes = np.diff(found.tax_usd[0], axis=-1) / np.diff(found.knots_usd[0])
    assert slopes.max() < 1.0
    assert np.all(np.diff(found.knots_usd) > 0)


def test_lognormal_integral_against_draws(stored: schedules.Schedules) -> None:
    share, sigma, mean = 0.3, 1.3, 10_000.0
    found = stored.withdrawal_tax(
        [2025], np.full(len(ATTAINED_AGES), share), STILL, np.full(12, sigma), knots_per_doubling=8
    )
    draws = np.random.default_rng(1).standard_normal(400_000)
    draws = np.concatenate([draws, -draws])
    taken = mean / share * np.exp(sigma * draws - 0.5 * sigma**2)
    group, age = 8, 67
    curve = stored.holder_curve_usd()[0, 4, group]
    sampled = share * np.interp(taken, stored.grid_usd[0], curve).mean()
    assert float(found.tax(2025, age, group, mean)) == pytest.approx(sampled, rel=0.01)


def test_spread_and_incidence_raise_the_tax_of_a_convex_curve(stored: schedules.Schedules) -> None:
    """Few people taking much pay more than all taking the average: ignoring it is the known error."""
    all_take = stored.withdrawal_tax([2025], SURE, STILL, np.zeros(12))
    some_take = stored.withdrawal_tax([2025], 0.3 * SURE, STILL, np.full(12, 1.3))
    for age in (62, 67, 76):
        low = sum(w * all_take.tax(2025, age, g, 8000.0) for g, w in enumerate(GROUP_SHARES))
        high = sum(w * some_take.tax(2025, age, g, 8000.0) for g, w in enumerate(GROUP_SHARES))
        assert high > 1.05 * low


def test_mobility_mixes_groups(stored: schedules.Schedules) -> None:
    mixed = stored.withdrawal_tax([2025], SURE, np.tile(GROUP_SHARES, (12, 1)), np.zeros(12))
    still = stored.withdrawal_tax([2025], SURE, STILL, np.zeros(12))
    average = np.einsum("g,agk->ak", GROUP_SHARES, still.tax_usd[0])
    assert np.allclose(mixed.tax_usd[0], average[:, None, :], rtol=1e-9, atol=1e-6)


def test_incidence_by_year(stored: schedules.Schedules) -> None:
    by_year = np.stack([0.3 * SURE, 0.5 * SURE, 0.3 * SURE])
    found = stored.withdrawal_tax([2030, 2031, 2032], by_year, STILL)
    single = stored.withdrawal_tax([2031], 0.5 * SURE, STILL)
    assert np.allclose(found.tax_usd[1], single.tax_usd[0])


def test_years_between_nodes_lie_between_them(stored: schedules.Schedules) -> None:
    found = stored.withdrawal_tax([2036, 2040, 2044], SURE, STILL, np.zeros(12))
    rate = found.tax_usd[..., 1:] / found.knots_usd[:, None, None, 1:]
    low, high = np.minimum(rate[0], rate[2]), np.maximum(rate[0], rate[2])
    assert np.all((rate[1] >= low - 1e-9) & (rate[1] <= high + 1e-9))


def test_withdrawal_rates_rise_with_group_and_amount(stored: schedules.Schedules) -> None:
    for status in range(len(STATUSES)):
        rate = stored.curve_usd[0, 4, status, :, 1:] / stored.grid_usd[0, 1:]
        # the top group at work pays the top rates from the first dollar on
        assert np.all(rate[:-1, -1] > rate[:-1, 0])
        assert np.all(rate[11] > rate[4])
        assert rate.min() >= 0 and rate.max() < 0.45


def test_working_share_one_and_zero_are_the_two_curves(stored: schedules.Schedules) -> None:
    row, grid = list(stored.law_years).index(2026), np.asarray(WITHDRAWAL_GRID_USD)
    scale = stored.grid_usd[row, 1] / grid[1]
    for share, status in ((1.0, "working"), (0.0, "not_working")):
        found = stored.withdrawal_tax(
            [2026], SURE, STILL, np.zeros(12), working_share=share * SURE, knots_per_doubling=1
        )
        for band, age in ((0, 26), (3, 62), (4, 67), (6, 76)):  # middles of their bands
            curve = np.maximum.accumulate(stored.curve_usd[row, band, STATUSES.index(status)], axis=-1)
            for group in (0, 5, 11):
                tax = found.tax(2026, age, group, grid * scale)
                assert np.allclose(tax, curve[group], rtol=1e-9, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.0, 1.0), st.sampled_from([2025, 2031, 2040, 2100]))
def test_working_share_mixes_linearly_and_stays_monotone(share: float, year: int) -> None:
    stored, mobility = schedules.load(), mobility_matrix(0.6)

    def tax(working: np.ndarray) -> np.ndarray:
        return stored.withdrawal_tax([year], 0.4 * SURE, mobility, working_share=working).tax_usd[0]

    mixed, by_age = tax(share * SURE), np.where(ATTAINED_AGES < 70, share, 0.0)
    assert np.allclose(mixed, share * tax(SURE) + (1 - share) * tax(0 * SURE), rtol=1e-9, atol=1e-6)
    assert np.all(np.diff(mixed, axis=-1) >= -1e-9)
    assert np.array_equal(tax(by_age)[ATTAINED_AGES < 70], mixed[ATTAINED_AGES < 70])
    assert np.array_equal(tax(by_age)[ATTAINED_AGES >= 70], tax(0 * SURE)[ATTAINED_AGES >= 70])


def test_working_share_by_year(stored: schedules.Schedules) -> None:
    by_year = np.stack([0.3 * SURE, 0.6 * SURE])
    found = stored.withdrawal_tax([2030, 2031], SURE, STILL, working_share=by_year)
    single = stored.withdrawal_tax([2031], SURE, STILL, working_share=0.6 * SURE)
    assert np.allclose(found.tax_usd[1], single.tax_usd[0])


def test_default_lies_between_the_two_curves(stored: schedules.Schedules) -> None:
    found = stored.withdrawal_tax([2026], SURE, STILL).tax_usd
    ends = [stored.withdrawal_tax([2026], SURE, STILL, working_share=s * SURE).tax_usd for s in (0, 1)]
    assert np.all(found >= np.minimum(*ends) - 1e-6) and np.all(found <= np.maximum(*ends) + 1e-6)


def test_people_at_work_pay_more_on_a_withdrawal(stored: schedules.Schedules) -> None:
    row, point = list(stored.law_years).index(2026), list(WITHDRAWAL_GRID_USD).index(32_000.0)
    people = GROUP_SHARES @ np.moveaxis(stored.curve_usd[row, 3:, :, :, point], -1, 0).reshape(12, -1)
    at_work, retired = people.reshape(-1, 2).T
    assert np.all(at_work > 1.1 * retired)


def test_ages_are_those_attained_in_the_year(stored: schedules.Schedules) -> None:
    rates = stored.deferral([2026], STILL).employer_rate[0]
    at = {int(age): rates[index] for index, age in enumerate(ATTAINED_AGES)}  # the axis is that of the model's cells
    assert len(at) == len(rates) and min(at) == 19
    assert np.array_equal(at[45], at[54]) and not np.array_equal(at[44], at[45])
    found = stored.withdrawal_tax([2026], SURE, STILL)
    position = list(ATTAINED_AGES).index(67)
    assert found.tax(2026, 67, 5, found.knots_usd[0, 9]) == found.tax_usd[0, position, 5, 9]


def test_deferral_rates(stored: schedules.Schedules) -> None:
    rates = stored.deferral(np.arange(2025, 2105), mobility_matrix(0.6))
    assert rates.deferral_rate.shape == (80, len(ATTAINED_AGES), 12, len(MULTIPLES))
    working = (ATTAINED_AGES >= 26) & (ATTAINED_AGES < 65)
    top = rates.deferral_rate[0][working]
    assert np.all(top[:, 11, 4] > top[:, 4, 4])
    assert np.allclose(rates.saved_at(1.0), rates.deferral_rate[..., 4])
    assert np.allclose(rates.saved_at(0.0), 0.0)
    half = rates.saved_at(0.5)
    assert np.allclose(half, 0.5 * rates.deferral_rate[..., 2])
    assert np.all((rates.oasdi_rate >= 0) & (rates.oasdi_rate <= 0.124 + 1e-9))
    assert np.all((rates.hi_rate >= 0.029 - 1e-4) & (rates.hi_rate <= 0.038 + 1e-4))
    with pytest.raises(InputError, match="multiple"):
        rates.saved_at(-0.1)


def test_dollar_weighted_levels_are_near_the_marginal_rates_computed_apart(stored: schedules.Schedules) -> None:
    profile = sources.table("contribution_profile")
    people = profile["persons"].to_numpy().reshape(8, 12)
    deferred = (people * stored.deferred_usd[0, :, :, 4]).sum()
    rate = (people * stored.saved_usd[0, :, :, 4]).sum() / deferred
    check = sources.table("marginal_rates_check")
    wages = check[(check["margin"] == "wage_of_head") & (check["year"] == 2025) & (check["age"] == "18-74")]
    everybody = wages[wages["income_from_usd"].isna() & wages["income_to_usd"].isna()]["mtr_income_weighted"]
    assert rate == pytest.approx(float(everybody.iloc[0]), abs=0.04)


def test_outside_rates(stored: schedules.Schedules) -> None:
    interest, dividends, gains = stored.outside([2025, 2050], STILL)
    assert interest.shape == (2, len(ATTAINED_AGES), 12)
    top = interest[:, ATTAINED_AGES == 50, 11]
    assert np.all(dividends[:, ATTAINED_AGES == 50, 11] < top) and np.all(gains[:, ATTAINED_AGES == 50, 11] < top)
    assert np.all(interest[:, :, 11] > 0.2)


@pytest.mark.parametrize(
    ("years", "incidence", "mobility", "word"),
    [
        ([2025], SURE, np.ones((12, 12)), "sum to 1"),
        ([2025], SURE, np.eye(11), "income_group"),
        ([2025], np.zeros(len(ATTAINED_AGES)), STILL, "incidence"),
        ([2025], np.ones((3, len(ATTAINED_AGES))), STILL, "incidence"),
    ],
)
def test_bad_arguments_are_named(
    stored: schedules.Schedules, years: list[int], incidence: np.ndarray, mobility: np.ndarray, word: str
) -> None:
    with pytest.raises(InputError, match=word):
        stored.withdrawal_tax(years, incidence, mobility)


@pytest.mark.parametrize("share", [1.5 * SURE, -0.1 * SURE, np.nan * SURE, 0.5, np.ones(3)])
def test_a_bad_working_share_is_named(stored: schedules.Schedules, share: np.ndarray | float) -> None:
    with pytest.raises(InputError, match="working_share"):
        stored.withdrawal_tax([2025], SURE, STILL, working_share=share)


def test_contribution_profile_totals_and_limits() -> None:
    """2025 is a check of the ageing from W-2 2020 and DOL 2023, not a target: it must come out."""
    profile = sources.table("contribution_profile")
    own = (profile["persons"] * profile["elective_deferral_usd"]).sum() / 1e9
    employer = (profile["persons"] * profile["employer_usd"]).sum() / 1e9
    assert 430 <= own <= 475
    assert 230 <= employer <= 255
    above = profile[[f"above_{p}_usd" for p in (25, 50, 75, 90, 100)]].to_numpy()
    assert np.all(np.diff(above, axis=1) <= 1e-9) and np.all(above[:, -1] == 0)
    assert np.all(above[:, 0] <= profile["elective_deferral_usd"])
    young = profile[profile["age_band"].isin(["18-25", "26-34", "35-44"])]
    assert (young["catch_up_usd"] == 0).all()
    shares = profile.groupby("age_band")["persons"].transform("sum")
    wanted = np.tile(GROUP_SHARES, 8)
    assert np.allclose(profile["persons"] / shares, wanted, atol=0.003)


def test_group_sigma_falls_with_income() -> None:
    sigma = schedules.group_sigma()
    assert sigma.shape == (12,)
    assert np.all(np.diff(sigma) <= 1e-9)
    assert 0.8 <= sigma[-1] <= 1.2 and 1.3 <= sigma[0] <= 2.2


def test_show_names_a_year_that_is_none() -> None:
    table = schedules.show(2030)
    assert list(table["group"]) == list(GROUPS)
    contributed = ["deferral_rate", "employer_rate"]
    assert np.all(np.isfinite(table.drop(columns=["group", *contributed]).to_numpy(float)))
    # groups that contribute nothing have no rate: the lowest, and none above the first that has one
    for column in contributed:
        missing = table[column].isna().to_numpy()
        assert missing[0] and not missing[4:].any()
    with pytest.raises(InputError, match="no such law year"):
        schedules.show(2041)


def test_a_build_that_lacks_cells_is_refused(tmp_path) -> None:
    for name in ("deferral_schedule", "withdrawal_curve", "outside_rates"):
        table = sources.table(name)
        (table.iloc[1:] if name == "withdrawal_curve" else table).to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(InputError, match="withdrawal_curve"):
        schedules.load(tmp_path)


def test_a_build_of_the_old_layout_is_refused(tmp_path) -> None:
    for name in ("deferral_schedule", "withdrawal_curve", "outside_rates"):
        table = sources.table(name)
        table.drop(columns="status", errors="ignore").to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(InputError, match="working status"):
        schedules.load(tmp_path)


def test_a_stored_build_reads_like_the_data(tmp_path, stored: schedules.Schedules) -> None:
    for name in ("deferral_schedule", "withdrawal_curve", "outside_rates"):
        shuffled: pd.DataFrame = sources.table(name).sample(frac=1.0, random_state=3)
        shuffled.to_csv(tmp_path / f"{name}.csv", index=False)
    again = schedules.load(tmp_path)
    for part in dataclasses.fields(stored):
        if part.name == "sha256":  # of a build's files alone; those of the data folder are in every run's record
            continue
        assert np.array_equal(getattr(again, part.name), getattr(stored, part.name)), part.name


def test_the_spouse_s_expected_draw_stays_in_the_income_below_a_withdrawal() -> None:
    couple = np.array([False, True])
    left = left_out(0.4, couple, 0.5)
    np.testing.assert_allclose(left, [0.4, 0.2])
    # with the spouse's part all of it, nothing of a couple's income is left out; with none, as for one person
    np.testing.assert_allclose(left_out(0.4, couple, 1.0), [0.4, 0.0])
    np.testing.assert_allclose(left_out(0.4, couple, 0.0), [0.4, 0.4])
