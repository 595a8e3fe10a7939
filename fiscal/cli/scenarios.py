"""Commands on scenarios: list, explain, run, compare, decompose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fiscal.base.errors import InputError, Problem
from fiscal.cli.application import (
    JsonOption,
    ScenarioArgument,
    SetOption,
    VerboseOption,
    app,
)
from fiscal.cli.running import distinct, results_of, run_into, run_one
from fiscal.cli.show import (
    emit,
    is_narrow,
    progress_bar,
    range_text,
    say,
    show_entries,
    show_frame,
    show_summary,
    show_table,
    shown,
)

if TYPE_CHECKING:
    import pandas as pd

    from fiscal.scenario.scenario import ExplainedSetting, Scenario


@app.command("list")
def list_scenarios(as_json: JsonOption = False) -> None:
    """List the scenarios that come with the package.

    \b
    Example: fiscal list
    """
    from fiscal.scenario import catalogue, titles

    if as_json:
        from fiscal.scenario import load

        found = [load(name) for name in catalogue()]
        emit({"scenarios": [{**one.header(), "fingerprint": one.fingerprint()} for one in found]})
        return
    show_table(["scenario", "title"], [[name, title] for name, title in titles().items()])


@app.command()
def explain(
    scenario: Annotated[str | None, typer.Argument(metavar="SCENARIO", help="Name or .toml file.")] = None,
    overrides: SetOption = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the defaults.")] = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="The resolved scenario as a file.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="JSON Schema of scenario files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show every setting of a scenario with unit, range, source and standing, without running it.

    Standing and source are always those of the default; of a setting that the scenario changes its default is
    named too. On a terminal of less than 150 columns the settings are a list. Every file that the scenario names is
    read and checked; of a file of returns, each path's geometric mean and what a dollar becomes at its returns follow.

    \b
    Examples: fiscal explain boom
              fiscal explain boom --set adoption.allocation_share=0.1 --changed
              fiscal explain --schema > scenario.schema.json
    """
    from fiscal.engine.idle import idle_settings
    from fiscal.results.store.values import plain, records
    from fiscal.scenario import json_schema, load

    if schema:
        emit(json_schema())
        return
    if scenario is None:
        raise InputError(Problem("which scenario?", key="SCENARIO", allowed="a name or .toml file"))
    chosen = load(scenario, overrides or [])
    returns, warnings = _own_files(chosen)
    if as_toml:
        typer.echo(chosen.to_toml(), nl=False)
        return
    rows = [row for row in chosen.explained() if row.changed or not changed]
    path, early = _told_of_path(chosen)
    warnings += (early,) if early else ()
    if as_json:
        settings = [plain(vars(row)) for row in rows]
        told = {"scenario": chosen.header(), "fingerprint": chosen.fingerprint(), "settings": settings}
        told |= {"path": path, "warnings": list(warnings), "without_effect": idle_settings(chosen)}
        emit(told if returns is None else {**told, "returns": records(returns)})
        return
    typer.echo(f"{chosen.title}\n{chosen.name}, fingerprint {chosen.fingerprint()[:12]}")
    if path:
        show_entries([(path, [])])
    _show_settings(rows)
    if returns is not None:
        typer.echo("\nReturns of the file, at full years; a dollar is put in at the start of the first:")
        show_frame(returns.head(SHOWN_RETURNS))
        if len(returns) > SHOWN_RETURNS:
            typer.echo(f"and {len(returns) - SHOWN_RETURNS} more, with --json")
    _say_idle(chosen)
    for warning in warnings:
        say(warning)


def _told_of_path(chosen: Scenario) -> tuple[str, str]:
    """What a scenario's path does, from its returns, and the warning of an early event; each empty without."""
    from fiscal.results import adoption

    if not adoption.states_returns(chosen.settings):
        return "", ""
    returns = adoption.returns_of(chosen)
    return adoption.path_sentence(chosen.settings, returns), adoption.warning_before(chosen, returns)


SHOWN_RETURNS = 40


