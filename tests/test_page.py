"""The page with sliders: what it shows is the model, and the file needs nothing else.

``make browser`` opens it in Chromium and compares it with runs of the model at random settings.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import fiscal
from fiscal.base.errors import InputError
from fiscal.report import page
from fiscal.results.effects import NEXT, TEN, Effect
from fiscal.studies import page_lattice as lattice


@pytest.fixture(scope="module")
def table():
    return fiscal.read_table(lattice.NAME)


@pytest.mark.parametrize(("event", "year", "share"), [("boom", 2031, 0.1), ("bust", 2031, 0.14)])
def test_the_stored_lattice_is_the_model(table, event: str, year: int, share: float) -> None:
    """At a share of participants that no node has; tax outside plans too, where losses are deducted up to a limit."""
    scenario = lattice.scenario_of(event, year, share, 0.1, last_year=NEXT.last)
    effect = Effect(fiscal.run(scenario), "no_crypto")
    for measure, line in (("net_revenue", "net_revenue"), ("outside_tax", "displaced_gains_tax")):
        read = lattice.read(table, event, year, share, 0.1, measure)
        for window in (TEN, NEXT):
            own = read.loc[window.first : window.last].sum()
            assert own == pytest.approx(effect.over(window, line), rel=1e-3, abs=1e-4)


def test_the_lattice_has_every_node(table) -> None:
    own = table[table["event"].isin([lattice.NO_EVENT, *lattice.EVENTS])]
    found = own[["event", "event_year", "allocation_share"]].drop_duplicates()
    assert len(found) == len(list(lattice.nodes(lattice.EVENT_YEARS, lattice.ALLOCATION_SHARES)))
    per_node = own.groupby(["event", "event_year", "allocation_share"], dropna=False).size()
    assert per_node.nunique() == 1


def test_the_page_is_one_file_that_needs_nothing_else(tmp_path: Path) -> None:
    text = page.write(tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=(?!["']?#)|@import|url\(|fetch\(|XMLHttp""", text)
    told = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])
    assert len(told["nodes"]) == len(lattice.EVENTS) * len(lattice.EVENT_YEARS) + 2
    labels = set(re.findall(r'<label for="(\w+)"', text))
    inputs = set(re.findall(r'<(?:input type="range"|select) id="(\w+)"', text))
    assert inputs and inputs <= labels


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    for out, word in ((tmp_path / "page.txt", "ending"), (tmp_path / "folder.html", "folder")):
        with pytest.raises(InputError, match=word):
            page.write(out)
