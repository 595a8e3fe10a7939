"""Scenario files, settings, a user's returns, reforms, and command lines: drawn, and put in."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer.main
import typer.testing
from fuzz_texts import only_tags
from fuzz_words import json_values, keys, numbers, words, writable
from hypothesis import strategies as st

from fiscal import cli, report
from fiscal.base.errors import FiscalError
from fiscal.engine.allocation import path_settings
from fiscal.law import reforms as reforms_of
from fiscal.law.build import schedules
from fiscal.markets import core, paths
from fiscal.results import running
from fiscal.results.result import Result
from fiscal.scenario import Scenario, catalogue, explain, load, own_files
from fiscal.scenario.design import Design, read_design
from fiscal.scenario.draft import CATALOGUE_DIR
from fiscal.scenario.files import paths_in
from fiscal.scenario.toml import format_value
from fiscal.studies.sweeps import Sweep
from fiscal.studies.sweeps.cases import cases_of, check
from fiscal.studies.sweeps.outcomes import outcomes_with


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
        name=scenario.name, scenario=scenario,
        tables={"budget": budget, "economy": economy, "windows": windows, "settings": explain(scenario)},
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
        content = bytearray(_catalogue_file(draw(st.sampled_from(catalogue()))))
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


@cache
def _catalogue_file(name: str) -> bytes:
    return (CATALOGUE_DIR / f"{name}.toml").read_bytes()


def read_scenario(place: Path, content: bytes) -> None:
    """A scenario file loads to something that survives being written and shown, or is refused."""
    path = place / "mine.toml"
    path.write_bytes(content)
    scenario = load(path)
    path.write_text(scenario.to_toml(), encoding="utf-8")
    assert load(path).settings == scenario.settings
    only_tags(scenario._repr_html_())
    only_tags(small(scenario)._repr_html_())


overrides = st.lists(
    st.one_of(st.builds(lambda key, value: f"{key}={value}", keys, st.one_of(words, numbers.map(str))), words),
    max_size=4,
)


def change_scenario(place: Path, texts: list[str]) -> None:
    """Any words after --set; a file that they name is read or refused."""
    scenario = load("boom", texts)
    assert scenario.fingerprint() and scenario.title
    for file in own_files(scenario.settings).values():
        paths.user_returns({"file": str(file)})


# --- a user's returns -------------------------------------------------------------------------------


@st.composite
def csv_texts(draw: st.DrawFn) -> bytes:
    """Files of returns: right, bent, huge, and no CSV at all."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(st.binary(max_size=300))
    if kind == 1:
        return draw(st.text(alphabet='year,path\n"0123456789.-ecrypto', max_size=200)).encode()
    columns = draw(st.lists(st.sampled_from(["year", "path", "crypto", "equity", "bonds", "x", ""]), max_size=5))
    columns = columns if kind == 2 else list(dict.fromkeys(["year", "crypto", *columns]))
    columns = [name for name in columns if kind == 2 or name not in ("x", "")]
    rate = (
        st.one_of(st.floats(-1.5, 200), st.floats(allow_nan=False), numbers)
        if kind == 2
        else st.one_of(st.floats(-1, 1e7), st.sampled_from([-1, 0.1, -0.2]))
    )
    rates = draw(st.lists(rate, min_size=1, max_size=12))
    paths_ = draw(st.lists(st.sampled_from(["1", "1", "1", "a"]), min_size=1, max_size=3)) if kind == 2 else ["1"]
    more = draw(st.sampled_from([[], [], [], ["1"], ["", "0.1"]])) if kind == 2 else []
    between, decimal = draw(st.sampled_from([(",", "."), (", ", "."), (";", ","), (";", "."), ("\t", ","), ("|", ".")]))
    lines = [between.join(columns)]
    for row in range(draw(st.integers(0, 80))):
        named = {"year": 2026 + row, "path": paths_[row % len(paths_)]}
        cells = [str(named.get(name, rates[(row + at) % len(rates)])) for at, name in enumerate(columns)]
        lines.append(between.join(cells + more).replace(".", decimal))
    between_lines = draw(st.lists(st.sampled_from(["", "# a comment", "sep=;", between, "-1%", '"', "#"]), max_size=2))
    for line in between_lines:
        lines.insert(draw(st.integers(0, len(lines))), line)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]))
    return draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines).encode(encoding)


def read_returns(place: Path, content: bytes) -> None:
    """A user's returns give finite growth to 2100, or are refused."""
    path = place / "mine.csv"
    path.write_bytes(content)
    told = path_settings(_user_scenario().settings) | {"file": str(path), "allow_extreme": len(content) % 2 == 0}
    market = paths.path_model("user").draw(told, np.arange(2025, 2101))
    assert np.isfinite(market.half_returns).all() and (market.half_returns > -1).all()
    assert np.isfinite((1 + market.half_returns).prod(axis=(1, 2))).all()
    assert len(paths.user_returns(told).names) == paths_in(path)
    assert np.isfinite(paths.user_returns(told).summary()["geometric_return_rate"]).all()


@cache
def _user_scenario() -> Scenario:
    return load("boom", {"paths.model": "user", "paths.file": "mine.csv"})


