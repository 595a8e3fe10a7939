"""What is installed, and from where: pyproject, requirements, lock, conda file and wheel agree."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import fiscal

CONDA_NAMES = {"arch-py": "arch", "matplotlib-base": "matplotlib", "typst-py": "typst"}
"""conda-forge's name -> the package index's name, where they differ."""

BUILDING = {"editables", "hatchling", "setuptools", "wheel"}
INSTALLING = {"uv"}
"""What `make install` uses; conda installs by itself."""
PYTHONS = ("3.11", "3.12", "3.13")


def by_name(lines: list[str]) -> dict[str, SpecifierSet]:
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one.specifier for one in requirements}


@pytest.fixture(scope="module")
def pyproject(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def declared(pyproject) -> dict[str, SpecifierSet]:
    """Runtime and test requirements of pyproject.toml."""
    return by_name(pyproject["project"]["dependencies"] + pyproject["dependency-groups"]["test"])


@pytest.fixture(scope="module")
def wanted(root) -> dict[str, SpecifierSet]:
    """requirements.in."""
    lines = (root / "requirements.in").read_text(encoding="utf-8").splitlines()
    return by_name([line for line in lines if line and not line.startswith("#")])


@pytest.fixture(scope="module")
def lock_text(root) -> str:
    return (root / "requirements.lock").read_text(encoding="utf-8")


def pins(lock_text: str) -> dict[str, list[tuple[Version, str]]]:
    """Name -> pinned versions with their markers ('' = always)."""
    found: dict[str, list[tuple[Version, str]]] = {}
    for name, version, marker in re.findall(r"^([\w.-]+)==([\w.!+]+)(?: ; ([^\\]+?))? \\$", lock_text, re.M):
        found.setdefault(canonicalize_name(name), []).append((Version(version), marker or ""))
    return found


@pytest.fixture(scope="module")
def locked(lock_text) -> dict[str, list[tuple[Version, str]]]:
    """What requirements.lock pins."""
    return pins(lock_text)


def conda(root: Path) -> tuple[list[str], list[str]]:
    """Requirements of environment.yml: conda's and pip's."""
    lines = (root / "environment.yml").read_text(encoding="utf-8").splitlines()
    outer = [match[1] for line in lines if (match := re.fullmatch(r"  - ([^:]+)", line))]
    inner = [match[1] for line in lines if (match := re.fullmatch(r"      - (.+)", line))]
    return [one for one in outer if one not in ("conda-forge", "nodefaults")], inner


def test_requirements_repeat_pyproject(declared, wanted):
    assert {name: wanted[name] for name in wanted if name not in BUILDING | INSTALLING} == declared
    assert set(wanted) >= BUILDING | INSTALLING


def test_conda_repeats_pyproject(root, declared, wanted, pyproject):
    outer, inner = conda(root)
    assert inner[-1] == "-e ."
    found = by_name([one for one in outer if one != "pip"] + inner[:-1])
    python = found.pop("python")
    assert python == SpecifierSet(pyproject["project"]["requires-python"])
    assert {CONDA_NAMES.get(name, name): spec for name, spec in found.items()} == {
        name: specifier for name, specifier in wanted.items() if name not in INSTALLING
    }


def test_build_backend_is_locked(pyproject, locked, wanted):
    for line in pyproject["build-system"]["requires"]:
        name = canonicalize_name(Requirement(line).name)
        assert name in locked and name in wanted


def test_the_lock_satisfies_every_requirement(locked, wanted):
    for name, specifier in wanted.items():
        assert name in locked, f"{name} is not in requirements.lock; run make lock"
        for version, _ in locked[name]:
            assert specifier.contains(version), f"{name} {version} is outside {specifier}; run make lock"


def test_results_do_not_hang_on_the_python_version(locked):
    """Everything that computes has one version for all Pythons, so that all give the same bits."""
    for name in ("numpy", "scipy", "pandas", "numba", "taxcalc", "statsmodels", "arch", "pyarrow"):
        assert [marker for _, marker in locked[name]] == [""], name


def test_the_documentation_has_a_lock_of_its_own(root, pyproject):
    """The site's packages stand beside those of the model, so that neither waits for the other."""
    found = pins((root / "requirements-docs.lock").read_text(encoding="utf-8"))
    for name, specifier in by_name(pyproject["dependency-groups"]["docs"]).items():
        assert name in found, f"{name} is not in requirements-docs.lock; run make lock"
        assert all(specifier.contains(version) for version, _ in found[name]), name


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-docs.lock"])
def test_every_locked_file_has_a_hash_and_no_index_is_named(root, name):
    lock_text = (root / name).read_text(encoding="utf-8")
    lines = re.findall(r"^[\w.-]+==.*$", lock_text, re.M)
    blocks = re.split(r"^(?=[\w.-]+==)", lock_text, flags=re.M)[1:]
    assert len(lines) == len(blocks) > 20
    for block in blocks:
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert "://" not in lock_text and "index" not in lock_text and "find-links" not in lock_text


