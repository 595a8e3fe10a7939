"""The settings of a scenario: every lever with its unit, valid range, source and standing.

Each section is a frozen pydantic model and each field is declared through :func:`setting`, so that
validation, ``fiscal explain`` and the exported JSON Schema all read one declaration. To add a lever,
add one ``setting(...)`` line to its section; nothing else has to change.

Standing of a default: ``cited`` (a publication or the law says so), ``derived`` (stated arithmetic on
cited figures), ``assumed`` (no source; has a range and belongs in the sensitivities) or ``choice``
(what the user asks, such as the horizon).
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fiscal.axes import FIRST_YEAR, LAST_YEAR
from fiscal.errors import Problem, nearest

Status = Literal["cited", "derived", "assumed", "choice"]

NONE_WORD = "none"
"""How a scenario file writes "no value": TOML has no null of its own."""

DETERMINISTIC_PATHS = (
    "core_return",
    "boom",
    "bust",
    "boom_then_bust",
    "stagnation",
    "early_boom",
    "early_bust",
)
"""Named paths of the ``deterministic`` model; a test holds them against data/crypto_paths.csv."""

ICI_2023 = "ICI IRA Investor Database, 2023 (read second-hand; data/withdrawal_behaviour.csv)"
W2_ROTH = "IRS SOI Form W-2 Statistics, codes D and AA (data/w2_deferrals_roth.csv)"


def setting(
    default: Any,
    *,
    unit: str,
    doc: str,
    source: str,
    status: Status,
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Declare one lever: its default, unit, inclusive range, where the default comes from and its standing.

    ``low`` and ``high`` hold for the value, or for each member when the value is a list.
    """
    extra: dict[str, Any] = {"unit": unit, "source": source, "status": status}
    bounds = {"minimum": low, "maximum": high}
    if isinstance(default, tuple):
        extra["each"] = {name: bound for name, bound in bounds.items() if bound is not None}
    else:
        extra |= {name: bound for name, bound in bounds.items() if bound is not None}
    return Field(default, description=doc, json_schema_extra=extra)


