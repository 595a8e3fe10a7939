"""Describe a scenario's path and the adoption at its event, before and after a run. An event before adoption is full
affects few holders, and its effect on receipts can differ in sign from that of the same event after adoption. All
outputs take the warning from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fiscal.base import sources
from fiscal.base.axes import ASSETS, FIRST_YEAR
from fiscal.base.errors import InputError
from fiscal.base.words import signed_amount, window_name
from fiscal.budget.valuation import WINDOWS
from fiscal.engine.allocation import path_settings, returns_beside_growth
from fiscal.markets.events import Event, described, geometric_rate
from fiscal.markets.history import crypto_start_usd
from fiscal.markets.paths import path_model, smoothed
from fiscal.people.economy import macro
from fiscal.results.events import event_in, held_share, returns_in, states_returns
from fiscal.results.running import quick

if TYPE_CHECKING:
    import pandas as pd

    from fiscal.results.result import Result
    from fiscal.scenario import Scenario
    from fiscal.scenario.schema import Settings

ENOUGH_HELD_SHARE = 0.5
"""Share of full adoption below which an event gets a warning."""

SMALLEST_EFFECT_BN_USD = 0.05
"""Effects below this have no reported sign."""

OTHER_SIGN = "After full adoption, the same event can have an effect of the opposite sign."

REFERENCES = {"no_crypto": "no crypto", "equity_adoption": "the same adoption in equity"}
LINES = {"net_revenue": "net revenue", "withdrawal_tax": "withdrawal tax"}


LARGEST_VALUE_OVER_GDP = 1.0 + 1e-6
"""Implied value of all crypto over GDP above which a scenario is warned of."""


def returns_of(scenario: Scenario) -> pd.DataFrame:
    """Returns of the scenario's path by year and asset to the horizon, without a run: years as index, assets as
    columns.

    Raises InputError for a file that cannot be used.
    """
    import pandas as pd

    settings = scenario.settings
    years = np.arange(FIRST_YEAR, settings.horizon.last_year + 1)
    model = path_model(settings.paths.model)
    market = smoothed(model.central(path_settings(settings), years), settings.alternatives.smoothing)
    return pd.DataFrame(market.annual_returns()[0], index=pd.Index(years, name="year"), columns=list(ASSETS))


def path_sentence(settings: Settings, returns: pd.DataFrame) -> str:
    """The path in words, from its returns alone; empty if there is no path to describe."""
    if not states_returns(settings):
        return ""
    years, crypto = returns.index.to_numpy(), returns["crypto"].to_numpy(dtype=float)
    long_run = geometric_rate(years, crypto)
    sign = "minus " if long_run < 0 else ""
    return (
        f"{described(event_in(settings, returns))} From 2027 to {years[-1]} crypto earns "
        f"{sign}{abs(100 * long_run):.1f} percent per year (geometric mean)."
    )


def returns_sentence(settings: Settings) -> str:
    """Expected returns of U.S. stocks and of the core's mix beside growth of output, over the budget windows."""
    last = settings.horizon.last_year
    means = [
        (window, returns_beside_growth(settings, window.first, window.last))
        for window in (WINDOWS[0], WINDOWS[-1])
        if window.last <= last
    ]
    return " ".join(
        f"In {window_name(window.label)}, U.S. stocks return {_points(mean['r'])} percent per year, the mix of stocks, "
        f"bonds, and cash returns {_points(mean['r_mix'])} percent, and GDP grows by {_points(mean['g'])} percent, so "
        f"r - g is {_points(mean['r_minus_g'])} points for stocks and {_points(mean['r_mix_minus_g'])} for the mix."
        for window, mean in means
    )


def _points(rate: float) -> str:
    return f"{100 * rate:.1f}"


def value_warning(scenario: Scenario, returns: pd.DataFrame) -> str:
    """A path on which the value of all crypto passes GDP; empty without crypto, for random paths, and below GDP."""
    settings = scenario.settings
    if not states_returns(settings):
        return ""
    years = returns.index.to_numpy()
    later = years > FIRST_YEAR
    value = crypto_start_usd() * (1 + returns["crypto"].to_numpy(dtype=float)[later]).cumprod()
    over = value / (1e9 * macro(years[later])["gdp_bn_usd"].to_numpy(dtype=float))
    if over.max() <= LARGEST_VALUE_OVER_GDP:
        return ""
    first = years[later][over > LARGEST_VALUE_OVER_GDP][0]
    bounded = "" if settings.paths.after_event == "gdp" else '; paths.after_event = "gdp" lets it grow with GDP instead'
    return (
        f"Warning: in {scenario.name} the value of all crypto that the path implies passes GDP in {first} and is "
        f"{over[-1]:.1f} times GDP in {years[-1]}{bounded}."
    )


def _share_sentence(scenario: Scenario, event: Event, share: float) -> str:
    full = scenario.settings.adoption.full_year
    return (
        f"Warning: in {scenario.name} the event starts in {event.first_year}, when savers hold {100 * share:.0f} "
        f"percent of the crypto planned for {full}."
    )


def warning_before(scenario: Scenario, returns: pd.DataFrame) -> str:
    """The warning that needs no run: an event at less than half of full adoption. Empty without a warning."""
    event = event_in(scenario.settings, returns)
    if event is None or (share := held_share(scenario.settings, event.first_year)) >= ENOUGH_HELD_SHARE:
        return ""
    return f"{_share_sentence(scenario, event, share)} {OTHER_SIGN}"


def warning_after(result: Result) -> str:
    """The warning of a run: the share held, and the effects that would change sign with full adoption before the event.
    Empty if at least half of full adoption is held and every sign is the same."""
    scenario, settings = result.scenario, result.scenario.settings
    if "asset_returns" not in result.tables:
        return ""
    event = event_in(settings, returns_in(result))
    if event is None or (share := held_share(settings, event.first_year)) >= 1:
        return ""
    turned = _turned_signs(result, event)
    if share >= ENOUGH_HELD_SHARE and not turned:
        return ""
    return f"{_share_sentence(scenario, event, share)} {turned or OTHER_SIGN}"


def _turned_signs(result: Result, event: Event) -> str:
    """The effects over the longest and the first window that differ in sign from those under full adoption."""
    full_year = max(event.first_year - 1, FIRST_YEAR + 1)
    start_year = min(result.scenario.settings.adoption.start_year, full_year - 1)
    if result.data_fingerprint != sources.fingerprint():
        return ""
    try:
        changes = {"adoption.start_year": start_year, "adoption.full_year": full_year}
        full = quick(result.scenario.with_overrides(changes))
    except InputError:  # a stored run without its files
        return ""
    windows = list(dict.fromkeys(result.tables["windows"]["window"]))
    for window in dict.fromkeys((windows[-1], windows[0])):
        for line, words in LINES.items():
            for reference, against in REFERENCES.items():
                own, other = (_effect(one, window, line, reference) for one in (result, full))
                if own * other < 0 and min(abs(own), abs(other)) >= SMALLEST_EFFECT_BN_USD:
                    return (
                        f"Its effect on {words} against {against} over {window_name(window)} is {signed_amount(own)}; "
                        f"with full adoption before the event it would be {signed_amount(other)}."
                    )
    return ""


def _effect(result: Result, window: str, line: str, reference: str) -> float:
    frame = result.tables["windows"]
    own = frame[(frame["window"] == window) & (frame["line"] == line)].set_index("path")["nominal_bn_usd"]
    return float(own["scenario"] - own[reference])
