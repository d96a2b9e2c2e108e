"""The feature matrix: one row at a time, in order, NaN where nothing is known."""

from __future__ import annotations

import os

import numpy as np
import pytest

from routelmt_cli.features import background, compute, decoding, word_table
from routelmt_cli.features.background import fit_background
from routelmt_cli.features.compute import (
    DraftTable,
    compute_background_features,
    compute_features,
    crossfit_features,
)
from routelmt_cli.features.schema import FEATURE_NAMES

SOURCES = [
    "El señor López vive en Madrid desde 1998.",
    "¿Qué hora es?",
    "",
    "北京有2000万人。",
    "Pulse {boton} en https://example.org ahora",
    "שלום עולם",
    "x" * 5_000,
    "Слово о полку Игореве \ud800",
    "same text in both",
]
DRAFTS = [
    "Mr. López has lived in Madrid since 1998.",
    "Qué hora es?",
    "",
    "Beijing has 20 million people.",
    "Press {boton} at https://example.org now",
    "",
    "the the the the the the",
    "The Tale of Igor's Campaign",
    "same text in both",
]


def table(logprobs=True):
    count = len(SOURCES)
    values = [np.full(n, -0.5 * n, dtype=np.float32) for n in range(count)]
    return DraftTable(
        sources=SOURCES,
        drafts=DRAFTS,
        source_tokens=np.array([12, 5, 0, 9, 14, 6, 900, 8, 4]),
        draft_tokens=np.arange(count),
        token_logprobs=values if logprobs else None,
        truncated=np.arange(count) == 6,
        token_entropies=[-one for one in values] if logprobs else None,
        token_margins=[-2 * one for one in values] if logprobs else None,
        states=np.arange(2 * count, dtype=np.float32).reshape(count, 2),
    )


def column(matrix, name):
    return matrix[:, FEATURE_NAMES.index(name)]


def test_names_are_unique_and_shape_follows_them():
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    matrix = compute_features(table(), fit_background(SOURCES, DRAFTS))
    assert matrix.dtype == np.float32
    assert matrix.shape == (len(SOURCES), len(FEATURE_NAMES))
    assert not np.isinf(matrix).any()


def test_rows_take_every_column():
    rows = table().rows(2, 5)
    assert rows.sources == SOURCES[2:5]
    for column in (rows.token_logprobs, rows.token_entropies, rows.token_margins):
        assert [len(one) for one in column] == [2, 3, 4]
    assert rows.states.tolist() == [[4, 5], [6, 7], [8, 9]]


def test_a_row_depends_on_itself_and_the_background_alone(monkeypatch):
    pieces = fit_background(SOURCES, DRAFTS)
    assert None not in (pieces.source_pieces, pieces.words)
    whole = compute_features(table(), pieces)
    for row in range(len(SOURCES)):
        alone = compute_features(table().rows(row, row + 1), pieces)
        np.testing.assert_array_equal(alone[0], whole[row])
    monkeypatch.setattr(compute, "_CHUNK_ROWS", 2)
    np.testing.assert_array_equal(compute_features(table(), pieces), whole)
    monkeypatch.setattr(compute, "_CHUNK_CHARACTERS", 1)
    np.testing.assert_array_equal(compute_features(table(), pieces), whole)


