"""Folds hold every row out once, in contiguous blocks that part no document."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.folds import contiguous_folds, grouped_folds, refuse_small_folds

RUNS = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def rows_of(folds):
    return [held_out.tolist() for _, held_out in folds]


def assert_every_row_is_held_out_once(folds, count):
    assert sorted(row for rows in rows_of(folds) for row in rows) == list(range(count))
    for inside, held_out in folds:
        assert sorted([*inside.tolist(), *held_out.tolist()]) == list(range(count))
        assert inside.tolist() == sorted(inside.tolist())
        assert held_out.tolist() == sorted(held_out.tolist())


def test_blocks_are_contiguous_and_alike():
    assert rows_of(contiguous_folds(11, 3)) == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9, 10]]


def test_blocks_end_where_documents_end():
    documents = ["a"] * 2 + ["b"] * 5 + ["c"] * 4
    assert rows_of(contiguous_folds(11, 3, documents)) == [[0, 1], [2, 3, 4, 5, 6], [7, 8, 9, 10]]
    assert rows_of(contiguous_folds(4, 3, ["a"] * 4)) == [[0, 1, 2, 3]]
    # One document again later is the same document.
    assert rows_of(contiguous_folds(4, 2, ["a", "b", "b", "a"])) == [[0, 3], [1, 2]]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(1, 7))
def test_rows_without_documents(count, folds):
    found = contiguous_folds(count, folds)
    assert_every_row_is_held_out_once(found, count)
    assert len(found) == folds
    sizes = [len(rows) for rows in rows_of(found)]
    assert max(sizes) - min(sizes) <= 1
    for rows in rows_of(found):
        assert not rows or rows == list(range(rows[0], rows[-1] + 1))


@settings(max_examples=60, deadline=None)
@given(RUNS, st.integers(1, 7))
def test_documents_are_never_parted(runs, folds):
    # Documents return: of five there are runs all over the rows.
    documents = [f"d{number % 5}" for number, run in enumerate(runs) for _ in range(run)]
    found = contiguous_folds(len(documents), folds, documents)
    assert_every_row_is_held_out_once(found, len(documents))
    assert len(found) <= folds
    for inside, held_out in found:
        assert len(held_out)
        assert not {documents[row] for row in inside} & {documents[row] for row in held_out}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["de-en", "fr-en", "xx-yy"]), min_size=1, max_size=60), RUNS)
def test_every_group_is_cut_by_itself(groups, runs):
    documents = [f"d{number}" for number, run in enumerate(runs) for _ in range(run)]
    documents = (documents * len(groups))[: len(groups)]
    for named in (None, documents):
        found = grouped_folds(groups, 3, named)
        assert_every_row_is_held_out_once(found, len(groups))
        assert all(len(held_out) for _, held_out in found)
    for name in set(groups):
        rows = [row for row, group in enumerate(groups) if group == name]
        parts = [
            [row for row in held_out if groups[row] == name]
            for held_out in rows_of(grouped_folds(groups, 3))
        ]
        # Each block holds a third of every group, and what it holds lies side by side.
        if len(rows) >= 3:
            assert [len(part) for part in parts] == [
                len(rows) * (fold + 1) // 3 - len(rows) * fold // 3 for fold in range(3)
            ]
        assert sorted(row for part in parts for row in part) == rows
        for part in parts:
            places = [rows.index(row) for row in part]
            assert not places or places == list(range(places[0], places[-1] + 1))


def test_documents_of_one_group_do_not_cut_another():
    groups = ["a", "b"] * 6
    documents = ["x"] * 6 + ["y"] * 6
    assert rows_of(grouped_folds(groups, 2, documents)) == [[*range(6)], [*range(6, 12)]]


def test_folds_that_leave_nothing_to_learn_from_are_refused():
    refuse_small_folds(contiguous_folds(60, 3))
    for documents in (["a"] * 60, ["a"] * 59 + ["b"], ["a"] * 41 + ["b"] * 19):
        with pytest.raises(UsageError, match=r"only [0-9]+ segments to learn from") as caught:
            refuse_small_folds(contiguous_folds(60, 3, documents))
        assert "smaller documents" in caught.value.hint
    refuse_small_folds(contiguous_folds(60, 3, ["a"] * 40 + ["b"] * 20))


def test_rows_are_integers():
    for inside, held_out in grouped_folds(["a"] * 7, 3):
        assert inside.dtype == held_out.dtype == np.int64
