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
from fiscal.engine.inputs import adoption_curve, core_overrides, path_settings
from fiscal.markets.events import Event, described, event_of, geometric_rate, outside_event_rate
from fiscal.markets.paths import CRYPTO, EQUITY, path_model, smoothed
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

OTHER_SIGN = "The effect can differ in sign from that of the same event after full adoption."

REFERENCES = {"no_crypto": "no crypto", "equity_adoption": "the same adoption in equity"}
LINES = {"net_revenue": "net revenue", "withdrawal_tax": "withdrawal tax"}


def states_returns(settings: Settings) -> bool:
    """Whether the scenario holds crypto on a path with stated returns, so that it can have an event."""
    held = settings.adoption.participants_share > 0 and settings.adoption.allocation_share > 0
    return held and not path_model(settings.paths.model).stochastic


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


def returns_in(result: Result) -> pd.DataFrame:
    """The same for a run, from its table ``asset_returns``."""
    return result.tables["asset_returns"].pivot(index="year", columns="asset", values="return_rate")


def event_in(settings: Settings, returns: pd.DataFrame) -> Event | None:
    """The event of a path's returns; None without one, without crypto, or for a random model."""
    if not states_returns(settings):
        return None
    outside = outside_event_rate(settings.paths.outside_event_return, core_overrides(settings))
    crypto, equity = (returns[ASSETS[place]].to_numpy(dtype=float) for place in (CRYPTO, EQUITY))
    return event_of(returns.index.to_numpy(), crypto, equity, outside)


def path_sentence(settings: Settings, returns: pd.DataFrame) -> str:
    """The path in words, from its returns alone; empty if there is no path to describe."""
    if not states_returns(settings):
        return ""
    years, crypto = returns.index.to_numpy(), returns["crypto"].to_numpy(dtype=float)
    long_run = geometric_rate(years, crypto)
    sign = "minus " if long_run < 0 else ""
    return (
        f"Crypto's path has {described(event_in(settings, returns))}. Its geometric mean return from 2027 to "
        f"{years[-1]} is {sign}{abs(100 * long_run):.1f} percent a year."
    )


def held_share(settings: Settings, year: int) -> float:
    """Share of the full target held at the beginning of ``year``, which is that at the end of the previous year."""
    adoption, overlays = settings.adoption, settings.overlays
    sold = overlays.reversal_year is not None and overlays.reversal_kind == "forced_sale"
    if sold and overlays.reversal_year is not None and overlays.reversal_year < year:
        return 0.0
    curve = adoption_curve(np.array([year - 1]), adoption.start_year, adoption.full_year)
    return float(curve[0])


def _share_sentence(scenario: Scenario, event: Event, share: float) -> str:
    full = scenario.settings.adoption.full_year
    return (
        f"Warning: in {scenario.name} the event starts in {event.first_year}, when {100 * share:.0f} percent of full "
        f"adoption is held (adoption is full in {full})."
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
