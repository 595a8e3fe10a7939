"""Sweeps: designs and everything wrong with them, the same bytes however they are run, and what is made of cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fiscal
from fiscal.base import sources
from fiscal.base.errors import InputError
from fiscal.budget.valuation import PRESENT_VALUE, WINDOWS
from fiscal.engine.run import compute
from fiscal.results import store
from fiscal.results.figures import alt_text, study_statistics
from fiscal.results.quantities import QUANTITY_WORDS
from fiscal.results.result import Result
from fiscal.scenario import load
from fiscal.scenario.design import Design, designs, documented_range, read_design, setting_of
from fiscal.scenario.names import setting_name
from fiscal.scenario.schema import declared
from fiscal.studies import drivers
from fiscal.studies.sweeps import running
from fiscal.studies.sweeps.cases import cases_of, saltelli_points, scenario_of
from fiscal.studies.sweeps.indices import sobol_indices

SHORT = {"horizon.last_year": 2036}
NEAR = WINDOWS[0].label
GRID = {
    "sweep": {"base": "boom", "against": "baseline", "design": "grid"},
    "settings": {"adoption.participants_share": [0.05, 0.1], "tax.withdrawal_scale": [0.9, 1.0, 1.1]},
}
SOBOL = {
    "sweep": {"base": "boom", "design": "sobol", "samples": 4, "seed": 3},
    "settings": {
        "adoption.participants_share": {},
        "heirs.age_gap": {"low": 20, "high": 22},
        "scope.plans": ["401k", "all_dc_scaled"],
    },
}


NINE = GRID | {"settings": {"adoption.participants_share": [0.05, 0.1], "tax.withdrawal_scale": [0.9, 1.0]}}
"""Cases that are more than one batch."""


def changed(design: dict, sweep: dict | None = None, settings: dict | None = None) -> dict:
    """A design with entries of its two tables replaced; ``settings`` replaces all of them."""
    return {"sweep": design["sweep"] | (sweep or {}), "settings": design["settings"] if settings is None else settings}


def faults(design: object, *arguments: object) -> str:
    with pytest.raises(InputError) as error:
        read_design(design, *arguments)
    return str(error.value)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A model of one line in place of the real one: net revenue = share x scale, without crypto nil; its calls."""
    calls: list[str] = []

    def sums(scenario):
        calls.append(scenario.name)
        share, scale = (scenario.value(key) for key in ("adoption.participants_share", "tax.withdrawal_scale"))
        if scale == 1.5:
            raise ValueError("no such tax")
        levels = {"scenario": share * scale, "no_crypto": 0.0, "equity_adoption": share * scale / 2}
        return {
            (path, window, line): level * (10.0 if window == NEAR else 1.0)
            for path, level in levels.items()
            for window in (*(one.label for one in WINDOWS), PRESENT_VALUE)
            for line in ("net_revenue", "withdrawal_tax", "tax_expenditure")
        }

    monkeypatch.setattr(running, "sums_of", sums)
    return calls


# --- designs ----------------------------------------------------------------------------------------


def test_a_grid_takes_every_combination_once_after_the_base_and_the_ends():
    cases = cases_of(read_design(GRID))
    assert [case.part for case in cases] == ["base", "low", "high", "low", "high"] + ["design"] * 6
    assert [case.moved for case in cases[1:5]] == [*["adoption.participants_share"] * 2, *["tax.withdrawal_scale"] * 2]
    combinations = [tuple(case.values.values()) for case in cases[5:]]
    assert combinations == [(share, scale) for share in (0.05, 0.1) for scale in (0.9, 1.0, 1.1)]


def test_a_sobol_design_draws_every_setting_evenly_from_its_range_or_list():
    design = read_design(changed(SOBOL, {"samples": 512}))
    assert design.count == 512 * (3 + 2)
    rows = [case.values for case in cases_of(design) if case.part == "design"]
    gaps = np.array([row["heirs.age_gap"] for row in rows])
    assert np.unique(gaps, return_counts=True)[1] / len(rows) == pytest.approx([1 / 3] * 3, abs=0.01)
    assert gaps.dtype.kind == "i"
    shares = np.array([row["adoption.participants_share"] for row in rows])
    assert shares.min() >= 0.05 and shares.max() <= 0.30 and shares.mean() == pytest.approx(0.175, abs=1e-3)
    assert np.mean([row["scope.plans"] == "all_dc_scaled" for row in rows]) == pytest.approx(0.5, abs=0.01)


