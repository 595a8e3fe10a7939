"""What an effect is worth at market prices and how sure its ten-year sum is: from the run, from stored studies, or
from draws that are made when somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.engine.risk_neutral import NAMED_PATH
from fiscal.results import bands, events
from fiscal.results.rows import ALL, EFFECT, RISK_NEUTRAL, STOCK

if TYPE_CHECKING:
    from fiscal.results.figures.owners import RunTables
    from fiscal.scenario import Scenario

from fiscal.results.effects import EQUITY, NO_CRYPTO, TEN, Effect, at_hand

STUDY = "scenarios"
"""The stored table of adoption and event (:mod:`fiscal.studies.scenarios`)."""


def market_value(effect: Effect) -> tuple[float, float]:
    """Present value of the effect at market prices and its standard error, billions; NaN where nobody computed it.

    Of crypto, the run's table values it against no crypto, which at market prices is what the money in equity is worth
    too where crypto displaces equity; no named path changes it, so that the stored study has it for the adoption of its
    cases. Of changed law, it is the difference of two values on the same draws, whose error is not known.
    """
    nothing = (float("nan"), float("nan"))
    if effect.reference is not None and not effect.of_crypto:
        values = [_priced(one, (ALL, STOCK)) for one in (effect.result, effect.reference)]  # type: ignore[arg-type]
        return nothing if None in values else (values[0][0] - values[1][0], float("nan"))  # type: ignore[index]
    displaces = effect.result.scenario.settings.adoption.displaces
    if effect.reference != NO_CRYPTO and not (effect.reference == EQUITY and displaces == "equity"):
        return nothing
    found = _priced(effect.result, (EFFECT,))
    if found is None and (stored := stored_case(effect.result.scenario)) is not None:
        row = stored[stored["statistic"] == "path"].iloc[0]
        found = float(row["market_value_bn_usd"]), float(row["market_error_bn_usd"])
    return found or nothing


def _priced(result: RunTables, scopes: Sequence[str]) -> tuple[float, float] | None:
    """Net revenue at market prices in some scopes of a run's table ``bases``, and the error of its random part."""
    frame = at_hand(result, "bases")
    if frame is None or frame.empty:
        return None
    own = frame[(frame["basis"] == RISK_NEUTRAL) & (frame["weight"] == "average") & frame["scope"].isin(scopes)]
    net = own.loc[own["line"] == "net_revenue", "present_value_bn_usd"]
    error = own.loc[own["line"] == "withdrawal_tax", "standard_error_bn_usd"]
    return (float(net.sum()), float(error.max())) if len(net) == len(scopes) else None


def stored_case(scenario: Scenario) -> pd.DataFrame | None:
    """Rows of the stored study with the adoption of a scenario that differs from a case of the study in its stated path
    alone; None for any other scenario, and for a user's own tables."""
    settings = scenario.settings
    if STUDY not in {entry.name for entry in sources.resources()} or sources.own_tables():
        return None
    if not events.states_returns(settings):
        return None
    plain = type(settings.paths)().model_dump(include=set(NAMED_PATH))
    bare = settings.model_copy(update={"paths": settings.paths.model_copy(update=plain)})
    table = sources.table("scenarios")
    own = table.loc[table["fingerprint"] == replace(scenario, settings=bare).fingerprint(), "adoption_case"]
    return table[table["adoption_case"] == own.iloc[0]] if len(own) else None


def band(effect: Effect) -> tuple[float, float]:
    """The 80 percent band over the budget window. Of a case in the stored table ``bands``, and of one whose draws are
    made (:func:`draw`), it holds parameters, markets, and the errors of past starts; of others with random paths it
    holds four of five; NaN where there is neither."""
    nothing = (float("nan"), float("nan"))
    other = effect.reference
    if other is None or isinstance(other, str):
        reference = bands.LEVEL if other is None else str(other)
        if stored := bands.stored_band(effect.result.scenario, reference, TEN):
            return stored
        frame = at_hand(effect.result, "paths")
        column = f"net_revenue_minus_{other}_bn_usd" if effect.of_crypto else "net_revenue_bn_usd"
        if frame is not None and column in frame:
            own = frame.loc[frame["window"] == TEN.label, column]
            return bands.band(own.to_numpy()) if len(own) else nothing
        drawn = _draws(effect.result, reference)
        return nothing if drawn is None else bands.band(drawn)
    one, two = (_draws(result, bands.LEVEL) for result in (effect.result, other))
    return nothing if one is None or two is None else bands.band(one - two)


def _draws(result: RunTables, reference: str) -> np.ndarray | None:
    """Draws of the budget window that :func:`draw` made; None without them."""
    made = vars(result).get("_draws")
    return None if made is None else made.values[reference][TEN.label]


def draw(effect: Effect) -> None:
    """Make the draws of an effect's band where there is none yet (about five core-seconds a run), and keep them with
    the runs. Draws are the same for every scenario, so that two of them are compared draw by draw."""
    if np.isfinite(band(effect)[0]):
        return
    for result in (effect.result, effect.reference):
        if result is not None and not isinstance(result, str) and "_draws" not in vars(result):
            vars(result)["_draws"] = bands.draws_of(result.scenario)
