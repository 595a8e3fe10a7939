"""The installed wheel, and six tasks of an analyst, done with it in an empty folder in at most six commands or cells.

The commands are those that README and the how-to pages name. Short horizons keep them cheap.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_server import COMMAND, Server
from numba.core.caching import UserProvidedCacheLocator

import fiscal
from fiscal.base import compiled

MOST_COMMANDS = 6
SHORT = ("--set", "horizon.last_year=2036")

FEW_DRAWS = (
    "from functools import partial\nfrom fiscal.results import bands\n"
    "bands.draws_of = partial(bands.draws_of, parameters=1, paths=32, each=8)\n"
)
"""Put before a command that makes a brief, whose band takes longest."""

Task = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def analyst(installed_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str]]]:
    """A process with the wheel imported, from which commands are forked, and their environment.

    Its compiled code is that of this source tree, which numba keeps by folder and by the time of the source.
    """
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    own = installed_wheel / "fiscal"
    cache = own / "__numba_cache__"
    for room in ("projection", "budget"):
        for file in (Path(fiscal.__file__).parent / room).glob("*.py"):
            shutil.copystat(file, own / room / file.name)
        ours, theirs = (
            UserProvidedCacheLocator.get_suitable_cache_subpath(str(folder / room / "x.py"))
            for folder in (Path(fiscal.__file__).parent, own)
        )
        if (compiled.prepare() / ours).is_dir():
            shutil.copytree(compiled.prepare() / ours, cache / theirs)
    told = {
        **os.environ,
        "PYTHONPATH": str(installed_wheel),
        "FISCAL_CACHE": str(tmp_path_factory.mktemp("cache")),
        "NUMBA_CACHE_DIR": str(cache),
    }
    told.pop("FISCAL_DATA", None)
    server = Server(told)
    yield server, told
    server.close()


@pytest.fixture
def task(analyst: tuple[Server, dict[str, str]], tmp_path: Path) -> Task:
    """Run a command, or the cell of a notebook, as a new user has it; the seventh is refused."""
    server, environment = analyst
    done: list[tuple[str, ...]] = []

    def call(*arguments: str, cell: str = COMMAND) -> subprocess.CompletedProcess[str]:
        done.append(arguments)
        assert len(done) <= MOST_COMMANDS
        answer = server.start(list(arguments), tmp_path, environment, cell).finished()
        assert answer.returncode == 0, answer.stderr
        return answer

    return call


def test_the_wheel_carries_data_scenarios_and_templates(root: Path, wheel: Path) -> None:
    assert wheel.name == f"fiscal_401k-{fiscal.__version__}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [file.relative_to(root / "data") for file in (root / "data").rglob("*") if file.is_file()]
    assert files and {f"fiscal/_data/{file.as_posix()}" for file in files} <= names
    assert {"fiscal/report/templates/layout.typ", "fiscal/results/templates/finding.j2"} <= names
    modules = [file.relative_to(root) for file in (root / "fiscal").rglob("*") if file.is_file()]
    assert {file.as_posix() for file in modules if "__pycache__" not in file.parts} <= names
    assert not [name for name in names if name.startswith(("tests/", "notebooks/", "reports/"))]


def test_the_installed_wheel_works_from_any_folder(installed_wheel: Path, tmp_path: Path) -> None:
    code = (
        "import fiscal, pathlib; from fiscal.base import sources\n"
        "from fiscal.results.store.citation import DISTRIBUTION, project_links\n"
        "import importlib.metadata\n"
        "assert importlib.metadata.version(DISTRIBUTION) == fiscal.__version__ and project_links() == {}\n"
        f"assert pathlib.Path(fiscal.__file__).is_relative_to({str(installed_wheel)!r})\n"
        "assert sources.data_dir().name == '_data'\n"
        "assert len(sources.table('cbo_macro')) > 0\n"
        "import sys; from fiscal.cli import main; sys.argv = ['fiscal', 'list']; main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed_wheel)}
    environment.pop("FISCAL_DATA", None)
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "baseline" in answer.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_brief_on_a_path_of_ones_own(task: Task, tmp_path: Path) -> None:
    (tmp_path / "returns.csv").write_text("year,crypto\n2026,0.10\n2027,-0.50\n2028,0.30\n2029,0.12\n")
    own = ("--extends", "boom", "--set", "paths.model=user", "--set", "paths.file=returns.csv")
    task("new", "mine", "--title", "A fall in 2027", *own, *SHORT, "--set", "books.risk_neutral_paths=0")
    told = task("explain", "mine.toml")
    assert "A fall in 2027" in told.stdout and "no effect" not in told.stderr
    task("report", "mine.toml", "--brief", "--out", "brief.pdf", cell=FEW_DRAWS + COMMAND)
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


@pytest.mark.slow
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
