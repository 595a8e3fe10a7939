"""Tax schedules as arrays for the projection: built by a command, stored as data, looked up here.

Three tables, three lookups:

- `Schedules.withdrawal_tax`: tax of a year's withdrawals as a function of the mean withdrawal per account
  holder, E[tax(b + x) - tax(b)], with x = 0 for those who take nothing and lognormal for the rest;
- `Schedules.deferral`: tax saved per dollar deferred, at multiples of the imputed deferral, and by the
  employer's contribution;
- `Schedules.outside`: marginal rates on income from accounts outside plans.

Ages are those attained by the end of the year (`fiscal.base.axes.ATTAINED_AGES`), as in the tables and in tax
law; an age axis is in that order, which is the order of the model's cells.

Lifetime groups see the income groups through a mobility matrix (group, income_group), rows summing to 1.
Between law years rates are interpolated; after the last they are held (on wage-scaled withdrawals).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import ArrayLike, NDArray

from fiscal.base import sources
from fiscal.base.axes import ATTAINED_AGES, GROUP_SHARES, GROUPS
from fiscal.base.errors import InputError, Problem
from fiscal.base.memo import remembered
from fiscal.law.build import schedules as builder
from fiscal.law.build.holders import STATUSES
from fiscal.law.build.raking import lognormal_sigma
from fiscal.law.reforms import reform_years, tried
from fiscal.law.years import OWN_SCOPES

if TYPE_CHECKING:
    from fiscal.law.reforms import Reform

Array = NDArray[np.float64]

DEFERRAL_AGE_EDGES = np.array([18, 26, 35, 45, 55, 60, 65, 75])
WITHDRAWAL_AGE_EDGES = np.array([18, 35, 50, 60, 65, 70, 73, 80])
_LAST_BAND_END = 90
"""The open withdrawal band 80+ is centered as if it ended here: most of its people are younger."""

_KNOTS_PER_DOUBLING = 2
_NO_SPREAD = 1e-6  # a log-sd below this moves no dollar and would overflow
_PRIME_BAND = "45-54"
_TABLES = ("deferral_schedule", "withdrawal_curve", "outside_rates", "contribution_profile")


def for_reform(
    reform: Reform,
    cache_dir: Path,
    economy: pd.DataFrame,
    progress: Callable[[int, int, str], None] | None = None,
    jobs: int = 2,
    scope: str = OWN_SCOPES[0],
) -> Schedules:
    """Schedules under a future law for a scope: tried and built once, then found again by content.

    They are in a folder of ``cache_dir`` named by the hash of all that makes them, with a record of it; a folder whose
    record or tables are others is built again. Law years that an interrupted build finished are taken from there.
    Raises InputError for a reform that Tax-Calculator refuses, before anything is built.
    """
    folder = Path(cache_dir) / reform_key(reform, scope)
    if _record(folder, reform, scope) is None:
        trial = tried(reform)
        with _building(folder) as kept:
            if _record(folder, reform, scope) is None:  # else another process has just built it
                years, tables = reform_years(reform.parameters), kept / "tables"
                builder.build(
                    economy, progress, jobs, years=years, scopes=(scope,), reform=reform.parameters,
                    changed=trial.changed, out_dir=tables, kept=kept,
                )  # fmt: skip
                record = builder.made_from(reform, scopes=(scope,)) | {
                    "warnings": list(trial.warnings), "sha256": _sums(tables),
                }  # fmt: skip
                (tables / _RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
                shutil.rmtree(folder, ignore_errors=True)  # one that is damaged
                tables.rename(folder)
    return load(folder, scope)


def warnings_of(reform: Reform, cache_dir: Path, scope: str = OWN_SCOPES[0]) -> tuple[str, ...]:
    """What Tax-Calculator warns of in a reform: as recorded with its schedules, else asked (seconds).

    Raises InputError for a reform that it refuses.
    """
    record = _record(Path(cache_dir) / reform_key(reform, scope), reform, scope)
    return tuple(record["warnings"]) if record is not None else tried(reform).warnings


def reform_key(reform: Reform, scope: str = OWN_SCOPES[0]) -> str:
    """Content key of all that makes the schedules of a reform for a scope."""
    return builder.reform_key(reform, scopes=(scope,))


_RECORD = "record.json"
_BUILDING = ".building"
_STALE_SECONDS = 7 * 24 * 3600
"""After a week without a new law year, an interrupted build of another reform is not taken up again."""


@contextlib.contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """The locked folder of a build's finished law years, which an interrupted build leaves to the next one.

    What other builds left beside it and nobody continues is removed. Raises InputError where nothing can be
    written.
    """
    kept = folder.with_name(folder.name + _BUILDING)
    try:
        kept.mkdir(parents=True, exist_ok=True)
        lock = FileLock(kept / "lock").acquire()
    except OSError as error:
        message = f"cannot hold the schedules of a reform: {error.strerror}"
        allowed = "a folder that can be written, named by FISCAL_CACHE"
        raise InputError(message, file=str(folder.parent), allowed=allowed) from None
    with lock:
        os.utime(kept)
        for left in folder.parent.glob(f"*{_BUILDING}"):
            # the folder of this build was touched just now
            if left != kept and kept.stat().st_mtime - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        for left in (*folder.parent.glob(".reform.*"), *kept.glob("*.part"), kept / "tables"):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
        try:
            yield kept
        except KeyboardInterrupt as error:
            finished = len(list(kept.glob("[0-9]*.json")))
            error.add_note(
                f"{finished} finished law years of the tax schedules are kept; the next run continues from there."
                if finished
                else "Nothing of the tax schedules is kept, because no law year was finished yet."
            )
            raise
        shutil.rmtree(kept, ignore_errors=True)


def _sums(folder: Path) -> dict[str, str]:
    files = {name: file for name in _TABLES if (file := _file(folder, name))}
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}


def _file(folder: Path, name: str) -> Path | None:
    """The file of a built table, Parquet or CSV; None where there is none."""
    return next((file for end in (".parquet", ".csv") if (file := folder / f"{name}{end}").is_file()), None)


def _record(folder: Path, reform: Reform, scope: str) -> dict[str, Any] | None:
    """The record of a build in the cache, if it is of this reform and the tables are as they were written."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    made = builder.made_from(reform, scopes=(scope,))
    told = record if isinstance(record, dict) else {}
    same = {key: told.get(key) for key in made} == made and isinstance(told.get("warnings"), list)
    sums = _sums(folder)
    return told if same and set(_TABLES) == set(sums) and told.get("sha256") == sums else None


