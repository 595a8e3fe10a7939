"""The pages that come from the code and the data, and their current text.

Some are written whole (:data:`PAGES`); in pages written by hand the text between ``<!-- begin NAME -->`` and
``<!-- end NAME -->`` is filled in (:data:`BLOCKS`). No scenario is run and no network used: declarations, docstrings
and the stored tables of ``data/`` are all that is read.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import evidence
import gallery
import reference
import reforms
import skill_page

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
GITHUB = "https://github.com/"
NOTE = "<!-- Written by docs/generator (make reference): change the code or the data, not this page. -->\n\n"

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/assumptions.md": evidence.assumptions_page,
    "docs/data.md": evidence.data_page,
    "docs/gallery.md": gallery.gallery_page,
    "docs/reference/commands.md": reference.commands_page,
    "docs/reference/reforms.md": reforms.reforms_page,
    "docs/reference/scenarios.md": reference.scenarios_page,
    "docs/reference/settings.md": reference.settings_page,
    "docs/reference/tables.md": reference.tables_page,
    "docs/skill.md": skill_page.skill_page,
    f"docs/{skill_page.PICTURE}": skill_page.picture,
    "docs/scenario_set.md": evidence.scenario_set_page,
    "docs/validation.md": evidence.validation_page,
}
"""Page -> function that writes it."""


def badges() -> str:
    """Badges of README.md: none while pyproject.toml has no address of the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return badges_of(project.get("urls", {}))


def badges_of(urls: Mapping[str, str]) -> str:
    """Tests, Binder, and DOI, for those of the addresses that are there."""
    found = []
    if repository := urls.get("Repository"):
        tests = f"{repository}/actions/workflows/tests.yml"
        found.append(f"[![Tests]({tests}/badge.svg)]({tests})")
        if repository.startswith(GITHUB):
            binder = f"https://mybinder.org/v2/gh/{repository.removeprefix(GITHUB)}/main"
            found.append(f"[![Binder](https://mybinder.org/badge_logo.svg)]({binder}?labpath=notebooks)")
    if doi := urls.get("DOI"):
        found.append(f"[![DOI]({doi.replace('doi.org/', 'zenodo.org/badge/DOI/')}.svg)]({doi})")
    return "\n".join(found)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "accounts": reference.accounts,
    "badges": badges,
    "books": reference.books,
    "choices": evidence.other_choices,
    "doubt": evidence.doubt,
    "face": reference.face,
    "figures": reference.figures,
    "finding": evidence.finding,
    "refresh": evidence.refresh,
    "scenarios": reference.scenario_list,
    "steps": evidence.steps,
    "stepsfound": evidence.steps_found,
    "timing": reference.timing,
}
"""Block of a handwritten page -> function that fills it."""

_BLOCK = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.S)


def filled(text: str) -> str:
    """A page with its blocks filled again. Raises KeyError for an unknown block."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n\n{found[3]}", text)


def written() -> dict[str, str]:
    """Every page with its generated text: name relative to the top folder -> text."""
    found = {name: NOTE + page() for name, page in PAGES.items()}
    for path in sorted((*ROOT.glob("*.md"), *DOCS.rglob("*.md"))):
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        if name not in PAGES and _BLOCK.search(text):
            found[name] = filled(text)
    return found


def main() -> None:
    """Write the pages that are not current."""
    for name, text in written().items():
        path = ROOT / name
        path.parent.mkdir(exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"{name} written", file=sys.stderr)
