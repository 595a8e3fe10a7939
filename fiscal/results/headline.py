"""The answer of a run or a comparison: one table of effects on federal revenue, one sentence above it, and the same by
year in the form in which the Joint Committee on Taxation prints it.

An :class:`Effect` is a run less one reference: the same money in equity, no crypto, or another run. Everything that is
printed of it, anywhere, is read from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.prose import pct, sentence, span
from fiscal.base.words import DASH, MISSING, figures
from fiscal.budget.lines import FORGONE, OTHER_RECEIPTS
from fiscal.budget.valuation import WINDOWS, Window, fiscal_years
from fiscal.engine.risk_neutral import NAMED_PATH
from fiscal.results import bands, events, stages
from fiscal.results.figures import statistics
from fiscal.results.figures.owners import title_of
from fiscal.results.rows import ALL, EFFECT, RISK_NEUTRAL, STOCK
from fiscal.scenario.loading import load

if TYPE_CHECKING:
    from fiscal.results.figures.owners import RunTables
    from fiscal.scenario import Scenario

TEMPLATES = Path(__file__).parent / "templates"

TEN, NEXT, LONG = WINDOWS[:3]
"""The budget window, the ten years that have not begun, and the long run."""

NONE = "none"
"""In a cell: no crypto, or no event."""

EQUITY, NO_CRYPTO = "equity_adoption", "no_crypto"
AGAINST = {EQUITY: "the same money in equity", NO_CRYPTO: "no crypto"}
CURRENT_LAW = "current law without crypto"
LEVEL = "none (level)"
"""In the column ``reference`` of a run that is compared with nothing: its own net revenue."""

WITH_FULL = "with --full"
"""In the cell of a number that the run can have but has not."""

MEDIAN = ", median"
"""After the event of a row that is the median of random paths."""

STUDY = "scenarios"
"""The stored table of adoption and event (:mod:`fiscal.studies.scenarios`)."""

HALF = 0.5
CRYPTO_SETTINGS = ("adoption.", "alternatives.", "overlays.", "paths.", "fees.crypto_rate")
"""Settings (or sections of them) of crypto alone; a run that changes others is compared with current law too."""

CORE_RETURNS = "paths.core_"
"""Those among them that act without crypto."""

HOW_IT_IS_COUNTED = ("horizon.", "books.", "backstop.", "people.scale")
"""Settings that the reference of a run shares with it."""


def _column(window: Window) -> str:
    return f"fy{window.first}_{window.last}_bn_usd"


def words_of(window: Window) -> str:
    """A window as it is printed: "FY2026–35"."""
    return f"FY{window.first}{DASH}{str(window.last)[2:]}"


SHARE = f"share_of_income_tax_fy{TEN.first}_{TEN.last}"
COLUMNS = (
    "case",
    "adoption",
    "event",
    "reference",
    _column(TEN),
    _column(NEXT),
    _column(LONG),
    SHARE,
    "held_at_event_share",
    "market_value_bn_usd",
    "outside_tax_bn_usd",
    "breakeven_displaced_share",
    "low_bn_usd",
    "high_bn_usd",
)
"""Columns of the headline table."""


@dataclass(frozen=True)
class Effect:
    """Net revenue of ``result`` less that of a reference: one of its own paths, another run, or (None) nothing."""

    result: RunTables
    reference: str | RunTables | None

    @property
    def against(self) -> str:
        """The reference in words; a run by its title."""
        if self.reference is None:
            return LEVEL
        if isinstance(self.reference, str):
            return AGAINST[self.reference]
        if not is_current_law(self.reference.scenario):
            return title_of(self.reference)
        return CURRENT_LAW if self.holds_crypto else CURRENT_LAW.removesuffix(" without crypto")

    @property
    def holds_crypto(self) -> bool:
        """Whether the run holds crypto."""
        return events.holds_crypto(self.result.scenario.settings)

    @property
    def of_crypto(self) -> bool:
        """Whether it is what crypto does, all else the same."""
        return isinstance(self.reference, str)

    _series: dict[tuple[str, str], pd.Series] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def by_year(self, line: str = "net_revenue", value: str = "nominal_bn_usd") -> pd.Series:
        """The difference by fiscal year."""
        if (line, value) not in self._series:
            self._series[line, value] = self._difference(line, value)
        return self._series[line, value]

    def drawn(self, window: Window) -> pd.Series | None:
        """Net revenue over a window on each random path; None for a stated path. Empty for a window without one."""
        if not (self.of_crypto or self.reference is None) or not events.is_random(
            self.result.scenario.settings
        ):
            return None
        frame = at_hand(self.result, "paths")
        column = f"net_revenue_minus_{self.reference}_bn_usd" if self.of_crypto else "net_revenue_bn_usd"
        if frame is None or column not in frame:
            return None
        return frame.loc[frame["window"] == window.label, column]

    def _difference(self, line: str, value: str) -> pd.Series:
        frame = at_hand(self.result, "path_years") if isinstance(self.reference, str) else None
        if (
            frame is not None
            and value == "nominal_bn_usd"
            and events.is_random(self.result.scenario.settings)
        ):
            inside = (frame["reference"] == self.reference) & (frame["line"] == line)
            median = frame[inside & (frame["path"] == "scenario")].set_index("year")["median_bn_usd"]
            if len(median):  # of calendar years, all of them receipts on withdrawals
                share = self.result.scenario.settings.books.withdrawal_fiscal_same_year_share
                flow = fiscal_years(median.to_numpy(), np.ones(len(median)), share)
                return pd.Series(flow[1:], median.index[1:])
        own = statistics.by_year(self.result, line, value=value)
        if self.reference is None:
            return own
        if isinstance(self.reference, str):
            return own - statistics.by_year(self.result, line, self.reference, value)
        return own - statistics.by_year(self.reference, line, value=value)

    def over(self, window: Window, line: str = "net_revenue") -> float:
        """The sum over a window, billions of current dollars; NaN where the horizon ends before it. Of random paths the
        median: of the sums for net revenue, of each year for other lines."""
        drawn = self.drawn(window) if line == "net_revenue" else None
        if drawn is not None:
            return float(drawn.median()) if len(drawn) else float("nan")
        series = self.by_year(line)
        inside = series[(series.index >= window.first) & (series.index <= window.last)]
        return float(inside.sum()) if len(inside) == window.last - window.first + 1 else float("nan")

    def tax_share(self, window: Window) -> float:
        """The sum over a window as a share of individual income tax."""
        tax = statistics.individual_income_tax(self.result).loc[window.first : window.last].sum()
        return self.over(window) / float(tax) if tax else float("nan")

    @property
    def windows(self) -> list[Window]:
        """The windows of the headline that the run reaches: those that table and sentence tell."""
        last = int(self.by_year().index.max())
        return [window for window in (TEN, NEXT, LONG) if window.last <= last] or [Window(TEN.first, last)]

    @property
    def last_told(self) -> int:
        """The last year of which anything is told: that of the long run, or the run's own last year."""
        return min(LONG.last, int(self.by_year().index.max()))

    @property
    def starts(self) -> int | None:
        """The first year in which there is an effect; None without one."""
        moved = self.by_year().abs() >= statistics.NOISE_BN_USD
        return int(moved.idxmax()) if moved.any() else None


