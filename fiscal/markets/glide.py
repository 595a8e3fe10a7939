"""The core sleeve by age: how 401(k) participants hold equity, bonds and cash.

EBRI/ICI (table ``ebri_401k_allocation``) publishes the equity share of 2022 for all participants, for
those in their twenties and in their sixties, not the ages in between. The age of 45 is set so that the
whole comes to the published 71 percent. What is not equity is bonds or cash: stable value and money
funds (their share of directly held fixed income in 2016) are cash, the fixed part of target-date and
balanced funds is bonds.

Part of equity is of developed markets outside the United States (:func:`foreign_equity_share`), the same part at every
age.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fiscal.base import sources
from fiscal.base.axes import AGES_AT_OPENING, ASSETS
from fiscal.base.errors import InputError
from fiscal.base.memo import remembered

if TYPE_CHECKING:
    import pandas as pd

EQUITY_YEAR, FIXED_YEAR, FUNDS_YEAR, ACCOUNTS_YEAR, PARTICIPANTS_YEAR = 2022, 2013, 2016, 2023, 2014
NO_FUNDS_YEAR = 2006
"""Before target-date funds were a plan's default investment (Pension Protection Act of 2006)."""
FUND_MEANS = (2007, 2014, 2021)
"""Years whose figures are of the average target-date fund or of many families, not of one."""
TWENTIES, MIDDLE, SIXTIES = 25.0, 45.0, 65.0
DECADE_AGES = np.array([30.0, 45.0, 55.0, 65.0])
"""Middle of the published groups of participants: twenties and thirties, forties, fifties, sixties."""


@remembered
def _weights() -> np.ndarray:
    equity = equity_share(AGES_AT_OPENING)
    cash = (1.0 - equity) * cash_share_of_fixed(AGES_AT_OPENING)
    weights = np.zeros((AGES_AT_OPENING.size, len(ASSETS)))
    weights[:, ASSETS.index("equity")] = equity
    weights[:, ASSETS.index("cash")] = cash
    weights[:, ASSETS.index("bonds")] = 1.0 - equity - cash
    weights.flags.writeable = False
    return weights


@remembered
def glide_path(
    years: np.ndarray, foreign_share: float | None = None, mix: Mapping[str, float] | None = None
) -> np.ndarray:
    """Core weights ``(Y, age 18..119, asset)`` in the order of ``ASSETS``, each summing to 1.

    Equity of both kinds, bonds and cash are held. Ages below 25 hold what 25 holds, ages above 65 what 65 holds.
    ``foreign_share`` is the part of equity held abroad in every year (None: :func:`foreign_equity_share`);
    ``mix`` (equity, bonds, cash, summing to 1) is held at every age in place of the published shares.
    """
    shares = foreign_equity_share(years) if foreign_share is None else np.full(len(years), foreign_share)
    shape = (len(years), AGES_AT_OPENING.size, len(ASSETS))
    held = _weights() if mix is None else np.array([mix.get(asset, 0.0) for asset in ASSETS])
    weights = np.broadcast_to(held, shape).copy()
    equity, foreign = ASSETS.index("equity"), ASSETS.index("foreign_equity")
    weights[:, :, foreign] = weights[:, :, equity] * shares[:, None]
    weights[:, :, equity] -= weights[:, :, foreign]
    return weights


def foreign_equity_share(years: np.ndarray) -> np.ndarray:
    """Part of the core's equity that is held outside the United States, ``(Y,)``.

    The share of target-date funds in plan assets (EBRI/ICI; linear from none in 2006, the year of the Pension
    Protection Act, held after the last year) times their foreign share of equity (table ``foreign_equity_share``: means
    by year of the average fund and of the large families; linear, held outside), and of the rest what
    ``markets.foreign_share_of_other_funds`` assumes. A fund's share of assets is put on its equity by the equity share
    of all plan assets.
    """
    published = sources.table("foreign_equity_share")
    equity = _allocation(EQUITY_YEAR, "all", "equities_total_share_of_assets")
    value = published["value"].where(published["base"] == "equity", published["value"] / equity)
    funds = value[published["year"].isin(FUND_MEANS)].groupby(published["year"]).mean()
    held = {NO_FUNDS_YEAR: 0.0} | {
        year: _allocation(year, "all", "target_date_funds_share_of_assets") for year in (FUNDS_YEAR, EQUITY_YEAR)
    }
    in_funds = np.interp(years, list(held), list(held.values()))
    in_others = sources.assumption("markets.foreign_share_of_other_funds")
    share: np.ndarray = in_funds * np.interp(years, funds.index, funds) + (1 - in_funds) * in_others
    return share


