"""Who defers and how much: elective deferrals and employer contributions imputed to the microdata.

The W-2 statistics give deferrers and dollars by age and, apart, by wage. Both margins are met at once:
the chance to defer is additive in logits over age band x wage class, the mean amount multiplicative.
Persons are then chosen by their own draw inside each cell, and amounts spread as a lognormal cut at the
person's limit, with the spread that puts the published share of each age band at the 402(g) limit.
Every year's amount is min(wish x wage growth, the year's limit).

Scope: the W-2 table holds all plans (401(k), 403(b), 457, SIMPLE, TSP). Deferrers are thinned, in every
cell alike, until the dollars of 2023 are the participants' contributions that DOL reports for private
401(k)-type plans; 2025 follows from wages and limits and is a check, not a target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR, GROUP_EDGES, GROUP_SHARES
from fiscal.law.build import raking
from fiscal.law.build.microdata import W2_YEAR, Microdata, cbo, w2_by_wage

Array = NDArray[np.float64]

AGE_SHAPE_YEAR = 2019
"""The 2020 table by age looks anomalous at 45-54 (7.1% of pay against 6.4%): 2019 gives the shape."""

DOL_YEAR = 2023
AGE_BANDS = ("18-25", "26-34", "35-44", "45-54", "55-59", "60-64", "65-74", "75+")
AGE_EDGES = np.array([18, 26, 35, 45, 55, 60, 65, 75, 200])
LIMIT_POINTS = (25, 50, 75, 90, 100)
_W2_AGES = ("under 26", "26-34", "35-44", "45-54", "55-59", "60-64", "65-74", "75+")
_MERGED_FROM_USD = 1_000_000
_STREAMS = {"defers": 11, "amount": 12, "employer": 13, "rank": 14, "scope": 15}
_BELOW_CAP = 0.97  # a cell mean nearer to its cap than this needs an absurd spread


@dataclass(frozen=True)
class Limits:
    """The limits of one year that an imputed amount meets, dollars."""

    elective_deferral_usd: float
    catch_up_usd: float
    catch_up_60_63_usd: float
    compensation_usd: float

    def own(self, age: NDArray[np.int_]) -> Array:
        """402(g) limit plus the catch-up of the person's age."""
        first, high, last = (
            sources.assumption(f"law.catch_up_{name}") for name in ("first_age", "high_first_age", "high_last_age")
        )
        catch_up = np.where(age >= first, self.catch_up_usd, 0.0)
        catch_up = np.where((age >= high) & (age <= last), self.catch_up_60_63_usd, catch_up)
        return self.elective_deferral_usd + catch_up


@dataclass(frozen=True)
class Deferrals:
    """Imputed contributions, arrays (person), 401(k) scope unless ``all_plans``.

    ``wish_usd`` is the uncut amount in dollars of 2025 wages (zero where the person does not defer);
    ``gross_usd`` wages of 2025 before pre-tax deferrals; ``employer_usd`` of 2025.
    """

    wish_usd: Array
    gross_usd: Array
    employer_rate: Array
    scope_share: float
    all_plans_wish_2020_usd: Array
    sigma: Array
    """Log-spread of wishes by age band."""
    chance: Array
    """Chance to defer into any plan (age band, wage class)."""

    def elective_usd(self, age: NDArray[np.int_], limits: Limits, wage_growth: float) -> Array:
        """Elective deferral of a year: the wish grown by wages, cut at the year's limit."""
        return np.minimum(self.wish_usd * wage_growth, limits.own(age))

    def employer_usd(self, limits: Limits, wage_growth: float) -> Array:
        """Employer contribution of a year: rate x pay up to the 401(a)(17) limit."""
        return self.employer_rate * np.minimum(self.gross_usd * wage_growth, limits.compensation_usd)


def limits_of(year: int) -> Limits:
    """Published limits of a year (table `contribution_limits`)."""
    row = sources.table("contribution_limits").set_index("year").loc[year]
    return Limits(
        float(row["elective_deferral_limit_usd"]),
        float(row["catch_up_limit_usd"]),
        float(row["catch_up_60_63_limit_usd"]),
        float(row["compensation_limit_usd"]),
    )