# --- reforms ----------------------------------------------------------------------------------------

PARAMETERS = ["II_rt1", "II_rt7", "STD", "II_em", "NIIT_rt", "SS_Earnings_c", "STD-indexed", "CG_nodiff", "II_rt99"]
years_of_law = st.one_of(
    st.integers(2013, 2100).map(str), st.sampled_from(["2012", "2101", "0", "-1", "\uff12030", " 2030", "2_030"]), words
)
amounts = st.one_of(
    st.floats(0, 1), st.floats(0, 1e6), numbers, st.booleans(), st.lists(numbers, max_size=6), json_values
)


COMMENTED = (
    "{ /* of\ntwo lines */",
    '{ // "II_em": {\n',
    '{"II_rt7": {"2030": 9e99}, ',
    '{"STD": {"2030": 1, "2030": 2},',
    "{ /*",
)


@st.composite
def reforms(draw: st.DrawFn) -> bytes:
    """Reform files: nearly right, deep, long, and no JSON at all."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        depth = draw(st.integers(1, 100_000))
        return b'{"II_rt7": {"2030": ' + b"[" * depth
    if kind == 2:
        return json.dumps(draw(json_values)).encode()
    names = st.one_of(st.sampled_from(PARAMETERS), st.sampled_from(["policy", "//", "schema"]), words)
    told = draw(st.dictionaries(names, st.dictionaries(years_of_law, amounts, max_size=4), max_size=4))
    text = json.dumps(
        {"policy": told, "consumption": {"X": 1}} if kind == 3 else told, indent=draw(st.none() | st.just(1))
    )
    if kind == 4 and told:  # as written by hand: comments, a byte order mark, a name that stands twice
        text = (
            "\ufeff" * draw(st.integers(0, 1)) + "// a title\n" + text.replace("{", draw(st.sampled_from(COMMENTED)), 1)
        )
    if kind == 5:  # several reforms in one file, each changing what the ones before it made
        text = f"[{text}, {json.dumps(draw(st.just(told) | json_values))}]"
    return text.encode("utf-8", "surrogatepass")


def read_reform(place: Path, content: bytes) -> None:
    """A reform file is finite numbers by year that can be moved and named, or is refused."""
    path = place / "reform.json"
    path.write_bytes(content)
    read = reforms_of.read_reform(path)
    reform = read.parameters
    assert all(2013 - 2013 <= year <= 2100 for values in reform.values() for year in values)
    assert json.loads(json.dumps(reform, allow_nan=False))
    reforms_of.reform_years(read.moved(2040).parameters)
    reforms_of.redated(reform, 2052, 2036)
    schedules.reform_key(read)
    reforms_of.said_of(read, ["a warning"])


whole_reforms = st.dictionaries(
    st.sampled_from(PARAMETERS),
    st.dictionaries(st.integers(2000, 2100).map(str), st.one_of(st.floats(-1, 2), st.booleans(), amounts), max_size=3),
    min_size=1,
    max_size=3,
).map(lambda told: json.dumps(told).encode("utf-8", "surrogatepass"))


def ask_tax_calculator(place: Path, content: bytes) -> None:
    """Reforms that are whole go on to Tax-Calculator, which takes them or says why not: a second each."""
    (place / "reform.json").write_bytes(content)
    reforms_of.tried(reforms_of.read_reform(place / "reform.json"))


# --- designs of sweeps ------------------------------------------------------------------------------

DESIGN = """[sweep]
base = "boom"
against = "baseline"
design = "grid"
[settings]
"adoption.participants_share" = [0.05, 0.1]
"paths.crypto_return" = [0.0, 0.06]
"""
ranges = st.one_of(
    st.just({}),
    st.dictionaries(st.sampled_from(["low", "high", "steps", "x"]), st.one_of(st.floats(-1, 3), numbers), max_size=3),
    st.lists(st.one_of(numbers, st.floats(0, 1), words, st.booleans()), max_size=4),
    numbers,
    words,
)
designs = st.builds(
    lambda asked, moved: _design_text(asked, moved),
    st.fixed_dictionaries(
        {},
        optional={
            "base": st.one_of(st.sampled_from(["boom", "stochastic_central", "mine.toml"]), words),
            "against": st.one_of(st.sampled_from(["baseline", "mine.toml"]), words, numbers),
            "design": st.one_of(st.sampled_from(["grid", "sobol"]), words),
            "samples": st.one_of(st.sampled_from([4, 8, 5, 0, 1 << 40]), numbers),
            "seed": numbers,
            "title": writable,
            "own": st.one_of(st.lists(keys, max_size=2), words),
        },
    ),
    st.dictionaries(keys, ranges, max_size=4),
)


def _design_text(asked: dict[str, Any], moved: dict[str, Any]) -> bytes:
    lines = ["[sweep]", *(f"{key} = {format_value(value)}" for key, value in asked.items()), "[settings]"]
    for key, value in moved.items():
        ends = ", ".join(f"{end} = {format_value(at)}" for end, at in value.items()) if isinstance(value, dict) else ""
        text = f"{{{ends}}}" if isinstance(value, dict) else format_value(value)
        lines.append(f"{format_value(key)} = {text}")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


MOST_CASES = 300
"""Of a design whose cases are looked at one by one."""


def read_sweeps_design(place: Path, content: bytes) -> None:
    """A design is one that can be written and asked again, with cases that hold together, or is refused."""
    path = place / "design.toml"
    path.write_bytes(content)
    (place / "mine.toml").write_text('[scenario]\nextends = "boom"\n', encoding="utf-8")
    design = read_design(path)
    assert design.count > 0 and design.record() and design.to_toml()
    if design.count <= MOST_CASES:
        check(design, cases_of(design))


def invented_sweep(design: Design) -> Sweep:
    """The sweep of a design, its outcomes invented; of a large one the first points only."""
    asked = design if design.count <= MOST_CASES or design.kind == "grid" else replace(design, samples=4)
    cases, outcomes = cases_of(asked), outcomes_with(asked, holds_crypto=True)
    values = np.random.default_rng(1).uniform(-1, 1, (len(cases), len(outcomes)))
    return Sweep.of(asked, cases, outcomes, values, [""] * len(cases))


# --- the command line -------------------------------------------------------------------------------

COMMANDS = [
    "list", "explain", "run", "compare", "decompose", "report", "figures", "sweep", "verify", "cite", "vintage",
    "data", "markets", "schedules", "hindcast", "long-run", "fly", "--version",
]  # fmt: skip
SLOW = {"build", "derive", "fit", "show", "check", "--check"}
"""Words that start minutes of work, or real work on the package's own data."""

