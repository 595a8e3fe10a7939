"""How many earners defer: one trend of contributions over wages, estimated on what was known in a start year.

Savers' and employers' contributions (Form 5500) over private wages (BEA) move by the least-squares slope of the years
up to the start year, damped from year to year, and stay where they are from the end of the trend. The number of savers
is what carries it: what a saver defers is flat in the W-2 record. So coverage is the factor on the number of savers of
every age and wage alike that makes the model's contributions over wages follow the trend; from its end the factor is
held, and limits and the age of workers move the ratio again. Rollovers into plans are not saving: they are a separate
flow with a trend of the same form.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.arrays import ratio
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.errors import InputError
from fiscal.base.memo import remembered

FEWEST_YEARS = 5
"""Published years that a slope needs."""

DOL = "dol_5500"
ASSUMPTIONS = ("coverage_damping", "coverage_trend_years", "coverage_window_years")


def savers_over_wages() -> pd.Series:
    """Contributions of participants and employers over private wages, by year; years without the split are left out."""
    paid_in = sources.table(DOL).set_index("year")[["participant_bn_usd", "employer_bn_usd"]]
    return (paid_in.sum(axis=1, skipna=False) / private_wages()).dropna()


def private_wages() -> pd.Series:
    """Wages and salaries of private industries (BEA), billions of dollars, by year."""
    return sources.table("bea_dc_1984_2025").set_index("year")["private_wages_bn_usd"].astype(float)


def damped_trend(
    share: pd.Series, start_year: int, years: np.ndarray, assume: Mapping[str, float], scale: float = 1.0
) -> np.ndarray:
    """``share`` in ``years`` (Y,), none before ``start_year``, as it could be forecast in that year.

    The slope of the last ``coverage_window_years`` times ``coverage_damping`` to the power of the lead, for
    ``coverage_trend_years``, times ``scale``. Raises InputError where too few years up to the start year are
    published.
    """
    window = int(assume["coverage_window_years"])
    known = share[(share.index <= start_year) & (share.index > start_year - window)]
    if start_year not in known.index or len(known) < FEWEST_YEARS:
        first = "nothing" if share.empty else f"{share.index.min()} to {share.index.max()}"
        raise InputError(
            f"too few published years for a trend that starts in {start_year}",
            file=f"{DOL}.csv",
            value=first,
            allowed=f"{start_year} and at least {FEWEST_YEARS - 1} of the {window - 1} years before it",
        )
    slope = np.polyfit(known.index.to_numpy(float), known.to_numpy(float), 1)[0]
    steps = assume["coverage_damping"] ** np.arange(1, int(assume["coverage_trend_years"]) + 1)
    moved = np.concatenate([[0.0], np.cumsum(steps)])
    lead = np.clip(np.asarray(years) - start_year, 0, len(steps))
    return np.asarray(share[start_year] + scale * slope * moved[lead])


def last_published_year() -> int:
    """The last year whose contributions are published."""
    return int(savers_over_wages().index[-1])


def deferral_growth(since: int) -> float:
    """Elective deferrals of 2025 over those of a published year: participants' contributions (Form 5500) to the last
    year published, then the trend of contributions over wages."""
    assume = {key: sources.assumption(key) for key in ASSUMPTIONS}
    last = last_published_year()
    deferred = sources.table(DOL).set_index("year")["participant_bn_usd"]
    path = damped_trend(savers_over_wages(), last, np.array([last, FIRST_YEAR]), assume)
    wages = private_wages()
    return float(deferred[last] / deferred[since] * path[1] / path[0] * wages[FIRST_YEAR] / wages[last])


@remembered
def coverage_factor(
    years: np.ndarray, paid_in: np.ndarray, wages: np.ndarray, assume: Mapping[str, float], scale: float = 1.0
) -> np.ndarray:
    """Factor on the number of savers, ``(Y,)``.

    ``paid_in`` and ``wages`` (Y,) are contributions at constant coverage and the wage bill: their ratio in the first
    year equals the last published one. ``scale`` multiplies the trend; 0 is constant coverage.
    """
    if not scale:
        return np.ones(len(years))
    start = last_published_year()
    path = damped_trend(savers_over_wages(), start, years, assume, scale)
    own = ratio(paid_in, wages)
    if not own[0]:
        return np.ones(len(years))
    end = min(int(np.searchsorted(years, start + int(assume["coverage_trend_years"]))), len(years) - 1)
    # years without contributions (the run-off) keep the last ratio
    own = own[np.maximum.accumulate(np.where(own > 0, np.arange(len(own)), 0))]
    factor = path / damped_trend(savers_over_wages(), start, np.array([start]), assume) * own[0] / own
    return np.where(np.arange(len(years)) <= end, factor, factor[end])
