"""Commands that test the model: hindcast, long run, one vintage, validate."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated, Any

import typer

from fiscal.base.errors import InputError, Problem
from fiscal.base.progress import noted, progress_bar
from fiscal.base.words import capital
from fiscal.cli.application import (
    EXIT_CHECK_FAILED,
    CsvOption,
    FullOption,
    JsonOption,
    ScenarioArgument,
    SetOption,
    app,
)
from fiscal.cli.running import STARTS_AGAIN
from fiscal.cli.show import SUMMARY_WIDTH, column_texts, emit, emit_csv, say, show_entries, show_frame, show_table

LEFT_OUT = ("3 y", "7 y")
"""Lead years of the hindcast that its summary leaves out."""


@app.command("hindcast")
def hindcast_errors(
    start: Annotated[
        list[str] | None, typer.Option("--start", metavar="YEAR", help="Only this start year; repeatable.")
    ] = None,
    lead: Annotated[
        str | None, typer.Option("--lead", metavar="YEARS", help="Only this many years after the start.")
    ] = None,
    draws: Annotated[
        str | None,
        typer.Option("--draws", metavar="N", help="Compute the ranges again, with N paths of markets and wages each."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Repeat the runs; exit code 1 if the stored tables differ.")
    ] = False,
    full: FullOption = False,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print the errors of the model started in past years, beside those of naive rules, and the test of its ranges.

    \b
    Starts: 2010 to 2022. Errors are fractions of published figures; positive means that the model is too high.
    The summary has three lead years; --full prints five, and --csv prints every error by lead year.
    Example: fiscal hindcast --start 2016
    """
    from fiscal.results import store
    from fiscal.studies import skill, skill_study

    asked = _asked_of_hindcast(start, lead, draws)
    answers = skill.answers(**asked)
    differs: list[str] = []
    if check:
        with noted(STARTS_AGAIN), progress_bar("hindcast") as progress:
            differs = skill_study.differs(asked["starts"], progress)
    if as_json:
        told = {name: store.records(frame) for name, frame in answers.items()}
        emit({**told, "later_information": skill.later(), "checked": check, "differs": differs})
    elif as_csv:
        emit_csv(answers["by_lead"])
    else:
        errors, held = skill.summary(answers["by_lead"]), skill.coverage_summary(answers["coverage"])
        if not full and lead is None:
            errors = errors.drop(columns=[name for name in LEFT_OUT if name in errors])
            held = held[~held["lead"].astype(str).add(" y").isin(LEFT_OUT)]
        most = sys.maxsize if full else SUMMARY_WIDTH
        show_entries([("Mean absolute error by lead year, percent of published (model / best naive rule):", [])])
        show_frame(errors, most)
        show_entries([("Outcomes inside the 80 percent band:", [])])
        show_frame(held, most)
        show_entries([(skill.aims_told(answers["aims"]), [])])
        if not full:
            show_entries([("--full prints more lead years; --csv prints every error.", [])])
        if check:
            say("differs from the stored tables: " + "; ".join(differs) if differs else "as stored")
    if differs:
        raise typer.Exit(EXIT_CHECK_FAILED)


def _asked_of_hindcast(start: list[str] | None, lead: str | None, draws: str | None) -> dict[str, Any]:
    """The command's arguments as numbers, or one InputError that lists what is wrong."""
    from fiscal.studies import past_bands
    from fiscal.studies.past_record import LAST_OUTCOME, STARTS

    first, last = STARTS[0], STARTS[-1]
    asked = {
        "--start": (start or [], first, last),
        "--lead": ([] if lead is None else [lead], 1, LAST_OUTCOME - first),
        "--draws": ([] if draws is None else [draws], past_bands.FEWEST_PATHS, past_bands.MOST_PATHS),
    }
    problems, found = [], {}
    for key, (texts, low, high) in asked.items():
        found[key] = [int(text) for text in texts if text.strip().isdecimal() and low <= int(text) <= high]
        problems += [
            Problem("not a whole number in range", key=key, value=text, allowed=f"{low} to {high}")
            for text in texts
            if not (text.strip().isdecimal() and low <= int(text) <= high)
        ]
    if problems:
        raise InputError(problems)
    starts, leads, paths = found.values()
    if starts and leads and min(starts) + leads[0] > LAST_OUTCOME:
        allowed = f"1 to {LAST_OUTCOME - min(starts)} years from {min(starts)}"
        raise InputError(Problem("no outcome is published", key="--lead", value=leads[0], allowed=allowed))
    return {"starts": starts or None, "lead": leads[0] if leads else None, "paths": paths[0] if paths else None}


