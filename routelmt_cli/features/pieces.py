"""SentencePiece unigram models of sources and of drafts: how usual is a text for this corpus.

Texts of one side go in at calibration, a model kept as bytes comes out; later texts go in and
piece counts and log-probabilities come out. What always holds: the same texts give the same bytes
(one thread, no sampling), and SentencePiece only ever reads bytes that :func:`check_model` rebuilt
itself from plain pieces and scores, so a hostile file reaches no native parser. They are no
tokenizers of any translation model, and they never see references.
"""

from __future__ import annotations

import io
import struct
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.errors import UsageError
from routelmt_cli.features.rows import bounds_of, share, sum_rows

NAMES: tuple[str, ...] = (
    "source_pieces",
    "source_pieces_per_word",
    "source_piece_logprob_mean",
    "source_piece_logprob_min",
    "source_unknown_piece_share",
    "source_rare_piece_share",
    "draft_piece_logprob_mean",
    "draft_target_pieces",
    "draft_target_piece_logprob_mean",
    "draft_target_piece_logprob_min",
    "draft_target_unknown_share",
    "length_ratio_pieces",
)
"""``draft_piece_logprob_mean`` is the draft under the *source's* model: high where it was left
untranslated. The ``draft_target`` ones are under the model of drafts."""

MAX_MODEL_BYTES = 16 << 20
_MAX_PIECES = 1 << 16
_MAX_PIECE_BYTES = 256
_SPECIAL = (("<unk>", 2), ("<s>", 3), ("</s>", 3))
# TrainerSpec{model_type: UNIGRAM}, NormalizerSpec{name: "identity", precompiled_charsmap: ""}:
# text is normalised here instead, so the file needs no compiled character map.
_TAIL = b"\x12\x02\x18\x01\x1a\x0c\x0a\x08identity\x12\x00"

_MAX_TRAINING_TEXTS = 100_000
_MAX_TRAINING_CHARACTERS = 2_000
_MAX_ENCODED_CHARACTERS = 20_000
_CHARACTERS_PER_PIECE = 60
_MAX_VOCABULARY = 8_000
_UNKNOWN_PENALTY = 10.0
_RARE_SHARE = 0.25

Piece = tuple[str, float]


@dataclass(frozen=True)
class PieceStatistics:
    """The pieces of n texts.

    Parameters
    ----------
    counts
        float64, shape (n,): pieces of each text.
    means, minima
        float64, shape (n,): of their log-probabilities; NaN where a text has no piece.
    unknown, rare
        float64, shape (n,): pieces that the model does not know, and pieces among the rarest
        quarter of its vocabulary, unknown ones included.
    """

    counts: NDArray[np.float64]
    means: NDArray[np.float64]
    minima: NDArray[np.float64]
    unknown: NDArray[np.float64]
    rare: NDArray[np.float64]


