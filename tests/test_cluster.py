"""Random paths on a Dask cluster of real processes: the bits of a local run, whoever dies on the way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping

import dask
import distributed
import numpy as np
import psutil
import pytest
from distributed import Security

import fiscal as face
from fiscal.base.errors import InputError
from fiscal.engine import run as engine_run
from fiscal.engine import workers as engine_workers
from fiscal.engine.random_paths import Distribution, Experiment, Span, project_batch, simulate
from fiscal.results import running
from fiscal.scenario import load

PATHS, BATCH = 48, 4


@pytest.fixture(scope="module")
def asked() -> Experiment:
    """A scenario with its references and operational losses to 2036."""
    settings = {
        "paths.count": PATHS, "horizon.last_year": 2036, "adoption.full_year": 2030, "books.risk_neutral_paths": 0,
        "backstop.paths": 0, "overlays.operational_loss_frequency": 0.5,
    }  # fmt: skip
    run = engine_run.compute(load("stochastic_central", settings), run_off=False)
    assert run.paths is not None and len(run.paths.asked.labels) == 3
    return run.paths.asked


@pytest.fixture(scope="module")
def local(asked: Experiment) -> Distribution:
    return simulate(asked, measure="real", count=PATHS)


@pytest.fixture(scope="module")
def two_workers() -> Iterator[engine_workers.Cluster]:
    """A cluster of two processes, started when it is first asked for something."""
    patch = pytest.MonkeyPatch()
    patch.setattr("dask.system.CPU_COUNT", 2)
    # on a busy machine a new worker takes longer than Dask waits by default before it gives up a place
    patient = dask.config.set({"distributed.deploy.lost-worker-timeout": "120s"})
    with patient, engine_workers.workers("dask") as workers:
        assert workers is not None
        yield workers
    patch.undo()


def pids(workers: engine_workers.Cluster) -> list[int]:
    assert workers.client is not None
    return list(workers.client.run(os.getpid).values())


def await_others(workers: engine_workers.Cluster, dead: set[int]) -> None:
    """Wait until two workers are there again, none of them one of the dead, which are still named for a moment."""
    for _ in range(300):
        with contextlib.suppress(OSError):
            found = pids(workers)
            if len(found) == 2 and not dead & set(found):
                return
        time.sleep(0.5)
    raise AssertionError("no worker was started in place of one that died")


class Kept(dict[str, Mapping[str, np.ndarray]]):
    """Batches in memory; ``when_kept`` is told how many there are after each."""

    def __init__(self, when_kept: Callable[[int], None] = lambda kept: None) -> None:
        super().__init__()
        self.when_kept = when_kept

    def load(self, key: str) -> Mapping[str, np.ndarray] | None:
        return self.get(key)

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        assert key not in self, "a batch that was finished is computed again"
        self[key] = dict(arrays)
        self.when_kept(len(self))


def assert_same(found: Distribution, expected: Distribution) -> None:
    np.testing.assert_array_equal(found.capped, expected.capped)
    np.testing.assert_array_equal(found.crypto_over_gdp, expected.crypto_over_gdp)
    assert expected.flat_tax and found.flat_tax.keys() == expected.flat_tax.keys()
    for label, lines in expected.lines.items():
        np.testing.assert_array_equal(found.flat_tax[label], expected.flat_tax[label])
        for line, values in lines.items():
            np.testing.assert_array_equal(found.lines[label][line], values, err_msg=f"{label} {line}")


# --- real processes ---------------------------------------------------------------------------------


def test_a_worker_killed_in_mid_run_costs_only_its_batches(
    asked: Experiment, local: Distribution, two_workers: engine_workers.Cluster
) -> None:
    """kill -9 of one of two workers after two batches; then of both at once, with the inputs that they held."""
    simulate(asked, measure="real", count=2, workers=two_workers)
    for victims in (1, 2):
        before = pids(two_workers)
        assert len(before) == 2

        def kill(kept: int, dying: list[int] = before[:victims]) -> None:
            if kept == 2:
                for pid in dying:
                    os.kill(pid, signal.SIGKILL)

        kept = Kept(kill)
        found = simulate(asked, measure="real", count=PATHS, batch=BATCH, batches=kept, workers=two_workers)
        assert_same(found, local)
        assert len(kept) == PATHS / BATCH
        await_others(two_workers, set(before[:victims]))
    assert not two_workers.rounding


def test_any_batch_and_a_change_of_engines_give_the_same_bits(
    asked: Experiment, local: Distribution, two_workers: engine_workers.Cluster
) -> None:
    assert_same(simulate(asked, measure="real", count=PATHS, batch=7, workers=two_workers), local)

    def interrupt(kept: int) -> None:
        if kept == 3:
            raise KeyboardInterrupt

    for first, then in ((None, two_workers), (two_workers, None)):
        kept = Kept(interrupt)
        with pytest.raises(KeyboardInterrupt):
            simulate(asked, measure="real", count=PATHS, batch=8, batches=kept, workers=first)
        assert len(kept) == 3
        kept.when_kept = lambda kept: None
        assert_same(simulate(asked, measure="real", count=PATHS, batch=8, batches=kept, workers=then), local)


def test_a_running_scheduler_is_used_and_its_workers_are_checked(
    asked: Experiment, local: Distribution, two_workers: engine_workers.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(asked, measure="real", count=2, workers=two_workers)
    assert two_workers.client is not None
    address = two_workers.client.scheduler.address
    own = two_workers.client.security  # Dask's own settings name certificates to whoever has them
    shown = {
        "ca-file": own.tls_ca_file, "client.cert": own.tls_client_cert, "client.key": own.tls_client_key
    }  # fmt: skip
    with (
        dask.config.set({f"distributed.comm.tls.{name}": text for name, text in shown.items()}),
        engine_workers.workers("dask", address) as named,
    ):
        assert_same(simulate(asked, measure="real", count=PATHS, batch=16, workers=named), local)
        monkeypatch.setattr(engine_workers, "software", lambda: {"source code": "0", "data": "0"})
        with pytest.raises(InputError, match="another version of the source code and of the data"):
            simulate(asked, measure="real", count=PATHS, workers=named)
    assert len(pids(two_workers)) == 2  # a cluster that was not started here goes on
    differing = engine_workers.differing
    monkeypatch.setattr(engine_workers, "differing", lambda own, theirs: differing({**own, "fiscal": "99.0"}, theirs))
    with (
        dask.config.set({f"distributed.comm.tls.{name}": text for name, text in shown.items()}),
        pytest.raises(InputError, match="fiscal .* on 2 of 2, 99.0 here"),
        engine_workers.workers("dask", address),
    ):
        pass


def test_a_cluster_of_our_own_is_closed_to_others(
    asked: Experiment, two_workers: engine_workers.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens but on the loopback address, only certificates of the cluster are taken, and there is no page."""
    simulate(asked, measure="real", count=2, workers=two_workers)
    assert two_workers.client is not None and two_workers._own is not None
    ours = psutil.Process()
    ports = [
        place.laddr
        for process in (ours, *ours.children(recursive=True))
        for place in process.net_connections(kind="tcp")
        if place.status == psutil.CONN_LISTEN
    ]
    assert len(ports) > 2 and {place.ip for place in ports} == {engine_workers.LOOPBACK}
    monkeypatch.setattr(engine_workers, "CONNECT_SECONDS", 2)
    address = two_workers.client.scheduler.address
    for way, security in ((address, Security.temporary()), (address.replace("tls:", "tcp:"), Security())):
        with pytest.raises((OSError, TypeError)):
            distributed.Client(way, timeout=2, security=security, set_as_default=False)
        with pytest.raises(InputError, match="cannot be reached"), engine_workers.workers("dask", way):
            pass
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://{engine_workers.LOOPBACK}:{two_workers._own.scheduler.http_server.port}/info")


