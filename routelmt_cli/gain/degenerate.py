"""Texts that are no translation of anything: empty of words, going round in circles, a copy.

A source and a text go in, yes or no comes out. What always holds: only form is looked at, one row
at a time, and a source that is itself of that form excuses the text. A copy in part, and a wrong
language in the right script, are not seen.
"""

from __future__ import annotations

import re

_RUN = re.compile(r"(.{1,12}?)\1{7,}", re.DOTALL)
_RUN_SHARE = 0.3
_SHORTEST_RUN = 16
_SHORTEST_COPY = 24
_WIDE_SIGN_LETTERS = 2.5
_WIDE = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]")


def says_nothing(source: str, text: str) -> bool:
    """Tell whether a text has no letter or digit though its source has."""
    return not any(map(str.isalnum, text)) and any(map(str.isalnum, source))


def goes_in_circles(text: str, *others: str) -> bool:
    """Tell whether much of a text is one run of up to 12 characters again and again.

    Words that repeat are found by :mod:`routelmt_cli.gain.guard`; this is for what has no words,
    such as '!!!!' and 'hahahaha'.

    Parameters
    ----------
    text
        The text.
    others
        Texts of the same segment: what they have half of is no fault.
    """
    run = _longest_run(text)
    usual = max(map(_longest_run, others), default=0) if run >= _SHORTEST_RUN else 0
    return run >= max(_SHORTEST_RUN, _RUN_SHARE * len(text), 2 * usual)


def is_copy(source: str, text: str) -> bool:
    """Tell whether a text is its source again, but for case, blanks and punctuation.

    What has few letters may well be a name or an address, which is rightly copied.
    """
    letters = "".join(filter(str.isalpha, source))
    return spelled_length(letters) >= _SHORTEST_COPY and _bare(source) == _bare(text)


def spelled_length(text: str) -> float:
    """Count characters, one of a script without an alphabet as what it takes to spell it."""
    return len(text) + (_WIDE_SIGN_LETTERS - 1.0) * len(_WIDE.findall(text))


def _longest_run(text: str) -> int:
    return max((match.end() - match.start() for match in _RUN.finditer(text)), default=0)


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
