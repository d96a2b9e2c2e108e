"""What is wrong with a translation on the face of it, wherever it came from.

Sources and their final translations go in, one word a segment comes out, '' where nothing is seen.
What always holds: one row at a time, by form alone; nothing is decided here, the counts are for
the report, so that a corpus full of loops or copies is not handed over in silence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.characters import SCRIPTS, Texts
from routelmt_cli.gain.degenerate import is_copy, says_nothing, spelled_length
from routelmt_cli.gain.guard import expected_scripts, is_looping, main_scripts

NO_FAULT = ""
FAULTS: tuple[str, ...] = ("empty", "looping", "copied", "script")
"""Kinds of faults, in the order in which they are looked for."""

# A short text in another script may well be a name, or a line of code.
_SHORTEST_FOREIGN = 24


def find_faults(
    sources: Sequence[str],
    translations: Sequence[str],
    *,
    source_language: str,
    target_language: str,
) -> list[str]:
    """Look for what no good translation has.

    Parameters
    ----------
    sources, translations
        Texts, one a segment; the sources are not blank.
    source_language, target_language
        Codes; between two regions of one language a copy is no fault, and in a language whose
        script is not known none is the wrong one.

    Returns
    -------
    list of str
        '' or one of ``FAULTS`` for each segment.
    """
    if not sources:
        return []
    texts, originals = Texts.of(translations), Texts.of(sources)
    pairs = list(zip(sources, translations, strict=True))
    one_language = _primary(source_language) == _primary(target_language)
    found = {
        "empty": [not text.strip() or says_nothing(source, text) for source, text in pairs],
        "looping": is_looping(originals, originals, texts),
        "copied": [not one_language and is_copy(source, text) for source, text in pairs],
        "script": _foreign_script(texts, target_language),
    }
    faults = np.full(len(sources), NO_FAULT, dtype=object)
    for name in reversed(FAULTS):
        faults[np.array(found[name], np.bool_)] = name
    return [str(fault) for fault in faults]


def _foreign_script(texts: Texts, language: str) -> NDArray[np.bool_]:
    expected = expected_scripts(language)
    main = main_scripts(texts)
    right = np.isin(main, [0, *map(SCRIPTS.index, expected)])
    long = np.array([spelled_length(text) >= _SHORTEST_FOREIGN for text in texts.rows], np.bool_)
    foreign: NDArray[np.bool_] = ~right & long & bool(expected)
    return foreign


def _primary(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()
