"""The chapter on values: the bases side by side, tax expenditure, the claim, who gains on which basis, the "
"backstop."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fiscal.base import sources
from fiscal.base.axes import GROUPS
from fiscal.base.words import (
    BASIS_NAMES,
    amount,
    capital,
    listing,
    percent,
    signed_amount,
    signed_percent,
    window_name,
)
from fiscal.budget.lines import FORGONE
from fiscal.report.answer import SIGNS
from fiscal.report.chapters import VINTAGE_YEAR, figure
from fiscal.report.compared import Results
from fiscal.report.content import OF_DATE, Block, Column, Heading, Items, Panel, Prose, Section, Table, Term
from fiscal.results.figures import statistics
from fiscal.results.figures.drawings import basis_name
from fiscal.results.result import PRESENT_VALUES, Result, whole_value

VINTAGE = f"contributions_{VINTAGE_YEAR}"
ALL, STOCK, EFFECT = "all_contributions", "opening_stock", "crypto_effect"
CLAIM_YEARS = (2026, 2036, 2046, 2056, 2076, 2100)
TAX = "withdrawal_tax"
RISK_NEUTRAL = "risk_neutral"


def valued_section(results: Results) -> Section | None:
    """None for results without the run-off: nothing is valued to its end."""
    if any(result.tables["bases"].empty for result in results):
        return None
    blocks = [*_bases(results), *_expenditure(results), *_claim(results), *_distribution(results)]
    return Section("What the claim is worth, and to whom", tuple([*blocks, *_contingent(results)]))


# --- the bases --------------------------------------------------------------------------------------


def _bases(results: Results) -> list[Block]:
    base, holders = results[0], statistics.with_crypto(results)
    answers: tuple[Any, ...] = (
        Term(
            "Convention",
            "return and discount are the same stated rate. Is the deferral, as such, a subsidy? No path of "
            "returns is in "
            "it, so that no boom can pay.",
        ),
        Term(
            "Fixed rate and Treasury bills",
            "the path's own flows, risky as they are, at a rate for sure ones. What happens to the debt if the "
            "path comes true? A return above the discount rate counts as gain for each year of waiting.",
        ),
        Term(
            "Portfolio",
            "each dollar discounted at what it earns, sleeve by sleeve, net of fees. Which part of a balance is the "
            "government's? Growth and discount cancel; what is left is the tax rate, and how it moves with the size "
            "of withdrawals.",
        ),
        Term(
            "Risk-neutral",
            "the mean over paths on which every asset earns the bill rate on average, discounted at that rate. What "
            "would a market pay for the claim? The nearest to a score: a risky asset bought at its price adds "
            "no value "
            "before it has paid its fees.",
        ),
    )
    return [
        Prose(_values_sentences(results)),
        _values_table(results),
        Prose(
            "One contribution has as many values as there are ways to discount a risky receipt that lies "
            "decades off. "
            "They stand side by side here because each answers another question."
        ),
        Items(answers),
        Prose(_bases_sentences(base)),
        *([Prose(_effect_sentences(holders))] if holders else []),
        _bases_table(results),
        Prose(_marginal_sentences(base)),
        Prose(_stand_in(results), "note"),
    ]


def values_rows(results: Results) -> pd.DataFrame:
    """Net revenue of the base, and every effect on it: sums over windows, and present values by basis.

    ``what``, a column a window (its label, billions of current dollars), and the columns of :func:`value_columns`.
    The effect of crypto is that against the same run without it; any other is that against the base.
    """
    values = value_columns(results)
    base = results[0]
    windows = statistics.windows_of(base)
    net = "net_revenue"
    rows: list[dict[str, Any]] = [
        {"what": f"{capital(base.name)}, level"}
        | {window: statistics.window_sum(base, window, net) for window in windows}
        | {column: whole_value(base, basis) for basis, column in values.items()}
    ]
    for result in statistics.with_crypto(results):
        frame = statistics.bases(result, EFFECT)
        rows.append(
            {"what": f"{capital(result.name)} less no crypto"}
            | {window: statistics.window_difference(result, window, net, "no_crypto") for window in windows}
            | {column: float(_of(frame, basis)[net]) for basis, column in values.items()}
        )
    for result in statistics.set_apart(results):
        rows.append(
            {"what": f"{capital(result.name)} less {base.name}"}
            | {window: statistics.window_gap(result, base, window, net) for window in windows}
            | {
                column: whole_value(result, basis) - whole_value(base, basis)
                for basis, column in values.items()
            }
        )
    return pd.DataFrame(rows)


def value_columns(results: Results) -> dict[str, str]:
    """Bases of which every result has present values, with their columns in :func:`values_rows`."""
    priced = all((result.tables["bases"]["basis"] == RISK_NEUTRAL).any() for result in results)
    return {**PRESENT_VALUES} | ({RISK_NEUTRAL: "present_value_risk_neutral_bn_usd"} if priced else {})


def _values_sentences(results: Results) -> str:
    """Why sums of current dollars need present values beside them, and what those are of the base."""
    base = results[0]
    bills, own = (whole_value(base, basis) for basis in PRESENT_VALUES)
    stock = float(_of(statistics.bases(base, STOCK), "portfolio")["net_revenue"])
    longest = statistics.windows_of(base)[-1]
    score = ""
    if RISK_NEUTRAL in value_columns(results):
        score = (
            f" At market prices (risk-neutral), the nearest to a score, it is "
            f"{signed_amount(whole_value(base, RISK_NEUTRAL))}."
        )
        effects = [
            (result, _of(statistics.bases(result, EFFECT), RISK_NEUTRAL))
            for result in statistics.with_crypto(results)
        ]
        lost = [
            result.name
            for result, row in effects
            if abs(float(row["net_revenue"])) < 2 * float(row["error_bn_usd"])
        ]
        if lost:
            score += f" At these prices the effect of {listing(lost)} cannot be told from nil."
    return (
        f"Sums over decades add dollars of different years. Net revenue of the {base.name} is "
        f"{signed_amount(statistics.window_sum(base, longest, 'net_revenue'))} in current dollars over "
        f"{window_name(longest)}. Present values also count what follows the horizon, withdrawals to the last one "
        f"without further contributions: {signed_amount(bills)} on 30 June 2025 at Treasury bill rates, which count "
        f"returns above the bill rate and not their risk, and {signed_amount(own)} on the portfolio basis, where each "
        f"dollar is discounted at what it earns: {signed_amount(stock)} from the opening stock, whose deferral came "
        f"before, and {signed_amount(own - stock)} from the contributions after it.{score}"
    )


def _values_table(results: Results) -> Table:
    return Table(
        "table-values", "Net revenue in current dollars and in present values", values_rows(results),
        (
            Column("what", "Net revenue", width=1),
            *(Column(window, window_name(window), 1) for window in statistics.windows_of(results[0])),
            *(
                Column(column, f"Present value: {BASIS_NAMES[basis]}", 1, unit=OF_DATE)
                for basis, column in value_columns(results).items()
            ),
        ),
        unit=f"Billions of current dollars, fiscal years; present values of 30 June 2025. {SIGNS}",
        source="Present values go to the last withdrawal after the horizon.",
    )  # fmt: skip


def _of(frame: pd.DataFrame, basis: str) -> pd.Series:
    return frame[frame["basis"] == basis].iloc[0]


def _bases_sentences(base: Result) -> str:
    frame = statistics.bases(base, VINTAGE)
    parts = [
        f"{signed_amount(row.net_revenue)} ({basis_name(row.basis, row.rate)})" for row in frame.itertuples()
    ]
    return (
        f"Over their whole life the contributions of {VINTAGE_YEAR} of the {base.name} bring net revenue of "
        f"{listing(parts)}, present values of 30 June 2025. Those at bill rates, on the portfolio "
        "basis and risk-neutral share one deferral and differ in the withdrawal tax. The risk-neutral value lies "
        "below the portfolio one because fees leave the accounts, and because balances that grow at the bill rate "
        "are drawn in lower brackets."
    )


def _effect_sentences(holders: Results) -> str:
    parts = []
    for result in holders:
        frame = statistics.bases(result, EFFECT)
        bills, portfolio = _of(frame, "treasury"), _of(frame, "portfolio")
        text = (
            f"{result.name} changes net revenue against no crypto, to the last withdrawal after the horizon, by "
            f"{signed_amount(bills['net_revenue'])} at bill rates "
            f"and by {signed_amount(portfolio['net_revenue'])} on the portfolio basis"
        )
        neutral = frame[frame["basis"] == "risk_neutral"]
        if len(neutral):
            row = neutral.iloc[0]
            text += (
                f"; on risk-neutral paths its crypto is worth {signed_amount(row['net_revenue'])} to the government, "
                f"with a standard error of {amount(row['error_bn_usd'])}"
                + (", not to be told from nil" if abs(row["net_revenue"]) < 2 * row["error_bn_usd"] else "")
            )
        parts.append(text)
    return (
        f"{capital('. '.join(capital(part) for part in parts))}. At bill rates a boom pays because a return "
        "above the bill rate is counted and its risk is not. On the portfolio basis the extra return is what the "
        "extra tax is discounted at: only the higher brackets of larger withdrawals, or the lower ones after a "
        "bust, are left. What crypto takes the place of counts too: a return of equity is more than "
        "that of the mix, so that even a bust can end above nil at a low fixed rate. On risk-neutral "
        "paths booms and busts are both in the mean, at the price the market puts "
        "on them, and only fees, losses, and the curvature of the schedules are left. The convention sees no path."
    )


def _marginal_sentences(base: Result) -> str:
    average, margin = (statistics.bases(base, VINTAGE, weight) for weight in ("average", "marginal"))
    one, other = _of(average, "portfolio"), _of(margin, "portfolio")
    return (
        "A vintage pays the average rate of its cell, so that all vintages and the opening stock add to the total. "
        "Raising a year's contributions raises withdrawals at their top: at the slopes of the schedules the "
        "withdrawal tax "
        f"of {VINTAGE_YEAR}'s vintage is {amount(other[TAX])} on the portfolio basis, against {amount(one[TAX])} at "
        "average rates. The marginal vintage answers what more contributions would bring, the average one "
        "what these do."
    )


def _stand_in(results: Results) -> str:
    models = {}
    for result in results:
        frame = result.tables["bases"]
        markets = frame[frame["basis"] == "risk_neutral"]["market"]
        if len(markets):
            models[result.name] = str(markets.iloc[0])
    stood = [name for name, market in models.items() if "stands in" in market]
    if not stood:
        return "Risk-neutral values are on paths of each scenario's own random model."
    model = models[stood[0]].split(" (")[0]
    return (
        f"A value at market prices is undefined on one named path, a replay, or a user's file. For "
        f"{listing(stood)} the "
        f"risk-neutral rows value the same settings under the central random model, "
        f"{model.replace('_', ' ')}: they do "
        "not depend on the path's name. Regime changes and adoption are unpriced. Returns that have happened, to "
        "mid-2026, are in on every basis but the convention and the portfolio, and raise the opening stock's value."
    )


def _bases_table(results: Results) -> Table:
    base = results[0]
    last = base.scenario.value("horizon.last_year")
    scopes = [
        (base, VINTAGE, f"Contributions of {VINTAGE_YEAR}, {base.name}"),
        (base, ALL, f"All contributions to {last}, {base.name}"),
        (base, STOCK, f"Opening stock, {base.name}"),
    ]
    scopes += [
        (result, EFFECT, f"{capital(result.name)} less no crypto")
        for result in statistics.with_crypto(results)
    ]
    frames = []
    for result, scope, title in scopes:
        frame = statistics.bases(result, scope)
        frame["group"] = title
        frame["name"] = [basis_name(row.basis, row.rate) for row in frame.itertuples()]
        frame["upfront"] = float("nan")
        if "deferred_revenue" in frame:
            frame["upfront"] = FORGONE.of(frame)
        if scope == VINTAGE:
            margin = statistics.bases(result, scope, "marginal").set_index(["basis", "rate"])["net_revenue"]
            keys = pd.MultiIndex.from_frame(frame[["basis", "rate"]])
            frame["marginal"] = margin.reindex(keys).to_numpy()
        frames.append(frame)
    table = pd.concat(frames, ignore_index=True)
    return Table(
        "table-bases", "The bases side by side", table,
        (
            Column("name", "Basis", width=1),
            Column("upfront", "Deferral and payroll tax", 1),
            Column(TAX, "Withdrawal tax", 1),
            Column("error_bn_usd", "Its standard error", 1),
            Column("net_revenue", "Net revenue", 1),
            Column("marginal", "Net, marginal", 1),
            Column("per_dollar", "Net, cents a dollar", 1, 100, unit="cents a traditional dollar"),
        ),
        unit=f"Billions of dollars of 30 June 2025, to the last withdrawal. {SIGNS}", group="group",
        source="Net revenue also has the additional tax and the tax on conversions. Cents: of a traditional dollar "
        "contributed, or in the opening stock. The opening stock's deferral came before the valuation date.",
        breakable=True,
    )  # fmt: skip


# --- tax expenditure --------------------------------------------------------------------------------


def _expenditure(results: Results) -> list[Block]:
    base = results[0]
    frame = base.tables["tax_expenditure"]
    cash = frame[(frame["measured_on"] == "cash_basis") & (frame["flows_of"] == str(VINTAGE_YEAR))]
    value = frame[frame["measured_on"] == "present_value_basis"]
    cost = cash.set_index("method")["tax_expenditure_bn_usd"]
    settings = base.tables["settings"].set_index("key")["value"]
    realised, crypto_realised = (
        float(settings[f"assumptions.{name}_realisation_share"]) for name in ("gain", "crypto")
    )
    shown = pd.concat(
        [
            cash.assign(group=f"Cash basis, calendar year {VINTAGE_YEAR}"),
            value.assign(group=f"Present-value basis, contributions of {VINTAGE_YEAR}"),
        ]
    )
    shown["name"] = [_method(name) for name in shown["method"]]
    text = (
        f"On the cash basis tax expenditure of the {base.name} is {amount(cost['as set'])} in {VINTAGE_YEAR}: "
        f"revenue "
        "deferred, and tax on the plans' own return of the year at the law's rates outside, less withdrawal "
        "tax of the same "
        "year. It hangs on what an outside account would have realised. With all returns taxed as interest it is "
        f"{amount(cost['all returns as interest'])}, with gains never realised "
        f"{amount(cost['gains never realised'])}. As "
        f"set, {percent(realised)} of equity gains and {percent(crypto_realised)} of crypto gains are "
        f"realised in the "
        "year they accrue, which is also the turnover of the shadow account; these shares and the dividend yield "
        "are assumed. The present-value basis "
        "follows one year's contributions to their end instead, beside an account that pays its own tax. The "
        "two count "
        "different years' money and are never added."
    )
    blocks: list[Block] = [
        Heading("Tax expenditure on two bases"),
        Prose(text),
        Table(
            "table-tax-expenditure", f"Tax expenditure by basis and method, {base.name}", shown,
            (
                Column("name", "Method", width=1),
                Column("deferred_revenue_bn_usd", "Deferred revenue", 1),
                Column("inside_buildup_bn_usd", "Inside build-up", 1),
                Column("withdrawal_tax_bn_usd", "Withdrawal tax", 1),
                Column("tax_expenditure_bn_usd", "Tax expenditure (positive = cost)", 1),
            ),
            unit=f"Billions of dollars of {VINTAGE_YEAR}; income tax only.", group="group",
        ),
    ]  # fmt: skip
    displaced = _displaced_sentences(results)
    if displaced:
        blocks.append(Prose(displaced))
    return blocks


def _method(name: str) -> str:
    basis, _, rate = name.partition(" ")
    if basis in ("convention", "fixed", "treasury", "portfolio"):
        return basis_name(basis, float(rate) if rate else float("nan"))
    return capital(name)


MATERIAL_SHARE = 0.05
"""Share of a case's effect from which the tax on displaced gains is told among the limits."""


