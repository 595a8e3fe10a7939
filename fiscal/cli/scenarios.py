"""Commands on scenarios: list, new, explain, run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fiscal.base.errors import InputError, Problem
from fiscal.base.progress import noted
from fiscal.cli.application import CsvOption, FullOption, JsonOption, ScenarioArgument, SetOption, VerboseOption, app
from fiscal.cli.running import STARTS_AGAIN, WITHOUT_FOLDER, run_into, run_one
from fiscal.cli.show import (
    SUMMARY_ROWS,
    SUMMARY_WIDTH,
    emit,
    emit_csv,
    is_narrow,
    range_text,
    say,
    show_entries,
    show_frame,
    show_headline,
    show_summary,
    show_table,
    shown,
)

if TYPE_CHECKING:
    import pandas as pd

    from fiscal.scenario.scenario import ExplainedSetting, Scenario


@app.command("list")
def list_scenarios(as_json: JsonOption = False) -> None:
    """List the scenarios in the package.

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


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="File to write; .toml is added.")],
    extends: Annotated[str, typer.Option("--extends", help="Scenario that the new one changes.")] = "baseline",
    title: Annotated[str, typer.Option("--title", help="One line for title pages and legends.")] = "",
    author: Annotated[str, typer.Option("--author", help="Who makes the scenario.")] = "",
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a scenario file with a comment on each setting that it offers.

    \b
    Example: fiscal new mine --extends boom --set adoption.participants_share=0.2
    """
    from fiscal.scenario.new import new_scenario

    path = new_scenario(name, extends, title=title, author=author, overrides=overrides or ())
    if as_json:
        emit({"file": str(path)})
    else:
        say(f"{path} written; fiscal explain {path} checks it, and fiscal run {path} runs it")


@app.command()
def explain(
    scenario: Annotated[str | None, typer.Argument(metavar="SCENARIO", help="Name or .toml file.")] = None,
    overrides: SetOption = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Print every detail of what differs from the defaults.")
    ] = False,
    full: FullOption = False,
    as_csv: CsvOption = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print the complete scenario as a file.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of scenario files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a scenario assumes and what differs from the defaults, without running it.

    --full prints every setting with unit, range, source, and standing: cited, derived, assumed, or choice. Source and
    standing describe the default. If the scenario changes a setting, its default is shown too. On a terminal with
    fewer than 150 columns, the settings are a list. Every file that the scenario names is read and checked. For a
    file of returns, the command also shows each path's geometric mean and the final value of one dollar.

    \b
    Examples: fiscal explain boom
              fiscal explain boom --full
              fiscal explain boom --set adoption.allocation_share=0.1 --changed
              fiscal explain --schema > scenario.schema.json
    """
    from fiscal.engine.idle import idle_settings, replaced_settings
    from fiscal.engine.taxes import law_sentence
    from fiscal.results.adoption import returns_sentence
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
    growth, law = returns_sentence(chosen.settings), law_sentence(chosen.settings)
    warnings += early
    if as_csv:
        import pandas as pd

        emit_csv(
            pd.DataFrame([{**vars(row), "value": shown(row.value), "default": shown(row.default)} for row in rows])
        )
        return
    if as_json:
        settings = [plain(vars(row)) for row in rows]
        told = {"scenario": chosen.header(), "fingerprint": chosen.fingerprint(), "settings": settings}
        told |= {
            "path": path,
            "expected_returns": growth,
            "law": law,
            "warnings": list(warnings),
            "without_effect": idle_settings(chosen) | replaced_settings(chosen),
        }
        emit(told if returns is None else {**told, "returns": records(returns)})
        return
    typer.echo(f"{chosen.title}\n{chosen.name}, fingerprint {chosen.fingerprint()[:12]}")
    show_entries([(text, []) for text in (path, growth, law) if text])
    if full or changed:
        _show_settings(rows)
    else:
        _show_changes(rows)
    if returns is not None:
        typer.echo("\nReturns of the file, in full years; one dollar is invested at the start of the first year:")
        most = SHOWN_RETURNS if full or changed else SUMMARY_RETURNS
        show_frame(returns.head(most))
        if len(returns) > most:
            typer.echo(f"and {len(returns) - most} more, with --json")
    _say_idle(chosen)
    for warning in warnings:
        say(warning)


def _told_of_path(chosen: Scenario) -> tuple[str, tuple[str, ...]]:
    """A description of a scenario's path from its returns, and the warnings of an early event and of an implied value
    above GDP."""
    from fiscal.results import adoption

    if not adoption.states_returns(chosen.settings):
        return "", ()
    returns = adoption.returns_of(chosen)
    warnings = adoption.warning_before(chosen, returns), adoption.value_warning(chosen, returns)
    return adoption.path_sentence(chosen.settings, returns), tuple(filter(None, warnings))


SHOWN_RETURNS, SUMMARY_RETURNS = 40, 5


def _own_files(chosen: Scenario) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """Each path of the user's file of returns, if there is one, and the notices about its reform. Raises InputError for
    every error in a file that the scenario names."""
    from fiscal.engine.allocation import path_settings
    from fiscal.engine.taxes import law_warnings
    from fiscal.markets.paths import user_returns
    from fiscal.markets.prices import read_prices

    problems: list[Problem] = []
    returns: pd.DataFrame | None = None
    warnings: tuple[str, ...] = ()
    try:
        if chosen.settings.paths.file is not None:
            if chosen.settings.paths.model == "user":
                returns = user_returns(path_settings(chosen.settings)).summary()
            else:
                series = read_prices(chosen.settings.paths.file)
                warnings = tuple(f"{series.shown}: {note}" for note in series.notes)
    except InputError as error:
        problems += error.problems
    try:
        warnings += law_warnings(chosen.settings)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return returns, warnings


