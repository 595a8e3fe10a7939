"""Designs: which settings a sweep moves, over which values, and relative to which scenario.

    [sweep]
    base = "stochastic_central"
    against = "baseline"
    design = "sobol"
    samples = 64

    [settings]
    "adoption.participants_share" = [0.05, 0.1, 0.2]
    "tax.withdrawal_scale" = {low = 0.9, high = 1.1}
    "people.mortality_ratio" = {}

A grid takes every combination of the listed values. A Sobol design draws every setting evenly from its range or list,
independently of the others. ``{}`` is the setting's documented range: that of ``data/sensitivity_cases.csv``, or else
the range in which the setting is valid.

The reference ``against`` takes the same values, except for the scenario's *own* settings: those that differ before any
change, or those that ``own`` lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from fiscal.base import sources
from fiscal.base.errors import InputError, Problem, nearest
from fiscal.base.files import is_plain_file, plain_value, refuse_oversize
from fiscal.scenario.assumptions import adjustable
from fiscal.scenario.declared import Declared
from fiscal.scenario.draft import catalogue, name_from, overridden, read_value
from fiscal.scenario.files import file_settings, own_files
from fiscal.scenario.header import Header
from fiscal.scenario.loading import load, plain_name
from fiscal.scenario.scenario import Scenario
from fiscal.scenario.schema import ASSUMPTIONS, declared
from fiscal.scenario.section import NONE_WORD
from fiscal.scenario.toml import format_value, read_toml

DESIGNS_DIR = Path(__file__).parent / "designs"
SWEEP, SETTINGS = "sweep", "settings"
KINDS = ("grid", "sobol")
KEYS = ("title", "base", "against", "own", "design", "samples", "seed")
RANGE_KEYS = ("low", "high", "steps")
HORIZON = "horizon.last_year"

MAX_CASES = 100_000
MAX_VALUES = 1_000
MAX_SETTINGS = 100
FEWEST_SAMPLES, MOST_SAMPLES, SAMPLES = 4, 65_536, 64
BASE_FILE, REFERENCE_FILE = "scenario.toml", "reference.toml"
"""Names of the two scenario files of a stored sweep."""


@dataclass(frozen=True)
class Factor:
    """One setting that a sweep moves, over ``values`` or evenly from ``low`` to ``high``."""

    key: str
    unit: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 1.0
    whole: bool = False

    def at(self, place: float) -> Any:
        """The value at a place from 0 to 1: every listed one, and every whole number, has an equal share."""
        if self.values:
            return self.values[min(int(place * len(self.values)), len(self.values) - 1)]
        if self.whole:
            count = round(self.high - self.low) + 1
            return int(self.low) + min(int(place * count), count - 1)
        return min(self.low + place * (self.high - self.low), self.high)

    def ends(self) -> tuple[Any, Any]:
        """The ends that a tornado shows: the lowest and highest value, or the first and last of a list of words."""
        if not self.values:
            return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)
        ordered = all(_is_number(value) for value in self.values)
        return (min(self.values), max(self.values)) if ordered else (self.values[0], self.values[-1])

    def record(self) -> dict[str, Any]:
        """What determines the values, for fingerprints and files."""
        if self.values:
            return {"values": [NONE_WORD if value is None else value for value in self.values]}
        return {"low": self.low, "high": self.high}


@dataclass(frozen=True)
class Design:
    """A validated design. ``own`` lists the settings that the reference does not take."""

    name: str
    title: str
    base: Scenario
    against: Scenario | None
    own: tuple[str, ...]
    kind: Literal["grid", "sobol"]
    samples: int
    seed: int
    factors: tuple[Factor, ...]

    @property
    def count(self) -> int:
        """Cases of the grid, or of Saltelli's scheme without second-order indices."""
        if self.kind == "sobol":
            return self.samples * (len(self.factors) + 2)
        return math.prod(len(factor.values) for factor in self.factors)

    def record(self) -> dict[str, Any]:
        """Everything besides the base scenario that determines the cases and their effects, as plain values."""
        found: dict[str, Any] = {
            "design": self.kind,
            "settings": {factor.key: factor.record() for factor in self.factors},
            "against": None if self.against is None else self.against.fingerprint(),
            "own": list(self.own),
        }
        if self.kind == "sobol":
            found |= {"samples": self.samples, "seed": self.seed}
        return found

    def to_toml(self) -> str:
        """The complete design as a file, to be stored beside ``scenario.toml`` and ``reference.toml``."""
        asked: dict[str, Any] = {"title": self.title, "base": BASE_FILE}
        if self.against is not None:
            asked |= {"against": REFERENCE_FILE, "own": list(self.own)}
        asked["design"] = self.kind
        if self.kind == "sobol":
            asked |= {"samples": self.samples, "seed": self.seed}
        lines = [f"[{SWEEP}]", *(f"{key} = {format_value(value)}" for key, value in asked.items())]
        lines += ["", f"[{SETTINGS}]"]
        for factor in self.factors:
            told = factor.record()
            ends = ", ".join(f"{end} = {format_value(value)}" for end, value in told.items())
            text = format_value(told["values"]) if factor.values else f"{{ {ends} }}"
            lines.append(f"{format_value(factor.key)} = {text}")
        return "\n".join(lines) + "\n"