def test_workers_of_another_processor_are_named_and_wrong_ones_refused(
    asked: Experiment, two_workers: engine_workers.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shaken(by: float) -> Callable[..., dict[str, np.ndarray]]:
        def here(asked: Experiment, measure: str, *span: int) -> dict[str, np.ndarray]:
            return {name: values * (1 + by) for name, values in project_batch(asked, measure, *span).items()}

        return here

    simulate(asked, measure="real", count=2, workers=two_workers)
    assert not two_workers.rounding
    monkeypatch.setattr(engine_workers, "project_batch", shaken(1e-12))
    simulate(asked, measure="real", count=4, batch=2, workers=two_workers)
    assert two_workers.rounding
    two_workers.rounding.clear()
    monkeypatch.setattr(engine_workers, "project_batch", shaken(1e-6))
    with pytest.raises(InputError, match="computes something else than this machine"):
        simulate(asked, measure="real", count=2, workers=two_workers)


# --- what can be wrong ------------------------------------------------------------------------------


def test_what_cannot_be_asked_for_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught, engine_workers.workers("dusk", "tcp://10.0.0.5:8786"):
        pass
    assert "did you mean 'dask'" in str(caught.value)
    with pytest.raises(InputError, match="scheduler: has no effect with the engine local"):
        face.run("boom", scheduler="tcp://10.0.0.5:8786")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "http://127.0.0.1:9", ""])
