"""Contributions by cell and year: elective deferrals, catch-up, employer money, traditional and Roth.

The level and shape of 2025 come from ``contribution_profile`` (Tax-Calculator's CPS sample, raked so
that the W-2 margins by age and by wage both hold, aged to 2025, 401(k) scope). From there a person's
*wish* grows with the average wage; the law's limits cut it: the share of deferral dollars above a
limit, D(L), is read from the imputed sample, so that a limit that lags wages bites where it should, and one that
outruns them adds a part of what savers at the limit are imputed to want.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.arrays import ratio
from fiscal.base.axes import ATTAINED_AGES, FIRST_YEAR
from fiscal.base.memo import remembered

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
    imputed_usd: np.ndarray  # elective deferrals under the law's limits, what the tax schedules' multiples count
    deferral_multiple: np.ndarray  # traditional deferral over the imputed one
    elective_multiple: np.ndarray  # elective deferral, traditional and Roth, over the imputed one
    coverage: np.ndarray  # (Y,) factor on the number of savers of the profile
    covered_share: np.ndarray | float = 1.0  # of employer money that would be wages under Social Security

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
        return int(label[:-1]), int(ATTAINED_AGES[-1])
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
    inside = [(bounds[label][0] <= ATTAINED_AGES) & (bounds[label][1] >= ATTAINED_AGES) for label in order]
    midpoints = [np.average(ATTAINED_AGES[mask], weights=weights[mask]) for mask in inside]
    smooth = np.stack([np.interp(ATTAINED_AGES, midpoints, means[:, k]) for k in range(means.shape[1])], axis=1)
    for row, mask in enumerate(inside):
        now = np.average(smooth[mask], axis=0, weights=weights[mask])
        smooth[mask] *= ratio(means[row], now)
    return smooth


@remembered
def profile_by_age(weights: np.ndarray) -> Mapping[str, np.ndarray]:
    """The stored profile, each column ``(A, group)``; ``weights`` (A,) as for :func:`by_single_age`.

    ``at_limit`` are savers at the limit, per person.
    """
    profile = sources.table("contribution_profile")
    profile["at_limit"] = profile["deferrer_share"] * profile["at_limit_share"]
    return {name: by_single_age(profile, name, weights) for name in profile if name not in ("age_band", "wage_group")}


@dataclass(frozen=True, kw_only=True)
class Excess:
    """Deferral dollars of 2025 about a limit, by age and wage rank: D(L) below the limit of 2025, a tail above it."""

    below: np.ndarray  # (point, A, k) share of the dollars above 0, 25, 50, 75, 90 and 100 percent of the limit
    wanted: np.ndarray  # (A, k) dollars wanted above the limit, over the dollars deferred
    reach: np.ndarray  # (A, k) the limit over the mean of what a saver at it wants above it

    LEVELS = np.array([0.0, 0.25, 0.5, 0.75, 0.9, 1.0])

    @staticmethod
    def of(profile: Mapping[str, np.ndarray], limit: np.ndarray, wanted_share: float) -> Excess:
        """From the profile by age; ``limit`` (A,) is a person's own in 2025, ``wanted_share`` the part of the imputed
        wishes above it that would be deferred (assumed: no table has them)."""
        elective = profile["elective_deferral_usd"]
        shares = [np.ones_like(elective)]
        for level in Excess.LEVELS[1:]:
            shares.append(ratio(profile[f"above_{level * 100:.0f}_usd"], elective))
        below = np.minimum.accumulate(np.clip(np.stack(shares), 0.0, 1.0), axis=0)
        below[-1] = 0.0
        people = profile["at_limit"]
        latent = np.where(people > 0, profile["latent_above_limit_usd"], 0.0)
        return Excess(
            below=below, wanted=wanted_share * ratio(latent, elective), reach=ratio(people * limit[:, None], latent)
        )

    def share(self, relative_limit: np.ndarray) -> np.ndarray:
        """Share of deferral dollars above a limit ``(Y, A)`` times 2025's in wage terms, ``(Y, A, k)``; negative where
        a higher limit adds dollars.

        Linear between the points of D(L). Above the limit of 2025 what savers at it want more of is exponential, with
        the imputed mean.
        """
        relative = np.clip(relative_limit, 0.0, 1.0)
        levels = self.LEVELS
        piece = np.clip(np.searchsorted(levels, relative, side="right") - 1, 0, len(levels) - 2)
        weight = ((relative - levels[piece]) / (levels[piece + 1] - levels[piece]))[..., None]
        age = np.arange(self.below.shape[1])
        cut = self.below[piece, age] * (1 - weight) + self.below[piece + 1, age] * weight
        beyond = np.maximum(relative_limit - 1, 0.0)[..., None]
        return cut - self.wanted * -np.expm1(-beyond * self.reach)


def own_limits(limits: pd.DataFrame | pd.Series, *, catch_up: bool = True) -> np.ndarray:
    """Limit on a person's elective deferrals by age, ``(Y, A)`` or, of one year, ``(A,)``; s.402(g) and, from 50 on,
    s.414(v). ``catch_up=False`` is the first alone."""
    basic = np.asarray(limits["elective_deferral_limit_usd"], dtype=float)[..., None]
    return basic + (catch_up_limits(limits) if catch_up else 0 * ATTAINED_AGES)


def catch_up_limits(limits: pd.DataFrame | pd.Series) -> np.ndarray:
    """Limit on catch-up contributions by age, ``(Y, A)`` or, of one year, ``(A,)``; nothing below 50."""
    first, high, last = (
        sources.assumption(f"law.catch_up_{name}") for name in ("first_age", "high_first_age", "high_last_age")
    )
    plain = np.asarray(limits["catch_up_limit_usd"], dtype=float)[..., None]
    higher = limits.get("catch_up_60_63_limit_usd")
    at_60 = plain if higher is None else np.asarray(higher, dtype=float)[..., None]
    amount = np.where((high <= ATTAINED_AGES) & (last >= ATTAINED_AGES), at_60, plain)
    return np.where(first <= ATTAINED_AGES, amount, 0.0)


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
    tilt = np.interp(ATTAINED_AGES, first_ages + 5.0, np.log(share / (1 - share)))
    result = np.zeros((len(level), len(ATTAINED_AGES)))
    for y, mean in enumerate(level):
        if mean <= 0 or mean >= 1:
            result[y] = min(max(mean, 0.0), 1.0)
            continue
        total = dollars[y].sum()
        weight = dollars[y] / total if total > 0 else np.full(len(ATTAINED_AGES), 1 / len(ATTAINED_AGES))

        result[y] = share_at(tilt + shift_to_mean(tilt, weight, mean))
    return result


def share_at(log_odds: np.ndarray) -> np.ndarray:
    """Shares of log-odds."""
    return 1 / (1 + np.exp(-log_odds))


WIDEST, NARROWEST = 60.0, 1e-14
"""Bounds of a shift in log-odds, and its precision."""


def shift_to_mean(log_odds: np.ndarray, weight: np.ndarray, mean: float) -> float:
    """What is added to all ``log_odds`` makes the mean of their shares ``mean``, in (0, 1); ``weight`` of their shape
    sums to one. Newton's method, halving the interval where that leaves it."""
    low, high, shift = -WIDEST, WIDEST, 0.0
    while True:
        share = share_at(log_odds + shift)
        over = float((weight * share).sum()) - mean
        low, high = (low, shift) if over > 0 else (shift, high)
        slope = float((weight * share * (1 - share)).sum())
        step = over / slope if slope > 0 else np.inf
        if min(abs(step), high - low) <= NARROWEST * max(1.0, abs(shift)):
            return shift
        shift = shift - step if low < shift - step < high else (low + high) / 2