def displaced_limit(results: Results) -> str:
    """The memo line of gains tax if all crypto took the place of crypto outside, of cases where it is material."""
    parts = []
    for result in statistics.with_crypto(results):
        frame = result.tables["displaced"]
        own = frame[(frame["path"] == "scenario") & (frame["displaced_share"] == 1.0)]
        tax = float(own["displaced_gains_tax_bn_usd"].sum())
        effect = statistics.window_difference(
            result, statistics.windows_of(result)[-1], "net_revenue", "no_crypto"
        )
        if abs(tax) > max(MATERIAL_SHARE * abs(effect), statistics.NOISE_BN_USD):
            parts.append(f"{signed_amount(tax)} in {result.name}")
    if not parts:
        return ""
    last = results[0].scenario.value("horizon.last_year")
    return (
        " If savers would otherwise hold that crypto outside the plans, the tax on its gains there is forgone too, to "
        f"{last} {listing(parts)}, which no total has."
    )


def _displaced_sentences(results: Results) -> str:
    parts = []
    for result in statistics.with_crypto(results):
        frame = result.tables["displaced"]
        own = frame[(frame["path"] == "scenario") & frame["displaced_share"].isin([0.5, 1.0])]
        sums = own.groupby("displaced_share")["displaced_gains_tax_bn_usd"].sum()
        parts.append(
            f"{signed_amount(sums[0.5])} if half and {signed_amount(sums[1.0])} if all of it in {result.name}"
        )
    if not parts:
        return ""
    last = results[0].scenario.value("horizon.last_year")
    return (
        "If households would have held outside the crypto that they hold in the plan, the plan also forgoes "
        "the tax on its "
        f"gains there: to {last}, in current dollars, {listing(parts)}. No total has this line: what the "
        f"plan's crypto "
        "takes the place of is not known."
    )


