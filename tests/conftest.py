"""Fixtures shared by the tests: the command as a user has it, and a small result that needs no run."""

from __future__ import annotations

import functools
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pandas as pd
import pytest
from command_server import Server

from fiscal.base import compiled
from fiscal.results.result import Result
from fiscal.scenario import load

compiled.prepare()  # once for all: whoever comes first to the kernel finds one place of compiled code

hypothesis.settings.register_profile("fiscal", deadline=None)
hypothesis.settings.load_profile("fiscal")  # no test depends on how busy the machine is

ROOT = Path(__file__).resolve().parent.parent

collect_ignore = (
    ["test_benchmarks.py", "test_faults.py", "test_fuzz.py", "test_ends.py"] if sys.platform == "win32" else []
)
"""Tests whose helpers import modules that Windows lacks."""

UNIX_ONLY = re.compile(r"SIGKILL|/dev/|/bin/sh|umask|uname|symlink_to|setrlimit|'fork'|preexec_fn|\[\s*\"make\"")
"""What a test that cannot pass on Windows uses."""

Command = Callable[..., "subprocess.CompletedProcess[str]"]


LONGEST_FIRST = (
    "notebooks",
    "levers",
    "tasks",
    "plots",
    "ends",
    "report",
    "cli",
    "compiled",
    "cluster",
    "faults",
    "pricing",
    "engine",
    "hindcast",
    "stochastic",
    "shapes",
    "fuzz",
)
"""Files that take longest, so that no worker is left with one of them when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first. On Windows, skip the tests that ask the system for what only Unix has."""
    place = {f"test_{name}": number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))
    if sys.platform == "win32":
        for item in items:
            if UNIX_ONLY.search(inspect.getsource(item.function)):  # type: ignore[attr-defined]
                item.add_marker(pytest.mark.skip(reason="asks the system for what Windows lacks"))


@pytest.fixture(scope="module", autouse=True)
def _results_of_a_file_end_with_it(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a file's cached functions made, runs of gigabytes, is let go when its tests are over."""
    yield
    for thing in vars(request.module).values():
        if hasattr(thing, "cache_clear") and getattr(thing, "__module__", "") == request.module.__name__:
            thing.cache_clear()


@pytest.fixture(scope="session")
def root() -> Path:
    """Top folder of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def fiscal_command() -> list[str]:
    """The installed ``fiscal`` script, or the module in an environment where it is not installed."""
    script = Path(sys.executable).with_name("fiscal")
    return [str(script)] if script.exists() else [sys.executable, "-m", "fiscal.cli"]


@pytest.fixture(scope="session")
def command_server() -> Iterator[Server | None]:
    """A process that has imported everything and forks for each command; none where the system cannot fork."""
    if not hasattr(os, "fork"):
        yield None
        return
    server = Server(environment())
    yield server
    server.close()


def environment() -> dict[str, str]:
    """The environment of a command."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}


@pytest.fixture
def fiscal(request: pytest.FixtureRequest, fiscal_command: list[str], tmp_path: Path) -> Command:
    """Run ``fiscal`` with arguments in an empty folder; returns the finished process.

    A command with an environment of its own starts anew, the others are forked.
    """

    def call(
        *arguments: str, cwd: Path = tmp_path, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        server = None if env else request.getfixturevalue("command_server")
        if server is not None:
            return server.start(list(arguments), cwd, environment()).finished()
        return subprocess.run(
            [*fiscal_command, *arguments],
            cwd=cwd,
            env=environment() | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return call


ANSWERS = """
import contextlib, io, json, sys
from fiscal.law import trial
for line in sys.stdin:
    with contextlib.redirect_stdout(io.StringIO()):
        reform = {name: {int(year): value for year, value in by.items()} for name, by in json.loads(line).items()}
        told = trial.answer(reform)
    print(json.dumps(told), flush=True)
"""


@pytest.fixture(scope="session")
def _tax_calculator() -> Iterator[subprocess.Popen[str]]:
    alone = {"NOTAXCALCJIT": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", ANSWERS], env={**os.environ, **alone}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:  # fmt: skip
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def tax_calculator(_tax_calculator: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Reforms are tried in one process, so that Tax-Calculator is imported once."""
    from fiscal.law import reforms

    def answered(asked: str) -> str:
        assert _tax_calculator.stdin is not None and _tax_calculator.stdout is not None
        _tax_calculator.stdin.write(asked + "\n")
        _tax_calculator.stdin.flush()
        return _tax_calculator.stdout.readline()

    monkeypatch.setattr(reforms, "_answer", answered)


@pytest.fixture(scope="session", autouse=True)
def runs_have_their_shape() -> Iterator[None]:
    """Every run that a test of this process makes has the tables and rows that a stored run is held against."""
    from fiscal.results import running, validate

    with pytest.MonkeyPatch.context() as patch:
        real = running.run

        @functools.wraps(real)
        def checked(*arguments: object, **options: object) -> Result:
            result = real(*arguments, **options)  # type: ignore[arg-type]
            assert validate.misfits(result) == []
            return result

        patch.setattr(running, "run", checked)
        yield


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the source."""
    pytest.importorskip("hatchling", reason="built with the locked build backend")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("fiscal", "data"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed_wheel(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip installed the wheel, without its dependencies: those of this environment serve."""
    site = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*install, str(site), str(wheel)], check=True, capture_output=True)
    return site


@pytest.fixture
def small_result() -> Result:
    """A result with two tiny tables, one of them with gaps and texts that look like markup."""
    scenario = load("boom", {"adoption.allocation_share": 0.1})
    budget = pd.DataFrame(
        {
            "path": ["scenario", "scenario"],
            "year": [2026, 2027],
            "line": ["net_revenue", "net_revenue"],
            "nominal_bn_usd": [-1.0 / 3.0, 1e-17],
        }
    )
    notes = pd.DataFrame({"member": ["<b>a</b>", None], "rate": [0.1, float("nan")]})
    return Result(
        name=scenario.name,
        scenario=scenario,
        tables={"budget": budget, "notes": notes},
        fingerprint=scenario.fingerprint(),
        summary={"scenario": scenario.name, "windows": {"FY2026-35": {"net_revenue": -12.5}}},
    )
