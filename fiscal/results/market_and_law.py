"""The foundations of a projection, as objects for notebooks: the market record, a path model, tax schedules.

Each builder returns an :class:`Exhibit`: tidy tables with documented columns, figures, and a card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fiscal import scenario as scenarios
from fiscal.base import cards, sources
from fiscal.base.axes import GROUPS
from fiscal.base.errors import InputError
from fiscal.engine.allocation import path_settings
from fiscal.engine.taxes import law_in_force, schedules_in_force
from fiscal.law.build.holders import AGE_BANDS
from fiscal.law.schedules import show
from fiscal.markets import core, estimation, history, losses
from fiscal.markets.implied import dollar, implied_by, long_paths
from fiscal.markets.paths import implied_crypto_value_over_gdp, path_model, smoothed
from fiscal.results import schema
from fiscal.results.plots import Plotted
from fiscal.results.rows import CURVE_GROUPS

if TYPE_CHECKING:
    from fiscal.scenario import Scenario

FEWEST_PATHS, MOST_PATHS = 1, 100_000

COLUMNS = schema.columns_in(Path(__file__).with_suffix(".csv"))
"""Columns of the exhibits' tables that results do not have."""


@dataclass(frozen=True)
class Exhibit(Plotted):
    """Tables under one title. The card prints the columns ``brief`` of the table ``shown`` and draws ``curves``."""

    kind: str
    title: str
    note: str
    tables: Mapping[str, pd.DataFrame]
    shown: str
    brief: tuple[str, ...]
    curves: cards.Curves
    fingerprint: str

    def to_frame(self, name: str | None = None) -> pd.DataFrame:
        """One table (default: the one shown) in long form; :attr:`columns` describes its columns. Raises InputError for
        a missing table.
        """
        wanted = self.shown if name is None else name
        if wanted not in self.tables:
            raise InputError("no such table", value=wanted, allowed=", ".join(self.tables))
        return self.tables[wanted].copy()

    @property
    def columns(self) -> dict[str, str]:
        """What each column of the tables holds."""
        names = dict.fromkeys(str(name) for frame in self.tables.values() for name in frame)
        return {name: {**schema.COLUMNS, **COLUMNS}[name].words for name in names}

    def __repr__(self) -> str:
        return f"<fiscal {self.kind}: {self.title}, tables {', '.join(self.tables)}>"

    def _repr_html_(self) -> str:
        frame = self.tables[self.shown][list(self.brief)]
        rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
        columns = [str(name).replace("_", " ") for name in frame]
        small = f"{self.kind}, fingerprint {self.fingerprint[:12]}"
        return cards.card(self.title, small, self.note, cards.table(columns, rows), cards.figure(self.curves))


def _cell(value: object) -> str:
    """A number with three decimals, a count unchanged, and empty text for a missing value."""
    if value is None or value != value:
        return ""
    return f"{value:,.3f}" if isinstance(value, float) else str(value)


RECORD_TABLES = ("monthly_prices", "annual_returns", "crypto_incidents", "market_fit")
"""Tables of the record, which its fingerprint covers."""


def market_record() -> Exhibit:
    """The market record, and estimates of models of Bitcoin's monthly returns.

    Tables: ``series`` (which months each asset has), ``monthly_levels``, ``bitcoin_by_period``, ``bitcoin_falls``
    (45 percent and more), ``custodial_losses``, ``fits`` (the stored study of ``fiscal markets fit``) and
    ``long_run`` (the expected returns of the assets from mid-2026 on).
    """
    levels = history.monthly_levels()
    long = levels.rename_axis("month").stack().dropna().rename("level").reset_index()
    bitcoin = levels["crypto"].dropna()
    return Exhibit(
        kind="MarketRecord",
        title="The market record",
        note="Bitcoin's monthly log returns by period: annual rates and correlations, as fractions.",
        tables={
            "bitcoin_by_period": history.crypto_moments_by_period().astype({"months": int}).reset_index(),
            "series": history.gaps().reset_index(),
            "monthly_levels": long.assign(month=long["month"].astype(str)).astype({"asset": str}),
            "bitcoin_falls": history.drawdowns("crypto"),
            "custodial_losses": losses.incidents(),
            "fits": sources.table(estimation.TABLE),
            "long_run": core.long_run_means().reset_index(),
        },
        shown="bitcoin_by_period",
        brief=("period", "mean_log_rate", "volatility_rate", "geometric_return_rate", "equity_correlation"),
        curves=cards.Curves(
            what="Bitcoin at month ends",
            unit="dollars, log scale",
            years=[month.year + month.month / 12 for month in bitcoin.index],
            lines=(("Bitcoin", bitcoin.tolist()),),
            logarithmic=True,
        ),
        fingerprint=sources.fingerprint({table.path: table.sha256 for table in map(sources.resource, RECORD_TABLES)}),
    )


RANDOM_CAVEAT = "Implied by the model's settings; not a forecast."
NAMED_CAVEAT = "A path with stated reasons. It is not a forecast and carries no probability."


