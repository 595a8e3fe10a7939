"""Machine code that numba keeps between runs, in a writable folder, checked when it is loaded.

Numba trusts its files. A truncated file stops the program, a flipped bit crashes it or silently changes numbers, and
two processes that compile at once can leave an index that names the wrong code. Here every file holds one compiled
function with its key, ends with the hash of its content, and is renamed into place. A file is therefore sound or
compiled again, even with several processes, and no index is needed.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

VARIABLE = "NUMBA_CACHE_DIR"
DIGEST_BYTES = hashlib.sha256().digest_size

logger = logging.getLogger(__name__)


_most_threads: ContextVar[int | None] = ContextVar("most_threads", default=None)


def threads() -> int:
    """Threads that compiled code may use at once: the processors of this process or ``NUMBA_NUM_THREADS``, up to the
    limit of :func:`at_most`."""
    from numba import config

    told: Any = config
    most, found = _most_threads.get(), int(told.NUMBA_NUM_THREADS)
    return found if most is None else min(most, found)


@contextlib.contextmanager
def at_most(count: int) -> Iterator[None]:
    """Limit compiled code of the calling thread to ``count`` threads."""
    token = _most_threads.set(count)
    try:
        yield
    finally:
        _most_threads.reset(token)


def on_threads(work: Callable[[int], None], count: int) -> None:
    """Call ``work`` with 0 to ``count`` - 1, on :func:`threads` threads at once.

    The threads end with the call. Numba's own threads would stay: with OpenMP, the system would then end a forked
    child, and with ``workqueue``, two callers at once would end the process.
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
    """Choose the folder of compiled code; call this before the kernel is imported.

    The folder is ``NUMBA_CACHE_DIR`` if set, or beside the package, or the user's cache, or a folder that is deleted at
    exit. A read-only package therefore runs for a user without a home folder. If numba stores its code in a way that is
    not checked here, nothing is kept.
    """
    import numba.core.caching

    core: Any = numba.core
    trusted = getattr(core.caching, "IndexDataCacheFile", None)
    folder = _chosen() if trusted is not None else _passing()
    os.environ[VARIABLE] = core.config.CACHE_DIR = str(folder)
    if trusted is not None:
        core.caching.IndexDataCacheFile = _checked(trusted)
        _load_what_is_needed(core)
    _type_once()
    return folder


def _type_once() -> None:
    """Let numba look up once what an operation on numbers gives, instead of at each place in the code.

    For every sum it tries a dozen meanings, on dates and texts among them: a sixth of the time that compiling takes.
    What is compiled is the same. A numba that is built otherwise is left as it is.
    """
    from numba.core import types

    functions: Any = getattr(types.functions, "BaseFunction", None)
    trusted: Any = getattr(functions, "get_call_type", None)
    if trusted is None or not hasattr(functions, "key"):
        return
    known: dict[Any, Any] = {}

    def get_call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        if kws or not all(isinstance(one, types.Number) for one in args):
            return trusted(self, context, args, kws)
        place = id(self), tuple(args)
        if place not in known:
            known[place] = self, trusted(self, context, args, kws)  # kept, so that its id stays its own
        return known[place][1]

    functions.get_call_type = get_call_type


def _load_what_is_needed(core: Any) -> None:
    """Let numba load this package's compiled code without what it needs to compile any.

    Before it loads code from its cache, numba imports its whole library of functions, and with it SciPy's linear
    algebra, only to know that it is there: more than a second. Stored code needs numba's memory management alone; what
    is not stored is compiled as always. A numba that is built otherwise is left as it is.
    """
    try:
        import numba.core.dispatcher
        import numba.np.linalg
        from numba.core.runtime import rtsys
    except ImportError:
        return
    dispatcher: Any = numba.core.dispatcher
    trusted: Any = getattr(dispatcher, "FunctionCache", None)
    if not all(hasattr(trusted, name) for name in ("_load_overload", "_guard_against_spurious_io_errors")):
        return
    dispatcher.FunctionCache = _light(trusted, rtsys)


def _light(trusted: Any, rtsys: Any) -> Any:
    """Numba's cache of a function, which for this package's own starts the memory management ``rtsys`` alone."""

    class Light(trusted):
        def load_overload(self, sig: Any, target_context: Any) -> Any:
            """The compiled function, or None."""
            if not self._py_func.__module__.startswith("fiscal."):
                return super().load_overload(sig, target_context)
            rtsys.initialize(target_context)
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)

    return Light


def _chosen() -> Path:
    told = os.environ.get(VARIABLE)
    candidates = [Path(told).absolute()] if told else [Path(__file__).resolve().parents[1] / "__numba_cache__"]
    candidates.append(user_cache_path("fiscal") / "numba")
    return next((folder for folder in candidates if _writable(folder)), None) or _passing()


def _passing() -> Path:
    """A folder that is deleted at exit."""
    folder = Path(tempfile.mkdtemp(prefix="fiscal-numba-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _writable(folder: Path) -> bool:
    if not folder.is_absolute():  # a user without a home
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def _kernels_sha256() -> str:
    """Hash of the compiled sources, because a function contains the code that it calls in other modules."""
    digest = hashlib.sha256()
    for file in sorted((Path(__file__).resolve().parents[1] / "projection").glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _checked(trusted: Any) -> Any:
    """Numba's cache of one function with checked files: one file per key, named by its hash, without an index.

    ``trusted`` (``IndexDataCacheFile`` of numba 0.61 to 0.68) writes a temporary file and renames it; the subclass
    determines what is written and what counts as found.
    """

    class Checked(trusted):
        def load(self, key: Any) -> Any:
            """The compiled function of ``key``; None if it is missing or damaged."""
            name = self._name_of(key)
            try:
                stored, data = self._load_data(name)
            except FileNotFoundError:
                return None
            except Exception as error:  # unpickling may raise any exception
                logger.warning("compiled code %s is damaged and is compiled again: %s", name, error)
                return None
            return data if stored == key else None

        def save(self, key: Any, data: Any) -> None:
            """Keep the compiled function of ``key`` and delete those of earlier sources."""
            for file, stamp in self._files():
                if stamp != self._stamp():
                    file.unlink(missing_ok=True)
            self._save_data(self._name_of(key), (key, data))

        def flush(self) -> None:
            """Forget every compiled form of the function."""
            for file, _ in self._files():
                file.unlink(missing_ok=True)

        def _files(self) -> list[tuple[Path, str]]:
            """Files of the function, on whatever line of its module it is or was, and the stamps of their sources."""
            name, _, rest = self._stem().rpartition("-")  # kernel.project-87.py311
            python = rest.partition(".")[2]
            pattern = re.compile(rf"{re.escape(name)}-[0-9]+\.{re.escape(python)}\.([0-9a-f]+)\.[0-9a-f]+\.nbc")
            found = ((file, pattern.fullmatch(file.name)) for file in Path(self._cache_path).iterdir())
            return [(file, match[1]) for file, match in found if match]

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
                raise OSError("its hash does not match")
            return super()._load_data(name)  # what follows the pickled content is not read

    return Checked
