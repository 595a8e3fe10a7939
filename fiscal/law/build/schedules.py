"""Builds the tax schedules with Tax-Calculator; the work behind ``fiscal schedules build``.

Law years are every year to 2036, then nodes every eight years. A node keeps the law of 2036: every dollar
of income grows with wages over chained CPI, and each parameter that the law does not index is divided by
the growth of chained CPI; the taxes are brought back to nominal dollars. One law year is about 8 runs over the whole
file, and 18 for each scope of the model's own withdrawals.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fiscal.base import sources
from fiscal.base.axes import FIRST_YEAR, GROUP_SHARES, LAST_YEAR
from fiscal.base.code import code_sha256
from fiscal.base.errors import FiscalError, InputError
from fiscal.base.files import write_whole
from fiscal.base.progress import Progress, silent
from fiscal.law.build import deferrals, holders, microdata
from fiscal.law.build.deferrals import Deferrals, Limits
from fiscal.law.build.microdata import MendSettings, Microdata, Source
from fiscal.law.limits import indexed_limits
from fiscal.law.reforms import Reform, redated
from fiscal.law.years import LAST_FILE_YEAR, LAW_YEARS, OWN_SCOPES

if TYPE_CHECKING:
    import taxcalc

Array = NDArray[np.float64]

MULTIPLES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
WITHDRAWAL_GRID_USD = (0.0, *(1000.0 * 2.0**k for k in range(13)))
"""Withdrawal per person in dollars of 2025 wages: 1,000 doubling to 4.096 million."""

COMMAND = "fiscal schedules build"
INPUT_TABLES = (
    "population", "w2_deferrals_by_wage", "w2_deferrals_by_age", "w2_deferrals_roth", "soi_1040_pensions",
    "cbo_income_tax_details", "dol_5500", "scf", "sipp_age_income", "fidelity", "contribution_limits",
    "own_withdrawals", "cbo_macro", "cbo_population", "trustees_2026", "wage_index",
    "monthly_prices", "labor_force", "life_table", "mortality_improvement",
)  # fmt: skip
CODE = ("base", "law")
"""Rooms whose code builds schedules."""

_PARQUET = ("withdrawal_curve",)  # a sixth of its size as CSV
_GROUPS = len(GROUP_SHARES)
_DOLLAR_FLOOR = 50.0  # unindexed parameters below this are counts, ages or rates, not dollars
_NOT_DOLLARS = ("age", "mineligage", "maxeligage")
_INCOME_VARIABLES = (
    "e00300", "e00400", "e00600", "e00650", "e00700", "e00800", "e00900", "e00900p", "e00900s", "e01100",
    "e02000", "e02100", "e02100p", "e02100s", "e02300", "e02400", "e03150", "e03210", "e03240", "e03270",
    "e03300", "e17500", "e18400", "e18500", "e19200", "e19800", "e20100", "e20400", "e32800", "p22250",
    "p23250", "e01200", "e26270", "e27200", "k1bx14p", "k1bx14s", "e07300", "e62900",
)  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """How one law year is run: the file's year, scales of incomes and prices, and the year's limits."""

    year: int
    file_year: int
    income_scale: float
    """Wages over chained CPI since the file's year (1 to 2036)."""
    price_scale: float
    """Chained CPI since the file's year (1 to 2036)."""
    wage_growth: float
    """Average wage since 2025: scales the withdrawal grid."""
    own_share: Mapping[str, float]
    """By scope, share of pension and IRA income that the model's own accounts pay."""
    limits: Limits


@dataclass(frozen=True)
class Job:
    """Everything a worker needs besides its law year."""

    source: Source
    data: Microdata
    deferrals: Deferrals
    wage_growth: float
    """Average wage since SIPP's year."""
    reform: Mapping[str, Any] = field(default_factory=dict)


