"""What the machine can do, measured in the same run: copying memory and multiplying and adding."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time

import numba
import numpy as np
from numba import njit, prange

from fiscal.base import compiled

COPY_BYTES = 256 << 20


@dataclass(frozen=True)
class Timed:
    """Shortest of some runs: seconds by the clock, and seconds of all cores together.

    The second is what a machine shared with others still tells.
    """

    seconds: float
    core_seconds: float


def best_of(times: int, run: Callable[[], object]) -> Timed:
    seconds, core_seconds = [], []
    for _ in range(times):
        start, cores = perf_counter(), process_time()
        run()
        seconds.append(perf_counter() - start)
        core_seconds.append(process_time() - cores)
    return Timed(min(seconds), min(core_seconds))


def compared(plain: tuple[int, Timed], fast: tuple[int, Timed]) -> dict[str, float]:
    """Account-steps a second of two ways, each with its account-steps and time."""
    (of_plain, slow), (steps, quick) = plain, fast
    return {
        "plain_steps_per_second": of_plain / slow.seconds,
        "steps_per_second": steps / quick.seconds,
        "steps_per_core_second": steps / quick.core_seconds,
        "ratio": (steps / quick.seconds) / (of_plain / slow.seconds),
        "ratio_per_core": (steps / quick.core_seconds) / (of_plain / slow.core_seconds),
    }


@njit(parallel=True)
def _copy(target: np.ndarray, source: np.ndarray) -> None:
    for i in prange(len(source)):
        target[i] = source[i]


CHAIN = 16
"""Multiply-adds that a number goes through while it stays in its register."""


@njit(fastmath={"contract"})
def _chains(row: np.ndarray, steps: int, a: float, b: float) -> None:
    for _ in range(steps):
        for i in range(row.shape[0]):
            x = row[i]
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            x = x * a + b
            row[i] = x


def copy_rate() -> float:
    """Bytes read and written a second by all threads, from memory to memory."""
    source = np.ones(COPY_BYTES // 8)
    target = np.empty_like(source)
    _copy(target, source)
    return 2 * COPY_BYTES / best_of(10, lambda: _copy(target, source)).seconds


def multiply_add_rate() -> float:
    """Floating-point operations a second of one core, a multiply-add counted as two, doubles."""
    row = np.ones(512)
    steps = 20_000
    _chains(row, 1, 0.999, 0.001)
    return 2.0 * row.size * CHAIN * steps / best_of(10, lambda: _chains(row, steps, 0.999, 0.001)).core_seconds


def describe() -> dict[str, object]:
    return {
        "machine": platform.machine(),
        "threads": compiled.threads(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "copy_bytes_per_second": copy_rate(),
        "flops_per_core_second": multiply_add_rate(),
    }
