"""The application, its groups of commands, and the options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

EXIT_CHECK_FAILED = 1
EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130

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
