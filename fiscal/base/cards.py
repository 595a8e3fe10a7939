"""How objects appear in a notebook: an HTML card with a small figure.

All text is escaped here. A figure is an SVG inside an ``<img>``: nothing in it can run, viewers that clean HTML keep
it, and its alternative text describes it. Neither matplotlib nor pandas is needed.
"""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BLACK, BLUE, SKY, GREEN = "#000000", "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILLION, PURPLE, YELLOW = "#E69F00", "#D55E00", "#CC79A7", "#F0E442"
GREY = "#595959"

PENS = ((BLACK, ""), (VERMILLION, "7 3"), (BLUE, "2 2"), (GREEN, "8 2 2 2"), (PURPLE, "4 2 1 2"))
"""Color and dashes by position, so that no line depends on color alone."""

WIDTH, HEIGHT = 460, 130
LEFT, RIGHT, TOP, BOTTOM = 52, 150, 8, 18
LABEL_GAP = 12
"""Pixels: the figure, its margins, and the distance of two labels."""


class Markup(str):
    """HTML from this module, which is not escaped again."""


_NUMBER = re.compile(r"|-?[\d,]*\.?\d+(e[-+]?\d+)?|nan")

Rows = Iterable[Sequence[object]]


@dataclass(frozen=True)
class Curves:
    """A small figure: values over the same years (or dates in years), in one unit."""

    what: str
    unit: str
    years: Sequence[float]
    lines: tuple[tuple[str, Sequence[float]], ...]  # name, values
    logarithmic: bool = False


def card(title: str, small: str, note: str, *parts: Markup) -> str:
    """A heading with small print, a line of explanation, and parts from this module."""
    head = f"<strong>{html.escape(title)}</strong> <small>{html.escape(small)}</small>"
    return f"<div>{head}<p>{html.escape(note)}</p>{''.join(parts)}</div>"


