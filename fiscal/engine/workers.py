"""Random paths on a Dask cluster: batches go to workers, their totals come back, the answer is the same.

The inputs of a scenario are sent to the workers once; a batch is then a few numbers to ask for. A path has the same
bits in any batch (:func:`~fiscal.engine.random_paths.project_batch`), so neither the number of workers nor the order
in which batches come back changes anything. What was on a worker that died is computed again by another.

Dask is an optional dependency (extra ``cluster``); nothing here imports it before a cluster is asked for.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base import compiled, memory, sources
from fiscal.base.code import code_sha256
from fiscal.base.errors import InputError, Problem, nearest
from fiscal.engine.random_paths import Experiment, Span, Workers, project_batch

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster, Worker

LOCAL, DASK = "local", "dask"
ENGINES = (LOCAL, DASK)

LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 15
"""To reach a scheduler."""
WORKERS_SECONDS = 300
"""To see a first worker: batch systems and Kubernetes need their time."""
FRUITLESS_ROUNDS = 3
"""Times that the inputs are sent again to workers that all died before finishing a batch."""
WORKER_BYTES = 640 * 2**20
"""What a worker takes with a batch at hand, measured (docs/cluster.md)."""
SAME = 1e-9
"""Relative difference up to which a path of another processor is the same but for rounding."""

ROUNDING = "another kind of processor; the answer is the same to nine digits, its bytes are not those of a local run"

PACKAGES = ("fiscal", "numpy", "scipy", "numba", "distributed")
"""What a worker must have in the client's version: other ones may give other bits, or not understand each other."""

Batch = Mapping[str, np.ndarray]

logger = logging.getLogger(__name__)
_one_batch_at_a_time = threading.Lock()


@contextlib.contextmanager
def workers(engine: str = LOCAL, scheduler: str | None = None) -> Iterator[Cluster | None]:
    """Who computes the batches of random paths: None for this process (``local``), or a Dask cluster (``dask``).

    ``scheduler`` is the address of a running one, as ``tcp://host:port``; without it a cluster of processes on this
    machine is started when there is something to do, and stopped at the end. Raises InputError for an engine that
    does not exist, without Dask, and for a scheduler that cannot be reached or whose workers run other software.
    """
    problems = []
    if engine not in ENGINES:
        allowed, near = ", ".join(ENGINES), nearest(engine, ENGINES)
        problems.append(Problem("no such engine", key="engine", value=engine, allowed=allowed, nearest=near))
    if scheduler is not None and engine == LOCAL:
        problems.append(Problem("has no effect with the engine local", key="scheduler", value=scheduler))
    if problems:
        raise InputError(problems)
    if engine == LOCAL:
        yield None
        return
    try:
        import distributed  # noqa: F401 - whether it is there

        if scheduler is None:
            import cryptography  # noqa: F401 - certificates of a cluster of our own
    except ImportError:
        message = "needs packages that are not installed"
        extra = 'those of the extra "cluster": python -m pip install ".[cluster]" in a clone of fiscal'
        raise InputError(message, key="engine", value=engine, allowed=extra) from None
    with _silenced(), contextlib.closing(Cluster(scheduler)) as cluster:
        cluster.connect()
        yield cluster


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Dask's own logs, which tell of every worker that comes and goes, only where they are critical."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


