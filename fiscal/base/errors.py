"""Errors that a user can fix: every problem of an input at once, in plain words."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MOST_TOLD = 20
"""Number of problems that a message lists; the rest are counted."""

_SHORT_NAME = 4  # up to this length one letter may differ, beyond it two
_LONGEST_SHOWN = 200  # characters of a value or key in a message
_LONGEST_TEXT = 1000  # characters of a file's name or of the words themselves

_FRACTION = re.compile(r"(share|rates?|ratio|a year)\b")
"""Beginning of the unit of a setting that is written as a fraction and often stated in percent."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` misspells, or None; a short name may differ by one letter, a longer one by two.

    A missing, added, or replaced letter counts as one, and so do two exchanged letters. Capitals, and ``-`` or a blank
    instead of ``_``, do not count. Failing that, the only known name that has whole words more or fewer at its end
    (``reform`` for ``reform_file``).
    """
    known = tuple(known)
    wanted = _folded(name)
    allowed = 1 if len(wanted) <= _SHORT_NAME else 2
    best: tuple[int, str] | None = None
    for other in known:
        folded = _folded(other)
        if abs(len(folded) - len(wanted)) > allowed:
            continue
        distance = 0 if folded == wanted else _letters_apart(wanted, folded)
        if distance <= allowed and (best is None or distance < best[0]):
            best = distance, other
    if best:
        return best[1]
    longer = [
        name for name in known if f"{wanted}_".startswith(f"{_folded(name)}_") or _folded(name).startswith(f"{wanted}_")
    ]
    return longer[0] if wanted and len(longer) == 1 else None


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


def _letters_apart(one: str, other: str) -> int:
    """Edit distance with neighbors exchanged as one edit (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, mark in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != mark))
            if row > 1 and column > 1 and (letter, mark) == (other[column - 2], one[row - 2]):
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, last = last, line
    return last[-1]


class _Shown(reprlib.Repr):
    """Values in messages; a long text, list, or mapping is shortened."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = _LONGEST_SHOWN
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxarray = MOST_TOLD
        self.maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        """A whole number, or its length, because Python does not print numbers of more than some thousand digits."""
        digits = int(x.bit_length() * math.log10(2)) + 1
        return super().repr_int(x, level) if digits < _LONGEST_SHOWN else f"a whole number of {digits} digits"


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "..."


def percent_hint(value: object, unit: str, low: float | None, high: float | None) -> str | None:
    """ "15 percent is 0.15", if a fraction is required and the percentage would be allowed as one."""
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
    """One error of an input: its place, the value found, the allowed values, the nearest known name, and a hint."""

    message: str
    file: str | None = None
    key: str | None = None
    value: object = None
    allowed: str | None = None
    nearest: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        places = ((self.file, _LONGEST_TEXT), (self.key, _LONGEST_SHOWN), (self.message, _LONGEST_TEXT))
        text = ": ".join(_shortened(part, longest) for part, longest in places if part)
        if self.value is not None:
            text += f" (found {_Shown().repr(self.value)})"
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        if self.nearest is not None:
            text += f"; did you mean {self.nearest!r}?"
        if self.hint:
            text += f"; {self.hint}"
        return text


class FiscalError(Exception):
    """Base of the errors that the command line converts into a message and exit code 2."""


class InputError(FiscalError):
    """A scenario, table, file, or argument that cannot be used.

    ``problems`` has all of them; the text lists the first :data:`MOST_TOLD` and counts the rest. A single one may be
    given as the fields of :class:`Problem`.
    """

    def __init__(self, problems: Sequence[Problem] | Problem | str, **fields: Any) -> None:
        if isinstance(problems, str):
            problems = [Problem(problems, **fields)]
        elif isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(told(self.problems))


def told(problems: Sequence[Problem]) -> str:
    """A line for each of the first problems, and the number of others."""
    lines = [str(problem) for problem in problems[:MOST_TOLD]]
    rest = len(problems) - len(lines)
    return "\n".join([*lines, f"and {rest:,} more problems" if rest > 1 else "and 1 more problem"] if rest else lines)


def refuse_unknown(**asked: tuple[object, Iterable[object]]) -> None:
    """Raise InputError for every key whose value, the first of its pair, is not among the known ones, the second."""
    listed = {key: (value, list(known)) for key, (value, known) in asked.items()}
    problems = [
        Problem(f"no such {key.replace('_', ' ')}", key=key, value=value, allowed=", ".join(map(str, known)))
        for key, (value, known) in listed.items()
        if value not in known
    ]
    if problems:
        raise InputError(problems)