def effects_of(
    runs: Sequence[RunTables], current_law: Callable[[RunTables], RunTables | None]
) -> list[Effect]:
    """The effects that some runs have, the first being the base where there are several.

    A run that holds crypto is compared with the same money in equity and with no crypto; one that differs from the
    base in other settings also with the base. A run alone that changes other settings is compared with
    ``current_law(run)``, its own horizon under the defaults, and one that changes nothing is its own level.
    """
    base, *others = runs
    if not others:
        other = current_law(base) if changes_more_than_crypto(base.scenario) else None
        against: list[Effect] = [Effect(base, other)] if other is not None else []
        return [*against, *_of_crypto(base)] or [Effect(base, None)]
    apart = {id(result) for result in statistics.set_apart(tuple(runs))}
    found: list[Effect] = _of_crypto(base)
    for result in others:
        crypto = _of_crypto(result)
        if id(result) in apart or not crypto:
            found.append(Effect(result, base))
        found += crypto
    return found


def _of_crypto(result: RunTables) -> list[Effect]:
    """Crypto's effect against the same money in equity and, where that is another number, against no crypto."""
    if set(statistics.references_of(result)) != {EQUITY, NO_CRYPTO}:
        return []
    first, second = Effect(result, EQUITY), Effect(result, NO_CRYPTO)
    gap = (first.by_year() - second.by_year()).abs().max()
    return [first] if gap < statistics.NOISE_BN_USD else [first, second]


