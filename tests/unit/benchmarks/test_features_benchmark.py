"""The benchmark of the features prints one line of JSON for made-up and for given texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from routelmt_cli.features.schema import FEATURE_NAMES

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "features.py"


@pytest.mark.parametrize("column", [None, "draft", "reference"])
def test_prints_one_line(tmp_path, column):
    options = []
    if column:
        data = tmp_path / "corpus.tsv"
        data.write_text(f"id\tsource\t{column}\n0\tein Haus\ta house\n1\tx\ty\n", "utf-8")
        options = ["--data", str(data)]
    result = subprocess.run(
        [sys.executable, SCRIPT, "--segments", "60", "--repeats", "1", *options],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    (text,) = result.stdout.splitlines()
    line = json.loads(text)
    assert line["features"] == len(FEATURE_NAMES)
    assert line["data"] == ("corpus.tsv" if column else "made up")
    assert set(line["results"]) == {"text", "background", "all"}
    assert all(one["segments_per_second"] > 0 for one in line["results"].values())
