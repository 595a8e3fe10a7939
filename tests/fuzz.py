"""Whatever is put in: an answer or a message, never a traceback, a hang, or a file outside the folder.

Each function of ``TARGETS`` takes one drawn input and fails by raising anything but :class:`FiscalError`.
As a script it draws as many inputs as asked and prints the count of each:

    python tests/fuzz.py --inputs 1000000
    python tests/fuzz.py --only "report on forged tables" --inputs 200

In ``tests/fuzz_guided.py`` the code that is reached chooses the inputs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import fuzz_folders
import fuzz_inputs
import fuzz_texts
from fuzz_words import writable
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fiscal.base.errors import FiscalError

SECONDS = 60
"""An input that computes longer hangs."""

ROUND = 20_000
"""Inputs of one seed, where a million are drawn."""

TRIED: Counter[str] = Counter()
"""Inputs tried so far, by target."""

_allowed: list[str] = []


def _watch(event: str, told: tuple[Any, ...]) -> None:
    """Audit hook: nothing is written, renamed or removed outside the folder of the moment, and nothing is started."""
    if not _allowed:
        return
    if event == "open":
        path, mode, flags = told
        writes = (isinstance(mode, str) and any(mark in mode for mark in "wax+")) or bool(
            isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        changed = [path] if writes else []
    elif event == "os.rename":
        changed = [_place(told[0], told[2]), _place(told[1], told[3])]
    elif event in ("os.link", "os.symlink"):
        changed = [_place(told[1], told[-1])]
    elif event in ("os.remove", "os.mkdir", "os.rmdir"):
        changed = [_place(told[0], told[-1])]
    elif event in ("os.truncate", "os.chmod"):
        changed = [told[0]]
    elif event in ("os.system", "os.exec", "os.posix_spawn", "socket.connect") or (
        event == "subprocess.Popen" and "git" not in str(told[0])
    ):
        raise AssertionError(f"{event} {told!r}")
    else:
        return
    for path in changed:
        if isinstance(path, str | bytes | os.PathLike):
            place = os.path.abspath(os.fsdecode(path))
            if not place.startswith((*_allowed, os.devnull)):
                raise AssertionError(f"{event} of {place!r} outside {_allowed[0]!r}")


def _place(path: Any, folder: Any) -> Any:
    """A path told with an open folder, from which it starts."""
    if isinstance(folder, int) and folder >= 0 and isinstance(path, str | bytes):
        return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))
    return path


@cache
def _hooked() -> None:
    sys.addaudithook(_watch)


@contextlib.contextmanager
def confined(folder: Path) -> Iterator[None]:
    """Within: writes go to ``folder`` only, and one input has :data:`SECONDS`."""
    _hooked()

    def late(*_: object) -> None:
        raise AssertionError(f"took more than {SECONDS} seconds")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # of what is imported on the way
    _allowed.append(os.path.abspath(folder))
    try:
        yield
    finally:
        _allowed.clear()
        sys.dont_write_bytecode = kept
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class Target(NamedTuple):
    """What takes an input, what draws it, and its share of all inputs."""

    use: Callable[[Path, Any], None]
    inputs: st.SearchStrategy[Any]
    share: float


TARGETS: dict[str, Target] = {
    "scenario files": Target(fuzz_inputs.read_scenario, fuzz_inputs.toml_texts(), 0.277),
    "settings on the command line": Target(fuzz_inputs.change_scenario, fuzz_inputs.overrides, 0.2),
    "designs of sweeps": Target(fuzz_inputs.read_sweeps_design, fuzz_inputs.designs, 0.02),
    "user returns": Target(fuzz_inputs.read_returns, fuzz_inputs.csv_texts(), 0.05),
    "reform files": Target(fuzz_inputs.read_reform, fuzz_inputs.reforms(), 0.15),
    "reforms in Tax-Calculator": Target(fuzz_inputs.ask_tax_calculator, fuzz_inputs.whole_reforms, 0.0002),
    "manifests": Target(fuzz_folders.read_manifests, fuzz_folders.manifests(), 0.12),
    "files of run folders": Target(fuzz_folders.read_files, fuzz_folders.damages(), 0.003),
    "forged tables": Target(fuzz_folders.read_tables, fuzz_folders.forgeries(), 0.002),
    "stored sweeps": Target(fuzz_folders.read_sweeps, fuzz_folders.sweep_forgeries(), 0.003),
    "report on forged tables": Target(fuzz_folders.report_tables, fuzz_folders.forgeries(), 0.0002),
    "leftovers of interrupted runs": Target(fuzz_folders.resume, fuzz_folders.leftovers(), 0.03),
    "texts in HTML and BibTeX": Target(fuzz_texts.show_words, st.tuples(writable, writable, writable), 0.0606),
    "texts in the PDF": Target(fuzz_texts.print_words, fuzz_texts.report_texts, 0.004),
    "texts in the page and the workbook": Target(fuzz_texts.show_report, fuzz_texts.report_texts, 0.02),
    "command lines": Target(fuzz_inputs.say, fuzz_inputs.lines, 0.06),
}


def fuzz(name: str, inputs: int, number: int) -> int:
    """Draw that many inputs for one target; returns how many were tried. Raises on the first that fails."""
    # imports that make folders, of fonts that were found and of compiled code
    import matplotlib.font_manager  # noqa: F401

    import fiscal.budget.backward  # noqa: F401
    import fiscal.projection.cell_years  # noqa: F401
    import fiscal.projection.kernel  # noqa: F401

    target, before = TARGETS[name], TRIED[name]
    for ready in (fuzz_folders.small_run, fuzz_folders.whole_run, fuzz_folders.sweep_run, fuzz_folders.base_result):
        ready()
    with tempfile.TemporaryDirectory(prefix="tmp-fuzz-", dir=_memory()) as folder, fuzz_inputs.quick(Path(folder)):
        place = Path(folder)

        @seed(number)
        @settings(
            max_examples=inputs, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck), print_blob=False,
        )  # fmt: skip
        @given(target.inputs)
        def one(value: Any) -> None:
            TRIED[name] += 1
            with confined(place), contextlib.suppress(FiscalError):
                target.use(place, value)

        one()
    return TRIED[name] - before


def _memory() -> str | None:
    """A folder in memory, where there is one: the inputs are many and small."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main() -> None:
    """Fuzz in rounds until the number of inputs is reached; tell the count and the seconds by target.

    A target that fails is told at once and left out from then on; the others go on, and the exit code is 1. The counts
    are printed at the end, on SIGTERM and Ctrl-C too, and after every round kept in the file of ``--counts``.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--only", choices=TARGETS, help="one target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--counts", type=Path, help="a file for the counts so far")
    told = parser.parse_args()
    begun, failed, stopped = time.monotonic(), set[str](), Event()
    shares = {name: 1.0 if told.only else target.share for name, target in TARGETS.items()}
    chosen = [told.only] if told.only else list(TARGETS)
    seconds, number = dict.fromkeys(chosen, 0.0), told.seed

    def counts() -> str:
        by_name = {name: {"inputs": TRIED[name], "seconds": round(seconds[name])} for name in chosen}
        whole = {"inputs": TRIED.total(), "seeds": [told.seed, number], "failed": sorted(failed)}
        return json.dumps(whole | {"targets": by_name}, indent=1)

    def stop(*_: object) -> None:
        stopped.set()  # what is tried at the moment may take the interrupt for its own
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        while TRIED.total() < told.inputs and len(failed) < len(chosen) and not stopped.is_set():
            for name in (name for name in chosen if name not in failed):
                if stopped.is_set():
                    break
                started = time.monotonic()
                try:
                    fuzz(name, max(1, round(shares[name] * min(ROUND, told.inputs))), number)
                except Exception:
                    if stopped.is_set():
                        break
                    failed.add(name)
                    traceback.print_exc()
                seconds[name] += time.monotonic() - started
            words = f"seed {number}: {TRIED.total()} inputs, {time.monotonic() - begun:.0f} s"
            print(words, file=sys.stderr, flush=True)
            if told.counts:
                told.counts.write_text(counts(), encoding="utf-8")
            number += 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    print(counts(), flush=True)
    sys.exit(130 if stopped.is_set() else 1 if failed else 0)


if __name__ == "__main__":
    main()
