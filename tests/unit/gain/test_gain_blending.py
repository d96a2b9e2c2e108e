"""Blends: what one router knows of another tier is used, and noise is not chosen."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.gain.blending import Blend, fit_blends


def made_up(luck, rows):
    """Give predictions of two tiers, alike but for noise of their own, and gains."""
    common = luck.normal(0, 5, rows)
    predicted = common[:, None] + luck.normal(0, 5, (rows, 2))
    gain = np.stack([common + 8, 1.2 * common + 10], axis=1) + luck.normal(0, 10, (rows, 2))
    return predicted, gain


def test_the_best_of_blends_is_not_predicted_too_high():
    luck = np.random.default_rng(0)
    blends = fit_blends(*made_up(luck, 2_000))
    predicted, gain = made_up(luck, 5_000)
    blended = np.stack([blend.of(list(predicted.T)) for blend in blends], axis=1)
    best = blended.argmax(axis=1)
    rows = np.arange(len(best))
    assert blended[rows, best].mean() == pytest.approx(gain[rows, best].mean(), abs=0.5)
    raw = predicted + gain.mean(axis=0) - predicted.mean(axis=0)
    own = raw.argmax(axis=1)
    assert raw[rows, own].mean() > gain[rows, own].mean() + 1.0
    for column in range(2):
        errors = [((one[:, column] - gain[:, column]) ** 2).mean() for one in (blended, raw)]
        assert errors[0] < errors[1]


def test_the_same_rows_give_the_same_digits_and_no_prediction_gives_the_mean():
    predicted, gain = made_up(np.random.default_rng(1), 300)
    assert fit_blends(predicted, gain) == fit_blends(predicted.copy(), gain.copy())
    (one, _) = fit_blends(np.zeros((4, 2)), np.array([[1.0, 2.0]] * 4))
    assert one == Blend((0.0, 0.0), 1.0)
