"""``evaluate``: a router against rules and oracles on a corpus whose hypotheses are already made.

In: a corpus with drafts, retranslations and references or scores, and a router bundle. Out: an
``Evaluation``, and the files that were asked for. What always holds: no model is run and nothing
is spent; every order is measured on the same segments under the same budgets; files are written
last and whole, and never over the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation.baselines import rules
from routelmt_cli.evaluation.comparison import Budget, Comparison, Ordering, compare
from routelmt_cli.evaluation.figures import SEVERE_REGRESSION, SHARE
from routelmt_cli.evaluation.metrics import open_metric
from routelmt_cli.evaluation.plot import require_matplotlib
from routelmt_cli.evaluation.resampling import SAMPLES
from routelmt_cli.features.pieces import PieceModel
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.labels import GainLabels, gain_labels, labels_from_scores
from routelmt_cli.gain.ladder import load_router
from routelmt_cli.gain.router import GainPrediction, Router
from routelmt_cli.run.evaluation_outputs import (
    Evaluation,
    Outputs,
    Provenance,
    check_outputs,
    write_outputs,
)
from routelmt_cli.run.labelled_input import (
    LabelledCorpus,
    LabelledOptions,
    estimated_tokens,
    read_labelled,
)
from routelmt_cli.run.language_pairs import LanguagePair, given_pair
from routelmt_cli.run.options import DEFAULT_LARGE
from routelmt_cli.run.progress import Progress, Silent
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.catalogue import find_card, list_cards, list_user_cards

MIN_SEGMENTS = 2
"""Fewer cannot be put into an order."""

_FEW_SEGMENTS = 100


@dataclass(frozen=True)
class EvaluateOptions:
    """A whole ``evaluate``.

    Attributes
    ----------
    labelled
        The corpus and its columns.
    router
        The bundle.
    source_language, target_language
        None for the router's.
    large
        The card whose price retranslations have: a card's name or its path. None for the
        shipped card of the router's large model, or else the default large card.
    share
        p of the figures, above 0 and at most 1.
    samples, seed
        Of the bootstrap.
    outputs
        Files to write.
    """

    labelled: LabelledOptions
    router: Path
    source_language: str | None = None
    target_language: str | None = None
    large: str | None = None
    share: float = SHARE
    samples: int = SAMPLES
    seed: int = 0
    outputs: Outputs = field(default_factory=Outputs)


def evaluate(options: EvaluateOptions, progress: Progress | None = None) -> Evaluation:
    """Evaluate a router.

    Raises
    ------
    UsageError
        Where the corpus, the router, an option or the place of an output is wrong, or there are
        fewer than two segments.
    MidRunError
        Where an output cannot be written.
    """
    progress = progress or Silent()
    _check(options)
    router = load_router(options.router)
    pair = _pair(options, router)
    corpus = _read(options.labelled)
    if len(corpus) < MIN_SEGMENTS:
        raise UsageError(
            f"{corpus.name}: {len(corpus)} segment is too few to evaluate a router",
            hint="give at least 2, better 500 or more",
        )
    card, remarks = _card(options, router)
    progress.stage("scoring", len(corpus), 0)
    labels = _labels(options, corpus, pair)
    remarks = [*corpus.warnings, *_remarks(corpus, labels, router, pair), *remarks]
    remarks += _remarks_of_features(router)
    progress.stage("predicting", len(corpus), 0)
    table = corpus.table()
    asked = router if router.knows(str(pair)) else router.adapted(str(pair), table)
    prediction = asked.predict(table, str(pair))
    cost = _cost(card, pair, table.source_tokens, prediction)
    budgets = [Budget("calls")]
    if cost.any():
        weight = table.source_tokens.astype(np.float64)
        budgets += [Budget("dollars_by_length", cost, weight), Budget("dollars_by_segment", cost)]
    else:
        remarks.append(f"{card.name} costs nothing, so there is no budget of dollars")
    for remark in remarks:
        progress.note(remark)
    pieces = asked.profiles[str(pair)].background.source_pieces
    orderings = _orderings(corpus, labels, pieces, prediction)
    evaluation = Evaluation(
        comparisons=_compare(options, router, labels, orderings, budgets, progress),
        labels=labels,
        corpus=corpus,
        predicted_gain=prediction.gain,
        cost_nanousd=cost,
        provenance=_provenance(options, router, card, pair),
        remarks=remarks,
    )
    write_outputs(evaluation, options.outputs)
    return evaluation


def _check(options: EvaluateOptions) -> None:
    """Refuse what can be refused before anything is read."""
    if not 0 < options.share <= 1:
        raise UsageError(
            f"--share must be above 0 and at most 1, not {options.share:g}",
            hint="the share of the budget at which figures are read: --share 0.3",
        )
    check_outputs(options.outputs, options.labelled.corpus.path)
    if options.outputs.needs_matplotlib:
        require_matplotlib()


def _read(options: LabelledOptions) -> LabelledCorpus:
    """Read the corpus; where a column of hypotheses is missing, say why scores are not enough."""
    try:
        return read_labelled(options)
    except UsageError as error:
        for column, hint in (
            (options.draft_column, "a router reads the drafts, scored or not: --draft-column NAME"),
            (
                options.retranslation_column,
                "retranslations are checked as in a run, scored or not: "
                "--retranslation-column NAME",
            ),
        ):
            if error.hint is None and f"no column {column!r}" in error.message:
                raise UsageError(error.message, hint=hint) from error
        raise


def _compare(
    options: EvaluateOptions,
    router: Router,
    labels: GainLabels,
    orderings: Sequence[Ordering],
    budgets: Sequence[Budget],
    progress: Progress,
) -> list[Comparison]:
    safeguards = router.safeguards
    progress.stage("resampling", len(budgets), 0)
    found = []
    for budget in budgets:
        found.append(
            compare(
                labels.gain,
                orderings,
                budget,
                share=options.share,
                severe=SEVERE_REGRESSION if safeguards is None else safeguards.severe,
                samples=options.samples,
                seed=options.seed,
            )
        )
        progress.advance(1, 0)
    return found


def _orderings(
    corpus: LabelledCorpus,
    labels: GainLabels,
    pieces: PieceModel | None,
    prediction: GainPrediction,
) -> list[Ordering]:
    """Gather every order of spending that is compared, in the order of the tables."""
    lengths, draft_lengths = (
        np.array([len(text) for text in texts], np.float64)
        for texts in (corpus.sources, corpus.drafts)
    )
    orderings = [Ordering("router", prediction.gain, "router", predicts_gain=True)]
    if prediction.probe_gain is not None:
        orderings.append(Ordering("probe only", prediction.probe_gain, "part", predicts_gain=True))
    if prediction.draft_quality is not None:
        quality = prediction.draft_quality
        orderings.append(Ordering("lowest predicted draft quality first", -quality, "part"))
    found = rules(
        lengths,
        np.where(draft_lengths > 0, draft_lengths / lengths, np.nan),
        mean_piece_log_probabilities=(
            None if pieces is None else pieces.statistics(corpus.sources).means
        ),
    )
    orderings += [Ordering(name, scores) for name, scores in found.items()]
    return [
        *orderings,
        Ordering("true draft quality, lowest first", -labels.draft_scores, "oracle"),
        Ordering("true gain", labels.gain, "oracle", predicts_gain=True),
    ]


def _labels(options: EvaluateOptions, corpus: LabelledCorpus, pair: LanguagePair) -> GainLabels:
    truncated = np.zeros(len(corpus), np.bool_)  # how decoding ended elsewhere is not known
    if corpus.draft_scores is not None and corpus.retranslation_scores is not None:
        names = (options.labelled.draft_score, options.labelled.retranslation_score)
        return labels_from_scores(
            corpus.sources,
            corpus.drafts,
            corpus.retranslations,
            truncated,
            corpus.draft_scores,
            corpus.retranslation_scores,
            target_language=pair.target,
            metric_signature=f"columns {names[0]} and {names[1]}",
        )
    return gain_labels(
        corpus.sources,
        corpus.drafts,
        corpus.retranslations,
        corpus.references,
        truncated,
        target_language=pair.target,
        metric=open_metric(str(options.labelled.metric)),
    )


def _remarks(
    corpus: LabelledCorpus, labels: GainLabels, router: Router, pair: LanguagePair
) -> list[str]:
    """Say what the figures have to be read with."""
    made_for = router.metadata
    remarks = []
    if not router.knows(str(pair)):
        known = ", ".join(made_for.pair_labels) or "no pair in particular"
        remarks.append(f"the router was calibrated for {known}, and is adapted to {pair} here")
    if labels.metric_signature != made_for.metric_signature:
        remarks.append(
            f"gains are in {labels.metric_signature}, the router predicts "
            f"{made_for.metric_signature}"
        )
    if len(corpus) < _FEW_SEGMENTS:
        remarks.append(f"{len(corpus)} segments say little: read the intervals")
    kept = labels.kept_counts()
    if kept:
        reasons = ", ".join(f"{name} {count}" for name, count in kept.items())
        remarks.append(f"retranslations that would not be used, so gain nothing: {reasons}")
    return remarks


def _remarks_of_features(router: Router) -> list[str]:
    """Say where the router was calibrated on more than a corpus can hold."""
    column = FEATURE_NAMES.index("logprob_mean")
    # A profile is centred on 0 where its corpus had no value.
    if all(profile.centre[column] == 0 for profile in router.profiles.values()):
        return []
    return [
        "the router was calibrated with the small model's token log-probabilities, which this "
        "corpus does not hold: in a run it knows more"
    ]


def _card(options: EvaluateOptions, router: Router) -> tuple[ModelCard, list[str]]:
    """Find whose price retranslations have, and what is to be said of it."""
    if options.large is not None:
        return find_card(options.large), []
    # Only among cards with names: this one comes out of a bundle, and could be any path.
    for card in [*list_cards(), *list_user_cards(lambda _: None)]:
        if card.name == router.metadata.large.name:
            return card, []
    card = find_card(DEFAULT_LARGE)
    return card, [f"retranslations are priced as {card.name}; name another card with --large"]


def _cost(
    card: ModelCard,
    pair: LanguagePair,
    source_tokens: npt.NDArray[np.int64],
    prediction: GainPrediction,
) -> npt.NDArray[np.int64]:
    """Price every retranslation on estimated tokens, as a run prices counted ones."""
    prefix = 0
    if card.charge_prefix == "every request":
        examples = card.prompt.examples_for(*pair)
        shots = [text for example in examples for text in example]
        around = card.prompt.template * (len(shots) // 2 + 1)
        prefix = int(estimated_tokens([card.prompt.instruction + around + "".join(shots)])[0])
    caps = np.ceil(card.decoding.cap_ratio * source_tokens) + card.decoding.cap_extra
    output = np.minimum(np.ceil(prediction.retranslation_tokens), caps).astype(np.int64)
    return card.price.requests(source_tokens + prefix, output)


def _pair(options: EvaluateOptions, router: Router) -> LanguagePair:
    """Return the languages that were given, or the router's."""
    data = router.metadata
    if (options.source_language, options.target_language) == (None, None) and data.pairs:
        if len(data.pairs) > 1:
            raise UsageError(
                f"{options.router} is for several language pairs: {', '.join(data.pair_labels)}",
                hint="name one with --from and --to",
            )
        return LanguagePair(*data.pairs[0])
    return given_pair(
        options.source_language or data.source_language,
        options.target_language or data.target_language,
    )


def _provenance(
    options: EvaluateOptions, router: Router, card: ModelCard, pair: LanguagePair
) -> Provenance:
    return Provenance(
        router_path=str(options.router),
        router=router,
        pair=pair,
        card=card,
        samples=options.samples,
        seed=options.seed,
    )