@dataclass(frozen=True)
class WithdrawalSchedule:
    """Tax of withdrawals, nominal dollars per account holder.

    ``knots_usd`` (year, knot) are mean withdrawals per holder, the first one 0; ``tax_usd``
    (year, age, group, knot) the expected added income tax. Linear between knots and beyond the last one.
    """

    years: NDArray[np.int_]
    knots_usd: Array
    tax_usd: Array

    def tax(self, year: int, age: int, group: int, withdrawal_usd: ArrayLike) -> Array:
        """Tax at mean withdrawals ``withdrawal_usd`` of one cell (``age`` attained, ``group`` 0-11)."""
        row = int(np.searchsorted(self.years, year))
        column = int(age - ATTAINED_AGES[0])
        return _linear(np.asarray(withdrawal_usd, float), self.knots_usd[row], self.tax_usd[row, column, group])


@dataclass(frozen=True)
class DeferralRates:
    """Rates on contributions, fractions.

    ``multiples`` (multiple) of the imputed deferral; ``deferral_rate`` (year, age, group, multiple) is tax
    saved over dollars deferred *up to* the multiple, so that rate x dollars is the tax saved; at multiple 0
    it is the rate of the smallest positive multiple. ``employer_rate``, ``oasdi_rate``, ``hi_rate``
    (year, age, group) per dollar of employer contribution, payroll rates before the division by 1.0765.
    """

    years: NDArray[np.int_]
    multiples: Array
    deferral_rate: Array
    employer_rate: Array
    oasdi_rate: Array
    hi_rate: Array

    def saved_at(self, multiple: ArrayLike) -> Array:
        """Tax saved per dollar of the *imputed* deferral when ``multiple`` of it is deferred before tax.

        ``multiple`` broadcasts to (year, age, group); linear between the stored multiples and beyond the
        last one. At 1 it is the average rate; its slope is the marginal rate.
        """
        shape = self.deferral_rate.shape[:3]
        wanted = np.broadcast_to(np.asarray(multiple, dtype=float), shape)
        if np.any(wanted < 0) or not np.all(np.isfinite(wanted)):
            raise InputError("a multiple of the deferral must be finite and not negative", key="multiple")
        saved = self.deferral_rate * self.multiples  # per dollar of the deferral at multiple 1
        right = np.clip(np.searchsorted(self.multiples, wanted), 1, len(self.multiples) - 1)
        low, high = self.multiples[right - 1], self.multiples[right]
        place = (wanted - low) / (high - low)
        at_low = np.take_along_axis(saved, (right - 1)[..., None], axis=-1)[..., 0]
        at_high = np.take_along_axis(saved, right[..., None], axis=-1)[..., 0]
        return at_low + place * (at_high - at_low)


