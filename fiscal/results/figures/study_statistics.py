"""Tables behind figures of stored studies: sensitivity, drivers, and starts in the past."""

from __future__ import annotations

import pandas as pd

from fiscal.base import sources
from fiscal.base.errors import refuse_unknown
from fiscal.budget.valuation import PRESENT_VALUE
from fiscal.results.figures.owners import Owner, SweptTables
from fiscal.results.quantities import headline_quantity

SENSITIVITY = "sensitivity"
"""Table that ``fiscal data derive sensitivity`` builds."""


def sensitivity() -> pd.DataFrame | None:
    """Stored sensitivity runs as changes from the central case, the largest first; None if not built.

    Columns ``key, low, high, net_low, net_high, effect_low, effect_high``: the baseline's net revenue and
    the boom's effect on withdrawal tax against no crypto over the longest window, with the central values
    in ``net_central`` and ``effect_central``; billions of current dollars.
    """
    if SENSITIVITY not in {entry.name for entry in sources.resources()}:
        return None
    table = sources.table("sensitivity")
    quantities = [str(name) for name in table["quantity"].unique()]
    chosen = {
        "net": next(name for name in reversed(quantities) if "net_revenue" in name),
        "effect": next(name for name in quantities if "minus" in name),
    }
    parts = [table.drop_duplicates("key").set_index("key")[["low", "high"]]]
    for prefix, name in chosen.items():
        own = table[table["quantity"] == name].set_index("key")
        parts.append(
            pd.DataFrame(
                {
                    f"{prefix}_low": own["at_low"] - own["at_value"],
                    f"{prefix}_high": own["at_high"] - own["at_value"],
                    f"{prefix}_central": own["at_value"],
                }
            )
        )
    frame = pd.concat(parts, axis=1)
    size = frame[["net_low", "net_high"]].abs().max(axis=1)
    ordered = frame.loc[size.sort_values(ascending=False, kind="stable").index]
    return ordered.rename_axis("key").reset_index()


DRIVERS = ("drivers_tornado", "drivers_indices", "drivers_spread")
"""Tables that ``fiscal data derive drivers`` builds."""


def drivers() -> dict[str, pd.DataFrame] | None:
    """The stored sweep of the design ``drivers``: ``tornado``, ``indices``, ``spread``; None if not built."""
    if not set(DRIVERS) <= {entry.name for entry in sources.resources()}:
        return None
    return {
        "tornado": sources.table("drivers_tornado"),
        "indices": sources.table("drivers_indices"),
        "spread": sources.table("drivers_spread"),
    }


def tornado(owner: Owner | SweptTables, quantity: str | None = None, window: str | None = None) -> pd.DataFrame | None:
    """One setting at a time, the largest effects first: from the sweep, or from the stored sweep; None if there is
    none.

    Columns as in the table ``tornado``, with ``low_change`` and ``high_change`` from the base in billions. Default: the
    effect that the sweep studies, over its longest window. Raises InputError for another quantity or window.
    """

    if isinstance(owner, SweptTables):
        table = owner.tornado
    elif (stored := drivers()) is not None:
        table = stored["tornado"]
    else:
        return None
    quantities, windows = (list(dict.fromkeys(table[name])) for name in ("quantity", "window"))
    chosen = {
        "quantity": headline_quantity(quantities) if quantity is None else quantity,
        "window": [label for label in windows if label != PRESENT_VALUE][-1] if window is None else window,
    }
    refuse_unknown(quantity=(chosen["quantity"], quantities), window=(chosen["window"], windows))
    own = table[(table["quantity"] == chosen["quantity"]) & (table["window"] == chosen["window"])]
    return own.assign(
        low_change=own["at_low_bn_usd"] - own["at_value_bn_usd"],
        high_change=own["at_high_bn_usd"] - own["at_value_bn_usd"],
    ).reset_index(drop=True)


HINDCAST = "hindcast"
"""Table that ``fiscal data derive hindcast`` builds."""

HINDCAST_QUANTITIES = {"contributions": "Contributions", "benefits": "Benefits paid", "assets": "Plan assets"}
HINDCAST_TOLD = {
    "actual_wages_and_returns": "wages and returns given",
    "actual_wages": "wages given",
    "none": "nothing given",
}
NAIVE_RULES = ("damped_trend", "fixed_share", "growth")
FEWEST_STARTS_SHOWN = 4


def hindcast(quantity: str, told: str) -> pd.DataFrame:
    """Mean absolute errors by lead year in percent of published, columns ``model``, ``naive`` (the best rule of each
    lead) and ``cbo`` (individual income tax), over the starts of 2010 to 2022 that reach a lead; at least four do."""
    table = sources.table(HINDCAST)
    own = table[(table["quantity"] == quantity) & (table["conditioning"] == told)]
    size = own[["model", *NAIVE_RULES]].div(own["published"], axis=0).sub(1).abs()
    means = 100 * size.groupby(own["lead_years"]).mean()
    cbo = sources.table("cbo_forecast_accuracy")
    cbo = cbo[(cbo["component"] == "revenue") & (cbo["category"] == "Individual Income Taxes")]
    enough = own.groupby("lead_years").size() >= FEWEST_STARTS_SHOWN
    return pd.DataFrame(
        {
            "model": means["model"],
            "naive": means[list(NAIVE_RULES)].min(axis=1),
            "cbo": 100 * cbo.set_index("projected_year_number")["mean_absolute_error"].reindex(means.index),
        }
    )[enough]
