"""Withdrawals inside CBO's line of pensions and IRA distributions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

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
