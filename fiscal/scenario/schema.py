"""All settings of a scenario, by section, with their declarations.

To add a lever, add one ``setting(...)`` to its section in :mod:`fiscal.scenario.markets`,
:mod:`fiscal.scenario.savers` or :mod:`fiscal.scenario.government`; nothing else has to change.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from fiscal.scenario.declared import Declared
from fiscal.scenario.government import Backstop, Books, Horizon, Law, Macro, Scope, State, Tax
from fiscal.scenario.markets import Adoption, Alternatives, Fees, Overlays, Paths
from fiscal.scenario.savers import Behaviour, Contributions, Heirs, Limits, People, Roth, Withdrawals
from fiscal.scenario.section import NONE_WORD, Section, bounds, declaration, is_optional


class Assumptions(BaseModel):
    """Rows of data/assumptions.csv that this scenario changes; keys and ranges are the table's."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, float] = Field(init=False)


class Settings(Section):
    """All settings of a scenario, by section."""

    horizon: Horizon = Field(default_factory=Horizon)
    paths: Paths = Field(default_factory=Paths)
    adoption: Adoption = Field(default_factory=Adoption)
    alternatives: Alternatives = Field(default_factory=Alternatives)
    overlays: Overlays = Field(default_factory=Overlays)
    fees: Fees = Field(default_factory=Fees)
    roth: Roth = Field(default_factory=Roth)
    limits: Limits = Field(default_factory=Limits)
    withdrawals: Withdrawals = Field(default_factory=Withdrawals)
    heirs: Heirs = Field(default_factory=Heirs)
    people: People = Field(default_factory=People)
    contributions: Contributions = Field(default_factory=Contributions)
    tax: Tax = Field(default_factory=Tax)
    scope: Scope = Field(default_factory=Scope)
    books: Books = Field(default_factory=Books)
    backstop: Backstop = Field(default_factory=Backstop)
    behaviour: Behaviour = Field(default_factory=Behaviour)
    law: Law = Field(default_factory=Law)
    state: State = Field(default_factory=State)
    macro: Macro = Field(default_factory=Macro)
    assumptions: Assumptions = Field(default_factory=Assumptions)


ASSUMPTIONS = "assumptions"

SECTIONS: Mapping[str, type[Section]] = {
    name: cast("type[Section]", field.annotation)
    for name, field in Settings.model_fields.items()
    if name != ASSUMPTIONS
}
"""Section name -> its model, in the order of the scenario file, without ``assumptions``."""


def declared() -> Iterator[Declared]:
    """Every lever, in the order of the scenario file."""
    for section_name, section in SECTIONS.items():
        for name, field in section.model_fields.items():
            extra = declaration(section, name)
            low, high = bounds(section, name)
            yield Declared(
                key=f"{section_name}.{name}",
                label=field.title or "",
                default=field.default,
                unit=extra["unit"],
                low=low,
                high=high,
                allowed=allowed(section, name),
                source=extra["source"],
                status=extra["status"],
                doc=field.description or "",
            )


def known_keys() -> tuple[str, ...]:
    """Dotted names of all levers."""
    return tuple(lever.key for lever in declared())


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text in quotes"}


def allowed(section: type[Section], field: str) -> str:
    """The allowed values of a field in plain words: kind, range, or choices."""
    annotation = section.model_fields[field].annotation
    text = _kind(annotation)
    low, high = bounds(section, field)
    if low is not None and high is not None:
        text += f" from {low:g} to {_plain(high)}"
    if is_optional(section, field):
        text += f', or "{NONE_WORD}"'
    return text


def _plain(value: float) -> str:
    return str(int(value)) if value == math.floor(value) else f"{value:g}"


def _kind(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _kind(next(argument for argument in arguments if argument is not type(None)))
    if origin is Literal:
        return "one of " + ", ".join(json.dumps(value) for value in arguments)
    if origin is tuple:
        return "a list, each " + _kind(arguments[0])
    return _KINDS[annotation]
