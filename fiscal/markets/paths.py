"""Path models: what each asset returns in each half-year, behind one contract.

A *path model* draws :class:`AssetPaths` from settings, years, a number of paths and a seed;
``PATH_MODELS`` is the registry. The model ``deterministic`` has one path: the named annual tables of
``data/crypto_paths.csv``, whose phases, stated means and falls stand in ``data/crypto_path_notes.csv``.

The halves that have happened (both of the stub of 2025, the first of 2026) are real returns. After them
the core assets earn their long-run means (:mod:`fiscal.markets.core`); crypto earns the table's rate in an
event and, where the table is blank (before and after it) and after 2100, the *outside-event return*: the
equity return in force unless the settings say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fiscal import sources
from fiscal.axes import ASSETS, FIRST_YEAR, HALVES
from fiscal.errors import InputError, Problem, nearest
from fiscal.markets.core import long_run_means, override_problems
from fiscal.markets.history import REAL_HALVES, half_returns_real, max_drawdown
from fiscal.people.macro import macro

if TYPE_CHECKING:
    import pandas as pd

CRYPTO, EQUITY = ASSETS.index("crypto"), ASSETS.index("equity")
CORE_RETURN = "core_return"
ONE_BN_USD = 1e9


@dataclass(frozen=True)
class AssetPaths:
    """Half-year simple returns, ``(path, year, half, asset)``, read-only; ``label`` says what they are."""

    assets: tuple[str, ...]
    years: np.ndarray
    half_returns: np.ndarray
    label: str

    def annual_returns(self) -> np.ndarray:
        """Simple returns of the year, ``(path, year, asset)``; 2025 is the stub of three quarters."""
        return (1.0 + self.half_returns).prod(axis=2) - 1.0


class PathModel(Protocol):
    """What the registry holds: a name, a line of description, and ``draw``."""

    name: str
    description: str
    stochastic: bool

    def draw(self, settings: object, years: Iterable[int], n_paths: int, seed: int) -> AssetPaths:
        """Draw ``n_paths`` paths over consecutive ``years`` from 2025."""
        ...


class Deterministic:
    """The named annual tables: one path, no draw."""

    name = "deterministic"
    description = "named paths: documented annual tables of crypto returns, constant core returns"
    stochastic = False

    def draw(self, settings: object, years: Iterable[int], n_paths: int = 1, seed: int = 0) -> AssetPaths:
        """The path that ``settings.name`` names, shape ``(1, year, 2, asset)``.

        ``settings`` is a mapping or an object with ``name``, and optionally ``core`` (geometric return by
        asset, None = long-run mean) and ``outside_event_return`` (None = the equity return in force).
        ``n_paths`` and ``seed`` change nothing: there is one path. On ``core_return`` crypto earns what
        equity earns in every half, real ones included.

        Raises InputError with every problem at once: an unknown path, asset or year, a return not above -1.
        """
        calendar = np.asarray(list(years), dtype=np.int64)
        name, outside = _get(settings, "name"), _get(settings, "outside_event_return")
        core = _get(settings, "core") or {}
        _check(calendar, name, outside, core)
        annual = long_run_means(core)["geometric_return_rate"].to_numpy(dtype=float)
        rates = np.tile(annual, (calendar.size, 1))
        outside_rate = annual[EQUITY] if outside is None else float(outside)
        rates[:, CRYPTO] = _crypto_rates(str(name), calendar, outside_rate)
        halves = np.repeat(_half_return(rates)[:, None, :], len(HALVES), axis=1)
        for (year, half), real in zip(REAL_HALVES, half_returns_real(), strict=True):
            halves[calendar == year, half] = real
        if name == CORE_RETURN:
            halves[:, :, CRYPTO] = halves[:, :, EQUITY]
        halves = halves[None]
        calendar.flags.writeable = halves.flags.writeable = False
        return AssetPaths(ASSETS, calendar, halves, f"deterministic: {name}")


PATH_MODELS: dict[str, PathModel] = {model.name: model for model in (Deterministic(),)}


def path_model(name: str) -> PathModel:
    """The path model of a name. Raises InputError, with the nearest name, if there is none."""
    if name not in PATH_MODELS:
        allowed, near = ", ".join(PATH_MODELS), nearest(str(name), PATH_MODELS)
        message = "unknown path model"
        raise InputError(Problem(message, key="paths.model", value=name, allowed=allowed, nearest=near))
    return PATH_MODELS[name]


def path_names() -> tuple[str, ...]:
    """Names of the deterministic paths, in the order of the table."""
    return tuple(dict.fromkeys(sources.table("crypto_paths")["path"]))


def path_notes(name: str | None = None) -> pd.DataFrame:
    """Phases, stated geometric mean, deepest fall and rationale of each path (or of one)."""
    table = sources.table("crypto_path_notes")
    return table if name is None else table[table["path"] == name]


def phase_statistics(returns: Mapping[int, float], phases: Mapping[int, str]) -> list[dict[str, Any]]:
    """First and last year, geometric mean and deepest year-end fall of each phase of an annual table."""
    rows = []
    for phase in dict.fromkeys(phases.values()):
        years = [year for year in phases if phases[year] == phase]
        rates = [returns[year] for year in years]
        rows.append(
            {
                "phase": phase,
                "first_year": years[0],
                "last_year": years[-1],
                "geometric_return_rate": float(np.expm1(np.log1p(rates).mean())),
                "max_drawdown_share": max_drawdown(rates),
            }
        )
    return rows


def annual_table(name: str, *, outside_event_return: float | None = None) -> pd.DataFrame:
    """The path as documented, one row a year: ``year``, ``phase``, ``crypto_return_rate``, ``stated``.

    ``stated`` is False where the table is blank and the outside-event return stands in. 2026 is the rate
    of its second half, annualised.
    """
    _check(np.array([FIRST_YEAR]), name, outside_event_return)
    table = _path_table(name)
    core = long_run_means()["geometric_return_rate"].to_numpy(dtype=float)
    outside = float(core[EQUITY]) if outside_event_return is None else outside_event_return
    stated = table["crypto_return_rate"].notna()
    return table.assign(crypto_return_rate=table["crypto_return_rate"].fillna(outside), stated=stated)


def implied_crypto_value_over_gdp(paths: AssetPaths) -> pd.DataFrame:
    """Value of all crypto over GDP, year ends, ``(year, path)``, were it to grow at the path's return.

    Starts from the last market value in ``monthly_prices``, carried to the next real half by Bitcoin.
    No new coins and no payouts: a check on how far a path can be believed, not a forecast.
    """
    import pandas as pd

    table = sources.table("monthly_prices")
    known = table.dropna(subset=["crypto_mcap_usd"]).iloc[-1]
    bitcoin = table.set_index("month")["btc_usd"]
    start = float(known["crypto_mcap_usd"] * bitcoin.loc[f"{FIRST_YEAR}-12"] / bitcoin.loc[known["month"]])
    later = paths.years > FIRST_YEAR
    growth = np.cumprod(1.0 + paths.annual_returns()[:, later, CRYPTO], axis=1)
    gdp = macro(paths.years[later])["gdp_bn_usd"].to_numpy() * ONE_BN_USD
    index = pd.Index(paths.years[later], name="year")
    return pd.DataFrame(
        (start * growth / gdp).T, index=index, columns=pd.RangeIndex(len(growth), name="path")
    )


def _crypto_rates(name: str, years: np.ndarray, outside_rate: float) -> np.ndarray:
    """Annual crypto return of a named path by year; blank and later years earn ``outside_rate``."""
    table = _path_table(name).set_index("year")["crypto_return_rate"]
    return table.reindex(years).fillna(outside_rate).to_numpy(dtype=float)


def _path_table(name: str) -> pd.DataFrame:
    table = sources.table("crypto_paths")
    chosen = table[table["path"] == name].sort_values("year")
    return chosen[["year", "phase", "crypto_return_rate"]].reset_index(drop=True)


def _half_return(annual: np.ndarray) -> np.ndarray:
    """Return of one half of a year that returns ``annual``: R/2 would break identities in a crash."""
    return np.sqrt(1.0 + annual) - 1.0


def _get(settings: object, key: str) -> Any:
    return settings.get(key) if isinstance(settings, Mapping) else getattr(settings, key, None)


def _check(
    years: np.ndarray, name: object, outside: float | None, core: Mapping[str, float | None] | None = None
) -> None:
    problems = override_problems(core or {})
    known: Sequence[str] = path_names()
    if name not in known:
        near = nearest(str(name), known)
        allowed = ", ".join(known)
        problems.append(Problem("unknown path", key="paths.name", value=name, allowed=allowed, nearest=near))
    if years.size == 0 or years[0] != FIRST_YEAR or (np.diff(years) != 1).any():
        allowed = f"{FIRST_YEAR}, {FIRST_YEAR + 1}, ..."
        problems.append(Problem("must be consecutive years from the opening", key="years", allowed=allowed))
    if outside is not None and not (np.isfinite(outside) and outside > -1.0):
        key = "paths.outside_event_return"
        problems.append(Problem("not a yearly return", key=key, value=outside, allowed="above -1"))
    if problems:
        raise InputError(problems)
