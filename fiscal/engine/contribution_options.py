"""Options of the calculator of one contribution: ranges, what the law gives, contradictions."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fiscal.base.axes import GROUPS
from fiscal.base.errors import InputError, Problem, nearest, percent_hint
from fiscal.base.files import plain_value
from fiscal.engine.saver_law import SaverLaw

CHARACTERS = ("traditional", "roth")
MISSING = "must be given"
PATTERNS = ("lump", "level", "required")


@dataclass(frozen=True)
class Option:
    """One option of the calculator: its range, unit and default (None: must be given, or may be absent)."""

    unit: str
    doc: str
    low: float = -math.inf
    high: float = math.inf
    default: Any = None
    whole: bool = False
    choices: tuple[str, ...] = ()
    needed: bool = True

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        kind = "a whole number" if self.whole else "a number"
        if math.isinf(self.high):
            return f"{kind} above {self.low:g}"
        return f"{kind} from {self.low:g} to {self.high:g}"


def _tax(doc: str) -> Option:
    return Option("rate", doc, low=0.0, high=1.0)


def _time(doc: str) -> Option:
    return Option("fraction of the year", doc, low=0.0, high=1.0, default=0.5)


OPTIONS: Mapping[str, Option] = {
    "contribution": Option("dollars", "Contribution: before tax for traditional, after tax for Roth.", low=0.0),
    "age": Option("age", "Age in the year of the contribution.", low=0, high=119, whole=True),
    "withdrawal_age": Option("age", "Age in the year of the (first) withdrawal.", low=0, high=119, whole=True),
    "return_rate": Option("a year", "Return of the account, before any tax.", low=-0.5, high=1.0),
    "discount_rate": Option("a year", "Rate of the present values.", low=-0.5, high=1.0),
    "contribution_tax_rate": _tax("Income tax rate at the contribution."),
    "withdrawal_tax_rate": _tax("Income tax rate on withdrawals."),
    "outside_tax_rate": _tax("Income tax rate on the return of a taxable account, taxed as it accrues."),
    "character": Option("name", "Tax character of the contribution.", default="traditional", choices=CHARACTERS),
    "withdrawal_end_age": Option(
        "age",
        "Age from which nothing is left: the last level withdrawal is in the year before it.",
        low=1,
        high=120,
        whole=True,
        needed=False,
    ),
    "withdrawal_pattern": Option(
        "name",
        "All at once, level nominal withdrawals to the end age, or required distributions to it; level where an end "
        "age is given.",
        choices=PATTERNS,
        needed=False,
    ),
    "earnings_group": Option(
        "name",
        "Group of lifetime earnings whose tax schedules give the rates that are not given here, with required "
        "distributions; the contribution is made in 2026.",
        choices=GROUPS,
        needed=False,
    ),
    "contribution_timing": _time("When in its year the contribution is made."),
    "withdrawal_timing": _time("When in each year a withdrawal is made."),
}
"""The options by name; those without a default and ``needed`` must be given."""


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with their defaults, of the right kind. Raises ``InputError`` listing every problem."""
    problems = [
        Problem("no such option", key=name, nearest=nearest(name, OPTIONS)) for name in options if name not in OPTIONS
    ]
    values: dict[str, Any] = {}
    wrong: set[str] = set()
    by_law = _of_law(options)
    grouped = options.get("earnings_group") is not None
    for name, option in OPTIONS.items():
        given = plain_value(options.get(name))
        values[name] = by_law.get(name, option.default) if given is None else given
        fault = None if values[name] is None and name in by_law else _fault(option, values[name])
        if fault:
            wrong.add(name)
            if grouped and given is None and name != "age":
                continue  # the law gives it once group and age are right
            allowed = option.allowed
            close = nearest(given, option.choices) if isinstance(given, str) else None
            hint = percent_hint(given, option.unit, option.low, option.high)
            problems.append(Problem(fault, key=name, value=given, allowed=allowed, nearest=close, hint=hint))
        elif values[name] is not None and not option.choices:
            values[name] = int(values[name]) if option.whole else float(values[name])
    if not grouped and sum(problem.message == MISSING for problem in problems) > 1:
        words = "neither a group nor all of the following is given"
        allowed = "a group such as P50-60, for which the tax schedules give everything but the age"
        problems.insert(0, Problem(words, key="earnings_group", allowed=allowed))
    problems += _contradictions(values, wrong)
    if problems:
        raise InputError(problems)
    ends = values["withdrawal_end_age"] is not None
    values["withdrawal_pattern"] = values["withdrawal_pattern"] or PATTERNS[ends]
    return values


def _of_law(options: Mapping[str, Any]) -> dict[str, Any]:
    """What an earnings group gives for options that are left out; nothing where group or age are missing or wrong."""
    group, age = plain_value(options.get("earnings_group")), plain_value(options.get("age"))
    if any(value is None or _fault(OPTIONS[name], value) for name, value in (("earnings_group", group), ("age", age))):
        return {}
    found = SaverLaw(group, int(age)).defaults() | {"withdrawal_tax_rate": None}
    if options.get("withdrawal_pattern") is None and (
        options.get("withdrawal_end_age") is not None or options.get("withdrawal_age") is not None
    ):
        found["withdrawal_pattern"] = None  # as without a group
        found["withdrawal_end_age"] = None
    elif options.get("withdrawal_pattern") == "lump":
        found["withdrawal_end_age"] = None
    found["withdrawal_age"] = max(int(str(found["withdrawal_age"])), int(age))
    return found


def _fault(option: Option, value: Any) -> str | None:
    """What is wrong with a value alone."""
    if value is None:
        return MISSING if option.needed else None
    if option.choices:
        return None if value in option.choices else "no such choice"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "is not a number"
    if not abs(value) <= sys.float_info.max:  # a whole number may be too large to be a float
        return "is not finite"
    if option.whole and value != int(value):
        return "is not a whole number"
    above = value > option.low if math.isinf(option.high) else value >= option.low
    return None if above and value <= option.high else "out of range"


def _contradictions(values: Mapping[str, Any], wrong: set[str]) -> list[Problem]:
    """Values that are fine alone and wrong together."""
    found: list[Problem] = []
    first, end, pattern = (values[name] for name in ("withdrawal_age", "withdrawal_end_age", "withdrawal_pattern"))

    def refuse(message: str, key: str, value: object, allowed: str) -> None:
        found.append(Problem(message, key=key, value=value, allowed=allowed))

    if not wrong & {"age", "withdrawal_age", "contribution_timing", "withdrawal_timing"}:
        gap = first + values["withdrawal_timing"] - values["age"] - values["contribution_timing"]
        if gap < 0:
            allowed = f"not before age {values['age']} and {values['contribution_timing']:g} of the year"
            refuse("withdrawn before it is contributed", "withdrawal_age", first, allowed)
    if not wrong & {"withdrawal_age", "withdrawal_end_age"} and end is not None and end <= first:
        allowed = f"an age above {first} (withdrawal_age)"
        refuse("ends before it begins", "withdrawal_end_age", end, allowed)
    if not wrong & {"withdrawal_pattern", "withdrawal_end_age"}:
        if pattern in ("level", "required") and end is None:
            message = f"must be given with {pattern} withdrawals"
            refuse(message, "withdrawal_end_age", None, "an age above withdrawal_age")
        if pattern == "lump" and end is not None:
            allowed = "none, or withdrawal_pattern level"
            refuse("a lump has no end", "withdrawal_end_age", end, allowed)
    return found