def test_each_row_of_saltelli_differs_from_the_first_in_one_setting():
    points = saltelli_points(3, 8, 1).reshape(8, 5, 3)
    for block in points:
        for place in range(3):
            assert (block[place + 1] != block[0]).tolist() == [other == place for other in range(3)]
            assert block[place + 1][place] == block[4][place]


def test_an_empty_range_is_the_documented_one():
    design = read_design(changed(SOBOL, settings={"tax.withdrawal_scale": {}, "assumptions.hardship_rate": {}}))
    cases = sources.table("sensitivity_cases").set_index("key").loc["tax.withdrawal_scale"]
    row = sources.table("assumptions").set_index("key").loc["hardship_rate"]
    assert [(one.low, one.high) for one in design.factors] == [(cases.low, cases.high), (row.low, row.high)]
    lever = next(one for one in declared() if one.key == "paths.crypto_return")
    assert documented_range(lever) == (lever.low, lever.high)


def test_dotted_keys_with_and_without_quotes_and_steps_of_a_grid(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        "[sweep]\nbase = 'base.toml'\ndesign = 'grid'\n[settings]\nadoption.participants_share = [0.1]\n"
        '"tax.withdrawal_scale" = { low = 0.8, high = 1.2, steps = 3 }\n'
    )
    (tmp_path / "base.toml").write_text("[scenario]\nextends = 'boom'\n")
    design = read_design(file)
    assert design.name == "mine" and design.base.lineage[-1] == "base"
    assert {one.key: one.values for one in design.factors} == {
        "adoption.participants_share": (0.1,),
        "tax.withdrawal_scale": (0.8, 1.0, 1.2),
    }


def test_the_reference_keeps_what_is_the_scenarios_own():
    design = read_design(GRID)
    assert design.own == ("adoption.participants_share",)
    assert read_design(changed(GRID, {"own": ["tax.withdrawal_scale"]})).own == ("tax.withdrawal_scale",)
    assert read_design(changed(GRID, {"own": []})).own == ()


@pytest.mark.parametrize("asked", [GRID, SOBOL], ids=["grid", "sobol"])
def test_a_design_written_and_read_again_asks_the_same(asked, tmp_path):
    design = read_design(asked)
    (tmp_path / "design.toml").write_text(design.to_toml())
    (tmp_path / "scenario.toml").write_text(design.base.to_toml())
    if design.against:
        (tmp_path / "reference.toml").write_text(design.against.to_toml())
    again = read_design(tmp_path / "design.toml")
    assert again.record() == design.record() and again.title == design.title
    assert again.base.fingerprint() == design.base.fingerprint()


def test_every_problem_is_told_at_once_with_what_is_allowed_and_the_nearest_name():
    told = faults(
        {
            "sweep": {"base": "bom", "desing": "x", "design": "sobl", "samples": 7, "seed": -1, "title": 3},
            "settings": {
                "tax.withdrawl_scale": {},
                "adoption.participants_share": [0.1, 1.5, 0.1],
                "heirs.age_gap": {"low": 20.5, "high": 30},
                "people.mortality_ratio": {"low": 3, "high": 2, "wide": 1},
                "assumptions.hardship_rat": [1],
                "scope.plans": {},
                "paths.file": ["a.csv"],
                "horizon.last_year": [2040],
                "fees.core_rate": 0.01,
                "roth.plateau_year": [],
            },
            "setings": {},
        }
    )
    for text in (
        "no such scenario", "did you mean 'boom'", "sweep.desing: unknown key", "did you mean 'sweep.design'",
        "did you mean 'sobol'", "a power of two", "not a seed", "cannot be a title",
        "tax.withdrawl_scale: unknown key; did you mean 'tax.withdrawal_scale'", "out of range (found 1.5)",
        "a value is listed twice (found 0.1)", "heirs.age_gap: wrong type (found 20.5)", "people.mortality_ratio.wide",
        "did you mean 'assumptions.hardship_rate'", "scope.plans: has no documented range",
        "paths.file: a sweep cannot vary a file", "horizon.last_year: cases with different horizons",
        "fees.core_rate: neither a list nor a range", "roth.plateau_year: not a list of values",
        "setings: unknown table",
    ):  # fmt: skip
        assert text in told, (text, told)


