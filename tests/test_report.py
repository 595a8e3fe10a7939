"""Brief and report: read back from the PDF, the page, and the workbook, beside the tables they are made from."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pandas as pd
import pypdf
import pytest
from real_runs import HOSTILE
from test_headline import against_equity, own, totals

import fiscal
from fiscal import report
from fiscal.base.errors import InputError
from fiscal.base.prose import pct, usd
from fiscal.base.words import figures
from fiscal.report import content, exhibits, facts, markup, pdf
from fiscal.report.asked import Asked
from fiscal.results import headline, stages, worth
from fiscal.results.effects import Effect
from fiscal.results.figures import statistics
from fiscal.results.result import Totals, compare
from fiscal.scenario import Scenario


@pytest.fixture(autouse=True)
def _totals_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Yearly totals, which take no time, are reported here as runs are."""
    monkeypatch.setattr(report, "refuse_totals", lambda *results: None)


@cache
def early() -> Totals:
    """A boom that begins before savers hold much, under a header that looks like markup."""
    boom = totals("boom")
    return replace(boom, scenario=replace(boom.scenario, **HOSTILE))


def words(document: content.Document) -> str:
    return document.plain_text()


def read(path: Path) -> str:
    pages = [page.extract_text() for page in pypdf.PdfReader(path).pages]
    return re.sub(r"\s+", " ", " ".join(pages))


# --- what a reader reads ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A brief of one case as PDF, page, and workbook, made once."""
    out = tmp_path_factory.mktemp("brief") / "brief.pdf"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "refuse_totals", lambda *results: None)
        report.build([early()], out, brief=True, html=out.with_suffix(".html"), xlsx=out.with_suffix(".xlsx"))
    return out.parent


def test_the_brief_begins_with_the_finding_and_has_three_pages_at_most(folder: Path) -> None:
    pages = pypdf.PdfReader(folder / "brief.pdf").pages
    first = re.sub(r"\s+", " ", pages[0].extract_text())
    told = early().headline()
    assert told.finding in first and len(pages) <= 3
    for row in told.rows.itertuples():
        cells = (row.fy2026_2035_bn_usd, row.fy2027_2036_bn_usd)
        assert " ".join(figures(value, 1) for value in cells) in first
    assert all(
        bullet in first for bullet in ("Ten years (FY2026–35).", "Long run (2045).", "At market prices.", "How sure.")
    )


def test_texts_of_users_are_printed_as_typed(folder: Path) -> None:
    printed = re.sub(r"\s", "", read(folder / "brief.pdf"))
    page = html.unescape((folder / "brief.html").read_text(encoding="utf-8"))
    for text in HOSTILE.values():
        assert re.sub(r"\s", "", text) in printed
    assert HOSTILE["title"] in page and "<script" not in (folder / "brief.html").read_text(encoding="utf-8")


def test_the_pdf_is_accessible_and_has_no_date(folder: Path) -> None:
    reader = pypdf.PdfReader(folder / "brief.pdf")
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"].lower().startswith("en")
    assert reader.metadata.title == HOSTILE["title"] and reader.metadata.creation_date is None
    assert "pdfuaid" in root["/Metadata"].get_object().get_data().decode("utf-8", "replace")


def test_the_page_has_the_finding_first_and_fetches_nothing(folder: Path) -> None:
    page = (folder / "brief.html").read_text(encoding="utf-8")
    body = page[page.index("<main") :]
    assert html.escape(early().headline().finding, quote=False) in body[:600].replace("&#34;", '"')
    assert not re.search(r'(src|href|srcset)="(?!data:|#)', page) and "width=device-width" in page
    assert len(re.findall(r"<h1>", page)) == 1 and body.count("<figure") == len(re.findall(r'alt="[^"]{20,}', body))


