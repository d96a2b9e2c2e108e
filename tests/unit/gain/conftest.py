"""A made-up calibration whose gains can be learnt, trained once for all tests of this folder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routelmt_cli.features.compute import DraftTable
from routelmt_cli.gain.calibration import CalibrationContext, Retranslations, calibrate
from routelmt_cli.gain.metadata import ModelIdentity

SUBJECTS = ["house", "bridge", "river", "garden", "school", "window", "market", "forest"]
VERBS = ["stands near", "belongs to", "looks like", "was built for", "disappeared behind"]

CONTEXT = CalibrationContext(
    source_language="es",
    target_language="en",
    small=ModelIdentity("Small Model", "small-fingerprint"),
    large=ModelIdentity("Large Model", "large-fingerprint"),
    decoding={"small prompt": "aa", "large prompt": "bb"},
    provenance="made up in a test",
)


class MadeUp:
    """Segments whose drafts lose words at random, the more the less sure they are."""

    def __init__(self, count: int, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.references, self.sources, drafts, logprobs = [], [], [], []
        for _ in range(count):
            words = []
            for _ in range(int(random.integers(1, 5))):
                one, other = random.choice(SUBJECTS, 2)
                words += f"the {one} {random.choice(VERBS)} the {other}".split()
            damage = random.random()
            kept = [word for word in words if random.random() > damage * 0.7]
            self.references.append(" ".join(words))
            self.sources.append(" ".join(word[::-1] for word in words))
            drafts.append(" ".join(kept))
            noise = random.normal(-0.2 - 2 * damage, 0.2, len(kept) + 1)
            logprobs.append(np.minimum(noise, 0).astype(np.float32))
        lengths = np.array([len(source.split()) for source in self.sources])
        self.table = DraftTable(
            sources=self.sources,
            drafts=drafts,
            source_tokens=lengths,
            draft_tokens=np.array([len(values) for values in logprobs]),
            token_logprobs=logprobs,
            truncated=np.zeros(count, dtype=bool),
        )
        self.retranslations = Retranslations(
            texts=[" ".join([*text.split()[:-1], "end"]) for text in self.references],
            tokens=lengths + 3,
            truncated=np.zeros(count, dtype=bool),
        )

    def calibrate(self, **options):
        options = {"seeds": 2, "folds": 3, **options}
        return calibrate(self.table, self.retranslations, self.references, CONTEXT, **options)

    def retranslated_as_drafted(self):
        other = MadeUp(0)
        other.__dict__.update(self.__dict__)
        other.retranslations = replace(self.retranslations, texts=self.table.drafts)
        return other


@pytest.fixture(scope="session")
def made_up():
    return MadeUp


@pytest.fixture(scope="session")
def calibration():
    return MadeUp(160).calibrate()
