"""The page with sliders: what it reads between the nodes is the model, and the file needs nothing else.

``make browser`` opens it in Chromium and compares it with ``fiscal.quick`` at random settings.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import fiscal
from fiscal.base.errors import InputError
from fiscal.report import page
from fiscal.results.effects import LONG, TEN, Effect
from fiscal.studies import page_lattice as lattice


@pytest.fixture(scope="module")
def table():
    return fiscal.read_table(lattice.NAME)


def test_the_weights_are_exact_at_the_nodes_and_nothing_without_crypto() -> None:
    at_nodes = [lattice.weights(share) for share in lattice.ALLOCATION_SHARES]
    assert np.allclose(at_nodes, np.eye(len(at_nodes)), atol=1e-12)
    assert not lattice.weights(0.0).any()
    # an effect in proportion to the share is read as such anywhere
    assert lattice.weights(0.07) @ np.array(lattice.ALLOCATION_SHARES) == pytest.approx(0.07)


@pytest.mark.parametrize(("event", "year", "share"), [("boom", 2031, 0.1), ("bust", 2028, 0.05)])
def test_the_stored_lattice_is_the_model(table, event: str, year: int, share: float) -> None:
    """At a node to a thousandth of what is shown, between nodes within the error that the page prints."""
    scenario = lattice.scenario_of(event, year, share, 0.2)
    effect = Effect(fiscal.quick(scenario), "no_crypto")
    read = lattice.read(table, event, year, share, 0.2, "net_revenue")
    errors = table[table["event"] == lattice.CHECKED].set_index("member")["value"]
    for window in (TEN, LONG):
        gap = abs(read.loc[window.first : window.last].sum() - effect.over(window))
        assert gap <= (1e-4 if share in lattice.ALLOCATION_SHARES else errors[window.label])


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
    for window in told["windows"]:
        assert window["error_words"] in text


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    for out, word in ((tmp_path / "page.txt", "ending"), (tmp_path / "folder.html", "folder")):
        with pytest.raises(InputError, match=word):
            page.write(out)
