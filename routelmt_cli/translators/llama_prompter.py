"""From a source to the tokens of its prompts, and how many tokens that is.

Needs a GGUF file's vocabulary only, so tokens can be counted before a model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.decoding_cap import longest_source, token_cap
from routelmt_cli.translators.llama_library import LlamaModel
from routelmt_cli.translators.notes import NO_NOTES, Notes, NoteWriter
from routelmt_cli.translators.pieces import Limit, Pieces, cut, pair
from routelmt_cli.translators.prompt import render_prompt
from routelmt_cli.translators.protocol import TokenCounts

_NOTES_SHARE = 4  # of the context, at most a quarter is for notes


@dataclass(frozen=True)
class DraftPrompt:
    """A part of a draft behind its prompt, as far as both fit the context.

    Attributes
    ----------
    prompt
        Tokens after the shared prefix, at least one.
    draft
        Tokens of the draft; none where it is blank.
    has_end
        Whether the draft is not blank and ends here.
    whole
        Whether nothing had to be left out.
    """

    prompt: list[int]
    draft: list[int]
    has_end: bool
    whole: bool


class LlamaPrompter:
    """Tokenize prompts of one card for one language pair; closes its model when left.

    Attributes
    ----------
    prefix
        Tokens that every prompt starts with.
    suffix
        Tokens after every source.
    """

    def __init__(
        self,
        card: ModelCard,
        model: LlamaModel,
        source_language: str,
        target_language: str,
        *,
        with_notes: bool = False,
    ) -> None:
        prompt = render_prompt(
            card.prompt,
            source_language,
            target_language,
            chat_template=model.metadata("tokenizer.chat_template"),
            bos=model.special_text(model.bos),
            eos=model.special_text(model.eos),
            with_notes=with_notes,
        )
        self.model = model
        self._decoding = card.decoding
        self._lead, self._draft_lead = prompt.lead, prompt.draft_lead
        self.prefix = model.tokenize(prompt.prefix, parse_special=True)
        if model.add_bos and self.prefix[:1] != [model.bos]:
            self.prefix.insert(0, model.bos)
        self.suffix = model.tokenize(prompt.suffix, parse_special=True)
        self.prefix_tokens = len(self.prefix)
        self.context_limit = min(card.decoding.context_tokens, model.trained_context)
        # What stands around a source in every request, and room for its notes.
        self._after_notes = model.tokenize(prompt.after_notes, parse_special=True)
        self._notes_room = self.context_limit // _NOTES_SHARE if with_notes else 0
        self._notes = NoteWriter(
            card.prompt, source_language, target_language, self._count_text, self._notes_room
        )
        most = longest_source(
            card,
            self.context_limit,
            self._fixed_tokens + self._notes_room + len(self._after_notes),
        )
        self._limit = Limit(self.source_tokens, most, source_language, target_language)

    @classmethod
    def vocabulary_only(
        cls,
        card: ModelCard,
        weights: Path,
        source_language: str,
        target_language: str,
        *,
        with_notes: bool = False,
    ) -> LlamaPrompter:
        """Open a prompter on a file's vocabulary, without its tensors."""
        model = LlamaModel(weights, vocabulary_only=True)
        try:
            return cls(card, model, source_language, target_language, with_notes=with_notes)
        except BaseException:
            model.close()
            raise

    def __enter__(self) -> LlamaPrompter:
        return self

    def __exit__(self, *_: object) -> None:
        self.model.close()

    @property
    def _fixed_tokens(self) -> int:
        return self.prefix_tokens + len(self.suffix)

    def _count_text(self, text: str) -> int:
        return len(self.model.tokenize(text, parse_special=False))

    def before(self, notes: Notes) -> list[int]:
        """Return the tokens between the shared prefix and a source: its notes, as far as they fit.

        Special tokens in notes stay the characters they are.
        """
        text = self._notes.text(notes) if self._notes_room else ""
        return [*self.model.tokenize(text, parse_special=False), *self._after_notes]

    def pieces(self, source: str) -> Pieces:
        """Cut a source into parts that fit the context with their prompts and caps."""
        return cut(source, self._limit)

    def source(self, piece: str) -> list[int]:
        """Return the tokens of a source; special tokens in it stay the characters they are."""
        return self.model.tokenize(self._lead + piece, parse_special=False)

    def spellings(self, text: str) -> Iterator[str]:
        """Yield what is tokenized where a text is a source, a draft, or an answer: part by part."""
        for piece in self.pieces(text).texts:
            yield from dict.fromkeys((self._lead + piece, self._draft_lead + piece, piece))

    def source_tokens(self, piece: str) -> int:
        """Count the tokens of a source; of one that cannot fit the context, so many at least.

        llama.cpp takes quadratic time for characters that are not in the vocabulary: a minute for
        a line of a million NULs, which no token longer than the longest one makes fit.
        """
        least = 0
        if len(piece) > self.context_limit:
            least = -(-len(piece) // self.model.longest_piece)
        return least if least > self.context_limit else len(self.source(piece))

    def cap(self, source_tokens: int) -> int:
        """Return the most tokens to sample for a source of so many tokens."""
        return token_cap(self._decoding, source_tokens)

    def draft_prompts(self, source: str, draft: str, *, blank: bool) -> Iterator[DraftPrompt]:
        """Lay a draft behind the prompts of its source, part by part.

        Parameters
        ----------
        source, draft
            Both texts; special tokens in them stay the characters they are.
        blank
            Whether blank parts of the draft are asked about too.
        """
        room = self.context_limit - self._fixed_tokens
        for part, its_draft in pair(source, draft, self._limit):
            prompt = self.source(part)
            if not (its_draft or blank) or not (prompt or self.suffix):
                continue  # nothing to score, or nothing to begin after
            tokens: list[int] = []
            if its_draft:
                # As the model would have begun it.
                tokens = self.model.tokenize(self._draft_lead + its_draft, parse_special=False)
            of_source, of_draft = share_room(len(prompt), len(tokens), room)
            ends = of_draft == len(tokens)
            yield DraftPrompt(
                prompt=[*prompt[:of_source], *self.suffix],
                draft=tokens[:of_draft],
                has_end=ends and bool(its_draft),
                whole=ends and of_source == len(prompt),
            )

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count the tokens of every source exactly; of one far beyond the context, at least."""
        table = np.zeros((4, len(sources)), np.int64)
        for column, source in enumerate(sources):
            before = len(self.before(NO_NOTES if notes is None else notes[column]))
            for piece in self.pieces(source).texts:
                tokens = len(self.source(piece))
                cap = self.cap(tokens)
                table[:3, column] += (tokens, before + tokens + len(self.suffix), cap)
                longest = self._fixed_tokens + before + tokens + cap
                table[3, column] = max(table[3, column], longest)
        return TokenCounts(*table)

    def count_scored(self, sources: Sequence[str], drafts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Count the tokens that scoring every draft reads; int64 of shape (n,)."""
        return np.array(
            [
                sum(
                    len(part.prompt) + len(part.draft) + part.has_end
                    for part in self.draft_prompts(source, draft, blank=False)
                )
                for source, draft in zip(sources, drafts, strict=True)
            ],
            np.int64,
        )


def share_room(source_tokens: int, draft_tokens: int, room: int) -> tuple[int, int]:
    """Return how many tokens of a source and of its draft are kept where both must fit.

    The draft is shortened first, down to half of the room, and then the source.

    Parameters
    ----------
    source_tokens, draft_tokens
        How many there are.
    room
        How many fit, at least 2.
    """
    source = min(source_tokens, max(room - draft_tokens, room // 2))
    return source, min(draft_tokens, room - source)
