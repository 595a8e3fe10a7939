"""The gallery of figures: what code draws each, and, run as a script, the pictures themselves.

``python docs/generator/gallery.py`` runs two scenarios, one random one, and a small sweep, and writes
``docs/gallery/NAME.svg``. The page is made from the declarations alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from marks import fenced, page, paragraph

from fiscal.results.figures import FIGURES
from fiscal.results.figures import Figure as Drawn

HERE = Path(__file__).resolve().parent.parent / "gallery"

OWNERS: Mapping[str, str] = {
    "effect": 'effect = fiscal.compare(fiscal.run("baseline"), fiscal.run("boom"), fiscal.run("bust"))',
    "random": 'random = fiscal.run("stochastic_central", {"paths.count": 256})',
    "found": (
        "found = fiscal.sweep(\n"
        "    {\n"
        '        "sweep": {"base": "boom", "design": "grid"},\n'
        '        "settings": {"adoption.participants_share": [0.05, 0.2], "tax.withdrawal_scale": [0.9, 1.1]},\n'
        "    }\n"
        ")"
    ),
    "record": "record = fiscal.market_record()",
    "paths": 'paths = fiscal.market_paths("stochastic_central")',
    "law": "law = fiscal.schedules()",
}
"""Name of a result -> the line that makes it."""

OF: Mapping[str, str] = {
    "path_fan": "random",
    "dollar_fan": "random",
    "tornado": "found",
    "price": "record",
    "dollar": "paths",
    "crypto_size": "paths",
    "withdrawal_rates": "law",
}
"""Figure -> the result that draws it; the others are drawn by ``effect``."""

OPTIONS: Mapping[str, str] = {"who_gains": 'line="net_revenue"', "waterfall": 'scenario="boom"'}


def call_of(figure: Drawn) -> str:
    """The line that draws a figure."""
    return f"{OF.get(figure.name, 'effect')}.plot.{figure.name}({OPTIONS.get(figure.name, '')})"


def gallery_page() -> str:
    """Page: every figure with its code."""
    return page(
        "# Gallery",
        paragraph(
            "Every figure of the package, and the line that draws it. A figure is a matplotlib Axes: "
            '`ax.figure.savefig("name.svg")` writes it, and `ax=` draws it on Axes of your own. '
            "[Python](reference/python.md) lists the options. `fiscal figures RUN --out DIR` writes all "
            "figures of a run without any code."
        ),
        fenced("\n".join(["import fiscal", "", *OWNERS.values()]), "python"),
        *(block for figure in FIGURES for block in _shown(figure)),
    )


def _shown(figure: Drawn) -> Iterator[str]:
    words = " ".join((figure.draw.__doc__ or "").split("\n\n")[0].split()).replace("`", "")
    yield f"## {figure.name.replace('_', ' ').capitalize()}"
    yield paragraph(words)
    yield fenced(call_of(figure), "python")
    if (HERE / f"{figure.name}.svg").is_file():
        yield f"![{words}](gallery/{figure.name}.svg)"


def draw() -> None:
    """Make the results and write every figure."""
    import fiscal
    from fiscal.results.figures.files import drawn

    scope: dict[str, object] = {"fiscal": fiscal}
    for line in OWNERS.values():
        exec(line, scope)
    HERE.mkdir(exist_ok=True)
    for figure in FIGURES:
        ax = eval(call_of(figure), scope)
        files = drawn(ax, figure.name)
        (HERE / f"{figure.name}.svg").write_bytes(files[f"{figure.name}.svg"])
        print(f"docs/gallery/{figure.name}.svg written", file=sys.stderr)


if __name__ == "__main__":
    draw()
