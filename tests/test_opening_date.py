"""The opening date is one datum: stock, stub, people and the first returns follow from it."""

from __future__ import annotations

import numpy as np
import pytest

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.errors import InputError
from fiscal.base.opening import HEADLINE, OpeningDate
from fiscal.engine.run import Run, compute
from fiscal.markets.history import half_returns_real, monthly_log_returns
from fiscal.people import population
from fiscal.scenario import load

LATER = "2025-09-30"
SHORT = {"horizon.last_year": 2036, "books.risk_neutral_paths": 0, "backstop.paths": 0}


def opened(date: str, **changes: object) -> Run:
    return compute(load("boom", {**SHORT, "horizon.opening_date": date, **changes}), run_off=False)


@pytest.fixture(scope="module")
def later() -> Run:
    return opened(LATER)


@pytest.fixture(scope="module")
def headline() -> Run:
    return opened(HEADLINE.iso)


@pytest.mark.parametrize(
    ("date", "fraction", "months", "decimal"),
    [("2025-03-31", 0.75, 9, 2025.25), ("2025-06-30", 0.5, 6, 2025.5), ("2025-09-30", 0.25, 3, 2025.75)],
)
def test_what_follows_from_a_date(date: str, fraction: float, months: int, decimal: float) -> None:
    opening = OpeningDate.on(date)
    assert (opening.iso, opening.stub_fraction, opening.decimal_year) == (date, fraction, decimal)
    assert len(opening.months_left) == months and opening.months_left[-1] == f"{opening.year}-12"


def test_the_first_year_is_that_of_the_headline() -> None:
    assert HEADLINE.year == FIRST_YEAR
    assert load("baseline").settings.horizon.opening == HEADLINE


def test_the_stock_is_the_published_one_of_the_date(later: Run, headline: Run) -> None:
    published = sources.table("ici_assets").set_index("date")["k401_bn_usd"]
    assert published[LATER] > published[HEADLINE.iso]
    for run, date in ((later, LATER), (headline, HEADLINE.iso)):
        stock = run.inputs.opening_usd.sum() / 1e9
        assert stock == pytest.approx(published[date])


def test_the_first_year_is_the_months_that_are_left(later: Run, headline: Run) -> None:
    fraction = later.inputs.year_fraction
    assert fraction[0] == 0.25 and (fraction[1:] == 1.0).all()
    ratio = (
        later.contributions.elective_traditional_usd[0].sum() / headline.contributions.elective_traditional_usd[0].sum()
    )
    assert ratio == pytest.approx(0.25 / 0.75, rel=0.01)  # a few months' older population
    ratio = (
        later.contributions.elective_traditional_usd[1].sum() / headline.contributions.elective_traditional_usd[1].sum()
    )
    assert ratio == pytest.approx(1.0, rel=0.005)


def test_people_of_a_later_date_lie_between_those_of_the_headline_and_the_next_january() -> None:
    years = range(FIRST_YEAR, FIRST_YEAR + 3)
    at = [
        population.project(
            years, income_gradient=population.MortalityGradient(2.0, 65, 95), opening=OpeningDate.on(date)
        ).people_open.sum(axis=2)
        for date in (HEADLINE.iso, "2025-06-30", LATER)
    ]
    first, middle, last = (people[0, :-1] for people in at)
    np.testing.assert_allclose(middle - first, last - middle, atol=1e-6 * first.max())
    np.testing.assert_allclose(at[0][1:], at[2][1:], rtol=1e-9)


@pytest.mark.parametrize("date", ["2025-03-31", "2025-06-30", "2025-09-30"])
def test_the_first_halves_are_the_record_since_the_date(date: str) -> None:
    opening = OpeningDate.on(date)
    halves = half_returns_real(opening)
    months = monthly_log_returns(opening.months_left[0], f"{opening.year}-12")
    np.testing.assert_allclose(np.log1p(halves[:2]).sum(axis=0), months.sum().to_numpy(), rtol=1e-12)
    np.testing.assert_array_equal(halves[2], half_returns_real()[2])


def test_a_later_opening_keeps_the_account_identity_and_gives_plausible_totals(later: Run, headline: Run) -> None:
    residual = np.abs(later.projection.identity_residual_usd)
    assert (residual <= 1e-9 * np.maximum(later.projection.identity_scale_usd, 1.0)[..., None, None]).all()
    stocks = [run.inputs.opening_usd.sum() for run in (later, headline)]
    for line in ("withdrawal_tax", "deferred_revenue"):
        ours, theirs = (run.ledger.total(line)[0] for run in (later, headline))
        larger = stocks[0] / stocks[1] if line == "withdrawal_tax" else 1.0
        assert ours[0] / theirs[0] == pytest.approx(larger / 3, rel=0.1)  # three months of nine
        np.testing.assert_allclose(ours[2:], theirs[2:], rtol=0.15)


@pytest.mark.parametrize("date", ["2025-08-31", "2025-12-31", "2024-06-30", "spring"])
def test_a_date_without_a_published_stock_is_refused_with_those_that_have_one(date: str) -> None:
    with pytest.raises(InputError) as caught:
        load("boom", {"horizon.opening_date": date})
    (problem,) = caught.value.problems
    assert problem.key == "horizon.opening_date" and LATER in problem.allowed


def test_a_date_may_be_written_as_toml_has_it() -> None:
    assert load("boom", [f"horizon.opening_date={LATER}"]).value("horizon.opening_date") == LATER
