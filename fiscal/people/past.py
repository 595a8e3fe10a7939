"""People, wages and limits of past years, for the hindcast: 2010 to the model's own first year.

People: Census residents by single year of age (table ``past_population``, 1 July), interpolated along
cohorts between the table's years. The model's own series begins in 2022 and is wider (Social Security
area); one publisher for the whole span keeps growth free of a change of concept. Deaths: the life table
of 2022, which serves all earlier years (it holds COVID-19 deaths and is close to the mortality of 2010).
Groups: at every age the distribution of the model's opening.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fiscal.base import sources
from fiscal.base.axes import AGES_AT_OPENING, FIRST_AGE
from fiscal.base.errors import InputError
from fiscal.people.population import (
    MortalityGradient,
    cohort_death_share,
    death_probability,
    graded_death_rate,
    opening_group_shares,
    years_lived,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PastPeople:
    """People on 1 January and the share of them who die in the year, ``(Y, A, G)``."""

    years: NDArray[np.int64]
    people_open: Floats
    death_rate: Floats


def past_people(years: NDArray[np.int64], income_gradient: MortalityGradient) -> PastPeople:
    """People of consecutive ``years`` between the table's first and the year after its last.

    ``income_gradient`` as in :func:`fiscal.people.population.project`. Raises InputError for other years.
    """
    totals = _january(years)
    deaths = [_death_share(int(year))[FIRST_AGE:] for year in years]
    shares = opening_group_shares(deaths[0], income_gradient)
    people = totals[:, :, None] * shares
    rates = [graded_death_rate(share, at, income_gradient) for share, at in zip(deaths, people, strict=True)]
    return PastPeople(years=years, people_open=people, death_rate=np.stack(rates))


def past_wages() -> pd.Series:
    """Average wage index, dollars, by year from 2010 to the last year of table ``wage_index``."""
    past = sources.table("past_wages").set_index("year")["average_wage_index_usd"]
    later = sources.table("wage_index").set_index("year")["average_wage_index_usd"]
    return pd.concat([past, later]).astype(float)


def past_limits() -> pd.DataFrame:
    """Deferral, catch-up and compensation limits by year, 2010 to the last published one."""
    past = sources.table("past_limits").set_index("year")
    later = sources.table("contribution_limits").set_index("year")
    return pd.concat([past, later[past.columns]]).astype(float)


def _july() -> pd.DataFrame:
    """People on 1 July: years in rows, ages 0 to 100 (and over) in columns, along cohorts in between."""
    nodes = sources.table("past_population").pivot(index="year", columns="age", values="persons").astype(float)
    ages = np.arange(nodes.shape[1])
    rows = {}
    for start, end in zip(nodes.index[:-1], nodes.index[1:], strict=True):
        first, last, span = nodes.loc[start].to_numpy(), nodes.loc[end].to_numpy(), int(end - start)
        for step in range(span):
            weight = step / span
            # the cohort of age a in this year was a - step at the start and is a + span - step at the end
            before, after = ages - step, ages + span - step
            inside = (before >= 0) & (after <= ages[-1])
            along = first[np.maximum(before, 0)] ** (1 - weight)
            along = along * last[np.minimum(after, ages[-1])] ** weight
            rows[int(start) + step] = np.where(inside, along, first ** (1 - weight) * last**weight)
    rows[int(nodes.index[-1])] = nodes.iloc[-1].to_numpy()
    return pd.DataFrame.from_dict(rows, orient="index")


def _january(years: NDArray[np.int64]) -> Floats:
    """People on 1 January by ``(year, age 18..119)``: the mean of the Julys around it.

    Outside the table's Julys the same people are found half a year of age away in the nearest one, more
    or fewer by half a year's deaths.
    """
    july = _july()
    first, last = int(july.index[0]), int(july.index[-1])
    if years.min() < first or years.max() > last + 1 or (np.diff(years) != 1).any():
        raise InputError(
            "no population of these years", key="years", value=years.tolist(), allowed=f"{first} to {last + 1}"
        )
    result = np.zeros((len(years), FIRST_AGE + AGES_AT_OPENING.size))
    size = july.shape[1]
    for index, year in enumerate(years):
        half_a_year = 1 - _death_share(int(year))[:size] / 2
        if year == first:
            after = july.loc[first].to_numpy()
            result[index, :size] = (after + np.append(after[1:], 0.0)) / 2 / half_a_year
        elif year == last + 1:
            before = july.loc[last].to_numpy()
            result[index, :size] = (before + np.insert(before[:-1], 0, before[0])) / 2 * half_a_year
        else:
            result[index, :size] = (july.loc[year - 1].to_numpy() + july.loc[year].to_numpy()) / 2
    # the open age, 100 and over, by years lived at each age of the life table
    lived = years_lived(death_probability(int(years[0]))).sum(axis=0)[size - 1 :]
    result[:, size - 1 :] = result[:, [size - 1]] * lived / lived.sum()
    return result[:, FIRST_AGE:]


def _death_share(year: int) -> Floats:
    """Share of a whole age dying in the year, both sexes by their survivors in the life table, ``(age 0..119,)``."""
    death = death_probability(year)
    alive = np.concatenate([np.ones((len(death), 1)), np.cumprod(1 - death, axis=1)[:, :-1]], axis=1)
    return (alive * cohort_death_share(death)).sum(axis=0) / alive.sum(axis=0)
