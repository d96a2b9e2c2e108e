"""``calibrate``: from a corpus to a router bundle, both models or given hypotheses at the source.

With models, all translate a corpus with references; the journal is that of ``translate``, so a
calibration is resumed by being started again and pays nothing twice. Where the corpus has columns
of hypotheses, ``given_hypotheses`` does the work and no model is looked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import routelmt_cli
from routelmt_cli.budget.money import format_usd
from routelmt_cli.errors import BudgetError, UsageError
from routelmt_cli.evaluation.metrics import DEFAULT_METRIC, Metric, open_metric
from routelmt_cli.gain.blending import Blend, fit_blends
from routelmt_cli.gain.bundle import is_bundle
from routelmt_cli.gain.calibration import Calibration, Retranslations
from routelmt_cli.gain.labels import gain_labels
from routelmt_cli.gain.ladder import Ladder, save_ladder
from routelmt_cli.gain.router import Router
from routelmt_cli.run import folder as run_folder
from routelmt_cli.run.calibration_training import (
    Labelled,
    refuse_too_few,
    train,
    train_on_probes,
)
from routelmt_cli.run.continuing import open_journal
from routelmt_cli.run.corpus_input import CorpusInput, open_input
from routelmt_cli.run.engines.engine import open_engine
from routelmt_cli.run.folder import RunFolder
from routelmt_cli.run.given_hypotheses import calibrate_given
from routelmt_cli.run.identity import identity
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.labelled_input import (
    DEFAULT_REFERENCE_COLUMN,
    missing_references,
    read_labels,
    read_texts,
)
from routelmt_cli.run.language_detection import can_detect
from routelmt_cli.run.language_pairs import LanguagePair, no_languages
from routelmt_cli.run.length_strata import sample_by_length
from routelmt_cli.run.options import CalibrateOptions, RouteBy
from routelmt_cli.run.pair import Pair, find_pair, model_identity
from routelmt_cli.run.prediction import draft_table
from routelmt_cli.run.progress import Progress, Silent
from routelmt_cli.run.segments import Segments, scan
from routelmt_cli.run.source_language import language_of_run
from routelmt_cli.run.spending import Spender, needed_nanousd
from routelmt_cli.run.tiers import LARGE, Tier, open_tiers
from routelmt_cli.translators.probing import ProbingModel

_MAX_TEXT = 2_000  # well below what a bundle's reader refuses


@dataclass(frozen=True)
class CalibrationResult:
    """What a calibration made, by the tiers that retranslate, and what it cost.

    Attributes
    ----------
    probing
        Of the router that looks at probes; None where none was asked for.
    """

    calibrations: Mapping[str, Calibration]
    spend_nanousd: int
    probing: Calibration | None = None

    def as_json(self, path: Path) -> dict[str, Any]:
        """Return what the bundle at a path is, its report and its price as plain JSON values."""
        own = {tier: _as_json(one.router) for tier, one in self.calibrations.items()}
        metadata = next(iter(self.calibrations.values())).router.metadata
        return {
            "command": "calibrate",
            "routelmt_version": routelmt_cli.__version__,
            "router": str(path),
            "languages": list(metadata.pair_labels),
            "metric": metadata.metric_signature,
            "spend_nanousd": self.spend_nanousd,
            **(next(iter(own.values())) if len(own) == 1 else {"tiers": own}),
            **({} if self.probing is None else {"probing": _as_json(self.probing.router)}),
        }


def _as_json(router: Router) -> dict[str, Any]:
    return {
        "fingerprint": router.fingerprint,
        "segments": router.metadata.segments,
        "figures": dict(router.metadata.figures),
    }


def calibrate(options: CalibrateOptions, progress: Progress | None = None) -> CalibrationResult:
    """Calibrate a router and write its bundle.

    Raises
    ------
    UsageError
        Where the options contradict one another, the corpus or the models are wrong, or there is
        too little to learn from.
    BudgetError
        Where the worst case of what is to be spent exceeds the budget.
    """
    progress = progress or Silent()
    _refuse_output(options.output, overwrite=options.overwrite)
    _refuse_values(options)
    if options.draft_column is not None or options.retranslation_column is not None:
        if options.route_by is RouteBy.PROBE:
            raise UsageError(
                "--route probe needs the hidden states of a model that runs here",
                hint="leave the columns of hypotheses out, so that both models make them",
            )
        calibration, spend_nanousd = calibrate_given(options, progress)
        return _saved(_Made({LARGE: calibration}), spend_nanousd, options)
    return _calibrate_with_models(options, progress)


def _calibrate_with_models(options: CalibrateOptions, progress: Progress) -> CalibrationResult:
    _refuse_what_needs_hypotheses(options)
    from_language, to_language = options.pair.source_language, options.pair.target_language
    if to_language is None or (from_language is None and not can_detect()):
        raise no_languages()
    with open_input(options.corpus, every_unit=True) as source:
        if from_language is None:
            begun = None if options.restart else run_folder.beside(options.output)
            from_language = language_of_run(source, begun, to_language, progress)
        pair = find_pair(options.pair, str(from_language), to_language)
        if options.route_by is RouteBy.PROBE:
            ProbingModel.of(pair.small)  # before anything is spent
        begun_with = identity(source, pair, deterministic=options.pair.deterministic)
        with RunFolder(run_folder.beside(options.output)) as folder:
            segments = scan(source.corpus, folder.sources)
            for remark in source.corpus.remarks():
                progress.note(remark)
            corpus = _read(options, source, pair, segments, progress)

            with open_journal(
                folder,
                begun_with,
                options.budget_nanousd,
                restart=options.restart,
                input_name=source.name,
                check_before=partial(_refuse_small_budget, options.budget_nanousd, corpus),
            ) as journal:
                made = _calibrate(options, pair, corpus, journal, progress)
                return _saved(made, journal.spend_nanousd(), options)


@dataclass(frozen=True)
class _Made:
    """What training made, by the tiers that retranslate."""

    calibrations: Mapping[str, Calibration]
    blends: Sequence[Blend] = ()
    probing: Calibration | None = None


def _saved(made: _Made, spend_nanousd: int, options: CalibrateOptions) -> CalibrationResult:
    ladder = Ladder(
        [one.router for one in made.calibrations.values()],
        made.blends,
        None if made.probing is None else made.probing.router,
    )
    save_ladder(ladder, options.output, overwrite=options.overwrite)
    return CalibrationResult(made.calibrations, spend_nanousd, made.probing)


def _refuse_what_needs_hypotheses(options: CalibrateOptions) -> None:
    """Refuse options that say nothing where both models make the hypotheses."""
    needing = {
        "several corpora": bool(options.further),
        "--draft-score": options.draft_score is not None,
        "--retranslation-score": options.retranslation_score is not None,
        "--language-column": options.language_column is not None,
        "--score-with": options.score_with is not None,
    }
    for name, given in needing.items():
        if given:
            raise UsageError(
                f"{name} can only be given for a corpus that has its hypotheses",
                hint="name their columns with --draft-column and --retranslation-column",
            )


def _refuse_values(options: CalibrateOptions) -> None:
    """Refuse, before anything is read or spent, values that would only fail later."""
    open_metric(options.metric or DEFAULT_METRIC)
    if not -math.inf < options.guard_threshold < 0:
        raise UsageError(
            f"--guard-threshold must be below 0, not {options.guard_threshold:g}",
            hint="it is the gain of a severe regression, such as -10",
        )
    names = [
        ("--small", options.pair.small),
        ("--large", options.pair.large),
        *(("--tier", name) for name in options.pair.tiers),
        ("--provenance", options.provenance),
    ]
    for name, text in names:
        if not text.isprintable() or len(text) > _MAX_TEXT:
            raise UsageError(
                f"{name} cannot stand in a bundle: it is not one line of at most {_MAX_TEXT} "
                "printable characters"
            )


def _refuse_output(path: Path, *, overwrite: bool) -> None:
    """Refuse, before anything is spent, a place where the bundle could not be written."""
    if path.exists() and not overwrite:
        raise UsageError(
            f"{path}: this router exists", hint="add --overwrite, or name another with -o"
        )
    if path.exists() and not is_bundle(path):
        raise UsageError(
            f"{path}: exists and is no router bundle", hint="name another router with -o"
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"{path}: its folder does not exist", hint=f"make it first: mkdir -p {path.parent}"
        )


@dataclass(frozen=True)
class _Corpus:
    """What a calibration works on; ``usable`` are the items that can be scored."""

    name: str
    segments: Segments
    metric: Metric
    references: list[str] | None
    documents: list[str] | None
    usable: npt.NDArray[np.int64]
    tiers: Sequence[Tier]


def _read(
    options: CalibrateOptions,
    source: CorpusInput,
    pair: Pair,
    segments: Segments,
    progress: Progress,
) -> _Corpus:
    metric = open_metric(options.metric or DEFAULT_METRIC)
    first_row = segments.first_row.tolist()
    references, documents = None, None
    usable = np.arange(segments.items, dtype=np.int64)
    if metric.needs_references:
        rows = read_texts(source.corpus, options.reference_column or DEFAULT_REFERENCE_COLUMN)
        references = [rows[row] for row in first_row]
        usable = np.flatnonzero([bool(reference.strip()) for reference in references])
        if not len(usable):
            raise UsageError(
                f"{source.name}: no segment has both a source and a reference",
                hint="name the column of the references with --reference-column",
            )
        missing = segments.items - len(usable)
        for warning in missing_references(source.name, missing, segments.items):
            progress.note(warning)
    if options.document_column is not None:
        rows = read_labels(source.corpus, options.document_column)
        documents = [rows[row] for row in first_row]
    if options.limit is not None:
        lengths = np.array([len(text) for text in segments.sources.take(usable)])
        usable = usable[sample_by_length(lengths, options.limit, seed=options.seed)]
    refuse_too_few(source.name, len(usable))
    # With hidden states, so that the probe is among the families that may be mixed.
    tiers = open_tiers(pair.models, segments, with_states=True)
    return _Corpus(source.name, segments, metric, references, documents, usable, tiers)


def _calibrate(
    options: CalibrateOptions, pair: Pair, corpus: _Corpus, journal: Journal, progress: Progress
) -> _Made:
    """Buy every model's translations, and train a router for each that retranslates."""
    drafting, *retranslating = corpus.tiers
    several = len(retranslating) > 1
    with open_engine(options.engine, list(pair.models.values())) as engine:
        spender = Spender(
            journal,
            corpus.segments,
            budget_nanousd=options.budget_nanousd,
            deterministic=options.pair.deterministic,
            progress=progress,
            engine=engine,
        )
        spender.buy(drafting, corpus.usable, "drafting")
        for tier in retranslating:
            spender.buy(tier, corpus.usable, f"retranslating{f' with {tier.name}' * several}")
    made, rows, probing = {}, {}, None
    for tier in retranslating:
        stage = f"training{f' the router of {tier.name}' * several}"
        progress.stage(stage, 0, journal.spend_nanousd())
        rows[tier.name] = _items_of(corpus, journal, tier)
        data = _labelled(pair, corpus, journal, tier, rows[tier.name])
        made[tier.name] = train(options, data)
        if options.route_by is RouteBy.PROBE:
            progress.stage("training the router of probes", 0, journal.spend_nanousd())
            probing = train_on_probes(options, data)
    return _Made(made, _blends(made, rows) if several else [], probing)