def impute(data: Microdata) -> Deferrals:
    """Impute deferrals and employer contributions to every person of the file."""
    cells = _Cells.of(data)
    chance = _chances(cells)
    mean = _means(cells, chance)
    limits = limits_of(W2_YEAR)
    sigma = _sigmas(cells, chance, mean, limits)
    wish = _wishes(data, cells, chance, mean, sigma, limits)
    growth = wage_growth_since_w2(data)
    scope = _scope_share(data, cells, wish, growth)
    in_scope = _thinned(data, cells, wish > 0, scope)
    scoped = np.where(in_scope, wish, 0.0) * growth[FIRST_YEAR]
    roth = _roth_share()
    gross = data.wage_usd + (1 - roth) * np.minimum(scoped, limits_of(FIRST_YEAR).own(data.age))
    rate = _employer_rates(data, scoped, gross)
    return Deferrals(scoped, gross, rate, scope, wish, sigma, chance)


def wage_growth_since_w2(data: Microdata) -> dict[int, float]:
    """Growth of the average wage from the W-2 year, by year: CBO's wages over the file's earners.

    Earners of the W-2 table grow as those of the file did, which is how the file was brought to the table.
    """
    base = cbo("wages_bn_usd")[W2_YEAR] / float(w2_by_wage()["wage_earners"].sum())
    growth = {}
    for year in (DOL_YEAR, FIRST_YEAR):
        earners = float(data.history_weight(year)[data.unit][data.in_w2_table].sum())
        growth[year] = cbo("wages_bn_usd")[year] / earners / base
    return growth


# --------------------------------------------------------------------------------- cells and margins


