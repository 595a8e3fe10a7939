"""Validate run folders as RO-Crates with the Process Run Crate profile (`make crate`): python validate.py FOLDER...

Runs in an environment of its own, which has roc-validator. No network is used: a copy of the metadata has the terms of
context.json in place of the address of RO-Crate's context.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

METADATA = "ro-crate-metadata.json"
CONTEXT = Path(__file__).with_name("context.json")
PROFILES = ("ro-crate-1.1", "process-run-crate-0.5")


def local(folder: Path, place: Path) -> Path:
    """A copy of the run folder whose terms are those of our file."""
    copy = Path(shutil.copytree(folder, place / folder.name))
    crate = json.loads((copy / METADATA).read_text(encoding="utf-8"))
    crate["@context"] = json.loads(CONTEXT.read_text(encoding="utf-8"))["@context"]
    (copy / METADATA).write_text(json.dumps(crate), encoding="utf-8")
    return copy


def main(folders: list[str]) -> int:
    """Exit code 1 if a folder breaks a required rule of a profile."""
    validator = Path(sys.executable).with_name("rocrate-validator")
    options = ["--offline", "--no-paging", "--no-auto-profile", "--requirement-severity", "required", "--verbose"]
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        for folder in map(Path, folders):
            copy = local(folder, Path(place))
            for profile in PROFILES:
                words = [str(validator), "--no-interactive", "validate", *options, "-p", profile, str(copy)]
                failed |= subprocess.run(words, check=False).returncode
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
