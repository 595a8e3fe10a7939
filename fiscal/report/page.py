"""The page with sliders: one HTML file with the lattice inside, which needs no server and no network.

The numbers are those of :mod:`fiscal.studies.page_lattice`; the page's script scales them as
:func:`fiscal.studies.page_lattice.read` does. ``tests/browser.py`` compares the page with the model in a browser.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from fiscal.base import sources
from fiscal.base.axes import GROUP_EDGES, GROUPS
from fiscal.base.errors import InputError, Problem
from fiscal.base.files import not_writable, write_whole
from fiscal.base.version import __version__
from fiscal.report.markup import TEMPLATES
from fiscal.results.adoption import returns_of
from fiscal.results.effects import LONG, TEN
from fiscal.results.events import event_in
from fiscal.results.headline import words_of
from fiscal.studies import page_lattice as lattice

TEMPLATE = "sliders.html.j2"
ENDING = ".html"


def data(table: pd.DataFrame) -> dict[str, Any]:
    """What the page's script needs, plain values: nodes by event and year, each a list by share of the balance."""
    nodes: dict[str, dict[str, list[list[float]]]] = {}
    members = {
        measure: sorted(table.loc[table["measure"] == measure, "member"].unique())
        for measure in ("net_revenue", "outside_tax", "generation")
    } | {"per_adult": list(GROUPS)}
    for (event, year, measure), own in table.groupby(["event", "event_year", "measure"], dropna=False):
        at = own.pivot(index="allocation_share", columns="member", values="value")
        values = at.reindex(columns=members[measure]).loc[list(lattice.ALLOCATION_SHARES)]
        key = event if pd.isna(year) else f"{event} {year}"
        nodes.setdefault(key, {})[measure] = [[float(f"{one:.5g}") for one in row] for row in values.to_numpy()]
    first_year = lattice.EVENT_YEARS[0]
    lengths = {}
    for event in lattice.EVENTS:
        scenario = lattice.scenario_of(event, first_year, lattice.ALLOCATION_SHARES[0], last_year=2100)
        found = event_in(scenario.settings, returns_of(scenario))
        lengths[event] = found.last_year - found.first_year if found else 0
    revenue = sources.table("cbo_revenue").set_index("fiscal_year")["individual_income_tax_bn_usd"]
    return {
        "nodes": nodes,
        "years": [int(year) for year in members["net_revenue"]],
        "decades": members["generation"],
        "groups": members["per_adult"],
        "edges": GROUP_EDGES.round(6).tolist(),
        "shares": list(lattice.ALLOCATION_SHARES),
        "participants": lattice.PARTICIPANTS_SHARE,
        "events": lattice.EVENTS,
        "lengths": lengths,
        "none": lattice.NO_EVENT,
        "reference": lattice.REFERENCE,
        "windows": [{"first": window.first, "last": window.last, "name": words_of(window)} for window in (TEN, LONG)],
        "incomeTax": float(revenue.loc[TEN.first : TEN.last].sum()),
    }


def page() -> str:
    """The page's HTML. Raises DataError for a changed table and InputError where the lattice is not built yet."""
    if all(one.name != lattice.NAME for one in sources.resources()):
        raise InputError(Problem("not built yet", key=lattice.NAME, allowed=f"fiscal data derive {lattice.NAME}"))
    defaults = lattice.scenario_of(lattice.NO_EVENT, None, lattice.ALLOCATION_SHARES[0]).settings
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    told = data(sources.table("page_lattice"))
    text = json.dumps(told, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    return environment.get_template(TEMPLATE).render(
        data=Markup(text),
        told=told,
        first_event_year=lattice.EVENT_YEARS[0],
        last_event_year=lattice.EVENT_YEARS[-1],
        full_year=defaults.adoption.full_year,
        price_year=defaults.books.price_year,
        version=__version__,
        fingerprint=sources.fingerprint()[:12],
    )


def write(out: Path) -> Path:
    """Write the page to ``out``, completely or not at all. Raises InputError for a place that cannot be written."""
    if out.suffix.lower() != ENDING:
        raise InputError(Problem("has the wrong ending", value=str(out), allowed=f"a name in {ENDING}"))
    problems = [Problem("is a folder", file=str(out))] if out.is_dir() else not_writable(out.parent)
    if problems:
        raise InputError(problems)
    text = page()
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, text.encode("utf-8"))
    return out
