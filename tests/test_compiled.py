"""Compiled code between runs: checked as it is loaded, and never a reason to fail."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fiscal.base import compiled

KERNEL = (
    "from fiscal.base import compiled\n"
    "print(compiled.prepare())\n"
    "import kernel_of_a_test\n"
    "print(kernel_of_a_test.double(1.5))\n"
    "print(sum(kernel_of_a_test.double.stats.cache_hits.values()))\n"
)
"""Prints the folder, three, and how often compiled code was found."""


def call(folder, program=KERNEL, **environment):
    """A small kernel of its own in a process with its own cache."""
    (folder / "kernel_of_a_test.py").write_text(
        "from numba import njit\n\n@njit(cache=True)\ndef double(x):\n    return 2 * x\n", encoding="utf-8"
    )
    places = (folder, Path(__file__).parent, os.environ.get("PYTHONPATH", ""))
    told = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places)), **environment}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=told, capture_output=True, text=True, timeout=400
    )


def said(answer):
    """What a process printed; it must have ended well."""
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.split()


FLIP = (
    "import os, pathlib\n"
    "for file in pathlib.Path(os.environ['NUMBA_CACHE_DIR']).rglob('*.nb*'):\n"
    "    content = bytearray(file.read_bytes())\n"
    "    content[len(content) // 2] ^= 1\n"
    "    file.write_bytes(content)\n"
)
"""Damage done while the process runs that made the code; nothing is vouched for when it ends."""


def test_damaged_code_is_compiled_again(tmp_path):
    cache = tmp_path / "cache"
    assert said(call(tmp_path, KERNEL + FLIP, NUMBA_CACHE_DIR=str(cache))) == [str(cache), "3.0", "0"]
    assert said(call(tmp_path, NUMBA_CACHE_DIR=str(cache)))[1:] == ["3.0", "0"]
    assert said(call(tmp_path, NUMBA_CACHE_DIR=str(cache)))[1:] == ["3.0", "1"]
    (file,) = cache.rglob("*.nb*")
    sound = file.read_bytes()
    # with a hash that fits, or without: what ends too early, what is no pickle
    for content in (sound[:-100], fitted(b"no pickle")):
        file.write_bytes(content)
        assert said(call(tmp_path, NUMBA_CACHE_DIR=str(cache)))[1:] == ["3.0", "0"]
        assert file.read_bytes() == sound


def fitted(content):
    """As a file of compiled code ends: in its hash."""
    return content + hashlib.sha256(content).digest()


def test_code_of_another_signature_is_not_taken(tmp_path):
    """Whole and sound, but not what is asked for."""
    cache = tmp_path / "cache"
    said(call(tmp_path, KERNEL + "kernel_of_a_test.double(1)\n", NUMBA_CACHE_DIR=str(cache)))
    one, other = cache.rglob("*.nb*")
    content = one.read_bytes(), other.read_bytes()
    one.write_bytes(content[1])
    other.write_bytes(content[0])
    assert said(call(tmp_path, NUMBA_CACHE_DIR=str(cache)))[1:] == ["3.0", "0"]


def test_processes_at_once_keep_each_others_code(tmp_path):
    """Each compiles another signature of one function into one folder; both are found afterwards."""
    cache = tmp_path / "cache"
    values = ["1.5", "1"]
    program = "from fiscal.base import compiled\ncompiled.prepare()\nimport several\nprint(several.same({value}))\n"
    program += "print(sum(several.same.stats.cache_hits.values()))\n"
    (tmp_path / "several.py").write_text(
        "from numba import njit\n\n@njit(cache=True)\ndef same(*x):\n    return x[0]\n", encoding="utf-8"
    )

    def everyone():
        answers = {}

        def one(value):
            answers[value] = call(tmp_path, program.replace("{value}", value), NUMBA_CACHE_DIR=str(cache))

        threads = [threading.Thread(target=one, args=(value,)) for value in values]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {value: said(answer) for value, answer in answers.items()}

    first, again = everyone(), everyone()
    assert {value: words[-1] for value, words in first.items()} == dict.fromkeys(values, "0")
    assert {value: words[-1] for value, words in again.items()} == dict.fromkeys(values, "1")
    assert {value: words[:-1] for value, words in again.items()} == {
        value: words[:-1] for value, words in first.items()
    }
    assert len(list(cache.rglob("*.nb*"))) == len(values)


def test_code_of_an_earlier_source_goes(tmp_path):
    """Compiled code holds what it calls in other modules too, whose sources numba does not look at."""
    cache = tmp_path / "cache"
    said(call(tmp_path, NUMBA_CACHE_DIR=str(cache)))
    (before,) = cache.rglob("*.nb*")
    edited = "from fiscal.base import compiled\ncompiled._kernels_sha256 = lambda: 'of an edited module'\n"
    assert said(call(tmp_path, edited + KERNEL, NUMBA_CACHE_DIR=str(cache)))[1:] == ["3.0", "0"]
    (after,) = cache.rglob("*.nb*")
    assert after.name != before.name
    moved = (tmp_path / "kernel_of_a_test.py").read_text(encoding="utf-8").replace("@njit", "\n\n@njit")
    rewritten = f"import pathlib\npathlib.Path('kernel_of_a_test.py').write_text({moved!r})\n"
    assert said(call(tmp_path, rewritten + KERNEL, NUMBA_CACHE_DIR=str(cache)))[1:] == ["3.0", "0"]
    (last,) = cache.rglob("*.nb*")
    assert last.name.split("-")[1] != after.name.split("-")[1]  # it is on another line


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    nowhere = {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "cache"), "HOME": "/proc/none", "XDG_CACHE_HOME": ""}
    place, doubled, _ = said(call(tmp_path, **nowhere))
    assert doubled == "3.0" and not os.path.exists(place)  # a passing folder, deleted at exit


def test_another_numba_keeps_nothing_rather_than_what_nobody_checks(tmp_path):
    without = "from numba.core import caching\nimport numba\ndel caching.IndexDataCacheFile\n"
    program = without + "from fiscal.base import compiled\nprint(compiled.prepare())\n"
    (place,) = said(call(tmp_path, program, NUMBA_CACHE_DIR=str(tmp_path / "cache")))
    assert not os.path.exists(place) and not (tmp_path / "cache").exists()


TOTALS = (
    "import multiprocessing, threading\n"
    "from fiscal.base import compiled\n"
    "compiled.prepare()\n"
    "import kernel_of_a_test\n"
    "def tax(seed):\n"
    "    found = [0.0] * 9\n"
    "    def one(number):\n"
    "        found[number] = kernel_of_a_test.double(seed + number / 2)\n"
    "    compiled.on_threads(one, 9)\n"
    "    return tuple(found)\n"
    "alone = [tax(0), tax(1)]\n"
)
"""A program that calls compiled code on several threads, in the process that everything else starts from."""

FORKED = TOTALS + (
    "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
    "    print(alone == pool.map_async(tax, [0, 1]).get(timeout=300))\n"
)
BESIDE = TOTALS + (
    "found = {}\n"
    "def often(seed):\n"
    "    found[seed] = {tax(seed) for _ in range(20)}\n"
    "threads = [threading.Thread(target=often, args=(seed,)) for seed in (0, 1)]\n"
    "[thread.start() for thread in threads]\n"
    "[thread.join() for thread in threads]\n"
    "print(found == {seed: {alone[seed]} for seed in (0, 1)})\n"
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_projects_as_its_parent(tmp_path):
    assert said(call(tmp_path, FORKED, NUMBA_NUM_THREADS="2")) == ["True"]


def test_two_threads_project_at_once(tmp_path):
    """Also on numba's layer that two callers at once would end, were it used."""
    environment = {"NUMBA_NUM_THREADS": "2", "NUMBA_THREADING_LAYER": "workqueue"}
    assert said(call(tmp_path, BESIDE, **environment)) == ["True"]


def test_every_number_is_worked_on_once_and_a_fault_is_raised():
    for most in (1, 3):
        done = []
        with compiled.at_most(most):
            assert compiled.threads() <= most
            compiled.on_threads(done.append, 7)
            with pytest.raises(ZeroDivisionError):
                compiled.on_threads(lambda number: 1 // number, 3)
        assert sorted(done) == list(range(7))


def test_no_compiled_code_uses_threads_of_numba(root):
    """They would end a forked child, and with ``workqueue`` two callers at once."""
    for file in (root / "fiscal").rglob("*.py"):
        assert "parallel=True" not in file.read_text(encoding="utf-8"), file
