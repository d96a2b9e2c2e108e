"""The interval of a corpus gain holds the true one about as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from routelmt_cli.gain.accuracy import DEVIATIONS, Accuracy, accuracy_of
from routelmt_cli.gain.bundle import load_bundle

MEAN, SPREAD, CORRELATION = 12.0, 14.0, 0.4


def draw(luck, count):
    """Draw what a perfect predictor would say, and the true gains of documents of 11 segments."""
    predicted = MEAN + luck.normal(0, SPREAD * CORRELATION, count)
    own, shared = luck.normal(size=count), np.repeat(luck.normal(size=count // 11 + 1), 11)[:count]
    noise = np.sqrt(0.9) * own + np.sqrt(0.1) * shared  # means of documents scatter twice as much
    return predicted, predicted + SPREAD * np.sqrt(1 - CORRELATION**2) * noise


@pytest.mark.parametrize("share", [0.1, 0.4, 1.0])
def test_coverage_on_corpora_like_the_calibration(share):
    luck, inside, trials = np.random.default_rng(3), 0, 400
    for _ in range(trials):
        signal, gain = draw(luck, 200)
        slope, intercept = np.polyfit(signal, gain, 1)
        fitted = intercept + slope * signal
        accuracy = Accuracy(gain.mean(), gain.std(), spearmanr(fitted, gain).statistic, 200)
        signal, gain = draw(luck, 300)
        predicted = intercept + slope * signal
        weight = luck.integers(5, 60, 300) / 1.0
        bought = np.argsort(-predicted)[: int(300 * share)]
        of_all = weight[bought] / weight.sum()
        promised, true = of_all @ predicted[bought], of_all @ gain[bought]
        error = accuracy.standard_error(of_all.sum(), promised, (of_all**2).sum())
        inside += abs(promised - true) <= DEVIATIONS * error
    # Of few segments hardly two are of one document, so less would do for them.
    assert 0.92 <= inside / trials <= (0.98 if share == 1 else 1)


def test_nothing_bought_is_known_exactly():
    assert Accuracy(MEAN, SPREAD, CORRELATION, 200).standard_error(0.0, 0.0, 0.0) == 0.0


def test_a_larger_calibration_is_surer():
    errors = [
        Accuracy(MEAN, SPREAD, CORRELATION, n).standard_error(0.5, 8, 1e-4) for n in (100, 400)
    ]
    assert errors[1] < errors[0]


def test_a_bundle_tells(stand_ins):
    router = load_bundle(stand_ins.router)
    found = accuracy_of(router, "en-de")
    assert found is not None and found.segments == router.metadata.segments
    assert (found.mean, found.spread) == router.model.gain_scale["en-de"]
    assert accuracy_of(router, "de-en") is None
