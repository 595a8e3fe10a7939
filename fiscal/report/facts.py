"""Input of the templates of brief and report: numbers and words of the cases, never sentences.

Costly tables are asked for where a template needs them; what a stored run lacks is None there.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from fiscal.base import sources
from fiscal.base.axes import GROUPS
from fiscal.base.version import __version__
from fiscal.budget.valuation import Window
from fiscal.engine.idle import idle_settings, notices
from fiscal.report import charts
from fiscal.results import headline as headlines
from fiscal.results import store
from fiscal.results.events import is_random, told
from fiscal.results.figures import statistics
from fiscal.results.figures.setting_values import setting_value
from fiscal.results.headline import LONG, TEN, Effect, title_of
from fiscal.results.result import Comparison, Result, compare, whole_value
from fiscal.results.running import quick
from fiscal.scenario.design import read_design
from fiscal.scenario.names import setting_name
from fiscal.scenario.savers import RESPONSES
from fiscal.scenario.scenario import Scenario
from fiscal.studies import scenarios as study
from fiscal.studies import skill
from fiscal.studies.published import NOT_JUDGED, REPLICATION, kinds

FINGERPRINT_LENGTH = 12
LIBRARIES = ("taxcalc", "numpy", "pandas", "scipy", "matplotlib", "typst")
TELLABLE_BN_USD = 0.05
TARGET_SHARE = 0.01
"""The share of individual income tax at which crypto would count."""

HOW_IT_IS_COMPUTED = ("paths.draws", "paths.seed", "paths.count", "books.", "backstop.", "horizon.")
"""Settings that are listed last: they say how a case is computed, not what it supposes."""


@dataclass(frozen=True)
class Asked:
    """The runs of a report: all of them, the effects they have, and the cases in the text, one per run."""

    results: tuple[Result, ...]
    brief: bool = False

    @cached_property
    def owner(self) -> Result | Comparison:
        """The comparison of the runs with the first, or the one run. Raises InputError for runs that do not compare."""
        return compare(self.results[0], *self.results[1:]) if len(self.results) > 1 else self.results[0]

    @cached_property
    def effects(self) -> list[Effect]:
        """Every effect of the runs."""
        return self.owner.effects_found

    @cached_property
    def cases(self) -> list[Effect]:
        """The first effect of each run that has one, those of changed law apart from those of crypto."""
        return headlines.told_effects(self.effects)

    @property
    def crypto(self) -> list[Effect]:
        """The cases that hold crypto, against the same money in equity."""
        own = [effect for effect in self.effects if effect.reference == headlines.EQUITY]
        return list({id(effect.result): effect for effect in own}.values())

    @property
    def others(self) -> list[Effect]:
        """The cases that change something else."""
        return [effect for effect in self.cases if not effect.of_crypto]

    @property
    def told_of(self) -> list[Result]:
        """The runs that are described: all but a base that is current law without crypto."""
        base, *others = self.results
        return others if others and headlines.is_current_law(base.scenario) else [base, *others]

    @property
    def level(self) -> bool:
        """Whether the one run is compared with nothing."""
        return len(self.cases) == 1 and self.cases[0].reference is None

    @cached_property
    def study(self) -> pd.DataFrame | None:
        """The stored table of adoption and event, if every case is one of its cells and has the numbers of the run."""
        cases = {id(effect.result): effect for effect in self.crypto}
        if len(cases) != len(self.cases) or any(id(effect.result) not in cases for effect in self.cases):
            return None
        table = study.rows_for([effect.result.scenario for effect in cases.values()])
        if table is None:
            return None
        same = [np.isclose(effect.over(TEN), study_row(table, effect)[TEN_COLUMN], atol=TELLABLE_BN_USD / 10)
                for effect in cases.values()]  # fmt: skip
        return table if all(same) else None

    @cached_property
    def table(self) -> headlines.Headline:
        """The answer in one table and one sentence."""
        return self.owner.headline()

    @property
    def span(self) -> Window:
        """The window in which the cases differ by what can be given: the budget window, else the long run."""
        moved = any(abs(effect.over(effect.horizon)) >= TELLABLE_BN_USD for effect in self.cases)
        known = statistics.windows_of(self.results[0])
        return LONG if not moved and LONG.label in known else TEN

    @property
    def has_span(self) -> bool:
        """Whether there are sums by group: the runs reach the end of a window and are more than yearly totals."""
        cells = all("distribution" in result.tables for result in self.compared)
        return cells and self.span.label in statistics.windows_of(self.results[0])

    @property
    def compared(self) -> list[Any]:
        """Every run that is in the effects: those of the report, and current law where it is the reference."""
        others = [one.reference for one in self.effects if one.reference is not None and not one.of_crypto]
        return [*self.results, *others]


TEN_COLUMN = f"fy{TEN.first}_{TEN.last}_bn_usd"


def study_row(table: pd.DataFrame, effect: Effect) -> dict[str, Any]:
    """The stored row of a case: of random paths, their median."""
    own = table[table["fingerprint"] == effect.result.scenario.fingerprint()]
    return dict(own.iloc[0])


def facts(asked: Asked) -> dict[str, Any]:
    """Everything that brief and report say."""
    titles = list(dict.fromkeys(title_of(effect.result) for effect in asked.cases))
    return {
        "titles": titles,
        "level": asked.level,
        "finding": asked.table.finding,
        "cases": [case_facts(effect, asked) for effect in asked.cases],
        "crypto": [case_facts(effect, asked) for effect in asked.crypto],
        "policy": [case_facts(effect, asked) for effect in asked.others if effect.reference is not None],
        "against": list(dict.fromkeys(effect.against for effect in asked.cases)),
        "span_words": headlines.words_of(asked.span),
        "ten_words": headlines.words_of(TEN),
        "who": who_facts(asked) if asked.has_span else None,
        "changed": [changed(effect.result.scenario) for effect in asked.cases],
        "drivers": driver_facts(),
        "scorecard": scorecard(),
        "past": past(),
        "beside": beside(asked),
        "study": asked.study is not None,
        "random": random_facts(asked),
        "valued": any(headlines.at_hand(result, "bases") is not None for result in asked.results),
        "law_warnings": list(
            dict.fromkeys(
                text for result in asked.results for text in result.summary.get("warnings_of_law", ())
            )
        ),
        "without_effect": list(
            dict.fromkeys(text for result in asked.results for text in notices(result.scenario, own=True))
        ),
        "limits": limit_facts(asked),
        "made": made(asked.results),
        "runs": [run_facts(result) for result in asked.told_of],
    }


# --- one case ---------------------------------------------------------------------------------------


def case_facts(effect: Effect, asked: Asked) -> dict[str, Any]:
    """Numbers of one case."""
    own = headlines.row_of(effect) | headlines.facts_of(effect)
    last = (effect.long_run or effect.horizon).last
    gdp = effect.by_year(value="gdp_share")
    market, error = _market(effect, asked)
    low, high = headlines.band(effect)
    if asked.study is not None:
        stored = study_row(asked.study, effect)
        market, error = stored["market_value_bn_usd"], stored["market_error_bn_usd"]
        low, high = stored["low_bn_usd"], stored["high_bn_usd"]
    level = statistics.by_year(effect.result, "withdrawal_tax")
    withdrawal = effect.over(effect.horizon, "withdrawal_tax")
    share = abs(effect.tax_share(effect.long_run or effect.horizon))
    adoption = effect.result.scenario.settings.adoption
    return own | {
        "label": told(effect.result).label,
        "noun": noun_of(effect, asked),
        "year": last,
        "gdp_share": float(gdp[last]),
        "level_share": float(level[last]),
        "withdrawal_level": float(
            statistics.by_year(effect.result, "withdrawal_tax", value="nominal_bn_usd")
            .loc[TEN.first : effect.horizon.last]
            .sum()
        ),
        "withdrawal": withdrawal,
        "other_lines": effect.over(effect.horizon) - withdrawal,
        "market": _known(market),
        "error": _known(error),
        "low": _known(low),
        "high": _known(high),
        "participants": adoption.participants_share,
        "allocation": adoption.allocation_share,
        "full_year": adoption.full_year,
        "displaces": adoption.displaces,
        "target_participants": adoption.participants_share * TARGET_SHARE / share if share else None,
        "long_share": effect.tax_share(effect.long_run or effect.horizon),
        "random": is_random(effect.result.scenario.settings),
        "lifetime": _lifetime(effect),
        **path_facts(effect),
    }


def noun_of(effect: Effect, asked: Asked) -> str:
    """A case in a sentence: "the boom", "this scenario", or, among others of its kind, its title."""
    if len(asked.cases) == 1:
        about = told(effect.result)
        if not effect.of_crypto:
            return "this scenario"
        kind = _kind(about.label)
        return f"the {kind}" if kind else about.subject[:1].lower() + about.subject[1:]
    return noun_among(effect, asked.cases)


def noun_among(effect: Effect, cases: Sequence[Effect]) -> str:
    """A case among others: its event if no other has one like it, or its title."""
    kinds = [_kind(told(one.result).label) if one.of_crypto else "" for one in cases]
    own = _kind(told(effect.result).label) if effect.of_crypto else ""
    return f"the {own}" if own and kinds.count(own) == 1 else f"“{title_of(effect.result)}”"


def _kind(label: str) -> str:
    """A label of an event without its years: "boom and bust"."""
    words = re.findall("boom|bust|recovery", label)
    return " and ".join(words)


def random_facts(asked: Asked) -> dict[str, float] | None:
    """The band of random paths with the adoption of the first case, from the stored study; None without it."""
    if asked.study is None:
        return None
    case = study_row(asked.study, asked.crypto[0])["adoption_case"]
    own = asked.study[(asked.study["adoption_case"] == case) & (asked.study["statistic"] == "median")]
    band = {
        "low": _known(float(own["low_bn_usd"].iloc[0])),
        "high": _known(float(own["high_bn_usd"].iloc[0])),
    }
    return None if None in band.values() else band  # type: ignore[return-value]


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _market(effect: Effect, asked: Asked) -> tuple[float, float]:
    """The value at market prices of the run, whichever of its references has it."""
    own = [headlines.market_value(one) for one in asked.effects if one.result is effect.result]
    return next((value for value in own if np.isfinite(value[0])), (float("nan"), float("nan")))


def _lifetime(effect: Effect) -> float | None:
    """Present value of a change of law to the last withdrawal, each dollar discounted at what it earns."""
    other = effect.reference
    if isinstance(other, str) or not isinstance(other, Result):
        return None
    frames = [headlines.at_hand(one, "bases") for one in (effect.result, other)]
    if any(frame is None or frame.empty for frame in frames):
        return None
    return whole_value(effect.result, "portfolio") - whole_value(other, "portfolio")  # type: ignore[arg-type]


def path_facts(effect: Effect) -> dict[str, Any]:
    """What crypto does on the case's path: a dollar over its event, and the returns of the long run."""
    event = told(effect.result).event
    returns = effect.result.tables.get("asset_returns")
    if returns is None or not effect.of_crypto:
        return {"dollar": None, "dollar_outside": None, "long_return": None, "equity_return": None}
    wide = returns.pivot(index="year", columns="asset", values="return_rate").loc[2027:]
    rates = {name: float((1 + wide[name]).prod() ** (1 / len(wide)) - 1) if len(wide) else None
             for name in ("crypto", "equity")}  # fmt: skip
    return {
        "dollar": event.dollar if event else None,
        "dollar_outside": event.dollar_outside if event else None,
        "long_return": rates["crypto"],
        "equity_return": rates["equity"],
    }


