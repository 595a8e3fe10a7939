"""What a figure draws: anything with tables. Figures do not depend on results, comparisons, or sweeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pandas as pd

    from fiscal.scenario import Scenario


class RunTables(Protocol):
    """A scenario's tables."""

    @property
    def name(self) -> str: ...
    @property
    def scenario(self) -> Scenario: ...
    @property
    def tables(self) -> Mapping[str, pd.DataFrame]: ...
    @property
    def summary(self) -> Mapping[str, Any]: ...
    @property
    def runs(self) -> tuple[RunTables, ...]:
        """Itself alone."""
        ...


@runtime_checkable
class ComparedTables(Protocol):
    """Scenarios and the base that they are compared with."""

    @property
    def runs(self) -> tuple[RunTables, ...]:
        """The base first, then the others."""
        ...

    @property
    def decomposition(self) -> pd.DataFrame:
        """The factors of the difference from the base."""
        ...


@runtime_checkable
class SweptTables(Protocol):
    """A sweep: the effect of each setting alone on each quantity."""

    @property
    def tornado(self) -> pd.DataFrame: ...
    @property
    def windows(self) -> tuple[str, ...]: ...


class ShownTables(Protocol):
    """Tables behind a projection: the market record, paths, and tax schedules."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]: ...


Owner = RunTables | ComparedTables


def title_of(result: RunTables) -> str:
    """A run by its title, or by its name where it has none."""
    return result.scenario.title or result.name
