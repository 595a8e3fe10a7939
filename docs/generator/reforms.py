"""The page on Tax-Calculator's own reform files, from the table ``reform_effects``."""

from __future__ import annotations

from marks import code, page, paragraph, plain, table

from fiscal.base import sources
from fiscal.studies import reform_effects as effects


def reforms_page() -> str:
    """Page: what each file does to the tax on deferrals and withdrawals, and what of it has ended."""
    rows = sources.table("reform_effects").fillna("")
    law = rows[rows["reform"] == effects.CURRENT_LAW].iloc[0]
    rates = ("deferral_rate", "employer_rate", "withdrawal_rate")
    heads = ("file", "applied on", "deferrals", "employer contributions", "withdrawals")
    own = rows[rows["reform"] != effects.CURRENT_LAW]
    changes = (
        (code(row["reform"]), code(row["baseline"]), *(_points(row[name] - law[name]) for name in rates))
        for _, row in own.iterrows()
    )
    ended = ((code(row["reform"]), plain(row["ended"]), plain(row["out_of_reach"])) for _, row in own.iterrows())
    return page(
        "# Tax-Calculator's reform files",
        paragraph(
            "All of Tax-Calculator's own reform files in `taxcalc/reforms` (not its archive) load by name: "
            '`law.reform = "TCJA.json"`. A file is applied on the baseline that its header names. '
            "[Your own tax reform](../howto/reform.md) says how."
        ),
        "## Effect on rates",
        paragraph(
            f"Changes from current law in {effects.LAW_YEAR}, in percentage points. Under current law, deferrals save "
            f"{_percent(law['deferral_rate'])} of the dollar, employer contributions {_percent(law['employer_rate'])}, "
            f"and a withdrawal of ${effects.WITHDRAWAL_USD:,.0f} (2025 wages) is taxed at "
            f"{_percent(law['withdrawal_rate'])}. The table is `{effects.NAME}`; `fiscal data derive {effects.NAME}` "
            "builds it."
        ),
        table(heads, changes, heads[2:]),
        "## Provisions without effect, and out of reach",
        paragraph(
            "A provision that ends before the first projected year equals current law afterwards and changes nothing. "
            "The model computes some other changes only in part."
        ),
        table(("file", "without effect", "computed in part"), ended),
    )


def _points(change: float) -> str:
    text = f"{100 * change:+.2f}".replace("-", "\N{MINUS SIGN}")
    return "0" if text.strip("+\N{MINUS SIGN}0.") == "" else text


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} percent"
