"""The measurements as a page: ratios within one run, since rates differ from machine to machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import precision


def markdown(found: dict[str, Any]) -> str:
    """The page ``results.md``, of the parts that were measured."""
    lines = ["# Speed", ""]
    if "operations" in found:
        lines += [*_operations(found["operations"]), ""]
    if "machine" in found:
        lines += _projection(found)
    return "\n".join(lines).rstrip("\n") + "\n"


def _operations(found: dict[str, dict[str, Any]]) -> list[str]:
    """What a user waits for, beside the targets."""

    def mebibytes(value: float | None) -> str:
        return "" if value is None else f"{value / 2**20:,.0f}"

    return [
        "What a user waits for: each operation as a fresh process (*warm* in a process that has done another such), in "
        "core-seconds and peak memory beside its target. On a busy machine up to half as much again is within it.",
        "",
        *_table(
            ("operation", "core-seconds", "target", "peak MiB", "target MiB"),
            [
                (
                    name,
                    "failed" if one["core_seconds"] is None else f"{one['core_seconds']:.2f}",
                    f"{one['target']:g}",
                    mebibytes(one["peak_bytes"]),
                    mebibytes(one["target_bytes"]),
                )
                for name, one in found.items()
            ],
        ),
        *_misses(found),
    ]


def _misses(found: dict[str, dict[str, Any]]) -> list[str]:
    """Where the time of the operations goes that take longer than their targets."""
    rows = [
        (name, "; ".join(f"{place} {share:.0%}" for place, share in one["places"].items()))
        for name, one in found.items()
        if one.get("places")
    ]
    if not rows:
        return []
    said = (
        "Operations above their targets, and where their time goes: the module at work, or the package imported for "
        "the first time, by samples of the process's own time."
    )
    return ["", said, "", *(line.replace("---:", "---") for line in _table(("operation", "where the time goes"), rows))]


def _projection(found: dict[str, Any]) -> list[str]:
    """The compiled projection against NumPy and JAX, and its cost against size."""
    machine, w1, full, drifting = found["machine"], found["canonical"], found["model"], found["two_sleeves"]
    rows = []
    for name, way in (
        ("canonical roll-forward", w1),
        ("full model, scenario and both references", full),
        ("full model, sleeves that drift apart", drifting),
        ("full model, every cell kept", found["every_cell"]),
    ):
        share = f"{way['share_of_flops']:.0%}" if "share_of_flops" in way else ""
        rows.append(
            (
                name,
                _millions(way["plain_steps_per_second"]),
                _millions(way["steps_per_second"]),
                f"{way['ratio']:.0f}",
                f"{way['ratio_per_core']:.0f}",
                share,
            )
        )
    priced = found.get("risk_neutral_core_seconds")
    return [
        f"Measured by `make bench` on {machine['threads']} threads ({machine['machine']}, Python "
        f"{machine['python']}, NumPy {machine['numpy']}, numba {machine['numba']}). All in one run: ratios carry "
        "over to another machine, rates do not. An account-step is one sleeve of one kind of account in one cell "
        "(age, group, stratum) of one path and year. A core-second is a second of one core that was ours: on a "
        "machine shared with others the clock says less.",
        "",
        *_table(
            (
                "million account-steps/s",
                "plain NumPy",
                "compiled",
                "ratio by the clock",
                "ratio by core-seconds",
                "share of multiply-add rate",
            ),
            rows,
        ),
        "",
        f"A core multiplies and adds {machine['flops_per_core_second'] / 1e9:.0f} billion times a second; all copy "
        f"{machine['copy_bytes_per_second'] / 1e9:.0f} GB. Counted are {w1['flops_per_step']:.0f} operations an "
        f"account-step of the canonical roll-forward and, of the full model, at least {full['flops_per_cell']:.0f} a "
        "cell of each stratum that has to be projected. A path with its references takes "
        f"{full['core_seconds_per_path'] * 1e3:.2f} core-milliseconds, drawing it "
        f"{found['drawing_core_seconds_per_path'] * 1e3:.2f}. A separate addition or maximum counts as one; processors "
        "that do it together with a multiply-add can pass 100%.",
        "",
        *_jax(found.get("jax")),
        "The strata without crypto of the scenario and of both references differ only in how many people they hold; "
        "one is projected for all. The full model's rate counts their account-steps as done, its share of the "
        "multiply-add rate does not.",
        "",
        *_precision(found["precision"]),
        "",
        *([] if priced is None else [f"Values on risk-neutral paths take {priced:.1f} core-seconds.", ""]),
        *_table(
            ("paths, drawn, projected and kept", "seconds", "core-seconds", "core-ms a path"),
            [
                (
                    f"{int(n):,}",
                    f"{took['seconds']:.2f}",
                    f"{took['core_seconds']:.2f}",
                    f"{took['core_seconds'] / int(n) * 1e3:.2f}",
                )
                for n, took in found["by_paths"].items()
            ],
        ),
        "",
        *_table(
            ("kernel, 256 paths with both references", "core-seconds"),
            [
                *((f"{n} years", f"{seconds:.3f}") for n, seconds in found["by_years"].items()),
                *((f"{n} groups", f"{seconds:.3f}") for n, seconds in found["by_groups"].items()),
            ],
        ),
    ]


def _jax(found: dict[str, Any] | None) -> list[str]:
    """The second yardstick, where it was measured."""
    if found is None:
        return []
    return [
        f"JAX {found['version']} (jit, scan over years, float64, 64 paths, its fastest size) takes "
        f"{_millions(found['steps_per_second'])} million account-steps of the canonical roll-forward a second: "
        f"compiled, it is {found['ratio']:.0f} times as fast by the clock, {found['ratio_per_core']:.0f} times by "
        "core-seconds.",
        "",
    ]


def _precision(found: dict[str, Any]) -> list[str]:
    """What a standard error of the 75-year effect costs, by way of sampling."""
    ways = found["ways"]
    plain, common = ways["independent draws"], ways["common random numbers"]
    rows = []
    for name, way in ways.items():
        errors = [way[f"{measure}_deviation_usd"] / 1e9 / 1_000**0.5 for measure in precision.MEASURES]
        less = [
            f"{precision.cost(base, measure) / precision.cost(way, measure):,.{digits}f}"
            for base, digits in ((plain, 0), (common, 1))
            for measure in precision.MEASURES
        ]
        if way is plain:
            less[2:] = "", ""
        rows.append((name, f"{way['core_seconds_per_path'] * 1e3:.2f}", *(f"{e:,.1f}" for e in errors), *less))
    return [
        "Net revenue of the scenario less that without crypto, 2026 to 2100, on random paths: its mean's standard "
        f"error with 1,000 paths, and how many times less CPU the same standard error takes, from "
        f"{found['paths']:,} paths and {found['scrambles']} Sobol sequences of {found['points']:,} points under "
        "independent scrambles (their figures are known to about a third). The flat-tax model's expectation takes "
        f"{found['expectation_core_seconds']:.1f} core-seconds more, once a run.",
        "",
        *_table(
            (
                "scenario and reference on",
                "core-ms a path",
                "error, cash, bn USD",
                "error, present value, bn USD",
                "less than independent, cash",
                "present value",
                "less than common, cash",
                "present value",
            ),
            rows,
        ),
    ]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    rule = ("---", *("---:" for _ in head[1:]))
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *rows)]


def _millions(rate: float) -> str:
    return f"{rate / 1e6:,.0f}"
