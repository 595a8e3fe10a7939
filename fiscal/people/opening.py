"""Opening balances by age and earnings group, and who holds them.

Two margins are met by raking (iterative proportional fitting):

* age: participants by age (EBRI/ICI) times the average balance at the age (Vanguard);
* income: dollars by income class of full-time private workers (SIPP 2022, the only joint table; used
  as a shape only, since it covers all accounts).

The seed inside them is a synthetic history: each lifetime group's contributions of today carried back
over its own ages at a stated return and wage growth (assumed), since no table shows balances by
lifetime earnings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fiscal.base import sources
from fiscal.base.arrays import ratio
from fiscal.base.axes import ATTAINED_AGES, GROUP_EDGES
from fiscal.base.memo import remembered
from fiscal.base.opening import HEADLINE, OpeningDate
from fiscal.people.contributions import group_wages, profile_by_age

SIPP_CLASSES = ("<25k", "25-50k", "50-75k", "75-100k", "100-150k", "150k+")
SIPP_EDGES_USD = (25_000.0, 50_000.0, 75_000.0, 100_000.0, 150_000.0)  # the classes' own names
OLDEST_AGE = 70
"""From here on EBRI shows no participants."""

SETTLED_AGE = 57
"""Attained age from which a cohort opens no further accounts on balance."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Balances at the opening and holders in all years."""

    balance_usd: np.ndarray  # (A, G)
    holder_share: np.ndarray  # (Y, A, G) holders per person
    held_coverage_share: np.ndarray  # (Y, A, G) the same while coverage stays that of the opening

    def mean_balance_usd(self, people: np.ndarray) -> np.ndarray:
        """Balance per holder at the opening, ``(A, G)``; zero without holders. ``people`` (A, G)."""
        holders = self.held_coverage_share[0] * people
        return ratio(self.balance_usd, holders)


def rake(seed: np.ndarray, margins: list[tuple[tuple[int, ...], np.ndarray]], rounds: int = 500) -> np.ndarray:
    """Iterative proportional fitting of ``seed`` to margins.

    ``margins`` holds pairs of (axes summed over, target of what remains). Cells that are zero stay zero.
    Raises ``ValueError`` when the margins are not met to 1e-6 relative after ``rounds``.
    """
    fitted = seed.astype(float).copy()
    for _ in range(rounds):
        for axes, target in margins:
            now = fitted.sum(axis=axes)
            factor = ratio(target, now)
            fitted = fitted * np.expand_dims(factor, axes)
        gaps = [float(np.abs(fitted.sum(axis=axes) - target).max() / target.max()) for axes, target in margins]
        if max(gaps) < 1e-9:
            break
    if max(gaps) > 1e-6:
        raise ValueError(f"raking did not meet its margins: largest relative gap {max(gaps):.1e}")
    return fitted


def participants_per_person(assume: Mapping[str, float], people: np.ndarray) -> np.ndarray:
    """401(k) participants over people by attained age at the opening, ``(A,)``, to a common factor.

    EBRI/ICI participants by age class 2022 (twenties and thirties 40%, forties 23%), the rest split between
    fifties and sixties as in 2014, each over the people of the class, joined by straight lines between
    class middles. EBRI shows nobody of 70 and over: there the number follows from an assumed share of
    assets (``plan_asset_share_70_plus``) at the average balance of 65 and over.
    """
    allocation = sources.table("ebri_401k_allocation")
    share = allocation[allocation["item"] == "participants_share"].set_index(["year", "group"])["value"]
    young, forties = share[2022, "twenties_and_thirties"], share[2022, "forties"]
    older = 1 - young - forties
    fifties = older * share[2014, "fifties"] / (share[2014, "fifties"] + share[2014, "sixties"])
    classes = {31: (19, 39, young), 45: (40, 49, forties), 55: (50, 59, fifties), 65: (60, 69, older - fifties)}
    average = average_balances()
    middles, levels, dollars = [], [], 0.0
    for middle, (first, last, part) in classes.items():
        inside = (first <= ATTAINED_AGES) & (last >= ATTAINED_AGES)
        middles.append(float(middle))
        levels.append(part / people[inside].sum())
        dollars += part * np.average(average[inside], weights=people[inside])
    late = ATTAINED_AGES >= OLDEST_AGE
    late_share = assume["plan_asset_share_70_plus"]
    late_dollars = dollars * late_share / (1 - late_share)
    middles.append(float(np.average(ATTAINED_AGES[late], weights=people[late])))
    levels.append(late_dollars / average[-1] / people[late].sum())
    smooth = np.interp(ATTAINED_AGES, [18.0, *middles], [0.0, *levels])  # the first accounts are opened at 19
    bounds = [(first, last) for first, last, _ in classes.values()] + [(OLDEST_AGE, int(ATTAINED_AGES[-1]))]
    for (first, last), level in zip(bounds, levels, strict=True):
        inside = (first <= ATTAINED_AGES) & (last >= ATTAINED_AGES)
        smooth[inside] *= level / np.average(smooth[inside], weights=people[inside])
    return smooth