# --- the claim --------------------------------------------------------------------------------------


def _claim(results: Results) -> list[Block]:
    base, holders = results[0], statistics.with_crypto(results)
    own = statistics.claim(base)
    first, last = int(own.index[0]), int(own.index[-1])
    parts = base.tables["distribution_bases"]
    stock = parts[
        (parts["basis"] == "portfolio") & (parts["scope"] == STOCK) & (parts["line"] == TAX)
        & (parts["dimension"] == "earnings_group")
    ].set_index("member")["present_value_bn_usd"]  # fmt: skip
    top = float(stock[list(GROUPS[-3:])].sum() / stock.sum())
    text = (
        f"A traditional balance is partly the government's. On the portfolio basis its embedded share is "
        f"{percent(own['claim_share'].iloc[0])} of balances at the opening of {first} and "
        f"{percent(own['claim_share'].iloc[-1])} at that of {last}: {amount(own['claim_bn_usd'].iloc[0])} and "
        f"{amount(own['claim_bn_usd'].iloc[-1])}. It rises because withdrawals outgrow the brackets, which "
        f"follow prices, "
        f"and {percent(top)} of the claim on the opening stock is on the top tenth of lifetime wages. The "
        f"additional tax "
        "on early withdrawals is not in it; heirs' tax is."
    )
    blocks: list[Block] = [Heading("The government's claim on balances"), Prose(text), Prose(_reasons())]
    holders = tuple(
        result for result in holders if statistics.claim(result)["crypto_claim_bn_usd"].gt(0).any()
    )
    if holders:
        blocks.append(Prose(_exposure_sentences(holders)))
        blocks.append(
            figure(
                results, "figure-claim-on-crypto", "Part of the government's claim that rides on crypto",
                (Panel("claim", {"value": "crypto_claim_bn_usd"}),),
            )
        )  # fmt: skip
    blocks.append(
        figure(
            results, "figure-claim", "The government's share of traditional balances, portfolio basis",
            (Panel("claim", {"value": "claim_share"}),),
        )
    )  # fmt: skip
    rows = []
    for result in results:
        frame = statistics.claim(result).reset_index()
        rows.append(frame[frame["year"].isin(CLAIM_YEARS)].assign(scenario=result.name))
    blocks.append(
        Table(
            "table-claim", "The claim on traditional balances at the opening of the year", pd.concat(rows),
            (
                Column("year", "Year", width=1),
                Column("balance_bn_usd", "Balances", 0),
                Column("claim_bn_usd", "Claim", 0),
                Column("claim_share", "Claim, percent", 1, 100),
                Column("crypto_balance_bn_usd", "Crypto in them", 1),
                Column("crypto_claim_bn_usd", "Claim on crypto", 1),
                Column("fall_bn_usd", "Claim if crypto halves", 1),
            ),
            unit="Billions of current dollars; the last column is the change of the claim.", group="scenario",
            source="Portfolio basis: income tax to come on owners' and heirs' traditional balances, each "
            "dollar discounted "
            "at what it earns. The fall is to first order: half the crypto sleeve at the slopes of the schedules.",
        )
    )  # fmt: skip
    return blocks


