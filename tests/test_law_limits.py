"""Contribution limits: the statute's rule against the published amounts, and the projected years."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiscal.base import sources
from fiscal.base.errors import InputError
from fiscal.law import limits

YEARS = np.arange(2025, 2041)
STEPS = {
    "elective_deferral_limit_usd": 500,
    "catch_up_limit_usd": 500,
    "catch_up_60_63_limit_usd": 500,
    "annual_additions_limit_usd": 1000,
    "compensation_limit_usd": 5000,
    "roth_catch_up_wage_threshold_usd": 5000,
}


def _monthly_cpi() -> pd.Series:
    table = sources.table("monthly_prices")
    return pd.Series(table["cpi_u_nsa"].to_numpy(), index=table["month"].astype(str).str[:7])


@pytest.mark.parametrize("limit", limits._LIMITS, ids=lambda limit: limit.column)
def test_rule_reproduces_every_published_amount(limit: limits._IndexedLimit) -> None:
    published = sources.table("contribution_limits").set_index("year")[limit.column].dropna()
    if limit.column == "catch_up_60_63_limit_usd":
        published = published[published.index >= 2025]  # SECURE 2.0 s.109 starts then
    found = {year: limits.indexed_by_law(limit.key, year, _monthly_cpi()) for year in published.index}
    assert found == published.to_dict()


def test_published_years_come_from_the_table() -> None:
    frame = limits.indexed_limits(YEARS, 320 * 1.02 ** (YEARS - 2025))
    published = sources.table("contribution_limits").set_index("year")
    for column in STEPS:
        value = published.loc[2026, column]
        assert frame.loc[2026, column] == value


def test_no_inflation_freezes_limits() -> None:
    frame = limits.indexed_limits(YEARS, np.full(len(YEARS), 322.0))
    assert (frame.loc[2027:].nunique() == 1).all()


@given(st.floats(-0.02, 0.12))
def test_projected_limits_are_on_the_steps_and_follow_prices(inflation: float) -> None:
    frame = limits.indexed_limits(YEARS, 322.0 * (1 + inflation) ** (YEARS - 2025)).loc[2027:]
    for column, step in STEPS.items():
        key = next(limit.key for limit in limits._LIMITS if limit.column == column)
        base = sources.assumption(f"{key}_base_usd")
        assert np.allclose((frame[column] - base) % step, 0)
        change = np.diff(frame[column])
        assert np.all(change >= 0) if inflation >= 0 else np.all(change <= 0)


def test_rounding_does_not_accumulate() -> None:
    low = limits.indexed_limits(YEARS, 322.0 * 1.02 ** (YEARS - 2025))["elective_deferral_limit_usd"]
    expected = 15000 * 1.02 ** (2040 - 2026) * (323.941333 / 196.866667)
    assert expected - 500 <= low[2040] <= expected + 1


def test_taxable_maximum_follows_wages_after_the_last_law_year() -> None:
    years = np.arange(2025, 2046)
    wages = 70000 * 1.04 ** (years - 2025)
    frame = limits.contribution_limits(years, np.full(len(years), 322.0), wages)
    stored = sources.table("law_parameters").set_index("law_year")["social_security_taxable_maximum_usd"]
    maximum = frame["social_security_taxable_maximum_usd"]
    assert maximum[2036] == stored[2036]
    assert maximum[2045] == pytest.approx(stored[2036] * 1.04**9)


@pytest.mark.parametrize(
    ("years", "prices", "word"),
    [
        ([2025, 2027], [1.0, 1.0], "consecutive"),
        ([2030, 2031], [1.0, 1.0], "base year"),
        ([2025, 2026, 2027], [1.0, 1.0], "one price"),
        ([2025, 2026], [1.0, np.nan], "positive"),
    ],
)
def test_bad_input_is_named(years: list[int], prices: list[float], word: str) -> None:
    with pytest.raises(InputError, match=word):
        limits.contribution_limits(years, prices, prices)
