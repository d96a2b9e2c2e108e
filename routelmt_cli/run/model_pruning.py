"""``models prune``: a model with what a language pair needs of its vocabulary, and its card.

In: a card, corpora of either language, a number of tokens. Out: a GGUF file and a card beside it.
Always: before the files get their names, every text and the prompt were tokenized with both
vocabularies and the tokens are the same, and llama.cpp has evaluated the new model once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.errors import UsageError
from routelmt_cli.run.corpus_input import open_input
from routelmt_cli.run.language_pairs import LanguagePair
from routelmt_cli.run.new_model import card_beside, whole
from routelmt_cli.run.options import CorpusOptions
from routelmt_cli.translators.card import ModelCard, WeightsCard, load_card
from routelmt_cli.translators.card_text import card_text
from routelmt_cli.translators.checksum import file_sha256
from routelmt_cli.translators.gguf_file import read_gguf, require_gguf, write_gguf
from routelmt_cli.translators.llama_prompter import LlamaPrompter
from routelmt_cli.translators.llama_selfcheck import extra_buffers_work, refuse_broken_vocabulary
from routelmt_cli.translators.pruning import prune_file, refuse_unknown_layout, special_tokens
from routelmt_cli.translators.shortlist import choose_tokens
from routelmt_cli.translators.token_table import read_token_table
from routelmt_cli.translators.weights import Weights, find_weights

_USUAL_COLUMNS = ("reference", "translation", "draft", "retranslation")


@dataclass(frozen=True)
class PruneOptions:
    """A whole ``models prune``.

    Attributes
    ----------
    corpora
        Texts of either language.
    columns
        The columns that hold texts, in all corpora; none for the source column and, where they are
        there, ``reference``, ``translation``, ``draft``, ``retranslation``.
    output
        The GGUF file; the card is written beside it.
    keep
        How many tokens to keep where the texts need fewer; None for half of them, below which
        translations were measurably worse (docs/log.md).
    overwrite
        Replace files that are there.
    """

    corpora: Sequence[CorpusOptions]
    columns: Sequence[str]
    pair: LanguagePair
    output: Path
    keep: int | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class PrunedModel:
    """What was made.

    Attributes
    ----------
    tokens_needed
        How many tokens the texts, the prompt and texts of any kind need.
    tokens, tokens_before
        Rows of the vocabulary.
    bytes, bytes_before
        Sizes of the files.
    texts
        How many texts were tokenized with both vocabularies.
    """

    name: str
    card: str
    weights: str
    sha256: str
    tokens_needed: int
    tokens: int
    tokens_before: int
    bytes: int
    bytes_before: int
    texts: int

    def as_json(self) -> dict[str, Any]:
        """Return everything, as JSON knows it."""
        return asdict(self)


def prune_model(card: ModelCard, options: PruneOptions) -> PrunedModel:
    """Write a pruned model and its card.

    Parameters
    ----------
    card
        Of a llama.cpp model.
    options
        For which texts, and where to.

    Raises
    ------
    UsageError
        Where the model, the corpora or the output do not allow it.
    MidRunError
        Where the disk refuses.
    """
    if any(one.path is None for one in options.corpora):
        raise UsageError("-: the texts are read twice", hint="put them into a file")
    require_gguf()
    weights = find_weights(card)
    card_path = card_beside(options.output, weights.path, overwrite=options.overwrite)
    refuse_broken_vocabulary(weights.path, weights.sha256)
    file = read_gguf(weights.path)
    table = read_token_table(file, str(weights.path))
    refuse_unknown_layout(file, str(weights.path))
    with _prompter(card, weights.path, options.pair) as prompter:
        counts = _count_tokens(prompter, card.decoding.stop, options)
        keep = len(table.texts) // 2 if options.keep is None else options.keep
        shortlist = choose_tokens(table, counts, special_tokens(file), keep)
        kept = shortlist.tokens
        if len(kept) == len(table.texts):
            raise UsageError(
                f"{weights.path}: all of its {len(kept)} tokens would be kept",
                hint="lower --keep, or prune for fewer texts",
            )
        with whole(card_path) as temporary_card, whole(options.output) as temporary:
            write_gguf(temporary, prune_file(file, kept))
            made = Weights(temporary, file_sha256(temporary))
            refuse_broken_vocabulary(made.path, made.sha256)
            with _prompter(card, made.path, options.pair) as pruned:
                texts = _compare(prompter, pruned, kept, options)
            extra_buffers_work(made.path, made.sha256)
            new = _new_card(card, options, made.sha256, len(kept))
            temporary_card.write_text(card_text(new, options.output.name), "utf-8")
            load_card(temporary_card)
    return PrunedModel(
        name=new.name,
        card=str(card_path),
        weights=str(options.output),
        sha256=made.sha256,
        tokens_needed=shortlist.needed,
        tokens=len(kept),
        tokens_before=len(table.texts),
        bytes=options.output.stat().st_size,
        bytes_before=weights.path.stat().st_size,
        texts=texts,
    )


def _prompter(card: ModelCard, weights: Path, pair: LanguagePair) -> LlamaPrompter:
    return LlamaPrompter.vocabulary_only(card, weights, pair.source, pair.target)


def _texts(options: PruneOptions) -> Iterator[str]:
    for one in options.corpora:
        with open_input(one, every_unit=True) as opened:
            corpus = opened.corpus
            for column in _columns(corpus, options.columns):
                if column is None:
                    for batch in corpus.batches():
                        yield from batch.sources.to_pylist()
                else:
                    for array in corpus.texts(column):
                        yield from array.to_pylist()


def _columns(corpus: Corpus, named: Sequence[str]) -> list[str | None]:
    """Return the columns with texts, None for the source column."""
    if named and corpus.layout.format is not Format.TEXT:
        return list(named)
    return [None, *(name for name in _USUAL_COLUMNS if name in corpus.column_names)]


def _count_tokens(
    prompter: LlamaPrompter, stop: Sequence[str], options: PruneOptions
) -> Counter[int]:
    """Count the tokens of all texts, of the prompt and of what ends a text."""
    counts = Counter([*prompter.prefix, *prompter.suffix])
    for text in stop:
        counts.update(prompter.model.tokenize(text, parse_special=False))
    for text in _texts(options):
        for spelling in prompter.spellings(text):
            counts.update(prompter.model.tokenize(spelling, parse_special=False))
    return counts


def _compare(
    whole: LlamaPrompter,
    pruned: LlamaPrompter,
    kept: npt.NDArray[np.int64],
    options: PruneOptions,
) -> int:
    """Check that all texts have the same tokens in both vocabularies; return how many they are.

    Raises
    ------
    UsageError
        Naming the first text that has others.
    """
    old = kept.tolist()
    checked = 0

    def same(before: Sequence[int], after: Sequence[int], text: str) -> None:
        if before != [old[token] for token in after]:
            raise UsageError(
                f"the pruned vocabulary would cut {text[:60]!r} into other tokens; nothing was "
                "written",
                hint="this tokenizer cannot be pruned",
            )

    same(whole.prefix, pruned.prefix, "the prompt's beginning")
    same(whole.suffix, pruned.suffix, "the prompt's end")
    for text in _texts(options):
        for spelling in whole.spellings(text):
            same(
                whole.model.tokenize(spelling, parse_special=False),
                pruned.model.tokenize(spelling, parse_special=False),
                spelling,
            )
        checked += 1
    return checked


def _new_card(card: ModelCard, options: PruneOptions, sha256: str, tokens: int) -> ModelCard:
    pair = f"{options.pair.source}-{options.pair.target}"
    return replace(
        card,
        name=f"{card.name}-pruned-{pair}",
        description=f"{card.description or card.name}; vocabulary of {tokens} tokens for {pair}",
        weights=WeightsCard(options.output.name, None, None, (), sha256),
    )
