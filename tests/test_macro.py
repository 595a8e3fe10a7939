"""The macroeconomic path: CBO's figures where it has them, documented growth after."""

from __future__ import annotations

import numpy as np
import pytest

from fiscal.base import sources
from fiscal.base.axes import RUN_OFF_LAST_YEAR
from fiscal.base.errors import InputError
from fiscal.people.economy import COLUMNS, macro


@pytest.fixture(scope="module")
def path():
    return macro()


def test_one_row_a_year_and_no_hole(path):
    assert list(path.index) == list(range(2015, RUN_OFF_LAST_YEAR + 1))
    assert tuple(path.columns) == COLUMNS
    assert not path.drop(columns="workers").isna().any().any()


def test_cbo_is_met_to_2036(path):
    cbo = sources.table("cbo_macro").set_index("year")
    np.testing.assert_array_equal(path.loc[2015:2036, "gdp_bn_usd"], cbo["gdp_bn_usd"])
    np.testing.assert_array_equal(path.loc[2015:2036, "wage_bill_bn_usd"], cbo["wages_salaries_bn_usd"])
    np.testing.assert_array_equal(path.loc[2015:2036, "cpi_u"], cbo["cpi_u_index"])


def test_average_wage_is_ssas_and_comes_near_its_projection(path):
    """The chained 2025 wage is ours, SSA's 2025 is CBO's forecast of it: two roads, one percent."""
    table = sources.table("wage_index").set_index("year")["average_wage_index_usd"]
    np.testing.assert_array_equal(path.loc[2022:2024, "wage_index"], table.loc[2022:2024])
    for year in (2025, 2026, 2027):
        assert path.loc[year, "wage_index"] == pytest.approx(table[year], rel=0.015)


def test_after_2036_prices_and_average_wages_are_the_trustees(path):
    trustees = sources.table("trustees_2026").set_index("year").loc[2037:2100]
    growth = path.pct_change().loc[2037:2100]
    np.testing.assert_allclose(growth["cpi_u"], trustees["cpi_w_growth_rate"], rtol=1e-9)
    np.testing.assert_allclose(growth["wage_index"], trustees["average_wage_growth_rate"], rtol=1e-9)


def test_the_trustees_parts_agree_with_each_other():
    """Output grows with productivity and the labor force; the real rate is the nominal one less inflation."""
    table = sources.table("trustees_2026").set_index("year")
    ahead = table.loc[2026:]
    parts = (1 + ahead["productivity_growth_rate"]) * (1 + ahead["labor_force_growth_rate"]) - 1
    assert (parts - ahead["real_gdp_growth_rate"]).dropna().abs().max() < 0.0025
    later = table.loc[2050:]
    real = (1 + later["special_issue_rate"]) / (1 + later["cpi_w_growth_rate"]) - 1
    assert (real - later["real_interest_rate"]).abs().max() < 0.001


def test_wage_bill_is_average_wage_times_workers_and_gdp_follows(path):
    later = path.loc[2036:2100]
    per_worker = later["wage_bill_bn_usd"] / later["workers"] / later["wage_index"]
    np.testing.assert_allclose(per_worker, per_worker.iloc[0], rtol=1e-9)
    np.testing.assert_allclose((later["gdp_bn_usd"] / later["wage_bill_bn_usd"]).pct_change().dropna(), 0.0, atol=1e-12)


def test_growth_is_held_after_2100(path):
    growth = path.pct_change()
    for column, follows in (
        ("wage_index", "wage_index"),
        ("cpi_u", "cpi_u"),
        ("wage_bill_bn_usd", "wage_index"),  # the number of workers is held
        ("gdp_bn_usd", "wage_index"),
    ):
        np.testing.assert_allclose(growth.loc[2101:, column], growth.loc[2100, follows], rtol=1e-9)


def test_chained_prices_rise_slower_by_the_gap(path):
    ratio = (path["chained_cpi"] / path["cpi_u"]).pct_change().dropna()
    np.testing.assert_allclose(ratio, -sources.assumption("macro.chained_cpi_gap"), rtol=1e-9)
    assert path.loc[2025, "chained_cpi"] == path.loc[2025, "cpi_u"]
    flat = macro([2025, 2080], chained_cpi_gap=0.0)
    np.testing.assert_allclose(flat["chained_cpi"], flat["cpi_u"])


def test_rates_are_observed_then_the_trustees_and_held(path):
    prices = sources.table("monthly_prices")
    bills = prices[prices["month"].str.startswith("2025")]["tbill_3m_yield_rate"]
    assert path.loc[2025, "one_year_rate"] == pytest.approx(bills.mean())
    trustees = sources.table("trustees_2026").set_index("year")["special_issue_rate"]
    np.testing.assert_allclose(path.loc[2027:2100, "treasury_10y_rate"], trustees.loc[2027:2100])
    spread = path["treasury_10y_rate"] - path["one_year_rate"]
    np.testing.assert_allclose(spread.loc[2030:], sources.assumption("macro.term_spread"))
    assert spread.loc[2026:2030].is_monotonic_increasing
    held = path.loc[2100:, ["one_year_rate", "treasury_10y_rate"]]
    assert (held == held.iloc[0]).all().all()


def test_wage_growth_setting_moves_wages_and_output_not_prices(path):
    faster = macro([2025, 2026, 2035], wage_growth_adjust=0.01)
    base = path.loc[[2025, 2026, 2035]]
    np.testing.assert_allclose(faster["wage_index"] / base["wage_index"], [1.0, 1.01, 1.01**10])
    np.testing.assert_allclose(faster["gdp_bn_usd"] / base["gdp_bn_usd"], [1.0, 1.01, 1.01**10])
    np.testing.assert_array_equal(faster["cpi_u"], base["cpi_u"])


def test_callers_cannot_change_the_path():
    frame = macro([2025])
    frame.loc[2025, "cpi_u"] = 0.0
    assert macro([2025])["cpi_u"].item() > 100.0


def test_all_problems_at_once():
    with pytest.raises(InputError) as caught:
        macro([2014, 2300], chained_cpi_gap=float("nan"), wage_growth_adjust=3.0)
    assert {problem.key for problem in caught.value.problems} == {"years", "chained_cpi_gap", "wage_growth_adjust"}
