"""Memory: what paths take is estimated, compared with what there is, and refused in time."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import fiscal
from fiscal.base import compiled, memory
from fiscal.base.errors import InputError
from fiscal.engine import run
from fiscal.engine.random_paths import BATCH, PROCESS_BYTES, bytes_needed, simulate
from fiscal.results import running
from fiscal.results.tables import random_paths
from fiscal.scenario import load

SETTINGS = {
    "horizon.last_year": 2036, "adoption.full_year": 2030, "books.risk_neutral_paths": 0, "backstop.paths": 0,
}  # fmt: skip
GIB = 2**30


def put(root: Path, **files: str) -> Path:
    for name, text in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_the_room_in_control_groups(tmp_path: Path) -> None:
    assert memory.group_rooms(put(tmp_path / "none")) == []
    # version 2: a container's own group is the top; the kernel drops the inactive cache when it must
    second = put(tmp_path / "second", proc__self__cgroup="0::/some/where\n")
    group = {"memory.max": "3000000", "memory.current": "2000000", "memory.stat": "inactive_file 500000\n"}
    put(second, **{f"sys__fs__cgroup__{name}": text for name, text in group.items()})
    assert memory.group_rooms(second) == [1_500_000]
    # a group above has less room than one's own
    put(second, **{f"sys__fs__cgroup__some__where__{name}": text for name, text in group.items()})
    put(second, **{"sys__fs__cgroup__some__memory.max": "1200000\n"})
    put(second, **{"sys__fs__cgroup__some__memory.current": "1000000\n"})
    assert min(memory.group_rooms(second)) == 200_000
    # version 1, and a group without a limit
    first = put(tmp_path / "first", proc__self__cgroup="4:memory:/job\n1:cpu:/\n0::/\n")
    put(first, **{"sys__fs__cgroup__memory__job__memory.limit_in_bytes": "4000000",
                  "sys__fs__cgroup__memory__job__memory.usage_in_bytes": "1000000"})  # fmt: skip
    assert memory.group_rooms(first) == [3_000_000]
    assert min(memory.group_rooms(put(second, **{"sys__fs__cgroup__memory.max": "max"}))) == 200_000


def test_what_is_available_is_the_least_and_never_less_than_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for groups, system, least in (([], 8000, 8000), ([3000, 9000], 8000, 3000), ([-10], 8000, 0)):
        monkeypatch.setattr(memory, "group_rooms", lambda groups=groups: groups)
        monkeypatch.setattr(memory, "_address_space", lambda: [])
        monkeypatch.setattr(memory.psutil, "virtual_memory", lambda system=system: SimpleNamespace(available=system))
        assert memory.available_bytes() == least


def test_the_estimate_is_near_what_a_run_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peaks of drawing, projecting and tables with 200 and 800 paths: what a path adds, and what a batch takes."""
    monkeypatch.setattr("fiscal.engine.random_paths.BATCH", 100)
    scenario = load("stochastic_central", {**SETTINGS, "paths.count": 800})
    paths = run.compute(scenario, run_off=False).paths
    assert paths is not None
    simulate(paths.asked, measure="real", count=2)  # what is imported and read once
    peaks = {}
    for count in (200, 800):
        tracemalloc.start()
        drawn = simulate(paths.asked, measure="real", count=count)
        random_paths.path_tables(run.Paths(**{**vars(paths), "distributions": (drawn,)}))
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    fixed, per_path = bytes_needed(scenario.settings)
    estimated = fixed - PROCESS_BYTES + 800 * per_path
    assert 0.5 < estimated / peaks[800] < 2
    assert 0.5 < per_path / ((peaks[800] - peaks[200]) / 600) < 2


def test_the_estimate_counts_years_references_and_answers() -> None:
    def per_path(name: str, **changes: object) -> int:
        return bytes_needed(load(name, {"paths.count": 10, **changes}).settings)[1]

    whole = per_path("stochastic_central")
    assert whole > 3 * per_path("stochastic_central", **{"horizon.last_year": 2040})
    assert whole > 2 * per_path("stochastic_central", **{"adoption.participants_share": 0.0})
    assert whole < per_path("stochastic_central", **{"behaviour.contribution_return_response": 0.1})


