"""Commands on the data tables."""

from __future__ import annotations

from typing import Annotated

import typer

from fiscal.base.errors import InputError, Problem
from fiscal.base.progress import progress_bar
from fiscal.cli.application import EXIT_CHECK_FAILED, JsonOption, data_app
from fiscal.cli.show import emit, say, show_table


@data_app.command("list")
def data_list(as_json: JsonOption = False) -> None:
    """List the data tables with unit, publisher, and license.

    \b
    Example: fiscal data list
    """
    from fiscal.base import sources
    from fiscal.results import store

    found = sources.resources()
    if as_json:
        names = ("name", "path", "title", "unit", "source", "licence", "note", "sha256", "second_hand")
        emit({"tables": [store.plain({name: getattr(one, name) for name in names}) for one in found]})
        return
    columns = ["table", "title", "unit", "source", "second-hand"]
    rows = [[one.name, one.title, one.unit, one.source, "yes" if one.second_hand else ""] for one in found]
    show_table(columns, rows)


@data_app.command("due")
def data_due(
    on: Annotated[
        str | None, typer.Option("--on", metavar="YYYY-MM-DD", help="Day to look from; default: today.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the data tables for which the publisher's next edition was expected by today.

    The dates are estimates from earlier editions; the publisher's own calendar has the day.

    \b
    Example: fiscal data due --on 2027-03-01
    """
    import datetime

    from fiscal.base import sources

    try:
        day = datetime.date.fromisoformat(on) if on else datetime.date.today()
    except ValueError:
        raise InputError(Problem("not a date", key="--on", value=on, allowed="YYYY-MM-DD")) from None
    late = sources.due(day)
    if as_json:
        emit({"on": day.isoformat(), "due": [{"table": one.name, **one.next_release} for one in late]})
        return
    if late:
        rows = [[one.name, one.next_release["date"], one.next_release["publication"]] for one in late]
        show_table(["table", "estimated date", "next edition"], rows)
    say(f"{len(late)} of {len(sources.resources())} tables have a later edition, by the estimate of its date")


@data_app.command("check")
def data_check(as_json: JsonOption = False) -> None:
    """Verify every data table: hash, columns, types, and ranges. Exit code 1 if a table is wrong.

    \b
    Example: fiscal data check
    """
    from fiscal.base import sources

    faults = sources.check()
    if as_json:
        emit({"ok": not faults, "faults": [str(fault) for fault in faults]})
    else:
        for fault in faults:
            say(str(fault))
        count = len(sources.resources()) if not faults else 0
        typer.echo(f"{len(faults)} faults" if faults else f"OK: all {count} tables match the manifest")
    if faults:
        raise typer.Exit(EXIT_CHECK_FAILED)


@data_app.command("derive")
def data_derive(
    table: Annotated[
        str,
        typer.Argument(
            help="own_withdrawals, sensitivity, drivers, scenarios, hindcast, validation, claim_reasons, "
            "cbo_reconciliation, headline_variants, base_case_steps, page_lattice, or reform_effects."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Build a data table from the model's own runs; hindcast, sensitivity, and drivers take minutes.

    own_withdrawals is the income that the tax schedules leave out of the sample; build the schedules after it.
    sensitivity varies one assumption at a time over its range. drivers varies several at once (the sweep of that name,
    three tables). scenarios is the table of `fiscal study scenarios`. hindcast starts the model in every past year and
    tries its bands; it resumes if interrupted. validation stores the results of `fiscal validate`. claim_reasons
    decomposes the government's share of the opening stock. cbo_reconciliation compares withdrawals with CBO's taxable
    pensions and IRA distributions year by year. headline_variants runs the headline under other choices, such as
    withdrawals that grow as CBO's do. base_case_steps undoes each step of the base case alone; it builds
    tax schedules once and resumes if interrupted. page_lattice is what `fiscal page` shows.
    reform_effects is the effect of Tax-Calculator's own reform files.

    \b
    Example: fiscal data derive sensitivity
    """
    from fiscal.base.errors import nearest
    from fiscal.studies import (
        base_case,
        claim_reasons,
        drivers,
        own_withdrawals,
        page_lattice,
        published,
        reconciliation,
        reform_effects,
        scenarios,
        sensitivity,
        skill_study,
        variants,
    )

    builders = {
        "own_withdrawals": own_withdrawals.rebuild,
        "sensitivity": sensitivity.rebuild,
        "drivers": drivers.rebuild,
        scenarios.NAME: scenarios.rebuild,
        "hindcast": skill_study.rebuild,
        "validation": published.rebuild,
        "claim_reasons": claim_reasons.rebuild,
        reconciliation.NAME: reconciliation.rebuild,
        variants.NAME: variants.rebuild,
        base_case.NAME: base_case.rebuild,
        page_lattice.NAME: page_lattice.rebuild,
        reform_effects.NAME: reform_effects.rebuild,
    }
    if table not in builders:
        raise InputError(
            Problem("no such derived table", value=table, allowed=", ".join(builders), nearest=nearest(table, builders))
        )
    with progress_bar(table) as progress:
        builders[table](progress)
    if as_json:
        emit({"built": table})
        return
    say(f"{table} written to the data folder")