class Section(BaseModel):
    """Base of all sections: frozen, no unknown keys, no silent conversion, ranges as declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _from_toml(cls, value: Any, info: ValidationInfo) -> Any:
        """TOML lists become tuples, ``"none"`` becomes None where that is allowed, -0.0 becomes 0.0."""
        name = cast(str, info.field_name)
        if isinstance(value, list):
            return tuple(value)
        if value == NONE_WORD and is_optional(cls, name):
            return None
        if isinstance(value, float) and value == 0.0:
            return 0.0
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _in_range(cls, value: Any, info: ValidationInfo) -> Any:
        low, high = bounds(cls, cast(str, info.field_name))
        members = value if isinstance(value, tuple) else (value,)
        if isinstance(value, tuple) and not value:
            raise PydanticCustomError("empty_list", "the list is empty")
        for member in members:
            if isinstance(member, str) and any("\ud800" <= mark <= "\udfff" for mark in member):
                # the name of a file that is no UTF-8, which no table, TOML or PDF could hold
                raise PydanticCustomError("not_text", "is no text that UTF-8 can hold")
            if not isinstance(member, int | float) or isinstance(member, bool):
                continue
            if (low is not None and member < low) or (high is not None and member > high):
                raise PydanticCustomError("out_of_range", "out of range")
        if isinstance(value, tuple) and len(set(value)) != len(value):
            raise PydanticCustomError("repeated", "a value is listed twice")
        return value


class Horizon(Section):
    """How far the projection runs."""

    last_year: int = setting(
        LAST_YEAR,
        unit="calendar year",
        low=2036,
        high=LAST_YEAR,
        doc="Last projected year; the claim left at its end is reported as the terminal claim.",
        source="population tables end in 2100; a shorter horizon must still cover FY2026-35",
        status="choice",
    )


class Paths(Section):
    """Which asset returns the scenario lives through."""

    model: Literal["deterministic", "historical_replay", "regime_switching", "bootstrap", "user"] = setting(
        "deterministic",
        unit="name",
        doc="Path model that makes the yearly returns.",
        source="path models of this version",
        status="choice",
    )
    name: str = setting(
        "core_return",
        unit="name",
        doc="Named path of the deterministic model; core_return: crypto earns what equity earns.",
        source="data/crypto_paths.csv, reasons in data/crypto_path_notes.csv",
        status="choice",
    )
    outside_event_return: float | None = setting(
        None,
        unit="rate a year, nominal geometric",
        low=-0.5,
        high=1.0,
        doc="Crypto's return before and after the event; none = the long-run equity return.",
        source="no source; crypto neither beats nor trails equity outside the event",
        status="assumed",
    )
    core_equity_return: float | None = setting(
        None,
        unit="rate a year, nominal geometric",
        low=-0.1,
        high=0.2,
        doc="Long-run U.S. equity return; none = real geometric mean of the record plus projected inflation.",
        source="data/annual_returns.csv (since 1928) and CBO consumer prices",
        status="derived",
    )
    core_bond_return: float | None = setting(
        None,
        unit="rate a year, nominal geometric",
        low=-0.1,
        high=0.2,
        doc="Long-run bond return; none = real geometric mean of the record plus projected inflation.",
        source="data/annual_returns.csv (since 1928) and CBO consumer prices",
        status="derived",
    )
    core_cash_return: float | None = setting(
        None,
        unit="rate a year, nominal geometric",
        low=-0.1,
        high=0.2,
        doc="Long-run cash return; none = real geometric mean of the record plus projected inflation.",
        source="data/annual_returns.csv (since 1928) and CBO consumer prices",
        status="derived",
    )
    crypto_return: float = setting(
        0.06,
        unit="rate a year, nominal geometric",
        low=-0.2,
        high=0.5,
        doc="Crypto's long-run return in the random models: expected log return, before its excess decays.",
        source="no source; 0, 6 and 15 percent are the catalogue's low, central and high",
        status="assumed",
    )
    stated_return_years: float = setting(
        10.0,
        unit="years",
        low=0.0,
        high=100.0,
        doc="Years for which crypto_return holds.",
        source="no source; no asset outgrows the economy for ever",
        status="assumed",
    )
    excess_half_life: float = setting(
        7.0,
        unit="years",
        low=0.5,
        high=1000.0,
        doc="Half-life of crypto's excess return over equity after those years.",
        source="no source",
        status="assumed",
    )
    crypto_volatility: float = setting(
        0.60,
        unit="a year, of monthly log returns",
        low=0.05,
        high=1.5,
        doc="Crypto's volatility at the start.",
        source="Bitcoin .54 in 2022-25, .69 since 2014 (data/monthly_prices.csv)",
        status="assumed",
    )
    crypto_volatility_mature: float = setting(
        0.40,
        unit="a year, of monthly log returns",
        low=0.05,
        high=1.5,
        doc="Crypto's volatility once it has matured.",
        source="no source; it fell from 1.7 in 2011-13 to .54 in 2022-25",
        status="assumed",
    )
    maturing_years: float = setting(
        20.0,
        unit="years",
        low=1.0,
        high=100.0,
        doc="Years in which volatility moves from the first to the second, in a straight line.",
        source="no source",
        status="assumed",
    )
    equity_correlation: float = setting(
        0.5,
        unit="correlation of monthly shocks",
        low=-0.5,
        high=0.95,
        doc="Crypto with equity in regime_switching.",
        source="Bitcoin and S&P 500, last 60 months .52, since 2014 .33 (data/market_fit.csv)",
        status="derived",
    )
    tail_share: float = setting(
        0.05,
        unit="share of months",
        low=0.0,
        high=0.5,
        doc="Months in which all assets' variance is multiplied together (regime_switching).",
        source="no source; Bitcoin fell in 9 of the 10 worst equity months",
        status="assumed",
    )
    tail_variance: float = setting(
        4.0,
        unit="times",
        low=1.0,
        high=25.0,
        doc="What their variance is multiplied by in those months.",
        source="no source",
        status="assumed",
    )
    block_months: float = setting(
        12.0,
        unit="months",
        low=1.0,
        high=60.0,
        doc="Mean block length of the bootstrap.",
        source="the automatic choice is one month (data/market_fit.csv), at which what hangs together over a year is "
        "lost; blocks of a year keep the record's ratio of yearly to monthly variance",
        status="assumed",
    )
    draws: Literal["pseudo", "sobol"] = setting(
        "pseudo",
        unit="name",
        doc="Random numbers of regime_switching: pseudo, or sobol: a scrambled Sobol sequence sets the slow "
        "movements, for smoother means at the same number of paths.",
        source="either is unbiased; errors of sobol come from several seeds, not from one run's spread",
        status="choice",
    )
    value_cap_over_gdp: float = setting(
        3.0,
        unit="times gross domestic product",
        low=0.1,
        high=1000.0,
        doc="Value of all crypto at which a random path is held; capped paths are counted. Named paths are not capped.",
        source="no source; several times GDP is no equilibrium",
        status="assumed",
    )
    measure: Literal["real", "risk_neutral"] = setting(
        "real",
        unit="name",
        doc="risk_neutral: every asset's month has mean one plus the bill rate; for values, not forecasts.",
        source="what is asked",
        status="choice",
    )
    replay_start: str = setting(
        "2013-12",
        unit="month, YYYY-MM",
        doc="First month of the record that historical_replay plays again.",
        source="data/monthly_prices.csv",
        status="choice",
    )
    replay_year: int = setting(
        2036,
        unit="calendar year",
        low=FIRST_YEAR + 2,
        high=LAST_YEAR,
        doc="Year in whose January the replay starts.",
        source="after adoption is complete",
        status="choice",
    )
    replay_scale: float = setting(
        1.0,
        unit="times",
        low=0.0,
        high=2.0,
        doc="Crypto's replayed log returns are multiplied by this.",
        source="1 = as recorded",
        status="choice",
    )
    file: str | None = setting(
        None,
        unit="path of a CSV file",
        doc="File of annual returns for the model user.",
        source="yours",
        status="choice",
    )
    seed: int = setting(
        1,
        unit="integer",
        low=0,
        high=2**32 - 1,
        doc="Seed of the random draws; deterministic paths do not use it.",
        source="any number will do; kept so that a run can be repeated",
        status="choice",
    )
    count: int = setting(
        1,
        unit="paths",
        low=1,
        high=1_000_000,
        doc="Number of paths; a deterministic model has one.",
        source="one path for a deterministic model",
        status="choice",
    )


class Adoption(Section):
    """How much of 401(k) money goes into crypto, who holds it and when."""

    participants_share: float = setting(
        0.0,
        unit="share of participants",
        low=0.0,
        high=1.0,
        doc="Participants with any crypto once adoption is complete; 0 = no crypto (the baseline).",
        source="today 'substantially less than one percent of the 401(k) market' (GAO); the future share "
        "has no source, the crypto scenarios assume 0.10",
        status="assumed",
    )
    allocation_share: float = setting(
        0.05,
        unit="share of the holder's balance",
        low=0.0,
        high=1.0,
        doc="Target share of crypto in the balance of a participant who holds any.",
        source="no source",
        status="assumed",
    )
    start_year: int = setting(
        2026,
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="First year of the S-curve along which the allocation grows.",
        source="Executive Order 14330 is of 7 August 2025; the start in plans is assumed",
        status="assumed",
    )
    full_year: int = setting(
        2035,
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year in which the allocation reaches its target.",
        source="no source",
        status="assumed",
    )
    group_tilt: float = setting(
        0.0,
        unit="log-odds, highest less lowest earnings group",
        low=-4.0,
        high=4.0,
        doc="Tilts who holds crypto over the earnings groups; the share of participants is kept.",
        source="no source for plans; 0 = the same share in every group",
        status="assumed",
    )
    age_tilt: float = setting(
        0.0,
        unit="log-odds per ten years of birth",
        low=-2.0,
        high=2.0,
        doc="Tilts who holds crypto toward later birth years (positive) or earlier ones; the share of those who "
        "are participants in 2025 is kept.",
        source="no source for plans; 0 = the same share at every age",
        status="assumed",
    )
    allocation_heavy_multiple: float = setting(
        1.0,
        unit="times the allocation of the others",
        low=1.0,
        high=50.0,
        doc="Divides those who hold crypto in two: the heavy hold so many times the allocation of the light; the mean "
        "over holders of 2025 stays adoption.allocation_share.",
        source="no source for plans; 1 = all hold the same allocation",
        status="assumed",
    )
    allocation_heavy_share: float = setting(
        0.2,
        unit="share of those who hold crypto",
        low=0.01,
        high=0.99,
        doc="How many of those who hold crypto hold the larger allocation.",
        source="no source for plans; without effect while adoption.allocation_heavy_multiple is 1",
        status="assumed",
    )
    allocation_group_tilt: float = setting(
        0.0,
        unit="log-odds, highest less lowest earnings group",
        low=-4.0,
        high=4.0,
        doc="Tilts the larger allocation over the earnings groups; its share of those who hold crypto is kept.",
        source="no source for plans; 0 = the same in every group",
        status="assumed",
    )
    allocation_age_tilt: float = setting(
        0.0,
        unit="log-odds per ten years of birth",
        low=-2.0,
        high=2.0,
        doc="Tilts the larger allocation toward later birth years (positive) or earlier ones; its share of those who "
        "hold crypto in 2025 is kept.",
        source="no source for plans; 0 = the same at every age",
        status="assumed",
    )
    mode: Literal["transfer", "new_money"] = setting(
        "transfer",
        unit="name",
        doc="transfer: existing balances move to the target too; new_money: only contributions do.",
        source="no source; new_money leaves a much smaller exposure",
        status="assumed",
    )
    displaces: Literal["core", "equity"] = setting(
        "core",
        unit="name",
        doc="What crypto takes the place of: the whole core pro rata, or equity.",
        source="no source",
        status="assumed",
    )
    rebalancing: float = setting(
        1.0,
        unit="strength a year",
        low=0.0,
        high=1.0,
        doc="1 returns to the target mix each year, 0 lets the mix drift; with mode new_money it always drifts.",
        source="no source; target-date funds rebalance, single funds drift",
        status="assumed",
    )


class Alternatives(Section):
    """The order's other alternative assets, held by the same participants in one sleeve with crypto.

    Their shares are targets beside ``adoption.allocation_share`` and follow the same S-curve; within the
    sleeve the mix is held constant.
    """

    private_equity_share: float = setting(
        0.0,
        unit="share of the holder's balance",
        low=0.0,
        high=1.0,
        doc="Target share of private equity in the balance of a participant who holds alternatives.",
        source="Executive Order 14330 names it; the share has no source",
        status="assumed",
    )
    real_estate_share: float = setting(
        0.0,
        unit="share of the holder's balance",
        low=0.0,
        high=1.0,
        doc="Target share of real estate in the balance of a participant who holds alternatives.",
        source="Executive Order 14330 names it; the share has no source",
        status="assumed",
    )
    commodities_share: float = setting(
        0.0,
        unit="share of the holder's balance",
        low=0.0,
        high=1.0,
        doc="Target share of commodities in the balance of a participant who holds alternatives.",
        source="Executive Order 14330 names it; the share has no source",
        status="assumed",
    )
    fee_rate: float = setting(
        0.004,
        unit="rate a year on the balance",
        low=0.0,
        high=0.05,
        doc="Management and valuation fee on alternatives other than crypto; the core's unless the scenario says more.",
        source="no source",
        status="assumed",
    )
    smoothing: float = setting(
        0.0,
        unit="weight of the half-year before",
        low=0.0,
        high=0.95,
        doc="Appraised values of private equity and real estate follow the market late: a half-year's log return "
        "keeps this weight of the one before.",
        source="no source for plans; 0 = valued at the market. Off on risk-neutral paths",
        status="assumed",
    )
    sale_share: float = setting(
        1.0,
        unit="share",
        low=0.0,
        high=1.0,
        doc="Share of a rebalancing sale that finds a buyer within the year; 0 = the sleeve cannot be sold down.",
        source="no source; fund redemption gates",
        status="assumed",
    )


class Overlays(Section):
    """Events and frictions on top of a path, each neutral unless the scenario says otherwise."""

    price_impact_multiplier: float = setting(
        0.0,
        unit="dollars of crypto market value per dollar bought",
        low=0.0,
        high=118.0,
        doc="Rise of crypto's price when plans buy: net purchases of the year before over market value, times this.",
        source="published range 4 (on-chain data) to 118 (BofA 2021), both read second-hand; 0 = no impact",
        status="cited",
    )
    price_impact_persistence: float = setting(
        0.5,
        unit="share left a year later",
        low=0.0,
        high=1.0,
        doc="What is left of a price impact after a year.",
        source="no source",
        status="assumed",
    )
    reversal_trigger_fall: float | None = setting(
        None,
        unit="share of value lost in a calendar year",
        low=0.05,
        high=0.99,
        doc="A fall of crypto in a calendar year of at least this turns policy in the next; none = never. It acts "
        "path by path, with the kind of the reversal year.",
        source="a policy question",
        status="choice",
    )
    reversal_year: int | None = setting(
        None,
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year in which policy turns against alternatives in plans; none = never.",
        source="a policy question",
        status="choice",
    )
    reversal_kind: Literal["stop_buying", "forced_sale"] = setting(
        "stop_buying",
        unit="name",
        doc="stop_buying: nothing is bought from that year on, holdings drift; forced_sale: they are sold then.",
        source="a policy question",
        status="choice",
    )
    operational_loss_frequency: float = setting(
        0.0,
        unit="multiple of the record's custodial events a year",
        low=0.0,
        high=10.0,
        doc="Thefts and failures of crypto custodians, drawn on random paths and expected on a single one; 0 = none.",
        source="data/crypto_incidents.csv over the value of all crypto; 1 = plans' crypto is kept as the market's",
        status="assumed",
    )
    operational_recovery_share: float = setting(
        0.5,
        unit="share of what is lost",
        low=0.0,
        high=1.0,
        doc="What holders get back of an operational loss.",
        source="no source for the mean: where data/crypto_incidents.csv reports an outcome most customers were "
        "paid, where customers lost the outcome is mostly not reported",
        status="assumed",
    )
    custody_loss_year: int | None = setting(
        None,
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year in which a custodian fails; none = never.",
        source="a stress; dated failures and thefts are in the record, their next year is not",
        status="choice",
    )
    custody_loss_share: float = setting(
        0.25,
        unit="share of the sleeve",
        low=0.0,
        high=1.0,
        doc="Share of the crypto sleeve lost for good in that year, after what is recovered.",
        source="no source for plans; sizes a stress",
        status="assumed",
    )


class Fees(Section):
    """Yearly charges on the balance."""

    core_rate: float = setting(
        0.004,
        unit="rate a year on the balance",
        low=0.0,
        high=0.02,
        doc="Fee on the core sleeve.",
        source="no source",
        status="assumed",
    )
    crypto_rate: float = setting(
        0.004,
        unit="rate a year on the balance",
        low=0.0,
        high=0.05,
        doc="Custody and management fee on the crypto sleeve; the core's unless the scenario says more.",
        source="no source",
        status="assumed",
    )


class Roth(Section):
    """Roth use and Roth law."""

    elective_share_2025: float = setting(
        0.154,
        unit="share of elective-deferral dollars",
        low=0.0,
        high=1.0,
        doc="Roth share of elective deferrals in 2025.",
        source=f"{W2_ROTH}: 10.41 percent in 2020 plus a point a year",
        status="derived",
    )
    elective_share_step: float = setting(
        0.01,
        unit="share a year",
        low=-0.2,
        high=0.2,
        doc="Yearly rise of the Roth share until the plateau year; mandated Roth catch-up comes on top.",
        source=f"{W2_ROTH}: from 5.1 percent in 2014 to 10.4 in 2020, about a point a year",
        status="derived",
    )
    plateau_year: int = setting(
        2035,
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="Year from which the Roth share stays where it is.",
        source="no source",
        status="assumed",
    )
    employer_share: float = setting(
        0.0,
        unit="share of employer dollars",
        low=0.0,
        high=1.0,
        doc="Share of employer contributions made as Roth (SECURE 2.0 Act s.604).",
        source="permitted since 2023; its use is not published",
        status="assumed",
    )
    employer_first_year: int = setting(
        FIRST_YEAR,
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="First year in which employer_share holds; before it employers contribute traditional money.",
        source="permitted since 2023 (SECURE 2.0 Act s.604)",
        status="choice",
    )
    group_tilt: float = setting(
        0.0,
        unit="log-odds, highest less lowest earnings group",
        low=-3.0,
        high=3.0,
        doc="Tilts the Roth share of deferrals over the earnings groups; the mean over dollars is kept.",
        source="use by pay is nearly flat (Alight 2016, data/roth_use.csv)",
        status="assumed",
    )
    full_from_year: int | None = setting(
        None,
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year from which every contribution, the employer's too, is Roth (full Rothification); none = never.",
        source="a policy question",
        status="choice",
    )
    none_from_year: int | None = setting(
        None,
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year from which every contribution is traditional (a traditional mandate); none = never.",
        source="a policy question",
        status="choice",
    )
    opening_stock_share: float = setting(
        0.05,
        unit="share of assets on 31 March 2025",
        low=0.03,
        high=0.08,
        doc="Roth share of the opening stock.",
        source=f"cumulated Roth deferrals, {W2_ROTH}; the accumulation is assumed",
        status="assumed",
    )
    opening_basis_share: float = setting(
        0.75,
        unit="share of Roth balances",
        low=0.0,
        high=1.0,
        doc="Contributions (basis) in the opening Roth stock; the rest is earnings.",
        source="no source",
        status="assumed",
    )
    catch_up_mandate: bool = setting(
        True,
        unit="switch",
        doc="Catch-up dollars of people above the wage threshold must be Roth from 2026.",
        source="SECURE 2.0 Act s.603; 26 U.S.C. 414(v)(7)",
        status="cited",
    )
    tax_nonqualified_earnings: bool = setting(
        True,
        unit="switch",
        doc="Earnings in non-qualified Roth distributions are taxed, pro rata.",
        source="26 U.S.C. 402A(d)(2) and 72(e)(8)",
        status="cited",
    )


class Limits(Section):
    """Contribution limits."""

    indexed: bool = setting(
        True,
        unit="switch",
        doc="Limits follow consumer prices after 2026, rounded down as the statute says; false freezes them.",
        source="26 U.S.C. 402(g)(4), 414(v)(2)(C), 415(d), 401(a)(17)(B)",
        status="cited",
    )

    change_year: int = setting(
        FIRST_YEAR + 2,
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Year from which the dollar limits of this section hold; they are in its dollars and indexed as law's are.",
        source="a policy question",
        status="choice",
    )
    elective_limit_usd: float | None = setting(
        None,
        unit="dollars a year",
        low=0.0,
        high=100_000.0,
        doc="Limit on elective deferrals, s.402(g); none = the law's. A higher one changes nothing: no wish "
        "beyond the limit is known.",
        source="a policy question",
        status="choice",
    )
    catch_up_limit_usd: float | None = setting(
        None,
        unit="dollars a year",
        low=0.0,
        high=50_000.0,
        doc="Limit on catch-up contributions at all ages from 50; none = the law's.",
        source="a policy question",
        status="choice",
    )
    additions_limit_usd: float | None = setting(
        None,
        unit="dollars a year",
        low=0.0,
        high=200_000.0,
        doc="Limit on a person's elective and employer contributions together, s.415(c); none = the law's.",
        source="a policy question",
        status="choice",
    )
    balance_cap_usd: float | None = setting(
        None,
        unit="dollars",
        low=10_000.0,
        high=1e9,
        doc="Balance above which nobody may contribute (prices of change_year, indexed by the CPI-U); none = no cap.",
        source="a policy question; proposals of 2021 named 10 million dollars, not among the sources read",
        status="choice",
    )


class Withdrawals(Section):
    """How money leaves, other than by death."""

    leakage_scale: float = setting(
        1.0,
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="Cash-outs and hardship withdrawals before retirement.",
        source="1 = the base table, data/withdrawal_behaviour.csv",
        status="choice",
    )
    draw_scale: float = setting(
        1.0,
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="Voluntary retirement draws.",
        source="1 = the base table, data/soi_ira_by_age.csv and data/scf_withdrawal_rates.csv",
        status="choice",
    )
    rollover_scale: float = setting(
        1.0,
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="Rollovers from the plan to an IRA; the money stays deferred.",
        source="1 = the base table, data/withdrawal_behaviour.csv",
        status="choice",
    )
    roth_draw_ratio: float = setting(
        0.3,
        unit="ratio to traditional draws",
        low=0.0,
        high=1.0,
        doc="Roth draws in retirement, next to traditional ones at the same age.",
        source="no source for plans; at 60-69 Roth IRA owners draw a third as often as traditional ones "
        "(ICI IRA Investor Database, read second-hand; data/withdrawal_behaviour.csv)",
        status="assumed",
    )
    still_working_exception: bool = setting(
        True,
        unit="switch",
        doc="No required distribution from the plan of a person still at work there.",
        source="26 U.S.C. 401(a)(9)(C)(i)(II)",
        status="cited",
    )
    rmd_exact_share: float = setting(
        0.43,
        unit="share of owners of RMD age",
        low=0.0,
        high=1.0,
        doc="Owners who withdraw exactly the required minimum.",
        source=f"{ICI_2023}: 52.5 percent of the 81.7 percent who withdraw",
        status="cited",
    )
    rmd_above_share: float = setting(
        0.29,
        unit="share of owners of RMD age",
        low=0.05,
        high=1.0,
        doc="Owners who withdraw at a rate of their own above the minimum; the remainder takes less or none.",
        source=f"{ICI_2023}: 35.6 percent of the 81.7 percent who withdraw",
        status="cited",
    )
    conversion_rate: float = setting(
        0.0,
        unit="share of the traditional balance a year",
        low=0.0,
        high=1.0,
        doc="Roth conversions: a taxable flow without the additional tax.",
        source="none in the baseline",
        status="choice",
    )
    conversion_first_year: int = setting(
        FIRST_YEAR,
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="First year of Roth conversions.",
        source="a policy question",
        status="choice",
    )
    conversion_last_year: int = setting(
        LAST_YEAR,
        unit="calendar year",
        low=FIRST_YEAR,
        high=LAST_YEAR,
        doc="Last year of Roth conversions.",
        source="a policy question",
        status="choice",
    )
    rmd_age_shift: int = setting(
        0,
        unit="years",
        low=-1,
        high=15,
        doc="Added to the age at which required distributions begin, for people who have not reached it by 2026.",
        source="0 = SECURE 2.0 Act s.107: 73, and 75 for births from 1960",
        status="choice",
    )
    retirement_age_shift: int = setting(
        0,
        unit="years",
        low=-3,
        high=10,
        doc="Years by which work, contributions and voluntary draws after 60 move to later ages.",
        source="0 = participation and draws by age as published",
        status="choice",
    )
    additional_tax_rate: float = setting(
        0.10,
        unit="rate on penalised withdrawals",
        low=0.0,
        high=1.0,
        doc="Additional tax on early withdrawals.",
        source="26 U.S.C. 72(t)(1)",
        status="cited",
    )


class Heirs(Section):
    """What happens to the accounts of the dead."""

    years: int = setting(
        10,
        unit="years",
        low=1,
        high=10,
        doc="Years within which an inherited account is emptied.",
        source="SECURE Act s.401; 26 U.S.C. 401(a)(9)(H)",
        status="cited",
    )
    age_gap: int = setting(
        28,
        unit="years",
        low=20,
        high=35,
        doc="Heirs are taxed on the schedule of people this much younger than the owner.",
        source="about one generation; no source",
        status="assumed",
    )
    spouse_share_scale: float = setting(
        1.0,
        unit="multiple of the base table",
        low=0.0,
        high=2.0,
        doc="Share of a dead owner's account that passes to the spouse and stays.",
        source="1 = the base table, itself assumed",
        status="assumed",
    )


class People(Section):
    """Population, mortality and ranks."""

    scale: float = setting(
        1.0,
        unit="multiple of the population",
        low=0.001,
        high=10.0,
        doc="Scales every person and with them every dollar; for tests and teaching.",
        source="1 = SSA age shape on CBO totals",
        status="choice",
    )
    mortality_ratio: float = setting(
        2.0,
        unit="ratio of bottom to top group",
        low=1.0,
        high=4.0,
        doc="Death rates of the lowest earnings group over the highest; the mean stays the life table's.",
        source="no source",
        status="assumed",
    )
    rank_correlation: float = setting(
        0.8,
        unit="correlation over ten years",
        low=0.5,
        high=1.0,
        doc="Correlation of wage ranks ten years apart while at work; 1 = nobody moves.",
        source="no source",
        status="assumed",
    )
    retired_rank_correlation: float = setting(
        0.8,
        unit="correlation",
        low=0.5,
        high=1.0,
        doc="Correlation of the lifetime wage rank with the income rank in retirement.",
        source="no source",
        status="assumed",
    )


class Contributions(Section):
    """Scales on what is paid in."""

    elective_scale: float = setting(
        1.0,
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="What people wish to defer; the limits still cut it.",
        source="1 = the base table, data/contribution_profile.csv",
        status="choice",
    )
    employer_scale: float = setting(
        1.0,
        unit="multiple of the base table",
        low=0.0,
        high=3.0,
        doc="Employer contributions.",
        source="1 = the base table, data/contribution_profile.csv",
        status="choice",
    )


class Tax(Section):
    """Tax law."""

    withdrawal_scale: float = setting(
        1.0,
        unit="multiple of the law's tax on withdrawals",
        low=0.5,
        high=1.5,
        doc="Multiplies income tax on withdrawals of owners and heirs in every year; not the deferral's.",
        source="1 = the law's schedules",
        status="choice",
    )
    flat_rate: float | None = setting(
        None,
        unit="rate",
        low=0.0,
        high=0.6,
        doc="One rate in place of every tax schedule, for tests and teaching; none = the law's schedules.",
        source="schedules built with Tax-Calculator",
        status="choice",
    )


class Scope(Section):
    """Which accounts are in the numbers."""

    plans: Literal["401k", "all_dc"] = setting(
        "401k",
        unit="name",
        doc="401k, or all_dc: with 403(b), 457, Thrift Savings Plan and other private plans in the 401(k)'s shape.",
        source="headline: ICI 8.7 of 12.2 trillion dollars; all_dc also takes BEA's contributions and more holders",
        status="choice",
    )
    rollover_stock: bool = setting(
        False,
        unit="switch",
        doc="Adds the existing traditional IRAs that came from 401(k) plans.",
        source="beside the headline only",
        status="choice",
    )


class Books(Section):
    """How dollars are booked and discounted."""

    withdrawal_fiscal_same_year_share: float = setting(
        0.60,
        unit="share",
        low=0.0,
        high=1.0,
        doc="Part of a calendar year's withdrawal and conversion tax booked in that fiscal year.",
        source="no source; the rest falls in the next fiscal year",
        status="assumed",
    )
    deferral_fiscal_same_year_share: float = setting(
        0.75,
        unit="share",
        low=0.0,
        high=1.0,
        doc="Part of a calendar year's revenue forgone on contributions booked in that fiscal year.",
        source="wages are paid evenly and the fiscal year ends on 30 September: nine months of twelve",
        status="derived",
    )
    discount_rates: tuple[float, ...] = setting(
        (0.03,),
        unit="rates a year, nominal",
        low=0.0,
        high=0.15,
        doc="Rates of the present-value basis 'fixed'.",
        source="no single rate is right; shown beside the other bases",
        status="choice",
    )
    convention_rates: tuple[float, ...] = setting(
        (0.035, 0.06),
        unit="rates a year, nominal",
        low=0.0,
        high=0.15,
        doc="Rates of the basis 'convention', used both as return and as discount rate.",
        source="3.5 percent: CBO 57585 appendix (read second-hand); 6 percent: Center for Retirement "
        "Research, 'How to Calculate Tax Expenditures for 401(k) Plans'",
        status="cited",
    )
    displaced_taxable_share: float = setting(
        0.0,
        unit="share",
        low=0.0,
        high=1.0,
        doc="Part of the crypto sleeve that households would otherwise hold outside plans, where its gains are "
        "taxed: the line displaced_gains_tax, in no total.",
        source="no source; what plans' crypto displaces is not known, so .5 and 1 are shown beside nil",
        status="assumed",
    )
    risk_neutral_paths: int = setting(
        32,
        unit="paths",
        low=0,
        high=100_000,
        doc="Paths of the values at market prices of risk; the last one earns the bill rate on everything, "
        "which its value is known from. Fewer than four: none.",
        source="errors of a few tenths of a percent of the claim with the control variate",
        status="choice",
    )
    price_year: int = setting(
        2025,
        unit="calendar year",
        low=2015,
        high=2036,
        doc="Year whose prices real dollars are in.",
        source="opening year of the projection",
        status="choice",
    )


class Backstop(Section):
    """A contingent rule by which government makes up savers' balances; in no headline total."""

    trigger_share: float = setting(
        0.10,
        unit="share of the balance without crypto",
        low=0.0,
        high=1.0,
        doc="A cohort is made up when its balance is more than this below its balance without crypto.",
        source="no such law or proposal exists; sizes a contingent liability",
        status="assumed",
    )
    made_up_share: float = setting(
        0.95,
        unit="share of the balance without crypto",
        low=0.0,
        high=1.0,
        doc="Share of the balance without crypto that a covered cohort is made up to.",
        source="no such law or proposal exists; sizes a contingent liability",
        status="assumed",
    )
    retirement_age: int = setting(
        65,
        unit="age",
        low=50,
        high=75,
        doc="Age up to which cohorts are covered.",
        source="age of Medicare eligibility, when most leave work",
        status="assumed",
    )
    years_before: int = setting(
        10,
        unit="years",
        low=1,
        high=40,
        doc="Cohorts within so many years of the retirement age are covered.",
        source="savers who have little time to make up a loss",
        status="assumed",
    )
    paths: int = setting(
        64,
        unit="paths",
        low=0,
        high=100_000,
        doc="Random and risk-neutral paths on which the rule is looked at; fewer than four: none.",
        source="the mean's standard error is printed",
        status="choice",
    )


