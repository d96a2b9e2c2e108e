"""A sample by length strata keeps every stratum's share, and grows without dropping anything."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.run.length_strata import STRATA, sample_by_length, strata_of

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=150).map(np.array)


@given(LENGTHS, st.integers(1, 160), st.integers(0, 9))
def test_each_stratum_keeps_its_share_within_one(lengths, count, seed):
    sample = sample_by_length(lengths, count, seed=seed)
    assert len(sample) == min(count, len(lengths))
    assert (np.diff(sample) > 0).all()
    stratum = strata_of(lengths)
    for number in range(STRATA):
        share = len(sample) * (stratum == number).sum() / len(lengths)
        assert abs((stratum[sample] == number).sum() - share) <= 1


@given(LENGTHS, st.integers(1, 150), st.integers(0, 9))
def test_a_larger_sample_holds_the_smaller(lengths, count, seed):
    smaller = sample_by_length(lengths, count, seed=seed)
    assert set(smaller) <= set(sample_by_length(lengths, count + 1, seed=seed))
    np.testing.assert_array_equal(smaller, sample_by_length(lengths, count, seed=seed))


def test_strata_are_quantiles_of_length():
    lengths = np.array([5, 1, 3, 2, 4, 6])
    assert strata_of(lengths, 3).tolist() == [2, 0, 1, 0, 1, 2]
    sample = sample_by_length(lengths, 3, strata=3)
    assert sorted(strata_of(lengths, 3)[sample]) == [0, 1, 2]


def test_another_seed_draws_others():
    lengths = np.arange(100)
    samples = {tuple(sample_by_length(lengths, 10, seed=seed)) for seed in range(5)}
    assert len(samples) == 5