def build(
    economy: pd.DataFrame,
    progress: Progress | None = None,
    jobs: int = 2,
    *,
    years: Iterable[int] = LAW_YEARS,
    scopes: Iterable[str] = OWN_SCOPES,
    source: Source | None = None,
    settings: MendSettings | None = None,
    reform: Mapping[str, Any] | None = None,
    changed: Iterable[int] | None = None,
    out_dir: Path | None = None,
    kept: Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Build every schedule table and write it; returns the tables by name.

    ``economy`` is the macroeconomic path by year: wage_index, cpi_u and chained_cpi, from SIPP's year to the last.
    ``scopes`` are those whose own withdrawals are left out, each with schedules of withdrawals of its own.
    ``progress(done, total, label)`` is called after every step. ``jobs`` processes share the law years.
    Under current law on the packaged file the tables go to the data folder and are registered there with
    Tax-Calculator's version and the hashes of all inputs; a ``reform`` (Tax-Calculator reform:
    parameter -> year -> value), another ``source`` or other ``settings`` need an ``out_dir`` of their own.
    Of the law years, a reform changes the law of ``changed`` (None: of all), the others keep the stored
    schedules. Dollar amounts of a reform beyond 2036 are read as dollars of 2036. Finished law years are
    written to the folder ``kept``, where a later build finds them. Raises InputError with
    Tax-Calculator's words where it stops in a law year.
    """
    years, scopes = tuple(sorted(set(years))), tuple(scopes)
    ours = source is None and settings is None and not reform
    if out_dir is None and not ours:
        raise sources.DataError("a reform, another file or other settings need an out_dir: data/ holds current law")
    report = progress or silent
    total = len(years) + 2
    report(0, total, "reading and adjusting the microdata")
    chosen = source or Source()
    data, check = microdata.mend(microdata.load(chosen), settings)
    imputed = deferrals.impute(data)
    report(1, total, "deferrals imputed")
    parts = {} if changed is None else law_interpolated(set(years) - set(changed), scopes)
    parts |= {} if kept is None else {year: part for year in years if (part := kept_year(kept, year))}
    frames = {year: frame_of(year, economy, scopes) for year in years if year not in parts}
    job = Job(chosen, data, imputed, wages_since_sipp(economy), dict(reform or {}))
    for year, part in _run(job, list(frames.values()), jobs):
        parts[year] = {name: _rounded(table) for name, table in part.items()}
        if kept is not None:
            keep_year(kept, year, parts[year])
        report(1 + len(parts), total, f"law year {year}")
    tables = {name: pd.concat([_rounded(parts[year][name]) for year in years], ignore_index=True) for name in SCHEDULES}
    nodes = tables["law_parameters"]["law_year"] > LAST_FILE_YEAR
    tables["law_parameters"] = tables["law_parameters"][~nodes]  # later years are indexed by wages
    tables["contribution_profile"] = _rounded(deferrals.contribution_profile(data, imputed))
    report_rows = pd.concat([check, deferrals.w2_report(data, imputed)], ignore_index=True)
    tables["microdata_check"] = _rounded(report_rows)
    if out_dir is None:
        _store(tables, chosen)
    else:
        _write(tables, out_dir)
    report(total, total, "written")
    return tables


def keep_year(folder: Path, year: int, part: Mapping[str, pd.DataFrame]) -> None:
    """Write the finished tables of a law year, whole or not at all."""
    text = json.dumps({name: table.to_csv(index=False) for name, table in part.items()})
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{year}.json", f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}".encode())


def kept_year(folder: Path, year: int) -> dict[str, pd.DataFrame] | None:
    """The tables of a law year that an interrupted build finished; None if there are none, or if they are damaged."""
    try:
        digest, _, text = (folder / f"{year}.json").read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return None
    if digest != hashlib.sha256(text.encode()).hexdigest():
        return None
    tables: dict[str, str] = json.loads(text)
    return {name: pd.read_csv(io.StringIO(table), float_precision="round_trip") for name, table in tables.items()}


SCHEDULES = ("deferral_schedule", "withdrawal_curve", "outside_rates", "law_parameters")
BY_SCOPE = ("withdrawal_curve", "outside_rates")
"""Schedules that leave the model's own withdrawals out of income."""