class OutsideRates(NamedTuple):
    """Marginal rates outside plans, (year, age, group), fractions."""

    interest_rate: Array
    qualified_dividend_rate: Array
    long_gain_rate: Array


@dataclass(frozen=True)
class Schedules:
    """The stored tables as arrays over law years.

    ``grid_usd`` (law_year, x), ``curve_usd`` (law_year, band, status, income_group, x) mean added tax, the
    statuses as in `fiscal.law.build.holders.STATUSES`; ``holder_share`` (law_year, band, status, income_group)
    each status's part of the holders in the file, summing to 1 over statuses; ``saved_usd`` and
    ``deferred_usd`` (law_year, band, wage_group, multiple) per person; ``employer`` (law_year, band,
    wage_group, 4) dollars, tax saved, OASDI and HI tax per person; ``outside_rate`` (law_year, band,
    income_group, 3). ``sha256`` is the hash of the tables that were read.
    """

    law_years: NDArray[np.int_]
    grid_usd: Array
    curve_usd: Array
    holder_share: Array
    multiples: Array
    deferred_usd: Array
    saved_usd: Array
    employer: Array
    outside_rate: Array
    sha256: str = ""

    def __repr__(self) -> str:
        return f"<fiscal Schedules: laws of {self.law_years[0]}-{self.law_years[-1]}, {self.curve_usd.shape[3]} groups>"

    def withdrawal_tax(
        self,
        years: ArrayLike,
        incidence: ArrayLike,
        mobility: ArrayLike,
        sigma: ArrayLike | None = None,
        *,
        working_share: ArrayLike | None = None,
        knots_per_doubling: int = _KNOTS_PER_DOUBLING,
    ) -> WithdrawalSchedule:
        """Expected tax by year, single age and lifetime group, on knots of the mean withdrawal.

        ``incidence`` (age) or (year, age) is the share p of holders who withdraw; ``sigma`` (group) the
        log-sd of what they take, whose mean is W / p (default: `group_sigma`). The integral of the piecewise
        linear curve against the lognormal is exact. ``working_share`` (age) or (year, age) is the share of
        the withdrawal dollars taken by people at work: the curves of the two statuses are mixed by it,
        linearly, before the integral. None mixes them as the *holders* in the file are, which puts too
        much at work where the retired take more. Single ages run linearly between the middles of the age
        bands, years between law years on withdrawals scaled by the grid (which grows with wages).
        Continuous and monotone in W. Raises InputError for arrays of the wrong shape or range.
        """
        years, mobility = _checked(years, mobility, self.curve_usd.shape[3])
        shares = _shares("incidence", incidence, len(years), zero=False)
        spread = _sigma(group_sigma() if sigma is None else sigma, mobility.shape[0])
        first = self.grid_usd[:, 1]
        unit_grid = self.grid_usd[0] / first[0]  # the same in every year, in steps of its first knot
        curve = self._monotone_curve() / first[:, None, None, None, None]
        if working_share is None:
            weights = self.holder_share[..., None]
            yearly = self._by_age((curve * weights).sum(axis=2), mobility, years)
        else:
            working = _shares("working_share", working_share, len(years), zero=True)[:, :, None, None]
            at_work, retired = (
                self._by_age(curve[:, :, STATUSES.index(status)], mobility, years)
                for status in ("working", "not_working")
            )
            yearly = working * at_work + (1 - working) * retired
        knots = _knots(unit_grid, knots_per_doubling)
        expected = np.empty((*yearly.shape[:3], len(knots)))
        rows, members = np.unique(shares, axis=0, return_inverse=True)
        for number, row in enumerate(rows):  # years with the same incidence share one integral
            chosen = np.flatnonzero(members.ravel() == number)
            expected[chosen] = _expected_tax(knots, unit_grid, yearly[chosen], row, spread)
        scale = _interpolated(first, self.law_years, years, growth=True)
        expected *= scale[:, None, None, None]
        return WithdrawalSchedule(years, knots[None, :] * scale[:, None], expected)

    def holder_curve_usd(self) -> Array:
        """Mean added tax over the holders of both statuses: (law_year, band, income_group, x)."""
        return (self._monotone_curve() * self.holder_share[..., None]).sum(axis=2)

    def _monotone_curve(self) -> Array:
        return np.maximum.accumulate(self.curve_usd, axis=-1)  # 50-dollar steps of the law may dip by cents

    def _by_age(self, curve: Array, mobility: Array, years: NDArray[np.int_]) -> Array:
        """``curve`` (law_year, band, income_group, x) as (year, age, group, x)."""
        cells = np.einsum("ab,gj,ybjx->yagx", _age_weights(), mobility, curve, optimize=True)
        return _interpolated(cells, self.law_years, years)

    def own_withdrawal_tax(self, years: ArrayLike, mobility: ArrayLike) -> WithdrawalSchedule:
        """Tax on a withdrawal that one holder is known to take, by year, single age and lifetime group.

        As :meth:`withdrawal_tax`, without a spread of what is taken; knots are the grid of the stored curve.
        """
        years, mobility = _checked(years, mobility, self.curve_usd.shape[3])
        first = self.grid_usd[:, 1]
        curve = self._monotone_curve() / first[:, None, None, None, None]
        yearly = self._by_age((curve * self.holder_share[..., None]).sum(axis=2), mobility, years)
        scale = _interpolated(first, self.law_years, years, growth=True)
        knots = self.grid_usd[0] / first[0]
        return WithdrawalSchedule(years, knots * scale[:, None], yearly * scale[:, None, None, None])

    def deferral(self, years: ArrayLike, mobility: ArrayLike) -> DeferralRates:
        """Rates on deferrals and employer contributions by year, age and lifetime group.

        Dollar-weighted over the wage groups that ``mobility`` mixes; ages take their band's rates. Cells
        without contributions take the rate of the nearest wage group that has some.
        """
        years, mobility = _checked(years, mobility, self.saved_usd.shape[2])
        band = np.digitize(ATTAINED_AGES, DEFERRAL_AGE_EDGES) - 1
        saved, deferred = _mixed(self.saved_usd, mobility), _mixed(self.deferred_usd, mobility)
        rate = _filled(saved[..., 1:], deferred[..., 1:])
        rate = np.concatenate([rate[..., :1], rate], axis=-1)
        employer = _mixed(self.employer, mobility)
        parts = [_filled(employer[..., k], employer[..., 0]) for k in (1, 2, 3)]
        by_year = [_interpolated(part[:, band], self.law_years, years) for part in (rate, *parts)]
        return DeferralRates(years, self.multiples, *by_year)

    def outside(self, years: ArrayLike, mobility: ArrayLike) -> OutsideRates:
        """Marginal rates on outside income by year, age and lifetime group."""
        years, mobility = _checked(years, mobility, self.outside_rate.shape[2])
        cells = np.einsum("ab,gj,ybjk->yagk", _age_weights(), mobility, self.outside_rate, optimize=True)
        rates = _interpolated(cells, self.law_years, years)
        return OutsideRates(*(rates[..., k] for k in range(3)))