def changed(scenario: Scenario) -> list[dict[str, str]]:
    """The settings that differ from the defaults and have an effect: name, default, and value in words, assumptions of
    method last."""
    idle = idle_settings(scenario)
    rows = [row for row in scenario.explained() if row.changed and row.key not in idle]
    ranked = sorted(rows, key=lambda row: row.key.startswith(HOW_IT_IS_COMPUTED))
    return [
        {
            "key": row.key,
            "name": setting_name(row.key),
            "value": setting_value(row.value, row.unit),
            "default": setting_value(row.default, row.unit),
        }
        for row in ranked
    ]


# --- who --------------------------------------------------------------------------------------------


def who_facts(asked: Asked) -> dict[str, Any]:
    """Dollars per adult and shares by earnings group and generation, of the first case."""
    effect = asked.cases[0]
    groups = charts.persons([effect], asked.span.label, "earnings_group").set_index("member")
    decades = charts.persons([effect], asked.span.label, "birth_decade").set_index("member")
    half, top = list(GROUPS[:5]), list(GROUPS[-3:])
    total = float(groups["effect_bn_usd"].sum())
    tellable = abs(total) >= TELLABLE_BN_USD
    largest = decades["effect_bn_usd"].abs().idxmax() if len(decades) else ""
    gains = charts.account_gains(effect, asked.span.last) if effect.of_crypto else None
    persons = [1e9 * abs(float(groups.loc[group, "effect_bn_usd"].sum())) for group in (half, top)]
    weights = (
        effect.result.tables["people"]
        .set_index("year")["people"]
        .loc[asked.span.first : asked.span.last]
        .mean()
    )
    return {
        "title": title_of(effect.result),
        "noun": noun_of(effect, asked) if len(asked.cases) > 1 else "",
        "tellable": tellable,
        "top_share": float(groups.loc[top, "effect_bn_usd"].sum()) / total if tellable else None,
        "half_share": float(groups.loc[half, "effect_bn_usd"].sum()) / total if tellable else None,
        "top_usd": persons[1] / (weights * 0.1),
        "half_usd": persons[0] / (weights * 0.5),
        "decade": largest,
        "decade_share": float(decades.loc[largest, "effect_bn_usd"]) / total
        if tellable and largest
        else None,
        "gains": gains,
        "year": asked.span.last,
        "price_year": effect.result.scenario.value("books.price_year"),
    }


