"""Reform files as the field writes them, and the laws that they make year by year; Tax-Calculator tries them first.

A reform is parameter -> year -> value. Its files may hold comments and a byte order mark, may set it in a part
``policy`` beside assumptions, and may be several, of which the later change what the earlier made.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fiscal.base.axes import FIRST_YEAR, LAST_YEAR
from fiscal.base.errors import InputError, Problem
from fiscal.base.files import parse_json, read_limited
from fiscal.law.years import LAW_YEARS

MAX_REFORM_BYTES = 1024 * 1024
MAX_PROBLEMS = 20
NO_LIMIT = 9e99
"""Tax-Calculator's number for "no limit"; what a file writes beyond it means the same."""

_YEAR = re.compile(r"\d{4}", re.ASCII)
_EXACT = 2**53  # beyond it a whole number of JSON is kept as a float, as Tax-Calculator would read 1e20
_SHAPE = 'an object of parameters, each an object of years: {"II_rt7": {"2030": 0.4}}'


@dataclass(frozen=True)
class Reform:
    """What files of a reform say: parameter -> year -> value, and messages about how they are read."""

    parameters: Mapping[str, Mapping[int, Any]]
    shown: str
    """The files as messages call them."""
    notes: tuple[str, ...] = ()

    def moved(self, first_year: int | None) -> Reform:
        """The reform with all its years moved so that its first one is ``first_year``; None leaves them."""
        own = Reform(moved(self.parameters, first_year), self.shown, self.notes)
        limit = [*self.parameters.get("ID_ps", ()), *self.parameters.get("ID_prt", ())]
        return one_deduction_limit(own) if min(limit, default=OBBBA_YEAR) < OBBBA_YEAR else own


def read_reform(*paths: Path) -> Reform:
    """The reform of one file or of several, each later one changing what the ones before it made.

    A parameter of a later file takes the place of the same parameter of the earlier ones from its first year on, as
    in Tax-Calculator. Raises InputError for files that are missing or are not reforms; whether Tax-Calculator takes
    the reform is for :func:`tried`.
    """
    problems: list[Problem] = []
    found: list[Reform] = []
    for path in paths:
        try:
            found.append(parse_reform(read_limited(path, MAX_REFORM_BYTES, path.name), path.name))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return _compounded(found, " + ".join(path.name for path in paths))


def _compounded(found: Iterable[Reform], shown: str) -> Reform:
    parameters: dict[str, dict[int, Any]] = {}
    notes: list[str] = []
    for one in found:
        notes += one.notes
        for name, values in one.parameters.items():
            first = min(values)
            before = {year: value for year, value in parameters.get(name, {}).items() if year < first}
            parameters[name] = before | dict(values)
    return Reform(parameters, shown, tuple(notes))


def parse_reform(content: bytes, shown: str) -> Reform:
    """The reform that one file's bytes state, not yet tried by Tax-Calculator; a list of reforms is compounded.

    A file with a part "policy" beside others is read for that part. Raises InputError with every fault.
    """
    told = parse_json(content, shown, comments=True)
    if isinstance(told, list) and told:
        return _compounded([_reform(one, shown) for one in told], shown)
    return _reform(told, shown)


def _reform(told: Any, shown: str) -> Reform:
    notes: tuple[str, ...] = ()
    if isinstance(told, dict) and isinstance(told.get("policy"), dict):
        others = [name for name, part in told.items() if name != "policy" and part]
        if others:
            named = ", ".join(repr(name[:60]) for name in others[:MAX_PROBLEMS])
            notes = (f"{shown}: only the part 'policy' is used; not used: {named}",)
        told = told["policy"]
    if isinstance(told, dict) and told and all(map(_YEAR.fullmatch, told)):
        raise InputError(_year_first(told, shown))
    if not isinstance(told, dict) or not all(isinstance(values, dict) for values in told.values()):
        raise InputError("is not a reform", file=shown, key="reform", allowed=_SHAPE)
    if not any(told.values()):
        raise InputError("the reform changes nothing", file=shown, key="reform", allowed=_SHAPE)
    problems = []
    for name, values in told.items():
        for year, value in values.items():
            at = f"{name[:60]}, {year[:12]}"
            if not (_YEAR.fullmatch(year) and int(year) <= LAST_YEAR):
                problems.append(Problem("is not a year", file=shown, key=at, allowed=f"at most {LAST_YEAR}"))
            if not _is_amount(value):
                allowed = "a number, true or false, or a list of those"
                problems.append(Problem("is not an amount", file=shown, key=at, allowed=allowed))
    if problems:
        raise InputError(problems[:MAX_PROBLEMS])
    parameters = {
        name: {int(year): _amount(value) for year, value in values.items()} for name, values in told.items() if values
    }
    return Reform(parameters, shown, notes)


