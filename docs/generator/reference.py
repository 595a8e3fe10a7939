"""Reference pages from the code: commands, settings, scenarios, the Python face, the tables of a run."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer
from marks import anchor, code, fenced, first_sentence, one_line, page, paragraph, plain, prose, slug, table

from fiscal.budget import lines as budget_lines
from fiscal.cli import app
from fiscal.engine import cells
from fiscal.people.accounts import TYPES
from fiscal.results import market_and_law
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
        context = command.context_class(
            command, info_name=name.split()[-1], parent=parent, **command.context_settings
        )
        yield name, command, context
        for child, below in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {child}", below, context)

    yield from walk("fiscal", typer.main.get_command(app), None)


def commands_page() -> str:
    """``fiscal --help`` and the help of every command."""
    return page(
        "# Commands",
        paragraph(
            "What `fiscal --help` and `fiscal COMMAND --help` say. Results go to stdout, messages and progress to "
            "stderr. Exit codes: 0 fine, 1 a check failed, 2 wrong input, 130 interrupted."
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
        yield table(("command", "what it does"), rows)
    rows = [(code(spelled), plain(meaning)) for spelled, meaning in _parameters(command, context)]
    yield table(("argument or option", "meaning"), rows)
    if examples:
        yield fenced(examples, "sh")


def _help(text: str) -> tuple[str, str]:
    """What a command's help says, and its examples: the lines from "Example" on."""
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
        # "<int range>" is a number; its range stands in the help
        yield re.sub(r"\s*<(\w+)[^>]*>", lambda found: " " + found[1].upper(), spelled), words


# --- settings and scenarios -------------------------------------------------------------------------


def settings_page() -> str:
    """Every lever by section, as declared."""
    blocks = [
        "# Settings",
        paragraph(
            "Everything a scenario can change, with its default. In a file a setting stands in its section "
            "(`[adoption]`, `participants_share = 0.2`); on the command line and in Python it has its dotted name "
            "(`--set adoption.participants_share=0.2`). `fiscal explain SCENARIO` prints the same for one scenario."
        ),
        paragraph(
            'Rates and shares are fractions. `none` is written `"none"` in a file. **Standing** of a default: *cited* '
            "(a publication or the law says so), *derived* (stated arithmetic on cited figures), *assumed* (no source; "
            "has a range and a [sensitivity](../assumptions.md)) or *choice* (what you ask)."
        ),
    ]
    for name, section in SECTIONS.items():
        own = [lever for lever in declared() if lever.key.startswith(f"{name}.")]
        columns = ("setting", "default", "what it does", "allowed", "standing and source")
        blocks += [f"## {name}", prose(section.__doc__), table(columns, map(_lever, own))]
    header = [
        (code(f"scenario.{name}"), plain(field.description)) for name, field in Header.model_fields.items()
    ]
    blocks += [
        "## scenario",
        "Names and words; no number depends on them.",
        table(("key", "meaning"), header),
        "## assumptions",
        paragraph(
            f"{len(adjustable())} rows of `data/assumptions.csv` may be changed in this section; they stand, with "
            "range and sensitivity, under [Assumptions](../assumptions.md)."
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
    """Every scenario of the catalogue with what it changes."""
    blocks = [
        "# Scenarios",
        paragraph(
            "What comes with the package (`fiscal list`). Each is a file of overrides on the [settings](settings.md); "
            "`extends` in a file of your own starts from one of them."
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
            table(("setting", "here", "default"), rows) if rows else "Every setting at its default.",
            paragraph(f"Reference: {plain(scenario.reference)}"),
        ]
    return page(*blocks)


def scenario_list() -> str:
    """Block: the catalogue's names and titles."""
    rows = [
        (f"[`{name}`](reference/scenarios.md#{slug(name)})", plain(load(name).title)) for name in catalogue()
    ]
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
    """Tables of a run, lines of the books, columns."""
    lines = [(code(line), "yes" if line in budget_lines.CASH_LINES else "") for line in budget_lines.LINES]
    return page(
        "# Tables of a run",
        paragraph(
            "A run folder holds these as CSV and Parquet under `tables/`, and `columns.csv` says which columns each "
            'has; in Python they are `result.tables["budget"]`. One row is one observation. Positive means the '
            "government is better off, but a positive `tax_expenditure` is a cost."
        ),
        table(("table", "what it holds", "a row is named by"), map(_table, TABLES.values())),
        "## Lines of the books",
        "What each line is stands under [How it is computed](../method.md#the-governments-accounts).",
        table(("line", "part of net_revenue"), lines),
        "## Columns",
        _columns(COLUMNS),
        "## Columns of other tables",
        "### Sweeps",
        "Of `fiscal.sweep` and of a sweep's folder; a setting that is moved has a column of its own name.",
        _columns(sweeps_schema.COLUMNS),
        "### Cells",
        "Of `fiscal.cells`: one row a year, birth cohort and earnings group.",
        table(("column", "meaning"), [(code(name), plain(words)) for name, words in cells.COLUMNS.items()]),
        "### Exhibits",
        "Of `fiscal.market_record`, `fiscal.market_paths` and `fiscal.schedules`, beside those above.",
        _columns(market_and_law.COLUMNS),
    )


def _table(schema: TableSchema) -> tuple[str, ...]:
    return code(schema.name), plain(schema.holds), ", ".join(map(code, schema.keys))


def _columns(columns: Mapping[str, ColumnSchema]) -> str:
    return table(("column", "meaning"), [(code(one.name), plain(one.words)) for one in columns.values()])


# --- blocks of the page on the method ---------------------------------------------------------------


def books() -> str:
    """Block: the revenue lines as they are declared."""
    return table(
        ("line", "meaning"), [(code(line.name), one_line(line.meaning)) for line in budget_lines.REVENUE]
    )


def accounts() -> str:
    """Block: types of account as they are declared."""
    rows = ([code(one.name), plain(one.held_by), plain(one.law)] for one in TYPES.values())
    return table(["type", "who may hold it", "law"], rows)


def timing() -> str:
    """Block: how a fiscal year takes from calendar years, by default."""
    levers = {lever.key: lever.default for lever in declared()}
    deferral = levers["books.deferral_fiscal_same_year_share"]
    withdrawal = levers["books.withdrawal_fiscal_same_year_share"]
    return paragraph(
        f"By default s = {deferral:g} for what is withheld as wages are paid (deferrals, payroll tax, tax on Roth "
        f"contributions) and s = {withdrawal:g} for what is paid with returns (withdrawals, conversions)."
    )
