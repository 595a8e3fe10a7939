"""JSON Schema of a scenario file, from the declarations."""

from __future__ import annotations

from typing import Any

from fiscal.scenario.assumptions import adjustable
from fiscal.scenario.declared import Declared
from fiscal.scenario.header import Header
from fiscal.scenario.schema import Settings
from fiscal.scenario.section import NONE_WORD


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a scenario file, for editors and other programs."""
    schema = Settings.model_json_schema()
    header = Header.model_json_schema()
    header.pop("$defs", None)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "fiscal scenario"
    schema["description"] = "Overrides on the documented defaults of the fiscal model."
    schema["properties"] = {"scenario": header, **schema["properties"]}
    rows = schema["$defs"]["Assumptions"]
    rows["additionalProperties"] = False
    rows["properties"] = {key: _row_schema(row) for key, row in adjustable().items()}
    for definition in schema["$defs"].values():
        for field in definition["properties"].values():
            each = field.pop("each", None)
            if each:
                field["items"] |= each
            if "anyOf" in field:
                field["anyOf"].append({"const": NONE_WORD})
    return schema


def _row_schema(row: Declared) -> dict[str, Any]:
    """JSON Schema of one row of data/assumptions.csv."""
    schema: dict[str, Any] = {"type": "number", "title": row.label}
    schema |= {"default": row.default, "description": row.doc}
    schema |= {"unit": row.unit, "source": row.source, "status": row.status}
    ends = {"minimum": row.low, "maximum": row.high}
    return schema | {name: end for name, end in ends.items() if end is not None}
