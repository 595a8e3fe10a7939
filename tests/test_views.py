"""What objects show of themselves: short, with units and fingerprint, and never a user's text as markup."""

from __future__ import annotations

import base64
import re
from functools import cache
from xml.etree import ElementTree

import fuzz_texts
import numpy as np
import pytest
from real_runs import HOSTILE

import fiscal
from fiscal.base import cards
from fiscal.results.result import Totals

SVG = "{http://www.w3.org/2000/svg}"


@cache
def totals(name: str, *overrides: str) -> Totals:
    return fiscal.quick(name, ["horizon.last_year=2055", *overrides])


def drawings(shown: str) -> list[ElementTree.Element]:
    return [
        ElementTree.fromstring(base64.b64decode(data))
        for data in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)
    ]


def test_a_result_shows_its_numbers_with_units_fingerprint_and_a_figure() -> None:
    result = totals("baseline")
    shown = result._repr_html_()
    net = result.tables["windows"].query("line == 'net_revenue' and window == 'FY2026-2055'")
    assert f">{net['nominal_bn_usd'].iloc[0]:,.1f}<" in shown
    assert "billions of current dollars" in shown and "Positive means that the government is better off" in shown
    assert result.fingerprint[:12] in shown and result.name in shown
    (drawing,) = drawings(shown)
    assert {text.text for text in drawing.iter(f"{SVG}text")} >= {"net revenue", "2026", "2055"}
    assert len(shown) < 10_000 and len(repr(result)) < 200


def test_a_comparison_shows_differences_and_both_fingerprints() -> None:
    base, other = totals("baseline"), totals("rothification")
    effect = fiscal.compare(base, other)
    shown = effect._repr_html_()
    gap = effect.headline().rows["fy2026_2055_bn_usd"].iloc[-1]
    assert f">{gap:,.1f}<" in shown and effect.headline().finding in shown
    assert base.fingerprint[:12] in shown and other.fingerprint[:12] in shown
    (drawing,) = drawings(shown)
    assert any(text.text == cards._clipped(other.name) for text in drawing.iter(f"{SVG}text"))


def test_a_scenario_shows_what_differs_within_what_is_allowed() -> None:
    scenario = fiscal.load_scenario("boom", {"adoption.participants_share": 0.25})
    shown = scenario._repr_html_()
    assert "adoption.participants_share" in shown and ">0.25<" in shown and "share of participants" in shown
    assert scenario.fingerprint()[:12] in shown and len(drawings(shown)) == 2  # and the year of the event
    assert scenario.name in repr(scenario) and len(repr(scenario)) < 300
    assert "every setting at its default" in fiscal.load_scenario("baseline")._repr_html_()


@pytest.mark.parametrize("text", HOSTILE.values())
def test_a_users_words_are_shown_as_typed(text: str) -> None:
    words = {"scenario.title": text[:200], "scenario.description": text, "scenario.name": "x"}
    base, result = totals("baseline"), fiscal.quick("boom", {**words, "horizon.last_year": 2055})
    for owner in (result.scenario, result, fiscal.compare(base, result)):
        fuzz_texts.only_tags(owner._repr_html_())
    assert "<script" not in result._repr_html_()


def test_a_figure_draws_what_it_is_given() -> None:
    curves = cards.Curves("Receipts", "percent", [2026, 2027, 2028], (("a<b>", [-1.0, np.nan, 3.0]),))
    shown = cards.figure(curves)
    assert "from -1.00 in 2026 to 3.00 in 2028" in shown and "a&lt;b&gt;" in shown
    (drawing,) = drawings(shown)
    (line,) = [path for path in drawing.iter(f"{SVG}path") if path.get("fill") == "none"]
    heights = [float(point.split()[1]) for point in str(line.get("d"))[1:].split("L")]
    assert heights == [cards.HEIGHT - cards.BOTTOM, cards.TOP]  # the least at the foot, the most at the head
    assert cards.figure(cards.Curves("x", "y", [1.0], (("nothing", [np.nan]),))) == ""
    logarithmic = cards.Curves("x", "y", [1, 2, 3], (("up", [0.0, 1.0, 100.0]),), logarithmic=True)
    assert "from 1.00 in 2 to 100 in 3" in cards.figure(logarithmic)


def test_tables_are_escaped_and_numbers_stand_at_the_right() -> None:
    shown = cards.table(["<i>", "n"], [["<b>", "1,234.5"], ["x", "-2"]])
    assert "&lt;i&gt;" in shown and "<b>" not in shown
    assert shown.count("text-align:right") == 3 and shown.count("text-align:left") == 3


def test_a_scenario_shows_the_assumptions_it_changes() -> None:
    scenario = fiscal.load_scenario("boom", {"assumptions.hardship_rate": 0.005})
    shown = scenario._repr_html_()
    rows = [row for row in scenario.explained() if row.changed]
    assert "assumptions.hardship_rate" in shown and shown.count("<tr>") == 1 + len(rows)
    assert all(row.key in shown for row in rows)