def load(directory: Path | None = None, scope: str = OWN_SCOPES[0]) -> Schedules:
    """The stored schedules for a scope: current law from the data folder, or another build from ``directory``.

    Raises DataError for a table that fails verification, InputError for a build that lacks cells.
    """
    return _load_directory(Path(directory), scope) if directory else _load_stored(scope)


@remembered
def _load_stored(scope: str) -> Schedules:
    return _schedules(
        sources.table("deferral_schedule"),
        sources.table("withdrawal_curve"),
        sources.table("outside_rates"),
        scope=scope,
    )


def _load_directory(directory: Path, scope: str) -> Schedules:
    files = {name: _file(directory, name) for name in _TABLES[:3]}
    missing = [Problem("the table is missing", file=name) for name, file in files.items() if file is None]
    if missing:
        raise InputError(missing)
    digest, tables = hashlib.sha256(), []
    for file in filter(None, files.values()):
        content = file.read_bytes()
        digest.update(hashlib.sha256(content).digest())
        read = pd.read_parquet if file.suffix == ".parquet" else pd.read_csv
        tables.append(read(io.BytesIO(content)))
    return replace(_schedules(*tables, scope=scope), sha256=digest.hexdigest())


def _schedules(deferral: pd.DataFrame, curve: pd.DataFrame, outside: pd.DataFrame, *, scope: str) -> Schedules:
    absent = {"status", "holder_share"} - set(curve.columns)
    if absent or set(curve["status"]) != set(STATUSES):
        found = f"no column {', '.join(sorted(absent))}" if absent else ", ".join(sorted(set(curve["status"])))
        raise InputError(
            "the table must have rows of each working status: build the schedules again",
            file="withdrawal_curve",
            value=found,
            allowed=", ".join(STATUSES),
        )
    curve, outside = (
        _of_scope(table, name, scope) for name, table in (("withdrawal_curve", curve), ("outside_rates", outside))
    )
    law_years = np.sort(curve["law_year"].unique()).astype(int)
    bands, groups, statuses = len(WITHDRAWAL_AGE_EDGES), len(GROUPS), len(STATUSES)
    points = curve.groupby(["law_year", "status", "age_band", "income_group"]).size()
    multiples = np.sort(deferral["multiple"].unique())
    expected = (
        ("withdrawal_curve", len(curve), len(law_years) * bands * statuses * groups * int(points.iloc[0])),
        ("deferral_schedule", len(deferral), len(law_years) * len(DEFERRAL_AGE_EDGES) * groups * len(multiples)),
        ("outside_rates", len(outside), len(law_years) * bands * groups),
    )
    wrong = [
        Problem("the table lacks cells or has too many", file=name, value=found, allowed=str(wanted))
        for name, found, wanted in expected
        if found != wanted
    ]
    if wrong:
        raise InputError(wrong)
    curve = curve.assign(status=curve["status"].map({name: at for at, name in enumerate(STATUSES)}))
    curve = _in_order(curve, "status", "income_group", "x_usd")
    shape = (len(law_years), bands, statuses, groups, -1)
    grid = curve["x_usd"].to_numpy(float).reshape(shape)[:, 0, 0, 0, :]
    share = curve["holder_share"].to_numpy(float).reshape(shape)[..., 0]
    deferral = _in_order(deferral, "wage_group", "multiple")
    by_multiple = (len(law_years), len(DEFERRAL_AGE_EDGES), groups, len(multiples))
    employer = deferral["employer_usd"].to_numpy(float)
    columns = [
        employer,
        deferral["employer_tax_saved_usd"].to_numpy(float),
        employer * deferral["oasdi_rate"].to_numpy(float),
        employer * deferral["hi_rate"].to_numpy(float),
    ]
    outside = _in_order(outside, "income_group")
    kinds = ["interest_rate", "qualified_dividend_rate", "long_gain_rate"]
    return Schedules(
        law_years=law_years,
        grid_usd=_frozen(grid),
        curve_usd=_frozen(curve["mean_added_tax_usd"].to_numpy(float).reshape(shape)),
        holder_share=_frozen(share / share.sum(axis=2, keepdims=True)),  # stored with six digits
        multiples=_frozen(multiples.astype(float)),
        deferred_usd=_frozen(deferral["deferral_usd"].to_numpy(float).reshape(by_multiple)),
        saved_usd=_frozen(deferral["tax_saved_usd"].to_numpy(float).reshape(by_multiple)),
        employer=_frozen(np.stack([c.reshape(by_multiple)[..., 0] for c in columns], axis=-1)),
        outside_rate=_frozen(outside[kinds].to_numpy(float).reshape(len(law_years), bands, groups, -1)),
    )


