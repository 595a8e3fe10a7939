"""What a user waits for: each operation as a fresh process, in core-seconds and peak memory, beside its target.

A target is what the operation is to take on a machine of its own; a busy one takes up to half as much again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

NAMED = ("baseline", "boom", "bust")
MODEL = "paths.model=regime_switching"

WATCHED = """
import atexit, os, pathlib, re, resource, runpy, sys
def told():
    status = pathlib.Path("/proc/self/status")  # what the system counts as used also holds its parent's
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text()) if status.exists() else None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    own = int(peak[1]) * 1024 if peak else most * (1 if sys.platform == "darwin" else 1024)
    spent = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    pathlib.Path(os.environ["FISCAL_BENCH"]).write_text(f"{spent} {own}")
atexit.register(told)
"""
"""Notes at the end of a process its core-seconds, with those of the processes that it waited for, and its peak."""

MODULE = 'sys.argv = ["fiscal", *sys.argv[1:]]\nrunpy.run_module("fiscal.cli", run_name="__main__")\n'

WARM = """
import json, time
import fiscal
def once(share):
    start = time.process_time()
    {call}
    return time.process_time() - start
once(1)
print(json.dumps(min(once(share) for share in (2, 3, 4))))
"""
"""Prints the core-seconds of a call in a process that has made another such before."""

RUN = "fiscal.run({name!r}, {{'tax.withdrawal_scale': 1 + share / 100}})"
QUICK = "fiscal.quick('boom', {'adoption.allocation_share': share / 100})"


@dataclass(frozen=True)
class Operation:
    """A row: what is run, its target, and the row whose folders it needs or which it is compared with."""

    name: str
    arguments: tuple[str, ...]
    core_seconds: float
    mebibytes: float | None = None
    warm: str | None = None  # a call instead of a command
    first: bool = False  # with nothing compiled; less the row before: what compiling takes
    beside: str | None = None  # less that row


OPERATIONS = (
    Operation("--help", ("--help",), 0.2),
    Operation("list", ("list",), 0.4),
    Operation("explain", ("explain", "boom"), 0.6),
    Operation("data check", ("data", "check"), 0.7),
    Operation("run baseline", ("run", "baseline", "--out", "{}/baseline"), 3, 512),
    Operation("run boom", ("run", "boom", "--out", "{}/boom"), 4, 512),
    Operation("run bust", ("run", "bust", "--out", "{}/bust"), 4, 512),
    Operation(
        "compiling at the first run", ("run", "baseline", "--out", "{}/first"), 10, first=True,
        beside="run baseline",
    ),
    Operation("run baseline, warm", (), 0.3, warm=RUN.format(name="baseline")),
    Operation("run boom, warm", (), 0.5, warm=RUN.format(name="boom")),
    Operation("quick boom, warm", (), 0.1, warm=QUICK),
    Operation("compare, names", ("compare", *NAMED), 6),
    Operation("compare, folders", ("compare", *(f"{{}}/{name}" for name in NAMED)), 1.5),
    Operation("report, names", ("report", *NAMED, "--out", "{}/names.pdf"), 15),
    Operation("report, folders", ("report", *(f"{{}}/{name}" for name in NAMED), "--out", "{}/folders.pdf"), 8),
    Operation(
        "brief, folders", ("report", *(f"{{}}/{name}" for name in NAMED), "--brief", "--out", "{}/brief.pdf"), 5
    ),
    Operation("decompose", ("decompose", "baseline", "boom"), 3),
    Operation("validate", ("validate",), 6),
    Operation("whole hindcast study with all its bands", ("hindcast", "--check"), 600),
    Operation(
        "10,000 random paths", ("run", "boom", "--set", MODEL, "--set", "paths.count=10000", "--out", "{}/many"), 30,
        1024,
    ),
    Operation(
        "3,000 random paths", ("run", "boom", "--set", MODEL, "--set", "paths.count=3000", "--out", "{}/local"), 15,
        1024,
    ),
    Operation(
        "the same on Dask, 2 workers, more than local",
        ("run", "boom", "--set", MODEL, "--set", "paths.count=3000", "--engine", "dask", "--out", "{}/dask"), 9,
        beside="3,000 random paths",
    ),
)  # fmt: skip


def chosen(names: list[str]) -> list[Operation]:
    """The rows that begin with one of the ``names``, all without a name, and the rows that these need."""
    wanted = [one for one in OPERATIONS if not names or one.name.startswith(tuple(names))]
    needed = {one.beside for one in wanted}
    if any(one.name.endswith("folders") for one in wanted):
        needed |= {f"run {name}" for name in NAMED}
    return [one for one in OPERATIONS if one in wanted or one.name in needed]


def measure(names: list[str]) -> dict[str, dict[str, float | None]]:
    """Core-seconds and peak bytes of each row beside its targets; a row that fails has neither."""
    found: dict[str, dict[str, float | None]] = {}
    with tempfile.TemporaryDirectory() as folder:
        rows = chosen(names)
        compiles = any(one.core_seconds > 1 or one.warm for one in rows)
        for name in (
            NAMED[:2] if compiles else ()
        ):  # what is compiled at first use counts in its own row alone
            _spent(
                next(one for one in OPERATIONS if one.name == f"run {name}"), Path(folder) / "compiled", {}
            )
        for one in rows:
            told = {"NUMBA_CACHE_DIR": str(Path(folder) / "none")} if one.first else {}
            spent, peak = _spent(one, Path(folder), told)
            before = found.get(one.beside or "", {}).get("core_seconds")
            if spent is not None and before is not None:
                spent -= before
            found[one.name] = {
                "core_seconds": spent, "target": one.core_seconds, "peak_bytes": peak,
                "target_bytes": one.mebibytes and one.mebibytes * 2**20,
            }  # fmt: skip
            print(f"{one.name}: {'failed' if spent is None else f'{spent:.2f}'}", flush=True)
    return found


def _spent(one: Operation, folder: Path, told: dict[str, str]) -> tuple[float | None, float | None]:
    """Core-seconds and peak bytes of a fresh process."""
    folder.mkdir(exist_ok=True)
    note = folder / "note"
    note.unlink(missing_ok=True)
    if one.warm is None:
        program, arguments = WATCHED + MODULE, [argument.format(folder) for argument in one.arguments]
    else:
        program, arguments = WARM.format(call=one.warm), []
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments], env={**os.environ, **told, "FISCAL_BENCH": str(note)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    if one.warm is not None:
        return (
            (float(json.loads(answer.stdout.split("\n")[-2])), None)
            if answer.returncode == 0
            else (None, None)
        )
    if answer.returncode not in (0, 1) or not note.exists():  # 1 is a check that was not met
        return None, None
    spent, peak = note.read_text(encoding="ascii").split()
    return float(spent), float(peak)
