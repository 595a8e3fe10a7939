"""Facts on the limits of a document and on how it was made."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from fiscal.base import sources
from fiscal.base.version import __version__
from fiscal.report.asked import Asked
from fiscal.results import store
from fiscal.results.figures.owners import title_of
from fiscal.results.result import Result
from fiscal.scenario.savers import RESPONSES

FINGERPRINT_LENGTH = 12
LIBRARIES = ("taxcalc", "numpy", "pandas", "scipy", "matplotlib", "typst")


def limit_facts(asked: Asked) -> dict[str, Any]:
    """What the limits of these cases depend on."""
    base = asked.results[0]
    date = base.scenario.settings.horizon.opening
    ici = sources.table("ici_assets")
    row = ici[ici["date"].astype(str).str[:10] == date.iso].iloc[0]
    values = [result.scenario.value for result in asked.results]

    def any_of(section: str, *names: str) -> bool:
        return any(bool(value(f"{section}.{name}")) for value in values for name in names)

    return {
        "date": _date_words(date.iso, "%B"),
        "plans": float(row["k401_bn_usd"]),
        "all_plans": float(row["dc_total_bn_usd"]),
        "iras": float(row["ira_bn_usd"]),
        "all_dc": any(value("scope.plans") != "401k" for value in values),
        "behaviour": any(bool(value(key)) for value in values for key in RESPONSES),
        "alternatives": any_of("alternatives", "private_equity_share", "real_estate_share", "commodities_share"),
        "price_impact": any_of("overlays", "price_impact_multiplier"),
        "tilts": any_of("adoption", "group_tilt", "age_tilt", "allocation_group_tilt", "allocation_age_tilt"),
        "displaced": max(float(value("books.displaced_taxable_share")) for value in values),
        "second_hand": sum(entry.second_hand for entry in sources.resources()),
        "tables": len(sources.resources()),
        "law_last": max(int(year) for year in sources.table("law_parameters")["year"])
        if "year" in sources.table("law_parameters")
        else 2036,
    }


def run_facts(result: Result) -> dict[str, str]:
    """A run as its reader finds it again; a user's text stays text."""
    scenario = result.scenario
    return {
        "name": result.name,
        "title": title_of(result),
        "description": scenario.description,
        "author": scenario.author,
        "reference": scenario.reference,
        "settings": result.fingerprint[:FINGERPRINT_LENGTH],
        "inputs": str(result.provenance.get("input_fingerprint") or store.input_fingerprint(scenario))[
            :FINGERPRINT_LENGTH
        ],
        "caveats": " ".join(store.caveats(store.provenance(result))),
    }


def made(results: Sequence[Result]) -> dict[str, str]:
    """Dates, versions, and data of the runs."""
    times = [str(result.provenance.get("time", ""))[:10] for result in results]
    day = max(times) or datetime.datetime.now(datetime.UTC).date().isoformat()
    base, *others = results
    authors = list(dict.fromkeys(one.scenario.author for one in others or [base] if one.scenario.author))
    opening = base.scenario.settings.horizon.opening
    return {
        "date": _date_words(day),
        "year": day[:4],
        "authors": ", ".join(authors),
        "horizon": f"{_date_words(opening.iso, '%B')} to {base.scenario.value('horizon.last_year')}",
        "economy": sources.resource("cbo_macro").title,
        "data": (base.data_fingerprint or sources.fingerprint())[:FINGERPRINT_LENGTH],
        "version": __version__,
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }


def _date_words(day: str, month: str = "%b") -> str:
    date = datetime.date.fromisoformat(day)
    return f"{date.strftime(month)} {date.day}, {date.year}"


def byline(told_of: Mapping[str, Any]) -> str:
    """Authors and date of a brief."""
    return " \N{MIDDLE DOT} ".join(part for part in (told_of["made"]["authors"], told_of["made"]["date"]) if part)
