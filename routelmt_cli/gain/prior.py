"""Priors: routers of many systems, of which only what can be asked about others is kept.

A calibrated router goes in and a prior comes out; a prior and normalised features go in and its
opinion comes out, in units of gain. What always holds: a prior has portable parts only, knows no
language pair and promises nothing about risk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.metadata import ModelIdentity
from routelmt_cli.gain.parts import Inputs
from routelmt_cli.gain.router import Router, portable_parts, raised_portable_parts


def as_prior(router: Router, provenance: str, figures: Mapping[str, Any]) -> Router:
    """Make a prior of a router: portable parts only, and no language pair of its own.

    Parameters
    ----------
    router
        Calibrated on segments of many language pairs and systems.
    provenance
        Where they come from, in words, with licence.
    figures
        What it reached on systems and years that were left out.

    Raises
    ------
    UsageError
        No part of the router is portable.
    """
    parts = raised_portable_parts(router)
    if not parts:
        raise UsageError(
            "no part of this router can be asked about another language pair",
            hint="calibrate on more segments",
        )
    scales = np.array(list(router.model.gain_scale.values()))
    typical = (round(float(scales[:, 0].mean()), 4), round(float(scales[:, 1].mean()), 4))
    nobody = ModelIdentity("many systems", "")
    return replace(
        router,
        metadata=replace(
            router.metadata,
            pairs=(),
            small=nobody,
            large=nobody,
            provenance=provenance,
            figures=figures,
        ),
        model=replace(router.model, parts=parts, offset=0.0, gain_scale={"any": typical}),
        profiles={},
        safeguards=None,
    )


def prior_gain(prior: Router, inputs: Inputs) -> NDArray[np.float64]:
    """Ask a prior about normalised features.

    Parameters
    ----------
    prior
        Any router; its portable parts are asked.
    inputs
        Of n segments.

    Returns
    -------
    numpy.ndarray
        float64, shape (n,), in units of gain.
    """
    gain = np.zeros(len(inputs))
    for one in portable_parts(prior):
        gain += one.scale * one.part.predict(inputs)
    return gain
