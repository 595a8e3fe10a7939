"""What a report says before its answer: what each scenario supposes, and which settings it changes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fiscal.report import changes
from fiscal.results.figures.setting_values import setting_value
from fiscal.scenario import Scenario, load

ROTH = {"roth.elective_share_2025": 0.5, "adoption.participants_share": 0.5}


def results(*scenarios: Scenario) -> tuple:
    return tuple(SimpleNamespace(name=one.name, scenario=one) for one in scenarios)


def test_what_differs_from_the_base_is_told_with_both_values() -> None:
    told = list(changes.told_changes(results(load("baseline"), load("boom", ROTH))))
    assert told[0] == {
        "changes": "Every setting is that of the defaults (current law, no crypto).", "more": "",
    }  # fmt: skip
    share = load("baseline").value("roth.elective_share_2025")
    assert told[1]["changes"] == (
        "Changed from baseline: crypto's path from core return to boom; participants who hold crypto from 0 percent to "
        f"50 percent; Roth share of deferrals in 2025 from {100 * share:g} percent to 50 percent."
    )
    alone = next(changes.told_changes(results(load("boom"))))["changes"]
    assert alone.startswith(
        "Changed from the defaults (current law, no crypto): crypto's path from core return"
    )


def test_a_base_that_changes_something_is_what_the_others_change_from() -> None:
    first, second = load("boom", {"assumptions.hardship_rate": 0.008}), load("boom")
    (change,) = changes.changes(second, first)
    assert (change.row.key, change.before) == ("assumptions.hardship_rate", 0.008)
    assert changes.changes(second, second) == []


def test_a_long_list_names_the_section_that_has_the_rest() -> None:
    long = load("all_alternatives", {"paths.seed": 7, "roth.elective_share_2025": 0.5})
    found = changes.changes(long, load("baseline"))
    rest = len(found) - changes.MOST_CHANGES
    assert rest > 1 and "seed of the draws" not in changes.changes_sentence("x", found)
    told = list(changes.told_changes(results(load("baseline"), long), ["One", changes.LEVERS]))[1]
    assert told["more"] == f"{rest} more are listed in section 2"
    assert (
        "Roth share of deferrals in 2025 from" in told["changes"]
    )  # a second lever before a first one's details
    assert changes.changes_line(told).endswith(f". {rest} more are listed in section 2.")


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.154, "share of elective-deferral dollars", "15.4 percent"),
        (-0.02, "rate a year, nominal geometric", "minus 2 percent"),
        ((0.035, 0.06), "rates a year, nominal", "3.5 percent and 6 percent"),
        (0.5, "share of the allocation per unit of log return over equity in the year before", "0.5"),
        (9000.0, "dollars a year", "$9,000"),
        (2046, "calendar year", "2046"),
        (1, "years", "1 year"),
        ("forced_sale", "name", "forced sale"),
        ("reforms/own reform.json", "path of a JSON file", "own reform.json"),
        (None, "rate", "none"),
        (True, "switch", "on"),
    ],
)
def test_values_are_said_in_words(value: object, unit: str, words: str) -> None:
    assert setting_value(value, unit) == words


def test_a_long_description_is_shortened_for_a_brief_only() -> None:
    assert changes.opening("Short and whole.") == "Short and whole."
    cut = changes.opening("word " * 200)
    assert len(cut) <= changes.MOST_CHARACTERS and cut.endswith("\N{HORIZONTAL ELLIPSIS}")
