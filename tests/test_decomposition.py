"""What makes two runs differ: factors add up, and each stands for its own inputs and nothing else."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import project
from real_runs import comparison, short, three
from small import AGES, ASSETS, GROUPS, YEARS, flat_schedule, progressive_schedule, random_inputs, replaced

import fiscal
from fiscal.base.errors import InputError
from fiscal.budget import decomposition
from fiscal.budget.decomposition import FACTOR_FIELDS, FACTORS, FROM_PAY, Side, decompose, hybrid, shapley
from fiscal.budget.ledger import Backstop, BuildupTax
from fiscal.budget.lines import LINES
from fiscal.budget.valuation import WINDOWS
from fiscal.engine import decompose as engine_decompose
from fiscal.projection.inputs import ProjectionInputs
from fiscal.results.schema import COLUMNS
from fiscal.scenario import load

CELLS = (YEARS, AGES, GROUPS)
WITHDRAWAL_TAX, NET = LINES.index("withdrawal_tax"), LINES.index("net_revenue")


# --- Shapley values ---------------------------------------------------------------------------------

games = st.lists(st.floats(-1e3, 1e3), min_size=32, max_size=32).map(np.array)


@settings(max_examples=50, deadline=None)
@given(games)
def test_shares_add_up_to_what_all_reach_together(game):
    assert shapley(game).sum() == pytest.approx(game[-1] - game[0], abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(games, st.permutations(range(5)))
def test_the_order_of_the_players_does_not_matter(game, order):
    renamed = np.empty_like(game)
    for mask in range(32):
        renamed[sum(1 << order[player] for player in range(5) if mask >> player & 1)] = game[mask]
    np.testing.assert_allclose(shapley(renamed)[list(order)], shapley(game), atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(games, st.integers(0, 4))
def test_who_changes_nothing_gets_nothing(game, player):
    for mask in range(32):
        if mask >> player & 1:
            game[mask] = game[mask ^ (1 << player)]
    assert shapley(game)[player] == 0


@settings(max_examples=50, deadline=None)
@given(games, games)
def test_shares_of_a_sum_are_sums_of_shares(one, two):
    np.testing.assert_allclose(shapley(one + two), shapley(one) + shapley(two), atol=1e-8)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6))
def test_equal_players_get_equal_shares(by_size):
    game = np.array([by_size[mask.bit_count()] for mask in range(32)])
    np.testing.assert_allclose(shapley(game), (game[-1] - game[0]) / 5, atol=1e-9)


def test_shapley_values_of_a_known_game():
    """Two left gloves and a right one: 1/6, 1/6, 2/3 (Shapley and Shubik)."""
    pair = [int(bool(mask & 4) and bool(mask & 3)) for mask in range(8)]
    np.testing.assert_allclose(shapley(np.array(pair, float)), [1 / 6, 1 / 6, 2 / 3], rtol=1e-12)
    with pytest.raises(ValueError, match="power of two"):
        shapley(np.zeros(3))


# --- small worlds -----------------------------------------------------------------------------------


def side(seed: int, inputs: ProjectionInputs, *, pay: float = 1.0, law: int = 0, same_year: float = 0.6) -> Side:
    """A run of random inputs; contributions' taxes are progressive in ``pay``."""
    rng = np.random.default_rng(seed)
    dollars = {name: pay * rng.uniform(1, 100, CELLS) for name in FROM_PAY}
    rates = np.random.default_rng(law)
    interest, dividend, gain = (rates.uniform(0, 0.3, CELLS) for _ in range(3))
    return Side(
        inputs=inputs,
        projection=project(inputs),
        contribution_usd=dollars,
        contribution_tax_usd={name: (0.1 + 0.1 * pay) * amount for name, amount in dollars.items()},
        buildup=BuildupTax(
            interest_rate=interest,
            dividend_rate=dividend,
            gain_rate=gain,
            interest_share=rates.uniform(0, 1, ASSETS),
            gain_share=rates.uniform(0, 1, ASSETS),
            payout_rate=rates.uniform(0, 0.05, (YEARS, ASSETS)),
        ),
        backstop=Backstop(covered=np.ones(AGES, bool), trigger_share=0.05, made_up_share=0.97),
        deferral_same_year_share=0.75,
        withdrawal_same_year_share=same_year,
    )


def base_inputs() -> ProjectionInputs:
    return random_inputs(1, paths=2)


