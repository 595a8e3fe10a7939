"""Values at market prices: what risk cannot change, vintages by perturbation, and the tables that show them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import progressive_schedule

from fiscal.base.axes import GROUPS, SLEEVES
from fiscal.budget.estimates import controlled
from fiscal.engine import risk_neutral as engine_risk_neutral
from fiscal.engine import run as engine_run
from fiscal.engine.backstop import rescue_on_paths
from fiscal.engine.random_paths import buildup_rates, on_paths
from fiscal.markets.paths import AssetPaths, path_model
from fiscal.markets.stochastic import bill_halves
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.kernel import project_totals
from fiscal.results.result import Result
from fiscal.scenario import load

quick = settings(max_examples=30, deadline=None)
RATE = 0.25
SHORT = {"horizon.last_year": 2036, "books.risk_neutral_paths": 4}
FLAT = {
    "tax.flat_rate": RATE, "withdrawals.additional_tax_rate": 0.0, "roth.elective_share_2025": 0.0,
    "roth.elective_share_step": 0.0, "roth.catch_up_mandate": False, "roth.tax_nonqualified_earnings": False,
    "adoption.participants_share": 0.5, "adoption.allocation_share": 0.2, "overlays.custody_loss_year": 2029,
}  # fmt: skip


@cache
def run() -> engine_run.Run:
    return engine_run.compute(load("boom", SHORT))


@cache
def flat() -> engine_run.Run:
    return engine_run.compute(load("boom", SHORT | FLAT))


def bill_factors(of: engine_run.Run, at_end: bool = False) -> np.ndarray:
    """Value on 30 June 2025 of a dollar in the middle, or at the end, of each year."""
    factors = next(v for v in of.vintages if v.basis == "treasury").to_mid_2025
    rate = of.economy["one_year_rate"].to_numpy()
    return factors / (1 + rate) ** (of.inputs.year_fraction / 2) if at_end else factors


@quick
@given(st.integers(0, 10_000))
def test_the_average_rate_schedule_rises_by_the_average_rate(seed: int) -> None:
    schedule = progressive_schedule(np.random.default_rng(seed))
    found = engine_risk_neutral.average_rate_schedule(schedule)
    knots, tax = schedule.knots_usd[2], schedule.tax_usd[2, 1, 0]
    for piece in range(len(knots) - 1):
        w = np.linspace(knots[piece], knots[piece + 1], 20_001)[1:]
        average = np.interp(w, knots, tax) / w
        rise = np.diff(found.tax_usd[2, 1, 0])[piece]
        assert rise == pytest.approx(average.mean() * (knots[piece + 1] - knots[piece]), rel=1e-3)


def test_a_flat_schedule_is_its_own_average() -> None:
    knots = np.array([[0.0, 10.0, 40.0, 900.0]])
    schedule = TaxSchedule(knots_usd=knots, tax_usd=RATE * knots[:, None, None, :])
    np.testing.assert_allclose(
        engine_risk_neutral.average_rate_schedule(schedule).tax_usd, schedule.tax_usd, rtol=1e-12
    )


def test_a_control_takes_its_known_error_off_the_mean() -> None:
    rng = np.random.default_rng(5)
    control = rng.lognormal(0, 1, 200)
    exact, error = controlled(3.0 + 2.0 * control, control, 1.7)
    assert exact == pytest.approx(3.0 + 2.0 * 1.7) and error < 1e-9
    noisy = 2.0 * control + rng.normal(0, 0.1, 200)
    mean, error = controlled(noisy, control, float(np.exp(0.5)))
    assert abs(mean - 2 * np.exp(0.5)) < 4 * error < 0.2 * 4 * noisy.std() / np.sqrt(200)
    unmoved, _ = controlled(noisy, np.full(200, 1.7), 1.7)
    assert unmoved == pytest.approx(noisy.mean())


def test_at_one_rate_a_claim_is_the_rate_less_fees_and_losses() -> None:
    """MODEL: risk-neutral claim on $1 = rate x (1 - PV of fees and losses); crypto adds no value, only its fees."""
    of = flat()
    priced = of.priced
    assert priced is not None
    at = 1
    cases = engine_risk_neutral._cases(of.inputs, at)
    told = {**engine_risk_neutral.path_settings(of.scenario.settings), "measure": "risk_neutral"}
    market = path_model("regime_switching").draw(told, of.inputs.years, 60, 1)
    bill = bill_halves(of.inputs.years)[None]
    market = replace(market, half_returns=np.concatenate([market.half_returns, bill]))
    rates = buildup_rates(of.buildup, len(of.inputs.years))

    def values(case: str) -> tuple[np.ndarray, np.ndarray]:
        label, inputs = cases[case]
        totals = project_totals(on_paths(inputs, label, market), rates)
        drawn = totals["traditional_withdrawals"] + totals["inherited_withdrawals"]
        return drawn @ bill_factors(of), (totals["fees"] + totals["losses"]) @ bill_factors(of, at_end=True)

    money = of.inputs.contribution_usd[at].sum() * bill_factors(of)[at]
    drawn, charged = (
        (more - base) / engine_risk_neutral.STEP / money
        for more, base in zip(values("marginal"), values("whole"), strict=True)
    )
    # on the known path exactly; on the others on average
    assert drawn[-1] == pytest.approx(1 - charged[-1], rel=1e-7)
    assert 0.02 < charged[-1] < 0.4
    error = drawn[:-1].std(ddof=1) / np.sqrt(60)
    assert abs(drawn[:-1].mean() - drawn[-1]) < 3.5 * error
    # what is priced is the rate times that, average and marginal alike
    for price in (priced.average["vintage"], priced.marginal):
        assert price.value_usd["withdrawal_tax"] / money == pytest.approx(RATE * drawn[-1], rel=1e-6)
        assert price.error_usd["withdrawal_tax"] < 1e-6 * price.value_usd["withdrawal_tax"]


def test_crypto_is_worth_nothing_but_its_fees_at_one_rate() -> None:
    of = flat()
    assert of.priced is not None
    effect = of.priced.average[engine_risk_neutral.EFFECT].value_usd["withdrawal_tax"]
    whole = sum(
        of.priced.average[key].value_usd["withdrawal_tax"]
        for key in (engine_risk_neutral.STOCK, engine_risk_neutral.CONTRIBUTIONS)
    )
    assert -0.03 * whole < effect <= 0  # a loss in 2029 and fees of the sleeve
    treasury = next(v for v in of.vintages if v.basis == "treasury" and not v.marginal)
    one, other = (of.projection.path(label) for label in ("scenario", "no_crypto"))
    tax = of.ledger.total("withdrawal_tax")
    assert float((tax[one] - tax[other]) @ treasury.to_mid_2025) != pytest.approx(effect, rel=0.1)


def test_vintages_by_perturbation_are_those_of_the_backward_pass() -> None:
    """On the scenario's own path, through progressive schedules, at average and at marginal rates."""
    of = run()
    factors = bill_factors(of)
    market = AssetPaths((), of.inputs.years, np.array(of.inputs.half_return[:1]), "own")
    quiet = replace(of.inputs, impact_multiplier=0.0)
    found = {
        case: engine_risk_neutral._present_values(inputs, label, market, of.buildup, factors)
        for case, (label, inputs) in engine_risk_neutral._cases(quiet, 1).items()
    }
    average, marginal = (
        next(v for v in of.vintages if v.basis == "treasury" and v.marginal == kind) for kind in (False, True)
    )
    stock = engine_risk_neutral._raised(found["stock"], found["pro_rata"])["withdrawal_tax"].sum()
    expected = average.vintages.stock_total("withdrawal_tax") * average.opening_to_mid_2025
    assert stock == pytest.approx(expected, rel=0.01)
    for case, base, valued in (("vintage", "pro_rata", average), ("marginal", "whole", marginal)):
        own = engine_risk_neutral._raised(found[case], found[base])["withdrawal_tax"].sum()
        other = valued.vintages.contributions_total("withdrawal_tax")[1].sum() * factors[1]
        assert own == pytest.approx(other, rel=0.01), case


