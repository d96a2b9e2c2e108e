"""Everything that is settled before a run spends: languages, models, routers, guard.

Options go in; models, their routers and the limits of the guard come out. What always holds: what a
router cannot do for this run is refused here, before anything is paid for, and what makes its
predictions less sure is said here, once. It reads no segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.accuracy import Accuracy, accuracy_of
from routelmt_cli.gain.blending import Blend
from routelmt_cli.gain.catalogue import (
    how_to_calibrate,
    no_router,
    router_name,
    shipped_prior,
    shipped_routers,
)
from routelmt_cli.gain.conformal import GuardLimit, limit_for
from routelmt_cli.gain.ladder import Ladder, load_ladder, refuse_probes
from routelmt_cli.gain.router import Router, portable_parts
from routelmt_cli.run.language_detection import INSTALL
from routelmt_cli.run.options import PairOptions, RouteBy, TranslateOptions
from routelmt_cli.run.pair import Pair, cheaper_than_drafts, find_pair, model_identity
from routelmt_cli.run.progress import Progress
from routelmt_cli.run.route import Route
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import Model
from routelmt_cli.translators.probing import ProbingModel

_SHOWN_FIGURES = 4

Detect: TypeAlias = Callable[[str], "str | None"]
"""Finds the source language for a target language; None where it cannot."""


@dataclass(frozen=True)
class Routers:
    """Routers by the tiers that retranslate, and how they are blended, where they are.

    Attributes
    ----------
    probing_router
        The only tier's router of segments that are not drafted; None where there is none.
    """

    by_tier: Mapping[str, Router]
    blends: Mapping[str, Blend] = field(default_factory=dict)
    probing_router: Router | None = None

    def asked(self, route_by: RouteBy) -> Mapping[str, Router]:
        """Return the routers that a run asks, by the tiers that retranslate."""
        if route_by is RouteBy.DRAFT or self.probing_router is None:
            return self.by_tier
        return dict.fromkeys(self.by_tier, self.probing_router)

    @property
    def fingerprint(self) -> str | dict[str, Any]:
        """What predictions rest on: the only router's fingerprint, or several with their blends."""
        found = {tier: router.fingerprint for tier, router in self.by_tier.items()}
        if len(found) == 1:
            return next(iter(found.values()))
        return {**found, "blends": [[*one.weights, one.intercept] for one in self.blends.values()]}


def find_pair_and_routers(
    options: TranslateOptions, progress: Progress, detect: Detect
) -> tuple[Pair, Routers]:
    """Find the models, and for each that retranslates the router that fits it and the drafts.

    Where there is none of a language pair, one is taken that can be adapted to it. Whatever makes
    predictions less sure is noted.

    Parameters
    ----------
    options
        What to do.
    progress
        Who watches.
    detect
        Asked for the source language where neither options nor routers tell it.

    Returns
    -------
    tuple
        The models, and their routers.

    Raises
    ------
    UsageError
        Where a model or router is missing, or the router was made for others.
    """
    if options.router is None and options.route_by is RouteBy.PROBE:
        asked_for = (options.pair.source_language or "CODE", options.pair.target_language or "CODE")
        raise UsageError(
            "--route probe needs a router that looks at probes: none is shipped",
            hint=f"calibrate your own: {how_to_calibrate(*asked_for)} --route probe",
        )
    pair, routers = (
        _shipped(options.pair, progress, detect)
        if options.router is None
        else _named(options.router, options, progress, detect)
    )
    asked = routers.asked(options.route_by)
    for router in asked.values():
        if not router.knows(pair.label) and not portable_parts(router):
            # The router would refuse as well, but only when the drafts are paid for.
            raise UsageError(
                f"the router knows only {router_name(router.metadata)} and cannot be asked about "
                f"{pair.label}",
                hint=_calibrate_hint(pair),
            )
    if (cheaper := cheaper_than_drafts(pair)) is not None:
        progress.note(
            f"'{pair.small.card.name}' drafts every segment although '{cheaper}' costs less: name "
            "the cheapest model first"
        )
    for model in pair.models.values():
        if model.card.endpoint is not None:
            progress.note(f"'{model.card.name}' sends segments to {model.card.endpoint.host}")
    for tier, router in asked.items():
        if verdict := _bad_verdict(router):
            whose = "this router's" if len(asked) == 1 else f"the router of '{tier}': its"
            progress.note(f"warning: {whose} own calibration says: {verdict}")
    return pair, routers