def law_interpolated(years: Iterable[int], scopes: Iterable[str] = OWN_SCOPES) -> dict[int, dict[str, pd.DataFrame]]:
    """Current law's stored schedules of ``scopes`` in ``years``: those of a law year as they are, else between two.

    As the projection reads them: dollars per dollar of wages and everything else linearly, wages geometrically. So a
    reform that leaves a year's law as it is has no effect in that year.
    """
    stored = {name: sources.table(name) for name in SCHEDULES}
    wanted = list(scopes)
    for name in BY_SCOPE:
        stored[name] = stored[name][stored[name]["scope"].isin(wanted)]
    curve = stored["withdrawal_curve"]
    scale = curve[curve["x_usd"] > 0].groupby("law_year")["x_usd"].min()  # grows with wages
    law_years = scale.index.to_numpy(int)
    return {
        year: {name: _at(table, year, law_years, scale) for name, table in stored.items()}
        for year in years
        if law_years[0] <= year <= law_years[-1]
    }


def _at(table: pd.DataFrame, year: int, law_years: NDArray[np.int_], scale: pd.Series) -> pd.DataFrame:
    if year in law_years:
        return table[table["law_year"] == year]
    right = int(np.searchsorted(law_years, year))
    before, after = (int(law_years[k]) for k in (right - 1, right))
    place = (year - before) / (after - before)
    here = float(scale[before] ** (1 - place) * scale[after] ** place)
    left, other = (table[table["law_year"] == y].reset_index(drop=True) for y in (before, after))
    between = left.assign(law_year=year)
    for column in left.select_dtypes("float").columns.drop("law_year", errors="ignore"):
        dollars = column.endswith("_usd")
        low, high = (part[column] / (scale[y] if dollars else 1.0) for part, y in ((left, before), (other, after)))
        if column != "multiple":
            between[column] = (low * (1 - place) + high * place) * (here if dollars else 1.0)
    return between


def wages_since_sipp(economy: pd.DataFrame) -> float:
    """Average wage of the first year over that of SIPP's."""
    return float(economy["wage_index"][FIRST_YEAR] / economy["wage_index"][holders.SIPP_YEAR])


def frame_of(year: int, economy: pd.DataFrame, scopes: Iterable[str] = OWN_SCOPES) -> Frame:
    """Scales and limits of one law year, from the macroeconomic path and the table own_withdrawals."""
    path = economy.loc[FIRST_YEAR:LAST_YEAR]
    file_year = min(year, LAST_FILE_YEAR)
    wages, prices = path["wage_index"], path["chained_cpi"]
    price_scale = float(prices[year] / prices[file_year])
    own = sources.table("own_withdrawals").pivot(index="law_year", columns="scope", values="own_share")
    return Frame(
        year=year,
        file_year=file_year,
        income_scale=float(wages[year] / wages[file_year]) / price_scale,
        price_scale=price_scale,
        wage_growth=float(wages[year] / wages[FIRST_YEAR]),
        own_share={one: float(np.interp(year, own.index, own[one].to_numpy(float))) for one in scopes},
        limits=_limits_row(indexed_limits(path.index, path["cpi_u"]).loc[year]),
    )


def _limits_row(row: pd.Series) -> Limits:
    return Limits(
        float(row["elective_deferral_limit_usd"]),
        float(row["catch_up_limit_usd"]),
        float(row["catch_up_60_63_limit_usd"]),
        float(row["compensation_limit_usd"]),
    )


# --------------------------------------------------------------------------------------- processes

_WORKER: dict[str, Any] = {}


def _run(job: Job, frames: list[Frame], jobs: int) -> Iterable[tuple[int, dict[str, pd.DataFrame]]]:
    """Law years in ascending order over processes; every year is independent, so order cannot matter."""
    if jobs <= 1 or len(frames) <= 1:
        _start_worker(job)
        for frame in frames:
            yield frame.year, _one_year(frame)
        _WORKER.clear()
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(jobs, len(frames)), initializer=_start_worker, initargs=(job,)) as pool:
        yield from pool.imap_unordered(_labelled_year, frames, chunksize=1)


def _start_worker(job: Job) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _WORKER.clear()
    _WORKER["job"] = job
    _WORKER["persons"] = Persons.of(job.data, job.deferrals, job.wage_growth)


