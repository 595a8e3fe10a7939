"""The tax microdata: loaded, adjusted to published totals, and aged.

The file is Tax-Calculator's CPS-based sample (or a user's own). Adjustment, in this order:

1. **unit weights** are raked to the population by age (SSA table), so that per-person averages of an age
   band are not those of a band with too many people in it;
2. **wages** get, by rank, the distribution of the W-2 table by wage size (box 1, 2020), scaled so that the
   total is CBO's wages of the year. The table covers filed returns: as many earners as the file has
   beyond it, in units without a filing requirement, keep the file's wages;
3. **taxable IRA distributions and pensions** get SOI's recipients and dollars by AGI class (2023), and
   CBO's total in every law year (the SOI ratio of the two held).

The sample has no capital gains: AGI classes of the file lack them, which puts too few units into the top
classes and is why levels are compared with tax before credits, not with receipts. `MendSettings.missing_gains_bn_usd`
imputes them, a sensitivity.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fiscal.base import sources
from fiscal.base.axes import FIRST_AGE, FIRST_YEAR
from fiscal.base.errors import InputError, Problem
from fiscal.base.memo import remembering
from fiscal.law.build import raking
from fiscal.law.years import LAST_FILE_YEAR

if TYPE_CHECKING:
    import taxcalc

Array = NDArray[np.float64]

SOI_YEAR = 2023
W2_YEAR = 2020

CBO_BASELINE = "Feb 2026"
_WEIGHT_AGE_EDGES = np.array([18, 26, 35, 45, 50, 55, 60, 65, 70, 73, 75, 80, 200])
_MERGED_FROM_USD = 1_000_000  # classes above hold too few records to be raked one by one
_ITEMS = {"ira_distributions": "e01400", "taxable_pension_income": "e01700"}
_STREAMS = {"wage_ties": 1, "nonfilers": 2, "ira_distributions": 3, "taxable_pension_income": 4}
_RAKE_ROUNDS = 24
_RAKE_DAMPING = 0.6


@dataclass(frozen=True)
class MendSettings:
    """The adjustments; switching a step off is the sensitivity of the raw file.

    ``missing_gains_bn_usd`` of long-term gains in 2025 are imputed before the pensions are raked, in proportion to
    qualified dividends, and grow with average wages. A file with gains of its own takes none.
    """

    rake_age_weights: bool = True
    rake_wages: bool = True
    rake_pensions: bool = True
    missing_gains_bn_usd: float = 0.0


@dataclass(frozen=True)
class Source:
    """Where the records come from: the packaged CPS sample or a user's own file."""

    path: Path | None = None
    weights_path: Path | None = None
    growfactors_path: Path | None = None

    @property
    def label(self) -> str:
        return self.path.name if self.path else "taxcalc cps.csv.gz"

    def sha256(self) -> str:
        """Hash of the records file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest() if self.path else _packaged_sha256()


@cache
def _packaged_sha256() -> str:
    import taxcalc

    return hashlib.sha256((Path(taxcalc.__file__).parent / "cps.csv.gz").read_bytes()).hexdigest()


@dataclass(frozen=True)
class Microdata:
    """An adjusted file: unit arrays and person arrays; dollars of 2025 unless named otherwise.

    Units ``(unit,)``; persons ``(person,)`` are heads and spouses of 18 and over, heads first, each with
    its ``unit``. ``weights`` (year, unit) are raked, for ``years``. ``wage_usd`` is box 1 of 2025;
    ``wage_2020_usd`` the same rank in the W-2 table (NaN outside it). ``ira_usd`` and ``pension_usd``
    are SOI-year dollars; `pension_scale` brings them to a law year.
    """

    years: NDArray[np.int_]
    weights: Array
    recid: NDArray[np.int_]
    mars: NDArray[np.int_]
    social_security_usd: Array
    ira_usd: Array
    pension_usd: Array
    unit: NDArray[np.int_]
    is_spouse: NDArray[np.bool_]
    age: NDArray[np.int_]
    wage_usd: Array
    in_w2_table: NDArray[np.bool_]
    wage_2020_usd: Array
    wage_scale: Array
    """Average-wage growth of the file from 2025, by year of ``years``."""
    pension_scale: Array
    """Factor on ``ira_usd`` and ``pension_usd``, by year of ``years``."""
    soi_year_weights: Array
    """Raked unit weights of the SOI year (2023), for hindcasts of that year."""
    gains_usd: Array
    """Imputed long-term capital gains (unit), none as a rule."""

    @property
    def person_key(self) -> NDArray[np.int_]:
        """The key of a person's draws: twice the RECID, plus one for a spouse."""
        return 2 * self.recid[self.unit] + self.is_spouse

    def person_weights(self, year: int) -> Array:
        """Weight of every person in ``year`` (2036's after 2036)."""
        return self.weights[self.year_index(year)][self.unit]

    def history_weight(self, year: int) -> Array:
        """Unit weights of the SOI year or of a year from 2025 on."""
        return self.soi_year_weights if year == SOI_YEAR else self.weights[self.year_index(year)]

    def year_index(self, year: int) -> int:
        return int(np.clip(year, self.years[0], self.years[-1]) - self.years[0])

    def per_unit(self, persons: Array) -> Array:
        """Sum a person array over units."""
        return np.bincount(self.unit, weights=persons, minlength=len(self.recid)).astype(float)

    def head_and_spouse(self, persons: Array) -> tuple[Array, Array]:
        """Spread a person array to unit arrays of the head's and the spouse's amount."""
        head, spouse = np.zeros(len(self.recid)), np.zeros(len(self.recid))
        head[self.unit[~self.is_spouse]] = persons[~self.is_spouse]
        spouse[self.unit[self.is_spouse]] = persons[self.is_spouse]
        return head, spouse


