"""The feature matrix: one row at a time, in order, NaN where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.features import compute
from routelmt_cli.features.compute import DraftTable, compute_features
from routelmt_cli.features.pieces import train_pieces
from routelmt_cli.features.schema import FEATURE_NAMES

SOURCES = [
    "El señor López vive en Madrid desde 1998.",
    "¿Qué hora es?",
    "",
    "北京有2000万人。",
    "Pulse {boton} en https://example.org ahora",
    "שלום עולם",
    "x" * 5_000,
]
DRAFTS = [
    "Mr. López has lived in Madrid since 1998.",
    "Qué hora es?",
    "",
    "Beijing has 20 million people.",
    "Press {boton} at https://example.org now",
    "",
    "the the the the the the",
]


def table(logprobs=True):
    count = len(SOURCES)
    values = [np.full(n, -0.5 * n, dtype=np.float32) for n in range(count)]
    return DraftTable(
        sources=SOURCES,
        drafts=DRAFTS,
        source_tokens=np.array([12, 5, 0, 9, 14, 6, 900]),
        draft_tokens=np.arange(count),
        token_logprobs=values if logprobs else None,
        truncated=np.arange(count) == 6,
    )


def column(matrix, name):
    return matrix[:, FEATURE_NAMES.index(name)]


def test_names_are_unique_and_shape_follows_them():
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    matrix = compute_features(table(), train_pieces(SOURCES))
    assert matrix.dtype == np.float32
    assert matrix.shape == (len(SOURCES), len(FEATURE_NAMES))
    assert not np.isinf(matrix).any()


def test_a_row_depends_on_itself_alone(monkeypatch):
    pieces = train_pieces(SOURCES)
    whole = compute_features(table(), pieces)
    for row in range(len(SOURCES)):
        alone = compute_features(table().rows(row, row + 1), pieces)
        np.testing.assert_array_equal(alone[0], whole[row])
    monkeypatch.setattr(compute, "_CHUNK_ROWS", 2)
    np.testing.assert_array_equal(compute_features(table(), pieces), whole)
    monkeypatch.setattr(compute, "_CHUNK_CHARACTERS", 1)
    np.testing.assert_array_equal(compute_features(table(), pieces), whole)


def test_known_values():
    matrix = compute_features(table(), None)
    assert column(matrix, "source_words")[0] == 8
    assert column(matrix, "source_upper_share")[0] == pytest.approx(3 / 29)
    assert column(matrix, "source_placeholders")[4] == 1
    assert column(matrix, "source_urls")[4] == 1
    assert column(matrix, "numbers_kept_share")[[0, 3]].tolist() == [1, 0]
    assert column(matrix, "numbers_added_share")[3] == 1
    assert np.isnan(column(matrix, "numbers_kept_share")[1])
    assert column(matrix, "placeholders_kept_share")[4] == 1
    assert column(matrix, "names_copied_share")[0] == 1
    assert column(matrix, "copied_word_share")[1] == 1
    assert column(matrix, "draft_top_word_share")[6] == 1
    assert column(matrix, "script_overlap")[[0, 3]].tolist() == [1, 0]
    assert column(matrix, "draft_blank").tolist() == [0, 0, 1, 0, 0, 1, 0]
    assert column(matrix, "draft_truncated").tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert column(matrix, "final_punctuation_agrees")[[0, 1, 3]].tolist() == [1, 1, 1]
    assert np.isnan(column(matrix, "length_ratio_characters")[5])
    assert column(matrix, "source_tokens_per_character")[1] == pytest.approx(5 / 13)


def test_hypotheses_made_elsewhere_have_no_decoding_features():
    matrix = compute_features(table(logprobs=False), None)
    names = [name for name in FEATURE_NAMES if name.startswith("logprob") or "piece" in name]
    assert len(names) == 18
    assert all(np.isnan(column(matrix, name)).all() for name in names)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        DraftTable(["a"], [], np.zeros(1), np.zeros(1), None, np.zeros(1, dtype=bool))


def test_an_empty_table():
    empty = table().rows(0, 0)
    assert compute_features(empty, None).shape == (0, len(FEATURE_NAMES))
