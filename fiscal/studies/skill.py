"""How good the model is: errors by lead year beside naive rules and CBO's own, and bands tried on the past.

One study, stored in five tables by ``fiscal data derive hindcast``:

- ``hindcast``: model, published and naive rules by quantity, conditioning, start and lead year;
- ``hindcast_experiments``: the same with one change at a time, given wages and returns;
- ``hindcast_bands``: at each start the 80 percent band of what was then the future, and the outcome;
- ``hindcast_residuals``: the model's errors given returns and not wages;
- ``bands``: bands of headline numbers, which draw these errors (:mod:`fiscal.results.bands`).

**Bands of the past.** The band of a start has three parts, drawn together: parameters over their stated ranges
(:mod:`fiscal.engine.draws`), market paths (blocks of years of the record up to the start, around the rule's return),
and the hindcast's own errors where returns are given, since market paths are the rest. There are many market paths for
each draw of parameters because a run is linear in its flows (:class:`fiscal.studies.hindcast.Responses`).

**Which errors.** A band made of the errors by which it is judged would be circular. At a start those errors serve whose
outcomes were published by then (``known``); where they are fewer than :data:`FEWEST_ERRORS`, those of all starts whose
windows do not overlap the window that is judged (``apart``); where these are too few as well, those of the longest
shorter lead that has enough (``lead n``), widened as the naive rule's errors known by then grow with the lead. Errors
are drawn from Student's t with as many degrees of freedom as there are errors, around zero: no bias is corrected.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from platformdirs import user_cache_path

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.code import code_sha256
from fiscal.base.errors import InputError, Problem
from fiscal.base.files import write_whole
from fiscal.base.memo import remembered
from fiscal.engine import draws
from fiscal.markets.paths import path_model
from fiscal.results import bands
from fiscal.studies import hindcast, ira_hindcast, naive
from fiscal.studies import scenarios as study
from fiscal.studies.hindcast import KNOWN, LAST_OUTCOME, QUANTITIES, RETURNS_ALONE, STARTS, Progress

if TYPE_CHECKING:
    from fiscal.scenario import Scenario

BAND = 0.8
TAILS = ((1 - BAND) / 2, (1 + BAND) / 2)
PARAMETER_DRAWS, MARKET_PATHS = 8, 250
FEWEST_MARKET_PATHS, MOST_MARKET_PATHS = 50, 100_000
FEWEST_ERRORS = 3
LONGEST_BAND = 10
"""Lead years with bands; beyond, fewer than four starts have an outcome."""
NAIVE_STARTS = range(1994, LAST_OUTCOME)
"""Starts of the naive rule's own errors, which the rule's band is made of: the record begins in 1984."""
RULE_OF_BANDS = "damped_trend"
MARKET_BLOCK_YEARS = 2
BOOTSTRAPS = 2000
INTERVAL = 0.95
SEED = 0
FIRST_LEAD_OF_AIM = 3
MOST_TIMES_NAIVE = 1.1
"""Aims: errors in contributions and assets at most 1.1 times the best naive rule's, in benefits below it from the third
lead on."""

PARAMETERS = (
    "assumptions.coverage_", "assumptions.hardship_rate", "assumptions.low_type_rmd_share",
    "assumptions.plan_asset_share_70_plus", "assumptions.separation_rate_", "contributions.coverage_trend",
    "people.mortality_ratio", "people.rank_correlation", "withdrawals.rollover_scale",
)  # fmt: skip
"""Parameters (or beginnings of their names) that act on a hindcast."""

CBO_CATEGORY = "Individual Income Taxes"

ERROR_KEYS = ["quantity", "conditioning", "lead_years"]


# ------------------------------------------------------------------------------------------------ errors


def points(start: int, conditioning: str, experiment: str | None = None) -> pd.DataFrame:
    """Model, published and naive rules of one start: columns ``quantity, conditioning, start, lead_years, published,
    model`` and one a rule, billions."""
    found = hindcast.hindcast(start, conditioning, experiment=experiment)
    rules = (
        {rule: naive.forecast(rule, start, conditioning) for rule in naive.RULES}
        if conditioning in KNOWN
        else {}
    )
    record = hindcast.published()
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
    frame = frame[frame["quantity"].isin(QUANTITIES)]
    judged = frame[(frame["quantity"] != "benefits") | (frame["lead_years"] >= FIRST_LEAD_OF_AIM)]
    judged = judged.assign(
        met=np.where(judged["quantity"] == "benefits", judged["ratio"] < 1, judged["ratio"] <= judged["most"])
    )
    return judged[[*ERROR_KEYS, "starts", "ratio", "most", "met"]].reset_index(drop=True)


# ------------------------------------------------------------------------------------------------- bands


def check_draws(count: int) -> None:
    """Raise InputError where too few market paths are asked for."""
    if count < FEWEST_MARKET_PATHS:
        raise InputError(
            Problem("too few draws", key="--draws", value=count, allowed=f"at least {FEWEST_MARKET_PATHS}")
        )


def simulated(start: int, paths: int = MARKET_PATHS) -> dict[str, np.ndarray]:
    """Parameters and market paths of a start, in no residual: billions by quantity, ``(draw, T)``."""
    varied = draws.cases()
    varied = varied[varied["key"].str.startswith(PARAMETERS)]
    rng = np.random.default_rng([SEED, start])
    found: dict[str, list[np.ndarray]] = {quantity: [] for quantity in QUANTITIES}
    for values in draws.joint(varied, PARAMETER_DRAWS, SEED):
        ready = hindcast.prepared(hindcast.world(start, "none", scenarios.load("baseline", values).settings))
        fed, answer = ready.fed, hindcast.responses(ready)
        returns = market_paths(start, len(fed.ahead), paths, rng)
        saved = fed.contribution_usd[fed.ahead].sum(axis=(1, 2, 3)) / hindcast.BILLION
        rolled = fed.rolled_in_usd[fed.ahead] / hindcast.BILLION
        stock = ready.opening_usd.sum() / hindcast.BILLION
        left, held = answer.run(stock, np.tile(saved, (paths, 1)), returns)
        found["contributions"].append(np.tile(saved + rolled, (paths, 1)))
        found["benefits"].append(left + rolled)
        found["assets"].append(held)
    return {quantity: np.concatenate(parts) for quantity, parts in found.items()}


def market_paths(start: int, years: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns ``(path, year)``: blocks of years of the record up to the start, around the rule's return."""
    record = np.log1p(hindcast.premiums().loc[:start].to_numpy())
    blocks = -(-years // MARKET_BLOCK_YEARS)
    first = rng.integers(0, len(record) - MARKET_BLOCK_YEARS + 1, (count, blocks))
    chosen = (first[..., None] + np.arange(MARKET_BLOCK_YEARS)).reshape(count, -1)[:, :years]
    central = np.log1p(hindcast.plan_return_rule(start))
    paths: np.ndarray = np.expm1(central + record[chosen] - record.mean())
    return paths


def residuals_at(
    known: pd.DataFrame, start: int, lead: int, fewest: int = FEWEST_ERRORS
) -> tuple[np.ndarray, int, str]:
    """Errors (log) that may serve the band of ``start`` at ``lead``, the lead that they are of, and which rule chose
    them.

    ``known`` has columns ``start, lead_years, residual`` of one quantity.
    """
    for use in range(lead, 0, -1):
        own = known[known["lead_years"] == use]
        by_then = own.loc[own["start"] + use <= start, "residual"].to_numpy()
        # windows (t, t + use] that share no year with (start, start + lead]
        apart = own.loc[(own["start"] + use <= start) | (own["start"] >= start + lead), "residual"].to_numpy()
        for chosen, rule in ((by_then, "known"), (apart, "apart")):
            if len(chosen) >= fewest:
                return chosen, use, rule if use == lead else f"lead {use}, {rule}"
    raise InputError(
        Problem("too few errors for a band", key="start", value=start, allowed=f"{fewest} errors")
    )


def growth_of_errors(rule: pd.DataFrame, start: int, lead: int, use: int) -> float:
    """Root mean square of the naive rule's errors at ``lead`` over that at a shorter lead ``use``, of outcomes known by
    ``start``; at least the square root of the ratio of leads. ``rule`` as ``known`` in :func:`residuals_at`."""
    by_then = rule[rule["start"] + rule["lead_years"] <= start]
    sizes = np.sqrt((by_then["residual"] ** 2).groupby(by_then["lead_years"]).mean())
    return max(float(sizes[lead] / sizes[use]), float(np.sqrt(lead / use)))


def t_draws(residuals: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Student's t around zero, as wide as the errors' root mean square and with as many degrees of freedom."""
    drawn: np.ndarray = rng.standard_t(len(residuals), size) * np.sqrt(np.mean(residuals**2))
    return drawn


def bands_of(
    start: int, residuals: pd.DataFrame, rules: dict[str, pd.DataFrame], paths: int = MARKET_PATHS
) -> pd.DataFrame:
    """Bands of one start beside the outcomes, and the scores of both forecasts; one row per quantity and lead.
    ``rules`` are the naive rule's errors by conditioning."""
    made = simulated(start, paths)
    record = hindcast.published()
    rule = naive.forecast(RULE_OF_BANDS, start, "none")
    rows = []
    for quantity in QUANTITIES:
        own = residuals[residuals["quantity"] == quantity]
        theirs, growth = (
            rules[told][rules[told]["quantity"] == quantity] for told in ("none", RETURNS_ALONE)
        )
        for lead in range(1, min(LONGEST_BAND, LAST_OUTCOME - start) + 1):
            # the same draws in every quantity, so that they are joint
            rng = np.random.default_rng([SEED, start, lead])
            outcome = float(record[quantity][start + lead])
            chosen, use, which = residuals_at(own, start, lead)
            chosen = chosen * (1.0 if use == lead else growth_of_errors(growth, start, lead, use))
            sample = made[quantity][:, lead - 1]
            sample = sample * np.exp(-t_draws(chosen, len(sample), rng))
            beside, _, _ = residuals_at(theirs, start, lead)
            naive_sample = float(rule[quantity][start + lead]) * np.exp(-t_draws(beside, len(sample), rng))
            low, high = np.quantile(sample, TAILS)
            naive_low, naive_high = np.quantile(naive_sample, TAILS)
            rows.append(
                (
                    quantity, start, lead, outcome, float(np.median(sample)), low, high, which, len(chosen),
                    *_scores(outcome, sample, low, high), naive_low, naive_high,
                    *_scores(outcome, naive_sample, naive_low, naive_high),
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=BAND_COLUMNS)


BAND_COLUMNS = [
    "quantity", "start", "lead_years", "published", "median", "low", "high", "residuals", "residuals_used", "crps",
    "interval_score", "naive_low", "naive_high", "naive_crps", "naive_interval_score",
]  # fmt: skip


def _scores(outcome: float, sample: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Continuous ranked probability score and interval score, as fractions of the outcome."""
    from scoringrules import crps_ensemble, interval_score

    crps = crps_ensemble(outcome, sample, backend="numpy")
    return float(crps) / outcome, float(
        interval_score(outcome, low, high, 1 - BAND, backend="numpy")
    ) / outcome


def naive_errors() -> dict[str, pd.DataFrame]:
    """The naive rule's errors from starts since 1994, given nothing and given returns, by conditioning."""
    record = hindcast.published()
    found = {}
    for told in ("none", RETURNS_ALONE):
        rows = [
            (quantity, start, year - start, frame[quantity][year], record[quantity][year])
            for start in NAIVE_STARTS
            for frame in [naive.forecast(RULE_OF_BANDS, start, told)]
            for quantity in QUANTITIES
            for year in frame.index
        ]
        table = pd.DataFrame(rows, columns=["quantity", "start", "lead_years", "model", "published"])
        found[told] = _residuals(table, "model")
    return found


def _residuals(table: pd.DataFrame, column: str) -> pd.DataFrame:
    keys = ["quantity", "start", "lead_years"]
    return table[keys].assign(residual=np.log(table[column] / table["published"]))


# ---------------------------------------------------------------------------------------------- coverage


def coverage_table(table: pd.DataFrame) -> pd.DataFrame:
    """How many outcomes the band ``held``, ``of`` how many starts, and what that can say.

    ``independent_windows`` are those that share no year. ``interval`` is that of the share held: a bootstrap of blocks
    of as many starts as a window has years, or where it cannot vary (all held or none) the exact binomial interval of
    the independent windows. ``rejects`` says whether it excludes the band's own share.
    """
    rows = []
    for (quantity, lead), part in table.groupby(["quantity", "lead_years"], sort=False):
        part = part.sort_values("start")
        held = ((part["published"] >= part["low"]) & (part["published"] <= part["high"])).to_numpy()
        windows = max((int(part["start"].max()) - int(part["start"].min())) // int(lead) + 1, 1)
        low, high, method = share_interval(held, int(lead), windows)
        rows.append(
            {
                "quantity": quantity, "lead_years": int(lead), "band": BAND, "held": int(held.sum()),
                "of": len(held), "independent_windows": windows, "held_share": float(held.mean()),
                "interval": [low, high], "method": method, "rejects": not low <= BAND <= high,
                "width": float(((part["high"] - part["low"]) / part["published"]).mean()),
                "naive_width": float(((part["naive_high"] - part["naive_low"]) / part["published"]).mean()),
                **{name: float(part[name].mean()) for name in
                   ("crps", "naive_crps", "interval_score", "naive_interval_score")},
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COVERAGE))


COVERAGE = (
    "quantity", "lead_years", "band", "held", "of", "independent_windows", "held_share", "interval", "method",
    "rejects", "width", "naive_width", "crps", "naive_crps", "interval_score", "naive_interval_score",
)  # fmt: skip
"""Columns of the test of bands; no row for leads without a band."""


def share_interval(held: np.ndarray, block: int, windows: int) -> tuple[float, float, str]:
    """95 percent interval of a share of hits in a series of overlapping windows."""
    from scipy.stats import binomtest

    exact = binomtest(round(float(held.mean()) * windows), windows).proportion_ci(INTERVAL)
    if held.all() or not held.any() or len(held) <= block:
        return float(exact.low), float(exact.high), "exact, independent windows"
    rng = np.random.default_rng(SEED)
    first = rng.integers(0, len(held), (BOOTSTRAPS, -(-len(held) // block)))
    chosen = (first[..., None] + np.arange(block)).reshape(BOOTSTRAPS, -1)[:, : len(held)] % len(held)
    low, high = np.quantile(held[chosen].mean(axis=1), ((1 - INTERVAL) / 2, (1 + INTERVAL) / 2))
    return float(low), float(high), "block bootstrap"


# --------------------------------------------------------------------------------------------- the study

EXPERIMENT_STARTS = (2010, 2013, 2016, 2019)
INPUTS = (
    "annual_returns", "assumptions", "bea_dc_1984_2025", "contribution_limits", "contribution_profile",
    "developed_ex_us", "dol_401k_1984_2023", "dol_5500", "ebri_401k_allocation", "foreign_equity_share",
    "form1040_retirement_income", "ici_assets", "ici_traditional_ira_flows", "labor_force", "life_table",
    "monthly_prices", "mortality_improvement", "past_limits", "past_population", "past_wages", "rmd_uniform",
    "roth_use", "sensitivity_cases", "sipp_age_income", "soi_ira_by_age", "vanguard", "w2_deferrals_roth", "wage_index",
    "withdrawal_behaviour", "withdrawal_rules",
)  # fmt: skip
"""Tables that the study reads."""

TABLES = ("hindcast", "hindcast_experiments", "hindcast_bands", "hindcast_residuals")


def build(progress: Progress | None = None, *, resume: bool = True) -> dict[str, pd.DataFrame]:
    """The four tables, rounded as stored. Finished parts are kept until the study is done, so that an interrupted one
    resumes (``resume``)."""
    report = progress or (lambda done, total, what: None)
    steps = [("points", start, name) for name in (*KNOWN, RETURNS_ALONE) for start in STARTS]
    steps += [("iras", start, name) for name in KNOWN for start in ira_hindcast.STARTS]
    steps += [
        ("experiments", start, name) for name in ("", *hindcast.EXPERIMENTS) for start in EXPERIMENT_STARTS
    ]
    total = len(steps) + len(STARTS)
    kept = Kept() if resume else None
    found: dict[str, list[pd.DataFrame]] = {"points": [], "experiments": [], "residuals": []}
    for done, (kind, start, name) in enumerate(steps):
        report(done, total, f"{start}, {name.replace('_', ' ')}")
        if kind == "iras":
            frame = _kept(kept, f"iras {name}", start, lambda s=start, n=name: ira_hindcast.points(s, n))
            found["points"].append(frame)
        elif kind == "experiments":
            frame = _kept(
                kept,
                f"experiment {name}",
                start,
                lambda s=start, c=name: points(s, "actual_wages_and_returns", c or None),
            )
            found["experiments"].append(frame.assign(experiment=name or "model"))
        else:
            frame = _kept(kept, name, start, lambda s=start, n=name: points(s, n))
            found["residuals" if name == RETURNS_ALONE else "points"].append(frame)
    residuals = _residuals(pd.concat(found["residuals"], ignore_index=True), "model")
    rule = naive_errors()
    tried = []
    for done, start in enumerate(STARTS, start=len(steps)):
        report(done, total, f"{start}, bands")
        tried.append(_kept(kept, "bands", start, lambda s=start: bands_of(s, residuals, rule)))
    report(total, total, "done")
    money = [*naive.RULES, "published", "model"]
    return {
        "hindcast": pd.concat(found["points"], ignore_index=True).round(dict.fromkeys(money, 3)),
        "hindcast_experiments": pd.concat(found["experiments"], ignore_index=True)[
            ["experiment", "quantity", "start", "lead_years", "published", "model"]
        ].round(3),
        "hindcast_bands": pd.concat(tried, ignore_index=True).round(4),
        "hindcast_residuals": residuals.round(5),
    }


class Kept:
    """Finished parts of the study, by the model's code and the data that they read."""

    def __init__(self, what: str = "hindcast") -> None:
        data = (
            sources.fingerprint()
            if what == "bands"
            else json.dumps({name: sources.resource(name).sha256 for name in INPUTS})
        )
        mark = hashlib.sha256((code_sha256() + data).encode()).hexdigest()[:16]
        self.folder = user_cache_path("fiscal") / f"{what}-{mark}"

    def load(self, name: str) -> pd.DataFrame | None:
        """A part that was finished before."""
        path = self.folder / f"{name}.json"
        if not path.is_file():
            return None
        return pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))

    def save(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a part."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / f"{name}.json", json.dumps(frame.to_dict(orient="list")).encode())

    def drop(self) -> None:
        """Forget everything: the study is stored."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _kept(kept: Kept | None, name: str, start: int, make: Any) -> pd.DataFrame:
    key = f"{name.replace(' ', '-')}-{start}"
    found = kept.load(key) if kept is not None else None
    if found is None:
        found = make()
        if kept is not None:
            kept.save(key, found)
    return found


DESCRIBED: dict[str, tuple[str, str, str]] = {
    "experiment": ("string", "name", "what is changed; model is the hindcast itself"),
    "quantity": (
        "string",
        "name",
        "contributions (rollovers in), benefits (rollovers out), assets at year-end, or taxable IRA distributions",
    ),
    "conditioning": ("string", "name", "what is given of the years after the start"),
    "start": ("year", "year", "the run opens with the published stock at the end of this year"),
    "lead_years": ("integer", "years", "years since the start"),
    "published": (
        "number",
        "billions of dollars",
        "DOL's total of 401(k)-type plans; SOI's taxable IRA distributions",
    ),
    "model": ("number", "billions of dollars", "the model's"),
    **{rule: ("number", "billions of dollars", f"the naive rule {rule}") for rule in naive.RULES},
    "median": ("number", "billions of dollars", "median of the draws"),
    "low": ("number", "billions of dollars", "a tenth of the draws are below"),
    "high": ("number", "billions of dollars", "a tenth of the draws are above"),
    "residuals": (
        "string",
        "name",
        "which errors the band draws: known by the start, or apart from its window",
    ),
    "residuals_used": ("integer", "errors", "how many"),
    "crps": ("number", "fraction of published", "continuous ranked probability score"),
    "interval_score": ("number", "fraction of published", "interval score of the 80 percent band"),
    "naive_low": ("number", "billions of dollars", "lower end of the damped trend's band"),
    "naive_high": ("number", "billions of dollars", "upper end of the damped trend's band"),
    "naive_crps": ("number", "fraction of published", "score of the damped trend"),
    "naive_interval_score": ("number", "fraction of published", "score of the damped trend"),
    "residual": ("number", "log", "log of model over published, returns given and wages not"),
}
TITLES = {
    "hindcast": "Hindcasts from every start of 2010 to 2022 beside published figures and naive rules",
    "hindcast_experiments": "Hindcasts with one change at a time, given wages and returns",
    "hindcast_bands": "80 percent bands of past starts, their outcomes and scores",
    "hindcast_residuals": "Errors of hindcasts that are given returns and not wages",
}


def store(found: dict[str, pd.DataFrame]) -> None:
    """Write the tables into the data folder and refresh their entries, each in one step."""
    for name, table in found.items():
        keys = [
            key for key in ("experiment", "quantity", "conditioning", "start", "lead_years") if key in table
        ]
        units = {DESCRIBED[str(column)][1] for column in table} - {"name", "year", "years", "errors"}
        sources.store(
            name,
            table,
            title=TITLES[name],
            unit=", ".join(sorted(units)),
            source="this model (fiscal.studies.skill); published: DOL EBSA Form 5500 bulletins, IRS SOI",
            fields=[sources.Field(str(column), *DESCRIBED[str(column)], required=True) for column in table],
            note="Built by `fiscal data derive hindcast`; a test rebuilds a part. See docs/skill.md.",
            status="built",
            licence="MIT, as this project",
            primary_key=keys,
            second_hand=False,
            extra={"inputs": {one: sources.resource(one).sha256 for one in INPUTS}},
        )


BASELINE = "baseline"


def cases() -> list[Scenario]:
    """Scenarios whose headline has a stored band: the baseline, and every case of adoption with every stated event."""
    stated = [
        name
        for name in study.EVENTS
        if name != study.NO_EVENT and not path_model(scenarios.load(name).settings.paths.model).stochastic
    ]
    cells = [study.scenario_of(adoption, event) for adoption in study.ADOPTIONS for event in stated]
    return [scenarios.load(BASELINE), *cells]


def build_bands(progress: Progress | None = None, of: Sequence[Scenario] | None = None) -> pd.DataFrame:
    """The table ``bands`` of some scenarios (None: :func:`cases`), from the stored errors; finished ones are kept until
    the table is done."""
    report = progress or (lambda done, total, what: None)
    chosen = cases() if of is None else list(of)
    kept = None if of is not None else Kept("bands")
    frames = []
    for done, case in enumerate(chosen):
        report(done, len(chosen), f"band of {case.name}")
        frames.append(_kept(kept, bands.key_of(case)[:16], 0, lambda c=case: bands.bands(c)))
    report(len(chosen), len(chosen), "done")
    if kept is not None:
        kept.drop()
    return pd.concat(frames, ignore_index=True).round(4)


def store_bands(table: pd.DataFrame) -> None:
    """Write the table ``bands`` and refresh its entry."""
    money = "billions of dollars"
    described = {
        "fingerprint": ("string", "sha256", "settings of the scenario, on a horizon to the last window"),
        "case": ("string", "name", "scenario"),
        "reference": ("string", "name", "level: net revenue itself; else the reference of the difference"),
        "window": ("string", "name", "fiscal years that are summed"),
        "central_bn_usd": ("number", money, "net revenue, or its difference, at the central parameters"),
        "low_bn_usd": ("number", money, "a tenth of the draws are below"),
        "high_bn_usd": ("number", money, "a tenth of the draws are above"),
    }
    sources.store(
        bands.TABLE,
        table,
        title="80 percent bands of headline numbers: parameters, markets, and the errors of past starts",
        unit=money,
        source="this model (fiscal.studies.skill)",
        fields=[sources.Field(name, *words, required=True) for name, words in described.items()],
        note=(
            f"Built by `fiscal data derive hindcast`: {bands.PARAMETER_DRAWS} draws of parameters times "
            f"{bands.MARKET_PATHS} market paths. See docs/skill.md."
        ),
        status="built",
        licence="MIT, as this project",
        primary_key=["fingerprint", "reference", "window"],
        second_hand=False,
    )


def rebuild(progress: Progress | None = None) -> None:
    """Run the study and store its tables, then the bands that are made of its errors."""
    kept = Kept()
    store(build(progress))
    store_bands(build_bands(progress))
    kept.drop()


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
        check_draws(paths)
        residuals, rule = sources.table("hindcast_residuals"), naive_errors()
        tried = pd.concat(
            [bands_of(one, residuals, rule, paths) for one in starts or STARTS], ignore_index=True
        )
    if starts is not None:
        found, tried = found[found["start"].isin(starts)], tried[tried["start"].isin(starts)]
    if lead is not None:
        found, tried = found[found["lead_years"] == lead], tried[tried["lead_years"] == lead]
    leads = by_lead(found)
    return {"errors": found, "by_lead": leads, "coverage": coverage_table(tried), "aims": aims(leads)}


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
    own = coverage[coverage["lead_years"].isin(SHOWN_LEADS) | (len(coverage) <= len(QUANTITIES))]
    return pd.DataFrame(
        {
            "quantity": own["quantity"],
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


def differs(starts: Sequence[int] | None = None, progress: Progress | None = None) -> list[str]:
    """What repeated runs give otherwise than the stored tables: of some starts the runs alone, of all (None) the whole
    study with its bands."""
    if starts is None:
        again = build(progress, resume=False)
    else:
        frames = [points(start, name) for name in KNOWN for start in starts]
        again = {"hindcast": pd.concat(frames, ignore_index=True)}
    stored = {name: sources.table(name) for name in again}
    if starts is not None:
        own = stored["hindcast"]
        stored["hindcast"] = own[own["start"].isin(starts) & own["quantity"].isin(QUANTITIES)]
    return [f"{name}, {column}" for name, table in again.items() for column in _unlike(table, stored[name])]


def _unlike(again: pd.DataFrame, stored: pd.DataFrame) -> list[str]:
    """Columns in which two builds of a table differ by more than the last digits that are stored."""
    keys = [key for key in ("experiment", "conditioning", "quantity", "start", "lead_years") if key in stored]
    first, second = (frame.sort_values(keys).reset_index(drop=True) for frame in (again, stored))
    if len(first) != len(second):
        return ["number of rows"]
    return [
        str(column)
        for column in second
        if not (
            np.allclose(first[column].to_numpy(float), second[column].to_numpy(float), rtol=1e-4, atol=2e-3)
            if second[column].dtype.kind in "fiu"
            else first[column].astype(str).equals(second[column].astype(str))
        )
    ]
