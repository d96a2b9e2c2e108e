"""Probing with llama.cpp: the hidden state that a prompt ends in, and not a token decoded.

In: sources. Out: outcomes without text that carry the state of the prompt's last token, the first
half of what a draft's outcome carries. Prompts are those that drafts are decoded from, part by part
where a source is cut, and together in batches as a scorer evaluates them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from routelmt_cli.translators.hidden_state import mean_state, prompt_state
from routelmt_cli.translators.llama_scoring import LlamaScorer, ScoredText
from routelmt_cli.translators.notes import Notes
from routelmt_cli.translators.protocol import Outcome, Request, TokenCounts


class LlamaProber(LlamaScorer):
    """Probe sources with one GGUF model; a ``protocol.Translator`` that decodes nothing.

    Its parameters are a ``LlamaScorer``'s, with states.
    """

    # Sources are taken in whole groups, in their order, whoever asks.
    deterministic = True

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count the tokens of every prompt exactly."""
        return self._prompter.count(sources).prompts_alone

    def translate(self, requests: Iterable[Request]) -> Iterator[Sequence[Outcome]]:
        """Probe the sources; each sequence of outcomes is one commit."""
        for group in self.evaluated(requests, self._prompts):
            yield [_probed(request, texts) for request, texts in group]

    def _prompts(self, request: Request) -> list[ScoredText]:
        parts = [
            [*self._prompter.source(piece), *self._prompter.suffix]
            for piece in self._prompter.pieces(request.source).texts
        ]
        # A part of no tokens has nothing to begin after.
        return [ScoredText(prompt, [], whole=True) for prompt in parts if prompt]


def _probed(request: Request, texts: Sequence[ScoredText]) -> Outcome:
    states = [text.state.result() for text in texts]
    return Outcome(
        item=request.item,
        text="",
        prompt_tokens=sum(len(text.prompt) for text in texts),
        output_tokens=0,
        state=mean_state([prompt_state(state) for state in states]),
    )