def _items_of(corpus: _Corpus, journal: Journal, tier: Tier) -> npt.NDArray[np.int64]:
    """Return the items that both the model that drafts and a tier translated."""
    failed = [*journal.failed(corpus.tiers[0].name), *journal.failed(tier.name)]
    return corpus.usable[~np.isin(corpus.usable, failed)]


def _blends(
    made: Mapping[str, Calibration], rows: Mapping[str, npt.NDArray[np.int64]]
) -> list[Blend]:
    """Blend the routers on what all tiers translated."""
    common = reduce(np.intersect1d, rows.values())
    places = {tier: np.isin(own, common) for tier, own in rows.items()}
    predicted, gain = (
        np.stack([column[places[tier]] for tier, column in columns.items()], axis=1)
        for columns in (
            {tier: one.predicted for tier, one in made.items()},
            {tier: one.labels.gain for tier, one in made.items()},
        )
    )
    return fit_blends(predicted, gain)


def _refuse_small_budget(
    budget_nanousd: int | None, corpus: _Corpus, journal: Journal | None
) -> None:
    """Refuse a budget that the worst cases exceed; without a journal everything is to be bought."""
    if budget_nanousd is None:
        return
    needed = 0 if journal is None else journal.committed_nanousd()
    for tier in corpus.tiers:
        needed += needed_nanousd(journal, tier, corpus.usable)
    if needed > budget_nanousd:
        raise BudgetError(
            f"calibrating on {len(corpus.usable)} segments may cost up to {format_usd(needed)}, "
            f"the budget is {format_usd(budget_nanousd)}",
            hint="raise --budget, or use fewer segments with --limit; nothing more has been spent",
        )


