"""A document as one HTML page: the blocks of the PDF, figures and style inside, nothing fetched and no script.

Every text is escaped. Tables scroll in boxes of their own where a screen is too narrow; heads, captions, and
alternative texts are marked up as such, so that the page can be read aloud.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from fiscal.report.content import Document, Piece, referred
from fiscal.report.markup import TEMPLATES

NEGATIVE = re.compile("\N{MINUS SIGN}\\$?\\d[\\d.,]*")


def unbroken(text: str) -> Markup:
    """A text, escaped, in which no line ends after a minus sign."""
    return Markup(NEGATIVE.sub(r'<span class="number">\g<0></span>', str(escape(text))))


def page(document: Document, figures: Path) -> str:
    """The page, with the SVGs of the folder ``figures`` inside, drawn half as wide for a phone; the same document
    gives the same text."""
    numbers = document.numbers()

    def image(name: str) -> str:
        # as an image and not as elements: identifiers inside an SVG would meet those of the others
        svg = base64.b64encode((figures / f"{name}.svg").read_bytes()).decode("ascii")
        return f"data:image/svg+xml;base64,{svg}"

    def target(piece: Piece) -> str:
        return piece.text if piece.kind == "ref" and piece.text in numbers else ""

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["kind"] = lambda block, name: type(block).__name__.lower() == name
    made = environment.get_template("page.html.j2").render(
        document=document,
        numbers=numbers,
        image=image,
        target=target,
        words=lambda piece: unbroken(referred(piece, numbers)),
    )
    return made + "\n"
