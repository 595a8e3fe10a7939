"""The application, its groups of commands, and the options that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer
import typer.core

from fiscal.base.errors import nearest
from fiscal.cli import ending

EXIT_CHECK_FAILED = 1


_UsageError: Any = typer.BadParameter.__mro__[1]  # which typer does not export


class _Group(typer.core.TyperGroup):
    """Commands that suggest the nearest name for a misspelled one."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Typer makes an exit code of an interruption, and would lose what is kept of the work."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            ending.stopped_with(error)
            raise

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The commands with the whole first sentence of their help; Click would cut it to one line."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, one.get_short_help_str(limit=1000)) for name, one in found if one and not one.hidden]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that was named, with its arguments."""
        try:
            return super().resolve_command(ctx, args)
        except _UsageError as error:
            meant = nearest(args[0], self.commands) if args else None
            if meant:
                error.message = f"{error.message.rstrip('.')}; did you mean {meant!r}?"
            raise


_GROUP: Any = {"cls": _Group, "suggest_commands": False, "no_args_is_help": True, "rich_markup_mode": None}

app = typer.Typer(
    name="fiscal",
    **_GROUP,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
data_app = typer.Typer(**_GROUP, help="Data tables: list, check, or build them.")
schedules_app = typer.Typer(**_GROUP, help="Tax schedules from Tax-Calculator: build or show them.")
app.add_typer(data_app, name="data")
app.add_typer(schedules_app, name="schedules")
markets_app = typer.Typer(**_GROUP, help="Market models: estimate them, or show what they imply.")
app.add_typer(markets_app, name="markets")
paths_app = typer.Typer(**_GROUP, help="Return paths of your own, from a series of prices.")
app.add_typer(paths_app, name="paths")

ScenarioArgument = Annotated[str, typer.Argument(metavar="SCENARIO", help="Name or .toml file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]
FullOption = Annotated[bool, typer.Option("--full", help="Print everything instead of a summary.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print everything as CSV.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log stages, batches, their rate, and memory to standard error.")
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
