"""Features of the draft against its source.

Columns of sources and drafts go in, one float64 array a feature comes out, NaN where a feature
has no meaning (an empty draft has no length ratio; a source without numbers none to keep). What
always holds: a row's features depend on that row only, and no language code is needed; what is
usual for a language pair is for the gain model to learn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features import patterns
from routelmt_cli.features.characters import (
    DIGIT,
    LETTER,
    PUNCTUATION,
    QUOTE,
    SCRIPTS,
    SPACE,
    TRIGGER,
    UPPER,
    Texts,
    share,
)
from routelmt_cli.features.words import Runs, Words, found_in

NAMES: tuple[str, ...] = (
    "draft_characters",
    "draft_word_length",
    "draft_distinct_word_share",
    "draft_top_word_share",
    "draft_top_pair_share",
    "draft_top_triple_share",
    "draft_distinct_run_share",
    "draft_punctuation_share",
    "draft_upper_share",
    "draft_tokens_per_character",
    "draft_truncated",
    "draft_blank",
    "length_ratio_characters",
    "length_ratio_words",
    "length_ratio_tokens",
    "numbers_kept_share",
    "numbers_added_share",
    "placeholders_kept_share",
    "names_copied_share",
    "copied_word_share",
    "copied_plain_word_share",
    "source_run_shared_share",
    "draft_run_shared_share",
    "final_punctuation_agrees",
    "quote_difference",
    "punctuation_difference",
    "sentence_difference",
    "digit_difference",
    "draft_non_latin_share",
    "script_overlap",
)

# Signs that end a segment, by what they mean, so that '。' agrees with '.'.
_FINAL_CLASSES = {
    character: number
    for number, characters in enumerate(
        (".。｡．।۔", "?？؟", "!！", "…", ":：", ",，、;；؛", ")]）】"), 1
    )
    for character in characters
} | dict.fromkeys("\"“”„«»「」『』'’", 8)


def draft_features(
    sources: Texts,
    drafts: Texts,
    source_words: Words,
    draft_words: Words,
    source_tokens: NDArray[np.int64],
    draft_tokens: NDArray[np.int64],
    truncated: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    """Compute the features of drafts and of drafts against their sources.

    Parameters
    ----------
    sources, drafts, source_words, draft_words
        Both columns, n rows each.
    source_tokens, draft_tokens
        int64, shape (n,), the small model's tokens; 0 or less where unknown.
    truncated
        bool, shape (n,), whether decoding ended at the cap.

    Returns
    -------
    dict
        One float64 array of shape (n,) for each of ``NAMES``.
    """
    tokens = np.where(draft_tokens > 0, draft_tokens, 0).astype(np.float64)
    result = {
        **_draft_alone(drafts, draft_words, tokens, truncated),
        **_lengths(sources, drafts, source_words, draft_words, source_tokens, tokens),
        **_kept_items(sources, drafts),
        **_copies(source_words, draft_words),
        **_runs(sources, drafts),
        **_punctuation(sources, drafts),
        **_scripts(sources, drafts),
    }
    return {name: result[name] for name in NAMES}


def _draft_alone(
    drafts: Texts,
    words: Words,
    tokens: NDArray[np.float64],
    truncated: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    characters = drafts.characters
    visible = characters - drafts.count_any(SPACE)
    letters = drafts.count_any(LETTER)
    count = words.per_segment()
    return {
        "draft_characters": characters,
        "draft_word_length": share(drafts.count_any(LETTER | DIGIT), count),
        "draft_distinct_word_share": share(words.distinct(), count),
        "draft_top_word_share": share(words.most_repeated(1), count),
        "draft_top_pair_share": share(2 * words.most_repeated(2), count),
        "draft_top_triple_share": share(3 * words.most_repeated(3), count),
        "draft_punctuation_share": share(drafts.count_any(PUNCTUATION), visible),
        "draft_upper_share": share(drafts.count_any(UPPER), letters),
        "draft_tokens_per_character": share(np.where(tokens > 0, tokens, np.nan), characters),
        "draft_truncated": truncated.astype(np.float64),
        "draft_blank": (visible == 0).astype(np.float64),
    }


def _log_ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of a ratio of counts, NaN where either is zero."""
    result = np.full(part.shape, np.nan)
    both = (part > 0) & (whole > 0)
    result[both] = np.log(part[both] / whole[both])
    return result


