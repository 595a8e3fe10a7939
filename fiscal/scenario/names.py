"""Settings in plain words: names, values, and titles of changed scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from fiscal.base.axes import FIRST_YEAR
from fiscal.base.memo import remembered
from fiscal.base.words import listing, signed_percent
from fiscal.scenario.assumptions import rows
from fiscal.scenario.schema import ASSUMPTIONS, declared


def setting_name(key: str) -> str:
    """A setting in words, from the key that a scenario file or the assumptions table has; a key that is not declared
    by the words of its last part."""
    plain = key.removeprefix(f"{ASSUMPTIONS}.")
    return _labels().get(plain, plain.rpartition(".")[2].replace("_", " "))


@remembered
def _labels() -> Mapping[str, str]:
    return {lever.key: lever.label for lever in declared()} | {key: row.label for key, row in rows().items()}


VALUES = {"core_return": "what equity earns"}
"""Values that are names of this package, in words."""

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
        return PurePath(value).name if unit.startswith("path of") else VALUES.get(value, value.replace("_", " "))
    if not isinstance(value, int | float):
        return str(value)
    if unit.split(" ")[0].rstrip("s") in FRACTIONS and " per unit " not in unit:
        return signed_percent(float(value)) if value else "0 percent"
    if unit.startswith("dollars") and " per " not in unit:
        return f"${value:,.0f}"
    if unit.startswith("multiple"):
        return f"{value:g} times"
    if unit == "years":
        return f"{value:g} {'year' if value == 1 else 'years'}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def title_with(title: str, before: Mapping[str, object], changes: Mapping[str, object]) -> str:
    """The title of a scenario after ``changes``, by dotted name: a year that ends the title is the new one, and what
    else is changed follows in words."""
    told = []
    for key, value in changes.items():
        old = before.get(key)
        if isinstance(old, int) and isinstance(value, int) and title.endswith(f" {old}") and old > FIRST_YEAR:
            title = f"{title.removesuffix(str(old))}{value}"
        else:
            told.append(f"{setting_name(key)}: {setting_value(value, _units().get(key, ''))}")
    return f"{title} ({'; '.join(told)})" if told else title


@remembered
def _units() -> Mapping[str, str]:
    return {lever.key: lever.unit for lever in declared()} | {
        f"{ASSUMPTIONS}.{key}": row.unit for key, row in rows().items()
    }
