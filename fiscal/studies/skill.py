"""How good the model is: errors by lead year beside naive rules and CBO's own, and the test of the bands.

Reads the stored study (:mod:`fiscal.studies.skill_study`); bands of past starts are made in
:mod:`fiscal.studies.past_bands`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.memo import remembered
from fiscal.studies import hindcast, naive, past_bands
from fiscal.studies.past_record import KNOWN, LAST_OUTCOME, QUANTITIES, STARTS, published

FIRST_LEAD_OF_AIM = 3
MOST_TIMES_NAIVE = 1.1
"""Aims: errors in contributions and assets at most 1.1 times the best naive rule's, in benefits below it from the third
lead on."""
NO_AIM = ("contributions", "actual_wages_and_returns")
"""Contributions do not depend on returns, so this aim is the one with wages given."""

CBO_CATEGORY = "Individual Income Taxes"

ERROR_KEYS = ["quantity", "conditioning", "lead_years"]


# ------------------------------------------------------------------------------------------------ errors


def points(start: int, conditioning: str, experiment: str | None = None) -> pd.DataFrame:
    """Model, published and naive rules of one start: columns ``quantity, conditioning, start, lead_years, published,
    model`` and one a rule, billions."""
    found = hindcast.hindcast(start, conditioning, experiment=experiment)
    rules = {rule: naive.forecast(rule, start, conditioning) for rule in naive.RULES} if conditioning in KNOWN else {}
    record = published()
    years = np.arange(start + 1, LAST_OUTCOME + 1)
    parts = [
        pd.DataFrame(
            {
                "quantity": quantity,
                "conditioning": conditioning,
                "start": start,
                "lead_years": years - start,
                "published": record[quantity].loc[years].to_numpy(),
                "model": found.of(quantity),
                **{rule: frame[quantity].to_numpy() for rule, frame in rules.items()},
            }
        )
        for quantity in QUANTITIES
    ]
    return pd.concat(parts, ignore_index=True)


def best_rules(table: pd.DataFrame) -> pd.Series:
    """The naive rule with the smallest mean absolute error of each quantity, conditioning and lead: chosen after the
    fact, which is in its favor."""
    size = pd.DataFrame({rule: (table[rule] / table["published"] - 1).abs() for rule in naive.RULES})
    means = size.groupby([table[key] for key in ERROR_KEYS], sort=False).mean()
    best: pd.Series = means.idxmin(axis=1)
    return best


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """One row per quantity, conditioning, start and lead: ``error`` and ``naive_error`` of the best rule, fractions of
    the published figure, positive where the forecast is too high."""
    best = best_rules(table)
    rule = best.loc[pd.MultiIndex.from_frame(table[ERROR_KEYS])].to_numpy()
    at = table[list(naive.RULES)].to_numpy()[np.arange(len(table)), [naive.RULES.index(one) for one in rule]]
    return pd.DataFrame(
        {
            **{key: table[key] for key in ("quantity", "conditioning", "start", "lead_years")},
            "error": table["model"] / table["published"] - 1,
            "naive_error": at / table["published"] - 1,
            "naive_rule": rule,
        }
    )


def by_lead(found: pd.DataFrame) -> pd.DataFrame:
    """Errors over the starts that reach a lead, in the columns in which CBO publishes its own, beside the best naive
    rule's and CBO's mean absolute error on individual income tax. ``skill`` is 1 less our mean absolute error over the
    rule's; ``two_thirds_spread`` the width of the middle two-thirds of the errors."""
    cbo = cbo_record()["mean_absolute_error"]
    rows = []
    ordered = found.sort_values("lead_years", kind="stable")
    groups = {key: part for key, part in ordered.groupby(ERROR_KEYS, sort=False)}
    first = list(dict.fromkeys(zip(found["quantity"], found["conditioning"], strict=True)))
    for key in sorted(groups, key=lambda key: (first.index(key[:2]), key[2])):
        (quantity, conditioning, lead), part = key, groups[key]
        size, rule = part["error"].abs().mean(), part["naive_error"].abs().mean()
        low, high = part["error"].quantile([1 / 6, 5 / 6])
        rows.append(
            (
                quantity, conditioning, int(lead), len(part), part["error"].mean(), size,
                float(np.sqrt((part["error"] ** 2).mean())), high - low, rule, part["naive_rule"].iloc[0],
                1 - size / rule, cbo.get(lead, np.nan),
            )
        )  # fmt: skip
    names = (
        "quantity", "conditioning", "lead_years", "starts", "mean_error", "mean_absolute_error", "rmse",
        "two_thirds_spread", "naive_mean_absolute_error", "naive_rule", "skill", "cbo_mean_absolute_error",
    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(names))


def cbo_record() -> pd.DataFrame:
    """CBO's errors on individual income tax, fractions, by projected year (1 = the year under way)."""
    table = sources.table("cbo_forecast_accuracy")
    own = table[(table["component"] == "revenue") & (table["category"] == CBO_CATEGORY)]
    names = ["mean_error", "mean_absolute_error", "rmse", "two_thirds_spread"]
    return own.set_index("projected_year_number")[names]


def aims(leads: pd.DataFrame) -> pd.DataFrame:
    """Every aim with what came out: columns ``quantity, conditioning, lead_years, starts, ratio, most, met``."""
    frame = leads.assign(ratio=leads["mean_absolute_error"] / leads["naive_mean_absolute_error"])
    frame["most"] = np.where(frame["quantity"] == "benefits", 1.0, MOST_TIMES_NAIVE)
    again = (frame["quantity"] == NO_AIM[0]) & (frame["conditioning"] == NO_AIM[1])
    frame = frame[frame["quantity"].isin(QUANTITIES) & ~again]
    judged = frame[(frame["quantity"] != "benefits") | (frame["lead_years"] >= FIRST_LEAD_OF_AIM)]
    judged = judged.assign(
        met=np.where(judged["quantity"] == "benefits", judged["ratio"] < 1, judged["ratio"] <= judged["most"])
    )
    return judged[[*ERROR_KEYS, "starts", "ratio", "most", "met"]].reset_index(drop=True)