def _reasons() -> str:
    """Why the share is above the published one, from the stored table."""
    table = sources.table("claim_reasons").set_index(["kind", "case"])
    shares = table["claim_share"]
    before, heirs = ("payer", "owners of 19 to 59"), ("payer", "heirs")
    return (
        f"Landoni and Zeldes put the share at {percent(shares['published', 'Landoni and Zeldes'])}. The baseline's "
        f"opening stock stands at {percent(shares['as projected', 'all'])}. Two things that a share of today's "
        "accounts under today's law leaves out make most of the difference: brackets follow prices while wages and "
        f"balances outgrow them (with brackets indexed to wages it is "
        f"{percent(shares['without', 'law of 2026 indexed to wages'])}), "
        "and the stock is withdrawn together with what is still to be contributed, at the average rate of both "
        f"({percent(shares['without', 'no further contributions'])} without further contributions). Without "
        f"either it is "
        f"{percent(shares['without', 'both'])}. Who pays matters too: "
        f"{percent(table.loc[before, 'weight_share'])} of the stock is "
        f"withdrawn before 60, beside wages, at {percent(shares[before])}, and "
        f"{percent(table.loc[heirs, 'weight_share'])} by "
        f"heirs, mostly at work, at {percent(shares[heirs])}; owners of 73 and over pay "
        f"{percent(shares['payer', 'owners of 73 to 120'])}."
    )


