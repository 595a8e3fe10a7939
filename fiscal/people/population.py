"""People by single year of age and earnings group, 2025 to the end of the run-off.

Age shape: Social Security Administration, population of the Social Security area by single year of age
and sex, 2024 Trustees Report (table ``population``, series SSA_TR2024, 1 July). Level: Congressional
Budget Office, January 2026 (table ``cbo_population``), which has far fewer births and immigrants. Deaths:
SSA period life table of 2022 (``life_table``), the pandemic faded out, improved at the pace of
``mortality_improvement``.

An age is the number of whole years attained on 1 January, so the people of age ``a`` in year ``y`` were
born in ``y - 1 - a`` and turn ``a + 1`` during the year. The stub of 2025 opens on the opening date with the same
birth cohorts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiscal.base import sources
from fiscal.base.arrays import ratio
from fiscal.base.axes import AGES_AT_OPENING, FIRST_AGE, FIRST_YEAR, GROUP_EDGES, GROUP_SHARES, LAST_AGE, LAST_YEAR
from fiscal.base.errors import InputError, Problem
from fiscal.base.memo import remembered, remembering
from fiscal.base.opening import HEADLINE, OpeningDate

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

SERIES = "SSA_TR2024"
CBO_COLUMN = "cbo_jan2026_persons"
TABLE_YEAR = 2022
SEXES = ("male", "female")
ALL_AGES = np.arange(LAST_AGE + 1)
LOWEST_GRADIENT, HIGHEST_GRADIENT = 1.0, 10.0
IMMIGRATION_AGES = slice(1, 66)


@dataclass(frozen=True)
class Population:
    """People of the model; arrays are read-only, persons (not thousands), axes ``(year, age, group)``.

    ``people_open`` refers to the opening of each year (1 January; in the first year the opening date). In every cell
    ``people_open[y + 1, a + 1] = people_open[y, a] - deaths[y, a] + migration[y, a]`` and
    ``people_open[y, 18] = entrants[y]``; people aged 119 die within the year.
    """

    years: NDArray[np.int64]
    ages: NDArray[np.int64]
    people_open: Floats
    deaths: Floats
    migration: Floats
    entrants: Floats

    @property
    def death_rate(self) -> Floats:
        """Deaths over people at the opening, ``(year, age, group)``; 0 in an empty cell."""
        return _read_only(ratio(self.deaths, self.people_open))

    def conservation_residual(self) -> Floats:
        """Signed residual of the people identity, ``(year - 1, age - 1, group)``, persons."""
        survivors = self.people_open[:-1, :-1] - self.deaths[:-1, :-1] + self.migration[:-1, :-1]
        return self.people_open[1:, 1:] - survivors


@dataclass(frozen=True)
class MortalityGradient:
    """Ratio of bottom-group to top-group mortality (1 = none): in full to one age, tapering to none at another."""

    ratio: float
    full_until_age: float
    none_from_age: float

    @staticmethod
    def of(assume: Mapping[str, float], ratio: float) -> MortalityGradient:
        """The gradient with the ages of the assumptions in force."""
        full, none = (assume[f"population.gradient_{end}_age"] for end in ("full_until", "none_from"))
        return MortalityGradient(ratio, full, none)


@remembered
def project(
    years: Iterable[int], *, income_gradient: MortalityGradient, scale: float = 1.0, opening: OpeningDate = HEADLINE
) -> Population:
    """Project people, deaths, net migration and entrants by age and earnings group.

    Parameters
    ----------
    years
        Consecutive calendar years from 2025. After 2100 the run-off: mortality of 2100, no entrants
        and no migration.
    income_gradient
        Ratio of bottom-group to top-group mortality, tapering to 1 at old ages. The mean over the groups of a
        cell stays the life table's.
    scale
        Multiplies every number of people; everything is linear in it.
    opening
        The opening date in the first year.

    Net migration is the projection minus the survivors of the year before: immigrants come by the
    groups' shares at entry, emigrants leave each group in proportion to the people it has, so no group
    can fall below zero. The opening distribution over groups is that of a cohort that met the
    mortality of 2025 at every age since 18.

    Raises
    ------
    InputError
        For years that do not run consecutively from 2025, a gradient outside 1 to 10, or a scale that is
        not a positive finite number (all problems at once).
    """
    calendar = np.asarray(list(years), dtype=np.int64)
    _check(calendar, income_gradient.ratio, scale)
    totals, death_share = _opening_totals(opening), _adult_death_share()
    n_ages, n_groups = AGES_AT_OPENING.size, GROUP_SHARES.size
    people = np.zeros((calendar.size + 1, n_ages, n_groups))
    deaths = np.zeros((calendar.size, n_ages, n_groups))
    migration = np.zeros_like(deaths)
    entrants = np.zeros((calendar.size, n_groups))

    people[0] = totals[0][:, None] * opening_group_shares(_year_row(death_share, 0), income_gradient)
    entrants[0] = people[0, 0]
    migration_rate = np.zeros(n_ages)  # net migration per person of 2099, held through 2100
    for index, year in enumerate(calendar):
        fraction = opening.stub_fraction if year == FIRST_YEAR else 1.0
        year_share = 1.0 - (1.0 - _year_row(death_share, index)) ** fraction
        deaths[index] = people[index] * graded_death_rate(year_share, people[index], income_gradient)
        survivors = people[index] - deaths[index]
        if year < LAST_YEAR:
            net = totals[index + 1][1:] - survivors[:-1].sum(axis=-1)
            migration_rate[:-1] = net / totals[index][:-1]
            entrants_next = totals[index + 1][0] * GROUP_SHARES
        else:
            held = migration_rate if year == LAST_YEAR else np.zeros(n_ages)
            net = held[:-1] * people[index, :-1].sum(axis=-1)
            entrants_next = np.zeros(n_groups)
        migration[index, :-1] = _spread_migration(net, survivors[:-1])
        people[index + 1, 1:] = people[index, :-1] - deaths[index, :-1] + migration[index, :-1]
        people[index + 1, 0] = entrants_next
        if index + 1 < calendar.size:
            entrants[index + 1] = entrants_next
    arrays = (people[:-1] * scale, deaths * scale, migration * scale, entrants * scale)
    return Population(
        _read_only(calendar), _read_only(AGES_AT_OPENING.copy()), *(_read_only(array) for array in arrays)
    )


def graded_death_rate(death_share: Floats, people: Floats, income_gradient: MortalityGradient) -> Floats:
    """Death rates by earnings group, ``(age, group)``, whose mean over ``people`` is ``death_share`` (age).

    Log-linear in the group's mid-rank with the ratio bottom over top of :func:`gradient_by_age`. A rate
    that would pass 1 is held at 1 and the other groups of the age carry the difference. In an empty age
    the groups' shares at entry weigh the mean.
    """
    middle = (GROUP_EDGES[:-1] + GROUP_EDGES[1:]) / 2.0
    height = (middle - middle[0]) / (middle[-1] - middle[0])
    relative = gradient_by_age(income_gradient)[:, None] ** -height
    total = people.sum(axis=-1, keepdims=True)
    weight = np.where(total > 0.0, people / np.where(total > 0.0, total, 1.0), GROUP_SHARES)
    capped = np.zeros(relative.shape, dtype=bool)
    rate = relative
    for _ in GROUP_SHARES:  # each round caps at least one more group, or is the last
        free_weight = np.where(capped, 0.0, weight * relative).sum(axis=-1, keepdims=True)
        left = death_share[:, None] - np.where(capped, weight, 0.0).sum(axis=-1, keepdims=True)
        level = ratio(left, free_weight, 1.0)
        rate = np.where(capped, 1.0, relative * level)
        over = rate > 1.0
        if not over.any():
            break
        capped |= over
    return np.where(death_share[:, None] >= 1.0, 1.0, rate)


@lru_cache(maxsize=4)
def gradient_by_age(income_gradient: MortalityGradient) -> Floats:
    """Ratio of bottom-group to top-group mortality by age (18..119): full, then tapering to 1 (assumed)."""
    ages = [income_gradient.full_until_age, income_gradient.none_from_age]
    return _read_only(1.0 + (income_gradient.ratio - 1.0) * np.interp(AGES_AT_OPENING, ages, [1.0, 0.0]))


# --------------------------------------------------------------------------------------- mortality


@remembering(256)
def death_probability(year: int) -> Floats:
    """Probability of dying between exact ages x and x + 1 in a year, ``(sex, age 0..119)``.

    The SSA period table of 2022 times the cumulated improvement of the SSA 2020 Trustees Report; after
    2100 the mortality of 2100. The table of 2022 holds COVID-19 deaths (16 percent at 65): they fade until
    ``population.pandemic_fade_year`` to the level that the 2020 report projected for 2022. Without
    that, SSA's projection minus our survivors shows 300,000 immigrants a year past 65; with it, 40,000.
    """
    base, pace = _base_death_probability(), _improvement()
    fade_year = sources.assumption("population.pandemic_fade_year")
    faded = np.interp(year, [TABLE_YEAR, fade_year], [0.0, 1.0])
    factor = _pandemic_ratio() ** faded
    for (start, end), rate in pace.items():
        last = LAST_YEAR if end == max(e for _, e in pace) else end  # the last pace is held to 2100
        factor = factor * (1.0 - rate) ** float(np.clip(min(year, LAST_YEAR), start, last) - start)
    death = np.minimum(base * factor, 1.0)
    death[:, LAST_AGE] = 1.0
    return _read_only(death)


def years_lived(death: Floats) -> Floats:
    """Years lived at each age by those who reach the first, ``(sex, age)``, of probabilities of dying at each."""
    alive = np.concatenate([np.ones((len(death), 1)), np.cumprod(1.0 - death, axis=-1)], axis=-1)
    return (alive[:, :-1] + alive[:, 1:]) / 2.0


def cohort_death_share(death: Floats) -> Floats:
    """Share of the people of a whole age on 1 January who die in the year, ``(sex, age 0..119)``.

    They are between exact ages x and x + 1, half a year on average: 1 - L(x + 1) / L(x) of the life
    table, not q(x).
    """
    lived = years_lived(death)
    share = np.ones_like(lived)
    share[:, :-1] = 1.0 - lived[:, 1:] / lived[:, :-1]
    return share


@remembered
def _base_death_probability() -> Floats:
    table = sources.table("life_table").pivot(index="sex", columns="age", values="qx")
    return _read_only(table.reindex(index=list(SEXES), columns=ALL_AGES).to_numpy(dtype=float))


@remembered
def _pandemic_ratio() -> Floats:
    """Death probability of 2022 as projected before the pandemic over the table's, ``(sex, age 0..119)``."""
    table = sources.table("mortality_improvement")
    base = _base_death_probability()
    column = f"qx_{TABLE_YEAR}_proj"
    ratios = []
    for index, sex in enumerate(SEXES):
        rows = table[table["sex"] == sex].sort_values("age")
        at_ages = base[index, rows["age"].to_numpy(dtype=int)]
        ratios.append(np.interp(ALL_AGES, rows["age"], rows[column].to_numpy(dtype=float) / at_ages))
    return _read_only(np.stack(ratios))


