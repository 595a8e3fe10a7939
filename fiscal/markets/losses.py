"""Operational losses of crypto: thefts and failures of those who keep it, drawn from the dated record.

The record (table ``crypto_incidents``): custodial events, thefts from exchanges and failures of exchanges and lenders,
of whole calendar years, each loss taken over the value of all crypto at the month end before. The number of events a
year is Poisson, the log of an event's share normal: many small ones, rarely a large one (Mt. Gox lost several percent
of all there was). The spread is the one at which the mean share is the record's; the spread of the logs alone would
miss the largest event, most of the sum. What customers get back is a setting. A plan's sleeve is taken to be kept as
the market is: a user who thinks plans' custodians safer scales the frequency down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR
from fiscal.base.memo import remembered
from fiscal.markets.stochastic import LOSS_SIZES, LOSSES, generator

if TYPE_CHECKING:
    import pandas as pd

CUSTODIAL = ("exchange_theft", "exchange_failure", "lender_failure", "retirement_account_theft")
FIRST_OBSERVED, LAST_OBSERVED = 2014, FIRST_YEAR
BILLION = 1e9


@dataclass(frozen=True)
class LossRecord:
    """What the record gives: events a year, and mean and standard deviation of the log share lost in one."""

    events_a_year: float
    log_mean: float
    log_sd: float

    def expected_share(self) -> float:
        """Mean share lost in an event, a share above one counting as one."""
        m, s = self.log_mean, self.log_sd
        return math.exp(m + s**2 / 2) * _normal(-(m + s**2) / s) + _normal(m / s)


def _normal(x: float) -> float:
    """Standard normal distribution function, exact in both tails."""
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


def incidents() -> pd.DataFrame:
    """Custodial events of the record with a reported loss: ``date, entity, kind, loss_bn_usd, lost_share`` of the
    value of all crypto at the month end before (June for an event of which only the year is known)."""
    import pandas as pd

    table = sources.table("crypto_incidents")
    table = table[table["kind"].isin(CUSTODIAL) & table["loss_bn_usd"].notna()]
    table = table[table["year"].astype(int).between(FIRST_OBSERVED, LAST_OBSERVED)].copy()
    prices = sources.table("monthly_prices")
    value = prices.set_index(pd.PeriodIndex(prices["month"].astype(str), freq="M"))["crypto_mcap_usd"]
    month = [pd.Period(f"{date}-06" if len(date) == 4 else date[:7], freq="M") - 1 for date in table["date"]]
    table["lost_share"] = table["loss_bn_usd"].to_numpy() * BILLION / value.reindex(month).to_numpy()
    return table[["date", "entity", "kind", "loss_bn_usd", "lost_share"]].reset_index(drop=True)


@remembered
def loss_record() -> LossRecord:
    """Frequency and size of custodial events in the record."""
    found = incidents()
    shares = found["lost_share"].to_numpy(dtype=float)
    logs = np.log(shares)
    years = LAST_OBSERVED - FIRST_OBSERVED + 1
    spread = np.sqrt(2 * (np.log(shares.mean()) - logs.mean()))
    return LossRecord(len(found) / years, float(logs.mean()), float(spread))


def expected_loss_rate(frequency: float, recovery_share: float) -> float:
    """Average share of the sleeve lost permanently in a year; ``frequency`` is a multiple of the record's."""
    record = loss_record()
    return min(frequency * record.events_a_year * record.expected_share() * (1 - recovery_share), 1.0)


def draw_loss_rates(
    frequency: float, recovery_share: float, years: np.ndarray, n_paths: int, seed: int, first_path: int
) -> np.ndarray:
    """Share of the sleeve lost permanently, ``(path, year)``; nothing in the years that have begun (to 2026).

    Path ``i`` is the same in any batch, and a longer horizon continues from the same beginning.
    """
    record = loss_record()
    rates = np.zeros((n_paths, len(years)))
    drawn = years > FIRST_YEAR + 1
    if not frequency or not drawn.any():
        return rates
    for i in range(n_paths):
        counts = generator(seed, LOSSES, first_path + i).poisson(frequency * record.events_a_year, int(drawn.sum()))
        normal = generator(seed, LOSS_SIZES, first_path + i).standard_normal(int(counts.sum()))
        shares = np.minimum(np.exp(record.log_mean + record.log_sd * normal), 1.0)
        # events follow one another: each takes its share of what is left
        kept = np.ones(len(counts))
        np.multiply.at(kept, np.repeat(np.arange(len(counts)), counts), 1 - shares * (1 - recovery_share))
        rates[i, drawn] = 1 - kept
    return rates
