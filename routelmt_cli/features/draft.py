"""Features of the draft against its source.

Columns of sources and drafts go in, one float64 array a feature comes out, NaN where a feature
has no meaning (an empty draft has no length ratio; a source without numbers none to keep). What
always holds: a row's features depend on that row only, and no language code is needed; what is
usual for a language pair is for the gain model to learn.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    UPPER,
    Texts,
)
from routelmt_cli.features.overlap import SharedItems, SharedRuns
from routelmt_cli.features.patterns import Items
from routelmt_cli.features.rows import share
from routelmt_cli.features.words import Numbers, Words

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
_FINAL_SIGNS = np.array(sorted(map(ord, _FINAL_CLASSES)), dtype=np.int64)
_FINAL_NUMBERS = np.array([_FINAL_CLASSES[chr(code)] for code in _FINAL_SIGNS.tolist()])


def draft_features(
    sources: Texts,
    drafts: Texts,
    source_words: Words,
    draft_words: Words,
    source_tokens: NDArray[np.int64],
    draft_tokens: NDArray[np.int64],
    truncated: NDArray[np.bool_],
    items: Mapping[int, Items],
    vocabulary: SharedItems,
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
    items
        URLs and placeholders of the sources that have any.
    vocabulary
        From :func:`match_words`.

    Returns
    -------
    dict
        One float64 array of shape (n,) for each of ``NAMES``.
    """
    tokens = np.where(draft_tokens > 0, draft_tokens, 0).astype(np.float64)
    result = {
        **_draft_alone(drafts, draft_words, vocabulary, tokens, truncated),
        **_lengths(sources, drafts, source_words, draft_words, source_tokens, tokens),
        **_numbers(sources, drafts),
        "placeholders_kept_share": _placeholders(drafts, items),
        **_copies(vocabulary, draft_words),
        **_runs(sources, drafts),
        **_punctuation(sources, drafts),
        **_scripts(sources, drafts),
    }
    return {name: result[name] for name in NAMES}


def _draft_alone(
    drafts: Texts,
    words: Words,
    vocabulary: SharedItems,
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
        "draft_distinct_word_share": share(vocabulary.per_row(vocabulary.other > 0), count),
        "draft_top_word_share": share(vocabulary.largest(vocabulary.other), count),
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


def match_words(source_words: Words, draft_words: Words) -> SharedItems:
    """Match the words of both columns: sources are its own, with names marked.

    Parameters
    ----------
    source_words, draft_words
        Both columns, n rows each. Marked are capitalised words: of a source, those that are not
        its first.
    """
    names = source_words.capitalised & ~source_words.leads
    return SharedItems.of(
        source_words.count, source_words, draft_words, names, draft_words.capitalised
    )


def _numbers(sources: Texts, drafts: Texts) -> dict[str, NDArray[np.float64]]:
    """Compare the numbers of both sides by their digits."""
    numbers = SharedItems.of(len(sources.rows), Numbers.of(sources), Numbers.of(drafts))
    kept = numbers.per_row(np.minimum(numbers.own, numbers.other))
    in_drafts = numbers.per_row(numbers.other)
    return {
        "numbers_kept_share": share(kept, numbers.per_row(numbers.own)),
        "numbers_added_share": np.nan_to_num(share(in_drafts - kept, in_drafts)),
    }


def _placeholders(drafts: Texts, items: Mapping[int, Items]) -> NDArray[np.float64]:
    """Compare URLs and placeholders; only drafts of sources that have some are searched."""
    kept = np.full(len(drafts.rows), np.nan)
    for row, found in items.items():
        draft = drafts.rows[row]
        expected = found.placeholders + found.urls
        in_draft = patterns.placeholders(draft) + patterns.urls(draft)
        kept[row] = patterns.kept(expected, in_draft) / expected.total()
    return kept


def _copies(vocabulary: SharedItems, draft_words: Words) -> dict[str, NDArray[np.float64]]:
    """Measure what the draft took over unchanged: names should be, plain words should not."""
    shared = (vocabulary.own > 0) & (vocabulary.other > 0)
    named, plain = vocabulary.own_marked, vocabulary.other - vocabulary.other_marked
    return {
        "names_copied_share": share(vocabulary.per_row(named * shared), vocabulary.per_row(named)),
        "copied_word_share": share(
            vocabulary.per_row(vocabulary.other * shared), draft_words.per_segment()
        ),
        "copied_plain_word_share": share(
            vocabulary.per_row(plain * shared), vocabulary.per_row(plain)
        ),
    }


def _runs(sources: Texts, drafts: Texts) -> dict[str, NDArray[np.float64]]:
    """Measure the spelling that both share: names, cognates, and what was left untranslated.

    The share of different runs stands for a compression ratio, which depends on the zlib that
    Python was built with.
    """
    runs = SharedRuns.of(sources, drafts)
    return {
        "draft_distinct_run_share": share(runs.other, runs.other_total),
        "source_run_shared_share": share(runs.shared, runs.own),
        "draft_run_shared_share": share(runs.shared, runs.other),
    }


def _final_classes(texts: Texts) -> NDArray[np.int64]:
    """Class of the sign that each text ends with, 0 for any other character."""
    last = texts.last_visible()
    places = np.minimum(np.searchsorted(_FINAL_SIGNS, last), _FINAL_SIGNS.size - 1)
    return np.where(_FINAL_SIGNS[places] == last, _FINAL_NUMBERS[places], 0)


def _punctuation(sources: Texts, drafts: Texts) -> dict[str, NDArray[np.float64]]:
    def difference(bits: int) -> NDArray[np.float64]:
        return drafts.count_any(bits) - sources.count_any(bits)

    agrees = _final_classes(sources) == _final_classes(drafts)
    return {
        "final_punctuation_agrees": agrees.astype(np.float64),
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
