"""Commands on markets and tax schedules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fiscal.base.errors import InputError
from fiscal.base.progress import noted, progress_bar
from fiscal.cli.application import EXIT_CHECK_FAILED, JsonOption, SetOption, markets_app, paths_app, schedules_app
from fiscal.cli.running import STARTS_AGAIN
from fiscal.cli.show import emit, say, show_frame


@markets_app.command("fit")
def markets_fit(
    check: Annotated[bool, typer.Option("--check", help="Compare with the stored study; write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Estimate the models of Bitcoin's monthly returns, print the study, and store it in the data folder.

    With --check, the exit code is 1 if an estimate differs from the stored one. The bootstrapped test of regimes, which
    takes a minute, is then left out.

    \b
    Example: fiscal markets fit --check
    """
    import numpy as np

    from fiscal.base import sources
    from fiscal.markets import estimation

    with noted(STARTS_AGAIN), progress_bar("market estimates") as progress:
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
        emit({"study": rows, "written": not check, "differs": differs})
    else:
        typer.echo(study.to_string(index=False, na_rep=""))
        say("differs from the stored study" if differs else "as stored" if check else "market_fit.csv written")
    if differs:
        raise typer.Exit(EXIT_CHECK_FAILED)


@markets_app.command("show")
def markets_show(
    scenario: Annotated[str, typer.Argument(help="Scenario with the path model to show.")] = "stochastic_central",
    overrides: SetOption = None,
    paths: Annotated[int, typer.Option("--paths", min=2, max=100_000, help="Paths drawn.")] = 1000,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write tables (CSV) and figures (SVG, PNG).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the market record and what a scenario's path model implies, before any run.

    \b
    Examples: fiscal markets show stochastic_high --paths 2000
              fiscal markets show stochastic_central --out markets
    """
    from fiscal.results import market_and_law
    from fiscal.scenario import load

    chosen = load(scenario, overrides or [])
    record, drawn = market_and_law.market_record(), market_and_law.market_paths(chosen, paths=paths)
    shown = ("series", "bitcoin_by_period", "bitcoin_falls", "custodial_losses")
    tables = {name: record.to_frame(name) for name in shown} | {"implied": drawn.to_frame("implied")}
    fan = drawn.to_frame("dollar")
    if out is not None:
        from fiscal.results.figures.files import save_markets

        save_markets(out, tables | {"dollar": fan}, chosen.name)
        say(f"tables and figures written to {out}")
    if as_json:
        emit(
            {
                name: frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
                for name, frame in tables.items()
            }
        )
        return
    for name, frame in tables.items():
        typer.echo(name.replace("_", " "))
        typer.echo(frame.round(3).to_string(index=False, na_rep="") + "\n")


@paths_app.command("from-prices")
def paths_from_prices(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV of daily or monthly prices or index levels.")],
    asset: Annotated[str, typer.Option("--asset", help="Asset that the series represents.")] = "crypto",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the returns here, not to standard output.")
    ] = None,
    first_year: Annotated[
        int, typer.Option("--first-year", min=2026, max=2100, help="Projected year of the series' first year.")
    ] = 2026,
    column: Annotated[str | None, typer.Option("--column", help="Column with the levels.")] = None,
    date_column: Annotated[str | None, typer.Option("--date-column", help="Column with the dates.")] = None,
    date_format: Annotated[
        str | None, typer.Option("--date-format", help="Form of the dates, such as %d/%m/%Y.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a series of prices into calendar-year returns for the setting paths.file.

    The newest row may come first, with thousands separators, and with dates in any common form. An adjusted close is
    preferred to a close. Gaps, repeated dates, and part years are reported to standard error.

    \b
    Example: fiscal paths from-prices bitcoin.csv --out returns.csv
    """
    from fiscal.base.files import not_writable, write_whole
    from fiscal.markets.prices import read_prices

    series = read_prices(file, column=column, date_column=date_column, date_format=date_format)
    text = series.to_csv(asset, first_year)
    if out is not None:
        if problems := not_writable(out.absolute().parent, str(out)):
            raise InputError(problems)
        write_whole(out, text.encode())
    for note in series.notes:
        say(note)
    if as_json:
        frame = series.to_frame(asset, first_year)
        emit({"returns": frame.to_dict(orient="records"), "notes": list(series.notes)})
    elif out is None:
        typer.echo(text, nl=False)
    else:
        say(f"{out} written; use it with --set paths.model=user --set paths.file={out}")


@schedules_app.command("build")
def schedules_build(
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Number of processes.")] = 2,
    as_json: JsonOption = False,
) -> None:
    """Build the tax schedules with Tax-Calculator and store them in data/; this takes some minutes.

    \b
    Example: fiscal schedules build --jobs 2
    """
    from fiscal.law.build import schedules
    from fiscal.people.economy import macro

    with progress_bar("tax schedules") as progress:
        schedules.build(macro(), progress=progress, jobs=jobs)
    if as_json:
        emit({"built": True})
        return
    say("tax schedules written to the data folder")


@schedules_app.command("show")
def schedules_show(as_json: JsonOption = False) -> None:
    """Print the average and marginal tax rate by earnings group.

    \b
    Example: fiscal schedules show
    """
    from fiscal.law import schedules
    from fiscal.results import store

    table = schedules.show()
    if as_json:
        emit({"schedules": store.records(table)})
        return
    typer.echo(
        "Law of 2025, as fractions. Deferral and employer: income tax saved per dollar contributed at ages 45-54;\n"
        "empty if the group contributes nothing. Withdrawals at ages 65-69 and 73-79: average tax on $8,000 (small)\n"
        "and $64,000 (large) withdrawn in addition to other income, and the marginal rate between them."
    )
    show_frame(table)
