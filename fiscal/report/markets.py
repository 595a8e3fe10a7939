"""Chapters on markets: what the record says, what each path model implies, the distribution over paths."""

from __future__ import annotations

import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base.words import (
    PATH_NAMES,
    amount,
    capital,
    figures,
    listing,
    percent,
    signed_amount,
    signed_percent,
    significant,
    window_name,
    window_words,
)
from fiscal.engine.inputs import path_settings
from fiscal.markets import estimation, history, losses
from fiscal.markets.implied import implied
from fiscal.report.chapters import figure
from fiscal.report.compared import Results
from fiscal.report.content import Block, Column, Heading, Panel, Prose, Section, Table
from fiscal.results.figures import statistics
from fiscal.results.result import Result

SINCE = 2014
IMPLIED_PATHS = 500
RANDOM_SCENARIOS = ("stochastic_low", "stochastic_central", "stochastic_high")
EFFECTS = (
    ("net_revenue", "no_crypto", "Net revenue"),
    ("deferral_balance", "no_crypto", "Deferral and withdrawal tax"),
    ("net_revenue", "equity_adoption", "Net revenue"),
)
"""What the table of effects shows: line, reference, and the line's name."""


# --- the record -------------------------------------------------------------------------------------


def history_section(results: Results) -> Section | None:
    """What the monthly record says and what it does not."""
    if not statistics.with_crypto(results):
        return None
    periods = history.crypto_moments_by_period().reset_index()
    assets = history.moments(SINCE, int(str(periods["period"].iloc[-1])[-4:])).reset_index()
    falls = history.drawdowns("crypto").assign(
        recovered=lambda part: part["recovered_month"].fillna("not yet")
    )
    first, last = periods.iloc[0], periods.iloc[-1]
    fit, iid = estimation.stored("switching_mean"), estimation.stored("iid")
    three, test = estimation.stored("switching_mean_three_states"), estimation.stored("regime_test")
    both, tied = estimation.stored("switching_mean_and_variance"), estimation.stored("dependence")
    record, found = losses.loss_record(), losses.incidents()
    worst = found.loc[found["lost_share"].idxmax()]
    blocks: list[Block] = [
        Prose(
            f"Bitcoin's mean log return fell from {first['mean_log_rate']:.2f} a year in {first['period']} to "
            f"{last['mean_log_rate']:.2f} in {last['period']}, its volatility from "
            f"{first['volatility_rate']:.2f} to {last['volatility_rate']:.2f}. The mean of the whole record "
            "is the mean of a small asset becoming a large one, and no model here projects it. What the record does "
            f"give is dispersion: {len(falls)} falls of 45 percent or more between month ends, the last of which had "
            "not ended when the record did."
        ),
        figure(
            results, "figure-history", "Bitcoin at month ends; falls of 45 percent or more shaded",
            (Panel("crypto_history"),),
            source="Source: data table monthly_prices (read second-hand, see the sources).",
        ),
        Table(
            "table-crypto-periods", "Bitcoin's monthly log returns by period", periods,
            (
                Column("period", "Years", width=1),
                Column("mean_log_rate", "Mean a year", 2, unit="log return, a year"),
                Column("volatility_rate", "Volatility a year", 2, unit="log return, a year"),
                Column("equity_correlation", "Correlation with equity", 2, unit="correlation"),
                Column("months", "Months", 0, unit="months"),
            ),
        ),
        Table(
            "table-assets", f"Monthly log returns of all assets since {SINCE}",
            assets.assign(asset=assets["asset"].str.replace("_", " ")),
            (
                Column("asset", "Asset", width=1),
                Column("mean_log_rate", "Mean a year", 3, unit="log return, a year"),
                Column("volatility_rate", "Volatility a year", 3, unit="log return, a year"),
                Column("equity_correlation", "Correlation with equity", 2, unit="correlation"),
                Column("months", "Months", 0, unit="months"),
            ),
            source="Private equity and real estate are listed funds, not what a plan would be offered.",
        ),
        Table(
            "table-falls", "Bitcoin's falls of 45 percent or more between month ends", falls,
            (
                Column("peak_month", "Peak", width=1),
                Column("trough_month", "Trough"),
                Column("drawdown_share", "Fall, percent", 0, scale=100),
                Column("recovered", "Peak regained", align="right"),
            ),
            source="Falls inside a month are deeper; those from daily closes are in data table crypto_drawdowns.",
        ),
        Heading("What it does not say"),
        Prose(
            f"A model of two states, a quiet one with a mean of {signed_percent(fit['mean_low'])} a month and one with "
            f"{signed_percent(fit['mean_high'])}, is found by {fit['agree']:.0f} of {fit['starts']:.0f} "
            "random starts; a "
            f"state lasts {fit['months_low']:.0f} and {fit['months_high']:.1f} months on average. But the record does "
            f"not require it: the Bayesian information criterion is {figures(fit['bic'], 1)} with states and "
            f"{figures(iid['bic'], 1)} without (lower is better), and of {test['replications']:.0f} "
            "samples of independent "
            f"months {percent(test['p_value'])} gain as much from two states as the record does. A variance that "
            f"switches too adds nothing ({both['agree']:.0f} starts agree), and with three states only "
            f"{three['agree']:.0f} starts agree. The states are used for the dispersion that they give "
            "over years, with "
            "the bootstrap as a second opinion; neither says what crypto will return. That is a setting."
        ),
        _fits_table(),
        Prose(
            f"Bitcoin's months have a correlation of {tied['equity_correlation']:.2f} with equity's since "
            f"{SINCE} and of "
            f"{tied['equity_correlation_last_60']:.2f} over the last sixty, and it fell in "
            f"{tied['crypto_falls_in_ten_worst_equity_months']:.0f} of the ten worst months of equity: it does not "
            f"diversify when that is needed. Listed private equity has {tied['private_equity_with_equity']:.2f}."
        ),
        Prose(
            f"Custody: the dated record has {len(found)} thefts and failures of exchanges, lenders, and custodians "
            f"with a reported loss, {record.events_a_year:.2g} a year; the largest, {worst['entity']}, took "
            f"{percent(float(worst['lost_share']))} of all crypto there was and makes "
            f"{percent(float(worst['lost_share'] / found['lost_share'].sum()), 2)} of all that was lost. "
            "Taken together the "
            f"losses are {percent(losses.recorded_loss_rate(), 2)} a year of what there was. The list "
            "is a selection of large events and no census. These losses are off unless a scenario switches them on."
        ),
    ]  # fmt: skip
    return Section("What the record of crypto says", tuple(blocks))


