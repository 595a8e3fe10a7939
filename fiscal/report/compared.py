"""What is compared with the base, in words: which cases, what each does to net revenue, and through which lines.

These sentences speak of any difference in settings; those on crypto's price are in :mod:`fiscal.report.answer`.
"""

from __future__ import annotations

from fiscal.base.words import (
    amount,
    capital,
    change,
    listing,
    percent,
    signed_amount,
    spells_text,
    window_name,
)
from fiscal.budget.lines import FORGONE, OTHER_RECEIPTS
from fiscal.results.figures import statistics
from fiscal.results.figures.setting_names import setting_name
from fiscal.results.result import Comparison, Result, compare

Results = tuple[Result, ...]

CRYPTO_SETTINGS = ("adoption.", "alternatives.", "overlays.", "paths.", "fees.crypto_rate")
"""Settings (or sections of them) that shape what the path with crypto earns and holds."""

CORE_RETURNS = "paths.core_"
"""Those among them that the path without crypto has too."""

MOST_NAMED = 3
"""Settings named in a sentence; more are counted."""


def owner_of(results: Results) -> Result | Comparison:
    """The comparison of the results with the first, or the one result."""
    return compare(results[0], *results[1:]) if len(results) > 1 else results[0]


def named(result: Result) -> str:
    """A result by its name and, in brackets, its title; the title of one changed by ``--set`` says what was."""
    title = result.scenario.title
    return f"{result.name} ({title})" if title and title != result.name else result.name


def compared_sentences(results: Results) -> str:
    """Which cases the report is of."""
    base, *others = (named(result) for result in results)
    return f"Compared with {base}: {'; '.join(others)}." if others else f"Reported: {base}."


def lever_sentences(results: Results) -> str:
    """What each case that is not of crypto alone does to net revenue against the base; empty without one."""
    base = results[0]
    apart = statistics.set_apart(results)
    parts = []
    if apart:
        clauses = [_effect_clause(base, result) for result in apart]
        parts.append(f"Against {base.name}, {'; '.join(clauses)}.")
        parts += [_parts_sentence(base, result) for result in statistics.with_crypto(apart)]
    told = {result.name for result in (*apart, *statistics.with_crypto(results))}
    idle = [result.name for result in results[1:] if result.name not in told]
    if idle:
        parts.append(f"No line of net revenue is changed by {listing(idle)}.")
    return " ".join(parts)


def _spans(base: Result) -> tuple[str, ...]:
    """The first and the longest window; once where there is one only."""
    windows = statistics.windows_of(base)
    return tuple(dict.fromkeys((windows[0], windows[-1])))


def _effect_clause(base: Result, result: Result) -> str:
    """ "x raises net revenue by ... over FY ... and lowers it by ... over FY ..." """
    parts: list[str] = []
    before = 0.0
    for span in _spans(base):
        gap = statistics.window_gap(result, base, span, "net_revenue")
        share = statistics.window_gap(result, base, span, "net_revenue", "gdp_share")
        what = "it" if parts else "net revenue"
        if abs(gap) < statistics.NOISE_BN_USD:
            parts.append(f"does not change {what} over {window_name(span)}")
            continue
        size = f"by {amount(gap)} over {window_name(span)} ({percent(share, 2)} of gross domestic product)"
        parts.append(size if gap * before > 0 else f"{change(gap)} {what} {size}")
        before = gap
    return f"{result.name} {' and '.join(parts)}"


def _parts_sentence(base: Result, result: Result) -> str:
    """Which part of a case's effect is crypto's, the others in force, and which is that of everything else it changes.

    Empty where one of them is nil in every window told.
    """
    spans = _spans(base)
    gaps = [statistics.window_gap(result, base, span, "net_revenue") for span in spans]
    crypto = [_crypto_part(result, span) - _crypto_part(base, span) for span in spans]
    other = [gap - part for gap, part in zip(gaps, crypto, strict=True)]
    if min(max(map(abs, crypto)), max(map(abs, other))) < statistics.NOISE_BN_USD:
        return ""
    of_crypto, of_others = (listing([signed_amount(part) for part in parts]) for parts in (crypto, other))
    return (
        f"Of this, in turn, crypto is {of_crypto} (with it less without it, all else as in {result.name}), "
        f"and its other changes are {of_others}."
    )


