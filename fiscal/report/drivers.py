"""What drives the effect of crypto: the stored sweep in words, its tornado and its Sobol indices."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fiscal.base.words import capital, listing, percent, signed_amount, window_words
from fiscal.budget.valuation import PRESENT_VALUE
from fiscal.report.answer import Results
from fiscal.report.chapters import figure
from fiscal.report.content import Block, Column, Heading, Panel, Prose, Ref, Table
from fiscal.results.figures import statistics
from fiscal.results.figures.drawings import span_name
from fiscal.results.figures.setting_names import setting_name
from fiscal.results.quantities import QUANTITY_WORDS, headline_quantity
from fiscal.scenario.design import Design, read_design

SMALL_SHARE = 0.01
"""A setting whose total index is below this share of the variance is said to matter little."""

MEANING = (
    "Alone is the share of the variance that would go if the setting were known (first-order Sobol index), with others "
    "the share that would stay if all but it were known (total index); both as 95 percent intervals, wide where the "
    "cases are few."
)

HELD = ("adoption.participants_share", "adoption.allocation_share")
"""Settings whose product is the share of balances held in crypto."""

AGAINST_EQUITY = "net_revenue_minus_equity_adoption"
HEADING = "What drives the effect of crypto"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"

SOURCE = "Source: stored sweep of this model (data tables drivers_tornado, drivers_indices, drivers_spread)."


def drivers_blocks(results: Results) -> list[Block]:
    """The stored sweep of the design ``drivers``; nothing until it has been built."""
    stored = statistics.drivers()
    if stored is None:
        return []
    design = read_design("drivers")
    quantity = headline_quantity(stored["spread"]["quantity"])
    windows = [name for name in stored["spread"]["window"].unique() if name != PRESENT_VALUE]
    near, far = windows[0], windows[-1]
    named = f"\N{LEFT DOUBLE QUOTATION MARK}{design.base.title}\N{RIGHT DOUBLE QUOTATION MARK}"
    other = all(result.scenario.settings != design.base.settings for result in results)
    title = f"Another case: what drives crypto's effect in {named}" if other else HEADING
    text = _what_was_run(design, stored["spread"], quantity, (near, far))
    far_text, near_text = (_what_drives(stored["indices"], quantity, window) for window in (far, near))
    return [
        Heading(title),
        Prose(text),
        Prose(f"{far_text} {MEANING}"),  # what is told of the figure also where the figure stands without the rest
        figure(
            results, "figure-drivers",
            f"One setting of the random central case at a time: {QUANTITY_WORDS[quantity]}, {span_name(far)}",
            (Panel("tornado", {"quantity": quantity, "window": far}),),
            f"{SOURCE} At the ends of the bars stand the settings' values: shares and rates as fractions, scales as "
            "multiples.",
        ),
        Prose(near_text),
        _index_table(stored["indices"], quantity, (near, far)),
        Prose(_caution(design)),
    ]  # fmt: skip


def _what_was_run(design: Design, spread: pd.DataFrame, quantity: str, windows: tuple[str, ...]) -> str:
    """The design and what the effect is over it, window by window."""
    own = spread[spread["quantity"] == quantity].set_index("window")
    cases = int(own["cases"].iloc[0])
    parts = [
        f"over {window_words(window)} from {signed_amount(own.loc[window, 'q05_bn_usd'])} to "
        f"{signed_amount(own.loc[window, 'q95_bn_usd'])} (median {signed_amount(own.loc[window, 'median_bn_usd'])})"
        for window in windows
    ]
    also = ""
    if AGAINST_EQUITY in set(spread["quantity"]) - {quantity}:
        other = spread[spread["quantity"] == AGAINST_EQUITY].set_index("window")
        spans = [
            f"from {signed_amount(other.loc[window, 'q05_bn_usd'])} to "
            f"{signed_amount(other.loc[window, 'q95_bn_usd'])} (median "
            f"{signed_amount(other.loc[window, 'median_bn_usd'])})"
            for window in windows
        ]
        also = f" Against the same adoption in equity it is {listing(spans)}: which one is meant decides the sign."
    held = [np.mean(factor.ends()) for factor in design.factors if factor.key in HELD]
    level = (
        f" The ranges hold {percent(float(np.prod(held)), 2)} of balances in crypto on average."
        if len(held) == len(HELD)
        else ""
    )
    return (
        f"One value at a time leaves out what values do together. Therefore {len(design.factors)} settings of the case "
        f"\N{LEFT DOUBLE QUOTATION MARK}{design.base.title}\N{RIGHT DOUBLE QUOTATION MARK}, on its central path, which "
        f"has no volatility, are drawn at once, each evenly from its range and independently of the others, in "
        f"{cases:,} cases.{level} "
        f"In nine cases of ten crypto changes net revenue against no crypto {listing(parts)}. "
        + _sign_words(own, windows)
        + also
    )


def _sign_words(own: pd.DataFrame, windows: tuple[str, ...]) -> str:
    """Over which windows the effect has one sign in every case, and over which not."""
    signs = {
        "a gain in every case": [name for name in windows if own.loc[name, "lowest_bn_usd"] > 0],
        "a loss in every case": [name for name in windows if own.loc[name, "highest_bn_usd"] < 0],
    }
    one_sign = [name for names in signs.values() for name in names]
    signs["a gain in some cases and a loss in others"] = [name for name in windows if name not in one_sign]
    return " ".join(
        f"Over {listing([window_words(name) for name in names])} it is {words}."
        for words, names in signs.items()
        if names
    )


def _what_drives(indices: pd.DataFrame, quantity: str, window: str) -> str:
    """Which settings the variance of the effect hangs on, judged with the intervals of their indices."""
    own = indices[(indices["quantity"] == quantity) & (indices["window"] == window)].dropna()
    if own.empty:
        return f"Over {window_words(window)} the effect does not vary enough to be shared out."
    own = own.sort_values("total", ascending=False, kind="stable")
    top = own.iloc[0]
    # the largest, and those whose intervals of total indices meet its own
    reach = own["total"] + own["total_confidence"] >= top["total"] - top["total_confidence"]
    opening = f"Over {window_words(window)}"
    shares = [
        f"{setting_name(row.setting)} (alone {_interval(row.first_order, row.first_order_confidence)}, with others "
        f"{_interval(row.total, row.total_confidence)})"
        for row in own[reach].itertuples()
    ]
    if len(shares) == 1:
        text = f"{opening} the variance of the effect comes most from {shares[0]}"
        names = [
            f"{setting_name(row.setting)} (with others {_interval(row.total, row.total_confidence)})"
            for row in own.iloc[1:3].itertuples()
        ]
        text += f"; then from {listing(names)}. " if names else ". "
    else:
        text = f"{opening} the largest shares of the variance cannot be told apart: {listing(shares)}. "
    text += _interplay(own)
    small = [
        setting_name(key) for key in own[own["total"] + own["total_confidence"] < SMALL_SHARE]["setting"]
    ]
    if small:
        text += f" Less than {percent(SMALL_SHARE)} each, interplay included, comes from {listing(small)}."
    return text


def _interval(share: float, reach: float) -> str:
    """The interval of a share of the variance in words; what an estimate has outside 0 to 1 is its error."""
    low, high = (round(100 * min(max(end, 0.0), 1.0)) for end in (share - reach, share + reach))
    return f"{low} to {high} percent" if low else f"at most {max(high, 1)} percent"


def _interplay(own: pd.DataFrame) -> str:
    """What the settings explain one by one, and whether the rest, their interplay, can be told from nil."""
    alone = float(own["first_order"].sum())
    # the error of a sum is at most the sum of the errors, however they hang together
    reach = float(own["first_order_confidence"].sum())
    if alone + reach < 1:
        return (
            f"The settings one by one account for {percent(alone, 2)} of the variance, their interplay for the "
            "rest."
        )
    return "The intervals are too wide to say how much comes from the settings' interplay."


def _index_table(indices: pd.DataFrame, quantity: str, windows: tuple[str, str]) -> Table:
    """First-order and total indices of the effect over the near and the far window, and of net revenue over the far."""
    near, far = windows
    shown = {
        "near": (quantity, near),
        "far": (quantity, far),
        "level": ("net_revenue", far),
    }
    parts = {
        name: indices[(indices["quantity"] == one) & (indices["window"] == window)].set_index("setting")
        for name, (one, window) in shown.items()
    }
    frame = pd.DataFrame(
        {
            f"{name}_{index}": part[index]
            for name, part in parts.items()
            for index in ("first_order", "first_order_confidence", "total", "total_confidence")
        }
    )
    frame = (
        frame.sort_values("far_total", ascending=False, kind="stable").rename_axis("setting").reset_index()
    )
    frame["name"] = [capital(setting_name(key)) for key in frame["setting"]]
    return Table(
        "table-drivers", "Shares of the variance of the effect over all cases", frame,
        (
            Column("name", "Setting", width=1),
            Column("near_first_order", f"Effect {span_name(near)}: alone", 2),
            Column("near_first_order_confidence", PLUS_MINUS, 2),
            Column("near_total", "with others", 2),
            Column("near_total_confidence", PLUS_MINUS, 2),
            Column("far_first_order", f"Effect {span_name(far)}: alone", 2),
            Column("far_first_order_confidence", PLUS_MINUS, 2),
            Column("far_total", "with others", 2),
            Column("far_total_confidence", PLUS_MINUS, 2),
            Column("level_total", f"Net revenue {span_name(far)}: with others", 2),
            Column("level_total_confidence", PLUS_MINUS, 2),
        ),
        unit="Shares of the variance (Sobol indices): of the effect of crypto on net revenue against no crypto, and of "
        f"net revenue itself. {PLUS_MINUS} is half of the 95 percent interval; an estimate below 0 is its error",
        source=SOURCE,
    )  # fmt: skip


def _caution(design: Design) -> tuple[str | Ref, ...]:
    ranges = listing(
        [
            f"{setting_name(factor.key)} {low:g} to {high:g}"
            for factor in design.factors
            for low, high in [factor.ends()]
        ]
    )
    return (
        "The shares in ", Ref("table-drivers"), " and the bars of ", Ref("figure-drivers"), " hang on the ranges: "
        f"{ranges}. A range is what was thought worth asking, not a distribution that anybody observed; a wider one "
        "would give its setting a larger share.",
    )  # fmt: skip
