"""Settings of markets and holdings: paths, adoption, other alternatives, events, and fees."""

from __future__ import annotations

from typing import Literal

from fiscal.base.axes import FIRST_YEAR, LAST_YEAR
from fiscal.scenario.section import Section, setting

DETERMINISTIC_PATHS = ("core_return", "boom", "bust", "boom_then_bust", "stagnation")
"""Named paths of the ``deterministic`` model; a test compares them with data/crypto_paths.csv."""


class Paths(Section):
    """Asset returns of the scenario."""

    model: Literal["deterministic", "historical_replay", "regime_switching", "bootstrap", "user"] = setting(
        "deterministic",
        label="path model",
        unit="name",
        doc="Path model that gives the yearly returns.",
        source="models in this version",
        status="choice",
    )
    name: str = setting(
        "core_return",
        label="crypto's path",
        unit="name",
        doc="Named path of the deterministic model; core_return: crypto earns what equity earns.",
        source="data/crypto_paths.csv, reasons in data/crypto_path_notes.csv",
        status="choice",
    )
    outside_event_return: float | None = setting(
        None,
        label="crypto return outside the event",
        unit="rate a year, nominal geometric",
        low=-0.5,
        high=1.0,
        doc="Crypto's return before and after the event; none = the equity return of the year.",
        source="no source; crypto neither beats nor trails equity outside the event",
        status="assumed",
    )
    returns: Literal["forward", "record"] = setting(
        "forward",
        label="expected returns",
        unit="name",
        doc="Expected returns of stocks, bonds, and cash. forward: those of one publisher, which move to a "
        "long-run anchor built from the macroeconomic path. record: real mean since 1928 plus projected inflation.",
        source="data/capital_market_assumptions.csv; the anchor applies docs/method.md",
        status="choice",
    )
    house: Literal["jpmorgan", "blackrock", "aqr", "gmo", "research_affiliates"] = setting(
        "jpmorgan",
        label="publisher of the expected returns",
        unit="name",
        doc="Investment house whose capital market assumptions hold for its own horizon, with returns = forward.",
        source="J.P. Morgan has published the longest, 30 editions; the others give the range",
        status="cited",
    )
    return_half_life: float = setting(
        10.0,
        label="half-life of the publisher's view",
        unit="years",
        low=0.5,
        high=1000.0,
        doc=(
            "After the publisher's horizon, half of its difference from the long-run anchor is gone in this number of "
            "years."
        ),
        source="no source; range 5 to 30 years",
        status="assumed",
    )
    core_equity_return: float | None = setting(
        None,
        label="equity return",
        unit="rate a year, nominal geometric",
        low=-0.1,
        high=0.2,
        doc="Return of equity in every year; none = the expected returns of paths.returns.",
        source="data/capital_market_assumptions.csv and the long-run anchor of the macroeconomic path",
        status="derived",
    )
    core_foreign_equity_return: float | None = setting(
        None,
        label="foreign equity return",
        unit="rate a year, nominal geometric",
        low=-0.1,
        high=0.2,
        doc="Return of foreign equity in every year; none = core_equity_return if that is set, or the expected "
        "returns of paths.returns.",
        source="data/capital_market_assumptions.csv and the long-run anchor of the macroeconomic path",
        status="derived",
    )
    core_bond_return: float | None = setting(
        None,
        label="bond return",
        unit="rate a year, nominal geometric",
        low=-0.1,
        high=0.2,
        doc="Return of bonds in every year; none = the expected returns of paths.returns.",
        source="data/capital_market_assumptions.csv and the long-run anchor of the macroeconomic path",
        status="derived",
    )
    core_cash_return: float | None = setting(
        None,
        label="cash return",
        unit="rate a year, nominal geometric",
        low=-0.1,
        high=0.2,
        doc="Return of cash in every year; none = the expected returns of paths.returns.",
        source="data/capital_market_assumptions.csv and the long-run anchor of the macroeconomic path",
        status="derived",
    )
    foreign_equity_share: float | None = setting(
        None,
        label="foreign share of equity",
        unit="share of the core's equity",
        low=0.0,
        high=1.0,
        doc="Part of the core's equity held in developed markets outside the United States, in every year; none = by "
        "year, from the foreign stocks of target-date funds and an assumption for other funds.",
        source="data/foreign_equity_share.csv, data/ebri_401k_allocation.csv; range .15 to .35",
        status="derived",
    )
    event_year: int | None = setting(
        None,
        label="first year of the event",
        unit="calendar year",
        low=FIRST_YEAR + 2,
        high=LAST_YEAR,
        doc="Moves the event of a named path to begin in this year; none = the year of the table.",
        source="data/crypto_paths.csv has each event's own year",
        status="choice",
    )
    after_event: Literal["equity", "gdp"] = setting(
        "gdp",
        label="crypto's growth once it is large",
        unit="name",
        doc="gdp: from the year in which the value of all crypto that a path implies would pass gdp_multiple, crypto "
        "grows with GDP. equity: it continues to earn its outside-event return. Returns that a file states are never "
        "changed. Random paths have value_cap_over_gdp.",
        source="an asset that pays nothing cannot outgrow the economy forever",
        status="choice",
    )
    gdp_multiple: float = setting(
        1.0,
        label="value of crypto that grows with GDP",
        unit="times gross domestic product",
        low=0.1,
        high=10.0,
        doc="Value of all crypto from which it grows with GDP, with after_event = gdp.",
        source="no source; range .5 to 2",
        status="assumed",
    )
    mix_equity_share: float | None = setting(
        None,
        label="stocks in the core",
        unit="share of the core",
        low=0.0,
        high=1.0,
        doc="Stocks in the core at every age and in every year, at home and abroad; none = the published glide path. "
        "The three shares of the mix are set together and sum to 1.",
        source="data/ebri_401k_allocation.csv",
        status="derived",
    )
    mix_bond_share: float | None = setting(
        None,
        label="bonds in the core",
        unit="share of the core",
        low=0.0,
        high=1.0,
        doc="Bonds in the core at every age and in every year; none = the published glide path.",
        source="data/ebri_401k_allocation.csv",
        status="derived",
    )
    mix_cash_share: float | None = setting(
        None,
        label="cash in the core",
        unit="share of the core",
        low=0.0,
        high=1.0,
        doc="Cash and stable value in the core at every age and in every year; none = the published glide path.",
        source="data/ebri_401k_allocation.csv",
        status="derived",
    )
    crypto_return: float = setting(
        0.06,
        label="long-run crypto return",
        unit="rate a year, nominal geometric",
        low=-0.2,
        high=0.5,
        doc="Crypto's long-run return in the random models: expected log return, before its excess decays.",
        source="no source; the package's low, central, and high scenarios use 0, 6, and 15 percent",
        status="assumed",
    )
    crypto_mean: Literal["stated", "equity"] = setting(
        "stated",
        label="mean of crypto's random returns",
        unit="name",
        doc="stated: crypto_return is the geometric return. At crypto's volatility the expected value of a dollar then "
        "grows much faster than in stocks. equity: at every date a dollar in crypto is expected to be worth what a "
        "dollar in stocks is, and the geometric return follows. The cap lowers both.",
        source="the user's choice; no source gives crypto's mean",
        status="choice",
    )
    stated_return_years: float = setting(
        10.0,
        label="years the crypto return holds",
        unit="years",
        low=0.0,
        high=100.0,
        doc="Years for which crypto_return holds.",
        source="no source; no asset outgrows the economy forever",
        status="assumed",
    )
    excess_half_life: float = setting(
        7.0,
        label="half-life of crypto's excess return",
        unit="years",
        low=0.5,
        high=1000.0,
        doc="Half-life of crypto's excess return over equity after those years.",
        source="no source",
        status="assumed",
    )
    crypto_volatility: float = setting(
        0.60,
        label="crypto volatility at the start",
        unit="a year, of monthly log returns",
        low=0.05,
        high=1.5,
        doc="Crypto's volatility at the start.",
        source="Bitcoin .54 in 2022-25, .69 since 2014 (data/monthly_prices.csv)",
        status="assumed",
    )
    crypto_volatility_mature: float = setting(
        0.40,
        label="crypto volatility once mature",
        unit="a year, of monthly log returns",
        low=0.05,
        high=1.5,
        doc="Crypto's volatility after the market has matured.",
        source="no source; it fell from 1.7 in 2011-13 to .54 in 2022-25",
        status="assumed",
    )
    maturing_years: float = setting(
        20.0,
        label="years until crypto matures",
        unit="years",
        low=1.0,
        high=100.0,
        doc="Years over which volatility moves from the first value to the second, in a straight line.",
        source="no source",
        status="assumed",
    )
    equity_correlation: float = setting(
        0.5,
        label="crypto's correlation with equity",
        unit="correlation of monthly shocks",
        low=-0.5,
        high=0.95,
        doc="Correlation of crypto with equity in regime_switching.",
        source="Bitcoin and S&P 500, last 60 months .52, since 2014 .33 (data/derived/market_fit.csv)",
        status="derived",
    )
    tail_share: float = setting(
        0.05,
        label="share of turbulent months",
        unit="share of months",
        low=0.0,
        high=0.5,
        doc="Share of months in which the variance of all assets is higher (regime_switching).",
        source="no source; Bitcoin fell in 9 of the 10 worst equity months",
        status="assumed",
    )
    tail_variance: float = setting(
        4.0,
        label="variance of turbulent months",
        unit="times",
        low=1.0,
        high=25.0,
        doc="Factor that multiplies the variance of all assets in those months.",
        source="no source",
        status="assumed",
    )
    block_months: float = setting(
        12.0,
        label="block length of the bootstrap",
        unit="months",
        low=1.0,
        high=60.0,
        doc="Mean block length of the bootstrap.",
        source=(
            "the automatic choice is one month (data/derived/market_fit.csv), which loses the dependence within a "
            "year; blocks of a year keep the record's ratio of yearly to monthly variance"
        ),
        status="assumed",
    )
    draws: Literal["pseudo", "sobol"] = setting(
        "pseudo",
        label="kind of random numbers",
        unit="name",
        doc=(
            "Random numbers of regime_switching: pseudo or sobol. With sobol, a scrambled Sobol sequence sets the slow "
            "movements, which gives smoother means with the same number of paths."
        ),
        source="both are unbiased; to measure the error of sobol, use several seeds, not the spread of one run",
        status="choice",
    )
    value_cap_over_gdp: float = setting(
        3.0,
        label="cap on crypto's value over GDP",
        unit="times gross domestic product",
        low=0.1,
        high=1000.0,
        doc=(
            "Value of all crypto at which a random path is capped; capped paths are counted. Named paths are not "
            "capped."
        ),
        source="no source; a value of several times GDP cannot be an equilibrium",
        status="assumed",
    )
    measure: Literal["real", "risk_neutral"] = setting(
        "real",
        label="actual or risk-neutral paths",
        unit="name",
        doc=(
            "Probability measure of the paths. With risk_neutral, every asset's month has mean one plus the bill rate; "
            "such paths give values, not forecasts."
        ),
        source="the user's choice",
        status="choice",
    )
    replay_start: str = setting(
        "2013-12",
        label="first month replayed",
        unit="month, YYYY-MM",
        doc="First month of the record, or of the prices in paths.file, that historical_replay repeats.",
        source="data/monthly_prices.csv",
        status="choice",
    )
    replay_year: int = setting(
        2031,
        label="year the replay starts",
        unit="calendar year",
        low=FIRST_YEAR + 2,
        high=LAST_YEAR,
        doc="Year in whose January the replay starts.",
        source="after adoption is complete",
        status="choice",
    )
    replay_scale: float = setting(
        1.0,
        label="size of replayed returns",
        unit="times",
        low=0.0,
        high=2.0,
        doc="Factor that multiplies crypto's replayed log returns.",
        source="1 = as recorded",
        status="choice",
    )
    file: str | None = setting(
        None,
        label="file of returns",
        unit="path of a CSV file",
        doc=(
            "File in the folder of the scenario file that names it: annual returns for the model user, or daily or "
            "monthly prices of crypto for historical_replay in place of the record's."
        ),
        source="yours",
        status="choice",
    )
    allow_extreme: bool = setting(
        False,
        label="extreme returns allowed",
        unit="switch",
        doc=(
            "Accepts returns above 3 per year (300 percent), and columns without a negative value whose mean is above "
            "0.5, from a user's file. Otherwise they are refused, because they look like prices, index levels, or "
            "percent."
        ),
        source="a rule of this program: larger numbers are almost always prices, index levels, or percent",
        status="choice",
    )
    seed: int = setting(
        1,
        label="seed of the draws",
        unit="integer",
        low=0,
        high=2**32 - 1,
        doc="Seed of the random draws; deterministic paths do not use it.",
        source="any number; recorded so that a run can be repeated",
        status="choice",
    )
    count: int = setting(
        1,
        label="number of paths",
        unit="paths",
        low=1,
        high=1_000_000,
        doc=(
            "Number of paths; a deterministic model has one. All paths of a user's file run unless this is set; then "
            "only this number of paths, from the first one on."
        ),
        source="one path for a deterministic model",
        status="choice",
    )