@dataclass(frozen=True)
class _Cells:
    """Persons of the W-2 table laid out by age band and wage class; weights of 2025."""

    band: NDArray[np.int_]
    wage_class: NDArray[np.int_]
    weight: Array
    people: Array
    over_50_share: Array
    member: NDArray[np.bool_]

    @staticmethod
    def of(data: Microdata) -> _Cells:
        table = wage_classes()
        edges = np.append(table["wage_from_usd"].to_numpy(float)[1:], np.inf)
        band = np.digitize(data.age, AGE_EDGES) - 1
        wage_class = np.digitize(np.nan_to_num(data.wage_2020_usd), edges)
        weight = np.where(data.in_w2_table, data.person_weights(FIRST_YEAR), 0.0)
        shape = (len(AGE_BANDS), len(table))
        flat = band * shape[1] + wage_class
        people = np.bincount(flat, weights=weight, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
        older = weight * (data.age >= sources.assumption("law.catch_up_first_age"))
        over = np.bincount(flat, weights=older, minlength=shape[0] * shape[1]).reshape(shape)
        share = np.divide(over, people, out=np.zeros_like(over), where=people > 0)
        return _Cells(band, wage_class, weight, people, share, data.in_w2_table)


def wage_classes() -> pd.DataFrame:
    """The W-2 table by wage, classes from $1m put together: shares deferring and mean amounts."""
    table = w2_by_wage()
    top = table["wage_from_usd"] >= _MERGED_FROM_USD
    columns = ["wage_earners", "deferrers", "deferrals_bn_usd", "box1_wages_bn_usd"]
    last = table.loc[top, columns].sum().to_dict() | {"wage_from_usd": float(_MERGED_FROM_USD)}
    merged = pd.concat([table.loc[~top, ["wage_from_usd", *columns]], pd.DataFrame([last])], ignore_index=True)
    merged["deferring_share"] = merged["deferrers"] / merged["wage_earners"]
    merged["mean_usd"] = 1e9 * merged["deferrals_bn_usd"] / merged["deferrers"]
    return merged


def age_margin() -> pd.DataFrame:
    """The W-2 table by age, 2019, in the order of ``AGE_BANDS``."""
    table = sources.table("w2_deferrals_by_age")
    table = table[table["tax_year"] == AGE_SHAPE_YEAR].set_index("age").loc[list(_W2_AGES)]
    return table.assign(mean_usd=1e9 * table["deferrals_bn_usd"] / table["deferrers"])


def _chances(cells: _Cells) -> Array:
    """Chance to defer (age band, wage class): 2020 shares by wage, 2019 shares by age scaled to them."""
    columns = cells.people.sum(axis=0) * wage_classes()["deferring_share"].to_numpy()
    rows = cells.people.sum(axis=1) * (age_margin()["deferrers"] / age_margin()["wage_earners"]).to_numpy()
    return raking.rake_probabilities(cells.people, rows * columns.sum() / rows.sum(), columns)


def _means(cells: _Cells, chance: Array) -> Array:
    """Mean deferral of a deferrer (age band, wage class), dollars of 2020, below each cell's cap."""
    deferrers = cells.people * chance
    by_wage, by_age = wage_classes()["mean_usd"].to_numpy(), age_margin()["mean_usd"].to_numpy()
    columns = deferrers.sum(axis=0) * by_wage
    rows = deferrers.sum(axis=1) * by_age
    rows *= columns.sum() / rows.sum()
    cap = _cell_cap(cells, limits_of(W2_YEAR)) * _BELOW_CAP * deferrers
    table = raking.rake_amounts(deferrers * by_wage[None, :], rows, columns)
    for _ in range(50):
        over = table > cap
        if not over.any():
            break
        fixed = np.where(over, cap, 0.0)
        free = np.where(over, 0.0, table)
        left = columns - fixed.sum(axis=0)
        left_rows = rows - fixed.sum(axis=1)
        free = raking.rake_amounts(free, left_rows * left.sum() / left_rows.sum(), left)
        table = fixed + free
    return np.divide(table, deferrers, out=np.ones_like(table), where=deferrers > 0)


def _cell_cap(cells: _Cells, limits: Limits) -> Array:
    return limits.elective_deferral_usd + limits.catch_up_usd * cells.over_50_share


def _cell_locations(mean: Array, sigma: Array, share: Array, limits: Limits) -> Array:
    """Log-mean of wishes for which the mean over both caps (under 50, from 50) is ``mean``."""
    low, high = np.log(mean) - 8 * sigma**2 - 2, np.full_like(mean, np.log(1e9))
    younger, older = limits.elective_deferral_usd, limits.elective_deferral_usd + limits.catch_up_usd
    for _ in range(80):
        middle = 0.5 * (low + high)
        found = (1 - share) * raking.capped_lognormal_mean(middle, sigma, np.asarray(younger))
        found = found + share * raking.capped_lognormal_mean(middle, sigma, np.asarray(older))
        low, high = np.where(found < mean, middle, low), np.where(found < mean, high, middle)
    return 0.5 * (low + high)


def _sigmas(cells: _Cells, chance: Array, mean: Array, limits: Limits) -> Array:
    """Log-spread by age band that puts the published share of deferrers at the 402(g) limit.

    The table counts those at or above the basic limit (its older bands are near the catch-up users of
    the recordkeepers); 2019 shape scaled to 2020's total.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    table = sources.table("w2_deferrals_by_age")
    total = table[table["age"] == "all"].set_index("tax_year")["deferrers_at_max_share"]
    wanted = age_margin()["deferrers_at_max_share"].to_numpy() * total[W2_YEAR] / total[AGE_SHAPE_YEAR]
    deferrers = cells.people * chance

    def excess(sigma: float, band: int) -> float:
        spread = np.full(mean.shape[1], sigma)
        location = _cell_locations(mean[band], spread, cells.over_50_share[band], limits)
        at_max = ndtr((location - np.log(limits.elective_deferral_usd)) / spread)
        return float(at_max @ deferrers[band] / deferrers[band].sum() - wanted[band])

    sigmas = []
    for band in range(len(AGE_BANDS)):
        grid = np.linspace(0.15, 2.5, 48)
        values = np.array([excess(float(s), band) for s in grid])
        crossing = np.flatnonzero(np.diff(np.sign(values)))
        if len(crossing):
            first = crossing[0]
            sigmas.append(brentq(excess, grid[first], grid[first + 1], args=(band,), xtol=1e-6))
        else:  # no spread meets the share exactly: the nearest one
            sigmas.append(float(grid[np.argmin(np.abs(values))]))
    return np.array(sigmas)


def _wishes(data: Microdata, cells: _Cells, chance: Array, mean: Array, sigma: Array, limits: Limits) -> Array:
    """Uncut deferral of every person, dollars of 2020, all plans (zero: does not defer)."""
    keys = data.person_key
    chooses = raking.uniform_draws(keys, _STREAMS["defers"])
    place = raking.uniform_draws(keys, _STREAMS["amount"])
    wish = np.zeros(len(keys))
    spread = np.repeat(sigma[:, None], mean.shape[1], axis=1)
    location = _cell_locations(mean, spread, cells.over_50_share, limits)
    flat = np.where(cells.member, cells.band * mean.shape[1] + cells.wage_class, -1)
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(mean.size + 1))
    for cell in range(mean.size):
        inside = order[starts[cell] : starts[cell + 1]]
        if len(inside) == 0:
            continue
        band, column = divmod(cell, mean.shape[1])
        chosen = inside[raking.systematic_choice(chooses[inside], cells.weight[inside], chance[band, column])]
        if len(chosen):
            rank = raking.weighted_ranks(place[chosen], chosen.astype(float), cells.weight[chosen])
            wish[chosen] = raking.lognormal_quantile(location[band, column], sigma[band], rank)
    return wish


# --------------------------------------------------------------------------------------- 401(k) scope


def _scope_share(data: Microdata, cells: _Cells, wish: Array, growth: dict[int, float]) -> float:
    """Share of all-plan deferrers kept so that DOL's participant dollars come out in DOL's year."""
    weight = np.where(cells.member, data.history_weight(DOL_YEAR)[data.unit], 0.0)
    amount = np.minimum(wish * growth[DOL_YEAR], limits_of(DOL_YEAR).own(data.age))
    dol = sources.table("dol_5500").set_index("year").loc[DOL_YEAR, "participant_bn_usd"]
    return min(float(dol) / (float(weight @ amount) / 1e9), 1.0)


def _thinned(data: Microdata, cells: _Cells, defers: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Keep ``share`` of the deferrers of every age band and wage class, spread evenly over amounts."""
    kept = np.zeros(len(defers), dtype=bool)
    draws = raking.uniform_draws(data.person_key, _STREAMS["scope"])
    flat = np.where(defers, cells.band * (cells.wage_class.max() + 1) + cells.wage_class, -1)
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(flat.max() + 2))
    for cell in range(flat.max() + 1):
        inside = order[starts[cell] : starts[cell + 1]]
        kept[inside] = raking.systematic_choice(draws[inside], cells.weight[inside], share)
    return kept


