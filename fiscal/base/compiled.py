"""Machine code that numba keeps between runs: in a folder that can be written, and checked as it is loaded.

Numba trusts its files: a truncated one stops the program, a flipped bit in one crashes it or changes numbers in
silence, and two processes that compile at once can leave an index that names the other's code. Here every file
holds one compiled function with its key and ends in the hash of its content, and is renamed into place. So a file
is sound or is compiled again, whoever else is at work, and no list has to be kept of what is good.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

VARIABLE = "NUMBA_CACHE_DIR"
DIGEST_BYTES = hashlib.sha256().digest_size

logger = logging.getLogger(__name__)


_most_threads: ContextVar[int | None] = ContextVar("most_threads", default=None)


def threads() -> int:
    """Threads that compiled code may use at once: the processors of this process or ``NUMBA_NUM_THREADS``, and no
    more than :func:`at_most` allows."""
    from numba import config

    told: Any = config
    most, found = _most_threads.get(), int(told.NUMBA_NUM_THREADS)
    return found if most is None else min(most, found)


@contextlib.contextmanager
def at_most(count: int) -> Iterator[None]:
    """No more than ``count`` threads for compiled code that the calling thread asks for."""
    token = _most_threads.set(count)
    try:
        yield
    finally:
        _most_threads.reset(token)


def on_threads(work: Callable[[int], None], count: int) -> None:
    """Call ``work`` with 0 to ``count`` - 1, on :func:`threads` threads at once.

    The threads end with the call. Those of numba's own layers would stay: with OpenMP a forked child is then ended by
    the system, and with ``workqueue`` two callers at once end the process.
    """
    at_once = min(count, threads())
    if at_once <= 1:
        for number in range(count):
            work(number)
        return
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        list(pool.map(work, range(count)))


@cache
def prepare() -> Path:
    """Choose the folder of compiled code; to be called before the kernel is imported.

    ``NUMBA_CACHE_DIR`` if set, else beside the package, else the user's cache, else a folder that is deleted
    at exit: a package installed read-only for a user without a home runs all the same. So does one whose numba
    keeps its code in another way than the one that is checked here: nothing is then kept.
    """
    import numba.core.caching

    core: Any = numba.core
    trusted = getattr(core.caching, "IndexDataCacheFile", None)
    folder = _chosen() if trusted is not None else _passing()
    os.environ[VARIABLE] = core.config.CACHE_DIR = str(folder)
    if trusted is not None:
        core.caching.IndexDataCacheFile = _checked(trusted)
    return folder


def _chosen() -> Path:
    told = os.environ.get(VARIABLE)
    candidates = [Path(told)] if told else [Path(__file__).resolve().parents[1] / "__numba_cache__"]
    with contextlib.suppress(RuntimeError):  # no home
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        candidates.append(Path(base) / "fiscal" / "numba")
    return next((folder for folder in candidates if _writable(folder)), None) or _passing()


def _passing() -> Path:
    """A folder that is deleted at exit."""
    folder = Path(tempfile.mkdtemp(prefix="fiscal-numba-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def _kernels_sha256() -> str:
    """Hash of the sources that are compiled: a function holds the code of what it calls in other modules."""
    digest = hashlib.sha256()
    for file in sorted((Path(__file__).resolve().parents[1] / "projection").glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _checked(trusted: Any) -> Any:
    """Numba's cache of one function, with files that are checked: one by key, named by its hash, no index.

    ``trusted`` (``IndexDataCacheFile`` of numba 0.61 to 0.68) writes beside and renames; a subclass decides what is
    written and what is taken for found.
    """

    class Checked(trusted):
        def load(self, key: Any) -> Any:
            """The compiled function of ``key``; None where there is none, or where it is damaged."""
            name = self._name_of(key)
            try:
                stored, data = self._load_data(name)
            except FileNotFoundError:
                return None
            except Exception as error:  # what is unpickled may raise anything
                logger.warning("compiled code %s is damaged and is made again: %s", name, error)
                return None
            return data if stored == key else None

        def save(self, key: Any, data: Any) -> None:
            """Keep the compiled function of ``key``; those of earlier sources go."""
            name = self._name_of(key)
            for old in Path(self._cache_path).glob(f"{self._stem()}.*.nbc"):
                if not old.name.startswith(f"{self._stem()}.{self._stamp()}."):
                    old.unlink(missing_ok=True)
            self._save_data(name, (key, data))

        def flush(self) -> None:
            """Forget every compiled form of the function."""
            for file in Path(self._cache_path).glob(f"{self._stem()}.*.nbc"):
                file.unlink(missing_ok=True)

        def _stem(self) -> str:
            return str(self._index_name.removesuffix(".nbi"))

        def _stamp(self) -> str:
            said = repr((self._version, self._source_stamp, _kernels_sha256()))
            return hashlib.sha256(said.encode()).hexdigest()[:16]

        def _name_of(self, key: Any) -> str:
            return f"{self._stem()}.{self._stamp()}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.nbc"

        def _dump(self, stored: Any) -> bytes:
            content: bytes = super()._dump(stored)
            return content + hashlib.sha256(content).digest()

        def _load_data(self, name: str) -> Any:
            content = Path(self._data_path(name)).read_bytes()
            body, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
            if hashlib.sha256(body).digest() != digest:
                raise OSError("its hash does not fit")
            return super()._load_data(name)  # what follows the pickled content is not read

    return Checked
