"""Whatever is put in: an answer or a message, never a traceback, a hang, or a file outside the folder.

Each function of ``TARGETS`` takes one drawn input and fails by raising anything but :class:`FiscalError`.
As a script it draws as many inputs as asked and prints the count of each:

    python tests/fuzz.py --inputs 1000000
"""

from __future__ import annotations

import argparse
import atexit
import base64
import contextlib
import html.parser
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import typer.testing
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fiscal import cli, engine, runs
from fiscal.assembly import path_settings
from fiscal.errors import FiscalError
from fiscal.markets.paths import path_model
from fiscal.results import Budget, Result, Table, compare
from fiscal.runs.citation import _tex
from fiscal.runs.values import file_sha256, fingerprint_of
from fiscal.scenario import Scenario, catalogue, load
from fiscal.scenario.loading import CATALOGUE_DIR
from fiscal.scenario.schema import known_keys
from fiscal.scenario.toml import format_value

SECONDS = 20
"""An input that takes longer hangs."""

HOSTILE = [
    "../../x", "/etc/passwd", "..", ".", "~", "C:\\x", "a\x00b", "\ud800", "\u202e", "nan", "inf", "-1", "1e999",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td><b>", "#import \"x\"", "$(touch x)", "`id`",
    "{{7*7}}", "%s%n", "\\input{x}", "'; drop table", "none", "", " ", "\n", "\r\n", "\x1b[31m", "9" * 400, "[" * 200,
    "boom", "--force", "=", "a=b", "\U0001f4a5", "e\u0301", "__class__", "1_000", "0x10", "true",
]  # fmt: skip
words = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))
writable = words.filter(lambda word: "\ud800" not in word)
"""Texts that UTF-8 can hold, as every text that came out of a file or a TOML value."""

numbers = st.one_of(
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0, 1, 2026, 2100]),
)
keys = st.one_of(
    st.sampled_from(known_keys()), st.sampled_from(["scenario.title", "scenario.extends"]), words
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, words),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)


# --- a small world ----------------------------------------------------------------------------------

_allowed: list[str] = []


def _watch(event: str, told: tuple[Any, ...]) -> None:
    """Audit hook: nothing is written, renamed or removed outside the folder of the moment."""
    if not _allowed:
        return
    if event == "open":
        path, mode, flags = told
        writes = (isinstance(mode, str) and any(mark in mode for mark in "wax+")) or bool(
            isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        changed = [path] if writes else []
    elif event == "os.rename":
        changed = [_place(told[0], told[2]), _place(told[1], told[3])]
    elif event in ("os.link", "os.symlink"):
        changed = [_place(told[1], told[-1])]
    elif event in ("os.remove", "os.mkdir", "os.rmdir"):
        changed = [_place(told[0], told[-1])]
    elif event in ("os.truncate", "os.chmod"):
        changed = [told[0]]
    else:
        return
    for path in changed:
        if isinstance(path, str | bytes | os.PathLike):
            place = os.path.abspath(os.fsdecode(path))
            if not place.startswith((*_allowed, os.devnull)):
                raise AssertionError(f"{event} of {place!r} outside {_allowed[0]!r}")


def _place(path: Any, folder: Any) -> Any:
    """A path told with an open folder, from which it starts."""
    if isinstance(folder, int) and folder >= 0 and isinstance(path, str | bytes):
        return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))
    return path


@cache
def _hooked() -> None:
    sys.addaudithook(_watch)


