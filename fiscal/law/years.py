"""The years and the scopes for which tax schedules are made."""

from __future__ import annotations

from fiscal.base.axes import FIRST_YEAR, LAST_YEAR

LAST_FILE_YEAR = 2036
"""Last year of Tax-Calculator's law and growth factors."""

NODE_STEP_YEARS = 8
LAW_YEARS = (
    *range(FIRST_YEAR, LAST_FILE_YEAR + 1),
    *range(LAST_FILE_YEAR + NODE_STEP_YEARS, LAST_YEAR + 1, NODE_STEP_YEARS),
)
"""Every year to the last of the file, then nodes between which schedules are interpolated."""

OWN_SCOPES = ("401k", "all_dc")
"""Whose withdrawals the income leaves out that a withdrawal is added to: 401(k) plans alone, or all
defined-contribution plans, with the IRAs that received their money."""
