"""Revenue lines over the windows, percent of GDP, and present values."""

from __future__ import annotations

from functools import partial

import pandas as pd

from fiscal.base.prose import pct
from fiscal.base.words import BASIS_NAMES
from fiscal.budget.lines import FORGONE, OTHER_RECEIPTS
from fiscal.report.asked import Asked
from fiscal.report.content import Column, Table
from fiscal.report.exhibits.common import POSITIVE, exhibit, years
from fiscal.results.effects import AGAINST, LONG, TEN, at_hand
from fiscal.results.figures import market_statistics, statistics
from fiscal.results.figures.owners import title_of


@exhibit
def budget(asked: Asked) -> Table:
    """The lines of every run over the windows."""
    rows = []
    for result in asked.results:
        known = statistics.windows_of(result)
        for window in (one.label for one in (TEN, LONG) if one.label in known):
            line = partial(statistics.window_sum, result, window)
            rows.append(
                {
                    "case": title_of(result),
                    "window": f"FY{years(window)}",
                    "deferred": line("deferred_revenue"),
                    "payroll": line("payroll_forgone"),
                    "tax": line("withdrawal_tax"),
                    "other": OTHER_RECEIPTS.of({name: line(name) for name in OTHER_RECEIPTS.parts}),
                    "net": line("net_revenue"),
                }
            )
    return Table(
        "budget", "Revenue forgone and collected",
        pd.DataFrame(rows, columns=list(rows[0]) if rows else ["case", "window"]),
        (
            Column("window", "Fiscal years", width=1),
            Column("deferred", "Deferred income tax", 0),
            Column("payroll", "Payroll tax forgone", 0),
            Column("tax", "Withdrawal tax", 0),
            Column("other", "Other receipts", 0),
            Column("net", "Net revenue", 0),
        ) if rows else (Column("window", "Fiscal years", width=1),),
        f"Billions of current dollars. {POSITIVE}", group="case",
        notes=("Net revenue omits tax on outside returns; it does not measure the gain from deferral.",),
    )  # fmt: skip


GDP_YEARS = (2026, 2030, 2035, 2040, 2045, 2055)


@exhibit
def long_run(asked: Asked) -> Table:
    """Net revenue and the effects as percent of GDP by year."""
    base = asked.results[0]
    last = int(base.scenario.value("horizon.last_year"))
    years = [year for year in GDP_YEARS if year <= last]
    rows = []
    for words, line in (
        ("Revenue forgone", None),
        ("Withdrawal tax", "withdrawal_tax"),
        ("Net revenue", "net_revenue"),
    ):
        series = (
            FORGONE.of({name: statistics.by_year(base, name) for name in FORGONE.parts})
            if line is None
            else statistics.by_year(base, line)
        )
        rows.append({"what": f"{words}, {title_of(base)}", **{str(year): series.get(year) for year in years}})
    effects = [effect for effect in asked.effects if effect.reference is not None]
    told = pd.DataFrame(
        [{str(year): round(effect.by_year(value="gdp_share").get(year), 5) for year in years} for effect in effects]
    )
    told = told.assign(case=[title_of(one.result) for one in effects], against=[one.against for one in effects])
    for keys, part in told.groupby(["case", *map(str, years)], sort=False) if effects else ():
        name = f"{keys[0]}, compared with {', or '.join(part['against'])}"
        rows.append({"what": name, **dict(zip(map(str, years), keys[1:], strict=True))})
    return Table(
        "long-run", "Percent of GDP by fiscal year", pd.DataFrame(rows),
        (
            Column("what", "Net revenue and its change", width=1),
            *(Column(str(year), str(year), 3, 100) for year in years),
        ),
        f"Percent of the year's GDP. {POSITIVE}",
    )  # fmt: skip


# --- value and risk ---------------------------------------------------------------------------------


SCOPES = (("contributions_2026", "Contributions of 2026"), ("crypto_effect", "Effect of crypto"))


