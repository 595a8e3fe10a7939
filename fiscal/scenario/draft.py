"""Values from files and overrides, validated together; every problem is reported at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fiscal.base.errors import MOST_TOLD, InputError, Problem, nearest, percent_hint
from fiscal.base.files import plain_value, refuse_oversize
from fiscal.scenario.assumptions import adjustable, problems_of
from fiscal.scenario.catalogued import CATALOGUE_DIR, catalogue
from fiscal.scenario.files import REFORM, file_of_reform, file_settings, from_home, named_beside, names_in, paths_in
from fiscal.scenario.header import Header
from fiscal.scenario.names import title_with
from fiscal.scenario.rules import contradictions
from fiscal.scenario.schema import ASSUMPTIONS, SECTIONS, Assumptions, Settings, allowed, known_keys
from fiscal.scenario.section import NONE_WORD, bounds, declaration, spell, without_dust
from fiscal.scenario.toml import parse_toml, path_hint, read_toml

MAX_LINEAGE = 16
HEADER = "scenario"
SECTION_NAMES = (HEADER, *SECTIONS, ASSUMPTIONS)
OVERRIDES = "--set"
SCENARIO_ALLOWED = "a .toml file or a name that fiscal list prints"
_SHORT_NUMBER = re.compile(r"([+-]?)(\.\d+)")
_BARE = re.compile(r"[^\s\"'\[\]{}#=,]+")


def read_value(key: str, value: object, file: str) -> tuple[Any, list[Problem]]:
    """One value of a setting as a scenario holds it, and its own errors; ``file`` names its origin."""
    section, _, name = key.partition(".")
    value = plain_value(value)
    if section == ASSUMPTIONS:
        problems = problems_of({name: value}, {key: file})
        return (None if problems else float(cast(float, value))), problems
    if section not in SECTIONS or not name:
        return None, [Problem("unknown key", file=file, key=key, nearest=_nearest_dotted(key))]
    try:
        return getattr(SECTIONS[section].model_validate({name: value}), name), []
    except ValidationError as error:
        draft = Draft()
        draft.put(section, name, value, file)
        return None, [_setting_problem(section, name, error.errors()[0], draft)]


class Made(TypedDict):
    """The parts of a Scenario."""

    settings: Settings
    name: str
    title: str
    author: str
    reference: str
    description: str
    lineage: tuple[str, ...]
    origins: dict[str, str]


def finish(draft: Draft, overrides: Mapping[str, object] | Sequence[str], *, default_name: str) -> Made:
    """The scenario of a draft with overrides. Raises InputError for every problem of both."""
    before, problems = _validate(draft)
    named = draft.header.get("name")
    parsed = _parse_overrides(overrides, draft.problems)
    settings = before
    if parsed or draft.problems:  # the draft's own problems come again, with those of the overrides
        draft.absorb(parsed, OVERRIDES)
        settings, problems = _validate(draft)
    if problems:
        raise InputError(problems)
    settings = _all_paths(settings, draft)
    header = Header(**{key: value for key, value in draft.header.items() if key != "extends"})
    name = header.name or default_name
    title, description = header.title or name, header.description
    changes = _changes(before, settings, parsed)
    renamed = HEADER in parsed and ("name" in parsed[HEADER] or not changes)
    if changes and not renamed:
        # in a legend or a run folder, a changed scenario must not be confused with the original
        name = _variant_name(str(named or default_name), changes)
        old = {f"{section}.{name}": value for section, part in before for name, value in part}
        title = _shorten(title_with(title, old, changes), 200)
        description = ""  # it may describe what has just been changed; the title states what differs
    return Made(
        settings=settings,
        name=name,
        title=title,
        author=header.author,
        reference=header.reference,
        description=description,
        lineage=tuple(draft.lineage),
        origins={key: _as_text(Path(origin).name) for key, origin in draft.origins.items()},
    )


LONGEST_NAME = 64

COUNT, FROM_FILE = "paths.count", "paths.file"


def _all_paths(settings: Settings, draft: Draft) -> Settings:
    """The settings, with all paths of a user's file if their number is not set."""
    if (
        settings.paths.file is None
        or settings.paths.model != "user"
        or draft.origins.get(COUNT, "default") != "default"
    ):
        return settings
    draft.origins[COUNT] = FROM_FILE
    paths = settings.paths.model_copy(update={"count": paths_in(Path(settings.paths.file))})
    return settings.model_copy(update={"paths": paths})


