"""Facts on how sure an answer is: what drives it, published estimates, starts in the past, and other effects."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fiscal.base import sources
from fiscal.report.asked import Asked, known
from fiscal.results.effects import TEN, Effect, current_law_of
from fiscal.results.figures import study_statistics
from fiscal.results.running import quick
from fiscal.scenario.design import read_design
from fiscal.scenario.names import setting_name
from fiscal.studies import skill
from fiscal.studies.published import NOT_JUDGED, REPLICATION, kinds


def _stored(*names: str) -> bool:
    return set(names) <= {entry.name for entry in sources.resources()}


SAID = {
    "adoption.allocation_share": "crypto's share of their balance",
    "adoption.participants_share": "the share of participants who hold crypto",
    "paths.crypto_return": "the long-run return on crypto",
}
"""Settings as a sentence names them; any other by its name."""


def said(key: str) -> str:
    """A setting as the object of a sentence."""
    return SAID.get(key, f"the {setting_name(key)}")


def driver_facts() -> dict[str, Any] | None:
    """The settings that drive crypto's effect most in the stored sweep, and its range; None until it is built."""
    stored = study_statistics.drivers()
    if stored is None:
        return None
    quantity = "net_revenue_minus_equity_adoption"
    own = {
        name: frame[(frame["quantity"] == quantity) & (frame["window"] == TEN.label)] for name, frame in stored.items()
    }
    if any(frame.empty for frame in own.values()):
        return None
    spread = own["spread"].iloc[0]
    order = own["indices"].sort_values("total", ascending=False, kind="stable")
    return {
        "names": [said(key) for key in order["setting"].head(3)],
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
                "quantity": skill.words(str(row.quantity)),
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
        "windows": int(tried["independent_windows"].max()),
        "rejects": bool(tried["rejects"].any()),
        "aims": len(answers["aims"]),
        "met": int(answers["aims"]["met"].sum()),
    }


POINT = "paths.core_equity_return"


def beside(asked: Asked) -> dict[str, Any] | None:
    """What other things do to net revenue in the budget window: a point of equity return, a tenth of tax rates."""
    stored = study_statistics.drivers()
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
    base = current_law_of(asked.results[0].scenario)
    if asked.results[0].data_fingerprint != sources.fingerprint():
        return None
    own = quick(base.with_overrides({"roth.full_from_year": 2027}))
    return known(Effect(own, quick(base)).over(TEN))