@exhibit
def values(asked: Asked) -> Table | None:
    """The effect of crypto, and this year's contributions, on every basis."""
    rows = []
    for result in asked.results:
        frame = at_hand(result, "bases")
        if frame is None or frame.empty:
            continue
        for scope, words in SCOPES if result is asked.results[0] else SCOPES[1:]:
            own = frame[(frame["scope"] == scope) & (frame["weight"] == "average")]
            if scope == "crypto_effect":  # no path of returns is in the convention, and so no effect of one
                own = own[own["basis"] != "convention"]
            for (basis, rate), part in own.groupby(["basis", "rate"], sort=False, dropna=False):
                value = part.set_index("line")
                rows.append(
                    {
                        "group": f"{words}, {title_of(result)}",
                        "basis": BASIS_NAMES[str(basis)] + (f", {pct(float(rate))}" if rate == rate and rate else ""),
                        "tax": value["present_value_bn_usd"].get("withdrawal_tax"),
                        "net": value["present_value_bn_usd"].get("net_revenue"),
                        "error": value["standard_error_bn_usd"].get("withdrawal_tax"),
                    }
                )
    if not rows:
        return None
    return Table(
        "values", "What the deferral is worth on each basis", pd.DataFrame(rows),
        (
            Column("basis", "Basis", width=1),
            Column("tax", "Withdrawal tax", 1),
            Column("error", "Standard error", 1),
            Column("net", "Net revenue", 1),
        ),
        f"Billions of dollars of mid-2025, to the last withdrawal. {POSITIVE}", group="group", breakable=True,
    )  # fmt: skip


MEASURES = {"cash_basis": "Cash, 2026", "present_value_basis": "Present value, contributions of 2026"}


@exhibit
def expenditure(asked: Asked) -> Table | None:
    """Tax expenditure of the first run: cash of a year, and present value of a year's contributions."""
    frame = at_hand(asked.results[0], "tax_expenditure")
    if frame is None:
        return None
    own = frame[frame["flows_of"].astype(str) == "2026"]
    shown = own.assign(
        what=[
            f"{MEASURES[on]}: {'gains realized as assumed' if method == 'as set' else str(method).replace('_', ' ')}"
            for on, method in zip(own["measured_on"], own["method"], strict=True)
        ]
    )
    return Table(
        "expenditure", "Tax expenditure of deferral", shown,
        (
            Column("what", "Measure", width=1),
            Column("deferred_revenue_bn_usd", "Deferred income tax", 0),
            Column("inside_buildup_bn_usd", "Tax on returns forgone", 0),
            Column("withdrawal_tax_bn_usd", "Withdrawal tax", 0),
            Column("tax_expenditure_bn_usd", "Tax expenditure", 0),
        ),
        "Billions of dollars. A positive tax expenditure is a cost; elsewhere positive = the government is better off.",
    )  # fmt: skip


@exhibit
def paths(asked: Asked) -> Table | None:
    """The distribution of the effect over random paths."""
    rows = []
    for result in market_statistics.random_results(asked.results):
        frame = result.tables["path_windows"]
        own = frame[(frame["line"] == "net_revenue") & (frame["measure"] == "real")]
        for row in own[own["reference"].isin(list(AGAINST))].itertuples():
            if str(row.window).startswith("FY"):
                rows.append(
                    {
                        "case": f"{title_of(result)}, compared with {AGAINST[row.reference]}",
                        "window": f"FY{years(row.window)}",
                        "q05": row.q05_bn_usd,
                        "median": row.median_bn_usd,
                        "q95": row.q95_bn_usd,
                        "mean": row.mean_bn_usd,
                    }
                )
    if not rows:
        return None
    return Table(
        "paths", "Change in net revenue over random paths", pd.DataFrame(rows),
        (
            Column("window", "Fiscal years", width=1),
            Column("q05", "5th percentile", 1),
            Column("median", "Median", 1),
            Column("q95", "95th percentile", 1),
            Column("mean", "Mean", 1),
        ),
        f"Billions of current dollars. {POSITIVE}", group="case",
    )  # fmt: skip
