"""People: conserved, linear, on CBO's totals, and alive as long as the life table says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal.base import sources
from fiscal.base.axes import AGES_AT_OPENING, FIRST_YEAR, GROUP_SHARES, LAST_YEAR, RUN_OFF_LAST_YEAR
from fiscal.base.errors import InputError
from fiscal.base.opening import HEADLINE
from fiscal.people import population
from fiscal.people.population import MortalityGradient

HORIZON = range(FIRST_YEAR, LAST_YEAR + 2)


def gradient_of(ratio: float) -> MortalityGradient:
    return MortalityGradient(ratio, 65, 95)


GRADIENT = gradient_of(2.0)


@pytest.fixture(scope="module")
def people() -> population.Population:
    return population.project(range(FIRST_YEAR, RUN_OFF_LAST_YEAR + 1), income_gradient=GRADIENT)


def at(people: population.Population, year: int, first: int, last: int) -> float:
    chosen = (people.ages >= first) & (people.ages <= last)
    return float(people.people_open[year - FIRST_YEAR, chosen].sum())


def test_people_are_conserved_in_every_cell(people):
    scale = people.people_open.max()
    assert np.abs(people.conservation_residual()).max() <= 1e-9 * scale
    assert np.array_equal(people.people_open[1:, 0], people.entrants[1:])


def test_totals_are_those_of_the_projection_and_not_of_the_recursion(people):
    """The cells add up to the independent January totals, so migration really closes the gap."""
    years, july = population.july_population()
    for year in (2026, 2040, 2075, 2100):
        index = year - int(years[0])
        january = (july[index - 1] + july[index]).sum(axis=0)[AGES_AT_OPENING[0] :] / 2.0
        np.testing.assert_allclose(people.people_open[year - FIRST_YEAR].sum(axis=1), january, rtol=1e-9)


def test_everybody_at_the_last_age_dies(people):
    np.testing.assert_array_equal(people.deaths[:, -1], people.people_open[:, -1])
    assert not people.migration[:, -1].any()


def test_nobody_is_negative_and_rates_are_rates(people):
    assert people.people_open.min() >= 0.0
    rate = people.death_rate
    assert rate.min() >= 0.0 and rate.max() <= 1.0
    empty = people.people_open == 0.0
    assert empty.any() and not rate[empty].any()
    assert not people.deaths[empty].any()


def test_run_off_closes(people):
    after = people.years > LAST_YEAR
    assert not people.entrants[after].any() and not people.migration[after].any()
    last = list(people.years).index(LAST_YEAR + AGES_AT_OPENING[-1] - AGES_AT_OPENING[0])
    assert not people.people_open[last, :-1].any() and people.people_open[last, -1].all()
    assert not people.people_open[last + 1 :].any()


def test_arrays_are_read_only(people):
    for array in (people.people_open, people.deaths, people.migration, people.entrants, people.death_rate):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


@settings(deadline=None, max_examples=15)
@given(power=st.integers(-20, 20), gradient=st.floats(1.0, 4.0))
def test_a_power_of_two_scales_to_the_bit(power, gradient):
    one = population.project(HORIZON, income_gradient=gradient_of(gradient))
    scaled = population.project(HORIZON, income_gradient=gradient_of(gradient), scale=2.0**power)
    for name in ("people_open", "deaths", "migration", "entrants"):
        assert np.array_equal(getattr(scaled, name), getattr(one, name) * 2.0**power), name


def test_run_off_years_change_no_earlier_year(people):
    short = population.project(HORIZON, income_gradient=GRADIENT)
    assert np.array_equal(short.people_open, people.people_open[: len(HORIZON)])
    assert np.array_equal(short.deaths, people.deaths[: len(HORIZON)])


def test_totals_are_cbos():
    years, july = population.july_population()
    published = sources.table("cbo_population").set_index("year")[population.CBO_COLUMN].dropna()
    for year in (2024, 2025, 2026, 2035, 2047, 2060, 2075):
        assert july[year - years[0]].sum() == pytest.approx(published[year], rel=1e-9)
    growth = published.iloc[-1] / published.iloc[-2]
    assert july[-1].sum() == pytest.approx(published.iloc[-1] * growth ** (2100 - 2075), rel=1e-9)


def test_published_years_of_ssa_are_met_at_every_age():
    years, people = population.ssa_population()
    table = sources.table("population")
    table = table[table["series"] == population.SERIES]
    for year in (2022, 2030, 2065, 2100):
        rows = table[table["year"] == year].sort_values("age")
        both = people[year - years[0]].sum(axis=0)
        np.testing.assert_allclose(both[:100], (rows["male"] + rows["female"])[:100], rtol=1e-12)
        assert both[100:].sum() == pytest.approx((rows["male"] + rows["female"]).iloc[100], rel=1e-12)


def test_cohorts_are_interpolated_along_their_lives():
    """The cohort of 1990 keeps its size between the five-yearly tables: no jump at a published year."""
    years, people = population.ssa_population()
    first = int(years[0])
    sizes = np.array([people[year - first, :, year - 1990].sum() for year in range(2026, 2051)])
    assert np.abs(np.diff(np.log(sizes), n=2)).max() < 0.004


def test_the_level_of_2024_is_near_the_census_survey():
    """ACS counts residents; the Social Security area adds territories, citizens abroad and undercount."""
    table = sources.table("population_acs_2024").set_index("age")["both"]
    years, july = population.july_population()
    ours = july[2024 - years[0]].sum(axis=0)
    for start in range(20, 85, 5):
        ratio = ours[start : start + 5].sum() / table[f"{start}-{start + 4}"]
        assert 0.95 < ratio < 1.09, (start, ratio)
    assert 1.0 < ours[85:].sum() / table["85+"] < 1.1


def test_without_migration_the_middle_aged_run_short(people):
    """Ages 45-64 in 2060 need the immigrants; the model has them."""
    still = people.people_open[0].sum(axis=1)
    share = population._adult_death_share()
    for index in range(2060 - FIRST_YEAR):
        fraction = HEADLINE.stub_fraction if index == 0 else 1.0
        survivors = still * (1.0 - share[index]) ** fraction
        still = np.concatenate([[people.entrants[index + 1].sum()], survivors[:-1]])
    closed = still[(AGES_AT_OPENING >= 45) & (AGES_AT_OPENING <= 64)].sum()
    assert 0.90 < closed / at(people, 2060, 45, 64) < 0.97


def test_the_old_hardly_migrate(people):
    """SSA's people past 65 minus our survivors is mortality mismatch; it stays below 3 percent of deaths."""
    old = people.ages >= 65
    for year in (2027, 2035, 2050, 2080):
        index = year - FIRST_YEAR
        assert abs(people.migration[index, old].sum()) < 0.03 * people.deaths[index, old].sum()


