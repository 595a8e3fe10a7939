"""Income groups of persons of any age, their working status, and how likely each holds an account."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR, GROUP_EDGES
from fiscal.law.build import raking
from fiscal.law.build.microdata import Microdata

Array = NDArray[np.float64]

AGE_BANDS = ("18-34", "35-49", "50-59", "60-64", "65-69", "70-72", "73-79", "80+")
AGE_EDGES = np.array([18, 35, 50, 60, 65, 70, 73, 80, 200])
STATUSES = ("working", "not_working")
"""Working: with wages of one's own in the year (self-employment alone does not count)."""

MINIMUM_RECORDS = 60
"""Cells of fewer persons in the file are pooled with the same group of the next younger age band."""

SIPP_YEAR = 2022
_SIPP_AGES = ("18-24", "25-34", "35-44", "45-54", "55-65")
_SIPP_AGE_EDGES = np.array([25, 35, 45, 55])
_SIPP_INCOMES = ("<25k", "25-50k", "50-75k", "75-100k", "100-150k", "150k+")
_SIPP_INCOME_EDGES_USD = np.array([25e3, 50e3, 75e3, 100e3, 150e3])
_SCF_AGES = ("60-64", "65-69", "70-74", "75-79", "80+")
_SCF_EDGES = np.array([65, 70, 75, 80])
_FIRST_SCF_AGE = 60
_STREAM = 21


def income_ranks(data: Microdata) -> Array:
    """Rank in (0, 1) of every person within the withdrawal age band.

    Workers by own wage among workers, everybody else by retirement income among non-workers: Social
    Security plus pension and IRA income of the unit, halved for couples (below 60: that plus the unit's
    wages, halved). Withdrawal curves keep the two apart; where they are merged (rates outside plans) they
    are merged as they are, because working status is taken as independent of lifetime rank (assumed).
    Ties are ordered by draw.
    """
    band = np.digitize(data.age, AGE_EDGES)
    ties = raking.uniform_draws(data.person_key, _STREAM)
    weight = data.person_weights(FIRST_YEAR)
    works = status(data) == STATUSES.index("working")
    income = np.where(works, data.wage_usd, _unit_income(data))
    ranks = np.zeros(len(income))
    for number in np.unique(band):
        for group in (works, ~works):
            inside = np.flatnonzero((band == number) & group)
            ranks[inside] = raking.weighted_ranks(income[inside], ties[inside], weight[inside])
    return ranks


def status(data: Microdata) -> NDArray[np.int_]:
    """Position in STATUSES of every person."""
    at_work, not_at_work = STATUSES.index("working"), STATUSES.index("not_working")
    return np.where(data.wage_usd > 0, at_work, not_at_work)


def pools(records: NDArray[np.int_], minimum: int = MINIMUM_RECORDS) -> NDArray[np.int_]:
    """Pool of every cell (..., age band, group), numbered by its youngest cell, from counts of records.

    Neighboring age bands of the same group are pooled, which keeps the income: from the oldest band down
    a pool takes the next younger band until it has ``minimum`` records; a remainder among the youngest
    joins the pool above it.
    """
    bands, groups = records.shape[-2:]
    numbers = np.arange(records.size).reshape(-1, bands, groups)
    result = numbers.copy()
    for layer, counts in enumerate(records.reshape(-1, bands, groups)):
        for group in range(groups):
            starts: list[int] = []  # youngest band of each pool, from the oldest
            held = 0
            for band in range(bands - 1, -1, -1):
                held += int(counts[band, group])
                if held >= minimum:
                    starts, held = [*starts, band], 0
            if not starts or starts[-1] > 0:
                starts = [*starts[:-1], 0]
            ordered = np.array(starts[::-1])
            youngest = ordered[np.searchsorted(ordered, np.arange(bands), side="right") - 1]
            result[layer, :, group] = numbers[layer, youngest, group]
    return result.reshape(records.shape)


