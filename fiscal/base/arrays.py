"""Arithmetic on arrays that several rooms need."""

from __future__ import annotations

import numpy as np


def ratio(part: np.ndarray | float, whole: np.ndarray, otherwise: float = 0.0) -> np.ndarray:
    """``part / whole`` where ``whole`` is positive, ``otherwise`` elsewhere; arrays whose shapes broadcast."""
    found = np.full(np.broadcast_shapes(np.shape(part), np.shape(whole)), otherwise, dtype=float)
    return np.divide(part, whole, out=found, where=whole > 0)