def _say_idle(scenario: Any) -> None:
    """Print to stderr the settings that the scenario changes without effect, in all years or in some."""
    from fiscal.engine.idle import notices

    for notice in notices(scenario):
        say(notice)


def _show_changes(rows: Sequence[ExplainedSetting]) -> None:
    """The summary: settings that differ from their defaults, and how many of the others have which standing."""
    from fiscal.scenario import standings

    changed = [row for row in rows if row.changed]
    others = standings(row for row in rows if not row.changed)
    if changed:
        cells = [[row.key, shown(row.value), shown(row.default), row.unit] for row in changed[:SUMMARY_ROWS]]
        show_table(["setting", "value", "default", "unit"], cells, most=SUMMARY_WIDTH)
    more = f"{len(changed) - SUMMARY_ROWS} more settings differ; " if len(changed) > SUMMARY_ROWS else ""
    text = f"{more}{_standing(others['settings'], 'settings have their defaults')}, and so do "
    text += _standing(others["assumptions"], "rows of data/assumptions.csv")
    text += ". --full prints all of them with their sources."
    show_entries([(text, [])])


def _standing(counts: Counter[str], have: str) -> str:
    """How many have their defaults, and of which standing these are."""
    each = (f"{count} {'chosen' if status == 'choice' else status}" for status, count in counts.most_common())
    return f"{counts.total()} {have} ({', '.join(each)})"


def _show_settings(rows: Sequence[ExplainedSetting]) -> None:
    """Settings as a table, or as a list on a narrow terminal; details of a default are labeled as such."""
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
    paths: Annotated[int | None, typer.Option("--paths", min=1, max=1_000_000, help="Number of random paths.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of the paths.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder of the run to write.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compute every table now, for example to archive the run; takes longer.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier run folder.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run in the same folder.")] = False,
    engine: Annotated[
        str, typer.Option("--engine", help="Engine for random paths: local (this process) or dask.")
    ] = "local",
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", metavar="ADDRESS", help=("Address of a running Dask scheduler, such as tcp://host:8786.")
        ),
    ] = None,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run one scenario and print its headline; with --out, keep its tables in a run folder.

    The folder holds the yearly tables and those of random paths. Values and vintages are computed when a
    report or a notebook asks for them, and kept there; --full computes all of them now.
    Finished batches of random paths are kept in DIR.incomplete until the run is complete; --resume uses them. --engine
    dask computes them on a Dask cluster, by default a cluster of processes on this machine. The results are the same.

    \b
    Examples: fiscal run boom --out runs/boom
              fiscal run boom --set adoption.participants_share=0.2 --json
              fiscal run boom --out runs/boom --full
              fiscal run stochastic_central --paths 10000 --out runs/central --resume
              fiscal run stochastic_central --paths 100000 --engine dask --scheduler tcp://10.0.0.5:8786
    """
    from fiscal.engine import workers as engine_workers
    from fiscal.engine.idle import notices
    from fiscal.engine.run import has_random_paths
    from fiscal.engine.taxes import law_warnings
    from fiscal.results import store
    from fiscal.results.adoption import returns_in, value_warning, warning_after
    from fiscal.scenario import load

    drawn = {"paths.count": paths, "paths.seed": seed}
    changes = [f"{key}={value}" for key, value in drawn.items() if value is not None]
    chosen = load(scenario, [*(overrides or []), *changes])
    if resume and out is None:
        raise InputError(Problem("needs the folder of the run", key="--resume", allowed="--out DIR"))
    _say_idle(chosen)
    warnings = law_warnings(chosen.settings)  # tries a reform before anything is built
    for warning in warnings:
        say(warning)
    with store.on_stderr(verbose), engine_workers.workers(engine, scheduler) as workers:
        if out is None:
            with noted(WITHOUT_FOLDER if has_random_paths(chosen.settings) else STARTS_AGAIN):
                result = run_one(chosen, verbose, workers=workers, full=full)
        else:
            result = run_into(out, chosen, force, resume, verbose, workers, full=full)
        if workers is not None and not has_random_paths(chosen.settings):
            say(f"{chosen.name} has no random paths, so the cluster had nothing to compute")
        if workers is not None and workers.rounding:
            say(f"{len(workers.rounding)} workers round differently from this machine: {engine_workers.ROUNDING}")
    summary = store.plain(result.summary)
    early = tuple(filter(None, (warning_after(result),)))
    if "asset_returns" in result.tables:
        early += tuple(filter(None, (value_warning(chosen, returns_in(result)),)))
    if as_json:
        answer = {"name": chosen.name, "title": chosen.title, "changed": store.plain(chosen.changed())}
        fingerprint = store.input_fingerprint(chosen)
        folder = str(out) if out else None
        answer |= {"input_fingerprint": fingerprint, "summary": summary}
        headline = result.headline()
        answer |= {"headline": headline.records(), "finding": headline.finding}
        emit({**answer, "warnings": [*notices(chosen), *warnings, *early], "out": folder})
        return
    show_headline(result.headline())
    show_summary(summary)
    for warning in early:
        say(warning)
    if out is not None:
        say(f"run written to {out}")