def test_the_workbook_has_contents_then_the_headline_and_native_charts(folder: Path) -> None:
    with zipfile.ZipFile(folder / "brief.xlsx") as parts:
        book = parts.read("xl/workbook.xml").decode()
        names = re.findall(r'<sheet name="([^"]+)"', book)
        styles = parts.read("xl/styles.xml").decode()
        assert names[:3] == ["Contents", "Headline", "By year"] and len(names) <= 20
        assert len([name for name in parts.namelist() if name.startswith("xl/charts/chart")]) == 2
        assert "#,##0.0" in styles and "<f>" not in parts.read("xl/worksheets/sheet2.xml").decode()
        values = parts.read("xl/worksheets/sheet2.xml").decode()
    effect = early().headline().rows["fy2026_2035_bn_usd"].iloc[0]
    assert any(float(value) == pytest.approx(effect) for value in re.findall(r"<v>(-?\d+\.\d+)</v>", values))


def test_the_same_runs_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "brief.pdf"
    report.build([early()], out, brief=True, html=out.with_suffix(".html"), xlsx=out.with_suffix(".xlsx"))
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert [file for file in files if (folder / file).read_bytes() != (tmp_path / file).read_bytes()] == []


def test_a_figure_is_drawn_once_and_only_if_it_is_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn: list[str] = []
    real = report.write_figure
    monkeypatch.setattr(report, "write_figure", lambda figure, to, name: drawn.append(name) or real(figure, to, name))
    report.build([early()], tmp_path / "brief.pdf", brief=True)
    assert len(drawn) == len(set(drawn)) == len(report.brief([early()]).figures())


# --- a user's own case ------------------------------------------------------------------------------

