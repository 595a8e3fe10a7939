"""The ``fiscal`` command. Results go to stdout, messages and progress to stderr.

Exit codes: 0 fine, 1 a check failed, 2 wrong input, 130 interrupted. Everything heavy is imported
inside the commands, so that ``fiscal --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fiscal.errors import FiscalError, InputError, Problem

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CHECK_FAILED = 1
EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130
DEFAULT_REPORT = ("baseline", "boom", "bust")
_NUMBER = re.compile(r"none|-?[\d,]*\.?\d+(e[-+]?\d+)?")
PIPE_WIDTH = 160  # columns of a table that goes to a file or another program

app = typer.Typer(
    name="fiscal",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
data_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The tables behind the numbers: list or check them."
)
schedules_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Tax schedules by Tax-Calculator: build or show them."
)
app.add_typer(data_app, name="data")
app.add_typer(schedules_app, name="schedules")
markets_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Markets: estimate the models, or show what they imply."
)
app.add_typer(markets_app, name="markets")

ScenarioArgument = Annotated[str, typer.Argument(metavar="SCENARIO", help="Name or .toml file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log stages, batches, their rate and memory to stderr.")
]


def main() -> None:
    """Entry point of the console script: a user's mistake becomes a message and exit code 2."""
    try:
        app()
    except FiscalError as error:
        _say(str(error))
        sys.exit(EXIT_WRONG_INPUT)
    except OSError as error:
        # a folder or file that cannot be read or written, wherever it was met
        where = f"{error.filename}: " if error.filename else ""
        _say(f"{where}{error.strerror or error}")
        sys.exit(EXIT_WRONG_INPUT)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(EXIT_INTERRUPTED)


