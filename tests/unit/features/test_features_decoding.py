"""Log-probability features equal their definition on one draft at a time."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.features.decoding import NAMES, decoding_features


def longest_run(marks):
    best = run = 0
    for mark in marks:
        run = run + 1 if mark else 0
        best = max(best, run)
    return best


def expected(values, source_tokens):
    ordered = np.sort(values)
    quarter = (len(values) + 3) // 4
    return {
        "logprob_mean": values.mean(),
        "logprob_sum": values.sum(),
        "logprob_min": values.min(),
        "logprob_tenth": ordered[(len(values) - 1) // 10],
        "logprob_quarter": ordered[(len(values) - 1) // 4],
        "logprob_std": values.std(),
        "logprob_first": values[0],
        "logprob_last_quarter": values[-quarter:].mean(),
        "logprob_last": values[-1],
        "logprob_share_below_half": (values < np.log(0.5)).mean(),
        "logprob_share_below_tenth": (values < np.log(0.1)).mean(),
        "logprob_longest_low_run": longest_run(values < np.log(0.5)),
        "logprob_sum_per_source_token": values.sum() / source_tokens,
    }


def expected_of_all(logprobs, entropies, margins):
    return {
        "entropy_mean": entropies.mean(),
        "entropy_max": entropies.max(),
        "entropy_first": entropies[0],
        "entropy_last": entropies[-1],
        "entropy_high_share": (entropies > 2).mean(),
        "margin_mean": margins.mean(),
        "margin_min": margins.min(),
        "margin_low_share": (margins < 1).mean(),
        "surprisal_excess_mean": (-logprobs - entropies).mean(),
    }


def test_every_feature_equals_its_definition():
    random = np.random.default_rng(0)
    lengths = [0, 1, 2, 7, 40, 0, 3]
    drafts = [np.log(random.random(n)).astype(np.float32) for n in lengths]
    tokens = np.arange(1, len(drafts) + 1)
    entropies = [3 * random.random(n).astype(np.float32) for n in lengths]
    margins = [2 * random.random(n).astype(np.float32) for n in lengths]
    columns = decoding_features(drafts, tokens, entropies, margins)
    assert set(columns) == set(NAMES)
    for row, draft in enumerate(drafts):
        if not len(draft):
            assert all(np.isnan(columns[name][row]) for name in NAMES)
            continue
        values = [part[row].astype(np.float64) for part in (drafts, entropies, margins)]
        definitions = {**expected(values[0], tokens[row]), **expected_of_all(*values)}
        assert set(definitions) == set(NAMES)
        for name, value in definitions.items():
            assert columns[name][row] == pytest.approx(value), name


def test_a_low_run_never_reaches_into_the_next_draft():
    low = np.full(3, -5, dtype=np.float32)
    columns = decoding_features([low, low], np.ones(2, dtype=np.int64))
    assert columns["logprob_longest_low_run"].tolist() == [3, 3]


def test_nan_and_infinity_are_taken_for_the_lowest():
    broken = np.array([np.nan, -np.inf, 0.5], dtype=np.float32)
    columns = decoding_features([broken], np.ones(1, dtype=np.int64))
    assert columns["logprob_min"][0] == -100
    assert all(np.isfinite(columns[name][0]) for name in NAMES if name.startswith("logprob"))
    columns = decoding_features([broken], np.ones(1, dtype=np.int64), [broken], [broken * 1e30])
    assert all(np.isfinite(columns[name][0]) for name in NAMES)


def test_what_was_not_kept_is_unknown():
    values = [np.full(3, -1, dtype=np.float32), np.full(2, -1, dtype=np.float32)]
    tokens = np.ones(2, dtype=np.int64)
    columns = decoding_features(values, tokens)
    assert all(np.isnan(columns[name]).all() for name in NAMES if not name.startswith("logprob"))
    columns = decoding_features(None, tokens, [-one for one in values], None)
    known = {name for name in NAMES if not np.isnan(columns[name]).any()}
    assert known == {name for name in NAMES if name.startswith("entropy")}


def test_entropies_of_other_tokens_give_no_excess():
    values = [np.full(3, -1, dtype=np.float32), np.full(2, -1, dtype=np.float32)]
    columns = decoding_features(values, np.ones(2, dtype=np.int64), [-one[1:] for one in values])
    assert np.isnan(columns["surprisal_excess_mean"]).all()
    assert columns["entropy_mean"].tolist() == [1, 1]


def test_unknown_drafts_give_nan():
    tokens = np.ones(3, dtype=np.int64)
    for values in (None, [np.zeros(0, dtype=np.float32)] * 3):
        columns = decoding_features(values, tokens)
        assert all(np.isnan(columns[name]).all() for name in NAMES)