def average_balances() -> np.ndarray:
    """Average balance of a participant by attained age, ``(A,)`` dollars (Vanguard 2024)."""
    vanguard = sources.table("vanguard")
    rows = vanguard[
        (vanguard["data_year"] == 2024) & (vanguard["dimension"] == "age") & (vanguard["measure"] == "avg_balance_usd")
    ].set_index("group")["value"]
    points = {"<25": 22.5, "25-34": 30, "35-44": 40, "45-54": 50, "55-64": 60, "65+": 67}
    return np.interp(ATTAINED_AGES, list(points.values()), [float(rows[label]) for label in points])


def age_shares(assume: Mapping[str, float], people: np.ndarray) -> np.ndarray:
    """Share of 401(k) assets by attained age, ``(A,)``, summing to one: participants times balances."""
    dollars = participants_per_person(assume, people) * people * average_balances()
    return dollars / dollars.sum()


def income_class_mix(deflator: float) -> np.ndarray:
    """Share of each rank group's people in each SIPP income class, ``(group, class)``.

    The classes' edges (dollars of 2022, ``deflator`` = wages 2022 over 2025) are placed in the wage
    distribution over ranks of people of 26-64, interpolated between group means.
    """
    wage = group_wages()
    middle = (GROUP_EDGES[1:] + GROUP_EDGES[:-1]) / 2
    # logs make the upper tail close to straight (Pareto); non-earners at the bottom get a dollar
    ranks = np.interp(np.log(np.array(SIPP_EDGES_USD) / deflator), np.log(np.maximum(wage, 1.0)), middle)
    edges = np.concatenate([[0.0], np.maximum.accumulate(ranks), [1.0]])
    lower, upper = GROUP_EDGES[:-1, None], GROUP_EDGES[1:, None]
    overlap = np.clip(np.minimum(upper, edges[None, 1:]) - np.maximum(lower, edges[None, :-1]), 0.0, None)
    return overlap / overlap.sum(axis=1, keepdims=True)


def sipp_class_dollars() -> np.ndarray:
    """Share of retirement-account dollars by income class at ages 18-65, ``(class,)`` (SIPP)."""
    table = sources.table("sipp_age_income")
    rows = table[table["age"] == "18-65"].set_index("income").loc[list(SIPP_CLASSES)]
    dollars = (rows["workers"] * rows["holding_account_share"] * rows["mean_balance_holders_usd"]).to_numpy(float)
    return dollars / dollars.sum()


def holder_shares(
    assume: Mapping[str, float],
    people: np.ndarray,
    mix: np.ndarray,
    years: np.ndarray,
    size: float = 1.0,
    coverage: np.ndarray | None = None,
) -> np.ndarray:
    """Account holders per person by cell, ``(Y, A, G)``.

    Opening: participants by age times SIPP holding by income class at the age, adding up to
    ``account_holders_mn`` (assumed) times ``size``, no more than one holder a person. Later: a cohort younger than
    ``SETTLED_AGE`` moves along the opening's ages, with as many more holders as savers (``coverage`` (Y,) over that of
    the first year); from there on it keeps its accounts (rolled over or not), and cohorts past it at the opening keep
    the holders they have.
    """
    by_age = participants_per_person(assume, people.sum(axis=1))
    table = sources.table("sipp_age_income").set_index(["age", "income"])["holding_account_share"]
    bands = {"18-24": 21.5, "25-34": 30.0, "35-44": 40.0, "45-54": 50.0, "55-65": 60.0}
    by_class = np.array([[table[band, name] for name in SIPP_CLASSES] for band in bands], dtype=float)
    for row in range(by_class.shape[0]):  # blanks are cells under 30 cases
        known = ~np.isnan(by_class[row])
        by_class[row] = np.interp(np.arange(len(SIPP_CLASSES)), np.flatnonzero(known), by_class[row][known])
    by_group = by_class @ mix.T  # (band, group)
    tilt = np.stack(
        [np.interp(ATTAINED_AGES, list(bands.values()), by_group[:, g]) for g in range(by_group.shape[1])], axis=1
    )
    tilt /= ((tilt * people).sum(axis=1) / people.sum(axis=1))[:, None]
    shape = by_age[:, None] * tilt
    total = assume["account_holders_mn"] * 1e6 * size
    low, high = 0.0, 10.0 * total / (shape * people).sum()
    for _ in range(200):  # bisection on one factor: the cap makes the total kink, not jump
        middle = (low + high) / 2
        if (np.minimum(shape * middle, 1.0) * people).sum() < total:
            low = middle
        else:
            high = middle
    opening = np.minimum(shape * high, 1.0)
    settled = int(np.flatnonzero(ATTAINED_AGES == SETTLED_AGE)[0])
    position = np.arange(len(ATTAINED_AGES))[None, :]
    at_opening = position - (years - years[0])[:, None]
    held = opening[np.where(at_opening >= settled, at_opening, np.minimum(position, settled))]
    if coverage is None:
        return held
    # the year in which a cohort settles, no later than this one; cohorts settled at the opening gain no holders
    year = np.arange(len(years))[:, None]
    gained = (coverage / coverage[0])[np.clip(year - np.maximum(position - settled, 0), 0, None)]
    return np.minimum(held * gained[..., None], 1.0)