def _version(asked: bool) -> None:
    if asked:
        from fiscal import __version__

        typer.echo(f"fiscal {__version__}")
        raise typer.Exit()


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What tax-deferred 401(k) savings cost and return to the U.S. government, with and without crypto.

    \b
    Scenario projections, not conventional revenue estimates.
    Example: fiscal compare baseline boom bust
    """


@app.command("list")
def list_scenarios(as_json: JsonOption = False) -> None:
    """List the scenarios that come with the package.

    \b
    Example: fiscal list
    """
    from fiscal.scenario import catalogue, load

    found = [load(name) for name in catalogue()]
    if as_json:
        _emit({"scenarios": [{**one.header(), "fingerprint": one.fingerprint()} for one in found]})
        return
    _show_table(["scenario", "title"], [[one.name, one.title] for one in found])


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

    \b
    Examples: fiscal explain boom
              fiscal explain boom --set adoption.allocation_share=0.1 --changed
              fiscal explain --schema > scenario.schema.json
    """
    from fiscal.runs import plain
    from fiscal.scenario import json_schema, load

    if schema:
        _emit(json_schema())
        return
    if scenario is None:
        raise InputError(Problem("which scenario?", key="SCENARIO", allowed="a name or .toml file"))
    chosen = load(scenario, overrides or [])
    if as_toml:
        typer.echo(chosen.to_toml(), nl=False)
        return
    rows = [row for row in chosen.explained() if row.changed or not changed]
    if as_json:
        settings = [plain(vars(row)) for row in rows]
        _emit({"scenario": chosen.header(), "fingerprint": chosen.fingerprint(), "settings": settings})
    else:
        typer.echo(f"{chosen.title}\n{chosen.name}, fingerprint {chosen.fingerprint()[:12]}")
        columns = ["setting", "value", "unit", "range", "standing", "set in", "source"]
        cells = [
            [
                row.key,
                _show(row.value),
                row.unit,
                _range(row.low, row.high),
                row.status,
                row.set_in,
                row.source,
            ]
            for row in rows
        ]
        _show_table(columns, cells, mark=[row.changed for row in rows])


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
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier run folder.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run of the same folder.")
    ] = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run one scenario and print its headline; with --out, keep all tables in a run folder.

    Finished batches of random paths are kept in DIR.incomplete until the run is whole; --resume uses them.

    \b
    Examples: fiscal run boom --out runs/boom
              fiscal run boom --set adoption.participants_share=0.2 --json
              fiscal run stochastic_central --paths 10000 --out runs/central --resume
    """
    from fiscal import runs
    from fiscal.scenario import load

    drawn = {"paths.count": paths, "paths.seed": seed}
    changes = [f"{key}={value}" for key, value in drawn.items() if value is not None]
    chosen = load(scenario, [*(overrides or []), *changes])
    if resume and out is None:
        raise InputError(Problem("needs the folder of the run", key="--resume", allowed="--out DIR"))
    with runs.on_stderr(verbose):
        result = _run(chosen, verbose) if out is None else _run_into(out, chosen, force, resume, verbose)
    summary = runs.plain(result.summary)
    if as_json:
        answer = {"name": chosen.name, "title": chosen.title, "changed": runs.plain(chosen.changed())}
        fingerprint = runs.input_fingerprint(chosen)
        folder = str(out) if out else None
        _emit({**answer, "input_fingerprint": fingerprint, "summary": summary, "out": folder})
        return
    _show_summary(summary)
    if out is not None:
        _say(f"run written to {out}")


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
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare scenarios with a base: what differs, the headline, ten years beside the long run.

    --set holds for all of them. Runs of other data, horizons or seeds are refused unless told to.

    \b
    Examples: fiscal compare baseline boom bust
              fiscal compare baseline rothification lower_limits
              fiscal compare baseline my-scenario.toml --json
    """
    from fiscal import results, runs

    with runs.on_stderr(verbose):
        found = _results([base, *others], overrides, verbose)
    comparison = results.compare(found[0], *found[1:], anyway=anyway)
    headline, effects = comparison.headline(), comparison.effects()
    differing = comparison.differing_settings()
    if as_json:
        names = [result.name for result in found]
        budget = runs.records(comparison.budget.to_frame())
        answer = {"base": names[0], "others": names[1:], "headline": runs.records(headline)}
        told = {"differing_settings": runs.records(differing), "effects": runs.records(effects)}
        _emit({**answer, **told, "budget": budget})
        return
    _show_frame(differing)
    typer.echo("")
    _show_frame(headline)
    typer.echo(f"\nNet revenue less {found[0].name}, and the years in which the effect turns for good:")
    _show_frame(effects)


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
    from fiscal import runs
    from fiscal.budget.ledger import LINES
    from fiscal.errors import nearest
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
        raise InputError(list(dict.fromkeys(problems)))
    with _progress("decompose") as progress:
        table = fiscal.decompose(*chosen, run_off=run_off, progress=progress)
    if as_json:
        names = [one.name for one in chosen]
        _emit({"base": names[0], "others": names[1:], "decomposition": runs.records(table)})
        return
    own = table[table["line"] == line]
    positive = "a cost" if line == "tax_expenditure" else "the government is better off"
    typer.echo(f"{line.replace('_', ' ')}, billions of dollars; positive = {positive}")
    _show_frame(
        own.pivot_table(index=["scenario", "window"], columns="factor", values="effect_bn_usd", sort=False)
        .reset_index()
        .rename_axis(columns=None)
    )


