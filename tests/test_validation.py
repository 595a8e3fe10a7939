"""The model beside published figures, and the stored tables that come from the model itself."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import pandas as pd
import pytest

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.engine import run as engine_run
from fiscal.engine.taxes import own_scope
from fiscal.people.accounts import SCOPES
from fiscal.results.result import Result
from fiscal.studies import calibration, own_withdrawals, published, published_levels, published_runs, sensitivity


@cache
def baseline() -> engine_run.Run:
    return engine_run.compute(scenarios.load("baseline"), run_off=False)


@cache
def table() -> pd.DataFrame:
    return calibration.calibration(Result.of(baseline())).set_index("quantity")


CHECKS = [
    "assets of 401(k) plans, 2025-06-30, on real monthly returns",
    "assets of 401(k) plans, 2025-09-30, on real monthly returns",
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
        engine_run.compute(scenarios.load("baseline", overrides=["contributions.elective_scale=1.2"]), run_off=False)
    )
    rows = calibration.calibration(broken).set_index("quantity")
    row = rows.loc["participant contributions 2025, full year"]
    assert row["verdict"] == "outside"
    assert row["reason"] == calibration.UNEXPLAINED


def test_own_withdrawals_in_the_tax_file_are_those_of_the_baseline() -> None:
    """In each scope: in both of all plans, whose schedules are the same."""
    stored = sources.table("own_withdrawals").pivot(index="law_year", columns="scope", values="own_share")
    tolerance = sources.assumption("validation.own_withdrawals_tolerance")
    for scope in SCOPES:
        run = baseline() if scope == "401k" else own_withdrawals.run_of(scope)
        now = own_withdrawals.own_withdrawal_shares(run).set_index("law_year")["own_share"]
        gap = stored[own_scope(run.scenario.settings)] - now
        assert gap.notna().all() and gap.abs().max() <= tolerance, (scope, gap.round(4).to_dict())


def test_stored_sensitivity_is_what_the_model_gives() -> None:
    stored = sources.table("sensitivity")
    assert set(stored["key"]) == set(sensitivity.cases()["key"])
    keys = ["tax.withdrawal_scale"]
    again = sensitivity.build(keys=keys)
    kept = stored[stored["key"].isin(keys)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, kept, check_dtype=False, rtol=1e-6)


def test_ten_percent_on_withdrawal_rates_is_worth_more_than_the_boom() -> None:
    stored = sources.table("sensitivity").set_index(["key", "quantity"])
    rates = stored.loc[("tax.withdrawal_scale", "baseline withdrawal_tax, FY2026-2100")]
    boom = stored.loc[("tax.withdrawal_scale", sensitivity.BOOM_EFFECT)]
    assert rates["at_high"] - rates["at_value"] > abs(boom["at_value"])


def test_every_compared_figure_was_bridged_beforehand() -> None:
    rows = published.targets()
    compared = rows[rows["check"].isin(["level", "order"])]
    assert compared[["tolerance", "tolerance_kind"]].notna().all(axis=None)
    first = compared[compared["basis"].notna()]
    assert len(first) > 20 and first[["model_year", "bridge"]].notna().all(axis=None)
    # what was not is a basis of later, with its source; a row that had none was added later
    assert (compared.loc[compared["basis"].isna(), "basis_set"] == "after").all()
    after = compared[compared["basis_set"] == "after"]
    assert after["basis_after"].notna().all() and set(published.FIRST) <= set(after.index)
    assert rows["basis_source"].notna().all() and (compared["relation"] != "input").all()
    assert rows.loc[rows["check"] == "engine", ["settings", "tolerance"]].notna().all(axis=None)
    assert set(rows["tolerance_kind"].dropna()) == {"absolute", "relative", "factor", "range"}


BEFOREHAND = ["id", "value", "check", "tolerance_kind", "tolerance", "basis", "model_year", "bridge"]
WRITTEN_BEFOREHAND = "b03d33ab968bf1407c391544ab343bad17480468b30f29ba17c56c03dce1e127"


def test_what_was_written_down_beforehand_has_not_been_changed() -> None:
    """A basis that turned out wrong gets an afterthought or a later basis beside it; the first one stays."""
    rows = sources.table("published_targets")
    added = rows["basis"].isna() & (rows["basis_set"] == "after")
    text = rows.loc[~added, BEFOREHAND].to_csv(index=False)
    assert hashlib.sha256(text.encode()).hexdigest() == WRITTEN_BEFOREHAND


@cache
def verdicts() -> pd.DataFrame:
    return published.validate().set_index("id")


def test_what_the_engine_must_give_is_no_agreement_in_level() -> None:
    """A replication's row is an engine row's contribution: the model's figure is the closed form of that row."""
    stored = sources.table("validation").set_index("id", drop=False)
    settings, kind = published.targets()["settings"], published.kinds(stored)
    again = stored[kind == published.REPLICATION]
    assert len(again) and set(again["check"]) == {"level"}
    for name, row in again.iterrows():
        (closed,) = [other for other in stored.index[kind == "engine"] if settings[other] == settings[name]]
        assert row["model"] == stored.at[closed, "model"]
    level = stored[kind == "level"]
    assert settings[level.index].isna().all() and len(level) + len(again) == (stored["check"] == "level").sum()


