"""Bands tested on the past: at each start the 80 percent band of what was then the future, and the outcome.

The band of a start is made as those of headline numbers are (:mod:`fiscal.results.bands`), of three parts drawn
together: paths of markets and of wages (blocks of years of the record up to the start, around the rules' return and
growth), and the model's own errors by the same sampler (:mod:`fiscal.engine.past_errors`). Parameters that act on a
hindcast are in those errors and are not drawn; no others act here. There are many paths because a run is linear in its
flows (:class:`fiscal.studies.past_projection.Responses`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fiscal.base.errors import InputError
from fiscal.engine import draws, past_errors
from fiscal.studies import hindcast, ira_hindcast, naive
from fiscal.studies.past_projection import responses
from fiscal.studies.past_record import BILLION, LAST_OUTCOME, QUANTITIES, plan_return_rule, premiums, published

GIVEN = "actual_wages_and_returns"
"""Conditioning of the errors that bands draw: paths of wages and markets are the rest."""
BAND = 0.8
TAILS = ((1 - BAND) / 2, (1 + BAND) / 2)
PATHS = 2000
FEWEST_PATHS, MOST_PATHS = 50, 100_000
LONGEST_BAND = 10
"""Lead years with bands; beyond, fewer than four starts have an outcome."""
NAIVE_STARTS = range(1994, LAST_OUTCOME)
"""Starts of the naive rule's own errors, which the rule's band is made of: the record begins in 1984."""
RULE = "damped_trend"
LIKE = {ira_hindcast.QUANTITY: "benefits"}
"""Quantities whose errors grow with the lead as another's, because the naive rule's own record is too short."""
BOOTSTRAPS = 2000
INTERVAL = 0.95
SEED = 0


def check_draws(count: int) -> None:
    """Raise InputError where too few paths are asked for."""
    if count < FEWEST_PATHS:
        raise InputError("too few draws", key="--draws", value=count, allowed=f"at least {FEWEST_PATHS}")


def simulated(start: int, paths: int = PATHS) -> dict[str, np.ndarray]:
    """Paths of wages and markets of a start, without errors: billions by quantity, ``(path, T)``; IRA distributions
    from the first start with a published stock on."""
    with_iras = start in ira_hindcast.STARTS
    if with_iras:
        plans, iras = ira_hindcast.prepared(start, "none")
    else:
        plans = hindcast.prepared(hindcast.world(start, "none"))
    fed = plans.fed
    rng = np.random.default_rng([SEED, start])
    returns = market_paths(start, len(fed.ahead), paths, rng)
    wages = draws.wage_ratios(start, len(fed.ahead), paths, rng)
    saved = wages * fed.contribution_usd[fed.ahead].sum(axis=(1, 2, 3)) / BILLION
    rolled = wages * fed.rolled_in_usd[fed.ahead] / BILLION
    left, held = responses(plans).run(plans.opening_usd.sum() / BILLION, saved, returns)
    found = {"contributions": saved + rolled, "benefits": left + rolled, "assets": held}
    if with_iras:
        inflow = ira_hindcast.inflow_bn_usd(start, found["benefits"])
        found[ira_hindcast.QUANTITY], _ = responses(iras).run(iras.opening_usd.sum() / BILLION, inflow, returns)
    return found


def market_paths(start: int, years: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns ``(path, year)``: blocks of years of the record up to the start, around the rule's return."""
    record = np.log1p(premiums().loc[:start].to_numpy())
    central = np.log1p(plan_return_rule(start))
    paths: np.ndarray = np.expm1(central + draws.blocks(record - record.mean(), years, count, rng))
    return paths


def own_errors(points: pd.DataFrame) -> pd.DataFrame:
    """The model's errors with wages and returns given, ``quantity, start, lead_years, residual`` (log)."""
    return _residuals(points[points["conditioning"] == GIVEN], "model")


def naive_errors(conditioning: str) -> pd.DataFrame:
    """The naive rule's errors from starts since 1994, in the columns of :func:`own_errors`."""
    record = published()
    rows = [
        (quantity, start, year - start, frame[quantity][year], record[quantity][year])
        for start in NAIVE_STARTS
        for frame in [naive.forecast(RULE, start, conditioning)]
        for quantity in QUANTITIES
        for year in frame.index
    ]
    return _residuals(pd.DataFrame(rows, columns=["quantity", "start", "lead_years", "model", "published"]), "model")


def _residuals(table: pd.DataFrame, column: str) -> pd.DataFrame:
    keys = ["quantity", "start", "lead_years"]
    return table[keys].assign(residual=np.log(table[column] / table["published"])).reset_index(drop=True)


