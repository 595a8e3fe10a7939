"""fiscal: what tax-deferred retirement savings cost and return to the U.S. government.

    >>> import fiscal
    >>> base, boom = fiscal.run("baseline"), fiscal.run("boom")
    >>> effect = fiscal.compare(base, boom)

Scenario projections, not conventional revenue estimates. Importing this module is cheap: numpy,
pandas and the model itself are imported when they are first used.
"""

from __future__ import annotations

# Nothing is imported here, so that no interruption comes before the command can answer it.
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
    "quick",
    "read_run",
    "read_sweep",
    "read_table",
    "run",
    "scenarios",
    "schedules",
    "setting_name",
    "sweep",
    "vintage",
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
    "quick": "fiscal.results.running",
    "read_run": "fiscal.results.store",
    "read_sweep": "fiscal.studies.sweeps",
    "schedules": "fiscal.results.market_and_law",
    "setting_name": "fiscal.results.figures.setting_names",
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
    """Names of the scenarios that come with the package."""
    from fiscal.scenario import catalogue

    return catalogue()


def load_scenario(
    name_or_path: str | Path | Scenario, overrides: Mapping[str, object] | Sequence[str] = ()
) -> Scenario:
    """A validated scenario by name or file, with overrides such as ``{"adoption.allocation_share": 0.1}``.

    Raises InputError listing every problem of the file and of the overrides.
    """
    from fiscal.scenario import load

    return load(name_or_path, overrides)


def read_table(name: str) -> pd.DataFrame:
    """A table of ``data/``, checked against its recorded hash; ``fiscal data list`` names them.

    Raises DataError, with the nearest name, for a table that is not there or was changed.
    """
    from fiscal.base import sources

    return sources.table(name)


def run(
    scenario: str | Path | Scenario,
    overrides: Mapping[str, object] | Sequence[str] = (),
    progress: Callable[..., None] | None = None,
    *,
    engine: str = "local",
    scheduler: str | None = None,
) -> Result:
    """Project one scenario, given by name, file or Scenario; ``progress`` is called as the work advances.

    ``engine="dask"`` hands random paths out to the Dask cluster at ``scheduler`` (``tcp://host:port``), or to
    processes that it starts on this machine; the answer is the same. Raises InputError for a wrong scenario, DataError
    for a table that was changed.
    """
    from fiscal.engine import workers as engine_workers
    from fiscal.results.running import run as run_scenario

    chosen = load_scenario(scenario, overrides)
    with engine_workers.workers(engine, scheduler) as workers:
        return run_scenario(chosen, progress=progress, workers=workers)


def compare(base: Result, *others: Result) -> Comparison:
    """``others`` minus ``base``, line by line and year by year."""
    from fiscal.results import result

    return result.compare(base, *others)


def decompose(
    base: str | Path | Scenario | Result,
    *others: str | Path | Scenario | Result,
    overrides: Mapping[str, object] | Sequence[str] = (),
    run_off: bool = False,
    progress: Callable[..., None] | None = None,
) -> pd.DataFrame:
    """What makes ``others`` differ from ``base``: contributions, returns, rate, timing, behaviour.

    One row a scenario, line of the books, span (windows, present value) and factor, ``effect_bn_usd`` in
    billions; ``difference`` is the whole, which the factors add up to. ``run_off`` adds the claim left at the
    horizon. Scenarios are names, files, Scenarios
    or results, whose scenario is projected anew. Raises InputError for scenarios that cannot be compared.
    """
    from fiscal.engine import decompose as engine_decompose
    from fiscal.results.result import Result

    first, *rest = (one.scenario if isinstance(one, Result) else one for one in (base, *others))
    return engine_decompose.decompose(first, *rest, overrides=overrides, run_off=run_off, progress=progress)


def write_report(
    results: Sequence[Result],
    out: str | Path = "reports/fiscal-report.pdf",
    tables: str | Path | None = None,
    progress: Callable[..., None] | None = None,
) -> Path:
    """Write the PDF report of some results, the first being the baseline, and its tables (CSV).

    ``tables`` is the folder of the tables, which holds those of this report alone; default: named after the PDF and
    beside it, as ``fiscal-report-tables``. Returns the PDF's path.
    """
    from pathlib import Path

    from fiscal.report import build

    return build(list(results), Path(out), Path(tables) if tables else None, progress)