@app.command()
def report(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN...", help="Scenarios, files or run folders; the first is the base."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.pdf", help="The report; tables go to a folder beside it.")
    ] = Path("reports/fiscal-report.pdf"),
    overrides: SetOption = None,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the PDF report and its tables (CSV). With no name: baseline, boom and bust.

    \b
    Examples: fiscal report
              fiscal report baseline early_bust --out reports/early.pdf
              fiscal report runs/baseline runs/boom
    """
    from fiscal import results, runs

    _check_report_target(out)
    with runs.on_stderr(verbose):
        found = _results(list(which or DEFAULT_REPORT), overrides, verbose)
    from fiscal.report import build  # draws in matplotlib: not before the input is known to be right

    with _progress("report") as progress:
        try:
            written = build(found, out, out.parent / f"{out.stem}-tables", progress)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(Problem(f"the report cannot be written: {reason}", file=str(out))) from error
    headline = results.compare(found[0], *found[1:]).headline() if len(found) > 1 else None
    if as_json:
        rows = runs.records(headline) if headline is not None else []
        _emit({"report": str(written), "runs": [result.name for result in found], "headline": rows})
        return
    if headline is not None:
        _show_frame(headline)
    _say(f"report written to {written}")


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    again: Annotated[
        bool, typer.Option("--rerun", help="Also make the run again and compare every table.")
    ] = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check every file of a run folder against its hashes, offline; exit code 1 when one differs.

    With --rerun the run is made again and compared byte for byte; where data, code, platform or packages are
    not those of the run, value for value within 1e-9.

    \b
    Example: fiscal verify runs/boom --rerun
    """
    from fiscal import runs

    faults = [str(problem) for problem in runs.verify(folder)]
    outcome = None
    if again and not faults:
        with runs.on_stderr(verbose):
            outcome = runs.rerun(folder, lambda scenario: _run(scenario, verbose))
    differences = list(outcome.differences) if outcome else []
    if as_json:
        how = None if outcome is None else "bytes" if outcome.exact else "1e-9"
        changed = list(outcome.changed) if outcome else []
        answer = {"ok": not (faults or differences), "faults": faults, "rerun": how, "changed": changed}
        _emit({**answer, "differences": differences})
    else:
        for fault in faults:
            _say(fault)
        if outcome and outcome.changed:
            _say("not as it was: " + "; ".join(outcome.changed))
        for difference in differences:
            _say(difference)
        if not faults and not differences:
            manifest = runs.read_manifest(folder)
            files = len(manifest["outputs"]) + len(manifest["beside"])
            same = "" if not outcome else ", the same bytes again" if outcome.exact else ", equal within 1e-9"
            typer.echo(f"{files} files as written{same}; record {manifest['record_fingerprint']}")
    if faults or differences:
        raise typer.Exit(EXIT_CHECK_FAILED)


@app.command()
def cite(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    as_json: JsonOption = False,
) -> None:
    """Print a citation of a run and its BibTeX entry; uncommitted changes and a user's own data are named.

    \b
    Example: fiscal cite runs/boom
    """
    from fiscal import runs

    answer = runs.cite(folder)
    if as_json:
        _emit(answer)
        return
    typer.echo(_printable(answer["text"]) + "\n\n" + _printable(answer["bibtex"]))


