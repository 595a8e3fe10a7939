"""Overlays and alternative sleeves: neutral when off, in the right direction when on, refused when they contradict."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from fiscal.base.errors import InputError
from fiscal.engine import run as engine_run
from fiscal.scenario import load

SHORT = {"horizon.last_year": 2060}


@cache
def run(name: str, *changes: tuple[str, object]) -> engine_run.Run:
    return engine_run.compute(load(name, SHORT | dict(changes)), run_off=False)


def tax(computed: engine_run.Run, path: str = "scenario") -> np.ndarray:
    return computed.ledger.total("withdrawal_tax")[computed.projection.path(path)]


def test_neutral_overlays_are_the_plain_scenario_to_the_bit() -> None:
    neutral = run(
        "boom",
        ("overlays.price_impact_multiplier", 0.0), ("overlays.price_impact_persistence", 0.9),
        ("overlays.reversal_kind", "forced_sale"), ("overlays.custody_loss_share", 0.9),
        ("alternatives.fee_rate", 0.05), ("alternatives.sale_share", 1.0),
    )  # fmt: skip
    np.testing.assert_array_equal(tax(neutral), tax(run("boom")))


@pytest.mark.parametrize(
    "name", ["private_equity", "all_alternatives", "price_feedback", "policy_reversal", "custody_failure"]
)
def test_without_participants_every_overlay_gives_the_baseline_to_the_bit(name: str) -> None:
    nobody = run(name, ("adoption.participants_share", 0.0))
    np.testing.assert_array_equal(tax(nobody), tax(run("baseline")))
    np.testing.assert_array_equal(tax(run(name), "no_crypto"), tax(run("boom"), "no_crypto"))


def test_purchases_raise_the_price_while_plans_buy() -> None:
    late = (("adoption.full_year", 2035), ("paths.event_year", 2036))  # nobody sells in a boom
    moved, still = run("price_feedback", *late), run("boom", *late)
    with_impact, plain = moved.projection, still.projection
    gap = with_impact.crypto_return[0] - plain.crypto_return[0]
    years = plain.years
    assert (gap[years <= 2026] == 0).all()
    # the ramp is steepest at its middle: later, what fades outweighs what is bought
    assert (gap[(years >= 2027) & (years <= 2031)] > 0).all()
    raised = with_impact.total("crypto_bought")[0].cumsum()
    assert (raised[(years >= 2026) & (years <= 2034)] > 0).all()
    # reference paths hold something else: their prices are not moved
    for path in ("no_crypto", "equity_adoption"):
        np.testing.assert_array_equal(tax(moved, path), tax(still, path))


def test_a_forced_sale_leaves_no_crypto_and_a_stop_lets_it_run_down() -> None:
    years = run("boom").projection.years
    after = years >= 2037
    sold = run("policy_reversal").projection.total("closing_crypto")[0]
    assert (sold[after] == 0).all() and (sold[years == 2036] > 0).all()
    stopped = run("policy_reversal", ("overlays.reversal_kind", "stop_buying")).projection
    np.testing.assert_array_equal(
        stopped.total("closing_crypto")[0][~after], run("boom").projection.total("closing_crypto")[0][~after]
    )
    assert (stopped.total("crypto_bought")[0][after] < 0).all()


def test_a_custodian_s_failure_costs_its_share_once() -> None:
    failed, fine = (run("custody_failure").projection, run("custody_failure", ("overlays.custody_loss_share", 0.0)))
    lost = failed.total("losses")[0]
    assert set(failed.years[lost > 0]) == {2040}
    held = fine.projection.total("closing_crypto")[0][failed.years == 2039]
    assert lost[failed.years == 2040] == pytest.approx(0.25 * held, rel=0.2)
    assert tax(run("custody_failure"))[-1] < tax(fine)[-1]


def test_the_sleeve_holds_what_the_shares_say() -> None:
    inputs = run("all_alternatives").inputs
    assets = run("all_alternatives").market.assets
    held = dict(zip(assets, inputs.crypto_weight[0], strict=True))
    assert held["private_equity"] == pytest.approx(0.5) and held["crypto"] == pytest.approx(0.25)
    assert inputs.crypto_target_share[0, -1, 1] == pytest.approx(0.2)
    assert inputs.fee_rate[0, 1] == pytest.approx(0.25 * 0.004 + 0.75 * 0.015)


def test_contradictions_are_refused_with_all_reasons() -> None:
    with pytest.raises(InputError) as caught:
        load(
            "all_alternatives",
            {
                "adoption.allocation_share": 0.9,
                "overlays.price_impact_multiplier": 4.0,
                "overlays.reversal_year": 2099,
                "horizon.last_year": 2050,
            },
        )
    text = str(caught.value)
    for part in ("add up to more than the balance", "crypto alone", "overlays.reversal_year"):
        assert part in text
