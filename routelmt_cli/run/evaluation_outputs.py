"""What an evaluation found, and how it leaves the program: JSON, lines, predictions, pictures.

In: comparisons, labels and predictions of one corpus. Out: plain values, text, and files. What
always holds: a file is written whole or not at all, replaces an earlier result and never the
input, and every place is checked before anything is computed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import routelmt_cli
from routelmt_cli.budget.money import usd_decimal
from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.evaluation.comparison import CURVE_SHARES, Comparison
from routelmt_cli.evaluation.page import page
from routelmt_cli.evaluation.plot import png, svg
from routelmt_cli.evaluation.report import as_json, title, verdict
from routelmt_cli.evaluation.resampling import BLOCK_LENGTH
from routelmt_cli.gain.labels import GainLabels
from routelmt_cli.gain.router import Router
from routelmt_cli.run.labelled_input import LabelledCorpus
from routelmt_cli.run.language_pairs import LanguagePair
from routelmt_cli.translators.card import ModelCard

PREDICTION_COLUMNS = ("id", "predicted_gain", "cost_usd")

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_DIGITS = 6
_ONE_LINE = str.maketrans("\t\n\r", "   ")


@dataclass(frozen=True)
class Outputs:
    """Files to write, None for none.

    Attributes
    ----------
    predictions
        TSV, one line a segment.
    plot
        ``.svg`` or ``.png``.
    html
        One page.
    """

    predictions: Path | None = None
    plot: Path | None = None
    html: Path | None = None

    @property
    def needs_matplotlib(self) -> bool:
        """Whether the plot is a PNG."""
        return self.plot is not None and self.plot.suffix.lower() == ".png"

    def named(self) -> list[tuple[str, Path]]:
        """Return the files with the options that name them."""
        files = (
            ("--predictions", self.predictions),
            ("--plot", self.plot),
            ("--html", self.html),
        )
        return [(option, path) for option, path in files if path is not None]


@dataclass(frozen=True)
class Provenance:
    """Where an evaluation's figures come from.

    Attributes
    ----------
    router_path, router
        The bundle.
    pair
        The languages of the corpus.
    card
        Whose price retranslations have.
    samples, seed
        Of the bootstrap.
    """

    router_path: str
    router: Router
    pair: LanguagePair
    card: ModelCard
    samples: int
    seed: int


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    comparisons
        One a budget; the first is of calls.
    labels
        Scores and gains of the segments.
    corpus
        The segments.
    predicted_gain
        float64, shape (n,), by the router.
    cost_nanousd
        int64, shape (n,): price of each retranslation on estimated tokens.
    remarks
        What the user was told, a line each.
    """

    comparisons: Sequence[Comparison]
    labels: GainLabels
    corpus: LabelledCorpus
    predicted_gain: npt.NDArray[np.float64]
    cost_nanousd: npt.NDArray[np.int64]
    provenance: Provenance
    remarks: Sequence[str]

    def lines(self) -> list[str]:
        """Return what the tables do not hold: the two ends, the gains, the verdicts."""
        gain, small = self.labels.gain, float(self.labels.draft_scores.mean())
        severe = self.comparisons[0].severe
        return [
            f"{len(gain):,} segments; all small {small:.2f}, all large {small + gain.mean():.2f}, "
            f"mean gain {gain.mean():+.2f} ({self.labels.metric_signature.split('|')[0]})",
            f"{(gain > 0).mean():.0%} of segments gain, "
            f"{(gain <= severe).mean():.1%} lose {-severe:g} points or more",
            *(f"{title(one.budget)}: {verdict(one)}" for one in self.comparisons),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        made, data = self.provenance, self.provenance.router.metadata
        gain, small = self.labels.gain, float(self.labels.draft_scores.mean())
        price = made.card.price
        return {
            "command": "evaluate",
            "routelmt_version": routelmt_cli.__version__,
            "input": self.corpus.name,
            "segments": len(gain),
            "source_language": made.pair.source,
            "target_language": made.pair.target,
            "metric": self.labels.metric_signature,
            "router": {
                "path": made.router_path,
                "fingerprint": made.router.fingerprint,
                "pairs": data.pair_labels,
                "small": data.small.name,
                "large": data.large.name,
                "metric": data.metric_signature,
                "segments": data.segments,
                "provenance": data.provenance,
            },
            "price": {
                "card": made.card.name,
                "input_nanousd_per_million_tokens": price.input_nanousd_per_million_tokens,
                "output_nanousd_per_million_tokens": price.output_nanousd_per_million_tokens,
                "note": made.card.price_note,
                "all_large_nanousd": int(self.cost_nanousd.sum()),
            },
            "share": self.comparisons[0].share,
            "severe": self.comparisons[0].severe,
            "bootstrap": {
                "samples": made.samples,
                "seed": made.seed,
                "block_length": BLOCK_LENGTH,
            },
            "score": {
                "all_small": round(small, _DIGITS),
                "all_large": round(small + float(gain.mean()), _DIGITS),
            },
            "gain": {
                "mean": round(float(gain.mean()), _DIGITS),
                "quantiles": {
                    f"{q:g}": round(float(np.quantile(gain, q)), _DIGITS) for q in _QUANTILES
                },
                "share_positive": round(float((gain > 0).mean()), _DIGITS),
                "share_severe_regression": round(
                    float((gain <= self.comparisons[0].severe).mean()), _DIGITS
                ),
                "kept_drafts": self.labels.kept_counts(),
            },
            "curve_shares": [round(share, 2) for share in CURVE_SHARES.tolist()],
            "budgets": {one.budget: as_json(one) for one in self.comparisons},
            "verdict": verdict(self.comparisons[0]),
            "remarks": list(self.remarks),
        }

    def facts(self) -> dict[str, str]:
        """Return where the figures come from, by name, for people."""
        made, data = self.provenance, self.provenance.router.metadata
        note = f" ({made.card.price_note})" if made.card.price_note else ""
        return {
            "Corpus": f"{self.corpus.name}, {len(self.corpus):,} segments, "
            f"{made.pair.source} to {made.pair.target}",
            "Metric": self.labels.metric_signature,
            "Scores": self.lines()[0],
            "Gains": self.lines()[1],
            "Router": f"{made.router_path}, {', '.join(data.pair_labels) or 'a prior'}, "
            f"{data.small.name} + {data.large.name}, SHA-256 {made.router.fingerprint}",
            "Calibrated on": f"{data.segments:,} segments: {data.provenance}",
            "Router's metric": data.metric_signature,
            "Prices": f"{made.card.name}{note}, on estimated tokens",
            "Intervals": f"moving-block bootstrap, {made.samples} samples, blocks of "
            f"{BLOCK_LENGTH} segments, seed {made.seed}",
            "Made by": f"routelmt {routelmt_cli.__version__}",
        }


def check_outputs(outputs: Outputs, source: Path | None) -> None:
    """Refuse places where a result could not be written, before anything is computed.

    Parameters
    ----------
    outputs
        Files to write.
    source
        The input, None for standard input.

    Raises
    ------
    UsageError
        Naming the file and its option.
    """
    if outputs.plot is not None and outputs.plot.suffix.lower() not in (".svg", ".png"):
        raise UsageError(
            f"{outputs.plot}: a plot is an SVG or a PNG", hint="name a .svg or .png file: --plot"
        )
    places: dict[Path, str] = {}
    for option, path in outputs.named():
        if path.is_dir():
            raise UsageError(f"{path}: is a folder", hint=f"name a file with {option}")
        if not path.parent.is_dir():
            raise UsageError(
                f"{path}: its folder does not exist", hint=f"make it first: mkdir -p {path.parent}"
            )
        if source is not None and path.exists() and source.exists() and path.samefile(source):
            raise UsageError(f"{path}: this is the input", hint=f"name another file with {option}")
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise UsageError(
                f"{path}: no regular file, and it would be replaced",
                hint=f"name another file with {option}",
            )
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise UsageError(
                f"{path}: its folder is not writable", hint=f"name another place with {option}"
            )
        other = places.setdefault(path.resolve(), option)
        if other != option:
            raise UsageError(
                f"{path}: both {other} and {option} would be written there",
                hint="name two files",
            )


def write_outputs(evaluation: Evaluation, outputs: Outputs) -> None:
    """Write the files that were asked for, replacing what is there.

    Raises
    ------
    MidRunError
        Where the disk refuses.
    """
    comparisons = evaluation.comparisons
    if outputs.predictions is not None:
        _write(outputs.predictions, predictions_tsv(evaluation).encode())
    if outputs.plot is not None:
        picture = png(comparisons) if outputs.needs_matplotlib else svg(comparisons).encode()
        _write(outputs.plot, picture)
    if outputs.html is not None:
        data = evaluation.provenance.router.metadata
        heading = f"Router {data.small.name} + {data.large.name} on {evaluation.corpus.name}"
        text = page(heading, comparisons, evaluation.facts(), evaluation.remarks)
        _write(outputs.html, text.encode())


def predictions_tsv(evaluation: Evaluation) -> str:
    """Write predictions as TSV.

    Parameters
    ----------
    evaluation
        Of n segments.

    Returns
    -------
    str
        A header of `PREDICTION_COLUMNS` and n lines in the order of the input. Tabs and line
        breaks in an id become blanks.
    """
    lines = ["\t".join(PREDICTION_COLUMNS)]
    for name, gain, cost in zip(
        evaluation.corpus.ids,
        evaluation.predicted_gain.tolist(),
        evaluation.cost_nanousd.tolist(),
        strict=True,
    ):
        lines.append(f"{name.translate(_ONE_LINE)}\t{gain!r}\t{usd_decimal(cost):f}")
    return "\n".join([*lines, ""])


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.writing")
    try:
        temporary.unlink(missing_ok=True)  # left by a kill, or a link that someone laid there
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise MidRunError(
            f"{path}: cannot be written: {error.strerror}",
            hint="make room and run the same command again; no model is run",
        ) from error
