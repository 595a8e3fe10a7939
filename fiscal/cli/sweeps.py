"""The commands for many cases at once: sweep and study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fiscal.base.errors import InputError, Problem
from fiscal.base.progress import noted, progress_bar
from fiscal.base.words import capital, printable
from fiscal.cli.application import EXIT_CHECK_FAILED, CsvOption, FullOption, JsonOption, SetOption, VerboseOption, app
from fiscal.cli.running import WITHOUT_FOLDER, sweep_into, sweep_one
from fiscal.cli.show import SUMMARY_WIDTH, emit, emit_csv, say, show_entries, show_frame


@app.command()
def sweep(
    grid: Annotated[str, typer.Argument(metavar="GRID", help="Design: a .toml file, or drivers (in the package).")],
    overrides: SetOption = None,
    samples: Annotated[
        int | None, typer.Option("--samples", min=1, help="Number of points of a Sobol design, a power of two.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Number of processes.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder of the sweep to write.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier run folder.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted sweep in the same folder.")] = False,
    name: Annotated[str | None, typer.Option("--name", help="What tables and figures call the sweep.")] = None,
    full: FullOption = False,
    as_csv: CsvOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a grid or a Sobol design over settings, and show which settings drive the result.

    The output has one row per case and the effect of each setting alone at the ends of its range (tornado). A Sobol
    design also gives first-order and total indices. The command prints a summary; --full prints the tables, and --csv
    prints the cases. Finished cases are kept in DIR.incomplete; --resume uses them. The
    exit code is 1 if a case failed; its row states the reason.

    \b
    Examples: fiscal sweep drivers --samples 16 --jobs 2
              fiscal sweep mine.toml --out runs/mine --resume
    """
    from fiscal.results import store
    from fiscal.scenario.design import read_design

    if resume and out is None:
        raise InputError(Problem("needs the folder of the sweep", key="--resume", allowed="--out DIR"))
    design = read_design(grid, overrides or [], samples, name)
    with store.on_stderr(verbose):
        if out is None:
            with noted(WITHOUT_FOLDER):
                found = sweep_one(design, jobs, verbose)
        else:
            found = sweep_into(out, design, jobs, force, resume, verbose)
    if as_json:
        tables = {table: store.records(frame) for table, frame in found.tables.items()}
        fingerprint = store.input_fingerprint(design.base, design)
        folder = str(out) if out else None
        emit({**store.plain(found.summary), "input_fingerprint": fingerprint, "tables": tables, "out": folder})
    else:
        if as_csv:
            emit_csv(found.cases)
        elif full:
            _show(found)
        else:
            _show_summary(found)
        if out is not None:
            say(f"sweep written to {out}")
    if len(found.failed):
        say(f"{len(found.failed)} of {len(found.cases)} cases failed; the first: {found.failed['message'].iloc[0]}")
        raise typer.Exit(EXIT_CHECK_FAILED)


def _show(found: Any) -> None:
    """The sweep's outcome over the nearest and the longest window: its spread, the effect of each setting, and
    indices."""
    from fiscal.budget.valuation import PRESENT_VALUE
    from fiscal.results.quantities import QUANTITY_WORDS

    words = QUANTITY_WORDS[found.quantity]
    typer.echo(f"{printable(found.design.title)}\n{found.counted}; {words}, billions of dollars\n")
    windows = [window for window in found.windows if window != PRESENT_VALUE]
    show_frame(found.spread[found.spread["quantity"] == found.quantity].drop(columns="quantity"))
    for window in dict.fromkeys((windows[0], windows[-1])):
        for title, table in (
            ("each setting alone at the ends of its range", found.tornado.drop(columns="unit")),
            ("shares of the variance over the design (Sobol), and half their 95 percent interval", found.indices),
        ):
            own = table[(table["quantity"] == found.quantity) & (table["window"] == window)]
            if len(own):
                typer.echo(f"\n{window}, {title}:")
                show_frame(own.drop(columns=["quantity", "window"]))


SPREAD = ["window", "mean_bn_usd", "q05_bn_usd", "median_bn_usd", "q95_bn_usd"]
TORNADO = ["setting", "low", "high", "at_low_bn_usd", "at_high_bn_usd"]
INDICES = ["setting", "first_order", "total"]
"""Columns of the summary's tables."""

LARGEST = 6
"""Settings in the summary: those that move the result most."""


def _show_summary(found: Any) -> None:
    """What fits a screen: the spread by window, and the settings that matter most in the nearest one."""
    from fiscal.results.quantities import QUANTITY_WORDS

    title = f"{printable(found.design.title)}; {found.counted}"
    show_entries([(title, []), (f"{capital(QUANTITY_WORDS[found.quantity])}, billions of dollars", [])])
    spread = found.spread[found.spread["quantity"] == found.quantity]
    show_frame(spread[SPREAD], SUMMARY_WIDTH)
    window = found.windows[0]
    parts = (
        ("each setting alone at the ends of its range", found.tornado, TORNADO),
        (
            "shares of the variance over the design (Sobol)",
            found.indices.sort_values("total", ascending=False),
            INDICES,
        ),
    )
    for words, table, columns in parts:
        own = table[(table["quantity"] == found.quantity) & (table["window"] == window)]
        if len(own):
            show_entries([(f"{window}, {words}:", [])])
            show_frame(own[columns].head(LARGEST), SUMMARY_WIDTH)
    show_entries([("--full prints all settings and windows; --csv prints the cases.", [])])


@app.command()
def study(
    name: Annotated[str, typer.Argument(metavar="STUDY", help="Study to run: scenarios.")],
    stored: Annotated[bool, typer.Option("--stored", help="Show the stored table without running anything.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run every case of adoption with every event, store the table, and show it; takes some minutes.

    Each row is the change in net revenue against the same money in equity. The default brief and report read the
    stored table. An interrupted study uses its finished rows when it starts again.

    \b
    Examples: fiscal study scenarios
              fiscal study scenarios --stored --json
    """
    from fiscal.base.errors import nearest
    from fiscal.base.words import MISSING
    from fiscal.results import store
    from fiscal.results.headline import HEADS, Headline
    from fiscal.studies import scenarios

    if name != scenarios.NAME:
        allowed, near = scenarios.NAME, nearest(name, (scenarios.NAME,))
        raise InputError(Problem("no such study", value=name, allowed=allowed, nearest=near))
    if not stored:
        with progress_bar(name) as progress:
            scenarios.rebuild(progress)
    table = scenarios.stored()
    if table is None:
        raise InputError(Problem("the table has not been built", value=name, allowed="fiscal study scenarios"))
    if as_json:
        emit({"study": name, "current": scenarios.is_current(), "rows": store.records(table)})
        return
    (reference,) = table["reference"].unique()
    typer.echo(f"Change in net revenue compared with {reference}, billions of dollars, fiscal years\n")
    shown = Headline(table, "").shown(MISSING)
    show_frame(shown.drop(columns=HEADS["reference"]))
    if stored and not scenarios.is_current():
        say("the table was built by other code or of other data; fiscal study scenarios builds it again")
