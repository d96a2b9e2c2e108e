"""Recovered share of routers on translations that others made, on the last 40% of each set.

Routers, all made without a set's last 40%:

- ``own``: calibrated on the set's own first 60% alone;
- ``unseen``: calibrated on all rows of the folder's other sets, and on no row of this one;
- ``pooled``: on the set's first 60% and the other sets together;
- ``with prior``: on the set's first 60%, with a prior made of the sets of ``--prior-from``;
- ``prior``: that prior alone.

Beside them the best rule (picked with hindsight) and the oracle on true draft quality. With
``--scores`` the drafts have been read by a GGUF model (``score_drafts.py``). Prints one JSON line.

    python benchmarks/gain.py DIR/wmt23/*.tsv --scores build/scores
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from translated_sets import TranslatedSet, joined, read_set

from routelmt_cli.evaluation.figures import SHARE, Yardstick, figures
from routelmt_cli.evaluation.order import Order
from routelmt_cli.evaluation.resampling import block_bootstrap
from routelmt_cli.evaluation.truth import Truth
from routelmt_cli.gain.metadata import pair_label
from routelmt_cli.gain.prior import as_prior
from routelmt_cli.gain.router import Router

ROUTERS = ("own", "unseen", "pooled", "prior", "with prior")


def predictions(
    wanted: Sequence[str],
    first: TranslatedSet,
    last: TranslatedSet,
    others: Sequence[TranslatedSet],
    prior: Router | None,
) -> dict[str, NDArray[np.float64]]:
    """Predict the gain of the last rows by every router that is wanted."""
    pair = pair_label(*last.pairs[0])

    def ask(router: Router) -> NDArray[np.float64]:
        knowing = router if router.knows(pair) else router.adapted(pair, last.table)
        return knowing.predict(last.table, pair).gain

    made = {
        "own": lambda: ask(first.calibrate().router),
        "unseen": lambda: ask(joined(others).calibrate().router),
        "pooled": lambda: ask(joined([first, *others]).calibrate().router),
        "prior": lambda: ask(prior),
        "with prior": lambda: ask(first.calibrate(prior).router),
    }
    return {name: made[name]() for name in wanted}


def lead(gain: NDArray[np.float64], router: Order, rule: Order) -> float:
    """Find the standard error of the difference in recovered share, over blocks of segments."""
    yardstick = Yardstick(Truth.of(gain), SHARE)
    name = "recovered_share"
    differences = block_bootstrap(
        lambda counts: (
            yardstick.sampled(router, counts)[name] - yardstick.sampled(rule, counts)[name]
        ),
        len(gain),
    )
    return float(differences.std())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--routers", nargs="+", choices=ROUTERS, default=list(ROUTERS[:3]))
    parser.add_argument("--scores", type=Path, help="folder made by score_drafts.py")
    parser.add_argument("--prior-from", nargs="+", type=Path, default=[], metavar="FILE")
    arguments = parser.parse_args()
    if not arguments.prior_from and {"prior", "with prior"} & set(arguments.routers):
        parser.error("a prior needs --prior-from")
    start = time.monotonic()
    sets = {path.stem: read_set(path, arguments.scores) for path in arguments.files}
    prior = None
    if arguments.prior_from:
        made = joined([read_set(path, arguments.scores) for path in arguments.prior_from])
        prior = as_prior(made.calibrate().router, "benchmark", {})
    result: dict[str, dict[str, float | str]] = {}
    for name, data in sets.items():
        first, last = data.split()
        others = [one for other, one in sets.items() if other != name]
        gain = last.labels.gain
        scores = predictions(arguments.routers, first, last, others, prior)
        scores["true draft quality"] = -last.labels.draft_scores
        shares = {key: figures(gain, one).recovered_share for key, one in scores.items()}
        found = last.rules()
        by_rule = {key: figures(gain, one).recovered_share for key, one in found.items()}
        best = max(by_rule, key=lambda key: by_rule[key])
        leads = {
            f"{key}: error of its lead": lead(gain, Order(scores[key]), Order(found[best]))
            for key in arguments.routers
        }
        numbers = {**shares, "best rule": by_rule[best], **leads}
        result[name] = {**{key: round(value, 3) for key, value in numbers.items()}, "rule": best}
        print(name, result[name], file=sys.stderr, flush=True)
    means = {
        key: round(float(np.mean([one[key] for one in result.values()])), 3)
        for key in (*arguments.routers, "true draft quality", "best rule")
    }
    print(
        json.dumps(
            {
                "benchmark": "gain",
                "forced_decoding": arguments.scores is not None,
                "prior_from": [path.stem for path in arguments.prior_from],
                "recovered_share_at_0.3": result,
                "mean": means,
                "seconds": round(time.monotonic() - start),
            }
        )
    )


if __name__ == "__main__":
    main()
