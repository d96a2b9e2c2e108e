"""A random part of a corpus is no drift, at any size; longer segments are."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.features import background
from routelmt_cli.gain.drift import drift, feature_quantiles

NAMES = tuple(f"column_{number}" for number in range(40))
LENGTHS = 6


def made_up(count, seed, *, longer=1.0):
    """Draw lengths that move together, counts that are mostly 0, shares, and missing values."""
    random = np.random.default_rng(seed)
    length = longer * np.exp(random.normal(3, 0.7, size=count))
    columns = [length * np.exp(0.2 * random.normal(size=count)) for _ in range(LENGTHS)]
    columns += [random.poisson(0.2, size=count).astype(float) for _ in range(10)]
    columns += [random.beta(2, 5, size=count) for _ in range(18)]
    for rate in (0.05, 0.3, 0.6, 0.9, 0.99, 1.0):
        column = random.normal(size=count)
        column[random.random(count) < rate] = np.nan
        columns.append(column)
    return np.array(columns, dtype=np.float32).T


def report(features, calibration, **options):
    return drift(
        features,
        feature_quantiles(calibration),
        calibration_segments=len(calibration),
        names=NAMES,
        **options,
    )


@pytest.mark.parametrize("count", [1, 5, 20, 100, 700])
def test_a_random_half_is_not_flagged(count):
    flagged = 0
    for seed in range(100):
        corpus = made_up(2 * 350 + count, seed)
        order = np.random.default_rng(seed).permutation(len(corpus))
        flagged += report(corpus[order[:count]], corpus[order[count:]]).shifted
    assert flagged <= 2


@pytest.mark.parametrize("count", [100, 500])
def test_doubled_lengths_are(count):
    for seed in range(20):
        found = report(made_up(count, 100 + seed, longer=2.0), made_up(700, seed))
        assert found.shifted
        assert found.share_of_shifted_features >= 0.8 * LENGTHS / len(NAMES)
        assert {name for name, _ in found.worst} <= set(NAMES[:LENGTHS])


def test_a_corpus_is_not_far_from_itself():
    corpus = made_up(300, 0)
    found = report(corpus, corpus)
    assert found.share_of_shifted_features == 0
    assert all(distance < 0.01 for _, distance in found.worst)


def test_small_shifts_are_let_pass_however_many_segments_there_are():
    found = report(made_up(20_000, 1, longer=1.05), made_up(20_000, 0))
    assert not found.shifted
    assert found.worst[0][1] > 0.01
    assert found.threshold == 0.15


def test_fewer_segments_need_a_larger_distance():
    calibration = made_up(500, 0)
    few, many = (report(made_up(count, 1), calibration) for count in (20, 200))
    assert few.threshold > many.threshold > 0.15


def test_values_that_are_now_missing_are_a_shift():
    calibration, corpus = made_up(500, 0), made_up(500, 1)
    corpus[:, 20:23] = np.nan
    found = report(corpus, calibration)
    assert found.shifted
    assert [distance for _, distance in found.worst[:3]] == pytest.approx([1.0] * 3)
    # And the other way round: what was never there before now is.
    assert dict(report(made_up(500, 1), corpus).worst)[NAMES[20]] == pytest.approx(1.0)


def test_quantiles_are_values_that_occurred():
    features = np.array([[0, np.nan]] * 18 + [[7, np.nan]] * 2, dtype=np.float32)
    quantiles = feature_quantiles(features)
    assert quantiles.dtype == np.float32
    assert quantiles.shape == (2, 10)
    assert quantiles[0].tolist() == [0] * 9 + [0]
    assert np.isnan(quantiles[1, :9]).all()
    assert quantiles[1, 9] == 1


def test_what_was_fitted_on_the_calibration_is_left_out():
    corpus = made_up(300, 0)
    names = (background.NAMES[0], *NAMES[1:])
    moved = corpus.copy()
    moved[:, 0] += 1e6
    found = drift(moved, feature_quantiles(corpus), calibration_segments=300, names=names)
    assert background.NAMES[0] not in dict(found.worst)
    assert found.share_of_shifted_features == 0
    assert report(moved, corpus).worst[0][0] == NAMES[0]


def test_nothing_to_compare():
    corpus = made_up(50, 0)
    assert not report(corpus[:0], corpus).shifted
    assert not report(corpus, corpus[:0]).shifted
    assert np.isnan(feature_quantiles(corpus[:0])[:, :9]).all()


def test_other_columns_are_refused():
    quantiles = feature_quantiles(made_up(50, 0))
    for features, stored, names in (
        (made_up(50, 1)[:, :9], quantiles, NAMES),
        (made_up(50, 1), quantiles[:, :9], NAMES),
        (made_up(50, 1), quantiles, NAMES[:9]),
    ):
        with pytest.raises(ValueError, match="same columns"):
            drift(features, stored, calibration_segments=50, names=names)
