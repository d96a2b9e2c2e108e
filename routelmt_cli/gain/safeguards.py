"""What a calibrated router carries beside its gain model: risk, limits, chooser, distribution.

Plain records go in and out of a bundle. What always holds: they are fitted on the calibration's
own segments, out of fold where a promise rests on them, so they say nothing of a language pair
that the router was merely adapted to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.gain.chooser import Chooser
from routelmt_cli.gain.conformal import GuardLimit
from routelmt_cli.gain.risk import RiskModel


@dataclass(frozen=True)
class Safeguards:
    """Risk and what it rests on.

    Parameters
    ----------
    risk
        Probability of a severe regression and low quantile of gain.
    severe
        Gain in points at or below which a regression is severe.
    limits
        Limits on predicted risk, one for each bound that ``--guard`` can promise.
    chooser
        Keeps drafts after retranslation; None where none was worth having.
    quantiles
        float32, shape (f, 10): the calibration's normalised features, to tell a corpus that
        differs from it (:mod:`routelmt_cli.gain.drift`).
    """

    risk: RiskModel
    severe: float
    limits: Sequence[GuardLimit]
    chooser: Chooser | None
    quantiles: NDArray[np.float32]