def changes_more_than_crypto(scenario: Scenario) -> bool:
    """Whether a scenario changes anything that acts without crypto and that its reference would not share."""
    own = scenario.changed()
    return any(
        not key.startswith((*HOW_IT_IS_COUNTED, *CRYPTO_SETTINGS)) or key.startswith(CORE_RETURNS)
        for key in own
    )


def is_current_law(scenario: Scenario) -> bool:
    """Whether a scenario is the default one: current law, no crypto."""
    return not changes_more_than_crypto(scenario) and not events.holds_crypto(scenario.settings)


def current_law_of(scenario: Scenario) -> Scenario:
    """The defaults on the horizon, the prices and the seed of a scenario: current law, no crypto."""
    shared = {
        key: value
        for key, value in scenario.changed().items()
        if key.startswith(HOW_IT_IS_COUNTED) or key == "paths.seed"
    }
    return load("baseline", shared)


# --- the table --------------------------------------------------------------------------------------


def row_of(effect: Effect) -> dict[str, Any]:
    """One row of the headline table; None where a number is not computed or does not exist."""
    result, event = effect.result, events.told(effect.result)
    outside, even = _outside(effect)
    low, high = band(effect)
    row = {
        "case": title_of(result),
        "adoption": adoption_words(result),
        "event": event.label + MEDIAN * (effect.drawn(TEN) is not None),
        "reference": effect.against,
        **{_column(window): effect.over(window) for window in (TEN, NEXT, LONG)},
        SHARE: effect.tax_share(TEN),
        "held_at_event_share": event.held_share,
        "market_value_bn_usd": market_value(effect)[0],
        "outside_tax_bn_usd": outside,
        "breakeven_displaced_share": even,
        "low_bn_usd": low,
        "high_bn_usd": high,
    }
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in row.items()
    }


def adoption_words(result: RunTables) -> str:
    """Who comes to hold crypto and how much: "10% × 5% by 2035"."""
    adoption = result.scenario.settings.adoption
    if not events.holds_crypto(result.scenario.settings):
        return "none"
    return f"{pct(adoption.participants_share)} × {pct(adoption.allocation_share)} by {adoption.full_year}"


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
    own = frame[
        (frame["basis"] == RISK_NEUTRAL) & (frame["weight"] == "average") & frame["scope"].isin(scopes)
    ]
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


def _outside(effect: Effect) -> tuple[float, float]:
    """Change of tax on crypto outside plans if half of it would have been held there, over the ten calendar years, and
    the share held there at which the effect would be zero (NaN where no share between none and all brings it there)."""
    frame = effect.result.tables.get("displaced") if effect.of_crypto else None
    if frame is None or frame.empty:
        return float("nan"), float("nan")
    frame = frame[(frame["path"] == "scenario") & frame["year"].between(TEN.first, TEN.last)]
    sums = frame.groupby("displaced_share")["displaced_gains_tax_bn_usd"].sum()
    if len(frame["year"].unique()) < TEN.last - TEN.first + 1 or HALF not in sums.index:
        return float("nan"), float("nan")
    half, gain = float(sums[HALF]), effect.over(TEN)
    even = -gain / (half / HALF) if half else float("nan")
    return half, even if abs(gain) >= statistics.NOISE_BN_USD and 0 <= even <= 1 else float("nan")


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


