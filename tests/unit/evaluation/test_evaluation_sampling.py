"""The error of a sampled curve is what repeated samples of one corpus show."""

from __future__ import annotations

import numpy as np

from routelmt_cli.evaluation.sampling import sampling_errors


def curve(gain, cost, weight, size, corpus_size, at):
    order = np.argsort(-gain * weight / cost)
    order = order[gain[order] > 0]
    spent = np.cumsum(cost[order]) * corpus_size / size.sum()
    bought = np.cumsum((gain * weight)[order]) / weight.sum()
    return np.interp(at, np.r_[0, spent], np.r_[0, bought]), order


def test_it_is_the_spread_of_many_samples():
    luck = np.random.default_rng(5)
    size = luck.integers(5, 50, 20_000).astype(np.float64)
    gain, cost = luck.normal(8, 12, 20_000), size * luck.uniform(0.8, 1.2, 20_000)
    at = np.array([0.0, 0.2, 0.5]) * cost.sum()
    found, errors = [], []
    for _ in range(60):
        drawn = luck.choice(20_000, 250, replace=False)
        columns = [column[drawn] for column in (gain, cost, size, size)]
        values, order = curve(*columns, size.sum(), at)
        found.append(values)
        errors.append(
            sampling_errors(
                order,
                gain[drawn] * size[drawn],
                cost[drawn],
                size[drawn],
                size[drawn],
                size.sum(),
                at,
                samples=40,
            )
        )
    spread, claimed = np.std(found, axis=0), np.mean(errors, axis=0)
    assert spread[0] == claimed[0] == 0
    assert (np.abs(claimed[1:] / spread[1:] - 1) < 0.35).all()
