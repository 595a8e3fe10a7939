"""Whether others can make the runs of a report again from the published version alone."""

from __future__ import annotations

from fiscal.results import store
from fiscal.results.result import Result

REPEATABLE = "the runs need nothing beyond this version and its data"


def provenance_words(results: tuple[Result, ...]) -> str:
    """One line for the title page: uncommitted changes and a user's own data, run by run, or that there are none."""
    said: dict[str, list[str]] = {}
    for result in results:
        for sentence in store.caveats(store.provenance(result)):
            said.setdefault(sentence, []).append(result.name)
    return " ".join(f"{', '.join(names)}: {sentence}" for sentence, names in said.items()) or REPEATABLE