def _year_first(told: Mapping[str, Any], shown: str) -> Problem:
    """Years outside, parameters inside: what the file would be the other way round."""
    turned: dict[str, dict[str, Any]] = {}
    for year, values in told.items():
        for name, value in values.items() if isinstance(values, dict) else ():
            turned.setdefault(name.removeprefix("_"), {})[year] = value
    written = json.dumps(turned) if turned else '{"II_rt7": {"2030": 0.4}}'
    shape = written if len(written) <= 400 else f"{written[:400]} ..."
    return Problem("the parameter comes first, then the year", file=shown, key="reform", allowed=shape)


def _is_amount(value: object, lists: int = 2) -> bool:
    if isinstance(value, list):
        return lists > 0 and bool(value) and all(_is_amount(member, lists - 1) for member in value)
    return isinstance(value, int | float) and abs(value) < float("inf")


def _amount(value: Any) -> Any:
    """A value as Tax-Calculator takes it: no limit is its own number, and no whole number is beyond a float."""
    if isinstance(value, list):
        return [_amount(member) for member in value]
    if isinstance(value, bool) or abs(value) <= _EXACT:
        return value
    return float(max(min(value, NO_LIMIT), -NO_LIMIT))


# --------------------------------------------------------------------------------------------- years


def change_years(reform: Mapping[str, Mapping[int, Any]]) -> tuple[int, ...]:
    """The years in which a reform (parameter -> year -> value) changes something."""
    return tuple(sorted({int(year) for values in reform.values() for year in values}))


def reform_years(reform: Mapping[str, Mapping[int, Any]]) -> tuple[int, ...]:
    """Law years of a reform's schedules: those of current law, each year in which the reform changes, and the year
    before it, so that interpolation between two law years smears no change."""
    near = (year for change in change_years(reform) for year in (change - 1, change))
    return tuple(sorted({*LAW_YEARS, *(year for year in near if FIRST_YEAR <= year <= LAST_YEAR)}))


def moved(reform: Mapping[str, Mapping[int, Any]], first_year: int | None) -> dict[str, dict[int, Any]]:
    """A reform with all its years moved so that its first one is ``first_year``; None leaves them."""
    shift = 0 if first_year is None else first_year - change_years(reform)[0]
    return {name: {int(year) + shift: value for year, value in values.items()} for name, values in reform.items()}


def redated(reform: Mapping[str, Mapping[int, Any]], year: int, file_year: int) -> dict[str, Any]:
    """The reform as in force in ``year``: values that came after ``file_year`` are dated to it."""
    dated: dict[str, Any] = {}
    for name, values in reform.items():
        kept = {int(start): value for start, value in values.items() if int(start) <= year}
        late = [start for start in sorted(kept) if start > file_year]
        current = {start: value for start, value in kept.items() if start <= file_year}
        if late:
            current[file_year] = kept[late[-1]]
        if current:
            dated[name] = current
    return dated


OBBBA_YEAR = 2026
"""First year of the reduction of itemized deductions in the top bracket (Public Law 119-21, section 70111)."""


