"""The house rules that a machine can hold: who imports whom, what may be touched where, documentation."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "fiscal"
MODULES = sorted(PACKAGE.rglob("*.py"))

ONLY_IN = {
    "matplotlib": {"results", "report"},
    "statsmodels": {"markets"},
    "arch": {"markets"},
    "taxcalc": {"law"},
    "paramtools": {"law"},
    "typst": {"report"},
    "SALib": {"studies"},
    "dask": {"engine"},
    "distributed": {"engine"},
    "ipywidgets": {"results"},
    "typer": {"cli"},
    "rich": {"cli", "base"},  # base: the bar of progress
    "pydantic": {"scenario", "results"},
    "pydantic_core": {"scenario"},
    "tomllib": {"scenario"},
    "subprocess": {"law", "results"},
    "pickle": set(),
    "requests": set(),
    "urllib": set(),
    "socket": set(),
}
"""External package: the rooms that may import it."""

PURE_ROOMS = ("projection", "budget")
PURE_IMPORTS = {
    "__future__", "abc", "collections", "concurrent", "dataclasses", "enum", "functools", "itertools", "math",
    "operator", "typing", "numba", "numpy",
}  # fmt: skip
IMPURE_NAMES = {"open", "print", "input", "eval", "exec", "Path", "random", "default_rng", "RandomState"}
IMPURE_ATTRIBUTES = {
    "random", "load", "save", "savez", "fromfile", "tofile", "loadtxt", "savetxt", "genfromtxt", "memmap",
    "read_csv", "to_csv", "now", "today", "time", "perf_counter", "environ",
}  # fmt: skip


def room(path: Path) -> str:
    """The room of a module: its package under fiscal/, or its own name at the top."""
    first = path.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Everything that a module's tree holds."""
    return tuple(ast.walk(tree(path)))


@cache
def imports(path: Path) -> tuple[tuple[str, bool, int], ...]:
    """Modules a file imports, whether inside a function, and the line; without those for type checking."""
    typing_only: set[ast.AST] = set()
    inside: set[ast.AST] = set()
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside.update(ast.walk(node))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing_only.update(ast.walk(node))
    found = []
    for node in nodes(path):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, node in inside, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}:{node.lineno}: relative import"
            names = [f"fiscal.{alias.name}" for alias in node.names] if node.module == "fiscal" else [node.module]
            found += [(name, node in inside, node.lineno) for name in names]
    return tuple(found)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def each_module(rule: Callable[[Path], list[str]]) -> Callable[[], None]:
    """One test of a rule that names the faults of a file: no file has any."""

    def test() -> None:
        assert {named(path): faults for path in MODULES if (faults := rule(path))} == {}

    test.__doc__ = rule.__doc__
    return test


HEAVY = {
    "IPython", "SALib", "arch", "cryptography", "dask", "distributed", "ipywidgets", "matplotlib", "numba", "pandas",
    "paramtools", "psutil", "pyarrow", "rich", "scipy", "scoringrules", "statsmodels", "taxcalc", "typst", "xlsxwriter",
}  # fmt: skip
"""Packages that take long to import, and may be imported where they are used."""

BRINGS_HEAVY = {
    "fiscal.budget.backward": "compiled code: numba, after its cache has its place",
    "fiscal.projection.cell_years": "compiled code",
    "fiscal.projection.kernel": "compiled code",
    "fiscal.results.figures": "matplotlib",
    "fiscal.results.figures.own_figure": "matplotlib",
}
"""Modules of ours that bring such a package with them."""

ONE_SYSTEM_ONLY = {"resource"}
"""Modules of Python that Windows lacks; locks are filelock's."""


@each_module
def test_imports_stand_at_the_top_but_for_heavy_packages(path):
    """The face and the command load what is asked for; everything else says at its top what it needs."""
    if room(path) in ("", "cli"):
        return []
    modules = [
        (name if name in BRINGS_HEAVY else getattr(node, "module", name), node.lineno)
        for function in nodes(path)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (".".join(filter(None, (getattr(node, "module", ""), alias.name))) for alias in node.names)
    ]
    allowed = HEAVY | ONE_SYSTEM_ONLY
    return [
        f"line {line}: {module}"
        for module, line in modules
        if module not in BRINGS_HEAVY and module.split(".")[0] not in allowed
    ]


def test_every_room_is_in_a_layer():
    rooms = {path.relative_to(PACKAGE).parts[0] for path in MODULES} - {"__init__.py"}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    assert {name for layer in layers for name in layer.split(" | ")} == rooms


@each_module
def test_packages_are_used_in_their_rooms_only(path):
    return [
        f"line {line}: {module} belongs in {sorted(ONLY_IN[top])}"
        for module, _, line in imports(path)
        if (top := module.split(".")[0]) in ONLY_IN and room(path) not in ONLY_IN[top]
    ]


def test_every_package_used_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    declared = {Requirement(line).name for line in (*project["dependencies"], *extras)}
    came_with = {
        "pydantic_core": "pydantic",
        "mpl_toolkits": "matplotlib",
        "distributed": "dask",
        "markupsafe": "jinja2",
        "IPython": "ipywidgets",
    }
    used = {module.split(".")[0] for path in MODULES for module, _, _ in imports(path)}
    foreign = {came_with.get(name, name) for name in used - set(sys.stdlib_module_names) - {"fiscal"}}
    assert foreign <= declared