@pytest.mark.parametrize(
    ("asked", "arguments", "words"),
    [
        ({}, (), "sweep: the table is missing"),
        ({"sweep": {"base": "boom", "design": "grid"}, "settings": {}}, (), "names no setting"),
        ({"sweep": 3, "settings": []}, (), "settings: is a table, not a value"),
        (changed(GRID, {"samples": 8}), (), "a grid does not draw points"),
        (GRID, ({}, 8), "a grid does not draw points"),
        (changed(GRID, settings={"heirs.age_gap": {}}), (), "a grid needs values"),
        (changed(GRID, settings={"heirs.age_gap": {"low": 20, "high": 25, "steps": 4}}), (), "between whole numbers"),
        (changed(SOBOL, settings={"heirs.age_gap": {"steps": 4}}), (), "draws from the whole range"),
        (changed(SOBOL, settings={"people.mortality_ratio": {"low": 3, "high": 2}}), (), "not below the high end"),
        (changed(SOBOL, {"own": ["heirs.age_gap"]}), (), "there is no reference"),
        (changed(GRID, {"own": ["tax.withdrawal_scal"]}), (), "did you mean 'tax.withdrawal_scale'"),
        (changed(GRID, {"against": "bust.tml"}), (), "no such scenario"),
        (GRID, ({"tax.withdrawal_scale": 1.0},), "is moved by the design"),
        (GRID, (["books.price_yaer=2030"],), "did you mean 'books.price_year'"),
        (changed(SOBOL, {"samples": 65536}), (), "too many cases (found 327680)"),
        ("driver", (), "did you mean 'drivers'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_design_is_said(asked, arguments, words):
    assert words in faults(asked, *arguments)


def test_values_that_contradict_each_other_stop_the_sweep_before_it_runs(quick):
    settings = {"adoption.start_year": [2030, 2040], "adoption.full_year": [2035, 2045]}
    with pytest.raises(InputError, match="adoption must be complete after it starts in 2040"):
        fiscal.sweep(changed(GRID, settings=settings))
    assert quick == []


@pytest.mark.parametrize("name", designs())
def test_designs_that_come_with_the_package_are_sound(name):
    design = read_design(name)
    assert 8 <= len(design.factors) <= 20 and design.title
    for case in cases_of(read_design(name, samples=4)):
        scenario_of(design, case)


# --- indices and tornado ----------------------------------------------------------------------------


def test_sobol_indices_of_the_ishigami_function():
    """Ishigami and Homma (1990): variance in closed form."""
    x = np.pi * (2 * saltelli_points(3, 1024, 1) - 1)
    a, b = 7.0, 0.1
    found = sobol_indices(["x1", "x2", "x3"], np.sin(x[:, 0]) * (1 + b * x[:, 2] ** 4) + a * np.sin(x[:, 1]) ** 2, 1)
    v1 = 0.5 * (1 + b * np.pi**4 / 5) ** 2
    v2, v13 = a**2 / 8, b**2 * np.pi**8 * (1 / 18 - 1 / 50)
    whole = v1 + v2 + v13
    assert found["first_order"].to_numpy() == pytest.approx([v1 / whole, v2 / whole, 0.0], abs=0.03)
    assert found["total"].to_numpy() == pytest.approx([(v1 + v13) / whole, v2 / whole, v13 / whole], abs=0.03)
    assert (found[["first_order_confidence", "total_confidence"]].to_numpy() < 0.15).all()
    again = sobol_indices(["x1", "x2", "x3"], np.sin(x[:, 0]) * (1 + b * x[:, 2] ** 4) + a * np.sin(x[:, 1]) ** 2, 1)
    pd.testing.assert_frame_equal(found, again, check_exact=True)


def test_an_outcome_that_does_not_vary_has_no_indices():
    flat = np.full(40, 3.0)
    assert sobol_indices(["a", "b", "c"], flat, 1).drop(columns="setting").isna().all(axis=None)
    assert sobol_indices(["a", "b", "c"], flat + 1e-4 * np.arange(40), 1, smallest=0.1)["total"].isna().all()


def test_effects_are_against_the_reference_and_the_references_on_the_same_path(quick):
    found = fiscal.sweep(GRID)
    own = found.cases.set_index(["part", "moved"]).loc[("high", "tax.withdrawal_scale")]
    assert own["net_revenue_2026_2035_bn_usd"] == pytest.approx(10 * 0.1 * 1.1)
    assert own["net_revenue_minus_reference_2026_2100_bn_usd"] == pytest.approx(0.1 * 1.1)  # baseline holds none
    assert own["net_revenue_minus_equity_adoption_present_value_bn_usd"] == pytest.approx(0.055)
    assert found.quantity == "net_revenue_minus_reference"
    # of the base, 4 ends and 6 cases no scenario is run twice; the reference takes the three taxes only
    assert quick.count("boom") == 6 and quick.count("baseline") == 3


def test_without_crypto_there_is_nothing_to_compare_with():
    plain = read_design({"sweep": {"base": "baseline", "design": "grid"}, "settings": {"roth.plateau_year": [2030]}})
    work = running._Work(plain, cases_of(plain))
    assert {one.quantity for one in work.outcomes} == {"net_revenue", "withdrawal_tax", "tax_expenditure"}


def test_the_tornado_orders_settings_by_what_they_move(quick):
    found = fiscal.sweep(changed(SOBOL, settings={"tax.withdrawal_scale": {}, "adoption.participants_share": {}}))
    rows = found.tornado[(found.tornado["quantity"] == found.quantity) & (found.tornado["window"] == NEAR)]
    assert rows["setting"].tolist() == ["adoption.participants_share", "tax.withdrawal_scale"]
    assert rows[["low", "value", "high"]].to_numpy().tolist() == [["0.05", "0.1", "0.3"], ["0.9", "1.0", "1.1"]]
    assert rows["at_value_bn_usd"].to_numpy() == pytest.approx(1.0)
    assert rows["at_high_bn_usd"].to_numpy() == pytest.approx([3.0, 1.1])


def test_a_case_that_fails_is_a_row_with_its_message_and_leaves_no_index(quick):
    found = fiscal.sweep(
        changed(SOBOL, settings={"tax.withdrawal_scale": [1.0, 1.5], "adoption.participants_share": {}})
    )
    assert len(found.cases) == 5 + found.design.count
    failed = found.failed
    assert 0 < len(failed) < len(found.cases) and set(failed["message"]) == {"no such tax"}
    assert (failed["tax.withdrawal_scale"] == 1.5).all()
    column = "net_revenue_2026_2035_bn_usd"
    assert failed[column].isna().all() and found.cases[column].notna().sum() == len(found.cases) - len(failed)
    assert found.indices["total"].isna().all()
    assert found.spread["cases"].iloc[0] == found.design.count - (failed["part"] == "design").sum()


def test_figure_and_sentence_give_the_tables_numbers(quick):
    found = fiscal.sweep(GRID)
    ax = found.plot.tornado(window=NEAR)
    widths = sorted(round(bar.get_width(), 9) for bar in ax.patches)
    frame = study_statistics.tornado(found, window=NEAR)
    assert widths == sorted(frame[["low_change", "high_change"]].round(9).to_numpy().ravel().tolist())
    assert {text.get_text() for text in ax.texts} == {"5 percent", "10 percent", "0.9 times", "1.1 times"}
    assert [label.get_text() for label in ax.get_yticklabels()] == frame["setting"].map(setting_name).tolist()
    assert "participants who hold crypto \N{MINUS SIGN}0.500 at 0.05" in alt_text("tornado", found, window=NEAR)
    with pytest.raises(InputError, match="allowed: net_revenue"):
        found.plot.tornado(quantity="height")
    with pytest.raises(AttributeError, match="there are tornado"):
        found.plot.cash_flow()
    assert set(QUANTITY_WORDS) >= {one.quantity for one in found.outcomes}
    assert fiscal.sweep(GRID).counted.startswith("11 cases: 6 of the grid, 4 with one setting")
    assert "<b>" not in fiscal.sweep(changed(GRID, {"title": "<b>x</b>"}))._repr_html_()


# --- running ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> fiscal.Sweep:
    """A real sweep of nine cases to 2036 in this process."""
    return fiscal.sweep(NINE, SHORT)


def test_a_case_equals_the_whole_run_of_its_scenario(real):
    """Every outcome of the low end, against the engine's own tables."""
    row = real.cases.iloc[3]
    assert (row["part"], row["moved"], row["tax.withdrawal_scale"]) == ("low", "tax.withdrawal_scale", 0.9)
    values = SHORT | {"tax.withdrawal_scale": 0.9}
    boom, base = (Result.of(compute(load(name, values), run_off=False)) for name in ("boom", "baseline"))
    windows, present = (
        {
            one: table.query("line == @line and path == @path")
            for one, line, path in (
                ("net_revenue", "net_revenue", "scenario"), ("withdrawal_tax", "withdrawal_tax", "scenario"),
                ("tax_expenditure", "tax_expenditure", "scenario"), ("no_crypto", "net_revenue", "no_crypto"),
                ("equity_adoption", "net_revenue", "equity_adoption"),
            )
        }
        for table in (
            boom.tables["windows"].rename(columns={"nominal_bn_usd": "value"}),
            boom.tables["present_values"]
            .query("basis == 'treasury' and span == 'horizon'")
            .rename(columns={"present_value_bn_usd": "value"}),
        )
    )  # fmt: skip
    for end, parts in (("2026_2035", windows), ("present_value", present)):
        level = {name: float(part["value"].iloc[0]) for name, part in parts.items()}
        for line in ("net_revenue", "withdrawal_tax", "tax_expenditure"):
            assert row[f"{line}_{end}_bn_usd"] == pytest.approx(level[line], rel=1e-10)
        for path in ("no_crypto", "equity_adoption"):
            effect = level["net_revenue"] - level[path]
            assert row[f"net_revenue_minus_{path}_{end}_bn_usd"] == pytest.approx(effect, abs=1e-8)
    effects = fiscal.compare(base, boom).effects()["2026_2035_bn_usd"].iloc[0]
    assert row["net_revenue_minus_reference_2026_2035_bn_usd"] == pytest.approx(effects, abs=1e-8)
    tornado = real.tornado.query("quantity == 'net_revenue_minus_reference' and window == @NEAR").set_index("setting")
    assert tornado.loc["tax.withdrawal_scale", "at_low_bn_usd"] == row["net_revenue_minus_reference_2026_2035_bn_usd"]


def test_two_processes_give_the_bits_of_one(real):
    assert len(real.cases) > running.BATCH  # there is something to share
    again = fiscal.sweep(NINE, SHORT, jobs=2)
    for name, table in real.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table, check_exact=True)


def test_jobs_have_a_range():
    with pytest.raises(InputError, match="jobs"):
        fiscal.sweep(GRID, jobs=0)


# --- folders ----------------------------------------------------------------------------------------


def outputs(folder: Path) -> dict[str, str]:
    return store.read_manifest(folder)["outputs"]


def stored(design: Design, folder: Path, **options: object) -> None:
    """As the command does it: batches in the working place, then the folder."""
    with store.working_place(folder, design.base, design, **options) as place:
        if not place.finished:
            store.finish(place, fiscal.sweep(design, batches=place))


def test_an_interrupted_sweep_goes_on_and_ends_with_the_same_bytes(quick, tmp_path, monkeypatch):
    design = read_design(changed(SOBOL, settings={"tax.withdrawal_scale": {}, "adoption.participants_share": {}}))
    stored(design, tmp_path / "whole")
    of_all = len(quick)
    honest, left = running.sums_of, [2 * running.BATCH + 3]

    def dies(scenario):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return honest(scenario)

    quick.clear()
    with monkeypatch.context() as patch:
        patch.setattr(running, "sums_of", dies)
        with pytest.raises(KeyboardInterrupt):
            stored(design, tmp_path / "cut")
    assert not (tmp_path / "cut").exists() and (tmp_path / "cut.incomplete").is_dir()
    with pytest.raises(InputError, match="--resume continues"):
        stored(design, tmp_path / "cut")
    with pytest.raises(InputError, match="has different inputs"):
        stored(read_design(design, samples=8), tmp_path / "cut", resume=True)
    quick.clear()
    stored(design, tmp_path / "cut", resume=True)
    assert len(quick) == of_all - 2 * running.BATCH  # the batches that were whole are not made again
    assert outputs(tmp_path / "cut") == outputs(tmp_path / "whole")
    prints = [store.read_manifest(tmp_path / name)["record_fingerprint"] for name in ("cut", "whole")]
    assert prints[0] == prints[1] and not (tmp_path / "cut.incomplete").exists()
    quick.clear()
    stored(design, tmp_path / "cut", resume=True)
    assert quick == []


def test_a_stored_sweep_is_read_back_verified_and_cited(quick, tmp_path):
    found = fiscal.sweep(changed(GRID, {"title": "Shares and taxes"}))
    folder = fiscal.write_run(found, tmp_path / "mine")
    assert store.verify(folder) == []
    again = fiscal.read_sweep(folder)
    assert again.design.record() == found.design.record() and again.outcomes == found.outcomes
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table, check_dtype=False)
        assert (folder / "tables" / f"{name}.csv").read_text() == table.to_csv(index=False)
    columns = pd.read_csv(folder / "columns.csv")
    assert columns["description"].notna().all()
    assert (
        store.cite(folder)["text"].startswith("The fiscal authors") and "Shares and taxes" in store.cite(folder)["text"]
    )
    assert json.loads((folder / "summary.json").read_text())["cases"] == len(found.cases)
    # its own design asks the same again
    assert read_design(folder / "design.toml").record() == found.design.record()
    with pytest.raises(InputError, match="is a sweep"):
        fiscal.read_run(folder)
    (folder / "tables" / "spread.csv").write_text("x")
    with pytest.raises(InputError, match="changed after the run"):
        fiscal.read_sweep(folder)


def test_another_seed_or_range_is_another_question(tmp_path):
    design = read_design(SOBOL)
    wider = SOBOL["settings"] | {"adoption.participants_share": {"low": 0.04}}
    others = [read_design(changed(SOBOL, {"seed": 4})), read_design(changed(SOBOL, settings=wider))]
    prints = [store.input_fingerprint(one.base, one) for one in (design, *others)]
    assert len({*prints, store.input_fingerprint(design.base)}) == 4
    titled = read_design(changed(SOBOL, {"title": "in other words"}))
    assert store.input_fingerprint(titled.base, titled) == prints[0]


# --- the command ------------------------------------------------------------------------------------


def test_the_command_tells_everything_wrong_and_writes_nothing(fiscal, tmp_path):
    (tmp_path / "bad.toml").write_text(
        '[sweep]\nbase = "boom"\ndesign = "grid"\n[settings]\nadoption.participants_share = [2.0]\n'
        'tax.withdrawal_scal = [1.0]\n"paths.name" = ["bom"]\n'
    )
    answer = fiscal("sweep", "bad.toml", "--out", "mine")
    assert answer.returncode == 2 and answer.stdout == "" and "Traceback" not in answer.stderr
    assert "bad.toml: adoption.participants_share: out of range (found 2.0)" in answer.stderr
    assert "did you mean 'tax.withdrawal_scale'" in answer.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


def test_the_command_writes_a_folder_and_says_which_case_failed(fiscal, tmp_path):
    (tmp_path / "mine.toml").write_text(
        '[sweep]\nbase = "replay_2013"\ndesign = "grid"\n[settings]\npaths.replay_start = ["1850-01"]\n'
    )
    answer = fiscal("sweep", "mine.toml", "--set", "horizon.last_year=2036", "--out", "mine", "--json")
    assert answer.returncode == 1, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["cases"], told["failed"], told["out"]) == (4, 3, "mine")
    rows = told["tables"]["sweep"]
    assert [bool(row["message"]) for row in rows] == [False, True, True, True]
    assert rows[1]["net_revenue_2026_2035_bn_usd"] is None and rows[0]["net_revenue_2026_2035_bn_usd"] < 0
    assert "3 of 4 cases failed" in answer.stderr
    assert (tmp_path / "mine" / "figures" / "tornado-2026-2035.svg").is_file()
    assert store.verify(tmp_path / "mine") == []


