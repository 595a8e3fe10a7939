"""Registers the built tables in the data package: what they hold and what they were built from."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from fiscal.base import sources

_SOURCE = (
    "Tax-Calculator (Policy Simulation Library, https://github.com/PSLmodels/Tax-Calculator) "
    "run by this project's fiscal.law.build.schedules on adjusted microdata"
)
_LICENCE = "Computed by this project; Tax-Calculator and its CPS-based sample are in the public domain (CC0)"
_TITLES = {
    "contribution_profile": "Contributions to 401(k) plans in 2025 by age and wage group, per person",
    "deferral_schedule": "Income and payroll tax saved by deferrals, by law year, age and wage group",
    "withdrawal_curve": "Mean income tax added by a withdrawal, by law year, working status, age and income group",
    "outside_rates": "Marginal income tax rates on interest, dividends and gains outside plans",
    "microdata_check": "The tax microdata compared with published figures, before and after adjustment",
    "law_parameters": "Parameters of law by year taken from Tax-Calculator",
}
_KEYS = {
    "contribution_profile": ("age_band", "wage_group"),
    "deferral_schedule": ("law_year", "age_band", "wage_group", "multiple"),
    "withdrawal_curve": ("law_year", "scope", "status", "age_band", "income_group", "x_usd"),
    "outside_rates": ("law_year", "scope", "age_band", "income_group"),
    "microdata_check": ("statistic", "class_from"),
    "law_parameters": ("law_year",),
}
_DESCRIPTIONS = {
    "persons": ("people", "heads and spouses in the cell, raked to the population"),
    "gross_wage_usd": ("dollars of 2025", "own wage before pre-tax deferrals, mean over all persons"),
    "deferrer_share": ("fraction of persons", "share with an elective deferral"),
    "elective_deferral_usd": (
        "dollars of 2025",
        "elective deferral including catch-up, traditional and Roth",
    ),
    "catch_up_usd": ("dollars of 2025", "part of the elective deferral above the 402(g) limit"),
    "employer_usd": ("dollars of the year", "employer contribution per person"),
    "latent_above_limit_usd": (
        "dollars of 2025",
        "wish beyond the own limit, from the fitted lognormal tail",
    ),
    "catch_up_mandate_share": ("fraction", "share of catch-up dollars of people above the section 603 wage"),
    "at_limit_share": ("fraction of deferrers", "deferrers at their own limit, catch-up included"),
    "scope": (
        "name",
        "whose own withdrawals the income leaves out: 401k, or all_dc for both scopes of all plans",
    ),
    "law_year": ("year", "year of law; nodes after 2036 keep the law of 2036"),
    "age_band": ("ages", "band of ages attained in the year, both ends included"),
    "wage_group": ("group", "1-12: rank of own wage in the age band, GROUP_SHARES"),
    "income_group": ("group", "1-12: rank of own income in the age band and status, GROUP_SHARES"),
    "status": ("name", "working (own wages in the year) or not_working"),
    "holder_share": (
        "fraction of holders",
        "the status's part of the account holders of its law year, age band and income group",
    ),
    "multiple": ("ratio", "multiple of the imputed elective deferral"),
    "deferral_usd": ("dollars of the year", "traditional deferral per person at the multiple"),
    "tax_saved_usd": (
        "dollars of the year",
        "individual income tax, refundable credits included, saved per person",
    ),
    "employer_tax_saved_usd": (
        "dollars of the year",
        "income tax saved by the employer contribution, outermost",
    ),
    "oasdi_rate": (
        "fraction",
        "OASDI tax, both sides, on a dollar of employer contribution, before / 1.0765",
    ),
    "hi_rate": ("fraction", "HI tax, both sides, on a dollar of employer contribution, before / 1.0765"),
    "x_usd": ("dollars of the year", "withdrawal of one person: 2025 grid times average-wage growth"),
    "mean_added_tax_usd": (
        "dollars of the year",
        "mean of tax(b + x) - tax(b) over account holders; thin cells are pooled with younger bands",
    ),
    "interest_rate": ("fraction", "marginal rate on taxable interest"),
    "qualified_dividend_rate": ("fraction", "marginal rate on qualified dividends"),
    "long_gain_rate": ("fraction", "marginal rate on long-term capital gains"),
    "social_security_taxable_maximum_usd": ("dollars of the year", "OASDI contribution and benefit base"),
    "statistic": ("name", "what is compared"),
    "class_from": ("see unit", "lower bound of the class, blank if open"),
    "class_to": ("see unit", "upper bound of the class, blank if open"),
    "published": ("see unit", "published figure, blank where none is in data/"),
    "file_before": ("see unit", "the file as it comes"),
    "file_after": ("see unit", "the adjusted file"),
    "unit": ("name", "unit of the row"),
}
_OPTIONAL = ("class_from", "class_to", "published", "file_before", "file_after")


def store_tables(tables: Mapping[str, pd.DataFrame], *, inputs: Mapping[str, str], command: str) -> None:
    """Write every built table to the data folder, with its entry: fields, key, library version, input hashes."""
    import taxcalc

    built_from = {"taxcalc_version": taxcalc.__version__, "input_sha256": dict(inputs), "command": command}
    for name, table in tables.items():
        sources.store(
            name,
            table,
            title=_TITLES[name],
            unit="see the columns",
            source=_SOURCE,
            fields=[_field(column, table) for column in table.columns],
            note=f"Built by `{command}`; do not edit. Tax-Calculator {taxcalc.__version__}.",
            licence=_LICENCE,
            primary_key=_KEYS[name] if name != "microdata_check" else None,
            extra={"built_from": built_from},
        )


def _field(column: str, table: pd.DataFrame) -> sources.Field:
    kind = table[column].dtype.kind
    by_kind = {"f": "number", "i": "integer"}
    type_name = "year" if column == "law_year" else by_kind.get(kind, "string")
    above = column.removeprefix("above_").removesuffix("_usd")
    unit, description = _DESCRIPTIONS.get(
        column, ("dollars of 2025", f"deferral dollars per person above {above} percent of the own limit")
    )
    return sources.Field(
        name=column,
        type=type_name,
        unit=unit,
        description=description,
        required=column not in _OPTIONAL,
        minimum=0.0 if column in ("persons", "x_usd", "multiple", "elective_deferral_usd") else None,
    )
