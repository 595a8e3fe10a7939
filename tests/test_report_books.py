"""The chapter on values says what the tables say."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from real_runs import three

from fiscal.base.words import amount, figures, percent, signed_amount
from fiscal.report import books
from fiscal.report.content import Prose, Section, Table
from fiscal.results.figures import statistics
from fiscal.results.result import PRESENT_VALUES


@cache
def section() -> Section:
    found = books.valued_section(three())
    assert found is not None
    return found


def text() -> str:
    return " ".join(str(block.text) for block in section().blocks if isinstance(block, Prose))


def table(label: str) -> Table:
    return next(block for block in section().blocks if isinstance(block, Table) and block.label == label)


def test_one_table_holds_every_basis_for_every_scope() -> None:
    frame = table("table-bases").data
    scopes = list(dict.fromkeys(frame["group"]))
    assert scopes[:3] == [
        "Contributions of 2026, baseline", "All contributions to 2100, baseline", "Opening stock, baseline",
    ]  # fmt: skip
    assert scopes[3:] == ["Boom less no crypto", "Bust less no crypto"]
    for _, part in frame.groupby("group"):
        assert set(part["basis"]) == {"convention", "fixed", "treasury", "portfolio", "risk_neutral"}
    baseline = three()[0].tables["bases"]
    row = baseline[
        (baseline["scope"] == "contributions_2026") & (baseline["basis"] == "portfolio")
        & (baseline["weight"] == "marginal") & (baseline["line"] == "net_revenue")
    ]  # fmt: skip
    shown = frame[(frame["group"] == scopes[0]) & (frame["basis"] == "portfolio")]
    assert float(shown["marginal"].iloc[0]) == float(row["present_value_bn_usd"].iloc[0])
    # deferral of the opening stock came before the valuation date: nothing is printed, not nil
    stock = [row["cells"] for row in table("table-bases").rows() if row["kind"] == "row"][12:18]
    assert {cells[1]["text"] for cells in stock} == {figures(float("nan"), 1)}


def test_current_dollars_stand_beside_present_values() -> None:
    """The base's level and every effect; the brief shows this table."""
    base, *others = three()
    frame = table("table-values").data.set_index("what")
    assert list(frame.index) == ["Baseline, level", "Boom less no crypto", "Bust less no crypto"]
    level = frame.loc["Baseline, level"]
    for basis, column in PRESENT_VALUES.items():
        scopes = [
            statistics.bases(base, name).set_index("basis") for name in ("opening_stock", "all_contributions")
        ]
        assert level[column] == pytest.approx(sum(scope.loc[basis, "net_revenue"] for scope in scopes))
        assert signed_amount(level[column]) in text()
        for result in others:
            effect = statistics.bases(result, "crypto_effect").set_index("basis").loc[basis, "net_revenue"]
            assert frame.loc[f"{result.name.capitalize()} less no crypto", column] == effect
    for result in others:
        gap = statistics.window_difference(result, "FY2026-2100", "net_revenue", "no_crypto")
        assert frame.loc[f"{result.name.capitalize()} less no crypto", "FY2026-2100"] == gap
    # a boom's current dollars are worth far less, and the base's change their sign
    assert frame.loc["Boom less no crypto", "FY2026-2100"] > 100 * frame.loc["Boom less no crypto"].iloc[-1]
    assert level["FY2026-2100"] > 0 > level["present_value_portfolio_bn_usd"]


@pytest.mark.parametrize("position", [1, 2])
def test_why_a_boom_pays_is_said_with_the_table_s_numbers(position: int) -> None:
    result = three()[position]
    effect = statistics.bases(result, "crypto_effect").set_index("basis")["net_revenue"]
    for basis in ("treasury", "portfolio", "risk_neutral"):
        assert signed_amount(effect[basis]) in text(), basis
    if result.name == "boom":
        assert effect["treasury"] > 10 * effect["portfolio"] > 0
        assert abs(effect["risk_neutral"]) < 0.05 * effect["treasury"]
    assert (effect["convention"] == 0).all()


