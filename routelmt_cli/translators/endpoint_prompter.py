"""From a source to the requests that a server is sent, and what each of them costs at most.

Needs a card only. The server's tokenizer is not known, so tokens are estimated from bytes, and
bounded by them: a byte-level or byte-fallback tokenizer makes no more tokens of a text than it has
bytes. A source of several lines, or too long for one request, is sent in parts.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.decoding_cap import longest_source, token_cap
from routelmt_cli.translators.endpoint_card import EndpointCard
from routelmt_cli.translators.notes import NO_NOTES, Notes, NoteWriter
from routelmt_cli.translators.pieces import Limit, Pieces, cut
from routelmt_cli.translators.prompt import Message, render_messages, render_prompt
from routelmt_cli.translators.protocol import TokenCounts

_NOTES_SHARE = 4  # of the context, at most a quarter is for notes
_TOKENS_PER_MESSAGE = 8  # what marks where a message begins, whose it is, and where it ends


class EndpointPrompter:
    """Make and count the requests of one card for one language pair; a ``Counter``.

    Parameters
    ----------
    card
        A card with an endpoint.
    source_language, target_language
        BCP 47 codes.
    with_notes
        Whether requests have notes.

    Attributes
    ----------
    prefix_tokens
        0: servers charge every request for all of its prompt.
    """

    prefix_tokens = 0

    def __init__(
        self,
        card: ModelCard,
        source_language: str,
        target_language: str,
        *,
        with_notes: bool = False,
    ) -> None:
        if card.endpoint is None:
            raise ValueError(f"model '{card.name}' has no endpoint")
        self._card, self._endpoint = card, card.endpoint
        self._decoding = card.decoding
        self._messages: list[Message] = []
        if card.prompt.kind == "chat":
            self._messages, self._prompt = render_messages(
                card.prompt, source_language, target_language, with_notes=with_notes
            )
        else:
            self._prompt = render_prompt(
                card.prompt, source_language, target_language, with_notes=with_notes
            )
        self.context_limit = self._decoding.context_tokens
        prompt = self._prompt
        around = [prompt.prefix, prompt.after_notes, prompt.lead, prompt.suffix]
        around += [message["content"] for message in self._messages]
        marks = _TOKENS_PER_MESSAGE * (len(self._messages) + 1)
        self._around_bound = sum(map(_bytes, around)) + marks + self._endpoint.template_tokens
        self._around = sum(map(self.estimate, around)) + min(marks, self._endpoint.template_tokens)
        notes_room = self.context_limit // _NOTES_SHARE if with_notes else 0
        self._with_notes = with_notes
        self._notes = NoteWriter(
            card.prompt, source_language, target_language, self.estimate, notes_room
        )
        most = longest_source(card, self.context_limit, self._around + notes_room)
        self._limit = Limit(self.estimate, most, source_language, target_language)

    def __enter__(self) -> EndpointPrompter:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def estimate(self, text: str) -> int:
        """Return about how many tokens a text is."""
        return math.ceil(len(text.encode()) / self._endpoint.bytes_per_token)

    def pieces(self, source: str) -> Pieces:
        """Cut a source into the parts that are sent one by one."""
        return cut(source, self._limit)

    def notes(self, notes: Notes) -> str:
        """Write the notes of a request, as far as they fit."""
        return self._notes.text(notes) if self._with_notes else ""

    def body(self, piece: str, notes: str, *, with_logprobs: bool) -> dict[str, Any]:
        """Return the body of the request for a part of a source.

        Parameters
        ----------
        piece
            The part.
        notes
            What is told before it, as ``notes`` writes it.
        with_logprobs
            Whether log-probabilities are asked for, where the card says that they are offered.
        """
        prompt, endpoint = self._prompt, self._endpoint
        text = f"{prompt.prefix}{notes}{prompt.after_notes}{prompt.lead}{piece}{prompt.suffix}"
        body: dict[str, Any] = {
            "model": endpoint.model,
            "temperature": 0,
            **endpoint.body,
            endpoint.cap_name: token_cap(self._decoding, self.estimate(piece)),
        }
        if self._decoding.stop:
            body["stop"] = list(self._decoding.stop)
        if self._card.prompt.kind == "chat":
            body["messages"] = [*self._messages, {"role": "user", "content": text}]
            if with_logprobs and endpoint.top_logprobs:
                body |= {"logprobs": True, "top_logprobs": endpoint.top_logprobs}
        else:
            body["prompt"] = text
            if with_logprobs and endpoint.top_logprobs:
                body["logprobs"] = endpoint.top_logprobs
        return body

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Estimate the tokens of every source, and bound those that it is charged."""
        table = np.zeros((5, len(sources)), np.int64)
        for column, source in enumerate(sources):
            before = self.notes(NO_NOTES if notes is None else notes[column])
            own, bound = self.estimate(before), _bytes(before)
            for piece in self.pieces(source).texts:
                tokens = self.estimate(piece)
                cap = token_cap(self._decoding, tokens)
                prompt = self._around + own + tokens
                table[:3, column] += (tokens, prompt, cap)
                table[3, column] = max(table[3, column], prompt + cap)
                table[4, column] += self._around_bound + bound + _bytes(piece)
        lengths, prompts, caps, contexts, bounds = table
        return TokenCounts(lengths, prompts, caps, contexts, most_prompt_tokens=bounds)

    def count_scored(self, sources: Sequence[str], drafts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Refuse: no server scores drafts in this protocol.

        Raises
        ------
        UsageError
            Always.
        """
        raise no_scoring(self._card)


def no_scoring(card: ModelCard) -> UsageError:
    """Return what is said to who wants drafts scored by a server."""
    return UsageError(
        f"{card.card_path}: an endpoint cannot score drafts that were made elsewhere",
        hint="leave --score-with out, or name a model that runs here",
    )


def endpoint_of(card: ModelCard) -> EndpointCard:
    """Return the endpoint of a card that has one."""
    if card.endpoint is None:
        raise ValueError(f"model '{card.name}' has no endpoint")
    return card.endpoint


def _bytes(text: str) -> int:
    """Return the most tokens that a text can be; some tokenizers normalise it before."""
    own = len(text.encode())
    return own if text.isascii() else max(own, len(unicodedata.normalize("NFKC", text).encode()))
