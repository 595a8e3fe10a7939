"""The report: read back from the PDF, set beside the tables it was made from."""

from __future__ import annotations

import html
import json
import re
import zipfile
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pypdf
import pytest
from real_runs import HOSTILE, comparison, short, three

from fiscal import report
from fiscal.base import sources
from fiscal.base.errors import InputError
from fiscal.base.words import MINUS, amount, figures, percent, signed_amount, window_name
from fiscal.report import background, brief, chapters, content, drawing, pdf, published, workbook
from fiscal.report import html as html_page
from fiscal.report.content import Column, Figure, Items, Prose, Ref, Table
from fiscal.report.decomposition import decomposition_section
from fiscal.report.drivers import drivers_blocks
from fiscal.results.figures import statistics
from fiscal.results.schema import COLUMNS
from fiscal.scenario.design import read_design


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of the three scenarios, built once."""
    out = tmp_path_factory.mktemp("reports") / "fiscal-report.pdf"
    beside = {"html": out.with_suffix(".html"), "xlsx": out.with_suffix(".xlsx")}
    assert report.build(three(), out, **beside) == out
    return out.parent


@pytest.fixture(scope="module")
def pages(folder: Path) -> list[str]:
    """Text of every page, one space between words."""
    reader = pypdf.PdfReader(folder / "fiscal-report.pdf")
    return [re.sub(r"\s+", " ", page.extract_text()) for page in reader.pages]


@cache
def assembled() -> content.Report:
    return report.assemble(three())


def page_with(pages: list[str], text: str) -> int:
    """The first page after cover and contents (three pages) that holds ``text``."""
    return next(number for number, page in enumerate(pages) if number > 2 and text in page)


# --- what a reader reads ----------------------------------------------------------------------------


def test_headline_table_is_printed_as_the_windows_say(pages):
    page = pages[page_with(pages, "The answer on one page")]
    for result in three():
        windows = result.tables["windows"]
        own = windows[windows["path"] == "scenario"].set_index(["window", "line"])["nominal_bn_usd"]
        for window in ("FY2026-2035", "FY2026-2055", "FY2026-2100"):
            row = [
                figures(own[window, line], 0)
                for line in ("deferred_revenue", "payroll_forgone", "withdrawal_tax")
            ]
            row.append(figures(own[window, "conversion_tax"] + own[window, "additional_tax"], 0))
            row.append(figures(own[window, "net_revenue"], 0))
            assert f"{result.name} {' '.join(row)}" in page


def test_differences_are_against_both_references(pages):
    page = pages[page_with(pages, "The answer on one page")]
    for result in three()[1:]:
        windows = result.tables["windows"]
        net = windows[windows["line"] == "net_revenue"].set_index(["window", "path"])["nominal_bn_usd"]
        cells = [
            figures(net["FY2026-2100", "scenario"] - net["FY2026-2100", path], 1)
            for path in ("no_crypto", "equity_adoption")
        ]
        assert " ".join(cells) in page


def test_the_difference_is_taken_apart_as_the_decomposition_says(pages):
    page = pages[page_with(pages, "What makes the difference")] + pages[page_with(pages, "by factor, FY")]
    table = comparison().decomposition
    own = table[(table["line"] == "net_revenue") & (table["window"] == "FY2026-2100")]
    for name in ("boom", "bust"):
        values = own[own["scenario"] == name].set_index("factor")["effect_bn_usd"]
        verb = "raises" if values["difference"] > 0 else "lowers"
        assert f"{name} {verb} net revenue against baseline by {amount(values['difference'])}" in page
        assert f"tax rates {signed_amount(values['rate'])}" in page
        share = values["rate"] / values["difference"]
        assert f"Progressivity is {percent(share)} of it" in page


def test_runs_that_cannot_be_repeated_are_not_taken_apart():
    """A stored run of other data would get a decomposition of numbers that the report does not show."""
    base, boom, _ = three()
    windows = boom.tables["windows"]
    moved = windows.assign(nominal_bn_usd=windows["nominal_bn_usd"] * 1.001)
    other = replace(boom, tables={**boom.tables, "windows": moved})
    section = decomposition_section((base, other))
    assert section is not None and len(section.blocks) == 1
    assert "other data" in section.blocks[0].text
    with pytest.raises(InputError, match="same name"):
        decomposition_section((base, base))
    assert decomposition_section((base,)) is None


def test_the_first_paragraph_says_what_the_tables_say():
    text = assembled().sections[0].blocks[0].text
    said = re.search(r"boom raises withdrawal tax by \$([\d,.]+) (billion|trillion)", text)
    windows = three()[1].tables["windows"]
    tax = windows[windows["line"] == "withdrawal_tax"].set_index(["window", "path"])["nominal_bn_usd"]
    gap = tax["FY2026-2100", "scenario"] - tax["FY2026-2100", "equity_adoption"]
    scale = {"billion": 1.0, "trillion": 1e3}[said[2]]
    assert float(said[1].replace(",", "")) * scale == pytest.approx(gap, rel=0.006)
    assert gap > 0 and "bust lowers withdrawal tax" in text
    assert "With 10 percent of participants holding 5 percent of their balances" in text
    share = re.search(r"crypto is ([\d.]+) percent of all balances at the end of 2035", text)
    assert float(share[1]) / 100 == pytest.approx(statistics.crypto_share(three()[1])[2035], rel=0.02)
    of_all = re.search(
        r"if all participants held .* of individual income tax, ([\d.]+) percent in boom", text
    )
    tax_share = gap / statistics.individual_income_tax(three()[1]).loc[2026:2100].sum()
    assert float(of_all[1]) / 100 == pytest.approx(10 * tax_share, rel=0.02)
    # what more than all would have to hold is not said
    assert "holding that allocation were" not in text


def test_the_effects_over_75_and_ten_years_are_told_side_by_side():
    text = assembled().plain_text()
    said = re.search(
        r"boom raises withdrawal tax by \$(\d+) billion over FY 2026–2100 and by \$([\d.]+) billion over FY 2026–2035",
        text,
    )
    tax = three()[1].tables["windows"]
    tax = tax[tax["line"] == "withdrawal_tax"].set_index(["window", "path"])["nominal_bn_usd"]
    far = tax["FY2026-2100", "scenario"] - tax["FY2026-2100", "no_crypto"]
    near = tax["FY2026-2035", "scenario"] - tax["FY2026-2035", "no_crypto"]
    assert float(said[1]) == pytest.approx(far, abs=0.51)
    assert float(said[2]) == pytest.approx(near, abs=0.051)
    assert "FY 2026–2035 and FY 2026–2100 differ because the event starts in 2036" in text


def test_published_numbers_are_printed_with_verdict_and_reason(pages):
    frame = published.published_frame()
    first = page_with(pages, "Published numbers and the model")
    text = " ".join(pages[first : first + 5])
    for row in frame[frame["check"] != "input"].itertuples():
        assert f"{published._number(row.published)} {published._number(row.model)}" in text, row.id
    words = text[text.index("Why rows lie outside") :].replace("- ", "")
    for reason in frame.loc[frame["verdict"] == "outside", "reason"]:
        assert reason[:40].replace("- ", "") in words


def test_the_published_chapter_counts_what_the_table_holds():
    said = report.content.plain(published._verdicts(published.published_frame()), assembled().numbers())
    verdicts = sources.table("validation")
    alike = verdicts["id"].str.startswith(
        "EIG_TV_"
    )  # one contribution in the calculator: no test of the full model
    full = verdicts["check"].isin(["level", "order"]) & ~alike
    counts = verdicts.loc[full, "verdict"].value_counts()
    assert f"{full.sum()} are held against the full model" in said
    assert f"{counts['inside']} lie inside, {counts['outside']} outside" in said
    assert "all of them hold at their tolerance" in said


def test_calibration_numbers_are_printed(pages):
    frame = background.calibration_frame(three()[0])
    text = " ".join(pages)
    assert len(frame) > 10
    for row in frame.itertuples():
        model = f"{row.model:,.4g}" if abs(row.model) < 1 else f"{row.model:,.1f}"
        assert f"{row.published} {model}" in text, row.quantity


def test_every_cell_of_the_short_tables_is_in_the_text(pages):
    text = re.sub(r"\s", "", " ".join(pages))
    for table in assembled().tables():
        if table.breakable:
            continue
        for row in table.rows():
            line = "".join(cell["text"] + cell["note"] for cell in row["cells"])
            assert re.sub(r"\s", "", line) in text, (table.label, line)


def test_every_chapter_stands_in_the_contents_and_the_answer_takes_one_page(pages):
    titles = [section.title for section in assembled().sections]
    assert all(title in pages[1] for title in titles)
    answer = page_with(pages, "1 The answer on one page")
    last = assembled().sections[0].blocks[-1]
    assert isinstance(last, Prose) and str(last.text)[-40:] in pages[answer]
    assert page_with(pages, "2 Contributions") == answer + 1


def test_the_warning_stands_on_page_one(pages):
    for phrase in (
        "not conventional revenue estimates",
        "does not score expected excess returns",
        "not final",
    ):
        assert phrase in pages[0]


def test_fingerprints_and_versions_are_on_page_one(pages):
    for result in three():
        assert result.fingerprint[:12] in pages[0]
    assert "taxcalc" in pages[0] and "Data fingerprint" in pages[0]


def test_turning_years_are_the_signs_of_the_books():
    table = next(table for table in assembled().tables() if table.label == "table-turning")
    net = three()[0].budget.line("net_revenue")
    first = int(net.index[net.to_numpy() > 0].min())
    row = table.data[table.data["scenario"] == "baseline"].iloc[0]
    assert f"gain {first}" in row["spell"] and (net.loc[first:] > 0).all()


def test_no_word_judges_a_size():
    words = re.compile(
        r"\b(huge|massive|dramatic\w*|significant\w*|substantial\w*|enormous|tiny|negligible|modest|robust|striking)\b",
        re.IGNORECASE,
    )
    quoted = "'substantially less than one percent of the 401(k) market' (GAO)"
    assert words.findall(assembled().plain_text().replace(quoted, "")) == []


def test_assumptions_are_all_there():
    tables = {table.label: table for table in assembled().tables()}
    assert len(tables["table-assumptions"].data) == len(sources.table("assumptions"))
    settings = three()[0].tables["settings"]["key"]
    assert len(tables["table-settings"].data) == (~settings.str.startswith("assumptions.")).sum()
    assert len(tables["table-sources"].data) == len(sources.resources())


# --- users' texts -----------------------------------------------------------------------------------


def test_texts_of_users_are_printed_as_typed(pages):
    printed = re.sub(r"\s", "", pages[0])
    for text in HOSTILE.values():
        assert re.sub(r"\s", "", text) in printed


def test_a_title_cannot_break_out_of_the_data():
    as_json = pdf.as_json(assembled())
    assert json.loads(json.dumps(as_json))["scenarios"][2]["title"] == HOSTILE["title"]


# --- the file ---------------------------------------------------------------------------------------


def test_the_pdf_is_accessible_and_has_no_date(folder):
    reader = pypdf.PdfReader(folder / "fiscal-report.pdf")
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"].lower().startswith("en")
    assert reader.metadata.title == report.TITLE and reader.metadata.creation_date is None
    assert "pdfuaid" in root["/Metadata"].get_object().get_data().decode("utf-8", "replace")


def test_every_figure_has_its_alternative_text_in_the_pdf(folder):
    reader = pypdf.PdfReader(folder / "fiscal-report.pdf")
    found: list[str] = []
    heads = 0
    stack = [reader.trailer["/Root"]["/StructTreeRoot"]]
    while stack:
        node = stack.pop().get_object()
        if isinstance(node, list):
            stack += [kid for kid in node if not isinstance(kid, int)]
        elif isinstance(node, dict):
            if node.get("/S") == "/Figure":
                found.append(str(node.get("/Alt")))
            heads += node.get("/S") == "/TH"
            if "/K" in node and not isinstance(node["/K"], int):
                stack.append(node["/K"])
    assert sorted(found) == sorted(figure.alt for figure in assembled().figures())
    assert heads >= sum(len(table.columns) for table in assembled().tables())


def test_the_same_runs_give_the_same_bytes(folder, tmp_path):
    out = tmp_path / "fiscal-report.pdf"
    report.build(three(), out, html=out.with_suffix(".html"), xlsx=out.with_suffix(".xlsx"))
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    changed = [str(file) for file in files if (folder / file).read_bytes() != (tmp_path / file).read_bytes()]
    assert changed == []


def test_every_table_and_figure_lies_beside_the_pdf(folder):
    for table in assembled().tables():
        assert len(pd.read_csv(folder / "fiscal-report-tables" / f"{table.label}.csv")) == len(table.data)
    for figure in assembled().figures():
        for suffix in ("svg", "png"):
            assert (folder / "fiscal-report-figures" / f"{figure.label}.{suffix}").stat().st_size > 1000
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_long_tables_are_written_in_full(folder):
    written = pd.read_csv(folder / "fiscal-report-tables" / "boom-budget.csv")
    pd.testing.assert_frame_equal(
        written, three()[1].tables["budget"].reset_index(drop=True), check_dtype=False, rtol=1e-12
    )


def test_progress_ends_at_its_total(tmp_path):
    told: list[tuple[int, int, str]] = []
    report.build(
        short(), tmp_path / "r.pdf", progress=lambda done, total, what: told.append((done, total, what))
    )
    assert told[-1][0] == told[-1][1] and [done for done, _, _ in told] == sorted(done for done, _, _ in told)


# --- other cases ------------------------------------------------------------------------------------


def test_a_single_run_without_crypto():
    own = report.assemble(three()[:1])
    titles = [section.title for section in own.sections]
    assert "The crypto paths" not in titles and "What the extra dollar is taxed at" not in titles
    assert "None of these scenarios holds crypto" in own.plain_text()
    assert {panel.plot for figure in own.figures() for panel in figure.panels} <= set(
        three()[0].plot.__dir__()
    )


def test_a_single_run_with_crypto(tmp_path):
    out = report.build(three()[1:2], tmp_path / "boom.pdf", tmp_path / "csv")
    assert out.stat().st_size > 10_000 and (tmp_path / "csv" / "table-headline.csv").is_file()


def test_a_short_horizon_has_one_window_and_no_ratio():
    text = report.assemble(short()).plain_text()
    assert "times its effect" not in text and "there is no effect to scale" in text


def test_another_base_is_not_set_beside_published_figures():
    text = report.assemble(short()).plain_text()
    assert "The base of this report is another case" in text


def test_wrong_input_is_refused_before_any_work(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file", encoding="utf-8")
    with pytest.raises(InputError, match="taken"):
        report.build(three(), taken / "report.pdf")
    with pytest.raises(InputError, match="is a folder"):
        report.build(three(), tmp_path)
    with pytest.raises(InputError, match="nothing to report"):
        report.assemble([])
    with pytest.raises(InputError, match="horizon"):
        report.assemble([three()[0], short()[1]])
    assert taken.read_text(encoding="utf-8") == "a file"


def test_all_unwritable_targets_are_named_at_once(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("", encoding="utf-8")
    with pytest.raises(InputError) as error:
        report.build(three(), tmp_path / "a" / "report.pdf", tmp_path / "b" / "tables")
    assert len(error.value.problems) == 3


# --- content ----------------------------------------------------------------------------------------


def test_references_print_the_number_of_what_they_name():
    numbers = assembled().numbers()
    assert numbers["table-headline"] == "Table 1" and numbers["figure-contributions"] == "Figure 1"
    text = content.plain(("see ", Ref("table-effects")), numbers)
    assert re.fullmatch(r"see Table \d+", text)


def test_a_label_may_stand_once():
    table = next(iter(assembled().tables()))
    section = content.Section("twice", (table, table))
    doubled = content.Report("", "", (), "", (), "", (section,))
    with pytest.raises(ValueError, match="table-headline"):
        doubled.numbers()


def test_rows_of_a_table_have_groups_notes_and_figures():
    frame = pd.DataFrame(
        {"g": ["x", "x", "y"], "n": ["a", "b", "c"], "v": [-1.5, 0.25, None], "why": [None, "so", None]}
    )
    table = Table("t", "c", frame, (Column("n", "N"), Column("v", "V", 1, 100)), group="g", note="why")
    rows = list(table.rows())
    assert [row["kind"] for row in rows] == ["group", "row", "row", "group", "row"]
    assert [row["cells"][-1]["text"] for row in rows] == ["x", f"{MINUS}150.0", "25.0", "y", "\N{EN DASH}"]
    assert rows[2]["cells"][0]["note"] == "so" and rows[1]["cells"][0]["note"] == ""


def test_heads_break_into_few_lines():
    column = Column("v", "Percent of individual income tax", 4)
    assert column.characters([1.0]) < len(column.title) and column.alignment == "right"
    assert Column("n", "Name").alignment == "left"


def test_figures_and_prose_are_data():
    for block in assembled().blocks():
        if isinstance(block, Figure):
            assert block.alt.endswith(".") and block.caption and block.source
        if isinstance(block, Prose):
            assert content.plain(block.text, assembled().numbers()).strip()


def test_the_owner_of_the_figures_is_the_comparison():
    drawn = drawing.draw(assembled().figures()[2], comparison())
    assert len(drawn.axes) == 2


# --- the same in other forms -------------------------------------------------------------------------


class Page(HTMLParser):
    """What a reader of the page meets: tags, texts, identifiers, links, cells by table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.cells: dict[str, list[str]] = {}
        self._table = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        self.tags.append(tag)
        self.ids += [str(told["id"])] if "id" in told else []
        self.links += [str(told["href"])] if tag == "a" else []
        self.images += [told] if tag == "img" else []
        if tag == "table":
            self._table = str(told["id"])
            self.cells[self._table] = []
        if tag in ("td", "th"):
            self.cells[self._table].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._table = ""

    def handle_data(self, data: str) -> None:
        if self._table and self.cells[self._table]:
            self.cells[self._table][-1] += data


