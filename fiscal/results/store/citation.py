"""How to cite a run, and what a reader must know about how it was made."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiscal.base import sources
from fiscal.base.errors import InputError
from fiscal.results.store.folder import DESIGN_FILE, provenance_of, stored_scenario, verify
from fiscal.results.store.manifest import git_state, input_record, read_manifest
from fiscal.scenario.toml import read_toml

if TYPE_CHECKING:
    from fiscal.results.result import Result

AUTHORS = "The fiscal authors"
DISTRIBUTION = "fiscal-401k"
"""The name on the package index, where `fiscal` is another author's package."""

TITLE = "fiscal: a projection model of tax-deferred retirement savings"
TAX_SCHEDULES = frozenset(
    {
        "contribution_profile", "deferral_schedule", "law_parameters", "microdata_check", "outside_rates",
        "withdrawal_curve",
    }
)  # fmt: skip
"""Tables built from tax microdata."""

_SHOWN = 12
_TEX = {
    "\\": r"\textbackslash{}",
    **{mark: "\\" + mark for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def provenance(result: Result) -> Mapping[str, Any]:
    """How a result was made, from its folder or, for a result that was never stored, from this process."""
    if result.provenance:
        return result.provenance
    inputs = input_record(result.scenario)
    return {
        "git": git_state(),
        "files": inputs["files"],
        "own_tables": sources.own_tables(),
        "package_version": inputs["package_version"],
    }


def caveats(made: Mapping[str, Any]) -> list[str]:
    """Sentences for a run that others cannot repeat from the published version alone."""
    found = []
    git = made.get("git")
    if git and git.get("dirty"):
        found.append(f"Made with uncommitted changes on top of commit {str(git['commit'])[:_SHOWN]}.")
    if made.get("files"):
        names = ", ".join(f"{name} (sha256 {sha256[:_SHOWN]})" for name, sha256 in made["files"].items())
        found.append(f"Made with the user's own data: {names}.")
    by_source: dict[str, list[str]] = {}
    for name, source in (made.get("own_tables") or {}).items():
        by_source.setdefault(" ".join(source.split()), []).append(name)
    for source, tables in by_source.items():
        named = f"{', '.join(tables)} (source: {source or 'not stated'})"
        found.append(
            f"Made with tax schedules built from the user's own microdata: {named}."
            if set(tables) <= TAX_SCHEDULES
            else f"Made with data tables that differ from those of this version: {named}."
        )
    if made.get("unchecked"):
        parts = ", ".join(made["unchecked"])
        found.append(f"The run folder was written by an earlier version; not checked: {parts}.")
    return found


def cite(folder: str | Path) -> dict[str, Any]:
    """``text``, ``bibtex`` and ``caveats`` of a sound run folder. Raises InputError for any other."""
    problems = verify(folder)
    if problems:
        raise InputError(problems[:20])
    manifest = read_manifest(folder)
    scenario = stored_scenario(Path(folder), manifest)
    made = provenance_of(manifest)
    year = made["time"][:4] if re.match(r"\d{4}-", made["time"]) else "n.d."
    commit = str(made["git"]["commit"])[:_SHOWN] if made["git"] else ""
    version = f"version {made['package_version']}" + (f", commit {commit}" if commit else "")
    version += f", made {made['time'][:10]}" if year != "n.d." else ""
    links = project_links()
    said = caveats(made)
    title = _title(Path(folder), manifest) or scenario.title or manifest["name"]
    by = scenario.author or AUTHORS
    text = f"{by} ({year}). {title} [run {manifest['name']} of {TITLE}, {version}]. {_fingerprints(made)}"
    text += "".join(f" {links[name]}" for name in ("DOI", "Repository") if name in links)
    key = re.sub(r"[^a-z0-9]+", "", manifest["name"].lower())[:40] or "run"
    fields = {
        "author": by if scenario.author else "{" + AUTHORS + "}",
        "title": f"{_tex(title)}",
        "year": year,
        "howpublished": _tex(f"Run {manifest['name']} of {TITLE}, {version}"),
        "note": _tex(" ".join([_fingerprints(made), *said])),
    }
    fields["author"] = _tex(scenario.author) if scenario.author else fields["author"]
    if "DOI" in links:
        fields["doi"] = links["DOI"].removeprefix("https://doi.org/")
    if "Repository" in links:
        fields["url"] = links["Repository"]
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    bibtex = "\n".join([f"@misc{{fiscal-{key}-{made['record_fingerprint'][:8]},", *lines, "}"])
    return {"text": " ".join([text, *said]), "bibtex": bibtex, "caveats": said}


def project_links() -> dict[str, str]:
    """Addresses of the package as its metadata name them (``Repository``, ``DOI``); empty while none is set."""
    try:
        stated = importlib.metadata.metadata(DISTRIBUTION).get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    return dict(line.split(", ", 1) for line in stated)


def _fingerprints(made: Mapping[str, Any]) -> str:
    names = ("input", "record", "manifest")
    told = [f"{name} fingerprint {made[key]}" for name in names if made[key := f"{name}_fingerprint"]]
    return f"{', '.join(told).capitalize()}."


def _title(folder: Path, manifest: Mapping[str, Any]) -> str:
    """The title of a sweep; None for another run, which has its scenario's title."""
    if DESIGN_FILE not in manifest["outputs"]:
        return ""
    table = read_toml(folder / DESIGN_FILE, DESIGN_FILE).get("sweep")
    return str(table.get("title", "")) if isinstance(table, dict) else ""


def _tex(text: str) -> str:
    return "".join(_TEX.get(mark, mark) for mark in " ".join(text.split()))
