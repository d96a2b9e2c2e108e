"""The contracts of translators and scorers: requests in, outcomes out, in any order.

A translator is a context manager over one loaded model. It yields *commits*: groups of outcomes
that belong into one transaction of the journal. Only what ends the run is raised, and not before
all that may have been charged is yielded; what goes wrong with one segment is an outcome with
``failure`` set. A scorer is the same for drafts that exist
already: it decodes nothing, it says what the model thinks of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from routelmt_cli.translators.notes import NO_NOTES, Notes


@dataclass(frozen=True, slots=True)
class Request:
    """One segment to translate.

    Attributes
    ----------
    item
        The caller's number for it.
    source, notes
        The segment, and what else the model is told.
    wave
        Names what it is bought in, among all waves of all runs. A translator that can find again
        what it sent before a crash goes by it; empty where there is nothing to find.
    """

    item: int
    source: str
    notes: Notes = NO_NOTES
    wave: str = ""


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """One draft to score as the translation of a source; ``item`` as in ``Request``."""

    item: int
    source: str
    draft: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request.

    Attributes
    ----------
    item
        The number of the request.
    text
        The hypothesis, empty where ``failure`` is set; of a scorer, the draft as it was given.
    prompt_tokens
        Tokens evaluated for this request alone, without the shared prefix.
    output_tokens
        Tokens sampled, the one that ended the text included; of a scorer, the draft's own and
        the end after it (after each line, where it is scored line by line).
    truncated
        Whether the token cap ended it; of a scorer, whether the context held a part of it only.
    token_logprobs
        float32, natural log-probability of every sampled token, or None where not asked for.
    failure
        Why there is no hypothesis, or None.
    token_entropies
        float32, as long as ``token_logprobs``: the entropy in nats of the distribution that each
        token was taken from; None where those are.
    token_margins
        float32, as long as ``token_logprobs``: logit of the best token minus that of the second
        best, whichever was taken; None where those are.
    state
        float32 of shape (2 x width,), or None where not asked for: the model's hidden state, after
        its last norm, of the prompt's last token, then the mean over the text's own tokens (that
        of the prompt again where there are none). The mean over the parts where the text was cut.
        Of a prober (see ``probing``) the first half alone.
    requests
        How many requests it took; one, unless it was sent again.
    unmetered
        Whether nobody knows what it used: its answer was lost, or did not say. It is charged as
        much as it can have cost.
    """

    item: int
    text: str
    prompt_tokens: int
    output_tokens: int
    truncated: bool = False
    token_logprobs: npt.NDArray[np.float32] | None = None
    failure: str | None = None
    token_entropies: npt.NDArray[np.float32] | None = None
    token_margins: npt.NDArray[np.float32] | None = None
    state: npt.NDArray[np.float32] | None = None
    requests: int = 1
    unmetered: bool = False


@dataclass(frozen=True)
class RetryCounts:
    """What may be sent besides, where the first answer will not do; int64 arrays of shape (n,).

    Attributes
    ----------
    requests, prompt_tokens, cap_tokens
        How many requests that may be, and their tokens together; 0 where none can follow.
    """

    requests: npt.NDArray[np.int64]
    prompt_tokens: npt.NDArray[np.int64]
    cap_tokens: npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenCounts:
    """Token counts of a batch of sources, before anything is spent; arrays of shape (n,).

    Exact where the model's vocabulary is here; of a server they are estimates with a bound.

    Attributes
    ----------
    source_tokens
        int64, tokens of the source text alone.
    prompt_tokens
        int64, tokens charged as input when the request is sent; about so many, where
        ``most_prompt_tokens`` are told.
    cap_tokens
        int64, the most output tokens that the request can be charged.
    context_tokens
        int64, the longest sequence that the request needs: shared prefix, prompt and cap. It
        never exceeds the context, since a source that is too long is sent in parts.
    retry
        What may come on top; None where nothing can.
    most_prompt_tokens
        int64, the most tokens that can be charged as input; None where ``prompt_tokens`` are
        exact.
    """

    source_tokens: npt.NDArray[np.int64]
    prompt_tokens: npt.NDArray[np.int64]
    cap_tokens: npt.NDArray[np.int64]
    context_tokens: npt.NDArray[np.int64]
    retry: RetryCounts | None = None
    most_prompt_tokens: npt.NDArray[np.int64] | None = None

    @property
    def prompt_bound(self) -> npt.NDArray[np.int64]:
        """The most tokens that can be charged as input, int64 of shape (n,)."""
        return self.prompt_tokens if self.most_prompt_tokens is None else self.most_prompt_tokens

    @property
    def prompts_alone(self) -> TokenCounts:
        """The same where nothing is decoded after the prompts."""
        return replace(self, cap_tokens=np.zeros_like(self.cap_tokens), retry=None)


class Translator(Protocol):
    """A loaded model that translates.

    Attributes
    ----------
    prefix_tokens
        Tokens of the prompt prefix that all requests of a run share, charged once a run.
    context_limit
        The longest sequence in tokens that the model can decode here.
    deterministic
        Whether requests are decoded in static groups of ``group_size`` in the order given, each
        from a clean state and yielded as one commit.
    group_size
        How many requests a group holds.
    """

    prefix_tokens: int
    context_limit: int
    deterministic: bool
    group_size: int

    def __enter__(self) -> Translator: ...

    def __exit__(self, *_: object) -> None: ...

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count the tokens of every source exactly, with its notes if there are any."""
        ...

    def translate(self, requests: Iterable[Request]) -> Iterator[Sequence[Outcome]]:
        """Translate the requests; each sequence of outcomes is one commit.

        An empty one says that the translator waits, and that it may be left and come back to.
        """
        ...


class Counter(Protocol):
    """The part of a translator that needs a vocabulary alone."""

    prefix_tokens: int
    context_limit: int

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count the tokens of every source exactly, with its notes if there are any."""
        ...

    def count_scored(self, sources: Sequence[str], drafts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Count the tokens that scoring every draft reads; int64 of shape (n,)."""
        ...


class Scorer(Protocol):
    """A loaded model that scores drafts made elsewhere (forced decoding).

    Attributes
    ----------
    prefix_tokens, context_limit
        As of a ``Translator``.
    """

    prefix_tokens: int
    context_limit: int

    def __enter__(self) -> Scorer: ...

    def __exit__(self, *_: object) -> None: ...

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Sequence[Outcome]]:
        """Score the drafts; each sequence of outcomes is one commit.

        Every outcome carries log-probabilities, entropies and margins of the draft's tokens and
        of the end after it, so that an end that comes too early is seen. A blank draft has none:
        its arrays are empty. A draft that has as many lines as its source is scored line by line;
        otherwise both are scored as if their breaks were blanks. A line that a translator would
        cut is scored in the same parts, each with its share of the draft. What does not fit the
        context even so is left out, and nothing is scored after it.
        """
        ...