def test_the_page_says_what_the_pdf_says_and_fetches_nothing(folder):
    text = (folder / "fiscal-report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)  # and so to nowhere else
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert "url(" not in html_page.STYLE and "@import" not in html_page.STYLE
    assert all(str(image["src"]).startswith("data:image/svg+xml;base64,") for image in page.images)
    made = assembled()
    for table in made.tables():
        wanted = [column.head for column in table.columns]
        wanted += [cell["text"] + cell["note"] for row in table.rows() for cell in row["cells"]]
        assert [cell.strip() for cell in page.cells[table.label]] == [cell.strip() for cell in wanted], (
            table.label
        )
    assert [image["alt"] for image in page.images] == [figure.alt for figure in made.figures()]

    def words(of: str) -> str:  # a term is set apart by a colon in one and by a full stop in the other
        return re.sub(r"[:.]? +", " ", of)

    said = words(html.unescape(re.sub(r"<[^>]+>", "", text)))
    for line in made.plain_text().splitlines():
        assert words(line) in said


def test_hostile_words_are_words_on_the_page(tmp_path):
    words = "<script>alert(1)</script><img src=x onerror=alert(1)> <b>bold</b> \"quoted\" & 'so'"
    section = content.Section(words, (Prose(words), content.Heading(words)))
    page = Page(html_page.page(replace(assembled(), title=words, sections=(section,)), tmp_path))
    assert not {"script", "img", "b", "iframe"} & set(page.tags)


def test_the_brief_has_four_pages_and_the_report_s_numbers(folder, tmp_path):
    made = brief.brief(assembled())
    drawn = folder / "fiscal-report-figures"
    (tmp_path / "brief.pdf").write_bytes(pdf.compile_pdf(made, drawn, _new(tmp_path / "work")))
    reader = pypdf.PdfReader(tmp_path / "brief.pdf")
    assert len(reader.pages) <= brief.MOST_PAGES
    text = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in reader.pages))
    for result in three():
        assert result.fingerprint[:12] in text
    first = made.tables()[0]
    for row in first.rows():
        assert " ".join(cell["text"] for cell in row["cells"]) in text
    whole = {block.label for block in (*assembled().tables(), *assembled().figures())}
    assert {block.label for block in (*made.tables(), *made.figures())} < whole
    assert "figure-drivers" in {block.label for block in made.figures()}
    labels = [table.label for table in made.tables()]
    assert labels == ["table-headline", "table-values"]


