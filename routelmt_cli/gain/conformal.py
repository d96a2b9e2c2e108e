"""The guard's promise: a limit on predicted risk that holds the share of severe regressions.

Out-of-fold predictions and what really happened go in, one :class:`GuardLimit` comes out. A
segment may be routed where its predicted gain is above zero and its predicted risk is not above
the limit. A budget then takes the best of these by predicted gain, so that a limit is tested on
the whole allowed set *and* on its best parts.

What is guaranteed (Learn then Test, Angelopoulos et al. 2021, arXiv 2110.01052): over the draw
of the calibration, with probability ``1 - delta`` or more, the severe rate that is to be expected
of every tested set (the allowed segments, and their best shares by predicted gain) is at most
``alpha``, all at once. Limits are tried from strict to lax; the chance of any wrong acceptance is
bounded by the fallback procedure (Wiens 2003, Pharmaceutical Statistics 2:211), which begins the
sequence anew at three places so that an unlucky strict limit doesn't end the search.

What is *not*: the expected rate is bounded, so a small corpus can be above it by chance; a budget
between two tested shares, or below the smallest that has enough segments to be tested, is covered
by no test of its own; one guarantee holds for one ``alpha``, chosen beforehand. New segments must
be exchangeable with the calibration's (:mod:`routelmt_cli.gain.drift` looks for the opposite), and
the final models are taken to be as good as the out-of-fold ones. Neighbouring segments correlate,
so every count is divided by a design effect (Kish 1965) that is estimated, not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.errors import UsageError

FloatArray = NDArray[np.float64]

ALPHAS: tuple[float, ...] = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
"""The severe rates that a calibration finds limits for."""
SHARES: tuple[float, ...] = (0.25, 0.5, 1.0)
"""Parts of the allowed segments, best predicted gain first, that a limit is tested on."""

_STEPS = 10
_STARTS = 3
_BLOCK = 10


@dataclass(frozen=True)
class GuardLimit:
    """A limit on predicted risk, with what is known of the segments that it allows.

    Parameters
    ----------
    risk_limit
        Largest predicted risk that may be routed, to be kept to the last digit; None where no
        limit passed: the guard then leaves nothing to route.
    alpha
        Bound on the severe rate, above 0 and below 1.
    confidence
        ``1 - delta``.
    expected_rate
        Severe rate of the allowed segments of the calibration, out of fold.
    upper_bound
        Largest upper confidence bound of the rates of the tested sets, at most ``alpha``.
    routed_share
        Share of all segments of the calibration that is allowed.
    smallest_share
        Smallest part of the allowed segments that was tested.

    Notes
    -----
    With no limit nothing is routed, so the last four are 0, which is true of an empty set.
    """

    risk_limit: float | None
    alpha: float
    confidence: float
    expected_rate: float
    upper_bound: float
    routed_share: float
    smallest_share: float

    def allows(self, risk: FloatArray) -> NDArray[np.bool_]:
        """Tell which segments may be routed.

        Parameters
        ----------
        risk
            float64, shape (n,), predicted; NaN is never allowed.
        """
        if self.risk_limit is None:
            return np.zeros(len(risk), dtype=np.bool_)
        allowed: NDArray[np.bool_] = risk <= self.risk_limit
        return allowed


def guard_limits(
    risk: FloatArray,
    predicted_gain: FloatArray,
    severe: NDArray[np.bool_],
    *,
    alphas: Iterable[float] = ALPHAS,
    delta: float = 0.1,
) -> tuple[GuardLimit, ...]:
    """Find the limit of every ``alpha``; see :func:`guard_limit`.

    Parameters
    ----------
    risk, predicted_gain, severe, delta
        As for :func:`guard_limit`.
    alphas
        Bounds on the severe rate.
    """
    return tuple(
        guard_limit(risk, predicted_gain, severe, alpha=alpha, delta=delta) for alpha in alphas
    )


def limit_for(alpha: float, limits: Sequence[GuardLimit]) -> GuardLimit:
    """Take the limit of a bound, or the next stricter one.

    Parameters
    ----------
    alpha
        Bound on the severe rate that the user asks for.
    limits
        In any order.

    Raises
    ------
    UsageError
        Every limit is laxer than what was asked for, or there is none.
    """
    stricter = [limit for limit in limits if limit.alpha <= alpha]
    if stricter:
        return max(stricter, key=lambda limit: limit.alpha)
    if not limits:
        raise UsageError("the router has no limits for a guard", hint="calibrate it again")
    least = min(limit.alpha for limit in limits)
    raise UsageError(
        f"a guard of {alpha:g} is stricter than any that the router was calibrated for",
        hint=f"the strictest is {least:g}",
    )


def guard_limit(
    risk: FloatArray,
    predicted_gain: FloatArray,
    severe: NDArray[np.bool_],
    *,
    alpha: float,
    delta: float = 0.1,
    shares: Sequence[float] = SHARES,
) -> GuardLimit:
    """Find the largest limit on predicted risk that holds the severe rate under ``alpha``.

    Parameters
    ----------
    risk
        float64, shape (n,), out of fold, in document order: predicted probability of a severe
        regression, or any score that grows with it.
    predicted_gain
        float64, shape (n,), out of fold: orders the routed segments, and must be above zero.
    severe
        bool, shape (n,): the regression was severe.
    alpha
        Bound on the severe rate, above 0 and below 1.
    delta
        Chance that the bound does not hold, above 0 and below 1.
    shares
        Parts of the allowed segments to test, above 0; the whole is always tested, a part only
        where twice as many segments are in it as a perfect record needs to pass.

    Returns
    -------
    GuardLimit
        With ``risk_limit`` None where no limit passed.

    Raises
    ------
    ValueError
        Shapes differ, a prediction is not finite, or a share, alpha or delta is out of range.
    """
    _check(risk, predicted_gain, severe, (alpha, delta), shares)
    candidates = np.flatnonzero(predicted_gain > 0)
    tests = _tests(risk, predicted_gain, severe, candidates, alpha, delta, shares)
    starts = {len(tests) * start // _STARTS for start in range(_STARTS)}
    best: tuple[_Test, float] | None = None
    level = 0.0
    for position, test in enumerate(tests):
        level += delta / len(starts) if position in starts else 0.0
        if test.p_value(alpha) <= level:
            best = test, level
        else:
            level = 0.0
    if best is None:
        return GuardLimit(None, alpha, 1.0 - delta, 0.0, 0.0, 0.0, 0.0)
    test, level = best
    return GuardLimit(
        risk_limit=test.limit,
        alpha=alpha,
        confidence=1.0 - delta,
        expected_rate=test.rate,
        upper_bound=min(test.upper_bound(level), alpha),
        routed_share=test.routed / len(risk),
        smallest_share=test.smallest_share,
    )


@dataclass(frozen=True)
class _Test:
    """One limit: the severe and all segments of each tested set, as effective counts."""

    limit: float
    counts: tuple[tuple[float, float], ...]
    rate: float
    routed: int
    smallest_share: float

    def p_value(self, alpha: float) -> float:
        """Bound the chance of so few severe ones if some set's rate were above alpha.

        Every set must pass at the full level (an intersection-union test), so the largest value
        counts and nothing is divided among them.
        """
        return max(1.0 - _beta_cdf(alpha, bad + 1.0, total - bad) for bad, total in self.counts)

    def upper_bound(self, level: float) -> float:
        """Bound every set's rate from above (Clopper-Pearson), at this level."""
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (low, middle) if self.p_value(middle) <= level else (middle, high)
        return high


