"""Time the knapsack on made-up corpora and print one line of JSON.

The timing is of `routelmt_cli.budget.knapsack.solve` alone, the best of ``--repeats``: sorting by
density, greedy, repair and certificate. It excludes starting Python, making the input arrays,
predicting gains, pricing requests and writing the plan. ``peak_memory_mib`` is of the whole
process after each size in turn, input arrays included.

The corpora: log-normal source lengths, gains normal with mean 3 and deviation 8 chrF++ points,
value = gain x length, cost = a price per token x (prompt + output tokens), and a budget that
buys 30 % of the segments' total cost.

With ``--options K`` each segment has K tiers to choose from instead of one, each four times as dear
as the one before it; the last is the one above, the others gain a part of that and a little chance.
What is timed is then `routelmt_cli.budget.multiple_choice.solve`.

With ``--compare`` the same problems, up to ``--compare-size``, are also given to HiGHS (scipy's
``milp``, relative gap 1e-6) and, where it is installed, to OR-Tools' CP-SAT (values rounded to
thousandths), each with ``--limit`` seconds; ``value`` is what they reach as a share of ours.

    python benchmarks/knapsack.py --sizes 100000 1000000 10000000
    python benchmarks/knapsack.py --sizes 100000 1000000 10000000 --options 3
    python benchmarks/knapsack.py --sizes 10000 100000 1000000 --compare
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time

import numpy as np

from routelmt_cli.budget import knapsack, multiple_choice
from routelmt_cli.budget.exact import NOTHING, core_size
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


def make_choices(size: int, seed: int, options: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Make the same with several tiers to choose from, arrays of shape (size, options)."""
    best, dearest, capacity = make_problem(size, seed)
    random = np.random.default_rng(seed + 1)
    values = np.empty((size, options))
    costs = np.empty((size, options), np.int64)
    for option in range(options):
        chance = random.normal(0.0, 2.0, size) * np.abs(best) / 8
        is_last = option == options - 1
        values[:, option] = best if is_last else best * (option + 1) / options + chance
        costs[:, option] = dearest // 4 ** (options - 1 - option)
    return values, costs, capacity


def measure(size: int, repeats: int, seed: int, options: int) -> dict[str, float | int]:
    """Solve one problem several times and keep the best time."""
    if options == 1:
        values, costs, capacity = make_problem(size, seed)
    else:
        values, costs, capacity = make_choices(size, seed, options)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        plan: knapsack.Plan | multiple_choice.ChoicePlan
        if options == 1:
            plan = knapsack.solve(values, costs, capacity)
            chosen = plan.chosen
        else:
            plan = multiple_choice.solve(values, costs, capacity)
            chosen = plan.option != NOTHING
        seconds.append(time.perf_counter() - start)
    return {
        "segments": size,
        "seconds": round(min(seconds), 4),
        "gap": plan.gap,
        "chosen": int(chosen.sum()),
        "unspent_nanousd": capacity - plan.cost_nanousd,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def highs(values: np.ndarray, costs: np.ndarray, capacity: int, limit: float) -> float | None:
    """Solve with HiGHS; the value, or None where it found nothing in time."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    found = milp(
        -values,
        constraints=LinearConstraint((costs / capacity)[None, :], ub=1.0),
        integrality=np.ones(len(values)),
        bounds=Bounds(0, 1),
        options={"time_limit": limit, "mip_rel_gap": 1e-6},
    )
    return None if found.x is None else float(values[found.x > 0.5].sum())


def cp_sat(values: np.ndarray, costs: np.ndarray, capacity: int, limit: float) -> float | None:
    """Solve with OR-Tools' CP-SAT; the value, or None where it found nothing in time."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in range(len(values))]
    model.add(cp_model.LinearExpr.weighted_sum(chosen, costs.tolist()) <= capacity)
    rounded = np.rint(values * 1000).astype(np.int64)
    model.maximize(cp_model.LinearExpr.weighted_sum(chosen, rounded.tolist()))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = limit
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return float(values[[solver.boolean_value(one) for one in chosen]].sum())


def compare(size: int, seed: int, limit: float) -> list[dict[str, float | int | str | None]]:
    """Give one problem to every solver that is here, ours first."""
    values, costs, capacity = make_problem(size, seed)
    candidates = np.flatnonzero(values > 0)  # nobody would choose another
    start = time.perf_counter()
    ours = knapsack.solve(values, costs, capacity)
    rows: list[dict[str, float | int | str | None]] = [
        {"solver": "routelmt", "seconds": round(time.perf_counter() - start, 4), "value": 1.0}
    ]
    for name, solver in (("HiGHS", highs), ("CP-SAT", cp_sat)):
        start = time.perf_counter()
        try:
            value = solver(values[candidates], costs[candidates], capacity, limit)
        except ImportError:
            continue
        share = None if value is None else round(value / ours.value, 9)
        seconds = round(time.perf_counter() - start, 4)
        rows.append({"solver": name, "seconds": seconds, "value": share})
    return [{"segments": size, **row} for row in rows]


def main() -> None:
    """Measure every size and print the line."""
    parser = argparse.ArgumentParser(description="Time the knapsack; see the module's docstring.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**5, 10**6])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--options", type=int, default=1, help="tiers to choose from")
    parser.add_argument("--compare", action="store_true", help="time other solvers as well")
    parser.add_argument("--compare-size", type=int, default=10**5, help="the largest for others")
    parser.add_argument("--limit", type=float, default=60, help="seconds that others may take")
    arguments = parser.parse_args()
    if not 1 <= arguments.options <= 7:
        parser.error("--options is a number from 1 to 7")
    if arguments.compare and arguments.options > 1:
        parser.error("--compare is for one option")
    results = [
        measure(size, arguments.repeats, arguments.seed, arguments.options)
        for size in sorted(arguments.sizes)
    ]
    machine = {
        "cpu_count": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    line = {
        "benchmark": "knapsack",
        "options": arguments.options,
        "core_size": core_size(arguments.options),
        "budget_share": BUDGET_SHARE,
        "repeats": arguments.repeats,
        "seed": arguments.seed,
        "results": results,
        "machine": machine,
    }
    if arguments.compare:
        sizes = [size for size in sorted(arguments.sizes) if size <= arguments.compare_size]
        line["compared"] = [
            row for size in sizes for row in compare(size, arguments.seed, arguments.limit)
        ]
    print(json.dumps(line))


if __name__ == "__main__":
    main()