def test_the_brief_says_what_its_figure_of_drivers_means_and_what_its_answer_hangs_on():
    made = brief.brief(assembled())
    text = made.plain_text()
    for words in (
        "In nine cases of ten",  # the spread
        "first-order Sobol index",  # what the shares are
        "a distribution that anybody observed",  # the caution
        "Both shares are assumed",
        "listed under it",
    ):
        assert (words in text) == (words != "listed under it"), words
    size = three()[1].tables["crypto_size"].set_index("year")["crypto_over_gdp"]
    assert f"by 2100, over gross domestic product, {size[2100]:.0f} times in boom" in text and size[2100] > 3
    terms = [item.term for block in made.blocks() if isinstance(block, Items) for item in block.items]
    assert tuple(terms) == brief.LIMITS_CHOSEN
    verdicts = published.published_frame()
    inside = verdicts[verdicts["check"].isin(["level", "order"])]["verdict"].eq("inside")
    assert (
        f"of {len(inside)} published numbers that the full model is held against {inside.sum()} lie" in text
    )
    # what is referred to is there, or named as the full report's
    held = {block.label for block in (*made.tables(), *made.figures())}
    for block in made.blocks():
        if isinstance(block, Prose) and not isinstance(block.text, str):
            assert {part.label for part in block.text if isinstance(part, Ref)} <= held


