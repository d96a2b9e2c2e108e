"""Everything that is settled before a run spends: languages, models, router, guard, identity.

Options go in; models, the router and the limit of the guard come out. What always holds: what a
router cannot do for this run is refused here, before anything is paid for, and what makes its
predictions less sure is said here, once. It reads no segment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from routelmt_cli.corpus.layout import Layout
from routelmt_cli.errors import UsageError
from routelmt_cli.gain.accuracy import Accuracy, accuracy_of
from routelmt_cli.gain.bundle import load_bundle
from routelmt_cli.gain.catalogue import (
    how_to_calibrate,
    no_router,
    router_name,
    shipped_prior,
    shipped_routers,
)
from routelmt_cli.gain.conformal import GuardLimit, limit_for
from routelmt_cli.gain.metadata import ModelIdentity, pair_label
from routelmt_cli.gain.router import Router, portable_parts
from routelmt_cli.run.corpus_input import CorpusInput, describe_layout
from routelmt_cli.run.language_detection import INSTALL
from routelmt_cli.run.options import PairOptions, TranslateOptions
from routelmt_cli.run.progress import Progress
from routelmt_cli.run.source_language import SOURCE_LANGUAGE
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.languages import canonical_code
from routelmt_cli.translators.models import Model, find_model

_SHOWN_FIGURES = 4

Detect: TypeAlias = Callable[[str], "str | None"]
"""Finds the source language for a target language; None where it cannot."""


@dataclass(frozen=True)
class Pair:
    """The two models of a run, for one language pair."""

    small: Model
    large: Model
    source_language: str
    target_language: str

    @property
    def label(self) -> str:
        """The language pair as a router names it, such as ``de-en``."""
        return pair_label(self.source_language, self.target_language)


def find_pair(options: PairOptions, source_language: str, target_language: str) -> Pair:
    """Find both models and verify their weights.

    Raises
    ------
    UsageError
        Where a card or its weights are missing or wrong, a prompt cannot name the languages, or a
        server cannot keep a promise of ``--deterministic``.
    """
    cards = [find_card(name) for name in (options.small, options.large)]
    for card in cards:
        if options.deterministic and card.endpoint is not None:
            raise UsageError(
                f"{card.card_path}: what a server answers cannot be promised to be the same again",
                hint="leave --deterministic out, or name a model that runs here",
            )
    if any(card.backend != "stand-in" for card in cards):
        # Before weights are read, which takes longer.
        source_language, target_language = map(canonical_code, (source_language, target_language))
    small, large = (
        find_model(card, source_language, target_language, protects=options.protects)
        for card in cards
    )
    return Pair(small, large, source_language, target_language)


def find_pair_and_router(
    options: TranslateOptions, progress: Progress, detect: Detect
) -> tuple[Pair, Router]:
    """Find the models and the router that fits them, or that can be adapted to their languages.

    Whatever makes its predictions less sure is noted.

    Parameters
    ----------
    options
        What to do.
    progress
        Who watches.
    detect
        Asked for the source language where neither options nor routers tell it.

    Raises
    ------
    UsageError
        Where a model or router is missing, or the router was made for others.
    """
    pair, router = (
        _shipped(options.pair, progress, detect)
        if options.router is None
        else _named(options.router, options, progress, detect)
    )
    if not router.knows(pair.label) and not portable_parts(router):
        # The router would refuse as well, but only when the drafts are paid for.
        raise UsageError(
            f"the router knows only {router_name(router.metadata)} and cannot be asked about "
            f"{pair.label}",
            hint=_calibrate_hint(pair),
        )
    for model in (pair.small, pair.large):
        if model.card.endpoint is not None:
            progress.note(f"'{model.card.name}' sends segments to {model.card.endpoint.host}")
    if verdict := _bad_verdict(router):
        progress.note(f"warning: this router's own calibration says: {verdict}")
    return pair, router


def _named(
    path: Path, options: TranslateOptions, progress: Progress, detect: Detect
) -> tuple[Pair, Router]:
    """Take the user's bundle."""
    router = load_bundle(path)
    languages = _languages(options.pair, router.metadata.pairs, detect)
    pair = find_pair(options.pair, languages.source, languages.target)
    changed = _mismatches(router, pair)
    if changed and not options.force_router:
        raise UsageError(
            f"{path}: this router was calibrated for another {', '.join(changed)}",
            hint="calibrate one for these models, or insist with --force-router",
        )
    if changed:
        progress.note(f"router forced although it is for another {', '.join(changed)}")
    elif router.metadata.of_models_elsewhere:
        progress.note(
            f"{path} was calibrated on given translations: that they are from these models is "
            "known by their names alone"
        )
    if router.metadata.is_prior:
        progress.note(f"{path} is a prior: {_what_a_prior_is(router)}")
    elif not router.knows(pair.label):
        progress.note(_what_adapting_is(router, pair))
    return pair, router


