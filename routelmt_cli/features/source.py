"""Features of the source text alone.

A column of sources goes in, one float64 array a feature comes out, NaN where a feature has no
meaning (no letters, no tokens). What always holds: a row's features depend on that row only.
SentencePiece scores are not made here but in :mod:`routelmt_cli.features.pieces`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.characters import (
    DIGIT,
    LETTER,
    PUNCTUATION,
    SPACE,
    UPPER,
    Texts,
)
from routelmt_cli.features.overlap import SharedItems
from routelmt_cli.features.patterns import Items
from routelmt_cli.features.rows import longest_runs, share
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
    "source_name_share",
    "source_acronyms",
    "source_longest_name_run",
    "source_scripts",
)

_LONG_WORD = 8


def source_features(
    texts: Texts,
    words: Words,
    tokens: NDArray[np.int64],
    items: Mapping[int, Items],
    vocabulary: SharedItems,
) -> dict[str, NDArray[np.float64]]:
    """Compute the features of a column of sources.

    Parameters
    ----------
    texts, words
        The sources.
    tokens
        int64, shape (n,), the small model's tokens of each source; 0 or less where unknown.
    items
        URLs and placeholders of the sources that have any.
    vocabulary
        The words of the sources (its own) against those of the drafts.

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
    for row, found in items.items():
        addresses[row] = found.urls.total()
        marks[row] = found.placeholders.total()
    known_tokens = np.where(tokens > 0, tokens, np.nan).astype(np.float64)
    return {
        "source_characters": characters,
        "source_words": word_count,
        "source_word_length": share(texts.count_any(LETTER | DIGIT), word_count),
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
        "source_distinct_word_share": share(vocabulary.per_row(vocabulary.own > 0), word_count),
        "source_long_word_share": share(words.per_segment(words.lengths >= _LONG_WORD), word_count),
        "source_tokens_per_character": share(known_tokens, characters),
        **_names(texts, words),
        "source_scripts": (texts.script_counts > 0).sum(axis=1).astype(np.float64),
    }


def _names(texts: Texts, words: Words) -> dict[str, NDArray[np.float64]]:
    """Look for the shape of names: capitals inside a sentence, acronyms, letters beside digits.

    The features are NaN where no word begins with a letter that has case: there, no name could
    show.
    """
    knowable = words.per_segment(words.cased) > 0
    letters, digits, capitals = texts.count_from(words.positions)
    acronym = (capitals >= 2) & (capitals == letters)
    capital_inside = words.capitalised & ~_begins_sentence(texts, words)
    names = capital_inside | acronym | ((letters > 0) & (digits > 0))
    columns = {
        "source_name_share": share(words.per_segment(names), words.per_segment()),
        "source_acronyms": words.per_segment(acronym),
        "source_longest_name_run": longest_runs(capital_inside, words.bounds),
    }
    return {name: np.where(knowable, column, np.nan) for name, column in columns.items()}


def _begins_sentence(texts: Texts, words: Words) -> NDArray[np.bool_]:
    """Tell which words are the first of a text or of a sentence."""
    begins: NDArray[np.bool_] = words.leads.copy()
    following = np.searchsorted(words.positions, texts.sentence_ends)
    begins[following[following < begins.size]] = True
    return begins
