"""The tax law of a scenario as arrays: schedules in force, tax on contributions, on withdrawals, and outside plans."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from platformdirs import user_cache_path

from fiscal.base import sources
from fiscal.base.axes import AGES_AT_OPENING, ASSETS, GROUPS
from fiscal.base.memo import remembering
from fiscal.base.progress import Progress
from fiscal.budget.ledger import BuildupTax, ContributionTaxes
from fiscal.engine.allocation import EQUITY, FOREIGN
from fiscal.law import schedules as law_schedules
from fiscal.law.reforms import Reform, changes_of, read_reform, said_of
from fiscal.law.years import OWN_SCOPES
from fiscal.people.accounts import ALL_PLANS
from fiscal.people.contributions import Contributions
from fiscal.people.economy import macro
from fiscal.people.mobility import mobility_matrix
from fiscal.people.withdrawals import incidence, working_share_of_withdrawals
from fiscal.projection.inputs import TaxSchedule
from fiscal.scenario import baselines_added, reform_files

if TYPE_CHECKING:
    from fiscal.scenario.schema import Settings

STATE_TAX_YEAR = 2024
"""Year of the incomes that state income taxes are set against."""


def average_state_rate() -> float:
    """Individual income taxes of all states over the income on federal returns: Census, and CBO's newest baseline."""
    collected = sources.table("state_income_tax").set_index("item").at["individual_income_tax", "value_bn_usd"]
    incomes = sources.table("cbo_income_tax_details").query("year == @STATE_TAX_YEAR")
    incomes = incomes.set_index("cbo_baseline")["total_income_bn_usd"]
    newest = max(incomes.index, key=lambda label: datetime.strptime(str(label), "%b %Y"))
    return float(collected) / float(incomes[newest])


def conversion_rates(settings: Settings, years: np.ndarray) -> np.ndarray:
    """Share of the traditional balance that is converted, ``(Y,)``."""
    withdrawals = settings.withdrawals
    last = min(withdrawals.conversion_last_year, settings.horizon.last_year)
    return np.where((years >= withdrawals.conversion_first_year) & (years <= last), withdrawals.conversion_rate, 0.0)


def withdrawal_schedules(
    settings: Settings, assume: Mapping[str, float], years: np.ndarray, conversion_rate: np.ndarray
) -> tuple[TaxSchedule, TaxSchedule, TaxSchedule]:
    """Schedules of owners' withdrawals, of their conversions, and of heirs.

    Those who convert are those who withdraw, and others beside them where the rate (Y,) is above the share who
    withdraw: a share of all balances cannot be converted by a smaller share of the holders.
    """
    if settings.tax.flat_rate is not None:
        knots = np.broadcast_to(np.array([0.0, 1e6]), (len(years), 2)).copy()
        tax = np.broadcast_to(
            knots[:, None, None, :] * settings.tax.flat_rate, (len(years), len(AGES_AT_OPENING), len(GROUPS), 2)
        ).copy()
        flat = TaxSchedule(knots_usd=knots, tax_usd=tax * settings.tax.withdrawal_scale)
        return flat, flat, flat
    retired = mobility_matrix(settings.people.retired_rank_correlation)
    schedules = schedules_in_force(settings)
    spread = law_schedules.group_sigma() * assume["withdrawal_sigma_scale"]
    scale = settings.tax.withdrawal_scale
    at_work = working_share_of_withdrawals(assume, settings.withdrawals.retirement_age_shift)
    draws = incidence(assume, years, settings.withdrawals.rmd_age_shift)
    by_owner, by_heir = _expected_tax(schedules, years, draws, retired, spread, at_work, settings.heirs.age_gap)
    owner, heir = _scaled(by_owner, scale), _scaled(by_heir, scale)
    converts = np.maximum(draws, conversion_rate[:, None])
    conversion = owner
    if (converts > draws).any():
        by_converter = schedules.withdrawal_tax(years, converts, retired, spread, working_share=at_work)
        conversion = _scaled(by_converter, scale)
    return owner, conversion, heir


