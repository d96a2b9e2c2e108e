"""What a corpus says without labels: models of its sources, its drafts and its word pairs.

Sources and drafts go in, a :class:`Background` comes out, which the features of later rows are
measured against. What always holds: no reference and no score is looked at, and the same texts
give the same background. It is fitted once at calibration and stored with the router.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features import pieces, word_table
from routelmt_cli.features.pieces import PieceModel, piece_features, train_pieces
from routelmt_cli.features.word_table import WordTable, word_features
from routelmt_cli.features.word_training import learn_words
from routelmt_cli.features.words import Words

NAMES: tuple[str, ...] = pieces.NAMES + word_table.NAMES


@dataclass(frozen=True)
class Background:
    """Label-free models of one corpus.

    Parameters
    ----------
    source_pieces, target_pieces
        SentencePiece models of the sources and of the drafts; None gives NaN in their features.
    words
        Word translation probabilities; None gives NaN in their features.
    """

    source_pieces: PieceModel | None
    target_pieces: PieceModel | None
    words: WordTable | None


def fit_background(
    sources: Sequence[str], drafts: Sequence[str], targets: Sequence[str] | None = None
) -> Background:
    """Fit the models of a corpus.

    Parameters
    ----------
    sources, drafts
        One a segment.
    targets
        Translations that the word table alone is learnt from, such as retranslations; None takes
        the drafts.

    Returns
    -------
    Background
        A part is None where there is no text to learn from.
    """
    return Background(
        source_pieces=train_pieces(sources),
        target_pieces=train_pieces(drafts),
        words=learn_words(sources, drafts if targets is None else targets),
    )


def background_features(
    background: Background,
    sources: Sequence[str],
    drafts: Sequence[str],
    source_words: Words,
    draft_words: Words,
) -> dict[str, NDArray[np.float64]]:
    """Compute the features that need a background.

    Parameters
    ----------
    background
        What the rows are measured against.
    sources, drafts, source_words, draft_words
        Both columns, n rows each.

    Returns
    -------
    dict
        One float64 array of shape (n,) for each of ``NAMES``.
    """
    return {
        **piece_features(
            background.source_pieces,
            background.target_pieces,
            sources,
            drafts,
            source_words.per_segment(),
        ),
        **word_features(background.words, source_words, draft_words),
    }
