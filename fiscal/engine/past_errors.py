"""Draws of the model's own errors: one sampler for the bands that are tested on past starts and for published ones.

An error is the log of model over published, ``lead_years`` after the last published year that a run knew (``start``),
with wages and returns given: what paths of wages and markets do not explain. It holds the errors of every parameter
that acts on a hindcast, so that no band draws those again (:data:`fiscal.engine.draws.SHOWN`).

**Which errors.** A band made of the errors by which it is judged would be circular. At a start those errors serve whose
outcomes were published by then (``known``): the bulletin that publishes the figures of the start publishes all earlier
outcomes too, so a start knows the outcomes of its own year and before. Where fewer than :data:`FEWEST_WINDOWS` of their
windows do not overlap, those of all starts whose windows share no year with the judged one (``apart``); where these are
too few as well, those of the longest shorter lead that has enough (``lead n``), in proportion to the naive rule's
errors at both leads that were known by then.

**Bias and spread.** The mean of the errors is the bias, with the sign that was observed, and deviations from it are the
spread. A draw is what a normal sample with unknown mean and variance predicts for one more observation: the mean plus
Student's t, where only windows that do not overlap count as observations. The deviations are weighted sums of those of
past starts, with one weight per start for all quantities and leads, so that draws are joint as the errors were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

FEWEST_WINDOWS = 3
"""Fewest windows that do not overlap. Fewer do not separate the bias of errors from their spread."""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """Errors that serve a band: those of ``starts`` (n,) at lead ``use``, times ``growth``; ``which`` rule chose
    them, and how many ``windows`` of theirs do not overlap."""

    starts: np.ndarray
    errors: np.ndarray
    use: int
    windows: int
    which: str
    growth: float = 1.0

    @property
    def bias(self) -> float:
        """Mean error at the lead that is asked for."""
        return self.growth * float(self.errors.mean())

    @property
    def deviations(self) -> np.ndarray:
        """Of each start ``(n,)``, so that independent standard normal weights give the standard error of prediction
        of one more observation."""
        n, w = len(self.errors), self.windows
        scale = np.sqrt(w / (w - 1) / n * (1 + 1 / w))
        found: np.ndarray = self.growth * scale * (self.errors - self.errors.mean())
        return found


def independent_windows(starts: Iterable[int], lead: int) -> int:
    """How many windows (start, start + lead] can be chosen that share no year."""
    count, end = 0, -np.inf
    for start in sorted(starts):
        if start >= end:
            count, end = count + 1, start + lead
    return count


def serving(known: pd.DataFrame, rule: pd.DataFrame, start: int, lead: int) -> Serving | None:
    """The errors of one quantity that may serve the band of ``start`` at ``lead``; None where they are too few.

    ``known`` and ``rule`` (the naive rule's) have columns ``start, lead_years, residual``.
    """
    for use in range(lead, 0, -1):
        own = known[known["lead_years"] == use]
        before = own["start"] + use <= start
        # windows (t, t + use] that share no year with (start, start + lead]
        for chosen, which in ((before, "known"), (before | (own["start"] >= start + lead), "apart")):
            part = own[chosen]
            windows = independent_windows(part["start"], use)
            if windows >= FEWEST_WINDOWS:
                return Serving(
                    starts=part["start"].to_numpy(),
                    errors=part["residual"].to_numpy(float),
                    use=use,
                    windows=windows,
                    which=which if use == lead else f"lead {use}, {which}",
                    growth=1.0 if use == lead else growth(rule, start, lead, use),
                )
    return None


def serving_all(
    known: pd.DataFrame,
    rule: pd.DataFrame,
    start: int,
    keys: Iterable[tuple[str, int]],
    like: Mapping[str, str] | None = None,
) -> dict[tuple[str, int], Serving]:
    """What serves each quantity and lead of ``keys``; those with too few errors are left out. ``like`` names for a
    quantity the one whose naive errors give the growth of its own."""
    models = {str(name): part for name, part in known.groupby("quantity")}
    rules = {str(name): part for name, part in rule.groupby("quantity")}
    found = {}
    for quantity, lead in keys:
        if quantity in models:
            one = serving(models[quantity], rules[(like or {}).get(quantity, quantity)], start, int(lead))
            if one is not None:
                found[quantity, int(lead)] = one
    return found


def growth(rule: pd.DataFrame, start: int, lead: int, use: int) -> float:
    """Root mean square of the naive rule's errors at ``lead`` over that at a shorter lead ``use``, of outcomes known by
    ``start``; at least the square root of the ratio of leads."""
    by_then = rule[rule["start"] + rule["lead_years"] <= start]
    sizes = np.sqrt((by_then["residual"] ** 2).groupby(by_then["lead_years"]).mean())
    return max(float(sizes.get(lead, 0.0) / sizes[use]), float(np.sqrt(lead / use)))


def draw(
    served: dict[tuple[str, int], Serving], count: int, rng: np.random.Generator
) -> dict[tuple[str, int], np.ndarray]:
    """Errors (log) by quantity and lead, ``(count,)`` each, drawn together: the starts of all share their weights."""
    from scipy.special import chdtri

    starts = sorted({int(start) for one in served.values() for start in one.starts})
    weights = rng.standard_normal((count, len(starts)))
    rank = rng.random(count)
    wider = {
        windows: np.sqrt((windows - 1) / chdtri(windows - 1, 1 - rank))
        for windows in {one.windows for one in served.values()}
    }
    return {
        key: one.bias + wider[one.windows] * (weights[:, np.searchsorted(starts, one.starts)] @ one.deviations)
        for key, one in served.items()
    }
