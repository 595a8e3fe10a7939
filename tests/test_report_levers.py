"""A report of levers speaks of the levers: what is compared, by how much, through which lines, and when."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest
from real_runs import three

from fiscal.base.words import amount, percent, signed_amount
from fiscal.engine import run
from fiscal.report import answer, brief, chapters, compared, content, levers
from fiscal.report.content import Figure, Heading, Prose, Section, Table
from fiscal.results.figures import statistics
from fiscal.results.result import Result, compare
from fiscal.scenario import load

SPANS = ("FY2026-2035", "FY2026-2100")


@cache
def roth() -> Result:
    """All contributions Roth from 2027; without the run-off, which nothing here needs."""
    return Result.of(run.compute(load("rothification"), run_off=False))


def pair() -> tuple[Result, ...]:
    return three()[0], roth()


def sums(result: Result) -> dict[tuple[str, str], float]:
    windows = result.tables["windows"]
    own = windows[windows["path"] == "scenario"]
    return own.set_index(["window", "line"])["nominal_bn_usd"].to_dict()


def gap(window: str, *lines: str) -> float:
    base, own = (sums(result) for result in pair())
    return sum(own[window, line] - base[window, line] for line in lines)


def words(section: Section) -> str:
    return " ".join(str(block.text) for block in section.blocks if isinstance(block, Prose))


def test_the_answer_says_what_the_lever_does_in_both_windows() -> None:
    near, far = gap("FY2026-2035", "net_revenue"), gap("FY2026-2100", "net_revenue")
    assert near > 0 > far
    text = words(answer.answer_section(pair()))
    assert text.startswith(
        f"Against baseline, rothification raises net revenue by {amount(near)} over FY 2026–2035"
    )
    assert f"and lowers it by {amount(far)} over FY 2026–2100" in text


def test_the_answer_says_through_which_lines_and_why_the_windows_differ() -> None:
    text = words(answer.answer_section(pair()))
    for window, name in (
        ("FY2026-2035", "Over FY 2026–2035 rothification"),
        ("FY2026-2100", "over FY 2026–2100 it"),
    ):
        forgone = gap(window, "deferred_revenue", "payroll_forgone")
        tax = gap(window, "withdrawal_tax")
        assert forgone > 0 > tax
        assert f"{name} forgoes {amount(forgone)} less and collects {amount(tax)} less on withdrawals" in text
    assert "The windows of rothification differ because what is taxed when it is contributed" in text
    net = [result.budget.line("net_revenue") for result in pair()]
    turn = (net[1] - net[0])[lambda series: (series < -1) & (series.index > 2030)].index[0]
    assert re.search(rf"positive from 2027 to {turn - 1} and negative from {turn} to 2100", text)


def test_what_is_compared_is_named_with_its_title() -> None:
    base, own = pair()
    assert words(answer.answer_section(pair())).count(f"rothification ({own.scenario.title})") == 1
    changed = load("rothification", {"roth.full_from_year": 2030})
    moved = replace(own, name=changed.name, scenario=changed)
    text = compared.compared_sentences((base, moved))
    assert re.search(r"rothification-full_from_year-2030 \(All contributions .*roth\.full_from_year = 2030\)", text)
    section = levers.levers_section((base, moved))
    assert section is not None
    at = [isinstance(block, Heading) and block.text == changed.name for block in section.blocks].index(True)
    told = section.blocks[at + 1]
    assert isinstance(told, Prose) and "roth.full_from_year = 2030" in str(told.text)


def test_a_case_that_changes_nothing_is_said_to() -> None:
    base, own = pair()
    twin = replace(base, name="twin")
    assert compared.lever_sentences((base, twin)) == "No line of net revenue is changed by twin."
    assert [result.name for result in statistics.set_apart((base, twin, own))] == ["rothification"]


def test_crypto_alone_sets_nothing_apart_and_a_base_with_crypto_everything() -> None:
    baseline, boom, bust = three()
    assert statistics.set_apart((baseline, boom, bust)) == ()
    assert [result.name for result in statistics.set_apart((boom, bust))] == ["bust"]
    text = words(answer.answer_section((boom, bust)))
    net = [sums(result)["FY2026-2100", "net_revenue"] for result in (boom, bust)]
    assert "Against boom, bust does not change net revenue over FY 2026–2035 and lowers it by " in text
    assert amount(net[1] - net[0]) in text


def test_contributions_are_told_case_by_case() -> None:
    section = chapters.contributions_section(pair())
    share = statistics.roth_share(roth())
    assert f"{percent(share[2030])} of them Roth" in words(section) and share[2030] == pytest.approx(1)
    captions = [block.caption for block in section.blocks if isinstance(block, Figure)]
    assert [caption.rpartition(", ")[2] for caption in captions] == ["baseline", "rothification"]
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert table.group == "scenario" and set(table.data["scenario"]) == {"baseline", "rothification"}
    own = table.data[(table.data["scenario"] == "rothification") & (table.data["year"] == 2100)].iloc[0]
    assert own["elective_deferral_traditional"] == 0 < own["employer_contribution_roth"]
    assert "the same in all scenarios here" in words(chapters.contributions_section(three()))


def test_the_chapters_set_the_lever_beside_the_base() -> None:
    for build, label in (
        (chapters.books_section, "figure-against-base"),
        (chapters.distribution_section, "figure-gains-base"),
    ):
        labels = [block.label for block in build(pair()).blocks if isinstance(block, Figure)]
        assert label in labels
        assert label not in [block.label for block in build(three()).blocks if isinstance(block, Figure)]
    turning = answer.turning_table(pair()).data
    assert set(turning[turning["scenario"] == "rothification"]["against"]) == {
        "no reference (the level)", "baseline",
    }  # fmt: skip
    groups = next(
        block for block in chapters.distribution_section(pair()).blocks
        if isinstance(block, Table) and block.label == "table-groups"
    ).data  # fmt: skip
    frame = statistics.distribution_difference(
        compare(*pair()), "earnings_group", "FY2026-2100", "base", "net_revenue"
    )
    assert groups["net_0"].sum() == pytest.approx(frame["difference"].sum())
    balances = words(chapters.balances_section(pair()))
    top = (statistics.total_balance(roth()) / statistics.total_balance(three()[0]) - 1).abs().max()
    assert f"against baseline by at most {percent(top, 2)}" in balances


def test_alternative_texts_of_differences_name_the_base() -> None:
    ax = compare(*pair()).plot.who_gains(reference="base", line="net_revenue")
    assert ax.get_title(loc="left").startswith("Net revenue against baseline")
    drawn = ax.containers[0].datavalues.sum()
    frame = statistics.distribution_difference(
        compare(*pair()), "earnings_group", "FY2026-2100", "base", "net_revenue"
    )
    assert drawn == pytest.approx(frame["difference"].sum())


def test_with_several_levers_crypto_s_part_is_told_apart_from_the_others() -> None:
    """A case of boom and rothification at once, put together from the runs of each."""
    base, boom, own = three()[0], three()[1], roth()
    key = ["window", "line"]
    crypto, without = (
        boom.tables["windows"].query("path == @path").set_index(key)["nominal_bn_usd"]
        for path in ("scenario", "no_crypto")
    )
    other = own.tables["windows"].query("path == 'scenario'").set_index(key)
    both = boom.tables["windows"].set_index(key)
    levels = {
        "scenario": other["nominal_bn_usd"] + crypto - without, "no_crypto": other["nominal_bn_usd"],
        "equity_adoption": other["nominal_bn_usd"],
    }  # fmt: skip
    moved = [levels[path].reindex(rows.index) for path, rows in both.groupby("path", sort=False)]
    windows = pd.concat(
        [
            rows.assign(nominal_bn_usd=amounts)
            for (_, rows), amounts in zip(both.groupby("path", sort=False), moved, strict=True)
        ]
    ).reset_index()
    mixed = replace(boom, name="mixed", tables={**boom.tables, "windows": windows})
    text = compared.lever_sentences((base, mixed))
    of_crypto = [crypto[window, "net_revenue"] - without[window, "net_revenue"] for window in SPANS]
    of_others = [gap(window, "net_revenue") for window in SPANS]
    assert (
        f"Of this, in turn, crypto is {signed_amount(of_crypto[0])} and {signed_amount(of_crypto[1])} (with"
        in text
    )
    assert f"its other changes are {signed_amount(of_others[0])} and {signed_amount(of_others[1])}." in text
    assert "Of this" not in compared.lever_sentences(three()) + compared.lever_sentences(pair())


def test_one_case_alone_says_that_its_differences_are_crypto_s() -> None:
    boom = three()[1]
    assert compared.other_changes_sentence((boom,)) == ""
    mixed = replace(boom, scenario=load("boom", {"roth.elective_share_2025": 0.5, "fees.crypto_rate": 0.01}))
    assert "what is done by Roth share of deferrals in 2025 shows" in compared.other_changes_sentence(
        (mixed,)
    )
    assert compared.other_changes_sentence((three()[0], mixed)) == ""


def test_the_brief_of_a_lever_shows_its_own_effect() -> None:
    sections = tuple(build(pair()) for build in (answer.answer_section, chapters.books_section))
    whole = content.Report("", "", (), "", (), "", sections)
    labels = [figure.label for figure in brief.brief(whole).figures()]
    assert labels == ["figure-against-base"]
    own = content.Report("", "", (), "", (), "", (sections[0], chapters.books_section(three())))
    assert "figure-cash-flow" in [figure.label for figure in brief.brief(own).figures()]