def test_scenarios_that_differ_in_a_named_path_share_their_prices() -> None:
    one = run().priced
    bust = engine_run.prices(load("bust", SHORT))
    assert one is not None and bust is not None and one.stands_in
    again = bust.found
    assert one.average[engine_risk_neutral.STOCK].value_usd == again.average[engine_risk_neutral.STOCK].value_usd
    other = flat().priced
    assert (
        other is not None
        and other.average[engine_risk_neutral.STOCK].value_usd != one.average[engine_risk_neutral.STOCK].value_usd
    )
    assert engine_run.prices(load("baseline", SHORT | {"books.risk_neutral_paths": 3})) is None


def test_the_bases_table_adds_up() -> None:
    of = run()
    table = Result.of(of).tables["bases"]
    wide = table.pivot_table(
        index=["basis", "rate", "scope", "weight"], columns="line", values="present_value_bn_usd", dropna=False
    ).dropna(how="all")
    lines = ["deferred_revenue", "payroll_forgone", "withdrawal_tax", "conversion_tax", "additional_tax"]
    np.testing.assert_allclose(wide["net_revenue"], wide[lines].fillna(0).sum(axis=1), rtol=1e-9, atol=1e-9)
    assert set(table["basis"]) == {"convention", "fixed", "treasury", "portfolio", "risk_neutral"}
    scopes = {"contributions_2026", "all_contributions", "opening_stock", "crypto_effect"}
    for _, part in table.groupby("basis"):
        assert set(part["scope"]) == scopes
        assert set(part["weight"]) == {"average", "marginal"}
    # stock and contributions are the present value of all flows
    values = Result.of(of).tables["present_values"]
    flows = values[(values["basis"] == "fixed") & (values["span"] == "total") & (values["path"] == "scenario")]
    flow = flows.set_index("line").loc["withdrawal_tax", "present_value_bn_usd"]
    parts = wide.xs("fixed").xs("average", level="weight").droplevel("rate")["withdrawal_tax"]
    assert parts["all_contributions"] + parts["opening_stock"] == pytest.approx(flow, rel=1e-9)
    # a convention cannot see a boom
    assert (
        table[(table["basis"] == "convention") & (table["scope"] == "crypto_effect")]["present_value_bn_usd"] == 0
    ).all()