def designs() -> tuple[str, ...]:
    """Names of the designs in the package."""
    return tuple(sorted(path.stem for path in DESIGNS_DIR.glob("*.toml")))


def read_design(
    source: str | Path | Mapping[str, Any] | Design,
    overrides: Mapping[str, object] | Sequence[str] = (),
    samples: int | None = None,
    name: str | None = None,
) -> Design:
    """A design by name, by file, or as the mapping that a file would hold.

    ``overrides`` apply to the base and the reference in every case; ``samples`` replaces that of the file, and ``name``
    its name and title. Raises InputError with every problem of the design, its scenarios, and the overrides.
    """
    if name is not None:
        return replace(read_design(source, overrides, samples), name=plain_name(name), title=name)
    if isinstance(source, Design):
        if not overrides and samples is None:
            return source
        source = _as_mapping(source)
    samples = plain_value(samples)
    if isinstance(source, Mapping):
        refuse_oversize(source, "design")
        return _Reading(plain_value(source), "design", "design", None).design(overrides, samples)
    path, shown = _located(str(source))
    return _Reading(read_toml(path, shown), shown, name_from(path), path.parent).design(overrides, samples)


def _as_mapping(design: Design) -> dict[str, Any]:
    asked: dict[str, Any] = {"title": design.title, "base": design.base, "design": design.kind}
    if design.against is not None:
        asked |= {"against": design.against, "own": list(design.own)}
    if design.kind == "sobol":
        asked |= {"samples": design.samples, "seed": design.seed}
    moved = {factor.key: factor.record() for factor in design.factors}
    return {SWEEP: asked, SETTINGS: {key: told.get("values", told) for key, told in moved.items()}}


