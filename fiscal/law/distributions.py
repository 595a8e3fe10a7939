"""Required minimum distributions: the age they start and the divisor (26 USC 401(a)(9))."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiscal.base import sources
from fiscal.base.memo import remembered

Array = NDArray[np.float64]
Births = tuple[float, ...]

SHIFT_AFTER_YEAR = 2026
"""A later start (a policy lever) reaches those who are not due by this year."""


def rmd_births(assume: Mapping[str, float]) -> Births:
    """First birth years of the required ages 72, 73 and 75, from the assumptions in force."""
    return tuple(assume[f"law.rmd_{age}_first_birth_year"] for age in (72, 73, 75))


def rmd_start_age(birth_year: ArrayLike, births: Births, shift: int = 0) -> Array:
    """Age whose year is the first distribution year, by birth year; same shape.

    75 for births from 1960, 73 for 1951-59 (SECURE 2.0 s.107; 1959 as the proposed regulations say), 72 for 1949-50
    (SECURE Act s.114; the law's line is 1 July 1949, by year of birth the whole of 1949 is taken), 70 1/2 before.
    ``births`` as of :func:`rmd_births`; ``shift`` years are added for people who have not reached it by the end of
    2026.
    """
    born = np.asarray(birth_year)
    rules = _start_ages(births)
    age = np.full(born.shape, rules[0][1])
    for first_birth_year, start in rules[1:]:
        age = np.where(born >= first_birth_year, start, age)
    return np.where(born + age > SHIFT_AFTER_YEAR, age + shift, age) if shift else age


def uniform_lifetime_divisor(age: ArrayLike, year: int | None = None) -> Array:
    """Divisor of the Uniform Lifetime Table in years, by age attained in the distribution year.

    26 CFR 1.401(a)(9)-9(c), the table in force in ``year`` (None: the one in force from 2022). Below the
    table's first age (72; 70 in the table of 2003-2021) there is no divisor: infinite, so that the
    required share is zero; above its last (120) the last one holds.
    """
    ages, divisors = _uniform_table("divisor_2022_on" if year is None or year >= 2022 else "divisor_2003_2021")
    whole = np.asarray(age).astype(int)
    position = np.clip(whole - ages[0], 0, len(ages) - 1)
    return np.where(whole < ages[0], np.inf, divisors[position])


def required_minimum_share(
    ages: ArrayLike,
    birth_years: ArrayLike,
    births: Births,
    year: int | None = None,
    shift: int = 0,
    enacted_by: int | None = None,
) -> Array:
    """Share of the prior 31 December balance that must be paid out, by age attained and birth year.

    Zero before the start age, and everywhere in a ``year`` in which Congress waived the minimum;
    arguments broadcast. Living Roth owners have none (the caller's part). ``enacted_by`` limits the law to what
    was enacted by the end of that year: later required ages, tables and waivers are not known.
    """
    ages, birth_years = np.broadcast_arrays(np.asarray(ages), np.asarray(birth_years))
    waived = year in _waived_years()
    table_of = year
    if enacted_by is not None:
        enacted = _enacted()
        births = tuple(
            birth if by <= enacted_by else np.inf for birth, by in zip(births, enacted["start_ages"], strict=True)
        )
        known = zip(_waived_years(), enacted["waivers"], strict=True)
        waived = year in {waiver for waiver, by in known if by <= enacted_by}
        if enacted_by < enacted["table"][0]:
            table_of = min(2021 if year is None else year, 2021)
    share = 1.0 / uniform_lifetime_divisor(ages, table_of)
    due = ages >= rmd_start_age(birth_years, births, shift)
    return np.where(due & (not waived), share, 0.0)


@remembered
def _enacted() -> dict[str, tuple[int, ...]]:
    """Years in which required ages, waivers, and the table in force from 2022 were enacted."""
    text = sources.table("withdrawal_rules").set_index("rule")["text_value"]
    return {
        name: tuple(int(year) for year in str(text[f"rmd_{name}_enacted_years"]).split(";"))
        for name in ("start_ages", "waivers", "table")
    }


@remembered
def _start_ages(births: Births) -> tuple[tuple[float, float], ...]:
    rules = sources.table("withdrawal_rules").set_index("rule")["value"]
    names = ("before_2020", "2020_2022", "2023_2032", "2033_on")
    ages = [float(rules[f"rmd_start_age_{name}"]) for name in names]
    return tuple(zip((-np.inf, *births), ages, strict=True))


@remembered
def _waived_years() -> tuple[int, ...]:
    """Years without required minimums: WRERA 2008 for 2009, CARES Act s.2203 for 2020."""
    text = sources.table("withdrawal_rules").set_index("rule")["text_value"]["rmd_waived_years"]
    return tuple(int(year) for year in str(text).split(";"))


@remembered
def _uniform_table(column: str) -> tuple[NDArray[np.int_], Array]:
    table = sources.table("rmd_uniform").dropna(subset=[column]).sort_values("age")
    return table["age"].to_numpy(dtype=int), table[column].to_numpy(dtype=float)
