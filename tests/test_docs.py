"""What is written is so: pages made from the code are current, links lead somewhere, examples would run."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer
from test_architecture import ARROWS, LAZY

import fiscal
from fiscal.cli import app
from fiscal.scenario import catalogue
from fiscal.scenario.schema import known_keys

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
GENERATOR = DOCS / "generator"
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "data").glob("*.md"), *DOCS.rglob("*.md"))
    if path.is_file()
)
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.M | re.S)
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.M)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("path", PAGES, ids=named)


@cache
def text_of(path: Path) -> str:
    """A page as the site shows it: with what it takes in from the top folder."""
    text = path.read_text(encoding="utf-8")
    taken = re.search(r"<!-- include ([\w.]+) -->", text)
    return (ROOT / taken[1]).read_text(encoding="utf-8").replace("](docs/", "](") if taken else text


def blocks(path: Path, language: str) -> list[str]:
    """Code blocks of a language on a page, without the indentation of a list."""
    return [
        re.sub(rf"^{indent}", "", code, flags=re.M)
        for indent, found, code in FENCE.findall(path.read_text(encoding="utf-8"))
        if found == language
    ]


# --- pages made from the code -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages():
    """The generator's module of pages."""
    sys.path.insert(0, str(GENERATOR))
    try:
        yield importlib.import_module("pages")
    finally:
        sys.path.remove(str(GENERATOR))


def test_pages_made_from_code_and_data_are_current(pages):
    stale = [
        name
        for name, text in pages.written().items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run make reference"


def test_every_setting_command_and_table_has_its_place():
    settings = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    assert [key for key in known_keys() if f'<a id="{key}"></a>`{key}`' not in settings] == []
    headings = HEADING.findall((DOCS / "reference" / "commands.md").read_text(encoding="utf-8"))
    commands = {"fiscal", *(" ".join(("fiscal", *words)) for words in command_words())}
    assert commands == set(headings) - {"Commands"}
    package = json.loads((ROOT / "data" / "datapackage.json").read_text(encoding="utf-8"))
    tables = {resource["name"] for resource in package["resources"]}
    assert tables <= set(HEADING.findall((DOCS / "data.md").read_text(encoding="utf-8")))
    scenarios = HEADING.findall((DOCS / "reference" / "scenarios.md").read_text(encoding="utf-8"))
    assert set(catalogue()) <= set(scenarios)
    face = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    assert [
        name for name in fiscal.__all__ if name != "__version__" and f"### fiscal.{name}\n" not in face
    ] == []


def test_a_block_that_nothing_fills_is_refused(pages):
    with pytest.raises(KeyError):
        pages.filled("<!-- begin unknown -->\n<!-- end unknown -->")
    assert "\nold" not in pages.filled("<!-- begin timing -->\nold\n<!-- end timing -->")


def command_words() -> Iterator[tuple[str, ...]]:
    """Every command as its words."""

    def walk(command: typing.Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, below in getattr(command, "commands", {}).items():
            yield (*words, name)
            yield from walk(below, (*words, name))

    yield from walk(typer.main.get_command(app), ())


# --- for newcomers ----------------------------------------------------------------------------------

CONTRIBUTING = ROOT / "CONTRIBUTING.md"


def floors() -> list[set[str]]:
    """The rooms of the drawing, floor by floor from the top."""
    (drawing,) = [code for code in blocks(CONTRIBUTING, "text") if "[cli]" in code]
    return [set(rooms) for line in drawing.splitlines() if (rooms := re.findall(r"\[(\w+)\]", line))]


def test_the_drawn_house_is_the_one_that_stands():
    drawn = floors()
    height = {
        "" if room == "fiscal" else room: -number for number, rooms in enumerate(drawn) for room in rooms
    }
    assert set(height) == set(ARROWS)
    # the face imports on use only, and may be used from the rooms below it
    upward = {
        (room, other)
        for room, others in ARROWS.items()
        for other in others
        if height[other] > height[room] and other != ""
    }
    assert upward <= LAZY
    wing = {"scenario", "law", "people", "markets"}
    for room in ("projection", "budget"):
        assert not ARROWS[room] & wing and not any(room in ARROWS[other] for other in wing)


@pytest.mark.parametrize("number", range(3))
def test_the_worked_examples_apply_to_the_code_as_it_is(number):
    """Whether they also work was tried by hand; here, that every line they change is still there."""
    if shutil.which("git") is None:
        pytest.skip("no git")
    diffs = blocks(CONTRIBUTING, "diff")
    assert len(diffs) == 3
    answer = subprocess.run(
        ["git", "apply", "--check", "-C1", "-"], input=diffs[number], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr


def test_the_citation_file_says_what_the_package_says():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(re.findall(r'^([a-z-]+): "?(.+?)"?$', text, re.M))
    assert fields["cff-version"] == "1.2.0"
    assert fields["type"] == "software" and fields["license"] == "MIT" and fields["message"]
    assert fields["version"] == fiscal.__version__
    assert re.findall(r'^  - name: "(.+)"$', text, re.M) == ["The fiscal authors"]
    from fiscal.runs.citation import AUTHORS, TITLE

    assert fields["title"] == TITLE and AUTHORS == "The fiscal authors"
    assert fields["version"] in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