def _labelled_year(frame: Frame) -> tuple[int, dict[str, pd.DataFrame]]:
    return frame.year, _one_year(frame)


def _records_at(year: int) -> taxcalc.Records:
    """The worker's records advanced to ``year``; frames come in ascending order, else it starts again."""
    records = _WORKER.get("records")
    if records is None or records.current_year > year:
        records = microdata.load(_WORKER["job"].source)
    while records.current_year < year:
        records.increment_year()
    _WORKER["records"] = records
    return records


def _one_year(frame: Frame) -> dict[str, pd.DataFrame]:
    job: Job = _WORKER["job"]
    try:
        return law_year(job, _WORKER["persons"], _records_at(frame.file_year), frame)
    except (FiscalError, OSError, MemoryError):
        raise
    except Exception as error:  # whatever the library raises on these records
        words = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"Tax-Calculator stops in law year {frame.year}: {words}") from error


# ---------------------------------------------------------------------------------------- one law year


@dataclass(frozen=True)
class Persons:
    """Where each person is counted: cells of the layouts, and the probability of an account.

    ``income_cell`` counts age bands and groups; ``curve_cell`` the same within each working status, the
    statuses one after the other. ``curve_pool`` gives every curve cell the pool whose mean it takes.
    """

    deferral_cell: NDArray[np.int_]
    income_cell: NDArray[np.int_]
    curve_cell: NDArray[np.int_]
    curve_pool: NDArray[np.int_]
    holds: Array

    @staticmethod
    def of(data: Microdata, imputed: Deferrals, wage_growth: float) -> Persons:
        ranks = holders.income_ranks(data)
        deferral_band = np.digitize(data.age, deferrals.AGE_EDGES) - 1
        income_band = np.digitize(data.age, holders.AGE_EDGES) - 1
        income_cell = income_band * _GROUPS + holders.income_groups(ranks)
        bands = len(holders.AGE_BANDS)
        curve_cell = holders.status(data) * bands * _GROUPS + income_cell
        layout = (len(holders.STATUSES), bands, _GROUPS)
        records = np.bincount(curve_cell, minlength=int(np.prod(layout)))
        return Persons(
            deferral_cell=deferral_band * _GROUPS + deferrals.wage_group(data, imputed.gross_usd),
            income_cell=income_cell,
            curve_cell=curve_cell,
            curve_pool=holders.pools(records.reshape(layout)).ravel(),
            holds=holders.holding_share(data, ranks, wage_growth),
        )


def law_year(
    job: Job,
    persons: Persons,
    records: taxcalc.Records,
    frame: Frame,
    *,
    multiples: tuple[float, ...] = MULTIPLES,
    grid: tuple[float, ...] = WITHDRAWAL_GRID_USD,
) -> dict[str, pd.DataFrame]:
    """The schedules of one law year: deferral_schedule, withdrawal_curve, outside_rates, law_parameters."""
    calc = _calculator(records, frame, job.reform)
    _scale_incomes(calc, frame.income_scale)
    return {
        "deferral_schedule": _deferral_schedule(calc, job, persons, frame, multiples),
        "withdrawal_curve": _by_scope(frame, lambda own: _withdrawal_curve(calc, job, persons, frame, own, grid)),
        "outside_rates": _by_scope(frame, lambda own: _outside_rates(calc, job, persons, frame, own)),
        "law_parameters": _law_parameters(calc, frame),
    }


def _by_scope(frame: Frame, made: Callable[[float], pd.DataFrame]) -> pd.DataFrame:
    """The tables ``made`` with each scope's own share, one below the other."""
    parts = [made(own).assign(scope=scope) for scope, own in frame.own_share.items()]
    return pd.concat(parts, ignore_index=True)


def _calculator(records: taxcalc.Records, frame: Frame, reform: Mapping[str, Any]) -> taxcalc.Calculator:
    """A calculator of the frame's law: 2036 law with deflated unindexed parameters after 2036."""
    import taxcalc

    policy = taxcalc.Policy()
    if reform:
        policy.implement_reform(redated(reform, frame.year, frame.file_year), print_warnings=False)
    policy.set_year(frame.file_year)
    if frame.price_scale != 1.0 or frame.income_scale != 1.0:
        policy.implement_reform(node_reform(policy, frame))
        policy.set_year(frame.file_year)
    return taxcalc.Calculator(policy=policy, records=records, verbose=False)