def test_the_limits_say_the_year_of_each_gap_and_the_largest_misses():
    text = brief.brief(assembled()).plain_text()
    rows = published.published_frame().set_index("id")
    gap = {name: rows.at[name, "model"] / rows.at[name, "published"] - 1 for name in rows.index}
    assert (
        f"is {percent(gap['TSY_CASH_DC_FY25ED_2024'], 2)} above Treasury's and "
        f"{percent(gap['JCT_DC_FY2024'], 2)} above JCT's for fiscal year 2024 and "
        f"{percent(gap['TSY_CASH_DC_FY2026'], 2)} above Treasury's for fiscal year 2026."
    ) in text
    assert f"it is {percent(-gap['TSY_PV_DC_CY2025'], 2)} below Treasury's present value" in text
    assert f"{percent(gap['JCT_S2_603'])} above JCT's ten-year score of the Roth catch-up" in text
    errors = sources.table("hindcast").query(
        "start_year == 2010 and variant == 'own_rules' and quantity == 'contributions' and series == 'DOL'"
    )
    assert f"{percent(-errors['error'].iloc[-1], 2)} below the contributions that were paid" in text
    displaced = three()[2].tables["displaced"].query("path == 'scenario' and displaced_share == 1")
    assert (
        f"{signed_amount(displaced['displaced_gains_tax_bn_usd'].sum())} in bust, which no total has" in text
    )


