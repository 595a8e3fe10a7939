"""Tax-Calculator's own reform files: the stored table has all of them, and its figures are those of the law."""

from __future__ import annotations

import pytest

import fiscal
from fiscal.studies import reform_effects as effects


@pytest.fixture(scope="module")
def table():
    return fiscal.read_table(effects.NAME).fillna("").set_index("reform")


def test_the_table_has_every_file_and_current_law(table) -> None:
    assert list(table.index) == [effects.CURRENT_LAW, *(path.name for path in effects.packaged())]


def test_a_file_of_ended_provisions_alone_changes_nothing(table) -> None:
    """Payments of 2020 and 2021: their parameters are named, and the rates are current law's."""
    rates = ["deferral_rate", "employer_rate", "withdrawal_rate"]
    own = table.loc["ConsolidatedAppropriationsAct2021.json"]
    assert "RRC_c_unit" in own["ended"]
    assert own[rates].astype(float).tolist() == table.loc[effects.CURRENT_LAW, rates].astype(float).tolist()


def test_higher_rates_raise_both_and_the_law_before_2018_taxes_more(table) -> None:
    for name in ("deferral_rate", "employer_rate", "withdrawal_rate"):
        assert ((table[name] >= 0) & (table[name] < 0.6)).all()
        assert table.loc["2017_law.json", name] > table.loc[effects.CURRENT_LAW, name]


def test_a_baseline_is_the_one_of_the_header(table) -> None:
    assert table.loc["TCJA.json", "baseline"] == "2017_law.json"
    assert table.loc["ext.json", "baseline"] == "" and table.loc[effects.CURRENT_LAW, "baseline"] == ""