@remembered
def _improvement() -> dict[tuple[int, int], Floats]:
    """Yearly improvement by span of years, each ``(sex, age 0..119)``, linear between the table's ages."""
    table = sources.table("mortality_improvement")
    paces: dict[tuple[int, int], Floats] = {}
    for column in (name for name in table.columns if name.startswith("annual_improvement_")):
        start, end = (int(part) for part in column.split("_")[2:4])
        rows = [table[table["sex"] == sex].sort_values("age") for sex in SEXES]
        paces[start, end] = np.stack([np.interp(ALL_AGES, row["age"], row[column]) for row in rows])
    return paces


# ------------------------------------------------------------------------------------- population


@remembered
def july_population() -> tuple[NDArray[np.int64], Floats]:
    """Years 2022..2100 and people on 1 July by ``(year, sex, age 0..119)``, in total CBO's.

    The SSA age shape is set to CBO's level to 2025 by one factor a year. What CBO has less than SSA
    later was never born or never came: it is taken from the newborn and from the ages of
    immigration and then ages and dies with them (assumptions ``population.gap_*``). One factor for all
    ages would instead remove four percent of the people of 65 and more by 2040, all of whom are here.
    After CBO's last year its last growth rate is held.
    """
    years, shape = ssa_population()
    cbo = _cbo_total(years)
    total = shape.sum(axis=(1, 2))
    first = int(np.flatnonzero(years == FIRST_YEAR)[0])
    level = (cbo / total)[np.minimum(np.arange(years.size), first)]
    people = shape * level[:, None, None]
    missing = _missing_people(years, people, cbo)
    both = people.sum(axis=1)
    if (missing > both).any():
        raise InputError("population: CBO's total is too low for the SSA age shape; check the two tables")
    return years, _read_only(people * (1.0 - missing / both)[:, None, :])


