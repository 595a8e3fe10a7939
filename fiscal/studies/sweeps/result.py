"""A sweep's answer: the table of cases and what they say together."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fiscal.base.errors import InputError
from fiscal.results.plots import Plotted
from fiscal.results.quantities import QUANTITY_WORDS, headline_quantity
from fiscal.scenario import Scenario
from fiscal.scenario.design import Design, setting_of
from fiscal.scenario.section import spell
from fiscal.studies.sweeps.cases import DESIGN, HIGH, LOW, Case, cases_of
from fiscal.studies.sweeps.indices import index_table, spread_table, tornado_table
from fiscal.studies.sweeps.outcomes import Outcome, outcomes_with
from fiscal.studies.sweeps.schema import COLUMNS, TABLES


@dataclass(frozen=True)
class Sweep(Plotted):
    """A sweep's tables: ``sweep`` (one row per case), ``tornado``, ``spread``, and of a Sobol design ``indices``."""

    design: Design
    tables: Mapping[str, pd.DataFrame]

    @classmethod
    def of(
        cls,
        design: Design,
        cases: Sequence[Case],
        outcomes: Sequence[Outcome],
        values: np.ndarray,
        messages: Sequence[str],
    ) -> Sweep:
        """Tables from the outcomes ``values`` (case, outcome) in billions, missing where ``messages`` say why."""
        table = _case_table(design, cases, outcomes, values, messages)
        tables = {
            "sweep": table,
            "tornado": tornado_table(design, table, outcomes),
            "spread": spread_table(table, outcomes),
        }
        if design.kind == "sobol":
            tables["indices"] = index_table(design, table, outcomes)
        return cls(design, tables)

    @classmethod
    def stored(cls, design: Design, tables: Mapping[str, pd.DataFrame], shown: str) -> Sweep:
        """A sweep of tables that were read back from ``shown``: the table of cases must be one of the design, and
        what follows from it at once is made of it again. Raises InputError for other tables."""
        cases, found = cases_of(design), tables.get("sweep", pd.DataFrame())
        outcomes = _stored_outcomes(design, found)
        if not _is_case_table(found, design, cases, outcomes):
            raise InputError("is not the table of this design", file=shown, key="sweep")
        made = {
            "sweep": found,
            "tornado": tornado_table(design, found, outcomes),
            "spread": spread_table(found, outcomes),
        }
        if design.kind == "sobol":
            made["indices"] = tables.get("indices", pd.DataFrame())
            if not _is_index_table(made["indices"], design, outcomes):
                raise InputError("is not the table of this design", file=shown, key="indices")
        return cls(design, made)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What is reported of every case, in the order of the tables."""
        return tuple(Outcome(str(row.quantity), str(row.window)) for row in self.spread.itertuples())

    @property
    def name(self) -> str:
        """Name of the design."""
        return self.design.name

    @property
    def scenario(self) -> Scenario:
        """The base that the cases change."""
        return self.design.base

    @property
    def cases(self) -> pd.DataFrame:
        """One row per case: its values, its outcomes, and why it failed if it did."""
        return self.tables["sweep"]

    def to_frame(self) -> pd.DataFrame:
        """The cases in a table of one's own: see :attr:`cases`."""
        return self.cases.copy()

    @property
    def indices(self) -> pd.DataFrame:
        """First-order and total Sobol indices; without rows for a grid."""
        return self.tables.get("indices", pd.DataFrame(columns=list(TABLES["indices"].columns)))

    @property
    def tornado(self) -> pd.DataFrame:
        """Every setting alone at both ends of its range, by outcome, the largest moves first."""
        return self.tables["tornado"]

    @property
    def spread(self) -> pd.DataFrame:
        """Mean, standard deviation and quantiles of every outcome over the design."""
        return self.tables["spread"]

    @property
    def failed(self) -> pd.DataFrame:
        """The cases that failed, each with its message."""
        return self.cases[self.cases["message"] != ""]

    @property
    def quantity(self) -> str:
        """The effect that the sweep is about: against its reference, else against no crypto, else net revenue."""
        return headline_quantity(one.quantity for one in self.outcomes)

    @property
    def windows(self) -> tuple[str, ...]:
        """Windows of fiscal years of the outcomes, the nearest first; then the present value."""
        return tuple(dict.fromkeys(one.window for one in self.outcomes))

    @property
    def summary(self) -> dict[str, Any]:
        """Size of the sweep, and what its quantity is over the design."""
        own = self.spread[self.spread["quantity"] == self.quantity].drop(columns="quantity")
        return {
            "title": self.design.title,
            "base": self.design.base.name,
            "against": None if self.design.against is None else self.design.against.name,
            "design": self.design.kind,
            "cases": len(self.cases),
            "failed": len(self.failed),
            "quantity": self.quantity,
            "windows": own.set_index("window").to_dict(orient="index"),
        }

    @property
    def counted(self) -> str:
        """How many cases there are of each part, in words."""
        parts = self.cases["part"].value_counts()
        kind = "drawn together" if self.design.kind == "sobol" else "of the grid"
        alone = int(parts.get(LOW, 0) + parts.get(HIGH, 0))
        return (
            f"{len(self.cases):,} cases: {int(parts.get(DESIGN, 0)):,} {kind}, {alone} with one setting at an end of "
            "its range, and the base"
        )

    def columns(self) -> dict[str, str]:
        """What every column of the tables is."""
        settings = {
            factor.key: f"value of the setting, {factor.unit}; the base's where it is not moved"
            for factor in self.design.factors
        }
        outcomes = {
            one.column: f"{QUANTITY_WORDS[one.quantity]}, {one.window}, billions of dollars" for one in self.outcomes
        }
        return {name: column.words for name, column in COLUMNS.items()} | settings | outcomes

    def __repr__(self) -> str:
        return f"<fiscal Sweep {self.name!r}: {len(self.cases)} cases, {len(self.failed)} failed>"

    def _repr_html_(self) -> str:
        own = self.tornado[(self.tornado["quantity"] == self.quantity) & (self.tornado["window"] == self.windows[0])]
        return (
            f"<h4>{html.escape(self.design.title)}</h4><p>{self.counted}; {len(self.failed)} failed; "
            f"{html.escape(QUANTITY_WORDS[self.quantity])}, {self.windows[0]}, one setting at a time:</p>"
            + own.drop(columns=["quantity", "window"]).to_html(
                index=False, escape=True, float_format=lambda value: f"{value:,.1f}"
            )
        )