# --- the stored sweep -------------------------------------------------------------------------------


UNCERTAIN = (
    "paths.core_equity_return", "paths.return_half_life", "paths.foreign_equity_share", "contributions.coverage_trend",
    "withdrawals.leakage_balance_elasticity",
)  # fmt: skip
"""Settings of the base case that no source decides."""


def test_uncertain_settings_of_the_base_case_are_in_both_sensitivities():
    assert set(UNCERTAIN) <= {factor.key for factor in drivers.design().factors}
    assert set(UNCERTAIN) <= set(sources.table("sensitivity_cases")["key"])


def test_the_stored_drivers_are_those_of_the_design_and_the_model():
    """The base and two settings at both ends are made again; the indices come from the same sweep."""
    stored_tables = study_statistics.drivers()
    assert stored_tables is not None
    design = drivers.design()
    tornado, indices, spread = (stored_tables[name] for name in ("tornado", "indices", "spread"))
    keys = {factor.key for factor in design.factors}
    assert set(tornado["setting"]) == set(indices["setting"]) == keys
    assert (spread["cases"] == design.count).all()
    told = tornado.drop_duplicates("setting").set_index("setting")
    for factor in design.factors:
        ends = [told.loc[factor.key, end] for end in ("low", "high")]
        assert [type(end)(text) for end, text in zip(factor.ends(), ends, strict=True)] == list(factor.ends())
    few = read_design(design, samples=4)
    cases = [case for case in cases_of(few) if case.moved in ("", "adoption.participants_share")][:3]
    work = running._Work(few, cases)
    found = work.batch(0)
    assert found["messages"].tolist() == [""] * 3
    own = tornado[tornado["setting"] == "adoption.participants_share"].set_index(["quantity", "window"])
    for place, one in enumerate(work.outcomes):
        row = own.loc[(one.quantity, one.window)]
        for value, column in zip(found["values"][:, place], ("value", "low", "high"), strict=True):
            assert value == pytest.approx(row[f"at_{column}_bn_usd"], rel=1e-6, abs=2e-6)


