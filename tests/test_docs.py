"""What is written is so: pages made from the code are current, links lead somewhere, examples would run."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import json
import re
import shlex
import sys
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

import fiscal
from fiscal.cli import app
from fiscal.results.figures import FIGURES
from fiscal.scenario import catalogue, load
from fiscal.scenario.design import designs, read_design
from fiscal.scenario.schema import known_keys

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
GENERATOR = DOCS / "generator"
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *(ROOT / "data").glob("*.md"), *DOCS.rglob("*.md")) if path.is_file()
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
    known = {"fiscal", *(" ".join(("fiscal", *words)) for words in command_words())}
    assert known == set(headings) - {"Commands"}
    package = json.loads((ROOT / "data" / "datapackage.json").read_text(encoding="utf-8"))
    tables = {resource["name"] for resource in package["resources"]}
    assert tables <= set(HEADING.findall((DOCS / "data.md").read_text(encoding="utf-8")))
    scenarios = HEADING.findall((DOCS / "reference" / "scenarios.md").read_text(encoding="utf-8"))
    assert set(catalogue()) <= set(scenarios)
    face = HEADING.findall((DOCS / "reference" / "python.md").read_text(encoding="utf-8"))
    for name in set(fiscal.__all__) - {"__version__"}:
        assert f"fiscal.{name}" in face, name


def test_the_python_reference_names_what_there_is():
    text = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    told = re.findall(
        r"^### (?:fiscal\.)?(\w+)\n\n<!-- docstring ([\w.]+) -->(.*?)<!-- end docstring", text, re.M | re.S
    )
    assert len(told) >= len(fiscal.__all__) - 1
    for title, place, words in told:
        module, _, name = place.rpartition(".")
        named = getattr(importlib.import_module(module), name)
        assert named is getattr(fiscal, title, named)
        sentence = re.sub(r":\w+:", "", named.__doc__.strip().split("\n")[0]).replace("``", "`")
        assert " ".join(sentence.split()[:3]) in " ".join(words.split())  # readable without the site


def test_a_block_that_nothing_fills_is_refused(pages):
    with pytest.raises(KeyError):
        pages.filled("<!-- begin unknown -->\n<!-- end unknown -->")
    assert "\nold" not in pages.filled("<!-- begin timing -->\nold\n<!-- end timing -->")


# --- links ------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """Places of a page that a link can lead to: headings and named anchors."""
    text = FENCE.sub("", text_of(path))
    found = set(re.findall(r'<a id="([^"]+)"></a>', text))
    for title in HEADING.findall(text):
        slug = re.sub(r"[^\w\- ]", "", title.strip().lower().replace("`", "")).replace(" ", "-")
        assert slug not in found, f"{named(path)} has two places called {slug}"
        found.add(slug)
    return found


@each_page
def test_links_lead_somewhere(path):
    text = re.sub(r"`[^`\n]*`", "`code`", FENCE.sub("", text_of(path)))
    broken = []
    for link in LINK.findall(text):
        if re.match(r"https?://|mailto:", link):
            continue
        name, _, place = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (place and place not in anchors(target)):
            broken.append(link)
        elif path.is_relative_to(DOCS) and not target.is_relative_to(DOCS):
            broken.append(f"{link} leads out of the site")
    assert broken == []


def test_a_broken_link_is_found(tmp_path):
    assert "what-is-projected" in anchors(DOCS / "method.md")
    assert "nowhere" not in anchors(DOCS / "method.md")
    assert LINK.findall(r"[a](b.md#c) \[no\](d) [`e`](f.md)") == ["b.md#c", "f.md"]


def test_the_site_has_every_page_and_loads_no_font():
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"^\s+- [^:\n]+: (\S+\.md)$", site, re.M)
    assert len(listed) == len(set(listed))
    assert set(listed) == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert re.search(r"^  font: false$", site, re.M) and re.search(r"^strict: true$", site, re.M)
    assert "docs/hooks.py" in site  # refuses what a page would load from elsewhere


# --- the command in examples ------------------------------------------------------------------------


@cache
def commands() -> typing.Any:
    """The command with those below it, which takes a moment to make."""
    return typer.main.get_command(app)


def command_words() -> Iterator[tuple[str, ...]]:
    """Every command as its words."""

    def walk(command: typing.Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, below in getattr(command, "commands", {}).items():
            yield (*words, name)
            yield from walk(below, (*words, name))

    yield from walk(commands(), ())


def told_lines(path: Path) -> Iterator[str]:
    """Lines that a page tells its reader to type in a shell, continued ones as one, without remarks."""
    told = "\n".join(blocks(path, "sh"))
    # README and older pages set commands off by four spaces
    plain = re.sub(r"\\\n\s*", " ", FENCE.sub("", path.read_text(encoding="utf-8")))
    told += "\n" + "\n".join(re.findall(r"^    ((?:fiscal|make) .+)$", plain, re.M))
    for line in re.sub(r"\\\n\s*", " ", told).splitlines():
        line = re.sub(r"\s#.*", "", line).strip()
        if line:
            yield line


def parsed(words: list[str]) -> tuple[str, dict[str, typing.Any]]:
    """The command that the words after ``fiscal`` call, and its arguments. Raises the parser's own error."""
    command, name = commands(), []
    while words and words[0] in getattr(command, "commands", {}):
        name.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    if getattr(command, "commands", {}):
        assert words in (["--help"], ["--version"]), f"{words} is no command"
        return " ".join(name), {}
    if "--help" in words:
        return " ".join(name), {}
    return " ".join(name), dict(command.make_context(" ".join(name), list(words)).params)