def _crypto_part(result: Result, span: str) -> float:
    """Net revenue of a result less that of itself without crypto; nil where it holds none."""
    if "no_crypto" not in statistics.references_of(result):
        return 0.0
    return statistics.window_difference(result, span, "net_revenue", "no_crypto")


def other_changes_sentence(results: Results) -> str:
    """Of one result alone, that what it changes besides crypto is on both sides of its differences."""
    (result, *others) = results
    if others or not statistics.with_crypto(results):
        return ""
    own = [
        key
        for key in result.scenario.changed()
        if not key.startswith(CRYPTO_SETTINGS) or key.startswith(CORE_RETURNS)
    ]
    if not own:
        return ""
    names = [setting_name(key) for key in own]
    told = listing(names) if len(names) <= MOST_NAMED else f"{len(names)} other changed settings"
    return (
        f"The differences told here are crypto's alone: what is done by {told} shows where another case, such as the "
        "baseline, is reported first."
    )


def lines_sentences(results: Results) -> str:
    """Through which lines of the books each case moves net revenue, in which years, and why windows differ."""
    base = results[0]
    parts = []
    turns = []
    for result in statistics.set_apart(results):
        clauses = [
            f"over {window_name(span)} {{name}} {text}"
            for span in _spans(base)
            if (text := _lines(base, result, span))
        ]
        if clauses:
            whole = "; ".join(
                clause.format(name=result.name if place == 0 else "it")
                for place, clause in enumerate(clauses)
            )
            parts.append(f"{capital(whole)}.")
        spells = statistics.sign_episodes(statistics.net_effect(result, base))
        parts.append(f"Its annual effect on net revenue is {spells_text(spells)}.")
        if _shifts_in_time(base, result):
            turns.append(result.name)
    if turns:
        parts.append(
            f"The windows of {listing(turns)} differ because what is taxed when it is contributed is not taxed "
            "when it is withdrawn, or the reverse, mostly decades later."
        )
    return " ".join(parts)


def _gap(base: Result, result: Result, span: str, lines: tuple[str, ...]) -> float:
    return sum(statistics.window_gap(result, base, span, line) for line in lines)


def _lines(base: Result, result: Result, span: str) -> str:
    """ "forgoes $1 billion less and collects $2 billion less on withdrawals"; empty where nothing moves."""
    forgone = more_or_less(-_gap(base, result, span, FORGONE.parts))
    collected = [
        f"{size} {where}"
        for where, lines in (
            ("on withdrawals", ("withdrawal_tax",)),
            ("of other receipts", OTHER_RECEIPTS.parts),
        )
        if (size := more_or_less(_gap(base, result, span, lines)))
    ]
    words = [f"forgoes {forgone}"] if forgone else []
    return listing([*words, f"collects {listing(collected)}"] if collected else words)


def more_or_less(gap: float) -> str:
    """ "$1 billion more", or nothing where there is no difference."""
    if abs(gap) < statistics.NOISE_BN_USD:
        return ""
    return f"{amount(gap)} {'more' if gap > 0 else 'less'}"


def _shifts_in_time(base: Result, result: Result) -> bool:
    """Whether what is gained at contribution is lost at withdrawal, or the reverse, and later more than at first."""
    spans = _spans(base)
    if len(spans) < 2:
        return False
    forgone, tax = (
        [_gap(base, result, span, lines) for span in spans] for lines in (FORGONE.parts, ("withdrawal_tax",))
    )
    if min(abs(forgone[0]), abs(forgone[1])) < statistics.NOISE_BN_USD or forgone[1] * tax[1] >= 0:
        return False
    return abs(tax[1] / forgone[1]) > abs(tax[0] / forgone[0])