def node_reform(policy: taxcalc.Policy, frame: Frame) -> dict[str, Any]:
    """Unindexed dollar parameters over chained CPI, the wage-indexed taxable maximum over wages.

    Which ones are not indexed is read from Tax-Calculator's own metadata, so that new law is found by
    itself.
    """
    reform: dict[str, Any] = {}
    for name in unindexed_dollar_parameters(policy):
        value = np.asarray(getattr(policy, name), dtype=float)
        reform[name] = {frame.file_year: _deflated(value, 1 / frame.price_scale)}
    maximum = np.asarray(policy.SS_Earnings_c, dtype=float)
    reform["SS_Earnings_c"] = {frame.file_year: _deflated(maximum, frame.income_scale)}
    return reform


def unindexed_dollar_parameters(policy: taxcalc.Policy) -> list[str]:
    """Names of current-law parameters in dollars that no index moves, by their metadata and value."""
    names = []
    for name, entry in policy.metadata().items():
        if entry.get("indexed") or entry.get("type") not in ("float", "int"):
            continue
        value = np.asarray(getattr(policy, name), dtype=float).ravel()
        value = value[np.abs(value) < 1e90]
        is_dollars = not any(word in name.lower().split("_") for word in _NOT_DOLLARS)
        if value.size and np.abs(value).max() >= _DOLLAR_FLOOR and is_dollars:
            names.append(name)
    return sorted(names)


def _deflated(value: Array, factor: float) -> Any:
    flat = np.where(np.abs(value.ravel()) < 1e90, value.ravel() * factor, value.ravel())
    return [float(v) for v in flat] if flat.size > 1 else float(flat[0])


def _scale_incomes(calc: taxcalc.Calculator, scale: float) -> None:
    """Every dollar variable of the file but wages, pensions and IRA income, which `apply` sets."""
    if scale == 1.0:
        return
    for name in _INCOME_VARIABLES:
        calc.array(name, calc.array(name) * scale)
    for name in ("e00200p", "e00200s"):  # what `apply` leaves: minors' wages
        calc.array(name, calc.array(name) * scale)


def _tax(calc: taxcalc.Calculator) -> Array:
    calc.calc_all()
    return np.array(calc.array("iitax"))


def left_out(own_share: float, couple: NDArray[np.bool_], spouse_share: float) -> Array:
    """Share of a unit's pension and IRA income that is the withdrawing person's own account, by unit.

    ``own_share`` of it is paid by the model's accounts. Of a couple's, ``spouse_share`` is the expected draw of the
    other spouse, which stays in the income that the person's withdrawal is stacked on.
    """
    return own_share * np.where(couple, 1 - spouse_share, 1.0)


def _base(calc: taxcalc.Calculator, job: Job, frame: Frame, own_share: float | Array) -> None:
    microdata.apply(calc, job.data, frame.file_year, own_share=own_share, income_scale=frame.income_scale)


def _amounts(job: Job, frame: Frame) -> tuple[Array, Array, Array]:
    """Gross wage, elective deferral and employer contribution per person, dollars of the file's year."""
    index = job.data.year_index(frame.file_year)
    growth = float(job.data.wage_scale[index]) * frame.income_scale * frame.price_scale
    gross = job.deferrals.gross_usd * growth
    elective = job.deferrals.elective_usd(job.data.age, frame.limits, growth)
    employer = job.deferrals.employer_usd(frame.limits, growth)
    return gross / frame.price_scale, elective / frame.price_scale, employer / frame.price_scale


def _set_wages(calc: taxcalc.Calculator, data: Microdata, wages: Array, deferred: Array) -> None:
    head, spouse = data.head_and_spouse(wages)
    calc.array("e00200p", head)
    calc.array("e00200s", spouse)
    calc.array("e00200", head + spouse)
    head, spouse = data.head_and_spouse(deferred)
    calc.array("pencon_p", head)
    calc.array("pencon_s", spouse)


