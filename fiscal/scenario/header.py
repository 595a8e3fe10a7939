"""Who wrote a scenario and what it is called."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

NAME_PATTERN = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9][A-Za-z0-9_.+-]*(?: [A-Za-z0-9_.+-]+)*")
"""A scenario's name is also the name of its run folder: words of letters, digits, and a few signs."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Header(BaseModel):
    """The ``[scenario]`` table of a file: who wrote what. All of it is text, never markup."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field("", max_length=64, description="Name of the run; default: the file's name.")
    title: str = Field("", max_length=200, description="One line for title pages and legends.")
    author: str = Field("", max_length=200, description="Who made the scenario.")
    reference: str = Field("", max_length=1000, description="Where it is described.")
    description: str = Field("", max_length=4000, description="What it supposes and why.")
    extends: str = Field("", max_length=1000, description="Scenario or file that this one changes.")

    @field_validator("*", mode="after")
    @classmethod
    def _no_control_characters(cls, value: str) -> str:
        if _CONTROL.search(value):
            raise PydanticCustomError("control_character", "holds a control character")
        return value

    @field_validator("name", mode="after")
    @classmethod
    def _usable_as_folder(cls, value: str) -> str:
        if value and not NAME_PATTERN.fullmatch(value):
            raise PydanticCustomError("bad_name", "cannot be used as a name")
        return value
