"""One contribution through the engine: published numbers, identities, limits of the timings, wrong input."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import oracle
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fiscal
from fiscal.base.errors import InputError
from fiscal.budget import vintages
from fiscal.engine import one_contribution
from fiscal.studies import published

quick = settings(max_examples=30, deadline=None)
rate = st.floats(0.0, 0.6)
growth = st.floats(-0.03, 0.12)

EXAMPLE: dict[str, Any] = {
    "contribution": 1000.0,
    "age": 45,
    "withdrawal_age": 65,
    "withdrawal_end_age": 85,
    "return_rate": 0.05,
    "discount_rate": 0.03,
    "contribution_tax_rate": 0.24,
    "withdrawal_tax_rate": 0.15,
    "outside_tax_rate": 0.2,
}


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    age = draw(st.integers(20, 70))
    held = draw(st.integers(1, 35))
    years = draw(st.one_of(st.none(), st.integers(1, 14)))
    timing = st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0])
    return EXAMPLE | {
        "age": age,
        "withdrawal_age": age + held,
        "withdrawal_end_age": None if years is None else age + held + years,
        "return_rate": draw(growth),
        "discount_rate": draw(growth),
        "contribution_tax_rate": draw(rate),
        "withdrawal_tax_rate": draw(rate),
        "outside_tax_rate": draw(rate),
        "contribution_timing": draw(timing),
        "withdrawal_timing": draw(timing),
    }


def engine_rows() -> pd.DataFrame:
    rows = published.targets()
    return rows[rows["check"] == "engine"]


def model(row: pd.Series) -> float:
    return float(one_contribution.vintage_of(published.options(row["settings"]))["tax_expenditure_usd"])


def misses() -> list[str]:
    """Engine rows that the engine does not meet."""
    rows = engine_rows()
    return [name for name, row in rows.iterrows() if abs(model(row) - row["value"]) > row["tolerance"]]


def test_the_engine_meets_the_published_rows() -> None:
    assert len(engine_rows()) == 10
    assert misses() == []


def _aged_late(closing: np.ndarray, axis: int) -> np.ndarray:
    """Everybody stays as old as he is."""
    return closing


def _tax_a_tenth_less(schedule: Any, year: int, withdrawal_usd: np.ndarray, holders: np.ndarray) -> Any:
    return 0.9 * true_tax(schedule, year, withdrawal_usd, holders)


def _taxed_on_half(*arguments: Any) -> Any:
    interest, payout, realised, untaxed, whole = true_parts(*arguments)
    return interest / 2, payout / 2, realised / 2, untaxed, whole


def _flows_first(inputs: Any, year: int) -> np.ndarray:
    """The return falls after the flows of the year instead of before them."""
    return true_return(inputs, year)[:, ::-1]


true_tax, true_parts, true_return = oracle.expected_tax, vintages._parts, oracle.core_half_return


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (oracle, "_aged", _aged_late),
        (oracle, "expected_tax", _tax_a_tenth_less),
        (oracle, "core_half_return", _flows_first),
        (vintages, "_parts", _taxed_on_half),
    ],
    ids=["ageing", "schedule", "order of events", "tax of the taxable account"],
)
def test_the_published_rows_move_when_the_engine_is_broken(
    module: Any, name: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_contribution, "project", oracle.project)  # the oracle can be broken, compiled code cannot
    assert misses() == []
    monkeypatch.setattr(module, name, broken)
    try:
        found = misses()
    except ValueError:  # the accounts do not run empty
        return
    assert len(found) >= 4


@pytest.mark.parametrize("field", ["owner_schedule", "half_return", "withdrawal_rate"])
def test_the_published_rows_move_with_what_the_compiled_engine_is_given(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of the engine that is shipped: a tenth less tax, less return, or less drawn."""
    true = one_contribution.project

    def project(inputs: Any, **kept: Any) -> Any:
        schedule = inputs.owner_schedule
        changed: dict[str, Any] = {
            "owner_schedule": replace(schedule, tax_usd=0.9 * schedule.tax_usd),
            "half_return": 0.9 * inputs.half_return,
            "withdrawal_rate": 0.9 * inputs.withdrawal_rate,
        }
        return true(replace(inputs, **{field: changed[field]}), **kept)

    monkeypatch.setattr(one_contribution, "project", project)
    try:
        found = misses()
    except ValueError:  # the accounts do not run empty
        return
    assert len(found) >= 4