def _missing_people(years: NDArray[np.int64], people: Floats, cbo: Floats) -> Floats:
    """People that SSA has and CBO has not, by ``(year, age)``, summing to the gap of the totals."""
    gap = people.sum(axis=(1, 2)) - cbo
    full_share = sources.assumption("population.gap_births_share")
    full_year = sources.assumption("population.gap_births_full_year")
    immigrants = _immigration_profile(years, people)
    missing = np.zeros((years.size, ALL_AGES.size))
    for index in range(int(np.flatnonzero(years == FIRST_YEAR)[0]), years.size - 1):
        alive = 1.0 - _both_sexes_death_share(people[index], years[index])
        missing[index + 1, 1:] = missing[index, :-1] * alive[:-1]
        births = np.interp(years[index + 1], [FIRST_YEAR, full_year], [0.0, full_share])
        profile = (1.0 - births) * immigrants
        profile[0] += births
        missing[index + 1] += profile * (gap[index + 1] - missing[index + 1].sum())
    return missing


def _immigration_profile(years: NDArray[np.int64], people: Floats) -> Floats:
    """Age profile of net immigration, summing to 1: SSA's projection minus survivors, all years."""
    net = np.zeros(ALL_AGES.size)
    for index in range(years.size - 1):
        alive = 1.0 - _both_sexes_death_share(people[index], years[index])
        both = people[index : index + 2].sum(axis=1)
        net[1:] += both[1, 1:] - both[0, :-1] * alive[:-1]
    profile = np.zeros_like(net)
    profile[IMMIGRATION_AGES] = np.maximum(net[IMMIGRATION_AGES], 0.0)
    return profile / profile.sum()


