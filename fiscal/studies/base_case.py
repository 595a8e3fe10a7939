"""What each step of today's base case does: the step undone alone, everything else as it is.

Withdrawal tax is that of the path without crypto; boom and bust are the scenario less that path. For each case of
settings or of data, the comparison with published figures is made again, so that the rows inside are of this case.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from fiscal.base import memo, sources
from fiscal.base.code import code_sha256
from fiscal.base.progress import Progress, silent
from fiscal.base.progress import steps as reported
from fiscal.budget.valuation import WINDOWS
from fiscal.engine.taxes import cache_dir
from fiscal.law.build import schedules
from fiscal.law.build.microdata import MendSettings, Source
from fiscal.law.years import OWN_SCOPES
from fiscal.people.accounts import ALL_PLANS, ALL_PLANS_SCALED
from fiscal.people.economy import macro
from fiscal.results import running
from fiscal.results.store.values import fingerprint_of
from fiscal.scenario.loading import load
from fiscal.studies import derived, published
from fiscal.studies.published_runs import under

NAME = "base_case_steps"
TODAY = "today"
EVENTS = ("boom", "bust")
REFERENCE = "no_crypto"
SPANS = {f"fy{one.first}_{one.last}_bn_usd": one.label for one in (*WINDOWS[:2], WINDOWS[-1])}
LONG = [*SPANS][-1]
LEVEL = "last_year_gdp_share"
EFFECTS = {f"{event}_{span}": (event, span) for event in EVENTS for span in (next(iter(SPANS)), LONG)}
COUNTS = ("first_inside", "first_judged", "present_inside", "present_judged")
KEYS = ("case", "scope")
NUMBERS = (*SPANS, LEVEL, *EFFECTS)
ROW = ("row", "row_model")
COLUMNS = (*KEYS, *NUMBERS, *COUNTS, *ROW)

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step undone: by settings, or by tables of data that ``tables`` makes.

    ``scopes`` are those it is shown for; ``compared`` says whether the rows of the validation move with it; ``row`` is
    the one that the step was to correct.
    """

    settings: Mapping[str, float | str] = field(default_factory=dict)
    tables: Callable[[Progress], Tables] | None = None
    scopes: tuple[str, ...] = OWN_SCOPES
    compared: bool = True
    row: str = ""


def steps() -> dict[str, Step]:
    """Every case by its name; ranges are those of the assumptions table."""
    sample = float(sources.table("assumptions").set_index("key").at["catch_up_above_threshold_share", "high"])
    consistent = load("cbo_consistent").value("withdrawals.scale_2036")
    record: dict[str, float | str] = {"paths.returns": "record"}
    at_home: dict[str, float | str] = {"paths.foreign_equity_share": 0.0}
    return {
        TODAY: Step(),
        OF_RETURNS[0]: Step(settings=record, row=LONG_RUN),
        OF_RETURNS[1]: Step(settings=at_home),
        OF_RETURNS[2]: Step(settings=record | at_home, row=LONG_RUN),
        COVERAGE: Step(settings={"contributions.coverage_trend": 0.0}),
        "catch-up above the wage threshold as in the imputed sample": Step(
            settings={"assumptions.catch_up_above_threshold_share": sample}, row="JCT_S2_603"
        ),
        "early withdrawals at one rate for all balances": Step(
            settings={"withdrawals.leakage_balance_elasticity": 0.0}, row=CASH
        ),
        "all plans in the shape of 401(k) plans": Step(
            settings={"scope.plans": ALL_PLANS_SCALED}, scopes=(ALL_PLANS,), compared=False
        ),
        "schedules of 401(k) plans for all plans": Step(tables=_one_scope, scopes=(ALL_PLANS,), row=CASH),
        UNBOUNDED: Step(settings={"paths.after_event": "equity"}, scopes=OWN_SCOPES[:1], compared=False),
        GAINS: Step(tables=_gains, row=CASH),
        CONSISTENT: Step(settings={"withdrawals.scale_2036": consistent}),
    }


LONG_RUN, CASH = "CBO2004_75", "JCT_DC_FY2024"
"""Published rows that a step was to correct: the rise of receipts in the long run, the cash tax expenditure."""
OF_RETURNS = (
    "returns of the record", "no foreign stocks", "returns of the record and no foreign stocks",
)  # fmt: skip
COVERAGE = "constant coverage"
UNBOUNDED = "large crypto earns what stocks earn"
CONSISTENT = "withdrawals grow as CBO's line (a scenario)"
GAINS = "missing capital gains in the tax file (a sensitivity)"


# ----------------------------------------------------------------------------------------- other data


def _one_scope(progress: Progress) -> Tables:
    """The schedules of 401(k) plans in place of those of all plans."""
    one, *others = OWN_SCOPES
    found = {}
    for name in schedules.BY_SCOPE:
        own = sources.table(name).query("scope == @one")
        found[name] = pd.concat([own, *(own.assign(scope=scope) for scope in others)], ignore_index=True)
    return found