def table(columns: Sequence[str], rows: Rows) -> Markup:
    """A table of texts, escaped; columns of numbers and drawings are right-aligned."""
    body = [list(row) for row in rows]
    right = [
        all(isinstance(row[place], Markup) or _NUMBER.fullmatch(str(row[place])) for row in body)
        for place in range(len(columns))
    ]

    def line(tag: str, values: Sequence[object]) -> str:
        wrap = "nowrap" if tag == "td" else "normal"
        cells = (
            f"<{tag} style='text-align:{'right' if aligned else 'left'};white-space:{wrap}'>"
            f"{value if isinstance(value, Markup) else html.escape(str(value))}</{tag}>"
            for value, aligned in zip(values, right, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"

    lines = "".join(line("td", row) for row in body)
    return Markup(f"<table><thead>{line('th', columns)}</thead><tbody>{lines}</tbody></table>")


def figure(curves: Curves) -> Markup:
    """The curves as an image below their caption; empty if no line has a number."""
    drawn = [
        (name, [(x, y) for x, y in zip(curves.years, values, strict=True) if _finite(y, curves.logarithmic)])
        for name, values in curves.lines
    ]
    drawn = [(name, points) for name, points in drawn if points]
    if not drawn:
        return Markup()
    caption = html.escape(f"{curves.what}, {curves.unit}")
    drawing = image(_svg(curves, drawn), alternative_text(curves, drawn))
    return Markup(f"<div><small>{caption}</small></div><div>{drawing}</div>")


def image(svg: str, alt: str) -> Markup:
    """An SVG as an ``<img>`` with its alternative text."""
    data = base64.b64encode(svg.encode("utf-8", "replace")).decode("ascii")
    return Markup(f'<img src="data:image/svg+xml;base64,{data}" alt="{html.escape(alt)}">')


def alternative_text(curves: Curves, drawn: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> str:
    """The figure in words: each line's first and last value."""
    ends = [
        f"{name} from {_short(first)} in {math.floor(start)} to {_short(last)} in {math.floor(end)}"
        for name, points in drawn
        for (start, first), (end, last) in [(points[0], points[-1])]
    ]
    return f"{curves.what}, {curves.unit}: {'; '.join(ends)}."


def _finite(value: float, logarithmic: bool) -> bool:
    return math.isfinite(value) and (value > 0 or not logarithmic)


def _short(value: float) -> str:
    """Three significant digits, thousands by comma."""
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size >= 15:
        return f"{value:.3g}"
    return f"{round(value, 2 - size):,.{max(2 - size, 0)}f}"


def _svg(curves: Curves, drawn: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> str:
    def scaled(value: float) -> float:
        return math.log(value) if curves.logarithmic else value

    every = [value for _, points in drawn for _, value in points]
    low, high = min(every), max(every)
    if not curves.logarithmic:  # the axis includes zero
        low, high = min(low, 0.0), max(high, 0.0)
    first, last = min(curves.years), max(curves.years)
    span = (scaled(high) - scaled(low)) or 1.0
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(year: float) -> float:
        return LEFT + across * (year - first) / ((last - first) or 1.0)

    def y(value: float) -> float:
        return TOP + down * (scaled(high) - scaled(value)) / span

    def text(at_x: float, at_y: float, words: str, color: str = GREY, anchor: str = "start") -> str:
        return f'<text x="{at_x:.1f}" y="{at_y:.1f}" fill="{color}" text-anchor="{anchor}">{html.escape(words)}</text>'

    marks = [low, high] if curves.logarithmic or not low < 0 < high else [low, 0.0, high]
    places = spread([(HEIGHT - y(value)) / HEIGHT for value in marks], LABEL_GAP / HEIGHT)
    parts = [
        text(LEFT - 6, HEIGHT * (1 - place) + 3, _short(value), anchor="end")
        for place, value in zip(places, marks, strict=True)
    ]
    ground = HEIGHT - BOTTOM if curves.logarithmic else y(0.0)
    parts.append(f'<path d="M{LEFT} {ground:.1f}H{LEFT + across}" stroke="{GREY}" stroke-width="0.6"/>')
    parts += [
        text(LEFT, HEIGHT - 4, f"{math.floor(first)}"),
        text(LEFT + across, HEIGHT - 4, f"{math.floor(last)}", anchor="end"),
    ]
    for place, (_, points) in enumerate(drawn):
        color, dashes = PENS[place % len(PENS)]
        path = "L".join(f"{x(year):.1f} {y(value):.1f}" for year, value in points)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="1.5"{dashed}/>')
    order = sorted(range(len(drawn)), key=lambda place: -y(drawn[place][1][-1][1]))
    at = spread([(HEIGHT - y(drawn[place][1][-1][1])) / HEIGHT for place in order], LABEL_GAP / HEIGHT)
    for place, height in zip(order, at, strict=True):
        color, _ = PENS[place % len(PENS)]
        parts.append(text(LEFT + across + 6, HEIGHT * (1 - height) + 3, _clipped(drawn[place][0]), color))
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    style = 'font-family="DejaVu Sans, Verdana, sans-serif" font-size="10"'
    paper = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{paper}{"".join(parts)}</svg>'


def range_mark(value: float, default: float | None, low: float, high: float, alt: str) -> Markup:
    """The position of a value (dot) and its default (tick) between the lowest and the highest allowed."""

    def x(number: float) -> float:
        return 6 + 88 * (number - low) / ((high - low) or 1.0)

    tick = "" if default is None else f'<path d="M{x(default):.1f} 2V12" stroke="{VERMILLION}" stroke-width="1.5"/>'
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="14">'
        f'<path d="M6 7H94" stroke="{GREY}"/>{tick}<circle cx="{x(value):.1f}" cy="7" r="4" fill="{BLUE}"/></svg>'
    )
    return image(svg, alt)


def _clipped(words: str, length: int = 22) -> str:
    return words if len(words) <= length else words[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"


def spread(places: list[float], gap: float) -> list[float]:
    """Sorted positions, moved as little as possible, at least ``gap`` apart and between 0 and 1."""
    result = list(places)
    for _ in range(200):
        moved = False
        for i in range(len(result) - 1):
            short = gap - (result[i + 1] - result[i])
            if short > 1e-9:
                result[i] -= short / 2
                result[i + 1] += short / 2
                moved = True
        shift = max(0.02 - result[0], 0.0) if result else 0.0
        shift -= max(result[-1] + shift - 0.98, 0.0) if result else 0.0
        result = [place + shift for place in result]
        if not moved:
            break
    return result
