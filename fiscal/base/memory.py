"""Memory: how much a process may still use, and release of freed memory."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

import psutil

THREAD_ADDRESSES, ADDRESSES_EACH = 1100 * 2**20, 150 * 2**20
"""Addresses that the compiler, its libraries, and each processor's threads reserve when the first projection begins.
They use little memory, but a limit on the address space counts them."""


def release() -> None:
    """Return freed memory to the system if the C library keeps it (glibc); otherwise do nothing."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def available_bytes() -> int:
    """Bytes that this process may still use: the least of the system's memory without swapping, the room in its control
    groups (as containers and batch systems set them), and the room in its own address space limit."""
    rooms = [int(psutil.virtual_memory().available), *group_rooms(), *_address_space()]
    return max(min(rooms), 0)


def group_rooms(root: Path = Path("/")) -> list[int]:
    """Room in this process's memory control groups and those above them, version 1 or 2, bytes; Linux only.

    ``root`` is the folder of ``proc`` and ``sys``. The file cache that the kernel drops on demand
    (``inactive_file``) does not count as used.
    """
    rooms = []
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if controllers == "":
            top, limit, usage, cache = root / "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            top = root / "sys/fs/cgroup/memory"
            limit, usage, cache = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        group = Path(name.lstrip("/"))
        # inside a container, its own group is the top, whatever its name outside
        for folder in dict.fromkeys((top / group, *(top / parent for parent in group.parents), top)):
            most, used = _number(folder / limit), _number(folder / usage)
            if most is not None and used is not None:
                rooms.append(most - used + (_field(folder / "memory.stat", cache) or 0))
    return rooms


def _address_space() -> list[int]:
    """Room under the limit on this process's address space (``ulimit -v``), if there is one; Linux only."""
    process = psutil.Process()
    if not hasattr(process, "rlimit"):
        return []
    limit = process.rlimit(psutil.RLIMIT_AS)[0]
    if limit == psutil.RLIM_INFINITY:
        return []
    reserved = 0 if "numba" in sys.modules else THREAD_ADDRESSES + (os.cpu_count() or 1) * ADDRESSES_EACH
    return [limit - process.memory_info().vms - reserved]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _number(file: Path) -> int | None:
    """The whole number in a file; None without one (``max``, no file)."""
    text = next(iter(_lines(file)), "")
    return int(text) if text.isdigit() else None


def _field(file: Path, name: str) -> int | None:
    """The number after a name in a file of names and numbers."""
    for line in _lines(file):
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdigit():
            return int(words[1])
    return None
