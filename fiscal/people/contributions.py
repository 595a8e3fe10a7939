"""Contributions by cell and year: elective deferrals, catch-up, employer money, traditional and Roth.

The level and shape of 2025 come from ``contribution_profile`` (Tax-Calculator's CPS sample, raked so
that the W-2 margins by age and by wage both hold, aged to 2025, 401(k) scope). From there a person's
*wish* grows with the average wage; the law's limits cut it: the share of deferral dollars above a
limit, D(L), is read from the imputed sample, so that a limit that lags wages bites where it should.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from fiscal import sources
from fiscal.axes import ATTAINED_AGES as AGES

MANDATE_FIRST_YEAR = 2026
"""Roth-only catch-up for higher wages, SECURE 2.0 s.603 as delayed by IRS Notice 2023-62."""


@dataclass(frozen=True, kw_only=True)
class Contributions:
    """Nominal dollars by cell, ``(Y, A, G)``; the stub year holds its three quarters."""

    years: np.ndarray
    elective_traditional_usd: np.ndarray
    elective_roth_usd: np.ndarray
    employer_traditional_usd: np.ndarray
    employer_roth_usd: np.ndarray
    catch_up_usd: np.ndarray  # part of the elective deferrals, memo
    deferral_multiple: np.ndarray  # traditional deferral over the all-traditional deferral of the same law

    @property
    def traditional_usd(self) -> np.ndarray:
        """All traditional money, ``(Y, A, G)``."""
        return self.elective_traditional_usd + self.employer_traditional_usd

    @property
    def roth_usd(self) -> np.ndarray:
        """All Roth money, ``(Y, A, G)``."""
        return self.elective_roth_usd + self.employer_roth_usd

    @property
    def employer_usd(self) -> np.ndarray:
        """Employer contributions of both characters, ``(Y, A, G)``."""
        return self.employer_traditional_usd + self.employer_roth_usd


def band_bounds(label: str) -> tuple[int, int]:
    """First and last attained age of a band such as ``"26-34"`` or ``"75+"``."""
    if label.endswith("+"):
        return int(label[:-1]), int(AGES[-1])
    first, last = label.split("-")
    return int(first), int(last)


def by_single_age(profile: pd.DataFrame, column: str, weights: np.ndarray) -> np.ndarray:
    """A per-person column by (age_band, wage_group) as ``(A, group)``, smooth over ages.

    Band means are joined by straight lines between band midpoints; each band is then rescaled so that
    its mean over people (``weights`` (A,)) is the table's again.
    """
    table = profile.pivot(index="age_band", columns="wage_group", values=column)
    bounds = {label: band_bounds(label) for label in table.index}
    order = sorted(table.index, key=lambda label: bounds[label][0])
    means = table.loc[order].to_numpy(float)
    # an open band's people sit near its start: its midpoint is their mean age
    inside = [(bounds[label][0] <= AGES) & (bounds[label][1] >= AGES) for label in order]
    midpoints = [np.average(AGES[mask], weights=weights[mask]) for mask in inside]
    smooth = np.stack([np.interp(AGES, midpoints, means[:, k]) for k in range(means.shape[1])], axis=1)
    for row, mask in enumerate(inside):
        now = np.average(smooth[mask], axis=0, weights=weights[mask])
        smooth[mask] *= np.divide(means[row], now, out=np.zeros_like(now), where=now > 0)
    return smooth


def excess_share(profile: pd.DataFrame, relative_limit: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of deferral dollars above a limit that is ``relative_limit`` times 2025's in wage terms.

    ``relative_limit`` (Y,) -> ``(Y, A, group)``. Linear between the points of D(L); no dollar lies
    above the full limit of 2025, so limits that outrun wages (relative_limit > 1) free nothing: the
    sample does not show what people at the limit would have liked to save (a lower bound).
    """
    points = {
        0.25: "above_25_usd",
        0.5: "above_50_usd",
        0.75: "above_75_usd",
        0.9: "above_90_usd",
        1.0: "above_100_usd",
    }
    elective = by_single_age(profile, "elective_deferral_usd", weights)
    levels = np.array([0.0, *points])
    shares = [np.ones_like(elective)]
    for column in points.values():
        above = by_single_age(profile, column, weights)
        shares.append(np.divide(above, elective, out=np.zeros_like(above), where=elective > 0))
    stacked = np.minimum.accumulate(np.clip(np.stack(shares), 0.0, 1.0), axis=0)  # (point, A, group)
    stacked[-1] = 0.0
    relative = np.clip(relative_limit, 0.0, 1.0)
    piece = np.clip(np.searchsorted(levels, relative, side="right") - 1, 0, len(levels) - 2)
    weight = ((relative - levels[piece]) / (levels[piece + 1] - levels[piece]))[:, None, None]
    return stacked[piece] * (1 - weight) + stacked[piece + 1] * weight