def _labelled(
    pair: Pair, corpus: _Corpus, journal: Journal, tier: Tier, items: npt.NDArray[np.int64]
) -> Labelled:
    """Gather what a tier's router is trained on."""
    small = corpus.tiers[0]
    table = draft_table(journal, corpus.segments, small, items)
    bought = journal.hypotheses(tier.name, items.tolist())
    retranslations = Retranslations(
        texts=[hypothesis.text for hypothesis in bought],
        tokens=np.array([hypothesis.output_tokens for hypothesis in bought], np.int64),
        truncated=np.array([hypothesis.truncated for hypothesis in bought], np.bool_),
    )
    languages = LanguagePair(pair.source_language, pair.target_language)
    labels = gain_labels(
        table.sources,
        table.drafts,
        retranslations.texts,
        _of_items(corpus.references, items),
        retranslations.truncated,
        target_language=pair.target_language,
        metric=corpus.metric,
    )
    return Labelled(
        name=corpus.name,
        table=table,
        retranslations=retranslations,
        labels=labels,
        pairs=[languages] * len(items),
        documents=_of_items(corpus.documents, items),
        small=model_identity(pair.small),
        large=model_identity(tier.model),
    )


def _of_items(column: list[str] | None, items: npt.NDArray[np.int64]) -> list[str] | None:
    return None if column is None else [column[item] for item in items.tolist()]
