"""The study of skill, built, stored, and checked: hindcasts, experiments, tested bands, and bands of headline numbers.

Five tables, by ``fiscal data derive hindcast``:

- ``hindcast``: model, published and naive rules by quantity, conditioning, start and lead year;
- ``hindcast_experiments``: the same with one change at a time, given wages and returns;
- ``hindcast_residuals``: errors of the model and of the naive rule, given wages and returns, which bands draw;
- ``hindcast_bands``: at each start the 80 percent band of what was then the future, and the outcome;
- ``bands``: bands of headline numbers (:mod:`fiscal.results.bands`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.code import code_sha256
from fiscal.base.progress import Progress, silent, steps
from fiscal.markets.paths import path_model
from fiscal.results import bands
from fiscal.results.store.values import fingerprint_of
from fiscal.studies import derived, hindcast, ira_hindcast, naive, past_bands
from fiscal.studies import scenarios as study
from fiscal.studies.past_record import KNOWN, QUANTITIES, STARTS
from fiscal.studies.skill import EXPERIMENT_STARTS, points

if TYPE_CHECKING:
    from fiscal.scenario import Scenario

INPUTS = (
    "annual_returns", "assumptions", "bea_dc_1984_2025", "contribution_limits", "contribution_profile",
    "developed_ex_us", "dol_401k_1984_2023", "dol_5500", "ebri_401k_allocation", "foreign_equity_share",
    "form1040_retirement_income", "ici_assets", "ici_traditional_ira_flows", "labor_force", "life_table",
    "monthly_prices", "mortality_improvement", "past_limits", "past_population", "past_wages", "rmd_uniform",
    "roth_use", "sensitivity_cases", "sipp_age_income", "soi_ira_by_age", "vanguard", "w2_deferrals_roth", "wage_index",
    "withdrawal_behaviour", "withdrawal_rules",
)  # fmt: skip
"""Tables that the study reads."""


def build(progress: Progress | None = None, *, resume: bool = True) -> dict[str, pd.DataFrame]:
    """The first four tables, rounded as stored. Finished parts are kept until the study is done, so that an interrupted
    one resumes (``resume``)."""
    report = progress or silent
    kept = _kept("hindcast") if resume else None
    parts: list[tuple[str, int, str, Callable[[], pd.DataFrame]]] = [
        *(("points", at, name, partial(points, at, name)) for name in KNOWN for at in STARTS),
        *(("iras", at, name, partial(ira_hindcast.points, at, name)) for name in KNOWN for at in ira_hindcast.STARTS),
        *(("experiments", at, name, partial(experiment, at, name))
          for name in ("model", *hindcast.EXPERIMENTS) for at in EXPERIMENT_STARTS),
    ]  # fmt: skip
    total = len(parts) + len(STARTS)
    found: dict[str, list[pd.DataFrame]] = {kind: [] for kind, *_ in parts}
    for done, (kind, start, name, make) in enumerate(parts):
        report(done, total, f"{start}, {name.replace('_', ' ')}")
        found[kind].append(_part(kept, f"{kind}-{name}-{start}", make))
    money = dict.fromkeys([*naive.RULES, "published", "model"], 3)
    whole = pd.concat([*found["points"], *found["iras"]], ignore_index=True).round(money)
    own, rule = past_bands.own_errors(whole).round(5), past_bands.naive_errors(past_bands.GIVEN).round(5)
    tried = []
    for done, start in enumerate(STARTS, start=len(parts)):
        report(done, total, f"{start}, bands")
        tried.append(_part(kept, f"bands-{start}", partial(past_bands.bands_of, start, own, rule, whole)))
    report(total, total, "done")
    return {
        "hindcast": whole,
        "hindcast_experiments": pd.concat(found["experiments"], ignore_index=True).round(3),
        "hindcast_residuals": pd.concat({"model": own, "naive": rule}, names=["forecast"])
        .reset_index("forecast")
        .reset_index(drop=True),
        "hindcast_bands": pd.concat(tried, ignore_index=True).round(4),
    }


def experiment(start: int, name: str) -> pd.DataFrame:
    """A start with one change, given wages and returns; ``model`` is without."""
    found = points(start, past_bands.GIVEN, None if name == "model" else name)
    return found.assign(experiment=name)[["experiment", "quantity", "start", "lead_years", "published", "model"]]


def _kept(what: str) -> derived.Kept:
    """Finished parts of the hindcasts, by the tables that they read, or of the ``bands``, which may read any."""
    data = sources.fingerprint()
    if what != bands.TABLE:
        data = json.dumps({name: sources.resource(name).sha256 for name in INPUTS})
    return derived.Kept(what, fingerprint_of({"code": code_sha256(derived.ROOMS), "data": data}))


def _part(kept: derived.Kept | None, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """A part that was finished before, or a new one, which is kept if there is a place for it."""
    if kept is None:
        return make()
    return pd.DataFrame(kept.part(name, lambda: make().to_dict(orient="list")))


KEYS = (
    "fingerprint", "reference", "window", "experiment", "forecast", "conditioning", "quantity", "start", "lead_years",
)  # fmt: skip
"""Columns that name a row, in any of the tables."""


def store(found: dict[str, pd.DataFrame]) -> None:
    """Write the tables into the data folder and refresh their entries, each in one step."""
    inputs = {one: sources.resource(one).sha256 for one in INPUTS}
    for name, table in found.items():
        sources.store(name, table, extra={"inputs": inputs})


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
    chosen = cases() if of is None else list(of)
    kept = None if of is not None else _kept(bands.TABLE)
    frames = []
    for case in steps(chosen, progress, lambda case: f"band of {case.name}"):
        frames.append(_part(kept, bands.key_of(case)[:16], partial(bands.bands, case)))
    if kept is not None:
        kept.drop()
    return pd.concat(frames, ignore_index=True).round(4)


def rebuild(progress: Progress | None = None) -> None:
    """Run the study and store its tables, then the bands that are made of its errors."""
    kept = _kept("hindcast")
    store(build(progress))
    sources.store(bands.TABLE, build_bands(progress))
    kept.drop()


def differs(starts: Sequence[int] | None = None, progress: Progress | None = None) -> list[str]:
    """What repeated runs give otherwise than the stored tables: of some starts the runs alone, of all (None) the whole
    study with its bands."""
    if starts is None:
        again = build(progress, resume=False) | {bands.TABLE: build_bands(progress, cases())}
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
    keys = [key for key in KEYS if key in stored]
    first, second = (frame.sort_values(keys).reset_index(drop=True) for frame in (again, stored))
    if len(first) != len(second):
        return ["number of rows"]
    return [
        str(column)
        for column in second
        if not (
            np.allclose(
                first[column].to_numpy(float), second[column].to_numpy(float), rtol=1e-4, atol=2e-3, equal_nan=True
            )
            if second[column].dtype.kind in "fiu"
            else first[column].astype(str).equals(second[column].astype(str))
        )
    ]
