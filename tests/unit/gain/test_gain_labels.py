"""Labels are the metric's difference after the second guard, whatever the metric."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.evaluation.metrics import chrf_scores, chrf_signature
from routelmt_cli.gain.labels import gain_labels, joined_labels, labels_from_scores

SOURCES = ["a house", "a mouse", "a bird"]
DRAFTS = ["ein Haus", "eine Maus", "ein Vogel"]
RETRANSLATIONS = ["ein kleines Haus", "", "ein bunter Vogel"]
REFERENCES = ["das kleine Haus", "die Maus", "der bunte Vogel"]
WHOLE = np.zeros(3, np.bool_)


class LengthMetric:
    """A made-up quality estimation: points for characters."""

    needs_references = False

    def score(self, sources, hypotheses, references):
        assert references is None
        assert len(sources) == len(hypotheses)
        return np.array([float(len(text)) for text in hypotheses])

    def signature(self):
        return "length|version:1"


def test_chrf_by_default():
    labels = gain_labels(SOURCES, DRAFTS, RETRANSLATIONS, REFERENCES, WHOLE)
    before, after = (chrf_scores(texts, REFERENCES) for texts in (DRAFTS, RETRANSLATIONS))
    np.testing.assert_array_equal(labels.draft_scores, before)
    np.testing.assert_array_equal(labels.retranslation_scores, after)
    np.testing.assert_array_equal(labels.gain, [after[0] - before[0], 0, after[2] - before[2]])
    assert labels.metric_signature == chrf_signature()
    assert labels.kept_counts() == {"empty": 1}


def test_a_metric_without_references():
    labels = gain_labels(
        SOURCES, DRAFTS, RETRANSLATIONS, None, np.array([True, False, False]), metric=LengthMetric()
    )
    assert labels.gain.tolist() == [0, 0, 7]
    assert labels.reasons == ["truncated", "empty", ""]
    assert labels.metric_signature == "length|version:1"


def test_scores_that_are_there_already():
    draft_scores, retranslation_scores = np.array([1.0, 2, 3]), np.array([4.0, 9, 2.5])
    labels = labels_from_scores(
        SOURCES,
        DRAFTS,
        RETRANSLATIONS,
        WHOLE,
        draft_scores,
        retranslation_scores,
        metric_signature="mine",
    )
    assert labels.gain.tolist() == [3, 0, -0.5]
    assert labels.retranslation_scores.tolist() == [4, 9, 2.5]


def test_groups_come_back_in_the_order_of_their_rows():
    def part(rows):
        texts = ([column[row] for row in rows] for column in (SOURCES, DRAFTS, RETRANSLATIONS))
        return gain_labels(*texts, None, WHOLE[rows], metric=LengthMetric())

    whole = part([0, 1, 2])
    groups = [np.array([2, 0]), np.array([1])]
    joined = joined_labels([(rows, part(rows.tolist())) for rows in groups], 3)
    for name in ("gain", "draft_scores", "retranslation_scores"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    assert joined.reasons == whole.reasons
    assert joined.metric_signature == whole.metric_signature


def test_a_metric_that_needs_references_says_so():
    with pytest.raises(ValueError, match="chrf needs references"):
        gain_labels(SOURCES, DRAFTS, RETRANSLATIONS, None, WHOLE)
