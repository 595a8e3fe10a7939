"""The opening date of the projection, and its consequences.

The stock of retirement money is published at the end of each quarter. The projection opens with one of these stocks,
and its first year has the flows of the remaining months.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
MONTHS_PER_YEAR = len(MONTHS)


@dataclass(frozen=True)
class OpeningDate:
    """The last day of a month in which the projection opens."""

    year: int
    month: int

    @staticmethod
    def on(date: str) -> OpeningDate:
        """The opening of a date as YYYY-MM-DD. Raises ValueError if it is not a date."""
        read = datetime.date.fromisoformat(date)
        return OpeningDate(read.year, read.month)

    @property
    def iso(self) -> str:
        """The date as YYYY-MM-DD, as in tables of stocks."""
        following = datetime.date(self.year + self.month // MONTHS_PER_YEAR, self.month % MONTHS_PER_YEAR + 1, 1)
        return (following - datetime.timedelta(days=1)).isoformat()

    @property
    def words(self) -> str:
        """The date as a sentence has it: "31 March 2025"."""
        day = datetime.date.fromisoformat(self.iso)
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"

    @property
    def months_left(self) -> tuple[str, ...]:
        """The months of the year after the date, as YYYY-MM."""
        return tuple(f"{self.year}-{month:02d}" for month in range(self.month + 1, MONTHS_PER_YEAR + 1))

    @property
    def stub_fraction(self) -> float:
        """Share of the year after the date."""
        return (MONTHS_PER_YEAR - self.month) / MONTHS_PER_YEAR

    @property
    def decimal_year(self) -> float:
        """The date in years."""
        return self.year + 1 - self.stub_fraction


HEADLINE = OpeningDate(2025, 3)
"""The opening of the headline, 31 March 2025: the first year, the stub, and the base of wages and prices follow."""
