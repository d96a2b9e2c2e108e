"""The glossary against what was bought: which hypothesis has its terms, and what is missing.

The journal and a choice go in; a choice that minds the terms, and counts, come out. Always: a
retranslation that lacks more of a source's terms than its draft does not replace it, and one that
the chooser alone kept out does if it lacks fewer; of several tiers' the last that may; each item is
judged alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from routelmt_cli.protection.glossary import Glossary, Term
from routelmt_cli.run.choice import TAKEN, Choice, code_of
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.segments import Segments


def with_terms(choice: Choice, journal: Journal, segments: Segments, glossary: Glossary) -> Choice:
    """Correct a choice where one hypothesis has terms that the other lacks.

    Parameters
    ----------
    choice
        What the second guard chose.
    journal, segments
        The run.
    glossary
        Its terms.
    """
    code, tier, verdicts = choice.code.copy(), choice.tier.copy(), choice.verdicts.copy()
    drafting, *retranslating = choice.tiers
    lacks, kept_out = code_of("glossary"), code_of("chooser")
    for items in segments.sources.where(glossary.find):
        drafts = journal.texts(drafting, list(items))
        for number, name in enumerate(retranslating, 1):
            for one in journal.hypotheses(name, list(items)):
                if one.failure is not None or not one.text.strip():
                    continue
                source = items[one.item]
                of_draft, of_other = (
                    len(glossary.missing(source, text))
                    for text in (drafts.get(one.item, ""), one.text)
                )
                verdict = int(verdicts[one.item, number - 1])
                if verdict == TAKEN and of_other > of_draft:
                    verdicts[one.item, number - 1] = lacks
                elif verdict == kept_out and of_other < of_draft:
                    verdicts[one.item, number - 1] = TAKEN
        for item in items:
            if (verdicts[item] == choice.verdicts[item]).all():
                continue
            passed = np.flatnonzero(verdicts[item] == TAKEN)
            if len(passed):
                code[item], tier[item] = TAKEN, passed[-1] + 1
            elif code[item] == TAKEN:
                code[item], tier[item] = lacks, 0
    return replace(choice, code=code, tier=tier, verdicts=verdicts)


def count_terms(
    choice: Choice, journal: Journal, segments: Segments, glossary: Glossary
) -> dict[str, int]:
    """Count rows with terms, terms in them, and terms that final translations lack."""
    counts = {"segments": 0, "terms": 0, "missing": 0}
    for items in segments.sources.where(glossary.find):
        texts = choice.texts(journal, np.array(list(items), np.int64))
        for item, source in items.items():
            repeats = int(segments.repeats[item])
            text = source if choice.left[item] else texts[item]
            counts["segments"] += repeats
            counts["terms"] += repeats * len(glossary.find(source))
            counts["missing"] += repeats * len(glossary.missing(source, text))
    return counts


def lacking(glossary: Glossary, source: str, translation: str) -> str:
    """Name the terms of a source that its translation lacks, as ``Haus = house; ...``."""
    return "; ".join(map(_named, glossary.missing(source, translation)))


def _named(term: Term) -> str:
    return f"{term.source} = {term.target}"
