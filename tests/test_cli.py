"""The command as a user has it: answers, exit codes, where messages go, and how fast it starts."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import select
import signal
import subprocess
import sys

import pandas as pd
import pytest
import typer.testing

import fiscal as fiscal_package
from fiscal import __version__, cli
from fiscal.base.errors import InputError
from fiscal.cli.show import show_frame
from fiscal.results import store
from fiscal.scenario import catalogue, load, standings
from fiscal.scenario.new import new_scenario
from fiscal.scenario.toml import parse_toml

COMMANDS = (
    (),
    ("list",),
    ("new",),
    ("explain",),
    ("run",),
    ("compare",),
    ("decompose",),
    ("sweep",),
    ("figures",),
    ("report",),
    ("page",),
    ("study",),
    ("verify",),
    ("cite",),
    ("hindcast",),
    ("long-run",),
    ("vintage",),
    ("validate",),
    ("data",),
    ("data", "list"),
    ("data", "check"),
    ("data", "due"),
    ("schedules",),
    ("schedules", "build"),
    ("schedules", "show"),
    ("markets",),
    ("markets", "fit"),
    ("markets", "show"),
    ("paths",),
    ("paths", "from-prices"),
)


def refused(process: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2, the words on stderr, nothing on stdout, no traceback."""
    assert process.returncode == 2, process.stderr
    assert process.stdout == ""
    assert "Traceback" not in process.stderr
    for word in words:
        assert word in process.stderr


# help and speed


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "fiscal")
def test_help_explains_with_an_example(command, fiscal):
    answer = fiscal(*command, "--help")
    assert answer.returncode == 0
    assert "Usage:" in answer.stdout and answer.stderr == ""
    if command not in (("data",), ("markets",), ("paths",), ("schedules",)):
        assert "Example" in answer.stdout
        assert "\b" not in answer.stdout


@pytest.mark.parametrize("module", ["fiscal", "fiscal.cli"])
def test_import_brings_nothing_heavy(module, root):
    heavy = ["numpy", "pandas", "scipy", "pydantic", "matplotlib", "taxcalc", "statsmodels", "numba", "rich"]
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


def test_the_public_names_exist():
    import fiscal

    for name in fiscal.__all__:
        assert getattr(fiscal, name) is not None
        assert name in dir(fiscal)
    with pytest.raises(AttributeError):
        fiscal.no_such_name  # noqa: B018
    importlib.import_module("fiscal.report")
    assert callable(fiscal.write_report) and callable(fiscal.run)  # no submodule has taken their place


@pytest.mark.parametrize("words", [(), ("data",), ("schedules",), ("markets",), ("paths",)])
def test_help_lists_commands_with_whole_sentences(words):
    text = typer.testing.CliRunner().invoke(cli.app, [*words, "--help"]).stdout
    listed = text.partition("Commands:\n")[2]
    assert "..." not in listed
    said = re.split(r"^  (?=\S)", listed, flags=re.M)[1:]
    assert said and all(one.rstrip().endswith((".", ")")) for one in said), said


def test_version(fiscal):
    assert fiscal("--version").stdout.strip() == f"fiscal {__version__}"


# list and explain


def test_list(fiscal):
    shown = fiscal("list")
    assert shown.returncode == 0 and shown.stderr == ""
    for name in catalogue():
        assert name in shown.stdout
    answer = json.loads(fiscal("list", "--json").stdout)
    assert [one["name"] for one in answer["scenarios"]] == list(catalogue())


def test_explain_shows_unit_range_source_and_standing(fiscal):
    answer = json.loads(fiscal("explain", "boom", "--set", "fees.crypto_rate=0.01", "--json").stdout)
    assert answer["fingerprint"] == load("boom", ["fees.crypto_rate=0.01"]).fingerprint()
    rows = {row["key"]: row for row in answer["settings"]}
    assert rows["fees.crypto_rate"] | {"source": "", "doc": ""} == {
        "key": "fees.crypto_rate",
        "value": 0.01,
        "default": 0.004,
        "unit": "rate a year on the balance",
        "low": 0.0,
        "high": 0.05,
        "source": "",
        "status": "assumed",
        "doc": "",
        "changed": True,
        "set_in": "--set",
    }
    text = fiscal("explain", "boom", "--full").stdout
    for word in ("adoption.participants_share", "share of", "0 to 1", "assumed", "cited", "GAO"):
        assert word in text
    changed = fiscal("explain", "boom", "--changed").stdout
    assert "fees.core_rate" not in changed
    # the standing and the source that are declared are those of the default, not of what a scenario sets
    assert "the default is" in changed and "its source" in changed
    assert re.search(r"0\.1 .* adoption_central\.toml +0, assumed +today", changed)


