"""Hashed character n-grams of sources and drafts: a sparse row a segment for linear models.

Columns of texts go in, a CSR matrix comes out: ``log(1 + count)`` of every n-gram of one to four
characters in lower case, hashed into a fixed number of columns (the hashing trick, Weinberger et
al. 2009), rows of length 1 on either side. What always holds: a row depends on its own texts
alone, equal texts give equal rows on every machine, and no language, tokenizer or vocabulary is
assumed. Nothing is weighted by rarity here: a linear model folds that into its coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.characters import Texts

SIDE_COLUMNS = 1 << 14
"""Columns for sources; as many follow for drafts."""

COLUMNS = 2 * SIDE_COLUMNS

_SIZES = (1, 2, 3, 4)
_MOST_CHARACTERS = 2_000
_PRIME = np.uint64(0x9E3779B97F4A7C15)
# Code point that no text holds: it stands at both ends of a text, so that "begins with" and
# "ends with" are n-grams too.
_EDGE = np.uint32(0x110000)


def ngram_matrix(sources: Sequence[str], drafts: Sequence[str]) -> Any:
    """Hash the n-grams of two columns of texts.

    Parameters
    ----------
    sources, drafts
        One text a segment, n each; what lies after 2,000 characters is not looked at.

    Returns
    -------
    scipy.sparse.csr_matrix
        float64, shape (n, COLUMNS); a blank text gives a half row of zeros but for its edges.
    """
    import scipy.sparse

    sides = [_side(sources), _side(drafts)]
    return scipy.sparse.hstack(sides, format="csr")


def _side(texts: Sequence[str]) -> Any:
    import scipy.sparse

    codes, row_of = _with_edges(texts)
    rows: list[NDArray[np.int64]] = []
    columns: list[NDArray[np.int64]] = []
    for size in _SIZES:
        count = codes.size - size + 1
        if count <= 0:
            break
        hashes = np.full(count, size, dtype=np.uint64)
        for offset in range(size):
            hashes = hashes * _PRIME + codes[offset : offset + count]
        inside = row_of[:count] == row_of[size - 1 :]
        columns.append(_column(hashes[inside]))
        rows.append(row_of[:count][inside])
    shape = (len(texts), SIDE_COLUMNS)
    if not columns:
        return scipy.sparse.csr_matrix(shape, dtype=np.float64)
    keys = np.concatenate(rows) * SIDE_COLUMNS + np.concatenate(columns)
    cells, counts = np.unique(keys, return_counts=True)
    values = np.log1p(counts)
    row, column = np.divmod(cells, SIDE_COLUMNS)
    length = np.sqrt(np.bincount(row, values**2, minlength=len(texts)))
    values = values / length[row]
    bounds = np.searchsorted(row, np.arange(len(texts) + 1))
    return scipy.sparse.csr_matrix((values, column, bounds), shape=shape)


def _with_edges(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Give all code points in lower case with an edge before and after each text."""
    column = Texts.of([text[:_MOST_CHARACTERS] for text in texts])
    lengths = np.diff(column.bounds)
    row_of = np.repeat(np.arange(len(texts), dtype=np.int64), lengths + 2)
    codes = np.full(row_of.size, _EDGE, dtype=np.uint64)
    # Every text before a character, its own first edge included, moves it by two edges but one.
    place = np.arange(column.codes.size) + 2 * column.segment_of + 1
    codes[place] = column.lowered
    return codes, row_of


def _column(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    mixed = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    column: NDArray[np.int64] = (mixed % np.uint64(SIDE_COLUMNS)).astype(np.int64)
    return column
