"""Power lost at every moment of a run: the folder is whole or marked incomplete, and going on gives the same bytes.

``power.py`` says what a disk may then hold. At each moment the states tried are the worst (whatever was not flushed is
gone), names without bytes, everything as it was, and some drawn between these.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import zlib
from pathlib import Path

import faults
import invented
import numpy as np
import pandas as pd
import power
import pytest

from fiscal.base.errors import InputError
from fiscal.results import store
from fiscal.results.result import Result
from fiscal.results.store import folder as run_folder
from fiscal.results.store import manifest
from fiscal.scenario import load

BATCHES = 3
DRAWN = 2
"""States drawn at each moment, besides the three: of every other the changes up to some moment came through."""


@pytest.fixture
def disks():
    """An empty folder, in memory where there is one: nothing here has to reach a real disk, and much is written."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tmp-power-", dir=memory) as place:
        yield Path(place)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What says which program made a run is asked once."""
    for name in ("environment", "git_state", "made_at"):
        for module in (run_folder, manifest):
            if hasattr(module, name):
                found = getattr(manifest, name)()
                monkeypatch.setattr(module, name, lambda found=found: found)
    monkeypatch.setattr("fiscal.results.store.place.environment", manifest.environment)


def scenario(seed=1):
    return load("boom", {"horizon.last_year": 2036, "paths.seed": seed})


def make(place, seed=1, *, force=False, resume=False, kept=lambda name: None):
    """A run in batches, its answer made of their bytes; returns the batches that were computed."""
    asked, computed, parts, told_of = scenario(seed), [], [], store.reporter(None)
    with store.working_place(place / "run", asked, force=force, resume=resume) as working:
        if working.finished:
            return computed
        for number in range(BATCHES):
            key = f"real-{number:07d}-1"
            found = working.load(key)
            if found is None:
                found = {"values": np.random.default_rng([seed, number]).normal(size=50)}
                working.save(key, found)
                computed.append(key)
            kept(key)
            told_of(number + 1, BATCHES, "paths")
            parts.append(found["values"])
        told = zlib.crc32(np.concatenate(parts).tobytes())
        table = pd.DataFrame({"year": [2026, 2027], "cpi_u": np.random.default_rng(told).normal(size=2)})
        summary = invented.summary(asked) | {"of_batches": told}
        store.finish(working, Result(asked.name, asked, {"economy": table}, asked.fingerprint(), summary))
    return computed


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What undisturbed runs answer, by seed."""
    found = {}
    for seed in (1, 2):
        place = tmp_path_factory.mktemp(f"seed-{seed}")
        make(place, seed)
        found[seed] = faults.bytes_of(place / "run")
    return found


def states(disk, draw):
    """Ways in which what was not flushed may be left."""
    yield "all lost", lambda change: False, lambda node: node.safe
    yield "names without bytes", lambda change: True, lambda node: b"" if node.safe == b"" else node.safe
    yield "nothing lost", lambda change: True, lambda node: node.content
    for number in range(DRAWN):
        odds, came = draw.random(), disk.changes[: draw.randint(0, len(disk.changes))]
        yield (
            f"drawn {number}",
            (lambda change, came=came: change in came)
            if number % 2
            else (lambda change, odds=odds: draw.random() < odds),
            lambda node: draw.choice(
                [node.safe, node.content[: len(node.content) // 2], node.content, bytes(len(node.content))]
            ),
        )


def tree(place):
    return tuple(sorted((name, (place / name).read_bytes()) for name in store.place.files_in(place)))


def record(place, **options):
    """The events of a run that nobody disturbed, and what it finds at the start."""
    start = place.with_name(f"{place.name}-start")
    shutil.copytree(place, start)
    with power.recorded(place) as recorder:
        make(place, kept=recorder.mark, **options)
    return start, recorder.events


def losses(start, events, work):
    """Every state after a loss of power, once: a folder, what was held to be safe, and words for messages."""
    draw, seen = random.Random(1), set()
    for moment in range(len(events) + 1):
        disk = power.Disk(start)
        for event in events[:moment]:
            disk.play(event)
        marked = {event[1] for event in events[:moment] if event[0] == "mark"}
        for words, keeps, holds in states(disk, draw):
            place = work / "left"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            disk.left(place, keeps, holds)
            state = (tree(place), frozenset(marked))
            if state not in seen:
                seen.add(state)
                yield place, marked, f"{words} after {moment} events, last {events[moment - 1][:2]}"


def sound(place, words):
    """What stands under the run's name is whole."""
    if (place / "run").exists():
        assert store.verify(place / "run") == [], words


def test_a_run_survives_a_loss_of_power_at_every_moment(disks, answers):
    (disks / "disk").mkdir()
    start, events = record(disks / "disk")
    assert faults.bytes_of(disks / "disk" / "run") == answers[1]
    tried = 0
    for place, marked, words in losses(start, events, disks):
        sound(place, words)
        computed = make(place, resume=True)
        assert not set(computed) & marked, words  # no batch that was held to be safe is lost
        assert faults.bytes_of(place / "run") == answers[1], words
        assert [item.name for item in place.iterdir()] == ["run"], words
        tried += 1
    assert tried > len(events)


def test_the_disk_shows_what_was_not_flushed(disks, monkeypatch):
    """Without the flush before the last rename a run could stand there broken."""
    monkeypatch.setattr("fiscal.results.store.place.sync_tree", lambda folder: None)
    (disks / "disk").mkdir()
    start, events = record(disks / "disk")
    broken = [words for place, _, words in losses(start, events, disks) if _broken(place)]
    assert broken


def _broken(place):
    try:
        return (place / "run").exists() and store.verify(place / "run") != []
    except InputError:
        return True


def test_replacing_a_run_survives_a_loss_of_power_at_every_moment(disks, answers):
    """The run there answers another question: it is there, whole, until the new one is."""
    make(disks / "disk", seed=2)
    start, events = record(disks / "disk", force=True)
    for place, _, words in losses(start, events, disks):
        sound(place, words)
        there = faults.bytes_of(place / "run") if (place / "run").exists() else None
        assert there in (None, answers[1], answers[2]), words
        if there is None:  # between two renames; the next run puts it back
            assert faults.bytes_of(place / "run.incomplete" / "replaced") == answers[2], words
        make(place, resume=True, force=True)
        assert faults.bytes_of(place / "run") == answers[1], words
        assert [item.name for item in place.iterdir()] == ["run"], words


def test_batches_of_another_question_are_not_taken_after_a_loss_of_power(disks, answers):
    """--force over an interrupted run of another question: its batches never get under the new one."""

    class Killed(BaseException):
        pass

    def kill(name):
        if name.endswith("1-1"):
            raise Killed

    place = disks / "disk"
    with pytest.raises(Killed):
        make(place, seed=2, kept=kill)
    assert len(faults.kept(place / "run")) == 2
    start, events = record(place, force=True)
    for place, _, words in losses(start, events, disks):
        sound(place, words)
        try:
            make(place, resume=True)
        except InputError as error:
            assert "another question" in str(error), words
            make(place, resume=True, force=True)
        assert faults.bytes_of(place / "run") == answers[1], words
