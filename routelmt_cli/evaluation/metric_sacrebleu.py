"""Metrics on the surface of texts, by sacrebleu: chrF++, sentence BLEU and TER.

Hypotheses and references go in, float64 scores come out, exactly sacrebleu's own but for TER,
which counts errors: it is turned into 100 - TER, so that higher is better, and can be below 0.
BLEU of a single segment uses the effective order, as sacrebleu advises, and its default tokenizer,
which does not cut Chinese or Japanese into words: chrF++ is the better choice there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SURFACE_METRICS = ("chrf", "bleu", "ter")
"""Their names on the command line; ``chrf`` is chrF++, with word pairs."""


@dataclass(frozen=True)
class SurfaceMetric:
    """A metric of sacrebleu's.

    Parameters
    ----------
    name
        One of ``SURFACE_METRICS``.
    """

    name: str

    @property
    def needs_references(self) -> bool:
        """Whether references are needed: always."""
        return True

    def score(
        self,
        sources: Sequence[str],
        hypotheses: Sequence[str],
        references: Sequence[str] | None,
    ) -> npt.NDArray[np.float64]:
        """Score each segment; see ``Metric.score``. Sources are not looked at."""
        if references is None:
            raise ValueError(f"{self.name} needs references")
        check_lengths(hypotheses, references)
        engine = make_engine(self.name)
        scores = np.fromiter(
            (
                engine.sentence_score(hypothesis, [reference]).score
                for hypothesis, reference in zip(hypotheses, references, strict=True)
            ),
            dtype=np.float64,
            count=len(hypotheses),
        )
        return 100.0 - scores if self.name == "ter" else scores

    def signature(self) -> str:
        """Name the metric with sacrebleu's version and options; ``100-TER`` for turned TER."""
        engine = make_engine(self.name)
        # sacrebleu knows the number of references only once it has scored something.
        name = engine.corpus_score(["a"], [["a"]]).name
        turned = "100-" if self.name == "ter" else ""
        return f"{turned}{name}|{engine.get_signature().format()}"


def check_lengths(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """Check that every hypothesis has one reference.

    Raises
    ------
    ValueError
        The two differ in length.
    """
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses but {len(references)} references")


def make_engine(name: str) -> Any:
    """Make sacrebleu's metric in the one configuration that all scores use."""
    from sacrebleu.metrics import BLEU, CHRF, TER

    if name == "chrf":
        return CHRF(word_order=2)
    return BLEU(effective_order=True) if name == "bleu" else TER()