def equity_share(ages: np.ndarray) -> np.ndarray:
    """Equity share of the core by age: linear between 25, 45 and 65."""
    young = _allocation(EQUITY_YEAR, "twenties", "equities_total_share_of_assets")
    old = _allocation(EQUITY_YEAR, "sixties", "equities_total_share_of_assets")
    nodes = [TWENTIES, MIDDLE, SIXTIES]
    return np.interp(ages, nodes, [young, _middle_equity_share(young, old), old])


def cash_share_of_fixed(ages: np.ndarray) -> np.ndarray:
    """Cash (stable value, money funds, bills) as a share of what is not equity, by age.

    Direct fixed income of the twenties and sixties in 2013 over all that was not equity then, times cash
    in direct fixed income of 2016.
    """
    bonds = _allocation(FUNDS_YEAR, "all", "bond_funds_share_of_assets")
    cash = _allocation(FUNDS_YEAR, "all", "gic_stable_value_share_of_assets")
    cash += _allocation(FUNDS_YEAR, "all", "money_funds_share_of_assets")
    direct = [
        _allocation(FIXED_YEAR, group, "fixed_share_of_assets")
        / (1.0 - _allocation(FIXED_YEAR, group, "equities_total_share_of_assets"))
        for group in ("twenties", "sixties")
    ]
    return np.interp(ages, [TWENTIES, SIXTIES], direct) * cash / (cash + bonds)


def asset_shares_by_decade() -> np.ndarray:
    """Share of assets of the groups of ``DECADE_AGES``: participants (EBRI) times mean balance (Vanguard)."""
    young = _allocation(EQUITY_YEAR, "twenties_and_thirties", "participants_share")
    forties = _allocation(EQUITY_YEAR, "forties", "participants_share")
    older = np.array([_allocation(PARTICIPANTS_YEAR, group, "participants_share") for group in ("fifties", "sixties")])
    participants = np.concatenate([[young, forties], (1.0 - young - forties) * older / older.sum()])
    assets = participants * np.interp(DECADE_AGES, *_balances_by_age())
    return assets / assets.sum()


def _middle_equity_share(young: float, old: float) -> float:
    """The share at 45 that gives the published share of all assets; a linear equation in it."""
    target = _allocation(EQUITY_YEAR, "all", "equities_total_share_of_assets")
    assets = asset_shares_by_decade()
    nodes = [TWENTIES, MIDDLE, SIXTIES]
    weight = np.interp(DECADE_AGES, nodes, [0.0, 1.0, 0.0])
    known = np.interp(DECADE_AGES, nodes, [young, 0.0, old])
    share = float((target - assets @ known) / (assets @ weight))
    if not old <= share <= young:
        raise InputError(
            f"ebri_401k_allocation.csv: the equity share at 45 comes to {share:.3f}, outside {old}..{young}"
        )
    return share


def _balances_by_age() -> tuple[list[float], list[float]]:
    """Middle ages of Vanguard's bands and their mean balances, dollars."""
    table: pd.DataFrame = sources.table("vanguard")
    chosen = (table["data_year"] == ACCOUNTS_YEAR) & (table["dimension"] == "age")
    rows = table[chosen & (table["measure"] == "avg_balance_usd")]
    bands = {group: value for group, value in zip(rows["group"], rows["value"], strict=True) if "-" in group}
    middles = [(int(group.split("-")[0]) + int(group.split("-")[1]) + 1) / 2.0 for group in bands]
    oldest = rows.loc[rows["group"] == "65+", "value"].item()
    return [*middles, 70.0], [*bands.values(), oldest]


def _allocation(year: int, group: str, item: str) -> float:
    table = sources.table("ebri_401k_allocation")
    row = table[(table["year"] == year) & (table["group"] == group) & (table["item"] == item)]
    if len(row) != 1:
        raise InputError(f"ebri_401k_allocation.csv: {len(row)} rows for {year}, {group}, {item}; one is needed")
    return float(row["value"].item())