def load(source: Source | None = None) -> taxcalc.Records:
    """Records at their first year. ``source`` None is the packaged CPS sample.

    A user's file needs Tax-Calculator's column names: a name that starts with ``puf`` is read as the
    PUF-based file (with ``puf_weights.csv.gz`` and ``puf_ratios.csv`` beside it, unless other weights are
    named), any other as a TMD-type file with its own weights and growth factors. Raises InputError for files
    that are missing or lack columns.
    """
    import taxcalc

    if source is None or source.path is None:
        return taxcalc.Records.cps_constructor()
    is_puf = source.path.name.startswith("puf")
    paths = {"records": source.path, "weights": source.weights_path, "growth factors": source.growfactors_path}
    if is_puf:  # Tax-Calculator's package does not hold them, and itself looks in the working folder
        weights = source.weights_path or source.path.with_name("puf_weights.csv.gz")
        paths = {"records": source.path, "weights": weights, "ratios": source.path.with_name("puf_ratios.csv")}
    missing = [
        Problem("the file does not exist", file=str(p), key=k) for k, p in paths.items() if p and not p.is_file()
    ]
    if not is_puf:
        missing += [Problem("a TMD-type file needs this beside it", key=k) for k, p in paths.items() if p is None]
    if missing:
        raise InputError(missing)
    required = {"RECID", "MARS", "age_head", "age_spouse", "e00200", "e00200p", "e00200s", "e01400", "e01700"}
    lacking = sorted(required - set(pd.read_csv(source.path, nrows=0).columns))
    if lacking:
        raise InputError([Problem("column missing", file=source.path.name, key=name) for name in lacking])
    if is_puf:
        return taxcalc.Records.puf_constructor(
            data=str(source.path), weights=str(paths["weights"]), ratios=str(paths["ratios"])
        )
    return taxcalc.Records.tmd_constructor(source.path, source.weights_path, source.growfactors_path)


def calculator(records: taxcalc.Records, year: int) -> taxcalc.Calculator:
    """A calculator at ``year`` with its own copy of ``records``, which must not be past that year."""
    import taxcalc

    policy = taxcalc.Policy()
    policy.set_year(records.current_year)
    calc = taxcalc.Calculator(policy=policy, records=records, verbose=False)
    calc.advance_to_year(year)
    return calc


