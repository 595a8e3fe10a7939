"""All defined-contribution plans: published totals are met, shapes and law stay the 401(k)'s."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.engine import run as engine_run
from fiscal.people.scope import all_plan_contributions_bn_usd


@cache
def run(*overrides: str) -> engine_run.Run:
    wanted = ["horizon.last_year=2036", *overrides]
    return engine_run.compute(scenarios.load("baseline", overrides=wanted), run_off=False, references=False)


def paid_in(found: engine_run.Run) -> tuple[np.ndarray, np.ndarray]:
    """Elective and employer money by cell, ``(Y, A, G)`` dollars."""
    made = found.contributions
    return made.elective_traditional_usd + made.elective_roth_usd, made.employer_usd


def test_the_wider_scope_has_the_published_stock_and_contributions() -> None:
    wide = run("scope.plans=all_dc_scaled")
    ici = sources.table("ici_assets").set_index("date").loc["2025-03-31"]
    assert wide.inputs.opening_usd.sum() == pytest.approx(ici["dc_total_bn_usd"] * 1e9, rel=1e-12)
    published = all_plan_contributions_bn_usd()
    assert published["employee"] + published["employer"] == pytest.approx(published["total"])
    for kind, money in zip(("employee", "employer"), paid_in(wide), strict=True):
        assert money[0].sum() / 0.75e9 == pytest.approx(published[kind], rel=1e-12)


def test_the_wider_scope_has_the_shape_of_the_401k() -> None:
    narrow, wide = run(), run("scope.plans=all_dc_scaled")
    for ours, theirs in zip(paid_in(narrow), paid_in(wide), strict=True):
        part = ours > 0
        ratio = theirs[part] / ours[part]
        assert ratio.max() == pytest.approx(ratio.min(), rel=1e-9) and ratio.min() > 1.2
    np.testing.assert_allclose(
        wide.inputs.opening_usd / wide.inputs.opening_usd.sum(),
        narrow.inputs.opening_usd / narrow.inputs.opening_usd.sum(),
        rtol=1e-12,
    )
    stock = wide.inputs.opening_usd.sum() / narrow.inputs.opening_usd.sum()
    assert wide.inputs.holders[0].sum() / narrow.inputs.holders[0].sum() == pytest.approx(stock, rel=1e-6)
    assert (wide.inputs.holders <= wide.people.people_open[..., None] * (1 + 1e-9)).all()
    # the same law: tax deferred per dollar
    rates = [
        found.ledger.total("deferred_revenue")[0] / found.contributions.traditional_usd.sum(axis=(1, 2))
        for found in (narrow, wide)
    ]
    np.testing.assert_allclose(rates[0], rates[1], rtol=0.02)


def test_levers_still_move_the_wider_scope() -> None:
    """The factors are the base table's, not those of what the scenario asks for."""
    wide, half = run("scope.plans=all_dc_scaled"), run("scope.plans=all_dc_scaled", "contributions.elective_scale=0.5")
    ratio = paid_in(half)[0].sum() / paid_in(wide)[0].sum()
    assert ratio == pytest.approx(0.5, rel=1e-9)
    tenth = run("scope.plans=all_dc_scaled", "people.scale=0.1")
    assert tenth.ledger.total("net_revenue")[0] == pytest.approx(wide.ledger.total("net_revenue")[0] / 10)