def test_drivers_of_another_case_are_titled_as_that():
    design = read_design("drivers")
    titles = [section.title for section in brief.brief(assembled()).sections]
    assert [design.base.title in title for title in titles] == [False, False, True, False]
    own = replace(three()[1], scenario=design.base)
    (head, *_) = drivers_blocks((own,))
    assert head.text == "What drives the effect of crypto"


def test_raw_ids_and_schema_words_are_said_in_words():
    text = assembled().plain_text()
    reasons = " ".join(published.published_frame()["reason"].dropna())
    known = sources.table("published_targets")["id"]
    assert [row for row in known if re.search(rf"\b{row}\b", reasons)] == []
    assert "EIG's payroll-tax expenditure" in reasons and "BEA_T7" not in reasons
    assert "Crypto's path: Named path of the deterministic model; core return: crypto earns" in text
    assert "Neither boom nor bust triggers it." in text
    assert chapters._idle(["a"]) == ["A never triggers it."] and chapters._idle([]) == []
    assert chapters._idle(["a", "b", "c"]) == ["None of a, b, and c triggers it."]


def test_sums_over_calendar_years_say_why_they_differ_from_fiscal_years():
    tables = {table.label: table for table in assembled().tables()}
    for label in ("table-extra-dollar", "table-groups"):
        assert (
            "a fiscal year holds 60 percent of the withdrawal tax of its calendar year"
            in tables[label].source
        )