def _refuse_without_probing(options: TranslateOptions, pair: Pair, routers: Routers) -> None:
    """Refuse to route by probes without a router that was calibrated on them."""
    if options.route_by is not RouteBy.PROBE:
        return
    if routers.probing_router is None:
        raise UsageError(
            f"--route probe needs a router that looks at probes: {options.router} has none",
            hint=f"{_calibrate_hint(pair)} --route probe",
        )
    if not routers.probing_router.knows(pair.label):
        # What it could be adapted to are drafts.
        known = router_name(routers.probing_router.metadata)
        raise UsageError(
            f"the router of probes knows only {known} and cannot be asked about {pair.label}",
            hint=f"{_calibrate_hint(pair)} --route probe",
        )
    ProbingModel.of(pair.small)


def _named(
    path: Path, options: TranslateOptions, progress: Progress, detect: Detect
) -> tuple[Pair, Routers]:
    """Take the user's bundle, or of a ladder of them those that fit."""
    ladder = load_ladder(path)
    refuse_probes(ladder.routers[0], path)
    languages = _languages(options.pair, ladder.routers[0].metadata.pairs, detect)
    pair = find_pair(options.pair, languages.source, languages.target)
    routers = _of_tiers(ladder.routers, pair, path, options, progress)
    if len(routers) > 1 and any(router.metadata.is_prior for router in routers.values()):
        raise UsageError(
            f"{path}: a prior says the same of every model, so that it cannot choose among tiers",
            hint=_calibrate_hint(pair),
        )
    found = Routers(routers, _blends_of_tiers(ladder, routers), ladder.probing_router)
    _refuse_without_probing(options, pair, found)
    said = [
        remark
        for tier, router in found.asked(options.route_by).items()
        for remark in _remarks(router, pair, pair.models[tier], path)
    ]
    for remark in dict.fromkeys(said):
        progress.note(remark)
    return pair, found


def _blends_of_tiers(ladder: Ladder, routers: Mapping[str, Router]) -> dict[str, Blend]:
    """Give each tier its blend, where all routers of the ladder are asked, in the run's order."""
    places = [
        next(place for place, one in enumerate(ladder.routers) if one is router)
        for router in routers.values()
    ]
    if not ladder.blends or sorted(places) != list(range(len(ladder.routers))):
        return {}
    return {
        tier: replace(
            ladder.blends[place],
            weights=tuple(ladder.blends[place].weights[other] for other in places),
        )
        for tier, place in zip(routers, places, strict=True)
    }


def _of_tiers(
    found: Sequence[Router], pair: Pair, path: Path, options: TranslateOptions, progress: Progress
) -> dict[str, Router]:
    """Give each tier the router that was calibrated for it."""
    routers = {}
    for number, (tier, model) in enumerate(pair.retranslating.items()):
        changes = [_mismatches(router, pair, model) for router in found]
        best = min(range(len(found)), key=lambda place: len(changes[place]))
        changed = changes[best]
        if changed and not options.force_router:
            if len(found) == 1 and len(pair.retranslating) == 1:
                raise UsageError(
                    f"{path}: this router was calibrated for another {', '.join(changed)}",
                    hint="calibrate one for these models, or insist with --force-router",
                )
            raise UsageError(
                f"{path}: none of its routers was calibrated for '{model.card.name}' after "
                f"'{pair.small.card.name}' ({_calibrated_for(found)})",
                hint="calibrate all tiers at once: routelmt calibrate CORPUS --tier ... --tier ...",
            )
        if changed:
            best = min(number, len(found) - 1)
            changed = _mismatches(found[best], pair, model)
            whose = "router" if len(pair.retranslating) == 1 else f"router of '{tier}'"
            progress.note(f"{whose} forced although it is for another {', '.join(changed)}")
        routers[tier] = found[best]
    return routers


