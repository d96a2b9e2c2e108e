"""A profile brings features to units of their corpus, whatever their values are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.features import word_table
from routelmt_cli.features.background import Background
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.profile import PairProfile, evenly_spaced, feature_scale, fit_profile


def normalised(features):
    profile = PairProfile(Background(None, None, None), *feature_scale(features))
    return profile.normalised(features)


def test_medians_become_zero_and_spreads_one():
    random = np.random.default_rng(0)
    features = (random.gamma(2, size=(501, 3)) * [1e-3, 1, 1e4] + [0, 50, -1e4]).astype(np.float32)
    features[::7, 1] = np.nan
    found = normalised(features)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.nanmedian(found, axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.nanstd(found, axis=0), 1, rtol=1e-4)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(features))


def test_columns_that_say_nothing():
    features = np.zeros((20, 4), np.float32)
    features[:, 0] = 7.25
    features[:, 1] = np.nan
    features[3:, 2] = np.nan
    features[:, 3] = 1e-9 * np.arange(20)
    centre, scale = feature_scale(features)
    assert centre[:3].tolist() == [7.25, 0, 0]
    assert scale.tolist() == [1, 1, 1, 1]
    found = normalised(features)
    assert (found[:, 0] == 0).all()
    assert np.isnan(found[:, 1]).all()
    assert found[:3, 2].tolist() == [0, 0, 0]


def test_endless_and_huge_values_leave_a_usable_scale():
    features = np.zeros((20, 2), np.float32)
    features[:, 0] = np.arange(20)
    features[5, 0] = np.inf
    features[6, 0] = -np.inf
    features[:, 1] = 1e30 * np.arange(-10, 10)
    centre, scale = feature_scale(features)
    assert np.isfinite(centre).all()
    assert np.isfinite(scale).all()
    assert (scale > 0).all()
    assert scale[0] < 10


def test_no_rows():
    centre, scale = feature_scale(np.zeros((0, 2), np.float32))
    assert centre.tolist() == [0, 0]
    assert scale.tolist() == [1, 1]


def test_few_digits_are_kept():
    """So that the last bit of a sum on another machine does not change a bundle."""
    values = np.linspace(0, 1, 37, dtype=np.float32)[:, None] / 3
    for found in feature_scale(values):
        assert float(f"{float(found[0]):.6g}") == pytest.approx(float(found[0]), rel=1e-7)
    moved = np.nextafter(values, np.float32(1))
    for one, other in zip(feature_scale(values), feature_scale(moved), strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 500))
def test_evenly_spaced_rows(count, most):
    rows = evenly_spaced(count, most)
    assert rows.dtype == np.int64
    assert len(rows) == min(count, most)
    if len(rows):
        assert rows[0] == 0
        assert len(np.unique(rows)) == len(rows)
        assert (np.diff(rows) > 0).all()
        assert rows[-1] == (count - 1 if most > 1 or count == 1 else 0)
    if len(rows) > 2:
        assert np.ptp(np.diff(rows)) <= 1


def test_a_profile_of_a_corpus(made_up):
    table = made_up(80, seed=3).table
    profile, raw = fit_profile(table, folds=4)
    assert raw.shape == (80, len(FEATURE_NAMES))
    found = profile.normalised(raw)
    medians = np.array(
        [np.median(column[np.isfinite(column)]) for column in found.T if np.isfinite(column).any()]
    )
    np.testing.assert_allclose(medians, 0, atol=1e-3)
    # A row alone gets the features that it has among others.
    whole = profile.features(table)
    np.testing.assert_array_equal(profile.features(table.rows(5, 6))[0], whole[5])
    # Rows of its own corpus are measured without their own help, but only in words.
    differing = {
        name
        for name, one, other in zip(FEATURE_NAMES, found.T, whole.T, strict=True)
        if not np.array_equal(one, other, equal_nan=True)
    }
    assert differing
    assert differing <= set(word_table.NAMES)