# identities


@quick
@given(cases(), rate)
def test_roth_and_traditional_cost_the_same_at_equal_rates(case: dict[str, Any], tax: float) -> None:
    """TE_roth (1 - t) = TE_traditional: one rate at both ends, return = discount."""
    case = case | {"contribution_tax_rate": tax, "withdrawal_tax_rate": tax}
    case["discount_rate"] = case["return_rate"]
    traditional, roth = (
        one_contribution.vintage_of(case | {"character": character})["tax_expenditure_usd"]
        for character in ("traditional", "roth")
    )
    assert traditional == pytest.approx(roth * (1 - tax), rel=1e-9, abs=1e-7)


@quick
@given(cases())
def test_withdrawal_tax_is_worth_the_rate_on_the_contribution(case: dict[str, Any]) -> None:
    found = one_contribution.vintage_of(case | {"discount_rate": case["return_rate"]})
    assert found["withdrawal_tax_usd"] == pytest.approx(1000 * case["withdrawal_tax_rate"], rel=1e-9)
    assert found["deferral_usd"] == pytest.approx(-1000 * case["contribution_tax_rate"])


@quick
@given(cases())
def test_moving_both_timings_changes_nothing(case: dict[str, Any]) -> None:
    """The calendar does not matter, only how long the money is inside."""
    starts = [
        one_contribution.vintage_of(case | {"contribution_timing": t, "withdrawal_timing": t}) for t in (0, 0.3, 1)
    ]
    for other in starts[1:]:
        np.testing.assert_allclose(other, starts[0], rtol=1e-9, atol=1e-9)


@quick
@given(cases())
def test_the_ends_of_a_year_meet(case: dict[str, Any]) -> None:
    """Contributed at the end of a year or at the start of the next: the same; so for withdrawals."""
    at_end = one_contribution.vintage_of(case | {"contribution_timing": 1, "withdrawal_timing": 1})
    moved = case | {"contribution_timing": 0, "age": case["age"] + 1, "withdrawal_timing": 1}
    np.testing.assert_allclose(one_contribution.vintage_of(moved), at_end, rtol=1e-9, atol=1e-9)
    end = case["withdrawal_end_age"]
    later = {"withdrawal_age": case["withdrawal_age"] + 1, "withdrawal_timing": 0}
    later["withdrawal_end_age"] = None if end is None else end + 1
    np.testing.assert_allclose(
        one_contribution.vintage_of(case | later | {"contribution_timing": 1}), at_end, rtol=1e-9, atol=1e-9
    )


@quick
@given(cases())
def test_a_lump_is_the_closed_form(case: dict[str, Any]) -> None:
    """(1 - t) C [1 - ((1 + r (1 - s)) / (1 + r)) ** n] for n years, whole or not, when r discounts."""
    case = case | {"withdrawal_end_age": None, "discount_rate": case["return_rate"]}
    years = case["withdrawal_age"] + case["withdrawal_timing"] - case["age"] - case["contribution_timing"]
    r, outside = case["return_rate"], case["outside_tax_rate"]
    expected = -1000 * (1 - case["contribution_tax_rate"]) * (1 - ((1 + r * (1 - outside)) / (1 + r)) ** years)
    assert one_contribution.vintage_of(case)["inside_buildup_usd"] == pytest.approx(expected, rel=1e-9, abs=1e-8)


