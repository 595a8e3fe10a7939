"""Scenarios: settings with documented defaults, files of overrides, and their explanation."""

from __future__ import annotations

from fiscal.scenario.files import content_sha256, file_settings, own_files, reform_file, reform_files
from fiscal.scenario.loading import catalogue, load
from fiscal.scenario.scenario import ExplainedSetting, Header, Scenario, explain
from fiscal.scenario.schema import Settings, json_schema

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
    "reform_file",
    "reform_files",
]
