"""The flat-tax linear model: withdrawal tax were the accounts one balance and its tax a share of it.

Each stratum of a path is one portfolio that pays out, year by year, the share that the projection without crypto
pays out, at that projection's average rate of tax. It knows no ages, no progressive schedule and no answers to
returns, but it meets the same paths, and being linear in their returns its expectation is known
(:mod:`fiscal.markets.portfolio`): the part of a sample's error that it shares is taken off the sample's means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fiscal.base.arrays import ratio
from fiscal.base.axes import CHARACTERS
from fiscal.engine.inputs import NO_CRYPTO_PATH, SCENARIO_PATH
from fiscal.markets.portfolio import Portfolio, balances_on_paths, expected_balances
from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.outputs import Projection

TRADITIONAL = CHARACTERS.index("traditional")


@dataclass(frozen=True, kw_only=True)
class FlatTax:
    """The model of a projection's paths by label, one portfolio a stratum."""

    years: np.ndarray  # (Y,)
    tax_share: np.ndarray  # (Y,) tax of a year over the balance at its opening
    portfolios: dict[str, tuple[Portfolio, ...]]

    def tax_usd(self, label: str, half_return: np.ndarray) -> np.ndarray:
        """Tax ``(P, Y)`` on half-year returns ``(P, Y, half, asset)``."""
        balances = [balances_on_paths(one, half_return) for one in self.portfolios[label]]
        return self.tax_share * np.sum(balances, axis=0)

    def expected_usd(self, label: str, paths: Mapping[str, Any]) -> np.ndarray | None:
        """Its expectation ``(Y,)`` over the paths that the settings ``paths`` draw; None where it is not known."""
        total = np.zeros(len(self.years))
        for one in self.portfolios[label]:
            expected = expected_balances(one, paths, self.years)
            if expected is None:
                return None
            total += expected
        return self.tax_share * total


def flat_tax(inputs: ProjectionInputs, projection: Projection, labels: Sequence[str], last_year: int) -> FlatTax:
    """The model of the paths ``labels`` of a projection to ``last_year``."""
    n = int((inputs.years <= last_year).sum())
    plain = projection.path(NO_CRYPTO_PATH if NO_CRYPTO_PATH in projection.path_labels else SCENARIO_PATH)

    def total(*names: str) -> np.ndarray:
        return np.sum([projection.total(name)[plain] for name in names], axis=0)[:n]

    opening = inputs.opening_usd[:, TRADITIONAL].sum(axis=(0, 1, 2))  # (S,)
    balance = np.concatenate([[opening.sum()], total("closing_traditional")[:-1]])
    tax = total("owner_tax", "heir_tax")
    paid_out = total(*projection.withdrawal_lines, "inherited_withdrawals")
    return FlatTax(
        years=inputs.years[:n],
        tax_share=ratio(tax, balance),
        portfolios={
            label: tuple(
                _portfolio(inputs, projection, label, stratum, opening[stratum], ratio(paid_out, balance))
                for stratum in range(len(opening))
            )
            for label in labels
        },
    )


def _portfolio(
    inputs: ProjectionInputs,
    projection: Projection,
    label: str,
    stratum: int,
    opening_usd: float,
    paid_out_share: np.ndarray,
) -> Portfolio:
    """A stratum of a path: the core of its ages by their balances, and the crypto that the projection holds."""
    n, row = len(paid_out_share), projection.path(label)
    mix = inputs.mix[row]
    cells = {
        name: projection.cells[name][row, :n]
        for name in ("closing_owners", "closing_traditional", "closing_roth", "closing_crypto")
    }
    by_age = cells["closing_owners"].sum(axis=(2, 3))
    core = inputs.core_weight[mix][:n, :, stratum]
    closing, crypto = (
        sum(cells[name][..., stratum].sum(axis=(1, 2)) for name in names)
        for names in (("closing_traditional", "closing_roth"), ("closing_crypto",))
    )
    charges = inputs.fee_rate[mix][:, None] * inputs.year_fraction[:n]
    charges[1] += inputs.loss_rate[row, :n]
    return Portfolio(
        opening_usd=float(opening_usd),
        paid_out_share=np.minimum(paid_out_share, 1.0),
        paid_in_usd=inputs.contribution_usd[:n, TRADITIONAL, :, :, stratum].sum(axis=(1, 2)),
        core_weight=np.einsum("ya,yax->yx", ratio(by_age, by_age.sum(axis=1, keepdims=True)), core),
        sleeve_weight=inputs.crypto_weight[mix],
        sleeve_share=np.concatenate([[0.0], ratio(crypto, closing)[:-1]]),
        kept_share=1 - charges,
    )
