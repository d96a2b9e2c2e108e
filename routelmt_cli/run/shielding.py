"""Which hypotheses may stand where a source has placeholders, tags or the like in it.

The journal and the choice so far go in, a choice comes out that no broken hypothesis is part of.
Always: where only one of the two hypotheses is intact it is taken, unless the second guard found it
worthless; where none is, the segment stays as its source, which works. Each item is judged alone.
"""

from __future__ import annotations

from routelmt_cli.protection.check import is_intact
from routelmt_cli.protection.spans import find_spans
from routelmt_cli.run.choice import FAILED, LEFT, TAKEN, Choice, code_of
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.tiers import LARGE, SMALL

# Reasons to keep a draft that weigh less than what a program would trip over.
_GIVE_WAY = frozenset(map(code_of, ("length", "placeholders", "numbers", "chooser")))


def shielded(choice: Choice, journal: Journal, segments: Segments) -> Choice:
    """Correct a choice where a chosen hypothesis lost a protected span.

    Parameters
    ----------
    choice
        What the second guard chose.
    journal, segments
        The run.
    """
    code = choice.code.copy()
    for sources in segments.sources.where(find_spans):
        drafts = journal.texts(SMALL, list(sources))
        bought = {one.item: one for one in journal.hypotheses(LARGE, list(sources))}
        for item, source in sources.items():
            if code[item] == FAILED:
                continue
            retranslation = bought.get(item)
            has_draft = _holds(source, drafts.get(item, ""))
            has_retranslation = (
                retranslation is not None
                and retranslation.failure is None
                and _holds(source, retranslation.text)
            )
            code[item] = _corrected(int(code[item]), has_draft, has_retranslation)
    return Choice(code)


def count_protected(segments: Segments) -> int:
    """Count the segments whose sources have something that is protected."""
    return sum(
        int(segments.repeats[list(sources)].sum()) for sources in segments.sources.where(find_spans)
    )


def _holds(source: str, hypothesis: str) -> bool:
    return bool(hypothesis.strip()) and is_intact(source, hypothesis)


def _corrected(code: int, has_draft: bool, has_retranslation: bool) -> int:
    if code == TAKEN and not has_retranslation:
        return code_of("placeholders") if has_draft else LEFT
    if code != TAKEN and not has_draft:
        return TAKEN if has_retranslation and code in _GIVE_WAY else LEFT
    return code
