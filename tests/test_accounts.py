"""Types of account: each declaration's holders, dollars, and rules, and their sum."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import oracle
import pytest

from fiscal import scenario as scenarios
from fiscal.base import sources
from fiscal.base.axes import AGES_AT_OPENING, ATTAINED_AGES
from fiscal.base.opening import OpeningDate
from fiscal.engine import run as engine_run
from fiscal.engine.contributions import World, contributions_in_scope, scenario_contributions
from fiscal.engine.inputs import assumptions, withdrawal_rates
from fiscal.engine.taxes import contribution_taxes
from fiscal.people import accounts, population
from fiscal.people.contributions import Contributions
from fiscal.people.economy import macro
from fiscal.people.mobility import mobility_matrix
from fiscal.people.scope import all_plan_contributions_bn_usd
from fiscal.people.withdrawals import leakage_tilt

YEARS = np.arange(2025, 2028)
STUB = 0.75
NARROW, WIDE, SCALED = "401k", "all_dc", "all_dc_scaled"


@cache
def prepared(plans: str) -> engine_run.Prepared:
    settings = scenarios.load("baseline", {"tax.flat_rate": 0.2, "scope.plans": plans}).settings
    return engine_run.prepare(settings, YEARS, references=False)


@cache
def world(plans: str, *overrides: tuple[str, object]) -> World:
    settings = scenarios.load("baseline", {"scope.plans": plans} | dict(overrides)).settings
    assume = assumptions(settings)
    economy = macro(YEARS)
    gradient = population.MortalityGradient.of(assume, settings.people.mortality_ratio)
    return World(
        settings=settings,
        assume=assume,
        years=YEARS,
        fraction=np.array([STUB, 1.0, 1.0]),
        people=population.project(YEARS, income_gradient=gradient, scale=settings.people.scale),
        economy=economy,
        wage_index=economy["wage_index"].to_numpy() / economy["wage_index"].iloc[0],
        mobility=mobility_matrix(settings.people.rank_correlation),
        rates=withdrawal_rates(settings, assume, YEARS),
    )


def elective(made: Contributions) -> np.ndarray:
    return made.elective_traditional_usd + made.elective_roth_usd


def test_a_type_that_nobody_holds_is_not_carried() -> None:
    assert prepared(NARROW).inputs.accounts == ("plan", "ira") == prepared(SCALED).inputs.accounts
    assert prepared(WIDE).inputs.accounts == tuple(accounts.TYPES)


def test_every_type_opens_with_its_published_stock_beside_the_same_401k() -> None:
    narrow, wide = prepared(NARROW).inputs, prepared(WIDE).inputs
    np.testing.assert_array_equal(wide.opening_usd[0], narrow.opening_usd[0])
    ici = sources.table("ici_assets").set_index("date").loc["2025-03-31"]
    published = [ici[list(accounts.TYPES[name].stock)].sum() for name in wide.accounts]
    np.testing.assert_allclose(wide.opening_usd.sum(axis=(1, 2, 3, 4)) / 1e9, published, rtol=1e-12)
    # on another date a part is not printed
    september = OpeningDate.on("2025-09-30")
    parts = [of.assets_bn_usd(of.stock, september) for of in accounts.TYPES.values()]
    assert sum(parts) == pytest.approx(13_900)
    # ICI rounds its total to hundreds of billions
    assert abs(wide.opening_usd.sum() / 1e9 - ici["dc_total_bn_usd"]) < 50
    assert (wide.holders.sum(axis=3) <= prepared(WIDE).people.people_open * (1 + 1e-12)).all()
    assert (wide.holders >= narrow.holders).all() and wide.holders[0].sum() > 1.2 * narrow.holders[0].sum()


def test_contributions_are_the_sum_of_the_types() -> None:
    narrow, wide = prepared(NARROW).contributions, prepared(WIDE).contributions
    split = prepared(WIDE).inputs.contribution_split
    np.testing.assert_allclose(split.sum(axis=0), 1.0, rtol=1e-12)
    made = np.stack([wide.traditional_usd, wide.roth_usd], axis=1)
    plan = np.stack([narrow.traditional_usd, narrow.roth_usd], axis=1)
    np.testing.assert_allclose(split[0] * made, plan, rtol=1e-9, atol=1e-3)
    assume = assumptions(scenarios.load("baseline").settings)
    for found, base, money in (
        (elective(wide), elective(narrow), "elective"),
        (wide.employer_usd, narrow.employer_usd, "employer"),
    ):
        others = sum(one.bn_usd(assume) for of in accounts.TYPES.values() for one in getattr(of, money))
        assert found[0].sum() == pytest.approx(base[0].sum() + others * 1e9 * STUB, rel=1e-9)
    # beside the totals of W-2 statistics and of the national accounts, which no type is scaled to
    published = all_plan_contributions_bn_usd()
    assert wide.employer_usd[0].sum() / 1e9 / STUB == pytest.approx(published["employer"], rel=0.05)
    assert elective(wide)[0].sum() / 1e9 / STUB == pytest.approx(published["employee"], rel=0.1)


def test_public_savers_have_ages_and_earnings_of_their_own() -> None:
    inputs = prepared(WIDE).inputs
    held = inputs.opening_usd[:-1].sum(axis=(1, 4))  # (W - 1, A, G)
    age = (held.sum(axis=2) @ AGES_AT_OPENING) / held.sum(axis=(1, 2))
    top = held[:, :, -1].sum(axis=1) / held.sum(axis=(1, 2))
    assert age[1] > age[0] and top[1] < top[0]
    of, assume = accounts.GOVERNMENTAL, assumptions(scenarios.load("baseline").settings)
    shape = of.shape(assume)
    old, young = shape[ATTAINED_AGES == 60][0], shape[ATTAINED_AGES == 30][0]
    np.testing.assert_allclose(old / young, 0.521 / 0.428 * (1 - 0.428) / (1 - 0.521))
    assert shape[0, -1] / shape[0, 0] == pytest.approx(assume["accounts.governmental_top_ratio"])


def test_no_early_withdrawal_tax_on_governmental_457() -> None:
    inputs = prepared(WIDE).inputs
    ici = sources.table("ici_assets").set_index("date").loc["2025-03-31"]
    exempt = ici["p457_bn_usd"] / ici[["b403_bn_usd", "p457_bn_usd", "tsp_bn_usd"]].sum()
    share = dict(zip(inputs.accounts, inputs.penalised_share, strict=True))
    np.testing.assert_allclose(share["governmental"][:22], share["plan"][:22] * (1 - exempt))
    np.testing.assert_array_equal(share["private_other"], share["plan"])
    young = ATTAINED_AGES < 55
    assert (inputs.withdrawal_rate[:, 1, 0, young] < inputs.withdrawal_rate[:, 0, 0, young]).all()
    assert (inputs.rollover_rate[:, 1] < inputs.rollover_rate[:, 0]).all()


def test_leakage_falls_with_the_balance_and_keeps_the_dollars_of_each_age() -> None:
    dollars = np.random.default_rng(0).uniform(1.0, 2.0, (3, len(ATTAINED_AGES), 4))
    mean = np.broadcast_to([1e3, 1e4, 1e5, 1e6], dollars.shape[1:])
    tilt = leakage_tilt(dollars, mean, 0.4)
    np.testing.assert_allclose((tilt * dollars).sum(axis=2), dollars.sum(axis=2))
    early = ATTAINED_AGES < 60
    assert (np.diff(tilt[:, early], axis=2) < 0).all() and (tilt[:, ~early] == 1).all()
    np.testing.assert_allclose(tilt[:, early, 1:] / tilt[:, early, :-1], 10**-0.4)
    np.testing.assert_array_equal(leakage_tilt(dollars, mean, 0.0), 1.0)


def test_dollars_that_leak_at_the_opening_are_those_of_one_rate() -> None:
    """In each type of account, whatever the elasticity."""
    inputs = prepared(WIDE).inputs
    early = ATTAINED_AGES < 60
    opened = inputs.opening_usd[:3, 0].sum(axis=3)[:, early]
    rate = inputs.withdrawal_rate[0, :3, 0][:, early]
    alike = withdrawal_rates(world(WIDE).settings, world(WIDE).assume, YEARS).withdrawal_rate[0, 0, 0, early]
    np.testing.assert_allclose((opened[0] * rate[0]).sum(axis=1), opened[0].sum(axis=1) * alike, rtol=2e-3)
    ratio = rate / rate[:1]
    np.testing.assert_allclose(ratio.min(axis=2), ratio.max(axis=2), rtol=0.3)


def test_required_distributions_belong_to_the_declaration() -> None:
    of = world(NARROW)
    free = replace(accounts.PLAN, required_minimum=False)
    with_rule, without = (
        withdrawal_rates(of.settings, of.assume, YEARS, one).withdrawal_rate[:, 0, 0] for one in (accounts.PLAN, free)
    )
    due = ATTAINED_AGES >= 75
    assert (without[:, due] < with_rule[:, due]).all()
    np.testing.assert_array_equal(without[:, ~due & (ATTAINED_AGES < 70)], with_rule[:, ~due & (ATTAINED_AGES < 70)])


def test_the_roth_catch_up_binds_savers_with_fica_wages_only() -> None:
    def moved(of: accounts.AccountType) -> float:
        on, off = (
            scenario_contributions(world(NARROW, ("roth.catch_up_mandate", mandate)), of).elective_roth_usd[1:]
            for mandate in (True, False)
        )
        return float((on - off).sum())

    covered = assumptions(scenarios.load("baseline").settings)["accounts.governmental_fica_share"]
    everybody = moved(replace(accounts.GOVERNMENTAL, fica_share=None))
    assert everybody > 0
    assert moved(accounts.GOVERNMENTAL) / everybody == pytest.approx(covered, rel=0.02)


def test_employer_money_outside_social_security_forgoes_no_oasdi() -> None:
    of = prepared(WIDE)
    made, settings = of.contributions, scenarios.load("baseline").settings
    half, whole = (
        contribution_taxes(settings, of.assume, YEARS, of.mobility, replace(made, covered_share=share))
        for share in (0.5, 1.0)
    )
    np.testing.assert_allclose(half.payroll_oasdi_usd, whole.payroll_oasdi_usd / 2)
    np.testing.assert_array_equal(half.payroll_hi_usd, whole.payroll_hi_usd)
    assert 0.9 < float(np.average(made.covered_share, weights=made.employer_usd)) < 1


def test_the_account_identity_holds_over_all_types() -> None:
    found = oracle.project(prepared(WIDE).inputs)
    assert found.identity_residual_usd.shape[2] == len(accounts.TYPES) + 1  # and what heirs hold
    assert np.abs(found.identity_residual_usd).max() <= 1e-9 * found.identity_scale_usd.max()
    closing = found.closing_usd.sum(axis=(3, 4))[0]  # (Y, W + 1)
    assert (closing[:, :-1] > 0).all()
    np.testing.assert_allclose(
        closing.sum(axis=1), found.total("closing_traditional")[0] + found.total("closing_roth")[0]
    )
    narrow = oracle.project(prepared(NARROW).inputs)
    np.testing.assert_allclose(closing[:, 0], narrow.closing_usd.sum(axis=(3, 4))[0, :, 0], rtol=1e-9)


def test_a_new_type_is_a_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account for which everything is said in one place: it stands on the axis, with its dollars and rules."""
    new = replace(accounts.PRIVATE_OTHER, name="new", required_minimum=False, separation_ratio=None)
    monkeypatch.setitem(accounts.SCOPES, WIDE, (accounts.PLAN, new, accounts.IRA))
    total, scope = contributions_in_scope(world(WIDE))
    assert scope.accounts == accounts.names(WIDE) == ("plan", "new", "ira")
    assert scope.split is not None and scope.split.shape[:2] == (3, len(YEARS))
    employer = scenario_contributions(world(WIDE)).employer_usd
    paid = new.employer[0].bn_usd(assumptions(scenarios.load("baseline").settings))
    assert (total.employer_usd - employer)[0].sum() == pytest.approx(paid * 1e9 * STUB, rel=1e-9)
    rates = scope.leaving(world(WIDE).rates, np.ones((3, len(ATTAINED_AGES), 12)))
    assert rates["withdrawal_rate"].shape[1] == 3 and rates["rollover_rate"].shape[1] == 2


def test_levers_and_the_number_of_people_move_every_type() -> None:
    """The sizes are the base table's, not those of what the scenario asks for."""
    whole = prepared(WIDE).contributions
    other = world(WIDE, ("contributions.elective_scale", 0.5), ("people.scale", 0.1))
    found, _ = contributions_in_scope(other)
    np.testing.assert_allclose(elective(found), elective(whole) / 20, rtol=1e-9)
    np.testing.assert_allclose(found.employer_usd, whole.employer_usd / 10, rtol=1e-9)


def test_the_scaled_scope_is_the_401k_in_the_published_size() -> None:
    narrow, scaled = prepared(NARROW), prepared(SCALED)
    ici = sources.table("ici_assets").set_index("date").loc["2025-03-31"]
    factor = ici["dc_total_bn_usd"] / ici["k401_bn_usd"]
    np.testing.assert_allclose(scaled.inputs.opening_usd, narrow.inputs.opening_usd * factor, rtol=1e-12)
    published = all_plan_contributions_bn_usd()
    assert elective(scaled.contributions)[0].sum() / 1e9 / STUB == pytest.approx(published["employee"])
    assert scaled.contributions.employer_usd[0].sum() / 1e9 / STUB == pytest.approx(published["employer"])
