"""The English of every text that a reader sees: a scan for words that hide the message.

This is the one test that pins words. Texts say the finding first, in plain American English: subject, verb, object. The
list below names verbs of posture, private words, headless clauses, and British spellings. Code, identifiers, and quoted
titles of other works are left out.
"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FAULTS = {
    "posture": [
        r"held against",
        r"hold\w* (?:\w+ ){1,5}against",
        r"hangs? (?:on|together)",
        r"rides?|riding",
        r"(?:hinges|turns) on",
        r"turns? (?:for good|into a)",
        r"stands?|stood",
        r"standing (?:beside|at|on|over|under|against|there)",
        r"lies|lie|lying",
        r"goes on|go on|going on",
        r"for good",
    ],
    "private": [
        r"nil",
        r"(?:told|tells?) apart",
        r"mend(?:s|ed|ing)?",
        r"books?",
        r"(?:nobody|savers?|nothing) answers?",
        r"answers? (?:of|to) (?:savers|prices|anything|withdrawals)",
        r"(?:the|their|its|in) house",
        r"walk(?:s|ed|ing)?",
        r"doubters?",
        r"anew",
        r"no part of",
        r"dearer",
        r"in the place of",
        r"so many",
        r"(?:receipts|return|returns) (?:of )?nothing",
    ],
    "headless": [r"whoever", r"what is paid in", r"paid in", r"which one is meant", r"(?:is|are) (?:said|told)"],
    "negation": [r"(?<!there )(?:is|are|be) no (?!longer|more|less|later|larger|higher|lower|better|fewer)\w+"],
    "not per": [r"(?:points|rows?|one|file|line) an? (?:year|person|path|case|outcome|asset|processor|table|row)"],
    "British": [
        r"behaviou?r(?<=iour)\w*",
        r"licences?",
        r"catalogues?",
        r"(?:colour|favour|labour|honour|neighbour)\w*",
        r"centres?|centred",
        r"(?:model|label|travel|cancel)l(?:ed|ing)",
        r"(?:un)?(?:annual|real|penal|recogn|organ|normal|summar|emphas|initial|character|minim|maxim|util|general|national)is"
        r"(?:e|es|ed|ing|ation|ations)",
        r"programmes?",
        r"analyse[sd]?",
        r"judgement",
        r"whilst|amongst",
    ],
}
"""Kind of fault -> regular expressions of its words, each between word boundaries."""

ALLOWED = [
    "behaviour responses",  # a factor's name
    "behaviour (responses)",
    "ICI Fact Book",
    "random walk",
]
"""Texts in which a listed word is right: a column's name, a term of statistics, the title of another work."""

FAULT = re.compile(rf"\b(?:{'|'.join(word for words in FAULTS.values() for word in words)})\b", re.I)
ALLOW = re.compile("|".join(map(re.escape, ALLOWED)), re.I)
CODE = re.compile(
    r"^ *```.*?^ *```|^(?:#+ )?\[?(?:books|behaviour)\]?$|\[behaviour\]|``[^`]+``|`[^`\n]*`|<!--.*?-->|https?://\S+|\]\([^)]*\)|\$\$.*?\$\$",
    re.M | re.S,
)
NAME = re.compile(r"[\w/~-]*(?:[._/=:][\w\[\]*-]+)+")
"""Words that are names: dotted, with an underscore, a path, or a keyword."""


def faults(text: str) -> list[str]:
    """The faults of a text, each with the words around it."""
    if not FAULT.search(text):  # most texts; the rest is slower
        return []
    plain = ALLOW.sub(" ", " ".join(NAME.sub(" ", CODE.sub(" ", text)).split()))
    return [plain[max(0, found.start() - 40) : found.end() + 40] for found in FAULT.finditer(plain)]


# --- where texts are ---------------------------------------------------------------------------------


def pages() -> Iterator[tuple[str, str]]:
    """Pages of the documentation and the files of the top folder."""
    paths = [*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("reports/*.md"), *ROOT.glob("docs/**/*.md")]
    paths += [*ROOT.glob("benchmarks/*.md"), ROOT / "CITATION.cff", ROOT / "mkdocs.yml"]
    for path in paths:
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def sources() -> Iterator[tuple[str, str]]:
    """Docstrings, string literals, and comments of the code."""
    for path in sorted(ROOT.glob("fiscal/**/*.py")):
        yield from literals(path)
    for path in (*ROOT.glob("docs/**/*.py"), *ROOT.glob("tools/*.py"), *ROOT.glob("benchmarks/*.py")):
        yield from literals(path)


def literals(path: Path) -> Iterator[tuple[str, str]]:
    """Every string and comment of a Python file; a string without a blank is a name."""
    text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):
            yield f"{name}:{node.lineno}", "".join(str(getattr(one, "value", "x")) for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield f"{name}:{node.lineno}", node.value
    yield from (
        (f"{name}:{number}", found[1])
        for number, line in enumerate(text.splitlines(), 1)
        if "# " in line and (found := re.search(r"(?:^|\s)# (.*)$", line))
    )


PROSE = {"label", "note", "what", "reason", "rationale", "words", "head"}
"""Columns of data tables and of the package's own tables that this project wrote. Publishers' words stay, and so do the
bases and bridges of comparisons, which were recorded before the first comparison and are never changed."""


def data() -> Iterator[tuple[str, str]]:
    """Titles and notes of the data tables, and words of the columns of results."""
    package = json.loads((ROOT / "data" / "datapackage.json").read_text(encoding="utf-8"))
    yield "datapackage.json", f"{package['title']}. {package['description']}"
    for resource in package["resources"]:
        for key in ("title", "description", "unit", "read_in", "licence", "built_from"):
            yield f"datapackage.json: {resource['name']}.{key}", str(resource.get(key, ""))
        for field in resource.get("schema", {}).get("fields", ()):
            yield f"datapackage.json: {resource['name']}.{field['name']}", field.get("description", "")
    for path in (*ROOT.glob("data/*.csv"), *ROOT.glob("data/derived/*.csv"), *ROOT.glob("fiscal/*/*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            columns = PROSE & set(next(csv.reader(lines)))
            lines.seek(0)
            for row in csv.DictReader(lines) if columns else ():
                key = next(iter(row.values()))
                yield from ((f"{path.name}: {key}.{column}", row[column]) for column in columns)


def others() -> Iterator[tuple[str, str]]:
    """Scenarios of the package, the report's template, notebooks, and the help of make."""
    templates = ROOT.glob("fiscal/*/templates/*.*")
    for path in (*ROOT.glob("fiscal/scenario/**/*.toml"), *templates):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for text in re.findall(r'echo "(.*)"|^# (.*)$', (ROOT / "Makefile").read_text(encoding="utf-8"), re.M):
        yield "Makefile", " ".join(text)
    for path in ROOT.glob("notebooks/*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "code":
                text = "\n".join(re.findall(r"(?:^|\s)# (.*)$", text, re.M))
            yield path.name, text


@pytest.mark.parametrize("texts", [pages, sources, data, others])
def test_texts_are_plain_american_english(texts):
    found = [f"{place}: {fault}" for place, text in texts() for fault in faults(text)]
    assert found == []


def test_a_fault_is_found_and_a_name_is_not():
    assert len(faults("What is paid in hangs on the rates, and the label stands beside the colour.")) == 4
    assert faults("`books.year`, books.year, tables/books.csv, and `stands` are names; 4 is no longer 5") == []
