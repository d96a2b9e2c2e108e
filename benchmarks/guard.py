"""Severe regressions under `--guard`, on segments that no calibration saw.

Each set is cut in halves; a router calibrated on one half routes 30% of the other, and the other
way round. Reported are severe regressions (gain of -10 chrF++ or less) among the routed segments:
with the guard, without it, and of random routing, whose rate is that of the whole half. ``empty``
says that the calibration found no limit that it could promise, so that the guard routes nothing.
Prints one JSON line.

    python benchmarks/guard.py DIR/wmt23/*.tsv DIR/wmt22/*.tsv
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from translated_sets import TranslatedSet, read_set

from routelmt_cli.evaluation.figures import SEVERE_REGRESSION, SHARE
from routelmt_cli.gain.conformal import limit_for
from routelmt_cli.gain.metadata import pair_label
from routelmt_cli.gain.router import Router


def measure(router: Router, unseen: TranslatedSet, alpha: float) -> dict[str, float]:
    """Count severe regressions among what a router routes of the half that it never saw."""
    assert router.safeguards is not None
    limit = limit_for(alpha, router.safeguards.limits)
    predicted = router.predict(unseen.table, pair_label(*unseen.pairs[0]))
    assert predicted.regression_risk is not None
    severe = unseen.labels.gain <= SEVERE_REGRESSION
    most = int(SHARE * len(unseen))
    order = np.argsort(-predicted.gain, kind="stable")
    order = order[predicted.gain[order] > 0]
    guarded = order[limit.allows(predicted.regression_risk[order])][:most]
    return {
        "routed": len(guarded),
        "severe": int(severe[guarded].sum()),
        "routed without guard": len(order[:most]),
        "severe without guard": int(severe[order[:most]].sum()),
        "segments": len(unseen),
        "severe of all": int(severe.sum()),
    }


def rates(counts: list[dict[str, float]]) -> dict[str, float | None]:
    """Turn counts, summed, into rates."""
    total = {key: sum(one[key] for one in counts) for key in counts[0]}
    pairs = {
        "guard": ("severe", "routed"),
        "no guard": ("severe without guard", "routed without guard"),
        "random": ("severe of all", "segments"),
    }
    return {
        name: round(total[above] / total[below], 4) if total[below] else None
        for name, (above, below) in pairs.items()
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--scores", type=Path, help="folder made by score_drafts.py")
    parser.add_argument("--alpha", type=float, default=0.1)
    arguments = parser.parse_args()
    halves: dict[str, list[dict[str, float]]] = {}
    for path in arguments.files:
        data = read_set(path, arguments.scores)
        rows, cut = np.arange(len(data)), len(data) // 2
        first, second = data.take(rows[:cut]), data.take(rows[cut:])
        name = f"{path.parent.name}/{path.stem}"
        halves[name] = [
            measure(first.calibrate().router, second, arguments.alpha),
            measure(second.calibrate().router, first, arguments.alpha),
        ]
        print(name, rates(halves[name]), halves[name], file=sys.stderr, flush=True)
    every = [half for both in halves.values() for half in both]
    guarded = [one for one in every if one["routed"]]
    result = {
        "benchmark": "guard",
        "alpha": arguments.alpha,
        "share": SHARE,
        "severe_rate": {name: rates(both) for name, both in halves.items()},
        "severe_rate_of_all": rates(every),
        "halves": len(every),
        "halves_empty": len(every) - len(guarded),
        "halves_above_alpha": sum(
            one["severe"] > arguments.alpha * one["routed"] for one in guarded
        ),
        "counts": halves,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
