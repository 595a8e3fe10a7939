"""A sweep read back from its run folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fiscal.base.errors import InputError, Problem
from fiscal.results.store.folder import DESIGN_FILE, sound_tables
from fiscal.results.store.manifest import MANIFEST
from fiscal.scenario.design import BASE_FILE, REFERENCE_FILE, read_design
from fiscal.scenario.header import NAME_PATTERN
from fiscal.scenario.toml import read_toml
from fiscal.studies.sweeps.result import Sweep


def read_sweep(folder: str | Path) -> Sweep:
    """A sweep read back from its folder, after every file was checked against the manifest.

    Raises InputError for a folder that holds none, and for files that are missing or were changed.
    """

    path = Path(folder)
    manifest, tables = sound_tables(path)
    if DESIGN_FILE not in manifest["outputs"]:
        raise InputError("is not a sweep", file=str(folder), allowed="a folder of fiscal sweep")
    if not NAME_PATTERN.fullmatch(manifest["name"]):
        told = Problem("cannot be a name", file=f"{folder}/{MANIFEST}", key="name")
        raise InputError(replace(told, value=manifest["name"][:80]))
    asked = read_toml(path / DESIGN_FILE, f"{folder}/{DESIGN_FILE}").get("sweep")
    named = [asked.get(key) for key in ("base", "against")] if isinstance(asked, dict) else []
    # a file elsewhere, or a scenario of the package, is not part of the sweep
    if any(name not in (BASE_FILE, REFERENCE_FILE, None) for name in named):
        message = "names a scenario that is not part of the sweep"
        raise InputError(message, file=f"{folder}/{DESIGN_FILE}", key="sweep")
    design = replace(read_design(path / DESIGN_FILE), name=manifest["name"])
    return Sweep.stored(design, tables, str(folder))