class PieceModel:
    """A unigram model over the sources or the drafts that a router was calibrated on.

    Parameters
    ----------
    content
        The model as :func:`train_pieces` made it or as it stands in a bundle.

    Raises
    ------
    UsageError
        The bytes are no model of the plain form that routelmt writes.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._pieces = check_model(content)
        self._processor: Any = None

    def statistics(self, texts: Sequence[str]) -> PieceStatistics:
        """Encode texts and summarise the log-probabilities of their pieces.

        Parameters
        ----------
        texts
            As :func:`clean` gave them, n in all.
        """
        if self._processor is None:
            import sentencepiece

            self._processor = sentencepiece.SentencePieceProcessor(model_proto=self.content)
        scores = np.array([score for _, score in self._pieces])
        scores[0] = scores.min() - _UNKNOWN_PENALTY
        usual = scores[len(_SPECIAL) :]
        is_rare = scores < np.quantile(usual, _RARE_SHARE)
        encoded = self._processor.encode(list(texts), num_threads=1)
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        bounds = bounds_of(lengths)
        flat = np.fromiter(chain.from_iterable(encoded), dtype=np.int64, count=bounds[-1])
        filled = np.flatnonzero(lengths)
        minima = np.full(len(texts), np.nan)
        if filled.size:
            minima[filled] = np.minimum.reduceat(scores[flat], bounds[filled])
        counts = lengths.astype(np.float64)
        return PieceStatistics(
            counts=counts,
            means=share(sum_rows(scores[flat], bounds), counts),
            minima=minima,
            unknown=sum_rows((flat == 0).astype(np.float64), bounds),
            rare=sum_rows(is_rare[flat].astype(np.float64), bounds),
        )


def piece_features(
    source_model: PieceModel | None,
    target_model: PieceModel | None,
    sources: Sequence[str],
    drafts: Sequence[str],
    source_words: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Compute the SentencePiece features of a column.

    Parameters
    ----------
    source_model, target_model
        Models of the sources and of the drafts; None gives NaN in what rests on it.
    sources, drafts
        One a segment.
    source_words
        float64, shape (n,), words of each source.

    Returns
    -------
    dict
        One float64 array of shape (n,) for each of ``NAMES``.
    """
    result = {name: np.full(len(sources), np.nan) for name in NAMES}
    if source_model is None and target_model is None:
        return result
    drafts = [clean(draft) for draft in drafts]
    if source_model is not None:
        own = source_model.statistics([clean(source) for source in sources])
        result["source_pieces"] = own.counts
        result["source_pieces_per_word"] = share(own.counts, source_words)
        result["source_piece_logprob_mean"] = own.means
        result["source_piece_logprob_min"] = own.minima
        result["source_unknown_piece_share"] = share(own.unknown, own.counts)
        result["source_rare_piece_share"] = share(own.rare, own.counts)
        result["draft_piece_logprob_mean"] = source_model.statistics(drafts).means
    if target_model is not None:
        target = target_model.statistics(drafts)
        result["draft_target_pieces"] = target.counts
        result["draft_target_piece_logprob_mean"] = target.means
        result["draft_target_piece_logprob_min"] = target.minima
        result["draft_target_unknown_share"] = share(target.unknown, target.counts)
    ratios = result["draft_target_pieces"] / np.maximum(result["source_pieces"], 1)
    known = (ratios > 0) & (result["source_pieces"] > 0)
    result["length_ratio_pieces"][known] = np.log(ratios[known])
    return result


