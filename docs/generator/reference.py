"""Reference pages from the code: commands, settings, scenarios, the Python face, the tables of a run."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer
from marks import anchor, code, fenced, first_sentence, one_line, page, paragraph, plain, prose, slug, table

import fiscal
from fiscal.budget import lines as budget_lines
from fiscal.cli import app
from fiscal.engine import cells
from fiscal.people.accounts import TYPES
from fiscal.results import market_and_law, result
from fiscal.results.figures import FIGURES, Figure
from fiscal.results.schema import COLUMNS, TABLES, ColumnSchema, TableSchema
from fiscal.scenario import catalogue, load
from fiscal.scenario.assumptions import adjustable
from fiscal.scenario.declared import Declared
from fiscal.scenario.header import Header
from fiscal.scenario.schema import SECTIONS, declared
from fiscal.scenario.section import spell
from fiscal.studies.sweeps import schema as sweeps_schema

# --- commands ---------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, Any, Any]]:
    """Every command of the shell as ``(name, command, its context)``, in the order of ``fiscal --help``."""

    def walk(name: str, command: Any, parent: Any) -> Iterator[tuple[str, Any, Any]]:
        context = command.context_class(command, info_name=name.split()[-1], parent=parent, **command.context_settings)
        yield name, command, context
        for child, below in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {child}", below, context)

    yield from walk("fiscal", typer.main.get_command(app), None)


def commands_page() -> str:
    """``fiscal --help`` and the help of every command."""
    return page(
        "# Commands",
        paragraph(
            "This page shows the text of `fiscal --help` and `fiscal COMMAND --help`. Results go to standard output; "
            "messages and progress go to standard error. Exit codes are 0 for success, 1 for a failed check, 2 for "
            "wrong input, and 130 for an interruption."
        ),
        *(block for found in commands() for block in _command(*found)),
    )


def _command(name: str, command: Any, context: Any) -> Iterator[str]:
    words, examples = _help(command.help or "")
    yield f"## {name}"
    yield words
    yield fenced(command.get_usage(context).removeprefix("Usage: "), "text")
    below = getattr(command, "commands", {})
    if below:
        rows = [
            (f"[`{name} {child}`](#{slug(f'{name} {child}')})", plain(first_sentence(one.help)))
            for child, one in below.items()
        ]
        yield table(("command", "description"), rows)
    rows = [(code(spelled), plain(meaning)) for spelled, meaning in _parameters(command, context)]
    yield table(("argument or option", "meaning"), rows)
    if examples:
        yield fenced(examples, "sh")


def _help(text: str) -> tuple[str, str]:
    """The text of a command's help, and its examples: the lines from "Example" on."""
    words, _, examples = re.sub(r"^\x08\n", "", text, flags=re.M).partition("Example")
    title = re.match(r"s?: ", examples)
    if title is not None:  # indented as the lines below it are
        examples = " " * (len("Example") + title.end()) + examples[title.end() :]
    paragraphs = words.strip().split("\n\n")
    return page(*(paragraph(plain(one)) for one in paragraphs)), textwrap.dedent(examples).strip()


