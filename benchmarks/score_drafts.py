"""Score the drafts of the WMT sets under a GGUF model once, for benchmarks/gain.py.

Forced decoding as ``--score-with`` does it, kept in a folder, since many calibrations rest on the
same scores. Run again, it goes on where it was. Prints one JSON line a file.

    python benchmarks/score_drafts.py DIR/wmt23/*.tsv --work build/scores
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path

import numpy as np

from routelmt_cli.errors import RoutelmtError
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.protocol import ScoreRequest

CHUNK = 256
COLUMNS = ("token_logprobs", "token_entropies", "token_margins")


def score(path: Path, card: str, every: int, target: Path) -> dict[str, object]:
    """Score one file's drafts and keep them as arrays."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    chosen = list(range(0, len(rows), every))
    kept: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
    done = 0
    if target.exists():
        with np.load(target) as arrays:
            if arrays["every"] == every:
                cuts = np.cumsum(arrays["lengths"])[:-1]
                kept = {name: np.split(arrays[name], cuts) for name in COLUMNS}
                done = len(arrays["lengths"])
    source, language = path.name.split(".")[0].split("-")
    start, fresh = time.monotonic(), len(chosen) - done
    if fresh:
        with find_model(find_card(card), source, language).open_scorer() as scorer:
            for first in range(done, len(chosen), CHUNK):
                part = chosen[first : first + CHUNK]
                requests = [ScoreRequest(i, rows[i]["source"], rows[i]["draft"]) for i in part]
                found = {one.item: one for commit in scorer.score(requests) for one in commit}
                for name in COLUMNS:
                    kept[name] += [getattr(found[i], name) for i in part]
                lengths = np.array([len(values) for values in kept[COLUMNS[0]]])
                packed = {name: np.concatenate(kept[name]).astype(np.float32) for name in COLUMNS}
                fresh_file = target.with_suffix(".part.npz")
                np.savez(fresh_file, lengths=lengths, every=np.array(every), **packed)
                fresh_file.replace(target)
    seconds = time.monotonic() - start
    rate = round(fresh / seconds, 2) if fresh else None
    return {"file": path.name, "drafts": len(chosen), "drafts_per_second": rate}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--card", default="gemma3-270m")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="score every Nth draft only")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for path in arguments.files:
        target = arguments.work / f"{path.parent.name}.{path.stem}.npz"
        print(json.dumps(score(path, arguments.card, arguments.every, target)), flush=True)


if __name__ == "__main__":
    try:
        main()
    except RoutelmtError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
