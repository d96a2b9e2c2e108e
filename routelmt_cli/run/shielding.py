"""Which hypotheses may stand where a source has placeholders, tags or the like in it.

The journal and the choice so far go in, a choice comes out that no broken hypothesis is part of.
Always: where the chosen hypothesis is not intact another one that is is taken, unless the second
guard found it worthless; where none is, the segment stays as its source, which works. Each item is
judged alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from routelmt_cli.protection.check import is_intact
from routelmt_cli.protection.spans import find_spans
from routelmt_cli.run.choice import FAILED, LEFT, TAKEN, Choice, code_of
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.segments import Segments

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
    code, tier = choice.code.copy(), choice.tier.copy()
    for sources in segments.sources.where(find_spans):
        hypotheses = _hypotheses(choice, journal, list(sources))
        for item, source in sources.items():
            if code[item] == FAILED:
                continue
            intact = {
                number: bool(texts.get(item, "").strip()) and is_intact(source, texts[item])
                for number, texts in hypotheses.items()
            }
            if not intact[int(tier[item])]:
                code[item], tier[item] = _corrected(
                    int(code[item]), choice.verdicts[item].tolist(), intact
                )
    return replace(choice, code=code, tier=tier)


def _hypotheses(choice: Choice, journal: Journal, items: list[int]) -> dict[int, dict[int, str]]:
    """Give the texts of items by the number of their tier; of failed retranslations none."""
    found = {0: journal.texts(choice.tiers[0], items)}
    for number, name in enumerate(choice.tiers[1:], 1):
        found[number] = {
            one.item: one.text for one in journal.hypotheses(name, items) if one.failure is None
        }
    return found


def count_protected(segments: Segments) -> int:
    """Count the segments whose sources have something that is protected."""
    return sum(
        int(segments.repeats[list(sources)].sum()) for sources in segments.sources.where(find_spans)
    )


def _corrected(code: int, verdicts: list[int], intact: Mapping[int, bool]) -> tuple[int, int]:
    """Find another hypothesis than the chosen one; its code, and the number of its tier.

    A retranslation that passed the guard goes before the draft, and one that was kept out for less
    than it after the draft; of several the last tier's.
    """
    own = [(number, verdicts[number - 1]) for number in sorted(intact, reverse=True) if number]
    good, poor = (
        [number for number, verdict in own if intact[number] and verdict in allowed]
        for allowed in ((TAKEN,), _GIVE_WAY)
    )
    if good:
        return TAKEN, good[0]
    if intact[0]:  # then it was not the draft that was chosen
        return code_of("placeholders") if code == TAKEN else code, 0
    return (TAKEN, poor[0]) if poor else (LEFT, 0)
