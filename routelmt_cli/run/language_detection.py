"""Which language a corpus is in, where nobody says so.

A corpus or texts go in, a language code comes out, or an error where they do not tell. What always
holds: the same corpus gives the same answer, and it is said on the way how sure that is and which
other languages there seem to be. A sample of the segments is looked at, chosen by their numbers
alone; nothing leaves the machine. It knows nothing of target languages, models or routers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.errors import UsageError
from routelmt_cli.translators.languages import canonical_code

INSTALL = "pip install 'routelmt[detect]'"
SAMPLE = 400
_CHARACTERS = 1_000  # of a segment: more do not make it clearer
_LEAST_CERTAINTY = 0.95
_LEAST_SHARE = 0.7
_OTHER_SHARE, _OTHER_SEGMENTS = 0.02, 2  # from which another language is worth a warning
_STRAY = 0.02  # of all segments may be in any language at all
_ROUNDS = 200
_SHOWN = 4
_NO_LANGUAGE = "zxx"  # numbers, markup, names of things
# Where CLDR's usual code of a language is another than the library's.
_CODES = {"no": "nb", "tl": "fil", "gom": "kok", "gug": "gn", "kik": "ki"}


@dataclass(frozen=True)
class Detection:
    """What the sample says.

    Attributes
    ----------
    language
        The most likely one.
    certainty
        Probability that the corpus is in it, and not in another single one.
    shares
        Estimated share of the segments that each language has, the largest first; those that are
        worth mentioning.
    segments
        How many were looked at.
    """

    language: str
    certainty: float
    shares: dict[str, float]
    segments: int

    @property
    def is_sure(self) -> bool:
        """Whether the corpus may be translated as one of this language."""
        share = self.shares.get(self.language, 0.0)
        known = self.language != _NO_LANGUAGE
        return known and self.certainty >= _LEAST_CERTAINTY and share >= _LEAST_SHARE

    def shares_in_words(self) -> str:
        """Write the shares, such as ``92% es, 6% ca``."""
        shown = list(self.shares.items())[:_SHOWN]
        return ", ".join(
            f"{share:.0%} {'no language' if code == _NO_LANGUAGE else code}"
            for code, share in shown
        )

    def remarks(self) -> list[str]:
        """Say which language was found and how sure that is; warn of a mixed corpus."""
        lines = [
            f"source language: {self.language} (detected in {self.segments:,} segments, "
            f"{self.certainty:.1%} sure)"
        ]
        if len(self.shares) > 1:
            lines.append(
                f"warning: the corpus seems to be mixed: {self.shares_in_words()}; all of it is "
                f"translated as {self.language}"
            )
        return lines


def can_detect() -> bool:
    """Say whether the extra that this needs is installed."""
    try:
        import py3langid  # noqa: F401
    except ImportError:
        return False
    return True


def detect_language(name: str, texts: Sequence[str]) -> Detection:
    """Find out which language a sample of texts is in.

    Parameters
    ----------
    name
        The corpus's name in errors.
    texts
        Each with letters.

    Raises
    ------
    UsageError
        The texts do not tell, or say several things.
    """
    hint = "add --from CODE, such as --from es"
    if not texts:
        raise UsageError(f"{name}: there is no text to tell the source language by", hint=hint)
    detection = detect(texts)
    if not detection.is_sure:
        raise UsageError(
            f"{name}: cannot tell the source language: {detection.certainty:.0%} sure of "
            f"{detection.language} from {len(texts):,} segments ({detection.shares_in_words()})",
            hint=hint,
        )
    return detection


def sample_texts(corpus: Corpus, count: int = SAMPLE) -> list[str]:
    """Choose segments that have letters, spread over the corpus by their numbers alone.

    Every row number has a fixed pseudo-random key; the rows of the smallest keys are taken. So
    the sample is not in step with anything that repeats in the corpus, such as languages that
    take turns.

    Parameters
    ----------
    corpus
        Whose sources.
    count
        How many; all where there are no more.
    """
    best: list[tuple[int, str]] = []
    limit = np.iinfo(np.uint64).max
    for batch in corpus.batches():
        keys = _keys(batch.first_row, len(batch.sources))
        rows = np.flatnonzero(keys <= limit)
        texts = batch.sources.take(rows).to_pylist()
        found = zip(keys[rows].tolist(), texts, strict=True)
        best += [(key, text[:_CHARACTERS]) for key, text in found if _has_letters(text)]
        if len(best) > count:
            best = sorted(best)[:count]
            limit = np.uint64(best[-1][0])
    return [text for _, text in sorted(best)]


def sample_of(texts: Sequence[str], count: int = SAMPLE) -> list[str]:
    """Choose among texts as ``sample_texts`` does among a corpus's."""
    order = np.argsort(_keys(0, len(texts))).tolist()
    lettered = (texts[row][:_CHARACTERS] for row in order if _has_letters(texts[row]))
    return list(islice(lettered, count))


def detect(texts: Sequence[str]) -> Detection:
    """Tell the language of some texts.

    Each text's probabilities under equal chances come from py3langid, whose naive Bayes scores
    are tempered by the text's length so that they can be believed. The languages' shares are what
    makes the texts likeliest together (expectation maximisation): so a short text that could be
    of several languages goes to the one that the others are in. The certainty is Bayes' rule for
    one language of all texts, but for a few strays.
    """
    identifier = _identifier()
    names = identifier.labels
    ranked = [dict(identifier.rank(text)) for text in texts]
    posterior = np.array([[one[name] for name in names] for one in ranked])
    shares = _mixture(posterior)
    strayed = (1 - _STRAY) * posterior + _STRAY / len(names)
    evidence = np.log(strayed).sum(axis=0)
    certainty = np.exp(evidence - evidence.max())
    certainty /= certainty.sum()
    best = int(np.argmax(evidence))
    least = max(_OTHER_SHARE, (_OTHER_SEGMENTS - 0.5) / len(texts))
    first, *others = np.argsort(-shares, kind="stable").tolist()
    shown = [first, *(at for at in others if shares[at] >= least)]
    return Detection(
        language=_code(names[best]),
        certainty=math.floor(float(certainty[best]) * 1000) / 1000,
        shares={_code(names[at]): float(shares[at]) for at in shown},
        segments=len(texts),
    )


def _mixture(posterior: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the shares of the columns that make the rows likeliest, shape (columns,)."""
    shares = np.full(posterior.shape[1], 1 / posterior.shape[1])
    for _ in range(_ROUNDS):
        weighted = posterior * shares
        shares = (weighted / weighted.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares


def _keys(first_row: int, count: int) -> npt.NDArray[np.uint64]:
    """Return a fixed pseudo-random number for each row (the mixing of SplitMix64)."""
    keys = np.arange(first_row, first_row + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = keys ^ (keys >> np.uint64(31))
    return mixed


def _has_letters(text: str) -> bool:
    return any(character.isalpha() for character in text[:_CHARACTERS])


def _code(name: str) -> str:
    """Return the code that the rest of the program uses."""
    try:
        return _CODES.get(name) or canonical_code(name)
    except UsageError:
        return name  # known to the library alone; it is refused with the prompt


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