@each_module
def test_the_kernel_knows_no_file_clock_or_dice(path):
    if room(path) not in PURE_ROOMS:
        return []
    faults = [
        f"line {line}: imports {module}"
        for module, _, line in imports(path)
        if module.split(".")[0] not in PURE_IMPORTS | {"fiscal"}
    ]
    for node in nodes(path):
        if isinstance(node, ast.Name) and node.id in IMPURE_NAMES:
            faults.append(f"line {node.lineno}: {node.id}")
        if isinstance(node, ast.Attribute) and node.attr in IMPURE_ATTRIBUTES:
            faults.append(f"line {node.lineno}: .{node.attr}")
    return faults


KEPT_FOR_EVER = {
    "base/code.py": {"code_sha256"},
    "base/compiled.py": {"prepare", "_kernels_sha256"},
    "base/prose.py": {"environment"},
    "base/sources.py": {"_shipped_dir", "_resources", "_items", "_resource", "_load", "_assumptions"},
    "engine/taxes.py": {"_private_folder"},
    "law/build/microdata.py": {"_packaged_sha256"},
    "law/reforms.py": {"_answer"},
    "law/trial.py": {"_current_law"},
    "markets/paths.py": {"_read_user_file"},
    "markets/stochastic.py": {"slow_components"},
    "people/mobility.py": {"mobility_matrix"},
    "people/population.py": {"gradient_by_age"},
    "report/pdf.py": {"_lacking"},
    "results/store/manifest.py": {"_version"},
    "scenario/catalogued.py": {"titles"},
    "scenario/files.py": {"file_settings", "_packaged", "_passing_folder"},
}
"""Functions with a cache of Python's: they read no table, or are the door to the tables, which drops what it keeps.
Whatever else is worked out once is ``remembered`` by data folder."""


@each_module
def test_nothing_that_reads_a_table_is_kept_for_ever(path):
    found = {
        node.name
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if re.search(r"\b(lru_)?cache\b", ast.unparse(decorator))
    }
    return sorted(found ^ KEPT_FOR_EVER.get(path.relative_to(PACKAGE).as_posix(), set()))


@each_module
def test_random_numbers_are_drawn_where_paths_and_bands_are(path):
    """law/raking.py imputes by counter-based draws that depend on the record's number alone."""
    bands = ("engine/draws.py", "engine/past_errors.py", "results/bands.py", "studies/past_bands.py")
    if room(path) == "markets" or named(path) in ("fiscal/law/build/raking.py", *(f"fiscal/{one}" for one in bands)):
        return []
    found = [
        node.lineno
        for node in nodes(path)
        if (isinstance(node, ast.Attribute) and node.attr == "random" and ast.unparse(node.value) in ("np", "numpy"))
        or (isinstance(node, ast.Name) and node.id in ("default_rng", "RandomState"))
    ]
    found += [line for module, _, line in imports(path) if module in ("random", "numpy.random", "secrets", "uuid")]
    return [f"line {line}" for line in found]


@each_module
def test_no_clock_is_read(path):
    """A result never depends on when it was made. What is due today, the day on which a study was stored, and the date
    on a report of runs that are not stored, are read from the clock."""
    if named(path) in ("fiscal/cli/data.py", "fiscal/report/origin.py", "fiscal/studies/scenarios.py"):
        return []
    clocks = {"datetime.now", "datetime.datetime.now", "date.today", "datetime.date.today", "time.time"}
    return [
        f"line {node.lineno}: {ast.unparse(node.func)}"
        for node in nodes(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in clocks
    ]


def public(module: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Public functions and classes of a module."""
    for child in module.body:
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield child


@each_module
def test_public_things_are_documented(path):
    missing = []
    if path.read_text(encoding="utf-8").strip() and not ast.get_docstring(tree(path)):
        missing.append("the module")
    return missing + [node.name for node in public(tree(path)) if not ast.get_docstring(node)]


@each_module
def test_no_fault_is_swallowed(path):
    """No bare except, and no handler that does nothing."""
    faults = []
    for node in nodes(path):
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                faults.append(f"line {node.lineno}: bare except")
            if all(isinstance(child, ast.Pass) for child in node.body):
                faults.append(f"line {node.lineno}: except ...: pass")
    return faults


def tracked_files() -> list[Path]:
    """Files that git keeps or would keep; in an unpacked archive, all of them."""
    answer = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode == 0:
        return [ROOT / name for name in answer.stdout.split("\0") if name and (ROOT / name).is_file()]
    hidden = {".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not hidden & set(path.parts)]


TEXT = {".py", ".toml", ".md", ".yml", ".csv", ".json", ".in", ".lock", ".typ", ".ipynb", ".txt", ".cfg", ""}
MACHINE_PATH = re.compile(r"(?<![\w.:/~*-])/(?:wo" r"rk|tm" r"p|ro" r"ot|ho" r"me|op" r"t|Us" r"ers|mn" r"t)/\w")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b")


def test_nothing_names_a_machine_or_is_unfinished():
    faults = []
    for path in tracked_files():
        if path.suffix not in TEXT:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if MACHINE_PATH.search(line):
                faults.append(f"{named(path)}:{number}: names a path of one machine")
            image = '"image/png":' in line  # letters of any kind
            if UNFINISHED.search(line) and path.suffix != ".csv" and not image:
                faults.append(f"{named(path)}:{number}: unfinished")
    assert faults == []


def test_the_search_for_machine_paths_finds_one():
    assert MACHINE_PATH.search("open('/" + "tmp/x')") and MACHINE_PATH.search("/" + "home/me")
    assert not MACHINE_PATH.search("https://example.org/" + "home/me") and not MACHINE_PATH.search("~/" + "work/x")


@pytest.mark.parametrize("folder", ["data", "reports"])
def test_folders_for_users_say_what_they_hold(folder):
    assert (ROOT / folder / "README.md").is_file()
