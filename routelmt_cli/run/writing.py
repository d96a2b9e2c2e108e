"""Write every segment out, in order, with the hypothesis that it got."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.money import usd_decimal
from routelmt_cli.corpus.added import (
    MEMORY,
    NO_TIER,
    TIER,
    TRANSLATION,
    AddedColumn,
    ColumnType,
    Values,
)
from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.corpus.writer import open_writer
from routelmt_cli.protection.glossary import Glossary
from routelmt_cli.run.choice import Choice
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.planning import RunPlan
from routelmt_cli.run.segments import REMEMBERED, Segments
from routelmt_cli.run.terms import lacking

_ALWAYS = (AddedColumn(TRANSLATION), AddedColumn(TIER))
_TERMS = (AddedColumn("missing_terms"),)
_EXPLAINED = (
    AddedColumn("predicted_gain", ColumnType.FLOAT),
    AddedColumn("cost_usd", ColumnType.DECIMAL),
    AddedColumn("reason"),
)


def added_columns(*, explain: bool, with_terms: bool = False) -> tuple[AddedColumn, ...]:
    """Return the columns that an output adds to its input's.

    Parameters
    ----------
    explain
        Whether it says why each segment has its translation.
    with_terms
        Whether it names the glossary's terms that a translation lacks.
    """
    return _ALWAYS + _TERMS * with_terms + _EXPLAINED * explain


def write_corpus(
    sink: BinaryIO,
    corpus: Corpus,
    segments: Segments,
    journal: Journal,
    choice: Choice,
    plan: RunPlan,
    *,
    memory: Mapping[str, str],
    glossary: Glossary | None,
    pinned: npt.NDArray[np.bool_],
    explain: bool,
) -> None:
    """Write the whole corpus to a sink, in its own format.

    Parameters
    ----------
    sink, corpus, segments, journal, choice, plan
        Where it is written, and the run.
    memory
        What the translation memory answers, by source.
    glossary
        Terms to look for; None for none.
    pinned
        bool of shape (items,): which items are pinned to a tier.
    explain
        Whether to add the columns that say why.
    """
    added = added_columns(explain=explain, with_terms=glossary is not None)
    with open_writer(sink, corpus, added) as writer:
        for batch in corpus.batches():
            end = batch.first_row + len(batch.sources)
            items = segments.item_of_row[batch.first_row : end]
            sources = batch.sources.to_pylist()
            columns = _hypotheses(journal, choice, items, sources, memory)
            if glossary is not None:
                columns["missing_terms"] = [
                    lacking(glossary, source, str(text))
                    for source, text in zip(sources, columns[TRANSLATION], strict=True)
                ]
            if explain:
                columns |= _explanations(choice, plan, pinned, items)
            writer.write(batch, columns)


def _hypotheses(
    journal: Journal,
    choice: Choice,
    items: npt.NDArray[np.int64],
    sources: list[str],
    memory: Mapping[str, str],
) -> dict[str, Values]:
    texts = choice.texts(journal, np.unique(items[items >= 0]))
    tiers = {item: choice.tiers[choice.tier[item]] for item in texts}
    tiers[REMEMBERED] = MEMORY
    rows = items.tolist()
    return {
        # A blank segment is its own translation, and so is one whose placeholders got lost.
        TRANSLATION: [
            memory[source] if item == REMEMBERED else texts.get(item, source)
            for item, source in zip(rows, sources, strict=True)
        ],
        TIER: [tiers.get(item, NO_TIER) for item in rows],
    }


def _explanations(
    choice: Choice,
    plan: RunPlan,
    pinned: npt.NDArray[np.bool_],
    items: npt.NDArray[np.int64],
) -> Mapping[str, Values]:
    route = choice.routes(plan.target)
    gain = plan.on_routes([one.gain for one in plan.predictions], route)
    cost = plan.on_routes([one.cost_nanousd for one in plan.predictions], route)
    allowed = plan.allowed
    rows = items.tolist()
    return {
        "predicted_gain": [float(gain[item]) if item >= 0 else None for item in rows],
        "cost_usd": [usd_decimal(int(cost[item]) if item >= 0 else 0) for item in rows],
        "reason": [
            choice.reason(
                item,
                float(gain[item]),
                allowed=bool(allowed[item]),
                pinned=bool(pinned[item]),
                limits="budget" if plan.facts.get("share") is None else "budget or share",
            )
            if item >= 0
            else MEMORY
            if item == REMEMBERED
            else "empty"
            for item in rows
        ],
    }