def _by_hand(case: dict[str, Any]) -> tuple[float, float, float]:
    """Level draws written down year by year: present and nominal withdrawal tax, tax of the taxable account."""
    r, d, n = case["return_rate"], case["discount_rate"], case["withdrawal_end_age"] - case["withdrawal_age"]
    net, first = r * (1 - case["outside_tax_rate"]), case["withdrawal_age"] - case["age"]

    def level(balance: float, at: float) -> float:
        return balance / sum((1 + at) ** -k for k in range(n))

    draw = level(1000 * (1 + r) ** first, r)
    tax = case["withdrawal_tax_rate"] * draw
    taxable = 1000 * (1 - case["contribution_tax_rate"])
    shadow_draw, outside = level(taxable * (1 + net) ** first, net), 0.0
    for year in range(1, first + n):
        outside += taxable * (r - net) * (1 + d) ** -year
        taxable *= 1 + net
        if year >= first:
            taxable -= shadow_draw
    assert taxable == pytest.approx(0.0, abs=1e-8)
    return sum(tax * (1 + d) ** -(first + k) for k in range(n)), tax * n, outside


@pytest.mark.parametrize("change", [{}, {"return_rate": 0.0}, {"withdrawal_end_age": 66}, {"age": 64}])
def test_level_draws_are_those_written_down_by_hand(change: dict[str, Any]) -> None:
    case = EXAMPLE | change
    present, nominal, outside = _by_hand(case)
    found = one_contribution.vintage_of(case)
    assert found["withdrawal_tax_usd"] == pytest.approx(present, rel=1e-9)
    assert found["withdrawal_tax_nominal_usd"] == pytest.approx(nominal, rel=1e-9)
    assert found["inside_buildup_usd"] == pytest.approx(-outside, rel=1e-9, abs=1e-9)
    assert found["tax_expenditure_usd"] == pytest.approx(240 + outside - present, rel=1e-9)


def test_money_that_is_not_held_costs_the_difference_of_the_rates() -> None:
    found = fiscal.vintage(
        100, age=60, withdrawal_age=60, return_rate=0.05, discount_rate=0.03, contribution_tax_rate=0.3,
        withdrawal_tax_rate=0.1, outside_tax_rate=0.2,
    )  # fmt: skip
    assert found.to_dict() == pytest.approx(
        {
            "deferral_usd": -30.0, "inside_buildup_usd": 0.0, "withdrawal_tax_usd": 10.0,
            "withdrawal_tax_nominal_usd": 10.0, "tax_expenditure_usd": 20.0,
        }
    )  # fmt: skip


# the command and wrong input


def arguments(case: dict[str, Any]) -> list[str]:
    return [word for key, value in case.items() for word in ("--" + key.replace("_", "-"), str(value))]


def test_the_command_gives_what_python_gives(fiscal: Any) -> None:
    case = EXAMPLE | {"character": "roth", "contribution_timing": 0.25, "withdrawal_timing": 1}
    answer = fiscal("vintage", *arguments(case), "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout) == one_contribution.vintage_of(case).to_dict()
    table = fiscal("vintage", *arguments(case)).stdout
    assert "tax expenditure" in table and "deferral" in table


def test_the_command_lists_every_problem(fiscal: Any) -> None:
    wrong = EXAMPLE | {"age": "old", "return_rate": 5, "outside_tax_rate": -0.1, "character": "rooth"}
    del wrong["discount_rate"]
    answer = fiscal("vintage", *arguments(wrong | {"withdrawal_pattern": "lump"}))
    assert answer.returncode == 2 and answer.stdout == "" and "Traceback" not in answer.stderr
    for words in (
        "--age: is not a number (found 'old')",
        "--return-rate: out of range (found 5.0); allowed: a number from -0.5 to 1; 5 percent is 0.05",
        "--outside-tax-rate: out of range",
        "--discount-rate: must be given",
        "did you mean 'roth'?",
        "--withdrawal-end-age: a lump has no end",
    ):
        assert words in answer.stderr


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"contribution": 0}, "contribution"),
        ({"contribution": float("nan")}, "contribution"),
        ({"age": 45.5}, "age"),
        ({"age": True}, "age"),
        ({"age": 66}, "withdrawal_age"),
        ({"age": 65, "contribution_timing": 0.6, "withdrawal_timing": 0.5}, "withdrawal_age"),
        ({"withdrawal_end_age": 65}, "withdrawal_end_age"),
        ({"withdrawal_end_age": None, "withdrawal_pattern": "level"}, "withdrawal_end_age"),
        ({"withdrawal_timing": 1.01}, "withdrawal_timing"),
        ({"discount_rate": "3%"}, "discount_rate"),
        ({"charcter": "roth"}, "charcter"),
    ],
)
def test_wrong_values_are_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError) as error:
        one_contribution.vintage_of(EXAMPLE | change)
    assert [problem.key for problem in error.value.problems] == [key]


