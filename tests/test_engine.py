"""What must come out right on the real tables: identities, references, directions, published figures."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import fiscal
from fiscal import scenario as scenarios
from fiscal.base.axes import GROUP_SHARES, GROUPS
from fiscal.base.errors import InputError
from fiscal.engine import run as engine_run
from fiscal.engine.inputs import convention_label
from fiscal.people.mobility import mobility_matrix
from fiscal.results.result import Result


@cache
def computed(name: str, *overrides: str) -> engine_run.Run:
    return engine_run.compute(scenarios.load(name, overrides=list(overrides)), run_off=False)


@cache
def result(name: str, *overrides: str) -> Result:
    return Result.of(computed(name, *overrides))


def window(name: str, line: str, *overrides: str, path: str = "scenario", label: str = "FY2026-2100") -> float:
    table = result(name, *overrides).tables["windows"]
    row = table[(table["path"] == path) & (table["window"] == label) & (table["line"] == line)]
    return float(row["nominal_bn_usd"].iloc[0])


SHORT = "horizon.last_year=2045"


@pytest.mark.parametrize("name", ["boom", "bust", "boom_then_bust", "stagnation"])
def test_zero_adoption_is_the_baseline_to_the_last_bit(name: str) -> None:
    base = result("baseline", SHORT).tables["budget"]
    none = result(name, SHORT, "adoption.participants_share=0.0").tables["budget"]
    pd.testing.assert_frame_equal(none, base, check_exact=True)


def test_zero_allocation_is_the_baseline_to_the_last_bit() -> None:
    base = result("baseline", SHORT).tables["budget"]
    none = result("boom", SHORT, "adoption.allocation_share=0.0").tables["budget"]
    pd.testing.assert_frame_equal(none, base, check_exact=True)


def test_no_crypto_reference_is_the_baseline() -> None:
    for line in ("deferred_revenue", "withdrawal_tax", "additional_tax", "net_revenue"):
        assert window("boom", line, path="no_crypto") == pytest.approx(window("baseline", line), rel=1e-12)


def test_twice_the_people_twice_every_dollar() -> None:
    one, two = computed("boom", SHORT), computed("boom", SHORT, "people.scale=2.0")
    for line, cells in one.ledger.lines.items():
        np.testing.assert_array_equal(two.ledger.lines[line], 2 * cells, err_msg=line)


def test_all_roth_without_leakage_pays_no_withdrawal_tax_on_new_money() -> None:
    all_roth = ("roth.elective_share_2025=1.0", "roth.employer_share=1.0", "withdrawals.leakage_scale=0.0")
    nothing = ("contributions.elective_scale=0.0", "contributions.employer_scale=0.0", "withdrawals.leakage_scale=0.0")
    with_money, without = computed("baseline", *all_roth), computed("baseline", *nothing)
    assert with_money.contributions.traditional_usd.max() == 0
    assert with_money.contributions.roth_usd.sum() > 1e12
    np.testing.assert_array_equal(with_money.ledger.lines["withdrawal_tax"], without.ledger.lines["withdrawal_tax"])
    assert (with_money.ledger.total("deferred_revenue") == 0).all()


def test_a_dollar_moved_to_roth_changes_the_year_by_its_tax_and_not_twice() -> None:
    rate = 0.25
    flat = f"tax.flat_rate={rate}"
    less, more = computed("baseline", flat), computed("baseline", flat, "roth.elective_share_2025=0.254")
    moved = (more.contributions.roth_usd - less.contributions.roth_usd).sum(axis=(1, 2))
    change = more.ledger.total("net_revenue")[0] - less.ledger.total("net_revenue")[0]
    # the stub year, before any moved dollar could have come out again
    assert moved[0] > 1e10
    assert change[0] == pytest.approx(rate * moved[0], rel=1e-9)


def test_at_one_flat_rate_traditional_and_roth_are_worth_the_same() -> None:
    """Return = discount, full run-off: PV of withdrawal tax = rate x (contributions + opening stock)."""
    rate, r = 0.22, 0.06
    overrides = [f"tax.flat_rate={rate}", "withdrawals.additional_tax_rate=0.0", "roth.tax_nonqualified_earnings=false"]
    run = engine_run.compute(scenarios.load("baseline", overrides=overrides))
    path = run.projection.path(convention_label(r))
    from fiscal.budget.valuation import VALUATION_DATE, discount_factors, flow_dates

    years = run.projection.years
    factors = discount_factors(flow_dates(years, run.inputs.year_fraction), np.full(len(years), r), years)
    tax = run.ledger.total("withdrawal_tax")[path] @ factors
    contributions = run.contributions.traditional_usd.sum(axis=(1, 2)) @ factors
    opening = run.inputs.opening_usd[:, 0].sum() * (1 + r) ** (VALUATION_DATE - 2025.25)
    # accounts of the last heirs still hold a little at the end of the run-off
    left = run.projection.closing_usd[path, -1, :, 0].sum() * (1 + r) ** (VALUATION_DATE - (years[-1] + 1))
    assert tax + rate * left == pytest.approx(rate * (contributions + opening), rel=1e-9)
    assert left < 1e-4 * opening


def test_boom_raises_and_bust_lowers_withdrawal_tax_over_75_years() -> None:
    for reference in ("no_crypto", "equity_adoption"):
        boom = window("boom", "withdrawal_tax") - window("boom", "withdrawal_tax", path=reference)
        bust = window("bust", "withdrawal_tax") - window("bust", "withdrawal_tax", path=reference)
        assert boom > 0 > bust, reference


def test_an_event_before_adoption_touches_less_than_one_after_it() -> None:
    effects = []
    for full_year in (2027, 2040):
        case = ("bust", "withdrawal_tax", f"adoption.full_year={full_year}")
        effects.append(window(*case) - window(*case, path="equity_adoption"))
    assert effects[0] < effects[1] < 0


def test_more_roth_raises_revenue_in_the_ten_year_window() -> None:
    more = window("baseline", "net_revenue", "roth.elective_share_2025=0.254", label="FY2026-2035")
    assert more > window("baseline", "net_revenue", label="FY2026-2035")


def test_higher_withdrawal_rates_raise_withdrawal_tax_in_proportion() -> None:
    up = window("baseline", "withdrawal_tax", "tax.withdrawal_scale=1.1")
    assert up == pytest.approx(1.1 * window("baseline", "withdrawal_tax"), rel=1e-9)


def test_every_account_and_person_is_accounted_for() -> None:
    for name in ("baseline", "boom"):
        run = computed(name)
        relative = np.abs(run.projection.identity_residual_usd).max(axis=(2, 3)) / run.projection.identity_scale_usd
        assert relative.max() < 1e-12
        assert np.abs(run.people.conservation_residual()).max() < 1e-6
        assert (run.projection.closing_usd >= 0).all()


def test_withdrawals_only_where_there_are_holders() -> None:
    run = computed("boom")
    for line, holders in (("plan_withdrawals", run.inputs.holders), ("inherited_withdrawals", run.inputs.heirs)):
        orphaned = (run.projection.cells[line].max(axis=0) > 1.0) & (holders <= 0)
        assert not orphaned.any(), line


def test_stratum_holds_its_share_of_people_and_money() -> None:
    run = computed("boom")
    share = run.scenario.settings.adoption.participants_share
    assert run.inputs.opening_usd[..., 1].sum() / run.inputs.opening_usd.sum() == pytest.approx(share)
    assert run.inputs.contribution_usd[..., 1].sum() / run.inputs.contribution_usd.sum() == pytest.approx(share)
    quarter = computed("boom", "adoption.participants_share=0.025")
    effect = {}
    for key, each in (("whole", run), ("quarter", quarter)):
        line = each.ledger.total("withdrawal_tax")
        effect[key] = line[0].sum() - line[each.projection.path("no_crypto")].sum()
    assert effect["quarter"] == pytest.approx(effect["whole"] / 4, rel=1e-6)


def test_mobility_keeps_everybody() -> None:
    for correlation in (0.0, 0.5, 0.8, 1.0):
        matrix = mobility_matrix(correlation)
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(GROUP_SHARES @ matrix, GROUP_SHARES, atol=1e-9)
        assert matrix.shape == (len(GROUPS), len(GROUPS))


def test_runs_repeat_to_the_byte() -> None:
    scenario = scenarios.load("bust", overrides=[SHORT])
    one, two = (Result.of(engine_run.compute(scenario, run_off=False)) for _ in range(2))
    for name in one.tables:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name], check_exact=True)


def test_python_face() -> None:
    short = ["horizon.last_year=2045", "books.risk_neutral_paths=0", "backstop.paths=0"]
    base, boom = (fiscal.run(scenarios.load(name, overrides=short)) for name in ("baseline", "boom"))
    effect = fiscal.compare(base, boom)
    ten = effect.budget.window(2026, 2035)
    assert {"scenario", "path", "line", "nominal_bn_usd"} <= set(ten.columns)
    assert len(boom.contributions.to_frame())
    with pytest.raises(InputError, match="last: last is outside the run"):
        base.budget.window(2026, 2150)
    with pytest.raises(InputError, match="nothing to compare"):
        fiscal.compare(base)
    with pytest.raises(InputError, match=r"horizon\.last_year"):
        fiscal.compare(base, fiscal.run(scenarios.load("boom", overrides=[*short, "horizon.last_year=2050"])))


def test_crypto_in_place_of_equity_that_earns_equity_changes_nothing() -> None:
    """The whole balance then holds what it held; what is left is new money's half-year at the new mix."""
    displaced = ("adoption.displaces=equity", "fees.crypto_rate=0.004")
    for line in ("withdrawal_tax", "tax_expenditure", "inside_buildup_cash"):
        same = window("boom", line, *displaced, path="equity_adoption")
        assert same == pytest.approx(window("boom", line, *displaced, path="no_crypto"), rel=1e-4), line