def _changes(before: Settings, after: Settings, overrides: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """The overrides that change a value, by dotted name."""
    old, new = before.model_dump(), after.model_dump()
    return {
        f"{section}.{key}": new[section].get(key, values[key])  # a row at its own value is not kept
        for section, values in overrides.items()
        if section != HEADER
        for key in values
        if old[section].get(key) != new[section].get(key)
    }


def _variant_name(base: str, changes: Mapping[str, object]) -> str:
    """A name that says what was changed, ``boom-participants_share-0.2``; of several changes their values alone, and of
    many their number: a name of the user's own tells such scenarios apart."""
    values = [_short(key, value) for key, value in changes.items()]
    keys = [key.partition(".")[2] for key in changes]
    pairs = [f"{key}-{value}" for key, value in zip(keys, values, strict=True)]
    for words in ([base, *pairs], [base, *values], [base[:40], f"with-{len(changes)}-changes"]):
        name = "-".join(re.sub(r"[^A-Za-z0-9_.+-]+", "_", word).strip("_") for word in words)
        if len(name) <= LONGEST_NAME:
            break
    return name


def _as_text(name: str) -> str:
    """A file's name as text that can be written in any locale."""
    try:
        return os.fsencode(name).decode("utf-8", "replace")
    except UnicodeEncodeError:  # text already
        return name


def _short(key: str, value: object) -> str:
    """A value for a title: a file by its name, without its folder."""
    return spell(Path(str(value)).name if key in file_settings() and value else value)


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


@dataclass(frozen=True)
class _Origin:
    """One scenario file: its place, its name in messages, and its default name."""

    path: Path
    shown: str
    name: str


def locate(wanted: str, beside: _Origin | None) -> _Origin:
    """Find a scenario of the package or a file; a path in ``extends`` is relative to the file that has it."""
    names = catalogue()
    if wanted in names:
        return _Origin(CATALOGUE_DIR / f"{wanted}.toml", f"{wanted}.toml", wanted)
    looks_like_file = wanted.endswith(".toml") or "/" in wanted or "\\" in wanted
    path = from_home(wanted)
    if beside is not None and not path.is_absolute():
        path = beside.path.parent / path
    try:
        exists = path.is_file() or (looks_like_file and path.exists())
    except (OSError, ValueError):
        exists = False
    if exists:
        inside = path / "scenario.toml"
        if inside.is_file():
            message = "is the folder of a run, not a scenario"
            raise InputError(Problem(message, file=wanted, nearest=inside.as_posix()))
        return _Origin(path, wanted, name_from(path))
    problem = Problem(
        f"no such scenario{' file' if looks_like_file else ''} {wanted!r}",
        file=beside.shown if beside else None,
        key=f"{HEADER}.extends" if beside else None,
        allowed=SCENARIO_ALLOWED,
        nearest=nearest(wanted, names) or nearest(Path(wanted).stem, names) or _neighbour(path),
        hint=path_hint(wanted),
    )
    raise InputError(problem)


def _neighbour(path: Path) -> str | None:
    try:
        files = [other.name for other in path.parent.glob("*.toml")]
    except (OSError, ValueError):
        return None
    return nearest(path.name, files)


def name_from(path: Path) -> str:
    """A file's stem as the name of a scenario or design."""
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", path.stem).lstrip("_.+-")[:64]
    return name or HEADER


@dataclass
class Draft:
    """Values from files and overrides before validation, each with its origin."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    header_origins: dict[str, str] = field(default_factory=dict)
    lineage: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    whole: bool = True  # the file and what it extends were found and read

    @staticmethod
    def of(made: Made) -> Draft:
        """The draft of a finished scenario, to which overrides may be added."""
        words = {name: text for name, text in made.items() if isinstance(text, str) and text}
        draft = Draft(header=words, lineage=list(made["lineage"]))
        for section, values in made["settings"].model_dump().items():
            for key, value in values.items():
                origin = made["origins"].get(f"{section}.{key}", "default")
                if (origin, f"{section}.{key}") != (FROM_FILE, COUNT):
                    draft.put(section, key, value, origin)
        return draft

    def put(self, section: str, key: str, value: object, origin: str) -> None:
        self.values.setdefault(section, {})[key] = value
        self.origins[f"{section}.{key}"] = origin

    def read(self, origin: _Origin, seen: tuple[Path, ...]) -> None:
        """Read a file after the one it extends, so that the nearest value applies."""
        identity = origin.path.resolve()
        if identity in seen or len(seen) >= MAX_LINEAGE:
            message = "extends itself" if identity in seen else f"extends more than {MAX_LINEAGE} files"
            raise InputError(Problem(message, file=origin.shown, key=f"{HEADER}.extends"))
        data = read_toml(origin.path, origin.shown)
        header = data.get(HEADER)
        parent = header.get("extends") if isinstance(header, dict) else None
        if isinstance(parent, str) and parent:
            try:
                self.read(locate(parent, origin), (*seen, identity))
            except InputError as error:  # errors in this file are reported with it
                self.problems += error.problems
                self.whole = False
            # name and texts come from the requested file, not from the one it extends
            self.header.clear()
        self.lineage.append(origin.name)
        self.absorb(data, origin.shown, origin.path.parent)

    def absorb(self, data: Mapping[str, object], origin: str, folder: Path | None = None) -> None:
        """Take over the tables of one file; anything that is not a section is a problem. Files are looked for in its
        ``folder``, those of overrides (None) in the current folder."""
        for section, table in data.items():
            if section not in SECTION_NAMES:
                self.problems.append(_unknown_section(section, table, origin))
            elif not isinstance(table, dict):
                self.problems.append(_no_section(section, table, origin))
            elif section == HEADER:
                self.header |= table
                self.header_origins |= dict.fromkeys(table, origin)
            else:
                for key, value in _rows_of(table) if section == ASSUMPTIONS else table.items():
                    self.put(section, key, _file_named(f"{section}.{key}", value, folder), origin)


def _rows_of(table: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Entries of ``[assumptions]`` by key; TOML reads ``part.key`` without quotes as a nested table."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{name}", inner) for name, inner in value.items())
        else:
            yield key, value


def _file_named(key: str, value: object, folder: Path | None) -> object:
    """The value of a setting, with the full path of a file. A reform given as a dictionary becomes a file."""
    if key == REFORM and folder is None and isinstance(value, Mapping):
        return file_of_reform(value)
    if key not in file_settings() or not isinstance(value, str) or value in ("", NONE_WORD):
        return value
    names = names_in(key, value)
    return "+".join(str(from_home(name)) if folder is None else named_beside(key, name, folder) for name in names)


def _unknown_section(section: str, table: object, origin: str) -> Problem:
    is_table = isinstance(table, dict)
    suggestion = nearest(section, SECTION_NAMES) if is_table else _with_its_section(section)
    return Problem(
        "unknown section" if is_table else "unknown key outside any section",
        file=origin,
        key=section,
        value=None if is_table else table,
        allowed="sections " + ", ".join(SECTION_NAMES) if suggestion is None else None,
        nearest=suggestion,
    )


def _no_section(section: str, value: object, origin: str) -> Problem:
    keys = ", ".join(_fields(section))
    return Problem(
        "is a section, not a value", file=origin, key=section, value=value, allowed=f"[{section}] with {keys}"
    )


def _fields(section: str) -> tuple[str, ...]:
    if section == ASSUMPTIONS:
        return tuple(adjustable())
    model: type[BaseModel] = Header if section == HEADER else SECTIONS[section]
    return tuple(model.model_fields)


def _nearest_key(section: str, key: str) -> str | None:
    """The setting of the same section that ``key`` misspells; a setting of another section has another meaning."""
    here = nearest(key, _fields(section))
    return f"{section}.{here}" if here else None


def _with_its_section(key: str) -> str | None:
    """The setting of a name without its section, if only one section has it."""
    homes = [name for name in known_keys() if name.split(".")[1] == key]
    return homes[0] if len(homes) == 1 else None


def _parse_overrides(
    overrides: Mapping[str, object] | Sequence[str], problems: list[Problem]
) -> dict[str, dict[str, Any]]:
    pairs = _pairs_of(overrides, problems)
    tables: dict[str, dict[str, Any]] = {}
    for key, value in pairs:
        section, _, name = key.partition(".")
        if section == HEADER and name == "extends":
            problems.append(Problem("can only be set in a file", file=OVERRIDES, key=key))
        elif key in SECTION_NAMES:
            problems.append(_no_section(section, value, OVERRIDES))
        elif section not in SECTION_NAMES or not name:
            near = _nearest_dotted(key) if len(problems) < MOST_TOLD else None
            problems.append(Problem("unknown key", file=OVERRIDES, key=key, value=value, nearest=near))
        elif name in tables.get(section, {}):
            problems.append(Problem("set more than once", file=OVERRIDES, key=key, value=value))
        else:
            tables.setdefault(section, {})[name] = value
    return tables


def _pairs_of(overrides: Mapping[str, object] | Sequence[str], problems: list[Problem]) -> list[tuple[str, object]]:
    """Overrides as dotted names and values; unreadable ones are added to the problems."""
    if isinstance(overrides, str):
        overrides = [overrides]
    if isinstance(overrides, Mapping):
        refuse_oversize(overrides, OVERRIDES)
        plain = plain_value(overrides)
        return [pair for key, value in plain.items() for pair in _dotted(str(key), value)]
    texts = plain_value(overrides)
    if not isinstance(texts, list):
        shape = "texts section.key=value, or a mapping of settings to values"
        problems.append(Problem("wrong type", file=OVERRIDES, value=overrides, allowed=shape))
        return []
    refuse_oversize(dict(enumerate(texts)), OVERRIDES)
    pairs: list[tuple[str, object]] = []
    for text in texts:
        key, equals, written = (part.strip() for part in str(text).partition("="))
        if not equals or not isinstance(text, str):
            shape = "section.key=value"
            problems.append(Problem("no value given", file=OVERRIDES, key=key, allowed=shape))
            continue
        try:
            pairs.append((key, _parse_value(written)))
        except InputError as error:
            (why,) = error.problems
            if why.message.startswith("broken TOML"):
                allowed = 'a number, true or false, a word, "text" or [a, list]'
                why = replace(why, message="the value is not TOML", allowed=allowed)
            problems.append(replace(why, key=key, value=written))
    return pairs


def overridden(overrides: Mapping[str, object] | Sequence[str]) -> list[str]:
    """Dotted names of the settings that overrides change."""
    return [key for key, _ in _pairs_of(overrides, [])]


def _dotted(key: str, value: object) -> list[tuple[str, object]]:
    """``{"horizon": {"last_year": 2050}}`` as ``horizon.last_year``; other names and values unchanged."""
    if key in SECTION_NAMES and isinstance(value, Mapping):
        return [(f"{key}.{name}", member) for name, member in value.items()]
    return [(key, value)]


def _nearest_dotted(key: str) -> str | None:
    """The setting that an unknown dotted name misspells, in the section or in the key."""
    section, _, name = key.partition(".")
    if not name:
        return _with_its_section(section)
    likely = nearest(section, SECTION_NAMES)
    return _nearest_key(likely, name) or likely if likely else None


def _parse_value(text: str) -> object:
    text = _SHORT_NUMBER.sub(r"\g<1>0\2", text) if _SHORT_NUMBER.fullmatch(text) else text
    try:
        data = parse_toml(f"value = {text}", OVERRIDES)
    except InputError:
        if _BARE.fullmatch(text):
            return text
        raise
    if set(data) != {"value"}:
        raise InputError(Problem("more than one value", file=OVERRIDES, value=text))
    return data["value"]


def _validate(draft: Draft) -> tuple[Settings, list[Problem]]:
    """Settings from a draft, with all problems; wrong values take their defaults meanwhile."""
    problems = list(draft.problems)
    problems += _header_problems(draft)
    sections: dict[str, Any] = {}
    wrong: set[str] = set()
    for name, model in SECTIONS.items():
        values = draft.values.get(name, {})
        try:
            sections[name] = model.model_validate(values)
        except ValidationError as error:
            faults = {str(detail["loc"][0]): detail for detail in error.errors()}
            problems += [
                _setting_problem(name, key, faults[key], draft, suggest=number < MOST_TOLD)
                for number, key in enumerate(faults)
            ]
            wrong |= {f"{name}.{key}" for key in faults}
            sections[name] = model.model_validate({key: value for key, value in values.items() if key not in faults})
    # a row at its own value does not change the scenario
    changes = {
        key: without_dust(value)
        for key, value in draft.values.get(ASSUMPTIONS, {}).items()
        if key not in adjustable() or isinstance(value, bool) or value != adjustable()[key].default
    }
    faults_of_rows = problems_of(changes, draft.origins) if changes else []
    problems += faults_of_rows
    sections[ASSUMPTIONS] = Assumptions(**({} if faults_of_rows else changes))
    settings = Settings(**sections)
    for problem in contradictions(settings) if draft.whole else []:
        key = problem.key or ""
        if key not in wrong:
            problems.append(replace(problem, file=draft.origins.get(key)))
    return settings, problems


def _setting_problem(section: str, key: str, detail: ErrorDetails, draft: Draft, *, suggest: bool = True) -> Problem:
    origin = draft.origins.get(f"{section}.{key}")
    value = draft.values[section].get(key)
    dotted = f"{section}.{key}"
    if detail["type"] == "extra_forbidden":
        near = _nearest_key(section, key) if suggest else None
        return Problem("unknown key", file=origin, key=dotted, value=value, nearest=near)
    own = ("out_of_range", "empty_list", "repeated", "not_text", "control_character")
    if detail["type"] in own:
        message = detail["msg"]
    elif detail["type"] == "literal_error":
        message = "not one of the choices"
    elif detail["type"] == "finite_number":
        message = "not a finite number"
    else:
        message = "wrong type"
    model = SECTIONS[section]
    choices = re.findall(r'"([^"]+)"', allowed(model, key))
    return Problem(
        message,
        file=origin,
        key=dotted,
        value=value,
        allowed=allowed(model, key),
        nearest=nearest(value, choices) if isinstance(value, str) else None,
        hint=percent_hint(value, declaration(model, key)["unit"], *bounds(model, key))
        if message == "out of range"
        else path_hint(value),
    )


def _header_problems(draft: Draft) -> list[Problem]:
    try:
        Header.model_validate(draft.header)
    except ValidationError as error:
        problems = []
        for detail in error.errors():
            key = str(detail["loc"][0])
            unknown = detail["type"] == "extra_forbidden"
            problems.append(
                Problem(
                    "unknown key" if unknown else _HEADER_MESSAGES.get(detail["type"], detail["msg"]),
                    file=draft.header_origins.get(key),
                    key=f"{HEADER}.{key}",
                    value=draft.header.get(key),
                    allowed=_HEADER_ALLOWED.get(detail["type"]),
                    nearest=nearest(key, Header.model_fields) if unknown else None,
                )
            )
        return problems
    return []


_HEADER_MESSAGES = {"string_type": "wrong type", "string_too_long": "too long"}
_HEADER_ALLOWED = {
    "extra_forbidden": ", ".join(Header.model_fields),
    "string_type": "a text in quotes",
    "string_too_long": "64 characters in name, 200 in title and author, 1000 elsewhere, 4000 in description",
    "bad_name": "up to 64 letters, digits, _ . + -, and single spaces, beginning with a letter or digit",
    "control_character": "printable characters and line breaks",
}
