"""Totals made quickly are those of a run."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.axes import Axes

import fiscal
from fiscal.base.errors import InputError
from fiscal.budget.lines import LINES
from fiscal.engine import run as engine_run
from fiscal.engine import taxes
from fiscal.results import figures, schema
from fiscal.results.result import Result, Totals
from fiscal.scenario import Scenario

NEED_CELLS = {"displaced_gains_tax", "rescue_cost", "net_revenue_after_rescue"}
KNOWN = set(LINES) - NEED_CELLS
"""Lines that totals know."""

SHORT = {"horizon.last_year": 2040}

CASES = [
    ("baseline", {}),
    ("boom", {}),
    ("bust", {"adoption.participants_share": 0.4, "adoption.allocation_share": 0.3}),
    ("rothification", {}),
    ("conversions", {}),
    ("price_feedback", {}),  # sleeves that drift apart: the other kernel
    ("all_alternatives", {"overlays.custody_loss_year": 2030, "overlays.custody_loss_share": 0.4}),
    ("chasing", {"behaviour.contribution_return_response": 0.2}),  # contributions answer to returns
    ("all_plans", {"paths.core_equity_return": 0.05}),
    ("stochastic_central", {"paths.count": 1}),
]


def by_row(frame: pd.DataFrame, values: list[str]) -> pd.DataFrame:
    return frame.set_index([name for name in frame if name not in values]).sort_index()


def slow(scenario: Scenario) -> Result:
    """What the engine and the plain projection make of it."""
    return Result.of(engine_run.compute(scenario, run_off=False, references=("no_crypto", "equity_adoption")))


@pytest.mark.parametrize(("name", "overrides"), CASES, ids=[name for name, _ in CASES])
def test_the_numbers_are_those_of_a_run(name: str, overrides: dict[str, object]) -> None:
    scenario = fiscal.load_scenario(name, SHORT | overrides)
    run = slow(scenario)
    totals = fiscal.quick(scenario)
    assert totals.fingerprint == run.fingerprint and totals.data_fingerprint == run.data_fingerprint
    known = run.tables["budget"]["line"].isin(KNOWN)
    values = ["nominal_bn_usd", "real_bn_usd", "gdp_share", "gdp_bn_usd"]
    ours, theirs = by_row(totals.tables["budget"], values), by_row(run.tables["budget"][known], values)
    pd.testing.assert_frame_equal(ours, theirs, check_exact=False, rtol=1e-9, atol=1e-9)
    for table in ("contributions", "economy", "asset_returns", "crypto_size", "settings"):
        pd.testing.assert_frame_equal(totals.tables[table], run.tables[table], check_exact=True)
    whole = run.tables["balances"]
    crypto = whole[whole["sleeve"] == "crypto"].assign(part="crypto")
    told = pd.concat([whole.assign(part=whole["tax_character"]), crypto])
    sums = told.groupby(["path", "year", "part"])["nominal_bn_usd"].sum()
    assert tuple(totals.balances.to_frame().columns) == schema.TOTALS.columns
    stocks = totals.balances.to_frame().set_index(["path", "year", "part"])["nominal_bn_usd"]
    pd.testing.assert_series_equal(stocks.sort_index(), sums.sort_index(), rtol=1e-9, atol=1e-9)


def test_windows_are_those_of_a_run() -> None:
    scenario = fiscal.load_scenario("boom", {"horizon.last_year": 2055})
    run, totals = slow(scenario), fiscal.quick(scenario)
    theirs = run.tables["windows"]
    theirs = theirs[theirs["line"].isin(KNOWN)].reset_index(drop=True)
    pd.testing.assert_frame_equal(totals.tables["windows"], theirs, check_exact=False, rtol=1e-9, atol=1e-9)
    assert set(theirs["window"]) == {"FY2026-2035", "FY2027-2036", "FY2026-2055"}


def test_schedules_kept_from_one_scenario_are_not_given_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [
        {},
        {"withdrawals.rmd_age_shift": 3},
        {"withdrawals.retirement_age_shift": 2},
        {"people.retired_rank_correlation": 0.6},
        {"assumptions.withdrawal_sigma_scale": 0.8},
        {"horizon.last_year": 2039},
        {"law.reform": None},
    ]
    kept = [fiscal.quick("baseline", SHORT | change).tables["budget"] for change in changes]
    monkeypatch.setattr(taxes, "_expected_tax", taxes._expected_tax.__wrapped__)
    for change, table in zip(changes, kept, strict=True):
        assert fiscal.quick("baseline", SHORT | change).tables["budget"].equals(table)
    assert not kept[0].equals(kept[4]) and kept[0].equals(kept[6])


def test_totals_compare_and_draw_and_are_neither_stored_nor_reported(tmp_path) -> None:
    base, boom = (fiscal.quick(name, SHORT) for name in ("baseline", "boom"))
    effect = fiscal.compare(base, boom)
    assert set(effect.headline().rows["case"]) == {boom.scenario.title}
    assert effect.effects()["2026_2035_bn_usd"].notna().all()
    for owner in (base, effect):
        for name, draw in figures.available(owner).items():
            if name != "waterfall":  # projects anew
                assert isinstance(draw(owner), Axes), name
    assert {"cash_flow", "contributions"} <= set(figures.available(base))
    assert "who_pays" not in figures.available(base)
    with pytest.raises(InputError, match="yearly totals only"):
        fiscal.write_run(boom, tmp_path / "run")
    with pytest.raises(InputError, match="yearly totals only"):
        fiscal.write_report([base, boom], tmp_path / "report.pdf")
    assert list(tmp_path.iterdir()) == []
    assert isinstance(boom, Totals) and "Totals" in repr(boom)


def test_a_wrong_scenario_is_refused_as_ever() -> None:
    with pytest.raises(InputError, match="no such scenario"):
        fiscal.quick("bom")
    with pytest.raises(InputError, match="participants_share"):
        fiscal.quick("boom", {"adoption.participants_share": 2.0})