@cache
def all_five() -> tuple[Side, Side]:
    """Two worlds that differ in every factor, strata included."""
    one, two = base_inputs(), random_inputs(2, paths=2)
    split = np.array([0.7, 0.3])
    moved = {
        name: getattr(two, name).sum(axis=-1, keepdims=True) * split
        for name in ("opening_usd", "opening_basis_usd", "contribution_usd", "holders", "heirs")
    }
    two = replaced(two, **moved, heir_years=2, additional_tax_rate=0.2)
    other = side(2, two, pay=1.5, law=7, same_year=0.8)
    return side(1, one), replace(other, backstop=replace(other.backstop, made_up_share=0.99))


def test_every_input_has_one_factor():
    """A new field of the projection's inputs has to be put to a factor here, or it would be lost."""
    named = [name for names in FACTOR_FIELDS.values() for name in names] + list(decomposition.COMMON_FIELDS)
    assert sorted(named) == sorted(field.name for field in fields(ProjectionInputs))
    assert tuple(FACTOR_FIELDS) == FACTORS


def totals(one: Side) -> dict[str, np.ndarray]:
    """Lines of a run straight from its projection, without any rate."""
    cells = one.projection.cells

    def total(name: str) -> np.ndarray:
        return cells[name][0].sum(axis=(1, 2, 3))

    pay = {name: tax.sum(axis=(1, 2)) for name, tax in one.contribution_tax_usd.items()}
    lines = {
        "deferred_revenue": -(pay["elective_traditional"] + pay["employer_traditional"]),
        "payroll_forgone": -pay["employer"],
        "withdrawal_tax": total("owner_tax") + total("heir_tax"),
        "conversion_tax": total("conversion_tax"),
        "additional_tax": total("additional_tax"),
    }
    return {**lines, "net_revenue": sum(lines.values())}


def test_adds_up_when_everything_differs():
    base, other = all_five()
    found = decompose(base, other)
    assert found.differing == FACTORS
    for effects, whole in (
        (found.calendar_usd, found.calendar_difference_usd),
        (found.fiscal_usd[..., 1:], found.fiscal_difference_usd[:, 1:]),
    ):
        scale = np.abs(effects).sum(axis=0).max()
        np.testing.assert_allclose(effects.sum(axis=0), whole, rtol=1e-9, atol=1e-12 * scale)
        assert (np.abs(effects[:, NET]).max(axis=1) > 1e-6 * scale).all()  # no factor is idle
    was, now = totals(base), totals(other)
    for line in was:
        np.testing.assert_allclose(
            found.calendar_difference_usd[LINES.index(line)], now[line] - was[line], rtol=1e-9, atol=1e-6
        )


def test_exchanging_the_two_runs_changes_every_sign_and_nothing_else():
    base, other = all_five()
    there, back = decompose(base, other), decompose(other, base)
    scale = np.abs(there.calendar_usd).max()
    np.testing.assert_allclose(there.calendar_usd, -back.calendar_usd, rtol=1e-9, atol=1e-12 * scale)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sets(st.sampled_from(FACTORS)))
def test_adds_up_whatever_differs(seed, differing):
    one, two = random_inputs(seed, paths=2), random_inputs(seed + 1, paths=2)
    changed = replaced(one, **{name: getattr(two, name) for factor in differing for name in CHANGES[factor]})
    base = side(1, one)
    other = replace(base, inputs=changed, projection=project(changed))
    found = decompose(base, other)
    scale = np.abs(found.calendar_usd).sum(axis=0).max()
    np.testing.assert_allclose(
        found.calendar_usd.sum(axis=0), found.calendar_difference_usd, rtol=1e-9, atol=1e-12 * scale
    )
    assert set(found.differing) <= differing


def test_what_only_one_run_has_is_no_matter_of_rates():
    """Conversions of the scenario alone: the baseline has no rate on them, so all of it is timing."""
    one = replaced(base_inputs(), conversion_rate=np.zeros((YEARS, AGES)))
    two = replaced(one, conversion_rate=np.full((YEARS, AGES), 0.1))
    base = side(1, one)
    found = decompose(base, replace(base, inputs=two, projection=project(two)))
    line = LINES.index("conversion_tax")
    timing, rate = (found.calendar_usd[FACTORS.index(name), line] for name in ("timing", "rate"))
    assert (timing > 0).all() and (rate == 0).all()
    np.testing.assert_allclose(timing, found.calendar_difference_usd[line], rtol=1e-12)