def _own_files(chosen: Scenario) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """Each path of the user's file of returns, if there is one, and what is told of its reform. Raises InputError for
    what is wrong in any file that the scenario names."""
    from fiscal.engine.inputs import law_warnings, path_settings
    from fiscal.markets.paths import user_returns

    problems: list[Problem] = []
    returns: pd.DataFrame | None = None
    warnings: tuple[str, ...] = ()
    try:
        if chosen.settings.paths.file is not None:
            returns = user_returns(path_settings(chosen.settings)).summary()
    except InputError as error:
        problems += error.problems
    try:
        warnings = law_warnings(chosen.settings)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return returns, warnings


def _say_idle(scenario: Any) -> None:
    """Name the settings that the scenario changes without effect, on stderr."""
    from fiscal.engine.idle import idle_settings

    for key, needs in idle_settings(scenario).items():
        say(f"{key} has no effect here: it needs {needs}")


def _show_settings(rows: Sequence[ExplainedSetting]) -> None:
    """Settings as a table, on a narrow terminal as a list; what is said of a default is said as the default's."""
    changed = [row.changed for row in rows]
    standing = [f"{shown(row.default)}, {row.status}" if row.changed else row.status for row in rows]
    ranges = [range_text(row.low, row.high) for row in rows]
    if not is_narrow():
        columns = ["setting", "value", "unit", "range", "set in", "the default is", "its source"]
        cells = [
            [row.key, shown(row.value), row.unit, span, row.set_in, status, row.source]
            for row, span, status in zip(rows, ranges, standing, strict=True)
        ]
        show_table(columns, cells, mark=changed)
        return
    entries = [
        (
            f"{row.key} = {shown(row.value)}" + (f", set in {row.set_in}" if row.changed else ""),
            [
                f"{row.unit}, {span}" if span else row.unit,
                f"{'default' if row.changed else 'the default,'} {status}: {row.source}",
            ],
        )
        for row, span, status in zip(rows, ranges, standing, strict=True)
    ]
    show_entries(entries, mark=changed)


