"""Input of the templates of brief and report: numbers and words of the cases, never sentences.

Costly tables are asked for where a template needs them; what a stored run lacks is None there.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from fiscal.base.axes import GROUPS
from fiscal.base.errors import InputError
from fiscal.engine.idle import idle_settings, notices
from fiscal.report import charts
from fiscal.report.asked import TELLABLE_BN_USD, Asked, known, study_row
from fiscal.report.origin import limit_facts, made, run_facts
from fiscal.report.trust import beside, driver_facts, past, scorecard
from fiscal.results import headline as headlines
from fiscal.results.effects import NEXT, TEN, Effect, at_hand
from fiscal.results.events import is_random, told
from fiscal.results.figures import statistics
from fiscal.results.figures.owners import title_of
from fiscal.results.result import Result
from fiscal.results.stages import Tables
from fiscal.results.worth import band, draw, market_value, stored_case
from fiscal.scenario.names import setting_name, setting_value
from fiscal.scenario.scenario import Scenario

TARGET_SHARE = 0.01
"""The share of individual income tax at which crypto would count."""
HOW_IT_IS_COMPUTED = ("paths.draws", "paths.seed", "paths.count", "books.", "backstop.", "horizon.")
"""Settings that are listed last: they say how a case is computed, not what it supposes."""


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
        "valued": any(at_hand(result, "bases") is not None for result in asked.results),
        "law_warnings": list(
            dict.fromkeys(text for result in asked.results for text in result.summary.get("warnings_of_law", ()))
        ),
        "without_effect": list(dict.fromkeys(text for result in asked.results for text in notices(result.scenario))),
        "limits": limit_facts(asked),
        "made": made(asked.results),
        "runs": [run_facts(result) for result in asked.told_of],
    }


# --- one case ---------------------------------------------------------------------------------------


def complete(asked: Asked) -> None:
    """Compute what page one of a brief prints and the runs lack: the value at market prices, which a run folder keeps,
    and the 80 percent band. What a stored run of other code cannot have is left out."""
    if asked.study is not None or asked.level:
        return
    for effect in asked.cases:
        runs = [one for one in (effect.result, effect.reference) if isinstance(one, Result)]
        if not all(isinstance(one.tables, Tables) for one in runs):
            continue
        with contextlib.suppress(InputError):
            if not np.isfinite(_market(effect, asked)[0]):
                for run in runs:
                    run.tables["bases"]
            draw(effect)


def case_facts(effect: Effect, asked: Asked) -> dict[str, Any]:
    """Numbers of one case."""
    own = headlines.row_of(effect) | headlines.facts_of(effect)
    last, longest = effect.last_told, effect.windows[-1]
    gdp = effect.by_year(value="gdp_share")
    market, error = _market(effect, asked)
    low, high = band(effect)
    if asked.study is not None:
        stored = study_row(asked.study, effect)
        market, error = stored["market_value_bn_usd"], stored["market_error_bn_usd"]
        low, high = stored["low_bn_usd"], stored["high_bn_usd"]
    level = statistics.by_year(effect.result, "withdrawal_tax")
    withdrawal = effect.over(TEN, "withdrawal_tax")
    share = abs(effect.tax_share(longest))
    adoption = effect.result.scenario.settings.adoption
    return own | {
        "label": told(effect.result).label,
        "noun": noun_of(effect, asked),
        "year": last,
        "gdp_share": float(gdp[last]),
        "level_share": float(level[last]),
        "withdrawal_level": float(
            statistics.by_year(effect.result, "withdrawal_tax", value="nominal_bn_usd").loc[TEN.first : TEN.last].sum()
        ),
        "withdrawal": withdrawal,
        "next": effect.over(NEXT),
        "next_words": headlines.words_of(NEXT),
        "market": known(market),
        "error": known(error),
        "low": known(low),
        "high": known(high),
        "participants": adoption.participants_share,
        "allocation": adoption.allocation_share,
        "full_year": adoption.full_year,
        "displaces": adoption.displaces,
        "target_participants": adoption.participants_share * TARGET_SHARE / share if share else None,
        "long_share": effect.tax_share(longest),
        "long_words": headlines.words_of(longest),
        "random": is_random(effect.result.scenario.settings),
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
    """The range of random paths with the adoption of the first case, from the stored study; None without it."""
    stored = stored_case(asked.crypto[0].result.scenario) if asked.crypto else None
    if stored is None:
        return None
    own = stored[stored["statistic"] == "median"]
    band = {name: known(float(own[f"{name}_bn_usd"].iloc[0])) for name in ("low", "high")}
    return None if None in band.values() else band  # type: ignore[return-value]


def _market(effect: Effect, asked: Asked) -> tuple[float, float]:
    """The value at market prices of an effect; of crypto, whichever of its references has it."""
    alike = [one for one in asked.effects if one.result is effect.result and one.of_crypto and effect.of_crypto]
    own = [market_value(one) for one in (effect, *alike)]
    return next((value for value in own if np.isfinite(value[0])), (float("nan"), float("nan")))


def path_facts(effect: Effect) -> dict[str, Any]:
    """What crypto does on the case's path: a dollar over its event, the returns of the long run, and what all crypto
    would then be worth (``worth``: year and multiple of GDP at the end of the ten years)."""
    event = told(effect.result).event
    returns = effect.result.tables.get("asset_returns")
    if returns is None or not effect.of_crypto:
        return dict.fromkeys(("dollar", "dollar_outside", "long_return", "equity_return", "worth"))
    wide = returns.pivot(index="year", columns="asset", values="return_rate").loc[2027:]
    rates = {name: float((1 + wide[name]).prod() ** (1 / len(wide)) - 1) if len(wide) else None
             for name in ("crypto", "equity")}  # fmt: skip
    return {
        "dollar": event.dollar if event else None,
        "dollar_outside": event.dollar_outside if event else None,
        "long_return": rates["crypto"],
        "equity_return": rates["equity"],
        "worth": _worth(effect),
    }


def _worth(effect: Effect) -> tuple[int, float] | None:
    """Value of all crypto over GDP that the path implies, in the last of the ten years."""
    sizes = effect.result.tables.get("crypto_size")
    if sizes is None or "crypto_over_gdp" not in sizes:
        return None
    return TEN.last, float(sizes.set_index("year")["crypto_over_gdp"][TEN.last])


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
    weights = effect.result.tables["people"].set_index("year")["people"].loc[asked.span.first : asked.span.last].mean()
    return {
        "title": title_of(effect.result),
        "noun": noun_of(effect, asked) if len(asked.cases) > 1 else "",
        "tellable": tellable,
        "top_share": float(groups.loc[top, "effect_bn_usd"].sum()) / total if tellable else None,
        "half_share": float(groups.loc[half, "effect_bn_usd"].sum()) / total if tellable else None,
        "top_usd": persons[1] / (weights * 0.1),
        "half_usd": persons[0] / (weights * 0.5),
        "decade": largest,
        "decade_share": float(decades.loc[largest, "effect_bn_usd"]) / total if tellable and largest else None,
        "gains": gains,
        "year": asked.span.last,
        "price_year": effect.result.scenario.value("books.price_year"),
    }