@dataclass(frozen=True, kw_only=True)
class RothUse:
    """How much of the contributions is Roth."""

    share_2025: float  # of elective deferrals
    share_step: float  # a year, to the plateau
    plateau_year: int
    share: float | None = None  # of elective deferrals, from first_year on, in place of the path above
    first_year: int = FIRST_YEAR
    employer_share: float = 0.0
    employer_first_year: int = FIRST_YEAR
    catch_up_mandate: bool = True
    group_tilt: float = 0.0  # log-odds, highest less lowest group
    full_from_year: int | None = None  # everything Roth
    none_from_year: int | None = None  # everything traditional
    odds_ratio: float = 1.0  # odds of Roth over those of the share
    mandated_share: float = 1.0  # of savers above the threshold of s.603, whom it binds


@dataclass(frozen=True, kw_only=True)
class ContributionPolicy:
    """What policy and behavior change besides the Roth share; the defaults change no bit.

    ``limits`` are those in force where they differ from the law's (same columns); ``barred_share`` (Y, A, G)
    of people who may not contribute; ``elective_response`` (Y, A, G) multiplies elective deferrals;
    ``retirement_age_shift`` moves work after 60 to later ages; ``coverage`` (Y,) multiplies the number of savers.
    """

    limits: pd.DataFrame | None = None
    barred_share: np.ndarray | None = None
    elective_response: np.ndarray | None = None
    retirement_age_shift: int = 0
    coverage: np.ndarray | None = None


