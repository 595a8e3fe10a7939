"""Settings that a scenario changes and that change nothing in it, or nothing in some years, because another setting
keeps them from acting or takes their place.

Each rule says what its settings need. It holds only where every revenue line stays the same except for rounding; a
test runs them.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from fiscal.base.axes import ASSETS, FIRST_YEAR
from fiscal.engine.allocation import alternative_shares, answers_to_paths, holds_alternatives, path_settings
from fiscal.markets.paths import user_returns
from fiscal.people.accounts import ALL_PLANS, OTHERS_ASSUMPTIONS
from fiscal.scenario import Scenario, Settings, catalogue

FEWEST_PATHS = 4
"""With fewer risk-neutral paths or paths of the backstop none are drawn."""


class Rule(NamedTuple):
    """Settings by name, or all of a section by its name and a dot, and what they need in order to act, in words.

    Words that name settings are the condition itself, after a colon if other words come first (:func:`_holds`);
    ``acts`` says it where they do not.
    """

    keys: tuple[str, ...]
    needs: str
    acts: Callable[[Settings], bool] | None = None

    def holds(self, settings: Settings) -> bool:
        """Whether the settings of the rule can act."""
        return _holds(self.needs.split(": ")[-1], settings) if self.acts is None else self.acts(settings)


COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "above": operator.gt, "after": operator.gt, "below": operator.lt, "other than": operator.ne,
}  # fmt: skip
CONDITION = re.compile(rf"(\w+)\.(\w+)(?: (not set)| ({'|'.join(COMPARED)}) (\S+))?")


def _holds(words: str, settings: Settings) -> bool:
    """Whether a condition in words holds: ``section.name`` (set), ``not set``, or compared with a value as JSON writes
    it, several joined by ``and`` or by ``or``."""
    for join, every in ((" and ", all), (" or ", any)):
        if join in words:
            return every(_holds(part, settings) for part in words.split(join))
    found = CONDITION.fullmatch(words)
    if found is None:
        raise ValueError(f"not a condition: {words!r}")
    section, name, unset, how, value = found.groups()
    own = getattr(getattr(settings, section), name)
    if how is None:
        return (own is None) == bool(unset)
    return COMPARED[how](own, json.loads(value))


def _draws(settings: Settings) -> bool:
    """Whether any random paths are drawn, if only for values."""
    drawn = settings.paths.model in ("regime_switching", "bootstrap")
    priced = max(settings.books.risk_neutral_paths, settings.backstop.paths) >= FEWEST_PATHS
    return drawn or (priced and holds_alternatives(settings))


def _one_kind_from(settings: Settings) -> int:
    """The first year in which every contribution is Roth or every one traditional; else that after the horizon."""
    mandates = (settings.roth.full_from_year, settings.roth.none_from_year)
    return min(year for year in (*mandates, settings.horizon.last_year + 1) if year is not None)


def _other_shares(settings: Settings) -> float:
    others = settings.alternatives
    return others.private_equity_share + others.real_estate_share + others.commodities_share


def _by_schedules(settings: Settings) -> bool:
    return settings.tax.flat_rate is None


BY_SCHEDULES = "the law's schedules: tax.flat_rate taxes everybody alike"
OF_BOTH_KINDS = (
    "within the horizon and before roth.full_from_year and roth.none_from_year, from which all contributions are of "
    "one kind"
)

RULES = (
    Rule(
        ("adoption.participants_share",),
        "an allocation above 0 to crypto or another alternative",
        lambda s: alternative_shares(s).sum() > 0,
    ),
    Rule(
        (
            "adoption.allocation_share", "adoption.start_year", "adoption.full_year", "adoption.group_tilt",
            "adoption.age_tilt", "adoption.allocation_heavy_multiple", "adoption.allocation_heavy_share",
            "adoption.allocation_group_tilt", "adoption.allocation_age_tilt", "adoption.mode", "adoption.displaces",
            "adoption.rebalancing", "alternatives.", "overlays.", "fees.crypto_rate", "paths.name",
            "paths.outside_event_return", "paths.event_year", "paths.after_event", "paths.gdp_multiple",
            "backstop.", "books.displaced_taxable_share", "behaviour.chasing",
            "behaviour.panic_share", "behaviour.contribution_return_response",
        ),
        "holders: adoption.participants_share and an allocation above 0",
        holds_alternatives,
    ),
    Rule(("paths.name", "paths.event_year"), 'paths.model = "deterministic"'),
    Rule(
        ("paths.after_event", "paths.gdp_multiple"),
        "a path that states its returns: random paths have paths.value_cap_over_gdp",
        lambda s: s.paths.model not in ("regime_switching", "bootstrap"),
    ),
    Rule(("paths.gdp_multiple",), 'paths.after_event = "gdp"'),
    Rule(("paths.event_year",), "a named path with an event", lambda s: s.paths.name != "core_return"),
    Rule(("paths.house", "paths.return_half_life"), 'paths.returns = "forward"'),
    Rule(("paths.replay_start", "paths.replay_year", "paths.replay_scale"), 'paths.model = "historical_replay"'),
    Rule(("paths.block_months",), 'paths.model = "bootstrap"'),
    Rule(
        ("paths.equity_correlation", "paths.tail_share", "paths.tail_variance"),
        "paths of the model regime_switching, which also replaces named paths for values",
        lambda s: s.paths.model != "bootstrap" and _draws(s),
    ),
    Rule(
        (
            "paths.crypto_mean", "paths.crypto_return", "paths.stated_return_years", "paths.excess_half_life",
            "paths.crypto_volatility", "paths.crypto_volatility_mature", "paths.maturing_years",
            "paths.value_cap_over_gdp",
        ),
        "random paths",
        _draws,
    ),
    Rule(
        ("paths.crypto_return", "paths.stated_return_years", "paths.excess_half_life"),
        'paths.crypto_mean = "stated"',
    ),
    Rule(("adoption.group_tilt", "adoption.age_tilt"), "adoption.participants_share below 1"),
    Rule(("adoption.allocation_heavy_share",), "adoption.allocation_heavy_multiple above 1"),
    Rule(("adoption.rebalancing",), 'adoption.mode = "transfer"'),
    Rule(("alternatives.fee_rate",), "an alternative other than crypto", lambda s: _other_shares(s) > 0),
    Rule(("overlays.price_impact_persistence",), "overlays.price_impact_multiplier above 0"),
    Rule(("overlays.reversal_kind",), "overlays.reversal_year or overlays.reversal_trigger_fall"),
    Rule(("overlays.operational_recovery_share",), "overlays.operational_loss_frequency above 0"),
    Rule(("overlays.custody_loss_share",), "overlays.custody_loss_year"),
    Rule(("overlays.custody_loss_year",), "overlays.custody_loss_share above 0"),
    Rule(("behaviour.panic_fall", "behaviour.panic_years"), "behaviour.panic_share above 0"),
    Rule(("contributions.coverage_trend",), "contributions.coverage_2035 not set"),
    Rule(
        (
            "assumptions.coverage_damping", "assumptions.coverage_trend_years", "assumptions.coverage_window_years",
        ),
        "contributions.coverage_trend above 0 and contributions.coverage_2035 not set",
    ),
    Rule(("roth.plateau_year",), "roth.elective_share_step other than 0"),
    Rule(("roth.elective_share_step",), f"roth.plateau_year after {FIRST_YEAR}"),
    Rule(
        ("roth.elective_share_step", "roth.plateau_year"),
        "roth.elective_share not set, or a later roth.elective_first_year",
        lambda s: s.roth.elective_share is None or s.roth.elective_first_year > FIRST_YEAR + 1,
    ),
    Rule(
        ("roth.elective_share_2025",),
        f"roth.elective_share not set, or roth.elective_first_year after {FIRST_YEAR}",
        lambda s: s.roth.elective_share is None or s.roth.elective_first_year > FIRST_YEAR,
    ),
    Rule(("roth.elective_first_year",), "roth.elective_share"),
    Rule(
        ("roth.elective_share",),
        f"roth.elective_first_year {OF_BOTH_KINDS}",
        lambda s: s.roth.elective_first_year < _one_kind_from(s),
    ),
    Rule(("roth.employer_first_year",), "roth.employer_share above 0"),
    Rule(
        ("roth.employer_share",),
        f"roth.employer_first_year {OF_BOTH_KINDS}",
        lambda s: s.roth.employer_first_year < _one_kind_from(s),
    ),
    Rule(
        ("limits.change_year",),
        "a limit or cap in dollars",
        lambda s: any(value is not None for name, value in s.limits if name.endswith("_usd")),
    ),
    Rule(
        ("withdrawals.conversion_first_year", "withdrawals.conversion_last_year"),
        "withdrawals.conversion_rate above 0",
    ),
    Rule(
        ("withdrawals.conversion_rate",),
        "withdrawals.conversion_first_year within the horizon",
        lambda s: s.withdrawals.conversion_first_year <= s.horizon.last_year,
    ),
    Rule(("heirs.age_gap", "people.retired_rank_correlation"), BY_SCHEDULES, _by_schedules),
    Rule(("state.rate", "state.withdrawals_taxed_share"), "state.income_tax = true"),
    Rule(
        tuple(f"assumptions.{key}" for key in sorted(OTHERS_ASSUMPTIONS)), f'scope.plans = "{ALL_PLANS}"'
    ),
    Rule(
        (
            "assumptions.withdrawal_sigma_scale", "assumptions.early_working_share", "assumptions.worker_draw_ratio",
            "assumptions.heirs_per_account",
        ),
        BY_SCHEDULES,
        _by_schedules,
    ),
    Rule(
        ("paths.returns", "paths.house", "paths.return_half_life"),
        "an asset without a return of its own (paths.core_equity_return, core_bond_return, core_cash_return)",
        lambda s: None in (s.paths.core_equity_return, s.paths.core_bond_return, s.paths.core_cash_return),
    ),
    Rule(
        ("assumptions.markets.net_payout_yield",),
        'paths.returns = "forward" and paths.core_equity_return not set',
    ),
    Rule(("assumptions.markets.bond_spread",), 'paths.returns = "forward" and paths.core_bond_return not set'),
    Rule(
        ("paths.foreign_equity_share", "paths.core_foreign_equity_return"),
        "stocks in the core: paths.mix_equity_share above 0",
        lambda s: s.paths.mix_equity_share != 0,
    ),
    Rule(
        ("paths.core_foreign_equity_return",),
        "paths.foreign_equity_share above 0",
        lambda s: s.paths.foreign_equity_share != 0,
    ),
    Rule(
        ("paths.core_bond_return", "assumptions.markets.bond_spread"),
        "bonds in the core: paths.mix_bond_share above 0",
        lambda s: s.paths.mix_bond_share != 0,
    ),
    Rule(
        ("assumptions.markets.private_equity_premium_over_equity",),
        "alternatives.private_equity_share above 0",
    ),
    Rule(("assumptions.markets.real_estate_premium_over_equity",), "alternatives.real_estate_share above 0"),
    Rule(("assumptions.markets.commodities_premium_over_cash",), "alternatives.commodities_share above 0"),
    Rule(
        (
            "assumptions.hardship_rate", "assumptions.penalised_share", "withdrawals.additional_tax_rate",
            "withdrawals.leakage_balance_elasticity",
        ),
        "withdrawals.leakage_scale above 0",
    ),
    Rule(
        ("assumptions.within_five_years_share", "roth.opening_basis_share"),
        "roth.tax_nonqualified_earnings = true",
    ),
    Rule(("assumptions.catch_up_above_threshold_share",), "roth.catch_up_mandate = true"),
    Rule(
        ("assumptions.additions_sigma",),
        "limits.additions_limit_usd, or limits.indexed = false",
        lambda s: s.limits.additions_limit_usd is not None or not s.limits.indexed,
    ),
    Rule(
        (
            "assumptions.spouse_share_under_65", "assumptions.spouse_share_65_74", "assumptions.spouse_share_75_84",
            "assumptions.spouse_share_85_plus",
        ),
        "heirs.spouse_share_scale above 0",
    ),
    Rule(("assumptions.rollover_stock_share",), "scope.rollover_stock = true"),
    Rule(
        ("alternatives.smoothing",),
        "private equity or real estate, which are appraised",
        lambda s: s.alternatives.private_equity_share + s.alternatives.real_estate_share > 0,
    ),
    Rule(
        (
            "fees.crypto_rate", "paths.name", "paths.event_year", "paths.after_event", "paths.gdp_multiple",
            "paths.outside_event_return", "overlays.custody_loss_year", "overlays.custody_loss_share",
            "overlays.operational_loss_frequency", "overlays.operational_recovery_share",
        ),
        "crypto among the alternatives: adoption.allocation_share above 0",
        lambda s: s.adoption.allocation_share > 0 or answers_to_paths(s),
    ),
    Rule(("paths.allow_extreme",), 'paths.model = "user"'),
)  # fmt: skip


REPLACED = (
    (
        ("roth.elective_", "roth.plateau_year", "roth.employer_", "roth.group_tilt", "roth.catch_up_mandate"),
        ("roth.full_from_year", "roth.none_from_year"),
    ),
    (("adoption.full_year",), ("overlays.reversal_year",)),
)
"""Settings, by name or by its beginning, and those that take their place from the year on that they state."""

OF_COLUMN = {
    "crypto": "paths.outside_event_return",
    "equity": "paths.core_equity_return",
    "foreign_equity": "paths.core_foreign_equity_return",
    "bonds": "paths.core_bond_return",
    "cash": "paths.core_cash_return",
}
"""Column of a user's file -> the setting whose place it takes in the years of the file."""


