"""What a scenario changes, in words: the settings that differ from its base, with their old and new values."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from fiscal.base.words import capital
from fiscal.report.compared import Results
from fiscal.results.figures.setting_names import setting_name, setting_value
from fiscal.scenario import ExplainedSetting, Scenario

MOST_CHANGES = 4
"""Changes told of each scenario before the answer; the chapters list the others."""

MOST_CHARACTERS = 320
"""Length of a description at the head of a brief; its last page has all of it."""

NAME_OF_PATH = "paths.name"
"""It acts in the deterministic model alone: another model may have inherited it."""

HOW_IT_IS_COMPUTED = ("paths.draws", "paths.seed", "paths.count", "books.", "backstop.")
"""Settings (or sections of them) that are told last: they say how a case is computed more than what it supposes."""

ALL_SETTINGS, LEVERS = "What drives the answer: assumptions and sensitivity", "Levers and what they do"
"""Chapters that list every setting of the base, and every setting in which another case differs from it."""


class Change(NamedTuple):
    """A setting that differs, with the value it has in the base."""

    row: ExplainedSetting
    before: object


def changes(scenario: Scenario, base: Scenario | None = None) -> list[Change]:
    """The settings in which a scenario differs from its base, or without one from the defaults."""
    old = {row.key: row.value for row in base.explained()} if base is not None else {}
    found = [Change(row, old.get(row.key, row.default)) for row in scenario.explained()]
    named = scenario.value("paths.model") == "deterministic"
    return [
        change
        for change in found
        if change.row.value != change.before and (named or change.row.key != NAME_OF_PATH)
    ]


def _ranked(found: Sequence[Change]) -> list[Change]:
    """The changes, one of each section before a second of any, so that no lever hides behind the details of another."""
    seen: Counter[str] = Counter()
    ranks = []
    for place, change in enumerate(found):
        section = change.row.key.partition(".")[0]
        ranks.append((change.row.key.startswith(HOW_IT_IS_COMPUTED), seen[section], place))
        seen[section] += 1
    return [found[place] for _, _, place in sorted(ranks)]


def changes_sentence(name: str, found: Sequence[Change]) -> str:
    """The first few changes as "from old to new"; ``name`` says from what."""
    if not found:
        return f"Every setting is that of {name}."
    parts = []
    for row, before in _ranked(found)[:MOST_CHANGES]:
        old, new = (setting_value(value, row.unit) for value in (before, row.value))
        parts.append(f"{setting_name(row.key)} from {old} to {new}")
    return f"Changed from {name}: {'; '.join(parts)}."


def told_changes(results: Results, chapters: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    """``changes`` and ``more`` of each result: the sentence, and where the rest is listed (empty where nothing is).

    The first is set beside the defaults, the others beside the first. ``chapters`` are the titles of the report's.
    """
    base = results[0]
    for result in results:
        first = result is base
        found = changes(result.scenario, None if first else base.scenario)
        name = "the defaults (current law, no crypto)" if first else base.name
        rest = len(found) - MOST_CHANGES
        where = ALL_SETTINGS if first else LEVERS
        more = ""
        if rest > 0:
            verb = "is" if rest == 1 else "are"
            place = f"section {chapters.index(where) + 1}" if where in chapters else f"\u201c{where}\u201d"
            more = f"{rest} more {verb} listed in {place}"
        yield {"changes": changes_sentence(name, found), "more": more}


def changes_line(facts: Mapping[str, str]) -> str:
    """What a scenario changes, as it is printed under its description."""
    return f"{facts['changes']} {capital(facts['more'])}." if facts["more"] else facts["changes"]


def titled(facts: Mapping[str, str]) -> str:
    """A title as a sentence, where it says more than the name."""
    title = facts["title"]
    if title == facts["name"]:
        return ""
    return title if title.endswith((".", "!", "?")) else f"{title}."


def opening(description: str) -> str:
    """A description short enough for the head of a brief."""
    return textwrap.shorten(description, MOST_CHARACTERS, placeholder=" \u2026") if description else ""