@remembered
def project_contributions(
    assume: Mapping[str, float],
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
    roth: RothUse,
    policy: ContributionPolicy | None = None,
    profile_limits: pd.Series | None = None,
) -> Contributions:
    """Contributions ``(Y, A, G)`` of every year; none after ``last_contribution_year``.

    ``people`` (Y, A, G); ``wage_index`` (Y,) with 2025 = 1; ``limits`` the law's, as
    :func:`fiscal.law.limits.contribution_limits`; ``mobility`` (G, wage group). ``profile_limits`` are
    the limits of 2025, the year of the profile, when the projection does not begin in it.
    """
    policy = policy or ContributionPolicy()
    profile = profile_by_age(people[0].sum(axis=1))
    active = (years <= last_contribution_year).astype(float)
    age = _working_age(policy.retirement_age_shift)

    def per_person(column: str) -> np.ndarray:
        return profile[column][age]

    elective_wish = per_person("elective_deferral_usd")  # (A, k), 2025 dollars
    catch_up = per_person("catch_up_usd")
    employer_wish = per_person("employer_usd")
    mandate_share = per_person("catch_up_mandate_share")
    gross_wage = per_person("gross_wage_usd")

    base = limits.loc[years[0]] if profile_limits is None else profile_limits
    growth = (wage_index * active)[:, None, None]
    # a larger wish meets the same limit sooner
    lag = wage_index * max(elective_scale, 1.0)

    excess = Excess.of(profile, own_limits(base), assume["wanted_above_limit_share"])
    # one relative limit a year serves all ages under the law: catch-up limits are indexed alike
    by_law = limits.loc[years, "elective_deferral_limit_usd"].to_numpy() / base["elective_deferral_limit_usd"]
    relative = np.broadcast_to((by_law / lag)[:, None], (len(years), len(ATTAINED_AGES)))
    kept = 1 - excess.share(relative)
    may_catch_up = (sources.assumption("law.catch_up_first_age") <= ATTAINED_AGES)[:, None]
    catch_up_k = np.where(may_catch_up, catch_up, 0.0) * kept * growth
    imputed_k = elective_wish * kept * growth
    elective_k = imputed_k

    # employer money follows pay up to the 401(a)(17) compensation limit
    paid_under = limits if policy.limits is None else policy.limits
    compensation = paid_under.loc[years, "compensation_limit_usd"].to_numpy()[:, None, None]
    wage_then = gross_wage * wage_index[:, None, None]
    counted = np.minimum(wage_then, compensation) / wage_index[:, None, None]
    counted_2025 = np.minimum(gross_wage, float(base["compensation_limit_usd"]))
    employer_k = employer_wish * ratio(counted, counted_2025, 1.0) * growth

    if policy.limits is not None:
        law, in_force = limits.loc[years], policy.limits.loc[years]
        of_law, set_to = catch_up_limits(law), catch_up_limits(in_force)
        # a lower limit on catch-up takes off what is caught up; a higher one is room in a person's own limit
        left = np.minimum(ratio(set_to, of_law, 1.0), 1.0)[..., None]
        room = own_limits(in_force, catch_up=False) + np.maximum(set_to, of_law)
        moved = elective_wish * (1 - excess.share(relative * room / own_limits(law))) * growth
        more_catch_up = np.maximum(set_to - of_law, 0.0)
        more = more_catch_up + np.maximum(own_limits(in_force, catch_up=False) - own_limits(law, catch_up=False), 0)
        to_catch_up = ratio(more_catch_up, more)[..., None]
        gained = np.maximum(moved - elective_k, 0.0) * to_catch_up
        elective_k = np.maximum(moved - catch_up_k * (1 - left), 0.0)
        catch_up_k = np.minimum(catch_up_k * left + gained, elective_k)
        added = additions_left(
            (elective_k - catch_up_k) * elective_scale + employer_k * employer_scale,
            per_person("deferrer_share"),
            law["annual_additions_limit_usd"].to_numpy(),
            in_force["annual_additions_limit_usd"].to_numpy(),
            assume["additions_sigma"],
        )
        left = np.minimum(added, 1.0)
        # deferrals have their own limit: what a higher limit on all additions brings is employers' money
        raised = 1 + assume["wanted_above_limit_share"] * np.maximum(added - 1, 0.0)
        elective_only = elective_k - catch_up_k
        employer_k = employer_k * left + (raised - 1) * (
            employer_k + elective_only * (elective_scale / max(employer_scale, 1e-12))
        )
        elective_k = elective_only * left + catch_up_k
    above = _above_threshold(np.clip(mandate_share, 0.0, 1.0), assume["catch_up_above_threshold_share"])
    mandated_k = catch_up_k * above * roth.mandated_share

    coverage = np.ones(len(years)) if policy.coverage is None else policy.coverage
    size = people * (year_fraction * coverage)[:, None, None]

    def to_groups(per_person: np.ndarray) -> np.ndarray:
        """Per person by wage rank (Y, A, k) -> dollars by lifetime group (Y, A, G), the stub's part."""
        return np.einsum("gk,yak->yag", mobility, per_person) * size

    imputed = to_groups(imputed_k) * elective_scale
    elective = imputed if elective_k is imputed_k else to_groups(elective_k) * elective_scale
    catch_up_usd = to_groups(catch_up_k) * elective_scale
    mandated = to_groups(mandated_k) * elective_scale
    employer = to_groups(employer_k) * employer_scale
    if policy.barred_share is not None:
        may = 1 - policy.barred_share
        elective, catch_up_usd, mandated, employer = (
            part * may for part in (elective, catch_up_usd, mandated, employer)
        )
    if policy.elective_response is not None:
        answer = policy.elective_response
        elective, catch_up_usd, mandated = (part * answer for part in (elective, catch_up_usd, mandated))

    level = np.clip(roth.share_2025 + roth.share_step * (np.minimum(years, roth.plateau_year) - years[0]), 0.0, 1.0)
    if roth.share is not None:
        level = np.where(years >= roth.first_year, roth.share, level)
    if roth.odds_ratio != 1:
        level = level * roth.odds_ratio / (1 + level * (roth.odds_ratio - 1))
    if roth.group_tilt:
        share = roth_share_by_cell(level, elective, roth.group_tilt)
    else:
        share = roth_share_by_age(level, elective.sum(axis=2))[:, :, None]
    in_force_603 = (roth.catch_up_mandate & (years >= MANDATE_FIRST_YEAR))[:, None, None]
    free = np.where(in_force_603, elective - mandated, elective)
    to_roth = share * free + (elective - free)
    traditional = elective - to_roth
    traditional = np.where(share >= 1, 0.0, traditional)
    employer_share = np.where(years >= roth.employer_first_year, roth.employer_share, 0.0)
    if roth.full_from_year is not None:
        full = years >= roth.full_from_year
        traditional = np.where(full[:, None, None], 0.0, traditional)
        employer_share = np.where(full, 1.0, employer_share)
    if roth.none_from_year is not None:
        none = years >= roth.none_from_year
        traditional = np.where(none[:, None, None], elective, traditional)
        employer_share = np.where(none, 0.0, employer_share)
    of_employer = employer_share[:, None, None]
    return Contributions(
        years=years,
        elective_traditional_usd=traditional,
        elective_roth_usd=elective - traditional,
        employer_traditional_usd=employer * (1 - of_employer),
        employer_roth_usd=employer * of_employer,
        catch_up_usd=catch_up_usd,
        imputed_usd=imputed,
        deferral_multiple=ratio(traditional, imputed),
        elective_multiple=ratio(elective, imputed),
        coverage=coverage,
    )