def mend(records: taxcalc.Records, settings: MendSettings | None = None) -> tuple[Microdata, pd.DataFrame]:
    """The adjusted file and the comparison of file and published figures, before and after.

    Report columns: statistic, class_from, class_to, published, file_before, file_after, unit.
    """
    settings = settings or MendSettings()
    raw = _raw(records)
    weights = raw.weights * (_age_factor(raw) if settings.rake_age_weights else 1.0)
    wages = _mended_wages(raw, weights, settings.rake_wages)
    calc = calculator(records, SOI_YEAR)
    before = _soi_classes(calc, calc.array("s006"))
    gains = _imputed_gains(raw, weights, settings.missing_gains_bn_usd)
    _add_gains(calc, gains * wages.scale[SOI_YEAR - raw.years[0]])
    ira, pension = _mended_pensions(calc, raw, weights, wages, settings.rake_pensions)
    after = _soi_classes(calc, weights[SOI_YEAR - raw.years[0]])
    data = _microdata(raw, weights, wages, ira, pension, gains)
    report = pd.concat([_wage_report(raw, data), _soi_report(before, after), _total_report(raw, records, data)])
    return data, report.reset_index(drop=True)


# ------------------------------------------------------------------------------ the file as it comes


@dataclass(frozen=True)
class _Raw:
    years: NDArray[np.int_]
    weights: Array
    recid: NDArray[np.int_]
    mars: NDArray[np.int_]
    social_security_usd: Array
    other_income_usd: Array
    qualified_dividends_usd: Array
    gains_usd: Array
    unit: NDArray[np.int_]
    is_spouse: NDArray[np.bool_]
    age: NDArray[np.int_]
    wage_usd: Array
    """The file's wages of 2025, per person."""
    wage_total_bn_usd: Array
    """The file's wages by year, raw weights."""
    earners: Array
    """The file's earners by year, raw weights."""


def _raw(records: taxcalc.Records) -> _Raw:
    calc = calculator(records, max(W2_YEAR, records.current_year))
    years = np.arange(calc.current_year, LAST_FILE_YEAR + 1)
    weights, totals, earners, kept = [], [], [], {}
    for year in years:
        calc.advance_to_year(int(year))
        weight = np.array(calc.array("s006"))
        weights.append(weight)
        head, spouse = calc.array("e00200p"), calc.array("e00200s")
        totals.append(float(weight @ (head + spouse)) / 1e9)
        earners.append(float(weight @ ((head > 0).astype(float) + (spouse > 0))))
        if year == FIRST_YEAR:
            kept = {name: np.array(calc.array(name)) for name in _UNIT_VARIABLES}
    married = kept["MARS"] == 2
    adult_head = kept["age_head"] >= FIRST_AGE
    adult_spouse = married & (kept["age_spouse"] >= FIRST_AGE)
    heads, spouses = np.flatnonzero(adult_head), np.flatnonzero(adult_spouse)
    other = kept["e00300"] + kept["e00600"] + kept["e01400"] + kept["e01700"] + np.maximum(kept["e00900"], 0)
    return _Raw(
        years=years,
        weights=np.array(weights),
        recid=kept["RECID"].astype(int),
        mars=kept["MARS"].astype(int),
        social_security_usd=kept["e02400"],
        other_income_usd=other,
        qualified_dividends_usd=kept["e00650"],
        gains_usd=kept["p22250"] + kept["p23250"],
        unit=np.concatenate([heads, spouses]),
        is_spouse=np.concatenate([np.zeros(len(heads), bool), np.ones(len(spouses), bool)]),
        age=np.concatenate([kept["age_head"][heads], kept["age_spouse"][spouses]]).astype(int),
        wage_usd=np.concatenate([kept["e00200p"][heads], kept["e00200s"][spouses]]),
        wage_total_bn_usd=np.array(totals),
        earners=np.array(earners),
    )


_UNIT_VARIABLES = (
    "RECID", "MARS", "age_head", "age_spouse", "e00200p", "e00200s", "e02400", "e00300", "e00600",
    "e01400", "e01700", "e00900", "e00650", "p22250", "p23250",
)  # fmt: skip


# ---------------------------------------------------------------------------------------- weights


def _age_factor(raw: _Raw) -> Array:
    """Factor (unit) on the weights so that heads and spouses match the population by age, 2025.

    A couple's factor is the geometric mean of its two ages' factors, found by repetition.
    """
    table = sources.table("population")
    people = table[(table["series"] == "SSA_TR2024") & (table["year"] == FIRST_YEAR)]
    wanted = np.histogram(people["age"], bins=_WEIGHT_AGE_EDGES, weights=people["male"] + people["female"])[0]
    band = np.digitize(raw.age, _WEIGHT_AGE_EDGES) - 1
    base = raw.weights[FIRST_YEAR - raw.years[0]]
    log_factor = np.zeros(len(wanted))
    members = np.bincount(raw.unit, minlength=len(base))
    factor = np.ones(len(base))
    for _ in range(200):
        found = np.bincount(band, weights=(base * factor)[raw.unit], minlength=len(wanted))
        log_factor += np.log(wanted / found)
        summed = np.bincount(raw.unit, weights=log_factor[band], minlength=len(base))
        factor = np.exp(summed / np.maximum(members, 1))
        if np.allclose(found, wanted, rtol=1e-8):
            break
    return factor