def life_expectancy(age: int, year: int, sex: str) -> float:
    """Period life expectancy at an exact age, years."""
    death = population.death_probability(year)[population.SEXES.index(sex), age:]
    alive = np.concatenate([[1.0], np.cumprod(1.0 - death)])
    return float((alive[:-1] + alive[1:]).sum() / 2.0)


def test_life_expectancy_of_2022_is_the_published_one():
    """SSA period life table 2022, checks in the table's note: 17.48 and 20.12 at 65, 74.74 and 80.19 at 0."""
    assert life_expectancy(65, 2022, "male") == pytest.approx(17.48, abs=0.01)
    assert life_expectancy(65, 2022, "female") == pytest.approx(20.12, abs=0.01)
    assert life_expectancy(0, 2022, "male") == pytest.approx(74.74, abs=0.15)
    assert life_expectancy(0, 2022, "female") == pytest.approx(80.19, abs=0.15)


def test_mortality_falls_and_is_held_after_2100():
    for sex in population.SEXES:
        path = [life_expectancy(65, year, sex) for year in range(2022, 2101)]
        assert (np.diff(path) > 0.0).all()
    assert np.array_equal(population.death_probability(2100), population.death_probability(2180))


def test_mean_mortality_is_the_tables_whatever_the_gradient():
    """In the opening year, where the people of each age are the same, deaths by age do not move."""
    flat = population.project(range(2025, 2027), income_gradient=gradient_of(1.0))
    steep = population.project(range(2025, 2027), income_gradient=gradient_of(4.0))
    np.testing.assert_allclose(flat.deaths[0].sum(axis=1), steep.deaths[0].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(flat.people_open.sum(axis=2), steep.people_open.sum(axis=2), rtol=1e-12)
    expected = 1.0 - (1.0 - population._adult_death_share()[0]) ** HEADLINE.stub_fraction
    np.testing.assert_allclose(flat.deaths[0].sum(axis=1) / flat.people_open[0].sum(axis=1), expected, rtol=1e-12)


def test_the_gradient_is_the_ratio_of_bottom_to_top_and_tapers():
    people = population.project(range(2025, 2027), income_gradient=gradient_of(3.0))
    ratio = people.death_rate[1, :, 0] / people.death_rate[1, :, -1]
    assert ratio[AGES_AT_OPENING == 40] == pytest.approx(3.0) and ratio[AGES_AT_OPENING == 65] == pytest.approx(3.0)
    assert ratio[AGES_AT_OPENING == 80] == pytest.approx(2.0) and ratio[AGES_AT_OPENING == 100] == pytest.approx(1.0)


@settings(deadline=None, max_examples=60)
@given(
    level=st.floats(0.0, 0.999),
    gradient=st.floats(1.0, 10.0),
    weights=st.lists(st.floats(0.01, 1.0), min_size=12, max_size=12),
)
def test_graded_rates_average_to_the_given_rate_even_where_the_cap_binds(level, gradient, weights):
    people = np.tile(np.array(weights), (AGES_AT_OPENING.size, 1))
    rate = population.graded_death_rate(np.full(AGES_AT_OPENING.size, level), people, gradient_of(gradient))
    assert rate.min() >= 0.0 and rate.max() <= 1.0 + 1e-12
    mean = (rate * people).sum(axis=1) / people.sum(axis=1)
    np.testing.assert_allclose(mean, level, rtol=1e-9, atol=1e-12)
    assert (np.diff(rate, axis=1) <= 1e-12).all()


def test_emigration_larger_than_a_group_empties_no_group():
    survivors = np.tile(np.where(np.arange(12) == 3, 1e-9, 1.0), (3, 1))
    net = np.array([-survivors[0].sum() * 0.9, 0.0, 5.0])
    spread = population._spread_migration(net, survivors)
    np.testing.assert_allclose(spread.sum(axis=1), net, rtol=1e-12)
    assert (survivors + spread >= 0.0).all()
    np.testing.assert_allclose(spread[2], 5.0 * GROUP_SHARES)


def test_all_problems_at_once():
    with pytest.raises(InputError) as caught:
        population.project([2030, 2032], income_gradient=gradient_of(0.5), scale=-1.0)
    assert {problem.key for problem in caught.value.problems} == {"years", "income_gradient", "scale"}