CHANGES = {
    "contributions": ("contribution_usd", "opening_usd"),
    "returns": ("half_return", "fee_rate", "crypto_target_share"),
    "rate": ("penalised_share", "nonqualified_share"),
    "timing": ("withdrawal_rate", "death_rate", "conversion_rate"),
    "behaviour": ("transfer", "rebalancing"),
}


@pytest.mark.parametrize("factor", FACTORS)
def test_a_factor_whose_inputs_are_equal_has_no_share(factor):
    """One factor at a time differs: all others are exactly nil, but for the rates that answer to dollars."""
    one, two = base_inputs(), random_inputs(2, paths=2)
    changed = replaced(one, **{name: getattr(two, name) for name in CHANGES[factor]})
    base = side(1, one)
    other = replace(base, inputs=changed, projection=project(changed))
    found = decompose(base, other)
    assert found.differing == (factor,) and found.projections == 0
    for number, name in enumerate(FACTORS):
        largest = np.nanmax(np.abs(found.calendar_usd[number]))
        if name == factor:
            assert largest > 1
        elif name != "rate":
            assert largest == 0
    assert np.abs(found.calendar_difference_usd[NET]).max() > 1


def test_nothing_differs():
    base, _ = all_five()
    found = decompose(base, base)
    assert found.differing == () and found.projections == 0
    assert np.nanmax(np.abs(found.calendar_usd)) == 0


def test_a_flat_tax_leaves_nothing_to_the_rate():
    flat = {f"{who}_schedule": flat_schedule(0.2) for who in ("owner", "conversion", "heir")}
    base, other = all_five()
    sides = []
    for one in (base, other):
        inputs = replaced(one.inputs, **flat, penalised_share=base.inputs.penalised_share)
        sides.append(replace(one, inputs=inputs, projection=project(inputs)))
    found = decompose(*sides)
    rate, whole = found.calendar_usd[FACTORS.index("rate"), WITHDRAWAL_TAX], found.calendar_usd
    # nonqualified shares differ: which dollars are taxed is law, their rate is not
    assert np.abs(rate).max() > 0
    sides[1] = replace(sides[1], inputs=replaced(sides[1].inputs, nonqualified_share=base.inputs.nonqualified_share))
    sides[1] = replace(sides[1], projection=project(sides[1].inputs))
    rate = decompose(*sides).calendar_usd[FACTORS.index("rate"), WITHDRAWAL_TAX]
    assert np.abs(rate).max() <= 1e-12 * np.abs(whole).max()


def test_returns_and_rate_of_one_factor_are_the_midpoint_formula():
    """(W1 - W0)(r0 + r1)/2 and (r1 - r0)(W0 + W1)/2, cell by cell."""
    one = base_inputs()
    rng = np.random.default_rng(5)
    schedules = {"owner_schedule": progressive_schedule(rng), "heir_schedule": progressive_schedule(rng)}
    one = replaced(one, **schedules)
    two = replaced(one, half_return=one.half_return + 0.05)
    base = side(1, one)
    other = replace(base, inputs=two, projection=project(two))
    found = decompose(base, other)
    expected = {"returns": np.zeros(YEARS), "rate": np.zeros(YEARS)}
    for tax, dollars in (("owner_tax", "owner_withdrawals"), ("heir_tax", "heir_withdrawals")):
        t0, t1 = (side.projection.cells[tax][0].sum(axis=3) for side in (base, other))
        w0, w1 = (decomposition.taxed_dollars(side.projection)[dollars] for side in (base, other))
        r0, r1 = (np.divide(t, w, out=np.zeros_like(t), where=w > 0) for t, w in ((t0, w0), (t1, w1)))
        r0, r1 = np.where(w0 > 0, r0, r1), np.where(w1 > 0, r1, r0)
        expected["returns"] += ((w1 - w0) * (r0 + r1) / 2).sum(axis=(1, 2))
        expected["rate"] += ((r1 - r0) * (w0 + w1) / 2).sum(axis=(1, 2))
    for name, values in expected.items():
        got = found.calendar_usd[FACTORS.index(name), WITHDRAWAL_TAX]
        np.testing.assert_allclose(got, values, rtol=1e-9, atol=1e-6)
    later = slice(1, None)
    assert (found.calendar_usd[FACTORS.index("returns"), WITHDRAWAL_TAX, later] > 0).all()
    assert (found.calendar_usd[FACTORS.index("rate"), WITHDRAWAL_TAX, later] > 0).all()  # brackets rise


