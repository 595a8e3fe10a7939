"""Tables on demand: a stage says what it reads and which tables it yields, and is computed when one is asked for.

A run computes its headline: yearly tables to the horizon, and the distribution over random paths where there are
any. To add a stage, add one entry to :data:`STAGES`; what it reads is a name in :class:`Parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.errors import InputError, Problem
from fiscal.engine import run as engine_run
from fiscal.engine.run import LARGEST
from fiscal.results.rows import World
from fiscal.results.schema import TABLES
from fiscal.results.tables import one_path, random_paths, values

if TYPE_CHECKING:
    from fiscal.engine.run import Paths, Prices, Run
    from fiscal.scenario import Scenario

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of a run: the parts that it reads, in the order in which ``make`` takes them, and the tables that it
    yields. Those of the headline come with every run and belong to every run folder, those that are cheap come with
    every run, the others when they are asked for."""

    name: str
    reads: tuple[str, ...]
    yields: tuple[str, ...]
    make: Callable[..., Frames]
    headline: bool = False
    cheap: bool = False


def _values(frames: Frames) -> Frames:
    return {name: frames[name] for name in ("present_values", "vintages", "claim", "tax_expenditure")}


STAGES = (
    Stage(
        name="accounts",
        headline=True,
        reads=("run",),
        yields=(
            "budget", "windows", "contributions", "balances", "flows", "people", "asset_returns", "crypto_size",
            "economy", "checks", "settings", "state_tax",
        ),
        make=one_path.tables_of_accounts,
    ),
    Stage(
        name="paths",
        headline=True,
        reads=("paths",),
        yields=("path_years", "path_windows", "paths", "path_crypto"),
        make=random_paths.path_tables,
    ),
    Stage(
        name="displaced",
        headline=True,
        reads=("run",),
        yields=("displaced",),
        make=lambda run: {"displaced": values.displaced_table(run)},
    ),
    Stage(
        name="distribution",
        cheap=True,
        reads=("run",),
        yields=("distribution",),
        make=lambda run: {"distribution": one_path.distribution(run)},
    ),
    Stage(
        name="backstop",
        reads=("run",),
        yields=("contingent",),
        make=lambda run: {"contingent": values.contingent_table(run)},
    ),
    Stage(
        name="values",
        reads=("lifetimes",),
        yields=("present_values", "vintages", "claim", "tax_expenditure"),
        make=_values,
    ),
    Stage(
        name="bases",
        reads=("lifetimes", "prices"),
        yields=("bases", "distribution_bases"),
        make=lambda frames, prices: values.with_prices(
            frames["bases"], frames["distribution_bases"], prices
        ),
    ),
    Stage(
        name="implied",
        reads=("scenario",),
        yields=("implied", "path_dollar"),
        make=random_paths.implied_tables,
    ),
)  # fmt: skip
"""Every stage, in the order in which a full run computes them."""

STAGE_OF: Mapping[str, Stage] = {table: stage for stage in STAGES for table in stage.yields}
"""Table -> the stage that yields it."""


