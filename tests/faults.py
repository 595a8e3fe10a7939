"""Faults done to real processes: kill -9, full disks, read-only places, damaged files, odd surroundings.

As a script it repeats each fault as often as asked and prints what was lost:

    python tests/faults.py --kills 50            # an engine that answers at once: the folder machinery
    python tests/faults.py --kills 50 --real     # the real engine, small batches of random paths

The suite runs the same functions on small samples.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from command_server import Forked, Server

from fiscal.results import store

ROOT = Path(__file__).resolve().parent.parent
MODULES = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
"""Where programs of the tests find the package and the tests' own modules."""

QUICK = """
import time, zlib
import numpy as np
import invented
from fiscal import cli
from fiscal.results import running
def run(scenario, progress=None, batches=None, workers=None):
    parts = []
    for n in range(30):
        key = f"real-{n:07d}-1"
        found = batches.load(key) if batches is not None else None
        if found is None:
            time.sleep(0.01)
            values = np.random.default_rng([scenario.value("paths.seed"), n]).normal(size=4000)
            found = {"values": values}
            if batches is not None:
                batches.save(key, found)
        parts.append(found["values"])
        progress(n + 1, 30, "paths")
    return invented.result(scenario, seed=zlib.crc32(np.concatenate(parts).tobytes()))
running.run = run
cli.main()
"""
"""The command with an engine of thirty batches in a third of a second."""

REAL = """
from fiscal import cli
from fiscal.engine import random_paths
random_paths.BATCH = 4
cli.main()
"""
"""The command with the real engine in batches of four paths, which changes no bit of any path."""

NO_NETWORK = """
import sys
def refuse(event, told):
    if event.startswith("socket."):
        raise OSError("no network here")
sys.addaudithook(refuse)
"""
"""Put before a program: whoever makes a socket or asks for a name fails, in Python or in C."""


SHORT = [word for text in ("horizon.last_year=2036", "adoption.full_year=2030") for word in ("--set", text)]
"""Options of a run to a near horizon."""


@dataclass
class Count:
    """What happened: ``kills`` that hit a run at work, runs that were ``finished`` first, ``lost`` batches,
    ``broken`` folders that were neither whole nor marked incomplete, ``different`` answers."""

    kills: int = 0
    finished: int = 0
    resumed_with_batches: int = 0
    lost: int = 0
    broken: int = 0
    different: int = 0


def arguments(real: bool) -> list[str]:
    """The command's words: thirty quick batches, or sixteen real paths, to 2036."""
    words = ["run", "stochastic_central", "--paths", "16"] if real else ["run", "boom"]
    return [*words, "--json", *SHORT]


server: Server | None = None
"""Where programs are forked from; without one, and with options of their own, they start anew."""


def start(words: list[str], cwd: Path, program: str = QUICK, **options: object) -> subprocess.Popen[str] | Forked:
    """The command at work in ``cwd``."""
    environment = {**os.environ, "PYTHONPATH": MODULES}
    if server is not None and not options:
        return server.start(words, cwd, environment, program)
    environment |= options.pop("env", {})  # type: ignore[arg-type]
    # a shell's background jobs ignore Ctrl-C, and would hand that on
    options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        **options,  # type: ignore[arg-type]
    )


def finished(words: list[str], cwd: Path, program: str = QUICK, **options: object) -> subprocess.CompletedProcess[str]:
    """The command, waited for."""
    process = start(words, cwd, program, **options)
    said, warned = process.communicate(timeout=900)
    return subprocess.CompletedProcess(words, process.returncode, said, warned)


def bytes_of(folder: Path) -> dict[str, bytes]:
    """What a run answered: its outputs, by name."""
    return {name: (folder / name).read_bytes() for name in store.read_manifest(folder)["outputs"]}


def kept(folder: Path) -> set[str]:
    """Batches in the working place of a folder."""
    return {file.name for file in (folder.with_name(folder.name + store.INCOMPLETE) / "batches").glob("*.npz")}