def test_two_factors_of_equal_effect_share_equally():
    """Twice the contributions, or a first half-year that doubles them: a product, shared in halves."""
    one = random_inputs(
        3, paths=1, owner_schedule=flat_schedule(0.2), conversion_schedule=flat_schedule(0.2),
        heir_schedule=flat_schedule(0.2), impact_multiplier=0.0,
        conversion_rate=np.zeros((YEARS, AGES)), opening_usd=np.zeros((2, 2, AGES, GROUPS, 2)),
        opening_basis_usd=np.zeros((2, AGES, GROUPS, 2)),
        nonqualified_share=np.zeros(AGES),  # taxed earnings of Roth accounts grow with returns alone
    )  # fmt: skip
    # money comes in in the first year only, and the first year's second half doubles it
    pay = np.array(one.contribution_usd)
    pay[1:] = 0.0
    half = np.array(one.half_return)
    half[:, 0, 1] = 0.0
    doubled = half.copy()
    doubled[:, 0, 1] = 1.0
    one = replaced(one, contribution_usd=pay, half_return=half)
    two = replaced(one, contribution_usd=2 * pay, half_return=doubled)
    base = side(1, one)
    other = replace(base, inputs=two, projection=project(two))
    found = decompose(base, other)
    assert found.projections == 2
    shares = found.calendar_usd[:, WITHDRAWAL_TAX, 1:]
    np.testing.assert_allclose(shares[FACTORS.index("contributions")], shares[FACTORS.index("returns")], rtol=1e-9)
    assert shares[FACTORS.index("contributions")].min() > 0


@pytest.mark.parametrize("count", [2, 3, 4])
def test_only_mixtures_of_what_differs_are_projected(count, monkeypatch):
    names = ("contributions", "returns", "timing", "behaviour")[:count]
    one, two = base_inputs(), random_inputs(2, paths=2)
    changed = replaced(one, **{field: getattr(two, field) for name in names for field in CHANGES[name]})
    base = side(1, one)
    other = replace(base, inputs=changed, projection=project(changed))
    calls = []
    monkeypatch.setattr(decomposition, "project", lambda inputs: calls.append(1) or project(inputs))
    found = decompose(base, other)
    assert found.projections == len(calls) == 2**count - 2


def test_a_mixture_divides_its_dollars_over_the_strata_of_returns():
    base, other = all_five()
    parts = dict.fromkeys(FACTORS, base.inputs) | {"returns": other.inputs}
    mixed = hybrid(parts)
    for name in decomposition.PER_STRATUM:
        whole = getattr(base.inputs, name).sum(axis=-1)
        np.testing.assert_allclose(getattr(mixed, name).sum(axis=-1), whole, rtol=1e-12)
        np.testing.assert_allclose(getattr(mixed, name)[..., 1], 0.3 * whole, rtol=1e-9)
    assert mixed.half_return is other.inputs.half_return
    assert mixed.withdrawal_rate is base.inputs.withdrawal_rate


def test_other_years_are_refused():
    base, other = all_five()
    with pytest.raises(ValueError, match="different years"):
        decompose(base, replace(other, inputs=other.inputs.until(2027)))


# --- the model --------------------------------------------------------------------------------------


def test_the_whole_is_the_difference_that_the_comparison_shows():
    frame = comparison().decomposition
    whole = frame[frame["factor"] == engine_decompose.DIFFERENCE].set_index(["scenario", "window", "line"])
    parts = frame[frame["factor"] != engine_decompose.DIFFERENCE]
    sums = parts.groupby(["scenario", "window", "line"])["effect_bn_usd"].sum()
    for (name, window, line), value in whole["effect_bn_usd"].items():
        assert sums[name, window, line] == pytest.approx(value, rel=1e-9, abs=1e-9)
    budget = comparison().budget
    for span in WINDOWS:
        shown = budget.window(span.first, span.last)
        shown = shown[shown["path"] == "scenario"].set_index(["scenario", "line"])["nominal_bn_usd"]
        for name in ("boom", "bust"):
            for line in LINES:
                value = whole.loc[(name, span.label, line), "effect_bn_usd"]
                assert value == pytest.approx(shown[name, line], rel=1e-9, abs=1e-7)
    base, boom, _ = three()
    values = [
        one.tables["present_values"].set_index(["basis", "path", "span", "line"])["present_value_bn_usd"]
        for one in (base, boom)
    ]
    at = ("treasury", "scenario", "horizon", "net_revenue")
    assert whole.loc[("boom", "present value", "net_revenue"), "effect_bn_usd"] == pytest.approx(
        float(values[1][at] - values[0][at]), rel=1e-9
    )