def test_boom_and_bust_have_one_price() -> None:
    """Their paths' names are not priced: the same settings are."""
    _, boom, bust = (statistics.bases(result, "opening_stock").set_index("basis") for result in three())
    assert boom.loc["risk_neutral", "net_revenue"] == bust.loc["risk_neutral", "net_revenue"]
    assert "boom, and bust the risk-neutral rows value the same settings" in text()


def test_the_claim_and_the_fall_are_the_table_s() -> None:
    own = statistics.claim(three()[0])
    assert percent(own["claim_share"].iloc[0]) in text() and amount(own["claim_bn_usd"].iloc[0]) in text()
    frame = table("table-claim").data
    assert set(frame["scenario"]) == {"baseline", "boom", "bust"}
    crypto = frame[frame["scenario"] == "boom"].set_index("year")
    half = -0.5 * crypto["marginal_crypto_claim_bn_usd"]
    np.testing.assert_allclose(crypto["fall_bn_usd"], half)
    assert (frame[frame["scenario"] == "baseline"]["crypto_claim_bn_usd"] == 0).all()


def test_cash_and_present_value_are_kept_apart() -> None:
    frame = table("table-tax-expenditure").data
    kinds = frame.groupby("group", sort=False)["measured_on"].unique()
    assert all(len(kind) == 1 for kind in kinds) and len(kinds) == 2
    cost = frame[frame["measured_on"] == "cash_basis"].set_index("method")["tax_expenditure_bn_usd"]
    assert (
        cost["gains never realized"]
        < cost["as set"]
        < cost["all gains realized"]
        < cost["all returns as interest"]
    )
    for name in ("as set", "gains never realized", "all returns as interest"):
        assert amount(cost[name]) in text()
    budget = three()[0].budget.line("tax_expenditure")
    assert cost["as set"] == pytest.approx(budget[2026], rel=1e-9)


def test_who_pays_adds_to_the_effect() -> None:
    frame = table("table-effect-bases-boom").data
    whole = statistics.bases(three()[1], "crypto_effect").set_index("basis")["withdrawal_tax"]
    for _, part in frame.groupby("group"):
        assert part["treasury"].sum() == pytest.approx(whole["treasury"], abs=0.05)
        assert part["portfolio"].sum() == pytest.approx(whole["portfolio"], abs=0.05)
    strata = frame[frame["group"] == "Who holds crypto"].set_index("member")
    assert strata.loc["no crypto", "treasury"] == pytest.approx(0, abs=1e-9)


def test_the_backstop_is_described_with_its_price() -> None:
    frame = table("table-contingent").data
    row = frame[(frame["measure"] == "risk_neutral") & (frame["window"] == "present value")].iloc[0]
    assert signed_amount(row["mean_bn_usd"]) in text() and "never sets it off" in text()
    assert re.search(r"judged cell by cell", text())


def test_results_without_a_run_off_have_no_such_chapter() -> None:
    base = three()[0]
    bare = replace(base, tables={**base.tables, "bases": base.tables["bases"].head(0)})
    assert books.valued_section((bare,)) is None


def test_the_share_is_explained_by_the_stored_table() -> None:
    from fiscal.base import sources

    shares = sources.table("claim_reasons").set_index(["kind", "case"])["claim_share"]
    weights = sources.table("claim_reasons").query("kind == 'payer'").set_index("case")
    whole = shares["as projected", "all"]
    # who pays adds to the whole, but for the little that Roth withdrawals pay
    assert (weights["weight_share"] * weights["claim_share"]).sum() == pytest.approx(whole, abs=0.002)
    assert weights["weight_share"].sum() == pytest.approx(1, abs=0.01)
    both = shares["without", "both"]
    for case in ("law of 2026 indexed to wages", "no further contributions"):
        assert both < shares["without", case] < whole
    assert percent(both) in text() and percent(whole) in text()
    claim = statistics.opening_claim(three()[0]).set_index("basis")["share"]
    assert claim["portfolio"] == pytest.approx(whole, abs=0.0005)