class Adoption(Section):
    """How much 401(k) money goes into crypto, who holds it, and when."""

    participants_share: float = setting(
        0.0,
        label="participants who hold crypto",
        unit="share of participants",
        low=0.0,
        high=1.0,
        doc="Share of participants who hold crypto once adoption is complete; 0 = no crypto (the baseline).",
        source="today 'substantially less than one percent of the 401(k) market' (GAO); cases from .014 to .45 with "
        "their evidence in data/adoption_evidence.csv",
        status="assumed",
    )
    allocation_share: float = setting(
        0.05,
        label="crypto's share of their balance",
        unit="share of the holder's balance",
        low=0.0,
        high=1.0,
        doc="Target share of crypto in the balance of a participant who holds it.",
        source="the limit of ForUsAll, 5 percent of a balance; cases from .02 to .10 in data/adoption_evidence.csv",
        status="assumed",
    )
    start_year: int = setting(
        2026,
        label="year adoption starts",
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="First year of the S-curve along which the allocation grows.",
        source="Executive Order 14330 is dated August 7, 2025; the start in plans is assumed",
        status="assumed",
    )
    full_year: int = setting(
        2030,
        label="year adoption is complete",
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year in which the allocation reaches its target.",
        source="no source",
        status="assumed",
    )
    group_tilt: float = setting(
        0.0,
        label="tilt of holders over earnings groups",
        unit="log-odds, highest less lowest earnings group",
        low=-4.0,
        high=4.0,
        doc="Tilts crypto holding over the earnings groups; the share of participants stays the same.",
        source="no source for plans; 0 = the same share in every group",
        status="assumed",
    )
    age_tilt: float = setting(
        0.0,
        label="tilt of holders over birth years",
        unit="log-odds per ten years of birth",
        low=-2.0,
        high=2.0,
        doc=(
            "Tilts crypto holding toward later birth years (positive) or earlier ones; the share among participants of "
            "2025 stays the same."
        ),
        source="no source for plans; 0 = the same share at every age",
        status="assumed",
    )
    allocation_heavy_multiple: float = setting(
        1.0,
        label="heavy over light allocation",
        unit="times the allocation of the others",
        low=1.0,
        high=50.0,
        doc=(
            "Divides crypto holders into two kinds. The heavy hold this multiple of the allocation of the light; the "
            "mean over holders of 2025 stays adoption.allocation_share."
        ),
        source="no source for plans; 1 = all hold the same allocation",
        status="assumed",
    )
    allocation_heavy_share: float = setting(
        0.2,
        label="holders with a heavy allocation",
        unit="share of those who hold crypto",
        low=0.01,
        high=0.99,
        doc="Share of crypto holders with the larger allocation.",
        source="no source for plans; no effect while adoption.allocation_heavy_multiple is 1",
        status="assumed",
    )
    allocation_group_tilt: float = setting(
        0.0,
        label="tilt of heavy holders over groups",
        unit="log-odds, highest less lowest earnings group",
        low=-4.0,
        high=4.0,
        doc="Tilts the larger allocation over the earnings groups; its share of crypto holders stays the same.",
        source="no source for plans; 0 = the same in every group",
        status="assumed",
    )
    allocation_age_tilt: float = setting(
        0.0,
        label="tilt of heavy holders over births",
        unit="log-odds per ten years of birth",
        low=-2.0,
        high=2.0,
        doc=(
            "Tilts the larger allocation toward later birth years (positive) or earlier ones; its share of the crypto "
            "holders of 2025 stays the same."
        ),
        source="no source for plans; 0 = the same at every age",
        status="assumed",
    )
    mode: Literal["transfer", "new_money"] = setting(
        "transfer",
        label="existing balances or new money only",
        unit="name",
        doc="transfer: existing balances also move to the target; new_money: only contributions do.",
        source="no source; new_money leaves a much smaller exposure",
        status="assumed",
    )
    displaces: Literal["core", "equity"] = setting(
        "equity",
        label="assets that crypto replaces",
        unit="name",
        doc="Assets that crypto replaces: equity, or the whole core pro rata.",
        source="no source; with equity the effect is that of crypto's own return, not of a different mix",
        status="assumed",
    )
    rebalancing: float = setting(
        1.0,
        label="yearly rebalancing",
        unit="strength a year",
        low=0.0,
        high=1.0,
        doc="1 returns to the target mix each year, and 0 lets the mix drift; with mode new_money it always drifts.",
        source="no source; target-date funds rebalance, single funds drift",
        status="assumed",
    )


