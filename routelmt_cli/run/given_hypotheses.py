"""``calibrate`` on hypotheses that are given: no model translates, and none need be installed.

In: one or more corpora with columns of drafts and retranslations, and references or scores. Out:
one joined table with a language pair for each row. Always: token counts are estimated alike for
all three texts, but where a model scores the drafts; a router made so knows its models by name
alone, so ``translate`` takes it for models whose cards have these names.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation.metrics import DEFAULT_METRIC, open_metric
from routelmt_cli.gain.calibration import Calibration, Retranslations
from routelmt_cli.gain.labels import GainLabels, gain_labels, joined_labels, labels_from_scores
from routelmt_cli.gain.metadata import ModelIdentity
from routelmt_cli.run.calibration_training import Labelled, refuse_too_few, rows_by_pair, train
from routelmt_cli.run.forced_scoring import ScoredDrafts, score_drafts
from routelmt_cli.run.labelled_input import (
    LabelledCorpus,
    LabelledOptions,
    estimated_tokens,
    join_labelled,
    read_labelled,
)
from routelmt_cli.run.language_detection import can_detect
from routelmt_cli.run.language_pairs import LanguagePair, given_pair, read_pair
from routelmt_cli.run.length_strata import sample_by_length
from routelmt_cli.run.options import CalibrateOptions, FurtherCorpus
from routelmt_cli.run.progress import Progress
from routelmt_cli.run.source_language import language_of_texts

DRAFTS_ELSEWHERE = "draft column"
RETRANSLATIONS_ELSEWHERE = "retranslation column"
"""What the models are called where nobody names them."""

_SWAPPED_ERRORS = 3.0  # standard errors by which the drafts' mean score must be ahead,
_SWAPPED_SHARE = 0.1  # and the share of the differences' spread
_UNIT_SCORE = 1.5  # scores below this are no points from 0 to 100


def calibrate_given(options: CalibrateOptions, progress: Progress) -> tuple[Calibration, int]:
    """Calibrate on given hypotheses.

    Returns
    -------
    tuple
        The calibration, and the spend in nanodollars: of scoring the drafts, 0 without.

    Raises
    ------
    UsageError
        Where the options contradict one another, or a corpus is wrong or too small.
    BudgetError
        Where scoring the drafts would cost more than the budget.
    """
    _check(options)
    corpus, pairs = _read(options, progress)
    for warning in corpus.warnings:
        progress.note(warning)
    refuse_too_few(corpus.name, len(corpus))
    progress.stage("scoring hypotheses", 0, 0)
    labels = _labels(options, corpus, pairs)
    for warning in _doubts(options, corpus, labels):
        progress.note(warning)
    scored = None
    if options.score_with is not None:
        scored = score_drafts(
            options.score_with, corpus, pairs, budget_nanousd=options.budget_nanousd, watch=progress
        )
    spend = 0 if scored is None else scored.spend_nanousd
    progress.stage("training", 0, spend)
    data = _labelled(options, corpus, pairs, labels, scored)
    return train(options, data), spend


def _check(options: CalibrateOptions) -> None:
    if options.budget_nanousd is not None and options.score_with is None:
        raise UsageError(
            "nothing is spent on hypotheses that are given, so there is no --budget",
            hint="leave --budget out, or add --score-with CARD",
        )
    if options.pair.tiers:
        raise UsageError(
            "--tier does not go with hypotheses that are given",
            hint="calibrate on each column of retranslations alone, naming models with --small and "
            "--large",
        )
    if options.metric is not None and options.draft_score is not None:
        raise UsageError(
            "both a metric and score columns are given",
            hint="leave --metric out, or --draft-score and --retranslation-score",
        )


def _read(
    options: CalibrateOptions, progress: Progress
) -> tuple[LabelledCorpus, list[LanguagePair]]:
    """Read all corpora, join them, and take the sample."""
    first = FurtherCorpus(
        options.corpus, options.pair.source_language, options.pair.target_language
    )
    corpora, pairs = [], []
    for one in (first, *options.further):
        told = one.source_language is not None
        detects = not told and one.target_language is not None and can_detect()
        if options.language_column is None and not detects:
            given_pair(one.source_language, one.target_language)  # before the file is read
        corpus = read_labelled(_labelled_options(options, one))
        corpora.append(corpus)
        pairs += _pairs(options, corpus, one, progress)
    joined = join_labelled(corpora)
    if options.limit is None:
        return joined, pairs
    lengths = np.array([len(source) for source in joined.sources])
    rows = sample_by_length(lengths, options.limit, seed=options.seed)
    return joined.take(rows), [pairs[row] for row in rows.tolist()]


def _labelled_options(options: CalibrateOptions, one: FurtherCorpus) -> LabelledOptions:
    return LabelledOptions(
        corpus=one.corpus,
        draft_column=options.draft_column,
        retranslation_column=options.retranslation_column,
        reference_column=options.reference_column,
        draft_score=options.draft_score,
        retranslation_score=options.retranslation_score,
        document_column=options.document_column,
        language_column=options.language_column,
        metric=options.metric or DEFAULT_METRIC,
    )


def _pairs(
    options: CalibrateOptions, corpus: LabelledCorpus, one: FurtherCorpus, progress: Progress
) -> list[LanguagePair]:
    """Tell the language pair of every row."""
    if corpus.languages is None:
        source, target = one.source_language, one.target_language
        if source is None and target is not None:
            source = language_of_texts(corpus.name, corpus.sources, target, progress)
        return [given_pair(source, target)] * len(corpus)
    known = {label: read_pair(label, one.target_language) for label in set(corpus.languages)}
    pairs = []
    for label, place in zip(corpus.languages, corpus.places, strict=True):
        pair = known[label]
        if pair is None:
            raise UsageError(
                f"{corpus.name} {place} names no language pair in column "
                f"{options.language_column!r} but {label[:40]!r}",
                hint="write pairs such as de-en, or source languages with --to",
            )
        pairs.append(pair)
    return pairs


def _labels(
    options: CalibrateOptions, corpus: LabelledCorpus, pairs: Sequence[LanguagePair]
) -> GainLabels:
    """Label every language pair's rows: the second guard must know the target language."""
    metric = open_metric(options.metric or DEFAULT_METRIC)
    columns = f"columns {options.draft_score!r}, {options.retranslation_score!r}"
    parts = []
    for pair, rows in rows_by_pair(pairs):
        part = corpus.take(rows)
        truncated = np.zeros(len(part), np.bool_)
        texts = (part.sources, part.drafts, part.retranslations)
        if part.draft_scores is not None and part.retranslation_scores is not None:
            labels = labels_from_scores(
                *texts,
                truncated,
                part.draft_scores,
                part.retranslation_scores,
                target_language=pair.target,
                metric_signature=columns,
            )
        else:
            labels = gain_labels(
                *texts, part.references, truncated, target_language=pair.target, metric=metric
            )
        parts.append((rows, labels))
    return joined_labels(parts, len(corpus))