def stored_verdicts() -> pd.DataFrame:
    return sources.table("validation").set_index("id").fillna({"reason": "", "relation": ""})


def test_every_published_row_has_its_verdict() -> None:
    """What the command gives for some rows is compared with the stored ones beside the command."""
    assert list(stored_verdicts().index) == list(published.targets().index)


@pytest.mark.slow
def test_stored_validation_is_what_the_model_gives() -> None:
    stored, now = sources.table("validation").set_index("id"), verdicts()
    pd.testing.assert_series_equal(now["model"], stored["model"], rtol=1e-5)
    for column in ("verdict", "tolerance", "published"):
        assert now[column].fillna("").tolist() == stored[column].fillna("").tolist()


def test_every_published_row_outside_says_why() -> None:
    now = stored_verdicts()
    assert set(now["verdict"]) == {"inside", "outside", "input", published.NOT_JUDGED}
    unlike = now["relation"] == published.OTHER_CONCEPT
    assert (now.loc[unlike, "verdict"] == published.NOT_JUDGED).all() and unlike.sum() >= 2
    told = published.counts(now.reset_index())
    assert sum(told["before"].values()) == 14 and sum(told["after"].values()) > 14
    assert (now.loc[now["check"] == "engine", "verdict"] == "inside").all()
    outside = now[now["verdict"] == "outside"]
    assert (outside["reason"].str.len() > 100).all() and published.UNEXPLAINED not in set(outside["reason"])
    assert (now.loc[now["verdict"] == "inside", "reason"] == "").all()
    notes = sources.table("validation_notes")
    assert set(notes["id"]) >= set(now.index[now["verdict"] != "inside"])


def test_a_row_nobody_explained_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(published.MEASURES, "EIG_OBS_PAY", lambda: published.Found(3740.0))
    row = published.validate(["EIG_OBS_PAY"]).iloc[0]
    assert (row["verdict"], row["reason"]) == ("outside", published.UNEXPLAINED)


def test_a_range_is_met_by_what_lies_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = published.Found(-0.5, span=(-0.1, -0.13))
    monkeypatch.setitem(published.MEASURES, "RMD_WAIVER_2020", lambda: found)
    row = published.validate(["RMD_WAIVER_2020"]).iloc[0]
    assert (row["verdict"], row["first_verdict"]) == ("inside", "") and np.isnan(row["first"])


def test_the_waiver_takes_withdrawals_of_the_required_ages_away() -> None:
    alone, scaled = published_levels.waiver(2020, (2018, 2019)).span
    crash = published_levels.waiver(2009, (2007, 2008)).span
    assert -0.5 < alone < scaled < 0  # balances rose in 2019
    assert crash[0] == pytest.approx(alone) and crash[1] < alone  # and fell in 2008


@pytest.mark.parametrize(
    ("value", "note_holds", "verdict"),
    [(0.0099, True, "inside"), (0.0099, False, "outside"), (0.0101, True, "outside"), (-0.005, True, "outside")],
)
def test_an_order_of_magnitude_has_a_sign_a_factor_and_its_note(
    value: float, note_holds: bool, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = published.Found(value, "", note_holds)
    for measures in (published.MEASURES, published.FIRST):
        monkeypatch.setitem(measures, "CBO2004_75", lambda: found)
    assert published.validate(["CBO2004_75"])["verdict"].iloc[0] == verdict


def test_the_plan_wrapper_is_a_part_of_the_whole() -> None:
    """Before anything is rolled over or inherited plan and whole are one; later the plan is less."""
    run = published_runs.all_plans()
    parts = published_runs.plan_expenditure(run)
    tax, whole = parts["withdrawal_tax"], run.ledger.total("withdrawal_tax")[0]
    assert tax[0] == pytest.approx(whole[0], rel=1e-9)
    assert (tax[1:] < whole[1:]).all() and (np.diff(tax / whole) < 0).all()
    buildup, all_of_it = parts["inside_buildup_cash"], run.ledger.total("inside_buildup_cash")[0]
    assert (buildup / all_of_it <= 1).all() and (np.diff(buildup / all_of_it) < 0).all()


def test_the_stored_reasons_of_the_claim_are_what_a_run_gives() -> None:
    from fiscal.base import sources
    from fiscal.base.axes import ATTAINED_AGES
    from fiscal.engine.run import compute
    from fiscal.people.withdrawals import QUALIFIED_AGE
    from fiscal.scenario import load
    from fiscal.studies import claim_reasons

    fresh = claim_reasons.reasons(compute(load("baseline", {"books.risk_neutral_paths": 0})))
    stored = sources.table("claim_reasons")
    assert list(fresh["case"]) == list(stored["case"])
    # ages are attained ones: the first year of life in the model is attained at 19, the last at 120
    assert (claim_reasons.AGE_SPANS[0][0], claim_reasons.AGE_SPANS[-1][1]) == (ATTAINED_AGES[0], ATTAINED_AGES[-1] + 1)
    assert claim_reasons.AGE_SPANS[0][1] == QUALIFIED_AGE
    for column in ("weight_share", "claim_share"):
        given = stored[column].astype(float).to_numpy()
        assert fresh[column].to_numpy() == pytest.approx(given, abs=2e-4, nan_ok=True), column