def at_hand(result: RunTables, table: str) -> pd.DataFrame | None:
    """A costly table where the run has it; None where it was not asked for."""
    return stages.held(result.tables).get(table)


# --- the sentence -----------------------------------------------------------------------------------


def facts_of(effect: Effect) -> dict[str, Any]:
    """What the sentence says of one effect."""
    event, ten = events.told(effect.result), effect.windows[0]
    return {
        "title": title_of(effect.result),
        "subject": event.subject if effect.of_crypto else "",
        "held_share": event.held_share,
        "over_early": event.event is not None and missed(effect.result, event.event),
        "event": event.event,
        "against": effect.against,
        "plans": "401(k) plans"
        if effect.result.scenario.settings.scope.plans == "401k"
        else "defined-contribution plans",
        "of_crypto": effect.of_crypto,
        "level": effect.reference is None,
        "ten": effect.over(ten),
        "ten_words": words_of(ten),
        "tax_share": effect.tax_share(ten),
        "moves": moves_of(effect),
        "last": int(effect.by_year().index.max()),
        "forgone": FORGONE.of({line: effect.over(ten, line) for line in FORGONE.parts}),
        "collected": effect.over(ten, "withdrawal_tax")
        + OTHER_RECEIPTS.of({line: effect.over(ten, line) for line in OTHER_RECEIPTS.parts}),
    }


def moves_of(effect: Effect) -> list[dict[str, Any]]:
    """The sums of an effect by window, those that go the same way together: ``way`` (1, -1, or 0 for no effect),
    ``sums``, each with ``value`` and ``words``, and, of no effect, whether it ``never`` comes and the year in which it
    ``starts`` after these windows."""
    told = [(way_of(effect.over(window)), window) for window in effect.windows]
    found = []
    for way, part in groupby(told, key=lambda one: one[0]):
        windows = [window for _, window in part]
        later = way == 0 and effect.starts is not None and effect.starts > windows[-1].last
        found.append(
            {
                "way": way,
                "sums": [{"value": effect.over(window), "words": words_of(window)} for window in windows],
                "never": effect.starts is None,
                "starts": effect.starts if later else None,
            }
        )
    return found


def way_of(billions: float) -> int:
    """Whether an amount raises revenue (1), lowers it (-1), or is no effect (0)."""
    return 0 if abs(billions) < statistics.NOISE_BN_USD else 1 if billions > 0 else -1


def missed(result: RunTables, event: events.Event) -> bool:
    """Whether an event is over before half of planned crypto is held."""
    return events.held_share(result.scenario.settings, event.last_year + 1) < HALF


def told_effects(effects: Sequence[Effect]) -> list[Effect]:
    """The effects that a sentence is made of: the first of each run."""
    return list({id(effect.result): effect for effect in reversed(effects)}.values())[::-1]


@dataclass(frozen=True)
class Headline:
    """Effects on federal revenue: ``rows``, one per case and reference, and ``finding``, one sentence."""

    rows: pd.DataFrame
    finding: str

    def records(self) -> list[dict[str, Any]]:
        """The rows as plain values, None where nothing is known."""
        return [
            {key: None if value is None or value != value else value for key, value in row.items()}
            for row in self.rows.astype(object).to_dict(orient="records")
        ]

    def __str__(self) -> str:
        return f"{self.finding}\n\n{self.shown().to_string(index=False)}"

    __repr__ = __str__

    def shown(self, later: str = WITH_FULL) -> pd.DataFrame:
        """The rows as they are printed: words for heads, a dash where nothing is known, and ``later`` where the run can
        have a number that it has not."""
        return pd.DataFrame([shown_row(row, later) for row in self.records()], columns=list(HEADS.values()))

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.finding)}</p>{self.shown().to_html(index=False, escape=True)}"


def headline(effects: Sequence[Effect]) -> Headline:
    """Table and sentence of some effects."""
    rows = pd.DataFrame([row_of(effect) for effect in effects], columns=list(COLUMNS))
    cases = [facts_of(effect) for effect in told_effects(effects)]
    return Headline(rows, sentence(TEMPLATES, "finding.j2", cases=cases))


