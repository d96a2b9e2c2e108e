"""A loaded model is freed whatever happens, and serves one stream of requests at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_llama import ToyContext, ToyModel, toy_card

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.translators import llama_prompter, llama_scoring, llama_session
from routelmt_cli.translators.llama_cpp import LlamaTranslator
from routelmt_cli.translators.llama_prompter import LlamaPrompter
from routelmt_cli.translators.llama_scoring import LlamaScorer
from routelmt_cli.translators.protocol import Request, ScoreRequest

PAIR = {"source_language": "es", "target_language": "en"}
OPEN = {
    "translator": lambda card: LlamaTranslator(card, Path("toy"), with_logprobs=False, **PAIR),
    "scorer": lambda card: LlamaScorer(card, Path("toy"), **PAIR),
}
STREAM = {
    "translator": lambda opened: opened.translate(Request(i, "uno") for i in range(9)),
    "scorer": lambda opened: opened.score(ScoreRequest(i, "uno", "one") for i in range(9)),
}


@pytest.fixture
def alive(monkeypatch):
    """Name what is open; the toys say so when they are closed."""
    alive = []

    class Model(ToyModel):
        def __init__(self):
            alive.append("model")

        def close(self):
            assert alive.pop() == "model"

    class Context(ToyContext):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            alive.append("context")

        def close(self):
            assert alive.pop() == "context"
            self.closed = True

    for module in (llama_session, llama_prompter):
        monkeypatch.setattr(module, "LlamaModel", lambda *_, **__: Model())
    monkeypatch.setattr(llama_session, "LlamaContext", Context)
    monkeypatch.setattr(llama_scoring, "_OUTPUT_ROWS", 5)
    return alive


@pytest.mark.parametrize("kind", OPEN)
def test_what_is_left_is_closed(alive, kind):
    with OPEN[kind](toy_card()):
        assert alive == ["model", "context"]
    assert alive == []


@pytest.mark.parametrize("kind", OPEN)
def test_what_cannot_be_opened_is_closed(alive, kind, monkeypatch):
    with pytest.raises(UsageError, match="leaves too few"):
        OPEN[kind](toy_card(context_tokens=20))
    assert alive == []
    with pytest.raises(UsageError, match="leaves too few"):
        LlamaPrompter.vocabulary_only(toy_card(context_tokens=20), Path("toy"), "es", "en")
    assert alive == []

    def fail(*_):
        raise MidRunError("no prefix")

    monkeypatch.setattr(ToyContext, "evaluate", fail)
    with pytest.raises(MidRunError, match="no prefix"):
        OPEN[kind](toy_card())
    assert alive == []


@pytest.mark.parametrize("kind", OPEN)
def test_what_is_left_in_the_middle_is_closed(alive, kind):
    with OPEN[kind](toy_card()) as opened:
        begun = STREAM[kind](opened)
        next(begun)
    assert alive == []
    begun.close()  # as late as a traceback lets go of it


@pytest.mark.parametrize("kind", OPEN)
def test_one_stream_at_a_time(alive, kind):
    with OPEN[kind](toy_card()) as opened:
        begun = STREAM[kind](opened)
        next(begun)
        with pytest.raises(RuntimeError, match="one stream"):
            next(STREAM[kind](opened))
        begun.close()
        assert len([o for commit in STREAM[kind](opened) for o in commit]) == 9
