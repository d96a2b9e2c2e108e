"""Blocks: how many, how long, how likely; intervals and the test made of samples."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.evaluation import resampling
from routelmt_cli.evaluation.resampling import (
    block_bootstrap,
    block_counts,
    interval,
    one_sided_p,
)


def _counts(*arguments, **options):
    return np.concatenate(list(block_counts(*arguments, **options)))


def test_every_sample_is_as_long_as_the_corpus():
    for size in (1, 2, 7, 53, 100):
        counts = _counts(size, samples=20)
        assert counts.shape == (20, size)
        assert (counts.sum(axis=1) == size).all()
        assert (counts >= 0).all()


def test_neighbours_are_drawn_together():
    counts = _counts(1000, samples=50, block_length=10)
    # Each block boundary changes a count; of single draws nearly every neighbour differs.
    changes = (np.diff(counts, axis=1) != 0).sum(axis=1)
    assert changes.max() <= 2 * 100
    singles = _counts(1000, samples=50, block_length=1)
    assert (np.diff(singles, axis=1) != 0).sum(axis=1).min() > 400


def test_blocks_widen_the_interval_of_correlated_segments():
    values = np.repeat(np.random.default_rng(0).normal(size=100), 10)

    def mean(counts):
        return counts @ values / 1000

    wide, narrow = (
        np.std(block_bootstrap(mean, 1000, samples=200, block_length=length)) for length in (10, 1)
    )
    assert wide > 2 * narrow


def test_a_small_corpus_still_varies():
    assert len(np.unique(_counts(12, samples=30), axis=0)) > 10


def test_parts_do_not_change_the_samples(monkeypatch):
    whole = _counts(40, samples=9, seed=3)
    monkeypatch.setattr(resampling, "_CELLS_AT_ONCE", 80)
    parts = list(block_counts(40, samples=9, seed=3))
    assert [len(part) for part in parts] == [2, 2, 2, 2, 1]
    assert (np.concatenate(parts) == whole).all()
    assert (_counts(40, samples=9, seed=4) != whole).any()


def test_interval_and_p_value():
    assert interval(np.arange(101.0), level=0.9) == pytest.approx((5.0, 95.0))
    assert interval(np.array([np.nan, 2.0, 2.0])) == (2.0, 2.0)
    assert np.isnan(interval(np.array([np.nan]))).all()
    assert one_sided_p(np.array([1.0, 2.0, 3.0])) == 0.25
    assert one_sided_p(np.array([1.0, 0.0, -1.0])) == 0.75
    assert one_sided_p(np.array([np.nan])) == 1.0


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"block_length": 0}])
def test_numbers_are_checked(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        list(block_counts(10, **wrong))
    with pytest.raises(ValueError, match="at least 1"):
        list(block_counts(0))