def _gains(progress: Progress) -> Tables:
    """Schedules with the capital gains that the tax file lacks; finished law years are kept by what makes them."""
    settings = MendSettings(missing_gains_bn_usd=sources.assumption("missing_gains_bn_usd"))
    makings = {
        "settings": asdict(settings), "inputs": schedules.input_hashes(Source()), "code": code_sha256(("law",)),
        "taxcalc": version("taxcalc"),
    }  # fmt: skip
    kept = cache_dir() / f"schedules-{fingerprint_of(makings)[:16]}"
    with tempfile.TemporaryDirectory() as folder:
        made = schedules.build(macro(), progress, settings=settings, out_dir=Path(folder), kept=kept)
    return {name: made[name] for name in schedules.SCHEDULES}


@contextmanager
def data_with(tables: Tables) -> Iterator[None]:
    """Within it, the data folder is a copy with these tables; without any, it is as it is."""
    before, folder = os.environ.get(sources.DATA_VARIABLE), sources.data_dir()
    if not tables:
        yield
        return
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "data"
        shutil.copytree(folder, copy)
        os.environ[sources.DATA_VARIABLE] = str(copy)
        try:
            for name, table in tables.items():
                sources.write_frame(copy / sources.resource(name).path, table)
                sources.register(copy / sources.resource(name).path)
            yield
        finally:
            os.environ.pop(sources.DATA_VARIABLE)
            if before is not None:
                os.environ[sources.DATA_VARIABLE] = before
            memo.forget()


# ------------------------------------------------------------------------------------------ the table


def totals(settings: Mapping[str, Any]) -> dict[str, float]:
    """Withdrawal tax without crypto by window and in the last fiscal year over GDP, and what each event adds."""
    found: dict[str, float] = {}
    for event in EVENTS:
        tables = running.quick(load(event, dict(settings))).tables
        rows = tables["windows"].query("line == 'withdrawal_tax'").set_index(["path", "window"])
        paths = {path: rows.loc[path, "nominal_bn_usd"].reindex([*SPANS.values()]) for path in ("scenario", REFERENCE)}
        found |= {name: float(paths[REFERENCE][label]) for name, label in SPANS.items()}
        found |= {
            name: float(paths["scenario"][SPANS[span]] - paths[REFERENCE][SPANS[span]])
            for name, (which, span) in EFFECTS.items()
            if which == event
        }
        yearly = tables["budget"].query("line == 'withdrawal_tax' and year_kind == 'fiscal' and path == @REFERENCE")
        found[LEVEL] = float(yearly.set_index("year")["gdp_share"].iloc[-1])
    return found


def rows_inside(settings: Mapping[str, float | str], row: str = "") -> dict[str, Any]:
    """Rows of the full model inside their tolerance, and those judged, on the first and the present bases; and the
    model's figure of one ``row``."""
    with under(settings):
        compared = published.validate()
    judged = published.counts(compared)
    inside = {name: found.get("inside", 0) for name, found in judged.items()}
    whole = {name: inside[name] + found.get("outside", 0) for name, found in judged.items()}
    counted = (inside["before"], whole["before"], inside["after"], whole["after"])
    own = {"row": row, "row_model": float(compared.set_index("id").at[row, "model"])} if row else {}
    return dict(zip(COUNTS, counted, strict=True)) | own


def case(
    step: Step, progress: Progress | None = None, overrides: Mapping[str, Any] | None = None, compare: bool = True
) -> list[dict[str, Any]]:
    """The rows of a case, one a scope, without its name."""
    with data_with(step.tables(progress or silent) if step.tables else {}):
        settings = dict(step.settings)
        found = [
            {"scope": scope, **totals({"scope.plans": scope, **settings, **(overrides or {})})} for scope in step.scopes
        ]
        inside = rows_inside(settings, step.row) if step.compared and compare else {}
    return [row | inside for row in found]


def build(progress: Progress | None = None) -> pd.DataFrame:
    """The table, columns :data:`COLUMNS`; finished cases of an interrupted build are found again."""
    kept, rows = _kept(), []
    for name, step in reported(list(steps().items()), progress, lambda item: item[0]):
        file = "".join(letter if letter.isalnum() else "-" for letter in name)
        found = kept.part(file, lambda step=step: case(step, progress))  # type: ignore[misc]
        rows += [{"case": name, **row} for row in found]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.round({**dict.fromkeys(NUMBERS, 3), LEVEL: 6, ROW[1]: 5}).astype(dict.fromkeys(COUNTS, "Int64"))


def _kept() -> derived.Kept:
    return derived.Kept(NAME, derived.made_of(), cache_dir())


def stored() -> pd.DataFrame | None:
    """The stored table; None until it is built."""
    return sources.table("base_case_steps") if NAME in {one.name for one in sources.resources()} else None


def rebuild(progress: Progress | None = None) -> None:
    """Make every case and store the table; one of them builds tax schedules (minutes)."""
    derived.store(NAME, build(progress))
    _kept().drop()