def market_paths(
    scenario: str | Path | Scenario = "stochastic_central",
    overrides: Mapping[str, object] | Sequence[str] = (),
    *,
    paths: int = 1000,
) -> Exhibit:
    """What a scenario's path model implies, before any projection, from 2025 to 2100. Tables: ``implied`` (moments by
    asset), ``dollar`` (value of one dollar invested at the end of 2026, over paths), ``crypto_size`` (value of all
    crypto relative to GDP), and ``returns`` (every path, year, and asset). A deterministic model has one path. Raises
    InputError for a wrong scenario or number of paths.
    """

    chosen = scenarios.load(scenario, overrides)
    if not FEWEST_PATHS <= paths <= MOST_PATHS:
        raise InputError("out of range", key="paths", value=paths, allowed=f"1 to {MOST_PATHS:,}")
    section = chosen.settings.paths
    drawn = smoothed(
        long_paths(section.model, path_settings(chosen.settings), paths, section.seed),
        chosen.settings.alternatives.smoothing,
    )
    over_gdp = implied_crypto_value_over_gdp(drawn)
    size = over_gdp.quantile([0.05, 0.5, 0.95], axis=1).T.reset_index()
    annual = drawn.annual_returns()
    index = pd.MultiIndex.from_product(
        [np.arange(len(annual)), drawn.years, drawn.assets], names=["path_number", "year", "asset"]
    )
    fan = dollar(drawn)
    crypto = fan[fan["asset"] == "crypto"]
    names = {"95 percent": "q95_usd", "median": "median_usd", "5 percent": "q05_usd"}
    brief: tuple[str, ...] = ("asset", "geometric_10y_rate", "geometric_rate", "arithmetic_rate")
    count = "One path"
    if len(annual) > 1:
        brief += ("volatility_1y_rate", "halved_share", "dollar_30y_q05", "dollar_30y_q95", "equity_correlation")
        count = f"{len(annual):,} paths"
    else:
        names = {"the path": "median_usd"}
    random = path_model(section.model).stochastic
    caveat = RANDOM_CAVEAT if random else NAMED_CAVEAT
    return Exhibit(
        kind="MarketPaths",
        title=f"{chosen.title}: {drawn.label}",
        note=f"{count}, calendar years from 2027; annual rates and shares, as fractions. {caveat}",
        tables={
            "implied": implied_by(drawn),
            "dollar": fan,
            "crypto_size": size.set_axis(["year", "q05_over_gdp", "median_over_gdp", "q95_over_gdp"], axis=1),
            "returns": pd.Series(annual.ravel(), index=index, name="return_rate").reset_index(),
        },
        shown="implied",
        brief=brief,
        curves=cards.Curves(
            what="Value of $1 invested in crypto at the end of 2026",
            unit="dollars, log scale",
            years=crypto["year"].tolist(),
            lines=tuple((name, crypto[column].tolist()) for name, column in names.items()),
            logarithmic=True,
        ),
        fingerprint=chosen.fingerprint(),
    )


def schedules(
    scenario: str | Path | Scenario = "baseline", overrides: Mapping[str, object] | Sequence[str] = ()
) -> Exhibit:
    """The tax schedules of a scenario: those of current law, or of its reform (minutes on first use). Tables: ``rates``
    (average and marginal by law year and group) and ``withdrawal_curve`` (tax on a withdrawal by law year, age band,
    group, and size). ``tax.withdrawal_scale`` and ``tax.flat_rate`` are not included. Raises InputError for a wrong
    scenario or reform.
    """

    chosen = scenarios.load(scenario, overrides)
    law = schedules_in_force(chosen.settings)
    rates = pd.concat([show(int(year), law).assign(law_year=int(year)) for year in law.law_years], ignore_index=True)
    rates.insert(0, "law_year", rates.pop("law_year"))
    curve = law.holder_curve_usd()[..., 1:]  # (law_year, band, group, x), without a withdrawal of zero
    index = pd.MultiIndex.from_product([law.law_years, AGE_BANDS, GROUPS], names=["law_year", "age_band", "group"])
    dollars = np.broadcast_to(law.grid_usd[:, None, None, 1:], curve.shape)
    frame = pd.DataFrame(
        {"withdrawal_usd": dollars.ravel(), "tax_usd": curve.ravel()}, index=index.repeat(curve.shape[-1])
    ).reset_index()
    frame["average_rate"] = frame["tax_usd"] / frame["withdrawal_usd"]
    by_year = rates.pivot(index="law_year", columns="group", values="withdrawal_rate_65_69_large")
    first = int(law.law_years[0])
    return Exhibit(
        kind="Schedules",
        title=f"Tax schedules, {law_in_force(chosen.settings)[:34]}",
        note=(
            f"Law of {first}, fractions of the dollar contributed or withdrawn, by lifetime earnings group; the table "
            "rates has other law years."
        ),
        tables={"law": rates[rates["law_year"] == first], "rates": rates, "withdrawal_curve": frame},
        shown="law",
        brief=(
            "group", "deferral_rate", "employer_rate", "withdrawal_rate_65_69_large",
            "withdrawal_marginal_rate_65_69", "withdrawal_rate_73_79_large",
        ),  # fmt: skip
        curves=cards.Curves(
            what="Average tax on 64,000 dollars (2025 wages) withdrawn at ages 65-69, by law year",
            unit="percent",
            years=by_year.index.tolist(),
            lines=tuple((name, (100 * by_year[name]).tolist()) for name in CURVE_GROUPS),
        ),
        fingerprint=chosen.fingerprint(),
    )  # fmt: skip