@app.command("hindcast")
def hindcast_errors(
    check: Annotated[
        bool, typer.Option("--check", help="Run it again; exit code 1 when the stored table differs.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the errors of the model started in the past: over published, by lead year, and what explains them.

    \b
    own_rules is the hindcast; the other variants also take savers or returns as known.
    Example: fiscal hindcast --check
    """
    from fiscal import runs
    from fiscal.validation import hindcast

    table = hindcast.stored()
    differs = False
    if check:
        with _progress("hindcast") as progress:
            differs = hindcast.differs(hindcast.build(progress), table)
    by_lead, by_run = hindcast.errors_by_lead(table), hindcast.errors_by_quantity(table)
    if as_json:
        answer = {"by_lead": runs.records(by_lead), "by_run": runs.records(by_run)}
        _emit({**answer, "points": runs.records(table), "checked": check, "differs": differs})
    else:
        typer.echo("Errors over published, fractions (return: difference of rates). By run, over all leads:")
        _show_frame(by_run)
        typer.echo("\nBy lead year, DOL starts of 2010 and 2016, own rules:")
        _show_frame(by_lead)
        if check:
            _say("differs from the stored table" if differs else "as stored")
    if differs:
        raise typer.Exit(EXIT_CHECK_FAILED)


@app.command()
def vintage(
    contribution: Annotated[
        str | None,
        typer.Option(metavar="USD", help="Paid in: before tax if traditional, after tax if Roth."),
    ] = None,
    age: Annotated[str | None, typer.Option(metavar="AGE", help="Age in the contribution's year.")] = None,
    withdrawal_age: Annotated[
        str | None, typer.Option(metavar="AGE", help="Age in the year of the (first) withdrawal.")
    ] = None,
    return_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Return of the account a year, before tax.")
    ] = None,
    discount_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Rate of the present values.")
    ] = None,
    contribution_tax_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Income tax rate at the contribution.")
    ] = None,
    withdrawal_tax_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Income tax rate on withdrawals.")
    ] = None,
    outside_tax_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Tax rate on a taxable account's yearly return.")
    ] = None,
    character: Annotated[
        str | None, typer.Option(metavar="NAME", help="traditional (default) or roth.", show_default=False)
    ] = None,
    withdrawal_end_age: Annotated[
        str | None, typer.Option(metavar="AGE", help="Level withdrawals each year up to, not in, this age.")
    ] = None,
    withdrawal_pattern: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="lump (default) or level (default where an end age is given)."),
    ] = None,
    contribution_timing: Annotated[
        str | None, typer.Option(metavar="PART", help="When in its year, 0 to 1; .5 if not given.")
    ] = None,
    withdrawal_timing: Annotated[
        str | None, typer.Option(metavar="PART", help="When in each year, 0 to 1; .5 if not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """One contribution's whole life: revenue deferred, build-up, withdrawal tax, tax expenditure.

    Present values at the contribution's date; positive = the government is better off, but a positive
    tax expenditure is a cost.

    \b
    Examples: fiscal vintage --contribution 280e9 --age 45 --withdrawal-age 75 --return-rate 0.06 \\
                --discount-rate 0.06 --contribution-tax-rate 0.25 --withdrawal-tax-rate 0.25 \\
                --outside-tax-rate 0.25 --json
              fiscal vintage --contribution 1000 --age 45 --withdrawal-age 65 --withdrawal-end-age 85 \\
                --return-rate 0.035 --discount-rate 0.035 --contribution-tax-rate 0.22 \\
                --withdrawal-tax-rate 0.15 --outside-tax-rate 0.22 --character roth
    """
    from fiscal import calculator

    given = {
        "contribution": contribution,
        "age": age,
        "withdrawal_age": withdrawal_age,
        "return_rate": return_rate,
        "discount_rate": discount_rate,
        "contribution_tax_rate": contribution_tax_rate,
        "withdrawal_tax_rate": withdrawal_tax_rate,
        "outside_tax_rate": outside_tax_rate,
        "character": character,
        "withdrawal_end_age": withdrawal_end_age,
        "withdrawal_pattern": withdrawal_pattern,
        "contribution_timing": contribution_timing,
        "withdrawal_timing": withdrawal_timing,
    }
    # texts, so that every wrong one is reported, not the first alone
    options = {
        name: text if calculator.OPTIONS[name].choices else _number(text) for name, text in given.items()
    }
    try:
        found = calculator.vintage_of(options)
    except InputError as error:
        raise InputError(
            [replace(one, key="--" + str(one.key).replace("_", "-")) for one in error.problems]
        ) from error
    if as_json:
        _emit({str(name): float(value) for name, value in found.items()})
        return
    names = [
        str(name).removesuffix("_usd").replace("_", " ").replace("nominal", "(nominal, no present value)")
        for name in found.index
    ]
    cells = _column([float(value) for value in found])
    _show_table(["present value at the contribution", "usd"], list(zip(names, cells, strict=True)))
    typer.echo("Positive = the government is better off, but a positive tax expenditure is a cost.")


@app.command()
def validate(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Rows of the table; all if none is named.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the model against published numbers: published, model, tolerance, verdict, and why if outside.

    The exit code is 1 when a row marked engine is not met; a level or order row outside says why. Less than
    a minute; the report prints the stored table.

    \b
    Examples: fiscal validate
              fiscal validate JCT_DC_FY2024 TSY_CASH_DC_FY2026 --json
    """
    from fiscal import runs
    from fiscal.errors import nearest
    from fiscal.validation import published

    known = list(published.targets().index)
    problems = [
        Problem("no such row", key="ID", value=name, nearest=nearest(name, known))
        for name in which or ()
        if name not in known
    ]
    if problems:
        raise InputError(problems)
    with _progress("validate") as progress:
        found = published.validate(list(dict.fromkeys(which)) if which else None, progress)
    broken = found[(found["check"] == "engine") & (found["verdict"] == "outside")]
    if as_json:
        counts = {name: int(count) for name, count in found["verdict"].value_counts().items()}
        _emit({"ok": broken.empty, "verdicts": counts, "rows": runs.records(found)})
    else:
        rows = [
            [
                row.id,
                row.check,
                f"{row.published:.5g}",
                _figure(row.model),
                row.unit,
                row.tolerance,
                row.verdict,
            ]
            for row in found.itertuples()
        ]
        _show_table(["row", "check", "published", "model", "unit", "tolerance", "verdict"], rows)
        for row in found[found["reason"] != ""].itertuples():
            typer.echo(f"\n{row.id} ({row.verdict}): {row.reason}")
    if not broken.empty:
        raise typer.Exit(EXIT_CHECK_FAILED)


def _figure(value: float) -> str:
    """A figure to five digits; empty where there is none."""
    return "" if value != value else f"{value:.5g}"


def _number(text: str | None) -> float | str | None:
    """The number a text says, or the text as it is."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text


@data_app.command("list")
def data_list(as_json: JsonOption = False) -> None:
    """List the data tables with unit, publisher and licence.

    \b
    Example: fiscal data list
    """
    from fiscal import runs, sources

    found = sources.resources()
    if as_json:
        names = ("name", "path", "title", "unit", "source", "licence", "note", "sha256", "second_hand")
        _emit({"tables": [runs.plain({name: getattr(one, name) for name in names}) for one in found]})
        return
    columns = ["table", "title", "unit", "source", "second-hand"]
    rows = [[one.name, one.title, one.unit, one.source, "yes" if one.second_hand else ""] for one in found]
    _show_table(columns, rows)


@data_app.command("check")
def data_check(as_json: JsonOption = False) -> None:
    """Verify every data table: hash, columns, types, ranges. Exit code 1 when a table is wrong.

    \b
    Example: fiscal data check
    """
    from fiscal import sources

    faults = sources.check()
    if as_json:
        _emit({"ok": not faults, "faults": [str(fault) for fault in faults]})
    else:
        for fault in faults:
            _say(str(fault))
        count = len(sources.resources()) if not faults else 0
        typer.echo(f"{len(faults)} faults" if faults else f"{count} tables, all as recorded")
    if faults:
        raise typer.Exit(EXIT_CHECK_FAILED)


@data_app.command("derive")
def data_derive(
    table: Annotated[
        str, typer.Argument(help="own_withdrawals, sensitivity, hindcast, validation or claim_reasons.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Build a data table that comes from the model's own runs; minutes for the sensitivity.

    own_withdrawals is what the tax schedules leave out of the sample's income: build the schedules
    after it. sensitivity moves each assumption over its range. hindcast starts the model in the past.
    validation is what `fiscal validate` finds.
    claim_reasons takes the government's share of the opening stock apart.

    \b
    Example: fiscal data derive sensitivity
    """
    from fiscal.errors import InputError, Problem, nearest
    from fiscal.validation import claim_reasons, hindcast, own_withdrawals, published, sensitivity

    builders = {
        "own_withdrawals": own_withdrawals.rebuild,
        "sensitivity": sensitivity.rebuild,
        "hindcast": hindcast.rebuild,
        "validation": published.rebuild,
        "claim_reasons": claim_reasons.rebuild,
    }
    if table not in builders:
        raise InputError(
            Problem(
                "no such derived table",
                value=table,
                allowed=", ".join(builders),
                nearest=nearest(table, builders),
            )
        )
    with _progress(table) as progress:
        builders[table](progress)
    if as_json:
        _emit({"built": table})
        return
    _say(f"{table}.csv written to the data folder")


@markets_app.command("fit")
def markets_fit(
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the stored study, write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Estimate the models of Bitcoin's months, print the study and store it in the data folder.

    With --check the exit code is 1 when an estimate differs from the stored one; the bootstrapped test of
    regimes, a minute of work, is left out.

    \b
    Example: fiscal markets fit --check
    """
    import numpy as np

    from fiscal import sources
    from fiscal.markets import estimation

    with _progress("market estimates") as progress:
        study = estimation.study(progress, with_test=not check)
    differs = False
    if check:
        stored = sources.table(estimation.TABLE)
        stored = stored[stored["study"] != estimation.REGIME_TEST]
        differs = len(stored) != len(study) or not np.allclose(
            stored["value"].astype(float), study["value"], rtol=2e-3, atol=2e-4
        )
    else:
        estimation.store(study)
    if as_json:
        rows = study.astype(object).where(study.notna(), None).to_dict(orient="records")
        _emit({"study": rows, "written": not check, "differs": differs})
    else:
        typer.echo(study.to_string(index=False, na_rep=""))
        _say(
            "differs from the stored study" if differs else "as stored" if check else "market_fit.csv written"
        )
    if differs:
        raise typer.Exit(EXIT_CHECK_FAILED)


@markets_app.command("show")
def markets_show(
    scenario: Annotated[
        str, typer.Argument(help="Scenario whose path model is shown.")
    ] = "stochastic_central",
    overrides: SetOption = None,
    paths: Annotated[int, typer.Option("--paths", min=2, max=100_000, help="Paths drawn.")] = 1000,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write tables (CSV) and figures (SVG, PNG).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """What the record says, and what a scenario's path model implies before anything is run.

    \b
    Examples: fiscal markets show stochastic_high --paths 2000
              fiscal markets show stochastic_central --out markets
    """
    from fiscal.assembly import path_settings
    from fiscal.markets import history, losses
    from fiscal.markets.implied import dollar, implied_by, long_paths
    from fiscal.markets.paths import smoothed
    from fiscal.scenario import load

    chosen = load(scenario, overrides or [])
    section = chosen.settings.paths
    drawn = smoothed(
        long_paths(section.model, path_settings(chosen.settings), paths, section.seed),
        chosen.settings.alternatives.smoothing,
    )
    tables = {
        "series": history.gaps().reset_index(),
        "bitcoin_by_period": history.crypto_moments_by_period().reset_index(),
        "bitcoin_falls": history.drawdowns("crypto"),
        "custodial_losses": losses.incidents(),
        "implied": implied_by(drawn),
    }
    fan = dollar(drawn)
    if out is not None:
        from fiscal.plots.files import save_markets

        save_markets(out, tables | {"dollar": fan}, chosen.name)
        _say(f"tables and figures written to {out}")
    if as_json:
        _emit(
            {
                name: frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
                for name, frame in tables.items()
            }
        )
        return
    for name, frame in tables.items():
        typer.echo(name.replace("_", " "))
        typer.echo(frame.round(3).to_string(index=False, na_rep="") + "\n")


@schedules_app.command("build")
def schedules_build(
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Processes.")] = 2,
    as_json: JsonOption = False,
) -> None:
    """Build the tax schedules with Tax-Calculator and store them in data/; takes some minutes.

    \b
    Example: fiscal schedules build --jobs 2
    """
    from fiscal.law import schedules

    with _progress("tax schedules") as progress:
        schedules.build(progress=progress, jobs=jobs)
    if as_json:
        _emit({"built": True})
        return
    _say("tax schedules written to the data folder")


@schedules_app.command("show")
def schedules_show(as_json: JsonOption = False) -> None:
    """Print the average and marginal tax rate by earnings group.

    \b
    Example: fiscal schedules show
    """
    from fiscal import runs
    from fiscal.law import schedules

    table = schedules.show()
    if as_json:
        _emit({"schedules": runs.records(table)})
        return
    typer.echo(
        "Law of 2025, fractions. Deferral and employer: income tax saved per dollar contributed at 45-54, empty\n"
        "where the group contributes nothing. Withdrawals at 65-69 and 73-79: average tax on 8,000 (small) and\n"
        "64,000 (large) dollars withdrawn on top of other income, and the marginal rate between them."
    )
    _show_frame(table)


def _run(scenario: Any, verbose: bool = False, batches: Any = None) -> Any:
    """The engine's result; a bar on terminals, unless messages go there."""
    from fiscal import engine, runs

    with contextlib.nullcontext() if verbose else _progress(scenario.name) as progress:
        return engine.run(scenario, progress=runs.reporter(progress), batches=batches)


def _run_into(out: Path, scenario: Any, force: bool, resume: bool, verbose: bool) -> Any:
    """Run in the working place of a folder, which is whole afterwards; or read it, where it is whole already."""
    from fiscal import runs

    with runs.working_place(out, scenario, force=force, resume=resume) as place:
        if place.finished:
            return runs.read_run(out)
        try:
            result = _run(scenario, verbose, place)
            runs.finish(place, result, ["fiscal", *sys.argv[1:]])
        except (KeyboardInterrupt, OSError, InputError):
            if place.kept():
                _say(f"{place.kept()} batches are kept in {place.path.name}; --resume goes on with them")
            raise
    return result


def _results(names: Sequence[str], overrides: list[str] | None, verbose: bool = False) -> list[Any]:
    """Results of scenarios and of run folders, in order; every wrong name is reported at once."""
    from fiscal import runs
    from fiscal.scenario import Scenario, load

    problems: list[Problem] = []
    found: list[Any] = []
    for name in names:
        try:
            if not runs.is_run(name):
                found.append(load(name, overrides or []))
            elif overrides:
                problems.append(Problem("a stored run cannot be changed by --set", value=name))
            else:
                found.append(runs.read_run(name))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(list(dict.fromkeys(problems)))
    repeated = sorted({one.name for one in found if [other.name for other in found].count(one.name) > 1})
    if repeated:
        message = "two runs have the same name"
        raise InputError(
            [Problem(message, value=name, allowed="scenario.name set apart") for name in repeated]
        )
    return [_run(one, verbose) if isinstance(one, Scenario) else one for one in found]


def _check_report_target(out: Path) -> None:
    if out.suffix.lower() != ".pdf":
        raise InputError(
            Problem("the report is a PDF", key="--out", value=str(out), allowed="a name in .pdf")
        )
    if out.is_dir():
        raise InputError(Problem("is a folder", key="--out", value=str(out), allowed="a name in .pdf"))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(Problem(f"cannot be made: {error.strerror}", file=str(out.parent))) from error


@contextlib.contextmanager
def _progress(title: str) -> Iterator[Callable[..., None] | None]:
    """A callback ``(done, total, label="")`` drawing a bar on stderr; None when that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    # redirect_stdout would send our own JSON to stderr
    console = _console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task(title, total=None)

        def advance(done: float, total: float, label: str = "") -> None:
            bar.update(task, completed=done, total=total, description=f"{title}: {label}" if label else title)

        yield advance


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def _show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], mark: Sequence[bool] = ()) -> None:
    """Print a plain table, numbers to the right; texts are never read as markup. ``mark`` makes rows bold."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    body = list(rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="")
    for number, column in enumerate(columns):
        numeric = bool(body) and all(_NUMBER.fullmatch(row[number]) for row in body)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(Text(column), overflow="fold", no_wrap=number == 0, justify=justify)
    for number, row in enumerate(body):
        style = "bold" if number < len(mark) and mark[number] else ""
        table.add_row(*(Text(_printable(cell)) for cell in row), style=style)
    console = _console()
    with console.capture() as drawn:
        console.print(table)
    lines = [line.rstrip() for line in drawn.get().splitlines()]
    typer.echo("\n".join(line for line in lines if line))


def _show_frame(frame: Any) -> None:
    """Print a data frame; the numbers of a column have one number of decimals."""
    from fiscal import runs

    rows = runs.records(frame)
    names = list(rows[0]) if rows else list(frame.columns)
    columns = [_column([row[name] for row in rows]) for name in names]
    # words instead of underscores, so that long names wrap between them
    _show_table([name.replace("_", " ") for name in names], list(zip(*columns, strict=True)))


def _column(values: Sequence[Any]) -> list[str]:
    """Texts of one column's values."""
    sizes = [abs(value) for value in values if isinstance(value, float)]
    if not sizes:
        return [_show(value) for value in values]
    decimals = 1 if max(sizes) >= 100 else 2 if max(sizes) >= 1 else 4
    return [f"{value:,.{decimals}f}" if isinstance(value, float) else _show(value) for value in values]


def _show(value: Any) -> str:
    """A value for people: numbers short, lists spelled out, nothing as ``none``."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_show(member) for member in value)
    return str(value)


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.10g} to {high:.10g}"


def _show_summary(summary: dict[str, Any]) -> None:
    """Print a result's summary: single values as lines, nested ones (column -> row -> value) as tables.

    Long series are left to ``--json`` and to the run folder.
    """
    nested = {key: value for key, value in summary.items() if isinstance(value, dict | list)}
    for key, value in summary.items():
        if key not in nested:
            typer.echo(f"{key.replace('_', ' ')}: {_printable(_show(value))}")
    for key, value in nested.items():
        if isinstance(value, dict) and value and all(isinstance(member, dict) for member in value.values()):
            names = list(dict.fromkeys(name for member in value.values() for name in member))
            columns = [_column([member.get(name) for name in names]) for member in value.values()]
            typer.echo("")
            _show_table([key, *value], list(zip(names, *columns, strict=True)))


def _emit(answer: dict[str, Any]) -> None:
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False))


def _printable(text: str) -> str:
    """Text without control characters, which could steer a terminal."""
    return "".join(mark if mark.isprintable() or mark == "\n" else "\ufffd" for mark in text)


def _say(message: str) -> None:
    typer.echo(_printable(message), err=True)


if __name__ == "__main__":
    main()