def test_tables_and_figures_begin_in_the_order_of_their_numbers(pages):
    first = page_with(pages, "The answer on one page")
    text = " ".join(pages[first:])
    for word, blocks in (("Table", assembled().tables()), ("Figure", assembled().figures())):
        heads = [f"{word} {number}. {block.caption[:25]}" for number, block in enumerate(blocks, start=1)]
        places = [text.index(head) for head in heads]
        assert places == sorted(places)


def test_a_figure_under_a_caption_has_no_second_title_and_one_on_its_own_has():
    made = {figure.label: figure for figure in assembled().figures()}
    for label, kept in (
        ("figure-drivers", False),
        ("figure-difference", True),
    ):  # panels are told apart by titles
        for captioned in (True, False):
            drawn = drawing.draw(made[label], comparison(), captioned=captioned)
            assert bool(drawn.axes[0].get_title(loc="left")) == (kept or not captioned)
    window = statistics.windows_of(three()[0])[-1]
    for label in ("figure-drivers", "figure-groups", "figure-gains"):  # what the title said
        assert window_name(window) in made[label].caption


def test_the_examples_are_current(root):
    """Their tables are those of today's runs; `make examples` makes them again."""
    folder = root / "reports" / "examples"
    for name, made, most in (("brief", brief.brief(assembled()), 0.5e6), ("report", assembled(), 3e6)):
        path = folder / f"{name}.pdf"
        assert path.stat().st_size < most
        text = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pypdf.PdfReader(path).pages))
        shown = ("table-headline", "table-values", "table-levers")
        for table in [one for one in made.tables() if one.label in shown]:
            for row in table.rows():
                assert " ".join(cell["text"] for cell in row["cells"]) in text, "run make examples"


