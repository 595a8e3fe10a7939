"""How a setting is declared: its default with unit, valid range, source and standing, in a section of its own.

Each section is a frozen pydantic model and each field is declared through :func:`setting`, so that validation,
``fiscal explain`` and the exported JSON Schema all read one declaration.

Standing of a default: ``cited`` (a publication or the law says so), ``derived`` (stated arithmetic on cited
figures), ``assumed`` (no source; has a range and belongs in the sensitivities) or ``choice`` (what the user asks,
such as the horizon).
"""

from __future__ import annotations

import typing
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fiscal.scenario.toml import path_hint

Status = Literal["cited", "derived", "assumed", "choice"]

SMALLEST = 1e-12
"""A number smaller than this in size is zero: a share of all retirement money that is less than a hundred dollars."""

NONE_WORD = "none"
"""How a scenario file writes "no value": TOML has no null of its own."""


def setting(
    default: Any,
    *,
    unit: str,
    doc: str,
    source: str,
    status: Status,
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Declare one lever: its default, unit, inclusive range, where the default comes from and its standing.

    ``low`` and ``high`` hold for the value, or for each member when the value is a list.
    """
    extra: dict[str, Any] = {"unit": unit, "source": source, "status": status}
    bounds = {"minimum": low, "maximum": high}
    if isinstance(default, tuple):
        extra["each"] = {name: bound for name, bound in bounds.items() if bound is not None}
    else:
        extra |= {name: bound for name, bound in bounds.items() if bound is not None}
    return Field(default, description=doc, json_schema_extra=extra)


def without_dust(value: Any) -> Any:
    """The value itself, or 0.0 for a number smaller in size than :data:`SMALLEST`."""
    return 0.0 if isinstance(value, float) and abs(value) < SMALLEST else value


class Section(BaseModel):
    """Base of all sections: frozen, no unknown keys, no silent conversion, ranges as declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _from_toml(cls, value: Any, info: ValidationInfo) -> Any:
        """TOML lists become tuples, ``"none"`` becomes None where that is allowed, what is all but zero becomes 0.0."""
        name = cast(str, info.field_name)
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
                # the name of a file that is no UTF-8, which no table, TOML or PDF could hold
                raise PydanticCustomError("not_text", "is no text that UTF-8 can hold")
            if path_hint(member):
                raise PydanticCustomError("control_character", "holds a control character")
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
    """What :func:`setting` keeps of a field: unit, source, status and bounds."""
    return cast("dict[str, Any]", section.model_fields[field].json_schema_extra or {})


def is_optional(section: type[Section], field: str) -> bool:
    """Whether the field may hold no value (written ``"none"``)."""
    return type(None) in typing.get_args(section.model_fields[field].annotation)
