"""Runs under faults: nothing that was computed is lost, nothing half is taken for whole, every failure is a message."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import faults
import numpy as np
import pytest

import fiscal
from fiscal.base.errors import InputError
from fiscal.results import kept, running, store

WORDS = faults.arguments(real=False)


def message(answer, *words):
    """Exit code 2, the words on stderr, no traceback."""
    assert answer.returncode == 2, (answer.stdout, answer.stderr)
    assert "Traceback" not in answer.stderr
    for word in words:
        assert word in answer.stderr
    return answer.stderr


@pytest.fixture(scope="module", autouse=True)
def _forked(command_server):
    """Programs are forked from one process where the system can do it."""
    faults.server = command_server
    yield
    faults.server = None


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What a run answers that nobody disturbed."""
    place = tmp_path_factory.mktemp("undisturbed")
    answer = faults.finished([*WORDS, "--out", "run"], place)
    assert answer.returncode == 0, answer.stderr
    return faults.bytes_of(place / "run")


def stop_after(place, batches, with_signal, program=faults.QUICK):
    """A run stopped when it has kept some batches; returns its exit code and words."""
    process = faults.start([*WORDS, "--out", "run"], place, program)
    deadline = time.monotonic() + 60
    while len(faults.kept(place / "run")) < batches:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)
    process.send_signal(with_signal)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


def test_an_interrupted_run_says_how_to_go_on(tmp_path, undisturbed):
    code, said = stop_after(tmp_path, 5, signal.SIGINT)
    assert code == 130 and "Traceback" not in said
    assert "finished batches are kept in run.incomplete; the same command with --resume continues" in said
    assert faults.finished([*WORDS, "--out", "run", "--resume"], tmp_path).returncode == 0
    assert faults.bytes_of(tmp_path / "run") == undisturbed


@pytest.mark.parametrize("command", [("fiscal", "run"), ()])
def test_stopped_work_says_what_is_kept_and_how_to_go_on(tmp_path, small_result, command):
    """Before the first batch, after it, and when it goes on: on the command line and from Python."""
    todo, computed = ["a", "b"], []

    def make(place):
        for key in todo:
            if place.load(key) is None:
                if key == stop[0]:
                    raise KeyboardInterrupt
                computed.append(key)
                place.save(key, {"x": np.ones(1)})
        return small_result

    def made(**options):
        return kept.into(tmp_path / "run", small_result.scenario, make, store.stored_result, command=command, **options)

    again = "the same command" if command else "the same call"
    stop = [None]
    for stop[0], options, note in (
        ("a", {}, f"Nothing is kept, because no part was finished yet; {again} starts again."),
        ("b", {"resume": not command}, "1 finished batch is kept in run.incomplete; " + again),
    ):
        with pytest.raises(KeyboardInterrupt) as stopped:
            made(**options)
        assert [one for one in stopped.value.__notes__ if one.startswith(note)]
    stop[0] = None
    made(resume=True)
    assert computed == ["a", "b"]
    assert list(made(resume=True).summary) == list(small_result.summary) and computed == ["a", "b"]


