"""What a user waits for: each operation as a fresh process, in core-seconds and peak memory, beside its target.

A target is what the operation is to take on a machine of its own; a busy one takes up to half as much again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMED = ("baseline", "boom", "bust")
FROM_FOLDERS = ("report", *(f"{{}}/{name}" for name in NAMED), "--out")
RANDOM = ("run", "boom", "--set", "paths.model=regime_switching", "--set")

FIRST_USES = (("run", "baseline", "--out", "{}/baseline"), ("run", "boom", "--out", "{}/boom"), ("validate",))
"""Commands that compile what the rows use: what is compiled counts in its own row alone."""

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

PROFILED = """
import atexit, collections, json, os, pathlib, runpy, signal, sys, time
counted = collections.Counter()
def place(frame):
    ours, imported = None, None
    while frame is not None:
        file, code = frame.f_code.co_filename, frame.f_code
        if file == "<frozen importlib._bootstrap>" and code.co_name == "_find_and_load":
            name = frame.f_locals["name"].partition(".")[0]
            imported = name if name != "fiscal" else imported or name
        elif "/numba/core/" in file:
            return "compiling"
        elif ours is None and "/fiscal/" in file and "/site-packages/" not in file:
            ours = "fiscal." + file.rpartition("/fiscal/")[2].removesuffix(".py").replace("/", ".")
        frame = frame.f_back
    return "importing " + imported if imported else ours or "other"
before = 0.0
def sample(number, frame):
    global before
    now = time.process_time()  # compiled code is interrupted at its end alone
    counted[place(frame)] += now - before
    before = now
signal.signal(signal.SIGPROF, sample)
def start():
    global before
    before = time.process_time()
    counted.clear()
    signal.setitimer(signal.ITIMER_PROF, 0.004, 0.004)
def told():
    signal.setitimer(signal.ITIMER_PROF, 0)
    pathlib.Path(os.environ["FISCAL_BENCH"]).write_text(json.dumps(counted))
atexit.register(told)
start()
"""
"""Notes at the end of a process where its time went: every 4 core-milliseconds the module of ours that is at work, or
the package that is imported for the first time."""

MOST_PLACES = 6

MODULE = 'sys.argv = ["fiscal", *sys.argv[1:]]\nrunpy.run_module("fiscal.cli", run_name="__main__")\n'

WARM = """
import json, time
import fiscal
def once(share):
    start = time.process_time()
    {call}
    return time.process_time() - start
once(1)
{start}
print(json.dumps(min(once(share) for share in (2, 3, 4))))
"""
"""Prints the core-seconds of a call in a process that has made another such before; ``start`` begins a profile."""

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
    Operation("report, folders that gain their stages", (*FROM_FOLDERS, "{}/gains.pdf"), 15),
    Operation("report, folders", (*FROM_FOLDERS, "{}/folders.pdf"), 8),
    Operation(
        "brief, folders", ("report", *(f"{{}}/{name}" for name in NAMED), "--brief", "--out", "{}/brief.pdf"), 5
    ),
    Operation("decompose", ("decompose", "baseline", "boom"), 3),
    Operation("validate", ("validate",), 6),
    Operation("whole hindcast study with all its bands", ("hindcast", "--check"), 600),
    Operation(
        "10,000 random paths", (*RANDOM, "paths.count=10000", "--out", "{}/many"), 30, 1024,
    ),
    *(
        row
        for count, local, more in ((3_000, 15, 9), (30_000, 85, 12))
        for row in (
            Operation(
                f"{count:,} random paths", (*RANDOM, f"paths.count={count}", "--out", f"{{}}/{count}"), local, 1024,
            ),
            Operation(
                f"{count:,} on Dask, 2 workers, more than local",
                (*RANDOM, f"paths.count={count}", "--engine", "dask", "--out", f"{{}}/dask-{count}"), more,
                beside=f"{count:,} random paths",
            ),
        )
    ),
)  # fmt: skip


def chosen(names: list[str]) -> list[Operation]:
    """The rows that begin with one of the ``names``, all without a name, and the rows that these need."""
    wanted = [one for one in OPERATIONS if not names or one.name.startswith(tuple(names))]
    needed = {one.beside for one in wanted}
    if any(one.name.endswith("folders") for one in wanted):
        needed |= {f"run {name}" for name in NAMED}
    return [one for one in OPERATIONS if one in wanted or one.name in needed]


def measure(names: list[str]) -> dict[str, dict[str, Any]]:
    """Core-seconds and peak bytes of each row beside its targets, and for a miss where the time goes; a row that fails
    has none of them."""
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        rows = chosen(names)
        compiles = any(one.core_seconds > 1 or one.warm for one in rows)
        for command in FIRST_USES if compiles else ():
            _spent(Operation("", command, 0), Path(folder) / "compiled", {})
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
            if spent is not None and spent > one.core_seconds:
                found[one.name]["places"] = _places(one, Path(folder), told)
            print(f"{one.name}: {'failed' if spent is None else f'{spent:.2f}'}", flush=True)
    return found


def _places(one: Operation, folder: Path, told: dict[str, str]) -> dict[str, float]:
    """Shares of the time of a row that takes longer than its target, by where it goes, the largest first."""
    if one.first:  # what was compiled the first time is compiled again
        shutil.rmtree(told["NUMBA_CACHE_DIR"], ignore_errors=True)
    if not _process(one, folder, told, PROFILED)[1]:
        return {}
    counted = json.loads((folder / "note").read_text(encoding="ascii"))
    total = sum(counted.values()) or 1
    most = sorted(counted, key=lambda place: (-counted[place], place))[:MOST_PLACES]
    return {place: counted[place] / total for place in most}


def _spent(one: Operation, folder: Path, told: dict[str, str]) -> tuple[float | None, float | None]:
    """Core-seconds and peak bytes of a fresh process."""
    output, good = _process(one, folder, told, "" if one.warm else WATCHED)
    if not good:
        return None, None
    if one.warm is not None:
        return float(json.loads(output.split("\n")[-2])), None
    spent, peak = (folder / "note").read_text(encoding="ascii").split()
    return float(spent), float(peak)


def _process(one: Operation, folder: Path, told: dict[str, str], before: str) -> tuple[str, bool]:
    """Run the operation in a fresh process after ``before``: what it prints, and whether all went well."""
    folder.mkdir(exist_ok=True)
    note = folder / "note"
    note.unlink(missing_ok=True)
    program = before + (MODULE if one.warm is None else WARM.format(call=one.warm, start="start()" if before else ""))
    answer = subprocess.run(
        [sys.executable, "-c", program, *(argument.format(folder) for argument in one.arguments)],
        env={**os.environ, **told, "FISCAL_BENCH": str(note)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    # 1 is a check that was not met
    return answer.stdout, answer.returncode in (0, 1) and (note.exists() or not before)
