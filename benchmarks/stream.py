"""Measure what deciding as it comes costs against a plan of the whole, on made-up traffic.

Gains are normal around a mean, lengths log-normal, costs three to six micro-dollars a token. Three
kinds of traffic: ``steady``; ``drifting``, whose mean gain rises from -4 to 8 points; ``bursts``,
whose blocks of a thousand segments are by turns worth much and little. For each budget, a share of
what everything of positive gain costs, the figure is the value bought divided by that of the
knapsack over the whole: by the dual price that adapts (``stream``), by the price that the first 2%
had (``fixed``, while the money lasts) and in the order of coming (``first come``).

    python benchmarks/stream.py --segments 200000 --block 64

Nothing is timed but the price itself: microseconds a segment. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget import knapsack
from routelmt_cli.budget.online import worth_buying
from routelmt_cli.budget.price_sketch import PriceSketch

SHARES = (0.05, 0.2, 0.5)
_FIRST = 0.02
_BURST = 1000

Values = npt.NDArray[np.float64]
Costs = npt.NDArray[np.int64]


def market(luck: np.random.Generator, mean: Values) -> tuple[Values, Costs]:
    """Make segments whose mean gain is given for each."""
    size = len(mean)
    length = np.ceil(luck.lognormal(3.0, 0.7, size))
    gain = luck.normal(mean, 8.0)
    return gain * length, (length * luck.uniform(3.0, 6.0, size) * 1000).astype(np.int64)


def means(kind: str, size: int) -> Values:
    """Return the mean gain of every segment of a kind of traffic."""
    if kind == "drifting":
        return np.linspace(-4.0, 8.0, size)
    if kind == "bursts":
        return np.where(np.arange(size) // _BURST % 2, 6.0, -2.0)
    return np.full(size, 2.0)


def blocks(values: Values, costs: Costs, size: int) -> Iterator[tuple[Values, Costs]]:
    """Cut the traffic into what comes together."""
    for start in range(0, len(values), size):
        yield values[start : start + size], costs[start : start + size]


def stream(values: Values, costs: Costs, budget: int, block: int) -> tuple[float, float]:
    """Buy as a stream does; return the value, and the seconds that it took to decide."""
    sketch, left, bought, seconds, coming = PriceSketch(), budget, 0.0, 0.0, float(len(values))
    for some_values, some_costs in blocks(values, costs, block):
        start = time.perf_counter()
        _, order = worth_buying(
            sketch,
            some_values,
            some_costs,
            of_items=len(some_values),
            items_left=coming,
            available_nanousd=left,
        )
        seconds += time.perf_counter() - start
        fitting = order[np.cumsum(some_costs[order]) <= left]
        bought += float(some_values[fitting].sum())
        left -= int(some_costs[fitting].sum())
        coming -= len(some_values)
    return bought, seconds


def while_it_lasts(
    values: Values, costs: Costs, budget: int, wanted: npt.NDArray[np.bool_]
) -> float:
    """Buy what is wanted in the order of coming, while the money lasts; return the value."""
    chosen = np.flatnonzero(wanted)
    return float(values[chosen[np.cumsum(costs[chosen]) <= budget]].sum())


def fixed(values: Values, costs: Costs, budget: int) -> float:
    """Buy at the price of the first segments."""
    first = int(len(values) * _FIRST)
    price = knapsack.solve(values[:first], costs[:first], int(budget * _FIRST)).dual_price
    return while_it_lasts(values, costs, budget, (values > 0) & (values >= price * costs))


def main() -> None:
    """Run all kinds and budgets and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, default=200_000)
    parser.add_argument("--block", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ways: dict[str, Callable[[Values, Costs, int], float]] = {
        "fixed": fixed,
        "first come": lambda v, c, budget: while_it_lasts(v, c, budget, v > 0),
    }
    found: dict[str, dict[str, dict[str, float]]] = {}
    seconds = 0.0
    for kind in ("steady", "drifting", "bursts"):
        luck = np.random.default_rng(options.seed)
        values, costs = market(luck, means(kind, options.segments))
        found[kind] = {}
        for share in SHARES:
            budget = int(costs[values > 0].sum() * share)
            best = knapsack.solve(values, costs, budget).value
            value, taken = stream(values, costs, budget, options.block)
            seconds += taken
            row = {"stream": value} | {
                name: way(values, costs, budget) for name, way in ways.items()
            }
            found[kind][str(share)] = {name: round(one / best, 4) for name, one in row.items()}
    runs = len(found) * len(SHARES)
    print(
        json.dumps(
            {
                "benchmark": "stream",
                "segments": options.segments,
                "block": options.block,
                "of_the_plan_of_the_whole": found,
                "microseconds_per_segment": round(seconds / runs / options.segments * 1e6, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