def _exposure_sentences(holders: Results) -> str:
    parts = []
    for result in holders:
        frame = statistics.claim(result)
        top = frame["crypto_claim_bn_usd"].div(frame["claim_bn_usd"])
        year = int(top.idxmax())
        row = frame.loc[year]
        parts.append(
            f"in {result.name} {percent(top[year], 2)} of the claim, {amount(row['crypto_claim_bn_usd'])}, rides on "
            f"crypto in {year}, where its share is largest, and a fall by half on that day takes "
            f"{amount(row['fall_bn_usd'])} "
            f"from it, {percent(row['fall_bn_usd'] / row['claim_bn_usd'], 2)}"
        )
    return (
        f"The government is a silent partner in the crypto too: {'; '.join(parts)}. The fall is valued at the "
        f"marginal "
        "rates of the schedules, for it takes the top of each withdrawal."
    )


# --- who, on which basis ----------------------------------------------------------------------------


SHOWN_BASES = ("convention", "treasury", "portfolio", "risk_neutral")


def _distribution(results: Results) -> list[Block]:
    base, holders = results[0], statistics.with_crypto(results)
    groups = _by_member(base, "earnings_group", VINTAGE)
    treasury = [column for column in groups if column.startswith("treasury")]
    top = groups.loc[list(GROUPS[-3:])].sum() / groups.sum()
    text = (
        f"The top tenth of lifetime wages has {percent(float(top['upfront']))} of what the contributions of "
        f"{VINTAGE_YEAR} "
        f"defer, and pays {percent(float(top['portfolio']))} of their withdrawal tax on the portfolio basis and "
        f"{percent(float(top[treasury[0]]))} at bill rates. The basis moves the level and hardly the shares: "
        f"the dollars of "
        "all groups earn alike."
    )
    blocks: list[Block] = [Heading("Who defers and who pays, on every basis"), Prose(text)]
    if holders:
        blocks.append(Prose(_holder_sentences(holders)))
    frame = groups.rename_axis("member").reset_index()
    names = _column_names(base, VINTAGE)
    blocks.append(
        Table(
            "table-groups-bases", f"Withdrawal tax on the contributions of {VINTAGE_YEAR} by basis, {base.name}", frame,
            (
                Column("member", "Earnings group", width=1),
                Column("upfront", "Deferral and payroll tax", 1),
                *(Column(key, name, 1) for key, name in names.items()),
            ),
            unit=f"Billions of dollars of 30 June 2025. {SIGNS}",
            source="By birth decade and by who holds crypto: table distribution_bases of the run. "
            "Risk-neutral values "
            "are by earnings group only.",
        )
    )  # fmt: skip
    for result in holders:
        blocks.append(_effects_table(result))
    return blocks