class Cluster(Workers):
    """Workers of a Dask cluster; made by :func:`workers`.

    ``rounding`` are the addresses of workers whose paths differ from this machine's in the last digits: another kind
    of processor rounds otherwise.
    """

    def __init__(self, scheduler: str | None) -> None:
        self.scheduler = scheduler
        self.rounding: set[str] = set()
        self._own: LocalCluster | None = None
        self.client: Client | None = None
        self._sent: tuple[Experiment, Future] | None = None

    def connect(self) -> None:
        """Reach the scheduler that was named and a worker of it, so that errors appear before any work."""
        if self.scheduler is not None:
            self.client = _connect(self.scheduler)
            self._await_workers()

    def close(self) -> None:
        """Let go of the cluster; stop the one that was started here."""
        self._sent = None
        for part in (self.client, self._own):
            if part is not None:
                part.close()
        self.client = self._own = None

    def project(self, asked: Experiment, measure: str, wanted: Sequence[Span]) -> Iterator[tuple[Span, Batch]]:
        """The batches as workers finish them; each worker's first is compared with this machine's.

        Raises InputError when the scheduler is lost, when workers die again and again, and when one computes
        something else.
        """
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        left, checked, fruitless = list(wanted), set[str](), 0
        while left:
            before = len(left)
            try:
                for span, address, made in self._round(asked, measure, left):
                    if address not in checked:
                        self._check(asked, measure, span, address, made)
                        checked.add(address)
                    left.remove(span)
                    yield span, made
            except KilledWorker as error:
                message = f"{error.allowed_failures + 1} workers died on one and the same batch"
                allowed = f"workers with memory for one, about {WORKER_BYTES / 2**20:.0f} MB"
                raise self._refusal(message, allowed) from error
            except (CommClosedError, OSError) as error:
                raise self._refusal(f"was lost while batches were computed: {error}") from error
            fruitless = fruitless + 1 if len(left) == before else 0
            if left:
                self._sent = None  # the inputs died with the workers that held them
                if fruitless == FRUITLESS_ROUNDS:
                    raise self._refusal("its workers died before one of them finished a batch")
                logger.warning("%d batches were lost with their workers and are computed again", len(left))

    def _round(self, asked: Experiment, measure: str, wanted: Sequence[Span]) -> Iterator[tuple[Span, str, Batch]]:
        """Ask for batches; those that are lost with the inputs are left out."""
        from distributed import CancelledError, as_completed

        client = self._at_work(asked, measure)
        if self._sent is None or self._sent[0] is not asked:
            self._await_workers()
            # to all workers at hand: while one of them lives, the inputs do
            self._sent = asked, client.scatter(asked, broadcast=True, hash=False)
        inputs, told = self._sent[1], software()
        spans = {client.submit(_project, inputs, measure, span, told, pure=False): span for span in wanted}
        for future in as_completed(list(spans), loop=client.loop):
            try:
                address, made = future.result()
            except CancelledError:
                continue
            except ImportError as error:
                raise self._refusal(f"a worker has no fiscal that fits: {error}", "the same packages") from error
            yield spans.pop(future), address, made

    def _at_work(self, asked: Experiment, measure: str) -> Client:
        """The client, of a cluster that is started now if none was named."""
        if self.client is None:
            # compiled here once, not by all processes at the same time
            project_batch(asked, measure, 0, 1)
            self._own = _local_cluster()
            self.client = _connect(self._own)
        return self.client

    def _await_workers(self) -> None:
        """Wait for a worker, then refuse those whose packages differ from the client's."""
        assert self.client is not None
        logger.info("waiting for a worker")
        try:
            self.client.wait_for_workers(1, timeout=WORKERS_SECONDS)
        except TimeoutError:
            message = f"no worker came within {WORKERS_SECONDS} seconds"
            raise self._refusal(message, "a scheduler with workers") from None
        told: Any = self.client.get_versions(check=False, packages=list(PACKAGES))
        theirs = {address: worker["packages"] for address, worker in told["workers"].items()}
        found = differing(told["client"]["packages"], theirs)
        if found:
            raise self._refusal("workers have other software than this machine: " + "; ".join(found))

    def _check(self, asked: Experiment, measure: str, span: Span, address: str, made: Batch) -> None:
        """Compute a worker's first path here as well: the same bits, or at least the same but for rounding."""
        here = project_batch(asked, measure, span[0], 1)
        pairs = [(made[name][:1], values) for name, values in here.items()]
        if all(np.array_equal(theirs, ours, equal_nan=True) for theirs, ours in pairs):
            return
        if not all(np.allclose(theirs, ours, rtol=SAME, equal_nan=True) for theirs, ours in pairs):
            raise self._refusal(f"worker {address} computes something else than this machine")
        self.rounding.add(address)
        logger.warning("worker %s rounds otherwise than this machine: %s", address, ROUNDING)

    def _refusal(self, message: str, allowed: str | None = None) -> InputError:
        return InputError(message, key="scheduler", value=self.scheduler, allowed=allowed)


def _local_cluster() -> LocalCluster:
    """Processes of one thread on this machine: as many as there are processors, fewer where memory is short.

    Anyone who can connect to a scheduler or a worker can run code as its user. So they listen on the loopback address
    alone and take only those who show a certificate of this cluster, made for it and known to its processes; and their
    web servers, which Dask always starts, have no page.
    """
    import dask
    from dask.system import CPU_COUNT
    from distributed import LocalCluster, Security

    room = memory.available_bytes()
    count = CPU_COUNT if room is None else max(1, min(CPU_COUNT, room // WORKER_BYTES))
    with dask.config.set({f"distributed.{role}.http.routes": [] for role in ("scheduler", "worker")}):
        return LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, memory_limit=0, dashboard_address=None,
            host=LOOPBACK, protocol="tls://", security=Security.temporary(), silence_logs=logging.CRITICAL,
            preload=[__name__],
        )  # fmt: skip


def dask_setup(worker: Worker) -> None:
    """What Dask calls on a worker of our own when it starts: Ctrl-C, which reaches all processes of a terminal, is for
    the command alone, and the command stops its workers. Compiled code is checked from the first import on."""
    compiled.prepare()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _connect(scheduler: str | LocalCluster) -> Client:
    """A client of a scheduler. Raises InputError when it cannot be reached."""
    from distributed import Client
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    try:
        if isinstance(scheduler, str):  # a client with a wrong address would keep trying after its error
            scheme, location = parse_address(scheduler)
            get_backend(scheme)
            parse_host_port(location)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions are judged by :func:`differing`
            return Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls:// without certificates in Dask's settings
        message = f"cannot be reached: {error}"
        allowed = "the address of a running Dask scheduler, as tcp://host:8786, or tls:// with Dask's certificates"
        raise InputError(message, key="scheduler", value=str(scheduler), allowed=allowed) from None


def software() -> dict[str, str]:
    """What a batch depends on beside its inputs: source code and data tables, by hash."""
    return {"source code": code_sha256(), "data": sources.fingerprint()}


def differing(own: Mapping[str, Any], theirs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Packages that workers (by address) have in another version than this machine, or not at all, in words."""
    found = []
    for package in PACKAGES:
        others = [versions.get(package) for versions in theirs.values()]
        wrong = [version or "none" for version in others if version != own.get(package)]
        if wrong:
            named = ", ".join(sorted(set(wrong)))
            found.append(f"{package} {named} on {len(wrong)} of {len(others)}, {own.get(package)} here")
    return found


def _project(asked: Experiment, measure: str, span: Span, told: Mapping[str, str]) -> tuple[str, Batch]:
    """A batch, and the address of the worker that computed it. Runs on a worker."""
    from distributed import get_worker

    worker = get_worker()
    others = [what for what, sha256 in software().items() if sha256 != told[what]]
    if others:
        message = f"worker {worker.address} has another version of the {' and of the '.join(others)}"
        raise InputError(message, key="scheduler", allowed="the same fiscal on all machines")
    compiled.prepare()
    # threads of a worker that has several share a batch: each would need the memory of one
    with _one_batch_at_a_time, compiled.at_most(worker.state.nthreads):
        return worker.address, project_batch(asked, measure, *span)
