"""Tax-Calculator's own reform files: what each does to the tax on deferrals and withdrawals.

One law year of every file in ``taxcalc/reforms``, applied on the baseline that its header names, beside current law.
The stored table is built by ``fiscal data derive reform_effects`` and printed in the documentation.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fiscal.base.progress import Progress, silent
from fiscal.law.build import deferrals, microdata, schedules
from fiscal.law.reforms import Reform, read_reform, tried
from fiscal.law.years import OWN_SCOPES
from fiscal.people.economy import macro
from fiscal.scenario.files import baselines_added, reform_files
from fiscal.studies import derived

NAME = "reform_effects"
LAW_YEAR = 2030
"""Year of law: every provision that is still in force in 2030 and none of a single earlier year."""

WITHDRAWAL_USD = 32_000.0
"""Withdrawal per person, dollars of 2025 wages."""

CURRENT_LAW = "current law"
IDLE = "without effect"

COLUMNS = (
    "reform", "baseline", "deferral_rate", "employer_rate", "withdrawal_rate", "ended", "out_of_reach",
)  # fmt: skip


def packaged() -> list[Path]:
    """Tax-Calculator's own reform files, those in its archive left out."""
    spec = importlib.util.find_spec("taxcalc")
    assert spec is not None and spec.submodule_search_locations
    return sorted((Path(spec.submodule_search_locations[0]) / "reforms").glob("*.json"))


def effects(files: Sequence[Path] | None = None, progress: Progress | None = None) -> pd.DataFrame:
    """One row per reform file and one of current law, columns :data:`COLUMNS`; law of :data:`LAW_YEAR`."""
    tell = progress or silent
    chosen = packaged() if files is None else list(files)
    economy = macro()
    records = microdata.load()
    data, _ = microdata.mend(records)
    imputed = deferrals.impute(data)
    growth = schedules.wages_since_sipp(economy)
    persons = schedules.Persons.of(data, imputed, growth)
    records = microdata.load()
    while records.current_year < LAW_YEAR:
        records.increment_year()
    frame = schedules.frame_of(LAW_YEAR, economy, OWN_SCOPES[:1])
    weight = data.person_weights(LAW_YEAR)
    rows = []
    for done, file in enumerate([None, *chosen]):
        tell(done, len(chosen) + 1, file.name if file else CURRENT_LAW)
        reform = read_reform(*reform_files(file.name)).moved(None) if file else Reform({}, CURRENT_LAW)
        notes = tried(reform).warnings if file else ()
        job = schedules.Job(schedules.Source(), data, imputed, growth, reform.parameters)
        made = schedules.law_year(job, persons, records, frame, multiples=(1.0,), grid=(0.0, WITHDRAWAL_USD))
        deferral, curve = made["deferral_schedule"], made["withdrawal_curve"]
        people = np.bincount(persons.deferral_cell, weights=weight, minlength=len(deferral))
        held = np.bincount(persons.curve_cell, weights=weight * persons.holds, minlength=len(curve) // 2)
        drawn = curve[curve["x_usd"] > 0]
        rows.append(
            {
                "reform": file.name if file else CURRENT_LAW,
                "baseline": ", ".join(baselines_added(file.name)) if file else "",
                "deferral_rate": people @ deferral["tax_saved_usd"] / (people @ deferral["deferral_usd"]),
                "employer_rate": people @ deferral["employer_tax_saved_usd"] / (people @ deferral["employer_usd"]),
                "withdrawal_rate": held @ drawn["mean_added_tax_usd"] / (held @ drawn["x_usd"]),
                "ended": "; ".join(note.partition(": ")[2] for note in notes if note.startswith(IDLE)),
                "out_of_reach": "; ".join(
                    note for note in notes if not note.startswith((IDLE, "Tax-Calculator warns"))
                ),
            }
        )
    tell(len(chosen) + 1, len(chosen) + 1, "done")
    return pd.DataFrame(rows, columns=list(COLUMNS)).round(5)


def rebuild(progress: Progress | None = None) -> None:
    """Run every file and store the table."""
    derived.store(NAME, effects(progress=progress))