def _both_sexes_death_share(people: Floats, year: int) -> Floats:
    share = cohort_death_share(death_probability(int(year)))
    return (people * share).sum(axis=0) / people.sum(axis=0)


@remembered
def ssa_population() -> tuple[NDArray[np.int64], Floats]:
    """SSA population on 1 July of every year, ``(year, sex, age 0..119)``, interpolated along cohorts.

    Between two published years a cohort follows the life table, times the steady yearly factor
    that brings it to the second year's number; people born in between are interpolated at their age.
    """
    table = sources.table("population")
    table = table[table["series"] == SERIES]
    nodes = sorted(int(year) for year in table["year"].unique())
    published = {year: _spread_open_age(table[table["year"] == year], year) for year in nodes}
    years = np.arange(nodes[0], nodes[-1] + 1)
    people = np.zeros((years.size, len(SEXES), ALL_AGES.size))
    for start, end in zip(nodes[:-1], nodes[1:], strict=True):
        for year, value in _between(start, end, published[start], published[end]).items():
            people[year - nodes[0]] = value
    people[-1] = published[nodes[-1]]
    return years, people


def _between(start: int, end: int, first: Floats, last: Floats) -> dict[int, Floats]:
    """People in each year from ``start`` up to, not including, ``end``; arrays ``(sex, age 0..119)``."""
    path = [first]
    for year in range(start, end):
        alive = 1.0 - cohort_death_share(death_probability(year))
        following = path[-1].copy()  # age 0 is not used: its cohort is interpolated at the same age
        following[:, 1:] = path[-1][:, :-1] * alive[:, :-1]
        path.append(following)
    arrival = last / path[-1]
    result: dict[int, Floats] = {}
    for step, survivors in enumerate(path[:-1]):
        weight = step / (end - start)
        aged = np.minimum(ALL_AGES + end - start - step, LAST_AGE)
        along_cohort = survivors * arrival[:, aged] ** weight
        at_age = first ** (1.0 - weight) * last**weight
        result[start + step] = np.where(step <= ALL_AGES, along_cohort, at_age)
    return result


