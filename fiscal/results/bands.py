"""The 80 percent band of a headline number: parameters over their stated ranges, market paths, and the hindcast's errors.

Interface. ``draws_of(scenario)`` gives draws of net revenue by window, of the level and of the difference from each
reference, on the same draws: draw *i* of any scenario has the same parameters, the same market and the same residual,
so that two scenarios are compared draw by draw. ``band(values)`` is the range that holds four draws of five.
``bands(scenario)`` is both as a table. ``stored_band(scenario, reference, window)`` looks a scenario up in the stored
table ``bands`` (key: the scenario's fingerprint) and is what the headline reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal.budget.valuation import WINDOWS, Window

if TYPE_CHECKING:
    from fiscal.scenario import Scenario

Progress = Callable[[int, int, str], None]

LEVEL = "level"
"""In the place of a reference: net revenue itself, compared with nothing."""

TEN_YEARS = WINDOWS[:2]
"""Windows with a band. Hindcasts reach ten years and more from four starts only; no band is given beyond."""

COLUMNS = ("fingerprint", "case", "reference", "window", "central_bn_usd", "low_bn_usd", "high_bn_usd")
"""Columns of the table ``bands``; ``reference`` is level, equity_adoption or no_crypto."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Draws of net revenue, billions of current dollars: ``values[reference][window label]`` is ``(draw,)``;
    ``central`` the same at the central parameters on the scenario's own path."""

    values: Mapping[str, Mapping[str, np.ndarray]]
    central: Mapping[str, Mapping[str, float]]


def draws_of(scenario: Scenario, *, progress: Progress | None = None) -> Draws:
    """Draws of a scenario's level and differences over the ten-year windows."""
    raise NotImplementedError


def band(values: np.ndarray) -> tuple[float, float]:
    """Bounds that hold four draws of five."""
    low, high = np.quantile(values, (0.1, 0.9))
    return float(low), float(high)


def bands(scenario: Scenario, *, progress: Progress | None = None) -> pd.DataFrame:
    """One row per reference and window; columns :data:`COLUMNS`."""
    raise NotImplementedError


def stored_band(scenario: Scenario, reference: str, window: Window) -> tuple[float, float] | None:
    """The band of the stored table, or None where the scenario is not in it."""
    raise NotImplementedError