def _fits_table() -> Table:
    rows = []
    for study, name in (
        ("iid", "Independent normal months"),
        ("switching_mean", "Two states of the mean"),
        ("switching_mean_and_variance", "Two states of mean and variance"),
        ("switching_mean_three_states", "Three states of the mean"),
        ("garch_t", "GARCH(1,1), Student t"),
    ):
        own = estimation.stored(study)
        agree = f"{own['agree']:.0f} of {own['starts']:.0f}" if "agree" in own else None
        rows.append({"model": name, "loglike": own["loglike"], "bic": own["bic"], "agree": agree})
    return Table(
        "table-fits", f"Models of Bitcoin's months since {SINCE}", pd.DataFrame(rows),
        (
            Column("model", "Model", width=1),
            Column("loglike", "Log-likelihood", 1, unit="natural logarithm"),
            Column("bic", "BIC", 1, unit="less is better"),
            Column("agree", "Starts that agree", align="right"),
        ),
        source="This project's estimates (data table market_fit, with standard errors).",
    )  # fmt: skip


# --- what the models imply --------------------------------------------------------------------------


def implied_frame(results: Results) -> pd.DataFrame:
    """What crypto does on each path model: the results' own, the catalogue's random ones and the bootstrap."""
    rows: list[pd.DataFrame] = []
    known: set[str] = set()

    def add(name: str, frame: pd.DataFrame) -> None:
        own = frame[frame["asset"] == "crypto"]
        if name not in known:
            rows.append(own.assign(model=name))
            known.add(name)

    for result in statistics.with_crypto(results):
        if "implied" in result.tables:
            add(result.name, result.tables["implied"])
    for name in RANDOM_SCENARIOS:
        if name not in known:
            settings = scenarios.load(name).settings
            add(
                name,
                implied(settings.paths.model, path_settings(settings), IMPLIED_PATHS, settings.paths.seed),
            )
    central = path_settings(scenarios.load("stochastic_central").settings)
    add("bootstrap, central", implied("bootstrap", central, IMPLIED_PATHS, int(central["seed"])))
    return pd.concat(rows, ignore_index=True)


