"""Errors a user can mend: every problem of an input at once, in plain words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_CLOSE_ENOUGH = 0.6  # difflib's own default: below it a suggestion confuses more than it helps

_FRACTION = re.compile(r"(share|rates?|ratio|a year)\b")
"""How the unit of a setting begins that is written as a fraction and often said in percent."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, or None when nothing is close."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=_CLOSE_ENOUGH)
    return matches[0] if matches else None


def percent_hint(value: object, unit: str, low: float | None, high: float | None) -> str | None:
    """ "15 percent is 0.15", where a fraction is asked for and the percentage would be allowed as one."""
    if low is None or high is None or not _FRACTION.match(unit):
        return None
    for member in value if isinstance(value, list | tuple) else [value]:
        if isinstance(member, bool) or not isinstance(member, int | float) or low <= member <= high:
            continue
        if abs(member) >= 1 and 100 * low <= member <= 100 * high:  # whole numbers may be too large to divide
            return f"{member:g} percent is {member / 100:g}"
    return None


@dataclass(frozen=True)
class Problem:
    """One fault of an input: where it is, what was found, what is allowed, which known name is near, what may help."""

    message: str
    file: str | None = None
    key: str | None = None
    value: object = None
    allowed: str | None = None
    nearest: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.key) if part)
        text = f"{where}: {self.message}" if where else self.message
        if self.value is not None:
            text += f" (found {self.value!r})"
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        if self.nearest is not None:
            text += f"; did you mean {self.nearest!r}?"
        if self.hint:
            text += f"; {self.hint}"
        return text


class FiscalError(Exception):
    """Base of the errors that the command line turns into a message and exit code 2."""


class InputError(FiscalError):
    """A scenario, table, file or argument that cannot be used; lists every problem found."""

    def __init__(self, problems: Sequence[Problem] | Problem | str) -> None:
        if isinstance(problems, str):
            problems = [Problem(problems)]
        elif isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