def _check(
    risk: FloatArray,
    predicted_gain: FloatArray,
    severe: NDArray[np.bool_],
    levels: tuple[float, ...],
    shares: Sequence[float],
) -> None:
    if risk.ndim != 1 or not risk.shape == predicted_gain.shape == severe.shape:
        raise ValueError("risk, predicted gain and severe must be vectors of one length")
    if not (np.isfinite(risk).all() and np.isfinite(predicted_gain).all()):
        raise ValueError("predictions must be finite")
    if not all(0 < value < 1 for value in levels) or not all(0 < share <= 1 for share in shares):
        raise ValueError("alpha, delta and shares must lie between 0 and 1")


def _tests(
    risk: FloatArray,
    predicted_gain: FloatArray,
    severe: NDArray[np.bool_],
    candidates: NDArray[np.int64],
    alpha: float,
    delta: float,
    shares: Sequence[float],
) -> list[_Test]:
    """Prepare the sequence of limits; which ones there are never depends on what was severe."""
    if not len(candidates):
        return []
    ordered = np.sort(risk[candidates])
    places = np.ceil(np.arange(1, _STEPS + 1) / _STEPS * len(ordered)).astype(np.int64) - 1
    # With fewer segments than this, even none severe is no evidence.
    least = math.ceil(math.log(delta) / math.log1p(-alpha))
    correlation = _correlation(severe[candidates], candidates)
    tests = []
    for limit in np.unique(ordered[np.maximum(places, 0)]):
        allowed = candidates[risk[candidates] <= limit]
        if len(allowed) < least:
            continue
        allowed = allowed[np.argsort(-predicted_gain[allowed], kind="stable")]
        sizes = {math.ceil(share * len(allowed)) for share in shares}
        sizes = {size for size in sizes if size >= 2 * least} | {len(allowed)}
        counts = []
        for size in sorted(sizes):
            part = allowed[:size]
            effect = _design_effect(part, correlation)
            counts.append((float(severe[part].sum()) / effect, size / effect))
        rate = float(severe[allowed].mean())
        smallest = min(sizes) / len(allowed)
        tests.append(_Test(float(limit), tuple(counts), rate, len(allowed), smallest))
    return tests


def _correlation(severe: NDArray[np.bool_], rows: NDArray[np.int64]) -> float:
    """Estimate how alike two segments of a block are: the correlation inside it, not below 0.

    The moment estimator of a beta-binomial over blocks of 10 neighbouring rows. It is taken over
    all candidates, so what predicted risk explains is counted as well: on the safe side.
    """
    rate = float(severe.mean())
    spread = rate * (1.0 - rate)
    blocks = rows // _BLOCK
    sizes = np.bincount(blocks)
    pairs = float((sizes * (sizes - 1)).sum())
    if spread == 0 or pairs == 0:
        return 0.0
    residuals = severe - rate
    products = float((np.bincount(blocks, residuals) ** 2).sum() - (residuals**2).sum())
    return min(max(products / (pairs * spread), 0.0), 1.0)


def _design_effect(rows: NDArray[np.int64], correlation: float) -> float:
    """How many correlated segments tell as much as one independent one, 1 or more."""
    sizes = np.bincount(rows // _BLOCK)
    average = float((sizes**2).sum()) / len(rows)
    return 1.0 + (average - 1.0) * correlation


def _beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if b <= 0 or x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    # The fraction converges fast only on this side of the mean.
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - front * _fraction(1.0 - x, b, a) / b
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate the continued fraction by Lentz's method, in its form of modified steps."""
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for term in (even, odd):
            d = 1.0 + term * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + term / c
            c = c if abs(c) > tiny else tiny
            change = c * d
            value *= change
        if abs(change - 1.0) < 1e-12:
            break
    return value
