"""The model beside published figures, and the stored tables that come from the model itself."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest

from fiscal import engine, sources
from fiscal import scenario as scenarios
from fiscal.results import Result
from fiscal.validation import calibration, own_withdrawals, sensitivity


@cache
def baseline() -> engine.Run:
    return engine.compute(scenarios.load("baseline"), run_off=False)


@cache
def table() -> pd.DataFrame:
    return calibration.calibration(Result.of(baseline())).set_index("quantity")


CHECKS = [
    "401(k) plan assets, 2025-06-30, on real monthly returns",
    "401(k) plan assets, 2025-09-30, on real monthly returns",
    "participant contributions 2025, full year",
    "employer contributions 2025, full year",
    "draws over opening traditional balances, ages 75-79",
    "income tax deferred per traditional dollar, 2026",
    "income tax per dollar withdrawn, 2026",
    "taxable withdrawals of the model inside all taxable pension and IRA income, 2026",
    "taxable withdrawals of the model inside all taxable pension and IRA income, 2036",
]


@pytest.mark.parametrize("quantity", CHECKS)
def test_check_comes_out_inside(quantity: str) -> None:
    row = table().loc[quantity]
    assert row["verdict"] == "inside", f"published {row['published']}, model {row['model']}"


def test_every_row_outside_says_why() -> None:
    outside = table()[table()["verdict"] == "outside"]
    assert (outside["reason"].str.len() > 40).all()
    assert calibration.UNEXPLAINED not in set(outside["reason"])
    assert set(table()["verdict"]) <= {"inside", "outside", "input"}
    assert (table()["published_source"] != "").all()


def test_a_check_moves_when_the_model_is_broken() -> None:
    broken = Result.of(
        engine.compute(
            scenarios.load("baseline", overrides=["contributions.elective_scale=1.2"]), run_off=False
        )
    )
    rows = calibration.calibration(broken).set_index("quantity")
    row = rows.loc["participant contributions 2025, full year"]
    assert row["verdict"] == "outside"
    assert row["reason"] == calibration.UNEXPLAINED


def test_bridge_adds_up_to_the_published_totals() -> None:
    steps = calibration.bridge().set_index("step")["bn_usd"]
    assert steps["401(k) plans"] == 8700
    assert (
        steps["= with IRAs"]
        == steps["= all defined-contribution plans"] + steps["+ individual retirement accounts"]
    )
    parts = steps.loc["401(k) plans":"+ Thrift Savings Plan"].sum()
    # published parts are rounded to 100 billion
    assert parts == pytest.approx(steps["= all defined-contribution plans"], abs=100)


def test_own_withdrawals_in_the_tax_file_are_those_of_the_baseline() -> None:
    stored = sources.table("own_withdrawals").set_index("law_year")["own_share"]
    now = own_withdrawals.own_withdrawal_shares(baseline()).set_index("law_year")["own_share"]
    assert list(stored.index) == list(now.index)
    tolerance = sources.assumption("validation.own_withdrawals_tolerance")
    assert (stored - now).abs().max() <= tolerance, (stored - now).round(4).to_dict()


def test_stored_sensitivity_is_what_the_model_gives() -> None:
    stored = sources.table("sensitivity")
    assert set(stored["key"]) == set(sensitivity.cases()["key"])
    keys = ["tax.withdrawal_scale", "assumptions.withdrawal_sigma_scale", "adoption.participants_share"]
    again = sensitivity.build(keys=keys)
    kept = stored[stored["key"].isin(keys)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, kept, check_dtype=False, rtol=1e-6)


def test_ten_percent_on_withdrawal_rates_is_worth_more_than_the_boom() -> None:
    stored = sources.table("sensitivity").set_index(["key", "quantity"])
    rates = stored.loc[("tax.withdrawal_scale", "baseline withdrawal_tax, FY2026-2100")]
    boom = stored.loc[("tax.withdrawal_scale", sensitivity.BOOM_EFFECT)]
    assert rates["at_high"] - rates["at_value"] > abs(boom["at_value"])


def test_the_stored_reasons_of_the_claim_are_what_a_run_gives() -> None:
    from fiscal import sources
    from fiscal.engine import compute
    from fiscal.scenario import load
    from fiscal.validation import claim_reasons

    fresh = claim_reasons.reasons(compute(load("baseline", {"books.risk_neutral_paths": 0})))
    stored = sources.table("claim_reasons")
    assert list(fresh["case"]) == list(stored["case"])
    for column in ("weight_share", "claim_share"):
        given = stored[column].astype(float).to_numpy()
        assert fresh[column].to_numpy() == pytest.approx(given, abs=2e-4, nan_ok=True), column