def _located(wanted: str) -> tuple[Path, str]:
    """The file of a design, and its name in messages."""
    names = designs()
    if wanted in names:
        return DESIGNS_DIR / f"{wanted}.toml", f"{wanted}.toml"
    path = Path(wanted)
    try:
        if path.exists():
            return path, wanted
    except (OSError, ValueError):  # a name that no file can have
        path = Path("")
    raise InputError(
        Problem(
            f"no such design {wanted!r}",
            allowed="a .toml file or one of " + ", ".join(names),
            nearest=nearest(wanted, names) or nearest(path.stem, names),
        )
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _Reading:
    """One design being read; ``problems`` collects all of its errors."""

    def __init__(self, data: dict[str, Any], shown: str, name: str, folder: Path | None) -> None:
        self.shown, self.name, self.folder = shown, name, folder
        self.problems: list[Problem] = []
        for table in sorted(set(data) - {SWEEP, SETTINGS}):
            self.say("unknown table", table, allowed=f"[{SWEEP}] and [{SETTINGS}]", near=(SWEEP, SETTINGS))
        self.asked, self.settings = (self._table(data, table) for table in (SWEEP, SETTINGS))

    def say(
        self, message: str, key: str, value: object = None, allowed: str | None = None, near: Sequence[str] = ()
    ) -> None:
        """Note a problem; ``near`` lists names that the user may have meant."""
        meant = nearest(value if isinstance(value, str) else key, near) if near else None
        self.problems.append(Problem(message, file=self.shown, key=key, value=value, allowed=allowed, nearest=meant))

    def _table(self, data: Mapping[str, Any], table: str) -> dict[str, Any]:
        found = data.get(table)
        if found is None:
            self.say("the table is missing", table)
        elif not isinstance(found, Mapping):
            self.say("is a table, not a value", table, found)
        else:
            return dict(found)
        return {}

    def design(self, overrides: Mapping[str, object] | Sequence[str], samples: int | None) -> Design:
        """The design. Raises InputError for all problems at once."""
        for key in self.asked:
            if key not in KEYS:
                self.say("unknown key", f"{SWEEP}.{key}", allowed=", ".join(KEYS), near=_dotted(KEYS))
        title = self._title()
        kind = self._kind()
        base, against = self._scenario("base", overrides), self._scenario("against", overrides)
        drawn, seed = self._draws(kind, samples)
        factors = self._factors(kind or "sobol")
        own = self._own(base, against, factors)
        if base is not None:
            self._check_scenarios(base, against, factors, overrides)
        if self.problems or base is None or kind is None:
            raise InputError(list({str(one): one for one in self.problems}.values()))
        found = Design(
            name=self.name, title=title or f"Sweep of {base.title or base.name}", base=base, against=against,
            own=own, kind=kind, samples=drawn, seed=seed, factors=factors,
        )  # fmt: skip
        if found.count > MAX_CASES:
            self.say("too many cases", SETTINGS, found.count, f"at most {MAX_CASES}")
            raise InputError(self.problems)
        return found

    def _title(self) -> str:
        title = self.asked.get("title", "")
        try:
            return Header.model_validate({"title": title}).title
        except ValidationError:
            allowed = "one line of text, at most 200 characters"
            self.say("cannot be a title", f"{SWEEP}.title", str(title)[:80], allowed)
            return ""

    def _kind(self) -> Literal["grid", "sobol"] | None:
        kind = self.asked.get("design")
        if kind == "grid":
            return "grid"
        if kind == "sobol":
            return "sobol"
        message = "is missing" if kind is None else "no such design"
        self.say(message, f"{SWEEP}.design", kind, " or ".join(f'"{name}"' for name in KINDS), KINDS)
        return None

    def _scenario(self, key: str, overrides: Mapping[str, object] | Sequence[str]) -> Scenario | None:
        named = self.asked.get(key)
        if named is None:
            if key == "base":
                allowed = "a scenario's name or .toml file"
                self.say("is missing", f"{SWEEP}.base", allowed=allowed)
            return None
        if not isinstance(named, str | Scenario):
            self.say("wrong type", f"{SWEEP}.{key}", named, "a scenario's name or .toml file, in quotes")
            return None
        if isinstance(named, str) and self.folder is not None and named not in catalogue():
            beside = self.folder / named
            named = str(beside) if is_plain_file(beside) else named
        try:
            return load(named, overrides)
        except InputError as error:
            self.problems += error.problems
            return None

    def _draws(self, kind: str | None, samples: int | None) -> tuple[int, int]:
        """Points of the Sobol sequence and the seed of its scrambling."""
        if kind == "grid":
            for key in ("samples", "seed"):
                if key in self.asked or (key == "samples" and samples is not None):
                    self.say("a grid does not draw points", f"{SWEEP}.{key}", allowed='design = "sobol"')
            return SAMPLES, 1
        drawn = self.asked.get("samples", SAMPLES) if samples is None else samples
        seed = self.asked.get("seed", 1)
        power = isinstance(drawn, int) and not isinstance(drawn, bool) and drawn > 0
        if not (power and drawn & (drawn - 1) == 0 and FEWEST_SAMPLES <= drawn <= MOST_SAMPLES):
            allowed = f"a power of two from {FEWEST_SAMPLES} to {MOST_SAMPLES}"
            self.say("not a number of Sobol points", f"{SWEEP}.samples", drawn, allowed)
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
            self.say("not a seed", f"{SWEEP}.seed", seed, f"a whole number from 0 to {2**32 - 1}")
        return drawn, seed

    def _factors(self, kind: Literal["grid", "sobol"]) -> tuple[Factor, ...]:
        flat = dict(_flat(self.settings))
        if SETTINGS in {problem.key for problem in self.problems}:
            return ()
        if not flat:
            self.say("names no setting", SETTINGS)
        if len(flat) > MAX_SETTINGS:
            self.say("too many settings", SETTINGS, len(flat), f"at most {MAX_SETTINGS}")
            return ()
        known = {lever.key: lever for lever in (*declared(), *adjustable().values())}
        found = [self._factor(key, value, known.get(key), kind) for key, value in flat.items()]
        return tuple(factor for factor in found if factor is not None)

    def _factor(self, key: str, given: object, lever: Declared | None, kind: Literal["grid", "sobol"]) -> Factor | None:
        if lever is None:
            self.problems += [replace(one, value=None) for one in read_value(key, 0, self.shown)[1]]
        elif key == HORIZON:
            self.say("cases with different horizons cannot be compared", key, allowed="--set, for all cases")
        elif key in file_settings():
            self.say("a sweep cannot vary a file", key, allowed="scenarios run one by one")
        elif isinstance(given, list | tuple):
            return self._listed(lever, given)
        elif isinstance(given, Mapping):
            return self._range(lever, given, kind)
        else:
            self.say("neither a list nor a range", key, given, "[...] or {low = ..., high = ...}")
        return None

    def _listed(self, lever: Declared, given: Sequence[object]) -> Factor | None:
        if not 1 <= len(given) <= MAX_VALUES:
            self.say("not a list of values", lever.key, len(given), f"1 to {MAX_VALUES} values")
            return None
        before = len(self.problems)
        values: list[Any] = []
        for one in given:
            value, problems = read_value(lever.key, one, self.shown)
            self.problems += problems
            if not problems and value in values:
                self.say("a value is listed twice", lever.key, one)
            values.append(value)
        return Factor(lever.key, lever.unit, values=tuple(values)) if len(self.problems) == before else None

    def _range(self, lever: Declared, given: Mapping[Any, object], kind: Literal["grid", "sobol"]) -> Factor | None:
        key, before = lever.key, len(self.problems)
        for name in given:
            if name not in RANGE_KEYS:
                self.say("unknown key", f"{key}.{name}", allowed=", ".join(RANGE_KEYS))
        ends: dict[str, Any] = {}
        for end, documented in zip(("low", "high"), documented_range(lever), strict=True):
            told = given.get(end, documented)
            if told is None:
                self.say("has no documented range", key, allowed="a list, or {low = ..., high = ...}")
                return None
            value, problems = read_value(key, _whole(told), self.shown)
            self.problems += problems
            if not problems and not _is_number(value):
                self.say("is not a number", f"{key}.{end}", told, "a list of values")
            ends[end] = value
        steps = given.get("steps")
        if kind == "grid" and steps is None:
            self.say("a grid needs values", key, allowed="a list, or {low = ..., high = ..., steps = ...}")
        elif kind == "sobol" and steps is not None:
            self.say("a Sobol design draws from the whole range", f"{key}.steps", allowed="no steps")
        elif steps is not None and not (type(steps) is int and 2 <= steps <= MAX_VALUES):
            self.say("not a number of steps", f"{key}.steps", steps, f"2 to {MAX_VALUES}")
        if len(self.problems) > before:
            return None
        if not ends["low"] < ends["high"]:
            self.say("the low end is not below the high end", key, f"{ends['low']!r} to {ends['high']!r}")
            return None
        whole = isinstance(ends["low"], int)
        factor = Factor(key, lever.unit, low=ends["low"], high=ends["high"], whole=whole)
        return factor if steps is None else self._stepped(factor, int(steps))  # type: ignore[call-overload]

    def _stepped(self, factor: Factor, steps: int) -> Factor | None:
        """The range as this number of evenly spaced values."""
        width = factor.high - factor.low
        values = [factor.low + width * step / (steps - 1) for step in range(steps - 1)] + [factor.high]
        if factor.whole and any(value != int(value) for value in values):
            self.say("steps fall between whole numbers", f"{factor.key}.steps", steps, "a list of values")
            return None
        kept = tuple(int(value) if factor.whole else value for value in values)
        return replace(factor, values=kept)

    def _own(self, base: Scenario | None, against: Scenario | None, factors: Sequence[Factor]) -> tuple[str, ...]:
        """Settings that only the scenario takes."""
        keys = [factor.key for factor in factors]
        told = self.asked.get("own")
        if told is None:
            if base is None or against is None:
                return ()
            return tuple(key for key in keys if setting_of(base, key) != setting_of(against, key))
        if self.asked.get("against") is None:
            self.say("there is no reference", f"{SWEEP}.own", allowed="against = a scenario")
        if not isinstance(told, list | tuple) or not all(isinstance(key, str) for key in told):
            self.say("wrong type", f"{SWEEP}.own", told, "a list of settings, in quotes")
            return ()
        moved = list(dict(_flat(self.settings)))
        for key in told:
            if key not in moved:
                self.say("is not moved", f"{SWEEP}.own", key, f"settings of [{SETTINGS}]", moved)
        return tuple(key for key in keys if key in told)

    def _check_scenarios(
        self,
        base: Scenario,
        against: Scenario | None,
        factors: Sequence[Factor],
        overrides: Mapping[str, object] | Sequence[str],
    ) -> None:
        """Reasons why the cases of the two scenarios cannot be compared, and overrides that the cases would undo."""
        for key in set(overridden(overrides)) & {factor.key for factor in factors}:
            self.say("is moved by the design", key, allowed="no --set of it")
        if against is None:
            return
        for key in (HORIZON, "horizon.opening_date"):
            if against.value(key) != base.value(key):
                self.say("base and reference differ", key, against.value(key), str(base.value(key)))
        if set(own_files(against.settings).values()) - set(own_files(base.settings).values()):
            self.say("has its own file", f"{SWEEP}.against", against.name, "the files of the base")


def _dotted(keys: Sequence[str]) -> list[str]:
    return [f"{SWEEP}.{key}" for key in keys]


def _flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings by dotted name; TOML reads a dotted key without quotes as nested tables."""
    for key, value in settings.items():
        if "." not in str(key) and isinstance(value, Mapping):
            for name, inner in value.items():
                if key == ASSUMPTIONS and isinstance(inner, Mapping) and set(inner) - set(RANGE_KEYS):
                    yield from ((f"{key}.{name}.{row}", moved) for row, moved in inner.items())
                else:
                    yield f"{key}.{name}", inner
        else:
            yield str(key), value


def _whole(value: object) -> object:
    """A whole number that a table keeps as a float, as an integer for the settings."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def setting_of(scenario: Scenario, key: str) -> Any:
    """A setting's value, or that of a row of data/assumptions.csv, by dotted name."""
    section, _, name = key.partition(".")
    if section == ASSUMPTIONS:
        return dict(scenario.settings.assumptions).get(name, adjustable()[name].default)
    return scenario.value(key)


def documented_range(lever: Declared) -> tuple[float | None, float | None]:
    """Low and high of a setting: the range of ``sensitivity_cases``, or else the range in which it is valid."""
    cases = sources.table("sensitivity_cases").set_index("key")
    if lever.key in cases.index:
        return float(cases.loc[lever.key, "low"]), float(cases.loc[lever.key, "high"])
    return lever.low, lever.high
