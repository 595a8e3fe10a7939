"""Path models: what each asset returns in each half-year, behind one contract.

A *path model* draws :class:`AssetPaths` from settings, years, a number of paths and a seed;
``PATH_MODELS`` is the registry. The model ``deterministic`` has one path: the named annual tables of
``data/crypto_paths.csv``, whose phases, stated means, and falls are in ``data/crypto_path_notes.csv``.

The halves that have happened (both of the stub of 2025, the first of 2026) are real returns. After them
the core assets earn their expected returns (:mod:`fiscal.markets.core`); crypto earns the table's rate in an
event and, where the table is blank (before and after it) and after 2100, the *outside-event return*: the
equity return of the year unless the settings say otherwise. An asset that pays nothing cannot outgrow the economy for
ever: with ``after_event = "gdp"`` crypto grows with GDP from the year in which the value of all crypto would pass a
multiple of it (:func:`grown_with_output`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from fiscal.base import sources
from fiscal.base.axes import ASSETS, FIRST_YEAR, HALVES
from fiscal.base.errors import InputError, Problem, nearest
from fiscal.base.files import MAX_CSV_PROBLEMS, CsvTable, is_plain_file, read_csv
from fiscal.base.opening import HEADLINE, OpeningDate
from fiscal.markets import stochastic
from fiscal.markets.core import expected_returns, growth_of_output, override_problems
from fiscal.markets.history import (
    MONTHS_PER_YEAR,
    REAL_HALVES,
    crypto_start_usd,
    half_returns_real,
    max_drawdown,
    monthly_log_returns,
)
from fiscal.markets.prices import read_prices
from fiscal.people.economy import macro

if TYPE_CHECKING:
    import pandas as pd

CRYPTO, EQUITY = ASSETS.index("crypto"), ASSETS.index("equity")
CORE_RETURN = "core_return"
ONE_BN_USD = 1e9
HALF_MONTHS = stochastic.HALF_MONTHS


@dataclass(frozen=True)
class AssetPaths:
    """Half-year simple returns, ``(path, year, half, asset)``, read-only; ``label`` says what they are."""

    assets: tuple[str, ...]
    years: np.ndarray
    half_returns: np.ndarray
    label: str
    capped: np.ndarray | None = None  # (path, year) bool: crypto's value was held at its cap

    def annual_returns(self) -> np.ndarray:
        """Simple returns of the year, ``(path, year, asset)``; 2025 is the stub of three quarters."""
        return (1.0 + self.half_returns).prod(axis=2) - 1.0

    def __repr__(self) -> str:
        size = f"{len(self.half_returns)} paths of {len(self.assets)} assets"
        return f"<fiscal AssetPaths {self.label!r}: {size}, {self.years[0]}-{self.years[-1]}>"


class PathModel(Protocol):
    """What the registry holds: a name, a line of description, and ``draw``."""

    name: str
    description: str
    stochastic: bool

    def draw(self, settings: object, years: Iterable[int], n_paths: int, seed: int, first_path: int = 0) -> AssetPaths:
        """Paths ``first_path`` to ``first_path + n_paths - 1`` over consecutive ``years`` from 2025."""
        ...

    def central(self, settings: object, years: Iterable[int]) -> AssetPaths:
        """One path that represents the model: its own, the median of several in a file, or that of expected log
        returns if it is random."""
        ...


class Deterministic:
    """The named annual tables: one path, no draw."""

    name = "deterministic"
    description = "named paths: documented annual tables of crypto returns, constant core returns"
    stochastic = False

    def draw(
        self, settings: object, years: Iterable[int], n_paths: int = 1, seed: int = 0, first_path: int = 0
    ) -> AssetPaths:
        """The path that ``settings.name`` names, shape ``(1, year, 2, asset)``.

        ``settings`` is a mapping or an object with ``name``, and optionally what
        :func:`~fiscal.markets.core.expected_returns` takes and ``outside_event_return`` (None = equity's).
        ``n_paths`` and ``seed`` change nothing: there is one path. On ``core_return`` crypto earns what
        equity earns in every half, real ones included.

        Raises InputError with every problem at once: an unknown path, asset or year, a return not above -1.
        """
        calendar = np.asarray(list(years), dtype=np.int64)
        name, outside = _get(settings, "name"), _get(settings, "outside_event_return")
        core = _get(settings, "core") or {}
        _check(calendar, name, outside, core)
        rates = outside_events(settings, calendar)
        told = _crypto_rates(str(name), calendar, _get(settings, "event_year"))
        rates[:, CRYPTO] = np.where(np.isnan(told), rates[:, CRYPTO], told)
        halves = np.repeat(_half_return(rates)[:, None, :], len(HALVES), axis=1)
        for (year, half), real in zip(REAL_HALVES, half_returns_real(opening_of(settings)), strict=True):
            halves[calendar == year, half] = real
        if name == CORE_RETURN:
            halves[:, :, CRYPTO] = halves[:, :, EQUITY]
        halves = grown_with_output(halves[None], calendar, settings)
        calendar.flags.writeable = halves.flags.writeable = False
        return AssetPaths(ASSETS, calendar, halves, f"deterministic: {name}")

    def central(self, settings: object, years: Iterable[int]) -> AssetPaths:
        """The path itself."""
        return self.draw(settings, years)


class HistoricalReplay:
    """The months of the record, in their order, from ``replay_start`` on, played from ``replay_year``.

    With ``file``, crypto's months are those of the user's series of prices instead.

    Before and after, and where an asset has no month, an asset earns its long-run mean (crypto the
    outside-event return). Crypto's log returns are multiplied by ``replay_scale``.
    """

    name = "historical_replay"
    description = "the real months of the record from a chosen start, played again later"
    stochastic = False

    def draw(
        self, settings: object, years: Iterable[int], n_paths: int = 1, seed: int = 0, first_path: int = 0
    ) -> AssetPaths:
        """One path ``(1, year, 2, asset)``. Raises InputError for a month outside the record."""
        start, first_year = str(_get(settings, "replay_start")), int(_get(settings, "replay_year"))
        calendar = np.asarray(list(years), dtype=np.int64)
        rates = outside_events(settings, calendar)
        halves = np.repeat(_half_return(rates)[:, None, :], len(HALVES), axis=1)
        for (year, half), real in zip(REAL_HALVES, half_returns_real(opening_of(settings)), strict=True):
            halves[calendar == year, half] = real
        record = _played_record(settings)
        logs = record.loc[start:]
        if logs.empty or str(logs.index[0]) != start:
            known = record.dropna(how="all").index
            raise InputError(
                Problem(
                    "no such month in the record", key="paths.replay_start", value=start,
                    allowed=f"{known[0]} to {known[-1]}",
                )
            )  # fmt: skip
        months = logs.to_numpy()
        scale = np.ones(len(ASSETS))
        scale[CRYPTO] = float(_get(settings, "replay_scale"))
        played_years = first_year - int(calendar[0]) + np.arange(len(months)) // MONTHS_PER_YEAR
        mean = np.log1p(rates[np.clip(played_years, 0, len(rates) - 1)]) / MONTHS_PER_YEAR
        months = np.where(np.isnan(months), mean, months * scale)
        whole = len(months) // HALF_MONTHS
        played = np.expm1(months[: whole * HALF_MONTHS].reshape(whole, HALF_MONTHS, -1).sum(axis=1))
        flat = halves.reshape(-1, len(ASSETS))
        at = int((first_year - calendar[0]) * len(HALVES))
        room = flat[at : at + whole]
        room[:] = played[: len(room)]
        result = grown_with_output(halves[None], calendar, settings)
        result.flags.writeable = False
        return AssetPaths(ASSETS, calendar, result, f"historical_replay: {start} from {first_year}")

    def central(self, settings: object, years: Iterable[int]) -> AssetPaths:
        """The path itself."""
        return self.draw(settings, years)


def _played_record(settings: object) -> pd.DataFrame:
    """Monthly log returns by asset that a replay draws on; crypto's are those of ``file``, a user's prices, if set."""
    record, file = monthly_log_returns(), _get(settings, "file")
    if not file:
        return record
    own = read_prices(str(file)).monthly_log_returns()
    months = record.index.union(own.index)
    return record.reindex(months).assign(crypto=own.reindex(months)).loc[own.index[0] : own.index[-1]]


MAX_LOG_GROWTH = 200 * np.log(10)
"""A dollar may become 1e200: below what squares and sums of dollars can hold, far above any economy."""

MAX_YEARS_AWAY = 300

HIGHEST_RETURN_RATE = 3.0
"""A user's return of a year above it is taken for a price, an index level or percent."""
HIGHEST_MEAN_RATE = 0.5
"""So is a column without a negative value whose mean is above it: an index that starts at 1, or percent."""
HIGHEST_EXTREME_RATE = 1e4
"""Return a year beyond which accounts cannot be computed to the dollar."""
ALL_BUT_NOTHING = -1 + 1e-12
"""A total loss as a half's return that has a logarithm: 1e-24 of a dollar is left after the year."""
ALLOW_EXTREME = "paths.allow_extreme"


@dataclass(frozen=True)
class UserReturns:
    """The returns of a user's file: ``rates`` (path, year from 2026, asset), not a number where the file has none."""

    names: tuple[str, ...]
    rates: np.ndarray

    def summary(self) -> pd.DataFrame:
        """One row per path and asset: its years, geometric mean and what a dollar becomes."""
        import pandas as pd

        rows = []
        for name, path in zip(self.names, self.rates, strict=True):
            for asset, column in zip(ASSETS, path.T, strict=True):
                own = column[~np.isnan(column)]
                if len(own):
                    dollar = float((1 + own).prod())
                    last, geometric = FIRST_YEAR + len(own), dollar ** (1 / len(own)) - 1
                    rows.append((name, asset, FIRST_YEAR + 1, last, geometric, dollar))
        columns = ["path", "asset", "first_year", "last_year", "geometric_return_rate", "dollar_becomes_usd"]
        return pd.DataFrame(rows, columns=columns)


class UserPaths:
    """Annual returns from a CSV of the user: ``year``, one column an asset, and ``path`` for more than one.

    Assets without a column earn their expected returns. The halves that have happened stay real; the rate of 2026 is
    that of its second half, annualized. After the file's last year the expected returns hold.
    """

    name = "user"
    description = "annual returns from your own CSV file"
    stochastic = False

    def draw(
        self, settings: object, years: Iterable[int], n_paths: int = 1, seed: int = 0, first_path: int = 0
    ) -> AssetPaths:
        """The file's paths ``(path, year, 2, asset)``, at most ``n_paths``. Raises InputError listing every fault."""
        calendar = np.asarray(list(years), dtype=np.int64)
        own = user_returns(settings).rates[first_path : first_path + n_paths]
        rates = np.tile(outside_events(settings, calendar), (len(own), 1, 1))
        shared = min(own.shape[1], max(len(calendar) - 1, 0))
        told = own[:, :shared]
        rates[:, 1 : 1 + shared] = np.where(np.isnan(told), rates[:, 1 : 1 + shared], told)
        stated = np.zeros(rates.shape[:2], dtype=bool)
        stated[:, 1 : 1 + shared] = ~np.isnan(told[..., CRYPTO])
        each = np.maximum(_half_return(rates), ALL_BUT_NOTHING)
        halves = np.repeat(each[:, :, None], len(HALVES), axis=2)
        for (year, half), real in zip(REAL_HALVES, half_returns_real(opening_of(settings)), strict=True):
            halves[:, calendar == year, half] = real
        halves = grown_with_output(halves, calendar, settings, stated)
        halves.flags.writeable = False
        return AssetPaths(ASSETS, calendar, halves, f"user: {Path(str(_get(settings, 'file'))).name}")

    def central(self, settings: object, years: Iterable[int]) -> AssetPaths:
        """The file's path; of several, the median return of each half-year over the paths that are run, which for
        lognormal returns is the path of expected log returns."""
        every = self.draw(settings, years, int(_get(settings, "count") or 1))
        if len(every.half_returns) == 1:
            return every
        halves = np.median(every.half_returns, axis=0, keepdims=True)
        halves.flags.writeable = False
        return replace(every, half_returns=halves, label=f"{every.label}: median returns")


def user_returns(settings: object) -> UserReturns:
    """The returns of the file of section ``paths``, checked. Raises InputError for every fault with its line, and for
    a ``count`` beyond the file's paths."""
    name = str(_get(settings, "file") or "")
    if not name or not is_plain_file(Path(name)):
        raise InputError(
            Problem(
                f"no such file {name!r}",
                key="paths.file",
                allowed="a CSV file with annual returns",
                hint="one named in a scenario file is looked for beside it, one given with --set in the current folder",
            )
        )
    state = Path(name).stat()
    extreme = bool(_get(settings, "allow_extreme"))
    found = _read_user_file(name, extreme, (state.st_mtime_ns, state.st_size, state.st_ino))
    count = int(_get(settings, "count") or 1)
    if count > len(found.names):
        few = len(found.names)
        raise InputError(
            Problem(
                f"the file has {few} path{'s' if few > 1 else ''}", file=Path(name).name, key="paths.count",
                value=count, allowed=f"at most {few}",
            )
        )  # fmt: skip
    return found


@lru_cache(maxsize=2)
def _read_user_file(name: str, extreme: bool, state: tuple[int, ...]) -> UserReturns:
    """The user's table, checked: every fault with its line. ``state`` tells a changed file from the one before."""
    import pandas as pd

    shown = Path(name).name
    table = read_csv(Path(name), shown)
    allowed = ("year", "path", *ASSETS)
    problems = [
        Problem("unknown column", file=shown, key=column, nearest=nearest(column, allowed))
        for column in table.columns
        if column not in allowed
    ]
    if "year" not in table.columns:
        problems.append(Problem("the column is missing", file=shown, key="year"))
    assets = [asset for asset in ASSETS if asset in table.columns]
    if not assets:
        problems.append(Problem("no asset has a column", file=shown, allowed=", ".join(ASSETS)))
    if not table.lines:
        problems.append(Problem("the file has no rows", file=shown))
    if problems:
        raise InputError(problems)
    numbers = {column: np.array(table.numbers(column), dtype=float) for column in ("year", *assets)}
    for column, values in numbers.items():
        problems += _cell_faults(shown, column, table, values, extreme)
    if problems:
        raise InputError(problems)
    frame = pd.DataFrame({"path": table.columns.get("path", "1"), **numbers}).astype({"year": int})
    problems = _path_faults(shown, frame, assets)
    if problems:
        raise InputError(problems)
    places, names = pd.factorize(frame["path"])
    later = frame["year"].to_numpy() - FIRST_YEAR - 1
    rates = np.full((len(names), max(int(later.max()) + 1, 0), len(ASSETS)), np.nan)
    for asset in assets:
        rates[places[later >= 0], later[later >= 0], ASSETS.index(asset)] = frame[asset][later >= 0]
    rates.flags.writeable = False
    return UserReturns(tuple(map(str, names)), rates)


def _cell_faults(shown: str, column: str, table: CsvTable, values: np.ndarray, extreme: bool) -> list[Problem]:
    """What is wrong with the cells of one column, each with its line, and with the column as a whole."""
    if column == "year":  # a year of nine digits would ask for as many rows
        bad = ~(np.abs(values - FIRST_YEAR) <= MAX_YEARS_AWAY) | (values % 1 != 0)
        what, allowed, high = "a year", "a whole number such as 2026", np.inf
    else:
        high = HIGHEST_EXTREME_RATE if extreme else HIGHEST_RETURN_RATE
        bad = ~((values >= -1) & (values <= high))
        what, allowed = "a return", "a fraction from -1 (all is lost)"
    found = []
    for at in np.flatnonzero(bad)[:MAX_CSV_PROBLEMS]:
        cell = table.columns[column][at]
        key = f"{column}, line {table.lines[at]}"
        if values[at] > high:
            found.append(
                Problem(
                    f"is above {high:g} ({high:.0%}) a year: a price, an index level or percent?", file=shown, key=key,
                    value=cell, allowed=_EXTREME_ALLOWED if not extreme else f"returns up to {high:g}",
                    hint=f"{values[at]:g} percent is {values[at] / 100:g}" if values[at] <= 100 * high else None,
                )
            )  # fmt: skip
        else:
            percent = cell.endswith("%") and f"a fraction has no sign: {cell} is {_as_fraction(cell)}"
            found.append(Problem(f"not {what}", file=shown, key=key, value=cell, allowed=allowed, hint=percent or None))
    if column == "year" or found or extreme:
        return found
    mean = float(values.mean())
    if mean > HIGHEST_MEAN_RATE and not (values < 0).any():
        message = f"no year is negative and the mean is {mean:.3g}: an index level or percent?"
        key = f"{column}, lines {table.lines[0]} to {table.lines[-1]}"
        found.append(Problem(message, file=shown, key=key, allowed=_EXTREME_ALLOWED))
    return found


_EXTREME_ALLOWED = f"returns as fractions (0.0933 for 9.33 percent), or {ALLOW_EXTREME} = true"


def _as_fraction(percent: str) -> str:
    try:
        return f"{float(percent.rstrip('% ').replace(',', '.')) / 100:g}"
    except ValueError:
        return "a hundredth of it"


def _path_faults(shown: str, frame: pd.DataFrame, assets: list[str]) -> list[Problem]:
    """Years that are missing or appear twice, and growth that cannot be computed, path by path."""
    problems = []
    for name, part in frame.groupby("path", sort=False):
        have, first = part["year"].tolist(), FIRST_YEAR + 1
        missing = sorted(set(range(first, max(max(have), first) + 1)) - set(have))
        if missing:
            problems.append(
                Problem("years are missing", file=shown, key=f"path {name}", value=missing[:10],
                        allowed=f"every year from {first} to the last")
            )  # fmt: skip
        twice = sorted(year for year, times in Counter(have).items() if times > 1)
        if twice:
            problems.append(Problem("years appear twice", file=shown, key=f"path {name}", value=twice[:10]))
        problems += [
            Problem("a dollar grows beyond what can be computed", file=shown,
                    key=f"path {name}, {asset}", allowed="a dollar that becomes at most 1e200")
            for asset in assets
            if np.log1p(part[asset].clip(lower=0)).sum() > MAX_LOG_GROWTH
        ]  # fmt: skip
        if len(problems) >= MAX_CSV_PROBLEMS:
            break
    return problems


RandomLaw: TypeAlias = stochastic.RegimeSwitching | stochastic.Bootstrap


class RandomModel:
    """A random model of :mod:`fiscal.markets.stochastic` behind the contract."""

    stochastic = True

    def __init__(self, law: RandomLaw) -> None:
        self.name, self.description, self._law = law.name, law.description, law

    def draw(self, settings: object, years: Iterable[int], n_paths: int, seed: int, first_path: int = 0) -> AssetPaths:
        """Paths ``(n_paths, year, 2, asset)``; ``settings`` as section ``paths`` of a scenario."""
        calendar = np.asarray(list(years), dtype=np.int64)
        values = _mapping(settings)
        halves, capped = stochastic.draw(self._law, values, calendar, n_paths, seed, first_path)
        return AssetPaths(ASSETS, calendar, halves, f"{self.name}: {values.get('measure', 'real')}", capped)

    def central(self, settings: object, years: Iterable[int]) -> AssetPaths:
        """The path of expected log returns."""
        calendar = np.asarray(list(years), dtype=np.int64)
        halves, capped = stochastic.central(_mapping(settings), calendar)
        return AssetPaths(ASSETS, calendar, halves, f"{self.name}: expected log returns", capped)


PATH_MODELS: dict[str, PathModel] = {
    model.name: model
    for model in (
        Deterministic(),
        HistoricalReplay(),
        RandomModel(stochastic.RegimeSwitching()),
        RandomModel(stochastic.Bootstrap()),
        UserPaths(),
    )
}


APPRAISED = ("private_equity", "real_estate")
"""Assets whose funds are valued by appraisal."""


def smoothed(paths: AssetPaths, weight: float) -> AssetPaths:
    """The paths with appraised assets valued late: a half's log return is ``1 - weight`` of the market's and
    ``weight`` of the last half's (Geltner 1993); levels catch up, so that long-run returns are kept."""
    if not weight:
        return paths
    columns = [paths.assets.index(asset) for asset in APPRAISED]
    halves = np.array(paths.half_returns)
    n_paths, n_years = halves.shape[:2]
    logs = np.log1p(halves[..., columns]).reshape(n_paths, n_years * len(HALVES), len(columns))
    for half in range(1, logs.shape[1]):
        logs[:, half] = (1 - weight) * logs[:, half] + weight * logs[:, half - 1]
    halves[..., columns] = np.expm1(logs).reshape(n_paths, n_years, len(HALVES), len(columns))
    halves.flags.writeable = False
    return replace(paths, half_returns=halves)


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
    """The path as documented, one row per year: ``year``, ``phase``, ``crypto_return_rate``, ``stated``.

    ``stated`` is False where the table is blank and the outside-event return of the year applies. 2026 is the rate of
    its second half, annualized.
    """
    _check(np.array([FIRST_YEAR]), name, outside_event_return)
    table = _path_table(name)
    outside = outside_events({"outside_event_return": outside_event_return}, table["year"].to_numpy())
    stated = table["crypto_return_rate"].notna()
    rates = np.where(stated, table["crypto_return_rate"], outside[:, CRYPTO])
    return table.assign(crypto_return_rate=rates, stated=stated)


def implied_crypto_value_over_gdp(paths: AssetPaths) -> pd.DataFrame:
    """Value of all crypto over GDP, year ends, ``(year, path)``, were it to grow at the path's return.

    Starts from the last market value in ``monthly_prices``, carried to the next real half by Bitcoin.
    No new coins and no payouts: a check on how far a path can be believed, not a forecast.
    """
    import pandas as pd

    start = crypto_start_usd()
    later = paths.years > FIRST_YEAR
    growth = np.cumprod(1.0 + paths.annual_returns()[:, later, CRYPTO], axis=1)
    gdp = macro(paths.years[later])["gdp_bn_usd"].to_numpy() * ONE_BN_USD
    index = pd.Index(paths.years[later], name="year")
    return pd.DataFrame((start * growth / gdp).T, index=index, columns=pd.RangeIndex(len(growth), name="path"))


def _mapping(settings: object) -> dict[str, Any]:
    return dict(settings) if isinstance(settings, Mapping) else dict(vars(settings))


def outside_events(settings: object, years: np.ndarray) -> np.ndarray:
    """Annual returns ``(Y, asset)`` in force outside an event: expected returns, crypto's as set or equity's."""
    rates = expected_returns(settings, years)
    outside = _get(settings, "outside_event_return")
    rates[:, CRYPTO] = rates[:, EQUITY] if outside is None else float(outside)
    return rates


def _crypto_rates(name: str, years: np.ndarray, event_year: int | None) -> np.ndarray:
    """Annual crypto return of a named path's event by year, its first moved to ``event_year``; outside it not a
    number."""
    event = _path_table(name).set_index("year")["crypto_return_rate"].dropna()
    if event_year is not None and len(event):
        event.index += event_year - event.index[0]
    rates: np.ndarray = event.reindex(years).to_numpy(dtype=float)
    return rates


def grown_with_output(
    halves: np.ndarray, years: np.ndarray, settings: object, stated: np.ndarray | None = None
) -> np.ndarray:
    """Half-year returns ``(path, year, half, asset)``; with ``after_event = "gdp"`` crypto grows with GDP from the
    first year, 2027 or later, at whose end the implied value of all crypto would pass ``gdp_multiple`` times GDP.

    Years that a user's file states, ``(path, year)``, stay as they are.
    """
    if _get(settings, "after_event") != "gdp":
        return halves
    later = years > FIRST_YEAR + 1
    growth = (1.0 + halves[..., CRYPTO]).prod(axis=2)
    value = crypto_start_usd() * np.cumprod(np.where(years > FIRST_YEAR, growth, 1.0), axis=1)
    gdp = macro(years)["gdp_bn_usd"].to_numpy(dtype=float) * ONE_BN_USD
    over = (value > float(_get(settings, "gdp_multiple") or 1.0) * gdp) & later
    passed = np.maximum.accumulate(over, axis=1)
    if stated is not None:
        passed &= ~stated
    passed = passed[..., None]
    result = np.array(halves)
    result[..., CRYPTO] = np.where(passed, _half_return(growth_of_output(years))[:, None], halves[..., CRYPTO])
    return result


def _path_table(name: str) -> pd.DataFrame:
    table = sources.table("crypto_paths")
    chosen = table[table["path"] == name].sort_values("year")
    return chosen[["year", "phase", "crypto_return_rate"]].reset_index(drop=True)


def _half_return(annual: np.ndarray) -> np.ndarray:
    """Return of one half of a year that returns ``annual``: R/2 would break identities in a crash."""
    return np.sqrt(1.0 + annual) - 1.0


def opening_of(settings: object) -> OpeningDate:
    """The opening given to a path model; that of the headline if none is given."""
    return _get(settings, "opening") or HEADLINE


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