def _doubts(options: CalibrateOptions, corpus: LabelledCorpus, labels: GainLabels) -> list[str]:
    """Say what looks like a mistake but need not be one."""
    doubts = []
    if len(set(corpus.sources)) == 1:
        doubts.append(f"{corpus.name}: all sources are the same, is this the right source column?")
    difference = labels.draft_scores - labels.retranslation_scores
    ahead, spread = float(difference.mean()), float(difference.std())
    error = spread / np.sqrt(len(difference))
    if ahead > max(_SWAPPED_ERRORS * error, _SWAPPED_SHARE * spread):
        doubts.append(
            f"the draft column scores {ahead:.1f} points better than the retranslation column on "
            "average: are the columns swapped?"
        )
    largest = max(np.abs(labels.draft_scores).max(), np.abs(labels.retranslation_scores).max())
    if options.draft_score is not None and largest <= _UNIT_SCORE:
        doubts.append(
            f"no score is above {largest:.2f}: --guard-threshold {options.guard_threshold:g} is in "
            "the scores' own unit, such as -0.1"
        )
    return doubts


def _labelled(
    options: CalibrateOptions,
    corpus: LabelledCorpus,
    pairs: Sequence[LanguagePair],
    labels: GainLabels,
    scored: ScoredDrafts | None,
) -> Labelled:
    return Labelled(
        name=corpus.name,
        table=corpus.table() if scored is None else scored.table,
        retranslations=Retranslations(
            texts=corpus.retranslations,
            tokens=_retranslation_tokens(corpus, scored),
            truncated=np.zeros(len(corpus), np.bool_),
        ),
        labels=labels,
        pairs=pairs,
        documents=corpus.documents,
        small=ModelIdentity.made_elsewhere(options.pair.small),
        large=ModelIdentity.made_elsewhere(options.pair.large),
        figures={} if scored is None else {"drafts_scored_with": scored.model},
    )


def _retranslation_tokens(
    corpus: LabelledCorpus, scored: ScoredDrafts | None
) -> npt.NDArray[np.int64]:
    """Count in the unit of the table's tokens."""
    return (
        estimated_tokens(corpus.retranslations) if scored is None else scored.retranslation_tokens
    )