# --- how sure, and beside what -----------------------------------------------------------------------


def _stored(*names: str) -> bool:
    return set(names) <= {entry.name for entry in sources.resources()}


def driver_facts() -> dict[str, Any] | None:
    """The settings that drive crypto's effect most in the stored sweep, and its range; None until it is built."""
    stored = statistics.drivers()
    if stored is None:
        return None
    quantity = "net_revenue_minus_equity_adoption"
    own = {
        name: frame[(frame["quantity"] == quantity) & (frame["window"] == TEN.label)]
        for name, frame in stored.items()
    }
    if any(frame.empty for frame in own.values()):
        return None
    spread = own["spread"].iloc[0]
    order = own["indices"].sort_values("total", ascending=False, kind="stable")
    return {
        "names": [setting_name(key) for key in order["setting"].head(3)],
        "cases": int(spread["cases"]),
        "low": float(spread["q05_bn_usd"]),
        "high": float(spread["q95_bn_usd"]),
        "title": read_design("drivers").base.title,
    }


def validation() -> pd.DataFrame | None:
    """Published numbers and the model's, with verdicts, one row each; None until the table is built."""
    if not _stored("validation"):
        return None
    stored = sources.table("validation").merge(
        sources.table("published_targets")[["id", "settings"]], on="id", validate="1:1"
    )
    return stored.assign(check=kinds(stored))


