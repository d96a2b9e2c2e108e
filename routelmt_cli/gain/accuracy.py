"""How far the gain of a whole corpus may be from what a router predicts for it.

What a router's calibration measured goes in, the standard error of a predicted corpus gain comes
out. What always holds: it is said only of the language pair and models of the calibration; it is
for a corpus like the calibration's, and does not know how far a corpus is from it (see ``drift``).

A router's predictions are scaled so that gain is their line of regression with slope one, out of
fold. So this is the textbook error of a prediction from a regression on n segments: that of the
line itself, growing with the distance from its middle, and what single segments scatter about it,
which averages out over a corpus. Neighbours are alike, so n segments tell less than n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from routelmt_cli.gain.router import Router

LEVEL = 0.95
"""Of the intervals."""

DEVIATIONS = 1.96
"""Standard errors to either side at that level."""

_NEIGHBOURS = 2.0
"""Factor of the variance for neighbouring segments being alike: means of 16 to 100 neighbours of
NTREX scatter by 1.1 to 2 times what independent segments would."""


@dataclass(frozen=True)
class Accuracy:
    """What a calibration says of its router's predictions.

    Attributes
    ----------
    mean, spread
        Mean and standard deviation of gain, in points.
    correlation
        Of predicted and true gain out of fold, above 0 and below 1.
    segments
        Of the calibration.
    """

    mean: float
    spread: float
    correlation: float
    segments: int

    def standard_error(self, share: float, gain: float, squares: float) -> float:
        """Return the standard error of a corpus gain, in points.

        Parameters
        ----------
        share
            Share of the corpus's weight that is retranslated.
        gain
            Predicted gain of that share over the whole corpus, in points.
        squares
            Sum of squares of each retranslated segment's share of the weight.
        """
        if share <= 0:
            return 0.0
        residual = self.spread * math.sqrt(1 - self.correlation**2)
        distance = (gain / share - self.mean) / (self.correlation * self.spread)
        line = share**2 * (1 + distance**2) / self.segments
        return residual * math.sqrt(_NEIGHBOURS * (line + squares))


def accuracy_of(router: Router, pair: str) -> Accuracy | None:
    """Read a router's accuracy from its bundle; None where it says nothing of a language pair.

    Parameters
    ----------
    router
        A router that was calibrated for the models of the run.
    pair
        Such as ``de-en``.
    """
    if router.metadata.is_prior or pair not in router.model.gain_scale:
        return None
    mean, spread = router.model.gain_scale[pair]
    try:
        correlation = float(router.metadata.figures["systems"]["router"]["spearman"])
    except (KeyError, TypeError, ValueError):
        return None  # a bundle may be a stranger's
    if not 0 < correlation < 1 or not spread > 0:
        return None
    return Accuracy(mean, spread, correlation, router.metadata.segments)
