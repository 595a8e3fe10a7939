"""The cells behind the totals."""

from __future__ import annotations

import numpy as np
import pytest

import fiscal
from fiscal.base.axes import AGES_AT_OPENING, GROUPS
from fiscal.base.errors import InputError
from fiscal.engine.cells import COLUMNS

SHORT = {"horizon.last_year": 2036}


@pytest.mark.parametrize(("name", "path"), [("baseline", "scenario"), ("chasing", "equity_adoption")])
def test_cells_add_up_to_the_totals(name: str, path: str) -> None:
    frame = fiscal.cells(name, SHORT, path=path)
    assert list(frame) == list(COLUMNS)
    assert len(frame) == 12 * len(AGES_AT_OPENING) * len(GROUPS) and not frame.isna().any(axis=None)
    assert not frame.duplicated(["year", "age", "earnings_group"]).any()
    assert (frame["birth_year"] == frame["year"] - frame["age"] - 1).all()
    totals, sums = fiscal.quick(name, SHORT), frame.groupby("year").sum(numeric_only=True)
    for line in ("deferred_revenue", "payroll_forgone", "withdrawal_tax", "additional_tax"):
        np.testing.assert_allclose(sums[f"{line}_bn_usd"], totals.budget.line(line, path=path), rtol=1e-9)
    stocks = totals.balances.to_frame().query("path == @path")
    for part, values in stocks.groupby("part"):
        np.testing.assert_allclose(sums[f"{part}_balance_bn_usd"], values["nominal_bn_usd"], rtol=1e-9)
    made = totals.contributions.to_frame().groupby(["tax_character", "year"])["nominal_bn_usd"].sum()
    np.testing.assert_allclose(sums["roth_contribution_bn_usd"], made["roth"], rtol=1e-9)


def test_a_path_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no_crypto"):
        fiscal.cells("baseline", SHORT, path="no_crypto")
    with pytest.raises(InputError, match="allowed"):
        fiscal.cells("boom", SHORT, path="nobody")
