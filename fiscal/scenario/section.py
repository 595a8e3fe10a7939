"""How a section declares a setting: its default with label, unit, valid range, source, and standing.

Each section is a frozen pydantic model, and each field is declared through :func:`setting`. Validation, ``fiscal
explain``, and the exported JSON Schema read this one declaration.

Standing of a default: ``cited`` (from a publication or the law), ``derived`` (stated arithmetic on cited figures),
``assumed`` (no source; has a range and enters the sensitivity analysis), or ``choice`` (the user's choice, such as the
horizon).
"""

from __future__ import annotations

import datetime
import typing
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fiscal.scenario.toml import format_value, path_hint

Status = Literal["cited", "derived", "assumed", "choice"]

SMALLEST = 1e-12
"""A number smaller than this in size is zero; as a share of all retirement money it is less than 100 dollars."""

NONE_WORD = "none"
"""How a scenario file writes "no value", because TOML has no null."""


def setting(
    default: Any,
    *,
    label: str,
    unit: str,
    doc: str,
    source: str,
    status: Status,
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Declare one lever: its default, label, unit, inclusive range, and the source and standing of the default.

    ``label`` names it in plain words, short enough for the label of a bar. Users type the key into a scenario file;
    readers of a figure or a sentence see the label. ``low`` and ``high`` apply to the value, or to each member of a
    list.
    """
    extra: dict[str, Any] = {"unit": unit, "source": source, "status": status}
    bounds = {"minimum": low, "maximum": high}
    if isinstance(default, tuple):
        extra["each"] = {name: bound for name, bound in bounds.items() if bound is not None}
    else:
        extra |= {name: bound for name, bound in bounds.items() if bound is not None}
    return Field(default, title=label, description=doc, json_schema_extra=extra)


def without_dust(value: Any) -> Any:
    """The value itself, or 0.0 for a number smaller in size than :data:`SMALLEST`."""
    return 0.0 if isinstance(value, float) and abs(value) < SMALLEST else value


class Section(BaseModel):
    """Base of all sections: frozen, without unknown keys or silent conversion, with the declared ranges."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _from_toml(cls, value: Any, info: ValidationInfo) -> Any:
        """TOML lists become tuples, ``"none"`` becomes None where that is allowed, and numbers close to zero become
        0.0."""
        name = cast(str, info.field_name)
        if isinstance(value, datetime.date):
            return value.isoformat()
        if isinstance(value, list):
            return tuple(without_dust(member) for member in value)
        if isinstance(value, str) and value == NONE_WORD and is_optional(cls, name):
            return None
        return without_dust(value)

    @field_validator("*", mode="after")
    @classmethod
    def _in_range(cls, value: Any, info: ValidationInfo) -> Any:
        low, high = bounds(cls, cast(str, info.field_name))
        members = value if isinstance(value, tuple) else (value,)
        if isinstance(value, tuple) and not value:
            raise PydanticCustomError("empty_list", "the list is empty")
        for member in members:
            if isinstance(member, str) and any("\ud800" <= mark <= "\udfff" for mark in member):
                # a file name that is not UTF-8, which no table, TOML, or PDF can hold
                raise PydanticCustomError("not_text", "is not text that UTF-8 can hold")
            if path_hint(member):
                raise PydanticCustomError("control_character", "contains a control character")
            if not isinstance(member, int | float) or isinstance(member, bool):
                continue
            if (low is not None and member < low) or (high is not None and member > high):
                raise PydanticCustomError("out_of_range", "out of range")
        if isinstance(value, tuple) and len(set(value)) != len(value):
            raise PydanticCustomError("repeated", "a value is listed twice")
        return value


def bounds(section: type[Section], field: str) -> tuple[float | None, float | None]:
    """Inclusive range declared for a field (of each member, for lists); None where unbounded."""
    extra = declaration(section, field)
    extra = extra.get("each", extra)
    return extra.get("minimum"), extra.get("maximum")


def declaration(section: type[Section], field: str) -> dict[str, Any]:
    """What :func:`setting` stores about a field: unit, source, status, and bounds."""
    return cast("dict[str, Any]", section.model_fields[field].json_schema_extra or {})


def is_optional(section: type[Section], field: str) -> bool:
    """Whether the field may hold no value (written ``"none"``)."""
    return type(None) in typing.get_args(section.model_fields[field].annotation)


def spell(value: Any) -> str:
    """A setting's value as text: ``none``, ``true``, ``0.05``, ``[0.035, 0.06]``, bare words."""
    if value is None:
        return NONE_WORD
    return value if isinstance(value, str) else format_value(value)