def _above_threshold(share: np.ndarray, wanted: float) -> np.ndarray:
    """Share of catch-up dollars above the wage threshold by age and wage, ``share``, moved so that it is ``wanted`` of
    all of them in the profile."""
    profile = sources.table("contribution_profile")
    dollars = profile["persons"] * profile["catch_up_usd"]
    own = float((dollars * profile["catch_up_mandate_share"]).sum() / dollars.sum())
    if wanted <= own:
        return share * (wanted / own)
    return 1 - (1 - share) * ((1 - wanted) / (1 - own))


def _working_age(shift: int) -> np.ndarray:
    """Place (A,) of the age whose work and saving each age takes: after 60 that of ``shift`` years before."""
    first = 60
    moved = np.maximum(ATTAINED_AGES - shift, first) if shift > 0 else ATTAINED_AGES - shift
    return (
        np.clip(np.where(first <= ATTAINED_AGES, moved, ATTAINED_AGES), ATTAINED_AGES[0], ATTAINED_AGES[-1])
        - ATTAINED_AGES[0]
    )


def additions_left(
    total: np.ndarray, deferrers: np.ndarray, law_usd: np.ndarray, in_force_usd: np.ndarray, sigma: float
) -> np.ndarray:
    """Share of a person's contributions that another limit on all of them leaves, ``(Y, A, k)``.

    ``total`` (Y, A, k) per person, ``deferrers`` (A, k) the share of people who save; ``law_usd`` and ``in_force_usd``
    (Y,) limits under s.415(c). Among savers of a cell totals are lognormal with log-sd ``sigma`` (assumed: no table
    shows them); the share is the amount below the limit in force divided by the amount below the law's, so that the law
    itself leaves everything as it is; above 1 for a higher limit.
    """
    mean = ratio(total, deferrers)
    if (in_force_usd == law_usd).all():
        return np.ones_like(total)
    from scipy.special import ndtr

    def below(limit: np.ndarray) -> np.ndarray:
        """E[min(X, limit)] / E[X]."""
        over = ratio(limit[:, None, None], mean, np.inf)
        with np.errstate(divide="ignore"):
            d = np.log(over) / sigma
        plain = ndtr(d - sigma / 2)  # dollars of those below
        return plain + np.where(np.isfinite(over), over, 0.0) * (1 - ndtr(d + sigma / 2))

    return below(in_force_usd) / below(law_usd)