def _uncapped() -> pd.Series:
    """What stochastic_central implies for crypto without the cap on its value."""
    settings = scenarios.load("stochastic_central", {"paths.value_cap_over_gdp": 1000.0}).settings
    frame = implied(settings.paths.model, path_settings(settings), IMPLIED_PATHS, settings.paths.seed)
    return frame.set_index("asset").loc["crypto"]


def _error_of_mean(own: pd.Series) -> float:
    """Standard error of the ten-year geometric mean over the paths drawn."""
    return float(own["volatility_10y_rate"] / (10 * IMPLIED_PATHS) ** 0.5)


def implied_section(results: Results) -> Section | None:
    """What each path model implies for crypto, before anything is projected."""
    if not statistics.with_crypto(results):
        return None
    frame = implied_frame(results)
    own = frame.set_index("model").loc["stochastic_central"]
    free = _uncapped()
    low, high = (frame.set_index("model").loc[f"stochastic_{name}"] for name in ("low", "high"))
    text = (
        "A stated return of 6 percent is a geometric mean, holds for ten years, and its excess over equity then halves "
        "every seven. In stochastic_central yearly returns average "
        f"{percent(float(own['arithmetic_rate']), 2)} over the "
        "horizon, because the mean of returns that vary so much lies far above the rate at which a "
        "dollar grows; a fall "
        f"of half or more within ten years has a chance of {percent(float(own['halved_share']), 2)}; and after thirty "
        f"years 90 percent of paths hold between {significant(float(own['dollar_30y_q05']), 2)} and "
        f"{significant(float(own['dollar_30y_q95']), 2)} dollars for one invested. On paths where all crypto would be "
        "worth more than three times gross domestic product it is held there, "
        f"{percent(float(own['capped_share']), 2)} of paths at some time. That costs much: over ten years "
        "the geometric "
        f"mean of these {IMPLIED_PATHS} paths is {percent(float(own['geometric_10y_rate']), 2)} with the cap and "
        f"{percent(float(free['geometric_10y_rate']), 2)} without it, over all years "
        f"{percent(float(own['geometric_rate']), 2)} and {percent(float(free['geometric_rate']), 2)}; the "
        "standard error "
        f"of a ten-year figure is about {percent(_error_of_mean(own), 1)}. For the same reason low, "
        "central, and high are "
        f"closer than their names: over all years {percent(float(low['geometric_rate']), 2)}, "
        f"{percent(float(own['geometric_rate']), 2)}, and {percent(float(high['geometric_rate']), 2)}, and their "
        "arithmetic means, which count where holders rebalance every year, hardly differ. Volatility is set month by "
        "month; states that last make that of a year larger."
    )
    return Section(
        "What the path models imply",
        (
            Prose(text),
            Table(
                "table-implied", "Crypto on each path model, 2027 to 2100", frame,
                (
                    Column("model", "Model", width=1),
                    Column("geometric_10y_rate", "Geometric, ten years", 1, scale=100, unit="percent a year"),
                    Column("geometric_rate", "Geometric, all years", 1, scale=100, unit="percent a year"),
                    Column("arithmetic_rate", "Arith- metic", 1, scale=100, unit="percent a year"),
                    Column("volatility_1y_rate", "Volatility, one year", 0, scale=100, unit="percent a year"),
                    Column("volatility_10y_rate", "Volatility, ten years", 0, scale=100, unit="percent a year"),
                    Column("halved_share", "Chance of halving in ten years", 0, scale=100, unit="percent of paths"),
                    Column("equity_correlation", "Corre- lation with equity", 2, unit="correlation"),
                    Column("capped_share", "Paths capped", 0, scale=100, unit="percent of paths"),
                ),
                unit="Percent a year, correlations, and percent of paths.",
                source=f"{IMPLIED_PATHS} paths where the report holds no run of the model. Volatility over ten "
                "years is that of log growth over the root of ten.",
            ),
        ),
    )  # fmt: skip


