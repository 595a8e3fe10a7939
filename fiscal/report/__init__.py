"""Brief and report: results in; PDF, HTML page, workbook, figures, and tables out.

``brief(results)`` and ``report(results)`` make the document as data, ``build`` writes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fiscal.base import sources
from fiscal.base.errors import InputError, Problem
from fiscal.base.files import not_writable, write_whole
from fiscal.base.words import listing
from fiscal.report import exhibits, facts, folders, html, markup, origin, pdf, trust, workbook
from fiscal.report.asked import Asked
from fiscal.report.content import Document, Figure
from fiscal.results import running, stages
from fiscal.results.effects import changes_more_than_crypto, current_law_of
from fiscal.results.figures import style
from fiscal.results.figures.files import write_figure
from fiscal.results.result import Result, Totals, refuse_totals
from fiscal.results.store.values import write_json

__all__ = ["Document", "brief", "build", "figures", "report"]

REPORT_TITLE = "401(k) plans, crypto assets, and federal revenue"
MOST_TITLES = 3

HALF_INCHES = 3.25
"""Width of a figure beside another on a page, or on a phone."""

PANELS_BELOW = 0.75
"""Share of a figure's height that it keeps at half the width."""

SOURCE_POINTS = 7.0

Progress = Callable[[int, int, str], None]


def brief(results: Sequence[Result]) -> Document:
    """The brief: the answer on a page, then why, who, how sure, and its limits. Raises InputError for runs that cannot
    be compared."""
    return _document(Asked(tuple(_with_reference(results)), brief=True))


def report(results: Sequence[Result]) -> Document:
    """The report, the first run being the base. Raises InputError for runs that cannot be compared."""
    return _document(Asked(tuple(_with_reference(results))))


def _document(asked: Asked) -> Document:
    if asked.brief:
        facts.complete(asked)
    told = facts.facts(asked)
    told["rothification"] = partial(trust.rothification, asked)
    titles = told["titles"]
    more = [f"{len(titles) - MOST_TITLES} more"] if titles[MOST_TITLES:] else []
    named = listing([*titles[:MOST_TITLES], *more])
    return Document(
        title=named if asked.brief else REPORT_TITLE,
        byline=origin.byline(told)
        if asked.brief
        else " \N{MIDDLE DOT} ".join(filter(None, (named, origin.byline(told)))),
        blocks=markup.compose("brief.j2" if asked.brief else "report.j2", told, exhibits.exhibits(asked)),
        running_head=named,
        brief=asked.brief,
    )


