"""Commands on run folders: verify and cite."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fiscal.base.words import printable
from fiscal.cli.application import EXIT_CHECK_FAILED, JsonOption, VerboseOption, app
from fiscal.cli.running import run_one
from fiscal.cli.show import emit, say

MOST_FAULTS = 20
"""Number of faults printed one by one."""


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    again: Annotated[bool, typer.Option("--rerun", help="Also repeat the run and compare every table.")] = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check the hash of every file of a run folder and of its manifest, offline. Exit code 1 if one differs.

    With --rerun, the run is repeated and compared byte by byte. If data, code, platform, or packages differ from those
    of the run, values are compared within 1e-9.

    \b
    Example: fiscal verify runs/boom --rerun
    """
    from fiscal.results import store

    faults = [str(problem) for problem in store.verify(folder)]
    outcome = None
    if again and not faults:
        with store.on_stderr(verbose):
            outcome = store.rerun(folder, lambda scenario: run_one(scenario, verbose))
    differences = list(outcome.differences) if outcome else []
    manifest = None if faults else store.read_manifest(folder)
    unchecked = () if manifest is None else outcome.unchecked if outcome else store.unchecked(manifest)
    if as_json:
        how = None if outcome is None else "bytes" if outcome.exact else "1e-9"
        changed = list(outcome.changed) if outcome else []
        answer = {"ok": not (faults or differences), "faults": faults, "rerun": how, "changed": changed}
        emit({**answer, "differences": differences, "unchecked": list(unchecked)})
    else:
        for fault in faults[:MOST_FAULTS]:
            say(fault)
        if len(faults) > MOST_FAULTS:
            say(f"and {len(faults) - MOST_FAULTS} more")
        if outcome and outcome.changed:
            say("changed: " + "; ".join(outcome.changed))
        for difference in differences:
            say(difference)
        if unchecked:
            say(f"not checked: {', '.join(unchecked)} in {store.MANIFEST}")
        if manifest is not None and not differences:
            files = len(store.files_of(manifest))
            found = "gives the same bytes" if outcome and outcome.exact else "is equal within 1e-9"
            same = f", and a rerun {found}" if outcome else ""
            seal = manifest.get("manifest_fingerprint")
            whole = f", manifest {seal}" if seal else ""
            later = manifest.get("stages", {}).get("fingerprint")
            whole += f", stages {later}" if later else ""
            typer.echo(
                f"OK: all {files} files match the manifest{same}; record {manifest['record_fingerprint']}{whole}"
            )
    if faults or differences:
        raise typer.Exit(EXIT_CHECK_FAILED)


@app.command()
def cite(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")], as_json: JsonOption = False
) -> None:
    """Print a citation of a run and its BibTeX entry. Both mention uncommitted changes and the user's own data.

    \b
    Example: fiscal cite runs/boom
    """
    from fiscal.results import store

    answer = store.cite(folder)
    if as_json:
        emit(answer)
        return
    typer.echo(printable(answer["text"]) + "\n\n" + printable(answer["bibtex"]))
