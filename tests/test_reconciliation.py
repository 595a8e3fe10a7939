"""Withdrawals inside CBO's line of pensions and IRA distributions."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.studies import reconciliation

YEARS = np.arange(2025, 2037)


def run(**lines: float) -> Any:
    """A run whose accounts pay constant billions a year; the stub holds three quarters."""
    fraction = np.where(YEARS == 2025, 0.75, 1.0)
    flows = {name: np.tile(amount * 1e9 * fraction, (1, 1)) for name, amount in lines.items()}
    projection = SimpleNamespace(
        years=YEARS,
        withdrawal_lines=tuple(name for name in lines if name != "inherited_withdrawals"),
        path=lambda label: 0,
        total=lambda line: flows[line],
    )
    return SimpleNamespace(projection=projection, inputs=SimpleNamespace(year_fraction=fraction))


def test_the_parts_and_what_is_left_add_up_to_cbo_s_line() -> None:
    table = reconciliation.reconcile(
        run(plan=200.0, ira=10.0),
        run(plan=200.0, governmental=90.0, ira=20.0),
        run(plan=200.0, governmental=90.0, ira=320.0, inherited_withdrawals=30.0),
        rollover_share=0.5,
    ).set_index("year")
    assert list(table.index) == list(range(2026, 2037))
    parts = table[["k401_bn_usd", "other_plans_bn_usd", "ira_bn_usd", "left_bn_usd"]].sum(axis=1)
    np.testing.assert_allclose(parts, table["cbo_bn_usd"])
    np.testing.assert_allclose(table["cbo_bn_usd"], reconciliation.cbo_line()[table.index])
    np.testing.assert_allclose(table[["k401_bn_usd", "other_plans_bn_usd"]], [[200.0, 90.0]] * len(table))
    # 300 of the opening's rollovers stand for as much of other traditional IRAs
    np.testing.assert_allclose(table["ira_bn_usd"], 320.0 + 30.0 + 300.0)
    growth = table["left_as_record_bn_usd"].pct_change().dropna()
    np.testing.assert_allclose(growth, reconciliation.record_growth())
    assert table["left_as_record_bn_usd"].iloc[0] == pytest.approx(table["left_bn_usd"].iloc[0])


def test_the_stored_table_is_what_the_model_gives() -> None:
    """The first column of withdrawals from its own run; the parts add up."""
    stored = reconciliation.stored().set_index("year")
    parts = stored[["k401_bn_usd", "other_plans_bn_usd", "ira_bn_usd", "left_bn_usd"]].sum(axis=1)
    np.testing.assert_allclose(parts, stored["cbo_bn_usd"], atol=0.25)
    narrow = reconciliation._decade("401k")
    plan, *_ = narrow.projection.withdrawal_lines
    now = dict(zip(narrow.projection.years, reconciliation._taxable(narrow, (plan,)), strict=True))
    np.testing.assert_allclose(stored["k401_bn_usd"], [now[year] for year in stored.index], atol=0.06)


def test_the_scenario_that_follows_cbo_grows_as_its_line() -> None:
    """By the value that was solved when the reconciliation was built."""
    solved = sources.resource("cbo_reconciliation").extra["consistent_scale"]
    assert scenarios.load("cbo_consistent").value("withdrawals.scale_2036") == pytest.approx(solved, abs=0.002)


def test_the_long_run_is_over_gdp_beside_cbo_s_decade(fiscal) -> None:
    answer = fiscal("long-run", "--set", "horizon.last_year=2036", "--json")
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    rows = {row["year"]: row for row in told["long_run"]}
    assert list(rows) == [2026, 2030, 2036] and "r - g" in told["returns_less_growth"]
    for row in rows.values():
        assert 0 < row["withdrawal_tax"] < row["withdrawals"] < row["cbo_line"] < row["balances"]
    assert [row["year"] for row in told["inside_cbo"]] == list(range(2026, 2037))
