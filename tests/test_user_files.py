"""Files of a user's own: dialects of CSV, what cannot be meant, many paths, total losses, and where files are found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fiscal.base.axes import ASSETS
from fiscal.base.errors import InputError
from fiscal.base.files import part_of, write_whole
from fiscal.cli import app
from fiscal.engine import run as engine_run
from fiscal.engine.allocation import path_settings
from fiscal.markets.implied import dollar
from fiscal.markets.paths import path_model, user_returns
from fiscal.results import running, store, validate
from fiscal.scenario import load, own_files
from fiscal.scenario.files import SHIPPED_REFORMS

YEARS = np.arange(2025, 2061)
CRYPTO = ASSETS.index("crypto")
SMALL = {"horizon.last_year": 2036, "books.risk_neutral_paths": 0, "backstop.paths": 0}
PLAIN = "year,crypto,equity\n2026,0.1,0.05\n2027,-0.5,0.07\n2028,0.25,-0.02\n"


def scenario(file, **changes):
    return load("boom", {"paths.model": "user", "paths.file": str(file), **changes})


def written(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def refusal(file, **changes) -> str:
    with pytest.raises(InputError) as caught:
        user_returns(path_settings(scenario(file, **changes).settings))
    return str(caught.value)


DIALECTS = {
    "byte order mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "blanks": PLAIN.replace(",", " , ").encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "decimal commas": PLAIN.replace(",", ";").replace(".", ",").encode(),
    "Excel's first line": b"sep=;\r\n" + PLAIN.replace(",", ";").replace(".", ",").replace("\n", "\r\n").encode(),
    "tabs": PLAIN.replace(",", "\t").replace(".", ",").encode(),
    "bars": PLAIN.replace(",", "|").encode(),
    "comments": ("# drawn by hand, 2026; ours\n" + PLAIN.replace("2027", "  # the fall\n2027") + "#\n").encode(),
    "blank lines": PLAIN.replace("\n", "\n\n").encode() + b",,\n  \n",
    "old line ends": PLAIN.replace("\n", "\r").encode(),
    "empty columns": PLAIN.replace("\n", ",,\n").encode(),
    "quotes": PLAIN.replace("2026,0.1", '"2026","0.1"').encode(),
    "capitals": PLAIN.replace("year,crypto", "Year,Crypto").encode(),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_returns_in_every_dialect(tmp_path, dialect) -> None:
    plain = user_returns({"file": str(written(tmp_path, PLAIN, "plain.csv"))})
    found = user_returns({"file": str(written(tmp_path, DIALECTS[dialect]))})
    np.testing.assert_array_equal(found.rates, plain.rates)
    assert found.names == plain.names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("year,crypto\n2026,0.1\n\n# note\n2027,bad\n", ["line 5", "bad"]),
        ("year;crypto\n\n2026;0,1\n2027;0,1;7\n", ["line 4", "cells"]),
        ("year,crypto\n2026,0,10\n", ["line 2", "cells"]),
        ("year,crypto\n2026,0.1\n2027,9.33%\n", ["line 3", "0.0933"]),
        ("year,crypto\n2026,9.33\n2027,-4.1\n", ["line 2", "0.0933"]),
        ("year,crypto\n2026,101.5\n2027,99\n2028,110\n", ["line 2", "line 3", "line 4", "index level"]),
        ("year,crypto\n2026,9e99\n2027,0.1\n", ["line 2"]),
        ("year,crypto\n2026,1.0\n2027,1.1\n2028,0.9\n", ["lines 2 to 4", "mean is 1"]),
        ("year,bonds,crypto\n2026,2.1,0.1\n2027,1.7,-0.1\n", ["bonds", "mean is 1.9"]),
        ("year,crypto\n2026,-1.01\n", ["line 2", "-1"]),
        ("year,crypto,crypto\n2026,0.1,0.1\n", ["crypto", "twice"]),
        ('year,crypto\n2026,"0.1\n', ["line 2"]),
        ("year,crypto\n2026\n", ["line 2"]),
        ("2026,0.1\n2027,0.1\n", ["unknown column"]),
        ("", ["no rows"]),
        *((f"year,crypto\n2026,{cell}\n", ["line 2"]) for cell in ("inf", "-inf", "nan", "", "0x1", "1_0", "\uff11")),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path, text: str, words: list[str]) -> None:
    told = refusal(written(tmp_path, text))
    for word in words:
        assert word in told


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path) -> None:
    assert "line 2" in refusal(written(tmp_path, b"year,crypto\n2026,\xff\n"))


def test_extreme_returns_are_taken_when_the_scenario_says_so(tmp_path) -> None:
    file = written(tmp_path, "year,crypto\n2026,4.5\n2027,0.6\n")
    assert "paths.allow_extreme" in refusal(file)
    found = user_returns(path_settings(scenario(file, **{"paths.allow_extreme": True}).settings))
    np.testing.assert_allclose(found.rates[0, :, CRYPTO], [4.5, 0.6])
    beyond = written(tmp_path, "year,crypto\n2026,9e99\n", "beyond.csv")
    assert "line 2" in refusal(beyond, **{"paths.allow_extreme": True})
    edge = written(tmp_path, "year,crypto\n2026,3\n2027,-0.1\n", "edge.csv")
    assert user_returns({"file": str(edge)}).rates.shape[1] == 2


# many paths

RATES = {"a": 0.4, "b": -0.3, "c": 0.05, "d": -1.0}


def many(folder: Path) -> Path:
    rows = [f"{name},{year},{rate}" for year in range(2026, 2037) for name, rate in RATES.items()]
    return written(folder, "path,year,crypto\n" + "\n".join(rows) + "\n", "many.csv")


def test_every_path_of_a_file_is_run_unless_a_number_is_set(tmp_path) -> None:
    file = many(tmp_path)
    every = scenario(file)
    assert every.value("paths.count") == len(RATES)
    assert scenario(file, **{"paths.count": 2}).value("paths.count") == 2
    assert scenario(file, **{"paths.count": 1}).value("paths.count") == 1
    assert "at most 4" in refusal(file, **{"paths.count": 5})
    one = written(tmp_path, PLAIN)
    assert every.with_overrides({"paths.file": str(one)}).value("paths.count") == 1
    assert every.with_overrides({"paths.model": "deterministic", "paths.file": "none"}).value("paths.count") == 1
    assert "at most 1" in refusal(one, **{"paths.count": 2})


def test_paths_are_the_same_in_any_batch_and_the_middle_one_stands_for_them(tmp_path) -> None:
    told = path_settings(scenario(many(tmp_path)).settings)
    model = path_model("user")
    whole = model.draw(told, YEARS, 4).half_returns
    np.testing.assert_array_equal(model.draw(told, YEARS, 2, 0, 1).half_returns, whole[1:3])
    np.testing.assert_allclose(model.draw(told, YEARS, 4).annual_returns()[:, 5, CRYPTO], list(RATES.values()))
    np.testing.assert_array_equal(model.central(told, YEARS).half_returns[0], np.median(whole, axis=0))
    alone = {**told, "count": 1}
    np.testing.assert_array_equal(model.central(alone, YEARS).half_returns, whole[:1])


@cache
def small_run(file: Path, **changes):
    return running.run(scenario(file, **SMALL, **changes))


@pytest.fixture(scope="module")
def many_run(tmp_path_factory):
    return small_run(many(tmp_path_factory.mktemp("many")))


def test_the_mean_over_paths_is_that_of_runs_of_each(many_run, tmp_path) -> None:
    """One path alone gives what it gives among others."""
    windows = many_run.tables["path_windows"].set_index(["measure", "reference", "window", "line"])
    assert set(windows.index.get_level_values("measure")) == {"real"}
    row = windows.loc[("real", "no_crypto", "FY2026-2035", "net_revenue")]
    each = many_run.tables["paths"].query("window == 'FY2026-2035'")["net_revenue_minus_no_crypto_bn_usd"].to_numpy()
    assert row["paths"] == len(RATES) == len(each)
    assert row["mean_bn_usd"] == pytest.approx(each.mean())
    assert row["median_bn_usd"] == pytest.approx(np.median(each))
    assert np.isnan(row["standard_error_bn_usd"])  # they are not draws
    assert each[0] > each[2] > each[1] > each[3]
    rows = "".join(f"{year},{RATES['a']}\n" for year in range(2026, 2037))
    alone = engine_run.compute(scenario(written(tmp_path, "year,crypto\n" + rows), **SMALL), run_off=False)
    found = alone.total("withdrawal_tax")[0] / 1e9
    yearly = many_run.tables["path_years"].query("path == 'scenario' and reference == 'none'")
    tax = yearly[yearly["line"] == "withdrawal_tax"].set_index("year")
    assert found[-1] > tax["median_bn_usd"].iloc[-1]  # the path of the highest returns
    assert (found >= tax["q05_bn_usd"].to_numpy() * (1 - 1e-9)).all()
    assert validate.misfits(many_run) == []


def test_a_run_of_many_paths_is_stored_and_read_back(many_run, tmp_path) -> None:
    folder = store.write_run(many_run, tmp_path / "run")
    assert store.verify(folder) == []
    again = store.read_run(folder)
    assert again.fingerprint == many_run.fingerprint
    assert again.scenario.value("paths.count") == len(RATES)
    assert own_files(again.scenario.settings) == {"paths.file": folder / "inputs" / "paths.file.csv"}
    assert store.input_fingerprint(again.scenario) == store.input_fingerprint(many_run.scenario)


# a total loss


def test_what_is_lost_stays_lost(tmp_path) -> None:
    rows = "2026,0.1\n2027,-1\n" + "".join(f"{year},0.3\n" for year in range(2028, 2037))
    file = written(tmp_path, "year,crypto\n" + rows)
    told = path_settings(scenario(file).settings)
    market = path_model("user").draw(told, YEARS)
    assert market.annual_returns()[0, 2, CRYPTO] == -1
    crypto = dollar(market).query("asset == 'crypto'")["median_usd"].to_numpy()
    assert (crypto[1:] < 1e-15).all() and np.isfinite(crypto).all()
    assert user_returns(told).summary()["geometric_return_rate"].tolist() == [-1]


@pytest.mark.parametrize(
    "changes",
    [
        {"adoption.allocation_share": 1.0, "adoption.full_year": 2027},
        {"overlays.price_impact_multiplier": 5.0},
        {"behaviour.panic_share": 0.5, "behaviour.contribution_return_response": 0.5, "adoption.displaces": "core"},
        {"adoption.mode": "new_money", "adoption.rebalancing": 0.0},
    ],
)
def test_a_total_loss_runs(tmp_path, changes) -> None:
    """Sleeves, savers and prices that answer to what is no longer there."""
    file = written(tmp_path, "year,crypto\n2026,-1\n2027,-1\n2028,-1\n2029,0.1\n")
    run = engine_run.compute(scenario(file, **SMALL, **changes), run_off=False, references=("scenario", "no_crypto"))
    tax, held = run.total("withdrawal_tax"), run.projection.cells["closing_crypto"][0].sum(axis=(1, 2, 3))
    assert np.isfinite(tax).all() and (held >= 0).all() and held[-1] > 0  # savers buy again
    assert tax[0, -1] < tax[1, -1]


# where files are found


def project(folder: Path) -> Path:
    (folder / "project").mkdir()
    written(folder / "project", "year,crypto\n2026,-0.5\n", "returns.csv")
    text = '[scenario]\nextends = "boom"\n[paths]\nmodel = "user"\nfile = "returns.csv"\n'
    return written(folder / "project", text, "mine.toml")


def rate(chosen) -> float:
    return float(user_returns(path_settings(chosen.settings)).rates[0, 0, CRYPTO])


def test_a_file_named_in_a_scenario_lies_beside_it_and_one_of_set_in_the_current_folder(tmp_path, monkeypatch) -> None:
    file = project(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    written(elsewhere, "year,crypto\n2026,0.25\n", "returns.csv")
    beside = load(file).fingerprint()
    monkeypatch.chdir(elsewhere)
    assert rate(load(file)) == rate(load(os.path.relpath(file))) == -0.5
    assert load(file).fingerprint() == beside
    assert rate(load(file, ["paths.file=returns.csv"])) == 0.25
    child = written(elsewhere, '[scenario]\nextends = "../project/mine.toml"\n', "child.toml")
    assert rate(load(child)) == -0.5
    file.with_name("returns.csv").unlink()
    with pytest.raises(InputError, match="beside"):
        rate(load(file))


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch) -> None:
    project(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert rate(load("~/project/mine.toml")) == -0.5
    assert rate(load("boom", ["paths.model=user", "paths.file=~/project/returns.csv"])) == -0.5
    written(tmp_path, '[paths]\nmodel = "user"\nfile = "~/project/returns.csv"\n', "other.toml")
    assert rate(load("~/other.toml")) == -0.5


def test_a_packaged_reform_never_stands_for_a_file_of_the_user(tmp_path, monkeypatch) -> None:
    name = "rate_rise.json"
    text = f'[law]\nreform = "{name}"\n'
    (tmp_path / "own").mkdir()
    own = written(tmp_path / "own", "{}", name)
    mine, other = written(tmp_path / "own", text, "mine.toml"), written(tmp_path, text, "other.toml")
    assert own_files(load(mine).settings)["law.reform"] == own
    monkeypatch.chdir(tmp_path / "own")
    for one in (str(other), "rate_rise_2040"):  # no file of another folder either
        assert own_files(load(one).settings)["law.reform"] == SHIPPED_REFORMS / name
    assert own_files(load("boom", {"law.reform": name}).settings)["law.reform"].resolve() == own
    monkeypatch.chdir(tmp_path)
    assert own_files(load("boom", {"law.reform": name}).settings)["law.reform"] == SHIPPED_REFORMS / name


# explain


def test_explain_reads_every_file_and_says_what_becomes_of_a_dollar(tmp_path) -> None:
    file = written(tmp_path, "path,year,crypto\na,2026,0.5\na,2027,0.5\nb,2026,-0.5\nb,2027,0\n")
    asked = ["explain", "boom", "--set", "paths.model=user", "--set"]
    answer = CliRunner().invoke(app, [*asked, f"paths.file={file}", "--json"])
    told = {row["path"]: row for row in json.loads(answer.stdout)["returns"]}
    assert told["a"]["geometric_return_rate"] == pytest.approx(0.5)
    assert told["a"]["dollar_becomes_usd"] == pytest.approx(2.25)
    assert told["b"]["geometric_return_rate"] == pytest.approx(0.5**0.5 - 1)
    assert "2.25" in CliRunner().invoke(app, [*asked, f"paths.file={file}", "--changed"]).stdout
    bad = written(tmp_path, "year,crypto\n2026,x\n", "bad.csv")
    answer = CliRunner().invoke(app, [*asked, f"paths.file={bad}", "--set", f"law.reform={tmp_path / 'none.json'}"])
    assert isinstance(answer.exception, InputError)
    assert "bad.csv" in str(answer.exception) and "none.json" in str(answer.exception)


# files that are written


def test_a_file_written_by_several_at_once_is_one_of_theirs_and_nothing_is_left(tmp_path) -> None:
    file = tmp_path / "table[1].csv"
    contents = [bytes([number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_whole(file, content), contents * 5))
    assert file.read_bytes() in contents and list(tmp_path.iterdir()) == [file]


def test_what_a_killed_process_left_of_a_file_goes_with_the_next_one(tmp_path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone, own, other = (
        tmp_path / name for name in (f"a.csv.{ended.pid}-0.part", f"a.csv.{os.getpid()}-x.part", "b.part")
    )
    for left in (gone, own, other, tmp_path / f"a.csv.{os.getppid()}-7.part"):
        left.write_text("half")
    write_whole(tmp_path / "a.csv", b"whole")
    assert sorted(left.name for left in tmp_path.iterdir()) == sorted(
        ["a.csv", own.name, other.name, f"a.csv.{os.getppid()}-7.part"]
    )
    assert part_of(gone.name) == "a.csv" and part_of("b.part") is None