HEADS = {
    "adoption": "Adoption",
    "event": "Event",
    "reference": "Compared with",
    **{_column(window): words_of(window).replace("FY20", "FY") for window in (TEN, NEXT, LONG)},
    SHARE: "% of income tax",
    "held_at_event_share": "Held at event",
    "market_value_bn_usd": "Value at market prices",
    "outside_tax_bn_usd": "Tax outside, if half",
    "breakeven_displaced_share": "Break-even share outside",
    "range": "80% range",
}
"""Columns of the table as it is printed."""


def shown_row(row: dict[str, Any], later: str) -> dict[str, str]:
    """One row as it is printed, billions with one decimal and percent."""

    def number(key: str, decimals: int = 1, scale: float = 1.0) -> str:
        return MISSING if row[key] is None else figures(scale * row[key], decimals)

    of_crypto = row["reference"] in AGAINST.values()
    later = later if of_crypto else MISSING
    band_known = row["low_bn_usd"] is not None
    cells = {
        **{key: row[key] for key in ("adoption", "event", "reference")},
        **{_column(window): number(_column(window)) for window in (TEN, NEXT, LONG)},
        SHARE: number(SHARE, 3, 100),
        "held_at_event_share": MISSING
        if row["held_at_event_share"] is None
        else pct(row["held_at_event_share"]),
        "market_value_bn_usd": later if row["market_value_bn_usd"] is None else number("market_value_bn_usd"),
        "outside_tax_bn_usd": number("outside_tax_bn_usd"),
        "breakeven_displaced_share": "none"
        if of_crypto and row["breakeven_displaced_share"] is None and row["outside_tax_bn_usd"] is not None
        else number("breakeven_displaced_share", 0, 100)
        + "%" * (row["breakeven_displaced_share"] is not None),
        "range": f"{number('low_bn_usd')} to {number('high_bn_usd')}" if band_known else MISSING,
    }
    return {HEADS[key]: text for key, text in cells.items()}


# --- by year ----------------------------------------------------------------------------------------

FIVE = Window(TEN.first, TEN.first + 4)

NOTES = (
    "Billions of dollars by fiscal year; positive = the government is better off. Details may not add to totals due to "
    "rounding. These are scenario projections, not conventional estimates: the Joint Committee on Taxation does not "
    "score expected excess returns.",
    "[1] Gain of less than $50 million.",
    "[2] Loss of less than $50 million.",
)


def sum_name(window: Window) -> str:
    """Head of a column of sums: "2026–30"."""
    return span(window.first, window.last).replace(f"{DASH}20", DASH)


def by_year(effects: Sequence[Effect]) -> pd.DataFrame:
    """One row per case and reference: the effect on net revenue by fiscal year and its sums over five and ten years.

    Columns ``case, reference``, one a fiscal year, and ``2026–30``, ``2026–35``; billions of current dollars, empty
    past the horizon. ``attrs["notes"]`` are the footnotes.
    """
    years = range(TEN.first, TEN.last + 1)
    rows = []
    for effect in effects:
        series = effect.by_year().reindex(years)
        sums = {sum_name(window): effect.over(window) for window in (FIVE, TEN)}
        rows.append(
            {"case": title_of(effect.result), "reference": effect.against, **series.to_dict(), **sums}
        )
    sums_of = [sum_name(window) for window in (FIVE, TEN)]
    frame = pd.DataFrame(rows, columns=["case", "reference", *years, *sums_of])
    frame = frame.rename(columns={year: str(year) for year in years})
    frame.attrs["notes"] = list(NOTES)
    return frame


def scored(value: float) -> str:
    """A cell of the table by year as scorers print it: small amounts are footnotes, zero is a dash."""
    if not np.isfinite(value) or abs(value) < statistics.NOISE_BN_USD / 10:
        return MISSING
    if abs(value) < HALF / 10:
        return "[1]" if value > 0 else "[2]"
    return figures(value, 1)
