"""Additions to the MkDocs build: pages from the top folder, equations as MathML, and nothing remote.

An equation is a ```` ```math ```` block in LaTeX, which GitHub typesets by itself; here it becomes MathML, which
browsers draw without a script. A built page that would load a script, style, font or picture from elsewhere
stops the build: the site is read where there is no network.

A public name of the package has its arguments and the beginning of its docstring between
``<!-- docstring fiscal.run -->`` and ``<!-- end docstring -->``, which a reader of the repository sees; the site
has the whole docstring there, by mkdocstrings.

A page at the top of the repository, such as CONTRIBUTING.md, is taken in where ``docs/`` has
``<!-- include CONTRIBUTING.md -->``; its links into ``docs/`` become links beside it.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parent.parent
_INCLUDE = re.compile(r"<!-- include ([\w.]+) -->.*?<!-- end include -->", re.S)
_DOCSTRING = re.compile(r"<!-- docstring ([\w.]+) -->.*?<!-- end docstring -->", re.S)
_EQUATION = re.compile(r"^( *)```math\n(.*?)^ *```$", re.M | re.S)
_ELSEWHERE = r"""["']?(?:https?:)?//[^\s"'>]+"""
_REMOTE = {
    ".html": re.compile(
        rf"<(?:script|img|iframe|source)\b[^>]*\bsrc={_ELSEWHERE}"
        rf"|<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|icon|preload|preconnect))[^>]*\bhref={_ELSEWHERE}"
    ),
    ".css": re.compile(rf"(?:@import|url\()\s*{_ELSEWHERE}"),
}
"""Anything that a page or a style loads from another host, by the file's ending."""


def on_config(config: Any, **_: Any) -> Any:
    """The link to the repository, where pyproject.toml has its address."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    config["repo_url"] = project.get("urls", {}).get("Repository")
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Pages from the top folder in their places, docstrings whole, equations as MathML blocks."""
    markdown = _DOCSTRING.sub(lambda found: f"::: {found[1]}", markdown)
    markdown = _INCLUDE.sub(lambda found: included(found[1]), markdown)
    return _EQUATION.sub(lambda found: found[1] + equation(found[2].strip()), markdown)


def included(name: str) -> str:
    """A page of the top folder as it is linked from ``docs/``."""
    return (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")


def equation(latex: str) -> str:
    """One displayed equation."""
    return f'<div class="equation">{convert(latex, display="block")}</div>'


def on_post_build(config: Any, **_: Any) -> None:
    """Raises RuntimeError with whatever a page would load from elsewhere."""
    found = [
        f"{path.name}: {match[0]}"
        for path in sorted(Path(config["site_dir"]).rglob("*"))
        if path.suffix in _REMOTE
        for match in _REMOTE[path.suffix].finditer(path.read_text(encoding="utf-8"))
    ]
    if found:
        raise RuntimeError("pages load from elsewhere:\n" + "\n".join(dict.fromkeys(found)))