@remembering(1)
def _expected_tax(
    schedules: law_schedules.Schedules,
    years: np.ndarray,
    draws: np.ndarray,
    retired: np.ndarray,
    spread: np.ndarray,
    at_work: np.ndarray,
    heir_age_gap: int,
) -> tuple[law_schedules.WithdrawalSchedule, law_schedules.WithdrawalSchedule]:
    """Expected tax of owners and of heirs under a law, both by the owner's age; what was worked out last is kept,
    since a scenario with other contributions, returns or adoption asks for the same. ``draws`` are the shares of
    holders who draw, ``retired`` the mobility to retirement, ``spread`` that of what they take, ``at_work`` the share
    taken at work."""
    # heirs must draw every year: everybody withdraws
    certain = schedules.withdrawal_tax(years, np.ones(len(AGES_AT_OPENING)), retired, spread)
    heir_age = np.maximum(np.arange(len(AGES_AT_OPENING)) - heir_age_gap, 0)
    return (
        schedules.withdrawal_tax(years, draws, retired, spread, working_share=at_work),
        replace(certain, tax_usd=certain.tax_usd[:, heir_age]),
    )


def _scaled(schedule: law_schedules.WithdrawalSchedule, scale: float) -> TaxSchedule:
    """A schedule with every rate multiplied; the arrays themselves where that changes nothing."""
    tax = schedule.tax_usd if scale == 1 else schedule.tax_usd * scale
    return TaxSchedule(knots_usd=schedule.knots_usd, tax_usd=tax)


def contribution_taxes(
    settings: Settings,
    assume: Mapping[str, float],
    years: np.ndarray,
    mobility: np.ndarray,
    contributions: Contributions,
) -> ContributionTaxes:
    """Income and payroll tax that the year's contributions avoid or bring."""
    deferral = schedules_in_force(settings).deferral(years, mobility)
    # an employer's dollar of contribution would be paid as this much less wages
    employer = contributions.employer_usd / (1 + assume["employer_payroll_rate"])
    oasdi, hi = employer * contributions.covered_share * deferral.oasdi_rate, employer * deferral.hi_rate
    flat = settings.tax.flat_rate
    if flat is not None:
        deferred, upfront = flat * contributions.traditional_usd, flat * contributions.roth_usd
    else:
        # the multiples count what would be deferred under the law's limits, so that a change takes the margin
        imputed = contributions.imputed_usd
        saved = imputed * deferral.saved_at(contributions.deferral_multiple)
        deferred = saved + contributions.employer_traditional_usd * deferral.employer_rate
        upfront = (
            imputed * deferral.saved_at(contributions.elective_multiple)
            - saved
            + contributions.employer_roth_usd * deferral.employer_rate
        )
    return ContributionTaxes(
        deferred_usd=deferred, payroll_oasdi_usd=oasdi, payroll_hi_usd=hi, roth_upfront_usd=upfront
    )


def marginal_deferral(
    settings: Settings, years: np.ndarray, mobility: np.ndarray, contributions: Contributions, taxes: ContributionTaxes
) -> np.ndarray:
    """Income tax that would not be collected if a year's contributions were raised in proportion, per unit of
    the rise, ``(Y, A, G)`` dollars: elective deferrals at the slope of the schedule, employer contributions, which
    are stacked outermost, at the rate they have."""
    if settings.tax.flat_rate is not None:
        return taxes.deferred_usd
    deferral = schedules_in_force(settings).deferral(years, mobility)
    step = 0.01
    multiple = contributions.deferral_multiple
    slope = (deferral.saved_at(multiple * (1 + step)) - deferral.saved_at(multiple)) / step
    return contributions.imputed_usd * slope + contributions.employer_traditional_usd * deferral.employer_rate


CACHE_VARIABLE = "FISCAL_CACHE"


