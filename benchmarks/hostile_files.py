"""Take the shape of a file to its extremes, and see what ``routelmt translate`` needs for it.

Files without a word to translate, so that no model is run: millions of empty lines, a line of
many megabytes in a column that is passed through, a parquet column of deep lists. What is measured
is the whole command, starting Python included; making the file is not in the times.

    python benchmarks/hostile_files.py --rows 10000000 --megabytes 10

Prints one JSON line; a command that fails, or an output with another number of lines, ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

COMMAND = [sys.executable, "-m", "routelmt_cli", "translate"]
OPTIONS = ["--from", "es", "--to", "en", "--budget", "1", "--quiet"]


def empty_lines(folder: Path, rows: int, _: int) -> tuple[Path, int]:
    """Write nothing but line breaks."""
    path = folder / "empty.txt"
    path.write_bytes(b"\n" * rows)
    return path, rows


def empty_columns(folder: Path, rows: int, _: int) -> tuple[Path, int]:
    """Write rows of three empty columns."""
    path = folder / "columns.tsv"
    path.write_bytes(b"id\tsource\tx\n" + b"\t\t\n" * rows)
    return path, rows + 1


def long_lines(folder: Path, _: int, megabytes: int) -> tuple[Path, int]:
    """Write three rows that are mostly one very long word of another column."""
    path = folder / "long.tsv"
    word = b"x" * (megabytes << 20)
    path.write_bytes(b"id\tsource\tx\n" + b"1\t\t" + word + b"\n2\t\t" + word + b"\n3\t \t\n")
    return path, 4


def nested(folder: Path, rows: int, _: int) -> tuple[Path, int]:
    """Write a parquet file of blank sources beside nested and dictionary columns."""
    rows //= 10
    words = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 1000])
    lists = pa.ListArray.from_arrays(pa.array(range(rows + 1), pa.int32()), words)
    path = folder / "nested.parquet"
    columns = {"source": pa.nulls(rows, pa.string()), "words": words, "lists": lists}
    pq.write_table(pa.table(columns), path)
    return path, rows


CASES: dict[str, Callable[[Path, int, int], tuple[Path, int]]] = {
    "empty lines": empty_lines,
    "empty columns": empty_columns,
    "long lines": long_lines,
    "nested columns": nested,
}


def count_rows(path: Path) -> int:
    """Count the rows of an output."""
    if path.suffix == ".parquet":
        return int(pq.ParquetFile(path).metadata.num_rows)
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def measure(name: str, folder: Path, rows: int, megabytes: int) -> dict[str, float | int | str]:
    """Make a file and translate it in a process of its own."""
    path, expected = CASES[name](folder, rows, megabytes)
    begun = time.perf_counter()
    child = os.spawnv(os.P_NOWAIT, sys.executable, [*COMMAND, str(path), *OPTIONS])
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begun
    code = os.waitstatus_to_exitcode(status)
    output = path.with_name(f"{path.stem}.en{path.suffix}")
    if code != 0 or count_rows(output) != expected:
        sys.exit(f"{name}: exit code {code}")
    return {
        "case": name,
        "rows": expected,
        "input_mib": round(path.stat().st_size / 2**20, 1),
        "seconds": round(seconds, 1),
        "peak_memory_mib": usage.ru_maxrss // 1024,
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=10**7)
    parser.add_argument("--megabytes", type=int, default=10)
    arguments = parser.parse_args()
    results = []
    for name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(name, Path(folder), arguments.rows, arguments.megabytes))
    line = {
        "benchmark": "hostile_files",
        "results": results,
        "cpu_count": os.cpu_count(),
        "python": platform.python_version(),
        "pyarrow": pa.__version__,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
