"""Contiguous folds: which segments are held out together.

Counts and document names go in, row numbers come out. What always holds: every row is held out
once; a fold is one contiguous block of each language pair, so neighbours, which leak, are rarely
parted, and never the segments of one document of a language pair where documents are named.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.errors import UsageError

MIN_INSIDE = 20
"""Segments that every fold must leave to learn from."""

Rows = NDArray[np.int64]
Folds = Sequence[tuple[Rows, Rows]]


def contiguous_folds(count: int, folds: int, documents: Sequence[str] | None = None) -> Folds:
    """Cut rows into blocks, each held out once.

    Parameters
    ----------
    count, folds
        Rows and blocks.
    documents
        Document of each row. Blocks are then contiguous in the order in which documents first
        appear, and hold all rows of a document, also of one that returns later.

    Returns
    -------
    sequence of tuple
        Row numbers outside and inside each block; with few documents there can be fewer blocks.
    """
    edges = [count * number // folds for number in range(folds + 1)]
    rows = np.arange(count, dtype=np.int64)
    if documents is not None:
        numbers = {name: number for number, name in enumerate(dict.fromkeys(documents))}
        document = np.array([numbers[name] for name in documents], dtype=np.int64)
        rows = np.argsort(document, kind="stable")
        starts = np.concatenate(([0], np.cumsum(np.bincount(document))))
        edges = sorted({int(starts[np.abs(starts - edge).argmin()]) for edge in edges})
    return [
        (np.sort(np.concatenate((rows[:start], rows[stop:]))), np.sort(rows[start:stop]))
        for start, stop in itertools.pairwise(edges)
    ]


def grouped_folds(
    groups: Sequence[str], folds: int, documents: Sequence[str] | None = None
) -> Folds:
    """Cut the rows of every group into blocks and join the blocks of one number.

    Parameters
    ----------
    groups
        Language pair of each row.
    folds
        Blocks of each group.
    documents
        As for :func:`contiguous_folds`.

    Returns
    -------
    sequence of tuple
        Row numbers outside and inside each block, ascending.
    """
    labels = np.asarray(groups, dtype=object)
    fold_of = np.zeros(len(labels), dtype=np.int64)
    for name in dict.fromkeys(groups):
        rows = np.flatnonzero(labels == name)
        named = None if documents is None else [documents[row] for row in rows.tolist()]
        for number, (_, held_out) in enumerate(contiguous_folds(len(rows), folds, named)):
            fold_of[rows[held_out]] = number
    present = np.unique(fold_of).tolist()
    return [
        (np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number)) for number in present
    ]


def refuse_small_folds(folds: Folds) -> None:
    """Refuse folds of which one leaves next to nothing to learn from.

    Parameters
    ----------
    folds
        From :func:`grouped_folds`.

    Raises
    ------
    UsageError
        A fold leaves fewer than ``MIN_INSIDE`` rows, as where nearly all are of one document.
    """
    least = min(len(inside) for inside, _ in folds)
    if least < MIN_INSIDE:
        raise UsageError(
            f"holding out whole documents leaves only {least} segments to learn from",
            hint="name a column of smaller documents, or none",
        )
