"""What the journal holds of one bought hypothesis, and how that becomes a row and back.

Always: a text that comes back is the text that was written, by a checksum of its own; what else a
damaged disk may change is found by the journal's audit or changes no output.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

COLUMNS = (
    "item, text, prompt_tokens, output_tokens, truncated, token_logprobs, failure, spend_nanousd, "
    "token_entropies, token_margins, state, text_crc"
)
_HALF = np.finfo(np.float16)


@dataclass(frozen=True)
class Hypothesis:
    """One bought hypothesis, as the journal holds it.

    Attributes
    ----------
    token_logprobs, token_entropies, token_margins, state
        As in ``translators.protocol.Outcome``, None where the model was not asked for them. Kept
        in half precision, but for the log-probabilities.
    unmetered
        Whether ``spend_nanousd`` is the most that it can have cost, since nobody knows what it
        used; counted when it is written, and not known of one that is read.
    """

    item: int
    text: str
    prompt_tokens: int
    output_tokens: int
    truncated: bool
    token_logprobs: npt.NDArray[np.float32] | None
    failure: str | None
    spend_nanousd: int
    token_entropies: npt.NDArray[np.float32] | None = None
    token_margins: npt.NDArray[np.float32] | None = None
    state: npt.NDArray[np.float32] | None = None
    unmetered: bool = False


def to_row(tier: str, hypothesis: Hypothesis) -> tuple[Any, ...]:
    """Return a hypothesis as a row of the table ``hypotheses``: the tier, then ``COLUMNS``."""
    logprobs = hypothesis.token_logprobs
    return (
        tier,
        hypothesis.item,
        hypothesis.text,
        hypothesis.prompt_tokens,
        hypothesis.output_tokens,
        int(hypothesis.truncated),
        None if logprobs is None else logprobs.astype("<f4").tobytes(),
        hypothesis.failure,
        hypothesis.spend_nanousd,
        _packed(hypothesis.token_entropies),
        _packed(hypothesis.token_margins),
        _packed(hypothesis.state),
        _crc(hypothesis.text),
    )


def is_whole(text: str, text_crc: int | None) -> bool:
    """Say whether a text is what was written; rows of older journals have no checksum."""
    return text_crc is None or text_crc == _crc(text)


def _crc(text: str) -> int:
    return zlib.crc32(text.encode())


def from_row(row: tuple[Any, ...]) -> Hypothesis:
    """Return the hypothesis of a row with the columns ``COLUMNS``."""
    blob = cast("bytes | None", row[5])
    return Hypothesis(
        item=row[0],
        text=row[1],
        prompt_tokens=row[2],
        output_tokens=row[3],
        truncated=bool(row[4]),
        token_logprobs=None if blob is None else np.frombuffer(blob, "<f4").astype(np.float32),
        failure=row[6],
        spend_nanousd=row[7],
        token_entropies=_unpacked(row[8]),
        token_margins=_unpacked(row[9]),
        state=_unpacked(row[10]),
    )


def _packed(values: npt.NDArray[np.float32] | None) -> bytes | None:
    # Clipped, since what a half cannot hold would come back as an infinity.
    return None if values is None else np.clip(values, _HALF.min, _HALF.max).astype("<f2").tobytes()


def _unpacked(blob: bytes | None) -> npt.NDArray[np.float32] | None:
    return None if blob is None else np.frombuffer(blob, "<f2").astype(np.float32)
