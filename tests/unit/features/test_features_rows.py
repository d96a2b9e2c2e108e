"""Sums, runs and look-ups over rows of flat arrays."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.features.rows import bounds_of, longest_runs, look_up, share, sum_rows


def test_sums_of_rows_some_of_them_empty():
    bounds = bounds_of(np.array([0, 2, 0, 1, 0]))
    assert bounds.tolist() == [0, 0, 2, 2, 3, 3]
    assert sum_rows(np.array([1, 2, 4]), bounds).tolist() == [0, 3, 0, 4, 0]
    assert sum_rows(np.zeros(0), bounds_of(np.zeros(2, dtype=np.int64))).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("marks", "lengths", "longest"),
    [
        ("110111", [3, 3], [2, 3]),
        ("111111", [3, 0, 3], [3, 0, 3]),
        ("000", [1, 2], [0, 0]),
        ("011", [1, 1, 1], [0, 1, 1]),
        ("", [0, 0], [0, 0]),
    ],
)
def test_a_run_never_reaches_into_the_next_row(marks, lengths, longest):
    values = np.array([mark == "1" for mark in marks], dtype=bool)
    assert longest_runs(values, bounds_of(np.array(lengths))).tolist() == longest


def test_look_up_finds_values_in_any_order():
    which, where = look_up(np.array([7, 1, 9, 3, 7]), np.array([1, 3, 7]))
    assert dict(zip(which.tolist(), where.tolist(), strict=True)) == {0: 2, 1: 0, 3: 1, 4: 2}


def test_a_share_of_nothing_is_unknown():
    assert share(np.array([1.0, 0.0]), np.array([2.0, 0.0]))[0] == 0.5
    assert np.isnan(share(np.array([0.0]), np.array([0.0])))[0]
