"""Settings that are valid alone and invalid together."""

from __future__ import annotations

from fiscal.base import sources
from fiscal.base.errors import Problem, nearest
from fiscal.base.opening import HEADLINE
from fiscal.scenario.markets import DETERMINISTIC_PATHS
from fiscal.scenario.schema import Settings


def opening_dates() -> tuple[str, ...]:
    """The dates in the first year with a published 401(k) stock, in the order of the table."""
    stock = sources.table("ici_assets").dropna(subset="k401_bn_usd")["date"].astype(str)
    last = f"{HEADLINE.year}-12-31"  # at the end of the year, no months remain
    return tuple(date for date in stock if HEADLINE.iso[:4] == date[:4] and date != last)


def contradictions(settings: Settings) -> list[Problem]:
    """Values that are valid alone and invalid together."""
    found: list[Problem] = []
    horizon, adoption, withdrawals = settings.horizon, settings.adoption, settings.withdrawals
    dates = opening_dates() if horizon.opening_date != HEADLINE.iso else (HEADLINE.iso,)
    if horizon.opening_date not in dates:
        found.append(
            Problem(
                "no stock is published for the date",
                key="horizon.opening_date",
                value=horizon.opening_date,
                allowed="one of " + ", ".join(dates),
                nearest=nearest(horizon.opening_date, dates),
            )
        )
    if settings.paths.model == "deterministic" and settings.paths.name not in DETERMINISTIC_PATHS:
        found.append(
            Problem(
                "no such path",
                key="paths.name",
                value=settings.paths.name,
                allowed="one of " + ", ".join(DETERMINISTIC_PATHS),
                nearest=nearest(settings.paths.name, DETERMINISTIC_PATHS),
            )
        )
    if settings.paths.model in ("deterministic", "historical_replay") and settings.paths.count != 1:
        found.append(
            Problem(f"{settings.paths.model} has one path", key="paths.count", value=settings.paths.count, allowed="1")
        )
    if settings.paths.measure == "risk_neutral" and settings.paths.model not in ("regime_switching", "bootstrap"):
        found.append(
            Problem(
                f"{settings.paths.model} states returns without a distribution, so it has no risk-neutral measure",
                key="paths.measure",
                value=settings.paths.measure,
                allowed="real, or another model (regime_switching, bootstrap)",
            )
        )
    if settings.paths.draws == "sobol" and settings.paths.model != "regime_switching":
        found.append(
            Problem(
                f"{settings.paths.model} does not use Sobol points",
                key="paths.draws",
                value=settings.paths.draws,
                allowed='"pseudo", or the model regime_switching',
            )
        )
    if settings.paths.model not in ("user", "historical_replay") and settings.paths.file is not None:
        found.append(
            Problem(
                f"{settings.paths.model} does not read a file",
                key="paths.file",
                value=settings.paths.file,
                allowed='"none", or paths.model = "user"',
            )
        )
    if settings.paths.model == "user" and settings.paths.file is None:
        found.append(
            Problem("the model user needs a file", key="paths.file", value=None, allowed="a CSV of annual returns")
        )
    others, overlays = settings.alternatives, settings.overlays
    other_shares = others.private_equity_share + others.real_estate_share + others.commodities_share
    if adoption.allocation_share + other_shares > 1:
        found.append(
            Problem(
                "the shares of crypto, private equity, real estate, and commodities add up to more than the balance",
                key="adoption.allocation_share",
                value=adoption.allocation_share,
                allowed=f"at most {max(1 - other_shares, 0):g} with these alternatives",
            )
        )
    if overlays.price_impact_multiplier > 0 and other_shares > 0:
        found.append(
            Problem(
                "price impact is defined only for a sleeve of crypto alone",
                key="overlays.price_impact_multiplier",
                value=overlays.price_impact_multiplier,
                allowed="0 while other alternatives are held",
            )
        )
    if adoption.full_year <= adoption.start_year:
        found.append(
            Problem(
                f"adoption must be complete after it starts in {adoption.start_year}",
                key="adoption.full_year",
                value=adoption.full_year,
                allowed=f"a year after {adoption.start_year}",
            )
        )
    for key, year in (
        ("adoption.start_year", adoption.start_year),
        ("adoption.full_year", adoption.full_year),
        ("roth.plateau_year", settings.roth.plateau_year),
        ("overlays.reversal_year", overlays.reversal_year or 0),
        ("overlays.custody_loss_year", overlays.custody_loss_year or 0),
        ("roth.full_from_year", settings.roth.full_from_year or 0),
        ("roth.none_from_year", settings.roth.none_from_year or 0),
        ("limits.change_year", settings.limits.change_year),
        ("law.reform_year", settings.law.reform_year or 0),
    ):
        if year > horizon.last_year:
            found.append(
                Problem(
                    f"the year is outside the horizon, which ends in {horizon.last_year}",
                    key=key,
                    value=year,
                    allowed=f"a year up to {horizon.last_year} (horizon.last_year)",
                )
            )
    found += _lever_contradictions(settings)
    if withdrawals.rmd_exact_share + withdrawals.rmd_above_share > 1.0 + 1e-12:
        found.append(
            Problem(
                "the shares of the RMD types add up to more than 1",
                key="withdrawals.rmd_above_share",
                value=withdrawals.rmd_above_share,
                allowed=f"at most 1 less withdrawals.rmd_exact_share ({withdrawals.rmd_exact_share:g})",
            )
        )
    return found


