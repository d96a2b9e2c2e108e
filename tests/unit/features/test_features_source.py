"""Names and acronyms of a source, and where no name can show."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.features.compute import DraftTable, compute_features
from routelmt_cli.features.schema import FEATURE_NAMES


def features(*sources):
    count = len(sources)
    zeros = np.zeros(count, dtype=np.int64)
    table = DraftTable(list(sources), [""] * count, zeros, zeros, None, zeros.astype(bool))
    matrix = compute_features(table, None)
    return {name: matrix[:, position] for position, name in enumerate(FEATURE_NAMES)}


@pytest.mark.parametrize(
    ("source", "names", "words", "acronyms", "longest"),
    [
        ("The house is old", 0, 4, 0, 0),
        ("Then Ana Maria Lopez met Juan", 4, 6, 0, 3),
        ("It rained. The sun came. NATO said so", 1, 8, 1, 0),
        ("He saw NATO and the EU at CO2 time", 3, 9, 3, 1),
        ("Call a4b or b12 I said", 3, 6, 0, 1),
        ("Вчера Анна Павлова пела", 2, 4, 0, 2),
        ("用GPT4写", 1, 3, 1, 1),
        ("Ende.", 0, 1, 0, 0),
        ("a 4 2.5", 0, 4, 0, 0),
    ],
)
def test_names_are_seen_by_their_shape(source, names, words, acronyms, longest):
    # The row before ends without a full stop, and the row after begins with a name.
    found = features("no end", source, "Ana")
    assert found["source_name_share"][1] == pytest.approx(names / words)
    assert found["source_acronyms"][1] == acronyms
    assert found["source_longest_name_run"][1] == longest


@pytest.mark.parametrize(
    "source", ["北京在中国。", "東京タワー", "שלום עולם", "", "123 !", "\ud800"]
)
def test_a_source_without_case_shows_no_names(source):
    found = features(source)
    for name in ("source_name_share", "source_acronyms", "source_longest_name_run"):
        assert np.isnan(found[name][0])


def test_scripts_are_counted_by_their_letters():
    sources = ["abc 漢字 слово", "漢かカ", "123", "", "עולם (world)"]
    assert features(*sources)["source_scripts"].tolist() == [3, 2, 0, 0, 2]
