"""Commands on the model's own standing: hindcast, one vintage, validate."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from fiscal.base.errors import InputError, Problem
from fiscal.base.words import capital
from fiscal.cli.application import (
    EXIT_CHECK_FAILED,
    JsonOption,
    app,
)
from fiscal.cli.show import (
    column_texts,
    emit,
    progress_bar,
    say,
    show_frame,
    show_table,
)


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
    from fiscal.results import store
    from fiscal.studies import hindcast

    table = hindcast.stored()
    differs = False
    if check:
        with progress_bar("hindcast") as progress:
            differs = hindcast.differs(hindcast.build(progress), table)
    by_lead, by_run = hindcast.errors_by_lead(table), hindcast.errors_by_quantity(table)
    if as_json:
        answer = {"by_lead": store.records(by_lead), "by_run": store.records(by_run)}
        emit({**answer, "points": store.records(table), "checked": check, "differs": differs})
    else:
        typer.echo("Errors over published, fractions (return: difference of rates). By run, over all leads:")
        show_frame(by_run)
        typer.echo("\nBy lead year, DOL starts of 2010 and 2016, own rules:")
        show_frame(by_lead)
        if check:
            say("differs from the stored table" if differs else "as stored")
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
    from fiscal.engine import one_contribution

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
        name: text if one_contribution.OPTIONS[name].choices else _number(text)
        for name, text in given.items()
    }
    try:
        found = one_contribution.vintage_of(options)
    except InputError as error:
        raise InputError(
            [replace(one, key="--" + str(one.key).replace("_", "-")) for one in error.problems]
        ) from error
    if as_json:
        emit({str(name): float(value) for name, value in found.items()})
        return
    names = [
        str(name).removesuffix("_usd").replace("_", " ").replace("nominal", "(nominal, no present value)")
        for name in found.index
    ]
    cells = column_texts([float(value) for value in found])
    show_table(["present value at the contribution", "usd"], list(zip(names, cells, strict=True)))
    typer.echo("Positive = the government is better off, but a positive tax expenditure is a cost.")


@app.command()
def validate(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Rows of the table; all if none is named.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the model against published numbers: published, model, tolerance, verdict, and why if outside.

    first is the model's figure on the basis written down before the first comparison; model is that on the basis
    that the publisher's own words fix (basis_source in --json). A row of another concept is shown, not judged.

    The exit code is 1 when a row marked engine is not met; a level or order row outside says why. Rows marked
    replication are the engine's calculation again, beside another code's: no test of the model. Less than a
    minute; the report prints the stored table.

    \b
    Examples: fiscal validate
              fiscal validate JCT_DC_FY2024 TSY_CASH_DC_FY2026 --json
    """
    from fiscal.base.errors import nearest
    from fiscal.results import store
    from fiscal.studies import published

    known = list(published.targets().index)
    problems = [
        Problem("no such row", key="ID", value=name, nearest=nearest(name, known))
        for name in which or ()
        if name not in known
    ]
    if problems:
        raise InputError(problems)
    with progress_bar("validate") as progress:
        found = published.validate(list(dict.fromkeys(which)) if which else None, progress)
    kinds = published.kinds(found)
    broken = found[(found["check"] == "engine") & (found["verdict"] == "outside")]
    if as_json:
        counts = {name: int(count) for name, count in found["verdict"].value_counts().items()}
        by_kind = {
            str(kind): {str(name): int(count) for name, count in part.value_counts().items()}
            for kind, part in found["verdict"].groupby(kinds, sort=False)
        }
        told = {
            "ok": broken.empty,
            "verdicts": counts,
            "verdicts_by_kind": by_kind,
            "full_model_by_basis": published.counts(found),
        }
        emit({**told, "rows": store.records(found.assign(kind=kinds))})
    else:
        rows = [
            [
                row.id,
                kind,
                row.relation,
                f"{row.published:.5g}",
                _figure(row.first),
                _figure(row.model),
                row.unit,
                row.tolerance,
                row.verdict,
            ]
            for row, kind in zip(found.itertuples(), kinds, strict=True)
        ]
        show_table(
            ["row", "kind", "relation", "published", "first", "model", "unit", "tolerance", "verdict"], rows
        )
        told = published.counts(found)
        if any(told.values()):
            words = "; ".join(f"{basis}: {_counted(verdicts)}" for basis, verdicts in told.items())
            typer.echo(
                f"\nRows of the full model on the first basis and on the present one. {capital(words)}"
            )
        for row in found[found["reason"] != ""].itertuples():
            typer.echo(f"\n{row.id} ({row.verdict}): {row.reason}")
    if not broken.empty:
        raise typer.Exit(EXIT_CHECK_FAILED)


def _counted(verdicts: dict[str, int]) -> str:
    """ "4 inside, 10 outside": how many rows have each verdict."""
    return ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())


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