def _shipped(options: PairOptions, progress: Progress, detect: Detect) -> tuple[Pair, Router]:
    """Take the shipped router of the models, or else the prior."""
    routers = shipped_routers()
    if options.source_language is None or options.target_language is None:
        languages = _shipped_languages(options, routers, detect)
        pair = find_pair(options, languages.source, languages.target)
        whose = "" if languages.is_detected else " (the router's)"
        progress.note(f"languages: {pair.source_language} to {pair.target_language}{whose}")
    else:
        pair = find_pair(options, options.source_language, options.target_language)
    fitting = [router for router in routers if not _mismatches(router, pair)]
    for router in fitting:
        if router.knows(pair.label):
            return pair, router
    if fitting:
        progress.note(_what_adapting_is(fitting[0], pair))
        return pair, fitting[0]
    names = (pair.small.card.name, pair.large.card.name)
    prior = shipped_prior()
    if prior is None:
        raise no_router(pair.source_language, pair.target_language, *names)
    progress.note(
        f"no router for {pair.label} with {names[0]} + {names[1]}: using the shipped prior, "
        f"{_what_a_prior_is(prior)}; {_calibrate_hint(pair)}"
    )
    return pair, prior


def _what_a_prior_is(prior: Router) -> str:
    figures = prior.metadata.figures
    shown = [
        f"{name.replace('_', ' ')} {value:g}"
        for name, value in figures.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    ][:_SHOWN_FIGURES]
    if isinstance(verdict := figures.get("verdict"), str):
        shown.append(verdict)
    known = f"; its figures: {', '.join(shown)}" if shown else ""
    return (
        "which knows neither these models nor these languages, so its predictions are less sure"
        f"{known}"
    )


def _what_adapting_is(router: Router, pair: Pair) -> str:
    return (
        f"this router of {router_name(router.metadata)} never saw {pair.label}: it is adapted to "
        "the drafts, without labels, so its predictions are less sure"
    )


def _calibrate_hint(pair: Pair) -> str:
    command = how_to_calibrate(pair.source_language, pair.target_language)
    return f"calibrate your own: {command}"


def _bad_verdict(router: Router) -> str | None:
    """Give the verdict of a calibration that found the router no better than a simple rule."""
    figures = router.metadata.figures
    if router.metadata.is_prior or figures.get("beats_rules") is not False:
        return None
    return str(figures.get("verdict", "no better than a simple rule"))


class _Languages(NamedTuple):
    source: str
    target: str
    is_detected: bool


def _languages(
    options: PairOptions,
    pairs: Sequence[tuple[str, str]],
    detect: Detect,
    *,
    only_fitting: bool = False,
) -> _Languages:
    """Take the languages that are given, or a router's only ones, or else detect the source."""
    given = (options.source_language, options.target_language)
    fitting = [
        pair
        for pair in pairs
        if all(own in (None, its) for own, its in zip(given, pair, strict=True))
    ]
    known = fitting if fitting or only_fitting else pairs
    sources, targets = (
        {own} if own is not None else {pair[side] for pair in known}
        for side, own in enumerate(given)
    )
    detected = detect(*targets) if len(sources) != 1 and len(targets) == 1 else None
    if detected is not None:
        sources = {detected}
    if len(sources) != 1 or len(targets) != 1:
        what = "no single shipped router tells" if only_fitting else "the router does not tell"
        hint = "add --from and --to, such as --from es --to en"
        if len(targets) == 1:
            hint += f"; {INSTALL} finds the source language by itself"
        raise UsageError(f"the languages are not given and {what} them", hint=hint)
    (source,), (target,) = sources, targets
    return _Languages(source, target, is_detected=detected is not None)