def _roth_share() -> float:
    table = sources.table("w2_deferrals_roth").set_index("tax_year")
    return float(table.loc[W2_YEAR, "roth_share_of_401k_dollars"])


def _employer_rates(data: Microdata, wish: Array, gross: Array) -> Array:
    """Employer contribution as a share of pay: who receives one (SCF) and how much (Fidelity by age).

    Scaled so that employer over participant dollars is DOL's ratio in DOL's year. Contributions to
    people who do not defer themselves are inside that scale, so they fall on deferrers.
    """
    scf = sources.table("scf")
    row = scf[(scf["group"] == "contributors") & scf["measure"].str.contains("employer_contribution")]
    receives = float(row["value"].iloc[0])
    draws = raking.uniform_draws(data.person_key, _STREAMS["employer"])
    band = np.digitize(data.age, AGE_EDGES)
    rate = np.zeros(len(wish))
    for number in np.unique(band):
        inside = np.flatnonzero((band == number) & (wish > 0))
        weight = data.person_weights(FIRST_YEAR)[inside]
        rate[inside[raking.systematic_choice(draws[inside], weight, receives)]] = 1.0
    rate *= _fidelity_rate(data.age)
    growth = wage_growth_since_w2(data)
    back = growth[DOL_YEAR] / growth[FIRST_YEAR]
    weight = data.history_weight(DOL_YEAR)[data.unit]
    limits = limits_of(DOL_YEAR)
    employer = float(weight @ (rate * np.minimum(gross * back, limits.compensation_usd)))
    own = float(weight @ np.minimum(wish * back, limits.own(data.age)))
    dol = sources.table("dol_5500").set_index("year").loc[DOL_YEAR]
    return rate * float(dol["employer_bn_usd"] / dol["participant_bn_usd"]) * own / employer