def _key(basis: str, rate: float) -> str:
    return basis if pd.isna(rate) else f"{basis} {rate:g}"


def _column_names(result: Result, scope: str) -> dict[str, str]:
    frame = result.tables["distribution_bases"]
    frame = frame[frame["scope"] == scope][["basis", "rate"]].drop_duplicates()
    return {_key(row.basis, row.rate): basis_name(row.basis, row.rate) for row in frame.itertuples()}


def _by_member(result: Result, dimension: str, scope: str) -> pd.DataFrame:
    """Withdrawal tax by member, a column a basis; ``upfront`` the deferral and payroll tax where there is some."""
    frame = result.tables["distribution_bases"]
    frame = frame[(frame["dimension"] == dimension) & (frame["scope"] == scope)]
    frame = frame.assign(key=[_key(row.basis, row.rate) for row in frame.itertuples()])
    tax = frame[frame["line"] == TAX]
    wide = tax.pivot_table(index="member", columns="key", values="present_value_bn_usd", sort=False)
    first = frame[(frame["basis"] == "portfolio") & frame["line"].isin(FORGONE.parts)]
    return wide.assign(upfront=first.groupby("member", sort=False)["present_value_bn_usd"].sum())


def _holder_sentences(holders: Results) -> str:
    parts = []
    for result in holders:
        strata = _by_member(result, "stratum", EFFECT)
        crypto = strata.drop(index="no_crypto").sum()
        bills, own = float(crypto["treasury"]), float(crypto["portfolio"])
        parts.append(
            f"in {result.name} the withdrawal tax of those who hold crypto changes by {signed_amount(bills)} "
            f"at bill rates "
            f"and by {signed_amount(own)} on the portfolio basis"
        )
    return (
        f"{capital('; '.join(parts))}. Those who hold none pay nothing more or less. The effect is against "
        "no crypto: in every year it counts what crypto returns over the mix that it displaces."
    )


