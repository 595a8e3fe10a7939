"""The answer of a run or a comparison: one table of effects on federal revenue, one sentence above it, and the same by
year in the form in which the Joint Committee on Taxation prints it.

Everything that is printed of an effect (:mod:`fiscal.results.effects`), anywhere, is read from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fiscal.base.prose import pct, sentence, span
from fiscal.base.words import DASH, MISSING, figures
from fiscal.budget.lines import FORGONE, OTHER_RECEIPTS
from fiscal.budget.valuation import Window
from fiscal.results import events
from fiscal.results.effects import AGAINST, LONG, NEXT, TEN, Effect
from fiscal.results.figures import statistics
from fiscal.results.figures.owners import title_of
from fiscal.results.worth import band, market_value

if TYPE_CHECKING:
    from fiscal.results.figures.owners import RunTables

TEMPLATES = Path(__file__).parent / "templates"

NONE = "none"
"""In a cell: no crypto, or no event."""

WITH_FULL = "with --full"
"""In the cell of a number that the run can have but has not."""

MEDIAN = ", median"
"""After the event of a row that is the median of random paths."""

HALF = 0.5


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
    return {key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in row.items()}


def adoption_words(result: RunTables) -> str:
    """Who comes to hold crypto and how much: "10% × 5% by 2035"."""
    adoption = result.scenario.settings.adoption
    if not events.holds_crypto(result.scenario.settings):
        return "none"
    return f"{pct(adoption.participants_share)} × {pct(adoption.allocation_share)} by {adoption.full_year}"


def _outside(effect: Effect) -> tuple[float, float]:
    """Change of tax on crypto outside plans if half of it would have been held there, over the ten fiscal years, and
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
    """The sums of an effect over ten years and the long run, those that go the same way together: ``way`` (1, -1, 0),
    ``sums``, each with ``value`` and ``words``, and, of no effect (0), whether it ``never`` comes and the year in which
    it ``starts`` after these windows."""
    told = [(way_of(effect.over(window)), window) for window in effect.windows if window != NEXT]
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
    """Whether an amount raises revenue (1), lowers it (-1), or has no effect (0)."""
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
        return f"{self.finding}\n\n{self.by_case().to_string(index=False)}"

    __repr__ = __str__

    def shown(self, later: str = WITH_FULL) -> pd.DataFrame:
        """The rows as they are printed: words for heads, a dash where nothing is known, and ``later`` where the run can
        have a number that it has not."""
        return pd.DataFrame([shown_row(row, later) for row in self.records()], columns=list(HEADS.values()))

    def by_case(self) -> pd.DataFrame:
        """The rows as they are printed, after the case where there are several."""
        frame = self.shown()
        if self.rows["case"].nunique() > 1:
            frame.insert(0, "Case", self.rows["case"].to_numpy())
        return frame

    def to_frame(self) -> pd.DataFrame:
        """The rows as numbers, one per case and reference."""
        return self.rows.copy()

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.finding)}</p>{self.by_case().to_html(index=False, escape=True)}"


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
        "held_at_event_share": MISSING if row["held_at_event_share"] is None else pct(row["held_at_event_share"]),
        "market_value_bn_usd": later if row["market_value_bn_usd"] is None else number("market_value_bn_usd"),
        "outside_tax_bn_usd": number("outside_tax_bn_usd"),
        "breakeven_displaced_share": "none"
        if of_crypto and row["breakeven_displaced_share"] is None and row["outside_tax_bn_usd"] is not None
        else number("breakeven_displaced_share", 0, 100) + "%" * (row["breakeven_displaced_share"] is not None),
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
        rows.append({"case": title_of(effect.result), "reference": effect.against, **series.to_dict(), **sums})
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