def test_more_left_to_spouses_means_fewer_heirs() -> None:
    few, many = (computed("baseline", f"heirs.spouse_share_scale={scale}") for scale in (0.5, 0.0))
    at = int(np.flatnonzero(few.projection.years == 2060)[0])
    assert many.inputs.heirs[at].sum() > 1.2 * few.inputs.heirs[at].sum()
    paid = [run.projection.total("inherited_withdrawals")[0, at] for run in (few, many)]
    heads = [run.inputs.heirs[at].sum() for run in (few, many)]
    # money and heads move together: a mean inheritance stays of the same size
    assert paid[0] / heads[0] == pytest.approx(paid[1] / heads[1], rel=0.25)


def test_a_larger_wish_meets_the_same_limit() -> None:
    plain, wished = computed("baseline"), computed("baseline", "contributions.elective_scale=3.0")
    per_person = wished.contributions.elective_traditional_usd + wished.contributions.elective_roth_usd
    per_person = per_person[1, 10:40, -1] / wished.people.people_open[1, 10:40, -1]
    assert per_person.max() < 24_500 + 11_250  # 2026: 402(g) and the highest catch-up
    more = wished.contributions.traditional_usd[1].sum() / plain.contributions.traditional_usd[1].sum()
    assert 1.0 < more < 3.0


def test_frozen_limits_hold_contributions_down() -> None:
    frozen, indexed = (
        computed("baseline", f"limits.indexed={value}").contributions.traditional_usd.sum(axis=(1, 2))
        for value in ("false", "true")
    )
    assert frozen[1] == indexed[1]
    assert frozen[40] < 0.95 * indexed[40]


def test_every_table_and_every_column_is_described() -> None:
    from fiscal.results.schema import TABLES

    for name, table in result("boom").tables.items():
        assert tuple(table.columns) == TABLES[name].columns, name


def test_results_of_other_data_are_not_compared() -> None:
    from dataclasses import replace

    base = result("baseline")
    other = replace(result("boom"), data_fingerprint="0" * 64)
    with pytest.raises(InputError, match="used different data tables"):
        fiscal.compare(base, other)


def test_nothing_is_rescued_where_everything_earns_one_rate() -> None:
    """Crypto falls behind nothing on a convention's path, whatever the core earns elsewhere."""
    values = result("boom").tables["present_values"]
    own = values[(values["basis"] == "convention") & (values["line"] == "rescue_cost")]
    assert len(own) and (own["present_value_bn_usd"] == 0).all()
