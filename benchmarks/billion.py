"""Say what a corpus of any size takes on a cluster: hours and dollars by machines and by runs.

Nothing is run: the figures follow from rates that were measured (docs/log.md, docs/ray.md). A run
has one driver. Some of its work comes before and after decoding (reading, token counts, features,
plan, writing) and some beside it (sending, settling). With the corpus cut into parts, each a run
with a driver of its own, the drivers share both. Machines are paid from the first hour to the last.

    python benchmarks/billion.py --segments 1e9 --machines 10 100 1000 --runs 1 20

Prints a table in Markdown.
"""

from __future__ import annotations

import argparse

_HOUR = 3600.0


def hours(segments: float, machines: int, runs: int, options: argparse.Namespace) -> float:
    """Return the wall hours of a corpus that is cut into so many runs on so many machines."""
    own = segments / runs
    model_seconds = 1 / options.small_rate + options.share / options.large_rate
    decoding = max(own / options.settling_rate, segments * model_seconds / machines)
    return (own / options.alone_rate + decoding) / _HOUR


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=float, default=1e9)
    parser.add_argument("--machines", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--small-rate", type=float, default=200.0, help="a machine's a second")
    parser.add_argument("--large-rate", type=float, default=20.0, help="a machine's a second")
    parser.add_argument("--share", type=float, default=0.3, help="that is retranslated")
    parser.add_argument("--usd-per-hour", type=float, default=1.0, help="of a machine")
    parser.add_argument("--alone-rate", type=float, default=4600.0, help="before and after")
    parser.add_argument("--settling-rate", type=float, default=5700.0, help="beside decoding")
    parser.add_argument("--bytes-per-segment", type=float, default=260.0, help="of memory")
    options = parser.parse_args()
    print("| machines | runs | hours | of them the driver's alone | USD | memory of a driver, GB |")
    print("|---|---|---|---|---|---|")
    for machines in options.machines:
        for runs in options.runs:
            own = options.segments / runs
            wall = hours(options.segments, machines, runs, options)
            print(
                f"| {machines:,} | {runs} | {wall:,.0f} | {own / options.alone_rate / _HOUR:,.0f} "
                f"| {wall * machines * options.usd_per_hour:,.0f} "
                f"| {own * options.bytes_per_segment / 1e9:,.0f} |"
            )


if __name__ == "__main__":
    main()
