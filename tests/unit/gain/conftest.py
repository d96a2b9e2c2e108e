"""Made-up calibrations whose gains can be learnt, trained once for all tests of this folder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routelmt_cli.features.compute import DraftTable
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain import search
from routelmt_cli.gain.boosting import fit_boosters
from routelmt_cli.gain.calibration import (
    CalibrationContext,
    CalibrationOptions,
    Retranslations,
    calibrate,
)
from routelmt_cli.gain.chooser import Chooser, chooser_names
from routelmt_cli.gain.families import Labelled, Settings, available_families, fit_family
from routelmt_cli.gain.labels import GainLabels, gain_labels
from routelmt_cli.gain.metadata import ModelIdentity
from routelmt_cli.gain.risk import RiskModel
from routelmt_cli.gain.training import MixedPart

SUBJECTS = ["house", "bridge", "river", "garden", "school", "window", "market", "forest"]
VERBS = ["stands near", "belongs to", "looks like", "was built for", "disappeared behind"]
STATE_WIDTH = 6

CONTEXT = CalibrationContext(
    small=ModelIdentity("Small Model", "small-fingerprint"),
    large=ModelIdentity("Large Model", "large-fingerprint"),
    provenance="made up in a test",
)


class MadeUp:
    """Segments whose drafts lose words at random, the more the less sure they are."""

    def __init__(self, count, seed=0, *, pair=("es", "en"), states=False):
        random = np.random.default_rng(seed)
        self.references, self.sources, drafts, logprobs = [], [], [], []
        damages = random.random(count)
        for damage in damages.tolist():
            words = []
            for _ in range(int(random.integers(1, 5))):
                one, other = random.choice(SUBJECTS, 2)
                words += f"the {one} {random.choice(VERBS)} the {other}".split()
            kept = [word for word in words if random.random() > damage * 0.7]
            self.references.append(" ".join(words))
            self.sources.append(" ".join(word[::-1] for word in words))
            drafts.append(" ".join(kept))
            noise = random.normal(-0.2 - 2 * damage, 0.2, len(kept) + 1)
            logprobs.append(np.minimum(noise, 0).astype(np.float32))
        lengths = np.array([len(source.split()) for source in self.sources], dtype=np.int64)
        hidden = random.normal(size=(count, STATE_WIDTH)).astype(np.float32)
        if count:
            hidden[:, 0] += 3 * damages
            hidden[count // 2] = np.nan  # a draft that failed
        self.pairs = [pair] * count
        self.table = DraftTable(
            sources=self.sources,
            drafts=drafts,
            source_tokens=lengths,
            draft_tokens=np.array([len(values) for values in logprobs], dtype=np.int64),
            token_logprobs=logprobs,
            truncated=np.zeros(count, dtype=bool),
            states=hidden if states else None,
        )
        self.retranslations = Retranslations(
            texts=[" ".join([*text.split()[:-1], "end"]) for text in self.references],
            tokens=lengths + 3,
            truncated=np.zeros(count, dtype=bool),
        )

    def labels(self):
        """Score both hypotheses."""
        return gain_labels(
            self.sources,
            self.table.drafts,
            self.retranslations.texts,
            self.references,
            self.retranslations.truncated,
        )

    def calibrate(self, *, labels=None, documents=None, prior=None, pairs=None, **options):
        """Calibrate as fast as it can be done; few trees are enough for made-up data."""
        options = CalibrationOptions(**{"seeds": 1, "folds": 3, "search_trials": 0, **options})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search, "_LEAST_ROUNDS", 60, raising=False)
            patch.setattr(search, "_MOST_ROUNDS", 80, raising=False)
            return calibrate(
                self.table,
                self.retranslations,
                labels or self.labels(),
                CONTEXT,
                pairs=pairs or self.pairs,
                documents=documents,
                prior=prior,
                options=options,
            )

    def retranslated_as_drafted(self):
        """Give the same segments with the drafts in the retranslations' place."""
        other = MadeUp(0)
        other.__dict__.update(self.__dict__)
        other.retranslations = replace(self.retranslations, texts=self.table.drafts)
        return other


@pytest.fixture(scope="session")
def made_up():
    return MadeUp


@pytest.fixture(scope="session")
def calibration():
    """A router of one language pair with every kind of part, hidden states included."""
    return MadeUp(200, states=True).calibrate()


@pytest.fixture(scope="session")
def every_kind(calibration):
    """The same router with a tiny part of every kind, so that its bundle holds everything."""
    data = MadeUp(200, states=True)
    router = calibration.router
    inputs = router.inputs(data.table, "es-en")
    labels = calibration.labels
    gain = (labels.gain - labels.gain.mean()) / labels.gain.std()
    rows = Labelled(inputs, gain, np.ones(200), labels.draft_scores, labels.retranslation_scores)
    names = available_families(rows)
    settings = Settings(rounds=3, seeds=(0,))
    parts = [MixedPart(name, 0.125, 0.1, fit_family(name, rows, settings)) for name in names]
    bad = (gain < -0.5).astype(np.float64)

    def boosters(features, target, columns, objective):
        return fit_boosters(features, target, None, columns, (0,), 3, objective=objective)

    triple = np.hstack([inputs.features] * 3)
    safeguards = replace(
        router.safeguards,
        risk=RiskModel(
            boosters=boosters(inputs.features, bad, FEATURE_NAMES, "binary"),
            constant=0.25,
            lower_boosters=boosters(inputs.features, gain, FEATURE_NAMES, "quantile"),
        ),
        chooser=Chooser(boosters(triple, gain, chooser_names(), "regression"), -0.1, 1.0, 0.5, 0.1),
    )
    return replace(router, model=replace(router.model, parts=parts), safeguards=safeguards)


@pytest.fixture(scope="session")
def pooled():
    """A calibration of two language pairs, whose rows alternate."""
    one, other = MadeUp(90, seed=11, pair=("es", "en")), MadeUp(90, seed=12, pair=("fi", "en"))
    # The other pair is written in another alphabet of another length, and gains half as much.
    other.table = replace(
        other.table, sources=[text.upper().replace(" ", "") for text in other.table.sources]
    )
    both = MadeUp(0)
    order = np.argsort(np.tile(np.arange(90), 2), kind="stable")
    tables = [one.table, other.table]

    def joined(name):
        columns = [getattr(table, name) for table in tables]
        if isinstance(columns[0], np.ndarray):
            return np.concatenate(columns)[order]
        return [[*columns[0], *columns[1]][row] for row in order.tolist()]

    both.pairs = [[*one.pairs, *other.pairs][row] for row in order.tolist()]
    names = ("sources", "drafts", "source_tokens", "draft_tokens", "token_logprobs", "truncated")
    both.table = DraftTable(**{name: joined(name) for name in names})
    tables = [one.retranslations, other.retranslations]
    both.retranslations = Retranslations(*map(joined, ("texts", "tokens", "truncated")))
    first, second = one.labels(), other.labels()
    tables = [first, replace(second, gain=second.gain / 2)]
    both.made = GainLabels(
        *map(joined, ("gain", "draft_scores", "retranslation_scores", "reasons")), "made up"
    )
    return both, both.calibrate(labels=both.made)