def test_the_same_call_from_python_reads_a_finished_run(tmp_path, small_result, monkeypatch):
    calls = []
    monkeypatch.setattr(store, "read_run", store.stored_result)
    monkeypatch.setattr(running, "run", lambda scenario, **_: calls.append(scenario) or small_result)
    first, second = (fiscal.run(small_result.scenario, out=tmp_path / "run", progress=False) for _ in range(2))
    assert len(calls) == 1 and first.fingerprint == second.fingerprint
    with pytest.raises(InputError, match="different inputs"):
        fiscal.run(small_result.scenario, {"people.scale": 2.0}, out=tmp_path / "run")


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path, undisturbed):
    code, _ = stop_after(tmp_path, 5, signal.SIGKILL)
    folder = tmp_path / "run"
    assert code == -signal.SIGKILL
    assert not folder.exists() and 5 <= len(faults.kept(folder)) < 30
    with pytest.raises(InputError, match="incomplete"):
        store.read_run(folder)
    with pytest.raises(InputError, match="is an incomplete run"):
        store.read_run(tmp_path / "run.incomplete")
    message(faults.finished([*WORDS, "--out", "run"], tmp_path), "an unfinished run is there", "--resume")
    message(
        faults.finished([*WORDS, "--out", "run", "--resume", "--seed", "7"], tmp_path),
        "has different inputs",
        "run.incomplete: paths.seed: 1 then, 7 now",
    )
    answer = faults.finished([*WORDS, "--out", "run", "--resume"], tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert faults.bytes_of(folder) == undisturbed
    log = (folder / "run.log").read_text(encoding="utf-8")
    assert "resuming with" in log and log.count("paths: 30 of 30") == 1
    assert [item.name for item in tmp_path.iterdir()] == ["run"]
    # a whole run that answers the same question is done; one that answers another is kept
    assert faults.finished([*WORDS, "--out", "run", "--resume"], tmp_path).returncode == 0
    message(
        faults.finished([*WORDS, "--out", "run", "--resume", "--seed", "7"], tmp_path),
        "has a run with different inputs",
        "run: paths.seed: 1 then, 7 now",
    )
    assert faults.bytes_of(folder) == undisturbed


@pytest.mark.slow
def test_kills_at_random_lose_nothing(tmp_path):
    count = faults.kill_at_random(tmp_path, 5)
    assert count.kills == 5
    assert (count.lost, count.broken, count.different) == (0, 0, 0)


@pytest.mark.parametrize("fault", ["truncated", "flipped", "empty"])
def test_a_damaged_batch_is_computed_again(tmp_path, undisturbed, fault):
    stop_after(tmp_path, 3, signal.SIGKILL)
    first = sorted((tmp_path / "run.incomplete" / "batches").glob("*.npz"))[0]
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 4
    first.write_bytes({"truncated": content[:1000], "flipped": content, "empty": b""}[fault])
    (tmp_path / "run.incomplete" / "batches" / "real-0000099-1.npz.part").write_bytes(b"half")
    answer = faults.finished([*WORDS, "--out", "run", "--resume", "-v"], tmp_path)
    assert answer.returncode == 0 and "is damaged and is computed again" in answer.stderr
    assert faults.bytes_of(tmp_path / "run") == undisturbed


def test_two_processes_on_one_folder(tmp_path, undisturbed):
    first = faults.start([*WORDS, "--out", "run"], tmp_path)
    while not faults.kept(tmp_path / "run"):
        time.sleep(0.005)
    first.send_signal(signal.SIGSTOP)
    try:
        for options in (["--resume"], ["--force"]):
            answer = faults.finished([*WORDS, "--out", "run", *options], tmp_path)
            message(answer, "another process is making a run")
    finally:
        first.send_signal(signal.SIGCONT)
        first.communicate()
    assert first.returncode == 0 and faults.bytes_of(tmp_path / "run") == undisturbed


def test_a_lock_does_not_outlive_its_process(tmp_path, small_result):
    stop_after(tmp_path, 1, signal.SIGKILL)
    assert (tmp_path / "run.incomplete" / "lock").exists()
    assert store.write_run(small_result, tmp_path / "run", force=True) == tmp_path / "run"
    assert [item.name for item in tmp_path.iterdir()] == ["run"]


def test_a_kill_between_the_two_renames_is_mended(tmp_path, small_result, undisturbed):
    """The moment of --force when the old run is moved away and the new one is not there yet."""
    folder = store.write_run(small_result, tmp_path / "run")
    old = faults.bytes_of(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    stop_after(elsewhere, 2, signal.SIGKILL)
    (elsewhere / "run.incomplete").rename(tmp_path / "run.incomplete")
    folder.rename(tmp_path / "run.incomplete" / "replaced")
    message(faults.finished([*WORDS, "--out", "run", "--resume"], tmp_path), "has a run with different inputs")
    assert faults.bytes_of(folder) == old
    answer = faults.finished([*WORDS, "--out", "run", "--resume", "--force"], tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert faults.bytes_of(folder) == undisturbed
    assert not (tmp_path / "run.incomplete").exists()


# disks


@pytest.fixture
def disk(tmp_path):
    """A file system of 300 kB, where one may be mounted."""
    place = tmp_path / "disk"
    if not faults.mounted(place, "300k"):
        pytest.skip("no file system can be mounted here")
    yield place
    faults.unmounted(place)


def test_a_full_disk_keeps_the_batches(disk, undisturbed):
    said = message(faults.finished([*WORDS, "--out", "run"], disk), "No space left on device")
    assert "batches are kept in run.incomplete" in said
    assert not (disk / "run").exists() and len(faults.kept(disk / "run")) >= 3
    assert not list((disk / "run.incomplete" / "batches").glob("*.part"))
    before = faults.kept(disk / "run")
    message(faults.finished([*WORDS, "--out", "run", "--resume"], disk), "No space left on device")
    assert faults.kept(disk / "run") == before
    assert faults.remounted(disk, "size=50m")
    answer = faults.finished([*WORDS, "--out", "run", "--resume"], disk)
    assert answer.returncode == 0, answer.stderr
    assert faults.bytes_of(disk / "run") == undisturbed


def test_a_limit_on_file_size_is_a_message(tmp_path, undisturbed):
    """As a full disk, but at the tables instead of the batches."""
    answer = faults.finished([*WORDS, "--out", "run"], tmp_path, preexec_fn=lambda: faults.limit_file_size(60_000))
    said = message(answer, "the run cannot be written")
    assert "30 finished batches are kept" in said and not (tmp_path / "run").exists()
    assert faults.finished([*WORDS, "--out", "run", "--resume"], tmp_path).returncode == 0
    assert faults.bytes_of(tmp_path / "run") == undisturbed


def test_a_read_only_place_is_refused_before_the_run(disk):
    assert faults.remounted(disk, "ro")
    message(faults.finished([*WORDS, "--out", "run"], disk))
    message(faults.finished([*WORDS, "--out", "new/run"], disk))
    assert faults.remounted(disk, "rw") and list(disk.iterdir()) == []


# damaged run folders


@pytest.mark.parametrize("name", ["manifest.json", "tables/budget.parquet", "tables/budget.csv", "summary.json",
                                  "scenario.toml", "columns.csv", "ro-crate-metadata.json"])  # fmt: skip
def test_damage_to_any_file_of_a_run_is_found(small_result, tmp_path, name):
    folder = store.write_run(small_result, tmp_path / "run")
    good = (folder / name).read_bytes()
    dice = np.random.default_rng(1)
    for _ in range(25):
        content = bytearray(good)
        if dice.random() < 0.3:
            content = content[: int(dice.integers(len(content)))]
        else:
            content[int(dice.integers(len(content)))] ^= 1 << int(dice.integers(8))
        (folder / name).write_bytes(content)
        try:
            sound = not store.verify(folder)
        except InputError:
            sound = False
        if sound:  # in the manifest, what is in no fingerprint and no hash: time, versions, command
            assert name == "manifest.json"
            before, after = json.loads(good), json.loads(bytes(content))
            for key in ("inputs", "outputs", "beside", "input_fingerprint", "record_fingerprint"):
                assert after[key] == before[key]
    (folder / name).write_bytes(good)
    assert store.verify(folder) == []


# surroundings


def surroundings(**changes):
    """Environment variables with some changed, and some taken away (None)."""
    return {key: value for key, value in {**os.environ, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LANG": None},
        {"HOME": "/proc/none", "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
        {"TZ": "Pacific/Kiritimati", "SOURCE_DATE_EPOCH": "0"},
        {"TERM": "dumb", "COLUMNS": "1"},
    ],
    ids=["C locale", "no home", "clock at 1970", "narrow"],
)
def test_odd_surroundings_change_nothing(tmp_path, undisturbed, environment):
    place = tmp_path / "a place with spaces, \u00e4\u00f6\u00fc and \u4e2d\u6587"
    place.mkdir()
    scenario = place / "r\u00e9sum\u00e9 $(touch x).toml"
    text = '[scenario]\nextends = "boom"\n[horizon]\nlast_year = 2036\n[adoption]\nfull_year = 2030\n'
    scenario.write_text(text, encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-c", faults.QUICK, "run", scenario.name, "--out", "r\u00fcn \u4e2d", "-v"],
        cwd=place,
        env=surroundings(PYTHONPATH=faults.MODULES, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert answer.returncode == 0, answer.stderr.decode(errors="replace")
    folder = place / "r\u00fcn \u4e2d"
    assert store.verify(folder) == [] and not (place / "x").exists()
    tables = {
        name: content
        for name, content in faults.bytes_of(folder).items()
        if name.startswith("tables/") and "settings" not in name  # they say where each was set
    }
    assert tables == {name: undisturbed[name] for name in tables}
    assert store.cite(folder)["text"]


def test_a_clock_that_jumps_changes_no_byte(tmp_path, undisturbed):
    jumps = (
        "import time, random\nreal = time.time\ntime.time = lambda: real() + random.uniform(-1e9, 1e9)\n" + faults.QUICK
    )
    answer = faults.finished([*WORDS, "--out", "run", "-v"], tmp_path, jumps)
    assert answer.returncode == 0, answer.stderr
    assert faults.bytes_of(tmp_path / "run") == undisturbed
    assert "a second" in answer.stderr


def test_progress_is_logged_with_rate_and_memory(tmp_path):
    answer = faults.finished([*WORDS, "--out", "run", "--verbose"], tmp_path)
    lines = [line for line in answer.stderr.splitlines() if "paths: 30 of 30" in line]
    assert len(lines) == 1 and " a second, " in lines[0] and lines[0].endswith(" MB at most")
    log = (tmp_path / "run" / "run.log").read_text(encoding="utf-8")
    assert lines[0] in log
    assert "run.log" in store.read_manifest(tmp_path / "run")["beside"]
    quiet = faults.finished([*WORDS, "--out", "quiet"], tmp_path)
    assert quiet.stderr == "run written to quiet\n" or "paths:" not in quiet.stderr


def test_the_main_job_opens_no_socket(tmp_path):
    """Real engine and real report to a near horizon, in a process in which every socket fails."""
    program = f"{faults.NO_NETWORK}\nfrom fiscal import cli\ncli.main()\n"
    words = ["report", "baseline", "boom", "--out", "report.pdf"]
    answer = faults.finished([*words, *faults.SHORT], tmp_path, program)
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    attempt = f"{faults.NO_NETWORK}\nimport urllib.request\nurllib.request.urlopen('http://localhost/')\n"
    assert "no network here" in faults.finished([], tmp_path, attempt).stderr


def test_a_hundredfold_every_year_ends_in_finite_tables(tmp_path):
    """+10,000 percent a year to 2100: a dollar becomes 1e150, and no table has a gap or an infinity."""
    from fiscal.results import running, validate
    from fiscal.scenario import load

    mine = tmp_path / "mine.csv"
    rows = "".join(f"{year},100.0\n" for year in range(2026, 2101))
    mine.write_text(f"year,crypto\n{rows}", encoding="utf-8")
    settings = {"paths.model": "user", "paths.file": str(mine), "paths.allow_extreme": True}
    result = running.run(load("boom", settings | {"books.risk_neutral_paths": 0, "backstop.paths": 0}))
    assert result.tables["balances"].select_dtypes("number").to_numpy(dtype=float).max() > 1e40
    assert validate.misfits(result) == []  # no gap where none belongs, no number beyond computing


def test_every_row_of_the_page_names_a_test_that_exists(root):
    page = (root / "docs" / "reliability.md").read_text(encoding="utf-8")
    commands = re.findall(r"`python -m pytest (tests/\w+\.py)(?: -k (\w+))?`", page)
    assert len(commands) > 15
    for file, words in commands:
        tests = re.findall(r"^def (test_\w+)", (root / file).read_text(encoding="utf-8"), re.M)
        assert any((words or "test") in name for name in tests), (file, words)
    heads = ("| test |", "| input")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(heads)]
    assert len(rows) > 25
    for row in rows:  # each says how to do it again
        said = [words for words in re.findall(r"`([^`]+)`", row.split("|")[-2])]
        assert said and all(words.startswith(("python ", "make ")) for words in said), row
    scripts = set(re.findall(r"python (tests/\w+\.py)((?: (?:--[\w-]+|[\w.-]+|\"[^\"]+\"))*)", page))
    assert {file for file, _ in scripts} == {"tests/faults.py", "tests/fuzz.py", "tests/fuzz_guided.py"}
    for file, words in scripts:
        text = (root / file).read_text(encoding="utf-8")
        options = re.findall(r"--[\w-]+", words)
        assert options and all(f'add_argument("{option}"' in text for option in options), (file, words)
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{name}:" in makefile for name in re.findall(r"`make (\w+)", page))