def _of_scope(table: pd.DataFrame, name: str, scope: str) -> pd.DataFrame:
    """The rows of a scope."""
    found = sorted(table["scope"].unique()) if "scope" in table else []
    if scope not in found:
        message = "the table must have rows of the scope whose withdrawals it leaves out: build the schedules again"
        raise InputError(message, file=name, value=", ".join(found) or "no column scope", allowed=scope)
    return table[table["scope"] == scope]


def _in_order(table: pd.DataFrame, *last: str) -> pd.DataFrame:
    """Rows by law year, age band (youngest first) and the named columns."""
    first_age = {band: int(band[:2]) for band in table["age_band"].unique()}
    return table.assign(_age=table["age_band"].map(first_age)).sort_values(["law_year", "_age", *last])


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array


# ------------------------------------------------------------------------------- the expected tax


def _expected_tax(knots: Array, grid: Array, curve: Array, incidence: Array, sigma: Array) -> Array:
    """E[T(x)] at mean withdrawals ``knots``: (year, age, group, knot) from ``curve`` (year, age, group, x).

    T is linear between ``grid`` points and beyond the last, so it is a sum of call options: slope changes
    times E[(x - grid point)+], which the lognormal gives in closed form. ``incidence`` (age).
    """
    slopes = np.diff(curve, axis=-1) / np.diff(grid)
    changes = np.concatenate([slopes[..., :1], np.diff(slopes, axis=-1)], axis=-1)
    calls = np.empty((len(incidence), len(sigma), len(knots), len(grid) - 1))
    distinct, members = np.unique(incidence, return_inverse=True)
    for number, share in enumerate(distinct):
        mean = knots[None, :, None] / share  # of those who withdraw
        calls[members.ravel() == number] = share * _call(mean, grid[:-1], sigma[:, None, None])
    return np.einsum("yagx,agkx->yagk", changes, calls, optimize=True)