@pytest.fixture(scope="module")
def under_the_law() -> pd.Series:
    """What current law takes of a saver of 45 in the middle of the distribution."""
    return fiscal.vintage(age=45, earnings_group="P50-60")


def test_the_law_gives_the_rates_and_required_distributions(under_the_law: pd.Series) -> None:
    """The same rates given flat, with the same distributions, give the same values."""
    rates = {name: under_the_law[name] for name in under_the_law.index if name.endswith("_rate")}
    assert set(rates) == {
        "contribution_tax_rate", "withdrawal_tax_rate", "outside_tax_rate", "return_rate", "discount_rate",
    }  # fmt: skip
    assert all(0 < rate < 0.4 for rate in rates.values())
    flat = fiscal.vintage(
        1000, age=45, withdrawal_age=75, withdrawal_end_age=95, withdrawal_pattern="required", **rates
    )
    for name in ("deferral_usd", "inside_buildup_usd", "withdrawal_tax_nominal_usd"):
        assert flat[name] == pytest.approx(under_the_law[name], rel=1e-9), name
    assert under_the_law["deferral_usd"] == pytest.approx(-1000 * rates["contribution_tax_rate"])


def test_higher_groups_pay_more_and_what_is_given_stands(under_the_law: pd.Series) -> None:
    top = fiscal.vintage(age=45, earnings_group="P99-100", return_rate=0.05, discount_rate=0.03, contribution=10.0)
    for name in ("contribution_tax_rate", "withdrawal_tax_rate"):
        assert top[name] > under_the_law[name]
    assert top["return_rate"] == 0.05 and top["discount_rate"] == 0.03
    assert top["deferral_usd"] == pytest.approx(-10 * top["contribution_tax_rate"])
    with pytest.raises(InputError, match="earnings_group.*P50-60"):
        fiscal.vintage(age=45, earnings_group="P50-6")


def test_the_answer_repeats_who_contributes_what_and_when(under_the_law: pd.Series) -> None:
    assert under_the_law[["contribution_usd", "contribution_year", "age"]].tolist() == [1000, 2026, 45]
    told = one_contribution.described({"age": 45, "earnings_group": "P50-60", "contribution": 2500.5})
    assert told == (
        "$2,500.50 of traditional contributions at age 45 in 2026, earnings group P50-60; "
        "required distributions at ages 75 to 94."
    )
    assert one_contribution.described(EXAMPLE).endswith("at ages 65 to 84.")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"age": 45}, ["earnings_group", "contribution", "withdrawal_age"]),
        ({"earnings_group": "P50-60"}, ["age"]),
        ({"earnings_group": "P50", "age": 200}, ["age", "earnings_group"]),
    ],
)
def test_an_incomplete_request_names_what_completes_it(given: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(InputError) as error:
        fiscal.vintage(**({"age": None} | given))
    keys = [problem.key for problem in error.value.problems]
    assert keys[: len(named)] == named
    assert "earnings_group" in given or len(keys) == 8


def test_required_distributions_empty_the_account_at_the_end() -> None:
    case = one_contribution._Case(**one_contribution.checked({
        "contribution": 1.0, "age": 60, "withdrawal_age": 75, "withdrawal_end_age": 95,
        "withdrawal_pattern": "required",
        "return_rate": 0.0, "discount_rate": 0.0, "contribution_tax_rate": 0.2, "withdrawal_tax_rate": 0.2,
        "outside_tax_rate": 0.2,
    }))  # fmt: skip
    shares = case.drawn_shares(0.0)
    drawn = shares[shares > 0]
    assert len(drawn) == 20 and drawn[-1] == 1 and (np.diff(drawn) > 0).all()
    assert drawn[0] == pytest.approx(1 / 24.6)  # 26 CFR 1.401(a)(9)-9(c) at 75
    assert case.withdrawn_usd == pytest.approx(1.0)