def _calibrated_for(found: Sequence[Router]) -> str:
    names = ", ".join(f"'{router.metadata.large.name}'" for router in found)
    return f"it knows {names} after '{found[0].metadata.small.name}'"


def _remarks(router: Router, pair: Pair, model: Model, path: Path) -> Iterator[str]:
    """Say what makes a user's router less sure."""
    metadata = router.metadata
    if metadata.of_models_elsewhere and not _mismatches(router, pair, model):
        yield (
            f"{path} was calibrated on given translations: that they are from these models is "
            "known by their names alone"
        )
    if metadata.is_prior:
        yield f"{path} is a prior: {_what_a_prior_is(router)}"
    elif not router.knows(pair.label):
        yield _what_adapting_is(router, pair)


def _shipped(options: PairOptions, progress: Progress, detect: Detect) -> tuple[Pair, Routers]:
    """Take the shipped router of the models, or else the prior."""
    routers = shipped_routers()
    if options.source_language is None or options.target_language is None:
        languages = _shipped_languages(options, routers, detect)
        pair = find_pair(options, languages.source, languages.target)
        whose = "" if languages.is_detected else " (the router's)"
        progress.note(f"languages: {pair.source_language} to {pair.target_language}{whose}")
    else:
        pair = find_pair(options, options.source_language, options.target_language)
    found = {
        tier: _shipped_router(routers, pair, model, progress)
        for tier, model in pair.retranslating.items()
    }
    return pair, Routers(found)


def _shipped_router(
    routers: Sequence[Router], pair: Pair, model: Model, progress: Progress
) -> Router:
    fitting = [router for router in routers if not _mismatches(router, pair, model)]
    for router in fitting:
        if router.knows(pair.label):
            return router
    names = (pair.small.card.name, model.card.name)
    if len(pair.retranslating) > 1:
        # A prior says the same of every model, so that it cannot choose among them.
        error = no_router(pair.source_language, pair.target_language, *names)
        raise UsageError(error.message, hint=_calibrate_hint(pair))
    if fitting:
        progress.note(_what_adapting_is(fitting[0], pair))
        return fitting[0]
    prior = shipped_prior()
    if prior is None:
        raise no_router(pair.source_language, pair.target_language, *names)
    progress.note(
        f"no router for {pair.label} with {names[0]} + {names[1]}: using the shipped prior, "
        f"{_what_a_prior_is(prior)}; {_calibrate_hint(pair)}"
    )
    return prior


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
    if len(pair.models) > 2:
        command += "".join(f" --tier {name}" for name in pair.models)
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
    small, *others = (find_card(name).name for name in options.cards)
    pairs = [
        pair
        for router in routers
        if router.metadata.small.name == small and router.metadata.large.name in others
        for pair in router.metadata.pairs
    ]
    return _languages(options, pairs, detect, only_fitting=True)


def _mismatches(router: Router, pair: Pair, model: Model) -> list[str]:
    return router.metadata.mismatches(
        pair=(pair.source_language, pair.target_language),
        small=model_identity(pair.small),
        large=model_identity(model),
    )


def find_accuracy(pair: Pair, routes: Sequence[Route]) -> Accuracy | None:
    """Find how sure a router's predictions are.

    None for what it was not calibrated on, and for several routes, whose errors go together in a
    way that no calibration tells.
    """
    if len(routes) > 1:
        return None
    (route,) = routes
    known = route.router.knows(pair.label)
    if not known or _mismatches(route.router, pair, route.tier.model):
        return None
    return accuracy_of(route.router, pair.label)


def find_limit(
    options: TranslateOptions, pair: Pair, tier: str, router: Router, progress: Progress
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
    known = router.knows(pair.label) and not _mismatches(router, pair, pair.models[tier])
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
