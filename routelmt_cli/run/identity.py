"""What a run must be continued with, by names that errors can use.

A corpus, models, routers and options go in, plain JSON values come out. Always: what is not asked
for has no part in it, so that a new option does not part old runs from their folders; and where
there are two models their names are those of the first version.
"""

from __future__ import annotations

from typing import Any

from routelmt_cli.corpus.layout import Layout
from routelmt_cli.run.corpus_input import CorpusInput, describe_layout
from routelmt_cli.run.options import TranslateOptions
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.source_language import SOURCE_LANGUAGE
from routelmt_cli.run.tiers import LARGE, SMALL
from routelmt_cli.translators.card import ModelCard


def identity(
    source: CorpusInput, pair: Pair, *, deterministic: bool, **options: Any
) -> dict[str, Any]:
    """Return what a run must be continued with, by names that errors can use."""
    return {
        "input file": source.sha256,
        "input layout": describe_layout(source.corpus),
        **_pair_identity(pair),
        "decoding mode (--deterministic)": deterministic,
        # It says where long segments are cut, and so what they may cost.
        "context size of the models": [
            model.card.decoding.context_tokens for model in pair.models.values()
        ],
        # Only the deterministic mode's bytes depend on the group size.
        "number of parallel sequences": [
            model.card.decoding.parallel_sequences
            for model in pair.models.values()
            if deterministic
        ],
        **options,
    }


def translate_identity(
    source: CorpusInput,
    pair: Pair,
    router: str | dict[str, Any],
    options: TranslateOptions,
    memory_fingerprint: str = "",
    glossary_fingerprint: str | None = None,
) -> dict[str, Any]:
    """Return the identity of a ``translate``; what is not asked for has no part in it."""
    given: dict[str, Any] = {}
    if options.guard is not None:
        given["guard (--guard)"] = options.guard
    if options.pin is not None:
        given["pins (--pin)"] = options.pin
    if glossary_fingerprint is not None:
        given["glossary (--glossary)"] = glossary_fingerprint
    if options.context:
        given["context (--context, --document-column)"] = [options.context, options.document_column]
    if options.memory:
        given["translation memory (--memory)"] = memory_fingerprint
        given["near matches (--near)"] = options.near
    return identity(
        source,
        pair,
        deterministic=options.pair.deterministic,
        router=router,
        **{"weight rule (--weight)": options.weight},
        **given,
    )


def stream_identity(
    pair: Pair, router: str | dict[str, Any], options: TranslateOptions, layout: Layout, span: str
) -> dict[str, Any]:
    """Return the identity of a stream, whose input nobody knows; names as in ``identity``."""
    return {
        "stream (--stream)": span,
        "input layout": [layout.format.value, str(layout.source_column), layout.has_header],
        **_pair_identity(pair),
        "router": router,
        "guard (--guard)": options.guard,
        "weight rule (--weight)": options.weight,
    }


def _pair_identity(pair: Pair) -> dict[str, Any]:
    return {
        SOURCE_LANGUAGE: pair.source_language,
        "target language (--to)": pair.target_language,
        # Plans know tiers by their numbers; two models have their roles.
        **(
            {}
            if list(pair.models) == [SMALL, LARGE]
            else {"order of the tiers (--tier)": list(pair.models)}
        ),
        **{_called(tier): model.fingerprint for tier, model in pair.models.items()},
        **{
            f"price of the {_called(tier)}": _price(model.card)
            for tier, model in pair.models.items()
        },
        "protection of placeholders (--no-protect)": pair.small.protects,
    }


def _called(tier: str) -> str:
    return f"{tier} model" if tier in (SMALL, LARGE) else f"model of tier '{tier}'"


def _price(card: ModelCard) -> list[int | str]:
    price = card.price
    return [
        price.input_nanousd_per_million_tokens,
        price.output_nanousd_per_million_tokens,
        card.charge_prefix,
    ]
