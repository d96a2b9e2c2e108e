"""Metrics are sacrebleu's, segment by segment, with a signature; a spec names each."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF, TER

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation import metric_comet
from routelmt_cli.evaluation.metrics import (
    SPECS,
    chrf_scores,
    chrf_signature,
    corpus_chrf,
    open_metric,
)

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


def test_every_surface_metric_is_sacrebleus():
    pairs = list(zip(HYPOTHESES, REFERENCES, strict=True))
    bleu, ter = BLEU(effective_order=True), TER()
    expected = {
        "chrf": chrf_scores(HYPOTHESES, REFERENCES).tolist(),
        "bleu": [bleu.sentence_score(one, [other]).score for one, other in pairs],
        "ter": [100 - ter.sentence_score(one, [other]).score for one, other in pairs],
    }
    for spec, scores in expected.items():
        metric = open_metric(spec)
        assert metric.needs_references
        assert metric.score(["s"] * 4, HYPOTHESES, REFERENCES).tolist() == scores
    # All in one direction: the perfect hypothesis is the best of each.
    assert all(max(scores) == scores[3] == pytest.approx(100) for scores in expected.values())


@pytest.mark.parametrize(
    ("spec", "pattern"),
    [
        ("chrf", r"chrF2\+\+\|nrefs:1\|.*nw:2.*"),
        ("bleu", r"BLEU\|nrefs:1\|.*eff:yes\|tok:13a\|.*"),
        ("ter", r"100-TER\|nrefs:1\|.*"),
    ],
)
def test_signatures_name_options_and_version(spec, pattern):
    signature = open_metric(spec).signature()
    assert re.fullmatch(pattern, signature)
    assert "|version:" in signature


def test_references_are_needed():
    with pytest.raises(ValueError, match="bleu needs references"):
        open_metric("bleu").score(["a"], ["a"], None)
    assert open_metric("ter").score([], [], []).shape == (0,)


def test_unknown_metrics_are_refused_with_a_list():
    for spec in ("meteor", "", "chrf:2", "comet2:x"):
        with pytest.raises(UsageError, match="unknown metric") as caught:
            open_metric(spec)
        assert all(known in caught.value.hint for known in SPECS)


def test_comet_without_its_extra(monkeypatch):
    monkeypatch.setattr(metric_comet.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs unbabel-comet, which is not installed") as caught:
        open_metric("comet:Unbabel/wmt22-comet-da")
    assert "pip install 'routelmt[comet]'" in caught.value.hint
    with pytest.raises(UsageError, match="'cometkiwi' needs a checkpoint"):
        open_metric("cometkiwi:")