def roth_share_by_cell(level: np.ndarray, dollars: np.ndarray, group_tilt: float) -> np.ndarray:
    """Roth share ``(Y, A, G)`` tilted over ages as :func:`roth_share_by_age` and over groups by ``group_tilt``
    log-odds from the lowest to the highest; its mean over ``dollars`` (Y, A, G) is ``level`` (Y,)."""
    by_age = roth_share_by_age(level, dollars.sum(axis=2))
    groups = group_tilt * np.linspace(-0.5, 0.5, dollars.shape[2])
    result = np.empty_like(dollars)
    for y, mean in enumerate(level):
        if mean <= 0 or mean >= 1 or not dollars[y].any():
            result[y] = min(max(mean, 0.0), 1.0)
            continue
        odds = np.log(by_age[y] / (1 - by_age[y]))[:, None] + groups
        weight = dollars[y] / dollars[y].sum()
        result[y] = share_at(odds + shift_to_mean(odds, weight, mean))
    return result


def deferring_share() -> float:
    """Share of the profile's earners, people with a wage, who defer into a 401(k) plan in 2025."""
    profile = sources.table("contribution_profile")
    earning = profile[profile["gross_wage_usd"] > 0]
    return float(np.average(earning["deferrer_share"], weights=earning["persons"]))


def highest_deferring_share() -> float:
    """The largest share of people who defer in any age band and wage group of the profile."""
    return float(sources.table("contribution_profile")["deferrer_share"].max())


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
