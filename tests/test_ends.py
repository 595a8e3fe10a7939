"""Settings at both ends of their ranges: a whole run, its folder and its brief, several settings a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import ends
import numpy as np
import pytest

from fiscal.base.errors import InputError
from fiscal.report import facts
from fiscal.results import bands
from fiscal.scenario import load
from fiscal.scenario.section import SMALLEST

GROUPS = 4


@pytest.mark.parametrize("group", [0, 1, *(pytest.param(group, marks=pytest.mark.slow) for group in range(2, GROUPS))])
def test_settings_at_the_ends_of_their_ranges_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    """One of the groups with the band of its brief and with all that its reference lacks, which take longest."""
    monkeypatch.setattr(bands, "draws_of", partial(bands.draws_of, parameters=1, paths=32, each=8))
    if group:
        monkeypatch.setattr(facts, "complete", lambda asked: None)
    made = list(ends.together(GROUPS, seed=20_260_331))
    assert len(made) == GROUPS
    result = ends.run_whole(tmp_path, made[group], beside=group == 0)
    assert not result.tables["budget"].empty


def test_a_ratio_to_nothing_is_an_empty_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traditional dollar is put in by the contributions of 2026: nothing is a value per dollar of theirs."""
    monkeypatch.setattr(facts, "complete", lambda asked: None)
    bases = ends.run_whole(tmp_path, {"roth.full_from_year": 2026}, beside=False).tables["bases"]
    vintage = bases["scope"] == "contributions_2026"
    assert vintage.any() and bases.loc[vintage, "per_dollar"].isna().all()
    assert np.isfinite(bases.loc[bases["scope"] == "opening_stock", "per_dollar"]).all()
    values = bases.loc[vintage & (bases["line"] == "deferred_revenue"), "present_value_bn_usd"]
    assert (values == 0).all()


def test_what_is_all_but_nothing_is_nothing() -> None:
    nothing = load("boom", {"adoption.participants_share": 0.0})
    for small in (ends.NOTHING, SMALLEST / 2, -0.0):
        assert load("boom", {"adoption.participants_share": small}).settings == nothing.settings
    assert load("boom", {"adoption.participants_share": SMALLEST}).settings != nothing.settings
    assert load("boom", {"books.discount_rates": [ends.NOTHING]}).settings.books.discount_rates == (0.0,)
    with pytest.raises(InputError, match=r"people\.scale"):  # nobody at all is out of range
        load("boom", {"people.scale": ends.NOTHING})