def one_deduction_limit(reform: Reform) -> Reform:
    """A reform that brings back the Pease limit on itemized deductions without the reduction that took its place.

    It is for reforms of the law before the reduction: Tax-Calculator refuses to apply both (``ItemDed`` in its
    ``calcfunctions.py``). A reform that sets the reduction itself is left as it is.
    """
    start, rate = (reform.parameters.get(name, {}) for name in ("ID_ps", "ID_prt"))
    if not start or not rate or "ID_reduction_rate" in reform.parameters:
        return reform

    def in_force(values: Mapping[int, Any], year: int) -> Any:
        earlier = [one for one in values if one <= year]
        return values[max(earlier)] if earlier else None

    for year in sorted({OBBBA_YEAR, *(one for one in (*start, *rate) if one > OBBBA_YEAR)}):
        thresholds, share = in_force(start, year), in_force(rate, year)
        if thresholds and share and min(np.atleast_1d(thresholds)) < NO_LIMIT:
            parameters = {**reform.parameters, "ID_reduction_rate": {year: 0.0}}
            note = (
                f"{reform.shown}: it brings back the Pease limit on itemized deductions (ID_ps, ID_prt), so the"
                f" reduction in the top bracket (ID_reduction_rate) is off from {year}: Tax-Calculator applies only one"
            )
            return Reform(parameters, reform.shown, (*reform.notes, note))
    return reform


# --------------------------------------------------------------------------------------------- trial


@dataclass(frozen=True)
class Trial:
    """What is found out of a reform that Tax-Calculator takes, and the law years whose law is another.

    ``warnings`` are Tax-Calculator's, and what of the reform has no effect here.
    """

    warnings: tuple[str, ...]
    changed: tuple[int, ...]


def tried(reform: Reform) -> Trial:
    """Ask Tax-Calculator about a reform in every year of its law, with the taxes of a few invented records (seconds).

    It is asked in a process of its own that compiles nothing. Raises InputError with the library's own words where
    it refuses the reform or cannot compute a tax under it, whatever it raised.
    """
    asked = json.dumps(reform.parameters, sort_keys=True)
    answer = json.loads(_answer(asked))
    if answer["refused"]:
        message = f"Tax-Calculator refuses it: {answer['refused']}"
        raise InputError(message, file=reform.shown, key="reform")
    return Trial(tuple(answer["warnings"]), tuple(answer["changed"]))


@cache
def _answer(asked: str) -> str:
    paths = os.pathsep.join(path for path in sys.path if path)
    alone = {"NOTAXCALCJIT": "1", "PYTHONPATH": paths, "PYTHONSAFEPATH": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-m", "fiscal.law.trial"],
        input=asked, capture_output=True, encoding="utf-8", env={**os.environ, **alone}, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        line = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise InputError(f"could not be tried: {line[:400]}", key="law.reform")
    return done.stdout


MOST_NAMED = 12
MOST_YEARS = 4


def changes_of(reform: Reform) -> str:
    """A reform in one sentence: the parameters that it sets, and the years from which the values hold."""
    by_years: dict[tuple[int, ...], list[str]] = {}
    for name, values in sorted(reform.parameters.items()):
        by_years.setdefault(tuple(sorted(values)), []).append(name)
    left, groups = MOST_NAMED, []
    for years, names in sorted(by_years.items()):
        first, *_, last = (*years, years[-1])
        told = ", ".join(map(str, years)) if len(years) <= MOST_YEARS else f"{len(years)} years, {first} to {last}"
        if left > 0:
            groups.append(f"{', '.join(names[:left])} ({told})")
        left -= len(names)
    count = len(reform.parameters)
    more = f"; and {-left} more" if left < 0 else ""
    return (
        f"{reform.shown} sets {count} parameter{'s' if count > 1 else ''} of Tax-Calculator (in parentheses, the years "
        f"from which a value holds): {'; '.join(groups)}{more}."
    )


def said_of(reform: Reform, warnings: Iterable[str]) -> tuple[str, ...]:
    """Messages about a reform that is accepted: how its files are read, and what its trial found."""
    return (*reform.notes, *(f"{reform.shown}: {line}" for line in warnings))
