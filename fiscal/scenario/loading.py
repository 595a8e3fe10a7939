"""From a name, a file, and overrides to a validated Scenario."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fiscal.base.errors import InputError
from fiscal.scenario.assumptions import adjustable
from fiscal.scenario.draft import HEADER, Draft, finish, locate
from fiscal.scenario.rules import contradictions
from fiscal.scenario.scenario import Scenario
from fiscal.scenario.schema import ASSUMPTIONS, Assumptions


def plain_name(name: str) -> str:
    """A name of a user's choice as files and tables can have it; as it is where nothing of it would be left."""
    return " ".join(re.sub(r"[^A-Za-z0-9_.+ -]+", " ", name).split()).lstrip("_.+- ")[:64].strip() or name


def load(
    name_or_path: str | Path | Scenario, overrides: Mapping[str, object] | Sequence[str] = (), name: str | None = None
) -> Scenario:
    """A scenario by name or file, with overrides; ``name`` is what tables, charts, and legends call it.

    ``overrides`` are ``"section.key=value"`` texts (TOML values, bare words allowed) or a mapping of dotted names, or
    of sections and keys, to values; values may be NumPy or pandas values, or paths. Raises InputError with every
    problem of the files and overrides.
    """
    if name is not None:
        header = {"scenario.name": plain_name(name), "scenario.title": name}
        return load(name_or_path, overrides).with_overrides(header)
    if isinstance(name_or_path, Scenario):
        return name_or_path.with_overrides(overrides)
    draft, default = Draft(), HEADER
    try:
        origin = locate(str(name_or_path), None)
        default = origin.name
        draft.read(origin, ())
    except InputError as error:  # errors in the overrides are reported with it
        draft.problems += error.problems
        draft.whole = False
    return Scenario(**finish(draft, overrides, default_name=default))


def variant(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """``scenario`` with values from :func:`read_value`, by dotted name; names and titles stay.

    Raises InputError for values that contradict each other.
    """
    settings = scenario.settings
    rows = dict(settings.assumptions)
    for key, value in values.items():
        section, _, name = key.partition(".")
        if section == ASSUMPTIONS:
            rows.pop(name, None)
            if value != adjustable()[name].default:  # a row at its own value does not change the scenario
                rows[name] = value
        else:
            part = getattr(settings, section).model_copy(update={name: value})
            settings = settings.model_copy(update={section: part})
    settings = settings.model_copy(update={ASSUMPTIONS: Assumptions(**rows)})
    problems = contradictions(settings)
    if problems:
        raise InputError(problems)
    return replace(scenario, settings=settings)
