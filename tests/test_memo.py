"""Results that are kept by the content of what they were made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from fiscal.base import memo


@dataclass(frozen=True)
class Own:
    """Arguments and results may be dataclasses with arrays."""

    rate: float
    values: np.ndarray


def counted():
    calls = []

    @memo.remembered
    def doubled(values, own=None, **options):
        calls.append(options)
        return Own(2.0, 2 * values)

    return doubled, calls


def test_the_same_content_is_worked_out_once():
    doubled, calls = counted()
    first = doubled(np.arange(3.0), Own(1.0, np.ones(2)), frame=pd.DataFrame({"a": [1]}))
    assert doubled(np.arange(3.0), Own(1.0, np.ones(2)), frame=pd.DataFrame({"a": [1]})) is first
    assert len(calls) == 1
    with pytest.raises(ValueError, match="read-only"):
        first.values[0] = 1.0


@pytest.mark.parametrize(
    "other",
    [
        (np.arange(3), None, {}),  # other bits of the same numbers
        (np.arange(3.0)[:, None], None, {}),
        (np.arange(3.0), Own(1, np.ones(2)), {}),
        (np.arange(3.0), None, {"flag": 1}),
        (np.arange(3.0), None, {"flag": True}),
        (np.arange(3.0), None, {"frame": pd.Series([1.0], index=["a"])}),
        (np.arange(3.0), None, {"frame": pd.Series([1.0], index=["b"])}),
        (np.arange(3.0), None, {"frame": pd.Series([1.0], index=["a"], name="x")}),
        (np.arange(3.0), None, {"frame": pd.Series([1], index=["a"])}),
        (np.array([0, 1, 2], dtype=object), None, {}),
    ],
)
def test_other_content_is_another_call(other):
    doubled, calls = counted()
    for values, own, options in ((np.arange(3.0), None, {}), (np.arange(3.0), Own(1.0, np.ones(2)), {})):
        doubled(values, own, **options)
    known = len(calls)
    values, own, options = other
    doubled(values, own, **options)
    assert len(calls) == known + 1


def test_objects_and_gaps_are_known_by_their_content_and_not_by_where_they_lie():
    calls = []

    @memo.remembered
    def counted_(*values):
        calls.append(values)
        return len(calls)

    def texts(last):
        return np.array(["a" * 40, f"{last}" * 40], dtype=object)

    assert counted_(texts("b"), float("nan")) == counted_(texts("b"), float("nan")) == 1
    assert counted_(texts("c"), float("nan")) == 2
    frames = [pd.DataFrame({"x": [1.0, np.nan], "y": ["a", last]}) for last in ("b", "b", "c")]
    assert [counted_(frame) for frame in frames] == [3, 3, 4]
    assert counted_(frames[0].astype({"y": "category"})) == 5
    assert (counted_(0.0), counted_(-0.0), counted_(0)) == (6, 7, 8)


def test_a_caller_may_change_its_frame():
    @memo.remembered
    def frame():
        return pd.DataFrame({"a": [1.0]})

    own = frame()
    own.loc[0, "a"] = 2.0
    assert frame().loc[0, "a"] == 1.0


def test_few_results_are_kept_and_none_when_a_table_changes():
    doubled, calls = counted()
    for number in range(2 * memo.KEPT):
        doubled(np.array([float(number)]))
    doubled(np.array([2.0 * memo.KEPT - 1]))
    assert len(calls) == 2 * memo.KEPT
    doubled(np.array([0.0]))
    assert len(calls) == 2 * memo.KEPT + 1
    memo.forget()
    doubled(np.array([0.0]))
    assert len(calls) == 2 * memo.KEPT + 2


def test_what_has_no_content_is_worked_out_each_time():
    @memo.remembered
    def total(values):
        return sum(values)

    assert [total(iter([1, 2])), total(iter([4]))] == [3, 4]
    assert total(pd.Index([1, 2])) == 3
    assert total({1: 1, 2: 2}.keys()) == 3