def _call(mean: Array, strike: Array, sigma: Array) -> Array:
    """E[(X - strike)+] for X lognormal with the given mean and log-sd (0: X is its mean)."""
    mean, strike, sigma = np.broadcast_arrays(mean, strike, sigma)
    value = np.maximum(mean - strike, 0.0)
    spread = (sigma > _NO_SPREAD) & (mean > 0) & (strike > 0)
    m, k, s = mean[spread], strike[spread], sigma[spread]
    d = np.log(m / k) / s + 0.5 * s
    value = value.copy()
    value[spread] = np.maximum(m * _normal(d) - k * _normal(d - s), 0.0)
    return value


def _normal(x: Array) -> Array:
    """Standard normal distribution function of values (n,); a million take less time than SciPy takes to import."""
    return 0.5 * np.fromiter(map(math.erfc, (x * -math.sqrt(0.5)).tolist()), float, len(x))


def _knots(unit_grid: Array, per_doubling: int) -> Array:
    """Mean withdrawals at which the tax is tabulated, in units of the grid's first positive point.

    From an eighth of it to its last point, evenly in logs, with 0 in front.
    """
    if per_doubling < 1:
        raise InputError("knots per doubling must be at least 1", key="knots_per_doubling")
    steps = int(round(np.log2(unit_grid[-1] * 8) * per_doubling))
    return np.concatenate([[0.0], 0.125 * 2.0 ** (np.arange(steps + 1) / per_doubling)])


def _linear(x: Array, knots: Array, values: Array) -> Array:
    slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
    beyond = np.maximum(x - knots[-1], 0.0)
    return np.interp(x, knots, values) + slope * beyond


# -------------------------------------------------------------------------------- interpolation, mixing