def test_stored_indices_are_shares():
    stored_tables = study_statistics.drivers()
    assert stored_tables is not None
    known = stored_tables["indices"].dropna()
    assert len(known) > len(stored_tables["indices"]) / 2
    reach = known["total"] + known["total_confidence"] + 0.01
    assert (known["first_order"] - known["first_order_confidence"] <= reach).all()
    assert (known["total"] >= 0).all() and (known["first_order"] - known["first_order_confidence"] <= 1).all()
    sums = known.groupby(["quantity", "window"])[["first_order", "first_order_confidence"]].sum()
    assert (sums["first_order"] - sums["first_order_confidence"] <= 1).all()


def test_settings_are_read_from_the_scenario_or_the_table():
    scenario = load("boom", {"assumptions.hardship_rate": 0.004})
    assert setting_of(scenario, "assumptions.hardship_rate") == 0.004
    assert setting_of(scenario, "assumptions.penalised_share") == 0.45
    assert setting_of(scenario, "adoption.participants_share") == 0.1


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_design_moves_a_dotted_row_of_the_assumptions(quote, tmp_path) -> None:
    key = "assumptions.markets.real_estate_premium_over_equity"
    file = tmp_path / "design.toml"
    file.write_text(f'[sweep]\nbase = "boom"\ndesign = "sobol"\n[settings]\n{quote}{key}{quote} = {{low = -0.03}}\n')
    (factor,) = read_design(str(file)).factors
    assert (factor.key, factor.low, factor.high) == (key, -0.03, 0.01)
