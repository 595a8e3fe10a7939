"""Machine code that numba keeps between runs: in a folder that can be written, and checked before it is used.

Numba trusts its files: a truncated one stops the program, a flipped bit in one crashes it or changes numbers
in silence. So the files have a list of hashes beside them, and what does not fit is deleted and compiled again.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
SUMS = "fiscal-sums.json"


@cache
def prepare() -> Path:
    """Choose and check the folder of compiled code; to be called before the kernel is imported.

    ``NUMBA_CACHE_DIR`` if set, else beside the package, else the user's cache, else a folder that is deleted
    at exit: a package installed read-only for a user without a home runs all the same.
    """
    folder = _chosen()
    os.environ[VARIABLE] = str(folder)
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    drop_damaged(folder)
    atexit.register(write_sums, folder)
    return folder


def _chosen() -> Path:
    told = os.environ.get(VARIABLE)
    candidates = [Path(told)] if told else [Path(__file__).resolve().parent / "__numba_cache__"]
    with contextlib.suppress(RuntimeError):  # no home
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        candidates.append(Path(base) / "fiscal" / "numba")
    for folder in candidates:
        if _writable(folder):
            return folder
    passing = Path(tempfile.mkdtemp(prefix="fiscal-numba-"))
    atexit.register(shutil.rmtree, passing, ignore_errors=True)
    return passing


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def drop_damaged(folder: Path) -> list[str]:
    """Delete compiled files that are not as they were written; returns their names."""
    try:
        sums = json.loads((folder / SUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        sums = {}
    known = sums if isinstance(sums, dict) else {}
    damaged = [name for name, sha256 in _hashes(folder).items() if known.get(name) != sha256]
    # an index without its code, or code without its index, is of no use
    for place in {(folder / name).parent for name in damaged}:
        for file in (*place.glob("*.nbi"), *place.glob("*.nbc")):
            with contextlib.suppress(OSError):
                file.unlink()
    return damaged


def write_sums(folder: Path) -> None:
    """Keep the hashes of the compiled files; without them the next process compiles again."""
    with contextlib.suppress(OSError):
        handle, beside = tempfile.mkstemp(dir=folder, prefix=f".{SUMS}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(_hashes(folder), stream, indent=1, sort_keys=True)
        os.replace(beside, folder / SUMS)


def _hashes(folder: Path) -> dict[str, str]:
    found = {}
    for file in sorted((*folder.rglob("*.nbi"), *folder.rglob("*.nbc"))):
        with contextlib.suppress(OSError):  # another process replaced it
            found[file.relative_to(folder).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found