def _age_weights() -> Array:
    """(age attained, band): linear between the middles of the withdrawal bands, flat outside them."""
    ends = np.append(WITHDRAWAL_AGE_EDGES[1:], _LAST_BAND_END)
    middles = (WITHDRAWAL_AGE_EDGES + ends - 1) / 2
    return np.array([np.interp(ATTAINED_AGES, middles, row) for row in np.eye(len(middles))]).T


def _interpolated(values: Array, law_years: NDArray[np.int_], years: NDArray[np.int_], growth: bool = False) -> Array:
    """Values (law_year, ...) at ``years``: linear between law years (geometric if ``growth``).

    After the last law year they are held; with ``growth`` their last yearly growth is.
    """
    if len(law_years) == 1:
        return np.repeat(values, len(years), axis=0)
    logs = np.log(values) if growth else values
    right = np.clip(np.searchsorted(law_years, years), 1, len(law_years) - 1)
    left = right - 1
    place = (years - law_years[left]) / (law_years[right] - law_years[left])
    place = np.maximum(place, 0.0) if growth else np.clip(place, 0.0, 1.0)
    place = place.reshape(-1, *([1] * (values.ndim - 1)))
    result = logs[left] * (1 - place) + logs[right] * place
    return np.exp(result) if growth else result


def _mixed(values: Array, mobility: Array) -> Array:
    return np.einsum("gj,ybj...->ybg...", mobility, values, optimize=True)


def _filled(part: Array, whole: Array) -> Array:
    """part / whole over axis 2 (group); groups without dollars take the nearest group with some."""
    empty = whole <= 0
    rate = np.divide(part, whole, out=np.zeros_like(part), where=~empty)
    if not empty.any():
        return rate
    rate, empty = np.moveaxis(rate, 2, -1).copy(), np.moveaxis(empty, 2, -1)
    flat_rate, flat_empty = rate.reshape(-1, rate.shape[-1]), empty.reshape(-1, rate.shape[-1])
    for row in range(len(flat_rate)):
        known = np.flatnonzero(~flat_empty[row])
        for group in np.flatnonzero(flat_empty[row]) if len(known) else ():
            flat_rate[row, group] = flat_rate[row, known[np.argmin(np.abs(known - group))]]
    return np.moveaxis(flat_rate.reshape(rate.shape), -1, 2)


def _checked(years: ArrayLike, mobility: ArrayLike, groups: int) -> tuple[NDArray[np.int_], Array]:
    years = np.atleast_1d(np.asarray(years, dtype=int))
    matrix = np.asarray(mobility, dtype=float)
    problems = []
    if matrix.ndim != 2 or matrix.shape[1] != groups:
        problems.append(
            Problem("mobility must be (group, income_group)", value=matrix.shape, allowed=f"(any, {groups})")
        )
    elif np.any(matrix < 0) or not np.allclose(matrix.sum(axis=1), 1.0, atol=1e-9):
        problems.append(Problem("rows of mobility must be shares that sum to 1", key="mobility"))
    if problems:
        raise InputError(problems)
    return years, matrix


def _shares(name: str, values: ArrayLike, years: int, *, zero: bool) -> Array:
    """Shares by age, or year and age, as (year, age), ``zero`` among those allowed."""
    array = np.asarray(values, dtype=float)
    if array.shape == (len(ATTAINED_AGES),):
        array = np.broadcast_to(array, (years, len(ATTAINED_AGES)))
    enough = array >= 0 if zero else array > 0
    if array.shape != (years, len(ATTAINED_AGES)) or not np.all(enough & (array <= 1)):
        message = f"{name} must be shares in {'[' if zero else '('}0, 1] by age, or year and age"
        raise InputError(message, value=np.shape(values), key=name)
    return array


def _sigma(sigma: ArrayLike, groups: int) -> Array:
    spread = np.broadcast_to(np.asarray(sigma, dtype=float), (groups,))
    if np.any(spread < 0) or not np.all(np.isfinite(spread)):
        raise InputError("sigma must be finite and not negative", key="sigma")
    return spread


# ------------------------------------------------------------------------------------ spread, show


