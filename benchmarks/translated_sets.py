"""Sets of translations that others made, read, labelled, cut and joined for the benchmarks."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.evaluation.baselines import rules
from routelmt_cli.features.compute import DraftTable
from routelmt_cli.gain.calibration import (
    Calibration,
    CalibrationContext,
    CalibrationOptions,
    Retranslations,
    calibrate,
)
from routelmt_cli.gain.labels import GainLabels, gain_labels
from routelmt_cli.gain.metadata import ModelIdentity
from routelmt_cli.gain.router import Router
from routelmt_cli.run.labelled_input import estimated_tokens

SHARE_OF_CALIBRATION = 0.6
_NOBODY = CalibrationContext(ModelIdentity("draft", ""), ModelIdentity("retranslation", ""), "WMT")
_SCORES = ("token_logprobs", "token_entropies", "token_margins")


@dataclass(frozen=True)
class TranslatedSet:
    """Segments with both hypotheses and labels; ``pairs`` names the language pair of each row."""

    table: DraftTable
    retranslations: Retranslations
    labels: GainLabels
    pairs: list[tuple[str, str]]

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: NDArray[np.int64]) -> TranslatedSet:
        """Take some rows."""
        listed = rows.tolist()
        labels, texts = self.labels, self.retranslations.texts
        return TranslatedSet(
            self.table.take(rows),
            Retranslations(
                [texts[row] for row in listed],
                self.retranslations.tokens[rows],
                self.retranslations.truncated[rows],
            ),
            GainLabels(
                labels.gain[rows],
                labels.draft_scores[rows],
                labels.retranslation_scores[rows],
                [labels.reasons[row] for row in listed],
                labels.metric_signature,
            ),
            [self.pairs[row] for row in listed],
        )

    def split(self) -> tuple[TranslatedSet, TranslatedSet]:
        """Cut into the first 60%, to calibrate on, and the last 40%, to evaluate on."""
        cut = int(len(self) * SHARE_OF_CALIBRATION)
        return self.take(np.arange(cut)), self.take(np.arange(cut, len(self)))

    def rules(self) -> dict[str, NDArray[np.float64]]:
        """Score every rule that needs no router."""
        lengths, drafts = (
            np.array([len(text) for text in texts], np.float64)
            for texts in (self.table.sources, self.table.drafts)
        )
        logprobs = self.table.token_logprobs
        means = None if logprobs is None else [_mean(values) for values in logprobs]
        ratios = np.where(drafts > 0, drafts / lengths, np.nan)
        return rules(lengths, ratios, mean_log_probabilities=means)

    def calibrate(
        self, prior: Router | None = None, options: CalibrationOptions | None = None
    ) -> Calibration:
        """Calibrate a router on all rows."""
        return calibrate(
            self.table,
            self.retranslations,
            self.labels,
            _NOBODY,
            pairs=self.pairs,
            prior=prior,
            options=options,
        )


def read_set(path: Path, scores: Path | None = None) -> TranslatedSet:
    """Read and label a set, with token statistics of its drafts where ``scores`` has them.

    ``scores`` is a folder of ``score_drafts.py``. A draft without scores has no token.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    languages, *systems = path.stem.split(".")
    source, target = languages.split("-")
    sources, drafts, texts, references = (
        [row[name] for row in rows] for name in ("source", "draft", "retranslation", "reference")
    )
    never = np.zeros(len(rows), np.bool_)
    tokens = [estimated_tokens(column) for column in (sources, drafts, texts)]
    table = DraftTable(sources, drafts, tokens[0], tokens[1], None, never)
    if scores is not None:
        table = replace(table, **_scores(scores / f"{path.parent.name}.{path.stem}.npz", len(rows)))
    labels = gain_labels(sources, drafts, texts, references, never, target_language=target)
    # Systems are part of the name, so that two system pairs of one language pair stay apart.
    pair = (source, "-".join([target, *systems]))
    return TranslatedSet(table, Retranslations(texts, tokens[2], never), labels, [pair] * len(rows))


def joined(sets: Sequence[TranslatedSet]) -> TranslatedSet:
    """Put several sets behind one another."""
    tables, large, labels = zip(
        *((one.table, one.retranslations, one.labels) for one in sets), strict=True
    )
    statistics = {
        name: None
        if any(getattr(one, name) is None for one in tables)
        else [values for one in tables for values in getattr(one, name)]
        for name in _SCORES
    }
    table = DraftTable(
        [text for one in tables for text in one.sources],
        [text for one in tables for text in one.drafts],
        np.concatenate([one.source_tokens for one in tables]),
        np.concatenate([one.draft_tokens for one in tables]),
        truncated=np.concatenate([one.truncated for one in tables]),
        **statistics,
    )
    retranslations = Retranslations(
        [text for one in large for text in one.texts],
        np.concatenate([one.tokens for one in large]),
        np.concatenate([one.truncated for one in large]),
    )
    columns = ("gain", "draft_scores", "retranslation_scores")
    return TranslatedSet(
        table,
        retranslations,
        GainLabels(
            *(np.concatenate([getattr(one, name) for one in labels]) for name in columns),
            [reason for one in labels for reason in one.reasons],
            labels[0].metric_signature,
        ),
        [pair for one in sets for pair in one.pairs],
    )


def _mean(values: NDArray[np.float32]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _scores(path: Path, count: int) -> dict[str, list[NDArray[np.float32]]]:
    with np.load(path) as arrays:
        cuts, every = np.cumsum(arrays["lengths"])[:-1], int(arrays["every"])
        parts = {name: np.split(arrays[name], cuts) for name in _SCORES}
    nothing = np.zeros(0, np.float32)
    return {
        name: [
            found[row // every] if row % every == 0 and row // every < len(found) else nothing
            for row in range(count)
        ]
        for name, found in parts.items()
    }
