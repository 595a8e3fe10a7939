"""Ten thousand inputs of every kind: an answer or a message, never a traceback, a hang or a stray file."""

from __future__ import annotations

import os

import fuzz
import pytest

INPUTS = 10_000


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_any_input_gets_an_answer_or_a_message(name):
    share = fuzz.TARGETS[name][2]
    wanted = round(share * INPUTS)
    assert fuzz.fuzz(name, wanted, number=20_260_331) >= wanted


def test_the_shares_are_of_all_inputs():
    assert sum(share for _, _, share in fuzz.TARGETS.values()) == pytest.approx(1)


def test_the_watch_sees_a_file_outside(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path.parent / f"{tmp_path.name}-outside"
    inside.mkdir()
    with fuzz.confined(inside):
        (inside / "x").write_text("x", encoding="utf-8")
        for fault in (
            lambda: outside.write_text("x", encoding="utf-8"),
            lambda: os.rename(inside / "x", outside),
            lambda: os.symlink("x", outside),
        ):
            with pytest.raises(AssertionError, match="outside"):
                fault()
    assert not outside.exists()


def test_the_watch_on_html_sees_a_tag():
    with pytest.raises(AssertionError):
        fuzz.only_tags("<p>title <script>alert(1)</script></p>")
    with pytest.raises(AssertionError):
        fuzz.only_tags('<td onclick="x">1</td>')