def income_groups(ranks: Array) -> NDArray[np.int_]:
    """Group 0-11 (GROUP_SHARES) of ranks in (0, 1)."""
    return np.digitize(ranks, GROUP_EDGES[1:-1])


def _unit_income(data: Microdata) -> Array:
    """Retirement income of a person without wages, dollars of 2025; under 60 with the unit's wages."""
    pensions = (data.ira_usd + data.pension_usd) * data.pension_scale[0]
    retirement = (data.social_security_usd + pensions)[data.unit]
    wages = data.per_unit(data.wage_usd)[data.unit]
    total = retirement + np.where(data.age < _FIRST_SCF_AGE, wages, 0.0)
    return total / np.where((data.mars == 2)[data.unit], 2.0, 1.0)


def holding_share(data: Microdata, ranks: Array, wage_growth: float) -> Array:
    """Probability that a person holds a retirement account.

    Under 60 and workers: SIPP 2022 by age and own wage (``wage_growth`` brings 2022 wages to 2025;
    persons without wages have the lowest class's share). Others from 60: the SCF share of families of the
    age, graded by rank as SIPP 55-65 is by income. Persons of units with taxable IRA income hold one
    (assumption law.income_distribution_holder_share); the rest of the SCF ages are scaled so that the age
    keeps its share.
    """
    share = _sipp_share(data.age, data.wage_usd / wage_growth)
    retired = (data.age >= _FIRST_SCF_AGE) & (data.wage_usd <= 0)
    share[retired] = _rank_gradient(ranks[retired])
    receives = (data.ira_usd > 0)[data.unit] & (data.age >= _FIRST_SCF_AGE)
    certain = sources.assumption("law.income_distribution_holder_share")
    cap = sources.assumption("law.account_holder_share_cap")
    share = np.where(receives, np.maximum(certain, share), share)
    weight = data.person_weights(FIRST_YEAR)
    group = np.digitize(data.age, _SCF_EDGES)
    for number, wanted in enumerate(_scf_shares()):
        free = retired & (group == number) & ~receives
        fixed = retired & (group == number) & receives
        total = weight[free].sum() + weight[fixed].sum()
        left = max(wanted * total - float(weight[fixed] @ share[fixed]), 0.0)
        found = float(weight[free] @ share[free])
        if found > 0:
            share[free] *= left / found
    return np.minimum(share, cap)


def _sipp() -> Array:
    """SIPP share holding an account (age, income); blank cells take the row of all ages."""
    table = sources.table("sipp_age_income").pivot(index="age", columns="income", values="holding_account_share")
    rows = table.loc[list(_SIPP_AGES), list(_SIPP_INCOMES)].to_numpy(float)
    everybody = table.loc["18-65", list(_SIPP_INCOMES)].to_numpy(float)
    return np.where(np.isfinite(rows), rows, everybody[None, :])


def _sipp_share(age: NDArray[np.int_], wage_2022_usd: Array) -> Array:
    return _sipp()[np.digitize(age, _SIPP_AGE_EDGES), np.digitize(wage_2022_usd, _SIPP_INCOME_EDGES_USD)]


def _rank_gradient(ranks: Array) -> Array:
    """SIPP 55-65 holding share as a function of the rank in income among its workers."""
    table = sources.table("sipp_age_income").set_index(["age", "income"])
    oldest = table.loc[[(_SIPP_AGES[-1], income) for income in _SIPP_INCOMES]]
    workers = oldest["workers"].to_numpy(float)
    edges = np.cumsum(workers) / workers.sum()
    middles = edges - 0.5 * workers / workers.sum()
    return np.interp(ranks, middles, oldest["holding_account_share"].to_numpy(float))


def _scf_shares() -> list[float]:
    table = sources.table("scf")
    rows = table[(table["dimension"] == "age") & table["measure"].str.contains("with_retirement_account")]
    by_group = rows.set_index("group")["value"]
    return [float(by_group[group]) for group in _SCF_AGES]
