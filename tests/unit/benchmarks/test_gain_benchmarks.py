"""The benchmarks of the router print one line of JSON for sets of translations of any system."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_given import given_rows, write_rows

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
NAMES = {"small": "draft", "large": "retranslation"}


@pytest.fixture
def sets(tmp_path):
    """Two sets, one of them with system names in its file name."""
    paths = []
    for seed, name in enumerate(("en-de.Small.Large.tsv", "en-fr.tsv")):
        rows = [
            {NAMES.get(key, key): value for key, value in row.items()}
            for row in given_rows(count=110, seed=seed)
        ]
        paths.append(write_rows(tmp_path / name, rows))
    return paths


def run(script, *arguments):
    result = subprocess.run(
        [sys.executable, BENCHMARKS / script, *arguments], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    (text,) = result.stdout.splitlines()
    return json.loads(text)


def test_gain_reports_a_router_beside_the_rule_and_the_oracle(sets):
    line = run("gain.py", sets[0], "--routers", "prior", "--prior-from", sets[1])
    (found,) = line["recovered_share_at_0.3"].values()
    assert found["rule"]
    assert all(found[name] <= 1 for name in ("prior", "best rule", "true draft quality"))
    assert found["prior: error of its lead"] >= 0
    assert line["mean"]["prior"] == found["prior"]
    assert line["prior_from"] == ["en-fr"]


def test_guard_counts_severe_regressions_of_both_halves(sets):
    line = run("guard.py", sets[1], "--alpha", "0.2")
    (halves,) = line["counts"].values()
    assert [half["segments"] for half in halves] == [55, 55]
    assert all(half["severe"] <= half["routed"] <= 16 for half in halves)
    assert line["severe_rate_of_all"]["random"] == pytest.approx(
        np.sum([half["severe of all"] for half in halves]) / 110, abs=1e-4
    )
