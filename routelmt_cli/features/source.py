"""Features of the source text alone.

A column of sources goes in, one float64 array a feature comes out, NaN where a feature has no
meaning (no letters, no tokens). What always holds: a row's features depend on that row only.
SentencePiece scores are not made here but in :mod:`routelmt_cli.features.pieces`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features import patterns
from routelmt_cli.features.characters import (
    DIGIT,
    LETTER,
    PUNCTUATION,
    SPACE,
    TRIGGER,
    UPPER,
    Texts,
    share,
)
from routelmt_cli.features.words import Words

NAMES: tuple[str, ...] = (
    "source_characters",
    "source_words",
    "source_word_length",
    "source_digit_share",
    "source_punctuation_share",
    "source_upper_share",
    "source_capitalised_share",
    "source_non_letter_share",
    "source_urls",
    "source_placeholders",
    "source_sentences",
    "source_words_per_sentence",
    "source_distinct_word_share",
    "source_long_word_share",
    "source_tokens_per_character",
)

_LONG_WORD = 8


def source_features(
    texts: Texts, words: Words, tokens: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Compute the features of a column of sources.

    Parameters
    ----------
    texts, words
        The sources.
    tokens
        int64, shape (n,), the small model's tokens of each source; 0 or less where unknown.

    Returns
    -------
    dict
        One float64 array of shape (n,) for each of ``NAMES``.
    """
    characters = texts.characters
    visible = characters - texts.count_any(SPACE)
    letters = texts.count_any(LETTER)
    word_count = words.per_segment()
    sentences = texts.sentences()
    addresses = np.zeros(len(texts.rows))
    marks = np.zeros(len(texts.rows))
    for row, text in patterns.select(texts.rows, texts.count_any(TRIGGER) > 0):
        addresses[row] = patterns.urls(text).total()
        marks[row] = patterns.placeholders(text).total()
    known_tokens = np.where(tokens > 0, tokens, np.nan).astype(np.float64)
    return {
        "source_characters": characters,
        "source_words": word_count,
        "source_word_length": share(texts.count(_inside(texts)), word_count),
        "source_digit_share": share(texts.count_any(DIGIT), visible),
        "source_punctuation_share": share(texts.count_any(PUNCTUATION), visible),
        "source_upper_share": share(texts.count_any(UPPER), letters),
        "source_capitalised_share": share(
            words.per_segment(words.capitalised & ~words.leads), word_count
        ),
        "source_non_letter_share": share(visible - letters, visible),
        "source_urls": addresses,
        "source_placeholders": marks,
        "source_sentences": sentences,
        "source_words_per_sentence": share(word_count, sentences),
        "source_distinct_word_share": share(words.distinct(), word_count),
        "source_long_word_share": share(words.per_segment(words.lengths >= _LONG_WORD), word_count),
        "source_tokens_per_character": share(known_tokens, characters),
    }


def _inside(texts: Texts) -> NDArray[np.bool_]:
    """Mark letters and digits."""
    return texts.is_any(LETTER | DIGIT)