def idle_settings(scenario: Scenario) -> dict[str, str]:
    """The settings that the scenario changes without effect -> what they need to have one."""
    found: dict[str, str] = {}
    changed = scenario.changed()
    for rule in RULES:
        own = [
            key for key in changed if key not in found and (key in rule.keys or f"{key.split('.')[0]}." in rule.keys)
        ]
        if own and not rule.holds(scenario.settings):
            found |= dict.fromkeys(own, rule.needs)
    return found


def replaced_settings(scenario: Scenario) -> dict[str, str]:
    """The settings that the scenario changes and that act in some years only, since another one or a file takes their
    place in the others -> in which years, and what takes their place."""
    idle, found = idle_settings(scenario), {}
    changed = {key: value for key, value in scenario.changed().items() if key not in idle}
    for beginnings, others in REPLACED:
        for key in (key for key in changed if key.startswith(beginnings)):
            for by in others:
                year = changed.get(by)
                if year is None:
                    continue
                ends = key == "adoption.full_year" and changed[key] < year  # reached before it is replaced
                if not ends:
                    found[key] = f"before {year} only: from then on {by} takes its place"
    settings = scenario.settings
    if settings.paths.model == "user":
        rates = user_returns(path_settings(settings)).rates
        last = FIRST_YEAR + rates.shape[1]
        for column, key in OF_COLUMN.items():
            if key in changed and rates.size and not np.isnan(rates[..., ASSETS.index(column)]).any():
                found[key] = f"after {last} only: until then the returns are those of the file in paths.file"
    return found


def notices(scenario: Scenario) -> tuple[str, ...]:
    """Every setting that the user's scenario changes without effect, or with an effect in some years only, in a
    sentence; not what a packaged scenario sets, such as the named path under a file of returns."""
    told = {key: f"has no effect here: it needs {needs}" for key, needs in idle_settings(scenario).items()}
    told |= {key: f"acts {when}" for key, when in replaced_settings(scenario).items()}
    packaged = {f"{name}.toml" for name in catalogue()}
    return tuple(f"{key} {text}" for key, text in told.items() if scenario.origins.get(key) not in packaged)
