"""Taxable IRA distributions of hindcasts: the one taxable withdrawal that tax returns show apart.

Form 1040 mixes withdrawals from 401(k) plans with pensions, so plans have no observed counterpart. All traditional IRAs
are projected as one stock (ICI) by age (SOI 2023, later information) at the model's IRA rates; distributions are
owners' withdrawals and what passes to heirs, who are taxed on it. Rollovers into IRAs grow as the benefits that the
hindcast of plans projects. One factor on rates of leaving makes the mean of distributions over opening assets of up to
five years to the start, as far as both are published, the published one. Starts begin in 2014, since the stock of the
year before must be published; 2018 is missing on the return.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.engine.inputs import assumptions
from fiscal.people import coverage
from fiscal.people.opening import rollover_stock
from fiscal.studies import hindcast, naive
from fiscal.studies.past_projection import IRA, Prepared, level_of, project_years
from fiscal.studies.past_record import (
    BILLION,
    LAST_OUTCOME,
    LAST_START,
    LEVEL_YEARS,
    published,
    told_of,
    told_returns,
    told_wages,
)

QUANTITY = "taxable_ira_distributions"
FIRST_START = 2014
STARTS = tuple(range(FIRST_START, LAST_START + 1))
MEAN_YEARS = naive.MEAN_YEARS


def record() -> pd.DataFrame:
    """Taxable IRA distributions (SOI), rollovers and contributions in, and year-end assets of traditional IRAs (ICI),
    billions by year."""
    flows = sources.table("ici_traditional_ira_flows").set_index("year")
    paid = sources.table("form1040_retirement_income").set_index("year")["ira_taxable_bn_usd"]
    return pd.DataFrame(
        {
            "distributions": paid,
            "inflow": flows["rollovers_in_bn_usd"] + flows["contributions_bn_usd"],
            "assets": flows["yearend_assets_bn_usd"],
        }
    ).astype(float)


def _level_years(start: int) -> list[int]:
    """Years to the start whose distributions, inflows and opening assets are published."""
    known = record()
    share = (known["distributions"] / known["assets"].shift()).where(known["inflow"].notna())
    return [year for year in range(start - LEVEL_YEARS + 1, start + 1) if np.isfinite(share.get(year, np.nan))]


def inflow_bn_usd(start: int, benefits_bn_usd: np.ndarray) -> np.ndarray:
    """Rollovers and contributions in, ``(..., T)``: those of the start year, growing as the plans' benefits."""
    inflow: np.ndarray = benefits_bn_usd / published()["benefits"][start] * record()["inflow"][start]
    return inflow


def forecast(start: int, conditioning: str, experiment: str | None = None) -> np.ndarray:
    """The model's distributions, billions, by year after the start; ``experiment`` of
    :data:`fiscal.studies.hindcast.EXPERIMENTS`."""
    _, ready = prepared(start, conditioning, experiment)
    paid, _ = project_years(ready.fed, ready.outflow_scale, ready.opening_usd, ready.fed.ahead)
    return paid / BILLION


def prepared(start: int, conditioning: str, experiment: str | None = None) -> tuple[Prepared, Prepared]:
    """Plans and IRAs of a start ready to run, of what was published by then."""
    known = record()
    plans = hindcast.prepared(hindcast.world(start, conditioning, experiment=experiment), experiment)
    fed = plans.fed
    shapes = [hindcast.opening_balances(fed, at, 1.0) for at in range(len(fed.years))]
    inflow = known["inflow"].reindex(fed.years).to_numpy(copy=True) * BILLION
    inflow[fed.ahead] = inflow_bn_usd(start, hindcast.run(plans).of("benefits")) * BILLION
    inflow = np.nan_to_num(inflow)  # of years before the level's
    money = np.zeros_like(fed.contribution_usd)
    for at, (shape, rate) in enumerate(zip(shapes, fed.rates.rollover_rate, strict=True)):
        part = shape * rate[:, None]
        money[at, 0] = part / part.sum() * inflow[at]
    rates = fed.rates.withdrawal_rate
    ira = replace(
        fed,
        contribution_usd=money,
        roth_stock_share=0.0,
        rates=replace(
            fed.rates,
            withdrawal_rate=np.stack([rates[:, IRA], rates[:, IRA]], axis=1),
            rollover_rate=np.zeros_like(fed.rates.rollover_rate),
        ),
    )
    assume = assumptions(fed.settings)

    def opening(at: int, year: int) -> np.ndarray:
        shape = rollover_stock(assume, shapes[at])
        return shape * (known["assets"][year] * BILLION / shape.sum())

    years = _level_years(start)
    at_level = [int(np.flatnonzero(fed.years == year)[0]) for year in years]
    scale = level_of(
        ira,
        [opening(at, year - 1) for at, year in zip(at_level, years, strict=True)],
        np.array(at_level),
        known["distributions"][years].to_numpy() * BILLION,
    )
    first = opening(int(fed.ahead[0]), start)
    return plans, Prepared(fed=ira, opening_usd=first, outflow_scale=scale)


def rules(start: int, conditioning: str) -> pd.DataFrame:
    """The naive rules' distributions, billions, by year after the start: the mean share of opening assets, with inflows
    at their share of private wages or along their growth (``growth``: distributions grow as in the last five years)."""
    known = record()
    wages_given, returns_given = told_of(conditioning)
    years = np.arange(start + 1, LAST_OUTCOME + 1)
    wages = told_wages(start, years, wages_given)
    returns = told_returns(start, years, returns_given)
    level = _level_years(start)
    share = float(np.mean([known["distributions"][y] / known["assets"][y - 1] for y in level]))
    fixed = known["inflow"][start] / coverage.private_wages()[start] * wages
    benefits = naive.forecast("damped_trend", start, conditioning)["benefits"].to_numpy()
    trend = known["inflow"][start] * benefits / published()["benefits"][start]
    paid = known["distributions"].dropna()
    before = paid[paid.index <= start - MEAN_YEARS].index.max()
    growth = (paid[paid.index <= start].iloc[-1] / paid[before]) ** (1 / (paid[paid.index <= start].index[-1] - before))
    found = {"growth": paid[paid.index <= start].iloc[-1] * growth ** (years - paid[paid.index <= start].index[-1])}
    for rule, inflow in (("damped_trend", trend), ("fixed_share", fixed)):
        held, out = float(known["assets"][start]), []
        for y in range(len(years)):
            out.append(share * held)
            net = inflow[y] - out[-1]
            held = held + net + returns[y] * (held + net / 2)
        found[rule] = np.array(out)
    return pd.DataFrame(found, index=years)[list(naive.RULES)]


def points(start: int, conditioning: str) -> pd.DataFrame:
    """Model, published and naive rules of one start, in the columns of :func:`fiscal.studies.skill.points`."""
    years = np.arange(start + 1, LAST_OUTCOME + 1)
    frame = pd.DataFrame(
        {
            "quantity": QUANTITY,
            "conditioning": conditioning,
            "start": start,
            "lead_years": years - start,
            "published": record()["distributions"].reindex(years).to_numpy(),
            "model": forecast(start, conditioning),
            **{rule: values.to_numpy() for rule, values in rules(start, conditioning).items()},
        }
    )
    return frame.dropna(subset="published").reset_index(drop=True)