def test_the_issue_s_hundred_thousand_paths_stay_below_two_gib() -> None:
    fixed, per_path = bytes_needed(load("stochastic_central", {"paths.count": 100_000}).settings)
    assert 1.5 * GIB < fixed + 100_000 * per_path < 2 * GIB


def test_paths_that_would_not_fit_are_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 4 * GIB)
    monkeypatch.setattr(run.compiled, "prepare", lambda: pytest.fail("the work has begun"))
    many = load("stochastic_central", {"paths.count": 1_000_000})
    with pytest.raises(InputError) as caught:
        running.run(many)
    (problem,) = caught.value.problems
    assert problem.key == "paths.count" and problem.value == 1_000_000
    assert "GiB of memory, and 4.0 GiB is available" in problem.message
    assert problem.allowed is not None
    fits = int(problem.allowed.replace(",", "").split()[2])
    for count, allowed in ((fits, True), (fits + 1, False)):
        fixed, per_path = bytes_needed(load("stochastic_central", {"paths.count": count}).settings)
        assert (fixed + count * per_path <= 4 * GIB) == allowed
    monkeypatch.setattr(memory, "available_bytes", lambda: GIB // 2)
    with pytest.raises(InputError, match="a machine with more memory"):
        running.run(many)


def test_where_no_system_tells_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    monkeypatch.setattr(run.compiled, "prepare", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):  # the work has begun
        running.run(load("stochastic_central", {"paths.count": 1_000_000}))


@pytest.mark.parametrize("project", [running.run, run.compute, fiscal.quick, fiscal.cells])
def test_named_paths_that_would_not_fit_are_refused_before_the_work(project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 100 * 2**20)
    monkeypatch.setattr(compiled, "prepare", lambda: pytest.fail("the work has begun"))
    with pytest.raises(InputError, match=r"GiB of memory, 0\.1 GiB is available .*allowed: a machine with more"):
        project(load("boom", SETTINGS))


def test_the_estimate_of_named_paths_counts_years_references_and_conventions(monkeypatch: pytest.MonkeyPatch) -> None:
    room = 1100 * 2**20
    monkeypatch.setattr(memory, "available_bytes", lambda: room)
    run.refuse_beyond_memory(load("baseline", SETTINGS | {"adoption.full_year": 2035}).settings)
    for more in (
        {"horizon.last_year": 2100}, {"adoption.participants_share": 0.5, "adoption.allocation_share": 0.5},
        {"books.convention_rates": [0.01, 0.02, 0.03, 0.04, 0.05]},
    ):  # fmt: skip
        settings = load("baseline", SETTINGS | more).settings
        with pytest.raises(InputError):
            run.refuse_beyond_memory(settings)
        run.refuse_beyond_memory(settings, run_off=False, references=False)
        run.refuse_beyond_memory(settings, cells=False)


@pytest.mark.skipif(sys.platform != "linux", reason="ulimit -v")
@pytest.mark.parametrize("mebibytes", [700, 1500])
def test_a_process_of_little_memory_answers_with_a_message(mebibytes: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED.format(mebibytes=mebibytes), "run", "boom", "--out", "mine"]
    answer = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )  # fmt: skip
    assert answer.returncode == 2, answer.stderr
    assert "memory" in answer.stderr and "Traceback" not in answer.stderr
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_AS, ({mebibytes} * 2**20,) * 2)
from fiscal import cli
cli.main()
"""


def test_blocks_of_paths_and_years_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load("stochastic_central", {**SETTINGS, "paths.count": 51})
    paths = run.compute(scenario, run_off=False).paths
    assert paths is not None
    paths = paths.drawn()
    whole = random_paths.path_tables(paths)
    monkeypatch.setattr(random_paths, "BLOCK_NUMBERS", 100)
    assert len(list(random_paths._blocks(51, 12))) > 5
    for name, table in random_paths.path_tables(paths).items():
        for column in table:
            np.testing.assert_array_equal(table[column], whole[name][column], err_msg=f"{name} {column}")


def test_a_batch_is_the_same_memory_whatever_the_number_of_paths() -> None:
    fixed = [bytes_needed(load("stochastic_central", {"paths.count": n}).settings)[0] for n in (2 * BATCH, 10 * BATCH)]
    assert fixed[0] == fixed[1]
