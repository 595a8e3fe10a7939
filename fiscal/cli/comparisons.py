"""Commands that compare scenarios: compare and decompose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fiscal.base.errors import InputError, Problem
from fiscal.base.progress import noted, progress_bar
from fiscal.cli.application import JsonOption, SetOption, VerboseOption, app
from fiscal.cli.running import STARTS_AGAIN, distinct, results_of
from fiscal.cli.show import emit, say, show_entries, show_frame, show_headline, show_table

if TYPE_CHECKING:
    import pandas as pd


@app.command()
def compare(
    base: Annotated[str, typer.Argument(metavar="BASE", help="Scenario, .toml file, or run folder.")],
    others: Annotated[
        list[str], typer.Argument(metavar="OTHER...", help="One or more scenarios to compare with BASE.")
    ],
    overrides: SetOption = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Compare even if data, horizons, or seeds differ.")] = False,
    values: Annotated[
        bool, typer.Option("--values", help="Also print present values to the last withdrawal; takes longer.")
    ] = False,
    static: Annotated[
        bool,
        typer.Option(
            "--static", help="Add, for each scenario with behavioral responses, the same scenario without them."
        ),
    ] = False,
    by_year: Annotated[
        bool,
        typer.Option(
            "--by-year", help="Print the effect by fiscal year, in the form of the Joint Committee on Taxation."
        ),
    ] = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare scenarios with a base: the settings that differ, the headline, and the effect over ten years and the long
    run.

    --values adds the present values to the last withdrawal, which take some seconds per scenario.
    --set applies to all of them. Runs with different data, horizons, or seeds are refused without --anyway.

    \b
    Examples: fiscal compare baseline boom bust
              fiscal compare baseline rothification lower_limits
              fiscal compare baseline dearer_saving --static
              fiscal compare baseline boom bust --by-year
              fiscal compare baseline boom --values
              fiscal compare baseline my-scenario.toml --json
    """
    from fiscal.engine.idle import notices
    from fiscal.results import result as results_result
    from fiscal.results import store

    with store.on_stderr(verbose):
        found = results_of([base, *others], overrides, verbose, static)
    for result in found:
        for notice in notices(result.scenario):
            say(f"{result.name}: {notice}")
    comparison = results_result.compare(found[0], *found[1:], anyway=anyway)
    headline = comparison.headline()
    if by_year:
        _show_by_year(comparison.by_year(), headline, as_json)
        return
    effects = comparison.effects(values=values)
    differing = comparison.differing_settings()
    if as_json:
        names = [result.name for result in found]
        budget = store.records(comparison.budget.to_frame())
        answer = {"base": names[0], "others": names[1:], "headline": headline.records()}
        answer |= {"finding": headline.finding}
        told = {"differing_settings": store.records(differing), "effects": store.records(effects)}
        emit({**answer, **told, "budget": budget})
        return
    show_headline(headline)
    typer.echo("\nSettings that differ:")
    show_frame(differing)
    typer.echo(f"\nNet revenue less {found[0].name}, and the year in which the effect changes sign permanently:")
    show_frame(effects)


def _show_by_year(frame: pd.DataFrame, headline: Any, as_json: bool) -> None:
    """The table that a scorer prints, with its footnotes."""
    from fiscal.results.headline import scored
    from fiscal.results.store import records

    notes = frame.attrs["notes"]
    if as_json:
        emit({"by_year": records(frame), "notes": notes, "finding": headline.finding})
        return
    cells = [[*row[:2], *map(scored, row[2:])] for row in frame.itertuples(index=False, name=None)]
    show_table([name.replace("reference", "compared with") for name in frame], cells)
    show_entries(
        [(note, []) for note in notes if note[:3] not in ("[1]", "[2]") or any(note[:3] in row for row in cells)]
    )


@app.command()
def decompose(
    base: Annotated[str, typer.Argument(metavar="BASE", help="Scenario or .toml file.")],
    others: Annotated[
        list[str], typer.Argument(metavar="OTHER...", help="One or more scenarios to decompose relative to BASE.")
    ],
    overrides: SetOption = None,
    line: Annotated[str, typer.Option("--line", help="Revenue line to print; --json has all lines.")] = "net_revenue",
    run_off: Annotated[
        bool, typer.Option("--run-off", help="Add the tax on balances that remain at the horizon; takes twice as long.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Explain why scenarios differ from a base: contributions, returns, rates, timing, and behavior.

    The command prints billions of current dollars by window of fiscal years, and the present value to the horizon at
    Treasury bill rates. The factors add up to the difference. --set applies to all scenarios.

    \b
    Examples: fiscal decompose baseline boom bust
              fiscal decompose baseline my-scenario.toml --line withdrawal_tax
              fiscal decompose baseline boom --json
    """
    import fiscal
    from fiscal.base.errors import nearest
    from fiscal.budget.lines import LINES, SUMS
    from fiscal.results import store
    from fiscal.scenario import load

    problems: list[Problem] = []
    if line not in LINES:
        problems.append(
            Problem("no such line", key="--line", value=line, allowed=", ".join(LINES), nearest=nearest(line, LINES))
        )
    chosen = []
    for name in (base, *others):
        try:
            chosen.append(load(name, overrides or []))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(distinct(problems))
    with noted(STARTS_AGAIN), progress_bar("decompose") as progress:
        table = fiscal.decompose(*chosen, run_off=run_off, progress=progress)
    if as_json:
        names = [one.name for one in chosen]
        emit({"base": names[0], "others": names[1:], "decomposition": store.records(table)})
        return
    own = table[table["line"] == line]
    positive = "a cost" if line in SUMS and SUMS[line].cost else "the government is better off"
    typer.echo(f"{line.replace('_', ' ')}, billions of dollars; positive = {positive}")
    show_frame(
        own.pivot_table(index=["scenario", "window"], columns="factor", values="effect_bn_usd", sort=False)
        .reset_index()
        .rename_axis(columns=None)
    )