def _deferral_schedule(
    calc: taxcalc.Calculator, job: Job, persons: Persons, frame: Frame, multiples: tuple[float, ...]
) -> pd.DataFrame:
    """Tax saved at multiples of the imputed deferral; the employer contribution outermost.

    Employer: tax on wages plus the contribution less tax on wages, elective deferral zero. A unit's saving
    is divided over its persons by their deferrals (employer contributions).
    """
    data = job.data
    _base(calc, job, frame, 0.0)
    gross, elective, employer = _amounts(job, frame)
    nothing = np.zeros(len(gross))
    _set_wages(calc, data, gross, nothing)
    undeferred = _tax(calc)
    unit_wages = data.per_unit(gross)
    _set_wages(calc, data, gross + employer, nothing)
    employer_saved = _divided(_tax(calc) - undeferred, employer, data)
    oasdi, hi = _payroll(calc, data, gross, employer, unit_wages)
    cells, weight = persons.deferral_cell, data.person_weights(frame.file_year)
    size = len(deferrals.AGE_BANDS) * _GROUPS
    persons_in_cell = np.bincount(cells, weights=weight, minlength=size)

    def mean(values: Array) -> Array:
        return np.bincount(cells, weights=weight * values, minlength=size) / persons_in_cell

    employer_mean = mean(employer)
    common = {
        "law_year": frame.year,
        "age_band": np.repeat(deferrals.AGE_BANDS, _GROUPS),
        "wage_group": np.tile(np.arange(1, _GROUPS + 1), len(deferrals.AGE_BANDS)),
    }
    stacked = {
        "employer_usd": employer_mean * frame.price_scale,
        "employer_tax_saved_usd": mean(employer_saved) * frame.price_scale,
        "oasdi_rate": _share(mean(oasdi), employer_mean),
        "hi_rate": _share(mean(hi), employer_mean),
    }
    rows = []
    for multiple in multiples:
        deferred = np.minimum(multiple * elective, gross)
        if multiple > 0:
            _set_wages(calc, data, gross - deferred, deferred)
            saved = _divided(undeferred - _tax(calc), deferred, data)
        else:
            saved = nothing
        part = pd.DataFrame(common | {"multiple": multiple})
        part["deferral_usd"] = mean(deferred) * frame.price_scale
        part["tax_saved_usd"] = mean(saved) * frame.price_scale
        rows.append(part.assign(**stacked))
    _set_wages(calc, data, gross, nothing)
    return pd.concat(rows, ignore_index=True)


def _divided(unit_amount: Array, by_person: Array, data: Microdata) -> Array:
    """A unit's amount over its persons, in proportion to ``by_person`` (zero where the unit has none)."""
    unit_total = data.per_unit(by_person)
    per_dollar = np.divide(unit_amount, unit_total, out=np.zeros_like(unit_amount), where=unit_total > 0)
    return per_dollar[data.unit] * by_person


def _payroll(
    calc: taxcalc.Calculator, data: Microdata, gross: Array, employer: Array, unit_wages: Array
) -> tuple[Array, Array]:
    """OASDI and HI tax, both sides, on the employer contribution if it were wages (before / 1.0765).

    Social Security: the part below the taxable maximum. Medicare: all of it, plus the additional tax on the part above
    the unit's threshold (26 USC 3101(b)(2), 1401(b)(2)).
    """
    maximum = float(np.ravel(calc.policy_param("SS_Earnings_c"))[0])
    oasdi_rate = _rate(calc, "FICA_ss_trt_employer") + _rate(calc, "FICA_ss_trt_employee")
    hi_rate = _rate(calc, "FICA_mc_trt_employer") + _rate(calc, "FICA_mc_trt_employee")
    additional = _rate(calc, "AMEDT_rt")
    threshold = np.ravel(calc.policy_param("AMEDT_ec"))[data.mars - 1]
    unit_employer = data.per_unit(employer)
    above = np.clip(unit_wages + unit_employer - threshold, 0.0, unit_employer)
    below_maximum = np.clip(maximum - gross, 0.0, employer)
    return oasdi_rate * below_maximum, hi_rate * employer + _divided(additional * above, employer, data)