def scorecard() -> dict[str, Any] | None:
    """How many published estimates the model matches within tolerances set beforehand."""
    frame = validation()
    if frame is None:
        return None
    compared = frame[frame["check"].isin(["level", "order"]) & (frame["verdict"] != NOT_JUDGED)]
    cash = compared[compared["id"].str.startswith(("TSY_CASH", "JCT_DC"))]
    gaps = (cash["model"] / cash["published"] - 1).astype(float)
    return {
        "compared": len(compared),
        "inside": int((compared["verdict"] == "inside").sum()),
        "engine": int((frame["check"] == "engine").sum()),
        "engine_inside": int(((frame["check"] == "engine") & (frame["verdict"] == "inside")).sum()),
        "replications": int((frame["check"] == REPLICATION).sum()),
        "cash_low": float(gaps.min()) if len(gaps) else None,
        "cash_high": float(gaps.max()) if len(gaps) else None,
    }


TOLD_LEAD = 5
"""Years ahead of the errors and bands in sentences."""

LATER_LEAD, LATER_WORD = 7, "seven"
"""From this lead to ten years the band of contributions, a trend, held fewest outcomes."""


def past() -> dict[str, Any] | None:
    """The model started in past years, given nothing of what followed: errors five years ahead beside naive rules and
    CBO, how many outcomes its 80 percent band held, and how many aims are met; None without the stored study."""
    if not _stored(*skill.TABLES):
        return None
    answers = skill.answers()
    leads = answers["by_lead"]
    own = leads[(leads["conditioning"] == "none") & (leads["lead_years"] == TOLD_LEAD)]
    tried = answers["coverage"]
    later = tried[(tried["quantity"] == "contributions") & tried["lead_years"].between(LATER_LEAD, 10)]
    tried = tried[tried["lead_years"] == TOLD_LEAD]
    return {
        "first": skill.STARTS[0],
        "last": skill.STARTS[-1],
        "lead": TOLD_LEAD,
        "rows": [
            {
                "quantity": str(row.quantity),
                "error": float(row.mean_absolute_error),
                "naive": float(row.naive_mean_absolute_error),
            }
            for row in own.itertuples()
        ],
        "cbo": float(own["cbo_mean_absolute_error"].iloc[0]),
        "held": int(tried["held"].sum()),
        "of": int(tried["of"].sum()),
        "later": LATER_WORD,
        "held_later": int(later["held"].sum()),
        "of_later": int(later["of"].sum()),
        "windows": int(tried["independent_windows"].min()),
        "rejects": bool(tried["rejects"].any()),
        "aims": len(answers["aims"]),
        "met": int(answers["aims"]["met"].sum()),
    }


