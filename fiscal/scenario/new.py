"""A scenario file to begin with: a header, and the settings of most questions as comments with their ranges."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from fiscal.base.errors import InputError, Problem
from fiscal.base.files import not_writable, write_whole
from fiscal.scenario.loading import load
from fiscal.scenario.schema import declared
from fiscal.scenario.section import NONE_WORD
from fiscal.scenario.toml import format_value

OFFERED = ("horizon", "paths", "adoption", "roth", "tax", "law")
"""Sections that a new file offers; `fiscal explain` shows all."""
WIDTH = 100


def new_scenario(
    name: str | Path,
    extends: str = "baseline",
    *,
    title: str = "",
    author: str = "",
    overrides: Mapping[str, object] | Sequence[str] = (),
) -> Path:
    """Write a commented scenario file that changes nothing but ``overrides``; returns its path.

    ``name`` is the file, ``.toml`` if it has no ending. Every setting that it offers is a comment with the value of
    ``extends``, its unit, and its range. Raises InputError for a file that exists, a folder that cannot be written, an
    unknown scenario, and wrong overrides.
    """
    path = Path(name) if Path(name).suffix else Path(name).with_name(f"{Path(name).name}.toml")
    if path.exists():
        raise InputError(Problem("exists already", file=str(path), allowed="a name of a new file"))
    if problems := not_writable(path.absolute().parent, str(path)):
        raise InputError(problems)
    write_whole(path, text_of(extends, title=title, author=author, overrides=overrides).encode())
    return path


def text_of(
    extends: str = "baseline",
    *,
    title: str = "",
    author: str = "",
    overrides: Mapping[str, object] | Sequence[str] = (),
) -> str:
    """The text of such a file."""
    parent = load(extends)
    chosen = load(parent, overrides) if overrides else parent
    lines = [
        "# A scenario for fiscal: what it changes, and nothing else. Remove the # before a setting to change it.",
        "# fiscal explain FILE checks it and shows every setting; fiscal run FILE runs it.",
        "",
        "[scenario]",
        f"extends = {format_value(extends)}",
        f"title = {format_value(title or f'{parent.title}, with changes of my own')}",
        f"author = {format_value(author)}" if author else '# author = "Your name"',
        '# description = "What it supposes, and why."',
    ]
    section = ""
    for lever in declared():
        home, _, key = lever.key.partition(".")
        value, before = chosen.value(lever.key), parent.value(lever.key)
        changed = value != before
        if home not in OFFERED and not changed:
            continue
        if home != section:
            lines += ["", f"[{home}]"]
            section = home
        allowed = f" Allowed: {lever.allowed}." if lever.allowed else ""
        words = f"{lever.doc.rstrip('.')}. Unit: {lever.unit}.{allowed}"
        lines += ["", *textwrap.wrap(words, WIDTH, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"{'' if changed else '# '}{key} = {_spelled(value)}")
    return "\n".join(lines) + "\n"


def _spelled(value: object) -> str:
    return format_value(NONE_WORD if value is None else list(value) if isinstance(value, tuple) else value)
