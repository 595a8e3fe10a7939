"""Texts that users write, where they are shown: HTML of notebooks, BibTeX, and the PDF."""

from __future__ import annotations

import base64
import html.parser
import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
from fuzz_words import writable
from hypothesis import strategies as st

from fiscal.report import html as page
from fiscal.report import markup, pdf, workbook
from fiscal.report.asked import Asked
from fiscal.report.content import Column, Document
from fiscal.report.content import Table as ReportTable
from fiscal.report.origin import run_facts
from fiscal.results.result import Budget, Result, Table
from fiscal.results.store.citation import _tex
from fiscal.scenario import Scenario, load

TAGS = {"div", "h4", "strong", "small", "table", "thead", "tbody", "tr", "th", "td", "p", "style", "img"}
DRAWN = {f"{{http://www.w3.org/2000/svg}}{tag}" for tag in ("svg", "rect", "path", "circle", "text")}


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def only_tags(text: str) -> None:
    """HTML of ours: no tag and no attribute but those that we write."""
    parser = _Tags()
    parser.feed(text)
    for tag, attributes in parser.found:
        assert tag in TAGS, tag
        if tag == "img":
            told = dict(attributes)
            assert set(told) == {"src", "alt"} and str(told["src"]).startswith("data:image/svg+xml;base64,")
            drawing = base64.b64decode(str(told["src"]).partition(",")[2])
            assert {one.tag for one in ElementTree.fromstring(drawing).iter()} <= DRAWN
            continue
        assert all(name in ("style", "class", "border") for name, _ in attributes), attributes


@cache
def load_boom() -> Scenario:
    """The scenario whose words are changed."""
    return load("boom")


def bare(scenario: Scenario) -> Result:
    """A result without tables."""
    return Result(name=scenario.name, scenario=scenario, tables={}, fingerprint=scenario.fingerprint())


def show_words(place: Path, told: tuple[str, str, str]) -> None:
    """Titles, names of columns and cells are text in HTML, TeX and TOML."""
    title, column, cell = told
    scenario = replace(load_boom(), title=title, description=cell, author=column)
    only_tags(scenario._repr_html_())
    only_tags(bare(scenario)._repr_html_())
    only_tags(Table(pd.DataFrame({column: [cell]}))._repr_html_())
    only_tags(Budget(pd.DataFrame({"path": [cell], column or "x": [title]}))._repr_html_())
    escaped = re.sub(r"\\(textbackslash|textasciitilde|textasciicircum)\{\}", "", _tex(title))
    escaped = re.sub(r"\\[&%$#_{}]", "", escaped)
    assert not set(escaped) & set("\\{}%$#&_^~")


# --- the PDF ----------------------------------------------------------------------------------------

PLACES = 9
"""Places of a text: title, author, reference, prose, list, heading, caption, cell and its note, column."""

LARGEST_PDF_BYTES = 2_000_000
LONGEST_PDF_PAGES = 60
report_texts = st.lists(writable, min_size=PLACES, max_size=PLACES)


def print_words(place: Path, told: list[str]) -> None:
    """Whatever the texts are, the PDF is built, small, with nothing to click or to run, and plain text reads back."""
    import pypdf

    content = typeset(place, told)
    assert len(content) < LARGEST_PDF_BYTES
    reader = pypdf.PdfReader(io.BytesIO(content))
    assert len(reader.pages) < LONGEST_PDF_PAGES
    assert not ACTIVE & set(_keys(reader))
    printed = re.sub(r"\s", "", "".join(page.extract_text() for page in reader.pages))
    for text in told:
        if text.isascii() and text.isprintable() and len(text) < 100:
            assert re.sub(r"\s", "", text) in printed, text


ACTIVE = {"/JavaScript", "/JS", "/Launch", "/EmbeddedFiles", "/EF", "/URI", "/SubmitForm", "/OpenAction", "/AA"}
"""Keys of a PDF's objects that make it do something, or take the reader elsewhere."""


