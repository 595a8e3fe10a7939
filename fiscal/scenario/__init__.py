"""Scenarios: settings with documented defaults, files of changes, and their explanation."""

from __future__ import annotations

from fiscal.scenario.draft import catalogue
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
from fiscal.scenario.scenario import ExplainedSetting, Scenario, explain
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
]
