"""Scenarios: settings with documented defaults, files of changes, and their explanation.

What is named here is imported when it is first used: the list of scenarios needs no settings.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fiscal.scenario.catalogued import catalogue, titles
    from fiscal.scenario.files import (
        baselines_added,
        content_sha256,
        file_settings,
        own_files,
        reform_file,
        reform_files,
    )
    from fiscal.scenario.header import Header
    from fiscal.scenario.json_schema import json_schema
    from fiscal.scenario.loading import load
    from fiscal.scenario.names import setting_name
    from fiscal.scenario.scenario import ExplainedSetting, Scenario, explain, standings
    from fiscal.scenario.schema import Settings

__all__ = [
    "ExplainedSetting",
    "Header",
    "Scenario",
    "Settings",
    "catalogue",
    "content_sha256",
    "explain",
    "file_settings",
    "json_schema",
    "load",
    "own_files",
    "baselines_added",
    "reform_file",
    "reform_files",
    "setting_name",
    "standings",
    "titles",
]

_HOMES = {
    "catalogued": ("catalogue", "titles"),
    "files": ("baselines_added", "content_sha256", "file_settings", "own_files", "reform_file", "reform_files"),
    "header": ("Header",),
    "json_schema": ("json_schema",),
    "loading": ("load",),
    "names": ("setting_name",),
    "scenario": ("ExplainedSetting", "Scenario", "explain", "standings"),
    "schema": ("Settings",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"fiscal.scenario.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'fiscal.scenario' has no attribute {name!r}")
