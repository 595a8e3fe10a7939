"""Asks Tax-Calculator about a reform: JSON of parameter -> year -> value on stdin, an answer in JSON on stdout.

Run by `fiscal.law.reforms.tried` in a process of its own with ``NOTAXCALCJIT`` set, so that nothing is compiled for
a few records. The records are invented: every filing status, no income to very high incomes of every kind, children,
deductions, losses, old age. They are there to reach the code of the tax law, not to say what it takes.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import json
import sys
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import taxcalc

from fiscal.base.axes import FIRST_YEAR, LAST_YEAR
from fiscal.law.reforms import change_years, redated, reform_years
from fiscal.law.years import LAST_FILE_YEAR

INCOMES_USD = (0.0, 12_000.0, 60_000.0, 250_000.0, 900_000.0, 20_000_000.0)
STATUSES = 5
INDEXED = "-indexed"
OUT_OF_REACH = {
    "Payroll Taxes": "payroll tax is computed on employer contributions alone, not on wages",
    "Capital Gains And Dividends": (
        "the tax sample holds no capital gains, so only the tax on its dividends and on accounts outside the plan"
        " changes"
    ),
    "Benefits": "benefits are not computed",
    "Universal Basic Income": "basic income is computed only as far as it is taxed",
}
"""Part of Tax-Calculator's parameters -> what of it this model computes."""


def answer(reform: Mapping[str, Mapping[int, Any]]) -> dict[str, Any]:
    """``refused``: Tax-Calculator's words, or None; ``warnings``; ``changed``: law years whose law is another."""
    warnings: dict[str, None] = {}
    changed: list[int] = []
    start = FIRST_YEAR
    acting: set[str] = set()
    try:
        current = _current_law()
        unknown = _unknown(reform, current)
        if unknown:
            return {"refused": "; ".join(unknown), "warnings": [], "changed": []}
        for law, years in _laws(reform):
            start = years[0]
            policy = _policy(law, start, warnings)
            names = sorted({name.removesuffix(INDEXED) for name in law})
            by_name = _changed_years(policy, current, names, years)
            acting |= {name for name in names if by_name[name]}
            other = sorted(set().union(*by_name.values()))
            changed += other
            tries = {*other[:1], *other[-1:], *(year for year in change_years(law) if year in other)}
            _compute(policy, sorted({min(year, LAST_FILE_YEAR) for year in tries}))
    except Exception as error:  # whatever the library raises is what it says of the reform
        return {"refused": _as_dated(_words(error), start), "warnings": [], "changed": []}
    found = [f"Tax-Calculator warns: {line}" for line in warnings]
    found += _without_effect(reform, acting) + _out_of_reach(acting, current)
    return {"refused": None, "warnings": found, "changed": changed}


@cache
def _current_law() -> taxcalc.Policy:
    """Current law, which takes seconds to make; its year is set where it is read."""
    return taxcalc.Policy()


def _unknown(reform: Mapping[str, Any], current: taxcalc.Policy) -> list[str]:
    """What to write in place of each parameter that Tax-Calculator does not have, by its own word or by likeness."""
    told = []
    for name in reform:
        plain = name.removesuffix(INDEXED)
        if plain in current._data:
            continue
        words = taxcalc.Policy.REMOVED_PARAMS.get(plain) or taxcalc.Policy.REDEFINED_PARAMS.get(plain)
        old = plain.removeprefix("_")
        if words:
            told.append(f"{plain} {words}")
        elif old in current._data:
            told.append(f"{plain} is an older name; write {old}")
        elif old.removesuffix("_cpi") in current._data:
            told.append(f"{plain} is an older name; write {old.removesuffix('_cpi')}{INDEXED}")
        else:
            near = difflib.get_close_matches(old, current._data, 1)
            told.append(f"Parameter {plain} does not exist" + (f"; did you mean {near[0]}?" if near else ""))
    return told


def _without_effect(reform: Mapping[str, Any], acting: set[str]) -> list[str]:
    """The parameters that are current law's in every projected year: set for earlier years, or to the same value."""
    idle = sorted({name.removesuffix(INDEXED) for name in reform} - acting)
    if not idle:
        return []
    return [f"without effect, because they equal current law from {FIRST_YEAR} on: {', '.join(idle)}"]


def _out_of_reach(acting: set[str], current: taxcalc.Policy) -> list[str]:
    """Which of the changed parameters act on what this model does not compute, and what it does compute."""
    by_part: dict[str, list[str]] = {}
    for name in sorted(acting):
        by_part.setdefault(current._data[name].get("section_1", ""), []).append(name)
    return [f"{words}: {', '.join(by_part[part])}" for part, words in OUT_OF_REACH.items() if part in by_part]


def _laws(reform: Mapping[str, Mapping[int, Any]]) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Each law that the reform makes, with the law years that it holds in: one to 2036, then one a change."""
    years = reform_years(reform)
    late = [year for year in change_years(reform) if year > LAST_FILE_YEAR]
    for start, end in pairwise([FIRST_YEAR, *late, LAST_YEAR + 1]):
        law = redated(reform, max(start, LAST_FILE_YEAR), LAST_FILE_YEAR)
        if law:
            yield law, [year for year in years if start <= year < end]


def _as_dated(text: str, start: int) -> str:
    """The library's words with the year that the file says, where a late law was dated to the last one it knows."""
    return text if start <= LAST_FILE_YEAR else text.replace(f"[year={LAST_FILE_YEAR}", f"[year={start}")


