"""Levers: neutral to the last bit where they stand, in the right direction when moved, refused when they contradict."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from oracle import expected_tax

from fiscal.base import sources
from fiscal.base.axes import ASSETS, ATTAINED_AGES, FIRST_YEAR
from fiscal.base.errors import InputError
from fiscal.budget import valuation
from fiscal.engine import allocation
from fiscal.engine import inputs as engine_inputs
from fiscal.engine import run as engine_run
from fiscal.engine import taxes as engine_taxes
from fiscal.engine.allocation import allocation_answer, contribution_answer, strata_shares, target_allocation
from fiscal.engine.idle import RULES, idle_settings, notices, replaced_settings
from fiscal.engine.taxes import average_state_rate
from fiscal.law.schedules import group_sigma
from fiscal.markets.paths import AssetPaths
from fiscal.people.contributions import Contributions, Excess, additions_left, deferring_share, profile_by_age
from fiscal.people.mobility import mobility_matrix
from fiscal.people.withdrawals import working_share_of_withdrawals
from fiscal.projection.inputs import TaxSchedule
from fiscal.scenario import catalogue, load
from fiscal.scenario.assumptions import adjustable

SHORT = {"horizon.last_year": 2060}
CRYPTO = ASSETS.index("crypto")


@cache
def run(name: str, *changes: tuple[str, object]) -> engine_run.Run:
    return engine_run.compute(load(name, SHORT | dict(changes)), run_off=False)


@cache
def paid_in(*changes: tuple[str, object]) -> Contributions:
    """Contributions of the baseline with some changes, without a projection."""
    settings = load("baseline", SHORT | dict(changes)).settings
    return engine_run.prepare(settings, np.arange(FIRST_YEAR, 2061), references=False).contributions


def line(computed: engine_run.Run, name: str) -> np.ndarray:
    return computed.ledger.total(name)[0]


def window(computed: engine_run.Run, name: str, first: int = 2026, last: int = 2035) -> float:
    return float(valuation.window_sum(line(computed, name), computed.ledger.years, valuation.Window(first, last)))


NEUTRAL = [
    (("roth.employer_first_year", 2030),),
    (("roth.elective_share", "none"), ("roth.elective_first_year", 2030)),
    (("roth.group_tilt", 0.0),),
    (("roth.full_from_year", "none"), ("roth.none_from_year", "none")),
    (("limits.change_year", 2040),),
    (("withdrawals.conversion_first_year", 2030), ("withdrawals.conversion_last_year", 2040)),
    (("withdrawals.rmd_age_shift", 0), ("withdrawals.retirement_age_shift", 0)),
    (("behaviour.panic_fall", 0.2), ("behaviour.panic_years", 5)),
    (("overlays.reversal_trigger_fall", 0.99), ("overlays.reversal_kind", "forced_sale")),
    (("adoption.group_tilt", 0.0), ("adoption.age_tilt", 0.0)),
    (("adoption.allocation_heavy_multiple", 1.0), ("adoption.allocation_heavy_share", 0.5)),
    (("state.rate", 0.1),),
]


@pytest.mark.parametrize("changes", NEUTRAL)
def test_a_lever_that_moves_nothing_changes_no_bit(changes: tuple[tuple[str, object], ...]) -> None:
    moved, plain = run("boom", *changes), run("boom")
    for name in ("net_revenue", "withdrawal_tax", "deferred_revenue", "roth_upfront_tax"):
        np.testing.assert_array_equal(line(moved, name), line(plain, name), err_msg=name)


def test_limits_at_the_law_s_own_amounts_change_nothing() -> None:
    law = run("baseline").inputs
    same = run("baseline", ("limits.change_year", 2026), ("limits.elective_limit_usd", 24_500.0),
               ("limits.catch_up_limit_usd", 8_000.0), ("limits.additions_limit_usd", 72_000.0)).inputs  # fmt: skip
    np.testing.assert_allclose(same.contribution_usd, law.contribution_usd, rtol=1e-9)


# --- Roth -------------------------------------------------------------------------------------------


def test_full_rothification_brings_revenue_forward() -> None:
    roth, plain = run("baseline", ("roth.full_from_year", 2027)), run("baseline")
    years = plain.ledger.years
    assert (line(roth, "deferred_revenue")[years >= 2027] == 0).all()
    np.testing.assert_array_equal(
        line(roth, "deferred_revenue")[years < 2027], line(plain, "deferred_revenue")[years < 2027]
    )
    assert window(roth, "net_revenue") > window(plain, "net_revenue")
    late = years == 2060
    assert line(roth, "withdrawal_tax")[late] < line(plain, "withdrawal_tax")[late] / 2  # the harvest is gone
    # what is contributed is the same (nominal contributions unchanged)
    np.testing.assert_allclose(
        roth.inputs.contribution_usd.sum(axis=1), plain.inputs.contribution_usd.sum(axis=1), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("roth.elective_share_2025", 0.3),
        ("roth.elective_share_step", 0.03),
        ("roth.employer_share", 0.5),
        ("roth.elective_share", 0.5),
    ],
)
def test_more_roth_is_more_revenue_in_ten_years(key: str, more: float) -> None:
    assert window(run("baseline", (key, more)), "net_revenue") > window(run("baseline"), "net_revenue")


def elective_roth_share(made: Contributions) -> np.ndarray:
    """Roth share of elective deferrals, ``(Y,)``."""
    roth, traditional = (part.sum(axis=(1, 2)) for part in (made.elective_roth_usd, made.elective_traditional_usd))
    return roth / (roth + traditional)


@pytest.mark.parametrize(("share", "first"), [(0.5, 2028), (0.05, 2026), (0.0, 2040)])
def test_a_roth_share_of_deferrals_from_a_year(share: float, first: int) -> None:
    free = ("roth.catch_up_mandate", False)
    own = paid_in(free, ("roth.elective_share", share), ("roth.elective_first_year", first))
    plain = paid_in(free)
    later = own.years >= first
    np.testing.assert_allclose(elective_roth_share(own)[later], share, atol=1e-12)
    np.testing.assert_array_equal(elective_roth_share(own)[~later], elective_roth_share(plain)[~later])
    np.testing.assert_array_equal(own.employer_roth_usd, plain.employer_roth_usd)
    # the law's Roth catch-up is additional
    bound = paid_in(("roth.elective_share", share), ("roth.elective_first_year", first))
    assert (elective_roth_share(bound)[later] > share).all()


def test_shares_of_one_are_full_rothification() -> None:
    parts = paid_in(
        ("roth.elective_share", 1.0), ("roth.employer_share", 1.0), ("roth.employer_first_year", 2027)
    )  # fmt: skip
    whole = paid_in(("roth.full_from_year", 2027))
    np.testing.assert_allclose(parts.roth_usd, whole.roth_usd, rtol=1e-12)


def test_a_traditional_mandate_is_the_other_way_round() -> None:
    none = run("baseline", ("roth.none_from_year", 2027))
    years = none.ledger.years
    assert none.contributions.roth_usd[years >= 2027].sum() == 0
    assert window(none, "net_revenue") < window(run("baseline"), "net_revenue")


def test_a_tilt_over_groups_keeps_the_mean_and_moves_the_groups() -> None:
    tilted, plain = (run("baseline", ("roth.group_tilt", tilt)).contributions for tilt in (1.5, 0.0))
    free = slice(1, 30)
    for made in (tilted, plain):
        assert made.elective_roth_usd[free].sum() > 0
    total = [part.elective_roth_usd[free].sum() for part in (tilted, plain)]
    assert total[0] == pytest.approx(total[1], rel=0.02)  # mandated catch-up comes on top of the mean
    shares = []
    for made in (tilted, plain):
        roth, whole = (made.elective_roth_usd[free], (made.elective_roth_usd + made.elective_traditional_usd)[free])
        shares.append(roth.sum(axis=(0, 1)) / whole.sum(axis=(0, 1)))
    assert shares[0][-1] > shares[1][-1] and shares[0][3] < shares[1][3]


def test_conversions_are_taxed_in_their_years_and_thin_the_harvest() -> None:
    some = run("baseline", ("withdrawals.conversion_rate", 0.05), ("withdrawals.conversion_first_year", 2028),
               ("withdrawals.conversion_last_year", 2030))  # fmt: skip
    years = some.ledger.years
    paid = line(some, "conversion_tax")
    assert (paid[(years >= 2028) & (years <= 2030)] > 0).all() and paid[(years < 2028) | (years > 2030)].sum() == 0
    assert line(some, "withdrawal_tax")[-1] < line(run("baseline"), "withdrawal_tax")[-1]


def test_conversions_of_everything_pay_the_schedule_of_certain_withdrawals_on_the_stock() -> None:
    everything = run("baseline", ("withdrawals.conversion_rate", 1.0), ("withdrawals.conversion_first_year", 2027),
                     ("withdrawals.conversion_last_year", 2027))  # fmt: skip
    inputs, settings = everything.inputs, everything.scenario.settings
    assume = engine_inputs.assumptions(settings)
    y = 2027 - FIRST_YEAR
    certain = engine_taxes.schedules_in_force(settings).withdrawal_tax(
        inputs.years, np.ones(len(ATTAINED_AGES)), mobility_matrix(settings.people.retired_rank_correlation),
        group_sigma() * assume["withdrawal_sigma_scale"], working_share=working_share_of_withdrawals(assume),
    )  # fmt: skip
    curve = TaxSchedule(knots_usd=certain.knots_usd, tax_usd=certain.tax_usd)
    cells = {name: values[:1, y] for name, values in everything.projection.cells.items()}
    drawn = cells["plan_withdrawals"] + cells["ira_withdrawals"] + cells["nonqualified_earnings"]
    with_them, without = (
        expected_tax(curve, y, dollars, inputs.holders[y]) for dollars in (drawn + cells["conversions"], drawn)
    )
    np.testing.assert_allclose(cells["conversion_tax"], with_them - without, rtol=1e-9, atol=1.0)


def test_conversions_below_the_share_who_withdraw_are_theirs() -> None:
    def paid(rate: float) -> engine_run.Run:
        return run("baseline", ("withdrawals.conversion_rate", rate), ("withdrawals.conversion_first_year", 2028),
                   ("withdrawals.conversion_last_year", 2030))  # fmt: skip

    few, many = paid(0.05), paid(0.6)
    assert few.inputs.conversion_schedule is few.inputs.owner_schedule
    y = 2028 - FIRST_YEAR
    owner, converts = many.inputs.owner_schedule.tax_usd, many.inputs.conversion_schedule.tax_usd
    # more people on the same dollars pay less, in the years and at the ages of many conversions only
    assert (converts[y] <= owner[y] * (1 + 1e-5)).all() and converts[y].sum() < owner[y].sum()
    np.testing.assert_array_equal(converts[y - 1], owner[y - 1])
    required = ATTAINED_AGES >= 80
    np.testing.assert_array_equal(converts[y, required], owner[y, required])


# --- limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        ("limits.indexed", False), ("limits.elective_limit_usd", 12_000.0), ("limits.catch_up_limit_usd", 0.0),
        ("limits.additions_limit_usd", 30_000.0), ("limits.balance_cap_usd", 500_000.0),
    ],
)  # fmt: skip
def test_a_lower_limit_is_more_revenue_now(change: tuple[str, object]) -> None:
    lower, plain = run("baseline", change), run("baseline")
    assert window(lower, "deferred_revenue", 2027, 2035) > window(plain, "deferred_revenue", 2027, 2035)
    paid = lower.inputs.contribution_usd.sum(axis=(1, 2, 3, 4))
    assert (paid <= plain.inputs.contribution_usd.sum(axis=(1, 2, 3, 4)) * (1 + 1e-12)).all()
    assert line(lower, "withdrawal_tax")[-1] < line(plain, "withdrawal_tax")[-1]


def test_coverage_adds_savers_and_leaves_each_one_s_deferral() -> None:
    trend, constant, most = (paid_in(("contributions.coverage_trend", scale)) for scale in (1.0, 0.0, 2.0))
    assert (constant.coverage == 1).all()
    years = trend.years
    assert (np.diff(trend.coverage[years <= 2033]) > 0).all() and trend.coverage[0] > 1
    assert (trend.coverage[years > 2033] == trend.coverage[years == 2033]).all()
    assert (most.coverage > trend.coverage).all()
    for name in ("imputed_usd", "employer_traditional_usd", "catch_up_usd"):
        own, plain = getattr(trend, name), getattr(constant, name)
        np.testing.assert_allclose(own, plain * trend.coverage[:, None, None], rtol=1e-12)
    np.testing.assert_allclose(trend.deferral_multiple, constant.deferral_multiple, rtol=1e-9)


def test_a_share_of_earners_is_reached_in_2035_and_more_than_everybody_is_refused() -> None:
    made = paid_in(("contributions.coverage_2035", deferring_share() * 1.1))
    assert made.coverage[0] == 1
    np.testing.assert_allclose(made.coverage[made.years >= 2035], 1.1)
    for wrong in (1.2, -0.1):
        with pytest.raises(InputError) as caught:
            load("baseline", {"contributions.coverage_2035": wrong})
        assert len(caught.value.problems) == 1 and "coverage_2035" in str(caught.value)
    with pytest.raises(InputError, match="coverage leaves 0 to 1") as caught:
        paid_in(("contributions.coverage_2035", 0.9))
    assert len(caught.value.problems) == 1


HIGHER = [
    ("limits.elective_limit_usd", 30_000.0), ("limits.catch_up_limit_usd", 15_000.0),
    ("limits.catch_up_60_63_limit_usd", 20_000.0), ("limits.additions_limit_usd", 100_000.0),
]  # fmt: skip


@pytest.mark.parametrize("change", HIGHER)
def test_a_higher_limit_adds_contributions_of_whom_it_reaches(change: tuple[str, object]) -> None:
    higher, law = paid_in(change), paid_in()
    gained = higher.traditional_usd + higher.roth_usd - law.traditional_usd - law.roth_usd
    years = law.years
    np.testing.assert_allclose(gained[years < 2027], 0.0, atol=1.0)
    assert (gained > -1e-3).all() and (gained[years >= 2027].sum(axis=(1, 2)) > 1e7).all()
    reached = gained[years == 2030][0].sum(axis=1) > 1.0
    of_age = {"limits.catch_up_limit_usd": (50, 75), "limits.catch_up_60_63_limit_usd": (60, 63)}
    first, last = of_age.get(change[0], (26, 75))
    at = (first <= ATTAINED_AGES) & (last >= ATTAINED_AGES)
    assert reached[at].all()
    if change[0] in of_age:  # nobody younger catches up
        assert not reached[first > ATTAINED_AGES].any()
    assert (gained[years == 2030][0, at].sum(axis=0)[-1] > gained[years == 2030][0, at].sum(axis=0)[:6]).all()


def test_a_higher_limit_adds_less_and_less_and_in_proportion_to_what_is_wanted() -> None:
    def gained(limit: float, wanted: float) -> float:
        of = ("assumptions.wanted_above_limit_share", wanted)
        made = [paid_in(of, *more) for more in ((("limits.elective_limit_usd", limit),), ())]
        total = [(one.traditional_usd + one.roth_usd)[one.years == 2027].sum() for one in made]
        return float(total[0] - total[1])

    steps = [gained(limit, 0.8) for limit in (30_000.0, 35_000.0, 40_000.0)]
    assert steps[0] > steps[1] - steps[0] > steps[2] - steps[1] > 0
    assert 0 < gained(40_000.0, 0.5) < steps[2] < gained(40_000.0, 1.0)


def test_scores_of_limits_have_the_published_sign_and_the_order_of_the_limits() -> None:
    """CBO's options of lower limits bring revenue within ten years (published_targets). A higher limit costs, the more
    the higher, and less than an equal cut brings, since fewer savers stand above a higher limit."""

    def ten_years(limit: float) -> float:
        settings = load("baseline", {"horizon.last_year": 2036, "limits.elective_limit_usd": limit}).settings
        years = np.arange(FIRST_YEAR, 2037)
        start = engine_run.prepare(settings, years, references=False)
        taxes = engine_taxes.contribution_taxes(settings, start.assume, years, start.mobility, start.contributions)
        return -float(taxes.deferred_usd[years >= 2027].sum())

    law = 24_500.0
    cut, less, plain, more, most = (ten_years(law + step) for step in (-8_000, -4_000, 0, 4_000, 8_000))
    published = sources.table("published_targets").set_index("id").loc["CBO_LIMIT_2022_10Y", "value"]
    assert np.sign(less - plain) == np.sign(float(published))
    assert cut > less > plain > more > most
    assert less - plain > plain - more > more - most


def test_what_a_tail_above_a_limit_adds_is_what_the_profile_wants() -> None:
    """No limit at all adds the assumed share of the imputed wishes; none of it where the limit stays."""
    profile = profile_by_age(np.ones(len(ATTAINED_AGES)))
    excess = Excess.of(profile, np.full(len(ATTAINED_AGES), 23_500.0), 0.8)
    one = np.ones((1, len(ATTAINED_AGES)))
    assert (excess.share(one) == 0).all() and (excess.share(0 * one) == 1).all()
    elective, latent = profile["elective_deferral_usd"], profile["latent_above_limit_usd"]
    reached = (latent > 0) & (excess.reach > 0)
    np.testing.assert_allclose((-excess.share(1e6 * one)[0] * elective)[reached], 0.8 * latent[reached], rtol=1e-9)


def test_dollars_above_a_lower_limit_pay_the_marginal_rate() -> None:
    lower, plain = run("baseline", ("limits.elective_limit_usd", 12_000.0)), run("baseline")
    y = 2030 - FIRST_YEAR
    lost = (plain.contributions.traditional_usd - lower.contributions.traditional_usd)[y].sum()
    gained = (line(lower, "deferred_revenue") - line(plain, "deferred_revenue"))[y]
    average = -line(plain, "deferred_revenue")[y] / plain.contributions.traditional_usd[y].sum()
    assert gained / lost > average


def test_additions_left_is_one_at_the_law_and_falls_with_the_limit() -> None:
    total, savers = np.full((1, 2, 3), 20_000.0), np.array([[1.0, 0.5, 0.0], [0.2, 0.9, 1.0]])
    law = np.array([70_000.0])
    assert (additions_left(total, savers, law, law, 0.6) == 1).all()
    left = [additions_left(total, savers, law, np.array([limit]), 0.6) for limit in (60_000.0, 30_000.0, 5_000.0)]
    assert (left[0] >= left[1]).all() and (left[1] >= left[2]).all()
    assert (left[2] > 0).all() and (left[2][0, savers > 0] < 1).all()
    # nobody above the limit keeps more than the limit
    assert left[2][0, 0, 0] * 20_000 <= 5_000 / additions_left(total, savers, np.array([1e12]), law, 0.6)[0, 0, 0] + 1


# --- law, withdrawals -------------------------------------------------------------------------------


def test_higher_rates_at_withdrawal_are_higher_withdrawal_tax() -> None:
    assert window(run("baseline", ("tax.withdrawal_scale", 1.1)), "withdrawal_tax") > window(
        run("baseline"), "withdrawal_tax"
    )


def test_a_later_required_age_delays_withdrawals() -> None:
    later, plain = run("baseline", ("withdrawals.rmd_age_shift", 5)), run("baseline")
    assert window(later, "withdrawal_tax") < window(plain, "withdrawal_tax")
    years = plain.ledger.years
    # whoever is due by 2026 stays due
    np.testing.assert_array_equal(
        line(later, "withdrawal_tax")[years <= 2026], line(plain, "withdrawal_tax")[years <= 2026]
    )


def test_later_retirement_means_more_saving_and_later_draws() -> None:
    later, plain = run("baseline", ("withdrawals.retirement_age_shift", 3)), run("baseline")
    assert later.inputs.contribution_usd[3].sum() > plain.inputs.contribution_usd[3].sum()
    assert window(later, "withdrawal_tax", 2027, 2030) < window(plain, "withdrawal_tax", 2027, 2030)
    assert later.projection.closing_usd[0, -1].sum() > plain.projection.closing_usd[0, -1].sum()


def test_state_tax_stands_on_lines_of_its_own() -> None:
    from fiscal.results.result import Result

    plain, state = (Result.of(run("baseline", ("state.income_tax", on))) for on in (False, True))
    assert "state_tax" not in plain.tables
    np.testing.assert_array_equal(state.budget.line("net_revenue"), plain.budget.line("net_revenue"))
    frame = state.tables["state_tax"]
    own = frame[frame["year"] == 2030].set_index("line")["nominal_bn_usd"]
    y = 2030 - FIRST_YEAR
    paid = run("baseline").contributions.traditional_usd[y].sum() / 1e9
    assert own["state_deferred_revenue"] == pytest.approx(-502.416 / 16_844.4 * paid)  # Census over CBO
    assert 0 < own["state_withdrawal_tax"] < -own["state_deferred_revenue"]


def test_the_state_rate_is_of_the_newest_baseline_wherever_it_stands(monkeypatch) -> None:
    rate = average_state_rate()
    read = sources.table

    def turned(name: str):
        table = read(name)
        return table.iloc[::-1] if name == "cbo_income_tax_details" else table

    monkeypatch.setattr(sources, "table", turned)
    assert average_state_rate() == rate


# --- behaviour --------------------------------------------------------------------------------------


def test_dearer_saving_is_less_saving() -> None:
    plain = run("baseline", ("roth.full_from_year", 2027))
    answered = run("baseline", ("roth.full_from_year", 2027), ("behaviour.contribution_price_elasticity", 0.5))
    years = plain.ledger.years
    ratio = answered.inputs.contribution_usd[years >= 2027].sum() / plain.inputs.contribution_usd[years >= 2027].sum()
    assert 0.8 < ratio < 0.99
    # with law and Roth use as they are there is nothing to answer to
    same = run("baseline", ("behaviour.contribution_price_elasticity", 0.5))
    np.testing.assert_array_equal(line(same, "net_revenue"), line(run("baseline"), "net_revenue"))


def made_up(crypto: list[float]) -> AssetPaths:
    halves = np.zeros((1, len(crypto), 2, len(ASSETS)))
    halves[0, :, 0, CRYPTO] = crypto
    return AssetPaths(ASSETS, np.arange(FIRST_YEAR, FIRST_YEAR + len(crypto)), halves, "made up")


def test_savers_chase_and_panic_the_year_after() -> None:
    market = made_up([0.0, 0.0, 1.0, -0.6, 0.0, 0.0, 0.0])
    chasing = load("boom", {"behaviour.chasing": 0.5, "adoption.displaces": "core"}).settings
    answered = allocation_answer(chasing, market)[0]
    np.testing.assert_allclose(answered, [1, 1, 1, 1 + 0.5 * np.log(2), 1 + 0.5 * np.log(0.4), 1, 1])
    core = {"adoption.displaces": "core"}
    panic = load("boom", {"behaviour.panic_share": 0.8, "behaviour.panic_years": 2, **core}).settings
    np.testing.assert_allclose(allocation_answer(panic, market)[0], [1, 1, 1, 1, 0.2, 0.2, 1])
    assert allocation_answer(load("boom").settings, market) is None
    bust = run("bust", ("behaviour.panic_share", 1.0), ("behaviour.panic_fall", 0.3), *core.items())
    held = bust.projection.total("closing_crypto")[0]
    assert (held[bust.projection.years > 2028] == 0).any() and held[-1] > 0


def test_contributions_answer_to_the_return_of_the_year_before() -> None:
    market = made_up([0.0, 0.0, 1.0, -0.6, 0.0, 3.0, 0.0, 0.0])
    settings = load("boom", {"behaviour.contribution_return_response": 1.0}).settings
    scale = contribution_answer(settings, market, 2)[0]
    assert (scale[:, 0] == 1).all()  # who holds none does not answer
    np.testing.assert_allclose(scale[:, 1], [1, 1, 1, 1 + np.log(2), 0.5, 1, 2, 1])
    answered, plain = run("boom", ("behaviour.contribution_return_response", 0.5)), run("boom")
    paid = [
        one.inputs.contribution_usd * one.inputs.contribution_scale[0][:, None, None, None] for one in (answered, plain)
    ]
    per_year = [amounts.sum(axis=(1, 2, 3, 4)) for amounts in paid]
    up = answered.inputs.contribution_scale[0, :, 1]
    assert (np.sign(per_year[0] - per_year[1]) == np.sign(up - 1)).all() and (up != 1).any()
    # deferral follows what is paid in, on the scenario's path only
    ratio = line(answered, "deferred_revenue") / line(plain, "deferred_revenue")
    np.testing.assert_allclose(ratio, per_year[0] / per_year[1], rtol=1e-9)
    for name in ("no_crypto", "equity_adoption"):
        row = plain.projection.path(name)
        np.testing.assert_array_equal(
            answered.ledger.total("deferred_revenue")[row], plain.ledger.total("deferred_revenue")[row]
        )


def test_random_paths_answer_each_for_itself() -> None:
    changes = {
        "paths.count": 8, "horizon.last_year": 2040, "behaviour.contribution_return_response": 0.5,
        "overlays.reversal_trigger_fall": 0.6, "overlays.reversal_kind": "forced_sale",
        "books.risk_neutral_paths": 0, "backstop.paths": 0,
    }  # fmt: skip
    own = engine_run.compute(load("stochastic_central", changes)).paths.drawn().distributions[0]
    paid = own.on_contributions["scenario"]["deferred_revenue"]
    assert paid.shape == (8, 16) and len(np.unique(paid[:, -1])) > 4
    assert own.on_contributions["no_crypto"]["deferred_revenue"].shape == (16,)
    held = own.lines["scenario"]["closing_crypto"][:, -1]
    equity = own.lines["equity_adoption"]["closing_crypto"][:, -1]
    assert 0 < (held > 0).sum() < 8  # sold on the paths that fell
    np.testing.assert_array_equal(held > 0, equity > 0)  # policy turns for the same adoption in equity too


def test_policy_turns_after_a_fall_path_by_path() -> None:
    from fiscal.engine.allocation import NEVER, policy_on_paths, reversal_years

    halves = np.concatenate([made_up([0.0, 0.0, 0.2, fall, 0.0, 0.0]).half_returns for fall in (-0.3, -0.7)])
    market = AssetPaths(ASSETS, np.arange(FIRST_YEAR, FIRST_YEAR + 6), halves, "made up")
    settings = load("boom", {"overlays.reversal_trigger_fall": 0.5, "overlays.reversal_kind": "forced_sale"}).settings
    assert list(reversal_years(settings, market)) == [NEVER, 2029]
    policy = policy_on_paths(settings, market)
    assert (policy["crypto_target_share"][1, 4:] == 0).all() and (policy["crypto_target_share"][0, 2:, 1] > 0).all()
    fixed = load("boom", {"overlays.reversal_trigger_fall": 0.5, "overlays.reversal_year": 2027}).settings
    assert list(reversal_years(fixed, market)) == [2027, 2027]
    # the named bust falls by enough in the end; the boom never does
    turned, plain = run("bust", ("overlays.reversal_trigger_fall", 0.4)), run("bust")
    assert turned.projection.total("closing_crypto")[0, -1] < plain.projection.total("closing_crypto")[0, -1] / 2


def test_holders_of_crypto_may_differ_by_group_and_birth_year() -> None:
    settings = load("boom", {"adoption.group_tilt": 1.0, "adoption.age_tilt": 0.5}).settings
    tilted = run("boom", ("adoption.group_tilt", 1.0), ("adoption.age_tilt", 0.5))
    holders = tilted.inputs.holders
    assert holders[0, ..., 1].sum() / holders[0].sum() == pytest.approx(0.10, rel=1e-9)
    share = strata_shares(settings, tilted.inputs.years, holders[0].sum(axis=2))
    assert share[0, 20, -1, 1] > share[0, 20, 0, 1] and share[0, 10, 5, 1] > share[0, 40, 5, 1]
    np.testing.assert_allclose(share[0, 10], share[5, 15], rtol=1e-12)  # a cohort keeps its own
    # money and people of a cell divide alike
    money = tilted.inputs.opening_usd.sum(axis=(0, 1))
    np.testing.assert_allclose(money[10, 3, 1] / money[10, 3].sum(), share[0, 10, 3, 1], rtol=1e-12)
    assert target_allocation(settings, tilted.inputs.years).shape == (36, 2)


def test_the_larger_allocation_may_lie_with_some_groups_and_birth_years() -> None:
    split = (("adoption.allocation_heavy_multiple", 8.0), ("adoption.allocation_heavy_share", 0.2))
    tilts = (("adoption.allocation_age_tilt", 0.5), ("adoption.allocation_group_tilt", 1.0))
    settings = load("boom", dict(split + tilts)).settings
    tilted, even, plain = run("boom", *split, *tilts), run("boom", *split), run("boom")
    for made in (tilted, even):
        holders = made.inputs.holders[0].sum(axis=(0, 1))
        assert holders.shape == (3,)
        assert holders[1:].sum() / holders.sum() == pytest.approx(0.10, rel=1e-9)
        assert holders[2] / holders[1:].sum() == pytest.approx(0.2, rel=1e-9)
        target = made.inputs.crypto_target_share[0]
        np.testing.assert_allclose(target[:, 2], 8 * target[:, 1], rtol=1e-12)
        mean = target[:, 1:] @ holders[1:] / holders[1:].sum()
        np.testing.assert_allclose(mean, target_allocation(load("boom").settings, made.inputs.years)[:, 1], rtol=1e-9)
    share = strata_shares(settings, tilted.inputs.years, tilted.inputs.holders[0].sum(axis=2))
    heavy = share[..., 2] / share[..., 1:].sum(axis=-1)
    assert heavy[0, 20, -1] > heavy[0, 20, 0] and heavy[0, 10, 5] > heavy[0, 40, 5]
    np.testing.assert_allclose(heavy[0, 10], heavy[5, 15], rtol=1e-12)  # a cohort keeps its own
    # the same dollars in crypto where nothing is tilted
    at = plain.inputs.years == 2026
    crypto, as_one = (made.projection.total("closing_crypto")[0, at] for made in (even, plain))
    np.testing.assert_allclose(crypto, as_one, rtol=1e-5)  # what rebalancing gains aside
    late = plain.inputs.years == 2060
    assert tilted.projection.total("closing_crypto")[0, late] > even.projection.total("closing_crypto")[0, late]


def test_two_kinds_of_holders_run_through_the_books_and_random_paths() -> None:
    from fiscal.results.result import Result

    settings = {"horizon.last_year": 2036, "books.risk_neutral_paths": 2, "backstop.paths": 2}
    result = Result.of(engine_run.compute(load("concentrated", settings)))
    members = result.tables["distribution_bases"].query("dimension == 'stratum'")["member"]
    assert set(members) == {"no_crypto", "crypto_light", "crypto_heavy"}
    assert np.isfinite(result.tables["contingent"]["mean_bn_usd"]).all()


# --- the catalogue, comparisons -----------------------------------------------------------------------


def test_a_comparison_lists_what_differs_and_shows_ten_years_beside_the_long_run() -> None:
    from fiscal.results.result import Result, compare, whole_value

    names = ("baseline", "rothification")
    horizon = {"horizon.last_year": 2057, "books.risk_neutral_paths": 0, "backstop.paths": 0}
    base, other = (Result.of(engine_run.compute(load(name, horizon))) for name in names)
    found = compare(base, other)
    differing = found.differing_settings()
    assert list(differing["setting"]) == ["roth.full_from_year"]
    assert list(differing.iloc[0][1:]) == ["none", "2027"]
    (row,) = found.effects().to_dict(orient="records")
    assert 600 < row["2026_2035_bn_usd"] < 2500  # PWBM's 1,250 within a factor of two
    assert row["annual_turns"] is None or row["annual_turns"] >= 2050
    for basis in ("treasury", "portfolio"):
        value = row[f"present_value_{basis}_bn_usd"]
        assert value == pytest.approx(whole_value(other, basis) - whole_value(base, basis))
    # stock and contributions together are what the cash flows of horizon and run-off are worth
    flows = base.tables["present_values"].query("basis == 'treasury' and span == 'total' and line == 'net_revenue'")
    assert whole_value(base, "treasury") == pytest.approx(flows["present_value_bn_usd"].iloc[0])
    seeded = replace(base, name="seeded", scenario=load("baseline", horizon | {"paths.seed": 9}, "seeded"))
    with pytest.raises(InputError, match="paths.seed"):
        compare(base, seeded)
    assert len(compare(base, seeded, anyway=True).effects()) == 1


def test_a_reform_that_comes_with_the_package_is_found() -> None:
    from fiscal.engine.taxes import law_in_force, reform_of
    from fiscal.scenario import reform_file, reform_files

    settings = load("rate_rise_2040").settings
    assert reform_file("rate_rise.json").is_file() and str(reform_file("mine.json")) == "mine.json"
    assert law_in_force(load("boom").settings) == "current law" and reform_of(load("boom").settings) is None
    later = load("rate_rise_2040", {"law.reform_year": 2050}).settings
    assert reform_of(later) == reform_of(settings).moved(2050) != reform_of(settings)
    assert [str(one) for one in reform_files("a.json+ b.json")] == ["a.json", "b.json"]


REFORMED = {"law.reform": "rate_rise.json", "law.reform_year": 2060}


@cache
def dearer() -> dict[str, str]:
    """The law's schedules as files, with five percent more tax on withdrawals from the reform on."""
    names = ("deferral_schedule", "withdrawal_curve", "outside_rates", "contribution_profile")
    tables = {name: sources.table(name) for name in names}
    curve = tables["withdrawal_curve"]
    curve.loc[curve["law_year"] >= 2060, "mean_added_tax_usd"] *= 1.05
    return {name: table.to_csv(index=False) for name, table in tables.items()}


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A cache of its own, and in place of Tax-Calculator's schedules the law's, five percent higher from the reform on;
    the folders that were built come back. That a reform moves its own years in Tax-Calculator is tested beside the
    build."""
    from fiscal.law import reforms
    from fiscal.law import schedules as law_schedules
    from fiscal.law.build import schedules

    built = []

    def made(economy, progress, jobs, *, years, scopes, reform, changed, out_dir, kept):
        assert reforms.change_years(reform)[0] == 2060 and 2059 in years
        out_dir.mkdir()
        for name, text in dearer().items():
            (out_dir / f"{name}.csv").write_text(text)
        built.append(out_dir)

    monkeypatch.setenv("FISCAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(law_schedules, "tried", lambda reform: reforms.Trial(("of a value",), (2060,)))
    monkeypatch.setattr(schedules, "build", made)
    monkeypatch.setattr(engine_taxes, "_REFORMS", {})
    return built


def test_higher_rates_from_a_reform_file_are_higher_withdrawal_tax(stand_in) -> None:
    reformed = run("baseline", *REFORMED.items())
    years, plain = reformed.ledger.years, run("baseline")
    gap = line(reformed, "withdrawal_tax") / line(plain, "withdrawal_tax") - 1
    assert gap[years == 2060] == pytest.approx(0.05, abs=1e-6)
    assert (np.abs(gap[years <= 2052]) < 1e-12).all()


def test_schedules_of_a_reform_are_kept_by_what_makes_them(stand_in, tmp_path) -> None:
    """Found again without a build; built again where a table or the record is not what was written."""
    settings = load("baseline", REFORMED).settings

    def law() -> str:
        engine_taxes._REFORMS.clear()
        return engine_taxes.law_in_force(settings)

    (tmp_path / "cache" / ".reform.old").mkdir(parents=True)  # of a build that was killed
    first = law()
    assert law() == first and len(stand_in) == 1
    (kept,) = (tmp_path / "cache").iterdir()  # nothing else is left
    assert any("of a value" in said for said in engine_taxes.law_warnings(settings))
    (kept / "outside_rates.csv").write_text("damaged")
    assert law() == first and len(stand_in) == 2
    record = json.loads((kept / "record.json").read_text())
    for key, other in (("reform", {"II_rt7": {"2060": 0.9}}), ("code_sha256", "0"), ("taxcalc_version", "1")):
        (kept / "record.json").write_text(json.dumps(record | {key: other}))
        before = len(stand_in)
        assert law() == first and len(stand_in) == before + 1, key
    # who writes the record too is seen in a run's record, which names the hash of the schedules
    table = kept / "outside_rates.csv"
    table.write_text(table.read_text().replace("0.1", "0.2"))
    sums = record["sha256"] | {"outside_rates": hashlib.sha256(table.read_bytes()).hexdigest()}
    (kept / "record.json").write_text(json.dumps(record | {"sha256": sums}))
    assert law() != first


def test_an_interrupted_build_leaves_its_law_years_and_nothing_else(stand_in, tmp_path, monkeypatch) -> None:
    from fiscal.law.build import schedules

    settings = load("baseline", REFORMED).settings
    finish = schedules.build

    def stopped(*given, kept, out_dir, **told):
        (kept / "2060.json").write_text("finished")
        (kept / "2061.1.part").write_text("half")
        out_dir.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(schedules, "build", stopped)
    with pytest.raises(KeyboardInterrupt):
        engine_taxes.schedules_in_force(settings)

    def resumed(*given, kept, **told):
        assert sorted(file.name for file in kept.iterdir()) == ["2060.json", "lock"]
        finish(*given, kept=kept, **told)

    monkeypatch.setattr(schedules, "build", resumed)
    assert engine_taxes.schedules_in_force(settings).sha256
    assert [one.suffix for one in (tmp_path / "cache").iterdir()] == [""]


def test_without_a_home_the_cache_is_the_users_alone(tmp_path, monkeypatch) -> None:
    for name in ("FISCAL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "no-home").write_text("a file")
    monkeypatch.setenv("HOME", str(tmp_path / "no-home"))
    monkeypatch.setattr(engine_taxes.tempfile, "tempdir", str(tmp_path))
    engine_taxes._private_folder.cache_clear()
    own = engine_taxes.cache_dir()
    assert own.parent == tmp_path and own.stat().st_mode & 0o777 == 0o700
    engine_taxes._private_folder.cache_clear()
    assert engine_taxes.cache_dir() == own  # found again by the next run
    own.chmod(0o777)  # as another user would lay it out
    engine_taxes._private_folder.cache_clear()
    fresh = engine_taxes.cache_dir()
    assert fresh != own and fresh.stat().st_mode & 0o777 == 0o700
    own.rmdir()
    own.symlink_to(fresh)
    engine_taxes._private_folder.cache_clear()
    assert engine_taxes.cache_dir() not in (own, fresh)
    engine_taxes._private_folder.cache_clear()


@pytest.mark.parametrize("text", ["[1, 2]", '"x"', "null", '{"II_rt1": 0.1}', "{}", '{"II_rt1": {}}', "{", ""])
def test_a_file_that_is_no_reform_is_refused_in_words(tmp_path, text: str) -> None:
    from fiscal.law import reforms

    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"mine\.json"):
        reforms.read_reform(file)


def test_values_do_not_hang_on_the_named_path_where_savers_answer() -> None:
    changes = {"behaviour.chasing": 0.5, "adoption.displaces": "core", "overlays.reversal_trigger_fall": 0.4,
               "horizon.last_year": 2036, "books.risk_neutral_paths": 4, "backstop.paths": 0}  # fmt: skip
    priced = [engine_run.prices(load(name, changes)) for name in ("boom", "bust")]
    values = [one.found.average for one in priced if one is not None]
    assert len(values) == 2
    for scope, mine in values[0].items():
        for line_, value in mine.value_usd.items():
            assert value == pytest.approx(values[1][scope].value_usd[line_], rel=1e-9), (scope, line_)


def test_the_static_twin_differs_in_the_answers_of_savers_alone() -> None:
    own = load("dearer_saving", {"behaviour.panic_share": 0.2, "adoption.displaces": "core"})
    twin = own.static()
    assert twin is not None and twin.name.endswith("_static") and twin.static() is None
    changed = {key for key, value in own.changed().items() if twin.changed().get(key) != value}
    assert changed == {"behaviour.contribution_price_elasticity", "behaviour.panic_share"}
    assert twin.with_overrides({"adoption.displaces": "equity"}).fingerprint() == load("rothification").fingerprint()


# --- combined, refused ------------------------------------------------------------------------------


def test_five_levers_at_once() -> None:
    several = run(
        "boom", ("roth.full_from_year", 2035), ("limits.indexed", False), ("withdrawals.rmd_age_shift", 2),
        ("behaviour.chasing", 0.3), ("adoption.displaces", "core"), ("tax.withdrawal_scale", 1.1),
    )  # fmt: skip
    assert np.isfinite(line(several, "net_revenue")).all()
    assert window(several, "net_revenue") > window(run("boom"), "net_revenue")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"roth.full_from_year": 2030, "roth.none_from_year": 2035}, ["roth.none_from_year"]),
        ({"law.reform_year": 2020}, ["law.reform_year", "2026"]),
        ({"law.reform_year": 2030}, ["without a reform"]),
        ({"roth.elective_share_2025": 1.2, "adoption.participants_share": 2.0}, ["roth.elective", "adoption.part"]),
        ({"adoption.allocation_share": 0.9, "alternatives.private_equity_share": 0.3}, ["add up to more"]),
        ({"behaviour.chasing": 0.5, "adoption.displaces": "equity"}, ["adoption.displaces"]),
        ({"paths.mix_equity_share": 0.5, "paths.mix_bond_share": 0.3, "paths.mix_cash_share": 0.3}, ["sums to 1.1"]),
        ({"paths.mix_equity_share": 0.5}, ["paths.mix_bond_share", "set together"]),
        ({"adoption.allocation_age_tilt": 0.5}, ["adoption.allocation_age_tilt", "nobody holds"]),
        ({"adoption.allocation_heavy_multiple": 50.0, "adoption.allocation_share": 0.5}, ["of a balance"]),
        ({"limits.elective_limit_usd": 50_000.0, "limits.additions_limit_usd": 20_000.0}, ["limits.elective"]),
        ({"withdrawals.conversion_first_year": 2040, "withdrawals.conversion_last_year": 2030}, ["conversion"]),
    ],
)  # fmt: skip
def test_contradictions_are_refused_with_their_reasons(changes: dict[str, object], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        load("boom", changes)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("shares", [(0.0, 0.4, 0.6), (1.0, 0.0, 0.0), (0.05, 0.95, 0.0)])
@pytest.mark.parametrize("held", [0.0, 0.05, 1.0])
def test_a_core_of_any_mix_is_whole_whatever_crypto_displaces(shares: tuple[float, ...], held: float) -> None:
    """With no stocks to displace, or nothing left, the core stays as it is."""
    mix = dict(zip(("paths.mix_equity_share", "paths.mix_bond_share", "paths.mix_cash_share"), shares, strict=True))
    settings, years = load("boom", mix).settings, np.arange(2025, 2028)
    plain = allocation.core_glide_path(settings, years)
    weights = allocation.core_weights(plain, np.full((len(years), 1), held), True)
    for found in (weights, allocation.pushed_out_weights(settings, years)):
        assert (found >= 0).all()
        np.testing.assert_allclose(found.sum(axis=-1), 1.0, rtol=1e-12)
    if held == 0 or shares[0] in (0.0, 1.0):
        np.testing.assert_allclose(weights[:, :, 0], plain, rtol=1e-12)


# --- levers without effect --------------------------------------------------------------------------

IDLE: dict[str, dict[str, object]] = {
    "baseline": {
        "adoption.allocation_share": 0.2, "adoption.start_year": 2030, "adoption.full_year": 2040,
        "adoption.group_tilt": 1.0, "adoption.age_tilt": 1.0, "adoption.allocation_heavy_multiple": 3.0,
        "adoption.allocation_heavy_share": 0.5, "adoption.mode": "new_money", "adoption.displaces": "core",
        "adoption.rebalancing": 0.5, "alternatives.private_equity_share": 0.1, "alternatives.fee_rate": 0.01,
        "overlays.custody_loss_year": 2030, "fees.crypto_rate": 0.01, "paths.name": "boom",
        "paths.outside_event_return": 0.2, "backstop.trigger_share": 0.2, "books.displaced_taxable_share": 0.5,
        "behaviour.contribution_return_response": 0.5, "paths.replay_scale": 1.5, "paths.replay_year": 2030,
        "paths.replay_start": "2014-01", "paths.block_months": 6.0, "paths.tail_share": 0.1,
        "paths.equity_correlation": 0.1, "paths.tail_variance": 2.0, "paths.crypto_return": 0.1,
        "paths.stated_return_years": 5.0, "paths.excess_half_life": 3.0, "paths.crypto_volatility": 0.9,
        "paths.crypto_volatility_mature": 0.9, "paths.maturing_years": 5.0, "paths.value_cap_over_gdp": 1.0,
        "withdrawals.conversion_rate": 0.5, "withdrawals.conversion_first_year": 2070,
        "state.rate": 0.1, "state.withdrawals_taxed_share": 0.1, "roth.employer_share": 0.5,
        "roth.employer_first_year": 2070, "tax.flat_rate": 0.2, "heirs.age_gap": 20,
        "people.retired_rank_correlation": 0.6, "assumptions.accounts.governmental_holders_mn": 20.0,
    },
    "boom": {
        "overlays.price_impact_persistence": 0.9, "overlays.reversal_kind": "forced_sale",
        "overlays.operational_recovery_share": 0.9, "overlays.custody_loss_share": 0.9, "behaviour.panic_fall": 0.1,
        "behaviour.panic_years": 9, "adoption.allocation_heavy_share": 0.5, "alternatives.fee_rate": 0.02,
        "limits.change_year": 2040, "withdrawals.conversion_last_year": 2040,
    },
    "rothification": {
        "roth.elective_share": 0.5, "roth.elective_first_year": 2030, "roth.employer_share": 0.5,
        "roth.employer_first_year": 2027,
    },
    "bust": {
        "roth.elective_share": 0.154, "roth.elective_first_year": 2025, "roth.elective_share_2025": 0.3,
        "roth.elective_share_step": 0.02, "roth.plateau_year": 2030,
    },
}  # fmt: skip
"""Settings that another one of the scenario keeps from acting."""

ACTING = {
    "baseline": ("tax.flat_rate", "roth.employer_first_year", "withdrawals.conversion_first_year"),
    "rothification": ("roth.elective_first_year", "roth.employer_first_year"),
    "bust": ("roth.elective_share", "roth.elective_first_year"),
}
"""Settings of :data:`IDLE` that keep others there from acting."""


@pytest.mark.parametrize("name", IDLE)
def test_settings_said_to_have_no_effect_change_no_dollar(name: str) -> None:
    changes = IDLE[name]
    acting = {key: value for key, value in changes.items() if key in ACTING.get(name, ())}
    found = idle_settings(load(name, SHORT | changes))
    assert set(found) == set(changes) - set(acting)
    moved, plain = run(name, *changes.items()), run(name, *acting.items())
    for one in ("net_revenue", "withdrawal_tax", "deferred_revenue", "roth_upfront_tax", "inside_buildup_cash"):
        np.testing.assert_allclose(line(moved, one), line(plain, one), rtol=1e-12, atol=1.0, err_msg=one)


OVERRIDDEN: list[tuple[str, dict[str, object], dict[str, object]]] = [
    (
        "boom",
        {
            "tax.flat_rate": 0.2, "paths.core_equity_return": 0.07, "paths.core_bond_return": 0.04,
            "paths.core_cash_return": 0.03,
        },
        {
            "assumptions.withdrawal_sigma_scale": 0.8, "assumptions.early_working_share": 0.7,
            "assumptions.worker_draw_ratio": 0.2, "assumptions.heirs_per_account": 1.5, "paths.return_half_life": 3.0,
            "paths.returns": "record", "assumptions.markets.net_payout_yield": 0.03,
            "assumptions.markets.bond_spread": 0.006, "assumptions.additions_sigma": 0.9, "paths.allow_extreme": True,
            "assumptions.markets.private_equity_premium_over_equity": 0.02,
            "assumptions.markets.real_estate_premium_over_equity": 0.0,
            "assumptions.markets.commodities_premium_over_cash": 0.02, "assumptions.rollover_stock_share": 0.5,
        },
    ),
    (
        "baseline",
        {
            "withdrawals.leakage_scale": 0.0, "roth.tax_nonqualified_earnings": False, "roth.catch_up_mandate": False,
            "heirs.spouse_share_scale": 0.0, "paths.mix_equity_share": 0.0, "paths.mix_bond_share": 0.0,
            "paths.mix_cash_share": 1.0,
        },
        {
            "assumptions.hardship_rate": 0.003, "assumptions.penalised_share": 0.55,
            "withdrawals.additional_tax_rate": 0.2, "withdrawals.leakage_balance_elasticity": 0.0,
            "assumptions.within_five_years_share": 0.3, "roth.opening_basis_share": 0.2,
            "assumptions.catch_up_above_threshold_share": 0.8, "assumptions.spouse_share_under_65": 0.5,
            "assumptions.spouse_share_65_74": 0.5, "assumptions.spouse_share_75_84": 0.4,
            "assumptions.spouse_share_85_plus": 0.2, "paths.foreign_equity_share": 0.1,
            "paths.core_foreign_equity_return": 0.01, "paths.core_bond_return": 0.01,
        },
    ),
    (
        "baseline",
        {
            "adoption.participants_share": 0.3, "adoption.allocation_share": 0.0,
            "alternatives.commodities_share": 0.1,
        },
        {
            "alternatives.smoothing": 0.5, "fees.crypto_rate": 0.01, "paths.name": "boom",
            "paths.outside_event_return": 0.02, "paths.gdp_multiple": 2.0, "overlays.custody_loss_year": 2030,
            "overlays.operational_loss_frequency": 1.0,
        },
    ),
]  # fmt: skip
"""Scenario, settings that take away the effect of others, and these others."""


@pytest.mark.parametrize(("name", "acting", "idle"), OVERRIDDEN, ids=["one rate", "no leakage", "no crypto"])
def test_settings_whose_effect_another_takes_away_are_named_and_change_no_dollar(name, acting, idle) -> None:
    assert idle_settings(load(name, acting)) == {} and idle_settings(load(name, acting | idle)).keys() == idle.keys()
    moved, plain = (run(name, ("horizon.last_year", 2036), *one.items()) for one in (acting | idle, acting))
    for one in ("net_revenue", "withdrawal_tax", "deferred_revenue", "roth_upfront_tax", "inside_buildup_cash"):
        np.testing.assert_allclose(line(moved, one), line(plain, one), rtol=1e-12, atol=1.0, err_msg=one)


def test_settings_that_another_replaces_from_a_year_on_are_named_and_change_nothing_then() -> None:
    own = {"roth.elective_share_2025": 0.3, "roth.elective_share_step": 0.02, "roth.employer_share": 0.5}
    for lever in ("roth.full_from_year", "roth.none_from_year"):
        told = replaced_settings(load("baseline", {lever: 2030} | own))
        assert told.keys() == own.keys()
        assert all(f"2030 only: from then on {lever}" in text for text in told.values())
    moved, plain = (paid_in(("roth.full_from_year", 2030), *more) for more in (own.items(), ()))
    later = plain.years >= 2030
    np.testing.assert_array_equal(moved.roth_usd[later], plain.roth_usd[later])
    assert (moved.roth_usd[~later].sum(axis=(1, 2)) > plain.roth_usd[~later].sum(axis=(1, 2))).all()
    assert any("elective_share_2025 acts before 2027" in text for text in notices(load("rothification", own)))
    assert replaced_settings(load("baseline", own)) == {}
    reversal = {"overlays.reversal_year": 2028, "adoption.full_year": 2032}
    assert replaced_settings(load("boom", reversal)).keys() == {"adoption.full_year"}
    assert replaced_settings(load("boom", reversal | {"adoption.full_year": 2027})) == {}


def test_returns_of_a_file_in_place_of_a_setting_are_named(tmp_path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("year,crypto,equity\n2026,0.1,0.05\n2027,-0.5,0.07\n")
    asked = {"paths.model": "user", "paths.file": str(file), "paths.core_equity_return": 0.06,
             "paths.core_bond_return": 0.02, "paths.outside_event_return": 0.01}  # fmt: skip
    told = replaced_settings(load("boom", asked))
    assert told.keys() == {"paths.core_equity_return", "paths.outside_event_return"}
    assert {"paths.name", "paths.event_year"} <= idle_settings(load("boom", asked)).keys()
    own = {text.split()[0] for text in notices(load("boom", asked))}
    assert own >= told.keys() and not own & {"paths.name", "paths.event_year"}
    assert all(text.startswith("after 2027 only") for text in told.values())


def test_no_scenario_of_the_catalogue_sets_what_has_no_effect() -> None:
    idle = {name: idle_settings(load(name)) | replaced_settings(load(name)) for name in catalogue()}
    assert {name: found for name, found in idle.items() if found} == {}


def test_a_rule_names_settings_that_are_there() -> None:
    scenario = load("baseline")
    known = {row.key for row in scenario.explained()}
    for rule in RULES:
        rule.holds(scenario.settings)  # its words are a condition, or it has one of its own
        for key in rule.keys:
            assert key in known or any(one.startswith(key) and key.endswith(".") for one in known), key


# --- rows of the assumptions table that a run reads ---------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "others"),
    [
        ("markets.private_equity_premium_over_equity", 0.02, {"alternatives.private_equity_share": 0.1}),
        ("markets.real_estate_premium_over_equity", -0.04, {"alternatives.real_estate_share": 0.1}),
        ("markets.commodities_premium_over_cash", 0.02, {"alternatives.commodities_share": 0.1}),
        ("population.gradient_full_until_age", 50, {}),
        ("population.gradient_none_from_age", 110, {}),
        ("law.rmd_73_first_birth_year", 1955, {}),
        ("law.rmd_75_first_birth_year", 1955, {}),
    ],
)
def test_a_dotted_row_reaches_the_projection(key, value, others) -> None:
    short = {"horizon.last_year": 2036, "adoption.full_year": 2030, **others}
    years = np.arange(FIRST_YEAR, 2037)
    plain, moved = (
        engine_run.prepare(load("boom", short | change).settings, years, references=False)
        for change in ({}, {f"assumptions.{key}": value})
    )
    default = adjustable()[key].default
    if key.startswith("markets."):
        asset = ASSETS.index(key.removeprefix("markets.").partition("_premium")[0])
        anchor = ASSETS.index("cash" if "cash" in key else "equity")
        before, after = (1 + part.market.annual_returns()[0, -1] for part in (plain, moved))
        assert after[asset] / before[asset] == pytest.approx((before[anchor] + value) / (before[anchor] + default))
        np.testing.assert_array_equal(np.delete(after, asset), np.delete(before, asset))
    elif key.startswith("population."):
        deaths, others_deaths = plain.people.deaths[0], moved.people.deaths[0]
        assert not np.array_equal(deaths, others_deaths)
        np.testing.assert_allclose(deaths.sum(axis=1), others_deaths.sum(axis=1), rtol=1e-9)
    else:
        rate, other_rate = plain.inputs.withdrawal_rate, moved.inputs.withdrawal_rate
        assert not np.array_equal(rate, other_rate)
