"""``python -m benchmarks``: measure, and write ``benchmarks/results.md`` and ``benchmarks/results.json``.

``python -m benchmarks run compare`` measures the operations that begin so and writes nothing; ``kernel`` is the
projection alone. ``--paths N`` sets the longest run of paths (10000); ``--quick`` looks whether the projection's part
runs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import operations, table

HERE = Path(__file__).resolve().parent
KERNEL = "kernel"


def measure(longest: int, quick: bool) -> dict[str, Any]:
    """The projection, as plain numbers: seconds, bytes, rates a second."""
    # after the operations: the system counts what a process holds as its children's too
    from benchmarks import canonical, machine, model, precision, with_jax

    print("machine ...", flush=True)
    found: dict[str, Any] = {"machine": machine.describe()}

    print("canonical roll-forward ...", flush=True)
    small, large = canonical.inputs(64), canonical.inputs(128 if quick else 1024)
    canonical.compiled(small)
    found["canonical"] = machine.compared(
        (small.account_steps, machine.best_of(1 if quick else 3, lambda: canonical.plain(small))),
        (large.account_steps, machine.best_of(1 if quick else 5, lambda: canonical.compiled(large))),
    )
    found["canonical"] |= {
        "flops_per_step": canonical.FLOPS,
        "share_of_flops": found["canonical"]["steps_per_core_second"]
        * canonical.FLOPS
        / found["machine"]["flops_per_core_second"],
    }

    if with_jax.installed():
        # the size at which JAX is fastest: more paths leave the cache
        run = with_jax.projector(small)
        run()
        timed = machine.best_of(1 if quick else 5, run)
        found["jax"] = {
            "version": with_jax.version(),
            "steps_per_second": small.account_steps / timed.seconds,
            "ratio": found["canonical"]["steps_per_second"] / (small.account_steps / timed.seconds),
            "ratio_per_core": found["canonical"]["steps_per_core_second"] / (small.account_steps / timed.core_seconds),
        }

    print("full model ...", flush=True)
    full = model.Model()
    found["risk_neutral_core_seconds"] = full.pricing().core_seconds
    inputs = full.inputs
    paths = 128 if quick else 1024
    plain = model.account_steps(inputs, 2, 1), full.reference(2)
    kernel = full.kernel(inputs, paths, times=1 if quick else 5)
    cells = paths * len(inputs.years) * inputs.opening_usd[0, 0, ..., 0].size * model.COLUMNS
    found["model"] = machine.compared(plain, (model.account_steps(inputs, paths, 3), kernel)) | {
        "seconds_per_path": kernel.seconds / paths,
        "core_seconds_per_path": kernel.core_seconds / paths,
        "flops_per_cell": model.CELL_FLOPS,
        "share_of_flops": cells * model.CELL_FLOPS / kernel.core_seconds / found["machine"]["flops_per_core_second"],
    }
    found["two_sleeves"] = machine.compared(plain, (model.account_steps(inputs, 32, 1), full.drifting(32)))

    steps, in_numpy, in_code = full.every_cell()
    found["every_cell"] = machine.compared((steps, in_numpy), (steps, in_code))

    print("cost against size ...", flush=True)
    found["by_years"] = {
        str(last - 2024): full.kernel(inputs.until(last), 256, times=1 if quick else 3).core_seconds
        for last in (2035, 2050, 2075, 2100)
    }
    found["by_groups"] = {
        str(groups): full.kernel(full.fewer_groups(groups), 256, times=1 if quick else 3).core_seconds
        for groups in (3, 6, 12)
    }
    sizes = [100] if quick else [n for n in (100, 1_000, 10_000, 100_000) if n <= longest]
    found["by_paths"] = {}
    for n in sizes:
        print(f"{n} paths ...", flush=True)
        found["by_paths"][str(n)] = full.distribution(n)
    print("error against time ...", flush=True)
    found["precision"] = precision.measure(128, 4, 32) if quick else precision.measure(4096, 16, 1024)
    found["drawing_core_seconds_per_path"] = full.drawing(256).core_seconds / 256
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("rows", nargs="*", help=f"operations, by how they begin, or {KERNEL}; all if none is named")
    parser.add_argument("--paths", type=int, default=10_000, help="longest run of paths")
    parser.add_argument("--quick", action="store_true", help="the projection at its smallest sizes; writes nothing")
    chosen = parser.parse_args()
    named = [name for name in chosen.rows if name != KERNEL]
    found: dict[str, Any] = {}
    if not chosen.quick and (named or not chosen.rows):
        found["operations"] = operations.measure(named)
        if not chosen.rows:  # kept, if what follows is interrupted
            keep(found)
    if KERNEL in chosen.rows or not chosen.rows:
        found |= measure(chosen.paths, chosen.quick)
    print(table.markdown(found))
    if not chosen.quick and not chosen.rows:
        keep(found)


def keep(found: dict[str, Any]) -> None:
    """Write what was measured."""
    (HERE / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (HERE / "results.md").write_text(table.markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
