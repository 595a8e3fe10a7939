"""The declaration of a lever: a setting of a section, or a row of data/assumptions.csv."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Declared:
    """One lever as declared: everything that ``explain``, the messages, and the figures need."""

    key: str
    label: str
    default: Any
    unit: str
    low: float | None
    high: float | None
    allowed: str
    source: str
    status: str
    doc: str
