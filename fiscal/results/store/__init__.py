"""Run folders: a result with everything needed to identify its inputs and outputs.

A run folder holds the complete scenario (``scenario.toml``), ``summary.json``, every table as CSV and Parquet under
``tables/`` with its columns in ``columns.csv``, copies of the user's own files under ``inputs/``, the log,
``ro-crate-metadata.json``, and ``manifest.json`` with hashes and two fingerprints. It is written to ``NAME.incomplete``
and then renamed, so that a folder with the right name is always complete, and a resumed run uses finished batches
again.
"""

from __future__ import annotations

from fiscal.results.store.citation import caveats, cite, provenance
from fiscal.results.store.folder import finish, read_run, stored_result, verify, write_run
from fiscal.results.store.log import on_stderr, reporter
from fiscal.results.store.manifest import (
    INCOMPLETE,
    MANIFEST,
    SCHEMA_VERSION,
    environment,
    files_of,
    git_state,
    input_fingerprint,
    input_record,
    is_run,
    read_manifest,
    sealed,
    unchecked,
)
from fiscal.results.store.place import Place, check_target, working_place
from fiscal.results.store.rerun import Outcome, first_difference, rerun
from fiscal.results.store.values import plain, records

__all__ = [
    "INCOMPLETE", "MANIFEST", "SCHEMA_VERSION", "Outcome", "Place", "caveats", "check_target", "cite",
    "environment", "files_of", "finish", "first_difference", "git_state", "input_fingerprint", "input_record",
    "is_run", "on_stderr", "plain", "provenance", "read_manifest", "read_run", "records", "rerun", "reporter",
    "sealed", "stored_result", "unchecked", "verify", "working_place", "write_run",
]  # fmt: skip
