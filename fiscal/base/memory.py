"""Memory: how much a process may still take, and giving back what it no longer needs."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

THREAD_ADDRESSES, ADDRESSES_EACH = 1100 * 2**20, 150 * 2**20
"""Addresses that the compiler and its libraries take once, and each processor's threads, when the first projection
begins; they are hardly used as memory, but a limit on the address space counts them."""


def release() -> None:
    """Give freed memory back to the system where the C library would keep it (glibc); elsewhere nothing."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def available_bytes(root: Path = Path("/")) -> int | None:
    """What this process may still take: the least of the system's available memory, the room in its control groups
    (as containers and batch systems set them) and in its own address space limit; None where no system tells.

    ``root`` is where ``proc`` and ``sys`` are found.
    """
    found = [_system(root), *_groups(root), _address_space(root)]
    told = [room for room in found if room is not None]
    return max(min(told), 0) if told else None


def _system(root: Path) -> int | None:
    """Memory that the system could hand out without swapping; Linux only."""
    value = _field(root / "proc/meminfo", "MemAvailable:")
    return None if value is None else value * 1024


def _groups(root: Path) -> list[int]:
    """Room in this process's memory control groups and those above them, version 1 or 2.

    The file cache that the kernel drops on demand (``inactive_file``) does not count as used.
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
        # inside a container its own group is the top, whatever it is called outside
        for folder in dict.fromkeys((top / group, *(top / parent for parent in group.parents), top)):
            most, used = _number(folder / limit), _number(folder / usage)
            if most is not None and used is not None:
                rooms.append(most - used + (_field(folder / "memory.stat", cache) or 0))
    return rooms


def _address_space(root: Path) -> int | None:
    """Room under the limit on this process's address space (``ulimit -v``)."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    pages = next(iter(_lines(root / "proc/self/statm")), "").split(" ")[0]
    if limit == resource.RLIM_INFINITY or not pages.isdigit():
        return None
    reserved = 0 if "numba" in sys.modules else THREAD_ADDRESSES + (os.cpu_count() or 1) * ADDRESSES_EACH
    return limit - int(pages) * resource.getpagesize() - reserved


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _number(file: Path) -> int | None:
    """The whole number that a file holds; None without one (``max``, no file)."""
    text = next(iter(_lines(file)), "")
    return int(text) if text.isdigit() else None


def _field(file: Path, name: str) -> int | None:
    """The number after a name in a file of names and numbers."""
    for line in _lines(file):
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdigit():
            return int(words[1])
    return None
