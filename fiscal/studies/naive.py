"""Rules of one line that a model must beat, on the starts, leads and conditioning of the past_record.

Contributions (with rollovers in): ``fixed_share`` keeps their share of private wages, ``damped_trend`` moves it by
its least-squares slope over the last ten years times .9 to the power of the lead, ``growth`` continues the mean
growth of the last five years and needs no wages. Benefits are the mean share of opening assets of the last five years
(under ``growth`` their own growth continues), and assets follow from both and the return that is given or that the
hindcast's rule sets. The damped trend is the best of six that were tried on starts from 1994, so it is a little
flattered.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fiscal.people import coverage
from fiscal.studies import past_record

RULES = ("damped_trend", "fixed_share", "growth")
DAMPING, TREND_YEARS, MEAN_YEARS = 0.9, 10, 5


def forecast(rule: str, start: int, conditioning: str) -> pd.DataFrame:
    """A rule's contributions, benefits and assets, billions, by year after the start."""
    wages_told, returns_told = past_record.told_of(conditioning)
    record = past_record.published()
    years = np.arange(start + 1, past_record.LAST_OUTCOME + 1)
    wages = past_record.told_wages(start, years, wages_told)
    returns = past_record.told_returns(start, years, returns_told)
    leads = np.arange(1, len(years) + 1)
    share = record["contributions"] / coverage.private_wages()
    growing = rule == "growth"
    if growing:
        paid_in = record["contributions"][start] * _growth(record["contributions"], start) ** leads
    elif rule == "fixed_share":
        paid_in = share[start] * wages
    else:
        assume = {"coverage_damping": DAMPING, "coverage_window_years": TREND_YEARS, "coverage_trend_years": len(years)}
        paid_in = coverage.damped_trend(share.dropna(), start, years, assume) * wages
    last = range(start - MEAN_YEARS + 1, start + 1)
    paid_share = (record["benefits"] / record["assets"].shift()).loc[last].mean()
    paid_out, assets, held = [], [], float(record["assets"][start])
    for y in range(len(years)):
        out = paid_share * held
        if growing:
            out = record["benefits"][start] * _growth(record["benefits"], start) ** leads[y]
        net = paid_in[y] - out
        held = held + net + returns[y] * (held + net / 2)
        paid_out.append(out)
        assets.append(held)
    return pd.DataFrame({"contributions": paid_in, "benefits": paid_out, "assets": assets}, index=years, dtype=float)


def _growth(series: pd.Series, start: int) -> float:
    return float((series[start] / series[start - MEAN_YEARS]) ** (1 / MEAN_YEARS))