# ------------------------------------------------------------------------------------------ wages


@dataclass(frozen=True)
class _Wages:
    wage_usd: Array
    in_w2_table: NDArray[np.bool_]
    wage_2020_usd: Array
    scale: Array


def _mended_wages(raw: _Raw, weights: Array, rake: bool) -> _Wages:
    """Wages of 2025 by person, their place in the W-2 table, and the scale of every year."""
    first = FIRST_YEAR - raw.years[0]
    key = 2 * raw.recid[raw.unit] + raw.is_spouse
    person = weights[first][raw.unit]
    member = _w2_members(raw, person, key)
    table = w2_by_wage()
    ties = raking.uniform_draws(key[member], _STREAMS["wage_ties"])
    ranks = raking.weighted_ranks(raw.wage_usd[member], ties, person[member])
    wage_2020 = np.full(len(person), np.nan)
    wage_2020[member] = raking.published_quantiles(
        ranks,
        table["wage_earners"].to_numpy(float),
        1e9 * table["box1_wages_bn_usd"].to_numpy(float),
        np.append(table["wage_from_usd"].to_numpy(float), np.inf),
    )
    target = cbo("wages_bn_usd")
    new = raw.wage_usd.copy()
    if rake:
        new[member] = wage_2020[member] * 1e9 * target[FIRST_YEAR] / float(person[member] @ wage_2020[member])
    by_year = np.array([float(w[raw.unit][member] @ new[member]) / 1e9 for w in weights])
    reached = np.array([target[int(year)] for year in raw.years])
    scale = reached / by_year
    return _Wages(new * scale[first], member, wage_2020, scale / scale[first])


