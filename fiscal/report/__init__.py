"""The report: results in, a PDF with its figures and tables out.

``assemble(results)`` makes the content as data, ``build`` writes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from fiscal.base.errors import InputError, Problem
from fiscal.base.files import not_writable
from fiscal.report import (
    answer,
    background,
    books,
    chapters,
    compared,
    decomposition,
    drawing,
    folders,
    hindcast,
    levers,
    markets,
    pdf,
    published,
    workbook,
)
from fiscal.report import brief as briefs
from fiscal.report import html as pages
from fiscal.report.content import Report, Section
from fiscal.results.result import Result, refuse_totals
from fiscal.results.store.values import write_json, write_whole

__all__ = ["Report", "assemble", "build", "figures"]

TITLE = "Tax deferral in 401(k) plans, crypto assets, and federal revenue"

Progress = Callable[[int, int, str], None]


def assemble(results: Sequence[Result]) -> Report:
    """The report of some results, the first being the base, as data.

    Raises InputError when there is none or they cannot be compared.
    """
    if not results:
        raise InputError(Problem("nothing to report", key="results", allowed="one result or more"))
    own = tuple(results)
    compared.owner_of(own)  # refuses runs that cannot be compared, before any work
    found: list[Section | None] = [
        answer.answer_section(own),
        chapters.contributions_section(own),
        chapters.books_section(own),
        chapters.balances_section(own),
        chapters.distribution_section(own),
        chapters.extra_dollar_section(own),
        levers.levers_section(own),
        decomposition.decomposition_section(own),
        chapters.present_values_section(own),
        books.valued_section(own),
        markets.paths_distribution_section(own),
        background.calibration_section(own),
        published.published_section(),
        markets.history_section(own),
        hindcast.hindcast_section(own),
        background.paths_section(own),
        markets.implied_section(own),
        background.assumptions_section(own),
        background.method_section(own),
        background.limits_section(own),
        background.sources_section(),
    ]
    sections = tuple(section for section in found if section is not None)
    return Report(
        title=TITLE,
        subtitle=answer.subtitle(own),
        scenarios=answer.scenario_facts(own, [section.title for section in sections]),
        warning=answer.warning_of(own),
        meta=answer.title_facts(own),
        running_head=", ".join(result.name for result in own),
        sections=sections,
    )


def build(
    results: Sequence[Result],
    out: Path,
    tables_dir: Path | None = None,
    progress: Progress | None = None,
    *,
    brief: bool = False,
    html: Path | None = None,
    xlsx: Path | None = None,
) -> Path:
    """Write the PDF, its figures (``<stem>-figures/``, SVG and PNG) and its tables (CSV); returns ``out``.

    ``tables_dir`` (default: ``<stem>-tables`` beside the PDF) gets one file a table of the report and the
    long tables of every run. ``brief`` writes four pages in place of the whole; ``html`` and ``xlsx`` name files for
    the same as one page and as a workbook. Everything is made beside its place and then renamed: both folders hold the
    figures and tables of this report alone, and keep files that no report wrote. Raises InputError when a target cannot
    be written or a result holds totals only.
    """
    refuse_totals(*results)
    tell = progress or (lambda done, total, what: None)
    out = Path(out)
    tables = Path(tables_dir) if tables_dir is not None else out.parent / f"{out.stem}-tables"
    figures = out.parent / f"{out.stem}-figures"
    files = [path for path in (out, html, xlsx) if path is not None]
    _check_targets(files, tables, figures)
    tell(0, 1, "content")
    whole = assemble(results)
    report = briefs.brief(whole) if brief else whole
    owner = compared.owner_of(tuple(results))
    total = len(report.figures()) + 3
    done = 1

    def advance(label: str) -> None:
        nonlocal done
        done += 1
        tell(done, total, label)

    try:
        with folders.workplace(out, *files, tables, figures) as work:
            drawn, typeset, written = (work / part for part in ("figures", "typst", "tables"))
            for folder in (drawn, typeset, written):
                folder.mkdir()
            drawing.save_figures(report, owner, drawn, advance)
            (work / "report.pdf").write_bytes(pdf.compile_pdf(report, drawn, typeset))
            advance("PDF")
            _write_tables(report, results, written)
            if html is not None:
                (work / "report.html").write_text(pages.page(report, drawn), encoding="utf-8")
            if xlsx is not None:
                workbook.write(report, results, work / "report.xlsx", whole)
            with folders.locked(out.parent):
                folders.put(drawn, figures)
                folders.put(written, tables)
                for made, target in (("report.html", html), ("report.xlsx", xlsx)):
                    if target is not None:
                        write_whole(target, (work / made).read_bytes())
                os.replace(work / "report.pdf", out)
    except OSError as error:
        raise _unwritable(error, out) from error
    tell(total, total, "done")
    return out


def figures(results: Sequence[Result], out: Path, progress: Progress | None = None) -> Path:
    """Write every figure of a report of ``results`` into the folder ``out``; returns the index, figures.json.

    Each comes as wide as a page's text and half as wide (``-half``), as SVG and PNG, with its source below it; the
    index holds caption, alternative text and source. Figures of an earlier call are gone, files of others stay. Raises
    InputError when a target cannot be written.
    """
    tell = progress or (lambda done, total, what: None)
    _check_targets((), out)
    tell(0, 1, "content")
    own = tuple(results)
    report = assemble(own)
    total, done = len(report.figures()) + 1, 0

    def advance(label: str) -> None:
        nonlocal done
        done += 1
        tell(done, total, label)

    try:
        with folders.workplace(out) as work:
            drawn = work / "figures"
            drawn.mkdir()
            entries = drawing.export_figures(report, compared.owner_of(own), drawn, advance)
            runs = [
                {"name": result.name, "title": result.scenario.title, "fingerprint": result.fingerprint}
                for result in own
            ]
            write_json(drawn / folders.INDEX, {"runs": runs, "figures": entries})
            with folders.locked(out.parent):
                folders.put(drawn, out)
    except OSError as error:
        raise _unwritable(error, out) from error
    tell(total, total, "done")
    return out / folders.INDEX


def _write_tables(report: Report, results: Sequence[Result], folder: Path) -> None:
    """Tables of the report as they are before rounding, and the runs' long tables."""
    for table in report.tables():
        table.data.to_csv(folder / f"{table.label}.csv", index=False, lineterminator="\n")
    for result in results:
        for name, frame in result.tables.items():
            frame.to_csv(folder / f"{result.name}-{name}.csv", index=False, lineterminator="\n")


def _check_targets(files: Sequence[Path], *replaced: Path) -> None:
    """Every file and folder that cannot be written, in one message, before any work and without making anything."""
    problems = [
        Problem("is a folder", file=str(file), allowed="a file's name") for file in files if file.is_dir()
    ]
    for parent in dict.fromkeys(file.parent for file in files):
        problems += not_writable(parent)
    for folder in replaced:
        problems += folders.not_replaceable(folder)
    if problems:
        raise InputError(list(dict.fromkeys(problems)))


def _unwritable(error: OSError, out: Path) -> InputError:
    return InputError(Problem(f"the report cannot be written: {error.strerror or error}", file=str(out)))
