"""A thousand inputs of every kind: an answer or a message, never a traceback, a hang or a stray file."""

from __future__ import annotations

import contextlib
import io
import os

import fuzz
import fuzz_folders
import fuzz_inputs
import fuzz_texts
import pypdf
import pytest

from fiscal.base.errors import FiscalError
from fiscal.studies.sweeps import read_sweep

INPUTS = 1_000


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_any_input_gets_an_answer_or_a_message(name):
    share = fuzz.TARGETS[name][2]
    wanted = max(1, round(share * INPUTS))
    assert fuzz.fuzz(name, wanted, number=20_260_331) >= wanted


def found() -> list[tuple[str, object]]:
    """Inputs that once were a traceback, a PDF that could not be made, or taken for sound."""
    emptied = fuzz_folders.batch_head(b"") + b"\n"
    budget = fuzz_folders.tables()["budget"]
    return [
        ("designs of sweeps", b'[sweep]\nbase = "' + b"9" * 400 + b'"\n'),
        ("settings on the command line", ["paths.model=user", "paths.file=" + "9" * 400]),
        ("settings on the command line", ["law.reform=" + "9" * 400]),
        ("settings on the command line", ["paths.file=\udcff.csv"]),
        ("user returns", b"year,crypto\n2026,0.1027,-0.5.5\n"),
        ("user returns", b"year,crypto\n2026,0.1,-0.5\n"),
        ("leftovers of interrupted runs", (b"x" * 9, emptied)),
        ("forged tables", {"budget": budget.assign(gdp_bn_usd=0.0)}),
        ("stored sweeps", {"design.toml": b'[sweep]\nbase = ["scenario.toml"]\n'}),
        ("stored sweeps", {"design.toml": b'[sweep]\nbase = "/etc/passwd"\n'}),
        ("texts in the PDF", ["\u4e2d\u202e\U0001f4a5"] * fuzz_texts.PLACES),
        ("texts in the PDF", [""] * fuzz_texts.PLACES),
        ("texts in the PDF", ["plain"] * 3 + ["\u00ad"] + ["-"] * (fuzz_texts.PLACES - 4)),
        ("texts in the PDF", ["\r\t"] * fuzz_texts.PLACES),
        ("texts in the PDF", ["plain"] * (fuzz_texts.PLACES - 1) + ["\r\t"]),
    ]


def test_what_fuzzing_found_stays_mended(tmp_path):
    examples = found()
    fuzz_folders.sweep_run()
    with fuzz_inputs.quick(tmp_path):
        for name, value in examples:
            with fuzz.confined(tmp_path), contextlib.suppress(FiscalError):
                fuzz.TARGETS[name].use(tmp_path, value)


@pytest.mark.parametrize("base", ["boom", "../scenario.toml", "/etc/passwd"])
def test_a_stored_sweep_of_scenarios_elsewhere_is_refused(tmp_path, base):
    folder = fuzz_folders.sweep_run()
    design = (folder / "design.toml").read_text(encoding="utf-8").replace("scenario.toml", base)
    changes = fuzz_folders.fitted(folder, {"design.toml": design.encode()})
    with (
        fuzz_folders.with_file(folder, tmp_path, changes) as forged,
        pytest.raises(FiscalError, match="not part of the sweep"),
    ):
        read_sweep(forged)


def test_characters_without_a_font_are_printed_by_their_number(tmp_path):
    texts = ["\u4e2d\u202e"] + ["plain"] * (fuzz_texts.PLACES - 1)
    reader = pypdf.PdfReader(io.BytesIO(fuzz_texts.typeset(tmp_path, texts)))
    assert "[U+4E2D U+202E]" in "".join(page.extract_text() for page in reader.pages)


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
        fuzz_texts.only_tags("<p>title <script>alert(1)</script></p>")
    with pytest.raises(AssertionError):
        fuzz_texts.only_tags('<td onclick="x">1</td>')