def test_everybody_s_part_adds_to_the_bases() -> None:
    tables = Result.of(run()).tables
    bases, parts = tables["bases"], tables["distribution_bases"]
    whole = bases[bases["weight"] == "average"].set_index(["basis", "rate", "scope", "line"])["present_value_bn_usd"]
    sums = parts.groupby(["basis", "rate", "scope", "line", "dimension"], dropna=False)["present_value_bn_usd"].sum()
    checked = 0
    for (*key, dimension), value in sums.items():
        tolerance = 0.02 if key[0] == "risk_neutral" else 1e-9  # a control of each group's own
        if key[0] == "risk_neutral" and key[2] == "crypto_effect":
            continue  # noise about nil
        assert value == pytest.approx(whole[tuple(key)], rel=tolerance, abs=1e-9), (key, dimension)
        checked += 1
    assert checked > 150
    effect = parts[(parts["scope"] == "crypto_effect") & (parts["dimension"] == "stratum")]
    others = effect[effect["member"] == "no_crypto"]["present_value_bn_usd"]
    assert len(others) and (others.abs() < 1e-9).all()
    assert (effect[effect["member"] == "crypto"]["present_value_bn_usd"].abs() > 1e-6).any()
    risk_neutral = parts[parts["basis"] == "risk_neutral"]
    assert set(risk_neutral["member"]) == set(GROUPS)


