"""What the cases say together: Sobol indices, the spread of each outcome, and one setting at a time.

A first-order index is the share of an outcome's variance over the design that goes when one setting is
known; a total index is the share that is left when all but one are known. Their difference is what the
setting does together with others. Estimators are Saltelli's (2010), confidence from the bootstrap.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from fiscal.results.result import NIL_BN_USD
from fiscal.scenario.design import Design, setting_of
from fiscal.scenario.section import spell
from fiscal.studies.sweeps.cases import BASE, DESIGN, HIGH, LOW
from fiscal.studies.sweeps.outcomes import Outcome
from fiscal.studies.sweeps.schema import INDICES, TABLES

CONFIDENCE = 0.95
RESAMPLES = 256
SMALLEST_SHARE = 1e-9
"""An outcome that varies by less than this part of its size does not vary: its indices are missing."""

QUANTILES = {"q05_bn_usd": 0.05, "median_bn_usd": 0.5, "q95_bn_usd": 0.95}


def sobol_indices(names: Sequence[str], outcome: np.ndarray, seed: int, smallest: float = 0.0) -> pd.DataFrame:
    """First-order and total indices of one outcome, ``setting`` and :data:`INDICES`.

    ``outcome`` has the order of :func:`~fiscal.studies.sweeps.cases.saltelli_points`. ``*_confidence`` is half the
    width of the 95 percent interval. All are missing when a value is, or when nothing varies by more than ``smallest``.
    """
    table = pd.DataFrame({"setting": list(names)}).assign(**dict.fromkeys(INDICES, np.nan))
    spread = np.ptp(outcome)
    if not np.isfinite(spread) or spread <= max(smallest, SMALLEST_SHARE * np.abs(outcome).max()):
        return table
    from SALib.analyze import sobol

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a resample of few points may not vary
        found = sobol.analyze(
            {"num_vars": len(names), "names": list(names)}, outcome, calc_second_order=False,
            num_resamples=RESAMPLES, conf_level=CONFIDENCE, seed=seed + 1,  # SALib takes 0 for no seed
        )  # fmt: skip
    return table.assign(**dict(zip(INDICES, (found[key] for key in ("S1", "S1_conf", "ST", "ST_conf")), strict=True)))


def index_table(design: Design, cases: pd.DataFrame, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """:func:`sobol_indices` of every outcome: ``quantity, window, setting`` and the indices."""
    own = cases[cases["part"] == DESIGN]
    names = [factor.key for factor in design.factors]
    return pd.concat(
        [
            sobol_indices(names, own[one.column].to_numpy(), design.seed, NIL_BN_USD)
            .assign(quantity=one.quantity, window=one.window)
            [list(TABLES["indices"].columns)]
            for one in outcomes
        ],
        ignore_index=True,
    )  # fmt: skip


def spread_table(cases: pd.DataFrame, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """What every outcome is over the cases of the design that did not fail, one row per outcome."""
    own = cases[cases["part"] == DESIGN]
    rows = []
    for one in outcomes:
        values = own[one.column].dropna()
        rows.append(
            {
                "quantity": one.quantity,
                "window": one.window,
                "cases": len(values),
                "mean_bn_usd": values.mean(),
                "standard_deviation_bn_usd": values.std(ddof=1),
                "lowest_bn_usd": values.min(),
                **{name: values.quantile(share) for name, share in QUANTILES.items()},
                "highest_bn_usd": values.max(),
            }
        )
    return pd.DataFrame(rows)


def tornado_table(design: Design, cases: pd.DataFrame, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Every setting alone at its low and high end, the others at the base: one row per outcome and setting.

    ``value, low, high`` are texts as in a scenario file, ``at_value_bn_usd`` the base's outcome. The settings with the
    largest effects come first.
    """
    base = cases[cases["part"] == BASE].iloc[0]
    at = {part: cases[cases["part"] == part].set_index("moved") for part in (LOW, HIGH)}
    frames = []
    for one in outcomes:
        rows = [
            {
                "quantity": one.quantity,
                "window": one.window,
                "setting": factor.key,
                "unit": factor.unit,
                "value": spell(setting_of(design.base, factor.key)),
                **{part: spell(end) for part, end in zip((LOW, HIGH), factor.ends(), strict=True)},
                "at_value_bn_usd": base[one.column],
                **{f"at_{part}_bn_usd": at[part].loc[factor.key, one.column] for part in (LOW, HIGH)},
            }
            for factor in design.factors
        ]
        frame = pd.DataFrame(rows)
        moves = frame[["at_low_bn_usd", "at_high_bn_usd"]].sub(frame["at_value_bn_usd"], axis=0).abs()
        order = moves.max(axis=1).sort_values(ascending=False, kind="stable").index
        frames.append(frame.loc[order])
    return pd.concat(frames, ignore_index=True)
