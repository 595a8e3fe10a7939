"""The description of a run folder as an RO-Crate 1.1, so that a repository can accept it.

https://w3id.org/ro/crate/1.1: one metadata descriptor, one root data set with name, description, date, and license, and
one entity per file. By the Process Run Crate profile, the run is an action with its instrument, agent, inputs, and
results. `make crate` validates a folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fiscal.base.version import __version__
from fiscal.results.store.manifest import MANIFEST

if TYPE_CHECKING:
    from fiscal.scenario import Scenario

CRATE = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
PROFILE, PROFILE_VERSION = "https://w3id.org/ro/wfrun/process/0.5", "0.5"
"""Process Run Crate: https://www.researchobject.org/workflow-run-crate/profiles/process_run_crate."""

SOFTWARE, RUN, LICENCE = "#fiscal", "#run", "https://spdx.org/licenses/MIT"
_FORMATS = {
    "csv": "text/csv",
    "json": "application/json",
    "log": "text/plain",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
    "svg": "image/svg+xml",
    "toml": "application/toml",
}
_WORDS = {
    MANIFEST: "inputs, outputs, and their SHA-256, fingerprints, and versions",
    "scenario.toml": "every setting of the run; of a sweep, of its base",
    "design.toml": "what the cases of the sweep change",
    "reference.toml": "every setting of the sweep's reference",
    "summary.json": "headline numbers",
    "columns.csv": "table, name, type, and description of every column",
    "run.log": "stages and batches with their times",
}


def describe(manifest: dict[str, Any], scenario: Scenario, files: Sequence[str]) -> dict[str, Any]:
    """The crate's JSON-LD for ``files``, relative names without the metadata file and the manifest."""
    named = sorted({*files, MANIFEST} - {CRATE})
    title = scenario.title or scenario.name
    publisher = {"@id": "#fiscal-authors", "@type": "Organization", "name": "The fiscal authors"}
    author = {"@id": "#author"} if scenario.author else {"@id": "#fiscal-authors"}
    people = [publisher]
    if scenario.author:
        people.append({"@id": "#author", "@type": "Person", "name": scenario.author})
    description = scenario.description or f"Scenario projection of tax deferral in 401(k) plans: {title}"
    own = [{"@id": name} for name in sorted(manifest["inputs"]["files"])]
    return {
        "@context": [f"{SPECIFICATION}/context", {"sha256": "https://schema.org/sha256"}],
        "@graph": [
            {"@id": CRATE, "@type": "CreativeWork", "conformsTo": {"@id": SPECIFICATION}, "about": {"@id": "./"}},
            {
                "@id": "./",
                "@type": "Dataset",
                "conformsTo": {"@id": PROFILE},
                "name": f"fiscal run {manifest['name']}: {title}",
                "description": description,
                "datePublished": manifest["made"]["time"],
                "license": {"@id": LICENCE},
                "author": author,
                "publisher": {"@id": "#fiscal-authors"},
                "identifier": manifest["record_fingerprint"],
                "keywords": ["401(k)", "tax expenditure", "projection"],
                "hasPart": [{"@id": name} for name in named],
                "mentions": {"@id": RUN},
            },
            *(_file(name, manifest["outputs"]) for name in named),
            {
                "@id": RUN,
                "@type": "CreateAction",
                "name": f"Run of scenario {manifest['name']}",
                "description": f"Projection of {title}",
                "agent": author,
                "endTime": manifest["made"]["time"],
                "instrument": {"@id": SOFTWARE},
                "object": _one_or_many([{"@id": "scenario.toml"}, *own]),
                "result": _one_or_many([{"@id": name} for name in named if name.startswith("tables/")]),
            },
            {
                "@id": SOFTWARE,
                "@type": "SoftwareApplication",
                "name": "fiscal",
                "description": "A projection model of tax-deferred retirement savings.",
                "softwareVersion": __version__,
                "identifier": manifest["inputs"]["code_sha256"],
            },
            {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": PROFILE_VERSION},
            *people,
            {
                "@id": LICENCE,
                "@type": "CreativeWork",
                "name": "MIT license",
                "description": "The results; a user's own files under inputs/ keep their owner's terms.",
            },
        ],
    }


def _one_or_many(references: list[dict[str, str]]) -> Any:
    """A single reference is not a list, as the specification advises."""
    return references[0] if len(references) == 1 else references


def _file(name: str, hashes: dict[str, str]) -> dict[str, Any]:
    stem, _, ending = name.rpartition("/")[2].rpartition(".")
    kinds = {"tables": f"table {stem}; columns in columns.csv", "figures": f"figure {stem}"}
    words = _WORDS.get(name) or kinds.get(name.partition("/")[0], "a file of the user's")
    if name.startswith("columns_"):
        words = f"columns of the tables of the stage {stem.removeprefix('columns_')}"
    entity = {
        "@id": name,
        "@type": "File",
        "name": name,
        "description": words,
        "encodingFormat": _FORMATS.get(ending, "application/octet-stream"),
    }
    return entity | ({"sha256": hashes[name]} if name in hashes else {})
