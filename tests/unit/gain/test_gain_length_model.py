"""Predicted output lengths: a line through outliers, bounds, and how far segments are from it."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.gain.length_model import LengthModel, fit_length_model


def _segments(count=400):
    random = np.random.default_rng(0)
    return random.integers(1, 80, count), random.integers(1, 90, count)


def test_it_finds_a_line_through_outliers():
    source, draft = _segments()
    actual = np.round(2 + 0.8 * source + 0.3 * draft).astype(np.int64)
    model = fit_length_model(source, draft, actual)
    assert model.per_source_token == pytest.approx(0.8, abs=0.03)
    assert model.per_draft_token == pytest.approx(0.3, abs=0.03)
    broken = actual.copy()
    broken[::40] = 500
    robust = fit_length_model(source, draft, broken)
    assert robust.per_source_token / robust.per_draft_token == pytest.approx(0.8 / 0.3, rel=0.1)
    # The total is what a budget feels, outliers included.
    assert robust.predict(source, draft).sum() == pytest.approx(broken.sum(), rel=0.1)


def test_predictions_are_bounded():
    model = fit_length_model(np.array([10] * 60), np.array([10] * 60), np.array([12] * 60))
    predicted = model.predict(np.array([0, 10, 10]), np.array([0, 10, 100_000]))
    assert (predicted >= 1).all()
    assert predicted[1] == pytest.approx(12, abs=0.1)
    assert predicted[2] <= 12 + model.slack
    assert model.predict(np.zeros(0), np.zeros(0)).shape == (0,)


def test_four_of_five_segments_are_within_the_quantiles():
    source, draft = _segments()
    noise = np.random.default_rng(1).lognormal(0, 0.4, len(source))
    actual = np.maximum(np.round(source * noise), 1).astype(np.int64)
    model = fit_length_model(source, draft, actual)
    low, high = model.predict_quantiles(source, draft)
    assert np.mean(actual < low) == pytest.approx(0.1, abs=0.03)
    assert np.mean(actual > high) == pytest.approx(0.1, abs=0.03)
    assert low.sum() < model.predict(source, draft).sum() < high.sum()
    assert 0 < model.low_factor < 1 < model.high_factor


def test_the_range_of_a_sure_length_is_narrow_and_never_below_one_token():
    source, draft = _segments()
    model = fit_length_model(source, draft, source)
    low, high = model.predict_quantiles(np.array([20, 0]), np.array([20, 0]))
    assert high[0] - low[0] < 1
    assert (low >= 1).all()
    assert [bound.shape for bound in model.predict_quantiles(source[:0], draft[:0])] == [(0,)] * 2


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 1e9])
def test_broken_numbers_are_refused(broken):
    with pytest.raises(ValueError, match="not finite"):
        LengthModel(broken, 0, 0, 0, 1, 0)
    with pytest.raises(ValueError, match="not finite"):
        LengthModel(1, 0, 0, 0, 1, 0, 0.5, broken)


def test_what_is_out_of_order_is_refused():
    with pytest.raises(ValueError, match="bounds are not in order"):
        LengthModel(0, 0, 0, 2, 1, 0)
    for low, high in ((1.5, 0.5), (-0.5, 1.0)):
        with pytest.raises(ValueError, match="quantiles are not in order"):
            LengthModel(0, 0, 0, 0, 1, 0, low, high)
