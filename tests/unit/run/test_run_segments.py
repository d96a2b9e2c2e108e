"""Items of a corpus, and their sources from a file of several chunks."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.corpus.segments import BATCH_ROWS
from routelmt_cli.run.corpus_input import open_input
from routelmt_cli.run.options import CorpusOptions
from routelmt_cli.run.segments import scan

ROWS = 2 * BATCH_ROWS + 100


@pytest.fixture(scope="module")
def segments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segments")
    lines = [f"segment {row % (ROWS - 50)}\n" for row in range(ROWS)]
    lines[7] = "\n"
    (folder / "in.txt").write_text("".join(lines), "utf-8")
    with open_input(CorpusOptions(folder / "in.txt")) as source:
        return scan(source.corpus, folder / "sources.arrow")


def test_identical_sources_are_one_item(segments):
    assert (segments.rows, segments.items) == (ROWS, ROWS - 50)  # the blank one came back as 7
    assert segments.item_of_row[7] == -1
    assert segments.repeats.sum() == ROWS - 1
    assert sorted(set(segments.repeats.tolist())) == [1, 2]
    assert (np.diff(segments.first_row) > 0).all()


@pytest.mark.parametrize(
    "items",
    [
        [],
        [0],
        [BATCH_ROWS, BATCH_ROWS - 1, 2 * BATCH_ROWS + 3, 5, 5, 0],
        list(range(BATCH_ROWS - 3, BATCH_ROWS + 3)),
    ],
)
def test_sources_are_taken_in_the_order_asked_for(segments, items):
    whole = [text for _, texts in segments.sources.batches() for text in texts]
    assert len(whole) == len(segments.sources) == segments.items
    assert segments.sources.take(np.array(items, np.int64)) == [whole[item] for item in items]
