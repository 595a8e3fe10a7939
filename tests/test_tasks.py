"""Six tasks of an analyst, done with the installed wheel in an empty folder, each in at most six commands or cells.

The commands are those that README and the how-to pages name. Short horizons keep them cheap.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fiscal.base import compiled

MOST_COMMANDS = 6
SHORT = ("--set", "horizon.last_year=2036")

Task = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def task(installed_wheel: Path, tmp_path: Path) -> Task:
    """Run a command, or the cell of a notebook, as a new user has it; the seventh is refused."""
    done: list[tuple[str, ...]] = []
    told = {
        **os.environ,
        "PYTHONPATH": str(installed_wheel),
        "FISCAL_CACHE": str(tmp_path / ".cache"),
        "NUMBA_CACHE_DIR": str(compiled.prepare() or ""),
    }
    environment = {key: value for key, value in told.items() if value and key != "FISCAL_DATA"}

    def call(*arguments: str, cell: str = "") -> subprocess.CompletedProcess[str]:
        done.append(arguments)
        assert len(done) <= MOST_COMMANDS
        asked = ["-c", cell] if cell else ["-m", "fiscal.cli", *arguments]
        answer = subprocess.run(
            [sys.executable, *asked], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stderr
        return answer

    return call


def test_a_brief_on_a_path_of_ones_own(task: Task, tmp_path: Path) -> None:
    (tmp_path / "returns.csv").write_text("year,crypto\n2026,0.10\n2027,-0.50\n2028,0.30\n2029,0.12\n")
    own = ("--extends", "boom", "--set", "paths.model=user", "--set", "paths.file=returns.csv")
    task("new", "mine", "--title", "A fall in 2027", *own, *SHORT, "--set", "books.risk_neutral_paths=0")
    told = task("explain", "mine.toml")
    assert "A fall in 2027" in told.stdout and "no effect" not in told.stderr
    task("report", "mine.toml", "--brief", "--out", "brief.pdf")
    assert (tmp_path / "brief.pdf").read_bytes().startswith(b"%PDF")


def test_a_rothification_with_a_share_of_ones_own(task: Task) -> None:
    half = ("--set", "roth.elective_share=0.5", "--set", "roth.elective_first_year=2028")
    assert "no effect" not in task("new", "half", "--title", "Half is Roth", *half, *SHORT).stderr
    told = json.loads(task("compare", "baseline", "half.toml", *SHORT, "--json").stdout)
    (row,) = [one for one in told["headline"] if one["case"] == "Half is Roth"]
    assert row["fy2026_2035_bn_usd"] > 0
    # full Rothification replaces the share, and that is said
    whole = task("explain", "rothification", *half)
    assert "roth.elective_share has no effect here" in whole.stderr


def test_a_reform_file_with_comments(task: Task, tmp_path: Path) -> None:
    (tmp_path / "rate.json").write_text(
        '// A top rate of 45 percent\n{"II_rt7": {"2030": 0.45}, /* ended */ "RRC_c_kids": {"2020": 500, "2021": 0}}\n'
    )
    told = task("explain", "baseline", "--set", "law.reform=rate.json")
    assert "law.reform" in told.stdout and "without effect" in told.stderr and "RRC_c_kids" in told.stderr


def test_a_random_run_resumed(task: Task, tmp_path: Path) -> None:
    asked = ("run", "stochastic_central", "--paths", "16", "--seed", "1", "--out", "run", *SHORT)
    first = task(*asked)
    assert (tmp_path / "run" / "manifest.json").is_file()
    assert task(*asked, "--resume").stdout == first.stdout
    assert task("verify", "run").stdout.startswith("OK")


def test_a_sweep_of_two_settings_with_a_chart(task: Task, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[sweep]\nbase = "boom"\ndesign = "grid"\n[settings]\n"adoption.participants_share" = [0.05, 0.2]\n'
        '"tax.withdrawal_scale" = [0.9, 1.1]\n'
    )
    task("sweep", "mine.toml", "--out", "sweep", *SHORT)
    assert list((tmp_path / "sweep" / "figures").glob("*.svg"))


def test_one_contribution_for_a_person_of_45(task: Task) -> None:
    asked = ("vintage", "--earnings-group", "P50-60", "--age", "45")
    answer = json.loads(task(*asked, "--json").stdout)
    cell = 'import fiscal; print(fiscal.vintage(age=45, earnings_group="P50-60"))'
    assert answer and task(cell=cell).stdout
