"""Settings in plain words: the labels of their declarations."""

from __future__ import annotations

from fiscal.scenario.assumptions import rows
from fiscal.scenario.schema import ASSUMPTIONS, declared


def setting_name(key: str) -> str:
    """A setting in words, from the key that a scenario file or the assumptions table has; a key that is not declared
    by the words of its last part."""
    for lever in (*declared(), *rows().values()):
        if key in (lever.key, lever.key.removeprefix(f"{ASSUMPTIONS}.")):
            return lever.label
    return key.rpartition(".")[2].replace("_", " ")
