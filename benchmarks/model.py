"""The full model: kernel against reference, cost against size, values on random paths."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter, process_time

import numpy as np

from benchmarks.machine import Timed, best_of
from fiscal.budget.ledger import BuildupTax
from fiscal.engine import random_paths, risk_neutral
from fiscal.engine import run as engine_run
from fiscal.engine.allocation import path_settings
from fiscal.markets.paths import path_model
from fiscal.projection import cells
from fiscal.projection.inputs import ProjectionInputs, TaxSchedule
from fiscal.projection.kernel import BuildupRates, project_references
from fiscal.scenario import load
from tests.oracle import project

SCENARIO, MODEL = "boom", "regime_switching"
ACCOUNTS, SLEEVES = 6, 2
"""Kinds of account of a cell (plan, ira and inherited; traditional and Roth) and sleeves of each; the years since
death, ten for each inherited account, are not counted."""
COLUMNS = 3
"""Strata that are projected for the three references: without crypto, with the scenario's, with equity's return."""
CELL_FLOPS = 114.0
"""Floating-point operations for a cell of a column and year, a multiply-add counted as two: 91 in ``_cells``
without conversions, 4 for each of two taxes that need one piece, 180 for a row and its report over 12 groups.
More pieces, searches and the turn of the ring come on top and are not counted."""


def account_steps(inputs: ProjectionInputs, paths: int, references: int) -> int:
    """Work of the model as it is written down: what is saved by sharing counts as done."""
    years = len(inputs.years)
    return references * paths * years * int(np.prod(inputs.opening_usd.shape[2:])) * ACCOUNTS * SLEEVES


class Model:
    """A scenario's inputs to its horizon, and the law, ready to be put on random paths."""

    def __init__(self) -> None:
        self.scenario = load(SCENARIO, {"paths.model": MODEL})
        self.settings = self.scenario.settings
        self.run = engine_run.compute(self.scenario)
        self.last = self.settings.horizon.last_year
        self.inputs = self.run.inputs.until(self.last)

    def rates(self, years: int, groups: int) -> BuildupRates:
        law: BuildupTax = self.run.buildup
        return BuildupRates(
            interest_rate=law.interest_rate[:years, :, :groups],
            dividend_rate=law.dividend_rate[:years, :, :groups],
            gain_rate=law.gain_rate[:years, :, :groups],
            interest_share=law.interest_share,
            gain_share=law.gain_share,
            payout_rate=law.payout_rate[:years],
        )

    def references(self, inputs: ProjectionInputs, paths: int) -> list[ProjectionInputs]:
        told = {**path_settings(self.settings), "measure": "real"}
        market = path_model(MODEL).draw(told, inputs.years, paths, 1, 0)
        return [random_paths.on_paths(inputs, label, market) for label in random_paths.REFERENCES]

    def kernel(self, inputs: ProjectionInputs, paths: int, *, times: int = 5) -> Timed:
        """The three references on random paths."""
        ready = self.references(inputs, paths)
        rates = self.rates(len(inputs.years), inputs.opening_usd.shape[3])
        project_references(ready, rates)
        return best_of(times, lambda: project_references(ready, rates))

    def drifting(self, paths: int) -> Timed:
        """The scenario alone when half of each gap is rebalanced: sleeve by sleeve."""
        inputs = self.inputs
        inputs = replace(inputs, rebalancing=np.full_like(inputs.rebalancing, 0.5))
        ready = self.references(inputs, paths)[:1]
        rates = self.rates(len(inputs.years), inputs.opening_usd.shape[3])
        project_references(ready, rates)
        return best_of(3, lambda: project_references(ready, rates))

    def reference(self, paths: int) -> Timed:
        """The plain NumPy projection of one reference on random paths."""
        ready = self.references(self.inputs, paths)[0]
        return best_of(2, lambda: project(ready))

    def every_cell(self) -> tuple[int, Timed, Timed]:
        """The named path and its references with every cell: account-steps, plain NumPy, compiled."""
        steps = account_steps(self.inputs, len(self.inputs.path_labels), 1)
        cells.project(self.inputs)
        return (steps, best_of(2, lambda: project(self.inputs)), best_of(3, lambda: cells.project(self.inputs)))

    def distribution(self, paths: int) -> dict[str, float]:
        """Seconds and core-seconds to draw, project and keep: the cost of a run with this number of paths."""
        start, core_start = perf_counter(), process_time()
        run = self.run
        asked = random_paths.experiment(self.settings, run.inputs, run.buildup, run.ledger, self.last)
        random_paths.simulate(asked, measure="real", count=paths)
        return {"seconds": perf_counter() - start, "core_seconds": process_time() - core_start}

    def pricing(self) -> Timed:
        """Values on risk-neutral paths, worked out and not remembered; what they are discounted by changes no work."""

        def price() -> None:
            risk_neutral._KNOWN.clear()
            risk_neutral.price(
                self.settings, self.run.inputs, self.run.buildup, np.ones(len(self.run.years)), vintage_year=2026,
                count=self.settings.books.risk_neutral_paths,
            )  # fmt: skip

        price()
        return best_of(2, price)

    def drawing(self, paths: int) -> Timed:
        told = {**path_settings(self.settings), "measure": "real"}
        draw = path_model(MODEL).draw
        return best_of(2, lambda: draw(told, self.inputs.years, paths, 1, 0))

    def fewer_groups(self, groups: int) -> ProjectionInputs:
        def cut(schedule: TaxSchedule) -> TaxSchedule:
            return TaxSchedule(knots_usd=schedule.knots_usd, tax_usd=schedule.tax_usd[:, :, :groups])

        inputs = self.inputs
        return replace(
            inputs,
            opening_usd=inputs.opening_usd[:, :, :, :groups],
            opening_basis_usd=inputs.opening_basis_usd[:, :, :groups],
            contribution_usd=inputs.contribution_usd[:, :, :, :groups],
            contribution_split=inputs.contribution_split[..., :groups],
            death_rate=inputs.death_rate[:, :, :groups],
            withdrawal_rate=inputs.withdrawal_rate[..., :groups],
            holders=inputs.holders[:, :, :groups],
            heirs=inputs.heirs[:, :, :groups],
            owner_schedule=cut(inputs.owner_schedule),
            conversion_schedule=cut(inputs.conversion_schedule),
            heir_schedule=cut(inputs.heir_schedule),
        )