def test_a_scheduler_that_is_not_there_is_one_message(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_workers, "CONNECT_SECONDS", 1)
    with pytest.raises(InputError) as caught:
        face.run("boom", engine="dask", scheduler=address)
    (problem,) = caught.value.problems
    assert problem.key == "scheduler" and problem.value == address
    assert "cannot be reached" in problem.message


def test_versions_that_differ_are_counted() -> None:
    own = dict.fromkeys(engine_workers.PACKAGES, "1")
    assert engine_workers.differing(own, {"a": own, "b": own}) == []
    others = {"a": own, "b": own | {"numpy": "2", "fiscal": None}}
    assert engine_workers.differing(own, others) == ["fiscal none on 1 of 2, 1 here", "numpy 2 on 1 of 2, 1 here"]


def test_without_dask_the_extra_is_named(tmp_path, root) -> None:
    program = "import sys; sys.modules['distributed'] = None; from fiscal import cli; cli.main()"
    answer = subprocess.run(
        [sys.executable, "-c", program, "run", "boom", "--engine", "dask"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 2 and answer.stdout == ""
    assert 'pip install ".[cluster]"' in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_the_command_hands_its_engine_on(small_result, monkeypatch, capsys) -> None:
    """With a scheduler that is not asked: what arrives, and what is said of a scenario without random paths."""
    from fiscal import cli

    asked_for: list[tuple[str, str | None]] = []
    handed: list[object] = []

    @contextlib.contextmanager
    def workers(engine: str, scheduler: str | None) -> Iterator[engine_workers.Cluster]:
        asked_for.append((engine, scheduler))
        yield engine_workers.Cluster(scheduler)

    def run(scenario, progress=None, batches=None, workers=None):
        handed.append(workers)
        return small_result

    monkeypatch.setattr(engine_workers, "workers", workers)
    monkeypatch.setattr(running, "run", run)
    words = ["fiscal", "run", "boom", "--engine", "dask", "--scheduler", "tcp://10.0.0.5:8786"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert asked_for == [("dask", "tcp://10.0.0.5:8786")]
    assert isinstance(handed[0], engine_workers.Cluster)
    assert "boom has no random paths" in capsys.readouterr().err
    assert face.run("boom", engine="dask") is small_result
    assert asked_for[1] == ("dask", None)


def test_spans_are_asked_for_again_until_all_workers_died_in_vain(
    asked: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds that bring nothing end after a few; one that brings a batch starts the count again."""
    rounds: list[list[Span]] = []

    def one_round(self, asked, measure, wanted):
        rounds.append(list(wanted))
        if len(rounds) == 2:
            yield wanted[0], "a", project_batch(asked, measure, *wanted[0])

    monkeypatch.setattr(engine_workers.Cluster, "_round", one_round)
    workers = engine_workers.Cluster("tcp://10.0.0.5:8786")
    with pytest.raises(InputError, match="died before one of them finished a batch"):
        list(workers.project(asked, "real", [(0, 2), (2, 2)]))
    assert rounds == [[(0, 2), (2, 2)]] * 2 + [[(2, 2)]] * engine_workers.FRUITLESS_ROUNDS
