"""``calibrate``: both models translate a corpus with references; a router is trained on the gain.

Uses the same journal as ``translate``, so it is resumed by being started again and pays nothing
twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.money import format_usd
from routelmt_cli.errors import BudgetError, UsageError
from routelmt_cli.gain.bundle import DESCRIPTION, save_bundle
from routelmt_cli.gain.calibration import (
    Calibration,
    CalibrationContext,
    Retranslations,
)
from routelmt_cli.gain.calibration import (
    calibrate as train_router,
)
from routelmt_cli.gain.metadata import ModelIdentity
from routelmt_cli.gain.training import MIN_SEGMENTS
from routelmt_cli.run import folder as run_folder
from routelmt_cli.run.continuing import open_journal
from routelmt_cli.run.corpus_input import CorpusInput, open_input
from routelmt_cli.run.folder import RunFolder
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.options import CalibrateOptions
from routelmt_cli.run.prediction import draft_table
from routelmt_cli.run.progress import Progress, Silent
from routelmt_cli.run.segments import Segments, scan
from routelmt_cli.run.setup import Pair, find_pair, identity
from routelmt_cli.run.spending import Spender, needed_nanousd
from routelmt_cli.run.tiers import LARGE, SMALL, Tier, open_tier
from routelmt_cli.translators.models import Model


@dataclass(frozen=True)
class CalibrationResult:
    """What a calibration made and what it cost."""

    calibration: Calibration
    spend_nanousd: int

    @property
    def figures(self) -> Mapping[str, Any]:
        """The out-of-fold report."""
        return self.calibration.router.metadata.figures


def calibrate(options: CalibrateOptions, progress: Progress | None = None) -> CalibrationResult:
    """Calibrate a router and write its bundle.

    Raises
    ------
    UsageError
        Where the corpus or the models are wrong, or there is too little to learn from.
    BudgetError
        Where the worst case of both models on all segments exceeds the budget.
    """
    progress = progress or Silent()
    _refuse_output(options.output, overwrite=options.overwrite)
    source_language = options.pair.source_language
    target_language = options.pair.target_language
    if source_language is None or target_language is None:
        raise UsageError(
            "the languages are not given", hint="add --from and --to, such as --from es --to en"
        )
    with open_input(options.corpus) as source:
        pair = find_pair(options.pair, source_language, target_language)
        begun_with = identity(source, pair, deterministic=options.pair.deterministic)
        with RunFolder(run_folder.beside(options.output)) as folder:
            segments = scan(source.corpus, folder.sources)
            corpus = _read(options, source, pair, segments)

            with open_journal(
                folder,
                begun_with,
                options.budget_nanousd,
                restart=options.restart,
                check_before=partial(_refuse_small_budget, options.budget_nanousd, corpus),
            ) as journal:
                calibration = _calibrate(options, pair, corpus, journal, progress)
                save_bundle(calibration.router, options.output, overwrite=options.overwrite)
                return CalibrationResult(calibration, journal.spend_nanousd())


def _refuse_output(path: Path, *, overwrite: bool) -> None:
    """Refuse, before anything is spent, a place where the bundle could not be written."""
    if path.exists() and not overwrite:
        raise UsageError(
            f"{path}: this router exists", hint="add --overwrite, or name another with -o"
        )
    if path.exists() and not (path / DESCRIPTION).is_file():
        raise UsageError(
            f"{path}: exists and is no router bundle", hint="name another router with -o"
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"{path}: its folder does not exist", hint=f"make it first: mkdir -p {path.parent}"
        )


@dataclass(frozen=True)
class _Corpus:
    """What a calibration works on; ``usable`` are the items that have a reference."""

    segments: Segments
    references: list[str]
    usable: npt.NDArray[np.int64]
    small: Tier
    large: Tier


def _read(
    options: CalibrateOptions, source: CorpusInput, pair: Pair, segments: Segments
) -> _Corpus:
    references = _references(options, source, segments)
    usable = np.flatnonzero([bool(reference.strip()) for reference in references])
    if options.limit is not None:
        usable = usable[: options.limit]
    if not len(usable):
        raise UsageError(
            f"{source.name}: no segment has both a source and a reference",
            hint="name the column of the references with --reference-column",
        )
    if len(usable) < MIN_SEGMENTS:
        raise UsageError(
            f"{source.name}: {len(usable)} segments are too few to calibrate a router",
            hint=f"give at least {MIN_SEGMENTS}, better 500 or more",
        )
    small = open_tier(SMALL, pair.small, segments, source.name)
    large = open_tier(LARGE, pair.large, segments, source.name)
    return _Corpus(segments, references, usable, small, large)


def _calibrate(
    options: CalibrateOptions, pair: Pair, corpus: _Corpus, journal: Journal, progress: Progress
) -> Calibration:
    spender = Spender(
        journal,
        corpus.segments,
        budget_nanousd=options.budget_nanousd,
        deterministic=options.pair.deterministic,
        progress=progress,
    )
    spender.buy(corpus.small, corpus.usable, "drafting")
    spender.buy(corpus.large, corpus.usable, "retranslating")
    progress.stage("training", 0, journal.spend_nanousd())
    return _train(options, pair, corpus, journal)


def _references(options: CalibrateOptions, source: CorpusInput, segments: Segments) -> list[str]:
    """Read the reference of every item: that of its first row."""
    rows: list[str] = []
    for texts in source.corpus.texts(options.reference_column):
        rows += texts.to_pylist()
    return [rows[row] for row in segments.first_row.tolist()]


def _refuse_small_budget(
    budget_nanousd: int | None, corpus: _Corpus, journal: Journal | None
) -> None:
    """Refuse a budget that the worst cases exceed; without a journal everything is to be bought."""
    if budget_nanousd is None:
        return
    needed = 0 if journal is None else journal.committed_nanousd()
    for tier in (corpus.small, corpus.large):
        needed += needed_nanousd(journal, tier, corpus.usable)
    if needed > budget_nanousd:
        raise BudgetError(
            f"calibrating on {len(corpus.usable)} segments may cost up to {format_usd(needed)}, "
            f"the budget is {format_usd(budget_nanousd)}",
            hint="raise --budget, or use fewer segments with --limit; nothing more has been spent",
        )


def _train(options: CalibrateOptions, pair: Pair, corpus: _Corpus, journal: Journal) -> Calibration:
    failed = [*journal.failed(SMALL), *journal.failed(LARGE)]
    items = corpus.usable[~np.isin(corpus.usable, failed)]
    table = draft_table(journal, corpus.segments, corpus.small, items)
    bought = journal.hypotheses(LARGE, items.tolist())
    retranslations = Retranslations(
        texts=[hypothesis.text for hypothesis in bought],
        tokens=np.array([hypothesis.output_tokens for hypothesis in bought], np.int64),
        truncated=np.array([hypothesis.truncated for hypothesis in bought], np.bool_),
    )
    context = CalibrationContext(
        source_language=pair.source_language,
        target_language=pair.target_language,
        small=_identity(pair.small),
        large=_identity(pair.large),
        decoding={},
        provenance=options.provenance or f"{len(items)} segments of the user's corpus",
    )
    made = train_router(
        table,
        retranslations,
        [corpus.references[item] for item in items],
        context,
        seed=options.seed,
    )
    ratio = float(table.draft_tokens.sum() / max(1, table.source_tokens.sum()))
    figures = {**made.report, "draft_tokens_per_source_token": round(ratio, 4)}
    metadata = dataclasses.replace(made.router.metadata, figures=figures)
    return dataclasses.replace(
        made, router=dataclasses.replace(made.router, metadata=metadata), report=figures
    )


def _identity(model: Model) -> ModelIdentity:
    return ModelIdentity(model.card.name, model.fingerprint)
