"""What a projection gives: flows and stocks by cell, and what the vintages need of the accounts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PLAN, IRA, INHERITED = 0, 1, 2
TRADITIONAL, ROTH = 0, 1
CORE, CRYPTO = 0, 1

CELL_LINES = (
    "plan_withdrawals",
    "ira_withdrawals",
    "inherited_withdrawals",
    "roth_withdrawals",
    "inherited_roth_withdrawals",
    "nonqualified_earnings",
    "penalised_withdrawals",
    "plan_bequests",
    "rollovers",
    "roth_rollovers",
    "conversions",
    "core_return",
    "crypto_return",
    "core_held",
    "crypto_held",
    "fees",
    "losses",
    "crypto_bought",
    "closing_traditional",
    "closing_roth",
    "closing_crypto",
    "closing_owners",
    "owner_tax",
    "heir_tax",
    "conversion_tax",
    "additional_tax",
)
"""What the projection reports for each cell, arrays ``(P, Y, A, G, S)`` in dollars. ``plan_``, ``ira_``
and ``inherited_withdrawals`` are traditional; ``roth_withdrawals`` are of living owners; ``plan_bequests``
pass from plans to heirs; ``crypto_bought`` are the net dollars put into the crypto sleeve by contributions,
withdrawals and rebalancing; ``core_held`` and ``crypto_held`` are what the sleeves hold on the mean of the year's
two halves, what a yield is paid on; ``closing_owners`` are the closing balances of living owners, both characters."""


@dataclass(frozen=True, kw_only=True)
class AccountShares:
    """What became of a dollar in each account within a year, as shares; sleeves share what leaves.

    ``withdrawn``, ``rolled`` and ``converted`` are shares of the middle balance. ``moved`` is what rebalancing
    moved at the year's end: positive, a share of the core sleeve that bought crypto; negative, a share of the
    crypto sleeve that was sold. The first axis holds the kept paths only, ``paths`` says which.
    """

    paths: tuple[int, ...]

    withdrawn: np.ndarray  # (P, Y, wrapper 2, character 2, A, G, S)
    rolled: np.ndarray  # (P, Y, character 2, A, G, S), plan to ira
    converted: np.ndarray  # (P, Y, wrapper 2, A, G, S), traditional to Roth
    moved: np.ndarray  # (P, Y, wrapper 2, character 2, A, G, S)
    heirs_moved: np.ndarray  # (P, Y, since, character 2, A, G, S)


@dataclass(frozen=True, kw_only=True)
class AccountBalances:
    """Opening balances of the traditional accounts in every cell of the kept paths in the first years, dollars."""

    paths: tuple[int, ...]

    owners: np.ndarray  # (P, Y, wrapper 2, sleeve 2, A, G, S)
    heirs: np.ndarray  # (P, Y, since, sleeve 2, A, G, S)


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Flows and stocks of a projection, nominal dollars."""

    years: np.ndarray
    path_labels: tuple[str, ...]
    cells: dict[str, np.ndarray]  # CELL_LINES -> (P, Y, A, G, S); compiled, parts of one array
    closing_usd: np.ndarray  # (P, Y, wrapper 3, character 2, sleeve 2), sums over cells
    opening_usd: np.ndarray  # (P, Y, wrapper 3, character 2), sums over cells
    crypto_return: np.ndarray  # (P, Y) of the crypto sleeve, price impact included
    roth_basis_usd: np.ndarray  # (P, Y) closing Roth basis of living owners
    identity_residual_usd: np.ndarray  # (P, Y, wrapper 3, character 2), the worst cell's signed residual
    identity_scale_usd: np.ndarray  # (P, Y) largest opening balance of a cell, to judge the residual by
    shares: AccountShares | None = None
    balances: AccountBalances | None = None

    def path(self, label: str) -> int:
        """Index of the path called ``label``."""
        return self.path_labels.index(label)

    def total(self, line: str) -> np.ndarray:
        """Sum of a cell line over cells, shape ``(P, Y)``."""
        return self.cells[line].sum(axis=(2, 3, 4))