RESPONSES = (
    "behaviour.contribution_price_elasticity",
    "behaviour.contribution_return_response",
    "behaviour.chasing",
    "behaviour.panic_share",
)
"""Settings by which savers answer to prices and returns; with all of them nil a score is static."""


class Behaviour(Section):
    """Responses of savers, each nil by default: a static estimate. With them on, a sensitivity beside it."""

    contribution_price_elasticity: float = setting(
        0.0,
        unit="elasticity of elective deferrals to the price of a dollar saved",
        low=0.0,
        high=2.0,
        doc="Elective deferrals answer to the price of saving today, 1 less the tax saved on contributing; what Roth "
        "saves at withdrawal is not in it.",
        source="0: nominal contributions unchanged under Roth (Beshears, Choi, Laibson, Madrian 2017)",
        status="cited",
    )
    contribution_return_response: float = setting(
        0.0,
        unit="share of contributions per unit of log return over equity in the year before",
        low=-1.0,
        high=2.0,
        doc="Crypto holders' contributions answer to crypto's past return, between half and twice.",
        source="no source",
        status="assumed",
    )
    chasing: float = setting(
        0.0,
        unit="share of the allocation per unit of log return over equity in the year before",
        low=0.0,
        high=2.0,
        doc=(
            "The target allocation rises after good years of crypto and falls after bad ones; at most "
            "twice, never below 0."
        ),
        source="no source; flows into funds follow past returns",
        status="assumed",
    )
    panic_fall: float = setting(
        0.5,
        unit="share of value lost in a calendar year",
        low=0.05,
        high=0.99,
        doc="A fall of crypto in a calendar year of at least this sets off selling.",
        source="no source; Bitcoin fell by half or more in data/crypto_drawdowns.csv eight times",
        status="assumed",
    )
    panic_share: float = setting(
        0.0,
        unit="share of the allocation",
        low=0.0,
        high=1.0,
        doc="Share of the allocation sold after such a fall.",
        source="no source; most 401(k) participants never trade",
        status="assumed",
    )
    panic_years: int = setting(
        3,
        unit="years",
        low=1,
        high=30,
        doc="Years for which the allocation stays lower.",
        source="no source",
        status="assumed",
    )