class Alternatives(Section):
    """Other alternative assets in the order, held by the same participants in one sleeve with crypto.

    Their shares are targets in addition to ``adoption.allocation_share`` and follow the same S-curve. Within the
    sleeve, the mix stays constant.
    """

    private_equity_share: float = setting(
        0.0,
        label="share of private equity",
        unit="share of the holder's balance",
        low=0.0,
        high=1.0,
        doc="Target share of private equity in the balance of a participant who holds alternatives.",
        source="Executive Order 14330 names it; the share has no source",
        status="assumed",
    )
    real_estate_share: float = setting(
        0.0,
        label="share of real estate",
        unit="share of the holder's balance",
        low=0.0,
        high=1.0,
        doc="Target share of real estate in the balance of a participant who holds alternatives.",
        source="Executive Order 14330 names it; the share has no source",
        status="assumed",
    )
    commodities_share: float = setting(
        0.0,
        label="share of commodities",
        unit="share of the holder's balance",
        low=0.0,
        high=1.0,
        doc="Target share of commodities in the balance of a participant who holds alternatives.",
        source="Executive Order 14330 names it; the share has no source",
        status="assumed",
    )
    fee_rate: float = setting(
        0.004,
        label="fee on other alternatives",
        unit="rate a year on the balance",
        low=0.0,
        high=0.05,
        doc=(
            "Management and valuation fee on alternatives other than crypto; the core's fee unless the scenario sets "
            "it."
        ),
        source="no source",
        status="assumed",
    )
    smoothing: float = setting(
        0.0,
        label="smoothing of appraised values",
        unit="weight of the previous half-year",
        low=0.0,
        high=0.95,
        doc=(
            "Appraised values of private equity and real estate lag the market: a half-year's log return puts this "
            "weight on the previous one."
        ),
        source="no source for plans; 0 = valued at the market. Off on risk-neutral paths",
        status="assumed",
    )
    sale_share: float = setting(
        1.0,
        label="share of a sale that finds a buyer",
        unit="share",
        low=0.0,
        high=1.0,
        doc="Share of a rebalancing sale that finds a buyer within the year; 0 = the sleeve cannot be sold.",
        source="no source; fund redemption gates",
        status="assumed",
    )