def kill_at_random(
    place: Path, kills: int, *, real: bool = False, seed: int = 1, with_signal: int = signal.SIGKILL
) -> Count:
    """Kill runs of one folder at random moments until ``kills`` hit, going on each time with --resume."""
    program, words = (REAL if real else QUICK), arguments(real)
    begun = time.monotonic()
    whole = finished([*words, "--out", "undisturbed"], place, program)
    assert whole.returncode == 0, whole.stderr
    lasts = time.monotonic() - begun
    expected = bytes_of(place / "undisturbed")
    folder, dice, count = place / "run", random.Random(seed), Count()
    while count.kills < kills:
        before = kept(folder)
        count.resumed_with_batches += bool(before)
        process = start([*words, "--out", "run", "--resume"], place, program)
        try:
            process.wait(timeout=dice.uniform(0.1, 1.1) * lasts)
        except subprocess.TimeoutExpired:
            process.send_signal(with_signal)
            count.kills += 1
        process.communicate()
        after = kept(folder)
        if store.is_run(folder):
            count.finished += 1
            count.different += bool(store.verify(folder)) or bytes_of(folder) != expected
            shutil.rmtree(folder)
            shutil.rmtree(place / f"run{store.INCOMPLETE}", ignore_errors=True)
        else:
            count.broken += folder.exists()
            count.lost += len(before - after)
    last = finished([*words, "--out", "run", "--resume"], place, program)
    assert last.returncode == 0, last.stderr
    count.different += bool(store.verify(folder)) or bytes_of(folder) != expected
    assert sorted(item.name for item in place.iterdir()) == ["run", "undisturbed"]
    return count


def limit_file_size(size: int) -> None:
    """In the child: no file may grow beyond ``size`` bytes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def mounted(folder: Path, size: str) -> bool:
    """A small file system of its own on ``folder``; False where that is not permitted."""
    folder.mkdir(exist_ok=True)
    return _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))


def _mount(*words: str) -> bool:
    if shutil.which("mount") is None:
        return False
    return subprocess.run(["mount", *words], capture_output=True).returncode == 0


def remounted(folder: Path, options: str) -> bool:
    """The same file system with other options."""
    return _mount("-o", f"remount,{options}", str(folder))


def unmounted(folder: Path) -> None:
    """Undo :func:`mounted`."""
    subprocess.run(["umount", str(folder)], capture_output=True, check=True)


def odd_places(place: Path) -> dict[str, bool]:
    """The real engine and report from a read-only package without a home, and in the C locale in a Unicode folder."""
    source, found = place / "source", {}
    if mounted(source, "200m"):
        try:
            for name in ("fiscal", "data", "reports"):
                shutil.copytree(
                    ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "__numba_cache__")
                )
            assert remounted(source, "ro")
            nowhere = {"PYTHONPATH": str(source), "HOME": "/proc/none", "XDG_CACHE_HOME": "", "NUMBA_CACHE_DIR": ""}
            answer = finished([*arguments(True), "--out", "run"], place, REAL, env=nowhere)
            print(answer.stderr, file=sys.stderr)
            found["read-only package, no home"] = answer.returncode == 0 and not store.verify(place / "run")
        finally:
            unmounted(source)
    folder = place / "\u00e4 \u4e2d"
    folder.mkdir()
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    answer = finished(["report", "baseline", "boom", *SHORT, "--out", "r\u00e9.pdf"], folder, REAL, env=plain)
    print(answer.stderr, file=sys.stderr)
    same = finished(["report", "baseline", "boom", *SHORT, "--out", "report.pdf"], place, REAL)
    pdfs = [file.read_bytes() for file in (folder / "r\u00e9.pdf", place / "report.pdf") if file.is_file()]
    found["C locale, Unicode folder: the report, byte for byte"] = (
        answer.returncode == same.returncode == 0 and len(pdfs) == 2 and pdfs[0] == pdfs[1]
    )
    return found


def main() -> None:
    """Repeat kill -9 and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--real", action="store_true", help="the real engine")
    parser.add_argument("--interrupt", action="store_true", help="Ctrl-C instead of kill -9")
    parser.add_argument("--places", action="store_true", help="odd places instead of kills")
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    if told.places:
        with tempfile.TemporaryDirectory() as place:
            found = odd_places(Path(place))
        print(json.dumps(found))
        sys.exit(not all(found.values()))
    with tempfile.TemporaryDirectory() as place:
        count = kill_at_random(
            Path(place),
            told.kills,
            real=told.real,
            seed=told.seed,
            with_signal=signal.SIGINT if told.interrupt else signal.SIGKILL,
        )
    print(json.dumps(vars(count)))
    sys.exit(bool(count.lost or count.broken or count.different))


if __name__ == "__main__":
    main()