CASES = {
    "crash": ({2031: -0.8}, "bust 2031"),
    "calm": ({}, "none"),
    "all boom": (dict.fromkeys(range(2026, 2046), 0.25), "boom 2026–2045"),
    "early": ({2027: -0.8}, "bust 2027"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_own_case_is_told_truthfully(case: str, tmp_path: Path) -> None:
    """What the PDF says of events, signs, sums, shares, and the dollar is read back and compared with the run."""
    returns, event = CASES[case]
    result = fiscal.quick(own(tmp_path, returns))
    report.build([result], tmp_path / "brief.pdf", brief=True)
    text = read(tmp_path / "brief.pdf")
    assert "Our path" in text and "Crypto boom from 2027" not in text and result.headline().finding in text
    row = result.headline().rows.iloc[0]
    assert row["event"] == event
    assert f"{figures(row['fy2026_2035_bn_usd'], 1)} {figures(row['fy2027_2036_bn_usd'], 1)}" in text
    assert row["fy2026_2035_bn_usd"] == pytest.approx(against_equity(result), abs=1e-9)
    assert_signs_and_shares(result, text)
    effect = result.effects_found[0]
    for year in re.findall(r"A crypto \w+ (?:in|over) (\d{4})", text):
        assert int(year) == events_first(effect)
    if event == "none":
        assert "without a boom or a bust" in text and not re.search(r"\b2027–2036\b", text)
    else:
        dollar = facts.path_facts(effect)["dollar"]
        assert f"a dollar in crypto becomes ${dollar:,.2f}" in text
    assert "own.csv" in text  # what differs from the defaults


def assert_signs_and_shares(result: Totals, text: str) -> None:
    """Verb, size, and share of income tax of the ten years, and the share of GDP of the last year, as printed."""
    ten, tax = against_equity(result), statistics.individual_income_tax(result).loc[2026:2035].sum()
    if abs(ten) < statistics.NOISE_BN_USD:
        assert "would have no effect on federal revenue" in text and "leaves revenue unchanged" in text
        return
    verb = "raises" if ten > 0 else "lowers"
    assert f"{verb} revenue by {usd(ten)} ({pct(ten / tax)} of individual income tax" in text
    assert figures(100 * ten / tax, 3) in text
    gdp = result.effects_found[0].by_year(value="gdp_share").iloc[-1]
    assert f"{'raises' if gdp > 0 else 'lowers'} revenue by {pct(gdp, 2, 1e-5)} of GDP" in text


class Priced(stages.Tables):
    """Yearly totals that can be asked for the stage of values, which costs nothing here."""

    asked: ClassVar[list[str]] = []

    def _on_demand(self) -> set[str]:
        return {"bases", "distribution_bases"}

    def _compute(self, stage: stages.Stage) -> dict[str, pd.DataFrame]:
        self.asked.append(f"{stage.name} {self.parts.scenario.name}")
        worth = {"rothification": 400.0, "baseline": 100.0}.get(self.parts.scenario.name.split("-")[0], 1.5)
        rows = [
            ("risk_neutral", scope, "average", line, worth, 0.4)
            for scope in ("crypto_effect", "all_contributions", "opening_stock")
            for line in ("net_revenue", "withdrawal_tax")
        ]
        names = ["basis", "scope", "weight", "line", "present_value_bn_usd", "standard_error_bn_usd"]
        return dict.fromkeys(stage.yields, pd.DataFrame(rows, columns=names))


def priced(result: Totals) -> Totals:
    return replace(result, tables=Priced(stages.Parts(result.scenario), dict(result.tables)))


@pytest.mark.parametrize(
    ("runs", "amount", "low", "high"),
    [
        (lambda: [totals("boom", adoption__participants_share=0.2)], "worth $1.5 billion to investors", 2.0, 4.0),
        (lambda: [totals("baseline"), totals("rothification")], "worth $600 billion to investors", 20.0, 40.0),
    ],
    ids=["crypto", "law"],
)
def test_a_brief_computes_the_value_and_the_range_that_the_runs_lack(
    runs, amount: str, low: float, high: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of changed law both are the difference of two runs, the range draw by draw."""

    def draws_of(scenario: Scenario) -> SimpleNamespace:
        level = np.linspace(0.0, 1000.0, 101) + (
            np.linspace(low, high, 101) if not scenario.name.startswith("baseline") else 0
        )
        values = {"level": level, "equity_adoption": np.linspace(low, high, 101), "no_crypto": level}
        return SimpleNamespace(values={name: {"FY2026-2035": draws} for name, draws in values.items()})

    monkeypatch.setattr(worth.bands, "draws_of", draws_of)
    monkeypatch.setattr(Priced, "asked", [])
    text = words(report.brief([priced(one) for one in runs()]))
    bounds = [low + share * (high - low) for share in (0.1, 0.9)]
    assert amount in text and f"is {usd(bounds[0])} to {usd(bounds[1])}" in text
    assert Priced.asked and all(name.startswith("bases") for name in Priced.asked)
    assert len(Priced.asked) == len(set(Priced.asked))


def events_first(effect: Effect) -> int:
    event = headline.events.told(effect.result).event
    assert event is not None
    return event.first_year


# --- any case ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "runs",
    [
        lambda: [totals("baseline")],
        lambda: [totals("boom", adoption__participants_share=0.0)],
        lambda: [totals("boom", adoption__participants_share=1e-12)],
        lambda: [totals("rothification")],
        lambda: [totals("boom", roth__full_from_year=2027)],
        lambda: [totals("baseline"), totals("rothification"), totals("boom")],
        lambda: [totals("boom"), totals("bust")],
    ],
    ids=["baseline", "nobody", "almost nobody", "law", "law and crypto", "three", "base with crypto"],
)
@pytest.mark.parametrize("kind", [report.brief, report.report], ids=["brief", "report"])
def test_any_case_is_told_without_gaps(kind, runs) -> None:
    document = kind(runs())
    data = json.dumps(pdf.as_json(document), allow_nan=False)
    for gap in ("nan", "inf", "None", "an unknown"):
        assert not re.search(rf"\b{gap}\b", data), data[re.search(rf"\b{gap}\b", data).start() - 90 :][:160]
    assert "  " not in words(document) and not re.search(r" [.,;]", words(document))
    assert document.tables() and words(document).count("\n") > 8


@pytest.mark.parametrize("kind", [report.brief, report.report], ids=["brief", "report"])
def test_a_setting_that_another_one_overrides_is_named(kind) -> None:
    text = words(kind([totals("rothification", roth__elective_share_2025=0.3, paths__tail_share=0.1)]))
    assert "roth.elective_share_2025 acts before 2027 only" in text
    assert "paths.tail_share has no effect here" in text
    assert "Without effect" not in words(kind([totals("rothification")]))


def test_the_report_answers_the_seven_questions_in_their_order() -> None:
    text = words(report.report([totals("baseline"), totals("boom")]))
    places = [text.index(f"\n{number}. ") for number in range(1, 8)]
    assert places == sorted(places)
    effect = totals("boom").effects_found[0]
    assert (
        f"tax on all withdrawals is {usd(facts.case_facts(effect, asked())['withdrawal_level'])} in FY2026–35" in text
    )


def asked() -> Asked:
    return Asked((totals("baseline"), totals("boom")))


def test_the_table_by_year_stands_as_scorers_print_it() -> None:
    table = exhibits.exhibits(asked())["by-year"]()
    rows = [cells for kind, cells in table.rows() if kind == "row"]
    frame = compare(totals("baseline"), totals("boom")).by_year()
    sums = [headline.scored(value) for value in frame["2026–35"]]
    assert [row[-1] for row in rows] == list(dict.fromkeys(sums))  # references that print alike share a row
    assert table.notes[0].startswith("Billions of dollars")


def test_settings_that_differ_are_all_listed() -> None:
    told = facts.changed(totals("boom", fees__crypto_rate=0.01).scenario)
    assert {one["key"] for one in told} >= {"fees.crypto_rate", "adoption.participants_share", "paths.name"}
    assert next(one for one in told if one["key"] == "fees.crypto_rate")["value"] == "1 percent"


# --- templates --------------------------------------------------------------------------------------


def test_markup_is_ours_alone() -> None:
    facts_of = {"user": "# x\n- **y** [[headline]] @table a", "n": 3}
    blocks = markup.compose(
        "# Head {{ n }}\n\n{{ user }} and **bold {{ user }}**\n- one\n  more\n- two\n", facts_of, {}
    )
    heading, paragraph, bullets = blocks
    assert heading.text == (content.Piece("Head 3"),) and len(bullets.items) == 2
    assert [piece.kind for piece in paragraph.text] == ["plain", "bold"]
    assert "# x - **y** [[headline]] @table a" in paragraph.text[0].text


def test_a_reference_prints_a_number_or_names_the_full_report() -> None:
    text = markup.text_of("See [[headline]] and [[gone]].")
    assert content.plain(text, {"headline": "Table 1"}) == "See Table 1 and the full report."


def test_wrong_input_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(InputError, match="taken is a file"):
        report.build([early()], tmp_path / "taken" / "r.pdf")
    with pytest.raises(InputError, match="nothing to report"):
        report.brief([])
    with pytest.raises(InputError, match="differ"):
        report.report([totals("baseline"), fiscal.quick("boom", {"horizon.last_year": 2040})])


def test_other_endings_are_refused_all_at_once(tmp_path: Path) -> None:
    import typer.testing

    from fiscal.cli import app

    told = ["report", "baseline", "--out", "x.doc", "--html", "y.pdf", "--xlsx", str(tmp_path)]
    answer = typer.testing.CliRunner().invoke(app, told)
    assert isinstance(answer.exception, InputError)
    assert all(option in str(answer.exception) for option in ("--out", "--html", "--xlsx"))


def test_characters_that_no_font_has_are_printed_by_their_number(tmp_path: Path) -> None:
    document = content.Document("\u4e2d", "", (content.Heading((content.Piece("x"),), 1),))
    printed = pypdf.PdfReader(io.BytesIO(pdf.compile_pdf(document, tmp_path, tmp_path))).pages[0].extract_text()
    assert "[U+4E2D]" in printed