# --- distribution over paths ------------------------------------------------------------------------


def paths_distribution_section(results: Results) -> Section | None:
    """What a random model's paths say: fans, quantiles of the effect, the odds, the tail, the market value."""
    random = [result for result in results if "path_windows" in result.tables]
    if not random:
        return None
    blocks: list[Block] = [
        Prose(
            "The other chapters show a random scenario on its central path, on which every asset earns its "
            "expected log return. This one shows the distribution over its paths. Each path is projected with and "
            "without crypto on the same draws, so that an effect is a difference path by path. The record does not "
            "say what the long-run return is: it is a setting, and the paths spread around it."
        )
    ]
    for result in random:
        blocks += _distribution_blocks(results, result)
    return Section("The distribution over paths", tuple(blocks))


def _distribution_blocks(results: Results, result: Result) -> list[Block]:
    frame = result.tables["path_windows"]
    real = frame[frame["measure"] == "real"]
    effects = pd.concat(
        [
            real[(real["line"] == line) & (real["reference"] == reference)].assign(
                against=f"{words} against {PATH_NAMES[reference]}"
            )
            for line, reference, words in EFFECTS
        ],
        ignore_index=True,
    )
    if effects.empty:
        return []
    effects["span"] = [
        window_name(name) if name.startswith("FY") else capital(f"{name}, Treasury bills")
        for name in effects["window"]
    ]
    name = {"scenario": result.name}
    fans: list[Block] = [
        figure(
            results, f"figure-fan-{result.name}", f"Withdrawal tax over the paths of {result.name}",
            (Panel("path_fan", name),),
        ),
        figure(
            results, f"figure-fan-effect-{result.name}",
            f"Withdrawal tax of {result.name} less that without crypto, path by path",
            (Panel("path_fan", {**name, "reference": "no_crypto"}),),
        ),
        figure(
            results, f"figure-fan-dollar-{result.name}", f"A dollar in crypto over the paths of {result.name}",
            (Panel("dollar_fan", name),),
        ),
    ]  # fmt: skip
    bands = (
        "In the figures the dark band holds half of the paths, the light one 90 percent; the mean is dashed."
    )
    return [
        Heading(result.name),
        Prose(_odds_words(result, effects)),
        Prose(bands, style="note"),
        *fans,
        _effects_table(result, effects),
        Prose(_mean_and_tail_words(result, effects)),
        *_market_value_words(frame),
    ]


def _own_effect(effects: pd.DataFrame, window: str, line: str) -> pd.Series:
    chosen = effects[(effects["window"] == window) & (effects["reference"] == "no_crypto")]
    return chosen[chosen["line"] == line].iloc[0]


def _odds_words(result: Result, effects: pd.DataFrame) -> str:
    longest = statistics.windows_of(result)[-1]
    own = _own_effect(effects, longest, "net_revenue")
    balance = _own_effect(effects, longest, "deferral_balance")
    crypto = result.tables["path_crypto"].set_index("year")
    last = int(crypto.index.max())
    return (
        f"The run has {int(own['paths'])} paths. Over {window_words(longest)} crypto changes net revenue "
        "against no crypto by "
        f"{signed_amount(own['mean_bn_usd'])} on average, with a standard error of "
        f"{amount(own['standard_error_bn_usd'])}, and by {signed_amount(own['median_bn_usd'])} on the median path. "
        f"{_controlled_words(own)}"
        f"On {percent(balance['worse_share'])} of paths the balance of deferral and withdrawal tax over these years "
        "is worse than without crypto. The implied value of all crypto in "
        f"{last} is {significant(float(crypto.loc[last, 'median_over_gdp']), 2)} times gross domestic product on the "
        f"median path; {percent(float(crypto.loc[last, 'capped_share']))} of paths were held at the cap."
    )


