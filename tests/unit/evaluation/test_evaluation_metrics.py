"""chrF++ is sacrebleu's, segment by segment, with a signature."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sacrebleu.metrics import CHRF

from routelmt_cli.evaluation.metrics import chrf_scores, chrf_signature, corpus_chrf

HYPOTHESES = ["The cat sat on the mat.", "", "Ein ganz anderer Satz", "שלום עולם"]
REFERENCES = ["The cat is on the mat.", "A house", "A different sentence", "שלום עולם"]


def test_scores_are_those_of_sacrebleu():
    metric = CHRF(word_order=2)
    expected = [
        metric.sentence_score(hypothesis, [reference]).score
        for hypothesis, reference in zip(HYPOTHESES, REFERENCES, strict=True)
    ]
    scores = chrf_scores(HYPOTHESES, REFERENCES)
    assert scores.dtype == np.float64
    assert scores.tolist() == expected
    assert scores[1] == 0.0
    assert scores[3] == 100.0
    assert corpus_chrf(HYPOTHESES, REFERENCES) == (
        metric.corpus_score(HYPOTHESES, [REFERENCES]).score
    )


def test_words_count_and_not_only_characters():
    scores = chrf_scores(["The cat sat on the mat."], ["The cat is on the mat."])
    plain = CHRF().sentence_score("The cat sat on the mat.", ["The cat is on the mat."]).score
    assert scores[0] != plain


def test_the_signature_names_the_metric():
    signature = chrf_signature()
    pattern = r"chrF2\+\+\|nrefs:1\|case:mixed\|eff:yes\|nc:6\|nw:2\|space:no\|version:\S+"
    assert re.fullmatch(pattern, signature)


def test_nothing_and_unequal_lengths():
    assert chrf_scores([], []).shape == (0,)
    with pytest.raises(ValueError, match="no segments"):
        corpus_chrf([], [])
    with pytest.raises(ValueError, match="1 hypotheses but 2 references"):
        chrf_scores(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="1 hypotheses but 2 references"):
        corpus_chrf(["a"], ["a", "b"])
