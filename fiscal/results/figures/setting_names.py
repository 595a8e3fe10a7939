"""Settings and assumptions in plain words, short enough for the label of a bar.

A key is what one types into a scenario file; a reader of a figure or a sentence meets the name. A test holds the
names against the declared settings and the rows of data/assumptions.csv.
"""

from __future__ import annotations

from pathlib import PurePath

from fiscal.base.words import listing, signed_percent

ASSUMPTIONS = "assumptions."
"""Section of a scenario file whose entries replace rows of the assumptions table."""

SETTING_NAMES = {
    "horizon.last_year": "last year projected",
    "paths.model": "path model",
    "paths.name": "crypto's path",
    "paths.outside_event_return": "crypto return outside the event",
    "paths.core_equity_return": "long-run equity return",
    "paths.core_bond_return": "long-run bond return",
    "paths.core_cash_return": "long-run cash return",
    "paths.crypto_return": "long-run crypto return",
    "paths.stated_return_years": "years the crypto return holds",
    "paths.excess_half_life": "half-life of crypto's excess return",
    "paths.crypto_volatility": "crypto volatility at the start",
    "paths.crypto_volatility_mature": "crypto volatility once mature",
    "paths.maturing_years": "years until crypto matures",
    "paths.equity_correlation": "crypto's correlation with equity",
    "paths.tail_share": "share of turbulent months",
    "paths.tail_variance": "variance of turbulent months",
    "paths.block_months": "block length of the bootstrap",
    "paths.draws": "kind of random numbers",
    "paths.value_cap_over_gdp": "cap on crypto's value over GDP",
    "paths.measure": "real or risk-neutral paths",
    "paths.replay_start": "first month replayed",
    "paths.replay_year": "year the replay starts",
    "paths.replay_scale": "size of replayed returns",
    "paths.file": "file of returns",
    "paths.allow_extreme": "extreme returns allowed",
    "paths.seed": "seed of the draws",
    "paths.count": "number of paths",
    "adoption.participants_share": "participants who hold crypto",
    "adoption.allocation_share": "crypto share of their balance",
    "adoption.start_year": "year adoption starts",
    "adoption.full_year": "year adoption is complete",
    "adoption.group_tilt": "tilt of holders over earnings groups",
    "adoption.age_tilt": "tilt of holders over birth years",
    "adoption.allocation_heavy_multiple": "heavy over light allocation",
    "adoption.allocation_heavy_share": "holders with a heavy allocation",
    "adoption.allocation_group_tilt": "tilt of heavy holders over groups",
    "adoption.allocation_age_tilt": "tilt of heavy holders over births",
    "adoption.mode": "old balances or new money only",
    "adoption.displaces": "what crypto takes the place of",
    "adoption.rebalancing": "yearly rebalancing",
    "alternatives.private_equity_share": "share of private equity",
    "alternatives.real_estate_share": "share of real estate",
    "alternatives.commodities_share": "share of commodities",
    "alternatives.fee_rate": "fee on other alternatives",
    "alternatives.smoothing": "smoothing of appraised values",
    "alternatives.sale_share": "share of a sale that finds a buyer",
    "overlays.price_impact_multiplier": "price impact of plans' purchases",
    "overlays.price_impact_persistence": "price impact left after a year",
    "overlays.reversal_trigger_fall": "fall that turns policy",
    "overlays.reversal_year": "year policy turns",
    "overlays.reversal_kind": "what happens when policy turns",
    "overlays.operational_loss_frequency": "frequency of custodial losses",
    "overlays.operational_recovery_share": "custodial losses recovered",
    "overlays.custody_loss_year": "year a custodian fails",
    "overlays.custody_loss_share": "crypto lost when a custodian fails",
    "fees.core_rate": "fee on the core",
    "fees.crypto_rate": "fee on crypto",
    "roth.elective_share_2025": "Roth share of deferrals in 2025",
    "roth.elective_share_step": "yearly rise of the Roth share",
    "roth.plateau_year": "year the Roth share stops rising",
    "roth.employer_share": "Roth share of employer money",
    "roth.employer_first_year": "first year of Roth employer money",
    "roth.group_tilt": "tilt of Roth over earnings groups",
    "roth.full_from_year": "year from which all is Roth",
    "roth.none_from_year": "year from which nothing is Roth",
    "roth.opening_stock_share": "Roth share of the opening stock",
    "roth.opening_basis_share": "basis in the opening Roth stock",
    "roth.catch_up_mandate": "Roth mandate for catch-up",
    "roth.tax_nonqualified_earnings": "tax on non-qualified Roth earnings",
    "limits.indexed": "indexing of limits",
    "limits.change_year": "year limits change",
    "limits.elective_limit_usd": "limit on elective deferrals",
    "limits.catch_up_limit_usd": "limit on catch-up contributions",
    "limits.additions_limit_usd": "limit on all additions",
    "limits.balance_cap_usd": "cap on balances",
    "withdrawals.leakage_scale": "cash-outs before retirement",
    "withdrawals.draw_scale": "voluntary draws in retirement",
    "withdrawals.rollover_scale": "rollovers to IRAs",
    "withdrawals.roth_draw_ratio": "Roth draws over traditional ones",
    "withdrawals.still_working_exception": "still-working exception",
    "withdrawals.rmd_exact_share": "owners who take the exact minimum",
    "withdrawals.rmd_above_share": "owners who take more than the minimum",
    "withdrawals.conversion_rate": "Roth conversions",
    "withdrawals.conversion_first_year": "first year of Roth conversions",
    "withdrawals.conversion_last_year": "last year of Roth conversions",
    "withdrawals.rmd_age_shift": "shift of the required age",
    "withdrawals.retirement_age_shift": "shift of retirement",
    "withdrawals.additional_tax_rate": "additional tax rate",
    "heirs.years": "years to empty an inherited account",
    "heirs.age_gap": "age gap of heirs",
    "heirs.spouse_share_scale": "share that passes to a spouse",
    "people.scale": "scale of the population",
    "people.mortality_ratio": "mortality of bottom over top group",
    "people.rank_correlation": "persistence of wage ranks",
    "people.retired_rank_correlation": "wage rank and rank in retirement",
    "contributions.elective_scale": "elective deferrals",
    "contributions.employer_scale": "employer contributions",
    "tax.withdrawal_scale": "tax rates on withdrawals",
    "tax.flat_rate": "one flat tax rate",
    "scope.plans": "plans covered",
    "scope.rollover_stock": "existing rollover IRAs included",
    "books.withdrawal_fiscal_same_year_share": "withdrawal tax booked in the same year",
    "books.deferral_fiscal_same_year_share": "deferral booked in the same year",
    "books.discount_rates": "fixed discount rates",
    "books.convention_rates": "rates of the convention",
    "books.displaced_taxable_share": "crypto held outside otherwise",
    "books.risk_neutral_paths": "number of risk-neutral paths",
    "books.price_year": "year of real dollars",
    "backstop.trigger_share": "fall that sets off the backstop",
    "backstop.made_up_share": "share the backstop makes up",
    "backstop.retirement_age": "age covered by the backstop",
    "backstop.years_before": "years covered before that age",
    "backstop.paths": "paths of the backstop",
    "behaviour.contribution_price_elasticity": "answer of deferrals to their price",
    "behaviour.contribution_return_response": "answer of contributions to returns",
    "behaviour.chasing": "chasing of past returns",
    "behaviour.panic_fall": "fall that sets off selling",
    "behaviour.panic_share": "share sold in a panic",
    "behaviour.panic_years": "years a panic lasts",
    "law.reform": "tax reform",
    "law.reform_year": "first year of the tax reform",
    "state.income_tax": "state income tax",
    "state.rate": "state income tax rate",
    "state.withdrawals_taxed_share": "withdrawals that states tax",
    "macro.wage_growth_adjust": "added wage growth",
    # rows of data/assumptions.csv
    "account_holders_mn": "number of account holders",
    "additions_sigma": "spread of contributions",
    "crypto_realisation_share": "crypto gains realised each year",
    "early_working_share": "early withdrawals by people at work",
    "employer_payroll_rate": "employer payroll tax rate",
    "equity_dividend_yield": "dividend yield",
    "gain_realisation_share": "equity gains realised each year",
    "growth_of_history_rate": "past return behind opening balances",
    "hardship_rate": "hardship withdrawals",
    "heirs_per_account": "heirs of an account",
    "law.account_holder_share_cap": "highest chance of holding an account",
    "law.catch_up_first_age": "first age of catch-up",
    "law.catch_up_high_first_age": "first age of the higher catch-up",
    "law.catch_up_high_last_age": "last age of the higher catch-up",
    "law.finite_difference_usd": "step of marginal rates",
    "law.gen_x_first_birth_year": "first birth year of Generation X",
    "law.gen_z_first_birth_year": "first birth year of Generation Z",
    "law.income_distribution_holder_share": "holders among those with IRA income",
    "law.limit_401a17_base_quarter_year": "base period of the compensation limit",
    "law.limit_401a17_base_usd": "base of the compensation limit",
    "law.limit_401a17_step_usd": "rounding of the compensation limit",
    "law.limit_402g_base_quarter_year": "base period of the deferral limit",
    "law.limit_402g_base_usd": "base of the deferral limit",
    "law.limit_402g_step_usd": "rounding of the deferral limit",
    "law.limit_415c_base_quarter_year": "base period of the additions limit",
    "law.limit_415c_base_usd": "base of the additions limit",
    "law.limit_415c_step_usd": "rounding of the additions limit",
    "law.limit_catch_up_60_63_base_quarter_year": "base period of the limit at 60–63",
    "law.limit_catch_up_60_63_base_usd": "base of the catch-up limit at 60–63",
    "law.limit_catch_up_60_63_step_usd": "rounding of the catch-up limit at 60–63",
    "law.limit_catch_up_base_quarter_year": "base period of the catch-up limit",
    "law.limit_catch_up_base_usd": "base of the catch-up limit",
    "law.limit_catch_up_step_usd": "rounding of the catch-up limit",
    "law.limit_roth_catch_up_wage_base_quarter_year": "base period of the Roth catch-up wage",
    "law.limit_roth_catch_up_wage_base_usd": "base of the Roth catch-up wage",
    "law.limit_roth_catch_up_wage_step_usd": "rounding of the Roth catch-up wage",
    "law.millennials_first_birth_year": "first birth year of Millennials",
    "law.pension_donor_first_age": "first age of pension donors",
    "law.rmd_72_first_birth_year": "first birth year of required age 72",
    "law.rmd_73_first_birth_year": "first birth year of required age 73",
    "law.rmd_75_first_birth_year": "first birth year of required age 75",
    "low_type_rmd_share": "minimum taken by who takes less",
    "macro.chained_cpi_gap": "chained CPI below CPI-U",
    "macro.one_year_rate_shift": "shift of the bill rate",
    "macro.one_year_rate_shift_full_year": "year of the full bill-rate shift",
    "macro.treasury_10y_shift": "shift of the ten-year rate",
    "markets.commodities_premium_over_cash": "commodities over cash",
    "markets.private_equity_premium_over_equity": "private equity over equity",
    "markets.real_estate_premium_over_equity": "real estate over equity",
    "penalised_share": "early withdrawals penalised",
    "plan_asset_share_70_plus": "plan assets held at 70 and over",
    "population.gap_births_full_year": "year of the full shortfall of births",
    "population.gap_births_share": "population shortfall from births",
    "population.gradient_full_until_age": "age of the full mortality gradient",
    "population.gradient_none_from_age": "age of no mortality gradient",
    "population.pandemic_fade_year": "year pandemic deaths have faded",
    "rollover_stock_share": "rollovers in the IRA stock",
    "separation_rate_18_24": "job separations at 18–24",
    "separation_rate_25_34": "job separations at 25–34",
    "separation_rate_35_44": "job separations at 35–44",
    "separation_rate_45_54": "job separations at 45–54",
    "separation_rate_55_59": "job separations at 55–59",
    "separation_rate_60_64": "job separations at 60–64",
    "separation_rate_65_plus": "job separations at 65 and over",
    "spouse_share_65_74": "passing to a spouse at 65–74",
    "spouse_share_75_84": "passing to a spouse at 75–84",
    "spouse_share_85_plus": "passing to a spouse at 85 and over",
    "spouse_share_under_65": "passing to a spouse under 65",
    "validation.additional_tax_scope_share": "additional tax from 401(k) plans",
    "validation.own_withdrawals_tolerance": "tolerance of own withdrawals",
    "wage_history_rate": "past wage growth",
    "withdrawal_sigma_scale": "spread of withdrawals",
    "within_five_years_share": "Roth withdrawals within five years",
    "worker_draw_ratio": "draws of workers over the retired",
}


def setting_name(key: str) -> str:
    """A setting in words, from the key that a scenario file or the assumptions table has."""
    plain = key.removeprefix(ASSUMPTIONS)
    return SETTING_NAMES.get(plain, plain.rpartition(".")[2].replace("_", " "))


FRACTIONS = ("share", "rate")
"""First words of the units whose numbers are fractions, said in percent; not those "per unit" of something else."""


def setting_value(value: object, unit: str) -> str:
    """A setting's value in words, from its declared unit: "10 percent", "$9,000", "none", "on", "forced sale"."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple | list):
        return listing([setting_value(one, unit) for one in value]) or "none"
    if isinstance(value, str):
        return PurePath(value).name if unit.startswith("path of") else value.replace("_", " ")
    if not isinstance(value, int | float):
        return str(value)
    if unit.split(" ")[0].rstrip("s") in FRACTIONS and " per unit " not in unit:
        return signed_percent(float(value)) if value else "0 percent"
    if unit.startswith("dollars") and " per " not in unit:
        return f"${value:,.0f}"
    if unit == "years":
        return f"{value:g} {'year' if value == 1 else 'years'}"
    return f"{value:g}" if isinstance(value, float) else str(value)
