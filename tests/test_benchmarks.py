"""The benchmarks measure the same work on both sides; how long it takes is nobody's test."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import canonical, precision, table, with_jax


def test_compiled_roll_forward_is_the_plain_one() -> None:
    """Shorter than a life and longer, so that cohorts are born and die out."""
    for years, ages in ((6, 9), (12, 5)):
        world = canonical.inputs(128, years=years, ages=ages, groups=2)
        plain, compiled = canonical.plain(world), canonical.compiled(world)
        np.testing.assert_allclose(compiled, plain, rtol=1e-12)
        assert (plain[:, 0] > 0).all()
        assert world.account_steps == 128 * years * ages * 2 * 3 * 2


def test_the_canonical_schedule_is_continuous_and_convex() -> None:
    world = canonical.inputs(64, ages=4, groups=2)
    knots = 1_000.0 * 2.0 ** np.arange(10)
    for k, knot in enumerate(knots):
        below = world.level[..., k] + world.slope[..., k] * knot
        above = world.level[..., k + 1] + world.slope[..., k + 1] * knot
        np.testing.assert_allclose(below, above, rtol=1e-12, atol=1e-9)
    assert (np.diff(world.slope, axis=2) >= 0).all()


def test_every_way_of_sampling_finds_the_same_effect() -> None:
    found = precision.measure(64, 2, 16, last_year=2037)["ways"]
    best = found["the same, control variate"]
    for measure in precision.MEASURES:
        for way, paths in zip(found.values(), (64, 64, 64, 32, 32), strict=True):
            error = np.hypot(way[f"{measure}_deviation_usd"], best[f"{measure}_deviation_usd"]) / np.sqrt(paths)
            assert abs(way[f"{measure}_mean_usd"] - best[f"{measure}_mean_usd"]) < 5 * error
        deviation = [way[f"{measure}_deviation_usd"] for way in found.values()]
        assert deviation[0] > 3 * deviation[1] > 9 * deviation[2]


def test_jax_projects_the_same_where_it_is_installed() -> None:
    if not with_jax.installed():
        pytest.skip("JAX is not installed; nothing requires it")
    world = canonical.inputs(64, years=6, ages=9, groups=2)
    np.testing.assert_allclose(with_jax.projector(world)(), canonical.plain(world), rtol=1e-12)


def test_the_committed_page_is_that_of_the_committed_numbers(root) -> None:
    folder = root / "benchmarks"
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert (folder / "results.md").read_text(encoding="utf-8") == table.markdown(found)