def _new(path: Path) -> Path:
    path.mkdir()
    return path


def test_the_workbook_holds_the_tables_and_no_formula(folder, tmp_path):
    def read(path: Path) -> tuple[list[str], dict[str, str]]:
        with zipfile.ZipFile(path) as book:
            parts = {
                name: book.read(name).decode("utf-8") for name in book.namelist() if name.endswith(".xml")
            }
        return re.findall(r'<sheet name="([^"]+)"', parts["xl/workbook.xml"]), parts

    names, parts = read(folder / "fiscal-report.xlsx")
    made = assembled()
    assert names[: 1 + len(made.tables())] == [
        "Contents",
        *(made.numbers()[one.label] for one in made.tables()),
    ]
    assert {f"{result.name} windows" for result in three()} <= set(names)
    for place, table in enumerate(made.tables(), start=2):
        sheet = parts[f"xl/worksheets/sheet{place}.xml"]
        numbers = sorted(float(value) for value in re.findall(r'<c r="\w+"><v>([^<]+)</v>', sheet))
        scales = {column.field: column.scale for column in table.columns if column.decimals is not None}
        shown = table.data.select_dtypes("number")
        values = (shown * [scales.get(name, 1.0) for name in shown]).to_numpy(dtype=float).ravel()
        wanted = sorted(value for value in values if np.isfinite(value))
        np.testing.assert_allclose(numbers, wanted, rtol=1e-12, err_msg=table.label)
    heads = parts["xl/sharedStrings.xml"]
    assert "Nominal (billions of current dollars)" in heads and "Real (billions of 2025 dollars)" in heads
    contents = {
        row[0]: row for row in read_sheets(folder / "fiscal-report.xlsx")["Contents"] if len(row) == 4
    }
    assert contents["'Sheet'"][1:] == ["'What it holds'", "'Rows'", "'Units and signs'"]
    assert set(contents) == {"'Sheet'", *map(repr, names[1:])}
    for result in three():
        row = contents[repr(f"{result.name} present values")]
        assert float(row[2]) == len(result.tables["present_values"])
        assert "Positive = the government is better off" in row[3]
    assert "Withdrawal tax (billions of current dollars, fiscal years)" in heads  # as the report has it
    assert "Withdrawal tax (percent of the same years' gross domestic product)" in heads
    small = three()[0]
    odd = pd.DataFrame({"path": ["=1+1", "@x", "http://a.b"], "n": [1.0, np.nan, 2.0]})
    named = replace(small, tables={"budget": odd})
    twice = [tmp_path / name for name in ("one.xlsx", "two.xlsx")]
    for path in twice:
        workbook.write(replace(made, sections=()), [named], path)
    assert twice[0].read_bytes() == twice[1].read_bytes()
    _, parts = read(twice[0])
    assert "=1+1" in parts["xl/sharedStrings.xml"]
    assert not any("<f>" in text or "<hyperlink" in text for text in parts.values())


def test_every_number_of_the_report_has_a_unit_in_the_workbook() -> None:
    """Its own, that of its name, or the table's; where units differ from row to row a column says so."""
    for table in assembled().tables():
        heads, frame = workbook._as_shown(table)
        assert not frame.columns.duplicated().any()
        for head, name in zip(heads, frame, strict=True):
            if frame[name].dtype.kind in "iuf" and frame[name].notna().any():
                said = head.endswith(")") or re.search(
                    "percent|correlation|months|paths|years|dollars", head.lower()
                )
                assert said, f"{table.label}: {head}"
        assert len(set(heads)) == len(heads), table.label


def test_heads_of_the_workbook_are_words_and_no_name_of_a_column() -> None:
    tables = [*assembled().tables()]
    heads = [head for table in tables for head in workbook._as_shown(table)[0]]
    one = three()[1]
    heads += [workbook._head_in_run(column, pd.DataFrame(), one) for column in COLUMNS]
    assert not [head for head in heads if re.search(r"[a-z]_[a-z]|bn_usd", head)]
    assert workbook.in_words("q05_bn_usd") == "5th percentile"
    assert workbook._with_unit("Fall, percent", "percent") == "Fall, percent"
    assert workbook._head_in_run("year", one.tables["budget"], one).startswith("Year (calendar or fiscal")
    numbers = [
        name
        for frame in one.tables.values()
        for name in frame.select_dtypes("number")
        if not COLUMNS[name].unit
    ]
    assert set(numbers) <= {
        "residual",
        "scale",
        "low",
        "high",
    }  # of what is checked, or of the row's own unit