@remembered
def open_accounts(
    assume: Mapping[str, float],
    *,
    people: np.ndarray,
    unit_people: np.ndarray,
    mobility: np.ndarray,
    wage_ratio: float,
    years: np.ndarray,
    size: float = 1.0,
    opening: OpeningDate = HEADLINE,
    coverage: np.ndarray | None = None,
) -> Opening:
    """Balances ``(A, G)`` adding up to the published 401(k) stock of the opening date, and holder shares.

    ``people`` (A, G) scales the dollars; ``unit_people`` is the unscaled population that the published
    stock belongs to (they differ only when a scenario scales the population). ``wage_ratio`` is the
    average wage of SIPP's year over 2025's. ``size`` is the scope's stock over the 401(k)'s: dollars and
    holders alike; ``coverage`` (Y,) the factor on the number of savers.
    """
    stock = sources.table("ici_assets").set_index("date").loc[opening.iso, "k401_bn_usd"] * 1e9 * size
    weights = unit_people.sum(axis=1)
    profile = profile_by_age(weights)
    saving = profile["elective_deferral_usd"] + profile["employer_usd"]
    by_group = saving @ mobility.T  # (A, G) per person, 2025 dollars
    growth = (1 + assume["growth_of_history_rate"]) / (1 + assume["wage_history_rate"])
    history = np.zeros_like(by_group)
    for a in range(1, len(ATTAINED_AGES)):
        history[a] = (history[a - 1] + by_group[a - 1]) * growth
    # after 65 the group shape is that of 65: withdrawals, not saving, decide the level, and the raking
    # below meets it
    at_65 = int(np.flatnonzero(ATTAINED_AGES == 65)[0])
    history[at_65 + 1 :] = history[at_65]
    history[0] = by_group[0] / 2  # the first year's own saving
    seed = history * unit_people

    mix = income_class_mix(wage_ratio)
    ages = age_shares(assume, weights)
    working = ATTAINED_AGES <= 65
    cube = seed[:, :, None] * mix[None, :, :]
    fitted_working = rake(
        cube[working], [((1, 2), ages[working] / ages[working].sum()), ((0, 1), sipp_class_dollars())]
    ).sum(axis=2)
    shape = np.zeros_like(seed)
    shape[working] = fitted_working * ages[working].sum()
    at = int(np.flatnonzero(working)[-1])
    per_person = shape[at] / unit_people[at]
    old = per_person[None, :] * unit_people[~working]
    shape[~working] = old * (ages[~working] / old.sum(axis=1))[:, None]
    per_unit_person = ratio(shape * stock, unit_people)
    held, holders = (holder_shares(assume, unit_people, mix, years, size, one) for one in (None, coverage))
    return Opening(balance_usd=per_unit_person * people, holder_share=holders, held_coverage_share=held)


def rollover_stock(assume: Mapping[str, float], plan_balance: np.ndarray) -> np.ndarray:
    """Traditional IRAs of the opening that came from 401(k) plans, ``(A, G)`` dollars (assumed share).

    Stock: ICI traditional IRA assets at the end of 2024; ages: SOI fair market value by age 2023,
    inside a class as the plan's; groups as the plan's at the age.
    """
    stock = sources.table("ici_traditional_ira_flows").set_index("year")["yearend_assets_bn_usd"][2024] * 1e9
    soi = sources.table("soi_ira_by_age")
    by_age = soi[(soi["tax_year"] == 2023) & (soi["age"] != "all")].set_index("age")["fmv_yearend_bn_usd"]
    result = np.zeros_like(plan_balance)
    bounds = {
        "<60": (0, 59),
        "60-64": (60, 64),
        "65-69": (65, 69),
        "70-74": (70, 74),
        "75-79": (75, 79),
        "80+": (80, 999),
    }
    for label, (first, last) in bounds.items():
        inside = (first <= ATTAINED_AGES) & (last >= ATTAINED_AGES)
        part = plan_balance[inside]
        result[inside] = part / part.sum() * by_age[label] / by_age.sum()
    return result * stock * assume["rollover_stock_share"]
