"""Sweeps: many cases of a scenario, what each of them gives, and which setting drives the answer.

:mod:`fiscal.scenario.design` says what is moved; here its cases are made (:mod:`~fiscal.studies.sweeps.cases`),
measured one by one (:mod:`~fiscal.studies.sweeps.outcomes`), run on any number of processes
(:mod:`~fiscal.studies.sweeps.running`) and summed up (:mod:`~fiscal.studies.sweeps.indices`).
"""

from __future__ import annotations

from fiscal.studies.sweeps.result import Sweep
from fiscal.studies.sweeps.running import sweep
from fiscal.studies.sweeps.stored import read_sweep

__all__ = ["Sweep", "read_sweep", "sweep"]