def test_the_claim_table_is_a_share_of_balances() -> None:
    tables = Result.of(run()).tables
    claim = tables["claim"]
    own = claim[claim["path"] == "scenario"].set_index("year")
    assert own["claim_share"].between(0.05, 0.5).all()
    assert (own["crypto_claim_bn_usd"] <= own["marginal_crypto_claim_bn_usd"]).all()
    assert own.loc[2025, "crypto_balance_bn_usd"] == 0 and own.loc[2036, "fall_bn_usd"] < 0
    stock = tables["vintages"].query("basis == 'portfolio' and vintage == 'opening_stock' and line == 'withdrawal_tax'")
    assert own.loc[2025, "claim_bn_usd"] == pytest.approx(float(stock["own_date_bn_usd"].iloc[0]), rel=0.01)
    plain = claim[claim["path"] == "no_crypto"]
    assert (plain["crypto_balance_bn_usd"] == 0).all()


def test_the_backstop_is_looked_at_on_many_paths() -> None:
    """More paths change no earlier one; a rule that cannot be met costs nothing; deeper allocations cost more."""
    of = run()
    (one,) = of.contingents
    assert one.measure == "risk_neutral" and one.stands_in and (one.cost_usd >= 0).all()
    assert one.cost_usd.shape == (64, int(of.horizon.sum()))
    told = dict(measure="risk_neutral", model="regime_switching", last_year=2036)
    few = rescue_on_paths(of.scenario.settings, of.inputs, count=10, batch=3, **told)
    np.testing.assert_array_equal(few.cost_usd, one.cost_usd[:10])
    deaf = load("boom", SHORT | {"backstop.trigger_share": 1.0}).settings
    assert rescue_on_paths(deaf, of.inputs, count=4, **told).cost_usd.sum() == 0
    heavy = load("boom", SHORT | {"adoption.allocation_share": 0.3})
    deeper = engine_run.compute(heavy, run_off=False).contingents[0].cost_usd
    assert deeper.sum() > 5 * one.cost_usd.sum()
    table = Result.of(of).tables["contingent"]
    assert list(table["measure"]) == ["own path"] * 2 + ["risk_neutral"] * 2
    assert (table["mean_bn_usd"] <= 0).all()
    value = table[(table["measure"] == "risk_neutral") & (table["window"] == "present value")].iloc[0]
    expected = -(one.cost_usd @ bill_factors(of)[of.horizon]).mean() / 1e9
    assert value["mean_bn_usd"] == pytest.approx(expected)


def test_a_scenario_of_the_catalogue_sets_the_rule_off() -> None:
    """The same people with the default allocation never fall that far below."""
    costs = [
        engine_run.compute(load(name, {"backstop.paths": 0, "horizon.last_year": 2040}), run_off=False)
        .ledger.total("rescue_cost")[0].sum()
        for name in ("bust", "heavy_bust")
    ]  # fmt: skip
    assert costs[0] == 0 and costs[1] < -1e9


def test_a_fall_by_half_takes_from_the_claim_what_a_run_with_the_fall_takes() -> None:
    """Through the real schedules: crypto halves as a calm 2035 ends, and the claim at the next opening is less."""
    from oracle import project

    from fiscal.base.axes import ASSETS
    from fiscal.budget.vintages import value_vintages

    of = engine_run.compute(load("long_boom", SHORT))  # no excess over the target is sold as 2035 ends
    inputs = of.inputs.only(0)
    at = int(np.flatnonzero(inputs.years == 2036)[0])
    half = inputs.half_return.copy()
    crypto = ASSETS.index("crypto")
    half[0, at - 1, 1, crypto] = 0.5 * (1 + half[0, at - 1, 1, crypto]) - 1

    def claim(given: ProjectionInputs, marginal: bool = False) -> np.ndarray:
        projection = project(given, keep_shares=(0,), keep_balances=(0,))
        found = value_vintages(
            given, projection, 0, None, discount=None, opening_discount=1.0, marginal=marginal,
            contribution_tax_rate=np.zeros(given.death_rate.shape),
        )  # fmt: skip
        assert found.claim_usd is not None
        return found.claim_usd[at]

    lost = claim(replace(inputs, half_return=half)).sum() - claim(inputs).sum()
    first_order = -0.5 * claim(inputs, marginal=True)[SLEEVES.index("crypto")]
    assert lost < 0
    assert lost == pytest.approx(first_order, rel=0.1)
