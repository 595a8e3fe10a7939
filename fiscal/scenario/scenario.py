"""The Scenario: settings with a name, the origin of each value, and a fingerprint."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fiscal.base import cards
from fiscal.scenario.assumptions import adjustable
from fiscal.scenario.declared import Declared
from fiscal.scenario.draft import Draft, Made, finish
from fiscal.scenario.files import fingerprint
from fiscal.scenario.savers import RESPONSES
from fiscal.scenario.schema import ASSUMPTIONS, Settings, declared
from fiscal.scenario.section import NONE_WORD, spell
from fiscal.scenario.toml import write_toml

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ExplainedSetting:
    """One line of ``fiscal explain``: a value with all details."""

    key: str
    value: Any
    default: Any
    unit: str
    low: float | None
    high: float | None
    source: str
    status: str
    doc: str
    changed: bool
    set_in: str


def standings(rows: Iterable[ExplainedSetting]) -> dict[str, Counter[str]]:
    """How many of the rows have each standing: ``settings``, and ``assumptions``, the rows of data/assumptions.csv that
    a scenario may change."""
    found: dict[str, Counter[str]] = {"settings": Counter(), ASSUMPTIONS: Counter()}
    for row in rows:
        found[ASSUMPTIONS if row.key.startswith(f"{ASSUMPTIONS}.") else "settings"][row.status] += 1
    return found


@dataclass(frozen=True)
class Scenario:
    """A validated scenario. ``settings`` determines every number; the header only names it."""

    settings: Settings
    name: str
    title: str = ""
    author: str = ""
    reference: str = ""
    description: str = ""
    lineage: tuple[str, ...] = field(default=(), compare=False)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "origins", MappingProxyType(dict(self.origins)))

    def __reduce__(self) -> tuple[Any, ...]:
        # a mappingproxy cannot be pickled, and scenarios are sent to worker processes
        values = (self.settings, self.name, self.title, self.author, self.reference, self.description)
        return type(self), (*values, self.lineage, dict(self.origins))

    def resolved(self) -> dict[str, dict[str, Any]]:
        """Every setting of every section as plain values (lists, not tuples).

        ``assumptions`` holds only the rows of data/assumptions.csv that the scenario changes.
        """
        return json.loads(json.dumps(self.settings.model_dump()))

    def value(self, key: str) -> Any:
        """One setting by its dotted name, e.g. ``adoption.participants_share``."""
        section, _, name = key.partition(".")
        return getattr(getattr(self.settings, section), name)

    def header(self) -> dict[str, str]:
        """Name, title, author, reference, and description, without empty ones."""
        names = ("name", "title", "author", "reference", "description")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def to_toml(self) -> str:
        """The complete scenario as a file that loads to the same settings."""
        tables: dict[str, Mapping[str, object]] = {"scenario": self.header()}
        for section, values in self.resolved().items():
            tables[section] = {key: NONE_WORD if value is None else value for key, value in values.items()}
        return write_toml(tables)

    def fingerprint(self) -> str:
        """sha256 of the settings in canonical JSON; names and titles do not enter, a user's file by content."""
        return fingerprint(self.settings)

    def with_overrides(self, overrides: Mapping[str, object] | Sequence[str]) -> Scenario:
        """The same scenario with some settings changed. Raises InputError for wrong ones."""
        made = Made(**{field.name: getattr(self, field.name) for field in fields(self)})  # type: ignore[typeddict-item]
        return Scenario(**finish(Draft.of(made), overrides, default_name=self.name))

    def static(self) -> Scenario | None:
        """The same scenario without behavioral responses, with ``_static`` after its name; None if it has none."""
        if not any(self.value(key) for key in RESPONSES):
            return None
        name = f"{self.name.removesuffix('_static')[:57]}_static"
        return replace(self.with_overrides(dict.fromkeys(RESPONSES, 0.0)), name=name)

    def explained(self) -> tuple[ExplainedSetting, ...]:
        """Every setting with its default, unit, range, source, standing, and origin.

        The rows of data/assumptions.csv that a scenario may change come last.
        """
        rows = [self._explain(lever, self.value(lever.key)) for lever in declared()]
        changes = dict(self.settings.assumptions)
        rows += [self._explain(row, changes.get(key, row.default)) for key, row in adjustable().items()]
        return tuple(rows)

    def _explained_changes(self) -> list[ExplainedSetting]:
        """The rows of :meth:`explained` with a value other than the default."""
        rows = [self._explain(lever, self.value(lever.key)) for lever in declared() if self._differs(lever)]
        changes = dict(self.settings.assumptions)
        known = adjustable() if changes else {}
        return rows + [self._explain(known[key], value) for key, value in changes.items()]

    def _explain(self, lever: Declared, value: Any) -> ExplainedSetting:
        return ExplainedSetting(
            key=lever.key,
            value=value,
            default=lever.default,
            unit=lever.unit,
            low=lever.low,
            high=lever.high,
            source=lever.source,
            status=lever.status,
            doc=lever.doc,
            changed=value != lever.default,
            set_in=self.origins.get(lever.key, "default"),
        )

    def changed(self) -> dict[str, Any]:
        """The settings that differ from their defaults, by dotted name."""
        values = {lever.key: self.value(lever.key) for lever in declared() if self._differs(lever)}
        return values | {f"{ASSUMPTIONS}.{key}": value for key, value in self.settings.assumptions}

    def _differs(self, lever: Declared) -> bool:
        return bool(self.value(lever.key) != lever.default)

    def __repr__(self) -> str:
        return f"<fiscal Scenario {self.name!r}: {self.title}, fingerprint {self.fingerprint()[:12]}>"

    def _repr_html_(self) -> str:
        changed = self._explained_changes()
        rows = [
            (row.key, spell(row.value), spell(row.default), row.unit, _in_range(row), row.status) for row in changed
        ]
        columns = ("setting", "value", "default", "unit", "within what is allowed", "default is")
        count = "every setting at its default" if not changed else "settings that differ from their defaults"
        small = f"{self.name}, fingerprint {self.fingerprint()[:12]}"
        table = cards.table(columns, rows) if changed else cards.Markup()
        return cards.card(self.title or self.name, small, f"{self.description} ({count})".strip(), table)


def _in_range(row: ExplainedSetting) -> str:
    """A drawing of a number's position between the lowest and highest allowed; empty for other settings."""
    if row.low is None or row.high is None or isinstance(row.value, bool):
        return ""
    if not isinstance(row.value, int | float):
        return ""
    default = row.default if isinstance(row.default, int | float) else None
    alt = f"{spell(row.value)} between {spell(row.low)} and {spell(row.high)}"
    return cards.range_mark(row.value, default, row.low, row.high, alt)


def explain(scenario: Scenario) -> pd.DataFrame:
    """The complete scenario as a table: one row per setting (columns of ExplainedSetting).

    ``value`` and ``default`` are texts, spelled as in a scenario file but without quotes.
    """
    import pandas as pd

    columns = [item.name for item in fields(ExplainedSetting)]
    rows = [vars(row) | {"value": spell(row.value), "default": spell(row.default)} for row in scenario.explained()]
    return pd.DataFrame(rows, columns=columns).astype({"low": float, "high": float})