def _w2_members(raw: _Raw, person: Array, key: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Earners taken to be in the W-2 table, which covers filed returns.

    The table's earners of 2020 grow with the file's earners to 2025. The file's surplus is chosen among
    earners of units whose gross income is below the standard deduction (no filing requirement, 26 USC
    6012), by draw; if they are too few, all of them.
    """
    import taxcalc

    earner = raw.wage_usd > 0
    growth = raw.earners[FIRST_YEAR - raw.years[0]] / raw.earners[max(W2_YEAR - raw.years[0], 0)]
    in_table = float(w2_by_wage()["wage_earners"].sum()) * growth
    surplus = float(person[earner].sum()) - in_table
    policy = taxcalc.Policy()
    policy.set_year(FIRST_YEAR)
    threshold = np.ravel(policy.STD)[raw.mars - 1]
    wages = np.bincount(raw.unit, weights=raw.wage_usd, minlength=len(raw.recid))
    candidate = earner & (wages + raw.other_income_usd < threshold)[raw.unit]
    outside = np.zeros(len(earner), dtype=bool)
    if surplus > 0:
        share = min(surplus / float(person[candidate].sum()), 1.0)
        draws = raking.uniform_draws(key[candidate], _STREAMS["nonfilers"])
        outside[candidate] = raking.systematic_choice(draws, person[candidate], share)
    return earner & ~outside


def w2_by_wage() -> pd.DataFrame:
    """The W-2 table by wage size of the latest year, without its total, classes from $1m put together."""
    table = sources.table("w2_deferrals_by_wage")
    table = table[(table["tax_year"] == W2_YEAR) & table["wage_from_usd"].notna()].sort_values("wage_from_usd")
    return table.reset_index(drop=True)


@remembering(100)
def cbo(column: str) -> dict[int, float]:
    """A column of CBO's income tax details (February 2026), by year."""
    table = sources.table("cbo_income_tax_details")
    table = table[table["cbo_baseline"] == CBO_BASELINE]
    return dict(zip(table["year"].tolist(), table[column].tolist(), strict=True))


# ------------------------------------------------------------------------------------------ gains


def _imputed_gains(raw: _Raw, weights: Array, total_bn_usd: float) -> Array:
    """Long-term gains of 2025 by unit, in proportion to qualified dividends: who holds stock has both.

    Raises DataError if a file with gains of its own is to be given more.
    """
    if total_bn_usd and np.any(raw.gains_usd):
        raise sources.DataError("the file has capital gains: none can be imputed")
    dividends = raw.qualified_dividends_usd
    whole = float(weights[FIRST_YEAR - raw.years[0]] @ dividends)
    return dividends * (1e9 * total_bn_usd / whole if total_bn_usd else 0.0)


def _add_gains(calc: taxcalc.Calculator, gains: Array) -> None:
    """Put imputed gains into a file without any; a file is left alone where there are none to put."""
    if np.any(gains):
        calc.array("p23250", np.array(gains))


# --------------------------------------------------------------------------------------- pensions


def _mended_pensions(
    calc: taxcalc.Calculator, raw: _Raw, weights: Array, wages: _Wages, rake: bool
) -> tuple[Array, Array]:
    """IRA distributions and taxable pensions (unit) of the SOI year; leaves them in ``calc``, calculated."""
    index = SOI_YEAR - raw.years[0]
    weight = weights[index]
    _set_wages(calc, raw, wages.wage_usd * wages.scale[index])
    amounts = {item: np.array(calc.array(name)) for item, name in _ITEMS.items()}
    donor_age = sources.assumption("law.pension_donor_first_age")
    older = np.zeros(len(weight), dtype=bool)
    older[raw.unit[raw.age >= donor_age]] = True
    for _ in range(_RAKE_ROUNDS if rake else 0):
        _set_pensions(calc, amounts["ira_distributions"], amounts["taxable_pension_income"])
        calc.calc_all()
        agi = np.array(calc.array("c00100"))
        for item in _ITEMS:
            amounts[item] = _raked_item(item, amounts[item], agi, weight, older, raw.recid)
    _set_pensions(calc, amounts["ira_distributions"], amounts["taxable_pension_income"])
    calc.calc_all()
    return amounts["ira_distributions"], amounts["taxable_pension_income"]


def _raked_item(
    item: str, amount: Array, agi: Array, weight: Array, eligible: NDArray[np.bool_], recid: NDArray[np.int_]
) -> Array:
    """One pass: recipients, then dollars, of every AGI class brought part of the way to SOI.

    Recipients beyond SOI's count are dropped by draw (highest draw first), missing ones are added among the
    ``eligible`` by the same draw (lowest first) with the class's mean amount, taken from those whom that amount lifts
    into the class. Only a part of each gap is closed in a pass, because people who gain or lose income change class.
    """
    table = soi_classes(item)
    edges = np.append(table["agi_from_usd"].to_numpy(float)[1:], np.inf)
    classes = np.digitize(agi, edges)
    draws = raking.uniform_draws(recid, _STREAMS[item])
    new = amount.copy()
    idle = eligible & (amount <= 0)
    for number, row in enumerate(table.itertuples()):
        inside = np.flatnonzero(classes == number)
        holders = inside[amount[inside] > 0]
        mean = 1e9 * row.amount_bn_usd / row.returns
        gap = row.returns - float(weight[holders].sum())
        if gap < 0:
            share = 1 + _RAKE_DAMPING * gap / float(weight[holders].sum())
            keep = raking.systematic_choice(draws[holders], weight[holders], share)
            new[holders[~keep]] = 0.0
            holders = holders[keep]
        else:
            others = np.flatnonzero(idle & (np.digitize(agi + mean, edges) == number))
            share = min(_RAKE_DAMPING * gap / max(float(weight[others].sum()), 1.0), 1.0)
            added = others[raking.systematic_choice(draws[others], weight[others], share)]
            new[added] = mean
            idle[added] = False
        found = float(weight[holders] @ new[holders])
        if found > 0:
            held = found / float(weight[holders].sum())
            new[holders] *= (mean / held) ** _RAKE_DAMPING
    return new


def soi_classes(item: str) -> pd.DataFrame:
    """SOI's amounts and returns of one item by AGI class, classes from $1m put together."""
    table = sources.table("soi_1040_pensions")
    table = table[(table["tax_year"] == SOI_YEAR) & (table["item"] == item) & (table["agi_class"] != "all")]
    table = table.assign(agi_from_usd=table["agi_from_usd"].fillna(-np.inf)).sort_values("agi_from_usd")
    top = table["agi_from_usd"] >= _MERGED_FROM_USD
    merged = table[~top][["agi_from_usd", "amount_bn_usd", "returns"]]
    last = {
        "agi_from_usd": float(_MERGED_FROM_USD),
        "amount_bn_usd": table.loc[top, "amount_bn_usd"].sum(),
        "returns": table.loc[top, "returns"].sum(),
    }
    return pd.concat([merged, pd.DataFrame([last])], ignore_index=True)


def _set_pensions(calc: taxcalc.Calculator, ira: Array, pension: Array) -> None:
    calc.array("e01400", np.array(ira))
    calc.array("e01700", np.array(pension))
    calc.array("e01500", np.array(pension))


def _set_wages(calc: taxcalc.Calculator, raw: _Raw, persons: Array) -> None:
    head = np.array(calc.array("e00200p"))
    spouse = np.array(calc.array("e00200s"))
    head[raw.unit[~raw.is_spouse]] = persons[~raw.is_spouse]
    spouse[raw.unit[raw.is_spouse]] = persons[raw.is_spouse]
    calc.array("e00200p", head)
    calc.array("e00200s", spouse)
    calc.array("e00200", head + spouse)


# ------------------------------------------------------------------------------------ the result


def _microdata(raw: _Raw, weights: Array, wages: _Wages, ira: Array, pension: Array, gains: Array) -> Microdata:
    keep = raw.years >= FIRST_YEAR
    target = cbo("taxable_pension_annuity_ira_bn_usd")
    scale = [1e9 * target[int(y)] / float(w @ (ira + pension)) for y, w in zip(raw.years, weights, strict=True)]
    return Microdata(
        years=raw.years[keep],
        weights=weights[keep],
        recid=raw.recid,
        mars=raw.mars,
        social_security_usd=raw.social_security_usd,
        ira_usd=ira,
        pension_usd=pension,
        unit=raw.unit,
        is_spouse=raw.is_spouse,
        age=raw.age,
        wage_usd=wages.wage_usd,
        in_w2_table=wages.in_w2_table,
        wage_2020_usd=wages.wage_2020_usd,
        wage_scale=wages.scale[keep],
        pension_scale=np.array(scale)[keep],
        soi_year_weights=weights[SOI_YEAR - raw.years[0]],
        gains_usd=gains,
    )


def _soi_classes(calc: taxcalc.Calculator, weight: Array) -> pd.DataFrame:
    """Amounts and returns by AGI class in ``calc`` (calculated if it is not yet)."""
    if not np.any(calc.array("c00100")):
        calc.calc_all()
    agi = calc.array("c00100")
    rows = []
    for item, name in _ITEMS.items():
        table = soi_classes(item)
        edges = np.append(table["agi_from_usd"].to_numpy(float)[1:], np.inf)
        classes = np.digitize(agi, edges)
        amount = calc.array(name)
        dollars = np.bincount(classes, weights=weight * amount, minlength=len(table)) / 1e9
        returns = np.bincount(classes, weights=weight * (amount > 0), minlength=len(table))
        rows.append(table.assign(item=item, file_bn_usd=dollars, file_returns=returns))
    return pd.concat(rows, ignore_index=True)


def _soi_report(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for old, new in zip(before.itertuples(), after.itertuples(), strict=True):
        low = None if np.isinf(old.agi_from_usd) else old.agi_from_usd
        following = before[(before["item"] == old.item) & (before["agi_from_usd"] > old.agi_from_usd)]
        high = float(following["agi_from_usd"].min()) if len(following) else None
        name = f"{old.item}_by_agi_{SOI_YEAR}"
        rows.append((name, low, high, old.amount_bn_usd, old.file_bn_usd, new.file_bn_usd, "bn usd"))
        rows.append((f"{name}_returns", low, high, old.returns, old.file_returns, new.file_returns, "returns"))
    return _report(rows)


def _wage_report(raw: _Raw, data: Microdata) -> pd.DataFrame:
    """Earners and wages by size, W-2 2020: the raw file at its own wages of 2020, and the adjusted file."""
    table = w2_by_wage()
    first = FIRST_YEAR - raw.years[0]
    base = max(W2_YEAR - raw.years[0], 0)
    edges = np.append(table["wage_from_usd"].to_numpy(float), np.inf)
    total = float(table["wage_earners"].sum())
    raw_weight = raw.weights[first][raw.unit]
    deflator = (raw.wage_total_bn_usd[base] / raw.earners[base]) / (raw.wage_total_bn_usd[first] / raw.earners[first])
    old = raw.wage_usd * deflator
    old_weight = raw_weight * raw.earners[base] / raw.earners[first]
    new_weight = data.person_weights(FIRST_YEAR) * data.in_w2_table
    new_weight = new_weight * total / new_weight.sum()
    new = np.nan_to_num(data.wage_2020_usd)
    rows = []
    for b, row in enumerate(table.itertuples()):
        high = None if np.isinf(edges[b + 1]) else edges[b + 1]
        in_old = (old >= edges[b]) & (old < edges[b + 1])
        in_new = (new >= edges[b]) & (new < edges[b + 1])
        label = f"by_wage_{W2_YEAR}"
        people = (row.wage_earners, old_weight[in_old].sum(), new_weight[in_new].sum())
        dollars = (old_weight[in_old] @ old[in_old] / 1e9, new_weight[in_new] @ new[in_new] / 1e9)
        rows.append((f"wage_earners_{label}", edges[b], high, *people, "people"))
        rows.append((f"wages_{label}", edges[b], high, row.box1_wages_bn_usd, *dollars, "bn usd"))
    return _report(rows)


def _total_report(raw: _Raw, records: taxcalc.Records, data: Microdata) -> pd.DataFrame:
    """CBO's totals of 2025 and the tax levels of the file, before and after."""
    calc = calculator(records, FIRST_YEAR)
    calc.calc_all()
    before = _totals(calc)
    apply(calc, data, FIRST_YEAR)
    calc.calc_all()
    after = _totals(calc)
    published = {
        "wages": cbo("wages_bn_usd")[FIRST_YEAR],
        "taxable_pension_annuity_ira": cbo("taxable_pension_annuity_ira_bn_usd")[FIRST_YEAR],
        "taxable_social_security": cbo("taxable_social_security_bn_usd")[FIRST_YEAR],
        "total_income": cbo("total_income_bn_usd")[FIRST_YEAR],
    }
    rows = [
        (f"{name}_{FIRST_YEAR}", None, None, published.get(name), before[name], after[name], "bn usd")
        for name in before
    ]
    return _report(rows)


def _totals(calc: taxcalc.Calculator) -> dict[str, float]:
    names = {
        "wages": "e00200",
        "taxable_social_security": "c02500",
        "adjusted_gross_income": "c00100",
        "tax_before_refundable_credits": "c09200",
        "income_tax": "iitax",
    }
    totals = {label: calc.weighted_total(name) / 1e9 for label, name in names.items()}
    totals["taxable_pension_annuity_ira"] = (calc.weighted_total("e01400") + calc.weighted_total("e01700")) / 1e9
    totals["total_income"] = totals["adjusted_gross_income"] + calc.weighted_total("c02900") / 1e9
    return totals


def _report(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = ["statistic", "class_from", "class_to", "published", "file_before", "file_after", "unit"]
    return pd.DataFrame(rows, columns=columns)


def apply(
    calc: taxcalc.Calculator, data: Microdata, year: int, *, own_share: float | Array = 0.0, income_scale: float = 1.0
) -> None:
    """Put the adjusted weights, wages, pensions, and imputed gains of ``year`` into ``calc``.

    ``own_share`` (a number, or by unit) of pension and IRA income is left out (the model's own withdrawals);
    ``income_scale`` multiplies every dollar of wages, pensions, and gains put in. Wages of persons under 18 stay the
    file's.
    """
    index = data.year_index(year)
    weight = data.weights[index]
    persons = data.wage_usd * data.wage_scale[index] * income_scale
    head, spouse = data.head_and_spouse(persons)
    minors = np.ones(len(head), dtype=bool)
    minors[data.unit[~data.is_spouse]] = False
    head[minors] = calc.array("e00200p")[minors]
    calc.array("s006", weight.copy())
    calc.array("e00200p", head)
    calc.array("e00200s", spouse)
    calc.array("e00200", head + spouse)
    kept = data.pension_scale[index] * (1 - own_share) * income_scale
    _set_pensions(calc, data.ira_usd * kept, data.pension_usd * kept)
    _add_gains(calc, data.gains_usd * data.wage_scale[index] * income_scale)