def _shipped_languages(
    options: PairOptions, routers: Sequence[Router], detect: Detect
) -> _Languages:
    names = (find_card(options.small).name, find_card(options.large).name)
    pairs = [
        pair
        for router in routers
        if (router.metadata.small.name, router.metadata.large.name) == names
        for pair in router.metadata.pairs
    ]
    return _languages(options, pairs, detect, only_fitting=True)


def model_identity(model: Model) -> ModelIdentity:
    """Identify a run's model as a router records it."""
    return ModelIdentity(model.card.name, model.fingerprint)


def _mismatches(router: Router, pair: Pair) -> list[str]:
    return router.metadata.mismatches(
        pair=(pair.source_language, pair.target_language),
        small=model_identity(pair.small),
        large=model_identity(pair.large),
    )


def find_accuracy(pair: Pair, router: Router) -> Accuracy | None:
    """Find how sure a router's predictions are; None for what it was not calibrated on."""
    if not router.knows(pair.label) or _mismatches(router, pair):
        return None
    return accuracy_of(router, pair.label)


def find_limit(
    options: TranslateOptions, pair: Pair, router: Router, progress: Progress
) -> GuardLimit | None:
    """Find the limit on predicted risk that ``--guard`` asks for; None where there is no guard.

    Raises
    ------
    UsageError
        The bound is no share, the router promises nothing for these languages and models, or
        nothing so strict.
    """
    alpha = options.guard
    if alpha is None:
        return None
    if not 0 < alpha < 1:
        raise UsageError(
            f"a guard of {alpha:g} is no share between 0 and 1",
            hint="--guard 0.05 expects severe regressions in at most 5% of the retranslations",
        )
    known = router.knows(pair.label) and not _mismatches(router, pair)
    if router.safeguards is None or not known:
        raise UsageError(
            f"--guard needs a router that was calibrated on {pair.label} with these models",
            hint=f"leave --guard out, or {_calibrate_hint(pair)}",
        )
    limit = limit_for(alpha, router.safeguards.limits)
    if limit.risk_limit is None:
        progress.note(
            f"the guard leaves nothing to route: the calibration found no segments of which at "
            f"most {limit.alpha:.0%} become severely worse"
        )
    return limit


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
            model.card.decoding.context_tokens for model in (pair.small, pair.large)
        ],
        # Only the deterministic mode's bytes depend on the group size.
        "number of parallel sequences": [
            model.card.decoding.parallel_sequences
            for model in (pair.small, pair.large)
            if deterministic
        ],
        **options,
    }


def translate_identity(
    source: CorpusInput,
    pair: Pair,
    router: Router,
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
        router=router.fingerprint,
        **{"weight rule (--weight)": options.weight},
        **given,
    )


def stream_identity(
    pair: Pair, router: Router, options: TranslateOptions, layout: Layout, span: str
) -> dict[str, Any]:
    """Return the identity of a stream, whose input nobody knows; names as in ``identity``."""
    return {
        "stream (--stream)": span,
        "input layout": [layout.format.value, str(layout.source_column), layout.has_header],
        **_pair_identity(pair),
        "router": router.fingerprint,
        "guard (--guard)": options.guard,
        "weight rule (--weight)": options.weight,
    }


def _pair_identity(pair: Pair) -> dict[str, Any]:
    return {
        SOURCE_LANGUAGE: pair.source_language,
        "target language (--to)": pair.target_language,
        "small model": pair.small.fingerprint,
        "large model": pair.large.fingerprint,
        "price of the small model": _price(pair.small.card),
        "price of the large model": _price(pair.large.card),
        "protection of placeholders (--no-protect)": pair.small.protects,
    }


def _price(card: ModelCard) -> list[int | str]:
    price = card.price
    return [
        price.input_nanousd_per_million_tokens,
        price.output_nanousd_per_million_tokens,
        card.charge_prefix,
    ]