def test_boom_and_bust_are_returns_and_the_progressivity_of_their_tax():
    frame = comparison().decomposition
    wide = frame[frame["window"] == "FY2026-2100"].pivot(
        index=["scenario", "line"], columns="factor", values="effect_bn_usd"
    )
    for name, sign in (("boom", 1), ("bust", -1)):
        row = sign * wide.loc[(name, "withdrawal_tax")]
        assert row["returns"] > row["rate"] > 0
        assert (wide.loc[name][["contributions", "timing", "behaviour"]] == 0).all(axis=None)
        assert (wide.loc[(name, "deferred_revenue")] == 0).all()


def test_a_scenario_of_five_levers_adds_up():
    levers = {
        "contributions.elective_scale": 0.8,
        "roth.elective_share_step": 0.03,
        "withdrawals.draw_scale": 1.3,
        "heirs.years": 5,
        "tax.withdrawal_scale": 1.1,
        "adoption.rebalancing": 0.2,
        "backstop.made_up_share": 1.0,
        "books.withdrawal_fiscal_same_year_share": 0.7,
        "withdrawals.conversion_rate": 0.01,
        "scenario.name": "five",
    }
    near = {"horizon.last_year": 2045}
    name = levers.pop("scenario.name")
    other = replace(load("boom", {**levers, **near}), name=name)
    base = load("baseline", near)
    frame = fiscal.decompose(base, other)
    wide = frame.pivot(index=["window", "line"], columns="factor", values="effect_bn_usd")
    assert sorted(wide.columns) == sorted((*FACTORS, "difference"))
    gap = wide[list(FACTORS)].sum(axis=1) - wide["difference"]
    assert (gap.abs() <= 1e-9 * wide[list(FACTORS)].abs().sum(axis=1)).all()
    own = wide.loc[("FY2026-2035", "net_revenue")]
    assert (own[list(FACTORS)].abs() > 1e-6).all()
    # less is deferred: government collects more now, at rates that rise with what is withdrawn
    assert wide.loc[("FY2026-2035", "deferred_revenue"), "contributions"] > 0
    assert wide.loc[("FY2026-2035", "withdrawal_tax"), "timing"] > 0
    assert wide.loc[("FY2026-2035", "withdrawal_tax"), "rate"] > 0
    assert (wide.loc[("FY2026-2035", "deferred_revenue")][["returns", "timing", "behaviour"]] == 0).all()


def test_the_claim_left_at_the_horizon_is_taken_apart_too():
    base, boom = short()
    frame = fiscal.decompose(base, boom, run_off=True)
    assert set(frame.columns) <= set(COLUMNS)
    wide = frame.pivot(index=["window", "line"], columns="factor", values="effect_bn_usd")
    values = [
        one.tables["present_values"].set_index(["basis", "path", "span", "line"])["present_value_bn_usd"]
        for one in (base, boom)
    ]
    for span, window in (("horizon", "present value"), ("terminal_claim", "terminal claim")):
        at = ("treasury", "scenario", span, "withdrawal_tax")
        row = wide.loc[(window, "withdrawal_tax")]
        assert row["difference"] == pytest.approx(float(values[1][at] - values[0][at]), rel=1e-9)
        assert row[list(FACTORS)].sum() == pytest.approx(row["difference"], rel=1e-9)


def test_a_flat_tax_in_the_model():
    flat = {"tax.flat_rate": 0.2, "horizon.last_year": 2045}
    frame = fiscal.decompose("baseline", "boom", overrides=flat)
    wide = frame[frame["window"] == "FY2026-2035"].pivot(index="line", columns="factor", values="effect_bn_usd")
    level = wide["difference"].abs().max()
    assert wide["rate"].abs().max() <= 1e-9 * max(level, 1.0)


def test_scenarios_that_cannot_be_taken_apart_are_refused_together():
    with pytest.raises(InputError, match="nothing to compare"):
        fiscal.decompose("baseline")
    with pytest.raises(InputError) as caught:
        fiscal.decompose("baseline", "baseline", load("boom", {"horizon.last_year": 2050}))
    assert "same name" in str(caught.value) and "horizon.last_year" in str(caught.value)


def test_a_name_is_that_of_the_one_other_scenario():
    short = {"horizon.last_year": 2036}
    table = fiscal.decompose("baseline", "boom", overrides=short, name="Ten in a hundred")
    assert set(table["scenario"]) == {"Ten in a hundred"}
    with pytest.raises(InputError, match="names one scenario"):
        fiscal.decompose("baseline", "boom", "bust", overrides=short, name="Ten in a hundred")