OPTIONS = [
    "--json", "--set", "--out", "--force", "--resume", "-v", "--help", "--changed", "--toml", "--schema", "--paths",
    "--seed", "--rerun", "--anyway", "--line", "--", "--contribution", "--age", "--withdrawal-age", "--return-rate",
    "--discount-rate", "--character", "--brief", "--html", "--xlsx", "--samples", "--jobs", "--static",
]  # fmt: skip
PLACES = [
    "run", "a b", "\u00e9", "file", "file/x", "new/run", "run.incomplete", ".", "x" * 300, "link", "x.pdf", "a/b.pdf",
    "x.html", "x.xlsx",
]  # fmt: skip
NAMES = ["boom", "mine.toml", "design.toml", "drivers", "run", "1"]
some_words = st.lists(
    st.one_of(
        *(st.sampled_from(known) for known in (COMMANDS, OPTIONS, PLACES, NAMES)),
        st.builds(lambda key, value: f"{key}={value}", keys, words),
        words.filter(lambda word: "/" not in word and ".." not in word and "~" not in word),
    ),
    max_size=7,
)
lines = st.one_of(some_words, st.builds(lambda first, rest: [first, *rest], st.sampled_from(COMMANDS), some_words))


def _built(results: Any, out: Path, *_: Any, html: Path | None = None, xlsx: Path | None = None, **__: Any) -> Path:
    """In place of the report, which takes seconds: empty files."""
    for file in filter(None, (out, html, xlsx)):
        file.write_bytes(b"")
    return out


def _factors(*chosen: Any, **_: Any) -> pd.DataFrame:
    """In place of a decomposition, which projects."""
    columns = ["scenario", "window", "line", "factor", "effect_bn_usd"]
    return pd.DataFrame([(chosen[0].name, "FY2026-2035", "net_revenue", "rate", 1.0)], columns=columns)


def say(place: Path, told: list[str]) -> None:
    """Any words after ``fiscal``: exit code 0, 1 or 2."""
    import fiscal

    if set(told) & SLOW:
        return
    for item in place.iterdir():  # of past lines
        shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
    (place / "file").write_text("x", encoding="utf-8")
    (place / "link").symlink_to("/etc")
    (place / "mine.toml").write_text('[scenario]\nextends = "boom"\n', encoding="utf-8")
    (place / "design.toml").write_text(DESIGN, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(running, "run", lambda scenario, **_: small(scenario))
        patch.setattr(report, "build", _built)
        patch.setattr(report, "figures", lambda found, out, progress: out / "figures.json")
        patch.setattr(fiscal, "decompose", _factors)
        patch.setattr(fiscal, "sweep", lambda design, **_: invented_sweep(design))
        answer = typer.testing.CliRunner().invoke(cli.app, told)
    fault = answer.exception
    if fault is not None and not isinstance(fault, FiscalError | SystemExit | OSError):
        raise fault
    assert answer.exit_code in (0, 1, 2)


@contextlib.contextmanager
def quick(place: Path) -> Iterator[None]:
    """Within: what does not hang on the input is computed once, and the system's folder for short-lived files is
    ``place``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(place))
        for module, name in ((core, "annual_moments"), (paths, "half_returns_real"), (schedules, "input_hashes")):
            patch.setattr(module, name, _once(getattr(module, name)))
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        yield


def _once(function: Callable[..., Any]) -> Callable[..., Any]:
    known: list[Any] = []

    def answer(*arguments: Any) -> Any:
        if not known:
            known.append(function(*arguments))
        return known[0].copy()

    return answer