SCENARIOS_IN = {
    "explain": ("scenario",),
    "run": ("scenario",),
    "compare": ("base", "others"),
    "decompose": ("base", "others"),
    "report": ("which",),
    "markets show": ("scenario",),
}
"""Command -> arguments that name scenarios, files or run folders."""


def check_command(line: str) -> None:
    """A line as typed: the command is there, its options are, scenarios and settings too."""
    words = shlex.split(re.sub(r"\s[>|].*", "", line))
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        assert {word for word in words[1:] if "=" not in word} <= set(targets), line
        return
    if words[0] != "fiscal":
        return
    name, given = parsed(words[1:])
    for argument in SCENARIOS_IN.get(name, ()):
        told = given[argument]
        for scenario in (told,) if isinstance(told, str) else told or ():
            if re.fullmatch(r"\w+", scenario):
                assert scenario in catalogue(), f"{line}: no scenario {scenario}"
    if name == "sweep":
        assert given["grid"].endswith(".toml") or given["grid"] in designs(), line
    if given.get("overrides"):
        load("boom", given["overrides"])


@each_page
def test_commands_of_the_examples_are_there(path):
    for line in told_lines(path):
        check_command(line)


@pytest.mark.parametrize(
    "line",
    [
        "fiscal run boom --brief-me",
        "fiscal fly boom",
        "fiscal run boon",
        "fiscal run boom --set adoption.participant_share=0.2",
        "make coffee",
    ],
)
def test_a_wrong_example_is_found(line):
    with pytest.raises(Exception, match=r".+"):
        check_command(line)


def test_examples_are_read_at_all():
    lines = [line for path in PAGES for line in told_lines(path)]
    assert sum(line.startswith("fiscal ") for line in lines) > 60
    assert "make install" in lines and any(line.startswith("FISCAL_DATA=") for line in lines)


# --- blocks of TOML, JSON and Python ----------------------------------------------------------------


@each_page
def test_scenario_files_of_the_examples_load(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, code in enumerate(blocks(path, "toml")):
        file = tmp_path / f"example-{number}.toml"
        file.write_text(code, encoding="utf-8")
        assert read_design(file).factors if "[sweep]" in code else load(file).changed()
    for code in blocks(path, "json"):
        assert json.loads(code)


GIVES = {
    "run": "Result",
    "read_run": "Result",
    "compare": "Comparison",
    "load_scenario": "Scenario",
    "sweep": "Sweep",
    "read_sweep": "Sweep",
}
"""Function of the public face -> class of what it returns."""


@pytest.fixture(scope="module")
def drawn(pages) -> set[str]:
    """Names of all figures."""
    return {figure.name for figure in FIGURES}


@pytest.mark.parametrize("path", [path for path in PAGES if path.parent.name != "reference"], ids=named)
def test_python_of_the_examples_uses_what_there_is(path, drawn):
    for code in blocks(path, "python"):
        faults, known = [], {}
        tree = ast.parse(code, filename=named(path))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fiscal":
                module = importlib.import_module(node.module)
                faults += [
                    alias.name
                    for alias in node.names
                    if not hasattr(module, alias.name)
                    and importlib.util.find_spec(f"{node.module}.{alias.name}") is None
                ]
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                made = GIVES.get(ast.unparse(node.value.func).removeprefix("fiscal."))
                known |= {target.id: made for target in node.targets if made and isinstance(target, ast.Name)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute):
                continue
            owner = ast.unparse(node.value)
            if owner == "fiscal" and node.attr not in fiscal.__all__:
                faults.append(ast.unparse(node))
            if owner in known and node.attr not in members(getattr(fiscal, known[owner])):
                faults.append(ast.unparse(node))
            if owner.endswith(".plot") and node.attr not in drawn:
                faults.append(ast.unparse(node))
        assert faults == [], code


def members(held: type) -> set[str]:
    fields = {field.name for field in dataclasses.fields(held)} if dataclasses.is_dataclass(held) else set()
    return fields | set(dir(held))


# --- for newcomers ----------------------------------------------------------------------------------

CONTRIBUTING = ROOT / "CONTRIBUTING.md"


def test_contributing_names_packages_and_files_that_exist():
    text = CONTRIBUTING.read_text(encoding="utf-8")
    rooms = {path.name for path in (ROOT / "fiscal").iterdir() if (path / "__init__.py").is_file()}
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.M)) == rooms
    named = set(re.findall(r"`((?:fiscal|tests)/[\w/.]+)`", text))
    assert len(named) > 10 and [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_citation_file_says_what_the_package_says():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(re.findall(r'^([a-z-]+): "?(.+?)"?$', text, re.M))
    assert fields["cff-version"] == "1.2.0"
    assert fields["type"] == "software" and fields["license"] == "MIT" and fields["message"]
    assert fields["version"] == fiscal.__version__
    assert re.findall(r'^  - name: "(.+)"$', text, re.M) == ["The fiscal authors"]
    from fiscal.results.store.citation import AUTHORS, TITLE

    assert fields["title"] == TITLE and AUTHORS == "The fiscal authors"
    assert fields["version"] in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# --- the gallery ------------------------------------------------------------------------------------


def test_the_gallery_shows_every_figure_with_code_that_runs_on_its_result(pages):
    gallery = importlib.import_module("gallery")
    assert all(line.startswith(f"{name} = fiscal.") for name, line in gallery.OWNERS.items())
    for figure in FIGURES:
        owner, _, call = gallery.call_of(figure).partition(".plot.")
        assert owner in gallery.OWNERS and call.startswith(f"{figure.name}(")
        assert (DOCS / "gallery" / f"{figure.name}.svg").is_file(), "python docs/generator/gallery.py"
