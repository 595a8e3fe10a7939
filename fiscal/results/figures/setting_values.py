"""Values of settings in plain words."""

from __future__ import annotations

from pathlib import PurePath

from fiscal.base.words import listing, signed_percent

FRACTIONS = ("share", "rate")
"""First words of units with fractions that are stated in percent, except those "per unit" of something else."""


def setting_value(value: object, unit: str) -> str:
    """A setting's value in words, from its declared unit: "10 percent", "$9,000", "none", "on", "forced sale"."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple | list):
        return listing([setting_value(one, unit) for one in value]) or "none"
    if isinstance(value, str):
        return PurePath(value).name if unit.startswith("path of") else value.replace("_", " ")
    if not isinstance(value, int | float):
        return str(value)
    if unit.split(" ")[0].rstrip("s") in FRACTIONS and " per unit " not in unit:
        return signed_percent(float(value)) if value else "0 percent"
    if unit.startswith("dollars") and " per " not in unit:
        return f"${value:,.0f}"
    if unit == "years":
        return f"{value:g} {'year' if value == 1 else 'years'}"
    return f"{value:g}" if isinstance(value, float) else str(value)