class Parts:
    """What stages read of a scenario, computed when it is first asked for.

    ``run`` may be given: then everything is made of that one, and a run that is not complete has no values.
    ``made_of`` are fingerprints of the data tables and of the scenario with the user's files; by default the present
    ones.
    """

    def __init__(self, scenario: Scenario, run: Run | None = None, made_of: tuple[str, str] | None = None) -> None:
        self.scenario, self._given = scenario, run
        data = sources.fingerprint() if run is None else run.data_fingerprint
        self.made_of = made_of or (data, scenario.fingerprint())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without what was computed, which is large."""
        return Parts, (self.scenario, None, self.made_of)

    def changed(self) -> str:
        """What has changed since: the data tables or a file of the scenario; empty if nothing."""
        data, scenario = self.made_of
        if data != sources.fingerprint():
            return "the data tables"
        return "" if scenario == self.scenario.fingerprint() else "a file that the scenario names"

    @property
    def complete(self) -> bool:
        """Whether values to the last withdrawal can be made."""
        return self._given is None or self._given.complete

    @property
    def run(self) -> Run:
        """The projection to the horizon: the last one of the process is kept, as it is large."""
        return self._given or _to_horizon(self.scenario)

    @cached_property
    def paths(self) -> Paths | None:
        """The random paths, drawn."""
        paths = self.run.paths
        return None if paths is None else paths.drawn()

    @cached_property
    def lifetimes(self) -> Frames:
        """Tables of values to the last withdrawal, ``bases`` and ``distribution_bases`` without the risk-neutral
        values."""
        whole = self._given or engine_run.compute(self.scenario)
        return {
            "present_values": one_path.present_values(whole),
            "vintages": one_path.vintages_table(whole),
            "claim": values.claim_table(whole),
            "tax_expenditure": values.tax_expenditure_table(whole),
            "bases": values.bases_table(whole),
            "distribution_bases": values.distribution_table(whole),
        }

    @cached_property
    def prices(self) -> Prices | None:
        """Risk-neutral values; none without paths for them."""
        return engine_run.prices(self.scenario, self._given)


_KEPT: dict[tuple[str, str], Run] = {}


def _to_horizon(scenario: Scenario) -> Run:
    found = _KEPT.get((scenario.fingerprint(), sources.fingerprint()))
    if found is None:
        found = engine_run.to_horizon(scenario)
        keep(found)
    return found


def keep(run: Run | None) -> None:
    """Keep a projection to the horizon for the stages that may be asked for next, in place of the one kept before."""
    _KEPT.clear()
    if run is not None:
        _KEPT[run.scenario.fingerprint(), run.data_fingerprint] = run


class Tables(Mapping[str, pd.DataFrame]):
    """The tables of a scenario by name. Names are known at once; a table is computed when it is first asked for, with
    the others of its stage."""

    def __init__(self, parts: Parts, held: Frames | None = None) -> None:
        self.parts = parts
        self._held = dict(held or {})
        names = {*self._on_demand(), *self._held}
        self._names = dict.fromkeys([name for name in TABLES if name in names] + list(self._held))

    def _on_demand(self) -> set[str]:
        """The tables that the scenario can yield."""
        world = World(self.parts.scenario.settings)
        return {
            name
            for name, table in TABLES.items()
            if table.when(world) and (self.parts.complete or "prices" not in STAGE_OF[name].reads)
        }

    @property
    def held(self) -> dict[str, pd.DataFrame]:
        """Those that are computed."""
        return {name: self._held[name] for name in self._names if name in self._held}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._held:
            if name not in self._names:
                raise KeyError(name)
            self._add(STAGE_OF[name])
        return self._held[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<tables {', '.join(self)}; computed: {', '.join(self.held) or 'none'}>"

    def full(self, progress: Callable[..., None] | None = None) -> None:
        """Compute every stage."""
        missing = [stage for stage in STAGES if {*stage.yields} & {*self._names} - {*self._held}]
        for number, stage in enumerate(missing):
            if progress is not None:
                progress(number, len(missing), stage.name)
            self._add(stage)

    def _add(self, stage: Stage) -> None:
        self._held |= self._compute(stage)

    def _refuse_if_changed(self, stage: Stage) -> None:
        """Raise InputError where data or files are not those of the run: its tables would not fit."""
        changed = self.parts.changed()
        if changed:
            message = f"is computed when it is asked for, and since the run {changed} changed"
            allowed = "a new run; full() computes every table of a run at once"
            raise InputError(message, file=f"table {stage.yields[0]}", allowed=allowed)

    def _compute(self, stage: Stage) -> Frames:
        self._refuse_if_changed(stage)
        tables = stage.make(*(getattr(self.parts, part) for part in stage.reads))
        refuse_infinite(tables)
        return tables


def held(tables: Frames) -> Frames:
    """Those of a result's tables that are computed."""
    return tables.held if isinstance(tables, Tables) else tables


def refuse_infinite(tables: Frames) -> None:
    """A number that is too large to compute with raises an error instead of entering a table."""
    found = [
        Problem("went beyond what can be computed", file=f"table {name}", key=str(column))
        for name, table in tables.items()
        for column in table.select_dtypes("number")
        if (np.abs(table[column].to_numpy(dtype=float, na_value=np.nan)) > LARGEST).any()
    ]
    if found:
        raise InputError(found)