@pytest.mark.parametrize("width", [80, 160])
def test_explain_fits_the_terminal_and_says_whose_standing_it_is(width, monkeypatch):
    from typer.testing import CliRunner

    from fiscal import cli

    monkeypatch.setattr("fiscal.cli.show.PIPE_WIDTH", width)
    printed = CliRunner().invoke(cli.app, ["explain", "boom", "--full"]).stdout
    assert max(map(len, printed.splitlines())) <= width
    if width == 80:  # a list, as the table would be columns of single syllables
        assert "adoption.participants_share = 0.1, set in adoption_central.toml\n" in printed
        assert "    share of participants, 0 to 1\n    default 0, assumed: today" in printed
        assert "    the default, assumed: " in printed
        assert len(printed.splitlines()) < 5 * len(load("boom").explained())


SCREEN = 100, 40


def fits_a_screen(text: str) -> bool:
    """Whether a summary is at most 100 columns by 40 lines, and nothing in it breaks inside a word."""
    lines = text.splitlines()
    return max(map(len, lines)) <= SCREEN[0] and len(lines) <= SCREEN[1]


@pytest.mark.parametrize("scenario", ["baseline", "chasing"])
def test_explain_prints_what_differs_and_fits_a_screen(scenario):
    runner = typer.testing.CliRunner()
    text, rows = runner.invoke(cli.app, ["explain", scenario]).stdout, load(scenario).explained()
    assert fits_a_screen(text)
    changed = [row.key for row in rows if row.changed]
    assert all(re.search(rf"^ {key} ", text, re.M) for key in changed)
    kept = standings(row for row in rows if not row.changed)
    assert sum(counts.total() for counts in kept.values()) == len(rows) - len(changed)
    for name, counts in kept.items():  # the limits page counts with the same function
        assert re.search(rf"{counts.total()}\s[\w/.\s]*{name}[\w/.\s]*\({counts['assumed']}\s+assumed", text), name
    table = pd.read_csv(io.StringIO(runner.invoke(cli.app, ["explain", scenario, "--csv"]).stdout))
    assert list(table["key"]) == [row.key for row in rows]


def test_validate_prints_a_summary_that_fits_a_screen(monkeypatch):
    from fiscal.studies import published

    stored = fiscal_package.read_table("validation")
    stored = stored.fillna(dict.fromkeys(stored.select_dtypes(exclude="number"), ""))
    monkeypatch.setattr(published, "validate", lambda which, progress: stored)
    runner = typer.testing.CliRunner()
    text = runner.invoke(cli.app, ["validate"]).stdout
    counts = published.counts(stored)["after"]
    assert fits_a_screen(text) and f"matches {counts['inside']} of {counts['inside'] + counts['outside']} " in text
    assert len(runner.invoke(cli.app, ["validate", "--full"]).stdout) > len(text)
    table = pd.read_csv(io.StringIO(runner.invoke(cli.app, ["validate", "--csv"]).stdout))
    assert list(table["id"]) == list(stored["id"])


def test_a_hindcast_prints_a_summary_that_fits_a_screen(monkeypatch):
    from fiscal.studies import skill

    answers = skill.answers()
    monkeypatch.setattr(skill, "answers", lambda **_: answers)
    runner = typer.testing.CliRunner()
    text = runner.invoke(cli.app, ["hindcast"]).stdout
    assert fits_a_screen(text) and "80 percent band" in text and "naive" in text
    assert len(runner.invoke(cli.app, ["hindcast", "--full"]).stdout) > len(text)
    table = pd.read_csv(io.StringIO(runner.invoke(cli.app, ["hindcast", "--csv"]).stdout))
    assert {"quantity", "lead_years", "mean_absolute_error"} <= set(table)


def test_a_sweep_prints_a_summary_that_fits_a_screen(monkeypatch):
    from fuzz_inputs import invented_sweep

    monkeypatch.setattr(fiscal_package, "sweep", lambda design, **_: invented_sweep(design))
    runner = typer.testing.CliRunner()
    asked = ["sweep", "drivers", "--samples", "4", "--name", "My drivers"]
    text = runner.invoke(cli.app, asked).stdout
    assert fits_a_screen(text) and text.startswith("My drivers; ")
    assert len(runner.invoke(cli.app, [*asked, "--full"]).stdout) > len(text)
    table = pd.read_csv(io.StringIO(runner.invoke(cli.app, [*asked, "--csv"]).stdout))
    assert list(table["case"]) == list(range(len(table)))