def _lengths(
    sources: Texts,
    drafts: Texts,
    source_words: Words,
    draft_words: Words,
    source_tokens: NDArray[np.int64],
    draft_tokens: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    return {
        "length_ratio_characters": _log_ratio(drafts.characters, sources.characters),
        "length_ratio_words": _log_ratio(draft_words.per_segment(), source_words.per_segment()),
        "length_ratio_tokens": _log_ratio(draft_tokens, source_tokens.astype(np.float64)),
    }


def _kept_items(sources: Texts, drafts: Texts) -> dict[str, NDArray[np.float64]]:
    """Compare numbers, URLs and placeholders; only rows that can have some are searched."""
    count = len(sources.rows)
    numbers_kept = np.full(count, np.nan)
    numbers_added = np.zeros(count)
    items_kept = np.full(count, np.nan)
    has_digits = (sources.count_any(DIGIT) > 0) | (drafts.count_any(DIGIT) > 0)
    for row, text in patterns.select(sources.rows, has_digits):
        expected, found = patterns.numbers(text), patterns.numbers(drafts.rows[row])
        common = patterns.kept(expected, found)
        if expected:
            numbers_kept[row] = common / expected.total()
        if found:
            numbers_added[row] = 1 - common / found.total()
    for row, text in patterns.select(sources.rows, sources.count_any(TRIGGER) > 0):
        expected = patterns.placeholders(text) + patterns.urls(text)
        if expected:
            draft = drafts.rows[row]
            found = patterns.placeholders(draft) + patterns.urls(draft)
            items_kept[row] = patterns.kept(expected, found) / expected.total()
    return {
        "numbers_kept_share": numbers_kept,
        "numbers_added_share": numbers_added,
        "placeholders_kept_share": items_kept,
    }


def _copies(source_words: Words, draft_words: Words) -> dict[str, NDArray[np.float64]]:
    """Measure what the draft took over unchanged: names should be, plain words should not."""
    named = source_words.capitalised & ~source_words.leads
    in_draft = found_in(source_words, draft_words)
    in_source = found_in(draft_words, source_words)
    plain = ~draft_words.capitalised
    return {
        "names_copied_share": share(
            source_words.per_segment(named & in_draft), source_words.per_segment(named)
        ),
        "copied_word_share": share(draft_words.per_segment(in_source), draft_words.per_segment()),
        "copied_plain_word_share": share(
            draft_words.per_segment(plain & in_source), draft_words.per_segment(plain)
        ),
    }


def _runs(sources: Texts, drafts: Texts) -> dict[str, NDArray[np.float64]]:
    """Measure the spelling that both share: names, cognates, and what was left untranslated."""
    source_runs, draft_runs = Runs.of(sources), Runs.of(drafts)
    shared = source_runs.count_shared(draft_runs)
    return {
        "draft_distinct_run_share": draft_runs.distinct_share(),
        "source_run_shared_share": share(shared, source_runs.distinct),
        "draft_run_shared_share": share(shared, draft_runs.distinct),
    }


def _punctuation(sources: Texts, drafts: Texts) -> dict[str, NDArray[np.float64]]:
    def difference(bits: int) -> NDArray[np.float64]:
        return drafts.count_any(bits) - sources.count_any(bits)

    agrees = np.array(
        [
            _FINAL_CLASSES.get(left, 0) == _FINAL_CLASSES.get(right, 0)
            for left, right in zip(sources.last_visible(), drafts.last_visible(), strict=True)
        ],
        dtype=np.float64,
    )
    return {
        "final_punctuation_agrees": agrees,
        "quote_difference": difference(QUOTE),
        "punctuation_difference": difference(PUNCTUATION),
        "sentence_difference": drafts.sentences() - sources.sentences(),
        "digit_difference": difference(DIGIT),
    }


def _scripts(sources: Texts, drafts: Texts) -> dict[str, NDArray[np.float64]]:
    letters = drafts.script_counts.sum(axis=1)
    source_letters = sources.script_counts.sum(axis=1)
    latin = drafts.script_counts[:, SCRIPTS.index("latin")]
    with np.errstate(invalid="ignore", divide="ignore"):
        overlap = np.minimum(
            drafts.script_counts / letters[:, None],
            sources.script_counts / source_letters[:, None],
        ).sum(axis=1)
    return {
        "draft_non_latin_share": share(letters - latin, letters),
        "script_overlap": overlap,
    }
