"""Sentences that describe the figures, made from the same tables.

Each takes what the figure of its name takes (:data:`fiscal.results.figures.FIGURES`). It says what is drawn and gives
the values that a reader would see: ends, extremes, and their years.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

import fiscal.results.figures.statistics as measures
from fiscal.base.errors import InputError
from fiscal.base.words import FACTOR_NAMES, MINUS, PATH_NAMES, listing, significant, window_name
from fiscal.people import accounts
from fiscal.results.figures import market_statistics, study_statistics
from fiscal.results.figures.drawings import (
    CLAIM_TEXTS,
    CONTRIBUTION_NAMES,
    GROUP_LINES,
    basis_name,
    reference_name,
    span_name,
    span_unit,
    unit_of,
)
from fiscal.results.figures.owners import Owner, ShownTables, SweptTables, title_of
from fiscal.results.quantities import QUANTITY_WORDS
from fiscal.results.rows import CURVE_GROUPS
from fiscal.scenario.names import setting_name


def signed(value: float, digits: int = 3) -> str:
    """Three significant digits with a true minus sign."""
    text = significant(value, digits)
    return MINUS + text if value < 0 and text != "0" else text


def _ends(series: pd.Series, scale: float = 1.0) -> str:
    first, last = series.index[0], series.index[-1]
    return f"from {signed(scale * series.iloc[0])} in {first} to {signed(scale * series.iloc[-1])} in {last}"


def contributions(owner: Owner, *, value: str = "real_bn_usd", scenario: str | None = None) -> str:
    """Contributions by payer and character, at both ends."""
    result = measures.result_named(owner, scenario)
    frame = measures.contributions(result, value).set_index("year")
    parts = [f"{CONTRIBUTION_NAMES[name]} {_ends(frame[name])}" for name in CONTRIBUTION_NAMES if name in frame]
    return f"Stacked areas of contributions by year, {title_of(result)}, in {unit_of(owner, value)}: {listing(parts)}."


def cash_flow(owner: Owner, *, value: str = "gdp_share") -> str:
    """Revenue forgone and collected, at both ends."""
    result = owner.runs[0]
    frame = measures.cash_flow(result, value).set_index("year")
    scale = 100.0 if value == "gdp_share" else 1.0
    names = {
        "forgone": "deferred revenue and payroll tax forgone",
        "withdrawal_tax": "withdrawal tax",
        "net_revenue": "net revenue",
    }
    parts = [f"{text} {_ends(frame[name], scale)}" for name, text in names.items()]
    return f"Areas by fiscal year, {title_of(result)}, in {unit_of(owner, value)}: {listing(parts)}."


def difference(
    owner: Owner, *, reference: str = "equity_adoption", line: str = "withdrawal_tax", value: str = "real_bn_usd"
) -> str:
    """The largest difference of each scenario, and the last one."""
    frame = measures.differences(owner, reference, line, value)
    scale = 100.0 if value == "gdp_share" else 1.0
    parts = []
    for name, part in frame.groupby("scenario", sort=False):
        series = scale * part.set_index("year")["difference"]
        at = series.abs().idxmax()
        parts.append(
            f"{name} is largest in {at} at {signed(series[at])} and ends at {signed(series.iloc[-1])} "
            f"in {series.index[-1]}"
        )
    what = line.replace("_", " ")
    against = reference_name(owner, reference)
    return f"Lines of {what} less that of {against}, in {unit_of(owner, value)}: {listing(parts)}."


def balances(owner: Owner, *, by: str = "wrapper") -> str:
    """Balances as a share of GDP, at both ends."""
    result = owner.runs[0]
    frame = measures.balances(result, by=by).set_index("year")
    parts = [f"{accounts.LABELS.get(name, name)} {_ends(frame[name], 100)}" for name in frame]
    return f"Stacked areas of year-end balances in percent of GDP, {title_of(result)}: {listing(parts)}."


def crypto_share(owner: Owner) -> str:
    """The highest and the last share of each scenario."""
    parts = []
    for result in owner.runs:
        if measures.references_of(result):
            share = 100 * measures.crypto_share(result)
            top = share.idxmax()
            parts.append(
                f"{result.name} is highest in {top} at {signed(share[top])} and ends at "
                f"{signed(share.iloc[-1])} in {share.index[-1]}"
            )
    return f"Lines of crypto's share of year-end balances in percent: {listing(parts)}."


def who_pays(owner: Owner, *, dimension: str = "earnings_group", window: str | None = None) -> str:
    """The groups with the most revenue forgone and the most tax."""
    result = owner.runs[0]
    label = window or measures.windows_of(result)[-1]
    frame = measures.distribution(result, dimension, label).set_index("member")
    top, low = frame["withdrawal_tax"].idxmax(), frame["forgone"].idxmin()
    kind = dimension.replace("_", " ")
    return (
        f"Bars by {kind}, {title_of(result)}, {window_name(label)}, in {unit_of(owner, 'real_bn_usd')}: "
        f"withdrawal "
        f"tax is largest for {top} at {signed(frame.loc[top, 'withdrawal_tax'])}, revenue forgone is largest for {low} "
        "at "
        f"{signed(frame.loc[low, 'forgone'])}; net revenue of {top} is "
        f"{signed(frame.loc[top, 'net_revenue'])}."
    )


def who_gains(
    owner: Owner,
    *,
    dimension: str = "earnings_group",
    window: str | None = None,
    reference: str = "equity_adoption",
    line: str = "withdrawal_tax",
) -> str:
    """The group for which each scenario differs most."""
    label = window or measures.windows_of(owner.runs[0])[-1]
    frame = measures.distribution_difference(owner, dimension, label, reference, line)
    parts = []
    for name, part in frame.groupby("scenario", sort=False):
        row = part.loc[part["difference"].abs().idxmax()]
        parts.append(
            f"{name} is largest for {row['member']} at {signed(row['difference'])}, "
            f"{significant(100 * row['share'], 2)} percent of the total"
        )
    return (
        f"Bars of {GROUP_LINES[line].lower()} less that of {reference_name(owner, reference)} by "
        f"{dimension.replace('_', ' ')}, "
        f"{window_name(label)}, in {unit_of(owner, 'real_bn_usd')}: {listing(parts)}."
    )


def extra_dollar_rate(owner: Owner, *, reference: str = "equity_adoption") -> str:
    """Tax on the marginal dollar and on the average dollar, at both ends."""
    parts = []
    average = ""
    for result in measures.with_crypto(owner.runs):
        frame = measures.extra_dollar(result, reference).set_index("year")
        average = f"the average rate {_ends(frame['average_rate'], 100)}"
        rate = frame["extra_rate"].dropna()
        if len(rate):
            parts.append(f"the rate on additional dollars of {result.name} {_ends(rate, 100)}")
    return f"Lines of tax in percent of withdrawals: {listing([*parts, average])}."


def present_values(owner: Owner) -> str:
    """Every basis with its amounts."""
    result = owner.runs[0]
    parts = [
        f"{basis_name(row.basis, row.rate)}: forgone {signed(row.forgone / 1e3)}, withdrawal tax "
        f"{signed(row.withdrawal_tax / 1e3)}, net including the terminal claim "
        f"{signed(row.total / 1e3)}"
        for row in measures.present_values(result).itertuples()
    ]
    return f"Bars of present values by basis, {title_of(result)}, in trillions of dollars. {'; '.join(parts)}."


def crypto_value(owner: Owner) -> str:
    """The last and the lowest value of each dollar."""
    frame = market_statistics.crypto_values(owner)
    parts = []
    for name, part in frame.groupby("series", sort=False):
        series = part.set_index("year")["value"]
        who = "equity" if name == "equity" else f"crypto in {name}"
        parts.append(f"{who} {signed(series.iloc[-1])} in {series.index[-1]}, with a low of {signed(series.min())}")
    return f"Lines of the value of $1 invested at the opening, log scale, in dollars: {'; '.join(parts)}."


def sensitivity(owner: Owner, *, count: int = 15) -> str:
    """The assumptions with the largest effects."""
    frame = study_statistics.sensitivity()
    if frame is None:
        raise InputError("not built yet", key=study_statistics.SENSITIVITY, allowed="fiscal data derive sensitivity")
    parts = [
        f"{setting_name(row.key)} {signed(row.net_low / 1e3)} at its low value and {signed(row.net_high / 1e3)} at its "
        f"high one"
        for row in frame.head(min(count, 5)).itertuples()
    ]
    return (
        f"Bars of the change in the baseline's net revenue in trillions of dollars for the {min(count, len(frame))} "
        f"assumptions with the largest effects; the largest: {'; '.join(parts)}."
    )


def tornado(
    owner: Owner | SweptTables, *, quantity: str | None = None, window: str | None = None, count: int = 15
) -> str:
    """The settings with the largest effects."""
    frame = study_statistics.tornado(owner, quantity, window)
    if frame is None:
        raise InputError("not built yet", key="drivers", allowed="fiscal data derive drivers")
    span = str(frame["window"].iloc[0])
    parts = [
        f"{setting_name(row.setting)} {signed(row.low_change)} at {row.low} and {signed(row.high_change)} at {row.high}"
        for row in frame.head(min(count, 5)).itertuples()
    ]
    return (
        f"Bars of the change of {QUANTITY_WORDS[str(frame['quantity'].iloc[0])]}, {span_name(span)}, in "
        f"{span_unit(span)}, when one of {min(count, len(frame))} settings moves to the low or high end of its range "
        f"and the others stay; the largest: {'; '.join(parts)}."
    )


def _fan_words(frame: pd.DataFrame, unit: str) -> str:
    last = frame.iloc[-1]
    q05, median, mean, q95 = (signed(last[f"{name}_{unit}"]) for name in ("q05", "median", "mean", "q95"))
    return (
        f"in {int(last['year'])} the median is {median}, the mean {mean}, and 90 percent of paths are between {q05} "
        f"and {q95}"
    )


def path_fan(
    owner: Owner, *, scenario: str | None = None, line: str = "withdrawal_tax", reference: str = "none"
) -> str:
    """The last year of the fan of a line."""
    result, frame = market_statistics.path_fan(owner, scenario, line, reference)
    what = line.replace("_", " ") + ("" if reference == "none" else f" less that of {PATH_NAMES[reference]}")
    return (
        f"Fan of {what} over the paths of {title_of(result)} by year, in billions of current dollars: "
        f"{_fan_words(frame, 'bn_usd')}."
    )


def dollar_fan(owner: Owner, *, scenario: str | None = None, asset: str = "crypto") -> str:
    """The last year of the fan of one dollar."""
    result, frame = market_statistics.dollar_fan(owner, scenario, asset)
    what = asset.replace("_", " ")
    fan = _fan_words(frame, "usd")
    return f"Fan of the value of $1 in {what} over the paths of {title_of(result)}, log scale: {fan}."


def crypto_history(owner: Owner) -> str:
    """Both ends of the price, and its falls."""
    levels, falls = market_statistics.crypto_history()
    parts = [
        f"{row.peak_month} to {row.trough_month} by {100 * row.drawdown_share:.0f} percent"
        for row in falls.itertuples()
    ]
    return (
        f"Line of Bitcoin's month-end price, log scale, {_ends(levels.set_axis([int(date) for date in levels.index]))} "
        f"dollars. It fell from {listing(parts)}."
    )


def hindcast(owner: Owner, *, quantity: str = "benefits", told: str = "none") -> str:
    """Both ends of every line."""
    frame = study_statistics.hindcast(quantity, told)
    names = {"model": "the model", "naive": "the best naive rule", "cbo": "CBO on individual income tax"}
    ends = {column: frame[column].dropna().iloc[[0, -1]] for column in names}
    parts = [f"{names[column]} from {own.iloc[0]:.1f} to {own.iloc[1]:.1f}" for column, own in ends.items()]
    what, given = study_statistics.HINDCAST_QUANTITIES[quantity].lower(), study_statistics.HINDCAST_TOLD[told]
    return (
        f"Lines of the mean absolute error of {what}, {given}, in percent of published, by "
        f"years after the start, {frame.index[0]} to {frame.index[-1]}: {listing(parts)}."
    )


def waterfall(
    owner: Owner,
    *,
    scenario: str | None = None,
    window: str | None = None,
    line: str = "net_revenue",
    effects: pd.DataFrame | None = None,
) -> str:
    """Every factor with its effect."""
    frame = measures.decomposition(owner, scenario=scenario, window=window, line=line, effects=effects)
    values = frame.set_index("factor")["effect_bn_usd"]
    parts = [
        f"{FACTOR_NAMES[name]} {'zero' if abs(value) < measures.NOISE_BN_USD else signed(value)}"
        for name, value in values.drop("difference").items()
    ]
    name, span = frame["scenario"].iloc[0], frame["window"].iloc[0]
    return (
        f"Bars that add up from zero to the difference of {line.replace('_', ' ')} of {name} from "
        f"{title_of(owner.runs[0])}, {span_name(span)}, in {span_unit(span)}: {listing(parts)}, in total "
        f"{signed(values['difference'])}."
    )


def claim(owner: Owner, *, value: str = "claim_share") -> str:
    """The claim at both ends."""
    text, unit, scale = CLAIM_TEXTS[value]
    parts = [f"{result.name} {_ends(measures.claim(result)[value], scale)}" for result in owner.runs]
    return f"Lines by year. {text}, {unit.lower()}: {listing(parts)}."


def dollar(exhibit: ShownTables, *, asset: str = "crypto") -> str:
    """The last year of the fan of one dollar in an exhibit."""
    frame = measures.chosen(exhibit.tables["dollar"], "asset", asset)
    return f"Fan of a dollar in {asset.replace('_', ' ')} over the paths, log scale: {_fan_words(frame, 'usd')}."


def crypto_size(exhibit: ShownTables) -> str:
    """The last year of the value that the paths imply."""
    frame = exhibit.tables["crypto_size"].set_index("year")
    last = frame.iloc[-1]
    return (
        f"Line and band of the value of all crypto as a multiple of GDP, log scale: the median path goes "
        f"{_ends(frame['median_over_gdp'])}, where 90 percent of paths are between {signed(last['q05_over_gdp'])} and "
        f"{signed(last['q95_over_gdp'])}."
    )


def withdrawal_rates(
    exhibit: ShownTables, *, law_year: int = 2025, age_band: str = "65-69", groups: Sequence[str] | None = None
) -> str:
    """The lowest and the highest rate of each group."""
    frame = measures.withdrawal_curve(exhibit, law_year, age_band)
    parts = []
    for group in CURVE_GROUPS if groups is None else groups:
        rate = 100 * measures.chosen(frame, "group", group)["average_rate"]
        parts.append(f"{group} from {signed(rate.iloc[0])} to {signed(rate.iloc[-1])}")
    low, high = (f"${value:,.0f}" for value in (frame["withdrawal_usd"].min(), frame["withdrawal_usd"].max()))
    return (
        f"Lines of the average income tax in percent of a withdrawal at {age_band}, law of {law_year}, from {low} to "
        f"{high} withdrawn: {listing(parts)}."
    )
