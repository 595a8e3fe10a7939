"""The microdata mended and the schedules rebuilt in part: what is stored is what the code makes.

The rebuilding is slow by nature (`make slow`, minutes): Tax-Calculator compiles and runs over 280,000 units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import taxcalc

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.errors import InputError
from fiscal.law import reforms
from fiscal.law.build import deferrals, holders, microdata, schedules
from fiscal.law.build.microdata import Microdata
from fiscal.people.economy import macro

GROWTH = schedules.wages_since_sipp(macro())
MULTIPLES = (0.0, 1.0)
GRID = (0.0, 8000.0, 256_000.0)


@dataclass(frozen=True)
class Rebuilt:
    records: taxcalc.Records
    data: Microdata
    check: pd.DataFrame
    imputed: deferrals.Deferrals
    persons: schedules.Persons

    def law_year(self, year: int, **options: object) -> dict[str, pd.DataFrame]:
        frame = schedules.frame_of(year, macro())
        job = schedules.Job(microdata.Source(), self.data, self.imputed, GROWTH, options.pop("reform", {}))
        while self.records.current_year < frame.file_year:
            self.records.increment_year()
        return schedules.law_year(job, self.persons, self.records, frame, multiples=MULTIPLES, grid=GRID)


@pytest.fixture(scope="module")
def rebuilt() -> Rebuilt:
    records = microdata.load()
    data, check = microdata.mend(records)
    imputed = deferrals.impute(data)
    return Rebuilt(records, data, check, imputed, schedules.Persons.of(data, imputed, GROWTH))


def _match(found: pd.DataFrame, name: str, keys: list[str], columns: list[str]) -> None:
    stored = sources.table(name)
    both = found.merge(stored, on=keys, suffixes=("", "_stored"), validate="one_to_one")
    assert len(both) == len(found)
    for column in columns:
        assert np.allclose(both[column], both[f"{column}_stored"], rtol=1e-6, atol=2e-3), column


@pytest.mark.slow
def test_one_law_year_rebuilt_is_the_stored_one(rebuilt: Rebuilt) -> None:
    tables = rebuilt.law_year(2025)
    cell = ["law_year", "age_band"]
    money = ["deferral_usd", "tax_saved_usd", "employer_usd", "employer_tax_saved_usd"]
    _match(tables["deferral_schedule"], "deferral_schedule", [*cell, "wage_group", "multiple"], money)
    found = tables["withdrawal_curve"]
    curve_keys = [*cell, "scope", "status", "income_group", "x_usd"]
    _match(found, "withdrawal_curve", curve_keys, ["mean_added_tax_usd", "holder_share"])
    rates = ["interest_rate", "qualified_dividend_rate", "long_gain_rate"]
    _match(tables["outside_rates"], "outside_rates", [*cell, "scope", "income_group"], rates)


@pytest.mark.slow
def test_profile_and_report_rebuilt_are_the_stored_ones(rebuilt: Rebuilt) -> None:
    profile = deferrals.contribution_profile(rebuilt.data, rebuilt.imputed)
    _match(profile, "contribution_profile", ["age_band", "wage_group"], ["elective_deferral_usd", "employer_usd"])
    stored = sources.table("microdata_check")
    report = pd.concat([rebuilt.check, deferrals.w2_report(rebuilt.data, rebuilt.imputed)], ignore_index=True)
    assert list(stored["statistic"]) == list(report["statistic"])
    assert np.allclose(stored["file_after"], report["file_after"].astype(float), rtol=1e-6, atol=1e-3)


def test_stored_tables_name_the_inputs_they_were_built_from() -> None:
    descriptor = (sources.data_dir() / "datapackage.json").read_text(encoding="utf-8")
    for name, digest in schedules.input_hashes(microdata.Source()).items():
        assert digest in descriptor, f"{name} has changed since the schedules were built: run {schedules.COMMAND}"


@pytest.mark.slow
def test_weights_give_the_population_by_age(rebuilt: Rebuilt) -> None:
    table = sources.table("population")
    people = table[(table["series"] == "SSA_TR2024") & (table["year"] == FIRST_YEAR)]
    weight = rebuilt.data.person_weights(FIRST_YEAR)
    for low, high in ((18, 25), (45, 49), (65, 69), (80, 199)):
        wanted = people[people["age"].between(low, high)][["male", "female"]].to_numpy().sum()
        inside = (rebuilt.data.age >= low) & (rebuilt.data.age <= high)
        assert weight[inside].sum() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.slow
def test_totals_are_cbos_in_every_year(rebuilt: Rebuilt) -> None:
    data = rebuilt.data
    wages, pensions = microdata.cbo("wages_bn_usd"), microdata.cbo("taxable_pension_annuity_ira_bn_usd")
    for index, year in enumerate(data.years):
        weight = data.weights[index]
        members = data.in_w2_table
        wage_bill = weight[data.unit][members] @ data.wage_usd[members] * data.wage_scale[index] / 1e9
        income = weight @ (data.ira_usd + data.pension_usd) * data.pension_scale[index] / 1e9
        assert wage_bill == pytest.approx(wages[int(year)], rel=1e-9)
        assert income == pytest.approx(pensions[int(year)], rel=1e-9)


@pytest.mark.parametrize(
    ("statistic", "tolerance"),
    [
        ("wage_earners_by_wage_2020", 0.05),
        ("deferrers_by_wage_2020", 0.03),
        ("deferrals_by_wage_2020", 0.04),
        ("deferring_share_by_age", 0.01),
    ],
)
def test_w2_margins_hold_at_once(statistic: str, tolerance: float) -> None:
    table = sources.table("microdata_check")
    rows = table[table["statistic"] == statistic]
    assert len(rows) >= 8
    assert np.allclose(rows["file_after"], rows["published"], rtol=tolerance)


def test_mean_deferral_by_age_has_the_2019_shape() -> None:
    table = sources.table("microdata_check")
    rows = table[table["statistic"] == "mean_deferral_by_age"]
    ratio = (rows["file_after"] / rows["published"]).to_numpy()
    assert np.allclose(ratio, ratio.mean(), rtol=0.02)  # one factor brings 2019 dollars to 2020's


def test_soi_classes_are_met_where_the_money_is() -> None:
    table = sources.table("microdata_check")
    for item in ("ira_distributions", "taxable_pension_income"):
        rows = table[table["statistic"] == f"{item}_by_agi_2023"]
        off = (rows["file_after"] - rows["published"]).abs().sum()
        before = (rows["file_before"] - rows["published"]).abs().sum()
        assert off < 0.03 * rows["published"].sum() < before
        high = rows["class_from"].astype(float) >= 75_000
        assert np.allclose(rows["file_after"][high], rows["published"][high], rtol=0.01)


@pytest.mark.slow
def test_unmended_file_is_left_alone(rebuilt: Rebuilt) -> None:
    raw = microdata._raw(microdata.load())
    wages = microdata._mended_wages(raw, raw.weights, rake=False)
    inside = wages.in_w2_table & (raw.wage_usd > 0)
    ratio = wages.wage_usd[inside] / raw.wage_usd[inside]
    assert np.allclose(ratio, ratio[0])  # scaled to CBO's total, nothing else


@pytest.mark.slow
def test_amounts_respect_limits_and_scope(rebuilt: Rebuilt) -> None:
    data, imputed = rebuilt.data, rebuilt.imputed
    limits = deferrals.limits_of(FIRST_YEAR)
    amount = imputed.elective_usd(data.age, limits, 1.0)
    assert np.all(amount <= limits.own(data.age) + 1e-9)
    assert np.all(amount[~data.in_w2_table] == 0)
    assert 0.5 < imputed.scope_share < 1.0
    higher = replace(limits, elective_deferral_usd=limits.elective_deferral_usd + 5000)
    more = imputed.elective_usd(data.age, higher, 1.0)
    at_limit = amount >= limits.own(data.age) - 1e-9
    assert np.all(more[~at_limit] == amount[~at_limit]) and np.all(more[at_limit] > amount[at_limit] - 1e-9)


@pytest.mark.slow
def test_employer_over_participant_is_dols_ratio(rebuilt: Rebuilt) -> None:
    data, imputed = rebuilt.data, rebuilt.imputed
    growth = deferrals.wage_growth_since_w2(data)
    back = growth[deferrals.DOL_YEAR] / growth[FIRST_YEAR]
    weight = data.history_weight(deferrals.DOL_YEAR)[data.unit]
    limits = deferrals.limits_of(deferrals.DOL_YEAR)
    own = weight @ imputed.elective_usd(data.age, limits, back)
    employer = weight @ imputed.employer_usd(limits, back)
    dol = sources.table("dol_5500").set_index("year").loc[deferrals.DOL_YEAR]
    assert own / 1e9 == pytest.approx(dol["participant_bn_usd"], rel=0.005)
    assert employer / own == pytest.approx(dol["employer_bn_usd"] / dol["participant_bn_usd"], rel=1e-9)


@pytest.mark.slow
def test_groups_have_their_shares_and_holders_their_ages(rebuilt: Rebuilt) -> None:
    data, persons = rebuilt.data, rebuilt.persons
    weight = data.person_weights(FIRST_YEAR)
    for band in range(len(holders.AGE_BANDS)):
        cells = persons.income_cell // 12 == band
        shares = np.bincount(persons.income_cell[cells] % 12, weights=weight[cells], minlength=12)
        assert np.allclose(shares / shares.sum(), schedules.GROUP_SHARES, atol=0.004)
    assert np.all((persons.holds >= 0) & (persons.holds <= sources.assumption("law.account_holder_share_cap")))
    old = data.age >= 80
    assert np.average(persons.holds[old], weights=weight[old]) == pytest.approx(0.3932, abs=0.03)


@pytest.mark.slow
def test_thin_curve_cells_are_pooled_and_no_other(rebuilt: Rebuilt) -> None:
    persons = rebuilt.persons
    records = np.bincount(persons.curve_cell, minlength=2 * 8 * 12)
    pooled = np.bincount(persons.curve_pool, weights=records, minlength=len(records))
    assert pooled[persons.curve_pool].min() >= holders.MINIMUM_RECORDS
    moved = np.flatnonzero(persons.curve_pool != np.arange(len(records)))
    named = {
        (cell // 96, holders.AGE_BANDS[cell % 96 // 12], cell % 12): holders.AGE_BANDS[pool % 96 // 12]
        for cell, pool in zip(moved, persons.curve_pool[moved], strict=True)
    }
    working = holders.STATUSES.index("working")
    top = {(working, band, 11): "65-69" for band in ("70-72", "73-79", "80+")}
    assert named == top | {(working, "80+", 10): "73-79"}
    assert np.array_equal(persons.curve_pool % 12, np.arange(len(records)) % 12)
    assert np.array_equal(persons.curve_cell % 96, persons.income_cell)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([90, 80, 70], [0, 1, 2]),
        ([90, 80, 7], [0, 1, 1]),
        ([90, 41, 8], [0, 0, 0]),
        ([5, 80, 70], [0, 0, 2]),
        ([0, 80, 70], [0, 0, 2]),
        ([1, 2, 3], [0, 0, 0]),
    ],
)
def test_pools_go_down_from_the_oldest_band(records: list[int], expected: list[int]) -> None:
    found = holders.pools(np.array([[[n, 100] for n in records]]))
    assert list(found[0, :, 0]) == [2 * band for band in expected]
    assert list(found[0, :, 1]) == [1, 3, 5]


@pytest.mark.slow
def test_a_reform_moves_its_own_years_only(rebuilt: Rebuilt) -> None:
    higher = {"II_rt7": {"2026": 0.45}}
    assert reforms.redated(higher, 2025, 2025) == {}
    tables = rebuilt.law_year(2026, reform=higher)
    curve = tables["withdrawal_curve"]
    stored = sources.table("withdrawal_curve")
    keys = ["law_year", "scope", "age_band", "status", "income_group", "x_usd"]
    both = curve.merge(stored, on=keys, suffixes=("", "_law"), validate="one_to_one")
    change = both["mean_added_tax_usd"] - both["mean_added_tax_usd_law"]
    assert change.min() > -0.01
    top = (both["income_group"] == 12) & (both["x_usd"] > 100_000)
    assert (change[top] > 100).all()


def test_late_reforms_are_redated_to_the_last_law_year() -> None:
    late = {"NIIT_rt": {2050: 0.05, 2070: 0.06}}
    assert reforms.redated(late, 2044, 2036) == {}
    assert reforms.redated(late, 2052, 2036) == {"NIIT_rt": {2036: 0.05}}
    assert reforms.redated(late, 2076, 2036) == {"NIIT_rt": {2036: 0.06}}


@pytest.mark.slow
def test_node_deflates_what_the_law_does_not_index(rebuilt: Rebuilt) -> None:
    policy = taxcalc.Policy()
    policy.set_year(2036)
    names = schedules.unindexed_dollar_parameters(policy)
    assert {"SS_thd1", "SS_thd2", "NIIT_thd", "AMEDT_ec", "CTC_ps", "ODC_c", "ID_AllTaxes_c"} <= set(names)
    assert not {"STD", "II_brk1", "EITC_MaxEligAge", "EITC_MinEligAge", "AMT_child_em_c_age"} & set(names)
    frame = schedules.frame_of(2100, macro())
    before = np.ravel(policy.SS_thd1).copy()
    policy.implement_reform(schedules.node_reform(policy, frame))
    policy.set_year(2036)
    assert np.allclose(np.ravel(policy.SS_thd1), before / frame.price_scale, rtol=1e-6)


def test_foreign_output_needs_its_own_folder() -> None:
    with pytest.raises(InputError, match="out_dir"):
        schedules.build(macro(), reform={"II_rt7": {"2030": 0.4}})


def test_a_users_file_is_refused_with_every_problem(tmp_path) -> None:
    path = tmp_path / "tmd.csv"
    with pytest.raises(InputError, match="does not exist"):
        microdata.load(microdata.Source(path=path))
    path.write_text("RECID,MARS\n1,1\n")
    with pytest.raises(InputError, match="needs this beside it"):
        microdata.load(microdata.Source(path=path))
    puf = tmp_path / "puf.csv"
    puf.write_text("RECID,MARS\n1,1\n")
    with pytest.raises(InputError, match=r"(?s)puf_weights\.csv\.gz.*puf_ratios\.csv"):
        microdata.load(microdata.Source(path=puf))
    for name in ("puf_weights.csv.gz", "puf_ratios.csv"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="e01700"):
        microdata.load(microdata.Source(path=puf))
