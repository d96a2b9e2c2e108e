"""Routers that differ from a calibrated one in a single respect, without any training.

Each function takes a router and gives another; what they change is made up by hand, so a test can
say exactly what must follow from it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.chooser import Chooser, chooser_names
from routelmt_cli.gain.conformal import GuardLimit
from routelmt_cli.gain.parts import ProbePart
from routelmt_cli.gain.prior import as_prior
from routelmt_cli.gain.training import MixedPart
from routelmt_cli.gain.trees import GainBooster, Tree, render_booster

STATE_WIDTH = 6
"""Width of a stand-in's hidden states."""


def constant_booster(value, names):
    """Make a booster that says the same of every segment."""
    return GainBooster(render_booster([Tree((), (), (), (), (), (value,))], names), names)


def with_metadata(router, **changes):
    """Change what a router says about itself."""
    return replace(router, metadata=replace(router.metadata, **changes))


def with_figures(router, **changes):
    """Change some of the figures of a router's calibration."""
    return with_metadata(router, figures={**router.metadata.figures, **changes})


def prior_of(router, **figures):
    """Make a prior."""
    return as_prior(router, "made up", figures)


def of_another_pair(router, *others):
    """Make a router of other language pairs for the same models."""
    (profile,), (scale,) = router.profiles.values(), router.model.gain_scale.values()
    labels = ["-".join(pair) for pair in others]
    model = replace(router.model, gain_scale=dict.fromkeys(labels, scale))
    made = replace(router, model=model, profiles=dict.fromkeys(labels, profile))
    return with_metadata(made, pairs=tuple(others))


def with_limits(router, *limits):
    """Promise a bound on severe regressions for each (alpha, largest risk or None)."""
    made = [GuardLimit(risk, alpha, 0.9, 0.01, 0.02, 0.5, 0.5) for alpha, risk in limits]
    return replace(router, safeguards=replace(router.safeguards, limits=made))


def with_risk_of_long_segments(router):
    """Say that segments of more characters than the median become severely worse."""
    column = FEATURE_NAMES.index("source_characters")
    tree = Tree((column,), (0.0,), (2,), (-1,), (-2,), (-2.0, 2.0))
    booster = GainBooster(render_booster([tree], FEATURE_NAMES), FEATURE_NAMES)
    risk = replace(router.safeguards.risk, boosters=[booster])
    return replace(router, safeguards=replace(router.safeguards, risk=risk))


def with_chooser(router, *, keeps):
    """Add a chooser that keeps every draft or none."""
    booster = constant_booster(-5.0 if keeps else 5.0, chooser_names())
    chooser = Chooser([booster], 0.0, 1.0, 0.5, 0.1)
    return replace(router, safeguards=replace(router.safeguards, chooser=chooser))


def without_chooser(router):
    """Take the chooser away."""
    return replace(router, safeguards=replace(router.safeguards, chooser=None))


def without_probe(router):
    """Leave out the part that looks at hidden states, if there is one."""
    parts = [one for one in router.model.parts if one.name != "probe"]
    return replace(router, model=replace(router.model, parts=parts))


def with_probe(router, *, width=STATE_WIDTH, weight=3.0):
    """Add a part that looks at hidden states."""
    ones = np.ones(width, np.float32)
    probe = ProbePart(0 * ones, ones, weight * ones, 0.0)
    parts = [*router.model.parts, MixedPart("probe", 0.5, 0.5, probe)]
    return replace(router, model=replace(router.model, parts=parts))
