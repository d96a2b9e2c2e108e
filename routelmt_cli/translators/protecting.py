"""Any translator, with placeholders, tags and the like protected on their way through it.

Requests go in, outcomes come out, as of the translator inside. Always: a source with protected
spans is sent with markers in their places; where a marker gets lost, the source is sent again in
the stretches between its spans, which keeps every span by construction; both are counted before
anything is spent. What has no span goes through untouched. Whether the result is intact after all
is not judged here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import MidRunError
from routelmt_cli.protection.markers import Marked, joined, mark
from routelmt_cli.protection.spans import find_spans
from routelmt_cli.translators.hidden_state import mean_state
from routelmt_cli.translators.notes import NO_NOTES, Notes
from routelmt_cli.translators.pieces import Pieces
from routelmt_cli.translators.protocol import (
    Outcome,
    Request,
    RetryCounts,
    TokenCounts,
    Translator,
)
from routelmt_cli.translators.wrapping import WrappingCounter, WrappingTranslator

# What has two letters or digits is translated; what stands around its words is kept.
_WORDS = re.compile(r"\W*(\w.*\w)\W*", re.DOTALL)
_END_MARKS = ".!?…。！？ "


def count_protected(
    count: Callable[[Sequence[str], Sequence[Notes]], TokenCounts],
    sources: Sequence[str],
    notes: Sequence[Notes] | None = None,
) -> TokenCounts:
    """Count tokens as they are sent, and those of sending in stretches where markers get lost.

    Parameters
    ----------
    count
        Counts what a translator inside is sent.
    sources
        The sources; their own tokens are those of the sources with markers.
    notes
        Those of each source; every stretch of it is sent with them.
    """
    notes = [NO_NOTES] * len(sources) if notes is None else notes
    marked = [mark(source) for source in sources]
    counts = count([one.text for one in marked], notes)
    rows = [row for row, one in enumerate(marked) if one.markers]
    if not rows:
        return counts
    stretches = [between_spans(sources[row]).texts for row in rows]
    its_notes = [notes[row] for row, texts in zip(rows, stretches, strict=True) for _ in texts]
    parts = count([text for texts in stretches for text in texts], its_notes)
    owner = np.repeat(np.array(rows), [len(texts) for texts in stretches])

    def total(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
        summed = np.zeros(len(sources), np.int64)
        np.add.at(summed, owner, np.asarray(values, np.int64))
        return summed

    longest = counts.context_tokens.copy()
    np.maximum.at(longest, owner, parts.context_tokens)
    return replace(
        counts,
        context_tokens=longest,
        retry=RetryCounts(
            requests=total(np.ones(len(owner))),
            prompt_tokens=total(parts.prompt_bound),
            cap_tokens=total(parts.cap_tokens),
        ),
    )


def between_spans(source: str) -> Pieces:
    """Cut a source at its protected spans, which stay as separators, into stretches of words."""
    texts: list[str] = []
    template: list[str | None] = []
    end = 0
    for start, stop in [*joined(find_spans(source)), (len(source), len(source))]:
        stretch, span = source[end:start], source[start:stop]
        if words := _WORDS.fullmatch(stretch):
            texts.append(words[1])
            template += [stretch[: words.start(1)], None, stretch[words.end(1) :], span]
        else:
            template += [stretch, span]
        end = stop
    return Pieces(tuple(texts), tuple(part for part in template if part != ""))


class ProtectingCounter(WrappingCounter):
    """A ``Counter`` around another, for sources that are sent with markers.

    Parameters
    ----------
    inside
        Counts what is sent; entered and left with this one.
    """

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count the tokens of every source exactly, those of a second try apart."""
        return count_protected(self._inside.count, sources, notes)

    def count_scored(self, sources: Sequence[str], drafts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Count the tokens of scoring, which protects nothing."""
        return self._inside.count_scored(sources, drafts)


class ProtectingTranslator(WrappingTranslator):
    """A ``Translator`` around another; see the module.

    Parameters
    ----------
    inside
        The translator that is sent markers and stretches.
    tells_all
        Whether what a first try used must be told though its second one does not come about: who
        runs the model charges it.
    """

    def __init__(self, inside: Translator, *, tells_all: bool = False) -> None:
        super().__init__(inside)
        self._tells_all = tells_all

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count the tokens of every source exactly, those of a second try apart."""
        return count_protected(self._inside.count, sources, notes)

    def translate(self, requests: Iterable[Request]) -> Iterator[Sequence[Outcome]]:
        """Translate the requests; each sequence of outcomes is one commit."""
        if not self.deterministic:
            yield from self._through(requests)
            return
        remaining = iter(requests)
        while group := list(islice(remaining, self.group_size)):
            # One commit, the second tries in it, in the order of the requests.
            found = {one.item: one for commit in self._through(group) for one in commit}
            yield [found[request.item] for request in group]

    def _through(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        """Send requests with markers, and again in stretches what lost them."""
        sent: dict[int, tuple[Request, Marked]] = {}
        lost: list[tuple[Request, Outcome]] = []

        def marked() -> Iterator[Request]:
            for request in requests:
                its = mark(request.source)
                if its.markers:
                    sent[request.item] = request, its
                    yield replace(request, source=its.text)
                else:
                    yield request

        try:
            for commit in self._inside.translate(marked()):
                whole = []
                for outcome in commit:
                    request, its = sent.pop(outcome.item, (None, None))
                    if request is None or its is None or outcome.failure is not None:
                        whole.append(outcome)
                    elif (text := its.restore(outcome.text)) is not None:
                        whole.append(replace(outcome, text=text))
                    else:
                        lost.append((request, outcome))
                if whole or not commit:  # which says that the translator waits
                    yield whole
        except MidRunError as error:
            if lost and self._tells_all:
                yield [_of_parts(before, Pieces((), ()), [], error.message) for _, before in lost]
            raise
        if lost:
            # As they were asked for, not as they came back.
            yield from self._in_stretches(sorted(lost, key=lambda one: one[0].item))

    def _in_stretches(self, lost: Sequence[tuple[Request, Outcome]]) -> Iterator[list[Outcome]]:
        pieces = [between_spans(request.source) for request, _ in lost]
        owner = [row for row, its in enumerate(pieces) for _ in its.texts]
        first = {row: at for at, row in reversed(list(enumerate(owner)))}
        texts = [text for its in pieces for text in its.texts]
        found: list[dict[int, Outcome]] = [{} for _ in lost]
        done = [row for row, its in enumerate(pieces) if not its.texts]
        if done:
            yield [_of_parts(lost[row][1], pieces[row], []) for row in done]
        requests = (
            replace(lost[row][0], item=at, source=text)
            for at, (row, text) in enumerate(zip(owner, texts, strict=True))
        )
        try:
            for commit in self._inside.translate(requests):
                whole = []
                for outcome in commit:
                    row = owner[outcome.item]
                    found[row][outcome.item - first[row]] = outcome
                    if len(found[row]) == len(pieces[row].texts):
                        parts = [found[row][at] for at in range(len(found[row]))]
                        whole.append(_of_parts(lost[row][1], pieces[row], parts))
                if whole or not commit:
                    yield whole
        except MidRunError as error:
            rest = [row for row, its in enumerate(pieces) if len(found[row]) < len(its.texts)]
            if rest and self._tells_all:
                yield [
                    _of_parts(lost[row][1], pieces[row], list(found[row].values()), error.message)
                    for row in rest
                ]
            raise


def _of_parts(
    before: Outcome, pieces: Pieces, parts: Sequence[Outcome], failure: str | None = None
) -> Outcome:
    """Make one outcome of the stretches of a source, and of the try whose markers got lost.

    With a ``failure`` of all, not every part needs to be there.
    """
    failed = failure or next((part.failure for part in parts if part.failure is not None), None)
    texts = [_without_new_end(part.text) for part in parts]
    states = [part.state for part in parts if part.state is not None]
    return Outcome(
        item=before.item,
        text="" if failed is not None else pieces.join(texts),
        prompt_tokens=before.prompt_tokens + sum(part.prompt_tokens for part in parts),
        output_tokens=before.output_tokens + sum(part.output_tokens for part in parts),
        truncated=any(part.truncated for part in parts),
        token_logprobs=_concatenated([part.token_logprobs for part in parts]),
        failure=failed,
        token_entropies=_concatenated([part.token_entropies for part in parts]),
        token_margins=_concatenated([part.token_margins for part in parts]),
        state=mean_state(states) if states else before.state,
        requests=before.requests + sum(part.requests for part in parts),
        unmetered=before.unmetered or any(part.unmetered for part in parts),
    )


def _without_new_end(text: str) -> str:
    """Drop the end of a sentence, which no stretch has."""
    return text.rstrip(_END_MARKS) or text


def _concatenated(
    parts: Sequence[npt.NDArray[np.float32] | None],
) -> npt.NDArray[np.float32] | None:
    kept = [part for part in parts if part is not None]
    return np.concatenate(kept) if kept else None
