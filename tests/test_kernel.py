"""The compiled projection equals the plain one, to the bit whatever the batch and the threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import ASSETS, CELLS, PATH_FIELDS, YEARS, random_inputs, replaced

from fiscal.budget.ledger import BuildupTax, buildup_rates
from fiscal.projection.inputs import ProjectionInputs
from fiscal.projection.kernel import TOTALS, BuildupRates, project_totals
from fiscal.projection.reference import project


def law(seed: int) -> BuildupRates:
    rng = np.random.default_rng(seed)
    return BuildupRates(
        interest_rate=rng.uniform(0, 0.3, CELLS),
        dividend_rate=rng.uniform(0, 0.3, CELLS),
        gain_rate=rng.uniform(0, 0.3, CELLS),
        interest_share=rng.uniform(0, 1, ASSETS),
        gain_share=rng.uniform(0, 1, ASSETS),
        payout_rate=rng.uniform(0, 0.05, (YEARS, ASSETS)),
    )


def plain_totals(inputs: ProjectionInputs, rates: BuildupRates) -> dict[str, np.ndarray]:
    projection = project(inputs)
    core, crypto = buildup_rates(inputs, projection.crypto_return, BuildupTax(**vars(rates)))
    cells = projection.cells
    result = {name: projection.total(name) for name in TOTALS if name in cells}
    result["traditional_withdrawals"] = projection.total("plan_withdrawals") + projection.total(
        "ira_withdrawals"
    )
    result["inside_buildup"] = (cells["core_held"] * core).sum(axis=(2, 3, 4)) + (
        cells["crypto_held"].sum(axis=4) * crypto
    ).sum(axis=(2, 3))
    return result


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_kernel_is_the_reference(seed: int, paths: int) -> None:
    inputs = random_inputs(seed, paths=paths, mix=np.full(paths, seed % 2))
    rates = law(seed)
    expected, found = plain_totals(inputs, rates), project_totals(inputs, rates)
    assert set(expected) == set(found) == set(TOTALS)
    scale = expected["closing_traditional"] + expected["closing_roth"] + expected["traditional_withdrawals"]
    for name in TOTALS:
        # sums are taken in another order: to rounding of what is summed
        bound = 1e-12 * np.maximum(np.abs(expected[name]), scale) + 1e-9
        assert (np.abs(found[name] - expected[name]) <= bound).all(), name


def test_a_path_is_the_same_alone_in_a_batch_and_on_any_number_of_threads() -> None:
    import numba

    inputs = random_inputs(7, paths=70, mix=np.zeros(70, dtype=np.int64))
    rates = law(7)
    before = numba.get_num_threads()
    together = project_totals(inputs, rates)
    try:
        numba.set_num_threads(1)
        single = project_totals(inputs, rates)
    finally:
        numba.set_num_threads(before)
    for start, stop in ((0, 1), (3, 40), (33, 70)):
        part = replaced(
            inputs,
            path_labels=inputs.path_labels[start:stop],
            **{name: getattr(inputs, name)[start:stop] for name in PATH_FIELDS},
        )
        alone = project_totals(part, rates)
        for name in TOTALS:
            np.testing.assert_array_equal(alone[name], together[name][start:stop], err_msg=name)
    for name in TOTALS:
        np.testing.assert_array_equal(single[name], together[name], err_msg=name)


def test_paths_of_two_mixes_are_refused() -> None:
    with pytest.raises(ValueError, match="one mix"):
        project_totals(random_inputs(1), law(1))