def _controlled_words(row: pd.Series) -> str:
    """The mean corrected by the control variate, where that is known."""
    if pd.isna(row["standard_error_controlled_bn_usd"]):
        return ""
    return (
        "Less the error that it shares with a model of one flat tax, linear in the returns, whose expectation is "
        f"known, the mean is {signed_amount(row['mean_controlled_bn_usd'])} with a standard error of "
        f"{amount(row['standard_error_controlled_bn_usd'])}. "
    )


def _mean_and_tail_words(result: Result, effects: pd.DataFrame) -> str:
    longest = statistics.windows_of(result)[-1]
    own = _own_effect(effects, longest, "net_revenue")
    mean, median = float(own["mean_bn_usd"]), float(own["median_bn_usd"])
    top = float(own["highest_mean_bn_usd"]) / 20
    if mean > 0:
        carried = (
            f"The twentieth of the paths with the highest effects makes {percent(top / mean)} of the mean. "
        )
    else:
        carried = ""
    rebalancing = float(str(result.scenario.value("adoption.rebalancing")))
    return (
        f"Mean and median part ({signed_amount(mean)} and {signed_amount(median)}) because returns compound: a path on "
        "which crypto multiplies adds more than a path on which it is lost can take away, since no more than what was "
        f"put in can be lost. {carried}The mean of the highest twentieth is "
        f"{signed_amount(own['highest_mean_bn_usd'])}, that of the lowest {signed_amount(own['lowest_mean_bn_usd'])}. "
        f"With rebalancing of strength {rebalancing:g} a year the sleeve is sold after rises and bought "
        "after falls, so "
        "that it adds its arithmetic mean return to the balance, which at such volatility lies far above the "
        "geometric one that the setting states; without rebalancing the effect is another. "
        f"The schedule is progressive: in {int(result.tables['path_years']['year'].max())} withdrawal tax over "
        f"balances is {listing(_rate_clauses(result))}."
    )


def _rate_clauses(result: Result) -> list[str]:
    """Withdrawal tax over balances at the horizon, low and high."""
    frame = result.tables["path_years"]
    last = int(frame["year"].max())
    chosen = frame[(frame["year"] == last) & (frame["path"] == "scenario") & (frame["reference"] == "none")]
    tax = chosen[chosen["line"] == "withdrawal_tax"].iloc[0]
    balance = chosen[chosen["line"] == "balance"].iloc[0]
    return [
        f"{percent(float(tax[f'{q}_bn_usd'] / balance[f'{q}_bn_usd']))} at the {words} percent quantile of each"
        for q, words in (("q05", "5"), ("q95", "95"))
    ]


def _effects_table(result: Result, effects: pd.DataFrame) -> Table:
    return Table(
        f"table-paths-{result.name}", f"Effects over paths, {result.name} less reference", effects,
        (
            Column("span", "Fiscal years", width=1),
            Column("mean_bn_usd", "Mean", 1),
            Column("standard_error_bn_usd", "Stan- dard error", 1),
            Column("q05_bn_usd", "5%", 1),
            Column("q25_bn_usd", "25%", 1),
            Column("median_bn_usd", "Median", 1),
            Column("q75_bn_usd", "75%", 1),
            Column("q95_bn_usd", "95%", 1),
            Column("worse_share", "Worse, percent of paths", 0, scale=100),
        ),
        unit="Billions of current dollars; present values, to the horizon, of 30 June 2025.",
        group="against", breakable=True,
    )  # fmt: skip


def _market_value_words(frame: pd.DataFrame) -> list[Block]:
    values = frame[
        (frame["measure"] == "risk_neutral")
        & (frame["window"] == "present value")
        & (frame["line"] == "net_revenue")
    ].set_index("reference")
    if "no_crypto" not in values.index:
        return []
    gap = values.loc["no_crypto"]
    return [
        Prose(
            "On risk-neutral paths, where every asset earns the bill rate on average, the present value of the "
            f"same difference to the horizon is {signed_amount(gap['mean_bn_usd'])} with a standard error of "
            f"{amount(gap['standard_error_bn_usd'])} on {int(gap['paths'])} paths: the nearest to a score here. "
            f"{_controlled_words(gap)}"
            "It prices the risk of the assets and leaves that of regimes and of adoption unpriced."
        )
    ]
