"""The guard's limit holds what it promises, and leaves something to route."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.gain import conformal
from routelmt_cli.gain.conformal import ALPHAS, GuardLimit, guard_limit, guard_limits, limit_for

NOISE = 2.4 * math.sqrt(0.1 * 0.9 / 300)  # a test that is right fails once in a hundred seeds


def made_up(seed, *, count=600, base=0.1):
    """Draw risks, gains, severe flags and the true probabilities of them."""
    random = np.random.default_rng(seed)
    trait = random.normal(size=count)
    truth = 1 / (1 + np.exp(-(math.log(base / (1 - base)) - 0.5 + trait)))
    risk = base * np.exp(trait + 0.5 * random.normal(size=count))
    gain = 2 + 2 * random.normal(size=count) - 0.5 * trait
    return risk, gain, random.random(count) < truth, truth


def test_the_true_rate_is_above_alpha_in_at_most_delta_of_calibrations():
    wrong = found = 0
    for seed in range(300):
        risk, gain, severe, truth = made_up(seed)
        limit = guard_limit(risk, gain, severe, alpha=0.1)
        if limit.risk_limit is not None:
            found += 1
            rows = np.flatnonzero((gain > 0) & limit.allows(risk))
            rows = rows[np.argsort(-gain[rows])]
            best = rows[: math.ceil(limit.smallest_share * len(rows))]
            wrong += max(truth[rows].mean(), truth[best].mean()) > 0.1
    assert wrong / 300 <= 0.1 + NOISE
    assert found > 200


def accepted_at_the_edge(alike, *, steps):
    """How often a limit is found although every rate is a little above alpha.

    ``alike`` is the correlation of two segments of a block, ``steps`` the number of limits that
    are tried.
    """
    found = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        odds = (1 - alike) / alike if alike else 1e9
        rate = np.repeat(random.beta(0.101 * odds, 0.899 * odds, size=80), 10)
        risk = random.integers(1, steps + 1, size=800) / steps
        limit = guard_limit(risk, np.ones(800), random.random(800) < rate, alpha=0.1, shares=(1.0,))
        found += limit.risk_limit is not None
    return found / 300


@pytest.mark.parametrize(
    ("alike", "steps"), [(0.0, 1), (0.3, 1), (0.0, 10)], ids=["one", "documents", "many"]
)
def test_chance_at_the_edge_is_delta(alike, steps):
    assert 0.02 < accepted_at_the_edge(alike, steps=steps) <= 0.1 + NOISE


def test_without_the_design_effect_documents_would_break_the_promise(monkeypatch):
    monkeypatch.setattr(conformal, "_design_effect", lambda rows, correlation: 1.0)
    assert accepted_at_the_edge(0.3, steps=1) > 0.2


def test_it_also_holds_for_segments_that_were_not_seen():
    rates = []
    for seed in range(60):
        risk, gain, severe, _ = made_up(seed, count=700)
        limit = guard_limit(risk, gain, severe, alpha=0.1)
        risk, gain, severe, _ = made_up(1000 + seed, count=2000)
        routed = (gain > 0) & limit.allows(risk)
        rates.append(severe[routed].mean() if routed.any() else 0.0)
    assert np.mean(np.array(rates) > 0.1 + 0.01) <= 0.15


def test_it_is_not_vacuous_where_risk_is_well_predicted():
    random = np.random.default_rng(0)
    risk = np.where(random.random(700) < 0.3, 0.5, 0.01)
    severe = random.random(700) < risk
    gain = np.abs(random.normal(size=700)) + 0.1
    limit = guard_limit(risk, gain, severe, alpha=0.05)
    assert severe.mean() > 0.1
    assert limit.risk_limit == 0.01
    assert limit.routed_share == pytest.approx(0.7, abs=0.05)
    assert limit.expected_rate < limit.upper_bound <= 0.05
    assert limit.confidence == pytest.approx(0.9)


def test_nothing_severe_allows_everything_that_gains():
    gain = np.linspace(-1, 3, 400)
    limit = guard_limit(np.full(400, 0.01), gain, np.zeros(400, dtype=bool), alpha=0.05)
    assert limit.risk_limit == 0.01
    assert limit.routed_share == pytest.approx(0.75, abs=0.01)
    assert limit.expected_rate == 0
    assert 0 < limit.upper_bound < 0.05


@pytest.mark.parametrize(
    ("count", "severe_share", "gain"), [(400, 0.5, 1.0), (20, 0.0, 1.0), (400, 0.0, -1.0)]
)
def test_no_limit_leaves_nothing_to_route(count, severe_share, gain):
    severe = np.arange(count) % 2 < 2 * severe_share
    limit = guard_limit(np.full(count, 0.2), np.full(count, gain), severe, alpha=0.1)
    assert limit == GuardLimit(None, 0.1, 0.9, 0.0, 0.0, 0.0, 0.0)
    assert not limit.allows(np.zeros(3)).any()
    assert limit.allows(np.zeros(0)).shape == (0,)


def test_the_best_by_predicted_gain_must_be_safe_too():
    # One in ten is severe over all, but all of them are where a small budget would go.
    severe = np.arange(1000) >= 925
    gain = np.arange(1, 1001) / 100
    order = np.random.default_rng(0).permutation(1000)
    risk, severe, gain = np.full(1000, 0.1), severe[order], gain[order]
    assert guard_limit(risk, gain, severe, alpha=0.1, shares=(1.0,)).risk_limit == 0.1
    assert guard_limit(risk, gain, severe, alpha=0.1).risk_limit is None


def test_severe_neighbours_count_less():
    risk, gain = np.full(600, 0.1), np.ones(600)
    scattered = np.arange(600) % 14 == 0
    together = np.arange(600) % 140 < 10
    assert scattered.sum() < together.sum() + 5
    bound = guard_limit(risk, gain, scattered, alpha=0.15, shares=(1.0,)).upper_bound
    wider = guard_limit(risk, gain, together, alpha=0.3, shares=(1.0,)).upper_bound
    assert wider > bound + 0.02


def test_a_limit_never_rests_on_unseen_risk():
    risk = np.linspace(0, 0.2, 500)
    limit = guard_limit(risk, np.ones(500), np.zeros(500, dtype=bool), alpha=0.1)
    assert limit.allows(np.array([0.0, 0.2, 0.201, np.nan])).tolist() == [True, True, False, False]


def test_a_limit_for_every_alpha_and_the_next_stricter_one():
    risk, gain, severe, _ = made_up(3, count=1500)
    limits = guard_limits(risk, gain, severe)
    assert tuple(limit.alpha for limit in limits) == ALPHAS
    assert limit_for(0.1, limits) is limits[2]
    assert limit_for(0.14, limits) is limits[2]
    assert limit_for(0.9, limits) is limits[-1]
    with pytest.raises(UsageError, match=r"0\.01") as raised:
        limit_for(0.01, limits)
    assert "0.02" in raised.value.hint
    with pytest.raises(UsageError, match="no limits"):
        limit_for(0.1, ())
    assert set(asdict(limits[0])) >= {"risk_limit", "alpha", "confidence", "upper_bound"}


@pytest.mark.parametrize(
    "change",
    [
        {"risk": np.ones(3)},
        {"risk": np.array([np.nan, 0])},
        {"predicted_gain": np.array([np.inf, 0])},
        {"alpha": 0.0},
        {"alpha": 1.0},
        {"delta": 0.0},
        {"shares": (0.0,)},
    ],
)
def test_what_makes_no_sense_is_refused(change):
    call = {
        "risk": np.zeros(2),
        "predicted_gain": np.ones(2),
        "severe": np.zeros(2, dtype=bool),
        "alpha": 0.1,
        **change,
    }
    with pytest.raises(ValueError, match="must"):
        guard_limit(**call)


@pytest.mark.parametrize(("bad", "total"), [(0, 5), (3, 40), (30, 60), (59, 60), (4, 2000)])
@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.97])
def test_the_binomial_tail_is_exact(bad, total, rate):
    tail = sum(math.comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in range(bad + 1))
    found = 1 - conformal._beta_cdf(rate, bad + 1, total - bad)
    assert found == pytest.approx(tail, abs=1e-9)


def test_all_severe_is_no_evidence():
    assert conformal._beta_cdf(0.5, 11, 0) == 0