POINT = "paths.core_equity_return"


def beside(asked: Asked) -> dict[str, Any] | None:
    """What other things do to net revenue in the budget window: a point of equity return, a tenth of tax rates."""
    stored = statistics.drivers()
    if stored is None:
        return None
    frame = stored["tornado"]
    frame = frame[(frame["quantity"] == "net_revenue") & (frame["window"] == TEN.label)].set_index("setting")
    found: dict[str, Any] = {"point": None, "rates": None}
    if POINT in frame.index:
        row = frame.loc[POINT]
        points = 100 * (float(row["high"]) - float(row["low"]))
        found["point"] = float((row["at_high_bn_usd"] - row["at_low_bn_usd"]) / points)
    if "tax.withdrawal_scale" in frame.index:
        row = frame.loc["tax.withdrawal_scale"]
        found["rates"] = float(
            (row["at_high_bn_usd"] - row["at_value_bn_usd"]) / (float(row["high"]) - float(row["value"])) / 10
        )
    return found


def rothification(asked: Asked) -> float | None:
    """What taxing all contributions when they are made would bring in the budget window, on the same horizon."""
    base = headlines.current_law_of(asked.results[0].scenario)
    if asked.results[0].data_fingerprint != sources.fingerprint():
        return None
    own = quick(base.with_overrides({"roth.full_from_year": 2027}))
    return _known(Effect(own, quick(base)).over(TEN))


# --- limits, and how it was made ---------------------------------------------------------------------


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
        "alternatives": any_of(
            "alternatives", "private_equity_share", "real_estate_share", "commodities_share"
        ),
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
    return " \N{MIDDLE DOT} ".join(
        part for part in (told_of["made"]["authors"], told_of["made"]["date"]) if part
    )
