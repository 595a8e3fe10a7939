"""fiscal: what tax-deferred retirement savings cost and return to the U.S. government.

    >>> import fiscal
    >>> base, boom = fiscal.run("baseline"), fiscal.run("boom")
    >>> effect = fiscal.compare(base, boom)

These are scenario projections, not conventional revenue estimates. Importing this module is fast: NumPy, pandas, and
the model are imported when they are first used.
"""

from __future__ import annotations

# Nothing is imported here, so that the command can handle an interruption at any time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import pandas as pd

    from fiscal.results.result import Comparison, Result
    from fiscal.scenario import Scenario
    from fiscal.studies.sweeps import Sweep

__all__ = [
    "Comparison",
    "FiscalError",
    "InputError",
    "Result",
    "Scenario",
    "Sweep",
    "__version__",
    "cells",
    "compare",
    "decompose",
    "explorer",
    "load_scenario",
    "market_paths",
    "market_record",
    "new_scenario",
    "quick",
    "read_prices",
    "read_run",
    "read_sweep",
    "read_table",
    "run",
    "scenarios",
    "schedules",
    "setting_name",
    "sweep",
    "vintage",
    "write_brief",
    "write_report",
    "write_run",
]

_LAZY = {
    "Comparison": "fiscal.results.result",
    "FiscalError": "fiscal.base.errors",
    "InputError": "fiscal.base.errors",
    "Result": "fiscal.results.result",
    "Scenario": "fiscal.scenario",
    "Sweep": "fiscal.studies.sweeps",
    "__version__": "fiscal.base.version",
    "cells": "fiscal.engine.cells",
    "explorer": "fiscal.results.explorer",
    "market_paths": "fiscal.results.market_and_law",
    "market_record": "fiscal.results.market_and_law",
    "new_scenario": "fiscal.scenario.new",
    "quick": "fiscal.results.running",
    "read_prices": "fiscal.markets.prices",
    "read_run": "fiscal.results.store",
    "read_sweep": "fiscal.studies.sweeps",
    "schedules": "fiscal.results.market_and_law",
    "setting_name": "fiscal.scenario.names",
    "sweep": "fiscal.studies.sweeps",
    "vintage": "fiscal.engine.one_contribution",
    "write_run": "fiscal.results.store",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'fiscal' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def scenarios() -> tuple[str, ...]:
    """Names of the scenarios in the package."""
    from fiscal.scenario import catalogue

    return catalogue()


def load_scenario(
    name_or_path: str | Path | Scenario,
    overrides: Mapping[str, object] | Sequence[str] = (),
    *,
    name: str | None = None,
) -> Scenario:
    """A validated scenario, by name or file, with overrides such as ``{"adoption.allocation_share": 0.1}``.

    ``name`` is what tables, charts, and legends call it, such as ``"Ten in a hundred"``.

    Raises InputError with every problem of the file and of the overrides.
    """
    from fiscal.scenario import load

    return load(name_or_path, overrides, name)


def read_table(name: str) -> pd.DataFrame:
    """A table of ``data/``, verified by its recorded hash; ``fiscal data list`` lists the names.

    Raises DataError for a missing or changed table, with the nearest name.
    """
    from fiscal.base import sources

    return sources.table(name)


def run(
    scenario: str | Path | Scenario,
    overrides: Mapping[str, object] | Sequence[str] = (),
    progress: Callable[..., None] | bool | None = None,
    *,
    name: str | None = None,
    out: str | Path | None = None,
    force: bool = False,
    engine: str = "local",
    scheduler: str | None = None,
) -> Result:
    """Project one scenario, given by name, file, or Scenario.

    ``name`` is what tables, charts, and legends call the run, such as ``"Ten in a hundred"``. By default long work
    shows a bar in a notebook or terminal and lines in a log; ``progress=False`` shows none, and a function is called
    as the work advances.

    ``out`` is a run folder to write. Finished batches of random paths are kept beside it, so that the same call resumes
    an interrupted run, and reads a finished one. ``force`` replaces a run of other inputs there.

    ``engine="dask"`` computes random paths on the Dask cluster at ``scheduler`` (``tcp://host:port``), or in processes
    that it starts on this machine; the results are the same. Raises InputError for a wrong scenario and DataError for a
    changed table.
    """
    from fiscal.base.progress import noted, progress_bar
    from fiscal.engine import workers as engine_workers
    from fiscal.results import kept, store
    from fiscal.results.running import run as run_scenario

    chosen = load_scenario(scenario, overrides, name=name)

    def make(batches: Any = None) -> Result:
        with engine_workers.workers(engine, scheduler) as workers, progress_bar(chosen.name, progress) as shown:
            return run_scenario(chosen, progress=shown, batches=batches, workers=workers)

    if out is None:
        with noted(kept.WITHOUT_FOLDER):
            return make()
    return kept.into(out, chosen, make, store.read_run, force=force, resume=True)


def compare(base: Result, *others: Result) -> Comparison:
    """``others`` minus ``base``, line by line and year by year."""
    from fiscal.results import result

    return result.compare(base, *others)


def decompose(
    base: str | Path | Scenario | Result,
    *others: str | Path | Scenario | Result,
    overrides: Mapping[str, object] | Sequence[str] = (),
    run_off: bool = False,
    progress: Callable[..., None] | bool | None = None,
    name: str | None = None,
) -> pd.DataFrame:
    """Why ``others`` differ from ``base``: contributions, returns, rates, timing, and behavior.

    One row per scenario, revenue line, span (windows, present value), and factor, with ``effect_bn_usd`` in billions;
    the factors add up to ``difference``. ``run_off`` adds the claim that remains at the horizon. Scenarios are names,
    files, Scenarios, or results, whose scenario is projected again. ``name`` is what the table calls a single
    scenario that is compared with the base. Raises InputError for scenarios that cannot be compared.
    """
    from fiscal.base.progress import progress_bar
    from fiscal.engine import decompose as engine_decompose
    from fiscal.results.result import Result

    first, *rest = (one.scenario if isinstance(one, Result) else one for one in (base, *others))
    with progress_bar("decompose", progress) as shown:
        return engine_decompose.decompose(first, *rest, overrides=overrides, run_off=run_off, progress=shown, name=name)


def write_brief(
    results: Sequence[Result],
    out: str | Path = "brief.pdf",
    tables: str | Path | None = None,
    progress: Callable[..., None] | bool | None = None,
    *,
    html: str | Path | None = None,
    xlsx: str | Path | None = None,
) -> Path:
    """Write the brief of some results, the first of which is the baseline: the PDF, its figures, and its tables (CSV).

    ``html`` and ``xlsx`` name files for the same as one page and as a workbook; ``tables`` as for
    :func:`write_report`. Returns the PDF's path.
    """
    return _written(results, out, tables, progress, html, xlsx, brief=True)


def write_report(
    results: Sequence[Result],
    out: str | Path = "reports/fiscal-report.pdf",
    tables: str | Path | None = None,
    progress: Callable[..., None] | bool | None = None,
    *,
    html: str | Path | None = None,
    xlsx: str | Path | None = None,
) -> Path:
    """Write the PDF report of some results, the first of which is the baseline, and its tables (CSV).

    ``tables`` is the folder of the tables, which holds only those of this report. By default it is beside the PDF and
    named after it, as in ``fiscal-report-tables``. ``html`` and ``xlsx`` name files for the same as one page and as a
    workbook. Returns the PDF's path.
    """
    return _written(results, out, tables, progress, html, xlsx, brief=False)


def _written(
    results: Sequence[Result],
    out: str | Path,
    tables: str | Path | None,
    progress: Callable[..., None] | bool | None,
    html: str | Path | None,
    xlsx: str | Path | None,
    *,
    brief: bool,
) -> Path:
    from pathlib import Path

    from fiscal.base.progress import progress_bar
    from fiscal.report import build

    with progress_bar("brief" if brief else "report", progress) as shown:
        return build(
            list(results),
            Path(out),
            Path(tables) if tables else None,
            shown,
            brief=brief,
            html=Path(html) if html else None,
            xlsx=Path(xlsx) if xlsx else None,
        )
