"""Time the knapsack on made-up corpora and print one line of JSON.

The timing is of `routelmt_cli.budget.knapsack.solve` alone, the best of ``--repeats``: sorting by
density, greedy, repair and certificate. It excludes starting Python, making the input arrays,
predicting gains, pricing requests and writing the plan. ``peak_memory_mib`` is of the whole
process after each size in turn, input arrays included.

The corpora: log-normal source lengths, gains normal with mean 3 and deviation 8 chrF++ points,
value = gain x length, cost = a price per token x (prompt + output tokens), and a budget that
buys 30 % of the segments' total cost.

    python benchmarks/knapsack.py --sizes 100000 1000000 10000000
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time

import numpy as np

from routelmt_cli.budget.knapsack import CORE_SIZE, solve
from routelmt_cli.budget.price import Price

BUDGET_SHARE = 0.3


def make_problem(size: int, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Make values, costs and a capacity like those of a corpus of ``size`` segments."""
    random = np.random.default_rng(seed)
    length = np.maximum(1, random.lognormal(3.2, 0.6, size)).astype(np.int64)
    gain = random.normal(3.0, 8.0, size)
    output = np.maximum(1, length * random.normal(1.2, 0.1, size)).astype(np.int64)
    costs = Price(150_000_000, 600_000_000).requests(length + 40, output)
    return gain * length, costs, int(costs.sum() * BUDGET_SHARE)


def measure(size: int, repeats: int, seed: int) -> dict[str, float | int]:
    """Solve one problem several times and keep the best time."""
    values, costs, capacity = make_problem(size, seed)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        plan = solve(values, costs, capacity)
        seconds.append(time.perf_counter() - start)
    return {
        "segments": size,
        "seconds": round(min(seconds), 4),
        "gap": plan.gap,
        "chosen": int(plan.chosen.sum()),
        "unspent_nanousd": capacity - plan.cost_nanousd,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Measure every size and print the line."""
    parser = argparse.ArgumentParser(description="Time the knapsack; see the module's docstring.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**5, 10**6])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    results = [measure(size, arguments.repeats, arguments.seed) for size in sorted(arguments.sizes)]
    machine = {
        "cpu_count": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    line = {
        "benchmark": "knapsack",
        "core_size": CORE_SIZE,
        "budget_share": BUDGET_SHARE,
        "repeats": arguments.repeats,
        "seed": arguments.seed,
        "results": results,
        "machine": machine,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