def _effects_table(result: Result) -> Table:
    names = _column_names(result, EFFECT)
    frames = []
    for dimension, title in (
        ("earnings_group", "Earnings group"), ("birth_decade", "Birth decade"), ("stratum", "Who holds crypto"),
    ):  # fmt: skip
        frame = _by_member(result, dimension, EFFECT).rename_axis("member").reset_index()
        if dimension == "stratum":
            frame["member"] = frame["member"].str.replace("_", " ")
        if dimension == "birth_decade":
            frame = frame.sort_values("member")
            frame = frame[frame[list({"treasury", "portfolio"} & set(frame))].abs().max(axis=1) >= 0.005]
        frames.append(frame.assign(group=title))
    table = pd.concat(frames, ignore_index=True)
    columns = [Column(key, name, 2) for key, name in names.items() if key in table]
    return Table(
        f"table-effect-bases-{result.name}", f"Withdrawal tax, {result.name} less no crypto, by who pays it", table,
        (Column("member", "Who", width=1), *columns),
        unit=f"Billions of dollars of 30 June 2025. {SIGNS}", group="group", breakable=True,
        source="On the convention every path earns the rate: no effect. Decades below $5 million are left out.",
    )  # fmt: skip


# --- the backstop -----------------------------------------------------------------------------------


