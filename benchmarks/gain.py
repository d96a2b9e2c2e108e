"""Recovered share of routers on translations that others made: calibrate on the first 60%.

For each set: a router calibrated on its own first 60% alone, and one calibrated on all rows of
the folder's other sets, which saw no row of this one; both are evaluated on the last 40%, beside
the best rule (picked with hindsight) and the oracle on true draft quality. No prior is used.
Prints one JSON line.

    python benchmarks/gain.py DIR/wmt23/*.tsv
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np

from routelmt_cli.evaluation.baselines import rules
from routelmt_cli.evaluation.figures import figures
from routelmt_cli.features.compute import DraftTable
from routelmt_cli.gain.calibration import CalibrationContext, Retranslations, calibrate
from routelmt_cli.gain.labels import GainLabels, gain_labels
from routelmt_cli.gain.metadata import ModelIdentity, pair_label
from routelmt_cli.run.labelled_input import estimated_tokens

SHARE_OF_CALIBRATION = 0.6
NOBODY = CalibrationContext(ModelIdentity("draft", ""), ModelIdentity("retranslation", ""), "WMT")
Data = tuple[DraftTable, Retranslations, GainLabels, tuple[str, str]]


def read(path: Path) -> Data:
    """Read and label a set."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    source, target = path.name.split(".")[0].split("-")
    sources, drafts, texts, references = (
        [row[name] for row in rows] for name in ("source", "draft", "retranslation", "reference")
    )
    never = np.zeros(len(rows), np.bool_)
    tokens = [estimated_tokens(column) for column in (sources, drafts, texts)]
    table = DraftTable(sources, drafts, tokens[0], tokens[1], None, never)
    labels = gain_labels(sources, drafts, texts, references, never, target_language=target)
    return table, Retranslations(texts, tokens[2], never), labels, (source, target)


def split(data: Data) -> tuple[Data, Data]:
    """Cut a set into its first 60% and its last 40%."""
    table, retranslations, labels, pair = data
    count = len(table)
    cut = int(count * SHARE_OF_CALIBRATION)
    halves = []
    for rows in (np.arange(cut), np.arange(cut, count)):
        listed = rows.tolist()
        halves.append(
            (
                table.take(rows),
                Retranslations(
                    [retranslations.texts[row] for row in listed],
                    retranslations.tokens[rows],
                    retranslations.truncated[rows],
                ),
                GainLabels(
                    labels.gain[rows],
                    labels.draft_scores[rows],
                    labels.retranslation_scores[rows],
                    [labels.reasons[row] for row in listed],
                    labels.metric_signature,
                ),
                pair,
            )
        )
    return halves[0], halves[1]


def joined(parts: list[Data]) -> tuple[DraftTable, Retranslations, GainLabels, list]:
    """Put several sets behind one another."""
    tables, large, labels, pairs = zip(*parts, strict=True)
    table = DraftTable(
        [text for one in tables for text in one.sources],
        [text for one in tables for text in one.drafts],
        np.concatenate([one.source_tokens for one in tables]),
        np.concatenate([one.draft_tokens for one in tables]),
        None,
        np.concatenate([one.truncated for one in tables]),
    )
    retranslations = Retranslations(
        [text for one in large for text in one.texts],
        np.concatenate([one.tokens for one in large]),
        np.concatenate([one.truncated for one in large]),
    )
    columns = ("gain", "draft_scores", "retranslation_scores")
    label = GainLabels(
        *(np.concatenate([getattr(one, name) for one in labels]) for name in columns),
        [reason for one in labels for reason in one.reasons],
        labels[0].metric_signature,
    )
    rows = [pair for one, pair in zip(tables, pairs, strict=True) for _ in range(len(one))]
    return table, retranslations, label, rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--own-only", action="store_true", help="leave out the unseen pairs")
    arguments = parser.parse_args()
    sets = {path.stem: read(path) for path in arguments.files}
    result: dict[str, dict[str, float]] = {}
    for name, data in sets.items():
        first, last = split(data)
        table, _, labels, pair = last
        own = calibrate(*first[:3], NOBODY, pairs=[pair] * len(first[0])).router
        lengths, drafts = (
            np.array([len(text) for text in texts], np.float64)
            for texts in (table.sources, table.drafts)
        )
        scores = {"own": own.predict(table).gain, "true draft quality": -labels.draft_scores}
        found = rules(lengths, np.where(drafts > 0, drafts / lengths, np.nan))
        if not arguments.own_only:
            others = joined([one for other, one in sets.items() if other != name])
            pooled = calibrate(*others[:3], NOBODY, pairs=others[3]).router
            asked = pooled.adapted(pair_label(*pair), table)
            scores["unseen"] = asked.predict(table).gain
        shares = {key: figures(labels.gain, one).recovered_share for key, one in scores.items()}
        best = max(figures(labels.gain, one).recovered_share for one in found.values())
        result[name] = {
            **{key: round(value, 3) for key, value in shares.items()},
            "best rule": round(best, 3),
        }
        print(name, result[name], file=sys.stderr, flush=True)
    means = {
        key: round(float(np.mean([one[key] for one in result.values()])), 3)
        for key in next(iter(result.values()))
    }
    print(json.dumps({"benchmark": "gain", "recovered_share_at_0.3": result, "mean": means}))


if __name__ == "__main__":
    main()