def _fidelity_rate(age: NDArray[np.int_]) -> Array:
    """Employer's percent of pay by generation (Fidelity, end of 2024), as a fraction, by age in 2025."""
    table = sources.table("fidelity")
    rates = table[table["measure"] == "employer_rate"].set_index("group")["value"]
    born = FIRST_YEAR - age
    rate = np.full(age.shape, float(rates["Boomers"]))
    for group, key in (("Gen X", "gen_x"), ("Millennials", "millennials"), ("Gen Z", "gen_z")):
        rate = np.where(born >= sources.assumption(f"law.{key}_first_birth_year"), float(rates[group]), rate)
    return rate


# ---------------------------------------------------------------------------------------- the profile


def wage_group(data: Microdata, gross: Array) -> NDArray[np.int_]:
    """Rank group (0-11, GROUP_SHARES) of own gross wage among all persons of the age band.

    Persons without wages are at the bottom, ordered by draw.
    """
    band = np.digitize(data.age, AGE_EDGES)
    ties = raking.uniform_draws(data.person_key, _STREAMS["rank"])
    weight = data.person_weights(FIRST_YEAR)
    group = np.zeros(len(gross), dtype=int)
    for number in np.unique(band):
        inside = np.flatnonzero(band == number)
        ranks = raking.weighted_ranks(gross[inside], ties[inside], weight[inside])
        group[inside] = np.digitize(ranks, GROUP_EDGES[1:-1])
    return group


def contribution_profile(data: Microdata, deferrals: Deferrals) -> pd.DataFrame:
    """Contributions of 2025 by age band and wage group, per person of the cell, 401(k) scope, dollars."""
    limits = limits_of(FIRST_YEAR)
    threshold = sources.table("contribution_limits").set_index("year")["roth_catch_up_wage_threshold_usd"]
    threshold_usd = float(threshold[FIRST_YEAR + 1])
    amount = deferrals.elective_usd(data.age, limits, 1.0)
    own = limits.own(data.age)
    catch_up = np.maximum(amount - limits.elective_deferral_usd, 0.0)
    weight = data.person_weights(FIRST_YEAR)
    columns = {
        "gross_wage_usd": deferrals.gross_usd,
        "deferrer_share": (amount > 0).astype(float),
        "elective_deferral_usd": amount,
        "catch_up_usd": catch_up,
        "mandated_catch_up_usd": np.where(deferrals.gross_usd > threshold_usd, catch_up, 0.0),
        "employer_usd": deferrals.employer_usd(limits, 1.0),
        "at_limit": (amount >= own * (1 - 1e-9)).astype(float) * (amount > 0),
        "latent_above_limit_usd": np.maximum(deferrals.wish_usd - own, 0.0),
    } | {f"above_{p}_usd": np.maximum(amount - own * p / 100, 0.0) for p in LIMIT_POINTS}
    band = np.digitize(data.age, AGE_EDGES) - 1
    cell = band * len(GROUP_SHARES) + wage_group(data, deferrals.gross_usd)
    size = len(AGE_BANDS) * len(GROUP_SHARES)
    persons = np.bincount(cell, weights=weight, minlength=size)
    mean = {name: np.bincount(cell, weights=weight * v, minlength=size) / persons for name, v in columns.items()}
    frame = pd.DataFrame(mean)
    frame.insert(0, "persons", persons)
    frame.insert(0, "wage_group", np.tile(np.arange(1, len(GROUP_SHARES) + 1), len(AGE_BANDS)))
    frame.insert(0, "age_band", np.repeat(AGE_BANDS, len(GROUP_SHARES)))
    mandated, share = frame.pop("mandated_catch_up_usd"), frame.pop("at_limit")
    frame["catch_up_mandate_share"] = (mandated / frame["catch_up_usd"]).where(frame["catch_up_usd"] > 0, 0.0)
    frame["at_limit_share"] = (share / frame["deferrer_share"]).where(frame["deferrer_share"] > 0, 0.0)
    return frame


