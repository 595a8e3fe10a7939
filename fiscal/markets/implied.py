"""What a path model implies, by asset, before anything is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fiscal.base.axes import ASSETS, FIRST_YEAR, LAST_YEAR
from fiscal.markets.paths import ALL_BUT_NOTHING, path_model

if TYPE_CHECKING:
    import pandas as pd

    from fiscal.markets.paths import AssetPaths

HORIZONS = (1, 5, 10, 30)
FIRST_WHOLE_YEAR = FIRST_YEAR + 2
"""The first calendar year with no real month in it."""
FALL = 0.5


def implied(model: str, settings: Mapping[str, Any], n_paths: int, seed: int) -> pd.DataFrame:
    """:func:`implied_by` of ``n_paths`` paths of a model, 2025 to 2100."""
    return implied_by(long_paths(model, settings, n_paths, seed))


def long_paths(model: str, settings: Mapping[str, Any], n_paths: int, seed: int) -> AssetPaths:
    """Paths of a model over the whole horizon."""
    return path_model(model).draw(settings, np.arange(FIRST_YEAR, LAST_YEAR + 1), n_paths, seed)


def dollar(drawn: AssetPaths) -> pd.DataFrame:
    """A dollar put into each asset at the end of 2026, over paths: one row per asset and year end.

    ``asset, year, mean_usd`` and ``q05_usd, q25_usd, median_usd, q75_usd, q95_usd``.
    """
    import pandas as pd

    later = drawn.years >= FIRST_WHOLE_YEAR
    growth = np.cumprod(1 + drawn.annual_returns()[:, later], axis=1)
    level = np.concatenate([np.ones((len(growth), 1, len(ASSETS))), growth], axis=1)
    years = np.concatenate([[FIRST_WHOLE_YEAR - 1], drawn.years[later]])
    quantiles = np.quantile(level, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    names = ("q05_usd", "q25_usd", "median_usd", "q75_usd", "q95_usd")
    return pd.concat(
        [
            pd.DataFrame(
                {"asset": asset, "year": years, "mean_usd": level[:, :, x].mean(axis=0)}
                | {name: quantiles[i, :, x] for i, name in enumerate(names)}
            )
            for x, asset in enumerate(ASSETS)
        ],
        ignore_index=True,
    )


def implied_by(drawn: AssetPaths) -> pd.DataFrame:
    """What paths imply: one row per asset, from calendar-year returns 2027 on.

    ``geometric_10y_rate, geometric_rate, arithmetic_rate``; ``volatility_<h>y_rate``: standard deviation of
    log growth over ``h`` years, a year; ``halved_share``: chance that a ten-year span holds a fall of half or
    more between year ends (mean over the spans); ``dollar_<h>y_q05/q95``: 5 and 95 percent of a
    dollar after 10 and 30 years (missing beyond the horizon); ``equity_correlation`` of annual log returns;
    ``capped_share`` of paths.
    """
    import pandas as pd

    years = drawn.years
    annual = drawn.annual_returns()[:, years >= FIRST_WHOLE_YEAR]  # (path, year, asset)
    logs = np.log1p(np.maximum(annual, ALL_BUT_NOTHING))
    level = np.concatenate([np.zeros((len(logs), 1, len(ASSETS))), logs.cumsum(axis=1)], axis=1)
    capped = 0.0 if drawn.capped is None else float(drawn.capped.any(axis=1).mean())
    rows = []
    for x, asset in enumerate(ASSETS):
        reached = [h for h in HORIZONS if h < level.shape[1]]
        growth = {h: level[:, h:, x] - level[:, :-h, x] for h in reached}
        first = {h: level[:, h, x] if h in reached else np.full(len(level), np.nan) for h in (10, 30)}
        row: dict[str, Any] = {
            "asset": asset,
            "geometric_10y_rate": np.expm1(first[10].mean() / 10),
            "geometric_rate": np.expm1(logs[..., x].mean()),
            "arithmetic_rate": annual[..., x].mean(),
        }
        row |= {f"volatility_{h}y_rate": growth[h].std() / np.sqrt(h) if h in growth else np.nan for h in HORIZONS}
        row["halved_share"] = _halved(level[:, :, x])
        for h, values in first.items():
            row[f"dollar_{h}y_q05"], row[f"dollar_{h}y_q95"] = np.exp(np.quantile(values, [0.05, 0.95]))
        flat, equity = logs[..., x].ravel(), logs[..., ASSETS.index("equity")].ravel()
        moving = flat.std() > 0 and equity.std() > 0
        row["equity_correlation"] = np.corrcoef(flat, equity)[0, 1] if moving else np.nan
        row["capped_share"] = capped if asset == "crypto" else 0.0
        rows.append(row)
    return pd.DataFrame(rows)


def _halved(level: np.ndarray, span: int = 10) -> float:
    """Share of ten-year spans (path x start) within which the level falls by half from a peak inside them."""
    found = []
    for start in range(level.shape[1] - span):
        inside = level[:, start : start + span + 1]
        fall = inside - np.maximum.accumulate(inside, axis=1)
        found.append((fall.min(axis=1) <= np.log(1 - FALL)).mean())
    return float(np.mean(found)) if found else float("nan")