@contextlib.contextmanager
def confined(folder: Path) -> Iterator[None]:
    """Within: writes go to ``folder`` only, and one input has :data:`SECONDS`."""
    _hooked()

    def late(*_: object) -> None:
        raise AssertionError(f"took more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    _allowed.append(os.path.abspath(folder))
    try:
        yield
    finally:
        _allowed.clear()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def small(scenario: Scenario) -> Result:
    """A result with the tables that a comparison needs, made at once."""
    years = [2026, 2027]
    budget = pd.DataFrame(
        {
            "path": "scenario", "year_kind": ["calendar", "fiscal"] * 2, "year": sorted(years * 2),
            "line": "net_revenue", "nominal_bn_usd": [1.0, 2.0, 3.0, 4.0], "real_bn_usd": 1.0, "gdp_share": 0.1,
            "gdp_bn_usd": 30_000.0,
        }
    )  # fmt: skip
    economy = pd.DataFrame({"year": years, "one_year_rate": 0.04, "price_level": 1.0})
    lines = ["deferred_revenue", "payroll_forgone", "withdrawal_tax", "net_revenue"]
    windows = pd.DataFrame(
        {"path": "scenario", "window": "FY2026-2035", "line": lines, "nominal_bn_usd": [1.0, 2.0, 3.0, 4.0]}
    )
    return Result(
        name=scenario.name, scenario=scenario, tables={"budget": budget, "economy": economy, "windows": windows},
        fingerprint=scenario.fingerprint(), summary={"scenario": scenario.name},
    )  # fmt: skip


# --- scenarios --------------------------------------------------------------------------------------


@st.composite
def toml_texts(draw: st.DrawFn) -> bytes:
    """Scenario files: right, nearly right, bent, and no TOML at all."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        return draw(st.text(max_size=300)).encode("utf-8", "surrogatepass")
    if kind == 2:  # a catalogue file with some bytes changed
        content = bytearray((CATALOGUE_DIR / f"{draw(st.sampled_from(catalogue()))}.toml").read_bytes())
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, len(content) - 1))
            content[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
        return bytes(content)
    if kind == 3:  # nested
        depth = draw(st.integers(1, 5000))
        opened, closed = draw(st.sampled_from([("[", "]"), ("{a=", "}")]))
        return f"[paths]\nfile = {opened * depth}1{closed * depth}\n".encode()
    lines = []
    for key in draw(st.lists(keys, max_size=6)):
        section, _, name = key.partition(".")
        value = draw(st.one_of(numbers, words, st.booleans(), st.lists(numbers, max_size=3)))
        lines += [f"[{section}]", f"{name or 'x'} = {format_value(value)}"]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def read_scenario(place: Path, content: bytes) -> None:
    """A scenario file loads to something that survives being written and shown, or is refused."""
    path = place / "mine.toml"
    path.write_bytes(content)
    scenario = load(path)
    assert load_text(place, scenario.to_toml()).settings == scenario.settings
    only_tags(scenario._repr_html_())
    only_tags(small(scenario)._repr_html_())


def load_text(place: Path, text: str) -> Scenario:
    """A scenario of its text."""
    (place / "again.toml").write_text(text, encoding="utf-8")
    return load(place / "again.toml")


overrides = st.lists(
    st.one_of(
        st.builds(lambda key, value: f"{key}={value}", keys, st.one_of(words, numbers.map(str))),
        words,
    ),
    max_size=4,
)


def change_scenario(place: Path, texts: list[str]) -> None:
    """Any words after --set."""
    scenario = load("boom", texts)
    assert scenario.fingerprint() and scenario.title


# --- a user's returns -------------------------------------------------------------------------------


@st.composite
def csv_texts(draw: st.DrawFn) -> bytes:
    """Files of returns: right, bent, huge, and no CSV at all."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(st.binary(max_size=300))
    if kind == 1:
        return draw(st.text(alphabet='year,path\n"0123456789.-ecrypto', max_size=200)).encode()
    columns = draw(
        st.lists(st.sampled_from(["year", "path", "crypto", "equity", "bonds", "x", ""]), max_size=5)
    )
    columns = columns if kind == 2 else list(dict.fromkeys(["year", "crypto", *columns]))
    columns = [name for name in columns if kind == 2 or name not in ("x", "")]
    rate = (
        st.one_of(st.floats(-1.5, 200), st.floats(allow_nan=False), numbers)
        if kind == 2
        else st.floats(-0.9, 1e7)
    )
    lines = [",".join(columns)]
    for year in range(2026, 2026 + draw(st.integers(0, 80))):
        cells = (
            {"year": year, "path": draw(st.sampled_from([1, 1, 1, "a"]))}
            if kind == 2
            else {"year": year, "path": 1}
        )
        lines.append(",".join(str(cells.get(name, draw(rate))) for name in columns))
    return "\n".join(lines).encode()


def read_returns(place: Path, content: bytes) -> None:
    """A user's returns give finite growth to 2100, or are refused."""
    path = place / "mine.csv"
    path.write_bytes(content)
    told = path_settings(_user_scenario().settings) | {"file": str(path)}
    market = path_model("user").draw(told, np.arange(2025, 2101))
    assert np.isfinite(market.half_returns).all() and (market.half_returns > -1).all()
    assert np.isfinite((1 + market.half_returns).prod(axis=(1, 2))).all()


@cache
def _user_scenario() -> Scenario:
    return load("boom", {"paths.model": "user", "paths.file": "mine.csv"})


# --- run folders ------------------------------------------------------------------------------------


@cache
def good_run() -> Path:
    """One sound folder, never changed."""
    place = Path(tempfile.mkdtemp(prefix="tmp-fuzz-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return runs.write_run(small(load("boom")), place / "run")


@cache
def _good_manifest() -> str:
    return (good_run() / runs.MANIFEST).read_text(encoding="utf-8")


def _places(value: Any, trail: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield trail
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield from _places(member, (*trail, key))


@cache
def manifest_places() -> tuple[tuple[Any, ...], ...]:
    """Where a manifest can be changed; the settings are one place."""
    return tuple(
        place
        for place in _places(json.loads(_good_manifest()))
        if place and len(place) < 3 or "outputs" in place
    )


@st.composite
def manifests(draw: st.DrawFn) -> bytes:
    """Manifests with parts replaced, removed or added; and no manifests at all."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.one_of(st.binary(max_size=200), json_values.map(lambda v: json.dumps(v).encode())))
    if kind == 1:
        return b"[" * draw(st.integers(1, 200_000))
    manifest = json.loads(_good_manifest())
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(manifest_places()))
        at: Any = manifest
        with contextlib.suppress(KeyError, IndexError, TypeError):
            for step in way:
                at = at[step]
            action = draw(st.integers(0, 3))
            if action == 0:
                del at[last]
            elif action == 1:
                at[last] = draw(json_values)
            elif action == 2:
                at[draw(words)] = at[last]
            else:
                at[last] = draw(words)
    if draw(st.booleans()):  # made to fit, as someone would who means it
        with contextlib.suppress(KeyError, TypeError, ValueError):
            inputs, outputs = manifest["inputs"], manifest["outputs"]
            manifest["input_fingerprint"] = fingerprint_of(inputs)
            manifest["record_fingerprint"] = fingerprint_of({"inputs": inputs, "outputs": outputs})
    return json.dumps(manifest).encode("utf-8", "surrogatepass")


def fresh(place: Path) -> Path:
    """A copy of the good run."""
    folder = place / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good_run(), folder)
    return folder


def read_forged_manifest(place: Path, content: bytes) -> None:
    """A folder whose manifest was changed is read, cited and replaced, or refused."""
    folder = place / "run" if (place / "run" / "summary.json").is_file() else fresh(place)
    (folder / runs.MANIFEST).write_bytes(content)
    for use in (runs.verify, runs.read_run, runs.cite, lambda path: runs.check_target(path, force=True)):
        with contextlib.suppress(FiscalError):
            use(folder)


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, bytes]:
    """One file of a run folder, and what stands in its place."""
    name = draw(
        st.sampled_from(["tables/budget.parquet", "tables/windows.parquet", "summary.json", "scenario.toml"])
    )
    content = bytearray((good_run() / name).read_bytes())
    if draw(st.integers(0, 5)) == 0:
        return name, draw(
            st.one_of(st.binary(max_size=100), json_values.map(lambda v: json.dumps(v).encode()))
        )
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content) - 1))
        content[at] = draw(st.integers(0, 255))
    return name, bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


def read_forged_file(place: Path, damage: tuple[str, bytes]) -> None:
    """A folder with a changed file and a manifest made to fit: read and compared, or refused."""
    name, content = damage
    folder = fresh(place)
    (folder / name).write_bytes(content)
    manifest = json.loads(_good_manifest())
    manifest["outputs"][name] = file_sha256(folder / name)
    told = {"inputs": manifest["inputs"], "outputs": manifest["outputs"]}
    manifest["record_fingerprint"] = fingerprint_of(told)
    (folder / runs.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    result = runs.read_run(folder)
    only_tags(result._repr_html_())
    base = replace(small(load("baseline")), data_fingerprint=result.data_fingerprint)
    only_tags(compare(base, result)._repr_html_())


# --- words as data ----------------------------------------------------------------------------------

TAGS = {"div", "strong", "small", "table", "thead", "tbody", "tr", "th", "td", "p", "style", "img"}


DRAWN = {f"{{http://www.w3.org/2000/svg}}{tag}" for tag in ("svg", "rect", "path", "circle", "text")}


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))


def only_tags(text: str) -> None:
    """HTML of ours: no tag and no attribute but those that we write."""
    parser = _Tags()
    parser.feed(text)
    for tag, attributes in parser.found:
        assert tag in TAGS, tag
        if tag == "img":
            told = dict(attributes)
            assert set(told) == {"src", "alt"} and str(told["src"]).startswith("data:image/svg+xml;base64,")
            drawing = base64.b64decode(str(told["src"]).partition(",")[2])
            assert {one.tag for one in ElementTree.fromstring(drawing).iter()} <= DRAWN
            continue
        assert all(name in ("style", "class", "border") for name, _ in attributes), attributes


def show_words(place: Path, told: tuple[str, str, str]) -> None:
    """Titles, names of columns and cells are text in HTML, TeX and TOML."""
    title, column, cell = told
    scenario = replace(load_boom(), title=title, description=cell, author=column)
    only_tags(scenario._repr_html_())
    only_tags(replace(small(load_boom()), scenario=scenario)._repr_html_())
    only_tags(Table(pd.DataFrame({column: [cell]}))._repr_html_())
    only_tags(Budget(pd.DataFrame({"path": [cell], column or "x": [title]}))._repr_html_())
    escaped = re.sub(r"\\(textbackslash|textasciitilde|textasciicircum)\{\}", "", _tex(title))
    escaped = re.sub(r"\\[&%$#_{}]", "", escaped)
    assert not set(escaped) & set("\\{}%$#&_^~")


@cache
def load_boom() -> Scenario:
    """The scenario whose words are changed."""
    return load("boom")


# --- the command line -------------------------------------------------------------------------------

COMMANDS = [
    "list",
    "explain",
    "run",
    "compare",
    "verify",
    "cite",
    "data",
    "markets",
    "hindcast",
    "fly",
    "--version",
]
SLOW = {"build", "derive", "fit", "show", "check", "--check"}
"""Words that start minutes of work, or real work on the package's own data."""

OPTIONS = ["--json", "--set", "--out", "--force", "--resume", "-v", "--help", "--changed", "--toml", "--schema",
           "--paths", "--seed", "--rerun", "--"]  # fmt: skip
places = st.sampled_from(
    ["run", "a b", "\u00e9", "file", "file/x", "new/run", "run.incomplete", ".", "x" * 300, "link"]
)
some_words = st.lists(
    st.one_of(
        st.sampled_from(COMMANDS), st.sampled_from(OPTIONS), places, st.sampled_from(["boom", "mine.toml", "run", "1"]),
        st.builds(lambda key, value: f"{key}={value}", keys, words),
        words.filter(lambda word: "/" not in word and ".." not in word and "~" not in word),
    ),
    max_size=7,
)  # fmt: skip
lines = st.one_of(
    some_words, st.builds(lambda first, rest: [first, *rest], st.sampled_from(COMMANDS), some_words)
)


def say(place: Path, told: list[str]) -> None:
    """Any words after ``fiscal``: exit code 0, 1 or 2."""
    if set(told) & SLOW:
        return
    for item in place.iterdir():  # of past lines
        shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
    (place / "file").write_text("x", encoding="utf-8")
    (place / "link").symlink_to("/etc")
    (place / "mine.toml").write_text('[scenario]\nextends = "boom"\n', encoding="utf-8")
    before, runner, real = Path.cwd(), typer.testing.CliRunner(), engine.run
    os.chdir(place)
    engine.run = lambda scenario, progress=None, batches=None, workers=None: small(scenario)  # type: ignore[assignment]
    try:
        answer = runner.invoke(cli.app, told)
    finally:
        engine.run = real
        os.chdir(before)
    fault = answer.exception
    if fault is not None and not isinstance(fault, FiscalError | SystemExit | OSError):
        raise fault
    assert answer.exit_code in (0, 1, 2)


# --- all of them ------------------------------------------------------------------------------------

TARGETS: dict[str, tuple[Callable[[Path, Any], None], st.SearchStrategy[Any], float]] = {
    "scenario files": (read_scenario, toml_texts(), 0.25),
    "settings on the command line": (change_scenario, overrides, 0.22),
    "user returns": (read_returns, csv_texts(), 0.05),
    "manifests": (read_forged_manifest, manifests(), 0.25),
    "files of run folders": (read_forged_file, damages(), 0.05),
    "titles and cells": (show_words, st.tuples(writable, writable, writable), 0.1),
    "command lines": (say, lines, 0.08),
}
"""Name -> function, inputs, and share of all inputs."""


def fuzz(name: str, inputs: int, number: int) -> int:
    """Draw that many inputs for one target; returns how many were tried. Raises on the first that fails."""
    target, strategy, _ = TARGETS[name]
    tried = 0
    with tempfile.TemporaryDirectory(prefix="tmp-fuzz-") as folder:
        place = Path(folder)

        @seed(number)
        @settings(
            max_examples=inputs, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck), print_blob=False,
        )  # fmt: skip
        @given(strategy)
        def one(value: Any) -> None:
            nonlocal tried
            tried += 1
            with confined(place), contextlib.suppress(FiscalError):
                target(place, value)

        good_run()
        one()
    return tried


def main() -> None:
    """Fuzz in rounds until the number of inputs is reached; print a count by target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="stop after the round that exceeds this"
    )
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    counts, number, begun = dict.fromkeys(TARGETS, 0), told.seed, time.monotonic()
    while sum(counts.values()) < told.inputs and time.monotonic() - begun < told.seconds:
        for name, (_, _, share) in TARGETS.items():
            counts[name] += fuzz(name, max(1, int(share * min(20_000, told.inputs))), number)
        number += 1
        print(f"{sum(counts.values())} inputs, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print(json.dumps({"inputs": sum(counts.values()), **counts}))


if __name__ == "__main__":
    main()