def _with_reference(results: Sequence[Result]) -> Sequence[Result]:
    """The runs, after current law where one run alone changes more than crypto and so needs a reference."""
    if not results:
        raise InputError(Problem("nothing to report", key="results", allowed="one result or more"))
    if len(results) != 1 or not changes_more_than_crypto(results[0].scenario):
        return results
    if results[0].data_fingerprint != sources.fingerprint():
        return results
    make = running.quick if isinstance(results[0], Totals) else running.run
    return (make(current_law_of(results[0].scenario)), *results)


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

    ``tables_dir`` (default: ``<stem>-tables`` beside the PDF) gets one file per table of the document and the long
    tables of every run. ``brief`` writes the brief; ``html`` and ``xlsx`` name files for the same as one page and as a
    workbook. Everything is made beside its place and then renamed: both folders hold the figures and tables of this
    document alone, and keep files that no report wrote. Raises InputError when a target cannot be written or a result
    holds totals only.
    """
    refuse_totals(*results)
    tell = progress or (lambda done, total, what: None)
    out = Path(out)
    tables = Path(tables_dir) if tables_dir is not None else out.parent / f"{out.stem}-tables"
    drawn_to = out.parent / f"{out.stem}-figures"
    files = [path for path in (out, html, xlsx) if path is not None]
    _check_targets(files, tables, drawn_to)
    tell(0, 1, "content")
    asked = Asked(tuple(_with_reference(results)), brief)
    made = _document(asked)
    total = len(made.figures()) + 3
    try:
        with folders.workplace(out, *files, tables, drawn_to) as work:
            drawn, typeset, written = (work / part for part in ("figures", "typst", "tables"))
            for folder in (drawn, typeset, written):
                folder.mkdir()
            for done, figure in enumerate(made.figures(), 1):
                write_figure(figure.draw(figure.inches), drawn, f"figure-{figure.label}")
                if html is not None and not figure.small:
                    write_figure(figure.draw(_half(figure)), drawn, f"figure-{figure.label}-half")
                tell(done, total, figure.label)
            (work / "report.pdf").write_bytes(pdf.compile_pdf(made, drawn, typeset))
            tell(total - 2, total, "PDF")
            _write_tables(made, results, written)
            if html is not None:
                (work / "report.html").write_text(_page(made, drawn), encoding="utf-8")
            if xlsx is not None:
                workbook.write(made, asked, work / "report.xlsx")
            with folders.locked(out.parent):
                folders.put(drawn, drawn_to)
                folders.put(written, tables)
                for name, target in (("report.html", html), ("report.xlsx", xlsx)):
                    if target is not None:
                        write_whole(target, (work / name).read_bytes())
                os.replace(work / "report.pdf", out)
    except OSError as error:
        raise _unwritable(error, out) from error
    tell(total, total, "done")
    return out


_page = html.page


def _half(figure: Figure) -> tuple[float, float]:
    return HALF_INCHES, max(figure.inches[1] * (1 if figure.inches[0] <= HALF_INCHES else PANELS_BELOW + 0.25), 2.2)


def figures(results: Sequence[Result], out: Path, progress: Progress | None = None) -> Path:
    """Write every figure of a report of ``results`` into the folder ``out``; returns the index, figures.json.

    Each comes as wide as a page's text and half as wide (``-half``), as SVG and PNG, with title and source; the
    index holds caption, alternative text and source. Figures of an earlier call are gone, files of others stay. Raises
    InputError when a target cannot be written.
    """
    tell = progress or (lambda done, total, what: None)
    _check_targets((), out)
    tell(0, 1, "content")
    made = report(results)
    total = len(made.figures()) + 1
    try:
        with folders.workplace(out) as work:
            drawn = work / "figures"
            drawn.mkdir()
            entries = []
            for done, figure in enumerate(made.figures(), 1):
                entries.append(_exported(figure, drawn))
                tell(done, total, figure.label)
            runs = [
                {"name": result.name, "title": result.scenario.title, "fingerprint": result.fingerprint}
                for result in results
            ]
            write_json(drawn / folders.INDEX, {"runs": runs, "figures": entries})
            with folders.locked(out.parent):
                folders.put(drawn, out)
    except OSError as error:
        raise _unwritable(error, out) from error
    tell(total, total, "done")
    return out / folders.INDEX


def _exported(figure: Figure, folder: Path) -> dict[str, Any]:
    """One figure in both sizes with its title above and its source below; what the index says of it."""
    label = f"figure-{figure.label}"
    wide = (style.FIGURE_INCHES[0], figure.inches[1] + 0.4)
    for name, inches in ((label, wide), (f"{label}-half", _half(figure))):
        drawn = figure.draw(inches)
        characters = int(inches[0] * 72 / style.CHARACTER_POINTS)
        with style.look():
            drawn.suptitle(style.wrapped(figure.caption, characters), x=0.01, ha="left", fontsize=10, fontweight="bold")
            below = " ".join(filter(None, (f"{figure.subtitle}.".removeprefix("."), figure.source)))
            drawn.supxlabel(style.wrapped(below, int(1.25 * characters)), x=0.01, ha="left", fontsize=SOURCE_POINTS)
        write_figure(drawn, folder, name, title=figure.caption, description=figure.alt)
    files = {
        size: {kind: f"{name}.{kind}" for kind in ("svg", "png")}
        for size, name in (("page", label), ("half", f"{label}-half"))
    }
    told = {"name": label, "caption": figure.caption, "alt": figure.alt, "source": figure.source}
    return {**told, "unit": figure.subtitle, "files": files}


def _write_tables(made: Document, results: Sequence[Result], folder: Path) -> None:
    """Tables of the document as they are before rounding, and the runs' long tables that are computed."""
    for table in made.tables():
        table.data.to_csv(folder / f"table-{table.label}.csv", index=False, lineterminator="\n")
    for result in results:
        for name, frame in stages.held(result.tables).items():
            frame.to_csv(folder / f"{result.name}-{name}.csv", index=False, lineterminator="\n")


def _check_targets(files: Sequence[Path], *replaced: Path) -> None:
    """Every file and folder that cannot be written, in one message, before any work and without making anything."""
    problems = [Problem("is a folder", file=str(file), allowed="a file's name") for file in files if file.is_dir()]
    for parent in dict.fromkeys(file.parent for file in files):
        problems += not_writable(parent)
    for folder in replaced:
        problems += folders.not_replaceable(folder)
    if problems:
        raise InputError(list(dict.fromkeys(problems)))


def _unwritable(error: OSError, out: Path) -> InputError:
    return InputError(Problem(f"the report cannot be written: {error.strerror or error}", file=str(out)))
