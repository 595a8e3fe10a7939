"""What a projection gives: flows and stocks by cell, and what the vintages need of the accounts.

``W`` is the declared accounts of living owners; inherited accounts are the place after them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fiscal.base.axes import OWNER_ACCOUNTS

TRADITIONAL, ROTH = 0, 1
CORE, CRYPTO = 0, 1


class CellLines(NamedTuple):
    """Positions of the lines of a cell that every declaration of accounts has; arrays ``(P, Y, A, G, S)`` in dollars.

    After them come the traditional withdrawals from each declared account.
    """

    inherited_withdrawals: int  # traditional
    roth_withdrawals: int  # of living owners
    inherited_roth_withdrawals: int
    nonqualified_earnings: int
    penalised_withdrawals: int
    plan_bequests: int  # pass to heirs from accounts that roll over
    rollovers: int  # traditional
    roth_rollovers: int
    conversions: int
    core_return: int
    crypto_return: int
    core_held: int  # what a sleeve holds on the mean of the year's two halves: what a yield is paid on
    crypto_held: int
    fees: int
    losses: int
    crypto_bought: int  # net dollars put into the crypto sleeve by contributions, withdrawals and rebalancing
    closing_traditional: int
    closing_roth: int
    closing_crypto: int
    closing_owners: int  # of living owners, both characters
    owner_tax: int
    heir_tax: int
    conversion_tax: int
    additional_tax: int


LINE = CellLines(*range(len(CellLines._fields)))
WITHDRAWALS = len(CellLines._fields)
"""Place of the first account's traditional withdrawals."""


def cell_lines(accounts: Iterable[str]) -> tuple[str, ...]:
    """What the projection reports for each cell."""
    return (*CellLines._fields, *(f"{account}_withdrawals" for account in accounts))


CELL_LINES = cell_lines(OWNER_ACCOUNTS)

OF_TOTALS = {
    "plan_bequests", "rollovers", "roth_rollovers", "core_return", "crypto_return", "fees", "losses", "crypto_bought",
}  # fmt: skip
"""Lines of which the ledger, the vintages, and the tables read yearly totals only."""


def booked_lines(accounts: Iterable[str]) -> tuple[str, ...]:
    """Lines that a run keeps by cell."""
    return tuple(name for name in cell_lines(accounts) if name not in OF_TOTALS)


@dataclass(frozen=True, kw_only=True)
class AccountShares:
    """What became of a dollar in each account within a year, as shares; sleeves share what leaves.

    ``withdrawn``, ``rolled`` and ``converted`` are shares of the middle balance. ``moved`` is what rebalancing
    moved at the year's end: positive, a share of the core sleeve that bought crypto; negative, a share of the
    crypto sleeve that was sold. The first axis holds the kept paths only, ``paths`` says which.
    """

    paths: tuple[int, ...]

    withdrawn: np.ndarray  # (P, Y, W, character 2, A, G, S)
    rolled: np.ndarray  # (P, Y, W - 1, character 2, A, G, S), into the last account
    converted: np.ndarray  # (P, Y, W, A, G, S), traditional to Roth
    moved: np.ndarray  # (P, Y, W, character 2, A, G, S)
    heirs_moved: np.ndarray  # (P, Y, since, character 2, A, G, S)


@dataclass(frozen=True, kw_only=True)
class AccountBalances:
    """Opening balances of the traditional accounts in every cell of the kept paths in the first years, dollars."""

    paths: tuple[int, ...]

    owners: np.ndarray  # (P, Y, W, sleeve 2, A, G, S)
    heirs: np.ndarray  # (P, Y, since, sleeve 2, A, G, S)


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Flows and stocks of a projection, nominal dollars."""

    years: np.ndarray
    path_labels: tuple[str, ...]
    cells: dict[str, np.ndarray]  # the kept ones of CELL_LINES -> (P, Y, A, G, S); compiled, parts of one array
    closing_usd: np.ndarray  # (P, Y, W + 1, character 2, sleeve 2), sums over cells
    opening_usd: np.ndarray  # (P, Y, W + 1, character 2), sums over cells
    crypto_return: np.ndarray  # (P, Y) of the crypto sleeve, price impact included
    roth_basis_usd: np.ndarray  # (P, Y) closing Roth basis of living owners
    identity_residual_usd: np.ndarray  # (P, Y, W + 1, character 2), the worst cell's signed residual
    identity_scale_usd: np.ndarray  # (P, Y) largest opening balance of a cell, to judge the residual by
    totals: dict[str, np.ndarray] = field(default_factory=dict)  # CELL_LINES -> (P, Y), sums over cells
    shares: AccountShares | None = None
    balances: AccountBalances | None = None

    @property
    def withdrawal_lines(self) -> tuple[str, ...]:
        """Names of the traditional withdrawals from each account of living owners."""
        return tuple(line for line in self.cells if line not in CellLines._fields)

    def drawn(self, path: int) -> np.ndarray:
        """Traditional withdrawals of living owners from all their accounts, ``(Y, A, G, S)``."""
        return np.asarray(sum(self.cells[line][path] for line in self.withdrawal_lines))

    def path(self, label: str) -> int:
        """Index of the path called ``label``."""
        return self.path_labels.index(label)

    def total(self, line: str) -> np.ndarray:
        """Sum of a cell line over cells, shape ``(P, Y)``."""
        return self.cells[line].sum(axis=(2, 3, 4)) if line in self.cells else self.totals[line]
