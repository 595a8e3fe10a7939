"""A report as one HTML page: the same content as the PDF, figures and style inside, nothing fetched and no script.

Every text goes through :func:`html.escape`. Tables scroll in boxes of their own where a screen is too narrow;
heads, captions, alternative texts and a table of contents are marked up as such, so that the page can be read aloud.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Mapping
from pathlib import Path

from fiscal.report.changes import changes_line
from fiscal.report.content import Block, Figure, Heading, Items, Prose, Ref, Report, Table, Term, Text

STYLE = """
:root { color-scheme: light; --ink: #1a1a1a; --soft: #595959; --rule: #8c8c8c; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 1rem/1.55 Georgia, "Times New Roman", serif; }
main, header, nav { max-width: 50rem; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 2.5rem 0 .4rem; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 3rem 0 .8rem; }
h3 { font-size: 1.08rem; margin: 2rem 0 .5rem; }
p, li { overflow-wrap: break-word; }
a { color: #1f4e79; }
.soft, .unit, .source { color: var(--soft); font-size: .85rem; }
.warning { border-left: 3px solid var(--ink); padding: .2rem 0 .2rem .9rem; }
.box { border: 1px solid var(--rule); padding: .8rem 1rem; }
.lead { font-size: 1.06rem; }
.note { color: var(--soft); font-size: .87rem; }
figure { margin: 1.8rem 0; }
figcaption, caption { font-weight: bold; text-align: left; padding-bottom: .3rem; }
figure img { width: 100%; height: auto; display: block; }
.scroll { overflow-x: auto; margin: 1.8rem 0 .3rem; }
table { border-collapse: collapse; font-size: .83rem; line-height: 1.35; font-variant-numeric: tabular-nums lining-nums;
  border-top: 2px solid var(--ink); border-bottom: 2px solid var(--ink); min-width: 100%; }
caption .unit { display: block; font-weight: normal; }
thead th { border-bottom: 1px solid var(--rule); vertical-align: bottom; }
th, td { padding: .22rem .5rem; vertical-align: top; text-align: left; font-weight: normal; }
thead th, th.group { font-weight: bold; }
th.group { font-style: italic; padding-top: .6rem; }
th.right, td.right { text-align: right; white-space: nowrap; }
thead th.right { white-space: normal; }
.cell-note { display: block; color: var(--soft); font-size: .75rem; }
nav ol { padding-left: 1.6rem; }
footer { max-width: 50rem; margin: 3rem auto 2rem; padding: .8rem 1rem 0; border-top: 1px solid var(--rule); }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 1rem; background: #fff; padding: .4rem; }
@media (max-width: 30rem) { body { font-size: .95rem; } h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; } }
@media print { nav, .skip { display: none; } .scroll { overflow: visible; } h2 { break-after: avoid; }
  figure, tr { break-inside: avoid; } }
"""


def page(report: Report, figures: Path) -> str:
    """The page, with the SVGs of the folder ``figures`` inside; the same report gives the same text."""
    numbers = report.numbers()
    title = html.escape(report.title)
    identity = ", ".join(
        f"{html.escape(one['name'])} {html.escape(one['fingerprint'])}" for one in report.scenarios
    )
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en-US">',
        f'<head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta name="description" content="{html.escape(report.subtitle)}">',
        f"<style>{STYLE}</style></head>",
        '<body><a class="skip" href="#content">To the content</a>',
        f'<header><h1>{title}</h1><p class="soft">{html.escape(report.subtitle)}</p>',
        f'<p class="warning">{html.escape(report.warning)}</p>',
        *_scenarios(report),
        *_facts(report),
        "</header>",
        *_contents(report),
        '<main id="content">',
    ]
    for number, section in enumerate(report.sections, start=1):
        parts.append(f'<section aria-labelledby="section-{number}">')
        parts.append(f'<h2 id="section-{number}">{number}. {html.escape(section.title)}</h2>')
        if section.references():
            parts.append(f'<p class="soft">{_text(section.references(), numbers)}</p>')
        for block in section.blocks:
            parts += _block(block, numbers, figures)
        parts.append("</section>")
    parts += ["</main>", f'<footer class="soft">Settings: {identity}</footer>', "</body></html>"]
    return "\n".join(parts) + "\n"


def _scenarios(report: Report) -> Iterator[str]:
    yield '<h2 id="scenarios">Scenarios</h2><ul>'
    for one in report.scenarios:
        told = [f"<strong>{html.escape(one['title'])}</strong>"]
        told += [html.escape(one["description"])] if one["description"] else []
        told.append(html.escape(changes_line(one)))
        names = [f"Scenario {one['name']}", f"settings {one['fingerprint']}"]
        names += [one[key] for key in ("author", "reference") if one[key]]
        said = " \N{MIDDLE DOT} ".join(html.escape(name) for name in names)
        yield f'<li>{" ".join(told)} <span class="soft">{said}</span></li>'
    yield "</ul>"


def _facts(report: Report) -> Iterator[str]:
    for name, fact in report.meta:
        yield f'<p class="soft"><strong>{html.escape(name)}</strong>: {html.escape(fact)}</p>'


def _contents(report: Report) -> Iterator[str]:
    yield '<nav aria-labelledby="contents"><h2 id="contents">Contents</h2><ol>'
    for number, section in enumerate(report.sections, start=1):
        yield f'<li><a href="#section-{number}">{html.escape(section.title)}</a></li>'
    yield "</ol></nav>"


def _text(text: Text, numbers: Mapping[str, str]) -> str:
    pieces = (text,) if isinstance(text, str) else text
    return "".join(
        f'<a href="#{html.escape(piece.label)}">{html.escape(numbers[piece.label])}</a>'
        if isinstance(piece, Ref)
        else html.escape(piece)
        for piece in pieces
    )


def _block(block: Block, numbers: Mapping[str, str], figures: Path) -> Iterator[str]:
    if isinstance(block, Prose):
        style = "" if block.style == "body" else f' class="{block.style}"'
        yield f"<p{style}>{_text(block.text, numbers)}</p>"
    elif isinstance(block, Heading):
        yield f"<h3>{html.escape(block.text)}</h3>"
    elif isinstance(block, Items):
        kind = "ol" if block.ordered else "ul"
        yield f"<{kind}>"
        for item in block.items:
            term = f"<strong>{html.escape(item.term)}</strong>: " if isinstance(item, Term) else ""
            yield f"<li>{term}{_text(item.text if isinstance(item, Term) else item, numbers)}</li>"
        yield f"</{kind}>"
    elif isinstance(block, Table):
        yield from _table(block, numbers)
    else:
        yield from _figure(block, numbers, figures)


def _table(table: Table, numbers: Mapping[str, str]) -> Iterator[str]:
    label = html.escape(table.label)
    # a box that scrolls has to be reached by keyboard, and so needs a name
    yield f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{label}-caption">'
    unit = f' <span class="unit">{html.escape(table.unit)}</span>' if table.unit else ""
    yield (
        f'<table id="{label}"><caption id="{label}-caption">{numbers[table.label]}. '
        f"{html.escape(table.caption)}{unit}</caption>"
    )
    aligned = [' class="right"' if column.alignment == "right" else "" for column in table.columns]
    heads = "".join(
        f'<th scope="col"{align}>{html.escape(column.head)}</th>'
        for column, align in zip(table.columns, aligned, strict=True)
    )
    yield f"<thead><tr>{heads}</tr></thead>"
    body = False
    for row in table.rows():
        if row["kind"] == "group":
            yield "</tbody>" if body else ""
            yield (
                f'<tbody><tr><th class="group" scope="rowgroup" colspan="{len(table.columns)}">'
                f"{html.escape(row['cells'][0]['text'])}</th></tr>"
            )
            body = True
            continue
        if not body:
            yield "<tbody>"
            body = True
        cells = []
        for place, (cell, align) in enumerate(zip(row["cells"], aligned, strict=True)):
            note = f'<span class="cell-note">{html.escape(cell["note"])}</span>' if cell["note"] else ""
            kind, scope = ("th", ' scope="row"') if place == 0 else ("td", "")
            cells.append(f"<{kind}{scope}{align}>{html.escape(cell['text'])}{note}</{kind}>")
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>" if body else "</table></div>"
    if table.source:
        yield f'<p class="source">{html.escape(table.source)}</p>'


def _figure(figure: Figure, numbers: Mapping[str, str], figures: Path) -> Iterator[str]:
    # as an image and not as elements: identifiers inside an SVG would meet those of the others
    svg = base64.b64encode((figures / f"{figure.label}.svg").read_bytes()).decode("ascii")
    yield f'<figure id="{html.escape(figure.label)}">'
    yield f"<figcaption>{numbers[figure.label]}. {html.escape(figure.caption)}</figcaption>"
    yield f'<img src="data:image/svg+xml;base64,{svg}" alt="{html.escape(figure.alt)}">'
    if figure.source:
        yield f'<p class="source">{html.escape(figure.source)}</p>'
    yield "</figure>"