def _numbers(table: pd.DataFrame, columns: Sequence[str]) -> bool:
    """Whether a table of someone else's making has these columns, once each, of numbers."""
    return table.columns.is_unique and all(name in table and table[name].dtype == float for name in columns)


def _is_case_table(found: pd.DataFrame, design: Design, cases: Sequence[Case], outcomes: Sequence[Outcome]) -> bool:
    """Whether a table of someone else's making has the cases of the design, in order, and for each either all numbers,
    finite, or a message why not; the base, which all are measured from, has numbers."""
    columns = [one.column for one in outcomes]
    if not _numbers(found, columns) or "message" not in found or len(found) != len(cases):
        return False
    values, messages = found[columns].to_numpy(dtype=float), found["message"].tolist()
    if not all(isinstance(text, str) for text in messages):
        return False
    failed = np.array([text != "" for text in messages])
    if (np.isnan(values).any(axis=1) != failed).any() or np.isinf(values).any() or failed[0]:
        return False
    expected = _case_table(design, cases, outcomes, values, messages)
    named = ("case", "part", "moved", *(factor.key for factor in design.factors))
    return list(found.columns) == list(expected.columns) and all(
        found[name].tolist() == expected[name].tolist() for name in named
    )


def _is_index_table(found: pd.DataFrame, design: Design, outcomes: Sequence[Outcome]) -> bool:
    """Whether a table of someone else's making has an index for every outcome and factor of the design, in order."""
    schema = TABLES["indices"]
    if list(found.columns) != list(schema.columns) or not _numbers(found, schema.numbers):
        return False
    keys = [(one.quantity, one.window, factor.key) for one in outcomes for factor in design.factors]
    return list(zip(*(found[name].tolist() for name in schema.keys), strict=True)) == keys


def _stored_outcomes(design: Design, table: pd.DataFrame) -> tuple[Outcome, ...]:
    """What a stored sweep of the design reports; effects on its own paths where the table has them."""
    every = outcomes_with(design, holds_crypto=True)
    has_all = {one.column for one in every} <= set(table.columns)
    return every if has_all else outcomes_with(design, holds_crypto=False)


def _case_table(
    design: Design, cases: Sequence[Case], outcomes: Sequence[Outcome], values: np.ndarray, messages: Sequence[str]
) -> pd.DataFrame:
    """``case, part, moved``, a column a setting and an outcome, ``message``."""
    columns: dict[str, Any] = {
        "case": np.arange(len(cases)),
        "part": [case.part for case in cases],
        "moved": [case.moved for case in cases],
    }
    for factor in design.factors:
        unmoved = setting_of(design.base, factor.key)
        columns[factor.key] = _column([case.values.get(factor.key, unmoved) for case in cases])
    columns |= {one.column: values[:, place] for place, one in enumerate(outcomes)}
    return pd.DataFrame({**columns, "message": list(messages)})


def _column(values: list[Any]) -> list[Any]:
    """Numbers and switches as they are; anything else as a scenario file spells it, without quotes."""
    kinds = {type(value) for value in values}
    return values if kinds <= {int} or kinds <= {float} or kinds <= {bool} else [spell(value) for value in values]