def train_pieces(texts: Sequence[str]) -> PieceModel | None:
    """Train a unigram model on the sources or on the drafts of a corpus.

    The vocabulary grows with the corpus (one piece for 60 characters, at most 8,000, beside the
    single characters), so that a piece stands on several occurrences.

    Parameters
    ----------
    texts
        All texts of one side; at most 100,000, evenly spaced, are used.

    Returns
    -------
    PieceModel or None
        None where there is no text to learn from.
    """
    import sentencepiece

    step = -(-len(texts) // _MAX_TRAINING_TEXTS) if texts else 1
    cleaned = [clean(text[:_MAX_TRAINING_CHARACTERS]) for text in texts[::step]]
    cleaned = [text for text in cleaned if text]
    alphabet = len(set().union(*cleaned)) if cleaned else 0
    wanted = min(_MAX_VOCABULARY, max(32, sum(map(len, cleaned)) // _CHARACTERS_PER_PIECE))
    buffer = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(cleaned),
            model_writer=buffer,
            model_type="unigram",
            vocab_size=alphabet + len(_SPECIAL) + 1 + wanted,
            hard_vocab_limit=False,
            character_coverage=0.9995,
            normalization_rule_name="identity",
            max_sentence_length=8 * _MAX_TRAINING_CHARACTERS,
            num_threads=1,
            minloglevel=3,
        )
        pieces = _read_pieces(buffer.getvalue(), "trained model")
    except (RuntimeError, UsageError):
        # Nothing but white space, or too little of anything: a router without these features.
        return None
    # A vocabulary of little but one piece gets scores a rounding error above log 1.
    return PieceModel(_write_model([(piece, min(score, 0.0)) for piece, score in pieces]))


def check_model(content: bytes, name: str = "source.spm.model") -> list[Piece]:
    """Verify that a file is a model of the plain form that routelmt writes.

    Parameters
    ----------
    content
        The file's bytes.
    name
        The file's name, for the message.

    Returns
    -------
    list of tuple
        Text and log-probability of every piece.

    Raises
    ------
    UsageError
        It is anything else.
    """
    if len(content) > MAX_MODEL_BYTES:
        raise _broken(name, "is larger than 16 MiB")
    pieces = _read_pieces(content, name)
    if tuple(piece for piece, _ in pieces[:3]) != tuple(piece for piece, _ in _SPECIAL):
        raise _broken(name, "does not begin with the special pieces")
    if len({piece for piece, _ in pieces}) != len(pieces):
        raise _broken(name, "has a piece twice")
    if any(not (-1e6 < score <= 0) for _, score in pieces):
        raise _broken(name, "has a score that is no log-probability")
    if _write_model(pieces) != content:
        raise _broken(name, "is not of the form that routelmt writes")
    return pieces


def _broken(name: str, what: str) -> UsageError:
    return UsageError(
        f"SentencePiece model {name} {what}", hint="calibrate the router again or get a new copy"
    )


def clean(text: str) -> str:
    """Normalise a text the same way for training and use.

    Parameters
    ----------
    text
        What lies after 20,000 characters is not looked at.
    """
    text = text[:_MAX_ENCODED_CHARACTERS].replace("\0", " ")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.split())


def _varint(content: bytes, at: int, name: str) -> tuple[int, int]:
    """Read a length of one or two bytes, which is all that a piece needs."""
    first = content[at]
    if first < 0x80:
        return first, at + 1
    second = content[at + 1]
    if second >= 0x80:
        raise _broken(name, "has a piece that is too long")
    return (first & 0x7F) | (second << 7), at + 2


def _read_pieces(content: bytes, name: str) -> list[Piece]:
    """Read the pieces at the head of a ModelProto, by hand and within bounds."""
    pieces: list[Piece] = []
    at = 0
    try:
        while content[at] == 0x0A:
            size, at = _varint(content, at + 1, name)
            end = at + size
            if end > len(content) or content[at] != 0x0A or len(pieces) >= _MAX_PIECES:
                raise _broken(name, "is malformed")
            length, at = _varint(content, at + 1, name)
            text = content[at : at + length]
            at += length
            if not 0 < length <= _MAX_PIECE_BYTES or at + 5 > end or content[at] != 0x15:
                raise _broken(name, "is malformed")
            (score,) = struct.unpack_from("<f", content, at + 1)
            pieces.append((text.decode("utf-8"), score))
            at = end
    except (IndexError, UnicodeDecodeError, struct.error) as error:
        raise _broken(name, "is malformed") from error
    if len(pieces) <= len(_SPECIAL) or any("\0" in piece for piece, _ in pieces):
        raise _broken(name, "is malformed")
    return pieces


def _write_model(pieces: Sequence[Piece]) -> bytes:
    """Write a ModelProto that holds the pieces and nothing that a stranger chose beside them."""
    kinds = dict(_SPECIAL)
    parts: list[bytes] = []
    for text, score in pieces:
        encoded = text.encode("utf-8")
        body = b"\x0a" + _length(len(encoded)) + encoded + b"\x15" + struct.pack("<f", score)
        if text in kinds:
            body += bytes((0x18, kinds[text]))
        parts.append(b"\x0a" + _length(len(body)) + body)
    return b"".join(parts) + _TAIL


def _length(value: int) -> bytes:
    return bytes((value,)) if value < 0x80 else bytes(((value & 0x7F) | 0x80, value >> 7))