def _parameters(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    """Every argument and option as it is spelled, and its help."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:
            continue
        spelled, words = record
        if parameter.param_type_name == "argument":
            spelled = parameter.metavar or parameter.name.upper()
        # "<int range>" is a number; the help has its range
        yield re.sub(r"\s*<(\w+)[^>]*>", lambda found: " " + found[1].upper(), spelled), words


# --- settings and scenarios -------------------------------------------------------------------------


def settings_page() -> str:
    """Every lever by section, as declared."""
    blocks = [
        "# Settings",
        paragraph(
            "This page lists everything that a scenario can change, with its default. In a file, a setting is in its "
            "section (`[adoption]`, `participants_share = 0.2`). On the command line and in Python it has a dotted "
            "name (`--set adoption.participants_share=0.2`). `fiscal explain SCENARIO` prints the same for one "
            "scenario."
        ),
        paragraph(
            'Rates and shares are fractions. `none` is written `"none"` in a file. The **standing** of a default is '
            "*cited* (from a publication or the law), *derived* (stated arithmetic on cited figures), *assumed* (no "
            "source; it has a range and a [sensitivity](../assumptions.md)), or *choice* (your choice)."
        ),
    ]
    for name, section in SECTIONS.items():
        own = [lever for lever in declared() if lever.key.startswith(f"{name}.")]
        columns = ("setting", "default", "description", "allowed", "standing and source")
        blocks += [f"## {name}", prose(section.__doc__), table(columns, map(_lever, own))]
    header = [(code(f"scenario.{name}"), plain(field.description)) for name, field in Header.model_fields.items()]
    blocks += [
        "## scenario",
        "Names and texts; no number depends on them.",
        table(("key", "meaning"), header),
        "## assumptions",
        paragraph(
            f"{len(adjustable())} rows of `data/assumptions.csv` can be changed in this section. "
            "[Assumptions](../assumptions.md) lists them with range and sensitivity."
        ),
    ]
    return page(*blocks)


def _lever(lever: Declared) -> tuple[str, ...]:
    return (
        anchor(lever.key) + code(lever.key),
        code(spell(lever.default)),
        f"{plain(lever.doc)} ({plain(lever.unit)})",
        plain(lever.allowed),
        f"*{lever.status}*: {plain(lever.source)}",
    )


def scenarios_page() -> str:
    """Every scenario of the package with its changes."""
    blocks = [
        "# Scenarios",
        paragraph(
            "These scenarios come with the package (`fiscal list`). Each is a file of changes to the "
            "[settings](settings.md). Your own file can start from one of them with `extends`."
        ),
    ]
    defaults = {lever.key: lever.default for lever in declared()}
    for name in catalogue():
        scenario = load(name)
        rows = [
            (f"[`{key}`](settings.md#{key})", code(spell(value)), code(spell(defaults[key])))
            for key, value in scenario.changed().items()
        ]
        blocks += [
            f"## {name}",
            paragraph(f"**{plain(scenario.title)}.** {plain(scenario.description)}"),
            table(("setting", "here", "default"), rows) if rows else "Every setting has its default.",
            paragraph(f"Reference: {plain(scenario.reference)}"),
        ]
    return page(*blocks)


def scenario_list() -> str:
    """Block: names and titles of the package's scenarios."""
    rows = [(f"[`{name}`](reference/scenarios.md#{slug(name)})", plain(load(name).title)) for name in catalogue()]
    return table(("scenario", "title"), rows)


# --- figures and the tables of a run ----------------------------------------------------------------


def figures() -> str:
    """Block: every figure of a result with its options."""
    return table(("figure", "what it shows", "options"), map(_drawn, FIGURES))


def _drawn(figure: Figure) -> tuple[str, ...]:
    options = ", ".join(map(code, _options(figure.draw)))
    return code(figure.name), first_sentence(figure.draw.__doc__), options


def _options(function: Callable[..., Any]) -> list[str]:
    """Keyword options of a figure with their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return [f"{one.name}={one.default!r}" for one in parameters if one.kind is one.KEYWORD_ONLY]


def tables_page() -> str:
    """Tables of a run, revenue lines, and columns."""
    lines = [(code(line), "yes" if line in budget_lines.CASH_LINES else "") for line in budget_lines.LINES]
    return page(
        "# Tables of a run",
        paragraph(
            "A run folder has these tables as CSV and Parquet under `tables/`, and `columns.csv` lists the columns of "
            'each. In Python they are `result.tables["budget"]` and so on. One row is one observation. Positive means '
            "that the government is better off, but a positive `tax_expenditure` is a cost."
        ),
        table(("table", "content", "key"), map(_table, TABLES.values())),
        "## Revenue lines",
        "[How it is computed](../method.md#the-governments-accounts) defines each line.",
        table(("line", "part of net_revenue"), lines),
        "## Columns",
        _columns(COLUMNS),
        "## Columns of other tables",
        "### Sweeps",
        "Tables of `fiscal.sweep` and of a sweep's folder. Each setting that the sweep varies has a column with its "
        "name.",
        _columns(sweeps_schema.COLUMNS),
        "### Cells",
        "The table of `fiscal.cells`: one row per year, birth cohort, and earnings group.",
        table(("column", "meaning"), [(code(name), plain(words)) for name, words in cells.COLUMNS.items()]),
        "### Exhibits",
        "Tables of `fiscal.market_record`, `fiscal.market_paths`, and `fiscal.schedules`, in addition to those above.",
        _columns(market_and_law.COLUMNS),
    )


def _table(schema: TableSchema) -> tuple[str, ...]:
    return code(schema.name), plain(schema.holds), ", ".join(map(code, schema.keys))


def _columns(columns: Mapping[str, ColumnSchema]) -> str:
    return table(("column", "meaning"), [(code(one.name), plain(one.words)) for one in columns.values()])


# --- the Python face --------------------------------------------------------------------------------

HELD = (result.Table, result.Budget, market_and_law.Exhibit)
"""Classes of what results hold."""


def face() -> str:
    """Block: every public name with its arguments and the beginning of its docstring.

    The site prints each docstring in full.
    """
    public = {name: getattr(fiscal, name) for name in fiscal.__all__ if name != "__version__"}
    classes = {name: found for name, found in public.items() if inspect.isclass(found)}
    return page(
        "## Functions",
        *(_public(f"fiscal.{name}", found) for name, found in public.items() if name not in classes),
        "## Classes",
        *(_public(f"fiscal.{name}", found) for name, found in classes.items()),
        "## What results hold",
        *(_public(found.__name__, found) for found in HELD),
    )


def _public(title: str, found: Any) -> str:
    place = f"{found.__module__}.{found.__qualname__}"
    shown = "" if inspect.isclass(found) else fenced(f"{title}({_arguments(found)})", "text")
    words = paragraph(re.split(r"(?<=[.]) (?=[A-Z`])", first_sentence(found.__doc__), maxsplit=1)[0])
    return page(f"### {title}", f"<!-- docstring {place} -->", shown, words, "<!-- end docstring -->")


def _arguments(function: Callable[..., Any]) -> str:
    """Arguments as they are called, with their defaults."""
    parts = []
    for one in inspect.signature(function).parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in parts and not any(part[:1] == "*" for part in parts):
            parts.append("*")
        star = "*" if one.kind is one.VAR_POSITIONAL else ""
        parts.append(f"{star}{one.name}" + ("" if one.default is one.empty else f"={one.default!r}"))
    return ", ".join(parts)


# --- blocks of the page on the method ---------------------------------------------------------------


def books() -> str:
    """Block: the revenue lines as they are declared."""
    return table(("line", "meaning"), [(code(line.name), one_line(line.meaning)) for line in budget_lines.REVENUE])


def accounts() -> str:
    """Block: types of account as they are declared."""
    rows = ([code(one.name), plain(one.held_by), plain(one.law)] for one in TYPES.values())
    return table(["type", "who may hold it", "law"], rows)


def timing() -> str:
    """Block: the default shares of calendar years in a fiscal year."""
    levers = {lever.key: lever.default for lever in declared()}
    deferral = levers["books.deferral_fiscal_same_year_share"]
    withdrawal = levers["books.withdrawal_fiscal_same_year_share"]
    return paragraph(
        f"By default, s = {deferral:g} for amounts withheld as wages are paid (deferrals, payroll tax, tax on Roth "
        f"contributions) and s = {withdrawal:g} for amounts paid with returns (withdrawals, conversions)."
    )
