"""The event of a scenario's path, read from its returns: when it is, what it is, and how much crypto it meets.

Nothing here reads the name of a path or of a scenario.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base.axes import ASSETS
from fiscal.base.prose import span
from fiscal.engine.allocation import adoption_curve, path_settings
from fiscal.markets.core import growth_of_output
from fiscal.markets.events import LARGE, Event, event_of
from fiscal.markets.paths import CRYPTO, EQUITY, outside_events, path_model

if TYPE_CHECKING:
    import pandas as pd

    from fiscal.scenario.schema import Settings

FELL = 0.6
"""A boom that ends at less than this share of its peak is a boom and then a bust; likewise for recoveries."""


def holds_crypto(settings: Settings) -> bool:
    """Whether any participant comes to hold crypto (or another alternative) by adoption."""
    return settings.adoption.participants_share > 0 and settings.adoption.allocation_share > 0


def is_random(settings: Settings) -> bool:
    """Whether returns are drawn at random."""
    return bool(path_model(settings.paths.model).stochastic)


def states_returns(settings: Settings) -> bool:
    """Whether the scenario holds crypto on a path that states its returns, so that an event can be spoken of."""
    return holds_crypto(settings) and not is_random(settings)


def returns_in(result: Any) -> pd.DataFrame:
    """Returns of a run by year and asset, from its table ``asset_returns``."""
    return result.tables["asset_returns"].pivot(index="year", columns="asset", values="return_rate")


def event_in(settings: Settings, returns: pd.DataFrame) -> Event | None:
    """The event of a path's returns; None without one, without crypto, or for a random model."""
    if not states_returns(settings):
        return None
    years, outside = returns.index.to_numpy(), _outside(settings, returns)
    crypto, equity = (returns[ASSETS[place]].to_numpy(dtype=float) for place in (CRYPTO, EQUITY))
    return event_of(years, crypto, equity, outside)


def _outside(settings: Settings, returns: pd.DataFrame) -> np.ndarray:
    """Crypto's return in each year of the table if it had no event: it may grow with output once it is large."""
    years, crypto = returns.index.to_numpy(), returns[ASSETS[CRYPTO]].to_numpy(dtype=float)
    outside: np.ndarray = outside_events(path_settings(settings), years)[:, CRYPTO]
    bounded = settings.paths.after_event == "gdp" and np.isclose(crypto, growth_of_output(years), atol=1e-9)
    return np.where(bounded, crypto, outside)


def held_share(settings: Settings, year: int) -> float:
    """Share of the full target that is held as ``year`` begins: that of the end of the year before."""
    adoption, overlays = settings.adoption, settings.overlays
    sold = overlays.reversal_year is not None and overlays.reversal_kind == "forced_sale"
    if sold and overlays.reversal_year is not None and overlays.reversal_year < year:
        return 0.0
    curve = adoption_curve(np.array([year - 1]), adoption.start_year, adoption.full_year)
    return float(curve[0])


@dataclass(frozen=True)
class Told:
    """An event in words: ``label`` for a cell, ``subject`` to begin a sentence, and what both were read from."""

    label: str
    subject: str
    event: Event | None = None
    held_share: float | None = None


def told(result: Any) -> Told:
    """The event of a run, in words made of its numbers; kept with the run."""
    kept: dict[str, Told] = vars(result)
    if "_told" not in kept:
        kept["_told"] = _told(result)
    return kept["_told"]


def _told(result: Any) -> Told:
    settings = result.scenario.settings
    if not holds_crypto(settings):
        return Told("none", "")
    if is_random(settings):
        return Told("random paths", "Crypto on random return paths (median)")
    returns = returns_in(result)
    event = event_in(settings, returns)
    if event is None:
        return Told("none", "Crypto without a boom or a bust")
    label, subject = _shape(returns["crypto"], event, _outside(settings, returns))
    return Told(label, subject, event, held_share(settings, event.first_year))


def _shape(crypto: pd.Series, event: Event, outside: np.ndarray) -> tuple[str, str]:
    """What an event is, from a dollar in crypto over a dollar at the outside-event return, year by year."""
    steps = ((1 + crypto) / (1 + outside)).loc[event.first_year : event.last_year]
    # the first year may hold a half-year that has happened and is outside the event
    steps.iloc[0] = event.dollar / event.dollar_outside / steps.iloc[1:].prod()
    relative = steps.cumprod()
    end = event.dollar / event.dollar_outside
    top, low = float(relative.max()), float(relative.min())
    peak, trough = int(relative.idxmax()), int(relative.idxmin())
    years = span(event.first_year, event.last_year)
    preposition = "in" if event.first_year == event.last_year else "over"
    if top >= LARGE and end <= FELL * top:
        fall = int(relative.loc[peak:].idxmin())
        first, then = span(event.first_year, peak), span(min(peak + 1, fall), fall)
        return f"boom {first}, then bust {then}", f"A crypto boom over {first} and a bust in {then}"
    if low <= 1 / LARGE and low <= FELL * end:
        first, then = span(event.first_year, trough), span(trough + 1, event.last_year)
        return f"bust {first}, then recovery {then}", f"A crypto bust in {first} and a recovery over {then}"
    if end >= LARGE:
        return f"boom {years}", f"A crypto boom {preposition} {years}"
    if end <= 1 / LARGE:
        return f"bust {years}", f"A crypto bust {preposition} {years}"
    size = "above" if end > 1 else "below"
    return f"returns {size} normal {years}", f"Crypto returns {size} normal {preposition} {years}"