def cache_dir() -> Path:
    """Folder of what is built once and can be built again: ``FISCAL_CACHE``, else the user's cache folder
    (``~/.cache/fiscal`` on Linux), else, without one that can be written, one in the temporary folder that is this
    user's alone."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    with contextlib.suppress(OSError):  # none that can be written
        folder = user_cache_path("fiscal")
        if folder.is_absolute():  # else a user without a home
            folder.mkdir(parents=True, exist_ok=True)
        if folder.is_absolute() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return _private_folder()


@cache
def _private_folder() -> Path:
    """A folder of the temporary one that no other user can read, write, or have laid out before.

    The same in every run of a user, so that what is built is found again; a new one, deleted at exit, where that name
    is somebody else's.
    """
    if hasattr(os, "getuid"):
        folder = Path(tempfile.gettempdir()) / f"fiscal-{os.getuid()}"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
                return folder
    folder = Path(tempfile.mkdtemp(prefix="fiscal-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def reform_of(settings: Settings) -> Reform | None:
    """What the reform files of a scenario say, its years moved as it says; None under current law.

    Raises InputError for files that are missing or are not reforms.
    """
    if settings.law.reform is None:
        return None
    return read_reform(*reform_files(settings.law.reform)).moved(settings.law.reform_year)


def law_warnings(settings: Settings) -> tuple[str, ...]:
    """Messages about a scenario's reform: parts of its files that are not used, and Tax-Calculator's warnings.

    Tax-Calculator tries the reform (seconds) unless its schedules are built. Raises InputError for files that are
    missing or are not reforms, and in Tax-Calculator's words for a reform that it refuses.
    """
    reform = reform_of(settings)
    if reform is None:
        return ()
    added = (
        f"{over}: applied on top of {name}, which its header names; differences are from current law"
        for name, over in baselines_added(settings.law.reform or "").items()
    )
    return (*added, *said_of(reform, law_schedules.warnings_of(reform, cache_dir(), own_scope(settings))))


def law_sentence(settings: Settings) -> str:
    """What a scenario's reform sets, after its years are moved; empty under current law.

    Raises InputError for files that are missing or are not reforms.
    """
    reform = reform_of(settings)
    return "" if reform is None else changes_of(reform)


def own_scope(settings: Settings) -> str:
    """Whose withdrawals the tax schedules of a scenario leave out of income: the one of ``OWN_SCOPES`` that is closest
    to the plans in its scope."""
    return settings.scope.plans if settings.scope.plans in OWN_SCOPES else ALL_PLANS


def schedules_in_force(settings: Settings, progress: Progress | None = None) -> law_schedules.Schedules:
    """The tax schedules of a scenario: current law's as stored, or those of its reform, built on first use (minutes).

    Raises InputError with Tax-Calculator's own message for a reform that it refuses.
    """
    reform = reform_of(settings)
    scope = own_scope(settings)
    if reform is None:
        return law_schedules.load(scope=scope)
    key = law_schedules.reform_key(reform, scope)
    if key not in _REFORMS:
        _REFORMS[key] = law_schedules.for_reform(reform, cache_dir(), macro(), progress, scope=scope)
    return _REFORMS[key]


def law_in_force(settings: Settings) -> str:
    """Name of the law for a run's record: current law, or the hash of the reform's schedules, which are built if they
    are not yet."""
    if settings.law.reform is None:
        return "current law"
    return f"reform, schedules {schedules_in_force(settings).sha256}"


_REFORMS: dict[str, law_schedules.Schedules] = {}
"""Reform schedules that this process has read, by content key of what makes them."""


def buildup_tax(
    settings: Settings, assume: Mapping[str, float], years: np.ndarray, fraction: np.ndarray, mobility: np.ndarray
) -> BuildupTax:
    """What the law would take of each asset's return outside a plan (shares of gains realized are assumed).

    Bonds and cash pay their return as interest, and so does real estate (a REIT's dividend is ordinary
    income, s.857(b), s.199A aside); equity pays its dividend yield and, on the rest, the realized share;
    private equity the realized share; commodities are marked to the market (s.1256).
    """
    flat = settings.tax.flat_rate
    if flat is not None:
        shape = (len(years), len(AGES_AT_OPENING), len(GROUPS))
        interest = dividend = gain = np.full(shape, flat)
    else:
        interest, dividend, gain = schedules_in_force(settings).outside(years, mobility)
    as_interest = {"bonds": 1.0, "cash": 1.0, "real_estate": 1.0}
    as_gain = {
        "equity": assume["gain_realisation_share"],
        "foreign_equity": assume["gain_realisation_share"],
        "private_equity": assume["gain_realisation_share"],
        "crypto": assume["crypto_realisation_share"],
        "commodities": 1.0,
    }
    payout = np.zeros((len(years), len(ASSETS)))
    payout[:, [EQUITY, FOREIGN]] = assume["equity_dividend_yield"] * fraction[:, None]
    return BuildupTax(
        interest_rate=interest,
        dividend_rate=dividend,
        gain_rate=gain,
        interest_share=np.array([as_interest.get(asset, 0.0) for asset in ASSETS]),
        gain_share=np.array([as_gain.get(asset, 0.0) for asset in ASSETS]),
        payout_rate=payout,
        loss_limit_usd=assume["capital_loss_limit_usd"],
    )
