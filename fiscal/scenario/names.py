"""Settings in plain words: the labels of their declarations."""

from __future__ import annotations

from collections.abc import Mapping

from fiscal.base.memo import remembered
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
