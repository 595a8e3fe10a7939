"""The scenarios that come with the package: their files, names and titles."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

CATALOGUE_DIR = Path(__file__).parent / "catalogue"


def catalogue() -> tuple[str, ...]:
    """Names of the scenarios; the baseline first."""
    names = sorted(path.stem for path in CATALOGUE_DIR.glob("*.toml"))
    return tuple(sorted(names, key=lambda name: name != "baseline"))


@cache
def titles() -> dict[str, str]:
    """Title of each scenario by name, as its file has it; no setting is read."""
    files = {name: CATALOGUE_DIR / f"{name}.toml" for name in catalogue()}
    headers = {name: tomllib.loads(file.read_text(encoding="utf-8")) for name, file in files.items()}
    return {name: header.get("scenario", {}).get("title", name) for name, header in headers.items()}
