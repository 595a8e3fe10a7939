"""Required minimum distributions against the statute and the regulation's table."""

from __future__ import annotations

import numpy as np
import pytest

from fiscal.base import sources
from fiscal.law import distributions

BIRTHS = (1949, 1951, 1960)


@pytest.mark.parametrize(
    ("born", "age"), [(1940, 70.5), (1948, 70.5), (1950, 72), (1951, 73), (1959, 73), (1960, 75), (2007, 75)]
)
def test_start_age(born: int, age: float) -> None:
    assert distributions.rmd_start_age(born, BIRTHS) == age


def test_divisors_are_the_table_and_its_last_one_holds() -> None:
    table = sources.table("rmd_uniform").dropna(subset=["divisor_2022_on"])
    assert np.array_equal(distributions.uniform_lifetime_divisor(table["age"]), table["divisor_2022_on"])
    assert distributions.uniform_lifetime_divisor(130) == table["divisor_2022_on"].iloc[-1]
    assert np.isinf(distributions.uniform_lifetime_divisor(71))


def test_required_share_starts_with_the_age_of_the_birth_year() -> None:
    ages, years = np.arange(60, 121), 2026
    share = distributions.required_minimum_share(ages, years - ages, BIRTHS)
    starts = distributions.rmd_start_age(years - ages, BIRTHS)
    assert np.all((share > 0) == (ages >= starts))
    assert share[ages == 73][0] == pytest.approx(1 / 26.5)
    assert np.all(np.diff(share[ages >= 76]) > 0)


def test_arguments_broadcast() -> None:
    share = distributions.required_minimum_share(np.array([[73], [75]]), np.array([1952, 1961]), BIRTHS)
    assert share.shape == (2, 2)
    assert share[0, 1] == 0 and share[1, 1] > 0
