"""What a run is asked to do; the command line fills it in, a library caller can too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DEFAULT_SMALL = "smollm2-135m"
DEFAULT_LARGE = "gemma3-270m"

WeightRule = Literal["length", "segment"]


@dataclass(frozen=True)
class CorpusOptions:
    """Which corpus, and how it is read.

    Attributes
    ----------
    path
        The file, or None for standard input.
    format
        ``tsv``, ``parquet``, ``jsonl``, ``text``, or None to go by the file's ending.
    source_column
        A column's name, or its number from 1 where ``has_header`` is False; None for the default.
    """

    path: Path | None
    format: str | None = None
    source_column: str | None = None
    has_header: bool = True


@dataclass(frozen=True)
class PairOptions:
    """Which languages and models, None where they follow from the router.

    Attributes
    ----------
    small, large
        Names of shipped cards, or paths of cards.
    deterministic
        Decode static groups of segments from a clean state.
    """

    source_language: str | None = None
    target_language: str | None = None
    small: str = DEFAULT_SMALL
    large: str = DEFAULT_LARGE
    deterministic: bool = False


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
        The limit for everything that the run spends.
    router
        A router bundle; None for the shipped one of the pair.
    force_router
        Use a router that was calibrated for other models or languages.
    weight
        What a segment counts in the knapsack.
    explain
        Add ``predicted_gain``, ``cost_usd`` and ``reason`` to the output.
    overwrite
        Replace an output file that this run did not write.
    restart
        Forget what the run folder holds, and pay again.
    """

    corpus: CorpusOptions
    pair: PairOptions
    budget_nanousd: int
    output: Path | None = None
    to_stdout: bool = False
    router: Path | None = None
    force_router: bool = False
    weight: WeightRule = "length"
    explain: bool = False
    overwrite: bool = False
    restart: bool = False


@dataclass(frozen=True)
class CalibrateOptions:
    """A whole ``calibrate``.

    Attributes
    ----------
    output
        The router bundle to write.
    reference_column
        The column that holds the references.
    budget_nanousd
        The limit, or None for none.
    limit
        How many of the first segments are used; None for all.
    provenance
        Where the corpus comes from, in words, for the bundle.
    """

    corpus: CorpusOptions
    pair: PairOptions
    output: Path
    reference_column: str = "reference"
    budget_nanousd: int | None = None
    limit: int | None = None
    seed: int = 0
    provenance: str = ""
    overwrite: bool = False
    restart: bool = False
