"""Time: fiscal years, windows, present values, break-even years.

Present values are taken to 30 June 2025. A year's flows fall on its middle; the stub's (1 April to
31 December 2025) on 15 August.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fiscal.base.axes import FIRST_YEAR

VALUATION_DATE = FIRST_YEAR + 0.5


@dataclass(frozen=True)
class Window:
    """Fiscal years ``first`` to ``last``, both inside."""

    first: int
    last: int

    @property
    def label(self) -> str:
        return f"FY{self.first}-{self.last}"


WINDOWS = (Window(2026, 2035), Window(2027, 2036), Window(2026, 2055), Window(2026, 2100))
"""Budget windows that every table of sums shows: the one declaration. The first is the headline's; fiscal 2026 is over,
so the ten years from 2027 follow it; the last is the longest."""

PRESENT_VALUE = "present value"
"""In the column ``window``: flows to the horizon at Treasury bill rates, on 30 June 2025."""

FISCAL_SAME_YEAR_SHARE = 9 / 12
"""A fiscal year runs from October to September: nine of its months are in the year of its name."""

BILLION = 1e9


def fiscal_years(flow: np.ndarray, year_fraction: np.ndarray, same_year_share: float) -> np.ndarray:
    """Federal fiscal-year receipts from calendar-year flows, same shape ``(..., Y)``.

    Fiscal year ``t`` takes ``same_year_share`` of calendar ``t`` and the rest of ``t - 1`` (assumed
    shares, scenario settings). The stub year is taken at its full-year equivalent, since the part of
    2025 before the opening date carries flows that only the model's own stock lacks; the first
    fiscal year itself has no predecessor and is NaN.
    """
    full = flow / year_fraction
    result = np.full(flow.shape, np.nan)
    result[..., 1:] = same_year_share * full[..., 1:] + (1 - same_year_share) * full[..., :-1]
    return result


def window_sum(flow: np.ndarray, years: np.ndarray, window: Window) -> np.ndarray:
    """Sum of ``(..., Y)`` over the window's years, ``(...,)``."""
    inside = (years >= window.first) & (years <= window.last)
    return flow[..., inside].sum(axis=-1)


def flow_dates(years: np.ndarray, year_fraction: np.ndarray) -> np.ndarray:
    """The date in years at which a year's flows fall: the middle of the part that is inside, ``(Y,)``."""
    return years + 1 - year_fraction / 2


def discount_factors(dates: np.ndarray, annual_rate: np.ndarray, rate_years: np.ndarray) -> np.ndarray:
    """Value on 30 June 2025 of a dollar at each date, ``(Y,)``, from one-year rates by calendar year.

    Rates are compounded continuously within a year, so that a constant rate ``d`` gives
    ``(1 + d) ** -(date - 2025.5)``.
    """
    log_growth = np.log1p(annual_rate)
    edges = np.concatenate([rate_years, [rate_years[-1] + 1]]).astype(float)
    cumulated = np.concatenate([[0.0], np.cumsum(log_growth)])
    at = np.interp(dates, edges, cumulated)
    # dates after the last year use its rate
    at = at + np.maximum(dates - edges[-1], 0.0) * log_growth[-1]
    return np.exp(-(at - np.interp(VALUATION_DATE, edges, cumulated)))


def present_value(flow: np.ndarray, factors: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Discounted sum of ``(..., Y)`` over the years that are ``inside`` (bool, Y)."""
    return (flow * factors)[..., inside].sum(axis=-1)


def with_interest(flow: np.ndarray, one_year_rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Interest on a cumulated difference, and the cumulated difference with interest, ``(..., Y)``.

    The difference accumulated up to last year's end earns or costs the year's one-year rate; the
    year's own flow earns half of it.
    """
    balance = np.zeros(flow.shape)
    interest = np.zeros(flow.shape)
    previous = np.zeros(flow.shape[:-1])
    for y in range(flow.shape[-1]):
        interest[..., y] = (previous + flow[..., y] / 2) * one_year_rate[y]
        previous = previous + flow[..., y] + interest[..., y]
        balance[..., y] = previous
    return interest, balance


def turning_year(values: np.ndarray, years: np.ndarray, floor: float = 0.0) -> int | None:
    """First year from which ``values`` (Y,) keeps the sign opposite to its first non-zero value.

    Amounts up to ``floor`` in size count as zero. None if the sign never changes permanently: a year whose sign changes
    back is not a break-even year.
    """
    signs = np.where(np.abs(values) > floor, np.sign(values), 0.0)
    nonzero = np.flatnonzero(signs)
    if not len(nonzero):
        return None
    last_with_first_sign = np.flatnonzero(signs == signs[nonzero[0]])[-1]
    if last_with_first_sign == len(values) - 1:
        return None
    return int(years[last_with_first_sign + 1])


def bill_factors(one_year_rate: np.ndarray, fraction: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Value on 30 June 2025 of a dollar of each year at bill rates, ``(Y,)``."""
    return discount_factors(flow_dates(years, fraction), one_year_rate, years)
