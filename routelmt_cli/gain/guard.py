"""The second guard: when a retranslation was bought, is the draft still the better one.

Texts go in, one reason a segment comes out, '' where the retranslation is taken. What always
holds: the rules read one row at a time, so the outcome never depends on waves or order; they
compare with the draft, so what the draft did not keep either is never held against the
retranslation; an empty draft always gives way to a retranslation with text. It judges by form
alone and has no opinion of fluency or adequacy: the last two reasons are never given here, but
where a model of both hypotheses (:mod:`routelmt_cli.gain.chooser`) or the user's glossary keeps a
draft.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features import patterns
from routelmt_cli.features.characters import SCRIPTS, Texts
from routelmt_cli.features.words import Words
from routelmt_cli.gain.degenerate import goes_in_circles, is_copy, says_nothing
from routelmt_cli.gain.escape import has_new_markup, has_wrong_length
from routelmt_cli.gain.refusal import is_refusal

TAKEN = ""
REASONS: tuple[str, ...] = (
    "empty",
    "truncated",
    "looping",
    "refusal",
    "markup",
    "copied",
    "script",
    "length",
    "placeholders",
    "numbers",
    "chooser",
    "glossary",
)
"""Why a draft is kept, in the order in which the rules are asked."""

_LOOP_COUNT = 4
_LOOP_SHARE = 0.3
_SCRIPT_MINIMUM_LETTERS = 4
_WORD = re.compile(r"\w+")
# A draft that has more of its source's words says that the languages share them, as Norwegian and
# Danish do.
_COPIED_SHARE = 0.25
# Shorter numbers are often, and rightly, written as words by the better translation.
_SHORTEST_NUMBER = 3
_NUMBER = re.compile(r"\d+(?:[.,'’٫٬\u00a0\u202f]\d+)*")
_SEPARATOR = re.compile(r"\D")

_CYRILLIC = "be bg kk ky mk mn ru sr tg tt uk"
_ARABIC = "ar fa ps sd ug ur"
_INDIC = "as bn gu hi kn ml mr ne or pa sa si ta te"
_LATIN = (
    "af az bs ca cs cy da de en es et eu fi fr ga gl hr hu id is it lt lv ms mt nb nl nn no "
    "pl pt ro sk sl sq sv sw tl tr uz vi xh yo zu"
)
_SCRIPTS_OF_LANGUAGE: dict[str, frozenset[str]] = {
    **dict.fromkeys(_CYRILLIC.split(), frozenset({"cyrillic"})),
    **dict.fromkeys(_ARABIC.split(), frozenset({"arabic"})),
    **dict.fromkeys(_INDIC.split(), frozenset({"indic"})),
    **dict.fromkeys(("he", "yi"), frozenset({"hebrew"})),
    **dict.fromkeys(("am", "ti"), frozenset({"ethiopic"})),
    # Serbian, Kazakh and Mongolian are written in two scripts.
    **dict.fromkeys(("kk", "mn", "sr", "tt"), frozenset({"cyrillic", "latin"})),
    "pa": frozenset({"indic", "arabic"}),
    "sd": frozenset({"indic", "arabic"}),
    "el": frozenset({"greek"}),
    "hy": frozenset({"armenian"}),
    "ka": frozenset({"georgian"}),
    "th": frozenset({"thai"}),
    "lo": frozenset({"lao"}),
    "my": frozenset({"myanmar"}),
    "km": frozenset({"khmer"}),
    "bo": frozenset({"tibetan"}),
    "zh": frozenset({"han"}),
    "ja": frozenset({"han", "kana"}),
    "ko": frozenset({"hangul", "han"}),
    **dict.fromkeys(_LATIN.split(), frozenset({"latin"})),
}


def keep_reasons(
    sources: Sequence[str],
    drafts: Sequence[str],
    retranslations: Sequence[str],
    truncated: NDArray[np.bool_],
    *,
    target_language: str | None = None,
) -> list[str]:
    """Decide for every retranslation whether its draft is kept, and why.

    Parameters
    ----------
    sources, drafts, retranslations
        Texts, one a segment.
    truncated
        bool, shape (n,): decoding of the retranslation ended at the cap.
    target_language
        Language code such as ``cs`` or ``zh-TW``; where it is unknown, only a draft in another
        script than its source says which script is expected.

    Returns
    -------
    list of str
        '' to take the retranslation, otherwise one of ``REASONS``.
    """
    count = len(sources)
    if not count:
        return []
    columns = [Texts.of(texts) for texts in (sources, drafts, retranslations)]
    blank_draft = np.array([not draft.strip() for draft in drafts])
    blank = np.array([not text.strip() for text in retranslations])
    wordless = _each(says_nothing, sources, retranslations) & ~_each(says_nothing, sources, drafts)
    found = {
        "empty": blank | wordless,
        "truncated": np.asarray(truncated, dtype=np.bool_),
        "looping": is_looping(*columns),
        "refusal": _each(is_refusal, sources, drafts, retranslations),
        "markup": _each(has_new_markup, sources, drafts, retranslations),
        "copied": _each(_is_new_copy, sources, drafts, retranslations),
        "length": _each(has_wrong_length, sources, drafts, retranslations),
        "script": _wrong_script(*columns, target_language=target_language),
        "placeholders": _lost_placeholders(sources, drafts, retranslations),
        "numbers": _lost_numbers(*columns),
    }
    reasons = np.full(count, TAKEN, dtype=object)
    for name in reversed([name for name in REASONS if name in found]):
        reasons[found[name] & (blank | ~blank_draft)] = name
    return [str(reason) for reason in reasons]


def stands_alone(
    sources: Sequence[str],
    retranslations: Sequence[str],
    truncated: NDArray[np.bool_],
    *,
    target_language: str | None = None,
) -> NDArray[np.bool_]:
    """Tell which retranslations may stand where there is no draft to compare them with.

    Those that would replace a draft that is the source again; and which are not the source again
    themselves, nor in another script than the target language's.

    Parameters
    ----------
    sources, retranslations, truncated, target_language
        As of ``keep_reasons``.

    Returns
    -------
    numpy.ndarray
        bool, shape (n,).
    """
    reasons = keep_reasons(
        sources, sources, retranslations, truncated, target_language=target_language
    )
    alone = np.array([reason == TAKEN for reason in reasons], np.bool_)
    alone &= ~_each(is_copy, sources, retranslations)
    if not (expected := expected_scripts(target_language)) or not len(alone):
        return alone
    right = [0, *(SCRIPTS.index(name) for name in expected)]
    return alone & np.isin(main_scripts(Texts.of(retranslations)), right)


def _each(rule: Callable[..., bool], *columns: Sequence[str]) -> NDArray[np.bool_]:
    return np.fromiter(map(rule, *columns), np.bool_, len(columns[0]))


def _is_new_copy(source: str, draft: str, retranslation: str) -> bool:
    """Tell whether a retranslation is its source again where the draft is of other words."""
    if not is_copy(source, retranslation):
        return False
    known, drafted = (set(_WORD.findall(text.casefold())) for text in (source, draft))
    return len(drafted & known) < _COPIED_SHARE * len(drafted)


def expected_scripts(language: str | None) -> frozenset[str]:
    """Scripts that a language is written in; empty where that is not known.

    Parameters
    ----------
    language
        A code whose first part is ISO 639-1; a script subtag (``sr-Latn``) is not looked at.
    """
    if not language:
        return frozenset()
    return _SCRIPTS_OF_LANGUAGE.get(language.replace("_", "-").split("-")[0].lower(), frozenset())


def is_looping(sources: Texts, drafts: Texts, retranslations: Texts) -> NDArray[np.bool_]:
    """Find texts largely made of one run, more often than source and draft have any."""
    looping = goes_in_circles(retranslations, sources, drafts)
    words = [Words.of(column) for column in (sources, drafts, retranslations)]
    total = np.maximum(words[2].per_segment(), 1)
    for size in (1, 2, 3, 5, 8):
        in_source, in_draft, repeats = (column.most_repeated(size) for column in words)
        usual = np.maximum(in_source, in_draft)
        looping |= (
            (repeats >= _LOOP_COUNT)
            & (repeats * size >= _LOOP_SHARE * total)
            & (repeats >= 2 * usual)
        )
    return looping


def main_scripts(texts: Texts) -> NDArray[np.int64]:
    """Most frequent script of each text, 0 where it has too few letters to tell.

    Kana and Han count as one, since Japanese mixes them in every proportion.
    """
    counts = texts.script_counts.copy()
    kana, han = SCRIPTS.index("kana"), SCRIPTS.index("han")
    counts[:, han] += counts[:, kana]
    counts[:, kana] = 0
    main = counts.argmax(axis=1)
    return np.where(counts.sum(axis=1) >= _SCRIPT_MINIMUM_LETTERS, main, 0)


def _wrong_script(
    sources: Texts, drafts: Texts, retranslations: Texts, *, target_language: str | None
) -> NDArray[np.bool_]:
    source, draft, retranslation = map(main_scripts, (sources, drafts, retranslations))
    differs = (retranslation != draft) & (retranslation != 0) & (draft != 0)
    expected = expected_scripts(target_language)
    if not expected:
        # A draft in its source's script may be an untranslated copy: then it says nothing.
        wrong: NDArray[np.bool_] = differs & (draft != source)
        return wrong
    right = np.zeros(len(SCRIPTS), dtype=np.bool_)
    right[[SCRIPTS.index(name) for name in expected]] = True
    wrong_here: NDArray[np.bool_] = differs & right[draft] & ~right[retranslation]
    return wrong_here


def _lost_placeholders(
    sources: Sequence[str], drafts: Sequence[str], retranslations: Sequence[str]
) -> NDArray[np.bool_]:
    """Find rows where the draft kept a placeholder of the source that the retranslation lost.

    One counts once however often it occurs: a better translation may say it only once.
    """
    lost = np.zeros(len(sources), dtype=np.bool_)
    for row, source in enumerate(sources):
        expected = patterns.placeholders(source).keys() & patterns.placeholders(drafts[row]).keys()
        lost[row] = bool(expected - patterns.placeholders(retranslations[row]).keys())
    return lost


def _lost_numbers(sources: Texts, drafts: Texts, retranslations: Texts) -> NDArray[np.bool_]:
    """Find rows where the draft kept a long number of the source that the retranslation lost.

    A number is looked for in all digits of the retranslation put together, so that another way
    of writing it ('4 000' for '4,000') is no loss. It is not enough that one was lost: the draft
    must have fewer wrong numbers than the retranslation, and not repeat itself endlessly.
    """
    lost = np.zeros(len(sources.rows), dtype=np.bool_)
    rows = zip(sources.rows, drafts.rows, retranslations.rows, strict=True)
    for row, (source, draft, retranslation) in enumerate(rows):
        expected = _long_numbers(source)
        if not expected:
            continue
        digits = patterns.all_digits(retranslation)
        in_draft, in_retranslation = _long_numbers(draft), _long_numbers(retranslation)
        missing = {number for number in expected if _shortest_form(number) not in digits}
        if missing & in_draft:
            source_digits = patterns.all_digits(source)
            draft_errors = len(expected - in_draft) + _invented(in_draft, source_digits)
            errors = len(missing) + _invented(in_retranslation, source_digits)
            lost[row] = draft_errors < errors
    if lost.any():
        # Which draft is sound is asked by the rule for retranslations, the other way round.
        lost &= ~is_looping(sources, retranslations, drafts)
    return lost


def _long_numbers(text: str) -> set[str]:
    """Find the numbers of three digits or more that a better translation writes as digits.

    Dates and times ('16.3.', '10.04.2022', '5.30') fall apart into their groups, since a
    translation may write 'March' or '17.30'; only groups of three after the first are thousands.
    A round number ('100', '4000') may be written as a word.
    """
    found: list[str] = []
    for written in _NUMBER.findall(text):
        first, *groups = map(patterns.all_digits, _SEPARATOR.split(written))
        thousands = len(first) <= 3
        found.append(first)
        for group in groups:
            thousands = thousands and len(group) == 3
            if thousands:
                found[-1] += group
            else:
                found.append(group)
    return {
        number
        for number in (number.lstrip("0") for number in found)
        if len(number) >= _SHORTEST_NUMBER and len(_shortest_form(number)) > 1
    }


def _shortest_form(number: str) -> str:
    """Leave out two or more zeros at the end: '1200000' may be written '1.2 million'."""
    return number.rstrip("0") if number.endswith("00") else number


def _invented(numbers: set[str], source_digits: str) -> int:
    return sum(number not in source_digits for number in numbers)
