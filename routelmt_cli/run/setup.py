"""Everything that is settled before a run spends: languages, models, router, identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.bundle import load_bundle
from routelmt_cli.gain.catalogue import no_router, shipped_routers
from routelmt_cli.gain.router import Router
from routelmt_cli.run.corpus_input import CorpusInput, describe_layout
from routelmt_cli.run.options import PairOptions, TranslateOptions
from routelmt_cli.run.progress import Progress
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.languages import canonical_code
from routelmt_cli.translators.models import Model, find_model


@dataclass(frozen=True)
class Pair:
    """The two models of a run, for one language pair."""

    small: Model
    large: Model
    source_language: str
    target_language: str


def find_pair(options: PairOptions, source_language: str, target_language: str) -> Pair:
    """Find both models and verify their weights.

    Raises
    ------
    UsageError
        Where a card or its weights are missing or wrong, or a prompt cannot name the languages.
    """
    cards = [find_card(name) for name in (options.small, options.large)]
    if any(card.backend != "stand-in" for card in cards):
        # Before weights are read, which takes longer.
        source_language, target_language = map(canonical_code, (source_language, target_language))
    small, large = (find_model(card, source_language, target_language) for card in cards)
    return Pair(small, large, source_language, target_language)


def find_pair_and_router(options: TranslateOptions, progress: Progress) -> tuple[Pair, Router]:
    """Find the models and the router that fits them.

    Raises
    ------
    UsageError
        Where a model or router is missing, or the router was made for others.
    """
    if options.router is not None:
        router = load_bundle(options.router)
        pair = find_pair(options.pair, *_languages(options.pair, router))
        changed = _mismatches(router, pair)
        if changed and not options.force_router:
            raise UsageError(
                f"{options.router}: this router was calibrated for another {', '.join(changed)}",
                hint="calibrate one for these models, or insist with --force-router",
            )
        if changed:
            progress.note(f"router forced although it is for another {', '.join(changed)}")
        return pair, router
    shipped = shipped_routers()
    if options.pair.source_language is None or options.pair.target_language is None:
        router = _only_router(options.pair, shipped)
        pair = find_pair(options.pair, *_languages(options.pair, router))
        progress.note(f"languages: {pair.source_language} to {pair.target_language} (the router's)")
    else:
        pair = find_pair(options.pair, options.pair.source_language, options.pair.target_language)
    for router in shipped:
        if not _mismatches(router, pair):
            return pair, router
    raise no_router(
        pair.source_language, pair.target_language, pair.small.card.name, pair.large.card.name
    )


def _languages(options: PairOptions, router: Router) -> tuple[str, str]:
    return (
        options.source_language or router.metadata.source_language,
        options.target_language or router.metadata.target_language,
    )


def _only_router(options: PairOptions, shipped: list[Router]) -> Router:
    names = (find_card(options.small).name, find_card(options.large).name)
    fitting = [
        router
        for router in shipped
        if (router.metadata.small.name, router.metadata.large.name) == names
        and options.source_language in (None, router.metadata.source_language)
        and options.target_language in (None, router.metadata.target_language)
    ]
    if len(fitting) != 1:
        raise UsageError(
            "the languages are not given and no single shipped router tells them",
            hint="add --from and --to, such as --from es --to en",
        )
    return fitting[0]


def _mismatches(router: Router, pair: Pair) -> list[str]:
    return router.metadata.mismatches(
        source_language=pair.source_language,
        target_language=pair.target_language,
        small_fingerprint=pair.small.fingerprint,
        large_fingerprint=pair.large.fingerprint,
        decoding={},
    )


def identity(
    source: CorpusInput, pair: Pair, *, deterministic: bool, **options: Any
) -> dict[str, Any]:
    """Return what a run must be continued with, by names that errors can use."""
    return {
        "input file": source.sha256,
        "input layout": describe_layout(source.corpus),
        "source language (--from)": pair.source_language,
        "target language (--to)": pair.target_language,
        "small model": pair.small.fingerprint,
        "large model": pair.large.fingerprint,
        "price of the small model": _price(pair.small.card),
        "price of the large model": _price(pair.large.card),
        "decoding mode (--deterministic)": deterministic,
        # Only the deterministic mode's bytes depend on the group size.
        "number of parallel sequences": [
            model.card.decoding.parallel_sequences
            for model in (pair.small, pair.large)
            if deterministic
        ],
        **options,
    }


def translate_identity(
    source: CorpusInput, pair: Pair, router: Router, options: TranslateOptions
) -> dict[str, Any]:
    """Return the identity of a ``translate``."""
    return identity(
        source,
        pair,
        deterministic=options.pair.deterministic,
        router=router.fingerprint,
        **{"weight rule (--weight)": options.weight},
    )


def _price(card: ModelCard) -> list[int | str]:
    price = card.price
    return [
        price.input_nanousd_per_million_tokens,
        price.output_nanousd_per_million_tokens,
        card.charge_prefix,
    ]