def _contingent(results: Results) -> list[Block]:
    rows, words = [], []
    for result in statistics.with_crypto(results):
        frame = result.tables["contingent"]
        rows.append(frame.assign(scenario=result.name))
        value = frame[(frame["measure"] == "risk_neutral") & (frame["window"] == "present value")]
        own = frame[(frame["measure"] == "own path") & (frame["window"] != "present value")].iloc[0]
        text = f"On its own path {result.name} " + (
            f"costs {amount(own['mean_bn_usd'])}" if own["mean_bn_usd"] else "never sets it off"
        )
        if len(value):
            row = value.iloc[0]
            text += (
                f"; over risk-neutral paths the promise is worth {signed_amount(row['mean_bn_usd'])} to the "
                f"government "
                f"(standard error {amount(row['standard_error_bn_usd'])}), and "
                f"{round(row['triggered_share'] * row['paths'])} of {int(row['paths'])} paths set "
                "it off"
            )
        words.append(text)
    if not rows:
        return []
    table = pd.concat(rows, ignore_index=True)
    table["name"] = table["measure"].map(
        {"own path": "Own path", "real": "Random paths", "risk_neutral": "Risk-neutral paths"}
    )
    value = statistics.with_crypto(results)[-1].scenario.value
    text = (
        "The backstop rule (assumed; no such law exists) is judged cell by cell: holders of crypto apart from "
        "the others, "
        "each age and earnings group apart. A holder whose crypto is a "
        f"{signed_percent(float(value('adoption.allocation_share')))} share of the balance loses at most that "
        f"share to one "
        "fall, below the trigger of "
        f"{signed_percent(float(value('backstop.trigger_share')))}; but with yearly rebalancing into a fall, "
        f"or a long run "
        "of poor years, the gap to the balance without crypto widens past it. "
        f"{'. '.join(words)}. The scenario heavy_bust, with twice the allocation, sets it off on a named path."
    )
    return [
        Heading("The promise nobody has made: a backstop"),
        Prose(text),
        Table(
            "table-contingent", "Cost of the backstop rule", table,
            (
                Column("name", "Paths", width=1),
                Column("window", "Years", width=1),
                Column("mean_bn_usd", "Mean", 1),
                Column("standard_error_bn_usd", "Standard error", 1),
                Column("median_bn_usd", "Median", 1),
                Column("q05_bn_usd", "Costliest 5%", 1),
                Column("triggered_share", "Set off, percent of paths", 0, 100),
            ),
            unit="Billions of current dollars; present values, to the horizon, of 30 June 2025. A cost is negative.",
            group="scenario",
            source="Without price impact; contributions and other savers' balances do not answer to the promise.",
        ),
    ]  # fmt: skip