def balance_sigma(income_usd: ArrayLike) -> Array:
    """Log-sd of account balances by income, from Vanguard's mean and median balances (2021, 2024).

    Falls from about 2 at the lowest incomes to about 1.1 above $150,000; linear in log income between the
    published classes. Used as the spread of withdrawals within an income group.
    """
    table = sources.table("vanguard")
    table = table[(table["dimension"] == "income") & table["measure"].str.contains("balance")]
    pairs = table.pivot_table(index="group", columns="measure", values="value", aggfunc="last").dropna()
    mean = next(c for c in pairs.columns if c.startswith("avg"))
    median = next(c for c in pairs.columns if c.startswith("median"))
    middles = {name: _class_middle(name) for name in pairs.index}
    order = sorted(pairs.index, key=middles.__getitem__)
    sigmas = [lognormal_sigma(float(pairs.loc[n, mean]), float(pairs.loc[n, median])) for n in order]
    return np.interp(
        np.log(np.maximum(np.asarray(income_usd, float), 1.0)), np.log([middles[n] for n in order]), sigmas
    )


@remembered
def group_sigma() -> Array:
    """Log-sd of withdrawals within each group (12): `balance_sigma` at the group's mean wage at 45-54."""
    profile = sources.table("contribution_profile")
    prime = profile[profile["age_band"] == _PRIME_BAND].sort_values("wage_group")
    return balance_sigma(prime["gross_wage_usd"].to_numpy(float))


def _class_middle(name: str) -> float:
    """Middle of an income class such as '<15k', '30-50k', '150k+' (open: its bound)."""
    bounds = [float(part) for part in name.strip("<+").replace("k", "").replace("+", "").split("-") if part]
    return 1000 * sum(bounds) / len(bounds) if len(bounds) > 1 else 1000 * bounds[0]


def show(year: int = 2025, schedules: Schedules | None = None) -> pd.DataFrame:
    """Average and marginal rates of a law year by group: a table to read.

    One row a group; columns: deferral_rate and employer_rate at ages 45-54, and for withdrawals at ages
    65-69 and 73-79 (holders at work or not) the average rate on 2025-wage dollars of 8,000 and 64,000 and
    the marginal rate between. Raises InputError for a year that is not a law year.
    """
    chosen = schedules or load()
    if year not in chosen.law_years:
        allowed = ", ".join(str(y) for y in chosen.law_years)
        raise InputError("no such law year", key="year", value=year, allowed=allowed)
    row = int(np.flatnonzero(chosen.law_years == year)[0])
    rates = chosen.deferral([year], np.eye(len(GROUPS)))
    age = int(50 - ATTAINED_AGES[0])
    frame = pd.DataFrame({"group": GROUPS, "population_share": GROUP_SHARES})
    whole = int(np.argmin(np.abs(chosen.multiples - 1.0)))
    # the look-up fills groups that contribute nothing with their neighbor's rate; a table for readers does not
    band = int(np.digitize(ATTAINED_AGES[age], DEFERRAL_AGE_EDGES)) - 1
    saves, receives = chosen.deferred_usd[row, band, :, whole] > 0, chosen.employer[row, band, :, 0] > 0
    frame["deferral_rate"] = np.where(saves, rates.deferral_rate[0, age, :, whole], np.nan)
    frame["employer_rate"] = np.where(receives, rates.employer_rate[0, age], np.nan)
    for label, band in (("65_69", 4), ("73_79", 6)):
        grid, curve = chosen.grid_usd[row], chosen.holder_curve_usd()[row, band]
        low, high = _nearest(grid, 8_000 * grid[1] / 1000), _nearest(grid, 64_000 * grid[1] / 1000)
        frame[f"withdrawal_rate_{label}_small"] = curve[:, low] / grid[low]
        frame[f"withdrawal_rate_{label}_large"] = curve[:, high] / grid[high]
        frame[f"withdrawal_marginal_rate_{label}"] = (curve[:, high] - curve[:, low]) / (grid[high] - grid[low])
    return frame


def _nearest(grid: Array, value: float) -> int:
    return int(np.argmin(np.abs(grid - value)))
