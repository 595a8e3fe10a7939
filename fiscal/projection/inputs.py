"""What the projection is given: arrays with named axes, and nothing else.

This is the one place where law, people and markets meet the kernel. Axes are those of
:mod:`fiscal.base.axes`; the letters in the shapes below are

====== =====================================================================
``P``  path (the scenario's paths and its references, one array)
``Y``  year, the stub 2025 first, run-off years after the horizon last
``A``  age at the opening of the year, 18-119
``G``  earnings group, 12
``S``  crypto stratum: 1, 2 (no_crypto, crypto) or 3 (its holders light and heavy)
``W``  account of living owners, as declared; the last receives what the others roll over
``X``  asset
``M``  mix: what the sleeves are made of; several paths share one
``K``  knot of a tax schedule
====== =====================================================================

The inherited wrapper has rules of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from fiscal.base.axes import OWNER_ACCOUNTS


@dataclass(frozen=True, kw_only=True)
class TaxSchedule:
    """Expected income tax per account holder as a function of the mean withdrawal per holder.

    ``knots_usd`` (Y, K) ascending from zero; ``tax_usd`` (Y, A, G, K), zero at the first knot,
    linear between knots and beyond the last one with the last slope.
    """

    knots_usd: np.ndarray
    tax_usd: np.ndarray

    def __post_init__(self) -> None:
        if self.knots_usd.ndim != 2 or self.tax_usd.ndim != 4:
            raise ValueError("a tax schedule needs knots (year, knot) and tax (year, age, group, knot)")
        if self.tax_usd.shape[0] != self.knots_usd.shape[0] or self.tax_usd.shape[3] != self.knots_usd.shape[1]:
            raise ValueError("a tax schedule's knots and taxes disagree in years or knots")
        if not (np.diff(self.knots_usd, axis=1) > 0).all():
            raise ValueError("the knots of a tax schedule must ascend")


@dataclass(frozen=True, kw_only=True)
class ProjectionInputs:
    """Arrays that decide a projection. All dollars nominal, all rates a year unless said otherwise."""

    years: np.ndarray  # (Y,) calendar years
    year_fraction: np.ndarray  # (Y,) share of the year inside the projection: .75 in the stub, else 1
    path_labels: tuple[str, ...]  # (P,)

    opening_usd: np.ndarray  # (W, character 2, A, G, S), all in the core sleeve
    opening_basis_usd: np.ndarray  # (W, A, G, S) Roth basis

    contribution_usd: np.ndarray  # (Y, character 2, A, G, S)

    half_return: np.ndarray  # (P, Y, half 2, X) of each asset
    mix: np.ndarray  # (P,) the mix that a path's sleeves hold
    core_weight: np.ndarray  # (M, Y, A, S, X) assets of the core sleeve, each summing to one
    crypto_weight: np.ndarray  # (M, X) assets of the crypto sleeve (crypto alone by default)
    fee_rate: np.ndarray  # (M, sleeve 2)
    loss_rate: np.ndarray  # (P, Y) operational loss, share of the crypto sleeve

    crypto_target_share: np.ndarray  # (P, Y, S) target of the crypto sleeve in a stratum's balance
    crypto_contribution_share: np.ndarray  # (P, Y, S) share of new money that buys it
    transfer: np.ndarray  # (P, Y) bool: existing balances follow the target, else they drift
    rebalancing: np.ndarray  # (P, Y) share of the gap to the target closed at the year's end
    sale_share: np.ndarray  # (P,) share of a rebalancing sale that finds a buyer within the year

    impact_multiplier: float  # dollars of market value per dollar bought; 0 none
    impact_persistence: float  # share of the price impact that is left a year later
    crypto_market_usd: np.ndarray  # (P, Y) value of the asset's whole market at the opening, without impact

    withdrawal_rate: np.ndarray  # (Y, W, character 2, A, G) on opening balances
    penalised_share: np.ndarray  # (W, A) share of withdrawals under the additional tax; Roth earnings: the first's
    nonqualified_share: np.ndarray  # (A,) share of Roth withdrawals whose earnings are taxed
    rollover_rate: np.ndarray  # (Y, W - 1, A) into the last account, on opening balances
    conversion_rate: np.ndarray  # (Y, A) traditional to Roth inside the wrapper

    death_rate: np.ndarray  # (Y, A, G) within the year (the stub's for the stub)
    spouse_share: np.ndarray  # (A,) of a decedent's balance that stays with a spouse
    heir_years: int  # years within which the inherited wrapper is emptied

    holders: np.ndarray  # (Y, A, G, S) account holders, persons
    heirs: np.ndarray  # (Y, A, G, S) heirs drawing on inherited accounts, by the owner's cohort
    owner_schedule: TaxSchedule
    conversion_schedule: TaxSchedule  # as the owners', of those who convert: theirs is the tax that conversions add
    heir_schedule: TaxSchedule  # already moved to the heirs' ages, indexed by the owner's age
    additional_tax_rate: float

    accounts: tuple[str, ...] = OWNER_ACCOUNTS  # (W,)
    # (W, Y, character 2, A, G) share of contributions that each account receives: the first all where it is left out
    contribution_split: np.ndarray = field(default_factory=lambda: np.ones((0, 0, 0, 0, 0)))
    # (P, Y, S) what contributions are multiplied by on a path, one where it is left out
    contribution_scale: np.ndarray = field(default_factory=lambda: np.ones((1, 1, 1)))

    def __post_init__(self) -> None:
        problems = [
            f"{one.name} has values that are not finite"
            for one in fields(self)
            if isinstance(value := getattr(self, one.name), np.ndarray)
            and value.dtype.kind == "f"
            and not np.isfinite(value).all()
        ]
        paths, years = len(self.path_labels), len(self.years)
        ages, groups, strata = self.opening_usd.shape[2:]
        if self.contribution_scale.shape == (1, 1, 1) and (self.contribution_scale == 1).all():
            object.__setattr__(self, "contribution_scale", np.ones((paths, years, strata)))
        accounts = len(self.accounts)
        if not self.contribution_split.size:
            split = np.zeros((accounts, years, 2, ages, groups))
            split[0] = 1.0
            object.__setattr__(self, "contribution_split", split)
        mixes, assets = self.crypto_weight.shape
        expected = {
            "year_fraction": (years,),
            "opening_usd": (accounts, 2, ages, groups, strata),
            "opening_basis_usd": (accounts, ages, groups, strata),
            "contribution_usd": (years, 2, ages, groups, strata),
            "contribution_split": (accounts, years, 2, ages, groups),
            "half_return": (paths, years, 2, assets),
            "mix": (paths,),
            "core_weight": (mixes, years, ages, strata, assets),
            "crypto_weight": (mixes, assets),
            "fee_rate": (mixes, 2),
            "loss_rate": (paths, years),
            "crypto_target_share": (paths, years, strata),
            "crypto_contribution_share": (paths, years, strata),
            "contribution_scale": (paths, years, strata),
            "transfer": (paths, years),
            "rebalancing": (paths, years),
            "sale_share": (paths,),
            "crypto_market_usd": (paths, years),
            "withdrawal_rate": (years, accounts, 2, ages, groups),
            "penalised_share": (accounts, ages),
            "nonqualified_share": (ages,),
            "rollover_rate": (years, accounts - 1, ages),
            "conversion_rate": (years, ages),
            "death_rate": (years, ages, groups),
            "spouse_share": (ages,),
            "holders": (years, ages, groups, strata),
            "heirs": (years, ages, groups, strata),
        }
        problems += [
            f"{name} has shape {getattr(self, name).shape}, expected {shape}"
            for name, shape in expected.items()
            if getattr(self, name).shape != shape
        ]
        if not problems and (self.mix.min() < 0 or self.mix.max() >= mixes):
            problems.append(f"mix names a mix outside 0..{mixes - 1}")
        if problems:
            raise ValueError("; ".join(problems))
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def only(self, path: int) -> ProjectionInputs:
        """The same inputs with one path."""
        one = slice(path, path + 1)
        by_path = (
            "half_return", "mix", "loss_rate", "crypto_target_share", "crypto_contribution_share",
            "contribution_scale", "transfer", "rebalancing", "sale_share", "crypto_market_usd",
        )  # fmt: skip
        cut: dict[str, Any] = {name: getattr(self, name)[one] for name in by_path}
        return replace(self, path_labels=self.path_labels[one], **cut)

    def until(self, last_year: int) -> ProjectionInputs:
        """The same inputs up to ``last_year``."""
        n = int((self.years <= last_year).sum())
        by_year = (
            "years", "year_fraction", "contribution_usd", "withdrawal_rate", "rollover_rate", "conversion_rate",
            "death_rate", "holders", "heirs",
        )  # fmt: skip
        by_path_and_year = (
            "half_return", "core_weight", "loss_rate", "crypto_target_share", "crypto_contribution_share",
            "contribution_scale", "contribution_split", "transfer", "rebalancing", "crypto_market_usd",
        )  # fmt: skip
        cut: dict[str, Any] = {name: getattr(self, name)[:n] for name in by_year}
        cut |= {name: getattr(self, name)[:, :n] for name in by_path_and_year}
        for name in ("owner_schedule", "conversion_schedule", "heir_schedule"):
            schedule = getattr(self, name)
            cut[name] = TaxSchedule(knots_usd=schedule.knots_usd[:n], tax_usd=schedule.tax_usd[:n])
        return replace(self, **cut)