def test_the_tables_of_settings_say_whose_standing_and_source_they_give() -> None:
    boom = three()[1]
    settings = boom.tables["settings"]
    shown = background._settings_table(boom, settings).data.set_index("key")
    row = shown.loc["adoption.participants_share"]
    assert row["standing"] == "set here; default 0.0: assumed" and "Of the default: today" in row["note"]
    row = shown.loc["fees.core_rate"]
    assert row["standing"] == row["status"] and "Of the default" not in row["note"]
    name = "wage_history_rate"
    mine = settings.assign(value=settings["value"].mask(settings["key"] == f"assumptions.{name}", "0.03"))
    table = sources.table("assumptions").set_index("key")
    shown = background._assumptions_table(mine, table.reset_index()).data.set_index("key")
    assert shown.loc[name, "value_text"] == "0.03"
    assert shown.loc[name, "status"] == f"set here; default {table.loc[name, 'value']}: assumed"
    assert set(shown.drop(name)["status"]) <= {"cited", "derived", "assumed", "choice"}


def read_sheets(path: Path) -> dict[str, list[list[str]]]:
    """Cells of every sheet of a workbook, row by row: numbers as numbers are written, texts in quotes."""
    with zipfile.ZipFile(path) as book:
        part = {name: book.read(name).decode("utf-8") for name in book.namelist() if name.endswith(".xml")}
    strings = re.findall(r"<si><t[^>]*>([^<]*)</t></si>", part["xl/sharedStrings.xml"])
    sheets = {}
    for place, name in enumerate(re.findall(r'<sheet name="([^"]+)"', part["xl/workbook.xml"]), start=1):
        rows = re.findall(r"<row [^>]*>(.*?)</row>", part[f"xl/worksheets/sheet{place}.xml"])
        cells = [re.findall(r"<c ([^>]*)><v>([^<]*)</v>", row) for row in rows]
        sheets[name] = [
            [repr(strings[int(value)]) if 't="s"' in kind else value for kind, value in row] for row in cells
        ]
    return sheets


def test_a_table_longer_than_a_sheet_goes_on_in_another_and_the_contents_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 3)
    long = pd.DataFrame(
        {"year": np.arange(2026, 2033), "n": pd.Series([*map(np.int64, range(7))], dtype=object)}
    )
    workbook.write(
        replace(assembled(), sections=()), [replace(three()[0], tables={"budget": long})], tmp_path / "a.xlsx"
    )
    sheets = read_sheets(tmp_path / "a.xlsx")
    parts = ["baseline budget", "baseline budget part 2", "baseline budget part 3"]
    assert list(sheets) == ["Contents", *parts]
    cells = [row for name in parts for row in sheets[name][1:]]
    assert cells == [
        [str(2026 + place), str(place)] for place in range(7)
    ]  # and NumPy's integers are numbers
    told = " ".join(text for row in sheets["Contents"] for text in row)
    assert "(rows 4 to 6 of 7: more than a sheet takes)" in told


def test_the_workbook_beside_a_brief_bears_the_numbers_of_the_brief(tmp_path):
    whole, made = assembled(), brief.brief(assembled())
    workbook.write(made, [], tmp_path / "a.xlsx", whole)
    sheets = read_sheets(tmp_path / "a.xlsx")
    numbered = [name for name in sheets if name.startswith("Table ")]
    assert numbered == [f"Table {number}" for number, _ in enumerate(made.tables(), start=1)]
    assert len(sheets) == 1 + len(whole.tables())
    rows = {row[0]: row for row in sheets["Contents"] if len(row) == 4}
    for table in made.tables():
        assert rows[repr(made.numbers()[table.label])][1] == repr(table.caption)


def test_other_endings_are_refused_all_at_once(tmp_path):
    import typer.testing

    from fiscal.cli import app

    told = ["report", "baseline", "--out", "x.doc", "--html", "y.pdf", "--xlsx", str(tmp_path)]
    answer = typer.testing.CliRunner().invoke(app, told)
    assert isinstance(answer.exception, InputError)
    assert [problem.key for problem in answer.exception.problems] == ["--out", "--html", "--xlsx"]