def _rate(calc: taxcalc.Calculator, name: str) -> float:
    return float(np.ravel(calc.policy_param(name))[0])


def _withdrawal_curve(
    calc: taxcalc.Calculator, job: Job, persons: Persons, frame: Frame, own_share: float, grid: tuple[float, ...]
) -> pd.DataFrame:
    """Mean added tax of a withdrawal of x per person, weighted by the probability of an account.

    The base leaves out ``own_share`` of pension and IRA income, of a couple only the person's part of it
    (:func:`left_out`); x enters as a taxable pension of the unit, for one person of a couple at a time. By working
    status, because few of those who withdraw are at work and the tax on top of a wage is higher; ``holder_share``
    is the status's part of the holders of its age band and group. Cells of fewer than `holders.MINIMUM_RECORDS`
    persons take the mean of a pool with the same group of younger bands: in the packaged file workers of the top
    group, whose bands 65-69, 70-72, 73-79 and 80+ (64, 19, 17 and 8 records) are one pool, and of P95-99 from 80 on
    (41), pooled with 73-79 (88). Pooling with the group below instead would take 5 points off the top group's rate.
    """
    data = job.data
    spouse_share = sources.assumption("law.spouse_draw_share")
    _base(calc, job, frame, left_out(own_share, data.mars == 2, spouse_share))
    _set_pencon(calc, data)
    pension = np.array(calc.array("e01700"))
    start = _tax(calc)
    weight = data.person_weights(frame.file_year) * persons.holds
    bands, statuses, pool = len(holders.AGE_BANDS), len(holders.STATUSES), persons.curve_pool
    size = statuses * bands * _GROUPS

    def total(values: Array) -> Array:
        return np.asarray(np.bincount(persons.curve_cell, weights=values, minlength=size), dtype=float)

    def pooled(totals: Array) -> Array:
        return np.asarray(np.bincount(pool, weights=totals, minlength=size)[pool], dtype=float)

    by_status = total(weight).reshape(statuses, -1)
    in_pool = pooled(by_status.ravel())
    common = {
        "law_year": frame.year,
        "status": np.repeat(holders.STATUSES, bands * _GROUPS),
        "age_band": np.tile(np.repeat(holders.AGE_BANDS, _GROUPS), statuses),
        "income_group": np.tile(np.arange(1, _GROUPS + 1), statuses * bands),
        "holder_share": (by_status / by_status.sum(axis=0)).ravel(),
    }
    rows = []
    for x in grid:
        amount = x * frame.wage_growth / frame.price_scale
        added = np.zeros(len(start))
        if x > 0:
            calc.array("e01700", pension + amount)
            calc.array("e01500", pension + amount)
            added = _tax(calc) - start
        mean = pooled(total(weight * added[data.unit])) / in_pool
        amounts = {"x_usd": x * frame.wage_growth, "mean_added_tax_usd": mean * frame.price_scale}
        rows.append(pd.DataFrame(common | amounts))
    calc.array("e01700", pension)
    calc.array("e01500", pension)
    return pd.concat(rows, ignore_index=True)


def _set_pencon(calc: taxcalc.Calculator, data: Microdata) -> None:
    nothing = np.zeros(len(data.recid))
    calc.array("pencon_p", nothing)
    calc.array("pencon_s", nothing.copy())