def test_the_page_of_licences_names_every_locked_package(root):
    import licences

    text = (root / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w.-]+) \| (.+) \|$", text, re.M))
    rows.pop("package")
    assert rows.keys() == licences.locked().keys(), "run make licences"
    assert all(rows.values())
    for name in ("numpy", "pandas", "typer"):
        assert licences.licence(name) == rows[name]


def test_the_build_tools_are_installed_first(root, locked):
    tools = set(runpy.run_path(str(root / "tools" / "install.py"))["BUILD_TOOLS"])
    assert not BUILDING - tools
    todo, needed = list(BUILDING), set()
    while todo:
        name = todo.pop()
        if name in needed or name not in locked:
            continue
        needed.add(name)
        try:
            lines = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            lines = []  # an environment without the build tools; the lock test above still holds
        for line in lines:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(canonicalize_name(requirement.name))
    assert needed <= tools


def test_pythons_are_the_same_everywhere(root, pyproject):
    supported = SpecifierSet(pyproject["project"]["requires-python"])
    assert [minor for minor in range(5, 20) if supported.contains(f"3.{minor}.1")] == [11, 12, 13]
    classifiers = pyproject["project"]["classifiers"]
    named = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in classifiers]
    assert tuple(match[1] for match in named if match) == PYTHONS
    assert "(3, 11) <= v <= (3, 13)" in (root / "Makefile").read_text(encoding="utf-8")
    assert pyproject["tool"]["ruff"]["target-version"] == "py311"


def test_the_console_script_is_the_documented_one(pyproject):
    assert pyproject["project"]["scripts"] == {"fiscal": "fiscal.cli:main"}
    assert callable(__import__("fiscal.cli", fromlist=["main"]).main)