def w2_report(data: Microdata, deferrals: Deferrals) -> pd.DataFrame:
    """The W-2 margins against the imputation (all plans, 2020 dollars and limits) and the 2025 checks."""
    cells = _Cells.of(data)
    limits = limits_of(W2_YEAR)
    own = limits.elective_deferral_usd + np.where(
        data.age >= sources.assumption("law.catch_up_first_age"), limits.catch_up_usd, 0.0
    )
    wish = deferrals.all_plans_wish_2020_usd
    amount = np.minimum(wish, own)
    scale = float(w2_by_wage()["wage_earners"].sum()) / cells.weight.sum()
    weight = cells.weight * scale
    table, ages = wage_classes(), age_margin()
    factor_people = table["deferrers"].sum() / ages["deferrers"].sum()
    rows: list[tuple[object, ...]] = []
    edges = np.append(table["wage_from_usd"].to_numpy(float), np.inf)
    for c, row in enumerate(table.itertuples()):
        inside = cells.wage_class == c
        high = None if np.isinf(edges[c + 1]) else edges[c + 1]
        rows.append(("deferrers_by_wage_2020", edges[c], high, row.deferrers, 0.0,
                     weight[inside & (wish > 0)].sum(), "people"))  # fmt: skip
        rows.append(("deferrals_by_wage_2020", edges[c], high, row.deferrals_bn_usd, 0.0,
                     weight[inside] @ amount[inside] / 1e9, "bn usd"))  # fmt: skip
    for b, row in enumerate(ages.itertuples()):
        inside = cells.band == b
        low, high = float(AGE_EDGES[b]), float(AGE_EDGES[b + 1]) if b + 1 < len(AGE_BANDS) else None
        earners = weight[inside].sum()
        share = weight[inside & (wish > 0)].sum() / earners
        published_share = row.deferrers / row.wage_earners * factor_people
        rows.append(("deferring_share_by_age", low, high, published_share, 0.0, share, "share"))
        mean = weight[inside] @ amount[inside] / weight[inside & (wish > 0)].sum()
        rows.append(("mean_deferral_by_age", low, high, row.mean_usd, 0.0, mean, "usd"))
        at_max = weight[inside & (wish >= limits.elective_deferral_usd)].sum() / weight[inside & (wish > 0)].sum()
        rows.append(("at_402g_max_share_by_age", low, high, row.deferrers_at_max_share, 0.0, at_max, "share"))
    person = data.person_weights(FIRST_YEAR)
    now = limits_of(FIRST_YEAR)
    own_total = float(person @ deferrals.elective_usd(data.age, now, 1.0)) / 1e9
    employer_total = float(person @ deferrals.employer_usd(now, 1.0)) / 1e9
    rows.append(("participant_contributions_401k_2025", None, None, None, 0.0, own_total, "bn usd"))
    rows.append(("employer_contributions_401k_2025", None, None, None, 0.0, employer_total, "bn usd"))
    rows.append(("scope_share_of_w2_deferrers", None, None, None, None, deferrals.scope_share, "share"))
    columns = ["statistic", "class_from", "class_to", "published", "file_before", "file_after", "unit"]
    return pd.DataFrame(rows, columns=columns)
