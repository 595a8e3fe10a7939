"""Run the notebooks and store what they give: ``python tests/run_notebooks.py [NAME...]``, all if none is named.

Each has a kernel of its own. What changes from run to run without meaning is left out of the file: times, versions,
the state of widgets (viewers without a kernel show a widget's figure).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiscal.base.progress import CELL_METADATA

if TYPE_CHECKING:
    import nbformat

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LIVE = "application/vnd.jupyter.widget-view+json"
"""A widget's output: of use with its kernel only."""


def environment() -> dict[str, str]:
    """Variables of a kernel that imports this source tree."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)}


def executed(path: Path, **options: Any) -> nbformat.NotebookNode:
    """A notebook run from top to bottom; raises CellExecutionError where a cell fails. ``options`` are the client's,
    a running kernel among them."""
    import nbformat  # takes seconds, which only the one who runs notebooks should wait for
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(FOLDER)}},
        **options,
    )
    client.execute(env=environment())
    return stripped(notebook)


def stripped(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without live widgets, without bars of progress, and without what names a version."""
    import nbformat

    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [one for one in cell.outputs if one.get("metadata") != CELL_METADATA]
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(LIVE, None)
    return notebook


def main() -> None:
    """Run the notebooks that are named and write them back."""
    import nbformat

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="part of a notebook's name, e.g. 03")
    wanted = parser.parse_args().names
    for path in NOTEBOOKS:
        if wanted and not any(name in path.name for name in wanted):
            continue
        print(path.name, flush=True)
        notebook = executed(path)
        beside = path.with_suffix(".tmp")
        nbformat.write(notebook, beside)
        beside.replace(path)


if __name__ == "__main__":
    sys.exit(main())