# ------------------------------------------------------------------------------------- the stored study

TABLES = ("hindcast", "hindcast_experiments", "hindcast_bands", "hindcast_residuals")
EXPERIMENT_STARTS = (2010, 2013, 2016, 2019)


@remembered
def answers(
    starts: Sequence[int] | None = None, lead: int | None = None, paths: int | None = None
) -> dict[str, pd.DataFrame]:
    """``errors``, ``by_lead``, ``coverage`` and ``aims`` from the stored study, of some ``starts`` or one ``lead``.

    The best naive rule is chosen over all starts. ``paths`` makes the bands again with as many market paths.
    """
    found = errors(sources.table("hindcast"))
    tried = sources.table("hindcast_bands")
    if paths is not None:
        past_bands.check_draws(paths)
        tried = tried_bands(starts or STARTS, paths)
    if starts is not None:
        found, tried = found[found["start"].isin(starts)], tried[tried["start"].isin(starts)]
    if lead is not None:
        found, tried = found[found["lead_years"] == lead], tried[tried["lead_years"] == lead]
    leads = by_lead(found)
    return {"errors": found, "by_lead": leads, "coverage": past_bands.coverage_table(tried), "aims": aims(leads)}


def tried_bands(starts: Sequence[int], paths: int = past_bands.PATHS) -> pd.DataFrame:
    """Bands of some starts made again, of the stored errors."""
    residuals, points = sources.table("hindcast_residuals"), sources.table("hindcast")
    own, rule = (residuals[residuals["forecast"] == name] for name in ("model", "naive"))
    return pd.concat([past_bands.bands_of(one, own, rule, points, paths) for one in starts], ignore_index=True)


def later() -> list[dict[str, Any]]:
    """What was estimated on later data, and how much the mean absolute error moves in the experiment on it, by
    quantity, given wages and returns, over :data:`EXPERIMENT_STARTS` and all leads."""
    size = experiment_sizes()
    return [
        {"what": what, "data": data, "experiment": name, "change": hindcast.EXPERIMENTS[name],
         **{f"{one}_error_moves": float(size.at[name, one] - size.at["model", one]) for one in QUANTITIES}}
        for what, data, name in hindcast.LATER
    ]  # fmt: skip


def experiment_sizes() -> pd.DataFrame:
    """Mean absolute error by experiment (rows) and quantity, over all leads of the experiments' starts."""
    table = sources.table("hindcast_experiments")
    size = (table["model"] / table["published"] - 1).abs()
    return size.groupby([table["experiment"], table["quantity"]], sort=False).mean().unstack()


def longest_lead() -> tuple[float, float, float]:
    """Errors of contributions at the longest lead, wages and returns given: the model, the model whose trend does not
    end, and the naive rule that it follows."""
    at = {"quantity": "contributions", "start": STARTS[0], "lead_years": LAST_OUTCOME - STARTS[0]}
    tried = sources.table("hindcast_experiments").set_index(["experiment", *at])
    whole = sources.table("hindcast").set_index(["conditioning", *at])
    place = tuple(at.values())
    rows = [tried.loc[(name, *place)] for name in ("model", "endless_trend")]
    rule = whole.loc[("actual_wages_and_returns", *place)]
    own, endless = (float(row["model"] / row["published"] - 1) for row in rows)
    return own, endless, float(rule["damped_trend"] / rule["published"] - 1)


def summary(leads: pd.DataFrame) -> pd.DataFrame:
    """A table for a screen: by quantity and conditioning, errors of the model and of the best naive rule."""
    rows = []
    for (quantity, conditioning), part in leads.groupby(["quantity", "conditioning"], sort=False):
        own = part.set_index("lead_years")
        cells = {
            f"{lead} y": f"{100 * own.at[lead, 'mean_absolute_error']:.1f} / "
            f"{100 * own.at[lead, 'naive_mean_absolute_error']:.1f}"
            for lead in SHOWN_LEADS if lead in own.index
        }  # fmt: skip
        rows.append({"quantity": words(quantity), "given": words(conditioning), **cells})
    return pd.DataFrame(rows).fillna("")


SHOWN_LEADS = (1, 3, 5, 7, 10)


def words(name: str) -> str:
    """A name as text: "taxable IRA distributions"."""
    return name.replace("_", " ").replace("ira", "IRA")


def coverage_summary(coverage: pd.DataFrame) -> pd.DataFrame:
    """A table for a screen: outcomes inside the band at some leads, and what the test can reject."""
    own = coverage[coverage["lead_years"].isin(SHOWN_LEADS) | (coverage["lead_years"].nunique() == 1)]
    return pd.DataFrame(
        {
            "quantity": [words(name) for name in own["quantity"]],
            "lead": own["lead_years"],
            "held": [f"{row.held} of {row.of}" for row in own.itertuples()],
            "windows": own["independent_windows"],
            "interval": [f"{low:.2f} to {high:.2f}" for low, high in own["interval"]],
            "band rejected": np.where(own["rejects"], "yes", "no"),
        }
    )


def aims_told(found: pd.DataFrame) -> str:
    """The aims in a sentence."""
    if found.empty:
        return "No aim applies to this lead."
    return (
        f"Of {len(found)} aims (contributions and assets at most {MOST_TIMES_NAIVE} times the best naive rule's error; "
        f"benefits below it from year {FIRST_LEAD_OF_AIM} on) {int(found['met'].sum())} are met."
    )