def test_the_number_of_threads_changes_nothing(monkeypatch):
    models = fit_background(SOURCES, DRAFTS)
    monkeypatch.setattr(compute, "_CHUNK_ROWS", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    alone = compute_features(table(), models)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    np.testing.assert_array_equal(compute_features(table(), models), alone)


def test_what_goes_wrong_in_a_thread_is_raised(monkeypatch):
    monkeypatch.setattr(compute, "_CHUNK_ROWS", 1)
    broken = table().__dict__ | {"sources": [*SOURCES[:-1], b"bytes"]}
    with pytest.raises(TypeError):
        compute_features(DraftTable(**broken), None)


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
    assert column(matrix, "draft_blank").tolist() == [0, 0, 1, 0, 0, 1, 0, 0, 0]
    assert column(matrix, "draft_truncated").tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert column(matrix, "final_punctuation_agrees")[[0, 1, 3]].tolist() == [1, 1, 1]
    assert np.isnan(column(matrix, "length_ratio_characters")[5])
    assert column(matrix, "source_tokens_per_character")[1] == pytest.approx(5 / 13)
    assert column(matrix, "copied_word_share")[[7, 8]].tolist() == [0, 1]
    assert column(matrix, "source_run_shared_share")[8] == 1
    assert column(matrix, "script_overlap")[[7, 8]].tolist() == [0, 1]
    assert column(matrix, "source_scripts").tolist() == [1, 1, 0, 1, 1, 1, 1, 1, 1]
    assert column(matrix, "entropy_first")[3] == 1.5
    assert column(matrix, "margin_min")[3] == 3


def test_background_features_are_those_of_the_whole_matrix():
    models = fit_background(SOURCES, DRAFTS)
    whole = compute_features(table(), models)
    alone = compute_background_features(table(), models)
    for position, name in enumerate(background.NAMES):
        np.testing.assert_array_equal(alone[:, position], column(whole, name))


def test_hypotheses_made_elsewhere_have_no_decoding_features():
    matrix = compute_features(table(logprobs=False), None)
    unknown = {name for name in FEATURE_NAMES if np.isnan(column(matrix, name)).all()}
    assert unknown == {*decoding.NAMES, *background.NAMES}


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        DraftTable(["a"], [], np.zeros(1), np.zeros(1), None, np.zeros(1, dtype=bool))


@pytest.mark.parametrize("width", [(9,), (9, 0), (8, 2)])
def test_states_that_are_no_matrix_of_the_rows_are_refused(width):
    columns = table().__dict__ | {"states": np.zeros(width, dtype=np.float32)}
    with pytest.raises(ValueError, match="draft table"):
        DraftTable(**columns)


def parallel_table(drafts):
    count = len(drafts)
    nouns = ("haus", "baum", "hund", "berg", "see", "weg", "tor", "rad")
    sources = [f"{nouns[row % 8]} {nouns[row // 8 % 8]} {row}" for row in range(count)]
    zeros = np.zeros(count, dtype=np.int64)
    return DraftTable(sources, drafts, zeros, zeros, None, zeros.astype(bool))


ENGLISH = ("house", "tree", "dog", "mountain", "lake", "path", "gate", "wheel")
SOURCES_OF_ROWS = parallel_table([""] * 120).sources
TRANSLATED = [f"{ENGLISH[row % 8]} {ENGLISH[row // 8 % 8]} {row}" for row in range(120)]


def word_columns(matrix):
    return matrix[:, [FEATURE_NAMES.index(name) for name in word_table.NAMES]]


def test_crossfitting_leaves_the_words_of_the_own_block_out():
    matrix, _ = crossfit_features(parallel_table(TRANSLATED), folds=4)
    changed = list(TRANSLATED)
    # Another row of the same block teaches the table that 'haus' is 'banana', and row 0 must not
    # learn of it; rows of other blocks do.
    changed[8] = "banana banana banana"
    other, models = crossfit_features(parallel_table(changed), folds=4)
    own_block = [row for row in range(30) if row != 8]
    np.testing.assert_array_equal(word_columns(other)[own_block], word_columns(matrix)[own_block])
    assert not np.array_equal(word_columns(other)[30:], word_columns(matrix)[30:])
    assert models.words is not None
    # Numbers of other blocks are unknown words, but for a self-fitted table they are known.
    assert (column(matrix, "unknown_source_word_share") > 0).all()
    own = compute_features(parallel_table(changed), models)
    assert (column(own, "unknown_source_word_share") == 0).all()


def test_crossfitted_features_do_not_rest_on_the_own_pair():
    rows = parallel_table(TRANSLATED)
    matrix, _ = crossfit_features(rows, folds=4, targets=TRANSLATED)
    other_targets = list(TRANSLATED)
    other_targets[8] = "banana banana banana"
    other, models = crossfit_features(rows, folds=4, targets=other_targets)
    np.testing.assert_array_equal(other[8], matrix[8])
    fitted = compute_features(rows, fit_background(SOURCES_OF_ROWS, TRANSLATED))
    assert column(compute_features(rows, models), "alignment_logprob")[8] != pytest.approx(
        column(fitted, "alignment_logprob")[8]
    )


def test_crossfitting_changes_no_other_column():
    rows = parallel_table(TRANSLATED)
    matrix, models = crossfit_features(rows)
    plain = compute_features(rows, models)
    others = [name for name in FEATURE_NAMES if name not in word_table.NAMES]
    for name in others:
        np.testing.assert_array_equal(column(matrix, name), column(plain, name))


def test_only_the_word_table_is_learnt_from_retranslations():
    rows = parallel_table(["wrong words"] * len(TRANSLATED))
    matrix, models = crossfit_features(rows, targets=TRANSLATED)
    drafts_alone = fit_background(rows.sources, rows.drafts)
    assert models.target_pieces.content == drafts_alone.target_pieces.content
    assert (column(matrix, "coverage_source") == 0).all()
    good = compute_features(parallel_table(TRANSLATED), models)
    assert column(good, "coverage_source").min() > 0.3


@pytest.mark.parametrize("count", [0, 1, 3])
def test_crossfitting_few_rows(count):
    matrix, models = crossfit_features(table().rows(0, count))
    assert matrix.shape == (count, len(FEATURE_NAMES))
    assert (models.words is None) == (count == 0)
    if count == 1:
        assert np.isnan(word_columns(matrix)).all()


def test_a_single_fold_is_refused():
    with pytest.raises(ValueError, match="folds"):
        crossfit_features(table(), folds=1)


def test_an_empty_table():
    empty = table().rows(0, 0)
    assert compute_features(empty, None).shape == (0, len(FEATURE_NAMES))