def roth_share_by_age(level: np.ndarray, dollars: np.ndarray) -> np.ndarray:
    """Roth share of elective deferrals by age, ``(Y, A)``, whose dollar-weighted mean is ``level`` (Y,).

    Younger savers use Roth more (participants with Roth by age, Alight): the table's odds relative to
    the whole tilt the year's odds; one constant a year makes the mean come out. A level of 0 or 1 is
    0 or 1 at every age.
    """
    table = sources.table("roth_use")
    rows = table[(table["source"] == "Alight") & (table["dimension"] == "age")]
    first_ages = rows["group"].str.extract(r"(\d+)")[0].astype(int).to_numpy()
    share = rows["value"].to_numpy(float)
    tilt = np.interp(AGES, first_ages + 5.0, np.log(share / (1 - share)))
    result = np.zeros((len(level), len(AGES)))
    for y, mean in enumerate(level):
        if mean <= 0 or mean >= 1:
            result[y] = min(max(mean, 0.0), 1.0)
            continue
        total = dollars[y].sum()
        weight = dollars[y] / total if total > 0 else np.full(len(AGES), 1 / len(AGES))

        def gap(shift: float, weight: np.ndarray = weight, mean: float = mean) -> float:
            return float(weight @ (1 / (1 + np.exp(-(tilt + shift))))) - mean

        shift = brentq(gap, -40.0, 40.0, xtol=1e-13)
        result[y] = 1 / (1 + np.exp(-(tilt + shift)))
    return result


def project_contributions(
    *,
    years: np.ndarray,
    year_fraction: np.ndarray,
    people: np.ndarray,
    wage_index: np.ndarray,
    limits: pd.DataFrame,
    mobility: np.ndarray,
    last_contribution_year: int,
    elective_scale: float,
    employer_scale: float,
    roth_share_2025: float,
    roth_share_step: float,
    roth_plateau_year: int,
    roth_employer_share: float,
    catch_up_mandate: bool,
    profile_limits: pd.Series | None = None,
) -> Contributions:
    """Contributions ``(Y, A, G)`` of every year; none after ``last_contribution_year``.

    ``people`` (Y, A, G); ``wage_index`` (Y,) with 2025 = 1; ``limits`` as
    :func:`fiscal.law.limits.contribution_limits`; ``mobility`` (G, wage group). ``profile_limits`` are
    the limits of 2025, the year of the profile, when the projection does not begin in it.
    """
    profile = sources.table("contribution_profile")
    weights = people[0].sum(axis=1)
    active = (years <= last_contribution_year).astype(float)

    elective_wish = by_single_age(profile, "elective_deferral_usd", weights)  # (A, k), 2025 dollars
    catch_up = by_single_age(profile, "catch_up_usd", weights)
    employer_wish = by_single_age(profile, "employer_usd", weights)
    mandate_share = by_single_age(profile, "catch_up_mandate_share", weights)
    gross_wage = by_single_age(profile, "gross_wage_usd", weights)

    base = limits.loc[years[0]] if profile_limits is None else profile_limits
    # one relative limit a year serves all ages: catch-up limits are indexed alike
    relative = (
        limits.loc[years, "elective_deferral_limit_usd"].to_numpy() / base["elective_deferral_limit_usd"]
    )
    # a larger wish meets the same limit sooner
    kept = 1 - excess_share(profile, relative / (wage_index * max(elective_scale, 1.0)), weights)  # (Y, A, k)
    growth = (wage_index * active)[:, None, None]
    elective_k = elective_wish * kept * growth
    catch_up_k = (
        np.where((sources.assumption("law.catch_up_first_age") <= AGES)[:, None], catch_up, 0.0)
        * kept
        * growth
    )
    mandated_k = catch_up_k * np.clip(mandate_share, 0.0, 1.0)

    # employer money follows pay up to the 401(a)(17) compensation limit
    compensation = limits.loc[years, "compensation_limit_usd"].to_numpy()[:, None, None]
    wage_then = gross_wage * wage_index[:, None, None]
    counted = np.minimum(wage_then, compensation) / wage_index[:, None, None]
    counted_2025 = np.minimum(gross_wage, float(base["compensation_limit_usd"]))
    employer_k = (
        employer_wish
        * np.divide(counted, counted_2025, out=np.ones_like(counted), where=counted_2025 > 0)
        * growth
    )

    def to_groups(per_person: np.ndarray) -> np.ndarray:
        """Per person by wage rank (Y, A, k) -> dollars by lifetime group (Y, A, G), the stub's part."""
        return np.einsum("gk,yak->yag", mobility, per_person) * people * year_fraction[:, None, None]

    elective = to_groups(elective_k) * elective_scale
    catch_up_usd = to_groups(catch_up_k) * elective_scale
    mandated = to_groups(mandated_k) * elective_scale
    employer = to_groups(employer_k) * employer_scale

    level = np.clip(
        roth_share_2025 + roth_share_step * (np.minimum(years, roth_plateau_year) - years[0]), 0.0, 1.0
    )
    share = roth_share_by_age(level, elective.sum(axis=2))[:, :, None]
    in_force = (catch_up_mandate & (years >= MANDATE_FIRST_YEAR))[:, None, None]
    free = np.where(in_force, elective - mandated, elective)
    roth = share * free + (elective - free)
    traditional = elective - roth
    traditional = np.where(share >= 1, 0.0, traditional)
    multiple = np.divide(traditional, elective, out=np.zeros_like(elective), where=elective > 0)
    return Contributions(
        years=years,
        elective_traditional_usd=traditional,
        elective_roth_usd=elective - traditional,
        employer_traditional_usd=employer * (1 - roth_employer_share),
        employer_roth_usd=employer * roth_employer_share,
        catch_up_usd=catch_up_usd,
        deferral_multiple=multiple,
    )


def group_wages() -> np.ndarray:
    """Mean gross wage of each rank group at 26-64, ``(group,)`` dollars of 2025."""
    profile = sources.table("contribution_profile")
    first = profile["age_band"].str.extract(r"^(\d+)", expand=False).astype(int)
    prime = profile[first.between(26, 60)]
    return np.array(
        [
            np.average(part["gross_wage_usd"], weights=part["persons"])
            for _, part in prime.sort_values("wage_group").groupby("wage_group")
        ]
    )