@app.command()
def run(
    scenario: ScenarioArgument,
    overrides: SetOption = None,
    paths: Annotated[
        int | None, typer.Option("--paths", min=1, max=1_000_000, help="Number of random paths.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of the paths.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write a run folder.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compute every table, as a deposit needs them; takes longer.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier run folder.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run of the same folder.")
    ] = False,
    engine: Annotated[
        str, typer.Option("--engine", help="Who computes random paths: local (this process) or dask.")
    ] = "local",
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler, as tcp://host:8786."),
    ] = None,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run one scenario and print its headline; with --out, keep its tables in a run folder.

    The folder holds the yearly tables and those of random paths. Values, vintages, and distributions are computed when
    a report or a notebook asks for them, and kept there; --full computes all of them now.
    Finished batches of random paths are kept in DIR.incomplete until the run is whole; --resume uses them.
    --engine dask computes them on a Dask cluster, by default one of processes on this machine; the answer is the same.

    \b
    Examples: fiscal run boom --out runs/boom
              fiscal run boom --set adoption.participants_share=0.2 --json
              fiscal run boom --out runs/boom --full
              fiscal run stochastic_central --paths 10000 --out runs/central --resume
              fiscal run stochastic_central --paths 100000 --engine dask --scheduler tcp://10.0.0.5:8786
    """
    from fiscal.engine import workers as engine_workers
    from fiscal.engine.inputs import law_warnings
    from fiscal.engine.run import has_random_paths
    from fiscal.results import store
    from fiscal.results.adoption import warning_after
    from fiscal.scenario import load

    drawn = {"paths.count": paths, "paths.seed": seed}
    changes = [f"{key}={value}" for key, value in drawn.items() if value is not None]
    chosen = load(scenario, [*(overrides or []), *changes])
    if resume and out is None:
        raise InputError(Problem("needs the folder of the run", key="--resume", allowed="--out DIR"))
    _say_idle(chosen)
    warnings = law_warnings(chosen.settings)  # a reform is tried before anything is built
    for warning in warnings:
        say(warning)
    with store.on_stderr(verbose), engine_workers.workers(engine, scheduler) as workers:
        if out is None:
            result = run_one(chosen, verbose, workers=workers, full=full)
        else:
            result = run_into(out, chosen, force, resume, verbose, workers, full=full)
        if workers is not None and not has_random_paths(chosen.settings):
            say(f"{chosen.name} has no random paths: there was nothing to hand out")
        if workers is not None and workers.rounding:
            say(
                f"{len(workers.rounding)} workers round otherwise than this machine: {engine_workers.ROUNDING}"
            )
    summary = store.plain(result.summary)
    early = warning_after(result)
    if as_json:
        answer = {"name": chosen.name, "title": chosen.title, "changed": store.plain(chosen.changed())}
        fingerprint = store.input_fingerprint(chosen)
        folder = str(out) if out else None
        answer |= {"input_fingerprint": fingerprint, "summary": summary}
        emit({**answer, "warnings": [*warnings, *([early] if early else [])], "out": folder})
        return
    show_summary(summary)
    if early:
        say(early)
    if out is not None:
        say(f"run written to {out}")


@app.command()
def compare(
    base: Annotated[str, typer.Argument(metavar="BASE", help="Scenario, .toml file or run folder.")],
    others: Annotated[
        list[str], typer.Argument(metavar="OTHER...", help="One or more to compare with BASE.")
    ],
    overrides: SetOption = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare runs of other data, horizons or seeds all the same.")
    ] = False,
    values: Annotated[
        bool, typer.Option("--values", help="Also present values to the last withdrawal; takes longer.")
    ] = False,
    static: Annotated[
        bool, typer.Option("--static", help="Beside each scenario in which savers answer, the same without.")
    ] = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare scenarios with a base: what differs, the headline, ten years beside the long run.

    --values adds the present values to the last withdrawal, which take some seconds a scenario.
    --set holds for all of them. Runs of other data, horizons or seeds are refused unless told to.

    \b
    Examples: fiscal compare baseline boom bust
              fiscal compare baseline rothification lower_limits
              fiscal compare baseline dearer_saving --static
              fiscal compare baseline boom --values
              fiscal compare baseline my-scenario.toml --json
    """
    from fiscal.results import result as results_result
    from fiscal.results import store

    with store.on_stderr(verbose):
        found = results_of([base, *others], overrides, verbose, static)
    comparison = results_result.compare(found[0], *found[1:], anyway=anyway)
    headline, effects = comparison.headline(), comparison.effects(values=values)
    differing = comparison.differing_settings()
    if as_json:
        names = [result.name for result in found]
        budget = store.records(comparison.budget.to_frame())
        answer = {"base": names[0], "others": names[1:], "headline": store.records(headline)}
        told = {"differing_settings": store.records(differing), "effects": store.records(effects)}
        emit({**answer, **told, "budget": budget})
        return
    show_frame(differing)
    typer.echo("")
    show_frame(headline)
    typer.echo(f"\nNet revenue less {found[0].name}, and the years in which the effect turns for good:")
    show_frame(effects)


@app.command()
def decompose(
    base: Annotated[str, typer.Argument(metavar="BASE", help="Scenario or .toml file.")],
    others: Annotated[
        list[str], typer.Argument(metavar="OTHER...", help="One or more to take apart against BASE.")
    ],
    overrides: SetOption = None,
    line: Annotated[
        str, typer.Option("--line", help="Line of the books to print; --json has all.")
    ] = "net_revenue",
    run_off: Annotated[
        bool, typer.Option("--run-off", help="Also the claim left at the horizon; twice as long.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what makes scenarios differ from a base: contributions, returns, rate, timing, behaviour.

    Billions of current dollars by window of fiscal years, and the present value to the horizon at
    Treasury bill rates; the factors add up to the difference. --set holds for all scenarios.

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
            Problem(
                "no such line",
                key="--line",
                value=line,
                allowed=", ".join(LINES),
                nearest=nearest(line, LINES),
            )
        )
    chosen = []
    for name in (base, *others):
        try:
            chosen.append(load(name, overrides or []))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(distinct(problems))
    with progress_bar("decompose") as progress:
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
