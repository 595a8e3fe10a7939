"""Compiled code between runs: checked before use, and never a reason to fail."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fiscal import compiled

KERNEL = (
    "from fiscal import compiled\n"
    "print(compiled.prepare())\n"
    "import kernel_of_a_test\n"
    "print(kernel_of_a_test.double(1.5))\n"
)


def call(folder, **environment):
    """A small kernel of its own in a process with its own cache."""
    (folder / "kernel_of_a_test.py").write_text(
        "from numba import njit\n\n@njit(cache=True)\ndef double(x):\n    return 2 * x\n", encoding="utf-8"
    )
    root = os.environ.get("PYTHONPATH", "")
    told = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), root]), **environment}
    return subprocess.run(
        [sys.executable, "-c", KERNEL], cwd=folder, env=told, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("fault", ["truncated", "empty", "flipped"])
def test_damaged_code_is_compiled_again(tmp_path, fault):
    cache = tmp_path / "cache"
    first = call(tmp_path, NUMBA_CACHE_DIR=str(cache))
    assert first.returncode == 0 and first.stdout.split() == [str(cache), "3.0"], first.stderr
    files = [file for pattern in ("*.nbi", "*.nbc") for file in cache.rglob(pattern)]
    assert len(files) >= 2
    assert compiled.drop_damaged(cache) == []
    for file in files:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        damaged = {"truncated": content[: len(content) // 2], "empty": b"", "flipped": content}[fault]
        file.write_bytes(damaged)
    again = call(tmp_path, NUMBA_CACHE_DIR=str(cache))
    assert again.returncode == 0 and again.stdout.split()[1] == "3.0", again.stderr
    assert compiled.drop_damaged(cache) == []


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    answer = call(
        tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "file" / "cache"), HOME="/proc/none", XDG_CACHE_HOME=""
    )
    assert answer.returncode == 0, answer.stderr
    place, doubled = answer.stdout.split()
    assert doubled == "3.0" and not os.path.exists(place)  # a passing folder, deleted at exit


def test_broken_sums_drop_everything(tmp_path):
    (tmp_path / "a.nbi").write_bytes(b"code")
    for text in ("", "[]", "{", '{"a.nbi": 1}', "[" * 100_000):
        (tmp_path / "a.nbi").write_bytes(b"code")
        (tmp_path / compiled.SUMS).write_text(text, encoding="utf-8")
        assert compiled.drop_damaged(tmp_path) == ["a.nbi"] and not (tmp_path / "a.nbi").exists()
    (tmp_path / "a.nbi").write_bytes(b"code")
    compiled.write_sums(tmp_path)
    assert compiled.drop_damaged(tmp_path) == []