@app.command("long-run")
def long_run(scenario: ScenarioArgument = "baseline", overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Print balances, withdrawals, and receipts as shares of GDP to the horizon, beside CBO's projection of ten years.

    CBO's projection covers all taxable pensions, annuities, and IRA distributions. The second table is the stored
    reconciliation, year by year: the part of CBO's amount that the model's plans and IRAs account for in the baseline,
    and the rest, which is left for defined-benefit pensions and annuities.

    \b
    Examples: fiscal long-run
              fiscal long-run cbo_consistent --set scope.plans=all_dc
    """
    from fiscal import scenario as scenarios
    from fiscal.engine import run as engine_run
    from fiscal.results import store
    from fiscal.results.adoption import returns_sentence
    from fiscal.studies import reconciliation

    chosen = scenarios.load(scenario, overrides or [])
    with progress_bar(chosen.name) as progress:
        run = engine_run.compute(chosen, progress, run_off=False, references=False)
    table, inside = reconciliation.long_run(run), reconciliation.stored()
    growth = returns_sentence(chosen.settings)
    if as_json:
        told = {"scenario": chosen.name, "scope": chosen.settings.scope.plans, "returns_less_growth": growth}
        emit({**told, "long_run": store.records(table), "inside_cbo": store.records(inside)})
        return
    typer.echo(f"{chosen.name}, plans in scope {chosen.settings.scope.plans}, fractions of GDP:")
    show_frame(table)
    typer.echo(growth)
    typer.echo("\nInside CBO's taxable pensions, annuities, and IRA distributions, billions of dollars:")
    show_frame(inside)


WHOLE = ("contribution_year", "age")
"""Whole numbers among the results of a contribution."""


@app.command()
def vintage(
    contribution: Annotated[
        str | None, typer.Option(metavar="USD", help="Contribution: before tax if traditional, after tax if Roth.")
    ] = None,
    age: Annotated[str | None, typer.Option(metavar="AGE", help="Age in the year of the contribution.")] = None,
    withdrawal_age: Annotated[
        str | None, typer.Option(metavar="AGE", help="Age in the year of the (first) withdrawal.")
    ] = None,
    return_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Annual return of the account, before tax.")
    ] = None,
    discount_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Discount rate of the present values.")
    ] = None,
    contribution_tax_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Income tax rate when contributing.")
    ] = None,
    withdrawal_tax_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Income tax rate on withdrawals.")
    ] = None,
    outside_tax_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Tax rate on the annual return of a taxable account.")
    ] = None,
    earnings_group: Annotated[
        str | None,
        typer.Option(
            metavar="GROUP",
            help="Earnings group, such as P50-60: takes the rates that you do not give from the tax schedules.",
        ),
    ] = None,
    character: Annotated[
        str | None, typer.Option(metavar="NAME", help="traditional (default) or roth.", show_default=False)
    ] = None,
    withdrawal_end_age: Annotated[
        str | None, typer.Option(metavar="AGE", help="Equal withdrawals each year until the year before this age.")
    ] = None,
    withdrawal_pattern: Annotated[
        str | None, typer.Option(metavar="NAME", help="lump (default), level (default with an end age), or required.")
    ] = None,
    contribution_timing: Annotated[
        str | None, typer.Option(metavar="PART", help="Time of the contribution within its year, 0 to 1; default .5.")
    ] = None,
    withdrawal_timing: Annotated[
        str | None, typer.Option(metavar="PART", help="Time of withdrawals within each year, 0 to 1; default .5.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Follow one contribution over its life: revenue deferred, build-up, withdrawal tax, and tax expenditure.

    Present values are at the date of the contribution. Positive means that the government is better off, but a positive
    tax expenditure is a cost.

    With --earnings-group, only the age is required. Rates at contribution and withdrawal come from current
    law's tax schedules, withdrawals are the required distributions, and the return and the discount rate are the
    long-run 10-year Treasury yield.

    \b
    Examples: fiscal vintage --earnings-group P50-60 --age 45
              fiscal vintage --contribution 280e9 --age 45 --withdrawal-age 75 --return-rate 0.06 \\
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
        "earnings_group": earnings_group,
        "character": character,
        "withdrawal_end_age": withdrawal_end_age,
        "withdrawal_pattern": withdrawal_pattern,
        "contribution_timing": contribution_timing,
        "withdrawal_timing": withdrawal_timing,
    }
    # as text, so that one message reports every wrong value
    options = {name: text if one_contribution.OPTIONS[name].choices else _number(text) for name, text in given.items()}
    try:
        found = one_contribution.vintage_of(options)
    except InputError as error:
        raise InputError([replace(one, key="--" + str(one.key).replace("_", "-")) for one in error.problems]) from error
    if as_json:
        emit({str(name): int(value) if name in WHOLE else float(value) for name, value in found.items()})
        return
    show_entries([(one_contribution.described(options), [])])
    names = [
        str(name).removesuffix("_usd").replace("_", " ").replace("nominal", "(nominal, no present value)")
        for name in one_contribution.RESULTS
    ]
    cells = column_texts([float(found[name]) for name in one_contribution.RESULTS])
    show_table(["present value at the contribution", "usd"], list(zip(names, cells, strict=True)))
    if rates := {str(name): rate for name, rate in found.items() if str(name).endswith("_rate")}:
        told = ", ".join(
            f"{name.removesuffix('_rate').replace('_', ' ')} {100 * rate:.1f}" for name, rate in rates.items()
        )
        typer.echo(f"Rates in percent: {told}.")
    typer.echo("Positive means that the government is better off, but a positive tax expenditure is a cost.")


@app.command()
def validate(
    which: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Rows to compare; default: all.")] = None,
    full: FullOption = False,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the model with published estimates, and count the rows inside their tolerance.

    --full prints every row with the reason for a miss; so does the command for the rows that you name.

    The column first is the model's figure on the basis recorded before the first comparison. The column model is its
    figure on the basis that the publisher's own words set (basis_source in --json). A row that measures a different
    concept is shown but not judged.

    The exit code is 1 if the model misses a row marked engine. A row marked level or order that is outside its
    tolerance states the reason. Rows marked replication compare the engine's calculation with another program's and
    do not test the model. The command takes less than a minute. The report prints the stored table.

    \b
    Examples: fiscal validate
              fiscal validate JCT_DC_FY2024 TSY_CASH_DC_FY2026
              fiscal validate --csv
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
    with noted(STARTS_AGAIN), progress_bar("validate") as progress:
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
    elif as_csv:
        emit_csv(found.assign(kind=kinds))
    elif not full and not which:
        _show_verdicts(found, kinds)
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
        show_table(["row", "kind", "relation", "published", "first", "model", "unit", "tolerance", "verdict"], rows)
        told = published.counts(found)
        if any(told.values()):
            words = "; ".join(f"{basis}: {_counted(verdicts)}" for basis, verdicts in told.items())
            typer.echo("")
            show_entries([(f"Rows of the full model on the first basis and on the present one. {capital(words)}", [])])
        for row in found[found["reason"] != ""].itertuples():
            typer.echo("")
            show_entries([(f"{row.id} ({row.verdict}): {row.reason}", [])])
    if not broken.empty:
        raise typer.Exit(EXIT_CHECK_FAILED)


def _show_verdicts(found: Any, kinds: Any) -> None:
    """The summary: rows that compare the full model, and how many rows of every kind are inside."""
    from fiscal.studies import published

    counts = published.counts(found)["after"]
    judged = counts.get("inside", 0) + counts.get("outside", 0)
    text = f"The model matches {counts.get('inside', 0)} of {judged} published estimates within preset tolerances."
    show_entries([(text, [])])
    columns = ["row", "published", "model", "unit", "tolerance", "verdict"]
    rows = [
        [row.id, f"{row.published:.5g}", _figure(row.model), row.unit, row.tolerance, row.verdict]
        for row in found[kinds.isin(published.FULL_MODEL)].itertuples()
    ]
    show_table(columns, rows, most=SUMMARY_WIDTH)
    by_kind = found["verdict"].groupby(kinds, sort=False).value_counts().unstack(fill_value=0)
    rows = [
        [str(kind), *(str(count) for count in row)] for kind, row in zip(by_kind.index, by_kind.to_numpy(), strict=True)
    ]
    show_table(["kind", *map(str, by_kind.columns)], rows, most=SUMMARY_WIDTH)
    show_entries([("--full prints every row and the reason for each miss; --csv prints a table.", [])])


def _counted(verdicts: dict[str, int]) -> str:
    """ "4 inside, 10 outside": how many rows have each verdict."""
    return ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())


def _figure(value: float) -> str:
    """A figure with five digits; empty if there is none."""
    return "" if value != value else f"{value:.5g}"


def _number(text: str | None) -> float | str | None:
    """The number that a text states, or the text unchanged."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text
