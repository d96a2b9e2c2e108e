"""Texts that are no translation of anything: empty of words, going round in circles, a copy.

Texts go in, yes or no comes out for each. What always holds: only form is looked at, one row at a
time, and a source that is itself of that form excuses the text. A copy in part, and a wrong
language in the right script, are not seen.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.characters import Texts

_LONGEST_PERIOD = 12
_REPEATS = 8
_RUN_SHARE = 0.3
_SHORTEST_RUN = 16
_SHORTEST_COPY = 24
_WIDE_SIGN_LETTERS = 2.5
_WIDE = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]")


def says_nothing(source: str, text: str) -> bool:
    """Tell whether a text has no letter or digit though its source has."""
    return not any(map(str.isalnum, text)) and any(map(str.isalnum, source))


def goes_in_circles(texts: Texts, *others: Texts) -> NDArray[np.bool_]:
    """Tell of which texts much is one run of up to 12 characters again and again.

    Words that repeat are found by :mod:`routelmt_cli.gain.guard`; this is for what has no words,
    such as '!!!!' and 'hahahaha'.

    Parameters
    ----------
    texts
        n texts.
    others
        Texts of the same segments: what they have half of is no fault.

    Returns
    -------
    numpy.ndarray
        bool, shape (n,).
    """
    runs = _longest_runs(texts)
    least = np.maximum(_SHORTEST_RUN, _RUN_SHARE * texts.characters)
    for other in others:
        np.maximum(least, 2 * _longest_runs(other), out=least)
    circles: NDArray[np.bool_] = runs >= least
    return circles


def _longest_runs(texts: Texts) -> NDArray[np.int64]:
    """Find the characters of the longest run of each text, 0 where nothing repeats eight times."""
    codes, rows = texts.codes, texts.segment_of
    longest = np.zeros(len(texts.rows), np.int64)
    for period in range(1, _LONGEST_PERIOD + 1):
        same = (codes[period:] == codes[:-period]) & (rows[period:] == rows[:-period])
        edges = np.diff(np.concatenate(([False], same, [False])).astype(np.int8))
        starts = np.flatnonzero(edges == 1)
        lengths = np.flatnonzero(edges == -1) - starts + period
        long = lengths >= _REPEATS * period
        np.maximum.at(longest, rows[starts[long]], lengths[long])
    return longest


def is_copy(source: str, text: str) -> bool:
    """Tell whether a text is its source again, but for case, blanks and punctuation.

    What has few letters may well be a name or an address, which is rightly copied.
    """
    if _begin(source) != _begin(text):
        return False
    letters = "".join(filter(str.isalpha, source))
    return spelled_length(letters) >= _SHORTEST_COPY and _bare(source) == _bare(text)


def spelled_length(text: str) -> float:
    """Count characters, one of a script without an alphabet as what it takes to spell it."""
    return len(text) + (_WIDE_SIGN_LETTERS - 1.0) * len(_WIDE.findall(text))


def _begin(text: str) -> str:
    return next(filter(str.isalnum, text), "").casefold()


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
