"""The table of the base case's steps: its cases exist, and a row is what the code makes."""

from __future__ import annotations

import numpy as np
import pytest

import fiscal
from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.law.build import microdata
from fiscal.law.years import OWN_SCOPES
from fiscal.studies import base_case, published_runs

SHORT = {"horizon.last_year": 2036}


def test_every_case_is_a_scenario_that_loads() -> None:
    for name, step in base_case.steps().items():
        for event in ("baseline", *base_case.EVENTS):
            scenarios.load(event, {"scope.plans": step.scopes[0], **step.settings})
        assert name == base_case.TODAY or step.settings or step.tables, name


def test_stored_table_has_every_case_and_scope() -> None:
    stored = base_case.stored()
    assert stored is not None
    expected = [(name, scope) for name, step in base_case.steps().items() for scope in step.scopes]
    assert [*zip(stored["case"], stored["scope"], strict=True)] == expected


@pytest.mark.parametrize("name", [base_case.TODAY, "constant coverage"])
def test_a_stored_row_is_what_the_code_makes(name: str) -> None:
    scope = OWN_SCOPES[0]
    found = base_case.totals({"scope.plans": scope, **base_case.steps()[name].settings, **SHORT})
    stored = base_case.stored().set_index(["case", "scope"]).loc[(name, scope)]
    near = [span for span in base_case.SPANS if span != base_case.LONG]
    for column in (*near, "boom_fy2026_2035_bn_usd"):
        assert found[column] == pytest.approx(float(stored[column]), rel=1e-4, abs=2e-3), column


def test_what_an_event_is_compared_with_is_the_baseline() -> None:
    found = base_case.totals(SHORT)
    windows = fiscal.quick("baseline", SHORT).tables["windows"]
    own = windows.query("path == 'scenario' and line == 'withdrawal_tax' and window == 'FY2026-2035'")
    assert found["fy2026_2035_bn_usd"] == pytest.approx(float(own["nominal_bn_usd"].iloc[0]), rel=1e-9)


def test_comparisons_are_made_under_the_settings_of_a_case() -> None:
    changes = {"contributions.coverage_trend": 0.0, "paths.returns": "record"}
    with published_runs.under(changes):
        inside = published_runs.compared("horizon.last_year=2036")
    assert all(inside.value(key) == value for key, value in changes.items())
    assert published_runs.compared().fingerprint() == scenarios.load("baseline").fingerprint()


def test_other_data_hold_only_within_the_case() -> None:
    table = sources.table("assumptions")
    with base_case.data_with({"assumptions": table.assign(value=table["value"] * 2)}):
        assert sources.assumption("account_holders_mn") == 150
    assert sources.assumption("account_holders_mn") == 75


def test_missing_gains_are_held_as_dividends_are() -> None:
    """Three units, a third of the weight each: the total is met, and the unit without dividends has none."""
    raw = type("File", (), {})()
    raw.years, raw.gains_usd = np.array([2025]), np.zeros(3)
    raw.qualified_dividends_usd = np.array([0.0, 1.0, 3.0])
    weights = np.full((1, 3), 1e8)
    gains = microdata._imputed_gains(raw, weights, 2000.0)
    assert weights[0] @ gains == pytest.approx(2e12)
    assert gains[0] == 0 and gains[2] == pytest.approx(3 * gains[1])
    assert not microdata._imputed_gains(raw, weights, 0.0).any()
    raw.gains_usd = np.ones(3)
    with pytest.raises(sources.DataError, match="none can be imputed"):
        microdata._imputed_gains(raw, weights, 2000.0)
