"""Count what is wrong, on the face of it, with the translations that a run hands over.

The journal and the final choice go in, counts of segments by fault come out. Always: a block of
items is in memory at a time, and nothing is changed: these are the figures of the report.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from routelmt_cli.gain.faults import FAULTS, find_faults
from routelmt_cli.run.choice import Choice
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.segments import Segments


def count_faults(
    journal: Journal, segments: Segments, choice: Choice, pair: Pair
) -> dict[str, int]:
    """Count segments whose final translation has a fault, by what it is.

    Parameters
    ----------
    journal, segments, choice
        The run, and which hypothesis each item got.
    pair
        Its languages.
    """
    counts: Counter[str] = Counter()
    for first, sources in segments.sources.batches():
        items = np.arange(first, first + len(sources))
        is_left = choice.left[items]
        sources = [source for source, left in zip(sources, is_left, strict=True) if not left]
        items = items[~is_left]  # these are counted on their own
        texts = choice.texts(journal, items)
        faults = find_faults(
            sources,
            [texts[item] for item in items.tolist()],
            source_language=pair.source_language,
            target_language=pair.target_language,
        )
        for fault, repeats in zip(faults, segments.repeats[items].tolist(), strict=True):
            counts[fault] += repeats
    return {name: counts[name] for name in FAULTS if counts[name]}
