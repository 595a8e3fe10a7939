"""A report's folders: its own figures and tables alone, whole or not at all, and nothing left of killed ones."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fiscal import report
from fiscal.base.errors import InputError
from fiscal.report import content, folders, pdf
from fiscal.results.result import Result


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch, small_result: Result) -> Result:
    """A result whose report is one table and no figure, so that only the folders are tried."""
    monkeypatch.setattr(report, "_document", lambda asked: content.Document("", "", ()))
    monkeypatch.setattr(report, "_with_reference", tuple)
    monkeypatch.setattr(pdf, "compile_pdf", lambda *asked: b"%PDF")
    return replace(small_result, tables={"budget": small_result.tables["budget"]})


def named(result: Result, name: str) -> Result:
    """The same result under another name."""
    return replace(result, name=name)


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_the_next_report_of_a_name_leaves_nothing_of_the_one_before(cheap, tmp_path):
    out = tmp_path / "r.pdf"
    report.build([named(cheap, "first")], out)
    (tmp_path / "r-figures" / "figure-gone.svg").write_text("of another report")
    (tmp_path / "r-tables" / "my notes.txt").write_text("a user's own")
    report.build([named(cheap, "second")], out)
    assert everything(tmp_path) == {
        "r.pdf", "r-figures", "r-tables", "r-tables/second-budget.csv", "r-tables/my notes.txt",
    }  # fmt: skip


def test_reports_of_one_name_at_once_do_not_mix(cheap, tmp_path):
    out = tmp_path / "r.pdf"
    made = [threading.Thread(target=report.build, args=([named(cheap, f"case{number}")], out)) for number in range(8)]
    for one in made:
        one.start()
    for one in made:
        one.join()
    tables = {name for name in os.listdir(tmp_path / "r-tables") if name.endswith("-budget.csv")}
    assert len(tables) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"r.pdf", "r-figures", "r-tables"}


def test_what_a_killed_report_left_is_removed_by_the_next_of_its_name_alone(cheap, tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path; from fiscal.report import folders\n"
        "with folders.workplace(Path(sys.argv[1])) as work:\n"
        "    (work / 'tables').mkdir(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    for name in ("r.pdf", "r.pdf.pdf"):
        subprocess.run([sys.executable, "-c", program, str(tmp_path / name)], check=False)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 2
    with folders.workplace(tmp_path / "r.pdf") as alive:  # another report at work keeps its place
        report.build([cheap], tmp_path / "r.pdf")
        assert alive.is_dir()
    hidden = [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert len(hidden) == 1 and hidden[0].startswith(".r.pdf.pdf.")


def test_a_full_disk_leaves_no_folder_and_the_earlier_report_as_it_was(cheap, tmp_path, monkeypatch):
    out = tmp_path / "r.pdf"
    report.build([named(cheap, "first")], out)
    before = everything(tmp_path)

    def full(*asked: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pdf, "compile_pdf", full)
    for target in (out, tmp_path / "new" / "deep" / "r.pdf"):
        with pytest.raises(InputError, match="No space left"):
            report.build([named(cheap, "second")], target, html=tmp_path / "pages" / "r.html")
    assert everything(tmp_path) == before


def test_a_refused_report_makes_no_folder(cheap, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="taken"):
        report.build([cheap], tmp_path / "new" / "r.pdf", tmp_path / "taken" / "tables")
    assert everything(tmp_path) == {"taken"}


def test_the_folder_one_is_in_is_never_replaced(cheap, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("a user's own")
    for tables in (Path(), tmp_path.parent):
        with pytest.raises(InputError, match="folder you are in"):
            report.build([cheap], tmp_path / "r.pdf", tables)
    with pytest.raises(InputError, match="folder you are in"):
        report.figures([cheap], Path())
    assert everything(tmp_path) == {"mine.txt"}


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    source, target = tmp_path / "work" / "tables", tmp_path / "r-tables"
    for folder in (source, target):
        folder.mkdir(parents=True)
    (target / "table-a.csv").write_text("earlier")
    real = Path.rename

    def rename(self: Path, to: Path) -> Path:
        if self == source:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, to)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="Input/output"):
        folders.put(source, target)
    assert (target / "table-a.csv").read_text() == "earlier"