def _outside_rates(
    calc: taxcalc.Calculator, job: Job, persons: Persons, frame: Frame, own_share: float
) -> pd.DataFrame:
    """Marginal rates on interest, qualified dividends and long gains outside plans (finite difference)."""
    data = job.data
    _base(calc, job, frame, own_share)
    start = _tax(calc)
    step = sources.assumption("law.finite_difference_usd")
    weight = data.person_weights(frame.file_year) * persons.holds
    size = len(holders.AGE_BANDS) * _GROUPS
    total = np.bincount(persons.income_cell, weights=weight, minlength=size)
    frame_rows = {
        "law_year": frame.year,
        "age_band": np.repeat(holders.AGE_BANDS, _GROUPS),
        "income_group": np.tile(np.arange(1, _GROUPS + 1), len(holders.AGE_BANDS)),
    }
    kinds = {
        "interest_rate": ("e00300",),
        "qualified_dividend_rate": ("e00600", "e00650"),
        "long_gain_rate": ("p23250",),
    }
    for label, names in kinds.items():
        kept = {name: np.array(calc.array(name)) for name in names}
        for name in names:
            calc.array(name, kept[name] + step)
        rate = (_tax(calc) - start) / step
        for name in names:
            calc.array(name, kept[name])
        frame_rows[label] = np.bincount(persons.income_cell, weights=weight * rate[data.unit], minlength=size) / total
    return pd.DataFrame(frame_rows)


def _law_parameters(calc: taxcalc.Calculator, frame: Frame) -> pd.DataFrame:
    maximum = float(np.ravel(calc.policy_param("SS_Earnings_c"))[0])
    return pd.DataFrame(
        {"law_year": [frame.year], "social_security_taxable_maximum_usd": [maximum * frame.price_scale]}
    )


def _share(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


# -------------------------------------------------------------------------------------------- writing


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Eight significant digits at most: stable bytes, and no false precision."""
    out = table.copy()
    for column in out.select_dtypes("number").columns:
        values = out[column].to_numpy()
        if values.dtype.kind == "f":
            digits = 6 if column.endswith(("_rate", "_share")) else 3
            out[column] = np.round(values, digits) + 0.0
    return out


def file_of(name: str) -> str:
    """Name of the file of a built table."""
    return f"{name}.parquet" if name in _PARQUET else f"{name}.csv"


SOURCE = (
    "Tax-Calculator (Policy Simulation Library, https://github.com/PSLmodels/Tax-Calculator) "
    "run by this project's fiscal.law.build.schedules on adjusted microdata"
)
LICENCE = "Computed by this project; Tax-Calculator and its CPS-based sample are in the public domain (CC0)"


def _store(tables: Mapping[str, pd.DataFrame], source: Source) -> None:
    """Write the tables of current law to the data folder; their entries say what they were built from."""
    release = version("taxcalc")
    built_from = {"taxcalc_version": release, "input_sha256": input_hashes(source), "command": COMMAND}
    note = f"Built by `{COMMAND}`; do not edit. Tax-Calculator {release}."
    for name, table in tables.items():
        extra = {"built_from": built_from}
        sources.store(name, table, source=SOURCE, note=note, licence=LICENCE, extra=extra)


def _write(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        sources.write_frame(folder / file_of(name), table)


def input_hashes(source: Source) -> dict[str, str]:
    """SHA-256 of every input of a build: our tables and the records file."""
    hashes = {name: sources.resource(name).sha256 for name in INPUT_TABLES}
    hashes["assumptions of law and prices"] = _assumptions_hash()
    hashes[source.label] = source.sha256()
    return hashes


def _assumptions_hash() -> str:
    """Hash of the assumption rows that a build reads, so that other rows may change without a rebuild."""
    table = sources.table("assumptions")
    used = table[table["key"].str.startswith(("law.", "macro.", "population."))].sort_values("key")
    rows = [f"{key}={value!r}" for key, value in zip(used["key"], used["value"].tolist(), strict=True)]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def made_from(reform: Reform, source: Source | None = None, scopes: Iterable[str] = OWN_SCOPES) -> dict[str, Any]:
    """All that decides the schedules of a reform: what it changes, the inputs, Tax-Calculator, the code that builds."""
    return {
        "reform": {name: {str(y): v for y, v in values.items()} for name, values in reform.parameters.items()},
        "scopes": list(scopes),
        "input_sha256": input_hashes(source or Source()),
        "taxcalc_version": version("taxcalc"),
        "code_sha256": code_sha256(CODE),
    }


def reform_key(reform: Reform, source: Source | None = None, scopes: Iterable[str] = OWN_SCOPES) -> str:
    """Content key of a reform's schedules: the same makings give the same key."""
    content = json.dumps(made_from(reform, source, scopes), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