def test_explain_writes_files_that_load(fiscal, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(fiscal("explain", "boom", "--toml").stdout, encoding="utf-8")
    assert load(path).fingerprint() == load("boom").fingerprint()
    schema = json.loads(fiscal("explain", "--schema").stdout)
    assert "adoption" in schema["properties"]


def test_titles_are_text_not_markup(fiscal, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[scenario]\ntitle = "[red]Title[/red] [/]"\n', encoding="utf-8")
    assert "[red]Title[/red] [/]" in fiscal("explain", "mine.toml", "--changed").stdout


def test_the_readme_names_commands_settings_and_functions_that_exist(root):
    import fiscal

    text = (root / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    fiscal (.+?)(?: {2,}#.*)?$", text, re.M)
    assert len(commands) >= 6
    for command in commands:
        words = command.split()
        depth = 2 if words[0] in ("data", "markets", "paths", "schedules") else 1
        assert tuple(words[:depth]) in COMMANDS, command
        overrides = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
        load("baseline", overrides)
    for name in re.findall(r"\bfiscal\.([a-z_]+)\(", text):
        assert name in fiscal.__all__, name
    scenario = re.search(r"```toml\n(.+?)```", text, re.S)
    assert scenario is not None
    parse_toml(scenario[1], "README.md")


# decompose


def test_decompose_adds_up_and_prints_one_line(fiscal):
    short = ("--set", "horizon.last_year=2036")
    answer = fiscal("decompose", "baseline", "long_boom", *short, "--json")
    assert answer.returncode == 0
    found = json.loads(answer.stdout)
    assert found["base"].startswith("baseline-") and found["others"][0].startswith("long_boom-")
    rows = {
        row["factor"]: row["effect_bn_usd"]
        for row in found["decomposition"]
        if row["line"] == "net_revenue" and row["window"] == "FY2026-2035"
    }
    difference = rows.pop("difference")
    assert difference != 0 and sum(rows.values()) == pytest.approx(difference, rel=1e-9)
    printed = fiscal("decompose", "baseline", "long_boom", *short, "--line", "tax_expenditure")
    assert printed.returncode == 0 and "positive = a cost" in printed.stdout
    assert {"contributions", "returns", "rate", "timing", "behaviour", "difference"} <= set(printed.stdout.split())
    assert "present value to the horizon" in printed.stdout


def test_printed_present_values_say_their_span(capsys):
    show_frame(pd.DataFrame({"scenario": ["boom"], "present_value_treasury_bn_usd": [1.0]}))
    show_frame(pd.DataFrame({"window": ["FY2026-2035", "present value"], "rate": [1.0, 2.0]}))
    printed = " ".join(capsys.readouterr().out.split())
    assert "present value treasury bn usd, to the last withdrawal" in printed
    assert re.search("present value to the horizon +2.0", printed)


def test_decompose_refuses_with_every_reason(fiscal):
    refused(
        fiscal("decompose", "baselin", "boom", "--line", "net_revenu"),
        "net_revenue", "did you mean", "baseline",
    )  # fmt: skip
    refused(fiscal("decompose", "baseline", "baseline"), "same name")


# wrong input


def test_every_problem_in_one_message(fiscal, tmp_path):
    (tmp_path / "mine.toml").write_text('[adoption]\nrebalancng = 1\n[heirs]\nyears = "ten"\n', encoding="utf-8")
    refused(
        fiscal("run", "mine.toml", "--set", "tax.flat_rate=0.7"),
        "mine.toml: adoption.rebalancng: unknown key",
        "did you mean 'adoption.rebalancing'?",
        "mine.toml: heirs.years: wrong type (found 'ten'); allowed: a whole number from 1 to 10",
        "--set: tax.flat_rate: out of range (found 0.7); allowed: a number from 0 to 0.6",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "bom"), ("no such scenario", "did you mean 'boom'?")),
        (("run", "missing.toml"), ("no such scenario file", "missing.toml")),
        (("explain",), ("which scenario?",)),
        (("explain", "boom", "--set", "roth.x=1"), ("unknown key",)),
        (
            ("compare", "baseline", "bom", "bus", "--set", "roth.x=1"),
            ("bom: not a scenario, a scenario file, or a run folder", "bus: ", "roth.x: unknown key"),
        ),
        (("compare", "baseline", "bom"), ("allowed: the folder of a run, a .toml file", "did you mean 'boom'?")),
        (("report", "baseline", "runs/gone", "--out", "r.pdf"), ("runs/gone: not a scenario", "no folder 'runs'")),
        (("figures", ".", "--out", "f"), ("this folder is not a run: it has no manifest.json",)),
        (("verify", "runs/gone"), ("runs/gone: no such run folder, and there is no folder 'runs'",)),
        (("cite", "gone"), ("gone: no such run folder",)),
        (("decompose", "baseline", "runs/gone"), ("no such scenario file 'runs/gone'",)),
        (("sweep", "gone"), ("no such design 'gone'; allowed: a .toml file or one of",)),
        (("compare", "baseline"), ("OTHER",)),
        (("compare", "boom", "boom"), ("the same name",)),
        (("report", "baseline", "--out", "report.txt"), ("wrong ending", ".pdf")),
        (
            ("run", "boom", "--set", "horizon.last_year=2036", "--set", "adoption.full_year=2050"),
            ("outside the horizon",),
        ),
        (("run", "boom", "--set", "horizon.last_year=2101"), ("horizon.last_year", "2036 to 2100")),
        (("run",), ("SCENARIO",)),
        (("fly",), ("No such command",)),
        (("run", "boom", "--sett", "a=1"), ("No such option",)),
    ],
)
def test_wrong_input_is_answered_with_exit_code_2(arguments, words, fiscal):
    refused(fiscal(*arguments), *words)


def test_a_run_folder_that_is_not_there_is_answered_with_its_neighbour(fiscal, tmp_path):
    (tmp_path / "runs" / "bust_2").mkdir(parents=True)
    (tmp_path / "runs" / "bust_2" / "manifest.json").write_text("{}", encoding="utf-8")
    refused(fiscal("report", "runs/bust2"), "or a run folder; allowed", "did you mean 'runs/bust_2'?")
    refused(fiscal("verify", "runs/bust2"), "no such run folder; did you mean 'runs/bust_2'?")
    refused(fiscal("verify", "runs/bust_2/manifest.json"), "is a file, not a run folder")


def test_broken_toml_is_located(fiscal, tmp_path):
    (tmp_path / "mine.toml").write_text("[fees]\ncore_rate = \n", encoding="utf-8")
    refused(fiscal("explain", "mine.toml"), "mine.toml", "line 2, column 13")


def test_keys_cannot_steer_the_terminal(fiscal, tmp_path):
    (tmp_path / "mine.toml").write_text('[fees]\n"core\\u001b[31m" = 1\n', encoding="utf-8")
    answer = fiscal("explain", "mine.toml")
    refused(answer, "unknown key")
    assert "\x1b" not in answer.stderr


def test_a_changed_table_is_refused_by_name(fiscal, root, tmp_path):
    import shutil

    data = tmp_path / "data"
    shutil.copytree(root / "data", data)
    table = data / "life_table.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("0.0", "0.1", 1), encoding="utf-8")
    environment = {"FISCAL_DATA": str(data)}
    checked = fiscal("data", "check", "--json", env=environment)
    assert checked.returncode == 1 and "Traceback" not in checked.stderr
    answer = json.loads(checked.stdout)
    assert answer["ok"] is False and any("life_table" in fault for fault in answer["faults"])
    refused(fiscal("run", "baseline", env=environment), "life_table")


def test_an_unwritable_folder_is_refused_before_the_run(fiscal, tmp_path):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    refused(fiscal("run", "baseline", "--out", "taken"), "taken")
    refused(fiscal("run", "baseline", "--out", "taken/run"), "taken/run")
    refused(fiscal("report", "--out", "taken/report.pdf"), "taken")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    refused(fiscal("run", "baseline", "--out", "mine"), "exists already")
    refused(fiscal("run", "baseline", "--out", "mine", "--force"), "not a run folder")
    assert (tmp_path / "mine" / "letter.txt").exists()


def test_data_list_and_check(fiscal):
    tables = json.loads(fiscal("data", "list", "--json").stdout)["tables"]
    assert {"population", "cbo_macro"} <= {table["name"] for table in tables}
    assert all(table["source"] and len(table["sha256"]) == 64 for table in tables)
    shown = fiscal("data", "list").stdout
    assert all(table["name"] in shown for table in tables)
    checked = fiscal("data", "check")
    assert checked.returncode == 0, checked.stderr
    assert f"{len(tables)} tables" in checked.stdout


def test_validate_prints_verdicts_and_reasons(fiscal):
    answer = fiscal("validate", "CRR_BASE_2010_CLOSED", "CBO_PV_PAY_2019", "NIPA_DC_HH_2024", "--json")
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    rows = {row["id"]: row for row in told["rows"]}
    assert told["ok"] and list(rows) == ["CRR_BASE_2010_CLOSED", "CBO_PV_PAY_2019", "NIPA_DC_HH_2024"]
    engine_row = rows["CRR_BASE_2010_CLOSED"]
    assert engine_row["verdict"] == "inside" and abs(engine_row["model"] - engine_row["published"]) < 0.01
    assert rows["CBO_PV_PAY_2019"]["verdict"] == "outside" and len(rows["CBO_PV_PAY_2019"]["reason"]) > 100
    assert rows["NIPA_DC_HH_2024"]["verdict"] == "input"
    stored = fiscal_package.read_table("validation").set_index("id")
    for name, row in rows.items():
        assert (row["verdict"], row["model"]) == (
            stored.at[name, "verdict"],
            pytest.approx(stored.at[name, "model"], rel=1e-5, nan_ok=True) if row["model"] is not None else None,
        )
    assert told["verdicts_by_kind"] == {"engine": {"inside": 1}, "level": {"outside": 1}, "input": {"input": 1}}
    shown = fiscal("validate", "CRR_BASE_2010_CLOSED", "EIG_C_EE", "EIG_TV_TRAD_A45_M12_R35").stdout
    assert re.search(r"EIG_TV_TRAD_A45_M12_R35 +replication ", shown)
    assert "73.06" in shown and "inside" in shown and "EIG_C_EE (input): Used" in shown
    refused(fiscal("validate", "CRR_BASE", "JCT"), "no such row (found 'CRR_BASE')", "(found 'JCT')")


def test_validate_fails_when_an_engine_row_does(monkeypatch):
    import oracle

    from fiscal.engine import one_contribution

    true_tax = oracle.expected_tax
    monkeypatch.setattr(one_contribution, "project", oracle.project)
    runner = typer.testing.CliRunner()
    assert runner.invoke(cli.app, ["validate", "CRR_BASE_2010_CLOSED"]).exit_code == 0
    monkeypatch.setattr(oracle, "expected_tax", lambda *arguments: 0.99 * true_tax(*arguments))
    answer = runner.invoke(cli.app, ["validate", "CRR_BASE_2010_CLOSED", "--json"])
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert not told["ok"] and told["rows"][0]["reason"] == "not explained"
    # only rows marked engine decide
    assert runner.invoke(cli.app, ["validate", "EIG_TV_TRAD_A45_M22_R35_MR80"]).exit_code == 0


# run, compare and report, with an engine that answers at once


@pytest.fixture
def quick(monkeypatch, small_result):
    """The command in this process, its engine replaced by one that returns a small result."""
    from fiscal.results import running
    from fiscal.results.result import Result

    asked = []

    def run(scenario, progress=None, batches=None, workers=None):
        asked.append(scenario)
        return Result(
            name=scenario.name,
            scenario=scenario,
            tables=small_result.tables,
            fingerprint=scenario.fingerprint(),
            summary=small_result.summary,
        )

    monkeypatch.setattr(running, "run", run)
    runner = typer.testing.CliRunner()

    def call(*arguments):
        return runner.invoke(cli.app, list(arguments))

    call.asked = asked
    return call


def test_run_prints_its_summary(quick):
    answer = quick("run", "boom", "--set", "fees.core_rate=0.01")
    assert answer.exit_code == 0, answer.output
    assert "FY2026-35" in answer.stdout and "-12.5" in answer.stdout
    assert quick.asked[0].settings.fees.core_rate == 0.01


def test_run_writes_a_folder_and_one_json_object(quick, tmp_path):
    folder = tmp_path / "new" / "boom"
    answer = quick("run", "boom", "--out", str(folder), "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["summary"]["windows"]["FY2026-35"]["net_revenue"] == -12.5
    assert told["input_fingerprint"] == store.read_manifest(folder)["input_fingerprint"]
    assert store.verify(folder) == []
    assert isinstance(quick("run", "boom", "--out", str(folder)).exception, InputError)
    assert quick("run", "boom", "--out", str(folder), "--force").exit_code == 0


def test_overrides_hold_for_every_scenario_of_a_comparison(quick, monkeypatch):
    from fiscal.results import result

    seen = []
    monkeypatch.setattr(result, "compare", lambda *found, anyway: seen.append(found) or FakeComparison())
    answer = quick("compare", "baseline", "boom", "--set", "tax.flat_rate=0.2", "--json")
    assert answer.exit_code == 0, answer.output
    assert [one.settings.tax.flat_rate for one in quick.asked] == [0.2, 0.2]
    told = json.loads(answer.stdout)
    assert told["headline"] == [] and told["finding"] == "It rises."
    assert "It rises." in quick("compare", "baseline", "boom").stdout


def test_an_overridden_setting_is_named_by_every_command_that_runs(quick, monkeypatch):
    from fiscal.results import result

    monkeypatch.setattr(result, "compare", lambda *found, anyway: FakeComparison())
    asked, words = ("--set", "roth.elective_share_2025=0.3"), "roth.elective_share_2025 acts before 2027 only"
    assert any(words in one for one in json.loads(quick("run", "rothification", *asked, "--json").stdout)["warnings"])
    for command in (("explain",), ("run",), ("compare", "baseline")):
        assert words in quick(*command, "rothification", *asked).stderr, command
    assert words not in quick("run", "rothification").stderr


class FakeComparison:
    """A comparison whose tables have a gap."""

    @property
    def budget(self):
        return self

    def to_frame(self, **options):
        import pandas as pd

        return pd.DataFrame({"window": ["FY2026-35"], "net_revenue_bn_usd": [float("nan")]})

    differing_settings = effects = to_frame

    def headline(self):
        import pandas as pd

        from fiscal.results.headline import COLUMNS, Headline

        return Headline(pd.DataFrame(columns=list(COLUMNS)), "It rises.")


def test_stored_runs_are_read_not_run_again(quick, monkeypatch, tmp_path):
    from fiscal.results import result, validate

    monkeypatch.setattr(validate, "misfits", lambda *_: [])  # the small result holds two tables only
    folder = tmp_path / "boom"
    assert quick("run", "boom", "--out", str(folder)).exit_code == 0
    quick.asked.clear()
    seen = []
    monkeypatch.setattr(result, "compare", lambda *found, anyway: seen.append(found) or FakeComparison())
    assert quick("compare", "baseline", str(folder)).exit_code == 0
    assert [one.name for one in quick.asked] == ["baseline"]
    assert [one.name for one in seen[0]] == ["baseline", "boom"]
    changed = quick("compare", "baseline", str(folder), "--set", "tax.flat_rate=0.2")
    assert isinstance(changed.exception, InputError) and "--set" in str(changed.exception)


def test_report_defaults_to_baseline_boom_and_bust(quick, monkeypatch, tmp_path):
    import fiscal.report
    from fiscal.results import result

    asked = {}

    def build(found, out, tables_dir, progress, **forms):
        asked.update(names=[one.name for one in found], out=out, tables_dir=tables_dir)
        return out

    monkeypatch.setattr(fiscal.report, "build", build, raising=False)
    monkeypatch.setattr(result, "compare", lambda *found: FakeComparison())
    out = tmp_path / "new" / "report.pdf"
    answer = quick("report", "--out", str(out))
    assert answer.exit_code == 0, answer.output
    assert asked == {"names": ["baseline", "boom", "bust"], "out": out, "tables_dir": out.parent / f"{out.stem}-tables"}
    assert "It rises." in answer.stdout and str(out) in answer.stderr


# the real engine


def test_the_same_question_gets_the_same_bytes_in_another_process(fiscal, tmp_path):
    settings = ("horizon.last_year=2040", "books.risk_neutral_paths=4", "backstop.paths=4")
    changes = [word for setting in settings for word in ("--set", setting)]
    done = fiscal("run", "boom", *changes, "--out", "one", "--json", "-v")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(done.stdout)]
    assert "INFO projection: 2 of 4" in done.stderr and "MB at most" in done.stderr
    assert "INFO projection: 2 of 4" in (tmp_path / "one" / "run.log").read_text(encoding="utf-8")
    assert store.verify(tmp_path / "one") == []
    again = fiscal("verify", "one", "--rerun", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == {
        "ok": True, "faults": [], "unchecked": [], "rerun": "bytes", "changed": [], "differences": [],
    }  # fmt: skip
    columns = pd.read_csv(tmp_path / "one" / "columns.csv")
    assert columns["description"].notna().all(), columns[columns["description"].isna()]
    manifest = store.read_manifest(tmp_path / "one")
    assert manifest["input_fingerprint"] == answers[0]["input_fingerprint"]
    assert manifest["record_fingerprint"] in fiscal("cite", "one").stdout
    stored = store.read_run(tmp_path / "one")
    assert stored.scenario.value("horizon.last_year") == 2040
    assert answers[0]["summary"]["windows"]["FY2026-2035"]["deferred_revenue"] < 0
    assert stored.budget.window(2026, 2035).set_index(["path", "line"]).loc[("scenario", "withdrawal_tax")][
        "nominal_bn_usd"
    ] == pytest.approx(answers[0]["summary"]["windows"]["FY2026-2035"]["withdrawal_tax"], abs=1e-3)


# terminals and signals


def test_progress_is_drawn_on_terminals_only(root):
    pty = pytest.importorskip("pty")  # which Windows lacks
    code = (
        "from fiscal.base.progress import progress_bar\n"
        "with progress_bar('work') as advance:\n"
        "    print(advance is not None)\n"
        "    if advance: advance(1, 2, 'half')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(root), "TERM": "xterm"}
    piped = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert piped.stderr == ""  # a line is written for a law year that is built, and nothing else
    leader, follower = pty.openpty()
    try:
        drawn = subprocess.run(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=follower, text=True
        )
        assert drawn.stdout == "True\n"
        shown = b""
        while select.select([leader], [], [], 1.0)[0]:  # a terminal gives what has come so far
            shown += os.read(leader, 10_000)
        assert b"half" in shown
    finally:
        os.close(leader)
        os.close(follower)


WAITING = {
    "work": "from fiscal.base import sources\nsources.resources = wait\nsys.argv = ['fiscal', 'data', 'list']\n",
    "imports": "import builtins\nreal = builtins.__import__\n"
    "def slow(name, *rest):\n"
    "    if name.startswith('pandas'): wait()\n"
    "    return real(name, *rest)\n"
    "builtins.__import__ = slow\nsys.argv = ['fiscal', 'data', 'list']\n",
    "our first import": "import builtins\nreal = builtins.__import__\n"
    "def slow(name, *rest):\n"
    "    if name == 'fiscal.cli.ending': wait()\n"
    "    return real(name, *rest)\n"
    "builtins.__import__ = slow\nsys.argv = ['fiscal', 'list']\n",
    "a library that makes another error of it": "from fiscal.base import sources\n"
    "def wrapped():\n"
    "    try: wait()\n"
    "    except BaseException: raise ImportError('failed') from None\n"
    "sources.resources = wrapped\nsys.argv = ['fiscal', 'data', 'list']\n",
    "a callback that drops it": "from fiscal.base import sources\n"
    "class Dropped:\n"
    "    def __del__(self): wait()\n"
    "def dropping():\n"
    "    Dropped(); time.sleep(60)\n"
    "sources.resources = dropping\nsys.argv = ['fiscal', 'data', 'list']\n",
}
"""Programs in which the command waits to be interrupted."""


@pytest.mark.parametrize(
    ("where", "number"), [("work", signal.SIGTERM), *((where, signal.SIGINT) for where in WAITING)]
)
def test_signals_end_with_their_code_and_a_line(where, number, root):
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell may start its jobs deaf to it
        "def wait():\n"
        "    print('ready', flush=True); time.sleep(60)\n"
        f"{WAITING[where]}from fiscal.cli import main\nmain()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    line = "interrupted" if number == signal.SIGINT else "terminated"
    assert (process.returncode, said) == (128 + number, f"{line}\n")


def test_stopped_work_prints_what_is_kept(root):
    code = (
        "import os, signal, sys, fiscal.scenario\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it\n"
        "def stopped():\n"
        "    try: os.kill(os.getpid(), signal.SIGINT)\n"
        "    except KeyboardInterrupt as error:\n"
        "        error.add_note('2 finished batches are kept.')\n"
        "        raise\n"
        "fiscal.scenario.titles = stopped\n"
        "sys.argv = ['fiscal', 'list']\n"
        "from fiscal.cli import main\n"
        "main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (130, "interrupted\n2 finished batches are kept.\n")


@pytest.mark.parametrize(
    ("start", "line", "code"),
    [
        ("script", "explain boom | true", 141),
        ("script", "--help | true", 141),
        ("script", "lst 2>&1 | true", 141),
        ("module", "run nope 2>&1 | true", 141),
        ("script", "explain boom >/dev/full", 2),
        ("module", "run nope 2>/dev/full", 2),
        ("script", "lst 2>/dev/full", 2),
        ("script", "list >&-", 2),
        ("module", "list 2>&-", 2),
    ],
)
def test_a_stream_that_cannot_be_written_has_its_code_and_no_traceback(start, line, code, root, fiscal_command):
    words = fiscal_command if start == "script" else [sys.executable, "-m", "fiscal.cli"]
    command = " ".join(f"'{word}'" for word in words)
    answer = subprocess.run(
        ["bash", "-c", f"{command} {line}; exit ${{PIPESTATUS[0]}}"],
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr and "Exception" not in answer.stderr
    assert answer.stderr == "" or code == 2


def test_too_little_memory_anywhere_is_a_message(command_server, tmp_path):
    if command_server is None:
        pytest.skip("no fork on this system")
    for fault in ("MemoryError()", "OSError(12, 'Cannot allocate memory')", 'RuntimeError("can\'t start new thread")'):
        code = (
            "import sys\nfrom fiscal import cli\nfrom fiscal.base import sources\n"
            f"def fail(): raise {fault}\n"
            "sources.resources = fail\nsys.argv = ['fiscal', 'data', 'list']\ncli.main()\n"
        )
        refused(command_server.start([], tmp_path, dict(os.environ), code).finished(), "memory")


def test_a_misspelt_command_or_option_is_answered_with_the_nearest_alone(fiscal):
    refused(fiscal("lsit"), "did you mean 'list'?")
    refused(fiscal("data", "chek"), "did you mean 'check'?")
    assert "did you mean" not in fiscal("listing").stderr
    refused(fiscal("list", "--jsn"), "--json")
    assert "--paths" not in fiscal("run", "boom", "--path_count", "3").stderr


def test_tables_never_break_inside_a_word(monkeypatch, capsys):
    """Where the columns do not fit, the rows become lists."""
    from fiscal.cli import show

    words = ["participants", "contribution", "displacement", "expenditures", "counterfactual", "assumptions"]
    rows = [[*words], [word.upper() for word in words]]
    for width in (40, 60, 100):
        monkeypatch.setattr(show, "PIPE_WIDTH", width)
        show.show_table(words, rows)
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= width
        text = " ".join(" ".join(lines).split())
        for word in (*words, *(word.upper() for word in words)):
            assert word in text, (width, word)


def test_long_work_without_a_terminal_tells_percent_and_time_left(capsys):
    from fiscal.base.progress import plain_progress

    now = [0.0]
    tell = plain_progress("run", clock=lambda: now[0])
    for done in range(101):
        now[0] = done * 1.5
        tell(done, 100, "paths")
    lines = capsys.readouterr().err.splitlines()
    assert 10 <= len(lines) <= 15
    assert lines[0] == "run: paths, 7 percent, about 2 minutes left"
    tell = plain_progress("run", clock=lambda: 0.0)
    for done in range(101):
        tell(done, 100, "paths")
    assert capsys.readouterr().err == ""
    for year in (2030, 2031):
        tell(year - 2029, 8, f"law year {year}")
    assert [
        line.count(f"law year {year}")
        for year, line in zip((2030, 2031), capsys.readouterr().err.splitlines(), strict=True)
    ] == [1, 1]


def test_a_new_scenario_file_is_read_as_it_is(tmp_path, monkeypatch):
    """It changes nothing but what was asked, and every setting that it offers can be uncommented."""
    monkeypatch.chdir(tmp_path)
    runner = typer.testing.CliRunner()
    asked = ["new", "mine", "--extends", "boom", "--set", "adoption.participants_share=0.2", "--json"]
    assert json.loads(runner.invoke(cli.app, asked).stdout) == {"file": "mine.toml"}
    made = load(tmp_path / "mine.toml")
    assert made.settings == load("boom", {"adoption.participants_share": 0.2}).settings
    text = (tmp_path / "mine.toml").read_text(encoding="utf-8")
    bare = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.M)
    (tmp_path / "bare.toml").write_text(bare, encoding="utf-8")
    assert load(tmp_path / "bare.toml").settings == made.settings
    with pytest.raises(InputError, match="exists already"):
        new_scenario("mine")


def test_the_shell_completes_commands(fiscal):
    words = {"COMP_WORDS": "fiscal decom", "COMP_CWORD": "1"}
    assert "decompose" in fiscal(env={"_FISCAL_COMPLETE": "complete_bash", **words}).stdout