def _keys(reader: Any) -> Iterator[str]:
    """Keys of all dictionaries of a PDF."""
    for number in range(1, len(reader.xref_objStm) + len(reader.xref.get(0, {})) + 1):
        found = [reader.get_object(number)]
        while found:
            one = found.pop()
            if isinstance(one, dict):
                yield from one
                found += [member for member in one.values() if isinstance(member, dict | list)]
            elif isinstance(one, list):
                found += [member for member in one if isinstance(member, dict | list)]


def typeset(place: Path, told: list[str]) -> bytes:
    """The PDF of :func:`report_of`."""
    work = place / "typst"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    return pdf.compile_pdf(report_of(told)[0], place, work)


def report_of(told: list[str]) -> tuple[Document, Result]:
    """A document with texts in all places where a user's or a stored run's may stand, and a run of these words."""
    title, author, reference, prose, item, heading, caption, cell, column = told
    title = title or "boom"  # as a scenario without one is called
    scenario = replace(load_boom(), title=title, author=author, reference=reference, description=prose)
    frame = pd.DataFrame({"name": [cell, "b"], "group": heading, "value": [1.0, -2.5]})
    table = ReportTable(
        "one", caption, frame, (Column("name", column, width=1), Column("value", "Value", 1)), unit=item,
        notes=(cell,), group="group",
    )  # fmt: skip
    result = bare(scenario)
    facts = {"run": run_facts(result), "told": told}
    blocks = markup.compose(TRIAL, facts, {"one": lambda: table})
    document = Document(title=title, byline=author, blocks=blocks, running_head=title)
    return document, replace(result, tables={"budget": frame})


TRIAL = """
# Of {{ told[5] }}
! {{ run.title }}

{{ told[3] }} **{{ run.description }}** {{ told[6] }}

~ {{ run.reference }} {{ run.author }}

- {{ told[4] }}
- **{{ told[7] }}** {{ told[1] }}
@table one
"""


# --- the page and the workbook ----------------------------------------------------------------------

PAGE_TAGS = TAGS | {
    "html", "head", "meta", "title", "body", "a", "header", "nav", "main", "section", "footer", "h1", "h2", "h3",
    "ol", "ul", "li", "span", "caption",
}  # fmt: skip
PAGE_ATTRIBUTES = {
    "lang", "charset", "name", "content", "class", "href", "id", "aria-labelledby", "role", "tabindex", "scope",
    "colspan",
}  # fmt: skip
PAGE_VALUES = {
    "class": {
        "skip", "soft", "scroll", "unit", "right", "left", "left number", "right number", "number", "group",
        "source", "small", "finding", "columns",
    },
    "id": {"content", "one", "one-caption"},
    "href": {"#content", "#one"},
}  # fmt: skip


def show_report(place: Path, told: list[str]) -> None:
    """As :func:`print_words`, on the page and in the workbook: nothing but texts, and these as typed."""
    content, result = report_of(told)
    parser = _Tags()
    parser.feed(page.page(content, place))
    parser.close()
    for tag, attributes in parser.found:
        assert tag in PAGE_TAGS - {"img"}, tag
        for name, value in attributes:
            assert name in PAGE_ATTRIBUTES and (name not in PAGE_VALUES or value in PAGE_VALUES[name]), attributes
    file = place / "words.xlsx"
    workbook.write(content, Asked((result,)), file)
    written = ""
    with zipfile.ZipFile(file) as parts:
        for name in parts.namelist():
            if name.endswith((".xml", ".rels")):
                root = ElementTree.fromstring(parts.read(name))
                assert not {one.tag.rpartition("}")[2] for one in root.iter()} & {"f", "ddeLink"}, name
                assert not any(one.get("TargetMode") for one in root.iter()), name
                written += "".join(root.itertext()) if name.endswith("sharedStrings.xml") else ""
    for text in told:
        if text.isascii() and text.isprintable():
            assert text in "".join(parser.texts), text
    for text in (told[0], told[7]):
        if text.isascii() and text.isprintable():
            assert text in written, text
