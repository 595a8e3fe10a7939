"""Every notebook runs from top to bottom, and what is stored in it is what it gives."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def texts(notebook: nbformat.NotebookNode) -> list[str]:
    """Plain-text tables of the outputs; figures are drawn again but not compared by their bytes."""
    return [
        output["data"]["text/plain"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "execute_result" and "image/png" not in output["data"]
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])
def test_notebook_runs_and_is_current(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(FOLDER.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]))
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    NotebookClient(
        fresh, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    assert texts(fresh) == texts(stored)
    assert any(
        "image/png" in output.get("data", {}) for cell in fresh.cells for output in cell.get("outputs", [])
    )


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS
