"""What a run is asked to do; the command line fills it in, a library caller can too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from routelmt_cli.corpus.invalid import OnInvalid
from routelmt_cli.corpus.units import Units
from routelmt_cli.errors import UsageError

DEFAULT_NEAR = 0.8
DEFAULT_SMALL = "smollm2-135m"
DEFAULT_LARGE = "gemma3-270m"
MOST_TIERS = 8
ENGINES = ("local", "ray")

_COLUMN = "column:"


class RouteBy(str, Enum):
    """What routing looks at; the values are what ``--route`` takes."""

    DRAFT = "draft"
    """Everything is drafted first, and the drafts are looked at."""
    PROBE = "probe"
    """Only what the small model's state says of each source; what stays small is drafted then."""


@dataclass(frozen=True)
class CorpusOptions:
    """Which corpus, and how it is read.

    Attributes
    ----------
    path
        The file, or None for standard input.
    format
        One of ``corpus.format.Format``, or None to go by the file's ending.
    source_column
        A column's name, or its number from 1 where ``has_header`` is False; None for the default.
    on_invalid
        What becomes of rows that are not valid UTF-8.
    units
        Which units of a PO, XLIFF or TMX file are segments.
    source_language, target_language
        As the user named them, or None: which variants of a TMX file are meant.
    """

    path: Path | None
    format: str | None = None
    source_column: str | None = None
    has_header: bool = True
    on_invalid: OnInvalid = OnInvalid.ERROR
    units: Units = Units.NEW
    source_language: str | None = None
    target_language: str | None = None


@dataclass(frozen=True)
class PairOptions:
    """Which languages and models, None where they follow from the router.

    Attributes
    ----------
    small, large
        Names of the user's cards or of shipped ones, or paths of cards.
    tiers
        The same of any number of models, cheapest first, instead of ``small`` and ``large``; the
        first of them drafts.
    deterministic
        Decode static groups of segments from a clean state.
    protects
        Whether placeholders, tags and the like are protected on their way through the models.
    """

    source_language: str | None = None
    target_language: str | None = None
    small: str = DEFAULT_SMALL
    large: str = DEFAULT_LARGE
    deterministic: bool = False
    protects: bool = True
    tiers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.tiers and not 2 <= len(self.tiers) <= MOST_TIERS:
            raise UsageError(
                f"--tier is given {len(self.tiers)} times"
                if len(self.tiers) > 1
                else "--tier is given once",
                hint=f"name 2 to {MOST_TIERS} models, cheapest first: the first drafts, the others "
                "retranslate",
            )

    @property
    def cards(self) -> tuple[str, ...]:
        """The cards of all models, the one that drafts first."""
        return self.tiers or (self.small, self.large)


@dataclass(frozen=True)
class EngineOptions:
    """Where the models run.

    Attributes
    ----------
    name
        ``local``: in this process; ``ray``: in workers of a Ray cluster.
    address
        The cluster: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``; None to start one of this
        machine's processors.
    """

    name: str = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise UsageError(
                f"--engine {self.name!r} is no engine", hint=f"one of {', '.join(ENGINES)}"
            )
        if self.address is not None and self.name != "ray":
            raise UsageError(
                "--address is given without --engine ray", hint="add --engine ray, or leave it out"
            )
        if self.address is not None and not self.address.strip():
            raise UsageError("--address is empty", hint="auto, HOST:PORT or ray://HOST:PORT")


@dataclass(frozen=True)
class TranslateOptions:
    """A whole ``translate``.

    Attributes
    ----------
    output
        The output file; None for the default beside the input, or stdout for stdin.
    to_stdout
        Write to standard output whatever the input is.
    budget_nanousd
        The limit for everything that the run spends; None for none, where a share is the limit.
    auto_budget
        Spend only up to where the budget curve bends, and never above ``budget_nanousd``.
    router
        A router bundle; None for the shipped one of the pair.
    force_router
        Use a router that was calibrated for other models or languages.
    weight
        What a segment counts in the knapsack: ``length``, ``segment`` or ``column:NAME``.
    pin
        ``column:NAME`` of what pins segments to a tier; None for no pins.
    glossary
        A file of terms that translations must use; None for none.
    context
        How many segments before each one the large model is told.
    document_column
        The column that names each row's document, for the context; None where blank rows part
        them.
    near
        How similar a source of the memory must be, from 0 to 1, for the large model to be told of
        it; 0 for never.
    memory
        Translation memories: files, or folders of finished runs.
    share
        The most of the source tokens that may be retranslated, above 0 and at most 1; None for
        any share.
    max_hours
        Stop after so long, to be continued another time; None for never.
    guard
        Bound on the share of severe regressions that is expected among the retranslations, above
        0 and below 1; None for no bound.
    explain
        Add ``predicted_gain``, ``cost_usd`` and ``reason`` to the output.
    overwrite
        Replace an output file that this run did not write.
    restart
        Forget what the run folder holds, and pay again.
    engine
        Where the models run.
    route_by
        What routing looks at.
    """

    corpus: CorpusOptions
    pair: PairOptions
    budget_nanousd: int | None
    auto_budget: bool = False
    output: Path | None = None
    to_stdout: bool = False
    router: Path | None = None
    force_router: bool = False
    weight: str = "length"
    pin: str | None = None
    glossary: Path | None = None
    context: int = 0
    document_column: str | None = None
    near: float = DEFAULT_NEAR
    memory: tuple[Path, ...] = ()
    share: float | None = None
    max_hours: float | None = None
    guard: float | None = None
    explain: bool = False
    overwrite: bool = False
    restart: bool = False
    engine: EngineOptions = EngineOptions()
    route_by: RouteBy = RouteBy.DRAFT

    def __post_init__(self) -> None:
        if self.route_by is RouteBy.PROBE and (unsuited := self.not_for_probes):
            raise UsageError(
                f"--route probe does not go with {unsuited}", hint="leave one of them out"
            )
        if self.weight not in ("length", "segment"):
            column_of(self.weight, "--weight", "length, segment or column:NAME")
        if not 0 <= self.near < 1:
            raise UsageError(
                f"--near {self.near:g} is no similarity below 1", hint="such as 0.8; 0 for none"
            )
        if self.document_column is not None and not self.context:
            raise UsageError(
                "--document-column is given without --context",
                hint="add --context N: how many segments before each the large model is told",
            )
        if self.pin is not None:
            column_of(self.pin, "--pin", "column:NAME")
        if self.share is not None and not 0 < self.share <= 1:
            raise UsageError(
                f"--share {self.share:.6g} is no share above 0 and up to 1",
                hint="write a share such as 30% or 0.3",
            )
        if self.max_hours is not None and not 0 < self.max_hours < math.inf:
            raise UsageError(
                f"--max-hours {self.max_hours:g} is no time", hint="write hours, such as 8 or 0.5"
            )
        if self.budget_nanousd is None and self.share is None:
            raise UsageError(
                "neither --budget nor --share is given", hint="add one of them, such as --budget 5"
            )
        if self.share is not None and len(self.pair.cards) > 2:
            raise UsageError(
                "--share does not go with more than two tiers",
                hint="a share says how much is retranslated, not with which model: give a --budget",
            )
        if self.auto_budget and self.share is not None:
            raise UsageError(
                "--share and --budget auto both choose how much is retranslated",
                hint="leave one of them out",
            )

    @property
    def not_for_probes(self) -> str | None:
        """What is asked for that routing by probes cannot do; None where it can do all."""
        unsuited = {
            "more than two tiers": len(self.pair.cards) > 2,
            "--budget auto": self.auto_budget,
            "--share": self.share is not None,
            "--pin": self.pin is not None,
        }
        return next((name for name, is_given in unsuited.items() if is_given), None)


def column_of(value: str, option: str = "", allowed: str = "column:NAME") -> str:
    """Return the name in ``column:NAME``.

    Raises
    ------
    UsageError
        It is written otherwise.
    """
    name = value.removeprefix(_COLUMN)
    if not value.startswith(_COLUMN) or not name:
        raise UsageError(f"invalid value for '{option}': {value!r}", hint=f"write {allowed}")
    return name


@dataclass(frozen=True)
class PlanOptions:
    """A whole ``plan``.

    Attributes
    ----------
    run
        The ``translate`` that is planned; its budget is that of the drafts.
    spends
        Whether drafts may be bought; otherwise ``plan`` works with those that are there.
    sample
        Draft no more than so many distinct segments; None for all.
    target_gain
        Points of gain over all drafts whose cheapest budget is asked for; None for none.
    target_share
        The same of a share of the source tokens, above 0 and at most 1.

    Raises
    ------
    UsageError
        A value is out of its range.
    """

    run: TranslateOptions
    spends: bool
    sample: int | None = None
    target_gain: float | None = None
    target_share: float | None = None

    def __post_init__(self) -> None:
        if self.target_gain is not None and not 0 < self.target_gain < math.inf:
            raise UsageError(
                f"--target-gain {self.target_gain:g} is no gain",
                hint="write points above zero, such as 2.5",
            )
        if self.target_share is not None and not 0 < self.target_share <= 1:
            raise UsageError(
                f"--target-share {self.target_share:.6g} is no share above 0 and up to 1",
                hint="write a share such as 30% or 0.3",
            )
        if self.target_gain is not None and self.target_share is not None:
            raise UsageError(
                "--target-gain and --target-share are both given", hint="ask for one at a time"
            )
        if self.sample is not None and self.run.pin is not None:
            raise UsageError(
                "--sample cannot tell what pinned segments cost", hint="leave --sample or --pin out"
            )


@dataclass(frozen=True)
class FurtherCorpus:
    """One more corpus of a ``calibrate`` on hypotheses that are given.

    Attributes
    ----------
    source_language, target_language
        Of its rows; None where a column tells them.
    """

    corpus: CorpusOptions
    source_language: str | None = None
    target_language: str | None = None


@dataclass(frozen=True)
class CalibrateOptions:
    """A whole ``calibrate``.

    Attributes
    ----------
    pair
        The languages of ``corpus`` and the models. Where the hypotheses are given, ``small`` and
        ``large`` are names alone: no model is looked for.
    output
        The router bundle to write.
    reference_column
        The column that holds the references; None for ``reference``.
    budget_nanousd
        The limit, or None for none.
    limit
        How many segments are used, sampled by strata of length; None for all.
    provenance
        Where the corpus comes from, in words, for the bundle.
    further
        More corpora, only where the hypotheses are given.
    draft_column, retranslation_column
        The hypotheses, both or none; None where both models are to make them.
    draft_score, retranslation_score
        Scores of given hypotheses, both or none: their difference is the gain.
    document_column
        What says which document a row belongs to; None where nothing does.
    language_column
        What says the language pair (``de-en``) or source language (``de``) of a row whose
        hypotheses are given.
    metric
        What scores, as ``evaluation.metrics.open_metric`` reads it; None for chrF++ or for the
        score columns.
    folds
        Blocks of the validation.
    prior
        ``default``, ``none`` or the path of a bundle that training starts from.
    score_with
        A model card whose model says how likely given drafts are; None for none.
    guard_threshold
        The gain, in points, from which a regression is severe.
    engine
        Where the models run.
    route_by
        Whether a second router is made, which looks at probes in the place of drafts.
    """

    corpus: CorpusOptions
    pair: PairOptions
    output: Path
    reference_column: str | None = None
    budget_nanousd: int | None = None
    limit: int | None = None
    seed: int = 0
    provenance: str = ""
    overwrite: bool = False
    restart: bool = False
    further: tuple[FurtherCorpus, ...] = ()
    draft_column: str | None = None
    retranslation_column: str | None = None
    draft_score: str | None = None
    retranslation_score: str | None = None
    document_column: str | None = None
    language_column: str | None = None
    metric: str | None = None
    folds: int = 5
    prior: str = "default"
    score_with: str | None = None
    guard_threshold: float = -10.0
    engine: EngineOptions = EngineOptions()
    route_by: RouteBy = RouteBy.DRAFT

    def __post_init__(self) -> None:
        if self.route_by is RouteBy.PROBE and len(self.pair.cards) > 2:
            raise UsageError(
                "--route probe does not go with more than two tiers",
                hint="calibrate the pair that is to be probed on its own",
            )