def _policy(law: Mapping[str, Any], start: int, warnings: dict[str, None]) -> taxcalc.Policy:
    policy = taxcalc.Policy()
    policy.implement_reform(dict(law), print_warnings=True)
    for lines in policy.warnings.values():
        said = [" ".join(str(line).split()) for line in lines]
        warnings.update({_as_dated(line, start): None for line in said if line not in warnings})
    return policy


def _changed_years(
    policy: taxcalc.Policy, current: taxcalc.Policy, names: list[str], years: list[int]
) -> dict[str, list[int]]:
    """For each of ``names``, those of ``years`` in which it, or whether it is indexed, is not current law's."""
    indexed = {name for name in names if policy._data[name].get("indexed") != current._data[name].get("indexed")}
    other: dict[int, set[str]] = {}
    for year in sorted({min(year, LAST_FILE_YEAR) for year in years}):
        for law in (policy, current):
            law.set_year(year)
        other[year] = {name for name in names if not np.array_equal(getattr(policy, name), getattr(current, name))}
    return {
        name: [
            year
            for year in years
            if name in other[min(year, LAST_FILE_YEAR)] or (name in indexed and year > LAST_FILE_YEAR)
        ]
        for name in names
    }


def _compute(policy: taxcalc.Policy, years: list[int]) -> None:
    records = taxcalc.Records(
        data=few_records(), start_year=FIRST_YEAR, gfactors=None, weights=None, adjust_ratios=None
    )
    policy.set_year(FIRST_YEAR)
    calc = taxcalc.Calculator(policy=policy, records=records, verbose=False)
    for year in years:
        if year > calc.current_year:
            calc.advance_to_year(year)
        with np.errstate(all="ignore"):
            calc.calc_all()
        if not np.all(np.isfinite(calc.array("iitax"))):
            raise ArithmeticError(f"the income tax of {year} is not finite")


def few_records() -> pd.DataFrame:
    """Invented tax units: each income by each filing status, dollars of 2025."""
    income = np.repeat(INCOMES_USD, STATUSES)
    count = len(income)
    mars = np.tile(np.arange(1, STATUSES + 1), len(INCOMES_USD))
    turn = np.arange(count) % 3
    joint = mars == 2
    wages = income * np.where(turn == 1, 0.5, 1.0)
    spouse = np.where(joint, wages * 0.4, 0.0)
    children = np.where(mars == 1, 0, turn)
    old = turn == 1
    table = {
        "RECID": np.arange(1, count + 1),
        "MARS": mars,
        "XTOT": 1 + joint + children,
        "nu18": children, "nu13": children, "nu06": children // 2, "n24": children, "EIC": children,
        "f2441": children,
        "age_head": np.where(old, 70, 40), "age_spouse": np.where(joint, 45, 0),
        "elderly_dependents": np.where(turn == 2, 1, 0),
        "e00200": wages, "e00200p": wages - spouse, "e00200s": spouse,
        "e00300": income * 0.05, "e00600": income * 0.08, "e00650": income * 0.06,
        "p22250": -income * 0.01, "p23250": income * np.where(turn == 2, 0.5, 0.1),
        "e00900": income * np.where(turn == 0, -0.1, 0.2), "e00900p": income * np.where(turn == 0, -0.1, 0.2),
        "e02000": income * np.where(turn == 2, -0.3, 0.1),
        "e01400": np.where(old, income * 0.1, 0.0),
        "e01500": np.where(old, income * 0.2, 0.0), "e01700": np.where(old, income * 0.2, 0.0),
        "e02400": np.where(old, 24_000.0, 0.0), "e02300": np.where(turn == 2, 5_000.0, 0.0),
        "e03150": np.minimum(income * 0.05, 7_000.0), "e03210": np.minimum(income * 0.02, 2_500.0),
        "e17500": income * 0.12, "e18400": income * 0.08, "e18500": income * 0.03, "e19200": income * 0.06,
        "e19800": income * 0.04, "e20100": income * 0.01, "e20400": income * 0.02, "e32800": children * 4_000.0,
    }  # fmt: skip
    return pd.DataFrame(table)


def _words(error: Exception) -> str:
    """The library's message on one line; of an assertion without words, what was asserted."""
    text = str(error)
    with contextlib.suppress(ValueError):
        text = "; ".join(_leaves(json.loads(text)))
    if not text.strip():
        frames = traceback.extract_tb(error.__traceback__)
        text = f"{type(error).__name__} at {frames[-1].line}" if frames else type(error).__name__
    return " ".join(text.split())[:2000]


def _leaves(told: Any) -> Iterator[str]:
    if isinstance(told, dict | list):
        for member in told.values() if isinstance(told, dict) else told:
            yield from _leaves(member)
    else:
        yield str(told)


def main() -> None:
    """Read a reform, print the answer; what the library prints goes nowhere."""
    reform = {
        name: {int(year): value for year, value in values.items()} for name, values in json.load(sys.stdin).items()
    }
    with contextlib.redirect_stdout(io.StringIO()):
        told = answer(reform)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