def bands_of(
    start: int, own: pd.DataFrame, rule: pd.DataFrame, points: pd.DataFrame, paths: int = PATHS
) -> pd.DataFrame:
    """Bands of one start beside the outcomes, and the scores of both forecasts; one row per quantity and lead whose
    outcome is published and that enough errors serve.

    ``own`` and ``rule`` are the model's and the naive rule's errors with wages and returns given, ``points`` the
    start's hindcast given nothing (:func:`fiscal.studies.skill.points`).
    """
    made = simulated(start, paths)
    judged = points[(points["start"] == start) & (points["conditioning"] == "none")]
    judged = judged[judged["lead_years"].between(1, LONGEST_BAND) & judged["published"].notna()]
    keys = list(zip(judged["quantity"], judged["lead_years"], strict=True))
    served = past_errors.serving_all(own, rule, start, keys, LIKE)
    drawn = past_errors.draw(served, paths, np.random.default_rng([SEED, start]))
    told = naive_errors("none")
    theirs = past_errors.serving_all(told, told, start, keys)
    beside = past_errors.draw(theirs, paths, np.random.default_rng([SEED, start]))
    rows = []
    for row in judged.itertuples():
        key = (str(row.quantity), int(row.lead_years))
        if key not in drawn:
            continue
        sample = made[key[0]][:, key[1] - 1] * np.exp(-drawn[key])
        low, middle, high = np.quantile(sample, (TAILS[0], 0.5, TAILS[1]))
        naive_scores = [np.nan] * 4
        if key in beside:
            theirs_drawn = getattr(row, RULE) * np.exp(-beside[key])
            ends = np.quantile(theirs_drawn, TAILS)
            naive_scores = [*ends, *_scores(row.published, theirs_drawn, *ends)]
        one = served[key]
        rows.append(
            (
                key[0], start, key[1], row.published, row.model, one.bias, middle, low, high, one.which,
                len(one.errors), one.windows, *_scores(row.published, sample, low, high), *naive_scores,
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=BAND_COLUMNS)


BAND_COLUMNS = [
    "quantity", "start", "lead_years", "published", "model", "bias", "median", "low", "high", "residuals",
    "residuals_used", "residual_windows", "crps", "interval_score", "naive_low", "naive_high", "naive_crps",
    "naive_interval_score",
]  # fmt: skip


def _scores(outcome: float, sample: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Continuous ranked probability score of the log of sample over outcome, whose mean exists while that of the sample
    itself need not, and interval score as a fraction of the outcome."""
    from scoringrules import crps_ensemble, interval_score

    crps = crps_ensemble(0.0, np.log(sample / outcome), backend="numpy")
    score = interval_score(outcome, low, high, 1 - BAND, backend="numpy")
    return float(crps), float(score) / outcome


# ---------------------------------------------------------------------------------------------- coverage


def coverage_table(table: pd.DataFrame) -> pd.DataFrame:
    """How many outcomes the band ``held``, ``of`` how many starts, and what that can say.

    ``independent_windows`` are those that share no year. ``interval`` is the exact binomial (Clopper-Pearson) interval
    of the share held, were that share seen in the independent windows alone. ``bootstrap_interval`` resamples blocks of
    as many starts as a window has years, and is None where no sample can differ. ``rejects`` says whether the exact
    interval excludes the band's own share.
    """
    rows = []
    for (quantity, lead), part in table.groupby(["quantity", "lead_years"], sort=False):
        part = part.sort_values("start")
        held = ((part["published"] >= part["low"]) & (part["published"] <= part["high"])).to_numpy()
        windows = past_errors.independent_windows(part["start"], int(lead))
        interval = exact_interval(float(held.mean()), windows)
        rows.append(
            {
                "quantity": quantity, "lead_years": int(lead), "band": BAND, "held": int(held.sum()),
                "of": len(held), "independent_windows": windows, "held_share": float(held.mean()),
                "interval": interval, "bootstrap_interval": bootstrap_interval(held, int(lead)),
                "rejects": not interval[0] <= BAND <= interval[1],
                "width": float(((part["high"] - part["low"]) / part["published"]).mean()),
                "naive_width": float(((part["naive_high"] - part["naive_low"]) / part["published"]).mean()),
                **{name: float(part[name].mean()) for name in
                   ("crps", "naive_crps", "interval_score", "naive_interval_score")},
            }
        )  # fmt: skip
    order = list(table["quantity"].unique())
    rows.sort(key=lambda row: (order.index(row["quantity"]), row["lead_years"]))
    return pd.DataFrame(rows, columns=list(COVERAGE))


COVERAGE = (
    "quantity", "lead_years", "band", "held", "of", "independent_windows", "held_share", "interval",
    "bootstrap_interval", "rejects", "width", "naive_width", "crps", "naive_crps", "interval_score",
    "naive_interval_score",
)  # fmt: skip
"""Columns of the test of bands; no row for leads without a band."""


def exact_interval(share: float, windows: int) -> list[float]:
    """Clopper-Pearson interval of a share of ``windows`` independent outcomes; also between whole numbers of them."""
    from scipy.special import betaincinv  # quantile of the beta distribution; scipy.stats takes a second to import

    inside, tail = share * windows, (1 - INTERVAL) / 2
    low = 0.0 if inside <= 0 else float(betaincinv(inside, windows - inside + 1, tail))
    high = 1.0 if inside >= windows else float(betaincinv(inside + 1, windows - inside, 1 - tail))
    return [low, high]


def bootstrap_interval(held: np.ndarray, block: int) -> list[float] | None:
    """Interval of a share of hits in a series of overlapping windows, from blocks of ``block`` starts in a circle; None
    where no sample can differ."""
    if held.all() or not held.any() or len(held) <= block:
        return None
    rng = np.random.default_rng(SEED)
    first = rng.integers(0, len(held), (BOOTSTRAPS, -(-len(held) // block)))
    chosen = (first[..., None] + np.arange(block)).reshape(BOOTSTRAPS, -1)[:, : len(held)] % len(held)
    low, high = np.quantile(held[chosen].mean(axis=1), ((1 - INTERVAL) / 2, (1 + INTERVAL) / 2))
    return [float(low), float(high)]
