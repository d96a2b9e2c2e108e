"""The router: from drafted segments to predicted gain, risk and output length.

A :class:`~routelmt_cli.features.compute.DraftTable` goes in, arrays come out. What always holds: a
segment's prediction depends on that segment and the language pair's profile alone, so neither on
batch nor order, and is finite. A router decides nothing: the knapsack does.

A router knows one or more language pairs; a *prior* knows none. For a pair that it does not know,
:meth:`Router.adapted` fits a profile on the corpus at hand, without labels, and only its portable
parts are asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.errors import UsageError
from routelmt_cli.features.compute import DraftTable
from routelmt_cli.gain.length_model import LengthModel
from routelmt_cli.gain.metadata import RouterMetadata
from routelmt_cli.gain.parts import Inputs
from routelmt_cli.gain.profile import PairProfile, fit_profile
from routelmt_cli.gain.safeguards import Safeguards
from routelmt_cli.gain.training import GainModel, MixedPart

FloatArray = NDArray[np.float64]

_ROWS_AT_ONCE = 65_536
_QUALITY_FAMILIES = ("draft quality", "prior: draft quality")


@dataclass(frozen=True)
class GainPrediction:
    """Predictions for n segments.

    Parameters
    ----------
    gain
        float64, shape (n,), in points of the router's metric.
    retranslation_tokens
        float64, shape (n,), output tokens of the large model, at least 1.
    regression_risk
        float64, shape (n,): probability of a severe regression; None where the router has no
        risk model, as a prior.
    probe_gain
        float64, shape (n,): what the probe alone predicts; None where there is none.
    draft_quality
        float64, shape (n,): the draft's predicted quality, higher is better, in no unit; None
        where the mix has no such part.
    """

    gain: FloatArray
    retranslation_tokens: FloatArray
    regression_risk: FloatArray | None = None
    probe_gain: FloatArray | None = None
    draft_quality: FloatArray | None = None


@dataclass(frozen=True)
class Router:
    """A calibrated gain model with everything that its predictions need.

    Parameters
    ----------
    metadata
        What it was calibrated for and on.
    model
        The mix of parts.
    profiles
        The language pairs that it knows, by name such as ``de-en``.
    length_model
        Output tokens of the large model.
    safeguards
        Risk, limits, chooser and the calibration's feature distribution; None for a prior.
    """

    metadata: RouterMetadata
    model: GainModel
    profiles: Mapping[str, PairProfile]
    length_model: LengthModel
    safeguards: Safeguards | None = None

    @property
    def needs_states(self) -> bool:
        """Whether a part looks at the small model's hidden states."""
        return any(one.name == "probe" for one in self.model.parts)

    def knows(self, pair: str) -> bool:
        """Say whether the router has a profile of a language pair.

        Parameters
        ----------
        pair
            Such as ``de-en``.
        """
        return pair in self.profiles

    def adapted(self, pair: str, table: DraftTable) -> Router:
        """Give a router that knows a language pair which this one never saw.

        Parameters
        ----------
        pair
            Such as ``fr-en``.
        table
            Drafted segments of the corpus at hand, to learn what is usual there; evenly spaced
            ones of a large corpus.

        Returns
        -------
        Router
            With portable parts only, in the mean unit of gain of the pairs that are known. Its
            safeguards are left out: they promise something for the pairs of the calibration.

        Raises
        ------
        UsageError
            No part of the mix is portable.
        """
        raised = raised_portable_parts(self)
        if not raised:
            known = ", ".join(self.profiles)
            raise UsageError(
                f"this router knows only {known} and cannot be asked about {pair}",
                hint="calibrate a router for this language pair",
            )
        scales = list(self.model.gain_scale.values())
        mean, spread = (float(np.mean([one[place] for one in scales])) for place in (0, 1))
        profile, _ = fit_profile(table)
        return replace(
            self,
            model=GainModel(raised, self.model.offset, {pair: (mean, spread)}),
            profiles={pair: profile},
            safeguards=None,
        )

    def predict(self, table: DraftTable, pair: str | None = None) -> GainPrediction:
        """Predict gain and output length.

        Parameters
        ----------
        table
            Drafted segments of one language pair, n rows. Output length needs token counts above
            zero.
        pair
            Their language pair; None where the router knows one only.

        Raises
        ------
        UsageError
            The router does not know the pair, or knows several and none was named.
        """
        pair = self._pair(pair)
        starts = range(0, len(table), _ROWS_AT_ONCE)
        blocks = [
            self.predict_gain(self.inputs(table.rows(start, start + _ROWS_AT_ONCE), pair), pair)
            for start in starts
        ]
        columns = {
            name: _joined([block[name] for block in blocks])
            for name in ("gain", "regression_risk", "probe_gain", "draft_quality")
        }
        gain = columns.pop("gain")
        tokens = self.length_model.predict(table.source_tokens, table.draft_tokens)
        return GainPrediction(np.zeros(0) if gain is None else gain, tokens, **columns)

    def inputs(self, table: DraftTable, pair: str) -> Inputs:
        """Compute what the parts look at.

        Parameters
        ----------
        table
            Drafted segments.
        pair
            A pair that the router knows.
        """
        features = self.profiles[pair].features(table)
        return Inputs(features, table.sources, table.drafts, table.states)

    def predict_gain(self, inputs: Inputs, pair: str) -> dict[str, FloatArray | None]:
        """Predict from inputs; the columns of a :class:`GainPrediction` but for the tokens.

        Parameters
        ----------
        inputs
            Made with this router's profile of the pair.
        pair
            A pair that the router knows.
        """
        mean, spread = self.model.gain_scale[pair]
        own = [one.part.predict(inputs) for one in self.model.parts]
        unit = np.full(len(inputs), self.model.offset)
        for one, values in zip(self.model.parts, own, strict=True):
            unit += one.scale * values
        by_name = {one.name: values for one, values in zip(self.model.parts, own, strict=True)}
        worse = [by_name[name] for name in _QUALITY_FAMILIES if name in by_name]
        guard = self.safeguards
        return {
            "gain": mean + spread * unit,
            "regression_risk": None if guard is None else guard.risk.risk(inputs.features),
            "probe_gain": by_name.get("probe"),
            "draft_quality": -worse[0] if worse else None,
        }

    def _pair(self, pair: str | None) -> str:
        if pair is None:
            if len(self.profiles) != 1:
                raise UsageError(
                    "the router knows several language pairs or none",
                    hint="name the pair with --from and --to",
                )
            return next(iter(self.profiles))
        if pair not in self.profiles:
            raise UsageError(
                f"the router does not know the language pair {pair}",
                hint=f"it knows {', '.join(self.profiles) or 'none'}",
            )
        return pair

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the bundle's content, in hexadecimal."""
        # bundle imports this module for its type; the description lists every file's hash.
        from routelmt_cli.gain.bundle import DESCRIPTION, bundle_files

        return hashlib.sha256(bundle_files(self)[DESCRIPTION]).hexdigest()


def portable_parts(router: Router) -> list[MixedPart]:
    """Give the parts of a prior that can be mixed into another router.

    Parameters
    ----------
    router
        The prior.
    """
    return [one for one in router.model.parts if one.part.portable]


def raised_portable_parts(router: Router) -> list[MixedPart]:
    """Give the portable parts with shares that sum to 1, as if the others had never been.

    Parameters
    ----------
    router
        Any; the list is empty where no portable part has a share.
    """
    parts = portable_parts(router)
    total = sum(one.share for one in parts)
    if total <= 0:
        return []
    return [replace(one, share=one.share / total, scale=one.scale / total) for one in parts]


def _joined(blocks: Sequence[FloatArray | None]) -> FloatArray | None:
    present = [block for block in blocks if block is not None]
    return np.concatenate(present) if present else None
