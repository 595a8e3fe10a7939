"""The licences of every locked package, as the packages themselves state them; prints ``docs/licences.md``."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# Licenses of the packages

What `requirements.lock` installs, with the license that each package's own metadata states: packages for running,
testing, and building. `make licences` writes this page, and a test compares its names with the lock file.

| package | license |
|---|---|
"""
_PIN = re.compile(r"^([\w.-]+)==[\w.!+]+(?: ; ([^\\]+?))? \\$", re.M)


def locked() -> dict[str, str]:
    """Name -> where it is installed ('' = everywhere), from requirements.lock."""
    return dict(_PIN.findall((ROOT / "requirements.lock").read_text(encoding="utf-8")))


def licence(name: str) -> str | None:
    """The licence a package states: its expression, its classifiers, or the first line of its text."""
    try:
        told = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    expression = told.get("License-Expression")
    if expression:
        return expression
    classified = [
        line.rpartition("::")[2].strip()
        for line in told.get_all("Classifier") or []
        if line.startswith("License ::") and not line.endswith(("OSI Approved", "Other/Proprietary License"))
    ]
    if classified:
        return "; ".join(dict.fromkeys(classified))
    text = (told.get("License") or "").strip()
    return text.splitlines()[0][:60] if text and text != "UNKNOWN" else "not stated in the metadata"


def page() -> str:
    """The page as Markdown."""
    rows = []
    for name, where in sorted(locked().items(), key=lambda item: item[0].lower()):
        found = licence(name)
        words = found or f"installed only where {where}" if where or found else "not installed here"
        rows.append(f"| {name} | {words.replace('|', '/')} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
