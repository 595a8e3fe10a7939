"""Means over random paths that a control variate corrects."""

from __future__ import annotations

import numpy as np


def controlled(values: np.ndarray, control: np.ndarray, known: float) -> tuple[float, float]:
    """Mean of ``values`` (P,) and its standard error, corrected by a ``control`` (P,) whose mean is ``known``."""
    spread = control.std()
    slope = 0.0 if spread <= 1e-12 * abs(known) else float(np.cov(values, control, ddof=0)[0, 1]) / spread**2
    corrected = values - slope * (control - known)
    error = corrected.std(ddof=2) / np.sqrt(len(values)) if len(values) > 2 else np.nan
    return float(corrected.mean()), float(error)


def controlled_columns(values: np.ndarray, control: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """:func:`controlled` of each column of ``values`` and ``control`` (P, N), their means ``known`` (N,)."""
    columns = [controlled(*of) for of in zip(values.T, control.T, known, strict=True)]
    mean, error = np.array(columns).reshape(-1, 2).T
    return mean, error