def _lever_contradictions(settings: Settings) -> list[Problem]:
    """Levers that exclude each other."""
    found: list[Problem] = []
    roth, limits, withdrawals = settings.roth, settings.limits, settings.withdrawals
    if roth.full_from_year is not None and roth.none_from_year is not None:
        found.append(
            Problem(
                f"contributions are all Roth from {roth.full_from_year}: they cannot all be traditional as well",
                key="roth.none_from_year",
                value=roth.none_from_year,
                allowed='"none" while roth.full_from_year is set',
            )
        )
    if withdrawals.conversion_last_year < withdrawals.conversion_first_year:
        found.append(
            Problem(
                f"conversions end before they begin in {withdrawals.conversion_first_year}",
                key="withdrawals.conversion_last_year",
                value=withdrawals.conversion_last_year,
                allowed=f"a year from {withdrawals.conversion_first_year}",
            )
        )
    found += _allocation_contradictions(settings) + _mix_contradictions(settings)
    behaviour = settings.behaviour
    if (behaviour.chasing or behaviour.panic_share) and settings.adoption.displaces == "equity":
        found.append(
            Problem(
                "an allocation that responds to returns can only displace the core: an allocation that displaces "
                "equity is fixed",
                key="adoption.displaces",
                value=settings.adoption.displaces,
                allowed='"core" while behaviour.chasing or behaviour.panic_share is set',
            )
        )
    if settings.law.reform is None and settings.law.reform_year is not None:
        found.append(
            Problem(
                "a reform year without a reform",
                key="law.reform_year",
                value=settings.law.reform_year,
                allowed='"none", or law.reform = a file',
            )
        )
    if settings.law.reform is not None and settings.tax.flat_rate is not None:
        found.append(
            Problem(
                "a flat rate replaces every schedule, so a reform would change nothing",
                key="law.reform",
                value=settings.law.reform,
                allowed='"none" while tax.flat_rate is set',
            )
        )
    if (
        limits.additions_limit_usd is not None
        and limits.elective_limit_usd is not None
        and limits.elective_limit_usd > limits.additions_limit_usd
    ):
        found.append(
            Problem(
                "the limit on deferrals is above the limit on all contributions",
                key="limits.elective_limit_usd",
                value=limits.elective_limit_usd,
                allowed=f"at most limits.additions_limit_usd ({limits.additions_limit_usd:g})",
            )
        )
    return found


MIX_TOLERANCE = 1e-6


def _mix_contradictions(settings: Settings) -> list[Problem]:
    """A mix of the core is whole."""
    chosen = settings.paths
    mix = {name: getattr(chosen, name) for name in ("mix_equity_share", "mix_bond_share", "mix_cash_share")}
    missing = [name for name, share in mix.items() if share is None]
    if len(missing) == len(mix):
        return []
    if missing:
        allowed = "a share: the three shares of the mix are set together"
        return [Problem("only part of the asset mix is set", key=f"paths.{missing[0]}", allowed=allowed)]
    total = sum(mix.values())
    if abs(total - 1) <= MIX_TOLERANCE:
        return []
    return [
        Problem(
            f"the asset mix sums to {total:.6g}: " + " + ".join(f"{share:g}" for share in mix.values()),
            key="paths.mix_equity_share, paths.mix_bond_share, paths.mix_cash_share",
            allowed="shares that sum to 1",
        )
    ]


def _allocation_contradictions(settings: Settings) -> list[Problem]:
    """Two kinds of holders: one must hold more than the other, and nobody can hold more than the whole balance."""
    adoption, others = settings.adoption, settings.alternatives
    sleeve = (
        adoption.allocation_share + others.private_equity_share + others.real_estate_share + others.commodities_share
    )
    multiple, share = adoption.allocation_heavy_multiple, adoption.allocation_heavy_share
    found = [
        Problem(
            "this setting tilts a larger allocation that nobody holds",
            key=f"adoption.{name}",
            value=getattr(adoption, name),
            allowed="0, or adoption.allocation_heavy_multiple above 1",
        )
        for name in ("allocation_group_tilt", "allocation_age_tilt")
        if getattr(adoption, name) and multiple == 1
    ]
    largest = sleeve * multiple / (1 + share * (multiple - 1))
    if largest > 1:
        found.append(
            Problem(
                f"the larger allocation would be {largest:.3g} of a balance",
                key="adoption.allocation_heavy_multiple",
                value=multiple,
                allowed="an allocation of at most 1: a smaller multiple, allocation_share or a larger "
                "allocation_heavy_share",
            )
        )
    return found
