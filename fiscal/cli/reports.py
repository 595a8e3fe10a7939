"""Commands that write the report and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from fiscal.base.errors import InputError, Problem
from fiscal.base.files import not_writable
from fiscal.base.progress import noted, progress_bar
from fiscal.cli.application import JsonOption, SetOption, VerboseOption, app
from fiscal.cli.running import STARTS_AGAIN, results_of
from fiscal.cli.show import emit, say, show_headline

DEFAULT_REPORT = ("baseline", "boom", "bust")


@app.command()
def report(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN...", help="Scenarios, files, or run folders; the first is the base."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.pdf", help="File of the report; tables go to a folder beside it.")
    ] = Path("reports/fiscal-report.pdf"),
    brief: Annotated[
        bool,
        typer.Option(
            "--brief",
            help="Write a brief of two or three pages instead of the report. It computes the value at market prices "
            "and the 80 percent range if the runs lack them.",
        ),
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE.html", help="Also write one HTML page.")] = None,
    xlsx: Annotated[
        Path | None, typer.Option("--xlsx", metavar="FILE.xlsx", help="Also write all tables as an Excel workbook.")
    ] = None,
    overrides: SetOption = None,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the PDF report and its tables (CSV). Default scenarios: baseline, boom, and bust.

    The folders NAME-figures and NAME-tables beside the PDF hold only this report's files. Files of an earlier report of
    that name are removed.

    \b
    Examples: fiscal report
              fiscal report baseline long_bust --out reports/late.pdf
              fiscal report runs/baseline runs/boom
              fiscal report baseline boom --brief --out brief.pdf --html brief.html --xlsx tables.xlsx
    """
    from fiscal.results import result as results_result
    from fiscal.results import store

    _check_targets({"--out": out, "--html": html, "--xlsx": xlsx})
    with store.on_stderr(verbose):
        found = results_of(list(which or DEFAULT_REPORT), overrides, verbose)
    owner = results_result.compare(found[0], *found[1:]) if len(found) > 1 else found[0]
    if not (as_json or brief):  # the answer first: the pages take longer than the runs
        show_headline(owner.headline())
    from fiscal.report import build  # imports matplotlib: only after the input is checked

    with noted(STARTS_AGAIN), progress_bar("report") as progress:
        try:
            tables = out.parent / f"{out.stem}-tables"
            written = build(found, out, tables, progress, brief=brief, html=html, xlsx=xlsx)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(Problem(f"the report cannot be written: {reason}", file=str(out))) from error
    headline = owner.headline()  # with what a brief has computed
    if as_json:
        rows = {"headline": headline.records(), "finding": headline.finding}
        emit({"report": str(written), "runs": [result.name for result in found], **rows})
        return
    if brief:
        show_headline(headline)
    say(f"report written to {written}")


ENDINGS = {"--out": ".pdf", "--html": ".html", "--xlsx": ".xlsx"}


def _check_targets(targets: Mapping[str, Path | None]) -> None:
    """Report every file that does not fit its option in one message, before any work."""
    problems = []
    for option, path in targets.items():
        allowed = f"a name in {ENDINGS[option]}"
        if path is None:
            continue
        if path.suffix.lower() != ENDINGS[option]:
            problems.append(Problem("has the wrong ending", key=option, value=str(path), allowed=allowed))
        elif path.is_dir():
            problems.append(Problem("is a folder", key=option, value=str(path), allowed=allowed))
        else:
            problems += not_writable(path.parent)
    if problems:
        raise InputError(list(dict.fromkeys(problems)))


@app.command()
def figures(
    which: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Scenarios, files, or run folders; the first is the base.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the figures.")] = Path(
        "reports/figures"
    ),
    overrides: SetOption = None,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write every figure of a run as SVG and PNG, with its source below the figure.

    Each figure has two sizes: the width of a page's text, and half of it. figures.json has the caption, alternative
    text, and source of each. With several runs, figures that compare them are added.

    \b
    Examples: fiscal figures boom --out boom-figures
              fiscal figures runs/baseline runs/boom --out figures
    """
    from fiscal.results import store

    with store.on_stderr(verbose):
        found = results_of(which, overrides, verbose)
    from fiscal import report as reports  # imports matplotlib: only after the input is checked

    with noted(STARTS_AGAIN), progress_bar("figures") as progress:
        index = reports.figures(found, out, progress)
    if as_json:
        emit({"figures": str(index), "runs": [result.name for result in found]})
        return
    say(f"figures written to {out}, described in {index.name}")


@app.command()
def page(
    out: Annotated[Path, typer.Argument(metavar="OUT.html", help="File of the page.")], as_json: JsonOption = False
) -> None:
    """Write a page with sliders for adoption, the event, its year, and the share held outside plans.

    The page is one file that needs no server and no network. Its numbers come from the stored table page_lattice.

    \b
    Example: fiscal page sliders.html
    """
    from fiscal.report import page as pages

    written = pages.write(out)
    if as_json:
        emit({"page": str(written)})
        return
    say(f"page written to {written}")