class Law(Section):
    """A change of the income tax itself."""

    reform: str | None = setting(
        None,
        unit="path of a JSON file",
        doc="Tax-Calculator reform file; its schedules are built once (minutes) and kept in a cache.",
        source="yours",
        status="choice",
    )
    reform_year: int | None = setting(
        None,
        unit="calendar year",
        low=FIRST_YEAR + 1,
        high=LAST_YEAR,
        doc="Moves the file's years so that its first one is this; none = the years of the file.",
        source="yours",
        status="choice",
    )


class State(Section):
    """State income tax, on lines of its own and in no federal total."""

    income_tax: bool = setting(
        False,
        unit="switch",
        doc="Adds state_deferred_revenue and state_withdrawal_tax to the books.",
        source="off: the headline is federal",
        status="choice",
    )
    rate: float | None = setting(
        None,
        unit="rate",
        low=0.0,
        high=0.133,
        doc="State income tax rate on the dollars deferred and withdrawn; none = the average over all income and "
        "states, 3.0 percent. The rate on the last dollar of who saves is higher; nine states tax no wages.",
        source="Census, individual income taxes of all states (data/state_income_tax.csv), over CBO's income on "
        "federal returns of 2024 (data/cbo_income_tax_details.csv)",
        status="derived",
    )
    withdrawals_taxed_share: float = setting(
        0.7,
        unit="share of withdrawals",
        low=0.0,
        high=1.0,
        doc="Share of withdrawals that states tax: several exempt pensions in whole or part, and retirees move.",
        source="no source",
        status="assumed",
    )