def test_make_refuses_an_unsupported_python_in_plain_words(root, tmp_path):
    (tmp_path / "tools").mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "tools/install.py"):
        shutil.copy(root / name, tmp_path / name)
    old = tmp_path / "old-python"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 9, 1); $2"\n')
    old.chmod(0o755)
    answer = subprocess.run(
        ["make", "install", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode != 0
    assert "fiscal needs Python 3.11, 3.12, or 3.13" in answer.stderr and "is 3.9" in answer.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_runs_make_test_and_ends_with_the_closing_line(root, tmp_path):
    """The script with a make of our own: its status and its last line are the tests'."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(root / ".ci" / "run", tmp_path / ".ci" / "run")
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    environment = {**os.environ, "PATH": f"{make.parent}:{os.environ['PATH']}"}
    for said, code, last in (
        ("3 passed in 0.1s", 0, "3 passed in 0.1s"),
        ("1 failed, 2 passed in 0.1s\nmake: *** [test] Error 1", 2, "1 failed, 2 passed in 0.1s"),
        ("ruff found faults", 2, "pytest did not run"),
    ):
        make.write_text(f"#!/bin/sh\necho \"asked: $*\"\ncat\nprintf '%s\\n' '{said}'\nexit {code}\n")
        make.chmod(0o755)
        answer = subprocess.run(
            [tmp_path / ".ci" / "run"], cwd="/", env=environment, input="x", capture_output=True, text=True
        )
        assert answer.returncode == code
        assert answer.stdout.splitlines()[0] == "asked: test"
        assert answer.stdout.splitlines()[-1] == last


def test_windows_can_import_the_package_and_the_tests_that_it_runs(root):
    """Modules that only Unix has are imported where they are used, or in tests that are left out on Windows."""
    text = (root / "tests" / "conftest.py").read_text(encoding="utf-8")
    left_out = set(re.findall(r'"(test_\w+\.py)"', text.partition("collect_ignore")[2].partition(")")[0]))
    only_unix = {"faults", "fcntl", "grp", "pty", "pwd", "resource", "termios"}  # faults: a helper of tests
    for path in (*(root / "fiscal").rglob("*.py"), *(root / "tests").glob("test_*.py")):
        at_once = [one for one in ast.parse(path.read_bytes()).body if isinstance(one, ast.Import)]
        named = {alias.name for one in at_once for alias in one.names}
        assert not named & only_unix or path.name in left_out, path.name


def test_the_recipe_repeats_pyproject(root, pyproject):
    """conda-forge's recipe: conda packages only, with the bounds of pyproject.toml."""
    text = (root / "recipe" / "meta.yaml").read_text(encoding="utf-8")
    values = dict(re.findall(r'^{% set (\w+) = "(.+)" %}$', text, re.M))
    assert values["name"] == pyproject["project"]["name"] and values["version"] == fiscal.__version__
    assert "git" not in text and "path:" not in text
    run = text.partition("  run:\n")[2].partition("\n\n")[0]
    lines = re.findall(r"^    - (.+)$", run, re.M)
    found = by_name([line.replace("{{ python_min }}", values["python_min"]) for line in lines])
    assert found.pop("python") == SpecifierSet(pyproject["project"]["requires-python"])
    declared = by_name(pyproject["project"]["dependencies"])
    assert {CONDA_NAMES.get(name, name): specifier for name, specifier in found.items()} == declared
    for script, target in pyproject["project"]["scripts"].items():
        assert f"    - {script} = {target}\n" in text


def test_workflows_cover_every_python_and_system(root):
    tests = (root / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert re.findall(r'"(3\.\d+)"', tests) == list(PYTHONS)
    for system in ("ubuntu", "macos", "windows"):
        assert f"{system}-latest" in tests
    release = (root / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    assert "id-token: write" in release and "secrets." not in release and "password" not in release.split("jobs:")[1]


def test_the_repositorys_address_has_one_place(root, pyproject, monkeypatch):
    """No badge, link or DOI before pyproject.toml has one; then README, citation and CITATION.cff have the same."""
    urls = pyproject["project"].get("urls", {})
    readme = (root / "README.md").read_text(encoding="utf-8").partition("<!-- end badges -->")[0]
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    for key, name in (("repository-code", "Repository"), ("doi", "DOI")):
        found = re.findall(rf'^{key}: "?(.+?)"?$', citation, re.M)
        assert found == [value.removeprefix("https://doi.org/") for value in [urls.get(name)] if value]
    assert ("](" in readme) == bool(urls)
    monkeypatch.syspath_prepend(str(root / "docs" / "generator"))
    import pages

    assert pages.badges_of({}) == ""
    shown = pages.badges_of(
        {"Repository": "https://github.com/someone/model", "DOI": "https://doi.org/10.5281/zenodo.1"}
    )
    assert "mybinder.org/v2/gh/someone/model/" in shown and "zenodo.org/badge/DOI/10.5281/zenodo.1.svg" in shown


def test_no_page_tells_a_reader_to_install_the_strangers_package(root):
    """`fiscal` on the package index belongs to another author."""
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "fiscal").rglob("*.py")]
    for page in pages:
        found = re.findall(r"pip install\s+[\"'`]?fiscal(?![\w-])", page.read_text(encoding="utf-8"))
        assert found == [], page.name


def test_the_deposits_metadata_say_what_the_citation_file_says(root, pyproject):
    deposit = json.loads((root / ".zenodo.json").read_text(encoding="utf-8"))
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    assert f'title: "{deposit["title"]}"' in citation and f"license: {deposit['license']}" in citation
    assert [one["name"] for one in deposit["creators"]] == ["The fiscal authors"]
    assert deposit["keywords"] == pyproject["project"]["keywords"]
