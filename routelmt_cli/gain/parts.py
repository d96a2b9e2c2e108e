"""Parts of a router: each predicts gain on its own from what it looks at; a router mixes them.

:class:`Inputs` go in, one number a segment comes out, in units of the language pair's gain
(0 its mean, 1 its standard deviation). What always holds: a part is plain numbers and checked
trees, and a segment's prediction depends on that segment alone. *Portable* parts look only at
normalised features, so they can be asked about a language pair that they never saw; the others
know the words or the states of their own corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.errors import UsageError
from routelmt_cli.features.ngrams import COLUMNS, ngram_matrix
from routelmt_cli.gain.trees import GainBooster

FloatArray = NDArray[np.float64]

_TIE_BREAK = 1e-3
_FARTHEST = 1e6


@dataclass(frozen=True)
class Inputs:
    """What parts look at, for n segments.

    Parameters
    ----------
    features
        float32, shape (n, f), normalised by a :class:`~routelmt_cli.gain.profile.PairProfile`.
    sources, drafts
        Texts, one a segment.
    states
        float32, shape (n, width): hidden states of the small model, NaN in the rows of failed
        drafts; None where not kept.
    """

    features: NDArray[np.float32]
    sources: Sequence[str]
    drafts: Sequence[str]
    states: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def ngrams(self) -> Any:
        """Hashed character n-grams, a CSR matrix of shape (n, COLUMNS)."""
        return ngram_matrix(self.sources, self.drafts)

    def take(self, rows: NDArray[np.int64]) -> Inputs:
        """Take some rows.

        Parameters
        ----------
        rows
            Row numbers.
        """
        taken = Inputs(
            self.features[rows],
            [self.sources[row] for row in rows.tolist()],
            [self.drafts[row] for row in rows.tolist()],
            None if self.states is None else self.states[rows],
        )
        if "ngrams" in self.__dict__:
            # Hashed once for all folds.
            taken.__dict__["ngrams"] = self.ngrams[rows]
        return taken


class Part(Protocol):
    """One way to predict gain."""

    @property
    def portable(self) -> bool:
        """Whether a language pair that it never saw may be asked about."""

    def predict(self, inputs: Inputs) -> FloatArray:
        """Predict gain in units of the pair's, float64 of shape (n,)."""


@dataclass(frozen=True)
class Curve:
    """A piecewise linear map, constant beyond its ends.

    Parameters
    ----------
    x, y
        Knots, ascending in x, at least one.
    """

    x: Sequence[float]
    y: Sequence[float]

    def __post_init__(self) -> None:
        if not 0 < len(self.x) == len(self.y):
            raise ValueError("a curve needs as many x as y")
        if any(after <= before for before, after in zip(self.x, self.x[1:], strict=False)):
            raise ValueError("the knots of a curve do not ascend")

    def __call__(self, values: FloatArray) -> FloatArray:
        """Map values, float64 of shape (n,)."""
        return np.interp(values, self.x, self.y)


@dataclass(frozen=True)
class TreePart:
    """A sum of boosted trees, and a map of that score to gain.

    Parameters
    ----------
    boosters, scales
        At least one booster; the score is ``intercept + sum(scale * booster)``.
    intercept
        Of the score.
    curve
        Rising map of a ranking score to gain; None where the score is the gain.
    """

    boosters: Sequence[GainBooster]
    scales: Sequence[float]
    intercept: float = 0.0
    curve: Curve | None = None

    portable = True

    def predict(self, inputs: Inputs) -> FloatArray:
        """Predict gain in units of the pair's, float64 of shape (n,)."""
        score = np.full(len(inputs), self.intercept)
        for booster, scale in zip(self.boosters, self.scales, strict=True):
            score += scale * booster.predict(inputs.features)
        return self.mapped(score)

    def mapped(self, score: FloatArray) -> FloatArray:
        """Map scores to gain, float64 of shape (n,)."""
        if self.curve is None:
            return score
        # A level stretch of the curve would tie segments that the score tells apart.
        return self.curve(score) + _TIE_BREAK * score


@dataclass(frozen=True)
class TextPart:
    """A linear model on hashed character n-grams of source and draft.

    Parameters
    ----------
    weights
        float32, shape (COLUMNS,).
    intercept
        Of the linear model.
    """

    weights: NDArray[np.float32]
    intercept: float

    portable = False

    def __post_init__(self) -> None:
        if self.weights.shape != (COLUMNS,) or not np.isfinite(self.weights).all():
            raise ValueError(f"the text model needs {COLUMNS} finite weights")

    def predict(self, inputs: Inputs) -> FloatArray:
        """Predict gain in units of the pair's, float64 of shape (n,)."""
        return np.asarray(inputs.ngrams @ self.weights.astype(np.float64)) + self.intercept


@dataclass(frozen=True)
class ProbePart:
    """A linear model on the small model's hidden states.

    Parameters
    ----------
    centre, scale, weights
        float32, shape (width,): a state is centred and scaled, then weighted.
    intercept
        Of the linear model; the prediction where there is no state.
    """

    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    intercept: float

    portable = False

    def __post_init__(self) -> None:
        shapes = {self.centre.shape, self.scale.shape, self.weights.shape}
        if len(shapes) != 1 or self.weights.ndim != 1 or not self.weights.size:
            raise ValueError("centre, scale and weights of a probe differ in shape")
        columns = (self.centre, self.scale, self.weights)
        if not all(np.isfinite(column).all() for column in columns) or self.scale.min() <= 0:
            raise ValueError("a probe's numbers must be finite and its scale above zero")

    def predict(self, inputs: Inputs) -> FloatArray:
        """Predict gain in units of the pair's, float64 of shape (n,)."""
        if inputs.states is None:
            return np.full(len(inputs), self.intercept)
        if inputs.states.shape[1] != self.weights.size:
            raise UsageError(
                f"the hidden states are {inputs.states.shape[1]} numbers wide, but the router was "
                f"calibrated on {self.weights.size}",
                hint="draft with the small model that it was calibrated for",
            )
        states = ((inputs.states - self.centre) / self.scale).astype(np.float64)
        # A draft that failed has no state: it gets the mean one. The bound keeps sums finite.
        np.clip(np.nan_to_num(states), -_FARTHEST, _FARTHEST, out=states)
        return states @ self.weights.astype(np.float64) + self.intercept