class Macro(Section):
    """The economy around the accounts."""

    wage_growth_adjust: float = setting(
        0.0,
        unit="rate a year",
        low=-0.02,
        high=0.02,
        doc="Added to the growth of average wages in every year.",
        source="none in the baseline",
        status="choice",
    )


class Assumptions(BaseModel):
    """Rows of data/assumptions.csv that this scenario changes; keys and ranges are the table's."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, float] = Field(init=False)


class Settings(Section):
    """All settings of a scenario, by section."""

    horizon: Horizon = Field(default_factory=Horizon)
    paths: Paths = Field(default_factory=Paths)
    adoption: Adoption = Field(default_factory=Adoption)
    alternatives: Alternatives = Field(default_factory=Alternatives)
    overlays: Overlays = Field(default_factory=Overlays)
    fees: Fees = Field(default_factory=Fees)
    roth: Roth = Field(default_factory=Roth)
    limits: Limits = Field(default_factory=Limits)
    withdrawals: Withdrawals = Field(default_factory=Withdrawals)
    heirs: Heirs = Field(default_factory=Heirs)
    people: People = Field(default_factory=People)
    contributions: Contributions = Field(default_factory=Contributions)
    tax: Tax = Field(default_factory=Tax)
    scope: Scope = Field(default_factory=Scope)
    books: Books = Field(default_factory=Books)
    backstop: Backstop = Field(default_factory=Backstop)
    behaviour: Behaviour = Field(default_factory=Behaviour)
    law: Law = Field(default_factory=Law)
    state: State = Field(default_factory=State)
    macro: Macro = Field(default_factory=Macro)
    assumptions: Assumptions = Field(default_factory=Assumptions)


ASSUMPTIONS = "assumptions"

SECTIONS: Mapping[str, type[Section]] = {
    name: cast("type[Section]", field.annotation)
    for name, field in Settings.model_fields.items()
    if name != ASSUMPTIONS
}
"""Section name -> its model, in the order of the scenario file; ``assumptions`` is apart."""


def bounds(section: type[Section], field: str) -> tuple[float | None, float | None]:
    """Inclusive range declared for a field (of each member, for lists); None where unbounded."""
    extra = _extra(section, field)
    extra = extra.get("each", extra)
    return extra.get("minimum"), extra.get("maximum")


def _extra(section: type[Section], field: str) -> dict[str, Any]:
    return cast("dict[str, Any]", section.model_fields[field].json_schema_extra or {})


def is_optional(section: type[Section], field: str) -> bool:
    """Whether the field may hold no value (written ``"none"``)."""
    return type(None) in typing.get_args(section.model_fields[field].annotation)


@dataclass(frozen=True)
class Declared:
    """One lever as declared: everything ``explain`` and the messages need."""

    key: str
    default: Any
    unit: str
    low: float | None
    high: float | None
    allowed: str
    source: str
    status: str
    doc: str


def declared() -> Iterator[Declared]:
    """Every lever, in the order of the scenario file."""
    for section_name, section in SECTIONS.items():
        for name, field in section.model_fields.items():
            extra = _extra(section, name)
            low, high = bounds(section, name)
            yield Declared(
                key=f"{section_name}.{name}",
                default=field.default,
                unit=extra["unit"],
                low=low,
                high=high,
                allowed=allowed(section, name),
                source=extra["source"],
                status=extra["status"],
                doc=field.description or "",
            )


def known_keys() -> tuple[str, ...]:
    """Dotted names of all levers."""
    return tuple(lever.key for lever in declared())


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text in quotes"}


def allowed(section: type[Section], field: str) -> str:
    """What a field takes, in plain words: kind, range or choices."""
    annotation = section.model_fields[field].annotation
    text = _kind(annotation)
    low, high = bounds(section, field)
    if low is not None and high is not None:
        text += f" from {low:g} to {_plain(high)}"
    if is_optional(section, field):
        text += f', or "{NONE_WORD}"'
    return text


def _plain(value: float) -> str:
    return str(int(value)) if value == math.floor(value) else f"{value:g}"


def _kind(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _kind(next(argument for argument in arguments if argument is not type(None)))
    if origin is Literal:
        return "one of " + ", ".join(json.dumps(value) for value in arguments)
    if origin is tuple:
        return "a list, each " + _kind(arguments[0])
    return _KINDS[annotation]


def contradictions(settings: Settings) -> list[Problem]:
    """Values that are fine alone and wrong together."""
    found: list[Problem] = []
    horizon, adoption, withdrawals = settings.horizon, settings.adoption, settings.withdrawals
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
            Problem(
                f"{settings.paths.model} has one path",
                key="paths.count",
                value=settings.paths.count,
                allowed="1",
            )
        )
    if settings.paths.measure == "risk_neutral" and settings.paths.model not in (
        "regime_switching",
        "bootstrap",
    ):
        found.append(
            Problem(
                f"{settings.paths.model} states returns, not their distribution: it has no risk-neutral measure",
                key="paths.measure",
                value=settings.paths.measure,
                allowed="real, or another model (regime_switching, bootstrap)",
            )
        )
    if settings.paths.draws == "sobol" and settings.paths.model != "regime_switching":
        found.append(
            Problem(
                f"{settings.paths.model} takes no Sobol points",
                key="paths.draws",
                value=settings.paths.draws,
                allowed='"pseudo", or the model regime_switching',
            )
        )
    if settings.paths.model != "user" and settings.paths.file is not None:
        found.append(
            Problem(
                f"{settings.paths.model} reads no file",
                key="paths.file",
                value=settings.paths.file,
                allowed='"none", or paths.model = "user"',
            )
        )
    if settings.paths.model == "user" and settings.paths.file is None:
        found.append(
            Problem(
                "the model user needs a file", key="paths.file", value=None, allowed="a CSV of annual returns"
            )
        )
    others, overlays = settings.alternatives, settings.overlays
    other_shares = others.private_equity_share + others.real_estate_share + others.commodities_share
    if adoption.allocation_share + other_shares > 1:
        found.append(
            Problem(
                "the shares of crypto, private equity, real estate and commodities add up to more than the balance",
                key="adoption.allocation_share",
                value=adoption.allocation_share,
                allowed=f"at most {max(1 - other_shares, 0):g} beside the alternatives",
            )
        )
    if overlays.price_impact_multiplier > 0 and other_shares > 0:
        found.append(
            Problem(
                "price impact is defined for a sleeve of crypto alone",
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
                    f"the year lies outside the horizon, which ends in {horizon.last_year}",
                    key=key,
                    value=year,
                    allowed=f"a year up to {horizon.last_year} (horizon.last_year)",
                )
            )
    found += _lever_contradictions(settings)
    if withdrawals.rmd_exact_share + withdrawals.rmd_above_share > 1.0 + 1e-12:
        found.append(
            Problem(
                "the shares of the RMD types add to more than 1",
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
    found += _allocation_contradictions(settings)
    behaviour = settings.behaviour
    if (behaviour.chasing or behaviour.panic_share) and settings.adoption.displaces == "equity":
        found.append(
            Problem(
                "an allocation that answers to returns can only displace the core: what displaces equity is fixed",
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
                "a flat rate stands in place of every schedule: a reform would change nothing",
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


def _allocation_contradictions(settings: Settings) -> list[Problem]:
    """Two kinds of holders: one has to hold more than the other, and nobody more than everything."""
    adoption, others = settings.adoption, settings.alternatives
    sleeve = (
        adoption.allocation_share
        + others.private_equity_share
        + others.real_estate_share
        + others.commodities_share
    )
    multiple, share = adoption.allocation_heavy_multiple, adoption.allocation_heavy_share
    found = [
        Problem(
            "tilts a larger allocation that nobody holds",
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


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a scenario file, for editors and other programs."""
    from fiscal.scenario.assumptions import adjustable
    from fiscal.scenario.scenario import Header

    schema = Settings.model_json_schema()
    header = Header.model_json_schema()
    header.pop("$defs", None)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "fiscal scenario"
    schema["description"] = "Overrides on the documented defaults of the fiscal model."
    schema["properties"] = {"scenario": header, **schema["properties"]}
    rows = schema["$defs"]["Assumptions"]
    rows["additionalProperties"] = False
    rows["properties"] = {key: _row_schema(row) for key, row in adjustable().items()}
    for definition in schema["$defs"].values():
        for field in definition["properties"].values():
            each = field.pop("each", None)
            if each:
                field["items"] |= each
            if "anyOf" in field:
                field["anyOf"].append({"const": NONE_WORD})
    return schema


def _row_schema(row: Declared) -> dict[str, Any]:
    """JSON Schema of one row of data/assumptions.csv."""
    schema: dict[str, Any] = {"type": "number", "default": row.default, "description": row.doc}
    schema |= {"unit": row.unit, "source": row.source, "status": row.status}
    ends = {"minimum": row.low, "maximum": row.high}
    return schema | {name: end for name, end in ends.items() if end is not None}