class Overlays(Section):
    """Events and frictions added to a path; each is off unless the scenario sets it."""

    price_impact_multiplier: float = setting(
        0.0,
        label="price impact of plans' purchases",
        unit="dollars of crypto market value per dollar bought",
        low=0.0,
        high=118.0,
        doc="Rise of crypto's price when plans buy: net purchases of the previous year over market value, times this.",
        source="published range 4 (on-chain data) to 118 (BofA 2021), both read second-hand; 0 = no impact",
        status="cited",
    )
    price_impact_persistence: float = setting(
        0.5,
        label="price impact left after a year",
        unit="share left a year later",
        low=0.0,
        high=1.0,
        doc="Share of a price impact that remains after a year.",
        source="no source",
        status="assumed",
    )
    reversal_trigger_fall: float | None = setting(
        None,
        label="fall that triggers a policy reversal",
        unit="share of value lost in a calendar year",
        low=0.05,
        high=0.99,
        doc=(
            "A fall of crypto in a calendar year of at least this size reverses policy in the next year; none = never. "
            "It acts path by path, with the kind of reversal set below."
        ),
        source="a policy question",
        status="choice",
    )
    reversal_year: int | None = setting(
        None,
        label="year of the policy reversal",
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year in which policy turns against alternatives in plans; none = never.",
        source="a policy question",
        status="choice",
    )
    reversal_kind: Literal["stop_buying", "forced_sale"] = setting(
        "stop_buying",
        label="kind of policy reversal",
        unit="name",
        doc=(
            "stop_buying: no purchases from that year on, and holdings drift; forced_sale: holdings are sold in that "
            "year."
        ),
        source="a policy question",
        status="choice",
    )
    operational_loss_frequency: float = setting(
        0.0,
        label="frequency of custodial losses",
        unit="multiple of the record's custodial events a year",
        low=0.0,
        high=10.0,
        doc=(
            "Thefts and failures of crypto custodians: random events on random paths, expected losses on a single "
            "path; 0 = none."
        ),
        source="data/crypto_incidents.csv over the value of all crypto; 1 = plans' crypto is as safe as the market's",
        status="assumed",
    )
    operational_recovery_share: float = setting(
        0.5,
        label="custodial losses recovered",
        unit="share of the loss",
        low=0.0,
        high=1.0,
        doc="Share of an operational loss that holders recover.",
        source=(
            "no source for the mean; in data/crypto_incidents.csv most reported customers were repaid, but outcomes "
            "with customer losses are mostly unreported"
        ),
        status="assumed",
    )
    custody_loss_year: int | None = setting(
        None,
        label="year a custodian fails",
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year in which a custodian fails; none = never.",
        source="a stress test; the record has dated failures and thefts, but the year of the next one is unknown",
        status="choice",
    )
    custody_loss_share: float = setting(
        0.25,
        label="crypto lost when a custodian fails",
        unit="share of the sleeve",
        low=0.0,
        high=1.0,
        doc="Share of the crypto sleeve lost permanently in that year, after recoveries.",
        source="no source for plans; sets the size of a stress test",
        status="assumed",
    )


class Fees(Section):
    """Annual charges on the balance."""

    core_rate: float = setting(
        0.004,
        label="fee on the core",
        unit="rate a year on the balance",
        low=0.0,
        high=0.02,
        doc="Fee on the core sleeve.",
        source="no source",
        status="assumed",
    )
    crypto_rate: float = setting(
        0.004,
        label="fee on crypto",
        unit="rate a year on the balance",
        low=0.0,
        high=0.05,
        doc="Custody and management fee on the crypto sleeve; the core's fee unless the scenario sets it.",
        source="no source",
        status="assumed",
    )
