"""Every notebook runs from top to bottom, and what is stored in it is what it gives."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from run_notebooks import LIVE, NOTEBOOKS, environment, executed

from fiscal.base.progress import CELL_METADATA

if TYPE_CHECKING:
    import nbformat
    from jupyter_client.manager import KernelManager

LARGEST_BYTES = 300_000
VARIES = "varies"
"""Tag of a cell whose output is not the same twice, as a time is not."""

SHARED = """
import fiscal

def _shared_run(run):
    made = {}
    def once(scenario, overrides=(), progress=None, **_):
        chosen = fiscal.load_scenario(scenario, overrides)
        key = chosen.name, chosen.title, chosen.fingerprint()
        if key not in made:
            made[key] = run(chosen)
        return made[key]
    return once

fiscal.run = _shared_run(fiscal.run)
"""
"""Told to the kernel first: the notebooks share one, and the runs that several of them ask for."""


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    from jupyter_client.manager import KernelManager  # takes seconds, in each process that collects the tests

    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=environment())
    say(manager, SHARED)
    yield manager
    manager.shutdown_kernel(now=True)


def say(manager: KernelManager, code: str) -> None:
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    assert client.execute_interactive(code, timeout=300)["content"]["status"] == "ok"
    client.stop_channels()


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Outputs of the cells that give the same each time."""
    return [
        output
        for cell in notebook.cells
        if VARIES not in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
    ]


def texts(notebook: nbformat.NotebookNode) -> list[str]:
    """Texts and tables of the outputs; figures are drawn again but not compared by their bytes."""
    found = []
    for output in outputs(notebook):
        data = output.get("data", {})
        if "image/png" not in data:
            found += [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
    return [re.sub(r"data:image/[^\"]*", "", text) for text in found]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])
def test_notebook_runs_and_is_current(path: Path, kernel: KernelManager) -> None:
    import nbformat

    say(kernel, "%reset -f")
    fresh, stored = executed(path, km=kernel), nbformat.read(path, as_version=4)
    assert texts(fresh) == texts(stored)
    assert any("image/png" in output.get("data", {}) for output in outputs(fresh))


def test_long_work_draws_a_bar_in_a_notebook(kernel: KernelManager) -> None:
    code = """
    from fiscal.base import progress
    progress.CELL_SECONDS = 0.0
    with progress.progress_bar("a <run>") as tell:
        tell(1, 4, "paths")
        tell(2, 4, "paths")
    """
    told = []
    client = kernel.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    client.execute_interactive(textwrap.dedent(code), timeout=60, output_hook=lambda one: told.append(one["content"]))
    client.stop_channels()
    bars = [one["data"]["text/html"] for one in told if one.get("metadata") == CELL_METADATA]
    assert len(bars) == 3 and "a &lt;run&gt;: paths, 25 percent" in bars[0] and bars[-1] == ""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])
def test_notebook_can_be_read_without_running(path: Path) -> None:
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < LARGEST_BYTES
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell.outputs if LIVE in output.get("data", {})]
    foreign = {
        module for cell in code for module in re.findall(r"^\s*(?:import|from) ([\w.]+)", cell.source, re.MULTILINE)
    }
    assert foreign <= {"fiscal", "pandas", "numpy", "matplotlib.pyplot", "time"}


def test_there_are_notebooks() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(1, len(NOTEBOOKS) + 1)]