def _spread_open_age(rows: pd.DataFrame, year: int) -> Floats:
    """One published year as ``(sex, age 0..119)``: the open age 100+ spread by years lived at each age."""
    rows = rows.sort_values("age")
    open_age = int(rows["age"].max())
    people = np.zeros((len(SEXES), ALL_AGES.size))
    people[:, : open_age + 1] = rows[list(SEXES)].to_numpy(dtype=float).T
    lived = years_lived(death_probability(year)[:, open_age:])
    people[:, open_age:] = people[:, [open_age]] * lived / lived.sum(axis=-1, keepdims=True)
    return people


def _cbo_total(years: NDArray[np.int64]) -> Floats:
    """CBO's total population of each year, persons; after its last year its last growth rate is held."""
    series = sources.table("cbo_population").set_index("year")[CBO_COLUMN].dropna()
    last_year, growth = int(series.index[-1]), float(series.iloc[-1] / series.iloc[-2])
    after = series.iloc[-1] * growth ** np.maximum(years - last_year, 0)
    return np.where(years <= last_year, series.reindex(years).to_numpy(dtype=float), after)


# ------------------------------------------------------------------------------------ model arrays


@remembered
def _january_by_sex() -> Floats:
    """People on 1 January 2025..2100 by ``(year, sex, age 0..119)``: mean of the two Julys around it.

    People of a whole age on 1 January were half in that age the July before and half the July after.
    """
    years, july = july_population()
    first = int(np.flatnonzero(years == FIRST_YEAR)[0])
    return (july[first - 1 : -1] + july[first:]) / 2.0


@remembered
def _opening_totals(date: OpeningDate) -> Floats:
    """People at the opening of 2025..2100, ``(year, age 18..119)``; first on ``date``, along each cohort."""
    january = _january_by_sex().sum(axis=1)
    following = np.append(january[1, 1:], 0.0)
    stub_start = 1.0 - date.stub_fraction
    opening = january.copy()
    opening[0] = january[0] + stub_start * (following - january[0])
    return _read_only(opening[:, FIRST_AGE:])


@remembered
def _adult_death_share() -> Floats:
    """Share of a whole age dying in 2025..2100, both sexes, ``(year, age 18..119)``."""
    january = _january_by_sex()
    rows = [_both_sexes_death_share(people, FIRST_YEAR + i) for i, people in enumerate(january)]
    return _read_only(np.stack(rows)[:, FIRST_AGE:])


def _year_row(values: Floats, index: int) -> Floats:
    """The row of a year, the last one (2100) held."""
    return values[min(index, len(values) - 1)]


def opening_group_shares(death_share: Floats, income_gradient: MortalityGradient) -> Floats:
    """Distribution over groups at each age, ``(age, group)``, of a cohort that met ``death_share``."""
    shares = np.empty((AGES_AT_OPENING.size, GROUP_SHARES.size))
    shares[0] = GROUP_SHARES
    for index in range(AGES_AT_OPENING.size - 1):
        rates = graded_death_rate(death_share, np.broadcast_to(shares[index], shares.shape), income_gradient)
        alive = shares[index] * (1.0 - rates[index])
        shares[index + 1] = alive / alive.sum()
    return shares


def _spread_migration(net: Floats, survivors: Floats) -> Floats:
    """Net migration (age) over groups: arrivals by shares at entry, departures as people are there."""
    total = survivors.sum(axis=-1, keepdims=True)
    present = ratio(survivors, total)
    return np.where(net[:, None] >= 0.0, net[:, None] * GROUP_SHARES, net[:, None] * present)


def _check(years: NDArray[np.int64], income_gradient: float, scale: float) -> None:
    problems = []
    if years.size == 0 or years[0] != FIRST_YEAR or (np.diff(years) != 1).any():
        allowed = f"{FIRST_YEAR}, {FIRST_YEAR + 1}, ..."
        problems.append(Problem("must be consecutive years from the opening", key="years", allowed=allowed))
    if not LOWEST_GRADIENT <= income_gradient <= HIGHEST_GRADIENT:
        allowed = f"{LOWEST_GRADIENT:g} to {HIGHEST_GRADIENT:g}"
        problems.append(Problem("out of range", key="income_gradient", value=income_gradient, allowed=allowed))
    if not (np.isfinite(scale) and scale > 0.0):
        problems.append(Problem("must be positive and finite", key="scale", value=scale))
    if problems:
        raise InputError(problems)


def _read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array
